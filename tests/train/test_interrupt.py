"""Real processes, really stopped: kill -9, Ctrl-C and SIGTERM in the middle of training."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from talkwright.train import loop
from talkwright.types import to_json

# A whole process that trains: slow enough that a signal meets it in the middle of a run.
PROGRAM = """
import json, sys, time
import torch
from pathlib import Path
from typing import Any
from talkwright.config import LoraSection, TrainSection
from talkwright.template import Template
from talkwright.train import loop, train
from talkwright.types import BaseModel, Example

torch.set_num_threads(1)
given = json.loads(sys.stdin.read())
rows = [Example(tuple(r["input_ids"]), tuple(r["labels"]), r["conversation"]) for r in given["rows"]]
base = BaseModel(**given["base"])
plain = loop.summed_loss
loop.summed_loss = lambda *a: time.sleep(given["delay"]) or plain(*a)
section = TrainSection(
    precision="fp32", batch_size=4, max_steps=12, save_every=2, eval_every=3, learning_rate=5e-3,
    lora=LoraSection(dropout=0.2),
)
try:
    train(
        base, Template.load(base.path), rows, rows[:2], section, seed=7, out=Path(given["out"]), key="k"
    )
except KeyboardInterrupt:
    sys.exit(130)  # as the command line does
"""


@pytest.fixture
def start(tiny_base, rows, tmp_path) -> Callable[..., subprocess.Popen[str]]:
    """Start training in a process of its own; `delay` seconds are slept in every step."""

    def run(name: str, delay: float) -> subprocess.Popen[str]:
        given = {"base": to_json(tiny_base), "rows": to_json(rows), "delay": delay}
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "HF_HUB_OFFLINE": "1"}
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert process.stdin
        process.stdin.write(json.dumps({**given, "out": str(tmp_path / name / "train")}))
        process.stdin.close()
        process.stdin = None  # or communicate() would flush it
        return process

    return run


def wait_for_step(process: subprocess.Popen[str], metrics: Path, step: int) -> None:
    """Until the metrics of that step are on disk."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stderr and process.stderr.read()
        if metrics.is_file() and f'{{"step": {step}, "loss"' in metrics.read_text():
            return
        time.sleep(0.01)
    process.kill()
    pytest.fail(f"step {step} was not reached")


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = process.communicate(timeout=120)
    return process.returncode, said


# The settings of PROGRAM: what it left is finished here, and compared with a run of one piece.
SETTINGS = {
    "max_steps": 12,
    "save_every": 2,
    "eval_every": 3,
    "lora": {"dropout": 0.2},
    "schedule": "cosine",
    "warmup_steps": None,
}


@pytest.fixture
def uninterrupted(train_tiny, rows) -> Path:
    return train_tiny("whole", validation=rows[:2], **SETTINGS)


def test_kill_9_and_the_same_again_is_as_if_nothing_had_happened(
    start, uninterrupted, train_tiny, rows, weights_of, metrics_of, tmp_path, capsys
) -> None:
    metrics = tmp_path / "cut" / "checkpoints" / "metrics.jsonl"
    process = start("cut", 0.1)
    wait_for_step(process, metrics, 5)
    process.kill()
    code, _ = finish(process)
    assert code == -signal.SIGKILL
    assert not (tmp_path / "cut" / "train").exists()
    resumed = train_tiny("cut", validation=rows[:2], **SETTINGS)
    assert "Going on from step" in capsys.readouterr().err
    wanted, got = weights_of(uninterrupted), weights_of(resumed)
    assert all(torch.equal(wanted[name], got[name]) for name in wanted)
    assert metrics_of(resumed) == metrics_of(uninterrupted)


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)],
    ids=["Ctrl-C", "SIGTERM"],
)
def test_a_polite_signal_saves_says_so_and_loses_no_step(
    number, start, uninterrupted, train_tiny, rows, weights_of, metrics_of, tmp_path, capsys
) -> None:
    checkpoints = tmp_path / "cut" / "checkpoints"
    process = start("cut", 0.2)
    wait_for_step(process, checkpoints / "metrics.jsonl", 3)
    process.send_signal(number)
    code, said = finish(process)
    assert code == 128 + number, said
    assert "Stopping after this step" in said
    (saved,) = [line for line in said.splitlines() if line.startswith("Saved at step")]
    step = int(saved.split()[3])
    assert 3 <= step < 12
    assert "The same command goes on from there." in saved
    assert (checkpoints / f"step-{step:06d}" / "manifest.json").is_file()
    resumed = train_tiny("cut", validation=rows[:2], **SETTINGS)
    assert f"Going on from step {step} of 12." in capsys.readouterr().err
    wanted, got = weights_of(uninterrupted), weights_of(resumed)
    assert all(torch.equal(wanted[name], got[name]) for name in wanted)
    assert metrics_of(resumed) == metrics_of(uninterrupted)


@pytest.mark.parametrize(
    ("number", "error", "code"),
    [(signal.SIGTERM, SystemExit, (143,)), (signal.SIGINT, KeyboardInterrupt, ())],
)
@pytest.mark.parametrize("again", [False, True])
def test_a_signal_ends_the_run_after_its_step_with_the_code_that_shells_know(
    number, error, code, again, train_tiny, monkeypatch: pytest.MonkeyPatch, tmp_path, capsys
) -> None:
    """Also where a supervisor asks once more."""
    write = loop._write

    def signalled(metrics: Any, row: dict[str, Any]) -> None:
        write(metrics, row)
        if row["step"] == 3 and "loss" in row:
            os.kill(os.getpid(), number)
            if again:
                os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(loop, "_write", signalled)
    with pytest.raises(error) as ended:
        train_tiny("cut", max_steps=9, save_every=9)
    assert ended.value.args == code
    assert "Saved at step 3 of 9." in capsys.readouterr().err
    assert (tmp_path / "cut" / "checkpoints" / "step-000003" / "manifest.json").is_file()


def test_a_signal_in_the_first_validation_ends_the_run_before_its_first_step(
    train_tiny, rows, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    write = loop._write

    def signalled(metrics: Any, row: dict[str, Any]) -> None:
        write(metrics, row)
        assert row["step"] == 0
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(loop, "_write", signalled)
    with pytest.raises(SystemExit) as ended:
        train_tiny("cut", validation=rows[:2], max_steps=9)
    assert ended.value.args == (143,)


@pytest.mark.slow
def test_a_second_ctrl_c_is_heeded_at_once(start, tmp_path) -> None:
    checkpoints = tmp_path / "cut" / "checkpoints"
    process = start("cut", 1.0)
    wait_for_step(process, checkpoints / "metrics.jsonl", 1)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    code, said = finish(process)
    assert code == 130, said
    assert "Saved at step" not in said
    assert list(checkpoints.glob("step-*")) == []


def test_signals_go_back_to_who_had_them(train_tiny) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    train_tiny(max_steps=1)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
