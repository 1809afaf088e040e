"""Tables with one message a row: rows of a conversation are put together to one row.

A row says whose conversation it is in (`conversation_id` and the like), who speaks and what. Rows of one
conversation may be scattered; they are put in the order of a turn's number or time where there is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from talkwright.data.reading.rows import RAW, Row
from talkwright.data.reading.speakers import ROLES, guess_roles, speaker
from talkwright.data.reading.turns import GROUP_NAMES, LISTS, plain

_IDS = """
    conversationid convid convoid dialogueid dialogid threadid sessionid chatid ticketid caseid callid
""".split()  # noqa: SIM905
_ROLES = """
    role speakerrole senderrole sendertype authorrole authortype speaker from sender author actor by
""".split()  # noqa: SIM905
_TEXTS = "content text message utterance body value says msg messagetext".split()  # noqa: SIM905
_ORDERS = """
    turn turnid turnnumber turnindex order index messageindex messagenumber position sequence seq step
    timestamp createdat sentat datetime tstamp date time
""".split()  # noqa: SIM905
# Signs of a row that is more than one message.
_OTHERS = {
    *LISTS[:6], "utterances", "parentid", "prompt", "completion", "response", "answer", "chosen",
    "reply", "question", "instruction", "input", "output", "query", "assistant", "document", "modela",
}  # fmt: skip
_ALONE = 1000  # messages of a file without conversation ids, which is one conversation
_HELD = 2**27  # characters of unfinished conversations
_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?")


def is_message_table(names: Iterable[Any], alone: bool = False) -> bool:
    """Say whether rows with these columns are messages with their conversation's id.

    `alone`: whether they are messages even of a file that is a single conversation.
    """
    keys = {plain(name) for name in names}
    parts = (_ROLES, _TEXTS) if alone else (_IDS, _ROLES, _TEXTS)
    return all(keys.intersection(part) for part in parts) and not keys & _OTHERS


def join_messages(rows: Iterator[Row], alone: bool = True) -> Iterator[Row]:
    """Rows as they are, or put together where they are messages; `alone` as for `is_message_table`."""
    first = next(rows, None)
    if first is None:
        return
    rows = chain([first], rows)
    if isinstance(first.value, dict) and is_message_table(first.value):
        yield from _joined(rows)
    elif alone and isinstance(first.value, dict) and is_message_table(first.value, alone=True):
        held: list[Row] = []
        for row in rows:
            held.append(row)
            if len(held) > _ALONE:
                break
        turns = [_turn(row.value) for row in held if isinstance(row.value, dict)]
        names = {speaker(turn) for turn in turns}
        told = names <= ROLES.keys() or bool(guess_roles(turns))
        one = len(turns) == len(held) <= _ALONE and None not in turns and len(names) > 1 and told
        yield from [_together(held)] if one else chain(held, rows)
    else:
        yield from rows


def _joined(rows: Iterator[Row]) -> Iterator[Row]:
    """Conversations in the order of their first rows."""
    open_ones: dict[str, list[Row]] = {}
    sizes: dict[str, int] = {}
    gone: set[int] = set()
    size = 0
    for row in rows:
        name = _id_of(row.value)
        if name is None:
            yield row
            continue
        if hash(name) in gone:
            yield Row(row.where, None, row.raw, "scattered_messages")
            continue
        cost = len(row.raw) + sum(len(cell) for cell in row.value.values() if isinstance(cell, str))
        open_ones.setdefault(name, []).append(row)
        sizes[name] = sizes.get(name, 0) + cost
        size += cost
        while size > _HELD:  # the conversation that began first is complete, or too scattered
            oldest = next(iter(open_ones))
            gone.add(hash(oldest))
            size -= sizes.pop(oldest)
            yield _together(open_ones.pop(oldest))
    for held in open_ones.values():
        yield _together(held)


def _id_of(value: Any) -> str | None:
    """The conversation that a row belongs to; None for a row that is no message."""
    if not isinstance(value, dict) or _turn(value) is None:
        return None
    keys = {plain(key): key for key in reversed(value)}
    found = next((value[keys[name]] for name in _IDS if name in keys), None)
    if found is None or isinstance(found, (dict, list, bool)) or not str(found)[:200].strip():
        return None
    return str(found)[:200].strip()


def _turn(value: dict[str, Any]) -> dict[str, Any] | None:
    """A row's message, with its role and text under names that every reader knows."""
    keys = {plain(key): key for key in reversed(value)}
    role = next((keys[name] for name in _ROLES if name in keys), None)
    text = next((keys[name] for name in _TEXTS if name in keys), None)
    if role is None or text is None:
        return None
    more = ("weight", "private", "public", "internal", "name", "tool_calls", "tool_call_id")
    named = "role" if plain(role).endswith(("role", "type")) else "speaker"
    turn = {
        name: value[keys[plain(name)]]
        for name in more
        if value.get(keys.get(plain(name), "")) is not None
    }
    return {**turn, named: value[role], "content": value[text]}


def _together(rows: list[Row]) -> Row:
    first = rows[0]
    repairs = [repair for row in rows for repair in row.repairs]
    problem = next((row.problem for row in rows if row.problem is not None), None)
    ordered = _in_order([row.value for row in rows])
    moved = any(one is not row.value for one, row in zip(ordered, rows, strict=True))
    kept = {*GROUP_NAMES, *_IDS, "system", "systemprompt", "tools", "functions"}
    value = {key: held for key, held in first.value.items() if plain(key) in kept}
    value["messages"] = [_turn(row) for row in ordered]
    names = dict.fromkeys([*repairs, *(["sorted_turns"] if moved else []), "joined_rows"])
    raw = " ".join(row.raw for row in rows[:50])[:RAW]
    return Row(first.where, value, raw, problem, tuple(names))


def _in_order(values: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows by their turn's number or time, where every one has another; else as they stand."""
    for name in _ORDERS:
        places = [
            _place(next((v for k, v in value.items() if plain(k) == name), None)) for value in values
        ]
        if (
            None in places
            or len(set(places)) < len(places)
            or len({type(place) for place in places}) > 1
        ):
            continue
        order = sorted(range(len(values)), key=lambda at: places[at])  # type: ignore[arg-type, return-value]
        return [values[at] for at in order]
    return values


def _place(value: Any) -> float | str | None:
    if isinstance(value, str) and _ISO.fullmatch(value.strip()):
        return value.strip()
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number == number else None
