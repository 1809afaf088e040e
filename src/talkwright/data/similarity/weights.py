"""How much each sign of a contradiction counts. Written by scripts/weigh.py: do not edit."""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "share": -1.33,
    "asked of both": 1.346,
    "longer": -0.714,
    "same ends": 2.367,
    "same words": 2.792,
    "one denies": 1.274,
    "both deny": 1.871,
    "both deny first": -1.429,
    "same answer": -2.834,
    "one says yes or no": -0.904,
    "sure": 0.558,
    "both hedge": -1.041,
    "sides apart": 2.086,
    "opposites": 1.744,
    "amounts apart": 1.734,
    "amounts agree": -2.08,
    "one amount": 0.895,
    "value asked": 0.597,
    "many right": -1.329,
    "always": -0.54,
}
