"""A public engine without a model: scripted answers through a real template.

For tests of servers and pages, and for building on the engine interface without weights.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from talkwright.types import Example, Generated, Sampling

if TYPE_CHECKING:
    from talkwright.template import Template


class FakeEngine:
    """Answers with the ids of scripted texts.

    `answer` is a function from the decoded prompt to a text, or a list of texts taken in turn, over
    and over. `delay` is slept before every token. `asked` counts the prompts that were answered.
    """

    def __init__(
        self,
        template: Template,
        answer: Callable[[str], str] | list[str],
        *,
        name: str = "fake",
        variants: tuple[str, ...] = ("tuned", "base"),
        context_length: int = 2048,
        delay: float = 0.0,
    ):
        self.template = template
        self.name = name
        self.variants = variants
        self.context_length = context_length
        self.asked = 0
        self._answer = answer
        self._delay = delay

    def stream(
        self,
        prompt_ids: Sequence[int],
        sampling: Sampling,
        *,
        variant: str | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[int]:
        """Yield the ids of the next scripted text."""
        text = self._next(self.template.decode(prompt_ids))
        room = min(sampling.max_new_tokens, self.context_length - len(prompt_ids))
        for token in self.template.guard.encode_fast(text)[:room]:
            if self._delay:
                time.sleep(self._delay)
            if cancelled():
                return
            yield token

    def generate(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, *, variant: str | None = None
    ) -> list[Generated]:
        """Answer each prompt with the next scripted text."""
        out = []
        for prompt in prompts:
            ids = tuple(self.stream(prompt, sampling, variant=variant))
            full = len(ids) >= min(sampling.max_new_tokens, self.context_length - len(prompt))
            out.append(Generated(ids, "length" if full else "stop", 0.0))
        return out

    def nll(self, examples: Sequence[Example], *, variant: str | None = None) -> list[tuple[float, int]]:
        """One nat per supervised token."""
        return [(float(example.n_supervised), example.n_supervised) for example in examples]

    def _next(self, prompt: str) -> str:
        self.asked += 1
        if callable(self._answer):
            return self._answer(prompt)
        return self._answer[(self.asked - 1) % len(self._answer)]
