"""Which settings fit a machine, which of them are fastest, and what to do where none fits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.util import find_spec
from typing import Any

from talkwright.config import TrainSection
from talkwright.train.estimate.load import Load, Rows, make_load
from talkwright.train.estimate.machines import GIB, THIS, Machine, Rates, table_rates
from talkwright.train.estimate.memory import Memory, memory
from talkwright.train.estimate.shape import Shape
from talkwright.train.estimate.structure import layout_of
from talkwright.train.estimate.work import floating_point, run_seconds, step_seconds

ROOM = 0.9  # of a machine's memory may be planned with: formulas err, and the system needs some
CHOSEN = ("pass_tokens", "recompute", "precision", "quantise")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A recipe on a machine: memory in bytes, seconds, kilowatt-hours at most, dollars. `energy` and
    `cost` are None where power or price are not known."""

    machine: Machine
    section: TrainSection
    precision: str
    memory: Memory
    load: Load
    step_seconds: float
    seconds: float
    operations: float

    @property
    def fits(self) -> bool:
        """Whether the peak is within `ROOM` of the machine's memory."""
        return self.memory.peak <= ROOM * self.machine.memory

    @property
    def energy(self) -> float | None:
        """Kilowatt-hours at most: full power all the time."""
        watts = self.machine.watts
        return None if watts is None else watts * self.seconds / 3.6e6

    @property
    def cost(self) -> float | None:
        """Dollars for one machine."""
        price = self.machine.price
        return None if price is None else price.hour * self.seconds / 3600

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that a plan chooses."""
        return {**{name: getattr(self.section, name) for name in CHOSEN}, "precision": self.precision}


@dataclass(frozen=True, slots=True)
class Planned:
    """`asked` is the recipe as it stands, `best` the fastest settings that fit (None: none do) and
    `smallest` those that need the least. `advice` says what would make it fit where nothing does."""

    asked: Estimate
    best: Estimate | None
    smallest: Estimate
    advice: tuple[str, ...]


@cache
def coefficients() -> dict[str, Any]:
    """What `bench/calibrate.py` counted and fitted."""
    text = resources.files("talkwright.train.estimate").joinpath("coefficients.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def estimate(
    shape: Shape,
    rows: Rows,
    section: TrainSection,
    machine: Machine,
    rates: Rates | None = None,
    *,
    precision: str,
    seed: int,
) -> Estimate:
    """Memory and time of a recipe on a machine; `rates` None: those of its data sheet."""
    known = coefficients()
    rates = rates or table_rates(machine, precision)
    load = make_load(rows, section, padded=layout_of(shape).padded, seed=seed, alone=shape.alone)
    how = (shape, section, precision, load)
    return Estimate(
        machine,
        section,
        precision,
        memory(*how, known, gpu=machine.gpu),
        load,
        step_seconds(*how, rates, known),
        run_seconds(*how, rates, known),
        sum(floating_point(shape, section, load).values()),
    )


def plan_for(
    shape: Shape,
    rows: Rows,
    section: TrainSection,
    machine: Machine,
    rates: Rates | None = None,
    *,
    native: str,
    seed: int,
    free: Sequence[str] = CHOSEN,
) -> Planned:
    """Try all settings of `free` on a machine; the others stay as the recipe has them. `native` is the
    best precision of this machine; one of the table knows its own."""
    plain = section.model_copy(update={"auto": []})
    precision = precision_on(machine, plain, native)
    how: dict[str, Any] = {"precision": precision, "seed": seed}
    asked = estimate(shape, rows, plain, machine, rates, **how)
    tried = [asked] + [
        estimate(shape, rows, changed, machine, rates, **how)
        for changed in _candidates(plain, asked.load, free, here=machine.name == THIS)
    ]
    smallest = min(tried, key=lambda each: each.memory.peak)
    fitting = [each for each in tried if each.fits]
    best = _best(asked, fitting)
    advice = () if fitting else tuple(_advice(shape, rows, smallest, machine, rates, how))
    return Planned(asked, best, smallest, advice)


def _best(asked: Estimate, fitting: Sequence[Estimate]) -> Estimate | None:
    """The fastest; of those that differ by less than the formulas know, the recipe as it stands, else
    the smallest. Four bits lose precision for good, so they are taken only where nothing else fits."""
    whole = [each for each in fitting if each.section.quantise == asked.section.quantise]
    fitting = whole or fitting
    fastest = min((each.seconds for each in fitting), default=0.0)
    near = [each for each in fitting if each.seconds <= 1.03 * fastest]
    if asked in near:
        return asked
    return min(near, key=lambda each: each.memory.peak, default=None)


def precision_on(machine: Machine, section: TrainSection, native: str) -> str:
    """What `precision: auto` means on a machine: bf16 where it computes it natively, else fp32."""
    if section.precision != "auto":
        return section.precision
    if machine.name == THIS:
        return native
    return "bf16" if machine.bf16 is not None else "fp32"


def _candidates(
    section: TrainSection, load: Load, free: Sequence[str], *, here: bool
) -> Iterator[TrainSection]:
    """Sections with other values of the free settings. A step's rows stay the same in all of them."""
    recomputes: Sequence[Any] = [section.recompute]
    if "recompute" in free and section.method != "prefix":
        recomputes = ["none", "half", "all"]
    packs = [section.quantise]
    if (
        "quantise" in free
        and section.method != "full"
        and not (here and find_spec("bitsandbytes") is None)
    ):
        packs = ["none", "nf4"]
    whole = round(load.largest * max(1, load.most_passes))
    budgets: list[int | None] = [section.pass_tokens]
    if "pass_tokens" in free:
        parts = {max(load.longest, -(-whole // part)) for part in (2, 3, 4, 6, 8, 12, 16, 32, 64)}
        budgets = [None, *sorted({*parts, load.longest} - {whole}, reverse=True)]
    for recompute in recomputes:
        for pack in packs:
            for budget in budgets:
                accumulation = 1 if "pass_tokens" in free else section.accumulation
                yield section.model_copy(
                    update={
                        "recompute": recompute, "quantise": pack, "pass_tokens": budget,
                        "accumulation": accumulation,
                    }
                )  # fmt: skip


def _advice(
    shape: Shape,
    rows: Rows,
    smallest: Estimate,
    machine: Machine,
    rates: Rates | None,
    how: dict[str, Any],
) -> Iterator[str]:
    """What would make a run fit that does not fit with any settings."""
    section = smallest.section
    if section.method == "full":
        same = ("recompute", "pass_tokens", "batch_size")
        lora = TrainSection.model_validate({name: getattr(section, name) for name in same})
        with_lora = estimate(shape, rows, lora, machine, rates, **how)
        if with_lora.fits:
            yield (
                f"`train.method: lora` needs {with_lora.memory.peak / GIB:.1f} GiB, as it keeps "
                "gradients and moments of an adapter alone"
            )
    low, high = 16, smallest.load.longest
    if _shortened(shape, rows, section, machine, rates, low, how).fits:
        while high - low > 8:
            middle = (low + high) // 2
            fits = _shortened(shape, rows, section, machine, rates, middle, how).fits
            low, high = (middle, high) if fits else (low, middle)
        cut = sum(length > low for length in rows.lengths)
        what = f"drops {cut} of {len(rows.lengths)} rows, or cuts them"
        yield f"`template.max_length: {low}`, which {what}"
    needed = smallest.memory.peak / ROOM / GIB
    yield f"a machine with {needed:.0f} GiB of memory"


def _shortened(
    shape: Shape,
    rows: Rows,
    section: TrainSection,
    machine: Machine,
    rates: Rates | None,
    length: int,
    how: dict[str, Any],
) -> Estimate:
    less = section.model_copy(update={"pass_tokens": length, "accumulation": 1})
    return estimate(shape, rows.cut(length), less, machine, rates, **how)
