"""The doctor on sets as a whole: answers of other questions, mixtures of styles, answers cut off."""

# ruff: noqa: E501 - tables

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from talkwright.config import DataSection, parse_yaml
from talkwright.data import examine, read_conversations
from talkwright.data.cleaning.answers import is_cut_off
from talkwright.data.doctor import pairing, styles, symptoms
from talkwright.data.doctor.diagnose import diagnose
from talkwright.data.doctor.symptoms import Talk
from talkwright.types import Conversation, LedgerRow, Message

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
_DRAW = random.Random(7)
VOCABULARY = ["".join(_DRAW.choices("bcdfgklmnprst", k=2) + _DRAW.choices("aeiou", k=2) + _DRAW.choices("bdgklmnprst", k=3)) for _ in range(900)]  # fmt: skip


def chat(question: str, answer: str, at: int, source: str = "a") -> Conversation:
    messages = (Message("user", question), Message("assistant", answer))
    return Conversation(messages, source=source, where=f"{source}.jsonl:{at + 1}")


def pairs(count: int = 300, seed: int = 1) -> list[tuple[str, str]]:
    """Questions on three rare words each; their answers take up two of them, among words of their own."""
    draw = random.Random(seed)
    found = []
    for _ in range(count):
        about = draw.sample(VOCABULARY, 4)
        asked = f"How do I set the {about[0]} of the {about[1]} with a {about[2]} and {about[3]}?"
        told = f"Take the {about[1]} and turn {about[0]} by {about[2]}, then wait for {' and '.join(draw.sample(VOCABULARY, 5))}."
        found.append((asked, told))
    return found


def rows_of(said: list[tuple[str, str]], source: str = "a") -> list[Talk]:
    return [Talk(chat(question, answer, at, source)) for at, (question, answer) in enumerate(said)]


def turned(said: list[tuple[str, str]], places: list[int]) -> list[tuple[str, str]]:
    """The answers at these places each moved to the next of them."""
    moved = list(said)
    for here, there in zip(places, places[1:] + places[:1], strict=True):
        moved[here] = (said[here][0], said[there][1])
    return moved


# --- answers of other questions ------------------------------------------------------------------


def test_real_pairs_are_left_in_peace_and_shuffled_ones_are_serious() -> None:
    said = pairs()
    assert pairing.wrong_answers(rows_of(said)) is None
    symptom = pairing.wrong_answers(rows_of(turned(said, list(range(300)))))
    assert symptom is not None
    assert (symptom.severity, symptom.count) == ("serious", 300)
    assert symptom.what.startswith("answers were given to another question, as it seems: they share ")


def test_of_some_answers_at_the_wrong_place_no_right_one_is_called_wrong() -> None:
    places = list(range(3, 300, 10))
    symptom = pairing.wrong_answers(rows_of(turned(pairs(), places)))
    assert symptom is not None
    assert symptom.severity == "serious"
    assert len(places) / 3 <= symptom.count <= len(places)
    assert {int(e.where.rpartition(":")[2]) - 1 for e in symptom.examples} <= set(places)
    assert symptom.examples[0].text.startswith("fits a.jsonl:")


def test_a_source_that_is_shuffled_is_found_beside_one_that_is_not() -> None:
    wrong = rows_of(turned(pairs(200, seed=2), list(range(200))), "b")
    symptom = pairing.wrong_answers(rows_of(pairs(400)) + wrong)
    assert symptom is not None
    assert symptom.count == 200
    assert all(e.where.startswith("b.jsonl") for e in symptom.examples)


@pytest.mark.parametrize(
    "answer",
    [
        lambda words: " ".join(word[::-1] for word in words),  # a translation shares no word
        # A few words shared by chance are no measure.
        lambda words: f"{' '.join(w[::-1] for w in words)} {VOCABULARY[(VOCABULARY.index(words[0]) + 450) % 900]}",
        lambda words: words[0].upper(),  # a class, a name: too short to repeat anything
        lambda words: "Thank you for your order, we will look into it and come back to you very soon.",
    ],
)  # fmt: skip
def test_where_answers_cannot_share_words_nothing_is_said(answer: Any) -> None:
    draw = random.Random(3)
    drawn = [draw.sample(VOCABULARY, 12) for _ in range(300)]
    said = [(" ".join(words), answer(words)) for words in drawn]
    assert pairing.wrong_answers(rows_of(said)) is None


def test_chinese_questions_and_answers_are_compared_by_pairs_of_characters() -> None:
    draw = random.Random(4)
    signs = [chr(code) for code in range(0x4E00, 0x4E00 + 1500)]
    drawn = ["".join(draw.choices(signs, k=12)) for _ in range(200)]
    said = [
        (f"请问{text}是什么", f"{text[:8]}的意思是{''.join(draw.choices(signs, k=12))}。")
        for text in drawn
    ]
    assert pairing.wrong_answers(rows_of(said)) is None
    symptom = pairing.wrong_answers(rows_of(turned(said, list(range(0, 200, 5)))))
    assert symptom is not None
    assert 13 <= symptom.count <= 40


def test_the_finding_does_not_depend_on_the_order_of_sets() -> None:
    script = (
        "from test_doctor_pairs import *\n"
        "print(pairing.wrong_answers(rows_of(turned(pairs(), list(range(0, 300, 7))))))"
    )
    told = []
    for seed in ("1", "2"):
        paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": paths}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        told.append(done.stdout)
    assert told[0] == told[1]
    assert "wrong_answers" in told[0]


def test_exchanged_sides_are_serious_and_an_assistant_that_asks_back_is_not() -> None:
    said = [(f"{answer} {answer}", question) for question, answer in pairs(100)]
    symptom = pairing.swapped(rows_of(said))
    assert symptom is not None
    assert (symptom.severity, symptom.count) == ("serious", 100)
    assert pairing.swapped(rows_of(pairs(100))) is None
    asking = [("My knee hurts.", "Since when does it hurt, and did you fall?")] * 100
    assert pairing.swapped(rows_of(asking)) is None


# --- styles --------------------------------------------------------------------------------------

LONG = "The first part is taken out with care. The second one is cleaned and put back in its place. " * 3
STYLES: dict[str, Any] = {
    "in Markdown": lambda a: f"{a}{LONG}\n- **one**\n- two",
    "short ones in Markdown": lambda a: f"**Answer:** {a}",
    "JSON": lambda a: json.dumps({"answer": a, "ok": True}),
    "in HTML": lambda a: f"<div><p>{a}</p></div>",
    "in CAPITALS": str.upper,
    "without any capital letter": lambda a: a.lower().replace(".", ""),
    "with emoji": lambda a: f"Heyyy 😀 {a}",
    "like letters, with a greeting or signature": lambda a: f"Dear customer,\n\n{a}\n\nBest regards,\nTom",
    'opened by a filler such as "Sure!"': lambda a: f"Sure! Here is the answer. {a}",
}  # fmt: skip


def styled(mark: str, every: int, count: int = 120) -> list[tuple[str, str]]:
    plain = (lambda a: a + LONG) if mark == "in Markdown" else lambda a: a
    return [
        (q, STYLES[mark](a) if at % every == 0 else plain(a)) for at, (q, a) in enumerate(pairs(count))
    ]


@pytest.mark.parametrize("mark", STYLES)
def test_two_styles_in_one_set_are_named_with_examples_of_both(mark: str) -> None:
    symptom = styles.mixed_styles(rows_of(styled(mark, 3)))
    assert symptom is not None
    assert (symptom.code, symptom.severity, symptom.count) == ("mixed_styles", "warning", 40)
    assert f"40 {mark}, 80 " in symptom.what
    assert [e.where for e in symptom.examples[:2]] == ["a.jsonl:1", "a.jsonl:2"]
    for every in (1, 20):
        assert styles.mixed_styles(rows_of(styled(mark, every))) is None


def test_several_marks_are_told_in_one_finding_each_with_its_numbers() -> None:
    said = [(q, f"- **{a}** 😀" if at % 2 else a) for at, (q, a) in enumerate(pairs(100))]
    symptom = styles.mixed_styles(rows_of(said))
    assert symptom is not None
    assert "50 short ones in Markdown, 50 plain text; 50 with emoji, 50 without emoji" in symptom.what
    assert symptom.fix.startswith("data.markdown: plain")


@pytest.mark.parametrize(
    ("near", "far", "told"),
    [
        ("Öffne die App und wähle deine Sendung.", "Öffnen Sie die App und wählen Sie Ihre Sendung.", "60 say du, 60 Sie (German)"),
        ("Alors tu peux ouvrir tes messages.", "Alors vous pouvez ouvrir vos messages.", "60 say tu, 60 vous (French)"),
        ("Abre tus mensajes cuando quieres.", "Usted puede abrir sus mensajes.", "60 say tú, 60 usted (Spanish)"),
    ],
)  # fmt: skip
def test_two_ways_of_speaking_to_people_are_two_styles(near: str, far: str, told: str) -> None:
    said = [(q, near if at % 2 else far) for at, (q, _) in enumerate(pairs(120))]
    symptom = styles.mixed_styles(rows_of(said))
    assert symptom is not None
    assert told in symptom.what
    assert styles.mixed_styles(rows_of([(q, far) for q, _ in said])) is None


def test_a_style_that_was_asked_for_or_calls_a_tool_is_none() -> None:
    mixed = styled("JSON", 3)
    asked = [(f"{q} Answer in JSON." if a[0] == "{" else q, a) for q, a in mixed]
    assert styles.mixed_styles(rows_of(asked)) is None
    calling = [Talk(replace(talk.row, tools=("{}",))) for talk in rows_of(mixed)]
    assert styles.mixed_styles(calling) is None


def test_sources_of_one_style_each_are_named_with_their_shares() -> None:
    loud = [(q, a.upper()) for q, a in pairs(100, seed=2)]
    symptom = styles.mixed_styles(rows_of(pairs(200)) + rows_of(loud, "b"))
    assert symptom is not None
    assert "100 in CAPITALS, 200 in usual spelling (b 100%, a 0%)" in symptom.what


# --- answers that are cut off --------------------------------------------------------------------

PROSE = "The {0} of the {1} is made of iron. It can be opened by hand, and the {2} is put behind the {3} in the hall."


def answers(count: int = 100) -> list[str]:
    draw = random.Random(5)
    return [PROSE.format(*draw.sample(VOCABULARY, 4)) for _ in range(count)]


@pytest.mark.parametrize("every", [20, 2, 1])
def test_however_many_are_cut_off_all_are_counted(every: int) -> None:
    cut = [a[: 70 + at % 20] if at % every == 0 else a for at, a in enumerate(answers())]
    symptom = symptoms.cut_off(rows_of([("?", a) for a in cut]))
    assert symptom is not None
    assert symptom.count == 100 // every == sum(map(is_cut_off, cut))
    assert symptom.severity == ("serious" if every < 20 else "warning")
    assert symptom.fix.startswith("data.cut_off: drop")


def settled(said: list[str], **more: Any) -> dict[str, Any]:
    return {
        "rows": [{"prompt": f"What is {VOCABULARY[at]}?", "completion": a} for at, a in enumerate(said)],
        **more,
    }


def test_a_style_without_full_stops_is_kept_and_the_advice_drops_what_was_counted(
    tmp_path: Path,
) -> None:
    style = [
        f"Take the {VOCABULARY[at]} and put it on the {VOCABULARY[-at]} that stands behind the house"
        for at in range(120)
    ]
    for at in range(0, 120, 20):
        style[at] += " of the"
    source = tmp_path / "a.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in settled(style)["rows"]))
    asked = {"sources": [{"path": str(source)}], "duplicates": "keep", "contradictions": "keep"}
    found = {f["code"]: f for f in examine(DataSection.model_validate(asked))["findings"]}["cut_off"]
    assert found["count"] == 6
    [(key, value)] = parse_yaml(found["fix"], "fix").items()
    after = examine(DataSection.model_validate({**asked, key.removeprefix("data."): value}))
    assert after["rows"] == 114
    assert "cut_off" not in {f["code"] for f in after["findings"]}


@pytest.mark.parametrize(
    ("answer", "cut"),
    [
        ("Call our team on weekdays, and they will", True),
        ("Our shop is open on every day but Sunday because", True),
        ("We have two lamps, of which", True),
        ("1. Open the box and take it out.\n2. Put it on the table.\n3. Press the button behind", True),
        ("1. Open the box and take it out\n2. Put it on the table of the hall\n3. Press the button behind it", False),
        ("There are several ways to make a meeting of your team more engaging:\n\n1. Icebreaker activities: Sta", True),
        ("There are several ways to make a meeting of your team more engaging, such as\n\n1. Icebreaker activities", False),
        ("All of this is written down on our page, so please read there: https://x.example/a-b", False),
        ("Explore the world beyond your imagination and make memories. #travel #Wanderlust140", False),
        ("Thank you so much for your order, it will be with you on Monday morning 😊", False),
        ("hi there just open the app and press the button cancel at the top of the page", False),
        ('"To be, or not to be, that is the question, whether it is nobler." - William Shakespeare', False),
        ("The area of the circle is the product of both numbers, so that we have 3.14 * 4 = 12.56", False),
        ("Write your name and your password into the two fields and then click to log in", True),  # no full stop
        ("Click the button to log in", False), ("Please turn it on", False),
    ],
)  # fmt: skip
def test_where_an_answer_ends(answer: str, cut: bool) -> None:
    assert is_cut_off(answer) == cut


# --- one row, one source -------------------------------------------------------------------------

ONE: dict[str, Any] = {
    "ignores_question": (lambda r: r.append(chat("How heavy is the iron anvil?", "Please contact us.", 99)), "answer has no word in common with its question, and is a general phrase"),
    "control_strings": (lambda r: r.append(chat("How is it done?", "Like that, of course.<|im_end|>", 99)), "row has a control string of a chat template inside its text"),
    "refusals": (lambda r: r.append(chat("Why so?", "As an AI language model, I do not know.", 99)), "answer refuses, or says "),
    "private_data": (lambda r: r.append(chat("Where?", "Write to ann@x.example.", 99)), "row holds private data"),
}  # fmt: skip


@pytest.mark.parametrize("code", ONE)
def test_one_row_is_told_of_in_the_singular(code: str) -> None:
    change, told = ONE[code]
    rows = [talk.row for talk in rows_of(pairs(60))]
    change(rows)
    lost = [LedgerRow("a", "a:2", "dropped", "not_json")]
    section = DataSection.model_validate({"sources": [{"path": "a.jsonl"}]})
    found = {s.code: s for s in diagnose(rows, lost, read=61, section=section)}
    assert (found[code].count, found[code].what.startswith(told)) == (1, True), found[code].what
    assert found["losses"].what == "row of 61 was not usable (not json 1)"
    assert found["provenance"].what == "source has no licence or no origin in the recipe"
    [little] = [s for s in diagnose(rows[:1]) if s.code == "too_little"]
    assert little.what == "conversation is all there is"


# --- real data -----------------------------------------------------------------------------------

REAL = {
    "formats/alpaca_en_demo.json": set(), "formats/alpaca_zh_demo.json": set(), "formats/dpo_en_demo.json": set(),
    "formats/v1_sft_demo.jsonl": set(), "chat_oasst/en_100_tree.jsonl": set(),
    # Half of its longer answers are in Markdown.
    "formats/reason_tool_use_demo_50.jsonl": {"mixed_styles"},
}  # fmt: skip


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real data sets are not here")
@pytest.mark.parametrize("name", REAL)
def test_real_sets_raise_no_false_alarm(name: str) -> None:
    path = SHARED / name
    read = read_conversations(path)
    rows = [Talk(c) for c in read if {"user", "assistant"} <= {m.role for m in c.messages}]
    checks = (pairing.wrong_answers, pairing.swapped, styles.mixed_styles)
    assert {s.code for check in checks if (s := check(rows))} == REAL[name]
    if len(rows) >= 300:
        answered = [(talk.question, talk.answer) for talk in rows]
        symptom = pairing.wrong_answers(rows_of(turned(answered, list(range(len(rows))))))
        assert symptom is not None
        assert symptom.severity == "serious"
