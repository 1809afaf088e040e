"""A disk that fails, or a machine that stops, at the n-th call a process makes on one folder.

The calls are those of Python and safetensors that change a folder, wrapped inside the process that
trains: the package itself knows nothing of it.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

REMOVING = ("unlink", "remove", "rmdir")  # they work on a full disk


class Disk:
    """Counts calls below `folder`, and at number `at` does what `mode` says.

    "kill": kill -9. "cut": the same, and what was not flushed to the disk is lost, as POSIX allows: of a
    file that was not fsynced any part, and the name of a file whose folder was not. "ENOSPC": every call
    from then on that needs room fails. "EROFS": every call from then on. "EIO": that call alone; with
    `reading`, every reading of that file from then on.
    """

    def __init__(
        self, folder: Path, *, mode: str = "", at: int = 0, seed: int = 0, reading: bool = False
    ):
        self._folder, self._mode, self._at = str(folder), mode, at
        self._rng = random.Random(seed)
        self._reading, self._unreadable = reading, ""
        self.calls = 0
        self._flushed: dict[int, int] = {}  # inode of a file → bytes of it that are safe
        self._names: dict[int, set[str]] = {}  # inode of a folder → names in it that are safe

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Wrap the calls for a while, in this process."""
        import safetensors.torch

        before: list[tuple[Any, str, Any]] = []

        def wrap(place: Any, name: str, make: Callable[[Callable[..., Any]], Any]) -> None:
            before.append((place, name, getattr(place, name)))
            setattr(place, name, make(getattr(place, name)))

        for name in ("mkdir", "unlink", "remove", "rmdir", "rename", "replace"):
            wrap(os, name, lambda plain, name=name: self._naming(name, plain))
        wrap(os, "fsync", self._fsync)
        wrap(builtins, "open", self._open)
        wrap(io, "open", lambda _: builtins.open)
        wrap(safetensors.torch, "serialize_file", self._serialize)
        try:
            yield
        finally:
            for place, name, plain in reversed(before):
                setattr(place, name, plain)

    # --- the calls -------------------------------------------------------------------------------

    def _naming(self, name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, *given: Any, **named: Any) -> Any:
            full = os.fspath(path)
            if named.get("dir_fd") is not None:
                inside = os.readlink(f"/proc/self/fd/{named['dir_fd']}")
                full = os.path.join(inside, full)
            self._count(name, full)
            return plain(path, *given, **named)

        return call

    def _fsync(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def call(handle: int) -> None:
            path = os.readlink(f"/proc/self/fd/{handle}")
            self._count("fsync", path)
            plain(handle)
            found = os.fstat(handle)
            if os.path.isdir(path):
                self._names[found.st_ino] = set(os.listdir(path))
            else:
                self._flushed[found.st_ino] = found.st_size

        return call

    def _open(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def call(file: Any, mode: str = "r", *given: Any, **named: Any) -> Any:
            if not isinstance(file, int):
                if set(mode) & set("wax+"):
                    self._count("open", os.fspath(file))
                elif self._reading:
                    self._read(os.fspath(file))
            return plain(file, mode, *given, **named)

        return call

    def _serialize(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def call(tensors: Any, filename: Any, *given: Any, **named: Any) -> Any:
            stops = self.calls + 1 == self._at and self._mode in ("kill", "cut")
            if stops and self._inside(os.fspath(filename)) and (part := self._rng.random()) > 0.2:
                plain(tensors, filename, *given, **named)  # stopped in its middle
                os.truncate(filename, int(os.path.getsize(filename) * part))
            self._count("serialize", os.fspath(filename))
            return plain(tensors, filename, *given, **named)

        return call

    # --- what becomes of them --------------------------------------------------------------------

    def _inside(self, path: str | bytes) -> bool:
        return os.fsdecode(path).startswith(self._folder)

    def _read(self, path: str | bytes) -> None:
        if self._inside(path):
            self.calls += 1
            if self.calls == self._at:
                self._unreadable = os.fsdecode(path)
            if self._unreadable == os.fsdecode(path):
                raise OSError(errno.EIO, os.strerror(errno.EIO))  # as read(2) does: it names no file

    def _count(self, name: str, path: str | bytes) -> None:
        if self._reading or not self._inside(path):
            return
        self.calls += 1
        if not self._mode or self.calls < self._at:
            return
        if self._mode in ("kill", "cut"):
            if self._mode == "cut":
                self._mode = ""  # what follows is the cut's own doing
                with suppress(FileNotFoundError):
                    self._lose(self._folder)
            os.kill(os.getpid(), signal.SIGKILL)
        code = getattr(errno, self._mode)
        if (
            (self._mode == "EIO" and self.calls > self._at)
            or (self._mode == "ENOSPC" and name in REMOVING)
            or (name == "mkdir" and os.path.isdir(path))  # asked for what is there, which is no error
        ):
            return
        if name == "serialize":
            import safetensors

            raise safetensors.SafetensorError(f"I/O error: {os.strerror(code)} (os error {code})")
        raise OSError(code, os.strerror(code), None if name == "fsync" else os.fsdecode(path))

    def _lose(self, folder: str) -> None:
        """What a power cut may leave of a folder."""
        safe = self._names.get(os.stat(folder).st_ino, set())
        for entry in list(os.scandir(folder)):
            lost = entry.name not in safe and self._rng.random() < 0.5
            if entry.is_dir():
                shutil.rmtree(entry.path) if lost else self._lose(entry.path)
            elif lost:
                os.unlink(entry.path)
            else:
                flushed = self._flushed.get(entry.inode(), 0)
                size = entry.stat().st_size
                if size > flushed:
                    os.truncate(entry.path, self._rng.randint(flushed, size))
