"""Conversations written out as one text: speakers' names or a chat template's marks before each turn."""

from __future__ import annotations

import re
from itertools import pairwise

from talkwright.data.reading.speakers import software_speaks
from talkwright.types import Message, Role

# Columns that may hold a conversation as one text.
TEXTS = ("text", "transcript", "chattranscript", "conversation", "dialogue", "dialog", "chatlog", "log")
_SPEAKERS: dict[str, Role] = {
    "system": "system", "human": "user", "user": "user", "customer": "user", "instruction": "user",
    "client": "user", "visitor": "user", "assistant": "assistant", "ai": "assistant",
    "bot": "assistant", "agent": "assistant", "gpt": "assistant", "chatbot": "assistant",
    "response": "assistant", "operator": "assistant", "support": "assistant",
    "representative": "assistant", "model": "assistant", "tool": "tool",
}  # fmt: skip
_TASKS = {"instruction", "response"}  # a model's, too
_CHATML = re.compile(r"<\|im_start\|>(\w{1,20})\n(.*?)(?:<\|im_end\|>\s*|\Z)", re.DOTALL)
# From the surest sign of a new turn to the least sure; the first that opens the text is used.
_LABELS = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?:\A\s*|\n[ \t]*)### ?(Human|User|Instruction|Assistant|Response|System|Bot|AI):?[ \t]*",
        r"(?:\A\s*|\n\n)(Human|User|Assistant|System|AI|Bot):[ \t]*",
        r"(?:\A\s*|\n)(Human|User|Customer|Client|Visitor|Assistant|AI|Bot|Agent|Chatbot|Operator|Support"
        r"|Representative|System):[ \t]*",
    )
)
_GLUED = re.compile(r"### ?(Human|User|Assistant):[ \t]*")  # no line end before it
_INST = re.compile(r"\[(/?)INST\]")
_SYS = re.compile(r"\s*<<SYS>>(.*?)<</SYS>>", re.DOTALL)
_PREAMBLE = re.compile(r"\ABelow is an instruction that describes a task[^#]{0,200}(?=###)")


def read_transcript(text: str, repairs: list[str] | None = None) -> list[Message] | None:
    """Read `Human: ... Assistant: ...` in its usual spellings; None where the text is no transcript.

    A transcript begins with a speaker and has a user and an assistant in it. `System` beside a customer
    and an agent is a desk's software: with `repairs`, what it says is left out and noted there.
    """
    text = _PREAMBLE.sub("", text)
    start = text.lstrip()
    if start.startswith(("[INST]", "<s>[INST]", "<s> [INST]")):
        return _instructions(start)
    if start.startswith("<|im_start|>"):
        return _messages(_CHATML.findall(start))
    glued = _glued(start) if start.startswith("###") else None
    if glued is not None:
        return glued
    pattern = next((label for label in _LABELS if _opens(label, text)), None)
    if pattern is None:
        return None
    parts = pattern.split(text)
    found = list(zip(parts[1::2], parts[2::2], strict=True))
    spoken = [part for part in found if part[0].lower() != "system"]
    others = {name.lower() for name, _ in spoken} - _TASKS
    if repairs is not None and len(spoken) < len(found) and software_speaks(others):
        repairs.append("dropped_side_note")
        found = spoken
    return _messages(found)


def _messages(found: list[tuple[str, str]]) -> list[Message] | None:
    roles = [_SPEAKERS.get(name.lower()) for name, _ in found]
    if None in roles or not {"user", "assistant"} <= set(roles):
        return None
    return [Message(role, said.strip()) for role, (_, said) in zip(roles, found, strict=True) if role]


def _glued(text: str) -> list[Message] | None:
    """`### Human: ...### Assistant: ...` where no heading on a line of its own does."""
    parts = _LABELS[0].split(text)
    on_lines = _messages(list(zip(parts[1::2], parts[2::2], strict=True)))
    if on_lines is not None and _alternates(on_lines):
        return None  # as ever: a label within a line is text
    parts = _GLUED.split(text)
    if parts[0].strip():
        return None
    found = _messages(list(zip(parts[1::2], parts[2::2], strict=True)))
    return found if found is not None and _alternates(found) else None


def _alternates(messages: list[Message]) -> bool:
    roles = [turn.role for turn in messages if turn.role != "system"]
    return roles[0] == "user" and all(one != other for one, other in pairwise(roles))


def _instructions(text: str) -> list[Message] | None:
    """Llama 2's `<s>[INST] <<SYS>> ... <</SYS>> question [/INST] answer </s><s>[INST] ...`."""
    parts = _INST.split(text)
    if parts[0].strip() not in ("", "<s>"):
        return None
    closing, said = parts[1::2], parts[2::2]
    if closing != ["", "/"] * (len(closing) // 2):
        return None
    messages: list[Message] = []
    for at, body in enumerate(said):
        body = body.strip()
        if at % 2 == 0:
            system = _SYS.match(body)
            if system is not None and at == 0:
                messages.append(Message("system", system[1].strip()))
                body = body[system.end() :].strip()
            messages.append(Message("user", body))
        else:
            body = body.removesuffix("<s>").rstrip().removesuffix("</s>").rstrip()
            messages.append(Message("assistant", body))
    odd = ("<s>", "</s>", "<<SYS>>", "<</SYS>>")
    return None if any(mark in turn.content for turn in messages for mark in odd) else messages


def _opens(label: re.Pattern[str], text: str) -> bool:
    first = label.search(text)
    return (
        first is not None
        and not text[: first.start()].strip()
        and label.search(text, first.end()) is not None
    )
