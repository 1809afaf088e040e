"""Tables in the dialects of programs that do not double quotation marks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from as_read import draft_of, entries
from as_read import rows_of as read

from talkwright.errors import DataError

SAID = [(f'Who said "hi, {n}" first?', f'It was "Ann",\nnot "Bo" in C:\\new\\{n}"') for n in range(40)]


def table(rows: list[tuple[str, str]], mark: str = '\\"') -> str:
    def cell(text: str) -> str:
        return '"' + text.replace("\\", "\\\\" if mark != '""' else "\\").replace('"', mark) + '"'

    return "".join(",".join(map(cell, row)) + "\n" for row in [("prompt", "completion"), *rows])


def test_quotation_marks_behind_backslashes(tmp_path: Path) -> None:
    found = read(tmp_path / "a.csv", table(SAID))
    assert [tuple(row.value.values()) for row in found] == SAID
    assert {row.repairs for row in found} == {("fixed_quotes",)}
    assert found[2].where == "a:row 3 (line 6)"


def test_a_large_table_is_told_by_its_beginning(tmp_path: Path) -> None:
    rows = SAID * 3000
    text = table(rows)
    assert len(text) > 2**23
    found = read(tmp_path / "a.csv", text)
    assert [tuple(row.value.values()) for row in found] == rows


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        (table(SAID, '""'), True),  # as usual, with backslashes in it
        (table(SAID) + '"So \\"it\\" is","a","b"\n', False),  # a row of three cells
        (table(SAID) + '"So "it" is","a"\n', False),  # neither dialect
    ],
)
def test_no_other_table_is_read_so(tmp_path: Path, text: str, whole: bool) -> None:
    found = read(tmp_path / "a.csv", text)
    assert not any("fixed_quotes" in row.repairs for row in found)
    if whole:
        assert [tuple(row.value.values()) for row in found] == SAID


def test_a_table_that_can_be_read_both_ways_is_read_as_usual(tmp_path: Path) -> None:
    rows = [(f"Which folder has {n}?", f"It is \\\\server\\{n}\\\\") for n in range(3)]
    found = read(tmp_path / "a.csv", table(rows, '""'))
    assert [tuple(row.value.values()) for row in found] == rows
    assert not any("fixed_quotes" in row.repairs for row in found)


def test_names_that_stand_over_two_columns_are_shown_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"prompt: kind\n +completion: place"):
        read(tmp_path / "a.csv", "kind,kind,place,place\na,b,north,south\n")


@pytest.mark.parametrize("mark", [",", "\t"])
@pytest.mark.parametrize("word", ["\\N", "<NA>", "#N/A", "#REF!", "#VALUE!", "#DIV/0!"])
def test_what_programs_write_for_nothing_is_nothing(tmp_path: Path, word: str, mark: str) -> None:
    rows = [("Key?", word), (word, "Mat."), (f"What is {word}?", f"{word} is it"), ("Fruit?", "Apple.")]
    text = "".join(mark.join(cells) + "\n" for cells in [("prompt", "completion"), *rows])
    found = read(tmp_path / "a.csv", text)
    empty = [("Key?", ""), ("", "Mat."), *rows[2:]]
    assert [tuple(row.value.values()) for row in found] == empty
    assert json.loads(found[0].raw)["completion"] == word  # as the ledger shows it
    learnt = [entry.row.reason is None for entry in entries(tmp_path / "a.csv")]
    assert learnt == [False, False, True, True]


def test_a_turn_that_says_nothing_is_none(tmp_path: Path) -> None:
    lines = ["1,customer,Key?", "1,agent,Mat.", "1,customer,\\N", "2,customer,Key?", "2,agent,\\N"]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["conversation_id,speaker,text", *lines]))
    found = [entry.conversation for entry in entries(path)]
    assert [[turn.content for turn in talk.messages if turn.content] for talk in found if talk] == [
        ["Key?", "Mat."]
    ]


def test_what_reddit_leaves_of_a_text_is_none() -> None:
    for gone in ("[deleted]", "[removed]"):
        for row in (
            {"prompt": "Key?", "completion": gone},
            {"prompt": gone, "completion": "Mat."},
            {"prompt": "Key?", "chosen": gone, "rejected": "Mat."},
        ):
            assert "" in [turn.content for turn in draft_of(row).messages]
        assert draft_of({"prompt": "Key?", "completion": f"It is {gone}"}).messages[1].content


def test_a_cell_that_says_null_may_be_an_answer(tmp_path: Path) -> None:
    for word in ("NULL", "nan", "None", "N/A", "-"):
        (row,) = read(tmp_path / "a.csv", f"prompt,completion\nKey?,{word}\n")
        assert row.value == {"prompt": "Key?", "completion": word}
    ours = "prompt,completion,system,history,group\nWhich error?,#N/A,,,\n"  # written by an export
    assert read(tmp_path / "b.csv", ours)[0].value["completion"] == "#N/A"
