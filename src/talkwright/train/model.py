"""The model that is trained: a base with an adapter, or a base with all its weights free."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkwright.config import LoraSection, TrainSection
from talkwright.errors import TrainError
from talkwright.models import best_precision, choose_attention, load_weights
from talkwright.types import BaseModel

if TYPE_CHECKING:
    from torch import Tensor


def prepare_model(base: BaseModel, section: TrainSection, seed: int) -> tuple[Any, bool]:
    """Load the base and make the right weights trainable; also say whether batches must be padded.

    Adapters are kept in the base's precision; `Masters` holds what needs more.
    """
    import torch
    from transformers import AutoConfig

    precision = best_precision() if section.precision == "auto" else section.precision
    config = AutoConfig.from_pretrained(base.path, local_files_only=True, trust_remote_code=False)
    attention, padded = choose_attention(config)
    model: Any = load_weights(base, precision=precision, attention=attention)
    model.config.use_cache = False
    torch.manual_seed(seed)
    if section.method == "lora":
        model = _with_lora(model, section.lora)
    if section.recompute:
        model.gradient_checkpointing_enable({"use_reentrant": False})
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
        with warnings.catch_warnings():
            # peft 0.21 reads a property that transformers 5.23 has renamed.
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
            return get_peft_model(model, config, autocast_adapter_dtype=False)
    except ValueError as error:
        if "arget modules" not in str(error):
            raise
        from torch import nn

        names = sorted({n.rsplit(".", 1)[-1] for n, m in model.named_modules() if isinstance(m, nn.Linear)})
        raise TrainError(
            f"train.lora.targets: {section.targets!r} matches no module of this model. Its linear modules are: "
            f"{', '.join(names)}. Or write `targets: all-linear`."
        ) from None


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
