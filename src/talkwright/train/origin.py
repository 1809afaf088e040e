"""What a training depends on: kept in every checkpoint, so that it goes on with nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from talkwright.config import TrainSection
from talkwright.models import load_config
from talkwright.train.model import precision_here
from talkwright.train.passes import has_dropout
from talkwright.train.start_from import start_digest
from talkwright.types import BaseModel, Example, content_id

if TYPE_CHECKING:
    from talkwright.template import Template

Origin = dict[str, Any]

# Settings of where, how often and in how many passes: the samples of every step stay the same.
FREE = {
    "accumulation",
    "pass_tokens",
    "recompute",
    "save_every",
    "keep_checkpoints",
    "max_minutes",
    "trackers",
    "trackers_online",
    "eval_every",
    "sample_every",
    "sample_prompts",
}

ROWS = ("the training rows", "the validation rows")


def describe_origin(
    base: BaseModel,
    template: Template,
    rows: Sequence[Example],
    validation: Sequence[Example],
    section: TrainSection,
    seed: int,
) -> Origin:
    """All that decides what a training computes, by a name a person knows it by."""
    free = free_settings(section, dropout=has_dropout(vars(load_config(base).get_text_config())))
    return {
        **flat("train.", section.model_dump(mode="json", exclude=free)),
        "train.precision": precision_here(section),  # the next machine may have another best one
        "train.start_from (its weights)": start_digest(section),
        "seed": seed,
        "the base model": base.digest,
        "the chat template or tokenizer": template.fingerprint,
        ROWS[0]: _digest_of(rows),
        ROWS[1]: _digest_of(validation),
    }


def free_settings(section: TrainSection, *, dropout: bool = False) -> set[str]:
    """The settings that may change between a training's beginning and its end. `dropout`: the model has
    some of its own."""
    free = set(FREE)
    if dropout or section.lora.dropout or section.neftune:  # what is drawn pass by pass
        free -= {"accumulation", "pass_tokens"}
    if section.patience:  # validations decide when the run ends
        free -= {"eval_every"}
    if section.on_fault == "roll_back":  # checkpoints decide which weights a fault goes back to
        free -= {"eval_every", "save_every"}
    return free


def key_of(origin: Origin) -> str:
    """A hash of an origin, for manifests."""
    return content_id(origin, 64)


def differences(then: Origin, now: Origin) -> list[str]:
    """Say what differs, a phrase each."""
    phrases = []
    for name in sorted(then.keys() | now.keys()):
        before, after = then.get(name), now.get(name)
        # A setting that decides on one side alone does so for another one, which differs and is said.
        one_sided = name not in then or name not in now
        if before == after or (one_sided and name.removeprefix("train.") in FREE):
            continue
        if name in ROWS:
            said = f"{_count(before)} then, {_count(after)} now, and not the same ones"
        elif _is_hash(before) or _is_hash(after):  # which says nothing to a person
            said = "another now"
        else:
            said = f"{before} then, {after} now"
        phrases.append(f"{name} ({said})")
    return phrases


def _digest_of(rows: Sequence[Example]) -> str:
    """How many rows, and a hash of their ids and labels in order."""
    digest = hashlib.sha256()
    if feed := getattr(rows, "feed", None):  # rows on disk: a million examples would take a minute
        feed(digest.update)
    else:
        for row in rows:
            digest.update(repr((tuple(row.input_ids), tuple(row.labels))).encode())
    return f"{len(rows)}:{digest.hexdigest()}"


def _count(rows: str | None) -> str:
    return (rows or "0:").partition(":")[0]


def _is_hash(value: Any) -> bool:
    one = value[0] if isinstance(value, list) and value else value
    return isinstance(one, str) and len(one) == 64


def flat(prefix: str, values: dict[str, Any]) -> dict[str, Any]:
    """Settings by their dotted names."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= flat(f"{prefix}{name}.", value) if isinstance(value, dict) else {prefix + name: value}
    return found
