"""How much work a run is: tokens of its steps and of its largest forward pass, from lengths of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, pairwise
from typing import Any, NamedTuple

from talkwright.config import TrainSection
from talkwright.models import LONGEST_SHORT_ROW, computed_before, filled_up, until_last_supervised
from talkwright.train.model import VIRTUAL
from talkwright.train.passes import cuts, in_order, may_share_beginnings
from talkwright.train.plan import Plan, evenly, make_plan, rows_of_steps
from talkwright.train.scoring import SCORING_TOKENS, scoring_cuts
from talkwright.types import Example

LOOKED_AT = 2000  # steps whose rows are laid out; a longer run's other steps are like them
ROWS_LOOKED_AT = 20_000  # ... and no more rows than these, for large steps


@dataclass(frozen=True, slots=True)
class Rows:
    """Lengths of the training rows and how many of their tokens are supervised, and the lengths of the
    validation rows; `known` says in words where they come from.

    `examples` are the training rows themselves and `validation_examples` those of validation, which only
    tell what several of them begin with, and where the last word to learn is; without them nothing is
    taken to be common. `most`: all rows are cut to so many tokens.
    """

    lengths: Sequence[int]
    supervised: Sequence[int]
    validation: Sequence[int]
    known: str
    examples: Sequence[Example] = ()
    validation_examples: Sequence[Example] = ()
    most: int | None = None
    steps: dict[Any, list[list[_Row]]] = field(default_factory=dict, repr=False, compare=False)
    """Steps laid out already, and loads measured: the same for many settings that a plan tries."""
    loads: dict[str, Load] = field(default_factory=dict, repr=False, compare=False)

    def cut(self, most: int) -> Rows:
        """These rows with `most` tokens each at the most."""
        return replace(self, most=most, loads={})


@dataclass(frozen=True, slots=True)
class Load:
    """A run's work. Means are of an optimizer step: `passes`; `tokens`; `supervised`; `padded` tokens,
    which are computed: with padding where batches have it, without what an earlier row of a pass begins
    with; and `squares`, the sum of squared row lengths. `largest` is the largest pass in such tokens;
    `scoring` the largest batch of validation; `largest_squares` the squares of the largest pass.
    `filled` and `filled_largest` are `padded` and `largest` where passes are filled up (`where_filled`).
    Of rows that see up to LONGEST_SHORT_ROW tokens the most that a pass has: `largest_short` tokens,
    for which `largest_short_scores` are kept."""

    steps: int
    validations: int
    passes: float
    most_passes: int
    tokens: float
    supervised: float
    padded: float
    squares: float
    largest: int
    largest_supervised: int
    longest: int
    scoring: int
    validation_tokens: int
    largest_squares: float = 0.0
    largest_short: int = 0
    largest_short_scores: int = 0
    filled: float = 0.0
    filled_largest: int = 0

    def where_filled(self, precision: str, *, gpu: bool) -> Load:
        """This work as it is laid out in a precision: in bf16 on a CPU passes are filled up to a
        multiple of LENGTH_STEP tokens."""
        if precision != "bf16" or gpu:
            return self
        return replace(self, padded=self.filled, largest=self.filled_largest)


class _Row(NamedTuple):
    """A row of a step. Tokens: `length` all, `laid` up to the last supervised one, `common` of those
    that the row before it has computed already."""

    length: int
    laid: int
    supervised: int
    common: int


def make_load(
    rows: Rows, section: TrainSection, *, padded: bool, seed: int, alone: bool = False
) -> Load:
    """Lay out the rows of a run as the loop will, and measure. `padded` and `alone`: the model's."""
    same = section.model_copy(update={"recompute": "none", "quantise": "none", "precision": "fp32"})
    key = f"{seed} {padded} {alone} {same.model_dump_json()}"
    if key not in rows.loads:
        rows.loads[key] = _measure(rows, section, padded=padded, seed=seed, alone=alone)
    return rows.loads[key]


def _measure(rows: Rows, section: TrainSection, *, padded: bool, seed: int, alone: bool) -> Load:
    plan = make_plan(section, len(rows.lengths))
    virtual = section.virtual_tokens if section.method in VIRTUAL else 0
    padded = padded or bool(virtual)
    share = may_share_beginnings(section, padded=padded, alone=alone)
    steps = _steps(rows, plan, section.batch_size, seed, padded=padded)
    sums = dict.fromkeys(("passes", "tokens", "supervised", "padded", "squares", "filled"), 0.0)
    largest = largest_supervised = most = longest = filled_largest = 0
    largest_squares = 0.0
    largest_short = (0, 0)
    for step in steps:
        borders = cuts([row.length for row in step], section, 0, padded=padded)
        most = max(most, len(borders) - 1)
        sums["passes"] += len(borders) - 1
        for start, end in pairwise(borders):
            group = step[start:end]
            laid, squares, longest_here = _laid(group, padded=padded, share=share, virtual=virtual)
            filled = filled_up(laid)
            if padded:
                filled = len(group) * (filled_up(longest_here - virtual) + virtual)
            if not padded:
                largest_short = max(largest_short, _short(group, share=share))
            supervised = sum(row.supervised for row in group)
            sums["tokens"] += sum(row.length + virtual for row in group)
            sums["padded"] += laid
            sums["filled"] += filled
            sums["supervised"] += supervised
            sums["squares"] += squares
            largest_supervised = max(largest_supervised, supervised)
            largest, longest = max(largest, laid), max(longest, longest_here)
            filled_largest = max(filled_largest, filled)
            largest_squares = max(largest_squares, squares)
    means = {name: value / len(steps) for name, value in sums.items()}
    scored = [
        _laid(group, padded=padded, share=share, virtual=virtual)[0]
        for group in _scored(rows, section.eval_rows, padded=padded)
    ]
    return Load(
        steps=plan.steps,
        validations=1 + -(-plan.steps // plan.eval_every) if scored else 0,
        most_passes=most,
        largest=largest,
        largest_supervised=largest_supervised,
        largest_squares=largest_squares,
        largest_short=largest_short[1],
        largest_short_scores=largest_short[0],
        filled_largest=filled_largest,
        longest=longest,
        scoring=max(scored, default=0),
        validation_tokens=sum(scored),
        **means,
    )


def _laid(group: Sequence[_Row], *, padded: bool, share: bool, virtual: int) -> tuple[int, float, int]:
    """Tokens that a pass over these rows computes, the sum of their squared lengths, and the longest."""
    lengths = [row.laid + virtual for row in group]
    longest = max(lengths)
    if padded:
        return longest * len(lengths), len(lengths) * longest**2, longest
    common = _common(group, share=share)
    return sum(lengths) - sum(common), sum(n * n for n in lengths) - sum(n * n for n in common), longest


def _short(group: Sequence[_Row], *, share: bool) -> tuple[int, int]:
    """What is kept of the scores of short rows of a pass without padding (models/short_rows.py), and how
    many tokens are computed of these rows."""
    sizes = zip((row.laid for row in group), _common(group, share=share), strict=True)
    own = [(n, n - common) for n, common in sizes if n <= LONGEST_SHORT_ROW]
    scores = sum(filled_up(n) * filled_up(computed) for n, computed in own)
    return scores, sum(computed for _, computed in own)


def _common(group: Sequence[_Row], *, share: bool) -> list[int]:
    """How many tokens of each row of a pass are computed already; the first finds nothing computed."""
    return [0, *(row.common if share else 0 for row in group[1:])]


def _steps(rows: Rows, plan: Plan, batch_size: int, seed: int, *, padded: bool) -> list[list[_Row]]:
    """The rows of the first steps, each step in the order in which the loop lays them out."""
    key = (plan.rows, min(plan.steps, LOOKED_AT), batch_size, seed, padded)
    if key not in rows.steps:
        looked_at = max(1, min(LOOKED_AT, ROWS_LOOKED_AT // batch_size))
        rows.steps[key] = [
            _in_order(rows, numbers, padded=padded)
            for numbers in islice(rows_of_steps(plan, batch_size, seed), looked_at)
        ]
    return [_cut(step, rows.most) for step in rows.steps[key]]


def _scored(rows: Rows, eval_rows: int, *, padded: bool) -> list[list[_Row]]:
    """The rows of each batch of a validation, in the order in which they are laid out."""
    key = ("validation", eval_rows, rows.most, padded)
    if key not in rows.steps:
        numbers = evenly(range(len(rows.validation)), eval_rows)
        most = rows.most or max([0, *rows.validation])
        lengths = [min(int(rows.validation[n]), most) for n in numbers]
        borders = scoring_cuts(lengths, SCORING_TOKENS)
        rows.steps[key] = [
            _cut(_scored_together(rows, numbers[start:end], padded=padded), rows.most)
            for start, end in pairwise(borders)
            if end > start
        ]
    return rows.steps[key]


def _cut(group: list[_Row], most: int | None) -> list[_Row]:
    """These rows with `most` tokens each at the most."""
    return group if most is None else [_Row(*(min(n, most) for n in row)) for row in group]


def _in_order(rows: Rows, numbers: Sequence[int], *, padded: bool) -> list[_Row]:
    """One step: rows by their tokens, where those are known, else by length alone."""
    if rows.examples:
        return _by_tokens([rows.examples[n] for n in numbers], padded=padded)
    found = [(int(rows.lengths[n]), int(rows.supervised[n])) for n in numbers]
    return [_Row(length, length, supervised, 0) for length, supervised in sorted(found)]


def _scored_together(rows: Rows, numbers: Sequence[int], *, padded: bool) -> list[_Row]:
    """One batch of a validation, in the same way. How many tokens are supervised says nothing there."""
    if rows.validation_examples:
        return _by_tokens([rows.validation_examples[n] for n in numbers], padded=padded)
    return [_Row(length, length, 0, 0) for length in sorted(int(rows.validation[n]) for n in numbers)]


def _by_tokens(group: Sequence[Example], *, padded: bool) -> list[_Row]:
    examples = in_order(group, padded=padded)
    ids = [until_last_supervised(example)[0] for example in examples]
    common = [0] * len(ids) if padded else computed_before(ids)
    return [
        _Row(len(example.input_ids), len(laid), example.n_supervised, known)
        for example, laid, known in zip(examples, ids, common, strict=True)
    ]
