"""Shapes of one program each: a question with its calls, Glaive's text, Google's record of Gemini.

{"query": "...", "answers": "[{\\"name\\": ..., \\"arguments\\": {...}}]", "tools": "[...]"}
{"system": "SYSTEM: ...", "chat": "USER: ...\\n\\n\\nASSISTANT: <functioncall> {...} <|endoftext|>..."}
{"header": "Gemini Apps", "title": "Prompted ...", "safeHtmlItem": [{"html": "<p>...</p>"}], ...}
"""

from __future__ import annotations

import json
import re
from typing import Any

from talkwright.data.cleaning.clean import strip_html
from talkwright.data.reading.chat.logs import body_of
from talkwright.data.reading.chat.tools import read_call
from talkwright.data.reading.chat.turns import Fields, Unfit, as_list, as_value
from talkwright.data.reading.chat.unfolding import is_item, of_items
from talkwright.data.reading.mending.literals import parse_literal

_LABEL = re.compile(r"(?:\A\s*|\n\n\s{0,20})(USER|A|ASSISTANT|FUNCTION RESPONSE):[ \t]*")
_ROLES = {"USER": "user", "ASSISTANT": "assistant", "A": "assistant", "FUNCTION RESPONSE": "tool"}
_CALL = "<functioncall>"
_ITEMS = ("message", "function_call", "function_call_output", "reasoning")
_OF_MESSAGES = ("role", "content", "tool_calls", "function_call", "tool_call_id", "name")
_PROMPTED = "Prompted "
_END = "<|endoftext|>"
_MOSS = re.compile(r"\A\s*<\|[\w ]+\|>:|<eo[a-z]>\s*\Z")


def calling_turns(value: Fields) -> list[Fields] | None:
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
    if isinstance(chat, dict):
        return _moss(list(chat.values()))
    return _glaive(chat, value.get("system")) if isinstance(chat, str) else None


def activity_turns(value: Fields, repairs: list[str]) -> list[Fields] | None:
    """The turns of an entry of Google's `MyActivity.json` for Gemini; None for any other row.

    Raises Unfit for what is no question with an answer ("Selected preferred draft"), and where another
    language than English says what was done, so that it cannot be told where the question begins.
    """
    title, listed = value.get("title"), value.get("products")
    named = [value.get("header"), *(listed if isinstance(listed, list) else [])]
    if not isinstance(title, str) or "time" not in value or not {"Gemini Apps", "Bard"} & {
        name for name in named if isinstance(name, str)
    }:  # fmt: skip
        return None
    shown = value.get("safeHtmlItem")
    pages = (
        [item.get("html") for item in shown if isinstance(item, dict)] if isinstance(shown, list) else []
    )
    texts = [page for page in pages if isinstance(page, str)]
    if not pages or len(texts) < len(pages):
        raise Unfit("no_assistant_turn")
    if not title.startswith(_PROMPTED):
        raise Unfit("unsure_turns")
    repairs += ["stripped_html", *(["removed_attachment"] if value.get("subtitles") else [])]
    answer = "\n\n".join(strip_html(page).strip() for page in texts)
    asked = title[len(_PROMPTED) :].strip()
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]


def responses_turns(value: Fields) -> tuple[Fields, list[Fields]] | None:
    """The request to OpenAI's Responses API or to Gemini, or a run that a tracer wrote down, with the
    turns that were sent and came back; None for other rows. Raises Unfit for a web search."""
    response = body_of(value.get("response"))
    if response is not None:
        request = body_of(value.get("request")) or body_of(value.get("body")) or value
        sent = {key: held for key, held in request.items() if key != "response"}
        return _gemini(sent, response) or responses_turns({**sent, **_of_response(response)})
    asked, said = (_items(value.get(name, value.get(f"{name}s")), name) for name in ("input", "output"))
    if "items" in value and not asked and not said:
        asked = _items(value["items"], "items")
    items = [*asked, *said]
    if not all(isinstance(item, dict) for item in items) or not (said or any(map(is_item, items))):
        return None
    kinds = ["message" if "role" in item else str(item.get("type")) for item in items]
    if any(kind.endswith("_call") and kind not in _ITEMS for kind in kinds):
        raise Unfit("not_a_message")
    if not asked or not {*kinds} <= {*_ITEMS}:
        return None
    told = [item if is_item(item) else _message(item) for item in items]
    system = value.get("instructions")
    if isinstance(system, str) and system and told[0].get("role") not in ("system", "developer"):
        told.insert(0, {"role": "system", "content": system})
    return value, of_items(told)


def _message(item: Fields) -> Fields:
    """A message without what else OpenAI keeps with it."""
    return {key: item[key] for key in _OF_MESSAGES if key in item}


def _of_response(response: Fields) -> Fields:
    return {"output": response["output"]} if isinstance(response.get("output"), list) else {}


def _gemini(request: Fields, response: Fields) -> tuple[Fields, list[Fields]] | None:
    """What Gemini was sent with the first of its answers."""
    asked, answers = request.get("contents"), response.get("candidates")
    asked = [{"role": "user", "parts": [{"text": asked}]}] if isinstance(asked, str) else asked
    if not isinstance(asked, list) or not asked or not isinstance(answers, list) or not answers:
        return None
    said = answers[0].get("content") if isinstance(answers[0], dict) else None
    if not isinstance(said, dict) or not isinstance(said.get("parts"), list):
        return None
    return request, [*asked, {"role": "model", **said}]


def _items(held: Any, name: str) -> list[Any]:
    """What was sent, or came back, as a list of messages and the like."""
    held = as_value(held)
    if isinstance(held, str):
        return [{"role": "user" if name == "input" else "assistant", "content": held}] if held else []
    if isinstance(held, dict) and isinstance(held.get("choices"), list) and held["choices"]:
        held = held["choices"][0].get("message") if isinstance(held["choices"][0], dict) else None
    if isinstance(held, dict) and isinstance(held.get("messages"), list):
        held = held["messages"]
    if isinstance(held, dict) and "role" in held and ("content" in held or "tool_calls" in held):
        held = [held]
    return held if isinstance(held, list) else []


def _moss(exchanges: list[Any]) -> list[Fields] | None:
    """MOSS's exchanges, without the marks around their parts.

    A call of a tool stays the text that MOSS writes, since its arguments have no names; what was thought
    comes before it.
    """
    turns = []
    for exchange in exchanges:
        if not isinstance(exchange, dict) or not {"Human", "MOSS"} <= exchange.keys():
            return None
        parts = {name: _MOSS.sub("", str(said)).strip() for name, said in exchange.items()}
        called, result, thought = (
            "" if parts.get(name, "None") == "None" else parts[name]
            for name in ("Commands", "Tool Responses", "Inner Thoughts")
        )
        thinking = {"thinking": thought} if thought else {}
        turns.append({"role": "user", "content": parts["Human"]})
        if called:
            turns.append({"role": "function_call", "content": called, **thinking})
            turns.append({"role": "tool", "content": result})
            thinking = {}
        turns.append({"role": "assistant", "content": parts["MOSS"], **thinking})
    return turns or None


def _glaive(chat: str, system: Any) -> list[Fields] | None:
    heads = _speaking([*_LABEL.finditer(chat)])
    if not {"USER", "ASSISTANT"} <= {head[1] for head in heads} or chat[: heads[0].start()].strip():
        return None
    ends = [*(head.start() for head in heads[1:]), len(chat)]
    turns = [
        _turn(head[1], chat[head.end() : end].strip()) for head, end in zip(heads, ends, strict=True)
    ]
    if isinstance(system, str) and system.strip():
        turns.insert(0, {"role": "system", "content": system.strip().removeprefix("SYSTEM:").strip()})
    return turns


def _speaking(labels: list[re.Match[str]]) -> list[re.Match[str]]:
    """Labels of turns: an `A:` is one only where an answer is due that no ASSISTANT gives, else text."""
    follow, after = list[str](), ""  # the next label that is no A, from the last one on
    for label in reversed(labels):
        follow.append(after)
        after = after if label[1] == "A" else label[1]
    heads: list[re.Match[str]] = []
    for label, after in zip(labels, reversed(follow), strict=True):
        due = bool(heads) and heads[-1][1] not in ("A", "ASSISTANT") and after != "ASSISTANT"
        if label[1] != "A" or due:
            heads.append(label)
    return heads


def _turn(name: str, said: str) -> Fields:
    said = said.removesuffix(_END).strip()
    if name != "ASSISTANT" or not said.startswith(_CALL):
        return {"role": _ROLES[name], "content": said}
    try:
        call = parse_literal(said.removeprefix(_CALL).strip())
        return {"role": "function_call", "content": json.dumps(call, ensure_ascii=False)}
    except ValueError:
        return {"role": "assistant", "content": said}
