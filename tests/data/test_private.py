"""Private data: found nearly always, nothing else touched, and nothing of it left anywhere."""

# ruff: noqa: E501 - tables

from __future__ import annotations

import importlib.util
import json
import random
import sys
import time
import types
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from planted import near_misses, plant
from planted_world import plant_world, world_of_near_misses

from talkwright.config import DataSection, load_recipe
from talkwright.data import prepare, read_dataset
from talkwright.data.cleaning import masks, private
from talkwright.data.cleaning.looks import Text
from talkwright.data.cleaning.masks import protect
from talkwright.data.cleaning.presidio import find_by_presidio, merged, stay_offline
from talkwright.data.cleaning.private import KINDS, find_private
from talkwright.errors import DataError
from talkwright.runs import read_parquet
from talkwright.types import Message

ROOT = Path(__file__).resolve().parents[2]
SECTION = DataSection.model_validate({"sources": [{"path": "unused"}]})


def section(**changes: Any) -> DataSection:
    return SECTION.model_copy(update=changes)


def said(*texts: str) -> tuple[Message, ...]:
    roles: Any = ("user", "assistant")
    return tuple(Message(roles[at % 2], text) for at, text in enumerate(texts))


def masked(text: str, **changes: Any) -> str:
    return protect(said(text), section(**changes)).messages[0].content


def test_recall_and_precision_on_planted_cases(capsys: pytest.CaptureFixture[str]) -> None:
    planted, harmless = plant(1400, seed=5), near_misses(1400, seed=6)
    found: Counter[str] = Counter()
    for kind, value, sentence in planted:
        if value not in masked(sentence) and f"[{kind}]" in masked(sentence):
            found[kind] += 1
    wrong = [sentence for sentence in harmless if masked(sentence) != sentence]
    asked = Counter(kind for kind, _, _ in planted)
    recall = sum(found.values()) / len(planted)
    precision = sum(found.values()) / (sum(found.values()) + len(wrong))
    with capsys.disabled():
        print(  # noqa: T201 - the figure is wanted in the log
            f"\nprivate data: recall {recall:.3f}, precision {precision:.3f} (planted and near-misses)"
        )
    assert recall >= 0.98, {kind: found[kind] / asked[kind] for kind in asked}
    assert precision >= 0.98, wrong[:10]
    for kind, count in asked.items():
        assert found[kind] >= 0.95 * count, kind
    assert set(asked) == set(KINDS)


def test_recall_and_precision_by_another_generator(capsys: pytest.CaptureFixture[str]) -> None:
    planted, harmless = plant_world(1320, seed=21), world_of_near_misses(1320, seed=22)
    asked: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for kind, sub, value, sentence in planted:
        asked[f"{kind}: {sub}"] += 1
        safe = masked(sentence)
        found[f"{kind}: {sub}"] += value not in safe and f"[{kind}]" in safe
    wrong = [sentence for sentence in harmless if masked(sentence) != sentence]
    recall = sum(found.values()) / len(planted)
    precision = sum(found.values()) / (sum(found.values()) + len(wrong))
    with capsys.disabled():
        print(  # noqa: T201 - the figures are wanted in the log
            f"\nprivate data, second generator: recall {recall:.3f}, precision {precision:.3f}; least: "
            + ", ".join(
                f"{sub} {found[sub] / asked[sub]:.2f}"
                for sub in sorted(asked, key=lambda s: found[s] / asked[s])[:3]
            )
        )
    assert recall >= 0.98, {sub: found[sub] / asked[sub] for sub in asked}
    assert precision >= 0.98, wrong[:10]
    for sub, count in asked.items():
        assert found[sub] >= 0.95 * count, sub


SNIPPETS = ["1", "2", "0", "9", "23", "456", "7890", " ", " ", "-", ".", "/", "(", ")", "+", ":", "@", "a", "DE", "X",
            "key=", "sk-", "::", "e", "\n", ",", " at ", " dot ", "[at]", "\u212a", "ſ", "é", "٣", "，", "ssn", "AB", "\u00a0"]  # fmt: skip


def test_looking_around_numbers_finds_what_looking_everywhere_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = [row[2] for row in plant(400, seed=31)] + [row[3] for row in plant_world(400, seed=32)]
    texts += near_misses(400, seed=33) + world_of_near_misses(400, seed=34)
    draw = random.Random(35)
    texts += [" ".join(draw.sample(texts, 4)) for _ in range(300)]
    texts += ["".join(draw.choices(SNIPPETS, k=draw.randrange(5, 50))) for _ in range(6000)]
    around = [find_private(text) for text in texts]

    def all_of_it(text: str) -> Text:
        low = text.lower() if text.isascii() else text.casefold()
        return Text(text, low, True, ((0, len(text), 10**6),), None, text.split())

    monkeypatch.setattr(private, "look_at", all_of_it)
    everywhere = [find_private(text) for text in texts]
    assert around == everywhere
    assert sum(map(bool, around)) > 1000


def test_digits_of_other_scripts_stop_nothing() -> None:
    for text in ("٤٤٠٥١٤٠١٣٥٩", "رقم ١٢٣٤٥٦٧٨٩", "४४०५१४०१३५९ २३४१ २३४१ २३४६"):
        assert find_private(text) is not None


# --- Presidio ------------------------------------------------------------------------------------


class Entity:
    """What Presidio's analyzer gives."""

    def __init__(self, entity_type: str, start: int, end: int, score: float):
        self.entity_type, self.start, self.end, self.score = entity_type, start, end, score


class Analyzer:
    """Finds Ann, Leeds, something it is not sure of, and something nobody asked for."""

    def analyze(self, text: str, language: str) -> list[Entity]:
        assert language == "en"
        words = {"Ann": ("PERSON", 0.85), "Leeds": ("LOCATION", 0.85), "May": ("PERSON", 0.3), "Monday": ("DATE_TIME", 0.9),
                 "ann@x.example": ("PERSON", 0.6)}  # fmt: skip
        return [
            Entity(kind, text.find(word), text.find(word) + len(word), score)
            for word, (kind, score) in words.items()
            if word in text
        ]


TEXT = "Ann of Leeds writes on Monday in May from ann@x.example."


def test_names_and_places_by_presidio_stand_beside_what_is_found_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert sorted(find_by_presidio(TEXT, Analyzer()))[:2] == [(0, 3, "name"), (7, 12, "place")]
    assert merged([(0, 5, "email")], iter([(3, 8, "name"), (8, 9, "place")])) == [
        (0, 5, "email"),
        (8, 9, "place"),
    ]
    monkeypatch.setattr(masks, "find_by_presidio", lambda text: find_by_presidio(text, Analyzer()))
    everything = [*KINDS, "name", "place"]
    assert masked(TEXT, pii_engine="presidio", pii_kinds=everything) == (
        "[name] of [place] writes on Monday in May from [email]."
    )
    assert masked(TEXT, pii_engine="presidio", pii_kinds=["place"], pii_keep=["leeds"]) == TEXT


@pytest.mark.skipif(
    importlib.util.find_spec("presidio_analyzer") is not None, reason="Presidio is installed here"
)
def test_presidio_fetches_no_list_of_suffixes(monkeypatch: pytest.MonkeyPatch) -> None:
    extractor = types.SimpleNamespace(suffix_list_urls=("https://publicsuffix.org/list.dat",))
    module = types.ModuleType("tldextract.tldextract")
    module.TLD_EXTRACTOR = extractor  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tldextract", types.ModuleType("tldextract"))
    monkeypatch.setitem(sys.modules, "tldextract.tldextract", module)
    stay_offline()
    assert extractor.suffix_list_urls == ()


def test_presidio_that_is_not_installed_is_said_with_what_to_do() -> None:
    with pytest.raises(DataError, match=r"pip install 'talkwright\[presidio\]'"):
        masked(TEXT, pii_engine="presidio")


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("ann.b+c@mail.example.co.uk, bo@x.de!", "[email], [email-2]!"),
        ("<ann@example.org> ANN@example.org", "<[email]> [email]"),
        ("jürgen@exämple.de", "[email]"),
        ("邮箱是ann@example.com谢谢", "邮箱是[email]谢谢"),
        ("john [at] example [dot] com", "[email]"),
        ("git@github.com:a/b and @name and a@b and x@1.2 and icon@2x.png", ...),
        ("e@" + "a" * 50_000, ...),
        ("0711 / 123456 or +49 171 1234567", "[phone] or [phone-2]"),
        ("Call 0171 1234567 or 01711234567.", "Call [phone] or [phone]."),
        ("Call 555-0147.", ...),
        ("Please call the function foo(12345678), or bar(id=12345678) and baz.qux(1, 12345678).", ...),
        ("I would like to call the new api method with 12345678.", ...),
        ("call(555-234-5678), or my phone(12345678)", "call([phone]), or my phone([phone-2])"),
        ("192.168.0.10, 172.20.3.4, 10.1.2.3 and fe80::1 are mine, 172.217.3.4 is not", "192.168.0.10, 172.20.3.4, 10.1.2.3 and fe80::1 are mine, [ip] is not"),
        ("write to ann at posteo dot de or bob (at) x [dot] org", "write to [email] or [email-2]"),
        ("look at the dot com boom, I work at acme dot com, stay at hotel dot dot dot", ...),
        ("I am at example.com right now", ...),
        ("a n n @ example . com, j o e . d o e @ g m a i l . c o m!", "[email], [email-2]!"),
        ("my e-mail is ann @ example . com ok? Or ann2 @ example . com", "my e-mail is [email] ok? Or [email-2]"),
        ("ann @ example . com", "[email]"),
        ("bob@example . com and bob[@]example[.]com and bob@example dot com", "[email] and [email-2] and [email-3]"),
        ("ann (at) example (dot) com, ann -at- example -dot- com, ann_at_example_dot_org", "[email], [email-2], [email-3]"),
        ("ann.smith at gmail.com; email: ann at gmail.com; my e-mail is bo at example.org", "[email]; email: [email-2]; my e-mail is [email-3]"),
        ("I bought it at gmail.com, sale @ amazon . com today, we met at example dot com", ...),
        ("1 @ 5 . com, A @ B . shape, np.dot(a @ b . c), q @ k . transpose, 3 a b c @ 5 . 0 0, x @ y . To go", ...),
        ("look_at_this_dot_product, a -at- b, meet @ noon . Come early, echo ${x[@]} in.com", ...),
        ("Mozilla/5.0 Chrome/120.0.6099.71, zip 07220-0803", ...),
        ("4600 - 1286 + 4983 + 1010 - 3622", ...),
        ("pi is 3.14159265358979, see 550e8400-e29b-41d4-a716-446655440000", ...),
        ("Card 4111 1111 1111 1111 12/27, not 4111 1111 1111 1112.", "Card [card] 12/27, not 4111 1111 1111 1112."),
        ("DE89 3704 0044 0532 0130 00 and DE89370400440532013000", "[iban] and [iban]"),
        ("DE89 3704 0044 0532 0130 01", ...),
        ("git clone https://ann:s3cr3t-x@git.example.com/x", "git clone https://[login]@git.example.com/x"),
        ("password: hunter2, and then password: yourpassword1", "password: [secret], and then password: yourpassword1"),
        ("from 203.0.113.45, version 1.2.3.44, localhost 127.0.0.1", "from [ip], version 1.2.3.44, localhost 127.0.0.1"),
        ("NHS number 943 476 5919", "NHS number [national_id]"),
        ("My SSN is 536-90-4399, order 000-12-3456", "My SSN is [national_id], order 000-12-3456"),
        ("RSSMRA85T10A562S RSSMRA85T10A562X", "[national_id] RSSMRA85T10A562X"),
        ("11010519491231002X and 44051401359 and 2 69 05 49 588 157 80", "[national_id] and [national_id-2] and [national_id-3]"),
        ("Aadhaar 2341 2341 2346", "Aadhaar [national_id]"),
    ],
)  # fmt: skip
def test_what_is_masked_and_what_is_not(text: str, safe: Any) -> None:
    assert masked(text) == (text if safe is ... else safe)
    assert masked(masked(text)) == masked(text)


def test_placeholders_are_stable_over_a_conversation() -> None:
    first = said("I am a@x.example, he is b@x.example.", "Is b@x.example with A@X.example?")
    safe = protect(first, SECTION, facts=(("a@x.example", "friday"),), group="a@x.example")
    assert [m.content for m in safe.messages] == [
        "I am [email], he is [email-2].",
        "Is [email-2] with [email]?",
    ]
    assert safe.facts == (("[email]", "friday"),)
    assert safe.group is not None
    assert safe.group.startswith("private-")
    assert safe.group == protect(said("q"), SECTION, group="a@x.example").group
    assert safe.repairs == ("masked_email",)
    assert protect(said("q", "a"), SECTION, group="user-7").group == "user-7"


def test_thinking_is_masked_too() -> None:
    [message] = protect((Message("assistant", "Yes", "hm a@x.example"),), SECTION).messages
    assert message == Message("assistant", "Yes", "hm [email]")


def test_kinds_and_exceptions_are_for_the_recipe_to_say() -> None:
    text = "Call +49 711 123456 or write to help@lamp.example or ann@x.example."
    assert masked(text, pii="keep") == text
    assert masked(text, pii_kinds=["phone"]) == text.replace("+49 711 123456", "[phone]")
    assert masked(text, pii_keep=["+49 (711) 12 34 56", "@LAMP.example"]) == text.replace(
        "ann@x.example", "[email]"
    )
    assert "help@" not in masked(text, pii_keep=["@ample"])
    flagged = protect(said(text), section(pii="flag"))
    assert flagged.messages == said(text)
    assert flagged.marks == ("pii_phone", "pii_email")


@pytest.mark.parametrize("how", ["mask", "flag", "drop", "keep"])
def test_the_artefact_does_what_the_recipe_says(tmp_path: Path, how: str) -> None:
    rows = [{"prompt": f"What is word{n}?", "completion": f"It is number {n}."} for n in range(9)]
    secret = "Line one\nann@x.example"
    rows += [{"prompt": "Where do I write to?", "completion": secret, "user_id": "ann@x.example"},
             {"question": "ann@x.example"}, {"prompt": "ann@x.example", "completion": ""}]  # fmt: skip
    source = tmp_path / "a.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows) + '"ann@x.example" broken\n')
    asked = DataSection.model_validate({"sources": [{"path": str(source)}], "pii": how, "test": 0.2})
    found = prepare(asked, seed=0, out=tmp_path / "out")
    assert found.dropped.get("pii", 0) == (how == "drop")
    assert found.marked == ({"pii_email": 1} if how == "flag" else {})
    assert found.repaired == ({"masked_email": 1} if how == "mask" else {})
    everything = str(list(read_parquet(tmp_path / "out" / "ledger.parquet")))
    everything += "".join(path.read_text() for path in (tmp_path / "out").glob("*.json*"))
    assert ("ann@x" in everything) == (how in ("flag", "keep"))


def test_a_raw_row_is_masked_in_whatever_escaping() -> None:
    for raw in (
        json.dumps({"a": "x\n0171 1234567", "b": "jürgen@exämple.de"}),
        "https:\\/\\/ann:pw12345x@x.example 0171 1234567 jürgen@exämple.de",
    ):
        before = protect(said("0171 1234567, jürgen@exämple.de"), SECTION, raw=raw).before
        assert not any(part in before for part in ("1234567", "xc4mple", "exämple", "pw12345x"))
        assert "[phone]" in before


def test_no_fact_of_the_demo_is_masked(tmp_path: Path) -> None:
    recipe = load_recipe(ROOT / "recipes" / "quickstart.yaml", ())
    prepare(recipe.data, seed=recipe.seed, out=tmp_path / "out")
    facts = yaml.safe_load((ROOT / "examples" / "lumenbird" / "facts.yaml").read_text(encoding="utf-8"))
    answers = " ".join(
        m.content for rows in read_dataset(tmp_path / "out").values() for c in rows for m in c.messages
    ).lower()
    for fact in facts:
        spellings = [str(spelling) for spelling in fact["spellings"]]
        assert any(spelling.lower() in answers for spelling in spellings), fact["id"]
        for spelling in spellings:
            assert masked(spelling) == spelling
        for text in (*fact["answers"], *fact["questions"], *fact["held_out"]):
            assert masked(text) == text


HOSTILE = ["a." * 40_000 + "@", "1 " * 50_000, "a@b.example " * 8_000, "-----BEGIN PRIVATE KEY-----" * 3_000,
           "x [at] " * 12_000, "key=" * 25_000, "://a:" * 20_000, "1.1.1." * 16_000, ":" * 90_000,
           "eyJaaaaaaaa." * 8_000, "a @ " * 20_000, "a " * 40_000 + "@", "a_at_" * 16_000 + "dot", "a@b . " * 15_000,
           "mail a.b at " * 8_000, "a@b[.]" * 12_000, "DE89 " * 18_000, "A" * 90_000, "+1" * 45_000, "((((" * 20_000]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=[text[:12] for text in HOSTILE])
def test_hostile_text_is_searched_in_time(text: str) -> None:
    started = time.process_time()
    find_private(text)
    assert time.process_time() - started < 3
