"""Narration and bars stay on standard error, so results on standard output stay clean."""

from __future__ import annotations

import contextlib
import os
import re
import struct
import subprocess
import sys
from typing import Any

import pytest

from talkwright import progress


def test_nothing_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    progress.say("one")
    assert list(progress.track([1, 2, 3], "rows")) == [1, 2, 3]
    with progress.bar("more", total=2) as shown:
        shown.update(2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "one\n" in captured.err


def test_a_bar_ends_at_what_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.bar("rows", total=10, initial=4) as shown:
        shown.update(6)
        assert shown.n == shown.total == 10


def test_an_error_inside_a_bar_comes_out() -> None:
    def rows() -> object:
        yield 1
        raise ValueError("row 2")

    with pytest.raises(ValueError, match="row 2"):
        list(progress.track(rows(), "rows"))  # type: ignore[arg-type]


# --- the line of a training ----------------------------------------------------------------------


class Clock:
    """A clock that tests move."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.now = 1000.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


def row(step: int, **more: Any) -> dict[str, Any]:
    return {"step": step, "loss": 2.5, "learning_rate": 1e-3, "tokens": 300 * step,
            "seconds": 2.0 * step, **more}  # fmt: skip


def test_the_line_says_all_there_is_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    with progress.training_line(100, 0, memory=lambda: 1234) as line:
        line.take({"step": 0, "validation_loss": 3.21})
        assert line.text(79) == "0/100  val 3.210  1,234 MiB"
        for step in (1, 2, 3, 4):
            clock.now += 4.0  # half of it validation and saving
            line.take(row(step))
        text = "4/100  loss 2.500  val 3.210  lr 1.0e-3  150 tok/s  1,234 MiB  6m24s left"
        assert line.text(79) == text
        assert line.text(100) == f"train  {text}"
        line.take({"step": 4, "validation_loss": 1.5})
        assert "val 1.500" in line.text(79)


def test_the_clock_of_the_recipe_bounds_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    with progress.training_line(1000, 10, time_limit=lambda: 60.0) as line:
        for step in (11, 12):
            clock.now += 1.0
            line.take(row(step))
        assert line.text(79).endswith("1m00s left")


def test_nothing_is_cut_off_at_eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    with progress.training_line(200_000, 123_450, memory=lambda: 79_999) as line:
        line.take({"step": 123_450, "validation_loss": 12.3456})
        for step in range(123_451, 123_456):
            clock.now += 3.3
            line.take(
                row(step, loss=12.3456, tokens=10**6 * step, learning_rate=9.87e-4, seconds=3.3 * step)
            )
        text = line.text(79)
        assert text == ("123455/200000 loss 12.35 val 12.35 lr 9.9e-4 303k tok/s 78.1 GiB 2d22h left")
        assert len(text) < 80
        for columns in range(24, 200):
            assert len(line.text(columns)) <= columns
            assert line.text(columns).startswith(("123455/200000", "train  123455/200000"))
        assert line.text(40).endswith("2d22h left")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(9, "9s"), (249, "4m09s"), (3600, "1h00m"), (3600 * 3 + 61, "3h01m"), (86_400 * 12, "12d0h")],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert progress.clock(seconds) == text


def test_without_a_terminal_there_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock(monkeypatch)
    with progress.training_line(2000, 0) as line:
        for step in range(1, 2001):
            clock.now += 1.0
            line.take(row(step))
    said = capsys.readouterr().err
    assert "\r" not in said
    lines = said.splitlines()
    assert lines[0].startswith("train  10/2000  loss 2.500")
    assert lines[1].startswith("train  20/2000")
    assert 25 < len(lines) < 70  # every 10 seconds at first, less often later
    assert lines[-1].startswith("train  2000/2000")


def test_the_last_line_has_the_last_validation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock(monkeypatch)
    with progress.training_line(3, 0) as line:
        for step in range(1, 4):
            clock.now += 20.0
            line.take(row(step))
            line.take({"step": step, "validation_loss": 9.0 / step})
    lines = capsys.readouterr().err.splitlines()
    assert [text.split()[1] for text in lines] == ["1/3", "2/3", "3/3"]
    assert "val 3.000" in lines[-1]


IN_A_TERMINAL = """
import time
from talkwright import progress
with progress.training_line(6, 0, memory=lambda: 12_345) as line:
    for step in range(1, 7):
        line.take({"step": step, "loss": 2.5, "learning_rate": 1e-3, "tokens": 300 * step,
                   "seconds": 2.0 * step})
        if step == 3:
            progress.say("a word in between")
        time.sleep(0.12)
"""


@pytest.mark.parametrize("columns", [0, 40, 80])
def test_in_a_terminal_it_is_one_line_that_is_rewritten(columns: int) -> None:
    fcntl = pytest.importorskip("fcntl", reason="there are no pseudo-terminals on this system")
    import pty
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    child = subprocess.Popen([sys.executable, "-c", IN_A_TERMINAL], stderr=theirs)
    os.close(theirs)
    said = b""
    with contextlib.suppress(OSError):  # how Linux says that the other end is closed
        while chunk := os.read(ours, 4096):
            said += chunk
    os.close(ours)
    assert child.wait() == 0
    frames = [frame.strip() for frame in re.split(r"[\r\n]+", said.decode()) if frame.strip()]
    assert "a word in between" in frames
    assert all(len(frame) < (columns or 80) for frame in frames)
    end = "6/6  loss 2.500  lr 1.0e-3  150 tok/s"
    assert frames[-1] == (end if columns == 40 else f"{end}  12.1 GiB")
    assert said.count(b"\n") == 2  # after the word, and at the end
