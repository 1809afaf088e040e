"""The engine that needs nothing but PyTorch: any base model, bare or with an adapter.

One model in memory answers as "tuned" (adapter on) and as "base" (adapter off). Forward passes take a
lock, so several streams can be under way in turns, each with its own key-value cache.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from talkwright.errors import ArtefactError, RequestError
from talkwright.models import (
    best_precision,
    context_length,
    load_weights,
    make_batch,
    row_losses,
    without_peft_noise,
)
from talkwright.template import Template
from talkwright.types import BaseModel, Example, Finish, Generated, Sampling

if TYPE_CHECKING:
    import torch
    from torch import Tensor

TOKENS_PER_SCORING_BATCH = 2048  # bounds the memory of `nll`; logits are made for supervised ones only


class TorchEngine:
    """See `Engine`. `models` maps each variant to a model; an adapter's variants share one."""

    def __init__(self, models: dict[str, Any], template: Template, *, name: str):
        self.name = name
        self.template = template
        self.variants = tuple(models)
        self._models = models
        first = next(iter(models.values()))
        self.context_length = context_length(first.config)
        self._device = first.device
        self._lock = threading.Lock()

    def stream(
        self,
        prompt_ids: Sequence[int],
        sampling: Sampling,
        *,
        variant: str | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[int]:
        """Yield new token ids as they are drawn, without the stop token."""
        for step in self._decode([prompt_ids], sampling, variant):
            token = step[0]
            if cancelled() or token is None or token in self.template.stop_ids:
                return
            yield token

    def generate(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, *, variant: str | None = None
    ) -> list[Generated]:
        """Answer several prompts at a time, in order."""
        started = time.perf_counter()
        ids: list[list[int]] = [[] for _ in prompts]
        finish: list[Finish] = ["length"] * len(prompts)
        for step in self._decode(prompts, sampling, variant):
            for row, token in enumerate(step):
                if token is None:
                    continue
                if token in self.template.stop_ids:
                    finish[row] = "stop"
                else:
                    ids[row].append(token)
        seconds = (time.perf_counter() - started) / max(1, len(prompts))
        return [Generated(tuple(row), end, seconds) for row, end in zip(ids, finish, strict=True)]

    def nll(self, examples: Sequence[Example], *, variant: str | None = None) -> list[tuple[float, int]]:
        """Sum of negative log-likelihoods (nats) and number of supervised tokens, per example."""
        import torch

        out: dict[int, tuple[float, int]] = {}
        for group in _groups_of_like_length(examples, TOKENS_PER_SCORING_BATCH):
            batch = make_batch([examples[n] for n in group], padded=True, device=self._device)
            with self._lock, torch.inference_mode(), self._as(variant) as model:
                losses = row_losses(model, batch).double()
            start = 0
            for n in group:
                count = examples[n].n_supervised
                out[n] = (float(losses[start : start + count].sum()), count)
                start += count
        return [out[n] for n in range(len(examples))]

    def _as(self, variant: str | None) -> Any:
        """The model of a variant, as a context; only to be used while holding the lock."""
        variant = variant or self.variants[0]
        if variant not in self._models:
            raise RequestError(f"there is no variant '{variant}'; there are: {', '.join(self.variants)}")
        return _with_adapter(self._models[variant], on=variant != "base")

    def _decode(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, variant: str | None
    ) -> Iterator[list[int | None]]:
        """Yield one new token for every prompt still under way (None for the others), step by step."""
        import torch
        from transformers import DynamicCache

        longest = max(len(prompt) for prompt in prompts)
        limits = [min(sampling.max_new_tokens, self.context_length - len(prompt)) for prompt in prompts]
        if min(limits) < 1:
            raise RequestError(
                f"a prompt of {longest} tokens leaves no room in a context of {self.context_length}",
                code="context_length_exceeded",
            )
        fill = min(self.template.stop_ids, default=0)  # masked out, so any id will do
        padded = [[fill] * (longest - len(p)) + list(p) for p in prompts]
        ids = torch.tensor(padded, device=self._device)
        mask = torch.tensor(
            [[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=self._device
        )
        cache = DynamicCache()
        rows = list(range(len(prompts)))  # the prompt that each row of the batch belongs to
        draws = [torch.Generator().manual_seed(sampling.seed) for _ in prompts]
        for made in range(1, max(limits) + 1):
            logits = self._forward(ids, mask, cache, variant)
            drawn = [_draw(logits[n], sampling, draws[row]) for n, row in enumerate(rows)]
            step: list[int | None] = [None] * len(prompts)
            for row, token in zip(rows, drawn, strict=True):
                step[row] = token
            yield step
            alive = [
                n
                for n, row in enumerate(rows)
                if drawn[n] not in self.template.stop_ids and made < limits[row]
            ]
            if not alive:
                return
            if len(alive) < len(rows):  # ended replies leave the batch and stop costing time
                keep = torch.tensor(alive, device=self._device)
                cache.batch_select_indices(keep)
                mask = mask[keep]
                rows = [rows[n] for n in alive]
            ids = torch.tensor([[drawn[n]] for n in alive], device=self._device)
            mask = torch.cat([mask, mask.new_ones(len(alive), 1)], 1)

    def _forward(self, ids: Tensor, mask: Tensor, cache: Any, variant: str | None) -> Tensor:
        """Logits of the next token, [rows, vocabulary] in fp32."""
        import torch

        # A prompt without padding needs no mask, and the mask-free path is faster.
        whole = bool(mask.all())
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        with self._lock, torch.inference_mode(), self._as(variant) as model:
            out = model(
                input_ids=ids,
                attention_mask=None if whole else mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            return out.logits[:, -1].float().cpu()


def _with_adapter(model: Any, *, on: bool) -> Any:
    """Context that gives the model with its adapter on or off."""
    if on or not hasattr(model, "disable_adapter"):
        return nullcontext(model)
    return _AdapterOff(model)


class _AdapterOff:
    def __init__(self, model: Any):
        self._model = model
        self._off = model.disable_adapter()

    def __enter__(self) -> Any:
        self._off.__enter__()
        return self._model

    def __exit__(self, *error: Any) -> None:
        self._off.__exit__(*error)


def _draw(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    """Draw one token: greedy at temperature 0, else from the smallest set with probability top_p."""
    import torch

    if sampling.temperature == 0:
        return int(logits.argmax())
    # Shifted and in fp64, so that no temperature above 0 divides its way to infinity.
    probabilities = torch.softmax((logits - logits.max()).double() / sampling.temperature, -1)
    if sampling.top_p < 1:
        ordered, order = probabilities.sort(descending=True)
        # The first token is always kept, and so is the one that crosses the border.
        ordered[(ordered.cumsum(0) - ordered) >= sampling.top_p] = 0
        return int(order[torch.multinomial(ordered, 1, generator=generator)])
    return int(torch.multinomial(probabilities, 1, generator=generator))


def _groups_of_like_length(examples: Sequence[Example], budget: int) -> Iterator[list[int]]:
    """Indices of examples in groups of at most `budget` tokens, padding counted."""
    group: list[int] = []
    for n in sorted(range(len(examples)), key=lambda n: len(examples[n].input_ids)):
        if group and (len(group) + 1) * len(examples[n].input_ids) > budget:
            yield group
            group = []
        group.append(n)
    if group:
        yield group


def load_engine(
    base: BaseModel,
    template: Template,
    *,
    name: str,
    tuned: Path | None = None,
    method: Literal["lora", "full"] = "lora",
    precision: Literal["bf16", "fp32"] | None = None,
) -> TorchEngine:
    """Load a base model, with the adapter (`method` "lora") or weights ("full") in folder `tuned`.

    Raises ModelError or ArtefactError when something does not fit.
    """
    import torch

    precision = precision or best_precision()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model: Any = load_weights(base, precision=precision)
    models: dict[str, Any] = {"base": model}
    if tuned is not None and method == "lora":
        models = dict.fromkeys(("tuned", "base"), _load_adapter(model, tuned))
    elif tuned is not None:
        other = BaseModel(base.name, str(tuned), str(tuned), base.licence, "")
        models = {"tuned": load_weights(other, precision=precision), "base": model}
    for each in set(models.values()):
        each.to(device).eval()
    return TorchEngine(models, template, name=name)


def _load_adapter(model: Any, folder: Path) -> Any:
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import SafetensorError, safe_open

    weights = folder / "adapter_model.safetensors"
    for file in (folder / "adapter_config.json", weights):
        if not file.is_file():
            raise ArtefactError(f"{file}: no such file, so there is no adapter to load; train again")
    try:
        with safe_open(weights, "pt") as file:
            stored = set(file.keys())
        with without_peft_noise():
            warnings.simplefilter("ignore", UserWarning)  # missing weights are refused below
            adapted = PeftModel.from_pretrained(
                model, str(folder), local_files_only=True, autocast_adapter_dtype=False
            )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ArtefactError(f"{folder}: the adapter does not fit its base model: {error}") from None
    if differing := stored ^ set(get_peft_model_state_dict(adapted)):
        raise ArtefactError(
            f"{folder}: the adapter does not fit its base model: {len(differing)} of its weights or the "
            f"model's have no counterpart, among them {min(differing)}. Load it on the base it was "
            "trained on."
        )
    return adapted
