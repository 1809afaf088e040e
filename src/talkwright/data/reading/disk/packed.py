"""Gzip and zip files: what is in them, within limits that no honest file of conversations reaches.

Nothing is written to disk, and no archive inside an archive is opened.
"""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from talkwright.data.reading.disk.files import is_no_text
from talkwright.data.reading.disk.names import slack_days
from talkwright.data.reading.disk.torn import (
    ENCRYPTED,
    Member,
    TooLargeError,
    TornError,
    members,
    pieces,
)
from talkwright.errors import DataError

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"

_MOST_FILES = 1000
_MOST_BYTES = 2**36  # of everything that one packed file holds
_MOST_TIMES = 200  # as large as the packed file; text of conversations packs to a tenth, seldom less
_ALWAYS_ALLOWED = 2**24  # bytes; small files may pack better than that
_PIECE = 2**18


# Whether a file is data, by its name and, where that does not tell, its first bytes.
IsData = Callable[[str, Callable[[int], bytes]], bool]


class CutOffPackedError(DataError):
    """A packed file ends too early, or goes on with something else. What came before it is sound."""


class EndLostError(CutOffPackedError):
    """This one of the packed files is whole, but what came behind it in the archive is lost."""


def unpack(path: Path, is_data: IsData) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield (name, pieces of bytes) of each data file packed in `path`; "" for gzip's only one.

    The only file of a zip archive is taken for data whatever it is, as a file that is named is.

    Each must be read to its end before the next. Raises DataError for damaged, encrypted or suspicious
    archives and for such as hold no data, and CutOffPackedError behind the last bytes of one cut off.
    """
    try:
        with open(path, "rb") as file:
            if file.read(2) == GZIP:
                file.seek(0)
                yield "", _gunzip(path, file)
            else:
                yield from _unzip(path, file, is_data)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from None


def left_packed(path: Path, is_data: IsData) -> list[str]:
    """The names of what is in a zip archive and is no data file, hidden ones aside; [] for others."""
    try:
        with open(path, "rb") as file:
            if file.read(len(ZIP)) != ZIP:
                return []
            archive = zipfile.ZipFile(file)
            wanted = _wanted(archive, is_data)
            return sorted(m.filename for m in archive.infolist() if _is_seen(m) and m not in wanted)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        return []


def _wanted(archive: zipfile.ZipFile, is_data: IsData) -> list[zipfile.ZipInfo]:
    seen = list(filter(_is_seen, archive.infolist()))
    days = {*slack_days([member.filename for member in seen])}
    seen = [member for member in seen if member.filename in days] if days else seen
    found = [member for member in seen if is_data(member.filename, partial(_head, archive, member))]
    return found or (seen if len(seen) == 1 else [])


def _head(archive: zipfile.ZipFile, member: zipfile.ZipInfo, size: int) -> bytes:
    try:
        with archive.open(member) as file:
            return file.read(size)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError, ValueError):
        return b""  # what is wrong with it is said where it is read, if it is


def _limit(packed: int) -> int:
    return min(_MOST_BYTES, max(_ALWAYS_ALLOWED, packed * _MOST_TIMES))


def _bomb(path: Path, limit: int) -> DataError:
    return DataError(
        f"{path}: it unpacks to more than {limit // 2**20} MiB, which no honest file of this size does. "
        "Unpack it yourself if you trust it."
    )


def _gunzip(path: Path, file: IO[bytes]) -> Iterator[bytes]:
    limit = _limit(os.fstat(file.fileno()).st_size)
    size = 0
    data = file.read(_PIECE)
    try:
        while data.startswith(GZIP):  # members may follow each other
            unpacker = zlib.decompressobj(wbits=31)
            while not unpacker.eof:
                piece = unpacker.decompress(data, _PIECE)
                data = unpacker.unconsumed_tail or (b"" if unpacker.eof else file.read(_PIECE))
                size += len(piece)
                if size > limit:
                    raise _bomb(path, limit)
                yield piece
                if not data and not piece and not unpacker.eof:
                    raise CutOffPackedError(f"{path}: compressed with gzip, but cut off. Copy it again.")
            data = unpacker.unused_data
            if len(data) < len(GZIP):
                data += file.read(_PIECE)
        if data.strip(b"\0"):  # blocks of a tape or a disk are filled up with NULs
            raise CutOffPackedError(f"{path}: what follows the compressed part is something else.")
    except zlib.error:
        raise DataError(f"{path}: compressed with gzip, but damaged. Copy it again.") from None


def _unzip(path: Path, file: IO[bytes], is_data: IsData) -> Iterator[tuple[str, Iterator[bytes]]]:
    try:
        archive = zipfile.ZipFile(file)
        members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        yield from _unzip_torn(path, file, is_data)
        return
    if any(member.filename == "[Content_Types].xml" for member in members):
        raise DataError(f"{path}: this is an Excel workbook or another Office document. Save it as CSV.")
    if len(members) > _MOST_FILES:
        raise DataError(f"{path}: {len(members)} files in one archive; at most {_MOST_FILES} are read.")
    for member in members:
        _refuse_suspicious(path, member)
    wanted = _wanted(archive, is_data)
    if not wanted:
        raise DataError(
            f"{path}: no data file in this archive: none is JSONL, JSON, CSV, TSV or Parquet by its "
            "name or its beginning."
        )
    left = [_limit(os.fstat(file.fileno()).st_size)]
    for member in sorted(wanted, key=lambda member: member.filename):
        yield member.filename, _extract(path, archive, member, left)


def _unzip_torn(path: Path, file: IO[bytes], is_data: IsData) -> Iterator[tuple[str, Iterator[bytes]]]:
    """What is whole, or at its beginning, in an archive that has lost the list of its files."""
    damaged = DataError(f"{path}: a damaged zip archive or Excel workbook. Copy it again.")
    limit = _limit(os.fstat(file.fileno()).st_size)
    try:
        found = members(file, limit, _MOST_FILES)
    except TooLargeError:
        raise _bomb(path, limit) from None
    if any(member.filename == "[Content_Types].xml" for member in found) or len(found) > _MOST_FILES:
        raise damaged
    for member in found:
        _refuse_suspicious(path, member)
    seen = [m for m in found if _is_seen(m) and not m.flag_bits & ENCRYPTED]
    wanted = [m for m in seen if is_data(m.filename, partial(_torn_head, file, m))]
    wanted = sorted(wanted or seen[: len(seen) == 1], key=lambda member: member.filename)
    # The end of a Parquet file says what is in it.
    wanted = [m for m in wanted if m.whole or not is_no_text(_torn_head(file, m, 8))]
    if not any(m.whole or _torn_head(file, m, 8).strip() for m in wanted):
        raise damaged
    left = [limit]
    for member in wanted:
        last = member is wanted[-1] and all(m.whole for m in wanted)
        yield member.filename, _extract_torn(path, file, member, left, last)


def _torn_head(file: IO[bytes], member: Member, size: int) -> bytes:
    found = b""
    try:
        for piece in pieces(file, member, [_ALWAYS_ALLOWED]):
            found += piece
            if len(found) >= size:
                break
    except (TornError, TooLargeError):
        pass
    return found[:size]


def _extract_torn(
    path: Path, file: IO[bytes], member: Member, left: list[int], last: bool
) -> Iterator[bytes]:
    """As `_extract`. Raises CutOffPackedError behind what there is of a file, and EndLostError behind
    the `last` one that there is."""
    limit = left[0]
    try:
        yield from pieces(file, member, left)
    except TooLargeError:
        raise _bomb(path, limit) from None
    except TornError:
        if member.whole:
            raise DataError(f"{path}: {member.filename!r} in the archive is damaged.") from None
        raise CutOffPackedError(f"{path}: {member.filename!r} is cut off. Copy it again.") from None
    if last:
        raise EndLostError(f"{path}: a zip archive that is cut off. Copy it again.")


def _refuse_suspicious(path: Path, member: zipfile.ZipInfo | Member) -> None:
    name = PurePosixPath(member.filename.replace("\\", "/"))
    if ".." in name.parts or name.is_absolute() or ":" in name.parts[:1]:
        raise DataError(f"{path}: the archive has a file named {member.filename!r}, outside itself.")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise DataError(f"{path}: {member.filename!r} in the archive is a link, not a file.")


def _is_seen(member: zipfile.ZipInfo | Member) -> bool:
    hidden = any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(member.filename).parts)
    folder = not member.filename or member.filename.endswith("/")  # is_dir() fails on an empty name
    return not folder and not hidden


def _extract(
    path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, left: list[int]
) -> Iterator[bytes]:
    """Yield a member's bytes; `left[0]` is how many the whole archive may still unpack to."""
    if member.flag_bits & ENCRYPTED:
        raise DataError(f"{path}: {member.filename!r} in the archive is encrypted. Unpack it first.")
    limit = left[0]
    try:
        with archive.open(member) as file:
            while piece := file.read(_PIECE):
                left[0] -= len(piece)
                if left[0] < 0:
                    raise _bomb(path, limit)
                yield piece
    except DataError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError):
        raise DataError(f"{path}: {member.filename!r} in the archive is damaged.") from None
