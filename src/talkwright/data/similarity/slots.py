"""What fills the place that a question leaves open: who, where, which day, how often.

Two answers to one question that fill it differently contradict each other, in whatever words.
"""

from __future__ import annotations

import re
from functools import lru_cache

from talkwright.data.similarity.amounts import MONTHS, written_out
from talkwright.data.similarity.lexicon import OPPOSITES, PLACES, ROLES
from talkwright.data.similarity.rewording import asked_for, concept
from talkwright.data.similarity.similar import normal

_LONGEST = 40  # words of an answer that fills one place
_TOKEN = re.compile(r"[\w'-]+")
_DENIES = re.compile(r"\b(?:not|no|never|cannot|neither|nor|except|unless|without)\b|n't\b")
_DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()  # noqa: SIM905
_NAME = re.compile(r"(?<![.!?:] )(?<!\A)\b[A-Z][\w'-]*(?: [A-Z][\w'-]*)*")
_FLOOR = re.compile(r"\b(?:ground|first|second|third|fourth|fifth|top|1st|2nd|3rd|\d+th) floor\b")
_NOTHING = re.compile(
    r"\b(?:there(?:'s| is| are) no|we have no|has no|have no|there (?:isn't|aren't) (?:a|an|any)|no) (?:\w+ )?(?P<what>\w+)"
)
_PERIODS = [
    (60.0, r"hourly|(?:every|each|once an|per) hour"),
    (1440.0, r"daily|nightly|(?:every|each|per|once a) (?:single )?(?:day|night|morning|evening|weekday)|day by day"),
    (10080.0, r"weekly|(?:every|each|per|once a) (?:week|monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
              r"|on (?:mondays|tuesdays|wednesdays|thursdays|fridays|saturdays|sundays)"),
    (20160.0, r"fortnightly|biweekly|(?:every|each) (?:other|second|2|two) (?:week|weeks)|every fortnight|twice a month"),
    (43200.0, r"monthly|(?:every|each|per|once a) month|first of (?:the|each|every) month|end of (?:the|each|every) month"),
    (86400.0, r"every (?:other|second|2|two) months?|bimonthly"),
    (129600.0, r"quarterly|(?:every|each|per|once a) quarter|every (?:3|three) months|four times a year"),
    (259200.0, r"twice a year|half-yearly|biannually|semi-?annually|every (?:6|six) months"),
    (518400.0, r"yearly|annually|(?:every|each|per|once a) (?:year|spring|summer|autumn|winter|january|december)"),
]  # fmt: skip
_PERIOD = [(minutes, re.compile(rf"\b(?:{shape})\b")) for minutes, shape in _PERIODS]
_MANY = re.compile(r"\b(?:can|could|may) i (?:find|buy|get|learn|see|read|park|eat|complain)\b")


def filled_differently(question: str, a: str, b: str) -> bool:
    """Say whether two answers to one question, as written, fill its place with different things."""
    asked = asked_for(normal(question).rstrip("?!. "))
    if asked is None or asked.negated or "?" in a + b:
        return False
    one, other = normal(a).replace("\u2019", "'"), normal(b).replace("\u2019", "'")
    if max(one.count(" "), other.count(" ")) >= _LONGEST:
        return False
    if asked.sort in ("often", "when") and _apart(_periods(one), _periods(other)):
        return True
    if asked.sort in ("when", "which", "often") and _apart(_days(one), _days(other)):
        return True
    if _DENIES.search(one) or _DENIES.search(other):
        return False
    if asked.sort == "who":
        return _apart(_things(one, ROLES, question), _things(other, ROLES, question))
    if asked.sort == "where" and not _MANY.search(normal(question)):
        return _apart(_places(one, question), _places(other, question)) and not (
            _names(a, question) & _names(b, question)
        )
    if asked.sort == "which" and not normal(question).split()[1:2][0].endswith("s"):
        return _apart(_names(a, question), _names(b, question))
    return False


def _apart(a: frozenset[object], b: frozenset[object]) -> bool:
    return bool(a) and bool(b) and not a & b


@lru_cache(maxsize=2048)
def _periods(text: str) -> frozenset[object]:
    text = text.replace("1 ", "every ") if text.startswith("1 ") else text
    return frozenset(minutes for minutes, shape in _PERIOD if shape.search(text))


def _days(text: str) -> frozenset[object]:
    said = {word.removesuffix("s") for word in _TOKEN.findall(text)}
    return frozenset(said & {*_DAYS}) or frozenset(said & {*MONTHS} - {"may", "march"})


def _things(text: str, table: frozenset[str], question: str) -> frozenset[object]:
    asked = set(_TOKEN.findall(normal(question)))
    return frozenset(
        concept(form)
        for word in _TOKEN.findall(text)
        for form in (word, word.removesuffix("s"))
        if form in table and word not in asked
    )


def _places(text: str, question: str) -> frozenset[object]:
    return _things(text, PLACES, question) | frozenset(_FLOOR.findall(text))


def _names(text: str, question: str) -> frozenset[object]:
    asked = set(_TOKEN.findall(normal(question)))
    return frozenset(
        word for name in _NAME.findall(text) for word in normal(name).split() if word not in asked and word != "i"
    )
