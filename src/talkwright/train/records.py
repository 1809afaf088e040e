"""What a run leaves while it goes: `metrics.jsonl`, and a way to be stopped between two steps."""

from __future__ import annotations

import json
import math
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from talkwright.config import TrainSection
from talkwright.progress import say
from talkwright.train.checkpoint import METRICS, State, restore_record

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


def seconds_allowed(section: TrainSection, state: State) -> float:
    """How much longer `train.max_minutes` and `train.max_tokens` let a run go on, at its pace."""
    limits = [math.inf]
    if section.max_minutes:
        limits.append(60 * section.max_minutes - state.seconds - state.validating)
    if section.max_tokens and state.tokens:
        limits.append((section.max_tokens - state.tokens) * state.seconds / state.tokens)
    return max(0.0, min(limits))


@contextmanager
def stop_between_steps() -> Iterator[Any]:
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
