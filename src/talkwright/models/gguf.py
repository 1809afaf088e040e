"""A GGUF file as a model folder: weights dequantised, tokenizer rebuilt, licence read."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from talkwright.errors import ModelError, OutOfMemory, is_out_of_memory
from talkwright.models.load import first_line, load_errors, refuse_missing

# How llama.cpp's `tokenizer.ggml.pre` names cut text before merging. transformers rebuilds a plain
# byte-level tokenizer for all of them, which for some splits numbers and spaces differently from the
# model's own; these are the ones whose rule is known and restored here.
_PLAIN = ("gpt-2", "default", "")
_DIGITS_FIRST = ("smollm", "starcoder", "refact", "command-r")


def convert_gguf(path: Path, out: Path) -> str:
    """Write the model in a GGUF file to `out` as safetensors with its tokenizer; return its licence.

    Raises ModelError for a file that is damaged or whose architecture or tokenizer is not supported.
    """
    fields = _read_fields(path)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    # The loader reports every tensor it converts; the progress of a run is shown elsewhere.
    logging.getLogger("transformers").setLevel(logging.ERROR)
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)
        model, info = AutoModelForCausalLM.from_pretrained(
            str(path.parent),
            gguf_file=path.name,
            output_loading_info=True,
            quantization_config=GgufConfig(dequantize=True),
            dtype=getattr(torch, fields["dtype"]),
        )
    except load_errors() as error:
        if is_out_of_memory(error):
            raise OutOfMemory(
                f"out of memory in unpacking {path}. Close other programs, or raise the limit "
                "(`ulimit -v`)."
            ) from None
        raise ModelError(f"{path}: this GGUF cannot be loaded: {first_line(error)}") from None
    refuse_missing(path, info["missing_keys"])
    _restore_pretokenizer(tokenizer, fields.get("tokenizer.ggml.pre", ""), path)
    model.save_pretrained(str(out))
    tokenizer.save_pretrained(str(out))
    return str(fields.get("general.license", "unknown"))


def _read_fields(path: Path) -> dict[str, Any]:
    """What the file says of itself, and as "dtype" the precision that keeps its weights."""
    import gguf

    with open(path, "rb") as file:
        if file.read(4) != b"GGUF":
            raise ModelError(f"{path}: does not begin like a GGUF file")
    try:
        reader = gguf.GGUFReader(path)
        wanted = (
            "general.license",
            "tokenizer.ggml.pre",
            "tokenizer.ggml.model",
            "general.architecture",
        )
        found = {name: reader.fields[name].contents() for name in wanted if name in reader.fields}
        kinds = {tensor.tensor_type.name for tensor in reader.tensors if len(tensor.shape) > 1}
    except load_errors() as error:
        raise ModelError(f"{path}: damaged GGUF file: {first_line(error)}") from None
    # bf16 keeps all that a quantised weight says, but not all of an fp16 or fp32 one.
    return {**found, "dtype": "float32" if kinds & {"F16", "F32", "F64"} else "bfloat16"}


def _restore_pretokenizer(tokenizer: Any, kind: str, path: Path) -> None:
    from tokenizers import pre_tokenizers

    if kind in _PLAIN or not isinstance(
        tokenizer.backend_tokenizer.pre_tokenizer, pre_tokenizers.ByteLevel
    ):
        return
    if kind not in _DIGITS_FIRST:
        raise ModelError(
            f"{path}: its tokenizer cuts text by the rule '{kind}', which cannot be restored exactly "
            "from a GGUF. Use the model's folder or hub id instead."
        )
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
