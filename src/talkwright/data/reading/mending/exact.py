"""JSON to the letter: numbers as they were spelt, 1.10 and not 1.1, where they are arguments of calls.

A model that is to write a call learns its text, and so a number is not to be written anew.
"""

from __future__ import annotations

import json
import re
from typing import Any

_SURROGATE = re.compile("[\ud800-\udfff]")
_DEEPEST = 64  # lists and objects inside of one another
_CALLING_KEYS = ('"arguments"', '"args"', '"tool_use"', '"toolUse"')
# A number that is perhaps spelt otherwise than Python writes it: 1.10, 1e5, -0, or with many digits.
_ODD_NUMBER = re.compile(
    r"[:\[,]\s*-?(?:\d+\.\d+0(?!\d)|\d+\.\d{15}|\d{16,}\.|\d+(?:\.\d+)?[eE]|(?<=-)0(?![.\d])|0\.0000)"
)


class _Spelled(float):
    """A number that is spelt otherwise than it would be written: 12.10, 1e5, -0, many digits."""

    text: str


def _number(text: str) -> float:
    value = float(text)
    if repr(value) == text:
        return value
    spelled = _Spelled(value)
    spelled.text = text
    return spelled


def _whole_number(text: str) -> float:
    return _number(text) if text == "-0" else int(text)


def exact(text: str, repairs: list[str] | None = None) -> Any:
    """The JSON value of a text, with numbers that know how they were spelt.

    Of a key given twice the last counts, which is noted in `repairs` (`repeated_key`). Raises
    ValueError, and RecursionError for thousands of brackets.
    """

    def put(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs) and repairs is not None:
            repairs.append("repeated_key")
        return found

    return json.loads(text, parse_float=_number, parse_int=_whole_number, object_pairs_hook=put)


def with_exact_arguments(text: str, value: Any) -> Any:
    """The value of a JSON text, with arguments of calls as text where a number in them is spelt
    otherwise than it would be written. Any other value comes back as it is, and soon."""
    # This is asked of every row: two looks at its text, where there is no call.
    if ('"arg' not in text and '"tool' not in text) or not any(key in text for key in _CALLING_KEYS):
        return value
    try:
        return _with_texts(exact(text), value) if _ODD_NUMBER.search(text) else value
    except (ValueError, RecursionError):
        return value


def _with_texts(spelt: Any, value: Any) -> Any:
    if isinstance(value, list):
        return [_with_texts(one, other) for one, other in zip(spelt, value, strict=True)]
    if not isinstance(value, dict):
        return value
    found = {key: _with_texts(spelt[key], held) for key, held in value.items()}
    key = None
    if isinstance(value.get("name"), str):
        key = "args" if "args" in value else "arguments"
    if value.get("type") == "tool_use" or "toolUseId" in value:
        key = "input"
    if key is not None and isinstance(value.get(key), dict) and spells_otherwise(spelt[key]):
        found[key] = _written(spelt[key])
    return found


def spells_otherwise(value: Any) -> bool:
    """Say whether a number in a value is spelt otherwise than it would be written."""
    level = [value]
    while level:
        if any(isinstance(held, _Spelled) for held in level):
            return True
        inner = [list(held.values()) if isinstance(held, dict) else held for held in level]
        level = [item for held in inner if isinstance(held, list) for item in held]
    return False


def _written(value: Any) -> str:
    """JSON with each number as it was spelt. Raises ValueError, TypeError."""
    if isinstance(value, _Spelled):
        return value.text
    if isinstance(value, dict):
        items = (
            f"{json.dumps(key, ensure_ascii=False)}: {_written(held)}" for key, held in value.items()
        )
        return f"{{{', '.join(items)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def as_json(value: Any) -> str | None:
    """A JSON value in its one spelling; None for what JSON cannot say (NaN, bytes, endless digits)."""
    if _too_deep(value):
        return None
    try:
        if spells_otherwise(value):
            return valid(_written(value))
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None
    return valid(text)


def _too_deep(value: Any) -> bool:
    """Nothing calls for such depth, and whatever walks through the value later calls itself for each."""
    level, depth = [value], 0
    while level and depth <= _DEEPEST:
        inner = [list(held.values()) if isinstance(held, dict) else held for held in level]
        level = [item for held in inner if isinstance(held, list) for item in held]
        depth += 1
    return bool(level)


def valid(text: str) -> str:
    """A text with what is half a character, and cannot be written, replaced."""
    return _SURROGATE.sub("\ufffd", text)
