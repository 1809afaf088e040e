"""Rows that are to stand on one side of a split although they are no duplicates of each other.

What is dropped must say the same on both sides. What is only kept together may differ more: a question
with a letter wrong, or a similar question with the same answer, or nearly the same, is learnt with its
like. Questions are compared by their words; how far they leak is measured by their letters
(`leakage`), so that what is overlooked here is seen there.

Candidates come from three indexes: equal answers, buckets of similar answers (MinHash), and questions
that are equal without one of their words (Mor, Fraenkel 1982). What more than COMMON questions have in
common is the form of a data set and tells nothing about two of them, which also bounds the work.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from talkwright.data.similarity.features import Features
from talkwright.data.similarity.pairs import Sets, shared_by
from talkwright.data.similarity.spelling import mistyped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pairs = NDArray[np.int64]

COMMON = 20  # an answer that more questions have is a stock reply; a place that more words fill, a form
SAME_ANSWER = 0.4  # share of the shorter question's word pairs that the other has, with the same answer
NEAR_ANSWER = 0.5  # the same, with an answer nearly the same; and that answer's similarity
_FILLERS = 3  # words in one place of a question up to which it may be asked in other words
_LONG = 6  # words of a question in which one other word changes little
_BASE = np.uint64(0x9E3779B97F4A7C15)
_BACK = np.uint64(pow(0x9E3779B97F4A7C15, -1, 2**64))
_WHOLE = np.uint32(0xFFFFFFFF)  # in place of the word left out, where none is
_AT_ONCE = 2**21  # keys sorted in one go
_ROWS = 2**14  # questions of which keys are made in one go


def kin(features: Features, rows: NDArray[np.int64]) -> Pairs:
    """Pairs (earlier, later) of `rows` to keep together, the more certain kinds first.

    Within a kind they stand in an order that is drawn from the questions, not from where rows stand.
    """
    found = [np.empty((0, 2), np.int64)]
    typed, changed = misspelt(features, rows)
    for pairs in (typed, answered_alike(features, rows), changed):
        asked = features.question[pairs]
        found.append(pairs[np.lexsort((asked.min(axis=1), asked.max(axis=1)))] if len(pairs) else pairs)
    return np.concatenate(found)


def misspelt(features: Features, rows: NDArray[np.int64]) -> tuple[Pairs, Pairs]:
    """Pairs of `rows` whose questions are the same but for typing, and those with one word changed.

    Numbers, signs and negations are the same in both. One word is enough of a change to ask something
    else; it counts where the question is long and few words come up in that place.
    """
    _, first = np.unique(features.question[rows], return_index=True)
    rows = rows[np.sort(first)]
    alike, changed = [np.empty((0, 2), np.int64)], [np.empty((0, 2), np.int64)]
    words = _Words(features, rows[np.diff(features.word_ends, prepend=0)[rows] > 2])
    for keys, places in words.without_one():
        for size, (a, b) in in_runs(keys, COMMON):
            pairs, typed, long = words.compare(places[a], places[b])
            alike.append(pairs[typed])
            changed.append(pairs[~typed & long & (size <= _FILLERS)])
        for finer, some in words.by_letters(keys, places):
            for _, (a, b) in in_runs(finer, COMMON):
                pairs, typed, _ = words.compare(some[a], some[b])
                alike.append(pairs[typed])
    return _distinct(alike), _distinct(changed)


def answered_alike(features: Features, rows: NDArray[np.int64]) -> Pairs:
    """Pairs of `rows` with similar questions and the same answer, or nearly the same one."""
    told = rows[features.answer[rows] != 0]
    _, first = np.unique(features.question[told] * _BASE ^ features.answer[told], return_index=True)
    told = told[np.sort(first)]
    asked = Sets(features.question_shingles, features.question_ends)
    replies = Sets(features.answer_shingles, features.answer_ends)
    order = told[np.argsort(features.answer[told], kind="stable")]
    found = [np.empty((0, 2), np.int64)]
    for _, (a, b) in in_runs(features.answer[order], COMMON):
        pairs = _ordered(order[a], order[b])
        found.append(pairs[_overlap(asked, pairs) >= SAME_ANSWER])
    bands = features.answer_bands
    for band in range(bands.shape[1]):
        order = told[np.argsort(bands[told, band], kind="stable")]
        for _, (a, b) in in_runs(bands[order, band], COMMON):
            pairs = _ordered(order[a], order[b])
            first, second = pairs[:, 0], pairs[:, 1]
            new = ~(bands[first, :band] == bands[second, :band]).any(axis=1)
            pairs = pairs[new & (features.question[first] != features.question[second])]
            pairs = pairs[_overlap(asked, pairs) >= NEAR_ANSWER]
            found.append(pairs[_similarity(replies, pairs) >= NEAR_ANSWER])
    return _distinct(found)


class _Words:
    """Questions by their words: each with each of its words left out, and whole, has a place."""

    def __init__(self, features: Features, rows: NDArray[np.int64]):
        self._rows, self._block = rows, features.question_block
        self._sizes = np.diff(features.word_ends, prepend=0)[rows] // 2
        self._begins = features.word_ends[rows] // 2 - self._sizes
        self._ends = np.cumsum(self._sizes + 1)
        self._words = features.question_words.reshape(-1, 2)

    def without_one(self) -> Iterator[tuple[NDArray[np.uint64], NDArray[np.int64]]]:
        """What is left of the questions at each place, as keys in order, with the places.

        A part of them at a time; all places with one key are in one part.
        """
        keys = np.empty(int(self._ends[-1]) if len(self._ends) else 0, np.uint64)
        for begin in range(0, len(self._rows), _ROWS):
            end = min(begin + _ROWS, len(self._rows))
            first = int(self._ends[begin] - self._sizes[begin] - 1)
            keys[first : self._ends[end - 1]] = self._keys(begin, end)
        parts = 1 + len(keys) // _AT_ONCE
        for n in range(parts):
            places = np.flatnonzero((keys >> np.uint64(40)) % np.uint64(parts) == n)
            places = places[np.argsort(keys[places], kind="stable")]
            yield keys[places], places

    def _keys(self, begin: int, end: int) -> NDArray[np.uint64]:
        sizes = self._sizes[begin:end]
        owner = np.repeat(np.arange(len(sizes)), sizes)
        place = np.arange(len(owner)) - (np.cumsum(sizes) - sizes)[owner]
        codes = self._words[self._begins[begin:end][owner] + place, 0].astype(np.uint64)
        power = np.multiply.accumulate(np.full(int(sizes.max()), _BASE))
        term = (codes + np.uint64(1)) * power[place]
        total = np.cumsum(term)
        ends = np.cumsum(sizes) - 1
        total -= (total[ends] - np.add.reduceat(term, ends - sizes + 1))[owner]
        whole = total[ends]
        # The words behind the one left out move up by one place.
        left = total - term + (whole[owner] - total) * _BACK
        keys = np.insert(left, ends + 1, whole) * _BASE
        return np.asarray((keys ^ keys >> np.uint64(31)) * _BASE)

    def by_letters(
        self, keys: NDArray[np.uint64], places: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.uint64], NDArray[np.int64]]]:
        """What more than COMMON words fill, by a third of the letters of the word: of two letters that
        may differ, one third at least has none."""
        starts = np.flatnonzero(np.concatenate((keys[:1] >= 0, keys[1:] != keys[:-1])))
        sizes = np.diff(np.append(starts, len(keys)))
        common = np.repeat(sizes > COMMON, sizes)
        keys, places = keys[common], places[common]
        if not len(keys):
            return
        _, _, letters, _ = self._left_out(places)
        for third in (0x1FF, 0x1FF << 9, 0xFF << 18):
            finer = (keys ^ (letters & np.uint32(third)).astype(np.uint64)) * _BASE
            order = np.argsort(finer, kind="stable")
            yield finer[order], places[order]

    def compare(
        self, a: NDArray[np.int64], b: NDArray[np.int64]
    ) -> tuple[Pairs, NDArray[np.bool_], NDArray[np.bool_]]:
        """The pairs of rows at two places that have equal numbers and negations, whether only the typing
        of the word left out differs, and whether there are many beside it."""
        owner, code, letters, many = self._left_out(a)
        other, its_code, its_letters, _ = self._left_out(b)
        whole = (code == _WHOLE) | (its_code == _WHOLE)
        typed = np.where(whole, code == its_code, mistyped(letters, its_letters))
        block = self._block[owner] == self._block[other]
        return _ordered(owner, other), block & typed, block & (many >= _LONG)

    def _left_out(
        self, places: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.uint32], NDArray[np.int64]]:
        """At each place: the row, the word left out (its code and letters), and how many there were."""
        owner = np.searchsorted(self._ends, places, "right")
        size = self._sizes[owner]
        at = places - (self._ends[owner] - size - 1)
        word = self._words[self._begins[owner] + np.minimum(at, size - 1)]
        return self._rows[owner], np.where(at < size, word[:, 0], _WHOLE), word[:, 1], size


def in_runs(
    keys: NDArray[Any], most: int
) -> Iterator[tuple[NDArray[np.int64], tuple[NDArray[np.int64], NDArray[np.int64]]]]:
    """All pairs of places with equal keys, which are in order, with how many have that key.

    Keys that more than `most` have are left out.
    """
    if not len(keys):
        return
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    sizes = np.diff(np.append(starts, len(keys)))
    fits = (sizes > 1) & (sizes <= most)
    starts, sizes = starts[fits], sizes[fits]
    for apart in range(1, int(sizes.max(initial=1))):
        long = sizes > apart
        count = sizes[long] - apart
        first = np.repeat(starts[long], count) + (
            np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        )
        yield np.repeat(sizes[long], count), (first, first + apart)


def _ordered(first: NDArray[np.int64], second: NDArray[np.int64]) -> Pairs:
    return np.stack((np.minimum(first, second), np.maximum(first, second)), axis=1)


def _distinct(pairs: list[Pairs]) -> Pairs:
    every = np.concatenate(pairs)
    every = every[every[:, 0] != every[:, 1]]
    names = np.unique(every[:, 0] << 32 | every[:, 1])
    return np.stack((names >> 32, names & 0xFFFFFFFF), axis=1)


def _overlap(sets: Sets, pairs: Pairs) -> NDArray[np.float64]:
    """The part of the smaller set that is in the other one."""
    sizes = np.minimum(sets.sizes(pairs[:, 0]), sets.sizes(pairs[:, 1]))
    return np.asarray(shared_by(sets, pairs) / np.maximum(sizes, 1))


def _similarity(sets: Sets, pairs: Pairs) -> NDArray[np.float64]:
    shared = shared_by(sets, pairs)
    union = sets.sizes(pairs[:, 0]) + sets.sizes(pairs[:, 1]) - shared
    return np.asarray(shared / np.maximum(union, 1))
