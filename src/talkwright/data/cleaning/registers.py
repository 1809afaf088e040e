"""Check rules of further registers of people: which numbers they give out, and what is needed nearby.

What has a form of its own and a check digit is found anywhere; a plain number only beside its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date

from talkwright.data.cleaning.looks import WINDOW, Span

_MARGIN = 3  # characters around a run that only these numbers have
_FINNISH = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_CURP = "0123456789ABCDEFGHIJKLMN\u00d1OPQRSTUVWXYZ"
SEPARATOR = re.compile(r"[^0-9A-Za-z]")


def luhn(digits: str) -> bool:
    """Say whether the last digit is the check digit of ISO/IEC 7812-1, annex B."""
    doubled = (2 * int(d) if place % 2 else int(d) for place, d in enumerate(reversed(digits)))
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def holds_any(text: str, parts: tuple[str, ...]) -> bool:
    """Say whether one of these is in a text; several times as fast as `any` is."""
    for part in parts:  # noqa: SIM110
        if part in text:
            return True
    return False


def is_date(year: int, month: int, day: int) -> bool:
    """Say whether this was a day since 1801."""
    try:
        return date(year, month, day).year > 1800
    except ValueError:
        return False


def _sum(digits: str, weights: Sequence[int]) -> int:
    return sum(int(d) * w for d, w in zip(digits, weights, strict=False))


def _is_ean(number: str) -> bool:  # Switzerland: 756 and an EAN-13
    return _sum(number, (1, 3) * 6) % 10 == -int(number[-1]) % 10


def _is_belgian(number: str) -> bool:
    check = int(number[9:])
    return check in (97 - int(number[:9]) % 97, 97 - int("2" + number[:9]) % 97)


def _is_finnish(number: str) -> bool:
    return number[9] == _FINNISH[int(number[:9]) % 31] and is_date(
        2000, int(number[2:4]), int(number[:2])
    )


def _is_curp(number: str) -> bool:
    total = sum(_CURP.index(c) * (18 - at) for at, c in enumerate(number[:17]))
    return int(number[17]) == -total % 10


def _is_cnpj(number: str) -> bool:  # Brazil's companies, of which many are one person
    for count, weights in ((12, (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)),
                           (13, (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2))):  # fmt: skip
        rest = _sum(number[:count], weights) % 11
        if int(number[count]) != (0 if rest < 2 else 11 - rest):
            return False
    return len({*number}) > 1


def _is_rut(number: str) -> bool:
    total = sum(int(d) * (2 + at % 6) for at, d in enumerate(reversed(number[:-1])))
    return "0123456789K0"[11 - total % 11] == number[-1]


def _is_cuil(number: str) -> bool:
    return (11 - _sum(number, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11) % 11 == int(number[10])


def _is_korean(number: str) -> bool:
    return is_date(2000, int(number[2:4]), int(number[4:6]))


def _is_thai(number: str) -> bool:
    return (11 - _sum(number, range(13, 1, -1)) % 11) % 10 == int(number[12])


def _is_nric(number: str) -> bool:
    first, total = number[0], _sum(number[1:8], (2, 7, 6, 5, 4, 3, 2))
    total += 4 if first in "TG" else 3 if first == "M" else 0
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "M": "XWUTRQPNJLK"}.get(first, "XWUTRQPNMLK")
    return letters[total % 11] == number[8]


def _is_hong_kong(number: str) -> bool:
    values = [36, *(int(c, 36) for c in number)][-9:]
    return sum(value * weight for value, weight in zip(values, range(9, 0, -1), strict=True)) % 11 == 0


def _is_czech(number: str) -> bool:
    return int(number) % 11 == 0 and is_date(2000, int(number[2:4]) % 50 % 20, int(number[4:6]))


def _is_swedish(number: str) -> bool:
    number = number[-10:]
    return luhn(number) and is_date(2000, int(number[2:4]), int(number[4:6]) % 60)


def _is_turkish(number: str) -> bool:
    tenth = (sum(map(int, number[:9:2])) * 7 - sum(map(int, number[1:8:2]))) % 10
    return tenth == int(number[9]) and sum(map(int, number[:10])) % 10 == int(number[10])


def _is_south_african(number: str) -> bool:
    return luhn(number) and is_date(2000, int(number[2:4]), int(number[4:6]))


def _is_romanian(number: str) -> bool:
    check = _sum(number, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return (1 if check == 10 else check) == int(number[12])


def _is_norwegian(number: str) -> bool:
    first = -_sum(number, (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11
    return first == int(number[9]) and -_sum(number, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11 == int(
        number[10]
    )


def _is_portuguese(number: str) -> bool:
    return max(0, 11 - _sum(number, range(9, 1, -1)) % 11) % 11 % 10 == int(number[8])


def _is_irish(number: str) -> bool:
    total = _sum(number, range(8, 1, -1)) + (9 * (ord(number[8]) - 64) if number[8:] else 0)
    return "WABCDEFGHIJKLMNOPQRSTUV"[total % 23] == number[7]


def _is_tfn(number: str) -> bool:
    return _sum(number, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def _is_japanese(number: str) -> bool:
    rest = (
        sum(int(d) * (at + 2 if at < 6 else at - 4) for at, d in enumerate(reversed(number[:11]))) % 11
    )
    return (0 if rest < 2 else 11 - rest) == int(number[11])


def always(number: str) -> bool:
    """Say yes: a number without a check digit, whose form says all that can be known."""
    return True


Holds = Callable[[str], bool]

# (name, shape, check): found anywhere. One expression looks for all of them.
_OWN_FORM: tuple[tuple[str, str, Holds], ...] = (
    ("ch", r"756[. ]\d{4}[. ]\d{4}[. ]\d\d", _is_ean),
    ("be", r"\d\d\.[0-5]\d\.[0-3]\d-\d{3}\.\d\d", _is_belgian),
    ("fi", r"[0-3]\d[01]\d{3}[-+A]\d{3}[0-9A-FHJ-NPR-Y]", _is_finnish),
    ("cl", r"\d{1,2}\.\d{3}\.\d{3}-[\dKk]", _is_rut),
    ("br", r"\d\d\.\d{3}\.\d{3}/\d{4}-\d\d", _is_cnpj),
    ("ar", r"(?:2[0347]|30)-\d{8}-\d", _is_cuil),
    ("kr", r"\d\d[01]\d[0-3]\d-[1-4]\d{6}", _is_korean),
    ("th", r"[1-8]-\d{4}-\d{5}-\d\d-\d", _is_thai),
    ("cz", r"\d\d[0-8]\d[0-3]\d/\d{4}", _is_czech),
    ("us", r"9\d\d-(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])-\d{4}", always),  # ITIN
    ("mx", r"[A-Z][AEIOUX][A-Z]{2}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d", _is_curp),
    ("sg", r"[STFGM]\d{7}[A-Z]", _is_nric),
    ("hk", r"[A-Z]{1,2}\d{6}\([0-9A]\)", _is_hong_kong),
    ("gb", r"[A-Z]{5}\d[0156]\d[0-3]\d{2}[A-Z][A-Z9]\d[A-Z]{2}", always),  # driving licence
)  # fmt: skip
_HOLDS = {name: holds for name, _, holds in _OWN_FORM}
_ANY_FORM = re.compile(
    r"(?<![0-9A-Za-z_.-])(?<!\d )(?:"
    + "|".join(f"(?P<{name}>{shape})" for name, shape, _ in _OWN_FORM)
    + r")(?![0-9A-Za-z_]|[-.]\w| \d)",
    re.ASCII,
)

# How these forms look with 0 for every digit and A for every capital: finding that is fast.
_DRAWN = str.maketrans("123456789" + "BCDEFGHIJKLMNOPQRSTUVWXYZ", "0" * 9 + "A" * 25)
_FORMS = (
    "000.0000.0000.00", "000 0000 0000 00", "00.00.00-000.00", "000000-000", "000000+000", "000000A000",
    "0.000.000-", "00-00000000-0", "0-0000-00000-00-0", "000000/0000", "000-00-0000", "AAAA000000A",
    "A0000000A", "A000000(", "AAAAA000000",
    "00.000.000/0000-00",
)  # fmt: skip

# (least digits, what the lower-case text must have one of, the name, the shape, its check).
_BESIDE_NAME: tuple[tuple[int, tuple[str, ...], str, str, Holds], ...] = (
    (10, ("person", "pnr"), r"person\w*nummer|\bpnr\b", r"(?:19|20)?\d{6}[-+ ]?\d{4}", _is_swedish),
    (10, ("cpr",), r"\bcpr", r"[0-3]\d[01]\d{3}[- ]?\d{4}", always),
    (11, ("kimli", "tckn"), r"kimli[kğ]|\btckn", r"[1-9]\d{10}", _is_turkish),
    (13, ("id", "identity"), r"\bid\b|identity", r"\d{6} ?\d{4} ?[01]\d{2}", _is_south_african),
    (13, ("cnp",), r"\bcnp\b", r"[1-9]\d{12}", _is_romanian),
    (11, ("dselsn", "personn"), r"f(?:ø|oe?)dselsn|personn", r"\d{6} ?\d{5}", _is_norwegian),
    (9, ("nif", "contribuinte"), r"\bnif\b|contribuinte", r"[1-9]\d\d ?\d{3} ?\d{3}", _is_portuguese),
    (7, ("pps",), r"\bppsn?\b", r"\d{7}[A-W][A-I]?", _is_irish),
    (9, ("tfn", "tax file"), r"\btfn\b|tax file", r"\d{3} ?\d{3} ?\d{3}", _is_tfn),
    (12, ("マイナンバー", "個人番号"), "マイナンバー|個人番号", r"\d{4}[ -]?\d{4}[ -]?\d{4}",
     _is_japanese),
    (9, ("teudat", "israeli id", "ת.ז", "תעודת זהות"), r"teudat|israeli id|ת\.ז|תעודת זהות", r"\d{9}",
     luhn),
    (6, ("passport", "reisepass", "pasaporte", "passeport"),
     r"(?:passport|reisepass|pasaporte|passeport)"
     r"(?:(?: (?:no|number|nr|num|id|numéro|nummer))?\.?(?: is)?[ :#]*| \()\Z",
     r"[A-Z]{0,2}\d{6,9}", always),
    (6, ("licen", "führerschein"),
     r"driv(?:er'?s?|ing) licen[cs]e(?: (?:no|number|nr|id))?\.?(?: is)?[ :#]*\Z",
     r"[A-Z]{0,2}\d{6,13}|[A-Z]\d{3}-\d{3,4}-\d{3,5}", always),
)  # fmt: skip
_NAMED = tuple(
    (least, hints, re.compile(name, re.IGNORECASE),
     re.compile(rf"(?<![0-9A-Za-z_.-])(?<!\d )(?:{shape})(?![0-9A-Za-z_]|[-.]\w| \d)", re.ASCII), holds)
    for least, hints, name, shape, holds in _BESIDE_NAME
)  # fmt: skip
# India's tax number has letters for most of it, so no run of digits leads to it.
_PAN = re.compile(
    r"(?<![0-9A-Za-z])[A-Za-z]{3}[ABCFGHJLPTabcfghjlpt][A-Za-z]\d{4}[A-Za-z](?![0-9A-Za-z])"
)
_PAN_NAME = re.compile(r"\bpan\b", re.IGNORECASE)


def find_registered(text: str, low: str, runs: Sequence[tuple[int, int, int]]) -> Iterator[Span]:
    """Yield where numbers of these registers stand: AR, AU, BE, BR, CH, CL, CZ, DK, FI, HK, IE, IL, JP,
    KR, MX, NO, PT, RO, SE, SG, TH, TR, ZA; passports and driving licences. `low`: in lower case."""
    named = [entry for entry in _NAMED if holds_any(low, entry[1])]
    for start, end, count in runs:
        first = max(0, start - _MARGIN)
        if holds_any(text[first : end + _MARGIN].translate(_DRAWN), _FORMS):
            for found in _ANY_FORM.finditer(text, first, end + _MARGIN):
                if _HOLDS[str(found.lastgroup)](SEPARATOR.sub("", found[0]).upper()):
                    yield found.span()
        for least, _, name, shape, holds in named:
            if count >= least:
                yield from _beside(name, shape, holds, text, start, end)
    if "pan" in low and _PAN_NAME.search(text):
        for found in _PAN.finditer(text):
            if _PAN_NAME.search(text, max(0, found.start() - WINDOW), found.end() + WINDOW // 2):
                yield found.span()


def _beside(
    name: re.Pattern[str], shape: re.Pattern[str], holds: Holds, text: str, start: int, end: int
) -> Iterator[Span]:
    at_end = name.pattern.endswith(r"\Z")  # the name stands right before the number
    for found in shape.finditer(text, start, end):
        behind = found.start() if at_end else found.end() + WINDOW // 2
        near = text[max(0, found.start() - WINDOW) : behind]
        if name.search(near) and holds(SEPARATOR.sub("", found[0]).upper()):
            yield found.span()
