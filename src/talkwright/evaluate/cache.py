"""What an engine has already been asked, kept on disk as it is answered.

One JSON-lines file for each digest of weights. A line is `{"key": ..., ..., "sum": ...}`; the key is a
hash of everything the answer depends on, so a line is right for ever or never looked up again, and the
sum one of the line itself.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from talkwright.errors import ArtefactError
from talkwright.progress import say
from talkwright.types import content_id


class Cache:
    """Answers by key, in memory and, when there is a folder, in `<folder>/<weights>.jsonl`.

    Lines that are not as they were written (a process died, a disk decays) are passed over.
    """

    def __init__(self, folder: Path | None, weights: str):
        self.path = None if folder is None else Path(folder) / f"{content_id(weights)}.jsonl"
        self._rows: dict[str, dict[str, Any]] = {}
        self._ends_cleanly = True
        if self.path is not None:
            self._load(self.path)

    def get(self, key: str) -> dict[str, Any] | None:
        """The row stored under `key`, or None."""
        return self._rows.get(key)

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def add(self, rows: Mapping[str, dict[str, Any]]) -> None:
        """Store rows by key and return when they are on disk. Raises ArtefactError when they are not."""
        self._rows.update(rows)
        if self.path is None or not rows:
            return
        # ASCII escapes: a reply may hold lone surrogates, which UTF-8 cannot write.
        lines = [_line({"key": key, **row}) + "\n" for key, row in rows.items()]
        # A line cut short by an earlier crash must not swallow the first one written now.
        text = ("" if self._ends_cleanly else "\n") + "".join(lines)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "a", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _unusable(self.path, error) from None
        self._ends_cleanly = True

    def _load(self, path: Path) -> None:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unusable(path, error) from None
        self._ends_cleanly = content.endswith(b"\n") or not content
        lines = [line for line in content.split(b"\n") if line]
        whole = _whole_rows(lines)
        self._rows.update(whole)
        if damaged := len(lines) - len(whole):
            say(
                f"{path}: {damaged} of {len(lines)} lines are damaged; what they answered is asked again"
            )


def _line(row: dict[str, Any]) -> str:
    text = json.dumps(row, allow_nan=False)
    return f'{text[:-1]}, "sum": "{content_id(text)}"}}'


def _whole_rows(lines: Iterable[bytes]) -> dict[str, dict[str, Any]]:
    rows = {}
    for line in lines:
        try:
            row = json.loads(line)
            del row["sum"]
            if _line(row).encode() == line:
                rows[row.pop("key")] = row
        except (ValueError, KeyError, TypeError):
            continue  # a damaged line costs asking that prompt again, nothing else
    return rows


def _unusable(path: Path, error: OSError) -> ArtefactError:
    return ArtefactError(
        f"{path}: the cache of replies cannot be used: {error.strerror or error}. "
        "Make room or give write permission, then run again; what is cached so far is kept."
    )
