"""Marks of a chat template at the edges of what is said: `<s>...</s>`, `<|endoftext|>` and the like.

A tokenizer puts them there, and who exported its text kept them. Inside a text they stay: there they may
be what the talk is of, and the doctor names them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_BEGINNING = (
    "<s>", "<bos>", "<|begin_of_text|>", "<|startoftext|>", "<\uff5cbegin\u2581of\u2581sentence\uff5c>",
)  # fmt: skip
_END = (
    "</s>", "<eos>", "<end_of_turn>", "<|end_of_text|>", "<|endoftext|>", "<|im_end|>", "<|eot_id|>",
    "<|eom_id|>", "<|end|>", "<\uff5cend\u2581of\u2581sentence\uff5c>",
)  # fmt: skip
_OF_TOKENS = re.compile(
    r"\b(?:tokens?|tokeni[sz]\w{1,6}|eos|bos|eot|chat template|stop (?:word|sequence|string)s?)\b",
    re.IGNORECASE,
)
_NAMING = (":", "`", "'", '"', "=")  # what stands before a mark that is talked about


def has_edges(texts: Sequence[str]) -> bool:
    """Say whether `without_edges` changes one of these, and none of them talks about such marks."""
    found = any(without_edges(text) != text for text in texts if "<" in text)
    return found and not any(_OF_TOKENS.search(without_edges(text)) for text in texts)


def without_edges(text: str) -> str:
    """A text without the marks at its edges; `<s>` strikes out where it is closed before the end."""
    bare = text.strip()
    while bare.startswith(_BEGINNING):
        bare = bare[bare.index(">") + 1 :].lstrip()
    while bare.endswith(_END):
        bare = bare[: bare.rindex("<")].rstrip()
    changed = len(bare) < len(text.strip()) and "<s>" not in bare and "</s>" not in bare
    return bare if changed and not bare.endswith(_NAMING) else text
