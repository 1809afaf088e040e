"""Gzip, zip and Parquet: read like the files in them, and refused when they are not what they seem."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talkwright.config import Columns
from talkwright.data import read_conversations
from talkwright.data.reading.containers import read_rows
from talkwright.data.reading.disk.packed import unpack
from talkwright.data.reading.finding import is_packed_data, passed_over
from talkwright.errors import DataError
from talkwright.types import Message

PAIR = {"prompt": "Where is the key?", "completion": "Under the mat."}
LINE = (json.dumps(PAIR) + "\n").encode()
ASKED = (Message("user", "Where is the key?"), Message("assistant", "Under the mat."))


def zipped(**files: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return held.getvalue()


def places(path: Path) -> list[str]:
    return [conversation.where for conversation in read_conversations(path)]


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.gz", "a.jsonl"])
def test_gzip_is_looked_through(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(LINE) + gzip.compress(LINE))
    assert [c.messages for c in read_conversations(path)] == [ASKED, ASKED]
    assert places(path) == [f"{name}:1", f"{name}:2"]
    path.write_bytes(gzip.compress(b"prompt,completion\nq,a\n"))
    assert places(path) == [f"{name}:row 1 (line 2)"]


def test_a_folder_takes_packed_files_for_data(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(LINE))
    (tmp_path / "b.zip").write_bytes(zipped(**{"c.jsonl": LINE}))
    (tmp_path / "notes.txt.gz").write_bytes(gzip.compress(b"x"))
    assert places(tmp_path) == ["a.jsonl.gz:1", "b.zip/c.jsonl:1"]


def test_zip_gives_every_data_file_in_order(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    files = {"b/two.csv": b"prompt,completion\nq,a\n", "a.jsonl": LINE, "chat.html": b"<p>x</p>",
             "__MACOSX/._a.jsonl": b"\0\1", ".hidden.json": b"x"}  # fmt: skip
    path.write_bytes(zipped(**files))
    assert places(path) == ["export.zip/a.jsonl:1", "export.zip/b/two.csv:row 1 (line 2)"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(LINE)[:12], "cut off"),
        (gzip.compress(LINE * 9)[:-8] + b"\0" * 8, "damaged"),
        (b"\x1f\x8b" + b"\0" * 40, "damaged"),
        (gzip.compress(gzip.compress(LINE)), "gzip once more"),
        (gzip.compress(b""), "the file is empty"),
        (gzip.compress(zipped(**{"a.jsonl": LINE})), "an archive inside an archive"),
        (zipped(**{"a.json": zipped(**{"a.jsonl": LINE})}), "an archive inside an archive"),
        (zipped(**{"a.txt": b"x", "b": b"y"}), "no data file"),
        (zipped(**{"a.txt": b"x"}), "a.txt: .*no names of columns"),
        (zipped(**{"a.jsonl": LINE}).replace(b"a.jsonl", b"\0.jsonl"), "no data file"),
        (zipped(**{"../a.jsonl": LINE}), "outside itself"),
        (zipped(**{"/a.jsonl": LINE}), "outside itself"),
        (zipped(**{"b\\..\\..\\a.jsonl": LINE}), "outside itself"),
        (zipped(**{"[Content_Types].xml": b"x", "a.json": LINE}), "Excel workbook"),
        (zipped(**{f"{n}.jsonl": b"" for n in range(1001)}), "1001 files"),
        (zipped(**{"a.jsonl": LINE * 99})[:40], "damaged zip"),
        (b"PAR1" + b"\0" * 50 + b"PAR1", "Parquet file cannot be read"),
        (b"PAR1", "Parquet file cannot be read"),
    ],
    # No names from bytes: each process makes its own archives, in which the second is written.
    ids=lambda given: given if isinstance(given, str) else "file",
)  # fmt: skip
def test_what_is_damaged_or_suspicious_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_conversations(path)


ASKS = [
    {"prompt": f"Where is key {n * n}?", "completion": f"Under mat {n}, he said."} for n in range(400)
]
WHOLE = {
    "a.jsonl": "".join(json.dumps(row) + "\n" for row in ASKS), "a.json": json.dumps(ASKS),
    "a.csv": "prompt,completion\n" + "".join(f'{r["prompt"]},"{r["completion"]}"\n' for r in ASKS),
    "b.csv": "prompt,completion\n" + "".join(f"{r['prompt']},{r['completion'][:11]}\n" for r in ASKS),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_of_a_gzip_file_that_is_cut_off_the_rows_before_it_are_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.gz"
    path.write_bytes(gzip.compress(WHOLE[name].encode()))
    every = [row.value for row in read_rows(path, "a", Columns())]
    assert len(every) == 400
    packed = path.read_bytes()
    for cut in [*range(100, len(packed), 97), len(packed) - 3]:
        path.write_bytes(packed[:cut])
        *rows, last = read_rows(path, "a", Columns())
        assert (last.where, last.problem) == ("a:end", "lost_end")
        good = [row.value for row in rows if row.problem is None]
        assert good == every[: len(good)]
        assert len(rows) - len(good) <= 1
        assert {row.problem for row in rows} <= {None, "lost_bytes", "broken_quotes"}
    assert len(good) == 400  # nothing but the check sum was lost


def test_what_follows_a_gzip_file_is_said_to_be_lost(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(LINE) + gzip.compress(LINE) + b"\0" * 99)
    assert [row.problem for row in read_rows(path, "a", Columns())] == [None, None]
    path.write_bytes(gzip.compress(LINE) + gzip.compress(LINE * 50)[:-9])
    assert [row.problem for row in read_rows(path, "a", Columns())][-1] == "lost_end"
    path.write_bytes(gzip.compress(LINE) + LINE)
    assert [row.problem for row in read_rows(path, "a", Columns())] == [None, "lost_end"]


def test_links_and_encrypted_files_in_a_zip_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("a.jsonl")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match="is a link"):
        read_conversations(path)
    content = bytearray(zipped(**{"a.jsonl": LINE}))
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match="is encrypted"):
        read_conversations(path)


def test_a_sound_zip_that_unpacks_to_too_much_is_called_that(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    path.write_bytes(zipped(**{"a.jsonl": b" " * 2**27}))
    with pytest.raises(DataError, match="unpacks to more than"):
        [sum(map(len, pieces)) for _, pieces in unpack(path, is_packed_data)]


@pytest.mark.parametrize("kind", ["gzip", "zip", "zip that lies"])
def test_bombs_are_refused_before_they_fill_the_memory(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "bomb.zip"
    if kind == "gzip":
        packer = zlib.compressobj(9, wbits=31)
        zeros = b" " * 2**20
        path.write_bytes(b"".join(packer.compress(zeros) for _ in range(300)) + packer.flush())
    else:
        content = bytearray(zipped(**{"a.jsonl": b" " * 2**27}))
        if kind == "zip that lies":
            at = content.rindex(b"PK\x01\x02") + 24
            content[at : at + 4] = (100).to_bytes(4, "little")
        path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"unpacks to more than|damaged|empty"):
            read_conversations(path)
        assert tracemalloc.get_traced_memory()[1] < 2**27
    finally:
        tracemalloc.stop()


def test_parquet_rows_nested_and_plain(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    messages = [
        {"role": "user", "content": "Where is the key?"},
        {"role": "assistant", "content": "Under the mat."},
    ]
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.Table.from_pylist([{"messages": messages, "id": 1}, {"messages": None, "id": 2}]), path
    )
    assert [c.messages for c in read_conversations(path)] == [ASKED]
    assert [row.where for row in read_rows(path, "a.parquet", Columns())] == [
        "a.parquet:row 1", "a.parquet:row 2"]  # fmt: skip
    pq.write_table(pa.Table.from_pylist([PAIR] * 1200), path)
    assert len(read_conversations(path)) == 1200
    packed = tmp_path / "b.parquet.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert len(read_conversations(packed)) == 1200
    pq.write_table(pa.Table.from_pylist([{"x": 1, "y": b"\0"}]), path)
    with pytest.raises(DataError, match="Columns found: x, y"):
        read_conversations(path)


def test_a_parquet_file_whose_rows_vanish_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    held = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([PAIR, {"prompt": repr(b"\0\0 "), "completion": "x"}]), held)
    content = bytearray(held.getvalue())
    content[65] = 0
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match="2 of its rows are missing"):
        read_conversations(path)


ANY = st.binary(max_size=60)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["gzip", "zip", "parquet", "plain"]), ANY, st.integers(0, 400), st.integers(0, 255)
)
def test_any_packed_bytes_are_rows_or_a_sentence(
    tmp_path: Path, kind: str, content: bytes, at: int, byte: int
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    made: Any
    if kind == "gzip":
        made = bytearray(gzip.compress(LINE + content))
    elif kind == "zip":
        made = bytearray(zipped(**{"a.jsonl": LINE + content}))
    elif kind == "parquet":
        held = io.BytesIO()
        pq.write_table(pa.Table.from_pylist([PAIR, {"prompt": repr(content), "completion": "x"}]), held)
        made = bytearray(held.getvalue())
    else:
        made = bytearray(LINE + content)
    made[at % len(made)] = byte
    path = tmp_path / "a"
    path.write_bytes(bytes(made))
    try:
        rows, refusal = list(read_rows(path, "a", Columns())), None
    except DataError as error:
        rows, refusal = [], str(error)
    assert rows if refusal is None else ("a: " in refusal or "a/" in refusal)


def test_what_an_archive_has_beside_its_data_is_named(tmp_path: Path) -> None:
    inner = zipped(**{"a.jsonl": LINE})
    content = zipped(**{
        "a.jsonl": LINE, "more.zip": inner, "old/b.jsonl.gz": b"x", "notes.txt": b"x", ".c.zip": inner,
        "__MACOSX/d.zip": inner,
    })  # fmt: skip
    left = ["more.zip", "notes.txt", "old/b.jsonl.gz"]
    (tmp_path / "pack.zip").write_bytes(content)
    assert passed_over(tmp_path / "pack.zip") == left
    (tmp_path / "plain.jsonl").write_bytes(LINE)
    (tmp_path / "broken.zip").write_bytes(content[:-9])
    (tmp_path / "book.xlsx").write_bytes(inner)
    inside = [f"pack.zip/{name}" for name in left]
    assert passed_over(tmp_path) == ["book.xlsx", *inside]
    assert passed_over(f"{tmp_path}/p*") == inside
    assert passed_over(tmp_path / "plain.jsonl") == []


TABLE = b"question;answer\nq;a\n"
UNNAMED = {
    "chats.txt": LINE, "chats.log": b"# kept\n" + LINE, "chats": LINE, "chats.data": TABLE,
    "all.txt": json.dumps([PAIR] * 2, indent=1).encode(),
    "more.dat": json.dumps({"rows": [PAIR]}).encode(),
    "wide.txt": LINE.decode().encode("utf-16"),
    "said.log": b'{"conversation_id": 1, "role": "user", "content": "q"}\n'
                b'{"conversation_id": 1, "role": "assistant", "content": "a"}\n',
}  # fmt: skip
NO_DATA = {
    "readme.txt": b"Export of 2024, with 5 rows.\nSee chats.\n", "server.log": b'{"level": "info"}\n',
    "notes": b"{to do}\n", "code.txt": b"[section]\nkey = 1\n", "empty.txt": b"", "a.xlsx": b"PK",
    "old.jsonl.bak": LINE, "picture.data": b"\x89PNG\0\0\0",
}  # fmt: skip


@pytest.mark.parametrize("where", ["alone", "zip", "folder", "folder of gz"])
def test_one_rule_says_what_is_data_in_a_folder_and_in_an_archive(tmp_path: Path, where: str) -> None:
    files = {**UNNAMED, **NO_DATA}
    if where == "alone":
        for name, content in UNNAMED.items():
            (tmp_path / name).write_bytes(content)
            assert read_conversations(tmp_path / name), name
        return
    if where == "zip":
        path = tmp_path / "export.zip"
        path.write_bytes(zipped(**files))
    else:
        path = tmp_path
        for name, content in files.items():
            ending, pack = (".gz", gzip.compress) if where == "folder of gz" else ("", bytes)
            (path / f"{name}{ending}").write_bytes(pack(content))
    assert {Path(place.split(":")[0]).name.removesuffix(".gz") for place in places(path)} == {*UNNAMED}
    assert {name.removesuffix(".gz") for name in passed_over(path)} == {*NO_DATA}


def test_the_only_file_of_an_archive_is_read_as_if_it_were_named(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zipped(**{"chats.export2": TABLE}))
    assert places(tmp_path / "a.zip") == ["a.zip/chats.export2:row 1 (line 2)"]
    assert passed_over(tmp_path / "a.zip") == []
