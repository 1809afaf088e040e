"""What is added to a base model, or freed in it, to be trained."""

from __future__ import annotations

import copy
import re
from functools import partial
from typing import Any

from talkwright.config import LoraSection, TrainSection
from talkwright.errors import TrainError
from talkwright.models import load_config, load_errors, without_peft_noise
from talkwright.train.empty import empty_model, make_fake, without_numbers
from talkwright.train.start_from import adapter_folder, earlier_weights, go_on_from, shapes_of
from talkwright.types import BaseModel


def make_trainable(model: Any, section: TrainSection) -> Any:
    """The model with what the recipe trains free and all else frozen: its own weights, or an adapter's.

    Raises as `freeze` and `add_adapter` do.
    """
    if section.method == "full":
        freeze(model, section.freeze)
        return model
    return add_adapter(model, section)


def add_adapter(model: Any, section: TrainSection) -> Any:
    """Give `model` the adapter that the recipe asks for, freshly made or as an earlier run left it.

    Adapters are kept in the base's precision; `Masters` holds what needs more. Raises TrainError when
    a target or a layer is not there, ArtefactError when the earlier adapter is another one.
    """
    from peft import IA3Config, PrefixTuningConfig, PromptTuningConfig

    tokens = {"num_virtual_tokens": section.virtual_tokens, "task_type": "CAUSAL_LM"}
    if section.method == "lora":
        adapted = _with_lora(model, section.lora)
    elif section.method == "ia3":
        # Factors on the outputs alone: one on an MLP's inner output is one on its next input.
        config = IA3Config(
            target_modules="all-linear", feedforward_modules=[], task_type="CAUSAL_LM",
            exclude_modules=unadaptable(model) or None,
        )  # fmt: skip
        adapted = _adapted(model, config)
    else:
        prompt = partial(PromptTuningConfig, prompt_tuning_init="SAMPLE_VOCAB")
        config = (PrefixTuningConfig if section.method == "prefix" else prompt)(**tokens)
        try:
            adapted = _adapted(model, config)
        except ValueError as error:  # a family whose layers have no heads, for one
            raise TrainError(unfit(model, section, str(error))) from None
    if section.start_from is not None:
        go_on_from(adapted, section, adapter_folder(section.start_from))
    return adapted


def refuse_other_adapter(base: BaseModel, section: TrainSection) -> None:
    """Raise TrainError or ArtefactError where the adapter that `train.start_from` names is not the one
    that the recipe describes, told without the base's weights."""
    import torch

    if section.start_from is None or section.method == "full":
        return
    with torch.device("meta"):
        adapted = add_adapter(
            empty_model(load_config(base)), section.model_copy(update={"start_from": None})
        )
    made = adapted.active_peft_config
    with without_numbers(make_fake(adapted)):
        shapes = shapes_of(adapted)
    earlier_weights(made, shapes, section, adapter_folder(section.start_from))


def unfit(model: Any, section: TrainSection, said: str) -> str:
    """What to say where a family of models has no place for learnt tokens."""
    return (
        f"train.method: {section.method} does not work with models of the kind "
        f"'{model.config.model_type}' ({next(iter(said.splitlines()), '')}). "
        f"W{instead_of_learnt_tokens(model)[1:]}, or take another model"
    )


def instead_of_learnt_tokens(model: Any) -> str:
    """What to write in a recipe for a method that suits a model where learnt tokens do not."""
    targets = usable_targets(model)
    named = f" with `train.lora.targets: {targets}`" if targets not in ("", "all-linear") else ""
    return f"write `train.method: {'lora' if targets else 'full'}`{named}"


def freeze(model: Any, names: list[str]) -> None:
    """Keep weights out of training whose name contains one of `names`.

    Raises TrainError for a name that fits no weight, and when nothing would be left to train.
    """
    weights = dict(model.named_parameters())
    for part in names:
        fitting = [weight for name, weight in weights.items() if part in name]
        if not fitting:
            there = sorted({re.sub(r"\.\d+\.", ".N.", name) for name in weights})
            raise TrainError(
                f"train.freeze: no weight's name contains '{part}'. The model's weights are (N is the "
                f"number of a layer): {', '.join(there)}"
            )
        for weight in fitting:
            weight.requires_grad_(False)
    if not any(weight.requires_grad for weight in weights.values()):
        raise TrainError(f"train.freeze: {names} freezes every weight; nothing is left to train")


def _with_lora(model: Any, section: LoraSection) -> Any:
    from peft import LoraConfig

    past = {*_past_adapters(model.config)}
    excluded = sorted({*_routers(model), *past}) if section.targets == "all-linear" else []
    try:
        config = LoraConfig(
            r=section.rank,
            lora_alpha=section.alpha,
            lora_dropout=section.dropout,
            target_modules=section.targets if section.layers is None else _in_layers(model, section),
            use_rslora=section.rank_stabilised,
            use_dora=section.dora,
            exclude_modules=excluded or None,
            task_type="CAUSAL_LM",
        )
        adapted = _adapted(model, config)
    except (ValueError, re.error) as error:
        if section.dora and "use_dora" in str(error):
            raise TrainError(
                "train.lora.dora: the experts of this model share one tensor, for which DoRA is not "
                "made. Write `dora: false`, or name the modules beside the experts as `targets`"
            ) from None
        raise _wrong_targets(model, section.targets, str(error).partition(". ")[0]) from None
    taken = adapted.base_model.targeted_module_names
    # Not asked of the adapted model, whose modules have other names.
    if useless := {*taken} & past:
        raise _wrong_targets(adapted, section.targets, f"{min(useless)} {_PAST}")
    if routers := {*taken} & {*_routers(adapted.base_model.model)}:
        raise _wrong_targets(adapted, section.targets, f"{min(routers)} {_ROUTES}")
    # PEFT is content when one name of a list fits. Those of experts' matrices, which are parts of one
    # tensor in the model, it takes out of the list.
    listed = adapted.peft_config["default"].target_modules
    for target in section.targets if isinstance(section.targets, list) else ():
        if target in listed and not any(names_module(target, name) for name in taken):
            raise _wrong_targets(adapted, target, "it names no module of this model")
    # Named with its layer, an expert's matrix is taken in all of them.
    if section.layers is not None and adapted.base_model.targeted_parameter_names:
        raise TrainError(
            "train.lora.layers: on the experts of this model an adapter is in all layers or in none. "
            "Write `layers: null`, or name the modules beside the experts as `targets`"
        )
    return adapted


def _in_layers(model: Any, section: LoraSection) -> list[str]:
    """Full names of the targets in the chosen layers: PEFT's own choice of layers wants names in a
    list and finds layers by their name."""
    from torch import nn

    count = int(model.config.get_text_config().num_hidden_layers)
    if missing := [n for n in section.layers or () if not 0 <= n < count]:
        raise TrainError(f"train.lora.layers: there is no layer {missing[0]}; they are 0 to {count - 1}")
    stacks = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == count
    ]
    if not stacks:
        raise TrainError("train.lora.layers: this model has no list of layers to choose from; remove it")
    found = []
    for name, module in model.named_modules():
        inside = any(name.startswith(f"{stacks[0]}.{n}.") for n in section.layers or ())
        if inside and _is_target(name, module, section.targets):
            found.append(name)
    if not found:
        raise _wrong_targets(model, section.targets, f"it names no module of layers {section.layers}")
    return found


def _is_target(name: str, module: Any, targets: str | list[str]) -> bool:
    if targets == "all-linear":
        return is_linear(module)
    if isinstance(targets, str):
        return re.fullmatch(targets, name) is not None
    return any(names_module(target, name) for target in targets)


def names_module(target: str, name: str) -> bool:
    """Whether a name of the recipe's list is that of a module: its last part, or more of it."""
    return f".{name}".endswith(f".{target}")


def _adapted(model: Any, config: Any) -> Any:
    from peft import get_peft_model

    with without_peft_noise():
        return get_peft_model(model, config, autocast_adapter_dtype=False)


def is_linear(module: Any) -> bool:
    """A linear layer, a quantised one too, or GPT-2's, which has its weight the other way round."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    return isinstance(module, (nn.Linear, Conv1D)) and not _routes(module)


_ROUTES = "chooses experts and gives more than its product, to which no adapter can add"


def _routes(module: Any) -> bool:
    """Whether a module that is made as a linear one gives something else, as the routers of Llama 4 and
    Phi's mixture do: the choice of experts beside its product. Only asking it tells."""
    import torch
    from torch import nn

    of_a_family = type(module).__module__.startswith("transformers.models.")
    if not isinstance(module, nn.Linear) or not of_a_family:
        return False
    weight = module.weight
    with torch.no_grad():
        given = torch.zeros(1, module.in_features, dtype=weight.dtype, device=weight.device)
        return not isinstance(module(given), torch.Tensor)


def unadaptable(model: Any) -> list[str]:
    """Names of linear modules on which an adapter would be refused, or would do nothing."""
    return sorted({*_routers(model), *_past_adapters(model.config)})


def _routers(model: Any) -> list[str]:
    """Names of the modules that `_routes` is about."""
    inside = [(name.removesuffix(".base_layer"), module) for name, module in model.named_modules()]
    return sorted({name for name, module in inside if _routes(module)})


_PAST = "hands its weight to another product, past any adapter, which would learn nothing"


def _past_adapters(config: Any) -> list[str]:
    """Names of linear modules that are never called themselves, though what they are part of is: Mamba
    and Jamba multiply with the weight of `dt_proj`. Only mixers with a convolution do that, and only
    going through one tells; empty where that does not work without numbers."""
    import torch
    from torch import nn

    model = empty_model(copy.deepcopy(config), "eager")  # transformers writes that into it
    if not any(isinstance(module, nn.Conv1d) for module in model.modules()):
        return []
    called: set[str] = set()
    for name, module in model.named_modules():
        module.register_forward_pre_hook(lambda *_, name=name: called.add(name))
    try:
        with without_numbers(make_fake(model)), torch.no_grad():
            model.train()(input_ids=torch.zeros(1, 2, dtype=torch.long), use_cache=False)
    except load_errors():
        return []
    linear = [name for name, module in model.named_modules() if is_linear(module)]
    return [name for name in linear if name not in called and name.rpartition(".")[0] in called]


def _wrong_targets(model: Any, targets: object, why: str) -> TrainError:
    names = _names_of_linear(model)
    usable = usable_targets(model)
    instead = f"`targets: {usable}`" if usable else "`method: full`, as none of them can be a target"
    if usable != "all-linear" and usable:
        instead += ", which are all that suit, or `method: full`"
    return TrainError(
        f"train.lora.targets: {targets!r} cannot be used: {why}. The model's linear modules are: "
        f"{', '.join(names) or 'none'}. {'Or write' if usable == 'all-linear' else 'Write'} {instead}."
    )


def usable_targets(model: Any) -> str:
    """A value of `train.lora.targets` that suits a model: `all-linear`, a list of names where PEFT
    refuses some in models of this kind, or nothing where no module is fit."""
    head = model.get_output_embeddings()
    names = _names_of_linear(model, but=head)
    if not names:
        return ""
    # Asked of all at once: what PEFT adapts in mixtures as one tensor, no part of it is taken alone.
    if _takes_all_linear(model.config):
        return "all-linear"
    taken = [name for name in names if _takes_lora(model.config, name)]
    # Such models hand weights of some modules to a kernel, past any adapter.
    called = _called_in_training(model)
    fit = [name for name in taken if called is None or name in called]
    return f"[{', '.join(fit)}]" if fit else ""


def _called_in_training(model: Any) -> set[str] | None:
    """Names of the modules that a training pass calls, by their last part; None where a plain pass does
    not work."""
    import torch

    called: set[str] = set()
    hooks = [
        module.register_forward_pre_hook(lambda *_, name=name: called.add(_last(name)))
        for name, module in model.named_modules()
    ]
    was_training, device = model.training, next(model.parameters()).device
    try:
        with torch.no_grad():
            model.train()(input_ids=torch.zeros(1, 2, dtype=torch.long, device=device), use_cache=False)
    except (RuntimeError, ValueError, TypeError, AttributeError, LookupError, NotImplementedError):
        return None
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    return called


def _last(name: str) -> str:
    return name.removesuffix(".base_layer").rsplit(".", 1)[-1]


def _names_of_linear(model: Any, but: Any = None) -> list[str]:
    """Last parts of the names of linear modules but one, without those of an adapter."""
    linear = {n for n, m in model.named_modules() if is_linear(m) and m is not but}
    return sorted({_last(n) for n in linear if ".lora_" not in n})


def _takes_all_linear(config: Any) -> bool:
    """Whether PEFT puts LoRA on all linear modules of models of this kind."""
    from peft import LoraConfig

    model = empty_model(copy.deepcopy(config))
    excluded = unadaptable(model) or None
    try:
        _adapted(model, LoraConfig(r=1, target_modules="all-linear", exclude_modules=excluded))
    except ValueError:
        return False
    return True


def _takes_lora(config: Any, name: str) -> bool:
    """Whether PEFT puts LoRA on a module of this name in models of this kind, tried on one alone."""
    from peft import LoraConfig, inject_adapter_in_model
    from torch import nn

    alone = nn.ModuleDict({name: nn.Linear(1, 1)})
    alone.config = config
    try:
        inject_adapter_in_model(LoraConfig(target_modules=[name]), alone)
    except ValueError:
        return False
    return True
