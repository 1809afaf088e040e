"""Pairs of a chosen and a rejected answer: the chosen one is learnt, the other is kept beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from talkwright.config import Columns
from talkwright.data.reading.chat.feedback import MARK as PERHAPS_BAD
from talkwright.data.reading.chat.systems import system_of, under_system
from talkwright.data.reading.chat.transcripts import read_transcript
from talkwright.data.reading.chat.turns import (
    Draft,
    Fields,
    Unfit,
    answer_marks,
    as_list,
    as_value,
    by_plain_names,
    draft,
    field_of,
    is_message,
    is_message_list,
    listed,
    message,
    read_turns,
    text_of,
    turn_list,
)
from talkwright.data.reading.shapes.choices import (
    ANSWERS,
    better_of_pair,
    is_choice,
    is_unsafe,
    read_choice,
    read_ranked,
)
from talkwright.data.reading.shapes.earlier import earlier_turns, put_question
from talkwright.data.reading.shapes.pairs import GONE, PROMPT_NAMES, put_beside, side, text_asked_about
from talkwright.data.reading.shapes.parting import part
from talkwright.data.reading.shapes.winners import SCORES, SECOND, TIE, VERDICTS, require_learnt
from talkwright.types import Message

_SIDES = (
    ("chosen", "rejected"),
    ("chosenmessages", "rejectedmessages"),
    ("preferredoutput", "nonpreferredoutput"),  # OpenAI's
    ("responsej", "responsek"),  # the better one and the worse one, where no column says otherwise
)
# Columns of pairs that do not say whether there is a text that they are about.
_BESIDE = frozenset(
    [*(name for names in _SIDES for name in names), *PROMPT_NAMES, *VERDICTS, "source", "system",
     *(f"{name}{side}" for name in SCORES for side in ("chosen", "rejected")),
     *(f"{side}{name}" for name in SCORES for side in ("chosen", "rejected"))]
)  # fmt: skip
# The mark of a chat template behind an answer, where the prompt is written in it.
_UNENDED = re.compile(r"<(?:\|(?:im_end|eot_id|end)\||end_of_turn)>\s*\Z")


def is_preference(keys: Iterable[str]) -> bool:
    """Say whether these (plain) column names are those of a preference pair."""
    names = set(keys)
    return any(names.issuperset(sides) for sides in _SIDES) or is_choice(names)


def is_unjudged(value: Fields, keys: Fields) -> bool:
    """Say whether a row has a question and a list of answers of which nothing says which is better."""
    if _prompt_key(keys, Columns()) is None:
        return False
    for name in ("completions", "responses", "candidates", "generations"):
        held = as_list(field_of(value, keys, name)) or []
        if len(held) > 1 and all(isinstance(one, str) or _is_answer(one) for one in held):
            return True
    return False


def _is_answer(one: Any) -> bool:
    """Say whether an object is an answer to what is asked beside it: it has a text, and asks nothing."""
    names = by_plain_names(one) if isinstance(one, dict) else {}
    said = any(isinstance(field_of(one, names, name), str) for name in ANSWERS)
    return said and names.keys().isdisjoint(PROMPT_NAMES)


def read_preference(value: Fields, keys: Fields, columns: Columns, ties: str) -> Draft:
    """Read a preference pair as the conversation that ends in the chosen answer. Raises Unfit.

    The turns of the other side become `rejected` where both sides share a user turn that they part
    after. A tie is no pair; its first side is learnt where `ties` is "first".
    """
    names = next((names for names in _SIDES if set(names) <= keys.keys()), None)
    if names == _SIDES[-1] and is_choice(keys):
        names = None
    asked = field_of(value, keys, "input")
    if isinstance(asked, dict) and "messages" in asked:  # OpenAI's, with tools beside the messages
        value = {**asked, **{key: held for key, held in value.items() if key != keys["input"]}}
        keys = by_plain_names(value)
    marks: list[str] = []
    if names is not None:
        sides = [value[keys[name]] for name in names]
        sides[1], others = _first_of_several(sides[1])
        marks += ["other_rejected"] * others
        won = better_of_pair(value, keys)
        if won == SECOND:
            sides.reverse()
            marks.append("swapped_pair")
    else:
        read = read_choice if is_choice(keys) else read_ranked
        *sides, won = read(value, keys)
        marks += [PERHAPS_BAD] * is_unsafe(value, keys, won)
    require_learnt(won, ties, "labelled_bad")
    tie = won in (TIE, "equal")
    marks += _weights(value, keys, columns, sides[0])
    repairs: list[str] = []
    answers = [_answer(side, repairs) for side in sides]
    before = _before_all(value, keys, columns, repairs, answers)
    first, second = (_whole(before, answer) for answer in answers)
    used = [_prompt_key(keys, columns)]
    if tie or first == second:
        return draft(value, keys, columns, first, "preference", repairs, [*marks, "tie"], used=used)
    rejected = part(first, second)
    if first[:-1] != second[:-1]:
        marks.append("pair_prompts_differ" if rejected else "no_pair_prompts_differ")
    elif rejected is None:
        marks.append("no_pair_empty")
    return draft(value, keys, columns, first, "preference", repairs, marks, rejected or (), used)


def _first_of_several(rejected: Any) -> tuple[Any, bool]:
    """The first of several worse answers, and whether there are others; another value as it is."""
    held = as_value(rejected)
    if not isinstance(held, list) or len(held) < 2:
        return rejected, False
    texts = all(isinstance(text, str) for text in held)
    return (held[0], True) if texts or all(map(is_message_list, held)) else (rejected, False)


def _weights(value: Fields, keys: Fields, columns: Columns, chosen: Any) -> list[str]:
    """The marks for weights in the prompt and in the side that is learnt. Raises Unfit."""
    found = turn_list(value, keys)
    prompt = _prompt_key(keys, columns)
    before = found[1] if found is not None else listed(value.get(prompt))
    held = as_value(chosen)
    answer = [held] if is_message(held) else listed(held)
    return answer_marks([*before, *(answer or [{"role": "assistant"}])])


def _whole(before: list[Message], answer: list[Message]) -> list[Message]:
    """One side as a conversation: an answer after the prompt, or the whole of it as it stands."""
    asked = any(turn.role == "user" for turn in before)
    goes_on = bool(answer) and answer[0].role == "assistant" and asked  # an answer of several turns
    if not goes_on and any(turn.role == "user" for turn in answer):
        head = [turn for turn in before if turn.role == "system"]
        return under_system(head, answer)
    return [*before, *answer]


def _before_all(
    value: Fields, keys: Fields, columns: Columns, repairs: list[str], answers: list[list[Message]]
) -> list[Message]:
    """As `_before`; only the system prompt where that is in no known shape, and both answers are whole
    conversations with all of it in them, as Capybara's are."""
    noted: list[str] = []
    try:
        messages = _before(value, keys, columns, noted)
    except Unfit:
        talks = [[turn for turn in answer if turn.role != "system"] for answer in answers]
        if not all(talk and talk[0].role == "user" for talk in talks):
            raise
        noted.clear()
        system = system_of(value, keys, columns, noted)
        messages = [Message("system", system)] if system else []
    repairs[:0] = noted
    return messages


def _before(value: Fields, keys: Fields, columns: Columns, repairs: list[str]) -> list[Message]:
    """What was said before the two answers."""
    system = system_of(value, keys, columns, repairs)
    messages = [Message("system", system)] if system else []
    found_turns = turn_list(value, keys)
    if found_turns is not None:
        return messages + read_turns(found_turns[1], repairs)
    prompt = _prompt_key(keys, columns)
    earlier = earlier_turns(value, keys, repairs, besides=prompt)
    messages += earlier
    if prompt is None:
        return messages + _posted(value, keys)
    if value.get(prompt) is None:
        return messages
    asked = as_value(value[prompt])
    if isinstance(asked, dict) and isinstance(asked.get("full_text"), str):  # WebGPT's
        asked = asked["full_text"]
    elif isinstance(asked, dict):
        asked = value[prompt]
    found = read_transcript(asked) if isinstance(asked, str) else None
    put_question(
        messages, [turn for turn in found if turn.content] if found else side(asked, "user", repairs)
    )
    if keys.get("input") != prompt:
        put_beside(messages, field_of(value, keys, "input"), repairs)
    about = text_asked_about(keys, _BESIDE) if not earlier else None
    if about not in (None, prompt):
        put_beside(messages, value[about], repairs)
    return messages


def _posted(value: Fields, keys: Fields) -> list[Message]:
    """What was asked in a forum: the title of a post and, where there is some, its text (Reddit's)."""
    title, text = (field_of(value, keys, name) for name in ("title", "selftext"))
    said = [part.strip() for part in (title, text) if isinstance(part, str) and part.strip()]
    return [Message("user", "\n\n".join(said))] if "selftext" in keys and said else []


def _prompt_key(keys: Fields, columns: Columns) -> Any:
    """The column with what was asked; HelpSteer's is `context`, SHP's a `history` of one text."""
    found = columns.prompt or next((keys[name] for name in PROMPT_NAMES if name in keys), None)
    if found is None and "humanrefa" in keys:
        return keys.get("history")
    return keys.get("context") if found is None and is_choice(keys) else found


def _answer(value: Any, repairs: list[str]) -> list[Message]:
    value = as_value(value)
    if is_message_list(value):
        return read_turns(value, repairs)
    if is_message(value):
        return [message(value, repairs)]
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    text = _UNENDED.sub("", text_of(value, repairs))
    return read_transcript(text) or [Message("assistant", "" if text in GONE else text)]
