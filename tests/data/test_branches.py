"""Turns that have other answers beside them: those that were shown are learnt, and never two at once."""

from __future__ import annotations

from typing import Any

import pytest
from as_read import draft_of, read


def said(row: Any) -> list[str]:
    return [turn.content for turn in draft_of(row).messages]


def turn(id: str, before: str, text: str, mine: bool) -> dict[str, Any]:
    who = "User" if mine else "GPT-4"
    return {"messageId": id, "parentMessageId": before, "sender": who, "text": text,
            "isCreatedByUser": mine}  # fmt: skip


TALK = [
    turn("1", "0000", "Key?", True),
    turn("2", "1", "In Account.", False),
    turn("3", "2", "And now?", True),
    turn("4", "3", "Wait.", False),
]


def test_of_flat_turns_that_name_the_one_before_the_last_branch_is_read() -> None:
    again = draft_of({"messages": [*TALK, turn("5", "3", "Reset it.", False)]})
    assert [turn.content for turn in again.messages] == ["Key?", "In Account.", "And now?", "Reset it."]
    assert again.marks == ("other_answers",)
    edited = [*TALK, turn("6", "0000", "Door?", True), turn("7", "6", "Open.", False)]
    assert said({"messages": edited}) == ["Door?", "Open."]
    assert draft_of({"messages": TALK}).marks == ()


def test_replies_of_both_sides_to_one_message_are_a_thread_and_all_read() -> None:
    thread = [*TALK, turn("5", "1", "Hello?", True), turn("6", "1", "Yes.", False)]
    assert said({"messages": thread}) == [turn["text"] for turn in thread]


def test_turns_behind_each_other_in_a_circle_are_a_broken_tree() -> None:
    circle = [turn("1", "2", "Key?", True), turn("2", "1", "A.", False), turn("3", "1", "B.", False)]
    assert read({"messages": circle}) == "broken_tree"


@pytest.mark.parametrize("key", ["if_chosen", "is_chosen", "chosen", "selected"])
@pytest.mark.parametrize("name", ["messages", "conversation_history"])
def test_of_answers_that_say_which_was_chosen_only_that_one_is_learnt(name: str, key: str) -> None:
    def answer(text: str, chosen: bool) -> dict[str, Any]:
        return {"role": "model", "content": text, "score": 9, key: chosen}

    asked = {"role": "user", "content": "Key?"}
    thanks = {"role": "user", "content": "Thanks"}
    both = [answer("No.", False), answer("In Account.", True)]
    row = {name: [asked, *both, thanks, answer("Bye.", True), answer("!", False)]}
    found = draft_of(row)
    assert [turn.content for turn in found.messages] == ["Key?", "In Account.", "Thanks", "Bye."]
    assert "other_answers" in found.marks
    assert read({name: [asked, answer("No.", False), answer("Yes.", False)]}) == "unsure_turns"
    assert said({name: [asked, answer("In Account.", True)]}) == ["Key?", "In Account."]
