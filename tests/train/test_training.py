"""What training does: learns, decays, clips, stops early, saves; and what it refuses."""

from __future__ import annotations

import json
import math
import os
import shutil
from dataclasses import replace
from typing import Any

import pytest
import torch

from talkwright.engine import load_engine
from talkwright.errors import ModelError, TrainError
from talkwright.models import summed_loss
from talkwright.runs import manifest, read_json, verify
from talkwright.train import loop
from talkwright.train.checkpoint import State
from talkwright.train.model import Masters, prepare_model
from talkwright.train.optimizers import make_optimizer
from talkwright.train.session import open_session
from talkwright.types import BaseModel, Conversation, Example, Message, Sampling


def norm(tensors: dict[str, torch.Tensor]) -> float:
    return float(sum(t.float().square().sum() for t in tensors.values()) ** 0.5)


def losses(metrics: list[dict[str, float]]) -> list[float]:
    return [row["loss"] for row in metrics if "loss" in row]


def test_it_learns_a_fact_by_heart(train_tiny, tiny_base, tiny_template, metrics_of) -> None:
    fact = Conversation((Message("user", "How long?"), Message("assistant", "Eleven days.")))
    rows = tiny_template.encode(fact)
    out = train_tiny(rows=rows, max_steps=60, batch_size=1, learning_rate=2e-2, schedule="cosine")
    assert losses(metrics_of(out))[0] > 3
    assert losses(metrics_of(out))[-1] < 0.05
    engine = load_engine(tiny_base, tiny_template, name="run", tuned=out / "adapter", precision="fp32")
    prompt = tiny_template.prompt_ids(fact.messages[:1])
    (tuned,) = engine.generate([prompt], Sampling(max_new_tokens=40))
    assert tiny_template.decode(tuned.ids) == "Eleven days."
    assert tuned.finish == "stop"
    (bare,) = engine.generate([prompt], Sampling(max_new_tokens=40), variant="base")
    assert bare.ids != tuned.ids


def test_the_artefact_is_whole_and_says_how_it_went(train_tiny, tiny_template, rows, metrics_of) -> None:
    out = train_tiny(max_steps=5, validation=rows[:3], eval_every=2, key="the key")
    found = manifest(out, "adapter")
    assert found["key"] == "the key"
    assert found["about"]["template"] == tiny_template.fingerprint
    assert found["about"]["base"]["name"] == "tiny"
    verify(out)
    summary = read_json(out / "summary.json")
    assert (summary["steps"], summary["planned_steps"], summary["rows"]) == (5, 5, 10)
    assert (summary["epochs"], summary["method"], summary["precision"]) == (2.0, "lora", "float32")
    assert (summary["kept"], summary["stopped_early"]) == ("last", False)
    steps = [row for row in metrics_of(out) if "loss" in row]
    assert [row["step"] for row in steps] == [1, 2, 3, 4, 5]
    seen = 2 * sum(len(row.input_ids) for row in rows)
    assert steps[-1]["tokens"] == summary["tokens"] == seen
    assert (
        steps[-1]["supervised"] == summary["supervised_tokens"] == 2 * sum(r.n_supervised for r in rows)
    )
    assert read_json(out / "template.json")["fingerprint"] == tiny_template.fingerprint
    assert {p.name for p in out.rglob("*.bin")} == set()
    assert not (out / "adapter" / "README.md").exists()
    assert not (out.parent / "checkpoints").exists()


def test_the_loss_it_reports_is_the_mean_over_the_steps_tokens(
    train_tiny, tiny_base, rows, section, metrics_of
) -> None:
    out = train_tiny(rows=rows[:4], max_steps=1)
    model, _ = prepare_model(tiny_base, section(), 7)
    plain = sum(
        model(input_ids=torch.tensor([r.input_ids]), labels=torch.tensor([r.labels])).loss
        * r.n_supervised
        for r in rows[:4]
    )
    tokens = sum(row.n_supervised for row in rows[:4])
    assert losses(metrics_of(out)) == pytest.approx([float(plain.detach()) / tokens], rel=1e-5)


def test_epochs_and_max_steps(train_tiny, metrics_of) -> None:
    assert len(metrics_of(train_tiny("a", max_steps=None, epochs=1.0))) == 3
    assert len(metrics_of(train_tiny("b", max_steps=None, epochs=0.2))) == 1
    assert len(metrics_of(train_tiny("c", max_steps=2, epochs=9.0))) == 2


def test_every_step_has_the_rate_of_its_schedule(train_tiny, metrics_of) -> None:
    how = {"max_steps": 4, "warmup_steps": 2, "schedule": "linear", "learning_rate": 6e-3}
    rates = [row["learning_rate"] for row in metrics_of(train_tiny(**how))]
    assert rates == pytest.approx([2e-3, 4e-3, 6e-3, 3e-3])


def test_weight_decay_acts_on_matrices_only(tiny_base, section, train_tiny, weights_of) -> None:
    tame, decayed = (
        weights_of(
            train_tiny(f"{decay}", method="full", max_steps=1, weight_decay=decay, learning_rate=1e-2)
        )
        for decay in (0.0, 5.0)
    )
    for name, weight in tame.items():
        if weight.ndim < 2:
            assert torch.equal(weight, decayed[name]), name
        else:
            assert norm({name: decayed[name]}) < norm({name: weight}), name
    model, _ = prepare_model(tiny_base, section(method="full"), 7)
    optimizer = make_optimizer(model, Masters(model), section(weight_decay=0.1))
    assert [{m.ndim for m in group["params"]} for group in optimizer.groups()] == [{2}, {1}]
    assert [group["weight_decay"] for group in optimizer.groups()] == [0.1, 0.0]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(("clip", "expected"), [(0.5, 0.5), (None, None), (1e9, None)])
def test_gradients_are_clipped(clip, expected, precision, tiny_base, section, rows, tmp_path) -> None:
    chosen = section(clip=clip, precision=precision)
    session = open_session(tiny_base, rows, [], chosen, 7, tmp_path, "k")
    loop._accumulate(session, State(), rows[:4])
    before = norm({str(n): m.grad for n, m in enumerate(session.masters.masters)})
    assert before > 1
    assert loop._clip(session) == pytest.approx(before, rel=1e-5)
    after = norm({str(n): m.grad for n, m in enumerate(session.masters.masters)})
    assert after == pytest.approx(expected or before, rel=1e-4)


def test_clip_of_the_recipe_is_heeded(train_tiny, weights_of) -> None:
    # AdamW forgets a gradient's size but for the epsilon, so the clip has to be down there to show.
    start, tight, none = (
        weights_of(train_tiny(name, max_steps=1, **how))
        for name, how in (
            ("start", {"learning_rate": 1e-30}),
            ("tight", {"clip": 1e-9}),
            ("none", {"clip": None}),
        )
    )
    moved = [norm({n: w - start[n] for n, w in weights.items()}) for weights in (tight, none)]
    assert moved[0] < 0.5 * moved[1]


def test_bf16_learns_and_its_small_updates_are_not_lost(train_tiny, weights_of, metrics_of) -> None:
    out = train_tiny("fast", precision="bf16", max_steps=20)
    assert read_json(out / "summary.json")["precision"] == "bfloat16"
    assert {w.dtype for w in weights_of(out).values()} == {torch.bfloat16}
    assert losses(metrics_of(out))[-1] < 0.9 * losses(metrics_of(out))[0]


def test_masters_sum_up_what_bf16_would_round_away() -> None:
    model = torch.nn.Linear(1, 1, bias=False).bfloat16()
    with torch.no_grad():
        model.weight.fill_(1.0)
    masters = Masters(model)
    optimizer = torch.optim.SGD(masters.masters, lr=1.0)
    for _ in range(8):
        (model.weight.sum() * -0.001).backward()  # bf16 has nothing between 1 and 1.0078
        masters.collect_gradients()
        assert model.weight.grad is None
        optimizer.step()
        optimizer.zero_grad()
        masters.write_back()
    assert model.weight.item() == 1.0078125
    assert masters.masters[0].item() == pytest.approx(1.008, abs=1e-5)


def test_gradients_of_several_bf16_passes_are_summed_in_fp32(train_tiny, metrics_of) -> None:
    model = torch.nn.Linear(1, 1, bias=False).bfloat16()
    masters = Masters(model)
    for gradient in (1.0, 0.001, 0.001):  # bf16 has nothing between 1 and 1.0078
        model.weight.grad = torch.full((1, 1), gradient, dtype=torch.bfloat16)
        masters.collect_gradients()
    assert masters.masters[0].grad.item() == pytest.approx(1.002, abs=1e-5)
    parts, whole = (
        [
            row["gradient_norm"]
            for row in metrics_of(train_tiny(str(n), precision="bf16", accumulation=n))
        ]
        for n in (4, 1)
    )
    assert parts == pytest.approx(whole, rel=0.05)


def test_bf16_of_the_recipe_and_fp32_differ_by_rounding_only(train_tiny, metrics_of) -> None:
    exact = losses(metrics_of(train_tiny("exact", precision="fp32")))
    rounded = losses(metrics_of(train_tiny("rounded", precision="bf16")))
    assert exact != rounded
    assert rounded == pytest.approx(exact, rel=0.05)


def scripted_validation(
    monkeypatch: pytest.MonkeyPatch, *values: float
) -> list[dict[str, torch.Tensor]]:
    """Make validations give these losses in turn; returns the adapters they were measured on."""
    weights: list[dict[str, torch.Tensor]] = []
    wanted = iter(values)

    def measured(model, *_args, **_how) -> float:
        from peft import get_peft_model_state_dict

        weights.append({n: w.clone() for n, w in get_peft_model_state_dict(model).items()})
        return next(wanted)

    monkeypatch.setattr(loop, "mean_loss", measured)
    return weights


def test_early_stopping_keeps_the_best_weights(
    train_tiny, rows, weights_of, metrics_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = scripted_validation(monkeypatch, 5.0, 4.0, 3.0, 3.5, 3.0, 1.0)
    out = train_tiny(validation=rows[:2], max_steps=50, eval_every=2, patience=2)
    summary = read_json(out / "summary.json")
    assert (summary["steps"], summary["stopped_early"], summary["kept"]) == (8, True, "best")
    assert (summary["best_step"], summary["best_validation_loss"]) == (
        4,
        3.0,
    )  # an equal loss is no better
    kept = weights_of(out)
    assert all(torch.equal(kept[name], weight) for name, weight in measured[2].items())
    assert [row["step"] for row in metrics_of(out) if "validation_loss" in row] == [0, 2, 4, 6, 8]


def test_without_patience_the_last_weights_are_kept(
    train_tiny, rows, weights_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = scripted_validation(monkeypatch, 5.0, 1.0, 3.0)
    out = train_tiny(validation=rows[:2], max_steps=4, eval_every=2)
    assert read_json(out / "summary.json")["best_step"] == 2
    kept = weights_of(out)
    assert all(torch.equal(kept[name], weight) for name, weight in measured[2].items())


@pytest.mark.parametrize("patience", [None, 3])
def test_the_best_weights_are_written_only_where_they_may_be_wanted(
    patience: int | None, train_tiny, rows, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_finish", lambda *_, **__: None)
    train_tiny(validation=rows[:2], max_steps=4, eval_every=2, patience=patience)
    assert (tmp_path / "run" / "checkpoints" / "best").is_dir() == (patience is not None)


def test_early_stopping_survives_a_stop_between_its_decision_and_its_end(
    train_tiny, rows, weights_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = loop._finish

    def dying(*_args, **_named) -> None:
        raise KeyboardInterrupt

    measured = scripted_validation(monkeypatch, 5.0, 6.0)
    monkeypatch.setattr(loop, "_finish", dying)
    settings = {"validation": rows[:2], "max_steps": 50, "eval_every": 2, "patience": 1}
    with pytest.raises(KeyboardInterrupt):
        train_tiny(**settings)
    monkeypatch.setattr(loop, "_finish", finish)
    out = train_tiny(**settings)
    assert read_json(out / "summary.json")["steps"] == 2
    kept = weights_of(out)
    assert all(torch.equal(kept[name], weight) for name, weight in measured[0].items())


@pytest.mark.parametrize("harm", ["a flipped bit", "gone"])
@pytest.mark.parametrize(("losses_then", "kept_step"), [((5.0, 3.0, 4.0), 2), ((5.0, 6.0, 7.0), 4)])
def test_damaged_best_weights_do_not_stop_a_finished_training(
    harm, losses_then, kept_step, train_tiny, rows, weights_of, tmp_path, capsys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    finish = loop._finish

    def dying(*_args, **_named) -> None:
        raise KeyboardInterrupt

    measured = scripted_validation(monkeypatch, *losses_then)
    monkeypatch.setattr(loop, "_finish", dying)
    settings = {"validation": rows[:2], "max_steps": 4, "eval_every": 2, "patience": 9}
    with pytest.raises(KeyboardInterrupt):
        train_tiny(**settings)
    best = tmp_path / "run" / "checkpoints" / "best"
    if harm == "gone":
        shutil.rmtree(best)
    else:
        weights = bytearray((best / "weights.safetensors").read_bytes())
        weights[-1] ^= 1
        (best / "weights.safetensors").write_bytes(weights)
    monkeypatch.setattr(loop, "_finish", finish)
    capsys.readouterr()
    out = train_tiny(**settings)
    said = capsys.readouterr().err
    assert str(best) in said
    # Where that step's checkpoint is still there, it has the same weights; else the last ones stay.
    assert read_json(out / "summary.json")["kept"] == ("best" if kept_step == 2 else "last")
    assert ("the last ones are kept" in said) == (kept_step == 4)
    kept = weights_of(out)
    assert all(torch.equal(kept[name], w) for name, w in measured[kept_step // 2].items())


def test_validation_is_measured_when_due_on_rows_spread_over_the_split(
    train_tiny, rows, metrics_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    plain = loop.mean_loss
    monkeypatch.setattr(
        loop, "mean_loss", lambda model, these, **how: asked.append(these) or plain(model, these, **how)
    )
    out = train_tiny(validation=rows, max_steps=5, eval_every=2, eval_rows=3)
    assert [row["step"] for row in metrics_of(out) if "validation_loss" in row] == [0, 2, 4, 5]
    assert asked == [[rows[0], rows[3], rows[6]]] * 4


def test_validation_loss_is_the_mean_over_all_tokens(
    tiny_base, section, rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, padded = prepare_model(tiny_base, section(lora={"dropout": 0.5}), 7)
    for name, weight in model.named_parameters():
        if "lora_B" in name:  # zero at first, and dropout would not show
            torch.nn.init.normal_(weight, 0, 0.1)
    monkeypatch.setattr(loop, "SCORING_TOKENS", 150)  # several batches
    found = loop.mean_loss(model, rows, padded=padded, device="cpu")
    assert model.training
    model.eval()
    with torch.no_grad():
        plain = [model(torch.tensor([r.input_ids]), labels=torch.tensor([r.labels])).loss for r in rows]
    counts = [row.n_supervised for row in rows]
    assert found == pytest.approx(
        sum(float(loss) * n for loss, n in zip(plain, counts, strict=True)) / sum(counts), rel=1e-5
    )


def test_measuring_validation_changes_nothing_that_is_learnt(train_tiny, rows, weights_of) -> None:
    with_it = weights_of(train_tiny("a", validation=rows[:3], eval_every=1, lora={"dropout": 0.3}))
    without = weights_of(train_tiny("b", lora={"dropout": 0.3}))
    assert all(torch.equal(with_it[name], weight) for name, weight in without.items())


def test_recompute_gives_the_same_losses(
    train_tiny, metrics_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers.models.llama.modeling_llama import LlamaAttention

    passes = []
    forward = LlamaAttention.forward

    def counted(self: Any, *given: Any, **named: Any) -> Any:
        passes.append(1)
        return forward(self, *given, **named)

    monkeypatch.setattr(LlamaAttention, "forward", counted)
    counts, found = [], []
    for share in ("none", "half", True):
        passes.clear()
        found.append(losses(metrics_of(train_tiny(f"{share}", recompute=share, lora={"dropout": 0.2}))))
        counts.append(len(passes))
    assert found[1] == pytest.approx(found[0], rel=1e-6)
    assert found[2] == pytest.approx(found[0], rel=1e-6)
    # Of two layers, each of four steps runs one or both once more.
    assert [count - counts[0] for count in counts] == [0, 4, 8]


@pytest.mark.parametrize(("share", "wanted"), [(0.5, [0, 1, 0, 1]), (1.0, [1, 1, 1, 1])])
def test_recomputed_layers_are_spread_evenly(share: float, wanted: list[int]) -> None:
    from transformers import LlamaForCausalLM

    from talkwright.train.estimate.count import tiny_config
    from talkwright.train.model import recompute

    model = LlamaForCausalLM(tiny_config(4, 32, 96, 4, 2, 16))
    assert recompute(model, share)
    assert [layer.gradient_checkpointing for layer in model.model.layers] == wanted


def test_training_takes_the_fast_forms_where_nothing_forbids_it(tiny_base, section) -> None:
    from talkwright.train.passes import has_dropout, may_share_beginnings

    def share(**settings: Any) -> bool:
        chosen = section(**settings)
        model, padded = prepare_model(tiny_base, chosen, 7)
        dropout = has_dropout(vars(model.config.get_text_config()))
        return may_share_beginnings(chosen, padded=padded, alone=dropout)

    model, _ = prepare_model(tiny_base, section(), 7)
    taken = [name for name, module in model.named_modules() if "forward" in vars(module)]
    assert len(taken) == 2 * 7 + 5 + 2
    assert share()
    assert share(method="full")
    assert not share(method="prompt")
    assert not share(lora={"dropout": 0.1})
    assert not share(neftune=5.0)
    assert not may_share_beginnings(section(), padded=False, alone=True)
    for name in ("attention_dropout", "attn_pdrop"):  # of the model's own configuration
        assert has_dropout({name: 0.1, "other": 3})
        assert not has_dropout({name: 0.0, "other": 0.5})
    from transformers import AutoConfig

    for kind, settings in _NO_DROPOUT.items():  # but in heads for classes and summaries
        config = AutoConfig.for_model(kind, **settings)
        assert any("dropout" in name and value for name, value in vars(config).items())
        assert not has_dropout(vars(config))
        assert has_dropout(vars(AutoConfig.for_model(kind, **{**settings, min(settings): 0.1})))


_NO_DROPOUT = {
    "gpt_neox": {"hidden_dropout": 0.0, "attention_dropout": 0.0},
    "gpt_neo": {"resid_dropout": 0.0, "embed_dropout": 0.0, "attention_dropout": 0.0},
    "gpt2": {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0},
}


def test_rows_with_one_beginning_train_as_without_sharing(
    train_tiny, rows, weights_of, metrics_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    plain = loop.make_batch

    def alone(these: Any, *, share: bool, **how: Any) -> Any:
        seen.append(plain(these, share=share, **how).before)
        return plain(these, **how)

    system = tuple(range(60, 80))
    rows = [Example(system + row.input_ids, (-100,) * 20 + row.labels) for row in rows]
    settings = {"rows": rows, "max_steps": 6, "validation": rows[:4], "learning_rate": 1e-3}
    shared = train_tiny("shared", **settings)
    monkeypatch.setattr(loop, "make_batch", alone)
    apart = train_tiny("alone", **settings)
    assert all(seen)
    for one, other in zip(metrics_of(shared), metrics_of(apart), strict=True):
        assert one == pytest.approx(other, rel=1e-4)
    wanted, got = weights_of(apart), weights_of(shared)
    off = sum((wanted[n] - got[n]).square().sum() for n in wanted).sqrt()
    assert off <= 1e-3 * sum(w.square().sum() for w in wanted.values()).sqrt()


def test_full_training_moves_every_weight_and_reloads(
    train_tiny, tiny_base, tiny_template, rows, weights_of
) -> None:
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    out = train_tiny(method="full", max_steps=6, learning_rate=1e-3)
    manifest(out, "model")
    before = load_file(f"{tiny_base.path}/model.safetensors")
    after = weights_of(out)
    assert before.keys() == after.keys()
    assert not any(torch.equal(before[name], after[name]) for name in before)
    config = json.loads((out / "model" / "config.json").read_text())
    assert config.get("use_cache", True)  # or whoever loads it elsewhere generates slowly
    engine = load_engine(
        tiny_base, tiny_template, name="run", tuned=out / "model", method="full", precision="fp32"
    )
    plain = AutoModelForCausalLM.from_pretrained(out / "model", dtype=torch.float32).eval()
    with torch.no_grad():
        ids = torch.tensor([rows[0].input_ids])
        expected = plain(ids, labels=torch.tensor([rows[0].labels])).loss * rows[0].n_supervised
    ((tuned, count),) = engine.nll(rows[:1])
    assert count == rows[0].n_supervised
    assert tuned == pytest.approx(float(expected), rel=1e-5)
    ((bare, _),) = engine.nll(rows[:1], variant="base")
    assert bare > tuned


def test_the_trained_adapter_is_what_the_engine_answers_with(
    train_tiny, tiny_base, tiny_template, rows, metrics_of
) -> None:
    out = train_tiny(validation=rows, eval_every=4)
    engine = load_engine(tiny_base, tiny_template, name="run", tuned=out / "adapter", precision="fp32")
    for variant, row in (("base", 0), ("tuned", -1)):
        found = engine.nll(rows, variant=variant)
        mean = sum(nll for nll, _ in found) / sum(count for _, count in found)
        measured = [row["validation_loss"] for row in metrics_of(out) if "validation_loss" in row]
        assert mean == pytest.approx(measured[row], rel=1e-5)


def test_lora_settings_are_heeded(train_tiny, weights_of) -> None:
    out = train_tiny("a", max_steps=1, lora={"rank": 3, "alpha": 1.5, "targets": ["q_proj", "v_proj"]})
    config = json.loads((out / "adapter" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], sorted(config["target_modules"])) == (
        3,
        1.5,
        ["q_proj", "v_proj"],
    )
    names = weights_of(out)
    assert {name.split(".")[-3] for name in names} == {"q_proj", "v_proj"}
    assert {min(weight.shape) for weight in names.values()} == {3}
    everything = weights_of(train_tiny("b", max_steps=1))
    assert {name.split(".")[-3] for name in everything} == {
        *("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    }


@pytest.mark.parametrize("targets", ["q_projj", ["q_projj"], ["q_proj", "v_projj"], ["norm"], "(", []])
def test_targets_that_fit_nothing_are_refused_with_the_names_there_are(train_tiny, targets) -> None:
    with pytest.raises(TrainError, match=r"lora\.targets.*down_proj.*q_proj.*all-linear"):
        train_tiny(lora={"targets": targets})


def test_a_fresh_adapter_follows_from_its_seed_alone(tiny_base, section) -> None:
    made = []
    for before, seed in ((1, 7), (2, 7), (2, 8)):
        torch.manual_seed(before)
        model, _ = prepare_model(tiny_base, section(), seed)
        made.append(torch.cat([w.flatten() for w in Masters(model).masters]))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_seeds_give_other_adapters(train_tiny, weights_of) -> None:
    a, b, c = (weights_of(train_tiny(n, seed=s, max_steps=1)) for n, s in (("a", 7), ("b", 7), ("c", 8)))
    assert all(torch.equal(a[n], b[n]) for n in a)
    assert not any(torch.equal(a[n], c[n]) for n in a)


def test_batches_are_filled_up_in_bf16_and_as_they_are_in_fp32(
    train_tiny, rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: dict[str, list[int]] = {"fp32": [], "bf16": []}
    for precision, found in lengths.items():

        def noting(model, batch, *also, found=found):
            found.append(batch.ids.shape[1])
            return summed_loss(model, batch, *also)

        monkeypatch.setattr(loop, "summed_loss", noting)
        train_tiny(precision, precision=precision, max_steps=3, validation=rows[:2])
    assert any(n % 16 for n in lengths["fp32"])
    assert lengths["bf16"] == [-(-n // 16) * 16 for n in lengths["fp32"]]


def poison(monkeypatch: pytest.MonkeyPatch, step: int, *, gradient: bool) -> None:
    """Make the loss, or only its gradient, not a number from that step on."""
    made = []

    def poisoned(model, batch, *also):
        made.append(1)
        loss = summed_loss(model, batch, *also)
        if len(made) < step:
            return loss
        return loss + (loss - loss.detach()) * 1e38 if gradient else loss * math.nan

    monkeypatch.setattr(loop, "summed_loss", poisoned)


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_loss_that_is_not_finite_ends_training_and_keeps_the_checkpoints(
    what, train_tiny, rows, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, 4, gradient=what == "gradient")
    with pytest.raises(
        TrainError, match=rf"(?s)step 4: the {what}.* is (nan|inf).*learning_rate"
    ) as caught:
        train_tiny("bad", save_every=1, max_steps=6, on_fault="stop")
    step = [row.conversation for row in rows if row.conversation in str(caught.value)]
    assert 3 <= len(step) <= 4  # the rows of that step, and no others
    checkpoints = tmp_path / "bad" / "checkpoints"
    assert sorted(p.name for p in checkpoints.glob("step-*")) == ["step-000002", "step-000003"]
    assert not (tmp_path / "bad" / "train").exists()


def test_a_validation_loss_that_is_not_finite_ends_training(
    train_tiny, rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted_validation(monkeypatch, 3.0, math.nan)
    with pytest.raises(TrainError, match=r"validation loss after step 2 is nan"):
        train_tiny(validation=rows[:2], max_steps=4, eval_every=2)


def test_no_rows_and_rows_that_teach_nothing_are_refused_at_once(train_tiny, rows) -> None:
    with pytest.raises(TrainError, match="no training rows"):
        train_tiny(rows=[])
    idle = replace(rows[3], labels=(-100,) * len(rows[3].labels), conversation="c0ffee")
    with pytest.raises(TrainError, match=r"1 training rows .* c0ffee"):
        train_tiny(rows=[*rows, idle], max_steps=1)


def test_a_base_model_that_cannot_be_read_is_a_model_error(
    train_tiny, tmp_path, tiny_template, section
) -> None:
    broken = BaseModel("broken", str(tmp_path), "here", "unknown", "")
    (tmp_path / "config.json").write_text('{"model_type": "no-such-thing"}')
    with pytest.raises(ModelError, match="no-such-thing"):
        loop.train(
            broken,
            tiny_template,
            [Example((1, 2), (-100, 2))],
            [],
            section(),
            seed=1,
            out=tmp_path / "out",
            key="k",
        )


def test_rows_on_disk_train_the_very_same_as_rows_in_memory(
    train_tiny, rows, tiny_template, tmp_path
) -> None:
    from talkwright.template import read_examples
    from talkwright.template.batches import row_of
    from talkwright.template.stored import pack, writing

    with writing(tmp_path, "train") as writer:
        writer.append(pack([row_of(row) for row in rows]))
    stored = read_examples(tmp_path, "train")
    in_memory = train_tiny("memory", rows=rows, validation=rows[:3], max_steps=2)
    on_disk = train_tiny("disk", rows=stored, validation=stored[:3], max_steps=2)
    (expected,) = in_memory.glob("adapter/*.safetensors")
    (found,) = on_disk.glob("adapter/*.safetensors")
    assert found.read_bytes() == expected.read_bytes()


def test_rows_whose_length_turns_their_positions_are_computed_whole() -> None:
    from talkwright.train.passes import must_be_whole

    assert must_be_whole({"rope_scaling": {"type": "longrope"}})
    assert must_be_whole({"rope_parameters": {"rope_type": "dynamic", "factor": 2.0}})
    layers = {"full_attention": {"rope_type": "dynamic"}, "sliding_attention": {"rope_type": "default"}}
    assert must_be_whole({"rope_parameters": layers})
    assert not must_be_whole({"rope_parameters": {"rope_type": "yarn"}, "rope_scaling": None})
    assert not must_be_whole({})


def test_variables_that_a_launcher_left_change_nothing(train_tiny, metrics_of, monkeypatch) -> None:
    from accelerate.state import AcceleratorState

    wanted = metrics_of(train_tiny("plain"))
    for name, value in (("GRADIENT_ACCUMULATION_STEPS", "8"), ("MIXED_PRECISION", "bf16"),
                        ("DYNAMO_BACKEND", "EAGER"), ("USE_FSDP", "true")):  # fmt: skip
        monkeypatch.setenv(f"ACCELERATE_{name}", value)
    AcceleratorState._reset_state(reset_partial_state=True)
    assert metrics_of(train_tiny("launched")) == wanted
    assert os.environ["ACCELERATE_MIXED_PRECISION"] == "bf16"
