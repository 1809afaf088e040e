"""Artefact directories: whole or not there, with a manifest that says what they are made from.

A run is a folder `RUNS/<name>-<id>`; each stage writes one sub-folder of it. A stage's folder is
written to a temporary place beside it, flushed to disk, given a `manifest.json` with the SHA-256 of
every file, and renamed into place, so a killed process leaves either the old folder or the new one.
The manifest's `key` is a hash of everything the stage depends on: a stage whose key is unchanged is
not run again.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from talkwright import __version__
from talkwright.config import Recipe, dump_recipe
from talkwright.errors import ArtefactError
from talkwright.progress import say
from talkwright.types import content_id

MANIFEST = "manifest.json"
PARTIAL = ".partial-"
REPLACED = ".replaced-"
SEAL = "sha256"  # the manifest's last entry: a hash of all the rest of it
_AFTER = len('"\n}\n')  # what follows the seal's digits
UNSEALED = {"kind", "key", "made", "seconds", "talkwright", "about", "files"}
PLAN = "plan/train.json"  # of a run: its recipe's `train` section, with the plan's settings in it


# --- files ---------------------------------------------------------------------------------------


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that `path` holds either its old content or all of the new."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically: temporary file, flush to disk, rename."""
    temporary = path.with_name(f"{PARTIAL}{path.name}")
    try:
        with open(temporary, "w", encoding="utf-8", errors="surrogatepass", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = error.filename or str(path)  # a full disk does not say which file it was
        raise
    _fsync_folder(path.parent)


def read_json(path: Path) -> Any:
    """Read a JSON file of ours. Raises ArtefactError that names it."""
    try:
        # surrogatepass: `write_text` lets lone surrogates through, so what it wrote can be read back.
        return json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"))
    except FileNotFoundError:
        raise ArtefactError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise ArtefactError(f"{path}: damaged or unreadable: {error}") from None


def write_jsonl(path: Path, rows: Iterable[Any]) -> int:
    """Write one JSON value a line; return how many. Not atomic: use inside `artefact`."""
    count = 0
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            # ASCII escapes keep lone surrogates and exotic line separators from breaking a line.
            file.write(json.dumps(row, ensure_ascii=True, allow_nan=False) + "\n")
            count += 1
    return count


def read_jsonl(path: Path) -> Iterator[Any]:
    """Yield the rows of a JSONL file of ours. Raises ArtefactError with the line number."""
    try:
        with open(path, encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise ArtefactError(f"{path}:{number}: damaged row: {error}") from None
    except OSError as error:
        raise ArtefactError(f"{path}: cannot be read: {error.strerror}") from None


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a Parquet file of ours, a few at a time. Raises ArtefactError that names it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=5000, columns=columns):
                yield from batch.to_pylist()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ArtefactError(f"{path}: missing, damaged or unreadable: {error}") from None


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with open(path, "rb") as file:
        digest = hashlib.sha256()  # Python 3.10 has no hashlib.file_digest
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that their names outlive a loss of power."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _fsync_folder(folder.parent)


def _fsync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder for syncing
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        error.filename = error.filename or str(folder)
        raise
    finally:
        os.close(handle)


# --- artefacts -----------------------------------------------------------------------------------


@contextmanager
def artefact(
    folder: Path,
    *,
    kind: str,
    key: str,
    about: dict[str, Any] | None = None,
    since: float | None = None,
) -> Iterator[Path]:
    """Write an artefact folder as a whole.

    Yields a temporary folder to fill. When the block ends well, every file is flushed to disk,
    `manifest.json` is written last and the folder takes its final name, replacing an older one. When
    it raises, nothing changes. `about` is stored in the manifest and may be filled inside the block;
    `since` is when work on it began (seconds of `time.time()`), if that was before.
    """
    folder = Path(folder)
    make_folder(folder.parent)
    _recover(folder)
    temporary = _beside(folder)
    about = {} if about is None else about
    started = time.time() if since is None else since
    temporary.mkdir()
    try:
        yield temporary
        files = {}
        for path in sorted(p for p in temporary.rglob("*") if p.is_file()):
            _fsync_file(path)
            files[path.relative_to(temporary).as_posix()] = file_digest(path)
        manifest = {
            "kind": kind,
            "key": key,
            "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "seconds": round(time.time() - started, 3),
            "talkwright": __version__,
            "about": about,
            "files": files,
        }
        write_text(temporary / MANIFEST, _sealed(manifest))
        for inner in (p for p in temporary.rglob("*") if p.is_dir()):
            _fsync_folder(inner)
        _replace_folder(temporary, folder)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError):
            error.filename = error.filename or str(folder)
        elif number := re.search(r"\(os error (\d+)\)", str(error)):
            # safetensors reports what the system refused as an error of its own
            code = int(number[1])
            raise OSError(code, os.strerror(code), str(folder)) from error
        raise


def _beside(folder: Path) -> Path:
    """Where this process writes what will become `folder`; what dead ones left there goes."""
    for leftover in folder.parent.glob(f"{PARTIAL}{folder.name}-*"):
        if not _is_alive(leftover.name.rsplit("-", 1)[1]):
            shutil.rmtree(leftover, ignore_errors=True)
    return folder.parent / f"{PARTIAL}{folder.name}-{os.getpid()}"


def _is_alive(process: str) -> bool:
    """Say whether the process of that number, not this one, still runs."""
    if not process.isdigit() or int(process) == os.getpid():
        return False
    if os.name == "nt":  # there, signal 0 is not a question
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it runs, and is somebody else's
    return True


def _fsync_file(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _replace_folder(new: Path, folder: Path) -> None:
    # A folder cannot be renamed over a full one, so the old one steps aside first; `_recover` puts
    # it back when the process dies between the two renames.
    aside = folder.parent / f"{REPLACED}{folder.name}"
    if folder.exists():
        shutil.rmtree(aside, ignore_errors=True)
        os.rename(folder, aside)
    os.rename(new, folder)
    _fsync_folder(folder.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _recover(folder: Path) -> None:
    aside = folder.parent / f"{REPLACED}{folder.name}"
    if aside.exists():
        if folder.exists():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            os.rename(aside, folder)


def manifest(folder: Path, kind: str | None = None) -> dict[str, Any]:
    """Read an artefact's manifest. Raises ArtefactError when it is unfinished or of another kind."""
    folder = Path(folder)
    _recover(folder)
    if not folder.is_dir():
        raise ArtefactError(f"{folder}: there is no such artefact")
    if not (folder / MANIFEST).is_file():
        raise ArtefactError(f"{folder}: unfinished (it has no {MANIFEST}); run its stage again")
    found = read_json(folder / MANIFEST)
    if not isinstance(found, dict) or not {"kind", "key", "files"} <= found.keys():
        raise ArtefactError(f"{folder / MANIFEST}: not a manifest of talkwright")
    # Those of version 0.1 have no seal, and no key but these.
    if found.keys() != UNSEALED and not _is_sealed(folder / MANIFEST):
        raise ArtefactError(f"{folder / MANIFEST}: damaged (its SHA-256 is not its own); make it again")
    if kind is not None and found["kind"] != kind:
        raise ArtefactError(f"{folder}: this is a {found['kind']} artefact, not a {kind} one")
    return found


def _sealed(manifest: dict[str, Any]) -> str:
    """A manifest's JSON that ends in the SHA-256 of all the rest of it."""
    blank = json.dumps({**manifest, SEAL: ""}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    head, tail = blank[:-_AFTER], blank[-_AFTER:]
    return head + hashlib.sha256(blank.encode(errors="surrogatepass")).hexdigest() + tail


def _is_sealed(path: Path) -> bool:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ArtefactError(f"{path}: damaged or unreadable: {error}") from None
    head, seal, tail = raw[: -64 - _AFTER], raw[-64 - _AFTER : -_AFTER], raw[-_AFTER:]
    return hashlib.sha256(head + tail).hexdigest().encode() == seal


def is_current(folder: Path, key: str) -> bool:
    """Say whether `folder` is finished and was made from the same inputs as `key` stands for."""
    try:
        return bool(manifest(folder)["key"] == key)
    except ArtefactError:
        return False


def take_finished(folder: Path, key: str) -> str | None:
    """Copy a stage's artefact from another run beside this one that made it from the same inputs: the
    name of that run, or None where there is none. The copy is compared with the manifest's SHA-256.

    Copied, not linked: what becomes of one run must not happen to the other.
    """
    here = next(each for each in folder.parents if (each / "recipe.json").is_file())
    make_folder(folder.parent)
    temporary = _beside(folder)
    for other in list_runs(here.parent):
        source = other / folder.relative_to(here)
        being_replaced = (source.parent / f"{REPLACED}{source.name}").exists()
        if other == here or being_replaced or not is_current(source, key):
            continue
        try:
            for name in [*manifest(source)["files"], MANIFEST]:
                (temporary / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / name, temporary / name)
                _fsync_file(temporary / name)
            verify(temporary)
            for inner in [temporary, *(p for p in temporary.rglob("*") if p.is_dir())]:
                _fsync_folder(inner)
            _replace_folder(temporary, folder)
        except (ArtefactError, FileNotFoundError) as error:
            say(f"{source} was made from the same, but cannot be taken over: {error}".replace(
                str(temporary), str(source)))  # fmt: skip
        else:
            return other.name
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return None


def verify(folder: Path) -> None:
    """Compare every file with the manifest's SHA-256. Raises ArtefactError that names the file."""
    for damage in _damages(Path(folder)):
        raise ArtefactError(f"{damage}; make it again")


def verify_run(run: Path) -> tuple[int, list[str]]:
    """Compare every file of a run, and of the unfinished training in it, with the SHA-256 of when it was
    written: how many there are, and what is wrong with which."""
    count = 0
    found: list[str] = []
    for path in sorted(Path(run).rglob(MANIFEST)):
        try:
            count += 1 + len(manifest(path.parent)["files"])
            found += _damages(path.parent)
        except ArtefactError as error:
            found.append(str(error))
    return count, found


def _damages(folder: Path) -> Iterator[str]:
    for name, digest in manifest(folder)["files"].items():
        path = folder / name
        if not path.is_file():
            yield f"{path}: missing, though the manifest lists it"
            continue
        try:
            found = file_digest(path)
        except OSError as error:
            error.filename = error.filename or str(path)
            if error.errno != errno.EIO:
                raise  # it may pass; a disk that cannot read a file is as good as a damaged file
            yield f"{path}: the disk cannot read it"
            continue
        if found != digest:
            yield f"{path}: damaged (its SHA-256 is not the manifest's)"


# --- runs ----------------------------------------------------------------------------------------


def open_run(recipe: Recipe, folder: Path, recipe_text: str | None = None) -> Path:
    """Create, or find again, the run folder of a recipe; the same recipe gives the same folder."""
    resolved = dump_recipe(recipe)
    run = Path(folder) / f"{recipe.name}-{content_id(resolved, 8)}"
    make_folder(run)
    try:
        verify_file(run, "recipe.json")
        known = read_json(run / "recipe.json")
    except ArtefactError:
        known = None  # not there yet, or damaged
    if known != resolved:
        if recipe_text is not None:
            write_text(run / "recipe.yaml", recipe_text)
        write_json(run / "environment.json", environment())
        write_json(run / "recipe.json", resolved)
        record(run, "recipe.yaml", "environment.json", "recipe.json")
    return run


def record(run: Path, *names: str) -> None:
    """Put files that lie in the run's own folder, and not in a stage's, into a manifest there."""
    try:
        known = dict(manifest(run, "run")["files"])
    except ArtefactError:
        known = {}  # not there yet, or damaged
    files = known | {name: file_digest(run / name) for name in names if (run / name).is_file()}
    if files != known:
        about = {"kind": "run", "key": run.name, "files": files}
        write_text(run / MANIFEST, _sealed(about))


def verify_file(run: Path, name: str) -> None:
    """Compare one file of the run's own folder with its SHA-256, where that is known."""
    if (run / MANIFEST).is_file():
        digest = manifest(run, "run")["files"].get(name)
        if digest and (not (run / name).is_file() or file_digest(run / name) != digest):
            raise ArtefactError(
                f"{run / name}: damaged (its SHA-256 is not the manifest's). Run its recipe again."
            )


@contextmanager
def holding(run: Path) -> Iterator[None]:
    """Keep other processes from working on the same run meanwhile.

    Raises ArtefactError when one already does. The lock goes with the process, however it ends.
    """
    if os.name == "nt":  # no flock there
        yield
        return
    import fcntl

    with open(run / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArtefactError(
                f"{run}: another process is working on this run; wait for it, or stop it first"
            ) from None
        yield


def find_run(name: str | Path, folder: Path = Path("runs")) -> Path:
    """Find a run by folder, by name, or by the unique beginning of its name; "latest" is the newest."""
    path = Path(name)
    if (path / "recipe.json").is_file():
        return path
    if path.is_dir():
        raise ArtefactError(f"{path}: this folder is not a run (it has no recipe.json)")
    runs = list_runs(folder)
    if str(name) == "latest" and runs:
        # A run that got no further than a mistake must not hide the last one that was trained.
        trained = [run for run in runs if (run / "train" / MANIFEST).is_file()]
        return max(trained or runs, key=_newest)
    found = [run for run in runs if run.name == str(name)] or [
        run for run in runs if run.name.startswith(str(name))
    ]
    if len(found) == 1:
        return found[0]
    known = ", ".join(run.name for run in (found or runs)) or "none yet"
    problem = "fits several runs" if found else "is not a run"
    raise ArtefactError(f"'{name}' {problem}. Runs in {folder}: {known}.")


def _newest(run: Path) -> float:
    marks = (run / "train" / MANIFEST, run / "recipe.json")
    return next(mark.stat().st_mtime for mark in marks if mark.is_file())


def list_runs(folder: Path = Path("runs")) -> list[Path]:
    """All run folders below `folder`, by name."""
    return sorted(path.parent for path in Path(folder).glob("*/recipe.json"))


def recipe_of(run: Path) -> Recipe:
    """The resolved recipe a run was made with, with the settings that were left to its plan."""
    path = Path(run) / "recipe.json"
    verify_file(Path(run), path.name)
    try:
        found = read_json(path)
        if isinstance(found, dict) and (Path(run) / PLAN).is_file() and found["train"].get("auto"):
            found["train"] = read_json(Path(run) / PLAN)
        return Recipe.model_validate(found)
    except ValueError as error:
        if isinstance(error, ArtefactError):
            raise
        raise ArtefactError(
            f"{path}: not a recipe of this version ({__version__}): {str(error).splitlines()[0]}. Run "
            "its recipe again, or use the version that made it."
        ) from None


def environment() -> dict[str, Any]:
    """Versions that can change a result, for the record."""
    names = ("torch", "transformers", "tokenizers", "accelerate", "peft", "safetensors", "numpy")
    versions: dict[str, str | None] = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "talkwright": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu_count": os.cpu_count(),
        "packages": versions,
    }
