"""What desks and collections of dialogues keep of a turn elsewhere than in it.

Freshdesk: {"requester_id": 5, "description_text": "...", "conversations": [{"body_text": "..."}]}
MultiWOZ: {"log": [{"text": "...", "metadata": {}}, {"text": "...", "metadata": {"hotel": ...}}]}
"""

from __future__ import annotations

from typing import Any

from talkwright.data.reading.chat.turns import Fields, by_plain_names
from talkwright.types import Message

_OPENINGS = ("descriptiontext", "description")
REQUESTERS = ("requesterid", "requester")


def opening_of(value: Fields) -> str | None:
    """What whoever requested a ticket asked in it, beside the replies; None for other rows."""
    keys = by_plain_names(value)
    if keys.keys().isdisjoint(REQUESTERS):
        return None
    texts = (value[keys[name]] for name in _OPENINGS if name in keys)
    return next((text for text in texts if isinstance(text, str) and text.strip()), None)


def put_opening(messages: list[Message], value: Fields) -> None:
    """Put a ticket's own text before the replies, unless it is one of them, as in Zendesk's exports."""
    opening = opening_of(value)
    if opening is None:
        return
    bare = opening.split()
    if not any(turn.content.split() == bare for turn in messages if turn.role == "user"):
        at = sum(turn.role == "system" for turn in messages[:1])
        messages.insert(at, Message("user", opening))


def annotated_turns(items: list[Fields]) -> list[Fields] | None:
    """MultiWOZ's turns, of which the system's have a state beside the text; None for other lists."""
    if not all(isinstance(i.get("text"), str) and isinstance(i.get("metadata"), dict) for i in items):
        return None
    asks = [not item["metadata"] for item in items]
    if len(items) < 2 or asks != [at % 2 == 0 for at in range(len(items))]:
        return None
    roles: list[Any] = ["user" if asked else "assistant" for asked in asks]
    return [{"role": role, "content": item["text"]} for role, item in zip(roles, items, strict=True)]
