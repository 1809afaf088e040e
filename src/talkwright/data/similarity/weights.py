"""How much each sign of a contradiction counts. Written by scripts/weigh.py: do not edit."""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "share": -1.17,
    "asked of both": 1.231,
    "longer": -0.692,
    "same ends": 2.137,
    "same words": 2.641,
    "one denies": 1.1,
    "both deny": 2.099,
    "both deny first": -2.15,
    "same answer": -2.703,
    "one says yes or no": -1.034,
    "sure": 0.497,
    "both hedge": -0.94,
    "sides apart": 2.096,
    "opposites": 1.27,
    "amounts apart": 1.817,
    "amounts agree": -1.983,
    "one amount": 0.915,
    "value asked": 0.586,
    "many right": -1.364,
    "always": -0.465,
}
