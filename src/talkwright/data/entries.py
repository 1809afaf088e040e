"""One input row after the other: read, cleaned, made safe, and entered with its fate."""

from __future__ import annotations

from dataclasses import dataclass

from talkwright.config import DataSection, SourceSection
from talkwright.data.cleaning.clean import clean
from talkwright.data.cleaning.masks import Protected, protect, protect_raw
from talkwright.data.cleaning.rejected import clean_rejected
from talkwright.data.cleaning.screen import Screened, screen
from talkwright.data.excerpts import before_and_after, excerpt
from talkwright.data.reading.chat.turns import UNSURE_ORDER
from talkwright.data.reading.rows import Row
from talkwright.data.reading.shapes.formats import read_row
from talkwright.data.reading.shapes.winners import said_of
from talkwright.data.reading.together.casting import speakers_in
from talkwright.data.reading.together.chatfiles import row_with_roles
from talkwright.types import Conversation, LedgerRow


@dataclass(slots=True)
class Entry:
    """A row's line in the ledger, and the conversation that it became."""

    row: LedgerRow
    conversation: Conversation | None = None


def enter(row: Row, source: SourceSection, name: str, section: DataSection | None) -> Entry:
    """Read and clean one row. Without a `section` its text is left alone, as for looking at data."""
    if row.problem is not None:
        return _dropped(row, name, protect_raw(row.raw, section), row.problem, row.repairs)
    value = row_with_roles(row.value, source.roles) if source.roles else row.value
    draft = read_row(value, source.format, source.columns, source.arena, source.ties)
    if isinstance(draft, str):
        who = speakers_in(row.value) if draft in ("bad_role", "unsure_turns") else None
        shown = ", ".join(f"{called} ({count})" for called, count in who.most_common(8)) if who else ""
        raw = f"speakers: {shown}; {row.raw}" if shown else row.raw
        if draft in ("unknown_verdict", "unclear_verdict"):
            raw = f"{said_of(row.value)}; {row.raw}"
        return _dropped(row, name, protect_raw(raw, section), draft, row.repairs)
    cleaned = clean(draft.messages, section)
    unsure = (UNSURE_ORDER,) if UNSURE_ORDER in row.repairs else ()  # a mark that a row brings along
    repairs = tuple(name for name in row.repairs if name not in unsure) + draft.repairs
    if isinstance(cleaned, str):
        return _dropped(row, name, protect_raw(row.raw, section), cleaned, repairs, draft.format)
    messages, more = cleaned
    screened = screen(messages, section) if section else Screened(messages)
    if isinstance(screened, str):
        before = protect_raw(row.raw, section)
        return _dropped(row, name, before, screened, repairs + more, draft.format)
    messages, more = screened.messages, more + screened.repairs
    rejected, lost = clean_rejected(draft.messages, draft.rejected, messages, section)
    if section:
        safe = protect(
            messages,
            section,
            facts=draft.facts,
            group=draft.group,
            raw=row.raw,
            tools=draft.tools,
            rejected=rejected,
        )
    else:
        safe = Protected(
            messages, draft.facts, draft.group, row.raw, tools=draft.tools, rejected=rejected
        )
    if safe.drop:
        return _dropped(row, name, safe.before, "pii", repairs + more, draft.format)
    conversation = Conversation(
        safe.messages, name, row.where, safe.group, safe.facts, safe.tools, safe.rejected
    )
    repairs += more + safe.repairs
    before, after = before_and_after(safe.before, conversation.messages, bool(repairs))
    entered = LedgerRow(
        source=name,
        where=row.where,
        fate="kept",
        format=draft.format,
        repairs=repairs,
        marks=unsure + draft.marks + screened.marks + lost + safe.marks,
        conversation=conversation.id,
        before=before,
        after=after,
    )
    return Entry(entered, conversation)


def _dropped(
    row: Row, name: str, before: str, reason: str, repairs: tuple[str, ...], format: str | None = None
) -> Entry:
    shown = excerpt(before)
    return Entry(LedgerRow(name, row.where, "dropped", reason, repairs, before=shown, format=format))
