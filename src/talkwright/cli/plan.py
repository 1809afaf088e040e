"""The command that looks ahead: plan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from talkwright.cli.options import note_place, print_json, with_json, with_runs, with_set

if TYPE_CHECKING:
    from talkwright.config import Recipe
    from talkwright.train import Estimate, Planned

GIB = 2**30


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option(
    "--gpu",
    metavar="NAME",
    help="Plan for this GPU (t4, rtx4090, a100, h100, ...).  [default: this machine]",
)
@click.option(
    "--n", "count", type=click.IntRange(min=1), default=1, show_default=True, help="GPUs you would rent."
)
@click.option(
    "--prices",
    type=click.Path(path_type=Path, dir_okay=False),
    help="YAML or JSON file with prices, and machines of your own.",
)
@with_set
@with_runs
@with_json
def plan(
    recipe: Path,
    gpu: str | None,
    count: int,
    prices: Path | None,
    overrides: tuple[str, ...],
    folder: Path,
    as_json: bool,
) -> None:
    """Say what a training run will take, before it starts.

    Memory by what it is for, time, energy and cost; whether it fits, with which settings it is fastest,
    and what other GPUs would take and cost. The data is prepared and encoded for it, in the run's own
    folder, where `talkwright run` finds it; no weights are loaded. `train: auto` in a recipe takes the
    plan's settings.

    \b
    Example: talkwright plan recipe.yaml --gpu rtx4090
    """
    from talkwright import pipeline, planning
    from talkwright.config import load_recipe

    found = load_recipe(recipe, overrides)
    note_place(folder)
    here = pipeline.run(
        found, folder, recipe_text=recipe.read_text(encoding="utf-8"), until=planning.rows_needed(found)
    )
    chosen, others, notes = planning.plan_run(found, here, gpu=gpu, prices=prices)
    if count > 1:
        notes.append(
            f"this version trains in one process: of {count} GPUs it uses one, in the same time at "
            f"{count} times the cost. Rent one, or use them for {count} runs side by side"
        )
    if as_json:
        print_json(
            {
                "run": str(here),
                "fits": chosen.best is not None,
                "asked": planning.as_json(chosen.asked),
                "best": None if chosen.best is None else planning.as_json(chosen.best),
                "smallest": planning.as_json(chosen.smallest),
                "advice": list(chosen.advice),
                "alternatives": [planning.as_json(each) for each in planning.ranked([chosen, *others])],
                "gpus": {"asked": count, "used": 1},
                "notes": notes,
            }
        )
        return
    print(_as_text(found, chosen, others, notes, count))


def _as_text(
    recipe: Recipe, chosen: Planned, others: Sequence[Planned], notes: Sequence[str], count: int
) -> str:
    from talkwright import planning

    asked, best = chosen.asked, chosen.best
    lines = [f"On {_machine(asked)}, as the recipe stands: {_verdict(asked)}", *_breakdown(asked), ""]
    lines += _time(asked, count)
    if best is None:
        said = planning.does_not_fit(chosen)
        lines += ["", said[0].upper() + said[1:]]
    else:
        changed = planning.lines_for(best, recipe)
        if changed and (not asked.fits or best.seconds < 0.98 * asked.seconds):
            lines += [
                "",
                f"Better: {best.memory.peak / GIB:.1f} GiB, {planning.duration(best.seconds)}, with",
            ]
            lines += [f"  train.{name}: {_yaml(value)}" for name, value in changed.items()]
            lines += ["or `train: auto`, which takes the plan's settings."]
        elif asked.fits:
            lines += ["", "No other settings are faster here."]
    lines += ["", *_table(planning.ranked([chosen, *others]))]
    without = [p.asked.machine.name for p in [chosen, *others] if p.best is None]
    if without:
        lines.append(f"does not fit: {', '.join(without)}")
    lines += ["", *(f"Note: {note}." for note in notes)]
    return "\n".join(lines)


def _machine(found: Estimate) -> str:
    return f"{found.machine.name} ({found.machine.memory / GIB:.0f} GiB)"


def _verdict(found: Estimate) -> str:
    share = found.memory.peak / found.machine.memory
    if found.fits:
        return f"fits, with {share:.0%} of the memory"
    return f"does not fit: {share:.0%} of the memory, where 90% is the most to plan with"


def _breakdown(found: Estimate) -> list[str]:
    lines = [f"  peak memory {found.memory.peak / GIB:8.2f} GiB, {found.memory.when}"]
    lines += [
        f"    {name:<12}{size / GIB:6.2f}" for name, size in found.memory.parts() if size >= GIB / 200
    ]
    return lines


def _time(found: Estimate, count: int) -> list[str]:
    from talkwright import planning

    load = found.load
    lines = [
        f"  time        {planning.duration(found.seconds)}: {load.steps} steps of "
        f"{found.step_seconds:.3g} s, {load.tokens / found.step_seconds:.0f} tokens/s "
        f"({load.tokens:.0f} tokens a step in {load.passes:.3g} "
        f"{'pass' if load.most_passes == 1 else 'passes'}, {found.precision})"
    ]
    energy = "not known (no figure for this machine's power)"
    if found.energy is not None:
        energy = f"at most {found.energy:.3g} kWh"
    lines.append(f"  energy      {energy}")
    price = found.machine.price
    if price is None or found.cost is None:
        named = f"`prices: {{{found.machine.name}: DOLLARS_AN_HOUR}}`"
        lines.append(f"  cost        not known (--prices FILE with {named})")
    else:
        lines.append(
            f"  cost        {_dollars(found.cost * count)} at ${price.hour:g} an hour"
            + (f" x {count}" if count > 1 else "")
            + f" ({price.source}, {price.date})"
        )
    return lines


def _table(found: Sequence[Estimate]) -> list[str]:
    from talkwright import planning

    lines = [f"{'machine':<14}{'GiB':>7}{'time':>10}{'kWh':>10}{'cost':>9}  settings"]
    for each in found:
        energy = "?" if each.energy is None else f"{each.energy:.2g}"
        cost = "?" if each.cost is None else _dollars(each.cost)
        lines.append(
            f"{each.machine.name:<14}{each.memory.peak / GIB:>7.1f}{planning.duration(each.seconds):>10}"
            f"{energy:>10}{cost:>9}  {planning.settings_text(each)}"
        )
    return lines


def _dollars(cost: float) -> str:
    return f"${cost:.2f}" if cost >= 0.01 else "<$0.01"


def _yaml(value: object) -> str:
    return "null" if value is None else str(value).lower()
