"""How much each sign of a contradiction counts, and each that two questions ask the same.

Written by scripts/weigh.py: do not edit.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "share": -1.462,
    "asked of both": 1.268,
    "longer": -1.011,
    "same ends": 2.867,
    "same words": 3.04,
    "one denies": 1.682,
    "both deny": 2.139,
    "both deny first": -1.365,
    "same answer": -2.478,
    "one says yes or no": -0.796,
    "sure": 0.748,
    "both hedge": -0.494,
    "sides apart": 2.89,
    "opposites": 1.793,
    "amounts apart": 1.991,
    "amounts agree": -2.095,
    "one amount": 0.889,
    "value asked": 0.946,
    "many right": -1.666,
    "always": -0.647,
}

SAME: Final[dict[str, float]] = {
    "alone": -0.371,
    "both alone": -0.577,
    "rare": 0.378,
    "cover": 2.332,
    "shared": 0.772,
    "same sort": 1.283,
    "other sort": -1.807,
    "other detail": -2.738,
    "one detail": -0.779,
    "contrast": -4.832,
    "always": -1.757,
}
