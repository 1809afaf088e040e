"""`run_server` as the command line uses it: announcing, refusing, ending."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from talkwright.config import ServeSection
from talkwright.errors import TalkwrightError
from talkwright.serve import run_server

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from conftest import CHATML, byte_tokenizer
from talkwright.config import ServeSection
from talkwright.engine import FakeEngine
from talkwright.serve import run_server
from talkwright.template import Template

template = Template(byte_tokenizer(["<|im_start|>", "<|im_end|>"], CHATML, eos="<|im_end|>"))
engine = FakeEngine(template, ["word " * 300], name="mybot", delay=0.02)
section = ServeSection(port=0, host=sys.argv[1])
run_server(engine, section, system=None, title="My bot", announce=lambda line: print(line, flush=True))
print("ended")
"""


def test_a_taken_port_is_a_sentence_that_names_the_way_out(watched):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(TalkwrightError, match=r"--set serve\.port=") as caught:
            run_server(
                watched(["x"]),
                ServeSection(port=port),
                system=None,
                title="My bot",
                announce=lambda line: pytest.fail(line),
            )
    assert str(port) in str(caught.value)


def test_an_address_of_another_machine_cannot_be_listened_on(watched):
    section = ServeSection(host="192.0.2.1")
    with pytest.raises(TalkwrightError, match=r"192\.0\.2\.1"):
        run_server(watched(["x"]), section, system=None, title="My bot", announce=pytest.fail)


def test_it_announces_when_it_listens_warns_of_open_hosts_and_ends_with_ctrl_c():
    script = SCRIPT.format(tests=str(ROOT / "tests"))
    process = subprocess.Popen(
        [sys.executable, "-c", script, "0.0.0.0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "HF_HUB_OFFLINE": "1"},
    )
    assert process.stdout is not None
    guard = threading.Timer(60, process.kill)
    guard.start()
    try:
        assert "no keys" in process.stdout.readline()
        announced = process.stdout.readline()
        port = int(announced.split("http://0.0.0.0:")[1].split("/")[0])
        assert port > 0
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as response:
            assert response.status == 200
        body = b'{"model":"mybot","stream":true,"messages":[{"role":"user","content":"x"}]}'
        request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/chat/completions", body)
        with urllib.request.urlopen(request, timeout=5) as streaming:
            streaming.readline()  # somebody is being answered when Ctrl-C comes
            process.send_signal(signal.SIGINT)
            rest = process.communicate(timeout=15)[0]
    finally:
        guard.cancel()
        process.kill()
        process.wait()
    assert process.returncode == 0, rest
    assert rest.strip().splitlines()[0] == "Stopped."
    assert rest.strip().splitlines()[-1] == "ended"
    assert "Traceback" not in rest
