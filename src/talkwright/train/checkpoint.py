"""Checkpoints: everything a run needs to go on exactly, whole or not there.

A checkpoint is an artefact folder `step-000123` with the masters, the optimizer's moments and a small
`state.json`. The order of rows and the random numbers of a step follow from the seed and the step, so
nothing else has to be kept.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkwright.errors import ArtefactError
from talkwright.progress import say
from talkwright.runs import artefact, manifest, read_json, verify, write_json

if TYPE_CHECKING:
    from torch import Tensor

    from talkwright.train.model import Masters

BEST = "best"


@dataclass
class State:
    """Where a run is. `step` steps are done; `best_loss` is the best validation loss so far, reached
    at `best_step`, and `worse` counts the validations since."""

    step: int = 0
    tokens: int = 0
    supervised: int = 0
    seconds: float = 0.0
    best_loss: float | None = None
    best_step: int = 0
    worse: int = 0
    stopped_early: bool = False


def save_checkpoint(
    folder: Path, key: str, state: State, masters: Masters, optimizer: Any, *, keep: int
) -> None:
    """Write the checkpoint of `state.step` and remove the oldest beyond `keep`."""
    from safetensors.torch import save_file

    tensors: dict[str, Tensor] = {}
    for name, master in zip(masters.names, masters.masters, strict=True):
        tensors[f"weight/{name}"] = master.detach().contiguous()
        for moment, value in optimizer.state.get(master, {}).items():
            tensors[f"{moment}/{name}"] = value.detach().contiguous()
    target = folder / f"step-{state.step:06d}"
    with artefact(target, kind="checkpoint", key=key) as out:
        save_file(tensors, out / "state.safetensors")
        write_json(out / "state.json", asdict(state))
    # What bears a later step is damaged or another recipe's: it must not push out this run's own.
    checkpoints = _checkpoints(folder)
    past = [path for path in checkpoints if path.name <= target.name]
    for old in [*(path for path in checkpoints if path not in past), *past[keep:]]:
        shutil.rmtree(old)


def restore_newest(folder: Path, key: str, masters: Masters, optimizer: Any) -> State:
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
            state = State(**read_json(path / "state.json"))
        except ArtefactError as error:
            say(f"Passing over a checkpoint: {error}")
            continue
        masters.load(
            {name.removeprefix("weight/"): t for name, t in tensors.items() if name[:7] == "weight/"}
        )
        for name, master in zip(masters.names, masters.masters, strict=True):
            if f"step/{name}" not in tensors:
                continue  # a weight that no row has used yet, like an expert of a mixture
            moments = {m: tensors[f"{m}/{name}"] for m in ("step", "exp_avg", "exp_avg_sq")}
            optimizer.state[master] = {
                m: t.to(master.device) if m != "step" else t for m, t in moments.items()
            }
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
