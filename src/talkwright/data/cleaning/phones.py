"""Telephone numbers: by their shape, and by the nearest words that say what kind of number this is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from talkwright.data.cleaning.looks import WINDOW, Span

_LEAST = 8  # digits
_JOINS = r"\u00b7\u2010-\u2013"  # middle dot, and the dashes that word processors make of "-"

_RUN = re.compile(
    r"(?<![0-9A-Za-z_@#$€£¥&+])(?<![0-9A-Za-z][-./,])(?<![0-9][:=*])(?:\+ ?)?\(?\d"
    rf"(?:(?:[ \u00a0./()\-{_JOINS}]| ?[-/\u2013] |\) ?| \(|\)[-.])?\d){{7,24}}"
)
_AFTER = re.compile(
    r"(?!(?:x|ext\.?) ?\d{1,6}\b)"  # an extension
    r"(?:[0-9A-Za-z_@%°€$£]|[.,:]\d|-\w| ?(?:€|EUR|USD|\$|£|%|km|kg|ms|bytes)\b)"
)
DATE = re.compile(r"(?:19|20)\d\d[-./](?:0?[1-9]|1[0-2])[-./]\d|\b\d\d?[-./]\d\d?[-./](?:19|20)\d\d\b")
_COMPACT_DATE = re.compile(
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[0-2]\d[0-5]\d(?:[0-5]\d)?)?\Z"
)
# ITU-T E.164 country codes by their first digits.
_COUNTRY = re.compile(
    r"(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
    r"|2[1-689]\d|3[578]\d|42[0-3]|5[09]\d|6[7-9]\d|8[058]\d|9[679]\d)"
)
_JOIN = rf"(?: ?[-./{_JOINS}] ?|[ \u00a0])"
_IN_BRACKETS = re.compile(  # (555) 234-5678
    rf"(?:1{_JOIN}?)?\([2-9]\d\d\)[-. \u00a0]?[2-9]\d\d{_JOIN}?\d{{4}}"
)
_NATIONAL = (
    _IN_BRACKETS,
    re.compile(rf"(?:1{_JOIN})?[2-9]\d\d{_JOIN}[2-9]\d\d{_JOIN}\d{{4}}"),  # 555-234-5678
    re.compile(r"[2-9]\d\d([-. ])\d{3}\1\d{4}"),  # 347 123 4567
    re.compile(r"1[3-9]\d([- ])\d{4}\1\d{4}"),  # 138 1234 5678
    re.compile(r"\([1-9]\d\) ?\d{4,5}[- ]?\d{4}"),  # (11) 91234-5678
    # 8 (916) 123-45-67
    re.compile(r"8[- ]?(?:\([3-9]\d\d\)[- ]?|9\d\d[- ])\d{3}-\d\d-\d\d"),
)
_TRUNK = re.compile(r"\(?0[1-9]\d{0,4}\)?(?: ?[-/.\u2010-\u2013 ] ?|(?<=\)))?\d[\d ./\u2010-\u2013-]*")
_ZIP = re.compile(r"0\d{4}-0\d{3}")  # US ZIP+4; no number of a subscriber begins with 0
# "Call the function", "call foo(": nobody is called there.
_NO_CODE = (
    r"(?! (?:\w+ ){0,2}(?:function|method|api|endpoint|routine|procedure|macro|constructor)s?\b)"
    r"(?!\s+`?[\w.]+\()"
)
_PHONE_WORD = (
    r"tele?(?:ph|f)\w*|t[ée]l\b|tlf|phone\w*|mobile?\b|mobil\w*|m[óo]vil|cell(?:ulare|ular|phone)?\b|"
    rf"celular|call\w*{_NO_CODE}|dial\w*|fax\w*|whats ?app|ring\b|text (?:me|us|him|her|them)|"
    r"(?:can|please|just) text|"
    r"sms|hotline|reach (?:me|us|him|her)|landline|voice ?mail|"
    r"contact|handy\w*|rufnummer|anruf\w*|rufen|appel\w*|ll[aá]m\w*|lig\w+ para|chiam\w+|"
    r"телефон|电话|手机|電話|携帯|拨打"
)
_OWN_WORD = (
    r"(?:my|our|his|her|their|mom's|dad's) "
    r"(?:(?:new|old|work|home|direct|personal|office|private|current) )?(?:number|no\.|digits)"
)
_ID_WORD = (
    r"order\w*|invoice\w*|ticket\w*|tracking|refer?ence|ref\b|(?<!in )case\b|sku|part\b|serial|"
    r"isbn|ean|upc|model|version|customer (?:id|no|number)|account|article|item|batch|lot\b|timestamp|"
    r"id\b|policy|booking|parcel|shipment|contract|bestell\w*|rechnung\w*|auftrag\w*|pedido|commande|factur\w*|"
    r"total|price|population|score|card|zip\b|post(?:al)? ?code|plz|confirmation|member(?:ship)?\b|"
    r"employee|student|claim|coupon|catalog\w*|registration"
)
_WORD = re.compile(
    rf"(?<![^\W_])(?:(?P<phone>{_PHONE_WORD})|(?P<own>{_OWN_WORD})|(?P<id>{_ID_WORD}))", re.IGNORECASE
)
_ARGUMENT = re.compile(
    r"(?<![^\W_])(?!tel|fax|phone|mobil|cell|fon\b)[^\W\d][\w.]*\((?:[\w=, ]{1,30}[=,] ?)?\Z", re.I
)
_SENTENCE_END = re.compile(r"(?<!\bno)(?<!\bnr)(?<!\bref)[.!?]\s|\n")
_SAID_BEHIND = re.compile(
    r"[\s,(:\u2013\u2014-]{1,3}(?:(?:is|was) )?(?:(?:my|our|his|her|the|a) )?(?:\w{1,15} )?"
    r"(?:phone|cell|mobile|whats ?app|landline|handy|tel\b)"
    r"|(?:まで|に)(?:ご連絡|お?電話)"
    r"|\W{1,4}(?:please )?(?:call|text|ring|whats ?app) (?:me|us)\b",
    re.IGNORECASE,
)

# The same where somebody says that it is theirs: then it may be written in groups, too.
_OWN_BEHIND = re.compile(
    r"[\s,(:\u2013\u2014-]{1,3}(?:is|es|est|ist|é|è) "
    r"(?:my|our|his|her|mi|mon|notre|mein|meine|meu|minha|(?:il )?mio) (?:\w{1,15} )?"
    r"(?:phone|cell|mobile|whats ?app|m[óo]vil|celular|tel[ée]fono|portable|t[ée]l[ée]phone|handy"
    r"|telefone?|cellulare)"
    r"|\W{1,4}(?:please )?(?:call|text|ring|whats ?app) (?:me|us)\b",
    re.IGNORECASE,
)


def find_phones(text: str, runs: Sequence[tuple[int, int, int]]) -> Iterator[Span]:
    """Yield where telephone numbers stand; `runs` are (start, end, digits) of what may be a number."""
    for at, stop, count in runs:
        if count < _LEAST:
            continue
        for found in _RUN.finditer(text, at, stop):
            start, end = found.span()
            if _AFTER.match(text, end):
                continue
            for first, last in _pieces(text, start, end):
                if _is_phone(text[first:last], text, start, last):
                    yield first, last


def said_before(text: str, start: int) -> str | None:
    """What the nearest word before a number calls it: "phone", "own" ("my number"), "id", or nothing.

    An order that was spoken of a sentence ago says nothing of this number; a telephone does.
    """
    before = text[max(0, start - WINDOW) : start]
    last = None
    for last in _WORD.finditer(before):  # noqa: B007 - the last one is meant
        pass
    if last is None or (last.lastgroup == "id" and _SENTENCE_END.search(before, last.end())):
        return None
    return last.lastgroup


def _pieces(text: str, start: int, end: int) -> list[Span]:
    # Two numbers with a slash between them; one number is written with a slash too.
    cut = re.search(r" [/\u2013-] (?=\(?0)", text[start:end])
    if cut and cut.start() >= _LEAST and end - start - cut.end() >= _LEAST:
        return [(start, start + cut.start()), (start + cut.end(), end)]
    return [(start, end)]


def _is_phone(run: str, text: str, start: int, end: int) -> bool:
    """Judge a run of digits by its shape; the nearest telling word tightens or loosens."""
    digits = re.sub(r"\D", "", run)
    if (
        not _LEAST <= len(digits) <= 15
        or _COMPACT_DATE.match(run)
        or DATE.search(run)
        or len(set(digits)) == 1
    ):
        return False
    if run[0] == "+":
        return bool(_COUNTRY.match(digits)) and " - " not in run  # + 1010 - 3622 is arithmetic
    if _IN_BRACKETS.fullmatch(run):
        return True  # nothing else is written so
    separated = len(run) > len(digits)
    before = max(0, start - WINDOW)
    if not separated and "(" in text[before:start] and _ARGUMENT.search(text, before, start):
        return False  # foo(12345678)
    said = said_before(text, start)
    if said == "id":
        return False
    if said == "phone" or (said == "own" and 9 <= len(digits) <= 12):
        return True
    if digits.startswith("00"):
        return len(digits) >= 11 and separated and bool(_COUNTRY.match(digits[2:]))
    if digits.startswith("011") and len(digits) > 12 and separated:
        return bool(_COUNTRY.match(digits[3:]))
    if any(shape.fullmatch(run) for shape in _NATIONAL):
        return True
    if _ZIP.fullmatch(run):
        return False
    if 9 <= len(digits) <= 12 and _OWN_BEHIND.match(text, end):
        return True
    if not separated:
        return 9 <= len(digits) <= 12 and bool(_SAID_BEHIND.match(text, end))
    return 9 <= len(digits) <= 12 and bool(_TRUNK.fullmatch(run))
