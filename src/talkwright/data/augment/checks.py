"""Whether a new row may be learnt: facts kept, nothing held out copied, nothing said twice."""

from __future__ import annotations

import math
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

from talkwright.config import DataSection
from talkwright.data.augment.asking import Chat, Rejected
from talkwright.data.augment.facts import invented, lost, negation_changed, told
from talkwright.data.cleaning.answers import is_refusal
from talkwright.data.cleaning.clean import clean
from talkwright.data.cleaning.language import language_of
from talkwright.data.cleaning.masks import protect, protect_raw
from talkwright.data.similarity.claims import contradicts
from talkwright.data.similarity.similar import jaccard, normal, normal_question, numbers, shingles, words
from talkwright.types import Conversation, Message

# One word changed in a question of eight leaves a similarity of 0.64: still a copy of a held-out one.
_HELD_OUT = 0.6
_REWRITTEN = 0.7  # more like its source than this, a text is not in other words
_QUESTION_WORDS = 3  # a shorter message ("hi") is a greeting, not a question
_ANSWER_WORDS = 8  # a shorter answer ("Yes, it is.") is nobody's

REASONS = {
    "garbage": "the reply has not the shape that was asked for",
    "refused": "the model declines, or does not know",
    "too_long": "the reply reached max_tokens, or the row data.max_chars",
    "lost_facts": "a number, name, link, placeholder or negation is gone, or the answer contradicts",
    "invented_facts": "a number, link or code that no source row has",
    "wrong_language": "the text is in another language than it should be",
    "unchanged": "the same as the row it was made from",
    "too_similar": "almost the same as a training row or an earlier new row",
    "duplicate": "the same as a training row or an earlier new row",
    "copy_of_held_out": "the same as a held-out row, or almost",
    "pii": "private data in it, and data.pii is drop",
    "failed_after_retries": "no usable reply came, however often it was asked",
    "over_budget": "not asked, for data.augment.max_cost was reached",
}
"""Every drop reason with what it means."""


class Judge:
    """Knows the training rows and the held-out rows; looks at new rows, one after another."""

    def __init__(
        self, section: DataSection, train: Sequence[Conversation], held_out: Sequence[Conversation]
    ):
        self._section = section
        self._threshold = section.near_threshold
        self._known = Near(self._threshold)  # questions of training and of new rows
        self._known_pairs = Near(self._threshold)  # the same with their answers
        self._trained_answers = {
            normal(text) for row in train for text in _said(row.messages, "assistant")
        }
        self._held_questions = Near(min(self._threshold, _HELD_OUT))
        self._held_answers = Near(self._threshold)
        trained_questions: set[str] = set()
        for row in train:
            self._remember(row.messages)
            trained_questions.update(_questions(row.messages))
        for row in held_out:
            # What training rows say too ("thank you very much") gives nothing away.
            for text in set(_questions(row.messages)) - trained_questions:
                self._held_questions.add(text)
            for text in _said(row.messages, "assistant"):
                if len(words(text)) >= _ANSWER_WORDS and normal(text) not in self._trained_answers:
                    self._held_answers.add(text)

    def check_question(self, question: str) -> None:
        """Raise Rejected for a question that is held out. Does not depend on other new rows."""
        for text in _questions((Message("user", question),)):
            if self._held_questions.find(text):
                raise Rejected("copy_of_held_out", question)

    def check(self, kind: str, sources: Sequence[Conversation], messages: Chat) -> Chat:
        """The new row as it may be learnt: cleaned and masked. Raises Rejected; remembers nothing."""
        cleaned = clean(messages, self._section)
        if isinstance(cleaned, str):
            raise Rejected("too_long" if cleaned == "too_long" else "garbage", cleaned)
        safe = protect(cleaned[0], self._section)
        if safe.drop:
            raise Rejected("pii")
        messages = safe.messages
        if any(_both(messages) == _both(row.messages) for row in sources):
            raise Rejected("unchanged", _both(messages))
        self._check_held_out(kind, messages)
        if kind in ("instruct", "evolve"):
            self._check_made(sources, messages)
        else:
            role = "assistant" if kind == "style" else "user"
            _check_rewritten(role, sources[0].messages, messages)
            was, became = ("\n".join(_said(row, role)) for row in (sources[0].messages, messages))
            if jaccard(shingles(was), shingles(became)) >= min(self._threshold, _REWRITTEN):
                raise Rejected("too_similar", became)
        return messages

    def admit(self, kind: str, messages: Chat) -> None:
        """Raise Rejected for a row like one there is already; else keep it in mind."""
        # Rewritten answers belong to the question they had; all else must be asked differently.
        near, text = self._known, _side(messages)
        if kind == "style":
            near, text = self._known_pairs, _both(messages)
        if near.has(text):
            raise Rejected("duplicate", text)
        if near.find(text):
            raise Rejected("too_similar", text)
        self._remember(messages)

    def masked(self, text: str) -> str:
        """A text as it may stand in the ledger."""
        return protect_raw(text, self._section)

    def _check_held_out(self, kind: str, messages: Chat) -> None:
        # A style keeps the question, and other steps the answer: what training has already.
        if kind != "style":
            for text in _questions(messages):
                if self._held_questions.find(text):
                    raise Rejected("copy_of_held_out", text)
        if kind in ("instruct", "evolve", "style"):
            for text in _said(messages, "assistant"):
                if normal(text) not in self._trained_answers and self._held_answers.find(text):
                    raise Rejected("copy_of_held_out", text)

    def _remember(self, messages: Chat) -> None:
        self._known.add(_side(messages))
        self._known_pairs.add(_both(messages))

    def _check_made(self, sources: Sequence[Conversation], messages: Chat) -> None:
        question, answer = _said(messages, "user")[0], _said(messages, "assistant")[0]
        if is_refusal(answer) and not any(
            is_refusal(text) for row in sources for text in _said(row.messages, "assistant")
        ):
            raise Rejected("refused", answer)
        told_before = [m.content for row in sources for m in row.messages]
        if self._section.augment.new_facts == "drop":
            made_up = invented(answer, question, *told_before)
            if made_up:
                raise Rejected("invented_facts", told(made_up))
        home = language_of("\n".join(told_before))
        if home and language_of(f"{question}\n{answer}") not in (home, None):
            raise Rejected("wrong_language", question)


def _check_rewritten(role: str, old: Chat, new: Chat) -> None:
    before, after = _said(old, role), _said(new, role)
    if len(before) != len(after):
        raise Rejected("garbage", "turns are missing")
    home = language_of("\n".join(m.content for m in old))
    now = language_of("\n".join(after))
    if home and now and home != now:
        raise Rejected("wrong_language", f"{now} instead of {home}")
    for was, became in zip(before, after, strict=True):
        if role == "assistant" and is_refusal(became) and not is_refusal(was):
            raise Rejected("refused", became)
        if role == "user" and len(words(became)) < 2 and len(words(was)) > _QUESTION_WORDS:
            raise Rejected("garbage", became)  # "and": a piece of the instructions, not the question
        if gone := lost(was, became):
            raise Rejected("lost_facts", told(gone))
        # Answers are judged against the question too: a style may take up its words.
        own = [was] if role == "user" else [was, *_said(old, "user")]
        if more := invented(became, *own):
            raise Rejected("invented_facts", told(more))
        if role == "user" and negation_changed(was, became):
            raise Rejected("lost_facts", "a negation")
        if role == "assistant" and contradicts(was, became):
            raise Rejected("lost_facts", f"contradicts: {became}")


def _said(messages: Iterable[Message], role: str) -> list[str]:
    return [m.content for m in messages if m.role == role]


def _side(messages: Chat) -> str:
    return normal_question("\n".join(_said(messages, "user")))


def _both(messages: Chat) -> str:
    return "\n".join(normal_question(m.content) for m in messages if m.role != "system")


def _questions(messages: Iterable[Message]) -> list[str]:
    """What a conversation asks: every real question, or all it says if there is none."""
    asked = [normal_question(text) for text in _said(messages, "user")]
    return [text for text in asked if len(words(text)) >= _QUESTION_WORDS] or [" ".join(asked)]


# --- likeness ------------------------------------------------------------------------------------


class Near:
    """Finds texts like one that was added: word pairs by Jaccard, and the same numbers.

    Exact: two sets of a similarity of t or more must share one of the first |set| - ceil(t |set|) + 1
    members in any fixed order (Chaudhuri et al. 2006, prefix filtering), so only those are looked up.
    """

    def __init__(self, threshold: float):
        self._threshold = threshold
        self._texts: list[frozenset[tuple[str, str]]] = []
        self._whole: set[str] = set()
        self._holding: dict[tuple[object, ...], list[int]] = defaultdict(list)

    def has(self, text: str) -> bool:
        """Say whether this very text was added."""
        return text in self._whole

    def add(self, text: str) -> None:
        """Make a text findable."""
        if text in self._whole:
            return
        self._whole.add(text)
        pairs = shingles(text)
        for key in self._prefix(text, pairs):
            self._holding[key].append(len(self._texts))
        self._texts.append(pairs)

    def find(self, text: str) -> bool:
        """Say whether this text or one like it was added."""
        if text in self._whole:
            return True
        pairs = shingles(text)
        seen: set[int] = set()
        for key in self._prefix(text, pairs):
            for at in self._holding.get(key, ()):
                if at not in seen and jaccard(pairs, self._texts[at]) >= self._threshold:
                    return True
                seen.add(at)
        return False

    def _prefix(self, text: str, pairs: frozenset[tuple[str, str]]) -> list[tuple[object, ...]]:
        block = numbers(text)
        # A checksum gives an order in which common beginnings are not all looked up first.
        order = sorted(
            pairs, key=lambda pair: (zlib.crc32(" ".join(pair).encode("utf-8", "replace")), pair)
        )
        size = len(order) - math.ceil(self._threshold * len(order) - 1e-9) + 1
        return [(block, pair) for pair in order[:size]]
