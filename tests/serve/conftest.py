"""A real server on a free loopback port, with a scripted engine that can be watched."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
import pytest
import uvicorn

from talkwright.config import ServeSection
from talkwright.engine import FakeEngine
from talkwright.serve import create_app
from talkwright.serve.desk import Desk


class WatchedEngine(FakeEngine):
    """Writes down how it was asked; answers slowly or fails on demand."""

    def __init__(self, template, answer, **settings):
        super().__init__(template, answer, **settings)
        self.calls = []
        self.running = 0
        self.cancelled_at = []
        self.fail_after = None

    def stream(self, prompt_ids, sampling, *, variant=None, cancelled=lambda: False):
        prompt = self.template.decode(prompt_ids)
        self.calls.append((variant, sampling, prompt))
        self.running += 1
        number = 0
        try:
            for token in super().stream(prompt_ids, sampling, variant=variant, cancelled=cancelled):
                if number == self.fail_after:
                    raise OSError("the weights are gone")
                number += 1
                yield token
        finally:
            self.running -= 1
            if cancelled():
                self.cancelled_at.append(number)


@dataclass
class Running:
    url: str
    engine: WatchedEngine
    http: httpx2.Client  # shared: making one costs more than most requests
    desk: Desk


@contextmanager
def _running(engine, **options) -> Iterator[Running]:
    section = options.pop("section", ServeSection(port=0))
    app = create_app(engine, section, **options)
    config = uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx2.Client(base_url=url, timeout=10) as http:
            yield Running(url, engine, http, app.state.desk)
    finally:
        server.should_exit = True
        thread.join(10)


def wait_until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


@pytest.fixture(name="wait_until")
def _wait_until():
    return wait_until


@pytest.fixture
def watched(tiny_template):
    """Makes a WatchedEngine."""
    return lambda answer, **settings: WatchedEngine(tiny_template, answer, **settings)


@pytest.fixture
def running():
    """Starts a server: `with running(engine, **options_of_create_app) as server`."""
    return _running


def echo(prompt: str) -> str:
    """Answer by the last question: a script's text, or the question itself."""
    question = prompt.rsplit("user\n", 1)[-1].removesuffix("assistant\n").strip()
    if question in SCRIPT:
        return SCRIPT[question]
    if question == "fail":
        raise OSError("the weights are gone")
    return f"You said: {question}"


SCRIPT = {
    "emoji": "Grüße 👩‍🚀 und 漢字 ✓",
    "long": "word " * 200,
    "nothing": "",
    "lines": "one\u2028two\r\nthree\x85four",
    "xss": (
        'Look: <script>window.pwned=1</script><img src=x onerror="window.pwned=2">'
        "![p](https://elsewhere.example/x.png) <iframe src='https://elsewhere.example'></iframe> "
        "[link](javascript:window.pwned=3) the end"
    ),
}


@pytest.fixture(scope="module")
def server(tiny_template):
    """One server for the tests that need nothing special."""
    engine = WatchedEngine(tiny_template, echo, name="mybot", context_length=2048)
    with _running(engine, title="My bot", section=ServeSection(port=0, max_new_tokens=1000)) as started:
        yield started
