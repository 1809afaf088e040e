"""When two texts say the same: normal forms, shingles, and pairs that are alike.

Similarity is the Jaccard index over pairs of neighbouring words (a CJK character counts as a word;
the beginning and the end of the text count as words too, so that a text of one word has pairs).
MinHash with banding only proposes pairs; every one is verified on the real sets. Texts whose numbers,
signs (of C++, of 2 < 3) or negations differ are never alike, however long they are: that is where the
meaning sits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]|[^\W_]+(?:['\u2019][^\W_]+)*"
)
# In ASCII a word is what is left when all but letters, digits and apostrophes has become a space.
_LETTERS = bytes(c if (chr(c).isalnum() and c < 128) or c == 39 else 32 for c in range(256))
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_NUMBER_ASCII = re.compile(r"[0-9]+(?:[.,:/-][0-9]+)*")
_LIST_NUMBER = re.compile(r"^[^\S\n]*\d{1,2}[.)]\s", re.MULTILINE)
_LIST_GOES_ON = re.compile(r"\n[^\S\n]*\d{1,2}[.)]\s")  # begins with a character, so it is found fast
# What is no punctuation, although it is no letter.
_SIGN = re.compile(
    r"[<>=|^~]+|&&+|(?<=\w)(?:\+\+|#)(?!\w)|(?<=\d)[ ]?[-+*/][ ]?(?=\d)"
    r"|(?<!\w)(?:[$@](?=[a-z_])|-(?=\d))",
    re.IGNORECASE,
)
_SIGNS = frozenset("<>=|^~&+#*/-$@")
_NEGATIONS = frozenset(
    [
        "not",
        "no",
        "never",
        "none",
        "nothing",
        "without",
        "cannot",
        "dont",
        "doesnt",
        "didnt",
        "cant",
        "wont",
        "isnt",
        "nicht",
        "jamais",
        "pas",
        "nunca",
        "sin",
    ]
)
_JOINED = re.compile(r"\b(e|wi|re|pre|co|non|un)-(?=[^\W\d_]{2})", re.IGNORECASE)  # e-mail, email
_EDGES = " \t\n?!.,;:…\"'`\u2018\u2019\u201c\u201d«»¿¡。？！，、"


def normal(text: str) -> str:
    """Fold case and whitespace, and compose accents."""
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def normal_question(text: str) -> str:
    """As `normal`, and without punctuation at either end."""
    return without_edges(normal(text))


def without_edges(text: str) -> str:
    """A normal form without punctuation at either end."""
    return text.strip(_EDGES)


@lru_cache(maxsize=4096)
def words(text: str) -> tuple[str, ...]:
    """The words of a text, case folded; every CJK character is one."""
    return tuple(word_list(normal(text)))


def joined(text: str) -> str:
    """A text whose short prefixes have lost their hyphen: email, wifi, reopen."""
    return _JOINED.sub(r"\1", text)


def word_list(text: str) -> list[str]:
    """The words of a text in its normal form; "e-mail" is one word, as "email" is."""
    if "-" in text:
        text = joined(text)
    if not text.isascii():
        return _WORD.findall(text)
    apart = text.encode().translate(_LETTERS).decode()
    # An apostrophe is part of a word only where it stands inside one.
    if "'" in apart and (
        "' " in apart or " '" in apart or "''" in apart or apart[0] == "'" or apart[-1] == "'"
    ):
        return _WORD.findall(text)
    return apart.split()


@lru_cache(maxsize=4096)
def shingles(text: str) -> frozenset[tuple[str, str]]:
    """Pairs of neighbouring words, with the ends of the text as words."""
    row = ("", *words(text), "")
    return frozenset(pairwise(row))


def numbers(text: str) -> tuple[str, ...]:
    """The numbers of a text, sorted, without those that only count list items."""
    shape = _NUMBER_ASCII if text.isascii() else _NUMBER
    found = shape.findall(text)
    if not found:
        return ()
    if _LIST_NUMBER.match(text) or ("\n" in text and _LIST_GOES_ON.search(text)):
        found = shape.findall(_LIST_NUMBER.sub("", text))
    return tuple(sorted(found))


def signs(text: str) -> tuple[str, ...]:
    """The signs of a text that mean something, in order: of "C++", "2 < 3", "$x"."""
    if _SIGNS.isdisjoint(text):
        return ()
    return tuple([found.strip() for found in _SIGN.findall(text)])


def hard_parts(text: str, said: Sequence[str] | None = None) -> tuple[tuple[str, ...], int]:
    """What must be equal in texts that are alike: numbers and signs, and how often it is negated.

    `said` are the words of its normal form, where they are known.
    """
    said = words(text) if said is None else said
    negated = sum(map(_NEGATIONS.__contains__, said))
    if negated or "n't" in text or "n\u2019t" in text or "kein" in text.lower():
        low = text.lower() if text.isascii() else normal(text)
        if "kein" in low or "n't" in low or "n\u2019t" in low:  # none of these is among _NEGATIONS
            negated += sum(
                word.startswith("kein") or word.endswith(("n't", "n\u2019t")) for word in said
            )
    return numbers(text) + signs(text), negated


def jaccard(a: frozenset[Any], b: frozenset[Any]) -> float:
    """Size of the intersection over size of the union; 1 for two empty sets."""
    shared = len(a & b)
    union = len(a) + len(b) - shared
    return shared / union if union else 1.0


def union_find(size: int) -> tuple[Callable[[int], int], Callable[[int, int], None]]:
    """Disjoint sets over range(size): `find(i)` gives the smallest member, `join(i, j)` merges."""
    parent = list(range(size))

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    def join(i: int, j: int) -> None:
        a, b = find(i), find(j)
        parent[max(a, b)] = min(a, b)

    return find, join
