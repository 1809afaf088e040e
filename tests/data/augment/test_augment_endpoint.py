"""An endpoint that is slow, busy, broken or hostile."""

from __future__ import annotations

import json
import time
from email.utils import formatdate
from typing import Any

import pytest

from talkwright.errors import EndpointError

KEY = "sk-test-f00dfeedf00dfeedf00d"
STEP = {"kind": "paraphrase", "max_rows": 6}


@pytest.fixture(autouse=True)
def _impatient(impatient: None) -> None:
    """No test waits longer than it must."""


def only_first(world: Any, behave: Any) -> None:
    """Misbehave at the first request of every prompt, and behave at the next one."""
    met: set[str] = set()

    def misbehave(handler: Any, body: Any, number: int) -> bool:
        prompt = body["messages"][-1]["content"]
        if prompt in met:
            return False
        met.add(prompt)
        behave(handler, body)
        return True

    world.endpoint.misbehave = misbehave


def drip(handler: Any, body: Any) -> None:
    """A byte now and then: never silent, never done."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def pour(handler: Any, body: Any) -> None:
    """Fifty megabytes."""
    handler.send_response(200)
    end = b'{"choices": [{"message": {"content": "<t1>an answer at last, but who waits for it?</t1>"}}]}'
    handler.send_header("Content-Length", str((50 << 20) + len(end)))
    handler.end_headers()
    for _ in range(50):
        handler.wfile.write(b" " * (1 << 20))
    handler.wfile.write(end)


def bomb(handler: Any, body: Any) -> None:
    """A small packed reply that is large unpacked."""
    import gzip

    packed = gzip.compress(b" " * (32 << 20))
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", str(len(packed)))
    handler.end_headers()
    handler.wfile.write(packed)


PASSING = {
    "server error": lambda e: lambda h, b: e.send(h, 500, {"error": {"message": "oops"}}),
    "bad gateway page": lambda e: lambda h, b: e.send(h, 502, b"<html><title>Bad</title></html>"),
    "not JSON": lambda e: lambda h, b: e.send(h, 200, b'{"choices": ['),
    "a page": lambda e: lambda h, b: e.send(h, 200, b"<!DOCTYPE html><title>Sign in</title>"),
    "no choices": lambda e: lambda h, b: e.send(h, 200, {"choices": []}),
    "wrong types": lambda e: lambda h, b: e.send(h, 200, {"choices": "yes"}),
    "a number": lambda e: lambda h, b: e.send(h, 200, 7),
    "deep JSON": lambda e: lambda h, b: e.send(h, 200, b"[" * 100_000),
    "no bytes": lambda e: lambda h, b: e.send(h, 200, b""),
    "empty text": lambda e: lambda h, b: e.send(h, 200, e.completion("  ")),
    "null text": lambda e: lambda h, b: e.send(h, 200, e.completion(None)),
    "not UTF-8": lambda e: lambda h, b: e.send(h, 200, b'{"choices": ["\xff"]}'),
    "hangs up": lambda e: lambda h, b: e.hang_up(h),
    "too slow": lambda e: drip,
    "50 MB": lambda e: pour,
    "packed": lambda e: bomb,
}  # fmt: skip


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_is_tried_again(world, name: str) -> None:
    only_first(world, PASSING[name](world.endpoint))
    timeout = 0.6 if name == "too slow" else 20.0
    started = time.monotonic()
    counts = world.augment(world.recipe(STEP, at={"timeout": timeout}))
    assert name != "too slow" or time.monotonic() - started < 4.5  # a whole reply takes 5 s
    assert counts["kept"] == 6
    assert len(world.endpoint.seen) == 12


def test_what_does_not_pass_costs_its_row_and_no_other(world) -> None:
    broken: set[str] = set()

    def misbehave(handler: Any, body: Any, number: int) -> bool:
        prompt = body["messages"][-1]["content"]
        if number <= 2:
            broken.add(prompt)
        if prompt in broken:
            world.endpoint.send(handler, 500, {"error": "always"})
        return prompt in broken

    world.endpoint.misbehave = misbehave
    counts = world.augment(world.recipe(STEP, at={"retries": 2}))
    assert counts["kept"] == 4
    assert counts["dropped"] == {"failed_after_retries": 2}
    assert len(world.endpoint.seen) == 4 + 2 * 3
    details = [row["detail"] for row in world.rows("ledger") if row["reason"]]
    assert details == ["HTTP 500: always"] * 2
    world.endpoint.misbehave = None
    world.endpoint.seen.clear()
    assert world.augment(world.recipe(STEP), out="again")["kept"] == 6
    assert len(world.endpoint.seen) == 2, "only what failed is asked again"


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_it_waits_as_long_as_it_is_told(world, form: str) -> None:
    refused: list[float] = []
    came: list[float] = []

    def misbehave(handler: Any, body: Any, number: int) -> bool:
        came.append(time.monotonic())
        if number > 1:
            return False
        refused.append(time.monotonic())
        # A date has whole seconds, so two of them are one at least.
        after = "1" if form == "seconds" else formatdate(time.time() + 2, usegmt=True)
        world.endpoint.send(handler, 429, {"error": "busy"}, Retry_After=after)
        return True

    world.endpoint.misbehave = misbehave
    counts = world.augment(world.recipe(STEP, at={"max_concurrent": 2}))
    assert counts["kept"] == 6
    later = sorted(at - refused[0] for at in came)[2:]
    # One other request may have been under way; all the rest kept the peace.
    assert all(wait >= 0.9 for wait in later[1:]), later


def test_it_does_not_wait_for_ever(world) -> None:
    world.endpoint.misbehave = lambda h, b, n: (
        world.endpoint.send(h, 503, {}, Retry_After="86400") is None
    )
    started = time.monotonic()
    counts = world.augment(world.recipe({"kind": "paraphrase", "max_rows": 3}))
    assert time.monotonic() - started < 5
    assert counts["dropped"] == {"failed_after_retries": 3}
    assert "wait for 86400 s" in world.rows("ledger")[0]["detail"]


def test_no_more_at_a_time_than_allowed(world) -> None:
    world.endpoint.delay = 0.03
    world.augment(world.recipe({"kind": "paraphrase", "max_rows": 12}, at={"max_concurrent": 3}))
    assert world.endpoint.most_at_once == 3


def test_a_dead_endpoint_is_given_up_soon(world) -> None:
    world.endpoint.misbehave = lambda h, b, n: world.endpoint.send(h, 500, {"error": "down"}) is None
    with pytest.raises(EndpointError, match=r"6 requests in a row failed.*HTTP 500: down"):
        world.augment(world.recipe({"kind": "paraphrase"}, at={"retries": 1}))
    assert len(world.endpoint.seen) < 24
    assert not (world.folder / "new").exists()


def test_nobody_listening_is_said(world) -> None:
    recipe = world.recipe({"kind": "paraphrase"}, at={"url": "http://127.0.0.1:9/v1", "retries": 1})
    with pytest.raises(EndpointError, match="no connection"):
        world.augment(recipe)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "refuses the key in TEST_KEY"),
        (403, "refuses the key in TEST_KEY"),
        (402, "used up"),
        (404, "no model 'writer-1'"),
        (307, "sends requests on to http://elsewhere.example/v1"),
    ],
)
def test_what_is_hopeless_stops_at_once(world, monkeypatch, status: int, said: str) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)

    def misbehave(handler: Any, body: Any, number: int) -> bool:
        error = {"error": {"message": f"wrong key: {handler.headers['Authorization']}"}}
        world.endpoint.send(handler, status, error, Location="http://elsewhere.example/v1")
        return True

    world.endpoint.misbehave = misbehave
    with pytest.raises(EndpointError, match=said) as raised:
        world.augment(
            world.recipe({"kind": "paraphrase"}, at={"key_env": "TEST_KEY", "max_concurrent": 1})
        )
    assert len(world.endpoint.seen) == 1
    assert KEY not in str(raised.value)


def test_a_used_up_account_is_not_waited_for(world) -> None:
    error = {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}
    world.endpoint.misbehave = lambda h, b, n: world.endpoint.send(h, 429, error) is None
    with pytest.raises(EndpointError, match="used up"):
        world.augment(world.recipe({"kind": "paraphrase"}))


def test_redirects_are_not_followed_even_within_the_host(world, monkeypatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    other = world.endpoint.url + "/elsewhere"
    world.endpoint.misbehave = lambda h, b, n: world.endpoint.send(h, 308, {}, Location=other) is None
    with pytest.raises(EndpointError, match="not followed"):
        world.augment(world.recipe(STEP, at={"key_env": "TEST_KEY", "max_concurrent": 1}))
    assert len(world.endpoint.seen) == 1


def test_a_request_is_what_openai_expects(world, monkeypatch) -> None:
    monkeypatch.setenv("TEST_KEY", f"  {KEY}\n")
    at = {"key_env": "TEST_KEY", "headers": {"X-Title": "shop"}}
    world.augment(world.recipe({"kind": "paraphrase", "max_rows": 1, "temperature": 0.3}, at=at))
    _, headers, body = world.endpoint.seen[0]
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["X-Title"] == "shop"
    assert headers["Content-Type"] == "application/json"
    assert sorted(body) == ["max_tokens", "messages", "model", "temperature"]
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("writer-1", 0.3, 1024)
    assert [m["role"] for m in body["messages"]] == ["system", "user"]


def test_a_key_can_go_into_another_header(world, monkeypatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    at = {"key_env": "TEST_KEY", "key_header": "api-key"}
    world.augment(world.recipe({"kind": "paraphrase", "max_rows": 1}, at=at))
    headers = world.endpoint.seen[0][1]
    assert headers["api-key"] == KEY
    assert "Authorization" not in headers


@pytest.mark.parametrize("value", [None, "", "  ", "two words", "schlüssel", "a\nb"])
def test_a_missing_or_impossible_key_is_said_without_it(world, monkeypatch, value: str | None) -> None:
    if value is None:
        monkeypatch.delenv("TEST_KEY", raising=False)
    else:
        monkeypatch.setenv("TEST_KEY", value)
    with pytest.raises(EndpointError, match="TEST_KEY") as raised:
        world.augment(world.recipe(STEP, at={"key_env": "TEST_KEY"}))
    assert not (value or "").strip() or value not in str(raised.value)
    assert world.endpoint.seen == []


def test_a_key_that_comes_back_is_kept_nowhere(world, monkeypatch, capfd) -> None:
    """An endpoint that repeats the key in replies and in errors."""
    monkeypatch.setenv("TEST_KEY", KEY)

    def misbehave(handler: Any, body: Any, number: int) -> bool:
        if number % 2:
            world.endpoint.send(handler, 500, {"error": handler.headers["Authorization"]})
        else:
            world.endpoint.send(
                handler, 200, world.endpoint.completion(f"<t1>I would use {KEY} here</t1>")
            )
        return True

    world.endpoint.misbehave = misbehave
    world.augment(world.recipe(STEP, at={"key_env": "TEST_KEY", "retries": 1}))
    files = [path for path in world.folder.rglob("*") if path.is_file()]
    assert len(files) > 6
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
    assert any(b"[key]" in path.read_bytes() for path in files)
    shown = capfd.readouterr()
    assert KEY not in shown.out + shown.err


def test_what_was_answered_before_an_end_is_kept(world) -> None:
    def misbehave(handler: Any, body: Any, number: int) -> bool:
        if number <= 10:
            return False
        world.endpoint.send(handler, 401, {"error": "key withdrawn"})
        return True

    world.endpoint.misbehave = misbehave
    recipe = world.recipe({"kind": "paraphrase"}, at={"max_concurrent": 2})
    with pytest.raises(EndpointError):
        world.augment(recipe)
    world.endpoint.misbehave = None
    world.endpoint.seen.clear()
    counts = world.augment(recipe)
    assert counts["asked"] - 11 <= len(world.endpoint.seen) <= counts["asked"] - 9


def test_a_deadline_stops_and_loses_nothing(world) -> None:
    world.endpoint.delay = 0.05
    recipe = world.recipe({"kind": "paraphrase"}, at={"max_concurrent": 2}, deadline=0.3)
    with pytest.raises(EndpointError, match="deadline"):
        world.augment(recipe)
    asked = len(world.endpoint.seen)
    assert 4 <= asked <= 16
    world.endpoint.delay = 0
    world.augment(world.recipe({"kind": "paraphrase"}))
    prompts = world.endpoint.prompts
    assert len(prompts) - len(set(prompts)) <= 2, "asked twice was only what was under way"


def test_a_long_reply_is_not_taken_for_a_whole_one(world) -> None:
    good = world.endpoint.answer

    def misbehave(handler: Any, body: Any, number: int) -> bool:
        world.endpoint.send(
            handler, 200, world.endpoint.completion(good(body), body, finish_reason="length")
        )
        return True

    world.endpoint.misbehave = misbehave
    assert world.augment(world.recipe(STEP))["dropped"] == {"too_long": 6}


def test_a_filtered_reply_is_a_refusal(world) -> None:
    replies = [
        world.endpoint.completion("<t1>x</t1>", finish_reason="content_filter"),
        world.endpoint.completion(None, message={"content": None, "refusal": "No."}),
    ]
    world.endpoint.misbehave = lambda h, b, n: world.endpoint.send(h, 200, replies[n % 2]) is None
    assert world.augment(world.recipe(STEP))["dropped"] == {"refused": 6}


def test_odd_counts_of_tokens_are_not_believed(world) -> None:
    odd = iter([-5, True, "7", 10**12, 1.5, None])

    def misbehave(handler: Any, body: Any, number: int) -> bool:
        value = world.endpoint.completion(world.endpoint.answer(body))
        value["usage"] = {"prompt_tokens": next(odd), "completion_tokens": 3}
        world.endpoint.send(handler, 200, value)
        return True

    world.endpoint.misbehave = misbehave
    counts = world.augment(world.recipe(STEP))
    assert counts["replies_without_usage"] == 6
    assert counts["tokens_in"] == 0


def test_torn_and_foreign_lines_of_kept_replies_are_passed_over(world) -> None:
    recipe = world.recipe(STEP)
    world.augment(recipe)
    (kept,) = (world.folder / "cache").iterdir()
    lines = kept.read_bytes().splitlines(keepends=True)
    assert len(lines) == 6
    foreign = (
        b'{"key": 1}\n[]\n\xff\n'
        + json.dumps({**json.loads(lines[1]), "finish": "odd"}).encode()
        + b"\n"
    )
    kept.write_bytes(lines[0] + foreign + b"".join(lines[2:5]) + lines[5][:20])
    world.endpoint.seen.clear()
    world.augment(recipe, out="again")
    assert len(world.endpoint.seen) == 2
    assert world.bytes_of("again") == world.bytes_of("new")
    world.endpoint.seen.clear()
    world.augment(recipe, out="third")
    assert world.endpoint.seen == []
    assert world.bytes_of("third") == world.bytes_of("new")


def test_it_works_within_a_running_event_loop(world) -> None:
    import asyncio

    async def notebook() -> dict[str, Any]:
        return world.augment(world.recipe(STEP))

    assert asyncio.run(notebook())["kept"] == 6
