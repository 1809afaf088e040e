"""What becomes of each conversation once all are known: dropped, marked, or in a split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from talkwright.config import DataSection
from talkwright.data.cleaning.surplus import find_surplus
from talkwright.data.mix import copies, draw, lots_of, what_was_got
from talkwright.data.shards import Shards
from talkwright.data.similarity.contradictions import MOST_COMPARED, find_contradictions
from talkwright.data.similarity.duplicates import find_duplicates
from talkwright.data.similarity.features import Features
from talkwright.data.similarity.leakage import measure_leakage
from talkwright.data.similarity.rewording import LONGEST as LONGEST_REWORDED
from talkwright.data.similarity.split import SPLITS, split_rows, without_desks
from talkwright.progress import say
from talkwright.types import spoken

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SAID = 200  # characters of a question that are shown


@dataclass(frozen=True, slots=True)
class Fates:
    """By conversation: why it was `dropped`, and what is kept instead; its `marks`; its `split` as a
    place in SPLITS, -1 for none; how many `copies` of it are written; its lot. The rows of `pairs`
    contradict each other.

    `about` goes to counts.json: leakage, mixture, clusters, histograms.
    """

    dropped: dict[int, tuple[str, str]]
    marks: dict[int, list[str]]
    split: NDArray[np.int8]
    copies: NDArray[np.int32]
    lots: NDArray[np.uint64]
    pairs: list[tuple[int, int]]
    about: dict[str, Any]


def settle(shards: Shards, section: DataSection, names: Sequence[str], seed: int) -> Fates:
    """Compare all conversations with each other, and decide."""
    if shards.kept > 50_000:
        say(f"Comparing {shards.kept:,} conversations with each other")
    features = shards.features()
    source_of = shards.source_of()
    lots = lots_of(features.exact, seed)
    dropped: dict[int, tuple[str, str]] = {}
    marks: dict[int, list[str]] = defaultdict(list)
    alive = np.ones(len(features), bool)

    found = find_duplicates(features, section.duplicates, section.near_threshold)
    alive[[at for at, (reason, _) in found.dropped.items() if reason == "duplicate"]] = False
    pairs, compared = _contradictions(shards, features, section, alive)
    against = set(pairs)
    for at, (reason, first) in found.dropped.items():
        # What is almost the same may say the opposite: three days, four days. Then it is no duplicate.
        if (first, at) in against:
            found.links.append((first, at))
        else:
            dropped[at] = (reason, f"kept instead: {shards.conversation(first).where}")
            alive[at] = False
    pairs = [(a, b) for a, b in pairs if alive[a] and alive[b]]
    for at in sorted({at for pair in pairs for at in pair}):
        if section.contradictions == "drop":
            dropped[at] = ("contradiction", "")
            alive[at] = False
        else:
            marks[at].append("contradiction")
    if section.max_same is not None:
        rows = np.flatnonzero(alive)
        said = zip(rows.tolist(), shards.conversations(rows), strict=True)
        for at in find_surplus(said, section.max_same):
            dropped[at] = ("too_many_same", "")
            alive[at] = False
    mix = draw(section, np.flatnonzero(alive), source_of, lots)
    for at in mix.left_out.tolist():
        dropped[at] = ("not_sampled", "")
        alive[at] = False

    rows = np.flatnonzero(alive)
    links = [(a, b) for a, b in found.links if alive[a] and alive[b]]
    features, notes = without_desks(features, rows)
    done = split_rows(
        features,
        rows,
        links,
        validation=section.validation,
        test=section.test,
        threshold=section.near_threshold,
    )
    written = copies(mix, done.split, source_of, lots)
    leakage = measure_leakage(features, done.split)
    for name in SPLITS[1:]:
        leakage[name]["worst"] = [
            {"held_out": _said(shards, a), "training": _said(shards, b), "similarity": similarity}
            for a, b, similarity in leakage[name]["worst"]
        ]
    about = {
        "leakage": {**leakage, "notes": [*notes, *done.notes]},
        "mix": what_was_got(names, mix, done.split, source_of, written),
        "clusters": {
            **done.clusters,
            "largest": [{"rows": n, **_said(shards, at)} for n, at in done.clusters["largest"]],
        },
        "contradictions_compared": compared,
        "turns": _histogram(shards.column("turns")[rows]),
        "characters": _histogram(shards.column("characters")[rows], doubling=True),
    }
    return Fates(dropped, marks, done.split, written, lots, pairs, about)


def _contradictions(
    shards: Shards,
    features: Features,
    section: DataSection,
    alive: NDArray[np.bool_],
) -> tuple[list[tuple[int, int]], int]:
    if section.contradictions == "keep":
        return [], 0
    letters = np.where(alive, features.letters, np.uint64(0))
    names, counts = np.unique(letters, return_counts=True)
    shared = np.isin(letters, names[(counts > 1) & (names != 0)])
    # A short question may be asked in other words, which are compared where there are not too many.
    short = (letters != 0) & (np.diff(features.question_ends, prepend=0) <= LONGEST_REWORDED + 1)
    rows = np.flatnonzero(shared | short)
    if len(rows) > MOST_COMPARED:
        rows = np.flatnonzero(shared)
    by_row = dict(zip(rows.tolist(), letters[rows].tolist(), strict=True))
    return find_contradictions(
        by_row, lambda places: map(spoken, shards.conversations(np.array(places, np.int64)))
    )


def _said(shards: Shards, at: int) -> dict[str, str]:
    conversation = shards.conversation(at)
    question = next((m.content for m in conversation.messages if m.role == "user"), "")
    return {"where": conversation.where, "question": " ".join(question.split())[:_SAID]}


def _histogram(values: NDArray[Any], doubling: bool = False) -> dict[str, int]:
    """How many rows have each value; or up to each power of two."""
    if doubling:
        values = 2 ** np.ceil(np.log2(np.maximum(values, 1))).astype(np.int64)
    found, counts = np.unique(values, return_counts=True)
    return {str(value): int(count) for value, count in zip(found, counts, strict=True)}
