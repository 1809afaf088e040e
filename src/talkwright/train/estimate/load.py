"""How much work a run is: tokens of its steps and of its largest forward pass, from lengths of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from talkwright.config import TrainSection
from talkwright.models import WORTH_SHARING
from talkwright.train.faults import split
from talkwright.train.plan import make_plan, rows_of_steps

SCORING_TOKENS = 4096  # as in train/loop.py
LOOKED_AT = 2000  # steps whose rows are laid out; a longer run's other steps are like them


@dataclass(frozen=True, slots=True)
class Rows:
    """Lengths of the training rows and how many of their tokens are supervised, and the lengths of the
    validation rows; `known` says in words where they come from. `common` tokens at the beginning are the
    same in all training rows (a system prompt), so that a pass computes them once."""

    lengths: Sequence[int]
    supervised: Sequence[int]
    validation: Sequence[int]
    known: str
    common: int = 0


@dataclass(frozen=True, slots=True)
class Load:
    """A run's work. Means are of an optimizer step: `passes`, `tokens`, `supervised`, `padded` tokens
    (with padding where batches have it, without common beginnings where they are computed once) and
    `squares`, the sum of squared row lengths. `largest` is the largest pass in such tokens; `scoring`
    the largest batch of validation."""

    steps: int
    validations: int
    checkpoints: int
    passes: float
    most_passes: int
    tokens: float
    supervised: float
    padded: float
    squares: float
    largest: int
    largest_supervised: int
    longest: int
    scoring: int
    validation_tokens: int


@dataclass(frozen=True, slots=True)
class _Row:
    input_ids: range
    supervised: int


def make_load(rows: Rows, section: TrainSection, *, padded: bool, seed: int) -> Load:
    """Lay out the rows of a run as the loop will, and measure."""
    plan = make_plan(section, len(rows.lengths))
    virtual = section.virtual_tokens if section.method in ("prefix", "prompt") else 0
    padded = padded or bool(virtual)
    random = section.neftune or section.lora.dropout  # as in train/model.py
    common = rows.common if rows.common >= WORTH_SHARING and not (padded or random) else 0
    looked_at = min(plan.steps, LOOKED_AT)
    sums = dict.fromkeys(("passes", "tokens", "supervised", "padded", "squares"), 0.0)
    largest = largest_supervised = most = longest = 0
    for numbers in islice(rows_of_steps(plan, section.batch_size, seed), looked_at):
        step: list[Any] = [_Row(range(int(rows.lengths[n])), int(rows.supervised[n])) for n in numbers]
        passes: list[Any] = list(split(step, section, 0, padded=padded))
        most = max(most, len(passes))
        sums["passes"] += len(passes)
        for group in passes:
            lengths = [len(row.input_ids) + virtual for row in group]
            again = len(lengths) - 1  # rows that find the common beginning computed
            laid = max(lengths) * len(lengths) if padded else sum(lengths) - again * common
            supervised = sum(row.supervised for row in group)
            sums["tokens"] += sum(lengths)
            sums["padded"] += laid
            sums["supervised"] += supervised
            sums["squares"] += (
                len(lengths) * max(lengths) ** 2
                if padded
                else sum(n * n for n in lengths) - again * common**2
            )
            largest_supervised = max(largest_supervised, supervised)
            largest, longest = max(largest, laid), max(longest, *lengths)
    means = {name: value / looked_at for name, value in sums.items()}
    spread = max(1, len(rows.validation) // section.eval_rows)
    scored = [int(n) for n in rows.validation[::spread]][: section.eval_rows]
    return Load(
        steps=plan.steps,
        validations=1 + -(-plan.steps // plan.eval_every) if scored else 0,
        checkpoints=-(-plan.steps // plan.save_every),
        most_passes=most,
        largest=largest,
        largest_supervised=largest_supervised,
        longest=longest,
        scoring=min(sum(scored), max([SCORING_TOKENS, *scored])) if scored else 0,
        validation_tokens=sum(scored),
        **means,
    )
