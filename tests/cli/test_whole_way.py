"""Every command once on a tiny model made here: the JSON other programs build on, and the text."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from talkwright.cli import main
from talkwright.config import Recipe
from talkwright.types import BaseModel


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, tiny_base: BaseModel) -> Path:
    """A folder with a tiny model, some chats and a recipe of four lines."""
    folder = tmp_path_factory.mktemp("whole-way")
    shutil.copytree(tiny_base.path, folder / "tiny")
    rows = [
        {
            "prompt": f"What does shelf {n} hold?",
            "completion": f"{chr(97 + n % 26) * 3} jars, {n * 7} of them.",
        }
        for n in range(40)
    ]
    (folder / "chats.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8"
    )
    (folder / "recipe.yaml").write_text(
        "model: ./tiny\ndata: {sources: chats.jsonl, test: 0.2}\ntrain: {max_steps: 4, eval_every: 2}\n"
        "evaluate: {max_new_tokens: 8, prompts: 4}\n",
        encoding="utf-8",
    )
    return folder


class Done(NamedTuple):
    """What a command printed."""

    out: str
    err: str


def talkwright(place: Path, *arguments: str, text: str = "") -> Done:
    """Run a command in `place`, in this process: importing torch anew each time would cost most."""
    out, err = io.StringIO(), io.StringIO()
    here, handler = Path.cwd(), signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setattr("sys.argv", ["talkwright"])
        patch.setattr("sys.stdin", io.StringIO(text))
        patch.setattr("sys.unraisablehook", sys.unraisablehook)  # which `main` sets
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main(list(arguments))
    signal.signal(signal.SIGTERM, handler)
    assert Path.cwd() == here
    assert not ended.value.code, err.getvalue()
    return Done(out.getvalue(), err.getvalue())


def json_of(done: Done) -> Any:
    (line,) = done.out.splitlines()
    return json.loads(line)


@pytest.fixture(scope="module")
def first(place: Path) -> Path:
    """The run that `talkwright run` makes."""
    done = talkwright(place, "run", "recipe.yaml", "--json")
    found = json_of(done)
    run = place / found["run"]
    assert (run / "report.html").is_file()
    assert place / found["report"] == run / "report.html"
    assert [row["metric"] for row in found["comparison"]]
    return run


def test_a_second_run_reuses_every_stage_and_says_what_to_type_next(place: Path, first: Path) -> None:
    weights = (first / "train" / "manifest.json").read_text()
    done = talkwright(place, "run", "recipe.yaml")
    assert (first / "train" / "manifest.json").read_text() == weights
    assert done.err.count("reused") >= 5
    assert "verdict" in done.out
    assert f"Report: {Path('runs') / first.name / 'report.html'}" in done.out
    for command in ("chat", "serve", "show"):
        assert f"{command} {first.name}" in done.out


def test_train_stops_after_training(place: Path, first: Path) -> None:
    found = json_of(
        talkwright(place, "train", "recipe.yaml", "--json", "--set", "seed=3", "--runs", "other")
    )
    run = place / found["run"]
    assert run.parent.name == "other"
    assert run.name != first.name
    assert found["summary"]
    assert (run / "train" / "manifest.json").is_file()
    assert not (run / "evaluate").exists()
    Recipe.model_validate(json.loads((run / "recipe.json").read_text()))

    found = json_of(talkwright(place, "evaluate", "--json", "--runs", "other"))
    assert place / found["run"] == run
    assert (run / "compare" / "comparisons.json").is_file()

    between = json_of(talkwright(place, "compare", str(first), str(run), "--json"))
    keys = {"metric", "a", "b", "delta", "low", "high", "n", "unscored", "verdict"}
    assert all(keys <= row.keys() for row in between)
    assert {row["verdict"] for row in between} <= {"better", "worse", "no evidence"}
    table = talkwright(place, "compare", str(first), str(run), "--set", "compare.confidence=0.9").out
    assert first.name in table
    assert run.name in table


def test_show_gives_ids_labels_and_tokens(place: Path, first: Path) -> None:
    from_run = json_of(talkwright(place, "show", "--json", "-n", "2"))
    from_file = json_of(talkwright(place, "show", "chats.jsonl", "--model", "./tiny", "--json"))
    assert (len(from_run), len(from_file)) == (2, 3)
    for example in [*from_run, *from_file]:
        assert len(example["input_ids"]) == len(example["labels"]) == len(example["tokens"])
        learnt = [
            token
            for token, label in zip(example["tokens"], example["labels"], strict=True)
            if label != -100
        ]
        assert "".join(learnt).endswith("of them.<|im_end|>")
    plain = talkwright(place, "show", "chats.jsonl", "--model", "./tiny", "-n", "1").out
    assert plain.rstrip().removesuffix("]]").endswith("<|im_end|>")
    assert "<|im_start|>assistant\n[[aaa jars, 0 of them.<|im_end|>]]" in plain
    assert "⟨256⟩" in talkwright(place, "show", "chats.jsonl", "--model", "./tiny", "--ids").out


def test_report_and_runs_know_the_run(place: Path, first: Path) -> None:
    page = first / "report.html"
    page.unlink()
    found = json_of(talkwright(place, "report", first.name, "--json"))
    assert place / found["report"] == page
    assert page.is_file()
    (listed,) = json_of(talkwright(place, "runs", "--json"))
    assert listed["name"] == first.name
    assert listed["stages"] == ["data", "check", "train", "evaluate/base", "evaluate/tuned", "compare"]
    shown = talkwright(place, "runs", "show").out
    assert "verdict" in shown
    assert "report.html" in shown


def test_chat_answers_a_line_with_a_line(place: Path, first: Path) -> None:
    done = talkwright(
        place, "chat", "--json", "--max-new-tokens", "5", text="What does shelf 1 hold?\n\nAnd 2?\n"
    )
    replies = [json.loads(line) for line in done.out.splitlines()]
    assert len(replies) == 2
    assert all(reply["n_reply"] <= 5 for reply in replies)
    assert replies[1]["n_prompt"] > replies[0]["n_prompt"]
    bare = talkwright(place, "chat", "./tiny", "--json", "--max-new-tokens", "3", text="Hello\n")
    assert json.loads(bare.out)["finish"] in ("stop", "length")


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 0)])
def test_serve_says_where_it_is_and_stops_when_told(
    place: Path, first: Path, number: signal.Signals, code: int
) -> None:
    source = Path(__file__).resolve().parents[2] / "src"
    command = [sys.executable, "-m", "talkwright", "serve", "--port", "0", "--json"]
    with subprocess.Popen(
        command,
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(source)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        said = json.loads(server.stdout.readline())
        with urllib.request.urlopen(f"{said['url'].rstrip('/')}/health", timeout=30) as answer:
            assert json.load(answer)["model"] == first.name
        server.send_signal(number)
        _, errors = server.communicate(timeout=60)
    assert server.returncode == code, errors
    assert "Traceback" not in errors
