"""What is compared between rows, as numbers: a million rows fit in memory where their texts do not.

A row's features are computed where the row is read, a chunk at a time; duplicates, contradictions and
splits are then found on arrays over all rows. MinHash follows Broder (1997) with the multiply-shift
hash functions of Dietzfelbinger et al. (1997); nothing depends on the process that computes it.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from talkwright.data.reading.chat.contacts import is_contact
from talkwright.data.similarity.contradictions import question_keys
from talkwright.data.similarity.manners import without_manners
from talkwright.data.similarity.similar import hard_parts, normal, without_edges, word_list
from talkwright.data.similarity.spelling import letter_sets, word_rows
from talkwright.types import Conversation, Message, spoken

if TYPE_CHECKING:
    from numpy.typing import NDArray

PERMUTATIONS = 128
_MISS = 0.01  # how often a pair exactly at the threshold may go unproposed
_SALT = "talkwright"  # draws the hash functions; another one gives other buckets, not other results
_QUESTION_WORDS = 3  # a shorter opening ("hi") is a greeting, not a question
_ANSWER_WORDS = 4  # a shorter answer ("yes") says nothing of what was asked
_ANSWER_BANDS, _ANSWER_ROWS = 16, 3  # finds 98 % of the pairs that share 60 % of their word pairs
_MIX = np.uint64(0x9E3779B97F4A7C15)  # odd, so that multiplying by it loses nothing


@dataclass(frozen=True, slots=True)
class Features:
    """One entry a conversation in every array, but for the flat shingles.

    `exact` (n, 2) names the text as a whole; `bands` (n, b) and `question_bands` are the buckets of
    locality-sensitive hashing of both sides and of the first question; `*_shingles` (flat, sorted in
    each row) with `*_ends` (n) are their sets of word pairs; `group` is 0 for none, `contact` where
    it is one by a customer's address or number; `asked` and
    `letters` (0 for none) are equal where questions ask the same, or may but for typos; `answer` names
    the reply to the question (0 for none, or one of a few words); `polite` (0 for none) is equal where
    all is, but for courtesy at the edges of what is asked; and `answer_bands` (n, b) are equal
    somewhere where replies are alike; `question_letters` and `question_words` are the question as
    `spelling` gives it; `*_at` in [0, 1) says where a row stands among the splits.
    """

    exact: NDArray[np.uint64]
    block: NDArray[np.uint64]
    group: NDArray[np.uint64]
    group_at: NDArray[np.float64]
    contact: NDArray[np.bool_]
    question: NDArray[np.uint64]
    question_at: NDArray[np.float64]
    question_block: NDArray[np.uint64]
    asked: NDArray[np.uint64]
    letters: NDArray[np.uint64]
    answer: NDArray[np.uint64]
    polite: NDArray[np.uint64]
    bands: NDArray[np.uint32]
    question_bands: NDArray[np.uint32]
    answer_bands: NDArray[np.uint32]
    user_shingles: NDArray[np.uint32]
    user_ends: NDArray[np.int64]
    answer_shingles: NDArray[np.uint32]
    answer_ends: NDArray[np.int64]
    question_shingles: NDArray[np.uint32]
    question_ends: NDArray[np.int64]
    question_letters: NDArray[np.uint32]
    letter_ends: NDArray[np.int64]
    question_words: NDArray[np.uint32]
    word_ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.block)


NAMES = tuple(field.name for field in fields(Features))
FLAT = {
    "user_shingles": "user_ends",
    "answer_shingles": "answer_ends",
    "question_shingles": "question_ends",
    "question_letters": "letter_ends",
    "question_words": "word_ends",
}


def question_of(conversation: Conversation) -> str:
    """The normalised first real question, after any greeting: what two rows have in common."""
    said = [normal(m.content) for m in conversation.messages if m.role == "user"]
    return _question(said, list(map(word_list, said)))[0]


def _question(said: Sequence[str], spelt: Sequence[list[str]]) -> tuple[str, list[str]]:
    """The first real question of what the user said, in normal form, and its words (`spelt`: of all).

    What is taken from the edges of a text is in no word.
    """
    for text, found in zip(said, spelt, strict=True):
        if len(found) >= _QUESTION_WORDS:
            return without_edges(text), found
    return " ".join(map(without_edges, said)), [word for found in spelt for word in found]


def place_of(kind: str, text: str, seed: int) -> float:
    """Where in [0, 1) a question or group stands among the splits."""
    key = f"{seed}\0{kind}\0{text}".encode("utf-8", "replace")
    return int(hashlib.sha256(key).hexdigest()[:13], 16) / 16**13


def features_of(
    conversations: Sequence[Conversation], threshold: float | None, seed: int, *, rivals: bool = True
) -> Features:
    """Compute the features of some conversations; `threshold` decides the banding.

    Without it there are no bands and no shingles: nothing will be near to anything. `rivals` says
    that answers to questions that ask the same are compared.
    """
    near = threshold is not None
    rows = [_numbers_of(conversation, seed, near, rivals) for conversation in conversations]
    user, answer, question = (_shingles([row.get(name) for row in rows]) for name in _TEXTS)
    columns: dict[str, Any] = {
        name: np.array([row.get(name, 0) for row in rows], dtype=kind) for name, kind in COLUMNS.items()
    }
    asked = [row.get("question_words") for row in rows]
    answer_bands = _ANSWER_BANDS if near else 0
    letters, word = letter_sets(asked), word_rows(asked)
    replies = _signatures(*answer)
    return Features(
        **{**columns, "exact": columns["exact"].reshape(len(rows), 2)},
        bands=_bands(columns["block"], [_signatures(*user), replies], threshold),
        answer_bands=_buckets(np.zeros(len(rows), np.uint64), [replies], answer_bands, _ANSWER_ROWS),
        question_bands=_bands(columns["question_block"], [_signatures(*question)], threshold),
        user_shingles=user[0],
        user_ends=user[1],
        answer_shingles=answer[0],
        answer_ends=answer[1],
        question_shingles=question[0],
        question_ends=question[1],
        question_letters=letters[0],
        letter_ends=letters[1],
        question_words=word[0],
        word_ends=word[1],
    )


_TEXTS = ("user_words", "answer_words", "question_words")
COLUMNS = {
    "exact": np.uint64, "block": np.uint64, "group": np.uint64, "group_at": np.float64,
    "contact": np.bool_,
    "question": np.uint64, "question_at": np.float64, "question_block": np.uint64,
    "asked": np.uint64, "letters": np.uint64, "answer": np.uint64,
    "polite": np.uint64,
}  # fmt: skip


def _numbers_of(conversation: Conversation, seed: int, near: bool, rivals: bool) -> dict[str, Any]:
    """The columns of one row that are asked for, and its texts; what is not asked for is not there."""
    conversation = spoken(conversation)
    messages = conversation.messages
    said = [normal(m.content) for m in messages]
    asking = [n for n, m in enumerate(messages) if m.role == "user"]
    # No word goes on in the next message.
    spelt = [word_list(text) if near or n in asking else [] for n, text in enumerate(said)]
    question, question_words = _question([said[n] for n in asking], [spelt[n] for n in asking])
    group = conversation.group
    # With their lengths: no text can look like the border between two.
    whole: list[str] = []
    for m, text in zip(messages, said, strict=True):
        thought = normal(m.thinking) if m.thinking else ""
        whole += (f"{m.role} {len(text)} {len(thought)}", text, thought)
    found: dict[str, Any] = {
        "exact": _digest("\n".join(whole), 16),
        "group": 0 if group is None else number(group),
        "group_at": 0.0 if group is None else place_of("group", group, seed),
        "contact": group is not None and is_contact(group),
        "question": number(question),
    }
    if not (near or rivals):
        return found
    system = " ".join(said[n] for n, m in enumerate(messages) if m.role == "system")
    told = " ".join((system, *conversation.tools))
    asked, letters = question_keys(messages, said, told, (question, question_words))
    first = next((n for n in asking if len(spelt[n]) >= _QUESTION_WORDS), asking[0] if asking else -1)
    # What follows a greeting is asked; the greeting would tie all who greet together.
    found["asked"] = 0 if asked is None or first != asking[0] else number(asked)
    found["letters"] = 0 if letters is None else number(letters)
    if near:
        found["answer"] = _reply(messages, said, spelt, first)
        user = [n for n, m in enumerate(messages) if m.role in ("user", "tool")]
        answers = [n for n, m in enumerate(messages) if m.role == "assistant"]
        sides = [[word for n in side for word in spelt[n]] for side in (user, answers)]
        hard = [
            hard_parts("\n".join([messages[n].content for n in side]), own)
            for side, own in zip((user, answers), sides, strict=True)
        ]
        found["block"] = number([m.role for m in messages], system, hard)
        own = [without_manners(spelt[n]) if messages[n].role == "user" else said[n] for n in user]
        found["polite"] = number(found["block"], own, [said[n] for n in answers])
        found["question_at"] = place_of("question", question, seed)
        found["question_block"] = number(hard_parts(question, question_words))
        found |= zip(_TEXTS, (*sides, question_words), strict=True)
    return found


def _reply(
    messages: Sequence[Message], said: Sequence[str], spelt: Sequence[list[str]], asked: int
) -> int:
    """Names what the assistant says to the question at `asked`; 0 for too little to tell."""
    for n in range(asked + 1, len(messages)):
        if messages[n].role == "assistant":
            return number(said[n]) if len(spelt[n]) >= _ANSWER_WORDS else 0
    return 0


def number(*values: Any) -> int:
    """A 64-bit number for plain values, the same in every process; never 0."""
    return _digest(repr(values), 8)[0] or 1


def _digest(text: str, size: int) -> list[int]:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()
    return [int.from_bytes(digest[at : at + 8], "big") for at in range(0, size, 8)]


# --- shingles and MinHash ------------------------------------------------------------------------


class _Codes(dict[str, int]):
    """A word's 32-bit code, remembered while there are not too many of them."""

    def __missing__(self, word: str) -> int:
        if len(self) > 500_000:
            self.clear()
        self[word] = code = zlib.crc32(word.encode("utf-8", "surrogatepass"))
        return code


_CODES = _Codes()
_EDGE = zlib.crc32(b"")


def _shingles(texts: Sequence[Sequence[str] | None]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The sets of pairs of neighbouring words, the ends of a text being words: flat, and their ends.

    A text may be None, and then all are: their sets are empty.
    """
    if None in texts:
        return np.empty(0, np.uint32), np.zeros(len(texts), np.int64)
    codes: list[int] = []
    sizes = np.empty(len(texts), np.int64)
    for n, words in enumerate(texts):
        assert words is not None
        codes.append(_EDGE)
        codes.extend(map(_CODES.__getitem__, words))
        codes.append(_EDGE)
        sizes[n] = len(words) + 2
    flat = np.array(codes, np.uint64)
    owner = np.repeat(np.arange(len(texts), dtype=np.uint64), sizes)
    pairs = (flat[:-1] * _MIX + flat[1:]) * _MIX >> np.uint64(32)
    inside = owner[:-1] == owner[1:]
    keyed = np.sort((owner[:-1][inside] << np.uint64(32)) | pairs[inside])
    keyed = keyed[np.concatenate((keyed[:1] >= 0, keyed[1:] != keyed[:-1]))]
    counts = np.bincount((keyed >> np.uint64(32)).astype(np.int64), minlength=len(texts))
    return (keyed & np.uint64(0xFFFFFFFF)).astype(np.uint32), np.cumsum(counts)


def _draw(count: int) -> list[tuple[np.uint64, np.uint64]]:
    # Odd factors, or some bits of a word's code would not matter.
    return [
        (np.uint64(number(_SALT, "a", n) | 1), np.uint64(number(_SALT, "b", n))) for n in range(count)
    ]


_HASHES = _draw(PERMUTATIONS)


def _signatures(values: NDArray[np.uint32], ends: NDArray[np.int64]) -> NDArray[np.uint64]:
    """MinHash values of each set: (permutations, n)."""
    if not len(values):
        return np.empty((PERMUTATIONS, len(ends)), np.uint64)
    wide = values.astype(np.uint64)
    starts = np.concatenate(([0], ends[:-1]))
    hashed = np.empty_like(wide)
    found = np.empty((PERMUTATIONS, len(ends)), np.uint64)
    for row, (a, b) in zip(found, _HASHES, strict=True):
        np.multiply(wide, a, out=hashed)
        hashed += b
        np.minimum.reduceat(hashed, starts, out=row)
    found >>= np.uint64(32)  # the least of the upper halves is that of the least
    return found


def banding(threshold: float, sides: int) -> tuple[int, int]:
    """Choose (bands, rows): the most selective banding that proposes pairs at the threshold.

    A pair with similarity s on each of `sides` sides is proposed with 1 - (1 - s^(rows*sides))^bands
    (Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, 3.4.2).
    """
    for rows in range(16, 1, -1):
        bands = PERMUTATIONS // rows
        if (1 - threshold ** (rows * sides)) ** bands <= _MISS:
            return bands, rows
    return PERMUTATIONS, 1


def _bands(
    block: NDArray[np.uint64], sides: Sequence[NDArray[np.uint64]], threshold: float | None
) -> NDArray[np.uint32]:
    """Buckets, (n, bands): rows of another block, or with other MinHash values, rarely share one."""
    if threshold is None:
        return np.empty((len(block), 0), np.uint32)
    return _buckets(block, sides, *banding(threshold, len(sides)))


def _buckets(
    block: NDArray[np.uint64], sides: Sequence[NDArray[np.uint64]], bands: int, rows: int
) -> NDArray[np.uint32]:
    found = np.empty((len(block), bands), np.uint32)
    for band in range(bands):
        mixed = block.copy()
        for side in sides:
            for signed in side[band * rows : band * rows + rows]:
                mixed = (mixed ^ signed) * _MIX
                mixed ^= mixed >> np.uint64(29)
        found[:, band] = (mixed * _MIX) >> np.uint64(32)
    return found
