"""The recipe's sections: every field with its type, limits, default and meaning.

A field's docstring is its documentation: `docs/recipe.md` is made from them.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from talkwright.config.data import DataSection
from talkwright.config.section import Section


class ModelSection(Section):
    """Which base model to start from."""

    name: str = Field("smollm2-135m", min_length=1)
    """`smollm2-135m`, a hub id (`owner/name`), a local folder, or a `.gguf` file."""

    revision: str | None = None
    """Hub revision (branch, tag or commit). Only for hub ids."""


class TemplateSection(Section):
    """Conversations to token ids and labels."""

    system: str | None = None
    """System prompt put before conversations that have none, in training and in serving."""

    chat_template: str | None = None
    """Jinja file to use instead of the model's own chat template, relative to the recipe."""

    max_length: int = Field(1024, ge=8)
    """Longest training row in tokens."""

    too_long: Literal["drop", "cut", "error"] = "drop"
    """A longer row: drop it, cut it after its last whole answer that fits, or stop."""

    train_on: Literal["all", "last"] = "all"
    """Learn from every assistant turn, or from the last one only."""


class LoraSection(Section):
    """Shape of the low-rank adapter."""

    rank: int = Field(16, ge=1)
    """Rank of the update of each weight matrix."""

    alpha: float = Field(32, gt=0)
    """Scale: the update is multiplied by alpha / rank."""

    dropout: float = Field(0.0, ge=0, lt=1)
    """Dropout on the adapter's input."""

    targets: str | list[str] = "all-linear"
    """`all-linear`, or the names of the modules to adapt."""


class TrainSection(Section):
    """The training loop."""

    method: Literal["lora", "full"] = "lora"
    """Train a low-rank adapter, or all weights."""

    lora: LoraSection = LoraSection()
    """Adapter settings; ignored by nothing: `method: full` with changed ones is an error."""

    learning_rate: float | None = Field(None, gt=0)
    """Peak learning rate. Left out: 1e-3 for lora, 5e-5 for full."""

    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """What the rate does after warm-up."""

    warmup_steps: int | None = Field(None, ge=0)
    """Steps until the peak rate. Overrides warmup_ratio."""

    warmup_ratio: float = Field(0.05, ge=0, lt=1)
    """Warm-up as a share of all steps."""

    epochs: float = Field(3.0, gt=0)
    """Passes over the training rows."""

    max_steps: int | None = Field(None, ge=1)
    """Stop after this many optimizer steps. Overrides epochs."""

    batch_size: int = Field(8, ge=1)
    """Rows per optimizer step."""

    accumulation: int = Field(1, ge=1)
    """Split each step's rows into this many forward passes: less memory, the same step."""

    weight_decay: float = Field(0.0, ge=0)
    """AdamW weight decay, on matrices only."""

    clip: float | None = Field(1.0, gt=0)
    """Largest gradient norm; null for no clipping."""

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto` takes bf16 where the processor computes it natively, else fp32."""

    eval_every: int | None = Field(None, ge=1)
    """Steps between validations. Left out: five times per run."""

    eval_rows: int = Field(64, ge=1)
    """Validate on at most this many rows of the validation split."""

    patience: int | None = Field(None, ge=1)
    """Stop after this many validations without a better loss, and keep the best weights. Left out:
    train to the end and keep the last ones."""

    save_every: int | None = Field(None, ge=1)
    """Steps between checkpoints. Left out: at every validation."""

    keep_checkpoints: int = Field(2, ge=1)
    """How many of the newest checkpoints stay on disk while training."""

    recompute: bool = False
    """Recompute activations in the backward pass (gradient checkpointing): slower, less memory."""

    @model_validator(mode="after")
    def _settings_that_cannot_go_together(self) -> TrainSection:
        if self.method == "full" and self.lora != LoraSection():
            raise ValueError("method is full, so the lora section would have no effect; remove one")
        if self.accumulation > self.batch_size:
            raise ValueError(
                f"accumulation ({self.accumulation}) is larger than batch_size ({self.batch_size}), "
                "which counts the rows of a whole optimizer step"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _fill_in_learning_rate(cls, values: Any) -> Any:
        # Resolved here, not where it is used, so that the saved recipe shows the number that ran.
        if isinstance(values, dict) and values.get("learning_rate") is None:
            values = {**values, "learning_rate": 5e-5 if values.get("method") == "full" else 1e-3}
        return values


class EvaluateSection(Section):
    """Replies and scores of the base and of the tuned model on held-out conversations."""

    suite: str | None = None
    """JSONL file of held-out conversations, relative to the recipe. Left out: the test split."""

    prompts: int = Field(50, ge=1)
    """Ask each model at most this many held-out prompts."""

    loss_rows: int = Field(200, ge=1)
    """Compute the held-out loss on at most this many conversations."""

    max_new_tokens: int = Field(256, ge=1)
    """Longest reply in tokens."""

    temperature: float = Field(0.0, ge=0, le=2)
    """0 is greedy: the same reply every time."""

    top_p: float = Field(1.0, gt=0, le=1)
    """Sample from the smallest set of tokens with this much probability."""

    batch_size: int = Field(16, ge=1)
    """Replies generated at a time."""


class CompareSection(Section):
    """When a difference counts."""

    confidence: float = Field(0.95, gt=0.5, lt=1)
    """Width of the intervals."""

    resamples: int = Field(2000, ge=100)
    """Bootstrap resamples."""


class ReportSection(Section):
    """What the report page shows."""

    replies: int = Field(60, ge=1)
    """Rows of the side-by-side table of replies."""

    ledger_examples: int = Field(3, ge=0)
    """Examples shown for each reason in the row ledger."""


class ServeSection(Section):
    """The chat page and the API."""

    host: str = "127.0.0.1"
    """Address to listen on. The default is reachable from this machine only."""

    port: int = Field(7860, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""

    temperature: float = Field(0.0, ge=0, le=2)
    """Temperature where a request names none."""

    top_p: float = Field(1.0, gt=0, le=1)
    """top-p where a request names none."""

    max_new_tokens: int = Field(256, ge=1)
    """Longest reply where a request names no length."""


class Recipe(Section):
    """Everything a run is made from."""

    name: str = Field("run", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    """First part of the run's folder name. Left out: the recipe file's name."""

    seed: int = Field(7, ge=0, lt=2**31)
    """One seed for splits, initialisation, order of rows, sampling and resampling."""

    model: ModelSection = ModelSection()
    data: DataSection
    template: TemplateSection = TemplateSection()
    train: TrainSection = TrainSection()
    evaluate: EvaluateSection = EvaluateSection()
    compare: CompareSection = CompareSection()
    report: ReportSection = ReportSection()
    serve: ServeSection = ServeSection()

    @model_validator(mode="before")
    @classmethod
    def _shorthands(cls, values: Any) -> Any:
        """`model: NAME`, `data: FILE`, `data: [FILES]` and `sources: FILE` mean the obvious."""
        if not isinstance(values, dict):
            return values
        values = dict(values)
        if isinstance(values.get("model"), str):
            values["model"] = {"name": values["model"]}
        data = values.get("data")
        if isinstance(data, (str, list)):
            data = {"sources": data}
        if isinstance(data, dict):
            data = dict(data)
            sources = data.get("sources")
            if isinstance(sources, (str, dict)):
                sources = [sources]
            if isinstance(sources, list):
                data["sources"] = [{"path": s} if isinstance(s, str) else s for s in sources]
            values["data"] = data
        return values
