"""Tables with one message a row, in every container: conversations are put together."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from talkwright.config import Columns, DataSection
from talkwright.data import prepare, read_dataset
from talkwright.data.reading.containers import read_rows
from talkwright.data.reading.together import messages
from talkwright.errors import DataError
from talkwright.types import Message

TALKS = [
    [("customer", f"Where is order {n}?"), ("agent", f"On its way, {n}."), ("customer", "Thanks!\nBye"),
     ("agent", f'"{n}", bye, it is.')]
    for n in range(12)
]  # fmt: skip
WANTED = [
    tuple(Message("assistant" if who == "agent" else "user", text) for who, text in talk)
    for talk in TALKS
]
SORTED = sorted(WANTED, key=lambda talk: talk[0].content)
FLAT = [
    {"conversation_id": str(n), "turn": k, "role": who, "text": text}
    for n, talk in enumerate(TALKS)
    for k, (who, text) in enumerate(talk)
]
SCATTERED = [FLAT[n * 4 + k] for k in (3, 1, 0, 2) for n in range(12)]


def table(path: Path, rows: list[dict[str, Any]]) -> Path:
    suffix = path.suffix
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=7)
    elif suffix in (".csv", ".tsv"):
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, list(rows[0]), delimiter="," if suffix == ".csv" else "\t")
        writer.writeheader()
        writer.writerows(rows)
        path.write_text(out.getvalue(), newline="")
    elif suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        path.write_text(json.dumps(rows, indent=1))
    return path


def prepared(path: Path, **source: Any) -> tuple[list[tuple[Message, ...]], dict[str, Any]]:
    out = path.with_suffix(".out")
    section = {
        "sources": [{"path": str(path), **source}],
        "duplicates": "keep",
        "validation": 0,
        "test": 0,
    }
    prepare(DataSection.model_validate(section), seed=0, out=out, workers=1)
    found = sorted(read_dataset(out)["train"], key=lambda c: c.messages[0].content)
    return [c.messages for c in found], json.loads((out / "counts.json").read_text())


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".jsonl", ".parquet"])
@pytest.mark.parametrize("rows", [FLAT, SCATTERED], ids=["in order", "scattered"])
def test_one_message_a_row(tmp_path: Path, suffix: str, rows: list[dict[str, Any]]) -> None:
    found, counts = prepared(table(tmp_path / f"a{suffix}", rows))
    assert found == SORTED
    moved = {} if rows is FLAT else {"sorted_turns": 12}
    assert (counts["read"], counts["repaired"]) == (12, {"joined_rows": 12, **moved})


@pytest.mark.parametrize(
    "names",
    [
        ("dialogue_id", "turn_id", "speaker", "utterance"),
        ("Ticket ID", "Created At", "Sender Type", "Body"),
        ("session_id", "anything", "author", "message"),
    ],
)
def test_columns_of_other_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    rows = [
        dict(zip(names, [row["conversation_id"], f"2024-05-01T10:00:0{row['turn']}", row["role"],
                         row["text"]], strict=True))
        for row in FLAT
    ]  # fmt: skip
    assert prepared(table(tmp_path / "a.csv", rows))[0] == SORTED
    if "anything" not in names:  # else there is no order but that of the file
        assert prepared(table(tmp_path / "b.csv", rows[::-1]))[0] == SORTED


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_a_file_that_is_one_conversation(tmp_path: Path, suffix: str) -> None:
    rows = [{"speaker": who, "utterance": text} for who, text in TALKS[0]]
    assert prepared(table(tmp_path / f"a{suffix}", rows))[0] == [WANTED[0]]
    (tmp_path / "line.json").write_text(json.dumps(rows))
    assert prepared(tmp_path / "line.json")[0] == [WANTED[0]]
    two = [
        {"speaker": {"customer": "Ann", "agent": "Bob"}[who], "utterance": text}
        for who, text in TALKS[0]
    ]
    assert prepared(table(tmp_path / f"b{suffix}", two))[0] == [WANTED[0]]


@pytest.mark.parametrize(
    "rows",
    [
        [
            {"author": name, "text": f"Saying {name}."} for name in "abcd"
        ],  # a collection, no conversation
        [{"author": "a", "text": "One."}, {"author": "a", "text": "Two."}],
        [{"speaker": "user", "text": f"{n}"} for n in range(2000)],
    ],
)
def test_texts_of_many_people_are_no_conversation(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    for suffix in (".json", ".csv"):
        found = list(read_rows(table(tmp_path / f"a{suffix}", rows), "a", Columns()))
        assert len(found) == len(rows)


def test_what_the_recipe_says_of_columns_comes_first(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", FLAT)
    found = list(read_rows(path, "a", Columns(prompt="role", completion="text")))
    assert len(found) == len(FLAT)
    with pytest.raises(DataError, match="column 'rolle', which is not there"):
        list(read_rows(path, "a", Columns(prompt="rolle")))


def test_a_broken_message_drops_its_conversation_and_no_other(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", FLAT)
    path.write_text(path.read_text().replace("0,1,agent,", "0,1,agent,a,", 1))
    found, counts = prepared(path)
    assert (counts["read"], counts["dropped"]) == (12, {"too_many_cells": 1})
    assert found == [talk for talk in SORTED if talk != WANTED[0]]


def test_more_messages_than_are_held_are_read_as_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "_HELD", 400)
    found = list(read_rows(table(tmp_path / "a.jsonl", FLAT), "a", Columns()))
    assert len(found) == 12
    torn = list(read_rows(table(tmp_path / "b.jsonl", SCATTERED), "a", Columns()))
    assert {row.problem for row in torn} == {None, "scattered_messages"}
    assert sum(len(row.value["messages"]) for row in torn if row.value) + sum(
        row.value is None for row in torn
    ) == len(FLAT)


def log(tmp_path: Path, more: Any, name: str = "log.csv") -> Path:
    """The talks as a table of which `more` gives the first columns, by talk and turn."""
    return table(
        tmp_path / name,
        [
            {**more(n, k), "When": f"2024-05-{n + 1:02d}T10:0{k}:00Z", "From": who, "Body": text}
            for n, talk in enumerate(TALKS)
            for k, (who, text) in enumerate(talk)
        ],
    )


@pytest.mark.parametrize(
    "name",
    """
    TicketNr TicketNumber ticket case case_number session chat thread conv conversation dialog dialogue
    channel room customer_id order_id interaction_id uuid SupportCaseRef ticket# id tkt
    """.split(),  # noqa: SIM905
)
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_the_column_of_ids_may_have_any_name(tmp_path: Path, name: str, suffix: str) -> None:
    found, counts = prepared(log(tmp_path, lambda n, k: {name: f"T{n}"}, f"log{suffix}"))
    assert found == SORTED
    assert counts["read"] == 12


@pytest.mark.parametrize(
    "columns",
    [
        lambda n, k: {"customer_id": n // 3, "TicketNr": n},  # the more specific one
        lambda n, k: {"channel": ("email", "phone")[n % 2], "case": n},
        # The author's, and one of each message.
        lambda n, k: {"user_id": (n, "A1")[k % 2], "uuid": f"{n}-{k}", "ref": n},
        lambda n, k: {"chat": "closed", "lang": "en", "tkt": n},
    ],
)  # fmt: skip
def test_what_the_columns_hold_tells_which_of_them_has_the_ids(tmp_path: Path, columns: Any) -> None:
    assert prepared(log(tmp_path, columns))[0] == SORTED


def test_the_recipe_names_the_column_of_ids(tmp_path: Path) -> None:
    path = log(tmp_path, lambda n, k: {"mood": ("a", "b", "c")[n % 3], "where": n})
    with pytest.raises(DataError, match=r"(?s)mood.*columns\.group"):
        list(read_rows(path, "a", Columns()))
    assert prepared(path, columns={"group": "where"})[0] == SORTED
    # A group is wider than a conversation.
    path = log(tmp_path, lambda n, k: {"TicketNr": n, "buyer": n // 2})
    found, _ = prepared(path, columns={"group": "buyer"})
    assert found == SORTED
    assert {row.value["buyer"] for row in read_rows(path, "a", Columns(group="buyer"))} == set("012345")


@pytest.mark.parametrize(
    "columns",
    [
        lambda n, k: {"channel": ("email", "phone")[n % 2]},
        lambda n, k: {"day": n // 2, "place": n},
        lambda n, k: {"case": f"{n}-{k}"},
    ],
)
def test_conversations_that_cannot_be_told_apart_are_refused(tmp_path: Path, columns: Any) -> None:
    with pytest.raises(DataError, match=r"(?s)conversation.*group: \w"):
        list(read_rows(log(tmp_path, columns), "a", Columns()))


def test_a_file_that_is_one_conversation_stays_one(tmp_path: Path) -> None:
    path = log(tmp_path, lambda n, k: {"chat": "c1", "uuid": f"{n}-{k}", "mood": "good"})
    [row] = read_rows(path, "a", Columns())
    assert len(row.value["messages"]) == 48


def test_a_column_without_a_name_beside_messages(tmp_path: Path) -> None:
    rows = [{**row, "": "x"} for row in FLAT]
    assert prepared(table(tmp_path / "a.jsonl", rows))[0] == SORTED
