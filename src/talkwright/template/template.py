"""`Template`: a model's tokenizer and chat template as one value with a fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from talkwright.errors import RequestError, TemplateError
from talkwright.template.decode import StreamDecoder
from talkwright.template.fold import fold_calls, fold_system, fold_thinking, fold_tools
from talkwright.template.mask import Layout, label, mark
from talkwright.template.render import Piece, Renderer, Rendering, Shape, shape_of
from talkwright.template.tokens import GuardedTokenizer
from talkwright.template.tools import STYLES
from talkwright.types import Conversation, Example, Message, ToolCall

RENDERER_VERSION = 2


class Template:
    """Renders messages to token ids and labels, and ids back to text.

    `fingerprint` is a SHA-256 over everything that decides which ids come out: the template's text,
    the tokenizer, the default system prompt and this renderer's version. `stop_ids` end a reply.
    `has_system` says whether the template has a place for a system message; where it has none, a
    system message is written before the first user message's text, in training and serving alike.
    `has_tools` and `has_tool_calls` say whether it has places for schemas and for calls with their
    results; where it has none, they are written as text.
    """

    def __init__(self, tokenizer: Any, *, system: str | None = None, extra_stop_ids: Iterable[int] = ()):
        if not getattr(tokenizer, "is_fast", False):
            raise TemplateError(
                "this model has no fast tokenizer (tokenizer.json), which talkwright needs"
            )
        if not tokenizer.chat_template:
            raise TemplateError(
                "this model has no chat template. Base models have none: take the -Instruct "
                "or -chat one, or name a Jinja file in the recipe: "
                "`template: {chat_template: my_template.jinja}`"
            )
        self._tokenizer = tokenizer
        self._backend = tokenizer.backend_tokenizer
        self.guard = GuardedTokenizer(self._backend)
        self._renderer = Renderer(self._run_jinja)
        self._layouts: dict[tuple[Shape, str], tuple[Layout, ...]] = {}
        self.system = system
        self.replaces_own = False  # whether the model has another, which is not used
        self.has_system = self._probe_system()
        self._has_thinking = self._probe_thinking()
        self.has_tool_calls = self._probe_tool_calls()
        self.has_tools = self.has_tool_calls and self._probe_tools()
        self._stop = self._probe_stop()
        stops = [self.guard.control[self._stop[1]]] if self._stop else []
        if tokenizer.eos_token_id is not None:
            stops.append(tokenizer.eos_token_id)
        self.stop_ids: frozenset[int] = frozenset([*stops, *extra_stop_ids])
        self._stop_texts = [text for text, i in self.guard.control.items() if i in self.stop_ids]
        self.bos_id: int | None = tokenizer.bos_token_id
        self.fingerprint = self._fingerprint()

    @classmethod
    def load(
        cls, folder: str | Path, *, chat_template: str | None = None, system: str | None = None
    ) -> Template:
        """Read a model folder's tokenizer. `chat_template` is Jinja text to use instead of its own.

        Raises TemplateError when the folder has no usable tokenizer or template.
        """
        from transformers import AutoTokenizer

        folder = Path(folder)
        try:
            tokenizer = AutoTokenizer.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False
            )
        except Exception as error:  # the tokenizers library raises bare Exception for a damaged file
            raise TemplateError(
                f"{folder}: its tokenizer cannot be read ({' '.join(str(error).split())}). It needs a "
                "whole tokenizer.json; copy or download the model again"
            ) from error
        if isinstance(tokenizer.chat_template, dict):
            tokenizer.chat_template = tokenizer.chat_template.get("default")
        replaces = bool(chat_template is not None and tokenizer.chat_template)
        if chat_template is not None:
            tokenizer.chat_template = chat_template
        template = cls(tokenizer, system=system, extra_stop_ids=_generation_stop_ids(folder))
        template.replaces_own = replaces
        return template

    def control_written(self) -> set[int]:
        """Ids of the control tokens that the template may write: those that its text names, in whatever
        branch, and those of a plain chat, which may come of variables (`bos_token`)."""
        named = {i for text, i in self.guard.control.items() if text in self._tokenizer.chat_template}
        shape = shape_of([Message("user", "u"), Message("assistant", "a")])
        pieces = self._renderer.render(shape, add_generation_prompt=False).pieces
        words = (word for piece in pieces for word in self.guard.atoms(piece.text)[1::2])
        return named | {self.guard.control[word] for word in words}

    def instead(self) -> str:
        """What to do where this template does not suit a model or its rows."""
        own = "write `template.chat_template: null` for the model's own, or " * self.replaces_own
        return f"{own}name another `template.chat_template`"

    # --- rendering ---------------------------------------------------------------------------

    def prompt_ids(self, messages: Sequence[Message], tools: tuple[str, ...] = ()) -> list[int]:
        """Token ids of a chat up to where the assistant's next words begin.

        `tools` are JSON schemas as text. Raises RequestError for a chat the template cannot express.
        """
        self.check_messages(messages)
        try:
            messages, shape = self.arrange(messages, tools)
            rendering = self._renderer.render(shape, add_generation_prompt=True)
            return self.guard.encode_fast(self._fill(rendering.pieces, messages)[0])
        except TemplateError as error:
            raise RequestError(str(error), param="messages") from None

    def encode(
        self, conversation: Conversation, train_on: Literal["all", "last"] = "all"
    ) -> list[Example]:
        """Training rows of a conversation: one, or one per answer where the template needs that.

        Labels equal the ids on every assistant turn (all, or only the last), its tool calls included:
        all that follows the generation prompt, through the stop token. They are -100 elsewhere. An
        assistant message that comes first of all answers nothing and is not learned.
        """
        return self.encode_all([conversation], train_on)[0]

    def encode_all(
        self, conversations: Sequence[Conversation], train_on: Literal["all", "last"] = "all"
    ) -> list[list[Example]]:
        """`encode` for many conversations at once, which is several times faster."""
        rows: list[tuple[int, str, list[tuple[int, int]]]] = []
        for number, conversation in enumerate(conversations):
            messages, shape = self.arrange(conversation.messages, conversation.tools)
            for layout in self.layouts_of(shape, train_on):
                text, spans = self._fill(layout.pieces, messages)
                learned = [span for span, yes in zip(spans, layout.learned, strict=True) if yes]
                rows.append((number, text, learned))
        out: list[list[Example]] = [[] for _ in conversations]
        for (number, _, learned), encoded in zip(
            rows, self.guard.encode([text for _, text, _ in rows]), strict=True
        ):
            out[number].append(label(encoded, learned, self.guard.control_ids, conversations[number].id))
        return out

    def check_messages(self, messages: Sequence[Message]) -> None:
        """Raise RequestError, naming the message, when these messages cannot be answered."""
        if not messages:
            raise RequestError("there are no messages to answer", param="messages")
        if messages[-1].role not in ("user", "tool"):
            raise RequestError(
                f"the last message is from '{messages[-1].role}'; replies only follow a user message",
                param="messages",
            )
        for number, message in enumerate(messages):
            if message.role == "system" and number > 0:
                raise RequestError(
                    f"message {number + 1} is a system message; only the first one may be",
                    param="messages",
                )

    def arrange(
        self, messages: Sequence[Message], tools: tuple[str, ...] = ()
    ) -> tuple[list[Message], Shape]:
        """Add the default system prompt; fold in what the template has no place for. Also the shape.

        A system message goes before the first user message's text, thinking before the answer's, so
        that nothing that was said is lost.
        """
        arranged = [*messages]
        if not self._has_thinking:
            arranged = [fold_thinking(message) for message in arranged]
        if not self.has_tool_calls:
            arranged = [fold_calls(message) for message in arranged]
        if self.system is not None and (not arranged or arranged[0].role != "system"):
            arranged.insert(0, Message("system", self.system))
        if tools and not self.has_tools:
            arranged, tools = fold_tools(arranged, tools), ()
        if arranged and arranged[0].role == "system" and not self.has_system:
            arranged = fold_system(arranged)
        return arranged, shape_of(arranged, tools, results=self.has_tool_calls)

    def writes_as_text(self, conversation: Conversation) -> bool:
        """Say whether calls or schemas of a conversation become text, as the template has no place."""
        calls = any(message.tool_calls for message in conversation.messages)
        return (calls and not self.has_tool_calls) or bool(conversation.tools and not self.has_tools)

    def _fill(
        self, pieces: Sequence[Piece], messages: Sequence[Message]
    ) -> tuple[str, list[tuple[int, int]]]:
        """Put messages into pieces: the text to encode, and where in it each piece lies."""
        parts: list[str] = []
        spans: list[tuple[int, int]] = []
        position = 0
        for piece in pieces:
            if not piece.field:
                part = self.guard.scaffold(piece.text)
            elif piece.field == "tools":
                part = piece.text
            else:
                message = messages[piece.message]
                part = (message.content if piece.field == "content" else message.thinking or "").strip()
            parts.append(part)
            spans.append((position, position + len(part)))
            position += len(part)
        return "".join(parts), spans

    def _run_jinja(
        self, messages: list[dict[str, Any]], add_generation_prompt: bool, tools: list[Any] | None
    ) -> str:
        from jinja2.exceptions import TemplateError as JinjaError
        from jinja2.exceptions import TemplateSyntaxError

        try:
            text = self._tokenizer.apply_chat_template(
                messages,
                tools=tools,
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
            )
        except TemplateSyntaxError as error:
            raise TemplateError(
                f"the chat template is not valid Jinja: line {error.lineno}: "
                f"{error.message}. Correct it, or name another one in the recipe: "
                "`template: {chat_template: my_template.jinja}`"
            ) from None
        except (
            JinjaError,
            ArithmeticError,
            AttributeError,
            LookupError,
            RecursionError,
            TypeError,
            ValueError,
        ) as error:
            roles = ", ".join(message["role"] for message in messages)
            raise TemplateError(
                f"the chat template refuses this chat ({error or type(error).__name__}). Its roles are: "
                f"{roles or 'none, it is empty'}"
            ) from None
        return str(text)

    # --- masks -------------------------------------------------------------------------------

    def render_prompt(self, shape: Shape) -> Rendering:
        """A chat of this shape up to where the assistant's next words begin. Raises TemplateError."""
        return self._renderer.render(shape, add_generation_prompt=True)

    def layouts_of(self, shape: Shape, train_on: str) -> tuple[Layout, ...]:
        """The rows that a chat of this shape makes, as pieces. Raises TemplateError where it is none."""
        if shape.has_tools:  # what tools say is part of the shape: hardly any comes twice
            return self._lay_out(shape, train_on)
        key = (shape, train_on)
        if key not in self._layouts:
            if len(self._layouts) > 10_000:
                self._layouts.clear()
            self._layouts[key] = self._lay_out(key[0], train_on)
        return self._layouts[key]

    def _lay_out(self, shape: Shape, train_on: str) -> tuple[Layout, ...]:
        if self._stop is None:
            raise TemplateError(
                "the chat template writes no stop token after an answer, so the model could never learn "
                "to end one. Name a template that does: `template: {chat_template: my_template.jinja}`"
            )
        # A greeting before anybody spoke is context: no prompt exists that it would be the answer to.
        turns = [n for n, turn in enumerate(shape.turns) if n and turn.role == "assistant"]
        if not turns:
            raise TemplateError(
                "a conversation without an assistant turn that answers something teaches nothing"
            )
        if train_on == "last":
            turns = turns[-1:]
        whole = self._renderer.render(shape, add_generation_prompt=False)
        spans = [self._learned_span(whole, shape, turn) for turn in turns]
        alone = [self._lay_out_turn(shape.upto(turn + 1)) for turn in turns]
        if all(
            span is not None and whole.text[span[0] : span[1]] == learned
            for span, (_, learned) in zip(spans, alone, strict=True)
        ):
            return (mark(whole, [span for span in spans if span is not None]),)
        # Not prefix-stable: the template renders earlier turns differently once later ones follow
        # (it drops their thinking, say). Each answer is learned where it is the last one.
        return tuple(layout for layout, _ in alone)

    def _lay_out_turn(self, shape: Shape) -> tuple[Layout, str]:
        """A row that learns the last message alone, and what it learns (names in place of fields)."""
        rendering = self._renderer.render(shape, add_generation_prompt=False)
        span = self._learned_span(rendering, shape, len(shape.turns) - 1)
        if span is None:
            raise TemplateError(
                "the chat template's generation prompt is not how it writes an answer it is given, so "
                "what is trained would not be what is served. Use another one: `template: "
                "{chat_template: FILE}`"
            )
        return mark(rendering, [span]), rendering.text[span[0] : span[1]]

    def _learned_span(self, rendering: Rendering, shape: Shape, turn: int) -> tuple[int, int] | None:
        """Range of `rendering.text` from the end of turn's generation prompt through its stop token."""
        prompt = self._renderer.render(shape.upto(turn), add_generation_prompt=True)
        if not rendering.text.startswith(prompt.text):
            return None
        assert self._stop is not None
        before_stop, stop = self._stop
        # An empty answer has no piece: what is learned is then what the template writes by itself.
        after, until = len(prompt.text), len(rendering.text)
        for piece, start, end in zip(
            rendering.pieces, rendering.borders, rendering.borders[1:], strict=False
        ):
            if piece.message == turn:
                after = end
            elif piece.message > turn:
                until = min(until, start)
        if shape.turns[turn].calls:  # between a call and its stop token the template closes brackets
            ends = [(rendering.text.find(text, after, until), text) for text in self._stop_texts]
            ends = [end for end in ends if end[0] >= 0]
            return (len(prompt.text), min(ends)[0] + len(min(ends)[1])) if ends else None
        found = rendering.text.find(stop, after, until)
        filled = shape.turns[turn].content[1]
        if found < 0 or (filled and rendering.text[after:found].strip() != before_stop.strip()):
            return None
        return (len(prompt.text), found + len(stop))

    def _probe_system(self) -> bool:
        try:
            shape = shape_of([Message("system", "s"), Message("user", "u"), Message("assistant", "a")])
            self._renderer.render(shape.upto(2), add_generation_prompt=True)
            self._renderer.render(shape, add_generation_prompt=False)  # some write it in prompts alone
        except TemplateError:
            return False
        return True

    def _probe_thinking(self) -> bool:
        shape = shape_of([Message("user", "u"), Message("assistant", "a", thinking="t")])
        rendering = self._renderer.render(shape, add_generation_prompt=False)
        return any(piece.field == "thinking" for piece in rendering.pieces)

    def _probe_tool_calls(self) -> bool:
        """Say whether the template writes calls and results; sets the style in which it does."""
        if "tool_calls" not in self._tokenizer.chat_template:
            return False
        call = ToolCall("look_up", '{"word": "stop"}', "call_of_look_up")
        result = Message("tool", "halt", name="look_up", tool_call_id=call.id)
        messages = [Message("user", "u"), Message("assistant", "", tool_calls=(call,)), result]
        shape = shape_of([*messages, Message("assistant", "a")], results=True)
        for style in STYLES:
            try:
                self._renderer.render_with(style, shape)
            except TemplateError:
                continue
            self._renderer.style = style
            return True
        return False

    def _probe_tools(self) -> bool:
        word = {"word": {"type": "string", "description": "w"}}
        parameters = {"type": "object", "properties": word, "required": ["word"]}
        function = {"name": "look_up", "description": "d", "parameters": parameters}
        schema = json.dumps({"type": "function", "function": function})
        shape = shape_of([Message("user", "u")], (schema,))
        try:
            self._renderer.render(shape, add_generation_prompt=True)
        except TemplateError:
            return False
        return True

    def _probe_stop(self) -> tuple[str, str] | None:
        """What the template writes after an answer: text up to the stop token, and the stop token."""
        shape = shape_of([Message("user", "u"), Message("assistant", "a")])
        rendering = self._renderer.render(shape, add_generation_prompt=False)
        last = max(n for n, piece in enumerate(rendering.pieces) if piece.message == 1)
        after = "".join(piece.text for piece in rendering.pieces[last + 1 :])
        found = self.guard.first_control(after)
        return (after[: found[0]], found[2]) if found else None

    # --- text --------------------------------------------------------------------------------

    def decode(self, ids: Sequence[int]) -> str:
        """Text of generated ids: special tokens left out, a character cut off at the end dropped."""
        decoder = self.decoder()
        return "".join([*map(decoder.push, ids), decoder.flush()])

    def decoder(self) -> StreamDecoder:
        """A decoder for ids that arrive one by one."""
        return StreamDecoder(lambda part: str(self._backend.decode(part, skip_special_tokens=True)))

    def token_texts(self, ids: Sequence[int]) -> list[str]:
        """Each token by itself, control tokens by name, for showing."""
        return [self._backend.decode([token], skip_special_tokens=False) for token in ids]

    def _fingerprint(self) -> str:
        description = json.loads(self._backend.to_str())
        # Set by callers of a tokenizer, not by the model; they change no id that is made here.
        for key in ("truncation", "padding", "post_processor"):
            description.pop(key, None)
        facts = {
            "renderer": RENDERER_VERSION,
            "template": self._tokenizer.chat_template,
            "special": self._tokenizer.special_tokens_map,
            "stop": sorted(self.stop_ids),
            "system": self.system,
            "tokenizer": description,
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()

    def describe(self) -> dict[str, Any]:
        """What the fingerprint stands for, in brief, as JSON."""
        return {
            "fingerprint": self.fingerprint,
            "renderer": RENDERER_VERSION,
            "chat_template": self._tokenizer.chat_template,
            "system": self.system,
            "has_system": self.has_system,
            "has_tools": self.has_tools,
            "has_tool_calls": self.has_tool_calls,
            "stop": sorted(self.stop_ids),
        }

    def save(self, folder: Path) -> None:
        """Write tokenizer and template files into a model or adapter folder."""
        self._tokenizer.save_pretrained(str(folder))
        config = folder / "generation_config.json"
        if not config.exists():  # stop ids are read from there, and are part of the fingerprint
            config.write_text(json.dumps({"eos_token_id": sorted(self.stop_ids)}), encoding="utf-8")


def _generation_stop_ids(folder: Path) -> list[int]:
    """Stop ids that the model's generation_config.json names beyond the tokenizer's own."""
    path = folder / "generation_config.json"
    if not path.is_file():
        return []
    try:
        ids = json.loads(path.read_text(encoding="utf-8")).get("eos_token_id")
    except (ValueError, AttributeError) as error:
        raise TemplateError(f"{path}: not valid JSON: {error}") from None
    if isinstance(ids, int):
        return [ids]
    return [i for i in ids if isinstance(i, int)] if isinstance(ids, list) else []
