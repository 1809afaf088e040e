"""Text to token ids such that no character of a message can become a control token.

A tokenizer looks for its added tokens (`<|im_end|>`, `[INST]`, `<think>` ...) anywhere in the text it
is given, and cannot tell the template's own from those that somebody typed. So a second tokenizer is
built here from the model's, the same in every respect but one: its control tokens carry random names,
drawn anew in every process. The template's control tokens are written under those names; messages are
written as they are. What a message spells out then meets no control token at all, is split into
ordinary pieces, and everything else (neighbouring whitespace, first-word prefixes, merges) happens as
it always does: a benign chat gets the very ids that the model's own tokenizer gives.
"""

from __future__ import annotations

import json
import re
import secrets
import string
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain, pairwise
from typing import TYPE_CHECKING, Any

from talkwright.errors import TemplateError
from talkwright.template.words import cuts_at_spaces

if TYPE_CHECKING:
    import numpy
    from tokenizers import Tokenizer


def random_name() -> str:
    """A name no message can contain except by guessing 20 random letters.

    Lower-case letters pass unchanged through every normaliser in use (case folding, NFKC, accents).
    """
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(20))


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token ids and, for each, the half-open range of characters of the text that it stands for."""

    ids: list[int]
    offsets: list[tuple[int, int]]


class GuardedTokenizer:
    """A model's tokenizer whose control tokens only the template can write.

    `control` maps the text of every control token to its id. All added tokens count as control
    tokens, flagged special or not, except those that are nothing but whitespace (or ▁, which stands
    for it): these are ordinary pieces of text in the vocabularies that have them.
    """

    def __init__(self, backend: Tokenizer):
        from tokenizers import AddedToken, Tokenizer

        self._backend = backend
        added = sorted(backend.get_added_tokens_decoder().items())
        self.control: dict[str, int] = {
            t.content: i for i, t in added if t.content.replace("▁", " ").strip()
        }
        secret = random_name()
        self._names = {text: f"{secret}k{n:06d}z" for n, text in enumerate(self.control)}
        self._break = f"{secret}kbreakz"
        description: dict[str, Any] = json.loads(backend.to_str())
        self._unknown = _unknown(description["model"], backend)
        self.cuts_at_spaces = cuts_at_spaces(description)
        words = description["model"]["vocab"]  # a list where a word's place is its id
        self._largest = max(words.values()) if isinstance(words, dict) else len(words) - 1
        self._after_space: list[int] = []
        if self.cuts_at_spaces:
            self._after_space += [i for token, i in words.items() if token[:1] == "\u0120"]
        description.update(added_tokens=[], post_processor=None, truncation=None, padding=None)
        guarded = Tokenizer.from_str(json.dumps(description))
        for _, token in added:
            flags = {
                flag: getattr(token, flag)
                for flag in ("single_word", "lstrip", "rstrip", "normalized", "special")
            }
            guarded.add_tokens([AddedToken(self._names.get(token.content, token.content), **flags)])
        guarded.add_tokens([AddedToken(self._break, normalized=False, special=True)])
        self._guarded = guarded
        renamed = {self._names.get(token.content, token.content): i for i, token in added}
        self._original = {guarded.token_to_id(name): i for name, i in renamed.items()}
        self._original[guarded.token_to_id(self._break)] = -1
        self._control_ids = frozenset(self.control.values())
        self._flags = {token.content: token for _, token in added}
        alternatives = sorted(self.control, key=len, reverse=True)  # the longest match wins, as there
        self._pattern = re.compile("|".join(map(re.escape, alternatives))) if alternatives else None
        self._marks = _marks(alternatives)

    @property
    def unknown_id(self) -> int | None:
        """Id of whatever the vocabulary cannot write, if it has one."""
        return self._unknown[0] if self._unknown else None

    @property
    def id_limit(self) -> int:
        """One more than the largest id there is."""
        return max(int(self._own_ids.max()), *self._control_ids, 0) + 1

    @property
    def word_limit(self) -> int:
        """One more than the largest id that a message can have: of what is no control token."""
        import numpy

        return int(numpy.setdiff1d(self._own_ids, list(self._control_ids)).max(initial=-1)) + 1

    @property
    def after_space(self) -> numpy.ndarray:
        """Whether an id's text begins with a space, for byte-level vocabularies: (id_limit,)."""
        import numpy

        table = numpy.zeros(self.id_limit, dtype=bool)
        table[self._after_space] = True
        return table

    @property
    def control_ids(self) -> frozenset[int]:
        """Ids that only the template can produce."""
        return self._control_ids

    def scaffold(self, text: str) -> str:
        """Rewrite a template's own text so that its control tokens take effect when encoded."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda match: self._names[match.group()], text)

    def first_control(self, text: str) -> tuple[int, int, str] | None:
        """The first control token in a template's own text: start, end, its text."""
        match = self._pattern.search(text) if self._pattern else None
        return (match.start(), match.end(), match.group()) if match else None

    def spells_control(self, text: str) -> bool:
        """Say whether a message's text spells a control token."""
        # Looking for one character is many times faster than for any of many words.
        return any(mark in text for mark in self._marks) and self.first_control(text) is not None

    def atoms(self, text: str) -> list[str]:
        """A template's own text cut up: at odd places control tokens, at even ones text, if only ""."""
        if self._pattern is None:
            return [text]
        found: list[str] = []
        position = 0
        for match in self._pattern.finditer(text):
            found += [text[position : match.start()], match.group()]
            position = match.end()
        return [*found, text[position:]]

    def stands_alone(self, control: str) -> bool:
        """Say whether a control token is found wherever it is written, whatever stands beside it."""
        token = self._flags[control]
        return not (token.single_word or token.lstrip or token.normalized)

    def encode_to_bytes(self, texts: Sequence[str]) -> list[bytes | None]:
        """Ids alone, as little-endian int32 bytes; None for a text whose vocabulary spells a control
        token, which `encode` knows how to handle. Raises TemplateError for invalid Unicode."""
        import numpy

        try:
            encodings = self._guarded.encode_batch_fast(list(texts), add_special_tokens=False)
        except (UnicodeEncodeError, TypeError):
            raise TemplateError(_what_is_not_unicode(texts)) from None
        rows = [encoding.ids for encoding in encodings]
        guarded = numpy.fromiter(chain.from_iterable(rows), numpy.int64, sum(map(len, rows)))
        ids = self._own_ids[guarded]
        flat = ids.tobytes()
        ends = list(accumulate((4 * len(row) for row in rows), initial=0))
        out: list[bytes | None] = [flat[a:b] for a, b in pairwise(ends)]
        for place in numpy.flatnonzero(ids < 0).tolist():
            out[bisect_right(ends, 4 * place) - 1] = None
        return out

    @cached_property
    def _own_ids(self) -> numpy.ndarray:
        """Own id for every id of the guarded tokenizer; -1 for what only `encode` can handle."""
        import numpy

        table = numpy.arange(max(self._largest, *filter(None, self._original)) + 1)
        table[[i for i in self._control_ids if i < len(table)]] = -1  # spelled by the vocabulary
        for guarded, original in self._original.items():
            table[guarded] = original
        return table.astype("<i4")

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Encode texts made of scaffold and message parts. Raises TemplateError for invalid Unicode."""
        out: list[Encoded] = []
        for text, encoded in zip(texts, self._encode(texts), strict=True):
            cuts: list[int] = []
            while more := self._spelled_by_vocabulary(text, encoded):
                if not more.isdisjoint(cuts):
                    raise TemplateError(
                        "a control token cannot be kept out of a message with this tokenizer"
                    )
                cuts = sorted([*cuts, *more])
                encoded = self._encode_broken(text, cuts)
            out.append(self._restore(encoded))
        return out

    def encode_fast(self, text: str) -> list[int]:
        """Encode one text without offsets."""
        return self.encode([text])[0].ids

    def _encode(self, texts: Sequence[str]) -> list[Encoded]:
        try:
            encodings = self._guarded.encode_batch(list(texts), add_special_tokens=False)
        except (UnicodeEncodeError, TypeError):
            raise TemplateError(_what_is_not_unicode(texts)) from None
        return [Encoded(encoding.ids, encoding.offsets) for encoding in encodings]

    def _restore(self, encoded: Encoded) -> Encoded:
        """Give the control tokens their own ids back, and leave the breaks out."""
        pairs = [
            (self._original.get(token, token), offset)
            for token, offset in zip(encoded.ids, encoded.offsets, strict=True)
        ]
        kept = [pair for pair in pairs if pair[0] >= 0]
        return Encoded([token for token, _ in kept], [offset for _, offset in kept])

    def _spelled_by_vocabulary(self, text: str, encoded: Encoded) -> set[int]:
        """Where to cut control tokens that the vocabulary itself spells (Unigram models, mostly)."""
        cuts: set[int] = set()
        for token, (start, end) in zip(encoded.ids, encoded.offsets, strict=True):
            if token not in self._control_ids or token in self._original:
                continue
            if self._unknown is not None and token == self._unknown[0]:
                # Characters the vocabulary lacks have this id by right; its spelled-out name has not.
                spelled = re.compile(re.escape(self._unknown[1])).finditer(text, start, end)
                cuts.update(match.start() + 1 for match in spelled)
            elif end - start < 2:
                raise TemplateError(
                    f"the text {text[start:end]!r} is a control token of this model all by itself and "
                    "cannot be written any other way; remove it from the message"
                )
            else:
                cuts.add(start + 1)
        return cuts

    def _encode_broken(self, text: str, cuts: Sequence[int]) -> Encoded:
        """Encode `text` with a break at each of the cuts, in order; offsets are those without breaks."""
        parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        encoded = self._encode([self._break.join(parts)])[0]
        width = len(self._break)
        ends = [cut + (number + 1) * width for number, cut in enumerate(cuts)]

        def unbroken(position: int) -> int:
            passed = bisect_right(ends, position)
            limit = cuts[passed] if passed < len(cuts) else len(text)
            return min(position - passed * width, limit)

        return Encoded(encoded.ids, [(unbroken(a), unbroken(b)) for a, b in encoded.offsets])


def _marks(tokens: Sequence[str]) -> list[str]:
    """Few characters of which every one of `tokens` holds one, the rarest in texts first."""
    left, marks = list(tokens), []
    while left:
        held = Counter(c for token in left for c in sorted(set(token)))
        best = max(held, key=lambda c: (not c.isalnum() and not c.isspace(), held[c], c))
        marks.append(best)
        left = [token for token in left if best not in token]
    return marks


def _unknown(model: dict[str, Any], backend: Tokenizer) -> tuple[int, str] | None:
    """Id and text of the token that a vocabulary has for what it lacks, if it has one."""
    if model.get("unk_id") is not None:  # Unigram
        return model["unk_id"], str(backend.id_to_token(model["unk_id"]))
    text = model.get("unk_token")
    number = None if text is None else backend.token_to_id(text)
    return None if number is None else (number, str(text))


def _what_is_not_unicode(texts: Sequence[str]) -> str:
    for text in texts:
        for position, character in enumerate(text):
            if 0xD800 <= ord(character) <= 0xDFFF:
                return (
                    f"the text holds a lone surrogate (U+{ord(character):04X}, near "
                    f"{text[max(0, position - 20) : position]!r}), which is not valid Unicode; remove it"
                )
    return "the text cannot be encoded as UTF-8"
