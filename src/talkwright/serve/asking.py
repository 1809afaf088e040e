"""Answer a question into the histories that the page shows. No web framework in here.

Everything that can go wrong ends as a notice in the chat: a page that stands still explains nothing.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass

from talkwright.engine import Engine, stream_reply
from talkwright.errors import RequestError
from talkwright.serve.desk import FAILED, Desk, DeskFull
from talkwright.serve.history import History, catch_up, cut, notice, said, to_messages
from talkwright.types import Reply, Sampling

log = logging.getLogger("talkwright.serve")

BEAT = 1.0
"""Seconds after which a waiting answer looks up, so that a closed page gives its place up."""

FRAME = 0.05
"""Seconds between two updates of the page; every one sends what is new of the history."""


@dataclass(frozen=True, slots=True)
class Controls:
    """What the person set beside the chat."""

    system: str
    temperature: float
    top_p: float
    length: float

    def sampling(self) -> Sampling:
        """A new seed each time, so that asking again can give another answer."""
        return Sampling(
            temperature=float(self.temperature),
            top_p=float(self.top_p),
            max_new_tokens=int(self.length),
            seed=secrets.randbelow(2**31),
        )


Both = tuple[History, History]


async def ask(
    engine: Engine,
    desk: Desk,
    text: str,
    one: History,
    two: History,
    comparing: bool,
    controls: Controls,
) -> AsyncGenerator[Both, None]:
    """Add a question to the histories of the first and the second variant and answer it.

    Yields both histories whenever there is more to show. The second one is answered only when
    `comparing`, after the first: the engine has one pair of hands.
    """
    if not text.strip():
        return
    question = said("user", text)
    if comparing:
        two = [*catch_up(two, one), question]
    one = [*one, question]
    yield one, two
    async with aclosing(_answer(engine, desk, engine.variants[0], one, controls)) as steps:
        async for one in steps:
            yield one, two
    if comparing:
        async with aclosing(_answer(engine, desk, engine.variants[1], two, controls)) as steps:
            async for two in steps:
                yield one, two


async def ask_again(
    engine: Engine,
    desk: Desk,
    index: int,
    text: str | None,
    one: History,
    two: History,
    comparing: bool,
    controls: Controls,
) -> AsyncGenerator[Both, None]:
    """Take the question at or before `index` back and ask it again, or `text` in its place."""
    if comparing:
        two = catch_up(two, one)
    one, question = cut(one, index)
    two, _ = cut(two, index)
    again = question if text is None else text
    async with aclosing(ask(engine, desk, again or "", one, two, comparing, controls)) as steps:
        async for both in steps:
            yield both


async def _answer(
    engine: Engine, desk: Desk, variant: str, history: History, controls: Controls
) -> AsyncGenerator[History, None]:
    messages = to_messages(history, controls.system)
    sampling = controls.sampling()

    def work(cancelled: Callable[[], bool]) -> Iterator[str | Reply]:
        return stream_reply(engine, messages, sampling, variant=variant, cancelled=cancelled)

    text, shown_at = "", 0.0
    try:
        async with aclosing(desk.submit(work).items(BEAT)) as pieces:
            async for piece in pieces:
                if isinstance(piece, str):
                    text += piece
                    if time.monotonic() - shown_at < FRAME:
                        continue
                    shown_at = time.monotonic()
                if piece is None or isinstance(piece, str):
                    yield [*history, said("assistant", text)] if text else history
        yield [*history, said("assistant", text) if text.strip() else notice("The model said nothing.")]
    except RequestError as error:
        yield [*history, notice(f"{str(error)[:1].upper()}{str(error)[1:]}.".replace("..", "."))]
    except DeskFull:
        yield [*history, notice("Too many questions are waiting already. Ask again in a moment.")]
    except Exception:
        log.exception("answering on the page failed")
        yield [*history, notice(FAILED)]
