"""Answers that cannot both be right, to questions that are the same but for their wording.

Without a model of language, so only what words can tell: numbers and quantities (also written out),
yes and no, negations, names, words that exclude each other, and one word in place of another in
otherwise equal sentences. Long answers are compared sentence by sentence.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from talkwright.data.similarity.amounts import (
    MONTHS,
    TIMES,
    WEEK,
    Amount,
    amounts,
    amounts_conflict,
    written_out,
)
from talkwright.data.similarity.asking import ask_apart, forms_of, is_open, letters_of
from talkwright.data.similarity.lexicon import EXCLUSIVE, SAME
from talkwright.data.similarity.mentions import ruled_out
from talkwright.data.similarity.polarity import denies, of_leave, said_yes
from talkwright.data.similarity.rewording import asked_for, concepts_of, reworded, same_matter
from talkwright.data.similarity.sets import sets_conflict
from talkwright.data.similarity.similar import (
    jaccard,
    joined,
    normal,
    normal_question,
    numbers,
    without_edges,
    words,
)
from talkwright.data.similarity.slots import filled_differently
from talkwright.data.similarity.stances import opposed
from talkwright.data.similarity.verdicts import verdicts_differ
from talkwright.types import Conversation, Message

MOST_COMPARED = 50_000  # rows
_RIVALS = 50  # different answers to one question that are compared with each other
_SHORT = 40  # words of an answer that states one thing
_SAME_SHAPE = 0.5  # word overlap from which two short answers differ in details only
_SAME_SENTENCE = 0.6  # the same of two sentences of longer answers
_NEARLY_ALL = 0.8  # the same where a single word decides
_ALL = 0.9  # the same where a long answer differs in one word
_ONE_CLAIM = 24  # words of an answer in which one word in place of another changes the answer
_LONGEST_REWORDED = 350  # characters of an answer to a question in other words
_SENTENCES = 30  # of an answer that are compared

_HOW = re.compile(r"(?:how (?:do|can|could|should|to|would)|wie kann|comment|cómo)\b")
_SORRY = re.compile(r"I(?:['\u2019]m| am) sorry,? but\b")
_KNOWS_NOT = re.compile(r"\bI (?:do not|don['\u2019]t) know\b", re.IGNORECASE)  # states nothing
_NAME = re.compile(r"(?<=[a-z,;] )[A-Z][\w-]+")
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|\n+|(?<=[。！？])")
_NEGATED = re.compile(
    r"(?:\b(?:not|no longer|never|cannot|nicht|kein\w*|jamais|nunca|unable|impossible|without)\b"
    r"|n['\u2019]t\b)(?! (?:hesitate|worry|forget)\b)",
    re.IGNORECASE,
)

# What a question loses before it is compared: courtesy, and words that carry no matter.
_COURTESY = frozenset(
    """
    yes yeah sure certainly ok okay please pls plz hi hello hey thanks thank kindly just quick
    question could can would you tell me let know i'd like to want wanna need wonder wondering
    curious do does did is are was were be been am a an the of for in on at by my your our their its
    it this that there i we u so and also exactly actually currently about what's whats what which
    give explain show say may might will shall have has had get got
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
_SHORT_FORMS = frozenset("it's that's they're we're you're there's he's she's i'm".split())  # noqa: SIM905
_CALENDAR = frozenset(MONTHS + WEEK)
_SYNONYM_OF: dict[str, set[int]] = defaultdict(set)
for _number, _line in enumerate(SAME.split("|")):
    for _word in _line.split():
        _SYNONYM_OF[_word].add(_number)


# --- questions -----------------------------------------------------------------------------------


def question_keys(
    messages: Sequence[Message],
    said: Sequence[str],
    system: str,
    known: tuple[str, Sequence[str]] = ("", ()),
) -> tuple[object, object]:
    """What names the first question, and what all questions share that may be it but for typos.

    Both are None where no answer follows it at once. `said` are the normal forms of the messages and
    `system` that of the system prompt; `known` is a question with its words, which may be this one.
    """
    talk = [n for n, message in enumerate(messages) if message.role != "system"][:2]
    if [messages[n].role for n in talk] != ["user", "assistant"]:
        return None, None
    key = (system, without_edges(said[talk[0]]) or messages[talk[0]].content)
    block, asked = _asked(key, known[1] if known[0] == key[1] else None)
    return (*block, asked), (system, block[2], letters_of(asked))


def find_contradictions(
    rows: Mapping[int, int], read: Callable[[Sequence[int]], Iterable[Conversation]]
) -> tuple[list[tuple[int, int]], int]:
    """Pairs of rows (earlier, later) that answer one question clearly differently; how many were read.

    `rows` gives each row's `letters` of `question_keys`, as a number, 0 for none, in order; `read`
    gives the conversations of some. A million rows are more than can be compared: where there are more
    than MOST_COMPARED, as many of those that share their question's first letters with another are.
    """
    asking = [at for at, letters in rows.items() if letters]
    if len(asking) <= MOST_COMPARED:
        shared = Counter(rows[at] for at in asking)
        alone = frozenset(at for at in asking if shared[rows[at]] == 1)
        return _contradictory(zip(asking, read(asking), strict=True), alone), len(asking)
    groups: dict[int, list[int]] = defaultdict(list)
    for at in asking:
        groups[rows[at]].append(at)
    chosen: list[list[int]] = []
    compared = 0
    for group in groups.values():
        if len(group) < 2:
            continue
        if compared + len(group) > MOST_COMPARED:
            break
        compared += len(group)
        chosen.append(group)
    wanted = sorted(at for group in chosen for at in group)
    held = dict(zip(wanted, read(wanted), strict=True))
    pairs = [pair for group in chosen for pair in contradictory_pairs({at: held[at] for at in group})]
    return sorted(pairs), compared


def contradictory_pairs(conversations: Mapping[int, Conversation]) -> list[tuple[int, int]]:
    """Pairs of rows (earlier, later) whose first answers to the same question contradict each other.

    Questions are the same under the same system prompt when their content words are, in any courtesy,
    or nearly so with the same numbers and negations, or when they ask it in other words.
    """
    return _contradictory(conversations.items())


def _contradictory(
    conversations: Iterable[tuple[int, Conversation]], alone: frozenset[int] = frozenset()
) -> list[tuple[int, int]]:
    """The same; a row that is `alone` shares its question's letters with none: it is no typo of one."""
    asked: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for at, conversation in conversations:
        talk = [m for m in conversation.messages if m.role != "system"]
        if [m.role for m in talk[:2]] == ["user", "assistant"]:
            system = " ".join(normal(m.content) for m in conversation.messages if m.role == "system")
            system = " ".join((system, *conversation.tools))  # who has other tools can do other things
            question = normal_question(talk[0].content) or talk[0].content
            asked[system, question].append((at, talk[1].content))
    found: set[tuple[int, int]] = set()
    for keys in _same_questions(
        [key for key, said in asked.items() if len(said) > 1 or said[0][0] not in alone]
    ):
        if is_open(keys[0][1]):
            continue
        rivals = sorted((at, answer, key[1]) for key in keys for at, answer in asked[key])
        for position, (at, answer, question) in enumerate(rivals):
            for other, rival, same in rivals[max(0, position - _RIVALS) : position]:
                if answer != rival and _against((question, answer), (same, rival)):
                    found.add((other, at))
    return sorted(found | _against_reworded(asked))


def _against(a: tuple[str, str], b: tuple[str, str]) -> bool:
    """Say whether two (question, answer), whose questions are the same, contradict each other."""
    if a[0] != b[0] and (ask_apart(a[0], b[0]) or _meant_so(a, b)):
        return False
    a, b = ((question, of_leave(question, answer)) for question, answer in (a, b))
    if _KNOWS_NOT.search(a[1]) or _KNOWS_NOT.search(b[1]) or (_SORRY.match(a[1]) and _SORRY.match(b[1])):
        return False  # two refusals agree
    return (
        contradicts(a[1], b[1], ways=_HOW.match(a[0]) is not None, asked=a[0])
        or opposed(a, b)
        or verdicts_differ(a, b)
        or filled_differently(a[0], a[1], b[1])
        or ruled_out((a[0], b[0]), a[1], b[1])
    )


def _meant_so(a: tuple[str, str], b: tuple[str, str]) -> bool:
    """Say whether what looks like a slip in one of two questions comes again in its answer: Iceland."""
    mine, yours = set(words(a[0])) - set(words(b[0])), set(words(b[0])) - set(words(a[0]))
    slips = [(x, y) for x in mine for y in yours if _is_typo(x, y)]
    if not slips:
        return False
    said, theirs = set(words(normal(a[1]))), set(words(normal(b[1])))
    return any(x in said and x not in theirs and y in theirs and y not in said for x, y in slips)


def _against_reworded(asked: Mapping[tuple[str, str], list[tuple[int, str]]]) -> set[tuple[int, int]]:
    """The same of questions that are the same in other words."""
    keys = {n: key for n, key in enumerate(asked) if not is_open(key[1])}
    found = set()

    def told(at: int) -> frozenset[str]:
        return frozenset[str].intersection(
            *(concepts_of(said) for _, said in asked[keys[at]][-_RIVALS:])
        )

    for one, other, rare in reworded(keys, told):
        mine, yours = asked_for(keys[one][1]), asked_for(keys[other][1])
        assert mine is not None
        assert yours is not None
        for at, answer in asked[keys[one]][-_RIVALS:]:
            for rival_at, rival in asked[keys[other]][-_RIVALS:]:
                if answer == rival or max(len(answer), len(rival)) > _LONGEST_REWORDED:
                    continue
                if same_matter(mine, answer, yours, rival, rare) and _against(
                    (keys[one][1], answer), (keys[other][1], rival)
                ):
                    found.add((min(at, rival_at), max(at, rival_at)))
    return found


def _asked(
    key: tuple[str, str], known: Sequence[str] | None = None
) -> tuple[tuple[object, ...], tuple[str, ...]]:
    """Of (system, question): what must be equal, and the content words. `known` are its words."""
    question = key[1]
    # One of these is in whatever _NEGATED finds; looking for them is fast.
    negated = (
        ("not" in question or "n't" in question or "n\u2019t" in question or "never" in question)
        or ("nicht" in question or "kein" in question or "without" in question)
        or ("unable" in question or "imposs" in question or "no longer" in question)
        or ("jamais" in question or "nunca" in question)
    ) and bool(_NEGATED.search(question))
    typographic = "\u2019" in question
    found = matter(question) if known is None or typographic else _matter(known)
    return (key[0], numbers(question), negated), found or (question,)


def _same_questions(keys: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """Group (system, question) keys that ask the same thing."""
    grouped: dict[tuple[object, ...], list[tuple[str, str]]] = {}
    alike: dict[tuple[object, ...], list[tuple[tuple[str, ...], tuple[str, ...]]]] = defaultdict(list)
    for key in keys:
        (system, _, negated), said = _asked(key)
        block = (system, negated)
        asked = forms_of(said, key[1])
        if (*block, asked) not in grouped:
            # A typo keeps the first letter, so only questions with the same first letters are compared.
            # A word that is misspelt may have another form, so the words are compared as they were said.
            first_letters = (*block, letters_of(said))
            others = alike[first_letters]
            same = next((of for of, as_said in others[-_RIVALS:] if _typos(said, as_said)), None)
            same = same or next((of for of, _ in others[-_RIVALS:] if _typos(asked, of)), None)
            if same is None:
                others.append((asked, said))
            asked = same or asked
        grouped.setdefault((*block, asked), []).append(key)
    return list(grouped.values())


@lru_cache(maxsize=4096)
def matter(question: str) -> tuple[str, ...]:
    """The words of a question that say what it is about, in order, without plural and courtesy."""
    return _matter(words(question.replace("\u2019", "'")))


def _matter(said: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        [
            word[:-1] if word[-1] == "s" and len(word) > 3 and word[-2] != "s" else word
            for word in said
            if word not in _COURTESY
        ]
    )


def _typos(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Say whether two rows of as many words differ in the spelling of one or two of them only."""
    differ = [(x, y) for x, y in zip(a, b, strict=False) if x != y]
    return len(a) == len(b) and len(differ) <= 2 and all(_is_typo(x, y) for x, y in differ)


def _is_typo(a: str, b: str) -> bool:
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


# --- answers -------------------------------------------------------------------------------------


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
        return named and not {*one.words, *other.words} & _COURTESY and not _alike(a.lower(), b.lower())
    first, second = frozenset(one.words), frozenset(other.words)
    overlap = _overlap(first, second)
    longest = max(len(one.words), len(other.words))
    if sets_conflict(a, b, named=longest > _SHORT):
        return True
    if longest > _SHORT:
        equal = jaccard(first, second) >= _ALL and "?" not in a[-1:] + b[-1:]
        return (equal and _exchanged(one.words, other.words)) or _sentences_contradict(a, b)
    counted = not ways or overlap >= _SAME_SHAPE
    if (counted and amounts_conflict(one.amounts, other.amounts)) or denies(a, b, _alike):
        return True
    if ways and overlap < _NEARLY_ALL:
        return False
    return overlap >= _SAME_SHAPE and _differ(
        one, other, longest <= _ONE_CLAIM and "?" not in a + b, frozenset(words(asked))
    )


def _sentences_contradict(a: str, b: str) -> bool:
    second = [_claims(text) for text in _sentences(b)]
    for one in map(_claims, _sentences(a)):
        for other in second:
            same = jaccard(frozenset(one.words), frozenset(other.words))
            if same < _SAME_SENTENCE or len(one.words) < 3:
                continue
            if amounts_conflict(one.amounts, other.amounts):
                return True
            if same >= _NEARLY_ALL and (
                one.negated != other.negated or _excluded(one.words, other.words)
            ):
                return True
    return False


def _sentences(text: str) -> list[str]:
    parts = (part.strip() for part in _SENTENCE.split(text))
    return [part for part in parts if part and part[-1] not in "?:"][:_SENTENCES]


def _overlap(a: frozenset[str], b: frozenset[str]) -> float:
    return len(a & b) / max(1, min(len(a), len(b)))


def _differ(a: _Claims, b: _Claims, one_word_decides: bool, asked: frozenset[str]) -> bool:
    """Of two texts of one shape: a name, a negation or a word stands against another."""
    # "It is not red" and "It is blue" agree.
    excluded = a.negated == b.negated and _excluded(a.words, b.words)
    mine, yours = (frozenset(name for name in x.names if name.lower() not in asked) for x in (a, b))
    if excluded or _each_has_own(mine, yours):
        return True
    if a.negated != b.negated and jaccard(_affirmed(a.words), _affirmed(b.words)) >= _SAME_SENTENCE:
        return True
    return one_word_decides and _exchanged(a.words, b.words)


def _affirmed(found: tuple[str, ...]) -> frozenset[str]:
    return frozenset(_stem(word) for word in found if word not in _COURTESY and not _NEGATED.match(word))


def _excluded(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Say whether each text has a word that a word of the other excludes, as red excludes blue."""
    mine, yours = set(a) - set(b), set(b) - set(a)
    groups = {_GROUP_OF.get(_stem(word)) for word in mine} - {None}
    return any(_GROUP_OF.get(_stem(word)) in groups for word in yours)


def _exchanged(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Say whether one word, or two or three, stand in place of others in otherwise equal texts.

    Forms of one word, words for the same thing and words without matter do not count.
    """
    swaps = [
        (a[i1:i2], b[j1:j2])
        for what, i1, i2, j1, j2 in SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
        if what != "equal"
    ]
    if len(swaps) != 1 or len(a) < 4:
        return False
    left, right = swaps[0]
    if not 0 < len(left) <= 3 or not 0 < len(right) <= 3 or len(left) + len(right) > len(a):
        return False
    if "0" in left + right:  # an amount against words: "24 hours", "the next day"
        return False
    lost, won = (
        {w for w in side if w not in _COURTESY | _OPENERS | _SHORT_FORMS} for side in (left, right)
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
    return same >= max(3, min(len(x), len(y)) - 2) or _is_typo(x, y)


@lru_cache(maxsize=16 * _RIVALS)
def _claims(text: str) -> _Claims:
    text = joined(text)
    found, plain = amounts(text)
    negated = bool(_NEGATED.search(text))
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


def _each_has_own(a: frozenset[str], b: frozenset[str]) -> bool:
    return bool(a - b) and bool(b - a)
