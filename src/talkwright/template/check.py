"""What will be learned, settled before any compute: ids and labels of every row, and what is odd.

The check stage encodes the whole data set once and stores it; training reads what was checked.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from talkwright.config import TemplateSection
from talkwright.errors import ArtefactError, RequestError, TemplateError
from talkwright.progress import bar
from talkwright.runs import artefact, write_json
from talkwright.template.mask import IGNORED
from talkwright.template.show import show_examples
from talkwright.template.template import Template
from talkwright.types import Conversation, Example, Finding, to_json

BATCH = 256  # conversations encoded at a time: enough to keep both cores of a laptop busy


@dataclass
class _Tally:
    """What happened to the rows of one split."""

    rows: list[Example] = field(default_factory=list)
    too_long: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    unstable_prompt: int = 0
    doubled_start: int = 0
    control_in_content: int = 0


def check_dataset(
    template: Template,
    splits: Mapping[str, Sequence[Conversation]],
    section: TemplateSection,
    *,
    out: Path,
    key: str,
    further: Sequence[Finding] = (),
) -> list[Finding]:
    """Encode every split, write the check artefact, and return what was found.

    `further` are findings of others (the recipe's settings) to keep with these. Findings of severity
    "error" are for the caller to stop at; the artefact is written all the same, for reading.
    """
    since = time.time()
    tallies: dict[str, _Tally] = {}
    total = sum(len(conversations) for conversations in splits.values())
    with bar("check", total, "row") as shown:
        for split, conversations in splits.items():
            tallies[split] = _Tally()
            for start in range(0, len(conversations), BATCH):
                batch = conversations[start : start + BATCH]
                _encode_batch(template, batch, section, tallies[split])
                shown.update(len(batch))
    findings = [*_findings(template, tallies, section), *further]
    with artefact(out, kind="check", key=key, since=since) as folder:
        write_json(folder / "findings.json", to_json(findings))
        write_json(
            folder / "tokens.json",
            {
                "template": {"fingerprint": template.fingerprint, "stop": sorted(template.stop_ids)},
                "max_length": section.max_length,
                "splits": {split: _describe(tally) for split, tally in tallies.items()},
            },
        )
        write_json(folder / "shown.json", show_examples(template, tallies["train"].rows[:3]))
        for split, tally in tallies.items():
            write_examples(folder, split, tally.rows)
    return findings


def _encode_batch(
    template: Template, batch: Sequence[Conversation], section: TemplateSection, tally: _Tally
) -> None:
    try:
        encoded = template.encode_all(batch, section.train_on)
    except TemplateError as error:
        if len(batch) > 1:  # one row that the template refuses must not take the others with it
            for conversation in batch:
                _encode_batch(template, [conversation], section, tally)
            return
        tally.refused.append(f"{batch[0].where}: {error}")
        return
    for conversation, examples in zip(batch, encoded, strict=True):
        tally.control_in_content += _spells_control(template, conversation)
        for example in examples:
            fitting = fit_length(example, section)
            if fitting is not example:
                (tally.too_long if fitting is None else tally.cut).append(conversation.where)
            if fitting is None:
                continue
            example = fitting
            tally.unstable_prompt += not _starts_with_prompt(template, conversation, example)
            tally.doubled_start += (
                template.bos_id is not None and example.input_ids[:2] == (template.bos_id,) * 2
            )
            tally.rows.append(example)


def fit_length(example: Example, section: TemplateSection) -> Example | None:
    """The row as it is trained on: itself, a shorter one, or None when it is too long to be used."""
    if len(example.input_ids) <= section.max_length:
        return example
    return _cut(example, section.max_length) if section.too_long == "cut" else None


def _cut(example: Example, max_length: int) -> Example | None:
    """End a row after its last whole answer within `max_length`; None when no answer fits whole."""
    labels = example.labels
    for end in range(max_length, 0, -1):
        if labels[end - 1] != IGNORED and labels[end] == IGNORED:
            return Example(example.input_ids[:end], labels[:end], example.conversation)
    return None


def _starts_with_prompt(template: Template, conversation: Conversation, example: Example) -> bool:
    """Say whether the row before each learned run is exactly the prompt a server would make."""
    ids, labels = example.input_ids, example.labels
    starts = {n for n, x in enumerate(labels) if x != IGNORED and (n == 0 or labels[n - 1] == IGNORED)}
    for turn, message in enumerate(conversation.messages):
        if message.role == "assistant" and starts:
            try:
                prompt = tuple(template.prompt_ids(conversation.messages[:turn]))
            except RequestError:  # an answer to no question is never asked for
                continue
            if ids[: len(prompt)] == prompt:
                starts.discard(len(prompt))
    return not starts


def _spells_control(template: Template, conversation: Conversation) -> bool:
    return any(
        template.guard.first_control(text)
        for message in conversation.messages
        for text in (message.content, message.thinking or "")
    )


def _describe(tally: _Tally) -> dict[str, Any]:
    lengths = [len(example.input_ids) for example in tally.rows]
    return {
        "rows": len(tally.rows),
        "too_long": len(tally.too_long),
        "cut": len(tally.cut),
        "refused": len(tally.refused),
        "tokens": sum(lengths),
        "supervised": sum(example.n_supervised for example in tally.rows),
        "lengths": lengths,
    }


def _findings(template: Template, tallies: dict[str, _Tally], section: TemplateSection) -> list[Finding]:
    def gather(name: str) -> list[str]:
        return [where for tally in tallies.values() for where in getattr(tally, name)]

    def count(name: str) -> int:
        return sum(getattr(tally, name) for tally in tallies.values())

    found: list[Finding] = []
    too_long, refused, cut = gather("too_long"), gather("refused"), gather("cut")
    if not tallies["train"].rows:
        found.append(
            Finding(
                "error", "nothing_to_learn", "no training row is left after rendering",
                "raise template.max_length, or look at the other findings",
            )
        )  # fmt: skip
    if too_long:
        severity: Literal["error", "warning"] = "error" if section.too_long == "error" else "warning"
        found.append(
            Finding(
                severity, "too_long",
                f"{len(too_long)} rows are longer than {section.max_length} tokens and are not used; "
                f"the first is {too_long[0]}",
                "raise template.max_length, or set template.too_long: cut", len(too_long),
            )
        )  # fmt: skip
    if cut:
        found.append(
            Finding(
                "warning", "cut", f"{len(cut)} rows were cut after their last whole answer that fits; "
                f"the first is {cut[0]}", "raise template.max_length", len(cut),
            )
        )  # fmt: skip
    if refused:
        found.append(
            Finding(
                "warning", "template_refuses",
                f"{len(refused)} rows cannot be rendered; the first is {refused[0]}",
                "see `talkwright show` for the reason, or name another template.chat_template",
                len(refused),
            )
        )  # fmt: skip
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
    if not template.has_system:
        found.append(
            Finding(
                "note", "no_system_role", "this template has no system role: system prompts are "
                "written before the first user message's text, in training and serving alike",
            )
        )  # fmt: skip
    return found


# --- encoded splits on disk ----------------------------------------------------------------------


def write_examples(folder: Path, split: str, rows: Sequence[Example]) -> None:
    """Store examples as flat arrays: `ids` (int32), `learned` (uint8), `ends` (int64 row borders)."""
    import numpy
    from safetensors.numpy import save_file

    arrays = {
        "ids": numpy.array([i for row in rows for i in row.input_ids], dtype=numpy.int32),
        "learned": numpy.array([x != IGNORED for row in rows for x in row.labels], dtype=numpy.uint8),
        "ends": numpy.cumsum([0, *(len(row.input_ids) for row in rows)], dtype=numpy.int64),
    }
    names = json.dumps([row.conversation for row in rows])
    save_file(arrays, folder / f"{split}.safetensors", metadata={"conversations": names})


def read_examples(folder: Path, split: str) -> list[Example]:
    """Read back a split that `check_dataset` stored."""
    from safetensors import SafetensorError, safe_open

    path = folder / f"{split}.safetensors"
    try:
        with safe_open(path, framework="numpy") as file:
            ids, learned, ends = (file.get_tensor(name).tolist() for name in ("ids", "learned", "ends"))
            names = json.loads(file.metadata()["conversations"])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise ArtefactError(f"{path}: missing or damaged: {error}") from None
    return list(_rows(ids, learned, ends, names))


def _rows(ids: list[int], learned: list[int], ends: list[int], names: list[str]) -> Iterable[Example]:
    for name, start, end in zip(names, ends, ends[1:], strict=False):
        row = ids[start:end]
        labels = [i if yes else IGNORED for i, yes in zip(row, learned[start:end], strict=True)]
        yield Example(tuple(row), tuple(labels), name)
