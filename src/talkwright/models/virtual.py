"""Learnt tokens before every row: prefix tuning (keys and values) and prompt tuning (embeddings).

PEFT adds them in its own forward pass, which makes logits of every position and ignores positions.
Here they are added to the inputs of the bare model instead, so that training and serving score and
decode in the same way with them as without; a test compares the two.
"""

from __future__ import annotations

from typing import Any

from talkwright.errors import TrainError


def virtual_tokens(model: Any) -> int:
    """How many learnt tokens stand before every row; 0 for any other adapter, or none."""
    config = getattr(model, "active_peft_config", None)
    return config.num_virtual_tokens if config is not None and config.is_prompt_learning else 0


def with_virtual_tokens(model: Any, inputs: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Inputs of the bare model with the learnt tokens in front of each row, and how many positions of
    its output are theirs.

    `inputs` holds `input_ids`, `position_ids` and `attention_mask` (None: nothing is padding), all
    [rows, n], with positions counted as if there were no learnt tokens.
    """
    import torch

    count = virtual_tokens(model)
    if not count:
        return inputs, 0
    if "row_lengths" in inputs:
        raise TrainError("learnt tokens before every row need padded batches; this one is flat")
    ids, positions, mask = inputs["input_ids"], inputs["position_ids"], inputs.get("attention_mask")
    rows = ids.shape[0]
    if mask is not None:
        mask = torch.cat([mask.new_ones(rows, count), mask], 1)
    prompt = model.get_prompt(rows)
    given: dict[str, Any] = {"attention_mask": mask, "position_ids": positions + count}
    if not isinstance(prompt, torch.Tensor):  # a key-value cache that holds the prefix
        return {**given, "input_ids": ids, "past_key_values": prompt}, 0
    words = model.word_embeddings(ids)
    first = torch.arange(count, device=ids.device).expand(rows, count)
    given["position_ids"] = torch.cat([first, given["position_ids"]], 1)
    return {**given, "inputs_embeds": torch.cat([prompt.to(words.dtype), words], 1)}, count
