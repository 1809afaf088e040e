"""The command line starts at once, and nothing heavy loads before it is needed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

HEAVY = (
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "gradio",
    "fastapi",
    "matplotlib",
    "datasketch",
    "sacrebleu",
)

LIST_MODULES = """
import json, sys
sys.argv[0] = "talkwright"
from talkwright.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def modules_after(*arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", LIST_MODULES, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def seconds(*command: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *command], capture_output=True, check=True, timeout=60)
    return time.perf_counter() - started


def test_help_costs_less_than_a_third_of_a_second() -> None:
    help_command = ("-c", "from talkwright.cli import main; main(['--help'])")
    seconds(*help_command)  # compiles what was not compiled yet
    # The fastest of several: other processes can only make a run slower, never faster.
    bare = min(seconds("-c", "pass") for _ in range(7))
    helped = min(seconds(*help_command) for _ in range(7))
    assert helped - bare < 0.3


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["runs", "list", "--help"], ["--version"]]
)
def test_help_loads_click_and_little_else(arguments: list[str]) -> None:
    loaded = modules_after(*arguments)
    assert "talkwright.cli" in loaded
    assert loaded.isdisjoint({*HEAVY, "pydantic", "yaml", "numpy", "tqdm", "talkwright.pipeline"})


def test_preparing_data_loads_no_torch(tmp_path: Path) -> None:
    chats = tmp_path / "chats.jsonl"
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"What is {n} squared?"},
                {"role": "assistant", "content": f"{n * n}."},
            ]
        }
        for n in range(40)
    ]
    chats.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    loaded = modules_after("data", "prepare", str(chats), "--out", str(tmp_path / "out"))
    assert "talkwright.data" in loaded
    assert loaded.isdisjoint(
        {"torch", "transformers", "tokenizers", "peft", "accelerate", "gradio", "fastapi"}
    )


def test_importing_every_module_loads_nothing_heavy() -> None:
    source = Path(__file__).resolve().parents[2] / "src"
    names = [
        ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((source / "talkwright").rglob("*.py"))
        if path.name != "__main__.py"
    ]
    assert len(names) > 40
    code = (
        f"import importlib, json, sys\nfor name in {names}: importlib.import_module(name)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert set(json.loads(done.stdout)).isdisjoint(HEAVY)
