"""The command that has new training rows written: data augment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from talkwright.cli.options import (
    command_for,
    find,
    note_place,
    print_json,
    with_json,
    with_runs,
    with_set,
)

if TYPE_CHECKING:
    from talkwright.config import Recipe


@click.command()
@click.argument("recipe_or_run", default="latest")
@click.option("--preview", is_flag=True, help="Say what would be asked and cost; send nothing.")
@with_set
@with_runs
@with_json
def augment(
    recipe_or_run: str, preview: bool, overrides: tuple[str, ...], folder: Path, as_json: bool
) -> None:
    """Have new training rows written, as the recipe's data.augment says.

    RECIPE_OR_RUN is a recipe (.yaml) or a run; its data is prepared first where that is not done. New
    rows are made from the training split alone. What was answered before is not asked again, and
    requests that failed are made up for. `talkwright run` does this by itself. The exit code is 1 where
    not one row was kept.

    \b
    Example: talkwright data augment recipe.yaml --preview
    """
    from talkwright import pipeline

    recipe, runs = _recipe(recipe_or_run, overrides, folder)
    here, numbers = pipeline.augment_run(recipe, runs, preview=preview)
    if as_json:
        print_json({"run": str(here), **numbers})
    elif preview:
        print(preview_lines(numbers))
    else:
        print(sums_lines(numbers))
        print(f"\nWritten: {here / 'augment'}\nNext:    {command_for('show', here)}")
    if not preview and numbers["asked"] and not numbers["kept"]:
        # What nothing came of has not worked, whoever was at fault.
        click.get_current_context().exit(1)


def _recipe(name: str, overrides: tuple[str, ...], folder: Path) -> tuple[Recipe, Path]:
    from talkwright.config import load_recipe
    from talkwright.errors import RecipeError
    from talkwright.runs import recipe_of

    if name.endswith((".yaml", ".yml")):
        note_place(folder)
        return load_recipe(name, overrides), folder
    if overrides:
        raise RecipeError("--set would make another run; name the recipe instead of a run.")
    here = find(name, folder)
    return recipe_of(here), here.parent


def preview_lines(numbers: Mapping[str, Any]) -> str:
    """What augmenting would take, and the first request as it would be sent."""
    kinds = ", ".join(f"{kind} {number}" for kind, number in numbers["kinds"].items())
    cost = "unknown: the recipe has no price_in and price_out"
    if numbers["cost"] is not None:
        cost = f"about {numbers['cost']:.4f}, at most {numbers['cost_at_most']:.4f}"
    if numbers["host"] == "local":
        cost = "none: the model is on this machine"
    limit = "" if numbers["max_cost"] is None else f"; asking stops at {numbers['max_cost']:g}"
    first = "\n".join(f"  {m['role']}: {m['content']}" for m in numbers["first"]).replace("\n", "\n  ")
    return (
        f"rows      {numbers['rows']} ({kinds})\n"
        f"requests  {numbers['requests']} to {numbers['writer']} at {numbers['host']}; "
        f"{numbers['answered_before']} rows were answered before\n"
        f"tokens    about {numbers['tokens_in']} sent, {numbers['tokens_out']} received\n"
        f"cost      {cost}{limit}\n\n"
        f"Nothing was sent. The first request:\n\n{first}"
    )


def sums_lines(numbers: Mapping[str, Any]) -> str:
    """What became of the rows that were asked for; the most frequent reason first."""
    most_first = sorted(numbers["dropped"].items(), key=lambda item: (-item[1], item[0]))
    dropped = ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in most_first) or "none"
    kinds = ", ".join(f"{kind} {n['kept']} of {n['asked']}" for kind, n in numbers["kinds"].items())
    cost = "" if numbers["cost"] is None else f", cost {numbers['cost']:.4f}"
    lost = sum(numbers["dropped"].values())
    return (
        f"asked {numbers['asked']} = kept {numbers['kept']} + dropped {lost}\n"
        f"  dropped   {dropped}\n"
        f"  kept      {kinds}\n"
        f"  tokens    {numbers['tokens_in']} sent, {numbers['tokens_out']} received{cost}"
    )
