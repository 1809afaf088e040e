"""Mixtures of experts: one tensor holds a weight of all experts, and PEFT nests two adapters there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from talkwright.models import load_adapter, load_weights, make_batch, merge_adapter, summed_loss
from talkwright.train import train
from talkwright.train.loop import mean_loss
from talkwright.train.model import prepare_model
from talkwright.train.settings import check_targets
from talkwright.types import IGNORED, Example


@pytest.fixture(scope="module")
def base_of_experts(request, tiny_base, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A random model of four experts, of which each token goes through two."""
    from transformers import AutoConfig, AutoModelForCausalLM

    known = AutoConfig.from_pretrained(tiny_base.path)
    names = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
             "num_key_value_heads", "intermediate_size", "max_position_embeddings", "eos_token_id",
             "pad_token_id", "initializer_range")  # fmt: skip
    own: dict[str, Any] = {
        "mixtral": {"num_local_experts": 4},
        "qwen3_moe": {"num_experts": 4, "moe_intermediate_size": 32, "head_dim": 16},
        "qwen3_next": {
            "num_experts": 4, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 32,
            "head_dim": 16, "linear_num_key_heads": 2, "linear_num_value_heads": 2,
            "linear_key_head_dim": 8, "linear_value_head_dim": 8,
            "layer_types": ["full_attention", "linear_attention"],
        },
        "phimoe": {"num_local_experts": 4},
        "llama4_text": {"num_local_experts": 4, "head_dim": 16},
    }[request.param]  # fmt: skip
    config = AutoConfig.for_model(
        request.param, **{n: getattr(known, n) for n in names}, num_experts_per_tok=2, **own
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config)
    folder = tmp_path_factory.mktemp(request.param)
    model.save_pretrained(str(folder))
    return replace(tiny_base, name=request.param, path=str(folder))


USUAL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@pytest.mark.parametrize(
    ("base_of_experts", "targets"),
    [("mixtral", "all-linear"), ("qwen3_moe", "all-linear"), ("qwen3_moe", USUAL)],
    indirect=["base_of_experts"],
)
def test_an_adapter_on_experts_learns_is_loaded_again_and_merged(
    base_of_experts, targets, tiny_template, rows, section, metrics_of, tmp_path: Path
) -> None:
    settings = section(max_steps=8, eval_every=8, learning_rate=1e-2, lora={"targets": targets})
    assert not check_targets(settings, base_of_experts)
    out = tmp_path / "train"
    train(base_of_experts, tiny_template, rows, rows, settings, seed=7, out=out, key="k")
    measured = [row["validation_loss"] for row in metrics_of(out) if "validation_loss" in row]
    assert measured[-1] < 0.95 * measured[0]
    adapted = load_adapter(load_weights(base_of_experts, precision="fp32"), out / "adapter").eval()
    assert any("experts" in name for name, _ in adapted.named_parameters() if "lora_B" in name)
    assert mean_loss(adapted, rows, padded=True) == pytest.approx(measured[-1], rel=1e-5)
    merge_adapter(base_of_experts, out / "adapter", tmp_path / "merged")
    merged = load_weights(replace(base_of_experts, path=str(tmp_path / "merged")), precision="fp32")
    assert mean_loss(merged, rows, padded=True) == pytest.approx(measured[-1], rel=1e-5)


@pytest.mark.parametrize("base_of_experts", ["phimoe", "llama4_text"], indirect=True)
@pytest.mark.parametrize("method", ["lora", "ia3"])
def test_a_router_that_gives_a_choice_beside_its_product_gets_no_adapter(
    method, base_of_experts, section
) -> None:
    """It is made as a linear module, and an adapter would add to a pair."""
    model, _ = prepare_model(base_of_experts, section(method=method), 7)
    assert any("q_proj" in name for name in model.targeted_module_names)
    assert not any("router" in name for name in model.targeted_module_names)
    if base_of_experts.name == "phimoe":
        rows = [Example((5, 6, 7, 8), (IGNORED, 6, 7, 8))]
        summed_loss(model, make_batch(rows, padded=True)).backward()
    named = section(lora={"targets": ["router"]})
    (found,) = check_targets(named, base_of_experts)
    assert "chooses experts" in found.message
    assert "router" not in found.message.partition("linear modules are")[2]


@pytest.mark.parametrize("base_of_experts", ["mixtral"], indirect=True)
def test_dora_on_experts_is_refused_with_what_works(base_of_experts, section) -> None:
    (found,) = check_targets(section(lora={"dora": True}), base_of_experts)
    assert found.fix == "write `train.lora.dora: false`"
    assert not check_targets(section(lora={"dora": True, "targets": ["q_proj"]}), base_of_experts)


@pytest.mark.parametrize("base_of_experts", ["qwen3_next"], indirect=True)
def test_names_of_experts_matrices_are_advised_about_together(base_of_experts, section) -> None:
    """PEFT takes them as parts of one tensor, in all layers: none alone, though beside the experts there
    are modules of those names."""
    for targets in (["no"], ["gate_proj"]):
        (found,) = check_targets(section(lora={"targets": targets}), base_of_experts)
        assert found.fix == "take names from that list, or write `train.lora.targets: all-linear`"
    for targets in ("all-linear", USUAL, ["down_proj"]):
        assert not check_targets(section(lora={"targets": targets}), base_of_experts)
    (found,) = check_targets(section(lora={"layers": [0]}), base_of_experts)
    assert found.fix == "write `train.lora.layers: null`"
    assert not check_targets(section(lora={"layers": [0], "targets": ["q_proj"]}), base_of_experts)
