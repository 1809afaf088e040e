"""NEFTune (Jain et al. 2023): uniform noise on the embeddings while training."""

from __future__ import annotations

import math
from typing import Any


class RowNoise:
    """Adds noise to what a model's input embeddings give, as long as the model is training.

    A row of L tokens of width d gets noise between ±alpha / √(L d), whatever lies beside it in the
    batch: `expect` its rows before each forward pass.
    """

    def __init__(self, model: Any, alpha: float):
        self._lengths: tuple[int, ...] = ()
        self._alpha = alpha
        model.get_input_embeddings().register_forward_hook(self._add)

    def expect(self, lengths: tuple[int, ...]) -> None:
        """Say how long the rows of the next forward pass are."""
        self._lengths = lengths

    def _add(self, module: Any, _: Any, embedded: Any) -> Any:
        import torch

        if not module.training:
            return embedded
        width = embedded.shape[-1]
        sizes = [self._alpha / math.sqrt(length * width) for length in self._lengths]
        size = torch.tensor(sizes, device=embedded.device)
        if embedded.shape[0] == len(sizes):
            size = size.view(-1, 1, 1)
        else:  # rows end to end
            size = size.repeat_interleave(torch.tensor(self._lengths, device=size.device)).view(1, -1, 1)
        noise = torch.zeros_like(embedded).uniform_(-1, 1)
        return embedded + noise * size.to(embedded.dtype)
