"""What `bench/gpu.sh` runs: tokens per second, memory and MFU of one GPU, beside TRL 1.16.

All get the same rows of token ids and labels, the same base weights, the same rows in each optimizer
step (but where TRL groups them by length, which is left to it), AdamW at a constant rate and no dropout.
Each measurement is a process of its own, in the order A B C, C B A, as far as the time goes; ratios are
taken within a round. Where the memory does not suffice, a peer takes its step in more forward passes,
which is said.

TRL "default" is SFTTrainer as its documentation's first example makes it. "tuned" is by its pages on
speed and memory: padding-free with a FlashAttention kernel where there is one, else rows grouped by
length, hub kernels where they are installed, and no checkpointing where the memory allows that.

MFU counts what a step of LoRA has to compute: per token 4 N_b + 6 L T d + 4 s V H + 6 P, of N_b weights
in the layers, L layers, rows of T tokens, d = heads times their width, s the supervised share, V H the
head and P the adapter's weights. Nothing that is computed twice counts twice.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PEERS = ("ours", "trl-tuned", "trl-default")
NEEDS = ("torch", "transformers", "tokenizers", "peft", "accelerate", "safetensors", "huggingface_hub",
         "trl", "datasets", "pydantic", "click", "yaml", "tqdm", "numpy", "ftfy", "regex", "pyarrow",
         "jinja2", "markupsafe")  # fmt: skip
SHAPES = {
    "8b": {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
           "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256},
    "tiny": {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 512},
}  # fmt: skip
PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}  # dense bf16, operations per second
WARM_UP = 3  # steps that are not counted: kernels are chosen and compiled in them
RANK = 16


def workloads(dry: bool) -> dict[str, dict[str, Any]]:
    """Rows per step, steps, tokens per pass of ours, and lengths of prompt and answer."""
    if dry:
        return {
            "full": {"rows": 2, "steps": 5, "budget": 64, "prompt": (1, 1), "answer": (63, 63)},
            "short": {"rows": 4, "steps": 5, "budget": 64, "prompt": (4, 12), "answer": (4, 20)},
        }
    return {
        "full": {"rows": 8, "steps": 9, "budget": 4096, "prompt": (1, 1), "answer": (4095, 4095)},
        "short": {"rows": 64, "steps": 11, "budget": 8192, "prompt": (20, 120), "answer": (30, 250)},
    }


def make_rows(about: dict[str, Any], vocabulary: int) -> list[dict[str, list[int]]]:
    """Random ids; labels are -100 on the prompt and the ids themselves on the answer."""
    draw = random.Random(1)
    rows = []
    for _ in range(about["rows"] * about["steps"]):
        prompt, answer = draw.randint(*about["prompt"]), draw.randint(*about["answer"])
        ids = [draw.randrange(vocabulary - 8) for _ in range(prompt + answer)]
        rows.append({"input_ids": ids, "labels": [-100] * prompt + ids[prompt:]})
    return rows


def make_model(shape: str, folder: Path) -> None:
    """A Llama of this shape with random weights in bf16, and a tokenizer of bytes, as a model folder."""
    import torch
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
    marks = ("<|im_start|>", "<|im_end|>")
    backend.add_special_tokens([AddedToken(mark, special=True, normalized=False) for mark in marks])
    chatml = (
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token=marks[1], pad_token=marks[1], chat_template=chatml
    )
    config = LlamaConfig(
        **SHAPES[shape], max_position_embeddings=8192, tie_word_embeddings=False, dtype="bfloat16",
        rope_parameters={"rope_type": "default", "rope_theta": 500000.0},
        bos_token_id=None, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        LlamaForCausalLM(config).save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def operations(shape: dict[str, int], rows: list[dict[str, list[int]]]) -> float:
    """Operations that one token of these rows needs on average, by the formula above."""
    width = shape["hidden_size"] // shape["num_attention_heads"]
    keys = shape["num_key_value_heads"] * width
    h, inner, layers = shape["hidden_size"], shape["intermediate_size"], shape["num_hidden_layers"]
    sides = [(h, h), (h, keys), (h, keys), (h, h), (h, inner), (h, inner), (inner, h)]
    body = layers * sum(a * b for a, b in sides)
    adapter = layers * sum(RANK * (a + b) for a, b in sides)
    lengths = [len(row["input_ids"]) for row in rows]
    length = sum(n * n for n in lengths) / sum(lengths)  # of the row that a token is in
    learnt = sum(sum(x != -100 for x in row["labels"][1:]) for row in rows) / sum(lengths)
    head = shape["vocab_size"] * h
    return 4 * body + 6 * layers * length * h + 4 * learnt * head + 6 * adapter


# --- one measurement, in a process of its own ----------------------------------------------------


def measure_ours(
    model: Path, rows: list[dict[str, list[int]]], about: dict[str, Any], folder: Path
) -> tuple[list[float], str]:
    """Seconds of each step of the product's own loop, and how the step was taken."""
    from talkwright.config import TrainSection
    from talkwright.template import Template
    from talkwright.train import train
    from talkwright.types import BaseModel, Example

    section = TrainSection(
        max_steps=about["steps"], batch_size=about["rows"], pass_tokens=about["budget"],
        learning_rate=1e-4, schedule="constant", warmup_steps=0, precision="bf16",
        save_every=10**6, eval_every=10**6, sample_every=0,
    )  # fmt: skip
    examples = [Example(tuple(row["input_ids"]), tuple(row["labels"])) for row in rows]
    base = BaseModel("random", str(model), "made here", "none", "0" * 64)  # hashing 16 GB takes a while
    train(
        base, Template.load(str(model)), examples, [], section, seed=7, out=folder / "train", key="bench"
    )
    lines = (folder / "train" / "metrics.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    seconds = [row["seconds"] for row in found if "loss" in row]
    said = "; ".join(f"memory ran out in step {r['step']}" for r in found if "out_of_memory" in r)
    return [b - a for a, b in zip([0.0, *seconds], seconds, strict=False)], said


def measure_trl(
    model: Path, rows: list[dict[str, list[int]]], about: dict[str, Any], folder: Path, tuned: bool
) -> tuple[list[float], str]:
    """Seconds of each step of SFTTrainer; as many forward passes as the memory wants."""
    import torch

    flash = tuned and torch.cuda.is_available() and find_spec("flash_attn") is not None
    tries = [(n, gc) for n in (1, 2, 4, 8) for gc in ((False, True) if tuned else (None,))]
    for passes, checkpointing in tries:
        if about["rows"] % passes:
            continue
        try:
            seconds = _train_with_trl(model, rows, about, folder, tuned, flash, passes, checkpointing)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            continue
        how = (
            f"{passes} passes, checkpointing {'as it comes' if checkpointing is None else checkpointing}"
        )
        return seconds, how + (", padding-free" if flash else "")
    raise SystemExit("out of memory with every split")


def _train_with_trl(
    path: Path, rows: list[dict[str, list[int]]], about: dict[str, Any], folder: Path,
    tuned: bool, flash: bool, passes: int, checkpointing: bool | None,
) -> list[float]:  # fmt: skip
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from talkwright.train.plan import Plan, rows_of_steps

    gpu = torch.cuda.is_available()
    marks: list[float] = []

    class Clock(TrainerCallback):
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.note()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.note()

        def note(self) -> None:
            if gpu:
                torch.cuda.synchronize()
            marks.append(time.perf_counter())

    kernels = {"use_kernels": True} if tuned and gpu and find_spec("kernels") else {}
    attention = "flash_attention_2" if flash else "sdpa"
    model = AutoModelForCausalLM.from_pretrained(
        str(path), dtype=torch.bfloat16, attn_implementation=attention, local_files_only=True, **kernels
    )
    order = rows_of_steps(Plan(len(rows), about["steps"], 0, 1, 1), about["rows"], seed=7)
    more: dict[str, Any] = {} if checkpointing is None else {"gradient_checkpointing": checkpointing}
    if tuned:
        more |= {"bf16": True, "padding_free": flash}
        if not flash:
            more["train_sampling_strategy"] = "group_by_length"
    more.setdefault("train_sampling_strategy", "sequential")
    trainer = SFTTrainer(
        model=model,
        train_dataset=Dataset.from_list([rows[n] for step in order for n in step]),
        processing_class=AutoTokenizer.from_pretrained(str(path), local_files_only=True),
        peft_config=LoraConfig(
            r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM"
        ),
        callbacks=[Clock()],
        args=SFTConfig(
            output_dir=str(folder / "trl"), max_steps=about["steps"], max_length=None,
            per_device_train_batch_size=about["rows"] // passes, gradient_accumulation_steps=passes,
            learning_rate=1e-4, lr_scheduler_type="constant", use_cpu=not gpu, report_to="none",
            save_strategy="no", disable_tqdm=True, shuffle_dataset=False, **more,
        ),
    )  # fmt: skip
    trainer.train()
    return [end - start for start, end in zip(marks[::2], marks[1::2], strict=True)]


def child(peer: str, workload: str, model: Path, dry: bool) -> None:
    """Measure once; print a line of JSON."""
    import torch

    about = workloads(dry)[workload]
    rows = make_rows(about, SHAPES["tiny" if dry else "8b"]["vocab_size"])
    with tempfile.TemporaryDirectory() as folder:
        if peer == "ours":
            seconds, how = measure_ours(model, rows, about, Path(folder))
        else:
            seconds, how = measure_trl(model, rows, about, Path(folder), tuned=peer == "trl-tuned")
    peak = torch.cuda.max_memory_reserved() / 2**20 if torch.cuda.is_available() else 0
    step = statistics.median(seconds[WARM_UP:])
    print(json.dumps({"step": step, "peak_mib": round(peak), "how": how, "steps": seconds}))


# --- all of them ---------------------------------------------------------------------------------


def measure_all(model: Path, dry: bool, until: float) -> dict[str, list[dict[str, Any]]]:
    """Every peer on every workload, then all again backwards, as long as the time suffices."""
    found: dict[str, list[dict[str, Any]]] = {}
    first = [(workload, peer) for workload in workloads(dry) for peer in PEERS]
    took: dict[tuple[str, str], float] = {}
    for turn, (workload, peer) in enumerate([*first, *first[::-1]]):
        name, left = f"{workload}/{peer}", until - time.monotonic()
        if peer.startswith("trl") and not (find_spec("trl") and find_spec("datasets")):
            print(f"{name}: left out, TRL is not installed", file=sys.stderr)
            continue
        if left < max(20.0, 1.1 * took.get((workload, peer), 0.0)):
            print(f"{name}: left out, {left:.0f} s are not enough", file=sys.stderr)
            continue
        command = [sys.executable, __file__, "--child", peer, workload, str(model)]
        started = time.monotonic()
        try:
            done = subprocess.run(
                command + ["--dry-run"] * dry, capture_output=True, text=True, timeout=left
            )
        except subprocess.TimeoutExpired:
            print(f"{name}: stopped, the time was up", file=sys.stderr)
            continue
        took[workload, peer] = time.monotonic() - started
        if done.returncode:
            print(f"{name} failed:\n{done.stderr[-1500:]}", file=sys.stderr)
            continue
        one = {**json.loads(done.stdout.strip().splitlines()[-1]), "round": 1 + turn // len(first)}
        found.setdefault(name, []).append(one)
        print(f"{name}: {one['step']:.3f} s a step, {one['peak_mib']} MiB, {one['how']} "
              f"({took[workload, peer]:.0f} s)", file=sys.stderr, flush=True)  # fmt: skip
    return found


def summary(found: dict[str, list[dict[str, Any]]], dry: bool, device: str) -> dict[str, Any]:
    """Tokens per second, MFU where the device's peak is known, and the ratio to ours in each round."""
    shape = SHAPES["tiny" if dry else "8b"]
    peak = next((value for name, value in PEAKS.items() if name in device), None)
    result: dict[str, Any] = {"device": device, "shape": shape, "peers": {}}
    for name, measured in found.items():
        workload, peer = name.split("/")
        about = workloads(dry)[workload]
        rows = make_rows(about, shape["vocab_size"])
        tokens = sum(len(row["input_ids"]) for row in rows) / about["steps"]
        step = statistics.median(one["step"] for one in measured)
        ours = {one["round"]: one["step"] for one in found.get(f"{workload}/ours", [])}
        ratios = [one["step"] / ours[one["round"]] for one in measured if one["round"] in ours]
        result["peers"][name] = {
            "seconds_per_step": step,
            "tokens_per_second": tokens / step,
            "mfu": operations(shape, rows) * tokens / step / peak if peak else None,
            "peak_mib": max(one["peak_mib"] for one in measured),
            "ours_faster": ratios if peer != "ours" else [],
            "how": measured[-1]["how"],
        }
    return result


def table(result: dict[str, Any]) -> str:
    """The summary as Markdown."""
    lines = ["| workload | | s/step | tokens/s | MFU | peak MiB | ours faster, each round | |",
             "|---|---|---:|---:|---:|---:|---|---|"]  # fmt: skip
    for name, m in result["peers"].items():
        mfu = "-" if m["mfu"] is None else f"{100 * m['mfu']:.1f} %"
        ratios = ", ".join(f"{ratio:.2f} ×" for ratio in m["ours_faster"])
        cells = (*name.split("/"), f"{m['seconds_per_step']:.3f}", f"{m['tokens_per_second']:,.0f}",
                 mfu, m["peak_mib"], ratios, m["how"])  # fmt: skip
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def room_for_weights() -> Path:
    """A folder in memory where 24 GB fit, else the usual place for scratch files."""
    memory = Path("/dev/shm")
    if memory.is_dir():
        stat = os.statvfs(memory)
        if stat.f_bavail * stat.f_frsize > 24e9:
            return memory
    return Path(tempfile.gettempdir())


def main() -> None:
    """Measure, print a table, write gpu.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--dry-run", action="store_true", help="a tiny shape on the CPU")
    parser.add_argument("--needs", action="store_true", help="say which packages are missing here")
    parser.add_argument("--seconds", type=float, default=510.0, help="end after this long")
    asked = parser.parse_args()
    if asked.child:
        peer, workload, model = asked.child
        child(peer, workload, Path(model), asked.dry_run)
        return
    until = time.monotonic() + asked.seconds
    missing = [name for name in NEEDS if find_spec(name) is None]
    if asked.needs:
        print("missing: " + (", ".join(missing) or "nothing"))
        return
    if lacking := set(missing) - {"trl", "datasets"}:
        raise SystemExit(f"missing: {', '.join(sorted(lacking))}; carry wheels and set WHEELS")
    import torch

    if not asked.dry_run and not torch.cuda.is_available():
        raise SystemExit("there is no GPU here; `--dry-run` shows on the CPU that the script works")
    device = "CPU, dry run" if asked.dry_run else torch.cuda.get_device_name()
    with tempfile.TemporaryDirectory(dir=room_for_weights()) as folder:
        model = Path(folder) / "model"
        # In a process of its own, so that none of its memory is left on the card.
        shape = "tiny" if asked.dry_run else "8b"
        code = f"import gpu, pathlib; gpu.make_model({shape!r}, pathlib.Path({str(model)!r}))"
        path = f"{Path(__file__).parent}:{os.environ.get('PYTHONPATH', '')}"
        subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": path})
        print(f"{device}: model made, {until - time.monotonic():.0f} s left", file=sys.stderr)
        result = summary(measure_all(model, asked.dry_run, until), asked.dry_run, device)
    out = Path(os.environ.get("OUT", "bench/results"))
    out.mkdir(parents=True, exist_ok=True)
    (out / "gpu.json").write_text(json.dumps(result, indent=1))
    print(table(result))


if __name__ == "__main__":
    main()
