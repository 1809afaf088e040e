"""From the text of a file to its rows: JSONL, JSON and CSV, told apart by looking at the content."""

from __future__ import annotations

import csv
import difflib
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from talkwright.config import Columns
from talkwright.data.reading.files import PLAIN_SUFFIXES, Text, decode, inner_suffix, read_bytes
from talkwright.data.reading.formats import (
    is_battle_without_conversations,
    read_row,
    reads_as_row,
    recognises_columns,
)
from talkwright.data.reading.literals import CutOffError, parse_loose
from talkwright.data.reading.packed import GZIP, ZIP, unpack
from talkwright.data.reading.parquet import MAGIC, parquet_rows
from talkwright.data.reading.repair import load, read_line
from talkwright.data.reading.turns import is_message_list
from talkwright.errors import DataError

_DELIMITERS = ",;\t|"
_JSONL = (".jsonl", ".ndjson")
_LOOK_AHEAD = 50  # lines looked at to tell JSONL from other things
_MOST_JOINED = 1000  # lines that one torn row may lie on
_RAW = 600  # characters of a row carried along for its excerpt
_NEXT_OBJECT = re.compile(r"(?<=[,}\]\s])\{")
_MOST_BROKEN = 20  # rows from which the rest of the file is read for the sake of one row
_MOST_TRIES = 2000  # places at which a row may start again after a broken one
_CSV_FIELD_LIMIT = 2**31 - 1  # the largest value a C long holds on every platform


@dataclass(frozen=True, slots=True)
class Row:
    """One input row: its place, its value, and a `problem` (a drop reason) when it has no value."""

    where: str
    value: Any
    raw: str
    problem: str | None = None
    repairs: tuple[str, ...] = field(default=())


def read_rows(path: Path, name: str, columns: Columns) -> Iterator[Row]:
    """Yield the rows of one file, or of the files packed in it; `name` starts their places.

    Raises DataError for a file that is no text, and for CSV columns that cannot be told.
    """
    data = read_bytes(path)
    if not data.startswith((GZIP, ZIP)):
        yield from _rows(path, name, data, columns)
        return
    for inner, content in unpack(path, data, PLAIN_SUFFIXES):
        if inner:
            yield from _rows(path / inner, f"{name}/{inner}", content, columns)
        else:
            yield from _rows(path, name, content, columns)


def _rows(path: Path, name: str, data: bytes, columns: Columns) -> Iterator[Row]:
    if data.startswith(MAGIC):
        yield from _parquet_rows(path, name, data, columns)
        return
    text = decode(path, data)
    kind = _kind(text.content, inner_suffix(path.name), columns)
    if kind == "jsonl":
        yield from _jsonl_rows(text, name)
    elif kind == "json":
        yield from _json_rows(text, name)
    else:
        yield from _csv_rows(text, name, path, columns)


def _parquet_rows(path: Path, name: str, data: bytes, columns: Columns) -> Iterator[Row]:
    for number, value in enumerate(parquet_rows(path, data), 1):
        if number == 1:
            _require_columns(list(value), columns, path)
        shown = {key: str(item)[:_RAW] for key, item in value.items() if item is not None}
        yield Row(f"{name}:row {number}", value, json.dumps(shown, ensure_ascii=False)[:_RAW])


def _kind(content: str, suffix: str, columns: Columns) -> str:
    start = content.lstrip()
    lines = [line.lstrip("\ufeff \t") for line in start.split("\n", _LOOK_AHEAD)[:_LOOK_AHEAD]]
    lines = [line for line in lines if line.strip()]
    if _is_container(lines[0]):
        if len(start.rstrip()) > len(lines[0].rstrip()):
            return "jsonl"
        return "jsonl" if suffix in _JSONL and reads_as_row(json.loads(lines[0])) else "json"
    a_row_a_line = any(
        line[0] in "[{" and (_is_container(line) or _starts_with_row(line)) for line in lines
    )
    if suffix in (".csv", ".tsv") and _known_delimiters(lines[0], columns):
        return "csv"
    if start[0] in "[{":
        if load(start)[1] is None or (start[0] == "[" and not a_row_a_line):
            return "json"
        return "jsonl" if a_row_a_line or not _starts_with_json(start) else "json"
    if a_row_a_line:
        return "jsonl"
    if suffix in (*_JSONL, ".json") and not _known_delimiters(lines[0], columns):
        return "jsonl"
    return "csv"


def _known_delimiters(line: str, columns: Columns) -> list[str]:
    return [mark for mark in _DELIMITERS if recognises_columns(_cells(line, mark), columns)]


def _is_container(line: str) -> bool:
    line = line.strip()
    if not line or line[0] not in "[{" or line[-1] not in "]}":
        return False
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _starts_with_row(line: str) -> bool:
    # Several rows on a line, or a row with something behind it.
    try:
        return line[0] == "{" and reads_as_row(json.JSONDecoder().raw_decode(line)[0])
    except (ValueError, RecursionError):
        return False


def _starts_with_json(text: str) -> bool:
    try:
        json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return True


# --- JSONL ---------------------------------------------------------------------------------------


def _jsonl_rows(text: Text, name: str) -> Iterator[Row]:
    # Only \n ends a row: U+2028 and its kind are allowed inside JSON strings.
    lines = text.content.split("\n")
    skip = 0
    for number, line in enumerate(lines, 1):
        line = line.strip().strip("\ufeff").strip()
        if number <= skip or not line:
            continue
        where = f"{name}:{number}"
        readings = read_line(line)
        if len(readings) == 1 and readings[0].problem is not None:
            joined = _joined(lines, number)
            if joined is not None:
                value, skip = joined
                repairs = (*_decoding(text, number, skip), "joined_lines")
                yield Row(where, value, line[:_RAW], None, repairs)
                continue
        for part, reading in enumerate(readings, 1):
            place = where if len(readings) == 1 else f"{where} (part {part})"
            repairs = (*_decoding(text, number, number), *reading.repairs)
            problem = reading.problem
            if problem is None and "repaired_truncated" in repairs:
                problem = None if _is_usable(reading.value) else "truncated"
            yield Row(place, reading.value, reading.raw[:_RAW], problem, repairs)


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
    try:
        return json.loads("\n".join(lines[number - 1 : last]), strict=False), last
    except (ValueError, RecursionError):
        return None


def _is_usable(value: Any) -> bool:
    draft = read_row(value, "auto", Columns())
    return not isinstance(draft, str) and any(turn.role == "assistant" for turn in draft.messages)


def _decoding(text: Text, first: int, last: int) -> tuple[str, ...]:
    return ("decoded_cp1252",) if text.is_odd(first, last) else ()


# --- JSON ----------------------------------------------------------------------------------------


def _json_rows(text: Text, name: str) -> Iterator[Row]:
    content = text.content
    start = len(content) - len(content.lstrip())
    everything = _decoding(text, 1, len(content))
    if content[start] == "[":
        if _first_is_message(content, start + 1):
            value, problem = load(content)
            if problem is None and is_message_list(value):
                yield Row(
                    f"{name}:row 1 (line 1)", value, content[start : start + _RAW], None, everything
                )
                return
        yield from _scan(text, name, start + 1, closing=True)
        return
    value, problem = load(content)
    if problem is None and isinstance(value, dict) and not reads_as_row(value):
        lists = [key for key, inner in value.items() if isinstance(inner, list)]
        if len(lists) == 1:
            for number, inner in enumerate(value[lists[0]], 1):
                raw = json.dumps(inner, ensure_ascii=False)[:_RAW]
                yield Row(f"{name}:row {number}", inner, raw, None, everything)
            return
    yield from _scan(text, name, start, closing=False)


def _first_is_message(content: str, at: int) -> bool:
    while at < len(content) and content[at].isspace():
        at += 1
    try:
        return is_message_list([json.JSONDecoder().raw_decode(content, at)[0]])
    except (ValueError, RecursionError):
        return False


def _scan(text: Text, name: str, at: int, closing: bool) -> Iterator[Row]:
    # Value by value, so that a file cut off in the middle still gives the rows before the cut.
    content, decoder = text.content, json.JSONDecoder()
    number, line, counted, broken = 0, 1, 0, 0
    while True:
        while at < len(content) and content[at] in " \t\r\n,":
            at += 1
        if closing and at < len(content) and content[at] == "]":
            at, closing = at + 1, False
            continue
        if at >= len(content):
            if closing:
                yield Row(f"{name}:row {number + 1} (line {line})", None, "", "not_json")
            return
        number += 1
        line, counted = line + content.count("\n", counted, at), at
        where = f"{name}:row {number} (line {line})"
        try:
            value, end = decoder.raw_decode(content, at)
        except (ValueError, RecursionError):
            value, end, problem, repairs = _mended(content, at, broken < _MOST_BROKEN)
            broken += problem is not None
            last = line + content.count("\n", at, end)
            repairs = (*_decoding(text, line, last), *repairs)
            yield Row(where, value, content[at : min(end, at + _RAW)], problem, repairs)
            if end >= len(content):
                return
            at = end
            continue
        last = line + content.count("\n", at, end)
        yield Row(where, value, content[at : min(end, at + _RAW)], None, _decoding(text, line, last))
        at = end


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


# --- CSV -----------------------------------------------------------------------------------------


def _csv_rows(text: Text, name: str, path: Path, columns: Columns) -> Iterator[Row]:
    content = text.content.replace("\0", "\ufffd")  # Python 3.10's reader stops at NUL
    skipped = len(content) - len(content.lstrip("\r\n \t"))
    first_line = content.count("\n", 0, skipped)
    content = content[skipped:] if first_line else content
    header, delimiter = _header(content, columns)
    _require_columns(header, columns, path)
    reader = _reader(content, delimiter)
    next(reader, None)
    number, line = 0, first_line + reader.line_num + 1
    while True:
        cells: list[str] | None = None
        problem = None
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            problem = "broken_quotes"
        last = max(line, first_line + reader.line_num)
        if cells != []:
            number += 1
            where = f"{name}:row {number} (line {line})"
            yield _csv_row(where, header, cells, problem, _decoding(text, line, last))
        line = last + 1


def _csv_row(
    where: str, header: list[str], cells: list[str] | None, problem: str | None, repairs: tuple[str, ...]
) -> Row:
    if cells is None:
        return Row(where, None, "", problem, repairs)
    extra = cells[len(header) :]
    value = {key: cell for key, cell in zip(header, cells, strict=False) if key.strip()}
    raw = json.dumps({k: v[:_RAW] for k, v in value.items() if v.strip()}, ensure_ascii=False)[:_RAW]
    if any(cell.strip() for cell in extra):
        problem = "too_many_cells"
    return Row(where, value, raw, problem, repairs)


def _header(content: str, columns: Columns) -> tuple[list[str], str]:
    found = [(_cells(content, delimiter), delimiter) for delimiter in _DELIMITERS]
    known = [pair for pair in found if recognises_columns(pair[0], columns)]
    return max(known or found, key=lambda pair: len(pair[0]))


def _reader(content: str, delimiter: str) -> Any:
    if csv.field_size_limit() < _CSV_FIELD_LIMIT:
        csv.field_size_limit(_CSV_FIELD_LIMIT)
    # strict: a stray quote must not swallow the rest of the file without a word.
    lines = io.StringIO(content, newline="")
    return csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)


def _cells(content: str, delimiter: str) -> list[str]:
    try:
        return next(_reader(content, delimiter), [])
    except csv.Error:
        return []


def _require_columns(header: list[str], columns: Columns, path: Path) -> None:
    names = [cell for cell in header if cell.strip()]
    shown = ", ".join(name[:60] for name in names[:30]) or "none"
    for key, wanted in columns.model_dump().items():
        if wanted is not None and wanted not in names:
            close = difflib.get_close_matches(wanted, names, n=1, cutoff=0.5)
            hint = f" Did you mean '{close[0]}'?" if close else ""
            raise DataError(
                f"{path}: the recipe takes `{key}` from a column '{wanted}', which is not there.{hint} "
                f"Columns found: {shown}."
            )
    if is_battle_without_conversations(header) and not (columns.prompt or columns.completion):
        raise DataError(
            f"{path}: Chatbot Arena votes without the conversations. Columns found: {shown}. Use the "
            "file that has conversation_a and conversation_b."
        )
    if recognises_columns(header, columns):
        return
    prompt, completion = (name[:60] for name in names[:2]) if len(names) > 1 else ("NAME", "NAME")
    raise DataError(
        f"{path}: cannot tell which columns hold the question and the answer. Columns found: {shown}.\n"
        "Say it in the recipe, with the right names:\n"
        f"  data:\n    sources:\n      - path: {path.name}\n        columns:\n"
        f"          prompt: {prompt}\n          completion: {completion}"
    )
