"""How much each sign of a contradiction counts, and each that two questions ask the same.

Written by scripts/weigh.py: do not edit.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "share": -1.213,
    "shorter": 1.294,
    "same ends": 3.421,
    "same words": 3.269,
    "one denies": 1.269,
    "both deny": 2.065,
    "both deny first": -1.454,
    "one refuses": 0.589,
    "same answer": -2.636,
    "one says yes or no": -0.851,
    "sure": 0.701,
    "both hedge": -0.615,
    "sides apart": 2.88,
    "opposites": 1.241,
    "first amounts apart": 2.283,
    "amounts meet": -1.124,
    "amounts agree": -0.957,
    "one amount": 0.619,
    "value asked": 1.443,
    "many right": -1.834,
    "always": -4.427,
}

SAME: Final[dict[str, float]] = {
    "alone": -0.314,
    "both alone": -0.548,
    "told": 0.949,
    "both answer": 0.449,
    "rare": 0.246,
    "cover": 2.922,
    "shared": 0.642,
    "same sort": 1.171,
    "other sort": -1.703,
    "other detail": -2.499,
    "one detail": -0.717,
    "contrast": -4.642,
    "always": -2.395,
}
