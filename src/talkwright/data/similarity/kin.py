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
_AT_ONCE = 2**21  # words looked at in one go


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
    alike, changed = [np.empty((0, 2), np.int64)], [np.empty((0, 2), np.int64)]
    for keys, owner, code, letters, many in _without_one(features, rows[np.sort(first)]):
        for size, (a, b) in in_runs(keys, COMMON):
            block = features.question_block[owner[a]] == features.question_block[owner[b]]
            whole = (code[a] == _WHOLE) | (code[b] == _WHOLE)
            typed = np.where(whole, code[a] == code[b], mistyped(letters[a], letters[b]))
            alike.append(pairs_of(owner, a, b, block & typed))
            long = (many[a] >= _LONG) & (size <= _FILLERS)
            changed.append(pairs_of(owner, a, b, block & long & ~typed))
    return np.unique(np.concatenate(alike), axis=0), np.unique(np.concatenate(changed), axis=0)


def answered_alike(features: Features, rows: NDArray[np.int64]) -> Pairs:
    """Pairs of `rows` with similar questions and the same answer, or nearly the same one."""
    told = rows[features.answer[rows] != 0]
    _, first = np.unique(features.question[told] * _BASE ^ features.answer[told], return_index=True)
    told = told[np.sort(first)]
    asked = Sets(features.question_shingles, features.question_ends)
    replies = Sets(features.answer_shingles, features.answer_ends)
    order = np.argsort(features.answer[told], kind="stable")
    found = [np.empty((0, 2), np.int64)]
    for _, (a, b) in in_runs(features.answer[told][order], COMMON):
        pairs = pairs_of(told[order], a, b, np.ones(len(a), bool))
        found.append(pairs[overlap(asked, pairs) >= SAME_ANSWER])
    seen: NDArray[np.int64] = np.empty(0, np.int64)
    for band in range(features.answer_bands.shape[1]):
        keys = features.answer_bands[told, band]
        order = np.argsort(keys, kind="stable")
        runs = [_names(told[order], a, b) for _, (a, b) in in_runs(keys[order], COMMON)]
        if not runs:
            continue
        names = np.setdiff1d(np.concatenate(runs), seen)
        seen = np.union1d(seen, names)
        pairs = np.stack((names >> 32, names & 0xFFFFFFFF), axis=1)
        pairs = pairs[overlap(asked, pairs) >= NEAR_ANSWER]
        found.append(pairs[similarity(replies, pairs) >= NEAR_ANSWER])
    return np.unique(np.concatenate(found), axis=0)


def _without_one(
    features: Features, rows: NDArray[np.int64]
) -> Iterator[
    tuple[
        NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint32], NDArray[np.uint32], NDArray[np.int64]
    ]
]:
    """Each question with each of its words left out, and whole, as keys in order: with the row, the
    word left out (its code and letters), and how many words the question has.

    A part of them at a time; those with equal keys are in one part.
    """
    sizes = np.diff(features.word_ends, prepend=0)[rows] // 2
    rows, sizes = rows[sizes > 1], sizes[sizes > 1]
    if not len(rows):
        return
    begins = features.word_ends[rows] - 2 * sizes
    owner = np.repeat(np.arange(len(rows)), sizes)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    words = np.asarray(features.question_words).reshape(-1, 2)[begins[owner] // 2 + place]
    power = np.multiply.accumulate(np.full(int(sizes.max()), _BASE))
    term = (words[:, 0].astype(np.uint64) + np.uint64(1)) * power[place]
    total = np.cumsum(term)
    ends = np.cumsum(sizes) - 1
    before = total[ends] - np.add.reduceat(term, ends - sizes + 1)
    total -= before[owner]
    whole = total[ends]
    # The words behind the one left out move up by one place.
    keys = (total - term) + (whole[owner] - total) * _BACK
    keys = np.concatenate((keys, whole)) * _BASE
    keys = (keys ^ keys >> np.uint64(31)) * _BASE
    parts = 1 + len(keys) // _AT_ONCE
    part = (keys >> np.uint64(40)) % np.uint64(parts)
    for n in range(parts):
        chosen = np.flatnonzero(part == n)
        chosen = chosen[np.argsort(keys[chosen], kind="stable")]
        inside = chosen < len(owner)
        at = np.where(inside, chosen, 0)
        of = np.where(inside, owner[at], chosen - len(owner))
        code = np.where(inside, words[at, 0], _WHOLE)
        yield keys[chosen], rows[of], code, words[at, 1], sizes[of]


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


def _names(rows: NDArray[np.int64], a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    pairs = pairs_of(rows, a, b, np.ones(len(a), bool))
    return np.asarray(pairs[:, 0] << 32 | pairs[:, 1])


def pairs_of(
    rows: NDArray[np.int64], a: NDArray[np.int64], b: NDArray[np.int64], chosen: NDArray[np.bool_]
) -> Pairs:
    first, second = rows[a[chosen]], rows[b[chosen]]
    pairs = np.stack((np.minimum(first, second), np.maximum(first, second)), axis=1)
    return pairs[pairs[:, 0] != pairs[:, 1]]


def overlap(sets: Sets, pairs: Pairs) -> NDArray[np.float64]:
    """The part of the smaller set that is in the other one."""
    sizes = np.minimum(sets.sizes(pairs[:, 0]), sets.sizes(pairs[:, 1]))
    return np.asarray(shared_by(sets, pairs) / np.maximum(sizes, 1))


def similarity(sets: Sets, pairs: Pairs) -> NDArray[np.float64]:
    shared = shared_by(sets, pairs)
    union = sets.sizes(pairs[:, 0]) + sets.sizes(pairs[:, 1]) - shared
    return np.asarray(shared / np.maximum(union, 1))
