"""How much each sign of a contradiction counts, and each that two questions ask the same.

Written by scripts/weigh.py: do not edit.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "share": -1.677,
    "asked of both": 1.18,
    "longer": -0.827,
    "same ends": 2.896,
    "same words": 2.883,
    "one denies": 1.735,
    "both deny": 2.058,
    "both deny first": -1.48,
    "same answer": -2.788,
    "one says yes or no": -0.827,
    "sure": 0.807,
    "both hedge": -0.566,
    "sides apart": 2.809,
    "opposites": 1.651,
    "amounts apart": 2.296,
    "amounts agree": -2.086,
    "one amount": 1.028,
    "value asked": 0.847,
    "many right": -1.466,
    "always": -0.67,
}

SAME: Final[dict[str, float]] = {
    "alone": -0.41,
    "both alone": -0.669,
    "rare": 0.532,
    "cover": 2.476,
    "shared": 0.781,
    "same sort": 1.39,
    "other sort": -1.407,
    "other detail": -3.051,
    "one detail": -0.763,
    "contrast": -5.041,
    "always": -1.798,
}
