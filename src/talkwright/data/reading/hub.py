"""Sources on a model hub, `hf://owner/name`, and folders that are laid out like those.

Files are downloaded as they are, into the hub's own cache, and read like any others. The `datasets`
library is not used: it would write all rows once more as Arrow, refuse files whose rows are of several
shapes, and could not say in which line of which file a row stood.

The network is used only for what the recipe names, and only to learn which commit a branch is at and
for files that are not here yet; a pinned commit that is here needs none.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from talkwright.config import DataSection, SourceSection
from talkwright.data.reading.finding import find_files, is_inside, own_files, passed_over
from talkwright.data.reading.layout import (
    Chosen,
    choose,
    data_names,
    licence_of,
    matching,
    names_files,
    read_card,
)
from talkwright.errors import ArtefactError, DataError
from talkwright.progress import say
from talkwright.runs import read_json, write_json

if TYPE_CHECKING:
    from huggingface_hub import HfApi

HUB = "hf://"
_ADDRESS = re.compile(r"hf://(?:datasets/)?([\w.-]+/[\w.-]+)(?:@([^/]+))?(?:/(.+))?")
_COMMIT = re.compile("[0-9a-f]{40}")
_SECONDS = 10.0  # that the hub may take to answer
_CARD = "README.md"


@dataclass(frozen=True, slots=True)
class Address:
    """A data set on the hub: `owner/name`, the revision asked for, and a path or glob in it."""

    repository: str
    revision: str | None
    path: str | None


def is_hub(path: str) -> bool:
    """Say whether a source's path is a data set on the hub."""
    return path.startswith(HUB)


def source_files(source: SourceSection) -> list[tuple[Path, str]]:
    """A source's files as (path, name for the ledger): `find_files` for any kind of source.

    Raises DataError as `find_files` does, and when the hub, or the copy of it here, does not have them.
    """
    if is_hub(source.path):
        folder, chosen = _from_hub(source)
        return [(folder / name, name) for name in chosen.files]
    if not _is_laid_out(source):
        return find_files(source.path)
    folder, chosen = _from_folder(source)
    return [(folder / name, name) for name in chosen.files]


def pin(section: DataSection) -> DataSection:
    """The section with the commit that each hub source's revision is at now, and what its card says.

    All that is read afterwards is of that commit, whatever is pushed meanwhile. The card's licence
    counts where the recipe names none; folders with such a card of their own are asked, too.
    """
    return section.model_copy(update={"sources": [_pinned(source) for source in section.sources]})


def _pinned(source: SourceSection) -> SourceSection:
    update: dict[str, Any] = {}
    if is_hub(source.path):
        commit, repository = _commit(source), address_of(source).repository
        names = _listing(repository, commit)
        card = _card(_fetched(repository, commit, [_CARD])) if _CARD in names else {}
        update = {"revision": commit, "origin": source.origin or f"{HUB}{repository}@{commit}"}
    else:
        folder = Path(source.path)
        card = _card(folder) if folder.is_dir() else {}
        if source.split is None and source.config is None and _is_laid_out(source):
            _, chosen = _from_folder(source)
            config = f"configuration {chosen.config}, " if chosen.config else ""
            say(f"{source.path}: read as its {_CARD} says: {config}split {chosen.split}.")
    return source.model_copy(update={**update, "licence": source.licence or licence_of(card)})


def source_identity(source: SourceSection) -> list[str] | None:
    """What stands for a hub source's bytes in a digest: its commit and files; None for other sources."""
    if not is_hub(source.path):
        return None
    address, commit = address_of(source), _commit(source)
    return [address.repository, commit, *_from_hub(source)[1].files]


def about_source(source: SourceSection, asked: SourceSection | None = None) -> dict[str, Any]:
    """What to record of a pinned source: licence, origin, repository, commit, split and files.

    `asked` is the source as the recipe has it. {} for files of which nothing is known; of a folder what
    else is in it and was not read (`passed_over`).
    """
    found: dict[str, Any] = {"licence": source.licence} if source.licence else {}
    if is_hub(source.path):
        _, chosen = _from_hub(source)
        found |= {"repository": address_of(source).repository, "commit": _commit(source)}
        found["revision"] = address_of(asked or source).revision
    elif _is_laid_out(source):
        _, chosen = _from_folder(source)
        if source.split is None and source.config is None:  # nobody said that the others are not meant
            left = [name for name in data_names(_names(source)) if name not in chosen.files]
            found |= {"passed_over": left} if left else {}
        found |= {"origin": source.origin} if source.origin else {}
    else:
        left = passed_over(source.path)
        found |= {"passed_over": left} if left else {}
        return {**found, "origin": source.origin} if source.origin else found
    return {**found, "config": chosen.config, "split": chosen.split, "files": list(chosen.files)}


def address_of(source: SourceSection) -> Address:
    """A hub source's parts. Raises DataError when its path cannot be taken apart."""
    found = _ADDRESS.fullmatch(source.path)
    if not found:
        raise DataError(
            f"{source.path}: not a data set on the hub; write hf://owner/name, or "
            "hf://owner/name/path/in/it.jsonl for some of its files."
        )
    repository, at, path = found.groups()
    if at and source.revision and not _COMMIT.fullmatch(source.revision):
        raise DataError(
            f"{source.path}: has a revision in its path and another in `revision`; keep one."
        )
    return Address(repository, source.revision or (unquote(at) if at else None), path)


# --- a folder in the hub's layout ----------------------------------------------------------------


def _is_laid_out(source: SourceSection) -> bool:
    """Say whether a source is read like one of the hub: where a split or configuration is named, and
    for a folder whose card names files that are there."""
    if source.split is not None or source.config is not None:
        return True
    folder = Path(source.path)
    if not folder.is_dir() or not (card := _card(folder)).get("configs") or own_files(folder):
        return False
    return names_files(card, _names(source))


def _names(source: SourceSection) -> list[str]:
    """The files in a folder and below. Unless a split is asked for, no link that leads elsewhere."""
    folder = Path(source.path)
    asked = source.split is not None or source.config is not None
    files = [path for path in folder.rglob("*") if path.is_file() and (asked or is_inside(path, folder))]
    return [path.relative_to(folder).as_posix() for path in files]


def _from_folder(source: SourceSection) -> tuple[Path, Chosen]:
    folder = Path(source.path)
    if not folder.is_dir():
        what = "a file or glob" if folder.exists() or glob.has_magic(source.path) else "not there"
        raise DataError(
            f"{source.path}: `split` and `config` choose files in a folder laid out like a data set of "
            f"the hub; this is {what}."
        )
    return folder, choose(_names(source), _card(folder), source.config, source.split, source.path)


def _card(folder: Path) -> dict[str, Any]:
    try:
        return read_card((folder / _CARD).read_text("utf-8", "replace"))
    except OSError:
        return {}


# --- the hub -------------------------------------------------------------------------------------


def _from_hub(source: SourceSection) -> tuple[Path, Chosen]:
    """The folder of a snapshot, with the chosen files in it."""
    address, commit = address_of(source), _commit(source)
    where = f"{HUB}{address.repository}@{commit[:12]}"
    names = _listing(address.repository, commit)
    folder = _fetched(address.repository, commit, [_CARD] if _CARD in names else [])
    if address.path is not None:
        if source.split is not None or source.config is not None:
            raise DataError(
                f"{source.path}: names files, so `split` and `config` mean nothing beside it."
            )
        files = matching(data_names(names), address.path)
        if not files:
            some = ", ".join(data_names(names)[:8]) or "none"
            raise DataError(f"{where}: has no data file {address.path}. Data files in it: {some}.")
        chosen = Chosen(tuple(files), None, None)
    else:
        chosen = choose(names, _card(folder), source.config, source.split, where)
    return _fetched(address.repository, commit, chosen.files), chosen


def _commit(source: SourceSection) -> str:
    """The commit that a source's revision is at: asked of the hub, or of the copy here without one."""
    address = address_of(source)
    if address.revision and _COMMIT.fullmatch(address.revision):
        return address.revision
    revision = address.revision or "main"

    def ask(api: HfApi) -> str:
        return str(api.dataset_info(address.repository, revision=revision, timeout=_SECONDS).sha)

    remembered = _remembered(address.repository, "at-" + quote(revision, safe=""))
    try:
        commit = str(_asked(address.repository, revision, ask))
    except _Unreachable as error:
        with suppress(ArtefactError):
            remembered_commit = str(read_json(remembered))
            if _snapshot(address.repository, remembered_commit):
                return _told(address.repository, remembered_commit, error)
        folder = _snapshot(address.repository, revision)
        if folder is None:
            at = f"@{revision}" if address.revision else ""
            raise DataError(
                f"{HUB}{address.repository}{at} is not on this machine, and {error}"
            ) from None
        return _told(address.repository, folder.name, error)
    _remember(remembered, commit)
    return commit


def _told(repository: str, commit: str, error: _Unreachable) -> str:
    if not _is_offline():
        say(f"{HUB}{repository}: {error} The copy on this machine is used (commit {commit[:12]}).")
    return commit


def _listing(repository: str, commit: str) -> list[str]:
    """The names of all files of a commit; remembered, so that a copy can be told to be whole."""
    path = _remembered(repository, commit)
    with suppress(ArtefactError):
        return [str(name) for name in read_json(path)]

    def ask(api: HfApi) -> list[str]:
        return sorted(api.list_repo_files(repository, revision=commit, repo_type="dataset"))

    try:
        names: list[str] = _asked(repository, commit, ask)
    except _Unreachable as error:
        folder = _snapshot(repository, commit)
        if folder is None:
            raise DataError(f"{HUB}{repository}@{commit} is not on this machine, and {error}") from None
        # Downloaded by another program: what is there is all that can be known of it.
        return _require_parts(
            sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()), folder
        )
    _remember(path, names)
    return names


def _fetched(repository: str, commit: str, wanted: Sequence[str]) -> Path:
    """The snapshot's folder, with the `wanted` files in it."""
    from huggingface_hub import snapshot_download

    folder = _snapshot(repository, commit)
    lacking = [name for name in wanted if folder is None or not (folder / name).is_file()]
    if folder is not None and not lacking:
        return folder

    say(f"Downloading {len(lacking)} files of {HUB}{repository}@{commit[:12]}")

    def ask(api: HfApi) -> str:
        # Exact names, in which no letter has a meaning of its own.
        patterns = [glob.escape(name) for name in lacking] or [".gitattributes"]
        return str(
            snapshot_download(repository, repo_type="dataset", revision=commit, allow_patterns=patterns)
        )

    try:
        folder = Path(_asked(repository, commit, ask))
    except _Unreachable as error:
        raise DataError(
            f"{HUB}{repository}@{commit[:12]}: {lacking[0] if lacking else 'it'} is not on this "
            f"machine, and {error}"
        ) from None
    still = [name for name in wanted if not (folder / name).is_file()]
    if still:
        raise DataError(
            f"{HUB}{repository}@{commit[:12]}: {still[0]} could not be downloaded; try again."
        )
    return folder


class _Unreachable(Exception):
    """No hub answers; the text says why, and what to do, as the end of a sentence."""


def _asked(repository: str, revision: str | None, question: Callable[[HfApi], Any]) -> Any:
    """Ask the hub. Raises DataError for what it refuses, and _Unreachable when it does not answer."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        HTTPError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if _is_offline():
        raise _Unreachable(
            "HF_HUB_OFFLINE is set, so the hub is not asked. Unset it, or name local files."
        )
    name = f"{HUB}{repository}"
    try:
        return question(HfApi())
    except GatedRepoError:
        raise DataError(
            f"{name}: its owners want to be asked first. Accept their terms on the hub's page, then log "
            "in with `hf auth login`."
        ) from None
    except RepositoryNotFoundError:
        raise DataError(
            f"{name}: the hub has no data set of this name that you may read; check its spelling."
        ) from None
    except RevisionNotFoundError:
        raise DataError(f"{name}: has no revision '{revision or 'main'}'.") from None
    except HFValidationError as error:
        raise DataError(f"{name}: no name of a data set: {error}") from None
    except (HfHubHTTPError, HTTPError, OSError, ValueError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise _Unreachable(f"no hub answers ({first[:160]}). Connect, or name local files.") from None


def _snapshot(repository: str, revision: str) -> Path | None:
    """The folder of a snapshot in the hub's cache, whole or not; None where there is none."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        found = snapshot_download(
            repository,
            repo_type="dataset",
            revision=revision,
            local_files_only=True,
            allow_patterns=[".none"],  # else it refuses a snapshot that lacks a file nobody asked for
        )
    except OSError:
        return None
    except HFValidationError as error:
        raise DataError(f"{HUB}{repository}: no name of a data set: {error}") from None
    return Path(found)


def _require_parts(names: list[str], folder: Path) -> list[str]:
    """Raise DataError where parts of a numbered file are missing."""
    for name in names:
        if part := re.fullmatch(r"(.*-)(\d{5})-of-(\d{5})(\..+)", name):
            start, _, total, end = part.groups()
            for number in range(int(total)):
                wanted = f"{start}{number:05}-of-{total}{end}"
                if wanted not in names:
                    raise DataError(f"{folder}: {wanted} is missing; download the data set again.")
    return names


def _is_offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")


def _remembered(repository: str, name: str) -> Path:
    # The folder of models.cache_folder; `data` must not import `models`, which knows torch.
    cache = Path(os.environ.get("TALKWRIGHT_CACHE") or Path.home() / ".cache" / "talkwright")
    return cache / "hub" / repository.replace("/", "--") / f"{name}.json"


def _remember(path: Path, value: Any) -> None:
    # Only for working without a network later: a cache that may not be written to is no reason to stop.
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, value)
