"""Blocks of NUL bytes in a text: what a crash leaves where something was to be written.

What stood there is lost, and a row that runs into such a block is torn, however well it could be mended.
"""

from __future__ import annotations

import re

from talkwright.data.reading.mending.repair import Reading, load

HOLE = "\0" * 8  # a few NULs are control characters in a text, which cleaning takes out
_HOLES = re.compile(f"{HOLE}\0*")


def without_holes(text: str) -> str:
    """A text with nothing where it has blocks of NUL."""
    return _HOLES.sub("", text) if HOLE in text else text


def read_around(line: str) -> list[Reading]:
    """What is whole in a line with blocks of NUL in it; a part that is not is lost."""
    parts = [part.strip() for part in _HOLES.split(line)]
    held = [part for part in parts if part]
    if not held:
        return [Reading(None, "", "lost_bytes")]
    found = []
    for part in held:
        value, problem = load(part)
        whole = problem is None and isinstance(value, (dict, list))
        found.append(Reading(value, part, None, ("removed_nul",)) if whole
                     else Reading(None, part, "lost_bytes"))  # fmt: skip
    return found
