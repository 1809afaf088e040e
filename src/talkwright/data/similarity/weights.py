"""How much each sign of a contradiction counts, and each that two questions ask the same.

Written by scripts/weigh.py: do not edit.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "share": -1.388,
    "shorter": 1.22,
    "same ends": 3.69,
    "same words": 3.322,
    "one denies": 0.878,
    "both deny": 1.486,
    "both deny first": -1.122,
    "same answer": -2.759,
    "one says yes or no": -0.949,
    "sure": 0.818,
    "both hedge": -0.587,
    "sides apart": 2.874,
    "opposites": 1.218,
    "amounts meet": -1.265,
    "amounts agree": -1.172,
    "one amount": 0.659,
    "rules out": 1.191,
    "first amounts apart": 2.42,
    "one refuses": 0.621,
    "value asked": 1.571,
    "many right": -2.183,
    "always": -4.172,
}

SAME: Final[dict[str, float]] = {
    "alone": -0.31,
    "both alone": -0.624,
    "told": 0.861,
    "both answer": 0.536,
    "rare": 0.554,
    "cover": 2.847,
    "shared": 0.38,
    "same sort": 1.227,
    "other sort": -1.983,
    "other detail": -2.115,
    "one detail": -0.729,
    "contrast": -5.068,
    "always": -2.432,
}
