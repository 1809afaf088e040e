"""A chat template as structure: which text is the template's, where each message goes.

The template is run once for every *shape* of chat (roles, which fields are filled, whitespace at their
edges), with a random name standing for each field. What comes out, cut at those names, is the
scaffold; messages are put in afterwards and never pass through Jinja, so no template can mistake
content for markup, and most chats of a data set need no Jinja at all. Tools are the exception: a
template looks into them, so it sees them as they are, and `tools.py` says how they stay content.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from talkwright.errors import TemplateError
from talkwright.template.tokens import random_name
from talkwright.template.tools import LEVELS, ToolStyle, Tracer
from talkwright.types import ROLES, Message, ToolCall

FieldShape = tuple[str, bool, str]  # white space before, whether anything is said, white space after

REMEMBERED = 10_000  # renderings, each of at most so many characters: a server's memory stays bounded
_REMEMBERED_TOOLS = 200  # renderings of chats with tools, of which hardly any comes twice


@dataclass(frozen=True, slots=True)
class Turn:
    """What of a message can make a difference to the template.

    Calls, and `result` (what a tool gave back), are there as they are where the template knows tools.
    """

    role: str
    content: FieldShape
    thinking: FieldShape | None = None
    calls: tuple[ToolCall, ...] = ()
    result: str | None = None
    name: str | None = None
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a chat can make a difference to the template."""

    turns: tuple[Turn, ...]
    tools: tuple[str, ...] = ()

    def upto(self, turn: int) -> Shape:
        """The shape of the first `turn` messages."""
        return Shape(self.turns[:turn], self.tools)

    @property
    def has_tools(self) -> bool:
        """Whether the template sees anything as it is."""
        for turn in self.turns:
            if turn.calls or turn.result is not None:
                return True
        return bool(self.tools)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of rendered text: the template's own `text`, or one field of one message.

    Field "tools" is content too, with its `text` as the template writes it (of message -1: a schema).
    """

    text: str = ""
    message: int = -1
    field: str = ""


@dataclass(frozen=True, slots=True)
class Rendering:
    """Pieces in order. `text` is the same with names in place of fields, for comparing prefixes, and
    `borders[n]` to `borders[n + 1]` is the range of it that piece n stands for."""

    pieces: tuple[Piece, ...]
    text: str
    borders: tuple[int, ...]


def shape_of(messages: Sequence[Message], tools: tuple[str, ...] = (), results: bool = False) -> Shape:
    """The shape of a chat; `results` says that the template shall see what tools gave back.

    Raises TemplateError for an unknown role.
    """
    for message in messages:
        if message.role not in ROLES:  # a template writes roles as they are
            raise TemplateError(f"'{message.role}' is no role; roles are {', '.join(ROLES)}")
    return Shape(tuple([_turn(message, results) for message in messages]), tools)


def _turn(m: Message, results: bool) -> Turn:
    plain = m.content and m.content == m.content.strip() and m.role != "tool"
    if plain and m.thinking is None and not m.tool_calls:
        return _PLAIN[m.role]
    thinking = None if m.thinking is None else _field_shape(m.thinking)
    if results and m.role == "tool":
        return Turn("tool", ("", False, ""), None, (), m.content, m.name, m.tool_call_id)
    return Turn(m.role, _field_shape(m.content), thinking, m.tool_calls)


def _field_shape(text: str) -> FieldShape:
    core = text.strip()
    if not core:
        return (text, False, "")
    start = len(text) - len(text.lstrip())
    return (text[:start], True, text[start + len(core) :])


_PLAIN = {role: Turn(role, ("", True, "")) for role in ROLES}  # what most messages are


class Renderer:
    """Runs a chat template on shapes and remembers what came out.

    `run` is called with messages as dicts, `add_generation_prompt` and tools as dicts, and returns
    text. `style` is how the template wants calls.
    """

    def __init__(self, run: Callable[..., str]):
        self._run = run
        self._secret = random_name()
        self._names = re.compile(
            rf"{self._secret}n(\d+)([ct])z|{self._secret}o(\d+)m(\d+)z(.*?){self._secret}cz", re.DOTALL
        )
        self._known: dict[tuple[Shape, bool], Rendering] = {}
        self._known_tools: dict[tuple[Shape, bool], Rendering] = {}
        self.style = ToolStyle()

    def render(self, shape: Shape, *, add_generation_prompt: bool) -> Rendering:
        """Render a chat of this shape. Raises TemplateError when the template refuses or alters it."""
        key = (shape, add_generation_prompt)
        known, most = self._known, REMEMBERED
        if shape.has_tools:
            known, most = self._known_tools, _REMEMBERED_TOOLS
        if key in known:
            return known[key]
        rendering = self._render(shape, add_generation_prompt)
        if len(rendering.text) <= REMEMBERED:
            if len(known) > most:  # shapes with odd whitespace could grow without end
                known.clear()
            known[key] = rendering
        return rendering

    def render_with(self, style: ToolStyle, shape: Shape) -> Rendering:
        """Render a chat in another style, without remembering it."""
        usual, self.style = self.style, style
        try:
            return self._render(shape, False)
        finally:
            self.style = usual

    def _render(self, shape: Shape, add_generation_prompt: bool) -> Rendering:
        if not shape.has_tools:
            return self._render_at("envelope", shape, add_generation_prompt)
        failed: TemplateError | None = None
        for level in LEVELS:
            try:
                return self._render_at(level, shape, add_generation_prompt)
            except TemplateError as error:
                failed = failed or error
        assert failed is not None
        raise failed

    def _render_at(self, level: Any, shape: Shape, add_generation_prompt: bool) -> Rendering:
        tracer = Tracer(self._secret, self.style, level)
        text = self._run_with(self._name, tracer, shape, add_generation_prompt)
        pieces, borders, seen = self._cut(text, tracer)
        self._refuse_lost_content(shape, pieces)
        if lost := [message for message, number in tracer.expected if (message, number) not in seen]:
            what = "the tools" if lost[0] < 0 else f"message {lost[0] + 1} (a tool's call or result)"
            raise TemplateError(
                f"the chat template leaves out or changes {what}; use another one: "
                "`template: {chat_template: my_template.jinja}`"
            )
        # Again with names of another length and full of what a filter would change, and with the tools
        # as they are: nothing else may differ.
        expected = "".join(
            self._rough_name(p.message, p.field[0]) if p.field in ("content", "thinking") else p.text
            for p in pieces
        )
        plain = Tracer(self._secret, self.style, "plain")
        if self._run_with(self._rough_name, plain, shape, add_generation_prompt) != expected:
            raise TemplateError(
                "the chat template changes the text of messages (cuts, escapes, or looks into "
                "it), so what is said is not what the model would see. Name one that does not: "
                "`template: {chat_template: my_template.jinja}`"
            )
        return Rendering(tuple(pieces), text, tuple(borders))

    def _cut(self, text: str, tracer: Tracer) -> tuple[list[Piece], list[int], set[tuple[int, int]]]:
        """Cut rendered text at the names: pieces, their borders, and which traced strings are there."""
        pieces: list[Piece] = []
        borders = [0]
        seen: set[tuple[int, int]] = set()
        found = [
            (match.start(), match.end(), self._piece(match, seen))
            for match in self._names.finditer(text)
        ]
        for name, (message, id) in tracer.ids.items():
            found += [
                (match.start(), match.end(), Piece(id, message, "tools"))
                for match in re.finditer(name, text)
            ]
        for start, end, piece in sorted(found, key=lambda item: item[:2]):
            if start < borders[-1]:
                continue  # an id inside of traced text: it is content already
            if start > borders[-1]:
                pieces.append(Piece(text[borders[-1] : start]))
                borders.append(start)
            pieces.append(piece)
            borders.append(end)
        if borders[-1] < len(text):
            pieces.append(Piece(text[borders[-1] :]))
            borders.append(len(text))
        return pieces, borders, seen

    def _piece(self, match: re.Match[str], seen: set[tuple[int, int]]) -> Piece:
        if match[2]:
            return Piece(message=int(match[1]), field="content" if match[2] == "c" else "thinking")
        message = int(match[3]) - 1
        seen.add((message, int(match[4])))
        return Piece(match[5], message, "tools")

    def _run_with(
        self,
        name: Callable[[int, str], str],
        tracer: Tracer,
        shape: Shape,
        add_generation_prompt: bool,
    ) -> str:
        """Run the template with names in place of what fields say, whitespace at their edges kept."""

        def stand_in(number: int, letter: str, field: FieldShape) -> str:
            lead, filled, trail = field
            return f"{lead}{name(number, letter)}{trail}" if filled else lead

        messages: list[dict[str, Any]] = []
        for number, turn in enumerate(shape.turns):
            messages.append({"role": turn.role, "content": stand_in(number, "c", turn.content)})
            if turn.thinking is not None:
                messages[-1]["reasoning_content"] = stand_in(number, "t", turn.thinking)
            if turn.calls:
                messages[-1]["tool_calls"] = [
                    tracer.call(call, number, place) for place, call in enumerate(turn.calls)
                ]
            if turn.result is not None:
                messages[-1]["content"] = tracer.needed(turn.result, number)
                answered = self._answered(shape, number)
                if turn.name is not None:
                    messages[-1]["name"] = tracer.string(turn.name, number)
                if (id := tracer.id(turn.call_id, number, answered)) is not None:
                    messages[-1]["tool_call_id"] = id
        tools = [tracer.schema(text) for text in shape.tools]
        return self._run(messages, add_generation_prompt, tools or None)

    def _answered(self, shape: Shape, number: int) -> str:
        """The place of the call that a result without an id answers: theirs are in the same order."""
        asked = number
        while asked > 0 and shape.turns[asked].role == "tool":
            asked -= 1
        return f"{asked} {number - asked - 1}"

    def _name(self, number: int, letter: str) -> str:
        return f"{self._secret}n{number}{letter}z"

    def _rough_name(self, number: int, letter: str) -> str:
        return f"Aß {self._secret}\n\n <&\"'\\> {number}{letter} z" * 40

    def _refuse_lost_content(self, shape: Shape, pieces: Sequence[Piece]) -> None:
        seen = Counter((piece.message, piece.field) for piece in pieces if piece.field)
        for number, turn in enumerate(shape.turns):
            if turn.content[1] and not seen[number, "content"]:
                raise TemplateError(
                    f"the chat template leaves out or changes message {number + 1} (role "
                    f"'{turn.role}'); remove it from the conversation or use another chat template"
                )
            if max(seen[number, "content"], seen[number, "thinking"]) > 1:
                raise TemplateError(
                    f"the chat template writes message {number + 1} (role '{turn.role}') more than "
                    "once; use another one: `template: {chat_template: my_template.jinja}`"
                )
