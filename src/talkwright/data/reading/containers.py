"""From a file to chunks of rows: JSONL, JSON, CSV and Parquet, told apart by looking at the content.

A chunk is a piece of work for another process: bytes that say what rows they hold. How a file is cut
depends on its content alone, and what a chunk gives on nothing but the chunk.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from talkwright.config import Columns
from talkwright.data.reading.codings import (
    NO_VERDICTS,
    Verdicts,
    by_recipe,
    coding_of,
    decoder,
    has_codes,
    may_have_codes,
)
from talkwright.data.reading.disk.files import (
    WIDE_MARKS,
    Text,
    decode,
    decode_block,
    inner_suffix,
)
from talkwright.data.reading.disk.streams import LONGEST_LINE, PIECE, Stream, open_streams
from talkwright.data.reading.escapes import has_literal_escapes, undouble
from talkwright.data.reading.finding import TELLING_NOTHING, is_packed_data
from talkwright.data.reading.kinds.frames import frame_rows
from talkwright.data.reading.kinds.jsonfiles import json_rows, large_json_rows, value_at
from talkwright.data.reading.kinds.jsonl import jsonl_rows
from talkwright.data.reading.kinds.parquet import MAGIC, parquet_batches, rows_of_batch
from talkwright.data.reading.kinds.repeated import has_repeated, rows_with_one_of_each
from talkwright.data.reading.kinds.strangers import refuse_strangers
from talkwright.data.reading.kinds.tables import (
    SEPARATOR_LINE,
    csv_rows,
    known_delimiters,
    require_columns,
)
from talkwright.data.reading.mending.holes import without_holes
from talkwright.data.reading.mending.repair import load, reason_of
from talkwright.data.reading.mending.wrapped import uncommented
from talkwright.data.reading.quoted import has_quoted_texts, unquote
from talkwright.data.reading.rows import RAW, Row, decoding, without_foreign
from talkwright.data.reading.shapes.formats import reads_as_row
from talkwright.data.reading.together.casting import NO_ROLES, Roles, row_cast
from talkwright.data.reading.together.chatfiles import chat_rows, is_chat
from talkwright.data.reading.together.messages import join_messages, may_be_messages
from talkwright.data.reading.together.messengers import first_of, is_slack, messenger_rows, slack_rows
from talkwright.data.reading.together.tavern import is_tavern, tavern_rows
from talkwright.errors import DataError

_NO_COLUMNS = Columns()
_JSONL = (".jsonl", ".ndjson")
_STREAMED = re.compile(r"data:\s*[\[{]")  # a line of an event stream
_LOOK_AHEAD = 50  # lines looked at to tell JSONL from other things
_SMALL = 2**23  # bytes; a file up to this size is looked at whole
_PEEK = 2**18  # bytes looked at behind a first line that is larger than _SMALL
_LARGEST = 2**25  # bytes; what can only be read whole may be so large
_BLOCK = 2**19  # bytes of a JSONL file in a chunk
_SMALL_BLOCK = 2**18  # the same of a small file, that all processes have something of it
_ROWS = 1000  # rows in a chunk of anything else
# Line ends before what begins a row, and seldom a line of a text in a torn one: its quotes are escaped.
_SOUND_STARTS = tuple(b"\n" + start for start in (b'{"', b"{'", b"{ ", b"[{"))


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file. `body` is JSONL after `line` lines, rows as JSON, or an Arrow batch.

    `kind` is "lines", "rows" or "batch"; `name` begins the place of each row, and `line` says how many
    lines or rows came before. `coding` says what the numbers in columns of verdicts mean.
    """

    kind: str
    name: str
    line: int
    body: bytes
    coding: str = ""


def read_rows(
    path: Path,
    name: str,
    columns: Columns,
    encoding: str | None = None,
    roles: Roles = NO_ROLES,
    verdicts: Verdicts | None = NO_VERDICTS,
) -> Iterator[Row]:
    """Yield the rows of one file, or of the files packed in it; `name` starts their places.

    `encoding` is that of its text, where it is not to be looked for; `roles` says who is who in a chat,
    `verdicts` what is meant by those on two answers; None where these are not to be read.
    Raises DataError for a file that is no text, for CSV columns that cannot be told, for a chat of
    people whose roles are not known, and for verdicts that may mean either answer.
    """
    for chunk in read_chunks(path, name, columns, encoding, roles, verdicts):
        yield from rows_of(chunk)


def read_chunks(
    path: Path,
    name: str,
    columns: Columns,
    encoding: str | None = None,
    roles: Roles = NO_ROLES,
    verdicts: Verdicts | None = NO_VERDICTS,
) -> Iterator[Chunk]:
    """Yield the rows of one file, or of the files packed in it, as chunks. Raises as `read_rows`."""
    for inner, stream in open_streams(path, is_packed_data, encoding):
        place = path / inner if inner else path
        called = f"{name}/{inner}" if inner else name
        chunks = _chunks(place, called, stream, columns, roles)
        if verdicts is None:
            yield from chunks
        elif verdicts:
            yield from _coded(chunks, by_recipe(verdicts))
        else:
            first = list(islice(chunks, 1))
            again = partial(_again, place, called, stream, columns, roles)
            yield from _coded(chain(first, chunks), _coding(first, again, place))
        if stream.is_cut_off:
            yield from chunks_of([Row(f"{called}:end", None, "", "lost_end")], called)


def _again(path: Path, name: str, stream: Stream, columns: Columns, roles: Roles) -> Iterator[Row]:
    """The rows of a file whose stream has begun already, from the first on."""
    for chunk in _chunks(path, name, stream.anew(), columns, roles):
        yield from rows_of(chunk)


def _coding(first: list[Chunk], again: Callable[[], Iterator[Row]], path: Path) -> str:
    """What the numbers in the verdicts of a file mean, where its first rows have some."""
    if not first or not may_have_codes(first[0].body) or not has_codes(rows_of(first[0])):
        return ""
    return coding_of(again(), path)


def _coded(chunks: Iterable[Chunk], coding: str) -> Iterator[Chunk]:
    for chunk in chunks:
        yield replace(chunk, coding=coding) if coding else chunk


def rows_of(chunk: Chunk) -> Iterator[Row]:
    """The rows of a chunk."""
    rows: Iterable[Row] = _rows_of(chunk)
    if has_quoted_texts(chunk.body, chunk.kind):
        rows = unquote(list(rows))
    if has_literal_escapes(chunk.body, chunk.kind):
        rows = undouble(list(rows))
    yield from map(decoder(chunk.coding), rows) if chunk.coding else rows


def _rows_of(chunk: Chunk) -> Iterator[Row]:
    if chunk.kind == "lines":
        yield from without_foreign(jsonl_rows(decode_block(chunk.body), chunk.name, chunk.line))
    elif chunk.kind == "batch":
        yield from rows_of_batch(chunk.body, chunk.name, chunk.line)
    else:
        for where, value, raw, problem, repairs in json.loads(chunk.body):
            yield Row(where, value, raw, problem, tuple(repairs))


def chunks_of(rows: Iterable[Row], name: str) -> Iterator[Chunk]:
    """Rows as chunks."""
    held: list[bytes] = []
    size = 0
    for row in without_foreign(rows):
        held.append(_packed(row))
        size += len(held[-1])
        if len(held) == _ROWS or size > _SMALL:
            yield Chunk("rows", name, 0, b"[" + b",".join(held) + b"]")
            held, size = [], 0
    if held:
        yield Chunk("rows", name, 0, b"[" + b",".join(held) + b"]")


def _packed(row: Row) -> bytes:
    try:
        return json.dumps([row.where, row.value, row.raw, row.problem, row.repairs]).encode()
    except (RecursionError, ValueError, TypeError) as error:
        problem = row.problem or reason_of(error)
        return json.dumps([row.where, None, row.raw, problem, row.repairs]).encode()


def _chunks(path: Path, name: str, stream: Stream, columns: Columns, roles: Roles) -> Iterator[Chunk]:
    head = stream.peek(_SMALL + 1)
    if head.startswith(MAGIC):
        batches = enumerate(parquet_batches(path, stream))
        names, first, chunks = _batch_chunks(batches, name)
        require_columns(names, columns, path, first)
        repeated = has_repeated(names)
        if repeated or may_be_messages(names):
            rows: Iterator[Row] = (row for chunk in chunks for row in rows_of(chunk))
            rows = rows_with_one_of_each(rows, names, columns, path) if repeated else rows
            yield from chunks_of(_whole(rows, columns, path, alone=False, roles=roles), name)
            return
        yield from chunks
        return
    if len(head) <= _SMALL:
        yield from _small(path, name, stream.whole(_SMALL) or b"", columns, roles)
        return
    if head.startswith(WIDE_MARKS):
        data = stream.whole(_LARGEST)
        if data is None:
            raise DataError(f"{path}: too large to be read as UTF-16 or UTF-32. Save it as UTF-8.")
        yield from _small(path, name, data, columns, roles)
        return
    if b"\n" not in head and _has_rows_behind(stream, inner_suffix(path.name)):
        yield from _line_chunks(path, name, stream, columns, roles=roles)
        return
    text = decode(path, head[: head.rfind(b"\n") + 1] or head)
    suffix = inner_suffix(path.name)
    told = _is_chat(text.content, suffix, columns)
    if not told:
        refuse_strangers(path, text.content)
    kind = None if told else _kind(text.content, suffix, columns, whole=False)
    if kind == "jsonl":
        yield from _line_chunks(path, name, stream, columns, text.content, roles=roles)
    elif kind == "csv":
        blocks = (decode_block(block) for block in stream.blocks(PIECE))
        yield from chunks_of(
            _whole(csv_rows(blocks, name, path, columns), columns, path, roles=roles), name
        )
    elif (data := stream.whole(_LARGEST)) is not None:
        yield from _small(path, name, data, columns, roles)
    elif text.content.lstrip()[:1] == "{" and (suffix in _JSONL or b"\n{" in head):
        # Its first row is torn, or too long to be one.
        yield from _line_chunks(path, name, stream, columns, roles=roles)
    else:
        rows = _whole(large_json_rows(path, stream.rest(), name), columns, path, roles=roles)
        yield from chunks_of(rows, name)


def _has_rows_behind(stream: Stream, suffix: str) -> bool:
    """Say whether rows, one a line, follow a first line that is too long to be a row itself."""
    behind = decode_block(stream.after_line(_PEEK)).content
    lines = [line for line in behind.split("\n")[:_LOOK_AHEAD] if line.strip()]
    if len(behind) >= _PEEK - 4 and len(lines) > 1:
        lines.pop()  # the last one may be cut off
    rows = sum(_is_container(line) and reads_as_row(load(line)[0]) for line in lines)
    return rows > 0 and (suffix in _JSONL or 2 * rows > len(lines))


def _small(path: Path, name: str, data: bytes, columns: Columns, roles: Roles) -> Iterator[Chunk]:
    text = decode(path, data)
    if _is_chat(text.content, inner_suffix(path.name), columns):
        everything = decoding(text, 1, len(text.content))
        rows = chat_rows(text.content.replace("\r\n", "\n"), name, path, roles)
        told = (replace(row, repairs=(*everything, *row.repairs)) for row in rows)
        yield from chunks_of(told, name)
        return
    if (found := _without_comments(text, inner_suffix(path.name))) is not None:
        bare, names = found
        rows = (replace(row, repairs=(*row.repairs, *names)) for row in json_rows(bare, name))
        yield from chunks_of(_whole(rows, columns, path, roles=roles), name)
        return
    refuse_strangers(path, text.content)
    kind = _kind(text.content, inner_suffix(path.name), columns)
    if kind == "jsonl" and not text.wide:
        yield from _line_chunks(
            path, name, Stream(iter([data])), columns, text.content, _SMALL_BLOCK, roles
        )
    elif kind == "jsonl":
        yield from chunks_of(
            _whole(jsonl_rows(text, name), columns, path, alone=False, roles=roles), name
        )
    elif kind == "json":
        yield from chunks_of(_whole(json_rows(text, name), columns, path, roles=roles), name)
    else:
        rows = csv_rows(iter([text]), name, path, columns)
        yield from chunks_of(_whole(rows, columns, path, roles=roles), name)


def _batch_chunks(
    batches: Iterator[tuple[int, tuple[list[str], bytes]]], name: str
) -> tuple[list[str], Callable[[], Any], Iterator[Chunk]]:
    """A Parquet file's columns, what reads its first row, and its batches as chunks."""
    first = list(islice(batches, 1))
    names = first[0][1][0] if first else []

    def first_row() -> Any:
        rows = rows_of_batch(first[0][1][1], name, 0) if first else iter(())
        return getattr(next(rows, None), "value", None)

    found = chain(first, batches)
    chunks = (Chunk("batch", name, number * _ROWS, body) for number, (_, body) in found)
    return names, first_row, chunks


def _is_chat(content: str, suffix: str, columns: Columns) -> bool:
    """Say whether a file is a chat, by a name that says nothing else and by how it begins."""
    return suffix in TELLING_NOTHING and columns == _NO_COLUMNS and is_chat(content)


def _without_comments(text: Text, suffix: str) -> tuple[Text, tuple[str, ...]] | None:
    """A JSON file that is one but for comments and last commas, without them, and the names of what it
    had; None for any other."""
    start = text.content.lstrip()[:2]
    commented = start[:1] in ("[", "{") or start in ("//", "/*")
    if not commented or suffix in _JSONL or not ("//" in text.content or "/*" in text.content):
        return None
    if load(text.content)[1] is None:
        return None
    bare, names = uncommented(text.content)
    value, problem = load(bare)
    good = problem is None and isinstance(value, (dict, list))
    return (replace(text, content=bare), names) if good else None


def _line_chunks(
    path: Path,
    name: str,
    stream: Stream,
    columns: Columns,
    head: str = "",
    size: int | None = None,
    roles: Roles = NO_ROLES,
) -> Iterator[Chunk]:
    """Lines as chunks of about equal size; with one message a line, conversations."""
    first = load(head.lstrip("\ufeff \t\r\n").split("\n", 1)[0])[0]
    chunks = _blocks_of_lines(name, stream, size)
    if is_tavern(first) or (isinstance(first, dict) and may_be_messages(first)):
        rows = (row for chunk in chunks for row in rows_of(chunk))
        chunks = chunks_of(_whole(rows, columns, path, alone=False, roles=roles), name)
    yield from chunks


def _whole(
    rows: Iterator[Row], columns: Columns, path: Path, alone: bool = True, roles: Roles = NO_ROLES
) -> Iterator[Row]:
    """Rows that are messages as conversations, unless the recipe says what the columns are."""
    if columns.prompt or columns.completion:
        return rows
    first, rows = first_of(rows)
    if first is not None and is_slack(first.value):
        return slack_rows(rows, path, roles)
    if first is not None and is_tavern(first.value):
        return tavern_rows(rows)
    if roles:
        rows = (row_cast(row, roles) for row in rows)
    joined = join_messages(rows, columns, path, alone)
    return messenger_rows(joined, roles) if roles else joined


def _blocks_of_lines(name: str, stream: Stream, size: int | None) -> Iterator[Chunk]:
    line = 0
    for block in stream.blocks(size or _BLOCK, _SOUND_STARTS):
        if len(block) > LONGEST_LINE and b"\n" not in block:
            raw = block[:RAW].decode("utf-8", "replace")
            yield from chunks_of([Row(f"{name}:{line + 1}", None, raw, "line_too_long")], name)
        elif block.strip():
            yield Chunk("lines", name, line, block)
        line += block.count(b"\n")


def _kind(content: str, suffix: str, columns: Columns, whole: bool = True) -> str | None:
    """What the content is; None where only the `whole` file can tell."""
    start = without_holes(content).lstrip()
    if SEPARATOR_LINE.match(start):
        return "csv"
    lines = [line.lstrip("\ufeff \t") for line in start.split("\n", _LOOK_AHEAD)[:_LOOK_AHEAD]]
    lines = [line for line in lines if line.strip()]
    if _is_container(lines[0]):
        if len(start.rstrip()) > len(lines[0].rstrip()):
            return "jsonl"
        only = load(lines[0])[0]
        a_row = suffix in _JSONL and reads_as_row(only) and frame_rows(only) is None
        return "jsonl" if a_row else "json"
    a_row_a_line = any(
        line[0] in "[{" and (_is_container(line) or _starts_with_row(line)) for line in lines
    )
    if suffix in (".csv", ".tsv") and known_delimiters(lines[0], columns):
        return "csv"
    if start[0] in "[{" and not whole:
        return None
    if start[0] == "[" and lines[0].rstrip()[-1] in "[,":
        return "json"  # the first line of an array that is broken further on
    if start[0] in "[{":
        if load(start)[1] is None or (start[0] == "[" and not a_row_a_line):
            return "json"
        return "jsonl" if a_row_a_line or not _starts_with_json(start) else "json"
    if a_row_a_line or any(_STREAMED.match(line) for line in lines):
        return "jsonl"
    if suffix in (*_JSONL, ".json") and not known_delimiters(lines[0], columns):
        return "jsonl"
    return "csv"


def _is_container(line: str) -> bool:
    line = line.strip()
    if not line or line[0] not in "[{" or line[-1] not in "]}":
        return False
    return load(line)[1] is None


def _starts_with_row(line: str) -> bool:
    # Several rows on a line, or a row with something behind it.
    try:
        return line[0] == "{" and reads_as_row(value_at(line, 0)[0])
    except ValueError:
        return False


def _starts_with_json(text: str) -> bool:
    try:
        value_at(text, 0)
    except ValueError:
        return False
    return True
