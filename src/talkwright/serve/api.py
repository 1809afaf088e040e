"""The OpenAI-compatible routes, an application of its own mounted under /v1."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from talkwright.engine import Engine, stream_reply
from talkwright.errors import RequestError
from talkwright.serve import openai
from talkwright.serve.desk import FAILED, Desk, DeskFull, Job
from talkwright.serve.guard import MAX_BODY
from talkwright.types import Message, Reply, Sampling

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import Response

    from talkwright.config import ServeSection

log = logging.getLogger("talkwright.serve")

RETRY_AFTER = "5"
"""Seconds after which a client that met a full line should ask again."""

STOPPING = "The server is ending and the answer was not completed."

Piece = tuple[int, str | Reply]
"""The choice it belongs to; a piece of its text or, last, the whole of it."""


def model_ids(engine: Engine) -> dict[str, str]:
    """Model id of the API to variant of the engine: the name itself is the default variant."""
    first, *others = engine.variants
    return {engine.name: first} | {f"{engine.name}:{variant}": variant for variant in others}


def room_for_reply(engine: Engine, messages: list[Message], asked: int | None, param: str) -> int:
    """How many tokens a reply can have. `asked` is a length the caller insists on, `param` its name.

    Raises RequestError (code context_length_exceeded) when prompt, or prompt and reply, do not fit.
    """
    n_prompt = len(engine.template.prompt_ids(messages))
    room = engine.context_length - n_prompt
    if room < 1:
        raise RequestError(
            f"The messages are {n_prompt} tokens long and the model can hold {engine.context_length} in "
            "all, with its reply. Send fewer or shorter messages.",
            param="messages",
            code="context_length_exceeded",
        )
    if asked is not None and asked > room:
        raise RequestError(
            f"{n_prompt} tokens of messages and a reply of {asked} are more than the model's "
            f"{engine.context_length}. Ask for at most {room}, or leave '{param}' out.",
            param=param,
            code="context_length_exceeded",
        )
    return room


def create_api(engine: Engine, section: ServeSection, desk: Desk, *, system: str | None) -> Starlette:
    """Chat completions and the list of models."""
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    models = model_ids(engine)
    started = int(time.time())

    async def chat(request: Request) -> Response:
        return await _chat(request, engine, section, desk, system)

    async def list_models(request: Request) -> Response:
        data = [_model(engine, name, started) for name in models]
        return JSONResponse({"object": "list", "data": data})

    async def one_model(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in models:
            return _unknown_model(name, models)
        return JSONResponse(_model(engine, name, started))

    return Starlette(
        routes=[
            Route("/chat/completions", chat, methods=["POST"]),
            Route("/models", list_models, methods=["GET"]),
            Route("/models/{name:path}", one_model, methods=["GET"]),
        ],
        exception_handlers={HTTPException: http_error},  # type: ignore[dict-item]
    )


async def http_error(request: Request, error: HTTPException) -> Response:
    """A wrong path or method, as OpenAI clients expect to read it."""
    known = {
        404: ("There is no such address here; the API is under /v1.", "not_found"),
        405: (f"{request.method} is not possible here.", "method_not_allowed"),
    }
    message, code = known.get(error.status_code, (str(error.detail), None))
    return _error(error.status_code, message, code=code, headers=error.headers)


async def _chat(
    request: Request, engine: Engine, section: ServeSection, desk: Desk, system: str | None
) -> Response:
    from starlette.requests import ClientDisconnect

    try:
        body = await _body(request)
        if body is None:
            return _error(413, f"The body is larger than {MAX_BODY} bytes.", code="request_too_large")
        wanted = openai.parse_request(body)
        models = model_ids(engine)
        if wanted.model not in models:
            return _unknown_model(wanted.model, models)
        messages = openai.messages_of(wanted, system)
        room = await asyncio.to_thread(
            room_for_reply, engine, messages, wanted.length, wanted.length_param
        )
        samplings = openai.samplings_of(wanted, section, room)
        job = desk.submit(_answers(engine, messages, samplings, models[wanted.model]))
        head = openai.Head(wanted.model, engine.template.fingerprint)
        gone = asyncio.ensure_future(_disconnected(request))
        gone.add_done_callback(lambda done: None if done.cancelled() else job.cancel())
        try:
            return await (_streamed if wanted.stream else _whole)(head, wanted, job)
        finally:
            gone.cancel()  # from here on the streaming response itself watches for it
    except RequestError as error:
        return _error(400, str(error), param=error.param, code=error.code)
    except DeskFull:
        return _error(
            429,
            f"{desk.open} requests are in line already. Try again in a few seconds.",
            kind="rate_limit_error",
            code="queue_full",
            headers={"retry-after": RETRY_AFTER},
        )
    except ClientDisconnect:
        return _stopped()
    except Exception:
        log.exception("answering a chat request failed")
        return _error(500, FAILED, kind="server_error", code="engine_failed")


def _answers(
    engine: Engine, messages: list[Message], samplings: list[Sampling], variant: str
) -> Callable[[Callable[[], bool]], Iterator[Piece]]:
    def work(cancelled: Callable[[], bool]) -> Iterator[Piece]:
        for index, sampling in enumerate(samplings):
            pieces = stream_reply(engine, messages, sampling, variant=variant, cancelled=cancelled)
            for piece in pieces:
                yield index, piece

    return work


async def _whole(head: openai.Head, wanted: openai.ChatRequest, job: Job[Piece]) -> Response:
    from starlette.responses import JSONResponse

    replies = [item[1] async for item in job.items() if item and isinstance(item[1], Reply)]
    if len(replies) < (wanted.n or 1):
        return _stopped()
    return JSONResponse(openai.completion(head, replies))


async def _streamed(head: openai.Head, wanted: openai.ChatRequest, job: Job[Piece]) -> Response:
    from starlette.responses import StreamingResponse

    pieces = job.items()
    # The first piece is waited for, so that whatever is wrong until then has a status code.
    first = await anext(pieces, None)
    if first is None:
        return _stopped()
    return StreamingResponse(
        _events(head, wanted, first, pieces),
        media_type="text/event-stream",
        headers={"cache-control": "no-cache", "x-accel-buffering": "no"},
    )


async def _events(
    head: openai.Head, wanted: openai.ChatRequest, first: Piece, rest: AsyncGenerator[Piece | None, None]
) -> AsyncIterator[str]:
    with_usage = bool(wanted.stream_options and wanted.stream_options.include_usage)
    replies: list[Reply] = []
    started = -1
    item: Piece | None = first
    async with aclosing(rest):
        try:
            while item is not None:
                index, piece = item
                if index > started:
                    started = index
                    opening = {"role": "assistant", "content": ""}
                    yield openai.event(openai.chunk(head, index, opening, None, with_usage=with_usage))
                if isinstance(piece, Reply):
                    replies.append(piece)
                    finish = openai.finish_reason(piece)
                    yield openai.event(openai.chunk(head, index, {}, finish, with_usage=with_usage))
                else:
                    delta = {"content": piece}
                    yield openai.event(openai.chunk(head, index, delta, None, with_usage=with_usage))
                item = await anext(rest, None)
            if len(replies) < (wanted.n or 1):
                yield openai.event(openai.error_body(STOPPING, "server_error", code="stopping"))
            elif with_usage:
                yield openai.event(openai.usage_chunk(head, replies))
        except Exception:
            log.exception("answering a chat request failed")
            yield openai.event(openai.error_body(FAILED, "server_error", code="engine_failed"))
        yield openai.DONE


async def _body(request: Request) -> bytes | None:
    """The request's body, or None when it is too large; it is not read any further then."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
            return None
        parts.append(part)
    return b"".join(parts)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _model(engine: Engine, name: str, created: int) -> dict[str, Any]:
    about = {"object": "model", "created": created, "owned_by": "talkwright", "root": engine.name}
    return {"id": name, **about}


def _unknown_model(name: str, models: Mapping[str, str]) -> Response:
    message = f"There is no model '{name[:100]}' here. There is: {', '.join(models)}."
    return _error(404, message, param="model", code="model_not_found")


def _error(
    status: int,
    message: str,
    *,
    kind: str = "invalid_request_error",
    param: str | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    from starlette.responses import Response

    # json.dumps and not JSONResponse: a message may quote text that UTF-8 cannot hold.
    body = json.dumps(openai.error_body(message, kind, param=param, code=code))
    return Response(body, status, headers, media_type="application/json")


def _stopped() -> Response:
    """The answer was cancelled: the client has left, and nobody reads this, or the server is ending."""
    return _error(503, STOPPING, kind="server_error", code="stopping")
