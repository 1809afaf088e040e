"""Rows beyond the number that may ask the same, or answer the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from talkwright.data.similarity.contradictions import matter
from talkwright.data.similarity.similar import normal
from talkwright.types import Conversation


def topic(question: str) -> tuple[str, ...]:
    """The words of a question that say what it is about, each once, sorted, without numbers: equal for
    "cancel order 12" and "Please cancel my order 34". Empty where it has no such words."""
    return tuple(sorted({word for word in matter(question[:600]) if not any(map(str.isdigit, word))}))


def first_exchange(conversation: Conversation) -> tuple[str, str]:
    """The first question and the first answer; empty texts where there are none."""
    said = {"user": "", "assistant": ""}
    for message in conversation.messages:
        if message.role in said and not said[message.role]:
            said[message.role] = message.content
    return said["user"], said["assistant"]


def keys_of(conversation: Conversation) -> tuple[str, str]:
    """What counts as the same: (question, answer), either empty where there is nothing to compare."""
    question, answer = first_exchange(conversation)
    return " ".join(topic(question)), normal(answer)


def find_surplus(conversations: Mapping[int, Conversation], limit: int | None) -> list[int]:
    """Rows to drop, that at most `limit` share a question or an answer; the first stay. None: no limit."""
    if limit is None:
        return []
    asked: Counter[str] = Counter()
    answered: Counter[str] = Counter()
    surplus = []
    for at, conversation in conversations.items():
        question, answer = keys_of(conversation)
        if (question and asked[question] >= limit) or answered[answer] >= limit:
            surplus.append(at)
            continue
        asked[question] += 1
        answered[answer] += 1
    return surplus
