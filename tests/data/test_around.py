"""What stands around rows, behind them or in between: comments, quotes, prefixes, torn lines."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from talkwright.config import Columns
from talkwright.data.reading import containers
from talkwright.data.reading.containers import read_rows

ROWS = [
    {"prompt": f'What\'s {n}, "really"? “So”', "completion": f"It's {n}: x // y /* z */ http://a.b, }}"}
    for n in range(4)
]


@pytest.mark.parametrize(
    ("damage", "repair"),
    [
        (lambda row: re.sub(r'"(prompt|completion)":', "“\\1”:", row), "fixed_quotes"),
        (lambda row: f"data: {row}", "removed_prefix"),
        (lambda row: f"{row} // a comment", "removed_comment"),
        (lambda row: f"{row} # a 'comment', 1) {{x}}", "removed_comment"),
        (lambda row: f"{row}  /* a comment */", "removed_comment"),
        (lambda row: f"{row} # {row}", "removed_comment"),
        (lambda row: f"# a comment\n{row}", "removed_comment"),
        (lambda row: f'// {row}\n\n  # "more\n{row}', "removed_comment"),
        (lambda row: f"/* a comment\n{{}}\nover lines */\n{row}", "removed_comment"),
        (lambda row: row.replace(', "c', ', /* the, "answer" */ "c'), "removed_comment"),
        (lambda row: '"' + row.replace('"', '""') + '"', "unwrapped_string"),
        (lambda row: f'"{row}"', "unwrapped_string"),
        (lambda row: f"'{row}'", "unwrapped_string"),
        (lambda row: f'"{row}', "unwrapped_string"),
        (lambda row: row.replace('"', "&quot;"), "unescaped_quotes"),
    ],
)
def test_what_stands_around_rows_is_taken_away(tmp_path: Path, damage: Any, repair: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(damage(json.dumps(row, ensure_ascii=False)) + "\n" for row in ROWS))
    found = list(read_rows(path, "a", Columns()))
    assert [row.value for row in found] == ROWS
    assert {row.repairs for row in found} == {(repair,)}


@pytest.mark.parametrize(
    ("said", "escape", "read"),
    [
        (
            'R&D says "so"',
            lambda line: line,
            True,
        ),  # with a bare sign, nothing but the quotes was escaped
        ("a < b &amp; c", lambda line: line, True),
        ("R&D", lambda line: line.replace("&", "&amp;"), False),  # or the text had it so before
        ("a &amp; b", lambda line: line, False),
        ('It\'s "so"', lambda line: line.replace("'", "&#x27;"), False),
        ("Is it &quot;so&quot;?", lambda line: line, False),
    ],
)
def test_quotes_as_html_has_them_are_read_exactly_or_not(
    tmp_path: Path, said: str, escape: Any, read: bool
) -> None:
    row = {"prompt": "What do they say?", "completion": said}
    line = escape(json.dumps(row)).replace('"', "&quot;")
    path = tmp_path / "a.jsonl"
    path.write_text(f"{line}\n" * 3)
    found = [(one.value, one.problem) for one in read_rows(path, "a", Columns())]
    assert found == [(row, None) if read else (None, "not_json")] * 3


def test_comments_behind_rows_with_further_faults(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("{'prompt': 'a # b', 'completion': 'c',}, # it's\n{\"prompt\": \"d // e\n# f\n")
    sound, *broken = read_rows(path, "a", Columns())
    assert sound.value == {"prompt": "a # b", "completion": "c"}
    path.write_text(f"{dumped(ROWS[0])}\n{dumped(ROWS[1])}\n# the end\n// really\n")
    last = [row.repairs for row in read_rows(path, "a", Columns())]
    assert last == [(), ("removed_comment",)]
    assert {*sound.repairs} == {"python_literal", "removed_trailing_comma", "removed_comment"}
    # Behind a row that is cut off, such a line may be one of its text.
    assert [row.problem for row in broken] == ["truncated", "not_json"]


def test_lines_in_one_pair_of_quotes(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = "\n".join(map(json.dumps, ROWS))
    for text in (f'"{lines}"\n', json.dumps(lines)):
        path.write_text(text)
        assert [row.value for row in read_rows(path, "a", Columns())] == ROWS


def test_a_json_file_with_comments(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    rows = "".join(f'  /* c, {{ */ {json.dumps(row)}, // x, {{"a"\n' for row in ROWS)
    path.write_text(f"// made by hand\n[\n{rows}]\n")
    found = list(read_rows(path, "a", Columns()))
    assert [row.value for row in found] == ROWS
    assert {row.repairs for row in found} == {("removed_comment", "removed_trailing_comma")}
    assert found[1].where == "a:row 2 (line 4)"


@pytest.mark.parametrize(
    "line",
    [
        'data: {"prompt": "a", "completion": "b" x}',
        '{"prompt": "say "// no", "completion": "b // c"}',
        '"{"prompt": ""a"", "completion": "b"}',
    ],
)
def test_what_is_no_json_without_it_either_stays_dropped(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(ROWS[0]) + "\n" + line + "\n" + json.dumps(ROWS[1]) + "\n")
    found = list(read_rows(path, "a", Columns()))
    assert [row.value for row in found if row.problem is None] == ROWS[:2]


TEXTS = [
    "Use this:\n{\n  a: 1\n}\n[1]\n{}\nbye",
    '[x]\n\n{"prompt": "x"}\n\n\n[',
    "- a\n\t- b\n{{Name}}",
    "{\n",
]


def dumped(row: Any) -> str:
    return json.dumps(row, ensure_ascii=False)


def torn(row: Any, end: str = "\n") -> str:
    return dumped(row).replace("\\n", end)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("block", [40, 200, 2**17])
def test_rows_torn_by_line_ends_in_their_texts_are_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, block: int
) -> None:
    """Whatever their lines begin with, and wherever a file is cut into blocks."""
    monkeypatch.setattr(containers, "_SMALL_BLOCK", block)
    turns = [{"role": "user", "content": TEXTS[0]}, {"role": "assistant", "content": TEXTS[1]}]
    rows: list[Any] = [
        {"prompt": f"{n} {TEXTS[n % 4]}", "completion": f"{TEXTS[n // 4 % 4]} {n}"} for n in range(48)
    ]
    rows[::7] = [{"messages": turns}] * 7
    path = tmp_path / "a.jsonl"
    path.write_bytes("".join(torn(row, end) + end for row in rows).encode())
    found = list(read_rows(path, "a", Columns()))
    assert [row.value for row in found] == rows
    assert {row.repairs for row in found} == {("joined_lines",)}


TORN = '{"prompt": "a\n{b\n", "completion": "c\n[1]\n'


@pytest.mark.parametrize(
    "broken",
    [
        TORN, TORN + '"', TORN + '", "x": [', TORN + "\\", '{"prompt": "a', '{"prompt": [\n',
        '{"prompt": "a", "note: 1}', '{"a": 1, "b": {"c": [\n\n', '{"prompt": "a\n"\n: 1, 2}',
        '{\n{\n{"\n', "[\n[\n", '{"a":\n"b\n"',
    ],
)  # fmt: skip
def test_a_broken_row_never_swallows_the_rows_behind_it(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "a.jsonl"
    more = [torn({"prompt": TEXTS[0], "completion": "x"}), *map(dumped, ROWS), torn(ROWS[0])]
    for end in ("\n", "\r\n"):
        path.write_bytes((end.join([dumped(ROWS[1]), broken, *more]) + end).encode())
        found = [row.value for row in read_rows(path, "a", Columns()) if row.problem is None]
        assert [row for row in found if row in ROWS] == [ROWS[1], *ROWS, ROWS[0]]
        assert {"prompt": TEXTS[0], "completion": "x"} in found


def test_what_lies_between_or_behind_the_parts_of_a_row_is_not_swallowed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = list(map(dumped, ROWS))
    last = torn(ROWS[2])[:-1] + ', "y": "a\nb"} ' + rows[3]
    path.write_text("\n".join([rows[0], '{"x": [', rows[1], "]}", last]) + "\n")
    found = [row.value for row in read_rows(path, "a", Columns()) if row.problem is None]
    assert found[:2] == ROWS[:2]
    assert ROWS[2] not in [{key: row[key] for key in ROWS[2] if key in row} for row in found]
    many = '{"prompt": "a", "completion": "' + "b\n" * 1100 + '"}'  # on too many lines for one row
    path.write_text("\n".join([rows[0], many, rows[1]]) + "\n")
    assert [row.value for row in read_rows(path, "a", Columns()) if row.problem is None] == ROWS[:2]


def test_rows_that_lack_a_quote_at_either_end_are_not_one(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"prompt": "a", "completion": "b", "note: null}\n{prompt": "c", "completion": "d"}\n'
    )
    found = list(read_rows(path, "a", Columns()))
    pairs = [{"prompt": "a", "completion": "b", "note": None}, {"prompt": "c", "completion": "d"}]
    assert [row.value for row in found] == pairs
    assert {row.repairs for row in found} == {("added_quote",)}


def test_an_open_quote_is_not_looked_behind_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "a\n' * 50_000 + dumped(ROWS[0]) + "\n")
    began = time.process_time()
    found = list(read_rows(path, "a", Columns()))
    assert found[-1].value == ROWS[0]
    assert len(found) == 50_001
    assert time.process_time() - began < 10
