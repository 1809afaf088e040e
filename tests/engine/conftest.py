"""Engines over the tiny model: bare, with an adapter, with trained weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from talkwright.types import BaseModel


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Tiny tensors gain nothing from more threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_base(tiny_base, tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    """The tiny model with a head of its own and wilder weights: as it is, it repeats its last token."""
    import shutil

    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = Path(shutil.copytree(tiny_base.path, tmp_path_factory.mktemp("models") / "wild"))
    config = AutoConfig.from_pretrained(folder, tie_word_embeddings=False)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        model = AutoModelForCausalLM.from_config(config)
        for weight in model.parameters():
            if weight.ndim > 1:
                torch.nn.init.normal_(weight, 0, 0.2)
    model.save_pretrained(str(folder))
    return BaseModel("tiny", str(folder), "a test", "apache-2.0", "1" * 64)


def random_adapter(base: BaseModel, folder: Path, **settings: Any) -> Path:
    """An adapter with random weights, saved beside nothing else."""
    import torch
    from peft import LoraConfig, get_peft_model

    from talkwright.models import load_weights

    with torch.random.fork_rng():
        torch.manual_seed(11)
        config = LoraConfig(
            **{"r": 4, "target_modules": "all-linear", "init_lora_weights": False, **settings}
        )
        get_peft_model(load_weights(base, precision="fp32"), config).save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="session")
def adapter(tiny_base, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_adapter(tiny_base, tmp_path_factory.mktemp("adapters") / "adapter")


@pytest.fixture(scope="session")
def narrow_adapter(tiny_base, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that names its modules by their last name only."""
    folder = tmp_path_factory.mktemp("adapters") / "narrow"
    return random_adapter(tiny_base, folder, target_modules=["q_proj", "v_proj"])


@pytest.fixture(scope="session")
def bare(tiny_base, tiny_template):
    """The base model alone, in fp32."""
    from talkwright.engine import load_engine

    return load_engine(tiny_base, tiny_template, name="bare", precision="fp32")


@pytest.fixture(scope="session")
def engine(tiny_base, tiny_template, adapter):
    """The base model with the random adapter, in fp32."""
    from talkwright.engine import load_engine

    return load_engine(tiny_base, tiny_template, name="run", tuned=adapter, precision="fp32")


@pytest.fixture(scope="session")
def prompts(tiny_template) -> list[list[int]]:
    """Five chats, of 13 to 45 tokens."""
    from talkwright.types import Message

    texts = ("hi", "How long does it glow?", "x", "Ünïcödé 漢字", "What is the name of the lamp?")
    return [tiny_template.prompt_ids([Message("user", text)]) for text in texts]
