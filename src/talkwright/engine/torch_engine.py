"""The engine that needs nothing but PyTorch: any base model, bare or with an adapter.

One model in memory answers as "tuned" (adapter on) and as "base" (adapter off). Forward passes take a
lock, so several streams can be under way in turns, each with its own key-value cache.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from talkwright.errors import RequestError
from talkwright.models import (
    best_precision,
    context_length,
    load_adapter,
    load_weights,
    make_batch,
    row_losses,
    virtual_tokens,
    with_virtual_tokens,
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
        # Learnt tokens before every row take their places from the context.
        self.context_length = context_length(first.config) - virtual_tokens(first)
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
            logits, cache = self._forward(ids, mask, cache, variant)
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

    def _forward(self, ids: Tensor, mask: Tensor, cache: Any, variant: str | None) -> tuple[Tensor, Any]:
        """Logits of the next token, [rows, vocabulary] in fp32, and the filled cache."""
        import torch

        # A prompt without padding needs no mask, and the mask-free path is faster.
        whole = bool(mask.all())
        inputs = {
            "input_ids": ids,
            "attention_mask": None if whole else mask,
            "position_ids": (mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :],
            "past_key_values": cache,
        }
        with self._lock, torch.inference_mode(), self._as(variant) as model:
            if learnt := virtual_tokens(model):
                inputs = _with_learnt_tokens(model, inputs, learnt)
                model = model.get_base_model()
            out = model(**inputs, use_cache=True, logits_to_keep=1)
            return out.logits[:, -1].float().cpu(), inputs["past_key_values"]


def _with_learnt_tokens(model: Any, inputs: dict[str, Any], learnt: int) -> dict[str, Any]:
    """Inputs of the bare model: the learnt tokens come with the first of them and stay in the cache."""
    import torch

    cache, mask = inputs["past_key_values"], inputs["attention_mask"]
    if cache.get_seq_length() == 0:
        inputs = {**inputs, **with_virtual_tokens(model, inputs)[0]}
        if "inputs_embeds" in inputs:
            del inputs["input_ids"]
        return inputs
    if mask is not None:
        mask = torch.cat([mask.new_ones(mask.shape[0], learnt), mask], 1)
    return {**inputs, "attention_mask": mask, "position_ids": inputs["position_ids"] + learnt}


def _with_adapter(model: Any, *, on: bool) -> Any:
    """Context that gives the model with its adapter on or off."""
    if not on and virtual_tokens(model):
        return nullcontext(model.get_base_model())
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
    method: Literal["lora", "ia3", "prefix", "prompt", "full"] = "lora",
    precision: Literal["bf16", "fp32"] | None = None,
    quantise: Literal["none", "nf4"] = "none",
) -> TorchEngine:
    """Load a base model, with the weights (`method` "full") or the adapter in folder `tuned`.

    `quantise` "nf4" keeps the base in 4 bits, as an adapter that was trained on such a one wants it.
    Raises ModelError or ArtefactError when something does not fit.
    """
    import torch

    precision = precision or best_precision()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model: Any = load_weights(base, precision=precision, quantise=quantise)
    models: dict[str, Any] = {"base": model}
    if tuned is not None and method != "full":
        models = dict.fromkeys(("tuned", "base"), load_adapter(model, tuned))
    elif tuned is not None:
        other = BaseModel(base.name, str(tuned), str(tuned), base.licence, "")
        models = {"tuned": load_weights(other, precision=precision), "base": model}
    for each in set(models.values()):
        (each if quantise != "none" else each.to(device)).eval()  # a quantised one is placed already
    return TorchEngine(models, template, name=name)
