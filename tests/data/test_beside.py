"""What a row says beside its question, its answer or its turns is learnt with them, or named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from talkwright.config import Columns
from talkwright.data.reading import containers
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


# --- what was said before a question ---------------------------------------------------------------


@pytest.mark.parametrize("name", ["history", "chat_history", "Conversation History", "context"])
@pytest.mark.parametrize(
    "row",
    [
        {"instruction": "And now?", "output": "Reset it.", "input": ""},
        {"prompt": "And now?", "completion": "Reset it."},
        {"question": "And now?", "answer": "Reset it."},
        {"question": "And now?", "chosen": "Reset it.", "rejected": "No."},
    ],
)
def test_turns_before_a_question_stand_before_it(row: dict[str, Any], name: str) -> None:
    found = draft_of({**row, name: EARLIER})
    assert [(turn.role, turn.content) for turn in found.messages] == WHOLE
    assert [turn.content for turn in found.rejected] == (["No."] if "chosen" in row else [])


@pytest.mark.parametrize(
    "earlier",
    [
        [["Key?", "In Account."]],
        [["user", "Key?"], ["assistant", "In Account."]],
        [{"user": "Key?"}, {"bot": "In Account."}],
        [{"question": "Key?", "answer": "In Account."}],
        [{"type": "human", "content": "Key?"}, {"type": "ai", "content": "In Account."}],
        {"role": ["user", "assistant"], "content": ["Key?", "In Account."]},
        ["Key?", "In Account."],
        "Human: Key?\nAI: In Account.",
        ASKED,  # with the question itself
    ],
)
def test_earlier_turns_are_read_in_any_layout(earlier: Any) -> None:
    row = {"question": "And now?", "answer": "Reset it.", "chat_history": earlier}
    assert said(row) == WHOLE
    if not isinstance(earlier, str):
        assert said({**row, "chat_history": json.dumps(earlier)}) == WHOLE


@pytest.mark.parametrize(
    ("name", "held", "reason"),
    [
        ("history", ["diabetes", "asthma"], "unsure_turns"),
        ("chat_history", ["Hello!", "Key?", "Where?"], "unsure_turns"),
        ("history", [["Key?", "In Account."], "And?"], "not_a_message"),
    ],
)
def test_earlier_turns_that_are_not_certain_drop_the_row(name: str, held: Any, reason: str) -> None:
    row = {"question": "And now?", "answer": "Reset it.", name: held}
    assert read_row(row, "auto", Columns()) == reason


def test_turns_elsewhere_do_not_take_the_place_of_a_question_with_its_answer() -> None:
    row = {"instruction": "And now?", "output": "Reset it.", "input": {"a": 1}}
    assert read_row({**row, "steps": SPOKEN[:2]}, "auto", Columns()) == "not_text"
    assert said({**row, "steps": SPOKEN}) == WHOLE


@pytest.mark.parametrize("context", [[["Title", ["One.", "Two."]]], [{"author": "Ann", "text": "One."}]])
def test_passages_are_no_turns(context: Any) -> None:
    row = {"question": "Who?", "answer": "Ann.", "context": context, "supporting_facts": ["One."]}
    assert said(row) == [("user", "Who?"), ("assistant", "Ann.")]


def test_a_text_that_a_pair_is_about_is_asked_with_it() -> None:
    pair = {"question": "Who?", "context": "Ann came.", "chosen": "Ann.", "rejected": "Bob."}
    assert said(pair) == [("user", "Who?\n\nAnn came."), ("assistant", "Ann.")]
    scored = {**pair, "score_chosen": 2, "score_rejected": 1, "source": "a"}
    assert said(scored)[0] == ("user", "Who?\n\nAnn came.")
    assert said({**pair, "dialect": "US"})[0] == ("user", "Who?")  # then it may be a label


# --- turns inside a question -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("\n\nHuman: Key?\n\nAssistant: In Account.\n\nHuman: And now?\n\nAssistant:", " Reset it."),
        ("Human:Key?\nAssistant:In Account.\nHuman:And now?\nAssistant:", "Reset it."),
        ("### Human: Key?\n### Assistant: In Account.\n### Human: And now?\n### Assistant:",
         "Reset it."),
        ("<s>[INST] Key? [/INST] In Account. </s><s>[INST] And now? [/INST]", " Reset it. </s>"),
        ("<|im_start|>user\nKey?<|im_end|>\n<|im_start|>assistant\nIn Account.<|im_end|>\n"
         "<|im_start|>user\nAnd now?<|im_end|>\n<|im_start|>assistant\n", "Reset it.<|im_end|>"),
        ("<start_of_turn>user\nKey?<end_of_turn>\n<start_of_turn>model\nIn Account.<end_of_turn>\n"
         "<start_of_turn>user\nAnd now?<end_of_turn>\n<start_of_turn>model\n", "Reset it."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("names", [("prompt", "completion"), ("instruction", "output")])
def test_a_prompt_that_is_a_transcript_is_parted_into_turns(
    prompt: str, answer: str, names: tuple[str, str]
) -> None:
    found = draft_of(
        {**dict(zip(names, (prompt, answer), strict=True)), "system": "Be kind.", "input": ""}
    )
    assert [(turn.role, turn.content) for turn in found.messages] == [("system", "Be kind."), *WHOLE]
    assert found.repairs == ("split_transcript",)
    assert "written_turns" not in found.marks


@pytest.mark.parametrize(
    ("prompt", "answer", "marks"),
    [
        ("User: Hi.\nAgent: Hello.\nUser: My key is lost.", "They lost a key.", ("written_turns",)),
        ("User: Hi.\nAgent: Hello.", "A greeting.", ("written_turns",)),
        ("Human: Hi.\n\nAssistant:", "Hello.\n\nHuman: Bye.", ("written_turns",)),
        ("<|im_start|>user\nHi.<|im_end|>\n", "Hello.", ("written_turns",)),
        ("### Instruction:\nSay hi.\n\n### Response:\n", "Hi.", ()),  # as boilerplate in cleaning
        ("Summarize.\n\nUser: Hi.\nAgent: Hello.", "A greeting.", ()),
        ("Note: I lost my key", "Reset it.", ()),
    ],
)
def test_a_prompt_that_only_looks_like_turns_stays_whole(
    prompt: str, answer: str, marks: tuple[str, ...]
) -> None:
    found = draft_of({"prompt": prompt, "completion": answer})
    assert [turn.content for turn in found.messages] == [prompt, answer]
    assert found.marks == marks
    beside = draft_of({"instruction": "Human: Hi.\nAssistant:", "input": "A key.", "output": "Hello."})
    assert beside.marks == ("written_turns",)


# --- system prompts, and what is left out ----------------------------------------------------------

TALK = [{"role": "user", "content": "Key?"}, {"role": "assistant", "content": "In Account."}]


@pytest.mark.parametrize("rest", [{"messages": TALK}, {"question": "Key?", "answer": "In Account."}])
@pytest.mark.parametrize(
    "beside",
    [
        {"meta_instruction": "Be kind."},
        {"system_instructions": "Be kind."},
        {"params": {"system": "Be kind.", "temperature": 1}},
        {"options": {"systemPrompt": "Be kind."}},
    ],
)
def test_a_system_prompt_is_found_where_rows_have_it(
    rest: dict[str, Any], beside: dict[str, Any]
) -> None:
    found = draft_of({**beside, **rest})
    assert [(turn.role, turn.content) for turn in found.messages] == [("system", "Be kind."), *WHOLE[:2]]
    assert not found.marks


@pytest.mark.parametrize(
    ("outer", "inner", "systems"),
    [
        ("Be kind.", "Be brief.", ["Be kind.", "Be brief."]),
        ("Be kind.", "Be kind. Be brief.", ["Be kind. Be brief."]),
        ("Be brief and kind, also to those who are not.", "Be brief", None),
        ("SYSTEM: Be brief.", "Be brief.", ["Be brief."]),
        ("Be kind.", "Be kind. ", ["Be kind. "]),
    ],
)
def test_two_system_prompts_are_both_kept(outer: str, inner: str, systems: list[str] | None) -> None:
    asked = [{"role": "system", "content": inner}, TALK[0]]
    rows: list[dict[str, Any]] = [
        {"system": outer, "messages": [*asked, TALK[1]]},
        {"system": outer, "prompt": asked, "completion": "In Account."},
        {"system": outer, "prompt": "Key?", "chosen": [*asked, TALK[1]], "rejected": [*asked, ASKED[0]]},
    ]
    for row in rows:
        told = [turn.content for turn in draft_of(row).messages if turn.role == "system"]
        assert told == (systems or [outer])


@pytest.mark.parametrize(
    ("beside", "marks"),
    [
        ({"persona": "I am a vet."}, ("unused_persona",)),
        ({"instructions": "Be kind."}, ("unused_instructions",)),
        ({"solution": "By proof."}, ("unused_solution",)),
        ({"reasoning": "Well, where may it be?"}, ("unused_reasoning",)),
        ({"context": "The key is lost since Monday, she says.", "id": 3, "x": "y"}, ("unused_context",)),
        ({"context": "billing", "x": "y"}, ()),
        ({"personas": ["I am a vet.", "I like dogs."]}, ("unused_personas",)),
        ({"prompt": "Key?", "instruction": "Key?"}, ()),  # it is there
        ({"source": "somewhere", "title": "Keys", "id": "7"}, ()),
    ],
)
@pytest.mark.parametrize("rest", [{"messages": TALK}, {"question": "Key?", "answer": "In Account."}])
def test_text_that_is_in_no_turn_is_named(
    rest: dict[str, Any], beside: dict[str, Any], marks: tuple[str, ...]
) -> None:
    assert draft_of({**rest, **beside}).marks == marks


def test_text_is_not_named_where_the_recipe_names_the_columns() -> None:
    row = {"q": "Key?", "a": "In Account.", "persona": "I am a vet."}
    assert draft_of(row, Columns(prompt="q", completion="a")).marks == ()


def test_another_answer_beside_turns_that_have_one_is_named() -> None:
    found = draft_of({"messages": TALK, "prompt": "Key?", "response": "Below the mat."})
    assert [turn.content for turn in found.messages] == ["Key?", "In Account."]
    assert found.marks == ("unused_response",)


# --- whole sets, and exports -----------------------------------------------------------------------


def rows_of(path: Path, value: Any) -> list[Any]:
    path.write_text(json.dumps(value), encoding="utf-8")
    return [row.value for row in read_rows(path, "a", Columns())]


def test_whole_sides_of_a_pair_need_no_column_of_what_was_said_before() -> None:
    sides = {"chosen": [*ASKED, {"role": "assistant", "content": "Reset it."}],
             "rejected": [*ASKED, {"role": "assistant", "content": "No."}]}  # fmt: skip
    row = {"conversation": [{"input": "Key?", "output": "In Account."}], "system": "Be kind.", **sides}
    found = draft_of(row)
    assert [(turn.role, turn.content) for turn in found.messages] == [("system", "Be kind."), *WHOLE]
    assert [turn.content for turn in found.rejected] == ["No."]
    answers = {"chosen": "Reset it.", "rejected": "No."}
    assert read_row({**row, **answers}, "auto", Columns()) == "not_a_message"


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_a_list_of_texts_in_an_object_is_no_list_of_rows(tmp_path: Path, name: str) -> None:
    row = {"question_id": 81, "judge": ["gpt-4", "pair"], "verdict": "B"}
    assert rows_of(tmp_path / name, row) == [row]
    held = {"about": ["a", "b"], "rows": [{"prompt": "Key?", "completion": "In Account."}]}
    assert rows_of(tmp_path / name, held) == held["rows"]


@pytest.mark.parametrize("large", [False, True])
def test_an_object_of_splits_holds_the_rows_of_all(
    tmp_path: Path, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        for limit in ("_SMALL", "_LARGEST"):
            monkeypatch.setattr(containers, limit, 20)
    copy = [{"speaker": "customer", "text": "<thing>?"}, {"speaker": "agent", "text": "In it."}]
    row = {"original": [["customer", "Key?"], ["agent", "In Account."]], "delexed": copy, "about": ["a"]}
    value = {"version": "1", "train": [row, row], "dev": [row], "test": [row]}
    (tmp_path / "a.json").write_text(json.dumps(value, indent=1), encoding="utf-8")
    found = list(read_rows(tmp_path / "a.json", "a", Columns()))
    assert [row.where.split(" (")[0] for row in found] == [f"a:row {n}" for n in (1, 2, 3, 4)]
    assert [said(row.value) for row in found] == [WHOLE[:2]] * 4
    other = {"train": [row], "notes": [row]}
    (tmp_path / "a.json").write_text(json.dumps(other), encoding="utf-8")
    told = list(read_rows(tmp_path / "a.json", "a", Columns()))
    assert [row.problem for row in told] == [None, "unknown_format"][: 1 + large]  # the notes are said


def test_questions_below_a_passage_are_rows(tmp_path: Path) -> None:
    answers = [{"text": "Ann", "answer_start": 0}, {"text": "A."}]
    asked = [{"id": "1", "question": "Who?", "answers": answers},
             {"id": "2", "question": "When?", "answers": [], "is_impossible": True}]  # fmt: skip
    value = {
        "version": "2",
        "data": [{"title": "T", "paragraphs": [{"context": "Ann came.", "qas": asked}]}],
    }
    (tmp_path / "a.json").write_text(json.dumps(value), encoding="utf-8")
    first, second = read_rows(tmp_path / "a.json", "a", Columns())
    assert first.where == "a:row 1, question 1"
    assert said(first.value) == [("user", "Who?\n\nAnn came."), ("assistant", "Ann")]
    assert said(second.value)[1] == ("assistant", "")  # dropped as a question that nobody answers


def test_of_nested_turns_the_last_branch_is_read() -> None:
    def turn(text: str, *children: Any, user: bool = False) -> dict[str, Any]:
        who = "User" if user else "GPT-4"
        return {"sender": who, "text": text, "isCreatedByUser": user, "children": [*children]}

    rest = turn("And now?", turn("Reset it."), user=True)
    found = draft_of({"messages": [turn("Key?", turn("Old."), turn("In Account.", rest), user=True)]})
    assert [(turn.role, turn.content) for turn in found.messages] == WHOLE
    assert found.marks == ("other_answers",)
    flat = [turn("Key?", user=True), turn("In Account.")]
    assert said({"messages": flat}) == WHOLE[:2]


def test_exchanges_of_moss_lose_their_marks() -> None:
    exchange = {"Human": "<|Human|>: Key?<eoh>\n", "MOSS": "<|MOSS|>: In Account.<eom>\n",
                "Inner Thoughts": "<|Inner Thoughts|>: Where?<eot>\n",
                "Commands": "<|Commands|>: None<eoc>\n"}  # fmt: skip
    row = {"meta_instruction": "Be kind.", "chat": {"turn_1": exchange}}
    found = draft_of(row)
    assert said(row) == [("system", "Be kind."), *WHOLE[:2]]
    assert found.messages[2].thinking == "Where?"


def test_what_was_thought_stands_before_the_answer() -> None:
    row = {
        "question": "Key?",
        "attempt": "In Account.",
        "thinking_trajectories": ["Where?"],
        "solution": "7",
    }
    found = draft_of(row)
    assert [(t.content, t.thinking) for t in found.messages] == [
        ("Key?", None),
        ("In Account.", "Where?"),
    ]
    answer = {"question": "Key?", "answer": "In Account.", "reasoning_content": "Where?"}
    assert draft_of(answer).messages[1].thinking == "Where?"
    tutor = {"question": "Key?", "attempt": "In Account.", "feedback": "Good."}
    assert read_row(tutor, "auto", Columns()) == "unknown_format"


def test_another_list_of_turns_that_says_something_else_is_named() -> None:
    messages = [{"role": "user", "content": "Key?"}, {"role": "assistant", "content": "Mat."}]
    same = [{"from": "human", "value": "Key?"}, {"from": "gpt", "value": " Mat."}]
    row = {"conversations": same, "messages": messages}
    assert draft_of(row).marks == ()
    other = [*same, {"from": "human", "value": "And now?"}, {"from": "gpt", "value": "Rug."}]
    assert draft_of({**row, "conversations": other}).marks == ("unused_conversations",)
