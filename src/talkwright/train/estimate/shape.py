"""What a base model is made of, without loading it.

A Llama by `config.json` and the heads of its weight files. Any other family by the empty model that
transformers builds of the configuration: files may keep each expert of a mixture apart that the model
holds in one tensor, and not every matrix in them is a linear module. So, too, where the weights are not
on this machine (a hub id).
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from talkwright.config import TrainSection
from talkwright.errors import ModelError
from talkwright.models import choose_attention, load_config
from talkwright.runs import read_json
from talkwright.train.adapters import is_linear, make_trainable, names_module, unadaptable
from talkwright.train.empty import empty_model
from talkwright.train.model import VIRTUAL
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
    experts: tuple[tuple[str, int], ...] = ()
    """Tensors that hold a matrix of every expert: name, and how many weights of it a token meets."""

    @property
    def between(self) -> int:
        """Weights of the linear modules between the ends, which NF4 packs."""
        return sum(i * o for _, i, o in self.linear)

    @property
    def body(self) -> int:
        """N_b of the formulas: the weights that a token is multiplied with, of the experts those that
        are chosen for it."""
        return self.between + sum(met for _, met in self.experts)


def shape_of_folder(folder: Path | str) -> Shape:
    """The shape of a model in a folder. Raises ModelError for files that do not say enough."""
    folder = Path(folder)
    files = sorted(folder.glob("*.safetensors"))
    tensors = dict(item for file in files for item in _head(file))
    size = sum(file.stat().st_size for file in files)
    config = read_json(folder / "config.json")
    if config.get("model_type") != "llama":
        here = BaseModel(folder.name, str(folder), str(folder), "", "")
        return shape_of_config(load_config(here), str(folder), size)
    linear = [
        (name.removesuffix(".weight"), shape[1], shape[0])
        for name, shape in sorted(tensors.items())
        if len(shape) == 2 and name.endswith(".weight")
    ]
    return make_shape(config, tensors, linear, size, str(folder))


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


def shape_of_config(config: Any, where: str, size: int = 0) -> Shape:
    """The shape of the model that a configuration describes, built without weights; `size` as in
    `Shape.file_bytes`."""
    from torch import nn

    model = empty_model(config)
    head = model.get_output_embeddings()
    useless = unadaptable(model)
    tensors = {name: list(weight.shape) for name, weight in model.named_parameters()}
    linear = [
        (name, *(m.weight.shape[::-1] if isinstance(m, nn.Linear) else m.weight.shape))
        for name, m in sorted(model.named_modules())
        if is_linear(m) and m is not head and name not in useless
    ]
    # What comes before a convolution over positions is not kept apart by attention.
    mixed = any(isinstance(module, nn.Conv1d) for module in model.modules())
    return make_shape(config.to_dict(), tensors, linear, size, where, mixed=mixed)


def make_shape(
    config: dict[str, Any], tensors: dict[str, list[int]], linear: Iterable[tuple[str, int, int]],
    size: int, where: str, *, mixed: bool = False,
) -> Shape:  # fmt: skip
    """The shape that a `config.json`, the names and sizes of all weights and the linear modules (name,
    inputs, outputs) describe. `mixed`: something besides attention looks at other positions."""
    text = {**config, **(config.get("text_config") or {})}

    def number(*names: str, default: int | None = None) -> int:
        found = next((text[name] for name in names if isinstance(text.get(name), int)), default)
        if found is None:
            raise ModelError(f"{where}: config.json does not say {names[0]}, so nothing can be planned")
        return int(found)

    width = number("hidden_size", "n_embd", "d_model")
    heads = number("num_attention_heads", "n_head", "n_heads", default=0)  # a Mamba has none
    head_width = number("head_dim", default=width // heads) if heads else 0
    between = tuple((name, i, o) for name, i, o in linear if not _ENDS.search(f"{name}."))
    if not between:
        raise ModelError(f"{where}: no linear modules between its ends, so nothing can be planned")
    named = {name for name, _, _ in between}
    tied = config.get("tie_word_embeddings", text.get("tie_word_embeddings", False))
    weights = {n: math.prod(s) for n, s in sorted(tensors.items()) if not (tied and "lm_head" in n)}
    return Shape(
        layers=number("num_hidden_layers", "n_layer", "n_layers"),
        width=width,
        inner=number("intermediate_size", "n_inner", "ffn_dim", default=4 * width),
        heads=heads,
        queries=heads * head_width,
        keys=number("num_key_value_heads", default=heads) * head_width,
        head_width=head_width,
        vocabulary=number("vocab_size"),
        linear=between,
        parameters=sum(weights.values()),
        file_bytes=size,
        padded=mixed or choose_attention(configured(config))[1],
        alone=must_be_whole(text),
        config=json.dumps(config, sort_keys=True, default=str),
        rest=tuple((n, count) for n, count in weights.items() if n.removesuffix(".weight") not in named),
        experts=_experts(text, tensors),
    )


def configured(values: dict[str, Any]) -> Any:
    """The configuration of transformers that these values of a `config.json` describe."""
    from transformers import CONFIG_MAPPING, AutoConfig

    kind = CONFIG_MAPPING[values["model_type"]]
    made = {
        n for n in values if isinstance(given := getattr(kind, n, None), property) and not given.fset
    }
    return AutoConfig.for_model(**{n: value for n, value in values.items() if n not in made})


def _experts(text: dict[str, Any], tensors: dict[str, list[int]]) -> tuple[tuple[str, int], ...]:
    """Tensors with a matrix for each expert: their names, and how many weights a token meets."""
    count = next((text[name] for name in _EXPERTS if isinstance(text.get(name), int)), 0)
    chosen = next((text[name] for name in _CHOSEN if isinstance(text.get(name), int)), count)
    return tuple(
        (name, chosen * math.prod(shape[1:]))
        for name, shape in sorted(tensors.items())
        if count and len(shape) == 3 and shape[0] == count
    )


_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
_CHOSEN = ("num_experts_per_tok", "num_experts_per_token", "moe_top_k", "top_k_experts")


def adapted(shape: Shape, section: TrainSection) -> list[tuple[str, int, int]]:
    """The linear modules that an adapter of the recipe sits on, as `train/adapters.py` chooses them."""
    lora = section.lora
    taken = []
    for name, inputs, outputs in shape.linear:
        if lora.layers is not None and _layer_of(name) not in lora.layers:
            continue
        if section.method == "lora" and not _is_target(name, lora.targets):
            continue
        taken.append((name, inputs, outputs))
    return taken


def deep_share(shape: Shape, section: TrainSection) -> float:
    """Share of the layers that the backward pass goes through: those from the lowest adapted one up."""
    if section.method != "lora":
        return 1.0
    numbers = [_layer_of(name) for name, _, _ in adapted(shape, section)]
    lowest = min((number for number in numbers if number is not None), default=0)
    return 1 - lowest / shape.layers


@cache
def _layer_of(name: str) -> int | None:
    """Number of the layer that a module is in. A plan asks it of every module, hundreds of times."""
    found = re.search(r"\.(\d+)\.", name)
    return int(found[1]) if found else None


def trainable(shape: Shape, section: TrainSection) -> int:
    """How many weights are trained.

    LoRA (Hu et al. 2021): r (in + out) a module; DoRA (Liu et al. 2024): and a size for each output;
    IA3 (Liu et al. 2022) as made here: a factor for each output; prefix tuning (Li and Liang 2021): keys
    and values of every virtual token in every layer; prompt tuning: an embedding for each.
    """
    if shape.experts and section.method in ("lora", "ia3"):
        return _trained_beside_experts(shape.config, section.method, section.lora.model_dump_json())
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


@cache
def _trained_beside_experts(config: str, method: str, lora: str) -> int:
    """The same where PEFT decides whether experts get adapters, and how large: counted on its own."""
    import torch

    given = {"method": method, "lora": json.loads(lora)} if method == "lora" else {"method": method}
    with torch.device("meta"):  # an adapter of many experts may have billions of weights
        model = empty_model(configured(json.loads(config)))
        model = make_trainable(model, TrainSection.model_validate(given))
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


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
