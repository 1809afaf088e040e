"""Tools in a row: what may be called, what is called, and whether every call has its result.

JSON is kept as text in one spelling (`json.dumps`), with keys in the order they were read, since a chat
template writes them in that order. What is called is data and not prose: no cleaning step but that
of private data changes it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from talkwright.data.reading.mending.exact import as_json, exact, spells_otherwise, valid
from talkwright.types import Message, ToolCall

_WRITTEN_CALL = (
    "tool_call",
    "functioncall",
    "function_call",
    '"name"',
    "<|python_tag|>",
    "\nAction Input:",
)
_LISTED_CALL = re.compile(r"\s*\[[^\W\d][\w .-]{0,80}\(")  # ToolACE's
_ARGUMENTS = ("arguments", "parameters", "args", "input")


def read_schemas(value: Any) -> tuple[tuple[str, ...], bool]:
    """The schemas in a `tools` or `functions` column, and whether all of it was understood.

    A bare function ({"name", "description", "parameters"}) is put into OpenAI's envelope, the shape
    chat templates expect.
    """
    value = _loaded(value)
    if isinstance(value, dict) and value:
        value = [value]
    if not isinstance(value, list):
        return (), not value
    value = [schema for tool in value for schema in _declared(_loaded(tool))]
    found = [_schema(_loaded(tool)) for tool in value]
    return tuple(schema for schema in found if schema is not None), None not in found


def _declared(tool: Any) -> list[Any]:
    """The functions that one of Gemini's or Bedrock's tools declares; others as they are."""
    if not isinstance(tool, dict):
        return [tool]
    for name in ("functionDeclarations", "function_declarations", "tools"):
        if isinstance(tool.get(name), list):
            return [
                one for inner in tool[name] for one in (_declared(inner) if name == "tools" else [inner])
            ]
    spec = tool.get("toolSpec")
    if not isinstance(spec, dict):
        return [tool]
    schema = spec.get("inputSchema")
    inner = schema.get("json", schema) if isinstance(schema, dict) else schema
    return [{"input_schema" if key == "inputSchema" else key: held for key, held in
             {**spec, "inputSchema": inner}.items()}]  # fmt: skip


def _schema(tool: Any) -> str | None:
    if not isinstance(tool, dict):
        return None
    function = tool.get("function")
    if isinstance(function, dict):
        named = function.get("name")
        return as_json(tool) if isinstance(named, str) and named else None
    if not isinstance(tool.get("name"), str) or not tool["name"]:
        return None
    # Anthropic says input_schema where OpenAI says parameters.
    renamed = {"parameters" if key == "input_schema" else key: held for key, held in tool.items()}
    if renamed.get("type") == "function":  # OpenAI's newer, flat shape
        renamed.pop("type")
    return as_json({"type": "function", "function": renamed})


def read_calls(turn: dict[str, Any], repairs: list[str]) -> tuple[ToolCall, ...] | None:
    """The calls of an OpenAI message, new or old; None where one of them cannot be read."""
    listed = _loaded(turn.get("tool_calls"), repairs)
    if not isinstance(listed, list):
        listed = []
    old = _loaded(turn.get("function_call"), repairs)
    if isinstance(old, dict) and not listed:
        listed = [old]
    calls = [read_call(call, repairs) for call in listed]
    return None if None in calls else tuple(call for call in calls if call is not None)


def read_call(value: Any, repairs: list[str] | None = None) -> ToolCall | None:
    """One call: {"name", "arguments"}, or such an object under "function" beside an "id".

    Arguments that are a text stay as they are where their numbers would be spelt otherwise.
    """
    value = _loaded(value, repairs)
    if not isinstance(value, dict):
        return None
    function = value.get("function", value)
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return None
    name = valid(function["name"]).strip()
    held = next((function[key] for key in _ARGUMENTS if key in function), None)
    given = held if isinstance(held, str) else None
    if given is not None:
        try:
            held = exact(given, repairs) if given.strip() else None
        except (ValueError, RecursionError):
            return None
    arguments = as_json({} if held is None else held)
    if (
        given is not None
        and arguments is not None
        and "\ufffd" not in arguments
        and spells_otherwise(held)
    ):
        arguments = given.strip()
    if not name or arguments is None:
        return None
    id = value.get("id")
    return ToolCall(name, arguments, clean_id(id))


def read_written(text: str, repairs: list[str] | None = None) -> tuple[ToolCall, ...] | None:
    """The calls that a ShareGPT turn of `function_call` spells in JSON; None where it is other text."""
    value = _loaded(text, repairs)
    calls = [read_call(call, repairs) for call in (value if isinstance(value, list) else [value])]
    return None if None in calls or not calls else tuple(call for call in calls if call is not None)


def clean_id(value: Any) -> str | None:
    """A call's id as text, or None."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return valid(str(value)[:200]).strip() or None


def tool_marks(messages: Sequence[Message]) -> list[str]:
    """Marks for calls that nothing answers and for results that nothing asked for."""
    marks: dict[str, None] = {}
    at = 0
    while at < len(messages):
        turn, at = messages[at], at + 1
        start = at
        while at < len(messages) and messages[at].role == "tool":
            at += 1
        results = messages[start:at]
        if turn.tool_calls:
            unanswered, unasked = _unmatched(turn.tool_calls, results)
        else:
            written = turn.role == "assistant" and (
                any(w in turn.content for w in _WRITTEN_CALL) or _LISTED_CALL.match(turn.content)
            )
            unanswered, unasked = False, bool(results and not written)
        if turn.role == "tool":  # only where a conversation begins with results
            unasked = True
        if unanswered:
            marks["tool_call_without_result"] = None
        if unasked:
            marks["tool_result_without_call"] = None
    return list(marks)


def _unmatched(calls: Sequence[ToolCall], results: Sequence[Message]) -> tuple[bool, bool]:
    """By ids where both sides have them, else by count."""
    asked = [call.id for call in calls]
    answered = [result.tool_call_id for result in results]
    if None in asked or None in answered:
        return len(answered) < len(asked), len(answered) > len(asked)
    return not set(asked) <= set(answered), not set(answered) <= set(asked)


def _loaded(value: Any, repairs: list[str] | None = None) -> Any:
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return value
    try:
        return exact(value, repairs)
    except (ValueError, RecursionError):
        return value
