"""Pairs of a chosen and a rejected answer: the chosen one is learnt, the other is kept beside it.

Also the transcripts that some of them are made of: one text with a speaker's name before each turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from talkwright.config import Columns
from talkwright.data.reading.choices import better_of_pair, is_choice, read_choice, read_ranked
from talkwright.data.reading.pairs import PROMPT_NAMES, history_of, side
from talkwright.data.reading.parting import part
from talkwright.data.reading.turns import (
    LISTS,
    Draft,
    Row,
    as_list,
    as_value,
    draft,
    field_of,
    is_message,
    is_message_list,
    message,
    system_of,
    text_of,
)
from talkwright.types import Message, Role

_SIDES = (("chosen", "rejected"), ("chosenmessages", "rejectedmessages"))
_SPEAKERS: dict[str, Role] = {
    "system": "system", "human": "user", "user": "user", "customer": "user", "instruction": "user",
    "assistant": "assistant", "ai": "assistant", "bot": "assistant", "agent": "assistant",
    "gpt": "assistant", "chatbot": "assistant", "response": "assistant", "tool": "tool",
}  # fmt: skip
_CHATML = re.compile(r"<\|im_start\|>(\w{1,20})\n(.*?)(?:<\|im_end\|>\s*|\Z)", re.DOTALL)
# From the surest sign of a new turn to the least sure; the first that opens the text is used.
_LABELS = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?:\A\s*|\n[ \t]*)### ?(Human|User|Instruction|Assistant|Response|System|Bot|AI):?[ \t]*",
        r"(?:\A\s*|\n\n)(Human|User|Assistant|System|AI|Bot):[ \t]*",
        r"(?:\A\s*|\n)(Human|User|Customer|Assistant|AI|Bot|Agent|Chatbot|System):[ \t]*",
    )
)
_PREAMBLE = re.compile(r"\ABelow is an instruction that describes a task[^#]{0,200}(?=###)")


def is_preference(keys: Iterable[str]) -> bool:
    """Say whether these (plain) column names are those of a preference pair."""
    names = set(keys)
    return any(names.issuperset(sides) for sides in _SIDES) or is_choice(names)


def read_preference(value: Row, keys: Row, columns: Columns) -> Draft:
    """Read a preference pair as the conversation that ends in the chosen answer. Raises Unfit.

    The turns of the other side become `rejected` where both sides share a user turn that they part
    after; a tie is learnt as its first side says, and is no pair.
    """
    names = next((names for names in _SIDES if set(names) <= keys.keys()), None)
    marks: list[str] = []
    if names is not None:
        sides = [value[keys[name]] for name in names]
        won = better_of_pair(value, keys)
        if won == "rejected":
            sides.reverse()
            marks.append("swapped_pair")
        tie = won == "tie"
    else:
        read = read_choice if is_choice(keys) else read_ranked
        *sides, decided = read(value, keys)
        tie = not decided
    repairs: list[str] = []
    before = _before(value, keys, columns, repairs)
    first, second = (_whole(before, _answer(side, repairs)) for side in sides)
    if tie or first == second:
        return draft(value, keys, columns, first, "preference", repairs, [*marks, "tie"])
    rejected = part(first, second)
    if first[:-1] != second[:-1]:
        marks.append("pair_prompts_differ" if rejected else "no_pair_prompts_differ")
    elif rejected is None:
        marks.append("no_pair_empty")
    return draft(value, keys, columns, first, "preference", repairs, marks, rejected or ())


def _whole(before: list[Message], answer: list[Message]) -> list[Message]:
    """One side as a conversation: an answer after the prompt, or the whole of it as it stands."""
    asked = any(turn.role == "user" for turn in before)
    goes_on = bool(answer) and answer[0].role == "assistant" and asked  # an answer of several turns
    if not goes_on and any(turn.role == "user" for turn in answer):
        head = [turn for turn in before if turn.role == "system"]
        before = [] if any(turn.role == "system" for turn in answer) else head
    return [*before, *answer]


def _before(value: Row, keys: Row, columns: Columns, repairs: list[str]) -> list[Message]:
    """What was said before the two answers."""
    system = system_of(value, keys, columns)
    messages = [Message("system", system)] if system else []
    for name in LISTS:
        turns = as_list(field_of(value, keys, name))
        if turns is not None:
            return messages + [message(turn, repairs) for turn in turns]
    messages += history_of(as_list(field_of(value, keys, "history")) or [], repairs)
    prompt = columns.prompt or next((keys[name] for name in PROMPT_NAMES if name in keys), None)
    if prompt is None or value.get(prompt) is None:
        return messages
    asked = value[prompt]
    found = read_transcript(asked) if isinstance(asked, str) else None
    messages += [turn for turn in found if turn.content] if found else side(asked, "user", repairs)
    extra = field_of(value, keys, "input") if keys.get("input") != prompt else None
    if isinstance(extra, str) and extra.strip() and messages:
        messages[-1] = Message("user", f"{messages[-1].content}\n\n{extra}")
    return messages


def _answer(value: Any, repairs: list[str]) -> list[Message]:
    value = as_value(value)
    if is_message_list(value):
        return [message(turn, repairs) for turn in value]
    if is_message(value):
        return [message(value, repairs)]
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    text = text_of(value, repairs)
    return read_transcript(text) or [Message("assistant", text)]


def read_transcript(text: str) -> list[Message] | None:
    """Read `Human: ... Assistant: ...` in its usual spellings; None where the text is no transcript.

    A transcript begins with a speaker and has a user and an assistant in it.
    """
    text = _PREAMBLE.sub("", text)
    start = text.lstrip()
    if start.startswith("<|im_start|>"):
        found = [(name, said) for name, said in _CHATML.findall(start)]
    else:
        pattern = next((label for label in _LABELS if _opens(label, text)), None)
        if pattern is None:
            return None
        parts = pattern.split(text)
        found = list(zip(parts[1::2], parts[2::2], strict=True))
    roles = [_SPEAKERS.get(name.lower()) for name, _ in found]
    if None in roles or not {"user", "assistant"} <= set(roles):
        return None
    return [Message(role, said.strip()) for role, (_, said) in zip(roles, found, strict=True) if role]


def _opens(label: re.Pattern[str], text: str) -> bool:
    first = label.search(text)
    return (
        first is not None
        and not text[: first.start()].strip()
        and label.search(text, first.end()) is not None
    )
