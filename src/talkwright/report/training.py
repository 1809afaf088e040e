"""The train artefact → curves and a summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talkwright.report.text import clean, compact, count, decimal, duration, is_number, words
from talkwright.runs import read_json, read_jsonl

Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Training:
    """Curves as (step, value) points, `smooth` being a moving mean of `loss`, and facts in words."""

    loss: Points
    smooth: Points
    validation: Points
    rate: Points
    best_step: float | None
    facts: list[tuple[str, str]]


def read_training(folder: Path, seconds: float | None) -> Training:
    """Read a finished train artefact; `seconds` is the stage's wall time from its manifest.

    Raises ArtefactError for a damaged file. A step written twice (by a resumed run) counts once,
    as it was written last.
    """
    curves: dict[str, dict[float, float]] = {"loss": {}, "validation_loss": {}, "learning_rate": {}}
    tokens: dict[float, float] = {}
    metrics = folder / "metrics.jsonl"
    for row in read_jsonl(metrics) if metrics.is_file() else ():
        step = row.get("step")
        if not is_number(step):
            continue
        for name, points in curves.items():
            if is_number(row.get(name)):
                points[step] = row[name]
        if is_number(row.get("tokens")):
            tokens[step] = row["tokens"]
    summary_path = folder / "summary.json"
    summary = clean(read_json(summary_path)) if summary_path.is_file() else {}
    loss, validation, rate = (sorted(points.items()) for points in curves.values())
    best = summary.get("best_step")
    if not is_number(best) and validation:
        best = min(validation, key=lambda point: (point[1], point[0]))[0]
    return Training(
        loss=loss,
        smooth=moving_mean(loss),
        validation=validation,
        rate=rate,
        best_step=best if is_number(best) else None,
        facts=_facts(summary, loss, validation, best, seconds),
    )


def moving_mean(points: Sequence[tuple[float, float]]) -> Points:
    """Centred moving mean over a twentieth of the points, narrower at both ends."""
    half = max(1, len(points) // 40)
    smooth = []
    for at, (step, _) in enumerate(points):
        reach = min(half, at, len(points) - 1 - at)
        window = [value for _, value in points[at - reach : at + reach + 1]]
        smooth.append((step, sum(window) / len(window)))
    return smooth


_KNOWN = {
    "steps",
    "tokens",
    "seconds",
    "tokens_per_second",
    "best_step",
    "best_loss",
    "best_validation_loss",
    "stopped_early",
}


_LABELS = {
    "planned_steps": "Planned steps",
    "supervised_tokens": "Tokens learnt from",
    "kept": "Weights kept",
    "trainable": "Trained weights",
}


def _facts(
    summary: dict[str, Any], loss: Points, validation: Points, best: Any, wall: float | None
) -> list[tuple[str, str]]:
    steps = summary.get("steps", loss[-1][0] if loss else None)
    seconds = summary.get("seconds", wall)
    tokens = summary.get("tokens")
    rate = summary.get("tokens_per_second")
    if rate is None and is_number(tokens) and is_number(seconds) and seconds:
        rate = tokens / seconds
    facts = [
        ("Steps", count(steps)),
        ("Tokens", count(tokens)),
        ("Time", duration(seconds)),
        ("Tokens per second", count(rate)),
    ]
    if validation:
        lowest = next(
            (value for step, value in validation if step == best), min(v for _, v in validation)
        )
        facts.append(("Best validation loss", f"{decimal(lowest, 3)} at step {count(best)}"))
    if "stopped_early" in summary:
        facts.append(("Stopped early", _stopped(summary["stopped_early"])))
    facts += [
        (
            _LABELS.get(key) or words(key).capitalize(),
            compact(value) if is_number(value) else _plain(value),
        )
        for key, value in summary.items()
        if key not in _KNOWN and not isinstance(value, (dict, list)) and value is not None
    ]
    return [(name, value) for name, value in facts if value != "–"]


def _plain(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _stopped(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "yes" if value else "no"
    return str(value)


def in_words(training: Training) -> str:
    """The loss curve as a sentence, for readers who do not see it."""
    if not training.loss:
        return "No training loss was recorded."
    first, last = training.smooth[0][1], training.smooth[-1][1]
    verb = "fell" if last < first else "rose"
    text = (
        f"Training loss {verb} from {decimal(first, 2)} to {decimal(last, 2)} "
        f"over {count(training.loss[-1][0])} steps."
    )
    if training.validation:
        lowest = min(value for _, value in training.validation)
        first, last = training.validation[0][1], training.validation[-1][1]
        text += (
            f" Validation loss: {decimal(first, 2)} at first, {decimal(lowest, 2)} at best, "
            f"{decimal(last, 2)} at the end."
        )
    return text
