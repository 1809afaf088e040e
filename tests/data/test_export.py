"""Export: what was kept, in other programs' shapes, reads back as the same messages."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkwright import pipeline
from talkwright.config import Columns, DataSection
from talkwright.data import EXPORT_FORMATS, export_dataset, prepare, read_conversations, read_dataset
from talkwright.data.cleaning.clean import clean
from talkwright.data.export import export_row
from talkwright.data.reading.containers import read_rows
from talkwright.data.reading.shapes.formats import read_row
from talkwright.errors import DataError
from talkwright.types import Conversation, Message, ToolCall, conversation_from_json, to_json

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=20).filter(
    lambda text: text.strip() == text and "think>" not in text
)


CALLS = st.builds(
    ToolCall,
    WORDS,
    st.dictionaries(WORDS, WORDS | st.integers() | st.lists(WORDS, max_size=2), max_size=2).map(
        lambda value: json.dumps(value, ensure_ascii=False)
    ),
    st.none() | st.sampled_from(["call_1", "abcdefghi"]),
)
SCHEMAS = WORDS.map(
    lambda name: json.dumps({"type": "function", "function": {"name": name}}, ensure_ascii=False)
)


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    turns = [Message("system", draw(WORDS))] if draw(st.booleans()) else []
    tools: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        turns.append(Message("user", draw(WORDS)))
        if draw(st.booleans()):
            calls = tuple(draw(st.lists(CALLS, min_size=1, max_size=2)))
            said = draw(st.sampled_from(["", "let me see"]))
            thinking = draw(st.none() | WORDS) if said else None
            turns.append(Message("assistant", said, thinking, calls))
            turns += [Message("tool", draw(WORDS), None, (), "f", call.id) for call in calls]
            tools = draw(st.lists(SCHEMAS, max_size=2))
        elif draw(st.booleans()):
            turns += [Message("assistant", draw(WORDS)), Message("tool", draw(WORDS))]
        turns.append(Message("assistant", draw(WORDS), draw(st.none() | WORDS)))
    rejected: tuple[Message, ...] = ()
    if draw(st.booleans()):
        worse = [Message("assistant", "worse"), Message("user", "why?"), Message("assistant", "so")]
        after = draw(st.sampled_from([1, 3])) if sum(turn.role == "user" for turn in turns) > 1 else 1
        rejected = tuple(worse[:after])
    return Conversation(
        tuple(turns),
        group=draw(st.none() | st.sampled_from(["g1", "g2"])),
        tools=tuple(tools),
        rejected=rejected,
    )


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(EXPORT_FORMATS), conversations())
def test_every_format_reads_back_as_the_same_messages(format: str, conversation: Conversation) -> None:
    row = export_row(conversation, format)
    if row is None:
        assert format in ("alpaca", "dpo")
        tools = conversation.tools or any(turn.role == "tool" for turn in conversation.messages)
        assert tools if format == "alpaca" else not conversation.rejected
        return
    draft = read_row(json.loads(json.dumps(row)), "auto", Columns())
    assert not isinstance(draft, str)
    assert draft.format == ("preference" if format == "dpo" else format)
    cleaned = clean(draft.messages, None)
    assert not isinstance(cleaned, str)
    assert cleaned[0] == conversation.messages
    assert (draft.group, draft.tools) == (conversation.group, conversation.tools)
    assert draft.rejected == (conversation.rejected if format == "dpo" else ())
    stored = conversation_from_json(json.loads(json.dumps(to_json(conversation))))
    assert stored == conversation


def test_shapes_of_tools_and_pairs_are_those_that_other_programs_read() -> None:
    call = ToolCall("look_up", '{"word": "a"}', "call_1")
    turns = (
        Message("user", "a?"), Message("assistant", "hm", tool_calls=(call,)),
        Message("tool", "b", name="look_up", tool_call_id="call_1"), Message("assistant", "B."),
    )  # fmt: skip
    schema = {"type": "function", "function": {"name": "look_up"}}
    chat = Conversation(turns, tools=(json.dumps(schema),), rejected=(Message("assistant", "C."),))
    openai = export_row(chat, "messages")
    assert openai == {
        "messages": [
            {"role": "user", "content": "a?"},
            {"role": "assistant", "content": "hm", "tool_calls": [
                {"id": "call_1", "type": "function",
                 "function": {"name": "look_up", "arguments": '{"word": "a"}'}}]},
            {"role": "tool", "content": "b", "name": "look_up", "tool_call_id": "call_1"},
            {"role": "assistant", "content": "B."},
        ],
        "tools": [schema],
    }  # fmt: skip
    assert export_row(chat, "sharegpt") == {
        "conversations": [
            {"from": "human", "value": "a?"},
            {"from": "gpt", "value": "hm"},
            {"from": "function_call",
             "value": '{"name": "look_up", "arguments": {"word": "a"}, "id": "call_1"}'},
            {"from": "observation", "value": "b", "name": "look_up", "tool_call_id": "call_1"},
            {"from": "gpt", "value": "B."},
        ],
        "tools": json.dumps([schema]),
    }  # fmt: skip
    pair = export_row(chat, "dpo")
    assert pair is not None
    assert pair["prompt"] == openai["messages"][:1]
    assert pair["chosen"] == openai["messages"][1:]
    assert pair["rejected"] == [{"role": "assistant", "content": "C."}]
    assert export_row(Conversation(turns), "dpo") is None
    thought = Message("assistant", "", "hm", (call,))
    assert export_row(Conversation((turns[0], thought, *turns[2:])), "sharegpt") is None


def test_a_pair_that_parts_before_the_last_question_reads_back() -> None:
    said = [Message("user", "a?"), Message("assistant", "A."), Message("user", "b?")]
    worse = (Message("assistant", "C."), Message("user", "why?"), Message("assistant", "D."))
    chat = Conversation((*said, Message("assistant", "B.")), rejected=worse)
    row = export_row(chat, "dpo")
    assert row is not None
    assert [turn["content"] for turn in row["prompt"]] == ["a?"]
    draft = read_row(row, "auto", Columns())
    assert not isinstance(draft, str)
    assert (draft.messages, draft.rejected) == (chat.messages, worse)


def test_cells_that_a_spreadsheet_would_run_are_defused_and_no_others(tmp_path: Path) -> None:
    asked = [
        "=1+1",
        "+1",
        "-1",
        "@sum",
        "\tx",
        "\rx",
        " =1",
        "a=1",
        "'=1",
        "\uff1d1+1",
        "\uff0b1",
        "\uff0d1",
        "\uff20sum",
        'ä, "b"\nc',
    ]
    chats = [
        Conversation((Message("user", text), Message("assistant", f"{text}!")), group=text)
        for text in asked
    ]
    more = (Message("user", "-2"), Message("assistant", "fine"))
    chats.append(Conversation((Message("system", "=s"), *chats[0].messages, *more)))
    with_tool = Conversation((*more, Message("tool", "x"), more[1]))
    for format, names in (
        ("prompt_completion", ("prompt", "completion")),
        ("alpaca", ("instruction", "output")),
    ):
        path = tmp_path / f"{format}.csv"
        [(_, rows, left)] = export_dataset({"train": [*chats, with_tool]}, format, path)
        assert (rows, left) == (len(chats), 1)
        with open(path, encoding="utf-8-sig", newline="") as file:
            cells = list(csv.DictReader(file))
        for text, row in zip(asked, cells, strict=False):
            defused = f"'{text}" if text.lstrip("'")[0] in "=+-@\t\r\uff1d\uff0b\uff0d\uff20" else text
            assert row[names[0]] == row["group"] == defused
            assert row[names[1]] == f"{defused}!"
        assert cells[-1]["system"] == "'=s"
        assert not any(cell.startswith(tuple("=+-@\t\r")) for row in cells for cell in row.values())
        back = read_conversations(path)
        assert back[7:] == [
            replace(chat, source=path.name, where=one.where)
            for chat, one in zip(chats[7:], back[7:], strict=True)
        ]
        assert [turn.content for turn in back[-1].messages] == ["=s", "=1+1", "=1+1!", "-2", "fine"]


def test_only_the_cells_of_an_export_are_restored(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("prompt,completion\n'=1+1,'-2\n")
    assert [turn.content for turn in read_conversations(path)[0].messages] == ["'=1+1", "'-2"]


CELL = st.text(st.sampled_from("='+-@a1\",;|\n\rä \u2028"), min_size=1, max_size=12).filter(
    lambda text: text.strip() == text and "\r" not in text  # as cleaning leaves them
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["alpaca", "prompt_completion"]),
    st.lists(st.tuples(st.lists(CELL, min_size=2, max_size=4).filter(lambda said: len(said) % 2 == 0),
                       st.none() | CELL, st.none() | CELL), min_size=1, max_size=3),
)  # fmt: skip
def test_every_csv_reads_back_as_the_same_conversations(
    format: str, chats: list[tuple[list[str], str | None, str | None]]
) -> None:
    made = []
    for said, system, group in chats:
        turns = [Message("assistant" if at % 2 else "user", text) for at, text in enumerate(said)]
        head = [Message("system", system)] if system else []
        made.append(Conversation((*head, *turns), group=group))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        export_dataset({"train": made}, format, path)
        rows = list(read_rows(path, "a", Columns()))
    drafts = [read_row(row.value, "auto", Columns()) for row in rows]
    assert [(d.messages, d.group) for d in drafts if not isinstance(d, str)] == [
        (chat.messages, chat.group) for chat in made
    ]


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
    if format == "dpo":
        worse = (Message("assistant", "worse"),)
        dataset = {split: [replace(c, rejected=worse) for c in rows] for split, rows in dataset.items()}
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


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    turns = (Message("user", "x"), Message("assistant", "y"))
    export_dataset({"train": [Conversation(turns)]}, "messages", tmp_path / "a" / "b" / "c.jsonl")
    assert len(read_conversations(tmp_path / "a" / "b" / "c.jsonl")) == 1


def test_what_cannot_be_exported_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file, no folder")
    for format, name, message in (
        ("kto", "a.jsonl", "no export format 'kto'"),
        ("alpaca", "a.txt", r"\.jsonl, \.json or \.csv"),
        ("dpo", "a.csv", r"dpo does not fit into cells; .* alpaca or prompt_completion as \.csv"),
        ("alpaca", "file/a.jsonl", "cannot be written"),
    ):
        with pytest.raises(DataError, match=message):
            export_dataset({"train": []}, format, tmp_path / name)


def test_no_file_is_replaced_by_an_export(tmp_path: Path) -> None:
    kept = tmp_path / "mine.jsonl"
    kept.write_text("mine")
    with pytest.raises(DataError, match=r"mine\.jsonl: there already, and not replaced"):
        export_dataset({"train": []}, "messages", kept)
    (tmp_path / "x-test.jsonl").write_text("mine")
    with pytest.raises(DataError, match=r"x-test\.jsonl: there already"):
        export_dataset({"train": []}, "messages", tmp_path / "x-{split}.jsonl")
    assert kept.read_text() == "mine"
    assert not (tmp_path / "x-train.jsonl").exists()
    with pytest.raises(DataError, match="two exports to one file"):
        pipeline.check_exports([("messages", tmp_path / "a.jsonl"), ("alpaca", tmp_path / "a.jsonl")])
