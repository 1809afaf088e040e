"""A training that was cut goes on under a recipe that differs in nothing it computes, and only then."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from talkwright import pipeline
from talkwright.config import build_recipe
from talkwright.runs import holding
from talkwright.train import loop, unfinished


@pytest.fixture
def start(tiny_base, tmp_path, monkeypatch: pytest.MonkeyPatch):
    """Run a recipe on a dozen chats; with `cut`, until the checkpoint of that step is saved."""
    chats = tmp_path / "chats.jsonl"
    said = [(f"What is number {n}, please?", f"It is a good number, {n}.") for n in range(12)]
    rows = [[{"role": "user", "content": q}, {"role": "assistant", "content": a}] for q, a in said]
    chats.write_text("".join(json.dumps({"messages": row}) + "\n" for row in rows), encoding="utf-8")

    def run(
        *,
        cut: int = 0,
        name: str = "long",
        evaluate: dict[str, int] | None = None,
        **train: object,
    ) -> Path:
        values = {
            "name": name,
            "model": tiny_base.path,
            "data": {"sources": [str(chats)], "validation": 0, "test": 0},
            "train": {"max_steps": 4, "save_every": 1, "batch_size": 4, "precision": "fp32", **train},
            "evaluate": evaluate or {},
        }
        save = loop.save_checkpoint

        def stopping(*given, **named) -> None:
            save(*given, **named)
            if given[2].step == cut:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(loop, "save_checkpoint", stopping)
            return pipeline.run(build_recipe(values, folder=tmp_path), tmp_path / "runs", until="train")

    return run


def cut_first(start) -> None:
    with pytest.raises(KeyboardInterrupt):
        start(cut=2)


@pytest.mark.parametrize(
    "changes",
    [{"accumulation": 2}, {"recompute": "all", "max_minutes": 9.0}, {"evaluate": {"prompts": 5}}],
    ids=str,
)
def test_settings_that_compute_the_same_go_on(changes, start, capsys, weights_of) -> None:
    cut_first(start)
    capsys.readouterr()
    run = start(**changes)
    said = capsys.readouterr().err
    assert "Going on from step 2 of 4." in said
    assert "Going on with the training that" in said
    assert not list(run.parent.glob("*/checkpoints"))


def test_another_setting_begins_anew_and_says_why(start, tmp_path, capsys) -> None:
    cut_first(start)
    capsys.readouterr()
    start(learning_rate=1e-4, accumulation=2)
    said = capsys.readouterr().err
    assert "train.learning_rate (0.001 then, 0.0001 now)" in said
    assert "accumulation" not in said
    assert "Going on" not in said
    start()  # and the first is still there
    assert "Going on from step 2 of 4." in capsys.readouterr().err


def test_a_training_that_still_runs_is_left_alone(start, tmp_path, capsys) -> None:
    cut_first(start)
    (other,) = (tmp_path / "runs").glob("long-*")
    capsys.readouterr()
    with holding(other):
        start(accumulation=2)
    assert "Going on" not in capsys.readouterr().err
    assert (other / "checkpoints" / "step-000002").is_dir()


def test_a_run_of_another_name_is_neither_taken_nor_spoken_of(start, capsys) -> None:
    cut_first(start)
    capsys.readouterr()
    start(name="longer")
    said = capsys.readouterr().err
    assert "Going on" not in said
    assert "unfinished training" not in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"eval_rows": 9}, "train.eval_rows (64 then, 9 now)"),
        ({"max_tokens": 999}, "train.max_tokens (None then, 999 now)"),
        (
            {"optimizer": "adafactor", "learning_rate": 1e-3},
            "train.optimizer (adamw then, adafactor now)",
        ),
    ],
    ids=str,
)
def test_numbers_words_and_nothing_are_said_as_they_are(changes, said, start, capsys) -> None:
    cut_first(start)
    capsys.readouterr()
    start(**changes)
    assert said in capsys.readouterr().err


def test_what_an_earlier_try_left_without_a_checkpoint_is_not_in_the_way(
    start, tmp_path, capsys
) -> None:
    with pytest.raises(KeyboardInterrupt):
        start(cut=1, accumulation=2)
    (left,) = (tmp_path / "runs").glob("*/checkpoints")
    shutil.rmtree(left / "step-000001")
    assert (left / "metrics.jsonl").is_file()
    cut_first(start)
    capsys.readouterr()
    assert start(accumulation=2) == left.parent
    assert "Going on from step 2 of 4." in capsys.readouterr().err


def test_there_and_back_again_loses_nothing(start, capsys) -> None:
    cut_first(start)
    with pytest.raises(KeyboardInterrupt):
        start(cut=3, accumulation=2)
    capsys.readouterr()
    start()
    assert "Going on from step 3 of 4." in capsys.readouterr().err


@pytest.mark.parametrize("backwards", [False, True])
def test_of_several_the_closest_is_named(backwards, start, capsys, monkeypatch) -> None:
    list_runs = unfinished.list_runs
    for settings in ({"learning_rate": 1e-4}, {"learning_rate": 1e-4, "weight_decay": 0.3}):
        with pytest.raises(KeyboardInterrupt):
            start(cut=1, **settings)
    capsys.readouterr()
    monkeypatch.setattr(unfinished, "list_runs", lambda runs: sorted(list_runs(runs), reverse=backwards))
    start(max_steps=1)
    said = capsys.readouterr().err
    assert "train.learning_rate" in said
    assert "weight_decay" not in said


def test_a_run_with_checkpoints_of_its_own_takes_no_other(start, tmp_path, capsys) -> None:
    cut_first(start)
    (own,) = (tmp_path / "runs").glob("long-*")
    shutil.copytree(own / "checkpoints", tmp_path / "kept")
    with pytest.raises(KeyboardInterrupt):
        start(cut=3, accumulation=2)  # which takes them along
    shutil.copytree(tmp_path / "kept", own / "checkpoints", dirs_exist_ok=True)
    (other,) = (run for run in (tmp_path / "runs").glob("long-*") if run != own)
    capsys.readouterr()
    start()
    assert "Going on from step 2 of 4." in capsys.readouterr().err
    assert (other / "checkpoints" / "step-000003").is_dir()
