"""Comparisons → the rows, the sentence and the figures that stand at the top of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from talkwright.report.text import NBSP, compact, count, decimal, duration, is_number, words

Scale = Literal["share", "points", "nats", "ratio", "words", "seconds", "unknown"]


@dataclass(frozen=True, slots=True)
class Metric:
    """How a metric is called, explained and written. A "share" lies in 0..1, "points" in 0..100."""

    title: str
    meaning: str
    scale: Scale
    good: Literal["higher", "lower", "neutral"]


METRICS: dict[str, Metric] = {
    "fact_recall": Metric(
        "Fact recall", "Replies that state every fact asked for, in their own words.", "share", "higher"
    ),
    "loss": Metric(
        "Held-out loss",
        "Surprise per token at the held-out answers, in nats; lower is better.",
        "nats",
        "lower",
    ),
    "perplexity": Metric(
        "Perplexity", "The same surprise: as unsure as choosing among so many tokens.", "ratio", "lower"
    ),
    "exact_match": Metric(
        "Exact match", "Replies equal to the reference, but for case and punctuation.", "share", "higher"
    ),
    "f1": Metric(
        "F1", "Words shared by reply and reference, missing and surplus ones counted.", "share", "higher"
    ),
    "rouge_l": Metric(
        "ROUGE-L",
        "Longest sequence of words that reply and reference have in common.",
        "share",
        "higher",
    ),
    "bleu": Metric(
        "BLEU",
        "Runs of one to four words shared with the reference, over all replies.",
        "points",
        "higher",
    ),
    "chrf": Metric(
        "chrF", "Runs of letters shared with the reference; kind to inflected forms.", "points", "higher"
    ),
    "reply_words": Metric(
        "Reply length", "Words per reply; neither good nor bad in itself.", "words", "neutral"
    ),
    "stopped": Metric(
        "Ended by itself", "Replies that came to an end, not cut at the length limit.", "share", "higher"
    ),
    "seconds": Metric(
        "Time per reply", "Wall time, as a share of the batch it was made in.", "seconds", "lower"
    ),
}
_HEADLINE = ("fact_recall", "loss", "f1", "chrf", "bleu")
_TILES = ("fact_recall", "loss", "f1", "stopped")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the verdict table. Numbers are as compared; texts are as shown."""

    name: str
    metric: Metric
    a: float | None
    b: float | None
    delta: float | None
    low: float | None
    high: float | None
    n: int
    unscored: int
    badge: str
    tone: Literal["better", "worse", "none", "neutral"]
    why: str
    base: str
    tuned: str
    difference: str
    interval: str
    note: str


def metric_of(name: str) -> Metric:
    """What is known about a metric; one unknown here is shown under its own name, without colour."""
    return METRICS.get(name) or Metric(words(name), "", "unknown", "neutral")


def verdict_rows(comparisons: Sequence[dict[str, Any]]) -> list[Row]:
    """Rows in the order the compare stage gave them."""
    return [_row(comparison) for comparison in comparisons]


def _row(value: dict[str, Any]) -> Row:
    name = str(value.get("metric", "?"))
    metric = metric_of(name)
    a, b, delta, low, high = (_finite(value.get(key)) for key in ("a", "b", "delta", "low", "high"))
    badge, tone = _badge(str(value.get("verdict", "no evidence")), metric, delta, low, high)
    more = value.get("more")
    return Row(
        name=name,
        metric=metric,
        a=a,
        b=b,
        delta=delta,
        low=low,
        high=high,
        n=int(value.get("n") or 0),
        unscored=int(value.get("unscored") or 0),
        badge=badge,
        tone=tone,
        why=str(value.get("why") or ""),
        base=show(metric, a),
        tuned=show(metric, b),
        difference=show_difference(metric, delta),
        interval=show_interval(metric, low, high),
        note=f"about {count(more)} items would tell" if is_number(more) and tone == "none" else "",
    )


def _finite(value: Any) -> float | None:
    return float(value) if is_number(value) else None


def _badge(
    verdict: str, metric: Metric, delta: float | None, low: float | None, high: float | None
) -> tuple[str, Literal["better", "worse", "none", "neutral"]]:
    if delta is None:
        return "not scored", "none"
    if verdict == "better":
        return "better", "better"
    if verdict == "worse":
        return "worse", "worse"
    changed = low is not None and high is not None and (low > 0 or high < 0)
    if metric.good == "neutral" and changed:
        return "changed", "neutral"
    return ("not judged" if low is None or high is None else "no evidence"), "none"


# --- numbers as text -----------------------------------------------------------------------------

_DIGITS: dict[Scale, int] = {"points": 1, "nats": 3, "ratio": 2, "words": 1, "seconds": 2}


def show(metric: Metric, value: float | None) -> str:
    """A metric's value with its unit; a dash for None."""
    if value is None:
        return "–"
    if metric.scale == "share":
        return f"{decimal(100 * value, _share_digits(value))}{NBSP}%"
    if metric.scale == "unknown":
        return compact(value)
    if metric.scale == "seconds" and value >= 60:
        return duration(value)
    unit = f"{NBSP}s" if metric.scale == "seconds" else ""
    return decimal(value, _DIGITS[metric.scale]) + unit


def _share_digits(value: float) -> int:
    # 99.6 % must not read as 100 %, nor 0.4 % as 0 %.
    percent = 100 * abs(value)
    return 1 if 0 < percent < 1 or 99 < percent < 100 else 0


def show_difference(metric: Metric, value: float | None) -> str:
    """A difference with its sign, without a unit: +84, −1.750."""
    if value is None:
        return "–"
    if metric.scale == "share":
        return decimal(100 * value, 1 if 0 < abs(value) < 0.01 else 0, sign=True)
    if metric.scale == "unknown":
        return ("+" if value > 0 else "") + compact(value)
    return decimal(value, _DIGITS[metric.scale], sign=True)


def show_interval(metric: Metric, low: float | None, high: float | None) -> str:
    """An interval as `+78 to +90`, or "" where there is none."""
    if low is None or high is None:
        return ""
    return f"{show_difference(metric, low)} to {show_difference(metric, high)}"


# --- the top of the page -------------------------------------------------------------------------


def headline(rows: Sequence[Row]) -> str:
    """The verdict in one sentence, on the first metric of fact recall, loss, F1 that was scored."""
    scored = {row.name: row for row in rows if row.delta is not None and row.n > 0}
    row = next((scored[name] for name in _HEADLINE if name in scored), next(iter(scored.values()), None))
    if row is None:
        return "Nothing could be scored, so there is no verdict."
    if row.badge == "not judged":
        return f"{row.metric.title}: {row.base} before, {row.tuned} after, without an interval."
    if row.tone == "none":
        more = f"; {row.note}" if row.note else ""
        return (
            f"No evidence of a change in {_inside(row.metric.title)}: "
            f"{row.base} before, {row.tuned} after ({row.interval}{more})."
        )
    verb = "rose" if (row.delta or 0) > 0 else "fell"
    points = " points" if row.metric.scale == "share" else ""
    return f"{row.metric.title} {verb} from {row.base} to {row.tuned} ({row.interval}{points})."


def _inside(title: str) -> str:
    # "Fact recall" loses its capital inside a sentence, "F1" and "BLEU" do not.
    return title[0].lower() + title[1:] if title[1:2].islower() else title


def tally(rows: Sequence[Row]) -> str:
    """How many metrics got better, worse, or give no evidence."""
    badges = [row.badge for row in rows]
    parts = [f"{badges.count(badge)} {badge}" for badge in ("better", "worse", "no evidence")]
    parts += [
        f"{badges.count(badge)} {badge}"
        for badge in ("changed", "not judged", "not scored")
        if badge in badges
    ]
    return f"{len(badges)} metrics: {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class Tile:
    """One large figure of the summary."""

    title: str
    before: str
    after: str
    detail: str
    tone: str


def tiles(rows: Sequence[Row]) -> list[Tile]:
    """Up to four large figures; loss is shown as a share of the base's."""
    found = {row.name: row for row in rows if row.delta is not None}
    return [_tile(found[name]) for name in _TILES if name in found]


def _tile(row: Row) -> Tile:
    detail = row.badge
    if row.metric.scale == "nats" and row.a and row.delta is not None:
        detail = f"{decimal(100 * row.delta / row.a, 0, sign=True)}{NBSP}%, {row.badge}"
    return Tile(row.metric.title, row.base, row.tuned, detail, row.tone)
