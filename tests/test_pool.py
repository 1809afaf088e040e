"""Work in several processes: results in order, errors as they were, nobody left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from talkwright import pool
from talkwright.errors import DataError
from talkwright.pool import Order, Origin, Pool, can_fork

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="forks on Linux alone")


def work(head: dict[str, Any], body: bytes) -> Order:
    """Waits, fails or answers as it is told."""
    time.sleep(head.get("wait", 0))
    if head.get("fail") == "data":
        raise DataError("line 3 is no line")
    if head.get("fail") == "disk":
        raise OSError(28, "No space left on device", "/full/file")
    if head.get("fail") == "bug":
        raise KeyError("nobody thought of this")
    if head.get("fail") == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    return {"n": head["n"], "by": os.getpid()}, body[::-1]


def work_of(about: dict[str, Any]) -> pool.Work:
    """For a process that was not forked."""
    return lambda head, body: work({**head, **about}, body)


@pytest.fixture(params=["forked", "begun"])
def origin(request, monkeypatch) -> Origin | None:
    """Both ways to have a further process."""
    if request.param == "forked":  # other tests may have left threads, whose locks nobody needs here
        monkeypatch.setattr(pool, "can_fork", lambda: True)
        return None
    monkeypatch.setattr(pool, "can_fork", lambda: False)
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return Origin("test_pool", "work_of", {})


def done(crew: Pool, heads: list[dict[str, Any]]) -> list[Order]:
    found = []
    for head in heads:
        found += crew.give(head, str(head["n"]).encode() * 9)
    return [*found, *crew.finish()]


def test_results_come_in_the_order_of_the_orders(origin) -> None:
    heads = [{"n": n, "wait": 0.05 * (n % 5 == 0)} for n in range(40)]
    with Pool(work, 2, origin=origin) as crew:
        results = done(crew, heads)
    assert [head["n"] for head, _ in results] == list(range(40))
    assert [body for _, body in results] == [(str(n) * 9)[::-1].encode() for n in range(40)]
    by = {head["by"] for head, _ in results}
    assert os.getpid() in by
    assert len(by) == 3


def test_a_body_larger_than_a_pipe_goes_through(origin) -> None:
    large = os.urandom(1 << 20)
    with Pool(work, 1, origin=origin) as crew:
        results = [*crew.give({"n": 0}, large), *crew.give({"n": 1}, large), *crew.finish()]
    assert [body for _, body in results] == [large[::-1]] * 2


def test_an_error_there_is_an_error_here(origin) -> None:
    for fail, kind, match in (
        ("data", DataError, "^line 3 is no line$"),
        ("disk", OSError, "No space left on device: '/full/file'"),
    ):
        with pytest.raises(kind, match=match), Pool(work, 1, origin=origin) as crew:
            done(crew, [{"n": 0, "fail": fail}])


@pytest.mark.parametrize(
    ("fail", "match"), [("bug", "exit code 1"), ("kill", "signal 9; was there too")]
)
def test_a_process_that_ends_too_early_is_said(origin, fail, match) -> None:
    with pytest.raises(ChildProcessError, match=match), Pool(work, 1, origin=origin) as crew:
        done(crew, [{"n": 0, "fail": fail}, {"n": 1}])


def test_without_further_processes_this_one_does_it_all(monkeypatch) -> None:
    monkeypatch.setattr(pool, "can_fork", lambda: False)
    with Pool(work, 3) as crew:
        assert {head["by"] for head, _ in done(crew, [{"n": n} for n in range(5)])} == {os.getpid()}


def test_where_the_system_gives_no_more_processes_it_goes_with_fewer(monkeypatch) -> None:
    monkeypatch.setattr(pool, "can_fork", lambda: True)

    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    with Pool(work, 3) as crew:
        assert {head["by"] for head, _ in done(crew, [{"n": n} for n in range(5)])} == {os.getpid()}


def test_a_process_with_a_thread_is_not_copied(monkeypatch) -> None:
    mine, others = threading.enumerate, set(threading.enumerate()) - {threading.current_thread()}
    monkeypatch.setattr(threading, "enumerate", lambda: [t for t in mine() if t not in others])
    assert can_fork()
    go_on = threading.Event()
    thread = threading.Thread(target=go_on.wait)
    thread.start()
    try:
        assert not can_fork()
    finally:
        go_on.set()
        thread.join()
    assert can_fork()


def test_the_others_end_with_this_one_however_it_ends() -> None:
    program = (  # each writes its number in one piece: two prints may come between each other
        "import os, sys, time\nfrom talkwright.pool import Pool\n"
        "def work(head, body):\n    os.write(1, b'%d\\n' % os.getpid())\n    time.sleep(60)\n"
        "with Pool(work, 2) as crew:\n"
        "    [*crew.give({}), *crew.give({})]\n    time.sleep(60)\n"
    )
    path = os.pathsep.join(sys.path)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}
    ) as parent:
        assert parent.stdout is not None
        children = [int(parent.stdout.readline()) for _ in range(2)]
        parent.kill()
    until = time.monotonic() + 20
    while any(map(_runs, children)) and time.monotonic() < until:
        time.sleep(0.02)
    assert not any(map(_runs, children))


def _runs(number: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
