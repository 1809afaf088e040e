"""Texts that were encoded as JSON once more: `"content": "\\"Hi.\\\\nBye.\\""`.

People do put all they say into quotes. So it is undone where every text of every row of a chunk is
such a string, or every text of a row is and one has an escape that nobody writes by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from talkwright.config import Columns
from talkwright.data.reading.mending.repair import load
from talkwright.data.reading.rows import Row, with_texts
from talkwright.data.reading.shapes.formats import read_row

_FEWEST = 8  # rows of which all are quoted
_QUOTED = re.compile(rb'[:,\[{]\s?"\\"')
_ESCAPE = re.compile(r'\\(?:["\\n]|u[0-9a-fA-F]{4})')


def has_quoted_texts(body: bytes, kind: str) -> bool:
    """Say whether any row of a chunk can have such texts; most chunks have none."""
    if kind == "batch":
        return b'"' in body
    return b'"\\"' in body and _QUOTED.search(body) is not None  # the first is found much sooner


def unquote(rows: list[Row]) -> list[Row]:
    """The rows of a chunk, without the quotes that an encoder put around all texts."""
    found = [_quoted(row) for row in rows]
    known = [texts for row, texts in zip(rows, found, strict=True) if row.problem is None]
    every = len(known) >= _FEWEST and all(known)
    return [
        _unquoted(row, texts) if texts and (every or any(map(_ESCAPE.search, texts))) else row
        for row, texts in zip(rows, found, strict=True)
    ]


def _unquoted(row: Row, texts: dict[str, str]) -> Row:
    value = with_texts(row.value, lambda text: texts.get(text, text))
    return replace(row, value=value, repairs=(*row.repairs, "unwrapped_string"))


def _quoted(row: Row) -> dict[str, str]:
    """The texts of a row with what they mean, where all are JSON strings; else none."""
    if row.problem is not None or not any(map(_is_quoted, _strings(row.value))):
        return {}
    draft = read_row(row.value, "auto", Columns())
    if isinstance(draft, str):
        return {}
    said = [turn.content for turn in (*draft.messages, *draft.rejected) if turn.content.strip()]
    meant = {text: load(text)[0] for text in said if _is_quoted(text)}
    strings = all(isinstance(text, str) for text in meant.values())
    return meant if len(said) > 1 and strings and meant.keys() == set(said) else {}


def _is_quoted(text: str) -> bool:
    return len(text) > 2 and text[0] == text[-1] == '"'


def _strings(value: Any) -> Iterable[str]:
    held = [value]
    while held:
        item = held.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            held += item.values()
        elif isinstance(item, list):
            held += item
