"""What a forward pass of any model keeps for its backward pass, counted on the model itself.

The terms in `coefficients.json` were counted on Llamas, whose norms and MLPs this project computes in
one pass. Another family has other modules between its products: an activation written in eight
operations, dropout, norms of its own. So the real loss runs here over two and three layers of the model
as its configuration describes it, at its true sizes, on tensors that have a shape and no content
(torch's fake tensors): nothing is loaded or computed, and it takes a second.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from talkwright.config import TrainSection, share_recomputed
from talkwright.train.empty import empty_model, make_fake, without_numbers
from talkwright.train.estimate.count import sizes_kept
from talkwright.train.estimate.shape import Shape, configured
from talkwright.train.model import VIRTUAL

_TOKENS = (64, 128, 256)  # three lengths of a row, for what grows with them: c + a n + b n²
_FEW_TOKENS = (8, 16, 32)  # where they tell the same and each token takes a turn of its own
_LAYERS = (2, 3)
_WORDS = 512  # of the vocabulary; logits are counted apart, from the difference that as many more make


@dataclass(frozen=True, slots=True)
class Kept:
    """Bytes kept for the backward pass: `token` for each token, `square` for each pair of tokens of a
    row, `fixed` whatever the tokens; in a layer, and outside the layers. Where layers are not alike one
    is their mean, and what is outside makes up for the first, so it may be less than nothing."""

    token: float
    square: float
    fixed: float
    outside_token: float
    outside_square: float


@dataclass(frozen=True, slots=True)
class Layout:
    """How a model goes through the loop: whether its batches are padded, and whether it makes its logits
    itself, of all positions (`models/flat.py`), with how many bytes kept of each."""

    padded: bool
    own_logits: bool
    kept_of_logits: float


def kept_by(shape: Shape, section: TrainSection, precision: str) -> Kept | None:
    """What a model keeps with a recipe's method, adapter and recomputation, in all layers alike; None
    for a Llama, whose terms are stored, and for a model that cannot be gone through without numbers."""
    if not _is_counted(shape):
        return None
    plain: dict[str, Any] = {
        "method": section.method, "recompute": section.recompute,
        "virtual_tokens": section.virtual_tokens,
        "lora": section.lora.model_copy(update={"layers": None, "plus_ratio": 1.0}),
    }  # fmt: skip
    return _count(shape.config, TrainSection(**plain).model_dump_json(), precision)


def can_count(shape: Shape, section: TrainSection, precision: str) -> bool:
    """Whether what a model keeps is known, and not only guessed from a Llama's."""
    return not _is_counted(shape) or kept_by(shape, section, precision) is not None


def layout_of(shape: Shape) -> Layout:
    """How a model will be laid out; as a Llama's where it cannot be gone through without numbers."""
    layout = _layout(shape.config) if _is_counted(shape) else None
    return replace(
        layout or Layout(False, False, 0.0), padded=shape.padded or bool(layout and layout.padded)
    )


def _is_counted(shape: Shape) -> bool:
    return bool(shape.config) and json.loads(shape.config).get("model_type") != "llama"


@cache
def _layers_gone_through(config: str) -> tuple[int, int]:
    """Two numbers of layers whose difference tells what one keeps. Where layers are not alike, as where
    some have experts or a state in place of attention, one round of those that come again is between
    them, for the mean of it, and in the smaller number all that do not come again."""
    layers = _stack(empty_model(configured(json.loads(config))))
    kinds = [tuple((name, weight.shape) for name, weight in each.named_parameters()) for each in layers]
    if len(set(kinds)) < 2:
        return _LAYERS
    rounds = ((first, end) for end in range(2, len(kinds)) for first in range(1, end))
    return next(
        ((first, end) for first, end in rounds if kinds[end:] == kinds[first : first - end]),
        (1, len(kinds)),
    )


def _stack(model: Any) -> Any:
    """A model's layers: of its lists of modules the outermost that is longest."""
    from torch import nn

    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList)]
    return max(lists, key=len, default=[])


@cache
def _count(config: str, settings: str, precision: str) -> Kept | None:
    from talkwright.models import load_errors

    section = TrainSection.model_validate_json(settings)
    found = []
    try:
        several, lengths = _layers_gone_through(config), _lengths_gone_through(config)
        for layers in several:
            model = _empty(config, layers, section, precision)
            found.append(_parabola(lengths, [_bytes_of(model, tokens) for tokens in lengths]))
    except load_errors():  # a model's own code may want numbers, as where experts are chosen
        return None
    each = several[1] - several[0]
    layer = [(more - less) / each for less, more in zip(*found, strict=True)]
    outside = [less - several[0] * one for less, one in zip(found[0], layer, strict=True)]
    fixed, token, square = (max(0.0, value) for value in layer)
    if (layout := _layout(config)) is not None:  # logits are a part of their own
        outside[1] -= layout.kept_of_logits * _WORDS
    if section.method in VIRTUAL:
        fixed = 0.0  # it is what the learnt tokens keep, and these are counted among the tokens
    return Kept(token, square, fixed, outside[1], outside[2])


@cache
def _layout(config: str) -> Layout | None:
    from talkwright.models import has_plain_head, load_errors

    section = TrainSection()
    try:
        few, many = (_empty(config, 1, section, "fp32", words) for words in (_WORDS, 2 * _WORDS))
        if has_plain_head(few.model):
            return Layout(few.padded, False, 0.0)
        more = _bytes_of(many, _TOKENS[0]) - _bytes_of(few, _TOKENS[0])
    except load_errors():
        return None
    # Of the one token that is learnt there is a row of probabilities besides.
    return Layout(few.padded, True, max(0.0, more / _WORDS - 4) / _TOKENS[0])


@dataclass(frozen=True, slots=True)
class _Empty:
    """A model whose tensors are fake, and the mode in which they can be used."""

    model: Any
    mode: Any
    padded: bool


def _empty(
    config: str, layers: int, section: TrainSection, precision: str, words: int = _WORDS
) -> _Empty:
    """A model of so many layers, with the adapter of the recipe, as `train/model.py` makes it."""
    from talkwright.models import choose_attention

    made = _config(config, layers, words)
    attention, padded = (None, True) if section.method in VIRTUAL else choose_attention(made)
    empty = _built(made, attention, section, precision, padded=padded)
    if not padded and not _tells_rows_apart(empty):
        return _built(made, None, section, precision, padded=True)
    return empty


def _config(config: str, layers: int, words: int) -> Any:
    values = json.loads(config)
    for text in (values, values.get("text_config") or {}):
        for name in ("layer_types", "layers_block_type", "mlp_layer_types"):
            if isinstance(text.get(name), list):
                text[name] = text[name][:layers]
        for name in ("num_hidden_layers", "n_layer", "n_layers"):
            if name in text:
                text[name] = layers
    made = configured(values)
    text = made.get_text_config()
    text.vocab_size = words
    text.pad_token_id = None
    return made


def _built(
    made: Any, attention: str | None, section: TrainSection, precision: str, *, padded: bool
) -> _Empty:
    import torch

    from talkwright.models import fuse
    from talkwright.train.adapters import make_trainable
    from talkwright.train.model import recompute

    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is odd about a model is said when it is trained
        model: Any = empty_model(made, attention)
        model.to(torch.bfloat16 if precision == "bf16" else torch.float32)
        # Without a device to be moved to, PEFT leaves its own weights in fp32.
        model = make_trainable(model, section).to(model.dtype)
    fuse(model)
    recompute(model, share_recomputed(section.recompute))
    model.train()
    return _Empty(model, make_fake(model), padded)


@cache
def _lengths_gone_through(config: str) -> tuple[int, int, int]:
    """Lengths of rows that tell what grows with them. A state that is made token after token, as Mamba's
    without its kernels, takes minutes for long rows and keeps of each token the same: that it does so
    shows in how many tensors it keeps. Where several tokens are one turn it needs many."""
    empty = _empty(config, _layers_gone_through(config)[1], TrainSection(method="full"), "fp32")
    few, more = (len(_sizes_of(empty, tokens)) for tokens in _FEW_TOKENS[:2])
    return _TOKENS if few == more else _FEW_TOKENS


def _bytes_of(empty: _Empty, tokens: int) -> int:
    """Bytes that the loss of one row keeps for its backward pass, weights not counted."""
    return sum(_sizes_of(empty, tokens))


def _sizes_of(empty: _Empty, tokens: int) -> list[int]:
    """The same, tensor by tensor."""
    from talkwright.models import has_plain_head, summed_loss

    learnt = tokens if has_plain_head(empty.model) else 1  # else logits are a part of their own
    with without_numbers(empty.mode):
        batch = _batch([tokens], learnt, padded=empty.padded)
        return sizes_kept(empty.model, lambda: summed_loss(empty.model, batch))


def _batch(lengths: Sequence[int], learnt: int, *, padded: bool) -> Any:
    """Rows of these lengths, the last tokens of which are learnt."""
    from talkwright.models import make_batch
    from talkwright.types import IGNORED, Example

    rows = []
    for tokens in lengths:
        ids = tuple(n % _WORDS for n in range(tokens + 1))
        rows.append(Example(ids, (*[IGNORED] * (tokens + 1 - learnt), *ids[-learnt:])))
    return make_batch(rows, padded=padded)


def _tells_rows_apart(empty: _Empty) -> bool:
    """Whether each layer tells its attention where rows begin: `keeps_rows_apart` without numbers."""
    import torch

    from talkwright.models import seen_by_attention, summed_loss

    with without_numbers(empty.mode), torch.no_grad(), seen_by_attention() as seen:
        summed_loss(empty.model, _batch([8, 8], 1, padded=False))
    return bool(seen) and all(lengths == (8, 8) for lengths in seen)


def _parabola(lengths: Sequence[int], values: Sequence[float]) -> tuple[float, float, float]:
    """c, a and b of c + a n + b n² through the values at three lengths."""
    (x, y, z), (p, q, r) = lengths, values
    square = ((r - q) / (z - y) - (q - p) / (y - x)) / (z - x)
    token = (q - p) / (y - x) - square * (x + y)
    return p - token * x - square * x * x, token, square
