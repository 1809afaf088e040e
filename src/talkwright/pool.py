"""Several processes that do one kind of work: this one, and others beside it.

Where it is safe they are forked, which takes milliseconds and hands them all that this process holds;
elsewhere they are started anew, where the work says how. Unlike `multiprocessing`, nothing of the
caller's program runs again, and what goes through the pipes is JSON and bytes.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import queue
import signal
import struct
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any

from tqdm import TMonitor

from talkwright import errors
from talkwright.errors import TalkwrightError

Order = tuple[dict[str, Any], bytes]  # plain JSON values, and bytes; a result is the same
Work = Callable[[dict[str, Any], bytes], Order]

_LENGTHS = struct.Struct("!QQ")
_SELDOM = (100_000, 50, 50)  # garbage collection: what is made is many and small, without circles
_THREADS = "TOKENIZERS_PARALLELISM"  # what the tokenizers library asks for
_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux's prctl
_MOST_WAITING = 16  # results that wait for an earlier one before this process waits for it, too


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def beside(wanted: int | None = None) -> int:
    """How many processes beside this one, of `wanted` in all; None: one for each processor."""
    return max(0, (cores() if wanted is None else wanted) - 1)


def can_fork() -> bool:
    """Say whether a copy of this process would work: no thread of Python's may hold a lock in it.

    On macOS the system's own libraries do not survive it. Waits for what is left of pools that are done.
    """
    _wait_for(_GOING)
    mine = threading.current_thread()
    others = (thread for thread in threading.enumerate() if thread is not mine)
    return sys.platform.startswith("linux") and all(isinstance(other, TMonitor) for other in others)


@dataclass(frozen=True, slots=True)
class Origin:
    """How a process that was not forked gets the work: from `function` of `module`, called with `about`,
    which is plain JSON."""

    module: str
    function: str
    about: dict[str, Any]


class Pool:
    """Does orders here and in `beside` further processes; gives the results in the order of the orders.

    Each of those is given up to `ahead` orders beyond the one it is at, so that it need not wait, and
    this process does what then is left. Where this process cannot be forked, and `work` has no
    `origin`, and where the system gives no more processes, this one does it all.

    An error that the work raises elsewhere (TalkwrightError, OSError) is raised here. Raises
    ChildProcessError when a process ends before its time.
    """

    def __init__(self, work: Work, beside: int, *, origin: Origin | None = None, ahead: int = 1):
        self._work, self._ahead = work, ahead
        self._answers: queue.SimpleQueue[tuple[int, Order | None]] = queue.SimpleQueue()
        self._children: list[_Child] = []
        self._results: dict[int, Order] = {}
        self._given = self._taken = 0
        # All of them before the first thread is made that talks with one: see `can_fork`.
        processes = _start(work, beside, origin)
        for process in processes:
            self._children.append(_Child(len(self._children), process, self._answers))
        self._collected = gc.get_threshold()
        gc.set_threshold(*_SELDOM)

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        gc.set_threshold(*self._collected)
        for child in self._children:
            child.end(kill=kind is not None)
        if kind is None:
            # They have done all; a large process takes as long to go as to be forked.
            _GOING.extend(self._children)
        else:
            _wait_for(self._children)

    def give(self, head: dict[str, Any], body: bytes = b"") -> Iterator[Order]:
        """Have an order done. Gives the results that are ready, in order; all of them must be taken."""
        number = self._given
        self._given += 1
        while not self._answers.empty():
            self._take()
        free = min(self._children, key=lambda child: len(child.open), default=None)
        if free is None or len(free.open) > self._ahead:
            self._results[number] = self._work(head, body)
        else:
            free.give(number, head, body)
        while len(self._results) > _MOST_WAITING and self._taken not in self._results:
            self._take()
        return self._ready()

    def finish(self) -> Iterator[Order]:
        """Wait for all that was given: the rest of the results, in order."""
        while any(child.open for child in self._children):
            self._take()
            yield from self._ready()
        yield from self._ready()

    def _ready(self) -> Iterator[Order]:
        while self._taken in self._results:
            self._taken += 1
            yield self._results.pop(self._taken - 1)

    def _take(self) -> None:
        at, answer = self._answers.get()
        child = self._children[at]
        if answer is None:
            raise child.died()
        head, body = answer
        if "error" in head:
            raise getattr(errors, head["error"])(head["said"])
        if "errno" in head:
            raise OSError(head["errno"], os.strerror(head["errno"]), head["file"])
        self._results[child.open.pop(0)] = (head["result"], body)


class _Child:
    """A process, and two threads that talk with it: this one is not to wait for a full pipe."""

    def __init__(self, at: int, process: _Process, answers: queue.SimpleQueue[tuple[int, Order | None]]):
        self.open: list[int] = []  # orders that it was given and has not finished
        self._at, self._process, self._answers = at, process, answers
        self._orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._talks = [threading.Thread(target=do, daemon=True) for do in (self._tell, self._listen)]
        for talk in self._talks:
            talk.start()

    def give(self, number: int, head: dict[str, Any], body: bytes) -> None:
        """Have an order done, after those given before."""
        self.open.append(number)
        self._orders.put((head, body))

    def end(self, kill: bool) -> None:
        """Have it end when it has done all, or at once."""
        if kill:
            self._process.kill()
        self._orders.put(None)

    def wait(self) -> None:
        """Wait till it and its threads have ended."""
        self._process.wait()
        for talk in self._talks:
            talk.join()

    def died(self) -> ChildProcessError:
        """What to say when it ended before its time."""
        code = self._process.wait()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        hint = "; was there too little memory?" if code == -signal.SIGKILL else ""
        return ChildProcessError(f"a process beside this one ended by {how}{hint}")

    def _tell(self) -> None:
        pipe = self._process.stdin
        with contextlib.suppress(OSError), pipe:  # where it died, listening will tell
            while (order := self._orders.get()) is not None:
                _send(pipe, *order)

    def _listen(self) -> None:
        pipe = self._process.stdout
        with pipe:
            while (answer := _receive(pipe)) is not None:
                self._answers.put((self._at, answer))
        self._answers.put((self._at, None))


_GOING: list[_Child] = []  # of pools that are done


def _wait_for(children: list[_Child]) -> None:
    while children:
        children.pop().wait()


# --- starting ------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Process:
    """A child by its pipes and its number; `made` is how the standard library knows it, if it does."""

    stdin: IO[bytes]
    stdout: IO[bytes]
    number: int
    made: subprocess.Popen[bytes] | None = None
    code: int | None = None

    def kill(self) -> None:
        """End it at once. One that has ended is a zombie till `wait`, so its number is nobody else's."""
        if self.code is None:
            os.kill(self.number, signal.SIGKILL)

    def wait(self) -> int:
        """Wait for its end: its exit code, or the number of the signal, negative."""
        if self.made is not None:
            self.code = self.made.wait()
        elif self.code is None:
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.number, 0)[1])
        return self.code


def _start(work: Work, count: int, origin: Origin | None) -> list[_Process]:
    found: list[_Process] = []
    forking = count > 0 and can_fork()
    if forking or origin is not None:
        # The system may have no room for so many: it goes with fewer, too.
        with contextlib.suppress(BlockingIOError, MemoryError):
            for _ in range(count):
                found.append(_fork(work, found) if forking else _begin(origin))  # type: ignore[arg-type]
    return found


def _begin(origin: Origin) -> _Process:
    code = (
        "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
        "from talkwright.pool import work_from; work_from(sys.argv[2])"
    )
    about = json.dumps([origin.module, origin.function, origin.about])
    command = [sys.executable, "-c", code, json.dumps(sys.path), about]
    made = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert made.stdin
    assert made.stdout
    return _Process(made.stdin, made.stdout, made.pid, made)


def work_from(about: str) -> None:
    """Do the work of an `Origin`, written as JSON: orders come on standard input."""
    with _ending_here():
        module, function, settings = json.loads(about)
        work = getattr(importlib.import_module(module), function)(settings)
        _serve(work, sys.stdin.buffer, sys.stdout.buffer)


def _fork(work: Work, siblings: Sequence[_Process]) -> _Process:
    orders, results = os.pipe(), os.pipe()
    parent = os.getpid()
    # The tokenizers library warns of a fork unless it was told beforehand to use no threads after it.
    told = os.environ.get(_THREADS)
    os.environ.setdefault(_THREADS, "false")
    with warnings.catch_warnings():
        # Python 3.12 warns of any thread; those of libraries know what a fork is, and Python has none.
        warnings.simplefilter("ignore", DeprecationWarning)
        number = os.fork()
    if number:
        if told is None:
            del os.environ[_THREADS]
        os.close(orders[0])
        os.close(results[1])
        return _Process(os.fdopen(orders[1], "wb"), os.fdopen(results[0], "rb"), number)
    os.environ[_THREADS] = "false"  # its threads are not here, and it would wait for them for ever
    with _ending_here():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _end_with(parent)
        # Whoever else holds the other end of a pipe keeps it from ending.
        pipes = (pipe.fileno() for process in siblings for pipe in (process.stdin, process.stdout))
        for end in (orders[1], results[0], *pipes):
            os.close(end)
        _serve(work, os.fdopen(orders[0], "rb"), os.fdopen(results[1], "wb"))
    raise AssertionError  # nobody comes here


def _end_with(parent: int) -> None:
    """Have the system kill this process with its parent, whose locks it has inherited."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError):  # another C library may not have it
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it was faster
        os._exit(1)


@contextlib.contextmanager
def _ending_here() -> Iterator[None]:
    """End this process with the block, without what its program, or its parent, does at the end."""
    code = 1
    try:
        yield
        code = 0
    finally:
        if code:
            traceback.print_exc()
        os._exit(code)


# --- the other end -------------------------------------------------------------------------------


def _serve(work: Work, orders: IO[bytes], results: IO[bytes]) -> None:
    """Do the orders that come, until they end."""
    gc.set_threshold(*_SELDOM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    waiting: queue.Queue[Order | None] = queue.Queue(1)
    threading.Thread(target=_read_ahead, args=(orders, waiting), daemon=True).start()
    while (order := waiting.get()) is not None:
        body, answer = b"", dict[str, Any]()
        try:
            answer["result"], body = work(*order)
        except TalkwrightError as error:
            answer = {"error": type(error).__name__, "said": str(error)}
        except OSError as error:
            answer = {"errno": error.errno, "file": str(error.filename or "")}
        _send(results, answer, body)


def _read_ahead(orders: IO[bytes], waiting: queue.Queue[Order | None]) -> None:
    while (order := _receive(orders)) is not None:
        waiting.put(order)
    waiting.put(None)


def _send(pipe: IO[bytes], head: dict[str, Any], body: bytes) -> None:
    packed = json.dumps(head).encode()
    pipe.write(_LENGTHS.pack(len(packed), len(body)) + packed)
    pipe.write(body)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Order | None:
    lengths = pipe.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    size, rest = _LENGTHS.unpack(lengths)
    head, body = pipe.read(size), pipe.read(rest)
    return (json.loads(head), body) if len(head) + len(body) == size + rest else None
