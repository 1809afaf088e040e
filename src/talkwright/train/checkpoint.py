"""Checkpoints: everything a run needs to go on exactly, whole or not there.

A checkpoint is an artefact folder `step-000123` with the masters, the optimizer's moments, the rows of
metrics so far and a small `state.json`. The order of rows and the random numbers of a step follow from
the seed and the step, so nothing else has to be kept. What the training depends on (`origin.py`) is in
the manifest: going on with another recipe or data set is refused.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkwright.errors import ArtefactError, TrainError, needs_memory
from talkwright.progress import say
from talkwright.runs import artefact, manifest, read_json, verify, write_json, write_text
from talkwright.train.origin import Origin, differences, key_of

if TYPE_CHECKING:
    from torch import Tensor

    from talkwright.train.model import Masters
    from talkwright.train.optimizers import Optimizer

FOLDER = "checkpoints"  # beside the artefact, until that is finished
BEST = "best"
METRICS = "metrics.jsonl"
SAMPLES = "samples.jsonl"
ROOM = "Close other programs, or raise the limit (`ulimit -v`)"
GO_ON = f"{ROOM}; the same command goes on from the newest checkpoint there is."


@dataclass
class State:
    """Where a run is.

    `step` steps are done, in `seconds` of training and `validating` seconds of validation. `best_loss`
    is the best validation loss so far, reached at `best_step`, and `worse` counts the validations
    since. `stopped` names the setting that ended the run early. `halvings` and `scoring_halvings` say
    how often the memory ran out, `recomputing` the share of layers whose activations are not kept
    since; `norms` are the gradient norms of the newest good steps, `faults` the bad steps since the last
    good one, and `passed_over` counts all bad ones.
    """

    step: int = 0
    tokens: int = 0
    supervised: int = 0
    seconds: float = 0.0
    validating: float = 0.0
    best_loss: float | None = None
    best_step: int = 0
    worse: int = 0
    stopped: str = ""
    halvings: int = 0
    scoring_halvings: int = 0
    recomputing: float = 0.0
    norms: list[float] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    passed_over: int = 0


def save_checkpoint(
    folder: Path, origin: Origin, state: State, masters: Masters, optimizer: Optimizer,
    *, keep: int, every: int = 0,
) -> None:  # fmt: skip
    """Write the checkpoint of `state.step` and remove the oldest beyond `keep`, but for the newest whose
    step is a multiple of `every`: the one that `roll_back` goes to.

    Raises OSError when it cannot be written; those before it are untouched then.
    """
    from safetensors.torch import save_file

    place = place_of(folder, state.step)
    with (
        needs_memory(f"in writing the checkpoint of step {state.step}", GO_ON),
        artefact(place, kind="checkpoint", key=key_of(origin), about={"origin": origin}) as out,
    ):
        tensors, counters = _contents(masters, optimizer)
        save_file(tensors, out / "state.safetensors")
        write_json(out / "state.json", {**asdict(state), "counters": counters})
        for name in (METRICS, SAMPLES):
            if (folder / name).is_file():
                shutil.copyfile(folder / name, out / name)
    # What bears a later step is damaged: it must not push out a whole one.
    checkpoints = _checkpoints(folder)
    past = [path for path in checkpoints if _step_of(path) <= state.step]
    regular = [path for path in past if every and _step_of(path) % every == 0][:1]
    for old in [*(path for path in checkpoints if path not in past), *past[keep:]]:
        if old not in regular:
            shutil.rmtree(old)


def _contents(
    masters: Masters, optimizer: Optimizer
) -> tuple[dict[str, Tensor], dict[str, dict[str, Any]]]:
    """Weights and moments by name, and what an optimizer keeps as plain numbers."""
    tensors: dict[str, Tensor] = {}
    counters: dict[str, dict[str, Any]] = {}
    seen: set[int] = set()
    for name, master in zip(masters.names, masters.masters, strict=True):
        tensors[f"weight/{name}"] = master.detach().contiguous()
        for moment, value in optimizer.state(master).items():
            if hasattr(value, "detach"):
                # bitsandbytes shares one table among all weights, which safetensors refuses.
                shared = value.data_ptr() in seen and value.numel()
                seen.add(value.data_ptr())
                kept = value.detach().clone() if shared else value.detach()
                tensors[f"{moment}/{name}"] = kept.contiguous()
            else:
                counters.setdefault(name, {})[moment] = value
    return tensors, counters


def _weights_of(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The masters, by name, among all tensors of a checkpoint."""
    return {n.removeprefix("weight/"): t for n, t in tensors.items() if n.startswith("weight/")}


def restore_newest(
    folder: Path, origin: Origin, masters: Masters, optimizer: Optimizer, *, every: int = 1
) -> State:
    """Load the newest checkpoint that is whole, of those whose step is a multiple of `every`; a fresh
    `State` when there is none.

    A damaged one is named and passed over for the one before. Raises TrainError when the newest whole
    one is of a training that depends on something else than `origin`.
    """
    from safetensors.torch import load_file

    for path in _checkpoints(folder):
        if _step_of(path) % every:
            continue
        try:
            about = manifest(path, "checkpoint")["about"]
            verify(path)
            _refuse_another(path, about, origin)
            with needs_memory(f"in reading {path}", ROOM):
                tensors = load_file(path / "state.safetensors")
            state, counters = _state_of(path, tensors, masters)
        except ArtefactError as error:
            say(f"Passing over a checkpoint: {error}")
            continue
        masters.load(_weights_of(tensors))
        moments: dict[str, dict[str, Any]] = counters
        for place, tensor in tensors.items():
            moment, _, name = place.partition("/")
            if moment != "weight":
                moments.setdefault(name, {})[moment] = tensor
        for name, master in zip(masters.names, masters.masters, strict=True):
            # None of a weight that no row had used by then, like a mixture's expert; and if it has been
            # used since, it loses them, for this may be a roll back.
            optimizer.restore(master, moments.get(name, {}))
        return state
    return State()


def _state_of(
    path: Path, tensors: dict[str, Tensor], masters: Masters
) -> tuple[State, dict[str, dict[str, Any]]]:
    """What a whole checkpoint says of its run, and the counters of its optimizer, by weight.

    Raises TrainError where it is not what this version writes.
    """
    found = read_json(path / "state.json")
    counters = found.pop("counters", None)
    known = {each.name for each in fields(State)}
    if counters is None or found.keys() != known or _weights_of(tensors).keys() != {*masters.names}:
        raise _of_another_version(path)
    return State(**found), counters


def save_best(folder: Path, origin: Origin, masters: Masters) -> None:
    """Keep the masters of the best validation so far."""
    from safetensors.torch import save_file

    with (
        needs_memory("in writing the best weights", GO_ON),
        artefact(folder / BEST, kind="best weights", key=key_of(origin)) as out,
    ):
        tensors = {
            n: m.detach().contiguous() for n, m in zip(masters.names, masters.masters, strict=True)
        }
        save_file(tensors, out / "weights.safetensors")


def load_best(folder: Path, origin: Origin, masters: Masters, step: int) -> bool:
    """Put the best weights, those of `step`, back into the model.

    Where they are damaged, that step's checkpoint has them, too. Without it, it says so and the last
    weights stay: gives False then, for a finished training must not be lost over its best.
    """
    from safetensors.torch import load_file

    try:
        if manifest(folder / BEST, "best weights")["key"] != key_of(origin):
            raise ArtefactError(f"{folder / BEST}: belongs to another recipe or data set")
        verify(folder / BEST)
        masters.load(load_file(folder / BEST / "weights.safetensors"))
        return True
    except ArtefactError as error:
        damage = error
    place = place_of(folder, step)
    try:
        if manifest(place, "checkpoint")["key"] != key_of(origin):
            raise ArtefactError(f"{place}: belongs to another recipe or data set")
        verify(place)
    except ArtefactError:
        say(
            f"The best weights, of step {step}, are not whole, so the last ones are kept ({damage}). To "
            f"have the best, remove {folder.parent / 'train'} when this has ended, and train again."
        )
        return False
    say(f"The best weights are not whole; taking them from the checkpoint of step {step} ({damage}).")
    tensors = load_file(place / "state.safetensors")
    masters.load(_weights_of(tensors))
    return True


def drop_checkpoints(here: Path) -> None:
    """Remove the checkpoints of a run whose training is finished."""
    shutil.rmtree(here / FOLDER, ignore_errors=True)


def restore_record(folder: Path, name: str, upto: int) -> Path:
    """Put back a record of the run as the checkpoint of step `upto` keeps it: rows after it will come
    again, and those before it may have been lost with the machine's power."""
    kept = place_of(folder, upto) / name
    write_text(folder / name, kept.read_text(encoding="utf-8") if kept.is_file() else "")
    return folder / name


def place_of(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step lies."""
    return folder / f"step-{step:06d}"


def _refuse_another(path: Path, about: dict[str, Any], origin: Origin) -> None:
    """Raise TrainError when a checkpoint's training depends on something else than this one's."""
    if "origin" not in about:
        raise _of_another_version(path)
    if changed := differences(about["origin"], origin):
        raise TrainError(
            f"{path}: belongs to a training that began with something else: {'; '.join(changed)}. Put "
            "that back to go on from there, or add `--anew` to begin anew; the checkpoints are kept"
        )


def _of_another_version(path: Path) -> TrainError:
    return TrainError(
        f"{path}: another version of talkwright wrote it. Go on with that version, or add `--anew` to "
        "begin anew; the checkpoints are kept"
    )


def count_checkpoints(folder: Path) -> int:
    """How many checkpoints there are, whole or not."""
    return len(_checkpoints(folder))


def _checkpoints(folder: Path) -> list[Path]:
    """Checkpoint folders, newest first."""
    return sorted(
        (path for path in folder.glob("step-*") if _step_of(path) >= 0), key=_step_of, reverse=True
    )


def _step_of(path: Path) -> int:
    number = path.name.removeprefix("step-")
    return int(number) if number.isdecimal() else -1
