"""A chat template as structure: which text is the template's, where each message goes.

The template is run once for every *shape* of chat (roles, which fields are filled, whitespace at their
edges), with a random name standing for each field. What comes out, cut at those names, is the
scaffold; messages are put in afterwards and never pass through Jinja, so no template can mistake
content for markup, and most chats of a data set need no Jinja at all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from talkwright.errors import TemplateError
from talkwright.template.tokens import random_name
from talkwright.types import ROLES, Message

# (role, (lead, filled, trail) of the content, the same of the thinking or None)
FieldShape = tuple[str, bool, str]
MessageShape = tuple[str, FieldShape, FieldShape | None]
Shape = tuple[MessageShape, ...]

REMEMBERED = 10_000  # renderings, each of at most so many characters: a server's memory stays bounded


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of rendered text: the template's own `text`, or one field of one message."""

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


def shape_of(messages: Sequence[Message]) -> Shape:
    """What of a chat can make a difference to the template. Raises TemplateError for an unknown role."""
    for message in messages:
        if message.role not in ROLES:  # a template writes roles as they are
            raise TemplateError(f"'{message.role}' is no role; roles are {', '.join(ROLES)}")
    return tuple(
        (m.role, _field_shape(m.content), None if m.thinking is None else _field_shape(m.thinking))
        for m in messages
    )


def _field_shape(text: str) -> FieldShape:
    core = text.strip()
    if not core:
        return (text, False, "")
    start = len(text) - len(text.lstrip())
    return (text[:start], True, text[start + len(core) :])


class Renderer:
    """Runs a chat template on shapes and remembers what came out.

    `run` is called with messages as dicts and `add_generation_prompt`, and returns text.
    """

    def __init__(self, run: Callable[..., str]):
        self._run = run
        self._secret = random_name()
        self._names = re.compile(rf"{self._secret}n(\d+)([ct])z")
        self._known: dict[tuple[Shape, bool], Rendering] = {}

    def render(self, shape: Shape, *, add_generation_prompt: bool) -> Rendering:
        """Render a chat of this shape. Raises TemplateError when the template refuses or alters it."""
        key = (shape, add_generation_prompt)
        if key in self._known:
            return self._known[key]
        rendering = self._render(shape, add_generation_prompt)
        if len(rendering.text) <= REMEMBERED:
            if len(self._known) > REMEMBERED:  # shapes with odd whitespace could grow without end
                self._known.clear()
            self._known[key] = rendering
        return rendering

    def _render(self, shape: Shape, add_generation_prompt: bool) -> Rendering:
        text = self._run_with(self._name, shape, add_generation_prompt)
        pieces: list[Piece] = []
        borders = [0]
        for match in self._names.finditer(text):
            if match.start() > borders[-1]:
                pieces.append(Piece(text[borders[-1] : match.start()]))
                borders.append(match.start())
            field = "content" if match.group(2) == "c" else "thinking"
            pieces.append(Piece(message=int(match.group(1)), field=field))
            borders.append(match.end())
        if borders[-1] < len(text):
            pieces.append(Piece(text[borders[-1] :]))
            borders.append(len(text))
        self._refuse_lost_content(shape, pieces)
        # Again with names of another length and full of what a filter would change: nothing else may.
        expected = "".join(p.text or self._rough_name(p.message, p.field[0]) for p in pieces)
        if self._run_with(self._rough_name, shape, add_generation_prompt) != expected:
            raise TemplateError(
                "the chat template changes the text of messages (cuts, escapes, or looks into "
                "it), so what is said is not what the model would see. Name one that does not: "
                "`template: {chat_template: my_template.jinja}`"
            )
        return Rendering(tuple(pieces), text, tuple(borders))

    def _run_with(
        self, name: Callable[[int, str], str], shape: Shape, add_generation_prompt: bool
    ) -> str:
        """Run the template with names in place of what fields say, whitespace at their edges kept."""

        def stand_in(number: int, letter: str, field: FieldShape) -> str:
            lead, filled, trail = field
            return f"{lead}{name(number, letter)}{trail}" if filled else lead

        messages: list[dict[str, Any]] = []
        for number, (role, content, thinking) in enumerate(shape):
            messages.append({"role": role, "content": stand_in(number, "c", content)})
            if thinking is not None:
                messages[-1]["reasoning_content"] = stand_in(number, "t", thinking)
        return self._run(messages, add_generation_prompt)

    def _name(self, number: int, letter: str) -> str:
        return f"{self._secret}n{number}{letter}z"

    def _rough_name(self, number: int, letter: str) -> str:
        return f"Aß {self._secret}\n\n <&\"'\\> {number}{letter} z" * 40

    def _refuse_lost_content(self, shape: Shape, pieces: Sequence[Piece]) -> None:
        seen = Counter((piece.message, piece.field) for piece in pieces if piece.message >= 0)
        for number, (role, (_, filled, _), _) in enumerate(shape):
            if filled and not seen[number, "content"]:
                raise TemplateError(
                    f"the chat template leaves out or changes message {number + 1} (role '{role}'); "
                    "remove it from the conversation or use another chat template"
                )
            if max(seen[number, "content"], seen[number, "thinking"]) > 1:
                raise TemplateError(
                    f"the chat template writes message {number + 1} (role '{role}') more than once; "
                    "use another one: `template: {chat_template: my_template.jinja}`"
                )
