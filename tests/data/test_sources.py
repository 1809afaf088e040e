"""What a source may be besides a file of rows, and where its data set may go."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from as_read import jsonl

from talkwright.config import Columns, DataSection
from talkwright.data import prepare, read_conversations, read_dataset
from talkwright.data.reading.chat.turns import Draft
from talkwright.data.reading.containers import read_rows
from talkwright.data.reading.finding import find_files, passed_over
from talkwright.data.reading.kinds.frames import frame_rows
from talkwright.data.reading.shapes.formats import read_row
from talkwright.errors import DataError
from talkwright.types import Conversation

CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"order": 7}'}}
TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}

TURNS = [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "There."}]


def rows(count: int = 12) -> list[dict[str, Any]]:
    return [{"prompt": f"Where is order {n} of {n * n}?", "completion": f"On its way {n}."}
            for n in range(count)]  # fmt: skip


def section(*paths: Path, **more: Any) -> DataSection:
    sources = [{"path": str(path)} for path in paths]
    quiet = {"duplicates": "keep", "doctor": False, "pii": "keep"}
    return DataSection.model_validate({"sources": sources, **quiet, **more})


def everything(folder: Path) -> list[Conversation]:
    return [row for split in read_dataset(folder).values() for row in split]


# --- a prepared data set as a source ----------------------------------------------------------------


def test_a_prepared_data_set_is_read_as_it_was_written(tmp_path: Path) -> None:
    asked = {"role": "user", "content": "Where is order 7?"}
    told = [{"role": "assistant", "content": "", "tool_calls": [CALL]},
            {"role": "tool", "content": "On its way.", "tool_call_id": "c1"},
            {"role": "assistant", "content": "It is coming.", "reasoning_content": "Easy."}]  # fmt: skip
    file = jsonl(
        tmp_path / "a.jsonl",
        *rows(),
        {"messages": [asked, *told], "tools": [TOOL], "group": "g"},
        {"prompt": [asked], "chosen": told[2:], "rejected": [{"role": "assistant", "content": "No."}]},
        {"prompt": [asked, *told, asked], "chosen": told[2:],
         "rejected": [{"role": "assistant", "content": "Who knows."}]},
    )  # fmt: skip
    prepare(section(file), seed=0, out=tmp_path / "once")
    counts = prepare(section(tmp_path / "once"), seed=0, out=tmp_path / "twice")
    assert (counts.read, counts.kept) == (15, 15)

    def said(folder: str) -> set[Any]:
        return {
            (c.messages, c.group, c.tools, c.rejected, c.shared if c.rejected else 0)
            for c in everything(tmp_path / folder)
        }

    assert said("twice") == said("once")
    assert len([c for c in everything(tmp_path / "twice") if c.rejected]) == 2
    (tmp_path / "once" / "notes.txt").write_text("x")
    assert passed_over(tmp_path / "once") == []


def test_empty_splits_are_no_files(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "a.jsonl", *rows())
    prepare(section(file, validation=0, test=0), seed=0, out=tmp_path / "once")
    assert [name for _, name in find_files(tmp_path / "once")] == ["train.jsonl"]


def test_other_folders_of_talkwright_are_no_data(tmp_path: Path) -> None:
    about = {"kind": "evaluation", "key": "k", "files": {}, "talkwright": "1"}
    (tmp_path / "manifest.json").write_text(json.dumps(about))
    jsonl(tmp_path / "items.jsonl", *rows())
    with pytest.raises(DataError, match=r"talkwright made this folder \(evaluation\)"):
        find_files(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps(rows()[0]))  # somebody else's
    assert len(find_files(tmp_path)) == 2


# --- data frames as JSON ----------------------------------------------------------------------------

PAIRS = [{"prompt": f"Where is order {n}?", "completion": f"On its way {n}."} for n in range(12)]
BY_COLUMN = {name: {str(n): row[name] for n, row in enumerate(PAIRS)} for name in PAIRS[0]}
FRAMES: dict[str, Any] = {
    "columns": BY_COLUMN,
    "named_index": {
        name: {f"a{n}": text for n, text in column.items()} for name, column in BY_COLUMN.items()
    },
    "list": {name: [*column.values()] for name, column in BY_COLUMN.items()},
    "index": {str(n): row for n, row in enumerate(PAIRS)},
    "index_by_name": {f"row-{n}": row for n, row in enumerate(PAIRS)},
    "split": {"columns": [*PAIRS[0]], "index": [*range(12)], "data": [[*row.values()] for row in PAIRS]},
    "table": {
        "schema": {"fields": [{"name": "prompt"}], "pandas_version": "1.4.0"},
        "data": [{"index": n, **row} for n, row in enumerate(PAIRS)],
    },
    "records": PAIRS,
}


def texts(path: Path) -> list[dict[str, str]]:
    return [
        {"prompt": c.messages[0].content, "completion": c.messages[1].content}
        for c in read_conversations(path)
    ]


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("shape", FRAMES)
def test_data_frames_are_read_in_every_orientation(
    tmp_path: Path, shape: str, indent: int | None, suffix: str
) -> None:
    path = tmp_path / f"frame{suffix}"
    path.write_text(json.dumps(FRAMES[shape], indent=indent))
    assert texts(path) == PAIRS


def test_a_frame_with_holes_loses_only_those_rows(tmp_path: Path) -> None:
    held = {name: dict(column) for name, column in BY_COLUMN.items()}
    del held["completion"]["3"]
    path = tmp_path / "frame.json"
    path.write_text(json.dumps(held))
    assert texts(path) == [row for n, row in enumerate(PAIRS) if n != 3]
    named = DataSection.model_validate(
        {"sources": [{"path": str(path), "columns": {"prompt": "x", "completion": "y"}}]}
    )
    path.write_text(json.dumps({"x": held["prompt"], "y": BY_COLUMN["completion"]}))
    assert prepare(named, seed=0, out=tmp_path / "out").read == 12


def test_frames_in_the_rows_of_a_file_are_said_to_be_tables(tmp_path: Path) -> None:
    for frame in (FRAMES["columns"], FRAMES["list"]):
        path = jsonl(tmp_path / "frames.jsonl", frame, frame)
        with pytest.raises(DataError, match=r"2 × columns_not_rows .*orient='records', lines=True"):
            read_conversations(path)


def test_one_row_with_several_cells_is_no_frame() -> None:
    for row in (
        {"prompt": {"text": "Where?"}, "completion": {"text": "There."}},
        {"prompt": [TURNS[0]] * 2, "completion": [TURNS[1]] * 2},
        {"messages": TURNS},
        {"dialogue": ["Where?", "There."], "act": [1, 2]},
    ):
        assert frame_rows(row) is None, row


# --- where the data set goes ------------------------------------------------------------------------


def left(folder: Path) -> dict[str, bytes | None]:
    return {
        str(file.relative_to(folder)): file.read_bytes() if file.is_file() else None
        for file in sorted(folder.rglob("*"))
    }


def test_a_data_set_never_replaces_what_it_is_made_from(tmp_path: Path) -> None:
    home = tmp_path / "home"
    data = home / "data"
    data.mkdir(parents=True)
    file = jsonl(data / "chats.jsonl", *rows())
    prepare(section(file), seed=0, out=home / "set")
    (home / "link").symlink_to(home / "set")
    before = left(home)
    for source, out, why in (
        (home / "set", home / "set", "it is a source itself"),
        (home / "set", home / "link", "it is a source itself"),
        (home / "set" / "train.jsonl", home / "set", r"the source .*train.jsonl lies inside of it"),
        (home / "set" / "*.jsonl", home / "set", r"the source .*jsonl lies inside of it"),
        (data, data / "out", "it lies inside of the source .*data"),
        (data, home / "data" / ".." / "data" / "a" / "b", "it lies inside of the source .*data"),
        (data, home, r"the source .*chats.jsonl lies inside of it"),
        (file, file, r"the source .*chats.jsonl lies inside of it"),
    ):
        with pytest.raises(DataError, match=why):
            prepare(section(file, source), seed=0, out=out)
        assert left(home) == before, out
    assert prepare(section(file), seed=0, out=data / "beside").kept == 12  # beside the one file named


# --- what a crash leaves ----------------------------------------------------------------------------

NULS = "\0" * 4097
LINES = [json.dumps(row) + "\n" for row in PAIRS]
CELLS = [f'"{row["prompt"]}","{row["completion"]}"\n' for row in PAIRS]


def damaged(path: Path, text: str) -> tuple[list[int], list[str | None]]:
    """Which rows are read to the letter, and why the others are not."""
    path.write_bytes(text.encode())
    found = [(row.value, row.problem) for row in read_rows(path, path.name, Columns())]
    assert all((value is None) == (problem is not None) for value, problem in found)
    return [PAIRS.index(value) for value, _ in found if value], [p for _, p in found if p]


@pytest.mark.parametrize(
    ("name", "kept", "lost"),
    [
        ("between rows.jsonl", [*range(12)], 0),
        ("on a line.jsonl", [*range(12)], 1),
        ("in a row.jsonl", [*range(5), *range(6, 12)], 2),
        ("over rows.jsonl", [*range(5), *range(7, 12)], 2),
        ("up to a row.jsonl", [*range(5), *range(7, 12)], 1),
        ("in a row.csv", [*range(5), *range(6, 12)], 1),
        ("over rows.csv", [*range(5), *range(7, 12)], 1),
        ("on a line.csv", [*range(12)], 1),
        ("in a row.json", [*range(5), *range(6, 12)], 1),
        ("in a row.indented.json", [*range(5), *range(6, 12)], 1),
    ],
)
def test_a_block_of_nul_costs_the_rows_it_tore_and_no_others(
    tmp_path: Path, name: str, kept: list[int], lost: int
) -> None:
    kind = name.rsplit(".", 1)[1]
    lines = {"jsonl": LINES, "csv": CELLS, "json": []}[kind]
    text = "prompt,completion\n" * (kind == "csv") + "".join(lines)
    if kind == "json":
        text = json.dumps(PAIRS, indent=1 if "indented" in name else None)
    place = text.index("way 5")
    after = {
        "in a row": place + 2,
        "over rows": text.find("way 6"),
        "up to a row": text.find(LINES[7][:30]),
    }
    row = text.rindex("\n", 0, place) + 1 if lines else 0
    what = name.split(".")[0]
    if what in after:
        text = text[:place] + NULS + text[after[what] :]
    else:
        text = text[:row] + NULS + "\n" * (what == "on a line") + text[row:]
    assert damaged(tmp_path / name, text) == (kept, ["lost_bytes"] * lost)


def test_what_is_nul_and_little_else_is_still_binary(tmp_path: Path) -> None:
    for data in (
        b"\0" * 9000,
        b"ab" + b"\0" * 9000 + bytes(range(32)) * 9,
        "Where?\n".encode("utf-16-le") * 99,
    ):
        (tmp_path / "a.jsonl").write_bytes(data)
        with pytest.raises(DataError, match="binary file"):
            read_conversations(tmp_path / "a.jsonl")
    with tarfile.open(tmp_path / "b.jsonl", "w") as archive:
        archive.add(jsonl(tmp_path / "c.jsonl", *rows()), "c.jsonl")
    with pytest.raises(DataError, match="tar archive"):
        read_conversations(tmp_path / "b.jsonl")


# --- what a row may be ------------------------------------------------------------------------------


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_first_line_that_names_the_separator_is_obeyed(tmp_path: Path, mark: str, ends: str) -> None:
    path = tmp_path / "a.csv"
    lines = [f"sep={mark}", f"question{mark}answer", f'"Where, a; b?"{mark}There.', f"Who?{mark}I."]
    path.write_bytes(ends.join(lines).encode())
    found = list(read_rows(path, "a.csv", Columns()))
    assert [row.value for row in found] == [
        {"question": "Where, a; b?", "answer": "There."},
        {"question": "Who?", "answer": "I."},
    ]
    assert [row.where for row in found] == ["a.csv:row 1 (line 3)", "a.csv:row 2 (line 4)"]


def read(row: Any, **columns: str) -> Draft:
    found = read_row(row, "auto", Columns(**columns))
    assert not isinstance(found, str), found
    return found


def test_answers_j_and_k_are_the_better_and_the_worse() -> None:
    row = {"qid": 1, "question": "Where?", "response_j": "There.", "response_k": "No."}
    for held, chosen, rejected in (
        (row, "There.", "No."),
        ({**row, "winner": "response_k"}, "No.", "There."),
        ({**row, "winner": "j"}, "There.", "No."),
        ({**row, "score_j": 1, "score_k": 3}, "No.", "There."),
    ):
        found = read(held)
        assert found.format == "preference"
        assert [turn.content for turn in (*found.messages, *found.rejected)] == [
            "Where?",
            chosen,
            rejected,
        ]
    assert read_row({**row, "winner": "tie"}, "auto", Columns()) == "arena_tie"


def test_columns_that_are_languages_are_translations() -> None:
    asked = "Translate from English to French.\n\nHello"
    for row, columns in (
        ({"en": "Hello", "fr": "Bonjour"}, {}),
        ({"id": 7, "en": "Hello", "fr": "Bonjour", "score": 1.0}, {}),
        ({"translation": {"en": "Hello", "fr": "Bonjour"}}, {}),
        ({"fr": "Bonjour", "en": "Hello"}, {"prompt": "en", "completion": "fr"}),
        ({"de": "Hallo", "fr": "Bonjour", "en": "Hello"}, {"prompt": "en", "completion": "fr"}),
        ({"translation": {"fr": "Bonjour", "en": "Hello"}}, {"prompt": "en", "completion": "fr"}),
    ):
        found = read(row, **columns)
        assert (found.format, found.repairs) == ("translation", ("added_instruction",)), row
        assert [turn.content for turn in found.messages] == [asked, "Bonjour"], row
    # A language that may be a number, and a column that says something else.
    for row in ({"id": "Halo", "en": "Hello"}, {"en": "Hello", "fr": "Bonjour", "label": "greeting"}):
        assert read_row(row, "auto", Columns()) == "unknown_format", row
    found = read_row({"id": "Halo", "en": "Hello"}, "translation", Columns())
    assert isinstance(found, Draft)
    assert found.messages[0].content == "Translate from Indonesian to English.\n\nHalo"


def test_a_table_of_languages_needs_no_recipe(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("en,de\nHello,Hallo\n")
    [row] = read_conversations(tmp_path / "a.csv")
    assert row.messages[0].content == "Translate from English to German.\n\nHello"


ANSWER = {"index": 0, "message": TURNS[1], "finish_reason": "stop"}
ASKED = {"model": "m", "messages": [TURNS[0]], "temperature": 0}


@pytest.mark.parametrize("format", ["auto", "messages"])
@pytest.mark.parametrize(
    "row",
    [
        {"request": ASKED, "response": {"id": "x", "choices": [ANSWER]}},
        {"request": json.dumps(ASKED), "response": json.dumps({"choices": [ANSWER]})},
        {
            "request": {"url": "/v1", "body": ASKED},
            "response": {"status": 200, "body": {"choices": [ANSWER]}},
        },
        {"custom_id": "7", "body": ASKED, "response": {"body": {"choices": [ANSWER]}}, "error": None},
        {**ASKED, "choices": [ANSWER]},
        {"request": ASKED, "response": {"model": "m", "message": TURNS[1], "done": True}},
        {
            "request": ASKED,
            "response": {"role": "assistant", "content": [{"type": "text", "text": "There."}]},
        },
    ],
)
def test_logs_of_requests_are_conversations(tmp_path: Path, row: Any, format: str) -> None:
    found = read_row(row, format, Columns())
    assert isinstance(found, Draft), found
    assert (found.format, [turn.content for turn in found.messages]) == (
        "messages",
        ["Where?", "There."],
    )
    [read_again] = read_conversations(jsonl(tmp_path / "log.jsonl", row))
    assert read_again.messages == found.messages


def test_logs_keep_tools_and_tell_what_is_left_out() -> None:
    called = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    row = {
        "request": {**ASKED, "tools": [TOOL], "messages": [TURNS[0], called,
                    {"role": "tool", "tool_call_id": "c1", "content": "7"}]},
        "response": {"choices": [ANSWER, ANSWER]},
    }  # fmt: skip
    found = read(row)
    assert [turn.role for turn in found.messages] == ["user", "assistant", "tool", "assistant"]
    assert len(found.tools) == 1
    assert "other_answers" in found.marks
    for response in ({"error": {"message": "busy"}}, {"choices": []}, None):
        assert (
            read_row({"request": ASKED, "response": response}, "auto", Columns()) == "no_assistant_turn"
        )
    # Columns of these names that hold texts are still a question and its answer.
    assert read({"request": "Where?", "response": "There."}).format == "prompt_completion"
    assert read({"messages": TURNS, "response": "Elsewhere."}).messages[1].content == "There."
