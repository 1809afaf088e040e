"""The data artefact → what became of every row: counts for all of them, examples for a few.

`ledger.parquet` may hold any number of rows, so it is streamed and only the first examples of each
reason are kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from talkwright.report.shape import (
    Bars,
    Change,
    Clusters,
    Mixed,
    Overlap,
    read_bars,
    read_changes,
    read_clusters,
    read_mix,
    read_overlap,
)
from talkwright.report.text import clean, is_number
from talkwright.runs import read_json, read_parquet

MAX_REASONS = 40
_LOOKED_AT = 1000  # rows among which better examples are looked for
_SHOWN = {"dropped": 0, "repaired": 1, "marked": 2}


@dataclass(frozen=True, slots=True)
class Seen:
    """One row shown as an example: where it stood, how it read, and what was kept of it."""

    where: str
    before: str
    after: str


@dataclass(slots=True)
class Reason:
    """A reason with its kind ("dropped", "repaired", "marked"), its count and first examples."""

    kind: str
    name: str
    count: int = 0
    examples: list[Seen] = field(default_factory=list)


@dataclass(slots=True)
class Source:
    """What became of one source's rows. `repaired` and `marked` count rows that are kept, not changes.

    `origin` says in words where it came from, and `licence` what its card says. `passed_over` are files
    beside those that were read, with why they were not.
    """

    name: str
    path: str = ""
    format: str = ""
    origin: str = ""
    licence: str = ""
    read: int = 0
    kept: int = 0
    dropped: int = 0
    repaired: int = 0
    marked: int = 0
    reasons: list[Reason] = field(default_factory=list)
    more_reasons: int = 0
    passed_over: list[tuple[str, str]] = field(default_factory=list)
    more_passed_over: int = 0


_MOST_PASSED_OVER = 100  # files named of each source
_NO_DATA = "no data by its name or its beginning; name the file itself if it is meant"
_NOT_CHOSEN = "of another split or configuration; name it as `split` or `config` of the source"
_WHY = (
    (
        ".zip .gz .tar .tgz .7z .rar .bz2 .xz .zst",
        "an archive of a kind or in a place that is not opened",
    ),
    (".xlsx .xls .ods .doc .docx .odt .pdf", "an Office document or a PDF; save it as CSV or JSONL"),
    (".db .sqlite .sqlite3", "a database; export its table as CSV"),
    (".arrow .feather", "Arrow; write it as Parquet or JSONL"),
    (".py .ipynb .sh .js", "a program"),
    (".jsonl .ndjson .json .csv .tsv .parquet", "a folder, or a link that leads out of this one"),
)


@dataclass(frozen=True, slots=True)
class Data:
    """The data section of the page."""

    read: int
    kept: int
    dropped: int
    sources: list[Source]
    splits: dict[str, int]
    lines: dict[str, int]
    overlap: Overlap
    has_ledger: bool
    disagreement: str
    findings: list[dict[str, Any]]
    doctored: bool
    changes: list[Change]
    marked: dict[str, int]
    meanings: dict[str, str]
    turns: Bars | None
    characters: Bars | None
    mix: list[Mixed]
    clusters: Clusters | None


def why_passed_over(name: str, chosen: bool = False) -> str:
    """Why a file that lies beside the data was not read, in words, by its name.

    `chosen` where a split of a data set was read, by its card.
    """
    ending = PurePosixPath(name).suffix.lower()
    if chosen and ending in _WHY[-1][0].split():
        return _NOT_CHOSEN
    return next((why for endings, why in _WHY if ending in endings.split()), _NO_DATA)


def read_data(folder: Path, examples: int) -> Data:
    """Read a finished data artefact. `examples` limits the rows shown for each reason.

    Raises ArtefactError for a damaged file.
    """
    counts = clean(read_json(folder / "counts.json"))
    ledger = folder / "ledger.parquet"
    known = counts.get("sources") or {}
    sources = read_ledger(read_parquet(ledger), examples) if ledger.is_file() else _from_counts(known)
    for source in sources:
        about = known.get(source.name)
        if isinstance(about, dict):
            source.path, source.format = str(about.get("path") or ""), str(about.get("format") or "")
            source.origin, source.licence = _origin(about), str(about.get("licence") or "")
            names = [str(name) for name in about.get("passed_over") or []]
            shown, chosen = names[:_MOST_PASSED_OVER], "split" in about
            source.passed_over = [(name, why_passed_over(name, chosen)) for name in shown]
            source.more_passed_over = len(names) - len(source.passed_over)
    read, kept = int(counts.get("read") or 0), int(counts.get("kept") or 0)
    return Data(
        read=read,
        kept=kept,
        dropped=total(counts.get("dropped")),
        sources=sources,
        splits={str(name): int(n) for name, n in (counts.get("splits") or {}).items()},
        lines={str(name): int(n) for name, n in (counts.get("lines") or {}).items()},
        overlap=read_overlap(counts.get("leakage") or {}),
        has_ledger=ledger.is_file(),
        disagreement=_disagreement(read, kept, sources) if ledger.is_file() else "",
        findings=_findings(folder / "doctor.json"),
        doctored=(folder / "doctor.json").is_file(),
        changes=read_changes(counts.get("repaired") or {}),
        marked={str(name): int(n) for name, n in (counts.get("marked") or {}).items()},
        meanings={str(name): str(text) for name, text in (counts.get("meanings") or {}).items()},
        turns=read_bars(counts.get("turns")),
        characters=read_bars(counts.get("characters"), doubling=True),
        mix=read_mix(counts.get("mix")),
        clusters=read_clusters(counts.get("clusters"), kept),
    )


def _origin(about: dict[str, Any]) -> str:
    """Where a source is from besides its path: `hub owner/name @ abc123, configuration a, split b`."""
    parts = (
        [f"hub {about['repository']} @ {str(about.get('commit'))[:12]}"]
        if about.get("repository")
        else []
    )
    parts += [
        f"{title} {about[key]}"
        for key, title in (("config", "configuration"), ("split", "split"))
        if about.get(key)
    ]
    if about.get("origin"):
        parts.append(str(about["origin"]))
    return ", ".join(parts)


def _findings(path: Path) -> list[dict[str, Any]]:
    """The doctor's findings, the worst first; none where the data set was prepared without."""
    found = clean(read_json(path)).get("findings") if path.is_file() else None
    return [finding for finding in found or () if isinstance(finding, dict)]


def total(value: Any) -> int:
    """The sum of a `{reason: n}`, or a plain count, as an int; 0 for neither."""
    if isinstance(value, dict):
        return sum(int(n) for n in value.values() if is_number(n))
    return int(value) if is_number(value) else 0


def read_ledger(rows: Iterable[Any], examples: int) -> list[Source]:
    """Count a stream of ledger rows by source and reason, keeping the first `examples` of each."""
    sources: dict[str, Source] = {}
    reasons: dict[tuple[str, str, str], Reason] = {}
    for row in rows:
        name = clean(str(row.get("source", "")))
        source = sources.setdefault(name, Source(name))
        source.read += 1
        source.kept += row.get("fate") == "kept"
        source.dropped += row.get("fate") == "dropped"
        # As counts.json has it: what was done to a row that is not in the data set matters to nobody.
        kept = row.get("fate") == "kept"
        source.repaired += bool(kept and row.get("repairs"))
        source.marked += bool(kept and row.get("marks"))
        for kind, reason in _reasons(row):
            key = (name, kind, clean(reason))
            found = reasons.get(key)
            if found is None:
                if len(source.reasons) >= MAX_REASONS:
                    source.more_reasons += 1
                    continue
                found = reasons[key] = Reason(kind, clean(reason))
                source.reasons.append(found)
            found.count += 1
            _keep_example(found, row, examples)
    for source in sources.values():
        source.reasons.sort(key=lambda reason: (_SHOWN[reason.kind], -reason.count, reason.name))
    return list(sources.values())


def _keep_example(reason: Reason, row: dict[str, Any], most: int) -> None:
    """Keep the first rows, but rather a later one whose placeholder is seen than one where it is not."""
    if len(reason.examples) < most:
        reason.examples.append(_seen(row))
    elif reason.kind == "repaired" and reason.name.startswith("masked_") and reason.count < _LOOKED_AT:
        mark = f"[{reason.name.removeprefix('masked_')}"
        hidden = [at for at, seen in enumerate(reason.examples) if mark not in seen.before + seen.after]
        if hidden and mark in str(row.get("before")) and mark in str(row.get("after")):
            reason.examples[hidden[0]] = _seen(row)


def _reasons(row: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    if row.get("fate") == "dropped":
        return [("dropped", str(row.get("reason") or "no reason given"))]
    found += [("repaired", str(name)) for name in row.get("repairs") or ()]
    found += [("marked", str(name)) for name in row.get("marks") or ()]
    return found


def _seen(row: dict[str, Any]) -> Seen:
    return Seen(*(clean(str(row.get(key) or "")) for key in ("where", "before", "after")))


def _from_counts(known: dict[str, Any]) -> list[Source]:
    sources = []
    for name, about in known.items():
        source = Source(str(name))
        source.read, source.kept = total(about.get("read")), total(about.get("kept"))
        source.dropped, source.repaired, source.marked = (total(about.get(kind)) for kind in _SHOWN)
        sources.append(source)
    return sources


def _disagreement(read: int, kept: int, sources: list[Source]) -> str:
    rows, kept_rows = sum(source.read for source in sources), sum(source.kept for source in sources)
    if (read, kept) == (rows, kept_rows):
        return ""
    return (
        f"counts.json says {read} rows read and {kept} kept, the ledger lists {rows} and {kept_rows}. "
        "Prepare the data again."
    )
