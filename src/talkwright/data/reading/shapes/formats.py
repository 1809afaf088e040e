"""From the value of a row to messages: which of the formats it is, and what it says.

`auto` tries each row on its own, so a file may mix formats. A row that does not fit gives the name
of its drop reason instead of messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from talkwright.config import ArenaSection, Columns
from talkwright.data.reading.chat.branches import last_branch
from talkwright.data.reading.chat.callings import activity_turns, responses_turns
from talkwright.data.reading.chat.chatlines import read_chat
from talkwright.data.reading.chat.desks import REQUESTERS, put_opening
from talkwright.data.reading.chat.logs import is_log, read_log
from talkwright.data.reading.chat.systems import put_system
from talkwright.data.reading.chat.transcripts import TEXTS, read_transcript
from talkwright.data.reading.chat.turns import (
    CERTAIN,
    LISTS,
    TELLING_LISTS,
    TEXT_KEYS,
    Draft,
    Fields,
    Unfit,
    answer_marks,
    as_list,
    as_value,
    by_plain_names,
    draft,
    field_of,
    is_message,
    is_message_list,
    is_spoken,
    is_turn,
    oldest_first,
    plain,
    plain_draft,
    read_turns,
    turn_list,
)
from talkwright.data.reading.chat.unfolding import are_langchain
from talkwright.data.reading.chat.unnamed import has_unnamed_turns, is_lone_message, unnamed_turns
from talkwright.data.reading.shapes.arena import has_conversations, is_battle, read_battle
from talkwright.data.reading.shapes.choices import is_ranked
from talkwright.data.reading.shapes.compared import (
    compared_summaries,
    has_answer_elsewhere,
    is_compared,
)
from talkwright.data.reading.shapes.lying import has_lying_turns, upright
from talkwright.data.reading.shapes.pairs import is_asked, pair_keys, put_answer, read_asked, read_pair
from talkwright.data.reading.shapes.parting import part
from talkwright.data.reading.shapes.preferences import is_preference, is_unjudged, read_preference
from talkwright.data.reading.shapes.published import is_published, is_restated, restated
from talkwright.data.reading.shapes.tasks import are_languages, read_summary, read_translation, task_of
from talkwright.data.reading.shapes.trees import (
    is_export,
    is_tree,
    is_tree_message,
    read_export,
    read_tree,
)
from talkwright.types import Conversation, Message

_NO_OPTIONS = ArenaSection()
# Reasons for which a row's turns are looked for under other names.
_OTHER_NAMES = ("unknown_format", "not_a_message", "bad_role", "not_text")
_SAYING_NOTHING = ("unknown_format", "raw_text")


def read_row(
    value: Any,
    format: str,
    columns: Columns,
    arena: ArenaSection = _NO_OPTIONS,
    ties: str = "drop",
) -> Draft | str:
    """Read one row as `format` ("auto" looks). Returns the drop reason for a row that does not fit.

    `ties` is the source's; `arena` may say the same.
    """
    try:
        return _read(value, format, columns, arena, ties)
    except Unfit as unfit:
        reason = str(unfit)
        if format != "auto":
            return "other_format" if reason == "unknown_format" else reason
        if not isinstance(value, dict):
            return reason
        read = _read_unnamed(value, columns, reason) if reason in _OTHER_NAMES else reason
        if read == "unknown_format":
            read = _known_reason(value)
        return "lone_message" if read in _SAYING_NOTHING and is_lone_message(value) else read


def _known_reason(value: Fields) -> str:
    """Why a row is dropped that is in no known shape, as far as that can be said."""
    if has_answer_elsewhere(value):
        return "answer_elsewhere"
    keys = by_plain_names(value)
    if is_unjudged(value, keys):
        return "arena_no_winner"
    cells = [as_value(value[keys[name]]) for name in LISTS[:CERTAIN] if name in keys]
    broken = any(isinstance(cell, str) and cell.lstrip()[:1] in ("[", "{") for cell in cells)
    return "broken_cell" if broken else "unknown_format"


def _read(value: Any, format: str, columns: Columns, arena: ArenaSection, ties: str) -> Draft:
    if is_message_list(value) or (isinstance(value, list) and value and all(map(is_turn, value))):
        value = {"messages": value}
    if isinstance(value, list) and are_langchain(value):
        value = {"messages": value}
    if isinstance(value, list):
        value = upright(value)
    if not isinstance(value, dict):
        raise Unfit("not_an_object")
    if format == "auto" and not any((columns.prompt, columns.completion, columns.system, columns.group)):
        found = plain_draft(value)
        if found is not None:
            return found
    value = upright(value)
    if format in ("auto", "preference") and is_compared(value):
        pair = compared_summaries(value) or {}
        read = read_preference(pair, by_plain_names(pair), columns, ties)
        return replace(read, repairs=("added_instruction", *read.repairs))
    keys = by_plain_names(value)
    shape = format
    named = columns.prompt is not None or columns.completion is not None
    if format == "auto" and not named and (told := restated(value, keys)) is not value:
        value, keys = told, by_plain_names(told)
    if format == "auto":
        if named and not is_preference(keys):
            shape = "translation" if are_languages(columns) else "prompt_completion"
        else:
            shape = _recognise(value, keys)
    if shape in ("arena", "preference"):
        ties = "first" if "first" in (ties, arena.ties) else "drop"
        if shape == "preference":
            return read_preference(value, keys, columns, ties)
        return read_battle(value, keys, columns, arena, ties)
    if shape == "log" or (shape == "messages" == format and is_log(value, keys)):
        return read_log(value, keys, columns)
    if shape in ("messages", "sharegpt"):
        return _read_list(value, keys, columns, format)
    if shape in _READERS:
        return _READERS[shape](value, keys, columns)
    return read_pair(value, keys, columns, format)


def _recognise(value: Fields, keys: Fields) -> str:
    """The name of the reader for this row, from the most telling signs to the least."""
    if is_battle(keys) and (has_conversations(keys) or not is_preference(keys)):
        return "arena"
    if is_tree(value):
        return "tree"
    if is_export(value):
        return "chatgpt"
    if is_preference(keys) or is_ranked(value, keys):
        return "preference"
    answers = isinstance(value.get("output"), (list, dict)) or isinstance(value.get("response"), dict)
    if answers and responses_turns(value) is not None:
        raise Unfit("unknown_format")  # read where turns are looked for under other names
    if is_log(value, keys):
        return "log"
    if turn_list(value, keys) is not None:
        return "messages"
    if is_tree_message(keys):
        raise Unfit("tree_message")
    if (task := task_of(keys)) is not None:
        return task
    if not _has_pair(keys, Columns()) and is_asked(value, keys):
        return "asked"
    if not _has_pair(keys, Columns()) and ("text" in keys or _transcript(value, keys) is not None):
        return "transcript"
    return "prompt_completion"


def reads_as_row(value: Any) -> bool:
    """Say whether `value` is one conversation, rather than an object that holds many."""
    if (
        is_message_list(value)
        or has_lying_turns(value)
        or (isinstance(value, list) and are_langchain(value))
    ):
        return True
    if not isinstance(value, dict):
        return False
    name = next((key for key in LISTS if isinstance(value.get(key), list)), None)
    if name is not None:
        held = value[name]
        if is_spoken(name, held) or (held and (is_message(held[0]) or is_turn(held[0]))):
            return True
        if name in LISTS[:CERTAIN]:
            return not held or has_unnamed_turns(value)
    keys = by_plain_names(value)
    if is_log(value, keys) or is_compared(value) or is_asked(value, keys):
        return True
    if is_export(value) or recognises_columns(list(value), Columns()) or "chosen" in value:
        return True
    if is_ranked(value, keys) or is_unjudged(value, keys):
        return True
    return is_restated(value) or has_unnamed_turns(value)


def recognises_columns(names: Iterable[str], columns: Columns) -> bool:
    """Say whether a row with these column names can be read."""
    keys = {plain(name): name for name in names}
    if columns.prompt or columns.completion:
        return _has_pair(
            keys | {name: name for name in (columns.prompt, columns.completion) if name}, columns
        )
    return (
        _has_pair(keys, columns)
        or any(key in keys for key in (*TELLING_LISTS, *TEXTS[:3], "chatlog"))
        or is_preference(keys)
        or ("prompt" in keys and not keys.keys().isdisjoint(("answers", "responses")))  # ranked ones
        or is_battle(keys)
        or task_of(keys) is not None
        or is_published(keys)
    )


def is_battle_without_conversations(names: Iterable[str]) -> bool:
    """Say whether these are the columns of Arena votes that were published without what was said."""
    keys = {plain(name) for name in names}
    return is_battle(keys) and not has_conversations(keys) and not is_preference(keys)


def takes_pair(keys: Fields, columns: Columns) -> dict[str, Any]:
    """The columns of prompt and completion, by what the recipe calls them; {} where there are none."""
    try:
        return dict(zip(("prompt", "completion"), pair_keys(keys, columns), strict=True))
    except Unfit:
        return {}


def _has_pair(keys: Fields, columns: Columns) -> bool:
    return bool(takes_pair(keys, columns))


# --- lists of turns, and running text ------------------------------------------------------------


def _read_list(value: Fields, keys: Fields, columns: Columns, format: str) -> Draft:
    found = turn_list(value, keys)
    if found is not None:
        name, turns = found
        read = _turns(value, keys, turns, columns, _shape(turns, name, format))
        return replace(read, marks=(*read.marks, *_further_turns(value, keys, name, read)))
    raise Unfit("unknown_format")


def _further_turns(value: Fields, keys: Fields, name: str, read: Draft) -> Iterator[str]:
    """A mark, `unused_NAME`, for each other list of turns that has a text which is in no message."""
    for other in LISTS:
        if other == name or other not in keys:
            continue
        turns = as_list(value.get(keys[other]))
        if not turns or not all(map(is_turn, turns)):
            continue
        said = [turn[key] for turn in turns for key in TEXT_KEYS if isinstance(turn.get(key), str)]
        whole = "\n".join(message.content for message in (*read.messages, *read.rejected))
        if any(text.strip() not in whole for text in said):
            yield f"unused_{other}"


def _read_unnamed(value: Fields, columns: Columns, reason: str) -> Draft | str:
    try:
        repairs: list[str] = []
        if (told := activity_turns(value, repairs)) is not None:
            read = _turns({}, {}, told, columns, "messages")
            return replace(read, repairs=(*read.repairs, *repairs))
        if (run := responses_turns(value)) is not None:
            value = {**run[0], **value}
            keys = by_plain_names(value)
            return _turns(value, keys, run[1], columns, "messages")
        found = unnamed_turns(value)
        if found is None:
            return reason
        around, turns = found
        value = {**around, **value}
        keys = by_plain_names(value)
        read = _turns(value, keys, turns, columns, "messages")
        if reason != "unknown_format" and _loses_answer(value, keys, read):
            return reason
        return replace(read, repairs=tuple(dict.fromkeys((*read.repairs, "recognised_turns"))))
    except Unfit as unfit:
        return str(unfit) if reason == "unknown_format" else reason


def _loses_answer(value: Fields, keys: Fields, read: Draft) -> bool:
    """Say whether a question with its answer would be given up for turns that do not have the answer."""
    if is_preference(keys):
        return True
    try:
        answer = value.get(pair_keys(keys, Columns())[1])
    except Unfit:
        return False
    said = answer.strip() if isinstance(answer, str) else ""
    return said != "" and not any(said in turn.content for turn in read.messages)


def _shape(turns: list[Any], name: str, format: str) -> str:
    first = next((turn for turn in turns if isinstance(turn, dict)), {})
    shape = "sharegpt" if "from" in first else "messages"
    if format in ("auto", shape) or (format == "sharegpt" and name == "conversations"):
        return shape if format == "auto" else format
    raise Unfit("unknown_format")


def _turns(value: Fields, keys: Fields, turns: list[Any], columns: Columns, shape: str) -> Draft:
    repairs: list[str] = []
    turns, marks = last_branch(turns)
    turns = oldest_first(turns, repairs)
    messages = read_turns(turns, repairs)
    marks += answer_marks(turns)
    if not keys.keys().isdisjoint(REQUESTERS):
        put_opening(messages, value)
    put_answer(messages, value, keys, columns, repairs)
    put_system(messages, value, keys, columns, repairs)
    if "rejected" in keys and shape == "messages":  # a data set that talkwright prepared
        return _with_rejected(value, keys, columns, messages, repairs, marks)
    return draft(value, keys, columns, messages, shape, repairs, marks)


def _with_rejected(
    value: Fields,
    keys: Fields,
    columns: Columns,
    messages: list[Message],
    repairs: list[str],
    marks: list[str],
) -> Draft:
    """A conversation, and the turns that a worse one has in place of its last ones. Raises Unfit."""
    other = as_list(field_of(value, keys, "rejected"))
    if not is_message_list(other):
        return draft(value, keys, columns, messages, "messages", repairs, marks)
    worse = tuple(read_turns(other or [], repairs))
    shared = Conversation(tuple(messages), rejected=worse).shared
    rejected = part(messages, [*messages[:shared], *worse]) if shared else None
    if rejected is None:
        marks = [*marks, "no_pair_prompts_differ"]
    return draft(value, keys, columns, messages, "messages", repairs, marks, rejected or ())


def _read_text(value: Fields, keys: Fields, columns: Columns) -> Draft:
    found = _transcript(value, keys)
    if found is None:
        raise Unfit("raw_text" if isinstance(field_of(value, keys, "text"), str) else "unknown_format")
    messages, repairs = found
    put_system(messages, value, keys, columns, repairs)
    return draft(value, keys, columns, messages, "transcript", ["split_transcript", *repairs])


def _transcript(value: Fields, keys: Fields) -> tuple[list[Message], list[str]] | None:
    """What a text of turns says, with what was put right; None where no column holds one."""
    for name in TEXTS:
        text = field_of(value, keys, name)
        if not isinstance(text, str):
            continue
        repairs: list[str] = []
        messages = read_transcript(text, repairs, anyone=True, spoken=name not in ("text", "log"))
        chat = read_chat(text) if messages is None else None
        if chat is not None:
            repairs += chat.repairs
            turns = [{"speaker": said.name, "text": said.text} for said in chat.said]
            messages = read_turns(turns, repairs)
        if messages is not None:
            return messages, repairs
    return None


_READERS = {
    "asked": read_asked,
    "tree": read_tree,
    "chatgpt": read_export,
    "summary": read_summary,
    "translation": read_translation,
    "transcript": _read_text,
}
