"""One pass over memory gives what the separate operations give: outputs and gradients."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig
from transformers.models.falcon_h1.modeling_falcon_h1 import FalconH1RMSNormGated
from transformers.models.gemma.modeling_gemma import GemmaRMSNorm
from transformers.models.llama.modeling_llama import LlamaMLP, LlamaRMSNorm

from talkwright.models import fuse

SMALL = {
    "vocab_size": 61, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "pad_token_id": 0,
}  # fmt: skip


def model_of(kind: str = "llama", dtype: torch.dtype = torch.float32, **lora: Any) -> Any:
    torch.manual_seed(3)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **SMALL), dtype=dtype)
    for name, weight in model.named_parameters():
        if name.endswith(("bias", "norm.weight")):
            nn.init.normal_(weight, 1.0, 0.2)
    settings = {"r": 4, "lora_alpha": 12, "target_modules": "all-linear", "init_lora_weights": False}
    return get_peft_model(model, LoraConfig(**{**settings, **lora}), autocast_adapter_dtype=False)


def loss_and_gradients(model: Any) -> tuple[float, dict[str, torch.Tensor]]:
    model.zero_grad()
    ids = torch.arange(40).view(2, 20) % 61
    loss = model(input_ids=ids, labels=ids, use_cache=False).loss
    loss.backward()
    return float(loss.detach()), {
        n: w.grad.float() for n, w in model.named_parameters() if w.grad is not None
    }


def apart(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    assert a.keys() == b.keys()
    size = sum(g.square().sum() for g in a.values()).sqrt()
    return float(sum((g - b[n]).square().sum() for n, g in a.items()).sqrt() / size)


@pytest.mark.parametrize("kind", ["llama", "qwen2", "qwen3", "mistral"])
@pytest.mark.parametrize("lora", [{}, {"use_rslora": True}, {"target_modules": ["q_proj", "down_proj"]}],
                         ids=str)  # fmt: skip
def test_fused_modules_compute_the_same(kind: str, lora: dict[str, Any]) -> None:
    plain = model_of(kind, **lora)
    fused = copy.deepcopy(plain)
    assert fuse(fused) == {
        "lora": 4 if "target_modules" in lora else 14,
        "norm": 9 if kind == "qwen3" else 5,  # its queries and keys have their own
        "mlp": 2,
    }
    wanted, wanted_gradients = loss_and_gradients(plain)
    got, got_gradients = loss_and_gradients(fused)
    assert got == pytest.approx(wanted, rel=1e-6)
    assert apart(wanted_gradients, got_gradients) < 1e-5


def test_bf16_is_as_near_to_fp32_as_the_plain_way_is() -> None:
    exact = loss_and_gradients(model_of())[1]
    plain = model_of(dtype=torch.bfloat16)
    fused = copy.deepcopy(plain)
    assert fuse(fused)["lora"] == 14
    errors = [apart(exact, loss_and_gradients(model)[1]) for model in (plain, fused)]
    assert errors[1] < 1.2 * errors[0]


def test_fused_functions_pass_a_numerical_check_of_their_gradients() -> None:
    from talkwright.models.fused import _lora_function, _swiglu_function

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, requires_grad=True)

    torch.manual_seed(1)
    lora, swiglu = _lora_function(), _swiglu_function()
    weight, bias = draw(5, 4).detach(), draw(5).detach()
    assert torch.autograd.gradcheck(
        lambda x, a, b: lora(x, weight, bias, a, b, 0.7), (draw(2, 3, 4), draw(2, 4), draw(5, 2))
    )
    assert torch.autograd.gradcheck(swiglu, (draw(3, 4), draw(3, 4)))


def test_a_norm_of_bf16_is_that_of_transformers() -> None:
    norm = LlamaRMSNorm(32).requires_grad_(False)
    nn.init.normal_(norm.weight, 1.0, 0.2)
    norm.to(torch.bfloat16)
    fused = copy.deepcopy(norm)
    assert fuse(fused)["norm"] == 1
    x = torch.randn(3, 7, 32, dtype=torch.bfloat16)
    plain, ours = (x.clone().requires_grad_() for _ in range(2))
    wanted, got = norm(plain), fused(ours)
    assert torch.equal(wanted, got)
    upstream = torch.randn_like(wanted)
    wanted.backward(upstream)
    got.backward(upstream)
    assert (plain.grad - ours.grad).float().norm() < 0.01 * plain.grad.float().norm()


def test_what_computes_something_else_is_left_alone() -> None:
    gemma = GemmaRMSNorm(32).requires_grad_(False)  # (1 + weight), another name for eps
    gemma.variance_epsilon = gemma.eps
    assert fuse(gemma)["norm"] == 0
    learnt = LlamaRMSNorm(32)  # its weight wants a gradient, which the fused one has not
    assert fuse(learnt)["norm"] == 0
    assert fuse(model_of(lora_dropout=0.1))["lora"] == 0
    assert fuse(model_of(use_dora=True))["lora"] == 0
    thawed = model_of()  # a base that learns too wants gradients, which the fused one has not
    layer = thawed.base_model.model.model.layers[1].mlp.up_proj.base_layer
    layer.weight.requires_grad_(True)
    assert fuse(thawed)["lora"] == 13
    loss_and_gradients(thawed)
    assert layer.weight.grad.norm() > 0
    relu = model_of()
    for module in relu.modules():
        if hasattr(module, "act_fn"):
            module.act_fn = nn.ReLU()
    assert fuse(relu)["mlp"] == 0


@pytest.mark.parametrize("rate", [0.1, 1e-6])
@pytest.mark.parametrize("meta", [False, True])
def test_a_dropout_of_the_mlps_own_is_not_lost(rate: float, meta: bool) -> None:
    """Seed-OSS has one after its MLP; a loaded model is in inference, where nothing is dropped."""
    from transformers import SeedOssConfig

    def made(rate: float) -> Any:
        config = SeedOssConfig(**SMALL, head_dim=8, residual_dropout=rate)
        with torch.device("meta" if meta else "cpu"):
            return AutoModelForCausalLM.from_config(config).eval()

    model = made(rate)
    drawn = torch.get_rng_state()
    assert fuse(model)["mlp"] == 0
    assert torch.equal(drawn, torch.get_rng_state())
    assert not any(module.training for module in model.modules())
    assert fuse(made(0.0))["mlp"] == 2


def test_a_dropout_of_the_adapters_stays_where_the_mlp_is_fused() -> None:
    plain = model_of(lora_dropout=0.3).train()
    fused = copy.deepcopy(plain)
    assert fuse(fused)["mlp"] == 2
    losses = []
    for model in (plain, fused):
        torch.manual_seed(5)
        losses.append(loss_and_gradients(model)[0])
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)
    torch.manual_seed(6)
    assert loss_and_gradients(fused)[0] != pytest.approx(losses[1], rel=1e-5)


def test_an_adapter_switched_off_is_off() -> None:
    model = model_of().eval()
    ids = torch.arange(20).view(1, 20)
    with model.disable_adapter():
        wanted = model(input_ids=ids).logits
    fuse(model)
    with model.disable_adapter():
        assert torch.allclose(model(input_ids=ids).logits, wanted, atol=1e-5)
    assert not torch.allclose(model(input_ids=ids).logits, wanted, atol=1e-2)


ACTIVATIONS = [
    "gelu", "gelu_pytorch_tanh", "gelu_fast", "gelu_new", "quick_gelu", "relu", "relu2", "mish",
    "sigmoid", "silu",
]  # fmt: skip


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_an_mlp_is_fused_for_its_activation_alone(activation: str, dtype: torch.dtype) -> None:
    for width, inner in ((16, 48), (64, 128), (576, 1536)):
        config = LlamaConfig(
            hidden_size=width, intermediate_size=inner, hidden_act=activation, num_attention_heads=1
        )
        mlp = LlamaMLP(config).to(dtype).requires_grad_(False)
        for spread in (0.02, 0.04, 0.1, 1.0):
            for weight in mlp.parameters():
                nn.init.normal_(weight, std=spread)
            assert fuse(copy.deepcopy(mlp))["mlp"] == (activation == "silu"), (width, spread)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize("kind", ["gemma", "gemma2", "gemma3_text"])
def test_nothing_but_the_adapters_of_gemma_is_fused(kind: str, dtype: torch.dtype) -> None:
    assert fuse(model_of(kind, dtype=dtype)) == {"lora": 14, "norm": 0, "mlp": 0}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_a_norm_of_a_nearly_equal_form_is_left_alone(dtype: torch.dtype) -> None:
    class Outside(LlamaRMSNorm):
        def forward(self, x: torch.Tensor) -> torch.Tensor:  # eps outside of the root
            length = x.float().square().mean(-1, keepdim=True).sqrt()
            return self.weight * (x.float() / (length + self.variance_epsilon)).to(x.dtype)

    class Centred(LlamaRMSNorm):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x - 0.003 * x.mean(-1, keepdim=True))

    class PlusOne(LlamaRMSNorm):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) * (1 + self.weight) / self.weight

    for kind, taken in ((LlamaRMSNorm, 1), (Outside, 0), (Centred, 0), (PlusOne, 0)):
        for width in (8, 64, 576):
            norm = kind(width).to(dtype).requires_grad_(False)
            nn.init.constant_(norm.weight, 100.0)  # where one more is hardly seen
            assert fuse(norm)["norm"] == taken, (kind, width)


def test_a_norm_that_may_be_given_a_gate_still_takes_one() -> None:
    norm = FalconH1RMSNormGated(16).requires_grad_(False)
    x, gate = torch.randn(2, 3, 16), torch.randn(2, 3, 16)
    wanted = norm(x, gate), norm(x, gate=gate), norm(x)
    fuse(norm)
    got = norm(x, gate), norm(x, gate=gate), norm(x)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(wanted, got, strict=True))


def test_a_bias_that_learns_keeps_its_gradient() -> None:
    plain = model_of("qwen2", bias="all")
    fused = copy.deepcopy(plain)
    assert fuse(fused)["lora"] == 8  # all but queries, keys and values, which have a bias
    assert apart(loss_and_gradients(plain)[1], loss_and_gradients(fused)[1]) < 1e-5


@pytest.mark.parametrize("bias", [True, False])
def test_what_a_fused_layer_gives_may_be_written_into(bias: bool) -> None:
    """Llama 4's experts do."""
    layer = get_peft_model(
        nn.Sequential(nn.Linear(8, 12, bias=bias)), LoraConfig(r=4, target_modules=["0"])
    )
    assert fuse(layer)["lora"] == 1
    x = torch.randn(2, 3, 8)
    wanted = layer(x).detach() + 1
    got = layer(x).add_(1)
    got.sum().backward()
    assert torch.equal(got.detach(), wanted)
