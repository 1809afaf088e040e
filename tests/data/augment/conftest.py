"""A small shop's chats, and an OpenAI-compatible endpoint on this machine that also misbehaves."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ITEMS = (
    "kettle",
    "lantern",
    "teapot",
    "ladle",
    "mirror",
    "carpet",
    "stool",
    "basket",
    "curtain",
    "vase",
)
ROOMS = ("kitchen", "cellar", "garden", "office")


def rows_of_a_shop() -> list[dict[str, Any]]:
    """Forty chats, each with a question of its own and facts in the answer."""
    rows = []
    for i, item in enumerate(ITEMS):
        for j, room in enumerate(ROOMS):
            price, days = 12 + 7 * i + j, 3 + i + 2 * j
            asked = (
                f"What does the {item} for the {room} cost?",
                f"How many days until a {room} {item} reaches me?",
                f"Can I send the {item} back after using it in my {room}?",
                f"Which colours do you have of the {item} made for a {room}?",
            )[(i + j) % 4]
            answer = (
                f"The {item} for the {room} is {price} euros and comes within {days} days. "
                f"See https://shop.example/{item}/{room} for the colours of Lumen Works."
            )
            rows.append([{"role": "user", "content": asked}, {"role": "assistant", "content": answer}])
    return [{"messages": row} for row in rows]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The shop's chats as a file."""
    path = tmp_path / "shop.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows_of_a_shop()), encoding="utf-8")
    return path


# --- an obliging model ---------------------------------------------------------------------------


OPENINGS = (
    "I was wondering about something in your shop and it is this",
    "Quick one from me today",
    "My neighbour told me to ask you people here",
    "Sorry to bother you once more",
)


def obliging(body: dict[str, Any]) -> str:
    """Do what the instruction says, in the simplest way that passes every check."""
    asked = body["messages"][-1]["content"]
    manner = int(hashlib.sha256(asked.encode()).hexdigest(), 16)
    before = OPENINGS[manner % len(OPENINGS)]
    texts = dict(re.findall(r"<(t\d+)>(.+?)</\1>", asked.rpartition("\n\nReply with")[0], re.DOTALL))
    if asked.startswith("Rewrite each message"):
        texts = {tag: f"{before}: {text}" for tag, text in texts.items()}
    elif "Translate each text into German" in asked:
        texts = {
            tag: f"Ich bitte sie um das und die Sache ist mir nicht klar: {text}"
            for tag, text in texts.items()
        }
    elif "Translate each text" in asked:
        texts = {
            tag: f"Here is what I would like to know: {text.rpartition(': ')[2]}"
            for tag, text in texts.items()
        }
    elif asked.startswith("Rewrite each answer"):
        texts = {
            tag: f"Gladly! {text} We hope that this was of use to you and wish you joy."
            for tag, text in texts.items()
        }
    elif asked.startswith("Below are a user's message"):
        return f"<question>{before}: my aunt is in doubt, {_after(asked, 'User: ')}</question>"
    elif asked.startswith("Answer the user's message"):
        return f"<answer>In that case: {_after(asked, 'Answer: ')}</answer>"
    else:
        example = _after(asked, "User: ")
        return (
            f"<question>{before} ({manner % 9973}): {example}</question>\n"
            f"<answer>As far as that goes: {_after(asked, 'Assistant: ')}</answer>"
        )
    return "\n".join(f"<{tag}>{text}</{tag}>" for tag, text in texts.items())


def _after(text: str, label: str) -> str:
    return text.split(label, 1)[1].split("\n", 1)[0]


# --- the endpoint --------------------------------------------------------------------------------

Misbehaviour = Callable[[BaseHTTPRequestHandler, dict[str, Any], int], bool]


class Endpoint:
    """A server on loopback. `misbehave` may answer a request in its own way, and then says True.

    `seen` holds every request: (prompt, headers, body). `answer` gives the text of good replies.
    """

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.misbehave: Misbehaviour | None = None
        self.answer: Callable[[dict[str, Any]], str] = obliging
        self.usage = True
        self.delay = 0.0
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                with outer._lock:
                    outer.at_once += 1
                    outer.most_at_once = max(outer.most_at_once, outer.at_once)
                try:
                    outer._serve(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True
                finally:
                    with outer._lock:
                        outer.at_once -= 1

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    @property
    def prompts(self) -> list[str]:
        """What was asked, in the order in which it came."""
        return [prompt for prompt, _, _ in self.seen]

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        raw = handler.rfile.read(int(handler.headers["Content-Length"]))
        body = json.loads(raw)
        prompt = "\n".join(m["content"] for m in body["messages"])
        with self._lock:
            self.seen.append((prompt, dict(handler.headers), body))
            number = len(self.seen)
        if self.delay:
            time.sleep(self.delay)
        if self.misbehave is not None and self.misbehave(handler, body, number):
            return
        send(handler, 200, completion(self.answer(body), body if self.usage else None))


def completion(text: str | None, body: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A chat completion as OpenAI gives it; `body` is the request whose tokens are counted."""
    value: dict[str, Any] = {
        "object": "chat.completion",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        ],
    }
    if body is not None:
        sent = sum(len(m["content"]) for m in body["messages"]) // 4
        value["usage"] = {"prompt_tokens": sent, "completion_tokens": len(text or "") // 4}
    value["choices"][0].update(changes)
    return value


def send(handler: BaseHTTPRequestHandler, status: int, value: Any, **headers: str) -> None:
    """Answer a request with JSON, or with bytes as they are."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    handler.send_response(status)
    for name, content in headers.items():
        handler.send_header(name.replace("_", "-"), content)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Send half a reply and close the connection."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [{"message": {"content": "<t1>half')
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


@contextmanager
def listening() -> Iterator[Endpoint]:
    """The endpoint, while it listens."""
    made = Endpoint()
    thread = threading.Thread(
        target=made.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """The endpoint, listening."""
    with listening() as made:
        yield made


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between attempts that a test can afford."""
    from talkwright.data.augment import client

    monkeypatch.setattr(client, "_FIRST_WAIT", 0.01)


# --- what tests call -----------------------------------------------------------------------------


class Shop:
    """The shop's data, prepared, and a way to augment it by the endpoint."""

    def __init__(self, folder: Path, chats: Path, endpoint: Endpoint):
        self.folder = folder
        self.endpoint = endpoint
        self.values: dict[str, Any] = {"sources": str(chats), "test": 0.2, "validation": 0.1}

    def recipe(self, *steps: dict[str, Any], at: dict[str, Any] | None = None, **settings: Any) -> Any:
        """A recipe with these steps; `at` changes the endpoint, `settings` the augment section."""
        from talkwright.config import build_recipe

        where = {
            "url": self.endpoint.url,
            "model": "writer-1",
            "timeout": 5.0,
            "retries": 3,
            **(at or {}),
        }
        section = {"endpoint": where, "steps": list(steps), **settings}
        return build_recipe({"name": "shop", "data": {**self.values, "augment": section}})

    def augment(self, recipe: Any, out: str = "new", **more: Any) -> dict[str, Any]:
        """Prepare once, and augment."""
        from talkwright.data import augment, endpoint_writer, prepare

        if not (self.folder / "data").is_dir():
            prepare(recipe.data, seed=recipe.seed, out=self.folder / "data")
        writer = more.pop("writer", None) or endpoint_writer(recipe.data.augment)
        return augment(
            recipe.data, self.folder / "data", writer, seed=recipe.seed, out=self.folder / out,
            cache=self.folder / "cache", **more,
        )  # fmt: skip

    def split(self, name: str) -> list[str]:
        """The questions of a split."""
        lines = (self.folder / "data" / f"{name}.jsonl").read_text("utf-8").splitlines()
        return [json.loads(line)["messages"][0]["content"] for line in lines]

    def rows(self, name: str, out: str = "new") -> list[dict[str, Any]]:
        """The rows of a file of the artefact."""
        return [
            json.loads(line) for line in (self.folder / out / f"{name}.jsonl").read_text().splitlines()
        ]

    def bytes_of(self, out: str = "new") -> dict[str, bytes]:
        """The artefact's files, the manifest aside."""
        return {
            p.name: p.read_bytes() for p in (self.folder / out).iterdir() if p.name != "manifest.json"
        }


Endpoint.send = staticmethod(send)  # type: ignore[attr-defined]
Endpoint.completion = staticmethod(completion)  # type: ignore[attr-defined]
Endpoint.hang_up = staticmethod(hang_up)  # type: ignore[attr-defined]


@pytest.fixture
def world(tmp_path: Path, shop: Path, endpoint: Endpoint) -> Shop:
    """A shop that can be augmented."""
    return Shop(tmp_path, shop, endpoint)
