"""One input row after the other: read, cleaned, made safe, and entered with its fate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from talkwright.config import DataSection, SourceSection
from talkwright.data.cleaning.clean import clean
from talkwright.data.cleaning.masks import Protected, protect, protect_raw
from talkwright.data.reading.formats import read_row
from talkwright.data.reading.rows import Row
from talkwright.types import Conversation, LedgerRow, Message

_EXCERPT = 200  # characters
_UNSHOWABLE = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """A row's line in the ledger, and the conversation that it became."""

    row: LedgerRow
    conversation: Conversation | None = None


def enter(row: Row, source: SourceSection, name: str, section: DataSection | None) -> Entry:
    """Read and clean one row. Without a `section` its text is left alone, as for looking at data."""
    if row.problem is not None:
        return _dropped(row, name, protect_raw(row.raw, section), row.problem, row.repairs)
    draft = read_row(row.value, source.format, source.columns, source.arena)
    if isinstance(draft, str):
        return _dropped(row, name, protect_raw(row.raw, section), draft, row.repairs)
    cleaned = clean(draft.messages, section)
    repairs = row.repairs + draft.repairs
    if isinstance(cleaned, str):
        return _dropped(row, name, protect_raw(row.raw, section), cleaned, repairs, draft.format)
    messages, more = cleaned
    safe = Protected(messages, draft.facts, draft.group, row.raw)
    if section:
        safe = protect(messages, section, facts=draft.facts, group=draft.group, raw=row.raw)
    if safe.drop:
        return _dropped(row, name, safe.before, "pii", repairs + more, draft.format)
    conversation = Conversation(safe.messages, name, row.where, safe.group, safe.facts)
    entered = LedgerRow(
        source=name,
        where=row.where,
        fate="kept",
        format=draft.format,
        repairs=repairs + more + safe.repairs,
        marks=draft.marks + safe.marks,
        conversation=conversation.id,
        before=excerpt(safe.before),
        after=_shown(conversation.messages),
    )
    return Entry(entered, conversation)


def _dropped(
    row: Row, name: str, before: str, reason: str, repairs: tuple[str, ...], format: str | None = None
) -> Entry:
    shown = excerpt(before)
    return Entry(LedgerRow(name, row.where, "dropped", reason, repairs, before=shown, format=format))


def excerpt(text: str) -> str:
    """Cut to 200 characters that any terminal or page can show on one line."""
    text = _UNSHOWABLE.sub(" ", text[: _EXCERPT * 3]).strip()
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"


def _shown(messages: Sequence[Message]) -> str:
    share = max(40, _EXCERPT // len(messages) - 12)
    cut = (m.content if len(m.content) <= share else m.content[: share - 1] + "…" for m in messages)
    return excerpt(" / ".join(f"{m.role}: {text}" for m, text in zip(messages, cut, strict=True)))
