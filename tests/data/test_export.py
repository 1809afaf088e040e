"""Export: what was kept, in other programs' shapes, reads back as the same messages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkwright.config import Columns, DataSection
from talkwright.data import EXPORT_FORMATS, export_dataset, prepare, read_conversations, read_dataset
from talkwright.data.cleaning.clean import clean
from talkwright.data.export import export_row
from talkwright.data.reading.formats import read_row
from talkwright.errors import DataError
from talkwright.types import Conversation, Message

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=20).filter(
    lambda text: text.strip() == text and "think>" not in text
)


@st.composite
def conversations(draw: st.DrawFn, tools: bool = True) -> Conversation:
    turns = [Message("system", draw(WORDS))] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        turns.append(Message("user", draw(WORDS)))
        if tools and draw(st.booleans()):
            turns += [Message("assistant", draw(WORDS)), Message("tool", draw(WORDS))]
        turns.append(Message("assistant", draw(WORDS), draw(st.none() | WORDS)))
    return Conversation(tuple(turns), group=draw(st.none() | st.sampled_from(["g1", "g2"])))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(EXPORT_FORMATS), conversations())
def test_every_format_reads_back_as_the_same_messages(format: str, conversation: Conversation) -> None:
    row = export_row(conversation, format)
    if row is None:
        assert format == "alpaca"
        assert any(turn.role == "tool" for turn in conversation.messages)
        return
    draft = read_row(json.loads(json.dumps(row)), "auto", Columns())
    assert not isinstance(draft, str)
    assert draft.format == format
    cleaned = clean(draft.messages, None)
    assert not isinstance(cleaned, str)
    assert cleaned[0] == conversation.messages
    assert draft.group == conversation.group


def prepared(tmp_path: Path) -> dict[str, list[Conversation]]:
    rows = [
        {"prompt": f"What is word{n} for?", "completion": f"It is number {n * 7}."} for n in range(20)
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    section = DataSection.model_validate({"sources": [{"path": str(source)}], "test": 0.2})
    prepare(section, seed=0, out=tmp_path / "out")
    return read_dataset(tmp_path / "out")


@pytest.mark.parametrize("name", ["x.jsonl", "x.json"])
@pytest.mark.parametrize("format", EXPORT_FORMATS)
def test_files_hold_the_training_split_and_read_back(tmp_path: Path, format: str, name: str) -> None:
    dataset = prepared(tmp_path)
    [(path, rows, left)] = export_dataset(dataset, format, tmp_path / name)
    assert (path.name, rows, left) == (name, len(dataset["train"]), 0)
    back = read_conversations(path)
    assert [c.messages for c in back] == [c.messages for c in dataset["train"]]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "out", name]


def test_a_file_for_each_split(tmp_path: Path) -> None:
    dataset = prepared(tmp_path)
    written = export_dataset(dataset, "sharegpt", tmp_path / "x-{split}.jsonl")
    assert [(p.name, rows) for p, rows, _ in written] == [
        (f"x-{split}.jsonl", len(rows)) for split, rows in dataset.items()
    ]


def test_tool_turns_are_left_out_of_alpaca_and_counted(tmp_path: Path) -> None:
    turns = tuple(Message(role, "x") for role in ("user", "assistant", "tool", "assistant"))
    dataset = {"train": [Conversation(turns), Conversation(turns[:2])]}
    assert export_dataset(dataset, "alpaca", tmp_path / "a.jsonl")[0][1:] == (1, 1)


def test_what_cannot_be_exported_is_refused(tmp_path: Path) -> None:
    for format, name, message in (
        ("dpo", "a.jsonl", "no export format 'dpo'"),
        ("alpaca", "a.csv", r"\.jsonl or \.json"),
        ("alpaca", "no/a.jsonl", "cannot be written"),
    ):
        with pytest.raises(DataError, match=message):
            export_dataset({"train": []}, format, tmp_path / name)
