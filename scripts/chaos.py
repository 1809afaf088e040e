"""Kill training, cut its power and break its disk, some hundred times, and see what is left.

    make chaos                    everything, some minutes
    scripts/chaos.py --short      a sample, for `make test`
    scripts/chaos.py --seed 7     other instants

Each trial trains a tiny Llama in a process of its own, which is forked from one that has everything
imported. It is stopped at an instant that a seed decides; then the same call is made again and has to
end with the very bytes of a run that was never stopped. Printed is what was done; the exit code is 1
when anything was lost, and every such trial is named.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from chaos_disk import Disk
from chaos_world import World, make_world

STEPS = 4
READ_ONLY = ["mount", "-o", "remount,ro,bind"]
SAVE_EVERY = (1, 1, 2, 3)  # every step most often, so that many instants lie inside a save


class NotHere(Exception):
    """This machine does not let us do it."""


@dataclass
class Trial:
    """One training that was stopped: how, and whether everything was there afterwards."""

    kind: str
    where: str
    step: int = 0  # the last that was done when it was stopped
    restored: int = 0
    problems: list[str] = field(default_factory=list)


# --- one process ---------------------------------------------------------------------------------


def train(world: World, here: Path, save_every: int) -> None:
    """Train in folder `here`, as the pipeline does: not again what is finished."""
    from talkwright.config import LoraSection, TrainSection
    from talkwright.errors import ArtefactError
    from talkwright.runs import is_current, verify
    from talkwright.train import drop_checkpoints
    from talkwright.train import train as train_on
    from talkwright.train.records import Metrics

    with suppress(ArtefactError):
        if is_current(here / "train", "k"):
            verify(here / "train")
            drop_checkpoints(here)
            return
    plain = Metrics.write

    def write(metrics: Metrics, row: dict[str, Any]) -> None:
        plain(metrics, row)
        if "loss" in row:
            (here.parent / f"{here.name}.step").write_text(str(row["step"]))

    Metrics.write = write  # type: ignore[method-assign]
    section = TrainSection(
        precision="fp32", batch_size=4, accumulation=2, max_steps=STEPS, learning_rate=5e-3,
        schedule="cosine", save_every=save_every, eval_every=2, patience=9, keep_checkpoints=2,
        lora=LoraSection(rank=2, dropout=0.2),
    )  # fmt: skip
    train_on(
        world.base, world.template, world.rows, world.rows[:2], section,
        seed=7, out=here / "train", key="k",
    )  # fmt: skip


def start(log: Path, work: Callable[[], object]) -> int:
    """Do `work` in a fork of this process; what it says goes to `log`. Returns its number.

    Exit codes: 0 done, 3 an error that the command line puts into a sentence, 1 any other.
    """
    if number := os.fork():
        return number
    code = 1
    try:
        faulthandler.dump_traceback_later(60, exit=True)  # a trial that hangs is a failed one
        with open(log, "w", buffering=1) as file:
            sys.stdout = sys.stderr = file
            try:
                work()
                code = 0
            except Exception as error:  # noqa: BLE001 - its sort is what is asked for
                code = 3 if _is_sentence(error) else 1
                traceback.print_exc()
    finally:
        os._exit(code)


def _is_sentence(error: Exception) -> bool:
    """Whether the command line can say what to do, and about which file."""
    from talkwright.cli import SYSTEM_PROBLEMS
    from talkwright.errors import TalkwrightError

    if isinstance(error, OSError):
        return error.errno in SYSTEM_PROBLEMS and bool(error.filename)
    return isinstance(error, TalkwrightError)


def wait(number: int) -> int:
    """Its exit code; that of a killed process is negative."""
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def left_by(here: Path) -> dict[str, bytes]:
    """The bytes of what has to be the same: the adapter's files, and the metrics without their times."""
    found = {path.name: path.read_bytes() for path in sorted((here / "train" / "adapter").iterdir())}
    rows = [json.loads(line) for line in (here / "train" / "metrics.jsonl").read_text().splitlines()]
    timeless = [{name: x for name, x in row.items() if name != "seconds"} for row in rows]
    return {**found, "metrics.jsonl": json.dumps(timeless).encode()}


def measure(world: World) -> None:
    """Runs of one piece: what they leave, how long they take, how often they call the disk."""
    for save_every in sorted(set(SAVE_EVERY)):
        here = world.folder / f"whole-{save_every}"
        counted, disk = world.folder / "counted", Disk(here)

        def work(here: Path = here, every: int = save_every, disk: Disk = disk) -> None:
            with disk.watched():
                train(world, here, every)
            (world.folder / "counted").write_text(str(disk.calls))

        began = time.perf_counter()
        log = world.folder / "whole.log"
        if wait(start(log, work)):
            sys.exit(f"a run that nobody stops fails:\n{log.read_text()}")
        world.seconds = time.perf_counter() - began
        world.wanted[save_every] = left_by(here)
        world.calls[save_every] = int(counted.read_text())
    if any(left != world.wanted[1] for left in world.wanted.values()):
        sys.exit("how often a run saves changes what it learns")


# --- after it was stopped ------------------------------------------------------------------------


def look_after(world: World, trial: Trial, here: Path, save_every: int) -> None:
    """See that nothing is lost: what is there is whole, and the same call ends as if never stopped."""
    from talkwright.errors import ArtefactError
    from talkwright.runs import verify

    progress = here.parent / f"{here.name}.step"
    trial.step = int(progress.read_text() or 0) if progress.exists() else 0
    finished = (here / "train" / "manifest.json").exists()
    newest = max(here.glob("checkpoints/step-*"), default=None)
    if newest and not finished:  # when it is finished, they are being removed
        try:
            verify(newest)
        except ArtefactError as error:
            trial.problems.append(f"the newest checkpoint is not whole: {error}")
    log = here.parent / f"{here.name}.resumed.log"
    if code := wait(start(log, lambda: train(world, here, save_every))):
        trial.problems.append(f"going on ends with {code}: {log.read_text()[-800:]}")
        return
    said = log.read_text()
    if "Passing over" in said:
        trial.problems.append("an unloadable checkpoint: " + said)
    trial.restored = STEPS if finished else 0
    for line in said.splitlines():
        if "Going on from step" in line:
            trial.restored = int(line.split("Going on from step ")[1].split()[0])
    if trial.step - trial.restored > save_every:
        trial.problems.append(
            f"{trial.step - trial.restored} steps lost, more than the {save_every} between two saves"
        )
    if (found := left_by(here)) != world.wanted[save_every]:
        names = [name for name in found if found[name] != world.wanted[save_every].get(name)]
        trial.problems.append(f"not the same as never stopped: {', '.join(names)}")
    if left := [p.name for p in here.iterdir() if p.name != "train"]:
        trial.problems.append(f"left lying about: {', '.join(left)}")
    shutil.rmtree(here)


# --- ways to stop it -----------------------------------------------------------------------------


def kill_at_any_time(world: World, rng: random.Random, number: int) -> Trial:
    """kill -9 after a random time."""
    save_every, after = rng.choice(SAVE_EVERY), rng.uniform(0.1, 1.05) * world.seconds
    trial = Trial("kill -9 at any time", f"after {after:.4f} s, a save every {save_every}")
    here = world.folder / f"time-{number}"
    process = start(world.folder / "killed.log", lambda: train(world, here, save_every))
    time.sleep(after)
    os.kill(process, signal.SIGKILL)
    wait(process)
    look_after(world, trial, here, save_every)
    return trial


def kill_in_a_save(world: World, rng: random.Random, number: int) -> Trial:
    """kill -9 a moment after a folder of a save comes up."""
    nth, after = rng.randint(1, STEPS), rng.uniform(0, 0.006)
    trial = Trial("kill -9 inside a save", f"{after * 1000:.2f} ms into save {nth}")
    here = world.folder / f"save-{number}"
    process = start(world.folder / "killed.log", lambda: train(world, here, 1))
    until = time.monotonic() + 60
    seen: set[str] = set()
    while len(seen) < nth and time.monotonic() < until:
        with suppress(FileNotFoundError):
            seen |= {n for n in os.listdir(here / "checkpoints") if n.startswith(".partial-step-")}
        if os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            break
        time.sleep(0.0003)
    time.sleep(after)
    os.kill(process, signal.SIGKILL)
    wait(process)
    look_after(world, trial, here, 1)
    return trial


def stop_at_a_call(world: World, rng: random.Random, nth: int, mode: str) -> Trial:
    """kill -9, a power cut or a failing disk at the n-th call on the disk."""
    kinds = {
        "kill": "kill -9 at every call of the disk",
        "cut": "power cut at every call of the disk",
        "ENOSPC": "disk full from a call on",
        "EIO": "EIO at a call while writing",
        "EROFS": "read-only from a call on",
    }
    trial = Trial(kinds[mode], f"call {nth}")
    here = world.folder / f"{mode}-{nth}"
    disk = Disk(here, mode=mode, at=nth, seed=rng.randrange(1 << 30))

    def work() -> None:
        with disk.watched():
            train(world, here, 1)

    log = world.folder / "stopped.log"
    code = wait(start(log, work))
    allowed = (-signal.SIGKILL,) if mode in ("kill", "cut") else (0, 3)  # 0: it could do without
    if code not in allowed:
        trial.problems.append(f"stopped with {code}: {log.read_text()[-800:]}")
    look_after(world, trial, here, 1)
    return trial


def full_disk(world: World, rng: random.Random, number: int) -> Trial:
    """A small file system that fills up, and then has room again."""
    room = rng.randint(1, 160) * 1024
    trial = Trial("a file system that is full", f"with {room} bytes free")
    with small_disk(world.folder / f"disk-{number}") as (place, _):
        here, ballast = place / "run", place / "ballast"
        free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
        ballast.write_bytes(b"x" * max(0, free - room))
        _expect_sentence(world, trial, here, lambda: None)
        ballast.unlink()
        look_after(world, trial, here, 1)
    return trial


def read_only_disk(world: World, rng: random.Random, number: int) -> Trial:
    """A file system that becomes read-only after some steps, and writable again."""
    steps = rng.randint(1, STEPS - 1)
    trial = Trial("a file system that turns read-only", f"after step {steps}")
    with small_disk(world.folder / f"disk-{number}") as (place, remount):
        here = place / "run"
        here.mkdir()

        def arrange() -> None:
            from talkwright.train import loop

            plain = loop.save_checkpoint

            def save(*given: Any, **named: Any) -> None:
                plain(*given, **named)
                if given[2].step == steps:
                    (place.parent / "now").touch()
                    while (place.parent / "now").exists():
                        time.sleep(0.005)

            loop.save_checkpoint = save

        process = start(world.folder / "stopped.log", lambda: (arrange(), train(world, here, 1)))
        while not (place.parent / "now").exists():
            time.sleep(0.005)
        remount()
        (place.parent / "now").unlink()
        _judge_sentence(trial, wait(process), world.folder / "stopped.log")
        remount(writable=True)
        look_after(world, trial, here, 1)
    return trial


def too_large(world: World, rng: random.Random, number: int) -> Trial:
    """A limit to the size of files, which is a real error in the middle of a write."""
    size = rng.randint(200, 60_000)
    trial = Trial("files limited in size", f"to {size} bytes")
    here = world.folder / f"limit-{number}"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    _expect_sentence(world, trial, here, limit)
    look_after(world, trial, here, 1)
    return trial


def unreadable(world: World, rng: random.Random, number: int) -> Trial:
    """A newest checkpoint that the disk cannot read: the one before it is taken, and it is named."""
    nth = number + 1
    trial = Trial("EIO while reading a checkpoint", f"read {nth}")
    here = world.folder / f"read-{number}"
    killed = Disk(here, mode="kill", at=world.calls[1] * 3 // 4)

    def work() -> None:
        with killed.watched():
            train(world, here, 1)

    wait(start(world.folder / "killed.log", work))
    newest = max(here.glob("checkpoints/step-*"))
    broken = Disk(newest, mode="EIO", at=nth, reading=True)

    def again() -> None:
        with broken.watched():
            train(world, here, 1)

    log = world.folder / "unreadable.log"
    code = wait(start(log, again))
    said = log.read_text()
    trial.step = STEPS
    if code != 0 or newest.name not in said or "Passing over" not in said:
        trial.problems.append(f"ends with {code}, and {newest.name} is not passed over: {said[-800:]}")
    elif left_by(here) != world.wanted[1]:
        trial.problems.append("not the same as never stopped")
    shutil.rmtree(here)
    return trial


def _expect_sentence(world: World, trial: Trial, here: Path, arrange: Callable[[], object]) -> None:
    log = world.folder / "stopped.log"
    _judge_sentence(trial, wait(start(log, lambda: (arrange(), train(world, here, 1)))), log)


def _judge_sentence(trial: Trial, code: int, log: Path) -> None:
    if code not in (0, 3):
        trial.problems.append(f"not an error with a sentence, but {code}: {log.read_text()[-800:]}")
    elif code == 0:
        trial.where += " (it was enough)"


@contextmanager
def small_disk(at: Path) -> Iterator[tuple[Path, Callable[..., None]]]:
    """A file system of 1 MB for a moment; raises NotHere where none may be mounted."""
    place = at / "disk"
    place.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(place)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        raise NotHere

    def remount(*, writable: bool = False) -> None:
        # Laid over itself: a file that is open for writing would keep it from being read-only.
        ways = [["umount", "-l"]] if writable else [["mount", "--bind", str(place)], READ_ONLY]
        for way in ways:
            subprocess.run([*way, str(place)], check=True, capture_output=True)

    try:
        yield place, remount
    finally:
        while os.path.ismount(place):
            subprocess.run(["umount", "-l", str(place)], check=True, capture_output=True)
        shutil.rmtree(at, ignore_errors=True)


# --- all of it -----------------------------------------------------------------------------------


def plan_trials(world: World, seed: int, short: bool) -> list[tuple[str, Callable[[], Trial]]]:
    """What to do, mixed; each with a name for the case that it cannot be done here."""
    trials: list[tuple[str, Callable[[], Trial]]] = []

    def add(name: str, numbers: Iterable[int], way: Callable[..., Trial], *given: Any) -> None:
        for number in numbers:
            rng = random.Random(f"{seed}/{name}/{number}")
            trials.append((name, partial(way, world, rng, number, *given)))

    few, calls = random.Random(seed), range(1, world.calls[1] + 1)
    add("kill -9 at any time", range(3 if short else 40), kill_at_any_time)
    add("kill -9 inside a save", range(4 if short else 60), kill_in_a_save)
    for mode, share in (("kill", 1), ("cut", 1), ("ENOSPC", 4), ("EIO", 4), ("EROFS", 12)):
        some = few.sample(calls, 5 if share == 1 else 1) if short else calls[::share]
        add(mode, some, stop_at_a_call, mode)
    add("a file system that is full", range(1 if short else 12), full_disk)
    add("a file system that turns read-only", range(1 if short else 3), read_only_disk)
    add("files limited in size", range(1 if short else 8), too_large)
    add("EIO while reading a checkpoint", (1, 3) if short else range(6), unreadable)
    few.shuffle(trials)
    return trials


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a sample")
    parser.add_argument("--only", default="", help="trials with this word in their name")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write every trial to this file")
    asked = parser.parse_args()
    began = time.monotonic()
    done: list[Trial] = []
    not_here: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        world = make_world(Path(folder))
        measure(world)
        for name, way in plan_trials(world, asked.seed, asked.short):
            if asked.only not in name:
                continue
            try:
                done.append(way())
            except NotHere:
                not_here[name] = not_here.get(name, 0) + 1
                continue
            for problem in done[-1].problems:
                print(f"LOST: {done[-1].kind}, {done[-1].where}: {problem}", flush=True)
    if asked.json:
        asked.json.write_text(json.dumps([vars(trial) for trial in done], indent=1) + "\n")
    return summarise(done, not_here, asked.seed, time.monotonic() - began)


def summarise(done: list[Trial], not_here: dict[str, int], seed: int, seconds: float) -> int:
    """Print the table and the verdict; return the exit code."""
    print(f"{'what was done':<38}{'trials':>8}{'lost':>6}{'most steps done again':>24}")
    for kind in sorted({trial.kind for trial in done}):
        those = [trial for trial in done if trial.kind == kind]
        again = max(trial.step - trial.restored for trial in those) if "reading" not in kind else 0
        print(f"{kind:<38}{len(those):>8}{sum(bool(t.problems) for t in those):>6}{again:>24}")
    for kind, count in not_here.items():
        print(f"{kind:<38}{'-':>8}   {count} left out: nothing may be mounted here")
    lost = sum(bool(trial.problems) for trial in done)
    kills = sum(trial.kind.startswith("kill") for trial in done)
    verdict = f"LOST in {lost} trials" if lost else "nothing was lost"
    print(f"{verdict}: {len(done)} trials, {kills} of them kill -9, seed {seed}, {seconds:.0f} s")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
