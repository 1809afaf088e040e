"""From a YAML file, or a dict, and `--set` overrides to a checked `Recipe`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from talkwright.config.explain import explain, kind_of
from talkwright.config.sections import Recipe
from talkwright.errors import RecipeError

_NUMBERS = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "bool"))


class _YamlLoader(yaml.SafeLoader):
    """YAML as people mean it: `1e-4` is a number, a key given twice is an error, and a date is a word,
    which the field that wants one checks."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag in _NUMBERS:  # as it is written: `verdicts: {0: first}`
                if key_node.tag.endswith("bool"):
                    key_node.value = str(self.construct_yaml_bool(key_node)).lower()
                key_node.tag = "tag:yaml.org,2002:str"
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if not isinstance(key, str):
                raise RecipeError(f"line {line}: {key!r} is not a name; keys are words")
            if key in seen:
                raise RecipeError(f"line {line}: '{key}' is given twice; keep one")
            seen.add(key)
        found: dict[Any, Any] = super().construct_mapping(node, deep=True)
        return found


_YamlLoader.yaml_implicit_resolvers = {
    first: [(tag, shape) for tag, shape in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_YamlLoader.add_implicit_resolver(  # PyYAML follows YAML 1.1, where 1e-4 (no dot) is a string
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9][0-9_]*)(?:\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def load_recipe(path: str | Path, overrides: tuple[str, ...] | list[str] = ()) -> Recipe:
    """Read a recipe file, apply `section.key=value` overrides, and check every field.

    Relative paths inside the recipe are taken relative to the recipe's own folder and come out
    absolute. Raises RecipeError with the file, the key and a suggestion.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RecipeError(f"{path}: no such recipe. `recipes/quickstart.yaml` is a start.") from None
    except IsADirectoryError:
        raise RecipeError(f"{path} is a folder; name the recipe file in it.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read as text: {error}") from None
    values = parse_yaml(text, str(path))
    if not isinstance(values, dict):
        raise RecipeError(
            f"{path}: a recipe is a list of `section: settings`, this is {kind_of(values)}. "
            "The smallest one is `data: my_chats.jsonl`."
        )
    values.setdefault("name", re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-._") or "run")
    return build_recipe(values, overrides, where=str(path), folder=path.parent)


def build_recipe(
    values: dict[str, Any],
    overrides: tuple[str, ...] | list[str] = (),
    *,
    where: str = "recipe",
    folder: str | Path = ".",
) -> Recipe:
    """Check a recipe given as a dict. `where` starts error messages; `folder` anchors its paths."""
    values = json.loads(json.dumps(values, default=str))
    _unfold(values, where)
    for override in overrides:
        _apply_override(values, override)
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        raise RecipeError(explain(error, where)) from None
    return _with_absolute_paths(recipe, Path(folder).resolve())


def parse_yaml(text: str, where: str) -> Any:
    """Parse YAML safely. Raises RecipeError that names the line."""
    try:
        return yaml.load(text, Loader=_YamlLoader)  # a SafeLoader subclass
    except RecipeError as error:
        raise RecipeError(f"{where}: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise RecipeError(f"{where}{line}: not valid YAML: {problem}") from None
    except (RecursionError, ValueError) as error:
        raise RecipeError(f"{where}: not usable as YAML: {error}") from None


def _unfold(values: dict[str, Any], where: str) -> None:
    """Put `data.refusals: drop`, as the doctor and the docs write it, into its section."""
    for key in [key for key in values if "." in key]:
        section, last = _section_of(values, key, where)
        if last in section:
            raise RecipeError(f"{where}: '{key}' is given twice, also inside its section; keep one")
        section[last] = values.pop(key)


def _apply_override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise RecipeError(f"--set {override}: write it as section.key=value, e.g. train.epochs=5")
    section, last = _section_of(values, key, f"--set {override}")
    section[last] = _override_value(text, f"--set {override}")


def _section_of(values: dict[str, Any], key: str, where: str) -> tuple[dict[str, Any], str]:
    """The mapping in which `section.key` belongs, made where there is none, and its last name."""
    parts = key.split(".")
    target: dict[str, Any] = values
    for part in parts[:-1]:
        inner = target.get(part)
        if part == "model" and isinstance(inner, str):
            inner = {"name": inner}
        if part == "data" and isinstance(inner, (str, list)):
            inner = {"sources": inner}
        if part == "train" and inner == "auto":
            inner = {"auto": True}
        if inner is None:
            inner = {}
        if not isinstance(inner, dict):
            raise RecipeError(f"{where}: '{part}' is {kind_of(inner)}, not a section")
        target[part] = inner
        target = inner
    return target, parts[-1]


def _override_value(text: str, where: str) -> Any:
    # On a command line, words are words: `system=Be brief: # 1 rule` is neither a mapping nor a comment.
    if text.lstrip()[:1] in ("[", "{", "'", '"'):
        return parse_yaml(text, where)
    if "#" in text:
        return text
    try:
        value = parse_yaml(text, where)
    except RecipeError:
        return text
    return value if value is None or isinstance(value, (bool, int, float)) else text


def _with_absolute_paths(recipe: Recipe, folder: Path) -> Recipe:
    def absolute(path: str) -> str:
        if path.startswith("hf://"):
            return path
        return str(folder / Path(path).expanduser())

    def existing(path: str) -> str:
        # A model name may be a hub id; only what is really there, or says it is a path, is one.
        is_path = path.startswith((".", "/", "~")) or path.endswith(".gguf") or (folder / path).exists()
        return absolute(path) if is_path else path

    data = recipe.data.model_copy(
        update={
            "sources": [s.model_copy(update={"path": absolute(s.path)}) for s in recipe.data.sources],
            "blocked_words": _listed_words(recipe.data.blocked_words, absolute),
        }
    )
    update: dict[str, Any] = {
        "data": data,
        "model": recipe.model.model_copy(update={"name": existing(recipe.model.name)}),
    }
    if recipe.train.start_from is not None:
        start = absolute(recipe.train.start_from)
        update["train"] = recipe.train.model_copy(update={"start_from": start})
    if recipe.evaluate.suite is not None:
        suite = absolute(recipe.evaluate.suite)
        update["evaluate"] = recipe.evaluate.model_copy(update={"suite": suite})
    if recipe.template.chat_template is not None:
        update["template"] = recipe.template.model_copy(
            update={"chat_template": absolute(recipe.template.chat_template)}
        )
    return recipe.model_copy(update=update)


def _listed_words(words: str | list[str], absolute: Callable[[str], str]) -> list[str]:
    """The words themselves instead of their file's name, so that a changed file is a changed recipe."""
    return words if isinstance(words, list) else read_words(absolute(words))


def read_words(path: str | Path) -> list[str]:
    """Words and phrases, one a line; lines that begin with # say nothing. Raises RecipeError."""
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"data.blocked_words: {path} cannot be read as text: {error}") from None
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def dump_recipe(recipe: Recipe) -> dict[str, Any]:
    """Give the resolved recipe as plain JSON values; `Recipe.model_validate` reads it back."""
    return recipe.model_dump(mode="json")
