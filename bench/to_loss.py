"""Seconds of training until a fixed held-out loss: `python bench/train.py --to-loss`.

The rows are the quickstart's (`recipes/quickstart.yaml`), the held-out rows those of its suite, whose
questions no training row asks. Every system gets the same rows in the same steps, the same rate and the
same adapter to begin with, and keeps its adapter every few steps, outside the timed span. Afterwards one
process scores all of these with one plain function: transformers' own model in fp32, one row at a time.

The fixed loss is what the reference, TRL as it comes, has after three quarters of its steps. Between two
scorings it is interpolated. Published are seconds of training (the sum of the steps) until a system
first has it, the start-up (from the start of Python until the first step begins), and the curves.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RATE = 1e-3  # the quickstart's
STEPS, SCORINGS, HELD_OUT = 36, 9, 48
COLOURS = "#b33", "#7aa6c2", "#c9923e", "#6b8f5e", "#8a6fae", "#777", "#222"

Curve = list[tuple[float, float]]
"""Points of (steps or seconds, held-out loss in nats a token), the first before any step."""


# --- rows ----------------------------------------------------------------------------------------


def quickstart_rows(model: str, count: int, held_out: int) -> tuple[list[Any], list[Any]]:
    """`count` training rows of the quickstart and about `held_out` of its suite, as ids and labels."""
    from talkwright import data
    from talkwright.config import load_recipe
    from talkwright.pipeline import find_model, run
    from talkwright.template import read_examples

    recipe = load_recipe(ROOT / "recipes" / "quickstart.yaml", [f"model={model}"])
    with tempfile.TemporaryDirectory() as folder:
        rows = list(read_examples(run(recipe, Path(folder), until="check") / "check", "train"))
    _, template = find_model(recipe)
    suite = data.read_conversations(recipe.evaluate.suite)
    suite = (
        [suite[n * len(suite) // held_out] for n in range(held_out)] if held_out < len(suite) else suite
    )
    asked = [example for each in template.encode_all(suite) for example in each]
    if len(rows) < count:
        raise SystemExit(f"the quickstart has {len(rows)} training rows; {count} are asked for")
    return [_as_lists(row) for row in rows[:count]], [_as_lists(row) for row in asked]


def _as_lists(example: Any) -> dict[str, list[int]]:
    return {"input_ids": list(example.input_ids), "labels": list(example.labels)}


# --- the one way of scoring ----------------------------------------------------------------------


def held_out_loss(model: Any, rows: Sequence[dict[str, list[int]]]) -> float:
    """Mean negative log-likelihood in nats over the supervised tokens of `rows`, one row at a time, by
    the model's own forward pass."""
    import torch
    from torch.nn.functional import cross_entropy

    total, count = 0.0, 0
    with torch.inference_mode():
        for row in rows:
            logits = model(input_ids=torch.tensor([row["input_ids"]]), use_cache=False).logits[0, :-1]
            labels = torch.tensor(row["labels"][1:])
            total += float(cross_entropy(logits.float(), labels, ignore_index=-100, reduction="sum"))
            count += int((labels != -100).sum())
    return total / count


def score(folder: Path) -> dict[str, dict[str, float]]:
    """The held-out loss of every adapter kept under `folder/kept`, by system and step.

    Exits when a system did not begin with the adapter it was given.
    """
    import torch
    from peft import PeftModel, set_peft_model_state_dict
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    frozen = json.loads((folder / "rows.json").read_text())
    held = json.loads((folder / "held-out.json").read_text())
    plain = AutoModelForCausalLM.from_pretrained(frozen["model"], dtype=torch.float32)
    model = PeftModel.from_pretrained(plain, str(folder / "start")).eval()
    start = load_file(folder / "start" / "adapter_model.safetensors")
    found: dict[str, dict[str, float]] = {}
    first: float | None = None
    for place in sorted((folder / "kept").iterdir()):
        found[place.name] = {}
        for file in sorted(place.glob("*.safetensors")):
            kept = load_file(file)
            step = int(file.stem)
            if step == 0 and not _same(start, kept):
                raise SystemExit(f"{place.name} did not begin with the adapter it was given")
            set_peft_model_state_dict(model, kept)
            loss = first if step == 0 and first is not None else held_out_loss(model, held)
            first = loss if step == 0 else first
            found[place.name][str(step)] = loss
    return found


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two adapters are the same; a system that computes in bf16 rounds what it is given."""
    import torch

    return one.keys() == other.keys() and all(
        torch.equal(a.to(torch.bfloat16), other[name].to(torch.bfloat16)) for name, a in one.items()
    )


# --- when it was reached -------------------------------------------------------------------------


def value_at(curve: Curve, x: float) -> float:
    """The loss of a curve at `x`, interpolated between its points."""
    for (x0, y0), (x1, y1) in pairwise(curve):
        if x0 <= x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    raise ValueError(f"{x} is outside the curve from {curve[0][0]} to {curve[-1][0]}")


def first_reached(curve: Curve, loss: float) -> float | None:
    """Where a curve first comes down to `loss`, interpolated; None when it never does."""
    if curve[0][1] <= loss:
        return curve[0][0]
    for (x0, y0), (x1, y1) in pairwise(curve):
        if y1 <= loss:
            return x0 + (x1 - x0) * (y0 - loss) / (y0 - y1)
    return None


def reference_of(systems: Sequence[str]) -> str:
    """The system whose curve sets the fixed loss: TRL as it comes, else the first that is not ours."""
    wanted = [s for s in systems if s.startswith("trl-default")] or [s for s in systems if s != "ours"]
    return (wanted or list(systems))[0]


def summary(runs: dict[str, dict[str, Any]], losses: dict[str, dict[str, float]]) -> dict[str, Any]:
    """What each system needed; `runs` are measurements of `train.run_child`, in their order."""
    by_step: dict[str, Curve] = {}
    by_second: dict[str, Curve] = {}
    for name, run in runs.items():
        by_step[name] = sorted((float(step), loss) for step, loss in losses[name].items())
        by_second[name] = [(sum(run["all_steps"][: int(step)]), loss) for step, loss in by_step[name]]
    reference = reference_of(list(runs))
    at = 0.75 * by_step[reference][-1][0]
    loss = value_at(by_step[reference], at)
    found: dict[str, Any] = {"reference": reference, "reference_steps": at, "loss": loss, "systems": {}}
    ours = first_reached(by_second["ours"], loss) if "ours" in runs else None
    for name, run in runs.items():
        seconds = first_reached(by_second[name], loss)
        found["systems"][name] = {
            "seconds": seconds,
            "steps": first_reached(by_step[name], loss),
            "times_ours": seconds / ours if seconds is not None and ours else None,
            "seconds_per_step": statistics.median(run["steps"]),
            "start_up": run["start_up"],
            "curve": by_second[name],
        }
    return found


def table(found: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        f"Held-out loss {found['loss']:.3f}: what {found['reference']} has after "
        f"{found['reference_steps']:.0f} steps.",
        "",
        "| | seconds of training | steps | times ours | s/step | start-up s | last loss |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]

    def said(number: float | None, places: int) -> str:
        return "never" if number is None else f"{number:.{places}f}"

    for name, m in found["systems"].items():
        cells = [said(m["seconds"], 1), said(m["steps"], 1), said(m["times_ours"], 2)]
        cells += [f"{m['seconds_per_step']:.2f}", f"{m['start_up']:.1f}", f"{m['curve'][-1][1]:.3f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


# --- the plot ------------------------------------------------------------------------------------


def picture(found: dict[str, Any]) -> str:
    """Held-out loss against seconds of training, one line a system (SVG)."""
    curves: dict[str, Curve] = {name: m["curve"] for name, m in found["systems"].items()}
    width, height, left, top = 760, 380, 56, 34
    right, bottom = width - 150, height - 46
    most = max(x for curve in curves.values() for x, _ in curve) or 1.0
    low, high = (pick(y for c in curves.values() for _, y in c) for pick in (min, max))
    low, high = min(low, found["loss"]) - 0.05, high + 0.05

    def at(x: float, y: float) -> tuple[float, float]:
        return left + (right - left) * x / most, bottom - (bottom - top) * (y - low) / (high - low)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="system-ui, sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        '<text x="8" y="18">Held-out loss (nats a token) against seconds of training</text>',
        f'<path d="M{left} {top}V{bottom}H{right}" stroke="#222" fill="none"/>',
    ]
    for x in _ticks(0.0, most):
        out.append(f'<text x="{at(x, low)[0]:.1f}" y="{bottom + 18}" text-anchor="middle">{x:g}</text>')
    for y in _ticks(low, high):
        out.append(f'<text x="{left - 8}" y="{at(0, y)[1] + 4:.1f}" text-anchor="end">{y:g}</text>')
    level = at(0, found["loss"])[1]
    out += [
        f'<path d="M{left} {level:.1f}H{right}" stroke="#999" stroke-dasharray="4 3"/>',
        f'<text x="{right + 6}" y="{level + 4:.1f}" fill="#666">fixed: {found["loss"]:.3f}</text>',
    ]
    for n, (name, curve) in enumerate(curves.items()):
        colour, points = COLOURS[n % len(COLOURS)], [at(*point) for point in curve]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in points]
        y = top + 8 + 20 * n
        out.append(f'<path d="M{right + 6} {y}h18" stroke="{colour}" stroke-width="2"/>')
        out.append(f'<text x="{right + 30}" y="{y + 4}">{name}</text>')
    return "\n".join([*out, "</svg>"])


def _ticks(low: float, high: float) -> list[float]:
    """About five round numbers from `low` to `high`."""
    sizes = [m * 10.0**e for e in range(-3, 5) for m in (1, 2, 5)]
    size = next((s for s in sizes if (high - low) / s <= 6), sizes[-1])
    first = -(-low // size)
    return [round((first + n) * size, 6) for n in range(8) if (first + n) * size <= high]


# --- all of it -----------------------------------------------------------------------------------


def measure_to_loss(
    systems: list[str], *, steps: int | None, quick: bool, out: Path, model: str,
    freeze: Callable[..., str], run_child: Callable[..., dict[str, Any]],
) -> None:  # fmt: skip
    """Train each system once, score what they kept, write `to-loss.json` and `to-loss.svg` to `out`."""
    steps = steps or (6 if quick else STEPS)
    every = max(1, steps // (3 if quick else SCORINGS))
    rows, held = quickstart_rows(model, 8 * steps, 8 if quick else HELD_OUT)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        digest = freeze(rows, steps, RATE, folder, model)
        (folder / "held-out.json").write_text(json.dumps(held))
        runs: dict[str, dict[str, Any]] = {}
        for system in systems:
            runs[system] = run_child(system, folder, steps, every)
            print(f"  {system}: {sum(runs[system]['all_steps']):.1f} s for {steps} steps",
                  file=sys.stderr, flush=True)  # fmt: skip
        command = [sys.executable, __file__, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"scoring failed:\n{done.stderr[-3000:]}")
        found = summary(runs, json.loads(done.stdout.strip().splitlines()[-1]))
    found["rows"], found["rate"], found["model"] = digest, RATE, model
    (out / "to-loss.json").write_text(json.dumps(found, indent=1))
    (out / "to-loss.svg").write_text(picture(found))
    print(table(found))


if __name__ == "__main__":
    print(json.dumps(score(Path(sys.argv[1]))))
