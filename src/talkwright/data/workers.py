"""Several processes that read and clean chunks of rows: each writes the shards of its chunks.

This process is one of them.

Plain child processes and pipes: unlike `multiprocessing` they run nothing of the caller's program
again, and what goes through the pipes is JSON and bytes. A chunk's shard depends on the chunk alone,
so the result does not depend on how many workers there are.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import queue
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from talkwright.config import DataSection
from talkwright.data.entries import enter
from talkwright.data.reading.containers import Chunk, rows_of
from talkwright.data.shards import write_shard
from talkwright.errors import DataError

_LENGTHS = struct.Struct("!QQ")
_AHEAD = 1  # chunks given to a worker beyond the one it is at, so that it need not wait
_SELDOM = (100_000, 50, 50)  # garbage collection: rows are many and small, and make no circles


def worker_count(size: int, wanted: int | None) -> int:
    """How many processes beside this one pay off for `size` bytes of input; `wanted` counts this one."""
    if wanted is not None:
        return max(0, wanted - 1)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores - 1 if size > _WORTH_IT else 0


_WORTH_IT = 2**22  # bytes; another process begins to help where this one has read two megabytes or so


class Workers:
    """Hands chunks to `count` processes beside this one, which makes the others' rest itself.

    A child takes a while to start, and this process need not wait for it; with no children it does all.
    """

    def __init__(self, folder: Path, section: DataSection, seed: int, count: int):
        self._folder, self._section, self._seed = folder, section, seed
        self._answers: queue.SimpleQueue[tuple[int, dict[str, Any] | None]] = queue.SimpleQueue()
        about = {"folder": str(folder), "section": section.model_dump(mode="json"), "seed": seed}
        self._children = [_Child(at, about, self._answers) for at in range(count)]
        self._collected = gc.get_threshold()
        gc.set_threshold(*_SELDOM)

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        gc.set_threshold(*self._collected)
        for child in self._children:
            child.end(kill=kind is not None)

    def give(self, number: int, source: int, name: str, chunk: Chunk) -> int:
        """Have a chunk made into shard `number`; gives how many rows were finished meanwhile."""
        rows = 0
        while not self._answers.empty():
            rows += self._take()
        free = min(self._children, key=lambda child: child.open, default=None)
        if free is None or free.open > _AHEAD:
            return rows + _make(self._folder, self._section, self._seed, number, source, name, chunk)
        head = {"number": number, "source": source, "name": name}
        head["chunk"] = [chunk.kind, chunk.name, chunk.line]
        free.give(head, chunk.body)
        return rows

    def finish(self) -> int:
        """Wait for all chunks; gives how many rows were finished meanwhile."""
        rows = 0
        while any(child.open for child in self._children):
            rows += self._take()
        return rows

    def _take(self) -> int:
        at, head = self._answers.get()
        if head is None:
            self._children[at].died()
            raise AssertionError
        self._children[at].open -= 1
        if "problem" in head:
            raise DataError(head["problem"])
        if "errno" in head:
            raise OSError(head["errno"], os.strerror(head["errno"]), head["file"])
        return int(head["rows"])


class _Child:
    """A process, and two threads that talk with it: this one is not to wait for a full pipe."""

    def __init__(
        self,
        at: int,
        about: dict[str, Any],
        answers: queue.SimpleQueue[tuple[int, dict[str, Any] | None]],
    ):
        self.open = 0  # chunks that it was given and has not finished
        self._at, self._answers = at, answers
        self._orders: queue.SimpleQueue[tuple[dict[str, Any], bytes] | None] = queue.SimpleQueue()
        self._process = _start()
        self._orders.put((about, b""))
        self._talks = [threading.Thread(target=do, daemon=True) for do in (self._tell, self._listen)]
        for talk in self._talks:
            talk.start()

    def give(self, head: dict[str, Any], body: bytes) -> None:
        """Have a chunk made, after those given before."""
        self.open += 1
        self._orders.put((head, body))

    def end(self, kill: bool) -> None:
        """Have it end when it has done all, or at once."""
        if kill:
            self._process.kill()
        self._orders.put(None)
        self._process.wait()
        for talk in self._talks:
            talk.join()

    def died(self) -> None:
        """Raise what to say when it ended before its time."""
        code = self._process.wait()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        hint = "; was there too little memory?" if code == -signal.SIGKILL else ""
        raise ChildProcessError(f"a process that reads the data ended by {how}{hint}")

    def _tell(self) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        with contextlib.suppress(OSError), pipe:  # where it died, listening will tell
            while (order := self._orders.get()) is not None:
                _send(pipe, *order)

    def _listen(self) -> None:
        pipe = self._process.stdout
        assert pipe is not None
        with pipe:
            while (answer := _receive(pipe)) is not None:
                self._answers.put((self._at, answer[0]))
        self._answers.put((self._at, None))


def _make(
    folder: Path, section: DataSection, seed: int, number: int, source: int, name: str, chunk: Chunk
) -> int:
    about = section.sources[source]
    entries = [enter(row, about, name, section) for row in rows_of(chunk)]
    # Splits need it as much as duplicates do: what is alike is not to be held out from itself.
    near = section.duplicates == "near" or section.validation > 0 or section.test > 0
    write_shard(folder, number, entries, section.near_threshold if near else None, seed)
    return len(entries)


# --- the other end -------------------------------------------------------------------------------


def _start() -> subprocess.Popen[bytes]:
    code = (
        "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
        "from talkwright.data.workers import work; work()"
    )
    command = [sys.executable, "-c", code, json.dumps(sys.path)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def work() -> None:
    """Make shards of the chunks that come on standard input, until it ends."""
    gc.set_threshold(*_SELDOM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    first = _receive(sys.stdin.buffer)
    if first is None:
        return
    folder, seed = Path(first[0]["folder"]), first[0]["seed"]
    section = DataSection.model_validate(first[0]["section"])
    chunks: queue.Queue[tuple[dict[str, Any], bytes] | None] = queue.Queue(_AHEAD)
    threading.Thread(target=_read_ahead, args=(chunks,), daemon=True).start()
    while (item := chunks.get()) is not None:
        head, body = item
        kind, begin, line = head["chunk"]
        chunk = Chunk(kind, begin, line, body)
        answer: dict[str, Any]
        try:
            rows = _make(folder, section, seed, head["number"], head["source"], head["name"], chunk)
            answer = {"rows": rows}
        except DataError as error:
            answer = {"problem": str(error)}
        except OSError as error:
            answer = {"errno": error.errno, "file": str(error.filename or folder)}
        _send(sys.stdout.buffer, answer, b"")


def _read_ahead(chunks: queue.Queue[tuple[dict[str, Any], bytes] | None]) -> None:
    while (item := _receive(sys.stdin.buffer)) is not None:
        chunks.put(item)
    chunks.put(None)


def _send(pipe: IO[bytes], head: dict[str, Any], body: bytes) -> None:
    packed = json.dumps(head).encode()
    pipe.write(_LENGTHS.pack(len(packed), len(body)) + packed)
    pipe.write(body)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    lengths = pipe.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    size, rest = _LENGTHS.unpack(lengths)
    head, body = pipe.read(size), pipe.read(rest)
    return (json.loads(head), body) if len(head) + len(body) == size + rest else None
