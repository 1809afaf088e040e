"""How a run will go, in numbers that need no model: its steps, and which rows are looked at when."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from talkwright.config import TrainSection

_Row = TypeVar("_Row")


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
    # Rounded first: 100 rows 1.1 times are 110, which floating point makes a little more.
    in_epochs = math.ceil(round(rows * section.epochs / section.batch_size, 6))
    steps = section.max_steps or max(1, in_epochs)
    warmup = section.warmup_steps
    if warmup is None:
        warmup = round(steps * section.warmup_ratio)
    eval_every = section.eval_every or max(1, math.ceil(steps / 5))
    return Plan(rows, steps, warmup, eval_every, section.save_every or eval_every)


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


def evenly(rows: Sequence[_Row], limit: int) -> list[_Row]:
    """At most `limit` of the rows, evenly spaced: those that validation looks at."""
    if len(rows) <= limit:
        return list(rows)
    return [rows[n * len(rows) // limit] for n in range(limit)]


def _shuffled(rows: int, seed: int, epoch: int) -> list[int]:
    order = list(range(rows))
    Random(f"{seed}/{epoch}").shuffle(order)
    return order
