"""The train artefact → curves, sample replies and a summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talkwright.report.text import clean, compact, count, decimal, duration, is_number, words
from talkwright.runs import read_json, read_jsonl

MOST_ANSWERS = 8  # of a question on the page
MOST_QUESTIONS = 6

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
    samples: list[Sampled]


@dataclass(frozen=True, slots=True)
class Sampled:
    """One question asked while training. `answers` are (steps, answer, what else there is to say of it),
    one for as long as the answer stayed the same; `hidden` more of them are not shown."""

    question: str
    right: str
    answers: list[tuple[str, str, str]]
    hidden: int


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
        samples=_samples(folder / "samples.jsonl", best if summary.get("kept") == "best" else None),
    )


def _samples(path: Path, kept: Any) -> list[Sampled]:
    """What each question was answered after each step; `kept` is the step whose weights were kept."""
    asked: dict[str, dict[float, dict[str, Any]]] = {}
    for row in read_jsonl(path) if path.is_file() else ():
        row = clean(row)
        if is_number(row.get("step")):
            asked.setdefault(str(row.get("question") or ""), {})[row["step"]] = row
    found = []
    for question, by_step in list(asked.items())[:MOST_QUESTIONS]:
        answers: list[tuple[list[float], str]] = []
        for step, row in sorted(by_step.items()):
            said = str(row.get("answer") or "") + ("…" if row.get("finish") == "length" else "")
            if answers and answers[-1][1] == said:
                answers[-1][0].append(step)
            else:
                answers.append(([step], said))
        last = len(answers) - 1
        shown = {n * last // (MOST_ANSWERS - 1) for n in range(MOST_ANSWERS)} if last else {0}
        chosen = [
            (_steps(steps), said, _note(steps, kept))
            for n, (steps, said) in enumerate(answers)
            if len(answers) <= MOST_ANSWERS or n in shown or kept in steps
        ]
        right = str(next(iter(by_step.values())).get("right") or "")
        found.append(Sampled(question, right, chosen, len(answers) - len(chosen)))
    return found


def _steps(steps: Sequence[float]) -> str:
    if len(steps) == 1:
        return f"Step {count(steps[0])}"
    return f"Steps {count(steps[0])} to {count(steps[-1])}"


def _note(steps: Sequence[float], kept: Any) -> str:
    notes = (["before training"] if steps[0] == 0 else []) + (["kept"] if kept in steps else [])
    return ", ".join(notes)


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
    "peak_memory_mib",
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
    peak = summary.get("peak_memory_mib")
    facts = [
        ("Steps", count(steps)),
        ("Tokens", count(tokens)),
        ("Time", duration(seconds)),
        ("Tokens per second", count(rate)),
        ("Peak memory", f"{count(peak)} MiB" if peak else "–"),
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
