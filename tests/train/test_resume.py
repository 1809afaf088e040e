"""Splitting a step and stopping in the middle change nothing; damaged checkpoints are passed over."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from talkwright.train import checkpoint, loop


class Stopped(Exception):
    """Stands for the end of a process between two steps."""


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Make training die right after recording that many steps; 0 lets it live."""
    write = loop._write

    def arrange(steps: int) -> None:
        def dying(metrics: Any, row: dict[str, Any]) -> None:
            write(metrics, row)
            if row["step"] == steps and "loss" in row:
                raise Stopped

        monkeypatch.setattr(loop, "_write", dying)

    return arrange


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


# Ten rows in steps of four: step 3 spans two epochs. Steps 6 and 7 are lost and done again.
RUN = {"max_steps": 9, "save_every": 2, "eval_every": 3, "learning_rate": 5e-3, "schedule": "cosine"}


@pytest.mark.parametrize(
    "method", [{"lora": {"dropout": 0.0}}, {"lora": {"dropout": 0.3}}, {"method": "full"}], ids=str
)
def test_resumed_is_bit_for_bit_uninterrupted(
    method, train_tiny, rows, stop_after, weights_of, metrics_of, tmp_path
) -> None:
    settings = {**RUN, **method, "accumulation": 2}
    whole = train_tiny("whole", validation=rows[:3], **settings)
    for end in (7, 8):  # twice, the second time in the step after the one it went on with
        stop_after(end)
        with pytest.raises(Stopped):
            train_tiny("cut", validation=rows[:3], **settings)
        left = tmp_path / "cut" / "checkpoints"
        assert sorted(p.name for p in left.glob("step-*")) == ["step-000004", "step-000006"]
    stop_after(0)
    resumed = train_tiny("cut", validation=rows[:3], **settings)
    assert same(weights_of(whole), weights_of(resumed))
    assert metrics_of(whole) == metrics_of(resumed)
    assert not left.exists()


def test_dropout_differs_from_step_to_step_and_from_seed_to_seed(train_tiny, weights_of) -> None:
    without = weights_of(train_tiny("a", lora={"dropout": 0.0}))
    dropped = weights_of(train_tiny("b", lora={"dropout": 0.5}))
    assert not same(without, dropped)
    assert same(dropped, weights_of(train_tiny("c", lora={"dropout": 0.5})))
    assert not same(dropped, weights_of(train_tiny("d", lora={"dropout": 0.5}, seed=8)))


# An adapter begins with gradients near zero, whose rounding AdamW blows up to the size of a step.
@pytest.mark.parametrize(("method", "tolerance"), [("full", 1e-6), ("lora", 1e-4)])
@pytest.mark.parametrize("accumulation", [2, 3])
def test_a_step_in_parts_is_the_same_step(
    accumulation, method, tolerance, train_tiny, weights_of, metrics_of
) -> None:
    settings = {"max_steps": 6, "learning_rate": 1e-3, "method": method}
    whole, parts = (
        train_tiny("whole", **settings),
        train_tiny("parts", **settings, accumulation=accumulation),
    )
    for a, b in zip(metrics_of(whole), metrics_of(parts), strict=True):
        assert b == pytest.approx(a, rel=1e-5)
    wanted, got = weights_of(whole), weights_of(parts)
    apart = sum((wanted[n] - got[n]).square().sum() for n in wanted).sqrt()
    assert apart <= tolerance * sum(w.square().sum() for w in wanted.values()).sqrt()


@pytest.mark.parametrize(
    ("accumulation", "sizes"), [(1, [4]), (2, [2, 2]), (3, [1, 1, 2]), (4, [1] * 4)]
)
def test_accumulation_is_the_number_of_forward_passes(
    accumulation, sizes, train_tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    plain = loop.make_batch
    monkeypatch.setattr(
        loop, "make_batch", lambda rows, **how: seen.append(len(rows)) or plain(rows, **how)
    )
    train_tiny(max_steps=1, accumulation=accumulation)
    assert seen == sizes


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


DAMAGE = {
    "a flipped bit": lambda folder: flip_a_byte(folder / "state.safetensors"),
    "half a file": lambda folder: (folder / "state.safetensors").write_bytes(b"\x10"),
    "no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "a manifest of nonsense": lambda folder: (folder / "manifest.json").write_text("{"),
    "a file missing": lambda folder: (folder / "state.json").unlink(),
    "an empty folder": lambda folder: (shutil.rmtree(folder), folder.mkdir()),
}


@pytest.fixture
def cut_run(train_tiny, stop_after, tmp_path) -> Path:
    """A run that died in step 8 with checkpoints of steps 4 and 6; gives their folder."""
    stop_after(7)
    with pytest.raises(Stopped):
        train_tiny("cut", **RUN)
    stop_after(0)
    return tmp_path / "cut" / "checkpoints"


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_named_and_passed_over(
    damage, cut_run, train_tiny, weights_of, capsys: pytest.CaptureFixture[str]
) -> None:
    DAMAGE[damage](cut_run / "step-000006")
    resumed = train_tiny("cut", **RUN)
    said = capsys.readouterr().err
    assert "Passing over a checkpoint" in said
    assert "step-000006" in said
    assert "Going on from step 4 of 9." in said
    assert same(weights_of(train_tiny("whole", **RUN)), weights_of(resumed))


def test_when_every_checkpoint_is_damaged_training_begins_again(
    cut_run, train_tiny, weights_of, metrics_of, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in cut_run.glob("step-*"):
        flip_a_byte(folder / "state.safetensors")
    resumed = train_tiny("cut", **RUN)
    assert "Going on" not in capsys.readouterr().err
    whole = train_tiny("whole", **RUN)
    assert same(weights_of(whole), weights_of(resumed))
    assert metrics_of(whole) == metrics_of(resumed)


def test_a_checkpoint_of_another_key_is_not_used(
    cut_run, train_tiny, weights_of, capsys: pytest.CaptureFixture[str]
) -> None:
    other = train_tiny("cut", **RUN, key="another", seed=8)
    said = capsys.readouterr().err
    assert "belongs to another recipe" in said
    assert "Going on" not in said
    assert same(weights_of(train_tiny("whole", **RUN, seed=8)), weights_of(other))


def test_later_checkpoints_of_another_key_do_not_push_out_ones_own(
    cut_run, train_tiny, stop_after
) -> None:
    stop_after(3)
    with pytest.raises(Stopped):
        train_tiny("cut", **RUN, key="another")
    assert [path.name for path in cut_run.glob("step-*")] == ["step-000002"]


def test_metrics_cut_in_the_middle_of_a_line_are_mended(cut_run, train_tiny, metrics_of) -> None:
    path = cut_run / "metrics.jsonl"
    path.write_text(path.read_text() + '{"step": 8, "lo')
    resumed = train_tiny("cut", **RUN)
    assert metrics_of(resumed) == metrics_of(train_tiny("whole", **RUN))


@pytest.mark.parametrize("keep", [1, 3])
def test_only_the_newest_checkpoints_are_kept(keep, train_tiny, stop_after, tmp_path) -> None:
    stop_after(8)
    with pytest.raises(Stopped):
        train_tiny("cut", max_steps=9, save_every=1, keep_checkpoints=keep)
    names = sorted(p.name for p in (tmp_path / "cut" / "checkpoints").glob("step-*"))
    assert names == [f"step-{n:06d}" for n in range(8 - keep, 8)]


def test_a_weight_that_was_never_used_does_not_stop_a_resume(tmp_path) -> None:
    from talkwright.train.model import Masters
    from talkwright.train.optimizers import Optimizer

    model = torch.nn.ModuleDict({"used": torch.nn.Linear(2, 2), "idle": torch.nn.Linear(2, 2)})
    masters = Masters(model)
    optimizer = Optimizer([torch.optim.AdamW(masters.masters)])
    model["used"](torch.ones(2)).sum().backward()
    optimizer.step(0.1)
    checkpoint.save_checkpoint(tmp_path, "k", checkpoint.State(step=3), masters, optimizer, keep=1)
    fresh = torch.nn.ModuleDict({"used": torch.nn.Linear(2, 2), "idle": torch.nn.Linear(2, 2)})
    restored = Masters(fresh)
    again = Optimizer([torch.optim.AdamW(restored.masters)])
    assert checkpoint.restore_newest(tmp_path, "k", restored, again).step == 3
    assert same(model.state_dict(), fresh.state_dict())
    assert [bool(again.state(master)) for master in restored.masters] == [True, True, False, False]
