"""CSV and TSV files, told apart by their header, and the columns that a table must have."""

from __future__ import annotations

import csv
import difflib
import io
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from talkwright.config import Columns
from talkwright.data.reading.disk.files import Text
from talkwright.data.reading.kinds.backslashes import is_backslashed, usual_blocks
from talkwright.data.reading.kinds.cells import is_ours, restored, without_nothing
from talkwright.data.reading.kinds.headless import names_by_rows
from talkwright.data.reading.kinds.repeated import has_repeated, rows_with_one_of_each, told_apart
from talkwright.data.reading.kinds.titles import end_of_titles
from talkwright.data.reading.mending.holes import HOLE
from talkwright.data.reading.rows import RAW, Row, decoding
from talkwright.data.reading.shapes.formats import (
    is_battle_without_conversations,
    reads_as_row,
    recognises_columns,
)
from talkwright.data.reading.together.messages import is_message_table
from talkwright.errors import DataError

_DELIMITERS = ",;\t|"
SEPARATOR_LINE = re.compile('"?sep=([,;\t|])"?\r?\n', re.IGNORECASE)  # Excel's first line
_FIELD_LIMIT = 2**22  # characters; a longer cell is no conversation, and a quote that is never closed
_PART = 2**20  # characters


def known_delimiters(line: str, columns: Columns) -> list[str]:
    """The delimiters with which a line is a header that can be read."""
    return [mark for mark in _DELIMITERS if _is_known(_cells(line, mark), columns)]


_HOLE = HOLE.replace("\0", "\x01")  # as it comes from `_Lines`

# What stands in a cell rather than over a column: a sentence, or more words than a name has.
_LIKE_TEXT = re.compile(r"[.!?]\s*$|[.!?] |(?<!\S)(?:\S+\s+){5}")


def _is_known(header: list[str], columns: Columns) -> bool:
    named = columns.prompt or columns.completion
    return recognises_columns(header, columns) or (not named and is_message_table(header))


class _TooLongError(csv.Error):
    """A line as long as no conversation is."""


class _Lines:
    """Lines of a file that comes in blocks, with those of the record being read kept to go back to.

    A quote that is never closed makes one record of all that follows. A record may be as long as a
    cell may, less what records that came to nothing have cost already: so a file with an open quote on
    each line takes no more time than twice its length, and one with a few of them loses only these.
    """

    def __init__(self, blocks: Iterable[Text]):
        self._coming = self._lines(blocks)
        self._again: deque[tuple[str, int]] = deque()  # lines that come again, with their numbers
        self._taken: list[tuple[str, int]] = []  # lines of this record
        self._before = 0  # lines of the blocks that are done
        self._odd: tuple[int, ...] = ()
        self._foreign: tuple[int, ...] = ()
        self._allowed = _FIELD_LIMIT  # characters that a record of several lines may have
        self._size = 0  # characters of this record
        self.torn = False  # whether blocks of NUL were met
        self.doubted = 0  # the last line that a broken record took for its own

    def _lines(self, blocks: Iterable[Text]) -> Iterator[tuple[str, int]]:
        for block in blocks:
            self._odd = _moved(self._odd[-1000:], block.odd_lines, self._before)
            self._foreign = _moved(self._foreign[-1000:], block.foreign_lines, self._before)
            # NUL: Python 3.10's reader stops at it. Cleaning takes control characters out, and says so.
            self.torn = self.torn or HOLE in block.content
            number = self._before + 1
            for part in _parts(block.content.replace("\0", "\x01")):
                for line in io.StringIO(part, newline=""):
                    yield line, number
                    number += line.endswith("\n")
            self._before += block.content.count("\n")

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._size > self._allowed:
            raise StopIteration
        pair = self._again.popleft() if self._again else next(self._coming)
        self._taken.append(pair)
        self._size += len(pair[0])
        if len(pair[0]) >= _FIELD_LIMIT:
            self._skip(pair[1])
            raise _TooLongError
        return pair[0]

    def _skip(self, number: int) -> None:
        """Pass over what else there is of a line that is too long."""
        for piece in self._coming:
            if piece[1] != number:
                self._again.append(piece)
                return

    def record(self) -> tuple[int, int, str]:
        """The first and last line of the record that was read, and its text; the next one follows."""
        first, last = self._taken[0][1], self._taken[-1][1]
        text = "".join(line for line, _ in self._taken) if first <= self.doubted else ""
        self._allowed = min(_FIELD_LIMIT, self._allowed + self._size)
        self._taken, self._size = [], 0
        return first, last, text

    def give_back(self) -> tuple[int, str]:
        """The broken record's first line, with its number; the others come again."""
        line, number = self._taken[0]
        self.doubted = max(self.doubted, self._taken[-1][1])
        self._again.extendleft(reversed(self._taken[1:]))
        self._allowed = max(0, self._allowed - self._size) + len(line)
        self._taken, self._size = [], 0
        return number, line

    def decoding(self, first: int, last: int) -> tuple[str, ...]:
        return decoding(Text("", self._odd, foreign_lines=self._foreign), first, last)


def _moved(numbers: tuple[int, ...], more: tuple[int, ...], by: int) -> tuple[int, ...]:
    """Line numbers, and `more` of them that are counted from another line."""
    return (*numbers, *(number + by for number in more if number + by > 0))


@dataclass(frozen=True, slots=True)
class _Opening:
    """What the first block of a table says of it: the names of its columns, and what stands above.

    `begin` is the block from the names on, `before` how many lines came earlier, `titles` those of them
    that were passed over; `guessed` where the names come from the rows.
    """

    begin: str
    before: int
    header: list[str]
    delimiter: str
    titles: str = ""
    guessed: bool = False


def csv_rows(blocks: Iterator[Text], name: str, path: Path, columns: Columns) -> Iterator[Row]:
    """Yield the rows of a table; its header is in the first block. Raises DataError for columns."""
    first = next(blocks, Text(""))
    opening = _opening(first.content, columns)
    header, begin = opening.header, opening.begin
    require_columns(header, columns, path, partial(_first_row, begin, header, opening.delimiter))
    rows = _rows_below(opening, first, blocks, name)
    if has_repeated(header):
        rows = rows_with_one_of_each(rows, header, columns, path)
    if opening.titles and (row := next(rows, None)) is not None:
        raw = f"{opening.titles} {row.raw}"[:RAW]
        yield replace(row, raw=raw, repairs=(*row.repairs, "removed_title"))
    yield from rows


def _opening(content: str, columns: Columns) -> _Opening:
    skipped = len(content) - len(content.lstrip("\r\n \t"))
    if (told := SEPARATOR_LINE.match(content, skipped)) is not None:
        skipped = told.end()
    before = content.count("\n", 0, skipped)
    begin = content[skipped:] if before else content
    header, delimiter = _header(begin, columns, told and told[1])
    if len(header) < 2 or not _has_names(header, columns):
        readers = [partial(_reader, delimiter=mark) for mark in (told[1] if told else _DELIMITERS)]
        has_names = partial(_has_names, columns=columns)
        if end := end_of_titles(begin, readers, has_names, whole=len(begin) < _PART):
            titles = " ".join(line.strip() for line in begin[:end].splitlines() if line.strip())
            before += begin.count("\n", 0, end)
            header, delimiter = _header(begin[end:], columns, told and told[1])
            return _Opening(begin[end:], before, header, delimiter, titles)
    found = None if told or _is_known(header, columns) else _headless(begin, columns)
    header, delimiter = found or (header, delimiter)
    return _Opening(begin, before, header, delimiter, guessed=found is not None)


def _has_names(header: list[str], columns: Columns) -> bool:
    """Say whether a line has the names that the recipe takes, or known ones."""
    named = [name for name in columns.model_dump().values() if name is not None]
    return all(name in told_apart(header) for name in named) and _is_known(header, columns)


def _rows_below(opening: _Opening, first: Text, blocks: Iterator[Text], name: str) -> Iterator[Row]:
    header, delimiter, before = told_apart(opening.header), opening.delimiter, opening.before
    odd, foreign = (_moved((), numbers, -before) for numbers in (first.odd_lines, first.foreign_lines))
    texts: Iterator[Text] = _chain(Text(opening.begin, odd, foreign_lines=foreign), blocks)
    repaired: tuple[str, ...] = ("guessed_header",) if opening.guessed else ()
    read = partial(_reader, delimiter=delimiter)
    if is_backslashed(opening.begin, read, len(header), whole=len(opening.begin) < _PART):
        texts, repaired = usual_blocks(texts), (*repaired, "fixed_quotes")
    lines = _Lines(texts)
    reader = read(lines)
    if not opening.guessed:
        next(reader, None)
        lines.record()
    number, bare = 0, _bare_cells(delimiter)
    while True:
        cells: list[str] | None
        problem = "broken_quotes"
        try:
            cells = next(reader)
            if lines.torn and any(_HOLE in cell for cell in cells):
                problem = "lost_bytes"
                raise csv.Error
            line, last, raw = lines.record()
        except StopIteration:
            return
        except csv.Error as error:
            line, raw = lines.give_back()
            cells, last = None, line
            if isinstance(error, _TooLongError) and len(raw) >= _FIELD_LIMIT:
                problem = "line_too_long"
        if cells == []:
            continue
        number += 1
        where = f"{name}:row {number} (line {before + line})"
        repairs = (*lines.decoding(line, last), *repaired)
        if cells is not None and line <= lines.doubted:
            repairs = (*repairs, "after_broken_quotes")
            if not _stands_alone(cells, header, raw, bare):
                cells = None
                lines.doubted = max(lines.doubted, last + 1)  # the text goes on
        if cells is not None and (names := _names_again(cells, header)):
            header, cells, raw, problem = names, None, delimiter.join(names), "repeated_header"
        if cells is None:
            yield Row(where, None, raw.replace("\x01", "")[:RAW].strip(), problem, repairs)
        else:
            yield _csv_row(where, header, cells, repairs)


def _stands_alone(cells: list[str], header: list[str], raw: str, bare: re.Pattern[str]) -> bool:
    """Say whether what follows a broken quote is a row, and not a line of the text in that quote.

    A row has as many cells as the header. Prose has quotes in the middle, and spaces behind commas.
    """
    if len(cells) != len(header):
        return False
    held = (found[1] for found in bare.finditer(raw.strip("\r\n")) if found[1])
    return not any('"' in cell or cell[0] == " " for cell in held)


def _bare_cells(delimiter: str) -> re.Pattern[str]:
    mark = re.escape(delimiter)
    return re.compile(rf'(?:\A|{mark})(?: *"[^"]*"(?:"[^"]*")*|([^{mark}]*))')


def _parts(content: str) -> Iterator[str]:
    """A text in parts of whole lines, since a line is looked for in a copy four times as large."""
    at = 0
    while at < len(content):
        end = content.find("\n", at + _PART, at + _FIELD_LIMIT) + 1
        if not end:  # a line that is too long begins here, or behind the last line end
            end = content.rfind("\n", at, at + _FIELD_LIMIT) + 1 or at + _FIELD_LIMIT
        yield content[at:end]
        at = end


def _chain(first: Text, rest: Iterator[Text]) -> Iterator[Text]:
    yield first
    yield from rest


def _names_again(cells: list[str], header: list[str]) -> list[str] | None:
    """The names of columns where a line has them once more, in whatever order: another table begins."""
    if cells[0].strip("\ufeff \t") not in header or len(cells) != len(header) or len(header) < 2:
        return None
    names = [cell.strip("\ufeff \t") for cell in cells]
    return names if sorted(names) == sorted(header) else None


def _csv_row(where: str, header: list[str], cells: list[str], repairs: tuple[str, ...]) -> Row:
    extra = cells[len(header) :]
    if is_ours(header):
        plain = [restored(cell) for cell in cells]
        cells, repairs = plain, (*repairs, *(["restored_formula"] if plain != cells else []))
    value = {key: cell for key, cell in zip(header, cells, strict=False) if key.strip()}
    raw = json.dumps({k: v[:RAW] for k, v in value.items() if v.strip()}, ensure_ascii=False)[:RAW]
    problem = "too_many_cells" if any(cell.strip() for cell in extra) else None
    if (held := cells if is_ours(header) else without_nothing(cells)) is not cells:
        value = {key: cell for key, cell in zip(header, held, strict=False) if key.strip()}
    return Row(where, value, raw, problem, repairs)


def _header(content: str, columns: Columns, told: str | None = None) -> tuple[list[str], str]:
    if told is not None and len(cells := _cells(content, told)) > 1:
        return cells, told
    found = [(_cells(content, delimiter), delimiter) for delimiter in _DELIMITERS]
    known = [pair for pair in found if _is_known(pair[0], columns)]
    return max(known or found, key=lambda pair: len(pair[0]))


def _headless(content: str, columns: Columns) -> tuple[list[str], str] | None:
    """The columns of a table without names for them and its delimiter, where exactly one is certain."""
    if columns != Columns():
        return None
    found = [(names_by_rows(content, partial(_reader, delimiter=mark)), mark) for mark in _DELIMITERS]
    certain = [(names, mark) for names, mark in found if names is not None]
    return certain[0] if len(certain) == 1 else None


def _reader(lines: Iterable[str], delimiter: str) -> Any:
    if csv.field_size_limit() < _FIELD_LIMIT:
        csv.field_size_limit(_FIELD_LIMIT)
    # strict: a stray quote must not swallow the rest of the file without a word.
    return csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)


def _first_row(content: str, header: list[str], delimiter: str) -> dict[str, Any]:
    try:
        rows = _reader(io.StringIO(content, newline=""), delimiter)
        return dict(zip(header, next(islice(rows, 1, None), []), strict=False))
    except csv.Error:
        return {}


def _cells(content: str, delimiter: str) -> list[str]:
    try:
        return next(_reader(io.StringIO(content, newline=""), delimiter), [])
    except csv.Error:
        return []


def require_columns(header: list[str], columns: Columns, path: Path, first: Callable[[], Any]) -> None:
    """Raise DataError, with the columns found, unless conversations can be read from them.

    `first` gives the first row: a cell of it may hold turns under a name that says nothing of them.
    """
    names = [cell for cell in header if cell.strip()]
    shown = ", ".join(name[:60] for name in names[:30]) or "none"
    for key, wanted in columns.model_dump().items():
        if wanted is not None and wanted not in told_apart(header):
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
    if _is_known(header, columns) or reads_as_row(first()):
        return
    if len(names) < 2 or any(_LIKE_TEXT.search(name) for name in names):
        raise DataError(
            f"{path}: read as a table, its first line has no names of columns but this: {shown}.\n"
            "If it is a table, give it a first line with names, such as `question,answer`; if it is "
            "running text, it holds no questions and answers to learn from."
        )
    row = first()
    shown_row = row if isinstance(row, dict) else {}
    single = list(dict.fromkeys(names))  # a name may stand over two columns
    longest = sorted(single, key=lambda name: -len(str(shown_row.get(name) or "")))[:2]
    likely = [name[:60] for name in single if name in longest]  # what has most to say, as they stand
    prompt, completion = likely if len(likely) > 1 else ("NAME", "NAME")
    raise DataError(
        f"{path}: cannot tell which columns hold the question and the answer. Columns found: {shown}.\n"
        "Say it in the recipe, with the right names:\n"
        f"  data:\n    sources:\n      - path: {path.name}\n        columns:\n"
        f"          prompt: {prompt}\n          completion: {completion}"
    )
