"""Markdown: its debris mended, or all of it turned into plain text. Code is left alone."""

from __future__ import annotations

import re
from collections.abc import Callable

_CODE = re.compile(r"(```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]{1,2000}`)", re.DOTALL)
_MATHS = re.compile(r"\b[A-Za-z]:\\|\$[^$\n]{1,400}\$|\\\(|\\\[|\\[a-zA-Z]{2,}")
_ESCAPE = re.compile(r"(?<![\\\w/:])\\([_*#>~|+!\-])|(?<=\w)\\([_*])|(?<=^\d)\\(\.)|(?<=\n\d)\\(\.)")
_EMPTY_LINE = re.compile(r"^[ \t]*(?:#{1,6}|[-*+]|\*\*[ \t]*\*\*|>)[ \t]*$\n?", re.MULTILINE)
_RULES = re.compile(
    r"(?:^[ \t]*(?:-{3,}|\*{3,}|_{3,})[ \t]*\n+)+\Z|\A(?:[ \t]*(?:-{3,}|\*{3,})[ \t]*\n)+", re.M
)
_BLANK_LINES = re.compile(r"\n{4,}")
_ANY_MARK = re.compile(r"[*#_>`\\|~]|^[ \t]*[-+] |^[ \t]*-{3,}|\n{4}|\[[^\]\n]{0,400}\]\(", re.MULTILINE)


def tidy_markdown(text: str) -> str:
    """Mend debris: needless backslashes, bold never closed, empty headings, items and quotes. Where
    formulas or paths stand, backslashes are left alone, for there they mean something."""
    if not _ANY_MARK.search(text):
        return text
    return _outside_code(text, _tidy)


def _tidy(text: str) -> str:
    if "\\" in text and not _MATHS.search(text):
        text = _ESCAPE.sub(lambda found: next(part for part in found.groups() if part), text)
    text = _EMPTY_LINE.sub("", text)
    text = "\n\n".join(_close_bold(part) for part in text.split("\n\n"))
    return _BLANK_LINES.sub("\n\n\n", text)


def _close_bold(paragraph: str) -> str:
    """An odd number of ** in a paragraph: the last one opens or closes nothing. 2**3 is not bold."""
    marks = [at for at in _starts(paragraph, "**") if not _between_digits(paragraph, at)]
    if len(marks) % 2 == 0 or "***" in paragraph:
        return paragraph
    return paragraph[: marks[-1]] + paragraph[marks[-1] + 2 :]


def _starts(text: str, part: str) -> list[int]:
    return [found.start() for found in re.finditer(re.escape(part), text)]


def _between_digits(text: str, at: int) -> bool:
    before, after = text[:at].rstrip()[-1:], text[at + 2 :].lstrip()[:1]
    return before.isalnum() and after.isalnum() and (before.isdigit() or after.isdigit())


_HEADING = re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+(.*?)[ \t]*#*$", re.MULTILINE)
_BOLD = re.compile(r"(?<![\w*])(\*\*\*|\*\*)(?=\S)([^*\n]{1,600}?)(?<=\S)\1(?![\w*])")
_UNDERLINED = re.compile(
    r"(?<![\w_])(__)(?=\S)(?=[^_\n]{0,600}[ A-Z])([^_\n]{1,600}?)(?<=\S)\1(?![\w_])"
)
_ITALIC = re.compile(r"(?<![\w*\\])\*(?=[^\s*])([^*\n]{1,400}?)(?<=[^\s*])\*(?![\w*])")
_BULLET = re.compile(r"^([ \t]*)[-*+][ \t]+", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*(?:-{3,}|\*{3,}|_{3,})[ \t]*$\n?", re.MULTILINE)
_QUOTE = re.compile(r"^[ \t]{0,3}>[ \t]?", re.MULTILINE)
_LINK = re.compile(
    r"!?\[([^\]\n]{0,400})\]\((https?://[^)\s]{1,1000}|mailto:[^)\s]{1,200})(?: \"[^\"\n]*\")?\)"
)


def plain_markdown(text: str) -> str:
    """Turn Markdown into plain text: no headings, bold, italics, rules or links; bullets become "•".

    Numbered lists stay, and so does code, with its fences.
    """
    if not _ANY_MARK.search(text):
        return text
    return _outside_code(tidy_markdown(text), _plain)


def _plain(text: str) -> str:
    text = _RULE.sub("", text)
    text = _HEADING.sub(r"\1", text)
    text = _LINK.sub(lambda found: f"{found[1]} ({found[2]})" if found[1] else found[2], text)
    text = _UNDERLINED.sub(r"\2", _BOLD.sub(r"\2", text))
    text = _BULLET.sub(r"\1• ", text)
    return _QUOTE.sub("", _ITALIC.sub(r"\1", text))


def _outside_code(text: str, step: Callable[[str], str]) -> str:
    if "`" not in text and "~~~" not in text:
        return step(text)
    parts = _CODE.split(text)
    return "".join(part if index % 2 else step(part) for index, part in enumerate(parts))
