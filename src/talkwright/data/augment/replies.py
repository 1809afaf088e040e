"""Replies that were paid for, kept on disk as they come: one JSON line each, under the request's hash.

A line is right for ever or never looked up again. A process that is killed leaves at most one torn
line, which is passed over; nothing that was answered is asked again.
"""

from __future__ import annotations

import errno
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from talkwright.errors import ArtefactError
from talkwright.types import content_id

_FIELDS = {"key", "text", "finish", "tokens_in", "tokens_out"}


@dataclass(frozen=True, slots=True)
class Written:
    """What came of a request. `failed` says why there is no text; the numbers are None when unknown."""

    text: str = ""
    finish: Literal["stop", "length", "refused"] = "stop"
    tokens_in: int | None = None
    tokens_out: int | None = None
    failed: str | None = None


class Replies:
    """Answers by key, in memory and in `<folder>/<writer>.jsonl`. Use it as a context."""

    def __init__(self, folder: Path, identity: str):
        self.path = Path(folder) / f"{content_id(identity)}.jsonl"
        self._file: IO[bytes] | None = None
        self._rows: dict[str, Written] = {}
        self._ends_cleanly = True
        self._load()

    def __enter__(self) -> Replies:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def get(self, key: str) -> Written | None:
        """The answer stored under `key`, or None."""
        return self._rows.get(key)

    def add(self, key: str, answer: Written) -> None:
        """Store an answer and return when it is on disk. Raises ArtefactError when that fails."""
        row = {
            "key": key,
            "text": answer.text,
            "finish": answer.finish,
            "tokens_in": answer.tokens_in,
            "tokens_out": answer.tokens_out,
        }
        # ASCII escapes: a reply may hold lone surrogates, which UTF-8 cannot write.
        line = json.dumps(row, allow_nan=False).encode() + b"\n"
        try:
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115 - closed by __exit__
            # One write a line, so that another process on the same file cannot come in between. A line
            # torn by an earlier crash must not swallow this one.
            whole = line if self._ends_cleanly else b"\n" + line
            if self._file.write(whole) != len(whole):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _unusable(self.path, error) from None
        self._ends_cleanly = True
        self._rows[key] = answer

    def _load(self) -> None:

        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unusable(self.path, error) from None
        self._ends_cleanly = content.endswith(b"\n") or not content
        for line in content.split(b"\n"):
            row = _whole_row(line)
            if row is not None:
                self._rows.setdefault(row.pop("key"), Written(**row))


def _whole_row(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:  # an empty or torn line costs asking once more, nothing else
        return None
    if not isinstance(row, dict) or row.keys() != _FIELDS:
        return None
    texts = all(isinstance(row[name], str) for name in ("key", "text", "finish"))
    numbers = all(row[name] is None or type(row[name]) is int for name in ("tokens_in", "tokens_out"))
    return row if texts and numbers and row["finish"] in ("stop", "length", "refused") else None


def _unusable(path: Path, error: OSError) -> ArtefactError:
    return ArtefactError(
        f"{path}: the replies cannot be kept: {error.strerror or error}. Make room or give write "
        "permission, then run again; what is kept so far is not asked again."
    )
