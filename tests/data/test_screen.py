"""Screening: each step finds what it is for, leaves its near-misses alone, and says what it did."""

# ruff: noqa: E501 - tables

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from talkwright.config import DataSection, build_recipe
from talkwright.data import examine
from talkwright.data.cleaning import rules
from talkwright.data.cleaning.answers import (
    is_cut_off,
    is_refusal,
    placeholder_in,
    repeats_itself,
)
from talkwright.data.cleaning.clean import fix_unicode
from talkwright.data.cleaning.language import language_for_certain
from talkwright.data.cleaning.markdown import plain_markdown, tidy_markdown
from talkwright.data.cleaning.screen import Screened, is_evasive, screen, strip_preamble
from talkwright.data.cleaning.surplus import find_surplus
from talkwright.data.cleaning.toxic import is_toxic
from talkwright.errors import DataError, RecipeError
from talkwright.types import Conversation, Message

BASE: dict[str, Any] = {"sources": [{"path": "unused"}]}


def section(**changes: Any) -> DataSection:
    return DataSection.model_validate({**BASE, **changes})


def talk(*texts: str, system: str | None = None) -> tuple[Message, ...]:
    roles: Any = ("user", "assistant")
    head = (Message("system", system),) if system else ()
    return (*head, *(Message(roles[at % 2], text) for at, text in enumerate(texts)))


def screened(*texts: str, system: str | None = None, **changes: Any) -> Screened | str:
    return screen(talk(*texts, system=system), section(**changes))


def test_good_talk_goes_through_unchanged_and_unmarked() -> None:
    said = talk("How do I pay?", "By card, or by bank transfer.", system="Be brief.")
    assert screen(said, section()) == Screened(said)


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        "As an AI language model, I do not have access to that.", "I'm sorry, but I can't assist with that.",
        "I’m sorry, but I cannot help you with that request.", "I cannot fulfill your request.",
        "Unfortunately I am unable to comply with this request.", "I am just an AI and have no taste.",
        "As an AI, I cannot eat.", "My knowledge cutoff is 2021.", "I don't have personal opinions on it.",
        "I can't provide medical advice. Please see a doctor.",
    ],
)  # fmt: skip
def test_refusals_of_models_are_found(answer: str) -> None:
    assert is_refusal(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't refund after 30 days.", "I'm afraid we cannot ship to islands.",
        "As an AI startup, we sell chips.", "I am an AI researcher at Acme.", "You cannot help with that form alone.",
        "I am the assistant of Lumenbird, and I know lamps.", "I can't find order 12; is the number right?",
        "Sorry, I cannot change the address once it is sent.", "The lamp cannot provide more than 5 volts.",
        "The word AI, as an abbreviation, is from 1956.",
    ],
)  # fmt: skip
def test_what_a_shop_cannot_do_is_no_refusal(answer: str) -> None:
    assert not is_refusal(answer)


# --- placeholders --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("where?", "Your order {{Order Number}} is on its way.", True),
        ("who?", "Call us at [Company Phone Number].", True),
        ("cost?", "It is ${PRICE} a month.", True),
        ("How do I greet in Jinja?", "Write Hello {{name}} and render it.", False),
        ("How does a template look?", "Dear {{name}}, hello.", False),
        ("show me", "Use `{{name}}` in the file.", False),
        ("show me", "Like so:\n```\nHi {{name}}\n```", False),
        ("Write a letter to my landlord", "Dear [Name],\nI write to you because ...", False),
        ("links?", "See [your account](https://x.example/a).", False),
        ("maths?", "The set {{1}, {2}} has two elements.", False),
        ("list?", "[1] is the first, [date] no field of ours", True),
    ],
)
def test_fields_that_nobody_filled_in(question: str, answer: str, expected: bool) -> None:
    assert (placeholder_in(answer, question) is not None) == expected


# --- repetition ----------------------------------------------------------------------------------

CODE = "for i in range(3):\n" + "    print(value_of_the_item, end='')\n" * 6
TABLE = "| name | size |\n" + "| lamp of some kind | 10 |\n" * 5
SONG = "Deck the halls with boughs of holly, fa la la la la, la la la la. 'Tis the season to be jolly, fa la la la la, la la la la."
REFRAIN = " ".join(
    f"Verse {n} tells what happened on day {n} of the trip to the sea. Oh how the wind did blow that day!"
    for n in ("one", "two", "three", "four")
)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Please come to our shop today. " * 3, True),
        ("The answer is yes and the answer is yes and " * 8, True),
        ("I like it very " + "much " * 30, True),
        ("Well. " * 3 + "We are open from nine to five every day. " * 4, True),
        ("这个问题很好" * 12, True),
        ("I am sorry. " * 3, True), ("I am sorry. I AM SORRY! I am sorry… no, wait", True),
        ("Hello there, thanks for writing. " + "I am sorry. " * 4, True), ("Thank you." * 4, True),
        ("I am sorry\n" * 4, True), ("No. " * 6, True), ("我很抱歉。" * 3, True),
        ("I am sorry. I am sorry. Your parcel was lost on its way.", False), ("No. No. No. Not at all.", False),
        ("1. Yes\n2. Yes\n3. Yes\n4. Yes\n5. Yes", False), ("- Yes\n- Yes\n- Yes\n- No", False), ("0. 0. 0. 0. 0. 0.", False),
        ("x y\n" * 6, False), ("Step 1. Done. Step 2. Done. Step 3. Done.", False), ("Knock, knock. Who is there? Knock, knock.", False),
        ("Yes. It is open. Yes. It is free. Yes. You can come. Yes. You can go.", False),
        (CODE, False),
        (f"```python\n{CODE}```", False),
        (TABLE, False),
        (SONG, False),
        (REFRAIN, False),
        ("no no no, that is not it at all; the lamp is to be charged before it is used for the first time", False),
        ("1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", False),
    ],
)  # fmt: skip
def test_degenerate_repetition_and_what_is_none(answer: str, expected: bool) -> None:
    assert repeats_itself(answer) == expected


def test_an_echo_and_an_answer_given_twice_are_repetition() -> None:
    echo = ("What is the price of it?", "what is the  price of it?")
    twice = (
        "a?",
        "It is on the second shelf from the left.",
        "b?",
        "It is on the second shelf from the left.",
    )
    for said in (echo, twice):
        assert screened(*said) == Screened(talk(*said), marks=("repetition",))
        assert screened(*said, repetition="drop") == "repetition"
        assert screened(*said, repetition="keep") == Screened(talk(*said))
    assert screened("a?", "Yes.", "b?", "Yes.") == Screened(talk("a?", "Yes.", "b?", "Yes."))


# --- endings, phrases ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("If you want to have it sent to you, write to the", True),
        ("It is sold in red, in blue,", True),
        ("This answer is long enough to be prose, and has no full stop at its very end here", True),
        ("It is sold in red and in blue.", False), ("42", False), ("Yes", False), ("See https://x.example/a", False),
        ("Steps:\n- open the box\n- take the lamp out\n- put it on the table", False), ("再见，祝你好运。", False),
    ],
)  # fmt: skip
def test_answers_that_stop_in_the_middle(answer: str, expected: bool) -> None:
    assert is_cut_off(answer) == expected


def test_phrases_that_have_nothing_of_their_question() -> None:
    assert is_evasive("How heavy is the iron anvil?", "Please contact us, we are happy to help.")
    assert not is_evasive(
        "How heavy is the iron anvil?", "The anvil weighs 9 kg. Please contact us for more."
    )
    assert not is_evasive("Hello", "Hello, how can I help you?")
    assert not is_evasive("How heavy is the iron anvil?", "It weighs 9 kg.")


# --- boilerplate ---------------------------------------------------------------------------------

HEAD = "Below is an instruction that describes a task"
TAIL = "Write a response that appropriately completes the request."


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (f"{HEAD}. {TAIL}\n\n### Instruction:\nName a bird.\n\n### Response:", "Name a bird."),
        (f"{HEAD}. {TAIL}\n\n### Instruction:\nName a bird.\n\n### Response: Let's think step by step.", "Name a bird."),
        (f"{HEAD}, paired with an input that provides further context. {TAIL}\n\n### Instruction:\nSum up.\n\n"
         "### Input:\nA long text.\n\n### Response:\n", "Sum up.\n\nA long text."),
        (f"{HEAD}. {TAIL}\n\nName a bird.", "Name a bird."),
        (f"What does '{HEAD}. {TAIL}' mean?", ...),
        (f"{HEAD}: washing up.", ...),
        ("### Instruction:\nx", ...),
    ],
)  # fmt: skip
def test_the_alpaca_preamble_goes_and_nothing_else(text: str, plain: Any) -> None:
    assert strip_preamble(text) == (text if plain is ... else plain)


def test_boilerplate_is_a_named_repair_and_can_be_kept() -> None:
    said = (f"{HEAD}. {TAIL}\n\n### Instruction:\nName a bird.\n\n### Response:", "A wren.")
    assert screened(*said) == Screened(talk("Name a bird.", "A wren."), ("stripped_boilerplate",))
    assert screened(*said, boilerplate="keep") == Screened(talk(*said))
    assert screened(f"{HEAD}. {TAIL}", "A wren.") == "no_user_turn"
    found = screened("Name a bird.", "A wren.", system=f"{HEAD}. {TAIL}")
    assert isinstance(found, Screened)
    assert found.messages == talk("Name a bird.", "A wren.")


def test_system_prompts_can_be_stripped() -> None:
    found = screened("q", "a", system="Be brief.", system_prompts="strip")
    assert found == Screened(talk("q", "a"), ("stripped_system",))
    assert screened("q", "a", system_prompts="strip") == Screened(talk("q", "a"))


# --- Markdown ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tidy"),
    [
        (r"Use file\_name and 1\. open", "Use file_name and 1\\. open"),
        (r"1\. Open" + "\n" + r"2\. Close", "1. Open\n2. Close"),
        (r"This is \*important\*", "This is *important*"),
        ("**Note: it is late", "Note: it is late"), ("**Note:** it is **late**", ...), ("2**3 is 8", ...), ("x ** 2", ...),
        ("##\nText\n-\n- one", "Text\n- one"), ("a\n\n\n\n\n\nb", "a\n\n\nb"),
        (r"C:\_temp\*.txt", ...), (r"$a\_b$ and \frac{1}{2}", ...), ("```\n\\*raw\\*\n**\n```", ...), (r"`\_`", ...),
        ("plain words, nothing else", ...), ("a - b", ...), ("---\nrule\n---", ...),
    ],
)  # fmt: skip
def test_markdown_debris_is_mended(text: str, tidy: Any) -> None:
    assert tidy_markdown(text) == (text if tidy is ... else tidy)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("# Title\n\n**Bold** and *it*", "Title\n\nBold and it"), ("- one\n* two\n+ three", "• one\n• two\n• three"),
        ("1. one\n2. two", ...), ("[shop](https://x.example/a)", "shop (https://x.example/a)"),
        ("```\n# no heading\n```", ...), ("2 * 3 * 4 = 24", ...), ("snake_case_name and __init__.py", ...),
        ("> quoted", "quoted"), ("a\n---\nb", "a\nb"), ("__under it__ all", "under it all"), ("5 > 3 and - 2", ...),
    ],
)  # fmt: skip
def test_markdown_becomes_plain_text(text: str, plain: Any) -> None:
    assert plain_markdown(text) == (text if plain is ... else plain)


def test_markdown_steps_are_named() -> None:
    assert screened("q", "**a", markdown="tidy") == Screened(talk("q", "a"), ("tidied_markdown",))
    assert screened("**q**", "**a**", markdown="plain") == Screened(
        talk("**q**", "a"), ("plain_markdown",)
    )


# --- languages -----------------------------------------------------------------------------------

GERMAN = "Sie können die Adresse bis zum Abend ändern, und das ist für Sie nicht teuer."
ENGLISH = "You can change the address until the evening, and it is free for you."


def test_answers_in_other_languages_are_dropped_turn_by_turn() -> None:
    assert screened("How?", GERMAN, languages=["en"]) == "language"
    assert screened("How?", ENGLISH, "And?", GERMAN, languages=["en"]) == "language"
    assert screened("Wie?", GERMAN, languages=["de"]) == Screened(talk("Wie?", GERMAN))
    assert screened("How?", GERMAN, languages=["de", "en"]) == Screened(talk("How?", GERMAN))


def test_a_foreign_question_with_a_wanted_answer_is_only_marked() -> None:
    assert screened(GERMAN, ENGLISH, languages=["en"]) == Screened(
        talk(GERMAN, ENGLISH), marks=("foreign_question",)
    )


def test_what_is_too_short_to_tell_counts_as_wanted() -> None:
    assert screened("ok?", "ok", languages=["fr"]) == Screened(talk("ok?", "ok"))


def test_languages_without_common_words_of_ours_are_told_by_the_model() -> None:
    pytest.importorskip("py3langid", reason="py3langid is not installed here")
    assert language_for_certain("Jak mogę zmienić adres dostawy mojego zamówienia?") == "pl"
    assert language_for_certain("Hur ändrar jag adressen till min beställning?") == "sv"
    assert language_for_certain("```\nJak mogę zmienić adres\n```") is None
    assert language_for_certain("cancel order 3707955617") is None
    assert language_for_certain("x = [n for n in range(9)]") is None


# --- words ---------------------------------------------------------------------------------------


def test_coarse_words_are_found_as_words_only() -> None:
    assert is_toxic("That is BULLSHIT.")
    assert is_toxic("what the fucking hell")
    for harmless in (
        "I live in Scunthorpe.",
        "a chink in the armour",
        "Mr. Dick",
        "the cock crows",
        "Kiké Hernández",
        "class assassin",
    ):
        assert not is_toxic(harmless)


def test_blocked_words_are_the_recipes_own(tmp_path: Path) -> None:
    assert is_toxic("Ask ACME  corp about it", ("acme corp",))
    assert not is_toxic("acmecorp", ("acme corp",))
    assert is_toxic("gambling", ("gambl*",))
    assert not is_toxic("gambling", ("gambl",))
    (tmp_path / "words.txt").write_text("# mine\nacme corp\n\n")
    values = {"data": {"sources": "a.jsonl", "toxicity": "drop", "blocked_words": "words.txt"}}
    recipe = build_recipe(values, folder=tmp_path)
    assert recipe.data.blocked_words == ["acme corp"]
    assert screen(talk("q", "Ask Acme Corp"), recipe.data) == "toxic"
    direct = section(toxicity="drop", blocked_words=str(tmp_path / "words.txt"))
    assert screen(talk("q", "Ask Acme Corp"), direct) == "toxic"
    with pytest.raises(RecipeError, match=r"gone\.txt"):
        build_recipe({"data": {**values["data"], "blocked_words": "gone.txt"}}, folder=tmp_path)


def test_a_rude_question_with_a_calm_answer_is_only_marked() -> None:
    rude, calm = "Where is my fucking parcel?", "It is in Leeds."
    assert screened(rude, calm, toxicity="drop") == Screened(talk(rude, calm), marks=("toxic_question",))
    assert screened(calm, rude, toxicity="drop") == "toxic"
    assert screened(calm, rude, toxicity="mark") == Screened(talk(calm, rude), marks=("toxic",))


# --- lengths -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "texts", "reason"),
    [
        ({"min_turns": 2}, ("q", "a"), "too_few_turns"),
        ({"max_turns": 1}, ("q", "a", "r", "b"), "too_many_turns"),
        ({"min_answer": 3}, ("q", "abc", "r", "ab"), "short_answer"),
        ({"max_answer": 3}, ("q", "abcd", "r", "ab"), "long_answer"),
    ],
)
def test_lengths_have_limits(setting: dict[str, int], texts: tuple[str, ...], reason: str) -> None:
    assert screened(*texts, **setting) == reason
    [(name, limit)] = setting.items()
    wider = limit + (1 if name.startswith("max") else -1)
    assert screened(*texts, **{name: wider}) == Screened(talk(*texts))


# --- rules ---------------------------------------------------------------------------------------


def ruled(*texts: str, **rule: Any) -> Screened | str:
    return screened(*texts, rules=[{"name": "x", **rule}])


def test_rules_drop_mark_and_replace_where_they_are_told() -> None:
    said = ("hello there", "Hello, hello!")
    assert ruled(*said, match="hello", do="drop") == "rule_x"
    assert ruled(*said, match="^Hello") == Screened(talk(*said), marks=("rule_x",))
    assert ruled(*said, match="^Hello", role="user") == Screened(talk(*said))
    assert ruled(*said, match="(?i)(h)ello", role="assistant", do="replace", by=r"\1i") == Screened(
        talk("hello there", "Hi, hi!"), ("rule_x",)
    )
    assert ruled(*said, match="Hello, hello!", do="replace") == "no_assistant_turn"


def test_later_rules_see_what_earlier_ones_made() -> None:
    first = {"name": "one", "match": "a", "do": "replace", "by": "b"}
    second = {"name": "two", "match": "b", "do": "drop"}
    assert screened("q", "a", rules=[first, second]) == "rule_two"
    assert screened("q", "a", rules=[second, first]) == Screened(talk("q", "b"), ("rule_one",))


HOSTILE = "a" * 400 + "!"


@pytest.mark.parametrize(
    ("do", "expected"),
    [("drop", "rule_timeout"), ("replace", "rule_timeout"), ("mark", ("rule_timeout",))],
)
def test_a_pattern_that_never_ends_is_stopped(
    do: str, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "_timeouts", rules.Counter())
    monkeypatch.setattr(rules, "PATIENCE", 0.02)
    started = time.monotonic()
    found = ruled("q", HOSTILE, match="(?:a|aa)+$", do=do)
    assert time.monotonic() - started < 2
    assert (found if isinstance(found, str) else found.marks) == expected


def test_a_rule_that_is_too_slow_for_the_data_stops_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "_timeouts", rules.Counter())
    monkeypatch.setattr(rules, "PATIENCE", 0.005)
    monkeypatch.setattr(rules, "TOO_SLOW", 5)
    for _ in range(4):
        assert ruled("q", HOSTILE, match="(?:a|aa)+$", do="drop") == "rule_timeout"
    with pytest.raises(DataError, match=r"'x' took longer than .* on 5 turns.*\(\?:a\|aa\)\+\$"):
        ruled("q", HOSTILE, match="(?:a|aa)+$", do="drop")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            {"match": "a(b"},
            r"rules.0: match is no regular expression: missing \) at position 3 of `a\(b`",
        ),
        ({"match": "[z-a]"}, "no regular expression: .* at position"),
        ({"match": "a*"}, "fits every text"),
        ({"match": "a", "by": "b"}, "by is for do: replace"),
        ({"match": "a", "do": "replace", "by": r"\2"}, "by cannot be put in place"),
        ({"match": "a", "name": "two words"}, "rules.0.name"),
    ],
)
def test_rules_that_cannot_work_are_errors_of_the_recipe(rule: dict[str, str], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        build_recipe({"data": {"sources": "a.jsonl", "rules": [{"name": "x", **rule}]}})


@pytest.mark.parametrize(
    "settings",
    [
        {"blocked_words": ["x"]}, {"pii_kinds": ["name"]}, {"min_turns": 3, "max_turns": 2},
        {"min_answer": 3, "max_answer": 2}, {"languages": []}, {"languages": ["english"]},
        {"rules": [{"name": "x", "match": "a"}, {"name": "x", "match": "b"}]},
    ],
)  # fmt: skip
def test_settings_without_effect_or_sense_are_errors(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        section(**settings)


# --- how many of a kind --------------------------------------------------------------------------


def test_at_most_so_many_rows_share_a_question_or_an_answer() -> None:
    rows = [
        Conversation(talk(question, answer))
        for question, answer in [
            ("Cancel order 12", "Done with 12."), ("please cancel my order 34", "Done with 34."),
            ("Where is the parcel?", "See above."), ("How heavy is it?", "see  above."), ("Hi", "See above."), ("Ok", "Fine."),
        ]
    ]  # fmt: skip
    assert find_surplus(enumerate(rows), 1) == [1, 3, 4]
    assert find_surplus(enumerate(rows), 2) == [4]


# --- all together --------------------------------------------------------------------------------


def test_each_step_is_in_the_ledger_under_its_name(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    rows = [("q?", "As an AI, I cannot."), ("where?", "At {{Street}}."), ("say", "Fine.")]
    source.write_text("".join(json.dumps({"prompt": q, "completion": a}) + "\n" for q, a in rows))
    values = {"data": {"sources": str(source), "refusals": "drop", "placeholders": "drop",
                       "rules": [{"name": "fine", "match": "Fine", "do": "drop"}]}}  # fmt: skip
    with pytest.raises(DataError) as error:
        examine(build_recipe(values).data)
    for part in ("1 × placeholder", "1 × refusal", "1 × rule_fine (the rule 'fine' of data.rules)"):
        assert part in str(error.value)


ALPHABET = "ab -é’“—äöüñÃ©Â â€™\u00a0\u0301中文あア。ß…😀👍\u200d\ufeff\t\nı"


@given(st.text(alphabet=ALPHABET, max_size=25))
def test_the_quick_look_for_mojibake_says_what_ftfy_says(text: str) -> None:
    import ftfy

    from talkwright.data.cleaning.clean import _ftfy_config

    assert fix_unicode(text) == str(ftfy.fix_text(text, _ftfy_config()))
    assert fix_unicode("绿色 of ç»¿è‰² and ç»¿") == str(
        ftfy.fix_text("绿色 of ç»¿è‰² and ç»¿", _ftfy_config())
    )
    for good in ("绿", "naïve café", "it’s", "Größe", "x → y"):
        assert fix_unicode(f"so {good.encode().decode('latin-1')} it is") == f"so {good} it is"


@pytest.mark.parametrize(
    "text",
    ["**" * 40_000, "#\n" * 40_000, "\\*" * 40_000, "{{" * 40_000, "[your " * 15_000, "a b " * 20_000, "`" * 80_000,
     f"{HEAD}. {TAIL}" + "\n### Input:" * 8_000, "[a](" * 20_000, "- " * 40_000, "as an ai " * 9_000, "*a " * 30_000,
     "_" * 80_000, "中文" * 40_000],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_hostile_text_is_screened_in_time(text: str) -> None:
    everything = section(markdown="plain", cut_off="mark", evasive="mark", toxicity="mark")
    started = time.process_time()
    screen((Message("user", text), Message("assistant", text)), everything)
    assert time.process_time() - started < 3
