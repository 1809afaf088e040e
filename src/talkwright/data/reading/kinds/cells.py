"""Cells that programs write for nothing, and the CSV files that `--export` writes: how their cells are
kept from being run as formulas."""

from __future__ import annotations

import re
from collections.abc import Sequence

CELLS = {
    "alpaca": ("instruction", "input", "output", "system", "history", "group"),
    "prompt_completion": ("prompt", "completion", "system", "history", "group"),
}
# NULL as MySQL and PostgreSQL write it, pandas' own, and the errors of spreadsheets.
_NOTHING = frozenset((r"\N", "<NA>", "#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!"))
# What a spreadsheet runs instead of showing, in full width as well. Apostrophes before it count, so that
# one can be taken away.
_FORMULA = re.compile(r"'*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")


def defused(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe is put before such a one."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def restored(cell: str) -> str:
    """The cell that was `defused`."""
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell) else cell


def without_nothing(cells: list[str]) -> list[str]:
    """Cells, of which those are empty that hold a program's word for nothing, or its error."""
    if _NOTHING.isdisjoint(cells):
        return cells
    return ["" if cell in _NOTHING else cell for cell in cells]


def is_ours(header: Sequence[str]) -> bool:
    """Say whether a table's columns are exactly those of an export."""
    return tuple(header) in CELLS.values()
