"""Tools in a row: what may be called, what is called, and whether every call has its result.

JSON is kept as text in one spelling (`json.dumps`), with keys in the order they were read, since a chat
template writes them in that order. What is called is data and not prose: no cleaning step but that
of private data changes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from talkwright.types import Message, ToolCall

_SURROGATE = re.compile("[\ud800-\udfff]")
_WRITTEN_CALL = (
    "tool_call",
    "functioncall",
    "function_call",
    '"name"',
    "<|python_tag|>",
    "\nAction Input:",
)
_LISTED_CALL = re.compile(r"\s*\[[^\W\d][\w .-]{0,80}\(")  # ToolACE's
_DEEPEST = 64  # lists and objects inside of one another
_CALLING_KEYS = ('"arguments"', '"args"', '"tool_use"', '"toolUse"')
# A number that is perhaps spelt otherwise than Python writes it: 1.10, 1e5, -0, or with many digits.
_ODD_NUMBER = re.compile(
    r"[:\[,]\s*-?(?:\d+\.\d+0(?!\d)|\d+\.\d{15}|\d{16,}\.|\d+(?:\.\d+)?[eE]|(?<=-)0(?![.\d])|0\.0000)"
)
_ARGUMENTS = ("arguments", "parameters", "args", "input")


class _Spelled(float):
    """A number that is spelt otherwise than it would be written: 12.10, 1e5, -0, many digits."""

    text: str


def _number(text: str) -> float:
    value = float(text)
    if repr(value) == text:
        return value
    spelled = _Spelled(value)
    spelled.text = text
    return spelled


def _whole_number(text: str) -> float:
    return _number(text) if text == "-0" else int(text)


def _exact(text: str, repairs: list[str] | None = None) -> Any:
    """The JSON value of a text, with numbers that know how they were spelt.

    Of a key given twice the last counts, which is noted in `repairs` (`repeated_key`). Raises
    ValueError, and RecursionError for thousands of brackets.
    """

    def put(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs) and repairs is not None:
            repairs.append("repeated_key")
        return found

    return json.loads(text, parse_float=_number, parse_int=_whole_number, object_pairs_hook=put)


def with_exact_arguments(text: str, value: Any) -> Any:
    """The value of a JSON text, with arguments of calls as text where a number in them is spelt
    otherwise than it would be written. Any other value comes back as it is, and soon."""
    for key in _CALLING_KEYS:  # no generator: this is asked of every row
        if key in text:
            break
    else:
        return value
    try:
        return _with_texts(_exact(text), value) if _ODD_NUMBER.search(text) else value
    except (ValueError, RecursionError):
        return value


def _with_texts(exact: Any, value: Any) -> Any:
    if isinstance(value, list):
        return [_with_texts(one, other) for one, other in zip(exact, value, strict=True)]
    if not isinstance(value, dict):
        return value
    found = {key: _with_texts(exact[key], held) for key, held in value.items()}
    key = None
    if isinstance(value.get("name"), str):
        key = "args" if "args" in value else "arguments"
    if value.get("type") == "tool_use" or "toolUseId" in value:
        key = "input"
    if key is not None and isinstance(value.get(key), dict) and _spells(exact[key]):
        found[key] = _written(exact[key])
    return found


def _spells(value: Any) -> bool:
    """Say whether a number in a value is spelt otherwise than it would be written."""
    level = [value]
    while level:
        if any(isinstance(held, _Spelled) for held in level):
            return True
        inner = [list(held.values()) if isinstance(held, dict) else held for held in level]
        level = [item for held in inner if isinstance(held, list) for item in held]
    return False


def _written(value: Any) -> str:
    """JSON with each number as it was spelt. Raises ValueError, TypeError."""
    if isinstance(value, _Spelled):
        return value.text
    if isinstance(value, dict):
        items = (
            f"{json.dumps(key, ensure_ascii=False)}: {_written(held)}" for key, held in value.items()
        )
        return f"{{{', '.join(items)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def as_json(value: Any) -> str | None:
    """A JSON value in its one spelling; None for what JSON cannot say (NaN, bytes, endless digits)."""
    if _too_deep(value):
        return None
    try:
        if _spells(value):
            return _SURROGATE.sub("\ufffd", _written(value))
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None
    return _SURROGATE.sub("\ufffd", text)


def _too_deep(value: Any) -> bool:
    """Nothing calls for such depth, and whatever walks through the value later calls itself for each."""
    level, depth = [value], 0
    while level and depth <= _DEEPEST:
        inner = [list(held.values()) if isinstance(held, dict) else held for held in level]
        level = [item for held in inner if isinstance(held, list) for item in held]
        depth += 1
    return bool(level)


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
    name = _SURROGATE.sub("\ufffd", function["name"]).strip()
    held = next((function[key] for key in _ARGUMENTS if key in function), None)
    given = held if isinstance(held, str) else None
    if given is not None:
        try:
            held = _exact(given, repairs) if given.strip() else None
        except (ValueError, RecursionError):
            return None
    arguments = as_json({} if held is None else held)
    if given is not None and arguments is not None and "\ufffd" not in arguments and _spells(held):
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
    return _SURROGATE.sub("\ufffd", str(value)[:200]).strip() or None


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
        return _exact(value, repairs)
    except (ValueError, RecursionError):
        return value
