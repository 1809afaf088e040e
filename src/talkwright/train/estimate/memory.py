"""Peak memory of a run, by formula.

A run's memory has several peaks: loading the weights, the largest forward and backward pass, validation,
the optimizer's update and writing a checkpoint; the highest counts. All sizes are bytes. What is fitted
and what is counted stands in `coefficients.json`, written by `bench/calibrate.py`; everything else
follows from the code it names.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from talkwright.config import TrainSection, share_recomputed
from talkwright.errors import TrainError
from talkwright.models import EXACT_ROWS, HEAD_ROWS
from talkwright.train.estimate.count import bytes_per_token, count_terms, terms_key
from talkwright.train.estimate.load import Load
from talkwright.train.estimate.shape import (
    Shape,
    adapted,
    deep_share,
    orthogonalised,
    trainable,
    trained_sizes,
)
from talkwright.train.estimate.structure import kept_by, layout_of

MOMENTS = {
    "adamw": 8.0,  # two of fp32
    "adamw_8bit": 2.0,  # two of 8 bits; their scales are a 256th of that (Dettmers et al. 2022)
    "paged_adamw": 8.0,
    "paged_adamw_8bit": 2.0,
    "adafactor": 0.1,  # a row and a column in place of a matrix (Shazeer and Stern 2018)
    "muon": 4.0,  # one of fp32, for matrices
}
NF4_BITS = 4.127  # Dettmers et al. 2023: 4, and 0.127 for scales that are quantised too


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes at the highest peak, by what they are; `peak` is their sum. `when` names the peak."""

    library: float
    weights: float
    adapter: float = 0.0
    moments: float = 0.0
    gradients: float = 0.0
    activations: float = 0.0
    logits: float = 0.0
    transient: float = 0.0
    when: str = ""

    @property
    def peak(self) -> float:
        """The sum of all parts."""
        return sum(size for _, size in self.parts())

    def parts(self) -> list[tuple[str, float]]:
        """Each part with its name."""
        names = (
            "library", "weights", "adapter", "moments", "gradients", "activations", "logits",
            "transient",
        )  # fmt: skip
        return [(name, getattr(self, name)) for name in names]


def weight_bytes(shape: Shape, section: TrainSection, precision: str) -> float:
    """The base in memory. NF4 packs linear modules between the ends; the rest stays in `precision`."""
    size = 2 if precision == "bf16" else 4
    if section.quantise == "nf4":
        return (shape.parameters - shape.between) * size + shape.between * NF4_BITS / 8
    return shape.parameters * size


def memory(
    shape: Shape,
    section: TrainSection,
    precision: str,
    load: Load,
    coefficients: dict[str, Any],
    *,
    gpu: bool = False,
) -> Memory:
    """Peak memory of a run: main memory of the process, or with `gpu` the memory of the card."""
    fitted = coefficients["memory"][precision]
    load = load.where_filled(precision, gpu=gpu)
    size = 2 if precision == "bf16" else 4
    count = trainable(shape, section)
    weights = weight_bytes(shape, section, precision)
    library = 2**20 * fitted["cuda_mib" if gpu else "library_mib"]
    if gpu:
        library += fitted["cuda_reserve"] * weights
    elif section.quantise == "nf4":
        library += 2**20 * fitted["four_bits_mib"]
    # train/model.py: masters of fp32 beside bf16 weights; fp32 weights are their own.
    adapter = (0 if section.method == "full" else count * size) + (4 * count if size == 2 else 0)
    moments = MOMENTS[section.optimizer] * count
    stays: dict[str, Any] = {
        "library": library, "weights": weights, "adapter": adapter, "moments": moments,
    }  # fmt: skip
    # Validation lays up to SCORING_TOKENS (train/scoring.py) side by side and keeps one layer at a time.
    scored = load.scoring * (2 * shape.width + 3 * shape.inner + 2 * shape.queries) * size
    told = head_bytes(shape, section, precision, load, scoring=True)
    updating = update_bytes(shape, section, gpu=gpu)
    passing = _passing(shape, section, precision, load, coefficients, gpu=gpu)
    peaks = [
        Memory(**stays, **passing, when="in the largest forward and backward pass"),
        Memory(**stays, activations=scored, logits=told, when="in validation"),
        Memory(**stays, gradients=4.0 * count, transient=updating, when="in the optimizer's update"),
    ]
    if not gpu:
        # safetensors maps the file while its tensors are copied; and to write, it copies every tensor.
        mapped = fitted["loading"] * shape.file_bytes
        saved = fitted["saving"] * (4 * count + moments)
        peaks += [
            Memory(library, weights, transient=mapped, when="while the weights are loaded"),
            Memory(**stays, transient=saved, when="while a checkpoint is written"),
        ]
    return max(peaks, key=lambda each: each.peak)


def _passing(
    shape: Shape, section: TrainSection, precision: str, load: Load, coefficients: dict[str, Any],
    *, gpu: bool,
) -> dict[str, float]:  # fmt: skip
    """What the largest forward and backward pass holds besides what stays, by the parts of `Memory`."""
    size = 2 if precision == "bf16" else 4
    gradients = trainable(shape, section) * (4.0 + (2 if precision == "bf16" else 0))
    kept = activation_bytes(shape, section, precision, load, coefficients)
    if not gpu:
        kept += _holes(shape, section, precision, load, coefficients)
        kept += short_rows_bytes(shape, section, precision, load)
    if section.method == "full" and load.most_passes == 1:
        # Gradients come as activations go: only the larger of both is there at once.
        kept, gradients = max(kept, gradients), 0.0
    fitted = coefficients["memory"][precision]
    flight = fitted["in_flight"] * load.largest * (shape.width + shape.inner) * size
    if section.quantise == "nf4":  # a matrix is unpacked for each use
        flight += max(i * o for _, i, o in shape.linear) * size * 2
    logits = max(head_bytes(shape, section, precision, load) - flight, 0.0)
    return {"gradients": gradients, "activations": kept, "logits": logits, "transient": flight}


def short_rows_bytes(shape: Shape, section: TrainSection, precision: str, load: Load) -> float:
    """What attention keeps of short rows in bf16 on a CPU more than torch's (models/short_rows.py): each
    head's probabilities, but not what their softmax was divided by. Its results stay as well, for the
    product that comes next, but for the few recipes that leave this alone."""
    if precision != "bf16":
        return 0.0
    whole = section.model_copy(update={"recompute": "none"})
    if (kept := kept_by(shape, whole, precision)) and kept.square:
        return 0.0  # its dropout makes torch keep them as well, and is not done there
    layers = 1 if section.recompute == "all" else shape.layers * deep_share(shape, section)
    if section.recompute == "half":
        layers = (1 + layers) / 2
    scores, positions = load.largest_short_scores, load.largest_short
    return layers * shape.heads * (2.0 * scores - 4.0 * positions)


def _holes(
    shape: Shape, section: TrainSection, precision: str, load: Load, coefficients: dict[str, Any]
) -> float:
    """What glibc cannot use of the holes that temporaries leave between what stays, layer after layer
    and with rows of other lengths. They grow with all that a pass makes, and come again backwards where
    it is recomputed; adapters make more of them than they keep."""
    fitted = coefficients["memory"][precision]
    whole = section.model_copy(update={"recompute": "none"})
    share = fitted["holes"][section.method]
    if section.method == "lora":
        share *= adapter_share(shape, section)
    share *= 1 - share_recomputed(section.recompute) * (1 - fitted["holes_recomputed"])
    made = activation_bytes(shape, whole, precision, load, coefficients, holed=True)
    return float(share * made)


def update_bytes(shape: Shape, section: TrainSection, *, gpu: bool) -> float:
    """What an update holds besides weights, gradients and moments. It goes matrix by matrix.

    Muon, of m x n with s the smaller side: the momentum of fp32 (4 mn), the bf16 matrix before and after
    an iteration (2 mn each), its square and the polynomial of that (2 s^2 each); where the processor
    emulates bf16, the product in fp32 as well (4 mn). Adafactor: a matrix's update, and the one before
    it, which is let go of when the next is there (4 mn each). Fused AdamW and bitsandbytes go through
    the weights where they are.
    """
    if section.optimizer == "adafactor":
        return 4.0 * sum(sorted(trained_sizes(shape, section))[-2:])
    emulated = 0 if gpu else 4
    return max(
        ((8.0 + emulated) * m * n + 4.0 * min(m, n) ** 2 for m, n in orthogonalised(shape, section)),
        default=0.0,
    )


def activation_bytes(
    shape: Shape, section: TrainSection, precision: str, load: Load, coefficients: dict[str, Any],
    *, holed: bool = False,
) -> float:  # fmt: skip
    """What the largest pass keeps for its backward pass. `holed`: only what leaves holes between it, for
    matrices that are large and all of a size (attention that is kept whole, DoRA's weights) leave none.

    tokens x (layers x per layer + outside), the terms counted on the real code (`count.py`). With full
    recomputation a layer keeps its input alone, and one layer at a time keeps everything (Chen et al.
    2016, Training deep nets with sublinear memory cost).
    """
    if section.recompute == "half":
        both = [section.model_copy(update={"recompute": kind}) for kind in ("none", "all")]
        how: Any = {"coefficients": coefficients, "holed": holed}
        return sum(activation_bytes(shape, s, precision, load, **how) for s in both) / 2
    layer, outside = bytes_per_layer(shape, section, precision, coefficients)
    deep = shape.layers * deep_share(shape, section)  # below the lowest adapter nothing is kept
    total = load.largest * (deep * layer + outside)
    whole = section.model_copy(update={"recompute": "none"})
    if section.recompute == "all":
        total += load.largest * bytes_per_layer(shape, whole, precision, coefficients)[0]
    if holed:
        return total
    at_once = shape.layers if section.recompute == "none" else 1
    if kept := kept_by(shape, whole, precision):
        of_rows = load.largest_squares * kept.square + kept.fixed
        return total + min(at_once, deep) * of_rows + load.largest_squares * kept.outside_square
    terms = terms_of(section, precision, coefficients)
    return total + terms["weight"]["one"] * shape.body * at_once / shape.layers


def head_bytes(
    shape: Shape, section: TrainSection, precision: str, load: Load, *, scoring: bool = False
) -> float:
    """Logits of HEAD_ROWS positions, EXACT_ROWS of them in fp32 (models/flat.py, `HeadLoss`); with all
    weights trained also the head's gradient, the product that is added to it, and what that is made of.

    A model that makes its logits itself makes them of all positions of a pass (`scoring`: of
    validation), keeps what it does to them, and makes a gradient of each; those of supervised positions
    and their probabilities come on top.
    """
    layout = layout_of(shape)
    if layout.own_logits:
        size = 2 if precision == "bf16" else 4
        positions = load.scoring if scoring else load.largest
        each = positions * (size + 2 * layout.kept_of_logits)
        return shape.vocabulary * (each + (size + 4.0) * load.largest_supervised)
    rows, exact = (min(most, load.largest_supervised) for most in (HEAD_ROWS, EXACT_ROWS))
    entry, copied = (2.0, 4.0 * rows) if precision == "bf16" else (4.0, 0.0)
    grown = 8.0 * shape.width + copied if section.method == "full" else 0.0
    return shape.vocabulary * (rows * entry + exact * 4.0 + grown)


def ranks_per_layer(shape: Shape, section: TrainSection) -> float:
    """Rank times adapted modules, a layer on average."""
    if section.method != "lora":
        return 0.0
    deep = shape.layers * deep_share(shape, section)
    return section.lora.rank * len(adapted(shape, section)) / max(1.0, deep)


def terms_of(
    section: TrainSection, precision: str, coefficients: dict[str, Any]
) -> dict[str, dict[str, float]]:
    """The counted terms of a recipe: counted now where the recipe chooses modules, else stored."""
    counted: dict[str, Any] = coefficients["counted"]
    key = terms_key(section, precision)
    if key not in counted:
        method, _, rest = key.partition("/")
        key = f"{method.partition('+')[0]}/{rest}"
    found: dict[str, dict[str, float]] = counted[key]
    if section.method != "lora":
        return found
    if section.lora.targets != "all-linear":
        plain = section.lora.model_copy(update={"layers": None, "rank": 16})
        asked = TrainSection(lora=plain, recompute=section.recompute)
        found = _count_now(asked.model_dump_json(), precision) or found
    return found


@cache
def _count_now(settings: str, precision: str) -> dict[str, dict[str, float]] | None:
    """Count what a choice of modules keeps; None where a Llama has no modules of those names."""
    try:
        return count_terms(TrainSection.model_validate_json(settings), precision)
    except TrainError:
        return None


def bytes_per_layer(
    shape: Shape, section: TrainSection, precision: str, coefficients: dict[str, Any]
) -> tuple[float, float]:
    """Bytes kept per token: in one layer that the backward pass goes through, on average, and outside.

    A layer without an adapter keeps what it keeps under prompt tuning, where all layers are frozen.
    """
    modules = adapted(shape, section)
    if section.method != "lora" or section.lora.layers is None or not modules:
        ranks = ranks_per_layer(shape, section)
        return _bytes_everywhere(shape, section, precision, coefficients, ranks)
    deep = shape.layers * deep_share(shape, section)
    own = min(1.0, len(set(section.lora.layers)) / max(1.0, deep))
    frozen = TrainSection(method="prompt", recompute=section.recompute)
    ranks = section.lora.rank * len(modules) / len(set(section.lora.layers))
    with_adapter, outside = _bytes_everywhere(shape, section, precision, coefficients, ranks)
    without, _ = _bytes_everywhere(shape, frozen, precision, coefficients, 0.0)
    return own * with_adapter + (1 - own) * without, outside


def _bytes_everywhere(
    shape: Shape, section: TrainSection, precision: str, coefficients: dict[str, Any], ranks: float
) -> tuple[float, float]:
    """The same where all layers are alike: counted on the model itself, or by the terms of a Llama."""
    if kept := kept_by(shape, section, precision):
        return kept.token, kept.outside_token
    return bytes_per_token(terms_of(section, precision, coefficients), shape, ranks)


def adapter_share(shape: Shape, section: TrainSection) -> float:
    """Share of what linear modules put out that comes from modules with an adapter."""
    put_out = sum(outputs for _, _, outputs in shape.linear)
    return sum(outputs for _, _, outputs in adapted(shape, section)) / put_out
