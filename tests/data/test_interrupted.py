"""A preparation that is killed, runs out of disk, or looks where it should not."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import fuzz
import pytest

COMMAND = """
import json, sys
from pathlib import Path
from talkwright.config import DataSection
from talkwright.data import prepare
from talkwright.errors import TalkwrightError
{before}
section = DataSection.model_validate({{"sources": [{{"path": path}} for path in sys.argv[3:]]}})
try:
    prepare(section, seed=1, out=Path(sys.argv[1]), workers=int(sys.argv[2]))
except (TalkwrightError, OSError) as error:
    sys.exit(f"{{type(error).__name__}}: {{error}}")
"""


def start(out: Path, workers: int, *sources: Path, before: str = "") -> subprocess.Popen[str]:
    code = COMMAND.format(before=before)
    command = [sys.executable, "-c", code, str(out), str(workers), *map(str, sources)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)


def end(process: subprocess.Popen[str]) -> str:
    """Wait for a process; what it said."""
    return process.communicate()[1]


def made(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir() if path.name != "manifest.json"}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("sources")
    rng = random.Random(3)
    for name, count in (("a.jsonl", 9000), ("b.csv", 3000)):
        rows = [{"prompt": fuzz.text(rng) + str(n), "completion": fuzz.text(rng)} for n in range(count)]
        content = fuzz.as_jsonl(rows, rng) if name == "a.jsonl" else fuzz.as_csv(rows, rng, ",")
        (folder / name).write_bytes(content.encode("utf-8", "surrogatepass"))
    return [folder / "a.jsonl", folder / "b.csv"]


@pytest.fixture(scope="module")
def whole(sources: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("whole") / "out"
    process = start(out, 0, *sources)
    error = end(process)
    assert process.returncode == 0, error
    return made(out)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_killed_again_and_again_the_result_is_the_same(
    tmp_path: Path, sources: list[Path], whole: dict[str, bytes], workers: int
) -> None:
    out, rng, kills = tmp_path / "out", random.Random(5), 0
    for _ in range(40):
        process = start(out, workers, *sources)
        work = tmp_path / ".out.unfinished"
        seen = len(list(work.glob("*.done"))) if work.is_dir() else 0
        while process.poll() is None:  # until it has done something, then at some instant
            time.sleep(0.01)
            if work.is_dir() and len(list(work.glob("*.done"))) > seen:
                time.sleep(rng.random() * 0.1)
                break
        if process.poll() is None and kills < 3:
            process.send_signal(signal.SIGKILL)
            end(process)
            assert not out.exists()
            kills += 1
            continue
        error = end(process)
        assert process.returncode == 0, error
        break
    assert kills >= 1
    assert made(out) == whole
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
def test_a_torn_shard_is_made_again(
    tmp_path: Path, sources: list[Path], whole: dict[str, bytes]
) -> None:
    out, work = tmp_path / "out", tmp_path / ".out.unfinished"
    process = start(out, 0, *sources)
    while process.poll() is None and len(list(work.glob("*.done"))) < 2:
        time.sleep(0.005)
    process.kill()
    end(process)
    if out.exists():
        pytest.skip("it was faster than the signal")
    for kind in ("jsonl", "arrow", "arrays"):
        path = work / f"0000000.{kind}"
        path.write_bytes(path.read_bytes()[:-20])
    assert (work / "0000000.done").exists()
    process = start(out, 0, *sources)
    error = end(process)
    assert process.returncode == 0, error
    assert made(out) == whole


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("limit", [1_000, 300_000])
def test_a_full_disk_is_a_sentence_and_leaves_nothing_half(
    tmp_path: Path, sources: list[Path], limit: int, workers: int
) -> None:
    before = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))"
    )
    process = start(tmp_path / "out", workers, *sources, before=before)
    error = end(process)
    assert process.returncode == 1
    assert "OSError" in error.splitlines()[-1]
    assert "File too large" in error.splitlines()[-1]
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_killed_worker_is_a_sentence_and_the_next_run_goes_on(
    tmp_path: Path, sources: list[Path], whole: dict[str, bytes]
) -> None:
    process = start(tmp_path / "out", 3, *sources)  # itself and two more
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        process.kill()
        end(process)
        pytest.skip("this system does not say who a process's children are")
    found: list[str] = []
    while process.poll() is None and len(found) < 2:
        found = children.read_text().split()
        time.sleep(0.005)
    os.kill(int(found[0]), signal.SIGKILL)
    error = end(process)
    assert process.returncode == 1
    assert "ended by signal 9" in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()
    again = start(tmp_path / "out", 2, *sources)
    error = end(again)
    assert again.returncode == 0, error
    assert made(tmp_path / "out") == whole


AUDIT = """
import os
def watch(event, arguments, said=os.open(os.environ["SAID"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        path = os.path.abspath(os.fsdecode(arguments[0]))
        writes = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    elif event in ("os.remove", "os.mkdir", "os.rmdir", "os.rename", "os.symlink", "os.link"):
        path, writes = os.fsdecode(arguments[0]), True
        folder = arguments[-1] if event in ("os.remove", "os.rmdir", "os.mkdir") else -1
        if folder != -1:
            path = os.path.join(os.readlink("/proc/self/fd/" + str(folder)), path)
        path = os.path.abspath(path)
    elif event.startswith(("socket.connect", "subprocess.Popen", "os.exec", "os.system")):
        path, writes = event, True
    else:
        return
    os.write(said, (json.dumps([path, writes]) + "\\n").encode())
sys.addaudithook(watch)
"""


def test_nothing_else_is_read_or_written(tmp_path: Path) -> None:
    (tmp_path / "beside.jsonl").write_text("{}")
    (tmp_path / "in").mkdir()
    here = [tmp_path / "in" / name for name in ("a.jsonl", "b.csv")]
    here[0].write_text('{"prompt": "Where is the key?", "completion": "Under the mat."}\n' * 9)
    here[1].write_text("prompt,completion\nWhere is it?,There.\n")
    out = tmp_path / "made" / "out"
    said = tmp_path / "said"
    os.environ["SAID"] = str(said)
    try:
        process = start(out, 0, *here, before=AUDIT)
        error = end(process)
    finally:
        del os.environ["SAID"]
    assert process.returncode == 0, error
    touched = [json.loads(line) for line in said.read_text().splitlines()]
    own = {sys.prefix, sys.base_prefix, "/usr", "/lib", "/etc", "/proc", "/sys", "/dev"}
    own |= {path for path in sys.path if path}
    own_reads = tuple(str(Path(path).resolve()) for path in own) + tuple(own)
    for path, writes in touched:
        inside = path.startswith(str(tmp_path / "made"))
        if writes:
            assert inside or path in ("/dev/null",) or path.endswith(".pyc") or ".pyc." in path or (
                path.endswith("__pycache__")
            ), path  # fmt: skip
        else:
            assert inside or Path(path) in here or path.startswith(own_reads), path
    assert not any(Path(path) == tmp_path / "beside.jsonl" for path, _ in touched)
    assert {path for path, writes in touched if not writes} >= {str(path) for path in here}
