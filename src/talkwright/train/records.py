"""What a run says of itself: rows of `metrics.jsonl` while it goes, and a summary at its end."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from talkwright.train.checkpoint import METRICS, State, restore_record

if TYPE_CHECKING:
    from talkwright.train.session import Session

Row = dict[str, Any]


class Metrics:
    """Where rows of metrics go: a line each in a file, and to whoever takes them: the recipe's
    trackers, and the line that is shown."""

    def __init__(self, file: TextIO, *takers: Callable[[Row], None]):
        self._file = file
        self._takers = takers

    def write(self, row: Row) -> None:
        """Write a row and flush it, so that a killed process loses none."""
        try:
            self._file.write(json.dumps(row) + "\n")
            self._file.flush()
        except OSError as error:
            error.filename = error.filename or self._file.name  # a full disk does not say which it was
            raise
        for take in self._takers:
            take(row)


@contextmanager
def metrics_file(folder: Path, upto: int, *takers: Callable[[Row], None]) -> Iterator[Metrics]:
    """Open metrics.jsonl for appending, as the checkpoint of step `upto` keeps it."""
    file = open(restore_record(folder, METRICS, upto), "a", encoding="utf-8")  # noqa: SIM115 - see below
    try:
        yield Metrics(file, *takers)
    finally:
        with suppress(OSError):  # a row that could not be written has been complained of
            file.close()


def peak_memory() -> int:
    """The most memory used so far, in MiB: of the GPU where there is one, else of this process."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_reserved() // 2**20)
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (2**20 if sys.platform == "darwin" else 2**10)


def summarise(session: Session, state: State, *, best: bool) -> dict[str, Any]:
    """How the run went, in numbers. `best`: the best weights were kept, not the last."""
    section, weights = session.section, session.masters.weights
    return {
        "steps": state.step,
        "planned_steps": session.plan.steps,
        "rows": session.plan.rows,
        "epochs": round(state.step * section.batch_size / session.plan.rows, 3),
        "tokens": state.tokens,
        "supervised_tokens": state.supervised,
        "seconds": round(state.seconds, 3),
        "best_validation_loss": state.best_loss,
        "best_step": state.best_step,
        "stopped_early": bool(state.stopped),
        "kept": "best" if best else "last",
        "trainable": sum(weight.numel() for weight in weights),
        "precision": str(weights[0].dtype).removeprefix("torch."),
        "method": section.method,
        "stopped_by": state.stopped or None,
        "steps_passed_over": state.passed_over,
        "peak_memory_mib": peak_memory(),
        "out_of_memory": state.halvings + state.scoring_halvings,
    }
