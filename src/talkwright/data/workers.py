"""Several processes that read and clean chunks of rows: each writes the shards of its chunks.

Plain child processes and pipes: unlike `multiprocessing` they run nothing of the caller's program
again, and what goes through the pipes is JSON and bytes. A chunk's shard depends on the chunk alone,
so the result does not depend on how many workers there are.
"""

from __future__ import annotations

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
_AHEAD = 2  # chunks given to a worker beyond the one it is at, so that it need not wait


def worker_count(size: int, wanted: int | None) -> int:
    """How many processes pay off for `size` bytes of input; 0 for none beside this one."""
    if wanted is not None:
        return wanted if wanted > 1 else 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if cores > 1 and size > _WORTH_IT else 0


_WORTH_IT = 2**22  # bytes; starting a process takes as long as reading a megabyte or two


class Workers:
    """Hands chunks to `count` processes in turn; with none of them the work is done right here."""

    def __init__(self, folder: Path, section: DataSection, seed: int, count: int):
        self._folder, self._section, self._seed = folder, section, seed
        self._processes = [_start() for _ in range(count)]
        self._open = [0] * count  # chunks that each was given and has not finished
        about = {"folder": str(folder), "section": section.model_dump(mode="json"), "seed": seed}
        for at in range(count):
            self._send(at, about, b"")

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            if kind is not None:
                process.kill()
            for pipe in (process.stdin, process.stdout):
                try:
                    if pipe is not None:
                        pipe.close()
                except OSError:
                    pass
            process.wait()

    def give(self, number: int, source: int, name: str, chunk: Chunk) -> int:
        """Have a chunk made into shard `number`; gives how many rows were finished meanwhile."""
        if not self._processes:
            return _make(self._folder, self._section, self._seed, number, source, name, chunk)
        at = number % len(self._processes)
        rows = self._take(at) if self._open[at] > _AHEAD else 0
        head = {"number": number, "source": source, "name": name}
        head["chunk"] = [chunk.kind, chunk.name, chunk.line]
        self._send(at, head, chunk.body)
        self._open[at] += 1
        return rows

    def finish(self) -> int:
        """Wait for all chunks; gives how many rows were finished meanwhile."""
        rows = 0
        for at in range(len(self._processes)):
            while self._open[at]:
                rows += self._take(at)
        return rows

    def _send(self, at: int, head: dict[str, Any], body: bytes) -> None:
        pipe = self._processes[at].stdin
        assert pipe is not None
        try:
            _send(pipe, head, body)
        except BrokenPipeError:
            self._died(at)

    def _take(self, at: int) -> int:
        pipe = self._processes[at].stdout
        assert pipe is not None
        answer = _receive(pipe)
        if answer is None:
            self._died(at)
            raise AssertionError
        self._open[at] -= 1
        head = answer[0]
        if "problem" in head:
            raise DataError(head["problem"])
        if "errno" in head:
            raise OSError(head["errno"], os.strerror(head["errno"]), head["file"])
        return int(head["rows"])

    def _died(self, at: int) -> None:
        code = self._processes[at].wait()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        hint = "; was there too little memory?" if code == -signal.SIGKILL else ""
        raise ChildProcessError(f"a process that reads the data ended by {how}{hint}")


def _make(
    folder: Path, section: DataSection, seed: int, number: int, source: int, name: str, chunk: Chunk
) -> int:
    about = section.sources[source]
    entries = [enter(row, about, name, section) for row in rows_of(chunk)]
    write_shard(folder, number, entries, section.near_threshold, seed)
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
    gc.set_threshold(100_000, 50, 50)  # rows are many and small, and make no circles
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
