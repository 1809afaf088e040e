"""Attention of short rows on a CPU, as a few products of whole matrices.

torch's kernel goes through a row in blocks of 32 to 64 positions, each a product of its own, as is right
for long rows and wasteful for short ones: a chat of 150 tokens has five such blocks. Here a row's scores
are one product for all heads that share keys, and its probabilities are kept for the backward pass. In
bf16 the scores are products in fp32, so that only what torch's kernel rounds as well is rounded.
Measured in docs/log.md, 2026-11-23.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

LONGEST_SHORT_ROW = 512  # positions that a row may see for this to be the faster way in bf16 on a CPU


def attend_short_row(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """softmax(scale q kᵀ) v of one row, each position seeing those up to its own: [1, n, heads, width].

    query: [1, heads, n, width]; key, value: [1, groups, m, width] with m >= n and heads a multiple of
    groups: the row's positions are the last n of m.
    """
    out: Tensor = _attention()(query, key, value, scale)
    return out


def _ahead(size: int) -> Tensor:
    """What is added to scores: minus infinity for positions that are still to come. [size, size]"""
    return _all_ahead()[:size, :size]


@functools.cache
def _all_ahead() -> Tensor:
    import torch

    return torch.full((LONGEST_SHORT_ROW, LONGEST_SHORT_ROW), float("-inf")).triu_(1)


@functools.cache
def _attention() -> Any:
    """Build the autograd function; torch is only imported when a model is."""
    import torch

    class ShortRow(torch.autograd.Function):
        """o = p v with p = softmax(s q kᵀ + ahead).

        dv = pᵀ do,  dp = do vᵀ,  ds = p (dp − p · dp),  dq = s ds k,  dk = s dsᵀ q.
        The heads of a group stand below one another: [groups, heads / groups * n, width].
        """

        @staticmethod
        def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
            (_, heads, n, width), (_, groups, m, _) = query.shape, key.shape
            # Keys that several rows share come in fp32, for the sum of their gradients.
            k, v = (each[0].to(query.dtype) for each in (key, value))
            q = query[0].reshape(groups, -1, width)
            exact = torch.promote_types(query.dtype, torch.float32)
            scores = query.new_empty(groups, heads // groups, n, m, dtype=exact)
            scores = scores.copy_(_ahead(m)[m - n :]).view(groups, -1, m)
            scores.baddbmm_(q.to(exact), k.to(exact).transpose(1, 2), alpha=scale)
            p = torch.softmax(scores, -1, out=scores).to(query.dtype)
            ctx.save_for_backward(q, k, v, p)
            ctx.scale, ctx.of_keys = scale, key.dtype
            return torch.bmm(p, v).view(1, heads, n, width).transpose(1, 2)

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
            q, k, v, p = ctx.saved_tensors
            _, n, heads, width = upstream.shape
            do = upstream[0].transpose(0, 1).reshape(q.shape)
            of_value = torch.bmm(p.transpose(1, 2), do)
            ds = torch._softmax_backward_data(torch.bmm(do, v.transpose(1, 2)), p, -1, p.dtype)
            of_query = torch.bmm(ds, k).mul_(ctx.scale).view(1, heads, n, width)
            of_key = torch.bmm(ds.transpose(1, 2), q).mul_(ctx.scale)
            return of_query, of_key[None].to(ctx.of_keys), of_value[None].to(ctx.of_keys), None

    return ShortRow.apply
