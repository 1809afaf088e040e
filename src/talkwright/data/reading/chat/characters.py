"""Chats with characters, as Character.AI and the programs that save its pages write them.

{"histories": [{"msgs": [{"src": {"is_human": true, "name": "me"}, "text": "..."}, ...]}]}
{"turns": [{"author": {"name": "me", "is_human": true}, "candidates": [{"raw_content": "..."}]}, ...]}
"""

from __future__ import annotations

from typing import Any


def character_chats(value: Any) -> list[Any] | None:
    """The chats in a file of a character's histories; None for any other value."""
    held = value.get("histories") if isinstance(value, dict) else None
    held = held.get("histories") if isinstance(held, dict) else held
    if not isinstance(held, list) or not held:
        return None
    return held if all(isinstance(chat, dict) and "msgs" in chat for chat in held) else None


def character_turns(items: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """The turns of such a chat as messages; None where they are none, or it is not said which of several
    answers was shown. Answers that were wiped away are left out."""
    shown = [item for item in items if item.get("is_alternative") is not True]
    found = [_message(item) for item in shown]
    turns = [turn for turn in found if turn is not None]
    both = {"user", "assistant"} <= {turn["role"] for turn in turns}
    return turns if both and len(turns) == len(shown) else None


def _message(item: dict[str, Any]) -> dict[str, Any] | None:
    author, text = item.get("src"), item.get("text")
    if isinstance(author, dict) and "is_human" not in author:
        return None
    if "candidates" in item:
        author, text = item.get("author"), _shown(item)
    if not isinstance(author, dict) or not isinstance(text, str):
        return None
    role = "user" if author.get("is_human") is True else "assistant"
    when = {"create_time": item["create_time"]} if "create_time" in item else {}
    return {"role": role, "content": text, **when}


def _shown(item: dict[str, Any]) -> Any:
    """The text of the one answer, or of that which was shown."""
    held = [one for one in item["candidates"] or () if isinstance(one, dict)]
    primary = item.get("primary_candidate_id")
    if len(held) > 1:
        held = [one for one in held if primary is not None and one.get("candidate_id") == primary]
    return held[0].get("raw_content") if len(held) == 1 else None
