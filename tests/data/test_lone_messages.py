"""Messages without the id that would say of which talk they are: dropped with that as the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from as_read import entries, jsonl, read, talks

from talkwright.data.reasons import meaning

SAID = [("user", "How long is it?"), ("assistant", "It is 10 km long.")]


def messages(id: Any, **names: str) -> list[dict[str, Any]]:
    return [{"ticket": id, "speaker": names.get(role, role), "text": text} for role, text in SAID]


def fates(path: Path, **options: Any) -> list[tuple[str, str | None]]:
    return [(entry.row.where.split(":")[1], entry.row.reason) for entry in entries(path, **options)]


@pytest.mark.parametrize("id", [None, "", " "])
@pytest.mark.parametrize("names", [{}, {"user": "Ann", "assistant": "Bob"}])
def test_rows_without_an_id_say_so(tmp_path: Path, id: Any, names: dict[str, str]) -> None:
    rows = [*messages("1", **names), *messages(id, **names), *messages("2", **names)]
    path = jsonl(tmp_path / "a.jsonl", *rows)
    options = {"columns": {"group": "ticket"}, "roles": {"Ann": "user", "Bob": "assistant"}}
    lone = [("3", "lone_message"), ("4", "lone_message")]
    assert fates(path, **options) == [*lone, ("1", None), ("5", None)]
    assert "columns: {group: NAME}" in meaning("lone_message")


def test_messages_of_a_file_without_any_id(tmp_path: Path) -> None:
    rows = [{"role": role, "content": text} for role, text in SAID * 3]
    assert {reason for _, reason in fates(jsonl(tmp_path / "a.jsonl", *rows))} == {"lone_message"}


def test_messages_of_trees_and_tweets_without_an_id(tmp_path: Path) -> None:
    tree = [
        {"message_id": "a", "parent_id": None, "text": SAID[0][1], "role": "prompter"},
        {"message_id": None, "parent_id": "a", "text": SAID[1][1], "role": "assistant"},
        {"message_id": "c", "parent_id": "a", "text": SAID[1][1], "role": "assistant"},
    ]
    path = jsonl(tmp_path / "a.jsonl", *tree)
    assert fates(path) == [("2", "lone_message"), ("1", None)]
    tweet = {"tweet_id": "", "author_id": "x", "inbound": "True", "text": "Hi?",
             "created_at": "", "response_tweet_id": "", "in_response_to_tweet_id": ""}  # fmt: skip
    assert fates(jsonl(tmp_path / "b.jsonl", tweet)) == [("1", "lone_message")]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"text": "Only a text.", "author": "Jane Doe"}, "raw_text"),
        ({"text": "Only a text.", "source": "web"}, "raw_text"),
        ({"role": "user", "name": "Ann"}, "unknown_format"),
    ],
)
def test_what_is_no_message_has_its_own_reason(row: Any, reason: str) -> None:
    assert read(row) == reason


def test_a_whole_talk_among_messages_needs_no_id(tmp_path: Path) -> None:
    row = {"messages": [{"role": role, "content": text} for role, text in SAID]}
    said = {"speaker": "user", "text": "User: How long?\nAssistant: 10 km."}
    path = jsonl(tmp_path / "a.jsonl", *messages("1"), row, said)
    assert [turns[0][1] for turns in talks(path)] == [SAID[0][1], "How long?", SAID[0][1]]
