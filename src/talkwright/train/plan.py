"""How a run will go, in numbers that need no model: steps, rates, order of rows, odd settings."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from talkwright.config import TrainSection
from talkwright.types import Finding


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of a run. All counts are optimizer steps but `rows`, the rows of one epoch."""

    rows: int
    steps: int
    warmup: int
    eval_every: int
    save_every: int


def make_plan(section: TrainSection, rows: int) -> Plan:
    """Work out a run over `rows` training rows."""
    # Rounded first: 70 rows 1.1 times are 77, which floating point makes a little more.
    in_epochs = math.ceil(round(rows * section.epochs / section.batch_size, 6))
    steps = section.max_steps or max(1, in_epochs)
    warmup = section.warmup_steps
    if warmup is None:
        warmup = round(steps * section.warmup_ratio)
    eval_every = section.eval_every or max(1, math.ceil(steps / 5))
    return Plan(rows, steps, warmup, eval_every, section.save_every or eval_every)


def learning_rate(section: TrainSection, plan: Plan, step: int) -> float:
    """Rate of step 0, 1, ... Rises linearly to its peak over the warm-up, then follows the schedule,
    reaching 0 just after the last step (cosine, linear) or staying (constant)."""
    assert section.learning_rate is not None
    if step < plan.warmup:
        return section.learning_rate * (step + 1) / (plan.warmup + 1)
    done = (step - plan.warmup) / max(1, plan.steps - plan.warmup)
    factor = {
        "constant": 1.0,
        "linear": 1 - done,
        "cosine": (1 + math.cos(math.pi * done)) / 2,
    }[section.schedule]
    return section.learning_rate * factor


def rows_of_steps(plan: Plan, batch_size: int, seed: int, first: int = 0) -> Iterator[list[int]]:
    """Row numbers of each optimizer step from step `first` on.

    Every epoch is a shuffle of its own, and a step may span two epochs, so each row is seen equally
    often. The order depends on the seed and the epoch alone: a resumed run needs no saved state.
    """
    position = first * batch_size
    epoch, inside = divmod(position, plan.rows)
    order = _shuffled(plan.rows, seed, epoch)
    for _ in range(first, plan.steps):
        step: list[int] = []
        while len(step) < batch_size:
            if inside == plan.rows:
                epoch, inside = epoch + 1, 0
                order = _shuffled(plan.rows, seed, epoch)
            take = order[inside : inside + batch_size - len(step)]
            step += take
            inside += len(take)
        yield step


def _shuffled(rows: int, seed: int, epoch: int) -> list[int]:
    order = list(range(rows))
    Random(f"{seed}/{epoch}").shuffle(order)
    return order


def check_settings(section: TrainSection, rows: int, validation_rows: int) -> list[Finding]:
    """Settings that will not do what they seem to, before any compute is spent."""
    if rows == 0:
        return []
    plan = make_plan(section, rows)
    rate = section.learning_rate or 0
    found = []
    if plan.warmup >= plan.steps:
        found.append(
            Finding(
                "error", "warmup_longer_than_run",
                f"warm-up lasts {plan.warmup} steps and the run {plan.steps}, so the rate never reaches "
                f"{rate:g}",
                f"set train.warmup_steps below {plan.steps}",
            )
        )  # fmt: skip
    if section.batch_size > rows:
        found.append(
            Finding(
                "warning", "batch_larger_than_data",
                f"batch_size is {section.batch_size} but there are only {rows} training rows, so every "
                "step sees some rows twice", f"set train.batch_size to {rows} or less",
            )
        )  # fmt: skip
    low, high = (1e-5, 5e-3) if section.method == "lora" else (1e-6, 5e-4)
    if not low <= rate <= high:
        found.append(
            Finding(
                "warning", "unusual_learning_rate",
                f"a learning rate of {rate:g} is outside {low:g} to {high:g}, where {section.method} "
                "training usually works", "leave train.learning_rate out for the default",
            )
        )  # fmt: skip
    if validation_rows == 0:
        found.append(
            Finding(
                "error" if section.patience else "warning", "no_validation",
                "there are no validation rows, so over-fitting cannot be seen"
                + (" and train.patience has nothing to go by" if section.patience else ""),
                "raise data.validation, or add more conversations",
            )
        )  # fmt: skip
    return found
