"""Lists of turns under names that nobody knows, told by what they hold.

`{"ticket": {"thread": [{"who": "customer", "body": "..."}, {"who": "agent", "body": "..."}]}}`: one
field of each item says who speaks, in words that are known for roles, and one is the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from itertools import islice
from typing import Any

from talkwright.data.reading.chat.branches import BRANCHING
from talkwright.data.reading.chat.callings import calling_turns
from talkwright.data.reading.chat.characters import character_turns
from talkwright.data.reading.chat.desks import annotated_turns, opening_of
from talkwright.data.reading.chat.speakers import (
    NOTES,
    PERSON_KEYS,
    ROLE_KEYS,
    ROLES,
    guess_roles,
    is_side_note,
    role_meant,
)
from talkwright.data.reading.chat.talks import ONE_TALK
from talkwright.data.reading.chat.turns import LISTS, TEXT_KEYS, WHEN, Fields, Unfit, as_list, plain
from talkwright.data.reading.chat.unfolding import are_langchain

_DEEPEST = 2  # objects around the list
_WHO = frozenset((*ROLE_KEYS, *PERSON_KEYS))
_PAIRS = (
    ("input", "output"), ("user", "assistant"), ("human", "assistant"), ("prompt", "response"),
    ("question", "answer"), ("query", "response"), ("user", "bot"), ("instruction", "output"),
)  # fmt: skip
_BOTH = frozenset(["user", "assistant"])
_LONGEST_NAME = 40  # characters of a role
_WITHOUT_WORDS = "delex"  # a copy of the turns, with the kinds of names and numbers for them (ABCD's)
_MOST_LISTS = 50  # of one row that are looked at
_TEXT_NAMES = (*TEXT_KEYS, "msg", "messagetext", "plainbody", "messagebody", "comment")
_KEPT = (
    "weight", "private", "public", "internal", "name", "tool_calls", "function_call", "tool_call_id",
    "annotation", "feedback", "rating", "thumbs", "vote", "reaction", "liked", "disliked",
    "image", "images", "video", "videos",
)  # fmt: skip
_HEARS = ("to", "recipient", "receiver", "target", "assignee", "assignedto")
_CALLED = ("name", "fullname", "displayname", "username", "title", "subject", "email", "label", "avatar")
_WORDS = re.compile(r"[^\W\d_]\s+[^\W\d_]|[^\W\d_]{2}[.!?]")


def unnamed_turns(value: Fields) -> tuple[Fields, list[Any]] | None:
    """The turns of a row under names that every reader knows, with the object that they are in.

    None where no list looks like turns. Raises Unfit ("unsure_turns") where one does and it cannot be
    told who asks or what is said, or where several do.
    """
    if (told := calling_turns(value)) is not None:
        return value, told
    listed = as_list(value.get("data"))
    if _is_ultrachat(value, listed):
        return value, listed or []
    found, unsure = [], False
    lists = list(islice(_lists(value, 0), _MOST_LISTS))
    original = [each for each in lists if not each[0].startswith(_WITHOUT_WORDS)]
    for name, items, around in original or lists:
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


def _is_ultrachat(value: Fields, listed: list[Any] | None) -> bool:
    """Say whether a row has nothing but an id beside a list of texts, which two say in turn."""
    texts = listed is not None and len(listed) > 1 and all(isinstance(text, str) for text in listed)
    return (
        texts
        and {plain(key) for key in value} <= {"id", "data", "promptid", "source"}
        and len(value) > 1
    )


def has_unnamed_turns(value: Fields) -> bool:
    """Say whether a row has exactly one such list."""
    try:
        return unnamed_turns(value) is not None
    except Unfit:
        return False


def is_lone_message(value: Fields) -> bool:
    """Say whether a row is one message: somebody known for a role, or flagged so, says a text."""
    keys = {plain(key): held for key, held in value.items()}
    said = any(isinstance(keys.get(name), str) for name in _TEXT_NAMES)
    return said and any(
        (name in _WHO and isinstance(held, str) and plain(held) in ROLES)
        or role_meant(name, held) is not None
        for name, held in keys.items()
    )


def _lists(value: Fields, depth: int) -> Iterator[tuple[str, list[Fields], Fields]]:
    parts, source = value.get("conversation_parts"), value.get("source")
    if isinstance(parts, dict) and isinstance(source, dict) and {"author", "body"} <= source.keys():
        items = (
            as_list(parts.get("conversation_parts")) or []
        )  # Intercom's, without what was asked first
        if all(isinstance(item, dict) for item in items):
            yield "conversation", [source, *items], value
            return
    for key, held in value.items():
        if isinstance(held, dict) and depth < _DEEPEST:
            yield from _lists(held, depth + 1)
            continue
        found = _unwrapped(_named_pairs(as_list(held)))
        if found and all(isinstance(item, dict) for item in found):
            yield plain(key), found, value


def _unwrapped(items: list[Any] | None) -> list[Any] | None:
    """Items that are each in an object of its own, under a name that all share: Grok's
    {"response": {...}}, Freshdesk's {"helpdesk_note": {...}}; other lists as they are."""
    if not items or not all(isinstance(item, dict) and len(item) == 1 for item in items):
        return items
    names = {name for item in items for name in item}
    inner = [held for item in items for held in item.values()]
    return inner if len(names) == 1 and all(isinstance(held, dict) for held in inner) else items


def _named_pairs(items: list[Any] | None) -> list[Any] | None:
    """Pairs of a speaker and what is said, as ABCD's, as objects; other lists as they are."""
    if not items or not all(
        isinstance(item, list)
        and len(item) == 2
        and isinstance(item[0], str)
        and isinstance(item[1], str)
        for item in items
    ):
        return items
    roles = {ROLES.get(plain(item[0])) for item in items}
    if not {"user", "assistant"} <= roles or len({item[0] for item in items}) > 4:
        return items
    named = {"action": "event"}
    return [{"speaker": named.get(item[0], item[0]), "text": item[1]} for item in items]


def _turns(name: str, items: list[Fields], around: Fields) -> list[Fields] | None:
    if name in ONE_TALK or name in LISTS:
        for asks, answers in _PAIRS:
            if all(isinstance(item.get(key), str) for item in items for key in (asks, answers)):
                return _asked_and_answered(items, asks, answers)
    if (told := annotated_turns(items) or character_turns(items)) is not None:
        return told
    if len(items) > 1 and are_langchain(items):
        return items
    opened = opening_of(around) is not None
    if len(items) < 2 and not opened:
        return None
    if all(isinstance(item.get("message"), dict) and "author" in item["message"] for item in items):
        items = [item["message"] for item in items]  # ChatGPT's shared links
    spoken = [item for item in items if not _is_silent(item)]
    shared = [key for key in spoken[0] if all(key in item for item in spoken)] if spoken else []
    says = _text_key(spoken, shared)
    roles = _speakers(spoken, shared, around, {"assistant"} if opened and says else _BOTH)
    who = _named(name, spoken, shared, says) if roles is None else roles
    if who is None:
        return None
    if says is None:
        raise Unfit("unsure_turns")
    left, turns = iter(who), []
    for item in items:
        more = {key: item[key] for key in item if key in _KEPT or key in BRANCHING or plain(key) in WHEN}
        name = "note" if _is_silent(item) else next(left)
        turns.append({**more, "speaker": name, "content": _said(item, says)})
    return turns


def _asked_and_answered(items: list[Fields], asks: str, answers: str) -> list[Fields]:
    """Items with a question and its answer each as turns, behind what the item says of a system prompt.

    XTuner's have it in the first item; one that is said again is not repeated.
    """
    turns, last = [], None
    for item in items:
        system = item.get("system")
        if isinstance(system, str) and system.strip() and system != last:
            turns.append({"role": "system", "content": system})
            last = system
        turns.append({"role": "user", "content": item[asks]})
        turns.append({"role": "assistant", "content": item[answers]})
    return turns


def _is_silent(item: Fields) -> bool:
    """Say whether an item is a note, or says nothing under any name: an event between the turns."""
    if is_side_note(item) or item.get("part_type") in ("note", "assignment", "close", "open"):
        return True
    known = [item[key] for key in item if plain(key) in _TEXT_NAMES]
    calls = item.get("tool_calls") or item.get("function_call")
    return (
        not calls
        and not any(known)
        and not any(isinstance(v, str) and _WORDS.search(v) for v in item.values())
    )


def _said(item: Fields, key: str) -> Any:
    """What an item says. Telegram's texts may be in parts, of which links and the like are marked."""
    said = item.get(key)
    if not isinstance(said, list) or "text_entities" not in item:
        return said
    texts = [part.get("text") if isinstance(part, dict) else part for part in said]
    return "".join(map(str, texts)) if all(isinstance(text, str) for text in texts) else said


def _speakers(
    items: list[Fields], shared: list[str], around: Fields, need: Set[str]
) -> list[str] | None:
    """Who speaks in each item, where one field says it in words that are known; Unfit: two disagree.

    `need` are the roles that have to be among them.
    """
    found: dict[tuple[str, ...], list[str]] = {}
    for key in (key for key in shared if plain(key) not in _HEARS):
        names = [_name(key, item[key]) for item in items]
        roles = tuple(ROLES.get(name or "", "" if name not in NOTES else "note") for name in names)
        if need <= {*roles} and "" not in roles:
            found.setdefault(roles, [name or "" for name in names])
    if not found:
        return _by_ids(items, shared, around, need)
    if len(found) > 1:
        raise Unfit("unsure_turns")
    return next(iter(found.values()))


def _name(key: str, value: Any) -> str | None:
    """The plain name of a role that a field of an item holds, or means."""
    name = plain(key)
    if isinstance(value, bool):
        return role_meant(name, value)
    if isinstance(value, dict):
        flag = next((held for part, held in value.items() if plain(part) == "isbot"), None)
        if isinstance(flag, bool):
            return "assistant" if flag else "user"
        value = next((value[part] for part in ("role", "type") if part in value), None)
    if not isinstance(value, str) or len(value) > _LONGEST_NAME:
        return None
    called = plain(value.strip())
    return role_meant(name, value) or called if name.endswith("direction") else called


def _by_ids(items: list[Fields], shared: list[str], around: Fields, need: Set[str]) -> list[str] | None:
    """Who speaks by ids: whoever requested a ticket asks, or as a list of users beside it says."""
    roles = {str(held): "user" for key, held in around.items() if plain(key) == "requesterid"}
    others = "assistant" if len(roles) == 1 else ""
    for held in around.values():
        for user in held if isinstance(held, list) and not others else ():
            said = (
                user.get("role", user.get("type")) if isinstance(user, dict) and "id" in user else None
            )
            if isinstance(said, str) and plain(said) in ROLES:
                roles[str(user["id"])] = plain(said)
    for key in shared:
        if plain(key) in ("authorid", "senderid", "fromid", "userid"):
            found = [roles.get(str(item[key]), others) for item in items]
            asked = {ROLES.get(role, "") for role in found}
            return found if need <= asked and "" not in asked else None
    return None


def _named(name: str, items: list[Fields], shared: list[str], says: str | None) -> list[Any] | None:
    """The names of who speaks, where it can be told who asks; None where this is no conversation."""
    key = next((key for key in shared if plain(key) in _WHO), None)
    if key is None or says is None:
        return None
    names = [_person(item[key]) for item in items]
    known = {plain(called) for called in names if isinstance(called, str)} & ROLES.keys()
    telling = known or name in ONE_TALK or name in LISTS
    if telling and guess_roles([{"speaker": called} for called in names]):
        return names
    raise Unfit("unsure_turns")


def _person(value: Any) -> Any:
    """A name, or the one in an object such as {"user": {"displayName": ...}}."""
    for _ in range(2):
        if isinstance(value, dict):
            found = [
                held for key, held in value.items() if plain(key) in ("user", "name", "displayname")
            ]
            value = found[0] if len(found) == 1 else None
    return value


def _text_key(items: list[Fields], shared: list[str]) -> str | None:
    """The field with what is said: by its name, else the only one with words."""
    if any(plain(key) in TEXT_KEYS and not _is_text(item, key) for item in items for key in item):
        return None  # it has what is no text, such as a picture
    texts = [key for key in shared if all(_is_text(item, key) for item in items)]
    for name in _TEXT_NAMES:
        for key in texts:
            if plain(key) == name and any(item[key] for item in items):
                return key
    texts = [key for key in texts if plain(key) not in _CALLED]
    worded = [
        key
        for key in texts
        if any(isinstance(t := item[key], str) and _WORDS.search(t) for item in items)
    ]
    return worded[0] if len(worded) == 1 else None


def _is_text(item: Fields, key: str) -> bool:
    said = _said(item, key)
    if isinstance(said, dict):  # Teams' {"contentType": "html", "content": "..."}
        return isinstance(said.get("content"), str) or isinstance(said.get("parts"), list)
    return said is None or isinstance(said, str)
