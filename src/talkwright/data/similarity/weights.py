"""How much each sign of a contradiction counts, and each that two questions ask the same.

Written by scripts/weigh.py: do not edit.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "share": -1.19,
    "shorter": 1.314,
    "same ends": 3.401,
    "same words": 3.257,
    "one denies": 1.296,
    "both deny": 2.067,
    "both deny first": -1.455,
    "same answer": -2.631,
    "one says yes or no": -0.854,
    "sure": 0.727,
    "both hedge": -0.596,
    "sides apart": 2.893,
    "opposites": 1.267,
    "amounts meet": -1.15,
    "amounts agree": -0.948,
    "one amount": 0.609,
    "first amounts apart": 2.275,
    "one refuses": 0.557,
    "value asked": 1.551,
    "many right": -1.822,
    "always": -4.506,
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
