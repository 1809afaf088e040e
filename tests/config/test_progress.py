"""Narration and bars stay on standard error, so results on standard output stay clean."""

from __future__ import annotations

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
