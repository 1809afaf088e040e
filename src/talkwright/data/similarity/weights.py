"""How much each sign of a contradiction counts, and each that two questions ask the same.

Written by scripts/weigh.py: do not edit.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "share": -1.667,
    "asked of both": 1.176,
    "longer": -0.827,
    "same ends": 2.883,
    "same words": 2.86,
    "one denies": 1.717,
    "both deny": 2.045,
    "both deny first": -1.62,
    "same answer": -2.723,
    "one says yes or no": -0.792,
    "sure": 0.808,
    "both hedge": -0.589,
    "sides apart": 2.85,
    "opposites": 1.665,
    "amounts apart": 2.289,
    "amounts agree": -2.087,
    "one amount": 1.02,
    "value asked": 0.857,
    "many right": -1.424,
    "always": -0.698,
}

SAME: Final[dict[str, float]] = {
    "alone": -0.405,
    "both alone": -0.687,
    "rare": 0.565,
    "cover": 2.543,
    "shared": 0.783,
    "same sort": 1.367,
    "other sort": -1.557,
    "other detail": -3.725,
    "contrast": -5.02,
    "always": -1.947,
}
