"""What is done about private data: masked with stable placeholders, marked, or a reason to drop."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from talkwright.config import DataSection
from talkwright.data.cleaning.looks import as_seen
from talkwright.data.cleaning.phones import asked_for
from talkwright.data.cleaning.presidio import find_by_presidio, merged
from talkwright.data.cleaning.private import find_private
from talkwright.data.cleaning.rawview import places_in_raw, raw_as_read
from talkwright.types import Message, ToolCall, content_id

_RAW = 800  # characters of a raw row that its excerpt can come from
_RAW_MARGIN = 100  # characters of the longest value that may stand across the end of that
_BARE = re.compile(r"\d(?:\W{0,3}\d){7}")  # a number without a word that says of what
_LEAST_KNOWN = 8  # characters of a value that is found again by itself


@dataclass(slots=True)
class Protected:
    """A conversation after `protect`; `before` is its raw row, safe to be shown in the ledger."""

    messages: tuple[Message, ...]
    facts: tuple[tuple[str, ...], ...]
    group: str | None
    before: str
    repairs: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    drop: bool = False
    tools: tuple[str, ...] = ()
    rejected: tuple[Message, ...] = ()


class Placeholders:
    """Names for the private values of one conversation: [phone], then [phone-2] for another one."""

    def __init__(self, section: DataSection):
        self._kinds = frozenset(section.pii_kinds)
        self._presidio = section.pii_engine == "presidio"
        self._keep = frozenset(_same(value) for value in section.pii_keep)
        self._names: dict[tuple[str, str], str] = {}
        self._values: dict[str, str] = {}
        self._known: list[tuple[re.Pattern[str], str]] = []

    @property
    def kinds(self) -> list[str]:
        """The kinds met so far, in order of appearance."""
        return list(dict.fromkeys(kind for kind, _ in self._names))

    def know(self) -> None:
        """Find from now on what was met so far also where no word near it says what it is."""
        for kind, value in sorted(self._names, key=lambda name: -len(name[1])):
            if len(value) >= _LEAST_KNOWN and kind not in ("name", "place"):
                spelt = r"[ .()/-]{0,2}".join(value) if value.isdigit() else re.escape(value)
                self._known.append((re.compile(rf"(?<!\w){spelt}(?!\w)", re.IGNORECASE), kind))

    def mask(self, text: str, said: str = "") -> str:
        """Replace what is private in a text; equal values get equal placeholders.

        `said` are words before the text that tell what its numbers are, as "phone: ".
        """
        found = self.find(f"{said}{text}")
        if said:
            found = [(a - len(said), b - len(said), kind) for a, b, kind in found if a >= len(said)]
        pieces, at = [], 0
        for start, end, kind in found:
            pieces += [text[at:start], self._name(kind, text[start:end])]
            at = end
        return "".join(pieces) + text[at:] if found else text

    def find(self, text: str) -> list[tuple[int, int, str]]:
        """What is private in a text, as the recipe has it: (start, end, kind), in order."""
        found = find_private(text, self._kinds)
        if self._presidio and text.strip():
            further = (span for span in find_by_presidio(text) if span[2] in self._kinds)
            found = merged(found, further)
        if self._known:
            further = (span for known, kind in self._known for span in _where(known, kind, text))
            found = merged(found, further)
        return [span for span in found if not self._is_kept(text[span[0] : span[1]])] if found else found

    def mask_raw(self, raw: str) -> str:
        """Mask the beginning of a raw row: values known already, in whatever escaping, and others."""
        # What stands across the end of what is shown is found whole, and cut off whole.
        seen = raw_as_read(raw[: _RAW + _RAW_MARGIN])
        private = merged(self._held(seen), iter(self.find(seen)))
        places = places_in_raw(raw[: _RAW + _RAW_MARGIN]) if private else []
        pieces, at = [], 0
        for start, end, what in private:
            first, last = places[start][0], places[end - 1][1]
            if at <= first < _RAW:
                name = what if what.startswith("[") else self._name(what, seen[start:end])
                pieces += [raw[at:first], name]
                at = last
        return "".join([*pieces, raw[at:_RAW]])

    def _held(self, seen: str) -> list[tuple[int, int, str]]:
        """Where values that are known stand in a raw row, with their placeholders."""
        found: list[tuple[int, int, str]] = []
        for value, name in sorted(self._values.items(), key=lambda pair: -len(pair[0])):
            for spelling in {value, json.dumps(value)[1:-1]}:
                places = (place.span() for place in re.finditer(re.escape(spelling), seen))
                found = merged(found, ((*span, name) for span in places))
        return found

    def _is_kept(self, value: str) -> bool:
        return _same(value) in self._keep or _same("@" + value.rpartition("@")[2]) in self._keep

    def _name(self, kind: str, value: str) -> str:
        key = (kind, _same(value))
        if key not in self._names:
            count = sum(other == kind for other, _ in self._names) + 1
            self._names[key] = f"[{kind}]" if count == 1 else f"[{kind}-{count}]"
        self._values[value] = self._names[key]
        return self._names[key]


def _where(known: re.Pattern[str], kind: str, text: str) -> Iterator[tuple[int, int, str]]:
    for found in known.finditer(text):
        yield (*found.span(), kind)


def _same(value: str) -> str:
    """A value without what people spell differently: case and spaces, and in a number all but digits."""
    value = as_seen(value)[0]
    if any(c.isalpha() for c in value):
        return "".join(value.casefold().split())
    if value.count(".") == 3:  # an IP address, whose dots matter
        return value
    return "".join(c for c in value if c.isdigit())


def protect(
    messages: tuple[Message, ...],
    section: DataSection,
    *,
    facts: tuple[tuple[str, ...], ...] = (),
    group: str | None = None,
    raw: str = "",
    tools: tuple[str, ...] = (),
    rejected: tuple[Message, ...] = (),
) -> Protected:
    """Do with one conversation what `data.pii` says, its tools and its rejected turns included.

    With "mask" and "drop" nothing private is left in the raw row either; with "flag" and "keep" the
    raw row is as it was. A private `group` becomes a pseudonym that still keeps its rows together.
    """
    if section.pii == "keep":
        return Protected(messages, facts, group, raw, tools=tools, rejected=rejected)
    names = Placeholders(section)
    masked = _mask_messages(messages, names)
    if names.kinds:
        names.know()
        masked = _mask_messages(messages, names)
    safe_tools = tuple(_mask_json(schema, names) for schema in tools)
    safe_rejected = tuple(_mask_message(message, names) for message in rejected)
    kinds = names.kinds
    if section.pii == "flag":
        marks = tuple(f"pii_{kind}" for kind in kinds)
        return Protected(messages, facts, group, raw, marks=marks, tools=tools, rejected=rejected)
    safe_facts = tuple(tuple(names.mask(spelling) for spelling in spellings) for spellings in facts)
    before = names.mask_raw(raw)
    if section.pii == "drop" and kinds:
        return Protected(masked, safe_facts, group, before, drop=True)  # with all that hangs on it
    if group is not None and names.mask(group) != group:
        group = f"private-{content_id(group)}"
    repairs = tuple(f"masked_{kind}" for kind in kinds)
    return Protected(
        masked, safe_facts, group, before, repairs, tools=safe_tools, rejected=safe_rejected
    )


def protect_raw(raw: str, section: DataSection | None) -> str:
    """The beginning of a raw row that became no conversation, safe to be shown in the ledger."""
    if section is None or section.pii in ("keep", "flag"):
        return raw
    return Placeholders(section).mask_raw(raw)


def _said_before(messages: Sequence[Message], at: int) -> str:
    """What the turn before asked for, where the answer may be nothing but digits."""
    bare = at > 0 and messages[at].role == "user" and _BARE.search(messages[at].content)
    asked = asked_for(messages[at - 1].content) if bare else ""
    return f"{asked}: " if asked else ""


def _mask_messages(messages: tuple[Message, ...], names: Placeholders) -> tuple[Message, ...]:
    return tuple(
        _mask_message(message, names, _said_before(messages, at)) for at, message in enumerate(messages)
    )


def _mask_message(message: Message, names: Placeholders, said: str = "") -> Message:
    thinking = message.thinking if message.thinking is None else names.mask(message.thinking)
    content = names.mask(message.content, said)
    calls = tuple(_mask_call(call, names) for call in message.tool_calls)
    answered = message.tool_call_id and names.mask(message.tool_call_id)
    same = (content, thinking, answered) == (message.content, message.thinking, message.tool_call_id)
    if same and calls == message.tool_calls:
        return message
    return replace(message, content=content, thinking=thinking, tool_calls=calls, tool_call_id=answered)


def _mask_call(call: ToolCall, names: Placeholders) -> ToolCall:
    return replace(call, arguments=_mask_json(call.arguments, names), id=call.id and names.mask(call.id))


def _mask_json(text: str, names: Placeholders) -> str:
    """Mask what is private inside a JSON text, which stays JSON: a masked number becomes a string."""
    value = json.loads(text)
    masked = _mask_value(value, "", names)
    return text if masked == value else json.dumps(masked, ensure_ascii=False)


def _mask_value(value: Any, key: str, names: Placeholders) -> Any:
    if isinstance(value, dict):
        return {names.mask(held): _mask_value(item, held, names) for held, item in value.items()}
    if isinstance(value, list):
        return [_mask_value(item, key, names) for item in value]
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return value
    # A phone number or a password is often told by its name alone, which here is the key.
    said, head = str(value), f"{key}: "
    masked = names.mask(head + said)
    masked = masked[len(head) :] if key and masked.startswith(head) else names.mask(said)
    return value if masked == said else masked
