"""The fast loss is the same loss: against a plain computation by transformers, row by row."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM, LlamaForCausalLM

from talkwright.errors import TrainError
from talkwright.models import (
    choose_attention,
    flat,
    keeps_rows_apart,
    load_weights,
    make_batch,
    row_losses,
    summed_loss,
)
from talkwright.types import BaseModel, Example

SIZES = {
    "vocab_size": 67,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def random_rows(*shapes: tuple[int, int], seed: int = 1) -> list[Example]:
    """Rows of (length, first supervised position)."""
    made = []
    generator = torch.Generator().manual_seed(seed)
    for length, first in shapes:
        ids = tuple(torch.randint(3, 67, (length,), generator=generator).tolist())
        labels = tuple(-100 if n < first else token for n, token in enumerate(ids))
        made.append(Example(ids, labels, f"row of {length}"))
    return made


def gaps_in(row: Example) -> Example:
    """The same row with two stretches supervised instead of one, and a tail that is not."""
    labels = tuple(token if n in (4, 5, 9, 10, 11) else -100 for n, token in enumerate(row.input_ids))
    return Example(row.input_ids, labels, "gaps")


ROWS = [*random_rows((17, 5), (9, 2), (30, 29)), gaps_in(random_rows((20, 0), seed=2)[0])]


def build(kind: str = "llama", attention: str | None = None, **settings: Any) -> Any:
    """A random model of that family, with weights far from zero so that differences show."""
    torch.manual_seed(3)
    config = AutoConfig.for_model(kind, **{**SIZES, **settings})
    model = AutoModelForCausalLM.from_config(config, attn_implementation=attention)
    for weight in model.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, 0, 0.2)
    return model


def twin(plain: Any, attention: str | None) -> Any:
    """The same model with another attention implementation."""
    model = AutoModelForCausalLM.from_config(copy.deepcopy(plain.config), attn_implementation=attention)
    model.load_state_dict(plain.state_dict())
    return model


def plain_loss(model: Any, rows: list[Example]) -> torch.Tensor:
    """What transformers itself computes, one row at a time; its mean times the number of tokens."""
    total = torch.zeros(())
    for row in rows:
        ids, labels = torch.tensor([row.input_ids]), torch.tensor([row.labels])
        total = total + model(input_ids=ids, labels=labels, use_cache=False).loss * row.n_supervised
    return total


def gradients(model: Any, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return {n: w.grad.clone() for n, w in model.named_parameters() if w.grad is not None}


def assert_same(ours: Any, theirs: Any, rows: list[Example], *, padded: bool) -> None:
    wanted = plain_loss(theirs, rows)
    batch = make_batch(rows, padded=padded)
    got = summed_loss(ours, batch)
    assert abs(got.item() - wanted.item()) <= 1e-5 * wanted.item()
    each = row_losses(ours, batch)
    assert each.shape == (sum(row.n_supervised for row in rows),)
    assert abs(each.double().sum().item() - wanted.item()) <= 1e-5 * wanted.item()
    wanted_gradients, got_gradients = gradients(theirs, wanted), gradients(ours, got)
    assert wanted_gradients.keys() == got_gradients.keys()
    total = sum(g.square().sum() for g in wanted_gradients.values()).sqrt()
    apart = sum((g - got_gradients[n]).square().sum() for n, g in wanted_gradients.items()).sqrt()
    assert total > 0
    assert apart <= 1e-5 * total


@pytest.mark.parametrize("padded", [False, True], ids=["flat", "padded"])
@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_loss_and_gradients_are_those_of_transformers(method: str, tied: bool, padded: bool) -> None:
    plain = build(tie_word_embeddings=tied)
    attention, must_pad = choose_attention(plain.config)
    assert not must_pad
    ours = twin(plain, None if padded else attention)
    if method == "lora":
        settings = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)
        plain, ours = get_peft_model(plain, settings), get_peft_model(ours, settings)
        ours.load_state_dict(plain.state_dict())
    assert_same(ours, plain, ROWS, padded=padded)


def test_the_gradient_of_a_trained_head_takes_the_share_of_its_pass() -> None:
    """A step divides each pass's sum by its supervised tokens: head and layers must shrink alike."""
    model = build(tie_word_embeddings=False)
    whole = gradients(model, summed_loss(model, make_batch(ROWS)))
    part = gradients(model, summed_loss(model, make_batch(ROWS)) / 40)
    for name, wanted in whole.items():
        assert (part[name] * 40 - wanted).norm() <= 1e-4 * wanted.norm(), name


def test_many_supervised_positions_are_cut_into_parts_without_a_trace() -> None:
    rows = random_rows((120, 1), (120, 1), (120, 1), seed=5)  # 357 positions: more than one part
    plain = build()
    assert_same(twin(plain, choose_attention(plain.config)[0]), plain, rows, padded=False)


UNUSUAL = {
    "gemma2": {
        "head_dim": 8,
        "sliding_window": 4,
        "final_logit_softcapping": 2.0,
        "attn_logit_softcapping": 3.0,
    },
    "mistral": {"sliding_window": 4},
    "granite": {
        "logits_scaling": 8.0,
        "attention_multiplier": 0.3,
        "residual_multiplier": 0.5,
        "embedding_multiplier": 3.0,
    },
    "recurrent_gemma": {"attention_window_size": 4, "lru_width": 32, "head_dim": 8},
    "gpt_oss": {"head_dim": 8, "sliding_window": 4, "num_local_experts": 2, "num_experts_per_tok": 1},
    "stablelm": {},
    "nemotron": {},
    "qwen2": {},
    "qwen3": {"head_dim": 8},
    "phi": {},
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test_families_with_more_than_a_causal_mask_and_a_plain_head(kind: str) -> None:
    plain = build(kind, **UNUSUAL[kind]).eval()
    attention, padded = choose_attention(plain.config)
    ours = twin(plain, attention).eval()
    if not padded and not keeps_rows_apart(ours):
        padded, ours = True, twin(plain, None).eval()
    assert padded == (kind not in ("granite", "qwen2", "qwen3", "phi"))
    assert_same(ours, plain, ROWS, padded=padded)


def test_a_family_whose_body_is_not_where_its_class_says_gives_its_own_logits() -> None:
    """Llama 4's language model alone: `base_model` of transformers is then the whole of it."""
    from torch.nn.functional import cross_entropy
    from transformers import Llama4ForCausalLM, Llama4TextConfig

    torch.manual_seed(3)
    config = Llama4TextConfig(**SIZES, head_dim=8, num_local_experts=2, intermediate_size_mlp=48)
    model = Llama4ForCausalLM(config).eval()
    assert model.base_model is model
    assert not flat.has_plain_head(model)
    assert not keeps_rows_apart(model)
    for row in ROWS[:3]:
        logits = model(torch.tensor([row.input_ids])).logits[0, :-1]
        wanted = cross_entropy(logits.detach(), torch.tensor(row.labels[1:]), reduction="sum")
        batch = make_batch([row], padded=True)
        assert float(summed_loss(model, batch).detach()) == pytest.approx(float(wanted), rel=1e-5)
        assert float(row_losses(model, batch).sum().detach()) == pytest.approx(float(wanted), rel=1e-5)


@pytest.mark.parametrize("width", [16, 32])
def test_a_scale_of_logits_that_is_worked_out_is_seen(width: int) -> None:
    """MiniCPM3's is a property of its configuration."""
    sizes = {"num_key_value_heads": 4, "q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 8,
             "qk_nope_head_dim": 8, "v_head_dim": 8, "dim_model_base": width}  # fmt: skip
    plain = build("minicpm3", **sizes).eval()
    assert flat.has_plain_head(plain) == (width == 32)
    assert_same(plain, twin(plain, None).eval(), ROWS[:1], padded=True)
    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(plain.config)
    assert flat.has_plain_head(empty) == (width == 32)


@pytest.mark.parametrize("change", [lambda x: 0.99 * x, lambda x: 30 * torch.tanh(x / 30), lambda x: x])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_what_is_done_to_logits_is_seen_whatever_its_name(change: Any, dtype: torch.dtype) -> None:
    class Family(LlamaForCausalLM):
        def forward(self, *given: Any, **named: Any) -> Any:
            out = super().forward(*given, **named)
            out.logits = change(out.logits)
            return out

    torch.manual_seed(3)
    model = Family(AutoConfig.for_model("llama", **SIZES)).to(dtype).train()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, 0, 0.02)  # logits so small that no cap is near
    plain = bool(change(torch.tensor(100.0)) == 100)
    assert flat.has_plain_head(model) == plain
    assert model.training
    assert not model.model._forward_hooks


def test_a_family_that_ignores_the_row_borders_is_found_out() -> None:
    # Nemotron accepts an attention implementation and passes nothing on to it.
    plain = build("nemotron").eval()
    attention, padded = choose_attention(plain.config)
    assert not padded
    assert not keeps_rows_apart(twin(plain, attention))
    llama = build().eval()
    assert keeps_rows_apart(twin(llama, choose_attention(llama.config)[0]))


def test_a_family_that_ignores_what_stands_before_a_row_is_found_out() -> None:
    from transformers import AttentionInterface

    def forgetful(*given: Any, row_before: Any = None, **how: Any) -> Any:
        return flat._attend_within_rows(*given, **how)

    AttentionInterface.register("forgets_what_is_shared", forgetful)
    model = twin(build().eval(), "forgets_what_is_shared").eval()
    alone, together = (
        torch.cat([row_losses(model, make_batch(rows)) for rows in split])
        for split in ([[row] for row in ROWS], [ROWS])
    )
    assert torch.allclose(alone, together, atol=1e-5), "apart they are, as long as nothing is shared"
    assert not keeps_rows_apart(model)


@pytest.mark.parametrize("padded", [False, True], ids=["flat", "padded"])
def test_rows_of_a_batch_never_see_each_other(padded: bool) -> None:
    plain = build()
    model = twin(plain, None if padded else choose_attention(plain.config)[0]).eval()
    first, other, second = random_rows((17, 5), (17, 5), (12, 3), seed=8)
    assert first.input_ids != other.input_ids
    with torch.inference_mode():
        for a, b in (([first, second], [other, second]), ([second, first], [second, other])):
            losses = [row_losses(model, make_batch(rows, padded=padded)) for rows in (a, b)]
            ours = slice(-9, None) if a[1] is second else slice(0, 9)
            assert torch.equal(losses[0][ours], losses[1][ours])
            assert not torch.equal(losses[0], losses[1])


def test_dropout_of_attention_acts_on_the_flat_path_too() -> None:
    plain = build(attention_dropout=0.5)
    model = twin(plain, choose_attention(plain.config)[0]).train()
    batch = make_batch(ROWS)
    assert summed_loss(model, batch).item() != summed_loss(model, batch).item()
    model.eval()
    assert summed_loss(model, batch).item() == summed_loss(model, batch).item()


def test_tokens_after_the_last_supervised_one_cost_nothing() -> None:
    row = gaps_in(random_rows((20, 0))[0])
    batch = make_batch([row])
    assert batch.lengths == (11,)  # the token at position 11 is predicted, never read
    assert batch.targets.tolist() == [row.input_ids[n] for n in (4, 5, 9, 10, 11)]
    assert batch.scored.tolist() == [3, 4, 8, 9, 10]


def test_positions_restart_at_every_row() -> None:
    batch = make_batch(random_rows((4, 1), (3, 1)))
    assert batch.positions.tolist() == [[0, 1, 2, 0, 1]]


def test_a_first_token_that_is_labelled_is_not_counted_as_nothing_predicts_it() -> None:
    row = Example((5, 6, 7), (5, 6, 7))
    assert row.n_supervised == 2
    assert len(make_batch([row]).targets) == 2


@pytest.mark.parametrize("labels", [(-100, -100, -100), (5, -100, -100)])
def test_a_row_that_teaches_nothing_is_named(labels: tuple[int, ...]) -> None:
    with pytest.raises(TrainError, match="c0ffee"):
        make_batch([Example((5, 6, 7), labels, "c0ffee")])


# --- common beginnings, computed once ------------------------------------------------------------


def with_beginning(row: Example, ids: tuple[int, ...], *, learnt: bool) -> Example:
    labels = ids if learnt else (-100,) * len(ids)
    return Example(ids + row.input_ids, labels + row.labels)


def nested(seed: int) -> list[Example]:
    """A chat exported after each of its three turns, twice the same one, two chats that share the
    system prompt with it, one the beginning of another, and two that share (almost) nothing."""
    system, *turns = random_rows((12, 2), (11, 3), (9, 2), (14, 4), seed=seed)
    rows, ids = [], system.input_ids
    for turn in turns:
        rows.append(with_beginning(turn, ids, learnt=len(rows) == 1))
        ids = rows[-1].input_ids
    rows += [rows[1], *(with_beginning(row, system.input_ids, learnt=False) for row in turns[::-1])]
    short = Example(rows[0].input_ids[:-2], rows[0].labels[:-2])
    few = with_beginning(turns[0], system.input_ids[:3], learnt=False)
    return [*rows, short, few, turns[0]]


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("seed", range(4))
def test_common_beginnings_computed_once_change_neither_loss_nor_gradients(method, seed) -> None:
    rows = nested(seed)
    plain = build()
    ours = twin(plain, choose_attention(plain.config)[0])
    if method == "lora":
        settings = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)
        plain, ours = get_peft_model(plain, settings), get_peft_model(ours, settings)
        ours.load_state_dict(plain.state_dict())
    batch = make_batch(rows, share=True)
    assert batch.ids.numel() < 0.6 * sum(len(row.input_ids) for row in rows)
    assert 0 in batch.lengths  # the copy, and the beginning of another row, need nothing of their own
    wanted, got = plain_loss(plain, rows), summed_loss(ours, batch)
    assert got.item() == pytest.approx(wanted.item(), rel=1e-5)
    wanted_gradients, got_gradients = gradients(plain, wanted), gradients(ours, got)
    total = sum(g.square().sum() for g in wanted_gradients.values()).sqrt()
    apart = sum((g - got_gradients[n]).square().sum() for n, g in wanted_gradients.items()).sqrt()
    assert apart <= 1e-5 * total


@pytest.mark.parametrize("padded", [False, True], ids=["flat", "padded"])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_what_fills_a_batch_up_changes_neither_loss_nor_gradients(method: str, padded: bool) -> None:
    rows = nested(1)
    plain = build()
    ours = twin(plain, None if padded else choose_attention(plain.config)[0])
    if method == "lora":
        settings = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)
        plain, ours = get_peft_model(plain, settings), get_peft_model(ours, settings)
        ours.load_state_dict(plain.state_dict())
    as_it_is, batch = (make_batch(rows, padded=padded, share=not padded, step=n) for n in (1, 16))
    missing = batch.ids.shape[1] - as_it_is.ids.shape[1]
    assert 0 < missing < 16
    assert batch.ids.shape[1] % 16 == 0
    if not padded:
        assert batch.lengths == (*as_it_is.lengths, missing)
        assert len(batch.before or ()) == len(batch.lengths)
    wanted, got = plain_loss(plain, rows), summed_loss(ours, batch)
    assert got.item() == pytest.approx(wanted.item(), rel=1e-5)
    wanted_gradients, got_gradients = gradients(plain, wanted), gradients(ours, got)
    total = sum(g.square().sum() for g in wanted_gradients.values()).sqrt()
    apart = sum((g - got_gradients[n]).square().sum() for n, g in wanted_gradients.items()).sqrt()
    assert apart <= 1e-5 * total


def test_rows_without_a_common_beginning_are_not_shared() -> None:
    rows = random_rows((17, 5), (17, 5), seed=8)
    assert make_batch(rows, share=True).before is None


def test_positions_and_targets_of_a_shared_batch() -> None:
    first = Example((*range(10), 20, 21, 22), (*[-100] * 10, 20, 21, 22))
    second = Example((*range(10), 30, 31), (*[-100] * 10, 30, 31))
    batch = make_batch([second, first], share=True)
    assert batch.ids.tolist() == [[*range(10), 20, 21, 30]]
    assert batch.positions.tolist() == [[*range(12), 10]]
    assert (batch.lengths, batch.before) == ((12, 1), ((), ((0, 10),)))
    assert batch.scored.tolist() == [9, 10, 11, 9, 12]  # position 9 has two tokens to predict
    assert batch.targets.tolist() == [20, 21, 22, 30, 31]


# --- rotary frequencies that depend on how long a row is -----------------------------------------

STRETCHED = {
    "dynamic": ("llama", {"max_position_embeddings": 24, "rope_parameters": {
        "rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}}),
    "longrope": ("phi3", {"sliding_window": None, "original_max_position_embeddings": 24,
        "rope_parameters": {
            "rope_type": "longrope", "short_factor": [1.0] * 4, "long_factor": [4.0] * 4,
            "rope_theta": 10000.0, "original_max_position_embeddings": 24}}),
}  # fmt: skip


@pytest.mark.parametrize("padded", [False, True], ids=["flat", "padded"])
@pytest.mark.parametrize("kind", STRETCHED)
def test_long_rows_leave_the_frequencies_of_others_alone(kind: str, padded: bool, tmp_path) -> None:
    family, settings = STRETCHED[kind]
    plain = build(family, **settings)
    plain.save_pretrained(tmp_path)
    base = BaseModel("it", str(tmp_path), str(tmp_path), "", "")
    attention = None if padded else choose_attention(plain.config)[0]
    ours: Any = load_weights(base, precision="fp32", attention=attention).eval()
    if not padded:
        assert keeps_rows_apart(ours)
    rows = random_rows((60, 40), (17, 5), (20, 9), (90, 80), (50, 30))
    wanted = 0.0
    for row in rows:  # whoever comes first has what all have: dynamic ones remember the longest
        alone = load_weights(base, precision="fp32").eval()
        _forget_all(alone)
        ids = torch.tensor([row.input_ids[:-1]])
        logits = type(alone).forward(alone, ids, use_cache=False).logits[0]
        each = torch.nn.functional.cross_entropy(logits, torch.tensor(row.labels[1:]), reduction="sum")
        wanted += float(each.detach())
    for order in (rows, rows[::-1]):
        got = float(summed_loss(ours, make_batch(order, padded=padded)).detach())
        assert got == pytest.approx(wanted, rel=1e-5)


def _forget_all(model: Any) -> None:
    """Take away what `load_weights` gives: the model is as transformers loads it."""
    for module in model.modules():
        vars(module).pop("forward", None)
