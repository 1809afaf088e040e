"""Progress on standard error: what is done, how fast, how much longer.

Standard output belongs to results, so `--json` output stays clean while a bar is shown.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
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


# --- training ------------------------------------------------------------------------------------

RECENT = 20  # steps whose tokens per second are shown
WIDE = 100  # columns from which on there is room for a label
OFTEN, SELDOM = 10.0, 300.0  # seconds between two lines where there is no terminal


class TrainingLine:
    """One line that says how a training goes: on a terminal rewritten in place, elsewhere a new one
    now and then. It is fed with the rows of `metrics.jsonl`."""

    def __init__(
        self,
        shown: tqdm[Any],
        steps: int,
        done: int,
        memory: Callable[[], int],
        time_limit: Callable[[], float],
        *,
        terminal: bool,
    ):
        self._shown, self._steps, self._first = shown, steps, done
        self._memory, self._time_limit, self._terminal = memory, time_limit, terminal
        self._started = self._printed = time.monotonic()
        self._values: dict[str, Any] = {"step": done}
        self._unsaid = False
        self._marks: deque[tuple[float, float]] = deque(maxlen=RECENT + 1)

    def take(self, row: dict[str, Any]) -> None:
        """Show what a row of metrics says; those of a step move the line on."""
        self._values.update(row)
        self._unsaid = True
        if "seconds" in row:
            self._marks.append((row["tokens"], row["seconds"]))
        now = time.monotonic()
        if self._terminal:
            self._shown.set_description_str(self.text(_columns()), refresh=False)
            self._shown.update(row["step"] - self._shown.n)
            return
        # Rarely in long runs, whose logs would be nothing else; the last step at the end.
        pause = min(max(OFTEN, (now - self._started) / 20), SELDOM)
        if "seconds" in row and now - self._printed >= pause and row["step"] < self._steps:
            self._printed = now
            self._say()

    def end(self) -> None:
        """Say how it ended: after the last validation, which comes after the last step."""
        if self._unsaid and not self._terminal:
            self._say()

    def _say(self) -> None:
        self._unsaid = False
        say(self.text(200))

    def text(self, columns: int) -> str:
        """The line in at most so many columns: parts are shortened, and left out when that is not
        enough."""
        values, parts = self._values, [f"{self._values['step']}/{self._steps}"]
        for name, label in (("loss", "loss"), ("validation_loss", "val")):
            if name in values:
                parts.append(f"{label} {values[name]:.{2 if abs(values[name]) >= 10 else 3}f}")
        if "learning_rate" in values:
            parts.append(f"lr {_short_rate(values['learning_rate'])}")
        (tokens, seconds), (first_tokens, first_seconds) = (
            (self._marks[-1], self._marks[0]) if len(self._marks) > 1 else ((0, 0), (0, 0))
        )
        if seconds > first_seconds:
            parts.append(f"{_short((tokens - first_tokens) / (seconds - first_seconds))} tok/s")
        if memory := self._memory():
            parts.append(f"{memory:,} MiB" if memory < 9999.5 else f"{memory / 1024:.1f} GiB")
        if left := self._left():
            parts.append(f"{clock(left)} left")
        if columns >= WIDE:
            parts.insert(0, "train")
        while len(" ".join(parts)) > columns and len(parts) > 2:
            # Least missed: memory, then the rate, then what stands before the time left.
            at = next((n for n, part in enumerate(parts) if part.endswith("iB")), None)
            at = at or next((n for n, part in enumerate(parts) if part.startswith("lr ")), None)
            del parts[at or -2]
        separator = "  " if len("  ".join(parts)) <= columns else " "
        return separator.join(parts)[:columns]

    def _left(self) -> float:
        """Seconds until the last step at the pace so far, validations and saving included."""
        done = self._values["step"] - self._first
        if done < 2:
            return 0.0
        pace = (time.monotonic() - self._started) / done
        return float(min(pace * (self._steps - self._values["step"]), self._time_limit()))


@contextmanager
def training_line(
    steps: int,
    done: int,
    *,
    memory: Callable[[], int] = lambda: 0,
    time_limit: Callable[[], float] = lambda: math.inf,
) -> Iterator[TrainingLine]:
    """A `TrainingLine` of a run of `steps` steps, `done` of them before. `memory` gives the peak in
    MiB (0: not known), `time_limit` the seconds until the run ends by its clock."""
    terminal = sys.stderr.isatty()
    with tqdm(
        total=steps, initial=done, file=sys.stderr, bar_format="{desc}", ncols=1000, mininterval=0.1,
        disable=not terminal, leave=True,
    ) as shown:  # fmt: skip
        line = TrainingLine(shown, steps, done, memory, time_limit, terminal=terminal)
        yield line
        line.end()
        if terminal:
            shown.refresh()


def clock(seconds: float) -> str:
    """A duration in at most six characters: `9s`, `4m09s`, `3h05m`, `12d7h`."""
    whole = round(seconds)
    days, hours, minutes = whole // 86_400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days}d{hours}h"
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{whole % 60:02d}s" if minutes else f"{whole}s"


def _short(number: float) -> str:
    """A count in at most six characters."""
    if number < 99_999.5:
        return f"{number:,.0f}"
    return f"{number / 1e3:.0f}k" if number < 999_499 else f"{number / 1e6:.1f}M"


def _short_rate(rate: float) -> str:
    mantissa, _, exponent = f"{rate:.1e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def _columns() -> int:
    """Columns of the terminal, less one: a full line would wrap on some."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return max(20, (columns or 80) - 1)


def say(message: str) -> None:
    """Print one line of narration on standard error."""
    tqdm.write(message, file=sys.stderr)
