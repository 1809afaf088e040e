"""The recipe's sections: every field with its type, limits, default and meaning.

A field's docstring is its documentation: `docs/recipe.md` is made from them.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

PiiKind = Literal["email", "phone", "card", "iban", "ip", "secret", "login", "national_id"]
PII_KINDS: tuple[PiiKind, ...] = get_args(PiiKind)


class Section(BaseModel):
    """What all sections share: strict types, no unknown keys, immutable."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


class ModelSection(Section):
    """Which base model to start from."""

    name: str = Field("smollm2-135m", min_length=1)
    """`smollm2-135m`, a hub id (`owner/name`), a local folder, or a `.gguf` file."""

    revision: str | None = None
    """Hub revision (branch, tag or commit). Only for hub ids."""


class Columns(Section):
    """Which columns of a CSV file hold what, where their names do not say so."""

    prompt: str | None = None
    """Column with the user's words."""

    completion: str | None = None
    """Column with the answer to learn."""

    system: str | None = None
    """Column with a system prompt."""

    group: str | None = None
    """Column whose equal values must stay in one split (a user or thread id)."""


class ArenaSection(Section):
    """Which Chatbot Arena battles to learn from: the winner's side of each, by default of all."""

    ties: Literal["drop", "first"] = "drop"
    """A tie: learn from neither side, or from the first. When both were bad, from neither."""

    languages: list[str] | None = None
    """Only battles in these languages, as the file calls them (`English`)."""

    models: list[str] | None = None
    """Only answers of these models."""

    min_turns: int = Field(1, ge=1)
    """Only conversations in which the user speaks at least this often."""

    max_turns: int | None = Field(None, ge=1)
    """Only conversations in which the user speaks at most this often."""

    flagged: Literal["keep", "drop"] = "keep"
    """Battles that the file's moderation or toxicity columns flag."""

    since: str | None = Field(None, pattern=r"^\d{4}-\d{2}-\d{2}$")
    """Only battles of this day (`YYYY-MM-DD`, UTC) or later."""

    until: str | None = Field(None, pattern=r"^\d{4}-\d{2}-\d{2}$")
    """Only battles of this day or earlier."""


class SourceSection(Section):
    """One input file, folder or glob, or a data set on the hub."""

    path: str = Field(min_length=1)
    """File, folder or glob, relative to the recipe; or `hf://owner/name` for a data set on the hub, with
    `/path/in/it.jsonl` behind it for some of its files."""

    split: str | None = Field(None, min_length=1)
    """Which split of a hub data set, or of a folder laid out like one: `train`, `test` ..., or `all`.
    Left out: of a hub data set `train`, or its only split; of a folder all files directly in it."""

    config: str | None = Field(None, min_length=1)
    """Which configuration of a hub data set, or of a folder laid out like one, where it has several."""

    revision: str | None = Field(None, min_length=1)
    """Hub revision (branch, tag or commit). Only for `hf://` paths."""

    format: Literal[
        "auto", "messages", "sharegpt", "alpaca", "prompt_completion", "preference", "arena", "tree",
        "chatgpt", "summary", "translation", "transcript",
    ] = "auto"  # fmt: skip
    """Shape of a row. `auto` looks at the rows; a CSV's columns decide in the same way."""

    columns: Columns = Columns()
    """Column names of a CSV file, where they are not recognised."""

    arena: ArenaSection = ArenaSection()
    """Which Chatbot Arena battles to learn from."""

    max_rows: int | None = Field(None, ge=1)
    """Read at most this many rows of this source; the rest is not read at all."""

    count: int | None = Field(None, ge=1)
    """Take this many conversations of this source. Of more, some are drawn by lot; of fewer, rows of the
    training split are repeated."""

    cap: int | None = Field(None, ge=1)
    """Take at most this many conversations of this source, drawn by lot."""

    weight: float | None = Field(None, gt=0)
    """This source's part of the mixture, relative to the other sources' weights. All sources have
    one, or none."""

    @model_validator(mode="after")
    def _revisions_are_the_hubs(self) -> SourceSection:
        if self.revision is not None and not self.path.startswith("hf://"):
            raise ValueError("revision is for hub data sets (hf://owner/name); this path is not one")
        return self

    @model_validator(mode="after")
    def _one_way_to_say_how_many(self) -> SourceSection:
        if self.count is not None and (self.cap is not None or self.weight is not None):
            raise ValueError("count says how many rows to take; cap and weight mean nothing beside it")
        return self


class DataSection(Section):
    """Raw files to a clean, split data set."""

    sources: list[SourceSection] = Field(min_length=1)
    """Input files. A plain string is short for `{path: ...}`."""

    fix_unicode: bool = True
    """Repair mojibake, normalise line ends, remove control characters."""

    strip_html: bool = True
    """Turn HTML tags and entities into plain text."""

    pii: Literal["mask", "flag", "drop", "keep"] = "mask"
    """Private data (e-mail addresses, phone numbers, keys ...): replace each value by a placeholder such
    as `[email]`, so that none is learnt by heart; only mark the row; drop the row; or do not look."""

    pii_kinds: list[PiiKind] = list(PII_KINDS)
    """Which kinds of private data to look for."""

    pii_keep: list[str] = []
    """Values that are not private, such as a hotline: as written, in any spacing. `@example.com` stands
    for all addresses of that domain."""

    max_chars: int = Field(100_000, ge=1)
    """Drop a conversation with more characters than this."""

    duplicates: Literal["near", "exact", "keep"] = "near"
    """Drop exact duplicates only, near-duplicates of the whole conversation too, or nothing."""

    near_threshold: float = Field(0.85, gt=0, le=1)
    """Jaccard similarity from which two conversations count as near-duplicates."""

    contradictions: Literal["mark", "drop"] = "mark"
    """Rows that ask the same and answer differently: mark them in the ledger, or drop them all."""

    rows: int | None = Field(None, ge=1)
    """Size of the mixture that the sources' weights make. Left out: as large as it can be without
    repeating a row."""

    validation: float = Field(0.1, ge=0, lt=1)
    """Share of conversations for validation during training."""

    test: float = Field(0.1, ge=0, lt=1)
    """Share of conversations held out for evaluation."""

    @model_validator(mode="after")
    def _weights_make_a_mixture(self) -> DataSection:
        weighted = [source.weight is not None for source in self.sources]
        if any(weighted) and not all(weighted):
            raise ValueError("some sources have a weight and some have none; give all of them one")
        if self.rows is not None and not any(weighted):
            raise ValueError("rows is the size of a weighted mixture, and no source has a weight")
        return self

    @model_validator(mode="after")
    def _leaves_rows_to_train_on(self) -> DataSection:
        if self.validation + self.test >= 1:
            raise ValueError(
                f"validation ({self.validation:g}) and test ({self.test:g}) leave nothing to train on"
            )
        return self


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
