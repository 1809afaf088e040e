"""Tables with one exchange a row: its conversation's id, its number in it, what was asked and answered.

Conversation ID, Turn, Customer, Agent

The rows of a conversation become one, with those before the last one as its `history`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from talkwright.config import Columns
from talkwright.data.reading.chat.turns import LISTS, Unfit, by_plain_names, plain
from talkwright.data.reading.rows import Row, as_one
from talkwright.data.reading.shapes.pairs import pair_keys

IDS = """
    conversationid convid convoid dialogueid dialogid threadid sessionid chatid ticketid caseid callid
""".split()  # noqa: SIM905
_NUMBERS = """
    turn turnid turnnumber turnno turnindex exchange exchangeid exchangenumber round step seq sequence
    messageindex messagenumber
""".split()  # noqa: SIM905
# Signs of a row that has what came before in it, is about a text, or is a verdict on its answer.
_OTHERS = {
    *LISTS, "history", "chosen", "rejected", "context", "story", "passage", "document", "modela",
    "winner", "ktotag", "desirable", "isdesirable", "label", "thumbsup", "isthumbsup", "replies",
}  # fmt: skip


def is_exchange_table(names: Iterable[Any]) -> bool:
    """Say whether rows with these columns are exchanges with their conversation's id and a number."""
    return _columns({plain(name): name for name in names}) is not None


def exchange_id(value: Any) -> str | None:
    """The id of the conversation that an exchange belongs to; None for any other row."""
    found = _parts(value)
    return found[0] if found is not None else None


def exchanges_together(rows: list[Row]) -> Iterator[Row]:
    """The exchanges of one id as one row, or as they are where their numbers are not those of its turns,
    or what was asked has what came before in it."""
    parts = [found for row in rows if (found := _parts(row.value)) is not None]
    numbers = [number for _, number, _, _ in parts]
    ordered = sorted(range(len(parts)), key=lambda at: numbers[at])
    said = [parts[at][2:] for at in ordered]
    apart = any(later.startswith(one) and len(later) > len(one) + len(answer) > 0 < len(answer)
                for (one, answer), (later, _) in pairwise(said))  # fmt: skip
    if len(rows) < 2 or len({*numbers}) < len(rows) or apart:
        yield from rows
        return
    value = {**rows[ordered[-1]].value, "history": [list(pair) for pair in said[:-1]]}
    yield as_one(rows, value, moved=ordered != sorted(ordered))


def _columns(keys: dict[str, Any]) -> tuple[Any, Any, Any, Any] | None:
    """The columns with the id, the number, the question and the answer."""
    id = next((keys[name] for name in IDS if name in keys), None)
    number = next((keys[name] for name in _NUMBERS if name in keys), None)
    if id is None or number is None or not keys.keys().isdisjoint(_OTHERS):
        return None
    try:
        return (id, number, *pair_keys(keys, Columns()))
    except Unfit:
        return None


def _parts(value: Any) -> tuple[str, float, str, str] | None:
    if not isinstance(value, dict):
        return None
    found = _columns(by_plain_names(value))
    if found is None:
        return None
    id, number, asked, said = (value[column] for column in found)
    asked, said = asked or "", said or ""
    if not isinstance(id, (str, int)) or isinstance(id, bool) or not str(id)[:200].strip():
        return None
    if not isinstance(asked, str) or not isinstance(said, str) or isinstance(number, bool):
        return None
    try:
        place = float(number)
    except (TypeError, ValueError, OverflowError):
        return None
    return (str(id)[:200].strip(), place, asked, said) if place == place else None
