"""Commands that make something: run, check, train, evaluate, compare, merge, report."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from talkwright.cli.options import (
    command_for,
    find,
    note_place,
    only,
    print_json,
    program,
    recipe_for,
    with_anew,
    with_json,
    with_runs,
    with_set,
)
from talkwright.cli.text import comparison_table, summary_lines

if TYPE_CHECKING:
    from talkwright.types import Finding


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@with_set
@with_anew
@with_runs
@with_json
def run(recipe: Path, overrides: tuple[str, ...], anew: bool, folder: Path, as_json: bool) -> None:
    """Go the whole way from raw files to a report.

    Prepare, check, train, evaluate, compare, report. Finished stages are kept: the same command
    again goes on where it was, and repeats only what a changed setting or file touches.

    \b
    Example: talkwright run recipes/quickstart.yaml --set train.epochs=5
    """
    from talkwright import pipeline

    done = _run(recipe, overrides, folder, until=None, anew=anew)
    comparisons = pipeline.comparisons_of(done)
    page = done / "report.html"
    if as_json:
        from talkwright.types import to_json

        print_json({"run": str(done), "report": str(page), "comparison": to_json(comparisons)})
        return
    print(comparison_table(comparisons))
    print(f"\nReport: {page}\n\nNext:")
    for command, purpose in (
        (command_for("chat", done), "talk to it here"),
        (command_for("serve", done), "talk to it in the browser"),
        (command_for("show", done), "see the tokens it learnt from"),
    ):
        print(f"  {command:<52}  {purpose}")


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@with_set
@with_runs
@with_json
def check(recipe: Path, overrides: tuple[str, ...], folder: Path, as_json: bool) -> None:
    """Say what will go wrong, before anything is trained.

    Prepares the data, renders every row and looks at the recipe's settings. Errors would make
    training useless, and end with code 2; warnings are kept in the report. Each says what mends it.

    \b
    Example: talkwright check recipe.yaml --set train.warmup_steps=50
    """
    from talkwright.config import load_recipe
    from talkwright.errors import TrainError
    from talkwright.runs import open_run
    from talkwright.types import to_json

    here = open_run(load_recipe(recipe, tuple(overrides)), folder)
    failed: TrainError | None = None
    found: list[Finding] = []
    try:
        _run(recipe, overrides, folder, until="check", tell=found.extend)
    except TrainError as error:  # raised once more below, for the exit code
        failed = error
    if as_json:
        print_json({"run": str(here), "findings": to_json(found)})
    elif not (found or failed):
        print("The check found nothing wrong.")
    for each in () if as_json else found:
        fix = f"\n  to mend it: {each.fix}" if each.fix else ""
        print(f"{each.severity}: {each.message} [{each.code}]{fix}")
    if failed:
        raise failed


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@with_set
@with_anew
@with_runs
@with_json
def train(recipe: Path, overrides: tuple[str, ...], anew: bool, folder: Path, as_json: bool) -> None:
    """Prepare, check and train, and stop there.

    An interrupted training goes on at its last checkpoint when the same command is typed again. With
    a setting or data changed that the training depends on, it stops and says which.

    \b
    Example: talkwright train recipe.yaml --set train.max_steps=100
    """
    from talkwright.runs import read_json

    done = _run(recipe, overrides, folder, until="train", anew=anew)
    summary = read_json(done / "train" / "summary.json")
    if as_json:
        print_json({"run": str(done), "summary": summary})
        return
    print(summary_lines(summary))
    print(f"\nTrained: {done}\nNext:    {command_for('evaluate', done)}")


def _run(
    path: Path,
    overrides: Sequence[str],
    folder: Path,
    until: Literal["check", "train"] | None,
    tell: Callable[[list[Finding]], None] | None = None,
    *,
    anew: bool = False,
) -> Path:
    from talkwright import pipeline
    from talkwright.config import load_recipe

    recipe = load_recipe(path, tuple(overrides))
    note_place(folder)
    text = path.read_text(encoding="utf-8")
    return pipeline.run(recipe, folder, recipe_text=text, until=until, tell=tell, anew=anew)


@click.command()
@click.argument("run", default="latest")
@with_set
@with_runs
@with_json
def evaluate(run: str, overrides: tuple[str, ...], folder: Path, as_json: bool) -> None:
    """Ask base and tuned model the held-out questions.

    Their answers are scored and compared. RUN is a run's folder, its name or the beginning of it;
    left out, the newest run.

    \b
    Example: talkwright evaluate quickstart --set evaluate.prompts=20
    """
    from talkwright import pipeline

    found = find(run, folder)
    pipeline.evaluate_run(found, recipe_for(found, overrides, "evaluate", "compare"))
    comparisons = pipeline.comparisons_of(found)
    if as_json:
        from talkwright.types import to_json

        print_json({"run": str(found), "comparison": to_json(comparisons)})
    else:
        print(comparison_table(comparisons))


@click.command()
@click.argument("a", default="latest")
@click.argument("b", required=False)
@with_set
@with_runs
@with_json
def compare(a: str, b: str | None, overrides: tuple[str, ...], folder: Path, as_json: bool) -> None:
    """Say whether B answers better than A, and how sure that is.

    A and B are runs; their tuned models are compared over the items both were asked. With A alone,
    its base model is compared with its tuned one.

    \b
    Example: talkwright compare quickstart-1a2b3c4d quickstart-5e6f7a8b
    """
    from talkwright import pipeline

    first = find(a, folder)
    second = find(b, folder) if b is not None else None
    only(overrides, "compare")
    comparisons = pipeline.compare_runs(first, second, overrides)
    if as_json:
        from talkwright.types import to_json

        print_json(to_json(comparisons))
    elif second is None:
        print(comparison_table(comparisons))
    else:
        print(comparison_table(comparisons, first.name, second.name))


@click.command()
@click.argument("run")
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--precision", type=click.Choice(["bf16", "fp32"]), help="Of the result.  [default: the base's]"
)
@with_runs
@with_json
def merge(
    run: str, out: Path, precision: Literal["bf16", "fp32"] | None, folder: Path, as_json: bool
) -> None:
    """Make a run's adapter part of its base: a model folder for any program.

    RUN is a run, or the folder of an adapter. OUT must not be there yet; it can be talked to, served
    and trained on as `model:` like any other model.

    \b
    Example: talkwright merge quickstart merged-model
    """
    from talkwright import pipeline

    path = Path(run)
    if (path / "adapter_config.json").is_file():
        inside = path.resolve().parents[1]  # a run's adapter knows more through its run
        source = inside if (inside / "recipe.json").is_file() else path
    else:
        source = find(run, folder)
    note_place(out)
    pipeline.merge(source, out, precision)
    if as_json:
        print_json({"run": str(source), "model": str(out)})
        return
    print(f"Merged: {out}\nNext:   {program()} chat {shlex.quote(str(out))}")


@click.command()
@click.argument("run", default="latest")
@with_runs
@with_json
def report(run: str, folder: Path, as_json: bool) -> None:
    """Write a run's report page anew, from what is on disk.

    RUN may also be a prepared data set, which then gets a page of its own.

    \b
    Example: talkwright report quickstart
    """
    from talkwright import pipeline
    from talkwright.data import is_dataset

    found = Path(run) if is_dataset(run) else find(run, folder)
    page = pipeline.report_run(found)
    if as_json:
        print_json({"run": str(found), "report": str(page)})
    else:
        print(page)
