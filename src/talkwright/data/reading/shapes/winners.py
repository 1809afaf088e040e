"""What is said of two answers: which of them is better, that neither is, or that both are bad.

One reading for Arena battles and for all other rows with two answers, whatever the columns are called.
A word is read by itself. A number says nothing by itself (is 1 the first answer, the second one, or a
step on a scale?): `codings` looks at the whole column of a file, and what is not certain then is not
learnt.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from talkwright.data.reading.chat.turns import Fields, Unfit, field_of, plain

FIRST, SECOND, TIE, BAD = "first", "second", "tie", "bad"
_MEANINGS = (FIRST, SECOND, TIE, BAD)
UNCLEAR = "unclear"  # a number or a truth value of which the row does not say what it stands for
_UNKNOWN = "unknown"  # something else that is no known word

# Columns with a verdict, in the order in which they are asked. The first ones say who or which it is: a
# number in them is the place of an answer.
PLACES = (
    "winner", "preferred", "preferredresponse", "preferredanswer", "betterresponseid", "betterresponse",
    "chosenindex", "choice", "better", "vote", "winnerid", "winnermodel", "bestresponse",
)  # fmt: skip
# Below 0 the first is better, above 0 the second: HelpSteer2's and HelpSteer3's cards say so.
STRENGTHS = ("preferencestrength", "overallpreference")
VERDICTS = (
    "winner", "preference", *PLACES[1:], "label", "verdict", "judgement", "judgment", "humanpreference",
    *STRENGTHS,
)  # fmt: skip
STEMS = ("response", "answer", "output", "completion", "reply", "humanref")
SCORES = ("score", "overallscore", "rating", "reward", "pmscore")

_NOTHING = frozenset(("", "none", "null", "nan", "na", "n/a", "unknown"))
_WORDS = {
    **dict.fromkeys(("first", "left", "thefirst", "firstone"), FIRST),
    **dict.fromkeys(("second", "right", "thesecond", "secondone"), SECOND),
    **dict.fromkeys(
        ("tie", "ties", "tied", "equal", "equallygood", "equivalent", "both", "same", "aboutthesame",
         "draw", "tieinconsistent", "tiebothgood", "bothgood", "nopreference", "nodifference",
         "indifferent"),
        TIE,
    ),
    **dict.fromkeys(
        ("bad", "tiebothbad", "bothbad", "bothwrong", "neither", "neitherisgood", "tieneither"), BAD
    ),
}  # fmt: skip
_MARKS = re.compile(r"[\s_\-\[\](){}.:,'\"]+")
_SIDE = re.compile(
    r"(?:the)?(?P<stem>response|answer|output|completion|reply|humanref|model|assistant|chosen|option|"
    r"candidate|side|choice|system|bot)?(?P<side>[abjk012])"
    r"(?:is)?(?:much|far|clearly|significantly|slightly|abit)?(?:better|wins|won|win|winner|preferred|best)?"
)
_COMPARED = re.compile(
    r"(?:response|answer|output|model|assistant)?(?P<one>[ab12])(?P<sign>>+|<+|=+|≈|~)"
    r"(?:response|answer|output|model|assistant)?(?P<other>[ab12])"
)
_LONGEST = 60  # characters of a word

Ends = tuple[str, str]


def meaning_of(said: Any, name: str, ends: Ends) -> str | None:
    """What one cell says: one of _MEANINGS, UNCLEAR or _UNKNOWN; None where it says nothing.

    `name` is the plain name of its column and `ends` are the endings of the answers' columns.
    """
    if said is None or said != said:
        return None
    if (number := number_of(said)) is not None:
        return _by_number(number, name, ends)
    if isinstance(said, bool):
        return UNCLEAR
    if not isinstance(said, str):
        return _UNKNOWN
    text = said.strip().lower()
    if text in ("true", "false"):
        return UNCLEAR
    if text == "[[c]]":  # what judges are told to write for a tie
        return TIE
    word = _MARKS.sub("", text)
    if word in _NOTHING:
        return None
    if len(word) > _LONGEST:
        return _UNKNOWN
    if word in _WORDS:
        return _WORDS[word]
    if (found := _SIDE.fullmatch(word)) is not None:
        return _by_side(found["side"], ends)
    if (compared := _COMPARED.fullmatch(word)) is not None and compared["one"] != compared["other"]:
        if compared["sign"][0] in "=≈~":
            return TIE
        won = compared["one"] if compared["sign"][0] == ">" else compared["other"]
        return FIRST if won == min(compared["one"], compared["other"]) else SECOND
    return _UNKNOWN


def _by_number(number: float, name: str, ends: Ends) -> str:
    if name in STRENGTHS:
        return TIE if number == 0 else (FIRST if number < 0 else SECOND)
    if number == 0.5:
        return TIE
    if name in PLACES and ends == ("0", "1") and number in (0, 1):  # it names the column
        return SECOND if number else FIRST
    return UNCLEAR


def _by_side(side: str, ends: Ends) -> str:
    """Which answer a name means: by the columns' own endings, else by letters, else from 1 on."""
    if side in ends:
        return FIRST if side == ends[0] else SECOND
    if side in "ab":
        return FIRST if side == "a" else SECOND
    # Beside answers a and b, "model_1" is the first one, or the second where one is called "model_0".
    if side in "02" and not ends[0].isdigit():
        return FIRST if side == "0" else SECOND
    return UNCLEAR if side.isdigit() else _UNKNOWN


def number_of(value: Any) -> float | None:
    """A number, or one written as text; None for anything else, truth values among it."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def verdict(value: Fields, keys: Fields, answers: tuple[str, str], ends: Ends) -> str:
    """What a row says of its two answers, in the columns `answers`: one of _MEANINGS.

    Raises Unfit where no column says it, or none in a way that is known.
    """
    problem = "arena_no_winner"
    for name in VERDICTS:
        if name not in keys:
            continue
        said = value[keys[name]]
        found = meaning_of(said, name, ends)
        if found == _UNKNOWN:
            found = _by_name(said, value, keys, answers, ends) or found
        if found in _MEANINGS:
            return found
        if found is not None and problem == "arena_no_winner":
            problem = "unclear_verdict" if found == UNCLEAR else "unknown_verdict"
    scores = _scores_of(value, keys, ends)
    if scores is None:
        raise Unfit(problem)
    return TIE if scores[0] == scores[1] else (FIRST if scores[0] > scores[1] else SECOND)


def _by_name(said: Any, value: Fields, keys: Fields, answers: tuple[str, str], ends: Ends) -> str | None:
    """The side whose model is named, or whose words are given again."""
    if not isinstance(said, str):
        return None
    names = [
        {plain(held) for key in _model_keys(end) if isinstance(held := field_of(value, keys, key), str)}
        for end in ends
    ]
    words = [field_of(value, keys, key) for key in answers]
    sides = [
        plain(said) in named or (isinstance(held, str) and held.strip() == said.strip())
        for named, held in zip(names, words, strict=True)
    ]
    return None if sides[0] == sides[1] else (FIRST if sides[0] else SECOND)


def _model_keys(end: str) -> Iterable[str]:
    yield f"model{end}"
    yield f"modelname{end}"
    yield f"model{end}name"
    for stem in STEMS:
        yield f"{stem}{end}model"
        yield f"{stem}model{end}"


def _scores_of(value: Fields, keys: Fields, ends: Ends) -> tuple[float, float] | None:
    """The scores of both answers; None where there are none."""
    for stem in SCORES:
        held = [number_of(field_of(value, keys, f"{stem}{end}")) for end in ends]
        if None not in held:
            return held[0] or 0.0, held[1] or 0.0
    return None


def require_learnt(won: str, ties: str, bad: str) -> None:
    """The rule for what has no winner: raises Unfit unless there is one, or a tie is to be learnt.

    Of a tie neither side is learnt, or the first where `ties` is "first"; where both are bad, neither,
    and `bad` is the reason.
    """
    if won == BAD:
        raise Unfit(bad)
    if won == TIE and ties != "first":
        raise Unfit("arena_tie")


def said_of(value: Any) -> str:
    """The verdicts of a row as they are written, for messages."""
    if not isinstance(value, dict):
        return ""
    said = ((key, value[key]) for key in value if plain(key) in VERDICTS)
    return ", ".join(f"{str(key)[:40]}: {str(held)[:60]!r}" for key, held in said)
