"""How fast is training beside TRL and LLaMA-Factory: same rows, same weights, same adapter, one run.

    python bench/train.py                 # everything: more than an hour on two cores
    python bench/train.py --quick         # short chats, or the workloads named; one block, few steps
    python bench/train.py --levers        # short chats, each of our ways left out in turn
    python bench/train.py --to-loss       # time to a fixed held-out loss, see to_loss.py
    python bench/train.py --curve         # 200 steps in bf16 beside TRL's, see curve.py

Each measurement is a fresh process. Peers alternate in blocks (ABBA), the first steps of each are
dropped, and what is published is the median of the blocks' ratios with a bootstrap interval: absolute
times of a shared machine are worth little. All get one frozen file of token ids and labels, the same
base weights, the same adapter to begin with, the same rows in each optimizer step, a constant rate and
no dropout.

TRL "default" is SFTTrainer as its documentation's first example makes it (mixed precision as SFTConfig
decides, gradient checkpointing on), "default-fp32" the same with `bf16=False`, as a processor without
bf16 instructions would want it. TRL "tuned" follows its page on speed and memory as far as it
applies to this machine and leaves each step its rows: the processor's best precision, no checkpointing.
LLaMA-Factory is as it comes, in the processor's best precision.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from calibrate import make_model
from curve import measure_curve
from data import factory_python as find_factory
from systems import LEVERS, ROWS_PER_STEP, SEED
from to_loss import measure_to_loss

factory_python = functools.cache(find_factory)  # it starts Python to see whether it works
HERE = Path(__file__).resolve().parent
WARM_UP = 2  # steps that are not counted
RATE = 1e-4
PEERS = ("ours", "ours-small", "trl-default", "trl-default-fp32", "trl-tuned", "factory")
# Without bf16 instructions its mixed precision takes this many times longer: fewer steps are enough.
SLOW = {"trl-default": 3}
WORKLOADS: dict[str, Callable[[random.Random], list[tuple[int, int, int, int]]]] = {
    # of each round: fewest and most words of the question, and of the answer
    "short": lambda draw: [(6, 20, 30, 130)],
    "multi-turn": lambda draw: [(5, 40, 40, 160)] * draw.randint(4, 7),
    "long prompt": lambda draw: [(350, 700, 5, 25)],
    "no gain": lambda draw: [(1, 1, 600, 600)],
    "very short": lambda draw: [(2, 5, 3, 12)],  # for --curve, which is about losses, not seconds
}
WORDS = """
    the of and to a in is it you that was for on are with as his they at be this from have or by
    one had not but what all were when we there can an your which their said if do will each
    about how up out them then she many some so these would other into has more her two like him
    see time could no make than first been its who now people my made over did down only way
    find use may water long little very after words called just where most know order account
    refund delivery invoice address payment cancel subscription shipping customer support
    password profile settings receipt warranty replacement
""".split()  # noqa: SIM905


# --- the rows ------------------------------------------------------------------------------------


def make_rows(workload: str, count: int, model: str) -> list[dict[str, list[int]]]:
    """Token ids and labels of made-up chats, rendered by the product's own template stage."""
    from talkwright.config import build_recipe
    from talkwright.pipeline import find_model
    from talkwright.types import Conversation, Message

    draw = random.Random(f"{workload} 1")

    def text(low: int, high: int) -> str:
        return " ".join(draw.choices(WORDS, k=draw.randint(low, high))).capitalize() + "."

    _, template = find_model(build_recipe({"data": "none", "model": model}))
    rows = []
    for _ in range(count):
        talk: list[Message] = []
        for a, b, c, d in WORKLOADS[workload](draw):
            talk += [Message("user", text(a, b)), Message("assistant", text(c, d))]
        [[example]] = template.encode_all([Conversation(tuple(talk))], "all")
        ids, labels = list(example.input_ids), list(example.labels)
        if workload == "no gain":  # equal lengths, every position supervised: nothing to leave out
            ids = ids[:512]
            labels = list(ids)
        rows.append({"input_ids": ids, "labels": labels})
    return rows


# --- all of them ---------------------------------------------------------------------------------


def freeze(rows: list[dict[str, list[int]]], steps: int, rate: float, folder: Path, model: str) -> str:
    """Write what all systems get into `folder` (see `systems.py`); returns the rows' hash."""
    from talkwright.config import build_recipe
    from talkwright.pipeline import find_model
    from talkwright.train import make_plan
    from talkwright.train.plan import rows_of_steps

    settings = {"max_steps": steps, "batch_size": ROWS_PER_STEP}
    recipe = build_recipe({"data": "none", "model": model, "train": settings})
    plan = make_plan(recipe.train, len(rows))
    frozen = {
        "rows": rows,
        "steps": list(rows_of_steps(plan, ROWS_PER_STEP, SEED)),
        "model": str(Path(find_model(recipe)[0].path).resolve()),
        "rate": rate,
        "native_bf16": native_bf16(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.json").write_text(json.dumps(frozen))
    start_child("start", folder)
    return hashlib.sha256(json.dumps([frozen["rows"], frozen["steps"]]).encode()).hexdigest()[:16]


def native_bf16() -> bool:
    """Whether the processor or the card computes in bf16 without emulating it."""
    from talkwright.models import best_precision

    return best_precision() == "bf16"


def start_child(system: str, folder: Path, *options: str, python: Path | None = None) -> list[str]:
    """Run `systems.py` in a process of its own; the lines it prints."""
    command = [str(python or sys.executable), str(HERE / "systems.py"), system, str(folder), *options]
    more = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "DISABLE_VERSION_CHECK": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **more})
    if done.returncode:
        raise SystemExit(f"{system} failed:\n{done.stderr[-3000:]}")
    return done.stdout.strip().splitlines()


def run_child(peer: str, folder: Path, steps: int, keep_every: int = 0) -> dict[str, Any]:
    """One measurement: seconds of all steps and of those that count, peak MiB, seconds of start-up:
    from the start of Python until the first step begins."""
    steps = min(steps, SLOW.get(peer, steps)) if not keep_every else steps
    python = factory_python() if peer == "factory" else None
    options = ("--steps", str(steps), "--keep-every", str(keep_every))
    began = time.time()
    found = json.loads(start_child(peer, folder, *options, python=python)[-1])
    return {
        "all_steps": found["seconds"],
        "steps": found["seconds"][WARM_UP:],
        "step": statistics.median(found["seconds"][WARM_UP:]),
        "peak": found["peak"],
        "losses": found["losses"],
        "start_up": found["ready"] - began,
    }


def those_here(peers: list[str]) -> list[str]:
    """The peers that can be measured: LLaMA-Factory is left out where it cannot be installed."""
    return [peer for peer in peers if peer != "factory" or factory_python()]


def interval(values: list[float]) -> tuple[float, float]:
    """95 % bootstrap interval of the median."""
    draw = random.Random(1)
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(2000))
    return medians[49], medians[1949]


def compare(
    workload: str, peers: list[str], blocks: int, steps: int, folder: Path, model: str
) -> dict[str, Any]:
    """Alternate all peers, forwards and backwards in turn, and take ratios within each block."""
    rows = make_rows(workload, ROWS_PER_STEP * steps, model)
    frozen = folder / workload.replace(" ", "-")
    digest = freeze(rows, steps, RATE, frozen, model)
    tokens = sum(len(row["input_ids"]) for row in rows) / steps
    supervised = sum(sum(x != -100 for x in row["labels"][1:]) for row in rows) / steps
    found: dict[str, list[dict[str, Any]]] = {peer: [] for peer in peers}
    for block in range(blocks):
        for peer in peers if block % 2 == 0 else peers[::-1]:
            found[peer].append(run_child(peer, frozen, steps))
            one = found[peer][-1]
            print(f"  {workload}, block {block + 1}, {peer}: {one['step']:.2f} s, {one['peak']:.0f} MiB",
                  file=sys.stderr, flush=True)  # fmt: skip
    result: dict[str, Any] = {
        "rows": digest,
        "tokens_per_step": tokens, "supervised_per_step": supervised, "peers": {},
    }  # fmt: skip
    for peer, measured in found.items():
        # The same steps have the same rows; a slow peer has fewer of them.
        ratios = [
            sum(m["steps"]) / sum(ours["steps"][: len(m["steps"])])
            for m, ours in zip(measured, found["ours"], strict=True)
        ]
        low, high = interval(ratios)
        step = statistics.median(m["step"] for m in measured)
        result["peers"][peer] = {
            "seconds": step,
            "tokens_per_second": tokens / step, "supervised_per_second": supervised / step,
            "peak_mib": statistics.median(m["peak"] for m in measured),
            "start_up": statistics.median(m["start_up"] for m in measured),
            "ours_faster": statistics.median(ratios), "low": low, "high": high,
        }  # fmt: skip
    return result


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    names = "workload", "", "s/step", "tokens/s", "supervised/s", "peak MiB", "start-up s", "ours faster"
    lines = [f"| {' | '.join(names)} |", "|---|---|---:|---:|---:|---:|---:|---|"]
    for workload, result in results.items():
        for peer, m in result["peers"].items():
            ratio = f"{m['ours_faster']:.2f} × [{m['low']:.2f}, {m['high']:.2f}]"
            whole = ("tokens_per_second", "supervised_per_second", "peak_mib", "start_up")
            cells = [workload, peer, f"{m['seconds']:.2f}", *(f"{m[name]:.0f}" for name in whole)]
            lines.append(f"| {' | '.join([*cells, '' if peer == 'ours' else ratio])} |")
    return "\n".join(lines)


def picture(results: dict[str, Any]) -> str:
    """How many times longer each peer takes, as bars with their intervals (SVG)."""
    bars = [(f"{w}: {p}", m) for w, r in results.items() for p, m in r["peers"].items() if p != "ours"]
    most = max((m["high"] for _, m in bars), default=1.0)
    width, left, line = 760, 190, 26
    scale = (width - left - 90) / most
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {line * len(bars) + 44}" '
        'font-family="system-ui, sans-serif" font-size="13">',
        f'<rect width="{width}" height="{line * len(bars) + 44}" fill="#fff"/>',
        '<text x="8" y="18">Time of an optimizer step, as a multiple of ours (line: 1.0)</text>',
    ]
    for n, (name, m) in enumerate(bars):
        y = 32 + n * line
        ends = [left + scale * m[key] for key in ("low", "high")]
        out += [
            f'<text x="{left - 8}" y="{y + 15}" text-anchor="end">{name}</text>',
            f'<rect x="{left}" y="{y + 3}" width="{scale * m["ours_faster"]:.1f}" height="16" '
            'fill="#7aa6c2"/>',
            f'<path d="M{ends[0]:.1f} {y + 11}H{ends[1]:.1f}" stroke="#222"/>',
            f'<text x="{ends[1] + 8:.1f}" y="{y + 15}">{m["ours_faster"]:.2f} ×</text>',
        ]
    one = left + scale
    out.append(f'<path d="M{one:.1f} 28V{36 + line * len(bars)}" stroke="#b33" stroke-dasharray="4 3"/>')
    return "\n".join([*out, "</svg>"])


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, help="optimizer steps of a measurement, two not counted")
    parser.add_argument("--blocks", type=int)
    parser.add_argument("--workloads", help=", ".join(WORKLOADS))
    parser.add_argument("--peers", help=", ".join(PEERS))
    parser.add_argument("--model", help="smollm2-135m unless told; see --curve")
    parser.add_argument("--out", type=Path, default=Path("bench/results"))
    parser.add_argument("--levers", action="store_true", help="each of our ways left out in turn")
    parser.add_argument("--to-loss", action="store_true", help="time to a fixed held-out loss")
    parser.add_argument(
        "--curve",
        action="store_true",
        help="200 steps in bf16 beside TRL's; of a\ntiny random model where the processor emulates bf16",
    )
    parser.add_argument("--quick", action="store_true", help="does it work? one block, few steps")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    peers = (
        asked.peers.split(",")
        if asked.peers
        else ["ours", *LEVERS, "with compile"]
        if asked.levers
        else []
    )
    model = asked.model or "smollm2-135m"
    if asked.to_loss:
        # Mixed precision that the processor emulates would take ten minutes to say what one step says.
        systems = peers or ["ours", "trl-default" if native_bf16() else "trl-default-fp32",
                            "trl-tuned", "factory"]  # fmt: skip
        how: Any = {"out": asked.out, "model": model, "freeze": freeze, "run_child": run_child}
        measure_to_loss(those_here(systems), steps=asked.steps, quick=asked.quick, **how)
        return
    if asked.curve:
        with tempfile.TemporaryDirectory() as folder:
            tiny = "" if asked.model or native_bf16() else make_model("tiny", Path(folder))
            measure_curve(steps=asked.steps, quick=asked.quick, make_rows=make_rows, freeze=freeze,
                          run_child=run_child, out=asked.out, model=tiny or model)  # fmt: skip
        return
    workloads = ["short"] if asked.levers or asked.quick else list(WORKLOADS)[:-1]
    workloads = asked.workloads.split(",") if asked.workloads else workloads
    blocks, steps = asked.blocks or (1 if asked.quick else 5), asked.steps or (4 if asked.quick else 8)
    name, peers = "levers" if asked.levers else "train", those_here(peers or list(PEERS))
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for workload in workloads:
            results[workload] = compare(workload, peers, blocks, steps, Path(folder), model)
            (asked.out / f"{name}.json").write_text(json.dumps(results, indent=1))
            (asked.out / f"{name}.svg").write_text(picture(results))
    print(table(results))
    assert all(math.isfinite(m["seconds"]) for r in results.values() for m in r["peers"].values())


if __name__ == "__main__":
    main()
