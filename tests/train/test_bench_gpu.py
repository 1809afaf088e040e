"""The GPU benchmark's arithmetic and its order of work, without a GPU."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def gpu() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_gpu", ROOT / "bench" / "gpu.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_operations_are_the_formulas(gpu) -> None:
    """docs: an 8B Llama has 6.98e9 weights in its layers; 33.5 GFLOP a token at 4,096, all learnt."""
    row = {"input_ids": [1] * 4096, "labels": [1] * 4096}
    found = gpu.operations(gpu.SHAPES["8b"], [row])
    assert found == pytest.approx(33.5e9, rel=0.02)
    half = {"input_ids": [1] * 4096, "labels": [-100] * 2048 + [1] * 2048}
    head = 4 * 128256 * 4096
    assert found - gpu.operations(gpu.SHAPES["8b"], [half]) == pytest.approx(head / 2, rel=1e-3)


def test_the_adapter_counted_is_the_one_trained(gpu, tmp_path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = gpu.SHAPES["tiny"]
    model = LlamaForCausalLM(LlamaConfig(**shape, tie_word_embeddings=False))
    body = sum(w.numel() for n, w in model.named_parameters() if "_proj" in n)
    config = LoraConfig(r=gpu.RANK, target_modules="all-linear", task_type="CAUSAL_LM")
    adapted = get_peft_model(model, config)
    adapter = sum(w.numel() for w in adapted.parameters() if w.requires_grad)
    row = {"input_ids": [1] * 10, "labels": [-100] * 10}
    expected = 4 * body + 6 * adapter + 6 * 2 * 10 * 64
    assert gpu.operations(shape, [row]) == expected


def test_ratios_are_taken_within_a_round(gpu) -> None:
    one = {"peak_mib": 10, "how": ""}
    found = {
        "full/ours": [{**one, "step": 1.0, "round": 1}, {**one, "step": 4.0, "round": 2}],
        "full/trl-tuned": [{**one, "step": 2.0, "round": 1}, {**one, "step": 6.0, "round": 2}],
    }
    result = gpu.summary(found, True, "a card H100 of some kind")
    assert result["peers"]["full/trl-tuned"]["ours_faster"] == [2.0, 1.5]
    ours = result["peers"]["full/ours"]
    tokens = 2 * 64
    assert ours["tokens_per_second"] == tokens / 2.5
    assert ours["mfu"] == pytest.approx(
        ours["tokens_per_second"] * gpu.operations(gpu.SHAPES["tiny"], gpu.make_rows(
            gpu.workloads(True)["full"], 512)) / 989e12
    )  # fmt: skip
    assert "2.00 ×, 1.50 ×" in gpu.table(result)


def test_it_stops_when_the_time_is_up(gpu, tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    import time

    assert gpu.measure_all(tmp_path, True, time.monotonic() + 1) == {}
    assert "are not enough" in capsys.readouterr().err
