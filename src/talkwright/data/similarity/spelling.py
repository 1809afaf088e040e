"""Questions as their letters and as their words in order, as numbers.

The splits are made from the words and measured by the letters, so that neither is blind where the
other is: no pair of neighbouring words may be the same in a short question with one word changed.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LETTERS = 5  # bytes of UTF-8: five letters of English, two characters of Chinese
MOST_LETTERS = 128  # sequences kept of a text, those with the least hashes: a fair sample of a long one
MOST_WORDS = 32  # of a longer question one changed word changes few of its pairs of words
_MIX = np.uint64(0x9E3779B97F4A7C15)
_LENGTH_AT = 26  # in what `spelt` gives: below are the letters of a word, from here on their number


def letter_sets(texts: Sequence[Sequence[str] | None]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Hashes of every LETTERS bytes that stand together in each text, given as words, sorted in each:
    flat, and their ends. A text that is None has none."""
    encoded = [
        f" {' '.join(words)} ".encode("utf-8", "surrogatepass") if words else b"" for words in texts
    ]
    empty = np.empty(0, np.uint32), np.zeros(len(texts), np.int64)
    flat = np.frombuffer(b"".join(encoded), np.uint8)
    if len(flat) < LETTERS:
        return empty
    count = len(flat) - LETTERS + 1
    wide = np.zeros(count, np.uint64)
    for at in range(LETTERS):
        wide = wide << np.uint64(8) | flat[at : at + count]
    sizes = np.array([len(text) for text in encoded], np.int64)
    owner = np.repeat(np.arange(len(texts), dtype=np.uint64), sizes)
    inside = owner[:count] == owner[LETTERS - 1 :]
    wide = (wide[inside] + np.uint64(1)) * _MIX
    wide = (wide ^ wide >> np.uint64(29)) * _MIX >> np.uint64(32)
    keyed = np.sort(owner[:count][inside] << np.uint64(32) | wide)
    if not len(keyed):
        return empty
    keyed = keyed[np.concatenate(([True], keyed[1:] != keyed[:-1]))]
    owner = keyed >> np.uint64(32)
    sizes = np.bincount(owner.astype(np.int64), minlength=len(texts))
    before = np.cumsum(sizes) - sizes
    kept = np.arange(len(keyed)) - np.repeat(before, sizes) < MOST_LETTERS
    ends = np.cumsum(np.minimum(sizes, MOST_LETTERS))
    return (keyed[kept] & np.uint64(0xFFFFFFFF)).astype(np.uint32), ends


class _Spelt(dict[str, tuple[int, int]]):
    """A word's code and what `spelt` gives, remembered while there are not too many of them."""

    def __missing__(self, word: str) -> tuple[int, int]:
        if len(self) > 200_000:
            self.clear()
        self[word] = found = zlib.crc32(word.encode("utf-8", "surrogatepass")), spelt(word)
        return found


_SPELT = _Spelt()


def spelt(word: str) -> int:
    """Which letters a word has an odd number of, as bits, and above these how many it has in all.

    0 for one with a digit: a number that differs is no mistake in typing.
    """
    if not word.isascii():
        if any(map(str.isdigit, word)):
            return 0
    elif not word.replace("'", "").isalpha():
        return 0
    found = min(len(word), 63) << _LENGTH_AT
    for letter in word:
        found ^= 1 << ord(letter) % _LENGTH_AT
    return found


def word_rows(texts: Sequence[Sequence[str] | None]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The words of each text in order, each as its code and its `spelt`: flat, and their ends.

    A text that is None or has more than MOST_WORDS has none.
    """
    flat: list[tuple[int, int]] = []
    ends = np.empty(len(texts), np.int64)
    for n, words in enumerate(texts):
        if words and len(words) <= MOST_WORDS:
            flat.extend(map(_SPELT.__getitem__, words))
        ends[n] = 2 * len(flat)
    return np.array(flat, np.uint32).reshape(-1), ends


def mistyped(a: NDArray[np.uint32], b: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Whether words, as `spelt` gives them, may be one but for a wrong, missing or swapped letter."""
    length_at = np.uint32(_LENGTH_AT)
    first, second = (a >> length_at).astype(np.int64), (b >> length_at).astype(np.int64)
    letters = np.bitwise_count((a ^ b) & np.uint32((1 << _LENGTH_AT) - 1))
    near: NDArray[np.bool_] = (letters <= 2) & (np.abs(first - second) <= 1)
    near &= (np.maximum(first, second) >= 4) & (np.minimum(first, second) >= 3)
    return near
