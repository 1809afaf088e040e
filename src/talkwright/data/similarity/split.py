"""Train, validation and test: decided by what a row says, never by where it stands.

Rows that belong together stay together: the same user or thread, the same question, near-duplicates.
Such a cluster goes where the hash of its content and the seed sends it, so adding rows leaves the
others where they are, except where a small data set would be left with far too few or too many rows
held out.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from talkwright.data.similarity.similar import (
    Index,
    hard_parts,
    normal_question,
    signatures,
    union_find,
    words,
)
from talkwright.types import Conversation

SPLITS = ("train", "validation", "test")

_QUESTION_WORDS = 3  # a shorter opening ("hi") is a greeting, not a question
_TOLERANCE = 0.5  # relative distance from the wanted size that is left alone
_OVERSIZED = 2.0  # a cluster so many times the wanted size is not held out
_LARGEST_JOINT = 0.5  # share of rows that questions shared between users may tie together


def question_of(conversation: Conversation) -> str:
    """The normalised first real question, after any greeting: what two rows have in common."""
    asked = [normal_question(m.content) for m in conversation.messages if m.role == "user"]
    real = next((text for text in asked if len(words(text)) >= _QUESTION_WORDS), None)
    return real if real is not None else " ".join(asked)


def split_rows(
    conversations: Mapping[int, Conversation],
    links: Iterable[tuple[int, int]],
    *,
    validation: float,
    test: float,
    threshold: float,
    seed: int,
) -> tuple[dict[int, str], list[str]]:
    """Give each row its split; also sentences about what could not be as asked.

    `links` are pairs of rows that must stay together. Every split with a share above 0 gets at least
    one cluster if there are as many clusters as splits; otherwise everything is for training.
    """
    clusters, notes = _clusters(conversations, list(links), threshold)
    names = [name for name, share in (("test", test), ("validation", validation)) if share > 0]
    where = dict.fromkeys(conversations, "train")
    if not names or not conversations:
        return where, notes
    if len(clusters) <= len(names):
        held = " and ".join(reversed(names))
        notes.append(
            f"All {len(conversations)} rows are for training: they form {len(clusters)} independent "
            f"group{'s' if len(clusters) != 1 else ''}, too few to hold out {held}."
        )
        return where, notes
    order = sorted(
        (_position(min(question_of(conversations[at]) for at in rows), conversations, rows, seed), rows)
        for rows in clusters
    )
    low = 0.0
    for left, (name, share) in zip((len(names) - 1, 0), _shares(names, validation, test), strict=False):
        chosen = _choose(order, low, low + share, share * len(conversations), spare=left + 1)
        where.update((at, name) for rows in chosen for at in rows)
        taken = {rows[0] for rows in chosen}
        order = [entry for entry in order if entry[1][0] not in taken]
        low += share
    return where, notes


def _shares(names: list[str], validation: float, test: float) -> list[tuple[str, float]]:
    shares = {"validation": validation, "test": test}
    return [(name, shares[name]) for name in names]


def _position(
    question: str, conversations: Mapping[int, Conversation], rows: list[int], seed: int
) -> float:
    """Where in [0, 1) the cluster stands: by its group where it has one, else by its question."""
    groups = sorted({g for at in rows if (g := conversations[at].group) is not None})
    key = f"{seed}\0group\0{groups[0]}" if groups else f"{seed}\0question\0{question}"
    return int(hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:13], 16) / 16**13


def _choose(
    order: list[tuple[float, list[int]]], low: float, high: float, wanted: float, spare: int
) -> list[list[int]]:
    """Take the clusters that stand in [low, high), or the nearest choice of about `wanted` rows.

    `spare` clusters at least are left for the other splits.
    """
    limit = max(1.0, _OVERSIZED * wanted)
    fitting = [rows for _, rows in order if len(rows) <= limit]
    chosen = [rows for at, rows in order if low <= at < high and len(rows) <= limit]
    size = sum(map(len, chosen))
    if chosen and abs(size - wanted) <= _TOLERANCE * wanted and len(order) - len(chosen) >= spare:
        return chosen
    if not fitting:
        return [min((rows for _, rows in order), key=len)]
    after = [rows for at, rows in order if at >= low and len(rows) <= limit]
    chosen, size = [], 0
    for rows in after + [rows for rows in fitting if rows not in after]:
        closer = abs(size + len(rows) - wanted) <= abs(size - wanted)
        if chosen and not closer:
            break
        if len(order) - len(chosen) - 1 < spare:
            break
        chosen.append(rows)
        size += len(rows)
    return chosen


# --- clusters ------------------------------------------------------------------------------------


def _clusters(
    conversations: Mapping[int, Conversation], links: list[tuple[int, int]], threshold: float
) -> tuple[list[list[int]], list[str]]:
    rows = list(conversations)
    place = {at: position for position, at in enumerate(rows)}
    find, join = union_find(len(rows))
    for ties in (_equal(rows, [conversations[at].group for at in rows]), links):
        for a, b in ties:
            join(place[a], place[b])
    sizes = Counter(find(position) for position in range(len(rows)))
    grouped = {find(place[at]) for at in rows if conversations[at].group is not None}
    refused = 0
    questions = [question_of(conversations[at]) for at in rows]
    # Rare questions first: what ties half of the users together is a phrase like "hello there bot".
    same = _equal(rows, questions, rare_first=True)
    for a, b in [*same, *_near_questions(rows, questions, threshold)]:
        x, y = find(place[a]), find(place[b])
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
    clusters: dict[int, list[int]] = defaultdict(list)
    for position, at in enumerate(rows):
        clusters[find(position)].append(at)
    notes = []
    if refused:
        notes.append(
            f"{refused} links between users who asked the same were cut, as they tied most rows "
            "together; the same question may be in two splits."
        )
    return list(clusters.values()), notes


def _equal(rows: list[int], keys: list[Any], rare_first: bool = False) -> list[tuple[int, int]]:
    members: dict[Any, list[int]] = defaultdict(list)
    for at, key in zip(rows, keys, strict=True):
        if key is not None:
            members[key].append(at)
    found = sorted(members.values(), key=len) if rare_first else list(members.values())
    return [(group[0], at) for group in found for at in group[1:]]


def _near_questions(rows: list[int], questions: list[str], threshold: float) -> list[tuple[int, int]]:
    index = Index(threshold, sides=1)
    first = dict(zip(reversed(questions), reversed(rows), strict=True))
    found = []
    distinct = sorted(first, key=first.__getitem__)
    for question, signed in zip(distinct, signatures(distinct), strict=True):
        keys = index.keys(hash(hard_parts(question)), [signed])
        found += [(other, first[question]) for other in index.find(keys, (question,))]
        index.add(first[question], keys, (question,))
    return found


# --- what leaked ---------------------------------------------------------------------------------


def measure_leakage(
    conversations: Mapping[int, Conversation], where: Mapping[int, str], threshold: float
) -> dict[str, Any]:
    """Count held-out rows whose question, or nearly so, or whose group is also in training.

    Measured on the finished split, not taken from how it was made. `near_question` includes neither
    those counted as `same_question` nor pairs whose numbers differ.
    """
    questions = {at: question_of(conversation) for at, conversation in conversations.items()}
    learnt = sorted({questions[at] for at in conversations if where[at] == "train"})
    known = set(learnt)
    groups = {conversations[at].group for at in conversations if where[at] == "train"} - {None}
    index = Index(threshold, sides=1)
    for number, signed in enumerate(signatures(learnt)):
        text = learnt[number]
        index.add(number, index.keys(hash(hard_parts(text)), [signed]), (text,))
    result: dict[str, Any] = {}
    for name in SPLITS[1:]:
        rows = [at for at in conversations if where[at] == name]
        same = [at for at in rows if questions[at] in known]
        other = sorted({questions[at] for at in rows} - known)
        near = {
            text
            for text, signed in zip(other, signatures(other), strict=True)
            if index.find(index.keys(hash(hard_parts(text)), [signed]), (text,))
        }
        result[name] = {
            "rows": len(rows),
            "same_question": len(same),
            "near_question": sum(questions[at] in near for at in rows),
            "same_group": sum(conversations[at].group in groups for at in rows),
        }
    return result
