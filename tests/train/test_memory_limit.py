"""A real limit to a process's memory: the pass is halved, the step is the same, the size remembered."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# Long rows that are learnt whole: a pass over all of them needs far more than the model does. Every job
# is a process of its own, forked from one that has everything imported; `room` is what it may take
# (bytes) beyond what it has when training begins; with `stop` it ends after that step's checkpoint.
PROGRAM = """
import gc, json, os, resource, sys
import peft, torch
import transformers.models.llama.modeling_llama
from pathlib import Path
from talkwright.config import TrainSection
from talkwright.template import Template
from talkwright.train import loop, train
from talkwright.types import BaseModel, Example

torch.set_num_threads(1)
given = json.loads(sys.argv[1])
template = Template.load(given["model"])
ids = [tuple((7 * n + 3 * i) % 250 for i in range(200)) for n in range(32)]
rows = [Example(row, (-100, *row[1:]), f"{n:016x}") for n, row in enumerate(ids)]
base = BaseModel("tiny", given["model"], "a test", "apache-2.0", "0" * 64)
section = TrainSection(
    precision="fp32", batch_size=32, max_steps=3, save_every=1, learning_rate=1e-3,
    schedule="constant", warmup_steps=0,
)
restore, save = loop.restore_newest, loop.save_checkpoint

def work(name, room, stop):
    def limited(*a):
        state = restore(*a)
        if room:
            gc.collect()
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + room, resource.RLIM_INFINITY))
        return state

    def saved(*a, **k):
        save(*a, **k)
        if a[2].step == stop:
            sys.stderr.flush()
            os._exit(9)

    loop.restore_newest, loop.save_checkpoint = limited, saved
    out = Path(given["here"]) / name / "train"
    train(base, template, rows, [], section, seed=7, out=out, key="k")

for number, job in enumerate(given["jobs"]):
    if not (child := os.fork()):
        code = 1
        sys.stderr = open(f"{given['here']}/{number}.said", "w", buffering=1)
        try:
            work(*job)
            code = 0
        except Exception as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        finally:
            sys.stderr.flush()
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
# Every tensor is taken from the system and given back to it, so that a limit means the same every time.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TOP_PAD_": "0", "MALLOC_TRIM_THRESHOLD_": "0"}
ROOM = 8 << 20
JOBS = [("free", 0, 0), ("tight", ROOM, 2), ("tight", ROOM, 0)]

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")


@pytest.fixture(scope="module")
def ended(tiny_base, tmp_path_factory) -> tuple[Path, list[int], list[str]]:
    """Where the jobs worked, their exit codes and what they said."""
    here = tmp_path_factory.mktemp("limited")
    given = {"here": str(here), "model": tiny_base.path, "jobs": JOBS}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(given)],
        env={**environment, **ALLOCATOR, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    said = [(here / f"{number}.said").read_text() for number in range(len(JOBS))]
    return here, [int(code) for code in done.stdout.split()], said


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_real_memory_limit_halves_the_pass_and_not_the_step(ended) -> None:
    here, codes, said = ended
    assert codes == [0, 9, 0], said
    wanted = [row["loss"] for row in rows_of(here / "free" / "train" / "metrics.jsonl")]
    got = rows_of(here / "tight" / "train" / "metrics.jsonl")
    assert "taking it again in 2 forward passes." in said[1]
    assert [row["loss"] for row in got if "loss" in row] == pytest.approx(wanted, rel=1e-5)


def test_the_size_that_worked_is_remembered_also_by_a_new_process(ended) -> None:
    here, _, said = ended
    # What else a machine has in its memory decides whether the whole pass still fits once, so either of
    # the two steps before the stop may be the one that is halved.
    steps = [int(step) for step in re.findall(r"Out of memory in step (\d)", said[1])]
    assert steps
    assert set(steps) <= {1, 2}
    assert "Going on from step 2 of 3." in said[2]
    assert "Out of memory" not in said[2]
    rows = rows_of(here / "tight" / "train" / "metrics.jsonl")
    assert [row["step"] for row in rows if "out_of_memory" in row] == steps
    summary = json.loads((here / "tight" / "train" / "summary.json").read_text())
    assert summary["out_of_memory"] == len(steps)
