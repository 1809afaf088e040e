"""A training that was cut, gone on with under a recipe that says the same in other words.

Another recipe is another run, in a folder of its own. Where it differs in nothing that the training
computes (how many passes a step takes, how often it saves, what is evaluated afterwards), beginning anew
would throw the work away: the checkpoints move to the new run.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from talkwright.config import Recipe, dump_recipe
from talkwright.errors import ArtefactError
from talkwright.progress import say
from talkwright.runs import holding, list_runs, recipe_of
from talkwright.train.checkpoint import FOLDER
from talkwright.train.origin import FREE, differences, flat

LATER = ("evaluate", "compare", "report", "serve")  # sections that training does not read


def take_over(recipe: Recipe, here: Path) -> None:
    """Move the checkpoints of another run of this name to the run `here`, where that computes the same
    and `here` has none; else say what keeps it from going on with the one it could have meant."""
    if _has_checkpoints(here):
        return
    now, closest = _deciding(recipe), ("", [""] * 4)
    for other in list_runs(here.parent):
        if other == here or not other.name.startswith(f"{recipe.name}-") or not _has_checkpoints(other):
            continue
        try:
            with holding(other):
                changed = differences(_deciding(recipe_of(other)), now)
                if not changed:
                    shutil.rmtree(here / FOLDER, ignore_errors=True)  # nothing whole is in it
                    os.rename(other / FOLDER, here / FOLDER)
        except ArtefactError:
            continue  # it is damaged, or still runs
        if not changed:
            say(f"Going on with the training that {other} began: its recipe computes the same.")
            return
        if len(changed) < len(closest[1]):
            closest = (str(other), changed)
    if closest[0]:
        say(f"{closest[0]} holds an unfinished training, which this recipe cannot go on with: "
            f"{'; '.join(closest[1])}. This one begins anew.")  # fmt: skip


def _deciding(recipe: Recipe) -> dict[str, Any]:
    """The settings that decide what a training computes, by dotted names."""
    free = {f"train.{name}" for name in FREE}
    sections = {n: value for n, value in dump_recipe(recipe).items() if n not in LATER}
    return {name: value for name, value in flat("", sections).items() if name not in free}


def _has_checkpoints(run: Path) -> bool:
    return any((run / FOLDER).glob("step-*"))
