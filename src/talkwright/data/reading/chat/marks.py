"""Marks for what in a text may not be what it seems."""

from __future__ import annotations

import re
from collections.abc import Sequence

from talkwright.types import Message

# They turn the order of what is shown around, and so can hide what a text says.
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_ESCAPE_IN_TEXT = re.compile(r"\\(?:n|r|t|\"|u[0-9a-fA-F]{4})|(?<![\w:\\])\\\\(?=[^\W\d_])")
_PARAGRAPH_IN_TEXT = re.compile(
    r"(?<!\\)\\u[0-9a-fA-F]{4}|```\w{0,12}\\n|\\n```|[\w)][.!?:)。！？：]\\n\\n[^\W_a-z]"
)


def text_marks(messages: Sequence[Message]) -> list[str]:
    """Marks for what in a text may not be what it seems."""
    found = []
    if any("\\" in turn.content and _looks_doubled(turn.content) for turn in messages):
        found.append("literal_escapes")
    if any(not turn.content.isascii() and _BIDI.search(turn.content) for turn in messages):
        found.append("bidi_controls")
    return found


def _looks_doubled(text: str) -> bool:
    # Perhaps line ends whose backslash was doubled, perhaps talk about code: it cannot be told.
    sign = _PARAGRAPH_IN_TEXT if "\n" in text.strip() else _ESCAPE_IN_TEXT
    return sign.search(text) is not None
