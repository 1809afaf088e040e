"""How much each sign of a contradiction counts, and each that two questions ask the same.

Written by scripts/weigh.py: do not edit.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "share": -1.715,
    "asked of both": 1.187,
    "longer": -0.809,
    "same ends": 2.859,
    "same words": 2.831,
    "one denies": 1.697,
    "both deny": 2.029,
    "both deny first": -1.614,
    "same answer": -2.702,
    "one says yes or no": -0.788,
    "sure": 0.815,
    "both hedge": -0.59,
    "sides apart": 2.86,
    "opposites": 1.669,
    "amounts apart": 2.274,
    "amounts agree": -2.017,
    "one amount": 0.982,
    "value asked": 0.878,
    "many right": -1.399,
    "always": -0.683,
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
