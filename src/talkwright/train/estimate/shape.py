"""What a base model is made of, without loading it: `config.json` and the heads of its weight files.

Where the weights are not on this machine (a hub id), the same list comes from an empty model that
transformers builds of the configuration alone.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talkwright.config import TrainSection
from talkwright.errors import ModelError
from talkwright.runs import read_json
from talkwright.train.adapters import names_module
from talkwright.train.model import VIRTUAL, empty_model
from talkwright.train.passes import must_be_whole
from talkwright.types import BaseModel

# Tables of tokens and positions and the LM head: no adapter sits on them (PEFT's `all-linear` leaves the
# output layer out) and NF4 leaves them as they are.
_ENDS = re.compile(r"(^|\.)(\w*embed\w*|wte|wpe|word_embeddings|lm_head|embed_out)(\.|$)")


@dataclass(frozen=True, slots=True)
class Shape:
    """A decoder by its numbers. `linear` are the linear modules between the ends: name, inputs, outputs.

    `parameters` counts all weights, tied ones once; `file_bytes` is the size of the weight files, 0
    where they are not here. `width` is the hidden size, `inner` that of the MLP, `queries` and `keys`
    are heads times their width.
    """

    layers: int
    width: int
    inner: int
    heads: int
    queries: int
    keys: int
    head_width: int
    vocabulary: int
    linear: tuple[tuple[str, int, int], ...]
    parameters: int
    file_bytes: int
    padded: bool
    rest: tuple[tuple[str, int], ...] = ()
    """All other weights: name and how many."""
    alone: bool = False
    """Whether each row must be computed whole (`must_be_whole`)."""
    config: str = ""
    """Its `config.json`, from which its modules can be made; empty where that is not known."""

    @property
    def body(self) -> int:
        """Weights of the linear modules, N_b of the formulas: what a token is multiplied with."""
        return sum(i * o for _, i, o in self.linear)

    @property
    def ends(self) -> int:
        """All other weights: tables of tokens, the head, norms and biases."""
        return self.parameters - self.body


def shape_of_folder(folder: Path | str) -> Shape:
    """The shape of a model in a folder. Raises ModelError for files that do not say enough."""
    folder = Path(folder)
    files = sorted(folder.glob("*.safetensors"))
    tensors = dict(item for file in files for item in _head(file))
    size = sum(file.stat().st_size for file in files)
    return make_shape(read_json(folder / "config.json"), tensors, size, str(folder))


def shape_of_base(base: BaseModel | str) -> Shape:
    """The shape of a base model on this machine, or of a hub id of which only `config.json` is fetched.

    Raises ModelError when neither is to be had.
    """
    if isinstance(base, BaseModel):
        return shape_of_folder(base.path)
    from huggingface_hub import hf_hub_download
    from transformers import AutoConfig

    try:
        file = hf_hub_download(base, "config.json")
        config = AutoConfig.from_pretrained(str(Path(file).parent), trust_remote_code=False)
    except (OSError, ValueError) as error:  # of the network, the hub and the name alike
        raise ModelError(
            f"'{base}' is not on this machine and its config.json cannot be fetched, so nothing can be "
            f"planned: {str(error).splitlines()[0]}"
        ) from None
    return shape_of_config(config, base)


def make_shape(config: dict[str, Any], tensors: dict[str, list[int]], size: int, where: str) -> Shape:
    """The shape that a `config.json` and the names and sizes of all weights describe."""
    text = {**config, **(config.get("text_config") or {})}

    def number(*names: str, default: int | None = None) -> int:
        found = next((text[name] for name in names if isinstance(text.get(name), int)), default)
        if found is None:
            raise ModelError(f"{where}: config.json does not say {names[0]}, so nothing can be planned")
        return int(found)

    width, heads = number("hidden_size", "n_embd", "d_model"), number("num_attention_heads", "n_head")
    head_width = number("head_dim", default=width // heads)
    # GPT-2 has the weights of its linear modules the other way round (transformers' Conv1D).
    outputs, inputs = (1, 0) if text.get("model_type") in ("gpt2", "openai-gpt") else (0, 1)
    linear = tuple(
        (name.removesuffix(".weight"), shape[inputs], shape[outputs])
        for name, shape in sorted(tensors.items())
        if len(shape) == 2 and name.endswith(".weight") and not _ENDS.search(name)
    )
    if not linear:
        raise ModelError(f"{where}: no linear modules in its weight files, so nothing can be planned")
    between = {name for name, _, _ in linear}
    tied = config.get("tie_word_embeddings", text.get("tie_word_embeddings", False))
    return Shape(
        layers=number("num_hidden_layers", "n_layer"),
        width=width,
        inner=number("intermediate_size", "n_inner", "ffn_dim", default=4 * width),
        heads=heads,
        queries=heads * head_width,
        keys=number("num_key_value_heads", default=heads) * head_width,
        head_width=head_width,
        vocabulary=number("vocab_size"),
        linear=linear,
        parameters=sum(
            math.prod(shape) for name, shape in tensors.items() if not (tied and "lm_head" in name)
        ),
        file_bytes=size,
        padded=_must_be_padded(text),
        alone=must_be_whole(text),
        config=json.dumps(config, sort_keys=True, default=str),
        rest=tuple(
            (name, math.prod(shape))
            for name, shape in sorted(tensors.items())
            if name.removesuffix(".weight") not in between and not (tied and "lm_head" in name)
        ),
    )


def shape_of_config(config: Any, where: str) -> Shape:
    """The shape of a model of which there is only a configuration, built without weights."""
    weights = empty_model(config).named_parameters()
    tensors = {name: list(weight.shape) for name, weight in weights}
    return make_shape(config.to_dict(), tensors, 0, where)


def adapted(shape: Shape, section: TrainSection) -> list[tuple[str, int, int]]:
    """The linear modules that an adapter of the recipe sits on, as `train/adapters.py` chooses them."""
    lora = section.lora
    taken = []
    for name, inputs, outputs in shape.linear:
        layer = re.search(r"\.(\d+)\.", name)
        if lora.layers is not None and (layer is None or int(layer[1]) not in lora.layers):
            continue
        if section.method == "lora" and not _is_target(name, lora.targets):
            continue
        taken.append((name, inputs, outputs))
    return taken


def deep_share(shape: Shape, section: TrainSection) -> float:
    """Share of the layers that the backward pass goes through: those from the lowest adapted one up."""
    if section.method != "lora":
        return 1.0
    numbers = [re.search(r"\.(\d+)\.", name) for name, _, _ in adapted(shape, section)]
    lowest = min((int(found[1]) for found in numbers if found), default=0)
    return 1 - lowest / shape.layers


def trainable(shape: Shape, section: TrainSection) -> int:
    """How many weights are trained.

    LoRA (Hu et al. 2021): r (in + out) a module; DoRA (Liu et al. 2024): and a size for each output;
    IA3 (Liu et al. 2022) as made here: a factor for each output; prefix tuning (Li and Liang 2021): keys
    and values of every virtual token in every layer; prompt tuning: an embedding for each.
    """
    modules = adapted(shape, section)
    if section.method == "lora":
        lora = section.lora
        extra = sum(o for _, _, o in modules) if lora.dora else 0
        return sum(lora.rank * (i + o) for _, i, o in modules) + extra
    if section.method == "ia3":
        return sum(outputs for _, _, outputs in shape.linear)
    if section.method == "prefix":
        return section.virtual_tokens * shape.layers * 2 * shape.keys
    if section.method == "prompt":
        return section.virtual_tokens * shape.width
    frozen = sum(
        i * o for name, i, o in shape.linear if any(part in f"{name}.weight" for part in section.freeze)
    )
    frozen += sum(n for name, n in shape.rest if any(part in name for part in section.freeze))
    return shape.parameters - frozen


def trained_sizes(shape: Shape, section: TrainSection) -> list[int]:
    """How many numbers each trained matrix has."""
    if section.method == "lora":
        rank = section.lora.rank
        return [rank * side for _, i, o in adapted(shape, section) for side in (i, o)]
    if section.method == "ia3":
        return [outputs for _, _, outputs in shape.linear]
    if section.method in VIRTUAL:
        return [trainable(shape, section)]
    sizes = [(f"{name}.weight", i * o) for name, i, o in shape.linear] + list(shape.rest)
    return [n for name, n in sizes if not any(part in name for part in section.freeze)]


def orthogonalised(shape: Shape, section: TrainSection) -> list[tuple[int, int]]:
    """Rows and columns of the trained matrices that Muon takes, as `train/optimizers.py` chooses them:
    those between the ends, and of LoRA both factors."""
    if section.optimizer != "muon":
        return []
    if section.method == "full":
        return [
            (o, i)
            for name, i, o in shape.linear
            if not any(part in f"{name}.weight" for part in section.freeze)
        ]
    found = []
    if section.method == "lora":
        rank = section.lora.rank
        found = [pair for _, i, o in adapted(shape, section) for pair in ((rank, i), (o, rank))]
    elif section.method == "prefix":
        found = [(section.virtual_tokens, 2 * shape.layers * shape.keys)]
    elif section.method == "prompt":
        found = [(section.virtual_tokens, shape.width)]
    return [pair for pair in found if min(pair) > 1]


def _is_target(name: str, targets: str | list[str]) -> bool:
    if targets == "all-linear":
        return True
    if isinstance(targets, str):
        return re.fullmatch(targets, name) is not None
    return any(names_module(target, name) for target in targets)


def _must_be_padded(text: dict[str, Any]) -> bool:
    """As `models/flat.py` decides it: attention that needs more than a causal mask."""
    special = ("attn_logit_softcapping", "sliding_window", "attention_chunk_size")
    kinds = set(text.get("layer_types") or ["full_attention"])
    return kinds != {"full_attention"} or any(text.get(name) for name in special)


def _head(file: Path) -> Iterable[tuple[str, list[int]]]:
    """Names and sizes from the beginning of a safetensors file: eight bytes of length, then JSON."""
    try:
        with open(file, "rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            found = json.loads(opened.read(length))
        return list(_tensors(found))
    except (OSError, ValueError, struct.error, KeyError, OverflowError, MemoryError) as error:
        raise ModelError(f"{file}: not readable as safetensors: {error}") from None


def _tensors(head: dict[str, Any]) -> Iterator[tuple[str, list[int]]]:
    for name, about in head.items():
        if name != "__metadata__":
            yield name, list(about["shape"])
