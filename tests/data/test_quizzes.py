"""Questions with choices: they are put into the question, and the answer is written out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from talkwright.config import Columns, DataSection
from talkwright.data.dataset import Conversations
from talkwright.data.prepare import prepare
from talkwright.data.reading.chat.turns import Draft
from talkwright.data.reading.shapes.formats import read_row

ASKED = "Which one?\n\nA) cat\nB) dog\nC) cow"


def said(row: dict[str, Any]) -> tuple[str, str] | str:
    """Question and answer, or why there is none."""
    found = read_row(row, "auto", Columns())
    if isinstance(found, str):
        return found
    assert isinstance(found, Draft)
    assert ("added_choices" in found.repairs) == (found.messages[0].content != row["question"])
    return found.messages[0].content, found.messages[1].content


@pytest.mark.parametrize(
    "beside",
    [
        {"choices": ["cat", "dog", "cow"], "answer": "B"},
        {"options": ["cat", "dog", "cow"], "answer": "(b)"},
        {"options": ["A) cat", "B) dog", "C) cow"], "answer": "B."},
        {"options": {"A": "cat", "B": "dog", "C": "cow"}, "answer": "dog"},
        {"choices": {"text": ["cat", "dog", "cow"], "label": ["A", "B", "C"]}, "answerKey": "B"},
        {"choices": "['cat', 'dog', 'cow']", "answer": "dog"},
        {"A": "cat", "B": "dog", "C": "cow", "answer": "B"}, {"subject": "zoo", "answer": 1,
                                                             "choices": ["cat", "dog", "cow"]},
        {"option_a": "cat", "option_b": "dog", "option_c": "cow", "option_d": None, "answer": "B"},
        {"option1": "cat", "option2": "dog", "option3": "cow", "answer": "2"},
    ],
)  # fmt: skip
def test_choices_are_asked_and_the_answer_is_written_out(beside: dict[str, Any]) -> None:
    assert said({"question": "Which one?", **beside}) == (ASKED, "B) dog")


def test_an_answer_in_words_stays_and_sees_the_choices() -> None:
    row = {"question": "Which one?", "choices": ["cat", "dog", "cow"]}
    for answer in ("It barks, so the answer is B.", "Only a dog barks.", "(B), for it barks."):
        assert said({**row, "answer": answer}) == (ASKED, answer)
    for answer in ("It barks.", "A pity, I cannot say.", "doggedly"):
        assert said({**row, "answer": answer}) == ("Which one?", answer)


def test_choices_that_are_asked_already_are_not_asked_twice() -> None:
    row = {"question": ASKED, "choices": ["cat", "dog", "cow"], "answer": "B"}
    assert said(row) == (ASKED, "B")


@pytest.mark.parametrize("answer", [1, "1", 3])
def test_a_number_that_may_count_from_0_or_1_is_not_learnt(answer: Any) -> None:
    row = {"question": "Which one?", "choices": ["cat", "dog", "cow"], "answer": answer}
    assert said(row) == "unclear_choice"
    assert said({**row, "choices": ["b", "a"], "answer": "b"}) == "unclear_choice"  # the letter, or it?


def test_what_is_no_choice_of_answers() -> None:
    row = {"question": "2 + 2?", "answer": "4"}
    for beside in ({"choices": []}, {"options": "none"}, {"choices": [{"x": 1}, {"x": 2}]}, {"A": "x"},
                   {"options": ["--all", "--none"]}):  # fmt: skip
        assert said({**row, **beside}) == ("2 + 2?", "4"), beside
    assert said({**row, "choices": ["3", "4", "5"], "answer": 4}) == (
        "2 + 2?\n\nA) 3\nB) 4\nC) 5",
        "B) 4",
    )
    assert said({"question": "Which one?", "answerKey": "A"}) == "unknown_format"


@pytest.mark.parametrize(
    ("numbers", "learnt"),
    [
        ([0, 1, 2, 1], ["A) cat 0", "B) dog", "C) cow", "B) dog"]),
        ([1, 2, 3, 1], ["A) cat 0", "B) dog", "C) cow", "A) cat 3"]),
        (["1", "2", "3", "1"], ["A) cat 0", "B) dog", "C) cow", "A) cat 3"]),
    ],
)
def test_what_numbers_count_from_is_looked_for_in_the_whole_file(
    numbers: list[Any], learnt: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "quiz.jsonl"
    rows = [
        {"question": f"Number {at} of them?", "choices": [f"cat {at}", "dog", "cow"], "answer": number}
        for at, number in enumerate(numbers)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    section = DataSection.model_validate(
        {"sources": [{"path": str(file)}], "validation": 0, "test": 0, "duplicates": "keep"}
    )
    prepare(section, seed=0, out=tmp_path / "out")
    found = list(Conversations(tmp_path / "out" / "train.jsonl"))
    assert [row.messages[-1].content for row in found] == learnt
