"""The row ledger: the fate of every input row, and sums that must add up."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from talkwright.types import Conversation, Counts, LedgerRow, Message

_EXCERPT = 200  # characters
_UNSHOWABLE = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]+")


class Ledger:
    """Rows in reading order. A kept row may be dropped later; a dropped one stays dropped."""

    def __init__(self) -> None:
        self.rows: list[LedgerRow] = []
        self.conversations: dict[int, Conversation] = {}

    def add_dropped(
        self, source: str, where: str, before: str, reason: str, repairs: tuple[str, ...] = ()
    ) -> None:
        """Enter a row that is not usable."""
        self.rows.append(LedgerRow(source, where, "dropped", reason, repairs, before=excerpt(before)))

    def add_kept(
        self, conversation: Conversation, before: str, repairs: tuple[str, ...], marks: tuple[str, ...]
    ) -> None:
        """Enter a row that became `conversation`."""
        self.conversations[len(self.rows)] = conversation
        self.rows.append(
            LedgerRow(
                conversation.source,
                conversation.where,
                "kept",
                repairs=repairs,
                marks=marks,
                conversation=conversation.id,
                before=excerpt(before),
                after=_shown(conversation.messages),
            )
        )

    def drop(self, index: int, reason: str, after: str = "") -> None:
        """Drop a row that was kept so far; `after` says in favour of what."""
        if self.conversations.pop(index, None) is None:
            raise AssertionError(f"row {index} of the ledger is dropped twice")
        self.rows[index] = replace(self.rows[index], fate="dropped", reason=reason, after=after)

    def mark(self, index: int, mark: str) -> None:
        """Note something about a row without changing it."""
        row = self.rows[index]
        self.rows[index] = replace(row, marks=(*row.marks, mark))

    def assign(self, index: int, split: str) -> None:
        """Say which split a kept row goes to."""
        self.rows[index] = replace(self.rows[index], split=split)


def excerpt(text: str) -> str:
    """Cut to 200 characters that any terminal or page can show on one line."""
    text = _UNSHOWABLE.sub(" ", text[: _EXCERPT * 3]).strip()
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"


def _shown(messages: Sequence[Message]) -> str:
    share = max(40, _EXCERPT // len(messages) - 12)
    cut = (m.text if len(m.text) <= share else m.text[: share - 1] + "…" for m in messages)
    return excerpt(" / ".join(f"{m.role}: {text}" for m, text in zip(messages, cut, strict=True)))


def counts(rows: Iterable[LedgerRow]) -> Counts:
    """Sum up ledger rows. Repairs and marks are counted on kept rows only.

    Raises AssertionError when the sums do not add up or a row's fate contradicts itself.
    """
    rows = list(rows)
    kept = [row for row in rows if row.fate == "kept"]
    dropped = Counter(row.reason for row in rows if row.fate == "dropped")
    if None in dropped or any(row.reason or row.conversation is None for row in kept):
        raise AssertionError("a dropped row without a reason, or a kept one with")
    result = Counts(
        read=len(rows),
        kept=len(kept),
        dropped={str(reason): dropped[reason] for reason in sorted(dropped, key=str)},
        repaired=dict(sorted(Counter(name for row in kept for name in row.repairs).items())),
        marked=dict(sorted(Counter(name for row in kept for name in row.marks).items())),
        splits=dict(Counter(row.split for row in kept if row.split is not None)),
    )
    if result.read != result.kept + sum(result.dropped.values()):
        raise AssertionError(f"the row ledger does not add up: {result}")
    return result
