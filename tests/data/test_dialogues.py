"""Dialogues as support desks and other makers keep them: whose names, notes, layouts are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from as_read import learnt, read

from talkwright.config import Columns
from talkwright.data import read_conversations
from talkwright.data.reading.chat.speakers import ROLES
from talkwright.data.reading.chat.turns import Draft
from talkwright.data.reading.shapes.formats import read_row, reads_as_row, recognises_columns
from talkwright.types import Message

ASKED = (Message("user", "Key?"), Message("assistant", "Mat."))
USERS = ["visitor", "Client", "REQUESTER", "caller", "patient", "student", "guest", "member", "buyer",
         "asker", "question", "end_user"]  # fmt: skip


def said(*turns: tuple[Any, str], role: str = "role", text: str = "content") -> list[dict[str, Any]]:
    return [{role: name, text: words} for name, words in turns]


# --- who speaks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("assistant", ["operator", "Support", "rep", "help-desk", "service", "advisor",
                                       "owner", "answer", "tutor", "therapist"])  # fmt: skip
def test_names_of_roles(user: str, assistant: str) -> None:
    assert learnt({"messages": said((user, "Key?"), (assistant, "Mat."))}) == (ASKED, ())


def test_notes_between_turns_are_left_out() -> None:
    turns = said(("visitor", "Key?"), ("note", "rude one"), ("operator", "Mat."), ("Event", "closed"))
    assert learnt({"messages": turns}) == (ASKED, ("dropped_side_note",))
    for flag in ({"public": False}, {"private": True}, {"internal": True}):
        hidden = {"role": "agent", "content": "He pays late.", **flag}
        row = {"messages": [*said(("user", "Key?")), hidden, *said(("agent", "Mat."))]}
        assert learnt(row) == (ASKED, ("dropped_side_note",))
    shown = {"role": "agent", "content": "Mat.", "public": True, "private": False, "internal": None}
    assert learnt({"messages": [*said(("user", "Key?")), shown]}) == (ASKED, ())


@pytest.mark.parametrize(
    "names",
    [("customer", "zephyr"), ("Ann", "agent"), ("Ann", "Bob"), (0, 1), ("B", "A"), ("doctor", "nurse")],
)
def test_a_role_is_guessed_where_two_speak(names: tuple[Any, Any]) -> None:
    row = {"dialog": said((names[0], "Key?"), (names[1], "Mat."), role="speaker", text="text")}
    assert learnt(row) == (ASKED, ("guessed_role",))
    with_note = {
        "messages": said(("system", "s"), (names[0], "Key?"), ("note", "x"), (names[1], "Mat."))
    }
    assert learnt(with_note) == (
        (Message("system", "s"), *ASKED), ("dropped_side_note", "guessed_role")
    )  # fmt: skip


def test_an_unknown_side_may_begin() -> None:
    turns = said(("agent", "Hello."), ("Ann", "Key?"), ("agent", "Mat."))
    assert [turn.role for turn in learnt({"messages": turns})[0]] == ["assistant", "user", "assistant"]


@pytest.mark.parametrize(
    "names",
    [
        ("wizard",),
        ("Ann", "Bob", "Cid"),
        ("user", "Cid", "user", "assistant"),
        ("Ann", "Ann", "Bob"),  # they do not take turns
        ("user", "narrator"),
        ("unknown", "assistant"),
        ("user", ""),
        ("user", None),
        ("user", True),
    ],
)
def test_no_role_is_guessed_where_it_cannot_be_told(names: tuple[Any, ...]) -> None:
    assert read({"messages": said(*((name, "x") for name in names))}) == "bad_role"


def test_a_machine_called_system() -> None:
    turns = (("USER", "Key?"), ("SYSTEM", "Mat."))
    assert learnt({"turns": said(*turns, role="speaker", text="utterance")}) == (
        ASKED, ("guessed_role",)
    )  # fmt: skip
    assert learnt({"messages": said(*turns)})[0][1].role == "system"  # OpenAI's, wherever it stands
    first = said(("system", "Be kind."), ("user", "Key?"), role="speaker")
    assert learnt({"turns": first})[0][0] == Message("system", "Be kind.")


def test_no_name_has_two_roles_or_is_spelt_as_no_cell_could_be() -> None:
    assert all(name == name.lower() and name.isalnum() for name in ROLES)


# --- lists of turns ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dialogue", "dialog", "turns", "utterances", "log", "Utterances"])
@pytest.mark.parametrize("role", ["speaker", "sender", "author", "by", "from"])
@pytest.mark.parametrize("text", ["utterance", "body", "message", "says"])
def test_lists_of_turns(name: str, role: str, text: str) -> None:
    turns = said(("customer", "Key?"), ("agent", "Mat."), role=role, text=text)
    assert learnt({name: turns}) == (ASKED, ())
    assert learnt({name: json.dumps(turns)}) == (ASKED, ())
    assert learnt(turns) == (ASKED, ())
    assert reads_as_row({name.lower(): turns})


def test_the_text_is_where_one_is() -> None:
    turns = [{"speaker": "user", "text": None, "body": "Key?"}, {"speaker": "bot", "text": "Mat."}]
    assert learnt({"dialog": turns}) == (ASKED, ())


def test_other_lists_of_these_names_are_no_conversation() -> None:
    more: Any
    for more in ({"log": ["started", "done"]}, {"contents": ["a", "b"]}, {"utterances": 2},
                 {"contents": []}, {"log": [{"level": "info", "text": "x"}]}):  # fmt: skip
        assert learnt({"prompt": "Key?", "completion": "Mat.", **more}) == (ASKED, ())
    assert not reads_as_row({"log": [{"prompt": "Key?", "completion": "Mat."}]})
    assert not reads_as_row({"contents": []})


def test_plain_texts_are_said_in_turn() -> None:
    assert learnt({"dialog": ["Key?", "Mat."]}) == (ASKED, ("alternating_roles",))
    assert learnt({"dialogue": "['Key?', 'Mat.']"}) == (ASKED, ("alternating_roles",))
    assert reads_as_row({"dialog": ["Key?", "Mat."]})
    assert recognises_columns(["id", "dialog"], Columns())
    assert read({"dialog": ["Key?"]}) == "not_a_message"
    assert read({"dialog": ["Key?", 3]}) == "not_a_message"
    summary = learnt({"dialogue": "A: x\nB: y", "summary": "Mat."})
    assert summary[1] == ("added_instruction",)


def test_plain_texts_with_names_before_them() -> None:
    assert learnt({"dialog": ["Customer: Key?", "Agent: Mat."]}) == (ASKED, ())
    assert learnt({"dialog": ["Agent: Hi.", "Ann: Key?", "Agent: Mat."]})[0][1:] == ASKED
    some = learnt({"dialog": ["Note: Key?", "Mat."]})
    assert some == ((Message("user", "Note: Key?"), ASKED[1]), ("alternating_roles",))


def test_gemini_contents() -> None:
    contents = [{"role": "user", "parts": [{"text": "Key"}, {"text": "?"}]},
                {"role": "model", "parts": [{"text": "Mat."}]}]  # fmt: skip
    assert learnt({"contents": contents})[0] == (Message("user", "Key\n?"), ASKED[1])
    row = {
        "systemInstruction": {"role": "system", "parts": [{"text": "Be kind."}]},
        "contents": contents,
    }
    assert learnt(row)[0][0] == Message("system", "Be kind.")
    contents[0]["parts"] = [{"inlineData": {"mimeType": "image/png", "data": "x"}}]
    assert read({"contents": contents}) == "not_text"


def test_a_json_file_of_one_dialogue(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    turns = said(("visitor", "Key?"), ("operator", "Mat."), role="by", text="says")
    for value in ({"log": turns}, [{"log": turns}], {"rows": [{"log": turns}, {"log": turns}]}):
        path.write_text(json.dumps(value))
        assert read_conversations(path)[0].messages == ASKED, value


# --- running text --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "### Human: Key?### Assistant: Mat.",
        "<s>[INST] Key? [/INST] Mat. </s>",
        "[INST]Key?[/INST]Mat.",
        "<|im_start|>user\nKey?<|im_end|>\n<|im_start|>assistant\nMat.<|im_end|>",
        "User: Key?\nBot: Mat.",
        "Client: Key?\nOperator: Mat.",
    ],
)
def test_layouts_of_text(text: str) -> None:
    assert learnt({"text": text}) == (ASKED, ("split_transcript",))


def test_layouts_of_several_turns() -> None:
    more = (*ASKED, Message("user", "Sure?"), Message("assistant", "Yes."))
    glued = "### Human: Key?### Assistant: Mat.### Human: Sure?### Assistant: Yes."
    mixed = glued.replace("Mat.###", "Mat.\n###")
    assert learnt({"text": glued})[0] == learnt({"text": mixed})[0] == more
    llama = ("<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nKey? [/INST] Mat. </s>"
             "<s>[INST] Sure? [/INST] Yes. </s>")  # fmt: skip
    assert learnt({"text": llama})[0] == (Message("system", "Be kind."), *more)


def test_labels_within_a_line_stay_text_where_lines_have_their_own() -> None:
    text = "### Human: What is ### Assistant: for?\n### Assistant: A label."
    assert learnt({"text": text})[0][0].content == "What is ### Assistant: for?"
    text = "### Human: Say ### Assistant: x ### Human: y\n### Assistant: I do."
    assert len(learnt({"text": text})[0]) == 2


@pytest.mark.parametrize(
    "text",
    [
        "### Human: Key?### Human: Mat.",
        "### Assistant: Mat.### Human: Key?",
        "In Llama 2, [INST] Key? [/INST] Mat.",
        "[INST] Key?",
        "[INST] Key? [INST] [/INST] Mat.",
        "[INST] Key? [/INST] Mat. [/INST]",
        "[INST] Key? [/INST] Mat. </s> more",
        "<|im_start|>user\nKey?<|im_end|>",
        "Notes: Key?\nBot: Mat.",
    ],
)
def test_text_that_is_not_certainly_a_layout(text: str) -> None:
    assert read({"text": text}) == "raw_text"


# --- weights and ties ----------------------------------------------------------------------------


def weighted(*weights: Any) -> Any:
    turns: list[Any] = []
    for weight in weights:
        turns += [*said(("user", "Key?")), {"role": "assistant", "content": "Mat.", "weight": weight}]
    return read({"messages": turns})


def test_weights_of_answers() -> None:
    assert weighted(0) == weighted(1, 0) == weighted(0.0) == weighted("0") == "weight_zero"
    assert weighted(0, 1).marks == weighted(0.5).marks == ("ignored_weight",)
    assert weighted(10**5000, 1).marks == weighted([], 1).marks == ("ignored_weight",)
    assert weighted(1).marks == weighted(1.0, None).marks == ()
    asked = [{"role": "user", "content": "Key?", "weight": 0}, *said(("assistant", "Mat."))]
    assert learnt({"messages": asked}) == (ASKED, ())  # only answers are learnt anyway


def weighing(weight: Any, text: str = "Mat.") -> list[dict[str, Any]]:
    return [{"role": "assistant", "content": text, "weight": weight}]


def test_weights_in_the_lists_of_pairs_count_like_those_of_conversations() -> None:
    key, no = said(("user", "Key?")), weighing(0, "No.")
    for pair in (
        {"prompt": key, "chosen": weighing(0), "rejected": no},
        {"prompt": "Key?", "chosen": json.dumps(weighing(0)), "rejected": no},
        {"chosen": [*key, *weighing(0)], "rejected": [*key, *no]},
        {"prompt": "Key?", "chosen": weighing(0)[0], "rejected": no[0]},
        {"prompt": key, "completion": weighing(0)},
    ):
        assert read(pair) == "weight_zero", pair
    earlier = [*key, *weighing(0, "Hm."), *said(("user", "So?"))]
    for pair in (
        {"prompt": earlier, "chosen": weighing(1), "rejected": no},
        {"prompt": earlier, "chosen": "Mat.", "rejected": "No."},
        {"prompt": key, "chosen": weighing(0.5), "rejected": no},
        {"prompt": earlier, "completion": "Mat."},
        {"messages": earlier, "chosen": "Mat.", "rejected": "No."},
    ):
        draft = read(pair)
        assert isinstance(draft, Draft), (pair, draft)
        assert draft.marks == ("ignored_weight",), pair
    draft = read({"prompt": key, "chosen": weighing(1), "rejected": no})  # it is not learnt anyway
    assert isinstance(draft, Draft)
    assert (draft.messages, draft.rejected, draft.marks) == (ASKED, (Message("assistant", "No."),), ())
    turned = {"prompt": key, "chosen": weighing(0), "rejected": weighing(1, "No."), "label": "rejected"}
    draft = read(turned)
    assert isinstance(draft, Draft)
    assert draft.marks == ("swapped_pair",)


def test_the_pairs_that_openai_fine_tunes_with() -> None:
    row = {"input": {"messages": said(("user", "Key?")), "tools": [{"name": "look"}]},
           "preferred_output": said(("assistant", "Mat.")),
           "non_preferred_output": said(("assistant", "No."))}  # fmt: skip
    draft = read(row)
    assert isinstance(draft, Draft)
    assert (draft.messages, draft.rejected) == (ASKED, (Message("assistant", "No."),))
    assert len(draft.tools) == 1
    assert recognises_columns(list(row), Columns())


@pytest.mark.parametrize("verdict", [0.5, "0.5", "draw", "Draw", "tie"])
@pytest.mark.parametrize("ends", ["ab", "01", "12"])
def test_half_a_win_is_a_tie(verdict: Any, ends: str) -> None:
    row = {"prompt": "Key?", f"response_{ends[0]}": "Mat.", f"response_{ends[1]}": "No."}
    assert read({**row, "winner": verdict}) == "arena_tie"
    assert read({**row, "winner": 0.4}) == "unclear_verdict"
    pair = {"prompt": "Key?", "chosen": "Mat.", "rejected": "No.", "label": verdict}
    for tie in ({**row, "winner": verdict}, pair):
        draft = read_row(tie, "auto", Columns(), ties="first")
        assert isinstance(draft, Draft)
        assert (draft.messages, draft.marks, draft.rejected) == (ASKED, ("tie",), ())


@pytest.mark.parametrize(
    ("names", "left", "repairs"),
    [
        ("narrator user assistant observer", "user assistant", {"dropped_side_note"}),
        ("user narrator assistant", "user assistant", {"dropped_side_note"}),
        ("user assistant narrator assistant", "user assistant assistant", {"dropped_side_note"}),
        ("wizard user wizard assistant wizard user", "user assistant user", {"dropped_unknown_role"}),
        ("user narrator Bob assistant", "user assistant", {"dropped_side_note", "dropped_unknown_role"}),
        ("user assistant tool_output assistant", "user assistant tool assistant", set()),
        ("user wizard user assistant", None, set()),  # perhaps it answered
        ("user assistant wizard assistant", None, set()),  # perhaps it asked
        ("wizard assistant user", None, set()),
        ("user assistant image user assistant", None, set()),  # what was shown is missed
        ("user unknown assistant", None, set()),
        ("user narrator", None, set()),
    ],
)
def test_a_third_is_left_out_where_the_two_talk_without_it(
    names: str, left: str | None, repairs: set[str]
) -> None:
    turns = said(*((name, f"text {n}") for n, name in enumerate(names.split())))
    draft = read_row({"messages": turns}, "auto", Columns())
    if left is None:
        assert draft == "bad_role"
        return
    assert not isinstance(draft, str)
    assert [turn.role for turn in draft.messages] == left.split()
    assert {*draft.repairs} == repairs


@pytest.mark.parametrize(
    "times",
    [
        [4, 3, 2, 1], [1.75e9, 1.5e9, 9.0, 2.5],
        [f"2024-01-01T10:0{n}:00Z" for n in (4, 3, 2, 1)], [f"2024-01-0{n} 10:00" for n in (4, 3, 2, 1)],
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", ["timestamp", "timestamp_ms", "created_at", "index"])
def test_turns_that_stand_the_newest_first_are_turned_round(key: str, times: list[Any]) -> None:
    turns = said(("assistant", "Bye."), ("user", "Thanks."), ("assistant", "Mat."), ("user", "Key?"))
    dated = [{**turn, key: time} for turn, time in zip(turns, times, strict=True)]
    messages, repairs = learnt({"messages": dated})
    assert [turn.content for turn in messages] == ["Key?", "Mat.", "Thanks.", "Bye."]
    assert repairs == ("sorted_turns",)
    assert learnt({"messages": dated[::-1]}) == (messages, ())
    mixed = [dated[3], dated[0], dated[1], dated[2]]  # the file's order counts
    assert learnt({"messages": mixed})[0][0].content == "Key?"
    weighed = [{**turn, "weight": at and 1} for at, turn in enumerate(dated)]
    assert read({"messages": weighed}) == "weight_zero"
