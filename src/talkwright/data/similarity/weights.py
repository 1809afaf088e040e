"""How much each sign of a contradiction counts, and each that two questions ask the same.

Written by scripts/weigh.py: do not edit.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "share": -1.234,
    "shorter": 1.287,
    "same ends": 3.494,
    "same words": 3.285,
    "one denies": 1.281,
    "both deny": 2.07,
    "both deny first": -1.432,
    "one refuses": 0.619,
    "same answer": -2.611,
    "one says yes or no": -0.833,
    "sure": 0.722,
    "both hedge": -0.586,
    "sides apart": 2.889,
    "opposites": 1.259,
    "first amounts apart": 2.217,
    "amounts meet": -1.092,
    "amounts agree": -0.973,
    "one amount": 0.629,
    "value asked": 1.325,
    "many right": -1.803,
    "always": -4.466,
}

SAME: Final[dict[str, float]] = {
    "alone": -0.318,
    "both alone": -0.553,
    "told": 0.915,
    "both answer": 0.47,
    "rare": 0.242,
    "cover": 2.907,
    "shared": 0.661,
    "same sort": 1.19,
    "other sort": -1.7,
    "other detail": -2.5,
    "one detail": -0.723,
    "contrast": -4.756,
    "always": -2.397,
}
