"""What the first step would stop at is said by `check`, and is gone once it is mended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def recipe(tiny_base: Any, chats: Path, tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(
        f"model: {tiny_base.path}\ndata: {{sources: {chats.name}, test: 0}}\n"
        "train: {max_steps: 3, batch_size: 4, precision: fp32}\n"
    )
    return path


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["trackers=[wandb]"], "talkwright[wandb]"),
        (["optimizer=adamw_8bit"], "talkwright[quantise]"),
        (["quantise=nf4"], "talkwright[quantise]"),
        (["start_from=nowhere"], "holds no adapter"),
        (["start_from=nowhere", "method=full"], "holds no model"),
    ],
)
def test_what_is_missing_is_said_before_training(
    talkwright, recipe: Path, settings: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from talkwright.train import settings as checks
    from talkwright.train import trackers

    for module in (checks, trackers):
        monkeypatch.setattr(module, "find_spec", lambda name: None, raising=False)
    changes = [part for each in settings for part in ("--set", f"train.{each}")]
    done = talkwright("check", recipe, *changes)
    assert done.code == 2
    assert said in done.err
    if "trackers" in settings[0]:  # installed since: nothing remembers that it was missing
        monkeypatch.undo()
        monkeypatch.setattr(trackers, "find_spec", lambda name: True)
        assert talkwright("check", recipe, *changes).code == 0


@pytest.mark.parametrize("command", ["check", "plan"])
def test_an_adapter_of_another_shape_is_said_before_training(
    talkwright, recipe: Path, command: str, tmp_path: Path
) -> None:
    done = talkwright("train", recipe, "--set", "train.lora.rank=4", "--set", "name=first")
    assert done.code == 0, done.err
    (first,) = (path.parent for path in (tmp_path / "runs").glob("*/train"))
    refused = talkwright(command, recipe, "--set", f"train.start_from={first}")
    assert refused.code == 2
    assert "is not the one this recipe describes: r is 4 there and 16 here" in refused.err
    same = ("--set", f"train.start_from={first}", "--set", "train.lora.rank=4")
    assert talkwright(command, recipe, *same).code == 0
