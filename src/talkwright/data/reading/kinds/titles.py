"""Lines above the names of a table's columns, as desks and spreadsheets write them: a title, a date.

Export of 2024-01-02
Tickets,,
                        perhaps an empty line
id,question,answer
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

from talkwright.data.reading.kinds.backslashes import all_as_wide

_MOST = 20  # lines above the names
_LOOKED_AT = 2**14  # characters
# A reader of lines for each delimiter.
Readers = Sequence[Callable[[Any], Any]]


def end_of_titles(
    content: str, readers: Readers, is_known: Callable[[list[str]], bool], whole: bool
) -> int:
    """Where the names of columns begin, in characters; 0 where nothing but them can be first.

    They are the first line with names that are known, from which on every row is as wide. What stands
    above has fewer cells or an empty line behind it: else it may be rows of a table without names. Of a
    file that goes on, `whole` is False.
    """
    at, lines = 0, io.StringIO(content[:_LOOKED_AT], newline="").readlines()[: _MOST + 1]
    for number, line in enumerate(lines):
        for reader in readers if number else ():
            names = _cells(line, reader)
            filled = [sum(map(bool, map(str.strip, _cells(text, reader)))) for text in lines[:number]]
            apart = not filled[-1] or max(filled) < len(names)
            may_be = len(names) > 1 and apart and is_known(names)
            if may_be and all_as_wide(content[at:], reader, len(names), whole):
                return at
        at += len(line)
    return 0


def _cells(line: str, reader: Callable[[Any], Any]) -> list[str]:
    try:
        return next(reader([line]), [])
    except csv.Error:  # a quotation mark in a title, or a cell that goes on
        return next(reader([line.replace('"', "")]), [])
