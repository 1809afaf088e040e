"""Rows end to end, without padding: the forward pass that training and scoring share.

Rows of one batch are laid one after another into a single sequence (`batch.py`). Attention looks only
inside each row (`_attend_within_rows`), positions restart at every row, and only supervised positions
go through the LM head, so no work is spent on padding or on logits that nobody scores. Models whose
attention needs more than a causal mask take the padded path, which computes the same.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from talkwright.errors import is_out_of_memory
from talkwright.models.batch import Batch, Runs, make_batch
from talkwright.models.short_rows import LONGEST_SHORT_ROW, attend_short_rows
from talkwright.models.virtual import with_virtual_tokens
from talkwright.types import IGNORED, Example

if TYPE_CHECKING:
    from torch import Tensor, nn

WITHIN_ROWS = "talkwright_within_rows"
HEAD_ROWS = 512  # supervised positions whose logits are in memory at a time
EXACT_ROWS = 16  # of them in fp32, on a CPU: as many as stay in its cache


def choose_attention(config: Any) -> tuple[str | None, bool]:
    """The attention implementation to load a model with (None: the model's own choice), and whether
    its batches must be padded."""
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AttentionInterface

    text = config.get_text_config()
    special = ("attn_logit_softcapping", "sliding_window", "attention_chunk_size")
    kinds = set(getattr(text, "layer_types", None) or ["full_attention"])
    made_for_it = type(config) in MODEL_FOR_CAUSAL_LM_MAPPING and (
        MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]._supports_attention_backend
    )
    if not made_for_it or kinds != {"full_attention"} or any(getattr(text, n, None) for n in special):
        return None, True
    AttentionInterface.register(WITHIN_ROWS, _attend_within_rows)
    return WITHIN_ROWS, False


def keeps_rows_apart(model: Any) -> bool:
    """Say whether a model loaded for flat batches computes a row the same beside another one as alone.

    Some architectures accept an attention implementation and then do not pass `row_lengths` on to it,
    or mix positions outside attention; nothing in their configuration tells.
    """
    import torch

    causal = _causal(model)
    if causal.base_model is causal:  # its hidden states are not to be had (see `_plain_head`)
        return False
    vocabulary = causal.config.get_text_config().vocab_size
    probe = sorted(tuple(n % vocabulary for n in ids) for ids in _PROBE)  # as sharing will sort them
    rows = [Example(ids, (*[IGNORED] * (len(ids) - 1), ids[-1])) for ids in probe]
    device = next(causal.parameters()).device
    was_training = causal.training
    causal.eval()
    with torch.inference_mode():
        alone = torch.cat([_hidden(causal, make_batch([row], device=device)) for row in rows])
        together = [_hidden(causal, make_batch(rows, device=device, share=s)) for s in (False, True)]
    causal.train(was_training)
    limit = 0.05 if alone.dtype == torch.bfloat16 else 1e-3
    apart = [(each - alone).float().norm() / alone.float().norm() for each in together]
    return bool(max(apart) < limit)


_SAME = (13, 19, 4, 31, 8, 6, 27, 9, 21, 30)
_PROBE = ((11, 7, 29, 3, 17, 5, 23, 2), (*_SAME, 15, 12, 18), (*_SAME, 16, 10))


@contextmanager
def seen_by_attention() -> Iterator[list[tuple[int, ...] | None]]:
    """Collect what attention is told about rows, call by call: their lengths, or None for nothing.

    For models without numbers, of which `keeps_rows_apart` can tell nothing.
    """
    from transformers import AttentionInterface

    seen: list[tuple[int, ...] | None] = []

    def noting(*given: Any, **how: Any) -> Any:
        seen.append(how.get("row_lengths"))
        return _attend_within_rows(*given, **how)

    AttentionInterface.register(WITHIN_ROWS, noting)
    try:
        yield seen
    finally:
        AttentionInterface.register(WITHIN_ROWS, _attend_within_rows)


def _attend_within_rows(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    row_lengths: tuple[int, ...] | None = None,
    row_before: tuple[Runs, ...] | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Causal attention of each row with itself and with what stands before it (see `Batch`).

    query, key, value: [1, heads, n, width]; there may be fewer key and value heads.
    """
    import torch

    how: Any = {"dropout": dropout, "scale": scaling or query.shape[-1] ** -0.5}
    one_row = row_lengths is None or len(row_lengths) == 1
    if one_row and (attention_mask is not None or query.shape[2] != key.shape[2]):
        causal = attention_mask is None and query.shape[2] > 1
        return _by_torch(query, key, value, attention_mask, causal=causal, **how).contiguous(), None
    lengths = row_lengths or (key.shape[2],)
    spans = _spans(lengths, row_before)
    if _goes_whole(query, max(_seen(span[2]) for span in spans), dropout):
        return attend_short_rows(query, key, value, spans, how["scale"]), None
    rows = []
    own = zip(*(each.split(lengths, 2) for each in (query, key, value)), strict=True)
    for (q, k, v), span in zip((row for row in own if row[0].shape[2]), spans, strict=True):
        if before := span[2][:-1]:
            k, v = (
                torch.cat([*(each[:, :, start:stop] for start, stop in before), last], 2)
                for each, last in ((key, k), (value, v))
            )
        rows.append(_attend_row(q, k, v, **how))
    return (rows[0] if len(rows) == 1 else torch.cat(rows, 1)).contiguous(), None


def _spans(lengths: Sequence[int], before: Sequence[Runs] | None) -> list[tuple[int, int, Runs]]:
    """Of each row its first and last (exclusive) position and the runs of positions that it sees.
    Rows without a position of their own, the beginnings of others, are left out."""
    ends = itertools.accumulate(lengths)
    return [
        (end - n, end, (*runs, (end - n, end)))
        for end, n, runs in zip(ends, lengths, before or [()] * len(lengths), strict=True)
        if n
    ]


def _seen(runs: Runs) -> int:
    return sum(stop - start for start, stop in runs)


def _goes_whole(query: Tensor, seen: int, dropout: float) -> bool:
    """Whether a row that sees so many positions is attended in whole products (`short_rows.py`)."""
    import torch
    from torch._subclasses.fake_tensor import is_fake

    # Fake ones stand for any device's; what a CPU keeps more is added in train/estimate/memory.py.
    on_cpu = query.device.type == "cpu" and not is_fake(query)
    return on_cpu and query.dtype == torch.bfloat16 and seen <= LONGEST_SHORT_ROW and not dropout


def _attend_row(query: Tensor, key: Tensor, value: Tensor, *, dropout: float, scale: float) -> Tensor:
    """Causal attention of one row, whose positions are the last that it sees: [1, n, heads, width]."""
    import torch

    n, seen = query.shape[2], key.shape[2]
    if _goes_whole(query, seen, dropout):
        return attend_short_rows(query, key, value, [(0, n, ((0, seen),))], scale)
    if n == seen:
        return _by_torch(query, key, value, None, causal=True, dropout=dropout, scale=scale)
    mask = torch.ones(n, seen, dtype=torch.bool, device=query.device).tril(seen - n)
    return _by_torch(query, key, value, mask, causal=False, dropout=dropout, scale=scale)


def _by_torch(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None,
    *, causal: bool, dropout: float, scale: float,
) -> Tensor:  # fmt: skip
    """torch's attention, its result as [1, n, heads, width]."""
    from torch.nn.functional import scaled_dot_product_attention

    grouped = query.shape[1] != key.shape[1]
    how: Any = {"dropout_p": dropout, "scale": scale, "is_causal": causal, "enable_gqa": grouped}
    return scaled_dot_product_attention(query, key, value, mask, **how).transpose(1, 2)


def row_losses(model: Any, batch: Batch) -> Tensor:
    """Negative log-likelihood in nats of every supervised token: [supervised], fp32.

    `model` is a causal language model of transformers, bare or wrapped by PEFT. For scoring: with
    gradients on, `summed_loss` computes the same sum in a fraction of the memory.
    """
    import torch
    from torch.nn.functional import cross_entropy

    causal = _causal(model)
    if _plain_head(causal) is None:
        return cross_entropy(_own_logits(model, batch).float(), batch.targets, reduction="none")
    losses = []
    hidden = _hidden(model, batch).split(HEAD_ROWS)
    for rows, targets in zip(hidden, batch.targets.split(HEAD_ROWS), strict=True):
        logits = causal.lm_head(rows)
        parts = zip(logits.split(_exact(logits)), targets.split(_exact(logits)), strict=True)
        losses += [cross_entropy(part.float(), wanted, reduction="none") for part, wanted in parts]
    return torch.cat(losses)


def _exact(logits: Tensor) -> int:
    """Rows of logits that are in fp32 at a time: on a GPU more than a CPU's cache would hold."""
    return EXACT_ROWS if logits.device.type == "cpu" else 8 * EXACT_ROWS


def summed_loss(model: Any, batch: Batch, smoothing: float = 0.0) -> Tensor:
    """Sum of `row_losses` as a differentiable fp32 scalar.

    `smoothing` is the share of the loss that asks for an even spread over the whole vocabulary.
    """
    from torch.nn.functional import cross_entropy

    head = _plain_head(_causal(model))
    if head is None:
        logits = _own_logits(model, batch).float()
        return cross_entropy(logits, batch.targets, reduction="sum", label_smoothing=smoothing)
    return _loss_and_gradient_in_one_pass()(_hidden(model, batch), head, batch.targets, smoothing)


def has_plain_head(model: Any) -> bool:
    """Whether logits are hidden states times the LM head's weight, so that only those of supervised
    positions need to be made, a few at a time."""
    return _plain_head(_causal(model)) is not None


def _causal(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _hidden(model: Any, batch: Batch) -> Tensor:
    """Last hidden states at the supervised positions: [supervised, width]."""
    inputs, learnt = with_virtual_tokens(model, _inputs(batch))
    hidden = _causal(model).base_model(**inputs, use_cache=False).last_hidden_state[:, learnt:]
    return hidden.reshape(-1, hidden.shape[-1])[batch.scored]


def _own_logits(model: Any, batch: Batch) -> Tensor:
    """Logits by the model's own forward pass, for heads that do more than multiply."""
    inputs, learnt = with_virtual_tokens(model, _inputs(batch))
    logits = _causal(model)(**inputs, use_cache=False).logits[:, learnt:]
    return logits.reshape(-1, logits.shape[-1])[batch.scored]


def _inputs(batch: Batch) -> dict[str, Any]:
    inputs = {"input_ids": batch.ids, "position_ids": batch.positions}
    if batch.padding is not None:
        return {**inputs, "attention_mask": batch.padding}
    return {**inputs, "row_lengths": batch.lengths, "row_before": batch.before}


def _plain_head(causal: Any) -> Tensor | None:
    """The LM head's weight where logits are hidden states times it and nothing else, or None."""
    from torch import nn

    head = getattr(causal, "lm_head", None)
    if head is None or type(head) is not nn.Linear or head.bias is not None:
        return None
    if causal.base_model is causal:  # its body goes by another name than its class says (Llama 4's)
        return None
    known = vars(causal)  # asked once of each model
    if _ONLY_MULTIPLIES not in known:
        known[_ONLY_MULTIPLIES] = not _names_a_scale(causal) and _only_multiplies(causal)
    return head.weight if known[_ONLY_MULTIPLIES] else None


_ONLY_MULTIPLIES = "_talkwright_only_multiplies"


def _only_multiplies(causal: Any) -> bool:
    """Whether a model makes of hidden states what its head makes of them, tried on small and large ones.

    Caps and scales have a name of their own in every family, so nothing less is certain. Models without
    numbers are told by these names alone.
    """
    import torch
    from torch._subclasses.fake_tensor import is_fake

    weight = causal.lm_head.weight
    if weight.is_meta or is_fake(weight):
        return True
    scales = torch.tensor([1e-2, 1.0, 30.0, 1e3], device=weight.device)
    spread = torch.linspace(-3, 3, weight.shape[1], device=weight.device).mul_(40).sin()
    hidden = (scales[:, None] * spread)[None].to(weight.dtype)

    taken = []

    def instead(module: Any, given: Any, output: Any) -> Any:
        taken.append(output)
        output.last_hidden_state = hidden
        return output

    hook = causal.base_model.register_forward_hook(instead)
    was_training = causal.training
    try:
        with torch.no_grad():
            ids = torch.zeros(1, len(scales), dtype=torch.long, device=weight.device)
            got = causal.eval()(input_ids=ids, use_cache=False).logits.float()
            if not taken:  # OPT calls the decoder inside its body
                hook.remove()
                hidden = causal.base_model(input_ids=ids, use_cache=False).last_hidden_state
            wanted = causal.lm_head(hidden).float()
    except (RuntimeError, ValueError, TypeError, AttributeError, LookupError) as error:
        if is_out_of_memory(error):
            raise
        return False
    finally:
        hook.remove()
        causal.train(was_training)
    if got.shape != wanted.shape:
        return False
    return bool(((got - wanted).norm(dim=-1) <= 1e-3 * wanted.norm(dim=-1)).all())


def _names_a_scale(causal: Any) -> bool:
    """Whether a model's configuration names something that is done to logits. Taking the model's own way
    once too often costs time, once too seldom a wrong loss."""
    config = causal.config.get_text_config()
    names = [name for name in dir(config) if _SCALES_LOGITS.search(name)]  # properties are in no vars()
    values = [value for name in names if not callable(value := getattr(config, name, None))]
    return any(value not in (None, 1, False) for value in values)


_SCALES_LOGITS = re.compile("logit|soft_?cap|lm_head_multiplier|unpadded_vocab")


def _loss_and_slopes(logits: Tensor, wanted: Tensor, smoothing: float) -> Tensor:
    """Summed cross entropy of logits, [rows, vocabulary], which become its gradients by them in place.

    Both are computed in fp32, a few rows at a time.
    """
    import torch

    total = torch.zeros((), dtype=torch.float32, device=logits.device)
    few = _exact(logits)
    memory = logits.new_empty(min(few, len(logits)), logits.shape[1], dtype=torch.float32)
    for part, target in zip(logits.split(few), wanted.split(few), strict=True):
        logs = memory[: len(part)].copy_(part)
        torch.log_softmax(logs, -1, out=logs)
        total -= logs.gather(1, target).sum() * (1 - smoothing)
        if smoothing:
            total -= logs.mean(-1).sum() * smoothing
        slopes = logs.exp_()
        if smoothing:
            slopes -= smoothing / slopes.shape[1]
        slopes.scatter_add_(1, target, slopes.new_full(target.shape, smoothing - 1.0))
        part.copy_(slopes)
    return total


@functools.cache
def _loss_and_gradient_in_one_pass() -> Any:
    """Build the autograd function; torch is only imported when a model is."""
    import torch

    class HeadLoss(torch.autograd.Function):
        """Cross entropy of a linear head, summed; its gradient is made while the logits are at hand.

        With p = softmax(h W^T) the loss of one position is -log p[target], and its gradients are
        (p - onehot) W for h and (p - onehot)^T h for W. Label smoothing e asks for (1 - e) onehot +
        e / |V| in onehot's place. Keeping these instead of the logits makes one
        pass over the vocabulary do, a few hundred positions at a time.
        """

        @staticmethod
        def forward(
            ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, smoothing: float
        ) -> Tensor:
            gradient = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
            of_weight = (
                torch.zeros_like(weight, dtype=torch.float32) if ctx.needs_input_grad[1] else None
            )
            total = torch.zeros((), dtype=torch.float32, device=hidden.device)
            # The same memory for all: asking the system for fresh pages takes as long as the softmax.
            memory = hidden.new_empty(min(HEAD_ROWS, len(targets)), weight.shape[0])
            for start in range(0, len(targets), HEAD_ROWS):
                rows = hidden[start : start + HEAD_ROWS]
                wanted = targets[start : start + HEAD_ROWS, None]
                slopes = torch.mm(rows, weight.t(), out=memory[: len(rows)])
                total += _loss_and_slopes(slopes, wanted, smoothing)
                if gradient is not None:
                    torch.mm(slopes, weight, out=gradient[start : start + HEAD_ROWS])
                if of_weight is not None:
                    of_weight += slopes.t().float() @ rows.float()
            ctx.save_for_backward(gradient, of_weight)
            ctx.dtype = weight.dtype
            return total

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
            gradient, of_weight = ctx.saved_tensors
            return (
                None if gradient is None else gradient * upstream.to(gradient.dtype),
                None if of_weight is None else (of_weight * upstream).to(ctx.dtype),
                None,
                None,
            )

    return HeadLoss.apply
