"""Calibrate `talkwright plan`: run recipes, record peak memory and seconds a step, fit the coefficients.

    python bench/calibrate.py             # everything: about 10 minutes on two cores
    python bench/calibrate.py --fit       # only fit again what is recorded, and say how well it fits
    python bench/calibrate.py --loads     # only count the tokens of recorded runs again, and fit
    python bench/calibrate.py --only full # only recipes with this in their name, beside those recorded

Each recipe is a fresh process that goes through the product's own pipeline as far as training, and
measures the machine's rates (`measure_rates`) before and after. Written are
tests/train/recorded_runs.json and src/talkwright/train/estimate/coefficients.json. Recipes of the role
"fit" give the coefficients; those of the role "judge" only say how good they are, here and in
tests/train/test_estimate.py: peak memory within 15 %, time within 25 %; those of the role "memory", on
models that are no Llamas, are judged by their memory alone.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "tests" / "train" / "recorded_runs.json"
COEFFICIENTS = ROOT / "src" / "talkwright" / "train" / "estimate" / "coefficients.json"
STEPS = {
    "fp32": 4,
    "bf16": 8,
}  # oneDNN, which bf16 goes through, keeps more with each size that it meets

# layers, width, inner, heads, key heads, head width, vocabulary, tied
MODELS = {
    "tiny": (4, 128, 352, 4, 2, 32, 512, True),
    "medium": (12, 512, 1408, 8, 4, 64, 8192, True),
    "wide": (6, 1024, 2816, 16, 16, 64, 4096, False),
}

# Random models of other kinds, as transformers builds them of its own defaults and these settings.
_LIKE_GPT2 = {"n_layer": 10, "n_embd": 768, "n_head": 12, "n_positions": 2048}
_SIZES = {"hidden_size": 768, "num_hidden_layers": 10, "num_attention_heads": 12}
OTHERS: dict[str, dict[str, Any]] = {
    "gpt2": {"model_type": "gpt2", **_LIKE_GPT2},
    "gpt2 without dropout": {
        "model_type": "gpt2", **_LIKE_GPT2, "attn_pdrop": 0.0, "resid_pdrop": 0.0, "embd_pdrop": 0.0,
    },
    "neox": {"model_type": "gpt_neox", **_SIZES, "intermediate_size": 3072},
    "opt": {"model_type": "opt", **_SIZES, "ffn_dim": 3072, "word_embed_proj_dim": 768},
    "phi": {"model_type": "phi", **_SIZES, "intermediate_size": 3072},
    "gemma": {
        "model_type": "gemma", **_SIZES, "intermediate_size": 2304, "num_key_value_heads": 1,
        "head_dim": 128, "num_attention_heads": 6,
    },
    "gemma2": {
        "model_type": "gemma2", **_SIZES, "intermediate_size": 2304, "num_key_value_heads": 2,
        "head_dim": 128, "num_attention_heads": 6, "sliding_window": 256,
    },
    "stablelm": {
        "model_type": "stablelm", **_SIZES, "intermediate_size": 2304, "num_key_value_heads": 4,
    },
    "phi3": {
        "model_type": "phi3", **_SIZES, "intermediate_size": 2304, "num_key_value_heads": 4,
    },
    "granite": {
        "model_type": "granite", **_SIZES, "intermediate_size": 2304, "num_key_value_heads": 4,
        "logits_scaling": 8.0,
    },
    "qwen2": {
        "model_type": "qwen2", **_SIZES, "intermediate_size": 2304, "num_key_value_heads": 2,
    },
    "qwen3": {
        "model_type": "qwen3", **_SIZES, "intermediate_size": 2304, "num_key_value_heads": 2,
        "head_dim": 64,
    },
}  # fmt: skip


def recipe(
    name: str, role: str, model: str, tokens: tuple[int, int], batch: int, turns: int = 1, **train: Any
) -> dict[str, Any]:
    """A recipe over rows of about `tokens` (fewest, most) tokens; with `turns`, chats of so many of them
    are there once after every turn, so that rows begin with other rows."""
    return {"name": name, "role": role, "model": model, "tokens": tokens,
            **({"turns": turns} if turns > 1 else {}),
            "train": {"batch_size": batch, "precision": "fp32", **train}}  # fmt: skip


def in_bf16(asked: dict[str, Any]) -> dict[str, Any]:
    """The same recipe in bf16, for a processor that computes it."""
    train = {**asked["train"], "precision": "bf16"}
    return {**asked, "name": f"{asked['name']}, bf16", "train": train}


RECIPES = [
    recipe("smol lora", "fit", "smollm2-135m", (60, 240), 4),
    recipe("smol lora recompute", "fit", "smollm2-135m", (60, 240), 4, recompute=True),
    recipe("smol lora passes", "fit", "smollm2-135m", (60, 160), 4, accumulation=4),
    recipe("smol ia3", "fit", "smollm2-135m", (60, 200), 3, method="ia3"),
    recipe("smol full", "fit", "smollm2-135m", (60, 160), 2, method="full"),
    recipe("smol long", "fit", "smollm2-135m", (500, 700), 1),
    recipe("medium lora", "fit", "medium", (200, 500), 6),
    recipe("medium full", "fit", "medium", (150, 400), 6, method="full"),
    recipe("tiny lora", "fit", "tiny", (100, 300), 16),
    recipe("tiny recompute", "fit", "tiny", (100, 300), 4, recompute=True),
    recipe("wide lora", "fit", "wide", (200, 400), 4),
    recipe("wide prompt", "fit", "wide", (100, 300), 3, method="prompt"),
    recipe("smol nf4", "fit", "smollm2-135m", (60, 160), 3, quantise="nf4"),
    recipe("smol rank 64", "judge", "smollm2-135m", (80, 200), 3, lora={"rank": 64, "alpha": 128.0}),
    recipe("smol long recompute", "judge", "smollm2-135m", (400, 800), 1, recompute=True),
    recipe("smol full passes", "judge", "smollm2-135m", (80, 200), 2, method="full",
           accumulation=2),
    recipe("smol pass tokens", "judge", "smollm2-135m", (40, 300), 6, pass_tokens=400),
    recipe("smol q and v", "judge", "smollm2-135m", (60, 200), 4,
           lora={"targets": ["q_proj", "v_proj"]}),
    recipe("smol upper layers", "judge", "smollm2-135m", (60, 300), 4,
           lora={"layers": [24, 26, 28, 29]}),
    recipe("smol one row", "judge", "smollm2-135m", (60, 90), 1),
    recipe("medium recompute", "fit", "medium", (200, 600), 8, recompute=True),
    recipe("medium full adafactor", "judge", "medium", (200, 300), 4, method="full",
           optimizer="adafactor"),
    recipe("medium ia3", "judge", "medium", (100, 700), 5, method="ia3"),
    recipe("wide full", "judge", "wide", (100, 300), 3, method="full"),
    recipe("wide recompute", "judge", "wide", (200, 400), 4, recompute=True),
    recipe("wide pass tokens", "judge", "wide", (200, 400), 4, pass_tokens=600),
    recipe("tiny full", "judge", "tiny", (200, 500), 24, method="full"),
    recipe("medium prompt", "judge", "medium", (100, 400), 4, method="prompt"),
    recipe("smol every turn", "judge", "smollm2-135m", (240, 320), 8, turns=4),
    recipe("wide full muon", "judge", "wide", (40, 80), 1, method="full", optimizer="muon"),
    recipe("medium nf4", "judge", "medium", (200, 400), 4, quantise="nf4"),
    # Only memory is told from these, so they can be measured on a machine that others use as well.
    recipe("gpt2 lora", "memory", "gpt2", (150, 300), 4),
    recipe("gpt2 full", "memory", "gpt2", (100, 200), 3, method="full"),
    recipe("gpt2 recompute", "memory", "gpt2", (150, 300), 4, recompute=True),
    recipe("gpt2 long", "memory", "gpt2", (600, 900), 1),
    recipe("gpt2 without dropout lora", "memory", "gpt2 without dropout", (150, 300), 4),
    recipe("neox lora", "memory", "neox", (150, 300), 4),
    recipe("neox full", "memory", "neox", (100, 200), 3, method="full"),
    recipe("opt lora", "memory", "opt", (150, 300), 4),
    recipe("opt recompute", "memory", "opt", (150, 300), 4, recompute=True),
    recipe("phi lora", "memory", "phi", (150, 300), 4),
    recipe("phi ia3", "memory", "phi", (150, 300), 4, method="ia3"),
    recipe("gemma lora", "memory", "gemma", (150, 300), 4),
    recipe("gemma full", "memory", "gemma", (100, 200), 3, method="full"),
    recipe("gemma2 lora", "memory", "gemma2", (150, 300), 4),
    recipe("qwen2 lora", "memory", "qwen2", (150, 300), 4),
    recipe("qwen2 pass tokens", "memory", "qwen2", (150, 300), 4, pass_tokens=500),
    recipe("qwen3 lora", "memory", "qwen3", (150, 300), 4),
    recipe("stablelm lora", "memory", "stablelm", (100, 500), 5),
    recipe("phi3 lora", "memory", "phi3", (200, 450), 4),
    recipe("granite long", "memory", "granite", (600, 1000), 2),
    recipe("gpt2 upper layers", "memory", "gpt2", (150, 300), 4, lora={"layers": [6, 8]}),
    recipe("qwen2 dora", "memory", "qwen2", (150, 300), 3, lora={"dora": True}),
    recipe("phi dense", "memory", "phi", (100, 350), 4, lora={"targets": ["dense", "fc2"]}),
    recipe("neox every turn", "memory", "neox", (240, 320), 8, turns=4),
    recipe("qwen3 prompt", "memory", "qwen3", (150, 300), 4, method="prompt"),
]  # fmt: skip
RECIPES += [in_bf16(each) for each in RECIPES if each["role"] != "memory"]


# --- one recipe, in a process of its own ---------------------------------------------------------


def child(folder: Path) -> None:
    """Run the recipe in `folder` as far as training; write what was measured beside it."""
    from talkwright import pipeline
    from talkwright.config import load_recipe
    from talkwright.models import best_precision
    from talkwright.runs import read_jsonl
    from talkwright.train.estimate.machines import measure_rates

    here = load_recipe(folder / "recipe.yaml")
    precision = best_precision() if here.train.precision == "auto" else here.train.precision
    rates = [measure_rates(precision)]
    started = time.perf_counter()
    run = pipeline.run(here, folder / "runs", until="train")
    whole = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rates.append(measure_rates(precision))
    load, shape = counted_load(run, here)
    steps = [row for row in read_jsonl(run / "train" / "metrics.jsonl") if "loss" in row]
    spent = steps[-1]["seconds"] - steps[0]["seconds"]  # the first step warms up
    passed = steps[-1]["tokens"] - steps[0]["tokens"]
    mean = {
        name: (getattr(rates[0], name) + getattr(rates[1], name)) / 2
        for name in ("products", "attention", "passing", "call", "short")
    }
    found = {
        "precision": precision,
        "load": dataclasses.asdict(load),
        "rates": {name: float(f"{value:.5g}") for name, value in mean.items()},
        "peak_mib": round(peak, 1),
        "step_seconds": round(spent / passed * load.tokens, 4),
        "other_seconds": round(whole - steps[-1]["seconds"], 2),
        "shape": dataclasses.asdict(shape),
    }
    (folder / "found.json").write_text(json.dumps(found))


def counted_load(run: Path, recipe: Any) -> tuple[Any, Any]:
    """What the rows of a run that has been checked amount to, and its model's shape."""
    from talkwright import pipeline
    from talkwright.template import read_examples
    from talkwright.train.estimate.load import Rows, make_load
    from talkwright.train.estimate.shape import shape_of_folder
    from talkwright.train.estimate.structure import layout_of

    base, _ = pipeline.find_model(recipe)
    shape = shape_of_folder(base.path)
    train, validation = (read_examples(run / "check", split) for split in ("train", "validation"))
    rows = Rows(
        train.lengths.tolist(), train.supervised.tolist(), validation.lengths.tolist(), "here",
        train, validation,
    )  # fmt: skip
    how: dict[str, Any] = {"padded": layout_of(shape).padded, "alone": shape.alone}
    return make_load(rows, recipe.train, seed=recipe.seed, **how), shape


def count_again(recorded: dict[str, Any], folder: Path) -> None:
    """Put the tokens of the recorded runs right after the way of counting has changed: their rows are
    made-up words from a seed, so they can be made again without training on them."""
    from talkwright import pipeline
    from talkwright.config import load_recipe

    for number, run in enumerate(recorded["runs"]):
        here = folder / str(number)
        write_recipe(run, here, folder)
        recipe = load_recipe(here / "recipe.yaml")
        load, _ = counted_load(pipeline.run(recipe, here / "runs", until="check"), recipe)
        before, now = run["load"], dataclasses.asdict(load)
        changed = [f"{n} {before[n]:g} to {now[n]:g}" for n in now if before[n] != now[n]]
        print(f"{run['name']}: {', '.join(changed) or 'as before'}", file=sys.stderr, flush=True)
        run["load"] = now


def config_of(name: str) -> Any:
    """The configuration of a random model."""
    from transformers import AutoConfig, LlamaConfig

    ends: dict[str, Any] = {"bos_token_id": None, "eos_token_id": 257}
    if name in OTHERS:
        return AutoConfig.for_model(
            **{"max_position_embeddings": 2048, **ends, **OTHERS[name]},
            vocab_size=8192, pad_token_id=8191,
        )  # fmt: skip
    layers, width, inner, heads, keys, head_width, vocabulary, tied = MODELS[name]
    return LlamaConfig(
        vocab_size=vocabulary, hidden_size=width, intermediate_size=inner, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=keys, head_dim=head_width,
        max_position_embeddings=2048, tie_word_embeddings=tied, pad_token_id=vocabulary - 1, **ends,
    )  # fmt: skip


def make_model(name: str, folder: Path) -> str:
    """A random model with a byte-level tokenizer; the default one is found by its name."""
    if name not in MODELS and name not in OTHERS:
        return name
    target = folder / f"model-{name.replace(' ', '-')}"
    if not target.exists():
        import torch
        from transformers import AutoModelForCausalLM

        sys.path.insert(0, str(ROOT))
        from tests.conftest import CHATML, byte_tokenizer

        torch.manual_seed(1)
        model = AutoModelForCausalLM.from_config(config_of(name))
        model.to(torch.bfloat16).save_pretrained(str(target))
        tokenizer = byte_tokenizer(
            ["<|im_start|>", "<|im_end|>", "<|endoftext|>"], CHATML, eos="<|im_end|>"
        )
        tokenizer.save_pretrained(str(target))
        (target / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    return str(target)


def write_recipe(asked: dict[str, Any], folder: Path, models: Path) -> None:
    """The recipe and its rows: chats of made-up words."""
    folder.mkdir()
    draw = random.Random(asked["name"])
    letters = 2.6 if asked["model"] == "smollm2-135m" else 1.0  # of made-up words a token
    batch = asked["train"]["batch_size"]

    def text(tokens: float) -> str:
        words = []
        while sum(map(len, words)) + len(words) < tokens * letters:
            words.append("".join(draw.choices("abcdefghiklmnoprstuvwz", k=draw.randint(2, 9))))
        return " ".join(words)

    lines = []
    steps = STEPS[asked["train"]["precision"]]
    for _ in range(steps * batch + 8):
        tokens = (draw.uniform(*asked["tokens"]) - 40) / asked.get("turns", 1)
        chat: list[tuple[str, str]] = []
        for _ in range(asked.get("turns", 1)):
            chat += [("user", text(max(8, 0.4 * tokens))), ("assistant", text(max(8, 0.6 * tokens)))]
            said = [{"role": role, "content": words} for role, words in chat]
            lines.append(json.dumps({"messages": said}))
    (folder / "chats.jsonl").write_text("\n".join(lines) + "\n")
    settings = {
        "name": "calibrate",
        "model": make_model(asked["model"], models),
        "data": {"sources": "chats.jsonl", "validation": 0.05, "test": 0.0},
        "template": {"max_length": 2048},
        "train": {"max_steps": steps, "warmup_steps": 0, "learning_rate": 1e-5, **asked["train"]},
    }
    (folder / "recipe.yaml").write_text(json.dumps(settings))


def measure(asked: dict[str, Any], folder: Path, models: Path, *more: str) -> dict[str, Any] | None:
    """Run one recipe in a fresh process; None, with a message, where it cannot run here."""
    if "nf4" in asked["train"].values() and find_spec("bitsandbytes") is None:
        print(f"{asked['name']}: left out, bitsandbytes is not installed", file=sys.stderr)
        return None
    write_recipe(asked, folder, models)
    done = subprocess.run(
        [sys.executable, __file__, "--child", str(folder), *more],
        capture_output=True, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    if done.returncode:
        print(f"{asked['name']}: failed:\n{done.stderr[-2000:]}", file=sys.stderr)
        return None
    return {**asked, **json.loads((folder / "found.json").read_text())}


# --- fitting -------------------------------------------------------------------------------------


def count_everything() -> dict[str, Any]:
    """The counted terms of every kind of recipe (`count.py`)."""
    from talkwright.config import TrainSection
    from talkwright.train.estimate.count import count_terms, terms_key

    kinds: list[dict[str, Any]] = [
        {}, {"lora": {"dropout": 0.1}}, {"lora": {"dora": True}}, {"method": "ia3"},
        {"method": "full"}, {"method": "prompt"}, {"method": "prefix"},
    ]  # fmt: skip
    counted = {}
    for kind in kinds:
        for precision in ("fp32", "bf16"):
            for recompute in ("none", "all"):
                if recompute == "all" and kind.get("method") == "prefix":
                    continue
                section = TrainSection.model_validate({**kind, "recompute": recompute})
                counted[terms_key(section, precision)] = count_terms(section, precision)
    return counted


def save(recorded: dict[str, Any], measured: str = "") -> None:
    """Write what is recorded, a line a run; `measured` is the day, today if left out."""
    recorded["measured"] = measured or time.strftime("%Y-%m-%d")
    lines = [json.dumps(run) for run in recorded["runs"]]
    models = [f"{json.dumps(name)}: {json.dumps(shape)}" for name, shape in recorded["models"].items()]
    RECORDED.write_text(
        '{"measured": ' + json.dumps(recorded["measured"]) + ',\n"models": {\n' + ",\n".join(models)
        + '\n},\n"runs": [\n' + ",\n".join(lines) + "\n]}\n"
    )  # fmt: skip


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--fit", action="store_true", help="measure nothing")
    parser.add_argument("--loads", action="store_true", help="measure nothing, count tokens again")
    busy = "on a shared machine, with OMP_NUM_THREADS=1: processor time in place of wall time"
    parser.add_argument("--busy", action="store_true", help=busy)
    parser.add_argument("--only", default="", help="only recipes with this in their name")
    asked = parser.parse_args()
    sys.path.insert(0, str(ROOT / "src"))
    if asked.child:
        if asked.busy:
            time.perf_counter = time.process_time
        child(asked.child)
        return
    from talkwright.train.estimate.fit import fit, report, runs_of

    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {"models": {}, "runs": []}
    if asked.loads:
        with tempfile.TemporaryDirectory() as folder:
            count_again(recorded, Path(folder))
        save(recorded, measured=recorded["measured"])
    elif not asked.fit:
        if not asked.only:
            recorded = {"models": {}, "runs": []}
        with tempfile.TemporaryDirectory() as folder:
            for number, one in enumerate(RECIPES):
                if asked.only not in one["name"]:
                    continue
                started = time.perf_counter()
                found = measure(
                    one, Path(folder) / str(number), Path(folder), *(["--busy"] * asked.busy)
                )
                if found is None:
                    continue
                recorded["models"][one["model"]] = found.pop("shape")
                others = [run for run in recorded["runs"] if run["name"] != one["name"]]
                recorded["runs"] = [*others, found]
                took = f"{found['step_seconds']:.2f} s a step ({time.perf_counter() - started:.0f} s)"
                print(f"{one['name']}: {found['peak_mib']:.0f} MiB, {took}", file=sys.stderr, flush=True)
                save(recorded)
    before = json.loads(COEFFICIENTS.read_text()) if COEFFICIENTS.exists() else {}
    counted = (
        before.get("counted")
        if (asked.fit or asked.loads) and before.get("counted")
        else count_everything()
    )
    coefficients = fit(runs_of(recorded), counted)
    coefficients["measured"] = recorded["measured"]
    COEFFICIENTS.write_text(json.dumps(coefficients, indent=1) + "\n")
    print(report(runs_of(recorded), coefficients))


if __name__ == "__main__":
    main()
