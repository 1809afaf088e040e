"""How much each sign of a contradiction counts, and each that two questions ask the same.

Written by scripts/weigh.py: do not edit.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "share": -1.333,
    "shorter": 1.226,
    "same ends": 3.614,
    "same words": 3.212,
    "one denies": 0.878,
    "both deny": 1.492,
    "both deny first": -1.113,
    "same answer": -2.777,
    "one says yes or no": -0.993,
    "sure": 0.82,
    "both hedge": -0.619,
    "sides apart": 2.564,
    "opposites": 1.208,
    "amounts meet": -1.221,
    "amounts agree": -1.113,
    "one amount": 0.648,
    "rules out": 1.174,
    "first amounts apart": 2.406,
    "one refuses": 0.63,
    "value asked": 1.557,
    "many right": -2.199,
    "always": -4.167,
}

SAME: Final[dict[str, float]] = {
    "alone": -0.323,
    "both alone": -0.613,
    "told": 0.955,
    "both answer": 0.528,
    "rare": 0.546,
    "cover": 2.942,
    "shared": 0.354,
    "same sort": 0.913,
    "other sort": -0.914,
    "one value": -0.702,
    "other detail": -1.912,
    "one detail": -1.028,
    "contrast": -4.98,
    "always": -2.043,
}
