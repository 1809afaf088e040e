"""Whether one answer rules out by name what the other gives: "press F12" against "F12 does nothing".

What is ruled out must not be what was asked, for a question is denied in other ways than its answer.
"""

from __future__ import annotations

import re
from functools import lru_cache

from talkwright.data.similarity.lexicon import LIGHT
from talkwright.data.similarity.rewording import Asked, asked_for, concept
from talkwright.data.similarity.similar import normal

_LONGEST = 45  # words of an answer
_NEAR = 6  # words behind a denial that it denies
_CLAUSE = re.compile(r"[.;!?:,](?:\s|\Z)|,? (?:but|and|so|as|because|while|until) |[()]| \u2013 | - ")
_TOKEN = re.compile(r"[\w'-]+")
_DENIERS = frozenset(
    """
    not no never cannot can't don't doesn't isn't aren't won't nothing mustn't shouldn't
    """.split()  # noqa: SIM905 - a list of words reads best as one
)
_CLOSES = re.compile(r"\b(?:only|just)\b")  # what is so of one thing only, is so of it
_VERBS = frozenset("cannot can't doesn't don't isn't aren't won't no never not nothing".split())  # noqa: SIM905
_LIMITED = re.compile(
    r"\b(?:if|unless|only|just|more|less|longer than|until|except|without|than|worry|hesitate|forget)\b"
)
_SAYS_SO = frozenset(
    """
    suitable suited fit fits work works accepted supported possible available valid used allowed offered
    needed enough exist exists function
    """.split()  # noqa: SIM905
)
_LATER = ("after that", "then ", "afterwards", "otherwise", "later")  # of another time, or another case
_AT_NO_COST = re.compile(
    r"\bcosts? nothing\b|\b(?:no|without)(?: \w+)? (?:costs?|charges?|fees?)\b|\bfree of charge\b"
)
_FEATURES = frozenset("option form feature way button menu page".split())  # noqa: SIM905
_SORRY = re.compile(
    r"(?:i'm |i am |we're |we are )?(?:very |so )?(?:sorry|unable|unfortunately|i can't)\b"
)
_JOINED = frozenset("and or nor".split())  # noqa: SIM905
_ENDED = re.compile(
    r"\b(?:switched off|shut down|closed down|discontinued|abolished|phased out|scrapped|withdrawn"
    r"|retired"
    r"|replaced|forbidden|prohibited|banned|not (?:allowed|permitted|accepted|taken))\b"
)
# Of the ways to reach somebody, what names one.
_RINGS = frozenset("ring call calls calling hotline".split())  # noqa: SIM905
_WEAK = LIGHT | frozenset(
    [
        "anywhere",
        "sure",
        "able",
        "yet",
        "anything",
        "do",
        "does",
        "did",
        "has",
        "have",
        "is",
        "are",
        "be",
        "was",
        "just",
    ]
)


def ruled_out(questions: tuple[str, str], a: str, b: str) -> bool:
    """Say whether one of two answers to one question rules out what the other gives."""
    asked = [asked_for(normal(question).rstrip("?!. ")) for question in questions]
    if "?" in a + b or max(a.count(" "), b.count(" ")) > _LONGEST or not all(asked):
        return False
    about = frozenset().union(*(x.about for x in asked if isinstance(x, Asked)))
    one, other = (
        _AT_NO_COST.sub("free", normal(text).replace("\u2019", "'").replace("*", "")) for text in (a, b)
    )
    if _SORRY.match(one) and _SORRY.match(other):
        return False  # both refuse
    if " or " in questions[0] and _denied(one) & _given(other) and _denied(other) & _given(one):
        return True  # "at the desk, not in the box", of which it was asked
    return _rules_out(one, _given(other), about) or _rules_out(other, _given(one), about)


def ruled_out_of(about: frozenset[str], a: str, b: str) -> int:
    """How many things, besides what was asked about, one of two answers denies of those that the other
    gives."""
    one, other = (normal(text).replace("\u2019", "'").replace("*", "") for text in (a, b))
    return len(_denied(one) & _given(other) - about) + len(_denied(other) & _given(one) - about)


@lru_cache(maxsize=4096)
def _denied(text: str) -> frozenset[str]:
    """What a text names in clauses that deny something, and nowhere else."""
    clauses = [_TOKEN.findall(clause) for clause in _CLAUSE.split(text)]
    return frozenset(
        name for said in clauses if not _DENIERS.isdisjoint(said) for name in _named(said)
    ) - _given(text)


@lru_cache(maxsize=4096)
def _given(text: str) -> frozenset[str]:
    """What a text names in clauses that deny nothing."""
    return frozenset(
        name
        for clause in _CLAUSE.split(text)
        for said in [_TOKEN.findall(clause)]
        if _DENIERS.isdisjoint(said)
        and not _ENDED.search(clause)
        and not _LIMITED.search(_CLOSES.sub("", clause))
        for name in _named(said)
    )


def _named(said: list[str]) -> list[str]:
    return [
        "phone" if word in _RINGS else name
        for word in (word.removesuffix("'s") for word in said)
        if word not in _WEAK and (name := concept(word)) and name not in LIGHT and len(name) > 2
    ]


def _rules_out(text: str, given: frozenset[str], about: frozenset[str]) -> bool:
    for clause in _CLAUSE.split(text):
        said = _TOKEN.findall(clause)
        at = next((n for n, word in enumerate(said) if word in _DENIERS), None)
        ended = _ENDED.search(clause)
        if ended and at is None:
            gone = [name for name in _named(_TOKEN.findall(clause[: ended.start()])[-6:])
                    if name not in about]  # fmt: skip
            if gone and all(name in given for name in gone):
                return True
        if at is None or _LIMITED.search(clause) or clause.startswith(_LATER):
            continue
        denied = _named(said[at + 1 : at + 1 + _NEAR])
        subject = _named(said[max(0, at - 4) : at]) if said[at] in _VERBS else []
        new = [name for name in denied + subject if name not in about]
        if new and all(name in given for name in new):
            return True
        if (
            subject
            and _JOINED & {*said[max(0, at - 4) : at]}
            and not about & {*subject}
            and given & {*subject}
        ):
            return True  # "calls and e-mails are not accepted"
        rest = said[at + 1 :]
        if subject and _FEATURES & {*rest[:5]} and given >= {*subject} > {*subject} & about:
            return True
        if (
            subject
            and not _SAYS_SO.isdisjoint(rest[:2])
            and {*subject} <= given
            and not {*subject} <= about
        ):
            return True
    return False
