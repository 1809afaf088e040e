"""Exports of desks and collections that keep a talk in parts: put together, and nothing is lost."""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from as_read import entries, talks

from talkwright.data.reading.together import tweets as tweets_module

SAID = [("user", "Is it  on?\nIt is dark."), ("assistant", "No: push it."), ("user", "Ok."), ("user",
        "And now?"),
        ("assistant", "Now it is."), ("user", "So.")]  # fmt: skip
MERGED = [SAID[0], SAID[1], ("user", "Ok.\n\nAnd now?"), SAID[4]]


def write(path: Path, value: Any) -> Path:
    """Write rows in the way that the name of the file says."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(value), path)
    elif path.suffix == ".csv":
        text = io.StringIO(newline="")
        table = csv.DictWriter(text, list(value[0]))
        table.writeheader()
        table.writerows(value)
        path.write_text(text.getvalue(), newline="")
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in value))
    else:
        path.write_text(json.dumps(value, indent=1))
    return path


# --- tickets -------------------------------------------------------------------------------------


def replies(first: int = 1, **names: str) -> list[dict[str, Any]]:
    text, private = names.get("text", "body_text"), {"private": True, "incoming": False, "user_id": 9}
    return [
        {"id": 1, text: "He is rude.", **private},
        *({"id": n, text: said, "incoming": role == "user", "private": False,
           "user_id": 5 if role == "user" else 9}
          for n, (role, said) in enumerate(SAID[first:])),
    ]  # fmt: skip


def test_a_ticket_begins_with_what_it_asks(tmp_path: Path) -> None:
    ticket = {"id": 1, "subject": "Lamp", "description": "<div>x</div>", "description_text": SAID[0][1],
              "requester_id": 5, "conversations": replies()}  # fmt: skip
    for name in ("a.jsonl", "a.json"):
        assert talks(write(tmp_path / name, [ticket, ticket])) == [MERGED, MERGED]
    (entry,) = entries(write(tmp_path / "b.jsonl", [ticket]))
    assert "dropped_side_note" in entry.row.repairs
    assert "dropped_leading_assistant" not in entry.row.repairs
    del ticket["description_text"]
    ticket["description"] = SAID[0][1]
    assert talks(write(tmp_path / "c.jsonl", [ticket])) == [MERGED]


def test_a_ticket_of_the_older_export_and_one_with_nothing_but_an_answer(tmp_path: Path) -> None:
    notes = replies(text="body")
    ticket = {"helpdesk_ticket": {"description": SAID[0][1], "requester_id": 5, "notes": notes}}
    assert talks(write(tmp_path / "a.json", [ticket])) == [MERGED]
    ticket["helpdesk_ticket"]["notes"] = notes[1:2]
    assert talks(write(tmp_path / "b.json", [ticket])) == [MERGED[:2]]
    for more in ({"incoming": None}, {"user_id": None}):
        ticket["helpdesk_ticket"]["notes"] = [
            {key: held for key, held in notes[1].items() if key not in more}
        ]
        assert talks(write(tmp_path / "c.json", [ticket])) == [MERGED[:2]]


def test_a_ticket_whose_text_is_its_first_comment_says_it_once(tmp_path: Path) -> None:
    ticket = {"id": 1, "description": "Is it on?\nIt is dark.", "requester_id": 5, "comments": [
        {"author_id": 5 if role == "user" else 9, "body": said, "public": True} for role,
        said in SAID]}  # fmt: skip
    assert talks(write(tmp_path / "a.json", {"tickets": [ticket]})) == [MERGED]
    short = {**ticket, "description": "Is"}  # which the first comment has in it, and more
    assert (
        talks(write(tmp_path / "b.json", {"tickets": [short]}))[0][0][1]
        == "Is\n\nIs it  on?\nIt is dark."
    )
    roles = {"description": "Is it on?", "messages": [{"role": r, "content": said} for r, said in SAID]}
    assert talks(write(tmp_path / "c.json", [roles])) == [MERGED]  # no ticket: about the talk
    turns = roles["messages"]
    prompt = {"role": "system", "content": "Be kind."}
    for more in ({"system": "Be kind.", "messages": turns}, {"messages": [prompt, *turns]}):
        row = {"description": "Hello?", "requester": "Ann", **more}
        found = talks(write(tmp_path / "d.json", [row]))[0]
        assert found[0] == ("system", "Be kind.")
        assert found[1][1].startswith("Hello?")


# --- collections ---------------------------------------------------------------------------------


def multiwoz(*roles: int) -> dict[str, Any]:
    turns = [SAID[0], SAID[1], SAID[3], SAID[4]]
    return {"goal": {"message": ["You want it.", "Be brief."], "hotel": {}}, "log": [
        {"text": said, "metadata": {"hotel": {"book": []}} if state else {}, "dialog_act": {},
         "span_info": []}
        for (_, said), state in zip(turns, roles, strict=True)]}  # fmt: skip


def test_multiwoz_of_one_file(tmp_path: Path) -> None:
    wanted = [SAID[0], SAID[1], SAID[3], SAID[4]]
    whole = {f"MUL{n}.json": multiwoz(0, 1, 0, 1) for n in range(3)}
    assert talks(write(tmp_path / "data.json", whole)) == [wanted] * 3
    assert talks(write(tmp_path / "one.json", {"SNG1.json": multiwoz(0, 1, 0, 1)})) == [wanted]
    for roles in ((1, 0, 1, 0), (0, 0, 1, 1), (0, 0, 0, 0)):
        found = entries(write(tmp_path / "b.jsonl", [multiwoz(*roles)] * 2))
        assert [entry.row.reason for entry in found] == ["unknown_format"] * 2


# --- one exchange a row --------------------------------------------------------------------------


def exchanges(
    asks: str = "Customer", says: str = "Agent", id: str = "Conversation ID", turn: str = "Turn"
) -> list[Any]:
    pairs = [(SAID[0][1], SAID[1][1]), (SAID[3][1], SAID[4][1]), ("Bye?", "Bye.")]
    return [{id: talk, turn: n + 1, asks: one, says: other}
            for talk in ("x", "y") for n, (one, other) in enumerate(pairs)]  # fmt: skip


EXCHANGED = [SAID[0], SAID[1], SAID[3], SAID[4], ("user", "Bye?"), ("assistant", "Bye.")]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json", "parquet"])
@pytest.mark.parametrize("names", [(), ("prompt", "response", "session_id", "turn_number"), ("user",
        "bot",
        "chat id",
        "step"),
                                   ("Question", "Answer", "dialog_id", "turn_id")])  # fmt: skip
def test_exchanges_of_a_conversation_are_put_together(
    tmp_path: Path, suffix: str, names: tuple[str, ...]
) -> None:
    rows = exchanges(*names)
    assert talks(write(tmp_path / f"a.{suffix}", rows)) == [EXCHANGED, EXCHANGED]
    random.Random(1).shuffle(rows)
    found = entries(write(tmp_path / f"b.{suffix}", rows))
    assert [len(entry.conversation.messages) for entry in found if entry.conversation] == [6, 6]
    assert {"joined_rows", "sorted_turns"} <= {*found[0].row.repairs, *found[1].row.repairs}


def test_exchanges_without_an_answer_and_with_a_format(tmp_path: Path) -> None:
    rows = exchanges()[:3]
    rows[1]["Agent"], rows[2]["Customer"] = "", ""
    wanted = [*EXCHANGED[:3], ("assistant", "Bye.")]
    assert talks(write(tmp_path / "a.csv", rows)) == [wanted]
    path = write(tmp_path / "b.csv", exchanges("instruction", "output"))
    assert talks(path, format="alpaca") == [EXCHANGED, EXCHANGED]
    rows = exchanges()[:3]
    rows[2]["Agent"] = ""  # unanswered
    assert talks(write(tmp_path / "c.csv", rows)) == [EXCHANGED[:4]]


OLD = f"{SAID[0][1]} {SAID[1][1]}"


@pytest.mark.parametrize("change", [
    lambda row: row.pop("Turn"),
    lambda row: row.pop("Conversation ID"),
    lambda row: row.update(Turn=1),
    lambda row: row.update(Turn="first"),
    lambda row: row.update(label=True),
    lambda row: row.update(Customer=row["Customer"] if row["Turn"] == 1 else f"{OLD} {row['Customer']}"),
])  # fmt: skip
def test_exchanges_stay_apart_where_it_is_not_sure(tmp_path: Path, change: Any) -> None:
    rows = exchanges()
    for row in rows:
        change(row)
    found = entries(write(tmp_path / "a.jsonl", rows))
    assert len(found) == 6
    assert not any("joined_rows" in entry.row.repairs for entry in found)


# --- tweets --------------------------------------------------------------------------------------


def tweet(
    id: int, who: str, text: str, before: int | str = "", after: str = "", minute: int | None = None
) -> dict[str, Any]:
    return {"tweet_id": id, "author_id": who, "inbound": who.isdigit(), "text": text,
            "created_at": f"Tue Oct 31 22:{id if minute is None else minute:02d}:00 +0000 2017",
            "response_tweet_id": after, "in_response_to_tweet_id": before}  # fmt: skip


def thread(start: int = 1, user: str = "115712") -> list[dict[str, Any]]:
    return [tweet(start + n, user if role == "user" else "LampCo", said, start + n - 1 if n else "",
                  str(start + n + 1) if n < len(SAID) - 1 else "")
            for n, (role, said) in enumerate(SAID)]  # fmt: skip


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json", "parquet"])
def test_tweets_and_their_answers(tmp_path: Path, suffix: str) -> None:
    rows = [*thread(), *thread(11, "115713")]
    if suffix == "parquet":
        rows = [{key: str(held) for key, held in row.items()} for row in rows]
    assert talks(write(tmp_path / f"a.{suffix}", rows)) == [MERGED, MERGED]
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        found = entries(write(tmp_path / f"b.{suffix}", rows))
        assert [
            [(m.role, m.content) for m in e.conversation.messages] for e in found if e.conversation
        ] == [MERGED] * 2
        assert {entry.conversation.group for entry in found if entry.conversation} == {
            "115712",
            "115713",
        }
    assert "joined_rows" in found[0].row.repairs


def test_every_customer_of_a_thread_has_a_talk(tmp_path: Path) -> None:
    rows = [
        tweet(1, "5", "@LampCo Dark!", after="2,3,6"), tweet(2, "LampCo", "1/2 Sorry.", 1), tweet(3,
        "LampCo", "2/2 Push.", 1, "4,5"),
        tweet(4, "5", "Ok.", 3, minute=5), tweet(5, "6", "Mine, too.", 3, "7", minute=4), tweet(6,
        "LampCo", "3/2 Bye.", 1, minute=9),
        tweet(7, "LampCo", "You, too.", 5), tweet(8, "LampCo", "News for all.", ""),
    ]  # fmt: skip
    one, other, news = entries(write(tmp_path / "a.csv", rows))
    said = [
        [(m.role[0], m.content) for m in e.conversation.messages] for e in (one, other) if e.conversation
    ]
    assert said == [[("u", "@LampCo Dark!"), ("a", "1/2 Sorry.\n\n2/2 Push."), ("u", "Ok."),
    ("a", "3/2 Bye.")],
                    [("u", "Mine, too."), ("a", "You, too.")]]  # fmt: skip
    assert news.row.reason == "no_user_turn"


def test_tweets_that_are_missing_odd_or_there_twice(tmp_path: Path) -> None:
    rows = [{**tweet(2, "LampCo", "Push.", "1.0", "99"), "inbound": 0}, {**tweet(1, "5", "Dark!", "nan",
        "2.0"), "inbound": 1},
            tweet(2, "LampCo", "Push.", "1"), {**tweet(3, "5", "x"), "inbound": None}]  # fmt: skip
    found = entries(write(tmp_path / "a.jsonl", rows))
    assert [(e.row.reason, e.row.where) for e in found] == [
        ("duplicate", "a.jsonl:3"), ("raw_text", "a.jsonl:4"), (None, "a.jsonl:1")
    ]  # fmt: skip
    assert [m.content for m in found[2].conversation.messages] == ["Dark!", "Push."]  # type: ignore[union-attr]


def test_only_so_many_tweets_are_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row for n in range(200) for row in thread(n * 10, str(n))]
    path = write(tmp_path / "a.csv", rows)
    monkeypatch.setattr(tweets_module, "_HELD", 30_000)
    assert talks(path) == [MERGED] * 200
    late = [rows[0], *rows[6:], *rows[1:6]]  # whole ones go on first
    assert talks(write(tmp_path / "b.csv", late)) == [MERGED] * 200
    firsts = [*rows[::6], *(row for at, row in enumerate(rows) if at % 6)]
    found = entries(write(tmp_path / "c.csv", firsts))
    whole = [[(m.role, m.content) for m in e.conversation.messages] for e in found if e.conversation]
    left = [entry.row.reason for entry in found if entry.conversation is None]
    told = "\n\n".join(text for _, text in MERGED)
    assert whole
    assert all(told.startswith("\n\n".join(text for _, text in talk)) for talk in whole)
    assert {*left} <= {"no_assistant_turn", "scattered_messages", "tree_message"}


def test_a_talk_ends_before_a_tweet_that_is_missing(tmp_path: Path) -> None:
    rows = thread()
    del rows[3]
    found = entries(write(tmp_path / "a.csv", rows))
    assert [(entry.row.reason, entry.row.where) for entry in found] == [
        ("tree_message", "a.csv:row 5 (line 7)"), (None, "a.csv:row 1 (line 2)"),
        ("no_user_turn", "a.csv:row 4 (line 6)")
    ]  # fmt: skip
    assert [m.content for m in found[1].conversation.messages] == [SAID[0][1], SAID[1][1]]  # type: ignore[union-attr]
