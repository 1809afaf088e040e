"""Data preparation against TRL and LLaMA-Factory: the same file of chats to ids and labels on disk.

    python bench/data.py [--rows N] [--rounds N] [--quick] [--systems talkwright-like-trl,trl]
                         [--file CHATS.jsonl] [--out RESULT.json]
    python bench/data.py --parsing [--quick] [--file CHATS.jsonl]

The first compares, both as Talkwright comes (all cleaning on) and with a recipe that asks for no more
than TRL does; the second says how many conversations a second one core parses and cleans.

Every measurement is a process of its own; systems take turns forwards and backwards (A B C C B A), so
that a slow minute of the machine meets all of them. Timed is the work alone: imports, tokenizer and
model are loaded before. What each system does is said in bench/README.md.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import inspect
import json
import os
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("TALKWRIGHT_BENCH_CACHE", "~/.cache/talkwright-bench")).expanduser()
MAX_LENGTH = 1024
FACTORY = "0.9.5"
# What a recipe says to have no more done than TRL does: no cleaning, no judging, no private data, no
# near-duplicates, no contradictions, nothing held out, no doctor. What has no switch stays on: the order
# of turns, exact duplicates, the ledger.
LIKE_TRL = (
    "data.fix_unicode=false", "data.strip_html=false", "data.boilerplate=keep",
    "data.placeholders=keep", "data.refusals=keep", "data.repetition=keep", "data.pii=keep",
    "data.duplicates=exact", "data.contradictions=keep", "data.validation=0", "data.test=0",
    "data.doctor=false",
)  # fmt: skip
# Parsing and cleaning as it comes, but for near-duplicates, which held-out rows are looked for, too.
NO_NEAR = ("data.duplicates=exact", "data.validation=0", "data.test=0")
# (name shown, worker, processes; 0 for as many as it takes by itself). The first is what others are
# compared with.
SYSTEMS = (
    ("talkwright, as it comes", "talkwright", 0),
    ("talkwright, the work of TRL", "talkwright-like-trl", 0),
    ("talkwright, as it comes, 1 process", "talkwright", 1),
    ("talkwright, the work of TRL, 1 process", "talkwright-like-trl", 1),
    ("TRL", "trl", 1),
    ("TRL, 2 processes", "trl", 2),
    ("LLaMA-Factory", "factory", 1),
    ("LLaMA-Factory, 2 processes", "factory", 2),
)
WORKLOADS = {"short chats": (1, 20), "4 turns, 500 tokens": (2, 85)}


# --- chats ---------------------------------------------------------------------------------------


def write_chats(file: Path, rows: int, questions: int, words: int) -> None:
    """Chats of words as frequent as words are (Zipf), with punctuation, numbers and rare words.

    A memory for words must not look better here than on real text: one word in 25 is made up and
    comes hardly ever again.
    """
    import argparse as _a
    import decimal
    import typing

    draw = random.Random(f"{rows} {questions} {words}")
    source = " ".join(inspect.getsource(module) for module in (_a, decimal, typing, inspect, random))
    known = list(dict.fromkeys(re.findall(r"[a-z]{2,}", source.lower())))
    weights = [1 / (n + 3) for n in range(len(known))]
    syllables = [a + b for a in "bdfgklmnprst" for b in ("a", "e", "i", "o", "u", "an", "er", "in")]

    def text(about: int) -> str:
        out = []
        for word in draw.choices(known, weights, k=draw.randint(about // 2, about * 3 // 2) or 1):
            kind = draw.random()
            if kind < 0.04:
                word = "".join(draw.choices(syllables, k=draw.randint(2, 4)))
            elif kind < 0.06:
                word = str(draw.randint(0, 99_999))
            elif kind < 0.16:
                word += draw.choice((",", ".", ".", "?", "!", ":", ".\n\n-", ")", "'s"))
            out.append(word)
        return " ".join(out).capitalize() + draw.choice((".", ".", "?", "!"))

    with open(file, "w", encoding="utf-8") as out:
        for _ in range(rows):
            messages = []
            for _ in range(questions):
                messages.append({"role": "user", "content": text(words // 2)})
                messages.append({"role": "assistant", "content": text(words * 3 // 2)})
            out.write(json.dumps({"messages": messages}) + "\n")


# --- one measurement, in its own process ---------------------------------------------------------


@contextlib.contextmanager
def timed(times: dict[str, float], name: str) -> Any:
    started = time.perf_counter()
    yield
    times[name] = time.perf_counter() - started


def work_talkwright(
    file: Path, model: Path, work: Path, processes: int, settings: tuple[str, ...] = ()
) -> dict[str, Any]:
    """`prepare` (read, clean, de-duplicate, split), then `check` (render, tokenise, mask, store).

    `settings` are lines of the recipe.
    """
    import pyarrow.compute
    import pyarrow.parquet  # noqa: F401 - imports are not timed, of nobody

    with contextlib.suppress(ImportError):  # what pyarrow imports where it is there, as `datasets` does
        import pandas  # noqa: F401

    from talkwright.config import TemplateSection, build_recipe
    from talkwright.data import prepare, read_dataset
    from talkwright.template import Template, check_dataset, read_examples

    template = Template.load(model)
    section = build_recipe({"name": "bench", "data": str(file)}, settings, where="bench").data
    splits = TemplateSection(max_length=MAX_LENGTH)
    times: dict[str, float] = {}
    if processes == 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # then nothing takes a second one
    with timed(times, "prepare"):
        prepare(section, seed=7, out=work / "data")
    with timed(times, "tokenise"):
        check_dataset(template, read_dataset(work / "data"), splits, out=work / "check", key="k")
    stored = [read_examples(work / "check", name) for name in ("train", "validation", "test")]
    return {
        "times": times,
        "rows": sum(map(len, stored)),
        "tokens": sum(int(each.lengths.sum()) for each in stored),
        "supervised": sum(int(each.supervised.sum()) for each in stored),
    }


def work_like_trl(file: Path, model: Path, work: Path, processes: int) -> dict[str, Any]:
    """The same with a recipe that asks for no more than what TRL does."""
    return work_talkwright(file, model, work, processes, LIKE_TRL)


def work_parsing(file: Path, model: Path, work: Path, processes: int) -> dict[str, Any]:
    """Parsing and cleaning alone, by the processor's clock: rows a second of one core.

    `parse and clean` is what turns lines into clean conversations with their ledger rows; `prepared` is
    all of `prepare` without near-duplicates: shards, exact duplicates, contradictions, doctor.
    """
    from talkwright.config import Columns, build_recipe
    from talkwright.data import prepare
    from talkwright.data.entries import enter
    from talkwright.data.reading.containers import read_rows

    section = build_recipe({"name": "bench", "data": str(file)}, NO_NEAR, where="bench").data
    source = section.sources[0]
    found: dict[str, list[float]] = {"parse and clean": [], "prepared": []}
    for turn in range(3):
        started = time.process_time()
        rows = sum(1 for row in read_rows(file, file.name, Columns())
                   if enter(row, source, file.name, section).conversation)  # fmt: skip
        found["parse and clean"].append(rows / (time.process_time() - started))
        started = time.process_time()
        counts = prepare(section, seed=7, out=work / f"data-{turn}", workers=1)
        found["prepared"].append(counts.read / (time.process_time() - started))
    return {"times": {}, "rows": rows, "per_second": {name: max(each) for name, each in found.items()}}


def work_trl(file: Path, model: Path, work: Path, processes: int) -> dict[str, Any]:
    """`load_dataset`, then the real `_prepare_dataset` of a real SFTTrainer around a tiny model."""
    import datasets
    from datasets import Dataset, load_dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig
    from trl import SFTConfig, SFTTrainer

    datasets.disable_progress_bars()
    tokenizer = AutoTokenizer.from_pretrained(str(model), local_files_only=True)
    tokenizer.chat_template = _with_generation_marks(tokenizer.chat_template)
    tiny = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=8, intermediate_size=8, num_hidden_layers=1,
        num_attention_heads=1, num_key_value_heads=1,
    )  # fmt: skip
    args = SFTConfig(
        output_dir=str(work / "trainer"), max_length=MAX_LENGTH, assistant_only_loss=True, use_cpu=True,
        bf16=False, report_to="none", dataset_num_proc=processes if processes > 1 else None,
    )  # fmt: skip
    two = [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}] * 2
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_config(tiny), args=args, processing_class=tokenizer,
        train_dataset=Dataset.from_list(two),
    )  # fmt: skip
    times: dict[str, float] = {}
    with timed(times, "prepare"):
        raw = load_dataset("json", data_files=str(file), split="train", cache_dir=str(work / "cache"))
    with timed(times, "tokenise"):
        done = trainer._prepare_dataset(raw, tokenizer, args, False, None, "train")
    return {"times": times, **_counted(done)}


def _with_generation_marks(template: str) -> str:
    """SmolLM2's template as TRL needs it for masks; TRL knows no such version of it itself."""
    turn = "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    marked = (
        "{{'<|im_start|>' + message['role'] + '\n'}}{% if message['role'] == 'assistant' %}"
        "{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
        "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}"
    )
    if turn not in template:
        raise SystemExit(f"another chat template than this benchmark knows: {template}")
    return template.replace(turn, marked)


def work_factory(file: Path, model: Path, work: Path, processes: int) -> dict[str, Any]:
    """LLaMA-Factory's own `get_dataset`: load, convert, tokenise with its `smollm2` template."""
    import datasets
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    datasets.disable_progress_bars()
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user",
            "assistant_tag": "assistant", "system_tag": "system"}  # fmt: skip
    about = {"file_name": str(file), "formatting": "sharegpt", "columns": {"messages": "messages"}}
    (work / "dataset_info.json").write_text(json.dumps({"chats": {**about, "tags": tags}}))
    model_args, data_args, training_args, *_ = get_train_args(
        {
            "model_name_or_path": str(model), "stage": "sft", "do_train": True, "dataset": "chats",
            "dataset_dir": str(work), "template": "smollm2", "cutoff_len": MAX_LENGTH,
            "output_dir": str(work / "trainer"), "overwrite_cache": True, "report_to": "none",
            "cache_dir": str(work / "cache"), "finetuning_type": "lora",
            "preprocessing_num_workers": processes if processes > 1 else None,
        }
    )  # fmt: skip
    tokenizer = load_tokenizer(model_args)["tokenizer"]
    template = get_template_and_fix_tokenizer(tokenizer, data_args)
    times: dict[str, float] = {}
    with timed(times, "both"), contextlib.redirect_stdout(sys.stderr):
        module = get_dataset(template, model_args, data_args, training_args, "sft", tokenizer=tokenizer)
    return {"times": times, **_counted(module["train_dataset"])}


def _counted(dataset: Any) -> dict[str, int]:
    return {
        "rows": len(dataset),
        "tokens": sum(map(len, dataset["input_ids"])),
        "supervised": sum(label != -100 for row in dataset["labels"] for label in row[1:]),
    }


WORKERS = {
    "talkwright": work_talkwright,
    "talkwright-like-trl": work_like_trl,
    "parsing": work_parsing,
    "trl": work_trl,
    "factory": work_factory,
}


# --- all measurements ----------------------------------------------------------------------------


def factory_python() -> Path | None:
    """Python of LLaMA-Factory's own environment, made when it is not there; None where that fails."""
    place = CACHE / f"llamafactory-{FACTORY}"
    python = place / "bin" / "python"
    works = [str(python), "-c", "import llamafactory.data"]
    if python.is_file() and subprocess.run(works, capture_output=True, check=False).returncode == 0:
        return python
    print(f"Installing LLaMA-Factory {FACTORY} into {place} (several minutes) ...", file=sys.stderr)
    torch = importlib.metadata.version("torch")
    # Pictures and sound need builds for another torch; an empty module does for an import at the top.
    empty = "import site, pathlib; pathlib.Path(site.getsitepackages()[0], 'torchaudio.py').touch()"
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(place)],
        [str(python), "-m", "pip", "install", "-q", f"llamafactory=={FACTORY}", f"torch=={torch}"],
        [str(python), "-m", "pip", "uninstall", "-q", "-y", "torchvision", "torchaudio"],
        [str(python), "-c", empty],
        works,
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            print(f"LLaMA-Factory is left out, it cannot be installed here: {why}", file=sys.stderr)
            return None
    return python


def measure(worker: str, python: Path, file: Path, model: Path, processes: int) -> dict[str, Any]:
    """Run one measurement in its own process, with its own empty caches."""
    with tempfile.TemporaryDirectory(prefix="talkwright-bench-") as work:
        environment = {
            **os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": work, "TRANSFORMERS_VERBOSITY": "error",
            "HF_DATASETS_OFFLINE": "1", "DISABLE_VERSION_CHECK": "1",
        }  # fmt: skip
        environment.pop("TOKENIZERS_PARALLELISM", None)
        command = [str(python), str(HERE / "data.py"), "--worker", worker, "--file", str(file)]
        command += ["--model", str(model), "--work", work, "--processes", str(processes)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{worker} failed:\n{done.stderr[-3000:]}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    result["seconds"] = sum(result["times"].values())
    result["load"] = os.getloadavg()[0]
    return result


def compare(file: Path, model: Path, rounds: int, systems: list[Any]) -> dict[str, Any]:
    """All systems in turns over one file: every measurement, by system."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name, *_ in systems}
    for number in range(2 * rounds):
        for name, worker, processes, python in systems if number % 2 == 0 else systems[::-1]:
            found[name].append(measure(worker, python, file, model, processes))
            print(f"  {name}: {found[name][-1]}", file=sys.stderr)
    return found


def table(workload: str, found: dict[str, list[dict[str, Any]]]) -> str:
    """Markdown: medians, and how many times longer than ours, with the range over the turns."""
    first = next(iter(found))
    lines = [
        f"### {workload}: {found[first][0]['rows']} rows, "
        f"{found[first][0]['tokens'] / found[first][0]['rows']:.0f} tokens each",
        "",
        "| system | read and prepare | tokenise and mask | together | rows/s | times ours | its tokens "
        "(learned) |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, runs in found.items():
        parts = []
        for part in ("prepare", "tokenise"):
            seconds = [run["times"][part] for run in runs if part in run["times"]]
            parts.append(f"{statistics.median(seconds):.2f} s" if seconds else "")
        whole = statistics.median(run["seconds"] for run in runs)
        # Of one turn, not of two medians: what slowed the machine slowed both.
        ratios = [a["seconds"] / b["seconds"] for a, b in zip(runs, found[first], strict=True)]
        ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        cells = [name, *parts, f"{whole:.2f} s", f"{runs[0]['rows'] / whole:,.0f}", ratio]
        cells.append(f"{runs[0]['tokens']:,} ({runs[0]['supervised']:,})")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def parsing(files: dict[str, Path], model: Path) -> dict[str, Any]:
    """Conversations a second of one core, best of three, printed and given by workload."""
    found = {}
    for name, file in files.items():
        done = measure("parsing", Path(sys.executable), file, model, 1)
        found[name] = done["per_second"]
        said = ", ".join(f"{what} {rate:,.0f}" for what, rate in done["per_second"].items())
        print(f"{name}: {done['rows']} conversations; a second of one core: {said}")
    return found


def find_model() -> Path:
    """The default model's folder, as talkwright finds it."""
    from talkwright.models import find_base

    return Path(find_base("smollm2-135m").path)


def main() -> None:
    """Parse the arguments; measure once as a worker, or everything in turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="1,000 rows, one round")
    parser.add_argument("--file", type=Path, help="chats of your own (JSONL with messages)")
    parser.add_argument("--out", type=Path, default=Path("bench-data.json"))
    known = list(dict.fromkeys(worker for _, worker, _ in SYSTEMS))
    parser.add_argument("--systems", default=",".join(known), help="default: %(default)s")
    parser.add_argument("--parsing", action="store_true", help="only parsing and cleaning, by one core")
    for hidden, kind in (("worker", str), ("model", Path), ("work", Path), ("processes", int)):
        parser.add_argument(f"--{hidden}", type=kind, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        print(json.dumps(WORKERS[asked.worker](asked.file, asked.model, asked.work, asked.processes)))
        return
    rows, rounds = (1_000, 1) if asked.quick else (asked.rows, asked.rounds)
    wanted = asked.systems.split(",")
    if unknown := set(wanted) - set(known):
        parser.error(f"--systems: no {', '.join(unknown)}; there are {', '.join(known)}")
    factory = factory_python() if "factory" in wanted and not asked.parsing else None
    here = Path(sys.executable)
    systems = [(*system, factory if system[1] == "factory" else here) for system in SYSTEMS]
    systems = [system for system in systems if system[-1] and system[1] in wanted]
    model = find_model()
    results: dict[str, Any] = {}
    folder = Path(tempfile.mkdtemp(prefix="talkwright-bench-"))
    try:
        files = {asked.file.name: asked.file.resolve()} if asked.file else {}
        for name, (questions, words) in () if files else WORKLOADS.items():
            files[name] = folder / f"{len(files)}.jsonl"
            write_chats(files[name], rows, questions, words)
        if asked.parsing:
            results["parsing"] = parsing(files, model)
            files = {}
        for name, file in files.items():
            print(f"{name}: {file}", file=sys.stderr)
            results[name] = compare(file, model, rounds, systems)
            print(table(name, results[name]) + "\n")
    finally:
        shutil.rmtree(folder)
    machine = {
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    asked.out.write_text(json.dumps({"machine": machine, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
