"""Results as small neat text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import click

from talkwright.types import IGNORED, Comparison, Counts


def comparison_table(comparisons: Sequence[Comparison], a: str = "base", b: str = "tuned") -> str:
    """A against B, a line a metric, as `compare` draws it."""
    from talkwright.compare import as_text

    return as_text(list(comparisons), a, b)


def counts_lines(counts: Counts) -> str:
    """The sums of a row ledger; the most frequent reason first."""

    def listed(numbers: Mapping[str, int]) -> str:
        most_first = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
        return ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in most_first) or "none"

    dropped = sum(counts.dropped.values())
    splits = ", ".join(f"{name} {number}" for name, number in counts.splits.items())
    again = {name: n for name, n in counts.lines.items() if n != counts.splits.get(name)}
    if again:
        splits += "; with repeated rows " + ", ".join(f"{name} {n} lines" for name, n in again.items())
    # The ledger names what was done to dropped rows too.
    of = " (of the rows kept)" if dropped else ""
    return (
        f"read {counts.read} = kept {counts.kept} + dropped {dropped}\n"
        f"  dropped   {listed(counts.dropped)}\n"
        f"  repaired  {listed(counts.repaired)}{of if counts.repaired else ''}\n"
        f"  marked    {listed(counts.marked)}{of if counts.marked else ''}\n"
        f"  splits    {splits}"
    )


def summary_lines(summary: Mapping[str, Any]) -> str:
    """A training summary, a line a number; lists and sections stay in the file."""
    plain = {name: value for name, value in summary.items() if not isinstance(value, (dict, list))}
    width = max(map(len, plain), default=0)
    return "\n".join(
        f"{name.replace('_', ' '):<{width}}  {f'{value:.4g}' if isinstance(value, float) else value}"
        for name, value in plain.items()
    )


def tokens_text(example: Mapping[str, Any], *, ids: bool, colour: bool) -> str:
    """Tokens of one example as text: supervised ones coloured, or in [[double brackets]]."""
    rows = zip(example["tokens"], example["input_ids"], example["labels"], strict=True)
    parts = []
    for learnt, group in groupby(rows, key=lambda row: row[2] != IGNORED):
        text = "".join(f"{token}⟨{token_id}⟩" if ids else token for token, token_id, _ in group)
        if colour:
            parts.append(
                click.style(text, fg="black", bg="green") if learnt else click.style(text, dim=True)
            )
        else:
            parts.append(f"[[{text}]]" if learnt else text)
    return "".join(parts)
