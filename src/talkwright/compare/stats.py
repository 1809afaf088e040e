"""The paired bootstrap, and when a difference counts. Formulas and reasons: docs/6-compare.md."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

from talkwright.types import Verdict

if TYPE_CHECKING:
    from talkwright.compare.metrics import Array

POWER = 0.8
"""The chance to tell a difference of the size seen, for which `items_needed` is computed."""

FEWEST_FOR_INTERVAL = 3
_CELLS = 2_000_000  # resamples × items held at a time: 16 MB of weights


def interval(
    a: Array,
    b: Array,
    summary: Callable[[Array], Array],
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> tuple[float, float] | None:
    """Confidence interval of summary(b) - summary(a) when items are drawn anew.

    `a` and `b` hold statistics of the same n items, shape (n, k); a resample takes the same items of
    both. The limits are percentiles of the resampled differences at the expanded level of Hesterberg
    2015 (The American Statistician 69:371-386), which for few items makes the interval as wide as
    Student's. None for fewer than 3 items, or when a resampled value is not finite.
    """
    import numpy as np

    n = len(a)
    if n < FEWEST_FOR_INTERVAL:
        return None
    rng = np.random.default_rng(seed)
    deltas = []
    done = 0
    while done < resamples:
        size = min(resamples - done, max(1, _CELLS // n))
        times_drawn = rng.multinomial(n, np.full(n, 1 / n), size=size).astype(np.float64)
        deltas.append(summary(times_drawn @ b) - summary(times_drawn @ a))
        done += size
    level = _expanded_level((1 - confidence) / 2, n)
    low, high = np.quantile(np.concatenate(deltas), [level, 1 - level])
    return (float(low), float(high)) if math.isfinite(low) and math.isfinite(high) else None


def _expanded_level(tail: float, n: int) -> float:
    from scipy.special import ndtr, stdtrit  # type: ignore[import-untyped, unused-ignore]

    return float(ndtr(math.sqrt(n / (n - 1)) * stdtrit(n - 1, tail)))


def items_that_differ(a: Array, b: Array) -> int:
    """How many items have other statistics in `b` than in `a`, beyond rounding."""
    import numpy as np

    return int((~np.isclose(a, b, rtol=1e-6, atol=1e-12)).any(axis=1).sum())


def fewest_that_differ(confidence: float) -> int:
    """The fewest differing items from which any test could tell: 6 at 95 %, 8 at 99 %.

    If m items differ and all in one direction, the exact two-sided sign test gives 2^(1-m); below this
    m even that is above 1 - confidence. A bootstrap of so few would claim more than it can know.
    """
    return math.ceil(1 - math.log2(1 - confidence) - 1e-9)


def verdict_of(
    low: float, high: float, differ: int, direction: Literal["higher", "lower"], confidence: float
) -> Verdict:
    """ "better" or "worse" when the interval excludes 0 and enough items differ, else "no evidence"."""
    if low <= 0 <= high or differ < fewest_that_differ(confidence):
        return "no evidence"
    return "better" if (low > 0) == (direction == "higher") else "worse"


def items_needed(
    delta: float, low: float, high: float, *, n: int, differ: int, scale: float, confidence: float
) -> int | None:
    """Roughly how many items in all would tell, if the difference stays as it was seen.

    The interval narrows with the square root of n; the answer is the n for which it excludes 0 with
    probability 0.8, and for which enough items differ, rounded up to two digits. None when there is
    no difference worth the name (a part in a million of `scale`, or a million items needed).
    """
    if differ == 0 or abs(delta) <= 1e-6 * scale:
        return None
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    by_width = n * ((high - low) / 2 / abs(delta)) ** 2 * ((z + NormalDist().inv_cdf(POWER)) / z) ** 2
    by_count = fewest_that_differ(confidence) * n / differ
    needed = max(by_width, by_count, n + 1)
    if needed > 1e6:
        return None
    step = int(10 ** max(0, math.floor(math.log10(needed)) - 1))
    return math.ceil(needed / step) * step
