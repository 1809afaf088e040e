"""Token ids word by word, each word encoded once, for tokenizers that never look past a space.

Most of the time of encoding a data set goes into words that were encoded a thousand times before.
Where a tokenizer provably cuts its text at every space that follows a word, what stands between two
such cuts can be encoded alone, remembered, and joined: the ids are the same.

Why the cut is safe, for the tokenizers that `cuts_at_spaces` lets through: their patterns match from
left to right without looking back, so what follows a border does not depend on what precedes it; none
of their alternatives matches a character that is not white space *and then* a space, so there is a
border between the two; and none looks ahead beyond a match that ends with such a character. Digits cut
apart beforehand, and NFC (which joins nothing to an ASCII space), keep this.
`tests/template/test_words.py` compares with the tokenizer itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

REMEMBERED = 200_000  # words of each kind, some 30 MB; the frequent ones of a data set are far fewer
LONGEST = 48  # characters of a remembered word
_TOGETHER = 200  # words encoded as one text, for a text of its own costs far more than a word

# Python calls more characters white space than the tokenizers' patterns do, but for one that older
# versions of Unicode had among them.
_WORD_END = re.compile(r"[^\s\u180e]\Z")
_CUT = re.compile(r"(?<=[^\s\u180e]) ")

_SUFFIX = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_UPPER = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_END = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_PATTERNS = frozenset(
    {
        # GPT-2 as a pattern of its own
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        # Llama 3, SmolLM3, GPT-4; Qwen 2 to 3, which takes digits one by one
        rf"{_SUFFIX}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_END}",
        rf"{_SUFFIX}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_END}",
        # Mistral NeMo; GPT-4o and gpt-oss
        rf"{_UPPER}*{_LOWER}+|{_UPPER}+{_LOWER}*|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_END}",
        rf"{_UPPER}*{_LOWER}+{_SUFFIX}?|{_UPPER}+{_LOWER}*{_SUFFIX}?|\p{{N}}{{1,3}}"
        rf"| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_END}",
    }
)


def cuts_at_spaces(description: dict[str, Any]) -> bool:
    """Say whether a tokenizer, as its JSON describes it, gives a word the same ids in any text."""
    model = description["model"]
    if model["type"] != "BPE" or model.get("dropout"):
        return False
    if model.get("continuing_subword_prefix") or model.get("end_of_word_suffix"):
        return False
    normalizer = description["normalizer"]
    if normalizer is not None and normalizer["type"] != "NFC":
        return False
    for token in description["added_tokens"]:
        if token["single_word"] or token["lstrip"] or token["rstrip"]:
            return False
        if token["normalized"] and normalizer is not None:
            return False
    steps = description["pre_tokenizer"] or {"type": "none"}
    steps = steps["pretokenizers"] if steps["type"] == "Sequence" else [steps]
    *before, level = steps or [{"type": "none"}]
    return (
        level["type"] == "ByteLevel"
        and not level["add_prefix_space"]
        and (level["use_regex"] or any(step["type"] == "Split" for step in before))
        and all(map(_is_known, before))
    )


def _is_known(step: dict[str, Any]) -> bool:
    if step["type"] == "Digits":
        return True
    return (
        step["type"] == "Split"
        and step["behavior"] == "Isolated"
        and not step["invert"]
        and step["pattern"].get("Regex") in _PATTERNS
    )


class WordMemory:
    """Ids of stretches of text as little-endian int32 bytes, put together from words it remembers.

    `encode` is the tokenizer: ids of many texts as bytes, None for a text it cannot be trusted with.
    `after_space` says of each id whether its text begins with a space.
    """

    def __init__(
        self, encode: Callable[[Sequence[str]], list[bytes | None]], after_space: numpy.ndarray
    ):
        self._encode, self._after_space = encode, after_space
        # A word has other ids at the very beginning than after a space; a last one that ends in white
        # space is kept apart, for nothing may be joined to it.
        self._first: dict[str, bytes | None] = {}
        self._inner: dict[str, bytes | None] = {}
        self._last: dict[str, bytes | None] = {}
        self._passing: list[tuple[dict[str, bytes | None], str]] = []

    def encode(self, stretches: Sequence[str]) -> list[bytes | None]:
        """Ids of each stretch (text between control tokens); None where a word has none to trust."""
        split = [stretch.split(" ") for stretch in stretches]
        inner = {word for words in split if len(words) > 2 for word in words[1:-1]}
        unknown = inner.difference(self._inner)
        odd = {word for word in unknown if not _WORD_END.search(word)}
        for number, words in enumerate(split):
            if len(words) > 1 and (
                not _WORD_END.search(words[0]) or (odd and not odd.isdisjoint(words[1:-1]))
            ):
                split[number] = words = _CUT.split(stretches[number])
                unknown.update(word for word in words[1:-1] if word not in self._inner)
        first = {words[0] for words in split}.difference(self._first)
        last = {words[-1] for words in split if len(words) > 1}.difference(self._last, self._inner)
        sound = {word for word in last if _WORD_END.search(word)}
        self._learn(first, (unknown - odd) | sound, last - sound)
        joined = [self._join(words) for words in split]
        self._forget()
        return joined

    def _learn(self, first: Iterable[str], inner: Iterable[str], last: Iterable[str]) -> None:
        first, inner, last = list(first), list(inner), list(last)
        texts = [*first, *(f" {word}" for word in last)]
        alone = iter(self._encode(texts) if texts else [])
        ids = chain(alone, self._encode_together(inner))
        for known, words in ((self._first, first), (self._last, last), (self._inner, inner)):
            known.update(zip(words, ids, strict=False))
            # Whole lines and long links do not come again.
            self._passing += [(known, word) for word in words if len(word) > LONGEST]

    def _encode_together(self, words: list[str]) -> list[bytes | None]:
        """Ids of words after a space, none of which ends in white space or has a space in it.

        Where one ends is where a token begins with the next one's space: nothing else there is one.
        """
        import numpy

        groups = [words[at : at + _TOGETHER] for at in range(0, len(words), _TOGETHER)]
        found: list[bytes | None] = []
        joined = self._encode([f" {' '.join(group)}" for group in groups]) if groups else []
        for group, raw in zip(groups, joined, strict=True):
            ids = numpy.frombuffer(raw or b"", dtype="<i4")
            starts = (4 * numpy.flatnonzero(self._after_space[ids])).tolist()
            if raw is None or len(starts) != len(group) or starts[0]:
                found += self._encode([f" {word}" for word in group])
            else:
                ends = [*starts[1:], len(raw)]
                found += [raw[a:b] for a, b in zip(starts, ends, strict=True)]
        return found

    def _join(self, words: Sequence[str]) -> bytes | None:
        try:
            if len(words) == 1:
                return self._first[words[0]]
            middle = b"".join(map(self._inner.__getitem__, words[1:-1]))  # type: ignore[arg-type]
            last = words[-1]
            end = self._inner[last] if last in self._inner else self._last[last]
            return self._first[words[0]] + middle + end  # type: ignore[operator]
        except TypeError:  # one of them is None
            return None

    def _forget(self) -> None:
        for known, word in self._passing:
            del known[word]
        self._passing = []
        for known in (self._first, self._inner, self._last):
            if len(known) > REMEMBERED:
                known.clear()
