"""No regular expression of the data stage takes more than linear time, whatever the text."""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from typing import Any

import pytest

import talkwright.data

# Tried at one place of a text only, with `match` or `fullmatch`, or on names of files.
MATCHED = {
    "_THINK",
    "_THINKING",
    "_MEMBER",
    "_FIRST_QUOTE",
    "_NUMBER",
    "_SYS",
    "_LABELLED",
    "_ALPACA",
    "_YES_NO",
    "_OF_COURSE",
    "_UNIT",
    "_OF_COURSE_NOT",
    "_PART",
    "_CONVERTED",
    "_DESCRIBING",
}
ATOMS = [
    *" \n\ta0(<&\"'\\{[)]}_:@./-+=#*|,\u00e9\u00a0\u202e",
    "1 ",
    "0-",
    "a.",
    "a@",
    "a-",
    "1.",
    "<a ",
    "&a",
    '""',
    '\\"',
    "a ",
    "a:",
    "\n\n",
    "\n ",
    "a\n",
    "://",
    "ab12",
    "http://a",
    "@a.",
    "1a:",
    "a=1;",
    ", ",
    ",\n",
    "```",
    "{{",
    "<|",
    "<!--",
    "</",
    '","',
    "'a': ",
    "192.",
    "DE1 ",
]
ENDS = ("", "!\0", "a", ".", "\n_")
SIZE = 8_000


def patterns() -> dict[str, re.Pattern[Any]]:
    """Every compiled pattern that a module of the data stage holds, alone or in a collection."""
    found: dict[str, re.Pattern[Any]] = {}

    def take(name: str, value: Any, depth: int) -> None:
        if isinstance(value, re.Pattern):
            found[name] = value
        elif depth and isinstance(value, (list, tuple, set, frozenset)):
            for at, inner in enumerate(value):
                take(f"{name}[{at}]", inner, depth - 1)
        elif depth and isinstance(value, dict):
            for key, inner in value.items():
                take(f"{name}[{key!r}]", inner, depth - 1)
        elif depth and type(value).__module__.startswith("talkwright") and not isinstance(value, type):
            for key in getattr(type(value), "__slots__", ()) or getattr(value, "__dict__", {}):
                take(f"{name}.{key}", getattr(value, key, None), depth - 1)

    for module in pkgutil.walk_packages(talkwright.data.__path__, "talkwright.data."):
        for name, value in vars(importlib.import_module(module.name)).items():
            take(f"{module.name.removeprefix('talkwright.data.')} {name}", value, 3)
    return found


def seconds(name: str, pattern: re.Pattern[Any], text: str) -> float:
    given: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
    since = time.process_time()
    if name.split()[1].split("[")[0] in MATCHED:
        pattern.match(given)
    else:
        for _ in pattern.finditer(given):
            pass
    return time.process_time() - since


def own_atoms(pattern: re.Pattern[Any]) -> list[str]:
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    words = sorted(set(re.findall(r"[A-Za-z]{2,}", source)))[:8]
    return [*words, *(f"{word}{mark}" for word in words for mark in " :")]


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_no_pattern_takes_more_than_linear_time(part: int) -> None:
    found = patterns()
    assert len(found) > 100
    slow = []
    for name, pattern in list(found.items())[part::8]:
        for atom in dict.fromkeys([*ATOMS, *own_atoms(pattern)]):
            for end in ENDS:
                text = atom * (SIZE // len(atom))
                taken = seconds(name, pattern, text + end)
                if taken > 0.03 and seconds(name, pattern, text * 3 + end) > 5 * taken:
                    slow.append((name, atom, end, round(taken, 2)))
                    break
    assert slow == []
