"""augment/ → the rows that a model wrote: how, from which rows, who wrote them, and what they say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talkwright import runs
from talkwright.report.text import clean, is_number

MOST = 200  # rows on the page


@dataclass(frozen=True, slots=True)
class Made:
    """One row that a model wrote: by which step, from which rows (their places), and by whom."""

    kind: str
    seeds: str
    by: str
    place: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Written:
    """The new rows: their number, the refused ones by reason, and the first of them."""

    kept: int
    dropped: list[tuple[str, int]]
    rows: list[Made]


def read_written(folder: Path) -> Written | None:
    """Read an augment artefact; None where there is none."""
    if not (folder / runs.MANIFEST).is_file() or not (folder / "counts.json").is_file():
        return None
    counts = clean(runs.read_json(folder / "counts.json"))
    kept = counts.get("kept")
    if not is_number(kept):
        return None
    dropped = [(str(k), int(n)) for k, n in (counts.get("dropped") or {}).items() if is_number(n)]
    rows = []
    for row in _rows(folder):
        rows.append(row)
        if len(rows) == MOST:
            break
    return Written(int(kept), dropped, rows)


def _rows(folder: Path) -> Iterator[Made]:
    """The kept rows of the ledger, each with the provenance that its line of train.jsonl has."""
    ledger, train = folder / "ledger.jsonl", folder / "train.jsonl"
    if not ledger.is_file() or not train.is_file():
        return
    fates = (row for row in map(clean, runs.read_jsonl(ledger)) if row.get("fate") == "kept")
    for row, line in zip(fates, map(clean, runs.read_jsonl(train)), strict=False):
        made: dict[str, Any] = line.get("made") or {}
        yield Made(
            kind=str(made.get("kind") or row.get("kind") or ""),
            seeds=", ".join(map(str, row.get("where") or made.get("of") or ())),
            by=" at ".join(str(made[key]) for key in ("model", "host") if made.get(key)),
            place=str(line.get("where") or ""),
            before=str(row.get("before") or ""),
            after=str(row.get("after") or ""),
        )
