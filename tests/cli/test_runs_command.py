"""`runs` lists what is on disk, damaged runs too."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from talkwright.config import build_recipe
from talkwright.runs import artefact, open_run


def make_run(name: str, age: int) -> Path:
    run = open_run(build_recipe({"name": name, "data": "a.jsonl"}), Path("runs"))
    os.utime(run / "recipe.json", (1_000_000_000 - age,) * 2)
    return run


def test_an_empty_folder_says_how_to_begin(talkwright) -> None:
    assert "run recipe.yaml" in talkwright("runs").out
    assert talkwright("runs", "list", "--json").json == []


def test_runs_are_listed_oldest_first_with_their_stages(talkwright) -> None:
    new, old = make_run("new", 1), make_run("old", 2)
    with artefact(old / "data", kind="dataset", key="k"):
        pass
    listed = talkwright("runs", "list", "--json").json
    assert [(row["name"], row["stages"]) for row in listed] == [(old.name, ["data"]), (new.name, [])]
    assert listed[0]["run"] == str(old)
    assert listed[0]["model"] == "smollm2-135m"
    text = talkwright("runs").out
    assert text.index(old.name) < text.index(new.name)
    assert "nothing finished" in text


def test_a_damaged_run_does_not_hide_the_others(talkwright) -> None:
    good = make_run("good", 1)
    (Path("runs") / "bad").mkdir()
    (Path("runs/bad/recipe.json")).write_text("{")
    done = talkwright("runs")
    assert done.code == 0
    assert "damaged" in done.out
    assert good.name in done.out


def test_one_run_is_shown(talkwright) -> None:
    run = make_run("shop", 1)
    with artefact(run / "data", kind="dataset", key="k"):
        pass
    found = talkwright("runs", "show", "shop", "--json").json
    assert found["run"] == str(run)
    assert list(found["stages"]) == ["data"]
    assert found["recipe"]["name"] == "shop"
    assert found["environment"]["python"]
    assert "data" in talkwright("runs", "show").out


def test_the_folder_of_runs_can_be_named_or_set(talkwright, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run("shop", 1)
    Path("runs").rename("elsewhere")
    assert talkwright("runs", "list", "--runs", "elsewhere", "--json").json[0]["name"] == run.name
    monkeypatch.setenv("TALKWRIGHT_RUNS", "elsewhere")
    assert talkwright("runs", "--json").json[0]["name"] == run.name
