"""What the processes that read the data do: each makes the shards of its chunks.

A chunk's shard depends on the chunk alone, so the result does not depend on how many of them there are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from talkwright.config import DataSection
from talkwright.data.entries import enter
from talkwright.data.reading.containers import Chunk, rows_of
from talkwright.data.shards import write_shard
from talkwright.pool import Order, Origin, Pool, Work, beside, can_fork

# Bytes of input from which on another process pays off: one that is forked begins at once, another when
# this one has read two megabytes or so.
_WORTH_A_FORK, _WORTH_A_START = 2**18, 2**22


def further_processes(size: int, wanted: int | None) -> int:
    """How many processes beside this one pay off for `size` bytes of input; `wanted` counts this one."""
    pays_off = size > (_WORTH_A_FORK if can_fork() else _WORTH_A_START)
    return beside(wanted) if pays_off or wanted is not None else 0


def reading_pool(folder: Path, section: DataSection, seed: int, further: int) -> Pool:
    """A pool that makes shards in `folder` of what `order` orders; a result says how many `rows`."""
    about = {"folder": str(folder), "section": section.model_dump(mode="json"), "seed": seed}
    return Pool(work_of(about), further, origin=Origin(__name__, "work_of", about))


def order(number: int, source: int, name: str, chunk: Chunk) -> Order:
    """Have a chunk of a source, which is called `name`, made into shard `number`."""
    about = {"number": number, "source": source, "name": name}
    return {**about, "chunk": [chunk.kind, chunk.name, chunk.line, chunk.coding]}, chunk.body


def work_of(about: dict[str, Any]) -> Work:
    """What does the orders, here or in another process."""
    folder, seed = Path(about["folder"]), about["seed"]
    section = DataSection.model_validate(about["section"])

    def work(head: dict[str, Any], body: bytes) -> Order:
        kind, begin, line, coding = head["chunk"]
        chunk = Chunk(kind, begin, line, body, coding)
        rows = _make(folder, section, seed, head["number"], head["source"], head["name"], chunk)
        return {"rows": rows}, b""

    return work


def _make(
    folder: Path, section: DataSection, seed: int, number: int, source: int, name: str, chunk: Chunk
) -> int:
    about = section.sources[source]
    entries = [enter(row, about, name, section) for row in rows_of(chunk)]
    # Splits need it as much as duplicates do: what is alike is not to be held out from itself.
    near = section.duplicates == "near" or section.validation > 0 or section.test > 0
    write_shard(
        folder, number, entries, section.near_threshold if near else None, seed,
        rivals=section.contradictions != "keep",
    )  # fmt: skip
    return len(entries)
