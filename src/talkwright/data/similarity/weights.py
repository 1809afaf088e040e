"""How much each sign of a contradiction counts. Written by scripts/weigh.py: do not edit."""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "share": -0.281,
    "one says it all": -0.537,
    "say alike": -0.086,
    "asked of both": 1.505,
    "longer": -0.781,
    "same ends": 1.994,
    "same words": 2.69,
    "one denies": 1.113,
    "both deny": 1.839,
    "both deny first": -1.97,
    "sure": 0.48,
    "both hedge": -1.043,
    "same answer": -2.931,
    "yes and no": -1.514,
    "one says yes or no": -1.18,
    "sides apart": 2.334,
    "opposites": 1.103,
    "amounts apart": 1.832,
    "amounts agree": -2.027,
    "one amount": 0.866,
    "value asked": 0.555,
    "many right": -1.313,
    "always": -0.655,
}
