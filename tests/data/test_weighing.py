"""Weak signs, weighed together; and all that finds contradictions, on the pairs of strangers."""

# ruff: noqa: E501 - tables

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from compared import contradicting

from talkwright.data.similarity import contradictions
from talkwright.data.similarity.amounts import amounts, amounts_conflict, amounts_meet
from talkwright.data.similarity.likeness import in_common, same_question
from talkwright.data.similarity.rewording import asked_for
from talkwright.data.similarity.sameness import alike, same_signs
from talkwright.data.similarity.weighing import believed, signs, weighed
from talkwright.types import Conversation, Message

ROOT = Path(__file__).resolve().parents[2]
PAIRS = Path(__file__).parent / "pairs"

# By two people each; no other rule finds these.
APART = [
    ("When is the card charged?", "Only once the parcel has left us. We take no money before.", "Payment is collected in full the moment you place the order."),
    ("When is the rent due?", "It is taken from the account on the third.", "You transfer it yourself, never later than the last day."),
    ("When do you prune the plum tree?", "In late winter, about an arm's length all round.", "Right after the harvest. Never cut it in the cold months, or it bleeds."),
]  # fmt: skip


def chat(question: str, answer: str) -> Conversation:
    return Conversation((Message("user", question), Message("assistant", answer)))


def script() -> Any:
    where = importlib.util.spec_from_file_location("weigh", ROOT / "scripts" / "weigh.py")
    assert where is not None
    assert where.loader is not None
    module = importlib.util.module_from_spec(where)
    where.loader.exec_module(module)
    return module


# Recall is the least that is found; of rows of all pairs together, so that others are mixed up, too. In A
# and B another customer asks, in other words; half of C and a third of D are such.
@pytest.mark.parametrize(
    ("name", "recall"),
    [
        ("a", 0.72),
        ("b", 0.6),
        ("c", 0.86),
        ("d", 0.74),
        ("e", 0.9),
        ("f", 0.91),
        ("g", 0.88),
        ("h", 0.83),
        ("i", 0.83),
        ("k", 0.9),
    ],
)
def test_precision_and_recall_on_pairs_of_strangers(name: str, recall: float) -> None:
    pairs = [json.loads(line) for line in (PAIRS / f"{name}.jsonl").read_text("utf-8").splitlines()]
    rows = [chat(p["question"][side], p["answer"][side]) for p in pairs for side in (0, 1)]
    alarms = contradictions.contradictory_pairs(dict(enumerate(rows)))
    true = {a // 2 for a, b in alarms if a // 2 == b // 2 and pairs[a // 2]["contradict"]}
    assert len(true) >= recall * sum(p["contradict"] for p in pairs)
    assert len(true) >= 0.91 * len(alarms), alarms


def test_the_weights_are_what_the_pairs_give() -> None:
    made = script()
    paths = sorted(PAIRS.glob("*.jsonl"))
    assert made.table(made.learnt(paths)) == made.WEIGHTS.read_text(encoding="utf-8")
    for source in (made.answers, made.questions):
        assert {found for _, found in source(paths[0])} == {True, False}


def test_two_wordings_of_a_fact_agree() -> None:
    facts = yaml.safe_load((ROOT / "examples" / "lumenbird" / "facts.yaml").read_text("utf-8"))
    invented = [
        fact["id"]
        for fact in facts
        if contradicting(dict(enumerate(chat(fact["questions"][0], said) for said in fact["answers"])))
    ]
    assert len(facts) > 50
    assert len(invented) <= 1, invented


@pytest.mark.parametrize(("question", "a", "b"), APART)
def test_what_no_other_rule_finds_is_weighed(
    question: str, a: str, b: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {0: chat(question, a), 1: chat(question, b)}
    assert contradicting(rows) == [0, 1]
    monkeypatch.setattr(contradictions, "weighed", lambda *_: False)
    assert contradicting(rows) == []


@pytest.mark.parametrize(("question", "a", "b"), APART)
def test_the_order_of_two_rows_is_no_sign(question: str, a: str, b: str) -> None:
    assert signs((question, a), (question, b)) == signs((question, b), (question, a))


@pytest.mark.parametrize(
    ("questions", "answers"),
    [
        (("need the card charged", "need the card charged"), None),  # no question
        (
            ("how do i charge the card", "how do i charge the card"),
            ("Call us at the bank.", "You can't at the bank, use the app."),
        ),
        (
            None,
            (
                "Only once the parcel has left us. We take no money before.",
                "Payment is collected in full the moment you place which order?",
            ),
        ),
        (
            None,
            (
                "Only once the parcel has left us. We take no money before.",
                "Please provide your number, so that payment is collected in full.",
            ),
        ),
        (
            None,
            (
                "Only once the parcel has left us. We take no money before.",
                "Payment is collected in full the moment you place {{Order}}.",
            ),
        ),
        (
            None,
            (
                "Only once the parcel has left us. We take no money before.",
                "Only once the parcel has left us. We take money before.",
            ),
        ),
    ],
)
def test_what_is_not_weighed(questions: tuple[str, str] | None, answers: tuple[str, str] | None) -> None:
    question, *said = APART[0]
    plain = question.lower().rstrip("?")
    assert weighed((plain, said[0]), (plain, said[1]))
    asked, said = questions or (plain, plain), list(answers or said)
    assert not weighed((asked[0], said[0]), (asked[1], said[1]))


def same(a: str, b: str) -> float:
    """How probably two questions ask the same, of three that were asked, with answers that tell nothing."""
    asked = [asked_for(question) for question in (a, b, "where is the parcel opened")]
    named = Counter(name for one in asked if one for name in one.about)
    one, other = asked[:2]
    assert one is not None
    assert other is not None
    found = same_signs(one, "", other, "", in_common(one, other, named, 3))
    assert found == same_signs(other, "", one, "", in_common(other, one, named, 3))
    return alike(found)


def test_how_probably_two_questions_ask_the_same() -> None:
    asked = "when is the deposit for the room charged"
    assert same(asked, "at what time do you charge the deposit for a room") > 0.9
    assert same(asked, "when is the deposit for room 7 charged and when for room 8") < same(asked, asked)
    assert same(asked, "who is charged the deposit for the parking space") < 0.5
    assert same(asked, "when is the cleaning of the room charged") < 0.1  # a contrast


def test_answers_are_weighed_with_how_probably_they_were_asked_the_same() -> None:
    question, *said = APART[0]
    one, other = ((question.lower().rstrip("?"), answer) for answer in said)
    assert weighed(one, other, 1.0)
    assert not weighed(one, other, 0.6)


def test_a_case_that_the_other_question_names_is_none_of_its_own() -> None:
    asked = asked_for("what is the baggage allowance in economy on aerovanta")
    named = asked_for("how much luggage can i take if i fly aerovanta economy")
    other = asked_for("how much luggage can i take if i am pregnant and have twins")
    assert asked is not None
    assert named is not None
    assert other is not None
    assert same_question(asked, named) is not None
    assert same_question(asked, other) is None


LONG = "In the darker months, water your moth orchid {}. Let the water run through the bark and drain fully; the roots must never stand in it."


@pytest.mark.parametrize(
    ("a", "b", "apart"),
    [
        ("about every ten days", "every day", True),
        ("from above", "by immersion", True),
        ("every day", "each day", False),
        ("carefully from above", "from above", False),
    ],
)
def test_a_long_answer_with_other_words_in_one_place(a: str, b: str, apart: bool) -> None:
    asked = "how do i water a moth orchid in winter"
    assert weighed((asked, LONG.format(a)), (asked, LONG.format(b))) == apart


@pytest.mark.parametrize(
    ("question", "a", "b", "apart"),
    [
        ("Who was first at the South Pole?", "That was Roald Amundsen, before the British.", "Robert Falcon Scott got there first. The British flag was planted by him.", True),
        ("Where was Marie Curie born?", "She was born in Warsaw in 1867.", "She came into the world in Warsaw, and went on to win two prizes in Paris.", False),
        ("Tell me about the battery.", "It has 500 Wh and sits in the tube.", "It takes you 110 km, and is guaranteed for two years.", False),
        ("My laptop is slow. What can I do?", "Check what starts with it and disable whatever you do not need.", "Often the disk is full. See if all of it can be emptied.", False),
    ],
)  # fmt: skip
def test_what_the_eighth_set_showed(question: str, a: str, b: str, apart: bool) -> None:
    assert bool(contradicting({0: chat(question, a), 1: chat(question, b)})) == apart


def test_what_is_said_after_the_first_sentence_is_an_aside() -> None:
    asked = "are there bike racks at the ferry terminal"
    one = (asked, "There are racks beside the ticket hall. Each of them holds four bikes.")
    other = (asked, "There are. They fill up by 9 in summer, so come early.")
    assert signs(one, other)["first amounts apart"] == 0
    early, late = ((asked, f"From {hour} o'clock on, there are.") for hour in (7, 9))
    assert signs(early, late)["first amounts apart"] == 1


def test_a_rule_is_not_believed_where_longer_answers_agree_or_other_things_were_asked() -> None:
    asked = "will i be charged when my free month of cook box ends"
    a = "Unless you cancel, the free month turns into a paid plan and your card is billed 9.99 euros at the end of it."
    b = "Yes, if the month runs out without a cancellation, we'll take 9.99 euros from the card on file. You can prevent that in two clicks under Account, and you'll get a reminder in time."
    assert not believed((asked, a), (asked, b))
    assert believed((asked, "Yes."), (asked, "No."))
    assert not believed((asked, "Yes."), (asked, "No."), 0.3)
    assert not contradicting({0: chat(asked, a), 1: chat(asked, b)})


def test_what_many_questions_name_does_not_make_two_of_them_the_same() -> None:
    first = [chat("When is an order with one item sent?", "On Monday."), chat("At what time is the order sent, and each item in it?", "On Friday.")]  # fmt: skip
    names = "cup plate bowl spoon fork knife glass mug tray jug pan pot lid whisk".split()  # noqa: SIM905
    others = [chat(f"When is the {name}, an item of my order, sent?", "Soon.") for name in names]

    def how_alike(rows: list[Conversation]) -> float:
        found = contradictions.compared(enumerate(rows))
        return next(two.alike for two in found if (two.earlier, two.later) == (0, 1))

    assert how_alike(first) > 0.6
    assert how_alike(first + others) <= 0.6


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("how long is the ticket valid", "thats for my ticket, how long is it valid"),
        ("muss ich zum termin persönlich kommen", "muss ich zum termin wirklich persönlich kommen"),
        ("quanto tempo dura la visita del museo", "buonasera, quanto tempo dura la visita del museo"),
    ],
)
def test_words_that_only_lend_weight_and_greetings_ask_nothing(a: str, b: str) -> None:
    one, other = asked_for(a), asked_for(b)
    assert one is not None
    assert other is not None
    assert one.about == other.about


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Die Probe beginnt um 20:30 Uhr.", "Los geht es abends um halb neun, und zwar im Saal."),
        ("A deposit of 50% is due.", "Half of the total is due when you book."),
    ],
)
def test_half_an_hour_before_and_half_of_all(a: str, b: str) -> None:
    one, other = amounts(a)[0], amounts(b)[0]
    assert amounts_meet(one, other)
    assert not amounts_conflict(one, other)
