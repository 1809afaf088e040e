"""How much each sign of a contradiction counts. Written by scripts/weigh.py: do not edit."""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "share": -1.324,
    "asked of both": 1.312,
    "longer": -0.725,
    "same ends": 2.378,
    "same words": 2.788,
    "one denies": 1.295,
    "both deny": 1.987,
    "both deny first": -1.531,
    "same answer": -2.831,
    "one says yes or no": -0.909,
    "sure": 0.555,
    "both hedge": -1.055,
    "sides apart": 2.083,
    "opposites": 1.807,
    "amounts apart": 1.729,
    "amounts agree": -2.09,
    "one amount": 0.897,
    "value asked": 0.614,
    "many right": -1.321,
    "always": -0.535,
}
