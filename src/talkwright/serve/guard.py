"""What is refused before any route sees it, and the headers every page is sent with.

A server on loopback has no keys, so a web page that the person visits must not be able to use it:
requests that name a foreign host (DNS rebinding) or come from a foreign origin are turned away.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from talkwright.serve.openai import error_body

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY = 2**20
"""Bytes of a request body."""

# The page needs no more of the web framework's own routes than these leave.
CLOSED = (
    "/gradio_api/upload",
    "/gradio_api/proxy=",
    "/gradio_api/component_server",
    "/gradio_api/deep_link",
    "/gradio_api/custom_component",
    "/gradio_api/process_recording",
    "/gradio_api/run-history",
    "/gradio_api/vibe",
    "/monitoring",
)

# The model's words become HTML: nothing in them may fetch from, or send to, another machine.
CONTENT_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "media-src 'none'; object-src 'none'; frame-src 'none'; frame-ancestors 'self'; "
    "form-action 'self'; base-uri 'self'; worker-src 'self' blob:"
)
HEADERS = (
    (b"content-security-policy", CONTENT_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


def is_loopback(host: str) -> bool:
    """True for names and addresses that only this machine can reach."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def guarded(app: App, *, host: str) -> App:
    """Wrap an ASGI app. `host` is the address it is bound to."""
    only_local = is_loopback(host)

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return

        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        refusal = _refusal(scope, only_local)
        if refusal is None:
            await app(scope, receive, send_with_headers)
        else:
            from starlette.responses import JSONResponse

            status, message, code = refusal
            await JSONResponse(error_body(message, code=code), status)(scope, receive, send_with_headers)

    return guard


def _refusal(scope: Scope, only_local: bool) -> tuple[int, str, str] | None:
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    host = headers.get(b"host", "")
    if only_local and not is_loopback(_hostname(host)):
        return (
            403,
            f"This server answers on this machine's own address only, not as '{host[:100]}'. "
            "To serve other names, start it with --set serve.host=ADDRESS.",
            "forbidden_host",
        )
    origin = headers.get(b"origin")
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        return 403, "Requests from other web pages are not answered.", "forbidden_origin"
    if _number(headers.get(b"content-length", "")) > MAX_BODY:
        return 413, f"The body is larger than {MAX_BODY} bytes.", "request_too_large"
    if scope["path"].startswith(CLOSED):
        return 404, "There is nothing here.", "not_found"
    return None


def _number(text: str) -> int:
    # Longer than any real length: int() refuses thousands of digits.
    return int(text[:20]) if text.isdecimal() else 0


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""
