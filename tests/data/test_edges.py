"""Marks of a chat template at the edges of a text go, and strike nothing out."""

from __future__ import annotations

from typing import Any

import pytest

from talkwright.config import DataSection
from talkwright.data.cleaning.clean import clean
from talkwright.types import Message


def cleaned(asked: str, said: str, **settings: Any) -> tuple[str, str, tuple[str, ...]]:
    section = DataSection.model_validate({"sources": [{"path": "x.jsonl"}], **settings})
    found = clean((Message("user", asked), Message("assistant", said)), section)
    assert not isinstance(found, str)
    (one, other), repairs = found
    return one.content, other.content, repairs


@pytest.mark.parametrize(
    "said",
    [
        "<s>It is 4.</s>", "<s> It is 4. </s>\n", "It is 4.</s>", "<s>It is 4.", "It is 4.<|im_end|>\n",
        "It is 4.<|endoftext|>", "<|begin_of_text|>It is 4.<|eot_id|>", "<bos>It is 4.<eos>",
        "It is 4.<end_of_turn>", "<s>It is 4.</s></s>",
        "<｜begin▁of▁sentence｜>It is 4.<｜end▁of▁sentence｜>",
    ],
)  # fmt: skip
def test_marks_at_the_edges_go(said: str) -> None:
    assert cleaned("2 + 2?", said)[:2] == ("2 + 2?", "It is 4.")
    assert "removed_template_marks" in cleaned("2 + 2?", said)[2]
    assert cleaned(said, "Yes.")[0] == "It is 4."


@pytest.mark.parametrize("said", ["<s>It is 4.</s>", "One</s><s>Two", "One</s> and <s>two</s>", "<s>"])
def test_nothing_is_struck_out_by_them(said: str) -> None:
    assert cleaned("2 + 2?", said, boilerplate="keep")[1] == said


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("<s>19.99</s> <b>14.99</b>", "~~19.99~~ 14.99"), ("Now <s>ten</s> nine.", "Now ~~ten~~ nine."),
        ("Now <s>ten</s>", "Now ~~ten~~"),
        ("<s>ten</s> or <s>nine</s> euros", "~~ten~~ or ~~nine~~ euros"),
    ],
)  # fmt: skip
def test_what_is_struck_out_stays_so(said: str, shown: str) -> None:
    assert cleaned("How much?", said)[1:] == (shown, ("stripped_html",))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("Which token ends a text?", "It is <|endoftext|>"), ("What does this mean: </s>", "The end."),
        ("Hi?", "One <|im_end|> two"),
    ],
)  # fmt: skip
def test_talk_about_them_stays(asked: str, said: str) -> None:
    assert cleaned(asked, said) == (asked, said, ())
