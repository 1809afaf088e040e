"""Quotes of a broken row put right: unescaped ones inside texts, and typographic ones around them.

An editor that corrects as one types makes typographic quotes of some and leaves others. Which quote a
text began with is remembered, so that the others inside stay what they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from talkwright.data.reading.mending.literals import has_doubtful_quotes

_TYPOGRAPHIC = "“”„‟"
_QUOTES = {'"': '"', "'": "'", **dict.fromkeys("“”„", _TYPOGRAPHIC), "‘": "‘’‚‛", "’": "‘’‚‛"}
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "/": "/", "\\": "\\"}
_SPACE = r"\s{0,20}"  # bounded: a run of spaces must not take quadratic time
_BOTH = '"' + _TYPOGRAPHIC
_DOUBLED = re.compile(r'"?([\w .$-]{1,40})"?')  # a key, with a quote too many before or behind it
# JSON in typographic quotes: an object's first key, its closing bracket, or a key between quotes that
# are the wrong way round. People write “yes”, “no”: “so”.
_STRUCTURE = re.compile(
    rf"\{{{_SPACE}[“”„‟‘’][\w .$-]{{1,40}}[“”„‟‘’]{_SPACE}:|[“”„‟‘’]{_SPACE}\}}{_SPACE}[,\]}}]"
    rf"|“{_SPACE},{_SPACE}”[\w .$-]{{1,40}}“{_SPACE}:"
)
_MOST_OPEN = 32  # ways of reading one row that are followed at once; beyond that nothing is certain
_MOST_TIMES = 200  # as many characters as the row has, looked at for all of them


class DoubtfulError(ValueError):
    """Where a text ends cannot be told."""


@dataclass(frozen=True, slots=True)
class _Ends:
    """What follows a quote that ends a key, one that ends a value, and one that may end something."""

    key: re.Pattern[str]
    value: re.Pattern[str]
    doubtful: re.Pattern[str]


def _ends(quotes: str) -> _Ends:
    one = f"[{quotes}]"
    key = rf"(?:[\[{{]{_SPACE}){{0,3}}{one}{{1,2}}[\w .$-]{{1,40}}{one}{{1,2}}{_SPACE}:"
    return _Ends(
        re.compile(rf"{_SPACE}:"),
        re.compile(rf"(?:{_SPACE}[}}\]]){{0,8}}{_SPACE}(?:[,;]?{_SPACE}\Z|,{_SPACE}{key})"),
        re.compile(rf"{_SPACE}(?:[:}}\]]|,{_SPACE}(?:{one}|[{{\[]))"),
    )


def rewritten(line: str, first: str) -> str:
    """A row in JSON's quotes, all of whose texts stand in quotes such as `first`.

    A quote ends a text where a key with its colon follows, or nothing but closing brackets. Raises
    DoubtfulError where another quote looks like structure as well.
    """
    quotes = _QUOTES[first]
    stop = re.compile(rf"\\u[0-9a-fA-F]{{4}}|\\.|[{quotes}]", re.DOTALL)
    ends = _ends(quotes)
    # Where all quotes became apostrophes, an escaped one was a quotation mark and a bare one was not.
    swapped = quotes == "'" and "\\'" in line and '"' not in line
    pieces: list[str] = []
    text: list[str] = []
    at, unescaped, inside, is_key, bare = 0, 0, False, False, False
    for found in stop.finditer(line):
        before, at = line[at : found.start()], found.end()
        if not inside:
            if found[0][0] == "\\":
                raise DoubtfulError
            pieces.append(before)
            inside, text, unescaped = True, [], 0
            is_key = before.rstrip()[-1:] in ("{", ",")
            continue
        text.append(before)
        if found[0][0] == "\\":
            text.append('"' if swapped and found[0] == "\\'" else _unescaped(found[0], quotes))
        elif (ends.key if is_key else ends.value).match(line, at):
            if quotes == '"' and unescaped % 2 and not is_key:  # people's quotation marks come in pairs
                raise DoubtfulError
            said = "".join(text)
            if is_key and quotes == '"' and (doubled := _DOUBLED.fullmatch(said)):
                said = doubled[1]
            if is_key and any(mark in said for mark in _BOTH):  # nobody quotes in the name of a column
                raise DoubtfulError
            if quotes == '"' and _STRUCTURE.search(said):
                raise DoubtfulError
            pieces.append(json.dumps(said))
            inside = False
        elif ends.doubtful.match(line, at):
            raise DoubtfulError
        else:
            text.append(found[0])
            unescaped += 1
            bare = True
    if inside or (swapped and not (bare and has_doubtful_quotes(line))):
        raise DoubtfulError
    return "".join([*pieces, line[at:]])


def _unescaped(escape: str, quotes: str) -> str:
    if len(escape) > 2:
        return chr(int(escape[2:], 16))
    mark = escape[1]
    if mark in _ESCAPED:
        return _ESCAPED[mark]
    if mark in _TYPOGRAPHIC:  # it was escaped, so it was a plain quote before they were all replaced
        return '"'
    if mark in quotes or mark in "\"'":
        return mark
    raise DoubtfulError


# --- some typographic, some not ------------------------------------------------------------------

_STOP = re.compile(rf"\\u[0-9a-fA-F]{{4}}|\\.|[{_BOTH}]", re.DOTALL)
_BOTH_ENDS = _ends(_BOTH)


@dataclass(frozen=True, slots=True)
class _Part:
    """How far a row was read: its last piece, all before it, and whether each text ends as it begins."""

    at: int
    piece: str = ""
    before: _Part | None = None
    alike: bool = True

    def text(self) -> str:
        """What was read, in JSON's quotes."""
        pieces, part = [self.piece], self.before
        while part is not None:
            pieces.append(part.piece)
            part = part.before
        return "".join(reversed(pieces))


def mixed(line: str, is_sound: Callable[[str], bool]) -> str | None:
    """A row in JSON's quotes, some of whose texts stand in typographic ones; None for no such row.

    Of the ways to read it that are `is_sound`, one may be left; else DoubtfulError is raised. A text
    that ends with a quote such as it began with goes before one that does not.
    """
    if '"' not in line or not any(mark in line for mark in _TYPOGRAPHIC):
        return None
    for bare in (False, True):
        found = [(part, text) for part in _readings(line, bare) if is_sound(text := part.text())]
        chosen = [text for part, text in found if part.alike] or [text for _, text in found]
        if len(chosen) > 1:
            raise DoubtfulError
        if chosen:
            return chosen[0]
    return None


def _readings(line: str, bare: bool) -> Iterator[_Part]:
    """Every way to read a row. `bare`: texts in typographic quotes have plain ones, unescaped."""
    open_ones, left = [_Part(0)], _MOST_TIMES * len(line)
    while open_ones:
        part = open_ones.pop()
        opening = _STOP.search(line, part.at)
        if opening is None:
            yield _Part(len(line), line[part.at :], part, part.alike)
            continue
        if opening[0][0] == "\\":
            continue
        before = line[part.at : opening.start()]
        last = before.rstrip()[-1:]
        end = opening.start()
        for end, text, alike in _texts(line, opening, last in ("{", ","), bare):
            open_ones.append(_Part(end, before + json.dumps(text), part, part.alike and alike))
        left -= 100 + end - part.at
        if left < 0 or len(open_ones) > _MOST_OPEN:
            raise DoubtfulError


def _texts(
    line: str, opening: re.Match[str], is_key: bool, bare: bool
) -> Iterator[tuple[int, str, bool]]:
    """The texts that may begin at a quote: where each ends, what it says, whether it ends alike."""
    for end, text, alike in _ended(line, opening, is_key, bare):
        if not _STRUCTURE.search(text):
            yield end, text, alike


def _ended(
    line: str, opening: re.Match[str], is_key: bool, bare: bool
) -> Iterator[tuple[int, str, bool]]:
    plain, at = opening[0] == '"', opening.end()
    ends, pieces = _BOTH_ENDS.key if is_key else _BOTH_ENDS.value, list[str]()
    for found in _STOP.finditer(line, at):
        pieces.append(line[at : found.start()])
        at = found.end()
        if found[0][0] == "\\":
            try:
                pieces.append(_unescaped(found[0], _BOTH))
            except DoubtfulError:
                return
            continue
        alike = (found[0] == '"') == plain
        if is_key:  # nobody quotes in the name of a column
            if ends.match(line, at):
                yield at, "".join(pieces), alike
            return
        if plain and alike:
            yield at, "".join(pieces), True
            return
        if ends.match(line, at) and (alike or _are_pairs("".join(pieces))):
            yield at, "".join(pieces), alike
            if not plain:
                return
        elif not plain and (_BOTH_ENDS.doubtful.match(line, at) or (found[0] == '"' and not bare)):
            return
        pieces.append(found[0])


def _are_pairs(text: str) -> bool:
    # An odd one inside is more likely a part of the text than the quote behind it.
    return sum(map(text.count, _TYPOGRAPHIC)) % 2 == 0
