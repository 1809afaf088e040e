"""Rows, settings and a short way to train on the tiny model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Sums in one order, here and in the processes that tests start; tiny tensors gain nothing from "
    "more."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def rows(tiny_template):
    """Ten training rows of 47 to 77 tokens, two of them with two answers to learn."""
    from talkwright.types import Conversation, Message

    conversations = []
    for n in range(10):
        messages = [
            Message("user", f"Q{n}" + "?" * (n % 4)),
            Message("assistant", "yes " * (n % 3 + 1) + str(n)),
        ]
        conversations.append(Conversation(tuple(messages * (2 if n in (4, 7) else 1))))
    return [example for each in tiny_template.encode_all(conversations) for example in each]


@pytest.fixture
def section() -> Callable[..., Any]:
    """A train section: fp32, batches of 4, a constant rate; keywords change it."""
    from talkwright.config import LoraSection, TrainSection

    def make(*, lora: dict[str, Any] | None = None, **changes: Any) -> TrainSection:
        settings = {
            "precision": "fp32",
            "batch_size": 4,
            "max_steps": 4,
            "schedule": "constant",
            "warmup_steps": 0,
            "learning_rate": 5e-3,
            **changes,
        }
        if lora is not None:
            settings["lora"] = LoraSection(**lora)
        return TrainSection(**settings)

    return make


@pytest.fixture
def train_tiny(tiny_base, tiny_template, rows, section, tmp_path) -> Callable[..., Path]:
    """Train the tiny model and return the artefact's folder."""
    from talkwright.train import train

    def run(
        name: str = "run",
        *,
        rows: list[Any] = rows,
        validation: Any = (),
        seed: int = 7,
        key: str = "k",
        **settings: Any,
    ) -> Path:
        out = tmp_path / name / "train"
        train(
            tiny_base,
            tiny_template,
            rows,
            list(validation),
            section(**settings),
            seed=seed,
            out=out,
            key=key,
        )
        return out

    return run


@pytest.fixture(scope="session")
def weights_of() -> Callable[[Path], dict[str, Any]]:
    """The tensors a training artefact holds."""
    from safetensors.torch import load_file

    def read(out: Path) -> dict[str, Any]:
        (file,) = [*out.glob("adapter/*.safetensors"), *out.glob("model/*.safetensors")]
        return load_file(file)

    return read


@pytest.fixture(scope="session")
def metrics_of() -> Callable[[Path], list[dict[str, Any]]]:
    """A training artefact's metrics, without the one thing that differs from run to run."""
    from talkwright.runs import read_jsonl

    def read(out: Path) -> list[dict[str, Any]]:
        kept = list(read_jsonl(out / "metrics.jsonl"))
        return [{name: value for name, value in row.items() if name != "seconds"} for row in kept]

    return read
