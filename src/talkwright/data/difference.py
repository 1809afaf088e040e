"""Two prepared data sets compared, row by row: what came, what went, and what fares otherwise.

Rows are the same when they say the same, or else when they stand in the same place; `matching` tells.
Most texts become numbers first, so two ledgers of a million rows fit in less than 1 GB.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from talkwright.data.browse import read_columns, rows_at
from talkwright.data.matching import Sides, match_rows, out_of_order
from talkwright.runs import read_json
from talkwright.types import to_json

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

# What can differ in a row, and the column that says so.
ASPECTS = {
    "fate": "fate", "reason": "reason", "split": "split", "text": "conversation", "copies": "copies",
    "source": "source",
}  # fmt: skip
_COLUMNS = ("source", "where", "fate", "reason", "split", "conversation", "copies")
_KINDS = ("dropped", "repaired", "marked")


def difference(a: Path, b: Path, limit: int = 20) -> dict[str, Any]:
    """Compare two data set folders; gives JSON.

    `equal` says that the data do not differ, whatever was set. `rows` counts rows only in A, only in B
    and with another fate, reason, split, text, number of copies or source, and those in another order
    (the fewest whose move explains it); that a row stands further down, because others came before it,
    is no difference. `examples` has the first `limit` of each kind. `settings` has the settings of
    `data` that differ, as name → [in A, in B]; those of a source are named after it, as
    "sources.faq.csv.cap". `moved` counts B's conversations that A has in another split, as
    "train→test", by their words or, where those changed, by their row. `counts`, `sources` and
    `findings` set the sums, the mixture and the doctor's findings side by side.
    Raises ArtefactError for a damaged data set.
    """
    codes = _numbered(read_columns(a, _COLUMNS), read_columns(b, _COLUMNS))
    mates = match_rows(codes, a, b)
    only_a, only_b = (np.flatnonzero(mate < 0) for mate in mates)
    in_a = np.flatnonzero(mates[0] >= 0)
    both = in_a, mates[0][in_a]
    changed = _changed(codes, both)
    any_change = np.zeros(len(both[0]), bool)
    for differs in changed.values():
        any_change |= differs
    moved = _moved(codes, both)
    examples = {
        "only_a": [_said(row) for row in rows_at(a, only_a[:limit].tolist())],
        "only_b": [_said(row) for row in rows_at(b, only_b[:limit].tolist())],
        **{
            name: _pairs(a, b, both[0][differs][:limit], both[1][differs][:limit])
            for name, differs in changed.items()
        },
    }
    sums = [read_json(folder / "counts.json") for folder in (a, b)]
    side_by_side = {
        "counts": _counts(sums),
        "sources": _sources(sums),
        "findings": _findings([_doctor(folder) for folder in (a, b)]),
    }
    same_rows = not (len(only_a) or len(only_b) or any_change.any())
    return {
        "equal": same_rows and not any(side_by_side.values()),
        "a": str(a),
        "b": str(b),
        "rows": {
            "a": len(codes["where"][0]),
            "b": len(codes["where"][1]),
            "only_a": len(only_a),
            "only_b": len(only_b),
            "changed": int(any_change.sum()),
            **{name: int(differs.sum()) for name, differs in changed.items()},
        },
        "moved": moved,
        "settings": _settings(sums),
        **side_by_side,
        "examples": {name: found for name, found in examples.items() if found},
    }


# --- rows as numbers -----------------------------------------------------------------------------


def _numbered(a: pa.Table, b: pa.Table) -> dict[str, Sides]:
    """Each column of both tables as numbers that are equal where the values are; -1 for none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    result = {"split_names": _split_names(a, b)}
    for name in _COLUMNS:
        whole = pa.chunked_array([*a[name].chunks, *b[name].chunks], a.schema.field(name).type)
        coded = pc.dictionary_encode(whole).combine_chunks()
        indices = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
        result[name] = (indices[: len(a)], indices[len(a) :])
    return result


def _split_names(a: pa.Table, b: pa.Table) -> Sides:
    import pyarrow.compute as pc

    return tuple(pc.fill_null(t["split"], "").to_numpy() for t in (a, b))


def _changed(codes: dict[str, Sides], both: Sides) -> dict[str, NDArray[np.bool_]]:
    """Which pairs of rows differ in what; split, text and copies only where both sides are kept."""
    at = {name: (codes[name][0][both[0]], codes[name][1][both[1]]) for name in ASPECTS.values()}
    kept = (at["split"][0] >= 0) & (at["split"][1] >= 0)
    differs = {name: at[column][0] != at[column][1] for name, column in ASPECTS.items()}
    differs["reason"] &= ~differs["fate"]  # a row that came or went has another reason by itself
    for name in ("split", "text", "copies"):
        differs[name] &= kept
    differs["order"] = out_of_order(both[1])
    return differs


def _moved(codes: dict[str, Sides], both: Sides) -> dict[str, int]:
    """How many of B's conversations were in A, but in another split: by their words, or their place."""
    (conversation, theirs), (split, new) = codes["conversation"], codes["split_names"]
    old = np.full(len(new), "", object)
    old[both[1]] = split[both[0]]
    kept = np.flatnonzero(split != "")
    ids, first = np.unique(conversation[kept], return_index=True)
    if len(ids):
        at = np.minimum(np.searchsorted(ids, theirs), len(ids) - 1)
        same = ids[at] == theirs
        old[same] = split[kept[first[at[same]]]]
    moves = np.flatnonzero((old != "") & (new != "") & (old != new))
    return dict(sorted(Counter(f"{old[n]}→{new[n]}" for n in moves.tolist()).items()))


# --- what is said --------------------------------------------------------------------------------


def _said(row: dict[str, Any]) -> dict[str, Any]:
    names = ("source", "where", "fate", "reason", "split", "conversation", "copies", "before", "after")
    return {name: row[name] for name in names}


def _pairs(a: Path, b: Path, in_a: Any, in_b: Any) -> list[dict[str, Any]]:
    rows = zip(rows_at(a, in_a.tolist()), rows_at(b, in_b.tolist()), strict=True)
    return [{"a": _said(old), "b": _said(new)} for old, new in rows]


def _counts(sums: Sequence[dict[str, Any]]) -> dict[str, dict[str, list[int]]]:
    """Sums that differ: kind → name → [in A, in B]."""
    found: dict[str, dict[str, list[int]]] = {}
    totals = [{name: side.get(name, 0) for name in ("read", "kept")} for side in sums]
    for kind, sides in [
        ("rows", totals),
        *((kind, [side.get(kind) or {} for side in sums]) for kind in (*_KINDS, "splits")),
    ]:
        differing = _differing(sides)
        if differing:
            found[kind] = differing
    return found


def _differing(sides: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    names = sorted({name for side in sides for name in side})
    pairs = {name: [side.get(name, 0) for side in sides] for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _sources(sums: Sequence[dict[str, Any]]) -> dict[str, dict[str, list[Any]]]:
    """Sources of which more or less was read, kept or written: name → number → [in A, in B]."""
    sides = []
    for side in sums:
        mix = side.get("mix") or {}
        sides.append({
            name: {"read": about.get("read", 0), "kept": about.get("kept", 0),
                   "written": (mix.get(name) or {}).get("written", about.get("kept", 0))}
            for name, about in (side.get("sources") or {}).items()
        })  # fmt: skip
    found = {}
    for name in sorted({name for side in sides for name in side}):
        differing = _differing([side.get(name, {}) for side in sides])
        if differing:
            found[name] = differing
    return found


def _settings(sums: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Settings that differ: name → [in A, in B]. Nothing where one side says nothing of them."""
    sides = []
    for side in sums:
        if not (settings := side.get("settings")):
            return {}
        flat = _flat({name: value for name, value in settings.items() if name != "sources"})
        for name, source in zip(side.get("sources") or {}, settings.get("sources") or (), strict=False):
            flat |= _flat({"sources": {name: source}})
        sides.append(flat)
    names = dict.fromkeys(name for side in sides for name in side)
    pairs = {name: [side.get(name) for side in sides] for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _flat(settings: dict[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            found |= _flat(value, f"{before}{name}.")
        else:
            found[before + name] = value
    return found


def _doctor(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / "doctor.json"
    findings = read_json(path).get("findings", []) if path.is_file() else []
    return {finding["code"]: finding for finding in findings}


def _findings(sides: Sequence[dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """The doctor's findings that came, that went, and that count another number of rows."""
    a, b = sides
    kept = ("code", "severity", "count", "what")
    came = [{name: b[code].get(name) for name in kept} for code in b if code not in a]
    went = [{name: a[code].get(name) for name in kept} for code in a if code not in b]
    counts = [{code: found.get("count", 0) for code, found in side.items()} for side in sides]
    shared = [{code: n for code, n in side.items() if code in a and code in b} for side in counts]
    result = {"came": came, "went": went, "changed": _differing(shared)}
    return to_json({name: found for name, found in result.items() if found})  # type: ignore[no-any-return]
