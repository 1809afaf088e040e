"""The order of messages that are rows: by their turn's number or their time, as far as it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from talkwright.data.reading.chat.times import ORDERS, DaysAndMonths, readings
from talkwright.data.reading.chat.turns import UNSURE_ORDER, by_plain_names

_DATES = {"date": ("time",), "datum": ("uhrzeit", "zeit"), "fecha": ("hora",)}  # the clock's beside it
_LONGEST = 16  # characters of a clock's time


@dataclass(slots=True)
class Ordered:
    """Rows of one conversation in their order, with marks of what is not known of it."""

    places: list[int]
    marks: tuple[str, ...] = ()
    times: list[int] | None = None  # when each was said, in nanoseconds, where that is certain


def in_order(values: Sequence[dict[str, Any]], days: DaysAndMonths | None = None) -> Ordered:
    """Rows by their turn's number or time, where every one has another; else as they stand.

    `days` says of the whole file whether its dates begin with the day. Times that may mean two orders
    move nothing and give the mark `unsure_order`; so do times that fall where several are the same.
    """
    as_they_stand = Ordered(list(range(len(values))))
    keys = [by_plain_names(value) for value in values]
    unsure: tuple[str, ...] = ()
    for name in ORDERS:
        held = _column(values, keys, name)
        if held is None:
            continue
        numbers = [number for value in held if (number := _number(value)) is not None]
        if len(numbers) == len(held):
            if len(set(numbers)) == len(numbers):
                return Ordered(sorted(as_they_stand.places, key=numbers.__getitem__))
            continue
        ways = readings(held, days)
        if not ways:
            continue
        if any(len(set(way)) < len(way) for way in ways):
            rises = [all(a <= b for a, b in pairwise(way)) for way in ways]
            if not any(rises):
                unsure = (UNSURE_ORDER,)
            elif len(ways) == 1:
                as_they_stand.times = as_they_stand.times or ways[0]
            continue
        places = sorted(as_they_stand.places, key=ways[0].__getitem__)
        if all(sorted(as_they_stand.places, key=way.__getitem__) == places for way in ways):
            return Ordered(places, (), [ways[0][at] for at in places] if len(ways) == 1 else None)
        unsure = (UNSURE_ORDER,)
    return Ordered(as_they_stand.places, unsure, None if unsure else as_they_stand.times)


def _column(
    values: Sequence[dict[str, Any]], keys: Sequence[dict[str, Any]], name: str
) -> list[Any] | None:
    """What rows have in the column of this plain name; None where one has nothing there."""
    if not all(name in known for known in keys):
        return None
    held = [value[known[name]] for value, known in zip(values, keys, strict=True)]
    if None in held:
        return None
    for clock in _DATES.get(name, ()):
        beside = _column(values, keys, clock)
        if beside and all(isinstance(c, str) and ":" in c[:3] and len(c) <= _LONGEST for c in beside):
            joined = [f"{day} {time}" for day, time in zip(held, beside, strict=True)]
            return joined if readings(joined) else held
    return held


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number == number else None
