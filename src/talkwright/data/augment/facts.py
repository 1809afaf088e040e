"""What a rewritten text must still say, as far as it can be counted: numbers, names, links, codes.

Compared as sets of values, so "two weeks" keeps "14 days". What words alone mean is not judged here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from talkwright.data.cleaning.language import language_of
from talkwright.data.similarity.claims import quantities
from talkwright.data.similarity.similar import hard_parts, normal

Fact = tuple[str, str]
"""Kind and value: ("number", "14"), ("link", "https://example.com/a")."""

_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"'`]+", re.IGNORECASE)
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,100}@[\w-]+(?:\.[\w-]+)+")
_PLACEHOLDER = re.compile(
    r"\{\{[^{}\n]{1,80}\}\}|\$\{[^{}\n]{1,80}\}|\{[A-Za-z_][\w .-]{0,40}\}"
    r"|\[\[[^\[\]\n]{1,80}\]\]|\[[A-Za-z][\w -]{1,40}\](?!\()|<[A-Za-z][\w -]{1,40}>|%[A-Za-z_]\w{1,40}%"
)
_CODE = re.compile(
    r"(?<![\w-])(?=[\w./-]{0,80}\d)(?=[\w./-]{0,80}[A-Za-z])[A-Za-z0-9](?:[\w./-]*\w)(?![\w-])"
)
_UNIT = re.compile(r"\d+(?:[.,]\d+)*[A-Za-z]{1,8}|\d+(?:st|nd|rd|th)|\d{1,2}(?:am|pm)", re.IGNORECASE)
_LIST_NUMBER = re.compile(r"^[^\S\n]*\d{1,2}[.)]\s", re.MULTILINE)
_NAME = re.compile(r"(?<=[\w,;:] )[A-Z][\w\u00c0-\u024f-]*")
_ACRONYM = re.compile(r"\b[A-Z][A-Z0-9]+\b")
_NO_NAMES = frozenset("i i'm i'd i'll i've ok okay hi hello hey thanks thank please".split())  # noqa: SIM905


def hard_facts(text: str) -> frozenset[Fact]:
    """The numbers, links, addresses, placeholders and codes of a text."""
    found: set[Fact] = set()
    for kind, shape in (("link", _LINK), ("address", _MAIL), ("placeholder", _PLACEHOLDER)):
        found.update((kind, value.rstrip(".,;:!?)'*").casefold()) for value in shape.findall(text))
        text = shape.sub(" ", text)
    codes = [code for code in _CODE.findall(text) if not _UNIT.fullmatch(code)]
    found.update(("code", code.casefold()) for code in codes)
    for code in codes:
        text = text.replace(code, " ")
    found.update(("number", value) for value in quantities(_LIST_NUMBER.sub("", text)))
    return frozenset(found)


def names(text: str) -> frozenset[Fact]:
    """Words written as names: capitals inside a sentence, and acronyms. In German only acronyms."""
    letters = [c for c in text if c.isalpha()]
    if sum(c.isupper() for c in letters) > 0.5 * len(letters):
        return frozenset()  # shouting
    shape = _ACRONYM if language_of(text) == "de" else _NAME
    found = [*shape.findall(text), *_ACRONYM.findall(text)]
    return frozenset(("name", name.casefold()) for name in found if name.casefold() not in _NO_NAMES)


def lost(old: str, new: str) -> list[Fact]:
    """Facts and names of `old` that `new` does not have, in order of their spelling."""
    has, flat = hard_facts(new), normal(new)
    gone = [fact for fact in hard_facts(old) if fact not in has and not _is_said(fact, flat)]
    gone += [name for name in names(old) if not _is_said(name, flat)]
    return sorted(set(gone))


def invented(new: str, *sources: str) -> list[Fact]:
    """Facts of `new` that none of the sources has."""
    known = frozenset[Fact]().union(*map(hard_facts, sources))
    flat = normal("\n".join(sources))
    return sorted(fact for fact in hard_facts(new) if fact not in known and not _is_said(fact, flat))


def negation_changed(old: str, new: str) -> bool:
    """Say whether one text negates something and the other nothing."""
    return (hard_parts(old)[1] > 0) != (hard_parts(new)[1] > 0)


def _is_said(fact: Fact, flat: str) -> bool:
    kind, value = fact
    # A number is compared by its value alone: "1" is said in "21" too.
    return kind != "number" and re.search(rf"(?<!\w){re.escape(value)}(?!\w)", flat) is not None


def _span(value: str) -> str:
    """A span of time in the largest unit that makes it a whole number; other values as they are."""
    found = re.fullmatch(r"(\d+) min", value)
    minutes = int(found[1]) if found else 0
    for unit, size in (("days", 1440), ("hours", 60), ("minutes", 1)):
        if minutes and minutes % size == 0:
            return f"{minutes // size} {unit}"
    return value


def told(facts: Iterable[Fact]) -> str:
    """Facts for people: at most five."""
    values = [_span(value) for _, value in facts]
    return ", ".join(values[:5]) + (" ..." if len(values) > 5 else "")
