"""What counts as a fact, and what counts as the same."""

from __future__ import annotations

import random

import pytest

from talkwright.config import DataSection
from talkwright.data.augment.asking import Rejected
from talkwright.data.augment.checks import Judge, Near
from talkwright.data.augment.facts import hard_facts, invented, lost, names, negation_changed, told
from talkwright.data.similarity.similar import jaccard, numbers, shingles
from talkwright.types import Conversation, Message

KEPT = [
    ("It takes 14 days.", "Two weeks is what it takes."),
    ("Costs 1,200 euros.", "You pay 1200 euros."),
    ("Write to help@shop.example, please.", "Our address: help@shop.example"),
    ("See https://shop.example/a?b=1.", "All of it is at https://shop.example/a?b=1!"),
    ("Dear {{Customer Name}}, order [order-id] is on its way.", "[order-id] left, {{Customer Name}}."),
    ("Use code SAVE-20X today.", "The code for today is save-20x."),
    ("Go to My Orders, then Returns.", "You find Returns under My Orders."),
    ("We ship to Norway and Peru.", "Peru and Norway are where we ship."),
    ("WHERE IS MY ORDER", "where has my order gone"),
    ("1. Open it.\n2. Close it.", "Open it, and then close it."),
    ("Öffne das Menü und wähle das Konto, das ist leicht.", "Das Konto wählst du in den Optionen."),
]  # fmt: skip
LOST = [
    ("It takes 14 days.", "It takes 15 days.", "14 days"),
    ("It takes 14 days.", "It takes a while.", "14 days"),
    ("Dial 21 or 1.", "Dial 21.", "1"),
    ("Write to help@shop.example.", "Write to us.", "help@shop.example"),
    ("See https://shop.example/a.", "See https://shop.example/b.", "https://shop.example/a"),
    ("Dear {{Customer Name}}!", "Dear customer!", "{{customer name}}"),
    ("Your [email] is known.", "Your email is known.", "[email]"),
    ("Use code SAVE-20X today.", "Use the code SAVE-20 today.", "save-20x"),
    ("We ship to Norway.", "We ship to the north.", "norway"),
    ("Please ask the NHS about it.", "Please ask the hospital about it.", "nhs"),
]


@pytest.mark.parametrize(("old", "new"), KEPT)
def test_facts_that_are_kept(old: str, new: str) -> None:
    assert lost(old, new) == []


@pytest.mark.parametrize(("old", "new", "gone"), LOST)
def test_facts_that_are_lost(old: str, new: str, gone: str) -> None:
    assert gone in told(lost(old, new))


def test_what_is_invented() -> None:
    assert invented("Within 30 days, see www.shop.example/x.", "Within 30 days.") == [
        ("link", "www.shop.example/x")
    ]
    assert invented("It is 5 euros or [phone].", "It is 5 euros.", "call [phone]") == []
    assert invented("Model QX-9 has it.", "Model QX-8 has it.") == [("code", "qx-9")]


def test_greetings_and_i_are_no_names() -> None:
    assert names("Well, I think, OK, that Lumen is fine, Thanks") == {("name", "lumen")}


def test_units_are_no_codes() -> None:
    assert {kind for kind, _ in hard_facts("It is 5kg, 10cm wide, at 9am on the 3rd.")} == {"number"}


def test_negations() -> None:
    assert negation_changed("Can I?", "Can I not?")
    assert not negation_changed("It doesn't work", "It is not working")


def test_nearness_is_exact() -> None:
    """Against comparing with every text there is."""
    draw = random.Random(1)
    word = ["alpha", "beta", "gamma", "delta", "eps", "zeta", "eta", "12", "13", "not"]
    texts = [
        " ".join(draw.choices(word[: draw.randint(3, 10)], k=draw.randint(1, 9))) for _ in range(400)
    ]
    for threshold in (0.3, 0.6, 0.85, 1.0):
        near = Near(threshold)
        hits = 0
        for at, text in enumerate(texts):
            alike = any(
                numbers(text) == numbers(other) and jaccard(shingles(text), shingles(other)) >= threshold
                for other in texts[:at]
            )
            assert near.find(text) == alike, text
            hits += alike
            near.add(text)
        assert 20 < hits < 399


@pytest.mark.parametrize(
    ("asked", "became", "fate"),
    [
        ("How do I reset it after a fall?", "and", "garbage"),
        ("How do I reset it after a fall?", "It fell; how to reset?", None),
        ("Hello there", "Hi", None),
    ],
)
def test_a_word_is_no_paraphrase_of_a_question(asked: str, became: str, fate: str | None) -> None:
    section = DataSection.model_validate({"sources": [{"path": "a.jsonl"}]})
    old, new = (
        (Message("user", text), Message("assistant", "Hold the button.")) for text in (asked, became)
    )
    row = Conversation(old, "a", "a:1")
    judge = Judge(section, [row], [])
    if fate is None:
        assert judge.check("paraphrase", [row], new) == new
        return
    with pytest.raises(Rejected) as rejected:
        judge.check("paraphrase", [row], new)
    assert rejected.value.reason == fate
