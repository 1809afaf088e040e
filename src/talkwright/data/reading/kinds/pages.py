"""What a Parquet file says about its columns, and how long the longest text is that it may repeat.

Read as the format's specification says (parquet-format: `FileMetaData` and `PageHeader` in Thrift's
compact protocol). pyarrow gives no length of a text without unpacking all of its repetitions, and ends
the process, without an exception, where a damaged file contradicts itself about a column.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

_LARGEST_FOOTER = 2**24  # bytes
_LARGEST_HEADER = 2**16
_LARGEST_PAGE = 2**27
_DEEPEST = 20
_LENGTH = struct.Struct("<I")
_TRUE, _FALSE, _BYTE, _DOUBLE, _BYTES, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
_INTEGERS = (4, 5, 6)
_TEXTS = 6  # the physical type BYTE_ARRAY
_CODECS = {1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4_raw"}


@dataclass(frozen=True, slots=True)
class ColumnPart:
    """A column in one row group: how many values, and where its dictionary of texts is, if any."""

    column: int
    values: int
    codec: int
    dictionary: int | None


def column_parts(file: IO[bytes]) -> Iterator[ColumnPart]:
    """Yield the columns of each row group. Raises ValueError for a damaged file."""
    end = file.seek(0, io.SEEK_END)
    file.seek(max(0, end - 8))
    (length,) = _LENGTH.unpack(file.read(4))
    if length > min(_LARGEST_FOOTER, end):
        raise ValueError(f"a footer of {length} bytes")
    file.seek(end - 8 - length)
    about = _structure(file.read(length), 0, 0)[0]
    for group in _items(about.get(4)):
        for number, chunk in enumerate(_items(group.get(1))):
            column = chunk.get(3)
            if not isinstance(column, dict):
                raise ValueError("a column without a description")
            values, codec = column.get(5), column.get(4, 0)
            dictionary = column.get(11) if column.get(1) == _TEXTS else None
            if not isinstance(values, int) or not isinstance(codec, int):
                raise ValueError("a column without a size")
            yield ColumnPart(number, values, codec, dictionary if isinstance(dictionary, int) else None)


def longest_text(file: IO[bytes], offset: int, codec: int) -> int:
    """The length in bytes of the longest text in the dictionary page at `offset`; at least that.

    Raises ValueError or OSError for a page that cannot be read or is larger than 128 MiB.
    """
    import pyarrow as pa

    file.seek(offset)
    about, at = _structure(file.read(_LARGEST_HEADER), 0, 0)
    unpacked, packed = about.get(2), about.get(3)
    if not isinstance(unpacked, int) or not isinstance(packed, int):
        raise ValueError("a page without a size")
    if not 0 <= unpacked <= _LARGEST_PAGE or not 0 <= packed <= _LARGEST_PAGE:
        raise ValueError(f"a dictionary of {unpacked} bytes")
    file.seek(offset + at)
    page = file.read(packed)
    if codec:
        try:
            page = pa.Codec(_CODECS[codec]).decompress(page, unpacked, asbytes=True)
        except (KeyError, pa.ArrowException, OSError, ValueError):
            return unpacked
    longest = at = 0
    while at + _LENGTH.size <= len(page):
        (length,) = _LENGTH.unpack_from(page, at)
        longest = max(longest, length)
        at += _LENGTH.size + length
    return min(longest, len(page))


# --- Thrift's compact protocol -------------------------------------------------------------------


def _items(value: Any) -> list[dict[int, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError("a footer without row groups")
    return value


def _structure(data: bytes, at: int, depth: int) -> tuple[dict[int, Any], int]:
    """The values of a structure by their field numbers, and where it ends."""
    found: dict[int, Any] = {}
    number = 0
    while at < len(data) and depth < _DEEPEST:
        kind, step = data[at] & 15, data[at] >> 4
        at += 1
        if kind == 0:
            return found, at
        if step:
            number += step
        else:
            number, at = _whole_number(data, at)
        if kind not in (_TRUE, _FALSE):  # these have no bytes
            found[number], at = _value(data, at, kind, depth)
    raise ValueError("a structure without an end")


def _value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in _INTEGERS:
        return _whole_number(data, at)
    if kind in (_BYTE, _TRUE, _FALSE):
        return None, at + 1
    if kind == _DOUBLE:
        return None, at + 8
    if kind == _BYTES:
        length, at = _varint(data, at)
        return None, at + length
    if kind == _STRUCT:
        return _structure(data, at, depth + 1)
    if kind not in (_LIST, _SET) or at >= len(data) or depth >= _DEEPEST:
        raise ValueError("a value of no known kind")
    size, inner = data[at] >> 4, data[at] & 15
    at += 1
    if size == 15:
        size, at = _varint(data, at)
    items = []
    for _ in range(size):
        if at >= len(data):
            raise ValueError("a list without an end")
        item, at = _value(data, at, inner, depth + 1)
        items.append(item)
    return items, at


def _whole_number(data: bytes, at: int) -> tuple[int, int]:
    value, at = _varint(data, at)
    return (value >> 1) ^ -(value & 1), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at
    raise ValueError("a broken number")
