"""Whether two answers take opposite sides of what was asked: it may be done, or it may not.

An answer's side is told by yes and no, by denials, by words that permit or forbid, and by a word whose
opposite the question has ("open", "closed"). Always stands against hours, no limit against a limit,
and doing it oneself online against the desk.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from talkwright.data.similarity.amounts import TIMES, written_out
from talkwright.data.similarity.asking import FORMS
from talkwright.data.similarity.polarity import PROVIDED
from talkwright.data.similarity.similar import normal, normal_question, words

_LONGEST = 40  # words of an answer that takes one side
_YES = re.compile(
    r"\W*(?:yes|yeah|yep|sure|of course|certainly|absolutely|definitely|they can|you can|you may"
    r"|they may)(?!,? not\b)(?=[\s,.!;:]|\Z)"
)
_NO = re.compile(
    r"\W*(?:no|nope|never|none|sorry, no|unfortunately not|i'm afraid not|of course not|certainly not)"
    r"(?=[\s,.!;:]|\Z)(?! (?:problem|worries|matter|doubt|need|idea)\b)"
)
_DENIES = re.compile(
    r"\b(?:not|no|never|cannot|none|(?<!cost )(?<!costs )nothing|neither|nobody|unable)\b|n['\u2019]t\b"
)
_FORBIDS = re.compile(
    r"\b(?:forbidden|prohibited|banned|disallowed|impossible|unavailable|unsupported)\b"
)
_PERMITS = re.compile(
    r"\b(?:allowed|permitted|possible|welcome|accepted|available|supported|fine|allow|permit|accept"
    r"|support)\b"
)
# A denial of some cases only, or of something else than what was asked.
_SOME = re.compile(
    r"\b(?:if|unless|as long as|provided|without|except|only|until|when|while|after|before|but|yet"
    r"|more than|later than"
    r"|longer than"
    r"|need to|have to worry|not only|not just|no longer than|hesitate|worry|forget)\b"
)
_ONLY = re.compile(r"\b(?:only|exclusively|solely)\b")
_WHETHER = re.compile(
    r"(?:(?:hi|hello|hey|please|so|and)[ ,]+)*(?:is|are|was|were|do|does|did|can|could|may|will|would"
    r"|has|have|should|must|am)\b"
)
_NEEDS = re.compile(r"\b(?:need|have to|has to|must|required|necessary)\b")  # not told by what one may
_MINDS = re.compile(r".*\b(?:mind|n['\u2019]t|not|or)\b")  # a no may mean yes
_OPPOSITES = """
    open close | free paid | include exclude | allow forbidden | allow prohibit | possible impossible
    | pay free | cost free | charge free | safe unsafe | available unavailable | valid invalid
"""
_OPPOSITE = frozenset(
    (FORMS[a], FORMS[b])
    for part in _OPPOSITES.split("|")
    for one, two in [part.split()]
    for a, b in ((one, two), (two, one))
)
_ALWAYS = re.compile(
    r"\b(?:around|round) the clock\b|\b24/7\b|\b24 ?(?:h|hours)(?: a day)?\b"
    r"|\b(?:day and night|night and day)\b|\bat (?:any|all) (?:hour|time)s?\b|\bnever clos\w+"
    r"|\balways open\b"
    r"|\balways (?:staffed|available|reachable)\b|\bevery hour of the day\b"
)
_CLOCK = r"(?:\d{1,2}(?:[:.]\d\d)? ?(?:a\.?m\b|p\.?m\b|o'clock)?|noon|midnight)"
_HOURS = re.compile(
    rf"\b(?:from|between) {_CLOCK}.{{0,3}}(?:to|until|till|and) "
    rf"{_CLOCK}|\b{_CLOCK} ?(?:-|\u2013|to) ?{_CLOCK}"
    rf"|\b(?:closes?|shuts?|ends?) at {_CLOCK}"
    r"|\bmonday to friday\b|\bweekdays\b|\b(?:office|business|working|opening) hours\b"
    r"|\bduring the day\b"
)
_ENDLESS = re.compile(
    r"\bunlimited\b|\bno (?:upper )?limit\b|\bnever expires?\b|\bdo(?:es)?(?: not"
    r"|n['\u2019]t) expire\b|\bforever\b"
    r"|\bas (?:many|much|long|often)(?: \w+)? as you (?:like|want|wish|need)\b|\bindefinitely\b"
    r"|\bno expiry\b|\bfor life\b"
)
_COUNTED = re.compile(
    r"\b\d+\b|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty)\b"
)
_HOW_MANY = re.compile(r"(?:how (?:many|long|much|often)|what is the (?:limit|maximum))")
_ONLINE = re.compile(
    r"\b(?:online|website|in the app|settings|log ?in|dashboard|my account|your account|on our site"
    r"|web form"
    r"|the form|clicks?|tap)\b"
)
_NOT_ONLINE = re.compile(
    r"\b(?:cannot|can['\u2019]t|not|n['\u2019]t|never)\b[^.;!]{0,40}\b(?:online|in the app|on (?:the"
    r"|our) website)\b"
    r"|\bonly\b[^.;!]{0,25}\b(?:in person|by phone|by post|by letter|at (?:the|our) \w+|on paper"
    r"|in writing)\b"
    r"|\b(?:in person|by phone|by post|at the (?:desk|counter|office)|on paper) only\b|\bon paper\b"
)
# From here on it is asked, so that what is said of the time after it is said of all of it.
_FROM_HERE = re.compile(
    r" (?:once|after|when) (?:it (?:is|has been) |they (?:are|have been) |you(?:['\u2019]ve| have)? )?"
    r"(?:been )?(?:order(?:ing|ed)|book(?:ing|ed)|plac(?:ing|ed)|submitt(?:ing|ed)|confirm(?:ing|ed)"
    r"|made"
    r"|purchas(?:ing|ed?)|bought|checkout|pa(?:id|ying)|registered|registration)\b(?: (?:it|them"
    r"|the order))?"
)
_AT_NO_COST = re.compile(
    r"\b(?:at |for |with )?(?:no|without)(?: any)?(?: (?:extra|additional|further|added))?"
    r" (?:costs?|charges?|fees?)\b|\bfree of (?:any )?charge\b"
)
# Denied twice: "must not ride without a helmet".
_TWICE = re.compile(
    r"\b(?:must not|may not|can(?:not|['\u2019]t)|do(?: not|n['\u2019]t)"
    r"|never)\b([^.,;]{0,30}?) without "
)
# What excludes each other where a question names one and the answer allows only others.
_KINDS = """
    english german french spanish italian dutch portuguese polish turkish chinese japanese arabic
    russian |
    monday tuesday wednesday thursday friday saturday sunday weekday | adult child minor |
    online person desk phone post counter | card cash paypal invoice cheque transfer | email phone post
    paper |
    red green blue yellow white black orange purple violet pink brown grey silver gold | day night |
    summer winter spring autumn | man woman
"""
_SORTS = [frozenset(FORMS[word] for word in line.split()) for line in _KINDS.split("|")]
_ASKED_SORT = {
    "color": _SORTS[6], "colour": _SORTS[6],
    "day": _SORTS[1] - {FORMS["weekday"]}, "language": _SORTS[0],
}  # fmt: skip
_PERMITTED = frozenset(
    FORMS[word]
    for word in """
    allowed permitted possible welcome accepted available supported fine
    """.split()  # noqa: SIM905
)
_FREE = frozenset(FORMS[word] for word in ["free", "included", "gratis"])
_PAID = re.compile(r"\bextra\b|\bseparately\b|\bcosts?\b|[$€£]|\beuros?\b")
_HOW = re.compile(r"(?:how (?:do|can|could|should|to)|until when)\b")
_HOW_OFTEN = re.compile(r"how (?:often|frequently)")
_PERIOD = re.compile(
    r"\b(?P<daily>daily|hourly|weekly|monthly|yearly|annually)\b"
    r"|\b(?P<times>once|twice|\d+ times) (?:per |each |every |1 )(?P<per>hour|day|week|month|year)\b"
    r"|\b(?:every|each) (?:(?P<n>\d+) )?(?P<unit>minute|hour|day|week|month|year)s?\b"
)
_DAILY = {
    "daily": 1440, "hourly": 60, "weekly": 10080, "monthly": 43200, "yearly": 518400, "annually": 518400,
}  # fmt: skip
_NOTHING = re.compile(r"(?:none|nobody|no one|nowhere|not at all|never)(?:[.,;!]|\Z)")
_WHO = re.compile(r"(?:who|which (?:company|firm|person|team))\b(?! (?:can|may|is allowed|do|should))")
_NAMED = re.compile(r"[A-Z][\w\u2019'-]*(?: (?:von |van |de |of |& )?[A-Z][\w\u2019'-]*)+")
_WEEKEND = re.compile(r"\bweekends?\b|\bsaturdays?\b|\bsundays?\b")
_ONLY_WEEK = re.compile(
    r"\b(?:on )?(?:weekdays|working days|business days|monday to friday) only\b"
    r"|\bonly (?:on |from )?(?:weekdays|working days|business days|monday to friday)"
)
_LIGHT = frozenset(
    """
    yes no not never cannot can't don't doesn't isn't aren't won't it it's they we you i there there's
    that
    this here is are be been being was were do does did can could will would may must have has had a an
    the
    of in on at to for by with and or so as also our your their its all any please sorry unfortunately
    currently always just very up go get us me them these those which one ones afraid i'm
    """.split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class _Side:
    """`yes` is None for neither; `plain` where yes or no was said; `some` where a case is named."""

    yes: bool | None
    plain: bool
    some: bool
    whole: bool = False  # nothing but what was asked is denied


def opposed(a: tuple[str, str], b: tuple[str, str]) -> bool:
    """Say whether two (question, answer), whose questions are the same, cannot both be right."""
    if max(len(a[1]), len(b[1])) > 10 * _LONGEST:
        return False
    one, other = normal(a[1]), normal(b[1])
    if "?" in one + other or max(len(words(one)), len(words(other))) > _LONGEST:
        return False
    one, other = (
        _TWICE.sub(r"must\1 with ", _FROM_HERE.sub("", _AT_NO_COST.sub("free", text)))
        for text in (one, other)
    )
    question = normal_question(a[0])
    if _WHO.match(question) and _other_names(question, a[1], b[1]):
        return True
    if _HOW_OFTEN.match(question) and _other_periods(one, other):
        return True
    if _other_sorts(question, one, other):
        return True
    if _stand_apart(question, one, other) or _stand_apart(question, other, one):
        return True
    theirs = normal_question(b[0])
    if not _WHETHER.match(theirs):
        x, y = _side(question, one), _side(question if _WHETHER.match(question) else theirs, other)
    else:
        x, y = _side(question if _WHETHER.match(question) else theirs, one), _side(theirs, other)
    if not _WHETHER.match(question):
        if bool(_NOTHING.match(one)) != bool(_NOTHING.match(other)):
            return not _DENIES.search(other if _NOTHING.match(one) else one)
        for side, said in ((x, other), (y, one)):
            if side.yes is False and side.whole and not side.some and not _DENIES.search(said):
                return bool(_COUNTED.search(said) or _HOW.match(question))
    if x.yes is None or y.yes is None or x.yes == y.yes:
        return False
    no = y if x.yes else x
    yes = x if x.yes else y
    return not (no.some and (yes.some or yes.plain) and not no.plain)


def _stand_apart(question: str, one: str, other: str) -> bool:
    """Always against hours, no limit against a number, online against not online."""
    if _ALWAYS.search(one) and not _ALWAYS.search(other) and _HOURS.search(other):
        return not _HOURS.search(one)
    if _HOW_MANY.match(question) and _ENDLESS.search(one) and not _ENDLESS.search(other):
        return bool(_COUNTED.search(other)) and not _COUNTED.search(one)
    if _NOT_ONLINE.search(one) and not _NOT_ONLINE.search(other) and _ONLINE.search(other):
        return True
    if _ONLY_WEEK.search(one) and _WEEKEND.search(question) and not _ONLY_WEEK.search(other):
        return bool(_WEEKEND.search(other) or _ALWAYS.search(other)) and not _DENIES.search(other)
    return False


def _other_sorts(question: str, one: str, other: str) -> bool:
    """Of a colour or a day that was asked for: each answer has its own, and none that both have."""
    if not question.startswith(("what colo", "which colo", "what day", "which day", "on which day",
                                "on what day", "which language", "what language")):  # fmt: skip
        return False
    sort = next(sort for word, sort in _ASKED_SORT.items() if word in question)
    mine, yours = ({FORMS[word] for word in words(text)} & sort for text in (one, other))
    denied = _DENIES.search(one) or _DENIES.search(other)
    return len(mine) == len(yours) == 1 and mine != yours and not denied


def _other_periods(one: str, other: str) -> bool:
    """Daily against once a week: each answer names one period, and they are not the same."""
    mine, yours = ({_minutes(found) for found in _PERIOD.finditer(written_out(t))} for t in (one, other))
    return len(mine) == len(yours) == 1 and max(*mine, *yours) > 1.1 * min(*mine, *yours)


def _minutes(found: re.Match[str]) -> float:
    if found["daily"]:
        return _DAILY[found["daily"]]
    if found["unit"]:
        return int(found["n"] or 1) * TIMES[found["unit"]]
    times = {"once": 1, "twice": 2}.get(found["times"]) or max(1, int(found["times"].split()[0]))
    return TIMES[found["per"]] / times


def _other_names(question: str, one: str, other: str) -> bool:
    """Say whether each answer to "who" has names of two words or more, and none of the other's."""
    asked = _LIGHT | set(words(question))
    mine, yours = (
        {word for name in _NAMED.findall(text) for word in words(name)} - asked for text in (one, other)
    )
    both = mine & set(words(other)) or yours & set(words(one))
    return bool(mine and yours) and not both and not _DENIES.search(normal(one + " " + other))


@lru_cache(maxsize=1024)
def _side(question: str, answer: str) -> _Side:
    """Which side of a question an answer takes; both in normal form."""
    first = re.split(r"[.!;](?:\s|\Z)", answer.strip(), maxsplit=1)[0]
    some = not set(_SOME.findall(first)) <= set(words(question))
    first = PROVIDED.split(first, maxsplit=1)[0] or first  # what it depends on may be denied
    if _WHETHER.match(question) and not _MINDS.match(question):
        if _NO.match(answer):
            return _Side(False, True, some)
        may = answer.startswith(("you can", "you may", "they can", "they may"))
        if (
            _YES.match(answer)
            and not (may and _NEEDS.search(question))
            and not (_DENIES.search(first) or _FORBIDS.search(first))
        ):
            return _Side(True, True, some)
    asked = {FORMS[word] for word in words(question) if word not in _LIGHT} - {""}
    said = {FORMS[word] for word in words(first) if word not in _LIGHT} - {""}
    said -= _PERMITTED - asked
    # A German compound has the word asked for in it.
    parts = {q: {word for word in said if len(word) > 9 and q in word} for q in asked if len(q) > 3}
    said = (said - set().union(*parts.values())) | {q for q, found in parts.items() if found}
    turned = {q for q in asked - said for s in said - asked if (q, s) in _OPPOSITE}
    if not _WHETHER.match(question):
        turned = set()
    elif asked & _FREE and not said & _FREE and _PAID.search(first):
        turned |= asked & _FREE
    shared = (asked & said) | turned
    denied = bool(_DENIES.search(first)) != bool(
        _FORBIDS.search(first) and not _FORBIDS.search(question)
    )
    denied = denied != bool(turned and not _FORBIDS.search(first))
    if not shared and _FORBIDS.search(first) and not denied and _WHETHER.match(question):
        return _Side(None if _FORBIDS.search(question) else False, False, some)
    if not shared:
        return _Side(None, False, some)
    much = 2 * len(shared) >= len(asked) or 2 * len(shared) >= len(said)
    if denied:
        extra = len(said - shared)
        sure = much and (extra <= 1 or 2 * len(shared) >= len(asked))
        return _Side(False if sure else None, False, some, extra == 0)
    if _ONLY.search(first):
        if _WHETHER.match(question) and any(
            asked & sort and said & sort and not asked & said & sort for sort in _SORTS
        ):
            return _Side(False, False, False)
        return _Side(None, False, True)
    permits = bool(_PERMITS.search(first)) and not _NEEDS.search(question)
    return _Side(True if much or permits else None, False, some)
