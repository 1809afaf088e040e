"""`talkwright merge`: an adapter becomes part of its base, and the result is a model like any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from talkwright import pipeline
from talkwright.config import build_recipe
from talkwright.engine import load_engine
from talkwright.models import find_base, load_weights
from talkwright.runs import manifest, verify
from talkwright.template import Template
from talkwright.types import Message

OTHER = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + ': ' + m['content'] + '<|im_end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant: ' }}{% endif %}"
)


@pytest.fixture(scope="module")
def trained(tiny_base, tmp_path_factory):
    """`trained(method=...)` trains the tiny model once; gives the run's folder."""
    folder = tmp_path_factory.mktemp("merging")
    rows = [
        [{"role": "user", "content": f"question {n * 7919 % 1000}?"},
         {"role": "assistant", "content": f"answer {n * 31 % 97}"}]
        for n in range(16)
    ]  # fmt: skip
    (folder / "chats.jsonl").write_text("".join(json.dumps({"messages": r}) + "\n" for r in rows))

    def run(template: dict[str, Any] | None = None, **train: Any) -> Path:
        values = {
            "name": train.get("method", "lora"),
            "model": {"name": tiny_base.path},
            "data": {"sources": [{"path": "chats.jsonl"}], "validation": 0.2, "test": 0},
            "train": {"max_steps": 6, "batch_size": 4, "precision": "fp32", "learning_rate": 1e-2,
                      **train},
            "template": template or {},
        }  # fmt: skip
        return pipeline.run(build_recipe(values, folder=folder), folder / "runs", until="train")

    return run


def logits_of(model: Any, ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=torch.tensor([ids])).logits[0]


ENDS = [
    {"lora": {"targets": [end, "q_proj"]}} for end in ("lm_head", "embed_tokens")
]  # one weight, tied


@pytest.mark.parametrize(
    "how", [{}, {"method": "ia3"}, {"lora": {"dora": True, "rank": 4}}, *ENDS], ids=str
)
def test_the_merged_models_logits_are_the_adapters(
    how, trained, talkwright, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Also where the processor computes bf16, in which an adapter beside a model rounds otherwise.
    monkeypatch.setattr("talkwright.engine.torch_engine.best_precision", lambda: "fp32")
    here = trained(**how)
    done = talkwright("merge", here, "merged")
    assert (done.code, done.out.startswith("Merged: merged\n")) == (0, True)
    assert done.out.rstrip().endswith("chat merged")
    base = find_base("merged")
    engine = pipeline.load_chat_engine(here)
    ids = engine.template.prompt_ids([Message("user", "question 919?")])
    adapted = engine._models["tuned"].float()
    merged = load_weights(base, precision="fp32")
    ours, theirs = logits_of(merged, ids), logits_of(adapted, ids)
    assert torch.allclose(ours, theirs, atol=2e-5, rtol=1e-4)
    with adapted.disable_adapter():
        assert (theirs - logits_of(adapted, ids)).abs().max() > 0.01
    assert Template.load(base.path).fingerprint == engine.template.fingerprint
    assert base.licence == "apache-2.0"
    verify(tmp_path / "merged")
    assert manifest(tmp_path / "merged", "merged model")["about"]["base"]["name"]


def test_it_can_be_talked_to_by_the_recipes_own_template(
    trained, talkwright, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    own = Path("other.jinja").resolve()
    own.write_text(OTHER)
    here = trained({"chat_template": str(own)}, learning_rate=2e-2)
    talkwright("merge", here, "merged")
    assert Template.load("merged").fingerprint == pipeline.load_chat_engine(here).template.fingerprint
    answers = []
    for model in (here, "merged"):
        monkeypatch.setattr("sys.stdin", io.StringIO("question 919?\n"))
        done = talkwright("chat", model, "--json", "--max-new-tokens", 8, "--set", "serve.temperature=0")
        assert done.code == 0, done.err
        answers.append(done.json["text"])
    assert answers[0] == answers[1]


def test_nothing_is_overwritten(trained, talkwright, tmp_path) -> None:
    (tmp_path / "mine").mkdir()
    done = talkwright("merge", trained(), "mine")
    assert done.code == 2
    assert "already something of this name" in done.err
    assert list((tmp_path / "mine").iterdir()) == []


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"method": "full", "learning_rate": 1e-4}, "nothing to merge"),
        ({"method": "prefix", "virtual_tokens": 3}, "cannot be merged"),
        ({"method": "prompt", "virtual_tokens": 3}, "cannot be merged"),
    ],
    ids=str,
)
def test_what_cannot_be_merged_says_so_and_leaves_nothing(
    how, said, trained, talkwright, tmp_path
) -> None:
    done = talkwright("merge", trained(**how), "merged")
    assert done.code == 2
    assert said in done.err
    assert list(tmp_path.iterdir()) == []
    if how["method"] == "full":  # the folder that it names is one
        path = done.err.split("; ")[1].split(" is a model folder")[0]
        assert find_base(path).digest


def test_an_adapters_folder_is_merged_through_its_run_or_by_the_base_it_names(
    trained, talkwright, tmp_path
) -> None:
    import shutil

    here = trained()
    assert talkwright("merge", here / "train" / "adapter", "a", "--json").json["run"] == str(
        here.resolve()
    )
    shutil.copytree(here / "train" / "adapter", tmp_path / "foreign")
    assert talkwright("merge", "foreign", "b").code == 0
    assert (
        manifest(tmp_path / "b")["files"]["model.safetensors"]
        == (manifest(tmp_path / "a")["files"]["model.safetensors"])
    )
    config = json.loads((tmp_path / "foreign" / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = None
    (tmp_path / "foreign" / "adapter_config.json").write_text(json.dumps(config))
    done = talkwright("merge", "foreign", "c")
    assert (done.code, "does not name the base" in done.err) == (2, True)


def test_the_precision_is_the_bases_unless_another_is_named(trained, talkwright) -> None:
    from safetensors.torch import load_file

    here = trained()
    talkwright("merge", here, "own")
    talkwright("merge", here, "half", "--precision", "bf16")
    own, half = load_file("own/model.safetensors"), load_file("half/model.safetensors")
    assert {weight.dtype for weight in own.values()} == {torch.float32}
    assert {weight.dtype for weight in half.values()} == {torch.bfloat16}
    # Rounded once, from the sum in fp32.
    assert all(torch.equal(half[name], own[name].bfloat16()) for name in own)


@pytest.mark.parametrize("how", [{}, {"lora": {"dora": True}}, {"method": "ia3"}], ids=str)
def test_an_adapter_of_a_base_in_four_bits_is_added_to_those(
    how, trained, talkwright, tiny_base
) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes (the extra `quantise`) is not installed")
    here = trained(quantise="nf4", **{"learning_rate": 2e-2, **how})
    assert talkwright("merge", here, "merged").code == 0
    template = Template.load("merged")
    ids = template.prompt_ids([Message("user", "question 919?")])
    engine = load_engine(
        tiny_base, template, name="q", tuned=here / "train" / "adapter", precision="fp32", quantise="nf4"
    )
    wanted = logits_of(engine._models["tuned"], ids)
    merged = logits_of(load_weights(find_base("merged"), precision="fp32"), ids)
    assert torch.allclose(merged, wanted, atol=1e-3, rtol=1e-3)
    whole = load_engine(
        tiny_base, template, name="w", tuned=here / "train" / "adapter", precision="fp32"
    )
    off = (logits_of(whole._models["tuned"], ids) - wanted).abs().max()
    assert off > 20 * (merged - wanted).abs().max()  # what the usual way would be off by
    assert "quantization_config" not in json.loads(Path("merged/config.json").read_text())


def test_a_merged_model_can_be_trained_on(trained, talkwright, tmp_path) -> None:
    from talkwright.runs import read_jsonl

    rows = [{"messages": [{"role": "user", "content": f"q{n}?"}, {"role": "assistant", "content": "a"}]}
            for n in range(8)]  # fmt: skip
    (tmp_path / "more.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "r.yaml").write_text(
        "model: merged\ndata: {sources: more.jsonl, validation: 0, duplicates: keep}\n"
        "train: {max_steps: 1, precision: fp32, batch_size: 2}\n"
    )
    assert talkwright("merge", trained(), "merged").code == 0
    done = talkwright("train", "r.yaml", "--json")
    assert done.code == 0, done.err
    (row,) = read_jsonl(Path(done.json["run"]) / "train" / "metrics.jsonl")
    assert row["loss"] > 0
    assert manifest(Path(done.json["run"]) / "train")["about"]["base"]["name"].endswith("merged")
