"""The training loop, from the first step to the artefact. Read it top to bottom.

What makes a step cheap is not here, but in pieces of their own, none of which changes what is computed:

    rows end to end, what they begin with computed once     models/batch.py, models/flat.py
    attention of short rows in a few whole products         models/short_rows.py
    logits of supervised positions alone, in one pass       models/flat.py (`HeadLoss`)
    LoRA, RMSNorm and SwiGLU in one pass each               models/fused.py
    adapters in the base's precision, masters in fp32       train/model.py (`Masters`)
    passes of so many rows or tokens                        train/passes.py
    activations made again instead of kept                  train/model.py (`recompute`)
    layers translated to machine code                       train/compiled.py

`session.py` makes ready what a run works with, `checkpoint.py` keeps where it is (`State`), `faults.py`
has the rules for what goes wrong, and `stopping.py` what ends a run early.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkwright.config import TrainSection, share_recomputed
from talkwright.errors import TrainError, is_out_of_memory, needs_memory
from talkwright.models import make_batch, summed_loss
from talkwright.progress import say, training_line
from talkwright.runs import artefact, read_jsonl, write_json, write_jsonl
from talkwright.train.checkpoint import (
    GO_ON,
    METRICS,
    SAMPLES,
    State,
    count_checkpoints,
    drop_checkpoints,
    load_best,
    restore_newest,
    save_best,
    save_checkpoint,
)
from talkwright.train.disk import refuse_full_disk
from talkwright.train.faults import (
    WINDOW,
    describe_fault,
    find_fault,
    make_room,
    refuse_to_validate,
    split_further,
    stop_if_it_persists,
)
from talkwright.train.model import recompute, refuse_added_tokens, save_model
from talkwright.train.origin import describe_origin
from talkwright.train.passes import split
from talkwright.train.plan import Plan, rows_of_steps
from talkwright.train.records import Metrics, metrics_file, peak_memory, summarise
from talkwright.train.samples import Sampler, sample_steps
from talkwright.train.schedules import learning_rate
from talkwright.train.scoring import SCORING_TOKENS, mean_loss, without_a_loss
from talkwright.train.session import Session, open_session
from talkwright.train.stopping import ended_by, limit_reached, seconds_allowed, stop_between_steps
from talkwright.train.trackers import tracking
from talkwright.types import BaseModel, Conversation, Example, to_json

if TYPE_CHECKING:
    from talkwright.template import Template


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
    questions: Sequence[Conversation] = (),
) -> None:
    """Train on `rows` and write the artefact `out`; `questions` are asked meanwhile (`Sampler`).

    Checkpoints live in a folder `checkpoints` beside `out` until the artefact is finished. Ctrl-C and
    SIGTERM save one first. Raises TrainError when training cannot go on.
    """
    refuse_added_tokens(base, template, rows, validation)
    origin = describe_origin(base, template, rows, validation, section, seed)
    session = open_session(base, rows, validation, section, seed, out.parent / "checkpoints", origin)
    plan, checkpoints, masters = session.plan, session.checkpoints, session.masters
    state = restore_newest(checkpoints, origin, masters, session.optimizer)
    if state.stopped == "max_minutes":  # which may be longer by now
        state.stopped = limit_reached(section, state)
    every = sample_steps(section, plan)
    sampler = Sampler(
        session.model, template, questions, every=every, folder=checkpoints, step=state.step
    )
    refuse_full_disk(session, saves=math.ceil((plan.steps - state.step) / plan.save_every))
    if state.step:
        say(f"Going on from step {state.step} of {plan.steps}.")
    elif kept := count_checkpoints(checkpoints):
        say(
            f"None of the checkpoints that were kept ({kept}; train.keep_checkpoints is "
            f"{section.keep_checkpoints}) is whole, so the training begins again at step 1."
        )
    recompute(session.model, _share_recomputed(section, state))
    with (
        tracking(session.accelerator, section, out.parent) as track,
        training_line(
            plan.steps,
            state.step,
            memory=peak_memory,
            time_limit=lambda: seconds_allowed(section, state),
        ) as line,
        metrics_file(checkpoints, state.step, track, line.take) as metrics,
        stop_between_steps() as asked_to_stop,
    ):
        _take_steps(session, state, sampler, metrics, asked_to_stop)
    if state.stopped:
        say(f"Stopped by train.{state.stopped} after step {state.step} of {plan.steps}.")
    best = bool(section.patience) and state.best_loss is not None
    if best and state.best_step < state.step:
        best = load_best(checkpoints, origin, masters, state.best_step)
    _finish(session, state, base, template, out, key, best=best)


def _take_steps(
    session: Session,
    state: State,
    sampler: Sampler,
    metrics: Metrics,
    asked_to_stop: Callable[[], int],
) -> None:
    """All steps from where the run is, each with what is due after it: validation, samples, saving."""
    section, plan = session.section, session.plan
    if state.step == 0:
        _validate(session, state, metrics)
        state.validating += sampler.take(0)
        if stop := asked_to_stop():  # there is nothing to save
            raise ended_by(stop)
    owed = False
    for numbers in rows_of_steps(plan, section.batch_size, session.seed, first=state.step):
        if state.stopped:
            break
        _take_step(session, state, [session.rows[n] for n in numbers], metrics)
        state.stopped = limit_reached(section, state)
        last = state.step == plan.steps or bool(state.stopped)
        if not _closes_later(state, plan):
            if state.step % plan.eval_every == 0 or last:
                _validate(session, state, metrics)
                last = last or bool(state.stopped)  # by `patience`
            state.validating += sampler.take(state.step, last=last)
        stop = asked_to_stop()
        owed = owed or state.step % plan.save_every == 0
        # Not amid faults, whose weights may be lost, unless there is no later.
        if (owed and not state.faults) or last or stop:
            _save(session, state)
            owed = False
        if stop:
            say(f"Saved at step {state.step} of {plan.steps}. The same command goes on from there.")
            raise ended_by(stop)
    if _closes_later(state, plan):
        _validate(session, state, metrics, closing=True)
        sampler.take(state.step, last=True)


def _closes_later(state: State, plan: Plan) -> bool:
    """Whether `max_minutes` ended the run where no validation is due. The one that closes it then comes
    behind the checkpoint: with more time the run goes on from there as if it had never ended."""
    return (
        state.stopped == "max_minutes" and state.step % plan.eval_every > 0 and state.step < plan.steps
    )


# --- one step -------------------------------------------------------------------------------------


def _take_step(session: Session, state: State, examples: Sequence[Example], metrics: Metrics) -> None:
    """Forward, backward, update, in as many passes as the memory wants."""
    started = time.perf_counter()
    rate = learning_rate(session.section, session.plan, state.step)
    while (attempt := _attempt(session, state, examples, rate)) is None:
        _take_less_memory(session, state, examples, metrics)
    loss, norm, fault = attempt
    if fault is None:
        session.masters.write_back()
        state.faults = []
        state.norms = [*state.norms, norm][-WINDOW:]
    else:
        guilty = [] if math.isfinite(loss) else without_a_loss(session.model, examples, **session.layout)
        _pass_over(session, state, describe_fault(state.step + 1, fault, rate, examples, guilty))
    state.step += 1
    state.tokens += sum(len(example.input_ids) for example in examples)
    state.supervised += sum(example.n_supervised for example in examples)
    state.seconds += time.perf_counter() - started
    row = {
        "step": state.step,
        "loss": loss,
        "learning_rate": rate,
        "gradient_norm": norm,
        "tokens": state.tokens,
        "supervised": state.supervised,
        "seconds": round(state.seconds, 3),
    }
    _write(metrics, {**row, "fault": fault} if fault else row)


def _attempt(
    session: Session, state: State, examples: Sequence[Example], rate: float
) -> tuple[float, float, str | None] | None:
    """Take a step on the masters: its loss, its gradient's norm before clipping, and what was wrong
    with them (then nothing was updated). None: the memory ran out, and nothing was updated."""
    from accelerate.utils import set_seed

    set_seed(session.seed + state.step)  # dropout of a step is the same whether resumed or not
    updating = False
    try:
        loss = _accumulate(session, state, examples)
        norm = _clip(session)
        fault = find_fault(loss, norm, state.norms, session.section)
        if fault is None:
            updating = True
            session.optimizer.step(rate)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if updating and not session.optimizer.safe_to_repeat:
            raise TrainError(
                f"out of memory in the update of step {state.step + 1}, which cannot be taken back. The "
                "moments need less with `train.optimizer: adafactor` or an adapter; the same command "
                "goes on from the last checkpoint."
            ) from None
        return None  # not handled here: the error holds on to the tensors of the failed pass
    return loss, norm, fault


def _accumulate(session: Session, state: State, examples: Sequence[Example]) -> float:
    """Gradient of the mean loss over the step's supervised tokens; returns that mean, in nats.

    Each pass's loss is summed and divided by the count of the *whole* step, so splitting a step into
    passes changes nothing, however long their rows are.
    """
    supervised = sum(example.n_supervised for example in examples)
    total = 0.0
    for rows in _passes(session, state, examples):
        batch = make_batch(rows, **session.layout)
        if session.noise:
            session.noise.expect(batch.lengths)
        loss = summed_loss(session.model, batch, session.section.label_smoothing) / supervised
        session.accelerator.backward(loss)
        session.masters.collect_gradients()
        total += float(loss.detach())
    return total


def _passes(session: Session, state: State, examples: Sequence[Example]) -> list[Sequence[Example]]:
    """The rows of each forward pass of a step, in as many as the memory wanted so far."""
    return split(examples, session.section, state.halvings, padded=session.layout["padded"])


def _clip(session: Session) -> float:
    """Clip the gradients; returns their norm before."""
    clip = session.section.clip if session.section.clip is not None else math.inf
    return float(session.accelerator.clip_grad_norm_(session.masters.masters, clip))


def _write(metrics: Metrics, row: dict[str, Any]) -> None:
    """Record what is a number; JSON has no word for one that is not finite."""
    metrics.write({name: x for name, x in row.items() if isinstance(x, str) or math.isfinite(x)})


# --- a step that goes wrong -----------------------------------------------------------------------


def _take_less_memory(
    session: Session, state: State, examples: Sequence[Example], metrics: Metrics
) -> None:
    """After the memory ran out: make room, and smaller forward passes from here on; fewer activations
    kept where each has one row already."""
    make_room(session.masters)
    session.optimizer.forget_half_made()
    alone = len(_passes(session, state, examples)) == len(examples)
    fewer_kept = alone and _keep_less(session, state)
    if not fewer_kept:
        padded = session.layout["padded"]
        state.halvings = split_further(examples, session.section, state.halvings, padded=padded)
    passes = len(_passes(session, state, examples))
    recomputed = f", with the activations of {state.recomputing:.0%} of the layers recomputed."
    say(f"Out of memory in step {state.step + 1}: taking it again"
        + (recomputed if fewer_kept else f" in {passes} forward passes."))  # fmt: skip
    _write(metrics, {"step": state.step + 1, "out_of_memory": passes})


def _keep_less(session: Session, state: State) -> bool:
    """Keep the activations of fewer layers from here on; False when it is none already."""
    shares = [s for s in (0.5, 1.0) if s > _share_recomputed(session.section, state)]
    if not shares or session.section.method == "prefix":
        return False
    state.recomputing = shares[0]
    return recompute(session.model, shares[0])


def _share_recomputed(section: TrainSection, state: State) -> float:
    """Share of the layers whose activations are not kept: as the recipe says, or more by need."""
    return max(state.recomputing, share_recomputed(section.recompute))


def _pass_over(session: Session, state: State, fault: dict[str, Any]) -> None:
    """Leave a faulty step's update out, as `train.on_fault` says; stop when it persists."""
    session.optimizer.clear()
    state.faults = [*state.faults, fault]
    state.passed_over += 1
    stop_if_it_persists(state.faults, session.section, session.checkpoints.parent)
    back = ""
    if session.section.on_fault == "roll_back":
        # On with the rows after this one: the same rows again would end in the same fault.
        # Not to what an interruption saved: a run that was never interrupted would not have that.
        found = restore_newest(
            session.checkpoints, session.origin, session.masters, session.optimizer,
            every=session.plan.save_every,
        )  # fmt: skip
        back = f", back to the weights of step {found.step}" if found.step else ", no checkpoint yet"
    say(f"Step {fault['step']} is passed over{back}: {fault['what']}.")


# --- between steps --------------------------------------------------------------------------------


def _validate(session: Session, state: State, metrics: Metrics, *, closing: bool = False) -> None:
    """Measure and record the validation loss; keep the weights when it is the best so far, unless they
    are the run's last in any case (`closing`)."""
    if not session.validation:
        return
    started = time.perf_counter()
    while (loss := _measure(session, state)) is None:
        state.scoring_halvings += 1
    state.validating += time.perf_counter() - started
    if not math.isfinite(loss):
        guilty = without_a_loss(session.model, session.validation, **session.layout)
        run = session.checkpoints.parent
        refuse_to_validate(loss, state.step, session.validation, guilty, run)
    _write(metrics, {"step": state.step, "validation_loss": loss})
    if state.best_loss is None or loss < state.best_loss:
        state.best_loss, state.best_step, state.worse = loss, state.step, 0
        if session.section.patience and not closing:  # without it the last weights are kept
            save_best(session.checkpoints, session.origin, session.masters)
    else:
        state.worse += 1
    if session.section.patience and state.worse >= session.section.patience and not closing:
        state.stopped = "patience"


def _measure(session: Session, state: State) -> float | None:
    """The validation loss; None when the memory ran out and there are smaller batches to try."""
    tokens = SCORING_TOKENS >> state.scoring_halvings
    try:
        return mean_loss(session.model, session.validation, tokens=tokens, **session.layout)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if tokens <= max(len(example.input_ids) for example in session.validation):
            raise TrainError(
                "out of memory in validation, with one row at a time; lower template.max_length"
            ) from None
    make_room(session.masters)
    return None


def _save(session: Session, state: State) -> None:
    section = session.section
    save_checkpoint(
        session.checkpoints, session.origin, state, session.masters, session.optimizer,
        keep=section.keep_checkpoints,
        every=session.plan.save_every if section.on_fault == "roll_back" else 0,
    )  # fmt: skip


# --- the end --------------------------------------------------------------------------------------


def _finish(
    session: Session,
    state: State,
    base: BaseModel,
    template: Template,
    out: Path,
    key: str,
    *,
    best: bool,
) -> None:
    """Write the artefact, then let the checkpoints go."""
    section = session.section
    kind = "model" if section.method == "full" else "adapter"
    about = {"template": template.fingerprint, "base": to_json(base)}
    with (
        needs_memory("in writing what was trained", GO_ON),
        artefact(out, kind=kind, key=key, about=about, since=time.time() - state.seconds) as folder,
    ):
        save_model(session.model, folder, section.method)
        template.save(folder / kind)
        write_jsonl(folder / METRICS, read_jsonl(session.checkpoints / METRICS))
        if (session.checkpoints / SAMPLES).is_file():
            write_jsonl(folder / SAMPLES, read_jsonl(session.checkpoints / SAMPLES))
        write_json(folder / "summary.json", summarise(session, state, best=best))
        write_json(folder / "template.json", template.describe())
    drop_checkpoints(out.parent)
