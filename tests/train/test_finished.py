"""What a finished run computed is not computed again for a recipe that differs only in what comes
later."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from talkwright import pipeline
from talkwright.config import build_recipe
from talkwright.runs import file_digest, holding, read_json, recipe_of, verify_run

STAGES = ("data", "check", "train")


@pytest.fixture
def go(tiny_base, tmp_path):
    """Run a recipe on a dozen chats to the end of its training."""
    chats = tmp_path / "chats.jsonl"
    said = [(f"What is number {n}, please?", f"It is a good number, {n}.") for n in range(12)]
    rows = [[{"role": "user", "content": q}, {"role": "assistant", "content": a}] for q, a in said]
    chats.write_text("".join(json.dumps({"messages": row}) + "\n" for row in rows), encoding="utf-8")

    def run(
        name: str = "long", evaluate: dict[str, int] | None = None, seed: int = 7, **train: object
    ) -> Path:
        values = {
            "name": name,
            "seed": seed,
            "model": tiny_base.path,
            "data": {"sources": [str(chats)], "validation": 0.2, "test": 0},
            "train": {"max_steps": 2, "batch_size": 4, "precision": "fp32", "sample_every": 0, **train},
            "evaluate": evaluate or {},
        }
        return pipeline.run(build_recipe(values, folder=tmp_path), tmp_path / "runs", until="train")

    return run


def contents(run: Path) -> dict[str, tuple[str, int]]:
    """Digest and time of change of every file."""
    return {
        str(path.relative_to(run)): (file_digest(path), path.stat().st_mtime_ns)
        for path in sorted(run.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("it was trained again")

    return lambda: monkeypatch.setattr("talkwright.train.train", refuse)


def test_another_way_of_evaluating_trains_nothing_again(go, no_training, capsys) -> None:
    first = go()
    before = contents(first)
    capsys.readouterr()
    no_training()
    second = go(evaluate={"prompts": 5})
    assert second != first
    said = capsys.readouterr().err
    for stage in ("prepare", "check", "train"):
        assert f"{stage}: taken over from {first.name}, which computed the same" in said
    assert contents(first) == before
    for stage in STAGES:
        old, new = contents(first / stage), contents(second / stage)
        assert {n: digest for n, (digest, _) in old.items()} == {n: d for n, (d, _) in new.items()}
        assert not any((second / stage / n).samefile(first / stage / n) for n in old)
    count, damages = verify_run(second)
    assert (count > 0, damages) == (True, [])
    assert go(evaluate={"prompts": 5}) == second
    assert "taken over" not in capsys.readouterr().err


def test_a_run_of_another_name_will_do_but_not_of_another_setting(go, capsys) -> None:
    go()
    capsys.readouterr()
    go("other", learning_rate=2e-3)
    said = capsys.readouterr().err
    assert "prepare: taken over from" in said
    assert "check: taken over" not in said  # its findings depend on the training's settings
    assert "train: taken over" not in said


def test_a_damaged_one_is_named_and_not_taken(go, capsys) -> None:
    first = go()
    weights = first / "train" / "adapter" / "adapter_model.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(raw)
    capsys.readouterr()
    second = go(evaluate={"prompts": 5})
    said = capsys.readouterr().err
    assert f"{weights}: damaged" in said
    assert "train: taken over" not in said
    assert verify_run(second)[1] == []
    third = go(evaluate={"prompts": 6})  # the second is whole
    assert f"train: taken over from {second.name}" in capsys.readouterr().err
    assert verify_run(third)[1] == []


def test_one_that_is_being_worked_on_serves_with_what_it_has_finished(go, no_training) -> None:
    first = go()
    no_training()
    with holding(first):
        assert go(evaluate={"prompts": 5}) != first


def test_the_settings_of_a_plan_are_taken_over_with_it(go, no_training, monkeypatch) -> None:
    first = go(auto=["recompute"])
    monkeypatch.setattr("talkwright.planning._plan_here", None)  # to plan again would be another plan
    no_training()
    second = go(evaluate={"prompts": 5}, auto=["recompute"])
    assert (second / "plan" / "train.json").read_bytes() == (first / "plan" / "train.json").read_bytes()


@pytest.mark.parametrize("other", [{"max_steps": 3}, {"seed": 8}], ids=str)
def test_a_plan_for_other_settings_or_another_order_of_rows_is_not_taken_over(go, other) -> None:
    first = go(auto=["recompute"])
    second = go(auto=["recompute"], **other)
    assert second != first
    plans = [read_json(run / "plan" / "manifest.json")["key"] for run in (first, second)]
    assert plans[0] != plans[1]
    steps = read_json(second / "train" / "summary.json")["steps"]
    assert steps == recipe_of(second).train.max_steps == other.get("max_steps", 2)
