"""The command that examines data: data doctor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from talkwright.cli.options import only, print_json, with_json, with_set


@click.command()
@click.argument("sources", nargs=-1, required=True)
@with_set
@with_json
@click.pass_context
def doctor(
    context: click.Context, sources: tuple[str, ...], overrides: tuple[str, ...], as_json: bool
) -> None:
    """Say what is wrong with data, the worst first, and what helps.

    SOURCES are files, folders or globs as for `data prepare`, a recipe, or one prepared data set.
    Nothing is written. The exit code is 0 when all is well, 1 with warnings, 3 with serious findings,
    and 2 when the data cannot be read.

    \b
    Example: talkwright data doctor chats.jsonl faq.csv
    """
    from talkwright.cli.look import recipe_for_sources
    from talkwright.data import examine, examine_dataset, exit_code, is_dataset
    from talkwright.errors import RecipeError

    only(overrides, "data", "seed")
    if len(sources) == 1 and is_dataset(sources[0]):
        if overrides:
            raise RecipeError("--set changes nothing in a prepared data set; leave it out.")
        found = examine_dataset(Path(sources[0]))
    else:
        found = examine(recipe_for_sources(sources, overrides).data)
    if as_json:
        print_json(found)
    else:
        print(_as_text(found))
    context.exit(exit_code(found["worst"]))


def _as_text(found: Mapping[str, Any]) -> str:
    rows, number = found["rows"], len(found["findings"])
    talks = f"{rows} conversation{'s' * (rows != 1)}"
    if not number:
        return f"{talks}, and nothing wrong with {'it' if rows == 1 else 'them'} that shows."
    lines = [f"{talks}, {number} finding{'s, the worst first' if number != 1 else ''}."]
    for finding in found["findings"]:
        lines.append(f"\n{finding['severity']:<8} {finding['code'].replace('_', ' ')}")
        lines.append(f"  {finding['count']} {finding['what']} ({finding['share']:.1%}).")
        lines.append(f"  Why:  {finding['why']}")
        lines.append(f"  Fix:  {finding['fix']}")
        lines += [f"  e.g.  {example['where']}: {example['text']}" for example in finding["examples"]]
    return "\n".join(lines)
