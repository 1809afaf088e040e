"""Training rows → an adapter or weights.

In: a base model and the rows that the check stage stored. Out: an artefact with the adapter (or the
full weights), `metrics.jsonl`, `samples.jsonl` (replies on the way) and a summary. A killed run takes up
its newest whole checkpoint and ends with the same weights, bit for bit on CPU in fp32, as one that
was never killed.

Refuses: rows that teach nothing, targets that match no module, tokens that the model does not know, and
losses that are not finite three times in a row.
"""

from __future__ import annotations

from talkwright.train.checkpoint import drop_checkpoints
from talkwright.train.estimate import (
    Estimate,
    Machine,
    Planned,
    Rows,
    Shape,
    all_machines,
    best_precision_here,
    can_count,
    find_machine,
    layout_of,
    measure_rates,
    plan_for,
    precision_on,
    shape_of_base,
    this_machine,
)
from talkwright.train.loop import train
from talkwright.train.plan import Plan, make_plan
from talkwright.train.samples import questions_for
from talkwright.train.settings import (
    check_recipe,
    check_settings,
    check_template,
    heed,
    refuse_unready,
    room_for_rows,
)
from talkwright.train.start_from import start_digest
from talkwright.train.unfinished import take_over

__all__ = [
    "Estimate",
    "Machine",
    "Plan",
    "Planned",
    "Rows",
    "Shape",
    "all_machines",
    "best_precision_here",
    "can_count",
    "check_recipe",
    "check_settings",
    "check_template",
    "drop_checkpoints",
    "find_machine",
    "heed",
    "layout_of",
    "make_plan",
    "measure_rates",
    "plan_for",
    "precision_on",
    "questions_for",
    "refuse_unready",
    "room_for_rows",
    "shape_of_base",
    "start_digest",
    "take_over",
    "this_machine",
    "train",
]
