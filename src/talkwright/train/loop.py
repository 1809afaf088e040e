"""The training loop, from the first step to the artefact. Read it top to bottom."""

from __future__ import annotations

import json
import math
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from talkwright.config import TrainSection
from talkwright.errors import TrainError
from talkwright.models import make_batch, row_losses, summed_loss
from talkwright.progress import bar, say
from talkwright.runs import artefact, read_jsonl, write_json, write_jsonl, write_text
from talkwright.train.checkpoint import State, load_best, restore_newest, save_best, save_checkpoint
from talkwright.train.model import Masters, prepare_model, save_model
from talkwright.train.plan import Plan, learning_rate, make_plan, rows_of_steps
from talkwright.types import BaseModel, Example, to_json

if TYPE_CHECKING:
    from talkwright.template import Template

SCORING_TOKENS = 4096  # tokens of validation rows per forward pass


def train(
    base: BaseModel,
    template: Template,
    rows: Sequence[Example],
    validation: Sequence[Example],
    section: TrainSection,
    *,
    seed: int,
    out: Path,
    key: str,
) -> None:
    """Train on `rows` and write the artefact `out`.

    Checkpoints live in a folder `checkpoints` beside `out` until the artefact is finished. Ctrl-C and
    SIGTERM save one first. Raises TrainError when training cannot go on.
    """
    from accelerate import Accelerator
    from accelerate.utils import set_seed

    _refuse_useless(rows)
    accelerator = Accelerator()
    if accelerator.num_processes > 1:
        raise TrainError("this version trains in one process; start it without a multi-process launcher")
    set_seed(seed)
    model, padded = prepare_model(base, section, seed)
    model = accelerator.prepare(model)
    masters = Masters(model)
    optimizer = _make_optimizer(masters, section)
    plan = make_plan(section, len(rows))
    validation = _spread(validation, section.eval_rows)
    checkpoints = out.parent / "checkpoints"
    checkpoints.mkdir(parents=True, exist_ok=True)
    state = restore_newest(checkpoints, key, masters, optimizer)
    if state.step:
        say(f"Going on from step {state.step} of {plan.steps}.")
    batch_options = {"padded": padded, "device": accelerator.device}

    def validate() -> float | None:
        return mean_loss(model, validation, **batch_options) if validation else None

    with (
        _metrics_file(checkpoints, upto=state.step) as metrics,
        bar("train", plan.steps, "step", initial=state.step) as shown,
        _stop_between_steps() as asked_to_stop,
    ):
        if state.step == 0:
            _record_validation(metrics, state, validate(), checkpoints, key, masters)
        for step_rows in rows_of_steps(plan, section.batch_size, seed, first=state.step):
            if state.stopped_early:
                break
            started = time.perf_counter()
            examples = [rows[n] for n in step_rows]
            set_seed(seed + state.step)  # dropout of a step is the same whether resumed or not
            rate = learning_rate(section, plan, state.step)
            loss = _accumulate(
                accelerator, model, masters, examples, section.accumulation, batch_options
            )
            if not math.isfinite(loss):
                raise TrainError(_diagnose("loss", loss, state.step, examples, rate))
            norm = _clip(accelerator, masters, section.clip)
            if not math.isfinite(norm):
                raise TrainError(_diagnose("gradient", norm, state.step, examples, rate))
            _update(masters, optimizer, rate)
            state.step += 1
            state.tokens += sum(len(example.input_ids) for example in examples)
            state.supervised += sum(example.n_supervised for example in examples)
            state.seconds += time.perf_counter() - started
            _record_step(metrics, state, loss, rate, norm)
            shown.update(1)
            last = state.step == plan.steps
            if state.step % plan.eval_every == 0 or last:
                _record_validation(metrics, state, validate(), checkpoints, key, masters)
                state.stopped_early = bool(section.patience and state.worse >= section.patience)
            shown.set_postfix(loss=f"{loss:.3f}", validation=_number(state.best_loss), refresh=False)
            stop = asked_to_stop()
            if state.step % plan.save_every == 0 or last or stop or state.stopped_early:
                save_checkpoint(
                    checkpoints, key, state, masters, optimizer, keep=section.keep_checkpoints
                )
            if stop:
                say(f"Saved at step {state.step} of {plan.steps}. The same command goes on from there.")
                raise KeyboardInterrupt if stop == signal.SIGINT else SystemExit(128 + stop)
    if section.patience and state.best_loss is not None:
        load_best(checkpoints, key, masters)
    _finish(out, key, model, masters, base, template, section, plan, state, checkpoints)


# --- one step ------------------------------------------------------------------------------------


def _accumulate(
    accelerator: Any,
    model: Any,
    masters: Masters,
    examples: Sequence[Example],
    accumulation: int,
    batch_options: dict[str, Any],
) -> float:
    """Gradient of the mean loss over the step's supervised tokens; returns that mean, in nats.

    Each part's loss is summed and divided by the count of the *whole* step, so splitting a step into
    parts changes nothing, however long their rows are.
    """
    supervised = sum(example.n_supervised for example in examples)
    cuts = [len(examples) * part // accumulation for part in range(accumulation + 1)]
    total = 0.0
    for start, end in pairwise(cuts):
        batch = make_batch(examples[start:end], **batch_options)
        loss = summed_loss(model, batch) / supervised
        accelerator.backward(loss)
        masters.collect_gradients()
        total += float(loss.detach())
    return total


def _clip(accelerator: Any, masters: Masters, clip: float | None) -> float:
    """Clip the gradients; returns their norm before."""
    return float(accelerator.clip_grad_norm_(masters.masters, clip if clip is not None else math.inf))


def _update(masters: Masters, optimizer: Any, rate: float) -> None:
    """Take the step and clear the gradients."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    masters.write_back()


def _make_optimizer(masters: Masters, section: TrainSection) -> Any:
    """AdamW; weight decay acts on matrices only, as it does no good to norms and biases."""
    from torch.optim import AdamW

    return AdamW(
        [
            {
                "params": [m for m in masters.masters if m.ndim >= 2],
                "weight_decay": section.weight_decay,
            },
            {"params": [m for m in masters.masters if m.ndim < 2], "weight_decay": 0.0},
        ],
        lr=section.learning_rate or 0.0,
    )


def mean_loss(model: Any, examples: Sequence[Example], *, padded: bool, device: Any) -> float:
    """Mean negative log-likelihood in nats over the supervised tokens of all examples."""
    import torch

    total, count = 0.0, 0
    model.eval()
    with torch.inference_mode():
        group: list[Example] = []
        for example in [*examples, None]:
            size = sum(len(e.input_ids) for e in group)
            if group and (example is None or size + len(example.input_ids) > SCORING_TOKENS):
                losses = row_losses(model, make_batch(group, padded=padded, device=device))
                total, count = total + float(losses.double().sum()), count + len(losses)
                group = []
            if example is not None:
                group.append(example)
    model.train()
    return total / count


def _spread(examples: Sequence[Example], limit: int) -> list[Example]:
    """At most `limit` examples, evenly spaced."""
    if len(examples) <= limit:
        return list(examples)
    return [examples[n * len(examples) // limit] for n in range(limit)]


def _refuse_useless(rows: Sequence[Example]) -> None:
    if not rows:
        raise TrainError("there are no training rows; look at `talkwright data prepare` and its ledger")
    idle = [row.conversation or "?" for row in rows if row.n_supervised == 0]
    if idle:
        raise TrainError(
            f"{len(idle)} training rows have no supervised token and teach nothing, the first from "
            f"conversation {idle[0]}; remove them or raise template.max_length"
        )


def _diagnose(what: str, value: float, step: int, examples: Sequence[Example], rate: float) -> str:
    ids = ", ".join(dict.fromkeys(example.conversation for example in examples))
    return (
        f"the {what} of step {step + 1} is {value}, so training cannot go on. Learning rate there: "
        f"{rate:g}; conversations in the step: {ids}. Lower train.learning_rate, or look at these rows "
        "with `talkwright show`. Earlier checkpoints are kept."
    )


# --- records -------------------------------------------------------------------------------------


@contextmanager
def _metrics_file(folder: Path, upto: int) -> Iterator[TextIO]:
    """Open metrics.jsonl for appending, without the rows after step `upto` (they will come again)."""
    path = folder / "metrics.jsonl"
    if path.exists():
        kept = []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                break  # the last line of a killed process may be half a line
            if row["step"] <= upto and upto:
                kept.append(row)
        write_text(path, "".join(json.dumps(row) + "\n" for row in kept))
    with open(path, "a", encoding="utf-8") as file:
        yield file


def _write(metrics: TextIO, row: dict[str, Any]) -> None:
    metrics.write(json.dumps(row) + "\n")
    metrics.flush()


def _record_step(metrics: TextIO, state: State, loss: float, rate: float, norm: float) -> None:
    _write(
        metrics,
        {
            "step": state.step,
            "loss": loss,
            "learning_rate": rate,
            "gradient_norm": norm,
            "tokens": state.tokens,
            "supervised": state.supervised,
            "seconds": round(state.seconds, 3),
        },
    )


def _record_validation(
    metrics: TextIO, state: State, loss: float | None, folder: Path, key: str, masters: Masters
) -> None:
    if loss is None:
        return
    if not math.isfinite(loss):
        raise TrainError(
            f"the validation loss after step {state.step} is {loss}, so training cannot go on. Lower "
            "train.learning_rate, or try `precision: fp32`. Earlier checkpoints are kept."
        )
    _write(metrics, {"step": state.step, "validation_loss": loss})
    if state.best_loss is None or loss < state.best_loss:
        state.best_loss, state.best_step, state.worse = loss, state.step, 0
        save_best(folder, key, masters)
    else:
        state.worse += 1


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


@contextmanager
def _stop_between_steps() -> Iterator[Any]:
    """Turn the first Ctrl-C or SIGTERM into a question asked between steps; the second one is heeded
    at once. Yields a function that gives the signal's number, or 0."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0  # only the main thread may set handlers
        return

    def receive(number: int, _: Any) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)
        say("Stopping after this step (again: at once) ...")

    before = {number: signal.signal(number, receive) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: received[0] if received else 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _finish(
    out: Path,
    key: str,
    model: Any,
    masters: Masters,
    base: BaseModel,
    template: Template,
    section: TrainSection,
    plan: Plan,
    state: State,
    checkpoints: Path,
) -> None:
    """Write the artefact, then let the checkpoints go."""
    summary = {
        "steps": state.step,
        "planned_steps": plan.steps,
        "rows": plan.rows,
        "epochs": round(state.step * section.batch_size / plan.rows, 3),
        "tokens": state.tokens,
        "supervised_tokens": state.supervised,
        "seconds": round(state.seconds, 3),
        "best_validation_loss": state.best_loss,
        "best_step": state.best_step,
        "stopped_early": state.stopped_early,
        "kept": "best" if section.patience and state.best_loss is not None else "last",
        "trainable": sum(weight.numel() for weight in masters.weights),
        "precision": str(masters.weights[0].dtype).removeprefix("torch."),
        "method": section.method,
    }
    kind = "adapter" if section.method == "lora" else "model"
    about = {"template": template.fingerprint, "base": to_json(base)}
    with artefact(out, kind=kind, key=key, about=about) as folder:
        save_model(model, folder, section.method)
        template.save(folder / kind)
        write_jsonl(folder / "metrics.jsonl", read_jsonl(checkpoints / "metrics.jsonl"))
        write_json(folder / "summary.json", summary)
        write_json(folder / "template.json", template.describe())
    shutil.rmtree(checkpoints, ignore_errors=True)
