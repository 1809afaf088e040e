"""Contradictions planted among paraphrases: most are found, and little else is."""

# ruff: noqa: E501 - tables

from __future__ import annotations

import csv
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import planted_abroad
import planted_alike
import planted_letters
import planted_roundabout
import planted_stay
import planted_town
import planted_twice
import pytest
import yaml
from compared import contradicting, duplicates_of
from planted_town import Pair

from talkwright.data.similarity.claims import contradicts, quantities
from talkwright.data.similarity.contradictions import find_contradictions
from talkwright.data.similarity.features import features_of
from talkwright.types import Conversation, Message

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"

FACTS: list[dict[str, Any]] = yaml.safe_load(
    (ROOT / "examples" / "lumenbird" / "facts.yaml").read_text(encoding="utf-8")
)

# (question, two ways to say the same, what contradicts them)
MORE = [
    ("how long do refunds take", ["Refunds take five days.", "A refund takes 5 days."], ["Refunds take ten days.", "It takes 2 weeks."]),
    ("when do you open", ["We open at 9 am.", "We are open from 9:00."], ["We open at 10 am.", "We open at eight."]),
    ("can i return a worn shirt", ["Yes, you can return it.", "Yes, a worn shirt can be returned."], ["No, worn shirts cannot be returned.", "You cannot return it."]),
    ("is delivery free", ["Delivery is free above 20 euro.", "Above 20 euro delivery is free."], ["Delivery is paid above 20 euro.", "Delivery is free above thirty euro."]),
    ("which colour is the cover", ["The cover of the book is red.", "Its cover is red."], ["The cover of the book is blue.", "the cover is green"]),
    ("on which day is the market", ["The market is on saturday.", "It is held every saturday."], ["The market is on sunday.", "It is held every friday."]),
    ("where is the button", ["The button is on the left side.", "It is on the left side of the case."], ["The button is on the right side.", "It is at the top side of the case."]),
    ("how many seats has the van", ["The van has seven seats.", "There are 7 seats in the van."], ["The van has nine seats.", "There are 5 seats in the van."]),
    ("who repairs my bike", ["Our workshop repairs your bike.", "Your bike is repaired by our workshop."], ["Our partner repairs your bike."]),
    ("is the app available offline", ["The app works offline.", "Yes, it works offline."], ["The app does not work offline.", "No, it needs a connection.", "The app works online."]),
    ("how do i reset the clock", ["Press the reset button twice.", "Push the reset button two times."], ["Press the power button twice.", "Press the reset button three times."]),
    ("what material is the strap", ["The strap is made of leather.", "It is a leather strap."], ["The strap is made of plastic.", "It is a cotton strap."]),
    ("when does the sale end", ["The sale ends in march.", "It ends in march."], ["The sale ends in april.", "The sale ends on 3 may."]),
    ("how often do you send the letter", ["The letter is sent monthly.", "We send the letter monthly."], ["The letter is sent weekly.", "We send the letter daily."]),
    ("are batteries included", ["Batteries are included in the box.", "The batteries are included."], ["Batteries are not included in the box.", "The batteries are excluded."]),
    ("how heavy is it", ["It weighs 2 kg.", "The weight is 2 kg."], ["It weighs 3.5 kg."]),
    ("how long is the warranty", ["The warranty lasts 2 years.", "You have a warranty of 24 months."], ["The warranty lasts one year.", "The warranty lasts 3 years."]),
]  # fmt: skip
LONG = (
    "Thank you for getting in touch with us about this, we are glad to help you with it. {} If anything "
    "is still unclear afterwards, simply write to us again and one of our colleagues will look into it."
)


def asked(question: str, draw: random.Random) -> str:
    """The same question as another person would type it."""
    plain = question.rstrip("?.! ")
    ways = [
        plain + "?",
        plain.lower(),
        plain.upper() + "?",
        f"Hi, {plain}?",
        f"{plain} please",
        f"{plain}??",
    ]
    word = next((w for w in plain.split() if len(w) > 6 and w.isalpha()), None)
    if word:
        ways.append(plain.replace(word, word[:3] + word[4] + word[3] + word[5:]))
    return draw.choice(ways)


def wrong_value(fact: dict[str, Any], draw: random.Random) -> str:
    """Another value of the same sort: a number for a number, a name for a name."""
    value = str(fact["spellings"][0])
    if re.search(r"\d", value):
        return re.sub(r"\d+", lambda found: str(int(found[0]) + draw.randrange(1, 9)), value, count=1)
    same = [str(f["spellings"][0]) for f in FACTS if f is not fact and f["category"] == fact["category"]]
    same = [v for v in same if not re.search(r"\d", v) and v[0].isupper() == value[0].isupper()]
    return draw.choice(same or ["Nobody Knows"])


def chat(question: str, answer: str) -> Conversation:
    return Conversation((Message("user", question), Message("assistant", answer)))


def world(seed: int) -> tuple[dict[int, Conversation], list[tuple[int, int]], list[tuple[int, int]]]:
    """Rows, with the pairs of them that contradict each other and those that do not."""
    draw = random.Random(seed)
    pairs: list[tuple[str, str, str, bool]] = []
    for fact in FACTS:
        value = next((s for s in map(str, fact["spellings"]) if s in fact["answers"][0]), None)
        one, other = fact["answers"][0], fact["answers"][-1]
        question = draw.choice(fact["questions"])
        pairs.append((question, one, other, False))
        if value is not None:
            pairs.append((f"{question} Really", one, one.replace(value, wrong_value(fact, draw)), True))
    for question, right, wrong in MORE:
        pairs.append((question, right[0], right[1], False))
        pairs += [(f"{question} {n}th", right[n % 2], answer, True) for n, answer in enumerate(wrong)]
        pairs.append((f"{question} at all", LONG.format(right[0]), LONG.format(wrong[0]), True))
        pairs.append((f"{question} then", LONG.format(right[0]), f"Sure! {right[1]}", False))
    rows: dict[int, Conversation] = {}
    told: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
    for question, one, other, is_planted in pairs:
        at = len(rows)
        rows[at], rows[at + 1] = chat(question, one), chat(asked(question, draw), other)
        told[is_planted].append((at, at + 1))
    return rows, told[True], told[False]


def test_precision_and_recall_on_planted_contradictions(capsys: pytest.CaptureFixture[str]) -> None:
    hits = planted = wrong = 0
    missed, invented = [], []
    for seed in range(3):
        rows, bad, good = world(seed)
        # Each pair by itself: all rows of the world ask much the same.
        found = {at for pair in bad + good for at in contradicting({at: rows[at] for at in pair})}
        planted += len(bad)
        for a, b in bad:
            hits += {a, b} <= found
            if not {a, b} <= found:
                missed.append((rows[a].messages[0].content, rows[b].messages[0].content,
                               rows[a].messages[1].content[-90:], rows[b].messages[1].content[-90:]))  # fmt: skip
        for a, b in good:
            wrong += bool({a, b} & found)
            if {a, b} & found:
                invented.append((rows[a].messages[1].content, rows[b].messages[1].content))
    recall, precision = hits / planted, hits / (hits + wrong)
    with capsys.disabled():
        print(f"\ncontradictions: recall {recall:.2f}, precision {precision:.2f}, {planted} planted")  # noqa: T201
    assert recall >= 0.8, missed[:20]
    assert precision >= 0.9, invented[:20]


def _read(rows: Any) -> Any:
    return lambda places: [rows[at] for at in places]


def found(pair: Pair) -> bool:
    """Whether two rows, (question, answer) twice, are found as the data stage finds them: by features."""
    rows = [chat(*pair[:2]), chat(*pair[2:])]
    letters = features_of(rows, None, 0).letters.tolist()
    return bool(find_contradictions(dict(enumerate(letters)), _read(rows))[0])


@pytest.mark.parametrize("town", [planted_town, planted_stay])
def test_precision_and_recall_on_two_colleagues(town: Any, capsys: pytest.CaptureFixture[str]) -> None:
    bad = planted_town.contradicting_pairs(town.TOPICS)
    good = planted_town.agreeing_pairs(town.TOPICS, town.BOTH_RIGHT)
    missed = [pair for pair in bad if not found(pair)]
    invented = [pair for pair in good if found(pair)]
    hits = len(bad) - len(missed)
    recall, precision = hits / len(bad), hits / (hits + len(invented))
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{town.__name__}: recall {recall:.3f}, precision {precision:.3f} of {len(bad)}, {len(good)}"
        )
    assert recall >= 0.9, missed
    assert precision >= 0.95, invented


def test_precision_and_recall_in_quite_other_words(capsys: pytest.CaptureFixture[str]) -> None:
    told = planted_roundabout
    missed = [pair for pair in told.CONTRADICTING if not found(pair)]
    invented = [pair for pair in told.AGREEING if found(pair)]
    hits = len(told.CONTRADICTING) - len(missed)
    recall, precision = hits / len(told.CONTRADICTING), hits / (hits + len(invented))
    with capsys.disabled():
        print(f"\n{told.__name__}: recall {recall:.3f}, precision {precision:.3f}")  # noqa: T201
    assert recall >= 0.73, missed
    assert precision >= 0.95, invented


@pytest.mark.parametrize(
    ("told", "floor", "held"),
    [
        (planted_alike, 0.92, 0.85),
        (planted_abroad, 0.9, 0.78),
        (planted_twice, 0.82, 0),
        (planted_letters, 0.9, 0),
    ],
)
def test_precision_and_recall_of_one_question_asked_twice(
    told: Any, floor: float, held: float, capsys: pytest.CaptureFixture[str]
) -> None:
    for bad, good, least in (
        (told.CONTRADICTING, told.AGREEING, floor),
        (getattr(told, "HELD", ()), getattr(told, "HELD_AGREEING", ()), held),
    ):
        missed = [pair for pair in bad if not found(pair)]
        invented = [pair for pair in good if found(pair)]
        hits = len(bad) - len(missed)
        with capsys.disabled():
            print(f"\n{told.__name__}: {hits} of {len(bad)} found, {len(invented)} invented")  # noqa: T201
        assert hits >= least * len(bad), missed
        assert len(invented) <= 1, invented


@pytest.mark.parametrize(
    ("question", "same"),
    [
        ("How many users does the plan allow?", "How many users are allowed on the plan?"),
        ("Can I cancel a booking by e-mail?", "Can a booking be cancelled by email?"),
        ("Is the wi-fi free for two guests?", "Is the wifi free for 2 guests?"),
        ("Kann ich per Rechnung zahlen?", "Kann ich mit Rechnung bezahlen?"),
        ("Wie wird die Ware zurückgegeben?", "Wie kann ich die Ware zurückgeben?"),
        ("Has Mars a ring?", "Has the planet Mars a ring?"),
        ("Peut-on payer par chèque ?", "Puis-je payer par chèque ?"),
    ],
)
def test_a_question_is_the_same_in_another_form(question: str, same: str) -> None:
    assert found((question, "Yes.", same, "No."))


@pytest.mark.parametrize(
    ("question", "other"),
    [
        ("Can I fly from Rome to Oslo?", "Can I fly from Oslo to Rome?"),
        ("Is the hall bigger than the yard?", "Is the yard bigger than the hall?"),
        ("Can I eat before I swim?", "Can I swim before I eat?"),
        ("Is it open for two guests?", "Is it open for three guests?"),
        ("Do you want tea?", "Do you want tea?"),
        ("Start a story about a lamp.", "Start a story about a lamp."),
        ("What is 50 Celsius in Fahrenheit?", "What is 50 Fahrenheit in Celsius?"),
        ("Is it open to full-time staff?", "Is it open to part-time staff?"),
        ("Can you suggest a name for my cat?", "Can you suggest a name for my cat?"),
    ],
)
def test_another_question_and_an_open_one_contradict_nothing(question: str, other: str) -> None:
    assert not found((question, "Yes.", other, "No."))


def test_case_and_a_hyphen_make_near_duplicates_and_no_contradiction() -> None:
    rows = [
        chat("How do I sign up for e-mail news?", "Enter your E-Mail and press Sign up."),
        chat("how do i sign up for email news?", "enter your email and press sign up."),
    ]
    assert duplicates_of(rows).dropped == {1: ("near_duplicate", 0)}
    assert contradicting(dict(enumerate(rows))) == []


@pytest.mark.parametrize(
    ("question", "a", "b", "expected"),
    [
        ("Is help there at night?", "Help is there around the clock.", "Help is there from 8 am to 6 pm.", True),
        ("Is help there at night?", "Chat is there 24/7.", "Chat is 24/7, the phone from 9 am to 5 pm.", False),
        ("How do I quit?", "Open Settings and press Quit.", "You cannot quit online; please call us.", True),
        ("How do I quit?", "Open Settings and press Quit.", "Log in, then quit under Settings.", False),
        ("Can I change the address?", "You can change it until it is sent.", "The address can't be changed after ordering.", True),
        ("Can I change the address?", "You can change it until it is sent.", "The address can't be changed if it has been sent.", False),
        ("How many notes can I keep?", "As many notes as you like.", "You can keep 500 notes.", True),
        ("How often is it cleaned?", "It is cleaned daily.", "Once a week.", True),
        ("How often is it cleaned?", "It is cleaned daily.", "Once a day.", False),
        ("Is tea included?", "Tea is included.", "Tea costs 2 euros extra.", True),
        ("Who runs the bar?", "Ann Lee runs it.", "Bo Katz runs it.", True),
        ("Who runs the bar?", "Ann Lee runs it.", "The bar is run by Ann Lee.", False),
        ("What colour is the door?", "Blue.", "The red one.", True),
        ("Ist die Bar geöffnet?", "Die Bar ist geöffnet.", "Die Bar ist geschlossen.", True),
        ("Le bar est-il ouvert ?", "Bien sûr.", "Le bar est fermé.", True),
        ("¿Puedo fumar?", "Claro que sí.", "No, está prohibido.", True),
        ("Is it safe?", "It is safe.", "Never. It is not safe.", True),
        ("Is it safe?", "It is safe as long as the lid was never off.", "It is safe.", False),
        ("Is tea included?", "Tea is included at no extra cost.", "Tea is included.", False),
        ("How do I reach you?", "Write to us and we answer within a day.", "Chat is open from 8 to 20.", False),
        ("Which gate is it?", "It is gate C.", "You leave from gate A.", True),
        ("How many bags may I take?", "You may take two bags of 23 kg.", "You may take one bag of 23 kg.", True),
        ("What does APR stand for?", "It is short for annual percentage rate, the cost of a loan in a year.", "It stands for average principal repayment: what reduces your debt each time.", True),
        ("Can I bake it?", "Hello Ann,\n\nmany thanks for your letter, we hope that you like our pans and use them well. It is made for the stove alone, so keep it out of the oven, please, however good it looks.\n\nKind regards\nJo of the Pan Works", "Yes.", True),
        ("May I climb it?", "Rules:\n- no fires here, at any time of the year\n- climbing is fine\n- dogs stay on the leash\n- close the gate behind you\n- take your litter with you when you go\n- parking costs five euros a day", "Rules:\n- no fires here, at any time of the year\n- climbing is forbidden\n- dogs stay on the leash\n- close the gate behind you\n- take your litter with you when you go\n- parking costs five euros a day", True),
        ("How do I mute it?", "Open the menu and choose Mute.", "Muting isn't possible.", True),
        ("Does it include the tower?", "The tower is included.", "Yes. The boat is not included.", False),
        ("How do I rename it?", "Go to Profile, click the pencil and save.", "That's not something Tallyo supports. The name stays.", True),
        ("What do I bring to the exam?", "Please bring:\n- a photo ID\n- a blue pen\n- your calculator", "Please bring:\n- a photo ID\n- a blue pen\n\nCalculators are forbidden.", True),
        ("What do I bring to the exam?", "Please bring:\n- a photo ID\n- a blue pen\n- your calculator", "Please bring:\n- a photo ID\n- a blue pen\n\nPhones are forbidden.", False),
        ("Which key is it?", "Take key 7.", "It is key 12.", True),
        ("Wo ist das Büro?", "Im ersten Stock.", "Im Erdgeschoss.", True),
        ("Which plug fits?", "A round plug fits. The flat plug is not suitable.", "The flat plug fits.", True),
    ],
)  # fmt: skip
def test_sides_of_a_question(question: str, a: str, b: str, expected: bool) -> None:
    assert found((question, a, question, b)) == found((question, b, question, a)) == expected


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared example data is not here")
def test_real_answers_in_other_words_are_no_contradictions() -> None:
    path = SHARED / "support_bitext" / "Bitext_Sample_Customer_Support_Training_Dataset.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    names = list(table[0])
    prompt = next(n for n in names if n.lower() in ("instruction", "prompt", "utterance"))
    answer = next(n for n in names if n.lower() in ("response", "completion"))
    rows = {at: chat(row[prompt], row[answer]) for at, row in enumerate(table)}
    assert contradicting(rows) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("twenty-four hours", {"1440 min"}),
        ("one day, a day or 24 hours", {"1440 min"}),
        ("two weeks", {"20160 min"}),
        ("14 days", {"20160 min"}),
        ("the blue one, $1,000, a dozen", {"1000", "12"}),
        ("9:00 and two hundred", {"9", "200"}),
        ("1. Open it. 2. Close it", {"2"}),
    ],
)
def test_numbers_are_the_same_however_they_are_written(text: str, found: set[str]) -> None:
    assert quantities(text) == found


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("You can buy it in our shop.", "You can purchase it in our shop.", False),
        ("It starts at seven and takes an hour.", "It begins at 7 and takes 60 minutes.", False),
        (
            '{"name": "get_price", "arguments": {"company": "Apple"}}',
            '{"name": "get_price", "arguments": {"symbol": "A"}}',
            False,
        ),
        ("Sure. What is your name?", "Sure. What is your number?", False),
        ("the lamp turns red when it is full", "the lamp turns green when it is full", True),
        ("It is sold by the pharmacy next door.", "It is sold by the bakery next door.", True),
        ("You can return the shirt.", "You cannot return the shirt.", True),
    ],
)
def test_words_that_decide(a: str, b: str, expected: bool) -> None:
    assert contradicts(a, b) == contradicts(b, a) == expected


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("The hall seats 12,500 guests.", "The hall has seats for 12500 guests."),
        ("The clinic opens at 8 am.", "The clinic opens at 08:00."),
        ("Doors shut at 11 pm.", "Doors shut at 23:00."),
        ("A day ticket is €15.", "A day ticket costs fifteen euros."),
        ("The shelf is 1.5 m wide.", "It is 150 cm wide."),
        ("You get 2 TB of space.", "Your space is 2000 GB."),
        ("You get 2 TB of space.", "Your space is 2,048 GB."),
        ("The fair starts on Friday, 12 June.", "It starts on June 12th."),
        ("Bake it at 200 °C.", "Bake it at 392 degrees Fahrenheit."),
        ("The can holds 330 ml.", "It holds 0.33 litres."),
        ("Yes, dogs are welcome in the garden.", "Certainly! Bring your pet along."),
        ("The lamp is not waterproof.", "A waterproof cover is sold separately."),
        ("Go to Settings.", "Open the menu and tap your name."),
        ("It lasts three and a half years.", "It lasts 42 months."),
        ("You wait a quarter of an hour.", "You wait 15 minutes."),
        ("You need three fifths of the points.", "You need 60% of the points."),
        ("The hall is open from 9 to 13.", "The hall is open from 9 a.m. to 1 p.m."),
        ("Trials run for half a year.", "Trials run for six months."),
    ],
)
def test_the_same_in_another_unit_or_other_words_agrees(a: str, b: str) -> None:
    assert [contradicts(a, b), contradicts(b, a)] == [False, False]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("The watch is fully shockproof.", "The watch isn't shockproof, so handle it with care."),
        ("A spare key costs $9.", "A spare key is free of charge."),
        ("There's a student discount.", "We don't offer a student discount."),
        ("We deliver every day including Mondays.", "There is no delivery on Mondays."),
        ("Only you can open the box.", "Anyone in the house can open the box."),
        ("We open at 9 am.", "We open at 21:00."),
        ("The limit is 2 GB.", "The limit is 500 MB."),
        ("A ticket is $10.", "A ticket is €10."),
        ("The fair starts on 12 June.", "It starts on June 14."),
        ("Of course, bring your dog.", "No, dogs must stay outside."),
    ],
)
def test_another_amount_or_a_denial_contradicts(a: str, b: str) -> None:
    assert [contradicts(a, b), contradicts(b, a)] == [True, True]


def test_assistants_with_other_tools_are_not_held_against_each_other() -> None:
    able, unable = "Yes, I can book it for you.", "No, I cannot book flights."
    rows = [
        replace(chat("Can you book a flight to London?", said), tools=(tool,))
        for said, tool in ((able, '{"name": "book"}'), (unable, '{"name": "count"}'), (able, "{}"))
    ]
    assert contradicting(dict(enumerate(rows))) == []
    same = [replace(row, tools=rows[0].tools) for row in rows]
    assert contradicting(dict(enumerate(same))) == [0, 1, 2]
    assert len(set(features_of(rows, None, 0).letters.tolist())) == 3
    assert len(set(features_of(same, None, 0).letters.tolist())) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Who wrote the library for C?", "Who wrote the library for C#?"),
        ("What does a && b return?", "What does a || b return?"),
        ("When does the bus leave Kiel for Bonn?", "When does the bus leave Bonn for Kiel?"),
        ("Can a user block an admin?", "Can an admin block a user?"),
        ("Is the pump on?", "Is the pump off?"),
        ("Is -5 below zero?", "Is 5 below zero?"),
    ],
)
def test_a_sign_or_an_order_makes_another_question(one: str, other: str) -> None:
    a, b = ("Yes, at 9:15.", "No, at 14:40.")
    assert found((one, a, one, b))
    assert not found((one, a, other, b))


def test_whether_it_is_forbidden_is_denied_by_leave() -> None:
    asked = "Is it forbidden to fly a drone here?"
    assert not found((asked, "Yes, drones are banned here.", asked, "You're not allowed to fly them."))
    assert found((asked, "Yes, drones are banned here.", asked, "No, drones are allowed here."))


@pytest.mark.parametrize(
    ("question", "other"),
    [
        ("Was kostet der Eintritt?", "Was kostet die Fahrt?"),
        ("Gdzie jest recepcja?", "Gdzie mogę oddać książki?"),
        ("Hoe lang is de garantie op de lamp?", "Hoe lang duurt de rit?"),
    ],
)
def test_foreign_questions_that_share_how_they_ask_are_two(question: str, other: str) -> None:
    assert not found((question, "3 Euro.", other, "10 Euro."))
    assert found((question, "3 Euro.", question, "10 Euro."))
