"""`train.compile`: the layers of a model translated to machine code of their own by torch.compile.

Each layer alone and not the whole model: all layers share one translation, which takes seconds instead
of minutes. Rows have other lengths in every batch. The number of tokens is left open in the
translation, and the rows' own lengths pass by it, straight to attention, which stays as it is: so there
is one translation for all batches.
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

from talkwright.errors import TrainError

BACKEND = "inductor"
ROWS = ("row_lengths", "row_before")  # what the flat layout tells attention
ATTENTION = "talkwright_beside_compiled"


def compile_layers(model: Any, *, padded: bool) -> int:
    """Translate the layers of `model` when they first train; how many there are.

    Scoring and sampling, which need no gradients, take the plain layers. Raises TrainError where nothing
    can be translated.
    """
    import torch
    from transformers.modeling_layers import GradientCheckpointingLayer

    layers = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if not layers:
        raise TrainError(
            f"train.compile: {type(model).__name__} has no layers of the kind that transformers marks; "
            "leave `compile` out"
        )
    _refuse_without_compiler(next(model.parameters()).device)
    rows: dict[str, Any] = {}
    if not padded:
        _keep_attention_out(model, rows)
    # Since transformers 5.23 `forward` itself remakes activations, and `_forward` does that instead.
    remakes = "__call__" not in vars(GradientCheckpointingLayer)
    for kind in {type(layer) for layer in layers}:
        plain = kind.forward.__wrapped__ if remakes else kind.forward
        compiled = torch.compile(plain, dynamic=True, backend=BACKEND)
        for layer in layers:
            if type(layer) is kind:
                layer.forward = partial(_forward, layer, compiled, rows, remakes)
    return len(layers)


def _forward(layer: Any, compiled: Any, rows: dict[str, Any], remakes: bool, *x: Any, **how: Any) -> Any:
    import torch

    if not torch.is_grad_enabled():
        return type(layer).forward(layer, *x, **how)
    lengths = {name: how.pop(name) for name in ROWS if name in how}

    def train(*given: Any) -> Any:
        rows.update(lengths)
        try:
            with warnings.catch_warnings():  # of torch, about what it does itself while it translates
                warnings.filterwarnings("ignore", "The .grad attribute of a Tensor", UserWarning)
                return compiled(layer, *given, **how)
        finally:
            rows.clear()

    if remakes and layer.gradient_checkpointing:
        return layer._gradient_checkpointing_func(train, *x)
    return train(*x)


def _keep_attention_out(model: Any, rows: dict[str, Any]) -> None:
    """Let the model's attention be called as it is, with what lies in `rows` at that moment."""
    import torch
    from transformers import AttentionInterface

    config = model.config.get_text_config()
    plain = AttentionInterface()[config._attn_implementation]

    def attend(*given: Any, **how: Any) -> Any:
        return plain(*given, **{**how, **rows})

    AttentionInterface.register(ATTENTION, torch.compiler.disable(attend))
    config._attn_implementation = ATTENTION


def _refuse_without_compiler(device: Any) -> None:
    import torch

    try:
        # The smallest thing there is to translate; what is missing shows in seconds.
        torch.compile(lambda x: x.sin() + 1, dynamic=True, backend=BACKEND)(torch.ones(8, device=device))
    except Exception as error:  # noqa: BLE001 - torch has an own one for each thing that can be missing
        what = "a C++ compiler (`g++`)" if device.type == "cpu" else "Triton and a C compiler"
        said = (str(error).strip().splitlines() or [""])[0]
        raise TrainError(
            f"train.compile needs {what}, and torch cannot compile here: {type(error).__name__}: "
            f"{said}. Install it, or leave `compile` out"
        ) from None
