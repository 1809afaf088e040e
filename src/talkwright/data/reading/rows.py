"""A row of a file: its place, and what it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from talkwright.data.reading.files import Text

RAW = 600  # characters of a row carried along for its excerpt


@dataclass(frozen=True, slots=True)
class Row:
    """One input row: its place, its value, and a `problem` (a drop reason) when it has no value."""

    where: str
    value: Any
    raw: str
    problem: str | None = None
    repairs: tuple[str, ...] = field(default=())


def decoding(text: Text, first: int, last: int) -> tuple[str, ...]:
    """The repair that the lines `first` to `last` needed to become text."""
    return ("decoded_cp1252",) if text.is_odd(first, last) else ()
