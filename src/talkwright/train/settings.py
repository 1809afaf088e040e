"""Settings that will not do what they seem to, said before any compute is spent.

Every finding has the recipe's line that mends it. What a section of the recipe cannot hold at all is
refused when it is read (`config/training.py`); what only the rows show is found by `check_dataset`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from talkwright.config import TrainSection
from talkwright.errors import TemplateError, TrainError
from talkwright.models import (
    best_precision,
    has_fixed_positions,
    load_config,
    needs_bitsandbytes,
    parameter_count,
)
from talkwright.progress import say
from talkwright.train.adapters import (
    add_adapter,
    freeze,
    instead_of_learnt_tokens,
    refuse_other_adapter,
    usable_targets,
)
from talkwright.train.empty import empty_model
from talkwright.train.model import VIRTUAL, refuse_added_tokens, refuse_unfit_kind
from talkwright.train.plan import Plan, make_plan
from talkwright.train.schedules import learning_rate
from talkwright.train.start_from import refuse_other_base
from talkwright.train.trackers import refuse_missing_trackers
from talkwright.types import BaseModel, Conversation, Example, Finding, Lengths, Message

if TYPE_CHECKING:
    from talkwright.template import Template

BEARABLE_PASSES = 10  # over the same rows, when nothing watches for over-fitting
RATE_RANGES = {  # where each method usually works, for a model of up to a billion weights
    "lora": (1e-5, 5e-3),
    "ia3": (1e-4, 5e-2),
    "prefix": (1e-4, 2e-1),
    "prompt": (1e-3, 5e-1),
    "full": (1e-6, 5e-4),
}
# Relative to the size of each weight, 0.001 at the least; measured on small models.
ADAFACTOR_RATE_RANGES = {
    **RATE_RANGES,
    "lora": (1e-2, 2.0),
    "prompt": (1e-2, 2.0),
    "full": (1e-4, 5e-2),
}
MUON_RATE_RANGES = {  # five times AdamW's at the upper end; at AdamW's own it learns too slowly
    **RATE_RANGES,
    "lora": (2e-3, 2.5e-2),  # measured on SmolLM2-135M: 1e-3 is slow, 3e-3 and 1e-2 good, 3e-2 diverges
    "prefix": (2e-2, 1.0),
    "prompt": (5e-2, 2.5),
    "full": (1e-4, 2.5e-3),
}


def check_recipe(
    section: TrainSection,
    lengths: Lengths,
    base: BaseModel,
    template: Template,
    dropped: Mapping[str, int],
) -> list[Finding]:
    """What will go wrong in a run with this base and template: `check_settings`, `check_targets`,
    `check_template`, `check_context`. `lengths`: of the rows of each split; `dropped` are the rows that
    the data stage left out, by reason."""
    rows, validation = (sum(lengths.get(split, {}).values()) for split in ("train", "validation"))
    tokens = sum(length * count for length, count in lengths.get("train", {}).items())
    found = check_settings(section, rows, validation, parameter_count(base), tokens)
    found += [*check_targets(section, base), *check_template(template)]
    found += check_context(section, lengths, base)
    return [*found, *_of_rows(rows, dropped)]


def heed(findings: list[Finding], tell: Callable[[list[Finding]], object] | None = None) -> None:
    """Say what was found, or leave that to `tell`, each finding once. Raises TrainError when one of them
    is an error, which then says those."""
    if tell:
        tell(findings)
    errors = [found for found in findings if found.severity == "error"]
    for found in [] if tell else findings:
        if found not in errors:
            say(f"  {found.severity}: {found.message}" + (f" ({found.fix})" if found.fix else ""))
    if errors:
        lines = "".join(f"\n  - {found.message}. To mend it: {found.fix}." for found in errors)
        raise TrainError(
            "the check found what would make training useless, so nothing was trained"
            + ("." if tell else f":{lines}")
        )


def refuse_unready(section: TrainSection, base: BaseModel, template: Template) -> None:
    """Raise TrainError for what the first step would stop at: a package that is missing, an earlier run
    that is not there, of another base or with another adapter, tokens without an embedding.

    Not findings: these are kept with the run, and what was missing may be there the next time.
    """
    refuse_missing_trackers(section)
    refuse_added_tokens(base, template)
    refuse_other_base(base, section)
    refuse_other_adapter(base, section)
    eight = section.optimizer.startswith("paged") or section.optimizer.endswith("8bit")
    for name, needed, instead in (
        ("optimizer", eight, "adamw"),
        ("quantise", section.quantise != "none", "none"),
    ):
        if needed and find_spec("bitsandbytes") is None:
            raise TrainError(needs_bitsandbytes(name, getattr(section, name), instead))


def refuse_useless(rows: Sequence[Example]) -> None:
    """Raise TrainError where there are no rows, or some with nothing to learn."""
    if not rows:
        raise TrainError("there are no training rows; look at `talkwright data prepare` and its ledger")
    # Rows on disk know their counts; making a million examples to count would take a minute.
    counts = getattr(rows, "supervised", None)
    idle = [
        n
        for n, count in enumerate([r.n_supervised for r in rows] if counts is None else counts)
        if not count
    ]
    if idle:
        raise TrainError(
            f"{len(idle)} training rows have no supervised token and teach nothing, the first from "
            f"conversation {rows[idle[0]].conversation or '?'}; remove them"
        )


def check_settings(
    section: TrainSection, rows: int, validation_rows: int, parameters: int = 0, tokens: int = 0
) -> list[Finding]:
    """What will go wrong in a run over `rows` training rows of `tokens` in all, with a base of
    `parameters` weights (0: not known). A finding that is an error would make training useless."""
    if rows == 0:
        return []
    plan = make_plan(section, rows)
    steps = _steps_taken(section, plan, rows, tokens)
    return [
        *_of_length(section, plan, rows, validation_rows, tokens, steps),
        *_of_rates(section, parameters),
        *_of_strengths(section),
        *_of_validation(section, validation_rows, plan, steps),
        *_of_precision(section, parameters),
    ]


def check_targets(section: TrainSection, base: BaseModel) -> list[Finding]:
    """Names of modules, layers or weights in the recipe that this base does not have, or has and no
    adapter can be on; learnt tokens that it has no place for."""
    if section.method == "ia3" or (section.method == "full" and not section.freeze):
        return []
    if section.method in VIRTUAL:
        return list(_of_learnt_tokens(section, base))
    lora = section.lora
    model = empty_model(load_config(base))
    try:
        if section.method == "full":
            freeze(model, section.freeze)
        elif section.method == "lora":
            plain = lora.model_copy(update={"rank": 1})
            add_adapter(model, TrainSection(lora=plain))
    except TrainError as error:
        message = str(error)
        name = next(name for name in _ANY_BASE if message.startswith(f"{name}:"))
        fix = f"take names from that list, or write `{_ANY_BASE[name]}`"
        if name.endswith(("dora", "layers")):
            fix = f"write `{_ANY_BASE[name]}`"
        if name.endswith("targets") and (usable := usable_targets(model)) != "all-linear":
            fix = f"write `train.lora.targets: {usable}`" if usable else "write `train.method: full`"
        return [Finding("error", "no_such_target", message, fix)]
    return []


def _of_learnt_tokens(section: TrainSection, base: BaseModel) -> Iterator[Finding]:
    try:
        refuse_unfit_kind(base, section)
    except TrainError as error:
        model = empty_model(load_config(base))
        yield Finding("error", "method_does_not_fit", str(error), instead_of_learnt_tokens(model))


_ANY_BASE = {  # lines that suit every base, by the setting at fault
    "train.lora.targets": "train.lora.targets: all-linear",
    "train.lora.layers": "train.lora.layers: null",
    "train.lora.dora": "train.lora.dora: false",
    "train.freeze": "train.freeze: []",
}


def room_for_rows(section: TrainSection, base: BaseModel) -> int | None:
    """Tokens that the base was made for, beside learnt ones; None where it says nothing of that."""
    places = getattr(load_config(base).get_text_config(), "max_position_embeddings", None)
    return places - _learnt(section) if places else None


def _learnt(section: TrainSection) -> int:
    return section.virtual_tokens if section.method in VIRTUAL else 0


def check_context(section: TrainSection, lengths: Lengths, base: BaseModel) -> list[Finding]:
    """Rows that are longer than what the base was made for."""
    learnt, room = _learnt(section), room_for_rows(section, base)
    if room is None:
        return []
    # A row's last token is predicted, not read.
    rows = [each for split in ("train", "validation") for each in lengths.get(split, {}).items()]
    longer = [(length, count) for length, count in rows if length - 1 > room]
    if not longer:
        return []
    count = sum(count for _, count in longer)
    fixed = has_fixed_positions(empty_model(load_config(base)))
    beside = f", beside {learnt} learnt ones," if learnt else ""
    return [
        Finding(
            "error" if fixed else "warning", "beyond_context",
            f"{count} rows are longer than the {room} tokens{beside} that the model was made for, the "
            f"longest has {max(longer)[0]}: "
            + ("it has no more places" if fixed else "it knows nothing of what comes after"),
            f"write `template.max_length: {room}`" if room >= 16 else
            "write a smaller `train.virtual_tokens`", count,
        )
    ]  # fmt: skip


def check_template(template: Template) -> list[Finding]:
    """A chat template that writes control tokens which this model's tokenizer does not have."""
    text = str(template.describe()["chat_template"])
    control = template.guard.control.keys()
    written = set(_CONTROL.findall(text))
    if not written & control and _refuses_all(template):
        written |= set(_MARKER.findall(text))
    strange = sorted(written - control)
    if not strange:
        return []
    names = ", ".join(strange[:4])
    return [
        Finding(
            "error" if len(strange) == len(written) else "warning", "template_of_another_model",
            f"the chat template writes {names}, which this model's tokenizer does not know as control "
            "tokens: they would be learnt as plain text",
            f"{template.instead()}, or the model it belongs to as `model`",
            len(strange),
        )
    ]  # fmt: skip


def _refuses_all(template: Template) -> bool:
    """Whether a template takes not even the plainest chat, as where it writes no stop token."""
    try:
        template.encode(Conversation((Message("user", "a"), Message("assistant", "b"))))
    except TemplateError:
        return True
    return False


_CONTROL = re.compile(r"<[|｜][^|｜<>\s'\"{}]{1,40}[|｜]>|<(?:start|end)_of_\w{1,20}>")
# What is a control token for some models and plain text for others: Llama 2's [INST], <<SYS>> and </s>.
_MARKER = re.compile(r"\[/?[A-Z][A-Z_]{2,30}\]|<</?[A-Z]{2,20}>>|</?s>")


def _of_rows(rows: int, dropped: Mapping[str, int]) -> Iterator[Finding]:
    """Rows that the data stage dropped because there is nothing in them to learn."""
    lost = {what: dropped[reason] for reason, what in _TEACHES_NOTHING.items() if dropped.get(reason)}
    count = sum(lost.values())
    if count:
        yield Finding(
            "warning" if 10 * count > rows else "note", "rows_teach_nothing",
            f"{count} rows were left out when the data was prepared, as they teach nothing: "
            + ", ".join(f"{n} {what}" for what, n in lost.items()),
            " and ".join(
                f"`talkwright data ledger RUN --where reason={reason}`"
                for reason in _TEACHES_NOTHING
                if dropped.get(reason)
            ) + " shows them; give them what they lack, or leave them out", count,
        )  # fmt: skip


_TEACHES_NOTHING = {  # reasons of the data stage
    "no_assistant_turn": "without an answer",
    "no_user_turn": "without a question",
    "empty": "without any text",
    "raw_text": "without turns",
    "weight_zero": "whose last answer is not to be learnt",
}


def _steps_taken(section: TrainSection, plan: Plan, rows: int, tokens: int) -> int:
    """About how many of the planned steps a run takes before `max_tokens` ends it."""
    if not (section.max_tokens and tokens):
        return plan.steps
    return min(plan.steps, math.ceil(section.max_tokens * rows / (tokens * section.batch_size)))


def _of_length(
    section: TrainSection, plan: Plan, rows: int, validation_rows: int, tokens: int, steps: int
) -> Iterator[Finding]:
    rate = section.learning_rate or 0
    ended = steps < plan.steps
    why = f", which train.max_tokens ends after about {steps}" if ended else ""
    if plan.warmup >= steps:
        yield Finding(
            "error", "warmup_longer_than_run",
            f"warm-up lasts {plan.warmup} steps and the run {plan.steps}{why}, so the rate never "
            f"reaches {rate:g}",
            f"write `train.warmup_steps: {steps // 10}`",
        )  # fmt: skip
    elif section.schedule == "wsd" and not math.isclose(
        peak := learning_rate(section, plan, plan.warmup), rate
    ):
        yield Finding(
            "warning", "decay_longer_than_run",
            f"the decay of wsd begins as the warm-up of {plan.warmup} steps ends, in a run of "
            f"{plan.steps}, so the rate never reaches {rate:g}: it is {peak:.3g} at most",
            f"write {_lines(_room_to_stay(section, plan))}",
        )  # fmt: skip
    batch = section.batch_size
    smaller: list[str] = []
    if batch > rows:
        batch = max(1, rows // 4)  # four steps an epoch
        smaller = [f"train.batch_size: {batch}"]
        smaller += ["train.accumulation: 1"] if section.accumulation > batch else []
        yield Finding(
            "warning", "batch_larger_than_data",
            f"batch_size is {section.batch_size} but there are only {rows} training rows, so every "
            "step sees some rows twice", f"write {_lines(smaller)}",
        )  # fmt: skip
    passes = steps * section.batch_size / rows
    if passes > BEARABLE_PASSES and section.patience is None:
        fewer = f"train.max_steps: {3 * rows // batch}" if section.max_steps else "train.epochs: 3"
        fewer = f"train.max_tokens: {3 * tokens}" if ended else fewer
        yield Finding(
            "warning", "too_many_epochs",
            f"each of the {rows} rows is learnt {passes:.0f} times, by heart, not in general, and "
            "nothing stops the run when the validation loss rises",
            f"write {_lines([*smaller, fewer])}"
            + (", or `train.patience: 3`" if validation_rows and _between(plan, steps) >= 3 else ""),
        )  # fmt: skip


def _room_to_stay(section: TrainSection, plan: Plan) -> list[str]:
    """Lines with which wsd has a step or more between its warm-up and its decay."""
    usual = TrainSection.model_fields["decay_ratio"].default
    if plan.steps == 1:  # one step is one of decay
        return [
            "train.schedule: linear",
            *([f"train.decay_ratio: {usual:g}"] * (section.decay_ratio != usual)),
        ]
    lines, stays = [], plan.steps - plan.warmup
    if stays == 1 or 10 * stays < plan.steps:
        lines, stays = [f"train.warmup_steps: {plan.steps // 10}"], plan.steps - plan.steps // 10
    if round(plan.steps * section.decay_ratio) >= stays:
        lines.append(f"train.decay_ratio: {stays // 2 / plan.steps:.2g}")
    return lines


def _lines(settings: Sequence[str]) -> str:
    """Lines of a recipe that belong together, as a fix names them."""
    return " with ".join(f"`{line}`" for line in settings)


def _of_rates(section: TrainSection, parameters: int) -> Iterator[Finding]:
    rate = section.learning_rate or 0
    low, high = usual_rates(section, parameters)
    if not low <= rate <= high:
        of = f" a model of {parameters / 1e9:.1f} billion weights by" if parameters >= 1e9 else ""
        nearest = low if rate < low else high
        default = TrainSection(method=section.method, optimizer=section.optimizer).learning_rate or 0
        with_optimizer = ""
        if section.optimizer in ("adafactor", "muon"):
            with_optimizer = f" with {section.optimizer}, whose rates are not AdamW's,"
        yield Finding(
            "warning", "unusual_learning_rate",
            f"a learning rate of {rate:g} is outside {low:g} to {high:g}, where training{of} "
            f"{section.method}{with_optimizer} usually works",
            f"write `train.learning_rate: {nearest:g}`"
            + (", or leave it out for the default" if low <= default <= high else ""),
        )  # fmt: skip
    if section.method == "lora":
        root = math.sqrt(section.lora.rank) if section.lora.rank_stabilised else section.lora.rank
        scale = section.lora.alpha / root
        if not 0.25 <= scale <= 8:
            yield Finding(
                "warning", "odd_alpha",
                f"alpha {section.lora.alpha:g} at rank {section.lora.rank} scales the update by "
                f"{scale:.3g}, which changes the learning rate in disguise; 1 or 2 is usual",
                f"write `train.lora.alpha: {2 * root:.3g}`",
            )  # fmt: skip
        if not 1 <= section.lora.plus_ratio <= 64:
            yield Finding(
                "warning", "odd_plus_ratio",
                f"the second matrix learns at {section.lora.plus_ratio:g} times the rate of the first; "
                "LoRA+ found 4 to 16 to help", "write `train.lora.plus_ratio: 16`",
            )  # fmt: skip


def _of_strengths(section: TrainSection) -> Iterator[Finding]:
    """What helps in small amounts and drowns the data in large ones."""
    for name, (most, usual, what) in _STRENGTHS.items():
        strength = getattr(section, name)
        if strength is not None and strength > most:
            yield Finding(
                "warning", "too_strong",
                f"{name} is {strength:g}: {what}; up to {most:g} is usual",
                f"write `train.{name}: {usual:g}`",
            )  # fmt: skip


_STRENGTHS = {  # the most that is usual, what to begin with, and what more of it does
    "label_smoothing": (0.2, 0.1, "that share of every answer's probability goes to tokens at random"),
    "neftune": (15.0, 5.0, "the noise is then larger than what tells words apart"),
    "weight_decay": (1.0, 0.01, "each step takes that share of the rate away from every matrix"),
}


def usual_rates(section: TrainSection, parameters: int = 0) -> tuple[float, float]:
    """Lowest and highest learning rate that usually works for a method and a size of model."""
    own = {"adafactor": ADAFACTOR_RATE_RANGES, "muon": MUON_RATE_RANGES}
    low, high = own.get(section.optimizer, RATE_RANGES)[section.method]
    if section.method in ("lora", "full"):  # larger models break at smaller steps
        high /= 1 if parameters < 1e9 else 5 if parameters < 1e10 else 10
    return low, high


def _of_validation(section: TrainSection, rows: int, plan: Plan, steps: int) -> Iterator[Finding]:
    if rows == 0:
        yield Finding(
            "error" if section.patience else "warning", "no_validation",
            "there are no validation rows, so over-fitting cannot be seen"
            + (" and train.patience has nothing to go by" if section.patience else ""),
            "write `data.validation: 0.1`, or add more conversations",
        )  # fmt: skip
    elif section.patience and (between := _between(plan, steps)) < section.patience:
        # At best the validation before the first step stays the best one; all that come between it and
        # the one after the last step must be enough.
        less = f"train.patience: {max(1, between // 2)}" if between else "train.patience: null"
        yield Finding(
            "warning", "patience_never_ends",
            f"patience is {section.patience} validations, and the run of {steps} steps has only "
            f"{between} between its beginning and its end, so it cannot stop early",
            f"write `train.eval_every: {max(1, steps // (4 * section.patience))}`"
            if steps > section.patience and plan.eval_every > 1 else f"write `{less}`",
        )  # fmt: skip


def _between(plan: Plan, steps: int) -> int:
    """Validations between the one before the first of `steps` and the one after the last."""
    return (steps - 1) // plan.eval_every


def _of_precision(section: TrainSection, parameters: int) -> Iterator[Finding]:
    import torch

    gpu = torch.cuda.is_available()
    if section.precision == "bf16" and best_precision() != "bf16":
        yield Finding(
            "warning", "slow_precision", "this machine has no bf16 instructions and emulates them, some "
            "five times slower than fp32", "write `train.precision: auto`",
        )  # fmt: skip
    if section.quantise == "nf4" and (not gpu or 0 < parameters < 1e9):
        saved = f", which saves {parameters * 1.4 / 1e9:.1f} GB against bf16" if parameters else ""
        yield Finding(
            "warning", "quantised_in_vain",
            f"the base is kept in 4 bits{saved}, loses precision for good and is unpacked at every use"
            + ("" if gpu else "; without a GPU, memory is seldom that short"),
            "write `train.quantise: none` and `train.precision: auto` where the memory allows it",
        )  # fmt: skip
