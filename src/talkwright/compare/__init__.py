"""Two evaluations of the same held-out conversations in; a verdict for each metric out.

In: two artefacts of kind "evaluation" and the recipe's `compare` section. Out: one `Comparison` a
metric: both values, the difference B - A, its interval, and "better", "worse" or "no evidence"; with
`write_comparison`, an artefact of kind "comparison"; with `as_text`, a table for the terminal.

Refuses: evaluations that are damaged, or that share no conversation (ArtefactError). What cannot be
computed is None with the reason. Read `comparison.py` first, then `stats.py` for the interval and the
verdict. Never loads torch.
"""

from __future__ import annotations

from talkwright.compare.comparison import compare, totals, write_comparison
from talkwright.compare.metrics import METRICS
from talkwright.compare.text import as_text

__all__ = ["METRICS", "as_text", "compare", "totals", "write_comparison"]
