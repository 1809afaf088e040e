"""A backslash and an n where a line end was meant: undone where that is certain, and nowhere else."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path
from typing import Any

import pytest

from talkwright.config import Columns
from talkwright.data.reading.containers import read_rows
from talkwright.data.reading.rows import Row
from talkwright.data.reading.shapes.formats import read_row
from talkwright.types import Message

# What people write with a backslash and an n, a t or a quotation mark, and mean it.
LEGITIMATE = r"""
Use \n for a newline.
In C you write printf("Hello.\n\nWorld"); to get it.
The regex [^\n]+\n matches.
Look in C:\new\tools\readme.txt. It is there.
The gradient \nabla f and \theta \times \tau.
Send {"text": "Line one.\n\nLine two."} to it.
text.split('\n\n') gives paragraphs.
`One.\n\nTwo.\n\n- x` is a list.
Type echo -e Hello.\nWorld.\nBye. and press return
What does this show: Hello.\n\nWorld?
sed s/\n/ /g file
The path is \\server\new\files
\n
\n\n
a\nb
He typed \"hi\" there.
tr \n \t
My answer looks like this: Hi.\n\nHow are you?
caf\u00e9 is how it came out.
\frac{a}{b} \neq \nu \\ \not\in
..\node_modules\name
"a\tb"
git commit -m "Fix.\n\nLonger text.\n\n- more"
Dear {name}.\nThanks.\nBest is the template I use.
Split at \n\n- then at \n1. and so on
Why do I see 'Hello.\n\nBye.\n\nNow.' on my page?
The literal text Hi.\n\nAre you there?\n\n- yes appears
Answer as {\"text\": \"Hi.\n\nBye.\n\nSo.\"} please
It prints One.\n\nTwo.\n\nThree. on one line.
\d+\n\s*
""".strip().split("\n")
CHAT = "Sorry to hear that.\n\nPlease try this:\n\n- restart it\n- wait\n\nThen tell me."


def chat(n: int) -> str:
    """What people write, of as many shapes as they do."""
    items = "\n".join(f"- do {k}{'!' * (n // 9 % 4)}" for k in range(1 + n % 9))
    return f"Sorry to hear that.\n\nPlease try this:\n\n{items}\n\nThen tell me."


def pair(asked: str, answer: str = "So it is.") -> dict[str, Any]:
    return {"prompt": asked, "completion": answer}


def doubled(row: Any) -> str:
    return json.dumps(row, ensure_ascii=False).replace("\\", "\\\\")


def read(path: Path, lines: list[str]) -> list[Row]:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return list(read_rows(path, "a", Columns()))


def marks(row: Row) -> tuple[str, ...]:
    draft = read_row(row.value, "auto", Columns())
    assert not isinstance(draft, str)
    return draft.marks


@pytest.mark.parametrize("said", LEGITIMATE)
def test_what_may_mean_itself_is_left_alone(tmp_path: Path, said: str) -> None:
    for row in (pair(said), pair("Why?", said), {"messages": [{"role": "user", "content": said}]}):
        [found] = read(tmp_path / "a.jsonl", [json.dumps(row)])
        assert (found.value, found.repairs) == (row, ())


def test_a_file_of_talk_about_escapes_is_left_alone(tmp_path: Path) -> None:
    rows = [pair(f"{n} {said}", said) for n in range(30) for said in LEGITIMATE]
    random.Random(1).shuffle(rows)
    found = read(tmp_path / "a.jsonl", list(map(json.dumps, rows)))
    assert [row.value for row in found] == rows
    assert not any(row.repairs for row in found)


def test_a_few_doubled_rows_do_not_change_their_neighbours(tmp_path: Path) -> None:
    """Rows that were doubled stand among good ones, of which some have a backslash that is meant."""
    rng = random.Random(2)
    rows = [pair(f"{n} {rng.choice(LEGITIMATE)}", f'Say "so".\nYes {n}.') for n in range(400)]
    damaged = {n: pair(f'"{n}"?', CHAT) for n in range(0, 400, 20)}
    lines = [doubled(damaged[n]) if n in damaged else json.dumps(row) for n, row in enumerate(rows)]
    found = read(tmp_path / "a.jsonl", lines)
    assert [row.value for row in found] == [damaged.get(n, row) for n, row in enumerate(rows)]
    assert [n for n, row in enumerate(found) if row.repairs] == list(damaged)


def test_one_row_is_enough_where_its_texts_leave_no_doubt(tmp_path: Path) -> None:
    code = "Run this:\n```python\nprint('x')\n```\nThat is all."
    for text in (CHAT, code, "Dear Ann.\n\nYour key is ready.\n\nYours, Bob.", "So:\n1. Open\n2. Close"):
        [found] = read(tmp_path / "a.jsonl", [doubled(pair("Why?", text))])
        assert found.value == pair("Why?", text), text
        assert found.repairs == ("halved_backslashes",)


def test_one_line_end_is_not_enough_and_is_marked(tmp_path: Path) -> None:
    [found] = read(tmp_path / "a.jsonl", [doubled(pair("Why?", "It is.\nSo."))])
    assert found.value == pair("Why?", "It is.\\nSo.")
    assert marks(found) == ("literal_escapes",)


def test_neighbours_that_only_halving_makes_json_tell_of_the_rest(tmp_path: Path) -> None:
    """Also of rows whose texts look like talk about escapes: they were doubled, too."""
    rows = [pair(f"{n} {said}", 'He said "so".\nYes.') for n, said in enumerate(LEGITIMATE * 2)]
    rows += [pair(f"a\nb {n}", f"split('\n'), C:\\new {n}") for n in range(20)]
    found = read(tmp_path / "a.jsonl", list(map(doubled, rows)))
    assert [row.value for row in found] == rows
    assert {row.repairs for row in found} == {("halved_backslashes",)}
    # One quotation mark that was escaped but once, and nothing is known of rows that may mean it.
    found = read(tmp_path / "a.jsonl", [*map(doubled, rows), json.dumps(pair('"', "x"))])
    assert [row.value["prompt"] for row in found[-21:-1]] == [f"a\\nb {n}" for n in range(20)]


def test_many_rows_without_a_single_line_end_tell_of_each_other(tmp_path: Path) -> None:
    rows = [pair(f'Is "{n}" it?', chat(n) if n % 3 else f"Yes\nno {n}") for n in range(60)]
    lines = [json.dumps(row).replace("\\n", "\\\\n") for row in rows]
    assert [row.value for row in read(tmp_path / "a.jsonl", lines)] == rows
    found = read(tmp_path / "a.jsonl", [*lines, json.dumps(pair("a\nb", "c"))])  # one has a real one
    assert found[0].value["completion"] == "Yes\\nno 0"
    assert marks(found[0]) == ("literal_escapes",)


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_cells_and_elements_are_mended_like_lines(tmp_path: Path, kind: str) -> None:
    rows = [pair(f"Is {n} it?", chat(n) if n % 3 else f"Yes\nno {n}") for n in range(40)]
    broken = [{key: text.replace("\n", "\\n") for key, text in row.items()} for row in rows]
    path = tmp_path / f"a.{kind}"
    if kind == "json":
        path.write_text(json.dumps(broken))
    elif kind == "csv":
        held = io.StringIO()
        table = csv.DictWriter(held, ["prompt", "completion"])
        table.writeheader()
        table.writerows(broken)
        path.write_text(held.getvalue())
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(broken), path)
    assert [row.value for row in read_rows(path, "a", Columns())] == rows


TURNS = [{"role": "user", "content": 'Say "hi"\nnow'}, {"role": "assistant", "content": "Hi\nthere."}]
CELL = json.dumps(TURNS)


@pytest.mark.parametrize(
    ("cell", "repair"),
    [
        (CELL.replace("\\", "\\\\"), "halved_backslashes"),
        (CELL.replace("\\", "\\\\").replace('"', '\\"'), "unwrapped_string"),
        (json.dumps(CELL), "unwrapped_string"),
        (CELL, None),
    ],
)
def test_turns_in_a_cell_of_which_all_is_escaped(tmp_path: Path, cell: str, repair: str | None) -> None:
    path = tmp_path / "a.csv"
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([["id", "messages"], [1, cell], [2, cell]])
    for row in read_rows(path, "a", Columns()):
        draft = read_row(row.value, "auto", Columns())
        assert not isinstance(draft, str)
        assert draft.messages == tuple(Message(turn["role"], turn["content"]) for turn in TURNS)  # type: ignore[arg-type]
        assert row.repairs == ((repair,) if repair else ())


@pytest.mark.parametrize(
    "said", [r"{\"a\": 1}", r"[{\"a\": \"b\\n\"}]", r'"{\"a\": 1}"', r'{"a": "b\\nc"}']
)
def test_json_that_somebody_says_is_left_alone(tmp_path: Path, said: str) -> None:
    rows = [pair(f"Put it so {n}.", said) for n in range(50)]
    found = read(tmp_path / "a.jsonl", list(map(json.dumps, rows)))
    assert [row.value for row in found] == rows
    more = [json.dumps(pair(f"Why {n}?", chat(n))).replace("\\n", "\\\\n") for n in range(50)]
    found = read(tmp_path / "a.jsonl", [*map(json.dumps, rows[:3]), *more])
    assert [row.value for row in found[:3]] == rows[:3]
    assert found[-1].value == pair("Why 49?", chat(49))


def test_line_ends_that_stay_doubtful_beside_real_ones_are_marked(tmp_path: Path) -> None:
    doubtful = 'It is so.\\n\\nYes.\nNo, said "he".'
    for text in (doubtful, "So is \\\\alpha, too.", CHAT.replace("\n", "\\n") + "\nBye."):
        [found] = read(tmp_path / "a.jsonl", [json.dumps(pair("Why?", text))])
        assert found.value == pair("Why?", text)
        assert marks(found) == ("literal_escapes",)


def test_rows_that_show_no_sign_are_left_alone_however_many(tmp_path: Path) -> None:
    rows = [pair(f"Is {n} it?", f"Yes \\n no {n}") for n in range(60)]
    found = read(tmp_path / "a.jsonl", list(map(json.dumps, rows)))
    assert [row.value for row in found] == rows
    assert {marks(row) for row in found} == {("literal_escapes",)}


@pytest.mark.parametrize(("hard", "undone"), [(3, 0), (12, 100)])
def test_how_many_neighbours_tell_of_the_rest(tmp_path: Path, hard: int, undone: int) -> None:
    sure = [doubled(pair("Why?", 'He said "so".\nYes.'))] * hard
    plain, code = pair("Is it?", "Yes\\nno"), pair("How?", "Use split('\\n') for it")
    rest = [plain] * 100 + [code] * 100
    found = read(tmp_path / "a.jsonl", [*sure, *map(json.dumps, rest)])[hard:]
    assert sum(row.value == pair("Is it?", "Yes\nno") for row in found) == undone
    assert sum(row.value == code for row in found) == 100  # too many for so few


TEMPLATES = r"""
%A: %s\n - %B: %d\n - %C: %f\n
It is \t between %A and %B and \r\n after %C.
The record of %A ends with \n and the field %B with \t.
User: %A\nAssistant: %B\n
### %A:\n%B\n\n### %C:\n
Dear %A,\n\nyour %B is here.\n\nBest,\n%C
Hi %A.\n\nThe %B came.\n\n- %C\n- %A
""".strip().split("\n")
WORDS = "router cable modem parcel depot invoice refund window kettle garden".split()  # noqa: SIM905


@pytest.mark.parametrize("said", [*TEMPLATES, None])
def test_what_a_template_makes_is_left_alone_and_marked(tmp_path: Path, said: str | None) -> None:
    rng = random.Random(3)
    rows = []
    for n in range(60):
        a, b, c = rng.sample(WORDS, 3)
        text = said or rng.choice(TEMPLATES)
        rows.append(pair(f"Fill {n}", text.replace("%A", a).replace("%B", b).replace("%C", c)))
    found = read(tmp_path / "a.jsonl", list(map(json.dumps, rows)))
    assert [row.value for row in found] == rows
    assert {marks(row) for row in found} == {("literal_escapes",)}


def test_an_escape_by_itself_or_at_the_end_is_talked_about(tmp_path: Path) -> None:
    rows = [pair(f"Is {n} it?", chat(n)) for n in range(60)]
    lone = [pair("What parts it?", "It is \\t between a and b."), pair("What then?", f"{CHAT}\n")]
    lines = [json.dumps(row).replace("\\n", "\\\\n") for row in [*rows, *lone]]
    found = read(tmp_path / "a.jsonl", lines)
    assert [row.value for row in found[:-2]] == rows
    assert [marks(row) for row in found[-2:]] == [("literal_escapes",)] * 2


def lettered(n: int) -> dict[str, Any]:
    return pair(f"O\u00f9 est le th\u00e9 {n} ?", "L\u2019eau \u2013 non,\nle caf\u00e9. \U0001f600")


def test_letters_that_were_escaped_twice_in_most_rows(tmp_path: Path) -> None:
    rows = [lettered(n) for n in range(20)] + [pair(f"So {n}?", "Yes.\nNo.") for n in range(15)]
    lines = [json.dumps(row).replace("\\u", "\\\\u") for row in rows]
    found = read(tmp_path / "a.jsonl", lines)
    assert [row.value for row in found] == rows
    assert [row.repairs for row in found] == [("halved_backslashes",)] * 20 + [()] * 15
    code = pair("How?\nSo?", 'Write "caf\\u00e9" here.')
    found = read(tmp_path / "a.jsonl", [*lines, json.dumps(code)])
    assert (found[0].value, found[-1].value) == (rows[0], code)
    assert marks(found[-1]) == ("literal_escapes",)


@pytest.mark.parametrize(
    ("few", "other"),
    [
        (20, [pair(f"So {n}?", "Yes.\nNo.") for n in range(30)]),  # not in most of them
        (20, [pair("Caf\u00e9?", "Yes.\nNo.")]),  # the writer could write it
        (5, []),
        (20, [pair(f"Escape it {n}", f"caf\\u00e9 {n}\nis so") for n in range(10)]),
    ],
)
def test_letters_that_may_be_meant_are_marked(tmp_path: Path, few: int, other: list[Any]) -> None:
    lines = [json.dumps(lettered(n)).replace("\\u", "\\\\u") for n in range(few)]
    found = read(tmp_path / "a.jsonl", [*lines, *(json.dumps(row) for row in other)])
    assert {(row.repairs, marks(row)) for row in found[:few]} == {((), ("literal_escapes",))}


ROLES = ("user", "assistant")
QUOTED = [{"messages": [{"role": role, "content": f"{n} {role}."} for role in ROLES]} for n in range(9)]
CODED = pair('Say "so"', 'One\nTwo "so" \u00e9.')


def requoted(row: Any) -> Any:
    """A row of which all texts are JSON strings."""
    if "messages" not in row:
        return {key: json.dumps(text) for key, text in row.items()}
    return {"messages": [{**turn, "content": json.dumps(turn["content"])} for turn in row["messages"]]}


@pytest.mark.parametrize("kind", ["jsonl", "json", "parquet"])
def test_texts_that_were_encoded_once_more(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    for rows in (QUOTED, [CODED]):
        broken = list(map(requoted, rows))
        if kind == "parquet":
            import pyarrow as pa
            import pyarrow.parquet as pq

            pq.write_table(pa.Table.from_pylist(broken), path)
        else:
            path.write_text(json.dumps(broken) if kind == "json" else "\n".join(map(json.dumps, broken)))
        found = list(read_rows(path, "a", Columns()))
        assert [row.value for row in found] == rows
        assert {row.repairs for row in found} == {("unwrapped_string",)}


@pytest.mark.parametrize(
    "rows",
    [
        [requoted(row) for row in QUOTED[:7]],  # too few
        [*map(requoted, QUOTED), QUOTED[0]],  # not all
        [{**requoted(CODED), "completion": "So."}],  # not all of the row
        [pair('"Who?" he said, "is it"', '"So" or "so"')] * 9,  # no strings
    ],
)
def test_quotes_that_people_put_around_are_left_alone(tmp_path: Path, rows: list[Any]) -> None:
    found = read(tmp_path / "a.jsonl", list(map(json.dumps, rows)))
    assert [row.value for row in found] == rows
    assert not any(row.repairs for row in found)
