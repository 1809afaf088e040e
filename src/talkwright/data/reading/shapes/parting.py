"""Where two versions of one conversation part: what both share, and what the worse one says instead."""

from __future__ import annotations

from collections.abc import Sequence

from talkwright.types import Message


def part(chosen: Sequence[Message], alternative: Sequence[Message]) -> tuple[Message, ...] | None:
    """The turns that `alternative` has in place of those of `chosen` after what both share.

    They part right after a user turn, the last one that stands in both with nothing but equal turns
    before it. None where there is no such turn, where one side does not end with an assistant's turn
    that says something, where one side goes on for more user turns than the other, or where both say
    the same.
    """
    same = 0
    for one, other in zip(chosen, alternative, strict=False):
        if one != other:
            break
        same += 1
    while same and chosen[same - 1].role != "user":
        same -= 1
    sides = chosen[same:], alternative[same:]
    if not same or sides[0] == sides[1] or not all(_answers(side) for side in sides):
        return None
    asked = [sum(turn.role == "user" for turn in side) for side in sides]
    return tuple(sides[1]) if asked[0] == asked[1] else None


def _answers(side: Sequence[Message]) -> bool:
    return bool(side) and side[-1].role == "assistant" and bool(side[-1].text.strip())
