"""`train.compile`: the same numbers, one translation for all batches, and a clear word without g++."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
import torch

from talkwright.errors import TrainError
from talkwright.models import make_batch, row_losses, summed_loss
from talkwright.train import compiled
from talkwright.train import model as models
from talkwright.train.model import prepare_model


@pytest.fixture(autouse=True)
def _fresh() -> None:
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()


def loss_and_gradients(model: Any, batch: Any) -> tuple[float, dict[str, torch.Tensor]]:
    model.zero_grad()
    loss = summed_loss(model, batch)
    loss.backward()
    found = {n: w.grad.clone() for n, w in model.named_parameters() if w.grad is not None}
    return float(loss.detach()), found


def compare(tiny_base, section, rows, monkeypatch, *, padded: bool = False, **settings: Any) -> int:
    """Check losses and gradients of batches of all kinds against the plain computation; how many graphs
    were made."""
    if padded:
        monkeypatch.setattr(models, "choose_attention", lambda config: (None, True))
    ours, _ = prepare_model(tiny_base, section(compile=True, **settings), 7)
    monkeypatch.setattr(models, "fuse", lambda model: {})
    monkeypatch.setattr(models, "choose_attention", lambda config: (None, True))
    plain, _ = prepare_model(tiny_base, section(**settings), 7)
    with torch.no_grad():
        for (name, weight), other in zip(ours.named_parameters(), plain.parameters(), strict=True):
            if "lora_B" in name:
                weight.normal_(std=0.05)
            other.copy_(weight)
    graphs = []
    for first, last, share in ((0, 3, True), (2, 8, True), (4, 5, False), (1, 7, False), (0, 10, True)):
        batch = make_batch(rows[first:last], padded=padded, share=share and not padded)
        loss, gradients = loss_and_gradients(ours, batch)
        wanted, theirs = loss_and_gradients(plain, make_batch(rows[first:last], padded=True))
        assert loss == pytest.approx(wanted, rel=1e-5)
        assert gradients.keys() == theirs.keys()
        for name, gradient in gradients.items():
            assert (gradient - theirs[name]).norm() <= 1e-4 * theirs[name].norm(), name
        graphs.append(torch._dynamo.utils.counters["stats"]["unique_graphs"])
    assert graphs[0] > 1
    # Padded, a batch of one row alone has no mask, which is a translation of its own.
    assert len(set(graphs)) <= 1 + padded, f"other lengths were translated anew: {graphs}"
    return graphs[-1]


@pytest.mark.parametrize("settings", [{}, {"recompute": "half"}], ids=str)
def test_losses_and_gradients_are_the_plain_ones(
    tiny_base, section, rows, monkeypatch: pytest.MonkeyPatch, settings
) -> None:
    monkeypatch.setattr(compiled, "BACKEND", "aot_eager")
    assert compare(tiny_base, section, rows, monkeypatch, **settings) < 16


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [{}, {"recompute": "half"}, {"recompute": True}, {"method": "full"}, {"padded": True}],
    ids=str,
)
def test_losses_and_gradients_of_machine_code_are_the_plain_ones(
    tiny_base, section, rows, monkeypatch: pytest.MonkeyPatch, settings
) -> None:
    compare(tiny_base, section, rows, monkeypatch, **settings)


def test_layers_share_a_translation_and_scoring_takes_none(
    tiny_base, section, rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "BACKEND", "eager")
    model, padded = prepare_model(tiny_base, section(compile=True), 7)
    counted = torch._dynamo.utils.counters["stats"]
    before = counted["unique_graphs"]
    batch = make_batch(rows[:4])
    model.eval()
    with torch.inference_mode():
        losses = row_losses(model, batch)
    assert counted["unique_graphs"] == before
    model.train()
    assert not padded
    assert float(losses.sum()) == pytest.approx(float(summed_loss(model, batch).detach()), rel=1e-5)
    assert counted["unique_graphs"] > before


def test_a_run_trains_saves_and_scores_as_without(
    train_tiny, metrics_of, weights_of, rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "BACKEND", "eager")
    with_it, without = (
        train_tiny(str(each), validation=rows[:3], compile=each, accumulation=2)
        for each in (True, False)
    )
    for a, b in zip(metrics_of(with_it), metrics_of(without), strict=True):
        assert a == pytest.approx(b, rel=1e-4)
    assert weights_of(with_it).keys() == weights_of(without).keys()


def test_without_a_compiler_it_says_what_to_install(tiny_base, tmp_path) -> None:
    """In a process of its own, with an empty cache: torch remembers that it found a compiler."""
    code = (
        "import torch; from talkwright.train.compiled import _refuse_without_compiler as refuse; "
        "refuse(torch.device('cpu'))"
    )
    place = {"CXX": str(tmp_path / "none"), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **place}, capture_output=True, text=True
    )
    assert done.returncode
    assert "train.compile needs a C++ compiler (`g++`)" in done.stderr
    assert "leave `compile` out" in done.stderr


def test_a_model_without_such_layers_is_refused() -> None:
    with pytest.raises(TrainError, match="Linear has no layers of the kind"):
        compiled.compile_layers(torch.nn.Linear(2, 2), padded=True)


def test_recomputed_layers_run_once_more_in_the_backward_pass(
    tiny_base, section, rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[int] = []

    def untranslated(plain: Any, **_: Any) -> Any:
        def counted(*given: Any, **named: Any) -> Any:
            ran.append(1)
            return plain(*given, **named)

        return counted

    monkeypatch.setattr(torch, "compile", untranslated)
    counts = []
    for share in ("none", "half", "all"):
        model, _ = prepare_model(tiny_base, section(compile=True, recompute=share), 7)
        ran.clear()
        loss_and_gradients(model, make_batch(rows[:4]))
        counts.append(len(ran))
    assert counts == [2, 3, 4]
