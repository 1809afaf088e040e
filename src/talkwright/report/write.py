"""Gather, draw, render, write: the whole of the report stage in one short file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from talkwright import runs
from talkwright.report import charts
from talkwright.report.gather import DataReport, Report, gather, gather_dataset, when
from talkwright.report.marked import marked
from talkwright.report.plain import plain
from talkwright.report.text import compact, count, cut, duration, percent, words
from talkwright.report.training import in_words

# Longest texts shown before the rest is cut, in characters.
LIMITS = {"message": 1500, "line": 400, "excerpt": 400, "name": 160, "recipe": 20_000, "about": 4_000}


def write_report(folder: Path) -> Path:
    """Write report.html into a run, or into a prepared data set, and return its path.

    Raises ArtefactError when `folder` is neither or a finished artefact in it is damaged.
    """
    folder = Path(folder)
    path = folder / "report.html"
    is_run = (folder / "recipe.json").is_file() or not (folder / "counts.json").is_file()
    runs.write_text(path, render(gather(folder) if is_run else gather_dataset(folder)))
    if is_run:
        runs.record(folder, path.name)
    return path


def render(report: Report | DataReport) -> str:
    """The page as a string; a function of the report alone."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("talkwright.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown = (compact, count, cut, duration, percent, plain, words, when)
    environment.filters.update({filter.__name__: filter for filter in shown}, pretty=_pretty)
    environment.tests["recipe_line"] = _is_recipe_line
    page = "report" if isinstance(report, Report) else "dataset"
    drawn = _charts(report) if isinstance(report, Report) else {"lengths": []}
    drawn |= _data_charts(report)
    template = environment.get_template(f"{page}.html.jinja")
    return template.render(report=report, charts=drawn, limits=LIMITS, marked=marked)


def _is_recipe_line(text: str) -> bool:
    return re.fullmatch(r"data(\.[a-z_]+)*: \S.*", text) is not None


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


def _data_charts(report: Report | DataReport) -> dict[str, Any]:
    data = report.data
    return {
        name: charts.size_bars(name, what, found) if found else None
        for name, what, found in (
            ("turns", "turns", data and data.turns),
            ("characters", "characters", data and data.characters),
        )
    }
