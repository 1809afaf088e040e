"""Progress on standard error: what is done, how fast, how much longer.

Standard output belongs to results, so `--json` output stays clean while a bar is shown.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from tqdm import tqdm

T = TypeVar("T")


@contextmanager
def bar(
    label: str, total: int | None = None, unit: str = "row", initial: int = 0
) -> Iterator[tqdm[Any]]:
    """A progress bar with rate and time left. Off a terminal it prints a line every 10 seconds."""
    terminal = sys.stderr.isatty()
    with tqdm(
        desc=label,
        total=total,
        initial=initial,
        unit=unit,
        file=sys.stderr,
        dynamic_ncols=terminal,
        ncols=None if terminal else 100,
        mininterval=0.1 if terminal else 10.0,
        ascii=None if terminal else " =",
        leave=True,
        delay=0.0 if terminal else 2.0,
    ) as shown:
        yield shown


def track(rows: Iterable[T], label: str, total: int | None = None, unit: str = "row") -> Iterator[T]:
    """Yield `rows` unchanged under a progress bar."""
    with bar(label, total, unit) as shown:
        for row in rows:
            yield row
            shown.update(1)


def say(message: str) -> None:
    """Print one line of narration on standard error."""
    tqdm.write(message, file=sys.stderr)
