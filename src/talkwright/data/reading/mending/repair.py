"""Rows of a JSONL file that are not JSON: what they certainly mean, or that it cannot be told.

A repair is made only where one reading is left, and each has a name for the ledger:

    removed_trailing_comma  a comma before a bracket, after the row, or twice between values
    removed_bracket         closing brackets after the row that nothing opened
    added_comma             no comma between two objects, or before a key
    python_literal          printed by Python: single quotes, None, True, (tuples)
    foreign_literal         undefined, NULL, TRUE, FALSE
    quoted_key              keys without quotes
    fixed_quotes            quotes inside text not escaped, or typographic quotes around texts
    halved_backslashes      every backslash of the row was doubled (see also escapes)
    fixed_escape            escapes that JSON does not have: of an apostrophe, or \\x27 of JavaScript
    escaped_backslash       every backslash of the row stands for itself (C:\\Users)
    unescaped_controls      raw tabs or other control characters inside quotes
    added_bracket, added_quote, added_colon
                            one of these is missing, and only one place makes JSON of the row
    repeated_key            a key was there twice in an object; the last value counts
    unescaped_quotes        every quotation mark was written as HTML writes it, &quot;
    unwrapped_string        the row was JSON inside a JSON string
    removed_prefix          `data: ` of an event stream before the row
    removed_call            `callback( ... );` around the row (JSONP)
    removed_comment         //, # and /* */ between values, behind the row or on lines of their own
    split_line              several rows on one line
    repaired_truncated      cut off between two complete messages or columns; brackets were closed
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from talkwright.data.reading.mending.exact import with_exact_arguments
from talkwright.data.reading.mending.literals import (
    CutOffError,
    has_doubtful_quotes,
    is_too_dense,
    parse_loose,
)
from talkwright.data.reading.mending.onemissing import with_one_added
from talkwright.data.reading.mending.requoting import DoubtfulError, mixed, rewritten
from talkwright.data.reading.mending.wrapped import is_comment, unwrapped

_LONGEST_MENDED = 2**22  # characters
_BETWEEN = re.compile(r"[\s,;]*")
_RUNS = re.compile(r"\\+")
_DECODER = json.JSONDecoder()
_FIRST_QUOTE = re.compile(r"[\[\s]*\{\s*([\"'“”„‘’])")


@dataclass(slots=True)
class Reading:
    """One value found in a line: the value, or the reason why there is none; and the repairs made."""

    value: Any
    raw: str
    problem: str | None = None
    repairs: tuple[str, ...] = ()


def read_line(line: str) -> list[Reading]:
    """Read a line that should hold one JSON value; a list with more than one where it holds more."""
    value, problem = load(line)
    if problem is None:
        if isinstance(value, str):
            return _unwrapped(value, line)
        repeated = ("repeated_key",) if has_repeated_key(line, value) else ()
        return [Reading(with_exact_arguments(line, value), line, None, repeated)]
    if len(line) > _LONGEST_MENDED or problem != "not_json" or is_too_dense(line):
        return [Reading(None, line, problem)]
    for text, repairs in unwrapped(line):
        value, problem = load(text)
        if problem is None and isinstance(value, (dict, list)):
            return [Reading(value, line, None, repairs)]
    if line[:1] not in ("{", "["):
        return [Reading(None, line, "not_json")]
    found = _several(line)
    if found is not None:
        return found
    return [_first_that_fits(line)]


def has_repeated_key(text: str, value: Any) -> bool:
    """Say whether an object in the JSON `text`, whose value is known, has a key twice."""
    level, keys = [value], 0
    while level:
        inner: list[Any] = []
        for held in level:
            kind = type(held)
            if kind is dict:
                keys += len(held)
                inner += held.values()
            elif kind is list:
                inner += held
        level = inner
    # Each key has a quote and a colon; where texts have them as well, it is looked at closely.
    if text.count('":') + text.count('" :') == keys:
        return False
    found = 0

    def count(pairs: list[tuple[str, Any]]) -> None:
        nonlocal found
        found += len(pairs)

    try:
        json.loads(text, object_pairs_hook=count)
    except (ValueError, RecursionError):
        return False
    return found > keys


def load(text: str) -> tuple[Any, str | None]:
    """Strict JSON: the value and None, or None and the drop reason."""
    if is_too_dense(text):
        return None, "not_json"
    try:
        if text[:1] in "{[":  # what `json.loads` does, without what it asks before and after
            value, end = _DECODER.raw_decode(text)
            if end == len(text) or not text[end:].strip(" \t\r\n"):
                return value, None
        return json.loads(text), None
    except (ValueError, RecursionError) as error:
        return None, reason_of(error)


def reason_of(error: Exception) -> str:
    """The drop reason for what Python's reader of JSON says, also of sound JSON that it cannot read."""
    if isinstance(error, RecursionError):  # thousands of nested brackets
        return "too_deep"
    sound = not isinstance(error, json.JSONDecodeError) and "digits" in str(error)
    return "number_too_long" if sound else "not_json"


def _unwrapped(text: str, line: str) -> list[Reading]:
    """JSON in a string: one value, or one a line."""
    value, problem = load(text)
    if problem is None and isinstance(value, (dict, list)):
        return [Reading(value, line, None, ("unwrapped_string",))]
    parts = [part for part in text.split("\n") if part.strip()] if "\n" in text else []
    found = [load(part)[0] for part in parts]
    if parts and all(isinstance(value, (dict, list)) for value in found):
        repairs = ("unwrapped_string", "split_line")
        return [Reading(value, part, None, repairs) for value, part in zip(found, parts, strict=True)]
    return [Reading(text, line)]


def _several(line: str) -> list[Reading] | None:
    """Read a line of objects one after the other; None unless there are two or only a comma is amiss."""
    readings: list[Reading] = []
    decoder, at, rest = json.JSONDecoder(), 0, len(line)
    while at < rest:
        try:
            value, end = decoder.raw_decode(line, at)
        except (ValueError, RecursionError):
            break
        readings.append(Reading(value, line[at:end], None, ("split_line",)))
        at = _BETWEEN.match(line, end).end()  # type: ignore[union-attr]
        if not line[at:].strip("}] \t,;"):
            ends = "removed_bracket" if line[at:] else "removed_trailing_comma"
            if len(readings) == 1:
                return [Reading(value, line, None, (ends,))]
            break
        if is_comment(line[at:]):
            if len(readings) == 1:
                return [Reading(value, line, None, ("removed_comment",))]
            readings[-1] = replace(readings[-1], repairs=("split_line", "removed_comment"))
            at = rest
        elif line[at] not in "{[":
            return None
    if not readings:
        return None
    if line[at:].strip("}] \t,;"):
        last = _first_that_fits(line[at:])
        readings.append(Reading(last.value, last.raw, last.problem, ("split_line", *last.repairs)))
    return readings


def _first_that_fits(line: str) -> Reading:
    value, repairs = _controls(line)
    if repairs is None:
        value, repairs = _halved(line)
    cut = False
    readable = (False,) if has_doubtful_quotes(line) else (False, True)
    for python in readable:
        if repairs is None:
            value, repairs, was_cut = _loose(line, python)
            cut = cut or (was_cut and not python)
    if repairs is None:
        value, repairs = _requoted(line)
    if repairs is None and cut:
        for python in readable:
            if repairs is None:
                value, repairs, _ = _loose(line, python, close=True)
        if repairs is None and line.rstrip()[-1:] not in ("}", "]"):
            return Reading(None, line, "truncated")
    if repairs is None and (added := with_one_added(line)) is not None:
        value, repairs = added
    if repairs is None or not isinstance(value, (dict, list)):
        return Reading(None, line, "not_json")
    return Reading(value, line, None, repairs)


def _controls(line: str) -> tuple[Any, tuple[str, ...] | None]:
    try:
        return json.loads(line, strict=False), ("unescaped_controls",)
    except (ValueError, RecursionError):
        return None, None


def _halved(line: str) -> tuple[Any, tuple[str, ...] | None]:
    # A row of doubled backslashes has no run of odd length; one that is JSON once halved was doubled.
    if '\\\\"' not in line or any(len(run[0]) % 2 for run in _RUNS.finditer(line)):
        return None, None
    value, problem = load(line.replace("\\\\", "\\"))
    return (None, None) if problem else (value, ("halved_backslashes",))


def _loose(line: str, python: bool, close: bool = False) -> tuple[Any, tuple[str, ...] | None, bool]:
    try:
        value, end, repairs = parse_loose(line, 0, python=python, close=close)
    except CutOffError:
        return None, None, True
    except ValueError:
        return None, None, False
    rest = line[end:].strip()
    behind = rest.lstrip(",; \t")
    if behind and not is_comment(behind):
        return None, None, False
    if len(behind) < len(rest):
        repairs = (*repairs, "removed_trailing_comma")
    return value, (*repairs, "removed_comment") if behind else repairs, False


# --- quotes --------------------------------------------------------------------------------------


def _requoted(line: str) -> tuple[Any, tuple[str, ...] | None]:
    """Read a row whose texts hold unescaped quotes, or stand in typographic ones, or some of them do."""
    first = _FIRST_QUOTE.match(line)
    if first is None:
        return None, None
    found: list[Any] = []

    def is_sound(plain: str) -> bool:
        value, problem = load(plain)
        if problem is not None:
            # Naively swapped quotes leave Python's names behind.
            value, repairs, _ = _loose(plain, python=True)
            if repairs is None:
                return False
        found.append(value)
        return True

    try:
        plain = mixed(line, is_sound) or rewritten(line, first[1])
    except DoubtfulError:
        return None, None
    return (found[-1], ("fixed_quotes",)) if is_sound(plain) else (None, None)
