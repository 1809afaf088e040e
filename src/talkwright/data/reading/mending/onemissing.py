"""Rows of JSON that lack one bracket, quotation mark or colon: put back where only one place gives JSON.

Whatever one character makes JSON of the row is tried, within limits; where two of the results differ, or
a key comes twice, nothing is certain.
"""

from __future__ import annotations

import json
import re
from typing import Any

_LONGEST = 2**16  # characters of a row
_EFFORT = 2**22  # characters that are read in search of the place
_NAMES = {'"': "added_quote", ":": "added_colon"}
_GAP = re.compile(r'([:,{\[])([ \t]*)"')
_SPACES = re.compile(r"[ \t]*")
_OPENS, _CLOSES = "{[,:", ",:}]"


def with_one_added(line: str) -> tuple[Any, tuple[str, ...]] | None:
    """The value of a row that lacks one character, and the name of the repair; None where in doubt."""
    line = line.strip()
    if len(line) > _LONGEST or line[-1:] not in ("}", "]") or line[:1] not in ("{", "["):
        return None  # one without its end may be cut off
    try:
        json.loads(line)
        return None
    except json.JSONDecodeError as error:
        fault, open_string = error.pos, error.msg.startswith("Unterminated")
    except (ValueError, RecursionError):
        return None
    found: dict[str, tuple[Any, str]] = {}
    spent = 0
    for at, mark in _places(line, fault, open_string):
        spent += len(line)
        if spent > _EFFORT:
            return None
        try:
            value = json.loads(line[:at] + mark + line[at:], object_pairs_hook=_once)
        except (ValueError, RecursionError):
            continue
        found.setdefault(json.dumps(value), (value, mark))
        if len(found) > 1:
            return None
    if not found:
        return None
    [(value, mark)] = found.values()
    return value, (_NAMES.get(mark, "added_bracket"),)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key twice")
    return found


def _places(line: str, fault: int, open_string: bool) -> list[tuple[int, str]]:
    """Where which character may be missing. What stands before a fault is well formed as far as it goes,
    so it is not behind it; a text that lacks its second mark ends at the first of the next one."""
    borders, start = _borders(line, fault)
    places = [(fault, ":")]
    for at in borders:
        before = line[:at].rstrip()[-1:]
        if before in _OPENS:
            places += [(at, "{"), (at, "[")]
        if before and before not in _OPENS:
            places += [(at, "}"), (at, "]")]
    gaps = {(gap[1], gap[2]) for gap in _GAP.finditer(line)}
    for at in borders:
        before = line[at - 1 : at]
        if before and before in _OPENS:  # spaces as behind the others of this mark, or all there are
            used = {gap for mark, gap in gaps if mark == before}
            used = used or {_SPACES.match(line, at)[0]}  # type: ignore[index]
            places += [(at + len(gap), '"') for gap in sorted(used) if line.startswith(gap, at)]
    end = len(line) if open_string else min(len(line), fault + 1)
    places += [(at, '"') for at in range(start + 1, end) if line[at] in _CLOSES]
    return places


def _borders(line: str, fault: int) -> tuple[list[int], int]:
    """The places beside marks outside of texts up to a fault, and where the last text begins."""
    found, at, start = {0}, 0, 0
    while at < min(fault + 1, len(line)):
        mark = line[at]
        if mark == '"':
            start = at
            at += 1
            while at < len(line) and line[at] != '"':
                at += 2 if line[at] == "\\" else 1
        elif mark in "{}[],:":
            found |= {at, at + 1}
        at += 1
    return sorted(place for place in found if place <= fault + 1), start
