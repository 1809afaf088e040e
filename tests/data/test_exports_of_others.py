"""Exports as programs write them: each with the right turns in the right order."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from as_read import draft_of

from talkwright.data import read_conversations
from talkwright.errors import DataError

ASKS = ["Where is my order?", "Can I return it?"]
SAYS = ["It left today.", "Yes, in 30 days."]
SAID = [text for pair in zip(ASKS, SAYS, strict=True) for text in pair]
PEOPLE = ["Ann", "Lumen Shop"]


def turns(make: Any) -> list[Any]:
    return [make(n, n % 2, text) for n, text in enumerate(SAID)]


EXPORTS: dict[str, Any] = {
    "discord": {"guild": {"id": "1"}, "channel": {"id": "2", "name": "help"}, "messages": turns(
        lambda n, who, text: {"id": str(n), "type": "Default", "content": text,
                              "author": {"id": str(who), "name": PEOPLE[who], "isBot": bool(who)}})},
    "zendesk": {"tickets": [{"id": 5, "subject": "Order", "requester_id": 7, "comments": [
        {"author_id": 9, "body": "Ask the stock.", "public": False},
        *turns(lambda n, who, text: {"author_id": 7 + who, "body": text, "public": True})]}]},
    "intercom": {"conversations": [{"id": "1", "source": {"body": SAID[0], "author": {"type": "user"}},
        "conversation_parts": {"conversation_parts": [
            {"part_type": "assignment", "body": None, "author": {"type": "admin"}},
            *turns(lambda n, who, text: {"part_type": "comment", "body": text,
                                         "author": {"type": ("user", "admin")[who]}})[1:]]}}]},
    "telegram": {"name": "Shop", "type": "personal_chat", "messages": [
        {"id": 0, "type": "service", "actor": "Ann", "action": "joined", "text": ""},
        *turns(lambda n, who, text: {
            "id": n, "type": "message", "from": PEOPLE[who], "from_id": f"user{who}",
            "text": [text[:5], {"type": "bold", "text": text[5:]}] if n % 3 else text,
            "text_entities": [{"type": "plain", "text": text}]})]},
    "teams": {"messages": turns(lambda n, who, text: {
        "id": str(n), "createdDateTime": f"2024-01-01T10:0{n}:00Z",
        "from": {"user": {"displayName": PEOPLE[who], "id": str(who)}},
        "body": {"contentType": "text", "content": text}})},
    "rasa": {"sender_id": "u1", "events": [{"event": "action", "name": "action_listen"}, *turns(
        lambda n, who, text: {"event": ("user", "bot")[who], "text": text, "timestamp": n + 0.5})]},
    "dialogflow": {"conversations": [{"name": "projects/x", "entries": turns(lambda n, who, text: {
        "participantRole": ("END_USER", "AUTOMATED_AGENT")[who], "content": text})}]},
    "messenger": {"participants": [{"name": name} for name in PEOPLE], "thread_path": "inbox/ann",
        "messages": turns(lambda n, who, text: {
            "sender_name": PEOPLE[who], "timestamp_ms": 1_700_000_000_000 + n, "content": text})[::-1]},
    "livechat": {"chats": [{
        "id": "1", "users": [{"id": "a", "type": "customer"}, {"id": "b", "type": "agent"}],
        "thread": {"events": [{"type": "system_message", "text": "Ann has joined."}, *turns(
            lambda n, who, text: {"type": "message", "author_id": "ab"[who], "text": text})]}}]},
    "chatgpt, shared": {"title": "x", "linear_conversation": turns(lambda n, who, text: {
        "id": n, "message": {"author": {"role": ("user", "assistant")[who]},
        "content": {"content_type": "text", "parts": [text]}}})},
    "ultrachat": [{"id": "1", "data": SAID}],
    "capybara": [{"source": "x", "conversation": [
        {"input": ask, "output": say} for ask, say in zip(ASKS, SAYS, strict=True)]}],
    "newest first": [{"messages": turns(lambda n, who, text: {
        "role": ("user", "assistant")[who], "content": text, "timestamp": n})[::-1]}],
}  # fmt: skip


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_read_as_it_was_said(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(EXPORTS[name]))
    [found] = read_conversations(path)
    assert [turn.content for turn in found.messages] == SAID
    assert [turn.role for turn in found.messages] == ["user", "assistant"] * 2


def test_pictures_between_the_turns_are_not_taken_for_text(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    shown = [{"type": "image_url", "image_url": {"url": "x"}}]
    said = [{"role": "user", "content": shown, "file_name": "The picture of it."}]
    path.write_text(json.dumps({"messages": [*said, {"role": "assistant", "content": "A cat."}]}))
    with pytest.raises(DataError, match="1 × not_text"):
        read_conversations(path)


def test_function_calls_of_glaive_and_xlam(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    call = '<functioncall> {"name": "find", "arguments": \'{"order": "it is 5"}\'} <|endoftext|>'
    chat = (
        f'USER: Where is it?\n\n\nASSISTANT: {call}\n\n\nFUNCTION RESPONSE: {{"at": 1}}\n\n\n'
        "ASSISTANT: It left today. <|endoftext|>\n\n\n"
    )
    rows = [
        {"system": "SYSTEM: Be kind.\n", "chat": chat},
        {"id": 0, "query": "Where is it?",
         "answers": json.dumps([{"name": "find", "arguments": {"order": 5}}]),
         "tools": json.dumps([{"name": "find", "description": "d", "parameters": {}}])},
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    glaive, xlam = read_conversations(path)
    assert [turn.role for turn in glaive.messages] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    assert [turn.content for turn in glaive.messages] == [
        "Be kind.", "Where is it?", "", '{"at": 1}', "It left today."
    ]  # fmt: skip
    assert glaive.messages[2].tool_calls[0].arguments == '{"order": "it is 5"}'
    assert [turn.content for turn in xlam.messages] == ["Where is it?", ""]
    assert (xlam.messages[1].tool_calls[0].name, len(xlam.tools)) == ("find", 1)


def test_a_list_with_a_letter_in_what_glaives_assistant_says_is_no_turn() -> None:
    answer = "Two:\n\nA: In Account.\n\nB: By mail."
    chat = f"USER: Key?\n\n\nASSISTANT: {answer} <|endoftext|>\n\n\nUSER: Thanks\n\n\nA: Bye.\n\n\n"
    found = draft_of({"system": "SYSTEM: Be kind.", "chat": chat})
    assert [turn.content for turn in found.messages] == ["Be kind.", "Key?", answer, "Thanks", "Bye."]
    quiz = "USER: Q: Key?\n\nA: where?\n\n\nASSISTANT: In Account."
    assert [turn.content for turn in draft_of({"chat": quiz}).messages] == [
        "Q: Key?\n\nA: where?",
        "In Account.",
    ]


def test_many_letters_in_what_is_said_take_no_time() -> None:
    letters = "\n\nA: x" * 50_000
    chat = f"USER: Key?{letters}\n\n\nASSISTANT: Mat."
    began = time.perf_counter()
    assert draft_of({"chat": chat}).messages[1].content == "Mat."
    assert time.perf_counter() - began < 5
