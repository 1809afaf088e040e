"""Too little memory outside the training step: what it was needed for, and what to do."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
import torch

from talkwright.errors import ModelError, OutOfMemory, TrainError, is_out_of_memory, needs_memory
from talkwright.runs import artefact
from talkwright.train import checkpoint, loop

LINUX = "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried to "


def lacking(kind: type[Exception]) -> Any:
    """A function that runs out of memory in one of the ways there are."""

    def fails(*_given: Any, **_named: Any) -> Any:
        if kind is OSError:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        raise kind("" if kind is MemoryError else LINUX)

    return fails


@pytest.mark.parametrize("kind", [RuntimeError, MemoryError, torch.OutOfMemoryError, OSError])
@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("transformers.AutoModelForCausalLM.from_pretrained", "loading the base model 'tiny': its "),
        ("talkwright.train.session.Masters", r"making the model ready for training.*quantise: nf4"),
        ("safetensors.torch.save_file", r"writing the checkpoint of step 2\..*the same command goes on"),
        ("talkwright.train.loop.save_model", r"writing what was trained\..*the same command goes on"),
    ],
)  # fmt: skip
def test_it_is_said_in_what(
    place: str, said: str, kind: type[Exception], train_tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind is OSError and "transformers" not in place:
        pytest.skip("the system says so where files are mapped")
    monkeypatch.setattr(place, lacking(kind))
    with pytest.raises(OutOfMemory, match=f"^out of memory in {said}"):
        train_tiny(save_every=2)


def test_the_best_weights_and_a_checkpoint_that_is_read(
    train_tiny: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = checkpoint.save_best
    with monkeypatch.context() as patch:
        patch.setattr("safetensors.torch.save_file", lacking(RuntimeError))
        with pytest.raises(OutOfMemory, match="in writing the best weights"):
            train_tiny("best", validation=rows[:2], patience=1)
    assert checkpoint.save_best is save
    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_model", lacking(RuntimeError))
        with pytest.raises(OutOfMemory):
            train_tiny()
    with monkeypatch.context() as patch:
        patch.setattr("safetensors.torch.load_file", lacking(RuntimeError))
        with pytest.raises(OutOfMemory, match=r"in reading .*step-000004"):
            train_tiny()
    train_tiny()


def test_merging_and_its_adapter(
    train_tiny: Any, tiny_base: Any, tiny_template: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from talkwright.models import write_merged

    adapter = train_tiny(max_steps=1) / "adapter"
    for place, said in (
        ("peft.PeftModel.from_pretrained", "in loading the adapter .*adapter"),
        ("peft.tuners.lora.LoraModel.merge_and_unload", "in merging.*must fit in fp32"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(place, lacking(RuntimeError))
            with pytest.raises(OutOfMemory, match=said):
                write_merged(tiny_base, adapter, tmp_path / "merged", tiny_template.save)
        assert not (tmp_path / "merged").exists()


def test_what_is_no_lack_of_memory_stays_what_it_is(
    train_tiny: Any, tiny_base: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_given: Any, **_named: Any) -> Any:
        raise RuntimeError("size mismatch")

    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", broken)
    with pytest.raises(ModelError, match="cannot be loaded: size mismatch"):
        train_tiny()
    for error in (
        TrainError("out of memory with one row at a time"), ValueError("out of memory"),
        OSError(errno.ENOSPC, "No space left on device"), RuntimeError("shapes"),
    ):  # fmt: skip
        assert not is_out_of_memory(error)
        with pytest.raises(type(error)), needs_memory("in this", "Do that."):
            raise error


def test_an_artefact_passes_it_on(tmp_path: Path) -> None:
    said = pytest.raises(OutOfMemory, match=r"^out of memory in this\. Do that\.$")
    with said, needs_memory("in this", "Do that."), artefact(tmp_path / "a", kind="k", key="k"):
        raise MemoryError
    assert not list(tmp_path.iterdir())
