"""Base weights into memory."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Literal

from talkwright.errors import ModelError
from talkwright.types import BaseModel

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def best_precision() -> Literal["bf16", "fp32"]:
    """bf16 where this machine computes it natively, else fp32.

    A processor without bf16 instructions emulates them: on an AVX-512 server without AMX, bf16 matrix
    products ran five times slower than fp32 ones.
    """
    import torch

    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported():
        return "bf16"
    return "fp32"


def load_weights(
    base: BaseModel, *, precision: Literal["bf16", "fp32"], attention: str = "sdpa"
) -> PreTrainedModel:
    """Load a base model for training or inference. Raises ModelError when its files are unusable."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    logging.getLogger("transformers").setLevel(logging.ERROR)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    try:
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            base.path,
            dtype=dtype,
            attn_implementation=attention,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{base.path}: the model cannot be loaded: {str(error).splitlines()[0]}") from None
    return model


def context_length(config: Any) -> int:
    """How many tokens a model was made for, from its configuration; 2048 where it does not say."""
    return int(getattr(config, "max_position_embeddings", None) or 2048)
