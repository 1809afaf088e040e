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


ASKED = [(f"How long is line {n}, please?", f"It is {n} km long.") for n in range(4)]
ROWS = "".join(f'"{question}","{answer}"\n' for question, answer in ASKED)


@pytest.mark.parametrize(
    ("titles", "mark"),
    [
        ("Export of 2024-01-02\n\n", ","),
        ("Export of 2024-01-02\n", ","),
        ("Tickets,\nGenerated 2024-01-02,\n,\n", ","),  # as Excel fills lines up
        ("Export of tickets, 2 January\n\n", ","),  # as many cells as the names, and apart from them
        ('"Lines, all"\r\nFrom: "Ann"\n', ","),
        ("Conversations\n\n", ","),  # known as the name of a column, but narrower than the rows
        ("Lines\nof 2024\n\n", "\t"),
        ("sep=;\nExport of 2024-01-02\n\n", ";"),
    ],
)
def test_lines_above_the_names_are_passed_over_and_said(tmp_path: Path, titles: str, mark: str) -> None:
    rows = ROWS.replace('","', f'"{mark}"')
    found = read(tmp_path / "a.csv", f"{titles}question{mark}answer\n{rows}")
    assert [tuple(row.value.values()) for row in found] == ASKED
    assert [row.repairs for row in found] == [("removed_title",), (), (), ()]
    line = titles.count("\n") + 2
    assert [row.where for row in found][:2] == [f"a:row {n + 1} (line {line + n})" for n in range(2)]
    shown = " ".join(text.strip() for text in titles.removeprefix("sep=;").split("\n") if text.strip())
    assert found[0].raw.startswith(shown.strip())


@pytest.mark.parametrize(
    "text",
    [
        f"Export of 2024-01-02\n\nfirst,second\n{ROWS}",  # no known names
        f"Export of 2024-01-02\n\nquestion,answer\n{ROWS}Total: 4\n",  # not all rows are as wide
        "Export of 2024-01-02\n\nquestion,answer\n",  # nothing below
        f"Lines,long\nquestion,answer\n{ROWS}",  # may be a row of a table without names
        "Export\n" * 30 + f"question,answer\n{ROWS}",
    ],
)
def test_what_stands_above_is_never_guessed(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="columns"):
        read(tmp_path / "a.csv", text)


def test_titles_of_a_large_table(tmp_path: Path) -> None:
    found = read(tmp_path / "a.csv", "Export of 2024-01-02\n\nquestion,answer\n" + ROWS * 50_000)
    assert len(found) == 200_000
    assert [found[0].repairs, found[-1].where] == [("removed_title",), "a:row 200000 (line 200003)"]


def test_the_names_that_the_recipe_gives_are_looked_for_below_titles(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"Export, all\n\nwas,dann\n{ROWS}")
    found = entries(path, columns={"prompt": "was", "completion": "dann"})
    assert [entry.row.fate for entry in found] == ["kept"] * 4
    assert found[0].row.before.startswith("Export, all")
