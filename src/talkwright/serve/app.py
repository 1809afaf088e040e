"""One application on one port: the API under /v1, /health, and the page at /."""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from talkwright.engine import Engine
from talkwright.errors import TalkwrightError
from talkwright.serve.api import create_api, http_error
from talkwright.serve.desk import Desk
from talkwright.serve.guard import guarded, is_loopback
from talkwright.serve.page import mount_page

if TYPE_CHECKING:
    from fastapi import FastAPI

    from talkwright.config import ServeSection


def create_app(
    engine: Engine,
    section: ServeSection,
    *,
    system: str | None = None,
    title: str = "Talkwright",
    waiting: int = 32,
) -> FastAPI:
    """Build the application. `system` is put before chats without a system prompt.

    `waiting` is how many requests may be in line behind the one being answered; more get HTTP 429.
    """
    from fastapi import FastAPI
    from starlette.exceptions import HTTPException
    from starlette.routing import Mount, Route

    desk = Desk(waiting)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        desk.close()

    app = FastAPI(
        title=title,
        lifespan=lifespan,
        docs_url=None,  # the built-in documentation pages load scripts from another server
        redoc_url=None,
        openapi_url=None,
        exception_handlers={HTTPException: http_error},
    )
    app.state.desk = desk
    app.router.routes.append(Route("/health", _health(engine)))
    app.router.routes.append(Mount("/v1", create_api(engine, section, desk, system=system)))
    mount_page(app, engine, section, desk, system=system, title=title)
    app.add_middleware(guarded, host=section.host)
    return app


def _health(engine: Engine) -> Any:
    from starlette.endpoints import HTTPEndpoint
    from starlette.requests import Request
    from starlette.responses import JSONResponse

    class Health(HTTPEndpoint):  # a class, because for one Starlette answers other methods with 405
        async def get(self, request: Request) -> JSONResponse:
            """Say that the server is there, and what it serves."""
            return JSONResponse(
                {"status": "ok", "model": engine.name, "template": engine.template.fingerprint}
            )

    return Health


def run_server(
    engine: Engine,
    section: ServeSection,
    *,
    system: str | None,
    title: str,
    announce: Callable[[str], None],
) -> None:
    """Serve until Ctrl-C. `announce` gets sentences for the person at the keyboard.

    The address is announced once it can be connected to; port 0 takes a free one. Raises
    TalkwrightError when the address cannot be listened on.
    """
    import uvicorn

    app = create_app(engine, section, system=system, title=title)
    listening = _listen(section)
    shown = f"[{section.host}]" if ":" in section.host else section.host
    url = f"http://{shown}:{listening.getsockname()[1]}"

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            if self.started:
                announce(f"Chat page: {url}/   API: {url}/v1   (Ctrl-C stops)")

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            app.state.desk.close()
            # Open pages keep a connection each, and cutting those is nothing to report.
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
            await super().shutdown(sockets=sockets)

    if not is_loopback(section.host):
        announce(
            f"Warning: {section.host} can be reached from other machines, and there are no keys: "
            "whoever reaches it can use the model."
        )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    try:
        Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        announce("Stopped.")
    finally:
        listening.close()


def _listen(section: ServeSection) -> socket.socket:
    try:
        family = socket.getaddrinfo(section.host, section.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((section.host, section.port), family=family)
    except OSError as error:
        raise TalkwrightError(
            f"Cannot listen on {section.host}, port {section.port}: {error.strerror or error}. Is "
            "another server running there? Name another port with --set serve.port=…; 0 is any free one."
        ) from None
