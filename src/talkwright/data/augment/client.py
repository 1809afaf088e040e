"""Asking an endpoint: many at a time, patiently, and trusting it with little.

The key goes to the recipe's host and nowhere else: redirects are not followed, certificates are
checked, and whatever the endpoint sends back is rid of the key before anybody sees it. A reply is read
up to a limit and within a time, whatever the endpoint does.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from talkwright import __version__
from talkwright.config import EndpointSection, is_near
from talkwright.data.augment.asking import Queue, Request
from talkwright.data.augment.replies import Written
from talkwright.errors import EndpointError

if TYPE_CHECKING:
    import httpx2

_LARGEST_REPLY = 4 << 20  # bytes
_LONGEST_WAIT = 120.0  # seconds between two attempts, whatever Retry-After asks for
_FIRST_WAIT = 0.5  # seconds, doubled with every attempt
_HOPELESS = 6  # requests in a row that failed for good, before the endpoint is given up
_RETRIED = frozenset((408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529))


def ask_endpoint(
    endpoint: EndpointSection, key: str | None, deadline: float | None, queue: Queue
) -> None:
    """Have an endpoint answer a queue. Raises EndpointError when going on is no use."""
    _run(_Client(endpoint, key, deadline).serve(queue))


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end, also from within a notebook, which has an event loop of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


class _Again(Exception):
    """This attempt failed; another one may not. `wait` is what the endpoint asked for, in seconds."""

    def __init__(self, why: str, wait: float | None = None):
        super().__init__(why)
        self.why = why
        self.wait = wait


@dataclass(slots=True)
class _Client:
    """One round of asking. `_rest_until` holds all requests back when one was told to slow down."""

    endpoint: EndpointSection
    key: str | None
    deadline: float | None
    failed_in_a_row: int = 0
    _started: float = field(default_factory=time.monotonic)
    _rest_until: float = 0.0

    async def serve(self, queue: Queue) -> None:
        """Answer a queue, `max_concurrent` at a time, until it gives no more.

        Raises EndpointError when going on is no use; answers that came until then are handed in.
        """
        under_way: dict[asyncio.Task[Written], Request] = {}
        async with self._open() as client:
            try:
                while True:
                    while len(under_way) < self.endpoint.max_concurrent:
                        request = queue.take()
                        if request is None:
                            break
                        under_way[asyncio.create_task(self._answer(client, request))] = request
                    if not under_way:
                        return
                    left = self._time_left()
                    finished, _ = await asyncio.wait(
                        under_way, timeout=left, return_when=asyncio.FIRST_COMPLETED
                    )
                    if not finished:
                        raise EndpointError(
                            f"data.augment.deadline ({self.deadline:g} s) is over; what was answered is "
                            "kept, and the same command again goes on from there"
                        )
                    self._hand_in(finished, under_way, queue)
            finally:
                done = {task for task in under_way if task.done() and not task.cancelled()}
                for task in done:
                    if task.exception() is None:
                        queue.done(under_way[task], task.result())
                for task in under_way.keys() - done:
                    task.cancel()
                await asyncio.gather(*under_way, return_exceptions=True)

    def _hand_in(
        self,
        finished: set[asyncio.Task[Written]],
        under_way: dict[asyncio.Task[Written], Request],
        queue: Queue,
    ) -> None:
        # What was answered first, so that an error beside it loses nothing.
        for task in sorted(finished, key=lambda task: task.exception() is not None):
            request = under_way.pop(task)
            answer = task.result()
            queue.done(request, answer)
            self.failed_in_a_row = self.failed_in_a_row + 1 if answer.failed else 0
            if self.failed_in_a_row >= _HOPELESS:
                raise EndpointError(
                    f"{self._where}: {_HOPELESS} requests in a row failed, the last one with: "
                    f"{answer.failed}. What was answered is kept; put it right and run again"
                )

    def _open(self) -> httpx2.AsyncClient:
        import httpx2

        endpoint = self.endpoint
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            # Unpacked, a small reply can be of any size; so it is asked for as it is.
            "Accept-Encoding": "identity",
            "User-Agent": f"talkwright/{__version__}",
            **endpoint.headers,
        }
        if self.key is not None:
            bearer = endpoint.key_header.lower() == "authorization"
            headers[endpoint.key_header] = f"Bearer {self.key}" if bearer else self.key
        host = urlsplit(str(endpoint.url)).hostname or ""
        return httpx2.AsyncClient(
            headers=headers,
            timeout=httpx2.Timeout(endpoint.timeout, connect=min(endpoint.timeout, 20.0)),
            limits=httpx2.Limits(max_connections=endpoint.max_concurrent),
            follow_redirects=False,
            trust_env=not is_near(host),  # a proxy of the environment does not reach this machine
        )

    @property
    def _where(self) -> str:
        return str(self.endpoint.url).rstrip("/")

    def _time_left(self) -> float | None:
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - (time.monotonic() - self._started))

    async def _answer(self, client: httpx2.AsyncClient, request: Request) -> Written:
        """One request, tried until it is answered or given up. Raises EndpointError for all of them."""
        why = ""
        for attempt in range(self.endpoint.retries + 1):
            while (rest := self._rest_until - time.monotonic()) > 0:
                await asyncio.sleep(rest)
            try:
                return await asyncio.wait_for(self._attempt(client, request), self.endpoint.timeout)
            except asyncio.TimeoutError:
                again = _Again(f"no whole reply within {self.endpoint.timeout:g} s")
            except _Again as error:
                again = error
            why = self._without_key(again.why)
            if attempt == self.endpoint.retries:
                break
            # Jitter, so that requests refused together do not come back together.
            wait = _FIRST_WAIT * 2**attempt * random.uniform(0.5, 1.5)
            if again.wait is not None:
                if again.wait > _LONGEST_WAIT:
                    why += f", and it asks to wait for {again.wait:.0f} s"
                    break
                wait = max(wait, again.wait)
                self._rest_until = max(self._rest_until, time.monotonic() + again.wait)
            await asyncio.sleep(min(wait, _LONGEST_WAIT))
        return Written(failed=why)

    async def _attempt(self, client: httpx2.AsyncClient, request: Request) -> Written:
        import httpx2

        body = {
            "model": self.endpoint.model,
            "messages": [{"role": m.role, "content": m.content} for m in request.messages],
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
        }
        content = json.dumps(body, ensure_ascii=True).encode()
        try:
            async with client.stream("POST", f"{self._where}/chat/completions", content=content) as got:
                raw = await self._read(got)
                status, headers = got.status_code, got.headers
        except httpx2.ConnectError as error:
            if "CERTIFICATE" in str(error).upper():
                raise EndpointError(f"{self._where}: its certificate is not valid: {error}") from None
            raise _Again(f"no connection: {error}") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise _Again(f"{type(error).__name__}: {error}") from None
        if status != 200:
            return self._refused(status, headers, raw)
        answer = _answer_of(raw)
        return Written(
            self._without_key(answer.text), answer.finish, answer.tokens_in, answer.tokens_out
        )

    async def _read(self, got: httpx2.Response) -> bytes:
        """The reply's bytes. More than any honest reply has are not read."""
        if got.headers.get("content-encoding", "identity").lower() != "identity":
            raise _Again("a packed reply, though a plain one was asked for")
        pieces, size = [], 0
        async for piece in got.aiter_raw():
            pieces.append(piece)
            size += len(piece)
            if size > _LARGEST_REPLY:
                raise _Again(f"a reply of more than {_LARGEST_REPLY >> 20} MB")
        return b"".join(pieces)

    def _refused(self, status: int, headers: Any, raw: bytes) -> Written:
        """What a reply that is not "200 OK" means: try again, give up this row, or give up."""
        said = self._without_key(_error_text(raw))
        if 300 <= status < 400:
            target = self._without_key(headers.get("location", "nowhere"))
            raise EndpointError(
                f"{self._where}: it sends requests on to {target[:200]}, which is not followed, for "
                "data and key are for the recipe's host alone. If you trust it, name it as "
                "data.augment.endpoint.url"
            )
        if status in (401, 403):
            known = f"the key in {self.endpoint.key_env}" if self.key else "a request without a key"
            raise EndpointError(f"{self._where}: it refuses {known} (HTTP {status}): {said}")
        if status in (402,) or (status == 429 and "insufficient_quota" in said):
            raise EndpointError(f"{self._where}: the account is used up (HTTP {status}): {said}")
        if status in (404, 405, 410):
            raise EndpointError(
                f"{self._where}: no such address, or no model '{self.endpoint.model}' (HTTP {status}): "
                f"{said}. The address ends with the version, as in https://host/v1"
            )
        if status in _RETRIED:
            raise _Again(f"HTTP {status}: {said}", _retry_after(headers.get("retry-after")))
        return Written(failed=f"HTTP {status}: {said}")

    def _without_key(self, text: str) -> str:
        return text.replace(self.key, "[key]") if self.key else text


def _error_text(raw: bytes) -> str:
    """What an error reply says, in one line; of a page only that it is one."""
    text = raw[:20_000].decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        if re.match(r"\s*<(?:!doctype|html|head|body)", text, re.IGNORECASE):
            title = re.search(r"<title[^>]*>(.{0,100}?)</title", text, re.IGNORECASE | re.DOTALL)
            return f"an HTML page{f' ({_line(title[1])})' if title else ''}"
        return _line(text) or "nothing more"
    error = value.get("error", value) if isinstance(value, dict) else value
    if isinstance(error, dict):
        code = error.get("code")
        message = error.get("message") or error.get("detail") or json.dumps(error)
        return _line(f"{message} ({code})" if isinstance(code, str) else str(message))
    return _line(str(error))


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300]


def _retry_after(value: str | None) -> float | None:
    """Seconds to wait, from either form of the header (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    if re.fullmatch(r"\d{1,9}(?:\.\d+)?", value.strip()):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _answer_of(raw: bytes) -> Written:
    """Read a chat completion. Raises `_Again` for what is none."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise _Again(f"not JSON but {_error_text(raw)}") from None
    choices = value.get("choices") if isinstance(value, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(message, dict):
        raise _Again(f"no choices[0].message in it: {_error_text(raw)}")
    content = message.get("content")
    if isinstance(content, list):  # some send parts
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(text for text in texts if isinstance(text, str))
    usage = value.get("usage")
    sent, received = _tokens(usage, "prompt_tokens"), _tokens(usage, "completion_tokens")
    finish = first.get("finish_reason")
    if isinstance(message.get("refusal"), str) or finish == "content_filter":
        return Written(str(message.get("refusal") or ""), "refused", sent, received)
    if not isinstance(content, str) or not content.strip():
        if finish == "length":  # all spent on thinking
            return Written("", "length", sent, received)
        raise _Again("an empty reply")
    return Written(content, "length" if finish == "length" else "stop", sent, received)


def _tokens(usage: Any, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if type(value) is int and 0 <= value < 10**9 else None
