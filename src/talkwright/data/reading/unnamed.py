"""Lists of turns under names that nobody knows, told by what they hold.

`{"ticket": {"thread": [{"who": "customer", "body": "..."}, {"who": "agent", "body": "..."}]}}`: one
field of each item says who speaks, in words that are known for roles, and one is the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from talkwright.data.reading.speakers import NOTES, ROLE_KEYS, ROLES, guess_roles, is_side_note
from talkwright.data.reading.talks import ONE_TALK
from talkwright.data.reading.turns import LISTS, TEXT_KEYS, Row, Unfit, as_list, plain

_DEEPEST = 2  # objects around the list
_LONGEST_NAME = 40  # characters of a role
_MOST_LISTS = 50  # of one row that are looked at
_TEXT_NAMES = (*TEXT_KEYS, "msg", "messagetext", "plainbody", "messagebody", "comment")
_KEPT = (
    "weight", "private", "public", "internal", "name", "tool_calls", "function_call", "tool_call_id",
)  # fmt: skip
_HEARS = ("to", "recipient", "receiver", "target", "assignee", "assignedto")
_CALLED = ("name", "fullname", "displayname", "username", "title", "subject", "email", "label", "avatar")
_ANSWERS = re.compile(r"(?:is|from|by)(?:agent|bot|ai|assistant|staff|support|operator|admin|model)")
_ASKS = re.compile(r"(?:is|from|by)(?:user|customer|client|human|visitor|enduser|requester)")
_DIRECTIONS = {"inbound": "user", "incoming": "user", "outbound": "assistant", "outgoing": "assistant"}
_WORDS = re.compile(r"[^\W\d_]\s+[^\W\d_]|[^\W\d_]{2}[.!?]")


def unnamed_turns(value: Row) -> tuple[Row, list[Row]] | None:
    """The turns of a row under names that every reader knows, with the object that they are in.

    None where no list looks like turns. Raises Unfit ("unsure_turns") where one does and it cannot be
    told who asks or what is said, or where several do.
    """
    found, unsure = [], False
    for count, (name, items, around) in enumerate(_lists(value, 0)):
        if count == _MOST_LISTS:
            break
        try:
            turns = _turns(name, items, {**around, **value})
        except Unfit:
            unsure = True
            continue
        if turns is not None:
            found.append((around, turns))
    if len(found) > 1 or (unsure and not found):
        raise Unfit("unsure_turns")
    return found[0] if found else None


def has_unnamed_turns(value: Row) -> bool:
    """Say whether a row has exactly one such list."""
    try:
        return unnamed_turns(value) is not None
    except Unfit:
        return False


def _lists(value: Row, depth: int) -> Iterator[tuple[str, list[Row], Row]]:
    for key, held in value.items():
        if isinstance(held, dict) and depth < _DEEPEST:
            yield from _lists(held, depth + 1)
            continue
        items = as_list(held)
        if items and len(items) > 1 and all(isinstance(item, dict) for item in items):
            yield plain(key), items, value


def _turns(name: str, items: list[Row], around: Row) -> list[Row] | None:
    spoken = [item for item in items if not is_side_note(item)]
    shared = [key for key in spoken[0] if all(key in item for item in spoken)] if spoken else []
    says = _text_key(spoken, shared)
    roles = _speakers(spoken, shared, around)
    called, who = (
        ("role", roles) if roles is not None else ("speaker", _named(name, spoken, shared, says))
    )
    if who is None:
        return None
    if says is None:
        raise Unfit("unsure_turns")
    left, turns = iter(who), []
    for item in items:
        more = {key: item[key] for key in _KEPT if item.get(key) is not None}
        note = is_side_note(item)
        turns.append({**more, called: "note" if note else next(left), "content": item.get(says)})
    return turns


def _speakers(items: list[Row], shared: list[str], around: Row) -> list[str] | None:
    """Who speaks in each item, where one field says it in words that are known; Unfit: two disagree."""
    found: dict[tuple[str, ...], list[str]] = {}
    for key in (key for key in shared if plain(key) not in _HEARS):
        names = [_name(key, item[key]) for item in items]
        roles = tuple(ROLES.get(name or "", "" if name not in NOTES else "note") for name in names)
        if {"user", "assistant"} <= {*roles} and "" not in roles:
            found.setdefault(roles, [name or "" for name in names])
    if not found:
        return _by_ids(items, shared, around)
    if len(found) > 1:
        raise Unfit("unsure_turns")
    return next(iter(found.values()))


def _name(key: str, value: Any) -> str | None:
    """The plain name of a role that a field of an item holds, or means."""
    name = plain(key)
    if isinstance(value, bool):
        if _ANSWERS.fullmatch(name):
            return "assistant" if value else "user"
        return ("user" if value else "assistant") if _ASKS.fullmatch(name) else None
    if isinstance(value, dict):
        value = next((value[part] for part in ("role", "type") if part in value), None)
    if not isinstance(value, str) or len(value) > _LONGEST_NAME:
        return None
    called = plain(value.strip())
    return _DIRECTIONS.get(called, called) if name.endswith("direction") else called


def _by_ids(items: list[Row], shared: list[str], around: Row) -> list[str] | None:
    """Of a ticket: whoever made it asks, whoever else writes answers."""
    asks = {
        str(held) for key, held in around.items() if plain(key) == "requesterid" and held is not None
    }
    for key in shared:
        if plain(key) in ("authorid", "senderid", "fromid", "userid") and len(asks) == 1:
            roles = ["user" if str(item[key]) in asks else "assistant" for item in items]
            return roles if len({*roles}) == 2 else None
    return None


def _named(name: str, items: list[Row], shared: list[str], says: str | None) -> list[Any] | None:
    """The names of who speaks, where it can be told who asks; None where this is no conversation."""
    key = next((key for key in shared if plain(key) in ROLE_KEYS), None)
    if key is None or says is None:
        return None
    names = [item[key] for item in items]
    known = {plain(called) for called in names if isinstance(called, str)} & ROLES.keys()
    telling = known or name in ONE_TALK or name in LISTS
    if telling and guess_roles([{"speaker": called} for called in names]):
        return names
    raise Unfit("unsure_turns")


def _text_key(items: list[Row], shared: list[str]) -> str | None:
    """The field with what is said: by its name, else the only one with words."""
    texts = [key for key in shared if all(isinstance(item[key], (str, type(None))) for item in items)]
    for name in _TEXT_NAMES:
        for key in texts:
            if plain(key) == name and any(item[key] for item in items):
                return key
    texts = [key for key in texts if plain(key) not in _CALLED]
    worded = [key for key in texts if any(_WORDS.search(item[key] or "") for item in items)]
    return worded[0] if len(worded) == 1 else None
