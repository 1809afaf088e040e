"""Does bf16 training go where TRL's goes? `python bench/train.py --curve`.

Two runs of TRL in bf16 that differ in nothing but how a step's rows are divided into passes round
differently, and drift apart: that is how far apart two runs of the same thing may be. All systems get
the same rows in the same steps, the same rate and the same adapter to begin with; kept is the loss of
each training step. The curve of ours should be as near to TRL's as TRL's are to each other.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

STEPS = 200
SMOOTHED = 10  # steps whose mean is drawn and compared: a single step's loss is mostly its rows'
TRL = ("trl-bf16", "trl-bf16-2x4", "trl-bf16-4x2")
RATE = 1e-3
COLOURS = {
    "ours-bf16": "#b33",
    "trl-bf16": "#7aa6c2",
    "trl-bf16-2x4": "#c9923e",
    "trl-bf16-4x2": "#6b8f5e",
}

Curve = list[float]


def smooth(curve: Curve) -> Curve:
    """The mean over each `SMOOTHED` steps in a row."""
    return [statistics.fmean(curve[n : n + SMOOTHED]) for n in range(len(curve) - SMOOTHED + 1)]


def apart(one: Curve, other: Curve) -> dict[str, float]:
    """How far two curves are apart: mean and largest difference of steps, and of smoothed ones."""
    steps = [abs(a - b) for a, b in zip(one, other, strict=True)]
    level = [abs(a - b) for a, b in zip(smooth(one), smooth(other), strict=True)]
    return {
        "mean": statistics.fmean(steps), "most": max(steps),
        "smoothed_mean": statistics.fmean(level), "smoothed_most": max(level),
    }  # fmt: skip


def summary(curves: dict[str, Curve]) -> dict[str, Any]:
    """All pairs; how far TRL is from itself at most; and whether ours is no farther from each of TRL."""
    pairs = {f"{a} and {b}": apart(curves[a], curves[b]) for a, b in itertools.combinations(curves, 2)}
    own = [m for name, m in pairs.items() if "ours" not in name]
    ours = [m for name, m in pairs.items() if "ours" in name]
    band = {key: max(m[key] for m in own) for key in own[0]}
    farthest = {key: max(m[key] for m in ours) for key in ours[0]}
    return {"pairs": pairs, "band": band, "ours": farthest,
            "inside": {key: farthest[key] <= band[key] for key in band}}  # fmt: skip


def table(curves: dict[str, Curve], found: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = ["| pair | mean | most | smoothed: mean | most |", "|---|---:|---:|---:|---:|"]
    for name, m in found["pairs"].items():
        lines.append(f"| {name} | {' | '.join(f'{x:.5f}' for x in m.values())} |")
    for name, curve in curves.items():
        first, last = statistics.fmean(curve[:SMOOTHED]), statistics.fmean(curve[-SMOOTHED:])
        lines.append(f"{name}: loss {first:.4f} in the first {SMOOTHED} steps, {last:.4f} in the last")
    lines.append(f"no farther from TRL than TRL from itself: {found['inside']}")
    return "\n".join(lines)


def picture(curves: dict[str, Curve]) -> str:
    """Above the smoothed curves, below the difference of each from the first of TRL (SVG)."""
    width, left, right = 760, 66, 640
    base = smooth(curves[TRL[0]])
    above = {name: smooth(curve) for name, curve in curves.items()}
    below = {
        name: [a - b for a, b in zip(smooth(curve), base, strict=True)] for name, curve in curves.items()
    }
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 470" '
        'font-family="system-ui, sans-serif" font-size="13">',
        f'<rect width="{width}" height="470" fill="#fff"/>',
        f'<text x="8" y="18">Training loss in bf16 (nats a token, mean of {SMOOTHED} steps)</text>',
        f'<text x="8" y="268">Difference from {TRL[0]}</text>',
    ]
    for top, bottom, lines in ((30, 230, above), (280, 440, below)):
        values = list(itertools.chain.from_iterable(lines.values()))
        low, high = min(values), max(values)
        span = (high - low) or 1.0
        for value in (low, (low + high) / 2, high):
            y = bottom - (bottom - top) * (value - low) / span
            out.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.3f}</text>')
        out.append(f'<path d="M{left} {top}V{bottom}H{right}" stroke="#222" fill="none"/>')
        for name, curve in lines.items():
            points = " ".join(
                f"{left + (right - left) * n / max(1, len(curve) - 1):.1f},"
                f"{bottom - (bottom - top) * (value - low) / span:.1f}"
                for n, value in enumerate(curve)
            )
            out.append(
                f'<polyline points="{points}" fill="none" stroke="{COLOURS[name]}" stroke-width="1.6"/>'
            )
    out.append(f'<text x="{right}" y="458" text-anchor="end">step</text>')
    for n, name in enumerate(curves):
        out.append(
            f'<path d="M{right + 6} {40 + 20 * n}h18" stroke="{COLOURS[name]}" stroke-width="2"/>'
        )
        out.append(f'<text x="{right + 28}" y="{44 + 20 * n}">{name}</text>')
    return "\n".join([*out, "</svg>"])


def measure_curve(
    *, steps: int | None, quick: bool, out: Path, model: str, make_rows: Callable[..., Sequence[Any]],
    freeze: Callable[..., str], run_child: Callable[..., dict[str, Any]],
) -> None:  # fmt: skip
    """Train ours and TRL, divided in three ways, and write `curve.json` and `curve.svg` to `out`."""
    steps = steps or (20 if quick else STEPS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        digest = freeze(make_rows("very short", 8 * steps, model), steps, RATE, folder, model)
        curves: dict[str, Curve] = {}
        for system in ("ours-bf16", *TRL):
            curves[system] = run_child(system, folder, steps)["losses"]
            print(f"  {system}: {curves[system][-1]:.4f}", file=sys.stderr, flush=True)
            found = {"rows": digest, "rate": RATE, "model": model, "curves": curves}
            (out / "curve.json").write_text(json.dumps(found, indent=1))
    found |= summary(curves)
    (out / "curve.json").write_text(json.dumps(found, indent=1))
    (out / "curve.svg").write_text(picture(curves))
    print(table(curves, found))
