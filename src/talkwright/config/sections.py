"""The recipe's sections: every field with its type, limits, default and meaning.

A field's docstring is its documentation: `docs/recipe.md` is made from them.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import Field, model_validator

from talkwright.config.augment import AugmentSection
from talkwright.config.section import Section
from talkwright.config.training import TrainSection

PiiKind = Literal["email", "phone", "card", "iban", "ip", "secret", "login", "national_id"]
PII_KINDS: tuple[PiiKind, ...] = get_args(PiiKind)


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
    """One input file, folder or glob."""

    path: str = Field(min_length=1)
    """File, folder or glob, relative to the recipe."""

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

    augment: AugmentSection = AugmentSection()
    """New training rows, made from the training split alone, after the split."""

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
