"""What two answers give in one place: keys, paths, values, one alone; and what is said of other cases."""

# ruff: noqa: E501 - tables

from __future__ import annotations

import pytest
from compared import contradicting

from talkwright.data.similarity import contradictions
from talkwright.data.similarity.gist import besides
from talkwright.types import Conversation, Message

# (question, answer, answer that contradicts it)
PLANTED = [
    ("How long does porting take?", "Porting normally takes one working day. We text you.", "Porting normally takes five working days. We text you."),
    ("How much deposit do I have to pay?", "One month's rent.", "Three months' rent."),
    ("What does list(range(1, 3)) return?", "It returns `[1, 2]`.", "It returns `[1, 2, 3]`."),
    ("What is the keyboard shortcut for today's date?", "Press `Ctrl` + `;` in the cell.", "Press `Ctrl` + `D` in the cell."),
    ("Where are the log files kept?", "They're in /var/log/app.", "They're in /opt/app/logs."),
    ("Who decides on an extension?", "Only the board can grant this. Your supervisor may comment.", "That's up to your supervisor alone."),
    ("Who do I inform?", "Call your manager. They tell HR, so you needn't write to us.", "Please do not phone or text your manager. Sickness is reported to HR only."),
    ("Who do I inform?", "Call your manager.", "Please do not phone your manager. Sickness is reported to HR."),
    ("Who can see my profile?", "Everybody on the internet.", "Only people you've added as friends."),
    ("Is the sale for members only?", "Anyone may come.", "Yes, you need a membership card."),
    ("What's the main ingredient of hummus?", "Chickpeas.", "The main ingredient is lentils."),
    ("Do I need an appointment for a passport?", "No appointment necessary.", "Passports are handled strictly by prior booking. Visitors who turn up without a slot can't be served."),
    ("Do you accept walk-ins?", "Just drop by whenever we're open.", "We see clients by appointment only."),
    ("Does the insurance cover theft?", "Theft is covered up to 1,000 euros.", "Theft isn't part of the policy."),
    ("How can I export my data?", "Export is in every plan. Head to Settings and tick the tables.", "There's no self-service export at the moment."),
    ("Should I remove the SIM card?", "Leave the SIM card in the phone.", "Please take the SIM card out first."),
    ("What does error E42 mean?", "E42 means that the lamp is broken.", "E42 stands for a blocked drain pump."),
]  # fmt: skip
# (question, answer, answer that agrees)
AGREEING = [
    ("What happens if I miss a payment?", "We send you a reminder after three days.", "You'll get an email reminder, and after 30 days a late fee of 5 euros is added."),
    ("When should I water my succulents?", "Only when the soil is completely dry, roughly every two weeks in summer.", "Wait until the soil has dried out; in winter once a month is enough."),
    ("What does len([1, 2, 3]) return?", "It returns `3`.", "It returns 3, the number of items in `[1, 2, 3]`."),
    ("What's the shortcut for copying?", "Press `Ctrl` + `C`.", "On Windows press `Ctrl`+`C`; on a Mac it's `Cmd`+`C`."),
    ("What's the shortcut for a screenshot?", "On Windows, press `Win` + `Shift` + `S`.", "On a Mac, press `Cmd` + `Shift` + `4`."),
    ("Which command lists files?", "Use `ls`.", "`ls -la`"),
    ("Who can apply?", "Anyone under 30 with a project.", "Only people under 30 can apply."),
    ("What is the main ingredient of guacamole?", "Avocado.", "The main ingredient is ripe avocados."),
    ("How do I export my contacts?", "Open Contacts, click the gear and choose Export.", "There's no export button in the phone app; use the website: open Contacts and choose Export."),
    ("Where is it?", "In the cellar.", "In the cellar, not in the garage."),
]  # fmt: skip

# What two answers have in common here is longer than what is compared as one statement.
COMMON = (
    "Thank you for asking about our thermal baths in the old part of the town near the river. "
    "Towels and bathrobes can be borrowed at the entrance against a small deposit that you get back. "
    "Children under six have to be with a grown-up, and long hair has to be tied together or covered."
)


def found(question: str, a: str, b: str) -> bool:
    rows = [Conversation((Message("user", question), Message("assistant", said))) for said in (a, b)]
    return bool(contradicting(dict(enumerate(rows))))


@pytest.mark.parametrize(("question", "a", "b"), PLANTED)
def test_contradicting(question: str, a: str, b: str) -> None:
    assert found(question, a, b)
    assert found(question, b, a)


@pytest.mark.parametrize(("question", "a", "b"), AGREEING)
def test_agreeing(question: str, a: str, b: str) -> None:
    assert not found(question, a, b)
    assert not found(question, b, a)


@pytest.mark.parametrize(
    ("question", "a", "b"),
    [
        ("Can I pay by card?", "Any card is fine.", "Sorry, we take cash only."),
        (
            "Is there an outdoor pool?",
            "An outdoor pool was added last year.",
            "No such pool exists, sorry.",
        ),
        ("Where are the lockers?", "They are in the cellar.", "You find them on the roof."),
    ],
)
def test_what_two_answers_say_besides_what_both_say(
    question: str, a: str, b: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = f"{COMMON} {a}", f"{COMMON} {b}"
    monkeypatch.setattr(contradictions, "weighed", lambda *_: False)
    assert found(question, a, b)
    assert not found(question, a, a.replace(". Towels", "! Towels"))
    monkeypatch.setattr(contradictions, "besides", lambda *_: None)
    assert not found(question, a, b)  # nothing else finds it


def test_what_is_said_besides() -> None:
    assert besides("One. Two.", "One. Three.") == ("Two.", "Three.")
    assert besides("One. Two.", "Two. One.") is None
    assert besides("One. Two.", "Three. Four.") is None
    assert besides("One.", "Two.") is None
