"""The check artefact → training examples token by token, row lengths, and what was found wrong."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from talkwright.report.text import clean, token_markup
from talkwright.runs import read_json
from talkwright.types import IGNORED, fix_in

MAX_TOKENS = 1500
MAX_TOKEN_CHARS = 200
# Content never becomes control, so a single token that is spelt like one can only be one.
_CONTROL = re.compile(
    r"<\|[^|<>]+\|>|</?s>|<(bos|eos|pad|unk)>|<(start|end)_of_\w+>|\[/?[A-Z_]{3,}\]|</?think>"
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring tokens that are all supervised or all not: (markup, is control) pairs."""

    supervised: bool
    tokens: list[tuple[Markup, bool]]


@dataclass(frozen=True, slots=True)
class Taught:
    """One training example, cut after MAX_TOKENS tokens (`hidden` says how many are not shown)."""

    conversation: str
    stretches: list[Stretch]
    n_tokens: int
    n_supervised: int
    hidden: int


@dataclass(frozen=True, slots=True)
class Lengths:
    """Token lengths of one split's rows with the sums the check stage made.

    `counted` are (tokens, rows) pairs, ascending; of a histogram, tokens are the upper edges.
    """

    name: str
    counted: list[tuple[int, int]]
    rows: int
    too_long: int
    tokens: int
    supervised: int
    median: int | None
    longest: int | None


@dataclass(frozen=True, slots=True)
class Check:
    """What the check stage left: findings as JSON objects, worst first."""

    findings: list[dict[str, Any]]
    splits: list[Lengths]
    examples: list[Taught]
    fingerprint: str


def read_check(folder: Path) -> Check:
    """Read a finished check artefact, any file of which may be missing; ArtefactError when damaged."""
    tokens = _read(folder / "tokens.json", {})
    template = tokens.get("template") or {}
    stop = frozenset(template.get("stop") or ())
    rank = {"error": 0, "warning": 1, "note": 2}
    findings = [
        {**found, "fix": fix_in(folder.parent, found.get("fix", ""))}
        for found in _read(folder / "findings.json", [])
    ]
    return Check(
        findings=sorted(findings, key=lambda finding: rank.get(str(finding.get("severity")), 3)),
        splits=[_lengths(name, about) for name, about in (tokens.get("splits") or {}).items()],
        examples=[_taught(row, stop) for row in _read(folder / "shown.json", [])],
        fingerprint=str(template.get("fingerprint") or ""),
    )


def _read(path: Path, missing: Any) -> Any:
    return clean(read_json(path)) if path.is_file() else missing


def _lengths(name: str, about: dict[str, Any]) -> Lengths:
    counted = _counted(about)
    rows = sum(n for _, n in counted)
    longest = about.get("longest") or (counted[-1][0] if counted else None)
    return Lengths(
        name=name,
        counted=counted,
        rows=int(about.get("rows") or rows),
        too_long=int(about.get("too_long") or 0),
        tokens=int(about.get("tokens") or sum(length * n for length, n in counted)),
        supervised=int(about.get("supervised") or 0),
        median=about.get("median") or _median(counted, rows),
        longest=longest,
    )


def _counted(about: dict[str, Any]) -> list[tuple[int, int]]:
    """Lengths as (tokens, rows): from a list of them, a list of such pairs, or a `histogram`."""
    counted: Counter[int] = Counter()
    histogram = about.get("histogram")
    for one in histogram.items() if isinstance(histogram, dict) else about.get("lengths") or ():
        length, rows = one if isinstance(one, (list, tuple)) else (one, 1)
        counted[int(length)] += int(rows)
    return sorted((length, rows) for length, rows in counted.items() if rows)


def _median(counted: Sequence[tuple[int, int]], rows: int) -> int | None:
    seen = 0
    for length, n in counted:
        seen += n
        if 2 * seen >= rows:
            return length
    return None


def _taught(row: dict[str, Any], stop: frozenset[int]) -> Taught:
    tokens, labels, ids = row.get("tokens") or [], row.get("labels") or [], row.get("input_ids") or []
    stretches: list[Stretch] = []
    for text, label, token in list(zip(tokens, labels, ids, strict=False))[:MAX_TOKENS]:
        supervised = label != IGNORED
        if not stretches or stretches[-1].supervised != supervised:
            stretches.append(Stretch(supervised, []))
        control = token in stop or _CONTROL.fullmatch(text) is not None
        stretches[-1].tokens.append((token_markup(text[:MAX_TOKEN_CHARS]), control))
    return Taught(
        conversation=str(row.get("conversation") or ""),
        stretches=stretches,
        n_tokens=len(ids),
        n_supervised=sum(label != IGNORED for label in labels),
        hidden=max(0, len(ids) - MAX_TOKENS),
    )
