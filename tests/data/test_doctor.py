"""The doctor: each illness is found in data that has it, and a healthy data set is left in peace."""

# ruff: noqa: E501 - tables

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from talkwright.config import DataSection, load_recipe, parse_yaml
from talkwright.data import examine, examine_dataset, exit_code, prepare
from talkwright.data.cleaning.language import language_of
from talkwright.data.doctor.diagnose import diagnose, report
from talkwright.pool import Pool
from talkwright.types import Conversation, LedgerRow, Message

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
WORDS = ["".join(random.Random(n).choices("bcdfghjklmnprstvw", k=1)) + w for n, w in enumerate(
    "amber oval acorn elder inlet ocean arbor ember ivory onyx aspen eagle island orbit".split() * 20)]  # fmt: skip  # noqa: SIM905


def chat(question: str, answer: str, system: str | None = None, at: int = 0) -> Conversation:
    head = (Message("system", system),) if system else ()
    messages = (*head, Message("user", question), Message("assistant", answer))
    return Conversation(messages, where=f"a.jsonl:{at + 1}")


def healthy(count: int = 240) -> list[Conversation]:
    return [
        chat(f"What does the {WORDS[n]} of model {n} cost?", f"The {WORDS[n]} costs {n} euro at our shop.", at=n)
        for n in range(count)
    ]  # fmt: skip


def found(rows: list[Conversation]) -> dict[str, Any]:
    return {symptom.code: symptom for symptom in diagnose(rows)}


def sick(change: Any, every: int = 4) -> dict[str, Any]:
    """Findings when every so many answers are changed."""
    rows = healthy()
    for at in range(0, len(rows), every):
        question, answer = (m.content for m in rows[at].messages)
        rows[at] = change(question, answer, at)
    return found(rows)


def test_a_healthy_data_set_has_no_finding() -> None:
    assert diagnose(healthy()) == []
    assert report([], 240) == {"rows": 240, "worst": None, "findings": []}


def test_several_processes_find_the_same_in_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = healthy()
    for at in range(0, len(rows), 3):
        question, answer = (m.content for m in rows[at].messages)
        one = (
            f"{answer} Ask ann{at}@x.example.",
            f"{answer}<|im_end|>",
            "no " * 40,
            "Nein, das geht nicht.",
        )
        rows[at] = chat(question, one[at // 3 % 4], at=at)
    alone = diagnose(rows)
    assert len(alone) > 4
    monkeypatch.setattr("talkwright.data.doctor.diagnose._WORTH_IT", 1)
    with monkeypatch.context() as watched:
        asked = []
        watched.setattr(
            "talkwright.data.doctor.diagnose.Pool", lambda *a, **k: asked.append(a[1]) or Pool(*a, **k)
        )
        assert diagnose(rows, beside=2) == alone
    assert asked == [2]


ILLNESSES: dict[str, tuple[Any, str]] = {
    "contradictions": (lambda q, a, n: chat("What is the fee?", f"The fee is {n} euro.", at=n), "serious"),
    "private_data": (lambda q, a, n: chat(q, f"{a} Ask ann{n}@x.example.", at=n), "serious"),
    "control_strings": (lambda q, a, n: chat(q, f"Well.<|im_end|> {a}", at=n), "serious"),
    "one_answer": (lambda q, a, n: chat(q, "Please look at the price list in the model catalogue.", at=n), "warning"),
    "ignores_question": (lambda q, a, n: chat(q, f"Thank you for contacting us, {WORDS[n + 7]}!", at=n), "serious"),
    "placeholders": (lambda q, a, n: chat(q, f"{a} Your order is {{{{Order Number}}}}.", at=n), "serious"),
    "cut_off": (lambda q, a, n: chat(q, f"{a} If you would like to have it sent to you, then please write to the", at=n), "serious"),
    "repetition": (lambda q, a, n: chat(q, f"{a} Please come to our shop. Please come to our shop. Please come to our shop.", at=n), "serious"),
    "refusals": (lambda q, a, n: chat(q, f"As an AI language model, I do not know what the {WORDS[n]} of model {n} costs.", at=n), "serious"),
    "system_prompts": (lambda q, a, n: chat(q, a, system="Be brief.", at=n), "warning"),
    "languages": (lambda q, a, n: chat(q, f"Der Preis für das Modell {n} ist {n} Euro, und Sie können es auch bei uns im Laden kaufen.", at=n), "warning"),
    "mixed_styles": (lambda q, a, n: chat(q, ("- " if n % 8 else "") + f"{a} {' '.join(WORDS)}."[:400] + ".", at=n), "warning"),
    "too_short": (lambda q, a, n: chat(q, f"{n} euro", at=n), "warning"),
    "uneven_lengths": (lambda q, a, n: chat(q, a + f" The list of model {n} {WORDS[n]} goes on." * 1 + " ".join(f"w{i}" for i in range(600)) + ".", at=n), "note"),
}  # fmt: skip


@pytest.mark.parametrize("code", ILLNESSES)
def test_each_illness_is_found_with_its_severity_count_and_place(code: str) -> None:
    change, severity = ILLNESSES[code]
    symptom = sick(change)[code]
    assert symptom.severity == severity
    assert 30 <= symptom.count <= 60
    assert symptom.share == symptom.count / 240
    assert symptom.examples[0].where.startswith("a.jsonl:")
    assert symptom.why
    assert symptom.fix


def test_illnesses_of_the_whole_are_found() -> None:
    preamble = "Below is an instruction that describes a task. Write a response that fits.\n\n"
    rows = [chat(preamble + c.messages[0].content, c.messages[1].content) for c in healthy()]
    assert found(rows)["boilerplate"].count == 240
    assert found(healthy(19))["too_little"].severity == "serious"
    assert found(healthy(60))["too_little"].severity == "warning"
    crowd = [
        chat("Where is my parcel now?", f"Parcel {n} is in the town of {WORDS[n]}.") for n in range(40)
    ]
    assert found(healthy() + crowd)["crowded"].count == 40
    twice = Conversation((*healthy(1)[0].messages, Message("user", "and?"), *healthy(1)[0].messages[1:]))
    long = Conversation(
        (Message("user", "Say one thing."), Message("assistant", "It is the same old thing, again.")) * 2
    )
    assert twice.messages[1] == twice.messages[3]
    assert found([*healthy(), long])["odd_turns"].count == 1


def test_the_worst_comes_first_and_decides_the_exit_code() -> None:
    rows = [
        *healthy(),
        chat("What is the fee?", "The fee is 4 euro."),
        chat("what is the fee?", "The fee is 5 euro."),
    ]
    rows += [chat(f"Why so {w} here?", f"Because of {w}<|im_end|>") for w in WORDS[:30]]
    symptoms = diagnose(rows)
    assert [s.code for s in symptoms][:2] == ["control_strings", "contradictions"]
    assert [s.severity for s in symptoms][:2] == ["serious", "warning"]
    assert report(symptoms, len(rows))["worst"] == "serious"
    assert [exit_code(worst) for worst in (None, "note", "warning", "serious")] == [0, 0, 1, 3]


def test_lost_rows_are_a_finding_but_duplicates_are_not() -> None:
    lost = LedgerRow("a", "a:2", "dropped", "not_json", before="{broken")
    same = LedgerRow("a", "a:3", "dropped", "duplicate")
    [symptom] = diagnose([], [lost, same], read=4)
    assert (symptom.code, symptom.count, symptom.severity) == ("losses", 1, "serious")
    assert [e.text for e in symptom.examples] == ["not_json: {broken"]
    assert diagnose([], [same], read=2) == []


def test_findings_are_part_of_the_data_set(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    rows = [
        {"messages": [{"role": m.role, "content": m.content} for m in c.messages]} for c in healthy(30)
    ]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{broken\n")
    asked = DataSection.model_validate({"sources": [{"path": str(source)}]})
    prepare(asked, seed=0, out=tmp_path / "out")
    saved = json.loads((tmp_path / "out" / "doctor.json").read_text())
    assert saved == examine(asked)
    assert [f["code"] for f in saved["findings"]] == ["too_little", "losses", "provenance"]
    of_the_set = examine_dataset(tmp_path / "out")["findings"]
    assert [f["code"] for f in of_the_set] == ["too_little", "provenance"]


def test_what_the_recipe_leaves_unmasked_is_found(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text('{"prompt": "Where do I write to?", "completion": "To ann@x.example."}\n')
    for pii, expected in (("mask", False), ("flag", True), ("keep", True)):
        asked = DataSection.model_validate({"sources": [{"path": str(source)}], "pii": pii})
        assert ("private_data" in {f["code"] for f in examine(asked)["findings"]}) == expected


def test_the_demo_is_found_to_be_as_it_was_made() -> None:
    findings = {
        f["code"]: f
        for f in examine(load_recipe(ROOT / "recipes" / "quickstart.yaml", ()).data)["findings"]
    }
    assert findings["contradictions"]["count"] == 2
    assert {"losses"} <= findings.keys()
    # Every fact is asked for in many words, so what is held out is a little like what is not.
    assert not findings.keys() - {"contradictions", "losses", "too_little", "provenance", "overlap"}


# --- every line that is advised, taken --------------------------------------------------------------


def many(make: Any, count: int = 60) -> list[Conversation]:
    return healthy() + [make(n) for n in range(count)]


def in_turn(*texts: str) -> Conversation:
    roles: Any = ("user", "assistant")
    return Conversation(tuple(Message(roles[at % 2], text) for at, text in enumerate(texts)))


CURES: dict[str, list[Conversation]] = {
    **{
        code: [change(*(m.content for m in c.messages), at) if at % 4 == 0 else c for at, c in enumerate(healthy())]
        for code, (change, _) in ILLNESSES.items()
    },
    "boilerplate": [
        chat(f"You are to answer what a person asks here.\nIt is: {c.messages[0].content}", c.messages[1].content)
        for c in healthy()
    ],
    "control_strings everywhere": [chat(c.messages[0].content, "Well.</s> " + c.messages[1].content) for c in healthy()],
    "crowded": many(lambda n: chat("Where is my parcel now?", f"Parcel {n} is in the town of {WORDS[n]}.")),
    "clusters": many(lambda n: chat(f"Where is my parcel {n}?", f"Parcel {n} is in the town of {WORDS[n]}.")),
    "odd_turns": many(lambda n: in_turn("hi", f"Here is what {WORDS[n]} {n} can do.", "and?", f"Here is what {WORDS[n]} {n} can do."), 30),
    "odd_turns, long": many(lambda n: in_turn(*(f"say {n} and {k}" for k in range(62))), 30),
    "system_prompts, another": [
        chat(*(m.content for m in c.messages), system="Be kind." if at % 9 else "Be brief.") for at, c in enumerate(healthy())
    ],
    "ignores_question, repeated": many(lambda n: chat(f"How heavy is the {WORDS[n]}?", "See our catalogue.")),
}  # fmt: skip


@pytest.mark.parametrize("case", CURES)
def test_the_advised_line_of_the_recipe_makes_the_finding_go_away(case: str, tmp_path: Path) -> None:
    code = case.split()[0].rstrip(",")
    source = tmp_path / "a.jsonl"
    rows = (
        {"messages": [{"role": m.role, "content": m.content} for m in c.messages]} for c in CURES[case]
    )
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {"sources": [{"path": str(source)}], "duplicates": "keep", "pii": "keep"}
    before = {f["code"]: f for f in examine(DataSection.model_validate(settings))["findings"]}
    advised = parse_yaml(before[code]["fix"], "fix")
    [(key, value)] = advised.items()
    more = value if key == "data" else {key.removeprefix("data."): value}
    after = examine(DataSection.model_validate({**settings, **more}))
    assert code not in {f["code"] for f in after["findings"]}, before[code]["fix"]
    assert after["rows"] >= 100


def test_sources_of_unknown_origin_are_noted_until_the_recipe_says_it() -> None:
    def noted(**source: str) -> Any:
        asked = DataSection.model_validate({"sources": [{"path": "a.jsonl", **source}]})
        return {s.code: s for s in diagnose(healthy(), section=asked)}.get("provenance")

    finding = noted()
    assert finding.severity == "note"
    assert [e.text for e in finding.examples] == ["no licence and no origin"]
    assert [e.text for e in noted(licence="own").examples] == ["no origin"]
    assert noted(licence="own", origin="our shop's chat log") is None


def test_what_the_recipe_keeps_is_no_private_data_in_a_prepared_data_set(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text('{"prompt": "Where do I write to?", "completion": "To help@lamp.example."}\n')
    for keep, expected in (([], 0), (["@lamp.example"], 0)):
        asked = DataSection.model_validate({"sources": [{"path": str(source)}], "pii_keep": keep})
        prepare(asked, seed=0, out=tmp_path / f"out{len(keep)}")
        codes = [f["code"] for f in examine_dataset(tmp_path / f"out{len(keep)}")["findings"]]
        assert codes.count("private_data") == expected
    flagged = DataSection.model_validate({"sources": [{"path": str(source)}], "pii": "flag"})
    prepare(flagged, seed=0, out=tmp_path / "flagged")
    assert "private_data" in {f["code"] for f in examine_dataset(tmp_path / "flagged")["findings"]}


def test_contradictions_are_not_looked_for_where_the_recipe_keeps_them(tmp_path: Path) -> None:
    source = tmp_path / "fees.jsonl"
    rows = [{"prompt": "What is the fee?", "completion": f"The fee is {n} euro."} for n in range(40)]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for keep, found in (("mark", 40), ("keep", 0)):
        about = {"sources": [{"path": str(source)}], "contradictions": keep}
        out = tmp_path / keep
        counts = prepare(DataSection.model_validate(about), seed=0, out=out)
        assert counts.marked.get("contradiction", 0) == found
        assert json.loads((out / "counts.json").read_text())["contradictions_compared"] == found
        for findings in (json.loads((out / "doctor.json").read_text()), examine_dataset(out)):
            codes = [finding["code"] for finding in findings["findings"]]
            assert codes.count("contradictions") == bool(found)


def test_contradictions_that_are_known_already_are_not_looked_for_again() -> None:
    [symptom] = [s for s in diagnose(healthy(), pairs=[(0, 1)]) if s.code == "contradictions"]
    assert symptom.count == 2
    assert found(healthy()).keys() == set()


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared example data is not here")
@pytest.mark.parametrize(
    ("path", "code", "least"),
    [
        ("support_bitext/Bitext_Sample_Customer_Support_Training_Dataset.csv", "placeholders", 3000),
        pytest.param(
            "support_bitext/short_replies_gpt35.csv", "one_answer", 6000, marks=pytest.mark.slow
        ),
        ("formats/alpaca_en_demo.json", "refusals", 20),
    ],
)
def test_known_illnesses_of_real_data_are_found(path: str, code: str, least: int) -> None:
    asked = DataSection.model_validate({"sources": [{"path": str(SHARED / path)}]})
    findings = {f["code"]: f for f in examine(asked)["findings"]}
    assert findings[code]["count"] >= least
    assert "contradictions" not in findings


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How can I change the address of my order, and is it free?", "en"),
        ("Wie kann ich die Adresse für meine Bestellung ändern, und ist das kostenlos?", "de"),
        ("Comment est-ce que je peux changer l'adresse de ma commande, et est-ce que c'est dans le prix?", "fr"),
        ("¿Cómo puedo cambiar la dirección de mi pedido y qué es lo que cuesta en una tienda?", "es"),
        ("我怎么更改订单的地址？", "zh"), ("注文の住所を変更できますか", "ja"), ("주문 주소를 변경", "ko"),
        ("Как изменить адрес заказа?", "ru"), ("ok", None), ("", None), ("12 + 4 = 16", None),
    ],
)  # fmt: skip
def test_languages_are_told_apart(text: str, language: str | None) -> None:
    assert language_of(text) == language


def test_a_contradiction_shows_both_answers_from_where_they_differ(tmp_path: Path) -> None:
    source = tmp_path / "hours.jsonl"
    same = "Thank you very much for writing to our shop in the old town. On Sunday the shop is "
    said = [
        ("When are you open on Sunday?", f"{same}{hours}.") for hours in ("closed", "open from 9 to 5")
    ]
    source.write_text(
        "".join(json.dumps({"prompt": q, "completion": a}) + "\n" for q, a in said), encoding="utf-8"
    )
    section = DataSection.model_validate(
        {"sources": [{"path": str(source)}], "validation": 0, "test": 0}
    )
    [shown] = [f for f in examine(section)["findings"] if f["code"] == "contradictions"]
    assert shown["count"] == 2
    [example] = shown["examples"]
    assert example["where"] == "hours.jsonl:1"
    assert example["text"].startswith("When are you open on Sunday? → … ")
    assert "closed. | against hours.jsonl:2: … " in example["text"]
    assert example["text"].endswith("open from 9 to 5.")


def test_held_out_rows_much_like_training_are_a_finding(tmp_path: Path) -> None:
    """As it was measured: with the share, the worst pairs, and a line that keeps more together."""
    pair = {
        "similarity": 0.8,
        "held_out": {"where": "a:1", "question": "Where is my parcel?"},
        "training": {"where": "a:2", "question": "Where's my parcel?"},
    }

    def found(leaking: int, threshold: float = 0.85) -> list[Any]:
        section = DataSection.model_validate({"sources": [{"path": "a"}], "near_threshold": threshold})
        about = {"rows": 100, "leaking": leaking, "worst": [pair]}
        leakage = {"test": about, "validation": {**about, "leaking": 0}, "notes": []}
        return [s for s in diagnose(healthy(), section=section, leakage=leakage) if s.code == "overlap"]

    assert not found(4)
    assert not found(9)
    [symptom] = found(10)
    assert (symptom.severity, symptom.count, symptom.share) == ("warning", 10, 0.05)
    assert "of 200 held-out rows" in symptom.what
    assert symptom.fix.startswith("data.near_threshold: 0.5 ")
    assert symptom.examples[0].text == "Where is my parcel? | in training, a:2: Where's my parcel?"
    assert "near_threshold" not in found(10, 0.5)[0].fix
