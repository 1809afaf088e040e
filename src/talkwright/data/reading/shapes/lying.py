"""Turns in other layouts than a list of objects with a role and a text each, put into that one.

{"messages": {"role": ["user", "assistant"], "content": ["q", "a"]}}   columns, as the hub's sequences
{"dialog": [["q", "a"], ["q2", "a2"]]}                                 pairs of what was asked and said
[{"user": "q"}, {"bot": "a"}]                                          each under its speaker's name
{"dialogue": ["q", "a"], "speakers": ["Ann", "Bob"]}                   texts beside who says each
{"messages": [{"versions": [{...}, {...}], "currentlySelected": 1}]}   all that was said (LM Studio's)
"""

from __future__ import annotations

from typing import Any

from talkwright.data.reading.chat.speakers import ROLE_KEYS, ROLES
from talkwright.data.reading.chat.turns import LISTS, TEXT_KEYS, Fields, Unfit, as_value, plain

_SPEAKS = frozenset(ROLE_KEYS)
_SAYS = frozenset(TEXT_KEYS)
_SPEAKERS = frozenset(("speakers", "speaker", "roles", "role"))  # SODA's, as a column of the row


def has_lying_turns(value: Any) -> bool:
    """Say whether a row is, or holds under a name for turns, such a layout."""
    try:
        return upright(value) is not value
    except Unfit:
        return True


def upright(value: Any) -> Any:
    """A row with its turns as objects; itself where none of its columns is one of these layouts.

    Raises Unfit ("uneven_turns") where columns of turns are not equally long.
    """
    if isinstance(value, list):
        turns = _named(value)
        return value if turns is None else {"messages": turns}
    if not isinstance(value, dict):
        return value
    found: Fields = {}
    for key, held in value.items():
        kind = type(held)
        listed = (kind is list or kind is str) and plain(key) in LISTS
        if kind is str and listed and held.lstrip()[:1] in ("{", "["):
            held = as_value(held)
        if isinstance(held, dict):
            turns = _of_columns(held)
        elif listed and isinstance(held, list) and held:
            objects = isinstance(held[0], dict)
            turns = _selected(held) or _named(held) if objects else _beside(value, held) or _paired(held)
        else:
            turns = None
        if turns is not None:
            found[key] = turns
    return {**value, **found} if found else value


def _selected(held: list[Any]) -> list[Any] | None:
    """The versions of LM Studio's turns that are shown, all of them as `swipes`; None for others."""
    if not all(isinstance(turn, dict) and isinstance(turn.get("versions"), list) for turn in held):
        return None
    turns = []
    for turn in held:
        at, versions = turn.get("currentlySelected"), [_version(one) for one in turn["versions"]]
        if type(at) is not int or not 0 <= at < len(versions):
            raise Unfit("unsure_turns")
        turns.append({**versions[at], "swipes": [one.get("content") for one in versions]})
    return turns


def _version(held: Any) -> Fields:
    """A version of a turn as a message, with what was thought in its steps as a part of its content."""
    if not isinstance(held, dict):
        raise Unfit("not_a_message")
    if not isinstance(held.get("steps"), list):
        return {key: held[key] for key in ("role", "content") if key in held}
    parts: list[Any] = []
    for step in held["steps"]:
        if not isinstance(step, dict) or step.get("type") != "contentBlock":
            continue  # what the program notes for itself
        style = step.get("style")
        thought = isinstance(style, dict) and style.get("type") == "thinking"
        said = step["content"] if isinstance(step.get("content"), list) else [None]
        parts += [
            {**part, "thought": True} if thought and isinstance(part, dict) else part for part in said
        ]
    return {"role": held.get("role"), "content": parts}


def _of_columns(held: Fields) -> list[Any] | None:
    """The turns of a column of roles beside one of texts; None for any other object."""
    if held.keys().isdisjoint(_SPEAKS) or held.keys().isdisjoint(_SAYS):
        return None
    lists = {key: column for key, column in held.items() if isinstance(column, list)}
    who = next((lists[key] for key in ROLE_KEYS if key in lists), None)
    says = next((key for key in TEXT_KEYS if key in lists), None)
    if not who or says is None or not all(isinstance(name, (str, int)) for name in who):
        return None
    # A column that no turn has anything in comes as an empty list.
    columns = {key: column for key, column in lists.items() if column or key == says}
    if any(len(column) != len(who) for column in columns.values()):
        raise Unfit("uneven_turns")
    return [{key: column[at] for key, column in columns.items()} for at in range(len(who))]


def _beside(value: Fields, texts: list[Any]) -> list[Any] | None:
    """Texts as turns of those whom another column names, one for each; None where there is no such
    column. Raises Unfit ("uneven_turns") where it names too few or too many."""
    key = next((key for key in value if plain(key) in _SPEAKERS), None)
    who = as_value(value[key]) if key is not None else None
    names = isinstance(who, list) and all(isinstance(name, (str, int)) for name in who)
    if not who or not names or not all(isinstance(text, str) for text in texts):
        return None
    if len(who) == len(texts):
        return [{"speaker": name, "text": text} for name, text in zip(who, texts, strict=True)]
    if len({*who}) == len(who):  # the two or more who speak, each once
        return None
    raise Unfit("uneven_turns")


def _paired(held: list[Any]) -> list[Any] | None:
    """Pairs of texts: a question with its answer, or a speaker with what is said. Raises Unfit."""
    *whole, last = held
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in held):
        return None
    texts = [text for pair in whole for text in pair] + last[:1]
    if not all(isinstance(text, str) for text in texts) or not isinstance(last[1], (str, type(None))):
        return None
    firsts = [plain(pair[0].strip()) for pair in held]
    if all(name in ROLES for name in firsts) or _are_names(firsts):
        return [{"speaker": name, "text": said} for name, said in held]
    if len(held) > 1 and any(name in ROLES for name in firsts):
        raise Unfit("unsure_turns")
    return texts if last[1] is None else [*texts, last[1]]


def _are_names(firsts: list[str]) -> bool:
    """Say whether what stands first in each pair are two that take turns."""
    return (
        len(firsts) > 2
        and len({*firsts}) == 2
        and firsts == [firsts[at % 2] for at in range(len(firsts))]
    )


def _named(held: list[Any]) -> list[Any] | None:
    """Objects with a single key, which says who speaks."""
    if not all(isinstance(item, dict) and len(item) == 1 for item in held):
        return None
    said = [next(iter(item.items())) for item in held]
    if not all(isinstance(name, str) and isinstance(text, str) for name, text in said):
        return None
    roles = {ROLES.get(plain(name)) for name, _ in said}
    if None in roles or not {"user", "assistant"} <= roles:
        return None
    return [{"speaker": name, "text": text} for name, text in said]
