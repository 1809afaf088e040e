"""One request at a time, in order; nobody who left is worked for; the server never stands still."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talkwright.errors import RequestError
from talkwright.serve import openai
from talkwright.serve.desk import Desk, DeskFull

SLOW = {"model": "mybot", "messages": [{"role": "user", "content": "slow"}], "max_tokens": 1000}
QUICK = {"model": "mybot", "messages": [{"role": "user", "content": "quick"}], "max_tokens": 1}


@pytest.fixture
def slow(running, watched):
    """A server whose every answer takes 10 seconds or, cut to one token, 0.01."""
    engine = watched(["z" * 1000], name="mybot", delay=0.01)
    with running(engine, waiting=2) as server:
        yield server


def in_background(server, body, into):
    def send():
        into.append(server.http.post("/v1/chat/completions", json=body, timeout=30))

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_frees_the_engine(slow, wait_until, stream):
    with httpx2.Client(base_url=slow.url, timeout=0.5) as http:
        if stream:
            with http.stream("POST", "/v1/chat/completions", json=SLOW | {"stream": True}) as response:
                next(response.iter_lines())
        else:
            with pytest.raises(httpx2.TimeoutException):
                http.post("/v1/chat/completions", json=SLOW)
    left = time.monotonic()
    wait_until(lambda: slow.engine.cancelled_at)
    assert time.monotonic() - left < 0.5
    assert slow.engine.cancelled_at[0] < 200
    assert slow.http.post("/v1/chat/completions", json=QUICK).status_code == 200


def test_a_client_that_leaves_while_waiting_is_never_worked_for(slow, wait_until):
    with (
        slow.http.stream("POST", "/v1/chat/completions", json=SLOW | {"stream": True}),
        httpx2.Client(base_url=slow.url, timeout=0.2) as impatient,
        pytest.raises(httpx2.TimeoutException),
    ):
        impatient.post("/v1/chat/completions", json=SLOW | {"seed": 99})
    wait_until(lambda: not slow.engine.running)
    assert slow.http.post("/v1/chat/completions", json=QUICK).status_code == 200
    assert 99 not in [sampling.seed for _, sampling, _ in slow.engine.calls]


def test_a_full_line_says_when_to_come_back(slow, wait_until):
    answers: list[httpx2.Response] = []
    threads = [in_background(slow, SLOW | {"max_tokens": 600}, answers)]
    wait_until(lambda: slow.engine.running)
    for _ in range(2):
        threads.append(in_background(slow, QUICK, answers))
    wait_until(lambda: slow.desk.open == 3)
    # What can never be answered needs no place in the line.
    assert slow.http.post("/v1/chat/completions", json=QUICK | {"max_tokens": 5000}).status_code == 400
    refused = slow.http.post("/v1/chat/completions", json=QUICK)
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "queue_full"
    assert int(refused.headers["retry-after"]) > 0
    for thread in threads:
        thread.join(10)
    assert [answer.status_code for answer in answers] == [200] * 3


def test_answers_come_in_the_order_of_asking(slow, wait_until):
    answers: list[httpx2.Response] = []
    threads = [in_background(slow, SLOW | {"max_tokens": 40, "seed": 1}, answers)]
    wait_until(lambda: slow.engine.running)
    threads.append(in_background(slow, QUICK | {"seed": 2}, answers))
    time.sleep(0.1)
    threads.append(in_background(slow, QUICK | {"seed": 3}, answers))
    for thread in threads:
        thread.join(10)
    assert [sampling.seed for _, sampling, _ in slow.engine.calls] == [1, 2, 3]


def test_health_answers_at_once_while_the_model_is_thinking(slow, wait_until):
    answers: list[httpx2.Response] = []
    thread = in_background(slow, SLOW | {"max_tokens": 60}, answers)
    wait_until(lambda: slow.engine.running)
    for _ in range(5):
        asked = time.monotonic()
        assert slow.http.get("/health").status_code == 200
        assert time.monotonic() - asked < 0.3
    assert slow.engine.running == 1
    thread.join(10)


# --- the desk itself -----------------------------------------------------------------------------


def test_the_desk_refuses_when_full_and_forgets_who_left():
    async def scene():
        desk = Desk(waiting=1)
        go = threading.Event()

        def work(cancelled):
            go.wait(5)
            yield from "ab"

        first, second = desk.submit(work), desk.submit(work)
        with pytest.raises(DeskFull):
            desk.submit(work)
        second.cancel()
        assert desk.open == 1
        third = desk.submit(work)
        go.set()
        assert [item async for item in first.items()] == ["a", "b"]
        assert [item async for item in third.items()] == ["a", "b"]
        assert [item async for item in second.items()] == []
        desk.close()

    asyncio.run(scene())


def test_the_desk_hands_errors_on_and_lives():
    async def scene():
        desk = Desk()

        def fails(cancelled):
            yield "a"
            raise OSError("no")

        items = desk.submit(fails).items()
        assert await anext(items) == "a"
        with pytest.raises(OSError, match="no"):
            await anext(items)
        assert [item async for item in desk.submit(lambda cancelled: iter("b")).items()] == ["b"]
        desk.close()

    asyncio.run(scene())


def test_a_cancellation_that_comes_together_with_an_item_is_not_lost():
    async def scene():
        desk = Desk()
        go = threading.Event()
        job = desk.submit(lambda cancelled: iter([go.wait(5)]))

        async def read():
            return [item async for item in job.items(beat=5.0)]

        task = asyncio.create_task(read())
        await asyncio.sleep(0.02)
        job._items.put_nowait("a")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 2)
        assert job.cancelled
        go.set()
        desk.close()

    asyncio.run(scene())


def test_closing_the_desk_ends_what_runs_and_what_waits():
    async def scene():
        desk = Desk()

        def endless(cancelled):
            while not cancelled():
                yield "a"
                time.sleep(0.001)

        jobs = [desk.submit(endless), desk.submit(endless)]
        await asyncio.sleep(0.02)
        desk.close()
        assert {item async for item in jobs[0].items()} == {"a"}
        assert [item async for item in jobs[1].items()] == []

    asyncio.run(scene())


# --- anything at all may be sent -----------------------------------------------------------------

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(["user", "assistant", "system", "text", "mybot", "hello", "\ud800", "<|im_end|>"])
)
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
message = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "user", "assistant", "system", "developer", "tool"]) | anything},
    optional={
        "content": st.text(max_size=30) | anything | st.lists(
            st.fixed_dictionaries({"type": st.just("text") | anything, "text": anything}), max_size=3
        ),
        "name": anything,
        "tool_calls": anything,
    },
)  # fmt: skip
bodies = st.fixed_dictionaries(
    {"model": st.just("mybot") | anything, "messages": st.lists(message, max_size=4) | anything},
    optional=dict.fromkeys(
        [*list(openai.ChatRequest.model_fields)[2:], *openai.NEUTRAL, "odd"], anything
    )
    | {"max_tokens": st.integers(-1, 9) | anything, "stop": st.lists(st.text(max_size=3)) | anything},
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(bodies | anything)
def test_reading_any_body_gives_a_request_or_a_refusal(body):
    with contextlib.suppress(RequestError):
        assert openai.parse_request(json.dumps(body).encode()).messages[-1].role == "user"


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(bodies)
def test_no_body_breaks_the_server(server, body):
    response = server.http.post("/v1/chat/completions", content=json.dumps(body).encode())
    assert response.status_code in (200, 400, 404), response.text
    if response.status_code != 200:
        assert set(response.json()["error"]) == {"message", "type", "param", "code"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_no_bytes_break_the_server(server, body):
    response = server.http.post("/v1/chat/completions", content=body)
    assert response.status_code == 400
