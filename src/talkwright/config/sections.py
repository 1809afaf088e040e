"""The recipe's sections: every field with its type, limits, default and meaning.

A field's docstring is its documentation: `docs/recipe.md` is made from them.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from talkwright.config.data import DataSection
from talkwright.config.section import Section
from talkwright.config.training import TrainSection


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
        """`model: NAME`, `data: FILE`, `data: [FILES]`, `sources: FILE` and `train: auto` mean the
        obvious."""
        if not isinstance(values, dict):
            return values
        values = dict(values)
        if values.get("train") == "auto":
            values["train"] = {"auto": True}
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
