"""The row ledger: the fate of every input row as a table, and sums that must add up.

In a data set it is `ledger.parquet`, one line an input row in reading order, which pandas, Polars,
DuckDB and `talkwright data ledger` can query.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from talkwright.types import Counts, LedgerRow

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = tuple(field.name for field in fields(LedgerRow))
_LISTS = ("repairs", "marks")


def schema() -> pa.Schema:
    """The ledger's columns: those of LedgerRow."""
    import pyarrow as pa

    kinds = {**dict.fromkeys(_LISTS, pa.list_(pa.string())), "copies": pa.int32()}
    return pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])


def as_table(rows: Sequence[LedgerRow]) -> pa.Table:
    """Ledger rows as a table."""
    import pyarrow as pa

    columns = {name: [getattr(row, name) for row in rows] for name in COLUMNS}
    try:
        return pa.table(columns, schema=schema())
    except UnicodeEncodeError:  # a file's name may be no text at all
        whole = {name: [_as_unicode(value) for value in values] for name, values in columns.items()}
        return pa.table(whole, schema=schema())


def _as_unicode(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return [_as_unicode(part) for part in value] if isinstance(value, tuple) else value


class Sums:
    """Adds up ledger tables as they come. Repairs and marks are counted on kept rows only."""

    def __init__(self) -> None:
        self.read = self.kept = 0
        self.dropped: Counter[str] = Counter()
        self.repaired: Counter[str] = Counter()
        self.marked: Counter[str] = Counter()
        self.splits: Counter[str] = Counter()
        self.lines: Counter[str] = Counter()
        self.formats: Counter[str] = Counter()

    def add(self, table: pa.Table) -> None:
        """Add the rows of a table. Raises AssertionError when a row's fate contradicts itself."""
        import pyarrow.compute as pc

        fates = _counted(table["fate"])
        kept = table.filter(pc.equal(table["fate"], "kept"))
        lost = table.filter(pc.equal(table["fate"], "dropped"))
        if lost["reason"].null_count or kept["reason"].null_count < len(kept):
            raise AssertionError("a dropped row without a reason, or a kept one with")
        if kept["conversation"].null_count or set(fates) - {"kept", "dropped"}:
            raise AssertionError("a kept row without a conversation, or a row without a fate")
        self.read += len(table)
        self.kept += len(kept)
        self.dropped += _counted(lost["reason"])
        self.repaired += _counted(pc.list_flatten(kept["repairs"]))
        self.marked += _counted(pc.list_flatten(kept["marks"]))
        self.splits += _counted(kept["split"])
        copies = kept.group_by("split").aggregate([("copies", "sum")]).to_pylist()
        self.lines += Counter({row["split"]: row["copies_sum"] for row in copies if row["split"]})
        self.formats += _counted(table["format"])

    @classmethod
    def of(cls, parts: Iterable[Sums]) -> Sums:
        """The sums of all parts."""
        whole = cls()
        for part in parts:
            for name in ("read", "kept", "dropped", "repaired", "marked", "splits", "lines", "formats"):
                setattr(whole, name, getattr(whole, name) + getattr(part, name))
        return whole

    def counts(self, splits: Iterable[str] = ()) -> Counts:
        """The sums, with a number for each of `splits`. Raises AssertionError unless they add up."""
        named = {**dict.fromkeys(splits, 0), **self.splits}
        result = Counts(
            read=self.read,
            kept=self.kept,
            dropped=dict(sorted(self.dropped.items())),
            repaired=dict(sorted(self.repaired.items())),
            marked=dict(sorted(self.marked.items())),
            splits=named,
            lines={**dict.fromkeys(splits, 0), **self.lines},
        )
        if result.read != result.kept + sum(result.dropped.values()):
            raise AssertionError(f"the row ledger does not add up: {result}")
        if splits and result.kept != sum(named.values()):
            raise AssertionError(f"{result.kept} rows were kept but {named} were split")
        return result


def _counted(column: Any) -> Counter[str]:
    import pyarrow.compute as pc

    found = pc.value_counts(pc.drop_null(column)).to_pylist()
    return Counter({entry["values"]: entry["counts"] for entry in found})
