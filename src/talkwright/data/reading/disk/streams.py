"""Bytes of a file as they come: a beginning to look at, and the rest block by block.

A file of any size is read with a few megabytes in memory. Packed files are unpacked on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

from talkwright.data.reading.disk.encodings import as_utf8
from talkwright.data.reading.disk.files import UTF8_MARK, failed_to_read, is_no_text
from talkwright.data.reading.disk.packed import (
    GZIP,
    ZIP,
    CutOffPackedError,
    EndLostError,
    IsData,
    unpack,
)
from talkwright.data.reading.mending.holes import HOLE
from talkwright.errors import DataError

PIECE = 2**20  # bytes read at a time
LONGEST_LINE = 2**24  # bytes; a longer one is no conversation


class Stream:
    """A file, or one packed in it, which has no `path`. Raises DataError where it cannot be read.

    Of a packed one that is cut off comes what is there, and behind a line that has no end a block of
    NULs, as for other bytes that are lost; then it `is_cut_off`.
    """

    def __init__(
        self,
        pieces: Iterator[bytes],
        path: Path | None = None,
        again: Callable[[], Iterator[bytes]] | None = None,
    ):
        self.path = path
        self.is_cut_off = False
        self._pieces = self._until_cut(pieces)
        self._again = again  # begins anew, to look at what is far ahead
        self._held = b""
        self._ended = False

    def _until_cut(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        last = b""
        try:
            for piece in pieces:
                if last == b"" and is_no_text(piece):  # its end says what is in it
                    yield piece
                    yield from self._until_lost(pieces)
                    return
                last = piece or last
                yield piece
        except EndLostError:
            self.is_cut_off = True
        except CutOffPackedError:
            if not last.strip():
                raise
            self.is_cut_off = True
            if not last.endswith(b"\n"):
                yield HOLE.encode()

    def _until_lost(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from pieces
        except EndLostError:
            self.is_cut_off = True

    def anew(self) -> Stream:
        """The same from its beginning, where that is known; empty where it is not."""
        return Stream(self._again() if self._again else iter(()), self.path, self._again)

    def peek(self, size: int) -> bytes:
        """The first `size` bytes, or all where there are fewer; they are still to come."""
        while len(self._held) < size and self._fetch():
            pass
        return self._held[:size]

    def after_line(self, size: int) -> bytes:
        """Up to `size` bytes behind the first line end, however far that is; they are still to come."""
        if self._again is None:
            return b""
        found: bytes | None = None
        for piece in Stream(self._again()).rest():
            if found is not None:
                found += piece
            elif (at := piece.find(b"\n")) >= 0:
                found = piece[at + 1 :]
            if found is not None and len(found) >= size:
                break
        return (found or b"")[:size]

    def whole(self, limit: int) -> bytes | None:
        """All of it, or None where it is larger than `limit` bytes; then nothing is lost."""
        pieces, size = [self._held], len(self._held)
        while size <= limit and (piece := next(self._pieces, None)) is not None:
            pieces.append(piece)
            size += len(piece)
        self._held = b"".join(pieces)
        if size > limit:
            return None
        data, self._held = self._held, b""
        return data

    def rest(self) -> Iterator[bytes]:
        """What is still to come, in pieces."""
        held, self._held = self._held, b""
        yield held
        yield from self._pieces

    def blocks(self, size: int, before: tuple[bytes, ...] = (b"\n",)) -> Iterator[bytes]:
        """Yield blocks of about `size` bytes, each cut behind a line end.

        `before` are line ends with what must follow them; where none comes for long, any line end will
        do. Of a line longer than LONGEST_LINE only a beginning of at least that length comes, as a block
        without a line end; the next block begins with the line end.
        """
        searched = size - 1
        while True:
            while len(self._held) < size and self._fetch():
                pass
            if len(self._held) < size:
                break
            cut = self._line_end(before, searched)
            if cut < 0 and len(self._held) > 8 * size:
                cut = self._held.find(b"\n", size - 1)
                if cut < 0:
                    cut = self._held.rfind(b"\n", 0, size)
                if cut < 0 and len(self._held) > LONGEST_LINE:
                    yield self._held
                    self._skip_line()
                    searched = size - 1
                    continue
            if cut >= 0:
                block, self._held, searched = self._held[: cut + 1], self._held[cut + 1 :], size - 1
                yield block
            elif self._ended:
                break
            else:
                searched = max(size - 1, len(self._held) - 1)
                self._fetch()
        if self._held:
            block, self._held = self._held, b""
            yield block

    def _line_end(self, before: tuple[bytes, ...], start: int) -> int:
        """Where the first of the line ends is, all of one length; -1 where there is none."""
        width = 2**14  # one comes soon as a rule, and one that never comes is not to be looked for far
        while start < len(self._held):
            found = [self._held.find(mark, start, start + width + len(mark) - 1) for mark in before]
            if (cut := min((at for at in found if at >= 0), default=-1)) >= 0:
                return cut
            start, width = start + width, 4 * width
        return -1

    def _skip_line(self) -> None:
        self._held = b""
        while b"\n" not in self._held:
            self._held = b""
            if not self._fetch():
                return
        self._held = self._held[self._held.index(b"\n") :]

    def _fetch(self) -> bool:
        piece = next(self._pieces, None)
        if piece is None:
            self._ended = True
            return False
        self._held += piece
        return True


def open_streams(
    path: Path, is_data: IsData, encoding: str | None = None
) -> Iterator[tuple[str, Stream]]:
    """Yield (name, stream) of a file, name "", or of each data file in an archive.

    Text in `encoding` comes as UTF-8. Raises DataError for a file that is empty, not permitted, damaged
    or suspicious, and for one that says that it is in another encoding.
    """
    head = _head(path)
    if head.startswith((GZIP, ZIP)):
        for name, pieces in unpack(path, is_data):
            again = partial(_unpacked, path, is_data, name)
            place = path / name if name else path
            yield name, _stream(place, pieces, None, again, encoding)
    else:
        yield "", _stream(path, _pieces(path), path, partial(_pieces, path), encoding)


def _stream(
    place: Path,
    pieces: Iterator[bytes],
    path: Path | None,
    again: Callable[[], Iterator[bytes]],
    encoding: str | None,
) -> Stream:
    if encoding is None:
        return Stream(pieces, path, again)
    return Stream(_as_utf8(place, pieces, encoding), path, lambda: _as_utf8(place, again(), encoding))


def _as_utf8(place: Path, pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Text in `encoding` as UTF-8, and anything else, such as Parquet, as it is."""
    first = next(pieces, b"")
    if is_no_text(first):
        yield from chain([first], pieces)
        return
    if first.startswith(UTF8_MARK) and not encoding.startswith("utf-8"):
        raise DataError(
            f"{place}: begins with the mark of UTF-8, and the recipe says `encoding: {encoding}`. Leave "
            "it out for this file."
        )
    yield from as_utf8(chain([first], pieces), encoding)


def _unpacked(path: Path, is_data: IsData, wanted: str) -> Iterator[bytes]:
    """One of the packed files, from its beginning."""
    for name, pieces in unpack(path, is_data):
        if name == wanted:
            yield from pieces
            return


def _head(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            head = file.read(4)
    except OSError as error:
        raise failed_to_read(path, error) from None
    if not head:
        raise DataError(f"{path}: the file is empty.")
    return head


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            while piece := file.read(PIECE):
                yield piece
    except OSError as error:
        raise failed_to_read(path, error) from None
