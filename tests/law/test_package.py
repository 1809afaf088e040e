"""The package installs by itself and says the truth about itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import venv
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

import talkwright

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "lumenbird"

# What a dependency list must never bring along, and why pins exist for everything it does bring.
UNWANTED = ("torchvision", "torchaudio", "pytest", "trl", "litellm", "lightning")


def pyproject() -> str:
    return (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def requirements() -> list[str]:
    (block,) = re.findall(r"^dependencies = \[\n(.*?)^\]", pyproject(), re.MULTILINE | re.DOTALL)
    return [line.strip() for line in block.splitlines() if line.strip().startswith('"')]


def test_every_dependency_has_a_reason_and_a_pin() -> None:
    lines = requirements()
    assert len(lines) >= 20
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").lower()
    for line in lines:
        match = re.fullmatch(r'"([A-Za-z0-9-]+)([<>=!~].*?)",\s+# (.{4,})', line)
        assert match, line
        assert re.search(rf"^{match[1].lower()}==", pins, re.MULTILINE), f"{match[1]} has no pin"
        assert match[1] not in UNWANTED


def test_every_package_that_is_imported_is_a_dependency() -> None:
    names = {"yaml": "pyyaml", "huggingface_hub": "huggingface-hub", "rouge_score": "rouge-score",
             "presidio_analyzer": "presidio-analyzer"}  # fmt: skip
    # What dependencies bring along for being imported on its own; typing_extensions for types alone.
    part_of = {"starlette": "fastapi", "PIL": "matplotlib", "markupsafe": "jinja2",
               "typing_extensions": "pydantic"}  # fmt: skip
    (extras,) = re.findall(
        r"^\[project.optional-dependencies\]\n(.*?)^dev = ", pyproject(), re.MULTILINE | re.DOTALL
    )
    lines = [*requirements(), *re.findall(r'"[^"]+"', extras)]
    declared = {match[1] for line in lines if (match := re.match(r'"([a-z0-9-]+)', line))}
    missing = set()
    for path in (ROOT / "src").rglob("*.py"):
        for module in re.findall(
            r"^\s*(?:from|import) ([A-Za-z_0-9]+)", path.read_text("utf-8"), re.MULTILINE
        ):
            package = names.get(part_of.get(module, module), part_of.get(module, module))
            if module in sys.stdlib_module_names or module in ("talkwright", "__future__"):
                continue
            if package not in declared:
                missing.add(f"{path.name}: {module}")
    assert missing == set()


def test_pins_are_exact_and_fit_both_ends_of_the_supported_pythons() -> None:
    lines = [
        line
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert len(lines) > 100
    for line in lines:
        assert re.fullmatch(r'[a-z0-9-]+==[0-9][^+;\s]*(; python_version (>=|<) "3\.11")?', line), line


def test_nothing_names_a_machine_or_a_package_host() -> None:
    files = [
        ROOT / name
        for name in (
            "Makefile",
            "pyproject.toml",
            "constraints.txt",
            ".ci/run",
            "README.md",
            "CONTRIBUTING.md",
        )
    ]
    for path in [*files, *(ROOT / "docs").glob("*.md"), *(ROOT / "src").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"pypi\.org|pythonhosted|download\.pytorch|/tmp/|/work/|/opt/", text), path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "-w", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode and re.search(
        "No matching distribution|Connection|resolve|Temporary", done.stderr
    ):
        pytest.skip("no package index can be reached for the build back end")
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("talkwright-*.whl")
    return built


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        about = message_from_bytes(archive.read(metadata))
        entry = archive.read(metadata.replace("METADATA", "entry_points.txt")).decode()
    source = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src" / "talkwright").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert any(name.endswith(".jinja") for name in source)
    assert "talkwright/py.typed" in source
    assert {name for name in names if ".dist-info/" not in name} == source
    assert about["Name"] == "talkwright"
    assert about["Version"] == talkwright.__version__
    assert about["Requires-Python"] == ">=3.10"
    assert about["License-Expression"] == "Apache-2.0"
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert "talkwright = talkwright.cli:main" in entry


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_wheel_works_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", wheel]
    done = subprocess.run([str(part) for part in install], capture_output=True, text=True, timeout=1500)
    if done.returncode and re.search(
        "No matching distribution|Connection|resolve|Temporary", done.stderr
    ):
        pytest.skip("no package index can be reached for the dependencies")
    assert done.returncode == 0, done.stderr

    def run(*command: object) -> str:
        outside = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
        done = subprocess.run(
            [str(part) for part in command],
            cwd=tmp_path,
            env=outside,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    program = python.with_name("talkwright")
    assert "Commands:" in run(program, "--help")
    counts = json.loads(
        run(
            program,
            "data",
            "prepare",
            EXAMPLES / "chats.jsonl",
            EXAMPLES / "faq.csv",
            "--out",
            "out",
            "--json",
        )
    )
    assert counts["read"] == counts["kept"] + sum(counts["dropped"].values())
    assert counts["kept"] > 300
    installed = run(python, "-m", "pip", "list", "--format", "freeze").lower()
    assert not [name for name in UNWANTED if f"\n{name}==" in installed]
    run(python, "-m", "pip", "check")
