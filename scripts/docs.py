"""Write docs/cli.md and docs/recipe.md from the code: `make docs`. --check only compares them.

docs/cli.md is the `--help` of every command. docs/recipe.md is every field of `config.Recipe` with
its type, default and docstring.
"""

from __future__ import annotations

import sys
import types
import typing
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from talkwright.cli import app
from talkwright.config import Recipe, Section

DOCS = Path(__file__).resolve().parents[1] / "docs"

CLI_START = """# Command line

<!-- Written by `make docs` from the commands themselves; change those, not this page. -->

`talkwright --help` lists the commands, `talkwright COMMAND --help` explains one. Results go to
standard output, narration and errors to standard error. Exit codes: 0 done, 2 something to put right
(one sentence says what), 130 interrupted, 143 terminated; 1 and 3 where a command finds something, as
its help says.
"""

RECIPE_START = """# Recipe

<!-- Written by `make docs` from src/talkwright/config/; change its docstrings. -->

A recipe is one YAML file with a section for every stage. Only `data` is required; this is a whole one:

```yaml
data: my_chats.jsonl
```

`model: NAME`, `data: FILE` and `data: [FILES]` are short for `model: {name: NAME}` and
`data: {sources: [{path: FILE}]}`. A line such as `data.refusals: drop`, as the doctor writes them,
may be pasted at the end: it counts as one of its section. Unknown keys are errors.
`--set section.key=value` on the command line overrides any field, and the form with every default
filled in is kept with the run as `recipe.json`.
"""


def cli_page() -> str:
    """The text of docs/cli.md."""
    parts = [CLI_START]
    for path, command in _commands(app, "talkwright"):
        context = click.Context(
            command, info_name=path, terminal_width=100, help_option_names=["-h", "--help"]
        )
        help_text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
        parts.append(f"## `{path}`\n\n```text\n{help_text}\n```\n")
    return "\n".join(parts)


def _commands(command: click.Command, path: str) -> list[tuple[str, click.Command]]:
    found = [(path, command)]
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            found += _commands(inner, f"{path} {name}")
    return found


def recipe_page() -> str:
    """The text of docs/recipe.md."""
    plain = {name: field for name, field in Recipe.model_fields.items() if _section(field) is None}
    parts = [RECIPE_START, "## At the top\n", _table("", plain)]
    for name, field in Recipe.model_fields.items():
        section = _section(field)
        if section is not None:
            parts += [f"## `{name}`\n", f"{section.__doc__}\n", *_section_tables(f"{name}.", section)]
    return "\n".join(parts)


def _section_tables(prefix: str, section: type[Section]) -> list[str]:
    plain = {name: field for name, field in section.model_fields.items() if _section(field) is None}
    tables = [_table(prefix, plain)]
    for name, field in section.model_fields.items():
        inner = _section(field)
        if inner is not None:
            many = get_origin(field.annotation) is list
            key = f"{prefix}{name}[]." if many else f"{prefix}{name}."
            meaning = " ".join((field.description or inner.__doc__ or "").split())
            tables += [f"### `{key.rstrip('.')}`\n", f"{meaning}\n"]
            tables += _section_tables(key, inner)
    return tables


def _section(field: FieldInfo) -> type[Section] | None:
    inner = get_args(field.annotation)[0] if get_origin(field.annotation) is list else field.annotation
    return inner if isinstance(inner, type) and issubclass(inner, Section) else None


def _table(prefix: str, fields: dict[str, FieldInfo]) -> str:
    if not fields:
        return ""
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for name, field in fields.items():
        meaning = " ".join((field.description or "").split())
        rows.append(f"| `{prefix}{name}` | {_type(field)} | {_default(field)} | {meaning} |")
    return "\n".join(rows) + "\n"


def _type(field: FieldInfo) -> str:
    limits = []
    for limit in field.metadata:
        for name, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<")):
            if getattr(limit, name, None) is not None:
                limits.append(f"{sign} {getattr(limit, name)}")
    return ", ".join([_type_name(field.annotation), *limits])


def _type_name(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(annotation))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type_name(choice) for choice in get_args(annotation))
    if origin is list:
        return f"list of {_type_name(get_args(annotation)[0])}"
    if origin is dict:
        return " to ".join(_type_name(choice) for choice in get_args(annotation))
    names = {
        str: "text",
        int: "whole number",
        float: "number",
        bool: "true or false",
        type(None): "null",
    }
    return names[annotation]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`"


PAGES = {"cli.md": cli_page, "recipe.md": recipe_page}


def main() -> int:
    """Write the pages, or with --check compare them; returns the exit code."""
    stale = []
    for name, page in PAGES.items():
        path = DOCS / name
        current = path.read_text(encoding="utf-8") if path.is_file() else ""
        if current == page():
            continue
        stale.append(f"docs/{name}")
        if "--check" not in sys.argv[1:]:
            path.write_text(page(), encoding="utf-8", newline="\n")
    if "--check" in sys.argv[1:] and stale:
        print(f"{', '.join(stale)}: not current; type `make docs`", file=sys.stderr)
        return 1
    print(f"written: {', '.join(stale)}" if stale else "docs/cli.md and docs/recipe.md are current")
    return 0


if __name__ == "__main__":
    sys.exit(main())
