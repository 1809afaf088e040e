"""Options and phrases that several commands share."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from talkwright.config import Recipe

F = TypeVar("F", bound=Callable[..., Any])


class Commands(click.Group):
    """Lists commands in the order they were added, which is the order they are used in."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Keep the order."""
        return list(self.commands)


def with_set(command: F) -> F:
    """Add `--set`, which changes one setting of the recipe."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Change one setting, e.g. train.epochs=5. Can be repeated; docs/recipe.md lists all.",
    )(command)


def with_anew(command: F) -> F:
    """Add `--anew`, which begins a training at its first step."""
    return click.option(
        "--anew", is_flag=True, help="Train from the first step; checkpoints there are, are kept aside."
    )(command)


def with_runs(command: F) -> F:
    """Add `--runs`, the folder that holds all runs."""
    return click.option(
        "--runs",
        "folder",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("runs"),
        envvar="TALKWRIGHT_RUNS",
        show_default=True,
        show_envvar=True,
        help="Folder that holds the runs.",
    )(command)


def with_json(command: F) -> F:
    """Add `--json`, for programs that read the result."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(command)


def print_json(value: Any) -> None:
    """Print one JSON value on one line; ASCII escapes, so that any terminal and pipe can take it."""
    print(json.dumps(value, allow_nan=False), flush=True)


def program() -> str:
    """How this program was called, so that a command we suggest can be typed as it stands."""
    if shutil.which("talkwright"):
        return "talkwright"
    called = Path(sys.argv[0])
    return shlex.quote(str(called)) if called.name == "talkwright" else f"{sys.executable} -m talkwright"


def command_for(verb: str, run: Path) -> str:
    """The command line that does `verb` with a run."""
    in_default_folder = run.parent == Path("runs")
    return f"{program()} {verb} {shlex.quote(run.name if in_default_folder else str(run))}"


def note_place(place: Path) -> None:
    """Remember where this command writes: a full disk often does not say which file it was."""
    click.get_current_context().find_root().obj = place


def recipe_for(run: Path, overrides: Sequence[str], *sections: str) -> Recipe:
    """A run's own recipe with `--set` applied. Raises RecipeError for a setting outside `sections`."""
    from talkwright.config import build_recipe, dump_recipe
    from talkwright.runs import recipe_of

    only(overrides, *sections)
    return build_recipe(dump_recipe(recipe_of(run)), tuple(overrides), where=run.name)


def only(overrides: Sequence[str], *sections: str) -> None:
    """Refuse a `--set` that would change nothing here. Raises RecipeError."""
    from talkwright.errors import RecipeError

    for override in overrides:
        key = override.partition("=")[0]
        if not any(key == section or key.startswith(f"{section}.") for section in sections):
            command = click.get_current_context().command_path
            raise RecipeError(
                f"--set {override}: `{command}` would not use it; it takes {', '.join(sections)}. "
                "Settings that change the training need `talkwright run` with the recipe."
            )


def find(name: str, folder: Path) -> Path:
    """Find a run by what was typed. Raises ArtefactError that lists the runs there are."""
    from talkwright.runs import find_run

    note_place(folder)
    return find_run(name, folder)
