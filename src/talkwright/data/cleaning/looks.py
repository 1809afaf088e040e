"""What a text is made of, found out once before private data is searched for in it.

Most texts hold none, so what they are made of has to tell at the speed of memory: a text of ASCII is
reduced to its kinds of characters, in which parts are found that a whole number or key would have.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Span = tuple[int, int]
"""Where a part of a text begins and ends."""
WINDOW = 40
"""Characters before a number in which a word may say what it is."""

_DIGIT = re.compile(r"\d")
_NUMBER_RUN = re.compile(r"\d(?:\W{0,3}\d){5,}")  # with whatever separators a number may have
# Characters around a run that still belong to its number: "+ (" before, a last letter behind.
_BEFORE, _BEHIND = 4, 8
_LONG = 15  # characters of the shortest key
_LONG_WORD = b"x" * _LONG
_LEAST_RUN = 6  # digits of the shortest run
# What kind of character each ASCII one is: a digit 0, a letter a, white space, a sign as it is. Parts of
# a text with its characters so reduced are found at the speed of memory.
_REDUCED = bytes.maketrans(
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\t\n\v\f\r\x1c\x1d\x1e\x1f",
    b"0" * 10 + b"a" * 52 + b" " * 9,
)
_REDUCED_RUN = re.compile(rb"0(?:[^0a_]{0,3}0){5,}")  # _NUMBER_RUN, which begins with a character here
_SOLID = bytes(32 if chr(code).isspace() else 120 for code in range(256))  # a space, or an x
# Signs that look like nothing: soft hyphens, joiners, marks of direction, Markdown's backslashes before
# a sign. Pages and editors put them into addresses and numbers.
_UNSEEN = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_ESCAPE = re.compile(r"\\(?=[_.@+()-])")
# Signs that look like those of ASCII: the full width of East Asian keyboards, digits of other scripts,
# and what typography puts in place of a space or a hyphen.
_ZEROS = "\u0660\u06f0\u0966\u09e6\u0a66\u0ae6\u0b66\u0be6\u0c66\u0ce6\u0d66\u0e50\u0ed0\u1040\u17e0"
_SPACES = "\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_HYPHENS = "\u2010\u2011"
_AS_ASCII: dict[int, int | str] = {
    **{code: code - 0xFEE0 for code in range(0xFF03, 0xFF5B) if code not in (0xFF0C, 0xFF1B, 0xFF1F)},
    **{ord(space): " " for space in _SPACES},
    **{ord(hyphen): "-" for hyphen in _HYPHENS},
    **{ord(zero) + digit: str(digit) for zero in _ZEROS for digit in range(10)},
}
_ALIKE = re.compile(f"[{''.join(chr(c) for c in _AS_ASCII if c < 0xFF00)}\uff10-\uff19\uff20]")


@dataclass(slots=True)
class Text:
    """A text with what is known of it beforehand. `runs` are (start, end, digits) of longer numbers.

    `reduced` is the text by its kinds of characters, None where it is not ASCII; `long` are the words
    that are long enough for a key.
    """

    text: str
    low: str
    digits: bool
    runs: tuple[tuple[int, int, int], ...]
    reduced: bytes | None
    long: list[str]

    def has(self, part: bytes) -> bool:
        """Say whether the reduced text has this part; anything may be where there is none."""
        return self.reduced is None or part in self.reduced


def as_seen(text: str) -> tuple[str, list[int] | None]:
    """A text with the signs that a reader sees, and where each stood; None where nothing moved."""
    unseen: set[int] = set()
    if not text.isascii():
        if _ALIKE.search(text):
            text = text.translate(_AS_ASCII)
        unseen.update(found.start() for found in _UNSEEN.finditer(text))
    if "\\" in text:
        unseen.update(found.start() for found in _ESCAPE.finditer(text))
    if not unseen:
        return text, None
    places = [at for at in range(len(text)) if at not in unseen]
    return "".join(text[at] for at in places), places


def look_at(text: str) -> Text:
    """Find out about a text what each search for private data wants to know."""
    if not text.isascii():
        digits = _DIGIT.search(text) is not None
        long = [word for word in text.split() if len(word) >= _LONG]
        return Text(text, text.casefold(), digits, _number_runs(text) if digits else (), None, long)
    reduced = text.encode().translate(_REDUCED)
    many = reduced.count(b"0")
    runs = _reduced_runs(reduced) if many >= _LEAST_RUN else ()
    return Text(text, text.lower(), many > 0, runs, reduced, _long_words(text, reduced))


def _long_words(text: str, reduced: bytes) -> list[str]:
    solid = reduced.translate(_SOLID)
    words = []
    at = solid.find(_LONG_WORD)
    while at >= 0:
        end = solid.find(b" ", at)
        end = end if end >= 0 else len(text)
        words.append(text[at:end])
        at = solid.find(_LONG_WORD, end)
    return words


def _number_runs(text: str) -> tuple[tuple[int, int, int], ...]:
    return tuple(
        (max(0, found.start() - _BEFORE), found.end() + _BEHIND, len(_DIGIT.findall(found[0])))
        for found in _NUMBER_RUN.finditer(text)
    )


def _reduced_runs(reduced: bytes) -> tuple[tuple[int, int, int], ...]:
    return tuple(
        (max(0, found.start() - _BEFORE), found.end() + _BEHIND, found[0].count(b"0"))
        for found in _REDUCED_RUN.finditer(reduced)
    )
