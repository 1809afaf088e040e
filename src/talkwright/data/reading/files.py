"""From a path in the recipe to the text of files: finding, refusing, decoding."""

from __future__ import annotations

import difflib
import glob
import json
import re
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path

from talkwright.data.reading.encodings import decode_lines
from talkwright.data.reading.holes import HOLE
from talkwright.data.reading.packed import left_packed
from talkwright.errors import DataError

PLAIN_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
SUFFIXES = (*PLAIN_SUFFIXES, ".zip")

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


def find_files(path: str | Path) -> list[tuple[Path, str]]:
    """List the files of a file, folder or glob as (path, name for the ledger), sorted by name.

    A folder gives the data files directly in it; a link in it that leads elsewhere is not followed.
    Raises DataError when there is none.
    """
    path = Path(path)
    try:
        if path.is_file():
            return [(path, path.name)]
        if path.is_dir():
            return _own_files(path) or _data_files(path)
        if path.exists():
            raise DataError(f"{path}: this is neither a file nor a folder.")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from None
    return _find_glob(path)


def _data_files(folder: Path) -> list[tuple[Path, str]]:
    found = [
        file
        for file in folder.iterdir()
        if is_data_name(file.name)
        and not file.name.startswith(".")
        and file.is_file()
        and _is_inside(file, folder)
    ]
    if found:
        return sorted(((file, file.name) for file in found), key=lambda pair: pair[1])
    raise DataError(f"{folder}: this folder has no data file ({', '.join(SUFFIXES)}) in it.")


def _own_files(folder: Path) -> list[tuple[Path, str]] | None:
    """The conversations of a data set that talkwright made; None for other people's folders.

    What is said about them beside them is no data. Raises DataError for what else talkwright makes.
    """
    try:
        about = json.loads((folder / "manifest.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(about, dict) or not {"kind", "key", "files", "talkwright"} <= about.keys():
        return None
    splits = [folder / f"{name}.jsonl" for name in ("train", "validation", "test")]
    found = [(file, file.name) for file in splits if file.is_file() and file.stat().st_size]
    if about["kind"] not in ("dataset", "augment") or not found:
        raise DataError(
            f"{folder}: talkwright made this folder ({about['kind']}), and there are no conversations "
            "in it to read. Name a prepared data set, or the files that are meant."
        )
    return found


def passed_over(path: str | Path) -> list[str]:
    """What lies beside the data that is read and is not, by name; hidden files aside.

    Of a folder whatever else is in it, and of a zip archive, too, such as further archives. [] for a
    data set that talkwright made, whose other files are no data.
    """
    path = Path(path)
    try:
        if path.is_dir():
            if _own_files(path) is not None:
                return []
            files, beside = _data_files(path), sorted(entry.name for entry in path.iterdir())
        else:
            files, beside = find_files(path), []
    except (DataError, OSError):
        return []
    read = {name for _, name in files}
    left = [name for name in beside if not name.startswith(".") and name not in read]
    packed = [(name, inner) for file, name in files for inner in left_packed(file, PLAIN_SUFFIXES)]
    return left + [inner if path.is_file() else f"{name}/{inner}" for name, inner in packed]


def _find_glob(path: Path) -> list[tuple[Path, str]]:
    if not glob.has_magic(str(path)):
        raise DataError(_missing(path))
    found = [Path(name) for name in glob.glob(str(path), recursive=True)]
    files = [file for file in found if file.is_file() and (file.is_symlink() <= _is_inside(file))]
    if not files:
        raise DataError(f"{path}: no file fits this pattern.")
    fixed = path
    while glob.has_magic(str(fixed)):
        fixed = fixed.parent
    return sorted(((file, _below(file, fixed)) for file in files), key=lambda pair: pair[1])


def _is_inside(file: Path, folder: Path | None = None) -> bool:
    """Say whether what a name in a folder stands for lies in that folder, too."""
    return file.resolve().is_relative_to((folder or file.parent).resolve())


def _below(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else file.as_posix()


def _missing(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"{path}: no such file, and there is no folder {folder} either."
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return f"{path}: no such file, and the folder {folder} cannot be listed (no permission)."
    close = difflib.get_close_matches(path.name, names, n=3, cutoff=0.6)
    if close:
        return f"{path}: no such file. Did you mean {' or '.join(repr(name) for name in close)}?"
    data = [name for name in names if is_data_name(name)][:5]
    return f"{path}: no such file. " + (
        f"Data files in that folder: {', '.join(data)}." if data else "That folder has no data files."
    )


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
    data = data.removeprefix(b"\xef\xbb\xbf")
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
