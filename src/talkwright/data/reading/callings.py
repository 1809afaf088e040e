"""Two shapes in which data sets of function calls come: one question with its calls, and Glaive's text.

{"query": "...", "answers": "[{\\"name\\": ..., \\"arguments\\": {...}}]", "tools": "[...]"}
{"system": "SYSTEM: ...", "chat": "USER: ...\\n\\n\\nASSISTANT: <functioncall> {...} <|endoftext|>..."}
"""

from __future__ import annotations

import json
import re
from typing import Any

from talkwright.data.reading.literals import parse_literal
from talkwright.data.reading.tools import read_call
from talkwright.data.reading.turns import Row, as_list

_LABEL = re.compile(r"(?:\A\s*|\n\n\s*)(USER|A|ASSISTANT|FUNCTION RESPONSE):[ \t]*")
_ROLES = {"USER": "user", "ASSISTANT": "assistant", "A": "assistant", "FUNCTION RESPONSE": "tool"}
_CALL = "<functioncall>"
_END = "<|endoftext|>"


def calling_turns(value: Row) -> list[Row] | None:
    """The turns of a row in one of these shapes, with roles that every reader knows; None for others."""
    asked, chat = value.get("query"), value.get("chat")
    answers = as_list(value.get("answers"))
    if isinstance(asked, str) and answers and "tools" in value:
        if any(read_call(call) is None for call in answers):
            return None
        return [
            {"role": "user", "content": asked},
            {"role": "assistant", "content": "", "tool_calls": answers},
        ]
    return _glaive(chat, value.get("system")) if isinstance(chat, str) else None


def _glaive(chat: str, system: Any) -> list[Row] | None:
    parts = _LABEL.split(chat)
    names, texts = parts[1::2], parts[2::2]
    if parts[0].strip() or not {"USER", "ASSISTANT"} <= {*names}:
        return None
    turns = [_turn(name, said.strip()) for name, said in zip(names, texts, strict=True)]
    if isinstance(system, str) and system.strip():
        turns.insert(0, {"role": "system", "content": system.strip().removeprefix("SYSTEM:").strip()})
    return turns


def _turn(name: str, said: str) -> Row:
    said = said.removesuffix(_END).strip()
    if name != "ASSISTANT" or not said.startswith(_CALL):
        return {"role": _ROLES[name], "content": said}
    try:
        call = parse_literal(said.removeprefix(_CALL).strip())
        return {"role": "function_call", "content": json.dumps(call, ensure_ascii=False)}
    except ValueError:
        return {"role": "assistant", "content": said}
