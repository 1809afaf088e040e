"""What each metric means, and how its value comes from the statistics of single items.

Every metric is a function of statistics summed over items: a mean is sum / count, the loss is
nats / tokens, corpus BLEU and chrF are sacrebleu's functions of n-gram counts. So one bootstrap, which
sums the statistics of the items it draws, serves them all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]


class Metric(NamedTuple):
    """Which way is good, the unit its value is in, and what it says in one line.

    "share" lies in 0..1, "points" in 0..100.
    """

    direction: Literal["higher", "lower", "neutral"]
    unit: Literal["share", "points", "nats per token", "", "words", "s"]
    meaning: str


METRICS: dict[str, Metric] = {
    "fact_recall": Metric(
        "higher", "share", "replies that state every fact asked for, in their own words"
    ),
    "loss": Metric("lower", "nats per token", "surprise at the held-out answers, per assistant token"),
    "perplexity": Metric("lower", "", "exp(loss): as unsure as choosing among so many tokens"),
    "exact_match": Metric(
        "higher", "share", "replies equal to the reference but for case and punctuation"
    ),
    "f1": Metric("higher", "share", "words shared with the reference, missing and surplus ones counted"),
    "rouge_l": Metric(
        "higher", "share", "longest sequence of words in common with the reference, as F-measure"
    ),
    "bleu": Metric(
        "higher", "points", "one- to four-word runs shared with the references, over all replies"
    ),
    "chrf": Metric(
        "higher", "points", "one- to six-letter runs shared with the references, over all replies"
    ),
    "reply_words": Metric("neutral", "words", "words per reply"),
    "stopped": Metric("higher", "share", "replies that ended by themselves, not at the length limit"),
    "seconds": Metric("lower", "s", "time per reply, its share of the batch it was made in"),
}
"""In the order of the table."""

UNJUDGED: dict[str, str] = {
    "seconds": (
        "replies are timed in batches and one model after the other, so their times are not independent "
        "and no interval would be honest; time both models on an idle machine instead"
    ),
}
"""Metrics whose items are no independent sample: shown, but without interval and verdict, and why."""


def summary_of(metric: str) -> Callable[[Array], Array]:
    """The function from summed statistics, shape (m, k), to the metric's m values.

    The k statistics are [sum, count] for means, [nats, tokens] for loss and perplexity, and what
    sacrebleu counts for BLEU (10) and chrF (18).
    """
    special = {"perplexity": _perplexity, "bleu": _corpus_bleu, "chrf": _corpus_chrf}
    return special.get(metric, _ratio)


def _ratio(sums: Array) -> Array:
    return sums[:, 0] / sums[:, 1]


def _perplexity(sums: Array) -> Array:
    import numpy as np

    with np.errstate(
        over="ignore"
    ):  # beyond e^709 the value is inf, which the caller reports as unknown
        return np.exp(_ratio(sums))


def _corpus_bleu(sums: Array) -> Array:
    import numpy as np
    from sacrebleu.metrics.bleu import BLEU

    counts = np.rint(sums).astype(int).tolist()
    return np.array(
        [
            BLEU.compute_bleu(
                correct=row[2:6], total=row[6:10], sys_len=row[0], ref_len=row[1], smooth_method="exp"
            ).score
            for row in counts
        ]
    )


def _corpus_chrf(sums: Array) -> Array:
    import numpy as np
    from sacrebleu.metrics.chrf import CHRF

    scorer: Any = CHRF()
    counts = np.rint(sums).astype(int).tolist()
    # What sacrebleu's own bootstrap calls; it has no public name, so a test holds it to corpus_chrf.
    return np.array([scorer._compute_score_from_stats(row).score for row in counts])
