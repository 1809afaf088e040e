"""What the numbers in a column of verdicts mean: decided over a whole file, or said by the recipe.

1 may be the first answer, the second one or a step on a scale, and one row cannot show which. So a file
whose rows have two answers and such numbers is read once before, for its verdicts. Where all of them are
together certain, rows get words in place of numbers; where they are not, nothing is learnt from them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from talkwright.data.reading.chat.turns import Unfit, by_plain_names, plain
from talkwright.data.reading.rows import Row
from talkwright.data.reading.shapes.arena import is_battle
from talkwright.data.reading.shapes.choices import is_choice, sides_of
from talkwright.data.reading.shapes.quizzes import letter, numbered_answer
from talkwright.data.reading.shapes.winners import (
    FIRST,
    PLACES,
    SECOND,
    STRENGTHS,
    TIE,
    UNCLEAR,
    VERDICTS,
    Ends,
    meaning_of,
    number_of,
    verdict,
)
from talkwright.errors import DataError

Verdicts = Mapping[str, str]
NO_VERDICTS: Verdicts = {}
_ANY = "*"  # the recipe's words, for every column
_LOOKED_AT = 20  # rows at the beginning of a file
_HEAD = 2**16  # bytes of it
_MOST_VALUES = 100  # different numbers of a column; more are a scale of some kind
_QUIZ = "quiz"  # what numbers of choices count from, as a column's coding
_SIGNED = 10  # verdicts on a scale around 0, of which one at least is below
_NAMES = re.compile(rb"(?i)winner|prefer|choice|chosen|better|vote|label|verdict|judg|best|option|cop")
_NUMBERED = re.compile(
    r"(?:response|answer|output|completion|reply|model|assistant|chosen|option|candidate|side|choice|"
    r"system|bot)(?P<digit>[012])"
)


@dataclass(slots=True)
class Tally:
    """What the verdicts of a file are: numbers by column, and how many rows say it in another way."""

    numbers: dict[tuple[str, Ends], Counter[str]] = field(default_factory=dict)
    named: dict[tuple[str, Ends], Counter[str]] = field(default_factory=dict)  # as in "model_1"
    columns: dict[str, str] = field(default_factory=dict)  # as the file writes them
    decided: int = 0
    choices: Counter[str] = field(default_factory=Counter)  # "0", "last" (one more than from 0) or "in"

    def take(self, value: Any) -> None:
        """Take note of a row."""
        found = _answers(value)
        if found is None and (quiz := _quiz(value)) is not None:
            _, number, count = quiz
            place = "0" if number == 0 else "in" if 0 < number < count else "last"
            self.choices[place if number in range(count + 1) else "out"] += 1
        if found is None:
            return
        keys, answers, ends = found
        for name in keys.keys() & {*VERDICTS}:
            spelt = _spelling(value[keys[name]])
            if spelt is None:
                continue
            numbered = _NUMBERED.fullmatch(spelt)
            kind, what = (self.named, numbered["digit"]) if numbered else (self.numbers, spelt)
            if numbered or number_of(spelt) is not None or spelt in ("true", "false"):
                counts = kind.setdefault((name, ends), Counter())
                if what in counts or len(counts) < _MOST_VALUES:
                    counts[what] += 1
                self.columns[name] = keys[name]
        others = {key: keys[key] for key in keys if key not in STRENGTHS}
        with suppress(Unfit):
            self.decided += verdict(value, others, answers, ends) in (FIRST, SECOND)


def may_have_codes(body: bytes) -> bool:
    """Say whether rows may have verdicts, by what their columns could be called."""
    return _NAMES.search(body, 0, _HEAD) is not None


def has_codes(rows: Iterable[Row]) -> bool:
    """Say whether one of the first rows has a verdict in a number that says nothing by itself."""
    for row, _ in zip(rows, range(_LOOKED_AT), strict=False):
        found = _answers(row.value)
        if found is None:
            if _quiz(row.value) is not None:
                return True
            continue
        keys, _, ends = found
        for name in keys.keys() & {*VERDICTS}:
            said = row.value[keys[name]]
            steps = name in STRENGTHS and (number_of(said) or 0) > 0
            if steps or meaning_of(said, name, ends) == UNCLEAR:
                return True
    return False


def coding_of(rows: Iterable[Row], path: Path) -> str:
    """What the numbers of a file mean, for `decoder`.

    Raises DataError, which names `path`, where they can be told from nothing and no row has anything
    else to tell by.
    """
    tally = Tally()
    for row in rows:
        tally.take(row.value)
    coding: dict[str, dict[str, str]] = {}
    # From 0 where some are 0, from 1 where some are as many as there are choices; never both.
    if bool(tally.choices["0"]) != bool(tally.choices["last"]) and not tally.choices["out"]:
        coding[_QUIZ] = {"first": "0" if tally.choices["0"] else "1"}
    unsure: dict[str, Counter[str]] = {}
    for (name, ends), counts in tally.numbers.items():
        meant = _meant(name, ends, counts)
        if meant is None:
            unsure.setdefault(name, Counter()).update(counts)
        coding.setdefault(f"{name} {''.join(ends)}", {}).update(meant or {})
    for (name, ends), counts in tally.named.items():
        meant = _meant("winner", ends, counts)
        coding.setdefault(f"{name} {''.join(ends)}", {}).update(
            {f"#{digit}": word for digit, word in (meant or {}).items()}
        )
        if not meant and "1" in counts and not ends[0].isdigit():
            unsure.setdefault(name, Counter()).update(counts)
    if unsure and not tally.decided and not any(coding.values()):
        name = next(iter(unsure))
        raise DataError(_refusal(path, tally.columns[name], name, unsure[name]))
    return json.dumps(coding) if any(coding.values()) else ""


def _meant(name: str, ends: Ends, counts: Counter[str]) -> dict[str, str] | None:
    """What the numbers of one column mean; {} where each says it itself, None where it is unclear."""
    seen = set(counts)
    if name in STRENGTHS:
        below = any((number_of(said) or 0) < 0 for said in seen)
        return {} if below or counts.total() < _SIGNED else None  # how much better, but not which
    if seen == {"0.5"}:
        return {}
    if ends == ("0", "1") and name in PLACES and seen <= {"0", "1"}:
        return {}
    if seen == {"0", "1"} and (ends == ("0", "1") or name in PLACES):
        return {"0": FIRST, "1": SECOND}
    if (seen == {"1", "2"} and ends != ("0", "1")) or (seen == {"2"} and ends == ("1", "2")):
        return {"1": FIRST, "2": SECOND}
    return None


def by_recipe(verdicts: Verdicts) -> str:
    """What the recipe says that verdicts mean, for `decoder`."""
    return json.dumps({_ANY: {_spelling(said) or "": word for said, word in verdicts.items()}})


def decoder(coding: str) -> Callable[[Row], Row]:
    """A function that puts words in place of a row's verdicts, as a coding says."""
    by_column: dict[str, dict[str, str]] = json.loads(coding)

    def decode(row: Row) -> Row:
        found = _answers(row.value)
        if found is None:
            quiz = _quiz(row.value) if _QUIZ in by_column else None
            return replace(row, value=_lettered(row.value, quiz, by_column[_QUIZ])) if quiz else row
        keys, _, ends = found
        changed = {}
        for name in keys.keys() & {*VERDICTS}:
            words = by_column.get(_ANY) or by_column.get(f"{name} {''.join(ends)}")
            word = _word(row.value[keys[name]], words) if words else None
            if word is not None:
                changed[keys[name]] = word
        return replace(row, value={**row.value, **changed}) if changed else row

    return decode


def _quiz(value: Any) -> tuple[Any, int, int] | None:
    return numbered_answer(value, by_plain_names(value)) if isinstance(value, dict) else None


def _lettered(value: Any, quiz: tuple[Any, int, int], coding: Mapping[str, str]) -> Any:
    column, number, _ = quiz
    return {**value, column: letter(number - int(coding["first"]))}


def _word(said: Any, words: Mapping[str, str]) -> str | None:
    spelt = _spelling(said)
    if spelt is None:
        return None
    if spelt in words:
        return words[spelt]
    if (numbered := _NUMBERED.fullmatch(spelt)) is not None:
        return words.get(f"#{numbered['digit']}")
    number = number_of(spelt)
    if number == 0 and "negative" in words:
        return TIE
    return words.get("negative" if number < 0 else "positive") if number else None


def _answers(value: Any) -> tuple[dict[str, Any], tuple[str, str], Ends] | None:
    """The columns of a row with two answers and a verdict, by plain names; None for any other row."""
    if not isinstance(value, dict):
        return None
    keys = by_plain_names(value)
    sides = sides_of(set(keys))
    if sides is not None and is_choice(keys):
        return keys, sides[:2], sides[2]
    battle = is_battle(keys) and "winner" in keys
    return (keys, ("responsea", "responseb"), ("a", "b")) if battle else None


def _spelling(said: Any) -> str | None:
    """A verdict without what only looks different: case, spaces, a point and zeros behind a number."""
    if isinstance(said, bool):
        return "true" if said else "false"
    if (number := number_of(said)) is not None:
        return f"{number:g}"
    return plain(said) if isinstance(said, str) and said.strip() else None


def _refusal(path: Path, column: str, name: str, counts: Counter[str]) -> str:
    values = sorted(counts, key=lambda said: (number_of(said) or 0, said))
    shown = ", ".join(values[:10]) + (" ..." if len(values) > 10 else "")
    around = any(said.startswith("-") for said in values)
    keys = ["negative", "positive"] if around else [said for said in values if said != "0.5"][:2]
    if name in STRENGTHS and not around:
        keys = ["positive"]
    words = [FIRST, SECOND]
    if values == ["0", "1", "2"]:
        keys, words = values, [TIE, FIRST, SECOND]
    said = zip([f'"{key}"' if key in ("true", "false") else key for key in keys], words, strict=False)
    line = ", ".join(f"{key}: {word}" for key, word in said)
    return (
        f"{path}: which answer is the better one cannot be told from the column '{column}': it "
        f"holds {shown}, and that may mean either.\nSay in the recipe what stands for the first answer "
        "and what for the second, in this way or the other way round:\n"
        f"  data:\n    sources:\n      - path: {path.name}\n        verdicts: {{{line}}}"
    )
