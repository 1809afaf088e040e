"""Gather, draw, render, write: the whole of the report stage in one short file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from talkwright import runs
from talkwright.report import charts
from talkwright.report.gather import Report, gather, when
from talkwright.report.text import compact, count, cut, duration, words
from talkwright.report.training import in_words

# Longest texts shown before the rest is cut, in characters.
LIMITS = {"message": 1500, "excerpt": 400, "name": 160, "recipe": 20_000, "about": 4_000}


def write_report(run: Path) -> Path:
    """Write RUN/report.html from the artefacts on disk and return its path.

    Raises ArtefactError when `run` is not a run folder or a finished artefact in it is damaged.
    """
    run = Path(run)
    path = run / "report.html"
    runs.write_text(path, render(gather(run)))
    return path


def render(report: Report) -> str:
    """The page as a string; a function of the report alone."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("talkwright.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        compact=compact, count=count, cut=cut, duration=duration, words=words, when=when, pretty=_pretty
    )
    page = environment.get_template("report.html.jinja")
    return page.render(report=report, charts=_charts(report), limits=LIMITS)


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _charts(report: Report) -> dict[str, Any]:
    """Every chart there is data for, by the name the template knows it under."""
    drawn: dict[str, Any] = {"differences": charts.differences(report.rows), "lengths": []}
    training = report.training
    if training and (training.loss or training.validation):
        drawn["loss"] = charts.loss_curve(training, in_words(training))
    if training and training.rate:
        drawn["rate"] = charts.rate_curve(training.rate)
    if report.check:
        histograms = charts.length_histograms(report.check.splits, report.max_length)
        drawn["lengths"] = list(zip(report.check.splits, histograms, strict=True))
    return drawn
