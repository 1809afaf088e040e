"""Encoded rows on disk: flat arrays that are written as rows come and read back without loading them.

Three NumPy files a split, little-endian, without pickle: `SPLIT.ids.npy` (int32, the ids of all rows one
after the other), `SPLIT.spans.npy` (int32 pairs, the learned ranges of tokens, counted from their row's
beginning) and `SPLIT.rows.npy` (of each row: where its ids and its spans end, int64, and the
conversation's id, a 64-bit number).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, overload

from talkwright.errors import ArtefactError
from talkwright.template.batches import Row
from talkwright.types import Example

if TYPE_CHECKING:
    import numpy

FORMAT = 2
_ROW = [("ids", "<i8"), ("spans", "<i8"), ("conversation", "<u8")]
_PARTS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "ids": ("<i4", ()),
    "spans": ("<i4", (2,)),
    "rows": (_ROW, ()),
}


class _Appender:
    """A .npy file whose length is written when it is known."""

    def __init__(self, path: Path, dtype: Any, inner: tuple[int, ...]):
        import numpy

        self._dtype, self._inner, self._length = numpy.dtype(dtype), inner, 0
        self._file: IO[bytes] = open(path, "wb")  # noqa: SIM115 - closed by `close`
        self._write_header()
        self._start = self._file.tell()

    def append(self, values: Any) -> None:
        import numpy

        array = numpy.asarray(values, dtype=self._dtype).reshape(-1, *self._inner)
        self._length += len(array)
        self._file.write(array.tobytes())

    def close(self) -> None:
        self._file.seek(0)
        self._write_header()  # numpy leaves room in it for the length to grow
        assert self._file.tell() == self._start
        self._file.close()

    def _write_header(self) -> None:
        from numpy.lib import format

        header = {
            "descr": format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self._length, *self._inner),
        }
        format.write_array_header_1_0(self._file, header)


def pack(rows: Sequence[Row]) -> bytes:
    """Rows as bytes, for `RowWriter.append`: how many there are of ids, spans and rows (int64), then the
    three arrays, with the borders counted from the beginning of these rows."""
    import numpy

    ids = numpy.concatenate([row.ids for row in rows]) if rows else numpy.empty(0)
    spans = numpy.array([span for row in rows for span in row.spans]).reshape(-1, 2)
    borders = numpy.empty(len(rows), _ROW)
    borders["ids"] = numpy.cumsum([len(row.ids) for row in rows])
    borders["spans"] = numpy.cumsum([len(row.spans) for row in rows])
    borders["conversation"] = [int(row.conversation or "0", 16) for row in rows]
    sizes = numpy.array([len(ids), len(spans), len(rows)], "<i8")
    return b"".join((sizes.tobytes(), ids.astype("<i4").tobytes(), spans.astype("<i4").tobytes(),
                     borders.tobytes()))  # fmt: skip


class RowWriter:
    """Appends encoded rows to a split's files; holds none of them."""

    def __init__(self, files: dict[str, _Appender]):
        self._files = files
        self._ids = self._spans = 0

    def append(self, packed: bytes) -> None:
        """Add rows (see `pack`) behind those already there."""
        import numpy

        ids, spans, _ = numpy.frombuffer(packed, "<i8", 3).tolist()
        after_ids = 24 + 4 * ids
        after_spans = after_ids + 8 * spans
        borders = numpy.frombuffer(packed, _ROW, offset=after_spans).copy()
        borders["ids"] += self._ids
        borders["spans"] += self._spans
        self._ids += ids
        self._spans += spans
        self._files["ids"].append(numpy.frombuffer(packed, "<i4", ids, 24))
        self._files["spans"].append(numpy.frombuffer(packed, "<i4", 2 * spans, after_ids))
        self._files["rows"].append(borders)


@contextmanager
def writing(folder: Path, split: str) -> Iterator[RowWriter]:
    """Write a split's files; they are whole when the block has ended."""
    with ExitStack() as stack:
        files = {}
        for part, (dtype, inner) in _PARTS.items():
            files[part] = _Appender(folder / f"{split}.{part}.npy", dtype, inner)
            stack.callback(files[part].close)
        yield RowWriter(files)


class StoredExamples(Sequence[Example]):
    """The rows of a split as examples, each made when it is asked for.

    `lengths` and `supervised` are arrays of every row's tokens and of how many of them the loss is
    computed on.
    """

    def __init__(self, ids: numpy.ndarray, spans: numpy.ndarray, rows: numpy.ndarray):
        import numpy

        self._ids, self._spans, self._rows = ids, spans, rows
        self.lengths: numpy.ndarray = numpy.diff(rows["ids"], prepend=0)
        # Nothing comes before the first token, so nothing predicts it.
        learned = numpy.cumsum(spans[:, 1] - numpy.maximum(spans[:, 0], 1), dtype=numpy.int64)
        until = numpy.concatenate([[0], learned])[rows["spans"]]
        self.supervised: numpy.ndarray = numpy.diff(until, prepend=0)

    def __len__(self) -> int:
        return len(self._rows)

    def feed(self, take: Callable[[bytes], object]) -> None:
        """Give all that the rows hold to `take`, in order, 16 MB at a time: for a hash of them."""
        for array in (self._ids, self._spans, self._rows):
            for start in range(0, len(array), 1 << 20):
                take(array[start : start + (1 << 20)].tobytes())

    def ids_from(self, least: int) -> set[int]:
        """The ids of `least` and more that any of the rows holds."""
        import numpy

        parts = (self._ids[start : start + (1 << 20)] for start in range(0, len(self._ids), 1 << 20))
        return {i for part in parts for i in numpy.unique(part[part >= least]).tolist()}

    @overload
    def __getitem__(self, number: int) -> Example: ...
    @overload
    def __getitem__(self, number: slice) -> list[Example]: ...
    def __getitem__(self, number: int | slice) -> Example | list[Example]:
        if isinstance(number, slice):
            return [self[n] for n in range(*number.indices(len(self)))]
        number = range(len(self))[number]  # negative ones, and IndexError as for any sequence
        ids_end, spans_end, conversation = self._rows[number].tolist()
        ids_start, spans_start, _ = self._rows[number - 1].tolist() if number else (0, 0, 0)
        spans = tuple(map(tuple, self._spans[spans_start:spans_end].tolist()))
        return Row(self._ids[ids_start:ids_end], spans, f"{conversation:016x}").example()


def read_examples(folder: Path, split: str) -> StoredExamples:
    """A split that `check_dataset` stored, read row by row. Raises ArtefactError when it is damaged."""
    import numpy

    ids, spans, rows = (_open(folder / f"{split}.{part}.npy", *_PARTS[part]) for part in _PARTS)
    lengths = numpy.diff(rows["ids"], prepend=0)
    counts = numpy.diff(rows["spans"], prepend=0)
    # Borders first: the next line relies on them.
    sound = (
        bool((lengths > 0).all() and (counts >= 0).all())
        and (int(rows["ids"][-1]), int(rows["spans"][-1])) == (len(ids), len(spans))
        if len(rows)
        else len(ids) == len(spans) == 0
    )
    if sound and len(spans):
        starts, ends = spans[:, 0], spans[:, 1]
        sound = bool((starts >= 0).all() and (starts < ends).all())
        sound = sound and bool((ends <= numpy.repeat(lengths, counts)).all())
    if not sound:
        raise ArtefactError(
            f"{folder / split}.*.npy: missing or damaged: rows, ids and spans do not fit each other; "
            "check the data again"
        )
    return StoredExamples(ids, spans, rows)


def _open(path: Path, dtype: Any, inner: tuple[int, ...]) -> numpy.ndarray:
    import numpy
    from numpy.lib import format

    try:
        with open(path, "rb") as file:
            format.read_magic(file)
            shape, fortran, found = format.read_array_header_1_0(file)
            start = file.tell()
        size = path.stat().st_size
        if fortran or found != numpy.dtype(dtype) or shape[1:] != inner or len(shape) < 1:
            raise ValueError(f"an array of {found} {shape}, not of {numpy.dtype(dtype)}")
        if size != start + found.itemsize * int(numpy.prod(shape, dtype=object)):
            raise ValueError(f"{size} bytes, which is not what its header says")
        if shape[0] == 0:  # nothing cannot be mapped
            return numpy.empty(shape, dtype)
        return numpy.memmap(path, dtype, mode="r", offset=start, shape=shape)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise ArtefactError(f"{path}: missing or damaged: {error}") from None
