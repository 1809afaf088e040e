"""Turns of which not all were shown: other answers to the same question stand among them."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from talkwright.data.reading.chat.speakers import ROLES, speaker
from talkwright.data.reading.chat.turns import Fields, Unfit, is_turn

# How turns say which they are, and behind which one they stand.
_PARENTS = (
    ("messageId", "parentMessageId"),
    ("id", "parentMessageId"),
    ("message_id", "parent_message_id"),
    ("uuid", "parent_message_uuid"),
    ("_id", "parent_response_id"),  # Grok's
)
_CHOSEN = ("if_chosen", "is_chosen", "chosen", "is_selected", "selected")
_OTHERS = "swipes"  # all the answers that SillyTavern got, among them the one that was shown
BRANCHING = frozenset((*_CHOSEN, _OTHERS, *(name for pair in _PARENTS for name in pair)))
_LONGEST = 10_000  # turns; longer paths are loops or attacks


def last_branch(turns: list[Any]) -> tuple[list[Any], list[str]]:
    """The turns of a tree that were shown, and marks; other turns as they are. Raises Unfit.

    Turns that have those behind them as `children`, or say behind which they stand (LibreChat's both):
    the branch that came last. Answers that say whether they were the chosen one: those that were.
    """
    if any(isinstance(turn, dict) and turn.get("children") for turn in turns):
        return _last_children(turns)
    names = {name for turn in turns if isinstance(turn, dict) for name in turn}
    if BRANCHING.isdisjoint(names) or not all(isinstance(turn, dict) for turn in turns):
        return turns, []
    kept = _chosen(_behind_last(turns))
    further = len(kept) < len(turns) or any(map(_has_others, kept))
    return kept, ["other_answers"] if further else []


def _has_others(turn: Fields) -> bool:
    held = turn.get(_OTHERS)
    return isinstance(held, list) and any(other != held[0] for other in held)


def _last_children(turns: list[Any]) -> tuple[list[Any], list[str]]:
    path: list[Any] = []
    marks: list[str] = []
    found: Any = turns
    while isinstance(found, list) and found and len(path) < _LONGEST:
        if not all(map(is_turn, found)):
            raise Unfit("not_a_message")
        if len(found) > 1:
            marks = ["other_answers"]
        path.append(found[-1])
        found = found[-1].get("children")
    return path, marks


def _behind_last(turns: list[Fields]) -> list[Fields]:
    """The last turn with those before it, where some have other ones of the same side beside them."""
    named = [pair for pair in _PARENTS if all(turn.keys() >= {*pair} for turn in turns)]
    if not named:
        return turns
    own, before = named[0]
    beside: dict[str, list[str]] = {}
    for turn in turns:
        if isinstance(turn[before], str) and turn[before]:
            beside.setdefault(turn[before], []).append(ROLES.get(speaker(turn) or "", ""))
    shared = [roles for roles in beside.values() if len(roles) > 1]
    if not shared or any(len({*roles}) > 1 for roles in shared):
        return turns
    by_id = {turn[own]: turn for turn in turns if isinstance(turn[own], str)}
    path: list[Fields] = []
    at: Any = turns[-1]
    while at is not None:
        path.append(at)
        at = by_id.get(at[before]) if isinstance(at[before], str) else None
        if len(path) > len(turns):
            raise Unfit("broken_tree")
    return path[::-1]


def _chosen(turns: list[Fields]) -> list[Fields]:
    """Turns without the answers that were not chosen, where each of several in a row says so of itself.
    Raises Unfit where not exactly one of them was."""
    key = next((key for key in _CHOSEN if any(key in turn for turn in turns)), None)
    if key is None:
        return turns
    kept: list[Fields] = []
    for told, held in groupby(turns, lambda turn: isinstance(turn.get(key), bool)):
        run = list(held)
        if told and len(run) > 1:
            run = [turn for turn in run if turn[key]]
            if len(run) != 1:
                raise Unfit("unsure_turns")
        kept += run
    return kept
