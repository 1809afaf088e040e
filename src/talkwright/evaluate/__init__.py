"""Held-out conversations and an engine in; replies, scores and losses, item by item, out.

In: an `Engine` (asked as one of its variants), conversations that end with the assistant's answer,
and the recipe's `evaluate` section. Out: an artefact of kind "evaluation" with `items.jsonl` (prompt,
reference, reply and scores of each item) and `losses.jsonl` (summed log-likelihood of each
conversation). Replies and losses are cached as they are made, so a killed evaluation goes on where it
was and a repeated one asks the engine nothing.

Refuses: nothing to evaluate at all (DataError). What cannot be measured on one item is stored as None
with the reason, never as zero. Read `evaluation.py` first, then `score.py` for the metrics and
`facts.py` for the rule of fact recall. Totals and intervals are the compare stage's business.
"""

from __future__ import annotations

from talkwright.evaluate.evaluation import evaluate
from talkwright.evaluate.items import select_items

__all__ = ["evaluate", "select_items"]
