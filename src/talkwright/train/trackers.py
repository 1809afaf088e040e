"""Experiment trackers, by way of accelerate's: TensorBoard, W&B, MLflow and trackio.

They get what `metrics.jsonl` gets, which is always written. Their files lie in a folder `trackers` of
the run; nothing leaves the machine unless the recipe says `trackers_online: true`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from talkwright.config import TrainSection
from talkwright.errors import TrainError
from talkwright.train.origin import flat

PROJECT = "talkwright"
FOLDER = "trackers"  # beside the artefact


def refuse_missing_trackers(section: TrainSection) -> None:
    """Raise TrainError for a tracker that is not installed: accelerate would go on without it."""
    for name in section.trackers:
        if find_spec(name) is None:
            raise TrainError(
                f"train.trackers: {name} is not installed: `pip install 'talkwright[{name}]'`, or leave "
                "it out; metrics.jsonl is always written"
            )


@contextmanager
def tracking(
    accelerator: Any, section: TrainSection, here: Path
) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Open the recipe's trackers for the run in folder `here`; yields what takes each row of metrics."""
    if not section.trackers:
        yield lambda row: None
        return
    folder = here / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    online = section.trackers_online
    own: dict[str, dict[str, Any]] = {
        "wandb": {"name": here.name, "dir": str(folder), "mode": "online" if online else "offline"},
        "mlflow": {"run_name": here.name},
        "trackio": {"name": here.name, **({} if online else {"space_id": None})},
    }
    places = {} if online else _kept_here(section, folder)
    with _environment(places):
        accelerator.init_trackers(PROJECT, config=_as_trackers_take_them(section), init_kwargs=own)
        try:
            yield lambda row: accelerator.log(
                {name: x for name, x in row.items() if name != "step"}, step=row["step"]
            )
        finally:
            accelerator.end_training()


def _kept_here(section: TrainSection, folder: Path) -> dict[str, str]:
    """Variables that keep every tracker to this machine, whatever else the environment says."""
    places = {"WANDB_MODE": "offline", "TRACKIO_DIR": str(folder / "trackio")}
    if "mlflow" in section.trackers:
        places["MLFLOW_TRACKING_URI"] = (folder / "mlflow").absolute().as_uri()
        places["MLFLOW_ALLOW_FILE_STORE"] = "true"
    return places


@contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _as_trackers_take_them(section: TrainSection) -> dict[str, Any]:
    """Settings by their dotted names, as numbers and texts."""
    settings = flat("", section.model_dump(mode="json"))
    given = {name: value for name, value in settings.items() if value is not None}
    return {n: x if isinstance(x, (int, float, str)) else str(x) for n, x in given.items()}
