"""`encoding` of a source: text in whatever encoding the recipe names, and what is no text in it."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import pytest

from talkwright.config import Columns, DataSection
from talkwright.data import prepare, read_conversations, read_dataset
from talkwright.data.reading import containers
from talkwright.data.reading.containers import read_rows
from talkwright.data.reading.disk import streams
from talkwright.errors import DataError

TEXTS = {
    "cp1251": ("Как оплатить заказ", "Картой или при получении"),
    "koi8-r": ("Где мой заказ", "Он уже в пути к вам"),
    "gb18030": ("我的订单在哪里", "它正在路上，请稍等"),
    "shift_jis": ("注文はどこですか", "配達中です、少々お待ちください"),
    "utf-16-le": ("Where is the café", "Around the corner, naïvely 😀"),
    "iso2022_jp": ("注文はどこですか", "配達中です"),
}
KINDS = ["jsonl", "json", "csv", "tsv", "jsonl.gz", "csv.zip"]


def table(pairs: list[tuple[str, str]], kind: str) -> str:
    rows = [{"question": q, "answer": a} for q, a in pairs]
    if kind == "json":
        return json.dumps(rows, ensure_ascii=False)
    if kind.startswith("jsonl"):
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    mark = "\t" if kind == "tsv" else ","
    return f"question{mark}answer\n" + "".join(f'"{q}"{mark}"{a}"\n' for q, a in pairs)


def stored(folder: Path, kind: str, data: bytes) -> Path:
    path = folder / f"chats.{kind.removeprefix('csv.')}"
    if kind.endswith("zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("chats.csv", data)
    else:
        path.write_bytes(gzip.compress(data) if kind.endswith("gz") else data)
    return path


def section(path: Path, encoding: str | None, **more: object) -> DataSection:
    source = {"path": str(path), "encoding": encoding}
    quiet = {"duplicates": "keep", "validation": 0, "test": 0, "doctor": False, "pii": "keep"}
    return DataSection.model_validate({"sources": [source], **quiet, **more})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("encoding", TEXTS)
def test_a_named_encoding_is_read_in_every_container(tmp_path: Path, encoding: str, kind: str) -> None:
    asked, answer = TEXTS[encoding]
    pairs = [(f"{asked} {n}?", f"{answer} {n}.") for n in range(3)]
    path = stored(tmp_path, kind, table(pairs, kind).encode(encoding))
    counts = prepare(section(path, encoding), seed=0, out=tmp_path / "out", workers=1)
    rows = read_dataset(tmp_path / "out")["train"]
    assert [(c.messages[0].content, c.messages[1].content) for c in rows] == pairs
    assert not counts.dropped


@pytest.mark.parametrize("kind", ["jsonl", "csv", "json"])
def test_bytes_that_are_nothing_in_it_lose_their_row_and_no_other(tmp_path: Path, kind: str) -> None:
    pairs = [(f"我的订单在哪里 {n}?", f"它正在路上 {n}.") for n in range(5)]
    data = table(pairs, kind).encode("gb18030").replace("上 3.".encode("gb18030"), b"\xff\xff 3.")
    path = stored(tmp_path, kind, data)
    counts = prepare(section(path, "gb18030"), seed=0, out=tmp_path / "out", workers=1)
    assert (counts.kept, counts.dropped) == (4, {"unknown_encoding": 1})
    # Named as UTF-8, a line in Windows-1252 is wrong, too; left to be looked at, it is read.
    path = stored(
        tmp_path, kind, table([("Which café?", "None."), ("Who?", "I.")], kind).encode("cp1252")
    )
    counts = prepare(section(path, "utf-8"), seed=0, out=tmp_path / "strict", workers=1)
    assert (counts.kept, counts.dropped) == (1, {"unknown_encoding": 1})
    assert prepare(section(path, None), seed=0, out=tmp_path / "seen", workers=1).kept == 2


def test_large_files_and_more_workers_make_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "PIECE", 1001)  # cuts letters of several bytes
    monkeypatch.setattr("talkwright.data.reading.containers._SMALL_BLOCK", 2**12)
    monkeypatch.setattr("talkwright.data.reading.containers._SMALL", 2**14)
    for kind in ("jsonl", "csv", "json"):
        folder = tmp_path / kind
        folder.mkdir()
        pairs = [(f"注文はどこですか {n}?", f"配達中です {n}.") for n in range(1500)]
        path = stored(folder, kind, table(pairs, kind).encode("utf-16-le"))
        for workers in (1, 2):
            out = folder / f"out{workers}"
            assert prepare(section(path, "utf-16-le"), seed=0, out=out, workers=workers).kept == 1500
        for name in ("train.jsonl", "counts.json", "ledger.parquet"):
            assert (folder / "out1" / name).read_bytes() == (folder / "out2" / name).read_bytes(), name


def test_what_says_that_it_is_something_else_is_refused(tmp_path: Path) -> None:
    path = stored(tmp_path, "csv", b"\xef\xbb\xbf" + table([("Что?", "Это.")], "csv").encode())
    with pytest.raises(DataError, match=r"mark of UTF-8.*encoding: cp1251"):
        prepare(section(path, "cp1251"), seed=0, out=tmp_path / "out")
    assert prepare(section(path, "utf-8"), seed=0, out=tmp_path / "out").kept == 1
    path = stored(tmp_path, "csv", table([TEXTS["cp1251"]], "csv").encode("cp1251"))
    with pytest.raises(DataError, match=r"(?s)unknown_encoding.*`encoding: cp1251`"):
        prepare(section(path, None), seed=0, out=tmp_path / "other")


def test_only_names_of_encodings_are_taken(tmp_path: Path) -> None:
    assert section(tmp_path, "Windows-1251").sources[0].encoding == "cp1251"
    for name in ("cp12511", "base64", "rot13", "utf-7", "idna", "undefined", "unicode_escape", "a\0b"):
        with pytest.raises(ValueError, match="is no encoding of text"):
            section(tmp_path, name)


def test_parquet_is_left_alone(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path = tmp_path / "chats.parquet"
    pq.write_table(pa.table({"question": ["Где?"], "answer": ["Там."]}), path)
    assert prepare(section(path, "cp1251"), seed=0, out=tmp_path / "out").kept == 1


@pytest.mark.parametrize("encoding", TEXTS)
def test_conversations_are_read_in_a_named_encoding(tmp_path: Path, encoding: str) -> None:
    path = stored(tmp_path, "jsonl", table([TEXTS[encoding]], "jsonl").encode(encoding))
    [found] = read_conversations(path, encoding=encoding)
    assert tuple(message.content for message in found.messages) == TEXTS[encoding]


def large_array(folder: Path, rows: list[bytes], monkeypatch: pytest.MonkeyPatch, mark: bytes) -> Path:
    """An array that is read value by value, in small pieces."""
    for module, name in ((containers, "_SMALL"), (containers, "_LARGEST"), (streams, "PIECE")):
        monkeypatch.setattr(module, name, 300)
    path = folder / "a.json"
    path.write_bytes(b"[" + mark.join(rows) + b"]")
    return path


@pytest.mark.parametrize("mark", [b",\n", b", "])
def test_a_large_array_with_bytes_that_are_not_utf8_loses_no_other_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: bytes
) -> None:
    texts = [("utf-8", "Größe 漢字 😀"), ("cp1252", "Größe, naïve – “so”"), ("ascii", "plain")]
    rows = [(texts[n % 3][0], f"{texts[n % 3][1]} {n}") for n in range(90)]
    much = "x" * 700  # more than is shown of a row
    lines = [f'{{"prompt": "{said}", "completion": "{much}"}}'.encode(name) for name, said in rows]
    lines[6] = b'{"prompt": "a\xe6\xbc", "completion": "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2"}'  # torn
    lines[9] = b'{"prompt": "b\xff", "completion": }'
    found = list(read_rows(large_array(tmp_path, lines, monkeypatch, mark), "a", Columns()))
    assert len(found) == 90
    assert [row.problem for row in found if row.problem] == ["unknown_encoding", "not_json"]
    for n, row in enumerate(found):
        if n not in (6, 9):
            assert row.value == {"prompt": rows[n][1], "completion": much}
            assert row.repairs == (("decoded_cp1252",) if n % 3 == 1 else ())
        assert row.where.startswith(f"a:row {n + 1} ")
        row.raw.encode()


def test_a_large_array_in_another_encoding_is_not_read_as_nonsense(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["Как оплатить", "Да", "Как оплатить заказ"]  # of which the second could be Western
    lines = [
        f'{{"prompt": "{asked[n % 3]} {n}", "completion": "{n}"}}'.encode("cp1251") for n in range(90)
    ]
    path = large_array(tmp_path, lines, monkeypatch, b",\n")
    assert {row.problem for row in read_rows(path, "a", Columns())} == {"unknown_encoding"}
    found = list(read_rows(path, "a", Columns(), "cp1251"))
    assert [row.value["prompt"] for row in found] == [f"{asked[n % 3]} {n}" for n in range(90)]
    path.write_bytes(path.read_bytes().replace('Да 7"'.encode("cp1251"), b'\x98"'))  # no letter
    found = list(read_rows(path, "a", Columns(), "cp1251"))
    assert [n for n, row in enumerate(found) if row.problem] == [7]


def test_a_surrogate_that_a_large_array_names_is_no_stray_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [b'{"prompt": "a\\udcff\\n", "completion": "%d"}' % n for n in range(30)]
    lines[3] = b'{"prompt": "a\\udcff \xe9t\xe9", "completion": "3"}'
    found = list(read_rows(large_array(tmp_path, lines, monkeypatch, b",\n"), "a", Columns()))
    assert [row.value["prompt"] for row in found] == [
        "a\udcff \u00e9t\u00e9" if n == 3 else "a\udcff\n" for n in range(30)
    ]
