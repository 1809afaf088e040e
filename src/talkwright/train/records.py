"""What a run leaves while it goes: `metrics.jsonl`, and a way to be stopped between two steps."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from talkwright.progress import say
from talkwright.runs import write_text

Row = dict[str, Any]


class Metrics:
    """Where rows of metrics go: a line each in a file, and to the recipe's trackers."""

    def __init__(self, file: TextIO, track: Callable[[Row], None]):
        self._file = file
        self._track = track

    def write(self, row: Row) -> None:
        """Write a row and flush it, so that a killed process loses none."""
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        self._track(row)


@contextmanager
def metrics_file(folder: Path, upto: int, track: Callable[[Row], None]) -> Iterator[Metrics]:
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
        yield Metrics(file, track)


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
