"""Which column of a table with one message a row says whose conversation a row belongs to.

A name alone is no proof (`channel` may be `email`, `uuid` the message's own), and ids have many names.
So a column counts where its name fits and its values do: they repeat, and two speak in the rows of each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from talkwright.data.reading.chat.speakers import ROLES
from talkwright.data.reading.chat.turns import plain

# The most specific first: a conversation is of a ticket, and a ticket of a customer.
ONE_TALK = """
    conversation convo conv dialogue dialog thread session chat ticket case call interaction incident
    enquiry inquiry engagement transcript
""".split()  # noqa: SIM905
_SEVERAL = "room channel order uuid guid contact customer client user".split()  # noqa: SIM905
_MARK = r"(?:uu|gu)?(?:ids?|nr|no|num|number|key|ref|reference|code|uuid|guid)"
_ODD = re.compile(r"[^\w]+|_")
_MANY_WORDS = re.compile(r"(?:\S+\s+){3}")
_LONGEST = 64  # characters of an id in a column that may as well hold what was said
_FEWEST = 3  # runs of rows from which on a column without a telling name is believed
_MOST = 50  # messages of a conversation, on average, in a column that may name something else


@dataclass(frozen=True, slots=True)
class Said:
    """One row that is a message: its columns, and the plain name of who speaks."""

    value: dict[str, Any]
    speaker: str | None


@dataclass(frozen=True, slots=True)
class Sorting:
    """The column with the conversations' ids, if there is one that is certain; else `doubtful` ones,
    by which the rows may have to be sorted."""

    column: str | None
    doubtful: tuple[str, ...] = ()


def is_short(value: Any) -> bool:
    """Say whether a value is an id, where the column's name may also mean a conversation itself."""
    if isinstance(value, int):
        return not isinstance(value, bool)
    return (
        isinstance(value, str)
        and 0 < len(value.strip()) <= _LONGEST
        and value.lstrip()[:1] not in "[{"
        and "\n" not in value
        and not _MANY_WORDS.match(value.strip())
    )


def sort_out(rows: Sequence[Said], other: frozenset[str], group: str | None) -> Sorting:
    """Find the column of ids in the first rows of a table.

    `other` are the plain names of columns that say something else; `group` is the recipe's, and taken
    unless a more specific one lies within it.
    """
    names = dict.fromkeys(name for row in rows for name in row.value)
    if group is not None and group not in names:
        group = None
    ranked = sorted(
        (rank, name)
        for name in names
        if name != group and plain(name) not in other and (rank := _rank(name)) is not None
    )
    doubtful, constant = [], None
    for rank, name in ranked:
        runs = _runs(rows, name)
        if len(runs) == 1:
            constant = constant or name
            continue
        specific = rank < len(ONE_TALK)
        if group is not None:
            if specific and _are_talks(rows, name) and _lies_within(rows, name, group):
                return Sorting(name)
        elif _are_talks(rows, name) and (specific or _is_plausible(runs)):
            return Sorting(name)
        elif specific and _parts(rows, name, rank):
            doubtful.append(name)
    if group is not None:
        return Sorting(group)
    found = _by_values(rows, [name for name in names if plain(name) not in other])
    if doubtful:
        return replace(found, column=None, doubtful=(*doubtful, *found.doubtful))
    return Sorting(constant) if found == Sorting(None) else found


def _parts(rows: Sequence[Said], name: str, rank: int) -> bool:
    """Say whether a column with a telling name has several values, and not one of each message."""
    values = {_text(row.value, name) for row in rows} - {""}
    return len(values) > 1 and (len(values) < len(rows) or rank <= ONE_TALK.index("case"))


def _rank(name: str) -> int | None:
    """How specific a column is by its name, 0 is most; None for a name that says nothing of it."""
    bare = _ODD.sub("", plain(name).replace("#", "no"))
    for at, stem in enumerate((*ONE_TALK, *_SEVERAL)):
        if bare == stem or re.fullmatch(rf".*{stem}{_MARK}|(?:id|nr|no){stem}", bare):
            return at
    return None


def may_name_talks(name: str) -> bool:
    """Say whether a column may hold the ids of conversations or of who has them, by its name."""
    return _rank(name) is not None


def _runs(rows: Sequence[Said], name: str) -> list[tuple[str, list[Said]]]:
    """Rows that follow each other with the same value."""
    return [(value, list(held)) for value, held in groupby(rows, lambda row: _text(row.value, name))]


def _text(value: dict[str, Any], name: str) -> str:
    held = value.get(name)
    return "" if held is None or isinstance(held, (dict, list, bool)) else str(held)[:200].strip()


def _are_talks(rows: Sequence[Said], name: str) -> bool:
    """Say whether most rows share their value with others, and two speak in most of what they share."""
    talks: dict[str, list[Said]] = {}
    for row in rows:
        talks.setdefault(_text(row.value, name), []).append(row)
    talks.pop("", None)
    several = [talk for talk in talks.values() if len(talk) > 1]
    spoken = sum(len({row.speaker for row in talk}) > 1 for talk in several)
    return 2 * sum(map(len, several)) > len(rows) and 10 * spoken >= 9 * len(several)


def _lies_within(rows: Sequence[Said], name: str, group: str) -> bool:
    pairs = {(_text(row.value, name), _text(row.value, group)) for row in rows}
    return len({inner for inner, _ in pairs}) == len(pairs)


def _is_plausible(runs: list[tuple[str, list[Said]]]) -> bool:
    values = {value for value, _ in runs}
    rows = sum(len(held) for _, held in runs)
    return len(values) == len(runs) or (len(values) >= _FEWEST and rows <= _MOST * len(values))


def _by_values(rows: Sequence[Said], names: list[str]) -> Sorting:
    """The column whose values part the rows into conversations that stand one after the other."""
    sure: dict[tuple[int, ...], str] = {}
    doubtful = []
    for name in names:
        runs = _runs(rows, name)
        if not _begin_anew(runs):
            continue
        values = {value for value, _ in runs}
        if len(values) < len(runs) or "" in values:
            doubtful.append(name)
        else:
            sure.setdefault(tuple(len(held) for _, held in runs), name)
    if len(sure) == 1 and not doubtful:
        return Sorting(next(iter(sure.values())))
    return Sorting(None, (*sure.values(), *doubtful))


def _begin_anew(runs: list[tuple[str, list[Said]]]) -> bool:
    """Say whether runs of rows look like conversations: the same one begins, and another answers."""
    whole = [held for _, held in runs]
    if len(runs) < _FEWEST:
        return False
    first = whole[0][0].speaker
    good = sum(held[0].speaker == first and len({row.speaker for row in held}) > 1 for held in whole)
    return ROLES.get(first or "", "user") == "user" and 10 * good >= 9 * len(whole)
