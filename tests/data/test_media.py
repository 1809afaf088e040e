"""Rows about pictures: without the picture their answers are guesses."""

from __future__ import annotations

from typing import Any

import pytest

from talkwright.config import Columns
from talkwright.data.reading.chat.turns import Draft
from talkwright.data.reading.shapes.formats import read_row


def outcome(row: dict[str, Any]) -> str | tuple[str, ...]:
    """The reason a row is dropped for, or its marks."""
    found = read_row(row, "auto", Columns())
    return found.marks if isinstance(found, Draft) else found


def messages(asked: str, said: str = "Red.", **more: Any) -> dict[str, Any]:
    turns = [{"role": "user", "content": asked, **more}, {"role": "assistant", "content": said}]
    return {"messages": turns}


ROWS: list[dict[str, Any]] = [
    {"question": "What colour?", "answer": "Red."},
    {"question": "What colour?", "chosen": "Red.", "rejected": "Blue."},
    messages("What colour?"),
    {"conversations": [{"from": "human", "value": "Colour?"}, {"from": "gpt", "value": "Red."}]},
]
HELD = [
    {"image": "coco/1.jpg"},
    {"images": ["a.png", "b.png"]}, {"image": {"bytes": b"\x89PNG", "path": 0}},
    {"image": {"bytes": None, "path": "x.jpg"}}, {"images": [{"bytes": None, "path": "x.webp"}]},
    {"Image Path": "https://a.org/1"}, {"image": "data:image/png;base64,iVBOR"},
    {"video": "1.mp4"},
    {"image": "iVBOR" * 60}, {"image": "{'bytes': b'', 'path': 'x.jpg'}"},
]  # fmt: skip
NONE = [
    {"image": None}, {"images": []}, {"image": ""}, {"image": {"bytes": None, "path": None}},
    {"image": "ubuntu:22.04"}, {"image": "a good one"}, {"images": "[]"}, {"videos": [None]},
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_a_row_about_a_picture_is_not_text(row: dict[str, Any]) -> None:
    for beside in HELD:
        assert outcome({**row, **beside}) == "not_text", beside
    for beside in NONE:
        assert outcome({**row, **beside}) == (), beside
    for beside in ({"image_id": 7}, {"image_url": "https://example.com/1.png"}, {"audio": "1.wav"}):
        assert outcome({**row, **beside}) == ("ignored_attachment",), beside


def test_a_turn_with_a_picture_is_not_text() -> None:
    assert outcome(messages("What colour?", images=["iVBOR" * 60])) == "not_text"
    assert outcome(messages("What colour?", image={"url": "https://example.com/1.png"})) == "not_text"
    assert outcome(messages("What colour?", images=[])) == ()


@pytest.mark.parametrize(
    "asked",
    [
        "<image>What colour?", "What colour?\n<image>", "<image>\nWhat colour?", "In <image 1>, what?",
        "<image><image>\nWhich?",
        "<|vision_start|><|image_pad|><|vision_end|>", "<video>\nWhat happens?",
        "Picture 1: <img>a/b.jpg</img>\nWhat colour?", "<image_2> what?", "<ImageHere> What?",
        "Look:\n<image>\nWhat colour?",
    ],
)  # fmt: skip
def test_the_place_of_a_picture_is_not_learnt(asked: str) -> None:
    assert outcome(messages(asked)) == "not_text"
    assert outcome({"question": asked, "answer": "Red."}) == "not_text"
    sharegpt = [{"from": "human", "value": asked}, {"from": "gpt", "value": "Red."}]
    assert outcome({"conversations": sharegpt}) == "not_text"


@pytest.mark.parametrize(
    "asked",
    [
        "What does the <image> tag of SVG do?", "How do I centre an <img src='a.png'>?",
        "<image> is it?",
        "<video><source src='a.mp4'></video> does not play", "Which is right: <audio> or <video>?",
        "<image> tags are slow", "A <picture> and an <image>",
    ],
)  # fmt: skip
def test_talk_about_markup_stays(asked: str) -> None:
    assert outcome(messages(asked)) == ()
