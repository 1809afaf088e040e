"""Findings about a data set, ranked by harm, with the line of the recipe that helps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from talkwright.config import DataSection
from talkwright.data.doctor import pairing, patterns, styles, symptoms
from talkwright.data.doctor.symptoms import Example, Rows, Symptom, Talk
from talkwright.pool import Order, Pool
from talkwright.types import Conversation, LedgerRow, to_json

# The most harmful first; contradictions and private data, which need more than the rows, come before.
_Check = Callable[[Rows], Symptom | None]
_CHECKS: tuple[_Check, ...] = (
    symptoms.control_strings, patterns.too_little, patterns.one_answer, pairing.wrong_answers,
    pairing.swapped, patterns.ignores_question, symptoms.placeholders, symptoms.cut_off,
    symptoms.repetition, symptoms.refusals,
    patterns.boilerplate, patterns.system_prompts, patterns.languages, patterns.crowded,
    patterns.clusters, styles.mixed_styles, symptoms.too_short, patterns.long_talks,
    patterns.uneven_lengths,
)  # fmt: skip
# What takes long is a job by itself, for any process; what needs the same of a conversation is one job.
_LONG: tuple[_Check, ...] = (symptoms.repetition, patterns.languages)
_ALIKE: tuple[_Check, ...] = (
    patterns.one_answer, pairing.wrong_answers, patterns.ignores_question, patterns.crowded,
    patterns.clusters,
)  # fmt: skip
_WORTH_IT = 500  # conversations from which on another process pays off
_RANK = {"serious": 0, "warning": 1, "note": 2}
EXIT_CODES = {"serious": 3, "warning": 1, "note": 0}


def diagnose(
    conversations: Sequence[Conversation],
    lost: Sequence[LedgerRow] = (),
    *,
    read: int = 0,
    section: DataSection | None = None,
    masked: bool = False,
    pairs: Collection[tuple[int, int]] | None = None,
    leakage: Mapping[str, Any] | None = None,
    beside: int = 0,
) -> list[Symptom]:
    """Examine conversations: serious findings first, and among equals in the order of their harm.

    With the rows that were `lost`, of `read`, unusable rows are a finding too. `section` says what the
    recipe does not want looked for, and where the sources are from. `masked` says that private data
    has been looked for already, and that what is left is there on purpose. `pairs` are contradicting
    rows, by their places in `conversations`, where they are known already; looking for them takes
    longer than all else. `leakage` is what the held-out rows were measured to have in common with those
    of training. Up to `beside` more processes help.
    """
    if any(not {"user", "assistant"} <= {m.role for m in c.messages} for c in conversations):
        whole = [c for c in conversations if {"user", "assistant"} <= {m.role for m in c.messages}]
        conversations, pairs = whole, None
    talks = [Talk(conversation) for conversation in conversations]
    found: list[Symptom | None] = []
    if talks:
        if section is None or section.contradictions != "keep":
            found.append(patterns.contradictions(talks, pairs))
        private = [] if masked else [partial(symptoms.private_data, section=section)]
        found += _examine(talks, [*private, *_CHECKS], beside)
    if leakage:
        found.append(patterns.overlap(leakage, section))
    if section:
        found.append(patterns.provenance(section))
    found.append(_losses(lost, read))
    return sorted((symptom for symptom in found if symptom), key=lambda s: _RANK[s.severity])


def _examine(talks: Rows, checks: Sequence[_Check], beside: int) -> list[Symptom | None]:
    """What each check finds, in their order; up to `beside` more processes help."""
    places = range(len(checks))
    alike = [n for n in places if checks[n] in _ALIKE]
    long = [n for n in places if checks[n] in _LONG or checks[n] not in _CHECKS]
    jobs = [*([n] for n in long), alike, [n for n in places if n not in alike and n not in long]]

    def work(head: dict[str, Any], _: bytes) -> Order:
        return {"found": [to_json(checks[n](talks)) for n in jobs[head["job"]]]}, b""

    with Pool(work, beside if len(talks) >= _WORTH_IT else 0, ahead=0) as pool:
        results = [result for n in range(len(jobs)) for result, _ in pool.give({"job": n})]
        results += [result for result, _ in pool.finish()]
    found: list[Symptom | None] = [None] * len(checks)
    for job, result in zip(jobs, results, strict=True):
        for n, symptom in zip(job, result["found"], strict=True):
            found[n] = symptom and Symptom.from_json(symptom)
    return found


def _losses(lost: Sequence[LedgerRow], read: int) -> Symptom | None:
    unusable = (row for row in lost if not str(row.reason).endswith("duplicate"))
    shown = (Example(row.where, f"{row.reason}: {row.before[:80]}") for row in unusable)
    return patterns.losses(Counter(str(row.reason) for row in lost), read, shown)


def report(found: Sequence[Symptom], rows: int) -> dict[str, Any]:
    """The findings as JSON: what doctor.json holds."""
    worst = min((s.severity for s in found), key=_RANK.__getitem__, default=None)
    return {"rows": rows, "worst": worst, "findings": to_json(list(found))}


def exit_code(worst: str | None) -> int:
    """0 for nothing but notes, 1 for warnings, 3 for serious findings; 2 is for errors of use."""
    return EXIT_CODES.get(worst or "note", 0)


def is_dataset(path: str | Path) -> bool:
    """Say whether a path is a prepared data set rather than raw files."""
    return (Path(path) / "manifest.json").is_file() and (Path(path) / "counts.json").is_file()
