"""The learning rate of every step."""

from __future__ import annotations

import math

from talkwright.config import TrainSection
from talkwright.train.plan import Plan


def learning_rate(section: TrainSection, plan: Plan, step: int) -> float:
    """Rate of step 0, 1, ... Rises linearly to its peak over the warm-up, then follows the schedule.

    cosine and linear reach `min_rate` times the peak just after the last step, constant stays, and wsd
    (warm-up, stable, decay; Hu et al. 2024) stays until its last `decay_ratio` of all steps.
    """
    assert section.learning_rate is not None
    if step < plan.warmup:
        return section.learning_rate * (step + 1) / (plan.warmup + 1)
    done = (step - plan.warmup) / max(1, plan.steps - plan.warmup)
    if section.schedule == "constant":
        return section.learning_rate
    if section.schedule == "linear":
        left = 1 - done
    elif section.schedule == "cosine":
        left = (1 + math.cos(math.pi * done)) / 2
    else:
        decay = min(max(1, round(plan.steps * section.decay_ratio)), plan.steps - plan.warmup)
        left = min(1.0, (plan.steps - step) / (decay + 1))
    return section.learning_rate * (section.min_rate + (1 - section.min_rate) * left)
