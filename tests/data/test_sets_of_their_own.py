"""Published data sets whose columns nobody else has: dialogues, questions with answers, and pairs."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from as_read import draft_of, entries, jsonl, read, rows_of, talks

ASKED, SAID = ["Who?", "Where?"], ["Ann.", "At home."]
TALK = [("user", "Who?"), ("assistant", "Ann."), ("user", "Where?"), ("assistant", "At home.")]
TURNS = [text for pair in zip(ASKED, SAID, strict=True) for text in pair]
STORY = "Ann is at home with her dog."


def lines(row: Any) -> list[tuple[str, str]]:
    """Who says what in a row."""
    return [(turn.role, turn.content) for turn in draft_of(row).messages]


def numbered(texts: list[str]) -> list[dict[str, Any]]:
    return [{"input_text": text, "turn_id": at} for at, text in enumerate(texts, 1)]


COQA = {
    "source": "race",
    "story": STORY,
    "questions": ASKED,
    "answers": {"input_text": SAID, "answer_end": [3, 9]},
}
BLENDED = {
    "personas": ["I run.", "I cook."], "context": "wizard_of_wikipedia", "previous_utterance": TURNS[:2],
    "free_messages": ASKED[1:], "guided_messages": SAID[1:], "suggestions": {"convai2": ["a"]},
    "label_candidates": [],
}  # fmt: skip
TOPICAL = {
    "article_url": "u", "config": "C",
    "content": [
        {"message": text, "agent": f"agent_{at % 2 + 1}", "turn_rating": "Good"}
        for at, text in enumerate(TURNS)
    ],
    "conversation_rating": {"agent_1": "Good"},
}  # fmt: skip


@pytest.mark.parametrize(
    "row", [COQA, {**COQA, "questions": numbered(ASKED), "answers": numbered(SAID)}]
)
def test_coqas_questions_follow_each_other(row: dict[str, Any]) -> None:
    assert lines(row) == [("user", f"Who?\n\n{STORY}"), *TALK[1:]]
    assert read({**row, "questions": ASKED[:1]}) == "uneven_turns"


def test_dialogues_in_columns_of_their_own(tmp_path: Path) -> None:
    assert talks(jsonl(tmp_path / "a.jsonl", BLENDED)) == [TALK]
    assert draft_of(BLENDED).marks == ("unused_personas",)
    assert read({**BLENDED, "free_messages": []}) == "uneven_turns"
    (tmp_path / "b.json").write_text(json.dumps({"t_1": TOPICAL, "t_2": TOPICAL}))
    assert talks(tmp_path / "b.json") == [TALK, TALK]
    poor = [*TOPICAL["content"][:3], {**TOPICAL["content"][3], "turn_rating": "Poor"}]
    assert read({**TOPICAL, "content": poor}) == "labelled_bad"
    assert read({**TOPICAL, "content": [{"message": "Who?", "agent": ["a"]}]}) == "unsure_turns"


def test_personas_are_those_of_who_answers() -> None:
    row = {
        "personality": ["I run.", "I cook."],
        "candidates": ["Never.", "At home."],
        "history": TURNS[:3],
    }
    assert lines({**row, "conv_id": 0, "utterance_idx": 1}) == [("system", "I run.\nI cook."), *TALK]
    text = "\n".join(f"User {at % 2 + 1}: {said}" for at, said in enumerate(TURNS))
    made = {
        "user 1 personas": "I run.",
        "user 2 personas": "I cook.",
        "Best Generated Conversation": text,
    }
    assert lines(made) == [("system", "I cook."), *TALK]


def test_thoughts_and_grades_of_s1k() -> None:
    row = {
        "question": "Who?", "solution": "Ann", "deepseek_grade": "Yes",
        "deepseek_thinking_trajectory": "Hm.", "deepseek_attempt": "Ann.",
        "gemini_thinking_trajectory": "Well.", "gemini_attempt": "Tom.",
    }  # fmt: skip
    draft = draft_of(row)
    assert lines(row) == TALK[:2]
    assert (draft.messages[1].thinking, draft.marks) == ("Hm.", ("other_answers",))
    assert "perhaps_bad" in draft_of({**row, "deepseek_grade": "No"}).marks


def test_calls_of_moss_stay_text() -> None:
    exchange = {
        "Human": "<|Human|>: Who?<eoh>\n", "Inner Thoughts": "<|Inner Thoughts|>: Look.<eot>\n",
        "Commands": '<|Commands|>: Search("who")<eoc>\n',
        "Tool Responses": "<|Results|>:\nAnn Bell<eor>\n",
        "MOSS": "<|MOSS|>: Ann.<eom>\n",
    }  # fmt: skip
    row = {"meta_instruction": "Be MOSS.", "num_turns": 1, "chat": {"turn_1": exchange}}
    call = [("assistant", 'Search("who")'), ("tool", "Ann Bell")]
    assert lines(row) == [("system", "Be MOSS."), TALK[0], *call, TALK[1]]
    draft = draft_of(row)
    assert [turn.thinking for turn in draft.messages if turn.role == "assistant"] == ["Look.", None]
    assert "tool_call_as_text" in draft.repairs


def test_an_instance_is_asked_with_its_definition() -> None:
    row = {"task_name": "t", "id": "1", "definition": "Add.", "inputs": "2 3", "targets": "5"}
    assert lines(row) == [("user", "Add.\n\n2 3"), ("assistant", "5")]


# --- questions with answers ----------------------------------------------------------------------


def test_yes_and_no_about_a_passage() -> None:
    row = {"question": "is ann at home", "passage": STORY}
    assert lines({**row, "answer": True}) == [
        ("user", f"is ann at home\n\n{STORY}"),
        ("assistant", "Yes"),
    ]
    assert lines({**row, "answer": False})[1] == ("assistant", "No")
    assert read({**row, "question": "ann is at home", "answer": True}) == "not_text"  # or true and false


def test_spellings_of_an_answer_are_facts() -> None:
    answer = {"value": "Ann.", "aliases": ["Ann Bell", "Ann."], "normalized_value": "ann"}
    draft = draft_of({"question": "Who?", "question_id": "1", "answer": answer})
    assert [turn.content for turn in draft.messages] == TURNS[:2]
    assert draft.facts == (("Ann.", "Ann Bell"),)
    hidden = {"question": "Who?", "answer": {**answer, "value": "<unk>"}}
    assert lines(hidden) == [TALK[0], ("assistant", "")]


def test_the_best_of_right_answers(tmp_path: Path) -> None:
    row = {"question": "Who?", "best_answer": "Ann.", "correct_answers": ["Ann.", "Ann Bell."]}
    assert lines({**row, "incorrect_answers": ["Tom."]}) == TALK[:2]
    assert draft_of(row).marks == ("other_answers",)
    assert draft_of({**row, "correct_answers": ["Ann."]}).marks == ()
    with (tmp_path / "a.csv").open("w", newline="") as file:
        names = ["Type", "Question", "Best Answer", "Correct Answers", "Incorrect Answers"]
        csv.writer(file).writerows([names, ["Adversarial", "Who?", "Ann.", "Ann.; Ann Bell.", "Tom."]])
    assert talks(tmp_path / "a.csv") == [TALK[:2]]


@pytest.mark.parametrize(
    "beside",
    [{"distractor1": "Tom", "distractor2": "Zoe", "support": ""}, {"incorrect_answers": ["Zoe", "Tom"]}],
)
def test_choices_without_an_order_stand_in_that_of_the_alphabet(beside: dict[str, Any]) -> None:
    row = {"question": "Who?", "correct_answer": "Una", **beside}
    assert lines(row) == [("user", "Who?\n\nA) Tom\nB) Una\nC) Zoe"), ("assistant", "B) Una")]
    assert lines({"question": "Who?", "correct_answer": "Ann."}) == TALK[:2]


def test_what_medmcqas_numbers_count_from_the_file_says(tmp_path: Path) -> None:
    def row(at: int) -> dict[str, Any]:
        return {"question": "Who?", "opa": "Ann", "opb": "Tom", "opc": "Una", "opd": "Zoe", "cop": at}

    for first in (0, 1):
        rows = [row(at + first) for at in range(4)]
        said = [talk[1][1] for talk in talks(jsonl(tmp_path / "a.jsonl", *rows))]
        assert said == ["A) Ann", "B) Tom", "C) Una", "D) Zoe"]
    assert read(row(2)) == "unclear_choice"
    found = entries(jsonl(tmp_path / "b.jsonl", row(0), row(3), row(-1)))
    assert [entry.row.reason for entry in found] == [None, None, "no_assistant_turn"]


def test_answers_that_people_made_of_passages() -> None:
    passages = {"is_selected": [1], "passage_text": [STORY], "url": ["u"]}
    row = {"query": "Who?", "query_id": 1, "answers": ["Ann."], "passages": passages}
    assert lines(row) == TALK[:2]
    assert draft_of(row).marks == ("unused_passages",)
    assert lines({**row, "answers": ["No Answer Present."]}) == [TALK[0], ("assistant", "")]


# --- pairs ---------------------------------------------------------------------------------------


def test_votes_of_comparia() -> None:
    def side(text: str) -> list[dict[str, str]]:
        return [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": text}]

    row = {
        "model_a_name": "m1", "model_b_name": "m2", "both_equal": False, "chosen_model_name": "m2",
        "conversation_a": side("Tom."), "conversation_b": side("Ann."), "opening_msg": "Who?",
    }  # fmt: skip
    assert lines(row) == TALK[:2]
    assert [turn.content for turn in draft_of(row).rejected] == ["Tom."]
    assert read({**row, "both_equal": True, "chosen_model_name": None}) == "arena_tie"
    assert read({**row, "chosen_model_name": None}) == "arena_no_winner"
    assert read({**row, "model_a_name": "m2"}) == "arena_no_winner"


def test_a_trajectory_is_what_was_said_before_both_answers() -> None:
    names = ("human", "gpt")
    trajectory = [{"from": names[at % 2], "value": text} for at, text in enumerate(TURNS[:3])]
    row = {
        "trajectory": trajectory,
        "chosen": "At home.",
        "rejected": "Away.",
        "id": "2",
        "parent_id": "1",
    }
    assert lines(row) == TALK
    assert [turn.content for turn in draft_of(row).rejected] == ["Away."]


def test_such_rows_are_rows_in_files_of_one_line(tmp_path: Path) -> None:
    for row in (COQA, BLENDED, TOPICAL):
        assert len(rows_of(tmp_path / "a.jsonl", json.dumps(row) + "\n")) == 1
