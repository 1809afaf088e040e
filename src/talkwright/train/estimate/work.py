"""How long a step takes, by formula: work of each kind over a machine's measured rate for it.

The counts of operations are those of Kaplan et al. 2020 (2 a weight and token forwards, twice that
backwards) with what LoRA leaves out (no gradient of frozen weights: 4 in place of 6), of FlashAttention
(Dao et al. 2022) for causal attention, and of the head as models/flat.py computes it: supervised
positions only, loss and gradient in one pass. Rates come from `machines.py`; the factor on each
kind of work is fitted by `bench/calibrate.py` and is near 1 where a formula says everything.
"""

from __future__ import annotations

from typing import Any

from talkwright.config import TrainSection, share_recomputed
from talkwright.train.estimate.load import Load
from talkwright.train.estimate.machines import Rates
from talkwright.train.estimate.memory import MOMENTS, adapter_share, bytes_per_layer, weight_bytes
from talkwright.train.estimate.shape import Shape, adapted, deep_share, orthogonalised, trainable

KINDS = ("products", "attention", "passing", "head", "reading", "update", "calls")
"""What a step's seconds are made of: matrix products of the layers; attention; everything that only
passes over activations; logits; reading the weights, once a pass; the update; and calls of small
operations, whatever their size."""


def floating_point(shape: Shape, section: TrainSection, load: Load) -> dict[str, float]:
    """Floating-point operations of an optimizer step, by kind.

    N_b weights of the layers, P trained ones, L layers, d heads x width, T a row's length, s supervised
    tokens, V x H the head: products 4 N_b (full: 6 N_b) + 6 P, and 2 N_b more with recomputation;
    attention 6 L T d (2 forwards, 4 backwards; the causal half), and 2 L T d more; head s x 4 V H (full:
    6 V H). `merging` is DoRA's update of each matrix, once a pass, and `orthogonal` Muon's work, once.
    """
    full = section.method == "full"
    again = share_recomputed(section.recompute)
    trained = trainable(shape, section)
    deep = deep_share(shape, section)  # layers below the lowest adapter are gone through forwards only
    products = (6 if full else 2 + 2 * deep) * shape.body
    modules = adapted(shape, section)
    merging = 0
    if section.method == "lora" and section.lora.dora:
        # The size of each output is one number, no product. An update is B (A I), I as wide as the input
        # (PEFT's dora.py), and no gradient goes through it.
        trained -= sum(o for _, _, o in modules)
        merging = sum(2 * i * section.lora.rank * (i + o) for _, i, o in modules)
        if section.lora.dropout:  # the matrix is multiplied with the dropped input, too
            products += (2 + 2 * deep + 2 * deep * again) * sum(i * o for _, i, o in modules)
    products += 6 * trained if section.method == "lora" else 0
    products += 2 * shape.body * deep * again
    return {
        "products": load.padded * products,
        "merging": load.passes * merging * (1 + again),
        "orthogonal": sum(newton_schulz(*pair) for pair in orthogonalised(shape, section)),
        "attention": (2 + (4 + 2 * again) * deep) * shape.layers * load.squares * shape.queries,
        "head": load.supervised * (6 if full else 4) * shape.vocabulary * shape.width,
    }


def newton_schulz(rows: int, columns: int) -> int:
    """Operations by which Muon (Jordan et al. 2024) orthogonalises a matrix: five times X X', the square
    of that, and the product of both with X, on the side where that is smaller."""
    small, large = sorted((rows, columns))
    return 5 * (4 * small * small * large + 2 * small**3)


def merged_bytes(shape: Shape, section: TrainSection, size: int) -> float:
    """Bytes that go through memory once a pass for DoRA's norms: the unit matrix written and read; the
    update written, scaled (read, written), added to the matrix (two read, one written), and normed."""
    if section.method != "lora" or not section.lora.dora:
        return 0.0
    return float(size * sum(2 * i * i + 7 * i * o for _, i, o in adapted(shape, section)))


def seconds_by_kind(
    shape: Shape,
    section: TrainSection,
    precision: str,
    load: Load,
    rates: Rates,
    coefficients: dict[str, Any],
) -> dict[str, float]:
    """Seconds of an optimizer step by kind, before the fitted factors."""
    load = load.where_filled(precision, gpu=rates.gpu)
    operations = floating_point(shape, section, load)
    size = 2 if precision == "bf16" else 4
    plain = section.model_copy(update={"recompute": "none"})
    layer, outside = bytes_per_layer(shape, plain, precision, coefficients)
    # Written once, read once forwards, read and answered with a gradient of its size backwards.
    deep = deep_share(shape, section)
    again = share_recomputed(section.recompute)
    times = 2 + (2 + 2 * again) * deep
    passed = load.padded * (shape.layers * layer + outside) * times
    weights = weight_bytes(shape, section, precision)
    unpacked = shape.between * size if section.quantise == "nf4" else 0
    reads = load.passes * (2 + again)
    trained = trainable(shape, section)
    modules = len(shape.linear) / shape.layers
    adapters: float = {"lora": 4, "ia3": 1}.get(section.method, 0) + (10 if section.lora.dora else 0)
    # A decoder layer is about 40 operations; each adapter has its own; backwards doubles them.
    adapters *= adapter_share(shape, section)
    calls = shape.layers * (40 + modules * adapters) * (1 + (2 + again) * deep)
    # torch.optim.Muon goes through the matrices one by one: 15 products and 8 operations besides.
    muon_calls = 23 * len(orthogonalised(shape, section))
    return {
        "products": (operations["products"] + operations["merging"]) / rates.products
        + operations["orthogonal"] / (rates.short or rates.products),
        "attention": operations["attention"] / rates.attention,
        "passing": passed / rates.passing,
        "head": operations["head"] / rates.products
        + load.supervised * shape.vocabulary * 24 / rates.passing,
        "reading": (reads * (weights + 4 * unpacked)
                    + load.passes * (1 + again) * merged_bytes(shape, section, size)) / rates.passing,
        "update": trained * (4 + MOMENTS[section.optimizer] + 20) / rates.passing
        + trained * 8 * load.passes / rates.passing,
        "calls": (load.passes * calls + muon_calls) * rates.call,
    }  # fmt: skip


def step_seconds(
    shape: Shape,
    section: TrainSection,
    precision: str,
    load: Load,
    rates: Rates,
    coefficients: dict[str, Any],
) -> float:
    """Seconds of an optimizer step."""
    factors = coefficients["time"]["gpu" if rates.gpu else "cpu"][precision]
    kinds = seconds_by_kind(shape, section, precision, load, rates, coefficients)
    return float(sum(factors[kind] * kinds[kind] for kind in KINDS))


def run_seconds(
    shape: Shape,
    section: TrainSection,
    precision: str,
    load: Load,
    rates: Rates,
    coefficients: dict[str, Any],
) -> float:
    """Seconds of a whole run: its steps, its validations (a forward pass, a third of a step's work
    for each token that is computed), and loading and starting."""
    step = step_seconds(shape, section, precision, load, rates, coefficients)
    scoring = load.validations * load.validation_tokens * step / max(load.padded, 1) / 3
    steps = load.steps
    if section.max_minutes is not None:
        steps = min(steps, max(1, round(60 * section.max_minutes / step)))
    if section.max_tokens is not None:
        steps = min(steps, max(1, -(-section.max_tokens // max(1, round(load.tokens)))))
    return steps * step + scoring + float(coefficients["time"]["start_up"])
