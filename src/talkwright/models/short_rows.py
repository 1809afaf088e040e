"""Attention of short rows on a CPU, as a few products of whole matrices.

torch's kernel goes through a row in blocks of 32 to 64 positions, each a product of its own, as is right
for long rows and wasteful for short ones: a chat of 150 tokens has five such blocks. Here a row's scores
are one product for all heads that share keys, and its probabilities are kept for the backward pass. In
bf16 the scores are products in fp32, so that only what torch's kernel rounds as well is rounded.
Measured in docs/log.md, 2026-11-23.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from talkwright.models.batch import Runs

if TYPE_CHECKING:
    from torch import Tensor

LONGEST_SHORT_ROW = 512  # positions that a row may see for this to be the faster way in bf16 on a CPU


def attend_short_rows(
    query: Tensor, key: Tensor, value: Tensor, spans: Sequence[tuple[int, int, Runs]], scale: float
) -> Tensor:
    """softmax(scale q kᵀ) v, each position seeing its row up to itself: [1, n, heads, width].

    query: [1, heads, n, width]; key, value: [1, groups, m, width] with heads a multiple of groups, the
    width of values being the result's and maybe another.
    `spans`: of each row the first and last (exclusive) of its own queries, in order, and the runs of
    keys that it sees; its own keys are the last of those.
    """
    out: Tensor = _attention()(query, key, value, spans, scale)
    return out


@functools.cache
def _ahead() -> Tensor:
    """What is added to scores: minus infinity for positions that are still to come.
    [LONGEST_SHORT_ROW, LONGEST_SHORT_ROW]"""
    import torch

    return torch.full((LONGEST_SHORT_ROW, LONGEST_SHORT_ROW), float("-inf")).triu_(1)


@functools.cache
def _attention() -> Any:
    """Build the autograd function; torch is only imported when a model is."""
    import torch

    class ShortRows(torch.autograd.Function):
        """o = p v with p = softmax(s q kᵀ + ahead), row by row.

        dv = pᵀ do,  dp = do vᵀ,  ds = p (dp − p · dp),  dq = s ds k,  dk = s dsᵀ q.
        The heads of a group stand below one another: [groups, heads / groups * n, width]. Gradients of
        keys, to which several rows add where they begin alike, are summed in fp32.
        """

        @staticmethod
        def forward(
            ctx: Any, query: Tensor, key: Tensor, value: Tensor,
            spans: Sequence[tuple[int, int, Runs]], scale: float,
        ) -> Tensor:  # fmt: skip
            (_, heads, all_n, width), groups = query.shape, key.shape[1]
            exact = torch.promote_types(query.dtype, torch.float32)
            out = query.new_empty(1, all_n, heads, value.shape[-1])
            learning = any(ctx.needs_input_grad)  # else a row's probabilities go with it
            probabilities = []
            for start, stop, runs in spans:
                n = stop - start
                q = query[0, :, start:stop].reshape(groups, -1, width)
                k, v = (_of(each[0], runs) for each in (key, value))
                m = k.shape[1]
                scores = query.new_empty(groups, heads // groups, n, m, dtype=exact)
                scores = scores.copy_(_ahead()[m - n : m, :m]).view(groups, -1, m)
                scores.baddbmm_(q.to(exact), k.to(exact).transpose(1, 2), alpha=scale)
                p = torch.softmax(scores, -1, out=scores).to(query.dtype)
                out[0, start:stop] = torch.bmm(p, v).view(heads, n, -1).transpose(0, 1)
                if learning:
                    probabilities.append(p)
            # Not q, k and v of each row, which are copies where heads share keys or rows a beginning.
            ctx.save_for_backward(query, key, value, *probabilities)
            ctx.spans, ctx.scale = spans, scale
            return out

        @staticmethod
        @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
        def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
            query, key, value, *probabilities = ctx.saved_tensors
            exact = torch.promote_types(upstream.dtype, torch.float32)
            (_, heads, all_n, width), groups = query.shape, key.shape[1]
            of_query = upstream.new_empty(all_n, heads, width)
            of_key, of_value = (upstream.new_zeros(each.shape[1:], dtype=exact) for each in (key, value))
            for (start, stop, runs), p in zip(ctx.spans, probabilities, strict=True):
                q = query[0, :, start:stop].reshape(groups, -1, width)
                k, v = (_of(each[0], runs) for each in (key, value))
                do = upstream[0, start:stop].transpose(0, 1).reshape(groups, -1, v.shape[-1])
                ds = torch._softmax_backward_data(torch.bmm(do, v.transpose(1, 2)), p, -1, p.dtype)
                _add_to(of_value, torch.bmm(p.transpose(1, 2), do), runs)
                _add_to(of_key, torch.bmm(ds.transpose(1, 2), q), runs)
                own = torch.bmm(ds, k).view(heads, -1, width)
                of_query[start:stop] = own.transpose(0, 1)
            of_query.mul_(ctx.scale)
            of_key.mul_(ctx.scale)
            dtype = upstream.dtype
            return (
                of_query.transpose(0, 1)[None],
                of_key.to(dtype)[None],
                of_value.to(dtype)[None],
                None,
                None,
            )

    return ShortRows.apply


def _of(keys: Tensor, runs: Runs) -> Tensor:
    """The keys of these runs one after another. keys: [groups, m, width]"""
    import torch

    parts = [keys[:, start:stop] for start, stop in runs]
    return parts[0] if len(parts) == 1 else torch.cat(parts, 1)


def _add_to(sums: Tensor, parts: Tensor, runs: Runs) -> None:
    """Add to each key of these runs its own, of keys one after another."""
    at = 0
    for start, stop in runs:
        sums[:, start:stop] += parts[:, at : at + stop - start]
        at += stop - start
