"""From the text of a file to its rows: JSONL, JSON and CSV, told apart by looking at the content."""

from __future__ import annotations

import csv
import difflib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from talkwright.config import Columns
from talkwright.data.files import Text, read_text
from talkwright.data.formats import is_message_list, reads_as_row, recognises_columns
from talkwright.errors import DataError

_DELIMITERS = ",;\t|"
_JSONL = (".jsonl", ".ndjson")
_LOOK_AHEAD = 50  # lines looked at to tell JSONL from other things
_RAW = 600  # characters of a row carried along for its excerpt
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
    """Yield the rows of one file; `name` starts their places.

    Raises DataError for a file that is no text, and for CSV columns that cannot be told.
    """
    text = read_text(path)
    kind = _kind(text.content, path.suffix.lower(), columns)
    if kind == "jsonl":
        yield from _jsonl_rows(text, name)
    elif kind == "json":
        yield from _json_rows(text, name)
    else:
        yield from _csv_rows(text, name, path, columns)


def _kind(content: str, suffix: str, columns: Columns) -> str:
    start = content.lstrip()
    lines = [line for line in start.split("\n", _LOOK_AHEAD)[:_LOOK_AHEAD] if line.strip()]
    if _is_container(lines[0]):
        if len(start.rstrip()) > len(lines[0].rstrip()):
            return "jsonl"
        return "jsonl" if suffix in _JSONL and reads_as_row(json.loads(lines[0])) else "json"
    a_row_a_line = any(line[0] in "[{" and _is_container(line) for line in lines)
    if suffix in (".csv", ".tsv") and _known_delimiters(lines[0], columns):
        return "csv"
    if start[0] in "[{":
        if _load(start)[1] is None or (start[0] == "[" and not a_row_a_line):
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


def _starts_with_json(text: str) -> bool:
    try:
        json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return True


# --- JSONL ---------------------------------------------------------------------------------------


def _jsonl_rows(text: Text, name: str) -> Iterator[Row]:
    # Only \n ends a row: U+2028 and its kind are allowed inside JSON strings.
    for number, line in enumerate(text.content.split("\n"), 1):
        line = line.strip()
        if not line:
            continue
        where, repairs = f"{name}:{number}", _decoding(text, number, number)
        value, problem = _load(line)
        if problem and line.endswith(",") and line[0] in "[{":
            value, problem = _load(line[:-1])
            repairs += () if problem else ("removed_trailing_comma",)
        yield Row(where, value, line[:_RAW], problem, repairs)


def _load(text: str) -> tuple[Any, str | None]:
    try:
        return json.loads(text), None
    except (ValueError, RecursionError):  # RecursionError: thousands of nested brackets
        return None, "not_json"


def _decoding(text: Text, first: int, last: int) -> tuple[str, ...]:
    return ("decoded_cp1252",) if text.is_odd(first, last) else ()


# --- JSON ----------------------------------------------------------------------------------------


def _json_rows(text: Text, name: str) -> Iterator[Row]:
    content = text.content
    start = len(content) - len(content.lstrip())
    everything = _decoding(text, 1, len(content))
    if content[start] == "[":
        if _first_is_message(content, start + 1):
            value, problem = _load(content)
            if problem is None and is_message_list(value):
                yield Row(
                    f"{name}:row 1 (line 1)", value, content[start : start + _RAW], None, everything
                )
                return
        yield from _scan(text, name, start + 1, closing=True)
        return
    value, problem = _load(content)
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
    number, line, counted = 0, 1, 0
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
            yield Row(where, None, content[at : at + _RAW], "not_json")
            return
        last = line + content.count("\n", at, end)
        yield Row(where, value, content[at : min(end, at + _RAW)], None, _decoding(text, line, last))
        at = end


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
    if recognises_columns(header, columns):
        return
    prompt, completion = (name[:60] for name in names[:2]) if len(names) > 1 else ("NAME", "NAME")
    raise DataError(
        f"{path}: cannot tell which columns hold the question and the answer. Columns found: {shown}.\n"
        "Say it in the recipe, with the right names:\n"
        f"  data:\n    sources:\n      - path: {path.name}\n        columns:\n"
        f"          prompt: {prompt}\n          completion: {completion}"
    )
