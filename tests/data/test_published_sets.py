"""Data sets that were published in shapes of their own: TL;DR's comparisons, BFCL, Character.AI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from as_read import draft_of, entries, jsonl, read, rows_of, talks

from talkwright.data.reasons import meaning
from talkwright.types import Message

SUMMARIES = [
    {"text": " We argue.", "policy": "a", "note": None},
    {"text": " I moved in.", "policy": "b"},
]
ABOUT = {
    "id": "t3_x",
    "title": "Dishes",
    "post": "I moved in.\nWe argue.",
    "subreddit": "r",
    "site": None,
}


def compared(choice: Any, **info: Any) -> dict[str, Any]:
    row = {"info": {**ABOUT, **info}, "split": "train", "summaries": SUMMARIES, "choice": choice}
    return {**row, "worker": "w", "batch": "batch7", "extra": {"confidence": 6}}


@pytest.mark.parametrize(("choice", "better"), [(0, 0), (1, 1), ("1", 1), (0.0, 0)])
def test_of_two_summaries_the_chosen_one_is_learnt(choice: Any, better: int) -> None:
    found = draft_of(compared(choice))
    texts = [held["text"].strip() for held in SUMMARIES]
    asked = Message("user", "Summarize this text.\n\nDishes\n\nI moved in.\nWe argue.")
    assert found.messages == (asked, Message("assistant", texts[better]))
    assert found.rejected == (Message("assistant", texts[1 - better]),)
    assert (found.format, found.repairs) == ("preference", ("added_instruction",))


def test_summaries_of_articles_and_in_tables(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [compared(1, title=None, post=None, article="A long text."), compared(0)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    asked = [turns[0][1] for turns in talks(tmp_path / "a.parquet")]
    assert asked[0] == "Summarize this text.\n\nA long text."
    assert asked == [turns[0][1] for turns in talks(jsonl(tmp_path / "a.jsonl", *rows))]
    [entry] = entries(jsonl(tmp_path / "b.jsonl", rows[0]), columns={"group": "worker"})
    assert entry.conversation
    assert entry.conversation.group == "w"


@pytest.mark.parametrize(("choice", "reason"), [(None, "arena_no_winner"), (2, "unknown_verdict")])
def test_summaries_without_a_choice_are_no_pair(choice: Any, reason: str) -> None:
    assert read(compared(choice)) == reason


ASKED = [{"role": "user", "content": "What is the area of it?"}]
TOOL = {"name": "area", "parameters": {"type": "dict", "properties": {"base": {"type": "integer"}}}}


@pytest.mark.parametrize(
    "row",
    [
        {"id": "simple_0", "question": [ASKED], "function": [TOOL]},
        {"id": "live_0", "question": ASKED, "function": TOOL},
        {
            "id": "multi_turn_0",
            "question": [ASKED, [], ASKED],
            "involved_classes": ["Files"],
            "path": [],
        },
        {"id": "simple_0", "ground_truth": [{"area": {"base": [10]}}]},
    ],
)
def test_a_benchmarks_question_without_its_answer_says_so(tmp_path: Path, row: Any) -> None:
    assert read(row) == "answer_elsewhere"
    assert "another file" in meaning("answer_elsewhere")
    found = rows_of(tmp_path / "BFCL_v3_simple.json", f"{json.dumps(row)}\n" * 3)
    assert [one.value for one in found] == [row] * 3


def said(human: bool, text: str, **more: Any) -> dict[str, Any]:
    names = {"name": "me" if human else "Ada"}
    return {"src": {**names, "is_human": human}, "tgt": {"is_human": not human}, "text": text, **more}


TALK = [said(False, "Hello."), said(True, "Who are you?"), said(False, "A bot.", is_alternative=False)]
TOLD = [("user", "Who are you?"), ("assistant", "A bot.")]


def test_histories_of_a_character(tmp_path: Path) -> None:
    wiped = said(False, "A ghost.", is_alternative=True)
    chats = [{"external_id": "x", "msgs": [*TALK, wiped]}, {"external_id": "y", "msgs": TALK}]
    for number, held in enumerate((chats, {"histories": chats})):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps({"characters": [{"participant__name": "Ada"}], "histories": held}))
        rows = [[turn for turn in turns if turn[1] != "Hello."] for turns in talks(path)]
        assert rows == [TOLD, TOLD]
    assert [row[-2:] for row in talks(jsonl(tmp_path / "a.jsonl", *chats))] == [TOLD, TOLD]


def turn(human: bool, *texts: str, minute: int) -> dict[str, Any]:
    author = {"author_id": "1", "name": "me", **({"is_human": True} if human else {})}
    held = [{"candidate_id": text, "raw_content": text, "is_final": True} for text in texts]
    when = f"2024-01-02T10:0{minute}:00.123456Z"
    return {"turn_key": {"turn_id": str(minute)}, "create_time": when, "author": author,
            "candidates": held, "primary_candidate_id": texts[-1]}  # fmt: skip


def test_turns_of_a_character_stand_newest_first_and_one_answer_was_shown(tmp_path: Path) -> None:
    turns = [turn(False, "A ghost.", "A bot.", minute=2), turn(True, "Who are you?", minute=1)]
    [entry] = entries(jsonl(tmp_path / "a.jsonl", {"turns": turns, "meta": {"next_token": ""}}))
    assert entry.conversation
    assert [(m.role, m.content) for m in entry.conversation.messages] == TOLD
    assert "sorted_turns" in entry.row.repairs
    turns[0]["primary_candidate_id"] = "lost"
    assert entries(jsonl(tmp_path / "b.jsonl", {"turns": turns}))[0].row.fate == "dropped"


# --- EmpatheticDialogues --------------------------------------------------------------------------

EMPATHETIC = """conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags
hit:0_conv:1,2,sad,I lost my key_comma_ again and again.,1,Where_comma_ do you think?,5|5,
hit:0_conv:1,1,sad,I lost my key_comma_ again and again.,0,"I lost it, and cried.",5|5,
hit:1_conv:2,1,proud,I found it.,7,I found it.,5|5,
hit:1_conv:2,2,proud,I found it.,9,Great!,5|5,
"""


def test_empathetic_dialogues_are_put_together(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text(EMPATHETIC)
    assert talks(path) == [
        [("user", "I lost it, and cried."), ("assistant", "Where, do you think?")],
        [("user", "I found it."), ("assistant", "Great!")],
    ]
    first, second = entries(path)
    assert "fixed_escape" in first.row.repairs
    assert first.row.marks == ("unused_prompt",)
    assert "fixed_escape" not in second.row.repairs


def test_what_only_talks_of_such_commas_keeps_them() -> None:
    row = {"messages": [{"role": "user", "content": "_comma_?"}, {"role": "assistant", "content": "A,"}]}
    assert draft_of(row).messages[0].content == "_comma_?"


# --- DeepSeek -------------------------------------------------------------------------------------


def deepseek(*said: Any) -> dict[str, Any]:
    nodes: dict[str, Any] = {"root": {"id": "root", "parent": None, "children": ["0"], "message": None}}
    for n, parts in enumerate(said):
        behind = [str(n + 1)] if n + 1 < len(said) else []
        message = {"files": [], "model": "deepseek-chat", "fragments": list(parts)}
        before = str(n - 1) if n else "root"
        nodes[str(n)] = {"id": str(n), "parent": before, "children": behind, "message": message}
    return {"id": "1", "title": "t", "mapping": nodes}


def part(kind: Any, content: Any) -> dict[str, Any]:
    return {"type": kind, "content": content}


def test_the_export_of_deepseek() -> None:
    asked, answer = part("REQUEST", "Key?"), part("RESPONSE", "Mat.")
    looked_up = {"type": "SEARCH", "results": [{"url": "u"}]}
    found = draft_of(deepseek([asked], [part("THINK", "Where?"), looked_up, answer]))
    assert found.messages == (Message("user", "Key?"), Message("assistant", "Mat.", "Where?"))
    assert found.repairs == ("removed_attachment",)
    assert read(deepseek([asked], [part("RESPONSE", {"a": 1})])) == "not_text"
