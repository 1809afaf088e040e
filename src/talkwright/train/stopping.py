"""What ends a run before its last step: the recipe's limits, Ctrl-C and SIGTERM."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from talkwright.config import TrainSection
from talkwright.progress import say
from talkwright.train.checkpoint import State


def limit_reached(section: TrainSection, state: State) -> str:
    """The setting that ends the run here, or nothing."""
    if section.max_tokens and state.tokens >= section.max_tokens:
        return "max_tokens"
    if section.max_minutes and state.seconds + state.validating >= 60 * section.max_minutes:
        return "max_minutes"
    return ""


def seconds_allowed(section: TrainSection, state: State) -> float:
    """How much longer `train.max_minutes` and `train.max_tokens` let a run go on, at its pace."""
    limits = [math.inf]
    if section.max_minutes:
        limits.append(60 * section.max_minutes - state.seconds - state.validating)
    if section.max_tokens and state.tokens:
        limits.append((section.max_tokens - state.tokens) * state.seconds / state.tokens)
    return max(0.0, min(limits))


@contextmanager
def stop_between_steps() -> Iterator[Callable[[], int]]:
    """Turn the first Ctrl-C or SIGTERM into a question asked between steps. Yields a function that gives
    the signal's number, or 0.

    A second Ctrl-C is heeded at once. A second SIGTERM is not: where a machine is taken away, supervisor
    and process group may both send one, and what is left of a step is short.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0  # only the main thread may set handlers
        return

    def receive(number: int, _: Any) -> None:
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        if received:
            return
        received.append(number)
        say("Stopping after this step (Ctrl-C again: at once) ...")

    before = {number: signal.signal(number, receive) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: received[0] if received else 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ended_by(number: int) -> BaseException:
    """What to raise after a signal, so that the process ends with the code that shells know."""
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)
