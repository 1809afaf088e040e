"""Label smoothing and NEFTune compute what their papers, torch and transformers compute."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from talkwright.errors import TrainError
from talkwright.models import make_batch, summed_loss
from talkwright.train import loop
from talkwright.train.model import prepare_model
from talkwright.train.noise import RowNoise


def gradients(model: Any) -> dict[str, torch.Tensor]:
    found = {n: w.grad.clone() for n, w in model.named_parameters() if w.grad is not None}
    model.zero_grad()
    assert found
    return found


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
def test_smoothing_in_one_pass_is_torchs_cross_entropy(
    method, smoothing, tiny_base, section, rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    from talkwright.models import flat

    monkeypatch.setattr(flat, "HEAD_ROWS", 5)  # several pieces
    monkeypatch.setattr(flat, "EXACT_ROWS", 2)  # and parts of them
    model, padded = prepare_model(tiny_base, section(method=method), 7)
    if method == "lora":
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, 0, 0.1)
    loss = summed_loss(model, make_batch(rows[:3], padded=padded), smoothing)
    loss.backward()
    ours = gradients(model)
    plain = 0.0
    for row in rows[:3]:
        logits = model(torch.tensor([row.input_ids])).logits[0, :-1]
        plain = plain + cross_entropy(
            logits, torch.tensor(row.labels[1:]), reduction="sum", label_smoothing=smoothing
        )
    plain.backward()
    theirs = gradients(model)
    assert float(loss.detach()) == pytest.approx(float(plain.detach()), rel=1e-5)
    for name in theirs:
        assert (ours[name] - theirs[name]).norm() <= 1e-5 * theirs[name].norm() + 1e-6, name


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_a_head_in_bf16_rounds_logits_and_gradients_and_nothing_between(
    smoothing: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    from talkwright.models import flat

    monkeypatch.setattr(flat, "HEAD_ROWS", 5)
    monkeypatch.setattr(flat, "EXACT_ROWS", 2)
    torch.manual_seed(5)
    hidden = torch.randn(12, 8).mul_(6).bfloat16().requires_grad_()
    head = torch.randn(200, 8).bfloat16().requires_grad_()
    targets = torch.randint(0, 200, (12,))
    targets[::2] = (hidden @ head.t())[::2].argmax(-1)  # of some it is certain: p - 1 is near zero
    loss = flat._loss_and_gradient_in_one_pass()(hidden, head, targets, smoothing)
    loss.backward()

    logits = (hidden @ head.t()).detach().double().requires_grad_()
    exact = cross_entropy(logits, targets, reduction="sum", label_smoothing=smoothing)
    exact.backward()
    rounded = logits.grad.bfloat16().double()  # type: ignore[union-attr]
    assert float(loss.detach()) == pytest.approx(float(exact.detach()), rel=1e-6)
    ours: list[Any] = [hidden.grad, head.grad]
    for got, wanted in zip(ours, (rounded @ head.double(), rounded.t() @ hidden.double()), strict=True):
        assert (got.double() - wanted).norm() < 2**-8 * wanted.norm()


def test_smoothing_for_heads_that_do_more_than_multiply(
    tiny_base, section, rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    from talkwright.models import flat

    model, padded = prepare_model(tiny_base, section(), 7)
    batch = make_batch(rows[:3], padded=padded)
    one_pass = float(summed_loss(model, batch, 0.2).detach())
    monkeypatch.setattr(flat, "_plain_head", lambda causal: None)
    assert float(summed_loss(model, batch, 0.2).detach()) == pytest.approx(one_pass, rel=1e-5)


def test_validation_is_without_smoothing(train_tiny, rows, metrics_of) -> None:
    plain, smooth = (
        metrics_of(train_tiny(f"{s}", validation=rows, max_steps=1, label_smoothing=s))
        for s in (0.0, 0.5)
    )
    assert plain[0] == smooth[0]  # before the first step
    assert plain[1]["loss"] != smooth[1]["loss"]


@contextmanager
def dying_in_step_two(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A training within dies when its second step is recorded."""

    class Stopped(Exception):
        pass

    write = loop._write

    def dying(metrics: Any, row: dict[str, Any]) -> None:
        write(metrics, row)
        if row["step"] == 2:
            raise Stopped

    monkeypatch.setattr(loop, "_write", dying)
    with pytest.raises(Stopped):
        yield
    monkeypatch.setattr(loop, "_write", write)


@pytest.mark.parametrize("how", [{}, {"method": "prompt"}], ids=["end to end", "padded"])
def test_the_passes_that_noise_is_drawn_by_may_not_change(
    how, train_tiny, monkeypatch: pytest.MonkeyPatch, metrics_of
) -> None:
    """Padded to another width, a row gets other noise; a GPU draws by the size of the whole batch."""
    noise = {"neftune": 5.0, "max_steps": 3, "save_every": 1, "learning_rate": 1e-30, **how}

    with dying_in_step_two(monkeypatch):
        train_tiny("cut", **noise)
    for setting, value in (("accumulation", 2), ("pass_tokens", 100)):
        with pytest.raises(TrainError, match=rf"train\.{setting} \(\w+ then, {value} now\)"):
            train_tiny("cut", **noise, **{setting: value})
    train_tiny("cut", **noise)
    if how:
        one, two = (train_tiny(f"of {n}", **noise, accumulation=n) for n in (1, 2))
        assert metrics_of(one) != metrics_of(two)


def noisy(tiny_base, section, alpha: float = 5.0) -> tuple[Any, RowNoise]:
    model, _ = prepare_model(tiny_base, section(method="full"), 7)
    return model, RowNoise(model, alpha)


def test_noise_is_that_of_transformers(tiny_base, section, rows) -> None:
    from transformers.integrations.neftune import neftune_post_forward_hook

    model, noise = noisy(tiny_base, section)
    embedding = model.get_input_embeddings()
    ids = torch.tensor([rows[0].input_ids])
    noise.expect((ids.shape[1],))
    torch.manual_seed(3)
    ours = embedding(ids)
    embedding._forward_hooks.clear()
    embedding.neftune_noise_alpha = 5.0
    embedding.register_forward_hook(neftune_post_forward_hook)
    torch.manual_seed(3)
    theirs = embedding(ids)
    assert torch.allclose(ours, theirs, atol=1e-6)
    assert (ours - embedding.weight[ids]).abs().max() > 0.01


@pytest.mark.parametrize("padded", [False, True])
def test_noise_goes_by_the_rows_own_length(padded, tiny_base, section, rows) -> None:
    model, noise = noisy(tiny_base, section)
    batch = make_batch(rows[:3], padded=padded)
    noise.expect(batch.lengths)
    assert len(set(batch.lengths)) > 1
    embedding = model.get_input_embeddings()
    added = (embedding(batch.ids) - embedding.weight[batch.ids]).detach()
    each = added.unbind() if padded else added[0].split(batch.lengths)
    for row, length in zip(each, batch.lengths, strict=True):
        bound = 5.0 / math.sqrt(length * 64)
        assert 0.98 * bound < row[:length].abs().max() <= bound * 1.0001
    model.eval()
    assert torch.equal(embedding(batch.ids), embedding.weight[batch.ids])


@pytest.mark.parametrize("how", [{}, {"method": "prompt"}, {"method": "full"}], ids=str)
def test_noise_is_in_training_alone_and_the_same_each_time(
    how, train_tiny, rows, weights_of, metrics_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"validation": rows[:3], "max_steps": 3, "learning_rate": 1e-3, **how}
    plain = train_tiny("plain", **settings)
    first, again = (train_tiny(name, **settings, neftune=5.0) for name in ("a", "b"))
    assert metrics_of(first) == metrics_of(again)
    assert metrics_of(first)[0] == metrics_of(plain)[0]  # the validation before the first step
    assert metrics_of(first)[1]["loss"] != metrics_of(plain)[1]["loss"]
    wanted, got = weights_of(first), weights_of(again)
    assert all(torch.equal(wanted[n], got[n]) for n in wanted)

    with dying_in_step_two(monkeypatch):
        train_tiny("cut", **settings, neftune=5.0, save_every=1)
    resumed = weights_of(train_tiny("cut", **settings, neftune=5.0, save_every=1))
    assert all(torch.equal(wanted[n], resumed[n]) for n in wanted)
