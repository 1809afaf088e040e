"""The system prompt that a row has in a column of its own, beside what is said."""

from __future__ import annotations

from talkwright.config import Columns
from talkwright.data.reading.chat.turns import Fields, by_plain_names, text_beside
from talkwright.types import Message

SYSTEMS = (
    "system", "systemprompt", "systemmessage", "systeminstruction", "systeminstructions", "sysprompt",
    "metainstruction",
)  # fmt: skip
_PARAMETERS = ("params", "parameters", "options", "settings", "config")  # Open WebUI's, and the like
_LABEL = 12  # characters before the same prompt that are no more than its name


def system_of(value: Fields, keys: Fields, columns: Columns, repairs: list[str]) -> str | None:
    """The system prompt in a column of its own, or among the parameters of a chat. Raises Unfit."""
    names = [columns.system] if columns.system else [keys[name] for name in SYSTEMS if name in keys]
    found = next((value[name] for name in names if name in value), None)
    if not names:
        found = _parameter(value, keys)
    if isinstance(found, dict):  # Gemini's systemInstruction
        found = found.get("parts", [found] if found else None)
    if isinstance(found, list):  # parts, as Anthropic's are, too
        found = [
            part.get("text", part.get("content")) if isinstance(part, dict) else part for part in found
        ]
    text = text_beside(found, repairs)
    return text if text.strip() else None


def _parameter(value: Fields, keys: Fields) -> str | None:
    for name in () if keys.keys().isdisjoint(_PARAMETERS) else _PARAMETERS:
        held = value[keys[name]] if name in keys else None
        if isinstance(held, dict):
            inner = by_plain_names(held)
            found = next((held[inner[name]] for name in SYSTEMS if name in inner), None)
            if isinstance(found, str):
                return found
    return None


def put_system(
    messages: list[Message], value: Fields, keys: Fields, columns: Columns, repairs: list[str]
) -> None:
    """Put the row's own system prompt before messages, unless theirs says the same. Raises Unfit."""
    system = system_of(value, keys, columns, repairs)
    if system:
        messages[:] = under_system([Message("system", system)], messages)


def under_system(heads: list[Message], messages: list[Message]) -> list[Message]:
    """Messages with system prompts before them, save for one that says no more than theirs; what they
    say of such a prompt is not said twice."""
    left = messages
    for head in reversed(heads):
        outer = head.content.strip()
        inner = [turn.content.strip() for turn in left if turn.role == "system"]
        if any(outer in said or (said and _is_named(outer, said)) for said in inner):
            continue
        rest = [turn for turn in left if turn.role != "system" or turn.content.strip() not in outer]
        left = [head, *rest]
    return left


def _is_named(outer: str, inner: str) -> bool:
    """Say whether one prompt is the other behind its name, such as Glaive's `SYSTEM: `."""
    return outer.endswith(inner) and len(outer) - len(inner) <= _LABEL
