"""The API as OpenAI's own client and raw HTTP see it."""

from __future__ import annotations

import json

import openai
import pytest

from talkwright.config import ServeSection


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as made:
        yield made


def ask(client, text, **more):
    more.setdefault("model", "mybot")
    return client.chat.completions.create(messages=[{"role": "user", "content": text}], **more)


def post(server, body, **more):
    content = body if isinstance(body, bytes) else json.dumps(body)
    return server.http.post("/v1/chat/completions", content=content, **more)


def body_of(text="hello", **more):
    return {"model": "mybot", "messages": [{"role": "user", "content": text}]} | more


def assert_error(response, status, *, param=None, code=...):
    assert response.status_code == status, response.text
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert isinstance(body["error"]["message"], str)
    assert body["error"]["message"]
    assert body["error"]["param"] == param
    if code is not ...:
        assert body["error"]["code"] == code
    return body["error"]["message"]


# --- answers -------------------------------------------------------------------------------------


def test_a_reply_has_every_required_field_and_exact_usage(client, server, tiny_template):
    reply = ask(client, "hello")
    assert reply.choices[0].message.content == "You said: hello"
    assert reply.choices[0].message.role == "assistant"
    assert reply.choices[0].finish_reason == "stop"
    assert reply.object == "chat.completion"
    assert reply.model == "mybot"
    assert reply.id.startswith("chatcmpl-")
    assert reply.created > 1_600_000_000
    from talkwright.types import Message

    read = len(tiny_template.prompt_ids([Message("user", "hello")]))
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (read, len("You said: hello"))
    assert reply.usage.total_tokens == read + len("You said: hello")
    assert reply.system_fingerprint == f"fp_{tiny_template.fingerprint[:12]}"


def test_a_stream_is_one_answer_in_pieces(client):
    chunks = list(ask(client, "hello", stream=True, stream_options={"include_usage": True}))
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].delta.role for chunk in chunks[1:-1]] == [None] * (len(chunks) - 2)
    assert "".join(c.choices[0].delta.content or "" for c in chunks[:-1]) == "You said: hello"
    assert [c.choices[0].finish_reason for c in chunks[:-1] if c.choices[0].finish_reason] == ["stop"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage == ask(client, "hello").usage
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_the_raw_stream_is_server_sent_events_and_ends_with_done(server):
    response = post(server, body_of("lines", stream=True))
    assert response.headers["content-type"].startswith("text/event-stream")
    events = response.content.decode("ascii").split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    parsed = [json.loads(event.removeprefix("data: ")) for event in events[:-2]]
    assert "usage" not in parsed[0]
    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in parsed)
    assert said == "one\u2028two\r\nthree\x85four"


def test_characters_of_several_tokens_arrive_whole(client):
    pieces = [c.choices[0].delta.content or "" for c in ask(client, "emoji", stream=True)]
    assert "".join(pieces) == "Grüße 👩‍🚀 und 漢字 ✓"
    assert not any("\ufffd" in piece for piece in pieces)


@pytest.mark.parametrize("stop", ["said", ["xyz", "d: h", "aid: hello"]])
def test_no_part_of_a_stop_string_leaks(client, stop):
    chunks = list(ask(client, "hello", stream=True, stop=stop))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == ("You " if stop == "said" else "You sai")
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert ask(client, "hello", stop=stop).choices[0].message.content == text


def test_a_reply_cut_by_max_tokens_says_length(client):
    for name in ("max_tokens", "max_completion_tokens"):
        reply = ask(client, "hello", **{name: 3})
        assert reply.choices[0].message.content == "You"
        assert reply.choices[0].finish_reason == "length"
        assert reply.usage.completion_tokens == 3


def test_n_choices_with_seeds_of_their_own(client, server):
    reply = ask(client, "hello", n=3, seed=41, temperature=0.5)
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert [sampling.seed for _, sampling, _ in server.engine.calls[-3:]] == [41, 42, 43]
    assert reply.usage.completion_tokens == 3 * len("You said: hello")
    texts = ["", ""]
    finished = []
    for chunk in ask(client, "hello", n=2, stream=True):
        choice = chunk.choices[0]
        texts[choice.index] += choice.delta.content or ""
        finished += [choice.index] if choice.finish_reason else []
    assert texts == ["You said: hello"] * 2
    assert finished == [0, 1]


def test_sampling_reaches_the_engine_and_the_section_fills_the_gaps(running, watched):
    section = ServeSection(port=0, temperature=0.25, top_p=0.75, max_new_tokens=7)
    with running(watched(["x" * 50], name="mybot"), section=section) as server:
        post(server, body_of())
        post(server, body_of(temperature=1, top_p=0.5, seed=-5, stop=["a"], max_tokens=9))
        (_, default, _), (_, asked, _) = server.engine.calls
    assert (default.temperature, default.top_p, default.max_new_tokens) == (0.25, 0.75, 7)
    assert (asked.temperature, asked.top_p, asked.max_new_tokens, asked.stop) == (1.0, 0.5, 9, ("a",))
    assert asked.seed == 2**31 - 5


def test_without_a_seed_every_request_draws_its_own(client, server):
    for _ in range(2):
        ask(client, "hello")
    assert server.engine.calls[-1][1].seed != server.engine.calls[-2][1].seed


def test_models_are_the_variants(client, server):
    assert [model.id for model in client.models.list()] == ["mybot", "mybot:base"]
    assert client.models.retrieve("mybot:base").id == "mybot:base"
    ask(client, "hello", model="mybot:base")
    assert server.engine.calls[-1][0] == "base"
    ask(client, "hello")
    assert server.engine.calls[-1][0] == "tuned"


def test_system_and_developer_are_one_role_and_parts_are_text(client, server):
    for role in ("system", "developer"):
        client.chat.completions.create(
            model="mybot",
            messages=[
                {"role": role, "content": "Be brief."},
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
                },
            ],
        )
        assert server.engine.calls[-1][2] == "system\nBe brief.\nuser\nab\nassistant\n"


def test_the_servers_system_prompt_is_for_chats_without_one(running, watched):
    with running(watched(["x"], name="mybot"), system="You are Lumo.") as server:
        post(server, body_of())
        post(
            server,
            body_of() | {"messages": [{"role": "system", "content": "S"}, *body_of()["messages"]]},
        )
        prompts = [prompt for _, _, prompt in server.engine.calls]
    assert prompts[0].startswith("system\nYou are Lumo.\n")
    assert prompts[1].startswith("system\nS\n")


def test_an_answer_can_be_sent_back_as_the_client_gives_it(client):
    first = ask(client, "hello").choices[0].message
    messages = [{"role": "user", "content": "hello"}, first, {"role": "user", "content": "again"}]
    reply = client.chat.completions.create(model="mybot", messages=messages)
    assert reply.choices[0].message.content == "You said: again"


def test_health_tells_the_model_and_its_template(server, tiny_template):
    found = server.http.get("/health").json()
    assert found == {"status": "ok", "model": "mybot", "template": tiny_template.fingerprint}


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {"presence_penalty": 0, "frequency_penalty": 0.0, "logit_bias": {}, "logprobs": False},
        {"tools": [], "tool_choice": "none", "response_format": {"type": "text"}, "store": False},
        {
            "temperature": None,
            "stop": None,
            "top_logprobs": None,
            "stream": None,
            "n": None,
            "seed": None,
        },
        {"user": "someone"},
    ],
)
def test_a_field_that_asks_for_nothing_is_accepted(server, more):
    assert post(server, body_of(**more)).status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("top_k", 5),
        ("presence_penalty", 0.5),
        ("presence_penalty", False),
        ("logprobs", True),
        ("top_logprobs", 0),
        ("logit_bias", {"5": 1}),
        ("tools", [{"type": "function"}]),
        ("response_format", {"type": "json_object"}),
        ("metadata", {"a": "b"}),
        ("store", True),
        ("temprature", 1),
    ],
)
def test_a_field_without_effect_is_refused_by_name(client, server, field, value):
    before = len(server.engine.calls)
    message = assert_error(post(server, body_of(**{field: value})), 400, param=field)
    assert field in message
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, "hello", extra_body={field: value})
    assert caught.value.param == field
    assert len(server.engine.calls) == before


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1.0}, "max_tokens"),
        ({"max_tokens": 5, "max_completion_tokens": 5}, "max_tokens"),
        ({"n": 5}, "n"),
        ({"seed": 2**63}, "seed"),
        ({"seed": "1"}, "seed"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"stop": ""}, "stop"),
        ({"stop": ["a", 1]}, "stop[1]"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": {"obfuscate": True}}, "stream_options.obfuscate"),
        ({"model": 3}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": ["hello"]}, "messages[0]"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "x", "tool_call_id": "1"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": "x", "name": "Jo"}]}, "messages[0].name"),
        ({"messages": [{"role": "user", "content": "x", "mood": 1}]}, "messages[0].mood"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages[0].content[0].type",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content[0].text",
        ),
        (
            {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]},
            "messages[1].role",
        ),
        (
            {"messages": [{"role": "user", "content": "x"}, {"role": "system", "content": "y"},
                          {"role": "user", "content": "z"}]},
            "messages",
        ),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_by_name(server, more, param):
    assert_error(post(server, body_of() | more), 400, param=param)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 100_000, b"NaN",
        b'{"model": "mybot", "temperature": NaN, "messages": [{"role": "user", "content": "x"}]}',
        b'{"model": "mybot", "seed": ' + b"9" * 10_000 + b"}",
    ],
)  # fmt: skip
def test_a_body_that_is_no_json_object_is_refused(server, body):
    assert_error(post(server, body), 400, code="invalid_json")


def test_a_number_too_large_for_a_float_is_refused(server):
    body = json.dumps(body_of()).replace('"mybot"', '"mybot", "temperature": 1e999').encode()
    assert_error(post(server, body), 400, param="temperature")


def test_an_unknown_model_is_not_found(client, server):
    with pytest.raises(openai.NotFoundError) as caught:
        ask(client, "hello", model="gpt-\ud800".encode("utf-8", "replace").decode())
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no/such")
    assert_error(server.http.get("/v1/models/x"), 404, param="model", code="model_not_found")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/chat/completions", 405),
        ("PUT", "/v1/chat/completions", 405),
        ("POST", "/v1/models", 405),
        ("POST", "/health", 405),
        ("POST", "/v1/embeddings", 404),
        ("GET", "/v1/nothing", 404),
        ("POST", "/chat/completions", 404),
        ("GET", "/docs", 404),
        ("GET", "/openapi.json", 404),
        ("POST", "/gradio_api/upload", 404),
    ],
)
def test_wrong_addresses_and_methods_have_the_shape_of_every_error(server, method, path, status):
    assert_error(server.http.request(method, path), status)


def test_a_large_body_is_refused_with_and_without_a_declared_length(server):
    body = json.dumps(body_of("x" * 2**20)).encode()
    assert_error(post(server, body), 413)
    parts = (body[start : start + 65536] for start in range(0, len(body), 65536))
    response = server.http.post("/v1/chat/completions", content=parts)
    assert_error(response, 413)


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_longer_than_the_context_is_refused_before_it_starts(client, server, stream):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, "x" * 3000, stream=stream)
    assert caught.value.code == "context_length_exceeded"
    assert "2048" in caught.value.message


def test_a_reply_that_cannot_fit_is_refused_when_asked_for_and_cut_when_not(client, server):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, "long", max_tokens=2040)
    assert caught.value.param == "max_tokens"
    assert caught.value.code == "context_length_exceeded"
    reply = ask(client, "x" * 2000)
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage.total_tokens == 2048


# --- failures ------------------------------------------------------------------------------------


def test_a_failing_engine_is_a_500_that_keeps_its_reason_in_the_log(client, server, caplog):
    for stream in (False, True):
        response = post(server, body_of("fail", stream=stream))
        message = assert_error(response, 500, code="engine_failed")
        assert "weights" not in message
    with pytest.raises(openai.InternalServerError):
        ask(client, "fail")
    assert "the weights are gone" in caplog.text
    assert ask(client, "hello").choices[0].message.content == "You said: hello"


def test_a_failure_in_the_middle_ends_the_stream_with_an_error(client, server):
    server.engine.fail_after = 4
    try:
        text = post(server, body_of(stream=True)).text
        assert text.endswith("data: [DONE]\n\n")
        assert '"error":{' in text.split("\n\n")[-3]
        with pytest.raises(openai.APIError):
            list(ask(client, "hello", stream=True))
    finally:
        server.engine.fail_after = None


# --- who may ask ---------------------------------------------------------------------------------


def test_foreign_names_and_foreign_pages_are_turned_away(server):
    for host in ("evil.example", "evil.example:7860", "127.0.0.1.evil.example", ""):
        assert_error(server.http.get("/health", headers={"host": host}), 403)
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        response = post(server, body_of(), headers={"origin": origin})
        assert_error(response, 403)
        assert "access-control-allow-origin" not in response.headers
    port = server.url.rpartition(":")[2]
    for host in (f"localhost:{port}", f"[::1]:{port}", "127.0.0.1"):
        assert server.http.get("/health", headers={"host": host}).status_code == 200
    assert post(server, body_of(), headers={"origin": server.url}).status_code == 200


def test_everything_is_sent_with_a_policy_that_keeps_the_browser_here(server):
    policy = server.http.get("/").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "img-src 'self' data: blob:" in policy
    assert "http" not in policy
