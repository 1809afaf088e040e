"""The compare stage: read two evaluations, pair their items, judge every metric."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from talkwright.compare.metrics import METRICS, UNJUDGED, summary_of
from talkwright.compare.stats import (
    FEWEST_FOR_INTERVAL,
    fewest_that_differ,
    interval,
    items_needed,
    items_that_differ,
    verdict_of,
)
from talkwright.config import CompareSection
from talkwright.errors import ArtefactError
from talkwright.runs import artefact, manifest, read_jsonl, verify, write_json
from talkwright.types import Comparison, to_json

CONTENTS = "comparisons.json"


class Scored(NamedTuple):
    """Statistics of one item for one metric, or None and why there are none."""

    stats: list[float] | None
    why: str | None


class Evaluation(NamedTuple):
    """An evaluation as read: rows by item id, of items.jsonl and of losses.jsonl."""

    folder: Path
    items: dict[str, dict[str, Any]]
    losses: dict[str, dict[str, Any]]


def compare(a: Path, b: Path, section: CompareSection, *, seed: int) -> list[Comparison]:
    """Judge evaluation artefact `b` against `a`: one Comparison a metric, in the order of METRICS.

    Only conversations both were asked are compared; the others count as unscored. Raises
    ArtefactError when either is damaged, of another kind, or when there is nothing in common.
    """
    left, right = _read(Path(a)), _read(Path(b))
    _check_comparable(left, right)
    return [
        _compare_metric(metric, *_paired(metric, left, right), section, seed=seed) for metric in METRICS
    ]


def totals(evaluation: Path) -> dict[str, float | None]:
    """Each metric of one evaluation over all items it was scored on; None where there are none."""
    read = _read(Path(evaluation))
    out: dict[str, float | None] = {}
    for metric in METRICS:
        found = [row.stats for row in _scores(metric, read).values() if row.stats is not None]
        out[metric] = _value(metric, found) if found else None
    return out


def write_comparison(
    comparisons: Sequence[Comparison], out: Path, key: str, about: dict[str, Any] | None = None
) -> None:
    """Write comparisons as an artefact of kind "comparison"."""
    with artefact(out, kind="comparison", key=key, about=about) as folder:
        write_json(folder / CONTENTS, to_json(list(comparisons)))


# --- reading -------------------------------------------------------------------------------------


def _read(folder: Path) -> Evaluation:
    manifest(folder, "evaluation")
    verify(folder)
    try:
        items = {str(row["item"]): row for row in read_jsonl(folder / "items.jsonl")}
        losses = {str(row["item"]): row for row in read_jsonl(folder / "losses.jsonl")}
    except (KeyError, TypeError) as error:
        raise ArtefactError(f"{folder}: its rows are not those of an evaluation ({error!r})") from None
    return Evaluation(folder, items, losses)


def _check_comparable(a: Evaluation, b: Evaluation) -> None:
    shared = a.items.keys() & b.items.keys()
    apart = bool(a.items) and bool(b.items) and not shared
    if apart or not (shared or a.losses.keys() & b.losses.keys()):
        raise ArtefactError(
            f"{a.folder} and {b.folder} have no conversation in common (asked: {len(a.items)} and "
            f"{len(b.items)}), so nothing can be compared; evaluate both on the same suite"
        )
    for item in sorted(shared):
        if any(a.items[item][part] != b.items[item][part] for part in ("prompt", "reference")):
            raise ArtefactError(
                f"{a.folder} and {b.folder} hold different texts under the id {item}; "
                "one was made by another version of talkwright: evaluate it again"
            )


def _scores(metric: str, evaluation: Evaluation) -> dict[str, Scored]:
    """A metric's statistics for every item of one evaluation."""
    if metric in ("loss", "perplexity"):
        return {
            item: Scored(None, row.get("why") or "no loss was measured")
            if row["nll"] is None
            else Scored([float(row["nll"]), float(row["tokens"])], None)
            for item, row in evaluation.losses.items()
        }
    out = {}
    for item, row in evaluation.items.items():
        score = row["scores"].get(metric) or {"value": None, "why": "not scored by this evaluation"}
        if score["value"] is None:
            out[item] = Scored(None, score["why"])
        elif metric in ("bleu", "chrf"):
            out[item] = Scored([float(count) for count in row["stats"][metric]], None)
        else:
            out[item] = Scored([float(score["value"]), 1.0], None)
    return out


def _paired(
    metric: str, left: Evaluation, right: Evaluation
) -> tuple[list[list[float]], list[list[float]], Counter[str]]:
    """Statistics of both for the items scored on both, and why the other items are not."""
    a, b = _scores(metric, left), _scores(metric, right)
    stats_a, stats_b = [], []
    reasons: Counter[str] = Counter()
    for item in sorted(a.keys() | b.keys()):
        if item not in a or item not in b:
            reasons["only one of the two was asked"] += 1
            continue
        why = a[item].why or b[item].why or _unlike(metric, item, left, right)
        x, y = a[item].stats, b[item].stats
        if why is not None or x is None or y is None:
            reasons[why or "not scored"] += 1
            continue
        stats_a.append(x)
        stats_b.append(y)
    return stats_a, stats_b, reasons


def _unlike(metric: str, item: str, a: Evaluation, b: Evaluation) -> str | None:
    """Why two scores of one conversation measure different things, or None."""
    if metric in ("loss", "perplexity") and a.losses[item]["tokens"] != b.losses[item]["tokens"]:
        return "the two models count its tokens differently, so loss per token cannot be compared"
    if metric == "fact_recall" and a.items[item]["facts"] != b.items[item]["facts"]:
        return "the two suites list different facts for it"
    return None


# --- judging -------------------------------------------------------------------------------------


def _compare_metric(
    metric: str,
    a: list[list[float]],
    b: list[list[float]],
    reasons: Mapping[str, int],
    section: CompareSection,
    *,
    seed: int,
) -> Comparison:
    import numpy as np

    n, unscored = len(a), sum(reasons.values())
    value_a, value_b = (_value(metric, a), _value(metric, b)) if n else (None, None)
    if value_a is None or value_b is None:
        why = _why_nothing(reasons) if n == 0 else f"the {metric} of these items is not a finite number"
        return Comparison(metric, value_a, value_b, None, None, None, n, unscored, "no evidence", why)
    delta = value_b - value_a
    known = (metric, value_a, value_b, delta)
    if metric in UNJUDGED:
        return Comparison(*known, None, None, n, unscored, "no evidence", UNJUDGED[metric])
    if n < FEWEST_FOR_INTERVAL:
        why = f"an interval needs at least {FEWEST_FOR_INTERVAL} items; here {n} could be scored"
        return Comparison(*known, None, None, n, unscored, "no evidence", why)
    stats_a, stats_b = np.array(a, dtype=np.float64), np.array(b, dtype=np.float64)
    limits = interval(
        stats_a,
        stats_b,
        summary_of(metric),
        confidence=section.confidence,
        resamples=section.resamples,
        seed=seed,
    )
    if limits is None:
        why = "resampled values are not finite numbers"
        return Comparison(*known, None, None, n, unscored, "no evidence", why)
    direction = METRICS[metric].direction
    if direction == "neutral":
        why = "neither direction is better"
        return Comparison(*known, *limits, n, unscored, "no evidence", why)
    differ = items_that_differ(stats_a, stats_b)
    verdict = verdict_of(*limits, differ, direction, section.confidence)
    if verdict != "no evidence":
        return Comparison(*known, *limits, n, unscored, verdict)
    scale = max(abs(value_a), abs(value_b))
    more = items_needed(delta, *limits, n=n, differ=differ, scale=scale, confidence=section.confidence)
    why = _why_no_evidence(*limits, differ, section.confidence)
    return Comparison(*known, *limits, n, unscored, "no evidence", why, more)


def _value(metric: str, stats: list[list[float]]) -> float | None:
    import numpy as np

    value = float(summary_of(metric)(np.array(stats, dtype=np.float64).sum(axis=0, keepdims=True))[0])
    return value if math.isfinite(value) else None


def _why_nothing(reasons: Mapping[str, int]) -> str:
    if not reasons:
        return "nothing was measured in either evaluation"
    most = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))[:3]
    return "no item could be scored on both: " + "; ".join(f"{why} ({count})" for why, count in most)


def _why_no_evidence(low: float, high: float, differ: int, confidence: float) -> str:
    if differ == 0:
        return "both score the same on every item"
    if low <= 0 <= high:
        return "the interval includes no difference"
    fewest = fewest_that_differ(confidence)
    return f"only {differ} items differ, and no test can tell from fewer than {fewest}"
