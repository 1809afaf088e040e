"""Asking the ledger, comparing two data sets, and both for a million rows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from talkwright.config import DataSection
from talkwright.data import (
    EXACT,
    count_by,
    dataset_folder,
    difference,
    parse_wanted,
    prepare,
    query,
    read_dataset,
)
from talkwright.data.browse import rows_at
from talkwright.data.excerpts import before_and_after
from talkwright.data.ledger import as_table
from talkwright.errors import ArtefactError, DataError
from talkwright.runs import artefact, write_json
from talkwright.types import LedgerRow, Message


def pairs(n: int = 40) -> list[dict[str, Any]]:
    return [
        {"prompt": f"What does word{number * 7919} mean?", "completion": f"It means {number} things."}
        for number in range(n)
    ]


def made(folder: Path, rows: list[dict[str, Any]], name: str = "out", **more: Any) -> Path:
    path = folder / "chats.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{broken\n")
    section = DataSection.model_validate({"sources": [{"path": str(path)}], **more})
    prepare(section, seed=0, out=folder / name, workers=1)
    return folder / name


DIRTY = [
    {"prompt": "Write to whom?", "completion": "<p>To ann@example.org please</p>"},
    {"prompt": "Call whom?", "completion": "Call ann@example.org, my friend"},
]


# --- asking --------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return made(tmp_path, [*pairs(), *DIRTY, pairs()[0]])


@pytest.mark.parametrize(
    ("conditions", "places"),
    [
        (["reason=duplicate"], [43]),
        (["fate=dropped"], [43, 44]),
        (["repair=masked_email"], [41, 42]),
        (["repair=masked_email", "repair=stripped_html"], [41]),
        (["repair=stripped_html", "repair=masked_email"], [41]),
        (["text=MY FRIEND"], [42]),
        (["place=jsonl:44"], [44]),
        (["source=chats.jsonl", "reason=truncated"], [44]),
        (["fate=kept", "text=not there"], []),
    ],
)
def test_rows_are_found_by_column_place_and_text(
    folder: Path, conditions: list[str], places: Any
) -> None:
    found = query(folder, parse_wanted(conditions))
    assert [row["where"] for row in found.rows] == [f"chats.jsonl:{n}" for n in places]
    assert (found.fitting, found.total) == (len(places), 44)


def test_a_limit_keeps_the_first_and_counts_all(folder: Path) -> None:
    found = query(folder, parse_wanted(["fate=kept"]), 3)
    assert [row["where"] for row in found.rows] == [f"chats.jsonl:{n}" for n in (1, 2, 3)]
    assert found.fitting == 42
    assert len(query(folder, limit=None).rows) == 44
    assert [row["where"] for row in rows_at(folder, [41, 3])] == ["chats.jsonl:42", "chats.jsonl:4"]


def test_it_does_not_matter_how_the_rows_are_grouped(folder: Path) -> None:
    conditions = [["fate=kept"], ["repair=masked_email"], ["text=means 3"], ["reason=duplicate"]]
    whole = [query(folder, parse_wanted(some), 5) for some in conditions]
    counts, rows = count_by(folder, "repair"), rows_at(folder, [41, 3, 17])
    path = folder / "ledger.parquet"
    pq.write_table(pq.read_table(path), path, row_group_size=4)
    assert [query(folder, parse_wanted(some), 5) for some in conditions] == whole
    assert count_by(folder, "repair") == counts
    assert rows_at(folder, [41, 3, 17]) == rows
    assert difference(folder, folder)["equal"]


def test_counting_agrees_with_counts_json(folder: Path) -> None:
    counts = json.loads((folder / "counts.json").read_text())
    assert count_by(folder, "reason", [("fate", "dropped")]) == (counts["dropped"], 2)
    splits = {name: n for name, n in counts["splits"].items() if n}
    assert count_by(folder, "split", [("fate", "kept")]) == (splits, 42)
    found, fitting = count_by(folder, "repair")
    assert found == {**counts["repaired"], "(none)": 42}
    assert fitting == 44
    assert set(EXACT) >= {"fate", "reason", "repair", "mark", "source", "split"}


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("reason=duplicat", "Did you mean `duplicate`.*truncated"),
        ("mark=odd", "No row here has a mark"),
        ("reson=duplicate", "no column `reson`. Did you mean `reason`"),
        ("reason", "COLUMN=VALUE"),
    ],
)
def test_what_no_row_has_is_said_with_what_there_is(folder: Path, condition: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        query(folder, parse_wanted([condition]))


def test_a_damaged_ledger_is_named(folder: Path) -> None:
    path = folder / "ledger.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ArtefactError, match=r"ledger\.parquet"):
        query(folder)
    with pytest.raises(ArtefactError):
        dataset_folder(folder.parent)


# --- excerpts ------------------------------------------------------------------------------------


def test_an_excerpt_shows_what_changed() -> None:
    long = "word " * 60
    raw = json.dumps({"prompt": "Hi", "completion": f"{long}<b>bold</b> it was"})
    before, after = before_and_after(
        raw, [Message("user", "Hi"), Message("assistant", f"{long}bold it was")], True
    )
    assert "<b>bold</b>" in before
    assert "bold it was" in after
    assert len(before) <= 200
    masked = [Message("user", "Hi"), Message("assistant", f"{long}call [phone] now")]
    assert "call [phone] now" in before_and_after("{}", masked, True)[1]
    same = before_and_after(raw, masked, False)
    assert same[0].startswith('{"prompt": "Hi"')
    assert same[1].startswith("user: Hi / assistant: word word")


# --- comparing -----------------------------------------------------------------------------------


def test_a_data_set_equals_itself_and_its_twin(folder: Path, tmp_path: Path) -> None:
    twin = made(tmp_path, [*pairs(), *DIRTY, pairs()[0]], "twin")
    for other in (folder, twin):
        found = difference(folder, other)
        assert found["equal"], found
        assert not found["examples"]


def test_every_kind_of_difference_is_found(folder: Path, tmp_path: Path) -> None:
    rows = [*pairs(), *DIRTY, {"text": "x"}]
    rows[5] = {"prompt": "Something else?", "completion": "Entirely another answer, I say."}
    del rows[-4]  # line 40; what follows moves up a line
    other = made(tmp_path, rows, "other", pii="keep")
    found = difference(folder, other, limit=100)
    for name in ("split", "text"):
        assert all(one["a"]["split"] and one["b"]["split"] for one in found["examples"].get(name, ()))
    assert not found["equal"]
    places = {
        name: [one["where"] for one in found["examples"][name]] for name in ("only_a", "only_b")
    }  # the row that is gone; and the copy of the first row, in whose place is another
    assert places == {"only_a": ["chats.jsonl:40", "chats.jsonl:43"], "only_b": ["chats.jsonl:42"]}
    changed = [(one["a"]["where"], one["b"]["where"]) for one in found["examples"]["text"]]
    moved_up = [(f"chats.jsonl:{n}", f"chats.jsonl:{n - 1}") for n in (41, 42)]
    assert changed == [("chats.jsonl:6", "chats.jsonl:6"), *moved_up]
    assert found["settings"] == {"pii": ["mask", "keep"]}
    assert found["counts"]["repaired"]["masked_email"] == [2, 0]
    assert found["counts"]["dropped"]["duplicate"] == [1, 0]
    assert found["sources"]["chats.jsonl"]["read"] == [44, 43]


def test_a_row_put_in_at_the_top_is_one_row_more(folder: Path, tmp_path: Path) -> None:
    new = {"prompt": "Brand new?", "completion": "Yes, new indeed."}
    more = made(tmp_path, [new, *pairs(), *DIRTY, pairs()[0]], "more")
    found = difference(folder, more)
    rows = found["rows"]
    assert [one["where"] for one in found["examples"]["only_b"]] == ["chats.jsonl:1"]
    assert rows["only_a"] == rows["changed"] == 0, found["examples"]
    assert not found["moved"]
    assert not found["settings"]
    back = difference(more, folder)["rows"]
    assert (back["only_a"], back["only_b"], back["changed"]) == (1, 0, 0)


def test_a_row_that_was_corrected_below_new_ones_is_the_same_row(folder: Path, tmp_path: Path) -> None:
    rows = [*pairs(), *DIRTY, pairs()[0]]
    rows[5] = {"prompt": rows[5]["prompt"], "completion": "It means five things, to be exact."}
    rows[9] = {"prompt": "All new?", "completion": "Not a word of it was there before."}
    new = [{"prompt": f"What is new{n}?", "completion": "This."} for n in range(2)]
    found = difference(folder, made(tmp_path, [*new, *rows[:5], *new[:1], *rows[5:]], "more"))
    assert found["rows"]["only_a"] == 0
    assert {one["where"] for one in found["examples"]["only_b"]} == {
        f"chats.jsonl:{n}" for n in (1, 2, 8)
    }
    changed = [(one["a"]["where"], one["b"]["where"]) for one in found["examples"]["text"]]
    assert changed == [("chats.jsonl:6", "chats.jsonl:9"), ("chats.jsonl:10", "chats.jsonl:13")]


def test_rows_in_another_order_and_in_another_file_are_still_the_same(
    folder: Path, tmp_path: Path
) -> None:
    rows = pairs()
    other = made(tmp_path, [rows[-1], *rows[:-1], *DIRTY, rows[0]], "other")
    found = difference(folder, other)
    assert found["rows"]["order"] == found["rows"]["changed"] == 1
    assert found["examples"]["order"][0]["a"]["where"] == "chats.jsonl:40"
    assert not found["equal"]
    path = tmp_path / "renamed.jsonl"
    (tmp_path / "chats.jsonl").rename(path)
    section = DataSection.model_validate({"sources": [{"path": str(path)}]})
    prepare(section, seed=0, out=tmp_path / "renamed", workers=1)
    found = difference(other, tmp_path / "renamed")
    assert found["rows"]["source"] == found["rows"]["changed"] == found["rows"]["a"] == 44
    assert found["rows"]["only_a"] == found["rows"]["only_b"] == 0


def test_what_was_set_otherwise_is_said_even_where_the_data_are_equal(
    folder: Path, tmp_path: Path
) -> None:
    rows = [*pairs(), *DIRTY, pairs()[0]]
    other = made(tmp_path, rows, "other", near_threshold=0.9, pii_keep=["x@y.org"])
    found = difference(folder, other)
    assert found["equal"]
    assert found["settings"] == {"near_threshold": [0.85, 0.9], "pii_keep": [[], ["x@y.org"]]}


def test_what_moved_between_splits_is_counted_by_its_words(folder: Path, tmp_path: Path) -> None:
    rows = [*pairs(), *DIRTY, pairs()[0]]
    other = made(tmp_path, [rows[-1], *rows[:-1]], "other", test=0.5)  # every row in another place
    found = difference(folder, other)
    old, new = ({c.id: split for split, rows in read_dataset(path).items() for c in rows}
                for path in (folder, other))  # fmt: skip
    moves = [f"{old[name]}→{new[name]}" for name in old.keys() & new.keys() if old[name] != new[name]]
    assert found["moved"] == {move: moves.count(move) for move in sorted(set(moves))}
    assert found["moved"]["train→test"] > 3


def test_rows_that_share_a_place_are_told_apart(tmp_path: Path) -> None:
    def written(name: str, ids: str) -> Path:
        rows = [LedgerRow("s", "s:1", "kept", conversation=one, split="train") for one in ids]
        with artefact(tmp_path / name, kind="dataset", key="k") as out:
            pq.write_table(as_table(rows), out / "ledger.parquet")
            write_json(out / "counts.json", {"read": len(rows), "kept": len(rows)})
        return tmp_path / name

    found = difference(written("a", "xyz"), written("b", "xqz"))
    assert found["rows"]["text"] == 1
    assert found["rows"]["only_a"] == found["rows"]["only_b"] == 0
    assert difference(tmp_path / "a", written("c", "xy"))["rows"]["only_a"] == 1


@pytest.mark.parametrize(
    ("a", "b", "told"),
    [  # a row: its source, its words or none, what its file held; its place is its number
        (["s x", "s y"], ["s n", "s x", "s y"], {"only_b": 1}),
        (["s x", "s y"], ["t n", "t x", "t y"], {"only_b": 1, "source": 2, "changed": 2}),
        (["s - p", "s - q"], ["s - n", "s - p", "s - q"], {"only_b": 1}),
        (["s - p", "s - q"], ["t - n", "t - p", "t - q"], {"only_b": 1, "source": 2, "changed": 2}),
        (["s x p"], ["s - p"], {"fate": 1, "changed": 1}),
        (["s x one"], ["s y two", "s z three"], {"text": 1, "changed": 1, "only_b": 1}),
        (["s x", "s x", "s y"], ["s x", "s y", "s x"], {"order": 1, "changed": 1}),
        (["s x", "t x"], ["t x", "s x"], {"order": 1, "changed": 1}),
        (["s - p", "t - p"], ["t - p", "s - p"], {"order": 1, "changed": 1}),
        (["s x p"], ["t y q"], {"only_a": 1, "only_b": 1}),
        ([], ["s x"], {"only_b": 1}),
    ],
)
def test_rows_are_matched_by_what_they_are_and_by_place_last(
    tmp_path: Path, a: list[str], b: list[str], told: dict[str, int]
) -> None:
    for name, rows in (("a", a), ("b", b)):
        made_of = []
        for number, row in enumerate(rows):
            source, words, held = [*row.split(), ""][:3]
            kept = words != "-"
            about = {"conversation": words, "split": "train"} if kept else {"reason": "not_json"}
            fate = "kept" if kept else "dropped"
            made_of.append(LedgerRow(source, f"{source}:{number}", fate, before=held, **about))
        with artefact(tmp_path / name, kind="dataset", key="k") as out:
            pq.write_table(as_table(made_of), out / "ledger.parquet")
            write_json(out / "counts.json", {"read": len(rows), "kept": len(rows)})
    found = difference(tmp_path / "a", tmp_path / "b")["rows"]
    del found["a"], found["b"]
    assert {name: n for name, n in found.items() if n} == told


# --- many rows -----------------------------------------------------------------------------------

PROGRAM = """
import json, resource, sys, time
from pathlib import Path
from talkwright.data import count_by, difference, query
a, b = map(Path, sys.argv[1:])
times = [time.perf_counter()]
found = query(a, [("reason", "duplicate")]); times.append(time.perf_counter())
counts = count_by(a, "reason"); times.append(time.perf_counter())
text = query(a, [("text", "number 999999 ")]); times.append(time.perf_counter())
diff = difference(a, b, 3); times.append(time.perf_counter())
print(json.dumps({"fitting": found.fitting, "text": text.fitting, "rows": diff["rows"],
    "seconds": [round(y - x, 2) for x, y in zip(times, times[1:])],
    "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    "torch": "torch" in sys.modules}))
"""


def many(folder: Path, n: int, every: int) -> Path:
    numbers = np.arange(n)
    text = pa.array(
        [f"the text of number {number} and more of it, a sentence long or two" for number in range(n)]
    )
    dropped = numbers % every == 0
    columns = {
        "source": pa.array(["big.jsonl"]).take(pa.array(np.zeros(n, np.int32))),
        "where": pa.array([f"big.jsonl:{number}" for number in range(n)]),
        "fate": pa.array(np.where(dropped, "dropped", "kept")),
        "reason": pa.array(np.where(dropped, "duplicate", ""), mask=~dropped),
        "repairs": pa.array([[]] * n, pa.list_(pa.string())),
        "marks": pa.array([[]] * n, pa.list_(pa.string())),
        "conversation": pa.array([f"{number:016x}" for number in range(n)]),
        "split": pa.array(np.where(numbers % 10 == 1, "test", "train"), mask=dropped),
        "before": text, "after": text,
        "format": pa.array(["messages"]).take(pa.array(np.zeros(n, np.int32))),
        "copies": pa.array(np.ones(n, np.int32)),
    }  # fmt: skip
    with artefact(folder, kind="dataset", key="k") as out:
        pq.write_table(
            pa.table(columns), out / "ledger.parquet", row_group_size=50_000, compression="zstd"
        )
        write_json(out / "counts.json", {"read": n, "kept": int((~dropped).sum())})
    return folder


@pytest.mark.slow  # writes two ledgers of a million rows
def test_a_million_rows_are_asked_and_compared_in_little_memory(tmp_path: Path) -> None:
    folders = [many(tmp_path / "a", 1_000_000, 7), many(tmp_path / "b", 1_000_000, 9)]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, folders)], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert found["fitting"] == 142_858
    assert found["text"] == 1
    assert found["rows"]["fate"] > 100_000
    assert found["megabytes"] < 2000
    assert not found["torch"]
