"""Answers that are not to their question: measured by the words that a question and its answer share.

In real pairs the rarer words of a question come up in its own answer far oftener than in another's (in
16 real sets: 12 to 50 times as often); where answers were shuffled, as often. A single answer is called
wrong only where it has none of its own question's words and fits another question of the set better than
that question's own answer does: that finds about a third of them, and hardly any right one.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import chain
from statistics import median

from talkwright.data.cleaning.answers import WIDE
from talkwright.data.doctor.symptoms import OFTEN, Rows, Symptom, symptom
from talkwright.data.similarity.similar import normal, word_list

_LEAST = 50  # pairs that tell something about their set
_HEAD = 1200  # characters of either side
_STEM = 5  # letters: "cancel" and "canceling" are about the same
_RARE = 20  # a word of matter is in at most one of so many questions, and answers
_ANSWER = 8  # words that an answer must have before it can be expected to repeat any
_CHANCE = 2.0  # times as often as by chance: real pairs are far above
_EXPECTED = 8.0  # words shared by chance, below which nothing can be said
_SEARCHED = 4000  # rows whose answer is looked for elsewhere
_CLOSE = 5  # best questions that are looked at for an answer
_WIDE = re.compile(WIDE)


@dataclass(frozen=True, slots=True)
class _Words:
    """The stems of each question and answer, the rarer ones of both, and a weight for each word.

    Weights are whole numbers: sums of them do not depend on the order of a set.
    """

    asked: list[frozenset[str]]
    said: list[frozenset[str]]
    rare_asked: list[frozenset[str]]
    rare_said: list[frozenset[str]]
    weights: dict[str, int]
    common: frozenset[str]

    def shared(self, question: int, answer: int) -> int:
        """How much an answer has of a question."""
        return sum(self.weights[w] for w in self.rare_asked[question] & self.rare_said[answer])


def wrong_answers(rows: Rows) -> Symptom | None:
    """All answers shuffled, or of some source; else single ones that belong to another question."""
    if len(rows) < _LEAST:
        return None
    words = _words(rows)
    return _shuffled(rows, words) or _misplaced(rows, words)


_WHY = "The model learns that the question does not matter."


def _words(rows: Rows) -> _Words:
    asked = [_stems(normal(talk.question[:_HEAD])) for talk in rows]
    said = [_stems(talk.normal_answer[:_HEAD]) for talk in rows]
    in_questions = Counter(chain.from_iterable(asked))
    in_answers = Counter(chain.from_iterable(said))
    most = max(3, len(rows) // _RARE)
    rare = frozenset(
        word for word, n in in_answers.items() if n <= most and 0 < in_questions.get(word, 0) <= most
    )
    often = len(rows) / 10
    common = frozenset(w for w, n in in_questions.items() if n >= often and in_answers[w] >= often)
    return _Words(
        asked,
        said,
        [words & rare for words in asked],
        [words & rare for words in said],
        {word: round(100 * math.log(len(rows) / in_answers[word])) for word in rare},
        common,
    )


def _stems(text: str) -> frozenset[str]:
    """The beginnings of the words of a text in its normal form; of what is written without spaces, pairs
    of characters."""
    found = word_list(text)
    if text.isascii():
        return frozenset([word[:_STEM] for word in found if len(word) > 2 or not word.isdigit()])
    stems, before = [], ""
    for word in found:
        wide = len(word) == 1 and _WIDE.match(word)
        if wide and before:
            stems.append(before + word)
        elif not wide and (len(word) > 2 or not word.isdigit()):
            stems.append(word[:_STEM])
        before = word if wide else ""
    return frozenset(stems)


def _shuffled(rows: Rows, words: _Words) -> Symptom | None:
    """Whole sources in which answers have no more of their own question than of any other."""
    sources: dict[str, list[int]] = defaultdict(list)
    for at, talk in enumerate(rows):
        # A question of few words, or an answer of few, says nothing.
        if len(words.said[at]) >= _ANSWER and len(words.rare_asked[at]) >= 2:
            sources[talk.row.source].append(at)
    found: list[int] = []
    own, chance = 0, 0.0
    for places in sources.values():
        if len(places) < _LEAST:
            continue
        in_answers = Counter(word for at in places for word in words.rare_said[at])
        mine = sum(len(words.rare_asked[at] & words.rare_said[at]) for at in places)
        others = sum(in_answers[word] for at in places for word in words.rare_asked[at]) / len(places)
        if others >= _EXPECTED and mine < _CHANCE * others:
            found += places
            own, chance = own + mine, chance + others
    return symptom(
        "wrong_answers",
        rows,
        [(at, f"{rows[at].question} → {rows[at].answer}") for at in sorted(found)],
        serious=0.0,
        what="answers were given to another question, as it seems: they share "
        f"{own} rarer words with their own questions, and would share {round(chance)} with any others",
        why=_WHY,
        fix="pair them anew where the data is exported: sort both by one id, not each by itself",
    )


def _misplaced(rows: Rows, words: _Words) -> Symptom | None:
    """Single answers that have nothing of their question, and fit another one."""
    used = Counter(talk.normal_answer for talk in rows)
    own = [words.shared(at, at) for at in range(len(rows))]
    typical = median([score for score in own if score] or [0])
    asking: dict[str, list[int]] = defaultdict(list)
    for at, rare in enumerate(words.rare_asked):
        for word in rare:
            asking[word].append(at)
    found, searched = [], 0
    for at, talk in enumerate(rows):
        if own[at] or len(words.said[at]) < _ANSWER or len(words.asked[at]) < 3:
            continue
        # With tools at hand, an answer may be about what they can do.
        if used[talk.normal_answer] >= OFTEN or not typical or talk.row.tools:
            continue
        if len((words.asked[at] & words.said[at]) - words.common) > 1:
            continue
        searched += 1
        other = _better(at, rows, words, asking, own, typical) if searched <= _SEARCHED else None
        if other is not None:
            where = rows[other].row.where
            found.append((at, f"fits {where} better: {talk.question[:_SHOWN]} → {talk.answer}"))
    if len(found) < max(_FEW, _NOISE * len(rows)):
        return None
    return symptom(
        "wrong_answers",
        rows,
        found,
        serious=0.03,
        warning=0.01,
        what="answers have nothing of their question, and fit another one of the data "
        "(of such answers about a third can be seen)",
        why=_WHY,
        fix="pair questions and answers anew where the data is exported, or take these rows out",
    )


_NOISE = 0.005  # share of the rows that is found in real data now and then
_FEW = 5
_SHOWN = 50  # characters of a question in an example


def _better(
    at: int, rows: Rows, words: _Words, asking: dict[str, list[int]], own: list[int], typical: float
) -> int | None:
    """The question that the answer of a row fits, where that question's own answer fits it less."""
    scores: Counter[int] = Counter()
    for word in words.rare_said[at]:
        weight = words.weights[word]
        for other in asking.get(word, ()):
            scores[other] += weight
    least = 0.75 * typical
    close = sorted((-score, other) for other, score in scores.items() if score >= least)[:_CLOSE]
    for score, other in close:
        if len(words.rare_asked[other] & words.rare_said[at]) < 3:
            continue
        if -2 * score < sum(words.weights[word] for word in words.rare_asked[other]):
            continue
        same = rows[other].normal_answer == rows[at].normal_answer
        if same or 2 * own[other] < -score:
            return other
    return None


# --- questions and answers exchanged -------------------------------------------------------------

_ASKS = re.compile(
    r"\W*(?:please |can you |could you )?(?:what|how|why|when|where|who|which|is|are|do|does|can|could"
    r"|should|write|give|generate|create|describe|explain|list|name|identify|find|make|provide|suggest|rewrite"
    r"|edit|classify|compose|construct|summari[sz]e|translate|compare|design|come up|tell me"
    r"|i (?:want|need|would like)"
    r"|wie|was|warum|wann|wo|wer|welche\w*|kann|schreib\w*|nenne|erkläre|comment|pourquoi|quand|quel\w*"
    r"|où|écri\w+|cómo|qué|cuándo|dónde|por qué|escrib\w+|come|perché|quando|dove)\b",
    re.IGNORECASE,
)
_QUESTION = ("?", "\uff1f", "\u061f")
_MOSTLY = 0.4


def swapped(rows: Rows) -> Symptom | None:
    """What users say reads like answers, and what the assistant says like questions."""
    if len(rows) < _LEAST:
        return None
    asked = [at for at, talk in enumerate(rows) if _is_question(talk.answer)]
    if len(asked) < _MOSTLY * len(rows):
        return None
    asks = sum(_is_question(talk.question) for talk in rows)
    longer = median(len(talk.question) for talk in rows) > 1.5 * median(len(t.answer) for t in rows)
    if not longer or 3 * asks > len(asked):
        return None
    return symptom(
        "swapped",
        rows,
        [(at, f"{rows[at].question[:60]} → {rows[at].answer}") for at in asked],
        serious=0.0,
        what="answers ask or order something, while hardly a user does: the two sides look exchanged",
        why="The model learns to ask what it should answer.",
        fix="data.sources.columns: name the right column for each side, or exchange the roles",
    )


def _is_question(text: str) -> bool:
    text = text.strip()
    return text.endswith(_QUESTION) or bool(_ASKS.match(text))
