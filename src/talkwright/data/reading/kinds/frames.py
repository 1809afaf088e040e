"""Tables in one JSON object, as data frames are written: by column, by index, or split from its names.

{"prompt": {"0": ..., "1": ...}, "completion": {"0": ..., "1": ...}}      columns
{"prompt": [..., ...], "completion": [..., ...]}                          columns as lists
{"0": {"prompt": ..., "completion": ...}, "1": ...}                       index
{"columns": ["prompt", "completion"], "index": [0, 1], "data": [[...]]}   split
"""

from __future__ import annotations

from typing import Any

from talkwright.config import Columns
from talkwright.data.reading.chat.turns import is_message, is_spoken, is_turn, plain
from talkwright.data.reading.shapes.formats import reads_as_row, recognises_columns

_PARTS = {"text", "content", "value", "role", "type", "parts", "messages"}  # of a cell


def frame_rows(value: Any) -> list[Any] | None:
    """The rows of a table that is one object; None for any other value."""
    if not isinstance(value, dict) or not value:
        return None
    if "columns" in value and "data" in value:
        return _split(value)
    held = list(value.values())
    if all(isinstance(column, dict) and column for column in held):
        return _of_objects(value)
    if all(isinstance(column, list) for column in held):
        return _of_lists(value)
    return None


def _split(value: dict[str, Any]) -> list[Any] | None:
    names, rows = value["columns"], value["data"]
    if not value.keys() <= {"columns", "index", "data"} or not isinstance(rows, list) or not rows:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    if not all(isinstance(row, list) for row in rows):
        return None
    return [dict(zip(names, row, strict=True)) if len(row) == len(names) else row for row in rows]


def _of_objects(value: dict[str, Any]) -> list[Any] | None:
    held = list(value.values())
    numbers = all(_are_numbers(column) for column in held)
    same = all(column.keys() == held[0].keys() for column in held)
    named = recognises_columns(value, Columns()) and not any(plain(key) in _PARTS for key in held[0])
    if numbers or (same and named):
        places = dict.fromkeys(key for column in held for key in column)
        return [{name: column.get(key) for name, column in value.items()} for key in places]
    if not reads_as_row(value) and all(map(reads_as_row, held)):
        return held
    return held if same and _are_numbers(value) else None


def _of_lists(value: dict[str, Any]) -> list[Any] | None:
    held = list(value.values())
    size = len(held[0])
    if len(held) < 2 or size < 2 or any(len(column) != size for column in held):
        return None
    if any(is_spoken(plain(name), column) for name, column in value.items()):
        return None
    if any(is_message(item) or is_turn(item) for column in held for item in column):
        return None
    if not recognises_columns(value, Columns()):
        return None
    return [dict(zip(value, row, strict=True)) for row in zip(*held, strict=True)]


def _are_numbers(value: dict[str, Any]) -> bool:
    return all(key.isdigit() for key in value)
