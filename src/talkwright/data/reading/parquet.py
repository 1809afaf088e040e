"""Rows of a Parquet file, as plain Python values."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from talkwright.errors import DataError

MAGIC = b"PAR1"

_BATCH = 500  # rows
_MOST_BYTES = 2**31  # unpacked, as the file itself says


def parquet_rows(path: Path, data: bytes) -> Iterator[dict[str, Any]]:
    """Yield each row as a dict. Raises DataError for a damaged or far too large file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(data))
        groups = range(file.metadata.num_row_groups)
        size = sum(file.metadata.row_group(group).total_byte_size for group in groups)
        if size > _MOST_BYTES:
            raise DataError(f"{path}: unpacks to {size // 2**20} MiB; split it into smaller files.")
        left = file.metadata.num_rows
        for batch in file.iter_batches(batch_size=_BATCH):
            left -= batch.num_rows
            yield from batch.to_pylist()
        if left:  # some kinds of damage make pages vanish without an error
            raise DataError(f"{path}: this Parquet file is damaged: {left} of its rows are missing.")
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: this Parquet file cannot be read: {why[:200]}.") from None
