"""What a checkpoint does to the disk, and in which order."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from talkwright.train import checkpoint
from talkwright.train.checkpoint import State, load_best, save_best, save_checkpoint
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


def test_beyond_the_newest_only_the_one_that_a_roll_back_goes_to_stays(
    tiny_base: Any, section: Any, tmp_path: Path
) -> None:
    chosen = section()
    masters = Masters(model := prepare_model(tiny_base, chosen, 7)[0])
    optimizer = make_optimizer(model, masters, chosen)
    for step in (2, 4, 5):  # the last one by an interruption
        save_checkpoint(tmp_path, ORIGIN, State(step=step), masters, optimizer, keep=1, every=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000004", "step-000005"]


@pytest.mark.parametrize(("own_best", "own_step", "taken"), [
    (True, False, 1.0), (False, True, 2.0), (False, False, 3.0),
])  # fmt: skip
def test_best_weights_of_another_training_are_not_taken(
    own_best: bool, own_step: bool, taken: float, tiny_base: Any, section: Any, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Whole as they are, and fitting the model: their key alone tells that they are another's."""
    import torch

    chosen = section()
    model, _ = prepare_model(tiny_base, chosen, 7)
    masters = Masters(model)
    optimizer = make_optimizer(model, masters, chosen)
    another: Origin = {"seed": "8"}

    def fill(value: float) -> None:
        with torch.no_grad():
            for master in masters.masters:
                master.fill_(value)

    fill(1.0)
    save_best(tmp_path, ORIGIN if own_best else another, masters)
    fill(2.0)
    origin = ORIGIN if own_step else another
    save_checkpoint(tmp_path, origin, State(step=3), masters, optimizer, keep=2)
    fill(3.0)
    assert load_best(tmp_path, ORIGIN, masters, 3) == (taken < 3)
    assert all(bool((weight == taken).all()) for weight in masters.weights)
    assert ("belongs to another recipe or data set" in capsys.readouterr().err) == (taken > 1)


def test_a_damaged_checkpoint_does_not_stand_in_for_the_best(
    tiny_base: Any, section: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = section()
    model, _ = prepare_model(tiny_base, chosen, 7)
    masters = Masters(model)
    optimizer = make_optimizer(model, masters, chosen)
    save_checkpoint(tmp_path, ORIGIN, State(step=3), masters, optimizer, keep=2)
    last = [master.detach().clone() for master in masters.masters]
    file = checkpoint.place_of(tmp_path, 3) / "state.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert not load_best(tmp_path, ORIGIN, masters, 3)
    assert all(map(bool, ((a == b).all() for a, b in zip(masters.masters, last, strict=True))))
    assert "of step 3, are not whole, so the last ones are kept" in capsys.readouterr().err


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_best_weights_are_the_models_as_well_as_the_masters(
    precision: str, tiny_base: Any, section: Any, tmp_path: Path
) -> None:
    import torch

    model, _ = prepare_model(tiny_base, section(precision=precision), 7)
    masters = Masters(model)
    with torch.no_grad():
        for master in masters.masters:
            master.fill_(0.5)
    masters.write_back()
    save_best(tmp_path, ORIGIN, masters)
    with torch.no_grad():
        for each in (*masters.masters, *masters.weights):
            each.fill_(0.25)
    assert load_best(tmp_path, ORIGIN, masters, 0)
    for each in (*masters.masters, *masters.weights):
        assert bool((each == 0.5).all())
