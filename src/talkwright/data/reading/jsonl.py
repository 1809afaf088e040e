"""Files with a JSON value on each line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from talkwright.config import Columns
from talkwright.data.reading.files import Text
from talkwright.data.reading.formats import read_row
from talkwright.data.reading.holes import HOLE, read_around
from talkwright.data.reading.repair import read_line
from talkwright.data.reading.rows import RAW, Row, decoding

_MOST_JOINED = 1000  # lines that one torn row may lie on


def jsonl_rows(text: Text, name: str, before: int = 0) -> Iterator[Row]:
    """Yield the rows of lines, of which `before` came earlier in the file."""
    # Only \n ends a row: U+2028 and its kind are allowed inside JSON strings.
    lines = text.content.split("\n")
    skip, torn = 0, HOLE in text.content
    for number, line in enumerate(lines, 1):
        line = line.strip().strip("\ufeff").strip()
        if number <= skip or not line:
            continue
        where = f"{name}:{before + number}"
        readings = read_around(line) if torn and HOLE in line else read_line(line)
        if len(readings) == 1 and readings[0].problem not in (None, "lost_bytes"):
            joined = _joined(lines, number)
            if joined is not None:
                value, skip = joined
                repairs = (*decoding(text, number, skip), "joined_lines")
                yield Row(where, value, line[:RAW], None, repairs)
                continue
        for part, reading in enumerate(readings, 1):
            place = where if len(readings) == 1 else f"{where} (part {part})"
            repairs = (*decoding(text, number, number), *reading.repairs)
            problem = reading.problem
            if problem is None and "repaired_truncated" in repairs:
                problem = None if _is_usable(reading.value) else "truncated"
            yield Row(place, reading.value, reading.raw[:RAW], problem, repairs)


def _joined(lines: list[str], number: int) -> tuple[Any, int] | None:
    """Read a row that raw line ends inside its texts tore apart: its value, and its last line."""
    if lines[number - 1].lstrip()[:1] not in ("{", "["):
        return None
    last = number
    while last < len(lines) and last - number < _MOST_JOINED:
        if lines[last].lstrip()[:1] in ("{", "["):
            break
        last += 1
    if last == number:
        return None
    whole = "\n".join(lines[number - 1 : last])
    try:
        return (json.loads(whole, strict=False), last) if HOLE not in whole else None
    except (ValueError, RecursionError):
        return None


def _is_usable(value: Any) -> bool:
    draft = read_row(value, "auto", Columns())
    return not isinstance(draft, str) and any(turn.role == "assistant" for turn in draft.messages)
