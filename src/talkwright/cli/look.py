"""Commands that look at something: data prepare, show, runs."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from talkwright.cli.options import (
    Commands,
    find,
    note_place,
    only,
    print_json,
    program,
    with_json,
    with_runs,
    with_set,
)

if TYPE_CHECKING:
    from talkwright.config import Recipe


# --- data ----------------------------------------------------------------------------------------


@click.group(cls=Commands)
def data() -> None:
    """Work with raw conversations; no model is needed."""


@data.command()
@click.argument("sources", nargs=-1, required=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder to write the data set to; an older data set there is replaced.",
)
@click.option(
    "--export",
    "exports",
    type=(
        click.Choice(["sharegpt", "messages", "alpaca", "prompt_completion", "dpo"]),
        click.Path(path_type=Path),
    ),
    multiple=True,
    metavar="FORMAT FILE",
    help="Also write what was kept for another program, as sharegpt, messages, alpaca, "
    "prompt_completion, or dpo (preference pairs). FILE ends in .jsonl or .json, or .csv for alpaca and "
    "prompt_completion; with {split} in its name it is one file per split, else the training split "
    "alone. Can be repeated.",
)
@with_set
@with_json
def prepare(
    sources: tuple[str, ...],
    out: Path,
    exports: tuple[tuple[str, Path], ...],
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Read, repair, clean, deduplicate and split conversations.

    SOURCES are files, folders or globs: JSONL, JSON, CSV or Parquet, plain or packed, in any usual
    shape: messages, ShareGPT, Alpaca, Arena battles, preferences, trees and more. One recipe (.yaml)
    stands for the sources and data settings in it. Every row that was read is accounted for in
    OUT/ledger.parquet.

    \b
    Example: talkwright data prepare chats.jsonl faq.csv --out prepared --set data.test=0.2
    """
    from talkwright import pipeline
    from talkwright.cli.text import counts_lines
    from talkwright.data import left_out
    from talkwright.runs import read_json
    from talkwright.types import to_json

    only(overrides, "data", "seed")
    recipe = recipe_for_sources(sources, overrides)
    _refuse_foreign_folder(out)
    note_place(out)
    pipeline.check_exports(exports)
    counts = pipeline.prepare_data(recipe.data, seed=recipe.seed, out=out)
    done = [
        (format, found) for format, file in exports for found in pipeline.export_data(out, format, file)
    ]
    written, format_of = [found for _, found in done], {found[0]: format for format, found in done}
    read = read_json(out / "counts.json")["sources"].values()
    passed_over = {source["path"]: names for source in read if (names := source.get("passed_over"))}
    if as_json:
        files = [{"file": str(file), "rows": rows, "left_out": left} for file, rows, left in written]
        further = {"exports": files if exports else None, "passed_over": passed_over or None}
        more = {name: value for name, value in further.items() if value is not None}
        print_json({**to_json(counts), "out": str(out), **more})
        return
    print(counts_lines(counts))
    for path, names in passed_over.items():
        rest = f" and {len(names) - 5} more" if len(names) > 5 else ""
        print(f"Not read in {path}: {', '.join(names[:5])}{rest}; name what is to be read")
    for file, rows, left in written:
        why = f", {left} left out: {left_out(format_of[file])}" if left else ""
        print(f"Exported: {file}: {rows} row{'s' * (rows != 1)}{why}")
    name = shlex.quote(str(out))
    print(f"\nWritten: {out}\nNext:    {program()} report {name}\n         {program()} show {name}")


def recipe_for_sources(sources: Sequence[str], overrides: Sequence[str]) -> Recipe:
    """One recipe as it is, or the default one over files, with `--set` applied."""
    from talkwright.config import build_recipe, load_recipe

    if len(sources) == 1 and sources[0].endswith((".yaml", ".yml")):
        return load_recipe(sources[0], tuple(overrides))
    return build_recipe({"data": {"sources": list(sources)}}, tuple(overrides), where="data prepare")


def _refuse_foreign_folder(out: Path) -> None:
    # Writing a data set replaces the folder, so it must be new, empty, or a data set already.
    from talkwright.errors import ArtefactError
    from talkwright.runs import manifest

    if not out.exists():
        return
    if not out.is_dir():
        raise ArtefactError(f"{out}: this is a file; --out names a folder")
    if not any(out.iterdir()):
        return
    try:
        manifest(out, "dataset")
    except ArtefactError:
        raise ArtefactError(
            f"{out}: this folder is not empty and not a data set of talkwright, so it is not "
            "replaced. Name a new folder with --out."
        ) from None


# --- show ----------------------------------------------------------------------------------------


@click.command()
@click.argument("source", default="latest")
@click.option("--model", help="Base model whose template and tokenizer to use.  [default: the run's]")
@click.option(
    "-n", "number", type=click.IntRange(min=1), default=3, show_default=True, help="Examples to show."
)
@click.option("--ids", is_flag=True, help="Write each token's id behind it.")
@with_set
@with_runs
@with_json
def show(
    source: str,
    model: str | None,
    number: int,
    ids: bool,
    overrides: tuple[str, ...],
    folder: Path,
    as_json: bool,
) -> None:
    """Show every token, and which ones the model learns from.

    SOURCE is a file of conversations, a prepared data set, or a run. Learnt tokens are
    highlighted; without a terminal, or with NO_COLOR set, they stand in [[double brackets]].

    \b
    Example: talkwright show chats.jsonl --model smollm2-135m -n 1 --ids
    """
    from talkwright import pipeline
    from talkwright.cli.text import tokens_text
    from talkwright.types import IGNORED

    only(overrides, "template", "model")
    examples = pipeline.show(source, model=model, n=number, runs=folder, overrides=overrides)
    if as_json:
        print_json(examples)
        return
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for position, example in enumerate(examples, 1):
        learnt = sum(label != IGNORED for label in example["labels"])
        print(f"--- example {position}: {len(example['labels'])} tokens, {learnt} learnt from")
        print(tokens_text(example, ids=ids, colour=colour))


# --- runs ----------------------------------------------------------------------------------------


@click.group(cls=Commands, invoke_without_command=True)
@with_runs
@with_json
@click.pass_context
def runs(context: click.Context, folder: Path, as_json: bool) -> None:
    """List the runs on this machine, or show one."""
    given = {"folder": folder, "as_json": as_json}
    context.default_map = dict.fromkeys(
        ("list", "show", "verify"), given
    )  # `runs --json show` is `runs show --json`
    if context.invoked_subcommand is None:
        context.invoke(list_runs, **given)


@runs.command("list")
@with_runs
@with_json
def list_runs(folder: Path, as_json: bool) -> None:
    """List the runs, oldest first, with their finished stages.

    \b
    Example: talkwright runs list
    """
    from talkwright import runs as on_disk

    rows: list[dict[str, Any]] = [
        {
            "run": str(found),
            "name": found.name,
            "model": _model_of(found),
            "stages": list(_stages(found)),
        }
        for found in sorted(
            on_disk.list_runs(folder), key=lambda run: (run / "recipe.json").stat().st_mtime
        )
    ]
    if as_json:
        print_json(rows)
        return
    if not rows:
        print(f"There are no runs in {folder} yet. Make one: {program()} run recipe.yaml")
    for row in rows:
        stages = ", ".join(row["stages"]) or "nothing finished"
        print(f"{row['name']:<32}  {row['model'] or 'damaged':<20}  {stages}")


@runs.command("show")
@click.argument("run", default="latest")
@with_runs
@with_json
def show_run(run: str, folder: Path, as_json: bool) -> None:
    """Show what a run was made from and how it turned out.

    \b
    Example: talkwright runs show quickstart
    """
    from talkwright import pipeline
    from talkwright.cli.text import comparison_table
    from talkwright.runs import read_json
    from talkwright.types import to_json

    found = find(run, folder)
    stages = _stages(found)
    comparisons = pipeline.comparisons_of(found) if "compare" in stages else []
    if as_json:
        about = {name: read_json(found / f"{name}.json") for name in ("recipe", "environment")}
        print_json({"run": str(found), "stages": stages, **about, "comparison": to_json(comparisons)})
        return
    print(found)
    for name, manifest in stages.items():
        print(f"  {name:<16}{manifest['made']}  {manifest['seconds']:>8.1f} s")
    if comparisons:
        print(f"\n{comparison_table(comparisons)}")
    if (found / "report.html").is_file():
        print(f"\nReport: {found / 'report.html'}")


@runs.command("verify")
@click.argument("run", default="latest")
@with_runs
@with_json
def verify_run(run: str, folder: Path, as_json: bool) -> None:
    """Compare every file of a run with its SHA-256; exit code 2 when one is damaged.

    \b
    Example: talkwright runs verify quickstart
    """
    from talkwright import runs as on_disk
    from talkwright.errors import ArtefactError

    found = find(run, folder)
    count, damages = on_disk.verify_run(found)
    if as_json:
        print_json({"run": str(found), "files": count, "damaged": damages})
    elif not damages:
        print(f"{found}: {count} files, all as they were written")
    if damages:
        raise ArtefactError(f"{len(damages)} of {count} files:\n  - " + "\n  - ".join(damages))


def _model_of(found: Path) -> str | None:
    from talkwright.errors import ArtefactError
    from talkwright.runs import read_json

    try:
        return str(read_json(found / "recipe.json")["model"]["name"])
    except (ArtefactError, KeyError, TypeError):
        return None  # a damaged run must not hide the others


def _stages(found: Path) -> dict[str, dict[str, Any]]:
    """Manifests of a run's finished stages by folder, in the order of the pipeline."""
    from talkwright.errors import ArtefactError
    from talkwright.runs import manifest

    stages = {}
    for name in ("data", "augment", "check", "train", "evaluate/base", "evaluate/tuned", "compare"):
        try:
            stages[name] = manifest(found / name)
        except ArtefactError:
            continue
    return stages
