"""Replies and losses from an engine, in batches, each asked for once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from talkwright.evaluate.cache import Cache
from talkwright.progress import bar
from talkwright.types import Example, Reply, Sampling, content_id, to_json

if TYPE_CHECKING:
    from talkwright.engine import Engine


def make_replies(
    engine: Engine,
    variant: str,
    prompts: Mapping[str, Sequence[int]],
    sampling: Sampling,
    *,
    batch_size: int,
    cache: Cache,
    weights: str,
) -> dict[str, Reply]:
    """Answer prompts (item id → token ids); replies come back under the same ids.

    Every batch is on disk before the next one is asked. `Reply.seconds` of a cached reply is the time
    it took when it was made.
    """
    fixed = {
        "weights": weights,
        "variant": variant,
        "template": engine.template.fingerprint,
        "sampling": to_json(sampling),
    }
    keys = {item: content_id({**fixed, "prompt": list(ids)}, 32) for item, ids in prompts.items()}
    # Batches are cut from all prompts, known or not: a resumed evaluation then asks in the same
    # company as an uninterrupted one, and padding or a shared random state cannot change a reply.
    with bar(f"replies of {variant}", total=len(prompts), unit="reply") as shown:
        for batch in _batches(prompts, batch_size):
            unknown = {keys[item]: prompts[item] for item in batch if _reply(cache, keys[item]) is None}
            if unknown:
                answers = engine.generate(list(unknown.values()), sampling, variant=variant)
                cache.add(
                    {
                        key: {
                            "text": engine.template.decode(list(answer.ids)),
                            "finish": answer.finish,
                            "n_prompt": len(ids),
                            "n_reply": len(answer.ids),
                            "seconds": float(answer.seconds),
                        }
                        for (key, ids), answer in zip(unknown.items(), answers, strict=True)
                    }
                )
            shown.update(len(batch))
    replies = {item: _reply(cache, key) for item, key in keys.items()}
    return {item: reply for item, reply in replies.items() if reply is not None}


def measure_losses(
    engine: Engine,
    variant: str,
    examples: Mapping[str, Sequence[Example]],
    *,
    batch_size: int,
    cache: Cache,
    weights: str,
) -> dict[str, tuple[float | None, int]]:
    """Sum the negative log-likelihood (nats) and supervised tokens over each item's examples.

    The loss is None where the engine's figure is not a finite number.
    """
    fixed = {"weights": weights, "variant": variant, "template": engine.template.fingerprint}
    named = {f"{item} {i}": example for item, rows in examples.items() for i, example in enumerate(rows)}
    keys = {
        name: content_id({**fixed, "ids": example.input_ids, "labels": example.labels}, 32)
        for name, example in named.items()
    }
    sequences = {name: example.input_ids for name, example in named.items()}
    with bar(f"loss of {variant}", total=len(named), unit="row") as shown:
        for batch in _batches(sequences, batch_size):
            unknown = {keys[name]: named[name] for name in batch if _loss(cache, keys[name]) is None}
            if unknown:
                found = engine.nll(list(unknown.values()), variant=variant)
                cache.add(
                    {
                        key: {"nll": float(nll) if math.isfinite(nll) else None, "tokens": int(tokens)}
                        for key, (nll, tokens) in zip(unknown, found, strict=True)
                    }
                )
            shown.update(len(batch))
    losses: dict[str, tuple[float | None, int]] = {}
    for item, rows in examples.items():
        parts = [_loss(cache, keys[f"{item} {i}"]) or (None, 0) for i in range(len(rows))]
        sums = [nll for nll, _ in parts if nll is not None]
        whole = len(sums) == len(parts)
        losses[item] = (math.fsum(sums) if whole else None, sum(tokens for _, tokens in parts))
    return losses


def _batches(sequences: Mapping[str, Sequence[int]], size: int) -> list[list[str]]:
    # Equal lengths together waste no padding; the longest first, so that what does not fit into
    # memory fails at once and not at the end.
    order = sorted(sequences, key=lambda name: (-len(sequences[name]), name))
    return [order[start : start + size] for start in range(0, len(order), size)]


def _reply(cache: Cache, key: str) -> Reply | None:
    row = _row(cache, key, {"text", "finish", "n_prompt", "n_reply", "seconds"})
    return None if row is None else Reply(**row)


def _loss(cache: Cache, key: str) -> tuple[float | None, int] | None:
    row = _row(cache, key, {"nll", "tokens"})
    return None if row is None else (row["nll"], row["tokens"])


def _row(cache: Cache, key: str, names: set[str]) -> dict[str, Any] | None:
    row = cache.get(key)
    return row if row is not None and row.keys() == names else None
