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

from talkwright.data.reading.chat.characters import character_chats
from talkwright.data.reading.chat.turns import is_message, is_message_list
from talkwright.data.reading.disk.encodings import decode_lines
from talkwright.data.reading.disk.files import Text
from talkwright.data.reading.kinds.frames import frame_rows
from talkwright.data.reading.kinds.passages import rows_within, with_questions
from talkwright.data.reading.mending.exact import with_exact_arguments
from talkwright.data.reading.mending.holes import HOLE, without_holes
from talkwright.data.reading.mending.literals import (
    CutOffError,
    has_doubtful_quotes,
    is_too_dense,
    parse_loose,
)
from talkwright.data.reading.mending.repair import has_repeated_key, load, read_line, reason_of
from talkwright.data.reading.rows import RAW, Row, decoding
from talkwright.data.reading.shapes.formats import reads_as_row
from talkwright.data.reading.together.messengers import telegram_chats
from talkwright.errors import DataError

_NEXT_START = re.compile(r"(?<=[,}\]\n])[ \t\r]*([{\[])")
_SEPARATORS = re.compile(r"[ \t\r\n,]*")
_MOST_BROKEN = 20  # rows from which the rest of the file is read for the sake of one row
_EFFORT = 2**26  # characters read in vain in search of sound rows, beyond those that are found
_MOST_SHAPES = 100
_DECODER = json.JSONDecoder()
_FIRST_PART = 2**14  # characters looked at first for a value
_MEMBER = re.compile(r'[\s,]*"([^"\\]*)"\s*:\s*')
_ROWS = re.compile(r"\[\s*[\[{\]]")  # an array of objects or lists, or of nothing
_LARGEST_VALUE = 2**24  # characters; of a large file, a value that does not end by then is broken
_TOGETHER = 1000  # rows of a large array, of which those that are not UTF-8 tell of each other
_STRAY = re.compile("[\udc80-\udcff]")
_SPLITS = frozenset(
    ("train", "training", "validation", "valid", "val", "dev", "test", "testing", "eval", "evaluation")
)
_STEP = 2**20  # characters that are dropped at a time


class UnreadableError(ValueError):
    """A value that may be sound JSON, but not one that Python reads; the text is its drop reason."""


class _Window:
    """The part of a file's text that is being read: `content`, of which `at` characters are done."""

    def __init__(self, text: Text, more: Iterator[str], stray: bool = False):
        self.stray = stray  # bytes that are not UTF-8 may stand in it, as surrogates
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
        if self.at > _STEP and 2 * self.at > len(self.content):
            self.count()
            self.content = self.content[self.at :]
            self.at = self._counted = 0

    def skip(self, search: _Search) -> bool:
        """Go on to the next sound row in what is still to come; False where there is none."""
        while True:
            # The last of what was looked at may be the beginning of a row.
            self.at = max(self.at, len(self.content) - _STEP)
            self.drop()
            if not self.grow():
                return False
            found = search.next_sound(self.content, self.at)
            if found is not None:
                self.at = found
                return True

    def count(self) -> int:
        """The line on which the next character stands."""
        self.line += self.content.count("\n", self._counted, self.at)
        self._counted = self.at
        return self.line

    def decoding(self, end: int) -> tuple[str, ...]:
        """What the lines from here to `end` needed to become text."""
        if not (self._text.odd_lines or self._text.foreign_lines):
            return ()
        return decoding(self._text, self.line, self.line + self.content.count("\n", self.at, end))


def value_at(content: str, at: int) -> tuple[Any, int]:
    """Read the JSON value at a place: the value, and where it ends.

    Raises CutOffError where the text ends too early, and ValueError for any other fault. Looks at a
    part of the text, and at a larger one where the value is larger: to tell where a fault is, Python's
    reader counts all the lines before it.
    """
    size = _FIRST_PART
    while True:
        part = content[at : at + size]
        if is_too_dense(part):
            raise ValueError("more values than a conversation has")
        try:
            value, end = _DECODER.raw_decode(part)
            if end < len(part) or at + size >= len(content):
                return value, at + end
        except json.JSONDecodeError as error:
            cut = error.pos > len(part) - 16 or error.msg.startswith("Unterminated")
            if not cut:
                raise
            if at + size >= len(content):
                raise CutOffError("the text ends before the value does") from None
        except RecursionError as error:  # thousands of nested brackets
            raise UnreadableError(reason_of(error)) from None
        except ValueError as error:
            if reason_of(error) == "not_json":
                raise
            raise UnreadableError(reason_of(error)) from None
        size *= 8


class _Search:
    """What the rows of this file are like, and how much may be spent on finding the next one."""

    def __init__(self) -> None:
        self._shapes: list[set[str]] = []
        self._left = _EFFORT

    def learn(self, value: Any, size: int) -> None:
        """Take note of a sound row of `size` characters."""
        self._left = min(_EFFORT, self._left + size)
        if isinstance(value, dict) and len(self._shapes) < _MOST_SHAPES:
            keys = {*value}
            if keys not in self._shapes:
                self._shapes.append(keys)

    def next_sound(self, content: str, at: int) -> int | None:
        """Where the next row starts behind a broken one at `at`."""
        for found in _NEXT_START.finditer(content, at + 1):
            if self._left <= 0:
                return None
            start = found.start(1)
            try:
                value, end = value_at(content, start)
            except CutOffError:
                self._left -= len(content) - start
                continue
            except ValueError:
                self._left -= _FIRST_PART // 8
                continue
            if self._is_row(value):
                return start
            self._left -= 100 + end - start
        return None

    def _is_row(self, value: Any) -> bool:
        # What is inside a broken row may look like a row, but not like the other rows of this file.
        if isinstance(value, list):
            return is_message_list(value) and not self._shapes
        if not isinstance(value, dict) or not self._shapes:
            return reads_as_row(value)
        keys = {*value}
        if keys in self._shapes:
            return True
        alike = any(2 * len(keys & shape) >= len(keys | shape) for shape in self._shapes)
        return alike and reads_as_row(value)


def large_json_rows(path: Path, pieces: Iterator[bytes], name: str) -> Iterator[Row]:
    """Yield the rows of a large JSON array, or of an object's first. Raises DataError for others.

    Where it is not UTF-8, each row is decoded by itself, as lines are elsewhere.
    """
    decoded = _decoded(pieces)
    window = _Window(Text(next(decoded, "").lstrip("\ufeff")), decoded, stray=True)
    while not window.content.strip() and window.grow():
        pass
    window.at = len(window.content) - len(window.content.lstrip())
    first = _enter_array(window)
    if first is None:
        raise DataError(
            f"{path}: a JSON file of this size is read only when it is an array of rows, or an object "
            "with one in it. Write it as JSONL, one row a line."
        )
    held: list[Row] = []
    size = 0
    for row in with_questions(_scan_splits(window, name, first)):
        held.append(row)
        size += len(row.raw)
        if len(held) == _TOGETHER or size > _LARGEST_VALUE // 4:
            yield from _without_stray(held)
            held, size = [], 0
    yield from _without_stray(held)


def _scan_splits(window: _Window, name: str, held: str) -> Iterator[Row]:
    """Yield the rows of an array under the name `held`, and where that is a split's, those of the others
    behind it."""
    number = 0
    while True:
        for row in _scan(window, name, closing=True, alone=held != "", number=number):
            number += 1
            yield row
        if not window.content.startswith("]", window.at):
            return
        window.at += 1
        window.grow()
        member = _MEMBER.match(window.content, window.at)
        splits = {held.lower(), member[1].lower()} <= _SPLITS if member is not None else False
        if member is None or not splits or window.content[member.end()] != "[":
            yield from _behind(window, name, number)
            return
        window.at = member.end() + 1


def _behind(window: _Window, name: str, number: int) -> Iterator[Row]:
    """A row for what stands behind an object's rows and is not read, if that may be rows as well."""
    while window.grow():
        pass
    while (member := _MEMBER.match(window.content, window.at)) is not None:
        rows = _ROWS.match(window.content, member.end())
        if rows is not None and not rows[0].endswith("]"):
            break
        try:
            window.at = value_at(window.content, member.end())[1]
        except ValueError:
            break
    rest = window.content[window.at :].strip(" \t\r\n,").removeprefix("}").strip()
    if rest:
        where = f"{name}:row {number + 1} (line {window.count()})"
        yield Row(where, None, rest[:RAW], "unknown_format")


def _decoded(pieces: Iterator[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    for piece in pieces:
        yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)


def _without_stray(rows: list[Row]) -> Iterator[Row]:
    """Rows, of which those with bytes that are not UTF-8 have all of their text as `raw`, read anew."""
    odd = [n for n, row in enumerate(rows) if _STRAY.search(row.raw)]
    lines = [rows[n].raw.encode("utf-8", "surrogateescape") for n in odd]
    texts, western, foreign = decode_lines(lines)
    again = {}
    for number, (n, line) in enumerate(zip(odd, texts, strict=True), 1):
        text = Text(line, western, foreign_lines=foreign)
        again[n] = _read_again(rows[n], line, decoding(text, number, number))
    for n, row in enumerate(rows):
        yield again.get(n, row)


def _read_again(row: Row, line: str, repairs: tuple[str, ...]) -> Row:
    reading = read_line(line.rstrip(", \t\r\n"))[0]
    if row.problem is not None or reading.problem is not None:
        return Row(row.where, None, line[:RAW], row.problem or reading.problem, repairs)
    return Row(row.where, reading.value, line[:RAW], None, (*repairs, *row.repairs))


def _enter_array(window: _Window) -> str | None:
    """Go to the first row of the array that a large file is, or of the first of its object's: the name
    of that, "" for none. None where there is no such array."""
    mark = window.content[window.at : window.at + 1]
    window.at += 1
    name = ""
    while mark == "{":
        member = _MEMBER.match(window.content, window.at)
        if member is None:
            return None
        name, window.at = member[1], member.end()
        mark = window.content[window.at : window.at + 1]
        if not _ROWS.match(window.content, window.at):
            try:
                window.at = value_at(window.content, window.at)[1]
            except ValueError:
                return None
            mark = "{"
        else:
            window.at += 1
    return name if mark == "[" else None


def json_rows(text: Text, name: str) -> Iterator[Row]:
    """Yield the rows of a JSON file."""
    yield from with_questions(_values(text, name))


def _values(text: Text, name: str) -> Iterator[Row]:
    content = text.content
    start = len(content) - len(content.lstrip())
    everything = decoding(text, 1, len(content))
    if content[start] == "[":
        if len(content) <= _STEP and _first_is_message(content, start + 1):
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
    held = (
        (frame_rows(value) or telegram_chats(value) or character_chats(value))
        if problem is None
        else None
    )
    if held is None and problem is None and isinstance(value, dict) and not reads_as_row(value):
        held = _rows_in(value) if rows_within(value) is None else None
    if held is not None:
        for number, inner in enumerate(held, 1):
            raw = json.dumps(inner, ensure_ascii=False)[:RAW]
            yield Row(f"{name}:row {number}", inner, raw, None, everything)
        return
    window = _Window(text, iter(()))
    window.at = start
    yield from _scan(window, name, closing=False)


def _rows_in(value: dict[str, Any]) -> list[Any] | None:
    """The rows that an object holds: its only list of objects or lists, or its only list, an empty one;
    or, where all of its lists are splits by their names, those of all. None where it is a row itself."""
    lists = {key: inner for key, inner in value.items() if isinstance(inner, list)}
    held = {key: inner for key, inner in lists.items() if any(map(_is_container, inner))}
    if len(held) > 1 and all(key.lower() in _SPLITS for key in held):
        return [row for inner in held.values() for row in inner]
    found = list((held or lists).values())
    return found[0] if len(found) == 1 and (held or not found[0]) else None


def _is_container(value: Any) -> bool:
    return isinstance(value, (dict, list))


def _first_is_message(content: str, at: int) -> bool:
    while at < len(content) and content[at].isspace():
        at += 1
    try:
        return is_message_list([value_at(content, at)[0]])
    except ValueError:
        return False


def _scan(
    window: _Window, name: str, closing: bool, alone: bool = False, number: int = 0
) -> Iterator[Row]:
    """Yield values until the file ends, or the array does where it is `alone`; `number` came before.

    Behind an array that is a file's, the values of another are as many rows: files put one to the other.
    """
    search = _Search()
    opened = closing and not alone
    broken = 0
    while True:
        content, at = window.content, window.at
        at = _SEPARATORS.match(content, at).end()  # type: ignore[union-attr]
        window.at = at
        if at >= len(content) and window.grow():
            continue
        if closing and at < len(content) and content[at] == "]":
            if alone:
                return
            window.at, closing = at + 1, False
            continue
        again = opened and not closing and content.startswith("[", at)
        if again and not _first_is_message(content, at + 1):
            window.at, closing = at + 1, True
            continue
        if at >= len(content):
            if closing:
                place = f"{name}:row {number + 1} (line {window.count()})"
                yield Row(place, None, "", "not_json")
            return
        problem: str | None = None
        repairs: tuple[str, ...] = ()
        start: int | None = None
        try:
            value, start = value_at(content, at)
            if start == len(content) and window.grow():
                continue  # a number may go on
            if _has_swallowed(value):
                raise ValueError("a list of messages that goes on with others")
            search.learn(value, start - at)
            value = with_exact_arguments(content[at:start], value)
            if isinstance(value, (dict, list)) and has_repeated_key(content[at:start], value):
                repairs = ("repeated_key",)
        except ValueError as error:
            if isinstance(error, CutOffError) and window.grow():
                continue
            why = str(error) if isinstance(error, UnreadableError) else "not_json"
            far = broken < _MOST_BROKEN
            value, start, problem, repairs = _mended(content, at, search, far, why)
            if (start is None or problem == "truncated") and window.grow():
                continue
            if start is None and len(content) - at > _LARGEST_VALUE:
                problem = "line_too_long"
            broken += problem is not None
        number += 1
        where = f"{name}:row {number} (line {window.count()})"
        end = len(content) if start is None else start
        repairs = (*window.decoding(end), *repairs)
        shown = end if window.stray and _STRAY.search(content, at, end) else min(end, at + RAW)
        yield Row(where, value, without_holes(content[at:shown]), problem, repairs)
        if start is None and not window.skip(search):
            return
        if start is not None:
            window.at = start
        window.drop()


def _has_swallowed(value: Any) -> bool:
    """Say whether a list lacks its closing bracket, so that the lists behind it stand in it."""
    if not isinstance(value, list) or not value or not isinstance(value[-1], list):
        return False
    return is_message(value[0]) and is_message_list(value[-1])


def _mended(
    content: str, at: int, search: _Search, far: bool, why: str
) -> tuple[Any, int | None, str | None, tuple[str, ...]]:
    """Read a broken value: value, where the next sound row is if there is one, problem, repairs.

    `why` is the problem where no better one is known.
    """
    problem = why
    for python in (False, True) if far else ():
        try:
            value, end, repairs = parse_loose(content, at, python=python)
        except CutOffError:
            problem = problem if python else "truncated"
            continue
        except ValueError:
            continue
        if (
            isinstance(value, (dict, list))
            and not _has_swallowed(value)
            and HOLE not in content[at:end]
            and not (python and has_doubtful_quotes(content[at:end]))
        ):
            return value, end, None, repairs
    start = search.next_sound(content, at)
    if start is None:
        return None, None, "lost_bytes" if HOLE in content[at:] else problem, ()
    if HOLE in content[at:start]:
        return None, start, "lost_bytes", ()
    readings = read_line(content[at:start].rstrip(", \t\r\n"))
    first = readings[0]
    if len(readings) > 1:
        return None, start, "not_json", ()
    return first.value, start, first.problem, first.repairs
