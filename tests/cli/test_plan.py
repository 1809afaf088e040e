"""`plan`, and the settings that `train: auto` takes from it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from talkwright.config import build_recipe
from talkwright.errors import RecipeError
from talkwright.runs import read_json, recipe_of


@pytest.fixture
def recipe(tiny_base: Any, chats: Path, tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(
        f"model: {tiny_base.path}\ndata: {{sources: {chats.name}, test: 0}}\n"
        "train: {max_steps: 3, batch_size: 4, precision: fp32}\n"
    )
    return path


def test_the_text_says_what_a_person_asks(talkwright, recipe: Path) -> None:
    done = talkwright("plan", recipe)
    assert done.code == 0, done.err
    for said in ("this machine", "fits", "peak memory", "library", "time", "energy", "cost", "h100"):
        assert said in done.out
    assert "3 steps" in done.out
    assert "tokens a step in 1 pass, fp32" in done.out
    assert not list(Path("runs").glob("*/train")), "nothing is trained"


def test_the_json_says_the_same_for_a_gpu(talkwright, recipe: Path) -> None:
    found = talkwright("plan", recipe, "--gpu", "rtx4090", "--n", 4, "--json").json
    asked = found["asked"]
    assert asked["machine"] == "rtx4090"
    assert asked["fits"] is True
    parts = [size for name, size in asked["memory"].items() if name not in ("peak", "when")]
    assert abs(sum(parts) - asked["memory"]["peak"]) <= len(parts)
    assert asked["price"]["date"] >= "2025"
    assert asked["energy_kwh_at_most"] > 0
    assert found["gpus"] == {"asked": 4, "used": 1}
    assert any("one process" in note for note in found["notes"])
    assert any("factor of two" in note for note in found["notes"])
    assert not any("Llama" in note for note in found["notes"])


@pytest.mark.parametrize("known", [True, False])
def test_a_plan_says_of_which_models_it_only_guesses(
    known: bool, talkwright, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import GPT2Config

    from talkwright.train.estimate import structure

    GPT2Config(n_embd=16, n_layer=2, n_head=2).save_pretrained("other")
    if not known:  # every family that can be trained can be counted, as far as we know
        monkeypatch.setattr(structure, "_count", lambda *_: None)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *_: "other/config.json")
    found = talkwright("plan", recipe, "--json", "--set", "model=acme/other-chat").json
    assert any("Llama" in note for note in found["notes"]) is not known


@pytest.mark.parametrize(
    ("precision", "best", "told"),
    [("fp32", "fp32", False), ("bf16", "fp32", True), ("bf16", "bf16", False)],
)
def test_a_plan_says_that_emulated_bf16_was_not_measured(
    precision: str, best: str, told: bool, talkwright, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talkwright.train.best_precision_here", lambda: best)
    found = talkwright("plan", recipe, "--json", "--set", f"train.precision={precision}").json
    assert any("emulates" in note for note in found["notes"]) is told


def test_bad_input_is_named(talkwright, recipe: Path, tmp_path: Path) -> None:
    done = talkwright("plan", recipe, "--gpu", "gtx9000")
    assert done.code == 2
    assert "rtx3090" in done.err
    (tmp_path / "p.yaml").write_text("prices: {h100: free}\n")
    done = talkwright("plan", recipe, "--prices", "p.yaml")
    assert done.code == 2
    assert "p.yaml: prices.h100" in done.err


def test_the_price_that_a_plan_asks_for_can_be_given(talkwright, recipe: Path, tmp_path: Path) -> None:
    asked = re.search("--prices FILE with `(.*)`", talkwright("plan", recipe).out)
    assert asked is not None
    (tmp_path / "p.yaml").write_text(asked[1].replace("DOLLARS_AN_HOUR", "0.1"))
    assert "at $0.1 an hour (p.yaml" in talkwright("plan", recipe, "--prices", "p.yaml").out


def test_a_model_that_is_not_here_needs_only_its_configuration(
    talkwright, recipe: Path, tiny_base: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "huggingface_hub.hf_hub_download", lambda *_: str(Path(tiny_base.path) / "config.json")
    )
    found = talkwright("plan", recipe, "--json", "--set", "model=acme/tiny-chat").json
    assert found["fits"] is True
    assert any("4 characters a token" in note for note in found["notes"])
    assert not list(Path("runs").glob("*/check"))


@pytest.mark.parametrize("until", ["prepare", "check"])
def test_the_rows_of_a_plan_know_what_validation_rows_begin_with(
    until: Any, recipe: Path, tmp_path: Path
) -> None:
    from talkwright import pipeline, planning
    from talkwright.config import load_recipe

    chosen = load_recipe(recipe, ["data.validation=0.5"])
    rows = planning._rows_of(chosen, pipeline.run(chosen, tmp_path / "runs", until=until))
    assert len(rows.validation) > 1
    for examples, lengths in (
        (rows.examples, rows.lengths),
        (rows.validation_examples, rows.validation),
    ):
        assert [len(example.input_ids) for example in examples] == list(lengths)


# --- train: auto ---------------------------------------------------------------------------------


def test_auto_is_written_in_several_ways() -> None:
    def auto(train: Any, *overrides: str) -> list[str]:
        return list(build_recipe({"data": "x", "train": train}, overrides).train.auto)

    every = ["pass_tokens", "recompute", "precision", "quantise"]
    assert auto("auto") == every
    assert auto("auto", "train.max_steps=3") == every
    assert auto({}, "train=auto") == every
    assert auto({"recompute": "auto"}) == ["recompute"]
    assert auto({"auto": True, "recompute": True}) == ["pass_tokens", "precision", "quantise"]
    assert auto({"auto": ["quantise"], "pass_tokens": "auto"}) == ["quantise", "pass_tokens"]
    assert auto({"precision": "auto"}) == []
    for wrong, said in [
        ({"auto": ["recompute"], "recompute": True}, "recompute is left to the plan"),
        ({"auto": ["pass_tokens"], "accumulation": 2}, "accumulation is given, too"),
        ({"auto": ["epochs"]}, "train.auto"),
    ]:
        with pytest.raises(RecipeError, match=said):
            auto(wrong)


def test_auto_takes_settings_that_fit_and_keeps_them(
    talkwright, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = "talkwright.train.estimate.machines.main_memory"
    whole = talkwright("plan", recipe, "--json").json
    least, most = (whole[name]["memory"]["peak"] for name in ("smallest", "asked"))
    assert least < most
    monkeypatch.setattr(place, lambda: (0.7 * least + 0.3 * most) / 0.9)
    done = talkwright("train", recipe, "--set", "train.auto=[pass_tokens, recompute]")
    assert done.code == 0, done.err
    assert "plan: pass_tokens" in done.err
    (plan,) = Path("runs").glob("*/plan")
    taken = read_json(plan / "train.json")
    assert taken["pass_tokens"] or taken["recompute"] != "none"
    assert taken["auto"] == []
    assert recipe_of(plan.parent).train.model_dump(mode="json") == taken
    written = (plan / "train.json").stat().st_mtime_ns
    weights = [p.read_bytes() for p in sorted((plan.parent / "train").rglob("*.safetensors"))]
    # Elsewhere, with all the memory there is, a run goes on as it began.
    monkeypatch.setattr(place, lambda: 1e12)
    again = talkwright("train", recipe, "--set", "train.auto=[pass_tokens, recompute]")
    assert again.code == 0
    assert (plan / "train.json").stat().st_mtime_ns == written
    assert "train: reused" in again.err
    assert weights == [p.read_bytes() for p in sorted((plan.parent / "train").rglob("*.safetensors"))]
    assert json.loads((plan / "estimate.json").read_text())["fits"] is True


def test_auto_says_when_nothing_fits(talkwright, recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkwright.train.estimate.machines.main_memory", lambda: 1e8)
    done = talkwright("train", recipe, "--set", "train.auto=true")
    assert done.code == 2
    assert "does not fit" in done.err
    assert "GiB of memory" in done.err
    told = talkwright("plan", recipe)
    assert told.code == 0
    assert "does not fit" in told.out


def test_a_plan_asks_nobody_for_the_rows_that_augmenting_would_add(talkwright, recipe: Path) -> None:
    endpoint = "{url: 'http://127.0.0.1:9/v1', model: m}"
    text, counts = recipe.read_text(), []
    for augment in ("", f", augment: {{endpoint: {endpoint}, steps: [{{kind: paraphrase}}]}}"):
        recipe.write_text(text.replace("test: 0", f"test: 0{augment}"))
        done = talkwright("plan", recipe, "--json", "--set", "train.max_steps=null")
        assert done.code == 0, done.err
        (rows,) = [note for note in done.json["notes"] if " rows" in note]
        counts.append((int(rows.split()[0]), done.json["asked"]["steps"]))
        assert ("the rows it will add are not counted" in rows) == bool(augment)
        assert ("assumed: 4 characters a token" in rows) == bool(augment)
        prepared = read_json(Path(done.json["run"]) / "data" / "counts.json")["splits"]["train"]
        assert counts[-1][0] == prepared
    assert counts[0] == counts[1]
    assert not list(Path("runs").glob("*/augment"))


def test_a_check_of_other_data_says_nothing_about_the_rows(
    talkwright, recipe: Path, chats: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a plan ends at the prepared data, an earlier check may lie beside it."""
    from talkwright import planning

    before = talkwright("plan", recipe, "--json").json
    lines = chats.read_text().splitlines(keepends=True)
    chats.write_text("".join(lines[:30]))
    monkeypatch.setattr(planning, "rows_needed", lambda recipe: "prepare")
    after = talkwright("plan", recipe, "--json").json
    assert "as encoded" in before["notes"][0]
    assert "as encoded" not in after["notes"][0]
    assert int(after["notes"][0].split()[0]) < int(before["notes"][0].split()[0])
