"""The model that is trained: a base with an adapter, or a base with all its weights free."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkwright.config import TrainSection, share_recomputed
from talkwright.errors import TrainError, is_out_of_memory
from talkwright.models import (
    best_precision,
    choose_attention,
    fuse,
    has_plain_head,
    keeps_rows_apart,
    load_config,
    load_errors,
    load_weights,
    make_batch,
    summed_loss,
)
from talkwright.train.adapters import add_adapter, make_trainable, unfit
from talkwright.train.compiled import compile_layers
from talkwright.train.empty import empty_model, make_fake, without_numbers
from talkwright.train.start_from import model_folder, refuse_other_base
from talkwright.types import IGNORED, BaseModel, Example

if TYPE_CHECKING:
    from torch import Tensor

    from talkwright.template import Template


VIRTUAL = ("prefix", "prompt")


def prepare_model(base: BaseModel, section: TrainSection, seed: int) -> tuple[Any, bool]:
    """Load the base and make the right weights trainable; also say whether batches must be padded."""
    import torch

    refuse_other_base(base, section)
    if section.method == "full" and section.start_from is not None:
        earlier = str(model_folder(section.start_from))
        base = BaseModel(base.name, earlier, earlier, base.licence, "")
    how: Any = {"precision": precision_here(section), "quantise": section.quantise}
    # Learnt tokens stand before every row, which rows laid end to end have no room for.
    attention, padded = (
        (None, True) if section.method in VIRTUAL else choose_attention(load_config(base))
    )
    model: Any = load_weights(base, attention=attention, **how)
    if not padded and not keeps_rows_apart(model):
        padded = True
        model = load_weights(base, **how)
    has_plain_head(model)  # asked before there are layers to compile for the few tokens it takes
    torch.manual_seed(seed)
    model = make_trainable(model, section)
    if section.method in VIRTUAL and (why := _misfit(model)):
        raise TrainError(unfit(model, section, why))
    if section.compile:
        compile_layers(model, padded=padded)  # it joins what `fuse` would
    else:
        fuse(model)
    recompute(model, share_recomputed(section.recompute))
    model.train()
    return model, padded


def precision_here(section: TrainSection) -> str:
    """What `train.precision` comes to on this machine."""
    return best_precision() if section.precision == "auto" else section.precision


def _misfit(model: Any) -> str | None:
    """Why a model has no place for learnt tokens, as some families' layers have not; two rows through it
    are the only sure way to know."""
    try:
        loss = _loss_of_two_rows(model)
    except (RuntimeError, ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
        if is_out_of_memory(error):
            raise
        return str(error)
    # Mamba 2's layers look at none of the learnt keys and values.
    return None if loss.requires_grad else "its layers read none of what would be learnt"


def _loss_of_two_rows(model: Any) -> Tensor:
    rows = [Example((1, 2, 3), (IGNORED, IGNORED, 3)), Example((1, 2), (IGNORED, 2))]
    batch = make_batch(rows, padded=True, device=next(model.parameters()).device)
    return summed_loss(model, batch)


def refuse_unfit_kind(base: BaseModel, section: TrainSection) -> None:
    """Raise TrainError where models of the base's kind have no place for learnt tokens, told without
    weights; nothing where only those would tell."""
    import torch

    config = load_config(base)
    plain = empty_model(config)
    try:
        with without_numbers(make_fake(plain)):
            _loss_of_two_rows(plain)
    except load_errors():
        return
    with torch.device("meta"):
        model = add_adapter(empty_model(config), section.model_copy(update={"start_from": None}))
        model = model.to(plain.dtype)  # PEFT leaves its own weights in fp32 without a device
    with without_numbers(make_fake(model)):
        why = _misfit(model)
    if why:
        raise TrainError(unfit(empty_model(config), section, why))


def recompute(model: Any, share: float) -> bool:
    """Make the activations of this share of the layers again in the backward pass instead of keeping
    them (gradient checkpointing); whether the model's layers can."""
    from transformers.modeling_layers import GradientCheckpointingLayer

    layers = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if share == 0 or not layers:
        return share == 0
    # Renamed in transformers 5.23; the older name is all there is before.
    enable = (
        getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    )
    enable({"use_reentrant": False})
    for number, layer in enumerate(layers):  # spread evenly
        layer.gradient_checkpointing = int((number + 1) * share) > int(number * share)
    return True


def refuse_added_tokens(base: BaseModel, template: Template, *rows: Sequence[Example]) -> None:
    """Raise TrainError when the model has no embedding for words of the tokenizer, or for control tokens
    that the chat template writes or `rows` hold. One that nothing writes does no harm: Gemma 3 has one
    for images, also where the model sees none."""
    known, guard = load_config(base).get_text_config().vocab_size, template.guard
    if guard.id_limit <= known:
        return
    written = template.control_written().union(*(_ids_from(known, each) for each in rows))
    added = sorted((i, text) for text, i in guard.control.items() if i >= known and i in written)
    if added:
        what = f"{len(added)} tokens in its chats that the model knows nothing of, the first "
        what += f"'{added[0][1]}' with id {added[0][0]}"
    elif guard.word_limit > known:
        what = f"words with ids up to {guard.word_limit - 1} that the model knows nothing of"
    else:
        return
    raise TrainError(
        f"the tokenizer has {what}: the model has {known} embeddings. Vocabularies are not grown here: "
        "take the tokenizer that belongs to the model, or grow the model first "
        "(`resize_token_embeddings` of transformers) and train with `method: full`"
    )


def _ids_from(least: int, rows: Sequence[Example]) -> set[int]:
    """Ids of `least` and more in the rows; those on disk are not made into examples for that."""
    stored: Callable[[int], set[int]] | None = getattr(rows, "ids_from", None)
    return stored(least) if stored else {i for row in rows for i in row.input_ids if i >= least}


def save_model(model: Any, folder: Path, method: str) -> None:
    """Write the adapter to `folder/adapter`, or all weights to `folder/model`."""
    target = folder / ("model" if method == "full" else "adapter")
    # The embeddings are the base's, and not in the file also where an adapter is on them.
    how = {} if method == "full" else {"save_embedding_layers": False}
    model.save_pretrained(str(target), safe_serialization=True, **how)
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
