"""Tables in the dialects of programs that do not double quotation marks."""

from __future__ import annotations

from pathlib import Path

import pytest
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
    path = tmp_path / "a.csv"
    path.write_text("kind,kind,place,place\na,b,north,south\n")
    with pytest.raises(DataError, match=r"prompt: kind\n +completion: place"):
        read(path)
