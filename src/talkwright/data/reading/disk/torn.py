"""A zip archive without its end, where the list of its files is: they are found by their own headers.

The header before each file has its name and, as a rule, its length (PKWARE's APPNOTE, section 4.3.7);
where it has not, the packed bytes say themselves where they end.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

_HEADER = struct.Struct("<4s5H3I2H")
_SIGNATURE, _DESCRIPTOR = b"PK\x03\x04", b"PK\x07\x08"
ENCRYPTED, _LENGTH_BEHIND, _IS_UTF8 = 1, 8, 2048  # of a file's `flag_bits`
_STORED, _DEFLATED = 0, 8
_LARGE = 0xFFFFFFFF  # then the length is among the further fields
_PIECE = 2**18
_LONGEST_NAME = 2**12


class TornError(Exception):
    """The bytes end, or are no packed file any more, before the file does."""


class TooLargeError(Exception):
    """Unpacked, it is larger than allowed."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive: where its packed bytes begin, how many they are, and whether all are there.

    `size` is None where only the bytes themselves say it; `check` is its CRC-32, None where unknown.
    """

    filename: str
    start: int
    method: int
    flag_bits: int
    size: int | None
    check: int | None
    whole: bool = True
    external_attr: int = 0  # what a link is told by stands in the list that is lost


def members(file: IO[bytes], limit: int, most: int) -> list[Member]:
    """The files of an archive by their own headers, as far as they go; at most `most` + 1.

    Raises TooLargeError where those that do not say their length unpack to more than `limit` bytes.
    """
    found: list[Member] = []
    at = 0
    while len(found) <= most and (read := _header(file, at)) is not None:
        member = read
        left = [limit]
        try:
            at = _end(file, member, left)
        except TornError:
            found.append(Member(member.filename, member.start, member.method, member.flag_bits,
                                member.size, member.check, whole=False))  # fmt: skip
            break
        limit = left[0]
        found.append(member)
    return found


def _header(file: IO[bytes], at: int) -> Member | None:
    file.seek(at)
    data = file.read(_HEADER.size)
    if len(data) < _HEADER.size or not data.startswith(_SIGNATURE):
        return None
    _, _, flags, method, _, _, check, packed, _, name_size, more_size = _HEADER.unpack(data)
    name, more = file.read(name_size), file.read(more_size)
    if len(name) < name_size or len(more) < more_size or name_size > _LONGEST_NAME:
        return None
    called = name.decode("utf-8" if flags & _IS_UTF8 else "cp437", "replace")
    behind = bool(flags & _LENGTH_BEHIND) and not packed
    size = None if behind else _large(more) if packed == _LARGE else packed
    start = at + _HEADER.size + name_size + more_size
    return Member(
        called, start, method, flags, size, None if flags & _LENGTH_BEHIND and not check else check
    )


def _large(more: bytes) -> int | None:
    """The packed length among the further fields (ZIP64), behind the unpacked one."""
    at = 0
    while at + 4 <= len(more):
        kind, size = struct.unpack_from("<2H", more, at)
        if kind == 1 and size >= 16 and at + 20 <= len(more):
            return int(struct.unpack_from("<Q", more, at + 12)[0])
        at += 4 + size
    return None


def _end(file: IO[bytes], member: Member, left: list[int]) -> int:
    """Where the next header begins. Raises TornError, and TooLargeError."""
    end = file.seek(0, 2)
    if member.size is not None:
        if member.start + member.size > end:
            raise TornError
        at = member.start + member.size
    else:
        at = member.start
        for found in _unpacked(file, member, left):
            at = found if isinstance(found, int) else at
    if member.flag_bits & _LENGTH_BEHIND:
        file.seek(at)
        behind = file.read(24)
        sized = 4 if behind.startswith(_DESCRIPTOR) else 0
        for width in (12, 20):  # 20: lengths of eight bytes
            following = behind[sized + width : sized + width + 2]
            if following in (b"PK", b""):
                return at + sized + width
        return at + sized + 12
    return at


def pieces(file: IO[bytes], member: Member, limit: list[int]) -> Iterator[bytes]:
    """The unpacked bytes of a file; `limit[0]` is what may still be unpacked.

    Raises TornError behind the last ones where it is cut off or its check sum is wrong, TooLargeError.
    """
    check = 0
    for piece in _unpacked(file, member, limit):
        if isinstance(piece, bytes):
            check = zlib.crc32(piece, check)
            yield piece
    if not member.whole or (member.check is not None and member.check != check):
        raise TornError


def _unpacked(file: IO[bytes], member: Member, limit: list[int]) -> Iterator[bytes | int]:
    """Unpacked pieces, and at last where the packed ones end. Raises TornError, TooLargeError."""
    unpacker = zlib.decompressobj(-15) if member.method == _DEFLATED else None
    at, left = member.start, member.size
    if member.method not in (_STORED, _DEFLATED) or (unpacker is None and left is None):
        raise TornError
    while left is None or left > 0:
        file.seek(at)
        data = file.read(_PIECE if left is None else min(left, _PIECE))
        if not data:
            raise TornError
        at += len(data)
        left = None if left is None else left - len(data)
        while data:
            try:
                piece = data if unpacker is None else unpacker.decompress(data, _PIECE)
            except zlib.error:
                raise TornError from None
            data = b"" if unpacker is None else unpacker.unconsumed_tail
            limit[0] -= len(piece)
            if limit[0] < 0:
                raise TooLargeError
            yield piece
            if unpacker is not None and unpacker.eof:
                yield at - len(unpacker.unused_data) - len(data)
                return
    if unpacker is not None and not unpacker.eof:
        raise TornError
    yield at
