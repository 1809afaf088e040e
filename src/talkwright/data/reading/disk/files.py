"""From the bytes of a file to its text: refusing, decoding."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path

from talkwright.data.reading.disk.encodings import decode_lines
from talkwright.data.reading.mending.holes import HOLE
from talkwright.errors import DataError

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".zip")

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
UTF8_MARK = _BOMS[0][0]
WIDE_MARKS = tuple(mark for mark, encoding in _BOMS if encoding != "utf-8")
_MAGIC = (
    (b"\x1f\x8b", "compressed with gzip once more", "Unpack it first."),
    (b"PK\x03\x04", "an archive inside an archive", "Unpack it first."),
    (b"\xd0\xcf\x11\xe0", "an old Office document", "Save it as CSV."),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "Unpack it first."),
    (b"BZh", "compressed with bzip2", "Unpack it first."),
    (b"\xfd7zXZ", "compressed with xz", "Unpack it first."),
    (b"%PDF", "a PDF document", "Export the conversations as JSONL or CSV."),
    (b"SQLite format 3", "an SQLite database", "Export the table as CSV."),
)
_HOLES = re.compile(HOLE.encode() + b"\0*")
_WHAT_IS_READ = "JSONL, JSON, CSV, TSV and Parquet are read, also packed with gzip or zip."


@dataclass(frozen=True, slots=True)
class Text:
    """A decoded file, or some of its lines.

    `odd_lines` are the 1-based lines that were Windows-1252, in order, `foreign_lines` those in an
    encoding that cannot be told; `wide` says UTF-16 or UTF-32.
    """

    content: str
    odd_lines: tuple[int, ...] = ()
    wide: bool = False
    foreign_lines: tuple[int, ...] = ()

    def is_odd(self, first: int, last: int) -> bool:
        """Say whether any of the lines `first` to `last` was Windows-1252."""
        return _has_one(self.odd_lines, first, last)

    def is_foreign(self, first: int, last: int) -> bool:
        """Say whether any of the lines `first` to `last` was in an encoding that cannot be told."""
        return _has_one(self.foreign_lines, first, last)


def _has_one(numbers: tuple[int, ...], first: int, last: int) -> bool:
    at = bisect_left(numbers, first)
    return at < len(numbers) and numbers[at] <= last


def inner_suffix(name: str) -> str:
    """The extension in lower case, under `.gz`: ".jsonl" for "chats.jsonl.gz"."""
    path = Path(name)
    return (Path(path.stem) if path.suffix.lower() == ".gz" else path).suffix.lower()


def is_data_name(name: str) -> bool:
    """Say whether a file in a folder is taken for data, by its name."""
    return inner_suffix(name) in SUFFIXES


def failed_to_read(path: Path, error: OSError) -> DataError:
    """What to raise when the system refuses a file."""
    why = "no permission" if isinstance(error, PermissionError) else (error.strerror or str(error))
    return DataError(f"{path}: cannot be read: {why}.")


def is_no_text(data: bytes) -> bool:
    """Say whether a file begins as one of the known kinds that are no text, such as Parquet."""
    return data.startswith((b"PAR1", *(magic for magic, _, _ in _MAGIC if len(magic) > 3)))


def decode(path: Path, data: bytes) -> Text:
    """Decode a file: UTF-8, UTF-16 or UTF-32 by byte order mark, else line by line.

    Raises DataError, which names `path`, for bytes that are empty or no text.
    """
    if not data.strip():
        raise DataError(f"{path}: the file is empty.")
    for magic, what, advice in _MAGIC:
        if data.startswith(magic):
            raise DataError(f"{path}: this is {what}, not a text file. {advice} {_WHAT_IS_READ}")
    if data[257:262] == b"ustar":
        raise DataError(f"{path}: this is a tar archive, not a text file. Unpack it first.")
    for mark, encoding in _BOMS:
        if data.startswith(mark) and encoding != "utf-8":
            return _decode_wide(path, data[len(mark) :], encoding)
    _refuse_binary(path, data[:65536])
    text = decode_block(data)
    if not text.content.strip():
        raise DataError(f"{path}: the file is empty.")
    return text


def decode_block(data: bytes) -> Text:
    """Decode a block of whole lines from within a file: UTF-8, else line by line."""
    data = data.removeprefix(UTF8_MARK)
    try:
        return Text(data.decode("utf-8"))
    except UnicodeDecodeError:
        return _decode_by_line(data)


def _decode_wide(path: Path, data: bytes, encoding: str) -> Text:
    try:
        content = data.decode(encoding)
    except UnicodeDecodeError as error:
        name, at = encoding.upper(), error.start
        raise DataError(
            f"{path}: begins as {name} but is not, at byte {at}. Save it as UTF-8."
        ) from None
    if not content.strip():
        raise DataError(f"{path}: the file is empty.")
    return Text(content, wide=True)


def _refuse_binary(path: Path, head: bytes) -> None:
    if _HOLES.search(head):  # a crash leaves such blocks in what is text all around
        head = _HOLES.sub(b"", head) or b"\1\1"
    control = sum(head.count(code) for code in range(32) if code not in (9, 10, 12, 13, 27))
    if control > max(1, len(head) // 50):
        wide = head.count(0) > len(head) // 4
        told = " If it is UTF-16 without a byte order mark, say `encoding: utf-16-le`."
        hint = told if wide else ""
        raise DataError(f"{path}: this is a binary file. {_WHAT_IS_READ}{hint}")


def _decode_by_line(data: bytes) -> Text:
    lines, odd, foreign = decode_lines(data.split(b"\n"))
    return Text("\n".join(lines), odd, foreign_lines=foreign)
