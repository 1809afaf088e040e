"""What can go wrong in a step, and the rules by which training goes on or stops.

Out of memory: the step is taken again in twice as many forward passes, which compute the same gradient,
and so are all later ones. A loss or gradient that is not finite, or spikes: `train.on_fault` says what
becomes of the step; after `FAULTS_IN_A_ROW` of them the run stops and names steps and rows.
"""

from __future__ import annotations

import gc
import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from talkwright.config import TrainSection
from talkwright.errors import TrainError
from talkwright.train.passes import split
from talkwright.types import Example

if TYPE_CHECKING:
    from talkwright.train.model import Masters

FAULTS_IN_A_ROW = 3
WINDOW = 32  # gradient norms that say what is usual
FEWEST = 8  # ... and how many it takes to say so


# --- out of memory -------------------------------------------------------------------------------


def split_further(
    examples: Sequence[Example], section: TrainSection, halvings: int, *, padded: bool
) -> int:
    """How many halvings give more forward passes. Raises TrainError when each has one row already."""
    passes = split(examples, section, halvings, padded=padded)
    if all(len(rows) == 1 for rows in passes):
        longest = max(examples, key=lambda example: len(example.input_ids))
        again = "" if section.method == "prefix" else " and what can be recomputed not kept"
        raise TrainError(
            f"out of memory with one row at a time{again}; the longest of the step has "
            f"{len(longest.input_ids)} tokens (conversation {longest.conversation or '?'}). Lower "
            f"template.max_length, or {smaller_model(section)}. Checkpoints are kept."
        )
    while len(split(examples, section, halvings, padded=padded)) == len(passes):
        halvings += 1
    return halvings


def smaller_model(section: TrainSection) -> str:
    """What of a recipe makes the model itself take less memory."""
    if section.method == "full":
        return "train an adapter (`train.method: lora`)"
    if section.quantise == "none":
        return "keep the base in four bits (`train.quantise: nf4`)"
    return "take a smaller base model"


def make_room(masters: Masters) -> None:
    """Let go of half-made gradients and of what the allocator holds."""
    import torch

    for tensor in (*masters.weights, *masters.masters):
        tensor.grad = None
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


# --- losses and gradients that cannot be used ----------------------------------------------------


def find_fault(loss: float, norm: float, norms: Sequence[float], section: TrainSection) -> str | None:
    """Say what is wrong with a step's loss or gradient norm; `norms` are those of the steps before."""
    if not math.isfinite(loss):
        return f"the loss is {loss}"
    if not math.isfinite(norm):
        return f"the gradient's norm is {norm}"
    if section.spike and len(norms) >= FEWEST and norm > section.spike * median(norms):
        return f"the gradient's norm is {norm:.3g}, {norm / median(norms):.0f} times the usual"
    return None


def describe_fault(
    step: int, what: str, rate: float, examples: Sequence[Example], guilty: Sequence[Example] = ()
) -> dict[str, Any]:
    """A fault as a checkpoint keeps it. Step counts from 1; `guilty` are the rows without a loss of
    their own."""
    if guilty:
        what += f" ({len(guilty)} of its {len(examples)} rows, alone, too)"
    rows = list(dict.fromkeys(example.conversation for example in guilty or examples))
    return {"step": step, "what": what, "learning_rate": rate, "conversations": rows}


def stop_if_it_persists(faults: Sequence[dict[str, Any]], section: TrainSection, run: Path) -> None:
    """Raise TrainError when the steps that ended in a fault are as many in a row as are borne."""
    if section.on_fault != "stop" and len(faults) < FAULTS_IN_A_ROW:
        return
    said = "\n".join(
        f"  - step {fault['step']}: {fault['what']}, at learning rate {fault['learning_rate']:g}; "
        f"conversations {', '.join(fault['conversations'])}"
        for fault in faults
    )
    in_a_row = f" after {len(faults)} steps in a row" if len(faults) > 1 else ""
    raise TrainError(
        f"training cannot go on{in_a_row}:\n{said}\nLower train.learning_rate and begin anew with "
        f"`--anew`, or look at these rows: {_in_the_ledger(run, faults[-1]['conversations'][0])}. "
        "Earlier checkpoints are kept."
    )


def refuse_to_validate(
    loss: float, step: int, rows: Sequence[Example], guilty: Sequence[Example], run: Path
) -> None:
    """Raise TrainError for a validation loss that is not finite; `guilty` as in `describe_fault`."""
    when = f"after step {step}" if step else "before the first step"
    said = f"the validation loss {when} is {loss}, so training cannot go on"
    if guilty:
        said += f"; {len(guilty)} of the {len(rows)} validation rows have such a loss alone"
    if len(guilty) == len(rows) and step:
        cure = "The weights are lost. Lower train.learning_rate or try `precision: fp32`, with `--anew`"
    elif len(guilty) == len(rows):
        cure = "The base's weights are damaged, or too large for this precision: try `precision: fp32`"
    elif guilty:
        first = guilty[0].conversation
        cure = (
            f"The first is conversation {first}: {_in_the_ledger(run, first)}. Something in it, or the "
            "base's weights for it, is not a number"
        )
    else:
        cure = "Lower train.learning_rate or try `precision: fp32`, with `--anew`"
    raise TrainError(f"{said}. {cure}." + (" Earlier checkpoints are kept." if step else ""))


def _in_the_ledger(run: Path, conversation: str) -> str:
    asked = shlex.join([str(run), "--where", f"conversation={conversation}"])
    return f"`talkwright data ledger {asked}`"
