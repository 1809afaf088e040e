"""Times as programs and people write them, as instants that can be compared.

2024-01-31T09:30:00Z    31.01.2024 09:30    1/31/2024 9:30 PM    Jan 31, 2024 09:30    31. Januar 2024

Whether `1/2/2024` is in January or in February one value alone does not say, nor when it was where the
time has no offset from UTC and its neighbour has one. So values are read together, in every way that
fits them all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

# Columns that may say where a message stands, in plain names, the surest first.
ORDERS = """
    turn turnid turnnumber turnindex utteranceidx order index messageindex messagenumber position
    sequence seq step
    timestamp createdat sentat datetime tstamp date time created createdtime createtime createddate
    createddatetime sent senttime sentdate messagetime messagedate ts
    datum zeitstempel zeitpunkt erstellt erstelltam gesendet gesendetam fecha fechahora
""".split()  # noqa: SIM905
_MONTHS = {
    name: number
    for number, names in enumerate(
        ["jan ene gen", "feb fev", "mar mrz", "apr avr abr", "mai may mag", "jun juin giu",
         "jul juil lug", "aug aou ago", "sep set", "oct okt out ott", "nov", "dec dez dic"], 1)
    for name in names.split()
}  # fmt: skip
_WORD = r"(?P<month>[^\W\d_]{3,10})\.?"
_CLOCK = r"(?P<hour>\d{1,2})[:.h](?P<minute>\d\d)(?:[:.](?P<second>\d\d)(?:[.,:](?P<part>\d{1,9}))?)?"
_HALF = r"(?:\s?(?P<half>[AaPp])\.?\s?[Mm]\.?|\s?Uhr)?"
_ZONE = (
    r"(?:\s?(?:(?:GMT|UTC)?(?P<offset>[+-]\d{1,2}(?::?\d\d)?)|(?P<utc>Z|z|UTC|GMT)|[A-Z]{3,5}))?"
    r"(?:\s?\([^()]{1,60}\)|\[[\w/+-]{1,40}\])?"
)
_REST = rf"(?:(?:T|,?\s+(?:(?:at|um|à|a las|-|–|@)\s+)?|,){_CLOCK}{_HALF}{_ZONE})?"
_WEEKDAY = r"(?:[^\W\d_]{2,10}\.?,?\s+)?"
_FORMS = tuple(
    map(
        re.compile,
        (
            rf"(?P<year>\d{{4}})(?P<between>[-/.])(?P<month>\d{{1,2}})(?P=between)(?P<day>\d{{1,2}}){_REST}",
            rf"{_WEEKDAY}(?P<day>\d{{1,2}})(?P<between>[-/.])(?P<month>\d{{1,2}})(?P=between)"
            rf"(?P<year>\d{{4}}|\d\d){_REST}",
            rf"{_WEEKDAY}(?P<day>\d{{1,2}})(?:\.|st|nd|rd|th|º)?[\s-]{{0,2}}(?:de\s)?{_WORD},?[\s-]"
            rf"(?:del?\s)?(?P<year>\d{{4}}|\d\d){_REST}",
            rf"{_WEEKDAY}{_WORD}\s(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s(?P<year>\d{{4}}){_REST}",
            rf"{_WEEKDAY}{_WORD}\s+(?P<day>\d{{1,2}})\s{_CLOCK}{_ZONE}\s(?P<year>\d{{4}})",
        ),
    )
)
_OPEN = re.compile(r"\s*(?:[^\W\d_]{2,10}\.?,?\s+)?(\d{1,2})[-/](\d{1,2})[-/]\d")
_LONGEST = 90  # characters of a time
_MINUTE = 60 * 10**9  # in nanoseconds, as all instants are
DAY = 24 * 60 * _MINUTE


class _Stamp(NamedTuple):
    """A time as it is written. `told`: it is known which is the month; else `day` may be it."""

    year: int
    month: int
    day: int
    told: bool
    clock: int  # nanoseconds since midnight
    offset: int | None  # minutes east of UTC


@dataclass(slots=True)
class DaysAndMonths:
    """Which of the two numbers of `31/1/2024` and `1/31/2024` is the day, by all times of a file."""

    first: bool = False
    second: bool = False

    def see(self, value: Any) -> None:
        """Look at one more time of the file."""
        if isinstance(value, str) and (found := _OPEN.match(value)):
            self.first |= int(found[1]) > 12
            self.second |= int(found[2]) > 12

    @property
    def day_first(self) -> bool | None:
        """Whether the day stands first; None where nothing tells, or some say this and some that."""
        return self.first if self.first != self.second else None


def readings(values: Sequence[Any], days: DaysAndMonths | None = None) -> list[list[int]]:
    """All ways to read these values as times, in nanoseconds; none where one of them is no time.

    Where the values fit both ways, `days` decides of day and month. Times without an offset are in UTC,
    or in any of the zones of those that have one.
    """
    stamps: list[_Stamp] = []
    for value in values:
        stamp = _stamp(value)
        if stamp is None:
            return []
        stamps.append(stamp)
    ways = [True] if all(stamp.told for stamp in stamps) else [True, False]
    offsets = {stamp.offset for stamp in stamps}
    zones = sorted({0, *(zone for zone in offsets if zone is not None)}) if None in offsets else [0]
    fitting = [way for way in ways if all(_day(stamp, way) for stamp in stamps)]
    if len(fitting) > 1 and days is not None and days.day_first is not None:
        fitting = [days.day_first]
    return [
        [_instant(stamp, day_first, zone) for stamp in stamps] for day_first in fitting for zone in zones
    ]


def _instant(stamp: _Stamp, day_first: bool, zone: int) -> int:
    offset = zone if stamp.offset is None else stamp.offset
    return _day(stamp, day_first) * DAY + stamp.clock - offset * _MINUTE


def _day(stamp: _Stamp, day_first: bool) -> int:
    """The number of a day; 0 where there is no such day."""
    month, day = stamp.month, stamp.day
    if not stamp.told and not day_first:
        month, day = day, month
    try:
        return date(stamp.year, month, day).toordinal()
    except ValueError:
        return 0


def _stamp(value: Any) -> _Stamp | None:
    if isinstance(value, datetime):
        value = value.isoformat()
    if not isinstance(value, str) or len(value) > _LONGEST:
        return None
    text = value.strip()
    found = next((at for form in _FORMS if (at := form.fullmatch(text))), None)
    if found is None:
        return None
    held = found.groupdict()
    month = int(held["month"]) if held["month"].isdecimal() else _month(held["month"])
    between = held.get("between")
    told = between in (None, ".") or found.start("year") == 0
    year = int(held["year"])
    clock = _clock(held)
    if month is None or clock is None:
        return None
    return _Stamp(year + 2000 * (year < 100), month, int(held["day"]), told, clock, _offset(held))


def _month(word: str) -> int | None:
    bare = unicodedata.normalize("NFKD", word.lower())
    bare = "".join(letter for letter in bare if not unicodedata.combining(letter))
    return _MONTHS.get(bare[:4]) or _MONTHS.get(bare[:3])


def _clock(held: dict[str, Any]) -> int | None:
    """Nanoseconds since midnight; None for no time of a day."""
    if held["hour"] is None:
        return 0
    hour, minute, second = int(held["hour"]), int(held["minute"]), int(held["second"] or 0)
    half = (held.get("half") or "").lower()
    if half and not 1 <= hour <= 12:
        half = ""  # `13:05 PM`, as some programs write
    if half:
        hour = hour % 12 + 12 * (half == "p")
    if hour > 23 or minute > 59 or second > 60:
        return None
    return (hour * 60 + minute) * _MINUTE + second * 10**9 + int((held["part"] or "").ljust(9, "0"))


def _offset(held: dict[str, Any]) -> int | None:
    if held["utc"]:
        return 0
    if not held["offset"]:
        return None
    digits = held["offset"][1:].replace(":", "")
    hours, minutes = (digits, "0") if len(digits) < 3 else (digits[:-2], digits[-2:])
    return (int(hours) * 60 + int(minutes)) * (-1 if held["offset"][0] == "-" else 1)
