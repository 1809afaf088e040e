"""Before the run: memory, time, energy and cost of a recipe, and the settings that fit.

In: a model's shape, the lengths of its training rows, a `train` section and a machine. Out: `Estimate`
and `Planned`. No weights are loaded and no GPU is needed. `shape.py` reads what a model is made of,
`structure.py` counts what it keeps for its backward pass, `load.py` what a run's rows amount to;
`memory.py` and `work.py` are the formulas, `machines.py` what they are divided by, `choose.py` tries
settings. What no formula gives is counted (`count.py`) or fitted (`fit.py`) by `bench/calibrate.py`, and
stands in `coefficients.json`.
"""

from __future__ import annotations

from talkwright.train.estimate.choose import Estimate, Planned, plan_for, precision_on
from talkwright.train.estimate.load import Rows
from talkwright.train.estimate.machines import (
    Machine,
    Rates,
    all_machines,
    best_precision_here,
    find_machine,
    measure_rates,
    this_machine,
)
from talkwright.train.estimate.shape import Shape, shape_of_base
from talkwright.train.estimate.structure import can_count, layout_of

__all__ = [
    "Estimate",
    "Machine",
    "Planned",
    "Rates",
    "Rows",
    "Shape",
    "all_machines",
    "best_precision_here",
    "can_count",
    "find_machine",
    "layout_of",
    "measure_rates",
    "plan_for",
    "precision_on",
    "shape_of_base",
    "this_machine",
]
