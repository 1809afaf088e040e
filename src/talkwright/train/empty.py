"""Models without weights: their modules alone, or gone through with tensors that have a shape and no
content (torch's fake tensors), which loads and computes nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def empty_model(config: Any, attention: str | None = None) -> Any:
    """A model's modules without weights, for looking at names and sizes."""
    import torch
    from transformers import AutoModelForCausalLM

    how = {} if attention is None else {"attn_implementation": attention}
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, trust_remote_code=False, **how)


def make_fake(model: Any) -> Any:
    """Give a model fake weights of the same shapes; returns the mode in which they can be used."""
    import torch
    from torch import nn
    from torch._subclasses.fake_tensor import FakeTensorMode

    mode = FakeTensorMode(allow_non_fake_inputs=True)
    known: dict[int, Any] = {}  # weights may be shared
    with mode, torch.device("cpu"):
        for module in model.modules():
            for name, old in [*module._parameters.items(), *module._buffers.items()]:
                if old is None:
                    continue
                if id(old) not in known:
                    fake = torch.empty(old.shape, dtype=old.dtype)
                    trained = old.requires_grad
                    known[id(old)] = nn.Parameter(fake, trained) if name in module._parameters else fake
                held = module._parameters if name in module._parameters else module._buffers
                held[name] = known[id(old)]
    return mode


@contextmanager
def without_numbers(mode: Any) -> Iterator[None]:
    """Use a model whose tensors are fake. torch's product of all experts at once takes nothing but bf16
    then, and reports each failure by a page; a product with one of them keeps the same."""
    from transformers.integrations import moe

    known = getattr(moe, "_grouped_mm", None)
    log = logging.getLogger("torch._subclasses.fake_tensor")
    level = log.level
    log.setLevel(logging.CRITICAL)
    moe._grouped_mm = lambda rows, experts, offs: rows.to(experts.dtype) @ experts[0]
    try:
        with mode:
            yield
    finally:
        log.setLevel(level)
        moe._grouped_mm = known
