"""Chats as programs save them on somebody's machine, and as their makers hand them out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from as_read import draft_of, entries, jsonl, rows_of, talks

HEAD = {"user_name": "Ann", "character_name": "Rex", "create_date": "2024-1-5", "chat_metadata": {}}
HELLO, GOOD = [("user", "Hello?"), ("assistant", "Woof.")], [("user", "Good!"), ("assistant", "Wag.")]


def line(name: str, text: str, **more: Any) -> dict[str, Any]:
    """A message as SillyTavern saves it."""
    return {"name": name, "is_user": name == "Ann", "is_system": False, "mes": text, **more}


def test_a_file_of_sillytavern_is_one_talk(tmp_path: Path) -> None:
    swipes = {"swipes": ["Growl.", "Woof."], "swipe_id": 1, "extra": {"reasoning": "A friend."}}
    path = jsonl(
        tmp_path / "a.jsonl",
        HEAD,
        line("Ann", "Hello?"),
        line("Rex", "Woof.", **swipes),
        line("SillyTavern System", "Renamed.", is_system=True),
        line("System", "Night falls.", extra={"type": "narrator"}),
        line("Ann", "Good!"),
        line("Rex", "Wag."),
    )
    assert talks(path) == [HELLO + GOOD]
    [row] = rows_of(path)
    draft = draft_of(row.value)
    assert (row.where, row.repairs) == ("a:1", ("joined_rows",))
    assert (draft.repairs, draft.marks) == (("dropped_side_note",), ("other_answers",))
    assert draft.messages[1].thinking == "A friend."


def test_each_head_begins_a_talk_and_so_does_a_line_that_cannot_be_read(tmp_path: Path) -> None:
    first, second = (
        [line("Ann", "Hello?"), line("Rex", "Woof.")],
        [line("Ann", "Good!"), line("Rex", "Wag.")],
    )
    assert talks(jsonl(tmp_path / "a.jsonl", HEAD, *first, HEAD, *second)) == [HELLO, GOOD]
    text = "\n".join([*map(json.dumps, first), '{"name": "Rex", "mes": "Wo', *map(json.dumps, second)])
    (tmp_path / "b.jsonl").write_text(text)
    found = entries(tmp_path / "b.jsonl")
    assert [entry.row.fate for entry in found] == ["kept", "dropped", "kept"]


def test_several_characters_are_not_taken_for_one(tmp_path: Path) -> None:
    group = [line("Ann", "Hello?"), line("Rex", "Woof."), line("Ann", "Good!"), line("Tom", "Meow.")]
    path = jsonl(tmp_path / "a.jsonl", HEAD, *group)
    [entry] = entries(path)
    assert entry.row.reason == "bad_role"
    assert talks(path, roles={"Rex": "assistant", "Tom": "skip"})[0][:2] == HELLO


def version(role: str, *texts: str) -> dict[str, Any]:
    """A turn of LM Studio's, whose last version is shown."""

    def block(text: str, **more: Any) -> dict[str, Any]:
        return {"type": "contentBlock", "content": [{"type": "text", "text": text}], **more}

    if role == "user":
        held = [
            {"type": "singleStep", "role": role, "content": block(text)["content"]} for text in texts
        ]
    else:
        around = [block("Hm.", style={"type": "thinking"}), {"type": "debugInfoBlock", "debugInfo": "x"}]
        held = [{"type": "multiStep", "role": role, "steps": [*around, block(text)]} for text in texts]
    return {"versions": held, "currentlySelected": len(texts) - 1}


def test_lm_studio_keeps_all_versions_and_shows_one(tmp_path: Path) -> None:
    turns = [version("user", "Hello?"), version("assistant", "Growl.", "Woof.")]
    chat = {"name": "Dogs", "pinned": False, "systemPrompt": "Be a dog.", "messages": turns, "notes": []}
    (tmp_path / "a.json").write_text(json.dumps(chat))
    assert talks(tmp_path / "a.json") == [[("system", "Be a dog."), *HELLO]]
    draft = draft_of(chat)
    assert draft.marks == ("other_answers",)
    assert draft.messages[-1].thinking == "Hm."
    [entry] = entries(
        jsonl(tmp_path / "b.jsonl", {**chat, "messages": [{**turns[0], "currentlySelected": 4}]})
    )
    assert entry.row.reason == "unsure_turns"


def test_turns_that_are_wrapped_one_by_one(tmp_path: Path) -> None:
    said = [("human", "Hello?"), ("ASSISTANT", "Woof."), ("human", "Good!"), ("assistant", "Wag.")]
    grok = [
        {"response": {"_id": str(at), "message": text, "sender": who,
                      "create_time": {"$date": {"$numberLong": str(1_740_045_600_000 + at)}}}}
        for at, (who, text) in enumerate(said)
    ]  # fmt: skip
    held = {
        "conversations": [{"conversation": {"id": "1", "title": "Dogs"}, "responses": grok}],
        "projects": [],
    }
    (tmp_path / "a.json").write_text(json.dumps(held))
    assert talks(tmp_path / "a.json") == [HELLO + GOOD]
    for at, turn in enumerate(grok):
        turn["response"]["parent_response_id"] = str(at - 1) if at else None
    again = {"response": {**grok[1]["response"], "_id": "9", "message": "Growl."}}
    branched = [*grok[:1], again, *grok[1:]]
    held["conversations"][0]["responses"] = branched  # type: ignore[index]
    (tmp_path / "a.json").write_text(json.dumps(held))
    assert talks(tmp_path / "a.json") == [HELLO + GOOD]


def test_a_ticket_of_freshdesk_as_it_was_exported_once(tmp_path: Path) -> None:
    def note(text: str, incoming: bool, private: bool = False) -> dict[str, Any]:
        held = {"id": 1, "body": text, "body_html": f"<p>{text}</p>", "user_id": 7 if incoming else 9}
        return {"helpdesk_note": {**held, "incoming": incoming, "private": private}}

    notes = [note("Woof.", False), note("A cat.", False, True), note("Good!", True), note("Wag.", False)]
    ticket = {"subject": "Dog", "description": "Hello?", "requester_id": 7, "notes": notes}
    (tmp_path / "a.json").write_text(json.dumps([{"helpdesk_ticket": ticket}]))
    assert talks(tmp_path / "a.json") == [HELLO + GOOD]
