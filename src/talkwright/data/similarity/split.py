"""Train, validation and test: decided by what a row says, never by where it stands.

Rows that belong together stay together: the same user or thread, the same question, near-duplicates.
Such a cluster goes where the hash of its content and the seed sends it, so adding rows leaves the
others where they are, except where a small data set would be left with far too few or too many rows
held out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from talkwright.data.similarity.features import Features, number
from talkwright.data.similarity.pairs import Sets, alike, proposed
from talkwright.data.similarity.similar import union_find

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPLITS = ("train", "validation", "test")

_TOLERANCE = 0.5  # relative distance from the wanted size that is left alone
_OVERSIZED = 2.0  # a cluster so many times the wanted size is not held out
_LARGEST_JOINT = 0.5  # share of rows that questions shared between users may tie together
_MOST_LOOKED_UP = 2 * 10**8  # rows that share a word pair with a held-out question, summed over these
_WORST = 3  # pairs shown for each split
_LARGEST = 10  # clusters shown
_NO_GROUP = np.uint64(2**64 - 1)


@dataclass(frozen=True, slots=True)
class Split:
    """Each row's `split` as a place in SPLITS, -1 for none; `notes` on what could not be as asked.

    `clusters`: their `count`, how many are `single` rows, and the `largest` as (rows, a row of it).
    """

    split: NDArray[np.int8]
    notes: list[str]
    clusters: dict[str, Any]


def split_rows(
    features: Features,
    rows: NDArray[np.int64],
    links: Iterable[tuple[int, int]],
    *,
    validation: float,
    test: float,
    threshold: float,
) -> Split:
    """Give each row its split.

    `rows` are those of `features` that are kept (the others get -1); `links` are pairs of them that
    must stay together. Every split with a share above 0 gets at least one cluster if there are as many
    clusters as splits; otherwise everything is for training.
    """
    where = np.full(len(features), -1, np.int8)
    where[rows] = 0
    clusters, notes = _clusters(features, rows, links, threshold)
    done = Split(where, notes, _sizes(clusters, rows))
    names = [name for name, share in (("test", test), ("validation", validation)) if share > 0]
    if not names or not len(rows):
        return done
    count = len(clusters.sizes)
    if count <= len(names):
        held = " and ".join(reversed(names))
        notes.append(
            f"All {len(rows)} rows are for training: they form {count} independent "
            f"group{'s' if count != 1 else ''}, too few to hold out {held}."
        )
        return done
    shares = {"validation": validation, "test": test}
    free = np.ones(count, bool)
    low = 0.0
    for left, name in zip((len(names) - 1, 0), names, strict=False):
        high = low + shares[name]
        chosen = _choose(clusters, free, low, high, shares[name] * len(rows), spare=left + 1)
        free[chosen] = False
        taken = np.zeros(count, bool)
        taken[chosen] = True
        where[rows[taken[clusters.of]]] = SPLITS.index(name)
        low = high
    return done


@dataclass(frozen=True)
class _Clusters:
    """Clusters sorted by their place in [0, 1): `of` gives each kept row's cluster."""

    of: NDArray[np.int64]
    sizes: NDArray[np.int64]
    places: NDArray[np.float64]


def _sizes(clusters: _Clusters, rows: NDArray[np.int64]) -> dict[str, Any]:
    sizes = clusters.sizes
    largest = [int(at) for at in np.lexsort((np.arange(len(sizes)), -sizes))[:_LARGEST] if sizes[at] > 1]
    shown = [(int(sizes[at]), int(rows[np.argmax(clusters.of == at)])) for at in largest]
    return {"count": len(sizes), "single": int((sizes == 1).sum()), "largest": shown}


def _choose(
    clusters: _Clusters, free: NDArray[np.bool_], low: float, high: float, wanted: float, spare: int
) -> list[int]:
    """Take the free clusters that stand in [low, high), or the nearest choice of about `wanted` rows.

    `spare` clusters at least are left for the other splits.
    """
    sizes, places = clusters.sizes, clusters.places
    count = int(free.sum())
    fitting = free & (sizes <= max(1.0, _OVERSIZED * wanted))
    inside = fitting & (places >= low) & (places < high)
    size, taken = int(sizes[inside].sum()), int(inside.sum())
    if taken and abs(size - wanted) <= _TOLERANCE * wanted and count - taken >= spare:
        return [int(at) for at in np.flatnonzero(inside)]
    if not fitting.any():
        open_ = np.flatnonzero(free)
        return [int(open_[np.argmin(sizes[open_])])]
    after = fitting & (places >= low)
    chosen: list[int] = []
    size = 0
    for at in [*np.flatnonzero(after).tolist(), *np.flatnonzero(fitting & ~after).tolist()]:
        more = int(sizes[at])
        if chosen and abs(size + more - wanted) > abs(size - wanted):
            break
        if count - len(chosen) - 1 < spare:
            break
        chosen.append(at)
        size += more
    return chosen


# --- clusters ------------------------------------------------------------------------------------


def _clusters(
    features: Features, rows: NDArray[np.int64], links: Iterable[tuple[int, int]], threshold: float
) -> tuple[_Clusters, list[str]]:
    place = np.full(len(features), -1, np.int64)
    place[rows] = np.arange(len(rows))
    find, join = union_find(len(rows))
    groups = features.group[rows]
    for a, b in [*_equal(groups, groups != 0), *((place[a], place[b]) for a, b in links)]:
        join(int(a), int(b))
    sizes = Counter(map(find, range(len(rows))))
    grouped = {find(at) for at in np.flatnonzero(groups).tolist()}
    questions = features.question[rows]
    same = _equal(questions, np.ones(len(rows), bool), rare_first=True)
    # Questions that differ in courtesy, plural or order of words only.
    asked = features.asked[rows]
    same += _equal(asked, asked != 0, rare_first=True)
    near = [(int(place[a]), int(place[b])) for a, b in _near_questions(features, rows, threshold)]
    refused = 0
    # Rare questions first: what ties half of the users together is a phrase like "hello there bot".
    for a, b in [*same, *near]:
        x, y = find(a), find(b)
        if x == y:
            continue
        together = sizes[x] + sizes[y]
        if x in grouped and y in grouped and together > _LARGEST_JOINT * len(rows):
            refused += 1
            continue
        join(x, y)
        sizes[min(x, y)] = together
        if x in grouped or y in grouped:
            grouped.add(min(x, y))
    notes = []
    if refused:
        notes.append(
            f"{refused} links between users who asked the same were cut, as they tied most rows "
            "together; the same question may be in two splits."
        )
    return _placed(features, rows, np.array([find(at) for at in range(len(rows))], np.int64)), notes


def _placed(features: Features, rows: NDArray[np.int64], label: NDArray[np.int64]) -> _Clusters:
    """Sort clusters by where their content stands: by group where they have one, else by question."""
    if not len(rows):
        return _Clusters(label, np.empty(0, np.int64), np.empty(0))
    order = np.argsort(label, kind="stable")
    starts = np.flatnonzero(np.diff(label[order], prepend=-1))
    sizes = np.diff(np.append(starts, len(rows)))
    group, question = features.group[rows][order], features.question[rows][order]
    lowest_group = np.minimum.reduceat(np.where(group == 0, _NO_GROUP, group), starts)
    highest_group = np.maximum.reduceat(group, starts)
    lowest, highest = np.minimum.reduceat(question, starts), np.maximum.reduceat(question, starts)
    group_at = np.maximum.reduceat(features.group_at[rows][order], starts)
    places = features.question_at[rows][order][starts]
    several = lowest != highest
    # What several questions share is one of them; drawn again, or large clusters would stand low.
    places[several] = [_drawn(int(name)) for name in lowest[several]]
    has_group, several = highest_group != 0, (highest_group != 0) & (lowest_group != highest_group)
    places[has_group] = group_at[has_group]
    places[several] = [_drawn(int(name)) for name in lowest_group[several]]
    by_place = np.lexsort((order[starts], places))
    rank = np.empty_like(by_place)
    rank[by_place] = np.arange(len(by_place))
    of = np.empty(len(rows), np.int64)
    of[order] = np.repeat(rank, sizes)
    return _Clusters(of, sizes[by_place], places[by_place])


def _drawn(name: int) -> float:
    return number("cluster", name) / 2**64


def _equal(
    keys: NDArray[np.uint64], counted: NDArray[np.bool_], rare_first: bool = False
) -> list[tuple[int, int]]:
    """Pairs (first, other) of the counted entries with equal keys."""
    entries = np.flatnonzero(counted)
    entries = entries[np.argsort(keys[entries], kind="stable")]
    if not len(entries):
        return []
    begins = np.diff(keys[entries].astype(np.uint64), prepend=keys[entries[:1]] + np.uint64(1)) != 0
    run = np.cumsum(begins) - 1
    first = entries[begins][run]
    size = np.bincount(run)[run]
    later = ~begins
    order = np.lexsort((entries[later], first[later], size[later] if rare_first else first[later]))
    return list(zip(first[later][order].tolist(), entries[later][order].tolist(), strict=True))


def _near_questions(
    features: Features, rows: NDArray[np.int64], threshold: float
) -> list[tuple[int, int]]:
    """Pairs of rows (earlier, later) whose questions differ but are nearly the same."""
    _, first = np.unique(features.question[rows], return_index=True)
    sets = Sets(features.question_shingles, features.question_ends)
    pairs = proposed(features.question_bands, rows[np.sort(first)], features.question_block)
    return [(a, b) for a, b in alike(pairs, (sets,), threshold).tolist()]


# --- what leaked ---------------------------------------------------------------------------------


def measure_leakage(
    features: Features, where: NDArray[np.int8], threshold: float
) -> dict[str, dict[str, Any]]:
    """Count held-out rows whose question, or nearly so, or whose group is also in training.

    Measured on the finished split, by looking each held-out question's word pairs up in all training
    questions, not taken from how it was made. `near_question` includes neither those counted as
    `same_question` nor pairs whose numbers differ. `worst` are the pairs of rows (held out, training)
    with the most similar questions, with their similarity; `compared` counts the questions looked up.
    """
    train = np.flatnonzero(where == 0)
    learnt, first = np.unique(features.question[train], return_index=True)
    index = _Lookup(features, train[first] if (where > 0).any() else train[:0])
    asked = np.unique(features.asked[train][features.asked[train] != 0])
    groups = np.unique(features.group[train])
    result: dict[str, dict[str, Any]] = {}
    for number_, name in enumerate(SPLITS[1:], 1):
        rows = np.flatnonzero(where == number_)
        same = np.isin(features.question[rows], learnt)
        shared = np.isin(features.group[rows], groups) & (features.group[rows] != 0)
        _, first = np.unique(features.question[rows], return_index=True)
        distinct = rows[np.sort(first)]
        near: set[int] = set()
        worst: list[tuple[float, int, int]] = []
        compared = 0
        for row in distinct[~np.isin(features.question[distinct], learnt)].tolist():
            if index.budget <= 0:
                break
            compared += 1
            others, similarity = index.similar(row)
            if not len(others):
                continue
            best = int(np.argmax(similarity))
            worst.append((float(similarity[best]), row, int(others[best])))
            hard = features.question_block[others] == features.question_block[row]
            if (hard & (similarity >= threshold)).any():
                near.add(int(features.question[row]))
        worst = sorted(worst, key=lambda entry: (-entry[0], entry[1]))[:_WORST]
        is_near = np.isin(features.question[rows], np.array([*near], np.uint64))
        is_near |= np.isin(features.asked[rows], asked)
        result[name] = {
            "rows": len(rows),
            "same_question": int(same.sum()),
            "near_question": int((is_near & ~same).sum()),
            "same_group": int(shared.sum()),
            "compared": compared,
            "worst": [[a, b, round(similarity, 3)] for similarity, a, b in worst],
        }
    return result


class _Lookup:
    """Finds questions that share word pairs with another, exactly, while `budget` lasts."""

    def __init__(self, features: Features, rows: NDArray[np.int64]):
        self._sets = Sets(features.question_shingles, features.question_ends)
        sizes = np.diff(features.question_ends, prepend=0)
        self._sizes, self._rows = sizes[rows], rows
        owner = np.repeat(np.arange(len(rows)), self._sizes)
        ends = np.cumsum(self._sizes)
        begins = (features.question_ends[rows] - self._sizes) - (ends - self._sizes)
        flat = features.question_shingles[np.arange(len(owner)) + begins[owner]]
        order = np.argsort(flat, kind="stable")
        self._values, self._owner = flat[order], owner[order]
        self.budget = _MOST_LOOKED_UP

    def similar(self, row: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The rows that share a word pair with this one, and the Jaccard similarity of each."""
        wanted = self._sets.row(row)
        low = np.searchsorted(self._values, wanted, "left")
        high = np.searchsorted(self._values, wanted, "right")
        found = np.concatenate([self._owner[a:b] for a, b in zip(low, high, strict=True)])
        self.budget -= len(found) + 1
        owners, shared = np.unique(found, return_counts=True)
        return self._rows[owners], shared / (self._sizes[owners] + len(wanted) - shared)
