"""A row of a file: its place, and what it holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from talkwright.data.reading.disk.files import Text

FOREIGN = "unknown_encoding"
_LOST = "\ufffd"
RAW = 600  # characters of a row carried along for its excerpt
_SHOWN = 50  # rows that an excerpt of several may come from


# Not frozen, nor is what else is made once a row: to freeze one takes four times as long.
@dataclass(slots=True)
class Row:
    """One input row: its place, its value, and a `problem` (a drop reason) when it has no value."""

    where: str
    value: Any
    raw: str
    problem: str | None = None
    repairs: tuple[str, ...] = field(default=())


def as_one(rows: Sequence[Row], value: Any, moved: bool = False) -> Row:
    """Several rows as one with this value, at the place of the first; `moved`: put in order before."""
    repairs = [name for row in rows for name in row.repairs]
    problem = next((row.problem for row in rows if row.problem is not None), None)
    names = dict.fromkeys([*repairs, *(["sorted_turns"] if moved else []), "joined_rows"])
    return Row(rows[0].where, value, raw_of(rows), problem, tuple(names))


def raw_of(rows: Sequence[Row]) -> str:
    """The beginning of several rows together, as they stand in their file."""
    return " ".join(row.raw for row in rows[:_SHOWN])[:RAW]


def decoding(text: Text, first: int, last: int) -> tuple[str, ...]:
    """The repair that the lines `first` to `last` needed to become text, or FOREIGN."""
    if text.is_foreign(first, last):
        return (FOREIGN,)
    return ("decoded_cp1252",) if text.is_odd(first, last) else ()


def without_foreign(rows: Iterable[Row]) -> Iterator[Row]:
    """Rows, of which those with letters that could not be told have a `problem` in place of a value."""
    for row in rows:
        if FOREIGN not in row.repairs:
            yield row
            continue
        if _LOST in (row.raw if row.value is None else _said(row.value)):
            yield replace(row, value=None, problem=FOREIGN, repairs=())
        else:  # the letters are in another row of the same line
            yield replace(row, repairs=tuple(name for name in row.repairs if name != FOREIGN))


def _said(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (RecursionError, ValueError, TypeError):  # thousands of nested brackets
        return _LOST


def with_texts(value: Any, change: Callable[[str], Any]) -> Any:
    """A JSON value with what `change` makes of each text in it, keys aside."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: with_texts(held, change) for key, held in value.items()}
    return [with_texts(held, change) for held in value] if isinstance(value, list) else value
