"""Commands that look into prepared data sets: data ledger, data diff."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from talkwright.cli.options import find, note_place, print_json, with_json, with_runs

_COUNTED = ("fate", "reason", "repair", "mark", "source", "split", "format")
_SHOWN = 160  # characters of a text on a line
_TITLES = {
    "only_a": "only in A", "only_b": "only in B", "fate": "kept in one, dropped in the other",
    "reason": "dropped for another reason", "split": "in another split", "text": "other words",
    "copies": "written more or less often", "source": "from another source", "order": "in another order",
}  # fmt: skip


# --- ledger --------------------------------------------------------------------------------------


@click.command()
@click.argument("dataset")
@click.option(
    "--where",
    "conditions",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Only rows whose fate, reason, repair, mark, source, split, format or conversation is VALUE, "
    "or whose place or text contains it. Can be repeated; all must hold.",
)
@click.option("--count-by", type=click.Choice(_COUNTED), help="Count rows instead of listing them.")
@click.option(
    "--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Rows to list; 0 is all."
)
@click.option("--augmented", is_flag=True, help="Rows that a model wrote: how, from which, and by whom.")
@with_runs
@with_json
def ledger(
    dataset: str,
    conditions: tuple[str, ...],
    count_by: str | None,
    limit: int,
    augmented: bool,
    folder: Path,
    as_json: bool,
) -> None:
    """Say what became of the rows of a prepared data set, and why.

    DATASET is a prepared data set or a run. Every row that was read is in its ledger: with its place,
    whether it was kept or dropped and why, what was repaired or marked, and a short text before and
    after. With --json each row is a line of its own.

    \b
    Example: talkwright data ledger prepared --where reason=duplicate --where source=faq.csv
    """
    from talkwright import data

    found_in = _folder(dataset, folder)
    if augmented:
        _print_augmented(found_in, limit, as_json)
        return
    wanted = data.parse_wanted(conditions)
    if count_by:
        counts, fitting = data.count_by(found_in, count_by, wanted)
        if as_json:
            print_json({"rows": fitting, "by": count_by, "counts": counts})
            return
        width = max(map(len, map(str, counts.values())), default=0)
        print("\n".join(f"{n:>{width}}  {value}" for value, n in counts.items()) or "no row fits")
        if count_by in ("repair", "mark") and not any(name == "fate" for name, _ in wanted):
            print("Dropped rows count too. With --where fate=kept it is as the summary has it.")
        return
    found = data.query(found_in, wanted, limit or None)
    if as_json:
        for row in found.rows:
            print_json(row)
        return
    for row in found.rows:
        print(_row_text(row) + "\n")
    more = f"; the first {len(found.rows)} are shown" if len(found.rows) < found.fitting else ""
    print(f"{found.fitting} of {found.total} rows fit{more}.")


def _print_augmented(dataset: Path, limit: int, as_json: bool) -> None:
    """The new rows of the run that a data set belongs to. Raises ArtefactError where it has none."""
    from talkwright import data

    rows = list(data.provenance(dataset.parent / "augment"))
    for row in rows[: limit or None]:
        if as_json:
            print_json(row)
            continue
        made = row["made"]
        seeds = ", ".join(row["from"])
        print(f"{row['where']}  {made['kind']} of {seeds}, by {made['model']} at {made['host']}")
        print(f"  before  {_short(row['before'])}\n  after   {_short(row['after'])}\n")
    if not as_json:
        print(f"{len(rows)} rows were written by a model.")


def _row_text(row: Mapping[str, Any]) -> str:
    head = f"{row['where']}  {_fate(row)}"
    lines = [head] if row["source"] in row["where"] else [f"{row['source']}: {head}"]
    if row["before"]:
        lines.append(f"  before  {_short(row['before'])}")
    if row["after"]:
        lines.append(f"  after   {_short(row['after'])}")
    return "\n".join(lines)


def _fate(row: Mapping[str, Any]) -> str:
    kept = f"kept in {row['split']}" if row.get("split") else row["fate"]
    parts = [f"{kept}: {row['reason']}" if row.get("reason") else kept]
    if row.get("copies", 1) > 1:
        parts.append(f"{row['copies']} copies")
    parts += [", ".join(row[name]) for name in ("repairs", "marks") if row.get(name)]
    return "; ".join(parts)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


# --- diff ----------------------------------------------------------------------------------------


@click.command()
@click.argument("a")
@click.argument("b")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="Examples to show of each kind of difference.",
)
@with_runs
@with_json
@click.pass_context
def diff(context: click.Context, a: str, b: str, limit: int, folder: Path, as_json: bool) -> None:
    """Say what differs between two prepared data sets, row by row.

    A and B are prepared data sets or runs. Rows are matched by what they say, and by their place where
    that was changed; what differs in the settings is listed, too. The exit code is 0 when nothing
    differs and 1 when something does.

    \b
    Example: talkwright data diff prepared prepared-again --limit 5
    """
    from talkwright import data

    found = data.difference(_folder(a, folder), _folder(b, folder), limit)
    if as_json:
        print_json(found)
    else:
        print(_difference_text(found))
    context.exit(0 if found["equal"] else 1)


def _difference_text(found: Mapping[str, Any]) -> str:
    rows = found["rows"]
    lines = [f"A  {found['a']}: {rows['a']} rows", f"B  {found['b']}: {rows['b']} rows", ""]
    if found["equal"]:
        same = "Nothing differs but settings." if found["settings"] else "Nothing differs."
        return "\n".join([*lines, same, *_setting_lines(found["settings"])])
    for name, title in _TITLES.items():
        if rows[name]:
            lines.append(f"{rows[name]:>8}  {title}")
            lines += [f"          {_example_text(one)}" for one in found["examples"].get(name, ())]
    lines += _moved_lines(found["moved"])
    lines += _setting_lines(found["settings"])
    for kind, numbers in found["counts"].items():
        lines += _table(kind, {name.replace("_", " "): pair for name, pair in numbers.items()})
    for name, numbers in found["sources"].items():
        lines += _table(f"source {name}", numbers)
    lines += _finding_lines(found["findings"])
    return "\n".join(lines)


def _example_text(one: Mapping[str, Any]) -> str:
    if "a" not in one:
        return f"{one['where']}  {_fate(one)}"
    old, new = one["a"], one["b"]
    where = old["where"] if old["where"] == new["where"] else f"{old['where']} → {new['where']}"
    if _fate(old) != _fate(new):
        return f"{where}  {_fate(old)} → {_fate(new)}"
    if old["conversation"] == new["conversation"]:
        return where
    if old["after"] == new["after"]:  # only the beginning of a long text is in the ledger
        return f"{where}  differs further on than the ledger shows"
    return f"{where}\n            A  {_short(old['after'])}\n            B  {_short(new['after'])}"


def _setting_lines(settings: Mapping[str, Sequence[Any]]) -> list[str]:
    lines = ["", "Settings of data that differ"] if settings else []
    return lines + [f"  {name}: {_value(a)} → {_value(b)}" for name, (a, b) in settings.items()]


def _value(value: Any) -> str:
    return _short(json.dumps(value, ensure_ascii=False))


def _moved_lines(moved: Mapping[str, int]) -> list[str]:
    if not moved:
        return []
    lines = ["", "Conversations of B that A has in another split"]
    lines += [f"{n:>8}  {move}" for move, n in moved.items()]
    learnt = sum(n for move, n in moved.items() if move in ("train→test", "train→validation"))
    held_out = sum(n for move, n in moved.items() if move in ("test→train", "validation→train"))
    if learnt:
        lines.append(
            f"  A model trained on A has learnt {learnt} of what B holds out: do not test it on B."
        )
    if held_out:
        lines.append(
            f"  A model trained on B has learnt {held_out} of what A holds out: do not test it on A."
        )
    return lines


def _table(title: str, numbers: Mapping[str, Sequence[int]]) -> list[str]:
    width = max(24, *map(len, numbers))
    lines = ["", f"{title:<{width + 2}}{'A':>9}{'B':>9}{'B − A':>9}"]
    return lines + [
        f"  {name:<{width}}{old:>9}{new:>9}{new - old:>+9}" for name, (old, new) in numbers.items()
    ]


def _finding_lines(findings: Mapping[str, Any]) -> list[str]:
    lines = [""] if findings else []
    for kind in ("came", "went"):
        for one in findings.get(kind, ()):
            lines.append(f"The doctor's {one['severity']} finding {kind}: {one['count']} {one['what']}.")
    changed = {name.replace("_", " "): pair for name, pair in findings.get("changed", {}).items()}
    return lines + (_table("the doctor's findings, rows", changed) if changed else [])


def _folder(name: str, runs: Path) -> Path:
    """The data set of what was typed: a data set, a run's folder, or a run's name."""
    from talkwright import data

    path = Path(name)
    if not data.is_dataset(path):
        path = find(name, runs)
    note_place(path)
    return data.dataset_folder(path)
