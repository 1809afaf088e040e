"""Checkpoints: everything a run needs to go on exactly, whole or not there.

A checkpoint is an artefact folder `step-000123` with the masters, the optimizer's moments and a small
`state.json`. The order of rows and the random numbers of a step follow from the seed and the step, so
nothing else has to be kept.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkwright.errors import ArtefactError
from talkwright.progress import say
from talkwright.runs import artefact, manifest, read_json, verify, write_json

if TYPE_CHECKING:
    from torch import Tensor

    from talkwright.train.model import Masters
    from talkwright.train.optimizers import Optimizer

BEST = "best"


@dataclass
class State:
    """Where a run is.

    `step` steps are done, in `seconds` of training and `validating` seconds of validation. `best_loss`
    is the best validation loss so far, reached at `best_step`, and `worse` counts the validations
    since. `stopped` names the setting that ended the run early. `halvings` and `scoring_halvings` say
    how often the memory ran out, `recomputing` the share of layers whose activations are not kept
    since; `norms` are the gradient norms of the newest good steps, `faults` the
    bad steps since the last good one, and `passed_over` counts all bad ones.
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
    folder: Path, key: str, state: State, masters: Masters, optimizer: Optimizer, *, keep: int
) -> None:
    """Write the checkpoint of `state.step` and remove the oldest beyond `keep`."""
    from safetensors.torch import save_file

    tensors: dict[str, Tensor] = {}
    counters: dict[str, dict[str, Any]] = {}  # what an optimizer keeps as plain numbers
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
    target = folder / f"step-{state.step:06d}"
    with artefact(target, kind="checkpoint", key=key) as out:
        save_file(tensors, out / "state.safetensors")
        write_json(out / "state.json", {**asdict(state), "counters": counters})
    # What bears a later step is damaged or another recipe's: it must not push out this run's own.
    checkpoints = _checkpoints(folder)
    past = [path for path in checkpoints if path.name <= target.name]
    for old in [*(path for path in checkpoints if path not in past), *past[keep:]]:
        shutil.rmtree(old)


def restore_newest(folder: Path, key: str, masters: Masters, optimizer: Optimizer) -> State:
    """Load the newest checkpoint that is whole and of this run; a fresh `State` when there is none.

    A damaged one is named and passed over for the one before.
    """
    from safetensors.torch import load_file

    for path in _checkpoints(folder):
        try:
            if manifest(path, "checkpoint")["key"] != key:
                raise ArtefactError(f"{path}: belongs to another recipe or data set")
            verify(path)
            tensors = load_file(path / "state.safetensors")
            found = read_json(path / "state.json")
            counters = found.pop("counters")
            state = State(**found)
        except ArtefactError as error:
            say(f"Passing over a checkpoint: {error}")
            continue
        masters.load(
            {name.removeprefix("weight/"): t for name, t in tensors.items() if name[:7] == "weight/"}
        )
        moments: dict[str, dict[str, Any]] = counters
        for key, tensor in tensors.items():
            moment, _, name = key.partition("/")
            if moment != "weight":
                moments.setdefault(name, {})[moment] = tensor
        for name, master in zip(masters.names, masters.masters, strict=True):
            if name in moments:  # none of a weight that no row has used yet, like a mixture's expert
                optimizer.restore(master, moments[name])
        return state
    return State()


def save_best(folder: Path, key: str, masters: Masters) -> None:
    """Keep the masters of the best validation so far."""
    from safetensors.torch import save_file

    with artefact(folder / BEST, kind="best weights", key=key) as out:
        tensors = {
            n: m.detach().contiguous() for n, m in zip(masters.names, masters.masters, strict=True)
        }
        save_file(tensors, out / "weights.safetensors")


def load_best(folder: Path, key: str, masters: Masters) -> None:
    """Put the best weights back into the model. Raises ArtefactError when they are not whole."""
    from safetensors.torch import load_file

    if manifest(folder / BEST, "best weights")["key"] != key:
        raise ArtefactError(f"{folder / BEST}: belongs to another recipe or data set")
    verify(folder / BEST)
    masters.load(load_file(folder / BEST / "weights.safetensors"))


def _checkpoints(folder: Path) -> list[Path]:
    """Checkpoint folders, newest first."""
    return sorted(folder.glob("step-*"), reverse=True)
