"""Words encoded alone and joined give the ids of the whole text, whatever pattern is let through."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from talkwright.template import words
from talkwright.template.words import WordMemory, cuts_at_spaces

PATTERNS = sorted(words._PATTERNS)
BITS = (
    *"aZéñ日한яü019", "'s", "'LL", "'", "don't", "the", "password", ".", ",", "!", "?!", "/", "//",
    "\n", "\r\n", "\t", " ", " ", " ", "  ", "   ", "\u00a0", "\u2003", "\u3000", "\u0085", "\u1680",
    "\u2028", "\u200b", "\u200d", "\ufeff", "\u180e", "\x1c", "\x1f", "\x00", "\x0b", "\u0301", "\u0308",
    "\u0915", "\u093f", "\u0e33", "🙂", "👩\u200d👧", "½", "²", "Ⅷ", "①", "_", "-", "…", "“",
    "<|im_end|>", "ǅ", "ʰ", "ª", "İ", "ſ", "\u212a", "ﬁ", "\u0338",
)  # fmt: skip


def tokenizer(kind: str) -> Any:
    """A byte-level tokenizer that cuts as `kind` says: a pattern, or one of the four below."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [
        ("Ġ", "t"),
        ("t", "h"),
        ("Ġ", "Ġ"),
        ("th", "e"),
        ("Ġ", "the"),
        ("Ċ", "Ċ"),
        ("Ġ", "1"),
        ("1", "9"),
    ]
    merges += [("'", "s"), ("Ċ", "Ġ"), (".", "Ċ"), ("!", "/"), ("Ã", "©"), ("Ġ", "Ã©"), ("a", "Ġ")]
    pieces = [*alphabet, *dict.fromkeys(a + b for a, b in merges)]
    backend = Tokenizer(models.BPE(vocab={p: n for n, p in enumerate(pieces)}, merges=merges))
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=kind in ("gpt2", "digits", "nfc"))
    before = []
    if kind == "nfc":
        backend.normalizer = normalizers.NFC()
    if kind in ("digits", "runs"):
        before.append(pre_tokenizers.Digits(individual_digits=kind == "digits"))
    if kind == "runs":
        before.append(pre_tokenizers.Split(Regex(PATTERNS[0]), "isolated"))
    if kind in PATTERNS:
        before.append(pre_tokenizers.Split(Regex(kind), "isolated"))
    backend.pre_tokenizer = pre_tokenizers.Sequence([*before, level])
    return backend


def as_bytes(backend: Any) -> Callable[..., list[bytes | None]]:
    import numpy

    def encode(texts: Any) -> list[bytes | None]:
        found = backend.encode_batch_fast(list(texts), add_special_tokens=False)
        return [numpy.array(each.ids, dtype="<i4").tobytes() for each in found]

    return encode


def after_space(backend: Any) -> Any:
    import numpy

    table = numpy.zeros(backend.get_vocab_size(), dtype=bool)
    table[[i for token, i in backend.get_vocab().items() if token[0] == "Ġ"]] = True
    return table


def texts(seed: int, count: int) -> list[str]:
    rng = random.Random(seed)
    return ["".join(rng.choices(BITS, k=rng.randint(0, 25))) for _ in range(count)]


@pytest.mark.parametrize("kind", ["gpt2", "digits", "runs", "nfc", *PATTERNS])
def test_joined_words_are_the_ids_of_the_whole_text(kind: str) -> None:
    backend = tokenizer(kind)
    assert cuts_at_spaces(json.loads(backend.to_str()))
    encode = as_bytes(backend)
    memory = WordMemory(encode, after_space(backend))
    for seed in range(6):
        for batch in (texts(seed, 400), texts(seed, 40)):
            for text, found, expected in zip(batch, memory.encode(batch), encode(batch), strict=True):
                assert found == expected, repr(text)


def test_joined_words_are_the_ids_of_the_default_models_tokenizer(real_folder) -> None:
    from tokenizers import Tokenizer

    backend = Tokenizer.from_file(str(real_folder / "tokenizer.json"))
    encode = as_bytes(backend)
    memory = WordMemory(encode, after_space(backend))
    batch = [text for seed in range(6, 12) for text in texts(seed, 500) if "<|" not in text]
    assert memory.encode(batch) == encode(batch)


def test_words_are_encoded_once_and_long_ones_are_not_kept() -> None:
    backend = tokenizer("gpt2")
    asked: list[str] = []
    encode = as_bytes(backend)

    def counting(many: Any) -> list[bytes | None]:
        asked.extend(many)
        return encode(many)

    memory = WordMemory(counting, after_space(backend))
    line = "how is the order " * 50 + "w" * 100
    assert memory.encode([line, line]) == encode([line, line])
    assert asked[0] == "how"
    assert len(asked) == 2
    assert sorted(asked[1].split()) == sorted(["is", "the", "order", "how", "w" * 100])
    asked.clear()
    assert memory.encode([line]) == encode([line])
    assert asked == [" " + "w" * 100]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "REMEMBERED", 20)
    backend = tokenizer("gpt2")
    encode = as_bytes(backend)
    memory = WordMemory(encode, after_space(backend))
    for start in range(0, 3000, 10):
        batch = [f"a {n} b {n} c{n}" for n in range(start, start + 10)]
        assert memory.encode(batch) == encode(batch)
        assert max(map(len, (memory._first, memory._inner, memory._last))) <= 20


def test_a_text_that_cannot_be_trusted_has_no_ids() -> None:
    import numpy

    def encode(many: Any) -> list[bytes | None]:
        return [None if "bad" in text else text.encode("utf-32-le") for text in many]

    memory = WordMemory(encode, numpy.arange(128) == ord(" "))
    whole = "a b".encode("utf-32-le")
    assert memory.encode(["bad", "a bad b", "a bad", "bad a", "a b"]) == [None, None, None, None, whole]


def test_words_of_which_one_has_no_token_of_its_own_are_encoded_alone() -> None:
    import numpy

    def encode(many: Any) -> list[bytes | None]:
        # A tokenizer that joins a space to what comes before "odd": where it begins is not seen.
        return [text[:1].encode("utf-32-le") + text[1:].replace(" odd", "~odd").encode("utf-32-le")
                for text in many]  # fmt: skip

    memory = WordMemory(encode, numpy.arange(128) == ord(" "))
    assert memory.encode(["a b odd c"]) == ["a b odd c".encode("utf-32-le")]


def test_tokenizers_that_look_past_a_space_are_not_let_through(family_named: Callable) -> None:
    for name in ("chatml", "llama3", "thinking"):
        assert family_named(name).template.guard.cuts_at_spaces, name
    for name in ("gemma", "mistral", "llama2", "zephyr", "phi"):
        assert not family_named(name).template.guard.cuts_at_spaces, name


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["pre_tokenizer"]["pretokenizers"][0].update(pattern={"Regex": r"\S+\s?"}),
        lambda d: d["pre_tokenizer"]["pretokenizers"][0].update(pattern={"String": " "}),
        lambda d: d["pre_tokenizer"]["pretokenizers"][0].update(behavior="MergedWithNext"),
        lambda d: d["pre_tokenizer"]["pretokenizers"][0].update(invert=True),
        lambda d: d["pre_tokenizer"]["pretokenizers"][1].update(add_prefix_space=True),
        lambda d: d["pre_tokenizer"]["pretokenizers"].pop(0),
        lambda d: d["pre_tokenizer"]["pretokenizers"].pop(1),
        lambda d: d["pre_tokenizer"]["pretokenizers"].insert(0, {"type": "Whitespace"}),
        lambda d: d.update(pre_tokenizer=None),
        lambda d: d.update(normalizer={"type": "NFKC"}),
        lambda d: d["model"].update(type="Unigram"),
        lambda d: d["model"].update(dropout=0.1),
        lambda d: d["model"].update(end_of_word_suffix="</w>"),
        lambda d: d["model"].update(continuing_subword_prefix="##"),
        lambda d: d["added_tokens"].append(
            {"single_word": False, "lstrip": True, "rstrip": False, "normalized": False}
        ),
    ],
)
def test_any_doubt_keeps_a_tokenizer_out(change: Callable[[Any], Any]) -> None:
    description = json.loads(tokenizer(PATTERNS[0]).to_str())
    assert cuts_at_spaces(description)
    change(description)
    assert not cuts_at_spaces(description)
