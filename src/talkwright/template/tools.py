"""Tools as a chat template sees them, with every string in them traceable through the template.

A template looks into tools: it writes JSON of them, takes a name out, asks for a type. So it is given
the real values, but each string carries a random name before and behind it. Whatever the template's
`tojson` makes of the string then stands between the two names, in the template's own escaping, and is
content; all else is the template's. With the names taken out the result must be what the template
writes without them, to the last character, or it is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from talkwright.types import ToolCall

# The words of the envelope, at their places: templates ask for them. Never a place of user data.
_ENVELOPE = frozenset(("type", "function", "name", "description", "parameters", "strict", "return"))
# What templates that rewrite a schema (into types of TypeScript, say) ask for inside of it.
_SCHEMA_WORDS = frozenset(
    (
        "type", "properties", "required", "description", "items", "enum", "default", "anyOf", "oneOf",
        "allOf", "title", "format", "nullable", "additionalProperties", "minimum", "maximum", "const",
        "object", "array", "string", "number", "integer", "boolean", "null",
    )
)  # fmt: skip
_NINE = re.compile(r"[A-Za-z0-9]{9}")
_ID_HIDES = 8  # a shorter name for an id could be met by chance


@dataclass(frozen=True, slots=True)
class ToolStyle:
    """How a template wants calls: arguments as a JSON value or as text, ids as given or nine letters."""

    arguments: Literal["value", "text"] = "value"
    ids: Literal["given", "nine"] = "given"


STYLES = (
    ToolStyle(),
    ToolStyle(ids="nine"),
    ToolStyle(arguments="text"),
    ToolStyle(arguments="text", ids="nine"),
)
# How much of a schema is left without names: the second is for templates that look into it.
LEVELS = ("envelope", "schema")
Level = Literal["envelope", "schema", "plain"]


class Tracer:
    """Puts names around strings (`secret` is random), and remembers which it must find again.

    Level "plain" puts none. `expected` holds (message, number) of what a template may not leave out.
    """

    def __init__(self, secret: str, style: ToolStyle, level: Level):
        self._secret = secret
        self._style = style
        self._level = level
        self._count: dict[int, int] = {}
        self.expected: list[tuple[int, int]] = []
        self.ids: dict[str, tuple[int, str]] = {}

    def schema(self, text: str) -> Any:
        """A tool's schema for the template; its pieces belong to message -1."""
        tool = json.loads(text)
        function = tool.get("function")
        if not isinstance(function, dict):
            return self._leaves(tool, -1, frozenset())
        words = _SCHEMA_WORDS if self._level == "schema" else frozenset[str]()
        shown: dict[str, Any] = {}
        for key, value in tool.items():
            if key == "function":
                shown[key] = {
                    self._key(name, -1): self._member(name, held, words)
                    for name, held in function.items()
                }
            elif key == "type" and value == "function":
                shown[key] = value
            else:
                shown[self._key(key, -1)] = self._leaves(value, -1, words)
        return shown

    def _member(self, name: str, held: Any, words: frozenset[str]) -> Any:
        if name == "name" and isinstance(held, str):
            return self.needed(held, -1)
        return self._leaves(held, -1, words)

    def _key(self, key: str, message: int) -> str:
        return key if key in _ENVELOPE else self.string(key, message)

    def call(self, call: ToolCall, message: int, place: int) -> dict[str, Any]:
        """A call for the template, in the shape of OpenAI."""
        held: Any
        if self._style.arguments == "text":
            held = self.needed(call.arguments, message)
        else:
            held = self._leaves(json.loads(call.arguments), message, frozenset(), needed=True)
        shown: dict[str, Any] = {
            "type": "function",
            "function": {"name": self.needed(call.name, message), "arguments": held},
        }
        if (id := self.id(call.id, message, f"{message} {place}")) is not None:
            shown["id"] = id
        return shown

    def id(self, id: str | None, message: int, place: str) -> str | None:
        """An id for the template: a name of the same length in its place, as templates measure ids."""
        if self._style.ids == "nine" and not (id and _NINE.fullmatch(id)):
            id = hashlib.sha256((id or place).encode("utf-8", "surrogatepass")).hexdigest()[:9]
        if id is None or self._level == "plain":
            return id
        if len(id) < _ID_HIDES or not id.isascii():
            return self.string(id, message)
        # A call and its result have one id. They get two names, so that a piece tells its message, but
        # where the template looks into things, which may mean for equal ids.
        seed = f"{self._secret} {id}" + (f" {message}" if self._level == "envelope" else "")
        number = int.from_bytes(hashlib.sha256(seed.encode()).digest() * 8, "big")
        name = ""
        for _ in id[:100]:
            number, letter = divmod(number, 26)
            name += chr(97 + letter)
        name = name.ljust(len(id), "x")
        self.ids.setdefault(name, (message, id))
        return name

    def string(self, text: str, message: int) -> str:
        """A string with names before and behind what it says; white space at its edges is outside."""
        core = text.strip()
        if self._level == "plain" or not core:
            return text
        number = self._count[message] = self._count.get(message, -1) + 1
        start = len(text) - len(text.lstrip())
        opening = f"{self._secret}o{message + 1}m{number}z"
        return f"{text[:start]}{opening}{core}{self._secret}cz{text[start + len(core) :]}"

    def needed(self, text: str, message: int) -> str:
        """`string`, for one that a template may not leave out."""
        traced = self.string(text, message)
        if traced != text:
            self.expected.append((message, self._count[message]))
        return traced

    def _leaves(self, value: Any, message: int, words: frozenset[str], needed: bool = False) -> Any:
        trace: Callable[[str, int], str] = self.needed if needed else self.string
        if isinstance(value, str):
            return value if value in words else trace(value, message)
        if isinstance(value, list):
            return [self._leaves(item, message, words, needed) for item in value]
        if isinstance(value, dict):
            return {
                key if key in words else trace(key, message): self._leaves(item, message, words, needed)
                for key, item in value.items()
            }
        return value
