"""What rows of every format are made of: turns with a role and a text, and what comes with them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from talkwright.config import Columns
from talkwright.data.reading.chat.feedback import BAD, judged, judged_turns
from talkwright.data.reading.chat.feedback import MARK as PERHAPS_BAD
from talkwright.data.reading.chat.groups import group_of
from talkwright.data.reading.chat.marks import text_marks
from talkwright.data.reading.chat.media import MARK as IGNORED_ATTACHMENT
from talkwright.data.reading.chat.media import has_media, shows_media
from talkwright.data.reading.chat.speakers import (
    ROLE_KEYS,
    ROLES,
    guess_roles,
    is_side_note,
    plain_name,
    speaker,
    without_software,
    without_third,
)
from talkwright.data.reading.chat.times import ORDERS, readings
from talkwright.data.reading.chat.tools import (
    clean_id,
    read_call,
    read_calls,
    read_schemas,
    read_written,
    tool_marks,
)
from talkwright.data.reading.chat.unfolding import unfolded
from talkwright.data.reading.chat.unused import unused_marks
from talkwright.data.reading.mending.exact import as_json, with_exact_arguments
from talkwright.data.reading.mending.literals import is_too_dense, parse_literal
from talkwright.types import Message, Role, ToolCall

Fields = dict[str, Any]  # what a row or a turn holds, by name


@dataclass(slots=True)
class Draft:
    """What a row says, before any cleaning. `tools` and `rejected` are those of `Conversation`."""

    messages: tuple[Message, ...]
    format: str
    group: str | None = None
    facts: tuple[tuple[str, ...], ...] = ()
    repairs: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    rejected: tuple[Message, ...] = ()


class Unfit(Exception):
    """A row cannot be read; the text is its drop reason. Never leaves `read_row`."""


_NO_GUESS: Mapping[str, Role] = {}
_CALLING = ("functioncall", "toolcall")  # ShareGPT's names for an assistant that calls a tool

LISTS = (
    "messages",
    "conversations",
    "conversation",
    "dialogue",
    "dialog",
    "turns",
    "chat",
    "chatmessages",
    "utterances",
    "log",
    "contents",
)
# Columns of these names are enough to tell a table or a row of conversations.
TELLING_LISTS = (*LISTS[:6], "utterances")
# The names behind these often hold something else: only with turns is such a list a conversation.
CERTAIN = LISTS.index("utterances")
_SPOKEN = ("dialogue", "dialog", "turns", "utterances")  # these may be plain texts, in turn
TEXT_KEYS = ("content", "value", "text", "message", "utterance", "body", "says", "parts")
_PART_KEYS = ("text", "value", "content", "reasoning", "thinking", "refusal")
_THINKING_KEYS = ("reasoning_content", "reasoning", "thinking")
# The names of times and numbers that turns have, too: all but two of tables, and Telegram's.
WHEN = frozenset(ORDERS) - {"tstamp", "createdtime"} | {"timestampms"}
UNSURE_ORDER = "unsure_order"  # a mark: the times may mean another order than that of the file
_OF_NO_COLUMNS = frozenset(("arena", "tree", "chatgpt", "summary", "translation"))
_LABELLED = re.compile(r"\s*([^\W\d_][\w .-]{0,30}?)\s?:\s+(?=\S)")


def is_message_list(value: Any) -> bool:
    """Say whether `value` is a bare list of messages."""
    return isinstance(value, list) and bool(value) and all(is_message(item) for item in value)


def is_message(item: Any) -> bool:
    """Say whether `item` is a turn with a role and a text."""
    if not isinstance(item, dict):
        return False
    openai = "role" in item and ("content" in item or "tool_calls" in item or "function_call" in item)
    return openai or ("from" in item and "value" in item)


def is_turn(item: Any) -> bool:
    """Say whether `item` has a speaker and a text under any of the names that are read."""
    return isinstance(item, dict) and (
        ("role" in item and "content" in item)  # most have these
        or (any(key in item for key in ROLE_KEYS) and any(key in item for key in TEXT_KEYS))
    )


def is_spoken(name: str, value: Any) -> bool:
    """Say whether a list is one of plain texts that two say in turn, by its (plain) name."""
    return (
        name in _SPOKEN
        and isinstance(value, list)
        and len(value) > 1
        and all(isinstance(item, str) for item in value)
    )


def turn_list(value: Fields, keys: Fields) -> tuple[str, list[Any]] | None:
    """The list of turns in a row with the plain name of its column; None where there is none."""
    for name in LISTS:
        turns = as_list(field_of(value, keys, name))
        if turns is None:
            continue
        if name == "turns" and "questionid" in keys and is_spoken(name, turns):  # MT-bench's questions
            raise Unfit("no_assistant_turn")
        held = is_spoken(name, turns) or (bool(turns) and all(map(is_turn, turns)))
        if name in LISTS[:CERTAIN] or held:
            return name, _labelled(turns) if is_spoken(name, turns) else turns
    return None


def _labelled(texts: list[str]) -> list[Any]:
    """Texts that all begin with one of two speakers' names, as turns; others as they are."""
    found = [(_LABELLED.match(text), text) for text in texts]
    turns = [{"speaker": at[1], "text": text[at.end() :]} for at, text in found if at is not None]
    return turns if len(turns) == len(texts) and len({turn["speaker"] for turn in turns}) == 2 else texts


def read_turns(turns: list[Any], repairs: list[str]) -> list[Message]:
    """Read a list of turns, without notes between them, and with roles for two speakers. Raises Unfit.

    Plain texts are said in turn, by the user first (`alternating_roles`).
    """
    if len(turns) > 1 and all(isinstance(turn, str) for turn in turns):
        repairs.append("alternating_roles")
        return [Message("assistant" if at % 2 else "user", said) for at, said in enumerate(turns)]
    turns = unfolded(turns)
    spoken = [turn for turn in turns if not is_side_note(turn)]
    if len(spoken) < len(turns):
        repairs.append("dropped_side_note")
    spoken = list(without_software(spoken, repairs))
    names = {speaker(turn) for turn in spoken}
    if names <= ROLES.keys() and "system" not in names:
        return [message(turn, repairs) for turn in spoken]
    guessed = guess_roles(spoken)
    if guessed:
        repairs.append("guessed_role")
    else:
        spoken = list(without_third(spoken, repairs))
    return [message(turn, repairs, guessed) for turn in spoken]


def oldest_first(turns: list[Any], repairs: list[str]) -> list[Any]:
    """Turns that a time or number in each of them says stand the newest first, turned round.

    UNSURE_ORDER is put beside the repairs where they stand so if their times are read one way, and not
    if another, or if some of them are the same.
    """
    first = turns[0] if turns and isinstance(turns[0], dict) else {}
    unsure = False
    for key in first if len(turns) > 1 else ():
        if plain(key) not in WHEN:
            continue
        times: list[Any] = [turn.get(key) for turn in turns if isinstance(turn, dict)]
        if len(times) < len(turns):
            return turns
        ways = [times] if {type(time) for time in times} <= {int, float} else readings(times)
        falls = [all(a > b for a, b in pairwise(way)) for way in ways]
        if falls and all(falls):
            repairs.append("sorted_turns")
            return turns[::-1]
        never_rises = any(way[0] > way[-1] and all(a >= b for a, b in pairwise(way)) for way in ways)
        unsure = unsure or (ways[:1] != [times] and never_rises)
    if unsure:
        repairs.append(UNSURE_ORDER)
    return turns


def answer_marks(turns: list[Any]) -> list[str]:
    """The marks for OpenAI's `weight` on answers, which is not followed, and for answers that a field of
    theirs may call bad. Raises Unfit ("weight_zero", "labelled_bad") where the last one should not be
    learnt."""
    answers = [
        turn
        for turn in turns
        if isinstance(turn, dict) and ROLES.get(speaker(turn) or "") == "assistant"
    ]
    weights = [answer.get("weight", 1) for answer in answers]
    if weights and weights[-1] in (0, "0", "0.0"):  # by value: text of a huge number is refused
        raise Unfit("weight_zero")
    verdicts = judged_turns(answers)
    if verdicts and verdicts[-1] == BAD:
        raise Unfit("labelled_bad")
    plainly = (1, "1", "1.0", None, "")
    marks = ["ignored_weight"] if any(weight not in plainly for weight in weights) else []
    return [*marks, PERHAPS_BAD] if any(verdicts) else marks


def listed(value: Any) -> list[Any]:
    """The messages that a column or its cell holds as a list, for their weights; else none."""
    value = as_value(value)
    return value if is_message_list(value) else []


def plain(key: Any) -> str:
    """A column's name without case, spaces, hyphens and underscores."""
    return plain_name(str(key))


def by_plain_names(value: Fields) -> Fields:
    """The columns of a row by their plain names; of two with the same one the first."""
    return {plain(key): key for key in reversed(value)}


def field_of(value: Fields, keys: Fields, name: str) -> Any:
    """What the column with this plain name holds; None where there is no such column."""
    key = keys.get(name)
    return None if key is None else value.get(key)


def as_value(value: Any) -> Any:
    """What a cell holds: JSON, or a list or dict as Python or NumPy print it; other text stays text."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{", "a"):
        return value
    start = value.lstrip()
    if start[0] == "a" and not start.startswith("array("):
        return value
    try:
        return value if is_too_dense(value) else with_exact_arguments(value, json.loads(value))
    except (ValueError, RecursionError):
        pass
    try:
        return parse_literal(value)
    except ValueError:
        return value


def as_list(value: Any) -> list[Any] | None:
    """The list that a value is, or that a cell holds; None for anything else."""
    value = as_value(value)
    return value if isinstance(value, list) else None


def message(turn: Any, repairs: list[str], guessed: Mapping[str, Role] = _NO_GUESS) -> Message:
    """Read one turn; `guessed` has the roles of names that are not known. Raises Unfit."""
    if not isinstance(turn, dict):
        raise Unfit("not_a_message")
    role_key = next((key for key in ROLE_KEYS if key in turn), None)
    held = [key for key in TEXT_KEYS if key in turn]
    text_key = next((key for key in held if turn[key] is not None), held[0] if held else None)
    calls = read_calls(turn, repairs)
    if calls is None:
        raise Unfit("not_text")
    if role_key is None or (text_key is None and not calls):
        raise Unfit("not_a_message")
    name = speaker(turn) or ""
    role = guessed.get(name) or ROLES.get(name)
    if role is None:
        raise Unfit("bad_role")
    said = turn.get(text_key) if text_key else None
    if len(turn) > 2 and has_media(turn, {plain_name(str(key)): key for key in turn}):
        raise Unfit("not_text")
    if "sender" in turn and (turn.get("attachments") or turn.get("files")):  # Claude's, beside the text
        repairs.append("removed_attachment")
    if role == "tool":
        return _result(turn, said, repairs)
    content, thinking, typed = _content(said, repairs)
    for key in _THINKING_KEYS:
        if isinstance(turn.get(key), str) and turn[key].strip():
            thinking = thinking or turn[key]
    if role != "assistant":
        return Message(role, content)
    if name in _CALLING and not calls:
        found = read_written(content, repairs)
        content, calls = ("", found) if found else (content, ())
        if not found:
            repairs.append("tool_call_as_text")
    return Message(role, content, thinking, (*typed, *calls))


def _result(turn: Fields, said: Any, repairs: list[str]) -> Message:
    """What a tool gave back: text, or a JSON value, which is kept as text."""
    if (isinstance(said, list) and not any(map(_is_part, said))) or (
        isinstance(said, dict) and not _is_part(said) and "parts" not in said
    ):
        content = as_json(said)
        if content is None:
            raise Unfit("not_text")
    else:
        content, _, _ = _content(said, repairs)
    name = turn.get("name")
    named = name if isinstance(name, str) and name.strip() else None
    return Message("tool", content, None, (), named, clean_id(turn.get("tool_call_id")))


def _is_part(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("type"), str)


def _content(value: Any, repairs: list[str]) -> tuple[str, str | None, tuple[ToolCall, ...]]:
    """Text, thinking and calls of a message's content: a string, or a list of typed parts."""
    if isinstance(value, dict):
        value = value.get("parts", [value])
    if not isinstance(value, list):
        return text_of(value, repairs), None, ()
    said, thought, calls = [], [], []
    for part in value:
        if isinstance(part, str):
            said.append(part)
            continue
        if not isinstance(part, dict):
            raise Unfit("not_text")
        kind = part.get("type", "text")
        if kind in ("redacted_thinking", "token_budget"):  # Anthropic's, in cipher; a count
            repairs += ["removed_attachment"] * (kind != "token_budget")
            continue
        if kind in ("tool_call", "tool_use"):
            call = read_call(part.get("value", part.get("text", part)), repairs)
            if call is None:
                raise Unfit("not_text")
            calls.append(call)
            continue
        body = next((part[key] for key in _PART_KEYS if key in part), None)
        if not isinstance(body, str):
            raise Unfit("not_text")
        if kind in ("reasoning", "thinking") or part.get("thought") is True:
            thought.append(body)
        elif kind in ("text", "input_text", "output_text", "tool_result", "refusal"):
            said.append(body)
        else:
            raise Unfit("not_text")
    return "\n".join(said), "\n".join(thought) or None, tuple(calls)


def text_of(value: Any, repairs: list[str]) -> str:
    """Text as it is, and numbers as text. Raises Unfit for anything else."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unfit("not_text")
    if isinstance(value, float) and not math.isfinite(value):
        raise Unfit("not_text")
    repairs.append("number_to_text")
    try:
        return str(value)
    except ValueError:  # more digits than Python converts
        raise Unfit("not_text") from None


def text_beside(value: Any, repairs: list[str]) -> str:
    """What a column beside a question says: as `text_of`, or a list of texts as lines; "" is nothing."""
    if isinstance(value, str):
        return value
    if value in ([], {}) or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        repairs += ["joined_texts"] * (len(value) > 1)
        return "\n".join(value)
    return text_of(value, repairs)


def draft(
    value: Fields,
    keys: Fields,
    columns: Columns,
    messages: list[Message],
    shape: str,
    repairs: list[str],
    marks: Sequence[str] = (),
    rejected: Sequence[Message] = (),
    used: Sequence[Any] = (),
) -> Draft:
    """Put together what a row says, with the tools, the facts and the group that come with it.

    `used` are the keys of columns whose text is in the messages, in whatever form.
    Raises Unfit where the row calls its answer bad ("labelled_bad"; of a pair it says which is better),
    and where it is about a picture ("not_text").
    """
    facts = _facts(value.get("facts"))
    found = [*marks]
    said = judged(value, keys) if shape not in ("preference", "arena") else None
    if said == BAD:
        raise Unfit("labelled_bad")
    found += [PERHAPS_BAD] * (said is not None)
    asked_about = has_media(value, keys)
    if asked_about or shows_media(messages):
        raise Unfit("not_text")
    found += [IGNORED_ATTACHMENT] * (asked_about is None)
    if facts is None:
        found.append("ignored_facts")
    tools: tuple[str, ...] = ()
    for name in ("tools", "functions", "toolconfig"):
        if not tools:
            tools, understood = read_schemas(as_value(field_of(value, keys, name)))
            if not understood:
                found.append("ignored_tools")
    found += tool_marks(messages)
    found += text_marks(messages)
    if shape not in _OF_NO_COLUMNS and columns.prompt is None and columns.completion is None:
        found += unused_marks(value, keys, messages, used)
    if UNSURE_ORDER in repairs:
        found.append(UNSURE_ORDER)
    names = tuple(dict.fromkeys(name for name in repairs if name != UNSURE_ORDER))
    group = group_of(value, keys, columns)
    named = tuple(dict.fromkeys(found))
    return Draft(tuple(messages), shape, group, facts or (), names, named, tools, tuple(rejected))


def plain_draft(value: Fields) -> Draft | None:
    """What `draft` and all before it make of a row that has plain turns and nothing else, as most have;
    None for any other row."""
    if len(value) != 1:
        return None
    turns = value.get("messages", value.get("conversations"))
    if type(turns) is not list or not turns or type(turns[0]) is not dict:
        return None
    speaks, says, shape, roles = _PLAIN["role" in turns[0]]
    messages = []
    for turn in turns:
        if type(turn) is not dict or len(turn) != 2:
            return None
        name, said = turn.get(speaks), turn.get(says)
        if type(name) is not str or name not in roles or type(said) is not str:
            return None
        messages.append(Message(roles[name], said))
    if shows_media(messages):
        return None
    return Draft(tuple(messages), shape, marks=tuple(text_marks(messages)))


_PLAIN: tuple[tuple[str, str, str, dict[str, Role]], ...] = (
    ("from", "value", "sharegpt", {"human": "user", "gpt": "assistant", "system": "system"}),
    ("role", "content", "messages", {"user": "user", "assistant": "assistant", "system": "system"}),
)


def _facts(value: Any) -> tuple[tuple[str, ...], ...] | None:
    """Facts as lists of spellings; a plain string is a fact of one spelling. None: not understood."""
    if value is None or value == "":
        return ()
    found = as_list(value)
    if found is None:
        return None
    facts = tuple((fact,) if isinstance(fact, str) else _spellings(fact) for fact in found)
    return None if any(not fact or not all(fact) for fact in facts) else facts


def _spellings(fact: Any) -> tuple[str, ...]:
    if isinstance(fact, list) and all(isinstance(spelling, str) for spelling in fact):
        return tuple(fact)
    return ()
