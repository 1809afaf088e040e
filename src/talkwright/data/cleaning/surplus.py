"""Rows beyond the number that may ask the same, or answer the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from talkwright.data.similarity.contradictions import matter
from talkwright.data.similarity.features import number
from talkwright.data.similarity.similar import normal
from talkwright.types import Conversation, spoken


def topic(asked: tuple[str, ...]) -> tuple[str, ...]:
    """Of the words of matter of a question: each once, sorted, without numbers. Equal for "cancel order
    12" and "Please cancel my order 34"; empty where there is no such word."""
    return tuple(sorted({word for word in asked if not any(map(str.isdigit, word))}))


def _first_exchange(conversation: Conversation) -> tuple[str, str]:
    """The first question and the first answer; empty texts where there are none."""
    said = {"user": "", "assistant": ""}
    for message in conversation.messages:
        if message.role in said and not said[message.role]:
            said[message.role] = message.content
    return said["user"], said["assistant"]


def _keys_of(conversation: Conversation) -> tuple[str, str]:
    """What counts as the same: (question, answer), either empty where there is nothing to compare."""
    question, answer = _first_exchange(conversation)
    return " ".join(topic(matter(question))), normal(answer)


def find_surplus(rows: Iterable[tuple[int, Conversation]], limit: int) -> list[int]:
    """Rows to drop, that at most `limit` share a question or an answer; the first stay."""
    asked: Counter[int] = Counter()
    answered: Counter[int] = Counter()
    surplus = []
    for at, conversation in rows:
        question, answer = (number(text) if text else 0 for text in _keys_of(spoken(conversation)))
        if (question and asked[question] >= limit) or answered[answer] >= limit:
            surplus.append(at)
            continue
        asked[question] += 1
        answered[answer] += 1
    return surplus
