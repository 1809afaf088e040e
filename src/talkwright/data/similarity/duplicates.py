"""Rows that say the same as an earlier one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Literal

import numpy as np

from talkwright.data.similarity.features import Features
from talkwright.data.similarity.pairs import Sets, alike, proposed

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Duplicates:
    """`dropped` maps a row to (reason, row kept instead); `links` are kept rows that are alike."""

    dropped: dict[int, tuple[str, int]]
    links: list[tuple[int, int]]


def find_duplicates(
    features: Features, how: Literal["near", "exact", "keep"], threshold: float
) -> Duplicates:
    """Compare each row with the earlier ones; the first of its kind is always kept.

    Near-duplicates are alike on the user's and on the assistant's side both, under the same system
    prompt, with the same roles, numbers and negations. Those not dropped are linked instead.
    """
    dropped: dict[int, tuple[str, int]] = {}
    links: list[tuple[int, int]] = []
    first = _first_equal(features.exact)
    fresh = np.flatnonzero(first == np.arange(len(first)))
    for at in np.flatnonzero(first != np.arange(len(first))).tolist():
        if how == "keep":
            links.append((int(first[at]), at))
        else:
            dropped[at] = ("duplicate", int(first[at]))
    for at, one in _polite(features.polite, fresh):
        if how == "near":
            dropped[at] = ("near_duplicate", one)
        else:
            links.append((one, at))
    sides = (
        Sets(features.user_shingles, features.user_ends),
        Sets(features.answer_shingles, features.answer_ends),
    )
    pairs = alike(proposed(features.bands, fresh, features.block), sides, threshold).tolist()
    for at, group in groupby(pairs, key=lambda pair: pair[1]):
        earlier = [other for other, _ in group if other not in dropped]
        if at in dropped:
            continue
        if earlier and how == "near":
            dropped[at] = ("near_duplicate", earlier[0])
            links.extend((earlier[0], other) for other in earlier[1:])
        else:
            links.extend((other, at) for other in earlier)
    return Duplicates(dropped, links)


def _polite(names: NDArray[np.uint64], fresh: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Rows that differ from an earlier one in courtesy alone, with the first of these."""
    held = fresh[names[fresh] != 0]
    _, first, which = np.unique(names[held], return_index=True, return_inverse=True)
    later = np.flatnonzero(first[which] != np.arange(len(held)))
    return list(zip(held[later].tolist(), held[first[which[later]]].tolist(), strict=True))


def _first_equal(names: NDArray[np.uint64]) -> NDArray[np.int64]:
    """For each row the first one with the same name; `names` is (n, 2)."""
    rows = np.arange(len(names))
    order = np.lexsort((rows, names[:, 1], names[:, 0]))
    begins = np.ones(len(rows), bool)
    begins[1:] = (names[order][1:] != names[order][:-1]).any(axis=1)
    first = np.empty_like(rows)
    first[order] = order[np.maximum.accumulate(np.where(begins, rows, 0))]
    return first
