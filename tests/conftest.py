"""Shared fixtures: a tiny tokenizer and template made in the process, a fake engine, no downloads."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import settings

# Whoever waits for the tests of a change wants to know of that change, so inputs are the same each time;
# `make fuzz` lets chance choose others. How long an input takes, on a shared machine, says nothing.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("chance", deadline=None)
settings.load_profile("same")

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] "
    "+ '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def byte_tokenizer(
    control: list[str], chat_template: str, *, bos: str | None = None, eos: str | None = None
):
    """A byte-level tokenizer without merges: any text can be encoded, one token a byte."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=bos,
        eos_token=eos,
        pad_token=eos,
        chat_template=chat_template,
    )


@pytest.fixture(scope="session")
def tiny_template():
    """A ChatML template over a byte-level tokenizer, built here."""
    from talkwright.template import Template

    control = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]
    return Template(byte_tokenizer(control, CHATML, eos="<|im_end|>"))


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory):
    """A random two-layer Llama with the byte-level tokenizer of `tiny_template`, as a model folder."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from talkwright.types import BaseModel

    folder = tmp_path_factory.mktemp("models") / "tiny"
    tokenizer = byte_tokenizer(["<|im_start|>", "<|im_end|>", "<|endoftext|>"], CHATML, eos="<|im_end|>")
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=len(tokenizer) - 1,  # its row is all zeros, so it must not be one to learn
        initializer_range=0.1,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LlamaForCausalLM(config)
    torch.nn.init.constant_(model.model.norm.weight, 4.0)  # so that an adapter can make it certain
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\nA tiny model.\n", "utf-8")
    return BaseModel("tiny", str(folder), "a test", "apache-2.0", "0" * 64)


CHROMIUM = Path("/usr/bin/chromium")  # Debian's; playwright's own would have to be downloaded
QUIETLY = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    """A real browser that asks for nothing by itself. While it is there, no other event loop can run."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.is_file():
        pytest.skip(f"there is no {CHROMIUM} on this machine")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=QUIETLY)
        yield browser
        browser.close()


@pytest.fixture
def fake_engine(tiny_template):
    """An engine that repeats the last 40 characters of its prompt."""
    from talkwright.engine import FakeEngine

    return FakeEngine(tiny_template, lambda prompt: f"You said: {prompt[-40:].strip()}")


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """A shell that starts tests in the background has them ignore Ctrl-C, and what they start inherits
    that; the tests that interrupt a process would wait in vain."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep hub access off and the person's own folders out of tests."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real data beside the checkout, where a developer has it."""
    folder = Path(__file__).resolve().parents[1].parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("the developers' shared/ data folder is not beside this checkout")
    return folder
