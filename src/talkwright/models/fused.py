"""The same arithmetic in fewer passes over memory, for training: LoRA, RMSNorm, SwiGLU.

What autograd does step by step (scale, add, cast, keep) is written here as one forward and one backward
each, with the products accumulated in place. Modules are told by what they compute, not by their names:
one is taken over only when the pass written here gives what its class's own gives, in fp32, on small
numbers and large ones alike (`_computes_the_same`).
"""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


def fuse(model: Any) -> dict[str, int]:
    """Give modules of `model` their one-pass forms; how many of each kind were taken over.

    Norms and MLPs only on a CPU, where each pass over memory counts; a GPU's compiler joins these
    itself. What has an own way (DoRA, dropout, a quantised base, scaled or capped variants) stays.
    """
    # A model without numbers is one to be counted, and is taken for one on a CPU.
    on_cpu = next(model.parameters()).device.type in ("cpu", "meta")
    taken = {"lora": 0, "norm": 0, "mlp": 0}
    for module in model.modules():
        if _is_plain_lora(module):
            _replace(module, _lora_forward)
            taken["lora"] += 1
        elif on_cpu and _is_plain_norm(module):
            _replace(module, _norm_forward)
            taken["norm"] += 1
        elif on_cpu and _is_plain_mlp(module):
            _replace(module, _mlp_forward)
            taken["mlp"] += 1
    return taken


def _replace(module: nn.Module, forward: Any) -> None:
    module.forward = types.MethodType(forward, module)


# --- LoRA ----------------------------------------------------------------------------------------


def _is_plain_lora(module: Any) -> bool:
    from peft.tuners.lora.layer import Linear
    from torch import nn

    if type(module) is not Linear or len(module.active_adapters) != 1:
        return False
    (name,) = module.active_adapters
    base, a, b = module.base_layer, module.lora_A[name], module.lora_B[name]
    if type(base) is not nn.Linear or module.lora_variant:  # DoRA and its like
        return False
    return (
        not any(weight.requires_grad for weight in base.parameters())  # a bias can learn, too
        and type(module.lora_dropout[name]) is nn.Identity
        and a.bias is None
        and b.bias is None
        and a.weight.dtype == b.weight.dtype == base.weight.dtype
        and _computes_the_same(module, _lora_forward, _small_lora(name))
    )


def _lora_forward(self: Any, x: Tensor, *others: Any, **named: Any) -> Tensor:
    if self.disable_adapters or self.merged or others or named:
        return type(self).forward(self, x, *others, **named)
    (name,) = self.active_adapters
    base, a, b = self.base_layer, self.lora_A[name].weight, self.lora_B[name].weight
    out: Tensor = _lora_function()(x, base.weight, base.bias, a, b, self.scaling[name])
    return out


def _small_lora(name: str) -> dict[str, Any]:
    from torch import nn

    return {
        "base_layer": _small_linear(8, 12),
        "lora_A": nn.ModuleDict({name: _small_linear(8, 4, bias=False)}),
        "lora_B": nn.ModuleDict({name: _small_linear(4, 12, bias=False)}),
    }


# --- norms ---------------------------------------------------------------------------------------


def _is_plain_norm(module: Any) -> bool:
    """y = weight x / √(mean x² + eps), as Llama, Qwen, Mistral and most others have it."""
    import torch
    from torch import nn

    weight, eps = getattr(module, "weight", None), getattr(module, "variance_epsilon", None)
    if weight is None or eps is None or weight.ndim != 1 or weight.requires_grad:
        return False
    other = nn.Parameter(torch.linspace(0.5, 1.5, len(weight)), requires_grad=False)
    return _computes_the_same(module, _norm_forward, {"weight": other}, len(weight))


def _norm_forward(self: Any, x: Tensor, *others: Any, **named: Any) -> Tensor:
    if others or named:  # Mamba's takes a gate where it is given one
        return type(self).forward(self, x, *others, **named)
    out: Tensor = _norm_function()(x, self.weight, self.variance_epsilon)
    return out


# --- MLPs ----------------------------------------------------------------------------------------


def _is_plain_mlp(module: Any) -> bool:
    """y = down(silu(gate x) · up x)."""
    if not all(hasattr(getattr(module, name, None), "in_features") for name in _MLP):
        return False
    return _computes_the_same(
        module, _mlp_forward, {name: _small_linear(*shape) for name, shape in _MLP.items()}
    )


_MLP = {"gate_proj": (8, 12), "up_proj": (8, 12), "down_proj": (12, 8)}


def _mlp_forward(self: Any, x: Tensor, *others: Any, **named: Any) -> Tensor:
    if others or named:
        return type(self).forward(self, x, *others, **named)
    out: Tensor = self.down_proj(_swiglu_function()(self.gate_proj(x), self.up_proj(x)))
    return out


# --- what a module computes ----------------------------------------------------------------------

SCALES = (1e-3, 0.1, 1.0, 3.0, 100.0)  # of inputs: eps tells among the first, an activation in between


def _computes_the_same(module: Any, forward: Any, small: dict[str, Any], width: int = 8) -> bool:
    """Whether a module gives in training what `forward` gives, and draws the same random numbers for it.

    Asked of a stand-in: the module with `small` parts in fp32 instead of its own, for inputs of `width`.
    bf16 keeps too little of a number to tell GELU from SiLU, for large numbers all such functions are
    one and for small ones lines, and a model may have no numbers at all; so each of `SCALES` must agree
    to 1e-5. What its parts themselves do (dropout of adapters) is theirs in both ways. A module whose
    forward pass wants its own sizes is not taken over.
    """
    import torch

    like = copy.copy(module)
    like._parameters, like._modules = dict(module._parameters), dict(module._modules)
    for name, part in small.items():
        setattr(like, name, part)
    x = torch.linspace(-3, 3, 2 * width).sin().view(2, width)
    x = torch.stack([scale * x for scale in SCALES])
    with torch.no_grad(), torch.random.fork_rng(devices=[]), _as_in_training(like):
        before = torch.get_rng_state()
        try:
            wanted, drawn = type(module).forward(like, x), torch.get_rng_state()
            torch.set_rng_state(before)
            got = forward(like, x)
        except (RuntimeError, ValueError, TypeError, AttributeError, LookupError, NotImplementedError):
            return False
        if not torch.equal(drawn, torch.get_rng_state()):  # tells even of a dropout that drops nothing
            return False
    if not isinstance(wanted, torch.Tensor) or wanted.dtype != got.dtype or wanted.shape != got.shape:
        return False
    apart, size = (each.flatten(1).norm(dim=1) for each in (wanted - got, wanted))
    return bool((apart <= 1e-5 * size).all())


@contextmanager
def _as_in_training(module: Any) -> Iterator[None]:
    """A loaded model is as for inference, where dropout does nothing."""
    modes = [(each, each.training) for each in module.modules()]
    module.train()
    try:
        yield
    finally:
        for each, mode in modes:
            each.training = mode


def _small_linear(inputs: int, outputs: int, *, bias: bool = True) -> nn.Linear:
    """One with numbers of all signs, the same each time."""
    import torch
    from torch import nn

    linear = nn.utils.skip_init(nn.Linear, inputs, outputs, bias=bias)
    with torch.no_grad():
        for weight in linear.parameters():
            count = weight.numel()
            weight.copy_(torch.linspace(-count, count, count).cos().view(weight.shape))
    return linear


# --- forward and backward ------------------------------------------------------------------------


# torch is only imported when a model is.


@functools.cache
def _lora_function() -> Any:
    import torch

    class Lora(torch.autograd.Function):
        """y = x Wᵀ + bias + s (x Aᵀ) Bᵀ with W and bias frozen.

        x: [..., in], A: [rank, in], B: [out, rank].
        dx = dy W + s (dy B) A,  dA = s (dy B)ᵀ x,  dB = s dyᵀ (x Aᵀ).
        """

        @staticmethod
        def forward(
            ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float
        ) -> Tensor:
            rows = x.reshape(-1, x.shape[-1])
            small = rows @ a.t()
            # Not a view of what is computed here: Llama 4 writes into what it is given.
            out = x.new_empty(*x.shape[:-1], weight.shape[0])
            flat = out.view(-1, weight.shape[0])
            if bias is None:
                torch.mm(rows, weight.t(), out=flat)
            else:
                torch.addmm(bias, rows, weight.t(), out=flat)
            flat.addmm_(small, b.t(), alpha=scale)
            ctx.save_for_backward(rows, weight, a, b, small)
            ctx.scale, ctx.shape = scale, x.shape
            return out

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
            rows, weight, a, b, small = ctx.saved_tensors
            dy = upstream.reshape(-1, upstream.shape[-1])
            inner = (dy @ b).mul_(ctx.scale)
            of_x = None
            if ctx.needs_input_grad[0]:
                of_x = (dy @ weight).addmm_(inner, a).view(ctx.shape)
            return of_x, None, None, inner.t() @ rows, (dy.t() @ small).mul_(ctx.scale), None

    return Lora.apply


@functools.cache
def _norm_function() -> Any:
    import torch

    class Norm(torch.autograd.Function):
        """y = w x r with r = 1 / √(mean x² + eps) and w frozen.

        With g = w dy: dx = r g − x r³ (g · x) / width. Statistics are in fp32 whatever x is.
        """

        @staticmethod
        def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
            length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
            r = (length.square_() / x.shape[-1] + eps).rsqrt_()
            ctx.save_for_backward(x, weight, r)
            if x.dtype == torch.float32:
                return (x * r).mul_(weight)
            return weight * (x * r).to(x.dtype)

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, None, None]:
            x, weight, r = ctx.saved_tensors
            g = upstream * weight
            if x.dtype == torch.float32:
                along = torch.linalg.vecdot(g, x).unsqueeze(-1)
                return g.mul_(r).addcmul_(x, along * r**3 / x.shape[-1], value=-1), None, None
            g, wide = g.float(), x.float()
            along = torch.linalg.vecdot(g, wide).unsqueeze(-1)
            g.mul_(r).addcmul_(wide, along * r**3 / x.shape[-1], value=-1)
            return g.to(x.dtype), None, None

    return Norm.apply


@functools.cache
def _swiglu_function() -> Any:
    import torch
    from torch.nn.functional import silu

    class SwiGlu(torch.autograd.Function):
        """y = silu(gate) · up; silu(gate) is made again in the backward instead of being kept."""

        @staticmethod
        def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
            ctx.save_for_backward(gate, up)
            return silu(gate).mul_(up)

        @staticmethod
        def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor]:
            gate, up = ctx.saved_tensors
            of_up = silu(gate).mul_(upstream)
            return torch.ops.aten.silu_backward(upstream * up, gate), of_up

    return SwiGlu.apply
