"""The training benchmark's arithmetic: when a fixed loss was reached, and how it is scored."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCH))
    found = importlib.import_module("to_loss")
    yield found
    for name in ("to_loss", "systems"):
        sys.modules.pop(name, None)


@pytest.fixture
def curve(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCH))
    yield importlib.import_module("curve")
    sys.modules.pop("curve", None)


@pytest.mark.parametrize(("drift", "inside"), [(0.01, True), (-0.02, False), (0.05, False)])
def test_a_curve_is_inside_where_it_is_no_farther_from_trl_than_trl_from_itself(
    curve, drift: float, inside: bool
) -> None:
    def falling(by: float) -> list[float]:
        return [3 - step / 100 + by * step / 30 for step in range(30)]

    curves = {
        "ours-bf16": falling(drift),
        **dict(zip(curve.TRL, map(falling, (0, 0.03, 0.02)), strict=True)),
    }
    found = curve.summary(curves)
    assert set(found["inside"].values()) == {inside}
    assert found["band"]["most"] == pytest.approx(0.03 * 29 / 30)
    assert f"TRL from itself: {found['inside']}" in curve.table(curves, found)
    lines = ElementTree.fromstring(curve.picture(curves)).iter("{http://www.w3.org/2000/svg}polyline")
    assert len(list(lines)) == 2 * len(curves)


CURVE = [(0.0, 4.0), (10.0, 2.0), (20.0, 2.5), (30.0, 1.0)]


@pytest.mark.parametrize(
    ("loss", "x"),
    [(5.0, 0.0), (4.0, 0.0), (3.0, 5.0), (2.0, 10.0), (1.75, 25.0), (1.0, 30.0), (0.9, None)],
)
def test_a_loss_is_reached_where_the_curve_first_comes_down_to_it(bench, loss, x) -> None:
    assert bench.first_reached(CURVE, loss) == (x if x is None else pytest.approx(x))


def test_between_scorings_a_curve_is_interpolated(bench) -> None:
    assert bench.value_at(CURVE, 0) == 4
    assert bench.value_at(CURVE, 15) == pytest.approx(2.25)
    with pytest.raises(ValueError, match="31 is outside"):
        bench.value_at(CURVE, 31)


def test_the_loss_is_what_trl_as_it_comes_has_after_three_quarters(bench) -> None:
    def run(seconds: float) -> dict:
        return {"all_steps": [seconds] * 8, "steps": [seconds] * 6, "start_up": 9.0}

    losses = {
        "ours": {"0": 4.0, "4": 2.0, "8": 1.0},
        "trl-tuned": {"0": 4.0, "4": 3.9, "8": 3.8},
        "trl-default-fp32": {"8": 1.0, "4": 2.0, "0": 4.0},
    }
    runs = {"ours": run(1.0), "trl-tuned": run(2.0), "trl-default-fp32": run(3.0)}
    found = bench.summary(runs, losses)
    assert (found["reference"], found["reference_steps"], found["loss"]) == ("trl-default-fp32", 6, 1.5)
    systems = found["systems"]
    assert [systems[n]["seconds"] for n in runs] == [6.0, None, 18.0]
    assert systems["trl-default-fp32"]["times_ours"] == 3.0
    table = bench.table(found)
    assert "| trl-default-fp32 | 18.0 | 6.0 | 3.00 | 3.00 | 9.0 | 1.000 |" in table
    assert "| trl-tuned | never | never | never | 2.00 | 9.0 | 3.800 |" in table
    drawn = ElementTree.fromstring(bench.picture(found))
    lines = drawn.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 3
    assert all(len((line.get("points") or "").split()) == 3 for line in lines)


def test_kept_adapters_are_scored_as_the_product_scores(
    bench, tiny_base, rows, section, tmp_path
) -> None:
    """Plain transformers, one row at a time, against our own way; and another start is refused."""
    import torch
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    from talkwright.train.loop import mean_loss
    from talkwright.train.model import prepare_model

    model, padded = prepare_model(tiny_base, section(), 7)
    model.save_pretrained(str(tmp_path / "start"))
    kept = tmp_path / "kept" / "ours"
    kept.mkdir(parents=True)
    tensors = [dict(get_peft_model_state_dict(model))]
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.05)
    tensors.append(dict(get_peft_model_state_dict(model)))
    for step, each in zip((0, 4), tensors, strict=True):
        cloned = {n: t.detach().clone() * (step > 0 or "lora_A" in n) for n, t in each.items()}
        save_file(cloned, kept / f"{step:05d}.safetensors")
    frozen = [{"input_ids": list(r.input_ids), "labels": list(r.labels)} for r in rows[:4]]
    (tmp_path / "rows.json").write_text(json.dumps({"model": tiny_base.path}))
    (tmp_path / "held-out.json").write_text(json.dumps(frozen))
    found = bench.score(tmp_path)["ours"]
    assert found["4"] == pytest.approx(mean_loss(model, rows[:4], padded=padded), rel=1e-5)
    assert found["0"] != pytest.approx(found["4"], rel=1e-3)
    save_file({n: t * 1.1 for n, t in cloned.items()}, kept / "00000.safetensors")
    with pytest.raises(SystemExit, match="ours did not begin with the adapter"):
        bench.score(tmp_path)


def test_the_clock_keeps_what_is_asked_and_times_steps_alone(bench, tmp_path, monkeypatch) -> None:
    systems = importlib.import_module("systems")
    kept: list[int] = []
    watch = systems.Watch(2, tmp_path)
    monkeypatch.setattr(watch, "_keep", lambda model: kept.append(len(watch.seconds)))
    ticks = iter([1.0, 1.5, 10.0, 12.0])
    monkeypatch.setattr(systems.time, "perf_counter", lambda: next(ticks))
    for _ in range(2):
        watch.begin(None)
        watch.end(None)
    assert watch.seconds == [0.5, 2.0]
    assert kept == [0, 1, 2]
    assert watch.ready > 0
