"""The tiny model and rows that `chaos.py` trains on."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class World:
    """The tiny model and rows, and what a run of one piece leaves, by how often it saves."""

    base: Any
    template: Any
    rows: list[Any]
    folder: Path
    wanted: dict[int, dict[str, bytes]] = field(default_factory=dict)
    seconds: float = 0.0
    calls: dict[int, int] = field(default_factory=dict)  # on the disk, in one training


def make_world(folder: Path) -> World:
    """Import and make all that trials share, in the process that they are forked from."""
    os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    import peft  # noqa: F401 - imported here once instead of in every trial
    import torch
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    import talkwright.train.loop  # noqa: F401
    from talkwright.template import Template
    from talkwright.types import BaseModel, Conversation, Message

    torch.set_num_threads(1)  # a pool of threads would not live through a fork
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    control = ["<|im_start|>", "<|im_end|>"]
    backend.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in control])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        chat_template="{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + "
        "'<|im_end|>' + '\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    )
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=256,
            initializer_range=0.1,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    place = folder / "model"
    model.save_pretrained(str(place))
    tokenizer.save_pretrained(str(place))
    chats = [
        Conversation(
            (Message("user", f"Q{n}" + "?" * n), Message("assistant", f"{'yes ' * (n % 3)}{n}"))
        )
        for n in range(10)
    ]
    template = Template.load(str(place))
    rows = [example for each in template.encode_all(chats) for example in each]
    return World(BaseModel("tiny", str(place), "chaos", "apache-2.0", "0" * 64), template, rows, folder)
