"""What a raw row says, without the escapes and markup that may stand inside what is private in it."""

from __future__ import annotations

import html
import re

_SIGNS = re.compile(r"[\\&<]")
_SPELT = re.compile(
    r"(?-i:\\u[0-9a-fA-F]{4}|\\[nrt\"\\/])|&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});"
    r"|</?(?P<tag>[a-z][a-z0-9]{0,15})\b[^<>]{0,200}>",
    re.IGNORECASE,
)
# Marks of a text that part no words; any other tag does.
_INLINE = frozenset("a abbr b bdi bdo code em font i mark s small span strong u wbr".split())  # noqa: SIM905
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "/": "/"}


def raw_as_read(raw: str) -> str:
    """A raw row as a reader of it would see it: without escapes and tags."""
    return _SPELT.sub(_meant, raw) if _SIGNS.search(raw) else raw


def places_in_raw(raw: str) -> list[tuple[int, int]]:
    """Where in a raw row each sign of `raw_as_read` stands, from and to."""
    places: list[tuple[int, int]] = []
    at = 0
    for found in _SPELT.finditer(raw):
        places += [(place, place + 1) for place in range(at, found.start())]
        places += [found.span()] * len(_meant(found))
        at = found.end()
    return places + [(place, place + 1) for place in range(at, len(raw))]


def _meant(found: re.Match[str]) -> str:
    spelt = found[0]
    if spelt[0] == "\\":
        if spelt[1] in _ESCAPED:
            return _ESCAPED[spelt[1]]
        return chr(int(spelt[2:], 16))
    if spelt[0] == "&":
        return html.unescape(spelt)
    return "" if found["tag"].lower() in _INLINE else " "
