"""Tables that mark a quotation mark within a cell by a backslash, as MySQL and Spark write them.

Text is turned into the usual dialect, where `\\"` is `""`; the rows are read from that like any others.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from talkwright.data.reading.disk.files import Text

_MARKED = re.compile(r'\\(["\\\n])')


def is_backslashed(content: str, reader: Any, columns: int, whole: bool) -> bool:
    """Say whether a table cannot be read with doubled quotes, and all of it with backslashes.

    `reader` makes a reader of lines; each row must have as many cells as the header. Of a file that goes
    on, `whole` is False, and its last row does not count.
    """
    if '\\"' not in content or all_as_wide(content, reader, columns, whole):
        return False
    return all_as_wide(usual(content), reader, columns, whole)


def usual(content: str) -> str:
    """Text of such a table as others write it; lines stay what they are."""
    return _MARKED.sub(lambda mark: '""' if mark[1] == '"' else mark[1], content)


def usual_blocks(blocks: Iterable[Text]) -> Iterator[Text]:
    """Blocks of such a table, each of whole lines."""
    for block in blocks:
        yield replace(block, content=usual(block.content))


def all_as_wide(content: str, reader: Any, columns: int, whole: bool) -> bool:
    """Say whether there are rows below the first one, and all have so many cells; see above."""
    rows = reader(io.StringIO(content.replace("\0", "\x01"), newline=""))
    held: list[int] = []
    cut = False
    try:
        for cells in rows:
            held.append(len(cells))
    except csv.Error:
        # What is cut off at the end of a block is no fault.
        if whole or rows.line_num < content.count("\n"):
            return False
        cut = True
    sizes = [size for size in held[: None if whole or cut else -1] if size]
    return len(sizes) > 1 and all(size == columns for size in sizes)
