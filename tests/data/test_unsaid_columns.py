"""Tables that do not say in words what their columns are: told by what is in them, or refused."""

# ruff: noqa: E501 - tables

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from as_read import rows_of as read

from talkwright.config import Columns
from talkwright.data.reading.chat.turns import Draft
from talkwright.data.reading.containers import read_rows
from talkwright.data.reading.shapes.formats import read_row
from talkwright.errors import DataError


def table(path: Path, rows: list[dict[str, Any]]) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as file:
        if path.suffix == ".csv":
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        else:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


# --- who speaks by a flag or a direction ---------------------------------------------------------

FLAGS = {
    "direction": ("inbound", "outbound"), "Message Direction": ("Incoming", "OUTGOING"), "direction ": ("IN", "out"),
    "message_type": ("incoming", "outgoing"), "from_me": ("false", "true"), "is_from_me": ("0", "1"),
    "is_bot": ("FALSE", "TRUE"), "isAgent": ("no", "yes"), "from_customer": ("True", "False"),
    "is_user": ("1", "0"), "sent_by_agent": ("f", "t"),
}  # fmt: skip


def flagged(name: str, values: Any, more: Any = None) -> list[dict[str, Any]]:
    return [
        {"TicketNr": n, name: values[who == "agent"], "body": text, "time": f"2024-05-01T10:{n}{k}:00Z",
         **({"from": f"+49{n}{who}"} if more else {})}
        for n, talk in enumerate((("customer", "Key?"), ("agent", "Mat."), ("customer", "Thanks"), ("agent", "Bye"))
                                 for _ in range(3))
        for k, (who, text) in enumerate(talk)
    ]  # fmt: skip


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("numbers", [False, True])  # beside those of the phones
@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_flag_or_a_direction_says_who_speaks(
    tmp_path: Path, name: str, numbers: bool, suffix: str
) -> None:
    path = table(tmp_path / f"a{suffix}", flagged(name, FLAGS[name], numbers))
    drafts = [read_row(row.value, "auto", Columns()) for row in read_rows(path, "a", Columns())]
    assert all(isinstance(draft, Draft) for draft in drafts)
    wanted = [("user", "Key?"), ("assistant", "Mat."), ("user", "Thanks"), ("assistant", "Bye")]
    assert [[(m.role, m.content) for m in d.messages] for d in drafts if not isinstance(d, str)] == [
        wanted
    ] * 3


def test_flags_that_sort_texts_into_classes_are_no_chat(tmp_path: Path) -> None:
    rows = [{"is_bot": n % 2 == 0, "text": f"I like it {n}"} for n in range(6)]
    for suffix in (".csv", ".jsonl"):
        found = list(read_rows(table(tmp_path / f"a{suffix}", rows), "a", Columns()))
        assert [row.value["text"] for row in found if row.value] == [row["text"] for row in rows]


# --- without names over the columns --------------------------------------------------------------

ASKED = [("Where is it?", "It left today."), ("Can I return it?", "Yes, in 30 days."),
         ("How much is a lamp?", "Twenty, or less."), ("Is it blue?", "No, it is red.")]  # fmt: skip


def lines(rows: Any, mark: str = ",") -> bytes:
    quoted = [mark.join(f'"{cell}"' if mark in cell else cell for cell in row) for row in rows]
    return "".join(line + "\n" for line in quoted).encode()


@pytest.mark.parametrize("mark", ",;\t|")
def test_questions_and_answers_without_a_header(tmp_path: Path, mark: str) -> None:
    wanted = [{"question": q, "answer": a} for q, a in ASKED]
    found = read(tmp_path / "a.csv", lines(ASKED, mark))
    assert [row.value for row in found] == wanted
    assert {row.repairs for row in found} == {("guessed_header",)}
    numbered = read(tmp_path / "a.csv", lines([(str(n), *pair) for n, pair in enumerate(ASKED)], mark))
    assert [{k: v for k, v in row.value.items() if k != "number"} for row in numbered] == wanted


def test_turns_without_a_header(tmp_path: Path) -> None:
    turns = [
        (who, text) for pair in ASKED[:2] for who, text in zip(("user", "assistant"), pair, strict=True)
    ]
    (talk,) = read(tmp_path / "a.csv", lines(turns))
    assert [(t["role"], t["content"]) for t in talk.value["messages"]] == turns
    several = read(tmp_path / "a.csv", lines([(str(n // 2), *turn) for n, turn in enumerate(turns)]))
    assert [len(row.value["messages"]) for row in several] == [2, 2]


@pytest.mark.parametrize(
    "rows",
    [
        [("Anfrage", "Antwort"), *ASKED],  # names, though nobody knows them
        [(q, "shipping") for q, _ in ASKED],
        [(a, q) for q, a in ASKED],
        [(a, a + " So it is.") for _, a in ASKED],
        ASKED[:2],
        [(q, f"{a} And {q}") for q, a in ASKED],  # both ask
        [("user", "anna"), ("user", "bert"), ("admin", "carl")],
        [(*pair, "good one") for pair in ASKED],
    ],
)
def test_a_table_that_may_mean_something_else_is_refused(tmp_path: Path, rows: Any) -> None:
    with pytest.raises(DataError, match=r"names of columns|which columns"):
        read(tmp_path / "a.csv", lines(rows))
