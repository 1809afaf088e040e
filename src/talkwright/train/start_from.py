"""What `train.start_from` names: the adapter or the weights of an earlier run, to go on from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from talkwright.config import TrainSection
from talkwright.errors import ArtefactError, TrainError
from talkwright.runs import file_digest, manifest, read_json
from talkwright.types import BaseModel, content_id


def adapter_folder(name: str) -> Path:
    """The adapter that `train.start_from` names: a run's folder, its `train` folder or its own."""
    start = Path(name)
    places = (start / "train" / "adapter", start / "adapter", start)
    for place in places:
        if (place / "adapter_config.json").is_file():
            return place
    if any((place / "config.json").is_file() for place in (start / "train" / "model", start / "model")):
        raise TrainError(
            f"train.start_from: {start} holds all weights of a model, not an adapter. Write "
            "`method: full`, or name its `model` folder as `model:` and leave start_from out"
        )
    raise TrainError(f"train.start_from: {start} holds no adapter (adapter_config.json)")


def model_folder(name: str) -> Path:
    """The weights that `train.start_from` names for `method: full`."""
    start = Path(name)
    for place in (start / "train" / "model", start / "model", start):
        if (place / "config.json").is_file():
            return place
    raise TrainError(
        f"train.start_from: {start} holds no model (config.json). An adapter is gone on from with the "
        "method it was made by, not with `method: full`"
    )


def start_digest(section: TrainSection) -> list[str]:
    """Hash of the weights that `train.start_from` names, if it names any."""
    if section.start_from is None:
        return []
    find = model_folder if section.method == "full" else adapter_folder
    folder = find(section.start_from)
    return [content_id([[p.name, file_digest(p)] for p in sorted(folder.glob("*.safetensors"))], 64)]


def refuse_other_base(base: BaseModel, section: TrainSection) -> None:
    """Raise TrainError when `train.start_from` is a run on another base model."""
    if section.start_from is None or section.method == "full":
        return
    folder = adapter_folder(section.start_from).parent
    try:
        trained_on = manifest(folder, "adapter")["about"]["base"]
    except (ArtefactError, KeyError):
        return  # an adapter of another tool: its shapes are all there is to go by
    if trained_on["digest"] != base.digest:
        raise TrainError(
            f"train.start_from: {folder} was trained on '{trained_on['name']}', whose files differ from "
            f"those of '{base.name}' ({base.path}). Name the base model it was trained on as `model:`"
        )


def go_on_from(adapted: Any, section: TrainSection, folder: Path) -> None:
    """Give a fresh adapter the values of the one in `folder`.

    Raises TrainError when that is of another kind or shape, ArtefactError when it cannot be read.
    """
    from peft import get_peft_model_state_dict, set_peft_model_state_dict
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        config = read_json(folder / "adapter_config.json")
        stored = load_file(folder / "adapter_model.safetensors")
    except (OSError, SafetensorError) as error:
        raise ArtefactError(f"{folder}: the adapter cannot be read: {error}") from None
    differing = [
        f"{name} is {config.get(name)!r} there and {value!r} here"
        for name, value in _settings_wanted(section).items()
        if config.get(name) != value
    ]
    shapes = [
        {n: tuple(t.shape) for n, t in tensors.items()}
        for tensors in (stored, get_peft_model_state_dict(adapted, save_embedding_layers=False))
    ]
    if not differing and shapes[0] != shapes[1]:
        odd = sorted(n for n in {*shapes[0], *shapes[1]} if shapes[0].get(n) != shapes[1].get(n))
        differing = [f"{len(odd)} of its weights are of other modules or shapes, the first {odd[0]}"]
    if differing:
        raise TrainError(
            f"train.start_from: the adapter in {folder} is not the one this recipe describes: "
            f"{'; '.join(differing)}. Give the recipe the adapter's settings"
        )
    set_peft_model_state_dict(adapted, stored)


def _settings_wanted(section: TrainSection) -> dict[str, Any]:
    lora = section.lora
    if section.method == "lora":
        return {
            "peft_type": "LORA",
            "r": lora.rank,
            "lora_alpha": lora.alpha,
            "use_rslora": lora.rank_stabilised,
            "use_dora": lora.dora,
        }
    if section.method == "ia3":
        return {"peft_type": "IA3"}
    kind = "PREFIX_TUNING" if section.method == "prefix" else "PROMPT_TUNING"
    return {"peft_type": kind, "num_virtual_tokens": section.virtual_tokens}
