"""Columns whose names say that they belong to a conversation, and whose text was not used."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from talkwright.data.reading.chat.speakers import plain_name
from talkwright.types import Message

# By plain names: what may be a system prompt, a question, an answer, or what was thought before it.
_SAID = frozenset(
    """
    system systemprompt systemmessage instructions promptprefix persona personas
    prompt instruction question query userprompt usermessage userinput userquery
    completion response answer output reply modelresponse solution
    thinking reasoning reasoningcontent chainofthought cot complexcot rationale
    """.split()  # noqa: SIM905
)
# What a conversation may be about, or goes on from; as often a label, so that only sentences count.
_ABOUT = frozenset(
    """
    context history chathistory conversationhistory dialoghistory dialoguehistory messagehistory
    input passage passages background knowledge scenario story document article support
    """.split()  # noqa: SIM905
)
_TELLING = _SAID | _ABOUT
_SENTENCE = 25  # characters
_LABEL = re.compile(r"[#*\[<|\s]*[^\W\d_][\w ./()-]{0,40}[:：|>\]*]+\s*")
_NOTHING = frozenset(
    ("none", "null", "nan", "n/a", "<noinput>", "noinput", "no input", "[deleted]", "[removed]")
)
_TASK = ("Below is an instruction", "### Instruction")  # Alpaca's template, with what stands elsewhere


def unused_marks(
    value: dict[str, Any], keys: dict[str, Any], messages: Sequence[Message], used: Sequence[Any]
) -> Iterator[str]:
    """`unused_NAME` for each such column whose text is in no message, save for the keys `used`."""
    columns = [(name, keys[name]) for name in _TELLING & keys.keys() if keys[name] not in used]
    if len(keys) < len(value):  # names that differ in case and the like: the first of them was read
        others = [(plain_name(str(key)), key) for key in value if key not in keys.values()]
        columns += [(name, key) for name, key in others if name in _TELLING]
    if not columns:
        return
    whole = bare = ""
    for name, key in sorted(columns, key=lambda column: column[0]):
        for text in _texts(value.get(key)):
            whole = whole or "\n".join(f"{turn.content}\n{turn.thinking or ''}" for turn in messages)
            if text in whole or len(text) < _SENTENCE * (name in _ABOUT) or _says_nothing(text):
                continue
            bare = bare or _bare(whole)
            if not all(_bare(line) in bare for line in _lines(text)):
                yield f"unused_{name}"
                break


def _texts(held: Any) -> Iterator[str]:
    """The texts of a column: itself, or those of a list of texts."""
    for text in held if isinstance(held, list) else [held]:
        if isinstance(text, str) and text.strip():
            yield text.strip()


def _says_nothing(text: str) -> bool:
    return text.lower() in _NOTHING or text.startswith(_TASK) or not any(map(str.isalpha, text))


def _lines(text: str) -> Iterator[str]:
    """The lines of a text, without the names that a transcript has before them."""
    for line in text.splitlines():
        yield line if (label := _LABEL.match(line)) is None else line[label.end() :]


def _bare(text: str) -> str:
    return "".join(filter(str.isalnum, text))
