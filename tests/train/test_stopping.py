"""What ends a run early, and what must not."""

from __future__ import annotations

from typing import Any

import pytest

from talkwright.errors import TrainError
from talkwright.runs import read_json
from talkwright.train import loop


def test_patience_begins_anew_with_every_better_loss(train_tiny, rows, monkeypatch) -> None:
    measured = iter([5.0, 6.0, 4.0, 4.5, 3.0, 3.5, 3.2, 1.0])
    monkeypatch.setattr(loop, "mean_loss", lambda *_given, **_how: next(measured))
    out = train_tiny(validation=rows[:2], max_steps=20, eval_every=1, patience=2)
    summary = read_json(out / "summary.json")
    assert (summary["steps"], summary["best_step"], summary["stopped_by"]) == (6, 4, "patience")


@pytest.mark.parametrize(("bad", "stops"), [((1, 2, 4, 5, 7), False), ((2, 3, 4), True)])
def test_faults_with_good_steps_between_them_do_not_stop(bad, stops, train_tiny, monkeypatch) -> None:
    seen: list[int] = []

    def find(*_given: Any) -> str | None:
        seen.append(1)
        return "something is wrong" if len(seen) in bad else None

    monkeypatch.setattr(loop, "find_fault", find)
    if stops:
        with pytest.raises(TrainError, match="3 steps in a row"):
            train_tiny(max_steps=8)
    else:
        assert read_json(train_tiny(max_steps=8) / "summary.json")["steps_passed_over"] == len(bad)


def test_tokens_of_limits_and_metrics_are_all_of_the_rows(train_tiny, rows) -> None:
    summary = read_json(train_tiny(max_steps=5, batch_size=4) / "summary.json")  # twice through ten rows
    assert summary["tokens"] == 2 * sum(len(row.input_ids) for row in rows)
    assert summary["supervised_tokens"] == 2 * sum(row.n_supervised for row in rows)
