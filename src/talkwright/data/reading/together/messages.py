"""Tables with one message a row: rows of a conversation are put together to one row.

A row says in which conversation it is (`conversation_id` and the like, see `talks`), who speaks and
what. Rows of one conversation may be scattered; they are put in the order of a turn's number or time
where there is one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from talkwright.config import Columns
from talkwright.data.reading.chat.chatlines import Said, parted
from talkwright.data.reading.chat.contacts import CONTACTS, contact_of, pseudonym
from talkwright.data.reading.chat.groups import GROUP_NAMES, PERSONS
from talkwright.data.reading.chat.speakers import ROLES, guess_roles, may_mean_roles, role_meant, speaker
from talkwright.data.reading.chat.talks import Said as Sample
from talkwright.data.reading.chat.talks import Sorting, is_short, may_name_talks, sort_out
from talkwright.data.reading.chat.times import DAY, ORDERS, DaysAndMonths
from talkwright.data.reading.chat.turns import TELLING_LISTS, by_plain_names, plain
from talkwright.data.reading.rows import Row, as_one
from talkwright.data.reading.shapes.formats import read_row
from talkwright.data.reading.shapes.trees import is_tree_message
from talkwright.data.reading.together.casting import unknown_speakers
from talkwright.data.reading.together.chatfiles import who_asks
from talkwright.data.reading.together.exchanges import (
    IDS,
    exchange_id,
    exchanges_together,
    is_exchange_table,
)
from talkwright.data.reading.together.growing import grown, tree_namer
from talkwright.data.reading.together.ordering import in_order
from talkwright.data.reading.together.tweets import are_tweets, tweet_rows
from talkwright.errors import DataError

_ROLES = """
    role speakerrole senderrole sendertype authorrole authortype speaker from sender author actor by
    actortype usertype participanttype fromtype speakertype participantrole participant speakeridx
    absender sprecher rolle remitente autor auteur rol mittente
""".split()  # noqa: SIM905
_TEXTS = """
    content text message utterance body value says msg messagetext
    nachricht mensaje mensagem messaggio bericht texto texte
""".split()  # noqa: SIM905
# Signs of a row that is more than one message.
_OTHERS = {
    *TELLING_LISTS, "parentid", "prompt", "completion", "response", "answer", "chosen",
    "reply", "question", "instruction", "input", "output", "query", "assistant", "document", "modela",
}  # fmt: skip
_IDS_OR_TALKS = {"conversation", "dialogue", "dialog"}  # of these _OTHERS, by what they hold
_MORE = ("weight", "private", "public", "internal", "name", "tool_calls", "tool_call_id")
_NO_IDS = frozenset(  # columns that say something else of a message
    [*_ROLES, *_TEXTS, *ORDERS, *map(plain, _MORE), "system", "systemprompt", "tools", "functions"]
)
_COMMA = "_comma_"
_ALONE = 1000  # messages of a file without conversation ids, which is one conversation
# An id as a spreadsheet shows a long number, `1,23457E+11`: its last digits are gone. With 15 digits and
# more behind the first one it is a number that a program wrote.
_CUT_ID = re.compile(r"\d(?:[.,]\d{1,14})?[eE]\+\d{2,3}")
# Columns with the id of a person, who may have had many talks, and not that of a talk.
_PERSON = re.compile(
    r"(?:customer|client|user|contact|member|buyer|visitor|caller|phone|mobile|e?mail|kunden?)+"
    r"(?:(?:uu)?id|nr|no|num|number|key|ref|name|address)?"
)
_SILENT_DAYS = timedelta(hours=32)  # between days without a time: two nights
_HELD = 2**27  # characters of unfinished conversations


def is_message_table(names: Iterable[Any]) -> bool:
    """Say whether rows with these columns are messages, with their conversation's id or without one."""
    keys = {plain(name) for name in names}
    others = keys & _OTHERS
    if others == {"prompt"} and keys & {*IDS} and keys & {*ORDERS} and keys & {*_ROLES}:
        others = set()  # EmpatheticDialogues: what a talk is about, beside each of its messages
    if others or not keys.intersection(_TEXTS):
        return False
    return bool(keys.intersection(_ROLES)) or any(map(may_mean_roles, keys))


def may_be_messages(names: Iterable[Any]) -> bool:
    """Say whether rows with these columns may be messages; what they hold tells, in `join_messages`."""
    found = {plain(name): name for name in names}
    if are_tweets(found) or is_exchange_table(found):
        return True
    return is_tree_message(found) or is_message_table(found.keys() - _IDS_OR_TALKS)


def counts_in_messages(name: str) -> bool:
    """Say whether a column counts where rows are messages: for what is said, by whom, when or in which
    conversation."""
    return plain(name) in (_NO_IDS | {*IDS, *GROUP_NAMES}) or may_name_talks(name)


def join_messages(
    rows: Iterator[Row], columns: Columns, path: Path, alone: bool = True
) -> Iterator[Row]:
    """Rows as they are, or put together where they are messages; with `alone`, those without any id are
    one conversation.

    Raises DataError, which names `path`, where they seem to be messages of several conversations, and
    no column says for certain of which.
    """
    first = next(rows, None)
    if first is None:
        return
    rows = chain([first], rows)
    if isinstance(first.value, dict) and is_tree_message({plain(name): name for name in first.value}):
        yield from _joined(rows, tree_namer(), grown, _is_of_a_tree)
        return
    if isinstance(first.value, dict) and are_tweets(first.value):
        yield from tweet_rows(rows)
        return
    if isinstance(first.value, dict) and is_exchange_table(first.value):
        yield from _joined(rows, exchange_id, exchanges_together, lambda value: False)
        return
    if not isinstance(first.value, dict) or not is_message_table(_without_ids(first.value)):
        yield from rows
        return
    known = next((name for name in first.value if plain(name) in IDS), None)
    if known is not None and columns.group is None:
        yield from _conversations(rows, path, None)
        return
    held = list(islice(rows, _ALONE + 1))
    turns = [_turn(row.value) for row in held if isinstance(row.value, dict)]
    found = _sorting(held, columns.group)
    if found.column is not None:
        yield from _conversations(chain(held, rows), path, found.column, columns.group)
        return
    names = {speaker(turn) for turn in turns}
    told = names <= ROLES.keys() or bool(guess_roles(turns))
    one = len(turns) == len(held) <= _ALONE and None not in turns and len(names) > 1 and told
    one = one and _is_one_talk({plain(name) for name in first.value})
    if alone and one and found.doubtful:
        raise _cannot_sort(found.doubtful, path)
    strangers = alone and not told and _are_people([_person(turn) if turn else None for turn in turns])
    if strangers and _is_one_talk({plain(name) for name in first.value}):
        raise unknown_speakers(path, [_person(turn) or "" for turn in turns if turn])
    yield from [_together(held)] if alone and one else chain(held, rows)


def _person(turn: dict[str, Any]) -> str | None:
    name = turn.get("speaker", turn.get("role"))
    return name if isinstance(name, str) else None


def _are_people(names: list[str | None]) -> bool:
    """Say whether these are the speakers of one chat: few, with short names, who speak often."""
    known = {name for name in names if name}
    short = all(len(name) <= 40 for name in known)
    return None not in names and short and 2 <= len(known) <= 20 and 2 * len(known) <= len(names)


def _is_one_talk(keys: set[str]) -> bool:
    """Say whether messages without any id may be one talk: not what a flag sorts into classes."""
    if keys.intersection(_ROLES):
        return True
    sent = {"direction", "fromme", "isfromme", "messagetype"}
    return bool(keys & sent) and bool(keys.intersection(ORDERS))


def _without_ids(value: dict[str, Any]) -> list[str]:
    """The columns of a row but for those that hold an id where their name may mean the talk itself."""
    return [k for k, held in value.items() if plain(k) not in _IDS_OR_TALKS or not is_short(held)]


def _sorting(held: list[Row], group: str | None) -> Sorting:
    said = []
    for row in held:
        turn = _turn(row.value) if isinstance(row.value, dict) else None
        if turn is not None:
            said.append(Sample(row.value, speaker(turn)))
    return sort_out(said, _NO_IDS, group)


def _cannot_sort(names: tuple[str, ...], path: Path) -> DataError:
    shown = ", ".join(name[:60] for name in names[:10])
    return DataError(
        f"{path}: one message a row, and it cannot be told which rows are one conversation. These "
        f"columns may say it: {shown}.\nName the right one as `columns.group` of the source:\n"
        f"  data:\n    sources:\n      - path: {path.name}\n        columns:\n          group: "
        f"{names[0][:60]}"
    )


def _conversations(
    rows: Iterator[Row], path: Path, column: str | None, group: str | None = None
) -> Iterator[Row]:
    """Conversations in the order of their first rows, by their ids in `column`, or in one of IDS.

    Raises DataError, which names `path`, where rows share an id that is not whole.
    """
    days = DaysAndMonths()

    def together(held: list[Row]) -> list[Row]:
        id = _id_of(held[0].value, column) or ""
        if len(held) > 1 and _CUT_ID.fullmatch(id):
            raise _cut_id(held, id, column, path)
        person = column is not None and _PERSON.fullmatch(plain(column)) is not None
        if not person:
            return [_together(held, days, group)]
        return [_of_person(row, id) for row in _by_silence(held, days, group)]

    return _joined(_with_times_seen(rows, days), partial(_id_of, column=column), together, _is_one)


def _by_silence(held: list[Row], days: DaysAndMonths, group: str | None) -> list[Row]:
    """A person's messages as talks, as far as it is known when they were said."""
    found = in_order([row.value for row in held], days)
    if found.times is None:
        return [_together(held, days, group)]
    rows = [held[at] for at in found.places]
    names = [_person(_turn(row.value) or {}) or "" for row in rows]
    said = [
        Said(name, "", datetime.min + timedelta(microseconds=time // 1000), at)
        for at, (name, time) in enumerate(zip(names, found.times, strict=True))
    ]
    bare_days = all(time % DAY == 0 for time in found.times)  # a day may end minutes before the next
    talks = parted(said, who_asks(names), _SILENT_DAYS) if bare_days else parted(said, who_asks(names))
    if len(talks) < 2:
        return [_together(held, days, group)]
    parts = [_together([rows[one.line] for one in talk], days, group) for talk in talks]
    moved = ("sorted_turns",) if found.places != sorted(found.places) else ()
    more = (*moved, "split_by_silence")
    return [replace(one, repairs=tuple(dict.fromkeys((*more, *one.repairs)))) for one in parts]


def _of_person(row: Row, id: str) -> Row:
    """A talk that is kept with the others of the person with this id."""
    known = any(plain(name) in GROUP_NAMES for name in row.value)
    return row if known else replace(row, value={**row.value, "group": contact_of(id) or pseudonym(id)})


def _cut_id(held: list[Row], id: str, column: str | None, path: Path) -> DataError:
    keys = by_plain_names(held[0].value)
    name = column or next((keys[known] for known in IDS if known in keys), "")
    return DataError(
        f"{path}: the id {id.upper()} in column {name[:60]!r} (first at {held[0].where}) is a long "
        f"number whose last digits a spreadsheet left out, so the {len(held)} rows that share it may be "
        "of several conversations.\nExport the file again, and keep this column as text: in Excel, Data "
        "> From Text/CSV, and give the column the type Text; or do not save it from a spreadsheet. If "
        "another column says which rows are one conversation, name it as `columns.group` of the source."
    )


def _with_times_seen(rows: Iterator[Row], days: DaysAndMonths) -> Iterator[Row]:
    """Rows as they are; `days` sees the times in them, as far as the first row has a column for any."""
    first = next(rows, None)
    if first is None:
        return
    names = first.value if isinstance(first.value, dict) else ()
    timed = [name for name in names if plain(name) in ORDERS]
    for row in chain([first], rows):
        if timed and isinstance(row.value, dict):
            for name in timed:
                days.see(row.value.get(name))
        yield row


def _joined(
    rows: Iterator[Row],
    name_of: Callable[[Any], str | None],
    together: Callable[[list[Row]], Iterable[Row]],
    is_one: Callable[[Any], bool],
) -> Iterator[Row]:
    """Rows of one name put `together`, in the order of their first ones; without a name, what `is_one`
    message has a problem, and others are as they are."""
    open_ones: dict[str, list[Row]] = {}
    sizes: dict[str, int] = {}
    gone: set[int] = set()
    size = 0
    for row in rows:
        name = name_of(row.value)
        if name is None:
            yield Row(row.where, None, row.raw, "lone_message") if is_one(row.value) else row
            continue
        if hash(name) in gone:
            yield Row(row.where, None, row.raw, "scattered_messages")
            continue
        cost = len(row.raw) + sum(len(cell) for cell in row.value.values() if isinstance(cell, str))
        open_ones.setdefault(name, []).append(row)
        sizes[name] = sizes.get(name, 0) + cost
        size += cost
        while size > _HELD:  # the conversation that began first is complete, or too scattered
            oldest = next(iter(open_ones))
            gone.add(hash(oldest))
            size -= sizes.pop(oldest)
            yield from together(open_ones.pop(oldest))
    for held in open_ones.values():
        yield from together(held)


def _is_of_a_tree(value: Any) -> bool:
    return isinstance(value, dict) and is_tree_message({plain(name): name for name in value})


def _is_one(value: Any) -> bool:
    """Say whether a row is a message, and can be nothing else by itself."""
    if not isinstance(value, dict) or _turn(value) is None:
        return False
    return isinstance(read_row(value, "auto", Columns()), str)


def _id_of(value: Any, column: str | None) -> str | None:
    """The conversation that a row belongs to; None for a row that is no message."""
    if not isinstance(value, dict) or _turn(value) is None:
        return None
    keys = by_plain_names(value)
    found = next((value[keys[name]] for name in IDS if name in keys), None)
    if column is not None:
        found = value.get(column)
    if found is None or isinstance(found, (dict, list, bool)) or not str(found)[:200].strip():
        return None
    return str(found)[:200].strip()


def _turn(value: dict[str, Any]) -> dict[str, Any] | None:
    """A row's message, with its role and text under names that every reader knows."""
    keys = by_plain_names(value)
    role = next((keys[name] for name in _ROLES if name in keys), None)
    text = next((keys[name] for name in _TEXTS if name in keys), None)
    if text is None:
        return None
    if role is None or speaker({"speaker": value[role]}) not in ROLES:  # a flag says more than a name
        meant = next((r for name, key in keys.items() if (r := role_meant(name, value[key]))), None)
        if meant is None and role is None:
            return None
        value, role = ({**value, "role": meant}, "role") if meant is not None else (value, role)
    assert role is not None
    named = "role" if plain(role).endswith("role") else "speaker"
    more = {name: value[keys[plain(name)]] for name in _MORE if plain(name) in keys}
    turn = {name: said for name, said in more.items() if said is not None}
    return {**turn, named: value[role], "content": value[text]}


def _together(rows: list[Row], days: DaysAndMonths | None = None, group: str | None = None) -> Row:
    found = in_order([row.value for row in rows], days)
    moved = any(place != at for at, place in enumerate(found.places))
    kept = {*GROUP_NAMES, *IDS, "system", "systemprompt", "tools", "functions"}
    value = {key: held for key, held in rows[0].value.items() if plain(key) in kept or key == group}
    tying = {*PERSONS, *CONTACTS}
    for key, held in rows[0].value.items():  # a person's name that no other message has is its sender's
        same = plain(key) in tying and all(row.value.get(key) == held for row in rows)
        if same or plain(key) == "prompt":
            value[key] = held
    turns = [_turn(rows[at].value) for at in found.places]
    value["messages"], undone = _with_commas(turns, rows[0].value)
    one = as_one(rows, value, moved)
    more = (*undone, *found.marks)
    return replace(one, repairs=(*one.repairs, *more)) if more else one


def _with_commas(turns: list[Any], first: dict[str, Any]) -> tuple[list[Any], tuple[str, ...]]:
    """Turns with the commas for which EmpatheticDialogues has `_comma_`, and the repair, if any."""
    marked = any(
        turn and isinstance(turn["content"], str) and _COMMA in turn["content"] for turn in turns
    )
    if not marked or not {"utteranceidx", "speakeridx"} <= {plain(name) for name in first}:
        return turns, ()
    said = [{**turn, "content": str(turn["content"]).replace(_COMMA, ",")} for turn in turns]
    return said, ("fixed_escape",)
