"""How much each sign of a contradiction counts. Written by scripts/weigh.py: do not edit."""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "share": -1.196,
    "asked of both": 1.227,
    "longer": -0.679,
    "same ends": 2.198,
    "same words": 2.677,
    "one denies": 1.206,
    "both deny": 2.26,
    "both deny first": -1.93,
    "same answer": -2.736,
    "one says yes or no": -1.023,
    "sure": 0.503,
    "both hedge": -1.038,
    "sides apart": 2.058,
    "opposites": 1.615,
    "amounts apart": 1.797,
    "amounts agree": -2.063,
    "one amount": 0.897,
    "value asked": 0.755,
    "many right": -1.302,
    "always": -0.533,
}
