"""Private data as people type it into a chat window: the third generator, and shapes that were once missed."""

# ruff: noqa: E501 - tables

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import replace

import pytest
from planted_daily import daily_near_misses, plant_daily

from talkwright.config import DataSection
from talkwright.data.cleaning import private
from talkwright.data.cleaning.looks import Text
from talkwright.data.cleaning.masks import protect
from talkwright.data.cleaning.private import find_private
from talkwright.types import Message, ToolCall

SECTION = DataSection.model_validate({"sources": [{"path": "unused"}]})


def masked(text: str) -> str:
    return protect((Message("user", text),), SECTION).messages[0].content


def test_recall_and_precision_on_daily_talk(capsys: pytest.CaptureFixture[str]) -> None:
    planted, harmless = plant_daily(1020, seed=41), daily_near_misses(1012, seed=42)
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
            f"\nprivate data, third generator: recall {recall:.3f}, precision {precision:.3f}"
        )
    assert recall >= 0.98, {sub: found[sub] / asked[sub] for sub in asked}
    assert precision >= 0.98, wrong[:10]
    for sub, count in asked.items():
        assert found[sub] >= 0.9 * count, sub


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("(212) 555-0198 and 212.555.0198", "[phone] and [phone]"),
        ("my number is 415 555 2671", "my number is [phone]"),
        ("My number is 4155552671.", "My number is [phone]."),
        ("Where is my order? My number is 4155552671", "Where is my order? My number is [phone]"),
        ("In case you need me: 415-555-2671", "In case you need me: [phone]"),
        ("電話は０３－１２３４－５６７８です", "電話は[phone]です"),
        ("+１ ４１５ ５５５ ２６７１", "[phone]"),
        ("046 454 286", "[national_id]"),
        ("my sin is 046454286", "my sin is [national_id]"),
        ("Tel:4155552671, x3", "Tel:[phone], x3"),
        ("4111.1111.1111.1111", "[card]"),
        ("ann.lee＠gmail.com", "[email]"),
        ('{"password": "aB3#fG6&kL9@"}', '{"password": "[secret]"}'),
        ("X?password=hunter22&user=ann", "X?password=[secret]&user=ann"),
        ("756.9217.0769.85", "[national_id]"),
        ("RUT 12.345.678-5", "RUT [national_id]"),
        ("131052-308T", "[national_id]"),
        ("S1234567D", "[national_id]"),
        ("A123456(3)", "[national_id]"),
        ("12345678-Z or 12.345.678-Z", "[national_id] or [national_id-2]"),
        ("RSS MRA 85T10 A562S", "[national_id]"),
    ],
)
def test_what_was_once_missed(text: str, safe: str) -> None:
    assert masked(text) == safe


@pytest.mark.parametrize(
    "text",
    [
        "It was 331 002 651 people in 2020",
        "EUR 130 692 544 in total",
        "130 692 545",
        "130-692-545 is on the box",
        "756.9217.0769.86",
        "RUT 12.345.678-6",
        "131052-308U",
        "S1234567E",
        "A123456(4)",
        "10::20 and 12:30::45",
        "confirmation number: 735-559-2624",
        "sale @ amazon.com",
        "1，234，567 ２０２４年",
        "the serial number is 4155552671",
    ],
)
def test_what_is_left_alone(text: str) -> None:
    assert masked(text) == text


SNIPPETS = ["1", "23", "456", "7890", "756.", " ", "-", ".", "/", "(", ")", ":", "@ ", " .com", "a", "AB", "S", "pw=", "key ",
            "passport no. ", "pan ", "my number is ", "０", "９", "＠", "ssn", "sin ", "\u00a0", "\u2013", "é", "ſ", "&", "id "]  # fmt: skip


def test_looking_around_numbers_finds_what_looking_everywhere_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = [row[3] for row in plant_daily(400, seed=51)] + daily_near_misses(400, seed=52)
    draw = random.Random(53)
    texts += [" ".join(draw.sample(texts, 4)) for _ in range(200)]
    texts += ["".join(draw.choices(SNIPPETS, k=draw.randrange(5, 40))) for _ in range(3000)]
    around = [find_private(text) for text in texts]

    def all_of_it(text: str) -> Text:
        low = text.lower() if text.isascii() else text.casefold()
        return Text(text, low, True, ((0, len(text), 10**6),), None, text.split())

    monkeypatch.setattr(private, "look_at", all_of_it)
    everywhere = [find_private(text) for text in texts]
    assert around == everywhere
    assert sum(map(bool, around)) > 500


HOSTILE = ["a @ b." * 12_000, "a@ b" * 20_000, "key 1 " * 12_000, "pw" * 45_000, "(555) " * 14_000, "１ " * 40_000, "756.1234." * 9_000,
           "passport 1234567 " * 5_000, "pan " * 20_000, "ABCDE1" * 14_000, "my number is " * 7_000, "1 - " * 20_000, "415-555-2671 " * 6_000,
           "a&b" * 30_000, "password=aaaaaa1&" * 5_000, "1x" * 40_000, "x@" * 40_000, "123-456-" * 10_000, "a.b@c.d " * 10_000]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=[text[:9] for text in HOSTILE])
def test_hostile_text_is_searched_in_time(text: str) -> None:
    started = time.process_time()
    find_private(text)
    assert time.process_time() - started < 3


THING_NUMBERS = [
    "part no. {}", "Part number: {}", "order #{}", "my order {} is late", "ref {}", "Ref.: {}", "SKU {}",
    "the model is {}", "model {}", "ticket {}", "Ticket #: {}", "invoice number {}", "Invoice no {}",
    "item code {}", "serial no: {}", "case no. {}", "tracking number is {}", "Artikelnummer: {}",
    "P/N {}", "(SKU: {})", "reference number = {}",
]  # fmt: skip
PERSONS_NUMBERS = [
    "{}", "It is {}.", "my number is {}", "SSN {}", "ssn: {}", "Social security number: {}", "customer {}",
    "employee id {}", "In this case {} is mine", "member number {}", "for my order you asked: {}",
    "I placed an order. {} is me", "ref my SSN: {}", "order form, SSN no. {}", "in any case, {}",
    "department {}", "born in June, {}", "Reference person: {}",
]  # fmt: skip


@pytest.mark.parametrize("frame", THING_NUMBERS)
def test_the_number_of_a_thing_is_no_national_id(frame: str) -> None:
    text = frame.format("123-45-6789")
    assert masked(text) == text


@pytest.mark.parametrize("frame", PERSONS_NUMBERS)
def test_a_persons_number_is_one_still(frame: str) -> None:
    assert masked(frame.format("123-45-6789")) == frame.format("[national_id]")


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("redis://:sekret@10.0.0.1:6379", "redis://[login]@10.0.0.1:6379"),
        ("8 (916) 123-45-67", "[phone]"), ("8-916-123-45-67", "[phone]"),
        ("98765-43210 whatsapp me", "[phone] whatsapp me"),
        ("612 345 678 es mi móvil", "[phone] es mi móvil"),
        ("It is 612 345 679, please call me", "It is [phone], please call me"),
        ("ann.b@example,com", "[email]"), ("CNPJ 11.222.333/0001-81", "CNPJ [national_id]"),
    ],
)  # fmt: skip
def test_further_ways_to_write_private_data(text: str, safe: str) -> None:
    assert masked(text) == safe


@pytest.mark.parametrize(
    "text",
    [
        "http://:8080/x", "8 (16) 23-45", "Lots 12345-67890 per mobile phone", "11.222.333/0001-82",
        "100 200 300 is my score on the phone", "Sizes a@2x,com and others", "follow @ann,com",
        "612 345 678 es mi saldo",
    ],
)  # fmt: skip
def test_what_only_looks_like_them(text: str) -> None:
    assert masked(text) == text


def test_an_address_in_the_id_of_a_call_is_masked_on_both_sides() -> None:
    call = ToolCall("f", "{}", "for-ann@example.com")
    result = Message("tool", "ok", None, (), "f", "for-ann@example.com")
    turns = (Message("user", "Key?"), Message("assistant", "", None, (call,)), result)
    section = DataSection.model_validate({"sources": [{"path": "x"}]})
    safe = protect(turns, section).messages
    assert safe[1].tool_calls[0].id == safe[2].tool_call_id == "[email]"
    other = replace(result, tool_call_id="call_1234567890")
    assert protect((*turns[:2], other), section).messages[2] is other
