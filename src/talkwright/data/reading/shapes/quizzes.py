"""Questions with choices in columns of their own, whose answer is a letter, a number or one of them.

{"question": "...", "choices": ["x", "y"], "answer": 1}
{"question": "...", "A": "x", "B": "y", "answer": "B"}

The choices are put into the question, for who does not see them learns to guess, and the answer is
written out. Whether numbers count from 0 or from 1, `codings` looks for in the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from talkwright.data.reading.chat.turns import Fields, Unfit, as_value, field_of

_LISTS = ("choices", "options", "choice", "answerchoices", "answeroptions", "candidates")
_STEMS = ("", "option", "choice", "op", "opt")
# A row without one of these has no choices.
_SIGNS = frozenset((*_LISTS, *(f"{stem}{end}" for stem in _STEMS for end in "b2"), "answerkey"))
_ANSWERS = ("answer", "output", "completion", "target", "cop")  # the last is MedMCQA's
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MARKED = re.compile(r"(?<!\s)\s*[(\[]?([A-Z])[).\]:](?:\s+|(?=\S))")
_LETTER = re.compile(r"\s*[(\[]?([A-Za-z])[)\].:]?\s*\Z")
_NAMED = re.compile(
    r"\([A-J]\)|\A\s*[A-J][).:]|\b(?:answer|option|choice|antwort|respuesta|réponse)\b[\s\w:*]{0,12}\b[A-J]\b",
    re.IGNORECASE,
)


def with_choices(value: Fields, keys: Fields, asks: Any, answers: Any, repairs: list[str]) -> Fields:
    """A row whose question has the choices that stand beside it, and whose answer is written out; the
    row itself where there are none. Raises Unfit ("unclear_choice") where its answer may mean several.
    """
    if _SIGNS.isdisjoint(keys):
        return value
    question, answer = value.get(asks), value.get(answers)
    choices = _choices(value, keys)
    if choices is None and keys.get("answerkey") == answers is not None:
        raise Unfit("unknown_format")  # a letter alone
    if choices is None or not isinstance(question, str) or isinstance(answer, (bool, list, dict)):
        return value
    lines = _lines(choices)
    shown = all(choice.strip() in question for choice in choices)
    at = _meant(answer, choices, keys)
    if at is not None:
        said = answer if shown and isinstance(answer, str) else lines[at]
    elif isinstance(answer, str) and _speaks_of(answer, choices):
        said = answer
    elif (_number(answer) or 0) < 0:  # -1, where nobody is to know it
        raise Unfit("no_assistant_turn")
    else:
        return value
    asked = question if shown else "\n".join((question.rstrip(), "", *lines))
    if (asked, said) == (question, answer):
        return value
    repairs.append("added_choices")
    return {**value, asks: asked, answers: said}


def numbered_answer(value: Any, keys: Fields) -> tuple[Any, int, int] | None:
    """The column, the number and how many choices there are, where the answer is a number that is none
    of them itself; None for any other row."""
    answers = next((keys[name] for name in _ANSWERS if name in keys), None)
    number = _number(value.get(answers)) if answers is not None else None
    choices = _choices(value, keys) if number is not None else None
    if (
        choices is None
        or number is None
        or number < 0
        or "option1" in keys
        or _equal(value[answers], choices)
    ):
        return None
    return answers, number, len(choices)


def letter(number: int) -> str:
    """The letter of a choice, of which the first has the number 0."""
    return _LETTERS[number]


def _choices(value: Fields, keys: Fields) -> list[str] | None:
    """The choices of a row as texts, two to 26 of them; None where it has none."""
    for name in _LISTS:
        if name in keys:
            found = _texts(as_value(field_of(value, keys, name)))
            if found and 2 <= len(found) <= len(_LETTERS):
                return found
    for stem in _STEMS:
        ends = "1234567" if f"{stem}1" in keys and stem else "abcdefgh"
        held = [keys[f"{stem}{end}"] for end in ends if f"{stem}{end}" in keys]
        given = [value[key] for key in held if value[key] not in (None, "")]
        if len(held) > 1 and (stem or "question" in keys):
            found = _texts(given)
            return found if found and len(found) > 1 else None
    return None


def _texts(held: Any) -> list[str] | None:
    if isinstance(held, dict):
        told = held.get("text")
        letters = [key for key in held if isinstance(key, str) and _LETTER.match(key)]
        if isinstance(told, list):  # ARC's, with labels beside them
            labels = held.get("label")
            held = told if labels in ([*_LETTERS[: len(told)]], None) else None
        elif letters and letters == list(held) and "".join(letters).upper() == _LETTERS[: len(letters)]:
            held = list(held.values())
        else:
            return None
    if not isinstance(held, list) or not held:
        return None
    if any(isinstance(item, (bool, dict, list)) or item is None for item in held):
        return None
    return [item if isinstance(item, str) else str(item) for item in held]


def _lines(choices: Sequence[str]) -> list[str]:
    """Each choice behind its letter, as some have it already."""
    marks = [_MARKED.match(choice) for choice in choices]
    if [found and found[1] for found in marks] == [*_LETTERS[: len(choices)]]:
        return [choice.strip() for choice in choices]
    return [f"{name}) {choice.strip()}" for name, choice in zip(_LETTERS, choices, strict=False)]


def _meant(answer: Any, choices: Sequence[str], keys: Fields) -> int | None:
    """Which choice an answer is; None where it is none. Raises Unfit where it may be several."""
    found = _equal(answer, choices)
    if isinstance(answer, str) and (named := _LETTER.match(answer)) is not None:
        at = _LETTERS.index(named[1].upper())
        found |= {at} if at < len(choices) else set()
    elif (number := _number(answer)) is not None and not (isinstance(answer, str) and found):
        # Columns with numbers say where these begin, and so does MMLU, which names its subjects.
        first = 1 if "option1" in keys else (0 if {"subject", "choices"} <= keys.keys() else None)
        if first is None and 0 <= number <= len(choices):
            raise Unfit("unclear_choice")
        at = number - (first or 0)
        found = {at} if first is not None and 0 <= at < len(choices) else found
    if len(found) > 1:
        raise Unfit("unclear_choice")
    return next(iter(found), None)


def _equal(answer: Any, choices: Sequence[str]) -> set[int]:
    said = str(answer).strip() if isinstance(answer, (str, int, float)) else ""
    bare = [_MARKED.sub("", choice, count=1).strip() for choice in choices]
    same = [at for at, choice in enumerate(choices) if said and said in (choice.strip(), bare[at])]
    return {same[0]} if same else set()


def _number(answer: Any) -> int | None:
    if isinstance(answer, str):
        answer = int(answer) if answer.strip().isdecimal() and len(answer) < 3 else None
    if isinstance(answer, float) and answer.is_integer():
        answer = int(answer)
    return answer if isinstance(answer, int) and not isinstance(answer, bool) else None


def _speaks_of(answer: str, choices: Sequence[str]) -> bool:
    """Say whether a longer answer names one of the choices."""
    told = [re.escape(_MARKED.sub("", choice, count=1).strip()) for choice in choices]
    words = "|".join(choice for choice in told if choice)
    return bool(
        _NAMED.search(answer) or (words and re.search(rf"(?<![^\W_])(?:{words})(?![^\W_])", answer))
    )
