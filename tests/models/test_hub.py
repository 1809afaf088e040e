"""Hub ids in processes of their own: from the hub's local cache, and from servers good and bad."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

COMMIT = "a" * 40
PROGRAM = """
import json, sys, time
from talkwright.errors import ModelError
from talkwright.models import find_base
import huggingface_hub
started = time.monotonic()
try:
    base = find_base(*sys.argv[1:])
    found = {"path": base.path, "origin": base.origin, "licence": base.licence}
except ModelError as error:
    found = {"error": str(error)}
print(json.dumps({**found, "seconds": time.monotonic() - started}))
"""


@pytest.fixture
def ask(tmp_path: Path, own_cache: Path) -> Callable[..., dict[str, Any]]:
    """What `find_base` says in a fresh process; keywords are environment variables."""

    def run(*arguments: str, **environment: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PROGRAM, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("HF_")},
                "PYTHONPATH": os.pathsep.join(sys.path),
                "HF_HOME": str(tmp_path / "hf"),
                "HF_HUB_DISABLE_TELEMETRY": "1",
                "NO_PROXY": "127.0.0.1",
                **environment,
            },
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture
def snapshot(tmp_path: Path, tiny_base) -> Path:
    """The tiny model as `owner/tiny` in the hub's local cache."""
    repository = tmp_path / "hf" / "hub" / "models--owner--tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    return Path(shutil.copytree(tiny_base.path, repository / "snapshots" / COMMIT))


def test_a_model_in_the_hubs_local_cache_needs_no_network(ask, snapshot: Path) -> None:
    found = ask("owner/tiny", HF_HUB_OFFLINE="1")
    assert found["path"] == str(snapshot)
    assert found["origin"] == f"hub owner/tiny@{COMMIT}"
    assert found["licence"] == "apache-2.0"
    assert ask("owner/tiny", COMMIT, HF_HUB_OFFLINE="1")["path"] == str(snapshot)


def test_offline_without_a_local_copy_is_a_quick_sentence(ask, snapshot: Path) -> None:
    for arguments in (("owner/other",), ("owner/tiny", "no-such-branch")):
        found = ask(*arguments, HF_HUB_OFFLINE="1")
        assert "not on this machine and no model hub answers" in found["error"]
        assert found["seconds"] < 5


@pytest.mark.parametrize("file", ["tokenizer.json", "config.json", "model.safetensors"])
def test_a_download_that_was_interrupted_is_not_taken_for_whole(ask, snapshot: Path, file: str) -> None:
    (snapshot / file).unlink()
    found = ask("owner/tiny", HF_HUB_OFFLINE="1")
    lacking = "its weights" if "weights" in found["error"] else file
    assert f"the local copy lacks {lacking}" in found["error"]


@pytest.fixture
def server() -> Iterator[Callable[[Callable[[BaseHTTPRequestHandler], None]], str]]:
    """Start a server on loopback whose every answer is given by a function; gives its address."""
    running: list[ThreadingHTTPServer] = []

    def start(answer: Callable[[BaseHTTPRequestHandler], None]) -> str:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                answer(self)

            def do_HEAD(self) -> None:
                answer(self)

            def log_message(self, *_: object) -> None:
                pass

        here = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        here.daemon_threads = True
        here.block_on_close = False
        threading.Thread(target=here.serve_forever, daemon=True).start()
        running.append(here)
        return f"http://127.0.0.1:{here.server_port}"

    yield start
    for each in running:
        each.shutdown()
        each.server_close()


def never(_: BaseHTTPRequestHandler) -> None:
    time.sleep(60)


def drop_by_drop(request: BaseHTTPRequestHandler) -> None:
    try:
        for letter in b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" * 3:
            request.wfile.write(bytes([letter]))
            request.wfile.flush()
            time.sleep(0.5)
    except OSError:
        pass  # the other side has gone


def only_the_start_page(request: BaseHTTPRequestHandler) -> None:
    if request.path.strip("/"):
        never(request)
    send(request, 200, b"<html>Please log in to this network</html>", "text/html")


def send(request: BaseHTTPRequestHandler, code: int, body: bytes, kind: str, **headers: str) -> None:
    request.send_response(code)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)


def out_of_order(request: BaseHTTPRequestHandler) -> None:
    send(request, 503, b"", "text/plain")


@pytest.mark.parametrize(
    "answer",
    [never, pytest.param(drop_by_drop, marks=pytest.mark.slow), only_the_start_page, out_of_order],
)
def test_a_hub_that_does_not_answer_is_given_up_in_five_seconds(ask, server, answer) -> None:
    found = ask("owner/tiny", HF_ENDPOINT=server(answer))
    assert "no model hub answers" in found["error"]
    assert found["seconds"] < 5


def test_a_port_where_nobody_listens_is_given_up_at_once(ask) -> None:
    found = ask("owner/tiny", HF_ENDPOINT="http://127.0.0.1:9")
    assert "no model hub answers" in found["error"]
    assert found["seconds"] < 5


def hub(model: Path, *, cut: str = "") -> Callable[[BaseHTTPRequestHandler], None]:
    """A hub with one model; the file named by `cut` breaks off in the middle."""
    files = {path.name: path.read_bytes() for path in model.iterdir()}

    def answer(request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        if not (path.startswith(("/api/models/owner/tiny", "/owner/tiny/resolve"))):
            return send(request, 404, b"{}", "application/json", X_Error_Code="RepoNotFound")
        if "/no-such-branch" in path:
            return send(request, 404, b"{}", "application/json", X_Error_Code="RevisionNotFound")
        if "/tree/" in path:
            rows = [
                {"type": "file", "path": name, "size": len(data), "oid": "0" * 40}
                for name, data in files.items()
            ]
            return send(request, 200, json.dumps(rows).encode(), "application/json")
        if path.startswith("/api/"):
            about = {
                "id": "owner/tiny",
                "modelId": "owner/tiny",
                "sha": COMMIT,
                "siblings": [{"rfilename": name} for name in files],
                "tags": [],
                "private": False,
                "downloads": 0,
            }
            return send(request, 200, json.dumps(about).encode(), "application/json")
        data = files[path.rpartition("/")[2]]
        if path.endswith(f"/{cut}") and request.command == "GET":
            request.send_response(200)
            request.send_header("Content-Length", str(len(data)))
            request.end_headers()
            request.wfile.write(data[: len(data) // 2])
            request.close_connection = True
            return None
        etag = f'"{abs(hash(data)):040x}"'
        return send(request, 200, data, "application/octet-stream", ETag=etag, X_Repo_Commit=COMMIT)

    return answer


def test_a_model_is_downloaded_once(ask, server, tiny_base) -> None:
    endpoint = server(hub(Path(tiny_base.path)))
    found = ask("owner/tiny", HF_ENDPOINT=endpoint)
    assert found.get("origin") == f"hub owner/tiny@{COMMIT}", found
    assert found["licence"] == "apache-2.0"
    again = ask("owner/tiny", HF_HUB_OFFLINE="1")
    assert again["path"] == found["path"]


def test_an_interrupted_download_is_completed(ask, server, snapshot: Path, tiny_base) -> None:
    (snapshot / "tokenizer.json").unlink()
    found = ask("owner/tiny", HF_ENDPOINT=server(hub(Path(tiny_base.path))))
    assert found.get("path") == str(snapshot), found
    assert (snapshot / "tokenizer.json").is_file()


def test_the_hub_says_no(ask, server, tiny_base) -> None:
    endpoint = server(hub(Path(tiny_base.path)))
    assert "the hub has no model 'owner/other'" in ask("owner/other", HF_ENDPOINT=endpoint)["error"]
    found = ask("owner/tiny", "no-such-branch", HF_ENDPOINT=endpoint)
    assert "has no revision 'no-such-branch'" in found["error"]


@pytest.mark.slow  # the hub's client tries five times, with pauses
def test_a_download_that_breaks_off_is_a_sentence(ask, server, tiny_base) -> None:
    found = ask("owner/tiny", HF_ENDPOINT=server(hub(Path(tiny_base.path), cut="model.safetensors")))
    assert "'owner/tiny' could not be downloaded" in found["error"]
