"""Attention of short rows on a CPU, as a few products of whole matrices.

torch's kernel goes through a row in blocks of 32 to 64 positions, each a product of its own, as is right
for long rows and wasteful for short ones: a chat of 150 tokens has five such blocks. Here a row's scores
are one product for all heads that share keys, and its probabilities are kept for the backward pass. In
bf16 the scores are products in fp32, so that only what torch's kernel rounds as well is rounded.

What a row asks and what it sees are copied into blocks, filled up to a multiple of `LENGTH_STEP`: there
are fewer sizes then, for each of which oneDNN keeps code. Measured in docs/log.md, 2026-11-23.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from talkwright.models.batch import Runs, filled_up

if TYPE_CHECKING:
    import torch
    from torch import Tensor

LONGEST_SHORT_ROW = 512  # positions that a row may see for this to be the faster way in bf16 on a CPU

Span = tuple[int, int, Runs]


def attend_short_rows(
    query: Tensor, key: Tensor, value: Tensor, spans: Sequence[Span], scale: float
) -> Tensor:
    """softmax(scale q kᵀ) v, each position seeing its row up to itself: [1, n, heads, width].

    query: [1, heads, n, width]; key, value: [1, groups, m, width] with heads a multiple of groups, the
    width of values being the result's and maybe another.
    `spans`: of each row the first and last (exclusive) of its own queries and the runs of keys that it
    sees; its own keys are the last of those. Own queries are all that are given, in order, and so are
    last runs.
    """
    out: Tensor = _attention()(query, key, value, tuple(spans), scale)
    return out


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Where the rows of a batch are in blocks of [groups, positions, ...], one after another.

    Of each row: `n` positions of queries, `m` of keys, of which it sees `before` before its own first
    query. `asked`: for each query, and group of it, its place; `seen`: for each place of a key what it
    is a copy of; `own`: for each key the place of the copy that its own row sees.
    """

    n: tuple[int, ...]
    m: tuple[int, ...]
    before: tuple[int, ...]
    asked: Tensor
    seen: Tensor
    own: Tensor

    def of_queries(self, rows: Tensor, groups: int) -> list[Tensor]:
        """Each row's block, [groups, n heads / groups, width], 0 where it is filled up.
        rows: [1, n, heads, width]"""
        heads, width = rows.shape[2:]
        flat = rows.reshape(-1, heads // groups * width)
        filled = flat.new_zeros(groups * sum(self.n), flat.shape[1]).index_copy_(0, self.asked, flat)
        return [each.view(groups, -1, width) for each in filled.split([groups * n for n in self.n])]

    def to_queries(self, parts: Sequence[Tensor], heads: int) -> Tensor:
        """The way back: [1, n, heads, width]."""
        import torch

        groups, _, width = parts[0].shape
        flat = torch.cat([each.view(-1, heads // groups * width) for each in parts])
        return flat.index_select(0, self.asked).view(1, -1, heads, width)

    def of_keys(self, keys: Tensor) -> list[Tensor]:
        """Each row's block, [groups, m, width]. keys: [1, groups, m, width]"""
        groups, width = keys.shape[1], keys.shape[-1]
        copied = keys.transpose(1, 2).reshape(-1, width).index_select(0, self.seen)
        return [each.view(groups, -1, width) for each in copied.split([groups * m for m in self.m])]

    def to_keys(self, parts: Sequence[Tensor], spans: Sequence[Span], exact: torch.dtype) -> Tensor:
        """The way back, [1, groups, m, width], with a sum for each key over all rows that see it."""
        import torch

        groups, _, width = parts[0].shape
        flat = torch.cat([each.view(-1, width) for each in parts])
        sums = flat.index_select(0, self.own).to(exact).view(-1, groups, width).transpose(0, 1)
        for (_, _, runs), part in zip(spans, parts, strict=True):
            at = 0
            for start, stop in runs[:-1]:
                sums[:, start:stop].add_(part[:, at : at + stop - start])
                at += stop - start
        return sums[None]


@functools.lru_cache(maxsize=1)  # every layer of a model asks for the same
def _blocks(spans: tuple[Span, ...], groups: int) -> _Blocks:
    import torch

    sizes, asked, seen, own = [], [], [], []
    query = key = 0  # places taken
    group = torch.arange(groups)
    for start, stop, runs in spans:
        sees = torch.cat([torch.arange(*run) for run in runs])
        n, m = filled_up(stop - start), filled_up(len(sees))
        lent = sum(last - first for first, last in runs[:-1])
        sizes.append((n, m, len(sees) - (stop - start)))
        asked.append(query + group * n + torch.arange(stop - start)[:, None])
        own.append(key + group * m + torch.arange(lent, len(sees))[:, None])
        filling = sees[:1].expand(m - len(sees))  # of its own: 0 times another's could be no number
        seen.append(torch.cat([sees, filling]) * groups + group[:, None])
        query, key = query + groups * n, key + groups * m
    places = (torch.cat([each.flatten() for each in rows]) for rows in (asked, seen, own))
    return _Blocks(*zip(*sizes, strict=True), *places)


@functools.cache
def _ahead() -> Tensor:
    """What is added to scores: minus infinity for positions that are still to come, whatever the head.
    [positions, 1, positions]"""
    import torch

    longest = 2 * filled_up(LONGEST_SHORT_ROW)
    return torch.full((longest, longest), float("-inf")).triu_(1)[:, None]


@functools.cache
def _attention() -> Any:
    """Build the autograd function; torch is only imported when a model is."""
    import torch

    class ShortRows(torch.autograd.Function):
        """o = p v with p = softmax(s q kᵀ + ahead), row by row.

        dv = pᵀ do,  dp = do vᵀ,  ds = p (dp − p · dp),  dq = s ds k,  dk = s dsᵀ q.
        A group's heads stand beside one another: [groups, n heads / groups, width]. What fills a block
        up is ahead of all that a row asks, and its own do is 0, so that nothing comes of it. Gradients
        of keys, to which several rows add where they begin alike, are summed in fp32.
        """

        @staticmethod
        def forward(
            ctx: Any, query: Tensor, key: Tensor, value: Tensor, spans: tuple[Span, ...], scale: float
        ) -> Tensor:
            heads, groups = query.shape[1], key.shape[1]
            exact = torch.promote_types(query.dtype, torch.float32)
            blocks = _blocks(spans, groups)
            rows = zip(
                blocks.n, blocks.m, blocks.before,
                blocks.of_queries(query.to(exact).transpose(1, 2), groups),
                blocks.of_keys(key.to(exact)), blocks.of_keys(value), strict=True,
            )  # fmt: skip
            learning = any(ctx.needs_input_grad)  # else a row's probabilities go with it
            kept, out = [], []
            for n, m, before, q, k, v in rows:
                scores = q.new_empty(groups, n, heads // groups, m)
                scores = scores.copy_(_ahead()[before : before + n, :, :m]).view(groups, -1, m)
                scores.baddbmm_(q, k.transpose(1, 2), alpha=scale)
                p = torch.softmax(scores, -1, out=scores).to(query.dtype)
                out.append(torch.bmm(p, v))
                if learning:
                    kept.append(p)
            ctx.save_for_backward(query, key, value, *kept)  # not the blocks, which are copies
            ctx.blocks, ctx.spans, ctx.scale = blocks, spans, scale
            return blocks.to_queries(out, heads)

        @staticmethod
        @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
        def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
            query, key, value, *kept = ctx.saved_tensors
            blocks, heads, groups = ctx.blocks, query.shape[1], key.shape[1]
            exact = torch.promote_types(upstream.dtype, torch.float32)
            rows = zip(
                blocks.of_queries(query.transpose(1, 2), groups), blocks.of_keys(key),
                blocks.of_keys(value), blocks.of_queries(upstream, groups), kept, strict=True,
            )  # fmt: skip
            of_query, of_key, of_value = [], [], []
            for q, k, v, do, p in rows:
                ds = torch._softmax_backward_data(torch.bmm(do, v.transpose(1, 2)), p, -1, p.dtype)
                of_value.append(torch.bmm(p.transpose(1, 2), do))
                of_key.append(torch.bmm(ds.transpose(1, 2), q))
                of_query.append(torch.bmm(ds, k))
            return (
                blocks.to_queries(of_query, heads).transpose(1, 2).mul_(ctx.scale),
                blocks.to_keys(of_key, ctx.spans, exact).mul_(ctx.scale).to(upstream.dtype),
                blocks.to_keys(of_value, ctx.spans, exact).to(upstream.dtype),
                None,
                None,
            )

    return ShortRows.apply
