"""Pairs of rows that are alike, out of a million rows, without comparing all with all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from talkwright.data.similarity.similar import jaccard

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NEIGHBOURS = 32  # a row is compared with the first so many rows of its bucket, and with the last
_AT_ONCE = 2**15  # pairs whose values are counted in one go
_WORTH_SKETCHES = 2**12  # pairs proposed in one go from which it is quicker to sketch all sets first
_WORDS = 4  # of 64 bits, in a sketch of a set
_MOST_PAIRS = 2**24  # proposed by one band; a bucket of templates costs no more


@dataclass(frozen=True)
class Sets:
    """Sets of numbers, one a row: `values` is flat and sorted within a row, `ends` are its borders."""

    values: NDArray[np.uint32]
    ends: NDArray[np.int64]

    def row(self, at: int) -> NDArray[np.uint32]:
        """The set of a row, sorted."""
        return self.values[self.ends[at - 1] if at else 0 : self.ends[at]]

    def begins(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where the sets of some rows begin."""
        return np.where(rows > 0, self.ends[rows - 1], 0)

    def sizes(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """How large the sets of some rows are."""
        return self.ends[rows] - self.begins(rows)

    def of(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """The sets of some rows, one behind the other, and for each value its place in `rows`."""
        sizes = self.sizes(rows)
        owner = np.repeat(np.arange(len(rows)), sizes)
        at = np.arange(len(owner)) - (np.cumsum(sizes) - sizes)[owner]
        return self.values[self.begins(rows)[owner] + at], owner


def shared_by(sets: Sets, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many values the sets of each pair of rows have in common."""
    found = np.zeros(len(pairs), np.int64)
    for begin in range(0, len(pairs), _AT_ONCE):
        part = pairs[begin : begin + _AT_ONCE]
        keyed = []
        for side in (part[:, 0], part[:, 1]):
            values, owner = sets.of(side)
            keyed.append(owner << 32 | values)
        every = np.sort(np.concatenate(keyed), kind="stable")
        both = every[1:][every[1:] == every[:-1]] >> 32
        found[begin : begin + _AT_ONCE] = np.bincount(both, minlength=len(part))
    return found


def proposed(
    bands: NDArray[np.uint32], rows: NDArray[np.int64], block: NDArray[np.uint64]
) -> Iterator[NDArray[np.int64]]:
    """Yield pairs (earlier, later) of `rows` that share a bucket and a block, as arrays (n, 2).

    The same pair may come more than once.
    """
    for band in range(bands.shape[1]):
        keys = bands[rows, band]
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        same = np.flatnonzero(keys[1:] == keys[:-1])
        if not len(same):
            continue
        # Positions in the sorted order that share their bucket with the one before.
        starts = same[np.concatenate(([True], np.diff(same) > 1))]
        ends = same[np.concatenate((np.diff(same) > 1, [True]))] + 1
        size = ends - starts
        count = 0
        for near in range(1, min(_NEIGHBOURS, int(size.max())) + 1):
            later = same + 1
            begin = np.repeat(starts, size)
            fits = later - near >= begin
            first = begin + near - 1
            far = first < later - _NEIGHBOURS  # those nearer are found already
            for one, other in ((later - near, fits), (first, far)):
                pairs = rows[np.stack((order[one[other]], order[later[other]]), axis=1)]
                count += len(pairs)
                yield pairs[block[pairs[:, 0]] == block[pairs[:, 1]]]
            if count > _MOST_PAIRS:
                break


def alike(
    pairs: Iterator[NDArray[np.int64]], sides: tuple[Sets, ...], threshold: float
) -> NDArray[np.int64]:
    """The proposed pairs whose sets are alike on every side: (n, 2), sorted by later, then earlier."""
    found: NDArray[np.int64] = np.empty(0, np.int64)
    sketched: list[NDArray[np.uint64]] = []
    for batch in pairs:
        keys = np.unique((batch[:, 1] << 32) | batch[:, 0])
        if len(keys) > _WORTH_SKETCHES and not sketched:
            sketched = [sketches(side, np.arange(len(side.ends))) for side in sides]
        for side, sketch in zip(sides, sketched, strict=False):
            keys = keys[_possible(keys, side, sketch, threshold)]
        keys = keys[~np.isin(keys, found, assume_unique=True)]
        found = np.union1d(found, keys[_verified(keys, sides, threshold)])
    return np.stack((found & 0xFFFFFFFF, found >> 32), axis=1)


def sketches(sets: Sets, rows: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Bits for what is in the sets of some rows, (n, words): two that differ there differ in so many."""
    found = np.zeros((len(rows), _WORDS), np.uint64)
    for begin in range(0, len(rows), _AT_ONCE):
        values, owner = sets.of(rows[begin : begin + _AT_ONCE])
        place = (values & np.uint32(64 * _WORDS - 1)).astype(np.int64)
        bits = np.uint64(1) << (place & 63).astype(np.uint64)
        np.bitwise_or.at(found, (owner + begin, place >> 6), bits)
    return found


def at_most(
    a: NDArray[np.uint64], b: NDArray[np.uint64], sizes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """What the similarity of sets cannot exceed, by their sketches and the sum of their sizes."""
    differ = np.bitwise_count(a ^ b).sum(axis=1, dtype=np.int64)
    return np.asarray((sizes - differ) / np.maximum(sizes + differ, 1))


def _possible(
    keys: NDArray[np.int64], side: Sets, sketch: NDArray[np.uint64], threshold: float
) -> NDArray[np.bool_]:
    good = np.empty(len(keys), bool)
    for begin in range(0, len(keys), _AT_ONCE):
        part = keys[begin : begin + _AT_ONCE]
        first, second = part & 0xFFFFFFFF, part >> 32
        sizes = side.sizes(first) + side.sizes(second)
        # With room for rounding: what is alike is never lost here.
        close = at_most(sketch[first], sketch[second], sizes) >= threshold - 1e-9
        good[begin : begin + _AT_ONCE] = close
    return good


def _verified(keys: NDArray[np.int64], sides: tuple[Sets, ...], threshold: float) -> NDArray[np.bool_]:
    first, second = keys & 0xFFFFFFFF, keys >> 32
    good = np.ones(len(keys), bool)
    for side in sides:
        sizes = np.diff(side.ends, prepend=0)
        small, large = np.minimum(sizes[first], sizes[second]), np.maximum(sizes[first], sizes[second])
        good &= small >= threshold * large  # otherwise they cannot be alike, whatever is in them

        @lru_cache(maxsize=65536)
        def members(at: int, side: Sets = side) -> frozenset[int]:
            return frozenset(side.row(at).tolist())

        for n in np.flatnonzero(good).tolist():
            good[n] = jaccard(members(int(first[n])), members(int(second[n]))) >= threshold
    return good
