"""Two texts side by side with what differs between them marked."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from markupsafe import Markup, escape

from talkwright.report.text import cut

_TOKENS = re.compile(r"\{\{.*?\}\}|\[[a-z_]+(?:-\d+)?\]|<[^<>]{1,60}>|&\w+;|\\[a-z]|\w+|\s+|[^\w\s]")
_PLACEHOLDER = re.compile(r"\[[a-z_]+(?:-\d+)?\]")
# What only the two notations differ in: JSON's keys and brackets here, the names of roles there.
_FRAME = re.compile(r'"\s*:|^\s*[{}]|[{}]\s*$|^\s*/|/\s*$|\b(?:user|assistant|system|tool):')
_ENOUGH = 5  # equal words and spaces in a row that make two places the same place


def marked(before: str, after: str, limit: int, framed: bool = True) -> tuple[Markup, Markup]:
    """Both texts as markup, cut after `limit` characters, with `<del>` and `<ins>` around what differs.

    `framed` texts are a row of JSON and a conversation: of those, only differences with something equal
    on both sides are marked, not the beginnings, the ends and the frames, which always differ.
    """
    old, new = _TOKENS.findall(before[:limit]), _TOKENS.findall(after[:limit])
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    steps = matcher.get_opcodes()
    equal = [at for at, (kind, a, b, *_) in enumerate(steps) if kind == "equal" and b - a >= _ENOUGH]
    first, last = (equal[0], equal[-1]) if equal else (len(steps), -1)
    left, right = [], []
    for at, (kind, a, b, c, d) in enumerate(steps):
        gone, came = "".join(old[a:b]), "".join(new[c:d])
        real = kind != "equal"
        if framed:
            inside = first < at < last or (first < at and _PLACEHOLDER.fullmatch(came.strip()))
            real = bool(real and inside and not (_FRAME.search(gone) or _FRAME.search(came)))
        left.append(_wrapped("del", gone) if real else _placeholders("del", gone))
        right.append(_wrapped("ins", came) if real else _placeholders("ins", came))
    return Markup("").join(left) + _rest(before, limit), Markup("").join(right) + _rest(after, limit)


def _wrapped(tag: str, text: str) -> Markup:
    return Markup("<{0}>{1}</{0}>").format(Markup(tag), text) if text.strip() else escape(text)


def _placeholders(tag: str, text: str) -> Markup:
    """A text in which only placeholders are marked: what they stand for is not shown anywhere."""
    if tag == "del":
        return escape(text)
    pieces, at = [], 0
    for found in _PLACEHOLDER.finditer(text):
        pieces += [escape(text[at : found.start()]), _wrapped(tag, found.group())]
        at = found.end()
    return Markup("").join([*pieces, escape(text[at:])])


def _rest(text: str, limit: int) -> Markup:
    return cut(text[limit:], 0) if len(text) > limit else Markup("")
