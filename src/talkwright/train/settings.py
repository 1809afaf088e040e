"""Settings that will not do what they seem to, said before any compute is spent."""

from __future__ import annotations

from talkwright.config import TrainSection
from talkwright.train.plan import make_plan
from talkwright.types import Finding


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
