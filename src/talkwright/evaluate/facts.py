"""Does a reply state the facts? The whole rule of fact recall, and nothing else.

Text is compared word by word, never character by character, so "14" is not found in "140", "14.5" or
"10-14". The rule is written out for readers in docs/5-evaluate.md; change both together.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from talkwright.types import Conversation

FIRST_WORDS = 80
"""A fact must stand within so many words of the reply (or the reference's length, if longer)."""

MOST_ALTERNATIVES = 2
"""A reply that names more other values than this is a list of guesses, not an answer."""

Words = tuple[str, ...]
Fact = tuple[str, ...]

# Taken out before NFKC, which would turn no-break spaces into plain ones.
_THOUSANDS = re.compile("(?<![\\d.,])\\d{1,3}(?:[,'\u2019\u00a0\u2009\u202f]\\d{3})+(?!\\d)")
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-")
_SPACED_RANGE = re.compile(r"(?<=\d) ?- ?(?=\d)")
# Chinese and Japanese put no spaces between words: there every character is a word.
_UNSPACED = re.compile("([\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])")
# A word of letters and digits; digits stay joined over . , : / - as in 14.5, 9:30, 3/4 and 10-14. A
# minus belongs to its number. Symbols that carry meaning are words of their own.
_WORD = re.compile(
    r"(?:(?<![^\W_])-(?=\d))?[^\W_]+(?:(?<=\d)[.,:/\u2044-](?=\d)[^\W_]+)*"
    "|[%\u2030\u00b0@#&+=<>/$\u20ac\u00a3\u00a5\u20b9]"
)


def words(text: str) -> Words:
    """Split text into the words facts are compared by.

    Case, Unicode form (NFKC), kinds of dash, invisible characters, thousands separators, hyphens
    between words, punctuation, quotes and Markdown emphasis make no difference.
    """
    text = _THOUSANDS.sub(lambda number: re.sub(r"\D", "", number.group()), text)
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    text = _SPACED_RANGE.sub("-", text.translate(_DASHES))
    return tuple(_WORD.findall(_UNSPACED.sub(r" \1 ", text)))


def states(said: Words, spelling: Words) -> bool:
    """Say whether `spelling` stands in `said`, as whole words in a row."""
    size = len(spelling)
    return size > 0 and any(said[i : i + size] == spelling for i in range(len(said) - size + 1))


def suite_facts(items: Iterable[Conversation]) -> dict[Words, int]:
    """Every spelling of every fact of a suite, with the number of the fact it spells.

    Two facts that share a spelling count as one.
    """
    numbers: dict[Words, int] = {}
    for number, fact in enumerate(fact for item in items for fact in item.facts):
        spellings = [words(spelling) for spelling in fact]
        known = next((numbers[s] for s in spellings if s in numbers), number)
        numbers.update({s: known for s in spellings if s})
    return numbers


def fact_recall(
    reply: str,
    *,
    prompt: Iterable[str],
    reference: str,
    facts: Sequence[Fact],
    others: Mapping[Words, int] | None = None,
) -> tuple[float | None, str | None]:
    """1 if the reply states every fact in its own words, else 0; None, with the reason, if unmeasurable.

    `prompt` holds the contents of all messages before the reply: a spelling that occurs there does
    not count. `others` is `suite_facts` of all items, to recognise replies that list many values.
    """
    if not facts:
        return None, "the item lists no facts"
    asked = [words(text) for text in prompt]
    spellings = [[words(spelling) for spelling in fact] for fact in facts]
    if not all(any(fact) for fact in spellings):
        return None, "a fact of the item has no spelling with a letter or digit"
    open_facts = [[s for s in fact if s and not any(states(a, s) for a in asked)] for fact in spellings]
    if not all(open_facts):
        return None, "the prompt already states a fact of the item, so repeating it would show nothing"
    target = words(reference)
    said = words(reply)[: max(FIRST_WORDS, len(target))]
    if not all(any(states(said, s) for s in fact) for fact in open_facts):
        return 0.0, None
    right = {s for fact in spellings for s in fact}
    given = [target, *asked, *right]
    others = others or {}
    guesses = _other_facts(said, right, others) | _other_values(said, right)
    # A guess may be both another item's fact and the right one with another number; it counts once.
    distinct = {
        others.get(guess, guess) for guess in guesses if not any(states(g, guess) for g in given)
    }
    return (0.0 if len(distinct) > MOST_ALTERNATIVES else 1.0), None


def _other_facts(said: Words, right: set[Words], others: Mapping[Words, int]) -> set[Words]:
    """Spellings of other items' facts that the reply states."""
    own = {others[s] for s in right if s in others}
    found = set()
    for size in range(1, max(map(len, others), default=0) + 1):
        parts = {said[i : i + size] for i in range(len(said) - size + 1)}
        found |= {part for part in parts if part in others and others[part] not in own}
    return found


def _other_values(said: Words, right: set[Words]) -> set[Words]:
    """Right spellings with another number in them: "7 days", "30 days" where "14 days" is right."""
    found = set()
    for spelling in right:
        shape = _without_numbers(spelling)
        if shape == spelling or not any(shape):
            continue  # where a spelling is all number, every other number would look like a guess
        parts = {said[i : i + len(spelling)] for i in range(len(said) - len(spelling) + 1)}
        found |= {part for part in parts if part not in right and _without_numbers(part) == shape}
    return found


def _without_numbers(spelling: Words) -> Words:
    return tuple("" if any(c.isdigit() for c in word) else word for word in spelling)
