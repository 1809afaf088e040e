"""Lines that are not UTF-8: Windows-1252, where that is certain, or letters that cannot be told.

Every byte means something in Windows-1252, so that text in any other encoding can be read as it, as
nonsense: Russian becomes "Êàê îïëàòèòü". Such lines are named, so that nobody learns from them.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

# As browsers read it: the five bytes without a meaning are control characters.
_LETTERS = {n: bytes([n]).decode("cp1252", "ignore") or chr(n) for n in range(0x80, 0xA0)}
_STRAY = re.compile("[\udc80-\udcff]+")
_PLAIN = re.compile(r"[\x00-\u024f\u2010-\u2026\u20ac]?")
_PUNCTUATION = "\u00a0\u2013\u2014\u2018\u2019\u201c\u201d\u2022\u2026"
_RUN = re.compile(rf"[^\x00-\x7f{_PUNCTUATION}]{{3,}}")
_CONTROL = re.compile("[\x80-\x9f]")
# Letters of Polish and its neighbours; nobody writes a power or a currency inside a word.
_SIGN_IN_WORD = re.compile("[a-z\u00e0-\u00ff][\u00a1-\u00a5\u00b1\u00b3\u00b6\u00b9\u00bc\u00be][a-z]")

# What stands in UTF-8 for bytes that are nothing in the encoding that the recipe names. It is no UTF-8,
# so that only lines with such bytes are looked at, and no text in Windows-1252 has it.
_UNREAD = b"\xff\xfe\xff"
_HANDLER = "talkwright-unread"
codecs.register_error(_HANDLER, lambda error: ("\udcff\udcfe\udcff", _end_of(error)))


def _end_of(error: UnicodeError) -> int:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.end


def as_utf8(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Text in `encoding`, piece by piece as UTF-8.

    In place of bytes that are nothing in it, something comes that `decode_lines` takes for foreign.
    """
    decoder = codecs.getincrementaldecoder(encoding)(_HANDLER)
    for piece in pieces:
        yield decoder.decode(piece).encode("utf-8", "surrogateescape")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")


def decode_lines(lines: list[bytes]) -> tuple[list[str], tuple[int, ...], tuple[int, ...]]:
    """Decode lines one by one, since exports glued together from several places mix encodings.

    Returns the texts, the 1-based numbers of those that were Windows-1252, and of those that were
    neither that nor UTF-8, whose texts have U+FFFD for what cannot be told. Where that is most of the
    lines without any UTF-8, the others of these are doubtful, too.
    """
    texts: list[str] = []
    odd: set[int] = set()
    foreign: set[int] = set()
    torn: set[int] = set()
    for number, line in enumerate(lines, 1):
        try:
            texts.append(line.decode("utf-8"))
            continue
        except UnicodeDecodeError:
            text = line.decode("utf-8", "surrogateescape")
        if _UNREAD in line:
            torn.add(number)
            found = None
        elif _is_torn(text):
            torn.add(number)
            found = _with_western(text)
        else:
            found = line.decode("latin-1").translate(_LETTERS)
            found = None if _is_nonsense(found) else found
        (foreign if found is None else odd).add(number)
        texts.append(line.decode("utf-8", "replace") if found is None else found)
    if len(foreign - torn) > len(odd - torn):
        for number in odd - torn:
            texts[number - 1] = lines[number - 1].decode("utf-8", "replace")
        foreign, odd = foreign | (odd - torn), odd & torn
    return texts, tuple(sorted(odd)), tuple(sorted(foreign))


def _is_torn(text: str) -> bool:
    """Say whether it is UTF-8 but for a few bytes, which are surrogates here."""
    stray = sum(map(len, _STRAY.findall(text)))
    return sum(not letter.isascii() for letter in text) > 2 * stray


def _with_western(text: str) -> str | None:
    """UTF-8 with some letters of Windows-1252 in it; None where they may be parts of others."""
    for found in _STRAY.finditer(text):
        around = text[max(0, found.start() - 1) : found.start()], text[found.end() : found.end() + 1]
        if len(found[0]) > 1 or not all(map(_PLAIN.fullmatch, around)):
            return None
    return _STRAY.sub(lambda found: _LETTERS.get(code := ord(found[0]) - 0xDC00, chr(code)), text)


def _is_nonsense(text: str) -> bool:
    """Say whether text read as Windows-1252 has what no language that is written in it has."""
    if len(_CONTROL.findall(text)) > 1 or len(_SIGN_IN_WORD.findall(text)) > 1:
        return True
    runs = [
        run for run in _RUN.findall(text)
        if len(set(run)) > 2 and sum(letter.isalpha() for letter in run) > 1
    ]  # fmt: skip
    return sum(map(len, runs)) >= 8 or any(len(run) >= 6 for run in runs)
