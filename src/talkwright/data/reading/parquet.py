"""Rows of a Parquet file, as plain Python values."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from talkwright.data.reading.rows import RAW, Row
from talkwright.data.reading.streams import Stream
from talkwright.errors import DataError

MAGIC = b"PAR1"

BATCH = 1000  # rows
_MOST_BYTES = 2**36  # unpacked, as the file itself says
_MOST_IN_GROUP = 2**31  # the same of one row group, which is read as a whole
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
            left = file.metadata.num_rows
            for batch in file.iter_batches(batch_size=BATCH):
                left -= batch.num_rows
                sink = pa.BufferOutputStream()
                with pa.ipc.new_stream(sink, batch.schema) as writer:
                    writer.write_batch(batch)
                yield batch.schema.names, sink.getvalue().to_pybytes()
            if left:  # some kinds of damage make pages vanish without an error
                raise DataError(f"{path}: this Parquet file is damaged: {left} of its rows are missing.")
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: this Parquet file cannot be read: {why[:200]}.") from None


def _refuse_huge(path: Path, metadata: Any) -> None:
    sizes = [metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups)]
    if sum(sizes) > _MOST_BYTES or max(sizes, default=0) > _MOST_IN_GROUP:
        raise DataError(f"{path}: unpacks to {sum(sizes) // 2**20} MiB; split it into smaller files.")


def rows_of_batch(data: bytes, name: str, before: int) -> Iterator[Row]:
    """The rows of what `parquet_batches` gave; `before` rows came earlier in the file."""
    import pyarrow as pa

    with pa.ipc.open_stream(data) as reader:
        table = reader.read_all()
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
