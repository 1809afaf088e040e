"""How much of each source: rows drawn by lot where there are too many, repeated where too few.

The lot is a hash of the row's text and the seed, so the same rows are drawn however many others come
with them. Only training rows are ever repeated, and only after the split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from talkwright.config import DataSection

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ODD = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


@dataclass(frozen=True, slots=True)
class Mix:
    """`asked` rows of each source, None where the recipe names no number; `left_out`: rows not drawn."""

    asked: list[int | None]
    available: list[int]
    left_out: NDArray[np.int64]


def draw(
    section: DataSection,
    rows: NDArray[np.int64],
    source_of: NDArray[np.int16],
    lots: NDArray[np.uint64],
) -> Mix:
    """Decide which of `rows` stay, by each source's `count`, `cap` and `weight`."""
    available = [int((source_of[rows] == n).sum()) for n in range(len(section.sources))]
    asked = _asked(section, available)
    left_out = []
    for n, wanted in enumerate(asked):
        if wanted is not None and wanted < available[n]:
            own = rows[source_of[rows] == n]
            order = np.lexsort((own, lots[own]))
            left_out.append(own[order[wanted:]])
    out = np.sort(np.concatenate(left_out)) if left_out else np.empty(0, np.int64)
    return Mix(asked, available, out)


def _asked(section: DataSection, available: Sequence[int]) -> list[int | None]:
    wanted: list[int | None] = []
    for source, there in zip(section.sources, available, strict=True):
        limit = min(there, source.cap) if source.cap else None
        wanted.append(limit if source.count is None else source.count)
    if not all(source.weight for source in section.sources):
        return wanted
    if section.rows:
        return [*_shared_out(section.rows, section)]
    limits = [there if n is None else n for n, there in zip(wanted, available, strict=True)]
    # As large as it can be without repeats: the source that ends first says how large.
    weights = [source.weight or 0.0 for source in section.sources]
    total = min(limit * sum(weights) / weight for limit, weight in zip(limits, weights, strict=True))
    return [int(round(weight / sum(weights) * total, 6)) for weight in weights]


def _shared_out(rows: int, section: DataSection) -> list[int]:
    """`rows` by the sources' weights, largest remainder first. What a `cap` keeps from one source the
    others get, by their weights; less than `rows` where all of them are at their caps."""
    share: dict[int, int] = {}
    open_ = list(range(len(section.sources)))
    while open_:
        weights = {n: section.sources[n].weight or 0.0 for n in open_}
        left = rows - sum(share.values())
        exact = {n: left * weight / sum(weights.values()) for n, weight in weights.items()}
        capped = [n for n in open_ if (cap := section.sources[n].cap) and cap < exact[n]]
        if not capped:
            whole = {n: int(x) for n, x in exact.items()}
            for n in sorted(open_, key=lambda n: (whole[n] - exact[n], n))[: left - sum(whole.values())]:
                whole[n] += 1
            share |= whole
            break
        share |= {n: section.sources[n].cap or 0 for n in capped}
        open_ = [n for n in open_ if n not in capped]
    return [share[n] for n in range(len(section.sources))]


def copies(
    mix: Mix,
    split: NDArray[np.int8],
    source_of: NDArray[np.int16],
    lots: NDArray[np.uint64],
) -> NDArray[np.int32]:
    """How often each row is written: 1, or more for training rows of a source with too few rows."""
    found = np.ones(len(split), np.int32)
    for n, wanted in enumerate(mix.asked):
        if wanted is None or wanted <= mix.available[n]:
            continue
        own = source_of == n
        train = np.flatnonzero(own & (split == 0))
        held_out = int((own & (split > 0)).sum())
        if len(train):
            each, more = divmod(max(wanted - held_out, len(train)), len(train))
            found[train] = each
            found[train[np.lexsort((train, lots[train]))[:more]]] += 1
    return found


def lots_of(exact: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """A number for each row, drawn by its text and the seed."""
    mixed: NDArray[np.uint64] = (exact[:, 0] ^ np.uint64(seed)) * _ODD[0] + exact[:, 1]
    for shift, factor in ((30, _ODD[1]), (27, _ODD[2])):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * factor
    mixed ^= mixed >> np.uint64(31)
    return mixed


def what_was_got(
    names: Sequence[str], mix: Mix, split: NDArray[np.int8], source_of: NDArray[np.int16],
    written: NDArray[np.int32],
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """For the report: rows asked for, there were, taken, and written (with copies), by source."""
    result = {}
    for n, name in enumerate(names):
        taken = (source_of == n) & (split >= 0)
        result[name] = {
            "asked": mix.asked[n],
            "available": mix.available[n],
            "taken": int(taken.sum()),
            "written": int(written[taken].sum()),
        }
    return result
