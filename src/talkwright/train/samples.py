"""Sample replies while training: what the model would answer, before, during and after.

They are drawn greedily from the weights in training, one prompt at a time, between two steps. Nothing
that training depends on is touched: no random number is drawn, dropout is off meanwhile, and the time
is not the steps'.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkwright.config import TrainSection
from talkwright.errors import RequestError, TemplateError, is_out_of_memory
from talkwright.progress import say
from talkwright.train.checkpoint import SAMPLES, restore_record
from talkwright.train.plan import Plan, evenly
from talkwright.types import Conversation, Message, Sampling

if TYPE_CHECKING:
    from talkwright.template import Template

QUESTIONS = 3  # of the validation split, where the recipe names none
MOST_TOKENS = 48  # enough to see what becomes of an answer


def questions_for(section: TrainSection, validation: Sequence[Conversation]) -> list[Conversation]:
    """What to ask: each conversation up to its last question, then the right answer if it is known."""
    if section.sample_every == 0:
        return []
    if section.sample_prompts:
        return [Conversation((Message("user", text),)) for text in section.sample_prompts]
    # A later turn may need what an assistant said before; the first question stands alone.
    return [found for each in evenly(validation, QUESTIONS) if (found := _first_round(each))]


def _first_round(conversation: Conversation) -> Conversation | None:
    asked: list[Message] = []
    for message in conversation.messages:
        asked.append(message)
        if message.role == "assistant":
            known = any(m.role == "user" for m in asked) and message.content
            return Conversation(tuple(asked), tools=conversation.tools) if known else None
    return None


def sample_steps(section: TrainSection, plan: Plan) -> int:
    """Steps between two samples; 0 for none."""
    return max(1, (plan.steps + 1) // 2) if section.sample_every is None else section.sample_every


class Sampler:
    """Asks the same questions again and again, and keeps the answers in `samples.jsonl`."""

    def __init__(
        self,
        model: Any,
        template: Template,
        questions: Sequence[Conversation],
        *,
        every: int,
        folder: Path,
        step: int,
    ):
        self._model, self._template, self._every = model, template, every
        self._path = folder / SAMPLES
        self._prompts = _prompts(template, questions) if every else []
        if self._prompts:
            restore_record(folder, SAMPLES, step)

    def take(self, step: int, *, last: bool = False) -> float:
        """Ask, when it is time to; gives the seconds it took."""
        if not self._prompts or not (last or step % self._every == 0):
            return 0.0
        started = time.perf_counter()
        try:
            replies = self._ask()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            replies = None  # not handled here: the error holds on to tensors
        if replies is None:
            say("Out of memory in sample replies: no more of them.")
            self._prompts = []
            return time.perf_counter() - started
        with open(self._path, "a", encoding="utf-8") as file:
            for row in replies:
                file.write(json.dumps({"step": step, **row}) + "\n")
        return time.perf_counter() - started

    def _ask(self) -> list[dict[str, Any]]:
        from talkwright.engine import TorchEngine

        was_training = self._model.training
        self._model.eval()
        try:
            engine = TorchEngine({"tuned": self._model}, self._template, name="sample")
            rows = []
            for about, ids in self._prompts:
                if len(ids) >= engine.context_length:
                    continue
                # Alone, for the attention that training uses knows no padding.
                [made] = engine.generate([ids], Sampling(max_new_tokens=MOST_TOKENS))
                text = self._template.decode(made.ids)
                rows.append({**about, "answer": text, "finish": made.finish})
            return rows
        finally:
            self._model.train(was_training)


def _prompts(
    template: Template, questions: Sequence[Conversation]
) -> list[tuple[dict[str, str], list[int]]]:
    """The text of each question, with the right answer where it is known, and the ids to answer."""
    found = []
    for each in questions:
        known = each.messages[-1].role == "assistant"
        asked = each.messages[:-1] if known else each.messages
        about = {"question": next(m.content for m in reversed(asked) if m.role == "user")}
        if known:
            about["right"] = each.messages[-1].content
        try:
            found.append((about, template.prompt_ids(asked, each.tools)))
        except (RequestError, TemplateError) as error:
            say(f"No sample replies to '{about['question'][:60]}': {error}")
    return found
