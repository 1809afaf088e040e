"""What two answers state, as far as words can tell, and whether both can be right.

Numbers and quantities (also written out), yes and no, negations, names, words that exclude each other,
and one word in place of another in otherwise equal sentences. Long answers are compared sentence by
sentence.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from talkwright.data.similarity.amounts import MONTHS, WEEK, Amount, amounts, amounts_conflict
from talkwright.data.similarity.fillers import other_cases
from talkwright.data.similarity.lexicon import EXCLUSIVE, SAME
from talkwright.data.similarity.numerals import TIMES, written_out
from talkwright.data.similarity.polarity import denies, said_yes
from talkwright.data.similarity.sets import sets_conflict
from talkwright.data.similarity.similar import jaccard, joined, normal, numbers, words

_REMEMBERED = 800  # texts
_SHORT = 40  # words of an answer that states one thing
_SAME_SHAPE = 0.5  # word overlap from which two short answers differ in details only
_SAME_FRAME = 0.4  # the same, in both directions, of answers that may tell different things
_SAME_SENTENCE = 0.6  # the same of two sentences of longer answers
_NEARLY_ALL = 0.8  # the same where a single word decides
_ALL = 0.9  # the same where a long answer differs in one word
_ONE_CLAIM = 24  # words of an answer in which one word in place of another changes the answer
_SOME_SHARED = 0.35  # word overlap from which a sentence may be another's denial
_MUCH = 5  # words with matter that a sentence and its denial share
_MOST = 0.7  # of the words of the shorter of them
_NAME_ALONE = 4  # words of an answer that is a name
_SENTENCES = 30  # of an answer that are compared

_NAME = re.compile(r"(?<=[a-z,;] )[A-Z][\w-]+")
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|\n+|(?<=[。！？])")
NEGATED = re.compile(
    r"(?:\b(?:not|no longer|never|cannot|nicht|kein\w*|jamais|nunca|unable|impossible|without)\b"
    r"|n['\u2019]t|(?:do|does|did|is|are|was|were|ca|could|would|should|must|have|has)nt\b)"
    r"(?! (?:hesitate|worry|forget)\b)",
    re.IGNORECASE,
)

# What a question loses before it is compared: courtesy, and words that carry no matter.
COURTESY = frozenset(
    """
    yes yeah sure certainly ok okay please pls plz hi hello hey thanks thank kindly just quick
    question could can would you tell me let know i'd like to want wanna need wonder wondering
    curious do does did is are was were be been am a an the of for in on at by my your our their its
    it this that there i we u so and also exactly actually currently about what's whats what which
    give explain show say may might will shall have has had get got
    thats whats whos hows wheres whens im ive youre theyre really truly
    """.split()  # noqa: SIM905 - a list of words reads best as one
)
_QUANTITY = re.compile(r"(\d+(?:[.,:]\d+)*)(?:[\s-]*([a-z]+))?")
_GROUPS = [part.split() for part in EXCLUSIVE.split("|")]
_GROUP_OF = {word: number for number, group in enumerate(_GROUPS) for word in group}
_OPENERS = frozenset(
    """
    no unfortunately absolutely definitely indeed sorry ja nein oui non sí il elle le la les es er sie
    der
    die das el los las
    """.split()  # noqa: SIM905
)
# Every noun of a German text has a capital, so that tells no name.
_GERMAN = re.compile(
    r"\b(?:der|das|ist|und|um|wir|mit|nicht|keine?|im|uhr|eine?|sind|wird|die|sie|tage|kann)\b",
    re.IGNORECASE,
)
# Who answers such a question may add an amount, of which another says nothing.
_NO_AMOUNT = re.compile(
    r"(?:(?:from |to )?where|(?:to |by |from |with )?who(?:m|se)?|why|in which city)\b"
)
_OF_CASES = frozenset("if unless only except without until when while after before but than yet".split())  # noqa: SIM905
# What parts two things of which each has its own place.
_PARTING = frozenset(
    """
    not doesn't isn't don't didn't can't won't than before after from to into while whereas but nicht pas
    no als avant apr\u00e8s antes despu\u00e9s vor nach instead rather over beats causes
    """.split()  # noqa: SIM905
)
_VERBS = frozenset("is are was were be been do does did can could will would may must has have".split())  # noqa: SIM905
_SHORT_FORMS = frozenset("it's that's they're we're you're there's he's she's i'm".split())  # noqa: SIM905
_CALENDAR = frozenset(MONTHS + WEEK)
_SYNONYM_OF: dict[str, set[int]] = defaultdict(set)
for _number, _line in enumerate(SAME.split("|")):
    for _word in _line.split():
        _SYNONYM_OF[_word].add(_number)


def is_typo(a: str, b: str) -> bool:
    """Say whether one of two words is the other, misspelt."""
    # Another number is another thing ("model12"), never a slip.
    if not (a.isalpha() and b.isalpha()) and numbers(a) != numbers(b):
        return False
    if (
        min(len(a), len(b)) < 5
        or a[0] != b[0]
        or abs(len(a) - len(b)) > 1
        or _GROUP_OF.get(a) is not None
    ):
        return False
    return sorted(a) == sorted(b) or SequenceMatcher(None, a, b).ratio() > 0.85


@dataclass(frozen=True, slots=True)
class _Claims:
    """What a text states, as far as it can be counted. `yes` is None for neither yes nor no."""

    yes: bool | None
    negated: bool
    words: tuple[str, ...]
    amounts: tuple[Amount, ...]
    names: frozenset[str]


def contradicts(a: str, b: str, *, ways: bool = False, asked: str = "") -> bool:
    """Say whether two answers to one question cannot both be right, as far as the words tell.

    Of `ways` to do something there may be several, which name different things. What the question
    `asked` names itself, in normal form, is no answer to it.

    Calls of tools and questions back state nothing, so they contradict nothing.
    """
    if a.lstrip()[:1] in ("{", "[") or b.lstrip()[:1] in ("{", "["):
        return False
    one, other = _claims(a), _claims(b)
    if one.yes is not None and other.yes is not None and one.yes != other.yes:
        return True
    if len(one.words) == len(other.words) == 1:  # a name each, and nothing but the name
        if one.amounts or other.amounts:
            return amounts_conflict(one.amounts, other.amounts)
        named = a.lstrip()[:1].isupper() and b.lstrip()[:1].isupper()
        return named and not {*one.words, *other.words} & COURTESY and not _alike(a.lower(), b.lower())
    first, second = frozenset(one.words), frozenset(other.words)
    overlap = _overlap(first, second)
    longest = max(len(one.words), len(other.words))
    if sets_conflict(a, b, named=longest > _SHORT):
        return True
    if longest > _SHORT:
        equal = jaccard(first, second) >= _ALL and "?" not in a[-1:] + b[-1:]
        return (equal and _exchanged(one.words, other.words)) or _sentences_contradict(a, b)
    counted = not (ways or _NO_AMOUNT.match(asked)) or jaccard(first, second) >= _SAME_FRAME
    if (counted and amounts_conflict(one.amounts, other.amounts) and not other_cases(a, b)) or denies(
        a, b, _alike
    ):
        return True
    if ways and overlap < _NEARLY_ALL:
        return False
    return overlap >= _SAME_SHAPE and _differ(
        one,
        other,
        longest <= _ONE_CLAIM and not any(mark in a + b for mark in ("?", "\n- ", "\n* ")),
        frozenset(words(asked)),
    )


def _sentences_contradict(a: str, b: str) -> bool:
    second = [_claims(text) for text in _sentences(b)]
    for one in map(_claims, _sentences(a)):
        for other in second:
            same = jaccard(frozenset(one.words), frozenset(other.words))
            if len(one.words) < 3:
                continue
            if same > _SOME_SHARED and one.negated != other.negated and _denied(one, other):
                return True
            if same < _SAME_SENTENCE:
                continue
            if amounts_conflict(one.amounts, other.amounts):
                return True
            if same >= _NEARLY_ALL and (
                one.negated != other.negated or _excluded(one.words, other.words)
            ):
                return True
    return False


def _denied(one: _Claims, other: _Claims) -> bool:
    """Say whether of two sentences one denies most of what the other says, of no case in particular."""
    mine, yours = _affirmed(one.words), _affirmed(other.words)
    return (
        len(mine & yours) >= _MUCH
        and (_denied_word(one.words) in yours or _denied_word(other.words) in mine)
        and _overlap(mine, yours) >= _MOST
        and _OF_CASES.isdisjoint(one.words)
        and _OF_CASES.isdisjoint(other.words)
    )


def _denied_word(said: tuple[str, ...]) -> str:
    """The word that a sentence denies, empty for none."""
    at = next(
        (n for n, word in enumerate(said)
         if word.endswith("n't") or word in ("cannot", "never")
         or (word == "not" and said[n - 1] in _VERBS)),
        len(said),
    )  # fmt: skip
    return next((_stem(word) for word in said[at + 1 : at + 4] if word not in COURTESY), "")


def _sentences(text: str) -> list[str]:
    parts = (part.strip() for part in _SENTENCE.split(text))
    return [part for part in parts if part and part[-1] not in "?:"][:_SENTENCES]


def _overlap(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / max(1, min(len(a), len(b)))


def _differ(a: _Claims, b: _Claims, one_word_decides: bool, asked: frozenset[str]) -> bool:
    """Of two texts of one shape: a name, a negation or a word stands against another."""
    # "It is not red" and "It is blue" agree.
    excluded = a.negated == b.negated and _excluded(a.words, b.words)
    if excluded:
        return True
    mine, yours = (
        frozenset(
            name
            for name in x.names - y.names
            if name.lower() not in asked and name.lower() not in y.words
        )
        for x, y in ((a, b), (b, a))
    )
    shared = (frozenset(a.words) & frozenset(b.words)) - asked - COURTESY
    bare = min(len(a.words), len(b.words)) <= _NAME_ALONE  # a name, which the other gives too
    if mine and yours and not (bare and shared):
        return True
    if a.negated != b.negated and jaccard(_affirmed(a.words), _affirmed(b.words)) >= _SAME_SENTENCE:
        return True
    return one_word_decides and (_turned_round(a.words, b.words) or _exchanged(a.words, b.words))


def _affirmed(found: tuple[str, ...]) -> frozenset[str]:
    return frozenset(_stem(word) for word in found if word not in COURTESY and not NEGATED.match(word))


def _excluded(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Say whether each text has a word that a word of the other excludes, as red excludes blue."""
    mine, yours = set(a) - set(b), set(b) - set(a)
    groups = {_GROUP_OF.get(_stem(word)): _stem(word) for word in mine if _stem(word) in _GROUP_OF}
    return any(groups.get(_GROUP_OF.get(_stem(word)), _stem(word)) != _stem(word) for word in yours)


def _turned_round(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Say whether two texts of the same words say of one thing what the other says of another.

    "The Lund has it, the Orla doesn't", "the Orla has it, the Lund doesn't".
    """
    places = [n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y]
    if len(a) != len(b) or len(places) != 2 or places[1] == places[0] + 1:
        return False
    first, second = places
    between = frozenset(a[first + 1 : second + 3])
    return (a[first], a[second]) == (b[second], b[first]) and not _PARTING.isdisjoint(between)


def _exchanged(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Say whether one word, or two or three, stand in place of others in otherwise equal texts.

    Forms of one word, words for the same thing and words without matter do not count.
    """
    if len(a) < 4 or abs(len(a) - len(b)) > 2:
        return False
    shorter = min(len(a), len(b))
    begin = next((n for n in range(shorter) if a[n] != b[n]), shorter)
    end = next((n for n in range(shorter - begin) if a[-1 - n] != b[-1 - n]), shorter - begin)
    left, right = a[begin : len(a) - end], b[begin : len(b) - end]
    if not 0 < len(left) <= 3 or not 0 < len(right) <= 3 or len(left) + len(right) > len(a):
        return False
    if "0" in left + right:  # an amount against words: "24 hours", "the next day"
        return False
    lost, won = (
        {w for w in side if w not in COURTESY | _OPENERS | _SHORT_FORMS} for side in (left, right)
    )
    if not lost or not won or lost & won:
        return False
    return not any(_alike(x, y) for x in lost for y in won)


def _stem(word: str) -> str:
    return word[:-1] if word.endswith("s") and word not in _GROUP_OF else word


def _alike(a: str, b: str) -> bool:
    """Forms of one word, a typo of it, or another word for the same."""
    x, y = _stem(a), _stem(b)
    if x == y or _SYNONYM_OF.get(x, set()) & _SYNONYM_OF.get(y, set()):
        return True
    same = next((n for n, (c, d) in enumerate(zip(x, y, strict=False)) if c != d), min(len(x), len(y)))
    return same >= max(3, min(len(x), len(y)) - 2) or is_typo(x, y)


@lru_cache(maxsize=_REMEMBERED)
def _claims(text: str) -> _Claims:
    text = joined(text)
    found, plain = amounts(text)
    negated = bool(NEGATED.search(text))
    said = words(plain)
    return _Claims(
        yes=said_yes(text, negated, short=len(said) <= _ONE_CLAIM),
        negated=negated,
        words=said,
        amounts=found,
        names=frozenset()
        if _GERMAN.search(text)
        else frozenset(name for name in _NAME.findall(text) if name.lower() not in _CALENDAR),
    )


def quantities(text: str) -> frozenset[str]:
    """The numbers of a text, those written out too; a span of time in minutes, whatever its unit."""
    plain = written_out(" ".join(numbered for numbered in normal(text).split()))
    found = set()
    counted = set(numbers(plain))
    for number, unit in _QUANTITY.findall(plain):
        if number not in counted:
            continue
        value = _value(number)
        factor = TIMES.get(unit.rstrip("s"))
        if factor is not None and isinstance(value, float):
            found.add(f"{value * factor:g} min")
        else:
            found.add(f"{value:g}" if isinstance(value, float) else value)
    return frozenset(found)


def _value(number: str) -> float | str:
    number = number.removesuffix(":00")
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+", number):
        number = number.replace(",", "")
    try:
        return float(number.replace(",", "."))
    except ValueError:
        return number
