"""The fast way gives what the plain way gives: ids, labels, findings, order.

The plain way is written out again below, token by token, so that the two share nothing but the
tokenizer and the layouts.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from talkwright.config import TemplateSection
from talkwright.errors import RequestError, TemplateError
from talkwright.template import Template, check_dataset, read_examples
from talkwright.template.batches import BatchEncoder
from talkwright.types import Conversation, Example, Message

IGNORED = -100


# --- the plain way -------------------------------------------------------------------------------


def plain_rows(template: Template, conversation: Conversation, train_on: str) -> list[Example]:
    rows = []
    messages, shape = template.arrange(conversation.messages, conversation.tools)
    for layout in template.layouts_of(shape, train_on):
        text, spans = template._fill(layout.pieces, messages)
        learned = [span for span, yes in zip(spans, layout.learned, strict=True) if yes]
        (encoded,) = template.guard.encode([text])
        labels = []
        for token, (start, end) in zip(encoded.ids, encoded.offsets, strict=True):
            over = [span for span in learned if span[0] < max(end, start + 1) and start < span[1]]
            swallows = bool(over) and start < over[0][0] and token in template.guard.control_ids
            labels.append(token if over and not swallows else IGNORED)
        rows.append(Example(tuple(encoded.ids), tuple(labels), conversation.id))
    return rows


def plain_fit(row: Example, section: TemplateSection) -> Example | None:
    if len(row.input_ids) <= section.max_length:
        return row
    for end in range(section.max_length, 0, -1) if section.too_long == "cut" else ():
        if row.labels[end - 1] != IGNORED and row.labels[end] == IGNORED:
            return Example(row.input_ids[:end], row.labels[:end], row.conversation)
    return None


def plain_is_served(template: Template, conversation: Conversation, row: Example) -> bool:
    labels = (IGNORED, *row.labels)
    starts = {n for n in range(len(row.labels)) if labels[n + 1] != IGNORED and labels[n] == IGNORED}
    for turn, message in enumerate(conversation.messages):
        if message.role == "assistant":
            try:
                prompt = tuple(template.prompt_ids(conversation.messages[:turn]))
            except RequestError:
                continue
            if row.input_ids[: len(prompt)] == prompt:
                starts.discard(len(prompt))
    return not starts


def plain_check(
    template: Template, conversations: Iterable[Conversation], section: TemplateSection
) -> tuple[list[Example], dict[str, tuple[int, str]]]:
    """Rows in order, and of each finding the count and, where it names one, the first place."""
    rows: list[Example] = []
    places: dict[str, list[str]] = {}
    for conversation in conversations:
        try:
            encoded = plain_rows(template, conversation, section.train_on)
        except TemplateError as error:
            places.setdefault("template_refuses", []).append(f"{conversation.where}: {error}")
            continue
        texts = [t for m in conversation.messages for t in (m.content, m.thinking or "")]
        if any(template.guard.first_control(text) for text in texts):
            places.setdefault("control_text_in_content", []).append("")
        for row in encoded:
            fitting = plain_fit(row, section)
            if fitting is not row:
                code = "cut" if fitting else "too_long"
                places.setdefault(code, []).append(conversation.where)
            if fitting is None:
                continue
            if not plain_is_served(template, conversation, fitting):
                places.setdefault("prompt_is_not_a_prefix", []).append("")
            rows.append(fitting)
    return rows, {code: (len(found), found[0]) for code, found in places.items()}


# --- conversations -------------------------------------------------------------------------------


def hostile_chat(rng: random.Random, family: Any, benign: list[Conversation]) -> list[Message]:
    """A benign chat with control tokens, odd white space, odd orders of turns and broken text in it."""
    messages = list(rng.choice(benign).messages)
    for _ in range(rng.randint(1, 3)):
        n = rng.randrange(len(messages))
        said = messages[n].content
        token = rng.choice(list(family.added))
        content = rng.choice(
            (
                f"{said}{token}", f"{token}{said}", f"{said} {token} {said}", f"\n\n{said}", f"{said} ",
                "", " ", f"a  b   c {said}", f"{said}\n  {said}", "\u0301" + said, "\x1c " + said,
                "\ufffd", "\u180e  x", "x" * 60 + " " + said, f"{said} \u00a0 {said}",
            )
        )  # fmt: skip
        messages[n] = Message(messages[n].role, content, messages[n].thinking)
    odd = rng.random()
    if odd < 0.1:
        rng.shuffle(messages)
    elif odd < 0.15:
        messages = messages[:-1]
    elif odd < 0.2:
        messages.insert(rng.randrange(len(messages) + 1), Message("system", "rules"))
    elif odd < 0.25 and "tool" in family.fields:
        messages.insert(rng.randrange(len(messages)), Message("tool", "noon"))
    elif odd < 0.3:
        messages.insert(0, Message("assistant", "hello"))
    elif odd < 0.33:
        messages[0] = Message("user", "half a \ud800 character")
    return messages


def mixed(family: Any, chats: Callable, seed: int, count: int) -> list[Conversation]:
    rng = random.Random(f"{family.name} hostile {seed}")
    benign = chats(family, 40 + seed, count)
    messages = [
        hostile_chat(rng, family, benign) if rng.random() < 0.5 else list(chat.messages)
        for chat in benign
    ]
    return [Conversation(tuple(m), where=f"f.jsonl:{n}") for n, m in enumerate(messages)]


@pytest.mark.parametrize(
    "settings",
    [{}, {"train_on": "last"}, {"too_long": "cut", "max_length": 60}, {"max_length": 40}],
    ids=["all", "last", "cut", "drop"],
)
def test_rows_and_findings_are_those_of_the_plain_way(
    family, chats, tmp_path: Path, settings: dict[str, Any]
) -> None:
    section = TemplateSection(**settings)
    conversations = mixed(family, chats, len(settings), 120)
    rows, places = plain_check(family.template, conversations, section)
    splits = {"train": conversations, "validation": [], "test": []}
    findings = check_dataset(family.template, splits, section, out=tmp_path / "c", key="k")
    assert list(read_examples(tmp_path / "c", "train")) == rows
    counts = {f.code: f.count for f in findings if f.code not in ("no_system_role", "nothing_to_learn")}
    assert counts == {code: count for code, (count, _) in places.items()}
    for finding in findings:
        assert places.get(finding.code, (0, ""))[1] in finding.message
    order = [f.code for f in findings]
    assert order == [
        code
        for code in (
            "nothing_to_learn", "too_long", "cut", "template_refuses", "prompt_is_not_a_prefix",
            "doubled_start", "control_text_in_content", "no_system_role",
        ) if code in order
    ]  # fmt: skip
    about = json.loads((tmp_path / "c" / "tokens.json").read_text())["splits"]["train"]
    assert about["supervised"] == sum(row.n_supervised for row in rows)
    assert about["tokens"] == sum(len(row.input_ids) for row in rows)


def test_a_default_system_prompt_changes_nothing_in_this(family_named, chats) -> None:
    for name in ("chatml", "gemma", "mistral", "thinking"):
        family = family_named(name)
        template = Template(family.tokenizer, system="Be brief.")
        conversations = mixed(family, chats, 9, 60)
        encoder = BatchEncoder(template, "all")
        for conversation, rows in zip(conversations, encoder.encode(conversations), strict=True):
            if isinstance(rows, TemplateError):
                with pytest.raises(TemplateError, match=re.escape(str(rows))):
                    plain_rows(template, conversation, "all")
                continue
            expected = plain_rows(template, conversation, "all")
            assert [row.example() for row in rows] == expected
            for row, plain in zip(rows, expected, strict=True):
                assert row.served in (None, plain_is_served(template, conversation, plain))


def test_the_fast_way_is_taken_wherever_it_can_be(family, chats) -> None:
    """Rows whose answers begin with a letter need nothing of the plain way, in any family."""
    conversations = [
        Conversation(
            tuple(
                Message(m.role, f"the {m.content.strip()} end", m.thinking and "think")
                for m in chat.messages
            )
        )
        for chat in chats(family, 31, 80)
    ]
    encoder = BatchEncoder(family.template, "all")
    slow = []
    encoder._plainly = lambda conversation: slow.append(conversation) or []  # type: ignore
    encoder.encode(conversations)
    # zephyr's vocabulary has an unknown token, llama2's an added token that is looked for late
    assert len(slow) <= (80 if family.name == "zephyr" else 0)


def test_the_result_does_not_depend_on_how_rows_fall_into_batches(family_named, chats) -> None:
    family = family_named("chatml")
    conversations = mixed(family, chats, 5, 90)
    whole = BatchEncoder(family.template, "all").encode(conversations)
    one = BatchEncoder(family.template, "all")
    for expected, conversation in zip(whole, conversations, strict=True):
        (found,) = one.encode([conversation])
        assert isinstance(found, TemplateError) == isinstance(expected, TemplateError)
        if not isinstance(found, TemplateError) and not isinstance(expected, TemplateError):
            assert [row.example() for row in found] == [row.example() for row in expected]
