"""Whether two answers name sets that cannot both be the whole: "iOS and Android", "only iOS"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+|; ")
_JOIN = re.compile(r",? (?:and|or|as well as|und|oder) |, | & ")
_JOINS = re.compile(r",|\band\b|\bor\b|\bas well as\b|\bund\b|\boder\b|&")
_ONLY_SIGNS = ("only", "exclusively", "solely", "just", "nothing but")
_ONLY_BEFORE = re.compile(
    r"\b(?:only|exclusively|solely|just|nothing but)\b (?:for |on |in |to |with )?", re.IGNORECASE
)
_ONLY_BEHIND = re.compile(r" (?:only|exclusively|solely|alone)\b", re.IGNORECASE)
# What is true in some cases only contradicts nothing.
_LIMITED = re.compile(
    r"\b(?:if|when|unless|during|while|until|after|before|once|where|yet|so far|mainly|mostly|usually"
    r"|first)\b"
    r"|\A(?:for|in|on|at|with|from) ",
    re.IGNORECASE,
)
_EXCEPT_SIGN = re.compile(r"not|n['\u2019]t|except|excluding|apart from|other than")
_EXCEPT = re.compile(
    r"(?:,? but not|, no|,? except(?: for)?|,? excluding|,? apart from|,? other than|,? not) "
    r"(?P<what>[^.,;!?]{2,60})",
    re.IGNORECASE,
)
_NOT_AMONG = re.compile(
    r"(?:\A|[,;.] |\bbut )(?P<what>[\w -]{2,40}?) (?:is|are|do|does)(?: not|n['\u2019]t)"
    r"(?: among| one of| part of| included| supported| accepted| available| offered| work| count)",
    re.IGNORECASE,
)
_ALL = re.compile(
    r"\b(?:all|every|each|any)(?:one|body)?\b(?! you| we| of our| the same| in all)", re.IGNORECASE
)
_DENIED = re.compile(r"\bnot\b|n['\u2019]t\b|except")
# Words at which the naming of a thing ends.
_ENDS = frozenset(
    """
    can is are was were be will may might must should do does has have in on at to for from with by
    of files file plan plans include includes speak speaks change the a an it they you we i this
    that these those our your their runs run works work come comes comes available supported
    accepted not but if when need needs takes take write applies apply please now here there via as
    no
    """.split()  # noqa: SIM905 - a list of words reads best as one
)
_INTO = frozenset("in by on with for to via either the accept take support offer".split())  # noqa: SIM905 - "by card or in cash"
_CODE = re.compile(r"\b[A-Z][A-Z0-9]{1,5}\b")
_MOST = 3  # words of a thing's name
Things = tuple[str, ...]


def sets_conflict(a: str, b: str, *, named: bool = False) -> bool:
    """Say whether one answer closes a set ("only iOS", "not Android") that the other makes larger.

    With `named`, for longer texts, in which "only" may say anything, sets of names alone count.
    """
    if named:
        return _conflict(a, b, named) or _conflict(b, a, named)
    return _conflict(a, b) or _conflict(b, a) or _closed_apart(a, b)


def _conflict(closing: str, open_: str, named: bool = False) -> bool:
    low = closing.lower()
    only = any(sign in low for sign in _ONLY_SIGNS)
    if not only and (named or not _EXCEPT_SIGN.search(low)):
        return False
    said = f" {' '.join(_words(closing))} "
    for things in _listed(open_):
        if named and not _are_names(things, open_):
            continue
        for alone in _alone(closing) if only else ():
            rest = [thing for thing in things if thing not in alone]
            if len(rest) < len(things) and rest and not any(f" {thing} " in said for thing in rest):
                return True
            apart = len(rest) == len(things) and _are_names(things, open_) and _are_names(alone, closing)
            if apart and not named and not any(f" {thing} " in said for thing in rest):
                left, right = _frame(closing, alone), _frame(open_, things)
                if not right - {"and", "or"} or {w[:5] for w in left} & {w[:5] for w in right}:
                    return True
        if not named and any(thing in things for thing in _left_out(closing)):
            return True
    return only and not named and (_everything(closing, open_) or _other_codes(closing, open_))


def _other_codes(closing: str, open_: str) -> bool:
    """Say whether "only PNG" stands against "PDF", in sentences about one thing."""
    theirs = {code for sentence in _sentences(open_) for code in _CODE.findall(sentence)}
    if not theirs or _DENIED.search(open_.lower()) or theirs & set(_CODE.findall(closing)):
        return False
    alone = len(_words(open_)) <= 4  # nothing but the answer
    shared = alone or {word[:5] for word in _frame(closing, ())} & {
        word[:5] for word in _frame(open_, ())
    }
    return bool(shared) and any(
        thing and all(_CODE.search(name.split()[0].upper()) for name in thing)
        and all(name.split()[0].upper() in closing for name in thing)
        for thing in _alone(closing)
    )  # fmt: skip


def _closed_apart(a: str, b: str) -> bool:
    """Two closed sets with nothing in common, of names or in the same words."""
    for mine in _alone(a):
        for yours in _alone(b):
            if set(mine) & set(yours) or not mine or not yours:
                continue
            names = _are_names(mine, a) and _are_names(yours, b)
            left, right = _frame(a, mine), _frame(b, yours)
            if names or 2 * len(left & right) > max(len(left), len(right), 1):
                return True
    return False


def _everything(closing: str, open_: str) -> bool:
    if not _ALL.search(open_) or _ALL.search(closing) or _LIMITED.search(open_):
        return False
    alone = next(iter(_alone(closing)), ())
    if not alone or any(f" {thing} " in f" {' '.join(_words(open_))} " for thing in alone):
        return False
    left, right = _frame(closing, alone), _frame(open_, ())
    return len(left & right) >= 2 and 2 * len(left & right) >= min(len(left), len(right))


def _are_names(things: Things, text: str) -> bool:
    low = text.lower()
    places = [(low.find(thing), len(thing)) for thing in things]
    return all(at >= 0 and any(map(str.isupper, text[at : at + size])) for at, size in places)


def _frame(text: str, things: Things) -> frozenset[str]:
    inside = {word for thing in things for word in thing.split()}
    return frozenset(w for w in _words(text) if w not in inside and w not in _ONLY_SIGNS and len(w) > 2)


@lru_cache(maxsize=1024)
def _words(text: str) -> Things:
    return tuple(re.findall(r"[\w'-]+", text.lower()))


@lru_cache(maxsize=1024)
def _alone(text: str) -> tuple[Things, ...]:
    """The sets that a text closes: what stands behind "only", or before it."""
    found = []
    for sentence in _sentences(text):
        for sign in _ONLY_BEFORE.finditer(sentence):
            found.append(_things(re.split(r"[.;:!?()]", sentence[sign.end() :])[0]))
        for sign in _ONLY_BEHIND.finditer(sentence):
            found.append(_things_before(sentence[: sign.start()]))
    return tuple(things for things in found if things)


@lru_cache(maxsize=1024)
def _listed(text: str) -> tuple[Things, ...]:
    """The sets of two things or more that a text lists, and does not deny or close."""
    found = []
    for sentence in _sentences(text):
        low = sentence.lower()
        if not _JOINS.search(low) or any(sign in low for sign in _ONLY_SIGNS) or _DENIED.search(low):
            continue
        parts = _JOIN.split(sentence.rstrip(".!?"))
        if 2 <= len(parts) <= 8:
            things = [_last_words(parts[0]), *(_first_words(part) for part in parts[1:])]
            found.append(tuple(thing for names in things for thing in names))
    return tuple(found)


def _sentences(text: str) -> Iterator[str]:
    for sentence in _SENTENCE.split(text):
        if sentence and len(sentence) < 300 and not _LIMITED.search(sentence):
            yield sentence


def _left_out(text: str) -> Things:
    """What a text says does not belong."""
    found: list[str] = []
    for sentence in _sentences(text):
        for shape in (_EXCEPT, _NOT_AMONG):
            for match in shape.finditer(sentence):
                found += _things(match["what"])
    return tuple(found)


def _things(text: str) -> Things:
    parts = [part for part in _JOIN.split(text.strip().removeprefix("both ")) if part.strip()]
    found = [names[0] for part in parts if (names := _first_words(part))]
    return tuple(found) if len(found) == len(parts) else tuple(found[:1])


def _things_before(text: str) -> Things:
    parts = [part for part in _JOIN.split(text.strip()) if part.strip()]
    if not parts:
        return ()
    middle = [name for part in parts[1:] for name in _first_words(part)[:1]]
    return (*_last_words(parts[0]), *middle)


def _first_words(text: str) -> Things:
    taken: list[str] = []
    said = _words(text)
    while said and said[0] in _INTO:
        said = said[1:]
    for word in said:
        if word in _ENDS or word in _ONLY_SIGNS or len(taken) == _MOST:
            break
        if word != "both":
            taken.append(word)
    return (" ".join(taken),) if taken else ()


def _last_words(text: str) -> Things:
    """The thing named last, in one word or with the word before: "pay with American Express"."""
    said = _words(text)
    if not said or said[-1] in _ENDS:
        return ()
    taken = [said[-1]]
    before = re.search(r"([A-Z][\w-]*|extra) \w[\w-]*\W*\Z", text)
    if len(said) > 1 and before and before.start() and said[-2] not in _ENDS:
        taken.insert(0, said[-2])
    return (" ".join(taken),)
