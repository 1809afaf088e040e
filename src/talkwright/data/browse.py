"""Asking a prepared data set's ledger: which rows fared how, and why.

Whole columns are read, one group of rows after the other, and only those that a question needs, so a
ledger of a million rows answers in about a second without being held in memory.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkwright.errors import ArtefactError, DataError
from talkwright.runs import manifest

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

# What can be asked for, and the column it is about.
EXACT = {
    "fate": "fate", "reason": "reason", "repair": "repairs", "mark": "marks", "source": "source",
    "split": "split", "format": "format", "conversation": "conversation",
}  # fmt: skip
CONTAINED = {"place": ("where",), "text": ("before", "after")}
_LISTS = ("repairs", "marks")
_NOTHING = "(none)"  # how a count calls rows that have no value in that column


@dataclass(frozen=True, slots=True)
class Found:
    """The first rows that fit, as JSON objects, and how many fit of how many there are."""

    rows: list[dict[str, Any]]
    fitting: int
    total: int


def dataset_folder(path: str | Path) -> Path:
    """The data set that a path names: itself, or that of a run. Raises ArtefactError for neither."""
    path = Path(path)
    folder = path / "data" if (path / "recipe.json").is_file() else path
    manifest(folder, kind="dataset")
    return folder


def parse_wanted(conditions: Sequence[str]) -> list[tuple[str, str]]:
    """`COLUMN=VALUE` conditions as pairs. Raises DataError with the columns there are."""
    known = [*EXACT, *CONTAINED]
    pairs = []
    for condition in conditions:
        column, equals, value = condition.partition("=")
        if not equals or not value:
            raise DataError(f"--where {condition}: write it as COLUMN=VALUE, e.g. reason=duplicate.")
        if column not in known:
            guess = difflib.get_close_matches(column, known, n=1)
            hint = f" Did you mean `{guess[0]}`?" if guess else ""
            raise DataError(
                f"--where {condition}: the ledger has no column `{column}`.{hint} "
                f"Columns: {', '.join(known)}."
            )
        pairs.append((column, value))
    return pairs


def query(folder: Path, wanted: Sequence[tuple[str, str]] = (), limit: int | None = 20) -> Found:
    """The ledger rows of a data set that fit all of `wanted`, in reading order.

    `wanted` are pairs of a name in EXACT or CONTAINED and a value; `place` and `text` need only contain
    theirs, in any case. `limit` None gives all rows. Raises DataError for a value that no row has,
    with those there are, and ArtefactError for a damaged ledger.
    """
    rows: list[dict[str, Any]] = []
    fitting = total = 0
    for file, group, mask in _masks(folder, wanted):
        total += len(mask)
        found = _where(mask)
        fitting += len(found)
        take = found if limit is None else found[: max(0, limit - len(rows))]
        if len(take):
            rows += file.read_row_group(group).take(take).to_pylist()
    if total and not fitting:
        _require_known(folder, wanted)
    return Found(rows, fitting, total)


def rows_at(folder: Path, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Ledger rows by their number, counted from 0, in the order asked for."""
    wanted, begin = set(numbers), 0
    found: dict[int, dict[str, Any]] = {}
    with _open(folder) as file:
        for group in range(file.num_row_groups):
            size = file.metadata.row_group(group).num_rows
            here = sorted(number for number in wanted if begin <= number < begin + size)
            if here:
                table = _read(file, group, None).take([number - begin for number in here])
                found.update(zip(here, table.to_pylist(), strict=True))
            begin += size
    return [found[number] for number in numbers]


def texts_at(folder: Path, column: str, numbers: Sequence[int]) -> Iterator[list[str | None]]:
    """One column's texts of some rows, by their ascending numbers: a list for each group of rows."""
    import numpy as np

    wanted, begin = np.asarray(numbers, np.int64), 0
    with _open(folder) as file:
        for group in range(file.num_row_groups):
            size = file.metadata.row_group(group).num_rows
            here = wanted[(wanted >= begin) & (wanted < begin + size)] - begin
            if len(here):
                yield _read(file, group, [column])[column].take(here).to_pylist()
            begin += size


def count_by(
    folder: Path, column: str, wanted: Sequence[tuple[str, str]] = ()
) -> tuple[dict[str, int], int]:
    """How many fitting rows have each value of a column, the most frequent first, and how many fit.

    A row with several repairs or marks counts once for each; one with none counts as "(none)".
    Raises as `query` does.
    """
    import pyarrow.compute as pc

    name = EXACT[column]
    counted: Counter[str] = Counter()
    fitting = total = 0
    for file, group, mask in _masks(folder, wanted):
        total += len(mask)
        kept = _read(file, group, [name])[name].filter(mask)
        fitting += len(kept)
        if name in _LISTS:
            counted[_NOTHING] += pc.sum(pc.equal(pc.list_value_length(kept), 0)).as_py() or 0
            kept = pc.list_flatten(kept)
        for value in pc.value_counts(kept).to_pylist():
            counted[_NOTHING if value["values"] is None else value["values"]] += value["counts"]
    if total and not fitting:
        _require_known(folder, wanted)
    some = ((value, count) for value, count in counted.items() if count)
    return dict(sorted(some, key=lambda pair: (-pair[1], pair[0]))), fitting


def read_columns(folder: Path, columns: Sequence[str]) -> pa.Table:
    """Some columns of a data set's whole ledger. Raises ArtefactError when it is damaged."""
    import pyarrow as pa

    with _open(folder) as file:
        groups = [_read(file, group, list(columns)) for group in range(file.num_row_groups)]
        return pa.concat_tables(groups) if groups else file.schema_arrow.empty_table().select(columns)


# --- reading -------------------------------------------------------------------------------------


def _open(folder: Path) -> pq.ParquetFile:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / "ledger.parquet"
    try:
        return pq.ParquetFile(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ArtefactError(f"{path}: missing, damaged or unreadable: {error}") from None


def _read(file: pq.ParquetFile, group: int, columns: list[str] | None) -> pa.Table:
    import pyarrow as pa

    try:
        return file.read_row_group(group, columns=columns)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ArtefactError(f"ledger.parquet: damaged: {error}; prepare the data again") from None


def _masks(
    folder: Path, wanted: Sequence[tuple[str, str]]
) -> Iterator[tuple[pq.ParquetFile, int, pa.BooleanArray]]:
    """Each group of rows, with which of them fit."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {c for name, _ in wanted for c in CONTAINED.get(name, (EXACT.get(name),))}
    with _open(folder) as file:
        for group in range(file.num_row_groups):
            size = file.metadata.row_group(group).num_rows
            mask = pa.array([True]).take(pa.repeat(0, size))
            table = _read(file, group, sorted(map(str, columns))) if columns else None
            for name, value in wanted:
                mask = pc.and_(mask, _fits(table, name, value))
            yield file, group, mask


def _fits(table: Any, name: str, value: str) -> pa.BooleanArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    if name in CONTAINED:
        parts = [
            pc.match_substring(pc.fill_null(table[column], ""), value, ignore_case=True)
            for column in CONTAINED[name]
        ]
        mask = parts[0]
        for part in parts[1:]:
            mask = pc.or_(mask, part)
    elif EXACT[name] in _LISTS:
        mask = _has(table[EXACT[name]], value)
    else:
        mask = pc.fill_null(pc.equal(table[EXACT[name]], value), False)
    return mask.combine_chunks() if isinstance(mask, pa.ChunkedArray) else mask


def _has(column: Any, value: str) -> pa.BooleanArray:
    """Which lists have the value in them."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    lists = column.combine_chunks()
    hits = pc.list_parent_indices(lists).filter(pc.equal(pc.list_flatten(lists), value))
    mask = np.zeros(len(lists), bool)
    mask[hits.to_numpy(zero_copy_only=False)] = True
    return pa.array(mask)


def _where(mask: pa.BooleanArray) -> Any:
    import pyarrow.compute as pc

    return pc.indices_nonzero(mask)


def _require_known(folder: Path, wanted: Sequence[tuple[str, str]]) -> None:
    """Nothing fits: when that is because a value is nowhere at all, say which ones there are."""
    for name, value in wanted:
        if name not in EXACT:
            continue
        known = [found for found in count_by(folder, name)[0] if found != _NOTHING]
        if value in known:
            continue
        guess = difflib.get_close_matches(value, known, n=1)
        hint = f" Did you mean `{guess[0]}`?" if guess else ""
        listed = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
        here = f"Those here: {listed}." if known else f"No row here has a {name}."
        raise DataError(f"{folder}: no row has {name} `{value}`.{hint} {here}")
