"""Every foreseeable failure is a sentence on standard error and an exit code, never a traceback."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import talkwright.cli as command_line
from talkwright.errors import TalkwrightError

PROGRAM = [sys.executable, "-m", "talkwright"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "src")}


def test_without_a_command_it_helps(talkwright) -> None:
    done = talkwright()
    assert done.code == 0
    assert "Commands:" in done.out
    assert talkwright("data").code == 0


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["evalute"], "Did you mean 'evaluate'?"),
        (["run"], "Missing argument 'RECIPE'. See `talkwright run --help`."),
        (["run", "none.yaml"], "none.yaml: no such recipe"),
        (["run", "recipe.yaml", "--set", "train.lerning_rate=1"], "Did you mean 'learning_rate'?"),
        (["run", "recipe.yaml", "--set", "train.epochs"], "write it as section.key=value"),
        (["train", "recipe.yaml", "--set", "train.batch_size=0"], "train.batch_size"),
        (["chat"], "none yet"),
        (["serve", "shop"], "'shop' is not a run"),
        (["report", "shop"], "'shop' is not a run"),
        (["compare", "shop", "bank"], "'shop' is not a run"),
        (["runs", "show"], "none yet"),
        (["show", "nowhere"], "nowhere"),
        (["chat", "--temperature", "3"], "not in the range 0<=x<=2"),
        (["serve", "--port", "70000"], "not in the range"),
        (["data", "prepare", "a.jsonl", "--out", "o", "--set", "train.epochs=1"], "would not use it"),
        (["show", "a.jsonl", "--set", "serve.port=1"], "would not use it"),
    ],
)
def test_a_mistake_gets_a_sentence(talkwright, arguments: list[str], part: str) -> None:
    Path("recipe.yaml").write_text("data: a.jsonl\n")
    done = talkwright(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith("talkwright: ")
    assert part in done.err


@pytest.mark.parametrize(
    ("problem", "part"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "runs: the disk is full"),
        (OSError(errno.ENOSPC, "No space left on device", "/x/weights"), "/x/weights: the disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "/x/y"), "/x/y: permission denied"),
        (OSError(errno.EROFS, "Read-only file system", "/x/y"), "/x/y: the file system is read-only"),
        (TalkwrightError("a sentence"), "talkwright: a sentence"),
    ],
)
def test_what_the_system_refuses_is_said_with_its_path(
    talkwright, monkeypatch: pytest.MonkeyPatch, problem: Exception, part: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise problem

    Path("recipe.yaml").write_text("data: a.jsonl\n")
    monkeypatch.setattr("talkwright.pipeline.run", fail)
    done = talkwright("run", "recipe.yaml", "--json")
    assert (done.code, done.out) == (2, "")
    assert part in done.err


def test_a_defect_is_not_hidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOTTY, "a defect of ours")

    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("data: a.jsonl\n")
    monkeypatch.setattr("talkwright.pipeline.run", fail)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(OSError, match="a defect of ours"):
        command_line.main(["run", str(recipe)])
    signal.signal(signal.SIGTERM, before)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_named(talkwright, chats: Path, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    done = talkwright("data", "prepare", chats, "--out", "locked/out")
    assert done.code == 2
    assert "locked" in done.err
    assert "permission denied" in done.err


def test_a_file_where_a_folder_should_be_is_named(talkwright, chats: Path) -> None:
    Path("file").write_text("")
    done = talkwright("data", "prepare", chats, "--out", "file/out")
    assert done.code == 2
    assert "file" in done.err


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, chats: Path) -> None:
    limit = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)); "
        "from talkwright.cli import main; main(sys.argv[1:])"
    )
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-c", limit, "data", "prepare", str(chats), "--out", str(out)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "larger than" in done.stderr
    assert sorted(os.listdir(tmp_path)) == [".out.unfinished", "chats.jsonl"]
    assert "is kept in" in done.stderr  # what was read, for the next try


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_says_how_to_go_on(tmp_path: Path, number: signal.Signals, code: int) -> None:
    (tmp_path / "recipe.yaml").write_text("data: a.jsonl\n")
    waiting = (
        "import sys, time, talkwright.pipeline as pipeline\n"
        "def run(*_, **__):\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "pipeline.run = run\n"
        "from talkwright.cli import main\nmain(['run', 'recipe.yaml', '--set', 'train.epochs=2'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", waiting],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.1)
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == code
    assert "to go on: " in errors
    assert "run recipe.yaml --set train.epochs=2" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_that_comes_while_an_object_is_removed_is_not_lost(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """Python passes over what is raised there."""
    (tmp_path / "recipe.yaml").write_text("data: a.jsonl\n")
    removing = (
        "import os, time, talkwright.pipeline as pipeline\n"
        "class Removed:\n    def __del__(self):\n"
        f"        os.kill(os.getpid(), {int(number)})\n        time.sleep(0.1)\n"
        "def run(*_, **__):\n    Removed()\n    time.sleep(20)\n"
        "pipeline.run = run\n"
        "from talkwright.cli import main\nmain(['run', 'recipe.yaml'])"
    )
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", removing], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == code, done.stderr
    assert time.monotonic() - started < 20
    assert "Exception ignored" not in done.stderr


def test_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    for number in range(400):
        run = tmp_path / "runs" / f"run-{number:03}"
        run.mkdir(parents=True)
        (run / "recipe.json").write_text(json.dumps({"model": {"name": "x" * 300}}))
    with subprocess.Popen(
        [*PROGRAM, "runs", "list"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("run-")
        process.stdout.close()
        assert process.stderr is not None
        errors = process.stderr.read()
        process.wait(timeout=30)
    assert errors == ""
    assert process.returncode == 1


def test_letters_a_terminal_cannot_show_do_not_stop_it(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "run-1"
    run.mkdir(parents=True)
    (run / "recipe.json").write_text(json.dumps({"model": {"name": "lampe-\u00e4\u4e2d"}}))
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [*PROGRAM, "runs"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "lampe-??" in done.stdout


def test_a_lack_of_memory_is_a_sentence(talkwright, monkeypatch: pytest.MonkeyPatch) -> None:
    from talkwright import pipeline

    def hungry(*_given: object, **_named: object) -> None:
        raise MemoryError("malloc of size 512 failed")

    monkeypatch.setattr(pipeline, "run", hungry)
    Path("recipe.yaml").write_text("data: a.jsonl\n")
    done = talkwright("train", "recipe.yaml")
    assert done.code == 2
    assert done.err.startswith("talkwright: the memory ran out")
