"""What the ledger shows of a row: a short text before and after, around the first thing that changed."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from talkwright.config import DataSection
from talkwright.types import Message

_EXCERPT = 200  # characters
_LEAD = 50  # characters shown before what changed
_UNSHOWABLE = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]+")
_KINDS = DataSection.model_fields["pii_kinds"].default
_PLACEHOLDER = re.compile(rf"\[(?:{'|'.join(_KINDS)})(?:-\d+)?\]")


def excerpt(text: str) -> str:
    """Cut to 200 characters that any terminal or page can show on one line."""
    text = text[: _EXCERPT * 3]
    if not text.isprintable():
        text = _UNSHOWABLE.sub(" ", text)
    text = text.strip()
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"


def before_and_after(raw: str, messages: Sequence[Message], changed: bool) -> tuple[str, str]:
    """Excerpts of a row as it was read, and of what was kept of it.

    Both are the beginning, or where something `changed` further on than that shows, the part around the
    first change that can be found in `raw`.
    """
    contents = [message.text for message in messages]
    number, at, there = _first_change(raw, contents) if changed else (-1, 0, 0)
    share = max(40, _EXCERPT // len(messages) - 12)
    shown = [_part(text, at if place == number else 0, share) for place, text in enumerate(contents)]
    after = " / ".join(f"{m.role}: {text}" for m, text in zip(messages, shown, strict=True))
    return excerpt(_part(raw, there, _EXCERPT)), excerpt(after)


def _part(text: str, at: int, size: int) -> str:
    """At most `size` characters of a text with the one `at` among them."""
    if at + _LEAD > size:
        text = f"…{text[at - min(_LEAD, size // 3) :]}"
    return text if len(text) <= size else f"{text[: size - 1]}…"


def _first_change(raw: str, contents: Sequence[str]) -> tuple[int, int, int]:
    """Which message changed first, where in it, and where in the raw row; (-1, 0, 0) when not found."""
    for number, content in enumerate(contents):
        if found := _PLACEHOLDER.search(content):
            return number, found.start(), max(0, raw.find(found.group()))
    for number, content in enumerate(contents):
        if content in raw or _escaped(content) in raw:
            continue
        length = _common(raw, content)
        begin = _escaped(content[:length])
        end = raw.find(begin) + len(begin)
        if length and end < len(raw):  # else only the row's beginning is here
            return number, length, end
    return -1, 0, 0


def _common(raw: str, content: str) -> int:
    """How many characters of a message's beginning stand somewhere in the raw row."""
    low, high = 0, min(len(content), len(raw))
    while low < high:
        middle = (low + high + 1) // 2
        if _escaped(content[:middle]) in raw:
            low = middle
        else:
            high = middle - 1
    return low


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]
