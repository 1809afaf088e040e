"""From messages to a reply: prompt ids in, text out, stop strings and context limits kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from talkwright.errors import RequestError
from talkwright.types import Finish, Message, Reply, Sampling

if TYPE_CHECKING:
    from talkwright.engine import Engine


def reply(
    engine: Engine,
    messages: Sequence[Message],
    sampling: Sampling,
    *,
    variant: str | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Reply:
    """Answer a chat. Raises RequestError when it cannot be answered as asked."""
    *_, last = stream_reply(engine, messages, sampling, variant=variant, cancelled=cancelled)
    assert isinstance(last, Reply)
    return last


def stream_reply(
    engine: Engine,
    messages: Sequence[Message],
    sampling: Sampling,
    *,
    variant: str | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[str | Reply]:
    """Answer a chat piece by piece: texts that add up to the reply's, then the `Reply` itself.

    Raises RequestError at the call, before anything is generated, when the messages cannot be rendered
    or leave no room in the context (code "context_length_exceeded").
    """
    if variant is not None and variant not in engine.variants:
        raise RequestError(f"there is no variant '{variant}'; there are: {', '.join(engine.variants)}")
    prompt = engine.template.prompt_ids(messages)
    room = engine.context_length - len(prompt)
    if room < 1:
        raise RequestError(
            f"the conversation is {len(prompt)} tokens long, and this model's context holds "
            f"{engine.context_length}, reply included; shorten it or start a new one",
            param="messages",
            code="context_length_exceeded",
        )
    limited = replace(sampling, max_new_tokens=min(sampling.max_new_tokens, room))
    return _stream(engine, prompt, limited, variant, cancelled)


def _stream(
    engine: Engine,
    prompt: list[int],
    sampling: Sampling,
    variant: str | None,
    cancelled: Callable[[], bool],
) -> Iterator[str | Reply]:
    started = time.perf_counter()
    decoder = engine.template.decoder()
    held = ""  # text that might be the beginning of a stop string
    said: list[str] = []
    n_reply = 0
    finish: Finish | None = None
    for token in engine.stream(prompt, sampling, variant=variant, cancelled=cancelled):
        n_reply += 1
        held += decoder.push(token)
        free, held, stopped = _release(held, sampling.stop)
        if free:
            said.append(free)
            yield free
        if stopped:
            finish = "stop"
            break
    if finish is None:
        held += decoder.flush()
        free, held, stopped = _release(held, sampling.stop)
        rest = free if stopped else free + held
        if rest:
            said.append(rest)
            yield rest
        if cancelled():
            finish = "cancelled"
        else:
            finish = "stop" if stopped or n_reply < sampling.max_new_tokens else "length"
    yield Reply("".join(said), finish, len(prompt), n_reply, time.perf_counter() - started)


def _release(text: str, stops: Sequence[str]) -> tuple[str, str, bool]:
    """Split text into what may be shown, what must wait, and whether a stop string was found."""
    found = [text.index(stop) for stop in stops if stop and stop in text]
    if found:
        return text[: min(found)], "", True
    keep = 0
    for stop in stops:
        for length in range(min(len(stop) - 1, len(text)), keep, -1):
            if text.endswith(stop[:length]):
                keep = length
                break
    return text[: len(text) - keep], text[len(text) - keep :], False
