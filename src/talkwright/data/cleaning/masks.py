"""What is done about private data: masked with stable placeholders, marked, or a reason to drop."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from talkwright.config import DataSection
from talkwright.data.cleaning.presidio import find_by_presidio, merged
from talkwright.data.cleaning.private import find_private
from talkwright.types import Message, ToolCall, content_id

_RAW = 800  # characters of a raw row that its excerpt can come from
_ESCAPED_SPACE = re.compile(r"\\[nrt]")


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

    @property
    def kinds(self) -> list[str]:
        """The kinds met so far, in order of appearance."""
        return list(dict.fromkeys(kind for kind, _ in self._names))

    def mask(self, text: str) -> str:
        """Replace what is private in a text; equal values get equal placeholders."""
        found = self.find(text)
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
        return [span for span in found if not self._is_kept(text[span[0] : span[1]])] if found else found

    def mask_raw(self, raw: str) -> str:
        """Mask the beginning of a raw row: values known already, in whatever escaping, and others."""
        shown = raw[:_RAW]
        for value, name in sorted(self._values.items(), key=lambda pair: -len(pair[0])):
            for spelling in (value, json.dumps(value)[1:-1], value.replace("/", "\\/")):
                shown = shown.replace(spelling, name)
        # An escaped line end would otherwise look like a letter before the number that follows.
        seen = _ESCAPED_SPACE.sub("  ", shown) if "\\" in shown else shown
        for start, end, kind in reversed(self.find(seen)):
            shown = shown[:start] + self._name(kind, seen[start:end]) + shown[end:]
        return shown

    def _is_kept(self, value: str) -> bool:
        return _same(value) in self._keep or _same("@" + value.rpartition("@")[2]) in self._keep

    def _name(self, kind: str, value: str) -> str:
        key = (kind, _same(value))
        if key not in self._names:
            count = sum(other == kind for other, _ in self._names) + 1
            self._names[key] = f"[{kind}]" if count == 1 else f"[{kind}-{count}]"
        self._values[value] = self._names[key]
        return self._names[key]


def _same(value: str) -> str:
    """A value without what people spell differently: case and spaces, and in a number all but digits."""
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
    masked = tuple(_mask_message(message, names) for message in messages)
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


def _mask_message(message: Message, names: Placeholders) -> Message:
    thinking = message.thinking if message.thinking is None else names.mask(message.thinking)
    content = names.mask(message.content)
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
