"""The interval covers what it promises, and chance alone is not called evidence."""

from __future__ import annotations

import numpy as np
import pytest

from talkwright.compare.metrics import summary_of
from talkwright.compare.stats import (
    fewest_that_differ,
    interval,
    items_needed,
    items_that_differ,
    verdict_of,
)

MEAN = summary_of("f1")


def stats(values):
    return np.stack([values, np.ones(len(values))], axis=1)


def simulate(draw, truth, n, *, times=300, resamples=500):
    """Share of intervals that hold the true difference, and of verdicts other than "no evidence"."""
    rng = np.random.default_rng(12345)
    covered = told = 0
    for number in range(times):
        a, b = (stats(values) for values in draw(rng, n))
        low, high = interval(a, b, MEAN, confidence=0.95, resamples=resamples, seed=number)
        covered += low <= truth <= high
        told += verdict_of(low, high, items_that_differ(a, b), "higher", 0.95) != "no evidence"
    return covered / times, told / times


def correlated(rng, n):
    a = rng.normal(size=n)
    return a, a + rng.normal(0.3, 0.5, n)


def skewed(rng, n):
    a = rng.normal(size=n)
    return a, a + rng.exponential(1.0, n)


def facts_learnt(rng, n):
    return (rng.random(n) < 0.1).astype(float), (rng.random(n) < 0.6).astype(float)


@pytest.mark.parametrize(
    ("draw", "truth", "n"),
    [(correlated, 0.3, 12), (correlated, 0.3, 40), (skewed, 1.0, 40), (facts_learnt, 0.5, 30)],
)
def test_the_interval_holds_the_truth_as_often_as_it_says(draw, truth, n):
    covered, _ = simulate(draw, truth, n)
    assert 0.90 <= covered <= 0.985


@pytest.mark.parametrize("n", [8, 20, 40])
def test_the_same_model_twice_is_no_evidence(n):
    def same(rng, n):
        right = rng.random(n) < 0.4  # two samplings of one model: answers vary, ability does not
        return [np.where(rng.random(n) < 0.8, right, rng.random(n) < 0.4).astype(float) for _ in "ab"]

    _, told = simulate(same, 0.0, n)
    assert told <= 0.07

    def same_continuous(rng, n):
        level = rng.normal(size=n)
        return [level + rng.normal(0, 0.3, n) for _ in "ab"]

    _, told = simulate(same_continuous, 0.0, n)
    assert told <= 0.08


def test_a_real_difference_is_told():
    _, told = simulate(facts_learnt, 0.5, 40, times=100)
    assert told >= 0.95


def test_pairing_takes_out_what_items_have_in_common():
    rng = np.random.default_rng(1)
    hard = rng.normal(0, 10, 50)
    a, b = stats(hard), stats(hard + rng.normal(0.5, 0.5, 50))
    low, high = interval(a, b, MEAN, confidence=0.95, resamples=500, seed=1)
    assert 0 < low < 0.5 < high < 1
    shuffled = stats(rng.permutation(b[:, 0]))
    wide_low, wide_high = interval(a, shuffled, MEAN, confidence=0.95, resamples=500, seed=1)
    assert wide_high - wide_low > 5 * (high - low)


def test_loss_is_weighted_by_tokens_and_not_by_conversation():
    a = np.array([[10.0, 10.0], [300.0, 100.0], [20.0, 20.0]])
    assert summary_of("loss")(a.sum(axis=0, keepdims=True))[0] == pytest.approx(330 / 130)
    assert summary_of("perplexity")(a.sum(axis=0, keepdims=True))[0] == pytest.approx(np.exp(330 / 130))


def test_the_interval_does_not_depend_on_how_resamples_are_cut_into_blocks(monkeypatch):
    rng = np.random.default_rng(3)
    a, b = stats(rng.normal(size=30)), stats(rng.normal(size=30))
    whole = interval(a, b, MEAN, confidence=0.9, resamples=300, seed=5)
    monkeypatch.setattr("talkwright.compare.stats._CELLS", 30 * 7)
    assert interval(a, b, MEAN, confidence=0.9, resamples=300, seed=5) == pytest.approx(whole)
    assert interval(a, b, MEAN, confidence=0.9, resamples=300, seed=6) != pytest.approx(whole)


def test_more_confidence_is_a_wider_interval():
    rng = np.random.default_rng(3)
    a, b = stats(rng.normal(size=30)), stats(rng.normal(size=30))
    narrow = interval(a, b, MEAN, confidence=0.8, resamples=500, seed=5)
    wide = interval(a, b, MEAN, confidence=0.99, resamples=500, seed=5)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_under_three_items_there_is_no_interval():
    for n in (1, 2):
        values = stats(np.arange(float(n)))
        assert interval(values, values + 1, MEAN, confidence=0.95, resamples=100, seed=1) is None


def test_the_fewest_items_follow_the_exact_sign_test():
    assert fewest_that_differ(0.95) == 6
    assert fewest_that_differ(0.99) == 8
    assert fewest_that_differ(0.75) == 3  # 2^(1-3) is 0.25 exactly
    for confidence in (0.6, 0.8, 0.9, 0.95, 0.99, 0.999):
        m = fewest_that_differ(confidence)
        assert 2 ** (1 - m) <= 1 - confidence + 1e-12 < 2 ** (2 - m) + 1e-9


def test_verdicts_follow_the_direction():
    assert verdict_of(0.1, 0.2, 10, "higher", 0.95) == "better"
    assert verdict_of(0.1, 0.2, 10, "lower", 0.95) == "worse"
    assert verdict_of(-0.2, -0.1, 10, "lower", 0.95) == "better"
    assert verdict_of(-0.2, -0.1, 10, "higher", 0.95) == "worse"
    assert verdict_of(-0.1, 0.2, 10, "higher", 0.95) == "no evidence"
    assert verdict_of(0.0, 0.2, 10, "higher", 0.95) == "no evidence"
    assert verdict_of(0.1, 0.2, 5, "higher", 0.95) == "no evidence"


def test_the_number_of_items_asked_for_is_enough_four_times_in_five():
    rng = np.random.default_rng(7)
    a, b = (stats(v) for v in (np.zeros(20), rng.normal(0.25, 1.0, 20)))
    b[:, 0] += 0.25 - b[:, 0].mean()
    b[:, 0] = 0.25 + (b[:, 0] - 0.25) / b[:, 0].std()
    low, high = interval(a, b, MEAN, confidence=0.95, resamples=2000, seed=1)
    more = items_needed(0.25, low, high, n=20, differ=20, scale=1, confidence=0.95)
    assert 110 <= more <= 160  # (1.96 + 0.84)² / 0.25² = 126, and a little for the wider interval
    told = simulate(
        lambda rng, n: (np.zeros(n), rng.normal(0.25, 1.0, n)), 0.25, more, times=200, resamples=300
    )[1]
    assert 0.7 <= told <= 0.93


def test_no_number_of_items_would_tell_what_is_not_there():
    assert items_needed(0.0, -1, 1, n=50, differ=50, scale=1, confidence=0.95) is None
    assert items_needed(1e-9, -1, 1, n=50, differ=50, scale=1, confidence=0.95) is None
    assert items_needed(0.001, -1, 1, n=50, differ=50, scale=1, confidence=0.95) is None
    assert items_needed(0.1, 0.1, 0.1, n=50, differ=0, scale=1, confidence=0.95) is None


def test_few_differing_items_ask_for_enough_that_differ():
    # 4 of 20 differ, all one way: 6 that differ need about 30 items.
    assert items_needed(0.2, 0.05, 0.35, n=20, differ=4, scale=1, confidence=0.95) >= 30
