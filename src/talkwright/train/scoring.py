"""Losses without gradients: of the validation rows, and of rows one by one when something is wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from talkwright.models import BatchLayout, make_batch, row_losses
from talkwright.types import Example

if TYPE_CHECKING:
    from typing_extensions import Unpack

SCORING_TOKENS = 4096  # of validation rows per forward pass


def mean_loss(
    model: Any,
    examples: Sequence[Example],
    *,
    tokens: int = SCORING_TOKENS,
    **layout: Unpack[BatchLayout],
) -> float:
    """Mean negative log-likelihood in nats over the supervised tokens of all examples, of which `tokens`
    go through the model at a time."""
    import torch

    total, count = 0.0, 0
    borders = scoring_cuts([len(example.input_ids) for example in examples], tokens)
    model.eval()
    try:
        with torch.inference_mode():
            for start, end in pairwise(borders):
                losses = row_losses(model, make_batch(examples[start:end], **layout))
                total, count = total + float(losses.double().sum()), count + len(losses)
    finally:
        model.train()
    return total / count


def without_a_loss(
    model: Any, examples: Sequence[Example], **layout: Unpack[BatchLayout]
) -> list[Example]:
    """Those of `examples` whose loss, alone, is not finite."""
    return [row for row in examples if not math.isfinite(mean_loss(model, [row], **layout))]


def scoring_cuts(lengths: Sequence[int], budget: int) -> list[int]:
    """Where each forward pass of a validation begins, and the end: rows of these lengths as they come,
    `budget` tokens at a time, or one row that is longer."""
    borders, total = [0], 0
    for number, length in enumerate(lengths):
        if number > borders[-1] and total + length > budget:
            borders.append(number)
            total = 0
        total += length
    return [*borders, len(lengths)]
