"""Whether one answer states what the other denies: "is waterproof", "isn't waterproof"."""

from __future__ import annotations

import re
from collections.abc import Callable

from talkwright.data.similarity.similar import words

_YES_NO = re.compile(
    r"\W*(yes|yeah|yep|no(?! (?:problem|worries|matter|doubt|wonder|need)\b)|nope|ja|nein|oui|non|sí)\b",
    re.IGNORECASE,
)
_OF_COURSE = re.compile(r"\W*(of course|sure|certainly|absolutely|definitely|indeed)\b", re.IGNORECASE)
_OF_COURSE_NOT = re.compile(
    r"\W*(?:of course|certainly|absolutely|definitely|unfortunately|i'm afraid|sadly),? not\b",
    re.IGNORECASE,
)
_LIMITS = re.compile(r"\b(?:but|however|no|unfortunately|sorry)\b", re.IGNORECASE)
_DENIAL = re.compile(
    r"\b(?:(?P<verb>cannot|not|never|\w+n['\u2019]t)|(?P<noun>no))\b"
    r"(?! (?:only|just|later|longer|more|less|matter|problem|doubt|worr|hesitate"
    r"|forget|even|yet|at all))"
    r"(?P<scope>[^.,;:!?()]*)",
    re.IGNORECASE,
)
_ANY_DENIAL = re.compile(
    r"\b(?:not|no|nor|never|cannot|without|unable|none|neither|nothing)\b|n['\u2019]t\b", re.IGNORECASE
)
# What makes a statement one of some cases only, so that its denial need not be its opposite.
_LIMITED = re.compile(
    r"\b(?:if|unless|without|except|only|until|when|whether|sure|but|however|instead|separately|extra"
    r"|should|must|than|otherwise|yet)\b",
    re.IGNORECASE,
)
_LIGHT = frozenset(
    """
    offer offers have has provide provides include includes give gives support supports get allow any a
    an the is are be been being was were do does did can could will would we you they i it its it's this
    that there there's our your their my in on at to of for from by with and or so also as all every each
    very fully just currently unfortunately sorry please here
    """.split()  # noqa: SIM905 - a list of words reads best as one
)
_HAS = re.compile(
    r"\b(?:there['\u2019]s|there (?:is|are)|have|has|offers?|provides?|includes?|get|gives?)\b",
    re.IGNORECASE,
)
_SAYS = frozenset(
    "is are be it's can do does will we you they i fully completely always".split()  # noqa: SIM905
)
_ONLY_SOME = re.compile(r"\bonly (?:you|me|we|the \w+|admins?|administrators?|members|owners?)\b", re.I)
_EVERYONE = re.compile(r"\b(?:every|any)(?:one|body)\b", re.I)
# What follows is what it depends on, which may be denied.
PROVIDED = re.compile(
    r",? (?:as long as|so long as|provided(?: that)?|providing|on condition that|assuming)\b"
)
_FORBIDDEN = re.compile(
    r"\A(?:is|are)\b.*\b(?:forbidden|prohibited|banned|illegal|disallowed|against the (?:law|rules))\b"
)
_YES_OR_NO = re.compile(r"\A\W*(yes|no)\b", re.IGNORECASE)


def denies(a: str, b: str, alike: Callable[[str, str], bool]) -> bool:
    """Say whether one of two short answers denies all that a clause of the other states.

    `alike` says whether two words are forms of one. Answers that name a condition deny nothing.
    """
    if "?" in a + b:
        return False
    return _denies(a, b, alike) or _denies(b, a, alike) or _only(a, b) or _only(b, a)


def _denies(denying: str, stating: str, alike: Callable[[str, str], bool]) -> bool:
    if _ANY_DENIAL.search(stating) or _LIMITED.search(stating):
        return False
    said = words(stating)
    for match in _DENIAL.finditer(denying):
        start = max(denying.rfind(mark, 0, match.start()) for mark in ".;!")
        if _LIMITED.search(denying[start + 1 : match.end()]):
            continue
        scope = [word for word in words(match["scope"]) if word not in _LIGHT]
        if not scope or len(scope) > 6:
            continue
        subject = [word for word in words(denying[start + 1 : match.start()]) if word not in _LIGHT]
        if len(scope) == 1 and subject and not any(alike(x, y) for x in subject for y in said):
            continue  # of another thing: "the boat trip is not included"
        places = [[at for at, word in enumerate(said) if alike(word, denied)] for denied in scope]
        if all(places) and _stated(match, scope, places[0], said, stating):
            return True
    return False


def _stated(
    match: re.Match[str], scope: list[str], at: list[int], said: tuple[str, ...], stating: str
) -> bool:
    """Say whether the words are stated, not merely mentioned, as "a waterproof cover is sold" does."""
    verb = next(iter(words(match["scope"])), "")
    if match["noun"] or verb in ("offer", "have", "provide", "include", "give", "support", "get"):
        return bool(_HAS.search(stating)) or (bool(match["noun"]) and len(scope) > 1)
    return len(scope) > 1 or any(not _SAYS.isdisjoint(said[max(0, n - 2) : n]) for n in at)


def _only(a: str, b: str) -> bool:
    """Say whether one speaks of somebody alone and the other, in much the same words, of everybody."""
    if not _ONLY_SOME.search(a) or not _EVERYONE.search(b) or _ANY_DENIAL.search(a + " " + b):
        return False
    mine, yours = frozenset(words(a)), frozenset(words(b))
    return "only" not in yours and 2 * len(mine & yours) >= min(len(mine), len(yours))


def said_yes(text: str, negated: bool, *, short: bool) -> bool | None:
    """Yes, no, or neither; what may be courtesy ("Sure! ...") is a yes in a short affirmation only."""
    said = _YES_NO.match(text)
    if said:
        return said[1][0].lower() in "yjos"
    if _OF_COURSE_NOT.match(text):
        return False
    if _OF_COURSE.match(text) and not negated and short and "?" not in text:
        return None if _LIMITS.search(text) else True
    return None


def of_leave(question: str, answer: str) -> str:
    """An answer as if the question were whether it may be done, where it is whether it is forbidden."""
    if _FORBIDDEN.search(question) is None:
        return answer
    return _YES_OR_NO.sub(lambda said: "No" if said[1].lower() == "yes" else "Yes", answer, count=1)
