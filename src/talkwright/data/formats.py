"""From the value of a row to messages: which of the formats it is, and what it says.

`auto` tries each row on its own, so a file may mix formats. A row that does not fit gives the name
of its drop reason instead of messages.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from talkwright.config import Columns
from talkwright.types import Message, Role

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """What a row says, before any cleaning."""

    messages: tuple[Message, ...]
    format: str
    group: str | None = None
    facts: tuple[tuple[str, ...], ...] = ()
    repairs: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()


class _Unfit(Exception):
    """A row cannot be read; the text is its drop reason. Never leaves this module."""


_ROLE_NAMES: dict[Role, str] = {
    "system": "system developer",
    "user": "user human customer client enduser visitor prompter",
    "assistant": "assistant gpt chatgpt gpt4 bing bard claude bot chatbot model ai agent "
    "functioncall toolcall",
    "tool": "tool function observation functionresponse toolresponse toolresult ipython",
}
_ROLES: dict[str, Role] = {name: role for role, names in _ROLE_NAMES.items() for name in names.split()}

_LISTS = ("messages", "conversations", "conversation", "dialogue", "dialog", "turns", "chat")
_ROLE_KEYS = ("role", "from", "speaker", "author", "sender")
_TEXT_KEYS = ("content", "value", "text", "message")
_THINKING_KEYS = ("reasoning_content", "reasoning", "thinking")
# The widest first: whoever keeps a user together keeps the user's threads together.
_GROUP_NAMES = """
    group groupid userid customerid threadid conversationid sessionid chatid dialogueid dialogid
"""
_SYSTEMS = ("system", "systemprompt", "systemmessage")
# In order of how surely the name means it; the pairs first, then any prompt with any completion.
_PAIRS = (
    ("prompt", "completion"),
    ("instruction", "output"),
    ("instruction", "response"),
    ("question", "answer"),
    ("query", "response"),
    ("input", "output"),
    ("user", "assistant"),
    ("human", "assistant"),
)
_PROMPT_NAMES = """
    prompt instruction question query input userprompt usermessage userinput userquery
    customermessage customerquery customerquestion request
"""
_COMPLETION_NAMES = """
    completion response answer output reply assistantmessage assistantresponse assistantreply
    botmessage botresponse agentmessage agentresponse agentreply modelresponse target
"""
# Data sets of questions about a text. Elsewhere "context" is a label, which nobody should learn.
_ABOUT_A_TEXT = {"instruction", "question", "context", "response", "answer", "category", "id", "title"}


def read_row(value: Any, format: str, columns: Columns) -> Draft | str:
    """Read one row as `format` ("auto" looks). Returns the drop reason for a row that does not fit."""
    try:
        return _read(value, format, columns)
    except _Unfit as unfit:
        return str(unfit)


def _read(value: Any, format: str, columns: Columns) -> Draft:
    if is_message_list(value):
        value = {"messages": value}
    if not isinstance(value, dict):
        raise _Unfit("not_an_object")
    keys = {_plain(key): key for key in reversed(value)}
    if {"chosen", "rejected"} <= keys.keys() or "rejectedmessages" in keys:
        raise _Unfit("preference_pair")
    if value.get("label") is False and "messages" in value:
        raise _Unfit("labelled_bad")
    named = columns.prompt is not None or columns.completion is not None
    if format in ("messages", "sharegpt") or (format == "auto" and not named):
        for name in _LISTS:
            turns = _as_list(value.get(keys.get(name)))
            if turns is not None:
                return _turns(value, keys, turns, columns, _shape(turns, name, format))
    if format in ("messages", "sharegpt"):
        raise _Unfit("unknown_format")
    return _pair(value, keys, columns, format)


def is_message_list(value: Any) -> bool:
    """Say whether `value` is a bare list of messages."""
    return isinstance(value, list) and bool(value) and all(_is_message(item) for item in value)


def _is_message(item: Any) -> bool:
    if not isinstance(item, dict):
        return False
    openai = "role" in item and ("content" in item or "tool_calls" in item)
    return openai or ("from" in item and "value" in item)


def reads_as_row(value: Any) -> bool:
    """Say whether `value` is one conversation, rather than an object that holds many."""
    if is_message_list(value):
        return True
    if not isinstance(value, dict):
        return False
    held = next((value[key] for key in _LISTS if isinstance(value.get(key), list)), None)
    if held is not None:
        return not held or _is_message(held[0])
    return recognises_columns(list(value), Columns()) or "chosen" in value


def recognises_columns(names: Iterable[str], columns: Columns) -> bool:
    """Say whether a row with these column names can be read."""
    keys = {_plain(name): name for name in names}
    if columns.prompt or columns.completion:
        keys |= {name: name for name in (columns.prompt, columns.completion) if name}
    try:
        _pair_keys(keys, columns)
    except _Unfit:
        return any(key in keys for key in _LISTS[:2])
    return True


def _plain(key: Any) -> str:
    return re.sub(r"[\s_-]+", "", str(key)).lower()


# --- lists of turns ------------------------------------------------------------------------------


def _as_list(value: Any) -> list[Any] | None:
    if isinstance(value, str) and value.lstrip().startswith("["):  # JSON in a CSV cell
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, list) else None


def _shape(turns: list[Any], name: str, format: str) -> str:
    first = next((turn for turn in turns if isinstance(turn, dict)), {})
    shape = "sharegpt" if "from" in first else "messages"
    if format in ("auto", shape) or (format == "sharegpt" and name == "conversations"):
        return shape if format == "auto" else format
    raise _Unfit("unknown_format")


def _turns(value: Row, keys: Row, turns: list[Any], columns: Columns, shape: str) -> Draft:
    repairs: list[str] = []
    messages = [_message(turn, repairs) for turn in turns]
    system = _system(value, keys, columns)
    if system and not any(message.role == "system" for message in messages):
        messages.insert(0, Message("system", system))
    return _draft(value, keys, columns, messages, shape, repairs)


def _message(turn: Any, repairs: list[str]) -> Message:
    if not isinstance(turn, dict):
        raise _Unfit("not_a_message")
    role_key = next((key for key in _ROLE_KEYS if key in turn), None)
    text_key = next((key for key in _TEXT_KEYS if key in turn), None)
    if role_key is None or (text_key is None and not turn.get("tool_calls")):
        raise _Unfit("not_a_message")
    name = turn[role_key]
    if isinstance(name, dict):  # {"author": {"role": ...}}
        name = name.get("role")
    role = _ROLES.get(_plain(name)) if isinstance(name, str) else None
    if role is None:
        raise _Unfit("bad_role")
    content, thinking = _content(turn.get(text_key) if text_key else None, repairs)
    for key in _THINKING_KEYS:
        if isinstance(turn.get(key), str) and turn[key].strip():
            thinking = thinking or turn[key]
    calls = turn.get("tool_calls")
    if isinstance(calls, list) and calls:
        content = "\n".join(filter(None, [content, *(_call(call) for call in calls)]))
        repairs.append("tool_call_as_text")
    return Message(role, content, thinking if role == "assistant" else None)


def _content(value: Any, repairs: list[str]) -> tuple[str, str | None]:
    """Text and thinking of a message's content: a string, or a list of typed parts."""
    if isinstance(value, dict):
        value = value.get("parts", [value])
    if not isinstance(value, list):
        return _text(value, repairs), None
    said, thought = [], []
    for part in value:
        if isinstance(part, str):
            said.append(part)
            continue
        if not isinstance(part, dict):
            raise _Unfit("not_text")
        kind = part.get("type", "text")
        body = next(
            (part[key] for key in ("text", "value", "content", "reasoning") if key in part), None
        )
        if not isinstance(body, str):
            raise _Unfit("not_text")
        if kind in ("reasoning", "thinking"):
            thought.append(body)
        elif kind in ("text", "input_text", "output_text", "tool_call", "tool_result"):
            said.append(body)
            if kind == "tool_call":
                repairs.append("tool_call_as_text")
        else:
            raise _Unfit("not_text")
    return "\n".join(said), "\n".join(thought) or None


def _call(call: Any) -> str:
    function = call.get("function", call) if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise _Unfit("not_text")
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            raise _Unfit("not_text") from None
    return json.dumps({"name": function["name"], "arguments": arguments}, ensure_ascii=False)


def _text(value: Any, repairs: list[str]) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _Unfit("not_text")
    if isinstance(value, float) and not math.isfinite(value):
        raise _Unfit("not_text")
    repairs.append("number_to_text")
    try:
        return str(value)
    except ValueError:  # more digits than Python converts
        raise _Unfit("not_text") from None


# --- prompt and completion -----------------------------------------------------------------------


def _pair(value: Row, keys: Row, columns: Columns, format: str) -> Draft:
    prompt_key, completion_key = _pair_keys(keys, columns)
    names = _plain(prompt_key), _plain(completion_key)
    extra = keys.get("input") if names[0] == "instruction" else None
    shape = "alpaca" if names == ("instruction", "output") or extra is not None else "prompt_completion"
    if format == "alpaca" and names != ("instruction", "output") and columns.prompt is None:
        raise _Unfit("unknown_format")
    shape = shape if format == "auto" else format
    if "context" in keys and keys.keys() <= _ABOUT_A_TEXT:
        extra = keys["context"]
    for key in (prompt_key, completion_key):
        if key not in value:
            raise _Unfit("missing_column")
    repairs: list[str] = []
    system = _system(value, keys, columns)
    messages = [Message("system", system)] if system else []
    history = _as_list(value.get(keys.get("history", "history")))
    messages += _history(history or [], repairs)
    messages += _side(value[prompt_key], "user", repairs)
    if extra is not None and messages and isinstance(value.get(extra), str) and value[extra].strip():
        last = messages.pop()
        messages.append(Message("user", f"{last.content}\n\n{value[extra]}"))
    messages += _side(value[completion_key], "assistant", repairs)
    return _draft(value, keys, columns, messages, shape, repairs)


def _side(value: Any, role: Role, repairs: list[str]) -> list[Message]:
    if is_message_list(value):
        return [_message(turn, repairs) for turn in value]
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return [Message(role, _text(value, repairs))]


def _history(history: list[Any], repairs: list[str]) -> list[Message]:
    messages = []
    for pair in history:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise _Unfit("not_a_message")
        messages += [
            Message("user", _text(pair[0], repairs)),
            Message("assistant", _text(pair[1], repairs)),
        ]
    return messages


def _pair_keys(keys: Row, columns: Columns) -> tuple[Any, Any]:
    """The keys of prompt and completion: as named, else by the aliases. `keys` maps plain to real."""
    prompt, completion = columns.prompt, columns.completion
    if prompt is None and completion is None:
        for first, second in _PAIRS:
            if first in keys and second in keys:
                return keys[first], keys[second]
    if prompt is None:
        prompt = next((keys[name] for name in _PROMPT_NAMES.split() if name in keys), None)
    if completion is None:
        completion = next((keys[name] for name in _COMPLETION_NAMES.split() if name in keys), None)
    if prompt is None or completion is None or prompt == completion:
        raise _Unfit("unknown_format")
    return prompt, completion


# --- what comes with the messages ----------------------------------------------------------------


def _draft(
    value: Row,
    keys: Row,
    columns: Columns,
    messages: list[Message],
    shape: str,
    repairs: list[str],
) -> Draft:
    facts = _facts(value.get("facts"))
    marks = () if facts is not None else ("ignored_facts",)
    names = tuple(dict.fromkeys(repairs))
    return Draft(tuple(messages), shape, _group(value, keys, columns), facts or (), names, marks)


def _system(value: Row, keys: Row, columns: Columns) -> str | None:
    names = [columns.system] if columns.system else [keys[name] for name in _SYSTEMS if name in keys]
    found = next((value[name] for name in names if name in value), None)
    return found if isinstance(found, str) and found.strip() else None


def _group(value: Row, keys: Row, columns: Columns) -> str | None:
    names = (
        [columns.group]
        if columns.group
        else [keys[name] for name in _GROUP_NAMES.split() if name in keys]
    )
    for name in names:
        found = value.get(name)
        if isinstance(found, (str, int)) and not isinstance(found, bool):
            try:
                text = str(found).strip()
            except ValueError:  # more digits than Python converts
                continue
            if text:
                return text[:200]
    return None


def _facts(value: Any) -> tuple[tuple[str, ...], ...] | None:
    """Facts as lists of spellings; a plain string is a fact of one spelling. None: not understood."""
    if value is None or value == "":
        return ()
    found = _as_list(value)
    if found is None:
        return None
    facts = tuple((fact,) if isinstance(fact, str) else _spellings(fact) for fact in found)
    return None if any(not fact or not all(fact) for fact in facts) else facts


def _spellings(fact: Any) -> tuple[str, ...]:
    if isinstance(fact, list) and all(isinstance(spelling, str) for spelling in fact):
        return tuple(fact)
    return ()
