"""How much each sign of a contradiction counts, and each that two questions ask the same.

Written by scripts/weigh.py: do not edit.
"""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
    "share": -1.355,
    "shorter": 1.22,
    "same ends": 3.692,
    "same words": 3.253,
    "one denies": 0.892,
    "both deny": 1.495,
    "both deny first": -1.112,
    "same answer": -2.748,
    "one says yes or no": -0.938,
    "sure": 0.815,
    "both hedge": -0.575,
    "sides apart": 2.873,
    "opposites": 1.227,
    "amounts meet": -1.242,
    "amounts agree": -1.159,
    "one amount": 0.659,
    "rules out": 1.184,
    "first amounts apart": 2.438,
    "one refuses": 0.626,
    "value asked": 1.55,
    "many right": -2.164,
    "always": -4.202,
}

SAME: Final[dict[str, float]] = {
    "alone": -0.319,
    "both alone": -0.611,
    "told": 0.859,
    "both answer": 0.536,
    "rare": 0.555,
    "cover": 2.926,
    "shared": 0.37,
    "same sort": 0.913,
    "other sort": -0.947,
    "one value": -0.682,
    "other detail": -2.11,
    "one detail": -0.75,
    "contrast": -5.099,
    "always": -2.109,
}
