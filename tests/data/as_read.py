"""Rows, files and talks as the readers give them, for tests of each shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from talkwright.config import ArenaSection, Columns, SourceSection
from talkwright.data.entries import Entry, enter
from talkwright.data.prepare import source_rows
from talkwright.data.reading.chat.turns import Draft
from talkwright.data.reading.containers import read_rows
from talkwright.data.reading.rows import Row
from talkwright.data.reading.shapes.formats import read_row
from talkwright.types import Message


def read(row: Any, format: str = "auto", **arena: Any) -> Draft | str:
    """What a row says, or the reason to drop it."""
    return read_row(row, format, Columns(), ArenaSection(**arena))


def draft_of(row: Any, format: str = "auto", **arena: Any) -> Draft:
    """What a row says that can be read."""
    draft = read(row, format, **arena)
    assert isinstance(draft, Draft), draft
    return draft


def learnt(row: Any) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    """The turns of a row that can be read, and what was put right."""
    draft = draft_of(row)
    return draft.messages, draft.repairs


def rows_of(path: Path, content: bytes | str | None = None) -> list[Row]:
    """The rows of a file, with `content` of one that is written first; their places are in "a"."""
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_rows(path, "a", Columns()))


def entries(path: Path, **options: Any) -> list[Entry]:
    """The rows of a source, entered without any cleaning."""
    source = SourceSection.model_validate({"path": str(path), **options})
    return [enter(row, source, path.name, None) for row in source_rows(source)]


def talks(path: Path, **options: Any) -> list[list[tuple[str, str]]]:
    """Who says what in each row of a source of which none is dropped."""
    found = entries(path, **options)
    assert all(entry.conversation for entry in found), [entry.row for entry in found]
    return [[(m.role, m.content) for m in e.conversation.messages] for e in found if e.conversation]


def jsonl(path: Path, *rows: Any) -> Path:
    """A file that is written with these rows."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
