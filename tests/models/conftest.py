"""A cache of the tests' own, copies of the tiny model to damage, and small GGUF files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where found models go in a test; the person's own cache is left alone."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("TALKWRIGHT_CACHE", str(folder))
    return folder


@pytest.fixture
def folder(tiny_base, tmp_path: Path) -> Path:
    """A copy of the tiny model's folder."""
    return Path(shutil.copytree(tiny_base.path, tmp_path / "model"))


@pytest.fixture
def write_gguf(tmp_path: Path) -> Callable[..., tuple[Path, dict[str, Any]]]:
    """Write a tiny Llama as GGUF; gives the file and the weights in it by their transformers names."""

    def write(
        name: str = "tiny.gguf", *, pre: str | None = "smollm", omit: str = "", halves: bool = False
    ) -> tuple[Path, dict[str, Any]]:
        import gguf
        import numpy as np
        import torch
        from tokenizers import pre_tokenizers
        from transformers import LlamaConfig, LlamaForCausalLM

        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        tokens = [*alphabet, "12", "Ġa", "ĠĠ", "<|im_start|>", "<|im_end|>"]
        config = LlamaConfig(
            vocab_size=len(tokens),
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=64,
            tie_word_embeddings=False,
            pad_token_id=None,
        )
        torch.manual_seed(5)
        weights = {n: w.detach() for n, w in LlamaForCausalLM(config).named_parameters()}
        if halves:
            weights = {n: w.half().float() if w.ndim > 1 else w for n, w in weights.items()}
        writer = gguf.GGUFWriter(str(tmp_path / name), "llama")
        writer.add_name("tiny")
        writer.add_license("mit")
        writer.add_context_length(64)
        writer.add_embedding_length(32)
        writer.add_block_count(2)
        writer.add_feed_forward_length(48)
        writer.add_head_count(4)
        writer.add_head_count_kv(2)
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
        writer.add_rope_freq_base(10000.0)
        writer.add_vocab_size(len(tokens))
        writer.add_tokenizer_model("gpt2")
        if pre is not None:
            writer.add_tokenizer_pre(pre)
        writer.add_token_list(tokens)
        kinds = [gguf.TokenType.NORMAL] * (len(tokens) - 2) + [gguf.TokenType.CONTROL] * 2
        writer.add_token_types(kinds)
        writer.add_token_merges(["1 2", "Ġ a", "Ġ Ġ"])
        writer.add_bos_token_id(len(tokens) - 2)
        writer.add_eos_token_id(len(tokens) - 1)
        writer.add_chat_template("{{ messages[0]['content'] }}")
        names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 2)
        for name_here, weight in weights.items():
            theirs = names.get_name(name_here, try_suffixes=(".weight",))
            assert theirs
            values = weight.numpy()
            for part, heads in (("q_proj", 4), ("k_proj", 2)):
                if part in name_here:  # llama.cpp pairs rotary dimensions in another order
                    rows = values.shape[0] // heads // 2
                    values = values.reshape(heads, 2, rows, -1).swapaxes(1, 2).reshape(values.shape)
            if halves and weight.ndim > 1:
                values = values.astype(np.float16)
            if not omit or omit not in theirs:
                writer.add_tensor(theirs, np.ascontiguousarray(values))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return tmp_path / name, weights

    return write
