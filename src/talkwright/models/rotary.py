"""Rotary frequencies that depend on how long a row is, for each row by its own length.

Dynamic NTK and LongRoPE stretch their frequencies for rows beyond the length a model was first trained
for. transformers takes the longest row of a batch for all of them, and dynamic NTK even that of batches
before. Then a row's loss would depend on what it is beside of; here it is what the row has alone.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def stretches(config: Mapping[str, Any]) -> bool:
    """Whether a model of this configuration (of its text) has frequencies that depend on a length."""
    said = config.get("rope_parameters") or config.get("rope_scaling") or {}
    each = [part for part in said.values() if isinstance(part, dict)] or [said]  # by kind of layer
    return any(_by_length(part.get("rope_type") or part.get("type")) for part in each)


def stretch_by_row(model: Any) -> None:
    """Let each row of a batch have its own frequencies, where they depend on a length."""
    for module in model.modules():
        kinds = getattr(module, "rope_type", None)
        if any(map(_by_length, kinds.values() if isinstance(kinds, dict) else [kinds])):
            module.forward = types.MethodType(_forward, module)


def _by_length(kind: Any) -> bool:
    return kind == "longrope" or "dynamic" in str(kind)


def _forward(self: Any, x: Tensor, position_ids: Tensor, *others: Any, **named: Any) -> Any:
    """Cosines and sines of each row's positions: [rows, n, width], or [1, n, width] of rows end to end.

    Rows end to end begin at position 0, and none lends another its beginning (`Batch.before`).
    """

    def of(positions: Tensor) -> Any:
        _forget(self)
        return type(self).forward(self, x, positions, *others, **named)

    if position_ids.ndim != 2:  # places of another kind, as of images
        return of(position_ids)
    rows = []
    for row in position_ids:
        borders = sorted({0, *(row == 0).nonzero().flatten().tolist(), len(row)})
        sizes = [end - start for start, end in pairwise(borders)]
        rows.append(_join([of(piece) for piece in row[None].split(sizes, 1)], 1))
    return _join(rows, 0)


def _join(parts: list[Any], along: int) -> Any:
    """Cosines and sines, or what a family has in their place, of parts of a batch."""
    import torch

    if isinstance(parts[0], torch.Tensor):
        return torch.cat(parts, along)
    return tuple(torch.cat(same, along) for same in zip(*parts, strict=True))


def _forget(module: Any) -> None:
    """Put dynamic NTK's frequencies back to those of short rows."""
    for name in list(vars(module)):
        if name.endswith("max_seq_len_cached"):
            setattr(module, name, module.original_max_seq_len)
    for name, value in [*module._buffers.items(), *vars(module).items()]:
        if name.endswith("original_inv_freq") and value is not None:
            module._buffers[name.replace("original_inv_freq", "inv_freq")] = value.clone()
