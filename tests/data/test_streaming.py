"""Large inputs: read in chunks and by several processes, with the same result as in one go."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import subprocess
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest

from talkwright import pool
from talkwright.config import Columns, build_recipe
from talkwright.data import prepare, workers
from talkwright.data.reading import containers
from talkwright.data.reading.containers import read_chunks, read_rows, rows_of
from talkwright.data.reading.disk import streams
from talkwright.data.reading.kinds import jsonfiles
from talkwright.data.reading.rows import Row
from talkwright.errors import DataError

WORDS = "amber basin cedar delta ember fjord grove heath inlet jetty knoll ledge".split()  # noqa: SIM905


def rows(count: int) -> list[dict[str, Any]]:
    draw = random.Random(count)

    def text(words: int) -> str:
        return " ".join(draw.choices(WORDS, k=words)) + f" {draw.randrange(10**6)}"

    return [
        {"messages": [{"role": "user", "content": f"{text(6)}?"},
                      {"role": "assistant", "content": f"{text(12)}.\nBye \u2028 ü 😀"}]}
        for _ in range(count)
    ]  # fmt: skip


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if all files were huge: looked at by their first kilobytes and cut into small blocks."""
    monkeypatch.setattr(containers, "_SMALL", 4000)
    monkeypatch.setattr(containers, "_LARGEST", 4000)
    monkeypatch.setattr(containers, "_BLOCK", 1000)
    monkeypatch.setattr(containers, "PIECE", 1500)
    monkeypatch.setattr(streams, "PIECE", 1500)
    monkeypatch.setattr(jsonfiles, "_STEP", 700)


def write(path: Path, kind: str, values: list[dict[str, Any]]) -> Path:
    if kind == "jsonl":
        data = "".join(json.dumps(v, ensure_ascii=bool(n % 2)) + "\n" for n, v in enumerate(values))
    elif kind == "json":
        data = json.dumps(values, indent=1, ensure_ascii=False)
    elif kind == "one line":
        data = json.dumps(values)
    else:
        table = io.StringIO(newline="")
        writer = csv.writer(table)
        writer.writerow(["prompt", "completion"])
        writer.writerows([m["content"] for m in value["messages"]] for value in values)
        data = table.getvalue()
    path.write_bytes(data.encode())
    return path


def simple(found: list[Row]) -> list[Any]:
    return [(row.where, row.value, row.problem, row.repairs) for row in found]


@pytest.mark.parametrize("kind", ["jsonl", "json", "one line", "csv"])
@pytest.mark.parametrize("packed", ["", ".gz", ".zip"])
def test_a_file_in_blocks_gives_the_rows_of_the_whole(
    tmp_path: Path, kind: str, packed: str, request: pytest.FixtureRequest
) -> None:
    path = write(tmp_path / f"a.{'json' if kind == 'one line' else kind}", kind, rows(200))
    whole = simple(list(read_rows(path, "a", Columns())))
    assert len(whole) == 200
    if packed == ".gz":
        path = tmp_path / f"{path.name}.gz"
        path.write_bytes(gzip.compress(path.with_suffix("").read_bytes()))
    elif packed:
        with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(path, path.name)
        path = tmp_path / "a.zip"
    request.getfixturevalue("small_blocks")
    found = simple(list(read_rows(path, "a", Columns())))
    place = "a/" + ("a.json" if kind == "one line" else f"a.{kind}") if packed == ".zip" else "a"
    assert [(where.replace(place, "a", 1), *rest) for where, *rest in found] == whole
    if kind == "jsonl":
        assert len(list(read_chunks(path, "a", Columns()))) > 10


def test_broken_rows_at_the_borders_of_blocks(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    lines: list[str] = []
    for number, value in enumerate(rows(120)):
        line = json.dumps(value)
        if number % 7 not in (2, 5):
            line = line.replace("e", "e\n", 9)  # torn over many lines
        elif number % 7 == 5:
            line = line[:-30]
        lines.append(line)
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines) + "\n")
    whole = simple(list(read_rows(path, "a", Columns())))
    assert sum("joined_lines" in repairs for *_, repairs in whole) > 10
    request.getfixturevalue("small_blocks")
    assert len(list(read_chunks(path, "a", Columns()))) > 10
    assert simple(list(read_rows(path, "a", Columns()))) == whole


def test_numbers_and_odd_bytes_at_the_borders_of_blocks(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "a.json").write_text(json.dumps([*range(10**6, 10**6 + 1500), *rows(20)]))
    lines = [f"What is the fee for caf\xe9 number {n}?,It is {n} euro.\r\n" for n in range(300)]
    text = ["prompt,completion\n", *lines]
    table = b"".join(line.encode("cp1252" if n % 5 == 2 else "utf-8") for n, line in enumerate(text))
    (tmp_path / "a.csv").write_bytes(table)
    whole = [simple(list(read_rows(tmp_path / name, "a", Columns()))) for name in ("a.json", "a.csv")]
    assert len(whole[0]) == 1520
    assert sum(bool(repairs) for *_, repairs in whole[1]) == 60
    request.getfixturevalue("small_blocks")
    for name, found in zip(("a.json", "a.csv"), whole, strict=True):
        assert simple(list(read_rows(tmp_path / name, "a", Columns()))) == found


def test_a_line_that_is_too_long_costs_itself_only(
    tmp_path: Path, small_blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LONGEST_LINE", 20_000)
    monkeypatch.setattr(containers, "LONGEST_LINE", 20_000)
    values = rows(40)
    lines = [json.dumps(value) for value in values]
    lines.insert(20, '{"prompt": "' + "x" * 90_000 + '", "completion": "y"}')
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n")
    found = list(read_rows(tmp_path / "a.jsonl", "a", Columns()))
    assert [row.value for row in found if row.problem is None] == values
    assert {row.problem for row in found} == {None, "line_too_long"}
    assert found[-1].where == "a:41"


def test_a_large_json_file_of_another_shape_is_refused_with_advice(
    tmp_path: Path, small_blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "_LARGEST", 5000)
    (tmp_path / "a.json").write_text(json.dumps({"about": {"text": "x" * 30_000}}))
    with pytest.raises(DataError, match="Write it as JSONL"):
        list(read_rows(tmp_path / "a.json", "a", Columns()))


def prepared(source: Path, out: Path, workers: int) -> dict[str, bytes]:
    section = build_recipe({"data": {"sources": [str(source)]}}).data
    prepare(section, seed=3, out=out, workers=workers)
    return {f.name: f.read_bytes() for f in sorted(out.iterdir()) if f.name != "manifest.json"}


@pytest.mark.parametrize("forked", [True, False])
def test_the_number_of_workers_changes_no_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forked: bool
) -> None:
    if not forked:
        monkeypatch.setattr(pool, "can_fork", lambda: False)
    values = rows(4000)
    values[100] = values[2000]  # the first one stays, whoever reads it first
    source = write(tmp_path / "a.jsonl", "jsonl", values)
    assert sum(1 for _ in read_chunks(source, "a", Columns())) > 1
    alone = prepared(source, tmp_path / "one", 1)
    assert prepared(source, tmp_path / "three", 3) == alone
    assert b"duplicate" not in alone["train.jsonl"]
    assert json.loads(alone["counts.json"])["dropped"] == {"duplicate": 1}


def test_killed_and_begun_again_it_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "a.jsonl", "jsonl", rows(6000))
    code = (
        "import sys; from pathlib import Path; from talkwright.config import build_recipe\n"
        "from talkwright.data import prepare\n"
        "s = build_recipe({'data': {'sources': [sys.argv[1]]}}).data\n"
        "prepare(s, seed=3, out=Path(sys.argv[2]), workers=2)\n"
    )
    work = tmp_path / ".out.unfinished"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(source), str(tmp_path / "out")], stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 60
    while not list(work.glob("*.done")) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert not (tmp_path / "out").exists()
    done = {int(path.stem) for path in work.glob("*.done")}
    assert done
    made: list[int] = []
    make = workers._make

    def make_and_note(folder: Path, section: Any, seed: int, number: int, *rest: Any) -> int:
        made.append(number)
        return make(folder, section, seed, number, *rest)

    monkeypatch.setattr(workers, "_make", make_and_note)
    resumed = prepared(source, tmp_path / "out", 1)
    assert made
    assert not done & set(made)
    assert not work.exists()
    assert resumed == prepared(source, tmp_path / "again", 1)


def test_what_another_recipe_left_unfinished_is_not_gone_on_with(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", "jsonl", rows(50))
    work = tmp_path / ".out.unfinished"
    work.mkdir()
    (work / "key.json").write_text('"another"')
    (work / "0000000.done").write_text('{"rows": 999, "kept": 0}')
    prepared(source, tmp_path / "out", 1)
    assert json.loads((tmp_path / "out" / "counts.json").read_text())["read"] == 50


def test_chunks_are_what_they_say(tmp_path: Path) -> None:
    source = write(tmp_path / "a.csv", "csv", rows(2500))
    chunks = list(read_chunks(source, "a", Columns()))
    assert [len(list(rows_of(chunk))) for chunk in chunks] == [1000, 1000, 500]


TURN = json.dumps({"role": "user", "content": "hello " * 20})


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a", "a.jsonl.gz", "a.zip"])
@pytest.mark.parametrize(
    ("head", "body", "tail"),
    [
        ('{"prompt": "Huge?", "completion": "', "word ", '"}'),
        ('{"messages": [' + TURN, ", " + TURN, "]}"),
        ("[" + TURN, ", " + TURN, "]"),
        ('{"messages": [' + TURN, ", " + TURN, ""),  # and torn
        ("", " ", " "),
        ("garbage, ", "more, ", ""),
    ],
)
def test_a_first_line_longer_than_all_that_is_looked_at_costs_itself_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, head: str, body: str, tail: str
) -> None:
    monkeypatch.setattr(containers, "_SMALL", 2**17)
    monkeypatch.setattr(containers, "_LARGEST", 2**18)
    monkeypatch.setattr(containers, "_BLOCK", 2**14)
    monkeypatch.setattr(containers, "LONGEST_LINE", 2**18)
    monkeypatch.setattr(streams, "LONGEST_LINE", 2**18)
    monkeypatch.setattr(streams, "PIECE", 2**15)
    good = rows(30)
    lines = "".join(json.dumps(row) + "\n" for row in good)
    text = f"{head}{body * (2**20 // len(body))}{tail}\n{lines}"
    path = tmp_path / name
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("b.jsonl", text)
    else:
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    found = list(read_rows(path, "n", Columns()))
    assert [row.problem for row in found if row.value is None] == ["line_too_long"]
    assert [row.value for row in found if row.value is not None] == good
    assert found[-1].where.endswith(":31")


def test_a_first_line_of_hundred_megabytes_is_not_held_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with open(path, "w") as file:
        file.write('{"prompt": "Huge?", "completion": "')
        for _ in range(100):
            file.write("x" * 10**6)
        file.write('"}\n' + json.dumps(rows(1)[0]) + "\n")
    tracemalloc.start()
    found = [row.problem for row in read_rows(path, "n", Columns())]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == ["line_too_long", None]
    assert peak < 6e7
