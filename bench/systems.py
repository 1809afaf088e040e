"""One measurement of one system, in a process of its own. `train.py` starts these.

    python bench/systems.py SYSTEM FOLDER --steps 8 [--keep-every 4]

FOLDER holds what all systems get: `rows.json` (token ids and labels, the row numbers of each optimizer
step, the base model's folder, the learning rate) and `start/`, the adapter that all begin with. The last
line printed is JSON: seconds of each step by the same clock for all (batch, forward, backward, update),
peak memory in MiB, and when the first step began. With `--keep-every` the adapter of every k-th step is
kept in FOLDER/kept, outside the timed span; "start" is no system, it makes `start/`.

LLaMA-Factory's process runs in an environment of its own, without talkwright: nothing but the standard
library is imported up here.
"""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

ROWS_PER_STEP = 8
SEED = 7
# One of our ways changed, each alone: (module, name, what stands there instead).
LEVERS: dict[str, tuple[str, str, Any]] = {
    "without sharing": (
        "talkwright.train.session", "may_share_beginnings", lambda *_, **__: False),
    "without fusing": ("talkwright.train.model", "fuse", lambda model: {}),
    "with padding": ("talkwright.train.model", "choose_attention", lambda config: (None, True)),
    "with all logits": ("talkwright.models.flat", "_plain_head", lambda causal: None),
    "torch's attention": ("talkwright.models.flat", "LONGEST_SHORT_ROW", 0),
}  # fmt: skip


class Watch:
    """When the first step began (seconds since the epoch), and how long each took."""

    def __init__(self, keep_every: int, folder: Path):
        self.keep_every, self.folder = keep_every, folder
        self.ready, self.began = 0.0, 0.0
        self.seconds: list[float] = []
        self.losses: list[float] = []  # of each step, where the system says it

    def begin(self, model: Any) -> None:
        """A step begins."""
        if not self.seconds:
            self.ready = time.time()
            self._keep(model)
        self.began = time.perf_counter()

    def end(self, model: Any) -> None:
        """A step has ended, its update included."""
        self.seconds.append(time.perf_counter() - self.began)
        self._keep(model)

    def _keep(self, model: Any) -> None:
        """Write the adapter as it is now, in fp32 whatever it computes in."""
        if not self.keep_every or len(self.seconds) % self.keep_every:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        from peft import get_peft_model_state_dict
        from safetensors.torch import save_file

        tensors = {
            n: t.detach().float().contiguous() for n, t in get_peft_model_state_dict(model).items()
        }
        save_file(tensors, self.folder / f"{len(self.seconds):05d}.safetensors")


def rows_in_order(frozen: dict[str, Any], steps: int) -> list[dict[str, list[int]]]:
    """The rows one optimizer step after the other, as our own plan takes them."""
    return [frozen["rows"][n] for step in frozen["steps"][:steps] for n in step]


def callback(watch: Watch) -> Any:
    """A watch for the Trainer of transformers, which TRL and LLaMA-Factory build on."""
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        def on_step_begin(self, *_: Any, model: Any, **__: Any) -> None:
            watch.begin(model)

        def on_step_end(self, *_: Any, model: Any, **__: Any) -> None:
            watch.end(model)

        def on_log(self, *_: Any, logs: dict[str, Any], **__: Any) -> None:
            if "loss" in logs:
                watch.losses.append(logs["loss"])

    return Clock()


def our_recipe(frozen: dict[str, Any], folder: Path, steps: int, more: dict[str, Any]) -> Any:
    """The recipe that trains on the frozen rows."""
    from talkwright.config import build_recipe

    start = {"start_from": str(folder / "start")} if (folder / "start").is_dir() else {}
    settings = {
        "max_steps": steps, "batch_size": ROWS_PER_STEP, "learning_rate": frozen["rate"],
        "schedule": "constant", "warmup_ratio": 0.0, "save_every": 10**6, "eval_every": 10**6, **start,
    }  # fmt: skip
    return build_recipe({"data": "none", "model": frozen["model"], "train": {**settings, **more}})


def make_start(frozen: dict[str, Any], folder: Path) -> None:
    """The adapter that all begin with, as talkwright makes it."""
    from talkwright.pipeline import find_model
    from talkwright.train.model import prepare_model

    recipe = our_recipe(frozen, folder, 1, {})
    model, _ = prepare_model(find_model(recipe)[0], recipe.train, SEED)
    model.save_pretrained(str(folder / "start"))


def measure_ours(frozen: dict[str, Any], folder: Path, steps: int, watch: Watch, more: Any) -> None:
    """The product's own training loop."""
    from talkwright.pipeline import find_model
    from talkwright.train import loop, train
    from talkwright.types import Example

    take_step = loop._take_step

    def watched(session: Any, *given: Any) -> float:
        watch.begin(session.model)
        loss = take_step(session, *given)
        watch.end(session.model)
        watch.losses.append(loss)
        return loss

    loop._take_step = watched
    recipe = our_recipe(frozen, folder, steps, more)
    base, template = find_model(recipe)
    rows = [Example(tuple(row["input_ids"]), tuple(row["labels"])) for row in frozen["rows"]]
    with tempfile.TemporaryDirectory() as out:
        train(base, template, rows, [], recipe.train, seed=SEED, out=Path(out) / "train", key="bench")


def measure_trl(frozen: dict[str, Any], folder: Path, steps: int, watch: Watch, peer: str) -> None:
    """TRL's SFTTrainer, as it comes or tuned."""
    import torch
    from datasets import Dataset
    from peft import PeftModel
    from transformers import AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    from talkwright.config import build_recipe
    from talkwright.models import best_precision, load_weights
    from talkwright.pipeline import find_model

    tuned = peer == "trl-tuned"
    precision = "bf16" if peer in PASSES else best_precision() if tuned else "fp32"
    base = find_model(build_recipe({"data": "none", "model": frozen["model"]}))[0]
    model = load_weights(base, precision=precision)
    model = PeftModel.from_pretrained(model, str(folder / "start"), is_trainable=True)
    more: dict[str, Any] = {"bf16": False} if peer == "trl-default-fp32" else {}
    if tuned or peer in PASSES:
        more = {"gradient_checkpointing": False, "bf16": precision == "bf16"}
    passes = PASSES.get(peer, 1)
    if peer in PASSES:
        more |= {"gradient_accumulation_steps": passes, "logging_steps": 1}
    with tempfile.TemporaryDirectory() as out:
        SFTTrainer(
            model=model,
            train_dataset=Dataset.from_list(rows_in_order(frozen, steps)),
            processing_class=AutoTokenizer.from_pretrained(frozen["model"]),
            callbacks=[callback(watch)],
            args=SFTConfig(
                output_dir=out, max_steps=steps,
                per_device_train_batch_size=ROWS_PER_STEP // passes,
                learning_rate=frozen["rate"], lr_scheduler_type="constant",
                use_cpu=not torch.cuda.is_available(), shuffle_dataset=False,
                train_sampling_strategy="sequential", max_length=None,
                report_to="none", save_strategy="no", disable_tqdm=True, **more,
            ),
        ).train()  # fmt: skip


def measure_factory(frozen: dict[str, Any], folder: Path, steps: int, watch: Watch) -> None:
    """LLaMA-Factory's own `run_sft` on a dataset that is tokenised already, which it can load."""
    import torch
    from datasets import Dataset, DatasetDict
    from llamafactory.hparams import get_train_args
    from llamafactory.train.sft.workflow import run_sft

    rows = [
        {**row, "attention_mask": [1] * len(row["input_ids"])} for row in rows_in_order(frozen, steps)
    ]
    with tempfile.TemporaryDirectory() as out:
        DatasetDict({"train": Dataset.from_list(rows)}).save_to_disk(f"{out}/rows")
        model, data, training, finetuning, generating = get_train_args(
            {
                "model_name_or_path": frozen["model"], "stage": "sft", "do_train": True,
                "finetuning_type": "lora", "lora_rank": 16, "lora_target": "all",
                "adapter_name_or_path": str(folder / "start"), "template": "smollm2",
                "dataset": "frozen", "tokenized_path": f"{out}/rows", "disable_shuffling": True,
                "output_dir": f"{out}/trained", "max_steps": steps,
                "per_device_train_batch_size": ROWS_PER_STEP, "learning_rate": frozen["rate"],
                "lr_scheduler_type": "constant", "bf16": frozen["native_bf16"],
                "use_cpu": not torch.cuda.is_available(),
                "report_to": "none", "save_strategy": "no", "disable_tqdm": True,
            }
        )  # fmt: skip
        run_sft(model, data, training, finetuning, generating, callbacks=[callback(watch)])


OURS: dict[str, dict[str, Any]] = {
    "ours": {},
    "with compile": {"compile": True},
    "ours-small": {"accumulation": ROWS_PER_STEP, "recompute": True},
    "ours-bf16": {"precision": "bf16"},
}
# TRL in bf16, and how many passes a step takes.
PASSES = {"trl-bf16": 1, "trl-bf16-2x4": 4, "trl-bf16-4x2": 2}


def measure(system: str, folder: Path, steps: int, keep_every: int) -> dict[str, Any]:
    """Train `steps` steps and say how it went."""
    if system in LEVERS:
        module, name, instead = LEVERS[system]
        setattr(importlib.import_module(module), name, instead)
    frozen = json.loads((folder / "rows.json").read_text())
    watch = Watch(keep_every, folder / "kept" / system)
    if system in OURS or system in LEVERS:
        measure_ours(frozen, folder, steps, watch, OURS.get(system, {}))
    elif system == "factory":
        measure_factory(frozen, folder, steps, watch)
    else:
        measure_trl(frozen, folder, steps, watch, system)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": watch.seconds, "peak": peak, "ready": watch.ready, "losses": watch.losses}


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("system")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--keep-every", type=int, default=0)
    asked = parser.parse_args()
    if asked.system == "start":
        make_start(json.loads((asked.folder / "rows.json").read_text()), asked.folder)
        return
    print(json.dumps(measure(asked.system, asked.folder, asked.steps, asked.keep_every)))


if __name__ == "__main__":
    main()
