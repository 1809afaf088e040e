"""Rows that hold several, answers that nobody judged, languages, and answers inside code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from as_read import draft_of, entries, jsonl, read, rows_of, talks

from talkwright.config import DataSection
from talkwright.data.cleaning.clean import clean
from talkwright.types import Message

SECTION = DataSection.model_validate({"sources": [{"path": "a"}]})
ONE = [("user", "Who?"), ("assistant", "Ann.")]
OTHER = [("user", "Where?"), ("assistant", "At home.")]
ROWS = [{"prompt": "Who?", "completion": "Ann."}, {"prompt": "Where?", "completion": "At home."}]
INSTANCES = [{"input": "2 3", "output": "5"}, {"input": "", "output": "Nothing."}]


def test_pages_one_a_line_give_their_rows(tmp_path: Path) -> None:
    about = {"object": "list", "user_id": "u1"}
    pages = [{**about, "data": [row], "page": at} for at, row in enumerate(ROWS)]
    path = jsonl(tmp_path / "a.jsonl", *pages)
    assert talks(path) == [ONE, OTHER]
    assert [row.where for row in rows_of(path)] == ["a:1 (row 1)", "a:2 (row 1)"]
    assert {e.conversation.group for e in entries(path) if e.conversation} == {"u1"}
    (tmp_path / "b.json").write_text(json.dumps(pages))
    assert talks(tmp_path / "b.json") == [ONE, OTHER]
    odd = {**pages[0], "data": [*ROWS, {"tag": "x"}]}
    found = entries(jsonl(tmp_path / "c.jsonl", odd, odd))
    assert [entry.row.reason for entry in found] == ["unknown_format"] * 2


@pytest.mark.parametrize(
    "row",
    [
        {"id": "seed_0", "instruction": "Add.", "instances": INSTANCES, "is_classification": False},
        {"Definition": ["Add."], "Positive Examples": [{"input": "1 1", "output": "2"}],
         "Instances": [{"id": "1", "input": i["input"], "output": [i["output"]]} for i in INSTANCES]},
    ],
)  # fmt: skip
def test_a_task_is_asked_with_each_instance(tmp_path: Path, row: dict[str, Any]) -> None:
    told = [[("user", "Add.\n\n2 3"), ("assistant", "5")], [("user", "Add."), ("assistant", "Nothing.")]]
    for name, text in (("a.jsonl", f"{json.dumps(row)}\n"), ("b.json", json.dumps(row, indent=1))):
        (tmp_path / name).write_text(text)
        assert talks(tmp_path / name) == told
    assert talks(jsonl(tmp_path / "c.jsonl", row, row)) == told * 2


def test_an_empty_list_beside_others_is_not_the_rows_of_a_file(tmp_path: Path) -> None:
    row = {"theme": ["a", "b"], "notes": "Ann is at home.", "labels": []}
    assert len(rows_of(tmp_path / "a.json", json.dumps(row))) == 1
    assert rows_of(tmp_path / "b.json", '{"data": []}') == []


def test_answers_that_nobody_judged_are_one_row(tmp_path: Path) -> None:
    answers = [{"model": "a", "response": "Ann."}, {"model": "b", "response": "Tom."}]
    for held in (answers, ["Ann.", "Tom."]):
        row = {"instruction": "Who?", "completions": held}
        [entry] = entries(jsonl(tmp_path / "a.jsonl", row))
        assert entry.row.reason == "arena_no_winner"
    judged = [{**one, "overall_score": 5.0 - at} for at, one in enumerate(answers)]
    assert talks(jsonl(tmp_path / "b.jsonl", {"instruction": "Who?", "completions": judged})) == [ONE]


def test_of_several_worse_answers_the_first_is_the_pair() -> None:
    draft = draft_of({"prompt": "Who?", "chosen": "Ann.", "rejected": ["Tom.", "Zoe."]})
    assert ([turn.content for turn in draft.rejected], draft.marks) == (["Tom."], ("other_rejected",))
    assert draft_of({"prompt": "Who?", "chosen": ["Ann."], "rejected": ["Tom."]}).marks == ()


def test_unsafe_answers_are_marked() -> None:
    row = {"prompt": "Who?", "response": "Ann.", "category": {"theft": True}}
    assert draft_of({**row, "is_safe": False}).marks == ("perhaps_bad",)
    assert draft_of({**row, "is_safe": True}).marks == ()
    safe = {"is_response_0_safe": True, "is_response_1_safe": False}
    pair = {"prompt": "Who?", "response_0": "Tom.", "response_1": "Ann.", **safe}
    assert draft_of({**pair, "better_response_id": 1}).marks == ("perhaps_bad",)
    assert draft_of({**pair, "better_response_id": 0}).marks == ()


def test_a_broken_cell_of_turns_is_called_so() -> None:
    assert read({"id": 1, "messages": '[{"role": "user", "content": "Hi'}) == "broken_cell"
    assert read({"id": 1, "messages": "Hi"}) == "unknown_format"


# --- languages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "name"),
    [("German", "German"), ("de", "German"), ("deu", "German"), ("deu_Latn", "German"),
     ("de-AT", "German"), ("zho_Hant", "Chinese (Traditional)"), ("pbt_Arab", "Pashto"),
     ("xyz_Latn", "xyz_Latn")],
)  # fmt: skip
def test_what_is_said_in_which_language(code: str, name: str) -> None:
    row = {"input": "Who?", "output": "Wer?", "target_language": code}
    assert draft_of(row).messages[0].content == f"Translate to {name}.\n\nWho?"
    pair = {"translation": {"eng_Latn": "Who?", code: "Wer?"}}
    assert draft_of(pair).messages[0].content == f"Translate from English to {name}.\n\nWho?"
    told = {**row, "instruction": "Say it."}
    assert draft_of(told).messages[0].content == "Say it.\n\nWho?"


# --- inside code ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "said", "kept"),
    [
        ('def add(a, b):\n    """Add."""\n', "    return a + b\n", "    return a + b"),
        ("Go on: def add(a, b):\n", "\n\treturn a\n\treturn b\n", "\treturn a\n\treturn b"),
        ("int add(int a) {\n", "  return a;\n}\n", "  return a;\n}"),
        ("Who is at home?", "   Ann.\n", "Ann."),
        ("The answer:", "   Ann.\n", "Ann."),
        ("def add(a, b):\n", " a is the sum.", "a is the sum."),
    ],
)
def test_an_answer_within_code_stays_indented(asked: str, said: str, kept: str) -> None:
    found = clean((Message("user", asked), Message("assistant", said)), SECTION)
    assert not isinstance(found, str)
    assert [turn.content for turn in found[0]] == [asked.strip(), kept]
