"""What `train.start_from` names: the adapter or the weights of an earlier run, to go on from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkwright.config import TrainSection
from talkwright.errors import ArtefactError, TrainError
from talkwright.models import load_config
from talkwright.runs import file_digest, manifest, read_json
from talkwright.types import BaseModel, content_id

if TYPE_CHECKING:
    from torch import Tensor


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
    """Raise TrainError when what `train.start_from` names was made of another base model.

    A run says which, and so does a merged model. Of an adapter of another tool its shapes are all there
    is to go by; weights of another tool must at least be of the base's architecture and tokenizer.
    """
    if section.start_from is None:
        return
    full = section.method == "full"
    folder = model_folder(section.start_from) if full else adapter_folder(section.start_from)
    if folder.resolve() == Path(base.path).resolve():  # all weights, named as the base itself
        return
    made_of = _made_of(folder, "model" if full else "adapter")
    if made_of is None:
        if full:
            _refuse_other_kind(base, folder)
    elif made_of["digest"] != base.digest:
        raise TrainError(
            f"train.start_from: {folder} was trained on '{made_of['name']}', whose files differ from "
            f"those of '{base.name}' ({base.path}). Name the base model it was trained on as `model:`"
        )


def _made_of(folder: Path, kind: str) -> dict[str, Any] | None:
    """The base model that weights were trained on or merged into; None where nothing says so."""
    for place, its_kind in ((folder.parent, kind), (folder, "merged model")):
        try:
            base: dict[str, Any] = manifest(place, its_kind)["about"]["base"]
        except (ArtefactError, KeyError):
            continue
        return base
    return None


def _refuse_other_kind(base: BaseModel, folder: Path) -> None:
    """Raise TrainError where weights are of another architecture than the base, or come with another
    vocabulary: rows are encoded by the base's, and it is what the run is compared with."""
    there = BaseModel(folder.name, str(folder), str(folder), base.licence, "")
    texts = [load_config(each).get_text_config() for each in (there, base)]
    differing = []
    for name in ("model_type", "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads"):
        then, now = (getattr(text, name, None) for text in texts)
        if then != now:
            differing.append(f"{name} is {then} there and {now} in the base model")
    words = [_vocabulary(Path(each.path)) for each in (there, base)]
    if None not in words and words[0] != words[1]:
        differing.append("its tokenizer gives other ids than the base model's")
    if differing:
        raise TrainError(
            f"train.start_from: {folder} was not made of '{base.name}': {'; '.join(differing)}. Name "
            "the model it was trained on as `model:`, or this folder itself, and leave start_from out"
        )


def _vocabulary(folder: Path) -> dict[str, int] | None:
    """Ids by token of a model folder's tokenizer; None where it has none of the usual form."""
    try:
        found = read_json(folder / "tokenizer.json")
        words = found["model"]["vocab"]
        pairs = words.items() if isinstance(words, dict) else ((w[0], n) for n, w in enumerate(words))
        return {**dict(pairs), **{each["content"]: each["id"] for each in found["added_tokens"]}}
    except (ArtefactError, OSError, KeyError, TypeError, IndexError):
        return None


def go_on_from(adapted: Any, section: TrainSection, folder: Path) -> None:
    """Give a fresh adapter the values of the one in `folder`. Raises as `earlier_weights` does."""
    from peft import set_peft_model_state_dict

    weights = earlier_weights(adapted.active_peft_config, shapes_of(adapted), section, folder)
    set_peft_model_state_dict(adapted, weights)


def shapes_of(adapted: Any) -> dict[str, tuple[int, ...]]:
    """Shapes of an adapter's weights, by the names they have in its file."""
    from peft import get_peft_model_state_dict

    found = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    return {name: tuple(tensor.shape) for name, tensor in found.items()}


def earlier_weights(
    made: Any, shapes: dict[str, tuple[int, ...]], section: TrainSection, folder: Path
) -> dict[str, Tensor]:
    """Weights by name of the adapter in `folder`, for a fresh one with the configuration `made`.

    Raises TrainError when it is of another kind or shape, ArtefactError when it cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        config = read_json(folder / "adapter_config.json")
        stored: dict[str, Tensor] = load_file(folder / "adapter_model.safetensors")
    except (OSError, SafetensorError) as error:
        raise ArtefactError(f"{folder}: the adapter cannot be read: {error}") from None
    differing = [
        f"{name} is {config.get(name)!r} there and {value!r} here"
        for name, value in _settings_wanted(section).items()
        if config.get(name) != value
    ]
    strange = [] if differing else _strange_settings(config, made)
    if strange:
        raise TrainError(
            f"train.start_from: the adapter in {folder} asks for what is not trained here, and "
            f"without it it would be another function: {'; '.join(strange)}. Merge it into its base "
            "with the tool that made it, and name the merged model as `model:`"
        )
    there = {name: tuple(tensor.shape) for name, tensor in stored.items()}
    if not differing and there != shapes:
        odd = sorted(n for n in {*there, *shapes} if there.get(n) != shapes.get(n))
        differing = [f"{len(odd)} of its weights are of other modules or shapes, the first {odd[0]}"]
    if differing:
        raise TrainError(
            f"train.start_from: the adapter in {folder} is not the one this recipe describes: "
            f"{'; '.join(differing)}. Give the recipe the adapter's settings"
        )
    return stored


def _strange_settings(config: dict[str, Any], here: Any) -> list[str]:
    """What else an adapter's configuration asks for, which this one's does not and no recipe can."""
    made = json.loads(json.dumps(here.to_dict(), default=lambda value: sorted(map(str, value))))
    strange = []
    for name, value in config.items():
        if name in _CHANGES_NOTHING or not value or value == made.get(name, False):
            continue
        if name.startswith("init_") and value in _LEAVES_THE_BASE:
            continue
        strange.append(f"{name} is {str(value)[:60]}")
    return strange


# Nothing of what an adapter computes; which modules it is on is told by names and shapes of its weights.
_CHANGES_NOTHING = {
    "auto_mapping", "base_model_name_or_path", "eva_config", "exclude_modules", "fan_in_fan_out",
    "feedforward_modules",
    "inference_mode", "layers_pattern", "layers_to_transform", "lora_alpha", "lora_dropout",
    "megatron_core", "modules_to_save", "num_virtual_tokens", "peft_type", "peft_version",
    "prompt_tuning_init", "prompt_tuning_init_text", "r", "revision", "runtime_config", "target_modules",
    "task_type", "tokenizer_kwargs", "tokenizer_name_or_path", "use_dora", "use_rslora",
}  # fmt: skip
_LEAVES_THE_BASE = (True, "gaussian", "eva", "orthogonal")  # the others take away from it what they add


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
