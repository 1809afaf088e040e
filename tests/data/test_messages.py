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

from talkwright.config import Columns, DataSection, SourceSection
from talkwright.data import prepare, read_dataset
from talkwright.data.entries import enter
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


def told(path: Path) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """The texts of each conversation in their order, its repairs and its marks."""
    found = [
        enter(row, SourceSection(path=str(path)), "a", None) for row in read_rows(path, "a", Columns())
    ]
    return [
        (" ".join(turn.content for turn in e.conversation.messages), e.row.repairs, e.row.marks)
        for e in found
        if e.conversation
    ]


def timed(path: Path, *talks: list[str], column: str = "created_at", name: str = "ticket_id") -> Path:
    """A table of talks with these times as they stand, whose texts say the order that is right."""
    rows = []
    for n, times in enumerate(talks):
        for time in times:
            place, _, when = time.partition("=")
            who = "user" if int(place) % 2 else "assistant"
            rows.append({name: f"T{n}", column: when, "role": who, "text": place})
    return table(path, rows)


FALLING = {
    "dots": ["4=02.01.2024 09:30", "3=02.01.2024 09:20", "2=01.01.2024 09:10", "1=01.01.2024 09:00"],
    "dots, months": ["4=01.02.2024 09:30", "3=31.01.2024 9:20", "2=5.1.2024 19:10", "1=05.01.2024 9:00"],
    "halves": ["4=1/2/2024 1:30 PM", "3=1/2/2024 9:20 AM", "2=1/1/2024 12:10 PM", "1=1/1/2024 9:00 AM"],
    "names": ["4=Feb 1 2024 09:10", "3=Jan 31 2024 09:00", "2=Jan 2, 2024 10:10", "1=Jan 2, 2024 9:00"],
    "German": ["4=2. Mai 2024 09:10", "3=1. Mai 2024 09:00", "2=3. März 2024 10:10", "1=3. Jan 24 9:00"],
    "letters": ["4=Mon, 01 Apr 2024 09:10:00 +0000", "3=Mon, 01 Apr 2024 09:10:00 +0200",
                "2=Wed, 31 Jan 2024 10:10:00 GMT", "1=Wed, 31 Jan 2024 10:00:00 GMT"],
    "offsets": ["4=2024-01-01T08:15:00Z", "3=2024-01-01T10:10:00+02:00", "2=2024-01-01T08:05:00Z",
                "1=2024-01-01 10:00:00+02:00"],
    "T and blank": ["4=2024-01-01 10:15:00", "3=2024-01-01T10:10:00", "2=2024-01-01 10:05",
                    "1=2024-01-01T10:00"],
}  # fmt: skip


@pytest.mark.parametrize("times", FALLING.values(), ids=FALLING.keys())
def test_times_in_any_writing_put_turns_in_order(tmp_path: Path, times: list[str]) -> None:
    mixed = [times[at] for at in (2, 0, 3, 1)]
    path = timed(tmp_path / "a.csv", times, mixed, times[::-1], column="Datum")
    moved = ("sorted_turns", "joined_rows")
    assert told(path) == [
        ("1 2 3 4", moved, ()),
        ("1 2 3 4", moved, ()),
        ("1 2 3 4", ("joined_rows",), ()),
    ]
    turns = [
        {"role": "user" if time[0] in "13" else "assistant", "content": time[0], "time": time[2:]}
        for time in times
    ]
    path = table(tmp_path / "b.jsonl", [{"messages": turns}, {"messages": turns[::-1]}])
    assert told(path) == [("1 2 3 4", ("sorted_turns",), ()), ("1 2 3 4", (), ())]


def test_day_and_month_are_told_by_the_file_or_the_order_is_unsure(tmp_path: Path) -> None:
    open_one = ["2=1/2/2024 9:00", "1=2/1/2024 9:00"]  # in order if the month stands first
    [kept] = told(timed(tmp_path / "a.jsonl", [*open_one[::-1]]))
    assert kept == ("1 2", ("joined_rows",), ("unsure_order",))
    for more in (["1=31/1/2024 9:00", "2=31/1/2024 9:10"], ["1=12/1/2024 9:00", "2=13/1/2024 9:10"]):
        found = told(timed(tmp_path / "b.csv", open_one, more))  # February it is, behind January
        assert [(said, marks) for said, _, marks in found] == [("1 2", ()), ("1 2", ())]
    path = timed(tmp_path / "c.csv", open_one[::-1], ["1=1/30/2024 9:00", "2=1/31/2024 9:10"])
    first = next(iter(read_rows(path, "a", Columns())))  # January it is, before February
    assert [turn["content"] for turn in first.value["messages"]] == ["2", "1"]
    assert first.repairs == ("sorted_turns", "joined_rows")
    both = told(timed(tmp_path / "d.csv", open_one[::-1], ["1=1/30/2024 9:00", "2=1/31/2024 9:10"],
                      ["2=31/1/2024 9:10", "1=30/1/2024 9:00"]))  # fmt: skip
    assert [marks for _, _, marks in both] == [("unsure_order",), (), ()]


def test_times_that_may_mean_two_orders_move_nothing(tmp_path: Path) -> None:
    zones = ["1=2024-01-01T10:00:00+02:00", "2=2024-01-01T09:05:00", "3=2024-01-01T10:10:00+02:00",
             "4=2024-01-01T09:15:00"]  # fmt: skip
    days = ["1=2024-01-01T10:00:00+02:00", "2=2024-01-02T09:05:00", "3=2024-01-03T10:10:00+02:00",
            "4=2024-01-04T09:15:00"]  # fmt: skip
    same = ["1=2024-01-02 10:00", "2=2024-01-02 10:00", "3=2024-01-01 10:00", "4=2024-01-01 10:00"]
    rising = ["1=2024-01-02", "2=2024-01-02", "3=2024-01-03", "4=2024-01-03"]
    found = told(timed(tmp_path / "a.csv", zones, days[::-1], same, rising))
    assert [(said, marks) for said, _, marks in found] == [
        ("1 2 3 4", ("unsure_order",)), ("1 2 3 4", ()), ("1 2 3 4", ("unsure_order",)), ("1 2 3 4", ()),
    ]  # fmt: skip
    turns = [
        {"role": "user" if at % 2 else "assistant", "content": str(at), "time": f"0{at}.01.2024 10:00"}
        for at in (4, 3, 2, 1)
    ]
    turns[1]["time"] = turns[0]["time"]
    [(_, repairs, marks)] = told(table(tmp_path / "b.jsonl", [{"messages": turns}]))
    assert "sorted_turns" not in repairs
    assert marks == ("unsure_order",)


def test_a_date_and_a_clock_in_two_columns(tmp_path: Path) -> None:
    rows = [
        {"ticket_id": "1", "date": day, "time": clock, "role": ("user", "agent")[n % 2], "text": f"{n}"}
        for n, day, clock in [(3, "02.01.2024", "8:05 PM"), (2, "02.01.2024", "9:20 AM"),
                              (1, "01.02.2023", "10:10"), (0, "01.02.2023", "10:00")]
    ]  # fmt: skip
    [(said, _, marks)] = told(table(tmp_path / "a.csv", rows))
    assert (said, marks) == ("0 1 2 3", ())


@pytest.mark.parametrize("id", ["1,23457E+11", "1.23457E+17", "1E+11", 1.23457e17])
@pytest.mark.parametrize("name", ["conversation_id", "Ticket", "TicketNr"])
def test_ids_whose_digits_a_spreadsheet_took_are_refused(tmp_path: Path, id: Any, name: str) -> None:
    bare = [{key: row[key] for key in ("role", "text")} for row in FLAT]
    path = table(tmp_path / "a.jsonl", [{name: id, **row} for row in bare])
    with pytest.raises(DataError, match=rf"(?s)a\.jsonl.*1.*E\+1.*'{name}'.*48 rows.*as text"):
        list(read_rows(path, "a", Columns()))
    ids = [1.2345678901234567e17 + 1000 * (at // 4) for at in range(len(bare))]
    whole = [{name: id, **row} for id, row in zip(ids, bare, strict=True)]
    assert prepared(table(tmp_path / "b.jsonl", whole))[0] == SORTED


def test_the_talks_of_a_person_are_parted_by_silence(tmp_path: Path) -> None:
    times = ["1=01.01.2024 10:00", "2=01.01.2024 10:05", "3=01.01.2024 11:00", "4=01.01.2024 11:01",
             "5=01.05.2024 10:00", "6=01.05.2024 22:00"]  # fmt: skip
    dates = [
        "1=2024-01-01",
        "2=2024-01-01",
        "3=2024-01-02",
        "4=2024-01-02",
        "5=2024-03-01",
        "6=2024-03-01",
    ]
    for n, name in enumerate(["customer_id", "user_id", "contact"]):
        found = told(timed(tmp_path / f"{n}.csv", times, times[::-1], dates, name=name))
        assert [said for said, _, _ in found] == ["1 2 3 4", "5 6"] * 3
        assert all("split_by_silence" in repairs for _, repairs, _ in found)
        assert ["sorted_turns" in repairs for _, repairs, _ in found] == [False] * 2 + [True] * 2 + [
            False
        ] * 2
    for name in ("ticket_id", "conversation_id", "case_no", "order_id"):
        found = told(timed(tmp_path / f"{name}.csv", times, dates, name=name))
        assert [said for said, _, _ in found] == ["1 2 3 4 5 6"] * 2
