"""The data stage, in the order in which it happens.

First each row by itself, in several processes and out of memory: read, cleaned, made safe (`enter`).
Then all rows together, by their features: duplicates, contradictions, mixture, splits, leakage. Then
the data set is written, and every input row's fate with it.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from talkwright import __version__
from talkwright.config import Columns, DataSection, SourceSection
from talkwright.data.dataset import Conversations, write_dataset
from talkwright.data.doctor.diagnose import diagnose, report
from talkwright.data.entries import enter
from talkwright.data.fates import Fates, settle
from talkwright.data.ledger import Sums
from talkwright.data.reading.codings import Verdicts
from talkwright.data.reading.containers import Chunk, chunks_of, read_chunks, read_rows
from talkwright.data.reading.hub import about_source, pin, source_files, source_identity
from talkwright.data.reading.paths import require_apart
from talkwright.data.reading.rows import Row
from talkwright.data.reasons import meaning
from talkwright.data.shards import Shards, rows_done
from talkwright.data.similarity.split import SPLITS
from talkwright.data.workers import further_processes, order, reading_pool
from talkwright.errors import ArtefactError, DataError
from talkwright.pool import beside
from talkwright.progress import bar, say
from talkwright.runs import artefact, file_digest, manifest, read_json, write_json
from talkwright.types import Conversation, Counts, LedgerRow, content_id, spoken, to_json

_LAYOUT = 7  # of the unfinished work on disk; work of another layout is not gone on with
_EXAMINED = 20_000  # conversations that the doctor looks at


def prepare(
    section: DataSection, *, seed: int, out: Path, key: str = "", workers: int | None = None
) -> Counts:
    """Read, clean, de-duplicate, mix and split the sources, and write the data set to the folder `out`.

    The same files, section and seed give the same bytes (manifest aside), whatever the number of
    `workers` (processes; as many as there are cores when None). An interrupted call goes on where it
    was when it is made again. Raises DataError when a source cannot be read or nothing is left to
    learn from; then nothing is written.
    """
    since = time.time()
    out = Path(out)
    require_apart(section, out)
    asked, section = section, pin(section)
    with _work_folder(section, seed, out) as work:
        shards = _read_sources(section, seed, work, workers)
        _require_kept(shards, section)
        fates = settle(shards, section, _source_names(section), seed)
        _require_left(shards, fates, section)
        with artefact(out, kind="dataset", key=key, about={}, since=since) as folder:
            names = _source_names(section)
            sums = write_dataset(folder, shards, fates, names)
            total = Sums.of(sums.values()).counts(SPLITS)
            sources = {
                name: {
                    **to_json(found.counts()), "format": _formats(found, source), "path": source.path,
                    **about_source(source, wanted),
                }
                for (name, found), source, wanted in zip(
                    sums.items(), section.sources, asked.sources, strict=True
                )
            }  # fmt: skip
            settings = section.model_dump(mode="json")  # what the doctor needs to know later
            meanings = {reason: meaning(reason) for reason in total.dropped}
            counts = {**to_json(total), "meanings": meanings, "sources": sources, **fates.about}
            write_json(folder / "counts.json", {**counts, "settings": settings})
            if section.doctor:
                write_json(folder / "doctor.json", _diagnosis(shards, fates, section, workers))
    return total


def examine(section: DataSection) -> dict[str, Any]:
    """Read and clean sources as `prepare` does, and say what is wrong with them; keeps nothing.

    Gives what doctor.json holds. Raises DataError as `prepare` does.
    """
    with tempfile.TemporaryDirectory(prefix="talkwright-") as work:
        section = pin(section)
        shards = _read_sources(section, 0, Path(work), None)
        _require_kept(shards, section)
        fates = settle(shards, section, _source_names(section), 0)
        _require_left(shards, fates, section)
        return _diagnosis(shards, fates, section, None)


def examine_dataset(folder: Path) -> dict[str, Any]:
    """Say what is wrong with a prepared data set. Raises ArtefactError as `read_dataset` does."""
    rows = (c for split in read_dataset(folder).values() for c in islice(split, _EXAMINED))
    conversations = list(map(spoken, rows))
    saved = read_json(Path(folder) / "counts.json").get("settings")
    section = DataSection.model_validate(saved) if saved else None
    found = diagnose(conversations, section=section, beside=beside())
    return report(found, len(conversations))


def read_dataset(folder: Path) -> dict[str, Conversations]:
    """Open a data set artefact: split name to conversations, which are read as they are needed.

    Raises ArtefactError when the folder is not a finished data set, or when a row is damaged.
    """
    manifest(folder, kind="dataset")
    return {name: Conversations(Path(folder) / f"{name}.jsonl") for name in SPLITS}


def read_conversations(
    path: str | Path,
    format: str = "auto",
    columns: Columns | None = None,
    max_rows: int | None = None,
    encoding: str | None = None,
) -> list[Conversation]:
    """Read the usable conversations of one source as they are: turns put in order, text left alone.

    For looking at data and for evaluation suites, whose `facts` are kept. `encoding` is that of the
    files, where they are neither UTF-8 nor Windows-1252. Raises DataError when the source cannot be read
    or has no usable row, and pydantic's ValidationError for a format or encoding that there is not.
    """
    source = SourceSection.model_validate(
        {
            "path": str(path),
            "format": format,
            "columns": columns or Columns(),
            "max_rows": max_rows,
            "encoding": encoding,
        }
    )
    rows = source_rows(source)
    entries = [enter(row, source, Path(path).name, None) for row in islice(rows, max_rows)]
    found = [entry.conversation for entry in entries if entry.conversation is not None]
    if not found:
        raise _nothing_left(str(path), [entry.row for entry in entries], len(entries))
    return found


def source_digest(section: DataSection) -> str:
    """Hash the names and bytes of all input files: SHA-256 in hex. Raises DataError as reading does."""
    digest = hashlib.sha256()
    for source in section.sources:
        if identity := source_identity(source):
            digest.update(f"{identity}\n".encode())
            continue
        for file, name in source_files(source):
            try:
                digest.update(f"{name}\0{file_digest(file)}\n".encode("utf-8", "surrogateescape"))
            except OSError as error:
                raise DataError(f"{file}: cannot be read: {error.strerror or error}.") from None
    return digest.hexdigest()


# --- reading -------------------------------------------------------------------------------------


@contextmanager
def _work_folder(section: DataSection, seed: int, out: Path) -> Iterator[Path]:
    """A folder beside `out` for what is read already; kept when the work is interrupted."""
    key = content_id(
        [_LAYOUT, __version__, section.model_dump(mode="json"), seed, source_digest(section)], 64
    )
    folder = out.parent / f".{out.name}.unfinished"
    try:
        known = read_json(folder / "key.json")
    except ArtefactError:
        known = None
    if known != key:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        write_json(folder / "key.json", key)
    try:
        yield folder
    except (KeyboardInterrupt, OSError):
        say(f"What was read so far is kept in {folder}; the same command goes on from there.")
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _read_sources(section: DataSection, seed: int, work: Path, workers: int | None) -> Shards:
    sources: list[int] = []  # of each shard
    size = sum(file.stat().st_size for source in section.sources for file, _ in source_files(source))
    with (
        reading_pool(work, section, seed, further_processes(size, workers)) as pool,
        bar("read", unit="row") as shown,
    ):
        names = _source_names(section)
        for at, (name, source) in enumerate(zip(names, section.sources, strict=True)):
            shown.set_description_str(f"read {name}", refresh=False)
            for chunk in _chunks(source):
                number = len(sources)
                sources.append(at)
                done = rows_done(work, number)
                if done is not None:
                    shown.update(done)
                    continue
                for made, _ in pool.give(*order(number, at, name, chunk)):
                    shown.update(made["rows"])
        for made, _ in pool.finish():
            shown.update(made["rows"])
    return Shards(work, sources)


def _chunks(source: SourceSection) -> Iterator[Chunk]:
    if source.max_rows is None:
        for file, name in source_files(source):
            yield from read_chunks(
                file, name, source.columns, source.encoding, source.roles, _verdicts(source)
            )
        return
    yield from chunks_of(islice(source_rows(source), source.max_rows), "")


def source_rows(source: SourceSection) -> Iterator[Row]:
    """The rows of a source's files, as they are read. Raises DataError where one cannot be."""
    for file, name in source_files(source):
        yield from read_rows(
            file, name, source.columns, source.encoding, source.roles, _verdicts(source)
        )


def _verdicts(source: SourceSection) -> Verdicts | None:
    """What the recipe says of verdicts; None where the format has none."""
    return source.verdicts if source.format in ("auto", "arena", "preference") else None


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


def _formats(sums: Sums, source: SourceSection) -> str:
    return ", ".join(shape for shape, _ in sums.formats.most_common()) or source.format


# --- refusing ------------------------------------------------------------------------------------


def _require_kept(shards: Shards, section: DataSection) -> None:
    if not shards.kept:
        raise _nothing_left(_places(section), _lost(shards), shards.rows)


def _require_left(shards: Shards, fates: Fates, section: DataSection) -> None:
    if len(fates.dropped) == shards.kept:
        late = [
            LedgerRow(c.source, c.where, "dropped", fates.dropped[at][0])
            for at, c in enumerate(shards.conversations(np.arange(min(shards.kept, 1000))))
        ]
        raise _nothing_left(_places(section), [*_lost(shards), *late], shards.rows)


def _places(section: DataSection) -> str:
    return ", ".join(source.path for source in section.sources)


def _lost(shards: Shards) -> list[LedgerRow]:
    """Rows that were dropped on reading: all of them where they are few, else the first ones."""
    found: list[LedgerRow] = []
    for number in range(len(shards.done)):
        if len(found) > 10_000:
            break
        rows = shards.ledger(number).to_pylist()
        found += [LedgerRow(**row) for row in rows if row["fate"] == "dropped"]
    return found


def _nothing_left(where: str, lost: Sequence[LedgerRow], read: int) -> DataError:
    """What to raise when nothing is left: why, with the place of an example."""
    reasons = Counter(row.reason for row in lost)
    if not reasons:
        return DataError(f"{where}: there are no rows in it.")
    lines = []
    for reason, count in sorted(reasons.items(), key=lambda pair: (-pair[1], str(pair[0])))[:3]:
        example = next(row for row in lost if row.reason == reason)
        text = f": {example.before[:80]}" if example.before else ""
        lines.append(f"  {count} × {reason} ({meaning(str(reason))}), e.g. {example.where}{text}")
    found = f"none of {read} rows is usable"
    return DataError(f"{where}: nothing to learn from: {found}.\n" + "\n".join(lines))


# --- the doctor ----------------------------------------------------------------------------------


def _diagnosis(
    shards: Shards, fates: Fates, section: DataSection, workers: int | None
) -> dict[str, Any]:
    """What is wrong with what was kept, on a fair sample of it where there is much."""
    kept = np.flatnonzero(fates.split >= 0)
    chosen = kept
    if len(kept) > _EXAMINED:
        chosen = np.sort(kept[np.argsort(fates.lots[kept], kind="stable")[:_EXAMINED]])
    conversations = list(map(spoken, shards.conversations(chosen)))
    places = {at: place for place, at in enumerate(chosen.tolist())}
    found = diagnose(
        conversations,
        _lost(shards),
        read=shards.rows,
        section=section,
        masked=section.pii in ("mask", "drop"),
        pairs=[(places[a], places[b]) for a, b in fates.pairs if a in places and b in places],
        beside=beside(workers),
    )
    return {**report(found, len(conversations)), "of": len(kept)}
