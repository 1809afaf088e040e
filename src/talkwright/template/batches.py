"""Many conversations to ids and learned spans at once, without looking at single tokens.

`Template.encode` asks of every token which characters it stands for. That is not needed for most rows:
the template's control tokens divide a text into stretches that a tokenizer encodes independently of each
other, no message can produce one (`tokens.py`), and an answer ends with one. So where the n-th control
token lies says where an answer's stretch begins and ends; and the stretch's first tokens are not the
answer's when they are the ones that the end of the generation prompt has by itself. That this holds is
the very question whether the row begins with the prompt as it is served, so both are settled by one
comparison of bytes. A row of which any of this cannot be shown goes the plain way.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal

from talkwright.errors import TemplateError
from talkwright.template.mask import Layout
from talkwright.template.render import Piece, Shape
from talkwright.template.template import Template
from talkwright.template.words import LONGEST, WordMemory
from talkwright.types import IGNORED, Conversation, Example

if TYPE_CHECKING:
    import numpy

REMEMBERED = 10_000  # plans and ends of prompts


@dataclass(slots=True)
class Row:
    """An encoded training row: int32 ids and half-open ranges of learned tokens, in order.

    `served` says whether the ids before each range are exactly the prompt that a server would make;
    None where that has not been settled.
    """

    ids: numpy.ndarray
    spans: tuple[tuple[int, int], ...]
    conversation: str
    served: bool | None = None

    def example(self) -> Example:
        """The same as plain values."""
        ids = self.ids.tolist()
        labels = [IGNORED] * len(ids)
        for start, end in self.spans:
            labels[start:end] = ids[start:end]
        return Example(tuple(ids), tuple(labels), self.conversation)


def row_of(example: Example) -> Row:
    """A row of plain values as arrays."""
    import numpy

    learned = numpy.array([IGNORED, *example.labels, IGNORED]) != IGNORED
    borders = numpy.flatnonzero(learned[1:] != learned[:-1]).tolist()
    spans = tuple(zip(borders[::2], borders[1::2], strict=True))
    return Row(numpy.array(example.input_ids, dtype="<i4"), spans, example.conversation)


# --- plans ---------------------------------------------------------------------------------------

Part = Any  # the template's own text (str), or a field of a message (Piece)


@dataclass(frozen=True, slots=True)
class _Answer:
    """A learned range: it begins after `lead` (parts), which follow control token number `before` (-1:
    the beginning of the text), and ends with control token number `stop`."""

    before: int
    lead: tuple[Part, ...]
    stop: int


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """A layout as stretches of parts with a control token between each two; `varying` are the places of
    the stretches that have something of a message in them."""

    stretches: tuple[tuple[Part, ...], ...]
    controls: tuple[str, ...]
    answers: tuple[_Answer, ...]
    varying: tuple[int, ...]


def _divide(template: Template, pieces: Sequence[Piece]) -> tuple[list[list[Part]], list[str]]:
    """Stretches, with neighbouring text joined, and the control tokens between them."""
    stretches: list[list[Part]] = [[]]
    controls: list[str] = []
    for piece in pieces:
        if piece.message >= 0:
            stretches[-1].append(piece)
            continue
        for number, atom in enumerate(template.guard.atoms(piece.text)):
            if number % 2:
                controls.append(atom)
                stretches.append([])
            elif atom and stretches[-1] and isinstance(stretches[-1][-1], str):
                stretches[-1][-1] += atom
            elif atom:
                stretches[-1].append(atom)
    return stretches, controls


def _plan(template: Template, shape: Shape, layout: Layout) -> _Plan | None:
    """The plan of a layout; None where the template's control tokens do not say where answers lie."""
    stretches, controls = _divide(template, layout.pieces)
    if not all(map(template.guard.stands_alone, controls)):
        return None
    prompts = _prompts(template, shape)
    answers = []
    learned = [False, *layout.learned, False]
    begins = [n for n in range(len(layout.pieces)) if learned[n + 1] and not learned[n]]
    ends = [n for n in range(1, len(layout.pieces) + 1) if learned[n] and not learned[n + 1]]
    for begin, end in zip(begins, ends, strict=True):
        until, seen = _divide(template, layout.pieces[:begin])
        if (until, seen) not in prompts:
            return None
        through, stops = _divide(template, layout.pieces[:end])
        if through[-1] or len(stops) == len(seen):
            return None
        answers.append(_Answer(len(seen) - 1, tuple(until[-1]), len(stops) - 1))
    varying = tuple(n for n, parts in enumerate(stretches) if not all(type(p) is str for p in parts))
    return _Plan(tuple(map(tuple, stretches)), tuple(controls), tuple(answers), varying)


def _prompts(template: Template, shape: Shape) -> list[tuple[list[list[Part]], list[str]]]:
    """What a server would be asked to go on from, for each answer in a chat of this shape."""
    prompts = []
    roles = [turn.role for turn in shape.turns]
    for turn, role in enumerate(roles):
        # Without a user's message before it, a system prompt may have nowhere to go.
        if role != "assistant" or "user" not in roles[:turn] or roles[turn - 1] not in ("user", "tool"):
            continue
        try:
            rendering = template.render_prompt(shape.upto(turn))
        except TemplateError:
            continue
        prompts.append(_divide(template, rendering.pieces))
    return prompts


# --- batches -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Filled:
    """A plan with a conversation's words in it: texts of the stretches that vary, and of each answer's
    lead."""

    plan: _Plan
    varying: list[str]
    leads: list[tuple[str | None, str]]


class BatchEncoder:
    """Encodes batches of conversations for one template; remembers words and plans between them."""

    def __init__(self, template: Template, train_on: Literal["all", "last"]):
        import numpy

        self.template = template
        self._train_on = train_on
        self._guard = template.guard
        self._memory = (
            WordMemory(self._guard.encode_to_bytes, self._guard.after_space)
            if self._guard.cuts_at_spaces
            else None
        )
        self._plans: dict[Shape, tuple[_Plan | None, ...]] = {}
        self._constant: dict[_Plan, tuple[bytes | None, ...]] = {}
        self._leads: dict[tuple[str | None, str], bytes | None] = {}
        self._bytes = {
            text: numpy.array([i], dtype="<i4").tobytes() for text, i in self._guard.control.items()
        }
        self._is_control = numpy.zeros(self._guard.id_limit, dtype=bool)
        self._is_control[list(self._guard.control_ids)] = True

    def encode(self, batch: Sequence[Conversation]) -> list[list[Row] | TemplateError]:
        """The rows of each conversation, or why the template refuses it."""
        out: list[list[Row] | TemplateError | None] = [None] * len(batch)
        filled: list[tuple[int, list[_Filled]]] = []
        for number, conversation in enumerate(batch):
            try:
                if (plans := self._fill(conversation)) is not None:
                    filled.append((number, plans))
            except TemplateError as error:
                out[number] = error
        try:
            encoded = self._encode_filled([each for _, plans in filled for each in plans])
        except TemplateError:  # somebody's text is not valid Unicode
            if len(batch) > 1:
                middle = len(batch) // 2
                return [*self.encode(batch[:middle]), *self.encode(batch[middle:])]
            encoded = [None] * sum(len(plans) for _, plans in filled)
        rows = iter(encoded)
        for number, plans in filled:
            out[number] = self._rows([next(rows) for _ in plans], batch[number])
        return [
            self._plainly(batch[number]) if found is None else found for number, found in enumerate(out)
        ]

    def _plainly(self, conversation: Conversation) -> list[Row] | TemplateError:
        try:
            return [row_of(example) for example in self.template.encode(conversation, self._train_on)]
        except TemplateError as error:
            return error

    def _fill(self, conversation: Conversation) -> list[_Filled] | None:
        """What to encode of a conversation; None where a plan is missing."""
        messages, shape = self.template.arrange(conversation.messages, conversation.tools)
        if shape.has_tools:
            return None
        plans = self._plans_of(shape)
        if any(plan is None for plan in plans):
            return None
        if any(message.role == "system" for message in conversation.messages[1:]):
            return None  # no server would take it
        said = {
            "content": [message.content.strip() for message in messages],
            "thinking": [(message.thinking or "").strip() for message in messages],
        }

        def text(parts: tuple[Part, ...]) -> str:
            if len(parts) == 1 and type(parts[0]) is str:
                return parts[0]
            return "".join(
                [part if type(part) is str else said[part.field][part.message] for part in parts]
            )

        return [
            _Filled(
                plan,
                [text(plan.stretches[place]) for place in plan.varying],
                [
                    (plan.controls[each.before] if each.before >= 0 else None, text(each.lead))
                    for each in plan.answers
                ],
            )
            for plan in plans
            if plan is not None
        ]

    def _plans_of(self, shape: Shape) -> tuple[_Plan | None, ...]:
        if shape not in self._plans:
            if len(self._plans) > REMEMBERED:
                self._plans.clear()
            layouts = self.template.layouts_of(shape, self._train_on)
            self._plans[shape] = tuple(_plan(self.template, shape, layout) for layout in layouts)
        return self._plans[shape]

    # --- ids ---------------------------------------------------------------------------------

    def _encode_filled(self, filled: Sequence[_Filled]) -> list[_Coded | None]:
        """Ids of each row, where its control tokens lie, and the ids that its leads have alone."""
        import numpy

        leads = {lead for each in filled for lead in each.leads}
        self._encode_leads([lead for lead in leads if lead not in self._leads])
        rows = self._by_words(filled) if self._memory else self._by_texts(filled)
        ends = list(accumulate((len(row or b"") // 4 for row in rows), initial=0))
        ids = numpy.frombuffer(b"".join(row or b"" for row in rows), dtype="<i4")
        places = numpy.flatnonzero(self._is_control[ids])
        cuts = numpy.searchsorted(places, ends).tolist()
        found: list[_Coded | None] = []
        for number, (each, row) in enumerate(zip(filled, rows, strict=True)):
            start, end = ends[number], ends[number + 1]
            controls = (places[cuts[number] : cuts[number + 1]] - start).tolist()
            if row is None or len(controls) != len(each.plan.controls):
                found.append(None)
            else:
                alone = [self._leads[lead] for lead in each.leads]
                found.append(_Coded(each.plan, ids[start:end], row, controls, alone))
        for lead in leads:
            if len(lead[1]) > LONGEST:
                del self._leads[lead]
        if len(self._leads) > REMEMBERED:
            self._leads.clear()
        return found

    def _by_words(self, filled: Sequence[_Filled]) -> list[bytes | None]:
        assert self._memory is not None
        varying = iter(self._memory.encode([text for each in filled for text in each.varying]))
        rows: list[bytes | None] = []
        for each in filled:
            first, *others = self._constant_of(each.plan)
            parts = [first]
            for constant in others:
                parts += (next(varying), constant)
            rows.append(None if None in parts else b"".join(parts))  # type: ignore[arg-type]
        return rows

    def _constant_of(self, plan: _Plan) -> tuple[bytes | None, ...]:
        """The ids before, between and after the varying stretches: the same in every row of a plan."""
        found = self._constant.get(plan)
        if found is None:
            assert self._memory is not None
            parts: list[list[bytes | None]] = [[]]
            for place, texts in enumerate(plan.stretches):
                if place:
                    parts[-1].append(self._bytes[plan.controls[place - 1]])
                if place in plan.varying:
                    parts.append([])
                else:
                    parts[-1] += self._memory.encode(["".join(texts)])
            if len(self._constant) > REMEMBERED:
                self._constant.clear()
            found = tuple(None if None in ids else b"".join(ids) for ids in parts)  # type: ignore[arg-type]
            self._constant[plan] = found
        return found

    def _by_texts(self, filled: Sequence[_Filled]) -> list[bytes | None]:
        texts = []
        for each in filled:
            plan, varying = each.plan, iter(each.varying)
            parts = []
            for place, constant in enumerate(plan.stretches):
                if place:
                    parts.append(self._guard.scaffold(plan.controls[place - 1]))
                parts.append(next(varying) if place in plan.varying else "".join(constant))
            texts.append("".join(parts))
        return self._guard.encode_to_bytes(texts)

    def _encode_leads(self, leads: Sequence[tuple[str | None, str]]) -> None:
        """Encode ends of prompts, each after its control token, as that may take white space away."""
        texts = [self._guard.scaffold(control or "") + lead for control, lead in leads]
        for (control, lead), ids in zip(leads, self._guard.encode_to_bytes(texts), strict=True):
            if ids is not None and self._guard.unknown_id in array("i", ids):
                ids = None  # may stand for more in the row than it does here
            self._leads[control, lead] = ids[4:] if ids and control else ids

    def _rows(self, encoded: Sequence[_Coded | None], conversation: Conversation) -> list[Row] | None:
        """A conversation's rows; None where one cannot be shown to be what the plain way gives."""
        rows: list[Row] = []
        for each in encoded:
            spans = each.spans() if each is not None else None
            if each is None or spans is None:
                return None
            rows.append(
                Row(each.ids, spans, conversation.id if not rows else rows[0].conversation, True)
            )
        return rows


@dataclass(slots=True)
class _Coded:
    """A row's ids, twice, where in it the control tokens are, and the ids of its leads alone."""

    plan: _Plan
    ids: numpy.ndarray
    raw: bytes
    controls: list[int]
    alone: list[bytes | None]

    def spans(self) -> tuple[tuple[int, int], ...] | None:
        """Learned ranges of tokens; None where a row does not go on from its prompt's own ids."""
        spans: list[tuple[int, int]] = []
        for answer, alone in zip(self.plan.answers, self.alone, strict=True):
            after = self.controls[answer.before] + 1 if answer.before >= 0 else 0
            if alone is None or not self.raw.startswith(alone, 4 * after):
                return None
            begin, end = after + len(alone) // 4, self.controls[answer.stop] + 1
            if spans and spans[-1][1] == begin:
                begin = spans.pop()[0]
            spans.append((begin, end))
        return tuple(spans)
