"""Dictionary pages of Parquet files: how long the longest text is that the file may repeat.

The page is read as the format's specification says (parquet-format, `PageHeader` in Thrift's compact
protocol), since no library says it without unpacking all of its values.
"""

from __future__ import annotations

import struct
from typing import IO

_LARGEST_HEADER = 2**16  # bytes
_LARGEST_PAGE = 2**27
_LENGTH = struct.Struct("<I")
_BYTES, _STRUCT = 8, 12
_INTEGERS = (4, 5, 6)


def longest_text(file: IO[bytes], offset: int, compression: str) -> int:
    """The length in bytes of the longest text in the dictionary page at `offset`.

    Raises ValueError or OSError for a page that cannot be read or is larger than 128 MiB.
    """
    import pyarrow as pa

    file.seek(offset)
    head = file.read(_LARGEST_HEADER)
    sizes, at = _header(head, 0)
    unpacked, packed = sizes.get(2, 0), sizes.get(3, 0)
    if not 0 <= unpacked <= _LARGEST_PAGE or not 0 <= packed <= _LARGEST_PAGE:
        raise ValueError(f"a dictionary of {unpacked} bytes")
    file.seek(offset + at)
    page = file.read(packed)
    if compression != "UNCOMPRESSED" and packed:
        codec = {"LZ4": "lz4_raw"}.get(compression, compression.lower())
        try:
            page = pa.Codec(codec).decompress(page, unpacked, asbytes=True)
        except (pa.ArrowException, OSError, ValueError):
            return unpacked  # at most
    longest = at = 0
    while at + _LENGTH.size <= len(page):
        (length,) = _LENGTH.unpack_from(page, at)
        longest = max(longest, length)
        at += _LENGTH.size + length
    return min(longest, len(page))


def _header(data: bytes, at: int) -> tuple[dict[int, int], int]:
    """The whole numbers of a Thrift structure by their field numbers, and where it ends."""
    found: dict[int, int] = {}
    number = 0
    while at < len(data):
        kind, step = data[at] & 15, data[at] >> 4
        at += 1
        if kind == 0:
            return found, at
        if step:
            number += step
        else:
            number, at = _whole_number(data, at)
        if kind in _INTEGERS:
            found[number], at = _whole_number(data, at)
        elif kind == _BYTES:
            length, at = _varint(data, at)
            at += length
        elif kind == _STRUCT:
            at = _header(data, at)[1]
        elif kind not in (1, 2):  # true and false have no bytes
            break
    raise ValueError("a page without a header")


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
    raise ValueError("a page with a broken header")
