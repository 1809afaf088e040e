"""Which held-out conversations are asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from talkwright.types import Conversation, content_id


def select_items(candidates: Sequence[Conversation], *, limit: int, seed: int) -> list[Conversation]:
    """Choose at most `limit` conversations that can be asked and checked, in their given order.

    Usable are those whose last message is the assistant's and has something before it; each content
    counts once. When more than `limit` are usable, every n-th is taken out of a seeded shuffle
    within each source, so each source keeps its share. The choice depends on `seed` and on the
    conversations themselves, not on their order. Empty when nothing is usable.
    """
    usable = [c for c in distinct(candidates) if is_item(c)]
    if len(usable) <= limit:
        return usable
    shuffled = sorted(usable, key=lambda c: (c.source, content_id([seed, c.id]), c.id))
    chosen = {shuffled[i * len(shuffled) // limit].id for i in range(limit)}
    return [c for c in usable if c.id in chosen]


def is_item(conversation: Conversation) -> bool:
    """Say whether the conversation has a prompt and ends with the assistant's answer to it."""
    return len(conversation.messages) > 1 and conversation.messages[-1].role == "assistant"


def distinct(conversations: Iterable[Conversation]) -> list[Conversation]:
    """Keep the first conversation of each id, in order."""
    first: dict[str, Conversation] = {}
    for conversation in conversations:
        first.setdefault(conversation.id, conversation)
    return list(first.values())
