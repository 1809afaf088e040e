"""Who is next: the engine answers one request at a time, in the order of asking.

The page and the API share one desk, so nobody overtakes. Work runs in a thread of its own and the
event loop only carries its results, which keeps `/health` answering while a model is thinking.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

T = TypeVar("T")

FAILED = "The model failed while answering; the server's log says why."
"""What is told to whoever asked; the reason may be nobody else's business."""

_END = object()


class DeskFull(Exception):
    """As many requests wait as are allowed to."""


class Job(Generic[T]):
    """One request at the desk, waiting or being worked on."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._items: asyncio.Queue[Any] = asyncio.Queue()
        self._cancelled = threading.Event()
        self._future: Future[None]

    @property
    def cancelled(self) -> bool:
        """True once nobody wants the rest any more."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Give the place up: running work is told to stop, waiting work never starts."""
        self._cancelled.set()
        self._future.cancel()
        self._put(_END)

    async def items(self, beat: float | None = None) -> AsyncGenerator[T | None, None]:
        """Yield what the work yields, and raise what it raises; leaving early cancels it.

        With `beat`, None is yielded whenever that many seconds pass without an item, so that a
        caller gets to notice that nobody listens any more.
        """
        # Not asyncio.wait_for: before Python 3.12 it can swallow a cancellation that comes with an item.
        coming = asyncio.ensure_future(self._items.get())
        try:
            while True:
                done, _ = await asyncio.wait({coming}, timeout=beat)
                if not done:
                    yield None
                    continue
                item = coming.result()
                if item is _END:
                    break
                coming = asyncio.ensure_future(self._items.get())
                yield item
            if not self.cancelled:
                self._future.result()
        except CancelledError:
            return  # the desk was closed before this job's turn
        finally:
            coming.cancel()
            self.cancel()

    def _put(self, item: Any) -> None:
        if not self._loop.is_closed():  # a closed loop has nobody left to tell
            self._loop.call_soon_threadsafe(self._items.put_nowait, item)

    def _run(self, work: Callable[[Callable[[], bool]], Iterator[T]]) -> None:
        for item in work(self._cancelled.is_set):
            if self.cancelled:
                return
            self._put(item)


class Desk:
    """Works jobs off one after the other, in a thread. `waiting` bounds the line behind the first."""

    def __init__(self, waiting: int = 32):
        self.waiting = waiting
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="talkwright-answers")
        self._jobs: dict[Future[None], Job[Any]] = {}

    @property
    def open(self) -> int:
        """How many jobs are being worked on or wait for their turn."""
        return len(self._jobs)

    def submit(self, work: Callable[[Callable[[], bool]], Iterator[T]]) -> Job[T]:
        """Get in line. `work(cancelled)` is called in the worker thread and yields the job's items.

        Must be called in an event loop. Raises DeskFull when the line is full.
        """
        if self.open > self.waiting:
            raise DeskFull
        job: Job[T] = Job()
        future = job._future = self._thread.submit(job._run, work)
        self._jobs[future] = job

        def leave(done: Future[None]) -> None:
            self._jobs.pop(done, None)
            job._put(_END)

        future.add_done_callback(leave)
        return job

    def close(self) -> None:
        """Cancel everything and take no more work."""
        for job in list(self._jobs.values()):
            job.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)
