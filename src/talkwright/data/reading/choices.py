"""Rows with several answers and a verdict between them, brought to one chosen and one rejected.

Two answers in columns of their own with a verdict in a third (`response_a`, `response_b`, `winner`), or
a list of answers with ranks or scores. The best is chosen and the worst rejected; where nothing is
better, the first is learnt and there is no pair.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from talkwright.data.reading.turns import Row, Unfit, as_list, as_value, field_of, plain

_Sides = tuple[str, str, tuple[str, str]]
# Two columns, and their endings, which a verdict may name.
_SIDES = tuple(
    (f"{stem}{ends[0]}", f"{stem}{ends[1]}", ends)
    for stem in ("response", "answer", "output", "completion", "reply", "humanref")
    for ends in (("a", "b"), ("0", "1"), ("1", "2"), ("j", "k"))
)
_VERDICTS = (
    "winner", "preference", "preferred", "betterresponseid", "betterresponse", "chosenindex", "choice",
    "label", "better", "vote", "preferencestrength", "overallpreference",
)  # fmt: skip
_STRENGTHS = ("preferencestrength", "overallpreference")
_TIES = (
    "tie",
    "ties",
    "tied",
    "equal",
    "both",
    "same",
    "draw",
    "tie(bothgood)",
    "bothgood",
    "neither",
    "0.5",
    ".5",
)
_BOTH_BAD = ("tie(bothbad)", "bothbad", "tiebothbad")
_RANKED = ("answers", "completions", "responses", "candidates")
_ANSWERS = ("answer", "response", "text", "content", "completion", "output")
_BESIDE = (("ranks", 1.0), ("rank", 1.0), ("scores", -1.0), ("ratings", -1.0), ("rewards", -1.0))
_SCORES = ("score", "overallscore", "rating", "reward", "pmscore")


def is_choice(keys: Iterable[str]) -> bool:
    """Say whether these (plain) column names hold two answers and a verdict."""
    names = set(keys)
    sides = _sides(names)
    if sides is None:
        return False
    labelled = sides[0].startswith("humanref") and "labels" in names
    return labelled or bool(names.intersection(_VERDICTS)) or _score_names(sides, names) is not None


def is_ranked(value: Row, keys: Row) -> bool:
    """Say whether a row holds a list of answers with their ranks or scores."""
    return _listed(value, keys) is not None


def read_choice(value: Row, keys: Row) -> tuple[Any, Any, bool]:
    """The better and the worse answer, and whether there is a better one. Raises Unfit."""
    sides = _sides(set(keys))
    if sides is None:
        raise Unfit("unknown_format")
    first, second = (value.get(keys[name]) for name in sides[:2])
    won = _verdict(value, keys, sides)
    return (second, first, True) if won == "second" else (first, second, won == "first")


def read_ranked(value: Row, keys: Row) -> tuple[Any, Any, bool]:
    """The best and the worst of a list of answers, and whether one is better. Raises Unfit."""
    listed = _listed(value, keys)
    if listed is None:
        raise Unfit("unknown_format")
    worst = max(listed, key=lambda answer: answer[0])
    best = min(listed, key=lambda answer: answer[0])
    return best[1], worst[1], best[0] < worst[0]


def better_of_pair(value: Row, keys: Row) -> str:
    """What other columns say about `chosen` and `rejected`: "chosen", "rejected" or "tie"."""
    scores = [
        _number(next((field_of(value, keys, key) for name in _SCORES
                      for key in (f"{name}{side}", f"{side}{name}") if key in keys), None))
        for side in ("chosen", "rejected")
    ]  # fmt: skip
    if None not in scores:
        one, other = (score or 0.0 for score in scores)
        return "tie" if one == other else ("chosen" if one > other else "rejected")
    for name in _VERDICTS:
        said = field_of(value, keys, name)
        if isinstance(said, (str, float)):
            word = plain(said)
            if word in _TIES or word in _BOTH_BAD:
                return "tie"
            if word in ("chosen", "rejected"):
                return word
    return "chosen"


def _sides(names: set[str]) -> _Sides | None:
    return next((sides for sides in _SIDES if sides[0] in names and sides[1] in names), None)


def _score_names(sides: _Sides, names: set[str]) -> tuple[str, str] | None:
    for stem in _SCORES:
        found = (f"{stem}{sides[2][0]}", f"{stem}{sides[2][1]}")
        if names.issuperset(found):
            return found
    return None


def _verdict(value: Row, keys: Row, sides: _Sides) -> str:
    """ "first", "second" or "tie". Raises Unfit where no column says."""
    one, other = sides[2]
    label = _number(field_of(value, keys, "labels")) if sides[0].startswith("humanref") else None
    if label in (0.0, 1.0):  # Stanford's SHP: 1 where the first is better
        return "first" if label else "second"
    for name in _VERDICTS:
        if name not in keys:
            continue
        if name in _STRENGTHS:  # from -3, the first is much better, to 3
            strength = _number(value[keys[name]])
            if strength is not None:
                return "tie" if strength == 0 else ("first" if strength < 0 else "second")
        said = plain(value[keys[name]])
        said = said.removesuffix(".0")
        for stem in ("response", "answer", "output", "completion", "reply", "model", "assistant", ""):
            if said == f"{stem}{one}":
                return "first"
            if said == f"{stem}{other}":
                return "second"
        if said in ("first", "left"):
            return "first"
        if said in ("second", "right"):
            return "second"
        if said in _BOTH_BAD:
            raise Unfit("labelled_bad")
        if said in _TIES:
            return "tie"
    names = _score_names(sides, set(keys))
    scores = [_number(value.get(keys[name])) for name in names] if names else [None]
    if None in scores:
        raise Unfit("arena_no_winner")
    a, b = (score or 0.0 for score in scores)
    return "tie" if a == b else ("first" if a > b else "second")


def _listed(value: Row, keys: Row) -> list[tuple[float, Any]] | None:
    """Answers with a number that is lower for better ones; None where that is not what the row holds."""
    for name in _RANKED:
        answers = as_list(field_of(value, keys, name))
        if not answers:
            continue
        found = [_judged(as_value(answer)) for answer in answers]
        if None in found:
            found = _judged_beside(value, keys, answers)
        if None not in found:
            return [answer for answer in found if answer is not None]
    return None


def _judged(answer: Any) -> tuple[float, Any] | None:
    if not isinstance(answer, dict):
        return None
    names = {plain(key): key for key in reversed(answer)}
    text = next((answer[names[name]] for name in _ANSWERS if name in names), None)
    rank = _number(answer.get(names.get("rank")))
    score = next((_number(answer[names[name]]) for name in _SCORES if name in names), None)
    judged = rank if rank is not None else (None if score is None else -score)
    return None if judged is None or not isinstance(text, str) else (judged, text)


def _judged_beside(value: Row, keys: Row, answers: list[Any]) -> list[tuple[float, Any] | None]:
    """Plain answers whose scores or ranks are in a list of their own, in the same order."""
    for name, sign in _BESIDE:
        numbers = [_number(number) for number in as_list(field_of(value, keys, name)) or ()]
        if len(numbers) == len(answers) and all(isinstance(answer, str) for answer in answers):
            return [
                None if number is None else (sign * number, answer)
                for number, answer in zip(numbers, answers, strict=True)
            ]
    return [None]


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number == number else None
