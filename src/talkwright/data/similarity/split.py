"""Train, validation and test: decided by what a row says, never by where it stands.

Rows that belong together stay together: the same user or thread, the same question, near-duplicates,
and what is more loosely alike (`kin`). Such a cluster goes where the hash of one of its questions and
the seed sends it, so adding rows leaves the others where they are, except where they join a cluster, or
where a small data set would be left with far too few or too many rows held out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from talkwright.data.similarity.features import Features
from talkwright.data.similarity.kin import kin
from talkwright.data.similarity.pairs import Sets, alike, proposed
from talkwright.data.similarity.similar import union_find

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPLITS = ("train", "validation", "test")

_TOLERANCE = 0.5  # relative distance from the wanted size that is left alone
_OVERSIZED = 2.0  # a cluster so many times the wanted size is not held out
_LARGEST_JOINT = 0.5  # share of rows that questions shared between users may tie together
_LARGEST_CHAIN = (
    0.25  # share of the smallest split that questions that are merely similar may tie together
)
_SHORTEST_CHAIN = 10  # rows that they always may
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
    held_out = min((share for share in (validation, test) if share > 0), default=1.0)
    # In steps of two: another limit cuts other links, and rows that are added leave the rest alone.
    chain = _SHORTEST_CHAIN
    while 2 * chain <= _LARGEST_CHAIN * held_out * len(rows):
        chain *= 2
    clusters, notes = _clusters(features, rows, links, threshold, chain)
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


def without_desks(features: Features, rows: NDArray[np.int64]) -> tuple[Features, list[str]]:
    """Features in which an address that most rows have ties none of them: it is the desk's own, and no
    customer's. And notes on that."""
    known = features.contact[rows]
    groups, counts = np.unique(features.group[rows][known], return_counts=True)
    desks = groups[counts > max(_SHORTEST_CHAIN, _LARGEST_JOINT * len(rows))]
    if not len(desks):
        return features, []
    note = (
        f"{counts.max()} of {len(rows)} rows have the same address or number beside them, which is no "
        "customer's: it does not keep rows together."
    )
    return replace(features, group=np.where(np.isin(features.group, desks), 0, features.group)), [note]


# --- clusters ------------------------------------------------------------------------------------


def _clusters(
    features: Features,
    rows: NDArray[np.int64],
    links: Iterable[tuple[int, int]],
    threshold: float,
    chain: int,
) -> tuple[_Clusters, list[str]]:
    place = np.full(len(features), -1, np.int64)
    place[rows] = np.arange(len(rows))
    find, join = union_find(len(rows))
    groups = features.group[rows]
    tied = place[np.array(list(links), np.int64).reshape(-1, 2)]
    for a, b in _in_turn(_equal(groups, groups != 0), tied):
        join(a, b)
    labels = np.array(list(map(find, range(len(rows)))), np.int64)
    sizes = np.bincount(labels, minlength=len(rows))
    grouped = set(np.unique(labels[groups != 0]).tolist())
    # Rare questions first: what ties half of the users together is a phrase like "hello there bot".
    same = _equal(features.question[rows], np.ones(len(rows), bool), rare_first=True)
    # Questions that differ in courtesy, plural or order of words only.
    asked = features.asked[rows]
    worded = _equal(asked, asked != 0, rare_first=True)
    near = place[_near_questions(features, rows, threshold)]
    certain = len(same) + len(worded) + len(near)
    refused, cut = 0, 0
    for number, (a, b) in enumerate(_in_turn(same, worded, near, place[kin(features, rows)])):
        x, y = find(a), find(b)
        if x == y:
            continue
        together = int(sizes[x] + sizes[y])
        if number >= certain and together > chain:
            cut += 1
            continue
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
    if cut:
        notes.append(
            f"{cut} links between similar questions were cut, as they tied more than {chain} rows "
            "together; similar questions may be in two splits."
        )
    return _placed(features, rows, np.array([find(at) for at in range(len(rows))], np.int64)), notes


def _placed(features: Features, rows: NDArray[np.int64], label: NDArray[np.int64]) -> _Clusters:
    """Sort clusters by where their content stands: by group where they have one, else by question.

    Of several the one with the least name decides, which has nothing to do with where it stands: a row
    that joins a cluster seldom moves it.
    """
    if not len(rows):
        return _Clusters(label, np.empty(0, np.int64), np.empty(0))
    group = np.where(features.group[rows] == 0, _NO_GROUP, features.group[rows])
    order = np.lexsort((features.question[rows], group, label))
    starts = np.flatnonzero(np.diff(label[order], prepend=-1))
    sizes = np.diff(np.append(starts, len(rows)))
    first = order[starts]
    has_group = group[first] != _NO_GROUP
    places = np.where(has_group, features.group_at[rows][first], features.question_at[rows][first])
    by_place = np.lexsort((label[first], places))
    rank = np.empty_like(by_place)
    rank[by_place] = np.arange(len(by_place))
    of = np.empty(len(rows), np.int64)
    of[order] = np.repeat(rank, sizes)
    return _Clusters(of, sizes[by_place], places[by_place])


def _in_turn(*pairs: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """All pairs, in order; as Python's numbers, which are large, some thousands at a time."""
    for part in pairs:
        for begin in range(0, len(part), 2**14):
            yield from map(tuple, part[begin : begin + 2**14].tolist())


def _equal(
    keys: NDArray[np.uint64], counted: NDArray[np.bool_], rare_first: bool = False
) -> NDArray[np.int64]:
    """Pairs (first, other) of the counted entries with equal keys."""
    entries = np.flatnonzero(counted)
    entries = entries[np.argsort(keys[entries], kind="stable")]
    if not len(entries):
        return np.empty((0, 2), np.int64)
    begins = np.diff(keys[entries].astype(np.uint64), prepend=keys[entries[:1]] + np.uint64(1)) != 0
    run = np.cumsum(begins) - 1
    first = entries[begins][run]
    size = np.bincount(run)[run]
    later = ~begins
    order = np.lexsort((entries[later], first[later], size[later] if rare_first else first[later]))
    return np.stack((first[later][order], entries[later][order]), axis=1)


def _near_questions(features: Features, rows: NDArray[np.int64], threshold: float) -> NDArray[np.int64]:
    """Pairs of rows (earlier, later) whose questions differ but are nearly the same."""
    _, first = np.unique(features.question[rows], return_index=True)
    sets = Sets(features.question_shingles, features.question_ends)
    pairs = proposed(features.question_bands, rows[np.sort(first)], features.question_block)
    return alike(pairs, (sets,), threshold)
