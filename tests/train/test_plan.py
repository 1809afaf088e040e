"""How a run is planned: steps, rates, order of rows."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from talkwright.train import Plan, make_plan
from talkwright.train.plan import rows_of_steps
from talkwright.train.schedules import learning_rate


@pytest.mark.parametrize(
    ("rows", "epochs", "batch", "steps"),
    [
        (80, 3.0, 8, 30),
        (81, 3.0, 8, 31),
        (10, 0.5, 4, 2),
        (10, 0.01, 4, 1),
        (100, 1.1, 1, 110),
        (3, 1.0, 8, 1),
    ],
)
def test_epochs_become_steps(section, rows: int, epochs: float, batch: int, steps: int) -> None:
    assert make_plan(section(max_steps=None, epochs=epochs, batch_size=batch), rows).steps == steps


def test_max_steps_overrides_epochs(section) -> None:
    assert make_plan(section(max_steps=5, epochs=3.0), 80).steps == 5
    assert make_plan(section(max_steps=500, epochs=1.0), 80).steps == 500


@pytest.mark.parametrize(
    ("steps", "ratio", "warmup"),
    [(20, 0.05, 1), (100, 0.05, 5), (10, 0.0, 0), (7, 0.3, 2), (35, 0.05, 2)],
)
def test_warm_up_as_a_share(section, steps: int, ratio: float, warmup: int) -> None:
    assert (
        make_plan(section(max_steps=steps, warmup_ratio=ratio, warmup_steps=None), 80).warmup == warmup
    )


def test_warm_up_steps_override_the_share(section) -> None:
    assert make_plan(section(max_steps=10, warmup_ratio=0.9, warmup_steps=0), 80).warmup == 0
    assert make_plan(section(max_steps=10, warmup_ratio=0.0, warmup_steps=3), 80).warmup == 3


def test_validations_and_checkpoints_fall_due(section) -> None:
    plan = make_plan(section(max_steps=23), 80)
    assert (plan.eval_every, plan.save_every) == (5, 5)
    plan = make_plan(section(max_steps=23, eval_every=2), 80)
    assert (plan.eval_every, plan.save_every) == (2, 2)
    plan = make_plan(section(max_steps=23, eval_every=2, save_every=7), 80)
    assert (plan.eval_every, plan.save_every) == (2, 7)
    assert make_plan(section(max_steps=1), 80).eval_every == 1


def rates(section, schedule: str, steps: int, warmup: int, **also: float) -> list[float]:
    chosen = section(schedule=schedule, max_steps=steps, warmup_steps=warmup, learning_rate=1.0, **also)
    plan = make_plan(chosen, 80)
    return [learning_rate(chosen, plan, step) for step in range(steps)]


def test_the_three_schedules_exactly(section) -> None:
    assert rates(section, "constant", 4, 0) == [1, 1, 1, 1]
    assert rates(section, "constant", 5, 3) == [0.25, 0.5, 0.75, 1, 1]
    assert rates(section, "linear", 4, 0) == [1, 0.75, 0.5, 0.25]
    assert rates(section, "linear", 6, 2) == pytest.approx([1 / 3, 2 / 3, 1, 0.75, 0.5, 0.25])
    cosine = [(1 + math.cos(math.pi * n / 4)) / 2 for n in range(4)]
    assert rates(section, "cosine", 4, 0) == pytest.approx(cosine)
    assert rates(section, "cosine", 5, 1) == pytest.approx([0.5, *cosine])


def test_schedules_end_at_the_least_rate(section) -> None:
    assert rates(section, "linear", 4, 0, min_rate=0.5) == pytest.approx([1, 0.875, 0.75, 0.625])
    cosine = [0.2 + 0.8 * (1 + math.cos(math.pi * n / 4)) / 2 for n in range(4)]
    assert rates(section, "cosine", 4, 0, min_rate=0.2) == pytest.approx(cosine)


def test_wsd_stays_and_then_decays(section) -> None:
    assert rates(section, "wsd", 8, 1, decay_ratio=0.375) == pytest.approx(
        [0.5, 1, 1, 1, 1, 0.75, 0.5, 0.25]
    )
    assert rates(section, "wsd", 4, 0, decay_ratio=0.25, min_rate=0.5) == pytest.approx([1, 1, 1, 0.75])
    # The decay never reaches back into the warm-up.
    assert rates(section, "wsd", 4, 2, decay_ratio=1.0) == pytest.approx([1 / 3, 2 / 3, 2 / 3, 1 / 3])


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
@pytest.mark.parametrize(("steps", "warmup"), [(1, 0), (2, 1), (50, 0), (50, 7), (50, 49)])
def test_no_step_is_wasted_at_rate_zero(section, schedule: str, steps: int, warmup: int) -> None:
    found = rates(section, schedule, steps, warmup)
    assert min(found) > 0
    assert max(found) == found[warmup] == 1


def order(rows: int, batch: int, steps: int, seed: int = 7, first: int = 0) -> list[list[int]]:
    return list(rows_of_steps(Plan(rows, steps, 0, 1, 1), batch, seed, first))


def test_every_row_is_seen_equally_often() -> None:
    steps = order(rows=10, batch=4, steps=25)
    assert [len(step) for step in steps] == [4] * 25
    seen = [n for step in steps for n in step]
    for epoch in range(10):
        assert sorted(seen[epoch * 10 : epoch * 10 + 10]) == list(range(10))
    assert len({tuple(seen[n : n + 10]) for n in range(0, 100, 10)}) > 8  # each epoch is shuffled anew


def test_a_batch_larger_than_the_data_takes_rows_again() -> None:
    (step,) = order(rows=3, batch=8, steps=1)
    assert sorted(Counter(step).values()) == [2, 3, 3]


def test_the_order_is_a_function_of_the_seed() -> None:
    assert order(10, 4, 20) == order(10, 4, 20)
    assert order(10, 4, 20, seed=8) != order(10, 4, 20)


@pytest.mark.parametrize("first", range(13))
def test_going_on_gives_the_same_rows_as_never_stopping(first: int) -> None:
    assert order(10, 4, 12)[first:] == order(10, 4, 12, first=first)
