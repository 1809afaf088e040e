"""CSV and TSV files, told apart by their header, and the columns that a table must have."""

from __future__ import annotations

import csv
import difflib
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from talkwright.config import Columns
from talkwright.data.reading.files import Text
from talkwright.data.reading.formats import is_battle_without_conversations, recognises_columns
from talkwright.data.reading.rows import RAW, Row, decoding
from talkwright.errors import DataError

_DELIMITERS = ",;\t|"
_FIELD_LIMIT = 2**24  # characters; a longer cell is no conversation, and a quote that is never closed


def known_delimiters(line: str, columns: Columns) -> list[str]:
    """The delimiters with which a line is a header that can be read."""
    return [mark for mark in _DELIMITERS if recognises_columns(_cells(line, mark), columns)]


class _Lines:
    """Lines of a file that comes in blocks; remembers which were not UTF-8."""

    def __init__(self, blocks: Iterable[Text]):
        self._blocks = blocks
        self._before = 0  # lines of the blocks that are done
        self._odd: list[int] = []

    def __iter__(self) -> Iterator[str]:
        for block in self._blocks:
            self._odd = [*self._odd[-1000:], *(self._before + number for number in block.odd_lines)]
            # NUL: Python 3.10's reader stops at it.
            yield from io.StringIO(block.content.replace("\0", "\ufffd"), newline="")
            self._before += block.content.count("\n")

    def decoding(self, first: int, last: int) -> tuple[str, ...]:
        return decoding(Text("", tuple(self._odd)), first, last)


def csv_rows(blocks: Iterator[Text], name: str, path: Path, columns: Columns) -> Iterator[Row]:
    """Yield the rows of a table; its header is in the first block. Raises DataError for columns."""
    first = next(blocks, Text(""))
    content = first.content
    skipped = len(content) - len(content.lstrip("\r\n \t"))
    first_line = content.count("\n", 0, skipped)
    begin = content[skipped:] if first_line else content
    header, delimiter = _header(begin, columns)
    require_columns(header, columns, path)
    odd = tuple(number - first_line for number in first.odd_lines if number > first_line)
    lines = _Lines(_chain(Text(begin, odd), blocks))
    reader = _reader(lines, delimiter)
    next(reader, None)
    number, line = 0, reader.line_num + 1
    while True:
        cells: list[str] | None = None
        problem = None
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            problem = "broken_quotes"
        last = max(line, reader.line_num)
        if cells != []:
            number += 1
            where = f"{name}:row {number} (line {first_line + line})"
            yield _csv_row(where, header, cells, problem, lines.decoding(line, last))
        line = last + 1


def _chain(first: Text, rest: Iterator[Text]) -> Iterator[Text]:
    yield first
    yield from rest


def _csv_row(
    where: str, header: list[str], cells: list[str] | None, problem: str | None, repairs: tuple[str, ...]
) -> Row:
    if cells is None:
        return Row(where, None, "", problem, repairs)
    extra = cells[len(header) :]
    value = {key: cell for key, cell in zip(header, cells, strict=False) if key.strip()}
    raw = json.dumps({k: v[:RAW] for k, v in value.items() if v.strip()}, ensure_ascii=False)[:RAW]
    if any(cell.strip() for cell in extra):
        problem = "too_many_cells"
    return Row(where, value, raw, problem, repairs)


def _header(content: str, columns: Columns) -> tuple[list[str], str]:
    found = [(_cells(content, delimiter), delimiter) for delimiter in _DELIMITERS]
    known = [pair for pair in found if recognises_columns(pair[0], columns)]
    return max(known or found, key=lambda pair: len(pair[0]))


def _reader(lines: Iterable[str], delimiter: str) -> Any:
    if csv.field_size_limit() < _FIELD_LIMIT:
        csv.field_size_limit(_FIELD_LIMIT)
    # strict: a stray quote must not swallow the rest of the file without a word.
    return csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)


def _cells(content: str, delimiter: str) -> list[str]:
    try:
        return next(_reader(io.StringIO(content, newline=""), delimiter), [])
    except csv.Error:
        return []


def require_columns(header: list[str], columns: Columns, path: Path) -> None:
    """Raise DataError, with the columns found, unless conversations can be read from them."""
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
