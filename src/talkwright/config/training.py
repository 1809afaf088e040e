"""The recipe's section for training. As in `sections.py`, a field's docstring is its documentation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, model_validator

from talkwright.config.section import Section


class LoraSection(Section):
    """Shape of the low-rank adapter."""

    rank: int = Field(16, ge=1)
    """Rank of the update of each weight matrix."""

    alpha: float = Field(32, gt=0)
    """Scale: the update is multiplied by alpha / rank."""

    rank_stabilised: bool = False
    """rsLoRA: multiply by alpha / √rank instead, so that a higher rank does not learn more slowly."""

    dora: bool = False
    """DoRA: learn the direction (low-rank) and the size of each matrix's columns apart."""

    plus_ratio: float = Field(1.0, gt=0)
    """LoRA+: the second matrix (B) learns at this many times the rate of the first."""

    dropout: float = Field(0.0, ge=0, lt=1)
    """Dropout on the adapter's input."""

    targets: str | list[str] = "all-linear"
    """`all-linear`, or the names of the modules to adapt."""

    layers: list[int] | None = Field(None, min_length=1)
    """Adapt only these layers, counted from 0. Left out: all."""


LEARNING_RATES = {"lora": 1e-3, "ia3": 5e-3, "prefix": 1e-2, "prompt": 3e-2, "full": 5e-5}
"""What `train.learning_rate` is where the recipe names none, by method."""

ADAFACTOR_RATES = {"lora": 0.3, "ia3": 5e-3, "prefix": 1e-2, "prompt": 0.3, "full": 2e-3}
"""The same for Adafactor, whose rate is relative to a weight's own size: LoRA's second matrix begins at
zero and would stay there at AdamW's rate."""

MUON_RATES = {"lora": 5e-3, "ia3": 5e-3, "prefix": 5e-2, "prompt": 0.15, "full": 2.5e-4}
"""The same for Muon, which at AdamW's rate moves a matrix a fifth as far. IA3 has no matrices."""


PLANNED = ("pass_tokens", "recompute", "precision", "quantise")
"""What the plan can choose. `train: auto` leaves all of it to the plan."""


class TrainSection(Section):
    """The training loop."""

    auto: list[Literal["pass_tokens", "recompute", "precision", "quantise"]] = []
    """Leave these settings to the plan, which takes the fastest that fit this machine's memory and keeps
    them with the run. `train: auto` names all four, `auto: true` those not given beside it, and
    `recompute: auto` that one. `talkwright plan` shows what it would take."""

    method: Literal["lora", "ia3", "prefix", "prompt", "full"] = "lora"
    """A low-rank adapter; IA3 (a factor for each output of a linear module); prefix tuning (learnt keys
    and values before every layer) or prompt tuning (learnt tokens before the first); or all weights."""

    lora: LoraSection = LoraSection()
    """Adapter settings; ignored by nothing: another method with changed ones is an error."""

    virtual_tokens: int = Field(20, ge=1)
    """Length of the learnt prefix or prompt, for `method: prefix` and `prompt`."""

    quantise: Literal["none", "nf4"] = "none"
    """`nf4` keeps the frozen base in 4 bits, its scales quantised too (QLoRA). Needs the extra
    `talkwright[quantise]`. For less memory only: each use unpacks the weights, so it is slower."""

    start_from: str | None = None
    """Go on from an earlier run's folder, or from an adapter's, relative to the recipe."""

    freeze: list[str] = []
    """With `method: full`: parts of names of weights that stay as they are, such as `embed_tokens` or
    `layers.0.`."""

    optimizer: Literal["adamw", "adamw_8bit", "paged_adamw", "paged_adamw_8bit", "adafactor", "muon"] = (
        "adamw"
    )
    """`adamw` (fused); with moments of 8 bits; with moments that move to main memory when the GPU is
    full (`paged`); Adafactor, whose moments are a row and a column; Muon for matrices, AdamW for the
    rest. The 8-bit and paged ones need the extra `talkwright[quantise]`."""

    learning_rate: float | None = Field(None, gt=0)
    """Peak learning rate. Left out: 1e-3 for lora, 5e-3 ia3, 1e-2 prefix, 3e-2 prompt, 5e-5 full; for
    Adafactor, whose rate is relative to a weight's size, 0.3 for lora and prompt, 2e-3 full; for Muon
    five times the first, at which what it leaves to AdamW has a fifth of it."""

    schedule: Literal["cosine", "linear", "constant", "wsd"] = "cosine"
    """What the rate does after warm-up. `wsd`: stable, then a linear decay at the end."""

    min_rate: float = Field(0.0, ge=0, lt=1)
    """Where cosine, linear and wsd end, as a share of the peak rate."""

    decay_ratio: float = Field(0.2, gt=0, le=1)
    """Share of all steps that the decay of wsd takes."""

    warmup_steps: int | None = Field(None, ge=0)
    """Steps until the peak rate. Overrides warmup_ratio."""

    warmup_ratio: float = Field(0.05, ge=0, lt=1)
    """Warm-up as a share of all steps."""

    epochs: float = Field(3.0, gt=0, le=1_000_000)
    """Passes over the training rows."""

    max_steps: int | None = Field(None, ge=1)
    """Stop after this many optimizer steps. Overrides epochs."""

    max_minutes: float | None = Field(None, gt=0)
    """Stop after the step in which training, validation included, has taken this long, and finish as
    usual. Resumed runs count on."""

    max_tokens: int | None = Field(None, ge=1)
    """Stop after the step in which this many tokens have been trained on, and finish as usual."""

    batch_size: int = Field(8, ge=1)
    """Rows per optimizer step."""

    accumulation: int = Field(1, ge=1)
    """Split each step's rows into this many forward passes: less memory, the same step."""

    pass_tokens: int | None = Field(None, ge=1)
    """Split each step's rows into forward passes of at most this many tokens instead (a longer row goes
    alone): less memory, the same step."""

    weight_decay: float = Field(0.0, ge=0)
    """Weight decay, on matrices only: not on biases, norms and IA3's factors."""

    clip: float | None = Field(1.0, gt=0)
    """Largest gradient norm; null for no clipping."""

    label_smoothing: float = Field(0.0, ge=0, lt=1)
    """Learn towards this share of an even spread over all tokens. Validation is without."""

    neftune: float | None = Field(None, gt=0)
    """NEFTune: noise of this alpha on the embeddings while training; 5 is usual."""

    on_fault: Literal["skip", "roll_back", "stop"] = "skip"
    """A step whose loss or gradient is not finite, or spikes: leave its update out; go back to
    the weights of the newest checkpoint of `save_every` (not of an interruption) and on with the rows
    after it; or stop. Three steps in a row stop."""

    spike: float | None = Field(None, gt=1)
    """Count as a spike a gradient norm of more than this many times the median of the last 32."""

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto` takes bf16 where the processor computes it natively, else fp32."""

    eval_every: int | None = Field(None, ge=1)
    """Steps between validations. Left out: five times per run."""

    eval_rows: int = Field(64, ge=1)
    """Validate on at most this many rows of the validation split."""

    sample_every: int | None = Field(None, ge=0)
    """Steps between sample replies, kept in the run and shown in its report. Left out: before the first
    step, halfway and at the end. 0: none."""

    sample_prompts: list[str] = Field([], max_length=20)
    """Questions to sample replies to. Left out: three of the validation split."""

    patience: int | None = Field(None, ge=1)
    """Stop after this many validations without a better loss, and keep the best weights. Left out:
    train to the end and keep the last ones."""

    save_every: int | None = Field(None, ge=1)
    """Steps between checkpoints. Left out: at every validation."""

    keep_checkpoints: int = Field(2, ge=1)
    """How many of the newest checkpoints stay on disk while training."""

    recompute: Literal["none", "half", "all"] = "none"
    """Make activations again in the backward pass (gradient checkpointing), of all layers or of every
    second one: less memory, slower by up to a third. `true` is `all`. Where one row at a time does not
    fit into memory, training turns it on by itself."""

    compile: bool = False
    """Translate the model's layers to machine code of their own (torch.compile) when training begins,
    which takes a minute or so. Meant for GPUs; on a CPU it was not measured to be faster. Needs g++
    there, Triton on a GPU."""

    trackers: list[Literal["tensorboard", "wandb", "mlflow", "trackio"]] = []
    """Send the metrics to these as well, into the run's folder `trackers`. Each needs the extra of its
    name."""

    trackers_online: bool = False
    """Let W&B, MLflow and trackio use the network and the addresses in their environment variables."""

    @model_validator(mode="after")
    def _settings_that_cannot_go_together(self) -> TrainSection:
        for problem in _contradictions(self):
            raise ValueError(problem)
        return self

    @model_validator(mode="before")
    @classmethod
    def _gather_auto(cls, values: Any) -> Any:
        if values == "auto":
            return {"auto": list(PLANNED)}
        if not isinstance(values, dict):
            return values
        asked = [n for n in PLANNED if n != "precision" and values.get(n) == "auto"]
        given = values.get("auto")
        if given is True:
            rest = [n for n in PLANNED if values.get(n) in (None, "auto")]
        elif isinstance(given, list):
            rest = [*given, *(n for n in asked if n not in given)]
        elif given is None:
            rest = asked
        else:
            return values
        kept = {n: value for n, value in values.items() if n not in asked}
        return {**kept, "auto": rest} if rest or "auto" in values else kept

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: Any) -> Any:
        # Resolved here, not where it is used, so that the saved recipe shows the number that ran.
        if isinstance(values, dict) and values.get("learning_rate") is None:
            own = {"adafactor": ADAFACTOR_RATES, "muon": MUON_RATES}
            rates = own.get(str(values.get("optimizer")), LEARNING_RATES)
            usual = rates.get(str(values.get("method", "lora")), 1e-3)
            values = {**values, "learning_rate": usual}
        if isinstance(values, dict) and isinstance(values.get("recompute"), bool):
            values = {**values, "recompute": "all" if values["recompute"] else "none"}
        if isinstance(values, dict) and values.get("precision") == "fp16":
            raise ValueError(
                "precision fp16 is not offered: most models are made in bf16 and overflow in fp16; "
                "write `precision: bf16`, or `auto`"
            )
        return values


def rate_beside_muon(method: str) -> float:
    """What AdamW's rate is, as a share of Muon's, for the weights that Muon leaves to it."""
    return LEARNING_RATES[method] / MUON_RATES[method]


def share_recomputed(recompute: str) -> float:
    """Share of the layers that a setting of `train.recompute` means."""
    return {"none": 0.0, "half": 0.5, "all": 1.0}[recompute]


def _contradictions(train: TrainSection) -> Iterator[str]:
    """What would have no effect, or not the one it seems to have."""
    for name in train.auto:
        unset = TrainSection.model_fields[name].default
        if getattr(train, name) != unset or (name == "pass_tokens" and train.accumulation > 1):
            other = "accumulation" if name == "pass_tokens" and train.pass_tokens is None else name
            yield f"{name} is left to the plan (auto), and {other} is given, too; remove one"
    method, virtual = train.method, train.method in ("prefix", "prompt")
    if method != "lora" and train.lora != LoraSection():
        yield f"method is {method}, so the lora section would have no effect; remove one"
    if not virtual and train.virtual_tokens != 20:
        yield f"method is {method}, so virtual_tokens would have no effect; remove it"
    if method == "full" and train.quantise != "none":
        yield "quantise keeps the base frozen, so method full cannot train it; write `method: lora`"
    if train.freeze and method != "full":
        yield f"method {method} freezes the base anyway, so freeze would have no effect; remove it"
    if method == "prefix" and train.recompute != "none":
        yield "recompute cannot go with method prefix, whose keys and values it would drop; remove one"
    if train.compile and (method == "prefix" or train.quantise != "none"):
        what = "method prefix" if method == "prefix" else f"quantise {train.quantise}"
        yield f"compile cannot go with {what}, which torch.compile does not take whole; remove one"
    if train.schedule == "constant" and train.min_rate:
        yield "schedule is constant, so min_rate would have no effect; remove one"
    if train.schedule != "wsd" and train.decay_ratio != 0.2:
        yield f"schedule is {train.schedule}, so decay_ratio would have no effect; remove it"
    if train.accumulation > train.batch_size:
        yield (
            f"accumulation ({train.accumulation}) is larger than batch_size ({train.batch_size}), "
            "which counts the rows of a whole optimizer step"
        )
    if train.trackers_online and not train.trackers:
        yield "trackers is empty, so trackers_online would have no effect; remove it"
    if train.sample_prompts and train.sample_every == 0:
        yield "sample_every is 0, so sample_prompts would have no effect; remove one"
    if train.pass_tokens and train.accumulation > 1:
        yield "accumulation and pass_tokens both say how to split a step; remove one"
