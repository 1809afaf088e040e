"""Turns as programs keep them that call tools, as OpenAI's chats have them.

{"type": "function_call", "call_id": ..., "name": ..., "arguments": ...}          OpenAI's Responses
{"type": "function_call_output", "call_id": ..., "output": ...}
{"role": "model", "parts": [{"functionCall": {"name": ..., "args": ...}}]}        Gemini
{"role": "user", "content": [{"type": "tool_result", "tool_use_id": ..., ...}]}   Anthropic
{"role": "user", "content": [{"toolResult": {"toolUseId": ..., ...}}]}            Bedrock
{"type": "ai", "data": {"content": ..., "tool_calls": [...]}}                     LangChain
"""

from __future__ import annotations

from typing import Any

from talkwright.data.reading.chat.speakers import ROLE_KEYS

_ANSWERING = ("user", "human", "tool")  # who tells an assistant what a tool gave back
_KINDS = frozenset(["human", "ai", "system", "tool", "function", "chat"])
_SPEAKS = frozenset(ROLE_KEYS)
_ITEMS = frozenset(["function_call", "function_call_output", "reasoning"])


def is_item(turn: dict[str, Any]) -> bool:
    """Say whether an item of OpenAI's Responses is a call, a result or a thought, and no message."""
    kind = turn.get("type")
    return isinstance(kind, str) and kind in _ITEMS and _SPEAKS.isdisjoint(turn)


def of_items(items: list[Any]) -> list[Any]:
    """Items of OpenAI's Responses as turns: calls in an answer's, and thoughts in what they lead to."""
    turns: list[Any] = []
    thoughts: list[str] = []
    for item in items:
        if not isinstance(item, dict) or not is_item(item):
            turns.append(item)
        elif item["type"] == "function_call_output":
            turns.append(
                {"role": "tool", "content": item.get("output"), "tool_call_id": item.get("call_id")}
            )
        elif item["type"] == "reasoning":
            thoughts += _thoughts(item)
            continue
        else:
            last = turns[-1] if turns and isinstance(turns[-1], dict) else {}
            if last.get("role") != "assistant":
                last = {"role": "assistant", "content": ""}
                turns.append(last)
            call = {**item, "id": item.get("call_id")}
            turns[-1] = {**last, "tool_calls": [*(last.get("tool_calls") or ()), call]}
        if thoughts and isinstance(turns[-1], dict) and turns[-1].get("role") == "assistant":
            before = turns[-1].get("reasoning_content")
            thoughts = [before, *thoughts] if isinstance(before, str) else thoughts
            turns[-1] = {**turns[-1], "reasoning_content": "\n".join(thoughts)}
            thoughts = []
    return turns


def _thoughts(item: dict[str, Any]) -> list[str]:
    """What a thought says in words: all of it, or else its summary."""
    for name in ("content", "summary"):
        parts = item.get(name)
        texts = (
            [part.get("text") for part in parts if isinstance(part, dict)]
            if isinstance(parts, list)
            else []
        )
        said = [text for text in texts if isinstance(text, str) and text.strip()]
        if said:
            return said
    return []


def _of_bedrock(part: Any) -> Any:
    """A part of a message as Anthropic has it."""
    held = part if isinstance(part, dict) else {}
    call, result = held.get("toolUse"), held.get("toolResult")
    if isinstance(call, dict):
        named = {key: call.get(key) for key in ("name", "input")}
        return {"type": "tool_use", "id": call.get("toolUseId"), **named}
    if not isinstance(result, dict):
        return part
    said = result.get("content")
    pieces = said if isinstance(said, list) else [said]
    pieces = [p.get("json", p.get("text", p)) if isinstance(p, dict) else p for p in pieces]
    texts = [piece for piece in pieces if isinstance(piece, str)]
    one: Any = pieces[0] if len(pieces) == 1 else pieces
    content = "\n".join(texts) if len(texts) == len(pieces) else one
    return {"type": "tool_result", "tool_use_id": result.get("toolUseId"), "content": content}


def unfolded(turns: list[Any]) -> list[Any]:
    """Turns, with calls and results as OpenAI's chats have them: results are turns of their own."""
    found: list[Any] = []
    if any(type(turn) is dict and "type" in turn and is_item(turn) for turn in turns):
        turns = of_items(turns)
    for turn in turns:
        if isinstance(turn, dict) and "role" not in turn:
            turn = _of_langchain(turn)
        if isinstance(turn, dict) and isinstance(turn.get("parts"), list):
            found += _of_gemini(turn, turn["parts"])
            continue
        parts = turn.get("content") if isinstance(turn, dict) else None
        parts = parts if isinstance(parts, list) else []
        if any(isinstance(part, dict) and ("toolUse" in part or "toolResult" in part) for part in parts):
            parts = [_of_bedrock(part) for part in parts]
            turn = {**turn, "content": parts}
        has_results = any(map(_is_result, parts))
        if has_results and turn.get("role") in _ANSWERING:
            found += _told_apart(turn, parts)
        elif has_results and turn.get("role", turn.get("sender")) == "assistant":
            found += _called_within(turn, parts)
        else:
            found.append(turn)
    return found


def are_langchain(turns: list[Any]) -> bool:
    """Say whether items are LangChain's messages, which have a type in place of a role."""
    return bool(turns) and all(
        isinstance(turn, dict) and "role" not in turn and "role" in _of_langchain(turn) for turn in turns
    )


def _of_langchain(turn: dict[str, Any]) -> dict[str, Any]:
    """A message of LangChain's, with what was said beside its type, in `data` or in `kwargs`; others
    as they are."""
    kind, held = turn.get("type"), turn.get("data", turn)
    if kind == "constructor" and isinstance(turn.get("id"), list) and turn["id"]:
        kind, held = turn["id"][-1], turn.get("kwargs")
    if not isinstance(kind, str) or not isinstance(held, dict) or "content" not in held:
        return turn
    kind = kind.removesuffix("Chunk").removesuffix("Message").lower()
    if kind not in _KINDS or (held is turn and not _SPEAKS.isdisjoint(turn)):
        return turn
    about = held.get("additional_kwargs")
    old = about if isinstance(about, dict) else {}
    calls = {k: v for k, v in old.items() if k in ("function_call", "tool_calls")}
    named = {key: held[key] for key in ("name", "tool_call_id", "tool_calls") if held.get(key)}
    role = held.get("role") if kind == "chat" else kind
    return {"role": role, "content": held["content"], **calls, **named}


def _of_gemini(turn: dict[str, Any], parts: list[Any]) -> list[Any]:
    """A turn of Gemini's: its calls beside its text, and the results it has as turns of their own."""

    def held(part: Any, *names: str) -> Any:
        return (
            next((part[name] for name in names if name in part), None)
            if isinstance(part, dict)
            else None
        )

    calls = [held(part, "functionCall", "function_call") for part in parts]
    results = [held(part, "functionResponse", "function_response") for part in parts]
    if not any(calls) and not any(results):
        return [turn]
    left = [
        part for part, call, result in zip(parts, calls, results, strict=True) if not (call or result)
    ]
    turns: list[Any] = [
        {"role": "tool", "content": found.get("response"), "name": found.get("name"),
         "tool_call_id": found.get("id")}
        for found in results if isinstance(found, dict)
    ]  # fmt: skip
    if left or any(calls):
        rest = {**{key: value for key, value in turn.items() if key != "parts"}, "content": left}
        turns.append(
            {**rest, **({"tool_calls": [call for call in calls if call]} if any(calls) else {})}
        )
    return turns


def _is_result(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "tool_result"


def _called_within(turn: dict[str, Any], parts: list[Any]) -> list[Any]:
    """An answer of Claude's export, which has the results of its calls in between, as turns."""
    found: list[Any] = []
    for part in parts:
        if _is_result(part):
            said, id, name = part.get("content"), part.get("tool_use_id"), part.get("name")
            if isinstance(said, list) and all(
                isinstance(piece, dict) and isinstance(piece.get("text"), str) for piece in said
            ):
                said = "\n".join(piece["text"] for piece in said)
            found.append({"role": "tool", "content": said, "tool_call_id": id, "name": name})
        elif found and found[-1].get("role") != "tool":
            found[-1]["content"].append(part)
        else:
            found.append({**turn, "role": "assistant", "content": [part]})
    return found


def _told_apart(turn: dict[str, Any], parts: list[Any]) -> list[Any]:
    found: list[Any] = []
    for part in parts:
        if _is_result(part):
            id = part.get("tool_use_id", part.get("tool_call_id", turn.get("tool_call_id")))
            said = next((part[key] for key in ("content", "text", "value") if key in part), "")
            name = part.get("name", turn.get("name"))
            found.append({"role": "tool", "content": said, "tool_call_id": id, "name": name})
        elif found and found[-1].get("role") == turn["role"] != "tool":
            found[-1]["content"].append(part)
        else:
            found.append({**turn, "content": [part]})
    return found
