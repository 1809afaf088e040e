"""How fast is training beside TRL and LLaMA-Factory: same rows, same weights, same adapter, one run.

    python bench/train.py                 # everything: more than an hour on two cores
    python bench/train.py --quick         # one workload, two blocks, few steps
    python bench/train.py --levers        # short chats, each of our ways left out in turn

Each measurement is a fresh process. Peers alternate in blocks (ABBA), the first steps of each are
dropped, and what is published is the median of the blocks' ratios with a bootstrap interval: absolute
times of a shared machine are worth little. All get one frozen file of token ids and labels, the same
base weights, the same rows in each optimizer step, a constant rate and no dropout.

TRL "default" is SFTTrainer as its documentation's first example makes it (mixed precision as SFTConfig
decides, gradient checkpointing on), "default-fp32" the same with `bf16=False`, as a processor without
bf16 instructions would want it. TRL "tuned" follows its page on speed and memory as far as it
applies to this machine: the best precision of the processor, no checkpointing, rows grouped by length.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import math
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROWS_PER_STEP = 8
WARM_UP = 2  # steps that are not counted
RATE = 1e-4
PEERS = ("ours", "ours-small", "trl-default", "trl-default-fp32", "trl-tuned")
# What is left out, one at a time: (module, name, what stands there instead).
LEVERS: dict[str, tuple[str, str, Any]] = {
    "without sharing": (
        "talkwright.train.loop", "may_share_beginnings", lambda *_, **__: False),
    "without fusing": ("talkwright.train.model", "fuse", lambda model: {}),
    "with padding": ("talkwright.train.model", "choose_attention", lambda config: (None, True)),
    "with all logits": ("talkwright.models.flat", "_plain_head", lambda causal: None),
}  # fmt: skip
# Without bf16 instructions its mixed precision takes this many times longer: fewer steps are enough.
SLOW = {"trl-default": 3}
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


def make_rows(workload: str, count: int) -> list[dict[str, list[int]]]:
    """Token ids and labels of made-up chats, rendered by the product's own template stage."""
    from talkwright.config import build_recipe
    from talkwright.pipeline import find_model
    from talkwright.types import Conversation, Message

    draw = random.Random(f"{workload} 1")

    def text(low: int, high: int) -> str:
        return " ".join(draw.choices(WORDS, k=draw.randint(low, high))).capitalize() + "."

    shapes: dict[str, Callable[[], list[tuple[int, int, int, int]]]] = {
        # of each round: fewest and most words of the question, and of the answer
        "short": lambda: [(6, 20, 30, 130)],
        "multi-turn": lambda: [(5, 40, 40, 160)] * draw.randint(4, 7),
        "long prompt": lambda: [(350, 700, 5, 25)],
        "no gain": lambda: [(1, 1, 600, 600)],
    }
    _, template = find_model(build_recipe({"data": "none"}))
    rows = []
    for _ in range(count):
        talk: list[Message] = []
        for a, b, c, d in shapes[workload]():
            talk += [Message("user", text(a, b)), Message("assistant", text(c, d))]
        [[example]] = template.encode_all([Conversation(tuple(talk))], "all")
        ids, labels = list(example.input_ids), list(example.labels)
        if workload == "no gain":  # equal lengths, every position supervised: nothing to leave out
            ids = ids[:512]
            labels = list(ids)
        rows.append({"input_ids": ids, "labels": labels})
    return rows


# --- one measurement, in a process of its own ----------------------------------------------------


def measure_ours(rows: list[dict[str, list[int]]], steps: int, folder: Path, small: bool) -> list[float]:
    """Seconds of each step of the product's own training loop."""
    from talkwright.config import build_recipe
    from talkwright.pipeline import find_model
    from talkwright.train import train
    from talkwright.types import Example

    settings = {
        "max_steps": steps, "batch_size": ROWS_PER_STEP, "learning_rate": RATE, "schedule": "constant",
        "warmup_ratio": 0.0, "save_every": 10**6, "eval_every": 10**6,
        **({"accumulation": ROWS_PER_STEP, "recompute": True} if small else {}),
    }  # fmt: skip
    recipe = build_recipe({"data": "none", "train": settings})
    base, template = find_model(recipe)
    examples = [Example(tuple(row["input_ids"]), tuple(row["labels"])) for row in rows]
    train(base, template, examples, [], recipe.train, seed=7, out=folder / "train", key="bench")
    lines = (folder / "train" / "metrics.jsonl").read_text().splitlines()
    seconds = [json.loads(line)["seconds"] for line in lines]
    return [b - a for a, b in zip([0.0, *seconds], seconds, strict=False)]


def measure_trl(rows: list[dict[str, list[int]]], steps: int, folder: Path, peer: str) -> list[float]:
    """Seconds of each optimizer step of TRL's SFTTrainer on the same rows."""
    tuned = peer == "trl-tuned"
    import torch
    from datasets import Dataset
    from peft import LoraConfig, get_peft_model
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from talkwright.config import build_recipe
    from talkwright.models import best_precision, load_weights
    from talkwright.pipeline import find_model
    from talkwright.train import make_plan
    from talkwright.train.plan import rows_of_steps

    recipe = build_recipe({"data": "none", "train": {"max_steps": steps, "batch_size": ROWS_PER_STEP}})
    base, template = find_model(recipe)
    precision = best_precision() if tuned else "fp32"
    torch.manual_seed(7)
    model = get_peft_model(
        load_weights(base, precision=precision),
        LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    order = [
        n for step in rows_of_steps(make_plan(recipe.train, len(rows)), ROWS_PER_STEP, 7) for n in step
    ]
    marks: list[float] = []

    class Clock(TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            marks.append(time.perf_counter())

        def on_step_end(self, *_: Any, **__: Any) -> None:
            marks.append(time.perf_counter())

    more: dict[str, Any] = {"bf16": False} if peer == "trl-default-fp32" else {}
    if tuned:
        more = {"gradient_checkpointing": False, "bf16": precision == "bf16"}
    trainer = SFTTrainer(
        model=model,
        train_dataset=Dataset.from_list([rows[n] for n in order]),
        processing_class=template._tokenizer,
        callbacks=[Clock()],
        args=SFTConfig(
            output_dir=str(folder / "trl"), max_steps=steps, per_device_train_batch_size=ROWS_PER_STEP,
            learning_rate=RATE, lr_scheduler_type="constant", use_cpu=not torch.cuda.is_available(),
            shuffle_dataset=False, train_sampling_strategy="sequential", max_length=None,
            report_to="none", save_strategy="no", disable_tqdm=True, **more,
        ),
    )  # fmt: skip
    trainer.train()
    return [end - start for start, end in zip(marks[::2], marks[1::2], strict=True)]


def child(peer: str, frozen: Path, steps: int) -> None:
    """Measure once and print a line of JSON."""
    if peer in LEVERS:
        module, name, instead = LEVERS[peer]
        setattr(importlib.import_module(module), name, instead)
    started = time.perf_counter()
    rows = json.loads(frozen.read_text())
    with tempfile.TemporaryDirectory() as folder:
        if peer.startswith("ours") or peer in LEVERS:
            seconds = measure_ours(rows, steps, Path(folder), small=peer == "ours-small")
        else:
            seconds = measure_trl(rows, steps, Path(folder), peer)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak": peak, "whole": time.perf_counter() - started}))


# --- all of them ---------------------------------------------------------------------------------


def run_child(peer: str, frozen: Path, steps: int) -> dict[str, Any]:
    """One measurement: seconds of the steps (warm-up dropped), peak MiB, seconds until the first."""
    steps = min(steps, SLOW.get(peer, steps))
    command = [sys.executable, __file__, "--child", peer, str(frozen), "--steps", str(steps)]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"}
    )
    if done.returncode:
        raise SystemExit(f"{peer} failed:\n{done.stderr[-3000:]}")
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return {
        "steps": found["seconds"][WARM_UP:],
        "step": statistics.median(found["seconds"][WARM_UP:]),
        "peak": found["peak"],
        "start_up": found["whole"] - sum(found["seconds"]),
    }


def interval(values: list[float]) -> tuple[float, float]:
    """95 % bootstrap interval of the median."""
    draw = random.Random(1)
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(2000))
    return medians[49], medians[1949]


def compare(workload: str, peers: list[str], blocks: int, steps: int, folder: Path) -> dict[str, Any]:
    """Alternate all peers, forwards and backwards in turn, and take ratios within each block."""
    rows = make_rows(workload, ROWS_PER_STEP * steps)
    frozen = folder / f"{workload.replace(' ', '-')}.json"
    frozen.write_text(json.dumps(rows))
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
        "rows": hashlib.sha256(frozen.read_bytes()).hexdigest()[:16],
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
    parser.add_argument("--child", nargs=2, metavar=("PEER", "ROWS"), help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--workloads", default="short,multi-turn,long prompt,no gain")
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--out", type=Path, default=Path("bench/results"))
    parser.add_argument("--levers", action="store_true", help="each of our ways left out in turn")
    parser.add_argument("--quick", action="store_true", help="one workload, two blocks")
    asked = parser.parse_args()
    if asked.child:
        child(asked.child[0], Path(asked.child[1]), asked.steps)
        return
    if asked.levers:
        asked.peers, asked.workloads = ",".join(("ours", *LEVERS)), "short"
    workloads = ["short"] if asked.quick else asked.workloads.split(",")
    blocks = 2 if asked.quick else asked.blocks
    asked.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for workload in workloads:
            results[workload] = compare(
                workload, asked.peers.split(","), blocks, asked.steps, Path(folder)
            )
            name = "levers" if asked.levers else "train"
            (asked.out / f"{name}.json").write_text(json.dumps(results, indent=1))
            (asked.out / f"{name}.svg").write_text(picture(results))
    print(table(results))
    assert all(math.isfinite(m["seconds"]) for r in results.values() for m in r["peers"].values())


if __name__ == "__main__":
    main()
