"""Conversations written out as one text: speakers' names or a chat template's marks before each turn."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

from talkwright.data.reading.chat.speakers import (
    OF_TEMPLATES,
    ROLES,
    Cast,
    is_role,
    plain_names,
    software_speaks,
    speakers_of_text,
)
from talkwright.types import Message, Role

# Columns that may hold a conversation as one text.
TEXTS = ("text", "transcript", "chattranscript", "conversation", "dialogue", "dialog", "chatlog", "log")
_TASKS: dict[str, Role] = {"instruction": "user", "response": "assistant"}  # a model's, too
_CHATML = re.compile(r"<\|im_start\|>(\w{1,20})\n(.*?)(?:<\|im_end\|>\s*|\Z)", re.DOTALL)
_MODELS: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant",
                            "model": "assistant", "ipython": "tool", "tool": "tool"}  # fmt: skip
# What a chat template writes: before a text, before a turn, behind a turn, behind the text.
_TEMPLATES = tuple(
    (
        re.compile(rf"(?:{first}\s*)*"),
        re.compile(rf"{opens}(.*?)(?:({re.escape(ends)})\s*|\Z)", re.DOTALL),
        re.compile("|".join((first, opens, *map(re.escape, (ends, last))))),
        last,
    )
    for first, opens, ends, last in (
        (
            r"<\|begin_of_text\|>",  # Llama 3
            r"<\|start_header_id\|>(\w{1,20})<\|end_header_id\|>(?:\n\n)?",
            "<|eot_id|>",
            "<|end_of_text|>",
        ),
        ("<bos>", r"<start_of_turn>(user|model|system)\n", "<end_of_turn>", "<eos>"),  # Gemma
        ("<s>", r"<\|(system|user|assistant)\|>\n?", "</s>", "<|endoftext|>"),  # Zephyr
        ("<s>", r"<\|(system|user|assistant)\|>\n?", "<|end|>", "<|endoftext|>"),  # Phi
    )
)
_HEADED = re.compile(rf"(?:\A\s*|\n[ \t]*)### ?({'|'.join(OF_TEMPLATES)})\b:?[ \t]*", re.IGNORECASE)
_GLUED = re.compile(r"### ?(Human|User|Assistant):[ \t]*")  # no line end before it
# A line with who speaks, in the marks of Markdown or in brackets.
_LINE = re.compile(
    r"^(?P<indent>[ \t]{0,20})(?P<point>[-*•>] |#{1,6} ?|)(?P<open>\*{1,3}|\[|<|)"
    r"(?P<name>[^\W\d_][\w .,'’/&()-]{0,40}?)"
    r"(?:(?P<inside>[ \u00a0\u202f]?[:：])(?P<close>\*{1,3}|\]|>|)"
    r"|(?P<close_>\*{1,3}|\]|>|)[ \u00a0\u202f]?[:：])"
    r"(?P<gap>[ \t\u00a0]+|)",
    re.MULTILINE,
)
_BREAK = re.compile(r"<br ?/?>", re.IGNORECASE)
_CLOSING = {"[": "]", "<": ">"}
_OF_PARAGRAPHS = {*OF_TEMPLATES} - _TASKS.keys()  # a line of these within a paragraph is text
_SENTENCE = re.compile(r"[.?!…。？！](?:\s|\Z)|(?<!\S)(?:\S+\s+){3}\S")
_INST = re.compile(r"\[(/?)INST\]")
_SYS = re.compile(r"\s*<<SYS>>(.*?)<</SYS>>", re.DOTALL)
_PREAMBLE = re.compile(r"\ABelow is an instruction that describes a task[^#]{0,200}(?=###)")


def read_transcript(
    text: str, repairs: list[str] | None = None, anyone: bool = False, spoken: bool = False
) -> list[Message] | None:
    """Read `Human: ... Assistant: ...` in its usual spellings; None where the text is no transcript.

    A transcript begins with a speaker and has a user and an assistant in it. `System` beside a customer
    and an agent is a desk's software: with `repairs`, what it says is left out and noted there. For
    `anyone` and `spoken` see `speakers_of_text`.
    """
    text = _PREAMBLE.sub("", text)
    start = text.lstrip()
    if start.startswith(("[INST]", "<s>[INST]", "<s> [INST]")):
        return _instructions(start)
    if start.startswith("<|im_start|>"):
        found = _CHATML.findall(start)
        return _messages(found, {name: ROLES.get(name.lower()) for name, _ in found})
    if start.startswith(("<|", "<bos>", "<start_of_turn>", "<s>")):
        templated = _templated(start)
        if templated is not None:
            return templated
    if start.startswith("###"):
        headed = _headed(start)
        if headed is not None:
            return headed
    return _lines(text, repairs, anyone, spoken)


def _templated(text: str) -> list[Message] | None:
    """A text that is nothing but turns in the chat template of Llama 3, Gemma, Zephyr or Phi."""
    text = text.rstrip()
    for first, opened, mark, last in _TEMPLATES:
        at = first.match(text).end()  # type: ignore[union-attr]
        whole = text.removesuffix(last).rstrip()
        messages: list[Message] = []
        while (turn := opened.match(whole, at)) is not None:
            role = _MODELS.get(turn[1])
            if role is None or mark.search(turn[2]):
                break
            messages.append(Message(role, turn[2]))
            at = turn.end()
        if at == len(whole) and {"user", "assistant"} <= {message.role for message in messages}:
            return messages
    return None


def _lines(text: str, repairs: list[str] | None, anyone: bool, spoken: bool) -> list[Message] | None:
    """A transcript whose turns begin with a line that says who speaks."""
    if anyone and "\n" not in text and _BREAK.search(text):
        text = _BREAK.sub("\n", text)
        if repairs is not None:
            repairs.append("stripped_html")
    text = text.lstrip("\ufeff\r\n")
    bare = text.lstrip()
    text = text[text.rfind("\n", 0, len(text) - len(bare)) + 1 :]  # with the indent of its first line
    first = _LINE.match(text)
    if first is None or _style(first) is None or not (anyone or _style(first) == ("", "", "")):
        return None
    heads = [
        head
        for head in _LINE.finditer(text, first.start())
        if _style(head) == _style(first) and head["indent"] in ("", first["indent"]) and _is_apart(head)
    ]
    upper = first["name"][0].isupper()
    for some in (_in_paragraphs(heads), [h for h in heads if h["name"][0].isupper() == upper], heads):
        if not some or some[0].start() != first.start():
            continue
        cast = speakers_of_text([head["name"] for head in some], anyone, spoken)
        if cast is None:
            continue
        found = _between([head for head in some if head["name"] in cast.roles], text)
        if anyone and _is_form(
            found, cast, len({head["name"] for head in some}) > len(cast.roles), spoken
        ):
            return None
        if repairs is not None and cast.guessed:
            repairs.append("guessed_role")
        return _messages(_without_software(found, repairs), cast.roles)
    return None


def _style(head: re.Match[str]) -> tuple[str, ...] | None:
    """The marks around a speaker's name; None where what opens them is not closed."""
    open, close = head["open"], head["close"] or head["close_"] or ""
    if close != _CLOSING.get(open, open):
        return None
    return (head["point"], open, "inside" if open and head["inside"] else "")


def _is_apart(head: re.Match[str]) -> bool:
    """Say whether a colon ends a label, and not the beginning of an address or a time."""
    behind = head.string[head.end() : head.end() + 1]
    return bool(head["gap"]) or behind in ("", "\r", "\n") or "：" in head[0] or is_role(head["name"])


def _in_paragraphs(heads: list[re.Match[str]]) -> list[re.Match[str]]:
    """The labels of a model and its user that begin the text or a paragraph."""
    return [
        head
        for at, head in enumerate(heads)
        if head["name"].lower() in _OF_PARAGRAPHS
        and (
            at == 0 or head.string[max(0, head.start() - 4) : head.start()].endswith(("\n\n", "\n\r\n"))
        )
    ]


def _between(heads: list[re.Match[str]], text: str) -> list[tuple[str, str]]:
    """What is said behind each label up to the next."""
    ends = [*(head.start() for head in heads[1:]), len(text)]
    return [(head["name"], text[head.end() : end]) for head, end in zip(heads, ends, strict=True)]


def _is_form(found: list[tuple[str, str]], cast: Cast, more: bool, spoken: bool) -> bool:
    """Say whether a text is a form, such as `Patient: Ann Bell`, `Doctor: Lee`; `more`: with others."""
    doubtful = cast.doubtful and not spoken
    if not doubtful and not (more and software_speaks(plain_names(cast.roles))):
        return False
    once = len({name for name, _ in found}) == len(found)
    firsts, *lines = zip(*((said.strip().partition("\n")[::2]) for _, said in found), strict=True)
    behind = [line for rest in lines for said in rest for line in said.split("\n") if line.strip()]
    return once and not any(map(_SENTENCE.search, firsts)) and all(map(_LINE.match, behind))


def _without_software(found: list[tuple[str, str]], repairs: list[str] | None) -> list[tuple[str, str]]:
    spoken = [part for part in found if part[0].lower() != "system"]
    others = plain_names(name for name, _ in spoken) - _TASKS.keys()
    if repairs is None or len(spoken) == len(found) or len(others) < 2 or not software_speaks(others):
        return found
    repairs.append("dropped_side_note")
    return spoken


def _messages(found: list[tuple[str, str]], roles: Mapping[str, Role | None]) -> list[Message] | None:
    held = [roles.get(name) for name, _ in found]
    if None in held or not {"user", "assistant"} <= {*held}:
        return None
    return [Message(role, said.strip()) for role, (_, said) in zip(held, found, strict=True) if role]


def _headed(text: str) -> list[Message] | None:
    """`### Human: ...`, with the heading on a line of its own or not."""
    glued = _glued(text)
    return glued if glued is not None else _under(_HEADED, text)


def _under(heading: re.Pattern[str], text: str) -> list[Message] | None:
    parts = heading.split(text)
    found = [(name.lower(), said) for name, said in zip(parts[1::2], parts[2::2], strict=True)]
    return None if parts[0].strip() else _messages(found, {**ROLES, **_TASKS})


def _glued(text: str) -> list[Message] | None:
    """`### Human: ...### Assistant: ...` where no heading on a line of its own does."""
    on_lines = _under(_HEADED, text)
    if on_lines is not None and _alternates(on_lines):
        return None  # as ever: a label within a line is text
    found = _under(_GLUED, text)
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
