"""The recipe's `data` section: sources, cleaning, duplicates, mixture, splits.

A field's docstring is its documentation: `docs/recipe.md` is made from them.
"""

from __future__ import annotations

import codecs
import re
from datetime import date
from typing import Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from talkwright.config.augment import AugmentSection
from talkwright.config.section import Section

PiiKind = Literal[
    "email", "phone", "card", "iban", "ip", "secret", "login", "national_id", "name", "place"
]
PII_NAMES: tuple[PiiKind, ...] = ("name", "place")  # what only a model of language finds
PII_KINDS: tuple[PiiKind, ...] = tuple(kind for kind in get_args(PiiKind) if kind not in PII_NAMES)

# Ways to write one text in another, or what only a machine at hand knows; no file is kept in them.
_NO_ENCODINGS = ("idna", "punycode", "unicode-escape", "raw-unicode-escape", "mbcs", "oem", "utf-7")


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

    ties: Literal["drop", "first"] | None = None
    """Older name of the source's own `ties`: `first` in either place learns from the first side."""

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

    @field_validator("since", "until")
    @classmethod
    def _is_a_day(cls, day: str | None) -> str | None:
        try:
            return day and date.fromisoformat(day).isoformat()
        except ValueError as error:
            raise ValueError(f"'{day}' is no day of the calendar ({error}); write YYYY-MM-DD") from None


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

    encoding: str | None = Field(None, min_length=1)
    """Encoding of text files, such as `cp1251`, `gb18030`, `shift_jis` or `utf-16-le`. Left out: UTF-8,
    what a byte order mark says, or line by line Windows-1252 where that is certain."""

    columns: Columns = Columns()
    """Column names of a CSV file, where they are not recognised."""

    roles: dict[str, Literal["user", "assistant", "system", "skip"]] = {}
    """Who is who where names do not say it, by the names of the speakers: `{Anna: user, Bob:
    assistant}`. `skip` leaves out what somebody says; `"*"` stands for everybody who is not named."""

    verdicts: dict[str, Literal["first", "second", "tie", "bad"]] = {}
    """What a verdict between two answers means where it does not say it, by how it is written:
    `{0: first, 1: second}`, `{"true": first, "false": second}`; on a scale around 0
    `{negative: first, positive: second}`."""

    ties: Literal["drop", "first"] = "drop"
    """A tie between two answers, or in an Arena battle: learn from neither side, or from the first;
    never a pair. When both were bad, from neither."""

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

    @field_validator("verdicts", mode="before")
    @classmethod
    def _are_written(cls, said: Any) -> Any:
        # YAML makes numbers and truth values of what stands for itself here.
        if not isinstance(said, dict):
            return said
        return {
            str(key).lower() if isinstance(key, bool) else str(key): held for key, held in said.items()
        }

    @field_validator("encoding")
    @classmethod
    def _is_an_encoding(cls, name: str | None) -> str | None:
        if name is None:
            return None
        try:
            found = codecs.lookup(name)
            "a".encode(found.name)  # refuses those that make bytes of bytes, such as base64
            known = found.name not in _NO_ENCODINGS
        except (LookupError, ValueError):
            known = False
        if not known:
            raise ValueError(
                f"'{name}' is no encoding of text; write one that Python knows, such as cp1251, "
                "gb18030, shift_jis, euc-kr or utf-16-le"
            )
        return found.name

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

    licence: str | None = None
    """Licence of this source, such as `cc-by-4.0` or `own`. The doctor asks where it is missing."""

    origin: str | None = None
    """Where this source is from: an address, a system, a person. For the doctor, too."""


class RuleSection(Section):
    """One regular expression over the text of the turns, limited in time (docs/1-data.md)."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")
    """Names the drop reason, the repair or the mark: `rule_NAME`."""

    match: str = Field(min_length=1)
    """Regular expression, as Python's `regex` module reads it; found anywhere in a turn. `(?i)` in front
    ignores case."""

    role: Literal["user", "assistant", "system", "any"] = "any"
    """Whose turns to look at."""

    do: Literal["drop", "mark", "replace"] = "mark"
    """Drop the conversation, mark it in the ledger, or replace what matches."""

    by: str = ""
    """What `do: replace` puts there; `\\1` is the first group. Nothing, by default."""

    @model_validator(mode="after")
    def _is_an_expression(self) -> RuleSection:
        import regex

        try:
            pattern = regex.compile(self.match)
        except regex.error as error:
            at = "" if error.pos is None else f" at position {error.pos}"
            raise ValueError(
                f"match is no regular expression: {error.msg}{at} of `{self.match}`"
            ) from None
        if self.by and self.do != "replace":
            raise ValueError("by is for do: replace only; remove one")
        if pattern.search("") and self.do != "replace":
            raise ValueError(f"match fits every text, even an empty one: `{self.match}`")
        try:
            regex.sub(f"(?:{self.match})|", self.by, "")
        except (regex.error, IndexError) as error:
            raise ValueError(f"by cannot be put in place of the match: {error}") from None
        return self


class DataSection(Section):
    """Raw files to a clean, split data set."""

    sources: list[SourceSection] = Field(min_length=1)
    """Input files. A plain string is short for `{path: ...}`."""

    fix_unicode: bool = True
    """Repair mojibake, normalise line ends, remove control characters."""

    strip_html: bool = True
    """Turn HTML tags and entities into plain text."""

    boilerplate: Literal["strip", "keep"] = "strip"
    """Alpaca's preamble around an instruction ("Below is an instruction that describes a task ..."), and
    a chat template's marks at the edges of a text (`<s>...</s>`)."""

    markdown: Literal["keep", "tidy", "plain"] = "keep"
    """Tidy: mend needless backslashes, bold never closed, empty headings and list items. Plain: turn the
    answers into plain text. Code is left alone."""

    system_prompts: Literal["keep", "strip"] = "keep"
    """System prompts of the conversations; `template.system` gives all of them one."""

    placeholders: Literal["keep", "mark", "drop"] = "mark"
    """Answers with a field that nobody filled in, such as `{{Order Number}}`."""

    refusals: Literal["keep", "mark", "drop"] = "mark"
    """Answers that refuse as language models do, or say "as an AI language model"."""

    repetition: Literal["keep", "mark", "drop"] = "mark"
    """Answers that say a thing over and over, repeat the question, or are given twice in one talk."""

    cut_off: Literal["keep", "mark", "drop"] = "keep"
    """Last answers that stop in the middle of a sentence."""

    evasive: Literal["keep", "mark", "drop"] = "keep"
    """First answers that are a general phrase without a word of their question."""

    toxicity: Literal["keep", "mark", "drop"] = "keep"
    """Answers with coarse or hateful words of a short list, or of `blocked_words`. Questions with such
    words are only marked."""

    blocked_words: str | list[str] = []
    """Further words and phrases for `toxicity`, in any case; `word*` stands for all that begins so. A
    list, or a text file with one a line, relative to the recipe."""

    languages: list[str] | None = Field(None, min_length=1)
    """Drop conversations with an answer that is certainly in another language than these, given as ISO
    codes (`en`). A foreign question with a wanted answer is only marked."""

    rules: list[RuleSection] = []
    """Regular expressions of your own, in order: `{name: ..., match: ..., role: any, do: mark}`."""

    pii: Literal["mask", "flag", "drop", "keep"] = "mask"
    """Private data (e-mail addresses, phone numbers, keys ...): replace each value by a placeholder such
    as `[email]`, so that none is learnt by heart; only mark the row; drop the row; or do not look."""

    pii_kinds: list[PiiKind] = list(PII_KINDS)
    """Which kinds of private data to look for."""

    pii_keep: list[str] = []
    """Values that are not private, such as a hotline: as written, in any spacing. `@example.com` stands
    for all addresses of that domain."""

    pii_engine: Literal["builtin", "presidio"] = "builtin"
    """Also ask Presidio, with whatever spaCy model is installed, which finds names and places (the extra
    `talkwright[presidio]`)."""

    max_chars: int = Field(100_000, ge=1)
    """Drop a conversation with more characters than this."""

    min_answer: int = Field(1, ge=1)
    """Drop a conversation whose last answer has fewer characters than this."""

    max_answer: int | None = Field(None, ge=1)
    """Drop a conversation with an answer of more characters than this."""

    min_turns: int = Field(1, ge=1)
    """Drop a conversation in which the user speaks less often than this."""

    max_turns: int | None = Field(None, ge=1)
    """Drop a conversation in which the user speaks more often than this."""

    max_same: int | None = Field(None, ge=1)
    """Keep at most this many conversations with the same first question (wording of courtesy and numbers
    aside), and as many with the same first answer. The first stay."""

    duplicates: Literal["near", "exact", "keep"] = "near"
    """Drop exact duplicates only, near-duplicates of the whole conversation too, or nothing."""

    near_threshold: float = Field(0.85, gt=0, le=1)
    """Jaccard similarity from which two conversations count as near-duplicates."""

    contradictions: Literal["keep", "mark", "drop"] = "mark"
    """Rows that ask the same and answer differently: do not look for them, mark them in the ledger, or
    drop them all."""

    doctor: bool = True
    """Say in the report what is wrong with what was kept. Nothing is changed by it."""

    rows: int | None = Field(None, ge=1)
    """Size of the mixture that the sources' weights make. Left out: as large as it can be without
    repeating a row."""

    validation: float = Field(0.1, ge=0, lt=1)
    """Share of conversations for validation during training."""

    test: float = Field(0.1, ge=0, lt=1)
    """Share of conversations held out for evaluation."""

    augment: AugmentSection = AugmentSection()
    """New training rows, made from the training split alone, after the split."""

    @field_validator("languages")
    @classmethod
    def _are_codes(cls, codes: list[str] | None) -> list[str] | None:
        for code in codes or ():
            if not re.fullmatch("[a-z]{2,3}", code):
                raise ValueError(f"'{code}' is no ISO code of a language; write `en` for English")
        return codes

    @model_validator(mode="after")
    def _weights_make_a_mixture(self) -> DataSection:
        weighted = [source.weight is not None for source in self.sources]
        if any(weighted) and not all(weighted):
            raise ValueError("some sources have a weight and some have none; give all of them one")
        if self.rows is not None and not any(weighted):
            raise ValueError("rows is the size of a weighted mixture, and no source has a weight")
        return self

    @model_validator(mode="after")
    def _has_nothing_without_effect(self) -> DataSection:
        if self.blocked_words and self.toxicity == "keep":
            raise ValueError("blocked_words has no effect without toxicity: mark or drop")
        named = [kind for kind in self.pii_kinds if kind in PII_NAMES]
        if named and self.pii_engine == "builtin":
            raise ValueError(f"pii_kinds has '{named[0]}', which needs pii_engine: presidio")
        if self.max_turns is not None and self.min_turns > self.max_turns:
            raise ValueError(f"min_turns ({self.min_turns}) is more than max_turns ({self.max_turns})")
        if self.max_answer is not None and self.min_answer > self.max_answer:
            raise ValueError(
                f"min_answer ({self.min_answer}) is more than max_answer ({self.max_answer})"
            )
        names = [rule.name for rule in self.rules]
        if len(set(names)) < len(names):
            raise ValueError("two rules have the same name")
        return self

    @model_validator(mode="after")
    def _leaves_rows_to_train_on(self) -> DataSection:
        if self.validation + self.test >= 1:
            raise ValueError(
                f"validation ({self.validation:g}) and test ({self.test:g}) leave nothing to train on"
            )
        return self
