"""A prepared data set on disk: written from shards, and read as it is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from talkwright.data.fates import Fates
from talkwright.data.ledger import Sums, schema
from talkwright.data.shards import Shards
from talkwright.data.similarity.split import SPLITS
from talkwright.errors import ArtefactError
from talkwright.types import Conversation, conversation_from_json

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_GROUP = 50_000  # ledger rows compressed together


def write_dataset(folder: Path, shards: Shards, fates: Fates, names: Sequence[str]) -> dict[str, Sums]:
    """Write splits and ledger to `folder`; gives the sums of each source's rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sums = {name: Sums() for name in names}
    waiting: list[pa.Table] = []
    with ExitStack() as stack:
        files = [stack.enter_context(open(folder / f"{name}.jsonl", "wb")) for name in SPLITS]
        ledger = stack.enter_context(
            pq.ParquetWriter(folder / "ledger.parquet", schema(), compression="zstd")
        )
        for number in range(len(shards.done)):
            first, after = shards.span(number)
            table = _with_fates(shards.ledger(number), first, after, fates)
            waiting.append(table)
            last = number + 1 == len(shards.done)
            if last or shards.sources[number + 1] != shards.sources[number] or _is_full(waiting):
                group = pa.concat_tables(waiting)
                sums[names[shards.sources[number]]].add(group)
                ledger.write_table(group)
                waiting.clear()
            split = fates.split[first:after]
            if (split == 0).all():
                files[0].write(shards.jsonl(number))
                continue
            for line, place in zip(shards.lines(number), split.tolist(), strict=True):
                if place >= 0:
                    files[place].write(line)
        _write_copies(files[0], shards, fates.copies)
    return sums


def _is_full(tables: Sequence[pa.Table]) -> bool:
    return sum(map(len, tables)) >= _GROUP


def _write_copies(file: Any, shards: Shards, copies: NDArray[np.int32]) -> None:
    """Repeat rows behind the others, round by round, so that the others stay where they are."""
    for turn in range(1, int(copies.max(initial=1))):
        for number in range(len(shards.done)):
            first, after = shards.span(number)
            again = np.flatnonzero(copies[first:after] > turn)
            if len(again):
                lines = shards.lines(number)
                file.writelines(lines[at] for at in again.tolist())


def _with_fates(table: pa.Table, first: int, after: int, fates: Fates) -> pa.Table:
    import pyarrow as pa

    kept = np.flatnonzero(np.array(table["fate"].to_pylist(), object) == "kept")
    split = np.full(len(table), None, object)
    split[kept] = np.array([*SPLITS, None], object)[fates.split[first:after]]
    copies = table["copies"].to_numpy().copy()
    written = fates.split[first:after] >= 0
    copies[kept[written]] = fates.copies[first:after][written]
    columns: dict[str, Any] = {"split": split, "copies": copies}
    late = [at for at in range(first, after) if at in fates.dropped or at in fates.marks]
    if late:
        columns |= {name: table[name].to_pylist() for name in ("fate", "reason", "marks", "after")}
    for at in late:
        row = int(kept[at - first])
        if at in fates.dropped:
            columns["fate"][row] = "dropped"
            columns["reason"][row], columns["after"][row] = fates.dropped[at]
        if at in fates.marks:
            columns["marks"][row] = [*columns["marks"][row], *fates.marks[at]]
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        field = table.schema.field(place)
        table = table.set_column(place, field, pa.array(values, field.type))
    return table


class Conversations(Sequence[Conversation]):
    """The conversations of a split, read from its file as they are asked for."""

    def __init__(self, path: Path):
        self._path = path
        self._offsets: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self._ends())

    def __iter__(self) -> Iterator[Conversation]:
        with self._open() as file:
            for number, line in enumerate(file, 1):
                yield self._parsed(line, number)

    @overload
    def __getitem__(self, at: int) -> Conversation: ...
    @overload
    def __getitem__(self, at: slice) -> list[Conversation]: ...
    def __getitem__(self, at: int | slice) -> Conversation | list[Conversation]:
        ends = self._ends()
        if isinstance(at, slice):
            places = range(*at.indices(len(ends)))
            if places.step != 1:
                return [self[n] for n in places]
            with self._open() as file:
                file.seek(int(ends[places.start - 1]) if places.start else 0)
                lines = islice(file, len(places))
                return [self._parsed(line, n) for n, line in enumerate(lines, places.start + 1)]
        if not -len(ends) <= at < len(ends):
            raise IndexError(at)
        at %= len(ends)
        start = int(ends[at - 1]) if at else 0
        with self._open() as file:
            file.seek(start)
            return self._parsed(file.read(int(ends[at]) - start), at + 1)

    def _ends(self) -> NDArray[np.int64]:
        if self._offsets is None:
            with self._open() as file:
                self._offsets = np.cumsum([len(line) for line in file], dtype=np.int64)
        return self._offsets

    def _open(self) -> Any:
        try:
            return open(self._path, "rb")
        except OSError as error:
            raise ArtefactError(f"{self._path}: cannot be read: {error.strerror or error}") from None

    def _parsed(self, line: bytes, number: int) -> Conversation:
        try:
            return conversation_from_json(json.loads(line.decode()))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ArtefactError(
                f"{self._path}:{number}: damaged: not a conversation; prepare the data again"
            ) from None
