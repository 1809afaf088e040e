"""Rows with several answers and a verdict between them, brought to one chosen and one rejected.

Two answers in columns of their own with a verdict in a third (`response_a`, `response_b`, `winner`), or
a list of answers with ranks or scores. The best is chosen and the worst rejected. What a verdict means,
and what becomes of ties, `winners` says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from talkwright.data.reading.chat.turns import Fields, Unfit, as_list, as_value, field_of, plain
from talkwright.data.reading.shapes.winners import (
    BAD,
    FIRST,
    SCORES,
    SECOND,
    STEMS,
    TIE,
    VERDICTS,
    Ends,
    meaning_of,
    number_of,
    verdict,
)

_Sides = tuple[str, str, Ends]
# Two columns, and their endings, which a verdict may name.
_SIDES = tuple(
    (f"{stem}{ends[0]}", f"{stem}{ends[1]}", ends)
    for stem in STEMS
    for ends in (("a", "b"), ("0", "1"), ("1", "2"), ("j", "k"))
)
_RANKED = ("answers", "completions", "responses", "candidates")
ANSWERS = ("answer", "response", "text", "content", "completion", "output")
_BESIDE_PAIRS = ("rating", "ratings", "score", "scores")  # of both answers, in whatever order
_BESIDE = (("ranks", 1.0), ("rank", 1.0), ("scores", -1.0), ("ratings", -1.0), ("rewards", -1.0))


def is_choice(keys: Iterable[str]) -> bool:
    """Say whether these (plain) column names hold two answers and a verdict."""
    names = set(keys)
    sides = sides_of(names)
    if sides is None:
        return False
    labelled = sides[0].startswith("humanref") and "labels" in names
    return labelled or bool(names.intersection(VERDICTS)) or _has_scores(sides[2], names)


def is_ranked(value: Fields, keys: Fields) -> bool:
    """Say whether a row holds a list of answers with their ranks or scores."""
    return _listed(value, keys) is not None


def read_choice(value: Fields, keys: Fields) -> tuple[Any, Any, str]:
    """The better and the worse answer, and the verdict: as `winners` has it. Raises Unfit."""
    sides = sides_of(set(keys))
    if sides is None:
        raise Unfit("unknown_format")
    first, second = (value.get(keys[name]) for name in sides[:2])
    label = number_of(field_of(value, keys, "labels")) if sides[0].startswith("humanref") else None
    if label in (0.0, 1.0):  # Stanford's SHP: 1 where the first is better
        won = FIRST if label else SECOND
    else:
        won = verdict(value, keys, sides[:2], sides[2])
    return (second, first, won) if won == SECOND else (first, second, won)


def is_unsafe(value: Fields, keys: Fields, won: str) -> bool:
    """Say whether a row calls the better one of two answers unsafe (`is_response_0_safe`, as PKU's)."""
    sides = sides_of(set(keys))
    if sides is None:
        return False
    end = sides[2][1 if won == SECOND else 0]
    return field_of(value, keys, f"isresponse{end}safe") in (False, "False", "false")


def read_ranked(value: Fields, keys: Fields) -> tuple[Any, Any, str]:
    """The best and the worst of a list of answers, and whether one is better. Raises Unfit."""
    listed = _listed(value, keys)
    if listed is None:
        raise Unfit("unknown_format")
    worst = max(listed, key=lambda answer: answer[0])
    best = min(listed, key=lambda answer: answer[0])
    return best[1], worst[1], FIRST if best[0] < worst[0] else TIE


def better_of_pair(value: Fields, keys: Fields) -> str:
    """What other columns say about `chosen` and `rejected`: FIRST, SECOND, TIE or BAD.

    "equal" where only their scores are: the one that is called chosen may be learnt then.
    """
    scores = [
        number_of(next((field_of(value, keys, key) for name in SCORES
                        for key in (f"{name}{side}", f"{side}{name}") if key in keys), None))
        for side in ("chosen", "rejected")
    ]  # fmt: skip
    if None not in scores:
        one, other = (score or 0.0 for score in scores)
        return "equal" if one == other else (FIRST if one > other else SECOND)
    if meaning_of(field_of(value, keys, "status"), "", ("", "")) == TIE:  # distilabel's
        return TIE
    for name in _BESIDE_PAIRS:
        numbers = [number_of(number) for number in as_list(field_of(value, keys, name)) or ()]
        if len(numbers) == 2 and numbers[0] is not None and numbers[0] == numbers[1]:
            return "equal"
    for name in VERDICTS:
        said = field_of(value, keys, name)
        if isinstance(said, (str, float)):
            word = plain(said)
            if word in ("chosen", "rejected"):
                return FIRST if word == "chosen" else SECOND
            if (found := meaning_of(said, "", ("", ""))) in (TIE, BAD):
                return found
    return FIRST


def sides_of(names: set[str]) -> _Sides | None:
    """The columns of two answers among these (plain) names, and their endings."""
    return next((sides for sides in _SIDES if sides[0] in names and sides[1] in names), None)


def _has_scores(ends: Ends, names: set[str]) -> bool:
    return any(names.issuperset((f"{stem}{ends[0]}", f"{stem}{ends[1]}")) for stem in SCORES)


def _listed(value: Fields, keys: Fields) -> list[tuple[float, Any]] | None:
    """Answers with a number that is lower for better ones; None where that is not what the row holds."""
    for name in _RANKED:
        answers = _one_by_one(as_value(field_of(value, keys, name)))
        if not answers:
            continue
        found = [_judged(as_value(answer)) for answer in answers]
        if None in found:
            found = _judged_beside(value, keys, answers)
        if None not in found:
            return [answer for answer in found if answer is not None]
    return None


def _one_by_one(answers: Any) -> list[Any] | None:
    """Answers as a list, those too that have a list of texts and one of scores (ELI5's)."""
    if not isinstance(answers, dict):
        return as_list(answers)
    lists = {key: held for key, held in answers.items() if isinstance(held, list)}
    if len({len(held) for held in lists.values()}) != 1:
        return None
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def _judged(answer: Any) -> tuple[float, Any] | None:
    if not isinstance(answer, dict):
        return None
    names = {plain(key): key for key in reversed(answer)}
    text = next((answer[names[name]] for name in ANSWERS if name in names), None)
    rank = number_of(answer.get(names.get("rank")))
    score = next((number_of(answer[names[name]]) for name in SCORES if name in names), None)
    judged = rank if rank is not None else (None if score is None else -score)
    return None if judged is None or not isinstance(text, str) else (judged, text)


def _judged_beside(value: Fields, keys: Fields, answers: list[Any]) -> list[tuple[float, Any] | None]:
    """Plain answers whose scores or ranks are in a list of their own, in the same order."""
    for name, sign in _BESIDE:
        numbers = [number_of(number) for number in as_list(field_of(value, keys, name)) or ()]
        if len(numbers) == len(answers) and all(isinstance(answer, str) for answer in answers):
            return [
                None if number is None else (sign * number, answer)
                for number, answer in zip(numbers, answers, strict=True)
            ]
    return [None]
