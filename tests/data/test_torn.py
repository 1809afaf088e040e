"""Zip archives that lost their end: what is there is read, and the loss is said."""

# ruff: noqa: PT018, PT017 - tables

from __future__ import annotations

import io
import json
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
from as_read import rows_of as read

from talkwright.data.reading.disk import packed
from talkwright.data.reading.rows import Row
from talkwright.errors import DataError

PAIRS = [
    {"prompt": f"Question {n}, of {random.Random(n).random()}?", "completion": f"Answer {n}."}
    for n in range(400)
]
LINES = "".join(json.dumps(row) + "\n" for row in PAIRS).encode()
ARRAY = json.dumps(PAIRS[:50]).encode()  # no line end behind it


class Pipe(io.BytesIO):
    """What cannot go back, so that lengths stand behind the files."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: Any) -> int:
        raise io.UnsupportedOperation


def zipped(pipe: bool = False, kind: int = zipfile.ZIP_DEFLATED, **files: bytes) -> bytes:
    held = Pipe() if pipe else io.BytesIO()
    with zipfile.ZipFile(held, "w", kind) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return held.getvalue()


def values(rows: list[Row]) -> list[Any]:
    return [row.value for row in rows if row.problem is None]


@pytest.mark.parametrize("pipe", [False, True])
def test_files_before_the_cut_are_read(tmp_path: Path, pipe: bool) -> None:
    content = zipped(pipe, a_jsonl=LINES, b_json=ARRAY, c_jsonl=LINES)
    start = content.index(b"c.jsonl") - 30
    lost = content.index(b"PK\x01\x02")
    for cut in (lost, lost + 10, len(content) - 9):  # only the list of files is lost
        rows = read(tmp_path / "a.zip", content[:cut])
        assert values(rows) == [*PAIRS, *PAIRS[:50], *PAIRS]
        assert [(row.where, row.problem) for row in rows if row.problem] == [
            ("a/c.jsonl:end", "lost_end")
        ]
    rows = read(tmp_path / "a.zip", content[: start + 12])  # within a header
    assert values(rows) == [*PAIRS, *PAIRS[:50]]
    assert [row.problem for row in rows if row.problem] == ["lost_end"]
    rows = read(tmp_path / "a.zip", content[: (start + lost) // 2])  # within a file
    assert values(rows)[:450] == [*PAIRS, *PAIRS[:50]]
    assert 50 < len(values(rows)) - 450 < 350 and values(rows)[450:] == PAIRS[: len(values(rows)) - 450]
    assert [row.problem for row in rows if row.problem] == ["lost_bytes", "lost_end"]


def test_stored_files_and_parquet(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    held = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(PAIRS), held)
    content = zipped(
        kind=zipfile.ZIP_STORED, a_parquet=held.getvalue(), b_jsonl=LINES, c_parquet=held.getvalue()
    )
    rows = read(tmp_path / "a.zip", content[:-5000])  # cut within c.parquet, which is no use then
    assert values(rows) == [*PAIRS, *PAIRS]
    assert [(row.where, row.problem) for row in rows if row.problem] == [("a/b.jsonl:end", "lost_end")]
    content = zipped(a_parquet=held.getvalue())
    rows = read(tmp_path / "a.zip", content[: content.index(b"PK\x01\x02")])
    assert values(rows) == PAIRS and rows[-1].problem == "lost_end"


def test_limits_hold_without_the_list_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = zipped(a_jsonl=LINES, b_jsonl=b" " * 2**26)
    for content in (bomb, zipped(True, a_jsonl=LINES, b_jsonl=b" " * 2**26)):
        with pytest.raises(DataError, match="unpacks to more than"):
            read(tmp_path / "a.zip", content[: content.index(b"PK\x01\x02")])
    for name in (b"../jsonl", b"/x.jsonl"):
        content = zipped(xx_jsonl=LINES).replace(b"xx.jsonl", name)
        with pytest.raises(DataError, match="outside itself"):
            read(tmp_path / "a.zip", content[: content.index(b"PK\x01\x02")])
    monkeypatch.setattr(packed, "_MOST_FILES", 2)
    content = zipped(a_jsonl=LINES, b_jsonl=LINES, c_jsonl=LINES)
    with pytest.raises(DataError, match="damaged"):
        read(tmp_path / "a.zip", content[:-30])


def test_nothing_whole_and_damage_are_refused(tmp_path: Path) -> None:
    content = zipped(a_jsonl=LINES)
    for cut in (10, 35, 60):
        with pytest.raises(DataError):
            read(tmp_path / "a.zip", content[:cut])
    workbook = zipped(**{"[Content_Types]_xml": b"<x/>", "xl/sheet1_xml": b"<y/>"})
    with pytest.raises(DataError, match="Excel"):
        read(tmp_path / "a.zip", workbook[:-30])
    broken = bytearray(zipped(kind=zipfile.ZIP_STORED, a_jsonl=LINES, b_jsonl=LINES))
    broken[200] ^= 1  # within what a.jsonl says, so that its check sum tells
    with pytest.raises(DataError, match=r"'a\.jsonl' in the archive is damaged"):
        read(tmp_path / "a.zip", bytes(broken[:-30]))


def test_any_cut_is_rows_or_a_sentence(tmp_path: Path) -> None:
    content = zipped(a_jsonl=LINES[:300], b_csv=b"prompt,completion\nq,a\n", c_json=ARRAY[:200] + b"]")
    for pipe in (False, True):
        content = zipped(
            pipe,
            a_jsonl=LINES[:300],
            b_csv=b"prompt,completion\nq,a\n",
            c_json=json.dumps(PAIRS[:2]).encode(),
        )
        for cut in range(4, len(content), 3):
            try:
                rows = read(tmp_path / "a.zip", content[:cut])
            except DataError as error:
                assert "a.zip" in str(error)
                continue
            assert rows[-1].problem == "lost_end" or any(row.problem == "lost_end" for row in rows)
            assert all(
                value in PAIRS or value == {"prompt": "q", "completion": "a"} for value in values(rows)
            )
