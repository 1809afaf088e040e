"""The data stage, in the order in which it happens."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from talkwright.config import Columns, DataSection, SourceSection
from talkwright.data.cleaning.clean import clean
from talkwright.data.cleaning.masks import Protected, protect, protect_raw
from talkwright.data.cleaning.screen import SCREEN_REASONS, Screened, screen
from talkwright.data.cleaning.surplus import find_surplus
from talkwright.data.doctor.diagnose import diagnose, report
from talkwright.data.ledger import Ledger, counts
from talkwright.data.reading.containers import Row, read_rows
from talkwright.data.reading.files import find_files
from talkwright.data.reading.formats import read_row
from talkwright.data.reading.turns import Draft
from talkwright.data.similarity.contradictions import find_contradictions
from talkwright.data.similarity.duplicates import find_duplicates
from talkwright.data.similarity.split import SPLITS, measure_leakage, split_rows
from talkwright.errors import ArtefactError, DataError
from talkwright.progress import track
from talkwright.runs import (
    artefact,
    file_digest,
    manifest,
    read_json,
    read_jsonl,
    write_json,
    write_jsonl,
)
from talkwright.types import Conversation, Counts, conversation_from_json, to_json


def prepare(section: DataSection, *, seed: int, out: Path, key: str = "") -> Counts:
    """Read, clean, de-duplicate and split the sources, and write the data set to the folder `out`.

    The same files, section and seed give the same bytes (manifest aside). Raises DataError when a
    source cannot be read or nothing is left to learn from; then nothing is written.
    """
    since = time.time()
    ledger = Ledger()
    formats = _read_sources(section, ledger)
    _require_rows(ledger, ", ".join(source.path for source in section.sources))
    links = _drop_duplicates(section, ledger)
    _treat_contradictions(section, ledger)
    _drop_surplus(section, ledger)
    _require_rows(ledger, ", ".join(source.path for source in section.sources))
    where, notes = split_rows(
        ledger.conversations,
        links,
        validation=section.validation,
        test=section.test,
        threshold=section.near_threshold,
        seed=seed,
    )
    for at, split in where.items():
        ledger.assign(at, split)
    leakage = measure_leakage(ledger.conversations, where, section.near_threshold)
    total = counts(ledger.rows)
    total = Counts(**{**asdict(total), "splits": {name: total.splits.get(name, 0) for name in SPLITS}})
    if total.kept != sum(total.splits.values()):
        raise AssertionError(f"{total.kept} rows were kept but {total.splits} were split")
    findings = _findings(section, ledger)
    about = {"seed": seed, **to_json(total)}
    with artefact(Path(out), kind="dataset", key=key, about=about, since=since) as folder:
        for name in SPLITS:
            rows = (c for at, c in ledger.conversations.items() if where[at] == name)
            write_jsonl(folder / f"{name}.jsonl", map(to_json, rows))
        write_jsonl(folder / "ledger.jsonl", map(to_json, ledger.rows))
        sources = _per_source(section, ledger, formats)
        report = {**to_json(total), "sources": sources, "leakage": {**leakage, "notes": notes}}
        report["settings"] = section.model_dump(mode="json")  # what the doctor needs to know later
        write_json(folder / "counts.json", report)
        write_json(folder / "doctor.json", findings)
    return total


def examine(section: DataSection) -> dict[str, Any]:
    """Read and clean sources as `prepare` does, and say what is wrong with them; writes nothing.

    Gives what doctor.json holds. Raises DataError as `prepare` does.
    """
    ledger = Ledger()
    _read_sources(section, ledger)
    _require_rows(ledger, ", ".join(source.path for source in section.sources))
    _drop_duplicates(section, ledger)
    if section.contradictions == "drop":
        _treat_contradictions(section, ledger)
    _drop_surplus(section, ledger)
    return _findings(section, ledger)


def _findings(section: DataSection, ledger: Ledger) -> dict[str, Any]:
    conversations = list(ledger.conversations.values())
    masked = section.pii in ("mask", "drop")
    found = diagnose(conversations, ledger.rows, section=section, masked=masked)
    return report(found, len(conversations))


def examine_dataset(folder: Path) -> dict[str, Any]:
    """Say what is wrong with a prepared data set. Raises ArtefactError as `read_dataset` does."""
    conversations = [c for rows in read_dataset(folder).values() for c in rows]
    saved = read_json(Path(folder) / "counts.json").get("settings")
    section = DataSection.model_validate(saved) if saved else None
    return report(diagnose(conversations, section=section), len(conversations))


def read_dataset(folder: Path) -> dict[str, list[Conversation]]:
    """Read a data set artefact: split name to conversations, in the order of the sources.

    Raises ArtefactError when the folder is not a finished data set.
    """
    manifest(folder, kind="dataset")
    dataset = {}
    for name in SPLITS:
        path = Path(folder) / f"{name}.jsonl"
        try:
            dataset[name] = [conversation_from_json(row) for row in read_jsonl(path)]
        except (KeyError, TypeError, AttributeError):
            raise ArtefactError(f"{path}: damaged: not conversations; prepare the data again") from None
    return dataset


def read_conversations(
    path: str | Path, format: str = "auto", columns: Columns | None = None, max_rows: int | None = None
) -> list[Conversation]:
    """Read the usable conversations of one source as they are: turns put in order, text left alone.

    For looking at data and for evaluation suites, whose `facts` are kept. Raises DataError when the
    source cannot be read or has no usable row.
    """
    source = SourceSection.model_validate(
        {"path": str(path), "format": format, "columns": columns or Columns(), "max_rows": max_rows}
    )
    ledger = Ledger()
    for row in _source_rows(source):
        _enter(row, source, Path(path).name, None, ledger)
    _require_rows(ledger, str(path))
    return list(ledger.conversations.values())


def source_digest(section: DataSection) -> str:
    """Hash the names and bytes of all input files: SHA-256 in hex. Raises DataError as reading does."""
    digest = hashlib.sha256()
    for source in section.sources:
        for file, name in find_files(source.path):
            try:
                digest.update(f"{name}\0{file_digest(file)}\n".encode("utf-8", "surrogateescape"))
            except OSError as error:
                raise DataError(f"{file}: cannot be read: {error.strerror or error}.") from None
    return digest.hexdigest()


# --- reading -------------------------------------------------------------------------------------


def _read_sources(section: DataSection, ledger: Ledger) -> dict[str, Counter[str]]:
    formats: dict[str, Counter[str]] = {}
    for name, source in zip(_source_names(section), section.sources, strict=True):
        seen = formats.setdefault(name, Counter())
        for row in track(_source_rows(source), f"read {name}"):
            seen.update(_enter(row, source, name, section, ledger))
    return formats


def _source_names(section: DataSection) -> list[str]:
    """File names, with the folder's name or a number where two sources would be called the same."""
    paths = [Path(source.path) for source in section.sources]
    names: list[str] = []
    for path in paths:
        name = path.name or str(path)
        if sum(other.name == path.name for other in paths) > 1 and path.parent.name:
            name = f"{path.parent.name}/{name}"
        count = sum(taken == name or taken.startswith(f"{name} #") for taken in names)
        names.append(f"{name} #{count + 1}" if count else name)
    return names


def _source_rows(source: SourceSection) -> Iterator[Row]:
    files = find_files(source.path)
    rows = (row for file, name in files for row in read_rows(file, name, source.columns))
    return islice(rows, source.max_rows)


def _enter(
    row: Row, source: SourceSection, name: str, section: DataSection | None, ledger: Ledger
) -> list[str]:
    """Enter one row into the ledger; gives the format it was read as, if it could be."""
    if row.problem is not None:
        ledger.add_dropped(name, row.where, protect_raw(row.raw, section), row.problem)
        return []
    draft: Draft | str = read_row(row.value, source.format, source.columns, source.arena)
    if isinstance(draft, str):
        ledger.add_dropped(name, row.where, protect_raw(row.raw, section), draft, row.repairs)
        return []
    cleaned = clean(draft.messages, section)
    repairs = row.repairs + draft.repairs
    if isinstance(cleaned, str):
        ledger.add_dropped(name, row.where, protect_raw(row.raw, section), cleaned, repairs)
        return [draft.format]
    messages, more = cleaned
    screened = screen(messages, section) if section else Screened(messages)
    if isinstance(screened, str):
        ledger.add_dropped(name, row.where, protect_raw(row.raw, section), screened, repairs + more)
        return [draft.format]
    messages, more = screened.messages, more + screened.repairs
    safe = Protected(messages, draft.facts, draft.group, row.raw)
    if section:
        safe = protect(messages, section, facts=draft.facts, group=draft.group, raw=row.raw)
    if safe.drop:
        ledger.add_dropped(name, row.where, safe.before, "pii", repairs + more)
    else:
        conversation = Conversation(safe.messages, name, row.where, safe.group, safe.facts)
        marks = draft.marks + screened.marks + safe.marks
        ledger.add_kept(conversation, safe.before, repairs + more + safe.repairs, marks)
    return [draft.format]


def _require_rows(ledger: Ledger, where: str) -> None:
    """Raise DataError when nothing is left; say why, with the place of an example."""
    if ledger.conversations:
        return
    reasons = Counter(row.reason for row in ledger.rows)
    if not reasons:
        raise DataError(f"{where}: there are no rows in it.")
    lines = []
    for reason, count in sorted(reasons.items(), key=lambda pair: (-pair[1], str(pair[0])))[:3]:
        example = next(row for row in ledger.rows if row.reason == reason)
        text = f": {example.before[:80]}" if example.before else ""
        lines.append(f"  {count} × {reason} ({meaning(str(reason))}), e.g. {example.where}{text}")
    found = f"none of {len(ledger.rows)} rows is usable"
    raise DataError(f"{where}: nothing to learn from: {found}.\n" + "\n".join(lines))


REASONS = {
    "not_json": "the line is not valid JSON",
    "not_an_object": "the row is neither an object nor a list of messages",
    "unknown_format": "no messages, and no prompt with a completion, under any known name",
    "missing_column": "the named column is not in the row",
    "not_a_message": "a turn has no role or no text",
    "bad_role": "a turn's role is unknown",
    "not_text": "images, sound or other content that is not text",
    "truncated": "the row is cut off in the middle of a text",
    "broken_cell": "the cell that should hold a conversation cannot be read",
    "raw_text": "running text without turns: there is no question and no answer to learn",
    "tree_message": "one message of a tree; use the file in which a row is a whole tree",
    "broken_tree": "the messages of the tree run in a circle",
    "arena_tie": "an Arena battle without a winner; `arena: {ties: first}` learns from the first side",
    "arena_both_bad": "an Arena battle in which both answers were bad",
    "arena_no_winner": "an Arena battle without a vote",
    "arena_no_conversations": "Arena votes without the conversations; those are in another file",
    "arena_language": "not among the languages that data.sources.arena asks for",
    "arena_model": "not among the models that data.sources.arena asks for",
    "arena_turns": "fewer or more turns than data.sources.arena asks for",
    "arena_flagged": "flagged by the file's moderation or toxicity columns",
    "arena_date": "outside the days that data.sources.arena asks for, or without a date",
    "labelled_bad": "labelled as a bad answer",
    "too_many_cells": "more cells than the header has columns; quote cells with the delimiter in them",
    "broken_quotes": "a quote is not closed, or not doubled inside a quoted cell",
    "empty": "no text at all",
    "no_user_turn": "nobody asks anything",
    "no_assistant_turn": "nobody answers",
    "too_long": "more characters than data.max_chars",
    "pii": "private data in it, and data.pii is drop",
    "duplicate": "the same as an earlier row",
    "near_duplicate": "almost the same as an earlier row",
    "contradiction": "another row answers the same question differently",
    "too_many_same": "data.max_same rows with the same question or answer were kept before it",
    **SCREEN_REASONS,
}
"""Every drop reason with what it means, for messages, reports and docs."""


def meaning(reason: str) -> str:
    """What a drop reason means; those of the recipe's own rules are named after them."""
    return REASONS[reason] if reason in REASONS else f"the rule '{reason[5:]}' of data.rules"


# --- dropping ------------------------------------------------------------------------------------


def _drop_duplicates(section: DataSection, ledger: Ledger) -> list[tuple[int, int]]:
    found = find_duplicates(ledger.conversations, section.duplicates, section.near_threshold)
    for at, (reason, first) in sorted(found.dropped.items()):
        ledger.drop(at, reason, after=f"kept instead: {ledger.rows[first].where}")
    return found.links


def _drop_surplus(section: DataSection, ledger: Ledger) -> None:
    for at in find_surplus(ledger.conversations, section.max_same):
        ledger.drop(at, "too_many_same")


def _treat_contradictions(section: DataSection, ledger: Ledger) -> None:
    for at in find_contradictions(ledger.conversations):
        if section.contradictions == "drop":
            ledger.drop(at, "contradiction")
        else:
            ledger.mark(at, "contradiction")


def _per_source(
    section: DataSection, ledger: Ledger, formats: dict[str, Counter[str]]
) -> dict[str, dict[str, Any]]:
    sources = {}
    for name, source in zip(_source_names(section), section.sources, strict=True):
        own = to_json(counts(row for row in ledger.rows if row.source == name))
        read_as = ", ".join(shape for shape, _ in formats[name].most_common()) or source.format
        sources[name] = {**own, "format": read_as, "path": source.path}
    return sources
