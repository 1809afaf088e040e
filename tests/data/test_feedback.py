"""What a row, or a field of a turn, says of its answer: that it is bad, or that it may be."""

from __future__ import annotations

from typing import Any

import pytest

from talkwright.config import Columns
from talkwright.data.reading.chat.turns import Draft
from talkwright.data.reading.shapes.formats import read_row

ASKED: list[dict[str, Any]] = [
    {"role": "user", "content": "Key?"},
    {"role": "assistant", "content": "Mat."},
]
ROWS: list[dict[str, Any]] = [
    {"question": "Key?", "answer": "Mat."},
    {"instruction": "Key?", "input": "", "output": "Mat."},
    {"messages": ASKED},
    {"conversations": [{"from": "human", "value": "Key?"}, {"from": "gpt", "value": "Mat."}]},
    {"text": "Human: Key?\n\nAssistant: Mat."},
]


def outcome(row: dict[str, Any]) -> str | tuple[str, ...]:
    """The reason a row is dropped for, or its marks."""
    found = read_row(row, "auto", Columns())
    return found.marks if isinstance(found, Draft) else found


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("label", "desirable", "undesirable"), ("thumbs", "up", "down"), ("vote", "upvote", "downvote"),
        ("rating", "thumbs_up", "thumbs_down"), ("feedback", "positive", "negative"), ("Vote", 1, -1),
        ("is_good", True, False), ("liked", True, False), ("thumbs_down", False, True),
        ("Thumbs Up", "true", "false"), ("human_rating", "good", "Bad"), ("reaction", "👍", "👎"),
        ("feedback", {"rating": "thumbsUp"}, {"rating": "thumbsDown", "tag": "not_helpful"}),
        ("annotation", '{"rating": 1}', '{"rating": -1}'), ("kto_tag", 1, 0),
        ("reward_info", {"reward": 1.0}, {"reward": 0.0}),
    ],
)  # fmt: skip
def test_an_answer_that_is_called_bad_is_not_learnt(name: str, good: Any, bad: Any) -> None:
    for row in ROWS:
        assert outcome({**row, name: bad}) == "labelled_bad", row
        assert outcome({**row, name: good}) == (), row


@pytest.mark.parametrize(
    ("name", "said"),
    [("accepted", False), ("correct", False), ("label", "rejected"), ("quality", "bad"), ("reward", 0.0),
     ("rating", -1), ("thumbs_down", 1), ("success", "False")],
)  # fmt: skip
def test_what_may_mean_something_else_is_marked(name: str, said: Any) -> None:
    for row in ROWS:
        assert outcome({**row, name: said}) == ("perhaps_bad",), row


@pytest.mark.parametrize(
    "beside",
    [
        {"liked": False, "disliked": False}, {"thumbs_up": False, "thumbs_down": False},
        {"rating": 0},
        {"feedback": ""}, {"feedback": None}, {"feedback": "It was not good for me"}, {"score": 1},
        {"vote": 0}, {"label": "negative"}, {"label": 0}, {"label": "bad"}, {"reward": 0.5},
        {"sentiment": "negative"}, {"reward": None}, {"annotation": {}}, {"feedback": {"text": "bad"}},
    ],
)  # fmt: skip
def test_what_says_nothing_against_an_answer(beside: dict[str, Any]) -> None:
    for row in ROWS:
        assert outcome({**row, **beside}) == (), row


def test_a_verdict_between_two_answers_is_none_on_one() -> None:
    pair = {"prompt": "Key?", "chosen": "Mat.", "rejected": "No.", "rating": "bad", "accepted": False}
    assert outcome(pair) == ()
    two = {"prompt": "Key?", "response_a": "Mat.", "response_b": "No.", "vote": "a", "is_good": False}
    assert outcome(two) == ()


@pytest.mark.parametrize(
    "beside",
    [{"annotation": {"rating": -1}}, {"rating": "thumbs_down"}, {"feedback": {"rating": "thumbsDown"}},
     {"liked": False}],
)  # fmt: skip
def test_what_a_turn_says_of_itself(beside: dict[str, Any]) -> None:
    asked, said = ASKED
    liked = {**said, "annotation": {"rating": 1}}
    assert outcome({"messages": [asked, {**said, **beside}]}) == "labelled_bad"
    # An earlier answer is learnt with the others, as one of weight 0 is.
    assert outcome({"messages": [asked, {**said, **beside}, asked, liked]}) == ("perhaps_bad",)
    assert outcome({"messages": [{**asked, **beside}, said]}) == ()
    unnamed = [{**asked, "x": 1}, {**said, **beside, "x": 1}]
    assert outcome({"thread": unnamed, "id": 1}) == "labelled_bad"


def test_a_run_of_tau_bench_that_failed_is_not_learnt() -> None:
    row = {"task_id": 1, "info": {}, "traj": ASKED, "trial": 0}
    assert outcome({**row, "reward": 1.0}) == ()
    assert outcome({**row, "reward": 0.0}) == "labelled_bad"
