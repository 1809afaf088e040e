"""The command line as a program sees it: arguments in; exit code, output and errors out."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from talkwright.cli import main


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one line of JSON on standard output."""
        (line,) = self.out.splitlines()
        return json.loads(line)


@pytest.fixture(autouse=True)
def _own_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give back what `main` sets."""
    monkeypatch.setattr("sys.unraisablehook", sys.unraisablehook)


@pytest.fixture
def talkwright(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[..., Done]]:
    """Run a command in an empty folder, in this process."""
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["talkwright"])

    def call(*arguments: object) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    yield call
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    """Sixty chats, one broken row and one duplicate."""
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"What does shelf number {n} hold?"},
                {"role": "assistant", "content": f"Shelf {n} holds {n * 7} jars of item {n * n}."},
            ]
        }
        for n in range(60)
    ]
    lines = [json.dumps(row) for row in [*rows, rows[0]]] + ['{"messages": [']
    path = tmp_path / "chats.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
