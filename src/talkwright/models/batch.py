"""Rows laid out for one forward pass.

Flat: rows one after another in a single sequence, without padding. Where rows begin with the same
tokens (a system prompt; a chat exported once after every turn), these stand there once: in a causal
model the hidden state of a position depends on the tokens before it alone, so it is the same in all of
them, and the gradients of all of them meet in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypedDict

from talkwright.errors import TrainError
from talkwright.types import IGNORED, Example

if TYPE_CHECKING:
    from torch import Tensor

WORTH_SHARING = 8  # tokens at the beginning; for fewer, a row's own copy costs less than the detour

LENGTH_STEP = 16
"""Positions to a multiple of which batches are filled up in bf16 on a CPU: oneDNN, which multiplies
there, compiles a product for every size that it meets and keeps its code (docs/log.md, 2026-11-23)."""

Runs = tuple[tuple[int, int], ...]
"""Parts of the flat sequence, each from its first position to the one after its last."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows ready for the model.

    `ids` and `positions` are [1, n] (flat) or [rows, longest] (padded); `lengths` are the rows' lengths,
    without what `before` lends them, and, of a flat batch that is filled up, the filling's; `scored`
    holds indices into the flattened positions whose next token is supervised, and `targets` those
    tokens, both [supervised]. `before` says for each row where in the flat sequence the tokens are that
    stand before its own; None: nothing is shared.
    """

    ids: Tensor
    positions: Tensor
    lengths: tuple[int, ...]
    scored: Tensor
    targets: Tensor
    padding: Tensor | None = None
    before: tuple[Runs, ...] | None = None


class BatchLayout(TypedDict):
    """How the rows of a run are laid out, in training and scoring alike: what `make_batch` takes."""

    padded: bool
    device: Any
    share: bool
    step: int


def make_batch(
    examples: Sequence[Example],
    *,
    padded: bool = False,
    device: Any = "cpu",
    share: bool = False,
    step: int = 1,
) -> Batch:
    """Lay out rows. Tokens after a row's last supervised one can change nothing and are left out.

    With `share`, which is for flat batches, rows are put in another order and common beginnings stand
    once; the sum of the losses is the same. The length of the whole, or of padded rows, is filled up to
    a multiple of `step`. Raises TrainError for a row with nothing to learn.
    """
    kept = [until_last_supervised(example) for example in examples]
    if padded:
        return _padded(kept, device, step)
    return _flat(kept, device, step, share=share)


def filled_up(count: int, step: int = LENGTH_STEP) -> int:
    """The least multiple of `step` that is no less."""
    return -(-count // step) * step


def until_last_supervised(example: Example) -> tuple[list[int], list[int]]:
    """Ids that are computed, and the label that each of them is to predict. Raises TrainError for a row
    with nothing to learn."""
    last = max((n for n, label in enumerate(example.labels) if label != IGNORED), default=0)
    if last == 0:
        raise TrainError(
            f"row {example.conversation or '?'} has no supervised token; it teaches nothing"
        )
    return list(example.input_ids[:last]), list(example.labels[1 : last + 1])


def _padded(kept: list[tuple[list[int], list[int]]], device: Any, step: int) -> Batch:
    import torch

    lengths = tuple(len(ids) for ids, _ in kept)
    width = filled_up(max(lengths), step)
    ids = [row + [row[-1]] * (width - len(row)) for row, _ in kept]
    found = [
        (number * width + n, label)
        for number, (_, labels) in enumerate(kept)
        for n, label in enumerate(labels)
        if label != IGNORED
    ]
    # Beyond a row's end its last place again: rotary frequencies may depend on the last (`rotary.py`).
    last = torch.tensor(lengths, device=device)[:, None] - 1
    return Batch(
        ids=torch.tensor(ids, device=device),
        positions=torch.arange(width, device=device).expand(len(kept), width).minimum(last),
        lengths=lengths,
        scored=torch.tensor([n for n, _ in found], device=device),
        targets=torch.tensor([label for _, label in found], device=device),
        padding=torch.tensor([[n < length for n in range(width)] for length in lengths], device=device),
    )


def computed_before(rows: Sequence[Sequence[int]]) -> list[int]:
    """How many tokens at the beginning of each of these rows, which are in order, the row before it has
    computed already: what they have in common, where that is worth the detour.

    Of all rows in order the one just before has the longest beginning in common with a row.
    """
    common = [0] + [_common_beginning(a, b) for a, b in pairwise(rows)]
    return [n if n >= WORTH_SHARING else 0 for n in common][: len(rows)]


def _flat(kept: list[tuple[list[int], list[int]]], device: Any, step: int, *, share: bool) -> Batch:
    import torch

    if share:
        kept = sorted(kept)
    known = computed_before([row for row, _ in kept]) if share else [0] * len(kept)
    ids: list[int] = []
    positions: list[int] = []
    scored: list[int] = []
    targets: list[int] = []
    before: list[Runs] = []
    lengths: list[int] = []
    whole: Runs = ()  # where in `ids` the tokens of the row before are
    for (row, labels), common in zip(kept, known, strict=True):
        lent = _first(whole, common)
        taken = sum(stop - start for start, stop in lent)
        whole = (*lent, (len(ids), len(ids) + len(row) - taken))
        places = [n for start, stop in whole[:-1] for n in range(start, stop)]
        places += range(len(ids), len(ids) + len(row) - taken)
        for place, label in zip(places, labels, strict=True):
            if label != IGNORED:
                scored.append(place)
                targets.append(label)
        before.append(lent)
        lengths.append(len(row) - taken)
        ids += row[taken:]
        positions += range(taken, len(row))
    if filling := filled_up(len(ids), step) - len(ids):  # a row of its own, of which nothing is learnt
        before.append(())
        lengths.append(filling)
        ids += ids[:1] * filling
        positions += range(filling)
    return Batch(
        ids=torch.tensor([ids], device=device),
        positions=torch.tensor([positions], device=device),
        lengths=tuple(lengths),
        scored=torch.tensor(scored, device=device),
        targets=torch.tensor(targets, device=device),
        before=tuple(before) if any(before) else None,
    )


def _common_beginning(a: Sequence[int], b: Sequence[int]) -> int:
    for n, (one, other) in enumerate(zip(a, b, strict=False)):
        if one != other:
            return n
    return min(len(a), len(b))


def _first(runs: Runs, count: int) -> Runs:
    """The first `count` positions of runs."""
    found = []
    for start, stop in runs:
        stop = min(stop, start + count)
        if stop > start:
            found.append((start, stop))
            count -= stop - start
    return tuple(found)
