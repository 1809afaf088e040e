"""The repair that the ledger names is the one that was done, and a reason says what was found."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from as_read import rows_of as read

from talkwright.data.reading.mending.repair import Reading, read_line

SAYS = 'See http://x.y/z#1, "//" and # or /* this */, it\'s 5\' 10" tall: [1, 2, 3,]'
ROW: dict[str, Any] = {
    "messages": [{"role": "user", "content": SAYS}, {"role": "assistant", "content": "So, é."}],
    "id": 7,
}
GOOD = {"prompt": "Key?", "completion": "Mat."}
LINE = json.dumps(ROW, ensure_ascii=False)


def one(line: str) -> Reading:
    (reading,) = read_line(line)
    return reading


@pytest.mark.parametrize(
    ("line", "repairs"),
    [
        (LINE.replace("}]", "},]")[:-1] + ",}", ("removed_trailing_comma",)),
        (LINE + ",", ("removed_trailing_comma",)),
        (LINE.replace("}, {", "},, {"), ("removed_trailing_comma",)),
        (LINE.replace("}, {", "} , , {"), ("removed_trailing_comma",)),
        (LINE.replace('", "', '",, "'), ("removed_trailing_comma",)),
        (str(ROW).replace("}, {", "},, {"), ("python_literal", "removed_trailing_comma")),
        (LINE + " // a row", ("removed_comment",)),
        (LINE.replace('"messages": ', '"messages": /* turns */ '), ("removed_comment",)),
        (
            LINE.replace('"messages": ', '"messages": /* turns */ ')[:-1] + ",}",
            ("removed_comment", "removed_trailing_comma"),
        ),
    ],
)
def test_the_repair_that_is_named_is_the_one_that_was_done(line: str, repairs: tuple[str, ...]) -> None:
    assert one(line) == Reading(ROW, line, None, repairs)


def test_a_comma_too_many_is_only_taken_out_between_values() -> None:
    said = {"prompt": "[1,,2] or {1,, 2}?", "completion": "a,, b", "numbers": [1, 2]}
    line = json.dumps(said).replace("[1, 2]", "[1,,2]")
    assert one(line) == Reading(said, line, None, ("removed_trailing_comma",))
    for torn in ("[1,,,2]", "[,1,2]", "[,,1]", "{,}"):
        assert one(json.dumps(said).replace("[1, 2]", torn)).problem == "not_json", torn


def test_a_json_file_without_comments_has_lost_none(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("[\n" + LINE[:-1] + ",},\n" + json.dumps(GOOD) + "\n]")
    assert [row.repairs for row in read(path)] == [("removed_trailing_comma",)] * 2
    path.write_text("// rows\n[\n" + LINE + ",\n" + json.dumps(GOOD) + "\n]")
    assert [row.repairs for row in read(path)] == [("removed_comment",)] * 2


@pytest.mark.parametrize(
    ("written", "value"), [("undefined", None), ("NULL", None), ("TRUE", True), ("FALSE", False)]
)
def test_what_other_languages_call_nothing_true_and_false(written: str, value: Any) -> None:
    wanted = {**ROW, "z": value, "y": [value]}
    line = LINE[:-1] + f', "z": {written}, "y": [{written}]}}'
    assert one(line) == Reading(wanted, line, None, ("foreign_literal",))
    assert one(line.replace(written, written + "1")).problem == "not_json"
    said = json.dumps({"prompt": written, "completion": f"It is {written}."})
    assert one(said).repairs == ()


@pytest.mark.parametrize("before", ["callback(", "/**/ jQuery17_3.done (", "a.b.c( "])
@pytest.mark.parametrize("after", [")", ");", " ) ;"])
def test_a_row_in_a_call_is_taken_out(before: str, after: str) -> None:
    line = before + LINE + after
    assert one(line) == Reading(ROW, line, None, ("removed_call",))
    assert one(before + LINE[:-1] + after).problem == "not_json"


def test_escapes_of_javascript_are_read_where_they_can_be_nothing_else() -> None:
    line = LINE.replace("'", "\\x27").replace("é", "\\xe9").replace("/*", "\\x2f*")
    assert one(line) == Reading(ROW, line, None, ("fixed_escape",))
    for path in ("C:\\xampp", "D:\\x64", "a\\x86 b", "a\\x00b"):
        assert (
            one(f'{{"prompt": "Where?", "completion": "In {path}"}}').value is None
            or "\\" in (one(f'{{"prompt": "Where?", "completion": "In {path}"}}').value["completion"])
        )


def test_sound_json_that_is_not_read_says_why(tmp_path: Path) -> None:
    rest = json.dumps(GOOD)[1:]
    deep = '{"x": ' + "[" * 100_000 + "]" * 100_000 + ", " + rest
    number = '{"x": ' + "9" * 5000 + ", " + rest
    for line, reason in ((deep, "too_deep"), (number, "number_too_long")):
        assert one(line).problem == reason
        good = json.dumps(GOOD)
        for name, text in (
            ("a.jsonl", f"{good}\n{line}\n{good}\n"),
            ("a.json", f"[{good},\n{line},\n{good}]"),
        ):
            (tmp_path / name).write_text(text)
            assert [row.problem for row in read(tmp_path / name)] == [None, reason, None]
        (tmp_path / "b.json").write_text(f"[{good},\n{line}]")
        assert [row.problem for row in read(tmp_path / "b.json")] == [None, reason]
    assert one('{"a": b c}').problem == "not_json"


@pytest.mark.parametrize("quoted", [True, False])
def test_an_endless_cell_is_one_row(tmp_path: Path, quoted: bool) -> None:
    mark = '"' * quoted
    for size in (5 * 2**20, 21 * 2**20):
        path = tmp_path / "a.csv"
        path.write_text(f"prompt,completion\nKey?,Mat.\nq2,{mark}{'a' * size}{mark}\nq3,a3 ok\nq4,a4\n")
        start = time.monotonic()
        rows = read(path)
        assert [row.problem for row in rows] == [None, "line_too_long", None, None]
        assert [row.where for row in rows][1:] == ["a:row 2 (line 3)", "a:row 3 (line 4)",
                                                   "a:row 4 (line 5)"]  # fmt: skip
        assert [row.repairs for row in rows] == [()] * 4
        assert time.monotonic() - start < 20


def test_an_open_quote_before_an_endless_cell_is_a_row_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f'prompt,completion\nq1,"open\nq2,{"a" * 5 * 2**20}\nq3,a3\n')
    assert [row.problem for row in read(path)][:2] == ["broken_quotes", "line_too_long"]


def test_an_endless_value_is_too_long_and_not_cut_off(tmp_path: Path) -> None:
    good = json.dumps(GOOD)
    path = tmp_path / "a.json"
    path.write_text(f'[{good},"{"a" * 34 * 2**20}",{good}]')
    assert [row.problem for row in read(path)] == [None, "line_too_long", None]
