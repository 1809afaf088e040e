"""Numbers that are written in parts as one number: "2.5 million", "3 hours 15 minutes", "6 feet 2".

Of texts in normal form, in which number words are digits already.
"""

from __future__ import annotations

import re

_SCALES = {"million": 10**6, "mio": 10**6, "millionen": 10**6, "millones": 10**6, "billion": 10**9,
           "bn": 10**9, "milliarden": 10**9, "thousand": 1000, "dozen": 12}  # fmt: skip
_SCALED = re.compile(rf"(?<![\w.,])(\d+(?:[.,]\d+)?) ?({'|'.join(_SCALES)})\b")
_POWER = re.compile(r"(?<![\w.,])(\d+(?:[.,]\d+)?) ?[\u00d7x\u00b7] ?10 ?\^ ?(\d{1,2})\b")
_SUPER = str.maketrans("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079", "0123456789")
_RAISED = re.compile(r"(?<=10)[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]+")
_HOURS = re.compile(
    r"\b(\d+) ?(h|hours?|hrs?|stunden?|heures?|horas?|ore|uur) ?(?:(?:and|und|et|y|e|en) )?"
    r"(\d{1,2})(?: ?(min(?:ute[nrs]?|utos|uti|uut|uten|s)?)\b|\b(?![:.,]?\d| ?[%\u20ac$a-z]))"
)
_LONGEST = 5  # hours that "1h30" may last; "9h30" is a time of day
_FEET = re.compile(
    r"\b(\d) ?(?:feet|foot|ft|') ?(\d{1,2})(?: ?(?:inch(?:es)?|in|\"))?(?=[.,;!)]|\Z| tall)"
)
_METRES = re.compile(r"\b(\d) (?:metres?|meters?|m) (\d\d)(?=[.,;!)]|\Z)")
_PARTS = {"\u00bd": 0.5, "\u00bc": 0.25, "\u00be": 0.75, "\u2153": 1 / 3, "\u2154": 2 / 3}
_PART = re.compile(rf"(?<![\w.,])(\d*) ?([{''.join(_PARTS)}])")
_FRACTION = re.compile(
    r"(?<![\w.,/])(?:(\d+) )?([1-7])/([2-8])(?= (?:of )?(?:an? |1 |the )?(?:full |regular )?(?:cup|tea"
    r"|table|tsp|tbsp|pint|litre|liter|inch|mile|hour|kilo|pound|price|cost|rent|fee)s?)"
)
_OUT_OF = re.compile(
    r"\b(one|\d+) (?:out of(?: every)?|in(?= \d+(?: (?:people|adults|children|women|men|users|customers"
    r"|patients|cases|households|of)\b|[.,;!]|\Z))) (\d+)\b"
)
_SPEED = re.compile(
    r"(?<=\d) ?(?:(km/h|kph|kmh|kilometres (?:per|an|1) hour)|(mph|miles (?:per|an|1) hour))\b"
)
_TWICE = re.compile(r"\btwice(?= (?:per|each|every|1|an?) )")
_ORDINAL = re.compile(
    r"\b(a|the|your|another|my|any) second (?=[a-z])(?!second (?:or|and|of|to|in|at|before|after|later"
    r"|per|for|when|if|is|was|on|faster|slower|longer|by)\b)"
)
_IN_FULL = re.compile(
    r"\b(?:the )?(?:(?:full|entire|whole)(?: \w+)? (?:price|amount|sum|refund|cost|fare|fee|value"
    r"|reimbursement)|refund\w* (?:\w+ )?in full|(?:money|price|amount) back in full)\b"
)


def in_figures(text: str) -> str:
    """A text in normal form, each number in it as one."""
    if "10" in text:
        text = _RAISED.sub(lambda found: "^" + found[0].translate(_SUPER), text)
        text = _POWER.sub(lambda m: f"{_value(m[1]) * 10 ** int(m[2]):.0f}", text)
    if not _PARTS.keys().isdisjoint(text):
        text = _PART.sub(lambda m: f"{int(m[1] or 0) + _PARTS[m[2]]:g}", text)
    if "/" in text:
        text = _FRACTION.sub(lambda m: f"{int(m[1] or 0) + int(m[2]) / int(m[3]):g}", text)
    text = _SCALED.sub(lambda m: f"{_value(m[1]) * _SCALES[m[2]]:.0f}", text)
    text = _HOURS.sub(_minutes, text)
    text = _METRES.sub(r"\1.\2 metre", _FEET.sub(lambda m: f"{12 * int(m[1]) + int(m[2])} inches", text))
    if "out of" in text or " in " in text:
        text = _OUT_OF.sub(_share, text)
    return _SPEED.sub(lambda m: " kmh" if m[1] else " mph", text)


def without_ordinals(text: str) -> str:
    """A text in normal form in which "a second person" is no second, "twice" is "2 times", and a price
    in full a share of it."""
    if "second" in text:
        text = _ORDINAL.sub(r"\1 other ", text)
    if "full" in text or "entire" in text or "whole" in text:
        text = _IN_FULL.sub(r"100 hundredths \g<0>", text)
    return _TWICE.sub("2 times", text)


def _value(number: str) -> float:
    return float(number.replace(",", "."))


def _minutes(found: re.Match[str]) -> str:
    hours = int(found[1])
    if found[4] is None and (found[2] == "h") and hours >= _LONGEST:
        return found[0]
    return f"{60 * hours + int(found[3])} minutes"


def _share(found: re.Match[str]) -> str:
    """One in four is 25 %; sixty out of a hundred points are sixty as well."""
    part, of = 1 if found[1] == "one" else int(found[1]), int(found[2])
    return f"{100 * part / of:g} percent {part}" if 0 < part <= of else found[0]
