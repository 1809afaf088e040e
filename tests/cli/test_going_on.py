"""What `talkwright train` does with a training that was cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from talkwright.train import loop


def test_a_cut_training_goes_on_refuses_or_begins_anew(
    talkwright: Any, tiny_base: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [(f"What is number {n}, please?", f"It is a good number, {n}.") for n in range(12)]
    chats = [[{"role": "user", "content": q}, {"role": "assistant", "content": a}] for q, a in said]
    lines = [json.dumps({"messages": chat}) + "\n" for chat in chats]
    (tmp_path / "chats.jsonl").write_text("".join(lines))
    recipe = {
        "name": "cut", "model": tiny_base.path,
        "data": {"sources": "chats.jsonl", "validation": 0, "test": 0},
        "train": {"max_steps": 3, "save_every": 1, "batch_size": 4, "sample_every": 0},
    }  # fmt: skip
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe))
    command = ("train", "recipe.yaml", "--json")
    save = loop.save_checkpoint

    def stopping(*given: Any, **named: Any) -> None:
        save(*given, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", stopping)
        assert talkwright(*command).code == 130
    changed = (*command, "--set", "train.learning_rate=0.002")
    refused = talkwright(*changed)
    assert refused.code == 2
    assert "train.learning_rate (0.001 then, 0.002 now)" in refused.err
    assert "--anew" in refused.err
    anew = talkwright(*changed, "--anew")
    assert (anew.code, anew.json["summary"]["steps"]) == (0, 3)
    assert "Going on" not in anew.err
    again = talkwright(*command)
    assert (again.code, "Going on from step 1 of 3." in again.err) == (0, True)
    assert again.json["run"] != anew.json["run"]
