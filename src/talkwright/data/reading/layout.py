"""Which files of a data set repository are which split, by its card or by their names.

The conventions are the hub's: a README.md whose YAML head may list `configs` with their `data_files`,
and else names such as `data/train-00000-of-00003.parquet`, `test.csv` or `validation/part.jsonl`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from talkwright.data.reading.disk.files import is_data_name
from talkwright.errors import DataError

_SPELLINGS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_CANONICAL = {word: name for name, words in _SPELLINGS.items() for word in words}
_PART = re.compile(r"(?:.*/)?([\w.-]+?)-\d{5}-of-\d{5}\.\w+(?:\.gz)?")
_CONVERTED = re.compile(r"([^/]+)/([^/]+)/\d{4}\.parquet")
# What describes data but is none.
_DESCRIBING = re.compile(
    r"(?:.*/)?(?:dataset_infos?|dataset_dict|state|config|metadata|croissant|package|vercel)\.json"
)
ALL = "all"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The files of one configuration and split, sorted, and what these are called."""

    files: tuple[str, ...]
    config: str | None
    split: str | None


def data_names(names: Sequence[str]) -> list[str]:
    """Those of a repository's files that are data: not hidden, no descriptions, and inside of it."""
    return sorted(
        name for name in names
        if is_data_name(name) and not _DESCRIBING.fullmatch(name)
        and not any(part == "" or part.startswith((".", "__")) for part in name.split("/"))
    )  # fmt: skip


def read_card(text: str) -> dict[str, Any]:
    """The YAML head of a data set card; {} where there is none that can be read."""
    head = re.match(r"\ufeff?---[ \t]*\r?\n(.*?)\r?\n---", text, re.DOTALL)
    if not head:
        return {}
    try:
        found = yaml.safe_load(head.group(1))
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def licence_of(card: Mapping[str, Any]) -> str | None:
    """What the card says of the licence; None when it says nothing."""
    said = card.get("license")
    names = [str(name) for name in (said if isinstance(said, list) else [said]) if name]
    if names == ["other"] and card.get("license_name"):
        names = [str(card["license_name"])]
    return ", ".join(names) or None


def choose(
    names: Sequence[str],
    card: Mapping[str, Any],
    config: str | None,
    split: str | None,
    where: str,
) -> Chosen:
    """The files of a configuration and split.

    Without a `config`, the only one or the default one; without a `split`, "train" or the only one;
    "all" gives every split. Raises DataError, which begins with `where`, with the names there are.
    """
    files = data_names(names)
    if not files:
        raise DataError(f"{where}: {_no_data(names)}")
    config, splits = _configuration(files, card, config, where)
    splits = {name: found for name, found in splits.items() if found}
    inside = f"{where} ({config})" if config else where
    if not splits:
        raise DataError(f"{inside}: none of the files that its card names is there.")
    if split == ALL or (split is None and len(splits) == 1):
        every = sorted({file for found in splits.values() for file in found})
        return Chosen(tuple(every), config, split or next(iter(splits)))
    wanted = "train" if split is None else split
    if wanted not in splits and _CANONICAL.get(wanted) in splits:
        wanted = _CANONICAL[wanted]
    if wanted not in splits:
        asked = "several splits and none called train" if split is None else f"no split '{split}'"
        raise DataError(
            f"{inside}: {asked}{_guess(wanted, splits)}. Name one as `split:` of the source, or "
            f"`all`. Splits: {', '.join(splits)}."
        )
    return Chosen(tuple(splits[wanted]), config, wanted)


def matching(names: Sequence[str], pattern: str) -> list[str]:
    """The files that a pattern stands for: a file, a folder, or a glob in which `**` crosses folders."""
    pattern = pattern.removeprefix("./").strip("/")
    if not re.search(r"[*?\[]", pattern):
        return [name for name in names if name == pattern or name.startswith(f"{pattern}/")]
    wanted = re.compile(_as_expression(pattern))
    return [name for name in names if wanted.fullmatch(name)]


def names_files(card: Mapping[str, Any], names: Sequence[str]) -> bool:
    """Say whether a card has configurations, and any of them has files among these."""
    files = data_names(names)
    return any(any(_splits_of(about, files).values()) for about in _described(card).values())


# --- configurations ------------------------------------------------------------------------------


def _configuration(
    files: list[str], card: Mapping[str, Any], config: str | None, where: str
) -> tuple[str | None, dict[str, list[str]]]:
    described = _described(card)
    if not described:
        described = _by_folder(files)
        if not described and config is not None:
            inside = [file for file in files if file.startswith(f"{config}/")]
            if not inside:
                raise DataError(f"{where}: no configuration '{config}', and no folder of that name.")
            return config, _by_names(inside, config)
        if not described:
            return None, _by_names(files)
    names = list(described)
    if config is None:
        marked = [name for name in names if described[name].get("default") is True]
        config = next(iter([*marked, *(["default"] if "default" in names else [])]), None)
        if config is None and len(names) > 1:
            raise DataError(
                f"{where}: has several configurations; name one as `config:` of the source: "
                f"{', '.join(names)}."
            )
        config = config or names[0]
    if config not in described:
        raise DataError(
            f"{where}: no configuration '{config}'{_guess(config, names)}. There are: "
            f"{', '.join(names)}."
        )
    return config, _splits_of(described[config], files)


def _described(card: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The card's configurations that say where their files are."""
    found: dict[str, Mapping[str, Any]] = {}
    configs = card.get("configs")
    for about in configs if isinstance(configs, list) else ():
        if isinstance(about, dict) and (about.get("data_files") or about.get("data_dir")):
            found[str(about.get("config_name") or "default")] = about
    return found


def _by_folder(files: list[str]) -> dict[str, Mapping[str, Any]]:
    """CONFIG/SPLIT/0000.parquet, as the hub's own conversion to Parquet names its files."""
    places = [_CONVERTED.fullmatch(file) for file in files]
    if not all(places):
        return {}
    found: dict[str, dict[str, Any]] = {}
    for file, place in zip(files, places, strict=True):
        assert place is not None
        parts = found.setdefault(place[1], {})
        parts.setdefault(place[2].removeprefix("partial-"), []).append(file)
    return {
        config: {"data_files": [{"split": split, "path": path} for split, path in parts.items()]}
        for config, parts in found.items()
    }


def _splits_of(about: Mapping[str, Any], files: list[str]) -> dict[str, list[str]]:
    folder = str(about.get("data_dir") or "").removeprefix("./").strip("/")
    inside = [file for file in files if not folder or file.startswith(f"{folder}/")]
    said = about.get("data_files")
    if not said:
        return _by_names(inside, folder)
    if isinstance(said, dict):
        said = [{"split": split, "path": path} for split, path in said.items()]
    if not isinstance(said, list) or not all(isinstance(part, dict) for part in said):
        said = [{"split": "train", "path": said}]
    splits: dict[str, list[str]] = {}
    for part in said:
        patterns = part.get("path") or ()
        patterns = [patterns] if isinstance(patterns, str) else patterns
        found = {
            file for pattern in patterns
            for file in matching(files, f"{folder}/{pattern}" if folder else str(pattern))
        }  # fmt: skip
        splits.setdefault(str(part.get("split") or "train"), []).extend(sorted(found))
    return splits


# --- splits by name ------------------------------------------------------------------------------


def _by_names(files: Sequence[str], folder: str = "") -> dict[str, list[str]]:
    """Splits by file names; when no name says one, everything is for training."""
    splits: dict[str, list[str]] = {}
    for file in files:
        splits.setdefault(_split_of(file[len(folder) :].strip("/")) or "", []).append(file)
    unnamed = splits.pop("", [])
    order = [*_SPELLINGS, *sorted(set(splits) - set(_SPELLINGS))]
    return {name: splits[name] for name in order if name in splits} or {"train": unnamed}


def _split_of(file: str) -> str | None:
    if part := _PART.fullmatch(file):
        return _CANONICAL.get(part[1].casefold()) or _word_in(part[1]) or part[1]
    *folders, name = file.split("/")
    return next((word for text in (name, *reversed(folders)) if (word := _word_in(text))), None)


def _word_in(text: str) -> str | None:
    """The split that a name mentions: `chats_train.jsonl` or `dev2.csv`, but not `trainers.csv`."""
    return next((_CANONICAL[w] for w in re.findall("[a-z]+", text.casefold()) if w in _CANONICAL), None)


def _as_expression(pattern: str) -> str:
    pieces = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", pattern)
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(
        known.get(piece) or (piece.replace("[!", "[^") if piece.startswith("[") else re.escape(piece))
        for piece in pieces
    )


def _guess(word: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def _no_data(names: Sequence[str]) -> str:
    if any(name.endswith(".arrow") for name in names):
        return (
            "its data are Arrow files of the `datasets` library; export them as Parquet or JSONL "
            "(`dataset.to_parquet(...)`)."
        )
    if any(name.endswith(".py") for name in names):
        return (
            "its data come out of a program, and code of others is not run. Where the hub has converted "
            "them, `revision: refs/convert/parquet` of the source reads the result."
        )
    return "has no data file: JSONL, JSON, CSV, TSV and Parquet are read, also packed."
