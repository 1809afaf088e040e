"""How probably two questions put in different words ask the same: weak signs, weighed together.

What both name, how rare that is, what one names that neither the other question nor its answer does, or
only the answer, what both answers name besides, and whether both ask for a thing of one sort.
The weights are fitted by logistic regression
(scripts/weigh.py) to the pairs of tests/data/pairs, as those of answers are.
"""

from __future__ import annotations

import math

from talkwright.data.similarity.likeness import Common, is_contrast, other_sort, own_differ
from talkwright.data.similarity.rewording import LIGHT_CONCEPTS, Asked, concepts_of
from talkwright.data.similarity.weights import SAME

_MOST = 4  # things that both name, from which one more proves nothing


def same_signs(a: Asked, answer: str, b: Asked, rival: str, common: Common) -> dict[str, float]:
    """The signs that two questions, with their answers, ask the same, by name; the same in either
    order."""
    said, retort = concepts_of(answer), concepts_of(rival)
    alone = sorted((len(a.about - b.about - retort), len(b.about - a.about - said)))
    told = len((a.about - b.about) & retort) + len((b.about - a.about) & said)
    both = (said & retort) - a.about - b.about - LIGHT_CONCEPTS
    return {
        "alone": float(sum(alone)),
        "both alone": float(alone[0]),
        "told": float(min(_MOST, told)),
        "both answer": float(min(_MOST, len(both))),
        "rare": float(min(_MOST - 1, common.rare)),
        "cover": common.cover,
        "shared": float(min(_MOST, len(a.about & b.about))),
        "same sort": float(a.sort == b.sort),
        "other sort": float(other_sort(a, b)),
        "other detail": float(own_differ(a, b)),
        "one detail": float(a.own != b.own),
        "contrast": float(is_contrast(a, b)),
    }


def alike(found: dict[str, float]) -> float:
    """The probability that two questions with these signs ask the same, 0 to 1."""
    # A new sign counts nothing until it is fitted.
    logit = sum(SAME.get(name, 0.0) * value for name, value in found.items()) + SAME["always"]
    return 1 / (1 + math.exp(-logit))
