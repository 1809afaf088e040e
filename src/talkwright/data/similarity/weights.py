"""How much each sign of a contradiction counts. Written by scripts/weigh.py: do not edit."""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "share": -1.181,
    "asked of both": 1.206,
    "longer": -0.695,
    "same ends": 2.159,
    "same words": 2.688,
    "one denies": 1.122,
    "both deny": 2.084,
    "both deny first": -2.128,
    "same answer": -2.681,
    "one says yes or no": -1.02,
    "sure": 0.503,
    "both hedge": -0.952,
    "sides apart": 2.103,
    "opposites": 1.331,
    "amounts apart": 1.751,
    "amounts agree": -2.05,
    "one amount": 0.897,
    "value asked": 0.707,
    "many right": -1.312,
    "always": -0.479,
}
