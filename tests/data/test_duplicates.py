"""Which rows count as the same, and which contradict each other."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from compared import contradicting, duplicates_of

from talkwright.data.similarity.claims import contradicts
from talkwright.data.similarity.duplicates import find_duplicates
from talkwright.data.similarity.features import banding, features_of
from talkwright.data.similarity.pairs import proposed
from talkwright.data.similarity.similar import jaccard, shingles, signs
from talkwright.types import Conversation, Message

LONG = (
    "Open the settings, choose the account page, press the button for your profile, type the new name "
    "of the workshop into the field at the top, and confirm with the link that we send to you at once."
)


def chat(question: str, answer: str, system: str = "", **more: str) -> Conversation:
    head = (Message("system", system),) if system else ()
    return Conversation((*head, Message("user", question), Message("assistant", answer)), **more)


def dropped(*rows: Conversation, how: str = "near", threshold: float = 0.85) -> dict[int, str]:
    found = duplicates_of(rows, how, threshold)
    return {at: reason for at, (reason, _) in found.dropped.items()}


def test_the_first_of_equal_rows_is_kept_whatever_case_and_spaces() -> None:
    rows = [chat("Where?", "Here."), chat(" where? ", "HERE."), chat("Where?", "There.")]
    assert dropped(*rows) == {1: "duplicate"}
    assert dropped(*rows, how="exact") == {1: "duplicate"}
    assert dropped(*rows, how="keep") == {}
    assert duplicates_of(rows, "keep").links == [(0, 1)]


def test_thinking_and_system_prompt_make_a_difference() -> None:
    thought = Conversation((Message("user", "Where?"), Message("assistant", "Here.", "hm")))
    assert dropped(chat("Where?", "Here."), thought, how="exact") == {}
    polite = chat("Where is it?", LONG, system="Be polite.")
    assert dropped(polite, chat("Where is it?", LONG)) == {}
    assert dropped(polite, chat("Where is it?", LONG, system="Be brief.")) == {}
    assert dropped(polite, chat("Where is it", LONG, system="Be polite.")) == {1: "near_duplicate"}


def test_near_duplicates_need_both_sides_alike() -> None:
    first = chat(f"Please help me: {LONG}", LONG)
    assert dropped(first, chat(f"Please, help me! {LONG}", LONG + " Bye.")) == {1: "near_duplicate"}
    assert dropped(first, chat(f"Please, help me! {LONG}", LONG + " Bye."), threshold=0.999) == {}
    assert dropped(first, chat(f"Please, help me! {LONG}", LONG), how="exact") == {}
    assert dropped(first, chat("How do I rename my workshop?", LONG)) == {}
    assert dropped(first, chat(f"Please help me: {LONG}", "Ask somebody else, please.")) == {}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I open my account?", "How do I close my account?"),
        ("hi", "hi there"),
        ("hi", "hey"),
        ("Cancel order 4711", "Cancel order 4712"),
        ("我怎么开户？", "我怎么销户？"),
    ],
)
def test_short_questions_that_differ_in_a_word_are_not_merged(one: str, other: str) -> None:
    assert dropped(chat(one, LONG), chat(other, LONG)) == {}


def test_short_texts_that_differ_in_punctuation_are_merged() -> None:
    assert dropped(
        chat("How do I open it?", "Use the key!"), chat("how do i open it", "Use the key.")
    ) == {1: "near_duplicate"}
    assert dropped(chat("我怎么开户？", "请打开设置页面。"), chat("我怎么开户", "请打开设置页面！")) == {
        1: "near_duplicate"
    }


def test_numbers_and_negations_that_differ_are_never_merged() -> None:
    assert (
        dropped(chat("Why?", f"{LONG} It takes 3 days."), chat("Why?", f"{LONG} It takes 5 days.")) == {}
    )
    assert dropped(chat("Why?", f"{LONG} It is safe."), chat("Why?", f"{LONG} It is not safe.")) == {}


def test_a_dropped_row_points_at_a_row_that_is_kept() -> None:
    # Each text is near the next, but the first is far from the last.
    words = [f"{a}{b}" for a in "klmnopqr" for b in "aeiouyäö"]  # no digits: those must be equal
    rows = [chat("Why?", " ".join(words[i : i + 50])) for i in range(8)]
    found = duplicates_of(rows)
    assert found.dropped
    assert len(found.dropped) < 7
    for _, kept in found.dropped.values():
        assert kept not in found.dropped


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.85, 0.95, 1.0])
def test_nearly_every_pair_at_the_threshold_is_found(threshold: float) -> None:
    bands, rows = banding(threshold, 2)
    assert bands * rows <= 128
    draw = random.Random(0)
    found = asked = 0
    for _ in range(60):
        words = ["".join(draw.choices("abcdefghij", k=6)) for _ in range(60)]
        other = list(words)
        cut = 0
        while jaccard(shingles(" ".join(words)), shingles(" ".join(other))) > threshold:
            cut += 1
            other = words[: 60 - cut]
        other = words[: 60 - cut + 1] if cut else words
        texts = [" ".join(words), " ".join(other)]
        asked += 1
        found += dropped(chat("Why?", texts[0]), chat("Why?", texts[1]), threshold=threshold) != {}
    assert found >= 0.95 * asked


def test_in_a_large_bucket_the_first_and_the_nearest_are_proposed_and_other_blocks_never() -> None:
    bands = np.zeros((100, 1), np.uint32)
    rows, block = np.arange(100), np.ones(100, np.uint64)
    block[3] = 2
    pairs = {tuple(pair) for batch in proposed(bands, rows, block) for pair in batch.tolist()}
    assert {a for a, b in pairs if b == 99} == {*range(32), *range(67, 99)} - {3}
    assert not any(3 in pair for pair in pairs)
    assert {a for a, b in pairs if b == 2} == {0, 1}


def test_many_rows_of_one_template_stay_fast() -> None:
    draw = random.Random(1)
    names = ["".join(draw.choices("abcdefghij", k=7)) for _ in range(1500)]
    rows = [chat(f"What does the {name} cost?", f"The {name} is on page one. {LONG}") for name in names]
    started = time.process_time()
    assert len(dropped(*rows)) == 1500 - len(set(names))
    assert time.process_time() - started < 20


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("The deposit is 40 euro.", "You pay a deposit of 60 euro."),
        ("It is open until Friday.", "It is open until Saturday."),
        ("Yes, you can.", "No, you cannot."),
        ("Paris", "London"),
        ("Yes. " + LONG, "No. " + LONG),
    ],
)
def test_answers_that_cannot_both_be_right_contradict(a: str, b: str) -> None:
    assert contradicts(a, b)
    assert contradicts(b, a)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("The deposit is 40 euro.", "You pay 40 euro as a deposit."),
        ("The deposit is 40 euro.", "The deposit is 40 euro and you get it back after 14 days."),
        ("It is under the mat.", "Under the mat!"),
        ("Sure! 1. Open it. 2. Close it.", "Sure!\n1. Open it.\n2. Close it."),
        (LONG, LONG.replace("workshop", "studio") + " It costs 4 euro a month."),
        ("", ""),
    ],
)
def test_answers_that_can_both_be_right_do_not(a: str, b: str) -> None:
    assert not contradicts(a, b)


def test_contradictions_are_found_per_question_and_system_prompt() -> None:
    rows = [
        chat("What is the deposit?", "It is 40 euro."),
        chat("what is the deposit", "It is 60 euro."),
        chat("What is the deposit?", "It is 90 euro.", system="You sell boats."),
        chat("What is the price?", "It is 10 euro."),
        chat("What is the deposit ?", "The deposit is 40 euro."),
    ]
    assert contradicting(dict(enumerate(rows))) == [0, 1, 4]


def test_one_question_with_very_many_answers_stays_fast() -> None:
    rows = {at: chat("Tell me a joke", f"{LONG} {at}") for at in range(3000)}
    started = time.process_time()
    contradicting(rows)
    assert time.process_time() - started < 10


def test_two_answers_of_the_same_words_over_and_over_stay_fast() -> None:
    rows = {0: chat("Which words does it have?", "ship lamp " * 8000),
            1: chat("Which words does it have?", "ship " + "lamp ship " * 8000)}  # fmt: skip
    started = time.process_time()
    contradicting(rows)
    assert time.process_time() - started < 5


def test_what_is_near_is_not_looked_for_where_nothing_asks() -> None:
    rows = [chat(f"Where is {LONG} {n % 5}?", f"It is {LONG}") for n in range(20)]
    full, plain = features_of(rows, 0.85, 3), features_of(rows, None, 3)
    assert full.bands.shape[1] > 0
    assert plain.bands.shape == (20, 0)
    assert not len(plain.user_shingles) + len(plain.answer_shingles) + len(plain.question_shingles)
    for name in ("exact", "group", "question", "asked", "letters"):
        assert (getattr(full, name) == getattr(plain, name)).all()
    assert find_duplicates(plain, "exact", 0.85).dropped == find_duplicates(full, "exact", 0.85).dropped


@pytest.mark.parametrize(("a", "b"), [("C", "C++"), ("C#", "C"), ("a && b", "a || b"), ("$x", "@x")])
def test_questions_that_differ_in_a_sign_are_two(a: str, b: str) -> None:
    def ask(what: str) -> Conversation:
        return chat(f"In which year of the last century was {what} made, please?", f"It was {LONG}")

    assert duplicates_of([ask(a), ask(b)]).dropped == {}
    assert duplicates_of([ask(a), ask(a)]).dropped
    assert signs(a) != signs(b)


@pytest.mark.parametrize(
    "asked",
    [
        "Hi, how do I clean my kettle? Thanks!", "Hello there, how do I clean my kettle please?",
        "Good morning, how do I clean my kettle? Thank you very much!",
        "How do I clean my kettle? Cheers",
        "HEY! Please: how do I clean my kettle? Many thanks in advance.",
    ],
)  # fmt: skip
def test_courtesy_at_the_edges_of_a_question_makes_no_other_row(asked: str) -> None:
    answer = "To clean the kettle, open the blue box and follow the guide on page 4."
    row = chat("How do I clean my kettle?", answer)
    assert dropped(row, chat(asked, answer)) == {1: "near_duplicate"}
    assert dropped(row, chat(asked, "Ask the finance team, they know about everything.")) == {}


def test_courtesy_that_both_have_still_makes_them_alike() -> None:
    answers = "Of course, I can help with that. How long would you like your password to be?"
    one = chat(
        "Hi, I need a new password for my shop. Can you generate one for me today? Thanks!", answers
    )
    other = chat(
        "Hi, I need a new password for my shop. Can you generate it for me today? Thanks!", answers
    )
    assert dropped(one, other, threshold=0.75) == {1: "near_duplicate"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do you say hello?", "How do you say thanks?"),
        ("What does please mean?", "What does hi mean?"),
        ("Hi, how do I clean my kettle?", "Hi, how do I clean my tent?"), ("Hi", "Thanks"),
        ("Is it a letter of thanks?", "Is it a letter?"),
    ],
)  # fmt: skip
def test_courtesy_that_is_asked_about_does(one: str, other: str) -> None:
    answer = "You find it in the third chapter of the book, right behind the first picture."
    assert dropped(chat(one, answer), chat(other, answer)) == {}
