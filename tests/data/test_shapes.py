"""Preferences, trees, transcripts and tasks: what is learnt from rows that are not plain chats."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from as_read import draft_of as read

from talkwright.config import Columns
from talkwright.data import read_conversations
from talkwright.data.reading.chat.transcripts import read_transcript
from talkwright.data.reading.chat.turns import Draft
from talkwright.data.reading.containers import read_rows
from talkwright.data.reading.shapes.formats import read_row, recognises_columns
from talkwright.types import Message

ASK, YES, NO = (
    {"role": "user", "content": "Key?"},
    {"role": "assistant", "content": "Mat."},
    {"role": "assistant", "content": "No."},
)
SYSTEM = {"role": "system", "content": "Be kind."}
ASKED = (Message("user", "Key?"), Message("assistant", "Mat."))


# --- preferences ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Key?", "chosen": "Mat.", "rejected": "No."},
        {"question": "Key?", "chosen": "Mat.", "rejected": "No."},
        {"prompt": [ASK], "chosen": [YES], "rejected": [NO]},
        {"prompt": "Key?", "chosen": [ASK, YES], "rejected": [ASK, NO]},
        {"chosen": [ASK, YES], "rejected": [ASK, NO]},
        {"chosen": json.dumps([ASK, YES]), "rejected": json.dumps([ASK, NO])},
        {"chosen": repr([ASK, YES]), "rejected": repr([ASK, NO])},
        {"chosen_messages": [ASK, YES], "rejected_messages": [ASK, NO]},
        {"conversations": [{"from": "human", "value": "Key?"}],
         "chosen": {"from": "gpt", "value": "Mat."}, "rejected": {"from": "gpt", "value": "No."}},
        {"messages": [ASK], "chosen": YES, "rejected": NO},
        {"chosen": "\n\nHuman: Key?\n\nAssistant: Mat.",
         "rejected": "\n\nHuman: Key?\n\nAssistant: No."},
        {"prompt": "\n\nHuman: Key?\n\nAssistant:", "chosen": " Mat.".strip(), "rejected": "No."},
        {"prompt": ["Key?"], "chosen": ["Mat."], "rejected": ["No."]},
    ],
)  # fmt: skip
def test_the_chosen_answer_is_learnt(row: dict[str, Any]) -> None:
    draft = read(row)
    assert (draft.messages, draft.format, draft.marks) == (ASKED, "preference", ())
    assert read(row, "preference") == draft


def test_preferences_keep_system_history_and_input() -> None:
    row = {"system": "Be kind.", "history": [["a", "b"]], "instruction": "Key", "input": "Now?",
           "chosen": "Mat.", "rejected": "No."}  # fmt: skip
    assert [turn.content for turn in read(row).messages] == ["Be kind.", "a", "b", "Key\n\nNow?", "Mat."]
    whole = {"system": "Be kind.", "chosen": [ASK, YES], "rejected": [ASK, NO]}
    assert read(whole).messages == (Message("system", "Be kind."), *ASKED)
    with_own = {"system": "x", "chosen": [SYSTEM, ASK, YES], "rejected": [SYSTEM, ASK, NO]}
    assert read(with_own).messages == (Message("system", "x"), Message("system", "Be kind."), *ASKED)


def test_ties_and_differing_prompts_are_marked() -> None:
    assert read({"prompt": "Key?", "chosen": "Mat.", "rejected": "Mat."}).marks == ("tie",)
    other = {"chosen": [ASK, YES], "rejected": [{"role": "user", "content": "Else?"}, NO]}
    assert read(other).marks == ("no_pair_prompts_differ",)


@pytest.mark.parametrize("label", [False, "False", "false"])
def test_labels_of_bad_answers(label: Any) -> None:
    for row in ({"messages": [ASK, YES]}, {"prompt": "Key?", "completion": "Mat."}):
        assert read_row({**row, "label": label}, "auto", Columns()) == "labelled_bad"
        assert read({**row, "label": True}).messages == ASKED
        assert read({**row, "label": 0, "topic": "keys"}).messages == ASKED  # a class, not a verdict


@pytest.mark.parametrize("names", [("inputs", "targets"), ("problem", "solution")])
def test_names_of_question_and_answer(names: tuple[str, str]) -> None:
    row = dict(zip(names, ("Key?", "Mat."), strict=True))
    assert read(row).messages == ASKED
    assert recognises_columns(list(row), Columns())


# --- transcripts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "\n\nHuman: Key?\n\nAssistant: Mat.",
        "Human: Key?\n\nAssistant: Mat.",
        "User: Key?\nAssistant: Mat.\n",
        "### Human: Key?### Assistant: Mat.".replace("?###", "?\n###"),
        "### Instruction:\nKey?\n\n### Response:\nMat.",
        "Below is an instruction that describes a task. Write a response.\n\n### Instruction:\nKey?\n\n"
        "### Response:\nMat.",
        "<|im_start|>user\nKey?<|im_end|>\n<|im_start|>assistant\nMat.<|im_end|>\n",
    ],
)
def test_transcripts_in_a_text_column(text: str) -> None:
    draft = read({"text": text})
    assert (draft.messages, draft.format, draft.repairs) == (ASKED, "transcript", ("split_transcript",))


@pytest.mark.parametrize(
    "text",
    ["", "plain text", "He wrote:\nUser: x\nAssistant: y", "User: x", "User: x\nUser: y", "Human:"],
)
def test_other_text_is_no_transcript(text: str) -> None:
    assert read_transcript(text) is None
    assert read_row({"text": text}, "auto", Columns()) == "raw_text"


def test_a_speaker_within_a_turn_stays_text() -> None:
    [first, second] = read_transcript("\n\nHuman: He said\nHuman: x\n\nAssistant: y") or []
    assert first == Message("user", "He said\nHuman: x")
    assert second == Message("assistant", "y")


# --- trees ---------------------------------------------------------------------------------------


def node(text: str, *replies: Any, role: str = "assistant", **more: Any) -> dict[str, Any]:
    return {"text": text, "role": role, "replies": list(replies), **more}


def test_the_best_ranked_path_of_a_tree() -> None:
    tree = node(
        "q",
        node("second", rank=1),
        node("first", node("dead end", role="prompter"),
             node("more", node("gone", rank=0, deleted=True), node("last", rank=2), node("unranked"),
                  role="prompter"), rank=0),
        role="prompter",
    )  # fmt: skip
    draft = read({"message_tree_id": "t1", "prompt": tree})
    assert [turn.content for turn in draft.messages] == ["q", "first", "more", "last"]
    assert [turn.role for turn in draft.messages] == ["user", "assistant"] * 2
    assert (draft.format, draft.group) == ("tree", "t1")
    flat = {"message_id": "a", "parent_id": None, "text": "q", "role": "prompter"}
    assert read_row(flat, "auto", Columns()) == "tree_message"


def chatgpt(**change: Any) -> dict[str, Any]:
    def said(role: str, *parts: Any, **more: Any) -> dict[str, Any]:
        return {
            "author": {"role": role},
            "content": {"content_type": "text", "parts": list(parts)},
            **more,
        }

    mapping = {
        "root": {"message": None, "parent": None, "children": ["sys"]},
        "sys": {"message": said("system", ""), "parent": "root", "children": ["q"]},
        "q": {"message": said("user", "Key?"), "parent": "sys", "children": ["old", "hidden"]},
        "old": {"message": said("assistant", "No."), "parent": "q", "children": []},
        "hidden": {"message": said("user", "x", metadata={"is_visually_hidden_from_conversation": True}),
                   "parent": "q", "children": ["new"]},
        "new": {"message": said("assistant", "Mat."), "parent": "hidden", "children": []},
    }  # fmt: skip
    return {"title": "t", "conversation_id": "c1", "mapping": mapping, "current_node": "new", **change}


def test_the_branch_that_chatgpt_showed_last(tmp_path: Path) -> None:
    assert read(chatgpt()).messages == ASKED
    assert read(chatgpt()).group == "c1"
    assert read(chatgpt(current_node="old")).messages[1].content == "No."
    assert read(chatgpt(current_node=None)).messages == ASKED
    path = tmp_path / "conversations.json"
    for value in ([chatgpt(), chatgpt(current_node="old")], [chatgpt()], chatgpt()):
        path.write_text(json.dumps(value))
        assert read_conversations(path)[0].messages == ASKED


def test_pictures_and_circles_in_chatgpt_trees() -> None:
    row = chatgpt()
    row["mapping"]["q"]["message"]["content"]["parts"].append({"asset_pointer": "file://x"})
    assert read(row).repairs == ("removed_attachment",)
    row["mapping"]["root"]["parent"] = "new"
    assert read_row(row, "auto", Columns()) == "broken_tree"


def test_claude_exports_are_lists_of_turns() -> None:
    row = {"uuid": "u", "chat_messages": [{"sender": "human", "text": "Key?"},
                                          {"sender": "assistant", "text": "Mat."}]}  # fmt: skip
    assert read(row).messages == ASKED


# --- tasks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "asked", "format"),
    [
        ({"document": "Long.", "summary": "Mat."}, "Summarize this text.\n\nLong.", "summary"),
        ({"article": "Long.", "highlights": "Mat.", "id": 1},
         "Summarize this text.\n\nLong.", "summary"),
        ({"dialogue": "A: x\nB: y", "summary": "Mat."}, "Summarize this conversation.\n\nA: x\nB: y",
         "summary"),
        ({"translation": {"de": "Schlüssel?", "en": "Mat."}},
         "Translate from German to English.\n\nSchlüssel?", "translation"),
        ({"translation": "{'de_DE': 'Schlüssel?', 'tlh': 'Mat.'}"},
         "Translate from German to tlh.\n\nSchlüssel?", "translation"),
    ],
)  # fmt: skip
def test_tasks_are_put_into_words(row: dict[str, Any], asked: str, format: str) -> None:
    draft = read(row)
    assert draft.messages == (Message("user", asked), Message("assistant", "Mat."))
    assert (draft.format, draft.repairs) == (format, ("added_instruction",))
    assert read(row, format) == draft


def test_further_translations_are_marked() -> None:
    assert read({"translation": {"a": "x", "b": "y", "c": "z"}}).marks == ("other_translations",)
    assert read_row({"translation": {"a": "x"}}, "auto", Columns()) == "unknown_format"


@pytest.mark.parametrize(
    "answers", [{"text": ["Mat.", "x"], "answer_start": [3, 4]}, ["Mat."], "Mat.",
                "{'text': array(['Mat.'], dtype=object), 'answer_start': array([3], dtype=int32)}"]
)  # fmt: skip
def test_question_context_answers(answers: Any) -> None:
    row = {"id": "1", "title": "t", "context": "It lies there.", "question": "Key?", "answers": answers}
    assert read(row).messages == (
        Message("user", "Key?\n\nIt lies there."),
        Message("assistant", "Mat."),
    )


# --- the real files ------------------------------------------------------------------------------


# How many rows have a pair, tools, calls, or a mark.
ODD: dict[str, dict[str, int]] = {
    "arena_battles.jsonl": {"pairs": 28},
    "en_100_tree.jsonl": {"pairs": 93},  # the others have no worse answer beside the last one
    "harmless-base_test.jsonl.gz": {"pairs": 2308, "pair_prompts_differ": 5, "no_pair_empty": 4},
    "dpo_en_demo.json": {"pairs": 300},
    "dpo_zh_demo.json": {"pairs": 300},
    "glaive_toolcall_en_demo.json": {"tools": 191, "calls": 153},
    "glaive_toolcall_zh_demo.json": {"tools": 200, "calls": 157, "tool_result_without_call": 2},
    "reason_tool_use_demo_50.jsonl": {"tools": 48, "calls": 31, "tool_call_without_result": 14},
    "v1_dpo_demo.jsonl": {"pairs": 10},
}


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("arena_50/arena_battles.jsonl", {"arena": 28, "arena_tie": 9, "arena_both_bad": 13}),
        ("chat_oasst/en_100_tree.jsonl", {"tree": 100}),
        ("preference_hh/harmless-base_test.jsonl.gz", {"preference": 2312}),
        ("forgetting/ARC-Easy_test.json", {"alpaca": 2376}),
        ("formats/alpaca_en_demo.json", {"alpaca": 999}),
        ("formats/alpaca_zh_demo.json", {"alpaca": 1000}),
        ("formats/c4_demo.jsonl", {"raw_text": 300}),
        ("formats/dpo_en_demo.json", {"preference": 300}),
        ("formats/dpo_zh_demo.json", {"preference": 300}),
        ("formats/glaive_toolcall_en_demo.json", {"sharegpt": 300}),
        ("formats/glaive_toolcall_zh_demo.json", {"sharegpt": 300}),
        ("formats/identity.json", {"alpaca": 91}),
        ("formats/kto_en_demo.json", {"messages": 150, "labelled_bad": 150}),
        ("formats/reason_tool_use_demo_50.jsonl", {"messages": 50}),
        ("formats/v1_dpo_demo.jsonl", {"preference": 10}),
        ("formats/v1_sft_demo.jsonl", {"messages": 500}),
    ],
)
def test_every_real_file_is_recognised(shared: Path, path: str, counts: dict[str, int]) -> None:
    found: Counter[str] = Counter()
    marks: Counter[str] = Counter()
    for row in read_rows(shared / "data" / path, "a", Columns()):
        draft = row.problem or read_row(row.value, "auto", Columns())
        found[draft if isinstance(draft, str) else draft.format] += 1
        assert not row.repairs
        if isinstance(draft, Draft):
            marks.update(draft.marks)
            marks.update({"pairs": bool(draft.rejected), "tools": bool(draft.tools)})
            marks.update({"calls": any(turn.tool_calls for turn in draft.messages)})
    assert found == counts
    del marks["literal_escapes"]
    assert dict(+marks) == ODD.get(path.rpartition("/")[2], {})


# --- what a question is about --------------------------------------------------------------------

JOINED, NUMBER = "joined_texts", "number_to_text"


@pytest.mark.parametrize(
    ("held", "text", "repairs"),
    [
        (21, "21", (NUMBER,)),
        (2.5, "2.5", (NUMBER,)),
        (["apple", "hammer"], "apple\nhammer", (JOINED,)),
        (["apple"], "apple", ()),
        *((nothing, "", ()) for nothing in (None, "", " ", [], {}, float("nan"))),
        *((word, "", ()) for word in ("<noinput>", "No input", "nan", "N/A")),
    ],
)
def test_what_a_question_is_about_is_kept_whatever_it_is(
    held: Any, text: str, repairs: tuple[str, ...]
) -> None:
    asked = f"Do it\n\n{text}" if text else "Do it"
    rows = [
        {"instruction": "Do it", "input": held, "output": "42"},
        {"question": "Do it", "context": held, "answer": "42"},
        {"instruction": "Do it", "input": held, "chosen": "42", "rejected": "41"},
    ]
    for row in rows:
        draft = read(row)
        assert [turn.content for turn in draft.messages] == [asked, "42"]
        assert draft.repairs == repairs


def test_what_a_question_is_about_and_no_text_drops_the_row() -> None:
    for held in ({"a": 1}, True, ["a", 1], [["a"]], [{"title": "a"}]):
        for row in (
            {"instruction": "Do it", "input": held, "output": "42"},
            {"question": "Do it", "context": held, "answer": "42"},
            {"instruction": "Do it", "input": held, "chosen": "42", "rejected": "41"},
            {"prompt": "Do it", "system": held, "completion": "42"},
        ):
            assert read_row(row, "auto", Columns()) == "not_text", row


def test_a_system_prompt_of_several_texts_is_kept() -> None:
    turns = [{"role": "user", "content": "Key?"}, {"role": "assistant", "content": "Mat."}]
    for held, text, repairs in (
        (["Be kind.", "Be short."], "Be kind.\nBe short.", (JOINED,)),
        ([{"type": "text", "text": "Be kind."}, "Be short."], "Be kind.\nBe short.", (JOINED,)),
        ({"parts": [{"text": "Be kind."}]}, "Be kind.", ()),
        (7, "7", (NUMBER,)),
    ):
        for row in (
            {"prompt": "Key?", "system": held, "completion": "Mat."},
            {"messages": turns, "system": held},
        ):
            draft = read(row)
            assert draft.messages == (Message("system", text), *ASKED)
            assert draft.repairs == repairs
    for nothing in (None, "", [], {}):
        assert read({"prompt": "Key?", "system": nothing, "completion": "Mat."}).messages == ASKED
