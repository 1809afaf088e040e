"""Adapters on a base model: loading one and merging one into the weights."""

from __future__ import annotations

import re
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from talkwright.errors import ArtefactError, ModelError, OutOfMemory, is_out_of_memory, needs_memory
from talkwright.models.load import load_config, load_weights, without_peft_noise
from talkwright.runs import MANIFEST, artefact, file_digest, read_json
from talkwright.types import BaseModel, content_id, to_json


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
            # PEFT itself saves the base's embeddings, too, where an adapter is on them.
            stored = {name for name in file.keys() if not name.endswith(".base_layer.weight")}  # noqa: SIM118
        with without_peft_noise():
            warnings.simplefilter("ignore", UserWarning)  # missing weights are refused below
            adapted = PeftModel.from_pretrained(
                model, str(folder), local_files_only=True, autocast_adapter_dtype=False
            )
    except (
        OSError, ValueError, KeyError, TypeError, RuntimeError, MemoryError, SafetensorError,
    ) as error:  # fmt: skip
        if is_out_of_memory(error):
            instead = "Close other programs, or raise the limit (`ulimit -v`)."
            raise OutOfMemory(f"out of memory in loading the adapter {folder}. {instead}") from None
        raise ArtefactError(f"{folder}: the adapter does not fit its base model: {error}") from None
    if differing := stored ^ set(get_peft_model_state_dict(adapted, save_embedding_layers=False)):
        raise ArtefactError(
            f"{folder}: the adapter does not fit its base model: {len(differing)} of its weights or the "
            f"model's have no counterpart, among them {min(differing)}. Load it on the base it was "
            "trained on."
        )
    return adapted


def merge_adapter(
    base: BaseModel,
    adapter: Path,
    out: Path,
    *,
    precision: Literal["bf16", "fp32"] | None = None,
    quantise: Literal["none", "nf4"] = "none",
) -> None:
    """Write a model folder `out` with the adapter's update added to the base's weights.

    Sums are made in fp32 and rounded once, to `precision` (None: the base's own), so all of the base
    must fit into memory in fp32. An adapter that was trained on a base in 4 bits (`quantise`) is added
    to what those 4 bits stand for, which it learnt to correct: on the whole base it answers otherwise.
    Raises ModelError for prefix and prompt tuning, whose learnt tokens are no change of any weight.
    """
    _refuse_learnt_tokens(adapter)
    model: Any = load_weights(base, precision="fp32", quantise=quantise)
    if quantise != "none":
        # bitsandbytes unpacks in the precision it computes in, which is fp32 here.
        model = model.dequantize()
        model.is_loaded_in_4bit = False  # it is not any more, and PEFT would refuse to merge IA3
    shared: Any = model.get_input_embeddings().weight
    with without_peft_noise():
        adapted = load_adapter(model, adapter)
        _untie(adapted, shared)
        # PEFT says in the config what is not tied any more.
        merged = adapted.merge_and_unload(safe_merge=True)
    if precision == "bf16" or (precision is None and _is_half(base)):
        import torch

        merged = merged.to(torch.bfloat16)
    if hasattr(merged.config, "quantization_config"):
        del merged.config.quantization_config
    merged.save_pretrained(str(out), safe_serialization=True)
    written = {path.name for path in out.iterdir()}
    for file in Path(base.path).iterdir():
        describes = file.suffix in (".json", ".jinja", ".txt", ".model") and ".index." not in file.name
        describes = describes or file.name.startswith("LICENSE")
        if file.is_file() and describes and file.name not in (*written, MANIFEST):
            shutil.copyfile(file, out / file.name)
    # The licence goes with the weights; the base's own card would say what is no longer true.
    plain = re.fullmatch(r"[\w.+-]+", base.licence)
    card = f"---\nlicense: {base.licence}\n---\n" if plain else ""
    (out / "README.md").write_text(f"{card}{base.name} with an adapter merged into it.\n", "utf-8")


def _untie(adapted: Any, shared: Any) -> None:
    """Give the module that has an update of its own, and shares the embeddings' weight, a copy of it.

    What it learnt is added to one end of the model alone; merged into a weight that both ends share it
    would change the other, too.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer
    from torch import nn

    modules = list(adapted.modules())
    tuned = [m for m in modules if isinstance(m, BaseTunerLayer)]
    ends = [m for m in modules if getattr(m, "weight", None) is shared and m not in tuned]
    for base in (m.get_base_layer() for m in tuned if len(ends) > 1):
        if base in ends:
            base.weight = nn.Parameter(shared.detach().clone(), requires_grad=False)


def write_merged(
    base: BaseModel, adapter: Path, out: Path, save_template: Callable[[Path], None], **how: Any
) -> None:
    """`merge_adapter` into a new folder that is whole or not there, with tokenizer and template.

    Raises ArtefactError when `out` is there already, or when there is no adapter to merge.
    """
    whole = adapter.parent / "model"
    if not adapter.is_dir() and (whole / "config.json").is_file():
        raise ArtefactError(
            f"{adapter.parent.parent}: trained all weights, so there is nothing to merge; {whole} is a "
            "model folder as it is"
        )
    if out.exists() or out.is_symlink():
        raise ArtefactError(f"{out}: there is already something of this name; name another folder")
    weights = adapter / "adapter_model.safetensors"
    made = {"base": to_json(base), "adapter": file_digest(weights) if weights.is_file() else None}
    instead = "All of the base must fit in fp32 to be merged: merge on a machine with more memory."
    with (
        needs_memory("in merging", instead),
        artefact(out, kind="merged model", key=content_id(made, 64), about=made) as folder,
    ):
        merge_adapter(base, adapter, folder, **how)
        save_template(folder)


def _is_half(base: BaseModel) -> bool:
    dtype = getattr(load_config(base).get_text_config(), "dtype", None)
    return str(dtype).removeprefix("torch.") in ("bfloat16", "float16")


def base_of_adapter(adapter: Path) -> str:
    """The base model that an adapter of another tool names. Raises ArtefactError when it names none."""
    named = read_json(adapter / "adapter_config.json").get("base_model_name_or_path")
    if not named:
        raise ArtefactError(f"{adapter}: its adapter_config.json does not name the base it belongs to")
    return str(named)


def _refuse_learnt_tokens(adapter: Path) -> None:
    file = adapter / "adapter_config.json"
    if file.is_file() and read_json(file).get("peft_type") in ("PREFIX_TUNING", "PROMPT_TUNING"):
        raise ModelError(
            f"{adapter}: learnt tokens (prefix or prompt tuning) change no weight, so they cannot be "
            "merged; serve the adapter as it is, or train with `method: lora`"
        )
