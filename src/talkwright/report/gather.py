"""A run folder → one `Report` of plain values; nothing here knows HTML but the tokens' markup."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from talkwright import runs
from talkwright.config import DataSection, ReportSection
from talkwright.errors import ArtefactError
from talkwright.report.ledger import Data, read_data
from talkwright.report.plain import finding
from talkwright.report.replies import Replies, read_replies
from talkwright.report.taught import Check, read_check
from talkwright.report.text import clean, count, is_number
from talkwright.report.training import Training, read_training
from talkwright.report.verdict import Row, Tile, headline, tally, tiles, verdict_rows
from talkwright.report.written import Written, read_written

# Folder, and name on the page.
STAGES = (
    ("data", "data"),
    ("check", "check"),
    ("train", "train"),
    ("evaluate/base", "evaluate base"),
    ("evaluate/tuned", "evaluate tuned"),
    ("compare", "compare"),
)
MAX_FILES = 12


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage's manifest, or that there is none: `manifest` is {} where the stage has not finished."""

    folder: str
    title: str
    state: str
    manifest: dict[str, Any]
    files: list[tuple[str, str]]
    hidden_files: int

    @property
    def done(self) -> bool:
        """Whether the stage has left a whole artefact."""
        return bool(self.manifest)


@dataclass(frozen=True, slots=True)
class Model:
    """The base model as the run recorded it; `licence` says so when nothing was recorded."""

    name: str
    licence: str
    origin: str
    digest: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything the page shows. A part is None (or empty) when its stage has not finished."""

    name: str
    made: str
    model: Model
    headline: str
    tally: str
    tiles: list[Tile]
    stages: list[Stage]
    rows: list[Row]
    confidence: float
    replies: Replies | None
    training: Training | None
    check: Check | None
    data: Data | None
    max_length: int | None
    recipe: str
    environment: dict[str, Any]
    seconds: float
    commands: list[tuple[str, str]]
    written: Written | None = None
    ledger: str = "data/ledger.parquet"


@dataclass(frozen=True, slots=True)
class DataReport:
    """What the page of a data set alone shows; `check`, `max_length` and `written` need a run."""

    name: str
    made: str
    headline: str
    tally: str
    seconds: float
    data: Data
    commands: list[tuple[str, str]]
    check: None = None
    max_length: None = None
    written: None = None
    ledger: str = "ledger.parquet"


def gather_dataset(folder: Path) -> DataReport:
    """Read a prepared data set. Raises ArtefactError when it is none, or damaged."""
    manifest = clean(runs.manifest(folder, "dataset"))
    with _shapes(folder):
        data = read_data(folder, ReportSection().ledger_examples)
        seconds = manifest.get("seconds")
        name = shlex.quote(clean(str(folder)))
        return DataReport(
            name=clean(folder.resolve().name),
            made=str(manifest.get("made") or ""),
            headline=f"{count(data.kept)} of {count(data.read)} rows are kept{_found(data)}.",
            tally=_listed(data),
            seconds=float(seconds) if is_number(seconds) else 0.0,
            data=data,
            commands=[
                *_cures(folder, data),
                (
                    f"talkwright data ledger {name} --where fate=dropped",
                    "the dropped rows, in the terminal",
                ),
                (f"talkwright data ledger {name} --count-by reason", "how many rows for which reason"),
                (f"talkwright data diff {name} OTHER", "what differs from another data set"),
                (f"talkwright show {name}", "the tokens, and which of them would be learnt"),
            ],
        )


_SEVERITIES = (("serious", "serious finding"), ("warning", "warning"), ("note", "note"))


def _of(data: Data, severity: str) -> list[dict[str, Any]]:
    return [found for found in data.findings if found.get("severity") == severity]


def _found(data: Data) -> str:
    """How many findings there are of each severity that matters: "; 1 serious finding, 3 warnings"."""
    numbers = [(len(_of(data, severity)), name) for severity, name in _SEVERITIES[:2]]
    said = [f"{count(n)} {name}{'s' * (n != 1)}" for n, name in numbers if n]
    if said:
        return f", with {' and '.join(said)}"
    return ", with nothing serious found" if data.doctored else ""


def _listed(data: Data) -> str:
    """Of what the findings are: "Serious: answers cut off. Warnings: mixed styles. 4 notes."."""
    said = [
        f"{title}: {', '.join(finding(str(found.get('code') or '?')) for found in _of(data, severity))}."
        for severity, title in (("serious", "Serious"), ("warning", "Warnings"))
        if _of(data, severity)
    ]
    notes = len(_of(data, "note"))
    return " ".join([*said, *([f"{count(notes)} note{'s' * (notes != 1)}."] if notes else [])])


_ONE_WORD = re.compile(r"(data\.[a-z_]+): (\w+(?:\.\d+)?|\[[\w, ]*\])(?:  #.*)?")


def _cures(folder: Path, data: Data) -> list[tuple[str, str]]:
    """The command that prepares the data again with the fixes that matter, as far as they are short."""
    fixes = [
        str(found.get("fix")) for severity in ("serious", "warning") for found in _of(data, severity)
    ]
    fixes = [fix for fix in fixes if fix.startswith("data")]  # the others are advice
    lines = [match for fix in fixes if (match := _ONE_WORD.fullmatch(fix))]
    if not lines:
        command = "talkwright data prepare RECIPE.yaml --out NEW"
        return [(command, "with the findings' lines in the recipe")] if fixes else []
    settings = " ".join(f"--set {shlex.quote(f'{line[1]}={line[2]}')}" for line in lines)
    command = f"talkwright data prepare {_prepared_from(folder)} --out NEW {settings}"
    rest = len(fixes) - len(lines)
    more = f"; {count(rest)} longer one{'s' * (rest != 1)} can stand in a recipe only" if rest else ""
    return [
        (command, f"the data again, with the short fixes above: leave out what you do not want{more}")
    ]


def _prepared_from(folder: Path) -> str:
    """The sources as they are typed, where nothing but sources was asked for; else "RECIPE.yaml"."""
    settings = clean(runs.read_json(folder / "counts.json")).get("settings") or {}
    paths = [str(source.get("path")) for source in settings.get("sources") or ()]
    plain = {"sources": [{"path": path} for path in paths]}
    if not paths or settings != DataSection.model_validate(plain).model_dump(mode="json"):
        return "RECIPE.yaml"
    return " ".join(map(shlex.quote, paths))


def gather(run: Path) -> Report:
    """Read a run folder. Raises ArtefactError when it is not a run or a finished part is damaged."""
    if not (run / "recipe.json").is_file():
        raise ArtefactError(f"{run}: this folder is not a run (it has no recipe.json)")
    with _shapes(run):
        return _gather(run)


@contextmanager
def _shapes(folder: Path) -> Iterator[None]:
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, ArtefactError):
            raise
        raise ArtefactError(
            f"{folder}: a file in it does not have the shape this version writes ({error}). "
            "Make it again, or report on it with the version that made it."
        ) from error


def _gather(run: Path) -> Report:
    recipe = clean(runs.read_json(run / "recipe.json"))
    limits = {**ReportSection().model_dump(), **(recipe.get("report") or {})}
    stages = [_stage(run, folder, title) for folder, title in STAGES]
    done = {stage.folder: stage for stage in stages if stage.done}
    found = {folder: run / folder for folder in done}
    rows = _verdicts(found.get("compare"))
    base, tuned = found.get("evaluate/base"), found.get("evaluate/tuned")
    environment = run / "environment.json"
    return Report(
        name=clean(run.resolve().name),
        made=max((str(stage.manifest.get("made") or "") for stage in done.values()), default=""),
        model=_model(list(done.values()), recipe),
        headline=headline(rows) if rows else _so_far(stages),
        tally=tally(rows) if rows else "",
        tiles=tiles(rows),
        stages=stages,
        rows=rows,
        confidence=(recipe.get("compare") or {}).get("confidence", 0.95),
        replies=read_replies(base, tuned, limits["replies"]) if base or tuned else None,
        training=read_training(found["train"], _seconds(done["train"])) if "train" in done else None,
        check=read_check(found["check"]) if "check" in done else None,
        data=read_data(found["data"], limits["ledger_examples"]) if "data" in done else None,
        max_length=(recipe.get("template") or {}).get("max_length"),
        recipe=yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True, width=96),
        environment=clean(runs.read_json(environment)) if environment.is_file() else {},
        seconds=sum(_seconds(stage) for stage in done.values()),
        commands=_commands(run, set(done)),
        written=read_written(run / "augment"),
    )


def _verdicts(compare: Path | None) -> list[Row]:
    return verdict_rows(clean(runs.read_json(compare / "comparisons.json"))) if compare else []


def _stage(run: Path, folder: str, title: str) -> Stage:
    path = run / folder
    if not (path / runs.MANIFEST).is_file():
        state = "unfinished" if path.is_dir() else "not run yet"
        return Stage(folder, title, state, {}, [], 0)
    manifest = clean(runs.manifest(path))
    files = sorted((str(name), str(digest)) for name, digest in manifest["files"].items())
    return Stage(folder, title, "done", manifest, files[:MAX_FILES], max(0, len(files) - MAX_FILES))


def _seconds(stage: Stage) -> float:
    seconds = stage.manifest.get("seconds")
    return float(seconds) if is_number(seconds) else 0.0


def _so_far(stages: list[Stage]) -> str:
    done = [stage.title for stage in stages if stage.done]
    if not done:
        return "No stage has finished yet, so there is no verdict."
    if len(done) == len(stages):
        return "All stages are done, but the comparison is empty, so there is no verdict."
    return f"No verdict yet. Done so far: {', '.join(done)}."


def _model(stages: list[Stage], recipe: dict[str, Any]) -> Model:
    """The base model is recorded in the manifests of the stages that loaded it."""
    asked = str((recipe.get("model") or {}).get("name") or "unknown model")
    for stage in stages:
        found = _licensed(stage.manifest.get("about"))
        if found:
            name, licence, origin, digest = (
                str(found.get(key) or "") for key in ("name", "licence", "origin", "digest")
            )
            return Model(name or asked, licence or "unknown", origin, digest)
    return Model(asked, "not recorded yet", "", "")


def _licensed(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        return None
    if "licence" in value:
        return value
    return next((found for inner in value.values() if (found := _licensed(inner))), None)


def _commands(run: Path, done: set[str]) -> list[tuple[str, str]]:
    # A run in the default place is found by its name; any other has to be named by its path.
    name = shlex.quote(clean(run.resolve().name if run.resolve().parent.name == "runs" else str(run)))
    if "train" not in done:
        return [
            ("talkwright run RECIPE", "the same recipe again: finished stages are kept, the others run"),
            (f"talkwright show {name}", "see the tokens and which of them are learnt"),
        ]
    commands = [
        (f"talkwright chat {name}", "talk to it in the terminal"),
        (f"talkwright serve {name}", "chat page and API on this machine"),
    ]
    if "compare" in done:
        commands.append((f"talkwright compare {name}", "the table in the terminal"))
    else:
        commands.append(("talkwright run RECIPE", "the same recipe again: goes on with the stages left"))
    return commands


# Not strftime: its month names follow the machine's locale, and the page would differ by it.
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def when(made: str) -> str:
    """A manifest's UTC time as `21 November 2026, 23:30 UTC`; unknown shapes stay as they are."""
    try:
        moment = time.strptime(made, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return made
    month = _MONTHS[moment.tm_mon - 1]
    clock = f"{moment.tm_hour:02d}:{moment.tm_min:02d} UTC"
    return f"{moment.tm_mday} {month} {moment.tm_year}, {clock}"
