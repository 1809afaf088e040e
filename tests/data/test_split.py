"""Splits that do not leak, do not move, and have about the size that was asked for."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping

import pytest
from compared import leakage_of, splits_of
from hypothesis import given, settings
from hypothesis import strategies as st

from talkwright.config import Columns
from talkwright.data.reading.chat.turns import Draft
from talkwright.data.reading.shapes.formats import read_row
from talkwright.data.similarity.features import question_of
from talkwright.data.similarity.split import SPLITS
from talkwright.types import Conversation, Message


def chat(question: str, answer: str = "Yes.", group: str | None = None) -> Conversation:
    return Conversation((Message("user", question), Message("assistant", answer)), group=group)


def split(
    rows: Mapping[int, Conversation], links: list[tuple[int, int]] | None = None, *,
    validation: float = 0.1, test: float = 0.1, seed: int = 0,
) -> dict[int, str]:  # fmt: skip
    return splits_of(rows, links or [], validation=validation, test=test, seed=seed)[0]


def questions(count: int) -> dict[int, Conversation]:
    return {at: chat(f"what is the meaning of word{at}") for at in range(count)}


@pytest.mark.parametrize("count", [3, 4, 7, 10, 20, 50, 300, 2000])
@pytest.mark.parametrize("shares", [(0.1, 0.1), (0.2, 0.05), (0.3, 0.3)])
def test_sizes_are_about_as_asked_and_no_split_is_empty(count: int, shares: tuple[float, float]) -> None:
    found = Counter(split(questions(count), validation=shares[0], test=shares[1]).values())
    for name, share in zip(SPLITS[1:], shares, strict=True):
        assert found[name] >= 1
        assert abs(found[name] - share * count) <= max(1, 0.5 * share * count)
    assert found["train"] >= 1


def test_a_share_of_zero_gives_no_rows() -> None:
    assert set(split(questions(50), validation=0).values()) == {"train", "test"}
    assert set(split(questions(50), test=0).values()) == {"train", "validation"}
    assert set(split(questions(50), validation=0, test=0).values()) == {"train"}


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_rows_are_all_for_training_and_a_note_says_so(count: int) -> None:
    where, notes = splits_of(questions(count))
    assert set(where.values()) == {"train"}
    [note] = notes
    assert f"All {count} rows are for training" in note
    assert "too few to hold out validation and test" in note


def test_adding_rows_or_turning_them_round_moves_no_row() -> None:
    rows = questions(400)
    before = split(rows)
    added = split({**rows, **{1000 + at: chat(f"how do I get to place{at}") for at in range(60)}})
    assert {at: added[at] for at in before} == before
    assert split(dict(reversed(rows.items()))) == before
    assert split(rows, seed=1) != before


def test_clusters_of_many_questions_move_no_more_than_single_rows() -> None:
    rows = {at: chat(f"how do I get to place{at}") for at in range(1500)}
    links = [(at, at + 1) for at in range(1500) if at % 5 != 4]
    before = split(rows, links)
    more = {**rows, **{5000 + at: chat(f"what is the use of word{at}") for at in range(40)}}
    after = split(more, links)
    assert {at: after[at] for at in rows} == before


def test_rows_of_templates_stay_where_they_are_when_others_are_added() -> None:
    draw = random.Random(3)
    words = [
        "garden",
        "window",
        "travel",
        "coffee",
        "winter",
        "doctor",
        "kitchen",
        "music",
        "paper",
        "castle",
    ]
    parts = ["the lamp", "the router", "the kettle", "the chair", "the bottle", "the speaker"]
    rows = {}
    for at in range(900):
        part, (one, two, three) = draw.choice(parts), draw.sample(words, 3)
        text = f"Hello, after my {one} trip {part} broke; I use it near the {two} and {three}. What now?"
        rows[at] = chat(text, f"For {part} near a {two}: please look at the {three} again.")
    before = split(rows)
    added = split({**rows, **{5000 + at: chat(f"what is the use of word{at}") for at in range(90)}})
    assert {at: added[at] for at in before} == before


def test_same_question_and_group_and_links_stay_together() -> None:
    rows = {}
    for at in range(200):
        rows[3 * at] = chat(f"what is the colour of thing{at}", "Red.")
        rows[3 * at + 1] = chat(f"What is the colour of thing{at} ?", "It is red, I think.")
        rows[3 * at + 2] = chat(f"who made word{at} and why", group=f"g{at // 2}")
    where = split(rows, links=[(0, 3), (3, 6)])
    for at in range(200):
        assert where[3 * at] == where[3 * at + 1]
        assert where[3 * at + 2] == where[3 * (at - at % 2) + 2]
    assert where[0] == where[3] == where[6]
    assert len(set(where.values())) == 3


def test_wordings_of_one_question_stay_together_and_are_measured() -> None:
    wordings = (
        "{}?",
        "Hello, {} please?",
        "could you tell me {}",
        "hi! {}? thanks",
        "I'd like to know {}",
    )
    asked = [f"how do I wash the {a} of the {b}" for a in ("cover", "hood", "strap", "lid", "belt")
             for b in ("tent", "pram", "boat", "bike", "chair", "lamp", "bed", "car")]  # fmt: skip
    rows = {n: chat(form.format(q), f"Soap {n}.") for n, (q, form) in
            enumerate((q, form) for q in asked for form in wordings)}  # fmt: skip
    where = split(rows)
    assert set(where.values()) == set(SPLITS)
    for first in range(0, len(rows), len(wordings)):
        assert len({where[first + n] for n in range(len(wordings))}) == 1
    parted = {at: "test" if at % len(wordings) == 1 else "train" for at in rows}
    assert leakage_of(rows, parted)["test"]["near_question"] == len(asked)


def test_a_huge_group_goes_to_training_whole() -> None:
    rows = {at: chat(f"what is word{at} for", group="big" if at < 60 else f"g{at}") for at in range(100)}
    for seed in range(30):
        where = split(rows, seed=seed)
        assert {where[at] for at in range(60)} == {"train"}
        assert set(where.values()) == set(SPLITS)


def test_users_who_all_say_the_same_do_not_become_one_cluster() -> None:
    rows = {}
    for user in range(60):
        rows[2 * user] = chat("please help me with something", group=f"u{user}")
        rows[2 * user + 1] = chat(f"where do I find word{user} here", group=f"u{user}")
    where, notes = splits_of(rows)
    assert set(where.values()) == set(SPLITS)
    assert all(where[2 * user] == where[2 * user + 1] for user in range(60))
    assert "links between users who asked the same were cut" in notes[0]
    leaked = leakage_of(rows, where)
    assert leaked["test"]["same_question"] + leaked["validation"]["same_question"] > 0


def test_the_question_is_what_comes_after_the_greeting() -> None:
    talk = (Message("user", "Hi!"), Message("assistant", "Hello"), Message("user", "Where is my key?"),
            Message("assistant", "There."))  # fmt: skip
    assert question_of(Conversation(talk)) == "where is my key"
    assert question_of(chat("Hi!")) == "hi"


def test_leakage_is_measured_not_assumed() -> None:
    long = "where do i find the small blue key of the door to the garden behind the old house in town"
    rows = {
        0: chat("How do I open it?", group="g"),
        1: chat("how do i open it"),
        2: chat(long),
        3: chat(long + " please"),
        4: chat("Where is door 4?"),
        5: chat("Where is door 5?", group="g"),
        6: chat(f"{long} and {long} with number 6"),
        7: chat(f"{long} and {long} with number 7"),  # another number, so another question
    }
    where = {0: "train", 1: "test", 2: "train", 3: "test", 4: "train", 5: "validation",
             6: "train", 7: "validation"}  # fmt: skip
    found = leakage_of(rows, where)
    worst = {name: about.pop("worst") for name, about in found.items()}
    nothing = {"same_answer": 0, "stock_answer": 0}  # "Yes." is too short to be one
    assert found == {
        "validation": {
            "rows": 2, "leaking": 1, "same_question": 0, "near_question": 0, "same_group": 1,
            "distinct": 2, "compared": 2, **nothing,
        },
        "test": {
            "rows": 2, "leaking": 2, "same_question": 1, "near_question": 1, "same_group": 0,
            "distinct": 1, "compared": 1, **nothing,
        },
    }  # fmt: skip
    assert [pair[:2] for pair in worst["test"]] == [[3, 2]]
    assert [pair[:2] for pair in worst["validation"]] == [[7, 6], [5, 4]]
    assert worst["test"][0][2] == pytest.approx(0.92, abs=0.005)


ROW = st.tuples(
    st.sampled_from("abcdefghij"), st.sampled_from("xyz"), st.none() | st.sampled_from("1234")
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, max_size=30), st.floats(0, 0.45), st.floats(0, 0.45), st.integers(0, 3))
def test_every_row_gets_one_split_and_groups_never_leak(
    rows: list[tuple[str, str, str | None]], validation: float, test: float, seed: int
) -> None:
    chats = {at: chat(f"what about {q} then", a, g) for at, (q, a, g) in enumerate(rows)}
    where = split(chats, validation=validation, test=test, seed=seed)
    assert list(where) == list(chats)
    assert set(where.values()) <= set(SPLITS)
    by_group = {(chats[at].group, split) for at, split in where.items() if chats[at].group}
    assert len(by_group) == len({group for group, _ in by_group})
    assert not chats or "train" in where.values()


@pytest.mark.parametrize(
    "name",
    ["hashed_ip", "visitor_id", "Contact ID", "ticket_id", "conversation_hash", "username", "patientId"],
)
def test_further_names_of_persons_and_threads_keep_their_rows_together(name: str) -> None:
    row = {"question": "Key?", "answer": "Mat.", name: "p1"}
    draft = read_row(row, "auto", Columns())
    assert isinstance(draft, Draft)
    assert draft.group == "p1"
    wider = read_row({**row, "conversation_id": "c1", "user_id": "u1"}, "auto", Columns())
    assert isinstance(wider, Draft)
    assert wider.group == "u1"
