"""A training that was cut, and a recipe that says the same in other words, or something else.

Another recipe is another run, in a folder of its own. Where it differs in nothing that the training
computes (how many passes a step takes, how often it saves, what is evaluated afterwards), the
checkpoints move to the new run. Where it differs in more, and the cut training is the last that was
worked on under this name, going on is what was meant: that is refused, naming the difference, until
`--anew` says otherwise.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from talkwright.config import Recipe, dump_recipe
from talkwright.errors import ArtefactError, TrainError
from talkwright.models import load_config
from talkwright.progress import say
from talkwright.runs import MANIFEST, holding, list_runs, recipe_of
from talkwright.train.checkpoint import FOLDER
from talkwright.train.model import precision_here
from talkwright.train.origin import differences, flat, free_settings
from talkwright.train.passes import has_dropout
from talkwright.types import BaseModel

LATER = ("evaluate", "compare", "report", "serve")  # sections that training does not read


def take_over(recipe: Recipe, here: Path, base: BaseModel, *, anew: bool = False) -> None:
    """Move the checkpoints of another run of this name to the run `here`, where that computes the same
    and `here` has none. With `anew` none are used, and those of `here` are set aside.

    Raises TrainError where another recipe's training was cut last, naming what differs.
    """
    if anew:
        _set_aside(here)
        return
    if _has_checkpoints(here):
        return
    cut = sorted(_cut_trainings(recipe, here, base), key=lambda each: each[1])
    now = _deciding(recipe, base)
    for other, _, then in reversed(cut):
        if not differences(then, now) and _moved(other, here):
            say(f"Going on with the training that {other} began: its recipe computes the same.")
            return
    if not cut:
        return
    other, when, then = cut[-1]
    changed = "; ".join(differences(then, now))
    cannot = f"{other} holds an unfinished training, which this recipe cannot go on with: {changed}."
    if when < _last_finished(recipe, here.parent):  # that was given up for another since
        say(f"{cannot} This one begins anew.")
        return
    raise TrainError(
        f"{cannot} Put that back to go on from there, or add `--anew` to begin this one beside it; its "
        "checkpoints stay where they are"
    )


def _cut_trainings(
    recipe: Recipe, here: Path, base: BaseModel
) -> Iterator[tuple[Path, int, dict[str, Any]]]:
    """Runs of this name beside `here` whose training was cut: when it last saved, and what decides it.
    Damaged ones are left out, and those that another process is working on."""
    for other in _namesakes(recipe, here.parent):
        if other == here or not _has_checkpoints(other):
            continue
        try:
            with holding(other):
                saved = max(path.stat().st_mtime_ns for path in (other / FOLDER).glob("step-*"))
                yield other, saved, _deciding(recipe_of(other), base)
        except ArtefactError:
            continue


def _last_finished(recipe: Recipe, runs: Path) -> int:
    marks = [run / "train" / MANIFEST for run in _namesakes(recipe, runs)]
    return max((mark.stat().st_mtime_ns for mark in marks if mark.is_file()), default=0)


def _namesakes(recipe: Recipe, runs: Path) -> list[Path]:
    """Runs of recipes of this name: `open_run` puts a hash after it."""
    return [run for run in list_runs(runs) if run.name.rpartition("-")[0] == recipe.name]


def _moved(other: Path, here: Path) -> bool:
    """Move the checkpoints of `other` to `here`; False where somebody works on them."""
    try:
        with holding(other):
            shutil.rmtree(here / FOLDER, ignore_errors=True)  # nothing whole is in it
            os.rename(other / FOLDER, here / FOLDER)
    except ArtefactError:
        return False
    return True


def _set_aside(here: Path) -> None:
    """Keep a run's own checkpoints under another name, where nothing goes on from them."""
    if not _has_checkpoints(here):
        return
    names = (here / f"{FOLDER}-before-{n}" for n in count(1))
    aside = next(path for path in names if not path.exists())
    os.rename(here / FOLDER, aside)
    say(f"Beginning anew. The checkpoints that were here are in {aside} until you remove them.")


def _deciding(recipe: Recipe, base: BaseModel) -> dict[str, Any]:
    """The settings that decide what a training of `base` computes, by dotted names, as `describe_origin`
    takes them."""
    dropout = has_dropout(vars(load_config(base).get_text_config()))
    free = {f"train.{name}" for name in free_settings(recipe.train, dropout=dropout)}
    same = {"train.precision": precision_here(recipe.train)}  # whether `auto` or said outright
    sections = {n: value for n, value in dump_recipe(recipe).items() if n not in LATER}
    return {n: value for n, value in (flat("", sections) | same).items() if n not in free}


def _has_checkpoints(run: Path) -> bool:
    return any((run / FOLDER).glob("step-*"))
