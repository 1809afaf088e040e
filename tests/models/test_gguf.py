"""GGUF files: what is written comes back; what is broken or not exactly known is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from talkwright.errors import ModelError
from talkwright.models import find_base, load_weights


@pytest.mark.parametrize("halves", [False, True], ids=["F32", "F16"])
def test_weights_come_back_exactly(write_gguf, halves: bool) -> None:
    path, weights = write_gguf(halves=halves)
    base = find_base(str(path))
    assert (base.name, base.origin, base.licence) == (str(path), f"file {path}", "mit")
    model = load_weights(base, precision="fp32")
    got = dict(model.named_parameters())
    assert got.keys() == weights.keys()
    for name, weight in weights.items():
        assert torch.equal(got[name], weight), name


def test_a_file_is_converted_once(write_gguf, own_cache: Path) -> None:
    path, _ = write_gguf()
    first = find_base(str(path))
    assert Path(first.path).parent == own_cache / "models"
    made = (Path(first.path) / "manifest.json").stat().st_mtime_ns
    moved = path.rename(path.with_name("renamed.gguf"))
    second = find_base(str(moved))
    assert (second.path, second.digest, second.licence) == (first.path, first.digest, first.licence)
    assert (Path(first.path) / "manifest.json").stat().st_mtime_ns == made


@pytest.mark.parametrize(
    ("pre", "pieces"),
    [("smollm", ["x", "1", "2", "3", "Ġa", "Ġ", "Ġa"]), ("gpt-2", ["x", "12", "3", "Ġa", "Ġ", "Ġa"])],
)
def test_the_tokenizer_cuts_as_the_file_says(write_gguf, pre: str, pieces: list[str]) -> None:
    path, _ = write_gguf(pre=pre)
    tokenizer = AutoTokenizer.from_pretrained(find_base(str(path)).path)
    ids = tokenizer("x123 a  a").input_ids
    assert tokenizer.convert_ids_to_tokens(ids) == pieces
    assert tokenizer.decode(ids) == "x123 a  a"
    (stop,) = tokenizer("<|im_end|>").input_ids
    assert tokenizer.eos_token_id == stop
    assert tokenizer.chat_template == "{{ messages[0]['content'] }}"


def test_a_pretokenizer_that_is_not_known_is_refused(write_gguf, own_cache: Path) -> None:
    path, _ = write_gguf(pre="jais-2")
    with pytest.raises(ModelError, match=r"tiny\.gguf.*rule 'jais-2'.*folder or hub id"):
        find_base(str(path))
    assert not list((own_cache / "models").iterdir())


def test_a_file_that_lacks_weights_is_refused(write_gguf) -> None:
    path, _ = write_gguf(omit="blk.1.attn_q")
    with pytest.raises(ModelError, match=r"q_proj\.weight"):
        find_base(str(path))


def test_what_is_no_gguf_is_refused(tmp_path: Path, own_cache: Path) -> None:
    with pytest.raises(ModelError, match="no such GGUF file"):
        find_base(str(tmp_path / "none.gguf"))
    for content in (b"", b"GG", b"PK\x03\x04 a zip", b"\x00" * 64):
        (tmp_path / "bad.gguf").write_bytes(content)
        with pytest.raises(ModelError, match=r"bad\.gguf: does not begin like a GGUF file"):
            find_base(str(tmp_path / "bad.gguf"))


@pytest.mark.parametrize("share", [0.0001, 0.001, 0.01, 0.05, 0.2, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(write_gguf, share: float, own_cache: Path) -> None:
    path, _ = write_gguf()
    content = path.read_bytes()
    path.write_bytes(content[: max(5, int(len(content) * share))])
    with pytest.raises(ModelError, match=r"tiny\.gguf"):
        find_base(str(path))
    assert not list(own_cache.glob("models/*"))


def test_a_header_with_flipped_bits_never_ends_in_a_traceback(write_gguf) -> None:
    path, _ = write_gguf()
    content = path.read_bytes()
    refused = 0
    for place in range(4, 600, 29):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x91]) + content[place + 1 :])
        try:
            find_base(str(path))  # a flipped letter of a name is no damage
        except ModelError:
            refused += 1
    assert refused > 10
