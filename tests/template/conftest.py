"""Eight template families with tokenizers built here, the default model's own, and random chats.

The vocabularies are spelled out rather than trained, so that they are the same with every version of
the tokenizers library. The templates beside this file are written for these tests.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from talkwright.template import Template
from talkwright.types import Conversation, Message

TEMPLATES = Path(__file__).parent / "templates"
WORDS = [
    "the",
    "and",
    "you",
    "are",
    "what",
    "is",
    "how",
    "can",
    "my",
    "order",
    "password",
    "please",
    "thank",
    "hello",
    "yes",
    "no",
    "answer",
    "question",
    "refund",
    "shipping",
    "account",
    "start",
    "end",
    "user",
    "assistant",
    "system",
    "model",
    "think",
    "turn",
    "im_start",
    "im_end",
    "eot",
    "INST",
    "inst",
]
LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True)
class Family:
    """One tokenizer with one chat template, and what a test has to know of the two.

    `fields` are the places text can come from. `keeps` says what decoding gives back: "all" of the
    text, all but its "spaces", or its "nfkc" form.
    """

    name: str
    tokenizer: Any
    template: Template
    fields: tuple[str, ...]
    keeps: str = "all"

    @property
    def added(self) -> dict[str, int]:
        """Every added token that is more than whitespace."""
        vocabulary: dict[str, int] = self.tokenizer.get_added_vocab()
        return {text: i for text, i in vocabulary.items() if text.replace("▁", " ").strip()}

    def plain(self, messages: list[Message], *, prompt: bool = False, tokenize: bool = True) -> Any:
        """What the tokenizer's own apply_chat_template makes of it, unguarded."""
        shown = []
        for m in messages:
            row = {"role": m.role, "content": m.content}
            if m.thinking is not None and self.name == "thinking":
                row["reasoning_content"] = m.thinking
            elif m.thinking is not None:
                row["content"] = f"<think>\n{m.thinking}\n</think>\n\n{m.content}"
            shown.append(row)
        if self.name == "gemma" and shown[0]["role"] == "system":
            system = shown.pop(0)["content"]
            shown[0]["content"] = f"{system}\n\n{shown[0]['content']}" if system else shown[0]["content"]
        more = {"return_dict": False} if tokenize else {}
        return self.tokenizer.apply_chat_template(
            shown, tokenize=tokenize, add_generation_prompt=prompt, **more
        )


# --- tokenizers ----------------------------------------------------------------------------------


def vocabulary(first: list[str], words: list[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A BPE vocabulary of single pieces, then every word, grown one character at a time."""
    vocab = {piece: number for number, piece in enumerate(first)}
    merges: list[tuple[str, str]] = []
    for word in words:
        for end in range(2, len(word) + 1):
            merge = (word[: end - 1], word[end - 1])
            vocab.setdefault(word[:end], len(vocab))
            if merge not in merges:
                merges.append(merge)
    return vocab, merges


def byte_level(*, first: list[str] | None = None, pattern: str | None = None) -> Any:
    """GPT-2's kind: bytes shown as characters; with Llama 3's pattern, whole words skip the merges."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    alphabet = [*(first or []), *sorted(pre_tokenizers.ByteLevel.alphabet())]
    words = [f"{space}{word}" for word in WORDS for space in ("", "Ġ")]
    vocab, merges = vocabulary(alphabet, [*words, "ĊĊ", "ĊĊĊ", "ĠĠĠĠ", "<|", "|>", "ðŁĺ", "Ã©"])
    backend = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=pattern is not None))
    if pattern is None:
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        split = pre_tokenizers.Split(Regex(pattern), "isolated")
        level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        backend.pre_tokenizer = pre_tokenizers.Sequence([split, level])
    backend.decoder = decoders.ByteLevel()
    return backend


def sentence_pieces(first: list[str], *, scheme: str) -> Any:
    """SentencePiece's kind of BPE: spaces as ▁, unknown characters as bytes.

    `scheme` is how a first word gets its space: "first" or "always" (Metaspace), "legacy" (a
    normaliser) or "never" (Gemma).
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    printable = [chr(n) for n in range(33, 127)]
    singles = [*first, *(f"<0x{n:02X}>" for n in range(256)), "▁", *printable, "é", "ü", "日", "本"]
    words = [f"{space}{word}" for word in WORDS for space in ("", "▁")]
    vocab, merges = vocabulary(list(dict.fromkeys(singles)), [*words, "▁▁▁▁", "<|", "|>"])
    backend = Tokenizer(
        models.BPE(vocab=vocab, merges=merges, byte_fallback=True, unk_token="<unk>", fuse_unk=True)
    )
    after = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    if scheme == "legacy":
        backend.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        )
    elif scheme == "never":
        backend.normalizer = normalizers.Replace(" ", "▁")
        backend.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    else:
        backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)
    backend.decoder = decoders.Sequence(
        after if scheme == "never" else [*after, decoders.Strip(" ", 1, 0)]
    )
    return backend


def unigram(first: list[str]) -> Any:
    """A Unigram vocabulary that spells the control tokens itself, without bytes for unknown text."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    pieces = [(piece, 0.0) for piece in first]
    pieces += [
        ("▁", -3.0),
        ("\n", -3.0),
        *((chr(n), -6.0) for n in range(33, 127)),
        ("é", -6.0),
        ("日", -6.0),
    ]
    pieces += [(f"▁{word}", -4.0 - number / 100) for number, word in enumerate(WORDS)]
    backend = Tokenizer(models.Unigram(pieces, unk_id=first.index("<unk>"), byte_fallback=False))
    backend.normalizer = normalizers.NFKC()
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    backend.decoder = decoders.Metaspace(prepend_scheme="always")
    return backend


def with_template(backend: Any, name: str, tokens: list[Any], **named: str) -> Any:
    """A transformers tokenizer with these added tokens; plain strings are flagged special."""
    from tokenizers import AddedToken
    from transformers import PreTrainedTokenizerFast

    added = [
        token if isinstance(token, AddedToken) else AddedToken(token, special=True, normalized=False)
        for token in tokens
    ]
    for token in added:  # in order of ids; add_special_tokens would flag the others too
        backend.add_tokens([token])
    text = (TEMPLATES / f"{name}.jinja").read_text(encoding="utf-8")
    return PreTrainedTokenizerFast(tokenizer_object=backend, chat_template=text, **named)


# --- families ------------------------------------------------------------------------------------


def make_chatml() -> Any:
    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    return with_template(byte_level(first=tokens), "chatml", tokens, eos_token="<|im_end|>")


def make_llama3() -> Any:
    tokens = [
        "<|begin_of_text|>",
        "<|end_of_text|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|eot_id|>",
    ]
    backend = byte_level(pattern=LLAMA3_PATTERN)
    return with_template(backend, "llama3", tokens, bos_token=tokens[0], eos_token="<|eot_id|>")


def make_gemma() -> Any:
    from tokenizers import AddedToken

    control = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
    plain = ["\n\n", "\n\n\n", "▁▁", "▁▁▁", "<table>", "</table>", "<h1>"]
    backend = sentence_pieces([*control, *plain], scheme="never")
    tokens = [*control, *(AddedToken(text, normalized=False, special=False) for text in plain)]
    return with_template(backend, "gemma", tokens, bos_token="<bos>", eos_token="<eos>")


def make_mistral() -> Any:
    from tokenizers import AddedToken

    first = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"]
    turns = [AddedToken(text, normalized=False, special=False) for text in first[3:]]
    backend = sentence_pieces(first, scheme="first")
    return with_template(backend, "mistral", [*first[:3], *turns], bos_token="<s>", eos_token="</s>")


def make_llama2() -> Any:
    from tokenizers import AddedToken

    first = ["<unk>", "<s>", "</s>"]
    backend = sentence_pieces(first, scheme="legacy")
    tokens = [*first, AddedToken("<|extra|>", normalized=True, special=False)]
    return with_template(backend, "llama2", tokens, bos_token="<s>", eos_token="</s>")


def make_zephyr() -> Any:
    first = ["<unk>", "<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>"]
    return with_template(unigram(first), "zephyr", first, bos_token="<s>", eos_token="</s>")


def make_phi() -> Any:
    from tokenizers import AddedToken

    first = ["<unk>", "<s>", "</s>"]
    turns = ["<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|end|>"]
    wide = [AddedToken(text, normalized=False, special=True, rstrip=True) for text in turns]
    more = [
        AddedToken("<|left|>", normalized=False, special=True, lstrip=True),
        AddedToken("word", normalized=False, special=False, single_word=True),
    ]
    backend = sentence_pieces(first, scheme="always")
    return with_template(backend, "phi", [*first, *wide, *more], bos_token="<s>", eos_token="<|end|>")


def make_thinking() -> Any:
    from tokenizers import AddedToken

    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    soft = ["<think>", "</think>", "<tool_response>", "</tool_response>"]
    plain = [AddedToken(text, normalized=False, special=False) for text in soft]
    return with_template(byte_level(), "thinking", [*tokens, *plain], eos_token="<|im_end|>")


def make_hermes() -> Any:
    from tokenizers import AddedToken

    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    calls = [
        AddedToken(text, normalized=False, special=False) for text in ("<tool_call>", "</tool_call>")
    ]
    return with_template(byte_level(), "hermes", [*tokens, *calls], eos_token="<|im_end|>")


def make_llama31() -> Any:
    tokenizer = make_llama3()
    tokenizer.chat_template = (TEMPLATES / "llama31.jinja").read_text(encoding="utf-8")
    return tokenizer


def make_mistral_tools() -> Any:
    first = [
        "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]",
        "[TOOL_CALLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]",
    ]  # fmt: skip
    backend = sentence_pieces(first, scheme="first")
    return with_template(backend, "mistral_tools", first, bos_token="<s>", eos_token="</s>")


ALL = ("system", "user", "assistant", "tool")
BUILT: dict[str, tuple[Callable[[], Any], tuple[str, ...], str]] = {
    "chatml": (make_chatml, ALL, "all"),
    "llama3": (make_llama3, ALL, "all"),
    "gemma": (make_gemma, ("system", "user", "assistant"), "all"),
    "mistral": (make_mistral, ("system", "user", "assistant"), "spaces"),
    "llama2": (make_llama2, ("system", "user", "assistant"), "spaces"),
    "zephyr": (make_zephyr, ALL, "nfkc"),
    "phi": (make_phi, ALL, "spaces"),
    "thinking": (make_thinking, (*ALL, "thinking"), "all"),
}
# Families whose templates know tools; what they write is compared in test_tools.py.
TOOLED: dict[str, tuple[Callable[[], Any], tuple[str, ...], str]] = {
    "hermes": (make_hermes, ALL, "all"),
    "llama31": (make_llama31, ALL, "all"),
    "mistral_tools": (make_mistral_tools, ALL, "spaces"),
}
REAL = "smollm2"


def built(name: str) -> Family:
    make, fields, keeps = (BUILT | TOOLED)[name]
    tokenizer = make()
    return Family(name, tokenizer, Template(tokenizer), fields, keeps)


@pytest.fixture(scope="session")
def real_folder() -> Path:
    """The default model's folder, when it is already on this machine."""
    from talkwright.errors import ModelError
    from talkwright.models import find_base
    from talkwright.models.find import KNOWN, cache_folder

    name = "smollm2-135m"
    cached = (cache_folder() / "models" / name).is_dir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        try:  # by its hub id nothing but the hub's own cache is looked at, and nothing is fetched
            return Path(find_base(name if cached else KNOWN[name].hub).path)
        except ModelError as error:
            pytest.skip(f"the default model is not on this machine, `make demo` gets it: {error}")


@pytest.fixture(scope="session", params=[*BUILT, REAL])
def family(request: pytest.FixtureRequest) -> Family:
    """Each family in turn, the default model's last."""
    if request.param != REAL:
        return built(request.param)
    from transformers import AutoTokenizer

    folder = request.getfixturevalue("real_folder")
    tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    return Family(REAL, tokenizer, Template.load(folder), ALL)


@pytest.fixture(scope="session", params=[*TOOLED])
def tooled(request: pytest.FixtureRequest) -> Family:
    """Each family that knows tools in turn."""
    return built(request.param)


@pytest.fixture(scope="session")
def family_named() -> Callable[[str], Family]:
    """Build one family by name."""
    return built


# --- chats ---------------------------------------------------------------------------------------

SNIPPETS = (
    "Where is my order?", "the answer", "Thank you!", "é à ü ß ñ", "日本語のテキスト",
    "你好，世界", "한국어",
    "🙂", "👩‍👩‍👧‍👦", "🏳️‍🌈", "مرحبا بالعالم", "שלום",
    "नमस्ते", "\u200b", "\u200d", "\u00a0", "\ufeff", "a\u0301",
    "def f(x):\n    return x  # why\n", "{'a': [1, 2]}", "{{ message }}",
    "{% raw %}", "\\n", "\\u0000", "<", ">",
    "|", "<|", "|>", "<b>bold</b>", "&amp;",
    "https://example.org/?q=1&r=2", "1234567890", "3.14", "-", "#", "```",
    "word", "words", "\n", "\n\n", "\r\n", "\t", "  ",
    "    ", " ", "...", "İstanbul", "ﬁne", "Å", "½", "ＡＢＣ",
    "im_end", "[", "]", "INST", "user", "assistant", "system",
    "</", "<0x0A>", "▁", "Ġ", "x" * 40, "¿?", "\U0001f600",
)  # fmt: skip
EDGES = ("", "", "", "", " ", "\n", "\n\n", "  ", "\t", " \n ")


def random_text(rng: random.Random, family: Family) -> str:
    """Any text that holds none of the family's added tokens."""
    if rng.random() < 0.05:
        return rng.choice(("", " ", "\n"))
    while True:
        middle = rng.choice(("", " ", " ", "\n")).join(rng.choices(SNIPPETS, k=rng.randint(1, 6)))
        text = f"{rng.choice(EDGES)}{middle}{rng.choice(EDGES)}"
        if not any(token in text for token in family.added):
            return text


def random_chat(rng: random.Random, family: Family) -> list[Message]:
    """One to six turns, perhaps a system message, perhaps thinking."""
    chat = []
    if rng.random() < 0.4:
        chat.append(Message("system", random_text(rng, family)))
    for _ in range(rng.randint(1, 6)):
        thinking = None
        if "thinking" in family.fields and rng.random() < 0.5:
            thinking = random_text(rng, family)
        chat.append(Message("user", random_text(rng, family)))
        chat.append(Message("assistant", random_text(rng, family), thinking))
    return chat


@pytest.fixture(scope="session")
def chats() -> Callable[[Family, int, int], list[Conversation]]:
    """chats(family, seed, count): random benign conversations."""

    def make(family: Family, seed: int, count: int) -> list[Conversation]:
        rng = random.Random(f"{family.name} {seed}")
        return [Conversation(tuple(random_chat(rng, family))) for _ in range(count)]

    return make
