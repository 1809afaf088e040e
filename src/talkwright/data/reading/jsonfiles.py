"""JSON files: an array, an object that holds one, or values one after the other.

Read value by value, so that a file cut off in the middle still gives the rows before the cut, and a
large one need not fit in memory.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from talkwright.data.reading.files import Text
from talkwright.data.reading.formats import reads_as_row
from talkwright.data.reading.literals import CutOffError, parse_loose
from talkwright.data.reading.repair import load, read_line
from talkwright.data.reading.rows import RAW, Row, decoding
from talkwright.data.reading.turns import is_message_list
from talkwright.errors import DataError

_NEXT_OBJECT = re.compile(r"(?<=[,}\]\s])\{")
_MOST_BROKEN = 20  # rows from which the rest of the file is read for the sake of one row
_MOST_TRIES = 2000  # places at which a row may start again after a broken one
_LARGEST_VALUE = 2**25  # characters; of a large file, a value that does not end by then is broken
_STEP = 2**20  # characters that are dropped at a time


class _Window:
    """The part of a file's text that is being read: `content`, of which `at` characters are done."""

    def __init__(self, text: Text, more: Iterator[str]):
        self.content = text.content
        self.at = 0
        self.line = 1
        self._more = more
        self._counted = 0
        self._text = text

    def grow(self) -> bool:
        """Take in more of the file; False at its end, or where enough is there already."""
        if len(self.content) - self.at > _LARGEST_VALUE:
            return False
        piece = next(self._more, None)
        if piece is None:
            return False
        pieces = [self.content, piece]
        size = 0
        while size < len(self.content) and (piece := next(self._more, None)) is not None:
            pieces.append(piece)  # twice as much each time, or one long value would be read too often
            size += len(piece)
        self.content = "".join(pieces)
        return True

    def drop(self) -> None:
        """Forget what is done."""
        if self.at > _STEP and not self._text.odd_lines:
            self.count()
            self.content = self.content[self.at :]
            self.at = self._counted = 0

    def count(self) -> int:
        """The line on which the next character stands."""
        self.line += self.content.count("\n", self._counted, self.at)
        self._counted = self.at
        return self.line

    def decoding(self, end: int) -> tuple[str, ...]:
        """What the lines from here to `end` needed to become text."""
        if not self._text.odd_lines:
            return ()
        return decoding(self._text, self.line, self.line + self.content.count("\n", self.at, end))


def large_json_rows(path: Path, pieces: Iterator[bytes], name: str) -> Iterator[Row]:
    """Yield the rows of a large JSON array. Raises DataError unless it is one, in UTF-8."""
    decoded = _decoded(path, pieces)
    window = _Window(Text(next(decoded, "").lstrip("\ufeff")), decoded)
    while not window.content.strip() and window.grow():
        pass
    window.at = len(window.content) - len(window.content.lstrip())
    if window.content[window.at : window.at + 1] != "[":
        raise DataError(
            f"{path}: a JSON file of this size is read only when it is an array of rows. Write it as "
            "JSONL, one row a line."
        )
    window.at += 1
    yield from _scan(window, name, closing=True)


def _decoded(path: Path, pieces: Iterator[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for piece in pieces:
            yield decoder.decode(piece)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8 throughout. Save it as UTF-8.") from None


def json_rows(text: Text, name: str) -> Iterator[Row]:
    """Yield the rows of a JSON file."""
    content = text.content
    start = len(content) - len(content.lstrip())
    everything = decoding(text, 1, len(content))
    if content[start] == "[":
        if _first_is_message(content, start + 1):
            value, problem = load(content)
            if problem is None and is_message_list(value):
                yield Row(
                    f"{name}:row 1 (line 1)", value, content[start : start + RAW], None, everything
                )
                return
        window = _Window(text, iter(()))
        window.at = start + 1
        yield from _scan(window, name, closing=True)
        return
    value, problem = load(content)
    if problem is None and isinstance(value, dict) and not reads_as_row(value):
        lists = [key for key, inner in value.items() if isinstance(inner, list)]
        if len(lists) == 1:
            for number, inner in enumerate(value[lists[0]], 1):
                raw = json.dumps(inner, ensure_ascii=False)[:RAW]
                yield Row(f"{name}:row {number}", inner, raw, None, everything)
            return
    window = _Window(text, iter(()))
    window.at = start
    yield from _scan(window, name, closing=False)


def _first_is_message(content: str, at: int) -> bool:
    while at < len(content) and content[at].isspace():
        at += 1
    try:
        return is_message_list([json.JSONDecoder().raw_decode(content, at)[0]])
    except (ValueError, RecursionError):
        return False


def _scan(window: _Window, name: str, closing: bool) -> Iterator[Row]:
    decoder = json.JSONDecoder()
    number, broken = 0, 0
    while True:
        content, at = window.content, window.at
        while at < len(content) and content[at] in " \t\r\n,":
            at += 1
        window.at = at
        if at >= len(content) and window.grow():
            continue
        if closing and at < len(content) and content[at] == "]":
            window.at, closing = at + 1, False
            continue
        if at >= len(content):
            if closing:
                place = f"{name}:row {number + 1} (line {window.count()})"
                yield Row(place, None, "", "not_json")
            return
        try:
            value, end = decoder.raw_decode(content, at)
            if end == len(content) and window.grow():
                continue  # a number may go on
            problem: str | None = None
            repairs: tuple[str, ...] = ()
        except (ValueError, RecursionError):
            if window.grow():
                continue
            value, end, problem, repairs = _mended(content, at, broken < _MOST_BROKEN)
            broken += problem is not None
        number += 1
        where = f"{name}:row {number} (line {window.count()})"
        repairs = (*window.decoding(end), *repairs)
        yield Row(where, value, content[at : min(end, at + RAW)], problem, repairs)
        if problem is not None and end >= len(content):
            return
        window.at = end
        window.drop()


def _mended(content: str, at: int, far: bool) -> tuple[Any, int, str | None, tuple[str, ...]]:
    """Read a broken value of a JSON file: value, end (the next sound row), problem, repairs."""
    problem = "not_json"
    for python in (False, True) if far else ():
        try:
            value, end, repairs = parse_loose(content, at, python=python)
        except CutOffError:
            problem = problem if python else "truncated"
            continue
        except ValueError:
            continue
        if isinstance(value, (dict, list)):
            return value, end, None, repairs
    start = _next_sound(content, at)
    if start is None:
        return None, len(content), problem, ()
    readings = read_line(content[at:start].rstrip(", \t\r\n"))
    first = readings[0]
    if len(readings) > 1:
        return None, start, "not_json", ()
    return first.value, start, first.problem, first.repairs


def _next_sound(content: str, at: int) -> int | None:
    decoder = json.JSONDecoder()
    for tries, found in enumerate(_NEXT_OBJECT.finditer(content, at + 1), 1):
        try:
            if reads_as_row(decoder.raw_decode(content, found.start())[0]):
                return found.start()
        except (ValueError, RecursionError):
            pass
        if tries == _MOST_TRIES:
            break
    return None
