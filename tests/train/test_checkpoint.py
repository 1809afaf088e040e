"""What a checkpoint does to the disk, and in which order."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from talkwright.train import checkpoint
from talkwright.train.checkpoint import State, save_checkpoint
from talkwright.train.model import Masters, prepare_model
from talkwright.train.optimizers import make_optimizer
from talkwright.train.origin import Origin

ORIGIN: Origin = {"seed": "7"}


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What is asked of the disk, in order: ("sync", inode) and ("rename", names)."""
    done: list[tuple[str, Any]] = []
    fsync, rename, replace = os.fsync, os.rename, os.replace

    def sync(handle: int) -> None:
        done.append(("sync", os.fstat(handle).st_ino))
        fsync(handle)

    def moving(move: Any) -> Any:
        def moved(old: Any, new: Any) -> None:
            done.append(("rename", (Path(old).name, Path(new).name)))
            move(old, new)

        return moved

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "rename", moving(rename))
    monkeypatch.setattr(os, "replace", moving(replace))
    return done


def test_every_file_is_on_the_disk_before_the_checkpoint_has_its_name(
    tiny_base: Any, section: Any, tmp_path: Path, on_disk: list[tuple[str, Any]]
) -> None:
    chosen = section()
    model, _ = prepare_model(tiny_base, chosen, 7)
    masters = Masters(model)
    (tmp_path / checkpoint.METRICS).write_text("{}\n")
    optimizer = make_optimizer(model, masters, chosen)
    save_checkpoint(tmp_path, ORIGIN, State(step=3), masters, optimizer, keep=2)
    place = checkpoint.place_of(tmp_path, 3)
    (named,) = [
        n for n, (kind, what) in enumerate(on_disk) if kind == "rename" and what[1] == place.name
    ]
    files = [path for path in place.rglob("*") if path.is_file()]
    assert {"state.safetensors", "state.json", "metrics.jsonl", "manifest.json"} == {
        path.name for path in files
    }
    before, after = on_disk[:named], on_disk[named + 1 :]
    for path in files:
        assert ("sync", path.stat().st_ino) in before, f"{path.name} is not on the disk yet"
    assert ("sync", place.stat().st_ino) in before, "nor are the names of its files"
    assert ("sync", tmp_path.stat().st_ino) in after, "a power cut may take its name again"
    # The manifest says what is whole, so all that it names is there before.
    (sealed,) = [
        n for n, (kind, what) in enumerate(before) if kind == "rename" and "manifest" in what[1]
    ]
    for path in files:
        assert path.name == "manifest.json" or ("sync", path.stat().st_ino) in before[:sealed]
