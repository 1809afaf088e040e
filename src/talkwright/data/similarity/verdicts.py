"""What an answer says to a question of whether: that it is so, that it is not, or neither.

A question of whether has one claim: that something may be done or is there, that it has to be done, or
that it costs nothing. The words for it, straight and roundabout, are the axes of the lexicon; a denial
turns them round. Words that are opposites of each other turn what they stand for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from talkwright.data.similarity.lexicon import AXES, OPPOSITES
from talkwright.data.similarity.rewording import Asked, asked_for, concept, in_one_word
from talkwright.data.similarity.similar import normal

_LONGEST = 45  # words of an answer that takes one side
_CLAUSES = 4  # of an answer that are looked at
_CLAUSE = re.compile(
    r"[.;!?](?:\s|\Z)|,? (?:but|however|although|though|yet|whereas) |[:(),] | \u2013 | - "
)
_TOKEN = re.compile(r"[\w'\u2019-]+")
_YES = re.compile(r"(?:yes|yeah|yep|sure|of course|certainly|absolutely|definitely|indeed|it is|they are|it does|they do"
                  r"|you can|you may|we do|we are|correct|right|that's right|exactly|naturally)\b(?! not\b)")  # fmt: skip
_NO = re.compile(r"(?:no|nope|nah|not at all|never|unfortunately not|sadly not|i'm afraid not|sorry|of course not"
                 r"|certainly not|definitely not|absolutely not|not really|not any ?more|by no means|in no way"
                 r"|(?:it|they|we|you)(?: is| are| do| does| can)?(?:n't| not|not))\b(?! (?:problem|worries|matter|doubt)\b)")  # fmt: skip
_DENIERS = frozenset(
    """
    not no never cannot without nobody none neither nor hardly nothing nowhere isn't aren't wasn't weren't don't
    doesn't didn't can't couldn't won't wouldn't shouldn't mustn't hasn't haven't hadn't
    """.split()  # noqa: SIM905 - a list of words reads best as one
)
_ONLY = re.compile(r"\b(?:only|exclusively|solely|limited to|restricted to|reserved for|nothing but|confined to)\b")
_SOME = re.compile(
    r"\b(?:if|unless|except|only|until|till|when|while|after|before|once|as long as|provided that|during|most|some|sometimes"
    r"|usually|depends|depending|apart from|other than|yet|above|below|over|under|more than|from|within|up to)\b"
)
_MONEY = re.compile(
    r"\b(?:free|complimentary|gratis|include[sd]?|including|inclusive|part of|comes? with|covered|charge[sd]?|costs?"
    r"|pay|paid|extra|fees?|surcharge|separately)\b"
)
_COSTS = re.compile(r"\b(?:charge[sd]?|costs?|pay|extra|fees?|surcharge|separately)\b")
_NEEDS = re.compile(
    r"\b(?:need|needed|have to|has to|must|required?|requires?|necessary|mandatory|compulsory|obligatory|obliged|should)\b"
)
_SUBJECT_PREFIX = re.compile(r"(?:non-?|un|in|im|ir|il|dis)(?=[a-z]{4})")


def _sides() -> dict[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = {}
    for number, line in enumerate(OPPOSITES.split("|")):
        for sign, half in zip((1, -1), line.split(":"), strict=True):
            for word in half.split():
                found.setdefault(word, []).append((number, sign))
    return found


_SIDES = _sides()
_WORDS = {
    axis: {word: sign for sign, side in zip((1, -1), sides, strict=True) for word in side.split()}
    for axis, sides in AXES.items()
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`sign` is 1 for so, -1 for not so, 0 for neither; `plain` after yes or no; `some` in some cases."""

    sign: int
    plain: bool = False
    some: bool = False


_NEITHER = Verdict(0)


def verdicts_differ(a: tuple[str, str], b: tuple[str, str]) -> bool:
    """Say whether of two (question, answer), whose questions are the same, one says it is so, one not."""
    one, other = verdict(normal(a[0]), normal(a[1])), verdict(normal(b[0]), normal(b[1]))
    if one.sign * other.sign >= 0:
        return False
    no, yes = (one, other) if one.sign < 0 else (other, one)
    return not (no.some and not no.plain) or (no.plain and not yes.some)


@lru_cache(maxsize=2048)
def verdict(question: str, answer: str) -> Verdict:
    """What an answer says to a question, both in normal form."""
    asked = asked_for(question.rstrip("?!. "))
    if asked is None or asked.sort != "whether" or asked.negated or "?" in answer:
        return _NEITHER
    if len(answer) > 12 * _LONGEST or len(_TOKEN.findall(answer)) > _LONGEST:
        return _NEITHER
    axis, turn = _axis(question)
    first = _YES.match(answer) or _NO.match(answer)
    said = in_one_word(answer)
    if first and (first[0] not in ("sorry",)):
        sign = 1 if _YES.match(answer) else -1
        lead = _CLAUSE.split(said, maxsplit=1)[0]
        return Verdict(sign * turn, True, _some(lead, question))
    for clause in [part for part in _CLAUSE.split(said) if part.strip()][:_CLAUSES]:
        found = _clause(axis, asked, question, clause)
        if found.sign:
            return found if axis != "free" else Verdict(found.sign, found.plain, found.some)
    return _NEITHER


def _axis(question: str) -> tuple[str, int]:
    """What claim a question has, and whether a yes takes its first side."""
    if _MONEY.search(question):
        return "free", -1 if _COSTS.search(question) else 1
    if _NEEDS.search(question):
        return "must", 1
    return "may", 1


def _some(clause: str, question: str) -> bool:
    return any(found not in question for found in _SOME.findall(clause))


def _clause(axis: str, asked: Asked, question: str, clause: str) -> Verdict:
    said = _TOKEN.findall(clause)
    about = {concept(word) for word in said} - {""}
    some = _some(clause, question)
    if axis == "may" and _ONLY.search(clause):
        if about & asked.about or len(said) < 10:
            missing = asked.about - about
            objects = (asked.cases or asked.about) - about
            if missing and objects and about - asked.about:
                return Verdict(-1, False, False)
        return Verdict(1 if asked.about <= about else 0, False, True)
    sign = _opposite(question, said) or _sign(axis, said)
    if not sign and axis == "may":
        denied = _denied(said) or any(_turned(word, asked) for word in said)
        close = len(about & asked.about) * 2 >= len(asked.about)
        if denied and (close or about & asked.about):
            sign = -1
        elif close and not denied:
            sign = 1
    return Verdict(sign, False, some)


def _sign(axis: str, said: Sequence[str]) -> int:
    """The side of a clause on an axis: that of its last word for it, turned by a denial before it."""
    words = _WORDS[axis]
    signs = []
    for at, word in enumerate(said):
        sign = words.get(word, 0)
        if not sign:
            continue
        before = said[max(0, at - 4) : at]
        if sign > 0 and any(w in _DENIERS for w in before):
            sign = -1
        if sign < 0 and word not in _DENIERS and word not in ("sorry", "unfortunately") and any(w in _DENIERS for w in before):
            sign = 1
        signs.append(sign)
    if axis == "may":
        if any(w in _DENIERS for w in said) and -1 not in signs and not any(w == "MAY" for w in said):
            return -1
        return -1 if -1 in signs else 1 if signs else 0
    if axis == "must":
        return -1 if "NEEDNOT" in said else (-1 if -1 in signs else 1 if signs else 0)
    return 0 if {1, -1} <= set(signs) else signs[0] if signs else 0


def _denied(said: Sequence[str]) -> bool:
    return sum(word in _DENIERS for word in said) % 2 == 1


def _turned(word: str, asked: Asked) -> bool:
    """A word that denies what was asked by its prefix: non-transferable, unpaid."""
    prefix = _SUBJECT_PREFIX.match(word)
    return prefix is not None and concept(word[prefix.end() :].lstrip("-")) in asked.about


def _opposite(question: str, said: Sequence[str]) -> int:
    """1 where a clause says a word of the question that has an opposite, -1 where it says the opposite."""
    for word in _TOKEN.findall(question):
        for number, sign in _SIDES.get(word, ()):
            for at, other in enumerate(said):
                for same, theirs in _SIDES.get(other, ()):
                    if same == number:
                        denied = any(w in _DENIERS for w in said[max(0, at - 4) : at])
                        return (1 if theirs == sign else -1) * (-1 if denied else 1)
    return 0
