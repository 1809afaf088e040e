"""Whether the disk holds what a training will write, asked before the first step."""

from __future__ import annotations

import shutil

from talkwright.errors import TrainError
from talkwright.train.estimate.memory import MOMENTS
from talkwright.train.session import Session


def refuse_full_disk(session: Session, saves: int) -> None:
    """Raise TrainError where the run's disk has no room for the checkpoints of `saves` more saves, as
    many as are kept at a time, and for what was trained."""
    section, checkpoints = session.section, session.checkpoints
    weights = sum(master.numel() for master in session.masters.masters)
    one = weights * (4 + MOMENTS[section.optimizer])
    kept = min(section.keep_checkpoints + 1, saves)  # the oldest goes when the newest is whole
    best = 4 * weights if section.patience else 0
    written = session.model.parameters() if section.method == "full" else session.masters.weights
    trained = sum(weight.numel() * weight.element_size() for weight in written)
    there = sum(path.stat().st_size for path in checkpoints.rglob("*") if path.is_file())
    needed = kept * one + best + trained - there
    free = shutil.disk_usage(checkpoints).free
    if needed <= free:
        return
    fewer = "write `train.keep_checkpoints: 1`, " if section.keep_checkpoints > 1 else ""
    raise TrainError(
        f"{checkpoints}: the disk has {_size(free)} free, and this training writes {_size(needed)} to "
        f"it: {kept} checkpoints of {_size(one)} at a time, and what was trained. Free some space, "
        f"{fewer}or put the runs on another disk (`--runs FOLDER`)"
    )


def _size(count: float) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
