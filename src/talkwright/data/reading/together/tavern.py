"""Chats with characters as SillyTavern saves them: a file is one talk, and each line a message of it.

{"user_name": "Ann", "character_name": "Rex", "create_date": "...", "chat_metadata": {...}}
{"name": "Rex", "is_user": false, "is_system": false, "mes": "...", "swipes": ["...", "..."]}
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from talkwright.data.reading.rows import Row, as_one

_HEAD = frozenset(("user_name", "character_name"))
_MESSAGE = frozenset(("mes", "is_user"))


def is_tavern(value: Any) -> bool:
    """Say whether a row is the head of such a chat, or a message of it."""
    return _is_head(value) or _is_message(value)


def tavern_rows(rows: Iterator[Row]) -> Iterator[Row]:
    """The lines of such a file as a talk each time that a head begins one; other lines as they are.

    Behind a line that cannot be read another talk begins, since nobody knows what was said in it.
    """
    held: list[Row] = []
    for row in rows:
        spoken = row.problem is None and is_tavern(row.value)
        if held and (not spoken or _is_head(row.value)):
            yield _together(held)
            held = []
        if spoken:
            held.append(row)
        else:
            yield row
    if held:
        yield _together(held)


def _is_head(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() >= _HEAD and "mes" not in value


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() >= _MESSAGE


def _together(held: Sequence[Row]) -> Row:
    said = [row.value for row in held if _is_message(row.value)]
    characters = {str(one.get("name")) for one in said if not (one["is_user"] or _is_hidden(one))}
    return as_one(held, {"messages": [_turn(one, len(characters) > 1) for one in said]})


def _turn(said: dict[str, Any], several: bool) -> dict[str, Any]:
    """A message as a turn; of `several` characters each has its own name: they are not one."""
    extra = said.get("extra")
    extra = extra if isinstance(extra, dict) else {}
    name = str(said.get("name")) if several else "assistant"
    who = "note" if _is_hidden(said) else "user" if said["is_user"] else name
    more = {key: extra[key] for key in ("reasoning", "image", "video") if extra.get(key)}
    return {"speaker": who, "content": said["mes"], "swipes": said.get("swipes"), **more}


def _is_hidden(said: dict[str, Any]) -> bool:
    """Say whether a message was not shown to the model, or is what the program or a narrator says."""
    extra = said.get("extra")
    narrated = isinstance(extra, dict) and extra.get("type") == "narrator"
    return said.get("is_system") is True or narrated
