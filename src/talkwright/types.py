"""Every value that crosses a stage border, and nothing else. Standard library only.

All are frozen. `to_json` gives plain JSON values for any of them; `from_json` is a function per
type that is read back from disk. Ids are content hashes, so equal content has an equal id.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")


# Left out of JSON where empty: what has none keeps the file and the id that it had before these came.
_OPTIONAL = frozenset(("tool_calls", "name", "tool_call_id", "tools", "rejected"))


def to_json(value: Any) -> Any:
    """Turn a value of this module, or a container of them, into plain JSON types."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: to_json(held) for name, held in _fields(value).items()}
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return value


_NAMES: dict[type, tuple[tuple[str, bool], ...]] = {}  # fields by class, and whether they are optional


def _fields(value: Any) -> Any:
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        raise TypeError(f"{type(value).__name__} is not a JSON value")
    kind = type(value)
    names = _NAMES.get(kind)
    if names is None:
        names = _NAMES[kind] = tuple((f.name, f.name in _OPTIONAL) for f in dataclasses.fields(value))
    found = {}
    for name, optional in names:
        held = getattr(value, name)
        if held or not optional:
            found[name] = held
    return found


# `default` is asked for dataclasses alone, which is several times faster than to_json on everything.
_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_fields)


_LINE = json.JSONEncoder(default=_fields)
_ascii, _unicode = json.encoder.encode_basestring_ascii, json.encoder.encode_basestring


def to_line(value: Any) -> bytes:
    """A value of this module as a line of JSON, in ASCII: `json.dumps(to_json(value))`, but faster."""
    if type(value) is Conversation and (plain := _plain_line(value)) is not None:
        return plain
    return _LINE.encode(value).encode("ascii") + b"\n"


def _plain_line(c: Conversation) -> bytes | None:
    """The line of a conversation that has words alone, put together by hand; None for any other."""
    if c.tools or c.rejected or c.facts:
        return None
    said = []
    for m in c.messages:
        if m.tool_calls or m.name or m.tool_call_id:
            return None
        thinking = "null" if m.thinking is None else _ascii(m.thinking)
        said.append(f'{{"role": "{m.role}", "content": {_ascii(m.content)}, "thinking": {thinking}}}')
    group = "null" if c.group is None else _ascii(c.group)
    where = f'"source": {_ascii(c.source)}, "where": {_ascii(c.where)}, "group": {group}, "facts": []'
    return f'{{"messages": [{", ".join(said)}], {where}}}\n'.encode("ascii")


def content_id(value: Any, length: int = 16) -> str:
    """Hash a JSON value: the first `length` hex digits of SHA-256 over its canonical JSON."""
    return _hashed(_CANONICAL.encode(value), length)


def _hashed(canonical: str, length: int = 16) -> str:
    # surrogatepass: an id must exist even for text that later turns out not to be valid Unicode.
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:length]


# --- conversations -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call an assistant makes. `arguments` is a JSON value as text, as `json.dumps` writes it, with
    the keys in the order they were read; `id` is what a result names as its `tool_call_id`."""

    name: str
    arguments: str = "{}"
    id: str | None = None

    @property
    def text(self) -> str:
        """The call as JSON text of name and arguments."""
        return f'{{"name": {json.dumps(self.name, ensure_ascii=False)}, "arguments": {self.arguments}}}'


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `thinking` is an assistant's reasoning, kept apart from what it says.

    `tool_calls` are the assistant's, after its content. On a tool's result `name` is the tool and
    `tool_call_id` the call it answers, as far as they are known.
    """

    role: Role
    content: str
    thinking: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    name: str | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        """Content and calls as one text: the calls as JSON, one a line, after the content."""
        if not self.tool_calls:
            return self.content
        return "\n".join(filter(None, [self.content, *(call.text for call in self.tool_calls)]))


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages in order, with the place they came from.

    `source` is the source's name in the recipe, `where` is "file:line" or "file:row n". `group`
    holds what must stay in one split (a thread or user id of the export), or None. `facts` is for
    evaluation: every inner tuple lists spellings of one fact, of which a right reply has one.

    `tools` are the JSON schemas, as text, of what the assistant may call. `rejected` are the turns a
    worse alternative has in place of `messages[shared:]`: both sides begin right after the same user
    turn, have equally many user turns, and end with an assistant's. Fine-tuning ignores them.
    """

    messages: tuple[Message, ...]
    source: str = ""
    where: str = ""
    group: str | None = None
    facts: tuple[tuple[str, ...], ...] = ()
    tools: tuple[str, ...] = ()
    rejected: tuple[Message, ...] = ()

    @property
    def id(self) -> str:
        """Hash of messages and tools: the same chat has the same id wherever it was read."""
        said = []
        for m in self.messages:
            if self.tools or m.tool_calls or m.name or m.tool_call_id:
                return content_id([self.messages, self.tools] if self.tools else self.messages)
            # The canonical JSON of what has words alone, put together by hand.
            thinking = "null" if m.thinking is None else _unicode(m.thinking)
            said.append(f'{{"content":{_unicode(m.content)},"role":"{m.role}","thinking":{thinking}}}')
        return _hashed(f"[{','.join(said)}]")

    @property
    def shared(self) -> int:
        """How many messages at the start are the prompt of both the chosen and the rejected turns."""
        users = [n for n, message in enumerate(self.messages) if message.role == "user"]
        after = sum(message.role == "user" for message in self.rejected)
        return users[-1 - after] + 1 if after < len(users) else 0


def conversation_from_json(value: dict[str, Any]) -> Conversation:
    """Read back what `to_json(Conversation)` wrote."""
    return Conversation(
        messages=tuple([message_from_json(message) for message in value["messages"]]),
        source=value.get("source", ""),
        where=value.get("where", ""),
        group=value.get("group"),
        facts=tuple(map(tuple, value.get("facts", ()))),
        tools=tuple(value.get("tools", ())),
        rejected=tuple(map(message_from_json, value.get("rejected", ()))),
    )


def message_from_json(value: dict[str, Any]) -> Message:
    """Read back what `to_json(Message)` wrote."""
    if "tool_calls" not in value:
        return Message(**value)
    calls = tuple(ToolCall(call["name"], call["arguments"], call["id"]) for call in value["tool_calls"])
    return Message(**{**value, "tool_calls": calls})


def spoken(conversation: Conversation) -> Conversation:
    """The conversation with its calls as text in the content: for whatever only compares words."""
    for message in conversation.messages:
        if message.tool_calls:
            break
    else:
        return conversation
    said = (dataclasses.replace(m, content=m.text, tool_calls=()) for m in conversation.messages)
    return dataclasses.replace(conversation, messages=tuple(said))


@dataclass(slots=True)
class LedgerRow:
    """The fate of one input row.

    `fate` is "kept" or "dropped"; `reason` says why a row was dropped and is None for a kept one;
    `repairs` names what was changed ("merged_turns", "stripped_html", ...); `marks` names what was
    noticed but left ("contradiction"). `format` is the shape it was read as; `copies` says how often
    a kept row is in its split. `before` is a short excerpt of the row as it was read, and
    `after` of what was kept of it. `split` is the split a kept row went to.
    """

    source: str
    where: str
    fate: Literal["kept", "dropped"]
    reason: str | None = None
    repairs: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    conversation: str | None = None
    split: str | None = None
    before: str = ""
    after: str = ""
    format: str | None = None
    copies: int = 1


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an invented conversation comes from; stored in its row under `made`.

    `of` are the ids of the training conversations it was made from, `kind` the recipe's step, `model`
    and `host` who wrote it ("local" for this machine), `prompt` the version of the instruction, and
    `request` the hash of the last request: of its text, model and settings.
    """

    of: tuple[str, ...]
    kind: str
    model: str
    host: str
    prompt: str
    request: str


# --- tokens --------------------------------------------------------------------------------------

# The label of a token that nobody learns, as PyTorch's losses and others' data sets have it.
IGNORED = -100


@dataclass(frozen=True, slots=True)
class Example:
    """One training row: `input_ids` and `labels` of equal length; labels are IGNORED or the id itself.

    `conversation` is the id of the conversation it was rendered from.
    """

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    conversation: str = ""

    @property
    def n_supervised(self) -> int:
        """How many tokens the loss is computed on."""
        # Nothing comes before the first token, so nothing predicts it.
        return sum(label != IGNORED for label in self.labels[1:])


@dataclass(frozen=True, slots=True)
class Finding:
    """Something the check stage noticed. An "error" stops the pipeline; a "warning" is reported. In the
    `fix`, `RUN` stands for the run's folder, which moves and whose findings other runs take over."""

    severity: Literal["error", "warning", "note"]
    code: str
    message: str
    fix: str = ""
    count: int = 1

    def of(self, run: Path) -> Finding:
        """The finding of this run, told with its folder."""
        return dataclasses.replace(self, fix=fix_in(run, self.fix))


def fix_in(run: Path, fix: str) -> str:
    """A finding's fix with the folder of its run, as a command line takes it."""
    return fix.replace(" RUN ", f" {shlex.quote(str(run))} ")


Lengths = Mapping[str, Mapping[int, int]]
"""Of each split: how many rows there are of each length in tokens."""


# --- replies and scores --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a reply is drawn. Temperature 0 is greedy. `stop` holds extra stop strings."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_new_tokens: int = 256
    seed: int = 0
    stop: tuple[str, ...] = ()


Finish = Literal["stop", "length", "cancelled"]


@dataclass(frozen=True, slots=True)
class Generated:
    """One continuation as an engine makes it: new ids without the stop token, why it ended, seconds."""

    ids: tuple[int, ...]
    finish: Finish
    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered. `finish` is "stop" when it ended by itself. `seconds` is wall time."""

    text: str
    finish: Finish
    n_prompt: int
    n_reply: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Score:
    """One metric on one item. `value` is None when it cannot be computed, and `why` then says so."""

    item: str
    metric: str
    value: float | None
    why: str | None = None


Verdict = Literal["better", "worse", "no evidence"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric of A against B over the same items.

    `delta` is b - a, `low` and `high` its confidence interval, all in the metric's own unit; `n`
    counts the items both could be scored on and `unscored` the others. Any of the four numbers is
    None when it cannot be computed; `why` then says so. The verdict is about B: "better" only when
    the interval excludes 0 in the good direction. `more` says, for "no evidence", roughly how many
    items would be needed to tell.
    """

    metric: str
    a: float | None
    b: float | None
    delta: float | None
    low: float | None
    high: float | None
    n: int
    unscored: int
    verdict: Verdict
    why: str | None = None
    more: int | None = None


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A base model on this machine.

    `path` is a folder with safetensors weights, tokenizer and config; `origin` says where it was
    got from; `licence` is what its files say ("unknown" when they say nothing); `digest` is the
    SHA-256 over its weights and tokenizer files.
    """

    name: str
    path: str
    origin: str
    licence: str
    digest: str


@dataclass(frozen=True, slots=True)
class Counts:
    """The sums of a row ledger; `read == kept + sum(dropped.values())` is asserted where it is made.

    All count rows, `repaired` and `marked` those that were kept. `lines` are those of each split's file,
    which has a row as often as its source is up-sampled; it is what is trained on.
    """

    read: int
    kept: int
    dropped: dict[str, int] = field(default_factory=dict)
    repaired: dict[str, int] = field(default_factory=dict)
    marked: dict[str, int] = field(default_factory=dict)
    splits: dict[str, int] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
