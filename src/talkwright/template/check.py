"""What will be learned, settled before any compute: ids and labels of every row, and what is odd.

The check stage encodes the whole data set once and stores it; training reads what was checked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from talkwright.config import TemplateSection
from talkwright.errors import RequestError, TemplateError
from talkwright.pool import Order, Pool, beside
from talkwright.progress import bar
from talkwright.runs import artefact, write_json
from talkwright.template.batches import BatchEncoder, Row, row_of
from talkwright.template.show import show_examples
from talkwright.template.stored import pack, read_examples, writing
from talkwright.template.template import Template
from talkwright.types import IGNORED, Conversation, Example, Finding, Lengths, to_json

BATCH = 512  # conversations encoded at a time: their words are looked up together
SHOWN = 3  # rows kept for looking at
WORTH_IT = 2_000  # conversations from which on another process pays off: it has to learn the words, too


@dataclass
class _Places:
    """How many rows something happened to, and to which first."""

    count: int = 0
    first: str = ""

    def add(self, where: str, count: int = 1) -> None:
        self.first = self.first if self.count else where
        self.count += count


@dataclass
class _Tally:
    """What happened to the rows of a split, or of a part of it. Its size does not grow with their
    number."""

    lengths: Counter[int] = field(default_factory=Counter)
    supervised: int = 0
    too_long: _Places = field(default_factory=_Places)
    cut: _Places = field(default_factory=_Places)
    refused: _Places = field(default_factory=_Places)
    unanswered: _Places = field(default_factory=_Places)
    answers_unused: int = 0
    answers_cut: int = 0
    could_be_cut: int = 0
    longest: int = 0
    unstable_prompt: int = 0
    doubled_start: int = 0
    control_in_content: int = 0
    tools_as_text: int = 0

    def add(self, later: dict[str, Any]) -> None:
        """Add what happened to the next part of the split, a tally as `to_json` gives it."""
        self.lengths.update({int(length): count for length, count in later["lengths"].items()})
        self.longest = max(self.longest, later["longest"])
        for name in ("too_long", "cut", "refused", "unanswered"):
            getattr(self, name).add(later[name]["first"], later[name]["count"])
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + later[name])


_SUMS = ("supervised", "answers_unused", "answers_cut", "could_be_cut", "unstable_prompt",
         "doubled_start", "control_in_content", "tools_as_text")  # fmt: skip


def check_dataset(
    template: Template,
    splits: Mapping[str, Iterable[Conversation]],
    section: TemplateSection,
    *,
    out: Path,
    key: str,
    further: Callable[[Lengths], Sequence[Finding]] | None = None,
    room: int | None = None,
) -> list[Finding]:
    """Encode every split, write the check artefact, and return what was found.

    Splits are gone through once, a batch at a time, and may be read from disk meanwhile; nothing kept
    here grows with them. `further` gives findings of others (the recipe's settings), to keep with these,
    once it is known how long the rows are. `room`: the tokens that the model was made for, if that is
    known, beyond which no longer row is advised.
    Findings of severity "error" are for the caller to stop at; the artefact is written all the same,
    for reading.
    """
    tallies = {split: _Tally() for split in splits}
    encoder = BatchEncoder(template, section.train_on)
    total = sum(len(rows) if isinstance(rows, Sized) else 0 for rows in splits.values())

    def work(head: dict[str, Any], _: bytes) -> Order:
        rows = splits[head["split"]]
        assert isinstance(rows, Sequence)
        return _check_batch(encoder, rows[head["from"] : head["to"]], section)

    with artefact(out, kind="check", key=key) as folder, ExitStack() as stack:
        pool = stack.enter_context(Pool(work, beside() if total >= WORTH_IT else 0))
        shown = stack.enter_context(bar("check", total or None, "row"))
        for split, conversations in splits.items():
            with writing(folder, split) as writer:
                results = (
                    _in_pool(pool, split, len(conversations))
                    if isinstance(conversations, Sequence)
                    else (_check_batch(encoder, batch, section) for batch in _batches(conversations))
                )
                for tally, packed in results:
                    tallies[split].add(tally)
                    writer.append(packed)
                    shown.update(tally["conversations"])
        findings = _findings(template, tallies, section, room)
        if further is not None:
            findings += further({split: tally.lengths for split, tally in tallies.items()})
        write_json(folder / "findings.json", to_json(findings))
        write_json(
            folder / "tokens.json",
            {
                "template": {"fingerprint": template.fingerprint, "stop": sorted(template.stop_ids)},
                "max_length": section.max_length,
                "splits": {split: _describe(tally) for split, tally in tallies.items()},
            },
        )
        first_examples = read_examples(folder, "train")[:SHOWN]
        write_json(folder / "shown.json", show_examples(template, first_examples))
    return findings


def _in_pool(pool: Pool, split: str, count: int) -> Iterator[Order]:
    for first in range(0, count, BATCH):
        yield from pool.give({"split": split, "from": first, "to": min(first + BATCH, count)})
    yield from pool.finish()


def _batches(conversations: Iterable[Conversation]) -> Iterator[list[Conversation]]:
    rows = iter(conversations)
    while batch := list(islice(rows, BATCH)):
        yield batch


def _check_batch(
    encoder: BatchEncoder, batch: Sequence[Conversation], section: TemplateSection
) -> Order:
    """The rows of some conversations, packed for a `RowWriter`, and before them the tally as JSON."""
    template = encoder.template
    tally = _Tally()
    kept: list[Row] = []
    for conversation, rows in zip(batch, encoder.encode(batch), strict=True):
        if isinstance(rows, TemplateError):
            tally.refused.add(f"{conversation.where}: {rows}")
            if not any(message.role == "assistant" for message in conversation.messages[1:]):
                tally.unanswered.add(conversation.where)
            continue
        tally.tools_as_text += template.writes_as_text(conversation)
        tally.control_in_content += _spells_control(template, conversation)
        for whole in rows:
            row = _fit(whole, section)
            if row is not whole:
                tally.longest = max(tally.longest, len(whole.ids))
            if row is None:
                tally.too_long.add(conversation.where)
                tally.answers_unused += len(whole.spans)
                tally.could_be_cut += any(end <= section.max_length for _, end in whole.spans)
                continue
            if row is not whole:
                tally.cut.add(conversation.where)
                tally.answers_cut += len(whole.spans) - len(row.spans)
            tally.unstable_prompt += not (
                row.served or _starts_with_prompt(template, conversation, row.example())
            )
            if template.bos_id is not None:
                tally.doubled_start += row.ids[:2].tolist() == [template.bos_id] * 2
            kept.append(row)
    for row in kept:
        tally.lengths[len(row.ids)] += 1
        tally.supervised += sum(end - max(start, 1) for start, end in row.spans)
    return {**to_json(tally), "conversations": len(batch)}, pack(kept)


def fit_length(example: Example, section: TemplateSection) -> Example | None:
    """The row as it is trained on: itself, a shorter one, or None when it is too long to be used."""
    if len(example.input_ids) <= section.max_length:
        return example
    row = _fit(row_of(example), section)
    return row.example() if row else None


def _fit(row: Row, section: TemplateSection) -> Row | None:
    """As `fit_length`: a row that is cut ends after its last whole answer within `max_length`."""
    if len(row.ids) <= section.max_length:
        return row
    spans = tuple(span for span in row.spans if span[1] <= section.max_length)
    if section.too_long != "cut" or not spans:
        return None
    return Row(row.ids[: spans[-1][1]], spans, row.conversation, row.served)


def _starts_with_prompt(template: Template, conversation: Conversation, example: Example) -> bool:
    """Say whether the row before each learned run is exactly the prompt a server would make."""
    ids, labels = example.input_ids, example.labels
    starts = {n for n, x in enumerate(labels) if x != IGNORED and (n == 0 or labels[n - 1] == IGNORED)}
    for turn, message in enumerate(conversation.messages):
        if message.role == "assistant" and starts:
            try:
                prompt = tuple(template.prompt_ids(conversation.messages[:turn], conversation.tools))
            except RequestError:  # an answer to no question is never asked for
                continue
            if ids[: len(prompt)] == prompt:
                starts.discard(len(prompt))
    return not starts


def _spells_control(template: Template, conversation: Conversation) -> bool:
    texts = [text for m in conversation.messages for text in (m.text, m.thinking) if text]
    texts += conversation.tools
    spells = template.guard.spells_control
    # All at once first: what none of them together spells, none spells alone.
    return spells("\n".join(texts)) and any(map(spells, texts))


def _describe(tally: _Tally) -> dict[str, Any]:
    lengths = sorted(tally.lengths.items())
    return {
        "rows": sum(count for _, count in lengths),
        "too_long": tally.too_long.count,
        "cut": tally.cut.count,
        "refused": tally.refused.count,
        "tokens": sum(length * count for length, count in lengths),
        "supervised": tally.supervised,
        "lengths": lengths,  # [tokens, rows of that length]
    }


def _findings(
    template: Template, tallies: dict[str, _Tally], section: TemplateSection, room: int | None
) -> list[Finding]:
    def gather(name: str) -> _Places:
        found = [getattr(tally, name) for tally in tallies.values()]
        first = next((places.first for places in found if places.count), "")
        return _Places(sum(places.count for places in found), first)

    def count(name: str) -> int:
        return sum(getattr(tally, name) for tally in tallies.values())

    found: list[Finding] = []
    too_long, refused, cut = gather("too_long"), gather("refused"), gather("cut")
    enough = max((tally.longest for tally in tallies.values()), default=0)
    lost = "with {} answers in all that nobody learns"
    if not tallies["train"].lengths:
        found.append(_nothing_to_learn(template, tallies["train"], section, room))
    if too_long.count:
        severity: Literal["error", "warning"] = "error" if section.too_long == "error" else "warning"
        enough_of_it = count("could_be_cut") == too_long.count
        may_cut = section.too_long != "cut" and enough_of_it
        found.append(
            Finding(
                severity, "too_long",
                f"{too_long.count} rows are longer than {section.max_length} tokens and are not used, "
                f"{lost.format(count('answers_unused'))}; the first is {too_long.first}",
                _longer(enough, section, room, may_cut=may_cut), too_long.count,
            )
        )  # fmt: skip
    if cut.count:
        found.append(
            Finding(
                "warning", "cut",
                f"{cut.count} rows were cut after their last whole answer that fits, "
                f"{lost.format(count('answers_cut'))}; the first is {cut.first}",
                _longer(enough, section, room), cut.count,
            )
        )  # fmt: skip
    found += _refused(template, refused, gather("unanswered"))
    if unstable := count("unstable_prompt"):
        found.append(
            Finding(
                "warning", "prompt_is_not_a_prefix",
                f"in {unstable} rows the ids of the prompt, as served, are not how the training row "
                "begins (a token spans the border)",
                "remove white space at the beginning of answers", unstable,
            )
        )  # fmt: skip
    if doubled := count("doubled_start"):
        found.append(
            Finding(
                "error", "doubled_start", f"{doubled} rows begin with two start tokens",
                "the chat template writes a second one: name another template.chat_template", doubled,
            )
        )  # fmt: skip
    if spelled := count("control_in_content"):
        found.append(
            Finding(
                "note", "control_text_in_content",
                f"{spelled} conversations spell out a control token; it is encoded as plain text", "",
                spelled,
            )
        )  # fmt: skip
    found += _tools_as_text(count("tools_as_text"))
    if not template.has_system:
        found.append(
            Finding(
                "note", "no_system_role", "this template has no system role: system prompts are "
                "written before the first user message's text, in training and serving alike",
            )
        )  # fmt: skip
    return found


def _refused(template: Template, refused: _Places, unanswered: _Places) -> list[Finding]:
    """That the template refuses rows, and how many of them for want of an answer."""
    if not refused.count:
        return []
    return [
        Finding(
            "warning", "template_refuses",
            f"{refused.count} rows cannot be rendered"
            + (f", {unanswered.count} of them for want of an answer" if unanswered.count else "")
            + f"; the first is {refused.first}",
            "give them an assistant's turn after a user's, or remove them"
            if unanswered.count == refused.count
            else f"{template.instead()}; `talkwright show` says why it refuses them",
            refused.count,
        )
    ]  # fmt: skip


def _longer(longest: int, section: TemplateSection, room: int | None, may_cut: bool = False) -> str:
    """What lets rows of up to so many tokens be used, without going beyond what the model takes."""
    most = longest if room is None else min(longest, room)
    lines = [f"`template.max_length: {most}`"] * (most > section.max_length)
    lines += ["`template.too_long: cut`"] * may_cut
    if lines:
        return f"write {', or '.join(lines)}"
    return f"shorten these rows, or take a `model` that was made for more than {room} tokens"


def _nothing_to_learn(
    template: Template, tally: _Tally, section: TemplateSection, room: int | None
) -> Finding:
    """That no training row is left, with what most of them were lost by."""
    refused, unanswered, too_long = tally.refused.count, tally.unanswered.count, tally.too_long.count
    why = [
        f"{count} {what}"
        for count, what in (
            (too_long, f"are longer than {section.max_length} tokens"),
            (refused - unanswered, "are refused by the chat template"),
            (unanswered, "have no answer"),
        )
        if count
    ]
    fix = _longer(tally.longest, section, room)
    if unanswered > max(too_long, refused - unanswered):
        fix = "give the rows an assistant's turn after a user's"
    elif refused > too_long:
        fix = f"{template.instead()}; why this one takes none is said with the first of them"
    elif not too_long:
        fix = "add training rows, or hold fewer out (data.validation, data.test)"
    message = "no training row is left after rendering" + (f": {', '.join(why)}" if why else "")
    return Finding("error", "nothing_to_learn", message, fix)


def _tools_as_text(rows: int) -> list[Finding]:
    if not rows:
        return []
    return [
        Finding(
            "note", "tools_as_text", f"the template has no place for the tools of {rows} conversations: "
            "calls are written as JSON text, schemas after the system prompt", "name a "
            "template.chat_template that knows tools, or serve the model with tools as text, too", rows,
        )
    ]  # fmt: skip
