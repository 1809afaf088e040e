"""Examples as values a person can look at: every token with whether it is learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from talkwright.template.template import Template
from talkwright.types import Example


def show_examples(template: Template, examples: Sequence[Example]) -> list[dict[str, Any]]:
    """Rows of `conversation`, `input_ids`, `labels` and `tokens`, one text a token, of one length."""
    return [
        {
            "conversation": example.conversation,
            "input_ids": list(example.input_ids),
            "labels": list(example.labels),
            "tokens": template.token_texts(example.input_ids),
        }
        for example in examples
    ]


def mark_supervised(tokens: Sequence[str], labels: Sequence[int]) -> list[tuple[str, bool]]:
    """Join neighbouring tokens of one kind: runs of text with whether the loss is computed on them."""
    runs: list[tuple[str, bool]] = []
    for text, label in zip(tokens, labels, strict=True):
        learned = label != -100
        if runs and runs[-1][1] == learned:
            runs[-1] = (runs[-1][0] + text, learned)
        else:
            runs.append((text, learned))
    return runs
