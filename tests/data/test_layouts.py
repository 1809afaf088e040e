"""Turns in columns, in pairs or under names, and messages of trees: the layouts of usual data sets."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from as_read import jsonl, learnt, read, talks

from talkwright.config import Columns
from talkwright.data import read_conversations
from talkwright.data.reading.chat.turns import Draft
from talkwright.data.reading.containers import read_rows
from talkwright.data.reading.mending.repair import read_line
from talkwright.data.reading.shapes.formats import read_row
from talkwright.data.reading.together import messages
from talkwright.types import Conversation, Message

ASKED = (Message("user", "Key?"), Message("assistant", "Mat."))
TWICE = (*ASKED, Message("user", "Lock?"), Message("assistant", "New."))


def of_file(path: Path, rows: list[Any]) -> list[Conversation]:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return list(read_conversations(path))


# --- columns of turns ----------------------------------------------------------------------------

COLUMNS = [
    {"messages": {"role": ["user", "assistant"], "content": ["Key?", "Mat."]}},
    {"conversations": {"from": ["human", "gpt"], "value": ["Key?", "Mat."]}},
    {"messages": {"role": ["user", "assistant"], "content": ["Key?", "Mat."], "tool_calls": []}},
    {"turns": {"turn_id": ["0", "1"], "speaker": [0, 1], "utterance": ["Key?", "Mat."], "acts": {}}},
    {"messages": '{"role": ["user", "assistant"], "content": ["Key?", "Mat."]}'},
]


@pytest.mark.parametrize("row", COLUMNS)
def test_columns_of_turns(row: dict[str, Any]) -> None:
    assert learnt(row)[0] == ASKED


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".parquet"])
def test_columns_of_turns_in_files(tmp_path: Path, suffix: str) -> None:
    for row in COLUMNS[:2]:
        other = json.loads(json.dumps(row).replace("Key", "Lock"))
        found = of_file(tmp_path / f"a{suffix}", [row, other])
        assert [talk.messages[0].content for talk in found] == ["Key?", "Lock?"]


def test_columns_of_turns_that_are_not_equally_long() -> None:
    row = {"messages": {"role": ["user", "assistant"], "content": ["Key?"]}}
    assert read(row) == "uneven_turns"
    assert isinstance(read({"prompt": "Key?", "completion": "Mat.", "about": {"role": "x"}}), Draft)


@pytest.mark.parametrize("who", [["Ann", "Bob"], '["Ann", "Bob"]', [7, 9], ["user", "bot"]])
def test_texts_beside_a_column_of_who_says_each(who: Any) -> None:
    row = {"narrative": "They meet.", "dialogue": ["Key?", "Mat."], "speakers": who}
    assert learnt(row)[0] == ASKED


def test_texts_are_not_said_in_turn_where_a_column_says_otherwise() -> None:
    row = {"dialogue": ["Hi.", "Key?", "Mat."], "speakers": ["user", "user", "bot"]}
    assert [turn.role for turn in learnt(row)[0]] == ["user", "user", "assistant"]
    assert read({**row, "speakers": ["Ann", "Ann", "Bob"]}) == "bad_role"
    assert read({**row, "speakers": ["user", "user"]}) == "uneven_turns"
    assert "alternating_roles" in learnt({**row, "speakers": ["Ann", "Bob"]})[1]  # the two of them


def test_the_recipe_says_who_is_who_in_a_column_of_speakers(tmp_path: Path) -> None:
    row = {"dialogue": ["Hi.", "Key?", "Mat."], "speakers": ["Ann", "Ann", "Bob"]}
    found = talks(jsonl(tmp_path / "a.jsonl", row, row), roles={"Ann": "user", "Bob": "assistant"})
    assert found == [[("user", "Hi.\n\nKey?"), ("assistant", "Mat.")]] * 2


def test_pairs_in_columns() -> None:
    sides = {
        side: {"role": ["user", "assistant"], "content": ["Key?", said]}
        for side, said in (("chosen", "Mat."), ("rejected", "No."))
    }
    draft = read(sides)
    assert isinstance(draft, Draft)
    assert (draft.messages, draft.rejected) == (ASKED, (Message("assistant", "No."),))


# --- pairs of texts, and turns under their speaker's name ----------------------------------------


@pytest.mark.parametrize("name", ["dialog", "conversation", "history of nothing", "messages"])
def test_pairs_of_question_and_answer(name: str) -> None:
    row = {name: [["Key?", "Mat."], ["Lock?", "New."]]}
    if name in ("dialog", "conversation", "messages"):
        assert learnt(row) == (TWICE, ("alternating_roles",))
    else:
        assert isinstance(read(row), str)


def test_a_pair_may_be_open_or_name_its_speaker() -> None:
    assert learnt({"dialog": [["Key?", "Mat."], ["Lock?", None]]})[0] == TWICE[:3]
    named = {"dialog": [["user", "Key?"], ["assistant", "Mat."]]}
    assert learnt(named) == (ASKED, ())
    people = {"dialog": [["Ann", "Key?"], ["Bob", "Mat."], ["Ann", "Lock?"], ["Bob", "New."]]}
    assert learnt(people) == (TWICE, ("guessed_role",))
    assert read({"dialog": [["user", "Key?"], ["Mat.", "Lock?"]]}) == "unsure_turns"


def test_turns_under_their_speakers_name(tmp_path: Path) -> None:
    row = [{"user": "Key?"}, {"bot": "Mat."}]
    assert learnt(row)[0] == learnt({"messages": row})[0] == learnt({"dialog": row})[0] == ASKED
    assert read([{"user": "Key?"}, {"colour": "Mat."}]) == "not_an_object"
    assert [talk.messages for talk in of_file(tmp_path / "a.jsonl", [row, row])] == [ASKED] * 2


# --- trees, one message a row --------------------------------------------------------------------


def tree(name: str) -> list[dict[str, Any]]:
    """A tree as the hub has OASST: a question, two ranked answers, and what was asked and said next."""

    def row(id: str, parent: str | None, role: str, text: str, rank: float | None) -> dict[str, Any]:
        return {
            "message_id": f"{name}{id}", "parent_id": parent and f"{name}{parent}", "user_id": f"u{id}",
            "text": text, "role": role, "lang": "en", "deleted": id == "d", "rank": rank,
            "review_result": None if parent is None else True, "message_tree_id": f"{name}a",
            "labels": None,
        }  # fmt: skip

    return [
        row("a", None, "prompter", f"Key {name}?", None),
        row("b", "a", "assistant", "No.", 1.0),
        row("d", "a", "assistant", "Gone.", 0.0),
        row("c", "a", "assistant", "Mat.", 0.5),
        row("e", "c", "prompter", "Lock?", None),
        row("f", "e", "assistant", "Old.", 1.0),
        row("g", "e", "assistant", "New.", 0.0),
    ]


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".parquet", ".csv"])
@pytest.mark.parametrize("scattered", [False, True])
def test_trees_of_single_messages(tmp_path: Path, suffix: str, scattered: bool) -> None:
    rows = [*tree("x"), *tree("y")]
    if scattered:
        rows = [rows[at] for at in (6, 2, 0, 8, 4, 12, 10, 1, 3, 5, 7, 9, 11, 13)]
    path = tmp_path / f"a{suffix}"
    if suffix == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        found = list(read_conversations(path))
    else:
        found = of_file(path, rows)
    assert sorted(talk.messages[0].content for talk in found) == ["Key x?", "Key y?"]
    for talk in found:
        assert [turn.content for turn in talk.messages[1:]] == ["Mat.", "Lock?", "New."]
        assert [turn.content for turn in talk.rejected] == ["Old."]
        assert talk.group in ("xa", "ya")


def test_a_tree_without_its_name_or_its_beginning(tmp_path: Path) -> None:
    rows = [{key: held for key, held in row.items() if key != "message_tree_id"} for row in tree("x")]
    [talk] = of_file(tmp_path / "a.jsonl", rows)
    assert [turn.content for turn in talk.messages] == ["Key x?", "Mat.", "Lock?", "New."]
    path = tmp_path / "b.jsonl"
    circle = [{**row, "message_tree_id": "o"} for row in tree("z")[:2]]
    circle[0]["parent_id"], circle[1]["parent_id"] = "zb", "za"
    lines = [*tree("x")[1:], *tree("y"), tree("y")[1], {**tree("y")[1], "text": "Other."}, *circle]
    path.write_text("".join(json.dumps(row) + "\n" for row in lines))
    problems = [row.problem for row in read_rows(path, path.name, Columns())]
    assert Counter(problems) == {
        None: 1, "tree_message": 7, "duplicate": 1, "broken_tree": 2
    }  # fmt: skip


def test_trees_are_held_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    lines = [*tree("x")[:4], *(row for n in range(50) for row in tree(f"y{n}")), *tree("x")[4:]]
    path.write_text("".join(json.dumps(row) + "\n" for row in lines))
    monkeypatch.setattr(messages, "_HELD", 10_000)
    rows = list(read_rows(path, path.name, Columns()))
    assert Counter(row.problem for row in rows) == {None: 51, "scattered_messages": 3}


# --- system prompts, and what a desk's software says ---------------------------------------------

PROMPT = Message("system", "You are Bob.")


def test_a_system_prompt_in_the_first_of_pairs() -> None:
    pairs = [{"input": "Key?", "output": "Mat.", "system": "You are Bob."},
             {"input": "Lock?", "output": "New.", "system": "You are Bob."}]  # fmt: skip
    assert learnt({"conversation": pairs})[0] == (PROMPT, *TWICE)
    pairs[1]["system"] = "Be short."
    other = Message("system", "Be short.")
    assert learnt({"conversation": pairs})[0] == (PROMPT, *TWICE[:2], other, *TWICE[2:])
    assert learnt({"conversation": [{**pairs[0], "system": ""}]})[0] == ASKED


@pytest.mark.parametrize(
    ("asks", "answers"), [("Customer", "Agent"), ("Ann", "Bob"), ("visitor", "Bob")]
)
@pytest.mark.parametrize("who", ["speaker", "from", "author"])
def test_what_the_software_of_a_desk_says_is_a_side_note(asks: str, answers: str, who: str) -> None:
    names = ["System", asks, answers, "system", asks, answers]
    texts = ["Chat started", "Key?", "Mat.", "Agent Anna joined", "Lock?", "New."]
    turns = [{who: name, "text": text} for name, text in zip(names, texts, strict=True)]
    messages, repairs = learnt({"conversation": turns})
    assert messages == TWICE
    assert "dropped_side_note" in repairs


def test_a_system_prompt_stays_where_roles_are_those_of_a_model() -> None:
    for asks, answers in (("user", "assistant"), ("human", "gpt"), ("User", "Bot")):
        for key in ("role", "from"):
            turns = [{key: "system", "value": "You are Bob."}, {key: asks, "value": "Key?"},
                     {key: answers, "value": "Mat."}]  # fmt: skip
            assert learnt({"conversations": turns})[0] == (PROMPT, *ASKED)
    turns = [{"role": "system", "content": "You are Bob."}, {"role": "customer", "content": "Key?"},
             {"role": "agent", "content": "Mat."}]  # fmt: skip
    assert learnt({"messages": turns})[0] == (PROMPT, *ASKED)
    turns = [turns[1], {**turns[0], "content": "Agent Anna joined"}, turns[2]]
    assert learnt({"messages": turns}) == (ASKED, ("dropped_side_note",))


# --- transcripts, and who speaks by the way it went ----------------------------------------------

TALK = "Customer: Key?\nAgent: Mat.\nCustomer: Lock?\nAgent: New."
TIMED = "[10:01:03] Customer: Key?\n[10:01:09] Agent: Mat.\n[10:02] Customer: Lock?\n[10:02] Agent: New."


@pytest.mark.parametrize("name", ["transcript", "text", "conversation", "chat_log"])
@pytest.mark.parametrize(
    "text",
    [TALK, TIMED, TIMED.replace("[", "(").replace("]", " AM)"), TIMED.replace("[", "[2024-05-01 "),
     TIMED.replace("[", "").replace("]", " -"), TIMED.replace("Agent", "Ann")],
)  # fmt: skip
def test_transcripts_under_other_names_and_with_times(name: str, text: str) -> None:
    messages, repairs = learnt({name: text})
    assert messages == TWICE
    assert repairs[0] == "split_transcript"


def test_what_the_software_of_a_desk_says_in_a_transcript() -> None:
    for text in (TALK, TIMED):
        lines = text.split("\n")
        mark = lines[0].split("Customer")[0]
        lines[2:2] = [f"{mark}System: Agent Anna joined"]
        assert learnt({"transcript": "\n".join(lines)}) == (
            TWICE, ("split_transcript", "dropped_side_note")
        )  # fmt: skip
    human = "System: You are Bob.\nUser: Key?\nAssistant: Mat."
    assert learnt({"transcript": human})[0] == (PROMPT, *ASKED)


def test_a_line_of_a_timed_transcript_may_look_like_a_label() -> None:
    text = "[10:01] Customer: Key?\n[10:02] Agent: Say this:\nCustomer: hello\n[10:03] Customer: Lock?"
    assert [turn.content for turn in learnt({"transcript": text})[0]] == [
        "Key?", "Say this:\nCustomer: hello", "Lock?"
    ]  # fmt: skip
    assert read({"transcript": "We met at [10:01] Customer: no."}) == "unknown_format"
    assert read({"text": "10:00: tea\n11:00: cake"}) == "raw_text"


@pytest.mark.parametrize(
    "marks", [{"direction": ("in", "out")}, {"from_me": (False, True)}, {"fromMe": (False, True)}]
)
def test_who_speaks_by_the_way_it_went(marks: dict[str, tuple[Any, Any]]) -> None:
    [(key, ways)] = marks.items()
    turns = [{key: ways[at % 2], "body": turn.content} for at, turn in enumerate(TWICE)]
    assert learnt({"messages": turns})[0] == TWICE


# --- arguments of tools' calls -------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '{"price": 12.10}',
        '{"n": 12345678901234567890.123}',
        '{"n":1e5,  "m": [-0]}',
        '{"a": {"b": 1E+2}}',
    ],
)
def test_arguments_keep_the_spelling_of_their_numbers(text: str) -> None:
    def called(**more: Any) -> str:
        row = {"messages": [{"role": "user", "content": "Key?"}, {"role": "assistant", **more}]}
        draft = read(row)
        assert isinstance(draft, Draft), draft
        return draft.messages[1].tool_calls[0].arguments

    call = {"name": "f", "arguments": text}
    assert called(content="", tool_calls=[{"id": "1", "function": call}]) == text
    assert called(content="", function_call=call) == text
    written = f'{{"name": "f", "arguments": {text}}}'
    shared = read({"conversations": [{"from": "human", "value": "Key?"},
                                     {"from": "function_call", "value": written}]})  # fmt: skip
    assert isinstance(shared, Draft)
    kept = shared.messages[1].tool_calls[0].arguments
    assert re.findall(r"[-+.\dE]+(?i:e)?[\d+]*", kept) == re.findall(r"[-+.\dE]+(?i:e)?[\d+]*", text)
    assert json.loads(kept) == json.loads(text)


def test_arguments_with_a_key_twice_are_noted() -> None:
    for text, noted in (('{"a": 1, "a": 2}', ("repeated_key",)), ('{"a": 1,"b": {"a": 2}}', ())):
        call = {"function": {"name": "f", "arguments": text}}
        row = {"messages": [{"role": "user", "content": "Key?"},
                            {"role": "assistant", "content": "", "tool_calls": [call]}]}  # fmt: skip
        messages, repairs = learnt(row)
        assert repairs == noted
        assert messages[1].tool_calls[0].arguments == json.dumps(json.loads(text))


# --- pairs in other shapes -----------------------------------------------------------------------

FIRST, SECOND = ("Mat.", "No."), ("No.", "Mat.")


@pytest.mark.parametrize(("strength", "order"), [(-2, FIRST), (3, SECOND), (0, FIRST), ("-1", FIRST)])
@pytest.mark.parametrize("context", ["Key?", [{"role": "user", "content": "Key?"}]])
def test_helpsteer(context: Any, strength: Any, order: tuple[str, str]) -> None:
    row = {"domain": "general", "language": "english", "context": context, "response1": order[0],
           "response2": order[1], "overall_preference": strength}  # fmt: skip
    assert isinstance(read(row), Draft) == (strength != 0)  # of a tie nothing is learnt unless asked
    draft = read_row(row, "auto", Columns(), ties="first")
    assert isinstance(draft, Draft), draft
    assert draft.messages == ASKED
    assert draft.rejected == (() if strength == 0 else (Message("assistant", "No."),))
    assert draft.marks == (("tie",) if strength == 0 else ())


@pytest.mark.parametrize(("labels", "order"), [(1, FIRST), (0, SECOND), ("1", FIRST)])
def test_shp(labels: Any, order: tuple[str, str]) -> None:
    row = {"post_id": "p", "domain": "d", "history": "Key?", "human_ref_A": order[0],
           "human_ref_B": order[1], "labels": labels, "score_A": 4, "score_B": 4}  # fmt: skip
    draft = read(row)
    assert isinstance(draft, Draft), draft
    assert (draft.messages, draft.rejected) == (ASKED, (Message("assistant", "No."),))


@pytest.mark.parametrize(("scores", "order"), [((0.5, -0.5), FIRST), ((-1, 1), SECOND), ((0, 0), FIRST)])
def test_webgpt(scores: tuple[float, float], order: tuple[str, str]) -> None:
    row = {"question": {"dataset": "eli5", "id": "1", "full_text": "Key?"}, "answer_0": order[0],
           "answer_1": order[1], "score_0": scores[0], "score_1": scores[1]}  # fmt: skip
    assert isinstance(read(row), Draft) == (scores != (0, 0))
    draft = read_row(row, "auto", Columns(), ties="first")
    assert isinstance(draft, Draft), draft
    assert draft.messages == ASKED
    assert draft.rejected == (() if scores == (0, 0) else (Message("assistant", "No."),))


@pytest.mark.parametrize(
    ("title", "text", "asked"), [("Key?", "", "Key?"), ("Key?", "I lost it.", None)]
)
@pytest.mark.parametrize("texts", [{"text": ["No.", "Mat.", "Oh."], "score": [2, 40, 9]}, None])
def test_eli5(title: str, text: str, asked: str | None, texts: Any) -> None:
    answers = texts or [
        {"text": "Mat.", "score": 4},
        {"text": "Oh.", "score": 2},
        {"text": "No.", "score": 1},
    ]
    row = {"q_id": "p", "title": title, "selftext": text, "subreddit": "explainlikeimfive",
           "answers": answers, "title_urls": {"url": []}}  # fmt: skip
    draft = read(row)
    assert isinstance(draft, Draft), draft
    assert draft.messages == (
        Message("user", asked or "Key?\n\nI lost it."),
        Message("assistant", "Mat."),
    )
    assert draft.rejected == (Message("assistant", "No."),)


def test_texts_and_scores_of_different_lengths_are_not_matched() -> None:
    row = {"title": "Key?", "selftext": "", "answers": {"text": ["Mat.", "No."], "score": [2]}}
    assert read(row) == "unknown_format"


# --- repairs that are certain, and some that are not ----------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        '{"messages": [{"role": "user", "content": "So "hi" it"}, '
        '{"role": "assistant", "content": "Bye“}, {”role“: ”user“, ”content“: ”Again“}, '
        '{”role“: ”assistant“, ”content“: ”Yes"}]}',
        r'{"messages": [{"role": "user", "content": "pay \in full\" today"}, '
        r'{"role": "assistant", "content": "Yes."}]}',
    ],
)  # fmt: skip
def test_what_is_not_certain_is_dropped(line: str) -> None:
    [found] = read_line(line)
    assert (found.value, found.problem) == (None, "not_json")


@pytest.mark.parametrize("key", ['"content""', '""content"', '""content""'])
def test_a_quote_doubled_around_a_key(key: str) -> None:
    row = {"messages": [{"role": "user", "content": "Key?"}, {"role": "assistant", "content": "Mat."}]}
    good = json.dumps(row)
    for broken in (good.replace('"content"', key), good.replace('"content"', key, 1)):
        [found] = read_line(broken)
        assert (found.value, found.repairs) == (row, ("fixed_quotes",))


def test_backslashes_of_a_path_beside_words_in_quotes_stay() -> None:
    line = r'{"prompt": "Open C:\Windows and \"Save\" it", "completion": "Yes."}'
    [found] = read_line(line)
    assert found.value["prompt"] == r'Open C:\Windows and "Save" it'
