"""Captions of a recorded call (WebVTT of Zoom, Teams and Meet; SubRip): who says what, times left out.

WEBVTT                                         1
                                               00:00:01,000 --> 00:00:04,000
00:00:01.000 --> 00:00:04.000                  Anna: Where is my order?
<v Anna>Where is my order?</v>
                                               2 ...

A sentence goes on in the next caption of the same speaker, and in one that names nobody.
"""

from __future__ import annotations

import html
import re

_TIME = r"(?:\d{1,3}:)?\d\d:\d\d[.,]\d{3}"
_TIMES = re.compile(rf"^[ \t]*{_TIME}[ \t]+-->[ \t]+{_TIME}.*$", re.MULTILINE)
_BEGIN = re.compile(
    rf"\ufeff?\s*(?=\S)(?:WEBVTT(?:[ \t].*)?(?:\n|\Z)|(?:\d+[ \t]*\r?\n)?[ \t]*{_TIME}[ \t]+-->)"
)
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?[ \t]+([^>\n]{1,80})>")
_TAG = re.compile(r"</?[a-z][^>\n]{0,60}>|<[\d:.]{5,15}>")
_NAMED = re.compile(r"(?:-[ \t]?|>>[ \t]?)?\[?([^\W\d_][\w .'()-]{0,40}?)\]?[ \t]?:[ \t]+(?=\S)")


def are_captions(text: str) -> bool:
    """Say whether a text begins as a file of captions does."""
    return _BEGIN.match(text) is not None


def read_captions(text: str) -> list[tuple[str, str, int]]:
    """Who says what and on which line (1-based); nothing where the captions name nobody."""
    said: list[tuple[str, str, int]] = []
    times = list(_TIMES.finditer(text))
    line = 2
    for at, head in enumerate(times):
        line += text.count("\n", times[at - 1].start() if at else 0, head.start())
        end = times[at + 1].start() if at + 1 < len(times) else len(text)
        # What follows an empty line is the number of the next caption, or a note.
        body = re.split(r"\n[ \t\r]*(?:\n|\Z)", text[head.end() : end].lstrip("\r\n"), maxsplit=1)[0]
        for name, words in _voices(body):
            if name and (not said or said[-1][0] != name):
                said.append((name, words, line))
            elif words and said:
                said[-1] = (said[-1][0], f"{said[-1][1]} {words}".strip(), said[-1][2])
            elif words:
                return []
    return said


def _voices(body: str) -> list[tuple[str, str]]:
    """The parts of a caption, with the name of who speaks; "" for who spoke before."""
    first, *voices = _VOICE.split(body)
    if voices:
        named = list(zip(voices[::2], voices[1::2], strict=True))
        return [(name.strip(), _words(words)) for name, words in [("", first), *named]]
    found: list[tuple[str, str]] = []
    for line in body.split("\n"):
        head = _NAMED.match(line.strip())
        words = _words(line.strip()[head.end() :] if head else line)
        found.append((head[1].strip() if head else "", words))
    return found


def _words(text: str) -> str:
    return " ".join(html.unescape(_TAG.sub("", text)).split())
