"""A training that was cut goes on under a recipe that differs in nothing it computes, and only then."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from talkwright import pipeline
from talkwright.config import build_recipe
from talkwright.errors import TrainError
from talkwright.runs import holding
from talkwright.train import loop
from talkwright.train.origin import free_settings


@pytest.fixture
def start(tiny_base, tmp_path, monkeypatch: pytest.MonkeyPatch):
    """Run a recipe on a dozen chats; with `cut`, until the checkpoint of that step is saved."""
    chats = tmp_path / "chats.jsonl"
    said = [(f"What is number {n}, please?", f"It is a good number, {n}.") for n in range(24)]
    chat = [[{"role": "user", "content": q}, {"role": "assistant", "content": a}] for q, a in said]

    def run(
        *,
        cut: int = 0,
        name: str = "long",
        evaluate: dict[str, int] | None = None,
        anew: bool = False,
        rows: int = 12,
        validation: float = 0,
        model: str = tiny_base.path,
        **train: object,
    ) -> Path:
        lines = [json.dumps({"messages": row}) + "\n" for row in chat[:rows]]
        chats.write_text("".join(lines), encoding="utf-8")
        values = {
            "name": name,
            "model": model,
            "data": {"sources": [str(chats)], "validation": validation, "test": 0},
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
            recipe = build_recipe(values, folder=tmp_path)
            return pipeline.run(recipe, tmp_path / "runs", until="train", anew=anew)

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


def test_another_setting_is_refused_and_named_and_nothing_is_lost(start, capsys) -> None:
    cut_first(start)
    with pytest.raises(TrainError) as refused:
        start(learning_rate=1e-4, accumulation=2)
    said = str(refused.value)
    assert "cannot go on with: train.learning_rate (0.001 then, 0.0001 now). Put that back" in said
    assert "`--anew`" in said
    capsys.readouterr()
    start()  # the setting put back
    assert "Going on from step 2 of 4." in capsys.readouterr().err


def test_anew_begins_beside_it(start, tmp_path, capsys) -> None:
    cut_first(start)
    (cut,) = (tmp_path / "runs").glob("long-*")
    capsys.readouterr()
    run = start(learning_rate=1e-4, anew=True)
    assert "Going on" not in capsys.readouterr().err
    assert run != cut
    assert (run / "train" / "manifest.json").is_file()
    start()
    assert "Going on from step 2 of 4." in capsys.readouterr().err


def test_anew_with_the_same_recipe_keeps_the_checkpoints_aside(start, tmp_path, capsys) -> None:
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            start(cut=2, anew=True)
    capsys.readouterr()
    run = start(anew=True)
    said = capsys.readouterr().err
    assert "Going on" not in said
    assert str(run / "checkpoints-before-2") in said
    assert (run / "checkpoints-before-1" / "step-000002").is_dir()
    assert (run / "checkpoints-before-2" / "step-000002").is_dir()


def test_another_data_set_is_refused_and_named(start, tmp_path, capsys) -> None:
    cut_first(start)
    with pytest.raises(TrainError, match=r"the training rows \(12 then, 16 now.*`--anew`"):
        start(rows=16)
    capsys.readouterr()
    start()
    assert "Going on from step 2 of 4." in capsys.readouterr().err
    assert not list((tmp_path / "runs").glob("*/checkpoints*"))


def test_what_was_given_up_for_another_since_is_in_nobodys_way(start, capsys) -> None:
    cut_first(start)
    start(learning_rate=1e-4, anew=True)
    capsys.readouterr()
    start(learning_rate=2e-4)
    said = capsys.readouterr().err
    assert "train.learning_rate (0.001 then, 0.0002 now). This one begins anew." in said
    with pytest.raises(KeyboardInterrupt):
        start(cut=1, learning_rate=3e-4)
    with pytest.raises(TrainError, match=r"\(0.0003 then, 0.0004 now\)"):  # the newest counts
        start(learning_rate=4e-4)


def test_a_training_that_still_runs_is_left_alone(start, tmp_path, capsys) -> None:
    cut_first(start)
    (other,) = (tmp_path / "runs").glob("long-*")
    capsys.readouterr()
    with holding(other):
        start(accumulation=2)
    assert "Going on" not in capsys.readouterr().err
    assert (other / "checkpoints" / "step-000002").is_dir()


@pytest.mark.parametrize("cut", ["long", "long-er", "lo-nger"])
def test_a_run_of_another_name_is_neither_taken_nor_spoken_of(cut, start, capsys) -> None:
    with pytest.raises(KeyboardInterrupt):
        start(name=cut, cut=2)
    capsys.readouterr()
    start(name="lo", learning_rate=1e-4)
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
    with pytest.raises(TrainError) as refused:
        start(**changes)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"neftune": 5.0}, "train.neftune (None then, 5.0 now)"),
        ({"lora": {"dropout": 0.1}}, "train.lora.dropout (0.0 then, 0.1 now)"),
        ({"on_fault": "roll_back"}, "train.on_fault (skip then, roll_back now)"),
    ],
    ids=str,
)
def test_a_setting_that_decides_beside_another_is_not_said_to_have_changed(
    changes, said, start, capsys
) -> None:
    cut_first(start)
    with pytest.raises(TrainError) as refused:
        start(**changes)
    assert f"cannot go on with: {said}. Put that back" in str(refused.value)


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


def test_how_often_it_is_looked_at_may_change_but_not_with_patience(start, capsys) -> None:
    looks = {"eval_every": 3, "sample_every": 0}
    cut_first(start)
    capsys.readouterr()
    start(**looks)
    assert "Going on from step 2 of 4." in capsys.readouterr().err
    with pytest.raises(KeyboardInterrupt):
        start(cut=2, name="patient", patience=2, validation=0.3)
    with pytest.raises(TrainError, match=r"train\.eval_every \(None then, 3 now\)"):
        start(name="patient", patience=2, eval_every=3, validation=0.3)


def test_what_a_fault_goes_back_to_may_not_change(section) -> None:
    always = {"accumulation", "pass_tokens", "recompute", "max_minutes", "sample_every", "trackers"}
    for settings, fixed in (
        ({}, set()),
        ({"patience": 2}, {"eval_every"}),
        ({"on_fault": "roll_back"}, {"eval_every", "save_every"}),  # the first is the second's default
        ({"on_fault": "stop"}, set()),
    ):
        free = free_settings(section(**settings))
        assert always <= free
        assert {"eval_every", "save_every"} - free == fixed


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


def test_a_precision_said_outright_that_auto_came_to_goes_on(start, capsys) -> None:
    from talkwright.models import best_precision

    with pytest.raises(KeyboardInterrupt):
        start(cut=2, precision="auto")
    start(precision=best_precision())
    assert "Going on from step 2 of 4." in capsys.readouterr().err


def test_passes_of_a_model_with_dropout_of_its_own_may_not_change(start, tiny_base, tmp_path) -> None:
    dropping = tmp_path / "dropping"
    shutil.copytree(tiny_base.path, dropping)
    config = json.loads((dropping / "config.json").read_text("utf-8"))
    (dropping / "config.json").write_text(json.dumps({**config, "attention_dropout": 0.1}), "utf-8")
    with pytest.raises(KeyboardInterrupt):
        start(cut=2, model=str(dropping))
    before = sorted(tmp_path.glob("runs/*/checkpoints/step-*"))
    with pytest.raises(TrainError, match=r"cannot go on with: train.accumulation \(1 then"):
        start(accumulation=2, model=str(dropping))
    assert sorted(tmp_path.glob("runs/*/checkpoints/step-*")) == before
