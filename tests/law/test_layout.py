"""What CONTRIBUTING.md promises about the code, checked."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "talkwright"
STAGES = ("data", "train", "evaluate", "compare", "report", "serve")
PACKAGES = ("config", "models", "template", "engine", *STAGES)


def python_files(*folders: Path) -> list[Path]:
    found = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    assert len(found) > 5
    return found


def modules() -> list[Path]:
    found = python_files(PACKAGE)
    assert len(found) > 40
    return found


def imports_of(path: Path) -> Iterator[tuple[str, str]]:
    """Every `from MODULE import NAME` of a file, also those inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            for alias in node.names:
                yield node.module, alias.name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, ""


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_import_rules_hold() -> None:
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command; lint_imports_command()",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert "Contracts: 6 kept, 0 broken" in done.stdout, done.stdout + done.stderr


def test_a_folder_is_imported_by_its_name_not_by_its_files() -> None:
    deep = []
    for path in modules():
        home = path.relative_to(PACKAGE).parts[0]
        for module, _ in imports_of(path):
            parts = module.split(".")
            if parts[0] == "talkwright" and len(parts) > 2 and parts[1] in PACKAGES and parts[1] != home:
                deep.append(f"{short(path)}: {module}")
    assert deep == []


@pytest.mark.parametrize("name", PACKAGES)
def test_all_is_what_others_use(name: str) -> None:
    module = __import__(f"talkwright.{name}", fromlist=["__all__"])
    public = list(module.__all__)
    assert module.__doc__
    for exported in public:
        assert getattr(module, exported) is not None
    outside = [path for path in modules() if (PACKAGE / name) not in path.parents]
    used = {
        imported
        for path in outside
        for source, imported in imports_of(path)
        if source == f"talkwright.{name}"
    }
    mentioned = "\n".join(
        path.read_text(encoding="utf-8")
        for path in [*outside, *python_files(ROOT / "tests"), *(ROOT / "docs").glob("*.md")]
    )
    assert used <= set(public), "used by others, but not public"
    unused = [exported for exported in public if not re.search(rf"\b{exported}\b", mentioned)]
    assert unused == [], "public, but used by nobody"


def test_files_and_functions_stay_short() -> None:
    long = []
    for path in modules():
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > 500:
            long.append(f"{short(path)}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > 80:
                    long.append(f"{short(path)}:{node.lineno} {node.name}: {lines} lines")
    assert long == []


def test_every_module_and_public_function_says_what_it_does() -> None:
    silent = []
    for path in modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if not ast.get_docstring(tree):
            silent.append(short(path))
        for node in tree.body:
            if (
                isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
                and not node.name.startswith("_")
                and not ast.get_docstring(node)
            ):
                silent.append(f"{short(path)}: {node.name}")
    assert silent == []


def test_names_say_something() -> None:
    empty = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc", "core"}
    assert [
        short(path) for path in modules() if empty & {path.stem, *path.parts[len(PACKAGE.parts) : -1]}
    ] == []


@pytest.mark.parametrize(
    "pattern",
    [
        r"trust_remote_code\s*=\s*True",
        r"^\s*(import|from) (pickle|cloudpickle|dill|joblib|marshal|shelve)\b",
        r"torch\.(load|save)\(",
        r"\b(TODO|FIXME|XXX|HACK)\b",
        r"shell\s*=\s*True",
    ],
)
def test_what_we_never_do(pattern: str) -> None:
    found = [
        f"{short(path)}:{number}: {line.strip()}"
        for path in [*modules(), *python_files(ROOT / "tests", ROOT / "scripts")]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(pattern, line) and path != Path(__file__).resolve()
    ]
    assert found == []


def test_nothing_is_swallowed_and_nothing_evaluated() -> None:
    found = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler):
                broad = node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
                # A server answers on after a failed request; what failed is logged with its traceback.
                kept = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
                kept = kept or "log.exception(" in ast.unparse(node)
                if broad and not kept:
                    found.append(f"{short(path)}:{node.lineno}: swallows every error")
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "eval",
                "exec",
                "compile",
                "os.system",
            ):
                found.append(f"{short(path)}:{node.lineno}: {ast.unparse(node.func)}")
    assert found == []


def test_only_the_command_line_prints() -> None:
    printing = {
        path.relative_to(PACKAGE).parts[0]
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    assert printing == {"cli"}


def test_stages_have_a_folder_a_test_folder_and_a_page() -> None:
    pages = {re.sub(r"^\d+-", "", path.stem) for path in (ROOT / "docs").glob("[0-9]-*.md")}
    assert pages == {"template", "models", *STAGES}
    for name in PACKAGES:
        assert (PACKAGE / name / "__init__.py").is_file()
        assert list((ROOT / "tests" / name).glob("test_*.py")), name
