"""Attention of short rows on a CPU, against torch's."""

from __future__ import annotations

import weakref
from typing import Any

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.utils._python_dispatch import TorchDispatchMode

from talkwright.models import LONGEST_SHORT_ROW, flat
from talkwright.models.short_rows import attend_short_rows

SCALE = 0.3


def drawn(heads: int, n: int, dtype: torch.dtype = torch.float64, width: int = 8) -> torch.Tensor:
    return torch.randn(1, heads, n, width, dtype=dtype, requires_grad=True)


def by_torch(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    n, seen = query.shape[2], key.shape[2]
    mask = torch.ones(n, seen, dtype=torch.bool).tril(seen - n)
    how: dict[str, Any] = {"scale": SCALE, "enable_gqa": True}
    return scaled_dot_product_attention(query, key, value, mask, **how).transpose(1, 2)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize(("n", "seen"), [(7, 7), (1, 1), (3, 9), (1, 5)])
def test_it_is_torchs_attention_with_its_gradients(groups: int, n: int, seen: int) -> None:
    torch.manual_seed(3)
    inputs = (drawn(4, n), drawn(groups, seen), drawn(groups, seen, width=6))  # as DeepSeek has it
    spans = [(0, n, ((0, seen),))]
    got = attend_short_rows(*inputs, spans, SCALE)
    assert got.shape == (1, n, 4, 6)
    assert torch.allclose(got, by_torch(*inputs), rtol=1e-6)  # what is ahead is masked in fp32
    assert torch.autograd.gradcheck(lambda q, k, v: attend_short_rows(q, k, v, spans, SCALE), inputs)


def errors(
    lengths: list[int], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch | None
) -> list[float]:
    """How far a batch's attention and its gradients are from those in fp64, relative."""
    torch.manual_seed(4)
    n = sum(lengths)
    exact = [torch.randn(1, heads, n, 8).bfloat16().double().requires_grad_() for heads in (4, 2, 2)]
    inputs = [each.detach().to(dtype).requires_grad_() for each in exact]
    towards = torch.randn(1, n, 4, 8).bfloat16()
    rows = [[each.split(lengths, 2)[row] for each in exact] for row in range(len(lengths))]
    wanted = torch.cat([by_torch(*row) for row in rows], 1)
    how: Any = {"scaling": SCALE, "row_lengths": tuple(lengths)}
    if monkeypatch:
        monkeypatch.setattr(flat, "LONGEST_SHORT_ROW", 0)
    got, _ = flat._attend_within_rows(None, *inputs, None, **how)  # type: ignore[arg-type]
    got.backward(towards.to(dtype))
    wanted.backward(towards.double())
    pairs: list[Any] = [(got, wanted), *((a.grad, b.grad) for a, b in zip(inputs, exact, strict=True))]
    return [float(((a.double() - b).norm() / b.norm()).detach()) for a, b in pairs]


@pytest.mark.parametrize("lengths", [[5, 90, 33], [128]], ids=str)
def test_bf16_is_as_near_to_the_truth_as_torchs(
    lengths: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = errors(lengths, torch.bfloat16, None)
    torchs = errors(lengths, torch.bfloat16, monkeypatch)
    assert sum(ours) < 1.1 * sum(torchs), (ours, torchs)
    assert ours != torchs


def test_keys_of_several_rows_sum_their_gradients_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(5)
    lengths = (40, *[3] * 30)
    how: Any = {
        "scaling": SCALE, "row_lengths": lengths, "row_before": ((), *[((0, 40),)] * 30)
    }  # fmt: skip
    grads = {}
    start = [torch.randn(1, heads, sum(lengths), 8).bfloat16() for heads in (4, 2, 2)]
    for dtype in (torch.bfloat16, torch.float32):
        inputs = [each.detach().to(dtype).requires_grad_() for each in start]
        out, _ = flat._attend_within_rows(None, *inputs, None, **how)  # type: ignore[arg-type]
        out.backward(torch.ones_like(out))
        assert out.dtype == inputs[1].grad.dtype == dtype  # type: ignore[union-attr]
        grads[dtype] = inputs[2].grad.double()[:, :, :40]  # type: ignore[union-attr]
    apart = (grads[torch.bfloat16] - grads[torch.float32]).norm() / grads[torch.float32].norm()
    assert apart < 4e-3


def test_rows_that_begin_alike_are_attended_as_each_alone() -> None:
    torch.manual_seed(6)
    q, k, v = drawn(4, 12), drawn(2, 12), drawn(2, 12)
    spans = [(0, 5, ((0, 5),)), (5, 8, ((0, 4), (5, 8))), (8, 12, ((0, 4), (5, 6), (8, 12)))]

    def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return attend_short_rows(q, k, v, spans, SCALE)

    for (start, stop, runs), got in zip(spans, attend(q, k, v).split((5, 3, 4), 1), strict=True):
        seen = [torch.cat([each[:, :, a:b] for a, b in runs], 2) for each in (k, v)]
        assert torch.allclose(got, by_torch(q[:, :, start:stop], *seen), rtol=1e-6)
    assert torch.autograd.gradcheck(attend, (q, k, v))


def test_a_row_that_is_no_number_leaves_others_alone() -> None:
    torch.manual_seed(6)
    spans = [(0, 5, ((0, 5),)), (5, 8, ((5, 8),))]
    inputs = [torch.randn(1, heads, 8, 8).bfloat16().requires_grad_() for heads in (4, 2, 2)]
    with torch.inference_mode():
        attend_short_rows(*inputs, spans, SCALE)
    with torch.no_grad():
        inputs[2][:, :, 0] = float("inf")
    out = attend_short_rows(*inputs, spans, SCALE)
    out[:, 5:].sum().backward()
    assert not out[:, :5].isfinite().all()
    assert out[:, 5:].isfinite().all()
    assert all(x.grad[:, :, 5:].isfinite().all() for x in inputs)  # type: ignore[index]


def test_probabilities_are_kept_besides_what_is_given_and_only_for_gradients() -> None:
    torch.manual_seed(6)
    q, k, v = (drawn(heads, 60, torch.bfloat16) for heads in (4, 2, 2))
    spans = [(0, 50, ((0, 50),)), (50, 55, ((0, 45), (50, 55))), (55, 60, ((0, 45), (55, 60)))]
    kept: dict[int, torch.Tensor] = {}
    noted = torch.autograd.graph.saved_tensors_hooks(
        lambda x: kept.setdefault(x.untyped_storage().data_ptr(), x), lambda x: x
    )
    with noted:
        out = attend_short_rows(q, k, v, spans, SCALE)
    given = q.nbytes + k.nbytes + v.nbytes
    probabilities = 2 * 4 * (64 * 64 + 16 * 64 + 16 * 64)  # multiples of 16
    assert sum(x.untyped_storage().nbytes() for x in kept.values()) == given + probabilities
    assert out.requires_grad

    def is_probabilities(made: Any) -> bool:
        bf16 = isinstance(made, torch.Tensor) and made.dtype == torch.bfloat16
        return bf16 and made.ndim == 3 and made.shape[-1] == 64 and not made._is_view()

    alive: list[Any] = []
    most = 0

    class Noting(TorchDispatchMode):
        def __torch_dispatch__(self, called: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal most
            made = called(*args, **(kwargs or {}))
            if is_probabilities(made):
                alive.append(weakref.ref(made))
                most = max(most, sum(each() is not None for each in alive))
            return made

    with torch.no_grad(), Noting():
        attend_short_rows(*(x.detach() for x in (q, k, v)), spans, SCALE)
    assert len(alive) == 3
    assert most == 2  # a row's are let go of when the next one's are there


def test_long_rows_dropout_and_fp32_go_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[int] = []

    def noting(query: torch.Tensor, *rest: Any) -> torch.Tensor:
        called.append(query.shape[2])
        return attend_short_rows(query, *rest)

    monkeypatch.setattr(flat, "attend_short_rows", noting)

    def attend(lengths: tuple[int, ...], dtype: torch.dtype, **how: Any) -> None:
        inputs = [drawn(heads, sum(lengths), dtype) for heads in (4, 2, 2)]
        flat._attend_within_rows(None, *inputs, None, row_lengths=lengths, **how)  # type: ignore[arg-type]

    attend((30, LONGEST_SHORT_ROW), torch.bfloat16)
    assert called == [30 + LONGEST_SHORT_ROW]
    called.clear()
    attend((30, LONGEST_SHORT_ROW, LONGEST_SHORT_ROW + 1), torch.bfloat16)
    assert called == [30, LONGEST_SHORT_ROW]
    attend((30, 20), torch.bfloat16, dropout=0.1)
    attend((30, 20), torch.float32)
    assert len(called) == 2


@pytest.mark.parametrize("second", [LONGEST_SHORT_ROW, 50])
def test_long_and_short_rows_of_a_batch_are_each_attended_alone(second: int) -> None:
    torch.manual_seed(7)
    lengths = (30, second, 9, 0)  # the last is a beginning of the first
    before = ((), ((0, 20),), ((0, 30),), ((0, 7),))  # the long one sees 20 more than a short row may
    inputs = [torch.randn(1, heads, sum(lengths), 8).bfloat16() for heads in (4, 2, 2)]
    how: Any = {"scaling": SCALE, "row_lengths": lengths, "row_before": before}
    got, _ = flat._attend_within_rows(None, *inputs, None, **how)  # type: ignore[arg-type]
    wanted, _ = flat._attend_within_rows(None, *(x.float() for x in inputs), None, **how)  # type: ignore[arg-type]
    assert float((got - wanted).norm() / wanted.norm()) < 5e-3
