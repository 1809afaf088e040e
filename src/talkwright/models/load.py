"""Base weights into memory."""

from __future__ import annotations

import logging
import math
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from talkwright.errors import ModelError, OutOfMemory, is_out_of_memory
from talkwright.models.rotary import stretch_by_row
from talkwright.types import BaseModel, content_id

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# On a processor with bf16 instructions, importing bitsandbytes (which PEFT does) makes the package
# `kernels`, where it is installed, fetch native code from the hub and load it, and asks for that package
# where it is not. No recipe asks for that.
sys.modules.setdefault("kernels", None)  # type: ignore[arg-type]  # as Python marks what is not to be had
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)

# Products that oneDNN keeps compiled (bf16 on a CPU): of its 1,024 a long run has some hundred MiB, and
# compiling them again takes no time that could be measured (docs/log.md, 2026-11-23).
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")


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


def load_config(base: BaseModel) -> Any:
    """A base model's configuration. Raises ModelError when transformers cannot use it."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(base.path, local_files_only=True, trust_remote_code=False)
    except load_errors() as error:
        raise ModelError(f"{base.path}: its config.json cannot be used: {first_line(error)}") from None


def weights_digest(base: BaseModel, quantise: str) -> str:
    """What a base answers with: its files' digest, or another for what four bits leave of them."""
    return base.digest if quantise == "none" else content_id([base.digest, quantise], 64)


def parameter_count(base: BaseModel) -> int:
    """How many weights a base model has, by the heads of its files alone."""
    from safetensors import SafetensorError, safe_open

    total = 0
    for path in sorted(Path(base.path).glob("*.safetensors")):
        try:
            with safe_open(path, "numpy") as file:
                total += sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118 - no mapping
        except (OSError, SafetensorError) as error:
            raise ModelError(f"{path}: cannot be read: {first_line(error)}") from None
    return total


def load_weights(
    base: BaseModel,
    *,
    precision: Literal["bf16", "fp32"],
    attention: str | None = None,
    quantise: Literal["none", "nf4"] = "none",
) -> PreTrainedModel:
    """Load a base model for training or inference; `attention` None lets transformers choose.

    `quantise` "nf4" keeps its linear modules, but the LM head, in 4 bits and computes in `precision`.
    Raises ModelError when its files are unusable or weights are missing from them.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    logging.getLogger("transformers").setLevel(logging.ERROR)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    try:
        loaded = AutoModelForCausalLM.from_pretrained(
            base.path,
            output_loading_info=True,
            dtype=dtype,
            attn_implementation=attention,
            quantization_config=_four_bits(dtype) if quantise == "nf4" else None,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
        )
    except load_errors() as error:
        if is_out_of_memory(error):
            raise OutOfMemory(_too_large(base, precision)) from None
        raise ModelError(f"{base.path}: the model cannot be loaded: {first_line(error)}") from None
    model: PreTrainedModel = loaded[0]
    refuse_missing(base.path, loaded[1]["missing_keys"])
    stretch_by_row(model)
    _keep_packed_as_it_is(model)
    return model


def _too_large(base: BaseModel, precision: str) -> str:
    count = parameter_count(base)
    size = count * (2 if precision == "bf16" else 4) / 2**30
    return (
        f"out of memory in loading the base model '{base.name}': its {count / 1e6:,.0f} million "
        f"weights take {size:.1f} GiB in {precision}. Close other programs, raise the limit "
        "(`ulimit -v`), or take a smaller model."
    )


def _four_bits(dtype: Any) -> Any:
    """NF4 with scales that are quantised too (Dettmers et al. 2023, QLoRA)."""
    from importlib.util import find_spec

    from transformers import BitsAndBytesConfig

    if find_spec("bitsandbytes") is None:
        raise ModelError(needs_bitsandbytes("quantise", "nf4", "none"))
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def _keep_packed_as_it_is(model: Any) -> None:
    """Without this bitsandbytes packs a matrix in another way, with scales in bf16, at its first use in
    evaluation on a processor with bf16 instructions, and cannot do so where its sizes are odd: losses of
    validation were not those of training, nor the weights the same after it."""
    for module in model.modules():
        if hasattr(module, _PACKS_ANEW):
            setattr(module, _PACKS_ANEW, False)


_PACKS_ANEW = "support_avx512bf16_for_cpu"  # of bitsandbytes.nn.Linear4bit


def needs_bitsandbytes(field: str, value: str, instead: str) -> str:
    """What to say of a setting of `train` that needs bitsandbytes where it is not installed."""
    return (
        f"train.{field}: {value} needs bitsandbytes, which is not installed: "
        f"`pip install 'talkwright[quantise]'`, or write `{field}: {instead}`"
    )


def refuse_missing(where: Any, names: Iterable[str]) -> None:
    """Raise ModelError when a file lacks weights: transformers would go on with random ones."""
    if missing := sorted(names):
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise ModelError(
            f"{where}: these weights are missing from its files: {', '.join(missing[:3])}{more}. "
            "Copy or download the model again."
        )


def load_errors() -> tuple[type[Exception], ...]:
    """What transformers raises for files that it can make no model of."""
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    plain = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError)
    return (*plain, MemoryError, AssertionError, ImportError, SafetensorError, StrictDataclassError)


def first_line(error: BaseException) -> str:
    """The first line of an error of transformers, whose messages can be pages long."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__


@contextmanager
def without_peft_noise() -> Iterator[None]:
    """Hold back warnings of peft 0.21 that are none for a user: of its own code, which reads a name that
    transformers 5.23 changed; of what it puts right itself; of tied weights, which merging parts; of
    patterns for the weights of experts, which it writes itself and then looks for among modules."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "fan_in_fan_out is set to False", UserWarning)
        warnings.filterwarnings("ignore", "Model (has|with) `tie_word_embeddings=True`", UserWarning)
        warnings.filterwarnings("ignore", "Input and output embeddings are no longer tied", UserWarning)
        unmatched = r"The following (rank|alpha)_pattern keys did not match"
        warnings.filterwarnings("ignore", unmatched, RuntimeWarning)
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        yield


def context_length(config: Any) -> int:
    """How many tokens a model was made for, from its configuration; 2048 where it does not say."""
    return int(getattr(config.get_text_config(), "max_position_embeddings", None) or 2048)


def has_fixed_positions(model: Any) -> bool:
    """Whether a model has a learnt vector for each place, as GPT-2 and OPT have, and none beyond."""
    from torch import nn

    places = getattr(model.config.get_text_config(), "max_position_embeddings", None) or math.inf
    tables = [module for module in model.modules() if isinstance(module, nn.Embedding)]
    words = model.get_input_embeddings()
    return any(places <= t.num_embeddings <= places + 8 for t in tables if t is not words)
