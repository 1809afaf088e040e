"""Coarse and hateful words: a short list of what is never anything else, and the recipe's own words.

No judgement of meaning: threats and insults in plain words are not found, and a text that only quotes
such a word is. Words that have a harmless sense too (a cock, a bitch, a chink) are not listed.
"""

from __future__ import annotations

import re
from functools import lru_cache

# Stems: what follows them may be any ending.
_STEMS = r"""
    fuck motherfuck clusterfuck cocksuck dickhead shithead bullshit asshole arsehole cunt wanker
    nigger nigga kikes?\b wetback sandnigger towelhead raghead
    arschloch hurensohn fotze scheißkerl missgeburt kanake
    connard enculé salope pédé\b hijo\W+de\W+puta gilipollas vaffanculo stronzo figlio\W+di\W+puttana
    caralho filho\W+da\W+puta kurwa klootzak
"""
_PHRASES = r"son of a bitch|kill yourself|piece of shit|go to hell and die|\bkys\b"


@lru_cache(maxsize=16)
def _listed(own: tuple[str, ...]) -> re.Pattern[str]:
    stems = "|".join(_STEMS.split())
    blocked = "|".join(_as_pattern(word) for word in sorted(own, key=len, reverse=True) if word.strip())
    parts = [rf"(?<!\w)(?:{stems})", _PHRASES, *([rf"(?<!\w)(?:{blocked})(?!\w)"] if blocked else [])]
    return re.compile("|".join(parts), re.IGNORECASE)


def _as_pattern(word: str) -> str:
    """A listed word or phrase in any spacing; a final * stands for any ending."""
    stem = word.strip()
    ending = r"\w*" if stem.endswith("*") else ""
    return r"\s+".join(map(re.escape, stem.rstrip("*").split())) + ending


def is_toxic(text: str, blocked: tuple[str, ...] = ()) -> bool:
    """Say whether a text has a listed word: as a word of its own, in any case."""
    return bool(_listed(blocked).search(text.replace("\u2019", "'")))
