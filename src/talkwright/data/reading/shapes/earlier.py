"""What was said before a question or an answer, where a column of its own holds it.

{"history": [["q", "a"]], "prompt": "...", "response": "..."}           turns before a question
{"messages": [..., {"role": "user", ...}], "response": "..."}           turns that end with the question
"""

from __future__ import annotations

from typing import Any

from talkwright.data.reading.chat.speakers import ROLES, plain_name, speaker
from talkwright.data.reading.chat.transcripts import read_transcript
from talkwright.data.reading.chat.turns import (
    Fields,
    Unfit,
    as_list,
    as_value,
    is_message,
    is_message_list,
    is_turn,
    oldest_first,
    read_turns,
    text_of,
)
from talkwright.data.reading.chat.unfolding import are_langchain, unfolded
from talkwright.data.reading.chat.unnamed import unnamed_turns
from talkwright.data.reading.shapes.lying import upright
from talkwright.types import Message, Role

_ABOUT = "context"  # a text that a question is about, more often
HISTORIES = (
    "history", "chathistory", "conversationhistory", "dialoghistory", "dialoguehistory",
    "messagehistory", "messageshistory", "previousmessages", "priormessages", "pastmessages",
    "previousturns", "pastturns", _ABOUT,
)  # fmt: skip


def has_earlier_turns(value: Fields, keys: Fields) -> bool:
    """Say whether a row has a list in such a column."""
    return any(name in keys and as_list(value[keys[name]]) for name in HISTORIES)


def earlier_turns(
    value: Fields, keys: Fields, repairs: list[str], besides: Any = None, asks: bool = False
) -> list[Message]:
    """What was said before the question of a row, by the first column that holds some.

    `besides` is the key of a column that is something else; `asks` says that the turns end with the
    question. Raises Unfit where they cannot be read.
    """
    if keys.keys().isdisjoint(HISTORIES):
        return []
    for name in HISTORIES:
        if name not in keys or keys[name] == besides:
            continue
        found = _turns(as_value(value[keys[name]]), name, repairs, asks)
        if found:
            return found
    return []


def put_question(messages: list[Message], asked: list[Message]) -> None:
    """Put a question behind what was said before it, unless that ends with the same one."""
    both = [*messages[-1:], *asked]
    same = len(both) == 2 and len({(turn.role, turn.content.strip()) for turn in both}) == 1
    messages += [] if same else asked


def answer_of(held: Any, repairs: list[str]) -> list[Message] | None:
    """The answer that a column beside turns holds: a text, or a message or several of the assistant's.

    Of several texts, which answer equally well, it is the first. None for anything else, and for none.
    """
    held = as_value(held)
    if isinstance(held, list) and held and all(isinstance(text, str) for text in held):
        held = held[0]
    if is_message(held):
        held = [held]
    if is_message_list(held):
        said = read_turns(held, repairs)
        return said if said and said[0].role == "assistant" else None
    if isinstance(held, (dict, list, bool)) or held != held:  # a table's empty cell is no number
        return None
    text = text_of(held, repairs)
    return [Message("assistant", text)] if text.strip() else None


def _turns(held: Any, name: str, repairs: list[str], asks: bool) -> list[Message] | None:
    """The turns that such a column holds; None where it holds none. Raises Unfit."""
    if isinstance(held, dict):
        held = upright({"messages": held.get("messages", held)})["messages"]
    if name == _ABOUT:
        return read_turns(oldest_first(held, repairs), repairs) if _are_certain(held) else None
    if isinstance(held, str):
        said = read_transcript(held, anyone=True, spoken=True)
        repairs += ["split_transcript"] if said else []
        return said
    if not isinstance(held, list) or not held:
        return None
    if all(isinstance(item, (list, tuple)) and len(item) == 2 for item in held):
        return _of_pairs(held, repairs)
    if all(isinstance(item, str) for item in held):
        if len(held) % 2 != asks or (name == HISTORIES[0] and not asks):
            raise Unfit("unsure_turns")  # who began it? Or it is that of a patient
        return read_turns(held, repairs) if len(held) > 1 else [Message("user", held[0])]
    if all(isinstance(item, dict) for item in held) and not all(map(is_turn, held)):
        told = upright(held)
        found = (held, told["messages"]) if isinstance(told, dict) else unnamed_turns({"chat": held})
        held = found[1] if found is not None else held
    return read_turns(oldest_first(held, repairs), repairs)


def _are_certain(held: Any) -> bool:
    """Say whether these are turns of which each says who speaks, and no passages with their authors."""
    if not isinstance(held, list) or not held or not (all(map(is_turn, held)) or are_langchain(held)):
        return False
    roles = {ROLES.get(speaker(turn) or "") for turn in unfolded(held)}
    return None not in roles and "user" in roles


def _of_pairs(held: list[Any], repairs: list[str]) -> list[Message]:
    """Pairs of a question and its answer, as Alpaca keeps them, or of a speaker and what is said."""
    names = [plain_name(pair[0]) if isinstance(pair[0], str) else "" for pair in held]
    if {"user", "assistant"} <= {ROLES.get(name) for name in names} and ROLES.keys() >= {*names}:
        turns = [{"speaker": name, "text": pair[1]} for name, pair in zip(names, held, strict=True)]
        return read_turns(turns, repairs)
    sides: tuple[Role, Role] = ("user", "assistant")
    return [
        Message(role, text_of(said, repairs))
        for pair in held
        for role, said in zip(sides, pair, strict=True)
    ]
