"""Adapters on a base model: loading one and merging one into the weights."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any, Literal

from talkwright.errors import ArtefactError, ModelError
from talkwright.models.load import load_weights, without_peft_noise
from talkwright.models.virtual import virtual_tokens
from talkwright.types import BaseModel


def load_adapter(model: Any, folder: Path) -> Any:
    """Put the adapter in `folder` on a base model.

    Raises ArtefactError when it is not whole or does not fit: PEFT would go on with random weights.
    """
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import SafetensorError, safe_open

    weights = folder / "adapter_model.safetensors"
    for file in (folder / "adapter_config.json", weights):
        if not file.is_file():
            raise ArtefactError(f"{file}: no such file, so there is no adapter to load; train again")
    try:
        with safe_open(weights, "pt") as file:
            stored = set(file.keys())
        with without_peft_noise():
            warnings.simplefilter("ignore", UserWarning)  # missing weights are refused below
            adapted = PeftModel.from_pretrained(
                model, str(folder), local_files_only=True, autocast_adapter_dtype=False
            )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ArtefactError(f"{folder}: the adapter does not fit its base model: {error}") from None
    if differing := stored ^ set(get_peft_model_state_dict(adapted)):
        raise ArtefactError(
            f"{folder}: the adapter does not fit its base model: {len(differing)} of its weights or the "
            f"model's have no counterpart, among them {min(differing)}. Load it on the base it was "
            "trained on."
        )
    return adapted


def merge_adapter(
    base: BaseModel, adapter: Path, out: Path, *, precision: Literal["bf16", "fp32"]
) -> None:
    """Write a model folder `out` with the adapter's update added to the base's weights.

    An adapter that was trained on a quantised base is merged into the whole one, so the result is off
    what was trained by the error of quantisation. Raises ModelError for prefix and prompt tuning,
    whose learnt tokens are no change of any weight.
    """
    adapted = load_adapter(load_weights(base, precision=precision), adapter)
    if virtual_tokens(adapted):
        raise ModelError(
            f"{adapter}: learnt tokens (prefix or prompt tuning) change no weight, so they cannot be "
            "merged; serve the adapter as it is, or train with `method: lora`"
        )
    with without_peft_noise():
        merged = adapted.merge_and_unload(safe_merge=True)
    merged.save_pretrained(str(out), safe_serialization=True)
    written = {path.name for path in out.iterdir()}
    for file in Path(base.path).iterdir():
        describes = file.suffix in (".json", ".jinja", ".txt", ".model") and ".index." not in file.name
        if file.is_file() and describes and file.name not in written:
            shutil.copyfile(file, out / file.name)
