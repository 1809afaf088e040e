"""Tables with one name over several columns, as joins and spreadsheets make them.

The columns are told apart as pandas does it: `answer`, `answer.1`. Names that differ in upper and lower
case alone are one name, too. Where all that have something to say say the same, they are one. Else, as
nobody can tell which is meant, the recipe has to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from talkwright.config import Columns
from talkwright.data.reading.chat.turns import plain
from talkwright.data.reading.rows import Row
from talkwright.data.reading.shapes.formats import read_row, takes_pair
from talkwright.data.reading.together.messages import counts_in_messages, may_be_messages
from talkwright.errors import DataError


def told_apart(names: Sequence[str]) -> list[str]:
    """The names of columns, of which repeated ones get a number; where there is none, there is none."""
    taken, numbers, found = {*names}, dict.fromkeys(names, 0), list[str]()
    for name in names:
        own = name
        if numbers[name] and name.strip():
            while own in taken:
                own = f"{name}.{numbers[name]}"
                numbers[name] += own in taken
            taken.add(own)
        numbers[name] += 1
        found.append(own)
    return found


def has_repeated(names: Sequence[str]) -> bool:
    """Say whether several columns have one name."""
    return len({*map(_bare, names)}) < len(names)


def _bare(name: str) -> str:
    return name.strip().casefold()


def rows_with_one_of_each(
    rows: Iterator[Row], names: Sequence[str], columns: Columns, path: Path
) -> Iterator[Row]:
    """Rows of a table with these names, whose values have those that `told_apart` gives, with one value
    of each name. A name that the recipe gives stands for that column alone.

    Raises DataError, which names `path`, where cells of one name differ and the row depends on it.
    """
    over: dict[str, list[str]] = {}
    for name, own in zip(names, told_apart(names), strict=True):
        over.setdefault(_bare(name), []).append(own)
    over = {owns[0]: owns for bare, owns in over.items() if len(owns) > 1 and bare}
    if not over:
        yield from rows
        return
    asked = {name for name in columns.model_dump().values() if name is not None}
    for row in rows:
        if isinstance(row.value, dict):
            yield _one_of_each(row, over, asked, columns, path)
        else:
            yield row


def _one_of_each(
    row: Row, over: dict[str, list[str]], asked: set[str], columns: Columns, path: Path
) -> Row:
    further = {own for owns in over.values() for own in owns[1:]}
    value = {name: held for name, held in row.value.items() if name not in further or name in asked}
    unsure: dict[str, list[Any]] = {}
    for name, owns in over.items():
        if asked.intersection(owns):
            continue
        held = [row.value[own] for own in owns if own in row.value]
        said = [cell for cell in held if not _is_nothing(cell)] or held[:1]
        if said:
            value[name] = said[-1]
            if any(cell != said[0] for cell in said):
                unsure[name] = said
    for name, said in unsure.items():
        if _depends(value, name, said, columns):
            raise _unsure(path, row, name, over[name], value, columns)
    # The rows go on as JSON, which has no dates.
    bare = json.loads(json.dumps(value, default=str)) if row.problem is None else value
    return replace(row, value=bare, repairs=(*row.repairs, *(["repeated_key"] if unsure else [])))


def _is_nothing(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _depends(value: dict[str, Any], name: str, said: list[Any], columns: Columns) -> bool:
    """Say whether a row means something else with another of the cells of this name."""
    if not (columns.prompt or columns.completion) and may_be_messages(value):
        return counts_in_messages(name)
    readings = [read_row({**value, name: cell}, "auto", columns) for cell in said]
    return any(reading != readings[0] for reading in readings)


def _unsure(
    path: Path, row: Row, name: str, owns: list[str], value: dict[str, Any], columns: Columns
) -> DataError:
    taken = takes_pair({plain(key): key for key in value}, columns)
    key = next((key for key, taken_name in taken.items() if taken_name == name), None)
    advice = "Give them names of their own, in the first line of a table."
    if key is not None:
        advice = (
            f"Give them names of their own, or say which is meant: {', '.join(map(repr, owns))}, from "
            "the first to the last.\n"
            f"  data:\n    sources:\n      - path: {path.name}\n        columns:\n"
            f"          {key}: {owns[-1]}"
        )
    alike = len({*map(_bare, owns)}) == 1
    called = (
        f"{' and '.join(repr(own[:60]) for own in owns[:5])}, which is one name,"
        if alike
        else repr(name[:60])
    )
    return DataError(
        f"{path}: {len(owns)} columns are called {called} and say different things (first at "
        f"{row.where}), so that all but one of them would be lost.\n"
        f"{advice}"
    )
