"""Whether one answer leaves no limit where the other names one: always against hours, no limit against a
number, and doing it oneself online against the desk.
"""

from __future__ import annotations

import re

from talkwright.data.similarity.similar import normal, normal_question, words

_LONGEST = 40  # words of an answer that takes one side
_DENIES = re.compile(
    r"\b(?:not|no|never|cannot|none|(?<!cost )(?<!costs )nothing|neither|nobody|unable)\b|n['\u2019]t\b"
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
_WEEKEND = re.compile(r"\bweekends?\b|\bsaturdays?\b|\bsundays?\b")
_ONLY_WEEK = re.compile(
    r"\b(?:on )?(?:weekdays|working days|business days|monday to friday) only\b"
    r"|\bonly (?:on |from )?(?:weekdays|working days|business days|monday to friday)"
)


def opposed(question: str, a: str, b: str) -> bool:
    """Say whether of two answers to one question one knows no limit, and the other does."""
    if max(len(a), len(b)) > 10 * _LONGEST:
        return False
    question, one, other = normal_question(question), normal(a), normal(b)
    if "?" in one + other or max(len(words(one)), len(words(other))) > _LONGEST:
        return False
    return _stand_apart(question, one, other) or _stand_apart(question, other, one)


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
