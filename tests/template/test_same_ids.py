"""Benign chats: the very ids that the tokenizer's own apply_chat_template gives. 10,100 of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from talkwright.types import Conversation, Message

CHUNKS = 4
COUNTS = {"smollm2": 800}  # per chunk; the other eight families have 225 each


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_training_rows_and_prompts_have_the_ids_of_apply_chat_template(
    family, chats, chunk: int
) -> None:
    conversations = chats(family, chunk, COUNTS.get(family.name, 225))
    encoded = family.template.encode_all(conversations)
    for conversation, rows in zip(conversations, encoded, strict=True):
        messages = list(conversation.messages)
        turns = [n for n, m in enumerate(messages) if m.role == "assistant"]
        ends = [len(messages)] if len(rows) == 1 else [turn + 1 for turn in turns]
        assert len(rows) == len(ends)
        for row, end in zip(rows, ends, strict=True):
            assert list(row.input_ids) == family.plain(messages[:end])
        asked = messages[: turns[-1]]
        assert family.template.prompt_ids(asked) == family.plain(asked, prompt=True)


def test_every_family_but_the_thinking_one_makes_one_row_of_a_conversation(family, chats) -> None:
    for conversation in chats(family, 99, 30):
        turns = sum(message.role == "assistant" for message in conversation.messages)
        rows = len(family.template.encode(conversation))
        assert rows == (turns if family.name == "thinking" else 1)


def test_a_prompt_is_how_the_training_row_begins(family, chats) -> None:
    """Serving = training, for every answer that does not begin or end with white space."""
    seen = 0
    for conversation in chats(family, 7, 60):
        messages = [
            Message(m.role, m.content.strip() or "fine", m.thinking and m.thinking.strip())
            for m in conversation.messages
        ]
        turns = [n for n, m in enumerate(messages) if m.role == "assistant"]
        rows = family.template.encode(Conversation(tuple(messages)))
        for turn in turns:
            row = rows[turns.index(turn)] if len(rows) > 1 else rows[0]
            prompt = tuple(family.template.prompt_ids(messages[:turn]))
            assert row.input_ids[: len(prompt)] == prompt
            assert row.labels[len(prompt) - 1] == -100
            assert row.labels[len(prompt)] == row.input_ids[len(prompt)]
            seen += 1
    assert seen > 60


def test_a_default_system_prompt_is_the_same_as_one_that_is_given(family_named: Callable) -> None:
    from talkwright.template import Template

    for name in ("chatml", "gemma", "mistral"):
        family = family_named(name)
        with_default = Template(family.tokenizer, system="Be brief.")
        asked = [Message("user", "hello")]
        given = [Message("system", "Be brief."), *asked]
        assert with_default.prompt_ids(asked) == family.template.prompt_ids(given)
        assert with_default.prompt_ids(given) == family.template.prompt_ids(given)
        answered = [Message("assistant", "yes")]
        assert (
            with_default.encode(Conversation((*asked, *answered)))[0].labels
            == family.template.encode(Conversation((*given, *answered)))[0].labels
        )


def test_thinking_goes_into_the_answer_where_the_template_has_no_place_for_it(
    family_named: Callable,
) -> None:
    family = family_named("chatml")
    rows = family.template.encode(
        Conversation((Message("user", "2+2?"), Message("assistant", "4", thinking="two and two")))
    )
    said = family.template.decode([x for x in rows[0].labels if x != -100])
    assert said == "<think>\ntwo and two\n</think>\n\n4"
