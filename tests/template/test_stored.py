"""Encoded rows on disk: written as they come, read one at a time, refused when damaged."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from talkwright.config import TemplateSection
from talkwright.errors import ArtefactError
from talkwright.template import check_dataset, read_examples
from talkwright.template.batches import row_of
from talkwright.template.stored import pack, writing
from talkwright.types import Conversation, Example, Message


def example(rng: random.Random) -> Example:
    ids = tuple(rng.randrange(1 << 31) for _ in range(rng.randint(1, 30)))
    labels = tuple(i if rng.random() < 0.5 else -100 for i in ids)
    return Example(ids, labels, f"{rng.randrange(1 << 64):016x}")


@pytest.fixture
def stored(tmp_path: Path) -> tuple[Path, list[Example]]:
    rng = random.Random(3)
    examples = [example(rng) for _ in range(50)]
    with writing(tmp_path, "train") as writer:
        for start in range(0, 50, 7):
            writer.append(pack([row_of(each) for each in examples[start : start + 7]]))
        writer.append(pack([]))
    return tmp_path, examples


def test_rows_come_back_as_they_were_in_any_order(stored) -> None:
    folder, examples = stored
    rows = read_examples(folder, "train")
    assert list(rows) == examples
    assert len(rows) == 50
    assert [rows[n] for n in (49, 0, -1, -50, 7)] == [examples[n] for n in (49, 0, -1, -50, 7)]
    assert rows[3:40:6] == examples[3:40:6]
    assert all(type(i) is int for i in (*rows[0].input_ids, *rows[0].labels))
    with pytest.raises(IndexError):
        rows[50]
    assert rows.lengths.tolist() == [len(each.input_ids) for each in examples]
    assert rows.supervised.tolist() == [each.n_supervised for each in examples]


def test_files_are_plain_arrays_that_are_mapped_and_not_loaded(stored) -> None:
    folder, examples = stored
    ids = numpy.load(folder / "train.ids.npy", mmap_mode="r", allow_pickle=False)
    assert (ids.dtype.str, ids.tolist()) == ("<i4", [i for each in examples for i in each.input_ids])
    spans = numpy.load(folder / "train.spans.npy", allow_pickle=False)
    assert (spans.dtype.str, spans.shape[1]) == ("<i4", 2)
    rows = numpy.load(folder / "train.rows.npy", allow_pickle=False)
    assert rows["ids"].tolist() == numpy.cumsum([len(each.input_ids) for each in examples]).tolist()
    assert isinstance(read_examples(folder, "train")._ids, numpy.memmap)


def test_large_ids_are_found_without_making_examples(stored) -> None:
    folder, examples = stored
    rows, ids = read_examples(folder, "train"), {i for each in examples for i in each.input_ids}
    for least in (0, max(ids), max(ids) + 1):
        assert rows.ids_from(least) == {i for i in ids if i >= least}


def test_no_rows_are_rows_too(tmp_path: Path) -> None:
    with writing(tmp_path, "test"):
        pass
    rows = read_examples(tmp_path, "test")
    assert (len(rows), list(rows), rows.lengths.tolist(), rows.supervised.tolist()) == (0, [], [], [])


def rewrite(path: Path, change: Callable[[Any], Any]) -> None:
    numpy.save(path, change(numpy.load(path, allow_pickle=False)), allow_pickle=False)


def set_row(field: str, number: int, value: int) -> Callable[[Any], Any]:
    def change(rows: Any) -> Any:
        rows[field][number] = value
        return rows

    return change


def int32(values: list[int]) -> Any:
    """As the files have them: of another type they would be refused for that alone."""
    return numpy.array(values, dtype="<i4")


DAMAGE: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "ids gone": ("ids", lambda path: path.unlink()),
    "spans gone": ("spans", lambda path: path.unlink()),
    "rows gone": ("rows", lambda path: path.unlink()),
    "empty": ("ids", lambda path: path.write_bytes(b"")),
    "half a header": ("rows", lambda path: os.truncate(path, 60)),
    "not numpy": ("rows", lambda path: path.write_bytes(b"\x08" * 200)),
    "a broken header": ("ids", lambda p: p.write_bytes(p.read_bytes().replace(b"descr", b"desc("))),
    "ids end early": ("ids", lambda path: os.truncate(path, path.stat().st_size - 2)),
    "spans end early": ("spans", lambda path: os.truncate(path, path.stat().st_size - 4)),
    "rows end early": ("rows", lambda path: os.truncate(path, path.stat().st_size - 24)),
    "more than there should be": ("ids", lambda p: p.write_bytes(p.read_bytes() + b"1234")),
    "another type": ("ids", lambda path: rewrite(path, lambda ids: ids.astype("<i8"))),
    "another shape": ("spans", lambda path: rewrite(path, lambda spans: spans.reshape(-1))),
    "objects": ("ids", lambda p: numpy.save(p, numpy.array([object]), allow_pickle=True)),
    "fewer rows": ("rows", lambda path: rewrite(path, lambda rows: rows[:-1])),
    "fewer ids": ("ids", lambda path: rewrite(path, lambda ids: ids[:-1])),
    "a border behind the one before": ("rows", lambda path: rewrite(path, set_row("ids", 9, 0))),
    "spans of another row": ("rows", lambda path: rewrite(path, set_row("spans", 9, 1 << 40))),
    "a span over the border": ("spans", lambda path: rewrite(path, lambda s: s + int32([0, 40]))),
    "a span from nowhere": ("spans", lambda path: rewrite(path, lambda spans: spans - 100)),
    "a span of nothing": ("spans", lambda path: rewrite(path, lambda s: s * int32([1, 0]))),
}  # fmt: skip


@pytest.mark.parametrize("damage", list(DAMAGE))
def test_damaged_files_are_an_artefact_error(stored, damage: str) -> None:
    folder, _ = stored
    part, do = DAMAGE[damage]
    do(folder / f"train.{part}.npy")
    with pytest.raises(ArtefactError, match=r"train(\.\w+|\.\*)\.npy: missing or damaged"):
        read_examples(folder, "train")


# --- streaming -----------------------------------------------------------------------------------


class Lazily:
    """Conversations made when they are asked for, 700 different ones."""

    def __init__(self, count: int):
        self.count = count

    def __iter__(self) -> Iterator[Conversation]:
        for n in (n % 700 for n in range(self.count)):
            yield Conversation((Message("user", f"question {n}"), Message("assistant", f"answer {n}")))


def test_a_split_may_be_any_iterable_and_is_gone_through_once(family_named, tmp_path: Path) -> None:
    template = family_named("chatml").template
    once = iter(Lazily(1300))
    findings = check_dataset(
        template, {"train": once, "test": Lazily(3)}, TemplateSection(), out=tmp_path / "c", key="k"
    )
    assert findings == []
    rows = read_examples(tmp_path / "c", "train")
    assert [len(rows), len(read_examples(tmp_path / "c", "test"))] == [1300, 3]
    last = Conversation((Message("user", "question 599"), Message("assistant", "answer 599")))
    assert rows[-1] == template.encode(last)[0]


def test_memory_does_not_grow_with_the_rows(family_named, tmp_path: Path) -> None:
    import tracemalloc

    template = family_named("chatml").template
    peaks = []
    for count in (1_000, 5_000):
        tracemalloc.start()
        check_dataset(template, {"train": Lazily(count)}, TemplateSection(), out=tmp_path / "c", key="k")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.6 * peaks[0]


def test_a_check_that_is_interrupted_leaves_the_old_one(family_named, tmp_path: Path) -> None:
    def interrupted() -> Iterator[Conversation]:
        yield from Lazily(600)
        raise KeyboardInterrupt

    template = family_named("chatml").template
    out = tmp_path / "c"
    check_dataset(template, {"train": Lazily(5)}, TemplateSection(), out=out, key="k")
    with pytest.raises(KeyboardInterrupt):
        check_dataset(template, {"train": interrupted()}, TemplateSection(), out=out, key="k2")
    assert len(read_examples(out, "train")) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
