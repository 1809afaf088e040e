"""Whether two answers contradict each other where no one sign decides: weak signs, weighed together.

A rule finds what it was made for. What two people write independently seldom has one sign that is sure,
and mostly several that are not: one denies and the other does not, they share nothing but what was
asked, one gives a number and the other none, both are sure of themselves. Each sign has a weight, fitted
by logistic regression (scripts/weigh.py) to the pairs of tests/data/pairs. No sign knows what a question
is about.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from talkwright.data.similarity.amounts import Amount, amounts, amounts_conflict, amounts_meet
from talkwright.data.similarity.fillers import apart as intervals_apart
from talkwright.data.similarity.fillers import intervals, other_cases
from talkwright.data.similarity.lexicon import LIGHT
from talkwright.data.similarity.mentions import ruled_out_of
from talkwright.data.similarity.rewording import asked_for, concept, in_one_word
from talkwright.data.similarity.similar import words
from talkwright.data.similarity.tongues import is_foreign, side_abroad
from talkwright.data.similarity.verdicts import (
    NEITHER,
    REFUSES,
    answered,
    frame_of,
    is_request,
    plainly,
    sides_opposed,
    verdict,
)
from talkwright.data.similarity.weights import WEIGHTS

LEAST = 0.8  # how probable a contradiction must be that no rule finds
LEAST_ALIKE = 0.6  # more probably than that the questions must ask the same
_RULED = 0.4  # the same of one that a rule finds
_RULED_ALIKE = 0.4
_ASIDES = 18  # words, from which an answer says more than was asked
_LONGEST = 60  # words of an answer that is weighed
_RESTATED = 0.6  # of the words of two answers, from which one is an edit of the other: a case for rules
_EDITED = 0.7  # of its words, from which a text with other words in one place is that text edited
_LONG_EDIT = 12  # words, of which a few in one place are another's doing
_AGREED = 0.4  # of what the shorter says besides what was asked; who shares more must oppose it
_MOST_OUT = 2  # things ruled out, from which one more proves nothing
_OPPOSE = ("sides apart", "one denies", "first amounts apart", "opposites", "rules out")

_TOKEN = re.compile(r"[\w'-]+")
_SENTENCE = re.compile(r"[.!;](?:\s|\Z)")
_FIRST = re.compile(r"(?<=[.!;?])\s+")
_STATES_NOTHING = re.compile(
    r"\?|\b(?:provide (?:me|us)|please (?:provide|share|let me|tell)|let (?:me|us) know"
    r"|(?:give|allow) me a moment|guide you|sorry again|i (?:do not|don['\u2019]t) (?:know|have)"
    r"|i(?:['\u2019]m| am) here to|my (?:\w+ )?(?:limitations|capabilities)|language model)\b"
    r"|sorry, but|\{\{|\[[a-z ]+\]",
    re.IGNORECASE,
)
_CASE = re.compile(r"\b(?:if|unless|until|as long as|provided|once|except)\b[^.;!]*")
_DENIES = re.compile(
    r"\b(?:not|no|never|cannot|none|nothing|neither|nobody|nowhere|MAYNOT|unable|nicht|kein\w*"
    r"|niet|geen|pas|jamais|nunca|non|n\u00e3o|nie|aucun\w*)\b|n't\b"
)
_SURE = re.compile(
    r"\b(?:only|always|never|every|all|any|must|nothing|none|whatever|exactly|entirely|strictly|solely"
    r"|sole|exclusively|regardless|no matter|at all|impossible|forbidden|under no circumstances"
    r"|completely|wholly|nur|immer|toujours|seulement|siempre|solo)\b"
)
# Such a word excludes other ways; "all the formulas", "every page" do not.
_EXCLUDES = re.compile(
    r"\b(?:only|always|never|must|nothing|whatever|exactly|strictly|solely|exclusively|regardless"
    r"|no matter|at all|impossible|forbidden|under no circumstances|can(?:not|'t) be"
    r"|(?:not|n't) possible|no longer|nur|immer|toujours|seulement|siempre|solo)\b"
)
_HEDGES = re.compile(
    r"\b(?:may|can|could|try|some|such as|often|usually|for example|e\.g|also|or|might|another|among"
    r"|one of|depends?|typically|includes?|like|consider|how about)\b"
)
# Of these there is more than one right answer.
_MANY_RIGHT = re.compile(
    r"(?:\A|[.!?:,] )(?:how (?:do|can|could|should|to|would|did)|(?:what|where) (?:can|could|should)"
    r"|what helps|why\b|what (?:are|were)|what(?:'s| is) the difference|tell|describe|explain|write|give"
    r"|suggest|recommend|name)\b"
)
_UNCOUNTED = frozenset(["where", "who", "why"])  # an amount answers none of these
_VALUES = frozenset(["when", "span", "money", "count", "where", "who", "often"])


@dataclass(frozen=True, slots=True)
class _Said:
    """What an answer says, for a comparison with others; `yes` is 1, -1 for no, or 0 for neither."""

    words: tuple[str, ...]
    length: int
    names: frozenset[str]
    amounts: tuple[Amount, ...]
    first_amounts: tuple[Amount, ...]
    yes: int
    denies: bool
    denies_first: bool
    refuses: bool
    sure: int
    hedges: bool


def weighed(a: tuple[str, str], b: tuple[str, str], alike: float = 1.0) -> bool:
    """Say whether two (question in normal form, answer) probably contradict each other, whose questions
    are the same with the probability `alike`; both must be probable."""
    if alike <= LEAST_ALIKE or not can_be_weighed(a) or not can_be_weighed(b):
        return False
    found = signs(a, b)
    if found["same words"] > _RESTATED:
        if not _exchanged(a[1], b[1]):
            return False
    elif found["share"] > _AGREED and not any(found[name] for name in _OPPOSE):
        return False
    if found["many right"] and not any(_EXCLUDES.search(plainly(answer)) for _, answer in (a, b)):
        return False  # of several ways, one excludes the others only if it says so
    if other_cases(a[1], b[1]) and all(_said(answer).amounts for _, answer in (a, b)):
        return False  # so often in summer, so often in winter
    return _probability(found) >= LEAST


def believed(a: tuple[str, str], b: tuple[str, str], alike: float = 1.0) -> bool:
    """Say whether to believe the rule that tells that two (question in normal form, answer) contradict
    each other, whose questions are the same with the probability `alike`.

    A longer answer says more than was asked, so that a rule may compare what are asides: of such the
    other signs must not say the contrary.
    """
    if alike < _RULED_ALIKE:
        return False
    short = min(len(_TOKEN.findall(answer)) for _, answer in (a, b)) < _ASIDES
    if short or not can_be_weighed(a) or not can_be_weighed(b):
        return True
    return _probability(signs(a, b)) >= _RULED


def _probability(found: dict[str, float]) -> float:
    """How probably two answers with these signs, to one question, contradict each other, 0 to 1."""
    logit = sum(WEIGHTS[name] * value for name, value in found.items()) + WEIGHTS["always"]
    return 1 / (1 + math.exp(-logit))


def _exchanged(a: str, b: str) -> bool:
    """Say whether two longer answers are one text, but for a few words in one place that name, or say
    how often, something else."""
    left, right = words(a), words(b)
    begin, end = _same_ends(left, right)
    longest = max(len(left), len(right))
    if longest < _LONG_EDIT or begin + end < _EDITED * longest:
        return False
    parts = [" ".join(said[begin : len(said) - end]) for said in (left, right)]
    # With the word behind: "every" and "each" say the same before "day".
    often = [intervals(" ".join(said[begin : len(said) - end + 1])) for said in (left, right)]
    if all(often):
        return intervals_apart(*often)
    mine, yours = map(_named, parts)
    return bool(mine - yours and yours - mine)


def _same_ends(left: Sequence[str], right: Sequence[str]) -> tuple[int, int]:
    """With how many words two texts begin alike, and with how many they end alike."""
    most = min(len(left), len(right))
    begin = next((n for n in range(most) if left[n] != right[n]), most)
    return begin, next((n for n in range(most - begin) if left[-1 - n] != right[-1 - n]), most - begin)


def can_be_weighed(row: tuple[str, str]) -> bool:
    """Say whether a (question, answer) is a plain question with an answer that states something."""
    return (
        row[1].count(" ") < _LONGEST
        and not _STATES_NOTHING.search(row[1])
        and asked_for(row[0]) is not None
        and not is_request(row[0])
    )


def signs(a: tuple[str, str], b: tuple[str, str]) -> dict[str, float]:
    """The signs of two (question, answer), by name; the same in either order."""
    one, other = _said(a[1]), _said(b[1])
    sorts = [asked.sort for asked in (asked_for(a[0]), asked_for(b[0])) if asked]
    return {
        **_of_words(one, other, _named(a[0]) | _named(b[0])),
        **_of_stance(one, other),
        **_of_sides(a, b),
        **_of_amounts(one, other, a[1], b[1]),
        "rules out": float(min(_MOST_OUT, ruled_out_of(_about(a[0], b[0]), a[1], b[1]))),
        **_of_first(one, other, sorts),
        "value asked": sum(map(_VALUES.__contains__, sorts)) / 2,
        "many right": float(bool(_MANY_RIGHT.search(a[0]) or _MANY_RIGHT.search(b[0]))),
    }


def _about(*questions: str) -> frozenset[str]:
    """What questions are about."""
    return frozenset(name for asked in map(asked_for, questions) if asked for name in asked.about)


def _of_words(one: _Said, other: _Said, about: frozenset[str]) -> dict[str, float]:
    """What both name, besides what was asked and of it, and how alike they are word by word."""
    mine, yours = one.names - about, other.names - about
    left, right = one.words, other.words
    begin, end = _same_ends(left, right)
    return {
        "share": (len(mine & yours) + 0.5) / (min(len(mine), len(yours)) + 0.5),
        "shorter": math.log(1 + min(one.length, other.length)),
        "same ends": (begin + end) / max(1, len(left), len(right)),
        "same words": len({*left} & {*right}) / max(1, len({*left, *right})),
    }


def _of_stance(one: _Said, other: _Said) -> dict[str, float]:
    """Denials, yes and no, and how sure each is of itself."""
    return {
        "one denies": float(one.denies != other.denies),
        "both deny": float(one.denies and other.denies),
        "both deny first": float(one.denies_first and other.denies_first),
        "same answer": float(one.yes * other.yes > 0),
        "one says yes or no": float((one.yes == 0) != (other.yes == 0)),
        "sure": float(min(3, one.sure + other.sure)),
        "both hedge": float(one.hedges and other.hedges),
    }


def _of_sides(a: tuple[str, str], b: tuple[str, str]) -> dict[str, float]:
    """Which side each takes of what was asked."""
    questions, answers = [plainly(x[0]) for x in (a, b)], [plainly(x[1]) for x in (a, b)]
    if is_foreign(a[0]) or is_foreign(b[0]):
        apart = side_abroad(*a) * side_abroad(*b) < 0
    else:
        mine, yours = map(frame_of, questions)
        # An answer to another sort of question ("where do I order?") takes no side of it.
        taken = [verdict(mine, answers[0]), verdict(yours, answers[1])] if mine and yours else []
        no, yes = sorted(taken, key=lambda side: side.sign) if taken else (NEITHER, NEITHER)
        apart = no.sign * yes.sign < 0 and (no.plain or not no.some)
    return {
        "sides apart": float(apart),
        "opposites": float(sides_opposed(" ".join(questions), *answers)),
    }


def _of_amounts(one: _Said, other: _Said, *answers: str) -> dict[str, float]:
    both = bool(one.amounts) and bool(other.amounts)
    cases = both and other_cases(*answers)
    meet = both and amounts_meet(one.amounts, other.amounts)
    agree = cases or (meet and not amounts_conflict(one.amounts, other.amounts))
    return {
        "amounts meet": float(meet),
        "amounts agree": float(agree),
        "one amount": float(bool(one.amounts) != bool(other.amounts)),
    }


def _of_first(one: _Said, other: _Said, sorts: Sequence[str]) -> dict[str, float]:
    """What the first sentences say to these sorts of questions; what comes later often is an aside."""
    counted = not _UNCOUNTED.issuperset(sorts) and amounts_conflict(
        one.first_amounts, other.first_amounts
    )
    refuses = one.refuses != other.refuses and not _VALUES.issuperset(sorts)  # "only at night" is a time
    return {"first amounts apart": float(counted), "one refuses": float(refuses)}


@lru_cache(maxsize=4096)
def _said(answer: str) -> _Said:
    plain = plainly(answer)
    named = in_one_word(plain)
    first = _SENTENCE.split(named, maxsplit=1)[0]
    return _Said(
        words=words(answer),
        length=len(_TOKEN.findall(plain)),
        names=_named(named),
        amounts=amounts(answer)[0],
        first_amounts=amounts(_FIRST.split(answer, maxsplit=1)[0])[0],
        yes=answered(plain),
        denies=bool(_DENIES.search(_CASE.sub("", named))),
        denies_first=bool(_DENIES.search(first)),
        refuses=bool(REFUSES.search(first) or _DENIES.search(first)),
        sure=len(_SURE.findall(plain)),
        hedges=bool(_HEDGES.search(plain)),
    )


@lru_cache(maxsize=4096)
def _named(text: str) -> frozenset[str]:
    """What a text names, by the names of the lexicon, without what carries no matter and numbers."""
    return frozenset(
        name
        for word in _TOKEN.findall(text)
        if word not in LIGHT
        and not any(map(str.isdecimal, word))
        and (name := concept(word))
        and name not in LIGHT
    )
