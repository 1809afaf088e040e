"""Rows that say the same as an earlier one, and rows that contradict each other."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from talkwright.data.similar import (
    Index,
    hard_parts,
    jaccard,
    normal,
    normal_question,
    numbers,
    signatures,
    words,
)
from talkwright.progress import track
from talkwright.types import Conversation

_RIVALS = 50  # different answers to one question that are compared with each other
_FAR = 0.08  # word overlap below which two answers have nothing to do with each other
_SHORT = 40  # words of an answer that states one thing
_SAME_SHAPE = 0.5  # word overlap from which two short answers differ in details only
_YES_NO = re.compile(r"\W*(yes|yeah|yep|no|nope)\b", re.IGNORECASE)
_NAME = re.compile(r"(?<=[a-z,;] )[A-Z][\w-]+")


@dataclass(frozen=True, slots=True)
class Duplicates:
    """`dropped` maps a row to (reason, row kept instead); `links` are kept rows that are alike."""

    dropped: dict[int, tuple[str, int]]
    links: list[tuple[int, int]]


def find_duplicates(
    conversations: Mapping[int, Conversation], how: Literal["near", "exact", "keep"], threshold: float
) -> Duplicates:
    """Compare each conversation with the earlier ones; the first of its kind is always kept.

    Near-duplicates are alike on the user's and on the assistant's side both, under the same system
    prompt, with the same roles, numbers and negations. Those not dropped are linked instead.
    """
    dropped: dict[int, tuple[str, int]] = {}
    links: list[tuple[int, int]] = []
    first: dict[object, int] = {}
    fresh: list[int] = []
    for at, conversation in conversations.items():
        key = tuple((m.role, normal(m.content), normal(m.thinking or "")) for m in conversation.messages)
        if first.setdefault(key, at) == at:
            fresh.append(at)
        elif how == "keep":
            links.append((first[key], at))
        else:
            dropped[at] = ("duplicate", first[key])
    sides = [(_side(conversations[at], "user"), _side(conversations[at], "assistant")) for at in fresh]
    signed = zip(signatures([a for a, _ in sides]), signatures([b for _, b in sides]), strict=True)
    index = Index(threshold, sides=2)
    rows = zip(fresh, sides, signed, strict=True)
    for at, texts, signature in track(rows, "compare rows", len(fresh)):
        keys = index.keys(_block(conversations[at], texts), signature)
        alike = index.find(keys, texts)
        if alike and how == "near":
            dropped[at] = ("near_duplicate", alike[0])
            links.extend((alike[0], other) for other in alike[1:])
            continue
        links.extend((other, at) for other in alike)
        index.add(at, keys, texts)
    return Duplicates(dropped, links)


def _side(conversation: Conversation, side: str) -> str:
    own = ("assistant",) if side == "assistant" else ("user", "tool")
    return "\n".join(m.content for m in conversation.messages if m.role in own)


def _block(conversation: Conversation, texts: tuple[str, str]) -> object:
    roles = tuple(m.role for m in conversation.messages)
    return hash((roles, _system(conversation), *map(hard_parts, texts)))


def _system(conversation: Conversation) -> str:
    return " ".join(normal(m.content) for m in conversation.messages if m.role == "system")


# --- contradictions ------------------------------------------------------------------------------


def find_contradictions(conversations: Mapping[int, Conversation]) -> list[int]:
    """Rows of one question and one answer whose question another row answers clearly differently."""
    answers: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for at, conversation in conversations.items():
        talk = [m for m in conversation.messages if m.role != "system"]
        if [m.role for m in talk] == ["user", "assistant"]:
            question = normal_question(talk[0].content) or talk[0].content
            answers[_system(conversation), question].append((at, talk[1].content))
    found: set[int] = set()
    for rivals in answers.values():
        for position, (at, answer) in enumerate(rivals):
            for other, rival in rivals[max(0, position - _RIVALS) : position]:
                if contradicts(answer, rival):
                    found |= {at, other}
    return sorted(found)


def contradicts(a: str, b: str) -> bool:
    """Say whether two answers to one question cannot both be right, as far as the words tell.

    They do when one says yes and the other no, when they have hardly a word in common, or when they
    are short, alike, and each has a number or a name that the other lacks. Two long paraphrases
    with different details do not: they are mostly both right.
    """
    one, other = _claims(a), _claims(b)
    if one.yes is not None and other.yes is not None and one.yes != other.yes:
        return True
    overlap = len(one.words & other.words) / max(1, min(len(one.words), len(other.words)))
    if jaccard(one.words, other.words) < _FAR and overlap < 2 * _FAR:
        return True
    if max(one.length, other.length) > _SHORT:
        return False
    return _each_has_own(one.numbers, other.numbers) or (
        overlap >= _SAME_SHAPE and _each_has_own(one.names, other.names)
    )


@dataclass(frozen=True, slots=True)
class _Claims:
    """What an answer states, as far as it can be counted. `yes` is None for neither yes nor no."""

    yes: bool | None
    length: int
    words: frozenset[str]
    numbers: frozenset[str]
    names: frozenset[str]


@lru_cache(maxsize=4 * _RIVALS)
def _claims(answer: str) -> _Claims:
    said = _YES_NO.match(answer)
    found = words(answer)
    return _Claims(
        yes=said[1][0].lower() == "y" if said else None,
        length=len(found),
        words=frozenset(found),
        numbers=frozenset(numbers(answer)),
        names=frozenset(_NAME.findall(answer)),
    )


def _each_has_own(a: frozenset[str], b: frozenset[str]) -> bool:
    return bool(a - b) and bool(b - a)
