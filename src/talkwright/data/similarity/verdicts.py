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

from talkwright.data.similarity.asking import FORMS
from talkwright.data.similarity.lexicon import AXES, LIGHT, OPPOSITES
from talkwright.data.similarity.polarity import PROVIDED
from talkwright.data.similarity.rewording import Asked, asked_for, concept, in_one_word
from talkwright.data.similarity.similar import normal

_LONGEST = 45  # words of an answer that takes one side
_CLAUSES = 4  # of an answer that are looked at
_CLAUSE = re.compile(
    r"[.;!?](?:\s|\Z)|,? (?:but|however|although|though|yet|whereas) |[:(),] | \u2013 | - "
)
_TOKEN = re.compile(r"[\w'\u2019-]+")
_SENTENCE = re.compile(r"[.!;] ")
_NEGATED = re.compile(r"\b(?:not|no|never|cannot)\b|n't\b")
_YES = re.compile(
    r"(?:yes|yeah|yep|sure|of course|certainly|absolutely|definitely|indeed|correct|right"
    r"|that's right|exactly|naturally)\b"
    r"(?! not\b)(?=[\s,.;:!]|\Z)"
)
# These say yes to what may be, not to what has to be.
_YES_MAY = re.compile(
    r"(?:it is|they are|it does|they do|you can|you may|you are|we do|we are|i can|i do"
    r"|i am)\b(?! (?:not|only)\b)"
)
_YES_MUST = re.compile(r"(?:you|they|it|we|i) (?:do|does|is|are|must)[.,;!]")
_NO = re.compile(
    r"(?:nope|nah|not|never|(?:i'm |we're |i am |we are )?(?:very )?sorry(?:, but|,| but| no)(?! to)"
    r"|unfortunately not|sadly not|i'm afraid not|of course not|certainly not|definitely not"
    r"|absolutely not"
    r"|(?:unfortunately|sadly|regrettably|i'm afraid),?(?=[^.;!]* (?:not|cannot|never|no longer)\b"
    r"|[^.;!]*n't\b)"
    r"|by no means|in no way|(?:it|they|we|you|i) (?:is|are|do|does|can|am)(?:n't| not)|cannot"
    r"|no(?=[,.;:!]|\Z| (?:you|we|they|it|i"
    r"|there|he|she|that|this|not|sorry)\b))(?! (?:only|just|problem)\b)(?=[\s,.;:!]|\Z)"
)
_DENIERS = frozenset(
    """
    not no never cannot nobody none neither nor hardly nothing nowhere isn't aren't wasn't weren't don't
    doesn't didn't can't couldn't won't wouldn't shouldn't mustn't
    """.split()  # noqa: SIM905 - a list of words reads best as one
)
_ONLY = re.compile(
    r"\b(?:only|exclusively|solely|limited to|restricted to|reserved for|nothing but|confined to)\b"
)
_SOME = re.compile(
    r"\b(?:if|unless|except|only|until|till|when|while|before|once|as long as|provided that|during"
    r"|most|some|sometimes"
    r"|usually|depends|depending|apart from|other than|yet|after (?:\w+ing|you|it|the|they))\b"
)
_MONEY = re.compile(
    r"\b(?:free|complimentary|gratis|include[sd]?|including|inclusive|part of|comes? with"
    r"|charge[sd]? for|costs?"
    r"|pay (?:for|to|extra|anything)|have to pay|extra|fees?|surcharge|separately|charge"
    r"|penalt(?:y|ies))\b"
)
_COSTS = re.compile(
    r"\b(?:charge[sd]?|costs?|pay|extra|fees?|surcharge|separately|penalt(?:y"
    r"|ies))\b(?! (?:included|free)\b)"
)
_FREE = re.compile(r"\b(?:free|complimentary|gratis|include[sd]?|inclusive|part of|comes? with)\b")
_NEEDS = re.compile(
    r"\A(?:should|shall) (?:i|we|you|one)\b"
    r"|\b(?:need|needed|have to|has to|must|required?|requires?|necessary|mandatory|compulsory"
    r"|obligatory|obliged)\b"
)
_TOLD_TO = re.compile(
    r"(?:so |then )?(?:please )?(?:always )?(?:bring|show|print|wear|carry|book|reserve|register|submit"
    r"|present|fill in|enter|put on|hold|take)\b"
)
_SUBJECT_PREFIX = re.compile(r"(?:non-?|un|in|im|ir|il|dis)(?=[a-z]{4})")


def _sides() -> dict[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = {}
    for number, line in enumerate(OPPOSITES.split("|")):
        for sign, half in zip((1, -1), line.split(":"), strict=True):
            for word in half.split():
                found.setdefault(FORMS[word] or word, []).append((number, sign))
    return found


_SIDES = _sides()
_WORDS = {
    axis: {word: sign for sign, side in zip((1, -1), sides, strict=True) for word in side.split()}
    for axis, sides in AXES.items()
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`sign` is 1 for so, -1 for not so, 0 neither; `plain` after yes or no, `some` in some cases."""

    sign: int
    plain: bool = False
    some: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """The claim of a question: its axis, and whether a yes takes its first side (1) or its second."""

    asked: Asked
    question: str
    axis: str
    turn: int


_FOR_SOME = re.compile(r"\b(?:only|reserved|restricted|limited|exclusive\w*)\b")
_FOR_ALL = re.compile(r"\b(?:anyone|anybody|everyone|everybody|all (?:are )?welcome|open to all)\b")
_IN_TURN = re.compile(r"\bfirst\b.*\b(?:after|afterwards|then)\b")
# From here on it is asked, so that what is said of the time after it is said of all of it.
_FROM_HERE = re.compile(
    r" (?:once|after|when) (?:it (?:is|has been) |they (?:are|have been) |you(?:['\u2019]ve| have)? )?"
    r"(?:been )?(?:order(?:ing|ed)|book(?:ing|ed)|plac(?:ing|ed)|submitt(?:ing|ed)|confirm(?:ing|ed)"
    r"|made"
    r"|purchas(?:ing|ed?)|bought|checkout|pa(?:id|ying)|registered|registration)\b(?: (?:it|them"
    r"|the order))?"
)
_TIMES = frozenset("summer winter night day daytime nighttime morning evening afternoon".split())  # noqa: SIM905
NEITHER = Verdict(0)
# Whatever it is that an answer to whether one may calls so, it is what was asked.
_FORBIDDEN = frozenset(
    "forbidden prohibited banned disallowed illegal unlawful forfeited impossible".split()  # noqa: SIM905
)
REFUSES = re.compile(
    r"\b(?:MAYNOT|afraid|unfortunately|sadly|sorry|regret|only|instead|must|have to|unless|without"
    r"|refused?|refuses|reject\w*|deni\w+"
    r"|forbid\w*|prohibit\w*|bann?ed|excluded?|except|fail\w*|stop\w*|lapse\w*|illegal|useless|too"
    r"|impossible|harm\w*|damag\w+"
    r"|danger\w*|deadly|ruin\w*|nowhere|confiscat\w*|closed to|leave (?:it|them|your \w+) (?:at|in"
    r"|outside)|stay (?:out|away|off)|keep (?:out|away|off)|avoid|myth|wrong"
    r"|false)\b"
)
# What is asked of a case is asked of whether, too.
_CASE = re.compile(r"(?:.*\b)?what (?:if|happens|about)\b|\bwhich\b")
_REQUEST = re.compile(
    r"\Aneed\b"
    r"|(?:please |hi |hello )*\b(?:can|could|would|will) (?:you|ya|i|u) (?:please )?(?:help|assist|tell"
    r"|show|explain|guide|get (?:some |any )?help)\b"
)
# Who says that it may be refused says no to what is refused, and yes to the question.
_REFUSING = re.compile(
    r"(?:[^,]{0,60}, )?(?:can|could|may|might|will|would|do|does|did)\b(?! (?:i|we|you)\b)"
    r"(?: (?!with\b|to\b)[\w'-]+){1,4}? (?:refuse|deny|reject|decline|ban|forbid|prohibit|prevent"
    r"|exclude|expel|evict|dismiss|withhold|confiscate|revoke|suspend|cancel)\b"
)
_SHUNS = re.compile(r"\b(?:avoid|refrain|stay away|keep away|stop)\b")
_CANNOT_BE = re.compile(
    r"\b(?:(?:is|are)(?: not|n't) (?:something|possible|supported|available|offered|provided)"
    r"|not (?:currently |yet )?(?:possible|supported|available|offered)|impossible|no way (?:to|of)"
    r"|there(?:'s| is| are) no (?:[\w-]+ ){0,2}?(?:way|option|function|feature|export|import"
    r"|possibility|means|button|setting|method)|(?:cannot|can't|can not) be"
    r"|(?:doesn't|does not|don't|do not) (?:support|offer|allow|provide)|unable to|not something)\b"
)
_OTHERWISE = re.compile(r"(?:but|instead|use|however)\b")
_SCOPED = re.compile(
    r"\b(?:online|in the app|by phone|by e-?mail|website"
    r"|in the (?:\w+ )?app|on (?:mobile|phones)|use the|instead|through"
    r"|via|yourself|directly)\b"
)
_WAY = re.compile(
    r"(?:please |first,? |just |simply |you can |to \w+[^,.]{0,40}, )*(?:open|go|click|tap|press"
    r"|hold|choose"
    r"|select|pick|right-click|swipe|drag|run|type|enter|use|turn|slide|push|pull|log|sign|visit|head|find"
    r"|set|switch|scroll|hover|double-click|add|start|call|write|send|fill|in the|under|on the)\b"
)
_HOW = re.compile(r"\W*(?:how (?:do|can|could|should|to|would)|what(?:'s| is) (?:the|a) (?:\w+ )?way)\b")


def verdicts_differ(a: tuple[str, str], b: tuple[str, str]) -> bool:
    """Say whether of two (question, answer) that ask the same one says it is so, one not."""
    questions = [plainly(x[0]) for x in (a, b)]
    answers = [_FROM_HERE.sub("", plainly(x[1])) for x in (a, b)]
    if any("?" in said or len(_TOKEN.findall(said)) > _LONGEST for said in answers):
        return False
    if any(map(_HOW.match, questions)):
        return _unable(*answers) or _unable(*reversed(answers))
    frames = [frame_of(question) for question in questions]
    claimed = [frame for frame in frames if frame]
    if any(frame and frame.asked.negated and _NEGATED.search(frame.question) for frame in frames):
        return False
    if (
        len(claimed) == 1
        and claimed[0].axis != "free"
        and not any(_CASE.match(question) for question in questions)
    ):
        claimed = []
    if not claimed or claimed[0].axis != claimed[-1].axis:
        return sides_opposed(questions[0], *answers)
    found = [
        verdict(frame or claimed[0], answer, frame is not None)
        for frame, answer in zip(frames, answers, strict=True)
    ]
    for n, other in ((0, claimed[-1]), (1, claimed[0])):
        if not found[n].sign:  # it may say so in the words of the other question
            found[n] = verdict(other, answers[n], False)
    if found[0].sign * found[1].sign < 0:
        no = min(found, key=lambda said: said.sign)
        return no.plain or not no.some
    if found[0].sign and found[1].sign:
        return False
    return _silent_differs(claimed[0], found, answers) or sides_opposed(questions[0], *answers)


def is_request(question: str) -> bool:
    """Say whether what is asked, in normal form, is that something be done or explained."""
    return _REQUEST.search(question) is not None


def answered(answer: str) -> int:
    """1 where an answer in normal form begins with yes, -1 with no, else 0."""
    return 1 if _YES.match(answer) else -1 if _NO.match(answer) else 0


def _unable(refusing: str, telling: str) -> bool:
    """Say whether one answer to how it is done says that it cannot be, the other in which way."""
    said, *rest = _SENTENCE.split(refusing, maxsplit=1)
    refused = _CANNOT_BE.search(said)
    if not refused or _SOME.search(said) or _SCOPED.search(said) or _OTHERWISE.match("".join(rest)):
        return False
    return any(map(_WAY.match, _SENTENCE.split(telling)[:3])) and _DENIERS.isdisjoint(
        _TOKEN.findall(telling)
    )


def _silent_differs(frame: Frame, found: Sequence[Verdict], answers: Sequence[str]) -> bool:
    """Say whether one answer is sure, and the other has no word for it but the contrary's tone."""
    sure, silent = (0, 1) if found[0].sign else (1, 0)
    known: Verdict = found[sure]
    if frame.axis != "may" or known.sign == 0 or known.some or _REFUSING.match(frame.question):
        return False
    said = _SENTENCE.split(in_one_word(answers[silent]), maxsplit=known.sign > 0)[0]
    refuses = bool(REFUSES.search(said)) or not _DENIERS.isdisjoint(_TOKEN.findall(said))
    return refuses == (known.sign > 0)


def plainly(text: str) -> str:
    """A text in normal form, without typographic apostrophes and marks."""
    return normal(text).replace("\u2019", "'").replace("*", "").rstrip(" ")


@lru_cache(maxsize=2048)
def frame_of(question: str) -> Frame | None:
    """The claim of a question of whether, in normal form; None for any other."""
    asked = asked_for(question.strip("?!. \u00bf"))
    if asked is None or asked.sort != "whether" or _REQUEST.search(question):
        return None
    return Frame(asked, question, *_axis(question))


@lru_cache(maxsize=4096)
def verdict(frame: Frame, answer: str, asked_so: bool = True) -> Verdict:
    """What an answer in normal form says to a question; a yes counts if it was `asked_so`."""
    if _REFUSING.match(frame.question):
        return Verdict(frame.turn * answered(answer), True) if answered(answer) else NEITHER
    said = in_one_word(answer)
    yes = _YES.match(answer) or (frame.axis == "may" and _YES_MAY.match(answer))
    yes = yes or (frame.axis == "must" and _YES_MUST.match(answer))
    no = _NO.match(answer)
    clauses = [part for part in _CLAUSE.split(said) if part.strip()][:_CLAUSES]
    if "yes" in clauses[1:2] and asked_so:  # "from five years on, yes"
        return Verdict(frame.turn, True, True)
    if asked_so and no and not yes and (sign := _opposite(frame.question, _TOKEN.findall(clauses[0]))):
        return Verdict(sign, False, _some(clauses[0], frame))  # closed: "we don't open on Sundays"
    if asked_so and clauses and (yes or no):
        return Verdict(frame.turn * (1 if yes else -1), True, _some(clauses[0], frame))
    about = frame.asked.about
    near = clauses
    cases = frame.asked.cases
    if cases:  # "in grey and blue, but green was taken out of the range"
        named = [cases.isdisjoint(map(concept, _TOKEN.findall(clause))) for clause in clauses]
        later = (
            [clause for clause, other in zip(clauses, named, strict=True) if not other]
            if named[:1] == [True]
            else []
        )
        if later and "MAYNOT" in later[0]:
            return Verdict(-1, False, _some(later[0], frame))
    if frame.axis != "may":  # "delivery is included, but assembly costs extra"
        near = sorted(clauses, key=lambda clause: about.isdisjoint(map(concept, _TOKEN.findall(clause))))
    shares = False
    for clause in near:
        found = _clause(frame, clause, clause == clauses[0])
        if found.sign:
            return found
        shares = shares or not about.isdisjoint(map(concept, _TOKEN.findall(clause)))
        if frame.axis == "may" and not shares and "MAYNOT" in clause:
            return Verdict(-1, False, _some(clause, frame))  # nothing else is said of what was asked
    return NEITHER


@lru_cache(maxsize=4096)
def _taken(text: str) -> dict[int, set[int]]:
    """The sides that a text takes of opposites."""
    found: dict[int, set[int]] = {}
    for clause in _CLAUSE.split(in_one_word(text))[:_CLAUSES]:
        said = _TOKEN.findall(clause)
        if said[:1] in (["then"], ["afterwards"], ["otherwise"]) or said[:2] == ["after", "that"]:
            continue  # of a later time, or of another case
        for at, word in enumerate(said):
            for number, sign in _SIDES.get(FORMS[word], ()):
                if word in _TIMES and at and said[at - 1] in ("in", "at", "by", "during", "the"):
                    continue  # it is what is said of that time that answers
                denied = any(w in _DENIERS or w == "MAYNOT" for w in said[max(0, at - 4) : at])
                found.setdefault(number, set()).add(-sign if denied else sign)
    return found


def sides_opposed(question: str, a: str, b: str) -> bool:
    """Say whether each of two answers takes another side of one pair of opposites, and only that."""
    if " before or after " in question and (_IN_TURN.search(a) or _IN_TURN.search(b)):
        return False
    one, other = _taken(a), _taken(b)
    return any(
        len(one[number]) == len(other[number]) == 1 and one[number] != other[number]
        for number in one.keys() & other.keys()
    )


def _axis(question: str) -> tuple[str, int]:
    """What claim a question has, and whether a yes takes its first side."""
    if _MONEY.search(question):
        return "free", -1 if _COSTS.search(question) and not _FREE.search(question) else 1
    if _NEEDS.search(question):
        return "must", 1
    return "may", 1


def _some(clause: str, frame: Frame) -> bool:
    """Say whether a clause names a case that is not the one that was asked for."""
    for found in _SOME.finditer(clause):
        case = {concept(word) for word in _TOKEN.findall(clause[found.end() :])[:4]} - {""} - LIGHT
        if found[0] not in frame.question and not (case and case <= frame.asked.about):
            return True
    return False


def _clause(frame: Frame, clause: str, first: bool) -> Verdict:
    asked, axis = frame.asked, frame.axis
    said = _TOKEN.findall(PROVIDED.split(clause, maxsplit=1)[0])
    about = {concept(word) for word in said} - {""}
    shared = about & asked.about
    some = _some(clause, frame)
    if axis in ("may", "free") and _ONLY.search(clause):
        missing = (asked.cases or asked.about) - about
        if missing and about - asked.about and (shared or first or len(said) < 10):
            return Verdict(-1, False, False)
        return Verdict(1 if asked.about <= about else 0, False, True)
    sign = _opposite(frame.question, said) or _sign(axis, said)
    if _FOR_ALL.search(clause) and _FOR_SOME.search(frame.question):
        return Verdict(-1)
    if not sign and axis == "must":
        if _lacking(said, asked):
            sign = 1 if _denied(said) else -1
        elif _TOLD_TO.match(clause) or (first and said and concept(said[0]) in asked.about):
            sign = 1  # "rinse it well"
        elif first and shared and said[0] in ("don't", "never"):
            sign = -1
    if axis == "may" and sign < 0 and said[:1] == ["other"]:
        return Verdict(sign)
    if sign and axis == "may" and not (shared or first) and not (sign < 0 and _FORBIDDEN & {*said}):
        sign = 0
    if not sign and axis != "must":
        denied = _denied(said) != (any(_turned(word, asked) for word in said) or _lacking(said, asked))
        close = len(shared) * 2 >= len(asked.about)
        if denied and (shared or (first and axis == "may")):
            sign = -1
        elif close and not denied and axis == "may" and not _SHUNS.search(clause):
            sign = 1
    return Verdict(sign, False, some and axis != "free")


def _lacking(said: Sequence[str], asked: Asked) -> bool:
    """Without what was asked for, or free of it."""
    for at, word in enumerate(said):
        if word == "without" and any(concept(w) in asked.about for w in said[at + 1 : at + 4]):
            return True
        if word == "free" and at and concept(said[at - 1]) in asked.about:
            return True
    return any(
        word.endswith("-free") and concept(word.removesuffix("-free")) in asked.about for word in said
    )


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
        elif (
            sign < 0
            and word not in _DENIERS
            and word not in ("unfortunately", "sadly")
            and any(w in _DENIERS for w in before)
        ):
            sign = 1
        signs.append(sign)
    if axis == "may":
        if not any(w == "MAY" for w in said) and -1 not in signs and any(w in _DENIERS for w in said):
            return 0
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
    """1 where a clause says a word of the question that has an opposite, -1 where the opposite."""
    for word in _TOKEN.findall(question):
        for number, sign in _SIDES.get(FORMS[word], ()):
            for at, other in enumerate(said):
                for same, theirs in _SIDES.get(FORMS[other], ()):
                    if same == number:
                        before = said[max(0, at - 4) : at]
                        denied = "MAYNOT" in before or not _DENIERS.isdisjoint(before)
                        if theirs != sign:
                            return 1 if denied else -1
                        if word != "with" and not denied and _DENIERS.isdisjoint(said):
                            return 1
    return 0
