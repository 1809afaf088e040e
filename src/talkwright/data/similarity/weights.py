"""How much each sign of a contradiction counts. Written by scripts/weigh.py: do not edit."""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "share": -1.134,
    "asked of both": 1.286,
    "longer": -0.691,
    "same ends": 2.133,
    "same words": 2.715,
    "one denies": 1.078,
    "both deny": 1.89,
    "both deny first": -1.898,
    "same answer": -2.851,
    "one says yes or no": -1.073,
    "sure": 0.49,
    "both hedge": -1.074,
    "sides apart": 2.129,
    "opposites": 1.128,
    "amounts apart": 1.822,
    "amounts agree": -2.012,
    "one amount": 0.877,
    "value asked": 0.605,
    "many right": -1.295,
    "always": -0.527,
}
