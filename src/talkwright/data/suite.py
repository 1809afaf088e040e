"""Held-out conversations beside the training rows that should not know them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from talkwright.types import Conversation


def asked_in_both(training: Iterable[Conversation], suite: Sequence[Conversation]) -> list[Conversation]:
    """The suite's conversations of which a question is one of the training rows' too.

    Questions are the same when their letters and digits are. The training rows are read once.
    """
    if not suite:
        return []
    wanted = {key for conversation in suite for key in _questions(conversation)}
    asked: set[str] = set()
    for conversation in training:
        asked.update(key for key in _questions(conversation) if key in wanted)
    return [c for c in suite if not asked.isdisjoint(_questions(c))]


def _questions(conversation: Conversation) -> list[str]:
    return [
        " ".join("".join(c if c.isalnum() else " " for c in m.content.casefold()).split())
        for m in conversation.messages
        if m.role == "user"
    ]
