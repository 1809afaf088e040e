"""A model's name → a folder with its files on this machine, its licence and its digest.

In: `smollm2-135m`, a hub id, a local folder or a `.gguf` file. Out: `BaseModel`. Refuses pickled
weights and models that bring their own code.
"""

from __future__ import annotations

from talkwright.models.adapters import base_of_adapter, load_adapter, merge_adapter, write_merged
from talkwright.models.batch import (
    LENGTH_STEP,
    BatchLayout,
    computed_before,
    filled_up,
    make_batch,
    until_last_supervised,
)
from talkwright.models.find import cache_folder, find_base, is_on_hub_only
from talkwright.models.flat import (
    EXACT_ROWS,
    HEAD_ROWS,
    choose_attention,
    has_plain_head,
    keeps_rows_apart,
    row_losses,
    seen_by_attention,
    summed_loss,
)
from talkwright.models.fused import fuse
from talkwright.models.load import (
    best_precision,
    context_length,
    has_fixed_positions,
    load_config,
    load_errors,
    load_weights,
    needs_bitsandbytes,
    parameter_count,
    weights_digest,
    without_peft_noise,
)
from talkwright.models.rotary import stretches
from talkwright.models.short_rows import LONGEST_SHORT_ROW
from talkwright.models.virtual import virtual_tokens, with_virtual_tokens

__all__ = [
    "EXACT_ROWS",
    "HEAD_ROWS",
    "LENGTH_STEP",
    "LONGEST_SHORT_ROW",
    "BatchLayout",
    "base_of_adapter",
    "best_precision",
    "cache_folder",
    "choose_attention",
    "computed_before",
    "context_length",
    "filled_up",
    "find_base",
    "fuse",
    "has_fixed_positions",
    "has_plain_head",
    "is_on_hub_only",
    "keeps_rows_apart",
    "load_adapter",
    "load_config",
    "load_errors",
    "load_weights",
    "make_batch",
    "merge_adapter",
    "needs_bitsandbytes",
    "parameter_count",
    "row_losses",
    "seen_by_attention",
    "stretches",
    "summed_loss",
    "until_last_supervised",
    "virtual_tokens",
    "weights_digest",
    "with_virtual_tokens",
    "without_peft_noise",
    "write_merged",
]
