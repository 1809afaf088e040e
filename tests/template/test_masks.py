"""What is learned: assistant text and its stop token, and nothing else."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest

from talkwright.errors import TemplateError
from talkwright.template import mark_supervised, show_examples
from talkwright.types import Conversation, Example, Message


def learned_runs(family: Any, row: Example) -> list[str]:
    """Text of each run of supervised tokens, control tokens included."""
    runs: list[list[int]] = []
    for position, label in enumerate(row.labels):
        if label == -100:
            continue
        assert label == row.input_ids[position]
        if position == 0 or row.labels[position - 1] == -100:
            runs.append([])
        runs[-1].append(label)
    decode = family.tokenizer.backend_tokenizer.decode
    return [decode(run, skip_special_tokens=False) for run in runs]


def tight(family: Any, text: str) -> str:
    """Text without what tokenizers of this family add to or change in any text."""
    if family.keeps == "nfkc":
        text = unicodedata.normalize("NFKC", text)
    return text.replace("▁", " ") if family.keeps == "all" else re.sub(r"[\s▁]+", "", text)


def wanted(family: Any, message: Message, *, last: bool) -> str:
    stop = {
        "llama3": "<|eot_id|>", "gemma": "<end_of_turn>", "mistral": "</s>", "llama2": "</s>",
        "zephyr": "</s>", "phi": "<|end|>",
    }.get(family.name, "<|im_end|>")  # fmt: skip
    head = ""
    if family.name == "thinking" and last:
        head = f"<think>\n{(message.thinking or '').strip()}\n</think>\n\n"
    trims = family.name in ("llama3", "gemma", "llama2")
    return head + (message.content.strip() if trims else message.content) + stop


def known_to(family: Any, text: str) -> str:
    """Stripped, and free of what the family without bytes cannot write."""
    text = text.strip()
    if family.name == "zephyr":
        text = re.sub(r"[^\n -~]", "", text).strip()
    return text or "fine"


def with_plain_edges(family: Any, conversation: Conversation) -> Conversation:
    return Conversation(
        tuple(
            Message(m.role, known_to(family, m.content), m.thinking and known_to(family, m.thinking))
            for m in conversation.messages
        )
    )


def test_learned_tokens_are_every_answer_and_its_stop_token(family, chats) -> None:
    for raw in chats(family, 21, 120):
        conversation = with_plain_edges(family, raw)
        answers = [m for m in conversation.messages if m.role == "assistant"]
        rows = family.template.encode(conversation)
        runs = [learned_runs(family, row) for row in rows]
        if family.name == "thinking":
            expected = [[wanted(family, m, last=True)] for m in answers]
        else:
            expected = [[wanted(family, m, last=False) for m in answers]]
        assert [[tight(family, run) for run in row] for row in runs] == [
            [tight(family, text) for text in row] for row in expected
        ]


def test_odd_white_space_and_empty_answers_still_learn_the_stop_token_and_no_other_turn(
    family, chats
) -> None:
    for conversation in chats(family, 22, 120):
        for row in family.template.encode(conversation):
            assert row.n_supervised > 0
            runs = learned_runs(family, row)
            answers = [m for m in conversation.messages if m.role == "assistant"]
            assert len(runs) == (1 if family.name == "thinking" else len(answers))
            for position, label in enumerate(row.labels):
                after = row.labels[position + 1] if position + 1 < len(row.labels) else -100
                if label != -100 and after == -100:
                    assert label in family.template.stop_ids
            stops = [label for label in row.labels if label in family.template.stop_ids]
            assert len(stops) == len(runs)
            turns = {
                family.added.get(t)
                for t in ("<|im_start|>", "[INST]", "<|user|>", "<|assistant|>", "<bos>")
            }
            assert not turns & set(row.labels)


def test_train_on_last_learns_the_last_answer_only(family, chats) -> None:
    for raw in chats(family, 23, 40):
        conversation = with_plain_edges(family, raw)
        (row,) = family.template.encode(conversation, "last")
        assert list(row.input_ids) == family.plain(list(conversation.messages))
        expected = wanted(family, conversation.messages[-1], last=True)
        assert [tight(family, run) for run in learned_runs(family, row)] == [tight(family, expected)]


def test_a_thinking_template_learns_each_turns_thinking_where_it_is_written(
    family_named: Callable,
) -> None:
    family = family_named("thinking")
    chat = Conversation(
        (
            Message("user", "1+1?"), Message("assistant", "2", thinking="one and one"),
            Message("user", "2+2?"), Message("assistant", "4"),
        )
    )  # fmt: skip
    first, second = family.template.encode(chat)
    assert learned_runs(family, first) == ["<think>\none and one\n</think>\n\n2<|im_end|>"]
    assert learned_runs(family, second) == ["<think>\n\n</think>\n\n4<|im_end|>"]
    shown = family.tokenizer.backend_tokenizer.decode(list(second.input_ids), skip_special_tokens=False)
    assert "one and one" not in shown  # earlier thinking is dropped, as it will be when served
    assert first.conversation == second.conversation == chat.id


def test_an_answer_to_a_tool_result_is_learned_and_the_tool_result_is_not(
    family_named: Callable,
) -> None:
    for name in ("chatml", "llama3", "thinking", "zephyr", "phi"):
        family = family_named(name)
        messages = (
            Message("user", "time?"),
            Message("tool", "noon"),
            Message("assistant", "it is late"),
        )
        (row,) = family.template.encode(Conversation(messages))
        (run,) = learned_runs(family, row)
        assert tight(family, run) == tight(family, wanted(family, messages[-1], last=True))


def test_a_control_token_that_swallows_the_white_space_of_an_answer_is_not_learned(
    family_named: Callable,
) -> None:
    family = family_named("phi")  # its <|assistant|> takes all white space to its right
    (row,) = family.template.encode(
        Conversation((Message("user", "a"), Message("assistant", "\n\n  the")))
    )
    assert family.added["<|assistant|>"] not in row.labels
    assert [tight(family, run) for run in learned_runs(family, row)] == ["the<|end|>"]


def test_a_greeting_before_anybody_spoke_is_context_and_two_answers_in_a_row_are_learned(
    family_named: Callable,
) -> None:
    for name in ("chatml", "llama3", "zephyr"):
        family = family_named(name)
        chat = (
            Message("assistant", "hello"),
            Message("user", "a"),
            Message("assistant", "b"),
            Message("assistant", "c"),
        )
        (row,) = family.template.encode(Conversation(chat))
        assert [tight(family, run) for run in learned_runs(family, row)] == [
            tight(family, wanted(family, m, last=False)) for m in chat[2:]
        ]
        with pytest.raises(TemplateError, match="answers something"):
            family.template.encode(Conversation((*chat[:1], Message("user", "bye"))))


def test_shown_examples_have_one_text_a_token_and_runs_join_them(family) -> None:
    rows = family.template.encode(Conversation((Message("user", "hello"), Message("assistant", "yes"))))
    (shown,) = show_examples(family.template, rows)
    assert len(shown["tokens"]) == len(shown["input_ids"]) == len(shown["labels"])
    runs = mark_supervised(shown["tokens"], shown["labels"])
    assert "".join(text for text, _ in runs) == "".join(shown["tokens"])
    learned = [text for text, yes in runs if yes]
    assert len(learned) == 1
    assert tight(family, learned[0]).endswith(
        tight(family, wanted(family, Message("assistant", "yes"), last=False))
    )
