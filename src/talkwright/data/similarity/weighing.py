"""Whether two answers contradict each other where no one sign decides: many weak signs, weighed together.

A rule of its own finds what it was made for. What two people write independently has seldom one sign that
is sure and mostly several that are not: one denies and the other does not, they share nothing but what was
asked, one gives a number and the other none, both are sure of themselves. Each sign has a weight, fitted by
logistic regression (scripts/weigh.py) to the pairs of tests/data/pairs, and from _LEAST on their sum
says that both cannot be right. No sign knows what a question is about.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

from talkwright.data.similarity.amounts import Amount, amounts, amounts_conflict
from talkwright.data.similarity.lexicon import LIGHT
from talkwright.data.similarity.rewording import asked_for, concept, in_one_word
from talkwright.data.similarity.similar import words
from talkwright.data.similarity.tongues import is_foreign, side_abroad
from talkwright.data.similarity.verdicts import (
    answered,
    frame_of,
    is_request,
    plainly,
    sides_opposed,
    verdict,
)
from talkwright.data.similarity.weights import WEIGHTS

# From here on it is a contradiction with a probability of 0.7; of questions in other words, 0.85.
_LEAST = math.log(0.7 / 0.3)
_LEAST_REWORDED = math.log(0.85 / 0.15)
_LONGEST = 60  # words of an answer that is weighed
_REACH = (4, 7)  # words before and behind a denial that it denies

_STATES_NOTHING = re.compile(
    r"\?|\b(?:provide (?:me|us)|please (?:provide|share|let me|tell)|let (?:me|us) know"
    r"|give me a moment|guide you|sorry again|i (?:do not|don['\u2019]t) (?:know|have))\b"
    r"|sorry, but",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[\w'-]+")
_FIRST = re.compile(r"[.!;](?:\s|\Z)")
_CLAUSE = re.compile(
    r"[.;!?](?:\s|\Z)|,? (?:but|however|although|though|yet|whereas) |[:(),] | \u2013 | - "
)
_DENIES = re.compile(
    r"\b(?:not|no|never|cannot|none|nothing|neither|nobody|nowhere|without|MAYNOT|unable|nicht|kein\w*"
    r"|niet|geen|pas|jamais|nunca|non|n\u00e3o|nie|aucun\w*)\b|n't\b"
)
_SURE = re.compile(
    r"\b(?:only|always|never|every|all|any|must|nothing|none|whatever|exactly|entirely|strictly|solely"
    r"|sole|exclusively|regardless|no matter|at all|impossible|forbidden|under no circumstances"
    r"|completely|wholly|nur|immer|toujours|seulement|siempre|solo)\b"
)
_HEDGES = re.compile(
    r"\b(?:may|can|could|try|some|such as|often|usually|for example|e\.g|also|or|might|another|among"
    r"|one of|depends?|typically|includes?|like|consider|how about)\b"
)
_MANY_RIGHT = re.compile(
    r"(?:how (?:do|can|could|should|to|would|did)|what (?:can|could|should)|what helps|why\b"
    r"|what (?:are|were)|what(?:'s| is) the difference|tell|describe|explain|write|give|suggest|recommend|name)\b"
)
_VALUES = frozenset(["when", "span", "money", "count", "where", "who", "often"])


@dataclass(frozen=True, slots=True)
class _Said:
    """What an answer says, for a comparison with another."""

    words: tuple[str, ...]
    length: int
    affirmed: frozenset[str]
    denied: frozenset[str]
    amounts: tuple[Amount, ...]
    yes: int
    denies: bool
    denies_first: bool
    sure: int
    hedges: bool

    @property
    def named(self) -> frozenset[str]:
        return self.affirmed | self.denied


def weighed(a: tuple[str, str], b: tuple[str, str], *, reworded: bool = False) -> bool:
    """Say whether two (question, answer) probably contradict each other.

    Their questions, in normal form, are the same, in other words if `reworded`.
    """
    if not can_be_weighed(a) or not can_be_weighed(b):
        return False
    total = sum(WEIGHTS[name] * value for name, value in signs(a, b).items()) + WEIGHTS["always"]
    return total >= (_LEAST_REWORDED if reworded else _LEAST)


def can_be_weighed(row: tuple[str, str]) -> bool:
    """Say whether a (question, answer) is a plain question with an answer that states something."""
    return (
        row[1].count(" ") < _LONGEST
        and not _STATES_NOTHING.search(row[1])
        and asked_for(row[0]) is not None
        and not is_request(row[0])
    )


def signs(a: tuple[str, str], b: tuple[str, str]) -> dict[str, float]:
    """The signs of two (question, answer), by name, in either order the same."""
    one, other = _said(a[1]), _said(b[1])
    found: dict[str, float] = {}
    _of_words(found, one, other, _about(a[0]) | _about(b[0]))
    _of_stance(found, one, other)
    _of_sides(found, a, b)
    _of_values(found, one, other)
    sorts = [asked.sort if asked else "" for asked in (asked_for(a[0]), asked_for(b[0]))]
    found["value asked"] = sum(map(_VALUES.__contains__, sorts)) / 2
    found["many right"] = float(bool(_MANY_RIGHT.match(a[0]) or _MANY_RIGHT.match(b[0])))
    return found


def _of_words(found: dict[str, float], one: _Said, other: _Said, about: frozenset[str]) -> None:
    """What both name, besides what was asked and of it, and how alike they are word by word."""
    mine, yours = one.named - about, other.named - about
    found["share"] = len(mine & yours) / max(1, min(len(mine), len(yours)))
    found["one says it all"] = float(mine <= yours or yours <= mine)
    agreed = ((one.affirmed - one.denied) & (other.affirmed - other.denied)) | (
        (one.denied - one.affirmed) & (other.denied - other.affirmed)
    )
    found["say alike"] = float(min(4, len(agreed - about)))
    found["asked of both"] = len(one.named & other.named & about) / max(1, len(about))
    lengths = sorted((max(1, one.length), max(1, other.length)))
    found["longer"] = math.log(lengths[1] / lengths[0])
    left, right = one.words, other.words
    shorter = min(len(left), len(right))
    begin = next((n for n in range(shorter) if left[n] != right[n]), shorter)
    end = next(
        (n for n in range(shorter - begin) if left[-1 - n] != right[-1 - n]), shorter - begin
    )
    found["same ends"] = (begin + end) / max(1, len(left), len(right))
    every = {*left, *right}
    found["same words"] = len({*left} & {*right}) / max(1, len(every))


def _of_stance(found: dict[str, float], one: _Said, other: _Said) -> None:
    """Denials, and how sure each is of itself."""
    found["one denies"] = float(one.denies != other.denies)
    found["both deny"] = float(one.denies and other.denies)
    found["both deny first"] = float(one.denies_first and other.denies_first)
    found["sure"] = float(min(3, one.sure + other.sure))
    found["both hedge"] = float(one.hedges and other.hedges)
    found["same answer"] = float(one.yes * other.yes > 0)
    found["yes and no"] = float(one.yes * other.yes < 0)
    found["one says yes or no"] = float((one.yes == 0) != (other.yes == 0))


def _of_sides(found: dict[str, float], a: tuple[str, str], b: tuple[str, str]) -> None:
    """Which side each takes of what was asked."""
    if is_foreign(a[0]) or is_foreign(b[0]):
        mine, yours = side_abroad(a[0], a[1]), side_abroad(b[0], b[1])
    else:
        frames = [frame_of(plainly(x[0])) for x in (a, b)]
        claim, theirs = frames[0] or frames[1], frames[1] or frames[0]
        mine = verdict(claim, plainly(a[1])).sign if claim else 0
        yours = verdict(theirs, plainly(b[1])).sign if theirs else 0
    found["sides apart"] = float(mine * yours < 0)
    found["opposites"] = float(
        sides_opposed(f"{a[0]} {b[0]}", plainly(a[1]), plainly(b[1]))
    )


def _of_values(found: dict[str, float], one: _Said, other: _Said) -> None:
    """Whether they give amounts, and the same."""
    both = bool(one.amounts) and bool(other.amounts)
    apart = both and amounts_conflict(one.amounts, other.amounts)
    found["amounts apart"] = float(apart)
    found["amounts agree"] = float(both and not apart)
    found["one amount"] = float(bool(one.amounts) != bool(other.amounts))


@lru_cache(maxsize=4096)
def _said(answer: str) -> _Said:
    plain = plainly(answer)
    named = in_one_word(plain)
    affirmed, denied = _by_polarity(named)
    return _Said(
        words=words(answer),
        length=len(_TOKEN.findall(plain)),
        affirmed=affirmed,
        denied=denied,
        amounts=amounts(answer)[0],
        yes=answered(plain),
        denies=bool(_DENIES.search(named)),
        denies_first=bool(_DENIES.search(_FIRST.split(named, maxsplit=1)[0])),
        sure=len(_SURE.findall(plain)),
        hedges=bool(_HEDGES.search(plain)),
    )


@lru_cache(maxsize=4096)
def _about(question: str) -> frozenset[str]:
    return frozenset(map(concept, _TOKEN.findall(question))) - {""}


def _by_polarity(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """What a text names within reach of a denial of the same clause, and elsewhere, the latter first."""
    affirmed: set[str] = set()
    denied: set[str] = set()
    for clause in _CLAUSE.split(text):
        said = _TOKEN.findall(clause)
        deniers = [at for at, word in enumerate(said) if _DENIES.search(word)]
        for at, word in enumerate(said):
            name = "" if word in LIGHT or any(map(str.isdecimal, word)) else concept(word)
            if name and name not in LIGHT:
                reached = any(-_REACH[0] <= at - denier <= _REACH[1] for denier in deniers)
                (denied if reached else affirmed).add(name)
    return frozenset(affirmed), frozenset(denied)
