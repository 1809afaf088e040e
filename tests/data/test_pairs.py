"""Preference pairs: the worse answer is kept beside the conversation that is learnt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from as_read import draft_of as read
from hypothesis import given, settings
from hypothesis import strategies as st

from talkwright.config import ArenaSection, Columns, DataSection
from talkwright.data import export_dataset, prepare, read_dataset
from talkwright.data.cleaning.clean import clean
from talkwright.data.cleaning.rejected import clean_rejected
from talkwright.data.reading.chat.turns import Draft
from talkwright.data.reading.shapes.formats import read_row, recognises_columns
from talkwright.data.reading.shapes.parting import part
from talkwright.types import Conversation, Message

ASK, YES, NO = (
    {"role": "user", "content": "Key?"},
    {"role": "assistant", "content": "Mat."},
    {"role": "assistant", "content": "No."},
)
SYSTEM = {"role": "system", "content": "Be kind."}
ASKED = (Message("user", "Key?"), Message("assistant", "Mat."))
WORSE = (Message("assistant", "No."),)
SECTION = DataSection.model_validate({"sources": [{"path": "x"}]})


def chat(*said: str) -> tuple[Message, ...]:
    """Turns by letter: "u hello", "a yes"."""
    roles: Any = {"u": "user", "a": "assistant", "s": "system", "t": "tool"}
    return tuple(Message(roles[text[0]], text[2:]) for text in said)


# --- where two sides part ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "other", "rest"),
    [
        (("u q", "a 1"), ("u q", "a 2"), 1),
        (("s s", "u q", "a 1", "u r", "a 2"), ("s s", "u q", "a 1", "u r", "a 3"), 1),
        (("u q", "a 1", "u r", "a 2"), ("u q", "a 3", "u r", "a 4"), 3),
        (("u q", "a c", "t r", "a 1"), ("u q", "a c", "t r", "a 2"), 3),  # parts after the user turn
        (("u q", "a 1", "a 2"), ("u q", "a 3"), 1),
        (("u q", "a 1"), ("u q", "a 1"), None),
        (("u q", "a 1"), ("u p", "a 2"), None),
        (("u q", "a 1"), ("u q", "a "), None),
        (("u q", "a 1"), ("u q",), None),
        (("u q", "a 1"), ("u q", "a 2", "u r", "a 3"), None),
        (("u q", "a 1"), ("u q", "a 2", "u r"), None),
        ((), ("u q", "a 1"), None),
    ],
)
def test_two_sides_part_after_the_last_shared_user_turn(
    chosen: tuple[str, ...], other: tuple[str, ...], rest: int | None
) -> None:
    found = part(chat(*chosen), chat(*other))
    assert found == (None if rest is None else chat(*other)[-rest:])
    if found:
        conversation = Conversation(chat(*chosen), rejected=found)
        assert conversation.messages[: conversation.shared] == chat(*other)[: -len(found)]
        assert conversation.messages[conversation.shared - 1].role == "user"


TURNS = st.lists(st.sampled_from(["u q", "u r", "a 1", "a 2", "a ", "s s", "t r"]), max_size=7)


@settings(max_examples=300, deadline=None)
@given(TURNS, TURNS, TURNS)
def test_whatever_is_kept_as_rejected_fits_its_conversation(
    before: list[str], one: list[str], two: list[str]
) -> None:
    chosen, other = chat(*before, *one), chat(*before, *two)
    found = part(chosen, other)
    if found is None:
        return
    conversation = Conversation(chosen, rejected=found)
    shared = conversation.shared
    assert (*chosen[:shared], *found) == other
    assert found != chosen[shared:]
    assert found[-1].role == chosen[-1].role == "assistant"


# --- shapes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Key?", "chosen": "Mat.", "rejected": "No."},
        {"prompt": [ASK], "chosen": [YES], "rejected": [NO]},
        {"chosen": [ASK, YES], "rejected": [ASK, NO]},
        {"prompt": "Key?", "chosen": [ASK, YES], "rejected": [ASK, NO]},
        {"chosen_messages": [ASK, YES], "rejected_messages": [ASK, NO]},
        {"messages": [ASK], "chosen": YES, "rejected": NO},
        {"chosen": "\n\nHuman: Key?\n\nAssistant: Mat.",
         "rejected": "\n\nHuman: Key?\n\nAssistant: No."},
        {"prompt": "\n\nHuman: Key?\n\nAssistant:", "chosen": "Mat.", "rejected": "No."},
        # with scores, as UltraFeedback has them
        {"prompt": "Key?", "chosen": [ASK, YES], "rejected": [ASK, NO], "score_chosen": 8.0,
         "score_rejected": 3},
        # sides that a verdict turns round
        {"prompt": "Key?", "chosen": "No.", "rejected": "Mat.", "score_chosen": 1, "score_rejected": 2},
        {"prompt": "Key?", "chosen": "No.", "rejected": "Mat.", "winner": "rejected"},
        {"prompt": "Key?", "response_a": "No.", "response_b": "Mat.", "winner": "model_b"},
        {"prompt": "Key?", "response_a": "Mat.", "response_b": "No.", "preferred": "A"},
        {"prompt": "Key?", "response_0": "No.", "response_1": "Mat.", "better_response_id": 1},
        {"prompt": "Key?", "response_1": "Mat.", "response_2": "No.", "preference_strength": -2},
        {"instruction": "Key?", "output_1": "No.", "output_2": "Mat.", "preference": "Output 2"},
        {"question": "Key?", "answer_a": "No.", "answer_b": "Mat.", "score_a": 0.1, "score_b": "0.4"},
        {"prompt": "Key?", "response_1": [NO], "response_2": [YES], "label": "response_2"},
        # ranked and scored lists, as Nectar and UltraFeedback have them
        {"prompt": "\n\nHuman: Key?\n\nAssistant: ", "answers": [
            {"answer": "So?", "rank": 2.0}, {"answer": "Mat.", "rank": 1},
            {"answer": "No.", "rank": 7}]},
        {"instruction": "Key?", "completions": [
            {"response": "No.", "overall_score": 1}, {"response": "Mat.", "overall_score": 8.5}]},
        {"prompt": "Key?", "responses": ["So?", "Mat.", "No."], "scores": [3, 4.5, "0"]},
        {"prompt": "Key?", "responses": ["No.", "Mat."], "ranks": [2, 1]},
    ],
)  # fmt: skip
def test_every_usual_shape_gives_the_same_pair(row: dict[str, Any]) -> None:
    draft = read(row)
    assert (draft.messages, draft.rejected, draft.format) == (ASKED, WORSE, "preference")
    assert set(draft.marks) <= {"swapped_pair"}
    assert ("swapped_pair" in draft.marks) == (row.get("chosen") == "No.")
    assert recognises_columns(list(row), Columns()) or "completions" in row


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Key?", "chosen": "Mat.", "rejected": "Mat."},
        {
            "prompt": "Key?",
            "chosen": "Mat.",
            "rejected": "No.",
            "score_chosen": 3,
            "score_rejected": 3.0,
        },
    ],
)
def test_what_is_called_chosen_is_learnt_where_it_is_no_better(row: dict[str, Any]) -> None:
    draft = read(row)
    assert (draft.messages, draft.rejected, draft.marks) == (ASKED, (), ("tie",))


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Key?", "chosen": "Mat.", "rejected": "No.", "label": "tie"},
        {"prompt": "Key?", "response_a": "Mat.", "response_b": "No.", "winner": "Tie"},
        {"prompt": "Key?", "response_a": "Mat.", "response_b": "No.", "score_a": 1, "score_b": 1},
        {"prompt": "Key?", "answers": [{"answer": "Mat.", "rank": 1}, {"answer": "No.", "rank": 1}]},
        {"prompt": "Key?", "response1": "Mat.", "response2": "No.", "overall_preference": 0},
    ],
)
def test_of_a_tie_neither_side_is_learnt_unless_asked_and_it_is_no_pair(row: dict[str, Any]) -> None:
    assert read_row(row, "auto", Columns()) == "arena_tie"
    for draft in (
        read_row(row, "auto", Columns(), ties="first"),
        read_row(row, "auto", Columns(), ArenaSection(ties="first")),  # as older recipes say it
    ):
        assert isinstance(draft, Draft)
        assert (draft.messages, draft.rejected, draft.marks) == (ASKED, (), ("tie",))


def test_answers_without_a_verdict_are_dropped_and_both_bad_is_bad() -> None:
    row = {"prompt": "Key?", "response_a": "Mat.", "response_b": "No.", "winner": None}
    assert read_row(row, "auto", Columns()) == "arena_no_winner"
    for bad in ("tie (bothbad)", "both bad", "neither", "Neither"):
        assert read_row({**row, "winner": bad}, "auto", Columns(), ties="first") == "labelled_bad"
    chosen = {"prompt": "Key?", "chosen": "Mat.", "rejected": "No.", "label": "both bad"}
    assert read_row(chosen, "auto", Columns(), ties="first") == "labelled_bad"


def test_prompts_that_differ_keep_what_is_shared_or_make_no_pair() -> None:
    more = [{"role": "user", "content": "Why?"}, YES]
    draft = read({"chosen": [ASK, YES, *more], "rejected": [ASK, NO, *more]})
    assert draft.marks == ("pair_prompts_differ",)
    assert [turn.content for turn in draft.rejected] == ["No.", "Why?", "Mat."]
    other = read({"chosen": [ASK, YES], "rejected": [{"role": "user", "content": "Else?"}, NO]})
    assert (other.messages, other.rejected, other.marks) == (ASKED, (), ("no_pair_prompts_differ",))
    empty = read({"chosen": [ASK, YES], "rejected": [ASK, {**NO, "content": " "}]})
    assert (empty.rejected, empty.marks) == ((), ("no_pair_empty",))


def test_arena_battles_are_pairs_where_both_sides_were_asked_the_same() -> None:
    more = [{"role": "user", "content": "and?"}, YES]
    row = {"model_a": "x", "model_b": "y", "winner": "model_b", "conversation_a": [ASK, NO, *more],
           "conversation_b": [ASK, YES, *more]}  # fmt: skip
    draft = read(row)
    assert [turn.content for turn in draft.rejected] == ["No.", "and?", "Mat."]
    swapped = read({**row, "winner": "model_a"})
    assert [turn.content for turn in swapped.rejected] == ["Mat.", "and?", "Mat."]
    assert read({**row, "winner": "tie"}, ties="first").rejected == ()
    for lost, mark in (
        ([ASK, NO], "no_pair_prompts_differ"),
        ([ASK, {**NO, "content": ""}, *more[:1], {**NO, "content": ""}], "no_pair_empty"),
        ([ASK, YES, *more], "tie"),
        ("[{'role'", "no_pair_unreadable"),
    ):
        found = read({**row, "conversation_a": lost})
        assert (found.rejected, found.marks) == ((), (mark,))
        assert found.messages == draft.messages
    with_system = read({**row, "system": "Be kind."})
    assert with_system.rejected == draft.rejected
    assert with_system.messages[0].role == "system"


def test_the_worst_answer_beside_the_last_of_a_tree() -> None:
    def node(text: str, *replies: Any, role: str = "assistant", **more: Any) -> dict[str, Any]:
        return {"text": text, "role": role, "replies": list(replies), **more}

    def tree(*answers: Any) -> dict[str, Any]:
        return {"message_tree_id": "t", "prompt": node("Key?", *answers, role="prompter")}

    good, bad = node("Mat.", rank=0), node("No.", rank=2)
    assert read(tree(node("So.", rank=1), bad, good)).rejected == WORSE
    assert read(tree(good)).rejected == ()
    assert read(tree(good, node("No."))).rejected == ()  # not ranked
    assert read(tree(good, node("No.", rank=0))).rejected == ()
    assert read(tree(good, {**bad, "deleted": True})).rejected == ()
    last = node("more", node("fine", rank=1), node("poor", rank=5), role="prompter")
    deep = read(tree({**good, "replies": [last]}, bad))
    assert [turn.content for turn in deep.messages] == ["Key?", "Mat.", "more", "fine"]
    assert [turn.content for turn in deep.rejected] == ["poor"]


# --- cleaning ------------------------------------------------------------------------------------


def cleaned(messages: tuple[Message, ...], rejected: tuple[Message, ...]) -> Any:
    done = clean(messages, SECTION)
    assert not isinstance(done, str)
    return clean_rejected(messages, rejected, done[0], SECTION)


def test_rejected_turns_go_through_the_same_steps() -> None:
    raw = (Message("assistant", "  <p>No</p>\r\n&amp; thatâ€™s it "), Message("assistant", "Bye."))
    rejected, marks = cleaned((Message("user", " Key? "), ASKED[1]), raw)
    assert rejected == (Message("assistant", "No\n\n& that’s it\n\nBye."),)
    assert marks == ()
    thinking, _ = cleaned(ASKED, (Message("assistant", "<think>hm</think>No."),))
    assert thinking == (Message("assistant", "No.", "hm"),)


@pytest.mark.parametrize("lost", ["", " \n", "<p></p>", "<b>Mat.</b>", " Mat. "])
def test_a_pair_whose_sides_are_empty_or_equal_after_cleaning_is_lost(lost: str) -> None:
    assert cleaned(ASKED, (Message("assistant", lost),)) == ((), ("pair_lost",))
    assert cleaned(ASKED, ()) == ((), ())


def test_a_pair_is_lost_when_the_chosen_answer_is(tmp_path: Path) -> None:
    long = (*ASKED, Message("user", "Why?"), Message("assistant", "<p></p>"))
    assert cleaned(long, WORSE) == ((), ("pair_lost",))


def test_pairs_are_prepared_masked_marked_and_exported(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"Where is word{n} from?", "chosen": f"From place{n * 7}.",
         "rejected": f"Ask ann{n}@example.org, not me."}
        for n in range(20)
    ]  # fmt: skip
    rows.append({"prompt": "Is it lost now?", "chosen": "<b>Gone.</b>", "rejected": "Gone."})
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    section = DataSection.model_validate(
        {"sources": [{"path": str(tmp_path / "in.jsonl")}], "validation": 0, "test": 0}
    )
    counts = prepare(section, seed=0, out=tmp_path / "out")
    assert (counts.kept, counts.marked) == (21, {"pair_lost": 1})
    assert counts.repaired["masked_email"] == 20
    back = read_dataset(tmp_path / "out")
    assert back["train"][0].rejected == (Message("assistant", "Ask [email], not me."),)
    [(path, written, left)] = export_dataset(back, "dpo", tmp_path / "pairs.jsonl")
    assert (written, left) == (20, 1)
    assert json.loads(path.read_text().splitlines()[0]) == {
        "prompt": [{"role": "user", "content": "Where is word0 from?"}],
        "chosen": [{"role": "assistant", "content": "From place0."}],
        "rejected": [{"role": "assistant", "content": "Ask [email], not me."}],
    }


@pytest.mark.parametrize(
    ("path", "kept", "pairs"),
    [
        ("arena_50/arena_battles.jsonl", 28, 28),
        ("chat_oasst/en_100_tree.jsonl", 100, 93),
        ("formats/dpo_en_demo.json", 300, 300),
        ("formats/v1_dpo_demo.jsonl", 10, 10),
    ],
)
def test_pairs_of_the_real_files_survive_preparing(
    shared: Path, tmp_path: Path, path: str, kept: int, pairs: int
) -> None:
    section = DataSection.model_validate(
        {"sources": [{"path": str(shared / "data" / path)}], "duplicates": "keep"}
    )
    counts = prepare(section, seed=0, out=tmp_path / "out")
    rows = [c for split in read_dataset(tmp_path / "out").values() for c in split]
    assert (counts.kept, sum(bool(c.rejected) for c in rows)) == (kept, pairs)
    for row in rows:
        assert not row.rejected or row.messages[row.shared - 1].role == "user"


BAD = [False, 0, 0.0, "0", "0.0", "False", " false", "bad", "Bad", "rejected", "undesirable"]
GOOD = [True, 1, 1.0, "1", "true", "good", "chosen", "desirable"]


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"prompt": "Key?", "completion": "Mat."}, "desirable"),
        ({"id": 3, "prompt": "Key?", "response": "Mat.", "thread_id": "t"}, "is_desirable"),
        ({"instruction": "Key?", "output": "Mat.", "topic": "keys"}, "kto_tag"),
        ({"messages": [ASK, YES], "source": "web"}, "kto_tag"),
    ],
)
def test_every_way_to_label_answers_as_kto_does(row: Any, name: str) -> None:
    for label in BAD:
        assert read_row({**row, name: label}, "auto", Columns()) == "labelled_bad", label
    for label in GOOD:
        assert read({**row, name: label}).messages == ASKED, label


@pytest.mark.parametrize(
    ("row", "labels"),
    [
        ({"question": "Key?", "answer": "Mat."}, [0, "0", "bad", 3, None]),
        ({"prompt": "Key?", "completion": "Mat.", "intent": "keys"}, [0, "0", "bad", "keys", []]),
        ({"messages": [ASK, YES]}, [0, "0", "bad", 2]),
        (
            {"prompt": "Key?", "completion": "Mat."},
            [0, 0.0, "0", "bad", 2, "5", "neutral", None, "", {}],
        ),
    ],
)
def test_a_class_is_no_verdict(row: Any, labels: list[Any]) -> None:
    for label in labels:
        assert read({**row, "label": label}).messages == ASKED, label


def test_thumbs_are_a_verdict_where_they_are_no_count() -> None:
    row = {"prompt": "Key?", "completion": "Mat."}
    assert read_row({**row, "thumbs_up": False}, "auto", Columns()) == "labelled_bad"
    for thumbs in (True, 0, 3, None):
        assert read({**row, "thumbs_up": thumbs}).messages == ASKED


def test_a_label_of_a_pair_says_which_side_won() -> None:
    row = {"prompt": "Key?", "completion": "x", "chosen": "No.", "rejected": "Mat.", "label": "rejected"}
    assert read(row).messages == ASKED
    assert read(row).marks == ("swapped_pair", "unused_completion")


def test_a_pair_whose_status_or_ratings_say_tie_is_none() -> None:
    row = {"input": "Key?", "chosen": "Mat.", "rejected": "No.", "chosen_score": 8.0}
    tie = {**row, "rating": [8.0, 8.0], "status": "tie"}  # distilabel's
    assert read_row(tie, "auto", Columns()) == "arena_tie"
    assert read_row({**row, "status": "tie"}, "auto", Columns()) == "arena_tie"
    learnt = read_row(tie, "auto", Columns(), ties="first")
    assert isinstance(learnt, Draft)
    assert (learnt.marks, learnt.rejected) == (("tie",), ())
    equal = read({**row, "ratings": "[8, 8.0]"})
    assert (equal.messages, equal.marks, equal.rejected) == (ASKED, ("tie",), ())
    for beside in ({"rating": [8, 9], "status": "swapped"}, {"rating": [8]}, {"status": "unchanged"}):
        assert read({**row, **beside}).rejected, beside
