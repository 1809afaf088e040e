"""Comparisons as a small table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from talkwright.compare.metrics import METRICS
from talkwright.types import Comparison

_TITLES = {
    "fact_recall": "fact recall",
    "exact_match": "exact match",
    "f1": "F1",
    "rouge_l": "ROUGE-L",
    "bleu": "BLEU",
    "chrf": "chrF",
    "reply_words": "reply length",
    "stopped": "ended by itself",
    "seconds": "time per reply",
}
_DIGITS = {"share": 1, "points": 1, "nats per token": 3, "": 2, "words": 1, "s": 2}
_NONE = "–"


def as_text(comparisons: Sequence[Comparison], a_name: str, b_name: str) -> str:
    """A table: metric, both values, difference with interval, verdict. Shares are in per cent.

    A metric with no good direction reads "changed" where its interval excludes 0. Below the table
    stands why a metric has no value, or how many items would tell. No trailing newline.
    """
    rows = [["metric", a_name, b_name, "difference", "interval", "verdict"]]
    notes = []
    for found in comparisons:
        title, factor, digits = _style(found.metric)
        plain = [_number(v, factor, digits) for v in (found.a, found.b)]
        low, delta, high = (
            _number(v, factor, digits, "+") for v in (found.low, found.delta, found.high)
        )
        span = f"[{low}, {high}]" if found.low is not None and found.high is not None else ""
        rows.append([title, *plain, delta, span, _judgement(found)])
        note = _note(found)
        if note:
            notes.append(f"{_TITLES.get(found.metric, found.metric)}: {note}")
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [_line(row, widths) for row in rows]
    return "\n".join([lines[0], "─" * len(lines[0]), *lines[1:], *([""] if notes else []), *notes])


def _style(metric: str) -> tuple[str, float, int]:
    unit = METRICS[metric].unit if metric in METRICS else ""
    shown = {"share": " (%)", "s": " (s)", "words": " (words)"}.get(unit, "")
    return _TITLES.get(metric, metric) + shown, 100.0 if unit == "share" else 1.0, _DIGITS[unit]


def _judgement(found: Comparison) -> str:
    if found.delta is None:
        return _NONE
    known = METRICS.get(found.metric)
    if found.low is None or found.high is None or known is None or known.direction != "neutral":
        return found.verdict
    # Neither way is better, but a reader still wants to know that it moved.
    return "changed" if found.low > 0 or found.high < 0 else found.verdict


def _number(value: float | None, factor: float, digits: int, sign: str = "") -> str:
    if value is None:
        return _NONE
    rounded = round(value * factor, digits) + 0.0  # + 0.0: no "-0.0"
    return f"{rounded:{sign if rounded else ''}.{digits}f}"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    # Names and verdicts to the left, numbers to the right.
    cells = [
        cell.ljust(width) if i in (0, 5) else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells)


def _note(found: Comparison) -> str:
    parts = []
    if found.more is not None:
        parts.append(f"about {found.more:,} items would tell (there were {found.n:,})")
    elif found.low is None and found.why:
        parts.append(found.why)
    if found.n and found.unscored:
        parts.append(f"{found.unscored:,} of {found.n + found.unscored:,} items could not be scored")
    return "; ".join(parts)
