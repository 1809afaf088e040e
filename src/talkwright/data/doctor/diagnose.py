"""Findings about a data set, ranked by harm, with the line of the recipe that helps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from talkwright.data.doctor import patterns, symptoms
from talkwright.data.doctor.symptoms import Example, Rows, Symptom
from talkwright.types import Conversation, LedgerRow, to_json

# The most harmful first.
_CHECKS: tuple[Callable[[Rows], Symptom | None], ...] = (
    patterns.contradictions, symptoms.private_data, symptoms.control_strings, patterns.too_little,
    patterns.one_answer, patterns.ignores_question, symptoms.placeholders, symptoms.cut_off,
    symptoms.repetition, symptoms.refusals, patterns.boilerplate, patterns.system_prompts,
    patterns.languages, patterns.crowded, patterns.mixed_styles, symptoms.too_short,
    patterns.long_talks, patterns.uneven_lengths,
)  # fmt: skip
_RANK = {"serious": 0, "warning": 1, "note": 2}
EXIT_CODES = {"serious": 3, "warning": 1, "note": 0}


def diagnose(
    conversations: Sequence[Conversation],
    lost: Sequence[LedgerRow] = (),
    *,
    read: int = 0,
    masked: bool = False,
) -> list[Symptom]:
    """Examine conversations: serious findings first, and among equals in the order of their harm.

    With the rows that were `lost`, of `read`, unusable rows are a finding too. `masked` says that
    private data has been looked for already, and that what is left is there on purpose.
    """
    talks = [c for c in conversations if {"user", "assistant"} <= {m.role for m in c.messages}]
    checks = [check for check in _CHECKS if not (masked and check is symptoms.private_data)]
    found = [symptom for check in checks if (symptom := check(talks))] if talks else []
    unusable = (row for row in lost if not str(row.reason).endswith("duplicate"))
    shown = (Example(row.where, f"{row.reason}: {row.before[:80]}") for row in unusable)
    symptom = patterns.losses(Counter(str(row.reason) for row in lost), read, shown)
    if symptom:
        found.append(symptom)
    return sorted(found, key=lambda symptom: _RANK[symptom.severity])


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
