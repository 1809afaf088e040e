"""The documentation says what is so."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import click
import pytest

from talkwright.cli import app
from talkwright.config import Recipe, Section, build_recipe, parse_yaml

ROOT = Path(__file__).resolve().parents[2]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "scripts" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pages() -> list[Path]:
    found = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
    assert len(found) >= 12
    return found


def blocks(page: Path, *languages: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return [
        body
        for language, body in re.findall(r"```(\w*)\n(.*?)```", text, re.DOTALL)
        if language in languages
    ]


def command_lines() -> list[tuple[Path, str]]:
    found = []
    for page in pages():
        for block in blocks(page, "sh", "bash", "console"):
            found += [
                (page, line.strip()) for line in block.replace("\\\n", " ").splitlines() if line.strip()
            ]
    assert len(found) >= 12
    return found


@pytest.mark.parametrize("name", ["cli.md", "recipe.md"])
def test_generated_pages_are_current(name: str) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == generator().PAGES[name](), (
        "type `make docs`"
    )


def test_every_recipe_field_is_in_the_reference() -> None:
    page = (ROOT / "docs" / "recipe.md").read_text(encoding="utf-8")

    def names(section: type[Section]) -> list[str]:
        found = []
        for name, field in section.model_fields.items():
            inner = field.annotation
            found += names(inner) if isinstance(inner, type) and issubclass(inner, Section) else [name]
        return found

    fields = names(Recipe)
    assert len(fields) > 45
    assert [name for name in fields if not re.search(rf"\b{name}\b", page)] == []


def test_every_command_takes_few_options_and_json_and_shows_an_example() -> None:
    def leaves(command: click.Command, path: str) -> list[tuple[str, click.Command]]:
        if not isinstance(command, click.Group):
            return [(path, command)]
        return [
            leaf for name, inner in command.commands.items() for leaf in leaves(inner, f"{path} {name}")
        ]

    commands = leaves(app, "talkwright")
    assert len(commands) >= 11
    for path, command in commands:
        options = [option for option in command.params if isinstance(option, click.Option)]
        assert len(options) <= 8, path
        assert "as_json" in [option.name for option in options], path
        assert all(option.help for option in options), path
        assert (
            f"Example: {path} " in (command.help or "") or f"Example: {path}\n" in f"{command.help}\n"
        ), path


def test_every_command_in_the_docs_can_be_typed() -> None:
    targets = set(
        re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    wrong = []
    for page, line in command_lines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if words and words[0].endswith("talkwright"):
            complaint = misuse(words[1:])
        elif words and words[0] == "make":
            goals = [word for word in words[1:] if "=" not in word]
            complaint = ", ".join(sorted(set(goals) - targets))
        else:
            continue
        if complaint:
            wrong.append(f"{page.name}: {line}: {complaint}")
    assert wrong == []


def misuse(words: list[str]) -> str | None:
    command: click.Command = app
    while isinstance(command, click.Group) and words and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    if words == ["--help"] or (isinstance(command, click.Group) and not words):
        return None
    try:
        command.make_context("talkwright", list(words), resilient_parsing=False).close()
    except click.ClickException as error:
        return error.format_message()
    return None


def test_every_recipe_in_the_docs_is_valid() -> None:
    recipes = [(page, block) for page in pages() for block in blocks(page, "yaml")]
    assert len(recipes) >= 4
    for page, block in recipes:
        values = parse_yaml(block, page.name)
        assert isinstance(values, dict), page
        build_recipe({"data": "chats.jsonl", **values}, where=page.name)


def test_links_lead_somewhere() -> None:
    broken = []
    for page in pages():
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not target.startswith("#"):
                path = page.parent / target.split("#")[0]
                if not path.exists():
                    broken.append(f"{page.name}: {target}")
    assert broken == []


def test_the_index_lists_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    listed = [path.name for path in (ROOT / "docs").glob("*.md") if path.name != "index.md"]
    assert len(listed) >= 11
    assert [name for name in listed if f"({name})" not in index] == []


def test_the_changelog_knows_this_version_or_is_open() -> None:
    from talkwright import __version__

    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in changelog or f"## [{__version__}]" in changelog
