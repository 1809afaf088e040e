"""The circle round to the evaluation with every kind of adapter, and on from an earlier run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from talkwright import pipeline
from talkwright.config import build_recipe
from talkwright.runs import manifest, read_json, read_jsonl


@pytest.fixture
def go_round(tiny_base, tmp_path):
    """Train and evaluate with these train settings; gives the run's folder."""
    rows = [
        [{"role": "user", "content": f"question {n * 7919 % 1000}?"},
         {"role": "assistant", "content": f"answer {n * 31 % 97}"}]
        for n in range(24)
    ]  # fmt: skip
    (tmp_path / "chats.jsonl").write_text("".join(json.dumps({"messages": r}) + "\n" for r in rows))

    def run(**train: Any) -> Path:
        values = {
            "name": "run",
            "model": {"name": tiny_base.path},
            "data": {"sources": [{"path": "chats.jsonl"}], "validation": 0.2, "test": 0.2},
            "train": {"max_steps": 4, "batch_size": 4, "precision": "fp32", **train},
            "evaluate": {"prompts": 2, "loss_rows": 4, "max_new_tokens": 4},
        }
        recipe = build_recipe(values, folder=tmp_path)
        return pipeline.run(recipe, tmp_path / "runs", until="evaluate")

    return run


def loss_of(here: Path, variant: str) -> float:
    rows = list(read_jsonl(here / "evaluate" / variant / "losses.jsonl"))
    assert rows
    return sum(row["nll"] for row in rows) / sum(row["tokens"] for row in rows)


@pytest.mark.parametrize("method", ["ia3", "prefix", "prompt", "full"])
def test_what_was_trained_is_what_is_evaluated(method, go_round) -> None:
    here = go_round(method=method)
    summary = read_json(here / "train" / "summary.json")
    assert summary["method"] == method
    assert manifest(here / "train")["kind"] == ("model" if method == "full" else "adapter")
    assert loss_of(here, "base") != loss_of(here, "tuned")


def test_a_base_in_four_bits_is_evaluated_in_four_bits(go_round) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes (the extra `quantise`) is not installed")
    plain, quantised = go_round(), go_round(quantise="nf4")
    assert loss_of(plain, "base") != loss_of(quantised, "base")


def test_a_run_that_goes_on_is_made_anew_when_its_start_changes(go_round, tmp_path) -> None:
    first = go_round(max_steps=3)
    link = tmp_path / "start"
    link.symlink_to(first)
    again = go_round(start_from="start")
    key = manifest(again / "train")["key"]
    link.unlink()
    link.symlink_to(go_round(max_steps=2))
    assert manifest(go_round(start_from="start") / "train")["key"] != key
