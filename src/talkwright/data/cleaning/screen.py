"""Which conversations are worth learning, as the recipe's `data` section has it: after `clean`, before
private data. Each step changes something under a name, marks the row, or gives the reason to drop it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from talkwright.config import DataSection, read_words
from talkwright.data.cleaning.answers import (
    echoes,
    is_cut_off,
    is_phrase,
    is_refusal,
    placeholder_in,
    repeats_itself,
    says_twice,
)
from talkwright.data.cleaning.clean import clean
from talkwright.data.cleaning.language import foreign_turns
from talkwright.data.cleaning.markdown import plain_markdown, tidy_markdown
from talkwright.data.cleaning.rules import apply_rules
from talkwright.data.cleaning.toxic import is_toxic
from talkwright.data.similarity.contradictions import matter
from talkwright.types import Message

SCREEN_REASONS = {
    "too_few_turns": "the user speaks less often than data.min_turns",
    "too_many_turns": "the user speaks more often than data.max_turns",
    "short_answer": "the last answer has fewer characters than data.min_answer",
    "long_answer": "an answer has more characters than data.max_answer",
    "placeholder": "an answer has a field that nobody filled in, and data.placeholders is drop",
    "refusal": "an answer refuses or speaks of being a language model, and data.refusals is drop",
    "repetition": "an answer says the same over and over, and data.repetition is drop",
    "cut_off": "an answer stops in the middle of a sentence, and data.cut_off is drop",
    "evasive": "an answer is a phrase that has nothing of its question, and data.evasive is drop",
    "toxic": "an answer has a coarse, hateful or blocked word, and data.toxicity is drop",
    "language": "an answer is in a language that data.languages does not name",
    "rule_timeout": "a rule of data.rules took too long on it",
}
"""Every drop reason of this module with what it means; a rule of the recipe drops as `rule_NAME`."""


@dataclass(slots=True)
class Screened:
    """A conversation that is kept, with the names of what was changed and what was noticed."""

    messages: tuple[Message, ...]
    repairs: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()


def screen(messages: tuple[Message, ...], section: DataSection) -> Screened | str:
    """Screen one cleaned conversation, or give the reason to drop it.

    Raises DataError when a rule is too slow for the data, or a package that a step needs is missing.
    """
    repairs: dict[str, None] = {}
    marks: dict[str, None] = {}
    changed = _change(messages, section, repairs)
    if section.rules:
        ruled = apply_rules(changed, section.rules)
        if ruled.drop:
            return ruled.drop
        changed, marks = ruled.messages, ruled.marks
        repairs |= ruled.repairs
    if changed is not messages and changed != messages:
        again = clean(changed, None)  # a change may have emptied a turn
        if isinstance(again, str):
            return again
        messages = tuple(_stripped(message) for message in again[0])
        repairs |= dict.fromkeys(again[1])
    reason = _out_of_bounds(messages, section)
    if reason:
        return reason
    for name, wanted, judge in _JUDGEMENTS:
        if (do := getattr(section, wanted)) != "keep" and judge(messages):
            if do == "drop":
                return name
            marks[name] = None
    reason = _by_language(messages, section, marks) or _by_words(messages, section, marks)
    return reason or Screened(messages, tuple(repairs), tuple(marks))


def _stripped(message: Message) -> Message:
    content = message.content.strip()
    return message if content == message.content else replace(message, content=content)


# --- changes -------------------------------------------------------------------------------------

# The preambles of the Alpaca data and its many descendants.
_PREAMBLE = "Below is an instruction that describes a task"
_ALPACA = re.compile(
    rf"\s*{_PREAMBLE}(?:,? paired with an input that provides further context)?\. "
    r"Write a response that appropriately completes the request\.\s*(?:### ?Instruction:\s*)?"
)
_INPUT = re.compile(r"\n[^\S\n]*### ?Input:\s*")
_RESPONSE = re.compile(r"(?:\A|\n)### ?Response:\s*(?:Let's think step by step\.\s*)?\Z")


def strip_preamble(text: str) -> str:
    """Take the Alpaca preamble and its headings from around an instruction; leave all else alone."""
    head = _ALPACA.match(text) if _PREAMBLE in text[:80] else None
    if head is None:
        return text
    rest = text[head.end() :]
    end = _RESPONSE.search(rest, max(0, len(rest) - 80))
    parts = _INPUT.split(rest[: end.start()] if end else rest, maxsplit=1)
    return "\n\n".join(part.strip() for part in parts if part.strip())


def _change(
    messages: tuple[Message, ...], section: DataSection, repairs: dict[str, None]
) -> tuple[Message, ...]:
    steps: list[tuple[str, tuple[str, ...], Callable[[str], str]]] = []
    if section.boilerplate == "strip":
        steps.append(("stripped_boilerplate", ("user", "system"), strip_preamble))
    if section.system_prompts == "strip" and messages[0].role == "system":
        repairs["stripped_system"] = None
        messages = tuple(message for message in messages if message.role != "system")
    if section.markdown == "tidy":
        steps.append(("tidied_markdown", ("user", "assistant", "system"), tidy_markdown))
    elif section.markdown == "plain":
        steps.append(("plain_markdown", ("assistant",), plain_markdown))
    for name, roles, step in steps:
        changed = tuple(
            message
            if message.role not in roles or (text := step(message.content)) == message.content
            else replace(message, content=text)
            for message in messages
        )
        if changed != messages:
            repairs[name] = None
            messages = changed
    return messages


# --- judgements ----------------------------------------------------------------------------------


def _out_of_bounds(messages: tuple[Message, ...], section: DataSection) -> str | None:
    if section.min_turns > 1 or section.max_turns is not None:
        turns = sum(message.role == "user" for message in messages)
        if turns < section.min_turns:
            return "too_few_turns"
        if section.max_turns is not None and turns > section.max_turns:
            return "too_many_turns"
    if section.min_answer > 1 and len(messages[-1].content) < section.min_answer:
        return "short_answer"
    if section.max_answer is not None and any(
        len(answer) > section.max_answer for _, answer in _exchanges(messages)
    ):
        return "long_answer"
    return None


def _exchanges(messages: tuple[Message, ...]) -> Iterator[tuple[str, str]]:
    """Answers that say something, each with the last question before it."""
    question = ""
    for message in messages:
        if message.role == "user":
            question = message.content
        elif message.role == "assistant" and message.content:
            yield question, message.content


def _has_placeholder(messages: tuple[Message, ...]) -> bool:
    return any(placeholder_in(answer, question) is not None for question, answer in _exchanges(messages))


def _refuses(messages: tuple[Message, ...]) -> bool:
    return any(is_refusal(answer) for _, answer in _exchanges(messages))


def _repeats(messages: tuple[Message, ...]) -> bool:
    exchanges = list(_exchanges(messages))
    if says_twice(answer for _, answer in exchanges):
        return True
    return any(repeats_itself(answer) or echoes(question, answer) for question, answer in exchanges)


def _stops(messages: tuple[Message, ...]) -> bool:
    return is_cut_off(messages[-1].content)


def is_evasive(question: str, answer: str) -> bool:
    """Say whether an answer is a general phrase without a word of what was asked."""
    if not is_phrase(answer):
        return False
    asked = matter(question)
    return len(asked) >= 2 and not shares_matter(asked, matter(answer))


def shares_matter(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Say whether two rows of words have one in common; "cancel" and "canceling" are about the same."""
    return not {word[:5] for word in a}.isdisjoint(word[:5] for word in b)


def _evades(messages: tuple[Message, ...]) -> bool:
    question, answer = next(_exchanges(messages), ("", ""))
    return is_evasive(question, answer)


_Judgement = Callable[[tuple[Message, ...]], bool]
_JUDGEMENTS: tuple[tuple[str, str, _Judgement], ...] = (
    ("placeholder", "placeholders", _has_placeholder),
    ("refusal", "refusals", _refuses),
    ("repetition", "repetition", _repeats),
    ("cut_off", "cut_off", _stops),
    ("evasive", "evasive", _evades),
)


def _by_language(
    messages: tuple[Message, ...], section: DataSection, marks: dict[str, None]
) -> str | None:
    """Turn by turn: an answer in an unwanted language drops the row, for it would be learnt; a question
    only marks it. What is too short to tell counts as wanted."""
    if section.languages is None:
        return None
    wanted = frozenset(section.languages)
    if any(foreign_turns([m.content for m in messages if m.role == "assistant"], wanted)):
        return "language"
    if any(foreign_turns([m.content for m in messages if m.role == "user"], wanted)):
        marks["foreign_question"] = None
    return None


def _blocked(words: str | list[str]) -> tuple[str, ...]:
    return _from_file(words) if isinstance(words, str) else tuple(words)


@lru_cache(maxsize=16)
def _from_file(path: str) -> tuple[str, ...]:
    # A recipe that is read has the words already; this is for sections made in Python.
    return tuple(read_words(path))


def _by_words(messages: tuple[Message, ...], section: DataSection, marks: dict[str, None]) -> str | None:
    """An answer decides; a coarse question that is answered well is worth learning, and only marked."""
    if section.toxicity == "keep":
        return None
    blocked = _blocked(section.blocked_words) if section.blocked_words else ()
    if any(is_toxic(m.content, blocked) for m in messages if m.role == "assistant"):
        if section.toxicity == "drop":
            return "toxic"
        marks["toxic"] = None
    if any(is_toxic(m.content, blocked) for m in messages if m.role == "user"):
        marks["toxic_question"] = None
    return None
