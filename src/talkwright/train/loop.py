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
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class _Session:
    """What stays the same through a run; `State` is what changes."""

    accelerator: Any
    model: Any
    masters: Masters
    optimizer: Any
    section: TrainSection
    plan: Plan
    rows: Sequence[Example]
    validation: Sequence[Example]
    layout: dict[str, Any]
    seed: int
    checkpoints: Path
    key: str


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
    session = _open_session(base, rows, validation, section, seed, out.parent / "checkpoints", key)
    plan, checkpoints, masters = session.plan, session.checkpoints, session.masters
    state = restore_newest(checkpoints, key, masters, session.optimizer)
    if state.step:
        say(f"Going on from step {state.step} of {plan.steps}.")
    with (
        _metrics_file(checkpoints, upto=state.step) as metrics,
        bar("train", plan.steps, "step", initial=state.step) as shown,
        _stop_between_steps() as asked_to_stop,
    ):
        if state.step == 0:
            _validate(session, state, metrics)
        for numbers in rows_of_steps(plan, section.batch_size, seed, first=state.step):
            if state.stopped_early:
                break
            loss = _take_step(session, state, [rows[n] for n in numbers], metrics)
            last = state.step == plan.steps
            if state.step % plan.eval_every == 0 or last:
                _validate(session, state, metrics)
            best = "-" if state.best_loss is None else f"{state.best_loss:.3f}"
            shown.set_postfix(loss=f"{loss:.3f}", validation=best, refresh=False)
            shown.update(1)
            stop = asked_to_stop()
            if state.step % plan.save_every == 0 or last or stop or state.stopped_early:
                keep = section.keep_checkpoints
                save_checkpoint(checkpoints, key, state, masters, session.optimizer, keep=keep)
            if stop:
                say(f"Saved at step {state.step} of {plan.steps}. The same command goes on from there.")
                raise KeyboardInterrupt if stop == signal.SIGINT else SystemExit(128 + stop)
    if section.patience and state.best_loss is not None:
        load_best(checkpoints, key, masters)
    _finish(session, state, base, template, out)


def _open_session(
    base: BaseModel,
    rows: Sequence[Example],
    validation: Sequence[Example],
    section: TrainSection,
    seed: int,
    checkpoints: Path,
    key: str,
) -> _Session:
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
    checkpoints.mkdir(parents=True, exist_ok=True)
    return _Session(
        accelerator=accelerator,
        model=model,
        masters=masters,
        optimizer=_make_optimizer(masters, section),
        section=section,
        plan=make_plan(section, len(rows)),
        rows=rows,
        validation=_spread(validation, section.eval_rows),
        layout={"padded": padded, "device": accelerator.device},
        seed=seed,
        checkpoints=checkpoints,
        key=key,
    )


# --- one step ------------------------------------------------------------------------------------


def _take_step(session: _Session, state: State, examples: Sequence[Example], metrics: TextIO) -> float:
    """Forward, backward, update; returns the step's loss."""
    from accelerate.utils import set_seed

    started = time.perf_counter()
    set_seed(session.seed + state.step)  # dropout of a step is the same whether resumed or not
    rate = learning_rate(session.section, session.plan, state.step)
    loss = _accumulate(session, examples)
    if not math.isfinite(loss):
        raise TrainError(_diagnose("loss", loss, state.step, examples, rate))
    norm = _clip(session)
    if not math.isfinite(norm):
        raise TrainError(_diagnose("gradient", norm, state.step, examples, rate))
    _update(session, rate)
    state.step += 1
    state.tokens += sum(len(example.input_ids) for example in examples)
    state.supervised += sum(example.n_supervised for example in examples)
    state.seconds += time.perf_counter() - started
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
    return loss


def _accumulate(session: _Session, examples: Sequence[Example]) -> float:
    """Gradient of the mean loss over the step's supervised tokens; returns that mean, in nats.

    Each part's loss is summed and divided by the count of the *whole* step, so splitting a step into
    parts changes nothing, however long their rows are.
    """
    supervised = sum(example.n_supervised for example in examples)
    parts = session.section.accumulation
    cuts = [len(examples) * part // parts for part in range(parts + 1)]
    total = 0.0
    for start, end in pairwise(cuts):
        batch = make_batch(examples[start:end], **session.layout)
        loss = summed_loss(session.model, batch) / supervised
        session.accelerator.backward(loss)
        session.masters.collect_gradients()
        total += float(loss.detach())
    return total


def _clip(session: _Session) -> float:
    """Clip the gradients; returns their norm before."""
    clip = session.section.clip if session.section.clip is not None else math.inf
    return float(session.accelerator.clip_grad_norm_(session.masters.masters, clip))


def _update(session: _Session, rate: float) -> None:
    """Take the step and clear the gradients."""
    for group in session.optimizer.param_groups:
        group["lr"] = rate
    session.optimizer.step()
    session.optimizer.zero_grad(set_to_none=True)
    session.masters.write_back()


def _validate(session: _Session, state: State, metrics: TextIO) -> None:
    """Measure and record the validation loss; keep the weights when it is the best so far."""
    if not session.validation:
        return
    loss = mean_loss(session.model, session.validation, **session.layout)
    if not math.isfinite(loss):
        raise TrainError(
            f"the validation loss after step {state.step} is {loss}, so training cannot go on. Lower "
            "train.learning_rate, or try `precision: fp32`. Earlier checkpoints are kept."
        )
    _write(metrics, {"step": state.step, "validation_loss": loss})
    if state.best_loss is None or loss < state.best_loss:
        state.best_loss, state.best_step, state.worse = loss, state.step, 0
        save_best(session.checkpoints, session.key, session.masters)
    else:
        state.worse += 1
    state.stopped_early = bool(session.section.patience and state.worse >= session.section.patience)


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
    # Rows on disk know their counts; making a million examples to count would take a minute.
    counts = getattr(rows, "supervised", None)
    idle = [
        n
        for n, count in enumerate([r.n_supervised for r in rows] if counts is None else counts)
        if not count
    ]
    if idle:
        raise TrainError(
            f"{len(idle)} training rows have no supervised token and teach nothing, the first from "
            f"conversation {rows[idle[0]].conversation or '?'}; remove them or raise template.max_length"
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


def _finish(session: _Session, state: State, base: BaseModel, template: Template, out: Path) -> None:
    """Write the artefact, then let the checkpoints go."""
    section, weights = session.section, session.masters.weights
    summary = {
        "steps": state.step,
        "planned_steps": session.plan.steps,
        "rows": session.plan.rows,
        "epochs": round(state.step * section.batch_size / session.plan.rows, 3),
        "tokens": state.tokens,
        "supervised_tokens": state.supervised,
        "seconds": round(state.seconds, 3),
        "best_validation_loss": state.best_loss,
        "best_step": state.best_step,
        "stopped_early": state.stopped_early,
        "kept": "best" if section.patience and state.best_loss is not None else "last",
        "trainable": sum(weight.numel() for weight in weights),
        "precision": str(weights[0].dtype).removeprefix("torch."),
        "method": section.method,
    }
    kind = "adapter" if section.method == "lora" else "model"
    about = {"template": template.fingerprint, "base": to_json(base)}
    with artefact(
        out, kind=kind, key=session.key, about=about, since=time.time() - state.seconds
    ) as folder:
        save_model(session.model, folder, section.method)
        template.save(folder / kind)
        write_jsonl(folder / "metrics.jsonl", read_jsonl(session.checkpoints / "metrics.jsonl"))
        write_json(folder / "summary.json", summary)
        write_json(folder / "template.json", template.describe())
    shutil.rmtree(session.checkpoints, ignore_errors=True)
