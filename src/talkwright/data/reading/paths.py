"""Where a data set may be written: never over, into or around what it is made from."""

from __future__ import annotations

from pathlib import Path

from talkwright.config import DataSection
from talkwright.data.reading.hub import is_hub, source_files
from talkwright.errors import DataError


def require_apart(section: DataSection, out: Path) -> None:
    """Raise DataError where the folder `out` is a source, or lies in one, or holds one.

    What is written replaces the whole of `out`, and so would take the sources with it; inside of a
    source it would be read as data the next time.
    """
    target = _place(out)
    for source in section.sources:
        if is_hub(source.path):
            continue
        named = Path(source.path)
        folder = _place(named) if named.is_dir() else None
        what = None
        if folder is not None and target == folder:
            what = "it is a source itself"
        elif folder is not None and folder in target.parents:
            what = f"it lies inside of the source {source.path}"
        else:
            held = next((file for file, _ in source_files(source) if _is_in(file, target)), None)
            what = f"the source {held} lies inside of it" if held is not None else None
        if what is not None:
            raise DataError(
                f"{out}: cannot be written, since {what}, and the data set replaces all that is in its "
                "folder. Nothing was changed; name another folder, outside of the sources."
            )


def _is_in(file: Path, folder: Path) -> bool:
    place = _place(file)
    return place == folder or folder in place.parents or folder in file.absolute().parents


def _place(path: Path) -> Path:
    """Where a path leads, links followed."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # links in a circle
        return path.absolute()
