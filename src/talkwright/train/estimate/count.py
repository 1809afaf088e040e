"""What a forward pass keeps for its backward pass, counted on models of a few thousand weights.

The bytes that autograd keeps are sums of terms, each linear in one of a model's sizes. So they are not
derived on paper, which would be out of date with the next change of the loop, but counted: the real loss
runs over tiny models of several shapes, and a system of linear equations gives the terms. `bench/
calibrate.py` stores them in `coefficients.json`; a test counts again and compares.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from talkwright.config import TrainSection, share_recomputed
from talkwright.train.estimate.shape import Shape, adapted, shape_of_config

SIZES = ("width", "inner", "queries", "keys", "heads", "ranks", "one")
"""What a term is multiplied with; `ranks` is the rank times the adapted modules of a layer."""

OUTSIDE = ("width", "head_width", "one")
"""The same for what is kept outside the layers."""

# hidden, inner, heads, key heads, width of a head, rank; chosen so that the equations are well posed
_SHAPES = [
    (32, 96, 4, 2, 16, 4), (64, 96, 4, 2, 16, 4), (32, 160, 4, 2, 16, 4), (32, 96, 8, 2, 16, 4),
    (32, 96, 4, 4, 16, 4), (32, 96, 4, 2, 32, 4), (32, 96, 4, 2, 16, 12), (96, 192, 8, 4, 32, 8),
    (48, 128, 8, 8, 8, 16), (64, 64, 2, 1, 32, 2),
]  # fmt: skip
_TOKENS = 96


def count_terms(section: TrainSection, precision: str) -> dict[str, dict[str, float]]:
    """Bytes that a recipe's forward pass keeps: a token in each layer, a token outside the layers, and
    whatever the tokens a weight of the layers (DoRA makes its matrices anew).

    `section` gives method, adapter and recomputation; its rank is set here.
    """
    import numpy
    from scipy.optimize import nnls  # type: ignore[import-untyped]

    rows, kept, outside_rows, outside_kept, of_weights = [], [], [], [], []
    for width, inner, heads, key_heads, head_width, rank in _SHAPES:
        settings = section
        if section.method == "lora":
            settings = section.model_copy(
                update={"lora": section.lora.model_copy(update={"rank": rank})}
            )
        sizes_here = (width, inner, heads, key_heads, head_width)
        two, four, two_short, four_short = (
            _kept(layers, tokens, sizes_here, settings, precision)
            for tokens in (2 * _TOKENS, _TOKENS)
            for layers in (2, 4)
        )
        # Of one more token in one more layer.
        layer = (four - two - four_short + two_short) / 2 / _TOKENS
        sizes = {
            "width": width, "inner": inner, "queries": heads * head_width, "one": 1,
            "keys": key_heads * head_width, "heads": heads, "head_width": head_width,
            "ranks": _adapted_modules(section) * rank if section.method == "lora" else 0,
        }  # fmt: skip
        rows.append([float(sizes[name]) for name in SIZES])
        kept.append(layer)
        outside_rows.append([float(sizes[name]) for name in OUTSIDE])
        outside_kept.append((two - two_short) / _TOKENS - 2 * layer)
        fixed = (four_short - two_short) / 2 - _TOKENS * layer
        body = 2 * width * (heads + key_heads) * head_width + 3 * width * inner
        of_weights.append(max(0.0, fixed) / body if section.lora.dora else 0.0)
    solved = nnls(numpy.array(rows), numpy.array(kept))[0]
    outside = nnls(numpy.array(outside_rows), numpy.maximum(numpy.array(outside_kept), 0))[0]
    return {
        "weight": {"one": round(sum(of_weights) / len(of_weights), 3)},
        "layer": {name: round(float(x), 3) for name, x in zip(SIZES, solved, strict=True)},
        "outside": {name: round(float(x), 3) for name, x in zip(OUTSIDE, outside, strict=True)},
    }


def _adapted_modules(section: TrainSection) -> int:
    """Modules of a layer of the tiny model that an adapter sits on."""
    return len(adapted(tiny_shape(1, *_SHAPES[0][:5]), section))


def terms_key(section: TrainSection, precision: str) -> str:
    """Name of the counted terms that a recipe needs."""
    method = "dora" if section.method == "lora" and section.lora.dora else section.method
    dropout = "+dropout" if section.method == "lora" and section.lora.dropout else ""
    return f"{method}{dropout}/{precision}/{section.recompute}"


def bytes_per_token(
    terms: dict[str, dict[str, float]], shape: Shape, ranks: float
) -> tuple[float, float]:
    """Bytes kept per token: in one layer, and outside the layers. `ranks` as in `SIZES`."""
    sizes = {
        "width": shape.width, "inner": shape.inner, "queries": shape.queries, "keys": shape.keys,
        "heads": shape.heads, "head_width": shape.head_width, "ranks": ranks, "one": 1,
    }  # fmt: skip
    layer = sum(x * sizes[name] for name, x in terms["layer"].items())
    return layer, sum(x * sizes[name] for name, x in terms["outside"].items())


def _kept(
    layers: int, tokens: int, sizes: tuple[int, ...], section: TrainSection, precision: str
) -> int:
    """Bytes that the loss of one row keeps for its backward pass, weights not counted."""
    import torch
    from transformers import LlamaForCausalLM

    from talkwright.models import fuse, make_batch, summed_loss
    from talkwright.train.adapters import make_trainable
    from talkwright.train.model import VIRTUAL, recompute
    from talkwright.types import Example

    config = tiny_config(layers, *sizes)
    virtual = section.method in VIRTUAL
    # torch's for one row, on any machine; what a CPU keeps of short rows is `short_rows_bytes`.
    config._attn_implementation = "sdpa"
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    with torch.random.fork_rng():
        model: Any = make_trainable(LlamaForCausalLM(config).to(dtype), section)
    fuse(model)
    recompute(model, share_recomputed(section.recompute))
    model.train()
    ids = tuple(n % config.vocab_size for n in range(tokens + 1))
    batch = make_batch([Example(ids, ids)], padded=virtual)
    return bytes_kept(model, lambda: summed_loss(model, batch))


def bytes_kept(model: Any, make_loss: Callable[[], Any]) -> int:
    """Bytes that autograd keeps of making a loss, for its backward pass; weights are not counted."""
    return sum(sizes_kept(model, make_loss))


def sizes_kept(model: Any, make_loss: Callable[[], Any]) -> list[int]:
    """The same, tensor by tensor."""
    import torch

    weights = {weight.untyped_storage()._cdata for weight in model.parameters()}
    kept: dict[int, tuple[int, Any]] = {}

    def pack(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            kept[storage._cdata] = (storage.nbytes(), tensor)  # held, so that no address comes twice
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = make_loss()
    found = [size for size, _ in kept.values()]
    del loss
    return found


def tiny_config(layers: int, width: int, inner: int, heads: int, key_heads: int, head_width: int) -> Any:
    """A Llama of these sizes with 128 tokens."""
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=128, hidden_size=width, intermediate_size=inner, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=key_heads, head_dim=head_width,
        max_position_embeddings=1024, tie_word_embeddings=True, pad_token_id=None,
    )  # fmt: skip


def tiny_shape(*sizes: int) -> Shape:
    """The shape of `tiny_config`."""
    return shape_of_config(tiny_config(*sizes), "a tiny model")
