"""Quick ways for plain text give what the general ways give (CONTRIBUTING, invariant 6)."""

from __future__ import annotations

import json
import random

import pytest

from talkwright.config import Columns, DataSection
from talkwright.data.cleaning import answers, clean, language
from talkwright.data.cleaning.private import find_private
from talkwright.data.reading.shapes import formats
from talkwright.data.similarity import similar
from talkwright.types import (
    Conversation,
    Message,
    content_id,
    conversation_from_json,
    to_json,
    to_line,
)

BITS = (
    "ann.lee@example.org", "+49 30 1234567", "0171 2345678", "DE89 3704 0044 0532 0130 00",
    "DE89370400440532013000", "4111 1111 1111 1111", "10.2.33.4", "2001:db8::ff00:42:8329",
    "password: hunter2x9", "api_key=abcd1234efgh5678", "PASSWD is Geheim99",
    "bearer abcdefgh12345678ABCD", "my-secret-key: 'ABCDEF123456ghij'",
    "sk-proj-abc123def456ghi789jkl012", "token", "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "https://user:pa55word@host.example.com/x", "123-45-6789", "lee dot ann [at] example dot com",
    "RSSMRA85T10A562S", "don't", "DON'T", "it isn't kein", "keinerlei", "rock'n'roll", "'quoted'",
    "a''b", "'", "12:34:56:78", "::1", "a::b", "supercalifragilistic", "_", "3.5", "12,000",
    "2024-01-02", "1. first", "\n2) second\n", "no", "never", "\u001c", "\u000b", "\t", "\u007f",
    "\u0007", "\r\n", "Word", "the", "is and of to", "-----BEGIN PRIVATE KEY-----", "?", "!", ".",
    "...", "This is a sentence of some length.", "This is a sentence of some length!", "{{name}}",
    "`x`",
    "pwd=abc123x9", "client_secret=abcd1234efgh5678", "AB 12 34 56 C", "insurance AB123456C",
    "Buy it now or never today! Buy it now or never today! Buy it now or never today!",
)  # fmt: skip


BETWEEN = (" ", " ", "", "\n", ". ", ", ", "(", ")", "  ", "-", ": ")


def texts(seed: int, count: int = 1500) -> list[str]:
    rng = random.Random(seed)
    return [
        "".join(rng.choice(BITS) + rng.choice(BETWEEN)
                for _ in range(rng.randint(0, 9)))
        for _ in range(count)
    ]  # fmt: skip


class Slow(str):
    """Text that says it is not ASCII, for which nothing has a quick way."""

    def isascii(self) -> bool:
        return False


def test_private_data_is_found_in_ascii_as_in_any_text() -> None:
    found = 0
    for text in texts(1):
        # A letter beyond ASCII on a line of its own changes nothing but the way.
        general = [(a - 2, b - 2, kind) for a, b, kind in find_private(f"é\n{text}")]
        quick = [(a - 2, b - 2, kind) for a, b, kind in find_private(f"e\n{text}")]
        assert quick == general, repr(text)
        found += bool(quick)
    assert found > 300


def test_words_numbers_and_negations() -> None:
    for text in texts(2):
        low = similar.normal(text)
        assert similar.word_list(low) == similar._WORD.findall(low), repr(text)
        assert similar.numbers(text) == similar.numbers(Slow(text)), repr(text)
        said = similar.word_list(low)
        negated = sum(w in similar._NEGATIONS or w.startswith("kein") or w.endswith("n't") for w in said)
        counts = any(w in similar._NEGATIONS for w in said) or "n't" in text or "kein" in text.lower()
        assert similar.hard_parts(text, said)[1] == (negated if counts else 0), repr(text)


def test_control_characters_sentences_and_languages() -> None:
    for text in texts(3):
        doubtful = clean._DOUBTFUL.search(text) is not None
        assert (clean.fix_unicode(text) != text) <= doubtful, repr(text)
        if doubtful:
            assert clean.fix_unicode(text) == clean.fix_unicode(Slow(text)), repr(text)
        assert answers._same_sentence(text) == answers._same_sentence(Slow(text)), repr(text)
        assert language._by_words(text * 3) == language._by_words(f"{text * 3} ß"), repr(text)


@pytest.mark.parametrize("thinking", [None, 'hm "so"', "é\u2028\ud800"])
def test_lines_and_ids_are_those_of_the_json_encoder(thinking: str | None) -> None:
    for content in [*texts(4, 200), "ü😀\ud83d \x00\x7f\u2028"]:
        messages = (Message("user", content), Message("assistant", f"{content}.", thinking))
        for more in ({}, {"group": content}, {"facts": ((content,),)}, {"tools": ("{}",)}):
            conversation = Conversation(messages, 'ä"', "b:1", **more)
            line = to_line(conversation)
            assert line == json.dumps(to_json(conversation)).encode() + b"\n"
            assert conversation_from_json(json.loads(line)) == conversation
            hashed = [messages, conversation.tools] if conversation.tools else messages
            assert conversation.id == content_id(to_json(hashed))


ODD = (None, 3, 1.5, True, [], {}, ["a"], {"role": "user"}, "")
NAMES = ("user", "assistant", "system", "human", "gpt", "User", "tool", "bot", "system ", "narrator")
SAID = ("hello", "", "a\\nb", "a\\\\nb", "\u202eabc", "line\nline", "[1]", "<tool_call>{}</tool_call>")


def row_of_turns(rng: random.Random) -> object:
    """Mostly plain turns, some with what makes them others."""

    style = rng.choice((("role", "content"), ("role", "content"), ("from", "value"), ("role", "value")))
    known = rng.choice((("user", "assistant", "system"), ("human", "gpt", "system"), NAMES))

    def turn() -> object:
        speaks, says = style if rng.random() < 0.98 else ("speaker", "text")
        held = {speaks: rng.choice(known), says: rng.choice(SAID)}
        if rng.random() < 0.05:
            held[rng.choice(("content", "weight", "tool_calls", "name"))] = rng.choice(ODD)
        if rng.random() < 0.05:
            held[rng.choice((speaks, says))] = rng.choice(ODD)
        return held if rng.random() < 0.97 else rng.choice(ODD)

    turns = [turn() for _ in range(rng.randint(0, 5))]
    value: dict[str, object] = {rng.choice(("messages", "conversations", "messages", "dialog")): turns}
    if rng.random() < 0.1:
        value[rng.choice(("id", "system", "tools", "label", "messages"))] = rng.choice(
            (*ODD, "be brief")
        )
    return value


def test_rows_of_plain_turns_are_read_as_any_row_is(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(4)
    rows = [row_of_turns(rng) for _ in range(4000)]
    assert sum(formats.plain_draft(row) is not None for row in rows) > 300
    quick = [formats.read_row(row, "auto", Columns()) for row in rows]
    monkeypatch.setattr(formats, "plain_draft", lambda value: None)
    for row, found in zip(rows, quick, strict=True):
        assert found == formats.read_row(row, "auto", Columns()), row


def test_turns_in_order_are_left_as_the_general_way_leaves_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(5)
    said = ("hello", " hi ", "", " ", "<think>so</think>yes", "say <think>", "\u2003")
    rows = []
    for _ in range(3000):
        roles = ["user", "assistant"] * rng.randint(0, 2)
        if rng.random() < 0.3:
            roles.insert(0, "system")
        if rng.random() < 0.3:
            roles.insert(rng.randint(0, len(roles)), rng.choice(("user", "assistant", "system", "tool")))
        common = rng.random() < 0.7
        rows.append(tuple(
            Message(role, said[0] if common else rng.choice(said), rng.choice((None, None, None, "why")))
            for role in roles
        ))  # fmt: skip
    assert 500 < sum(map(clean._is_in_order, rows)) < 2500
    section = DataSection.model_validate({"sources": [{"path": "a.jsonl"}]})
    quick = [[clean.clean(row, asked) for asked in (None, section)] for row in rows]
    monkeypatch.setattr(clean, "_is_in_order", lambda messages: False)
    for row, found in zip(rows, quick, strict=True):
        assert found == [clean.clean(row, asked) for asked in (None, section)], row
