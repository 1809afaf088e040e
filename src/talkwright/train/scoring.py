"""Losses without gradients: of the validation rows, and of rows one by one when something is wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from talkwright.models import make_batch, row_losses
from talkwright.train.plan import SCORING_TOKENS, scoring_cuts
from talkwright.types import Example


def mean_loss(
    model: Any, examples: Sequence[Example], *, tokens: int | None = None, **layout: Any
) -> float:
    """Mean negative log-likelihood in nats over the supervised tokens of all examples; `tokens` (left
    out: SCORING_TOKENS) go through the model at a time, laid out as `make_batch` is told to."""
    import torch

    total, count = 0.0, 0
    borders = scoring_cuts([len(example.input_ids) for example in examples], tokens or SCORING_TOKENS)
    model.eval()
    try:
        with torch.inference_mode():
            for start, end in pairwise(borders):
                losses = row_losses(model, make_batch(examples[start:end], **layout))
                total, count = total + float(losses.double().sum()), count + len(losses)
    finally:
        model.train()
    return total / count


# --- records -------------------------------------------------------------------------------------


def without_a_loss(model: Any, examples: Sequence[Example], **layout: Any) -> list[Example]:
    """Those of `examples` whose loss, alone, is not finite, laid out as `make_batch` is told to."""
    return [row for row in examples if not math.isfinite(mean_loss(model, [row], **layout))]
