"""The model that is trained: a base with an adapter, or a base with all its weights free."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkwright.config import LoraSection, TrainSection
from talkwright.errors import TrainError
from talkwright.models import (
    best_precision,
    choose_attention,
    keeps_rows_apart,
    load_config,
    load_weights,
    without_peft_noise,
)
from talkwright.types import BaseModel

if TYPE_CHECKING:
    from torch import Tensor


def prepare_model(base: BaseModel, section: TrainSection, seed: int) -> tuple[Any, bool]:
    """Load the base and make the right weights trainable; also say whether batches must be padded.

    Adapters are kept in the base's precision; `Masters` holds what needs more.
    """
    import torch

    precision = best_precision() if section.precision == "auto" else section.precision
    attention, padded = choose_attention(load_config(base))
    model: Any = load_weights(base, precision=precision, attention=attention)
    if not padded and not keeps_rows_apart(model):
        padded = True
        model = load_weights(base, precision=precision)
    torch.manual_seed(seed)
    if section.method == "lora":
        model = _with_lora(model, section.lora)
    if section.recompute:
        # Renamed in transformers 5.23; the older name is all there is before.
        enable = (
            getattr(model, "activation_checkpointing_enable", None)
            or model.gradient_checkpointing_enable
        )
        enable({"use_reentrant": False})
    model.train()
    return model, padded


def _with_lora(model: Any, section: LoraSection) -> Any:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=section.rank,
        lora_alpha=section.alpha,
        lora_dropout=section.dropout,
        target_modules=section.targets,
        task_type="CAUSAL_LM",
    )
    try:
        with without_peft_noise():
            adapted = get_peft_model(model, config, autocast_adapter_dtype=False)
    except (ValueError, re.error) as error:
        raise _wrong_targets(model, section.targets, str(error).partition(". ")[0]) from None
    taken = adapted.base_model.targeted_module_names
    # PEFT is content when one name of a list fits.
    for target in section.targets if isinstance(section.targets, list) else ():
        if not any(f".{name}".endswith(f".{target}") for name in taken):
            raise _wrong_targets(adapted, target, "it names no module of this model")
    return adapted


def _wrong_targets(model: Any, targets: object, why: str) -> TrainError:
    from torch import nn

    linear = {
        n.removesuffix(".base_layer") for n, m in model.named_modules() if isinstance(m, nn.Linear)
    }
    names = sorted({n.rsplit(".", 1)[-1] for n in linear if ".lora_" not in n})
    return TrainError(
        f"train.lora.targets: {targets!r} cannot be used: {why}. The model's linear modules are: "
        f"{', '.join(names)}. Or write `targets: all-linear`."
    )


def save_model(model: Any, folder: Path, method: str) -> None:
    """Write the adapter to `folder/adapter`, or all weights to `folder/model`."""
    target = folder / ("adapter" if method == "lora" else "model")
    model.save_pretrained(str(target), safe_serialization=True)
    for card in target.glob("README.md"):
        card.unlink()  # PEFT writes a model card of blanks; the report says what this is


class Masters:
    """fp32 copies of the trainable weights, which the optimizer updates.

    bf16 keeps 8 bits of a number: small updates of a weight would be rounded away, so they are summed
    up here and the rounded result is copied into the model. Where the model is fp32 already, the
    weights are their own masters.
    """

    def __init__(self, model: Any):
        import torch

        self.names = [name for name, weight in model.named_parameters() if weight.requires_grad]
        self.weights: list[Tensor] = [w for w in model.parameters() if w.requires_grad]
        self.masters: list[Tensor] = [
            w if w.dtype == torch.float32 else w.detach().float().requires_grad_() for w in self.weights
        ]

    def collect_gradients(self) -> None:
        """Add the gradients of one backward pass to the masters' and clear them in the model."""
        for weight, master in zip(self.weights, self.masters, strict=True):
            if weight is master or weight.grad is None:
                continue
            gradient = weight.grad.float()
            master.grad = gradient if master.grad is None else master.grad.add_(gradient)
            weight.grad = None

    def write_back(self) -> None:
        """Round the updated masters into the model."""
        import torch

        with torch.no_grad():
            for weight, master in zip(self.weights, self.masters, strict=True):
                if weight is not master:
                    weight.copy_(master)

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take the masters' values from `tensors` (by weight name) and write them back."""
        import torch

        with torch.no_grad():
            for name, master in zip(self.names, self.masters, strict=True):
                master.copy_(tensors[name])
        self.write_back()
