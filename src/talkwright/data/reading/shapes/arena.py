"""Chatbot Arena battles: two models answered, and somebody said which did better.

What is learnt is the winner's conversation, with all its turns; the loser's is kept as rejected where
both were asked the same. A tie has no winner: `winners` has the rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timezone
from typing import Any

from talkwright.config import ArenaSection, Columns
from talkwright.data.reading.chat.systems import put_system
from talkwright.data.reading.chat.turns import (
    Draft,
    Fields,
    Unfit,
    as_list,
    as_value,
    draft,
    field_of,
    message,
    text_of,
)
from talkwright.data.reading.chat.unfolding import unfolded
from talkwright.data.reading.shapes.parting import part
from talkwright.data.reading.shapes.winners import FIRST, SECOND, TIE, number_of, require_learnt, verdict
from talkwright.types import Message

_TALKS = ("conversation", "messages")  # columns of a side's turns, Search Arena's the second
_DATES = ("tstamp", "timestamp", "date", "createdat")


def is_battle(keys: Iterable[str]) -> bool:
    """Say whether these (plain) column names are those of a battle with its vote."""
    keys = set(keys)
    return {"modela", "modelb"} <= keys and bool(keys & {"winner", "winnermodela"})


def has_conversations(keys: Iterable[str]) -> bool:
    """Say whether a battle's columns hold what was said."""
    keys = set(keys)
    talks = any({f"{name}a", f"{name}b"} <= keys for name in _TALKS)
    return talks or {"prompt", "responsea", "responseb"} <= keys


def read_battle(
    value: Fields, keys: Fields, columns: Columns, options: ArenaSection, ties: str
) -> Draft:
    """Read the conversation of the side that won. Raises Unfit with the reason where none did."""
    if not is_battle(keys):
        raise Unfit("unknown_format")
    if not has_conversations(keys):
        raise Unfit("arena_no_conversations")
    won = _winner(value, keys)
    require_learnt(won, ties, "arena_both_bad")
    side = "b" if won == SECOND else "a"
    repairs: list[str] = []
    messages = _said(value, keys, side, repairs)
    put_system(messages, value, keys, columns, repairs)
    marks = _filter(value, keys, value.get(keys[f"model{side}"]), messages, options)
    rejected: tuple[Message, ...] = ()
    if won == TIE:
        marks.append("arena_tie_learnt")
    else:
        head = messages[:1] if messages and messages[0].role == "system" else []
        rejected, more = _lost(value, keys, "a" if side == "b" else "b", head, messages)
        marks += more
    return draft(value, keys, columns, messages, "arena", repairs, marks, rejected)


def _lost(
    value: Fields, keys: Fields, side: str, head: list[Message], won: list[Message]
) -> tuple[tuple[Message, ...], list[str]]:
    """What the losing side said after the last turn both share, or why there is no pair."""
    try:
        lost = _said(value, keys, side, [])
    except Unfit:
        return (), ["no_pair_unreadable"]
    if not any(turn.role == "system" for turn in lost):
        lost = [*head, *lost]
    asked = [[turn.content for turn in turns if turn.role == "user"] for turns in (won, lost)]
    if asked[0] != asked[1]:
        return (), ["no_pair_prompts_differ"]
    if won == lost:
        return (), ["tie"]
    rejected = part(won, lost)
    return (rejected, []) if rejected else ((), ["no_pair_empty"])


def _winner(value: Fields, keys: Fields) -> str:
    if "winner" in keys:
        return verdict(value, keys, ("responsea", "responseb"), ("a", "b"))
    for name, won in (("winnermodela", FIRST), ("winnermodelb", SECOND), ("winnertie", TIE)):
        if number_of(said := field_of(value, keys, name)) == 1 or _is_true(said):
            return won
    raise Unfit("arena_no_winner")


def _said(value: Fields, keys: Fields, side: str, repairs: list[str]) -> list[Message]:
    talk = next((keys[f"{name}{side}"] for name in _TALKS if f"{name}{side}" in keys), None)
    if talk is not None:
        turns = as_list(value[talk])
        if turns is None:
            raise Unfit("broken_cell")
        return _judged(value, keys, [message(turn, repairs) for turn in unfolded(turns)], repairs)
    asked, answers = (_texts(value[keys[name]]) for name in ("prompt", f"response{side}"))
    if len(asked) != len(answers):
        raise Unfit("broken_cell")
    messages: list[Message] = []
    for question, answer in zip(asked, answers, strict=True):
        messages.append(Message("user", text_of(question, repairs)))
        messages.append(Message("assistant", text_of(answer, repairs)))
    return messages


def _judged(value: Fields, keys: Fields, messages: list[Message], repairs: list[str]) -> list[Message]:
    """The part of a conversation that was judged: MT-bench's judges say so for each `turn`, beside the
    whole of it. Chatbot Arena's `turn` is how many there are."""
    turn = field_of(value, keys, "turn")
    try:
        judged = int(turn) if "judge" in keys and isinstance(turn, (int, float, str)) else 0
    except (ValueError, OverflowError):
        return messages
    asked = [at for at, said in enumerate(messages) if said.role == "user"]
    if not 0 < judged < len(asked):
        return messages
    repairs.append("cut_to_judged_turn")
    return messages[: asked[judged]]


def _texts(value: Any) -> list[Any]:
    found = as_list(value)
    return [value] if found is None else found


# --- filters -------------------------------------------------------------------------------------


def _filter(
    value: Fields, keys: Fields, model: Any, messages: list[Message], options: ArenaSection
) -> list[str]:
    """Raise Unfit for what the recipe leaves out; gives marks for what could not be looked at."""
    language = str(field_of(value, keys, "language") or "unknown").lower()
    if options.languages is not None and language not in map(str.lower, options.languages):
        raise Unfit("arena_language")
    if options.models is not None and str(model) not in options.models:
        raise Unfit("arena_model")
    turns = sum(turn.role == "user" for turn in messages)
    if turns < options.min_turns or (options.max_turns is not None and turns > options.max_turns):
        raise Unfit("arena_turns")
    _filter_date(value, keys, options)
    if options.flagged == "keep":
        return []
    judged = [
        as_value(value[key]) for name, key in keys.items() if "moderation" in name or "toxic" in name
    ]
    if any(_is_flagged(verdict) for verdict in judged):
        raise Unfit("arena_flagged")
    return [] if judged else ["unmoderated"]


def _is_flagged(verdict: Any) -> bool:
    if isinstance(verdict, dict):
        if "flagged" in verdict:
            return _is_true(verdict["flagged"])
        return any(_is_flagged(inner) for inner in verdict.values())
    if isinstance(verdict, list):
        return any(_is_flagged(inner) for inner in verdict)
    return _is_true(verdict)


def _is_true(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def _filter_date(value: Fields, keys: Fields, options: ArenaSection) -> None:
    if options.since is None and options.until is None:
        return
    raw = next((value[keys[name]] for name in _DATES if name in keys), None)
    day = _day(raw)
    if day is None or (options.since and day < options.since) or (options.until and day > options.until):
        raise Unfit("arena_date")


def _day(raw: Any) -> str | None:
    """The day of a Unix time or of an ISO date, as YYYY-MM-DD (UTC)."""
    if isinstance(raw, datetime):
        return raw.date().isoformat()
    try:
        return datetime.fromtimestamp(float(raw), timezone.utc).date().isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        pass
    try:
        return date.fromisoformat(str(raw)[:10]).isoformat()
    except ValueError:
        return None
