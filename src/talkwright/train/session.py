"""What a run works with from its first step to its last: model, optimizer, rows and plan."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talkwright.config import TrainSection
from talkwright.errors import TrainError, needs_memory
from talkwright.models import LENGTH_STEP, BatchLayout
from talkwright.runs import make_folder
from talkwright.train.faults import smaller_model
from talkwright.train.model import Masters, prepare_model
from talkwright.train.noise import RowNoise
from talkwright.train.optimizers import Optimizer, make_optimizer
from talkwright.train.origin import Origin
from talkwright.train.passes import may_share_beginnings, must_be_whole
from talkwright.train.plan import Plan, evenly, make_plan
from talkwright.train.settings import refuse_useless
from talkwright.train.trackers import FOLDER, refuse_missing_trackers
from talkwright.types import BaseModel, Example


@dataclass(frozen=True, slots=True)
class Session:
    """What stays the same through a run; `State` is what changes."""

    accelerator: Any
    model: Any
    masters: Masters
    optimizer: Optimizer
    section: TrainSection
    plan: Plan
    rows: Sequence[Example]
    validation: Sequence[Example]
    layout: BatchLayout
    noise: RowNoise | None
    seed: int
    checkpoints: Path
    origin: Origin


def open_session(
    base: BaseModel,
    rows: Sequence[Example],
    validation: Sequence[Example],
    section: TrainSection,
    seed: int,
    checkpoints: Path,
    origin: Origin,
) -> Session:
    """Load the model and make ready all that stays. Raises TrainError for what cannot be trained."""
    import torch
    from accelerate.utils import set_seed

    refuse_useless(rows)
    refuse_missing_trackers(section)
    accelerator = _accelerator(section, str(checkpoints.parent / FOLDER))
    set_seed(seed)
    instead = f"Close other programs, or {smaller_model(section)}."
    with needs_memory("in making the model ready for training", instead):
        model, padded = prepare_model(base, section, seed)
        model = accelerator.prepare(model)
        masters = Masters(model)
    make_folder(checkpoints)
    config = vars(model.config.get_text_config())
    by_onednn = accelerator.device.type == "cpu" and model.dtype == torch.bfloat16
    return Session(
        accelerator=accelerator,
        model=model,
        masters=masters,
        optimizer=make_optimizer(model, masters, section),
        section=section,
        plan=make_plan(section, len(rows)),
        rows=rows,
        validation=evenly(validation, section.eval_rows),
        layout=BatchLayout(
            padded=padded,
            device=accelerator.device,
            share=may_share_beginnings(section, padded=padded, alone=must_be_whole(config)),
            step=LENGTH_STEP if by_onednn else 1,
        ),
        noise=RowNoise(model, section.neftune) if section.neftune else None,
        seed=seed,
        checkpoints=checkpoints,
        origin=origin,
    )


def _accelerator(section: TrainSection, logs: str) -> Any:
    """Accelerate with settings of ours alone. Its variables of the environment, which a launcher may
    have left there, would divide gradients, change the precision or compile, and no run would tell.

    Raises TrainError when this is one of several processes.
    """
    from accelerate import Accelerator
    from accelerate.utils import GradientAccumulationPlugin

    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("ACCELERATE_")}
    try:
        accelerator = Accelerator(
            mixed_precision="no",  # the model is loaded in the precision it is trained in
            gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1),  # the loop's own
            log_with=section.trackers or None,
            project_dir=logs,
        )
    finally:
        os.environ.update(hidden)
    if accelerator.num_processes > 1:
        raise TrainError("this version trains in one process; start it without a multi-process launcher")
    return accelerator
