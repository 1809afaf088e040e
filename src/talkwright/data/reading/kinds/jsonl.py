"""Files with a JSON value on each line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from talkwright.config import Columns
from talkwright.data.reading.disk.files import Text
from talkwright.data.reading.kinds.passages import rows_within
from talkwright.data.reading.mending.holes import HOLE, read_around
from talkwright.data.reading.mending.literals import is_too_dense
from talkwright.data.reading.mending.repair import Reading, load, read_line
from talkwright.data.reading.mending.wrapped import is_comment
from talkwright.data.reading.rows import RAW, Row, decoding
from talkwright.data.reading.shapes.formats import read_row, reads_as_row

_COMMENT = ""  # the place of what is no row
_MOST_JOINED = 1000  # lines that one torn row may lie on
_ROW_IN_KEY = re.compile(r"\n[^\S\n]*[{\[]")
_TORN = json.JSONDecoder(strict=False)


def jsonl_rows(text: Text, name: str, before: int = 0) -> Iterator[Row]:
    """Yield the rows of lines, of which `before` came earlier in the file.

    Lines that are a comment are no rows: the row behind them has the repair `removed_comment`, and where
    none is, the row before them.
    """
    held: Row | None = None
    commented = False
    for row in _rows(text, name, before):
        if row.where == _COMMENT:
            commented = True
            continue
        if held is not None:
            yield held
        held = _commented(row) if commented else row
        commented = False
    if held is not None:
        yield _commented(held) if commented else held


def _commented(row: Row) -> Row:
    return replace(row, repairs=tuple(dict.fromkeys((*row.repairs, "removed_comment"))))


def _rows(text: Text, name: str, before: int) -> Iterator[Row]:
    # Only \n ends a row: U+2028 and its kind are allowed inside JSON strings.
    lines = text.content.split("\n")
    skip, torn, sound = 0, HOLE in text.content, True
    for number, line in enumerate(lines, 1):
        line = line.strip().strip("\ufeff").strip()
        if number <= skip or not line:
            continue
        # Behind a broken row, it may be a line of that row's text.
        if sound and line[0] in "/#" and (last := _comment_end(lines, number)):
            skip = last
            yield Row(_COMMENT, None, line[:RAW])
            continue
        where = f"{name}:{before + number}"
        readings = read_around(line) if torn and HOLE in line else read_line(line)
        if len(readings) == 1 and _may_go_on(readings[0]):
            joined = _joined(lines, number)
            if joined is not None:
                value, skip = joined
                repairs = (*decoding(text, number, skip), "joined_lines")
                yield Row(where, value, line[:RAW], None, repairs)
                sound = True
                continue
        for part, reading in enumerate(readings, 1):
            place = where if len(readings) == 1 else f"{where} (part {part})"
            repairs = (*decoding(text, number, number), *reading.repairs)
            problem = reading.problem
            if problem is None and "repaired_truncated" in repairs:
                problem = None if _is_usable(reading.value) else "truncated"
            sound = problem is None
            inner = _inner(reading.value) if sound else None
            if inner is None:
                yield Row(place, reading.value, reading.raw[:RAW], problem, repairs)
                continue
            for at, value in enumerate(inner, 1):
                raw = json.dumps(value, ensure_ascii=False)[:RAW]
                yield Row(f"{place} (row {at})", value, raw, None, repairs)


def _inner(value: Any) -> list[Any] | None:
    """The rows of a line that is an array of rows, a JSON file of its own, or an object that holds rows;
    None for any other line."""
    if isinstance(value, dict):
        return rows_within(value)
    if not isinstance(value, list) or not value or not isinstance(value[0], dict) or reads_as_row(value):
        return None
    return value if all(isinstance(item, dict) and reads_as_row(item) for item in value) else None


def _comment_end(lines: list[str], number: int) -> int:
    """The last line of a comment that begins on line `number`; 0 where it is none, or in doubt."""
    line = lines[number - 1].strip()
    if line.startswith("/*"):
        ends = (
            at for at in range(number - 1, min(len(lines), number + _MOST_JOINED)) if "*/" in lines[at]
        )
        number = next(ends, -1) + 1
        if not lines[number - 1].rstrip().endswith("*/"):
            return 0
    elif not is_comment(line):
        return 0
    following = next((line for line in lines[number:] if line.strip()), "{").strip()
    return number if following[0] in "{[" or is_comment(following) or following[:2] == "/*" else 0


def _may_go_on(reading: Reading) -> bool:
    """Say whether the lines that follow may belong to a line that was read so."""
    cut = "repaired_truncated" in reading.repairs
    return cut if reading.problem is None else reading.problem != "lost_bytes"


def _joined(lines: list[str], number: int) -> tuple[Any, int] | None:
    """Read a row that raw line ends inside its texts tore apart: its value, and its last line.

    The row must end where a line does, and no line of it may be a row by itself. One that lacks a quote
    cannot swallow the next, whose quotes end what they stand in, but for one that lacks its first.
    """
    if lines[number - 1].lstrip()[:1] not in ("{", "["):
        return None
    whole = "\n".join(lines[number - 1 : number + _MOST_JOINED])
    try:
        value, end = _TORN.raw_decode(whole, len(whole) - len(whole.lstrip()))
    except (ValueError, RecursionError):
        return None
    held = whole[:end]
    last = number + held.count("\n")
    rest = whole[end:].split("\n", 1)[0]
    if last == number or rest.strip(" \t\r,;") or HOLE in held or is_too_dense(held):
        return None
    if any(_is_row(line) for line in lines[number:last]) or _has_torn_key(value):
        return None
    if "\r\n" in held and (rest.endswith("\r") or last == len(lines)):
        # The file has the line ends of Windows, and the texts got them along with their rows.
        value = json.loads(held.replace("\r\n", "\n"), strict=False)
    return value, last


def _has_torn_key(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_ROW_IN_KEY.search(key) or _has_torn_key(held) for key, held in value.items())
    return isinstance(value, list) and any(map(_has_torn_key, value))


def _is_row(line: str) -> bool:
    return line.lstrip()[:1] in ("{", "[") and reads_as_row(load(line)[0])


def _is_usable(value: Any) -> bool:
    draft = read_row(value, "auto", Columns())
    return not isinstance(draft, str) and any(turn.role == "assistant" for turn in draft.messages)
