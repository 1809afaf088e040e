"""What a model keeps for its backward pass, counted without its weights, against the model itself."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from talkwright.config import TrainSection
from talkwright.planning import _assumed
from talkwright.train import Machine, Rows, plan_for, shape_of_base
from talkwright.train.estimate import structure
from talkwright.train.estimate.choose import coefficients
from talkwright.train.estimate.count import bytes_kept, bytes_per_token, terms_key, tiny_config
from talkwright.train.estimate.load import Load, make_load
from talkwright.train.estimate.machines import GIB, Rates
from talkwright.train.estimate.memory import (
    NF4_BITS,
    activation_bytes,
    memory,
    short_rows_bytes,
    weight_bytes,
)
from talkwright.train.estimate.shape import Shape, shape_of_config, trainable
from talkwright.train.estimate.structure import kept_by, layout_of
from talkwright.types import BaseModel, Example

SIZES = {"hidden_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4}
KINDS: dict[str, dict[str, Any]] = {
    "gpt2": {"n_embd": 48, "n_layer": 4, "n_head": 4},
    "gpt_neox": {**SIZES, "intermediate_size": 128},
    "opt": {**SIZES, "ffn_dim": 128, "word_embed_proj_dim": 48},
    "phi": {**SIZES, "intermediate_size": 128},
    "gemma2": {
        **SIZES, "intermediate_size": 128, "num_key_value_heads": 2, "head_dim": 12,
        "sliding_window": 64,
    },
    "qwen2": {**SIZES, "intermediate_size": 128, "num_key_value_heads": 2},
    "qwen3": {**SIZES, "intermediate_size": 128, "num_key_value_heads": 2, "head_dim": 16},
    "mixtral": {
        **SIZES, "intermediate_size": 64, "num_key_value_heads": 2, "num_local_experts": 8,
        "num_experts_per_tok": 2,
    },
    "jamba": {  # a state or attention, experts or one MLP, by turns
        **SIZES, "num_hidden_layers": 5, "intermediate_size": 64, "num_key_value_heads": 2,
        "num_experts": 4, "num_experts_per_tok": 2, "attn_layer_period": 2, "attn_layer_offset": 1,
        "expert_layer_period": 2, "expert_layer_offset": 1, "mamba_d_state": 8, "mamba_dt_rank": 4,
    },
    "qwen2_moe": {
        **SIZES, "intermediate_size": 64, "num_key_value_heads": 2, "num_experts": 4,
        "num_experts_per_tok": 2, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 32,
    },
}  # fmt: skip


def config_of(kind: str) -> Any:
    from transformers import AutoConfig

    ends = {"bos_token_id": None, "eos_token_id": 1, "pad_token_id": None}
    return AutoConfig.for_model(kind, **KINDS[kind], **ends, vocab_size=2000)


@pytest.fixture
def base(request: pytest.FixtureRequest, tmp_path: Path) -> BaseModel:
    """A model of a kind, with random weights, in a folder."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(3)
    AutoModelForCausalLM.from_config(config_of(request.param)).save_pretrained(str(tmp_path))
    return BaseModel(request.param, str(tmp_path), "here", "unknown", "0")


def really_kept(base: BaseModel, section: TrainSection, tokens: int, learnt: int) -> tuple[int, bool]:
    """Bytes that the loop's own loss of one row keeps, and whether its batches are padded."""
    import torch

    from talkwright.models import make_batch, summed_loss
    from talkwright.train.model import prepare_model

    model, padded = prepare_model(base, section, 7)
    ids = tuple(n % 200 for n in range(tokens + 1))
    labels = (*[-100] * (tokens + 1 - learnt), *ids[-learnt:])
    batch = make_batch([Example(ids, labels)], padded=padded)
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept: dict[int, tuple[int, Any]] = {}

    def pack(tensor: Any) -> Any:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = summed_loss(model, batch)
    found = sum(size for size, _ in kept.values())
    del loss
    return found, padded


def load_of(tokens: int) -> Load:
    return Load(1, 0, 1, 1, tokens, 1, tokens, tokens**2, tokens, 1, tokens, 0, 0, tokens**2)


SETTINGS: dict[str, dict[str, Any]] = {
    "lora": {}, "full": {"method": "full"}, "ia3": {"method": "ia3"}, "recompute": {"recompute": "all"},
    "dropout": {"lora": {"dropout": 0.1}}, "dora": {"lora": {"dora": True}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("base", "how"),
    [
        *((kind, "lora") for kind in KINDS), ("gpt2", "full"), ("phi", "ia3"), ("gpt_neox", "recompute"),
        ("qwen2", "dropout"), ("opt", "dora"), ("mixtral", "full"),
    ],
    indirect=["base"],
)  # fmt: skip
def test_what_is_counted_without_weights_is_what_the_loop_keeps(base: BaseModel, how: str) -> None:
    section = TrainSection.model_validate({"precision": "fp32", **SETTINGS[how]})
    shape = shape_of_base(base)
    layout = layout_of(shape)
    for tokens in (100, 230):
        learnt = 1 if layout.own_logits else tokens
        found, padded = really_kept(base, section, tokens, learnt)
        told = activation_bytes(shape, section, "fp32", load_of(tokens), coefficients())
        if how == "recompute":  # beside what is kept, the formula has the layer that is made again
            whole = kept_by(shape, TrainSection(), "fp32")
            assert whole is not None
            told -= tokens * whole.token + tokens**2 * whole.square + whole.fixed
        if layout.own_logits:
            told += shape.vocabulary * (tokens * layout.kept_of_logits + 4)
        if how == "full":  # the head's gradient, which `head_bytes` counts
            told += 4 * shape.vocabulary * shape.width
        assert padded == layout.padded
        # Layers by turns are told by their mean, without what the first keeps whatever the tokens.
        assert told == pytest.approx(found, rel=0.02 if base.name != "jamba" else 0.05)


def test_models_that_keep_rows_apart_or_make_their_own_logits_are_told_by_their_modules() -> None:
    told = {kind: layout_of(shape_of_config(config_of(kind), kind)) for kind in KINDS}
    assert {kind for kind, layout in told.items() if layout.padded} == {"gemma2", "jamba"}
    assert {kind for kind, layout in told.items() if layout.own_logits} == {"phi", "gemma2"}
    assert told["gemma2"].kept_of_logits == pytest.approx(4, rel=0.01)  # tanh's, of its cap
    assert told["phi"].kept_of_logits == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("how", ["lora", "full", "ia3"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_llama_counted_so_keeps_what_its_stored_terms_say(how: str, precision: str) -> None:
    section = TrainSection.model_validate(SETTINGS[how])
    shape = shape_of_config(tiny_config(4, 64, 96, 4, 2, 16), "a llama")
    kept = structure._count(shape.config, section.model_dump_json(), precision)
    ranks = 16 * 7 if how == "lora" else 0
    terms = coefficients()["counted"][terms_key(section, precision)]
    assert kept is not None
    assert kept_by(shape, section, precision) is None
    assert (kept.token, kept.square) == (bytes_per_token(terms, shape, ranks)[0], 0)


def test_what_attention_of_short_rows_keeps_more_is_what_torch_keeps_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from talkwright.models import choose_attention, flat, make_batch, summed_loss
    from talkwright.train.adapters import make_trainable
    from talkwright.types import Example

    shape = shape_of_config(tiny_config(4, 64, 96, 4, 2, 16), "a llama")
    config = AutoConfig.for_model(**json.loads(shape.config))
    attention, _ = choose_attention(config)
    section = TrainSection(batch_size=3)
    plain = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16, attn_implementation=attention)
    model = make_trainable(plain, section)
    rows = [Example(tuple(range(1, n)), (-100, *range(2, n))) for n in (30, 21, 40)]

    def kept(rows: list[Example]) -> int:
        batch = make_batch(rows, device="cpu")
        return bytes_kept(model, lambda: summed_loss(model, batch))

    ours = kept(rows)
    monkeypatch.setattr(flat, "LONGEST_SHORT_ROW", 0)
    torchs = sum(kept([row]) for row in rows)  # one row, as the terms of a token are counted
    load = make_load(Rows((28, 19, 38), (9, 9, 9), (), "three rows"), section, padded=False, seed=1)
    told = short_rows_bytes(shape, section, "bf16", load)
    assert ours - torchs == pytest.approx(told, rel=0.001)
    assert short_rows_bytes(shape, section, "fp32", load) == 0
    both = TrainSection(method="full", batch_size=2)
    longer = make_load(Rows((600, 500), (9, 9), (), "two"), both, padded=False, seed=1)
    assert longer.largest_short == 500
    learnt = TrainSection(method="prompt", batch_size=3)  # goes through padded batches
    load = make_load(Rows((28, 19, 38), (9, 9, 9), (), "three rows"), learnt, padded=False, seed=1)
    assert short_rows_bytes(shape, learnt, "bf16", load) == 0


def test_a_model_that_makes_all_logits_needs_room_for_them() -> None:
    shape = shape_of_config(config_of("phi"), "phi")
    section = TrainSection()
    few, many = (
        memory(dataclasses.replace(shape, vocabulary=words), section, "fp32", load_of(500),
               coefficients(), gpu=True)
        for words in (2_000, 50_000)
    )  # fmt: skip
    assert many.logits + many.transient - few.logits - few.transient >= 500 * 4 * 40_000


def test_a_model_that_cannot_be_counted_is_taken_for_a_llama_and_that_is_said() -> None:
    shape = shape_of_config(config_of("gpt2"), "gpt2")
    strange = dataclasses.replace(shape, config='{"model_type": "nobody knows"}')
    box = Machine("a box", 8.0 * GIB, None, 1e11, 1e10, None, None, gpu=False)
    rates = Rates(1e11, 3e10, 1e10, 3e-6, measured=True)
    rows = Rows([200] * 8, [100] * 8, [], "made up")

    def plan(known: Shape) -> Any:
        return plan_for(known, rows, TrainSection(), box, rates, native="fp32", seed=7)

    said = [" ".join(_assumed(each, plan(each))) for each in (shape, strange)]
    assert ["taken for a Llama's" in each for each in said] == [False, True]
    kept = [plan(each).asked.memory.activations for each in (shape, strange)]
    assert kept[0] > 1.5 * kept[1]


@pytest.mark.parametrize("how", ["lora", "ia3", "full", "dora"])
@pytest.mark.parametrize("base", ["gpt2", "mixtral", "jamba", "qwen2_moe"], indirect=True)
def test_trained_weights_of_a_family_are_as_many_as_torch_counts(base: BaseModel, how: str) -> None:
    from talkwright.train.model import prepare_model

    if (base.name, how) == ("mixtral", "dora"):
        pytest.skip("PEFT has no DoRA for experts in one tensor")
    section = TrainSection.model_validate({"precision": "fp32", **SETTINGS[how]})
    model, _ = prepare_model(base, section, 7)
    found = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    assert shape_of_base(base).parameters == sum(
        weight.numel() for name, weight in model.named_parameters()
        if "lora_" not in name and "ia3_l" not in name
    )  # fmt: skip
    assert trainable(shape_of_base(base), section) == found


def test_counting_leaves_attention_as_it_was() -> None:
    from transformers import AttentionInterface

    from talkwright.models import flat

    layout_of(shape_of_config(config_of("qwen2"), "qwen2"))
    assert AttentionInterface()[flat.WITHIN_ROWS] is flat._attend_within_rows


def test_a_model_that_does_not_tell_attention_about_rows_is_padded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from transformers.models.qwen2.modeling_qwen2 import Qwen2Attention

    plain = Qwen2Attention.forward

    def forgetful(self: Any, *given: Any, **how: Any) -> Any:
        how.pop("row_lengths", None)
        return plain(self, *given, **how)

    monkeypatch.setattr(Qwen2Attention, "forward", forgetful)
    config = config_of("qwen2")
    config.max_position_embeddings = 1234  # so that nothing is known of it yet
    assert layout_of(shape_of_config(config, "forgetful")).padded


@pytest.mark.parametrize("base", ["mixtral"], indirect=True)
def test_a_token_meets_the_experts_chosen_for_it_and_four_bits_pack_none(base: BaseModel) -> None:
    """Files keep each expert's matrices apart; the model has one tensor for all, no linear module."""
    shape = shape_of_base(base)
    width, inner, layers, chosen = 48, 64, 4, 2
    experts = layers * 3 * width * inner
    attention = layers * (2 * width * width + 2 * width * width // 2)
    assert shape.between == attention
    assert shape.body == attention + chosen * experts
    assert shape.parameters > shape.body + (8 - chosen) * experts
    packed, plain = (
        weight_bytes(shape, TrainSection.model_validate({"quantise": kind}), "fp32")
        for kind in ("nf4", "none")
    )
    assert plain - packed == pytest.approx(attention * (4 - NF4_BITS / 8))


def test_a_model_without_attention_can_be_planned() -> None:
    from transformers import MambaConfig

    shape = shape_of_config(MambaConfig(hidden_size=32, num_hidden_layers=2, vocab_size=64), "mamba")
    assert (shape.heads, shape.queries, shape.keys) == (0, 0, 0)
    assert shape.padded


def test_layers_by_turns_are_gone_through_once_round() -> None:
    from transformers import DeepseekV3Config, JambaConfig, LlamaConfig

    found = {
        kind.model_type: structure._layers_gone_through(json.dumps(kind().to_dict(), default=str))
        for kind in (JambaConfig, DeepseekV3Config, LlamaConfig)
    }
    assert found == {"jamba": (1, 9), "deepseek_v3": (3, 4), "llama": (2, 3)}


def test_a_state_made_token_after_token_is_told_by_few_tokens_as_by_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And what is made of pieces of 64 tokens, and so told by many alone, is gone through with many."""
    from transformers import Qwen3NextConfig

    few, many = structure._FEW_TOKENS, structure._TOKENS
    pieces = Qwen3NextConfig(
        hidden_size=48, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, head_dim=12,
        num_experts=4, num_experts_per_tok=2, linear_num_key_heads=2, linear_num_value_heads=2,
        linear_key_head_dim=8, linear_value_head_dim=8, vocab_size=512,
    )  # fmt: skip
    shapes = [shape_of_config(each, "it") for each in (config_of("jamba"), pieces, config_of("qwen3"))]
    assert [structure._lengths_gone_through(each.config) for each in shapes] == [few, many, many]
    jamba, plain = shapes[0].config, TrainSection().model_dump_json()
    found = structure._count(jamba, plain, "bf16")
    monkeypatch.setattr(structure, "_lengths_gone_through", lambda _: many)
    assert found == structure._count.__wrapped__(jamba, plain, "bf16")
    assert found is not None
