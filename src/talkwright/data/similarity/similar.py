"""When two texts say the same: normal forms, shingles, and pairs that are alike.

Similarity is the Jaccard index over pairs of neighbouring words (a CJK character counts as a word;
the beginning and the end of the text count as words too, so that a text of one word has pairs).
MinHash with banding only proposes pairs; every one is verified on the real sets. Texts whose numbers
or negations differ are never alike, however long they are: that is where the meaning sits.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

_PERMUTATIONS = 128
_MISS = 0.01  # how often a pair exactly at the threshold may go unproposed
_BUCKET = 64  # a new text is compared with at most so many earlier ones of a bucket

_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]|[^\W_]+(?:['\u2019][^\W_]+)*"
)
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_LIST_NUMBER = re.compile(r"^\s*\d{1,2}[.)]\s", re.MULTILINE)
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nothing|without|cannot|nicht|kein\w*|jamais|pas|nunca|sin)\b|n['\u2019]t\b"
)
_EDGES = " \t\n?!.,;:…\"'`\u2018\u2019\u201c\u201d«»¿¡。？！，、"


def normal(text: str) -> str:
    """Fold case and whitespace, and compose accents."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def normal_question(text: str) -> str:
    """As `normal`, and without punctuation at either end."""
    return normal(text).strip(_EDGES)


@lru_cache(maxsize=4096)
def words(text: str) -> tuple[str, ...]:
    """The words of a text, case folded; every CJK character is one."""
    return tuple(_WORD.findall(normal(text)))


@lru_cache(maxsize=4096)
def shingles(text: str) -> frozenset[tuple[str, str]]:
    """Pairs of neighbouring words, with the ends of the text as words."""
    row = ("", *words(text), "")
    return frozenset(pairwise(row))


def numbers(text: str) -> tuple[str, ...]:
    """The numbers of a text, sorted, without those that only count list items."""
    return tuple(sorted(_NUMBER.findall(_LIST_NUMBER.sub("", text))))


def hard_parts(text: str) -> tuple[tuple[str, ...], int]:
    """What must be equal in texts that are alike: the numbers, and how often it is negated."""
    return numbers(text), len(_NEGATION.findall(normal(text)))


def jaccard(a: frozenset[Any], b: frozenset[Any]) -> float:
    """Size of the intersection over size of the union; 1 for two empty sets."""
    shared = len(a & b)
    union = len(a) + len(b) - shared
    return shared / union if union else 1.0


def signatures(texts: Iterable[str]) -> Iterator[Any]:
    """Yield the MinHash values of each text's shingles: a uint array of length 128."""
    from datasketch import MinHash

    tokens = ([" ".join(pair).encode("utf-8", "replace") for pair in sorted(shingles(t))] for t in texts)
    for minhash in MinHash.generator(tokens, num_perm=_PERMUTATIONS, hashfunc=zlib.crc32):
        yield minhash.hashvalues


def banding(threshold: float, sides: int) -> tuple[int, int]:
    """Choose (bands, rows): the most selective banding that proposes pairs at the threshold.

    A pair with similarity s on each of `sides` sides is proposed with 1 - (1 - s^(rows*sides))^bands
    (Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, 3.4.2).
    """
    for rows in range(16, 1, -1):
        bands = _PERMUTATIONS // rows
        if (1 - threshold ** (rows * sides)) ** bands <= _MISS:
            return bands, rows
    return _PERMUTATIONS, 1


class Index:
    """Finds earlier items that are alike an item on all of its sides (user's and assistant's, say)."""

    def __init__(self, threshold: float, sides: int):
        self._threshold = threshold
        self._bands, self._rows = banding(threshold, sides)
        self._buckets: dict[int, list[int]] = defaultdict(list)
        self._texts: dict[int, tuple[str, ...]] = {}

    def keys(self, block: Hashable, signed: Sequence[Any]) -> list[int]:
        """The buckets of an item. Items of different `block` never meet."""
        rows = self._rows
        spans = [slice(band * rows, band * rows + rows) for band in range(self._bands)]
        # Hashed, for a bucket's full name is ten times as large; a collision only costs a comparison.
        return [hash((block, s.start, *(side[s].tobytes() for side in signed))) for s in spans]

    def find(self, keys: Sequence[int], texts: tuple[str, ...]) -> list[int]:
        """Earlier items alike on every side, in order."""
        near = {item for key in keys if key in self._buckets for item in self._buckets[key][-_BUCKET:]}
        return [item for item in sorted(near) if self._alike(texts, self._texts[item])]

    def add(self, item: int, keys: Sequence[int], texts: tuple[str, ...]) -> None:
        """Make an item findable."""
        self._texts[item] = texts
        for key in keys:
            self._buckets[key].append(item)

    def _alike(self, a: tuple[str, ...], b: tuple[str, ...]) -> bool:
        return all(
            jaccard(shingles(x), shingles(y)) >= self._threshold for x, y in zip(a, b, strict=True)
        )


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
