"""Trackers get what metrics.jsonl gets, and stay on this machine."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from talkwright.errors import TrainError


def test_tensorboard_has_the_curves(train_tiny, rows, metrics_of) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard (the extra of its name) is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    out = train_tiny(trackers=["tensorboard"], validation=rows[:2], max_steps=3, eval_every=2)
    (place,) = {path.parent for path in (out.parent / "trackers" / "talkwright").glob("events.*")}
    events = EventAccumulator(str(place))
    events.Reload()
    for name in ("loss", "validation_loss", "learning_rate"):
        logged = [(event.step, event.value) for event in events.Scalars(name)]
        wanted = [(row["step"], row[name]) for row in metrics_of(out) if name in row]
        assert [step for step, _ in logged] == [step for step, _ in wanted]
        assert [x for _, x in logged] == pytest.approx([x for _, x in wanted])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wandb", "mlflow", "trackio"])
def test_the_others_write_here_and_nowhere_else(
    name, train_tiny, metrics_of, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    if find_spec(name) is None:  # not imported: trackio looks at its variables when it is
        pytest.skip(f"{name} (the extra of its name) is not installed")
    for variable in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # nobody answers there
    monkeypatch.setenv("WANDB_MODE", "online")
    plain = train_tiny("plain", max_steps=2)
    out = train_tiny("tracked", trackers=[name], max_steps=2)
    written = [path for path in (out.parent / "trackers").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in written) > 100
    assert metrics_of(out) == metrics_of(plain)
    assert os.environ["WANDB_MODE"] == "online"  # as it was


def test_a_tracker_that_is_not_installed_is_an_error(train_tiny, monkeypatch) -> None:
    monkeypatch.setattr("talkwright.train.trackers.find_spec", lambda name: None)
    with pytest.raises(TrainError, match=r"pip install 'talkwright\[trackio\]'"):
        train_tiny(trackers=["trackio"])


def test_a_tracker_is_closed_also_when_training_fails(train_tiny, section, tmp_path) -> None:
    from talkwright.train.trackers import tracking

    told: list[str] = []

    class Recording:
        def init_trackers(self, *_given: Any, **_named: Any) -> None:
            told.append(os.environ["WANDB_MODE"])

        def end_training(self) -> None:
            told.append("end")

    with pytest.raises(TrainError), tracking(Recording(), section(trackers=["wandb"]), Path(tmp_path)):
        raise TrainError("no")
    assert told == ["offline", "end"]


@pytest.mark.parametrize("before", [None, "online"])
@pytest.mark.parametrize("fails", [False, True])
def test_the_environment_is_put_back_as_it_was(before, fails, section, tmp_path, monkeypatch) -> None:
    from talkwright.train.trackers import tracking

    names = ("WANDB_MODE", "TRACKIO_DIR", "MLFLOW_TRACKING_URI", "MLFLOW_ALLOW_FILE_STORE")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    if before:
        monkeypatch.setenv("WANDB_MODE", before)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    found = dict(os.environ)
    seen: list[dict[str, str]] = []

    class Recording:
        def init_trackers(self, *_given: Any, **_named: Any) -> None:
            seen.append({name: os.environ[name] for name in names})

        def end_training(self) -> None:
            seen.append({name: os.environ[name] for name in names})

    try:
        with tracking(Recording(), section(trackers=["wandb", "mlflow"]), Path(tmp_path)):
            if fails:
                raise TrainError("no")
    except TrainError:
        assert fails
    assert dict(os.environ) == found
    assert len(seen) == 2
    assert seen[0] == seen[1]
    assert seen[0]["WANDB_MODE"] == "offline"
    assert seen[0]["MLFLOW_TRACKING_URI"].startswith("file:")
