"""Conversations compared with each other, as the data stage does it, for tests of each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from talkwright.data.similarity.contradictions import contradictory_pairs
from talkwright.data.similarity.duplicates import Duplicates, find_duplicates
from talkwright.data.similarity.features import features_of
from talkwright.data.similarity.leakage import measure_leakage
from talkwright.data.similarity.split import SPLITS, split_rows
from talkwright.types import Conversation


def duplicates_of(
    rows: Sequence[Conversation], how: Any = "near", threshold: float = 0.85
) -> Duplicates:
    """What `find_duplicates` says of the rows."""
    return find_duplicates(features_of(rows, threshold, 0), how, threshold)


def splits_of(
    rows: Mapping[int, Conversation],
    links: Sequence[tuple[int, int]] = (),
    *,
    validation: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
) -> tuple[dict[int, str], list[str]]:
    """Each row's split, by its key, and the notes."""
    keys = list(rows)
    place = {key: at for at, key in enumerate(keys)}
    done = split_rows(
        features_of(list(rows.values()), 0.85, seed), np.arange(len(keys)),
        [(place[a], place[b]) for a, b in links], validation=validation, test=test, threshold=0.85,
    )  # fmt: skip
    return {key: SPLITS[done.split[at]] for key, at in place.items()}, done.notes


def leakage_of(rows: Mapping[int, Conversation], where: Mapping[int, str]) -> dict[str, Any]:
    """What `measure_leakage` says of a split by key."""
    features = features_of(list(rows.values()), 0.85, 0)
    split = np.array([SPLITS.index(where[key]) for key in rows], np.int8)
    return measure_leakage(features, split)


def contradicting(rows: Mapping[int, Conversation]) -> list[int]:
    """Rows that contradict another, in order."""
    return sorted({at for pair in contradictory_pairs(rows) for at in pair})
