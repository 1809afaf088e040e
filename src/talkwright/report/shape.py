"""counts.json → what a data set is like as a whole: sizes, changes, mixture, clusters, overlap."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from talkwright.report.text import is_number, words

MAX_BARS = 24
_FEW = 12  # values that have a bar each; more are drawn by powers of two

_TITLES = {
    "rows": "Held-out rows", "leaking": "In training too", "same_question": "Same question",
    "near_question": "Nearly the same", "same_group": "Same user or thread",
    "same_answer": "Same answer", "stock_answer": "Same stock answer", "distinct": "Other questions",
    "compared": "Of these compared",
}  # fmt: skip

# Kinds of change: what they are called, how their repairs' names look, and what they mean.
_CHANGES = (
    ("masked", re.compile("masked_"), "private data replaced by a placeholder such as [email]"),
    ("merged", re.compile("merged_|joined_"), "turns, or lines of a file, were joined into one"),
    ("split", re.compile("split_"), "what one line or one turn held was taken apart"),
    ("truncated", re.compile(".*(truncated|shortened)|cut_"), "of a torn row, the whole messages"),
    ("removed", re.compile("removed_|dropped_|stripped_"), "something was taken out"),
    ("added", re.compile("added_|augmented"), "something that was not in the row was put in"),
    ("guessed", re.compile("guessed_|alternating_|recognised_"),
     "something the file does not say was concluded: look at these"),
    ("corrected", re.compile(""), "line ends, quotes, broken letters and the like"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """One kind of change: its `repairs` as (name, rows), the most frequent first."""

    kind: str
    meaning: str
    repairs: list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Bars:
    """A histogram: (label, rows) from small to large; half of all `rows` are at most `median`."""

    bars: list[tuple[str, int]]
    median: str
    rows: int


@dataclass(frozen=True, slots=True)
class Mixed:
    """One source's part in the mixture, `share` of all that is written; `asked` None means all."""

    name: str
    asked: int | None
    available: int
    taken: int
    written: int
    share: float


@dataclass(frozen=True, slots=True)
class Cluster:
    """Rows whose questions are nearly alike: how many, with one of the questions and its place."""

    rows: int
    question: str
    where: str


@dataclass(frozen=True, slots=True)
class Clusters:
    """All groups of rows; `share` is that of the rows that stand alone."""

    count: int
    single: int
    share: float
    largest: list[Cluster]


@dataclass(frozen=True, slots=True)
class Pair:
    """A held-out question and the training question most like it; `similarity` from 0 to 1."""

    split: str
    similarity: float
    held_out: str
    held_out_where: str
    training: str
    training_where: str


@dataclass(frozen=True, slots=True)
class Overlap:
    """Measured overlap of the held-out splits with training.

    `rows` is a table under `columns`; of `held_out` rows, `leaking` are asked in training too, or nearly
    so; `answered` have an answer that stands there, not counting those that many questions have. Of
    `distinct` questions that are not there as they are, `compared` were looked up.
    """

    columns: list[str]
    rows: list[tuple[str, list[Any]]]
    notes: list[str]
    pairs: list[Pair]
    held_out: int
    leaking: int
    answered: int
    distinct: int
    compared: int

    @property
    def titles(self) -> list[str]:
        """What the columns are called on the page."""
        return [_TITLES.get(name, words(name).capitalize()[:40]) for name in self.columns]


def read_changes(repaired: Mapping[str, Any]) -> list[Change]:
    """Repairs by kind of change; kinds that did not happen are left out."""
    found: dict[str, list[tuple[str, int]]] = {kind: [] for kind, _, _ in _CHANGES}
    for name, rows in repaired.items():
        if is_number(rows) and rows:
            kind = next(kind for kind, pattern, _ in _CHANGES if pattern.match(str(name)))
            found[kind].append((str(name), int(rows)))
    return [
        Change(kind, meaning, sorted(found[kind], key=lambda pair: (-pair[1], pair[0])))
        for kind, _, meaning in _CHANGES
        if found[kind]
    ]


def read_bars(histogram: Any, *, doubling: bool = False) -> Bars | None:
    """A `{value: rows}` as bars; `doubling` says that values are upper edges, each twice the last."""
    if not isinstance(histogram, dict):
        return None
    counted = sorted((int(value), int(rows)) for value, rows in histogram.items() if is_number(rows))
    if not counted:
        return None
    total = sum(rows for _, rows in counted)
    if not doubling and len(counted) > _FEW:
        edges: dict[int, int] = {}
        for value, rows in counted:
            edge = 1 << max(0, value - 1).bit_length()
            edges[edge] = edges.get(edge, 0) + rows
        counted, doubling = sorted(edges.items()), True
    if doubling:  # a size that no row has is an empty bar, not a gap that is not seen
        by_edge = dict(counted)
        edges_ = [counted[0][0]]
        while edges_[-1] < counted[-1][0] and len(edges_) <= MAX_BARS:
            edges_.append(2 * edges_[-1])
        counted = [(edge, by_edge.pop(edge, 0)) for edge in edges_] + sorted(by_edge.items())
    bars = [(_range(value) if doubling else str(value), rows) for value, rows in counted]
    seen, median = 0, bars[-1][0]
    for label, rows in bars:
        seen += rows
        if 2 * seen >= total:
            median = label.rpartition("–")[2]
            break
    if len(bars) > MAX_BARS:
        rest = sum(rows for _, rows in bars[MAX_BARS - 1 :])
        bars = [*bars[: MAX_BARS - 1], (f"> {bars[MAX_BARS - 2][0]}", rest)]
    return Bars(bars, median, total)


def _range(edge: int) -> str:
    return f"{edge // 2 + 1}–{edge}" if edge > 2 else str(edge)


def read_mix(mix: Any) -> list[Mixed]:
    """The mixture by source; [] where there is nothing to tell: one source, taken as it is."""
    about = {str(name): found for name, found in mix.items() if isinstance(found, dict)} if mix else {}
    whole = sum(int(found.get("written") or 0) for found in about.values())
    rows = [
        Mixed(
            name,
            found.get("asked"),
            int(found.get("available") or 0),
            int(found.get("taken") or 0),
            int(found.get("written") or 0),
            int(found.get("written") or 0) / whole if whole else 0.0,
        )
        for name, found in about.items()
    ]
    plain = len(rows) == 1 and rows[0].asked is None and rows[0].written == rows[0].available
    return [] if plain else rows


def read_clusters(clusters: Any, rows: int) -> Clusters | None:
    """The groups of rows with nearly the same question, of `rows` in all."""
    if not isinstance(clusters, dict) or not clusters.get("count"):
        return None
    largest = [
        Cluster(int(one.get("rows") or 0), str(one.get("question") or ""), str(one.get("where") or ""))
        for one in clusters.get("largest") or ()
        if isinstance(one, dict)
    ]
    single = int(clusters.get("single") or 0)
    return Clusters(int(clusters["count"]), single, single / rows if rows else 0.0, largest[:10])


def read_overlap(leakage: Mapping[str, Any]) -> Overlap:
    """The measured overlap, with the pairs of questions that are most alike."""
    splits = {str(name): about for name, about in leakage.items() if isinstance(about, dict)}
    numbers = {
        name: {key: value for key, value in about.items() if not isinstance(value, (list, dict))}
        for name, about in splits.items()
    }
    columns = list(dict.fromkeys(key for about in numbers.values() for key in about))
    leaks = ("same_question", "near_question", "same_group")
    return Overlap(
        columns=columns,
        rows=[(name, [about.get(key) for key in columns]) for name, about in numbers.items()],
        notes=[str(note) for note in leakage.get("notes") or ()],
        pairs=sorted(
            (pair for name, about in splits.items() for pair in _pairs(name, about.get("worst"))),
            key=lambda pair: -pair.similarity,
        ),
        held_out=_sum(numbers, "rows"),
        # Data sets of before knew the three ways only, which may have rows in common.
        leaking=sum(
            _sum({name: about}, *(("leaking",) if "leaking" in about else leaks))
            for name, about in numbers.items()
        ),
        answered=_sum(numbers, "same_answer"),
        distinct=_sum(numbers, "distinct"),
        compared=_sum(numbers, "compared"),
    )


def _sum(numbers: Mapping[str, Mapping[str, Any]], *keys: str) -> int:
    return sum(int(about.get(key) or 0) for about in numbers.values() for key in keys)


def _pairs(split: str, worst: Any) -> Sequence[Pair]:
    found = []
    for one in worst or ():
        if not isinstance(one, dict) or not is_number(one.get("similarity")):
            continue
        held_out, training = one.get("held_out") or {}, one.get("training") or {}
        texts = (
            str(side.get(key) or "") for side in (held_out, training) for key in ("question", "where")
        )
        found.append(Pair(split, float(one["similarity"]), *texts))
    return found
