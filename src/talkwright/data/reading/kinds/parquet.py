"""Rows of a Parquet file, as plain Python values."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from talkwright.data.reading.disk.streams import Stream
from talkwright.data.reading.kinds.pages import column_parts, longest_text
from talkwright.data.reading.kinds.repeated import told_apart
from talkwright.data.reading.rows import RAW, Row
from talkwright.errors import DataError

MAGIC = b"PAR1"

BATCH = 1000  # rows
_MOST_BYTES = 2**36  # unpacked, as the file itself says
_MOST_IN_GROUP = 2**31  # the same of one row group, which is read as a whole
_MOST_IN_BATCH = 2**26  # bytes of BATCH rows, unpacked
_MOST_VALUES = 2**25  # in a column of a row group
_MOST_TIMES = 200  # as large as the file, if it is large
_LARGEST_PACKED = 2**30  # bytes of a Parquet file inside an archive


def parquet_batches(path: Path, stream: Stream) -> Iterator[tuple[list[str], bytes]]:
    """Yield (column names, Arrow stream) of each BATCH rows. Raises DataError for a damaged file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    source: Any = stream.path
    if source is None:
        data = stream.whole(_LARGEST_PACKED)
        if data is None:
            raise DataError(f"{path}: too large to be read inside an archive. Unpack it first.")
        source = io.BytesIO(data)
    try:
        with pq.ParquetFile(source, memory_map=stream.path is not None) as file:
            _refuse_huge(path, file.metadata)
            texts = _repeated_texts(path, source, file.schema)
        if stream.path is None:
            source.seek(0)
        with pq.ParquetFile(source, memory_map=stream.path is not None, read_dictionary=texts) as file:
            left = file.metadata.num_rows
            for batch in file.iter_batches(batch_size=BATCH):
                left -= batch.num_rows
                if sum(map(_weight, batch.columns)) > _MOST_IN_BATCH:
                    raise _huge(path, "a few rows take more memory than conversations do")
                sink = pa.BufferOutputStream()
                with pa.ipc.new_stream(sink, batch.schema) as writer:
                    writer.write_batch(batch)
                yield batch.schema.names, sink.getvalue().to_pybytes()
            if left:  # some kinds of damage make pages vanish without an error
                raise DataError(f"{path}: this Parquet file is damaged: {left} of its rows are missing.")
    except DataError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: this Parquet file cannot be read: {why[:200]}.") from None


def _refuse_huge(path: Path, metadata: Any) -> None:
    sizes = [metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups)]
    if sum(sizes) > _MOST_BYTES or max(sizes, default=0) > _MOST_IN_GROUP:
        raise _huge(path, f"unpacks to {sum(sizes) // 2**20} MiB")


def _huge(path: Path, what: str) -> DataError:
    return DataError(f"{path}: {what}. Split it into smaller files, if you trust it.")


def _repeated_texts(path: Path, source: Any, schema: Any) -> list[str]:
    """Columns with a text so long, and so many values, that repeating it could fill the memory.

    A file of 2 KB may repeat a text of 20 MB a thousand times. Such columns are read with each text
    once, and weighed; it takes several times as long, so that all others are not.
    """
    with nullcontext(source) if isinstance(source, io.BytesIO) else open(source, "rb") as file:
        parts = list(column_parts(file))
        size = file.seek(0, io.SEEK_END)
        names: dict[str, None] = {}
        for part in parts:
            if not 0 <= part.values <= _MOST_VALUES:
                raise _huge(path, f"has {part.values} values in a row group")
            if part.dictionary is None or part.column >= len(schema):
                continue
            about = schema.column(part.column)
            nested = about.max_repetition_level > 0
            values = part.values if nested else min(BATCH, part.values)
            repeated = values * longest_text(file, part.dictionary, part.codec)
            if repeated > (max(2**30, _MOST_TIMES * size) if nested else 4 * _MOST_IN_BATCH):
                if about.logical_type.type not in ("STRING", "NONE", "JSON", "ENUM"):
                    raise _huge(path, "has values of an unusual size")
                names[about.path] = None
        return list(names)


def _weight(array: Any) -> int:
    """How many bytes the values of an array take, each time they occur."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(array.type):
        lengths = pc.take(pc.binary_length(array.dictionary), array.indices)
        return 8 * len(array) + int(pc.sum(pc.cast(lengths, pa.int64())).as_py() or 0)
    if pa.types.is_nested(array.type):
        if pa.types.is_map(array.type):
            parts = [array.keys, array.items]
        else:
            parts = array.flatten()
            parts = parts if isinstance(parts, list) else [parts]
        return 8 * len(array) + sum(map(_weight, parts))
    return int(array.nbytes)


def rows_of_batch(data: bytes, name: str, before: int) -> Iterator[Row]:
    """The rows of what `parquet_batches` gave, by names told apart; `before` rows came earlier in the
    file."""
    import pyarrow as pa

    with pa.ipc.open_stream(data) as reader:
        table = reader.read_all()
    table = table.rename_columns(told_apart(table.column_names))
    for number, value in enumerate(_values(table), before + 1):
        if value is None:
            yield Row(f"{name}:row {number}", None, "", "broken_cell")
            continue
        shown = {key: str(item)[:RAW] for key, item in value.items() if item is not None}
        yield Row(f"{name}:row {number}", value, json.dumps(shown, ensure_ascii=False)[:RAW])


def _values(table: Any) -> list[dict[str, Any] | None]:
    """The rows of a table; None for one whose text is not UTF-8, or whose dates do not exist."""
    try:
        return list(table.to_pylist())
    except (ValueError, OverflowError):
        if len(table) == 1:
            return [None]
        return [value for at in range(len(table)) for value in _values(table.slice(at, 1))]
