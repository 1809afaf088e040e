"""National identity numbers, each told from other numbers by its official check rule.

Numbers without a check digit of their own (US, UK insurance) go by the rules of which are issued;
those that collide with everyday numbers (NHS, BSN, SIN) also need their name nearby.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from talkwright.data.cleaning.looks import WINDOW, Span
from talkwright.data.cleaning.phones import said_before
from talkwright.data.cleaning.registers import (
    SEPARATOR,
    always,
    find_registered,
    holds_any,
    is_date,
    luhn,
)

_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_CN_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_PESEL_WEIGHTS = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
# Verhoeff's permutation and the dihedral group of ten elements (J. Verhoeff, 1969).
_P = ("0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415",
      "7046913258")  # fmt: skip
_D = ("0123456789", "1234067895", "2340178956", "3401289567", "4012395678", "5987604321", "6598710432",
      "7659821043", "8765932104", "9876543210")  # fmt: skip
_FISCAL_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8,
         12, 14, 16, 10, 22, 25, 24, 23),
        strict=True,
    )
)  # fmt: skip


def find_national(text: str, low: str, runs: Sequence[tuple[int, int, int]]) -> Iterator[Span]:
    """Yield where identity numbers stand: US, DE, ES, UK, BR, IT, FR, CN, PL, IN, NL, CA, and those of
    registers.py.

    `low` is the text in lower case; `runs` are (start, end, digits) of what may be a number.
    """
    if runs:
        for rule in _RULES:
            if not rule.hints or holds_any(low, rule.hints):
                yield from _by(rule, text, runs)
        yield from _insured(text, runs)
        yield from find_registered(text, low, runs)
    elif "pan" in low:
        yield from find_registered(text, low, runs)
    if runs or _FISCAL_PART.search(text):
        for found in _FISCAL_CODE.finditer(text):
            if _is_fiscal_code(SEPARATOR.sub("", found[0]).upper()):
                yield found.span()


def _by(rule: _Rule, text: str, runs: Sequence[tuple[int, int, int]]) -> Iterator[Span]:
    for start, end, count in runs:
        if count < rule.least or (rule.sign and rule.sign not in text[start:end]):
            continue
        for found in rule.shape.finditer(text, start, end):
            around = max(0, found.start() - WINDOW), found.end() + WINDOW // 2
            if rule.name is not None and not rule.name.search(text, *around):
                continue
            if not rule.holds(SEPARATOR.sub("", found[0]).upper()):
                continue
            if rule.everyday and _is_of_a_thing(text, found.start()):
                continue
            yield found.span()


# What a number is of, right before it: "part no. 123-45-6789", "order: #...", "SKU ...". A member's, an
# employee's or a student's number is not among them, since some take the social security number for it.
_THINGS = re.compile(
    r"(?<![^\W_])(?:part|item|order|model|sku|ticket|invoice|catalog(?:ue)?|article|product|serial|lot|batch"
    r"|tracking|shipment|parcel|package|quote|version|case(?= ?(?:no|nr|num|id|#))"
    r"|s/n|p/n|ref(?:erence)?|upc|mpn|build"
    r"|bestell\w*|rechnungs?\w*|artikel\w*|auftrags?\w*|teile\w*)(?:(?<=ref)\.)?[ -]?"
    r"(?:(?:nos?|nrs?|num)\b\.?|(?:numbers?|nummer|code|id)\b|#|№)?:?"
    r"(?: (?:is|was|ist|=)\b)?[\s:#№=\"'(]*\Z",
    re.IGNORECASE,
)
_INSURED = re.compile(r"\bssn|social", re.IGNORECASE)


def _is_of_a_thing(text: str, start: int) -> bool:
    """Say whether the words right before a number say that it is a thing's, and none that it is a
    person's."""
    before = text[max(0, start - WINDOW) : start]
    return _THINGS.search(before) is not None and not _INSURED.search(before)


# Canada's, as it is usually written; 8 is not given out. Money is grouped in threes by spaces too.
_SIN = re.compile(
    r"(?<![0-9A-Za-z_.,$€£¥-])(?<!\d )(?<![$€£¥] )[0-79]\d\d([ -])\d{3}\1\d{3}"
    r"(?![0-9A-Za-z_]|[-.,]\w| \d)",
    re.ASCII,
)
_COUNTED_BEFORE = re.compile(
    r"(?:EUR|USD|CAD|about|of|total\w*|population|roughly|costs?|price|budget|sum)\W*\Z", re.IGNORECASE
)
_COUNTED_BEHIND = re.compile(
    r" ?(?:[€$£%]|(?!(?:is|was|as|this|thanks|has)\b)[^\W\d_]{1,30}s\b|people|million|EUR|USD|CAD|euro)",
    re.IGNORECASE,
)


def _insured(text: str, runs: Sequence[tuple[int, int, int]]) -> Iterator[Span]:
    for start, end, count in runs:
        if count < 9 or (" " not in text[start:end] and "-" not in text[start:end]):
            continue
        for found in _SIN.finditer(text, start, end):
            if not luhn(SEPARATOR.sub("", found[0])) or said_before(text, found.start()):
                continue
            before = text[max(0, found.start() - 12) : found.start()]
            if not (_COUNTED_BEFORE.search(before) or _COUNTED_BEHIND.match(text, found.end())):
                yield found.span()


def _is_german_tax_id(number: str) -> bool:
    # One digit occurs two or three times among the first ten; ISO/IEC 7064, MOD 11,10 makes the last.
    often = Counter(number[:10]).most_common(2)
    if number[0] == "0" or often[0][1] not in (2, 3) or often[1][1] > 1:
        return False
    rest = 10
    for digit in number[:10]:
        rest = ((int(digit) + rest) % 10 or 10) * 2 % 11
    return (11 - rest) % 10 == int(number[10])


def _is_dni(number: str) -> bool:
    first = str("XYZ".index(number[0])) if number[0] in "XYZ" else number[0]
    return number[-1] == _DNI_LETTERS[int(first + number[1:-1]) % 23]


def _is_nhs(number: str) -> bool:
    check = 11 - sum((10 - place) * int(d) for place, d in enumerate(number[:9])) % 11
    return check % 11 == int(number[9]) and check != 10


def _is_cpf(number: str) -> bool:
    if len(set(number)) == 1:
        return False
    for length in (9, 10):
        total = sum((length + 1 - place) * int(d) for place, d in enumerate(number[:length]))
        if total * 10 % 11 % 10 != int(number[length]):
            return False
    return True


def _is_fiscal_code(code: str) -> bool:
    odd = sum(_FISCAL_ODD[c] for c in code[:15:2])
    even = sum(int(c) if c.isdigit() else ord(c) - 65 for c in code[1:15:2])
    return chr(65 + (odd + even) % 26) == code[15]


def _is_nir(number: str) -> bool:
    return 97 - int(number[:13]) % 97 == int(number[13:])


def _is_chinese(number: str) -> bool:
    check = "10X98765432"[sum(w * int(d) for w, d in zip(_CN_WEIGHTS, number[:17], strict=True)) % 11]
    return check == number[17] and is_date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


def _is_pesel(number: str) -> bool:
    total = sum(w * int(d) for w, d in zip(_PESEL_WEIGHTS, number[:10], strict=True))
    century, month = divmod(int(number[2:4]), 20)
    year = (1900, 2000, 2100, 2200, 1800)[century] + int(number[:2])
    return -total % 10 == int(number[10]) and is_date(year, month, int(number[4:6]))


def _is_aadhaar(number: str) -> bool:
    check = 0
    for place, digit in enumerate(reversed(number)):
        check = int(_D[check][int(_P[place % 8][int(digit)])])
    return check == 0


def _is_bsn(number: str) -> bool:
    return sum((9 - at) * int(d) for at, d in enumerate(number[:8])) % 11 == int(number[8])


def _shape(pattern: str) -> re.Pattern[str]:
    # ASCII: the check rules are about these digits, and other scripts' digits would have no values here.
    return re.compile(rf"(?<![0-9A-Za-z_.-])(?<!\d ){pattern}(?![0-9A-Za-z_]|[-.]\w| \d)", re.ASCII)


def _named(*names: str) -> re.Pattern[str]:
    return re.compile("|".join(names), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Rule:
    """A shape with at least so many digits and this sign in it, its check, and the name it needs nearby.

    `hints` are parts of which the name has one, to be looked for in lower case.
    """

    least: int
    sign: str
    shape: re.Pattern[str]
    holds: Callable[[str], bool]
    hints: tuple[str, ...] = ()
    name: re.Pattern[str] | None = None
    everyday: bool = False  # of a shape without check digits that numbers of things have, too


_FISCAL_PART = re.compile(r"\d\d[A-Za-z]\d\d ?[A-Za-z]\d{3}")
_FISCAL_CODE = _shape(
    r"[A-Za-z]{3}(?P<gap> ?)[A-Za-z]{3}(?P=gap)\d\d[A-EHLMPR-Ta-ehlmpr-t]\d\d(?P=gap)"
    r"[A-Za-z]\d{3}[A-Za-z]"
)
_RULES: tuple[_Rule, ...] = (
    _Rule(9, "-", _shape(r"(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}"), always,
          everyday=True),
    _Rule(9, "", _shape(r"(?!000|666|9)\d{3}[ .]?(?!00)\d\d[ .]?(?!0000)\d{4}"), always,
          ("ssn", "social"), _named(r"\bssn", "social sec", r"\bsocial(?: is|:|#| number| no)")),
    _Rule(11, " ", _shape(r"[1-9]\d \d{3} \d{3} \d{3}"), _is_german_tax_id),
    _Rule(11, "", _shape(r"[1-9]\d{10}"), _is_german_tax_id, ("tax", "steuer", "id", "tin"),
          _named("tax", "steuer", r"\bid\b", "tin", "idnr")),
    _Rule(7, "", _shape(r"(?:\d{8}|\d\d?\.\d{3}\.\d{3}|[XYZxyz]-?\d{7})[- ]?[A-HJ-NP-TV-Za-hj-np-tv-z]"),
          _is_dni),
    _Rule(10, "", _shape(r"\d{3}[ -]?\d{3}[ -]?\d{4}"), _is_nhs, ("nhs",), _named(r"\bnhs\b")),
    _Rule(6, "", _shape(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]"), always,
          ("ni", "insurance", "n.i."), _named(r"\bni\b", r"\bnino\b", "insurance", r"\bn\.i\.")),
    _Rule(6, " ", _shape(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] \d\d \d\d \d\d [A-D]"), always),
    _Rule(11, ".", _shape(r"\d{3}\.\d{3}\.\d{3}-\d\d"), _is_cpf),
    _Rule(11, "", _shape(r"\d{11}"), _is_cpf, ("cpf",), _named(r"\bcpf\b")),
    _Rule(15, "", _shape(r"[12] ?\d\d ?(?:0[1-9]|1[0-2]) ?\d\d ?\d{3} ?\d{3} ?\d\d"), _is_nir),
    _Rule(17, "", _shape(r"[1-9]\d{16}[\dXx]"), _is_chinese),
    _Rule(11, "", _shape(r"\d{11}"), _is_pesel),
    _Rule(12, "", _shape(r"[2-9]\d{3}[ -]?\d{4}[ -]?\d{4}"), _is_aadhaar, ("aadha", "uid"),
          _named("aadha+r", r"\buid")),
    _Rule(9, "", _shape(r"(?:\d{3}[ .]?\d{3}[ .]?\d{3}|\d{4}\.\d\d\.\d{3})"), _is_bsn,
          ("bsn", "burgerservice"), _named(r"\bbsn\b", "burgerservice")),
    _Rule(9, "", _shape(r"\d{3}[ .-]?\d{3}[ .-]?\d{3}"), luhn,
          ("sin", "s.i.n", "nas", "social insurance"),
          _named(r"\bsin\b", r"\bs\.i\.n\b", r"\bnas\b", "social insurance")),
)  # fmt: skip
