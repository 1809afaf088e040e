"""When two texts say the same: normal forms, shingles, and pairs that are alike.

Similarity is the Jaccard index over pairs of neighbouring words (a CJK character counts as a word;
the beginning and the end of the text count as words too, so that a text of one word has pairs).
MinHash with banding only proposes pairs; every one is verified on the real sets. Texts whose numbers
or negations differ are never alike, however long they are: that is where the meaning sits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]|[^\W_]+(?:['\u2019][^\W_]+)*"
)
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_LIST_NUMBER = re.compile(r"^[^\S\n]*\d{1,2}[.)]\s", re.MULTILINE)
_DIGIT = re.compile(r"\d")
_NEGATIONS = frozenset(
    [
        "not",
        "no",
        "never",
        "none",
        "nothing",
        "without",
        "cannot",
        "dont",
        "doesnt",
        "didnt",
        "cant",
        "wont",
        "isnt",
        "nicht",
        "jamais",
        "pas",
        "nunca",
        "sin",
    ]
)
_EDGES = " \t\n?!.,;:…\"'`\u2018\u2019\u201c\u201d«»¿¡。？！，、"


def normal(text: str) -> str:
    """Fold case and whitespace, and compose accents."""
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def normal_question(text: str) -> str:
    """As `normal`, and without punctuation at either end."""
    return without_edges(normal(text))


def without_edges(text: str) -> str:
    """A normal form without punctuation at either end."""
    return text.strip(_EDGES)


@lru_cache(maxsize=4096)
def words(text: str) -> tuple[str, ...]:
    """The words of a text, case folded; every CJK character is one."""
    return tuple(word_list(normal(text)))


def word_list(text: str) -> list[str]:
    """The words of a text in its normal form."""
    return _WORD.findall(text)


@lru_cache(maxsize=4096)
def shingles(text: str) -> frozenset[tuple[str, str]]:
    """Pairs of neighbouring words, with the ends of the text as words."""
    row = ("", *words(text), "")
    return frozenset(pairwise(row))


def numbers(text: str) -> tuple[str, ...]:
    """The numbers of a text, sorted, without those that only count list items."""
    if _DIGIT.search(text) is None:
        return ()
    return tuple(sorted(_NUMBER.findall(_LIST_NUMBER.sub("", text))))


def hard_parts(text: str, said: Sequence[str] | None = None) -> tuple[tuple[str, ...], int]:
    """What must be equal in texts that are alike: the numbers, and how often it is negated.

    `said` are the words of its normal form, where they are known.
    """
    said = words(text) if said is None else said
    negated = 0
    if "n't" in text or "n\u2019t" in text or not _NEGATIONS.isdisjoint(said) or "kein" in text.lower():
        negated = sum(
            word in _NEGATIONS or word.startswith("kein") or word.endswith(("n't", "n\u2019t"))
            for word in said
        )
    return numbers(text), negated


def jaccard(a: frozenset[Any], b: frozenset[Any]) -> float:
    """Size of the intersection over size of the union; 1 for two empty sets."""
    shared = len(a & b)
    union = len(a) + len(b) - shared
    return shared / union if union else 1.0


def union_find(size: int) -> tuple[Callable[[int], int], Callable[[int, int], None]]:
    """Disjoint sets over range(size): `find(i)` gives the smallest member, `join(i, j)` merges."""
    parent = list(range(size))

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    def join(i: int, j: int) -> None:
        a, b = find(i), find(j)
        parent[max(a, b)] = min(a, b)

    return find, join
