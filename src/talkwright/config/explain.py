"""What is wrong with a recipe, in sentences: the key, what was found there, what was likely meant."""

from __future__ import annotations

import difflib
import math
from typing import Any, get_args, get_origin

from pydantic import ValidationError

from talkwright.config.section import Section
from talkwright.config.sections import Recipe


def explain(error: ValidationError, where: str) -> str:
    """All problems of a recipe, a line each."""
    lines = [_explain_one(problem) for problem in error.errors(include_url=False)]
    unique = list(dict.fromkeys(lines))
    return f"{where}: {unique[0]}" if len(unique) == 1 else f"{where}:\n  " + "\n  ".join(unique)


def _explain_one(problem: Any) -> str:
    # A union's branches appear in the location as "str" and "list[str]"; nobody wrote those.
    location = [part for part in problem["loc"] if part != "str" and not str(part).startswith("list[")]
    key = ".".join(str(part) for part in location)
    found = problem.get("input")
    if problem["type"] == "extra_forbidden":
        return f"'{key}' is not a setting. {_suggest(location)}"
    if problem["type"] == "missing":
        hint = " Name your files: `data: my_chats.jsonl`." if key in ("data", "data.sources") else ""
        return f"'{key}' is missing.{hint}"
    message = problem["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:] if message else message
    if isinstance(found, (dict, list)) and problem["type"] == "value_error":
        return f"{key or 'recipe'}: {message}"
    return f"{key}: {message}, but it is {kind_of(found)}"


ELSEWHERE = {
    "lr": "learning_rate",
    "lora_r": "rank",
    "r": "rank",
    "lora_alpha": "alpha",
    "lora_dropout": "dropout",
    "target_modules": "targets",
    "num_train_epochs": "epochs",
    "gradient_accumulation_steps": "accumulation",
    "per_device_train_batch_size": "batch_size",
    "max_grad_norm": "clip",
    "lr_scheduler_type": "schedule",
    "max_seq_length": "max_length",
    "gradient_checkpointing": "recompute",
    "early_stopping_patience": "patience",
    "use_rslora": "rank_stabilised",
    "use_dora": "dora",
    "loraplus_lr_ratio": "plus_ratio",
    "layers_to_transform": "layers",
    "num_virtual_tokens": "virtual_tokens",
    "load_in_4bit": "quantise",
    "optim": "optimizer",
    "neftune_noise_alpha": "neftune",
    "label_smoothing_factor": "label_smoothing",
}
"""What other tools call the same setting."""


def _suggest(location: list[Any]) -> str:
    section = _section_at(location[:-1])
    names = list(section.model_fields) if section else []
    usual = ELSEWHERE.get(str(location[-1]).lower())
    if usual in names:
        return f"Did you mean '{usual}'?"
    close = difflib.get_close_matches(str(location[-1]), names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean '{close[0]}'?"
    for name, field in Recipe.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            others = list(inner.model_fields)
            close = difflib.get_close_matches(str(location[-1]), others, n=1, cutoff=0.75)
            if close:
                return f"Did you mean '{name}.{close[0]}'?"
    return f"Settings here: {', '.join(names)}." if names else "See docs/recipe.md."


def _section_at(location: list[Any]) -> type[Section] | None:
    section: Any = Recipe
    for part in location:
        if isinstance(part, int):
            continue
        if not (isinstance(section, type) and issubclass(section, Section)):
            return None
        field = section.model_fields.get(part)
        if field is None:
            return None
        section = field.annotation
        if get_origin(section) is list:
            section = get_args(section)[0]
    return section if isinstance(section, type) and issubclass(section, Section) else None


def kind_of(value: Any) -> str:
    """Name a value the way its writer sees it: "the number 3", "a list", "empty"."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not math.isfinite(value):
        return "not a finite number"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text '{value[:60]}'"
    return "a list" if isinstance(value, list) else "a section"
