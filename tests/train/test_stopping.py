"""What ends a run early, and what must not."""

from __future__ import annotations

import time
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


def test_what_is_usual_is_known_also_after_a_fault(train_tiny, monkeypatch) -> None:
    known: list[int] = []

    def find(_loss: float, _norm: float, norms: list[float], _section: Any) -> str | None:
        known.append(len(norms))
        return "something is wrong" if len(known) == 3 else None

    monkeypatch.setattr(loop, "find_fault", find)
    train_tiny(max_steps=5)
    assert known == [0, 1, 2, 2, 3]


def test_tokens_of_limits_and_metrics_are_all_of_the_rows(train_tiny, rows) -> None:
    summary = read_json(train_tiny(max_steps=5, batch_size=4) / "summary.json")  # twice through ten rows
    assert summary["tokens"] == 2 * sum(len(row.input_ids) for row in rows)
    assert summary["supervised_tokens"] == 2 * sum(row.n_supervised for row in rows)


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"save_every": 2, "max_steps": 5}, [2, 4, 5]),
        ({"save_every": 2, "max_steps": 4}, [2, 4]),
        ({"save_every": 9, "max_steps": 4}, [4]),
        ({"save_every": 2, "max_steps": 9, "max_tokens": 400}, [2, 3]),
    ],
    ids=str,
)
def test_a_checkpoint_every_so_often_and_at_the_end(settings, wanted, train_tiny, monkeypatch) -> None:
    """The last one keeps the work of the last steps where writing the artefact fails."""
    saved: list[int] = []
    save = loop.save_checkpoint

    def noting(*given: Any, **named: Any) -> None:
        saved.append(given[2].step)
        save(*given, **named)

    monkeypatch.setattr(loop, "save_checkpoint", noting)
    train_tiny(**settings)
    assert saved == wanted


def test_as_many_checkpoints_stay_as_the_recipe_says(train_tiny, tmp_path, monkeypatch) -> None:
    def fails(*_given: Any, **_named: Any) -> None:
        raise OSError(28, "the disk is full")

    monkeypatch.setattr(loop, "save_model", fails)
    with pytest.raises(OSError, match="disk is full"):
        train_tiny(save_every=1, keep_checkpoints=3, max_steps=5)
    left = sorted(path.name for path in (tmp_path / "run" / "checkpoints").glob("step-*"))
    assert left == ["step-000003", "step-000004", "step-000005"]


def test_time_in_validation_is_counted_and_is_not_the_steps(train_tiny, rows, monkeypatch) -> None:
    found: list[Any] = []
    save = loop.save_checkpoint

    def noting(*given: Any, **named: Any) -> None:
        found.append((given[2].step, given[2].seconds, given[2].validating))
        save(*given, **named)

    def slow(*_given: Any, **_how: Any) -> float:
        time.sleep(0.4)
        return 1.0

    monkeypatch.setattr(loop, "save_checkpoint", noting)
    monkeypatch.setattr(loop, "mean_loss", slow)
    started = time.perf_counter()
    train_tiny(validation=rows[:2], eval_every=1, save_every=2, max_steps=2)
    (_, seconds, validating), took = found[-1], time.perf_counter() - started
    assert validating >= 3 * 0.4  # before the first step and after each
    assert seconds + validating <= took


@pytest.mark.parametrize("minutes", [0.5, 100.0])
def test_a_limit_that_was_raised_lets_a_stopped_run_go_on(
    minutes, train_tiny, rows, monkeypatch
) -> None:
    def dying(*_given: Any, **_how: Any) -> None:
        raise SystemExit

    finish = loop._finish
    monkeypatch.setattr(loop, "_finish", dying)
    clock = iter(range(0, 10**6, 20))
    monkeypatch.setattr(loop.time, "perf_counter", lambda: float(next(clock)))
    how = {"validation": rows[:2], "max_steps": 6, "save_every": 1}
    with pytest.raises(SystemExit):
        train_tiny(max_minutes=1.0, **how)
    monkeypatch.setattr(loop, "_finish", finish)
    summary = read_json(train_tiny(max_minutes=minutes, **how) / "summary.json")
    if minutes > 1:
        assert (summary["steps"], summary["stopped_by"]) == (6, None)
    else:
        assert (summary["steps"] < 6, summary["stopped_by"]) == (True, "max_minutes")


@pytest.mark.parametrize("closing_loss", [0.5, 9.0])
def test_a_run_that_is_given_more_time_is_as_if_it_had_always_had_it(
    closing_loss, train_tiny, rows, metrics_of, weights_of, monkeypatch
) -> None:
    """The validation that closed it counts neither for patience nor as the best."""

    def dying(*_given: Any, **_how: Any) -> None:
        raise SystemExit

    def losses(closing: float | None) -> None:
        measured = iter([5.0, 4.0, *([closing] if closing else []), 4.5, 3.9, 4.2, 4.1])
        monkeypatch.setattr(loop, "mean_loss", lambda *_given, **_how: next(measured))

    how: dict[str, Any] = {
        "validation": rows[:2], "max_steps": 10, "eval_every": 2, "patience": 2, "sample_every": 0,
    }  # fmt: skip
    losses(None)
    whole = train_tiny(name="whole", **how)
    losses(closing_loss)
    with monkeypatch.context() as patched:
        patched.setattr(loop, "_finish", dying)
        patched.setattr(loop, "limit_reached", lambda _, state: "max_minutes" if state.step == 3 else "")
        with pytest.raises(SystemExit):
            train_tiny(name="cut", max_minutes=1.0, **how)
    gone_on = train_tiny(name="cut", max_minutes=100.0, **how)
    summaries = [read_json(out / "summary.json") for out in (whole, gone_on)]
    for name in ("steps", "best_step", "best_validation_loss", "stopped_by", "kept"):
        assert summaries[0][name] == summaries[1][name], name
    assert metrics_of(whole) == metrics_of(gone_on)
    assert weights_of(whole).keys() == weights_of(gone_on).keys()
    for name, tensor in weights_of(whole).items():
        assert tensor.equal(weights_of(gone_on)[name]), name


def test_time_that_ends_a_run_between_validations_keeps_the_best_of_all(
    train_tiny, rows, monkeypatch
) -> None:
    """The last weights are validated, and kept where they are the best, also when the process died
    before they were written and the time is no longer."""

    def dying(*_given: Any, **_how: Any) -> None:
        raise SystemExit

    clock = iter(range(0, 10**6, 20))
    monkeypatch.setattr(loop.time, "perf_counter", lambda: float(next(clock)))
    measured = iter([5.0, 1.0, 1.0])
    monkeypatch.setattr(loop, "mean_loss", lambda *_given, **_how: next(measured))
    how: dict[str, Any] = {
        "validation": rows[:2], "max_steps": 20, "eval_every": 15, "patience": 9, "max_minutes": 1.0,
    }  # fmt: skip
    with monkeypatch.context() as patched:
        patched.setattr(loop, "_finish", dying)
        with pytest.raises(SystemExit):
            train_tiny(**how)
    summary = read_json(train_tiny(**how) / "summary.json")
    assert summary["stopped_by"] == "max_minutes"
    assert (summary["best_step"], summary["kept"]) == (summary["steps"], "best")
    assert next(measured, None) is None


def test_a_run_that_time_ended_is_not_said_to_have_ended_by_patience(
    train_tiny, rows, monkeypatch
) -> None:
    """Though the validation that closes it is the last one that patience bears."""
    clock = iter(range(0, 10**6, 20))
    monkeypatch.setattr(loop.time, "perf_counter", lambda: float(next(clock)))
    measured = iter([5.0, 6.0])
    monkeypatch.setattr(loop, "mean_loss", lambda *_given, **_how: next(measured))
    out = train_tiny(validation=rows[:2], max_steps=20, eval_every=15, patience=1, max_minutes=1.0)
    summary = read_json(out / "summary.json")
    assert summary["stopped_by"] == "max_minutes"
    assert (summary["best_step"], summary["kept"]) == (0, "best")
