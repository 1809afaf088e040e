"""Before the run: what it will take, and the settings that `train: auto` leaves to the plan.

In: a recipe and its run's folder with the rows in it. Out: estimates for this machine or a GPU of the
table, and the run's artefact `plan/`, which holds the settings that were taken, so that a resumed run
has the same, whatever machine it goes on with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload
from zlib import crc32

from talkwright import data
from talkwright.config import Recipe, TrainSection, dump_recipe
from talkwright.errors import ModelError, TrainError
from talkwright.progress import say
from talkwright.runs import (
    MANIFEST,
    artefact,
    is_current,
    manifest,
    read_json,
    take_finished,
    write_json,
)
from talkwright.types import IGNORED, BaseModel, Conversation, Example, content_id

if TYPE_CHECKING:
    from talkwright.train import Estimate, Machine, Planned, Rows, Shape

CHARACTERS = 4  # a token, where no tokenizer is at hand: the usual rule of thumb for English
GIB = 2**30


def settle(recipe: Recipe, here: Path, base: BaseModel) -> Recipe:
    """The recipe with the settings that it leaves to the plan (`train.auto`), made once a run.

    Raises TrainError when no settings fit this machine.
    """
    if not recipe.train.auto:
        return recipe
    settings = dump_recipe(recipe)["train"]
    # Not of the machine: a run that goes on elsewhere keeps its settings.
    key = content_id([manifest(here / "check")["key"], base.digest, settings, recipe.seed], 64)
    if not (is_current(here / "plan", key) or take_finished(here / "plan", key)):
        planned = _plan_here(recipe, here, base)
        if planned.best is None:
            raise TrainError(does_not_fit(planned))
        section = TrainSection.model_validate(
            {
                **settings,
                **{name: planned.best.settings[name] for name in recipe.train.auto},
                "auto": [],
            }
        )
        with artefact(here / "plan", kind="plan", key=key) as folder:
            write_json(folder / "train.json", section.model_dump(mode="json"))
            write_json(folder / "estimate.json", as_json(planned.best))
    section = TrainSection.model_validate(read_json(here / "plan" / "train.json"))
    about = read_json(here / "plan" / "estimate.json")
    taken = ", ".join(f"{name} {_shown(getattr(section, name))}" for name in recipe.train.auto)
    say(
        f"plan: {taken}; about {about['memory']['peak'] / GIB:.1f} GiB and "
        f"{duration(about['seconds'])} ({about['machine']})"
    )
    return recipe.model_copy(update={"train": section})


def rows_needed(recipe: Recipe) -> Literal["prepare", "check"]:
    """How far a run must go for a plan: to the encoded rows, or, where that would download a model's
    weights or ask an endpoint for new rows, to the prepared data alone."""
    if recipe.data.augment.steps or not _is_here(recipe):
        return "prepare"
    return "check"


def plan_run(
    recipe: Recipe, here: Path, *, gpu: str | None = None, prices: Path | None = None
) -> tuple[Planned, list[Planned], list[str]]:
    """The plan for this machine or the GPU named, those for all others, and what was assumed.

    Raises RecipeError for a GPU that is not in the table and a file of prices that cannot be used.
    """
    from talkwright.train import (
        all_machines,
        best_precision_here,
        find_machine,
        measure_rates,
        plan_for,
        precision_on,
        shape_of_base,
        this_machine,
    )

    table = all_machines(prices)
    wanted = None if gpu is None else find_machine(gpu, table)
    shape = shape_of_base(_base_of(recipe) if _is_here(recipe) else recipe.model.name)
    rows = _rows_of(recipe, here)
    native = best_precision_here()
    how: dict[str, Any] = {"native": native, "seed": recipe.seed}

    def on(machine: Machine) -> Planned:
        rates = None
        if machine.name == this.name:
            rates = measure_rates(precision_on(machine, recipe.train, native))
        return plan_for(shape, rows, recipe.train, machine, rates, **how)

    this = this_machine(prices)
    chosen = on(wanted or this)
    others = [on(machine) for machine in [this, *table.values()] if machine != (wanted or this)]
    return chosen, others, [rows.known, *_assumed(shape, chosen)]


def does_not_fit(planned: Planned) -> str:
    """One sentence for a run that fits with no settings, and what would make it fit."""
    small = planned.smallest
    return (
        f"the run does not fit {small.machine.name}: at the least it needs "
        f"{small.memory.peak / GIB:.1f} GiB ({settings_text(small)}), and "
        f"{small.machine.memory / GIB:.1f} GiB are there, of which a tenth is left free. What "
        f"would make it fit: {'; or '.join(planned.advice)}."
    )


def settings_text(found: Estimate) -> str:
    """The settings of an estimate in a line."""
    section = found.section
    parts = [found.precision]
    if section.pass_tokens:
        parts.append(f"passes of {section.pass_tokens} tokens")
    else:
        parts.append(
            "1 pass a step" if found.load.most_passes == 1 else f"{found.load.most_passes} passes"
        )
    if section.recompute != "none":
        parts.append(f"recompute {section.recompute}")
    if section.quantise != "none":
        parts.append(section.quantise)
    return ", ".join(parts)


def as_json(found: Estimate) -> dict[str, Any]:
    """An estimate as JSON values: bytes, seconds, kilowatt-hours, dollars."""
    return {
        "machine": found.machine.name,
        "machine_memory": round(found.machine.memory),
        "fits": found.fits,
        "settings": found.settings,
        "passes": round(found.load.passes, 2),
        "memory": {
            **{name: round(size) for name, size in found.memory.parts()},
            "peak": round(found.memory.peak),
            "when": found.memory.when,
        },
        "steps": found.load.steps,
        "step_seconds": found.step_seconds,
        "seconds": found.seconds,
        "tokens_per_second": found.load.tokens / found.step_seconds,
        "operations_per_step": found.operations,
        "energy_kwh_at_most": found.energy,
        "cost": found.cost,
        "price": None
        if found.machine.price is None
        else {
            "per_hour": found.machine.price.hour,
            "source": found.machine.price.source,
            "date": found.machine.price.date,
        },
    }


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"


def _plan_here(recipe: Recipe, here: Path, base: BaseModel) -> Planned:
    from talkwright.train import (
        best_precision_here,
        measure_rates,
        plan_for,
        precision_on,
        shape_of_base,
        this_machine,
    )

    machine, native = this_machine(), best_precision_here()
    rates = measure_rates(precision_on(machine, recipe.train, native))
    return plan_for(
        shape_of_base(base), _rows_of(recipe, here), recipe.train, machine, rates,
        native=native, seed=recipe.seed, free=recipe.train.auto,
    )  # fmt: skip


def _rows_of(recipe: Recipe, here: Path) -> Rows:
    """The encoded rows where the check has been made, else a guess from the prepared conversations."""
    from talkwright.template import read_examples
    from talkwright.train import Rows

    marks = [here / stage / MANIFEST for stage in ("check", "data", "augment")]
    when = [mark.stat().st_mtime_ns if mark.is_file() else 0 for mark in marks]
    if when[0] > max(when[1:]):  # else it was of other rows
        train, validation = (read_examples(here / "check", split) for split in ("train", "validation"))
        known = f"{len(train)} rows, their lengths as encoded"
        return Rows(
            train.lengths.tolist(), train.supervised.tolist(), validation.lengths.tolist(), known,
            train, validation,
        )  # fmt: skip
    splits, most = data.read_dataset(here / "data"), recipe.template.max_length
    guessed, scored = (_Guessed(splits[name], most) for name in ("train", "validation"))
    counts = [(len(example.input_ids), example.n_supervised) for example in guessed]
    if not counts:
        raise TrainError("there are no training rows; look at `talkwright data prepare` and its ledger")
    why = "augmenting has not been done" if recipe.data.augment.steps else "the model is not here"
    known = f"{len(guessed)} rows; assumed: {CHARACTERS} characters a token, as {why}" + (
        ", and the rows it will add are not counted" if recipe.data.augment.steps else ""
    )
    return Rows(
        [length for length, _ in counts],
        [supervised for _, supervised in counts],
        [len(example.input_ids) for example in scored],
        known,
        guessed,
        scored,
    )


class _Guessed(Sequence[Example]):
    """Rows as some tokenizer might make them: every `CHARACTERS` characters a token, and five for what
    stands around a message. Equal beginnings have equal tokens, as with any tokenizer."""

    def __init__(self, conversations: Sequence[Conversation], most: int):
        self._conversations, self._most = conversations, most

    def __len__(self) -> int:
        return len(self._conversations)

    @overload
    def __getitem__(self, number: int) -> Example: ...
    @overload
    def __getitem__(self, number: slice) -> list[Example]: ...
    def __getitem__(self, number: int | slice) -> Example | list[Example]:
        if isinstance(number, slice):
            return [self[n] for n in range(*number.indices(len(self)))]
        ids: list[int] = []
        labels: list[int] = []
        for message in self._conversations[number].messages:
            text = message.text
            pieces: list[str] = [message.role] * 5
            pieces += [
                text[n : n + CHARACTERS] for n in range(0, len(text) - CHARACTERS + 1, CHARACTERS)
            ]
            own = [crc32(piece.encode("utf-8", "surrogatepass")) for piece in pieces]
            ids += own
            labels += own if message.role == "assistant" else [IGNORED] * len(own)
        labels = labels[: self._most]
        if not any(label != IGNORED for label in labels[1:]):
            labels[-1] = ids[len(labels) - 1]  # the check will say what is wrong with it
        return Example(tuple(ids[: self._most]), tuple(labels))


def _assumed(shape: Shape, planned: Planned) -> list[str]:
    """What a reader must know about how far the numbers can be trusted."""
    from talkwright.train import best_precision_here, can_count, layout_of

    notes = []
    if planned.asked.machine.gpu:
        notes.append(
            "times on GPUs come from data sheets and published efficiency; no GPU was measured, so take "
            "them within a factor of two"
        )
    elif planned.asked.precision == "bf16" and best_precision_here() != "bf16":
        notes.append(
            "this processor has no bf16 instructions and emulates them, which is slower than fp32 and "
            "was not measured"
        )
    if not can_count(shape, planned.asked.section, planned.asked.precision):
        notes.append(
            "what this model keeps for its backward pass can only be told from its weights, so it was "
            "taken for a Llama's; it may need twice the activations that are said here"
        )
    if layout_of(shape).padded:
        notes.append("this model's batches are padded, as its attention needs more than a causal mask")
    return notes


def _is_here(recipe: Recipe) -> bool:
    try:
        return bool(_base_of(recipe))
    except ModelError:
        return False


def _base_of(recipe: Recipe) -> BaseModel:
    """The base model, if that needs no download of weights. Raises ModelError."""
    from talkwright.models import find_base, is_on_hub_only

    if is_on_hub_only(recipe.model.name, recipe.model.revision):
        raise ModelError(f"'{recipe.model.name}' is not on this machine")
    return find_base(recipe.model.name, recipe.model.revision)


def _shown(value: object) -> str:
    if value is None:
        return "none (one pass a step)"
    return str(value).lower() if isinstance(value, bool) else str(value)


def ranked(plans: Sequence[Planned]) -> list[Estimate]:
    """The best of each plan that fits: the cheapest first, then those without a price by time."""
    best = [plan.best for plan in plans if plan.best is not None]
    return sorted(best, key=lambda each: (each.cost is None, each.cost or 0.0, each.seconds))


def lines_for(found: Estimate, recipe: Recipe) -> Mapping[str, Any]:
    """The settings of an estimate that differ from the recipe's, as lines of a recipe."""
    asked = {name: getattr(recipe.train, name) for name in found.settings}
    changed = {n: value for n, value in found.settings.items() if value != asked[n]}
    if asked["precision"] == "auto":
        changed.pop("precision", None)
    if recipe.train.accumulation != found.section.accumulation:
        changed["accumulation"] = found.section.accumulation
    return changed
