"""Private data that a reader sees and a search for plain signs does not, and what a talk says of a number."""

# ruff: noqa: E501 - tables

from __future__ import annotations

import json

import pytest

from talkwright.config import DataSection
from talkwright.data.cleaning.masks import protect
from talkwright.types import Message

SECTION = DataSection.model_validate({"sources": [{"path": "unused"}]})


def masked(*texts: str) -> list[str]:
    talk = tuple(Message("assistant" if at % 2 else "user", text) for at, text in enumerate(texts))
    return [message.content for message in protect(talk, SECTION).messages]


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("jens.we\u00adber@posteo\u200b.net", "[email]"),
        ("jens\\_weber\\@posteo.net", "[email]"),
        ("x.example/u?mail=jens.weber%40posteo.net", "x.example/u?mail=[email]"),
        ("mi correo es ana.lopez arroba gmail punto com", "mi correo es [email]"),
        ("jens.weber[ät]posteo.net, jens(a)posteo.net", "[email], [email-2]"),
        ("06\u202f12\u202f34\u202f56\u202f78", "[phone]"),
        ("4111\u200b1111\u200b1111\u200b1111", "[card]"),
        ("DE89\u202f3704\u202f0044\u202f0532\u202f0130\u202f00", "[iban]"),
        ("SSN 078\u201105\u20111120", "SSN [national_id]"),
        ("اتصل بي على ٠٥٠١٢٣٤٥٦٧", "اتصل بي على [phone]"),
        ("https://wa.me/4915112345678", "https://wa.me/[phone]"),
        ("mi teléfono es 612345678", "mi teléfono es [phone]"),
        ("私の電話番号は09012345678です", "私の電話番号は[phone]です"),
        ("제 번호는 01012345678 입니다", "제 번호는 [phone] 입니다"),
        ("позвоните мне 89161234567", "позвоните мне [phone]"),
        ("zadzwoń do mnie 601234567", "zadzwoń do mnie [phone]"),
        ("nomor HP saya 081234567890", "nomor HP saya [phone]"),
        ("mob: 07911123456", "mob: [phone]"),
    ],
)
def test_what_is_written_otherwise_is_masked_whole(text: str, safe: str) -> None:
    assert masked(text) == [safe]


@pytest.mark.parametrize(
    "text",
    [
        "我的手机订单号是20240512001", "позвоните по заказу 89161234567", "전화 주문번호 01012345678",
        "mein Handy, Bestellnummer 0171123456", "my phone shows error 44073034", "una arroba de papas",
        "choose (a) foo.com or (b) bar.com", "f(a).b", "C:\\temp\\_new\\(1) 20240512",
    ],
)  # fmt: skip
def test_numbers_of_things_stay_in_other_languages_too(text: str) -> None:
    assert masked(text) == [text]


@pytest.mark.parametrize(
    ("asked", "said", "safe"),
    [
        ("May I have your phone number?", "5125550182", "[phone]"),
        ("What is the phone number on the account?", "It's 5125550182, order 77312345", "It's [phone], order 77312345"),
        ("¿Me da su número de teléfono, por favor?", "612345678", "[phone]"),
        ("请问您的电话号码是多少？", "13812345678", "[phone]"),
        ("And your SSN?", "536904399", "[national_id]"),
        ("What is your order number?", "5125550182", "5125550182"),
        ("Your phone number or order number, please?", "77312345678", "77312345678"),
        ("Is this about a phone? What is the serial number?", "12345678901", "12345678901"),
    ],
)  # fmt: skip
def test_a_bare_number_is_what_the_turn_before_asked_for(asked: str, said: str, safe: str) -> None:
    assert masked("Hello", asked, said)[2] == safe


def test_a_value_met_once_is_masked_all_over_the_talk() -> None:
    assert masked("5125550182 here", "Is your phone 512-555-0182?") == [
        "[phone] here",
        "Is your phone [phone]?",
    ]
    assert masked("my password: hunter2abc", "hunter2abc is weak") == [
        "my password: [secret]",
        "[secret] is weak",
    ]


@pytest.mark.parametrize(
    "spelt",
    [
        "jens.weber&#64;posteo.net", "jens.weber\\u0040posteo.net", "<b>jens.weber</b>@posteo.net",
        "<td>jens.weber@posteo.net</td>", "jens.weber<wbr>&commat;posteo.net",
    ],
)  # fmt: skip
def test_a_raw_row_is_masked_in_whatever_markup(spelt: str) -> None:
    raw = '{"prompt": "I am ' + spelt + '", "completion": "\\u002b49 171 2345678"}'
    for said in ("jens.weber@posteo.net", "something else"):
        talk = (Message("user", said), Message("assistant", "+49 171 2345678"))
        before = protect(talk, SECTION, raw=raw).before
        assert "weber" not in before
        assert "posteo" not in before
        assert '"completion": "[phone]"}' in before


def test_a_value_at_the_end_of_what_is_shown_is_not_shown_in_part() -> None:
    raw = json.dumps({"text": "x" * 780 + " jens.weber@posteo.net " + "y" * 200})
    before = protect((Message("user", "x"),), SECTION, raw=raw).before
    assert before.endswith("x [email]")


def test_a_backslash_that_escapes_nothing_stays() -> None:
    raw = "C:\\New\\Ring\\Temp \\N \\U00e9 \\uZZZZ"
    assert protect((Message("user", "x"),), SECTION, raw=raw).before == raw
