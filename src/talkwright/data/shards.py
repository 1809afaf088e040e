"""Rows that are read and cleaned, on disk between the two halves of the data stage.

The first half handles each row by itself, in several processes, and leaves a shard for each chunk of
input; the second half compares all rows with each other and needs their features only. A shard is
finished when its `.done` file is there, so an interrupted preparation goes on where it stopped.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from talkwright.data.entries import Entry
from talkwright.data.ledger import as_table, schema
from talkwright.data.similarity.features import COLUMNS, FLAT, NAMES, Features, features_of
from talkwright.errors import ArtefactError
from talkwright.runs import read_json
from talkwright.types import Conversation, conversation_from_json, to_line

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

# One table a shard, and not one array a column: it is the number of arrays that costs time.
_TABLE = np.dtype(
    [
        *((name, kind, 2 if name == "exact" else ()) for name, kind in COLUMNS.items()),
        *((ends, np.int64) for ends in FLAT.values()),
        ("offsets", np.int64), ("turns", np.int32), ("characters", np.int64),
    ]
)  # fmt: skip
_ALONE = tuple(name for name in NAMES if name not in (_TABLE.names or ()))  # arrays of another shape


def write_shard(
    folder: Path,
    number: int,
    entries: Sequence[Entry],
    threshold: float | None,
    seed: int,
    *,
    rivals: bool,
) -> None:
    """Write a chunk's ledger rows, conversations and features; the `.done` file last.

    `threshold` is None where nobody asks what is near to what; `rivals` says that somebody asks which
    answers contradict each other.
    """
    import pyarrow as pa

    kept = [entry.conversation for entry in entries if entry.conversation is not None]
    lines = [to_line(conversation) for conversation in kept]
    features = features_of(kept, threshold, seed, rivals=rivals)
    table = as_table([entry.row for entry in entries])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, schema()) as writer:
        writer.write_table(table)
    per_row = np.empty(len(kept), _TABLE)
    for name in (*COLUMNS, *FLAT.values()):
        per_row[name] = getattr(features, name)
    per_row["offsets"] = np.cumsum([len(line) for line in lines], dtype=np.int64)
    per_row["turns"] = [len(c.messages) for c in kept]
    per_row["characters"] = [sum([len(m.content) for m in c.messages]) for c in kept]
    arrays = [per_row, *(getattr(features, name) for name in _ALONE)]
    parts = {
        "jsonl": b"".join(lines),
        "arrow": sink.getvalue().to_pybytes(),
        "arrays": b"".join([array.tobytes() for array in arrays]),
    }
    for kind, data in parts.items():
        _name(folder, number, kind).write_bytes(data)
    about = {
        "rows": len(entries),
        "kept": len(kept),
        "shapes": [array.shape for array in arrays],
        "bytes": sum(map(len, parts.values())),
    }
    unfinished = _name(folder, number, "done.unfinished")
    unfinished.write_text(json.dumps(about))
    os.replace(unfinished, _name(folder, number, "done"))


def rows_done(folder: Path, number: int) -> int | None:
    """How many rows a finished shard has; None when it is not finished."""
    path = _name(folder, number, "done")
    if not path.is_file():
        return None
    try:
        about = read_json(path)
        whole = about["bytes"] == _bytes(folder, number)
    except (ArtefactError, OSError, KeyError, TypeError):
        return None
    return int(about["rows"]) if whole else None


def _bytes(folder: Path, number: int) -> int:
    """How large a shard is: what a machine that lost its power wrote last may be torn."""
    return sum(_name(folder, number, kind).stat().st_size for kind in ("jsonl", "arrow", "arrays"))


def _name(folder: Path, number: int, kind: str) -> Path:
    return folder / f"{number:07d}.{kind}"


class Shards:
    """All finished shards, in reading order. Rows are counted over all of them, kept ones apart."""

    def __init__(self, folder: Path, sources: Sequence[int]):
        """`sources` gives for each shard the place of its source in the recipe."""
        self.folder = folder
        self.sources = tuple(sources)
        self.done: list[dict[str, Any]] = [
            read_json(_name(folder, number, "done")) for number in range(len(sources))
        ]
        self.kept_ends = np.cumsum([done["kept"] for done in self.done], dtype=np.int64)
        self.rows = sum(done["rows"] for done in self.done)
        self._offsets: NDArray[np.int64] | None = None

    @property
    def kept(self) -> int:
        """How many conversations there are."""
        return int(self.kept_ends[-1]) if len(self.kept_ends) else 0

    def span(self, number: int) -> tuple[int, int]:
        """The conversations of a shard: the first, and the one after the last."""
        return (int(self.kept_ends[number - 1]) if number else 0), int(self.kept_ends[number])

    def source_of(self) -> NDArray[np.int16]:
        """The place of each conversation's source in the recipe."""
        sizes = [done["kept"] for done in self.done]
        return np.repeat(np.array(self.sources, np.int16), sizes)

    def column(self, name: str) -> NDArray[Any]:
        """One of "offsets" (bytes, where a line ends in its shard), "turns", "characters"."""
        # Copied: a view of a column would keep all of its shard in memory.
        parts = [self._arrays(number)["table"][name].copy() for number in range(len(self.done))]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def features(self) -> Features:
        """The features of all conversations; the shingles stay on disk."""
        sizes = {
            name: sum(done["shapes"][1 + _ALONE.index(name)][0] for done in self.done) for name in FLAT
        }
        borders = {ends: flat for flat, ends in FLAT.items()}
        found: dict[str, Any] = {}
        at = 0
        filled = dict.fromkeys(FLAT, 0)
        for number in range(len(self.done)):
            arrays = self._arrays(number)
            table = arrays["table"]
            size = self.done[number]["kept"]
            for name in NAMES:
                part = arrays[name] if name in _ALONE else table[name]
                if name not in found:
                    found[name] = self._room(name, part, sizes.get(name))
                if name in FLAT:
                    found[name][filled[name] : filled[name] + len(part)] = part
                elif name in borders:
                    found[name][at : at + size] = part + filled[borders[name]]
                else:
                    found[name][at : at + size] = part
            at += size
            for name in FLAT:
                filled[name] += len(arrays[name])
        return Features(**found)

    def _room(self, name: str, like: NDArray[Any], flat_size: int | None) -> NDArray[Any]:
        if flat_size is None:
            return np.empty((self.kept, *like.shape[1:]), like.dtype)
        if not flat_size:
            return np.empty(0, like.dtype)
        return np.memmap(self.folder / f"{name}.flat", like.dtype, "w+", shape=(flat_size,))

    def _arrays(self, number: int) -> dict[str, NDArray[Any]]:
        """The table of a shard and the arrays of another shape, as they lie one behind the other."""
        data, at = _name(self.folder, number, "arrays").read_bytes(), 0
        found: dict[str, NDArray[Any]] = {}
        kinds = {"table": _TABLE, **dict.fromkeys(_ALONE, np.dtype(np.uint32))}
        for (name, kind), shape in zip(kinds.items(), self.done[number]["shapes"], strict=True):
            count = math.prod(shape)
            found[name] = np.frombuffer(data, kind, count, at).reshape(shape)
            at += count * kind.itemsize
        return found

    def ledger(self, number: int) -> pa.Table:
        """The ledger rows of a shard."""
        import pyarrow as pa

        with pa.ipc.open_file(_name(self.folder, number, "arrow").read_bytes()) as reader:
            return reader.read_all()

    def jsonl(self, number: int) -> bytes:
        """The conversations of a shard as JSON lines, in one piece."""
        return _name(self.folder, number, "jsonl").read_bytes()

    def lines(self, number: int) -> list[bytes]:
        """The conversations of a shard as JSON lines."""
        return self.jsonl(number).splitlines(keepends=True)

    def conversation(self, at: int) -> Conversation:
        """One conversation, wherever it is."""
        if self._offsets is None:
            self._offsets = self.column("offsets")
        number = int(np.searchsorted(self.kept_ends, at, "right"))
        start = 0 if at == self.span(number)[0] else int(self._offsets[at - 1])
        with open(_name(self.folder, number, "jsonl"), "rb") as file:
            file.seek(start)
            return conversation_from_json(json.loads(file.read(int(self._offsets[at]) - start)))

    def conversations(self, chosen: NDArray[np.int64]) -> Iterator[Conversation]:
        """Yield the conversations at sorted places."""
        for number in range(len(self.done)):
            first, after = self.span(number)
            inside = chosen[(chosen >= first) & (chosen < after)]
            if len(inside):
                lines = self.lines(number)
                for at in inside.tolist():
                    yield conversation_from_json(json.loads(lines[at - first]))
