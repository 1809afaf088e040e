"""Files put one behind the other: the rows of all are read, and what is none is said to be none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from as_read import draft_of, entries, rows_of, talks

from talkwright.data.reading import containers

ROWS = [{"prompt": f"Key {n}?", "completion": f"Mat {n}."} for n in range(6)]
SAID = [[("user", row["prompt"]), ("assistant", row["completion"])] for row in ROWS]


@pytest.mark.parametrize("between", ["", "\n", "\n\n"])
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("large", [False, True])
def test_arrays_one_behind_the_other_give_the_rows_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, between: str, indent: int | None, large: bool
) -> None:
    parts = [ROWS[:3], ROWS[3:5], *([[]] if indent else []), ROWS[5:]]
    (tmp_path / "a.json").write_text(between.join(json.dumps(part, indent=indent) for part in parts))
    if large and indent:
        monkeypatch.setattr(containers, "_SMALL", 40)
        monkeypatch.setattr(containers, "_LARGEST", 80)
    assert talks(tmp_path / "a.json") == SAID


def test_what_stands_behind_the_rows_of_a_large_object_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "_SMALL", 40)
    monkeypatch.setattr(containers, "_LARGEST", 80)
    path = tmp_path / "a.json"
    held = json.dumps(ROWS[:5], indent=1)
    for behind in (f', "n": 1, "more": {json.dumps(ROWS[5:], indent=1)}}}', "}\n{}"):
        *rows, last = rows_of(path, f'{{\n"rows": {held}{behind}')
        assert [row.value for row in rows] == ROWS[:5]
        assert (last.value, last.problem) == (None, "unknown_format")
    for behind in ("}", ', "n": [1, 2], "about": {"a": []}, "none": []}\n'):
        assert [row.value for row in rows_of(path, f'{{\n"rows": {held}{behind}')] == ROWS[:5]


def test_a_conversation_that_is_an_array_stays_one_behind_an_array(tmp_path: Path) -> None:
    talk = [{"role": "user", "content": "Key?"}, {"role": "assistant", "content": "Mat."}]
    rows = rows_of(tmp_path / "a.json", f"{json.dumps(ROWS[:2], indent=1)}\n{json.dumps(talk)}")
    assert [row.value for row in rows] == [*ROWS[:2], talk]


NAMES = [("prompt", "completion"), ("completion", "prompt")]


@pytest.mark.parametrize("again", NAMES)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_names_of_columns_once_more_are_no_row_and_count_from_there(
    tmp_path: Path, again: tuple[str, str], mark: str
) -> None:
    lines = [("prompt", "completion"), *((row["prompt"], row["completion"]) for row in ROWS[:3])]
    lines += [(mark + again[0], again[1]), *((row[again[0]], row[again[1]]) for row in ROWS[3:])]
    path = tmp_path / "a.csv"
    path.write_text("".join(",".join(line) + "\n" for line in lines))
    found = entries(path)
    assert [(e.row.where, e.row.reason) for e in found if e.row.reason] == [
        ("a.csv:row 4 (line 5)", "repeated_header")
    ]
    assert [
        [(m.role, m.content) for m in e.conversation.messages] for e in found if e.conversation
    ] == SAID


def test_a_row_that_only_begins_with_a_name_is_a_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("question,answer\nquestion,What is it?\nanswer,answer\nWhy?,question\n")
    assert [talk[0][1] for talk in talks(path)] == ["question", "answer", "Why?"]


@pytest.mark.parametrize(
    ("row", "asked"),
    [
        ({"source": "Key", "target": "Schlüssel", "target_lang": "de"}, "Translate to German.\n\nKey"),
        ({"src": "Key", "tgt": "Schlüssel", "src_lang": "en", "tgt_lang": "German"},
         "Translate from English to German.\n\nKey"),
        ({"text": "Key", "translation": "Schlüssel", "targetLang": "de-AT"},
         "Translate to German.\n\nKey"),
    ],
)  # fmt: skip
def test_the_language_of_a_translation_may_stand_in_a_column(row: dict[str, Any], asked: str) -> None:
    found = draft_of(row)
    assert (found.format, found.repairs) == ("translation", ("added_instruction",))
    assert [turn.content for turn in found.messages] == [asked, "Schlüssel"]


def test_further_good_answers_are_marked() -> None:
    assert draft_of({"question": "Key?", "answers": ["Mat.", "Rug."]}).marks == ("other_answers",)
    same = {"question": "Key?", "answers": {"text": ["Mat.", "Mat."], "answer_start": [1, 1]}}
    assert draft_of(same).marks == draft_of({"question": "Key?", "answers": ["Mat."]}).marks == ()
