"""Which row of one ledger is which row of another.

A row is known by what it is before it is known by where it stands: by its words, then by what the file
held, then by the rows around it, and by its place last. So a row put in at the top of a file is one new
row, and not a change of every row below it. Of rows that say the same, the first goes with the first.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from talkwright.data.browse import rows_at, texts_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

Sides = tuple["NDArray[Any]", "NDArray[Any]"]

_FEW = 20  # unmatched rows in a row that are compared with each other by their words
_MOST_GAPS = 2000  # places where that is done
_ALIKE = 0.5  # of all the words of two rows, how many both must have
_WORD = re.compile(r"\w+")


def match_rows(codes: dict[str, Sides], a: Path, b: Path) -> Sides:
    """For each row of A the number of its row in B, and for each of B that of A; -1 for none.

    `codes` has the columns source, where and conversation as numbers that are equal where the values
    are, -1 for none; `a` and `b` are the folders, whose ledgers are asked for the rows' texts.
    """
    source, where, words = codes["source"], codes["where"], codes["conversation"]
    mates = (np.full(len(where[0]), -1), np.full(len(where[1]), -1))
    spoken = words[0] >= 0, words[1] >= 0
    _match(mates, _joined(_joined(source, where), words), spoken)
    _match(mates, _joined(source, words), spoken)
    held = _texts(mates, (a, b))
    texts = held[0] >= 0, held[1] >= 0
    _match(mates, _joined(_joined(source, where), held), texts)
    _match(mates, _joined(source, held), texts)
    _match(mates, words, spoken)  # whatever the file is called now
    _match(mates, held, texts)
    _match_between(mates, source)
    _match_alike(mates, source, (a, b))
    everywhere = np.ones(len(where[0]), bool), np.ones(len(where[1]), bool)
    _match(mates, _joined(source, where), everywhere)
    return mates


def out_of_order(places: NDArray[Any]) -> NDArray[np.bool_]:
    """Of rows with these places elsewhere, the fewest that must be taken out for the rest to ascend."""
    if not len(places) or (np.diff(places) > 0).all():
        return np.zeros(len(places), bool)
    ends: list[int] = []  # the smallest end of an ascending series of each length
    last: list[int] = []  # and the row that it is
    before = [-1] * len(places)
    for row, place in enumerate(places.tolist()):
        at = bisect_left(ends, place)
        ends[at : at + 1] = [place]
        last[at : at + 1] = [row]
        before[row] = last[at - 1] if at else -1
    moved = np.ones(len(places), bool)
    row = last[-1]
    while row >= 0:
        moved[row] = False
        row = before[row]
    return moved


def _joined(one: Sides, other: Sides) -> Sides:
    """Two numbers of a row as one."""
    a, b = (x.astype(np.int64) << 32 | y.astype(np.int64) for x, y in zip(one, other, strict=True))
    return a, b


def _match(mates: Sides, keys: Sides, usable: Sides) -> None:
    """Match rows of equal keys that have no mate yet, the first with the first."""
    rows = [np.flatnonzero((mate < 0) & use) for mate, use in zip(mates, usable, strict=True)]
    if not len(rows[0]) or not len(rows[1]):
        return
    found = [keys[side][rows[side]] for side in (0, 1)]
    _, number = np.unique(np.concatenate(found), return_inverse=True)
    numbers = number[: len(rows[0])], number[len(rows[0]) :]
    turns = [_turn(side) for side in numbers]
    most = max(int(turn.max()) for turn in turns) + 1
    told = [side.astype(np.int64) * most + turn for side, turn in zip(numbers, turns, strict=True)]
    _, in_a, in_b = np.intersect1d(told[0], told[1], assume_unique=True, return_indices=True)
    _note(mates, rows[0][in_a], rows[1][in_b])


def _turn(keys: NDArray[Any]) -> NDArray[np.int64]:
    """How many rows with the same key come before each row."""
    order = np.argsort(keys, kind="stable")
    begins = np.flatnonzero(np.diff(keys[order], prepend=-1))
    sizes = np.diff(begins, append=len(keys))
    turn = np.empty(len(keys), np.int64)
    turn[order] = np.arange(len(keys)) - np.repeat(begins, sizes)
    return turn


def _note(mates: Sides, in_a: Any, in_b: Any) -> None:
    mates[0][in_a] = in_b
    mates[1][in_b] = in_a


def _texts(mates: Sides, folders: tuple[Path, Path]) -> Sides:
    """A number for what the file held of each row that has no mate; -1 for the others."""
    known: dict[int, int] = {}
    result = []
    for mate, folder in zip(mates, folders, strict=True):
        numbers = np.full(len(mate), -1)
        left = np.flatnonzero(mate < 0)
        at = 0
        for texts in texts_at(folder, "before", left.tolist()):
            for text in texts:
                if text:
                    # A hash takes a fraction of the room, and a mistake in 2**64 only mispairs two rows.
                    numbers[left[at]] = known.setdefault(hash(text), len(known))
                at += 1
        result.append(numbers)
    return result[0], result[1]


# --- by the rows around --------------------------------------------------------------------------


def _gaps(mates: Sides) -> Iterator[tuple[range, range]]:
    """Rows without a mate between two neighbours whose mates are neighbours, too."""
    anchors = [np.flatnonzero(mate >= 0) for mate in mates]
    before = np.searchsorted(anchors[1], np.arange(len(mates[1]) + 1))  # anchors of B before a row
    begins = np.concatenate([[-1], anchors[0]])
    ends = np.concatenate([anchors[0], [len(mates[0])]])
    theirs = np.concatenate([[-1], mates[0][anchors[0]]])
    their_ends = np.concatenate([mates[0][anchors[0]], [len(mates[1])]])
    wide = np.flatnonzero((ends - begins > 1) & (their_ends - theirs > 1))
    for at in wide.tolist():
        first, last = int(theirs[at]) + 1, int(their_ends[at])
        if before[first] == before[last]:
            yield range(int(begins[at]) + 1, int(ends[at])), range(first, last)


def _match_between(mates: Sides, source: Sides) -> None:
    """As many changed rows as there were between the same neighbours are the same rows."""
    in_a: list[int] = []
    in_b: list[int] = []
    for ours, theirs in _gaps(mates):
        if len(ours) == len(theirs):
            in_a += ours
            in_b += theirs
    one, other = np.array(in_a, np.int64), np.array(in_b, np.int64)
    same = source[0][one] == source[1][other]
    _note(mates, one[same], other[same])


def _match_alike(mates: Sides, source: Sides, folders: tuple[Path, Path]) -> None:
    """Of more or fewer rows between the same neighbours, those that share most of their words."""
    gaps = [gap for gap in _gaps(mates) if max(map(len, gap)) <= _FEW][:_MOST_GAPS]
    words: list[dict[int, set[str]]] = []
    for side, folder in enumerate(folders):
        rows = [row for gap in gaps for row in gap[side]]
        found = rows_at(folder, rows)
        texts = [f"{row['before'] or ''} {row['after'] or ''}".lower() for row in found]
        words.append({row: set(_WORD.findall(text)) for row, text in zip(rows, texts, strict=True)})
    for ours, theirs in gaps:
        likeness = sorted(
            (
                -_share(words[0][one], words[1][other]),
                abs(one - ours[0] - (other - theirs[0])),
                one,
                other,
            )
            for one in ours
            for other in theirs
            if source[0][one] == source[1][other]
        )
        for share, _, one, other in likeness:
            if -share >= _ALIKE and mates[0][one] < 0 and mates[1][other] < 0:
                _note(mates, one, other)


def _share(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other) if one and other else 0.0
