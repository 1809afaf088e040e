"""Chatbot Arena battles: whose conversation is learnt, in all three shapes of the file, and filters."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from as_read import read

from talkwright.config import Columns, DataSection
from talkwright.data import prepare
from talkwright.data.reading.chat.turns import Draft, as_list
from talkwright.data.reading.containers import read_rows
from talkwright.data.reading.shapes.formats import read_row
from talkwright.errors import DataError
from talkwright.types import Message

WON = [
    {"role": "user", "content": "It's “so”?"},
    {"role": "assistant", "content": 'I\'d say "yes"\n\\n'},
]
LOST = [{"role": "user", "content": "It's “so”?"}, {"role": "assistant", "content": "no"}]
MORE = [{"role": "user", "content": "and?"}, {"role": "assistant", "content": "then"}]
BATTLE = {
    "model_a": "m1", "model_b": "m2", "winner": "model_b", "conversation_a": LOST, "turn": 2,
    "conversation_b": WON + MORE, "language": "English", "tstamp": 1722846048.4932,
}  # fmt: skip


def learnt(row: dict[str, Any], **options: Any) -> list[str]:
    draft = read(row, **options)
    assert isinstance(draft, Draft), draft
    assert draft.format == "arena"
    return [turn.content for turn in draft.messages]


def test_the_winner_is_learnt_with_all_turns() -> None:
    assert learnt(BATTLE) == [turn["content"] for turn in WON + MORE]
    assert learnt({**BATTLE, "winner": "model_a"}) == [turn["content"] for turn in LOST]


def test_the_sides_may_be_called_messages() -> None:
    sides = {"messages_a": LOST, "messages_b": WON + MORE}
    row = {k: v for k, v in BATTLE.items() if not k.startswith("conversation")} | sides
    assert read(row) == read(BATTLE)


def test_ties_and_missing_votes_have_rules() -> None:
    tie = {**BATTLE, "winner": "tie"}
    assert read(tie) == "arena_tie"
    assert learnt(tie, ties="first") == [turn["content"] for turn in LOST]
    for bad in ("tie (bothbad)", "both_bad"):
        assert read({**BATTLE, "winner": bad}, ties="first") == "arena_both_bad"
    for none in (None, ""):
        assert read({**BATTLE, "winner": none}) == "arena_no_winner"
    assert read({**BATTLE, "winner": "m3"}) == "unknown_verdict"
    assert read({**BATTLE, "winner": "neither"}, ties="first") == "arena_both_bad"
    assert read({**BATTLE, "winner": "M1"}) == read({**BATTLE, "winner": "left"}) != read(BATTLE)


@pytest.mark.parametrize(
    ("options", "more", "reason"),
    [
        ({"languages": ["german"]}, {}, "arena_language"),
        ({"languages": ["ENGLISH"]}, {}, None),
        ({"models": ["m1"]}, {}, "arena_model"),
        ({"models": ["m2"]}, {}, None),
        ({"min_turns": 3}, {}, "arena_turns"),
        ({"max_turns": 1}, {}, "arena_turns"),
        ({"min_turns": 2, "max_turns": 2}, {}, None),
        ({"since": "2024-08-06"}, {}, "arena_date"),
        ({"until": "2024-08-04"}, {}, "arena_date"),
        ({"since": "2024-08-05", "until": "2024-08-05"}, {}, None),
        ({"since": "2024-08-05"}, {"tstamp": "2024-08-05 10:00:00"}, None),
        ({"since": "2024-08-05"}, {"tstamp": None}, "arena_date"),
        ({"flagged": "drop"}, {"openai_moderation": {"categories": {"hate": False}, "flagged": True}},
         "arena_flagged"),
        ({"flagged": "drop"}, {"toxic_chat_tag": "{'roberta': {'flagged': True}}"},
         "arena_flagged"),
        ({"flagged": "drop"}, {"toxic_chat_tag": {"t5": {"flagged": False}}}, None),
        ({}, {"openai_moderation": {"flagged": True}}, None),
    ],
)  # fmt: skip
def test_filters(options: dict[str, Any], more: dict[str, Any], reason: str | None) -> None:
    found = read({**BATTLE, **more}, **options)
    assert (found if isinstance(found, str) else None) == reason


def test_what_could_not_be_moderated_is_marked() -> None:
    draft = read(BATTLE, flagged="drop")
    assert isinstance(draft, Draft)
    assert draft.marks == ("unmoderated", "no_pair_prompts_differ")


def test_prompts_and_responses_in_columns_of_their_own() -> None:
    row = {"model_a": "x", "model_b": "y", "prompt": '["a?", "b?"]', "response_a": '["1", "2"]',
           "response_b": '["3", null]', "winner_model_a": "1", "winner_model_b": "0",
           "winner_tie": "0"}  # fmt: skip
    assert learnt(row) == ["a?", "1", "b?", "2"]
    assert read({**row, "response_a": '["1"]'}) == "broken_cell"


def test_votes_without_conversations_say_so(tmp_path: Path) -> None:
    votes = {"model_a": "x", "model_b": "y", "winner": "model_a", "turn": 1}
    assert read(votes) == "arena_no_conversations"
    path = tmp_path / "votes.csv"
    path.write_text("model_a,model_b,winner\nx,y,model_a\n")
    with pytest.raises(DataError, match=r"without the conversations.*conversation_a"):
        list(read_rows(path, "votes.csv", Columns()))


def test_a_cell_that_is_broken_drops_its_row() -> None:
    assert read({**BATTLE, "conversation_b": "[{'role': 'user'"}) == "broken_cell"
    assert read({**BATTLE, "conversation_a": "[{'role': 'user'"}) != "broken_cell"


@pytest.mark.parametrize("shape", ["json", "python", "numpy"])
def test_cells_in_all_three_shapes_are_equal_to_the_last_character(tmp_path: Path, shape: str) -> None:
    import numpy as np

    def cell(turns: list[dict[str, str]]) -> str:
        if shape == "json":
            return json.dumps(turns)
        return repr(turns) if shape == "python" else str(np.array(turns, dtype=object))

    path = tmp_path / "battles.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, BATTLE.keys())
        writer.writeheader()
        writer.writerow({**BATTLE, "conversation_a": cell(LOST), "conversation_b": cell(WON + MORE)})
    [row] = read_rows(path, path.name, Columns())
    assert learnt(row.value) == [turn["content"] for turn in WON + MORE]


def test_the_three_real_files_say_the_same(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "arena_50"
    said: dict[str, list[Any]] = {}
    drafts: dict[str, list[Any]] = {}
    for name in ("arena_battles.jsonl", "arena_battles_python_repr.csv", "arena_battles_numpy_repr.csv"):
        rows = [row.value for row in read_rows(folder / name, name, Columns())]
        said[name] = [[as_list(row[f"conversation_{side}"]) for side in "ab"] for row in rows]
        found = [read(row, ties="first") for row in rows]
        drafts[name] = [draft.messages if isinstance(draft, Draft) else draft for draft in found]
    first, *others = said.values()
    assert sum(len(turns or []) for pair in first for turns in pair) == 216
    assert all(
        isinstance(turn["content"], str) for pair in first for turns in pair for turn in turns or []
    )
    assert others == [first, first]
    assert (
        len({json.dumps(found, default=lambda m: [m.role, m.content]) for found in drafts.values()}) == 1
    )
    for name in said:
        section = DataSection.model_validate({"sources": [{"path": str(folder / name)}]})
        counts = prepare(section, seed=0, out=tmp_path / name)
        assert (counts.read, counts.kept) == (50, 28)
        assert counts.dropped == {"arena_tie": 9, "arena_both_bad": 13}


def test_a_message_keeps_its_role() -> None:
    draft = read(BATTLE)
    assert isinstance(draft, Draft)
    assert draft.messages[1] == Message("assistant", WON[1]["content"])


def test_a_verdict_on_the_first_turn_is_not_one_on_the_second(tmp_path: Path) -> None:
    talk = lambda *texts: [  # noqa: E731
        {"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(texts)
    ]
    row = {"question_id": 81, "model_a": "a", "model_b": "b", "judge": "expert_1",
           "conversation_a": talk("Write.", "No.", "Again.", "No, no."),
           "conversation_b": talk("Write.", "Yes.", "Again.", "Yes, yes.")}  # fmt: skip
    first = read_row({**row, "winner": "model_b", "turn": 1}, "auto", Columns())
    second = read_row({**row, "winner": "model_a", "turn": "2"}, "auto", Columns())
    assert isinstance(first, Draft) and isinstance(second, Draft)  # noqa: PT018
    assert [m.content for m in first.messages] == ["Write.", "Yes."]
    assert [m.content for m in first.rejected] == ["No."]
    assert first.repairs == ("cut_to_judged_turn",)
    assert [m.content for m in second.messages] == ["Write.", "No.", "Again.", "No, no."]
    assert second.repairs == ()
