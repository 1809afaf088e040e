"""Mixtures of experts: one tensor holds a weight of all experts, and PEFT nests two adapters there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from talkwright.models import load_adapter, load_weights, merge_adapter
from talkwright.train import train
from talkwright.train.loop import mean_loss


@pytest.fixture(scope="module", params=["mixtral", "qwen3_moe"])
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
    }[request.param]
    config = AutoConfig.for_model(
        request.param, **{n: getattr(known, n) for n in names}, num_experts_per_tok=2, **own
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config)
    folder = tmp_path_factory.mktemp(request.param)
    model.save_pretrained(str(folder))
    return replace(tiny_base, name=request.param, path=str(folder))


def test_an_adapter_on_experts_learns_is_loaded_again_and_merged(
    base_of_experts, tiny_template, rows, section, metrics_of, tmp_path: Path
) -> None:
    settings = section(max_steps=8, eval_every=8, learning_rate=1e-2)
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
