"""What a row says beside its question, its answer or its turns is learnt with them, or named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from talkwright.config import Columns
from talkwright.data.reading.chat.turns import Draft
from talkwright.data.reading.containers import read_rows
from talkwright.data.reading.shapes.formats import read_row

EARLIER = [{"role": "user", "content": "Key?"}, {"role": "assistant", "content": "In Account."}]
ASKED = [*EARLIER, {"role": "user", "content": "And now?"}]
SPOKEN = [{"speaker": "customer", "text": "Key?"}, {"speaker": "agent", "text": "In Account."},
          {"speaker": "customer", "text": "And now?"}]  # fmt: skip
WHOLE = [
    ("user", "Key?"),
    ("assistant", "In Account."),
    ("user", "And now?"),
    ("assistant", "Reset it."),
]


def draft_of(row: Any, columns: Columns | None = None) -> Draft:
    found = read_row(row, "auto", columns or Columns())
    assert isinstance(found, Draft), found
    return found


def said(row: Any) -> list[tuple[str, str]]:
    return [(turn.role, turn.content) for turn in draft_of(row).messages]


# --- an answer beside turns that end with the question ---------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        {"messages": ASKED, "response": "Reset it."},
        {"conversation": ASKED, "completion": "Reset it."},
        {"dialog_history": SPOKEN, "response": "Reset it."},
        {"context": ASKED, "response": "Reset it."},
        {"history": ["Key?", "In Account.", "And now?"], "response": "Reset it."},
        {"history": json.dumps(ASKED), "response": "Reset it."},
        {"input": ASKED, "ideal": "Reset it."},
        {"input": ASKED, "ideal": ["Reset it.", "Reset."]},
        {"messages": ASKED, "completion": {"role": "assistant", "content": "Reset it."}},
        {"messages": ASKED, "completion": [{"role": "assistant", "content": "Reset it."}]},
        {"messages": ASKED, "prompt": "And now? ", "response": "Reset it."},
    ],
)
def test_an_answer_beside_turns_stands_behind_them(row: dict[str, Any]) -> None:
    assert said(row) == WHOLE


def test_one_question_in_a_column_for_turns_is_answered(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(
        json.dumps({"dialog_history": SPOKEN[:1], "response": "In Account."}), encoding="utf-8"
    )
    (row,) = read_rows(tmp_path / "a.json", "a", Columns())
    assert said(row.value) == WHOLE[:2]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": EARLIER, "response": "Something else."},  # they have their answer
        {"dialogue": ASKED, "question": "What is lost?", "answer": "A key."},  # about the dialogue
        {"messages": ASKED, "response": float("nan")},
        {"messages": ASKED, "output": {"tokens": 5}},
    ],
)
def test_no_other_text_is_taken_for_the_answer(row: dict[str, Any]) -> None:
    turns = row.get("messages", row.get("dialogue"))
    assert said(row) == [(turn["role"], turn["content"]) for turn in turns]
