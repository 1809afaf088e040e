"""Any value in any field of a row: the row is kept or dropped for a reason, never an error."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import fuzz
import pytest

from talkwright.config import DataSection
from talkwright.data.entries import enter
from talkwright.data.reading.rows import Row
from talkwright.data.reasons import REASONS

ODD: tuple[Any, ...] = (
    *(None, True, 0, 1.5, 10**30, float("nan"), "", "user", "[1", [], {}, [[]], [{}], [None], ["x"]),
    *({"text": {}}, {"a": []}, [{"role": [], "content": {}}]),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value within, the whole first."""
    yield path
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with `new` at one place."""
    if not path:
        return new
    found = copy.deepcopy(value)
    held = found
    for key in path[:-1]:
        held = held[key]
    held[path[-1]] = new
    return found


@pytest.mark.parametrize("shape", [fuzz.row, fuzz.program, fuzz.desk])
def test_any_value_in_any_field_is_accounted_for(shape: Any) -> None:
    section = DataSection.model_validate({"sources": [{"path": "a.jsonl"}]})
    rng, seen = random.Random(0), set()
    kept = 0
    for _ in range(120):
        row = shape(rng)
        ways = list(places(row))
        if (known := str(ways)) in seen:
            continue
        seen.add(known)
        for path in rng.sample(ways, min(len(ways), 30)):
            for new in ODD:
                value = changed(row, path, new)
                entry = enter(Row("a:1", value, json.dumps(value)), section.sources[0], "a", section)
                assert (entry.conversation is None) == (entry.row.reason in REASONS)
                kept += entry.conversation is not None
    assert kept > 500  # where an odd value means nothing, the rest is still learnt
