"""Exports of messengers in JSON: Slack's of a day, Telegram's of all chats, Discord's of a channel.

Slack's messages are put together by thread; what was said outside of any is one talk. Where the recipe
gives roles, long chats are parted where a night passed before somebody asked again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from talkwright.data.reading.chat.chatlines import Said, parted
from talkwright.data.reading.rows import Row, raw_of
from talkwright.data.reading.together.casting import Roles, with_roles
from talkwright.data.reading.together.chatfiles import called_speakers, who_asks

_STAMP = re.compile(r"\d{9,11}\.\d{6}")
_SPOKEN = (None, "bot_message", "thread_broadcast", "me_message", "file_share")
_MARKUP = re.compile(r"<([@#!]?)([^<>|\n]{1,2000})(?:\|([^<>\n]{0,500}))?>")


def is_slack(value: Any) -> bool:
    """Say whether a row is a message of Slack."""
    return (
        isinstance(value, dict)
        and value.get("type") == "message"
        and isinstance(value.get("ts"), str)
        and _STAMP.fullmatch(value["ts"]) is not None
    )


def slack_rows(rows: Iterator[Row], path: Path, roles: Roles) -> Iterator[Row]:
    """Messages of Slack as talks. Raises DataError where it is not known who is who."""
    held = list(rows)
    messages = [row for row in held if row.problem is None and is_slack(row.value)]
    known = {id(row) for row in messages}
    yield from (row for row in held if id(row) not in known)
    names = _people(messages)
    spoken = [row for row in messages if _is_spoken(row.value)]
    if not spoken:
        return
    speakers = [_speaker(row.value, names) for row in spoken]
    called = called_speakers(speakers, path, roles, _ids(messages, names))
    threads: dict[str | None, list[Row]] = {}
    begun = {row.value.get("thread_ts") for row in spoken}
    for row in sorted(spoken, key=lambda row: float(row.value["ts"])):
        own = row.value["ts"] if row.value["ts"] in begun else None
        threads.setdefault(row.value.get("thread_ts") or own, []).append(row)
    more = ["joined_rows", *(["dropped_side_note"] if len(spoken) < len(messages) else [])]
    for thread in threads.values():
        said = [
            Said(called[_speaker(row.value, names)], *_text(row.value, names), at)
            for at, row in enumerate(thread)
        ]
        for talk in parted(said, who_asks([one.name for one in said])):
            first = thread[talk[0].line]
            turns = [{"speaker": one.name, "content": one.text} for one in talk]
            plain = any(one.text != thread[one.line].value.get("text") for one in talk)
            repairs = [*first.repairs, *more, *(["plain_markup"] if plain else [])]
            raw = raw_of([thread[one.line] for one in talk])
            yield Row(first.where, {"messages": turns}, raw, None, tuple(dict.fromkeys(repairs)))


def _is_spoken(value: dict[str, Any]) -> bool:
    return value.get("subtype") in _SPOKEN and bool(str(value.get("text") or "").strip())


def _shown_names(value: dict[str, Any]) -> list[str]:
    """What a message's profile of its writer calls them, the name that others see first."""
    about = value.get("user_profile")
    about = about if isinstance(about, dict) else {}
    held = (about.get(key) for key in ("display_name", "real_name", "name"))
    return [name for name in held if isinstance(name, str) and name]


def _people(messages: list[Row]) -> dict[str, str]:
    """Names of people by their ids, as far as their messages have them."""
    found: dict[str, str] = {}
    for row in messages:
        user = row.value.get("user")
        if isinstance(row.value.get("user_profile"), dict) and isinstance(user, str):
            found.setdefault(user, next(iter(_shown_names(row.value)), user))
    return found


def _ids(messages: list[Row], names: dict[str, str]) -> dict[str, list[str]]:
    """All names under which the recipe may call a speaker: id, login, real and shown name."""
    found = {}
    for row in messages:
        held = [row.value.get("user"), row.value.get("bot_id"), *_shown_names(row.value)]
        found[_speaker(row.value, names)] = [name for name in held if isinstance(name, str) and name]
    return found


def _speaker(value: dict[str, Any], names: dict[str, str]) -> str:
    about = value.get("bot_profile")
    bot = about.get("name") if isinstance(about, dict) else value.get("username")
    user = value.get("user")
    found = names.get(user, user) if isinstance(user, str) and not bot else bot or value.get("bot_id")
    return str(found or "?")


def _text(value: dict[str, Any], names: dict[str, str]) -> tuple[str, datetime]:
    """What a message says without Slack's marks, and when."""

    def bare(found: re.Match[str]) -> str:
        kind, target, label = found.groups()
        if kind in ("@", "#"):
            return kind + (label or names.get(target, target))
        if kind == "!":
            return f"@{label or target.split('^')[0]}".replace("@@", "@")
        target = target.removeprefix("mailto:")
        return target if not label or label in target else f"{label} ({target})"

    text = _MARKUP.sub(bare, str(value["text"]))
    for mark, plain in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(mark, plain)
    return text, datetime.fromtimestamp(float(value["ts"]), timezone.utc).replace(tzinfo=None)


# --- Telegram and Discord ------------------------------------------------------------------------


def telegram_chats(value: Any) -> list[Any] | None:
    """The chats in Telegram's export of all of them; None for any other value."""
    found: list[Any] = []
    for name in ("chats", "left_chats"):
        held = value.get(name) if isinstance(value, dict) else None
        chats = held.get("list") if isinstance(held, dict) else None
        if isinstance(chats, list) and all(isinstance(c, dict) and "messages" in c for c in chats):
            found += chats
    return found or None


def messenger_rows(rows: Iterator[Row], roles: Roles) -> Iterator[Row]:
    """Rows, of which those that are a dated chat of a messenger are parted into talks, roles given."""
    for row in rows:
        yield from _talks(row, roles) if row.problem is None and _is_dated(row.value) else (row,)


def _is_dated(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("messages"), list):
        return False
    known = ("guild" in value and "channel" in value) or {"type", "id", "name"} <= value.keys()
    return (
        known
        and len(value["messages"]) > 1
        and all(_when(turn) is not None for turn in value["messages"])
    )


def _when(turn: Any) -> datetime | None:
    held = (turn.get("date") or turn.get("timestamp")) if isinstance(turn, dict) else None
    try:
        return datetime.fromisoformat(held[:19]) if isinstance(held, str) else None
    except ValueError:
        return None


def _talks(row: Row, roles: Roles) -> Iterator[Row]:
    turns = with_roles(row.value["messages"], roles)
    spoken = [(at, turn) for at, turn in enumerate(turns) if turn.get("role")]
    said = [Said(turn["role"], "", _when(turn), at) for at, turn in spoken]
    talks = parted(said, who_asks([one.name for one in said]))
    if len(talks) < 2:
        yield row
        return
    starts = [0, *(talk[0].line for talk in talks[1:]), len(turns)]
    for number, (start, end) in enumerate(pairwise(starts), 1):
        value = {**row.value, "messages": row.value["messages"][start:end]}
        repairs = tuple(dict.fromkeys((*row.repairs, "split_by_silence")))
        yield replace(row, where=f"{row.where} (talk {number})", value=value, repairs=repairs)


def first_of(rows: Iterator[Row]) -> tuple[Row | None, Iterator[Row]]:
    """The first row, and all of them."""
    first = next(rows, None)
    return first, rows if first is None else chain([first], rows)
