"""Who writes new training rows: the recipe's endpoint, or its base model on this machine.

The data stage knows neither models nor the engine; it is given a `data.Writer`, made here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from talkwright import data
from talkwright.config import Recipe
from talkwright.types import Message, Sampling, content_id

if TYPE_CHECKING:
    from talkwright.engine import Engine


def writer_of(recipe: Recipe) -> data.Writer:
    """The writer that `data.augment` names. A local one is loaded when the first row is asked for."""
    if recipe.data.augment.engine == "endpoint":
        return data.endpoint_writer(recipe.data.augment)
    from talkwright.models import find_base
    from talkwright.template import Template

    base = find_base(recipe.model.name, recipe.model.revision)
    template = Template.load(base.path)

    def ask(queue: data.Queue) -> None:
        from talkwright.engine import load_engine

        engine = load_engine(base, template, name=base.name)
        engine_asker(engine, seed=recipe.seed, batch_size=recipe.evaluate.batch_size)(queue)

    identity = content_id([base.digest, template.fingerprint, recipe.seed])
    return data.Writer(ask, base.name, "local", identity)


def engine_asker(engine: Engine, *, seed: int, batch_size: int) -> Callable[[data.Queue], None]:
    """An engine as a `Writer.ask`: up to `batch_size` chats at a time."""

    def answer(
        chats: Sequence[Sequence[Message]], temperature: float, max_tokens: int
    ) -> list[data.Written]:
        prompts = [engine.template.prompt_ids(chat) for chat in chats]
        fitting = [len(prompt) < engine.context_length for prompt in prompts]
        sampling = Sampling(temperature, 1.0, max_tokens, seed)
        asked = [prompt for prompt, fits in zip(prompts, fitting, strict=True) if fits]
        made = iter(engine.generate(asked, sampling) if asked else ())
        answers = []
        for prompt, fits in zip(prompts, fitting, strict=True):
            if not fits:
                why = f"{len(prompt)} tokens do not fit into a context of {engine.context_length}"
                answers.append(data.Written(failed=why))
                continue
            reply = next(made)
            text = engine.template.decode(list(reply.ids))
            finish: Literal["stop", "length"] = "length" if reply.finish == "length" else "stop"
            answers.append(data.Written(text, finish, len(prompt), len(reply.ids)))
        return answers

    return data.in_batches(answer, batch_size)
