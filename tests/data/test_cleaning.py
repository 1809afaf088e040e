"""Repairs: made only where certain, and always named."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkwright.config import DataSection
from talkwright.data.cleaning.clean import clean, fix_unicode, strip_html
from talkwright.types import Message

SECTION = DataSection.model_validate({"sources": [{"path": "unused"}]})
OFF = SECTION.model_copy(update={"fix_unicode": False, "strip_html": False})


def turns(*pairs: str) -> tuple[Message, ...]:
    """ "u:hello" is a user's turn, and so on."""
    roles: Any = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    return tuple(Message(roles[text[0]], text[2:]) for text in pairs)


@pytest.mark.parametrize(
    ("before", "after", "repairs"),
    [
        (("u:q", "a:x"), ("u:q", "a:x"), ()),
        (("u:q", "u:more", "a:x", "a:y"), ("u:q\n\nmore", "a:x\n\ny"), ("merged_turns",)),
        (("u:q", "a:x", "u:bye"), ("u:q", "a:x"), ("dropped_trailing_user",)),
        (("a:Welcome", "u:q", "a:x"), ("u:q", "a:x"), ("dropped_leading_assistant",)),
        (("u:q", "s:rule", "a:x"), ("s:rule", "u:q", "a:x"), ("moved_system",)),
        (("s:one", "s:two", "u:q", "a:x"), ("s:one\n\ntwo", "u:q", "a:x"), ("merged_system",)),
        (("u:q", "a: ", "a:x"), ("u:q", "a:x"), ("removed_empty_turn",)),
        (("u: q", "a:x\n"), ("u:q", "a:x"), ("stripped_whitespace",)),
        (("u:q", "a:c", "t:1", "t:2", "a:x"), ("u:q", "a:c", "t:1", "t:2", "a:x"), ()),
        (("u:q\r\nr", "a:x\u2028y"), ("u:q\nr", "a:x\ny"), ("fixed_line_ends",)),
        (("u:cafÃ©", "a:sch\x00Ã¶n"), ("u:café", "a:schön"), ("fixed_unicode",)),
        (("u:q", "a:<p>x</p>"), ("u:q", "a:x"), ("stripped_html",)),
    ],
)
def test_each_repair_and_its_name(
    before: tuple[str, ...], after: tuple[str, ...], repairs: tuple[str, ...]
) -> None:
    assert clean(turns(*before), SECTION) == (turns(*after), repairs)


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        ((), "empty"),
        (("u:", "a: "), "empty"),
        (("u:q",), "no_assistant_turn"),
        (("u:q", "a:"), "no_assistant_turn"),
        (("a:x",), "no_user_turn"),
        (("s:r", "a:x"), "no_user_turn"),
        (("a:x", "u:q"), "no_assistant_turn"),
        (("u:q", "a:<p></p>"), "no_assistant_turn"),
        (("u:q", "a:" + "x" * 100_001), "too_long"),
        (("u:q", "a:" + "<p>" * 400_000), "too_long"),
    ],
)
def test_each_drop_reason(before: tuple[str, ...], reason: str) -> None:
    assert clean(turns(*before), SECTION) == reason


def test_thinking_is_split_from_the_answer() -> None:
    found = clean(turns("u:q", "a:<think>\nhm ...\n</think>\n\nYes"), SECTION)
    expected = (Message("user", "q"), Message("assistant", "Yes", "hm ..."))
    assert found == (expected, ("split_thinking",))
    assert clean(turns("u:what is <think>x</think>?", "a:<think> open"), SECTION) == (
        turns("u:what is <think>x</think>?", "a:<think> open"),
        (),
    )


@pytest.mark.parametrize(
    "text",
    [
        "if a < b and c > d", "Dear <your name>,", "List<String> and Map<K, V>", "vector<a> x;",
        "Enter your <address> and <title> here", "Order {{Order Number}}", "a<b>c", "<3 you",
        "AT&T; R&D", "https://x.example/?a=1&copy=2", "Use `<b>` for bold", "&bogus;", "5 <br",
        "```html\n<p>hi &amp; bye</p>\n```", "<think>hm</think>", "<|im_start|>", "x <- y; y -> z",
    ],
)  # fmt: skip
def test_what_only_looks_like_html_survives(text: str) -> None:
    assert strip_html(text) == text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<p>One</p><p>Two<br/>Three</p>", "One\n\nTwo\nThree"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ('See <a href="https://x.example/y">the page</a>.', "See the page (https://x.example/y)."),
        ('<a href="https://x.example/">https://x.example</a>', "https://x.example"),
        ("<DIV style='a:b'>Hi&nbsp;there</DIV>", "Hi there"),
        ("R&amp;D &lt;b&gt; it&#39;s", "R&D <b> it's"),
        ("<style>p {}</style><!-- c --><b>x</b>", "x"),
        ("<b>Dear <your name></b>", "Dear <your name>"),
        ("1 m<sup>2</sup> is 10<sup> 4 </sup> cm<sup>2</sup>", "1 m^2 is 10^4 cm^2"),
        ("the 1<sup>st</sup> H<sub>2</sub>O", "the 1st H2O"),
        ("<s>5 €</s> <del>4</del> 3 €", "~~5 €~~ ~~4~~ 3 €"),
    ],
)
def test_html_becomes_plain_text(text: str, plain: str) -> None:
    assert strip_html(text) == plain


def test_markup_stays_where_it_is_the_subject() -> None:
    asked = turns("u:How do I make text bold in HTML?", "a:Write <b>text</b>.")
    assert clean(asked, SECTION) == (asked, ())
    for shown in ("Wrap it in <b>...</b>.", "Type <br> where it ends.", "Use &nbsp; for a hard space."):
        asked = turns("u:How do I do that in my post?", f"a:{shown}")
        assert clean(asked, SECTION) == (asked, ())
    dirty = turns("u:And now?", "a:Click <b>Save</b>,<br>then use <b>Send</b>.")
    assert clean(dirty, SECTION) == (
        turns("u:And now?", "a:Click Save,\nthen use Send."), ("stripped_html",)
    )  # fmt: skip
    asked = turns("u:HTML的标签是什么？", "a:比如 <html> 和 </html>。")
    assert clean(asked, SECTION) == (asked, ())


@pytest.mark.parametrize(
    "text",
    [
        "It’s “fine” — really… ﬁne",
        "ｆｕｌｌ ｗｉｄｔｈ",
        "👩‍👩‍👧 ok",
        "Ça va? Ω ≈ ½",
        "a\tb\nc",
        "ö &amp; x",
    ],
)
def test_good_unicode_is_left_alone(text: str) -> None:
    assert fix_unicode(text) == text


TALKED_ABOUT = [
    "why do I see Ã© in my CSV?",
    "What does Ã© mean?",
    'My file has "Ã¼" everywhere',
    "Excel shows cafÃ© instead of café",
    "I get â€™ all over",
    "I opened the file and Ã© appeared",
    "The export is garbled: trÃ¨s bon cafÃ©",
    "What does the Â sign mean in a broken text?",
    "A letra Ã é nasal",
]


@pytest.mark.parametrize("text", TALKED_ABOUT)
def test_mojibake_that_is_talked_about_stays(text: str) -> None:
    talk = turns(f"u:{text}", "a:Save it as you opened it.")
    assert clean(talk, SECTION) == (talk, ())
    answered = turns("u:What is wrong with my utf-8 file?", "a:É became Ã‰, then it was cafÃ©.")
    assert clean(answered, SECTION) == (answered, ())


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Le cafÃ© est trÃ¨s bon", "Le café est très bon"),
        ("I was at the cafÃ© yesterday", "I was at the café yesterday"),
        ("donâ€™t worry â€” it works", "don’t worry — it works"),
        ("Isso Ã© bom, nÃ£o?", "Isso é bom, não?"),
        ("It is â€” really â€” 5 â‚¬", "It is — really — 5 €"),
        ("It’s late, but donâ€™t worry", "It’s late, but don’t worry"),
        ("VoilÃ\u00a0 tout, dÃ©jÃ\u00a0 fini", "Voilà tout, déjà fini"),
        ("VoilÃ  tout", "Voilà tout"),
        ("Ã bientÃ´t, on ira Ã Paris", "à bientôt, on ira à Paris"),
    ],
)
def test_mojibake_that_is_damage_is_repaired(text: str, meant: str) -> None:
    assert clean(turns(f"u:{text}", "a:Yes."), SECTION) == (
        turns(f"u:{meant}", "a:Yes."),
        ("fixed_unicode",),
    )


@pytest.mark.parametrize(
    "text",
    [
        "The letters Ã and Â are used in Portuguese.",
        "Ã is the nasal a, and Â is the closed one.",
        "The letter Ã is A tilde. IRMÃ, MAÇÃ, and Â is A circumflex.",
        "Vietnamese letters: Â Ă Ê Ô Ơ Ư Đ. The letter Â is said first.",
        "AMANHÃ A LOJA ABRE. IRMÃ E LÃ AQUI.",
    ],
)
def test_letters_that_are_only_like_mojibake_stay(text: str) -> None:
    talk = turns("u:Which letters?", f"a:{text}")
    assert clean(talk, SECTION) == (talk, ())


def test_lone_surrogates_never_get_through() -> None:
    for section in (SECTION, OFF, None):
        found = clean(turns("u:q\ud800", "a:x"), section)
        assert found == (turns("u:q\ufffd", "a:x"), ("fixed_unicode",))


def test_steps_that_are_off_do_nothing() -> None:
    dirty = turns("u:cafÃ©\r\n<b>x</b>", "a:a@b.example")
    assert clean(dirty, OFF) == (dirty, ())


HOSTILE = [
    "<a " * 30_000,
    "a." * 40_000 + "@",
    "&" * 90_000,
    "<!--" * 20_000,
    "--><!--" * 10_000 + "<!--" * 5_000,
    "`" * 90_000,
    "<a href='https:" * 6_000,
    "<p " + "a=b " * 20_000,
    "</b><script>" * 8_000,
    "</b><b>" * 12_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=[text[:12] for text in HOSTILE])
def test_hostile_text_is_cleaned_in_time(text: str) -> None:
    started = time.process_time()
    clean((Message("user", "q"), Message("assistant", text)), SECTION)
    assert time.process_time() - started < 3


@given(st.lists(st.tuples(st.sampled_from("suat"), st.text(max_size=20)), max_size=8), st.booleans())
def test_what_is_kept_alternates_and_ends_with_an_answer(
    rows: list[tuple[str, str]], with_section: bool
) -> None:
    found = clean(turns(*(f"{role}:{text}" for role, text in rows)), SECTION if with_section else None)
    if isinstance(found, str):
        assert found in ("empty", "no_user_turn", "no_assistant_turn")
        return
    kept = found[0]
    talk = [m for m in kept if m.role != "system"]
    assert kept[len(kept) - len(talk) :] == tuple(talk)
    assert len(kept) - len(talk) <= 1
    assert (talk[0].role, talk[-1].role) == ("user", "assistant")
    assert all(a.role != b.role or a.role == "tool" for a, b in pairwise(talk))
    assert all(m.content.strip() for m in kept)
