"""Checkpoint → reply: the one place where a model is asked anything.

In: token ids (never text; `template` makes them) and how to sample. Out: token ids. Evaluation, the
terminal chat, the page and the API all go through this interface, so that another engine (llama.cpp,
vLLM) can stand behind them. `FakeEngine` is the public double for tests and for building pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from talkwright.engine.fake import FakeEngine
from talkwright.engine.reply import reply, stream_reply
from talkwright.engine.torch_engine import TorchEngine, load_engine
from talkwright.template import Template
from talkwright.types import Example, Generated, Sampling

__all__ = ["Engine", "FakeEngine", "TorchEngine", "load_engine", "reply", "stream_reply"]


class Engine(Protocol):
    """What stands between token ids and a model.

    `name` is the model id that the API reports. `variants` are the models it answers as, the default
    first: ("tuned", "base") for an adapter on its base, ("base",) for a bare model.
    `context_length` counts prompt and reply together, in tokens.
    """

    name: str
    variants: tuple[str, ...]
    context_length: int
    template: Template

    def stream(
        self,
        prompt_ids: Sequence[int],
        sampling: Sampling,
        *,
        variant: str | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[int]:
        """Yield new token ids as they are drawn, without the stop token.

        Ends at a stop token, after `sampling.max_new_tokens`, at the end of the context, or soon
        after `cancelled()` turns true. `sampling.stop` strings are the caller's business.
        """
        ...

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        *,
        variant: str | None = None,
    ) -> list[Generated]:
        """Answer several prompts at a time, in order. `seconds` is each one's share of the batch."""
        ...

    def nll(self, examples: Sequence[Example], *, variant: str | None = None) -> list[tuple[float, int]]:
        """Sum of negative log-likelihoods (nats) and number of supervised tokens, per example."""
        ...
