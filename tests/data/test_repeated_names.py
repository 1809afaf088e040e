"""Tables with one name over several columns: what differs is never lost in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from as_read import draft_of, entries, rows_of, talks

from talkwright.data.reading.kinds.repeated import told_apart
from talkwright.errors import DataError

ASKED = ["How long is line 1?", "How long is line 2?", "How long is line 3?"]
SAID = ["It is 10 km long.", "It is 20 km long.", "It is 30 km long."]
OTHER = ["10 km", "20 km", "30 km"]


def table(path: Path, columns: list[tuple[str, list[Any]]]) -> Path:
    """The same columns as a CSV or as Parquet."""
    if path.suffix == ".csv":
        rows = [[name for name, _ in columns], *zip(*(cells for _, cells in columns), strict=True)]
        path.write_text("".join(",".join(cell or "" for cell in row) + "\n" for row in rows))
        return path
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = [pa.array(cells) for _, cells in columns]
    pq.write_table(pa.Table.from_arrays(arrays, names=[name for name, _ in columns]), path)
    return path


KINDS = pytest.mark.parametrize("name", ["a.csv", "a.parquet"])


@KINDS
def test_names_that_differ_in_case_alone_are_one(tmp_path: Path, name: str) -> None:
    same = table(tmp_path / name, [("question", ASKED), ("Answer", SAID), ("answer", [None, *SAID[1:]])])
    assert [turns[1][1] for turns in talks(same)] == SAID
    path = table(tmp_path / f"b{name}", [("question", ASKED), ("Answer", SAID), ("answer ", OTHER)])
    with pytest.raises(DataError, match=r"'Answer' and 'answer '.*one name.*\n.*say which is meant"):
        rows_of(path)
    for chosen, said in (("Answer", SAID), ("answer ", OTHER)):
        found = [turns[1][1] for turns in talks(path, columns={"completion": chosen})]
        assert found == said


def test_text_of_a_second_key_that_differs_in_case_is_not_lost_unseen() -> None:
    row = {"Prompt": "How long?", "prompt": "How wide?", "completion": "10 km."}
    assert draft_of(row).marks == ("unused_prompt",)
    assert draft_of({**row, "prompt": "How long?"}).marks == ()


@KINDS
@pytest.mark.parametrize("again", [SAID, [None, None, None], [SAID[0], None, SAID[2]]])
@pytest.mark.parametrize("first", [True, False])
def test_what_says_the_same_or_nothing_is_one(
    tmp_path: Path, name: str, again: list[Any], first: bool
) -> None:
    both = [("answer", SAID), ("answer", again)]
    path = table(tmp_path / name, [("question", ASKED), *(both if first else both[::-1])])
    found = [[("user", q), ("assistant", a)] for q, a in zip(ASKED, SAID, strict=True)]
    assert talks(path) == found
    assert {row.repairs for row in rows_of(path)} == {()}


@KINDS
def test_what_differs_is_refused_by_name_and_the_recipe_may_choose(tmp_path: Path, name: str) -> None:
    different = [SAID[0], *OTHER[1:]]
    columns = [("question", ASKED), ("answer", SAID), ("answer", different)]
    path = table(tmp_path / name, columns)
    with pytest.raises(DataError, match=r"2 columns are called 'answer'.*row 2.*\n.*'answer.1'") as told:
        rows_of(path)
    assert "completion: answer.1" in str(told.value)
    for chosen, said in (("answer", SAID), ("answer.1", different)):
        found = [turns[1][1] for turns in talks(path, columns={"completion": chosen})]
        assert found == said


@KINDS
def test_repeated_texts_of_messages_are_refused(tmp_path: Path, name: str) -> None:
    spoken = ["user", "assistant", "user"]
    columns = [("chat_id", ["1", "1", "2"]), ("role", spoken), ("text", ASKED), ("text", SAID)]
    with pytest.raises(DataError, match=r"called 'text'.*\n.*names of their own"):
        rows_of(table(tmp_path / name, columns))


@KINDS
def test_what_no_row_depends_on_may_be_there_twice(tmp_path: Path, name: str) -> None:
    columns = [("question", ASKED), ("note", SAID), ("note", OTHER), ("answer", SAID)]
    found = entries(table(tmp_path / name, columns))
    assert {entry.row.repairs for entry in found} == {("repeated_key",)}
    assert [entry.conversation.messages[1].content for entry in found if entry.conversation] == SAID
    assert "note.1" in found[0].row.before


def test_columns_without_a_name_are_not_repeated(tmp_path: Path) -> None:
    found = rows_of(tmp_path / "a.csv", f"question,answer,,\n{ASKED[0]},{SAID[0]},x,y\n")
    assert [row.value for row in found] == [{"question": ASKED[0], "answer": SAID[0]}]
    assert found[0].repairs == ()


def test_names_are_told_apart_as_pandas_does() -> None:
    assert told_apart(["a", "b", "a", "", "a", ""]) == ["a", "b", "a.1", "", "a.2", ""]
    assert told_apart(["a", "a.1", "a", "a.1", "a"]) == ["a", "a.1", "a.2", "a.1.1", "a.3"]
    many = ["a"] * 20_000
    assert len({*told_apart(many)}) == len(many)
