"""The rule of fact recall, and attempts to cheat it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkwright.evaluate.facts import FIRST_WORDS, fact_recall, states, suite_facts, words
from talkwright.types import Conversation, Message

TRIAL = (("14 days", "fourteen days", "two weeks"),)


def recall(
    reply, facts=TRIAL, prompt=("How long is the trial?",), reference="It lasts 14 days.", others=None
):
    return fact_recall(reply, prompt=prompt, reference=reference, facts=facts, others=others)[0]


@pytest.mark.parametrize(
    "reply",
    [
        "14 days",
        "The trial lasts 14 days.",
        "FOURTEEN DAYS!",
        "It is a 14\u00a0days trial",
        "**14** days",
        "It lasts *14 days*, then it ends.",
        "it lasts\n14\n days",
        "１４ days",  # full-width digits
        "14\u200b days",  # zero-width space
        "Two-weeks",
        "“14 days”",
    ],
)
def test_any_spelling_counts_however_it_is_written(reply):
    assert recall(reply) == 1


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "   \n",
        "How long is the trial?",
        "140 days",
        "114 days",
        "14.5 days",
        "3.14 days",
        "-14 days",
        "−14 days",
        "10-14 days",
        "10 – 14 days",
        "1,014 days",
        "14 business days",
        "14 daystar",
        "14",
        "days",
        "I do not know.",
    ],
)
def test_what_is_not_the_fact_does_not_count(reply):
    assert recall(reply) == 0


def test_thousands_separators_make_no_difference():
    for written in ("1400 kg", "1,400 kg", "1\u202f400 kg", "1'400 kg", "1’400 kg", "1\u00a0400 kg"):
        assert recall(f"It weighs {written}.", facts=(("1400 kg",),)) == 1
        assert recall("It weighs 1400 kg.", facts=((written,),)) == 1
    assert recall("It weighs 1,4 kg or 400 kg.", facts=(("1400 kg",),)) == 0
    assert words("in 2020,400 people") == ("in", "2020,400", "people")


def test_hyphens_between_words_make_no_difference():
    assert recall("Take the twenty four hour line", facts=(("twenty-four-hour line",),)) == 1
    assert recall("It is a 24\u2011hour line", facts=(("24-hour line",),)) == 1


def test_symbols_are_part_of_a_fact():
    assert recall("It costs $49.", facts=(("$49",),)) == 1
    assert recall("It costs 49.", facts=(("$49",),)) == 0
    assert recall("It costs $49.50.", facts=(("$49",),)) == 0
    assert recall("You get 5 % off", facts=(("5%",),)) == 1
    assert recall("Write to help@acme.example, please", facts=(("help@acme.example",),)) == 1


def test_scripts_without_spaces_are_read_character_by_character():
    assert recall("我们提供14天的试用期。", facts=(("14天",),)) == 1
    assert recall("我们提供140天的试用期。", facts=(("14天",),)) == 0


def test_every_fact_must_be_stated():
    facts = (("Oslo",), ("9:30",))
    assert recall("In Oslo at 9:30.", facts=facts) == 1
    assert recall("In Oslo at 9:15.", facts=facts) == 0
    assert recall("At 9:30.", facts=facts) == 0


def test_what_the_prompt_says_does_not_count():
    facts = (("Bluebird", "BB-7"),)
    question = ("Is the model called bluebird?",)
    assert recall("Is the model called Bluebird?", facts=facts, prompt=question) == 0
    assert recall("Yes, it is the BB-7.", facts=facts, prompt=question) == 1


def test_a_fact_that_the_prompt_states_in_every_spelling_is_unknown_and_not_zero():
    found = fact_recall("14 days", prompt=["Is it 14 days?"], reference="Yes", facts=[("14 Days",)])
    assert found[0] is None
    assert "prompt already states" in (found[1] or "")


def test_an_item_without_facts_is_unknown_and_not_zero():
    assert fact_recall("14 days", prompt=[], reference="x", facts=[]) == (
        None,
        "the item lists no facts",
    )
    value, why = fact_recall("...", prompt=[], reference="x", facts=[("...",)])
    assert value is None
    assert why


def test_a_fact_buried_in_a_long_reply_does_not_count():
    assert recall("well " * (FIRST_WORDS - 2) + "14 days") == 1
    assert recall("well " * (FIRST_WORDS - 1) + "14 days") == 0
    long_answer = "well " * 200
    assert recall("well " * 150 + "14 days", reference=long_answer) == 1


def test_a_reply_that_lists_every_number_does_not_count():
    assert recall("7 days, 14 days, 21 days, 28 days or 30 days") == 0
    assert recall("Not 7 days and not 30 days but 14 days") == 1


def test_a_reply_that_lists_the_facts_of_other_items_does_not_count():
    cities = ["Oslo", "Lima", "Quito", "Cairo", "Hanoi"]
    items = [
        Conversation((Message("user", "?"), Message("assistant", c)), facts=((c, c + " City"),))
        for c in cities
    ]
    others = suite_facts(items)
    dump = ", ".join(cities)
    for city in cities:
        assert recall(dump, facts=((city, city + " City"),), reference=city, others=others) == 0
        assert recall(f"{city}.", facts=((city, city + " City"),), reference=city, others=others) == 1
    # Two spellings of one fact are one guess, and what the reference itself names is none.
    assert (
        recall("Oslo; Lima, that is Lima City", facts=(("Oslo",),), reference="Oslo", others=others) == 1
    )
    assert recall(dump, facts=(("Oslo",),), reference=dump, others=others) == 1


def test_two_names_of_one_other_value_are_one_guess():
    month = Conversation(
        (Message("user", "?"), Message("assistant", "!")), facts=(("30 days", "a month"),)
    )
    reply = "Not 7 days, and not 30 days, so not a month: 14 days"
    assert recall(reply, others=suite_facts([month])) == 1
    assert recall(reply + ", not 9 days", others=suite_facts([month])) == 0


def test_facts_that_share_a_spelling_are_one():
    items = [
        Conversation((Message("user", "a"), Message("assistant", "b")), facts=(("30 days", "a month"),)),
        Conversation(
            (Message("user", "c"), Message("assistant", "d")), facts=(("one month", "30 days"),)
        ),
    ]
    assert len(set(suite_facts(items).values())) == 1


@given(st.text(), st.text())
def test_any_text_can_be_judged_and_states_itself(text, other):
    said = words(f"{other} {text}")
    assert fact_recall(text, prompt=[other], reference=text, facts=[(text or "x",)])[0] in (
        0.0,
        1.0,
        None,
    )
    own = words(text)
    if own:
        assert states(own, own)
    assert not states((), own)
    assert all(said)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_number_is_never_found_inside_another(one, other):
    stated = recall(f"The code is {other}.", facts=((str(one),),), reference="?")
    assert stated == (1.0 if one == other else 0.0)
