"""What a program asked a model's endpoint and what it was told: one request with its response a row.

{"request": {"messages": [...]}, "response": {"choices": [{"message": ...}]}}
{"custom_id": ..., "body": {"messages": [...]}, "response": {"body": {"choices": [...]}}}
{"messages": [...], "choices": [{"message": ...}]}
"""

from __future__ import annotations

from typing import Any

from talkwright.config import Columns
from talkwright.data.reading.chat.systems import put_system
from talkwright.data.reading.chat.turns import (
    Draft,
    Fields,
    Unfit,
    as_list,
    as_value,
    by_plain_names,
    draft,
    field_of,
    is_message,
    is_turn,
    plain,
    read_turns,
)

_REQUESTS = ("request", "body", "kwargs")
_KEPT = ("tools", "functions", "system")  # of what stands in the request beside the messages


def is_log(value: Fields, keys: Fields) -> bool:
    """Say whether a row is a request to a model with the response."""
    if "choices" in keys:
        return _asked(value) is not None and as_list(field_of(value, keys, "choices")) is not None
    if "response" not in keys or keys.keys().isdisjoint(_REQUESTS):
        return False
    response = as_value(field_of(value, keys, "response"))
    return (isinstance(response, dict) or response is None) and _request(value, keys) is not None


def read_log(value: Fields, keys: Fields, columns: Columns) -> Draft:
    """Read the conversation that was sent, with the answer that came back behind it. Raises Unfit."""
    request = value if "choices" in keys else _request(value, keys)
    response = value if "choices" in keys else field_of(value, keys, "response")
    answers = _answers(response)
    if not answers:
        raise Unfit("no_assistant_turn")
    turns = _asked(request) or []
    repairs: list[str] = []
    messages = read_turns([*turns, {"role": "assistant", **answers[0]}], repairs)
    inner = {name: request[name] for name in _KEPT if request and request.get(name) is not None}
    value = {**{key: held for key, held in value.items() if plain(key) not in _KEPT}, **inner}
    keys = by_plain_names(value)
    put_system(messages, value, keys, columns, repairs)
    marks = ["other_answers"] if len(answers) > 1 else []
    return draft(value, keys, columns, messages, "messages", repairs, marks)


def _request(value: Fields, keys: Fields) -> Fields | None:
    """The request with the messages in it; None where there is none."""
    for name in _REQUESTS:
        held = body_of(field_of(value, keys, name))
        if held is not None and _asked(held) is not None:
            return held
    return None


def body_of(held: Any) -> Fields | None:
    """What was sent or came back: itself, or in the `body` beside an address and a status."""
    held = as_value(held)
    inner = as_value(held.get("body")) if isinstance(held, dict) else None
    found = inner if isinstance(inner, dict) else held
    return found if isinstance(found, dict) else None


def _asked(held: Fields | None) -> list[Any] | None:
    turns = as_list(held.get("messages")) if held is not None else None
    return turns if turns and all(map(is_turn, turns)) else None


def _answers(response: Any) -> list[Fields]:
    """The messages of a response: of each choice, or the one that it is or has."""
    held = body_of(response)
    if held is None:
        return []
    choices = as_list(held.get("choices"))
    if choices is None:
        choices = [held if isinstance(held.get("message"), dict) else {"message": held}]
    found = [choice.get("message") for choice in choices if isinstance(choice, dict)]
    return [
        message
        for message in found
        if isinstance(message, dict)
        and (is_message(message) or {"content", "tool_calls"} & message.keys())
        and message.get("role", "assistant") == "assistant"
    ]
