"""Answers that cannot both be right, to questions that are the same but for their wording.

Without a model of language, so only what words can tell: what two answers state, which side they take,
and with what they fill the place that the question leaves open.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from talkwright.data.similarity.asking import ask_apart, forms_of, is_open, letters_of, said_plainly
from talkwright.data.similarity.claims import COURTESY, NEGATED, contradicts, is_typo
from talkwright.data.similarity.fillers import other_computers
from talkwright.data.similarity.gist import besides, gist
from talkwright.data.similarity.likeness import reworded, same_matter
from talkwright.data.similarity.mentions import ruled_out
from talkwright.data.similarity.polarity import of_leave
from talkwright.data.similarity.rewording import asked_for, concepts_of
from talkwright.data.similarity.sameness import alike, same_signs
from talkwright.data.similarity.similar import (
    normal,
    normal_question,
    numbers,
    without_edges,
    words,
)
from talkwright.data.similarity.slots import filled_differently
from talkwright.data.similarity.stances import opposed
from talkwright.data.similarity.tongues import is_foreign, sides_abroad
from talkwright.data.similarity.verdicts import verdicts_differ
from talkwright.data.similarity.weighing import believed, weighed
from talkwright.types import Conversation, Message

MOST_COMPARED = 50_000  # rows
_RIVALS = 50  # different answers to one question that are compared with each other
_SURELY = 0.78  # how probably two questions ask the same that are compared whatever they share
_MANY = 12  # questions that name a thing
_COMMON = 0.6  # the most of that probability where many name all that two questions share
_LONGEST_REWORDED = 350  # characters of an answer to a question in other words

_HOW = re.compile(
    r"(?:how (?:do|can|could|should|to|would)|wie kann|comment|cómo"
    r"|(?:please )?tell (?:me|us) (?:more )?about|describe|explain"
    r"|what (?:should|do|must|can) (?:i|we|one|you) (?:need to |have to )?know|what(?:'s| is) special"
    r"|que (?:faut-il|dois-je|doit-on) savoir|was (?:muss|sollte|soll) (?:ich|man)\b.* wissen"
    r"|qué (?:hay que|debo|tengo que) saber|cosa (?:devo|bisogna) sapere|wat moet ik weten)\b"
)
_DEFINES = re.compile(  # of what it is, there is more to say than one answer does
    r"(?:(?:it|that|this|he|she|[A-Z][\w-]*(?: [A-Z][\w-]*){0,3})(?:['\u2019]s| is| was) )?an?\b",
    re.IGNORECASE,
)
_EVENTS = re.compile(r"what (?:happens|will happen|if)\b|why\b")  # of which there may be several
_SORRY = re.compile(r"I(?:['\u2019]m| am) sorry,? but\b")
_KNOWS_NOT = re.compile(  # states nothing
    r"\b(?:I|we) (?:(?:do not|don['\u2019]t) (?:know|have (?:any |that |the )?(?:information|details"
    r"|data))"
    r"|have no (?:information|idea|details|data|knowledge|record|way of knowing))\b",
    re.IGNORECASE,
)

Row = tuple[str, str]  # a question in normal form, and its answer


@dataclass(frozen=True, slots=True)
class Compared:
    """Two rows, the earlier first, whose questions are the same; how probably that is so."""

    earlier: int
    later: int
    rows: tuple[Row, Row]
    alike: float


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
    return sorted({(two.earlier, two.later) for two in compared(conversations, alone) if _against(two)})


def compared(
    conversations: Iterable[tuple[int, Conversation]], alone: frozenset[int] = frozenset()
) -> Iterator[Compared]:
    """Pairs of rows whose first questions are the same, under one system prompt, in the same words but
    for courtesy or in others; see `contradictory_pairs`. Some come twice."""
    asked: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for at, conversation in conversations:
        talk = [m for m in conversation.messages if m.role != "system"]
        if [m.role for m in talk[:2]] == ["user", "assistant"]:
            system = " ".join(normal(m.content) for m in conversation.messages if m.role == "system")
            system = " ".join((system, *conversation.tools))  # who has other tools can do other things
            question = normal_question(talk[0].content) or talk[0].content
            asked[system, question].append((at, talk[1].content))
    for keys in _same_questions(
        [key for key, said in asked.items() if len(said) > 1 or said[0][0] not in alone]
    ):
        if is_open(keys[0][1]):
            continue
        rivals = sorted((at, answer, key[1]) for key in keys for at, answer in asked[key])
        for position, (at, answer, question) in enumerate(rivals):
            for other, rival, same in rivals[max(0, position - _RIVALS) : position]:
                if answer != rival:
                    yield Compared(other, at, ((same, rival), (question, answer)), 1.0)
    yield from _compared_reworded(asked)


def _against(two: Compared) -> bool:
    """Say whether two rows, whose questions are the same, contradict each other."""
    rows = stated(two)
    if rows is None:
        return False
    a, b = rows
    rest = besides(a[1], b[1])
    if _rival(a, b) or (rest is not None and _rival((a[0], rest[0]), (b[0], rest[1]))):
        return believed(a, b, two.alike)
    return weighed(a, b, two.alike)


def stated(two: Compared) -> tuple[Row, Row] | None:
    """What two rows state besides courtesy; None where one of them states nothing, or they were asked
    different things after all."""
    a, b = two.rows
    if a[0] != b[0] and (ask_apart(a[0], b[0]) or _meant_so(a, b)):
        return None
    a, b = ((question, gist(of_leave(question, answer))) for question, answer in (a, b))
    if _KNOWS_NOT.search(a[1]) or _KNOWS_NOT.search(b[1]) or (_SORRY.match(a[1]) and _SORRY.match(b[1])):
        return None  # two refusals agree
    if " on " in f" {a[1]}".lower() and other_computers(a[0], normal(a[1]), normal(b[1])):
        return None
    return a, b


def _rival(a: Row, b: Row) -> bool:
    """Say whether a single rule tells that two answers without courtesy contradict each other."""
    told = all(_DEFINES.match(answer) for _, answer in (a, b))
    if contradicts(a[1], b[1], ways=told or bool(_HOW.match(a[0]) or _EVENTS.match(a[0])), asked=a[0]):
        return True
    if is_foreign(a[0]) or is_foreign(b[0]):
        return sides_abroad(a[0], a[1], b[1]) or filled_differently(a[0], a[1], b[1])
    return (
        opposed(a[0], a[1], b[1])
        or verdicts_differ(a, b)
        or filled_differently(a[0], a[1], b[1])
        or ruled_out((a[0], b[0]), a[1], b[1])
    )


def _meant_so(a: Row, b: Row) -> bool:
    """Say whether what looks like a slip in one of two questions comes again in its answer: Iceland."""
    mine, yours = set(words(a[0])) - set(words(b[0])), set(words(b[0])) - set(words(a[0]))
    slips = [(x, y) for x in mine for y in yours if is_typo(x, y)]
    if not slips:
        return False
    said, theirs = set(words(normal(a[1]))), set(words(normal(b[1])))
    return any(x in said and x not in theirs and y in theirs and y not in said for x, y in slips)


def _compared_reworded(asked: Mapping[tuple[str, str], list[tuple[int, str]]]) -> Iterator[Compared]:
    """The same of questions that are the same in other words."""
    keys = {n: key for n, key in enumerate(asked) if not is_open(key[1])}

    def told(at: int) -> frozenset[str]:
        return frozenset[str].intersection(
            *(concepts_of(said) for _, said in asked[keys[at]][-_RIVALS:])
        )

    for one, other, common in reworded(keys, told):
        mine, yours = asked_for(keys[one][1]), asked_for(keys[other][1])
        assert mine is not None
        assert yours is not None
        shared = len(mine.about & yours.about)
        thin = shared < min(2, len(mine.about), len(yours.about))
        if thin and (is_foreign(keys[one][1]) or is_foreign(keys[other][1])):
            continue  # the lexicon, which knows what words say the same, is English
        for at, answer in asked[keys[one]][-_RIVALS:]:
            for rival_at, rival in asked[keys[other]][-_RIVALS:]:
                if answer == rival or max(len(answer), len(rival)) > _LONGEST_REWORDED:
                    continue
                sure = alike(same_signs(mine, answer, yours, rival, common))
                if common.fewest > _MANY:  # what many name tells nothing, whatever their answers share
                    sure = min(sure, _COMMON)
                if sure >= _SURELY or same_matter(mine, answer, yours, rival, common.rare):
                    rows = (keys[one][1], answer), (keys[other][1], rival)
                    yield Compared(min(at, rival_at), max(at, rival_at), rows, sure)


def _asked(
    key: tuple[str, str], known: Sequence[str] | None = None
) -> tuple[tuple[object, ...], tuple[str, ...]]:
    """Of (system, question): what must be equal, and the content words. `known` are its words."""
    question = key[1]
    if question.endswith(" or not"):
        question, known = question.removesuffix(" or not"), None
    # One of these is in whatever NEGATED finds; looking for them is fast.
    negated = (
        ("not" in question or "n't" in question or "n\u2019t" in question or "never" in question)
        or ("nicht" in question or "kein" in question or "without" in question)
        or ("unable" in question or "imposs" in question or "no longer" in question)
        or ("jamais" in question or "nunca" in question)
    ) and bool(NEGATED.search(question))
    plain = said_plainly(question, words(question) if known is None else known)
    other = known is None or "\u2019" in question or plain is not question
    found = matter(plain) if other else _matter(known or ())
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
            if word not in COURTESY
        ]
    )


def _typos(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Say whether two rows of as many words differ in the spelling of one or two of them only."""
    differ = [(x, y) for x, y in zip(a, b, strict=False) if x != y]
    return len(a) == len(b) and len(differ) <= 2 and all(is_typo(x, y) for x, y in differ)
