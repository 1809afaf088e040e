"""Text files that are chats: what messengers and desks export, and transcripts without a time.

A file may hold several talks, with a rule (`-----`) or, in transcripts, an empty line between them, or a
night in which nothing was said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from talkwright.data.reading.chat.chatlines import Chat, Said, parted, read_chat
from talkwright.data.reading.chat.speakers import NOTES, ROLES, guess_roles, speaker
from talkwright.data.reading.chat.transcripts import TEXTS, read_transcript
from talkwright.data.reading.chat.turns import Unfit, plain
from talkwright.data.reading.rows import RAW, Row
from talkwright.data.reading.shapes.lying import upright
from talkwright.data.reading.together.casting import (
    Roles,
    others_role,
    role_of,
    unknown_speakers,
    with_roles,
)

_RULE = re.compile(r"^[ \t]*([-=_*#~])\1{2,}[ \t]*$", re.MULTILINE)
_GAP = re.compile(r"\n[ \t\r]*\n(?:[ \t\r]*\n)*")
_LABEL = re.compile(r"^[ \t]{0,3}([^\W\d_][\w .'-]{0,30}?)[ \t]?:(?:[ \t]+|$)", re.MULTILINE)
_HEAD = 2**14  # characters looked at to tell a chat


def is_chat(content: str) -> bool:
    """Say whether the beginning of a text file is that of a chat."""
    head = content[:_HEAD]
    if len(content) > _HEAD:
        head = head[: head.rfind("\n") + 1]
    return _is_talk(head)


def _is_talk(text: str) -> bool:
    return (
        read_chat(text, alone=True) is not None
        or read_transcript(text, anyone=True) is not None
        or bool(_labelled(text))
    )


def chat_rows(content: str, name: str, path: Path, roles: Roles) -> Iterator[Row]:
    """Yield the talks of a chat, each as a row. Raises DataError where it is not known who is who."""
    whole = read_chat(content, alone=True)
    one = whole is not None and (whole.recorded or any(said.when for said in whole.said))
    number = 0
    for block, line in [(content, 1)] if one else _blocks(content):
        chat = whole if block == content else read_chat(block, alone=True)
        chat = chat or _plain(block, roles)
        rows = _text_row(block) if chat is None else _talks(chat, path, roles)
        for value, first, repairs in rows:
            number += 1
            where = f"{name}:row {number} (line {line + first - 1})"
            if isinstance(value, str):
                yield Row(where, None, value[:RAW], "raw_text")
            else:
                raw = " ".join(_shown(value))[:RAW]
                yield Row(where, value, raw, None, repairs)


def _shown(value: dict[str, Any]) -> list[str]:
    if "text" in value:
        return [value["text"].strip()]
    return [f"{turn['speaker']}: {turn['content']}" for turn in value["messages"][:50]]


def _text_row(block: str) -> list[tuple[Any, int, tuple[str, ...]]]:
    known = read_transcript(block, [], anyone=True) is not None
    return [({"text": block.strip()} if known else block.strip(), 1, ())]


def _talks(chat: Chat, path: Path, roles: Roles) -> Iterator[tuple[Any, int, tuple[str, ...]]]:
    called = called_speakers(chat.names, path, roles)
    talks = parted(chat.said, who_asks([called[said.name] for said in chat.said]))
    repairs = (*chat.repairs, *(["split_by_silence"] if len(talks) > 1 else []))
    for talk in talks:
        turns = [{"speaker": called[said.name], "content": said.text} for said in talk]
        yield {"messages": turns}, talk[0].line, repairs


def who_asks(names: list[str]) -> list[bool]:
    """Whether it is the user who speaks in each turn, by what speakers are called."""
    turns = [{"speaker": name} for name in names]
    guessed = guess_roles([turn for turn in turns if plain(turn["speaker"]) not in NOTES])
    known = [speaker(turn) or "" for turn in turns]
    return [(guessed.get(name) or ROLES.get(name)) == "user" for name in known]


def called_speakers(
    names: list[str], path: Path, roles: Roles, more: Mapping[str, list[str]] | None = None
) -> dict[str, str]:
    """What each speaker is to be called for the readers of turns, with `more` names of some.

    Raises DataError where it is not known who asks and who answers.
    """
    called: dict[str, str] = {}
    for name in dict.fromkeys(names):
        known = speaker({"speaker": name}) or ""
        own = name if known in ROLES or known in NOTES else others_role(roles)
        given = (role_of(other, roles) for other in (name, *(more or {}).get(name, ())))
        called[name] = next((role for role in given if role is not None), None) or own or ""
    strangers = [name for name, role in called.items() if not role]
    if strangers:
        turns = [{"speaker": called[name] or name} for name in names]
        guessed = guess_roles([turn for turn in turns if plain(turn["speaker"]) not in NOTES])
        if len(strangers) > 1 or not guessed:
            raise unknown_speakers(path, [n for n in names if n in strangers] if roles else names)
        called[strangers[0]] = strangers[0]  # the readers of turns guess it, and say so
    roles_of = {ROLES.get(speaker({"speaker": role}) or "") for role in called.values()}
    if not roles and not strangers and not {"user", "assistant"} <= roles_of:
        raise unknown_speakers(path, names)
    return called


def row_with_roles(value: Any, roles: Roles) -> Any:
    """A row with roles in place of the speakers' names: of its turns, or of a text that is a chat."""
    if not isinstance(value, dict):
        return with_roles(value, roles)
    for key, text in value.items():
        if plain(key) not in TEXTS or not isinstance(text, str):
            continue
        chat = read_chat(text) or _plain(text, roles)
        called = (
            {name: role_of(name, roles) or others_role(roles) for name in chat.names} if chat else {}
        )
        if chat is not None and any(role_of(name, roles) for name in called):
            turns = [
                {"speaker": called[said.name] or said.name, "content": said.text} for said in chat.said
            ]
            return {**{name: held for name, held in value.items() if name != key}, "messages": turns}
    try:
        return with_roles(upright(value), roles)
    except Unfit:  # as whoever reads the row will find, too
        return value


# --- without a time ------------------------------------------------------------------------------


def _labelled(text: str) -> list[str]:
    """The names before the lines of a text, where few speak and each does so more than once."""
    names = [found[1] for found in _LABEL.finditer(text)]
    often = Counter(names)
    lines = sum(bool(line.strip()) for line in text.split("\n"))
    few = 2 <= len(often) <= 4 and min(often.values()) > 1 and 5 * len(names) >= 4 * lines
    opens = (first := _LABEL.search(text)) is not None and not text[: first.start()].strip("\ufeff \n")
    return names if few and opens else []


def _plain(text: str, roles: Roles) -> Chat | None:
    """A chat whose lines have names and no time, where the recipe or the text itself tells the names."""
    names = set(_labelled(text)) if read_transcript(text, anyone=True) is None else set()
    given = {found[1] for found in _LABEL.finditer(text) if role_of(found[1], roles) is not None}
    if not names and not given:
        return None
    if given:
        names = given | {name for name in names if others_role(roles) is not None} | {
            found[1] for found in _LABEL.finditer(text) if plain(found[1]) in ROLES
        }  # fmt: skip
        if len(names) < 2:
            names |= set(_labelled(text))
    one = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    label = re.compile(rf"^[ \t]{{0,3}}({one})[ \t]?:(?:[ \t]+|$)", re.MULTILINE)
    heads = list(label.finditer(text))
    if len({head[1] for head in heads}) < 2 or text[: heads[0].start()].strip("\ufeff \n"):
        return None
    ends = [*(head.start() for head in heads[1:]), len(text)]
    said = [
        Said(head[1], text[head.end() : end].strip(), None, 1 + text.count("\n", 0, head.start()))
        for head, end in zip(heads, ends, strict=True)
    ]
    return Chat(said)


def _blocks(content: str) -> list[tuple[str, int]]:
    """The talks of a file with the lines on which they begin: between rules, or between empty lines."""
    parts = _cut(content, _RULE)
    if len(parts) > 1 and all(_is_talk(text) for text, _ in parts):
        return [_placed(content, text, start) for text, start in parts]
    return _by_gaps(content)


def _by_gaps(content: str) -> list[tuple[str, int]]:
    """Talks between empty lines: each begins with who asks and is answered, and within none is a gap."""
    whole = [(content, 1)]
    if read_transcript(content, anyone=True) is None:
        return whole
    parts = _cut(content, _GAP)
    for text, _ in parts:
        talk = read_transcript(text, anyone=True)
        if talk is None or talk[0].role == "assistant" or talk[-1].role != "assistant":
            return whole
    return [_placed(content, text, start) for text, start in parts] if len(parts) > 1 else whole


def _cut(content: str, between: re.Pattern[str]) -> list[tuple[str, int]]:
    """The parts of a text `between` the matches of a pattern, and where each begins; no blank ones."""
    parts, at = [], 0
    for found in between.finditer(content):
        parts.append((content[at : found.start()], at))
        at = found.end()
    parts.append((content[at:], at))
    return [(text, start) for text, start in parts if text.strip()]


def _placed(content: str, text: str, start: int) -> tuple[str, int]:
    start += len(text) - len(text.lstrip())
    return text.strip(), 1 + content.count("\n", 0, start)
