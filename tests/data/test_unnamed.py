"""Turns under names that nobody knows: told by what they hold, and never guessed."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from talkwright.config import Columns
from talkwright.data import read_conversations
from talkwright.data.reading.chat.turns import Draft
from talkwright.data.reading.shapes.formats import read_row, reads_as_row

SAID = ["Where is my order?", "It left today.", "Thanks!", "You are welcome."]
ROLES = ["user", "assistant", "user", "assistant"]


def turns(who: str, says: str, asks: Any, answers: Any, **more: Any) -> list[dict[str, Any]]:
    return [
        {
            **more,
            "id": n,
            who: answers if n % 2 else asks,
            "at": f"2024-05-0{n + 1}T10:00:00",
            says: said,
        }
        for n, said in enumerate(SAID)
    ]


def check(value: Any, repairs: set[str]) -> None:
    draft = read_row(value, "auto", Columns())
    assert isinstance(draft, Draft), draft
    assert [m.role for m in draft.messages] == ROLES
    assert [m.content for m in draft.messages] == SAID
    assert {*draft.repairs} == repairs
    assert reads_as_row(value)


@pytest.mark.parametrize("name", ["thread", "posts", "x", "comments"])
@pytest.mark.parametrize(
    ("who", "says", "asks", "answers"),
    [
        ("from", "body", "customer", "agent"),
        ("author", "text", "user", "bot"),
        ("sender", "message", "Human", "Assistant"),
        ("speaker", "content", "client", "support"),
        ("role", "value", "user", "assistant"),
        ("who", "said", "Visitor", "operator"),
        ("user_type", "msg_body", "end-user", "agent"),
        ("author", "body", {"type": "user", "id": 5}, {"type": "bot", "id": 6}),
        ("is_bot", "msg", False, True),
        ("from_customer", "line", True, False),
        ("direction", "body", "inbound", "outbound"),
    ],
)
def test_turns_are_told_by_what_they_hold(
    name: str, who: str, says: str, asks: Any, answers: Any
) -> None:
    held = turns(who, says, asks, answers, channel="email")
    check({"subject": "Order 5", name: held}, {"recognised_turns"})
    check({"ticket": {"no": 5, name: held}}, {"recognised_turns"})
    check({"no": 5, name: json.dumps(held)}, {"recognised_turns"})
    addressed = [{"to": ("agent", "customer")[n % 2], **turn} for n, turn in enumerate(held)]
    check({name: addressed}, {"recognised_turns"})


def test_people_with_names_are_told_as_in_lists_of_known_names() -> None:
    both = {"guessed_role", "recognised_turns"}
    check({"thread": turns("from", "body", "Ann", "Bob")}, both)
    check({"x": turns("from", "body", "customer", "Bob")}, both)
    check({"requester_id": 7, "comments": turns("author_id", "body", 7, 8)}, {"recognised_turns"})


def test_notes_between_the_turns_are_left_out_and_noted() -> None:
    held = turns("from", "body", "customer", "agent")
    notes = [{**held[1], "from": "note"}, {**held[1], "public": False}]
    check({"thread": [held[0], *notes, *held[1:]]}, {"recognised_turns", "dropped_side_note"})


@pytest.mark.parametrize(
    "value",
    [
        {"x": turns("from", "body", "Ann", "Bob")},  # perhaps two who comment
        {"thread": turns("from", "a", "customer", "agent", b="The other text.")},
        {"thread": [*turns("from", "body", "Ann", "Bob"), {"from": "Cid", "body": "Me, too."}]},
        {"thread": turns("from", "body", "customer", "agent"), "b": turns("by", "text", "user", "bot")},
        {"x": [{"type": "user", "by": "agent", "a": "Hi."}, {"type": "bot", "by": "user", "a": "Ho."}]},
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_not_guessed(value: Any) -> None:
    assert read_row(value, "auto", Columns()) == "unsure_turns"


@pytest.mark.parametrize(
    "value",
    [
        {"items": [{"sku": "a", "text": "Blue lamp."}, {"sku": "b", "text": "Red lamp."}]},
        {"events": [{"type": "click", "text": "x"}, {"type": "view", "text": "y"}]},
        {"x": [{"role": "admin", "name": "Ann B."}, {"role": "user", "name": "Bob C."}]},
        {"x": [{"from": "customer", "body": "Where is it?"}]},
    ],
)
def test_other_lists_are_no_turns(value: Any) -> None:
    assert read_row(value, "auto", Columns()) in ("unknown_format", "unsure_turns")


@pytest.mark.parametrize("kind", ["jsonl", "json", "json in json", "one.json", "csv", "parquet"])
def test_files_of_such_rows(tmp_path: Path, kind: str) -> None:
    rows = [{"no": n, "thread": turns("from", "body", "customer", "agent")} for n in range(3)]
    path = tmp_path / f"a.{kind.split()[0]}"
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif kind == "csv":
        with open(path, "w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["no", "thread"])
            table.writerows([row["no"], json.dumps(row["thread"])] for row in rows)
    elif kind == "parquet":
        pa = pytest.importorskip("pyarrow.parquet")
        import pyarrow

        pa.write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        held: Any = rows if kind == "json" else {"tickets": rows}
        path.write_text(json.dumps(rows[0] if kind == "one.json" else held))
    found = read_conversations(path)
    assert len(found) == (1 if kind == "one.json" else 3)
    assert all([m.content for m in one.messages] == SAID for one in found)
