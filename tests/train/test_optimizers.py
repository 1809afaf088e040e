"""Every optimizer learns, decays matrices alone, and goes on exactly after a stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from talkwright.errors import TrainError
from talkwright.train import loop
from talkwright.train.model import Masters, prepare_model
from talkwright.train.optimizers import Optimizer, make_optimizer

OPTIMIZERS = {"adamw": 5e-3, "adamw_8bit": 5e-3, "adafactor": 1e-1, "muon": 1e-2}


class Stopped(Exception):
    """Stands for the end of a process between two steps."""


@pytest.fixture(params=OPTIMIZERS)
def optimizer(request: pytest.FixtureRequest) -> str:
    if "8bit" in request.param:
        pytest.importorskip("bitsandbytes", reason="bitsandbytes (the extra `quantise`) is missing")
    return request.param


@pytest.mark.parametrize("method", ["lora", "full"])
def test_it_learns_and_goes_on_bit_for_bit(
    optimizer, method, train_tiny, weights_of, metrics_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    rate = OPTIMIZERS[optimizer] * (0.3 if method == "full" else 1)
    how = {"optimizer": optimizer, "method": method, "max_steps": 14, "save_every": 4,
           "learning_rate": rate, "weight_decay": 0.01}  # fmt: skip
    whole = train_tiny("whole", **how)
    losses = [row["loss"] for row in metrics_of(whole)]
    assert sum(losses[-3:]) < 0.9 * sum(losses[:3])
    write = loop._write

    def dying(metrics: Any, row: dict[str, Any]) -> None:
        write(metrics, row)
        if row["step"] == 10:
            raise Stopped

    monkeypatch.setattr(loop, "_write", dying)
    with pytest.raises(Stopped):
        train_tiny("cut", **how)
    monkeypatch.setattr(loop, "_write", write)
    resumed, straight = weights_of(train_tiny("cut", **how)), weights_of(whole)
    assert all(torch.equal(resumed[name], straight[name]) for name in straight)


def test_the_fused_update_is_the_plain_one(tiny_base, section) -> None:
    """AdamW of Loshchilov and Hutter (2019), written out."""
    model, _ = prepare_model(tiny_base, section(method="full"), 7)
    masters = Masters(model)
    optimizer = make_optimizer(model, masters, section(weight_decay=0.1))
    weight = masters.masters[1]
    wanted = weight.detach().clone().double()
    mean, square = torch.zeros_like(wanted), torch.zeros_like(wanted)
    draw = torch.Generator().manual_seed(0)
    for step in range(1, 4):
        for master in masters.masters:
            master.grad = torch.randn(master.shape, generator=draw)
        gradient = weight.grad.double()
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        wanted = wanted * (1 - 0.01 * 0.1) - 0.01 * (mean / (1 - 0.9**step)) / (
            (square / (1 - 0.999**step)).sqrt() + 1e-8
        )
        optimizer.step(0.01)
    assert torch.allclose(weight.double(), wanted, atol=1e-6)
    assert all(master.grad is None for master in masters.masters)


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_adamw_goes_through_each_weight_once(name, tiny_base, section) -> None:
    """The fused update needs no copies of weights or moments, on which the plan's memory and taking a
    step again after the memory ran out rely."""
    from torch.optim import AdamW

    model, _ = prepare_model(tiny_base, section(method="full"), 7)
    optimizer = make_optimizer(model, Masters(model), section(method="full", optimizer=name))
    parts = [part for part in optimizer._parts if isinstance(part, AdamW)]
    assert parts
    assert all(group["fused"] is True for part in parts for group in part.param_groups)


def test_muon_is_for_the_matrices_between_layers(tiny_base, section) -> None:
    model, _ = prepare_model(tiny_base, section(method="full"), 7)
    masters = Masters(model)
    optimizer = make_optimizer(model, masters, section(optimizer="muon"))
    muon, adamw = optimizer._parts
    names = {id(m): n for n, m in zip(masters.names, masters.masters, strict=True)}
    by = [
        {names[id(m)] for group in part.param_groups for m in group["params"]} for part in (muon, adamw)
    ]
    assert by[0] | by[1] == set(masters.names)
    assert not by[0] & by[1]
    assert all("proj" in name for name in by[0])
    assert all("norm" in name or "embed" in name for name in by[1])


def test_muon_moves_a_matrix_as_far_as_adamw_at_the_same_rate(train_tiny, tiny_base) -> None:
    """But for a fifth, whatever the matrix's shape: its default rates are five times AdamW's."""
    from safetensors.torch import load_file

    def moved(optimizer: str) -> float:
        out = train_tiny(optimizer, optimizer=optimizer, method="full", max_steps=1, learning_rate=1e-3)
        name = "model.layers.0.mlp.gate_proj.weight"
        after = load_file(out / "model" / "model.safetensors")[name]
        before = load_file(Path(tiny_base.path) / "model.safetensors")[name]
        return float((after - before).square().mean().sqrt())

    assert moved("muon") == pytest.approx(0.2 * moved("adamw"), rel=0.3)


def test_at_muons_default_rate_what_is_left_to_adamw_has_adamws(tiny_base, section) -> None:
    for method, rate in (("full", 5e-5), ("lora", 1e-3)):
        settings = section(method=method, optimizer="muon", learning_rate=None)
        model, _ = prepare_model(tiny_base, settings, 7)
        if method == "lora":  # its first factors stand in for vectors
            for name, weight in model.named_parameters():
                weight.requires_grad_("norm" in name or "lora_B" in name)
        optimizer = make_optimizer(model, Masters(model), settings)
        optimizer.step(settings.learning_rate)
        rates = [part.param_groups[0]["lr"] for part in optimizer._parts]
        assert rates == pytest.approx([5 * rate, rate])


def test_a_counter_that_is_put_back_is_where_torch_keeps_it() -> None:
    """Beside a GPU's weights (here torch's `meta`) moments go there; the counter of an update that is
    not fused stays, for each step would wait for the GPU to tell it."""
    model = torch.nn.Linear(4, 2, bias=False, device="meta")
    optimizer = Optimizer([torch.optim.Adafactor([model.weight])])
    optimizer.restore(model.weight, {"step": torch.tensor(3.0), "row_var": torch.zeros(2)})
    found = optimizer.state(model.weight)
    assert (found["step"].device.type, found["row_var"].device.type) == ("cpu", "meta")


def test_decay_leaves_factors_alone(tiny_base, section) -> None:
    model, _ = prepare_model(tiny_base, section(method="ia3"), 7)
    groups = make_optimizer(model, Masters(model), section(weight_decay=0.5)).groups()
    assert [group["weight_decay"] for group in groups] == [0.0]


@pytest.mark.parametrize(
    "settings",
    [{"lora": {"rank": 1}}, {"method": "prompt", "virtual_tokens": 1}],
    ids=["lora", "prompt"],
)
def test_decay_is_of_matrices_of_one_row_too(settings, train_tiny, weights_of) -> None:
    """AdamW's decay: w (1 - rate × decay) each step. What has one row or column is no factor of IA3."""
    how = {"max_steps": 1, "learning_rate": 1e-9, "schedule": "constant", **settings}
    plain = weights_of(train_tiny("plain", **how))
    decayed = weights_of(train_tiny("decayed", weight_decay=1e8, **how))
    (name,) = [n for n in plain if "layers.0.self_attn.q_proj.lora_A" in n or "prompt" in n]
    assert torch.allclose(decayed[name], 0.9 * plain[name], atol=1e-7)


def test_the_second_matrix_of_lora_plus_has_its_rate(tiny_base, section) -> None:
    chosen = section(lora={"plus_ratio": 16.0}, weight_decay=0.5)
    model, _ = prepare_model(tiny_base, chosen, 7)
    masters = Masters(model)
    optimizer = make_optimizer(model, masters, chosen)
    optimizer.step(0.01)
    names = {id(m): n for n, m in zip(masters.names, masters.masters, strict=True)}
    for group in optimizer.groups():
        seconds = {"lora_B" in names[id(m)] for m in group["params"]}
        assert seconds == {group["lr"] == pytest.approx(0.16)}


@pytest.mark.parametrize(
    "settings",
    [{"lora": {"plus_ratio": 16.0}}, {"lora": {"dora": True}, "weight_decay": 0.5},
     {"method": "full", "weight_decay": 0.5}],
    ids=["plus", "dora", "full"],
)  # fmt: skip
def test_no_weight_moves_before_all_groups_have_their_moments(
    settings, tiny_base, section, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory that runs out in the second group's would leave the first group a step ahead."""
    chosen = section(**settings)
    model, _ = prepare_model(tiny_base, chosen, 7)
    masters = Masters(model)
    plain, left = torch.zeros_like, [0]

    def zeros(*given: Any, **how: Any) -> torch.Tensor:
        left[0] -= 1
        if left[0] == 0:
            raise torch.OutOfMemoryError("no memory for moments")
        return plain(*given, **how)

    monkeypatch.setattr(torch, "zeros_like", zeros)
    before = [master.detach().clone() for master in masters.masters]

    def updated(failing: int) -> list[torch.Tensor]:
        for master, old in zip(masters.masters, before, strict=True):
            master.data.copy_(old)
        optimizer = make_optimizer(model, masters, chosen)
        assert len(optimizer.groups()) > 1
        assert optimizer.safe_to_repeat
        left[0] = failing
        for _ in range(2 if failing else 1):
            for number, master in enumerate(masters.masters):
                master.grad = torch.full_like(master, 0.1 * (number + 1))
            if left[0] <= 0:
                optimizer.step(0.01)
                continue
            with pytest.raises(torch.OutOfMemoryError):
                optimizer.step(0.01)
            assert all(map(torch.equal, before, masters.masters))
            optimizer.forget_half_made()
            assert not any(map(optimizer.state, masters.masters))
        assert {float(optimizer.state(master)["step"]) for master in masters.masters} == {1.0}
        return [master.detach().clone() for master in masters.masters]

    wanted = updated(0)
    assert not any(map(torch.equal, before, wanted))
    for failing in (1, len(before), 2 * len(before)):
        assert all(map(torch.equal, wanted, updated(failing)))


def test_moments_are_as_torch_makes_them(tiny_base, section) -> None:
    from torch.optim import AdamW

    model, _ = prepare_model(tiny_base, section(), 7)
    masters = Masters(model)
    ours = make_optimizer(model, masters, section())
    theirs = AdamW([master.detach().clone().requires_grad_() for master in masters.masters], fused=True)
    for master, copied in zip(masters.masters, theirs.param_groups[0]["params"], strict=True):
        master.grad, copied.grad = torch.ones_like(master), torch.ones_like(master)
    ours.step(0.01)
    theirs.step()
    for master, moments in zip(masters.masters, theirs.state.values(), strict=True):
        made = ours.state(master)
        assert list(made) == list(moments)
        for name, value in moments.items():
            assert (made[name].dtype, made[name].stride()) == (value.dtype, value.stride())
            assert torch.equal(made[name], value)


def test_paged_moments_need_a_gpu(train_tiny) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes (the extra `quantise`) is missing")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(TrainError, match="no GPU here"):
        train_tiny(optimizer="paged_adamw_8bit")


def test_without_bitsandbytes_it_says_what_to_install(
    train_tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talkwright.train.optimizers.find_spec", lambda name: None)
    with pytest.raises(TrainError, match=r"pip install 'talkwright\[quantise\]'"):
        train_tiny(optimizer="adamw_8bit")


def test_moments_of_eight_bits_are_of_eight_bits(tiny_base, section) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes (the extra `quantise`) is missing")
    model, _ = prepare_model(tiny_base, section(method="full"), 7)
    masters = Masters(model)
    optimizer: Optimizer = make_optimizer(model, masters, section(optimizer="adamw_8bit"))
    for master in masters.masters:
        master.grad = torch.ones_like(master)
    optimizer.step(0.01)
    large = max(masters.masters, key=lambda m: m.numel())
    assert optimizer.state(large)["state1"].dtype == torch.uint8


@pytest.mark.parametrize("method", ["lora", "full", "prompt"])
def test_adafactor_learns_at_its_own_default_rate(method, train_tiny, rows, metrics_of) -> None:
    settings = {"method": method, "learning_rate": None, "max_steps": 12, "eval_every": 12}
    gains = []
    for optimizer in ("adamw", "adafactor"):
        out = train_tiny(optimizer, optimizer=optimizer, validation=rows, **settings)
        first, last = (r["validation_loss"] for r in metrics_of(out) if "validation_loss" in r)
        gains.append(first - last)
    assert gains[1] > 0.5 * gains[0] > 0


@pytest.mark.parametrize(
    "settings",
    [{"lora": {"rank": 1}}, {"method": "prompt", "virtual_tokens": 1},
     {"method": "prefix", "virtual_tokens": 1}],
    ids=str,
)  # fmt: skip
def test_muon_leaves_matrices_of_one_row_or_column_to_adamw(
    settings, train_tiny, tiny_base, section
) -> None:
    """Made orthogonal, a vector is its direction alone: every gradient would move it as far."""
    chosen = section(optimizer="muon", weight_decay=0.5, **settings)
    model, _ = prepare_model(tiny_base, chosen, 7)
    optimizer = make_optimizer(model, Masters(model), chosen)
    assert [type(part).__name__ for part in optimizer._parts] == ["AdamW"]
    assert {group["weight_decay"] for group in optimizer.groups()} == {0.5}
