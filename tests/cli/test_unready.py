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
