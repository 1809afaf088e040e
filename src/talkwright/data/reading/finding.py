"""From a path in the recipe to files: which of what lies there is data, and what is passed over.

A name tells, and where it tells nothing (`.txt`, `.log`, none) the beginning of the file does. The same
goes for what is packed in an archive.
"""

from __future__ import annotations

import difflib
import glob
import json
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from talkwright.config import Columns
from talkwright.data.reading.disk.files import SUFFIXES, decode, inner_suffix, is_data_name
from talkwright.data.reading.disk.names import slack_days
from talkwright.data.reading.disk.packed import GZIP, left_packed
from talkwright.data.reading.kinds.frames import frame_rows
from talkwright.data.reading.kinds.jsonfiles import value_at
from talkwright.data.reading.kinds.parquet import MAGIC
from talkwright.data.reading.kinds.tables import known_delimiters
from talkwright.data.reading.mending.literals import CutOffError
from talkwright.data.reading.mending.repair import load
from talkwright.data.reading.shapes.formats import reads_as_row
from talkwright.data.reading.together.chatfiles import is_chat
from talkwright.data.reading.together.messages import is_message_table
from talkwright.errors import DataError

TELLING_NOTHING = (
    "", ".md", ".markdown", ".txt", ".text", ".log", ".dat", ".data", ".out", ".dump", ".vtt", ".srt"
)  # fmt: skip
_HEAD = 2**16  # bytes looked at
_LOOK_AHEAD = 50  # lines


def is_data(name: str, head: Callable[[int], bytes]) -> bool:
    """Say whether a file in a folder or an archive is data: by its name, or where that tells nothing by
    its beginning; `head` gives up to so many bytes of it."""
    if is_data_name(name):
        return True
    return inner_suffix(name) in TELLING_NOTHING and _has_rows(head(_HEAD), name)


def is_packed_data(name: str, head: Callable[[int], bytes]) -> bool:
    """The same of a file in an archive; no archive inside is opened."""
    packed = name.lower().endswith((".gz", ".zip"))
    return not packed and is_data(name, head)


def _has_rows(head: bytes, name: str) -> bool:
    if head.startswith(MAGIC):
        return True
    try:
        content = decode(Path(name), head).content.strip()
    except DataError:
        return False
    lines = [line for line in content.split("\n")[:_LOOK_AHEAD] if line.strip()]
    if any(line.lstrip()[:1] in ("{", "[") and _is_row(load(line.strip())[0]) for line in lines):
        return True
    if content[0] in "{[" and not is_chat(content):
        return _begins_with_row(content)
    return is_chat(content) or (len(lines) > 1 and bool(known_delimiters(lines[0], Columns())))


def _begins_with_row(content: str) -> bool:
    """Say whether JSON over several lines is a row, or an array or an object of rows."""
    for at in (0, content.find("{"), content.find("{", content.find("[") + 1)):
        try:
            value, _ = value_at(content, max(0, at))
        except CutOffError:
            continue
        except ValueError:
            return False
        inner: list[Any] = [value]
        if isinstance(value, list):
            inner += value[:1]
        elif isinstance(value, dict):
            lists = [held for held in value.values() if isinstance(held, list)]
            inner += lists[0][:1] if len(lists) == 1 else []
        return frame_rows(value) is not None or any(map(_is_row, inner))
    return False


def _is_row(value: Any) -> bool:
    return reads_as_row(value) or (isinstance(value, dict) and is_message_table(value))


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
            return own_files(path) or _data_files(path)
        if path.exists():
            raise DataError(f"{path}: this is neither a file nor a folder.")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from None
    return _find_glob(path)


def _data_files(folder: Path) -> list[tuple[Path, str]]:
    if days := _slack_days(folder):
        return days
    found = [
        file
        for file in folder.iterdir()
        if not file.name.startswith(".")
        and file.is_file()
        and is_inside(file, folder)
        and is_data(file.name, partial(_head, file))
    ]
    if found:
        return sorted(((file, file.name) for file in found), key=lambda pair: pair[1])
    raise DataError(
        f"{folder}: this folder has no data file in it, by its name ({', '.join(SUFFIXES)}) or "
        "its beginning."
    )


def _slack_days(folder: Path) -> list[tuple[Path, str]]:
    """The messages of an export of Slack, which has a folder of each channel; [] for other folders."""
    if not (folder / "users.json").is_file() or not (folder / "channels.json").is_file():
        return []
    days = [*folder.glob("*/*.json"), *folder.glob("*.json")]
    names = sorted(_below(file, folder) for file in days if is_inside(file, folder))
    return [(folder / name, name) for name in slack_days(names)]


def _head(file: Path, size: int) -> bytes:
    """The first bytes of a file, or of what is packed in it; b"" where they cannot be read."""
    try:
        with open(file, "rb") as opened:
            data = opened.read(size)
        return zlib.decompressobj(wbits=31).decompress(data, size) if data.startswith(GZIP) else data
    except (OSError, zlib.error):
        return b""


def own_files(folder: Path) -> list[tuple[Path, str]] | None:
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
            if own_files(path) is not None:
                return []
            files, beside = _data_files(path), sorted(entry.name for entry in path.iterdir())
        else:
            files, beside = find_files(path), []
    except (DataError, OSError):
        return []
    read = {name for _, name in files}
    left = [name for name in beside if not name.startswith(".") and name not in read]
    packed = [(name, inner) for file, name in files for inner in left_packed(file, is_packed_data)]
    return left + [inner if path.is_file() else f"{name}/{inner}" for name, inner in packed]


def _find_glob(path: Path) -> list[tuple[Path, str]]:
    if not glob.has_magic(str(path)):
        raise DataError(_missing(path))
    found = [Path(name) for name in glob.glob(str(path), recursive=True)]
    files = [file for file in found if file.is_file() and (file.is_symlink() <= is_inside(file))]
    if not files:
        raise DataError(f"{path}: no file fits this pattern.")
    fixed = path
    while glob.has_magic(str(fixed)):
        fixed = fixed.parent
    return sorted(((file, _below(file, fixed)) for file in files), key=lambda pair: pair[1])


def is_inside(file: Path, folder: Path | None = None) -> bool:
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
