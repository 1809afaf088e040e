"""Tables without names over their columns, where the rows say for certain what the columns are."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable
from itertools import islice, pairwise
from typing import Any

from talkwright.data.reading.chat.speakers import ROLES
from talkwright.data.reading.chat.turns import plain

_LOOKED_AT = 50  # rows
_FEWEST = 3  # rows of questions and answers; of turns, two do
_ASKS = re.compile(r"[?？؟]\s*[\"'”)]?\s*\Z")
_WORDS = re.compile(r"\w\W+\w")
_NUMBER = re.compile(r"\d{1,12}\Z")
_SHORT = 64  # characters of an id


def names_by_rows(content: str, reader: Callable[[Iterable[str]], Any]) -> list[str] | None:
    """Names for the columns of a table whose first line is a row already; None where it is not certain.

    Either one column has roles, of a user and an assistant, and one texts; or of two columns of texts
    one asks and the other does not. A column of ids or of running numbers may stand before.
    """
    try:
        rows = list(islice(reader(io.StringIO(content, newline="")), _LOOKED_AT + 1))
    except csv.Error:
        return None
    rows = [[cell.strip() for cell in row] for row in rows if row]
    if len(content) > 2**16 and len(rows) > _LOOKED_AT:
        rows.pop()
    width = len(rows[0]) if rows else 0
    if not 2 <= width <= 3 or len(rows) < 2 or any(len(row) != width or not all(row) for row in rows):
        return None
    columns = [list(column) for column in zip(*rows, strict=True)]
    return _turns(columns) or (_questions(columns) if len(rows) >= _FEWEST else None)


def _turns(columns: list[list[str]]) -> list[str] | None:
    """Roles beside texts; before these perhaps the ids of conversations, which repeat."""
    spoken = [at for at, column in enumerate(columns) if _are_roles(column)]
    if len(spoken) != 1:
        return None
    names = ["conversation_id"] * len(columns)
    names[spoken[0]] = "role"
    left = [at for at in range(len(columns)) if at != spoken[0]]
    texts = [at for at in left if any(map(_WORDS.search, columns[at])) and not _are_ids(columns[at])]
    if len(texts) != 1 or not all(_are_ids(columns[at]) for at in left if at != texts[0]):
        return None
    names[texts[0]] = "text"
    return names


def _are_roles(column: list[str]) -> bool:
    return {"user", "assistant"} <= {ROLES.get(plain(cell), "") for cell in column} <= {*ROLES.values()}


def _are_ids(column: list[str]) -> bool:
    """Say whether cells are short, and those of the same value follow each other."""
    if len({*column}) == len(column) or any(
        len(cell) > _SHORT or _WORDS.search(cell) for cell in column
    ):
        return False
    changes = sum(one != other for one, other in pairwise(column))
    return changes == len({*column}) - 1


def _questions(columns: list[list[str]]) -> list[str] | None:
    """Questions and their answers, perhaps behind running numbers."""
    first = columns[0]
    numbered = len(columns) == 3 and all(map(_NUMBER.match, first)) and len({*first}) == len(first)
    if len(columns) != 2 + numbered:
        return None
    asked, said = columns[-2:]
    asks = sum(_ASKS.search(cell) is not None for cell in asked)
    answers_ask = sum(_ASKS.search(cell) is not None for cell in said)
    worded = all(map(_WORDS.search, asked)) and 10 * sum(map(_is_worded, said)) >= 9 * len(said)
    certain = (
        worded
        and _ASKS.search(asked[0]) is not None
        and 10 * asks >= 8 * len(asked)
        and 10 * answers_ask <= len(said)
    )
    varied = len({*said}) == len(said) or (
        2 * len({*said}) > len(said) and any(len(s) > 40 for s in said)
    )
    return [*(["number"] if numbered else []), "question", "answer"] if certain and varied else None


def _is_worded(text: str) -> bool:
    return _WORDS.search(text) is not None
