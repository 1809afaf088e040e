"""How a step's rows are cut into forward passes: `accumulation` of them, or of so many tokens.

The gradient is a sum over the step's supervised tokens, so neither the number of passes nor the order of
rows changes it; only the memory it takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from talkwright.config import TrainSection
from talkwright.models import stretches, until_last_supervised
from talkwright.types import Example


def split(
    examples: Sequence[Example], section: TrainSection, halvings: int, *, padded: bool
) -> list[Sequence[Example]]:
    """The rows of each forward pass of a step, `halvings` times smaller than the recipe says."""
    rows = in_order(examples, padded=padded)
    borders = cuts([len(row.input_ids) for row in rows], section, halvings, padded=padded)
    return [rows[start:end] for start, end in pairwise(borders)]


def in_order(examples: Sequence[Example], *, padded: bool) -> list[Example]:
    """Rows of a step, like beside like: by length where there is padding, else by the tokens that are
    computed, so that common beginnings meet in one pass."""
    if padded:
        return sorted(examples, key=lambda example: len(example.input_ids))
    return sorted(examples, key=lambda example: until_last_supervised(example)[0])


def cuts(lengths: Sequence[int], section: TrainSection, halvings: int, *, padded: bool) -> list[int]:
    """Where each pass of a step begins, and the end: rows of these lengths, in order."""
    if section.pass_tokens is None:
        parts = min(len(lengths), section.accumulation << halvings)
        return [len(lengths) * part // parts for part in range(parts + 1)]
    budget = section.pass_tokens >> halvings
    borders, longest, total = [0], 0, 0
    for number, length in enumerate(lengths):
        longest, total = max(longest, length), total + length
        if number > borders[-1] and (longest * (number + 1 - borders[-1]) if padded else total) > budget:
            borders.append(number)
            longest = total = length
    return [*borders, len(lengths)]


def may_share_beginnings(section: TrainSection, *, padded: bool, alone: bool) -> bool:
    """Whether rows of a pass may have a common beginning computed once: nothing random must differ
    between them. `alone`: of this model each row must be computed whole (`must_be_whole`)."""
    return not (padded or alone or section.neftune or section.lora.dropout)


def must_be_whole(config: Mapping[str, Any]) -> bool:
    """Whether a beginning is not the same in all rows of a model: it has dropout, or its positions are
    turned by how long a row is."""
    return has_dropout(config) or stretches(config)


def has_dropout(config: Mapping[str, Any]) -> bool:
    """Whether a model's configuration asks for dropout in its layers. That of heads which a language
    model does not have (for classes, GPT-2's summaries) does not count."""
    named = [
        value
        for name, value in config.items()
        if ("dropout" in name or name.endswith("pdrop")) and not name.startswith(_OF_OTHER_HEADS)
    ]
    return any(isinstance(value, float) and value for value in named)


_OF_OTHER_HEADS = ("classifier_", "cls_", "summary_")
