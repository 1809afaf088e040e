"""How much of a finished split is in training too: measured by other means than it was made by.

The splits are made from words (`kin`); here the letters are compared, every five of them that stand
together. Two questions are nearly the same where 65 % of these are in both, of all that are in either:
one word of ten or so changed, or one letter of twenty-five. With the same answer, one that is not given
to many questions, half of the shorter question is enough.

Candidates are found by the rarest letters of a held-out question: if 65 % of them are to be in another
question, of any 36 % one is (prefix filtering: Chaudhuri, Ganti, Kaushik 2006), so that none is missed.
What has a different number, sign or negation and another answer is another question.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from talkwright.data.similarity.features import Features
from talkwright.data.similarity.kin import COMMON, in_runs
from talkwright.data.similarity.pairs import Sets, at_most, shared_by, sketches
from talkwright.data.similarity.split import SPLITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEAR = 0.65  # share of the letters of two questions from which they are nearly the same
SAME_ANSWER = 0.5  # share of the shorter one's letters, with the same answer
_SIZE = 0.5  # of the larger question, that the smaller one has to have
_WORST = 3  # pairs shown for each split
# Training questions with a rare letter in common, summed over the held-out ones: so many in any case,
# and for each row of training so many more.
_MOST_MET, _MORE_MET = 2 * 10**7, 50
_ROWS = 2**14  # training questions looked at in one go
_MET = 2**18  # pairs looked at in one go
_TABLE = 20  # bits of a letters' hash by which it is counted


def measure_leakage(features: Features, where: NDArray[np.int8]) -> dict[str, dict[str, Any]]:
    """Count held-out rows that are also in training, in each way of being there.

    `same_question` and `near_question` exclude each other; `same_group` is the same user or thread;
    `leaking` counts the rows of any of the three. `same_answer` have a reply that stands in training
    word for word; `stock_answer`, not among them, one that more than COMMON questions have, which is
    ordinary. `compared` is how many distinct questions were looked up, of those that are not in training
    as they are: all, unless that were too much work. `worst` are pairs of rows (held out, training) with
    the similarity of their questions: those that are near first, then by similarity.
    """
    train = np.flatnonzero(where == 0)
    learnt, first = np.unique(features.question[train], return_index=True)
    asked = np.unique(features.asked[train][features.asked[train] != 0])
    groups = np.unique(features.group[train])
    answers = np.unique(features.answer[train][features.answer[train] != 0])
    stock = _stock(features, np.flatnonzero(where >= 0))
    index = _Training(features, np.sort(train[first])) if (where > 0).any() else None
    result: dict[str, dict[str, Any]] = {}
    for number, name in enumerate(SPLITS[1:], 1):
        rows = np.flatnonzero(where == number)
        same = np.isin(features.question[rows], learnt)
        shared = np.isin(features.group[rows], groups) & (features.group[rows] != 0)
        told = np.isin(features.answer[rows], answers)
        often = told & np.isin(features.answer[rows], stock)
        # In the order of their names, so that a part of them is a fair sample.
        _, first = np.unique(features.question[rows[~same]], return_index=True)
        found = _Found.none(rows[~same][first])
        compared = 0
        if index is not None and len(found.rows):
            compared = index.look_up(found)
            _by_answer(features, found, rows[~same], train, stock)
        near = np.isin(features.question[rows], features.question[found.rows[found.near]])
        near = (near | np.isin(features.asked[rows], asked)) & ~same
        result[name] = {
            "rows": len(rows),
            "leaking": int((same | near | shared).sum()),
            "same_question": int(same.sum()),
            "near_question": int(near.sum()),
            "same_group": int(shared.sum()),
            "same_answer": int((told & ~often).sum()),
            "stock_answer": int(often.sum()),
            "distinct": len(found.rows),
            "compared": compared,
            "worst": found.worst(),
        }
    return result


@dataclass
class _Found:
    """For each held-out question, a row of it: the training row most like it, -1 for none."""

    rows: NDArray[np.int64]
    other: NDArray[np.int64]
    similarity: NDArray[np.float64]
    near: NDArray[np.bool_]

    @classmethod
    def none(cls, rows: NDArray[np.int64]) -> _Found:
        count = len(rows)
        return cls(rows, np.full(count, -1), np.zeros(count), np.zeros(count, bool))

    def add(
        self,
        at: NDArray[np.int64],
        other: NDArray[np.int64],
        similarity: NDArray[np.float64],
        near: NDArray[np.bool_],
    ) -> None:
        """Take in pairs by the place of their held-out question: what is near counts more."""
        order = np.lexsort((other, -similarity, ~near, at))
        order = order[np.concatenate((at[order][:1] >= 0, at[order][1:] != at[order][:-1]))]
        at, other, similarity, near = at[order], other[order], similarity[order], near[order]
        better = near.astype(int) - self.near[at]
        more = (better > 0) | (better == 0) & (similarity > self.similarity[at])
        at = at[more]
        self.other[at], self.similarity[at], self.near[at] = other[more], similarity[more], near[more]

    def worst(self) -> list[list[Any]]:
        """The pairs to show, as (held out, training, similarity)."""
        at = np.flatnonzero(self.other >= 0)
        order = np.lexsort((self.rows[at], -self.similarity[at], ~self.near[at]))
        return [
            [int(self.rows[n]), int(self.other[n]), round(float(self.similarity[n]), 3)]
            for n in at[order[:_WORST]].tolist()
        ]


def _stock(features: Features, rows: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The answers that more than COMMON different questions have."""
    said = rows[features.answer[rows] != 0]
    said = said[np.lexsort((features.question[said], features.answer[said]))]
    answer, question = features.answer[said], features.question[said]
    new = np.ones(len(said), bool)
    new[1:] = (answer[1:] != answer[:-1]) | (question[1:] != question[:-1])
    names, counts = np.unique(answer[new], return_counts=True)
    return names[counts > COMMON]


def _by_answer(
    features: Features,
    found: _Found,
    held_out: NDArray[np.int64],
    train: NDArray[np.int64],
    stock: NDArray[np.uint64],
) -> None:
    """Find the training questions with the answer of a held-out one that are similar to it."""
    both = np.concatenate((held_out, train))
    both = both[features.answer[both] != 0]
    both = both[~np.isin(features.answer[both], stock)]
    # A question of its own for each answer, on each side.
    side = np.isin(both, held_out)
    order = np.lexsort((both, features.question[both], side, features.answer[both]))
    both, side = both[order], side[order]
    answer, question = features.answer[both], features.question[both]
    new = np.ones(len(both), bool)
    new[1:] = (answer[1:] != answer[:-1]) | (question[1:] != question[:-1]) | (side[1:] != side[:-1])
    both, answer, side = both[new], answer[new], side[new]
    letters = Sets(features.question_letters, features.letter_ends)
    names = features.question[found.rows]
    for _, (a, b) in in_runs(answer, 2 * COMMON):
        apart = side[a] != side[b]  # training first, as it was sorted
        pairs = np.stack((both[b[apart]], both[a[apart]]), axis=1)
        shared = shared_by(letters, pairs)
        sizes = letters.sizes(pairs[:, 0]), letters.sizes(pairs[:, 1])
        near = shared >= SAME_ANSWER * np.maximum(np.minimum(*sizes), 1)
        alike = shared / np.maximum(sizes[0] + sizes[1] - shared, 1)
        at = np.searchsorted(names, features.question[pairs[near, 0]])
        found.add(at, pairs[near, 1], alike[near], np.ones(len(at), bool))


class _Training:
    """The questions of training, by their letters."""

    def __init__(self, features: Features, rows: NDArray[np.int64]):
        self._features, self._rows = features, rows
        self._letters = Sets(features.question_letters, features.letter_ends)
        self._count = np.zeros(1 << _TABLE, np.int64)
        for part in self._parts():
            values, _ = self._letters.of(part)
            self._count += np.bincount(_short(values), minlength=1 << _TABLE)

    def _parts(self) -> Iterator[NDArray[np.int64]]:
        for begin in range(0, len(self._rows), _ROWS):
            yield self._rows[begin : begin + _ROWS]

    def look_up(self, found: _Found) -> int:
        """Find what is most like each held-out question; gives how many were looked up."""
        rare, owner, compared = self._rarest(found.rows)
        if not compared:
            return 0
        owner = owner[np.argsort(rare, kind="stable")]
        times = np.bincount(_short(rare), minlength=1 << _TABLE).astype(np.int32)
        starts = np.cumsum(times, dtype=np.int32) - times
        mine = sketches(self._letters, found.rows[:compared])
        for part in self._parts():
            values, of = self._letters.of(part)
            met = times[_short(values)]
            some = np.flatnonzero(met)
            low, met, of = starts[_short(values[some])], met[some], of[some]
            theirs = sketches(self._letters, part) if len(met) else mine[:0]
            for begin, end in _slices(met):
                count = met[begin:end]
                at = np.repeat(low[begin:end] - (np.cumsum(count) - count), count)
                at = owner[at + np.arange(len(at))]
                self._compare(found, at, np.repeat(of[begin:end], count), part, mine, theirs)
        return compared

    def _rarest(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.uint32], NDArray[np.int64], int]:
        """The rarest letters of each row, with its place, and of how many rows it is not too much."""
        values, owner = self._letters.of(rows)
        times = self._count[_short(values)]
        order = np.lexsort((values, times, owner))
        sizes = self._letters.sizes(rows)
        place = np.arange(len(owner)) - (np.cumsum(sizes) - sizes)[owner]
        needed = sizes - np.ceil(NEAR * sizes).astype(np.int64) + 1
        rare = place < needed[owner]
        values, owner, times = values[order][rare], owner[rare], times[order][rare]
        work = np.cumsum(np.bincount(owner, times, minlength=len(rows)))
        compared = int(np.searchsorted(work, _MOST_MET + _MORE_MET * len(self._rows), "right"))
        chosen = owner < compared
        return values[chosen], owner[chosen], compared

    def _compare(
        self,
        found: _Found,
        at: NDArray[np.int64],
        of: NDArray[np.int64],
        part: NDArray[np.int64],
        mine: NDArray[np.uint64],
        theirs: NDArray[np.uint64],
    ) -> None:
        """Take in the pairs of (held-out question, training row of `part`) that may be near, and the one
        most like each held-out question."""
        first, second = self._letters.sizes(found.rows)[at], self._letters.sizes(part)[of]
        fit = np.minimum(first, second) >= _SIZE * np.maximum(first, second)
        at, of, sizes = at[fit], of[fit], (first + second)[fit]
        possible = at_most(mine[at], theirs[of], sizes)
        best = np.zeros(len(mine))
        np.maximum.at(best, at, possible)
        chosen = (possible >= NEAR) | (possible >= best[at]) & (best[at] > found.similarity[at])
        keys = np.unique(at[chosen] << 32 | of[chosen])
        at, other = keys >> 32, part[keys & 0xFFFFFFFF]
        pairs = np.stack((found.rows[at], other), axis=1)
        shared = shared_by(self._letters, pairs)
        sizes = self._letters.sizes(pairs[:, 0]) + self._letters.sizes(other)
        alike = shared / np.maximum(sizes - shared, 1)
        block = self._features.question_block
        found.add(at, other, alike, (alike >= NEAR) & (block[pairs[:, 0]] == block[other]))


def _short(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return np.asarray(values >> np.uint32(32 - _TABLE))


def _slices(counts: NDArray[np.int32]) -> Iterator[tuple[int, int]]:
    """Cut `counts` where their sum comes to _MET or so."""
    total = np.cumsum(counts, dtype=np.int64)
    begin = 0
    while begin < len(counts):
        done = int(total[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(total, done + _MET, "right")))
        yield begin, end
        begin = end
