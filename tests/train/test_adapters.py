"""Every way to change a model: it learns, is saved, answers the same when loaded, goes on exactly after
a stop, and becomes part of the weights where it can."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tokenizers.pre_tokenizers import ByteLevel

from talkwright.engine import load_engine
from talkwright.errors import ModelError, TrainError
from talkwright.models import (
    load_adapter,
    load_weights,
    make_batch,
    merge_adapter,
    row_losses,
    summed_loss,
    virtual_tokens,
    write_merged,
)
from talkwright.train import refuse_unready
from talkwright.train.adapters import refuse_other_adapter
from talkwright.train.model import prepare_model, save_model
from talkwright.train.start_from import refuse_other_base
from talkwright.types import IGNORED, BaseModel, Example, Sampling

METHODS: dict[str, dict[str, Any]] = {
    "lora": {},
    "rslora": {"lora": {"rank_stabilised": True}},
    "dora": {"lora": {"dora": True, "rank": 4, "alpha": 8.0}},
    "lora+": {"lora": {"plus_ratio": 4.0}, "learning_rate": 5e-3},
    "lora on a layer": {"lora": {"layers": [1]}},
    "ia3": {"method": "ia3", "learning_rate": 5e-2},
    "prefix": {"method": "prefix", "learning_rate": 5e-2, "virtual_tokens": 8},
    "prompt": {"method": "prompt", "learning_rate": 1e-1, "virtual_tokens": 8},
    "full": {"method": "full", "learning_rate": 2e-3},
}
MERGING = [name for name in METHODS if name not in ("prefix", "prompt", "full")]


def tuned_in(out: Path) -> Path:
    return next(out / kind for kind in ("adapter", "model") if (out / kind).is_dir())


def test_chosen_layers_of_a_model_with_the_weights_of_its_layers_the_other_way_round(section) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    from talkwright.train.adapters import add_adapter

    model = GPT2LMHeadModel(GPT2Config(n_embd=16, n_layer=3, n_head=2, vocab_size=64, n_positions=32))
    adapted = add_adapter(model, section(lora={"layers": [1]}))
    names = {name.split(".lora_A")[0] for name, _ in adapted.named_parameters() if ".lora_A" in name}
    assert {name.split(".h.")[1] for name in names} == {
        "1.attn.c_attn", "1.attn.c_proj", "1.mlp.c_fc", "1.mlp.c_proj",
    }  # fmt: skip


@pytest.fixture
def engine_of(tiny_base, tiny_template) -> Callable[..., Any]:
    def load(out: Path, how: dict[str, Any]) -> Any:
        return load_engine(
            tiny_base,
            tiny_template,
            name="run",
            tuned=tuned_in(out),
            method=how.get("method", "lora"),
            precision="fp32",
        )

    return load


@pytest.mark.parametrize("name", METHODS)
def test_it_learns_and_the_engine_answers_with_what_was_trained(
    name, train_tiny, engine_of, rows, metrics_of, tiny_base, tiny_template
) -> None:
    how = {"learning_rate": 1e-2, **METHODS[name]}
    out = train_tiny(validation=rows, max_steps=16, eval_every=16, **how)
    measured = [row["validation_loss"] for row in metrics_of(out) if "validation_loss" in row]
    assert measured[-1] < 0.9 * measured[0]
    engine = engine_of(out, how)
    for variant, loss in (("base", measured[0]), ("tuned", measured[-1])):
        found = engine.nll(rows, variant=variant)
        mean = sum(nll for nll, _ in found) / sum(count for _, count in found)
        # Prefixes and prompts begin at random, so the loss before the first step is not the base's.
        if variant == "tuned" or how.get("method") not in ("prefix", "prompt"):
            assert mean == pytest.approx(loss, rel=1e-5)
    bare = load_engine(tiny_base, tiny_template, name="bare", precision="fp32")
    assert engine.nll(rows[:3], variant="base") == bare.nll(rows[:3])


@pytest.mark.parametrize("method", ["prefix", "prompt"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_learnt_tokens_are_computed_as_peft_computes_them(
    method, precision, tiny_base, section, rows
) -> None:
    model, padded = prepare_model(
        tiny_base, section(method=method, virtual_tokens=5, precision=precision), 7
    )
    assert padded
    assert virtual_tokens(model) == 5
    loss = summed_loss(model, make_batch(rows[:3], padded=True))
    loss.backward()
    (ours,) = [weight.grad.clone() for weight in model.parameters() if weight.requires_grad]
    model.zero_grad()
    plain = sum(
        model(
            input_ids=torch.tensor([row.input_ids]),
            attention_mask=torch.ones(1, len(row.input_ids)),
            labels=torch.tensor([row.labels]),
        ).loss
        * row.n_supervised
        for row in rows[:3]
    )
    plain.backward()
    (theirs,) = [weight.grad for weight in model.parameters() if weight.requires_grad]
    close = 1e-5 if precision == "fp32" else 3e-2
    assert float(loss.detach()) == pytest.approx(float(plain.detach()), rel=close)
    assert (ours - theirs).norm() <= close * theirs.norm()
    assert theirs.norm() > 0


@pytest.mark.parametrize("name", ["lora", "prefix", "prompt"])
def test_what_is_generated_is_what_scoring_finds_likeliest(
    name, train_tiny, engine_of, rows, tiny_base
) -> None:
    """Prompts of different lengths, side by side and alone, token by token with a cache, against whole
    passes. What was learnt does not matter, so it is little: no tie and no lucky seed can."""
    how = METHODS[name]
    out = train_tiny(max_steps=6, **{"learning_rate": 5e-2, **how})
    engine = engine_of(out, how)
    adapted = load_adapter(load_weights(tiny_base, precision="fp32"), out / "adapter").eval()
    prompts = [row.input_ids[:length] for row, length in zip(rows, (9, 5, 12), strict=False)]
    length = Sampling(max_new_tokens=6)
    together = [reply.ids for reply in engine.generate(prompts, length)]
    alone = [engine.generate([prompt], length)[0].ids for prompt in prompts]
    for prompt, reply in zip(prompts * 2, together + alone, strict=True):
        ids = torch.tensor([(*prompt, *reply)])
        row = Example((*prompt, *reply), (*[IGNORED] * len(prompt), *reply))
        with torch.no_grad():
            scored = row_losses(adapted, make_batch([row], padded=True))
            logits = adapted(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0]
        likeliest = logits[-len(reply) - 1 : -1].log_softmax(1).amax(1)
        assert torch.allclose(scored, -likeliest, atol=1e-4)
    plain = [reply.ids for reply in engine.generate(prompts, length, variant="base")]
    assert all(one and one != other for one, other in zip(together, plain, strict=True))


@pytest.mark.parametrize("method", ["prefix", "prompt"])
def test_learnt_tokens_take_their_places_from_the_context(
    method, train_tiny, engine_of, tiny_base, tiny_template
) -> None:
    out = train_tiny(method=method, virtual_tokens=8, max_steps=1)
    engine = engine_of(out, {"method": method})
    bare = load_engine(tiny_base, tiny_template, name="bare", precision="fp32")
    assert engine.context_length == bare.context_length - 8


@pytest.mark.parametrize("method", ["prefix", "prompt"])
def test_cached_decoding_gives_the_logits_of_a_whole_pass(method, train_tiny, engine_of, rows) -> None:
    """Random learnt tokens, left padding and a cache in steps, against PEFT's own forward pass."""
    engine = engine_of(train_tiny(method=method, virtual_tokens=6, max_steps=3), {"method": method})
    prompts = [row.input_ids[:length] for row, length in zip(rows, (9, 5, 12), strict=False)]
    seen: list[Any] = []
    plain = engine._forward

    def recording(*given: Any) -> Any:
        seen.append(plain(*given))
        return seen[-1]

    engine._forward = recording
    steps = list(engine._decode(prompts, Sampling(max_new_tokens=4), "tuned"))
    model = engine._models["tuned"]
    text = [list(prompt) for prompt in prompts]
    alive = list(range(len(prompts)))
    for step, (logits, _) in zip(steps, seen, strict=True):
        assert len(alive) == len(logits)
        for row, found in zip(alive, logits, strict=True):
            ids = torch.tensor([text[row]])
            with torch.no_grad():
                whole = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0, -1]
            assert torch.allclose(whole, found, atol=1e-4)
            text[row].append(step[row])
        alive = [row for row in alive if step[row] not in engine.template.stop_ids]
    assert len(steps) > 1


class Stopped(Exception):
    """Stands for the end of a process between two steps."""


@pytest.mark.parametrize("name", METHODS)
def test_stopped_and_gone_on_is_bit_for_bit_uninterrupted(
    name, train_tiny, weights_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    from talkwright.train import loop

    how = {"max_steps": 5, "save_every": 2, "schedule": "cosine", **METHODS[name]}
    whole = weights_of(train_tiny("whole", **how))
    write = loop._write

    def dying(metrics: Any, row: dict[str, Any]) -> None:
        write(metrics, row)
        if row["step"] == 3:
            raise Stopped

    monkeypatch.setattr(loop, "_write", dying)
    with pytest.raises(Stopped):
        train_tiny("cut", **how)
    monkeypatch.setattr(loop, "_write", write)
    resumed = weights_of(train_tiny("cut", **how))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[n], resumed[n]) for n in whole)


@pytest.mark.parametrize("name", MERGING)
def test_merged_weights_answer_as_the_adapter_does(
    name, train_tiny, tiny_base, tiny_template, rows, tmp_path, engine_of
) -> None:
    how = {"learning_rate": 1e-2, **METHODS[name]}
    out = train_tiny(max_steps=6, **how)
    merge_adapter(tiny_base, out / "adapter", tmp_path / "merged", precision="fp32")
    from talkwright.models import find_base
    from talkwright.template import Template

    base = find_base(str(tmp_path / "merged"))  # a whole model folder, as any other
    template = Template.load(base.path)
    assert template.fingerprint == Template.load(tiny_base.path).fingerprint
    merged = load_engine(base, template, name="merged", precision="fp32").nll(rows)
    adapter = engine_of(out, how).nll(rows)
    assert [x for x, _ in merged] == pytest.approx([x for x, _ in adapter], rel=1e-4)
    assert adapter != engine_of(out, how).nll(rows, variant="base")


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float32], ids=str)
def test_merged_weights_are_as_precise_as_the_base_is(
    precision, train_tiny, tiny_base, tmp_path
) -> None:
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    adapter = train_tiny(max_steps=1) / "adapter"
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_base.path, dtype=precision)
    model.save_pretrained(str(tmp_path / "base"))
    base = replace(tiny_base, path=str(tmp_path / "base"))
    for asked, wanted in ((None, precision), ("bf16", torch.bfloat16), ("fp32", torch.float32)):
        merge_adapter(base, adapter, tmp_path / str(asked), precision=asked)
        tensors = load_file(tmp_path / str(asked) / "model.safetensors")
        assert {tensor.dtype for tensor in tensors.values()} == {wanted}


@pytest.mark.parametrize("method", ["prefix", "prompt"])
def test_learnt_tokens_cannot_be_merged(method, train_tiny, tiny_base, tmp_path) -> None:
    out = train_tiny(method=method, max_steps=1)
    with pytest.raises(ModelError, match="cannot be merged"):
        merge_adapter(tiny_base, out / "adapter", tmp_path / "merged", precision="fp32")


def config_of(out: Path) -> dict[str, Any]:
    return json.loads((out / "adapter" / "adapter_config.json").read_text())


def test_what_the_recipe_says_is_in_the_adapter(train_tiny, weights_of) -> None:
    out = train_tiny("a", max_steps=1, lora={"rank_stabilised": True, "dora": True, "layers": [1]})
    config = config_of(out)
    assert (config["use_rslora"], config["use_dora"]) == (True, True)
    names = weights_of(out)
    assert all(".layers.1." in name for name in names)
    assert any("magnitude" in name for name in names)
    prefix = train_tiny("b", max_steps=1, method="prefix", virtual_tokens=3)
    assert config_of(prefix)["num_virtual_tokens"] == 3
    # 3 tokens, 2 layers, keys and values of 2 heads of 16 each
    assert [tuple(w.shape) for w in weights_of(prefix).values()] == [(3, 2 * 2 * 2 * 16)]
    factors = weights_of(train_tiny("c", max_steps=1, method="ia3"))
    assert {name.split(".")[-2] for name in factors} == {
        *("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    }


def test_plus_ratio_is_the_second_matrix_rate(train_tiny, weights_of) -> None:
    # One step of AdamW moves every weight that has a gradient by its rate.
    def moved(name: str, **lora: float) -> float:
        found = weights_of(train_tiny(name, max_steps=1, learning_rate=1e-3, lora=lora))
        return max(float(w.abs().max()) for n, w in found.items() if "lora_B" in n)  # from zero

    assert moved("plain") == pytest.approx(1e-3, rel=1e-2)
    assert moved("plus", plus_ratio=8.0) == pytest.approx(8e-3, rel=1e-2)


def test_a_layer_that_is_not_there_is_refused(train_tiny) -> None:
    with pytest.raises(TrainError, match=r"no layer 2; they are 0 to 1"):
        train_tiny(lora={"layers": [0, 2]})
    with pytest.raises(TrainError, match=r"names no module of layers \[1\]"):
        train_tiny(lora={"layers": [1], "targets": ["lm_head"]})


# --- going on from what was trained before -------------------------------------------------------


@pytest.mark.parametrize("name", ["lora", "dora", "ia3", "prefix", "prompt", "full"])
def test_going_on_from_a_run_begins_where_it_ended(
    name, train_tiny, rows, metrics_of, section, tiny_base, tiny_template
) -> None:
    how = {"learning_rate": 1e-2, **METHODS[name]}
    first = train_tiny("first", validation=rows, max_steps=4, eval_every=4, **how)
    refuse_unready(section(start_from=str(first.parent), **how), tiny_base, tiny_template)
    again = train_tiny(
        "again", validation=rows, max_steps=4, eval_every=4, start_from=str(first.parent), **how
    )
    ended = [row["validation_loss"] for row in metrics_of(first) if "validation_loss" in row][-1]
    began, now = (row["validation_loss"] for row in metrics_of(again) if "validation_loss" in row)
    assert began == pytest.approx(ended, rel=1e-6)
    assert now < began


def test_an_adapter_of_another_shape_is_not_gone_on_from(
    train_tiny, tmp_path, section, tiny_base, tiny_template
) -> None:
    first = train_tiny("first", max_steps=1, lora={"rank": 4, "alpha": 8.0})
    whole = train_tiny("whole", max_steps=1, method="full")

    def refused(match: str, start: Path, **how: Any) -> None:
        """By the check, which has no weights, as by the training."""
        how["start_from"] = str(start)
        with pytest.raises(TrainError, match=match):
            refuse_unready(section(**how), tiny_base, tiny_template)
        with pytest.raises(TrainError, match=match):
            train_tiny("again", **how)

    run, lora = first.parent, {"rank": 4, "alpha": 8.0}
    refused(r"r is 4 there and 16 here; lora_alpha is 8.* and 32", run)
    refused(
        r"use_rslora is False there and True here; use_dora is False",
        run,
        lora={**lora, "dora": True, "rank_stabilised": True},
    )
    refused("14 of its weights are of other modules or shapes", run, lora={**lora, "layers": [0]})
    refused("peft_type is 'LORA' there and 'IA3' here", first / "adapter", method="ia3")
    refused("peft_type is 'LORA' there and 'PREFIX_TUNING' here", first / "adapter", method="prefix")
    refused(r"holds no model.*not with `method: full`", first, method="full")
    refused("holds no adapter", tmp_path / "nothing")
    refused("holds all weights of a model, not an adapter", whole.parent)


STRANGE = {
    "alpha_pattern": {"alpha_pattern": {"q_proj": 256}},
    "rank_pattern": {"rank_pattern": {"q_proj": 4}},
    "init_lora_weights": {"init_lora_weights": "pissa"},
    "bias": {"bias": "all"},
    "from another": {"init_lora_weights": "gaussian", "revision": "1", "lora_dropout": 0.1,
                     "target_modules": r".*\.[a-z]+_proj", "exclude_modules": ["lm_head"]},
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGE)
def test_an_adapter_of_another_tool_is_gone_on_from_as_it_is_or_not_at_all(
    name: str, tiny_base, section, tmp_path
) -> None:
    from peft import LoraConfig, get_peft_model

    how = {"r": 8, "lora_alpha": 16, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}
    model = get_peft_model(load_weights(tiny_base, precision="fp32"), LoraConfig(**how | STRANGE[name]))
    for weight_name, weight in model.named_parameters():
        if "lora_" in weight_name:
            torch.nn.init.normal_(weight, 0, 0.05)
    model.save_pretrained(str(tmp_path / "theirs"))
    again = section(start_from=str(tmp_path / "theirs"), lora={"rank": 8, "alpha": 16.0})
    if name != "from another":
        for refuse in (
            lambda: prepare_model(tiny_base, again, 7),
            partial(refuse_other_adapter, tiny_base, again),
        ):
            with pytest.raises(TrainError, match=rf"asks for what is not trained here.* {name} is "):
                refuse()
        return
    refuse_other_adapter(tiny_base, again)
    row = Example(tuple(range(20)), tuple(range(20)))
    losses = [
        float(row_losses(each.eval(), make_batch([row], padded=padded)).detach().sum())
        for each, padded in ((model, True), prepare_model(tiny_base, again, 7))
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


def test_a_run_on_another_base_is_not_gone_on_from(train_tiny, tiny_base, section) -> None:
    first = train_tiny("first", max_steps=1)
    other = replace(tiny_base, digest="1" * 64)
    with pytest.raises(TrainError, match="was trained on 'tiny', whose files differ"):
        prepare_model(other, section(start_from=str(first.parent)), 7)


def test_whole_weights_of_another_base_are_not_gone_on_from(
    train_tiny, tiny_base, section, tmp_path
) -> None:
    first = train_tiny("first", max_steps=1, method="full")
    again = section(method="full", start_from=str(first.parent))
    with pytest.raises(TrainError, match="was trained on 'tiny', whose files differ"):
        refuse_other_base(replace(tiny_base, digest="1" * 64), again)
    refuse_other_base(tiny_base, again)
    adapter = train_tiny("adapter", max_steps=1) / "adapter"
    merged = tmp_path / "merged"
    write_merged(tiny_base, adapter, merged, lambda folder: None)
    on_merged = section(method="full", start_from=str(merged))
    refuse_other_base(tiny_base, on_merged)
    refuse_other_base(BaseModel("merged", str(merged), str(merged), "", "2" * 64), on_merged)
    with pytest.raises(TrainError, match="was trained on 'tiny', whose files differ"):
        refuse_other_base(replace(tiny_base, digest="1" * 64), on_merged)


@pytest.mark.parametrize("change", ["layers", "ids", "nothing", "no tokenizer"])
def test_whole_weights_of_another_tool_must_be_of_the_same_kind(
    change: str, tiny_base, section, tmp_path
) -> None:
    there = Path(shutil.copytree(tiny_base.path, tmp_path / "theirs"))
    config, tokenizer = there / "config.json", there / "tokenizer.json"
    if change == "layers":
        config.write_text(json.dumps({**json.loads(config.read_text()), "num_hidden_layers": 1}))
    elif change == "ids":
        found = json.loads(tokenizer.read_text())
        words = found["model"]["vocab"]
        words["a"], words["b"] = words["b"], words["a"]
        tokenizer.write_text(json.dumps(found))
    elif change == "no tokenizer":
        tokenizer.unlink()
    again = section(method="full", start_from=str(there))
    said = {"layers": "num_hidden_layers is 1 there and 2 in the base", "ids": "gives other ids"}
    if change in said:
        with pytest.raises(TrainError, match=said[change]):
            refuse_other_base(tiny_base, again)
    else:
        refuse_other_base(tiny_base, again)


def test_what_is_gone_on_from_is_part_of_what_makes_a_run(train_tiny, section) -> None:
    from talkwright.train import start_digest

    runs = [str(train_tiny(name, max_steps=n).parent) for n, name in enumerate(("a", "b", "a2"), 1)]
    digests = [start_digest(section(start_from=run)) for run in runs]
    assert len({digest for (digest,) in digests}) == 3
    assert start_digest(section()) == []


@pytest.mark.parametrize("written", ["by name", "by a variable", "in a row", "in a validation row"])
def test_tokens_that_the_model_does_not_know_are_refused(
    tiny_base, tiny_template, rows, section, tmp_path, written
) -> None:
    from talkwright.template import Template
    from talkwright.train import train

    tokenizer = copy.deepcopy(tiny_template._tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|tool|>"], "bos_token": "<|tool|>"})
    start = {"by name": "{% if tools %}<|tool|>{% endif %}", "by a variable": "{{ bos_token }}"}
    tokenizer.chat_template = start.get(written, "") + tokenizer.chat_template
    with_it = Example((*rows[0].input_ids, 259), (*rows[0].labels, 259))
    how = {
        "rows": [*rows, with_it] if written == "in a row" else rows,
        "validation": [with_it] if written == "in a validation row" else [],
    }
    with pytest.raises(TrainError, match=r"'<\|tool\|>' with id 259: the model has 259 embeddings"):
        train(
            tiny_base,
            Template(tokenizer),
            section=section(),
            seed=1,
            out=tmp_path / "out",
            key="k",
            **how,
        )


def test_a_token_that_nothing_writes_needs_no_embedding(
    tiny_base, tiny_template, rows, section, tmp_path
) -> None:
    """Gemma 3's tokenizer has one for images in the sizes that see none, too."""
    from talkwright.template import Template
    from talkwright.train import train

    tokenizer = copy.deepcopy(tiny_template._tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image_soft_token>"]})
    template, stored = Template(tokenizer), tmp_path / "run" / "train"
    assert template.guard.id_limit == 260
    refuse_unready(section(), tiny_base, template)
    train(tiny_base, template, rows, rows[:2], section(), seed=1, out=stored, key="k")
    assert (stored / "adapter" / "adapter_model.safetensors").is_file()


def test_words_that_the_model_does_not_know_are_refused(
    tiny_base, tiny_template, rows, section, tmp_path
) -> None:
    """Not only control tokens: added spaces are words, and so is what another vocabulary has more."""
    from tokenizers import AddedToken, Tokenizer, models

    from talkwright.template import Template
    from talkwright.train import train

    spaces = copy.deepcopy(tiny_template._tokenizer)
    spaces.add_tokens([AddedToken("    ", normalized=False)])
    longer = copy.deepcopy(tiny_template._tokenizer)  # its control tokens have the smallest ids
    words = [*tiny_template.guard.control, *sorted(ByteLevel.alphabet()), "yes", "no"]
    bytes_alone = longer.backend_tokenizer
    longer._tokenizer = Tokenizer(models.BPE(vocab={word: n for n, word in enumerate(words)}, merges=[]))
    longer._tokenizer.pre_tokenizer = bytes_alone.pre_tokenizer
    longer._tokenizer.decoder = bytes_alone.decoder
    longer._tokenizer.add_special_tokens([*tiny_template.guard.control])
    for tokenizer, largest in ((spaces, 259), (longer, 260)):
        with pytest.raises(TrainError, match=f"words with ids up to {largest} .* has 259 embeddings"):
            train(tiny_base, Template(tokenizer), rows, [], section(), seed=1, out=tmp_path, key="k")


def test_dropout_of_the_recipe_holds_for_an_adapter_gone_on_from(train_tiny, weights_of) -> None:
    first = str(train_tiny("first", max_steps=2).parent)
    with_it = weights_of(train_tiny("a", start_from=first, lora={"dropout": 0.5}))
    without = weights_of(train_tiny("b", start_from=first))
    assert not all(torch.equal(with_it[n], without[n]) for n in without)


def test_what_is_frozen_stays(train_tiny, tiny_base, weights_of) -> None:
    from safetensors.torch import load_file

    before = load_file(f"{tiny_base.path}/model.safetensors")
    after = weights_of(
        train_tiny(method="full", max_steps=2, freeze=["embed_tokens", "layers.0."], weight_decay=0.1)
    )
    for name, weight in before.items():
        frozen = "embed_tokens" in name or "layers.0." in name
        assert torch.equal(weight, after[name]) == frozen, name


def test_freezing_nothing_or_everything_is_refused(train_tiny) -> None:
    with pytest.raises(TrainError, match=r"contains 'embedd'.*layers\.N\.self_attn\.q_proj"):
        train_tiny(method="full", freeze=["embedd"])
    with pytest.raises(TrainError, match="nothing is left to train"):
        train_tiny(method="full", freeze=["model"])


# --- a base in four bits -------------------------------------------------------------------------


def test_a_quantised_base_learns_reloads_and_goes_on_exactly(
    train_tiny, tiny_base, tiny_template, rows, metrics_of, weights_of, monkeypatch, tmp_path
) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes (the extra `quantise`) is not installed")
    how = {"quantise": "nf4", "max_steps": 10, "learning_rate": 1e-2, "save_every": 5}
    out = train_tiny(validation=rows, eval_every=10, **how)
    before, after = (row["validation_loss"] for row in metrics_of(out) if "validation_loss" in row)
    assert after < 0.95 * before
    engine = load_engine(
        tiny_base, tiny_template, name="q", tuned=out / "adapter", precision="fp32", quantise="nf4"
    )
    for variant, wanted in (("base", before), ("tuned", after)):
        found = engine.nll(rows, variant=variant)
        mean = sum(nll for nll, _ in found) / sum(count for _, count in found)
        assert mean == pytest.approx(wanted, rel=1e-4)
    whole = load_engine(tiny_base, tiny_template, name="w", precision="fp32").nll(rows)
    assert whole != engine.nll(rows, variant="base")  # four bits are not the same model

    from talkwright.train import loop

    finish = loop._finish
    monkeypatch.setattr(loop, "_write", lambda m, r, w=loop._write: (w(m, r), _die_at(7, r)))
    with pytest.raises(Stopped):
        train_tiny("cut", **how)
    monkeypatch.undo()
    assert loop._finish is finish
    resumed, straight = weights_of(train_tiny("cut", **how)), weights_of(train_tiny("one", **how))
    assert all(torch.equal(resumed[n], straight[n]) for n in straight)


def _die_at(step: int, row: dict[str, Any]) -> None:
    if row["step"] == step:
        raise Stopped


def test_a_base_in_four_bits_is_the_same_after_a_validation(
    tiny_base, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a processor with bf16 instructions, for which bitsandbytes has another packing."""
    bnb = pytest.importorskip("bitsandbytes", reason="bitsandbytes (the extra `quantise`) is missing")
    monkeypatch.setattr(bnb.nn.modules, "has_avx512bf16", lambda: True)
    model = load_weights(tiny_base, precision="fp32", quantise="nf4").eval()
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    ids = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        first, second = (float(model(ids, labels=ids).loss) for _ in range(2))
    assert first == second
    assert any(weight.dtype == torch.uint8 for weight in before.values())
    for name, weight in model.named_parameters():
        assert torch.equal(weight, before[name]), name


def test_no_code_is_fetched_from_a_hub(tmp_path: Path) -> None:
    """bitsandbytes would, by the package `kernels`, where a processor has bf16 instructions."""
    (tmp_path / "kernels.py").write_text("def get_kernel(*_, **__): raise SystemExit('fetched')\n")
    asks = "import talkwright.models, importlib; importlib.import_module('kernels').get_kernel('it')"
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", asks],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert "ModuleNotFoundError" in done.stderr


def test_four_bits_without_bitsandbytes_say_what_to_install(
    tiny_base, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"pip install 'talkwright\[quantise\]'"):
        load_weights(tiny_base, precision="fp32", quantise="nf4")


@pytest.mark.parametrize("method", ["prefix", "prompt"])
def test_learnt_tokens_on_a_model_that_has_no_place_for_them_are_refused(
    method, tiny_base, section, tmp_path: Path
) -> None:
    """Mamba's layers have no heads; Falcon's keys and values have one head only, of which PEFT knows
    nothing."""
    from transformers import FalconConfig, FalconForCausalLM, MambaConfig, MambaForCausalLM

    small: dict[str, Any] = {"vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 1}
    families = {
        "mamba": MambaForCausalLM(MambaConfig(**small, state_size=4)),
        "falcon": FalconForCausalLM(FalconConfig(**small, num_attention_heads=2, multi_query=True)),
    }
    for family, model in families.items():
        if (family, method) == ("falcon", "prompt"):
            continue  # which works
        model.save_pretrained(str(tmp_path / family))
        with pytest.raises(TrainError, match=f"does not work with models of the kind '{family}'.*lora"):
            prepare_model(
                replace(tiny_base, path=str(tmp_path / family)),
                section(method=method, virtual_tokens=3),
                7,
            )


@pytest.fixture
def mamba(tmp_path: Path) -> BaseModel:
    from transformers import MambaConfig, MambaForCausalLM

    config = MambaConfig(vocab_size=64, hidden_size=16, num_hidden_layers=2, state_size=4)
    MambaForCausalLM(config).save_pretrained(str(tmp_path / "mamba"))
    return BaseModel("mamba", str(tmp_path / "mamba"), "mamba", "mit", "0" * 64)


FIT_MAMBA = ["in_proj", "x_proj"]


@pytest.mark.parametrize("lora", [{}, {"layers": [1]}, {"targets": ["out_proj"]}, {"targets": "no"}])
def test_where_all_linear_does_not_work_the_advice_does(lora, mamba, section) -> None:
    """PEFT refuses Mamba's last matrix; dt_proj is read past any adapter."""
    with pytest.raises(TrainError) as caught:
        prepare_model(mamba, section(lora=lora), 7)
    assert "Write `targets: [in_proj, x_proj]`" in str(caught.value)
    assert "`targets: all-linear`" not in str(caught.value)
    model, padded = prepare_model(mamba, section(lora={**lora, "targets": FIT_MAMBA}), 7)
    rows = [Example((5, 6, 7, 8, 9), (IGNORED, 6, 7, 8, 9))]
    summed_loss(model, make_batch(rows, padded=padded)).backward()
    learning = {n: w for n, w in model.named_parameters() if "lora_B" in n}
    assert len(learning) == 2 * (1 if "layers" in lora else 2)
    assert all(weight.grad.norm() > 0 for weight in learning.values())


def test_a_check_of_targets_advises_what_works(mamba, section) -> None:
    from talkwright.train.settings import check_targets

    for targets in (["no"], "all-linear"):
        (found,) = check_targets(section(lora={"targets": targets}), mamba)
        assert found.fix == "write `train.lora.targets: [in_proj, x_proj]`"
    assert not check_targets(section(lora={"targets": FIT_MAMBA}), mamba)
    with pytest.raises(
        TrainError, match=r"`train.method: lora` with `train.lora.targets: \[in_proj, x_proj\]`"
    ):
        prepare_model(mamba, section(method="prefix"), 7)


SMALL: dict[str, Any] = {"vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 2, "pad_token_id": 0}
HYBRID = {"intermediate_size": 32, "num_attention_heads": 2, "num_key_value_heads": 1}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": HYBRID,
    "falcon": {"num_attention_heads": 2, "multi_query": True},
    "mamba": {"state_size": 4},
    "mamba2": {"state_size": 4, "num_heads": 4, "head_dim": 8, "n_groups": 1},
    "jamba": {
        **HYBRID, "num_experts": 2, "num_experts_per_tok": 1, "mamba_d_state": 4, "mamba_dt_rank": 4,
        "attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_period": 2,
        "expert_layer_offset": 1, "use_mamba_kernels": False,
    },
}  # fmt: skip


@pytest.fixture
def family(request: pytest.FixtureRequest, tmp_path: Path) -> BaseModel:
    from transformers import AutoConfig, AutoModelForCausalLM

    kind = request.param
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **SMALL, **FAMILIES[kind]))
    model.save_pretrained(str(tmp_path / kind))
    return BaseModel(kind, str(tmp_path / kind), kind, "mit", "0" * 64)


@pytest.mark.parametrize("method", ["prefix", "prompt"])
@pytest.mark.parametrize("family", FAMILIES, indirect=True)
def test_the_check_finds_learnt_tokens_that_have_no_place(method, family, section) -> None:
    """Falcon's keys have one head, Jamba's other layers a state, Mamba no heads; Mamba 2 looks at no
    keys, so that nothing would be learnt."""
    from talkwright.train.settings import check_targets

    fits = family.name == "llama" or (method == "prompt" and family.name != "mamba")
    settings = section(method=method, virtual_tokens=3)
    found = check_targets(settings, family)
    assert [each.code for each in found] == ([] if fits else ["method_does_not_fit"])
    if fits:
        return
    with pytest.raises(TrainError) as caught:
        prepare_model(family, settings, 7)
    assert str(caught.value).partition("(")[0] == found[0].message.partition("(")[0]
    lines = dict(line.split(": ") for line in re.findall("`([^`]*)`", found[0].fix))
    assert lines["train.method"] == "lora"
    targets = yaml.safe_load(lines.get("train.lora.targets", "all-linear"))
    assert not check_targets(section(lora={"targets": targets}), family)


@pytest.mark.parametrize("method", ["lora", "ia3"])
@pytest.mark.parametrize("family", ["mamba", "jamba"], indirect=True)
def test_no_adapter_is_put_where_its_weight_is_read_past_it(method, family, section) -> None:
    if (method, family.name) == ("lora", "mamba"):
        pytest.skip("PEFT refuses all-linear there")
    model, padded = prepare_model(family, section(method=method), 7)
    rows = [Example(tuple(range(1, 30)), (IGNORED, *range(2, 30)))]
    summed_loss(model, make_batch(rows, padded=padded)).backward()
    idle = [n for n, w in model.named_parameters() if w.requires_grad and w.grad is None]
    assert not idle
    assert any("in_proj" in n for n, w in model.named_parameters() if w.requires_grad)


@pytest.mark.parametrize("method", ["lora", "ia3", "prompt"])
@pytest.mark.parametrize("family", FAMILIES, indirect=True)
def test_the_check_knows_the_shapes_of_an_adapter_without_weights(
    method, family, section, tmp_path
) -> None:
    how: dict[str, Any] = {"method": method, **({"virtual_tokens": 3} if method == "prompt" else {})}
    if (method, family.name) == ("prompt", "mamba"):
        pytest.skip("it has no place for learnt tokens")
    if method == "lora" and family.name.startswith("mamba"):
        how["lora"] = {"targets": ["in_proj"]}
    model, _ = prepare_model(family, section(**how), 7)
    save_model(model, tmp_path / "first", method)
    refuse_other_adapter(family, section(**how, start_from=str(tmp_path / "first")))


@pytest.mark.parametrize("family", ["jamba"], indirect=True)
def test_a_target_that_is_read_past_any_adapter_is_refused(family, section) -> None:
    with pytest.raises(TrainError, match=r"dt_proj hands its weight .*Or write `targets: all-linear`"):
        prepare_model(family, section(lora={"targets": ["in_proj", "dt_proj"]}), 7)


def test_without_a_module_for_lora_the_advice_is_to_train_all() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    from talkwright.train.adapters import usable_targets

    model = GPT2LMHeadModel(GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=64))
    assert usable_targets(model) == "all-linear"
    model.transformer.h = torch.nn.ModuleList()
    assert usable_targets(model) == ""
