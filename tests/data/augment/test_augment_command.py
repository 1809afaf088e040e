"""`data augment` as it is typed, interrupted and killed; and new rows on their way into training."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from talkwright import __file__ as package
from talkwright.cli import main
from talkwright.report import write_report

KEY = "sk-test-0123456789abcdef0123"


@pytest.fixture
def recipe(tmp_path: Path, shop: Path, endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TEST_KEY", KEY)
    path = tmp_path / "shop.yaml"
    path.write_text(
        f"""
data:
  sources: shop.jsonl
  augment:
    endpoint: {{url: "{endpoint.url}", model: writer-1, key_env: TEST_KEY, max_concurrent: 3,
               price_in: 1.0, price_out: 2.0}}
    steps:
      - {{kind: paraphrase}}
      - {{kind: style, style: warm and chatty, max_rows: 6}}
"""
    )
    return path


def talkwright(capsys: Any, *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
    finally:
        signal.signal(signal.SIGTERM, before)
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return int(ended.value.code or 0), captured.out, captured.err


def started(recipe: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "talkwright", "data", "augment", str(recipe), "--json"]
    environment = {**os.environ, "PYTHONPATH": str(Path(package).parents[1])}
    return subprocess.Popen(
        command,
        cwd=recipe.parent,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition: Any, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def the_run(recipe: Path) -> Path:
    (run,) = (recipe.parent / "runs").glob("shop-*")
    return run


def test_a_preview_says_what_it_would_take_and_sends_nothing(
    recipe, endpoint, capsys, monkeypatch
) -> None:
    monkeypatch.delenv("TEST_KEY")  # not needed for that
    code, out, _ = talkwright(capsys, "data", "augment", recipe, "--preview")
    assert code == 0
    assert "requests  " in out
    assert "cost      about 0.0" in out
    assert "Nothing was sent." in out
    assert "<t1>" in out
    code, out, _ = talkwright(capsys, "data", "augment", recipe, "--preview", "--json")
    found = json.loads(out)
    assert found["kinds"] == {"paraphrase": found["rows"] - 6, "style": 6}
    assert found["tokens_in"] > 50 * found["rows"]
    assert endpoint.seen == []
    assert not (the_run(recipe) / "augment").exists()


def test_it_augments_a_recipe_and_a_run(recipe, endpoint, capsys) -> None:
    code, out, _ = talkwright(capsys, "data", "augment", recipe)
    assert code == 0
    assert out.startswith("asked ")
    assert " = kept " in out
    asked = len(endpoint.seen)
    run = the_run(recipe)
    code, out, _ = talkwright(capsys, "data", "augment", run.name, "--json")
    assert code == 0
    found = json.loads(out)
    assert found["asked"] == found["kept"] + sum(found["dropped"].values()) == asked
    assert len(endpoint.seen) == asked
    code, out, _ = talkwright(capsys, "runs", "show", run.name)
    assert "augment" in out
    code, _, err = talkwright(capsys, "data", "augment", run.name, "--set", "seed=8")
    assert code == 2
    assert "name the recipe" in err


def test_where_not_one_row_is_kept_the_exit_code_says_so(recipe, endpoint, capsys) -> None:
    endpoint.answer = lambda body: "I will not."
    for arguments in ((), ("--json",)):
        code, out, _ = talkwright(capsys, "data", "augment", recipe, *arguments)
        assert code == 1
        assert "kept 0 " in out or json.loads(out)["kept"] == 0


def test_a_recipe_without_steps_is_told_so(tmp_path, shop, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plain.yaml").write_text("data: shop.jsonl\n")
    code, _, err = talkwright(capsys, "data", "augment", "plain.yaml")
    assert code == 2
    assert "kind: paraphrase" in err


def test_the_key_is_in_no_file_and_no_output(recipe, endpoint, capsys) -> None:
    _, out, err = talkwright(capsys, "data", "augment", recipe, "--json")
    _, more, _ = talkwright(capsys, "runs", "show", "shop", "--json")
    assert "TEST_KEY" in more
    assert all(headers["Authorization"] == f"Bearer {KEY}" for _, headers, _ in endpoint.seen)
    assert KEY not in out + err + more
    files = [path for path in recipe.parent.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []


def test_a_key_written_into_the_recipe_is_refused_without_repeating_it(recipe, endpoint, capsys) -> None:
    recipe.write_text(recipe.read_text().replace("TEST_KEY", KEY))
    code, _, err = talkwright(capsys, "data", "augment", recipe)
    assert code == 2
    assert "not the key itself" in err
    assert KEY not in err
    recipe.write_text(recipe.read_text().replace(f"key_env: {KEY}", f"headers: {{api-key: {KEY}}}"))
    code, _, err = talkwright(capsys, "data", "augment", recipe)
    assert code == 2
    assert "looks like a secret" in err
    assert KEY not in err


def test_killed_and_run_again_it_asks_only_for_what_is_missing(recipe, endpoint) -> None:
    endpoint.delay = 0.05
    first = started(recipe)
    wait_for(lambda: len(endpoint.seen) >= 12 or first.poll() is not None)
    first.kill()
    first.communicate(timeout=30)
    assert first.returncode == -signal.SIGKILL
    wait_for(lambda: endpoint.at_once == 0)
    assert not (the_run(recipe) / "augment").exists()
    endpoint.delay = 0
    second = started(recipe)
    out, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    found = json.loads(out)
    often = Counter(endpoint.prompts)
    assert len(often) == found["asked"]
    assert sum(often.values()) - len(often) <= 3, "asked twice was only what was under way"
    left = (the_run(recipe) / "augment" / "train.jsonl").read_bytes()

    (recipe.parent / "runs").rename(recipe.parent / "first-runs")
    whole = started(recipe)
    _, err = whole.communicate(timeout=60)
    assert whole.returncode == 0, err
    assert (the_run(recipe) / "augment" / "train.jsonl").read_bytes() == left


def test_ctrl_c_ends_at_once_and_keeps_what_was_answered(recipe, endpoint) -> None:
    endpoint.misbehave = lambda h, b, n: bool(n > 9 and time.sleep(20))
    first = started(recipe)
    wait_for(lambda: len(endpoint.seen) >= 12 or first.poll() is not None)
    began = time.monotonic()
    first.send_signal(signal.SIGINT)
    _, err = first.communicate(timeout=15)
    assert time.monotonic() - began < 8
    assert first.returncode == 130, err
    assert "Interrupted. What was finished is kept; to go on:" in err
    assert "Traceback" not in err
    assert KEY not in err
    (kept,) = (recipe.parent / "runs" / ".cache" / "augment").iterdir()
    assert len(kept.read_bytes().splitlines()) == 9


# --- into training -------------------------------------------------------------------------------


def test_new_rows_go_to_training_and_nowhere_else(tiny_base, recipe, endpoint) -> None:
    from talkwright import pipeline
    from talkwright.config import load_recipe
    from talkwright.runs import manifest, read_json

    overrides = (f"model={tiny_base.path}", "template.max_length=2000")
    plain = load_recipe(recipe, (*overrides, "data.augment={}"))
    before = pipeline.run(plain, Path("plain"), until="check")
    made = load_recipe(recipe, overrides)
    after = pipeline.run(made, Path("runs"), until="check")
    counts = read_json(after / "augment" / "counts.json")
    assert counts["kept"] >= 20
    rows = [rows_of(run) for run in (before, after)]
    assert rows[1]["train"] == rows[0]["train"] + counts["kept"]
    assert rows[1]["validation"] == rows[0]["validation"]

    key = manifest(after / "check")["key"]
    pipeline.run(made, Path("runs"), until="check")
    assert manifest(after / "check")["key"] == key
    lines = (after / "augment" / "train.jsonl").read_text().splitlines()
    kept = next((Path("runs") / ".cache" / "augment").iterdir())
    kept.write_bytes(b"")
    endpoint.answer = lambda body: "nothing of use"
    pipeline.augment_run(made, Path("runs"))
    assert len(lines) > len((after / "augment" / "train.jsonl").read_text().splitlines())
    pipeline.run(made, Path("runs"), until="check")
    assert manifest(after / "check")["key"] != key, "other rows are checked anew"


def rows_of(run: Path) -> dict[str, int]:
    from talkwright.template import read_examples

    return {split: len(read_examples(run / "check", split)) for split in ("train", "validation")}


def test_the_base_model_itself_can_write(tiny_base, tmp_path, shop) -> None:
    """The whole way with a real, if tiny and untaught, model: its babble is dropped and counted."""
    from talkwright import pipeline
    from talkwright.config import build_recipe

    step = {"kind": "instruct", "count": 3, "max_tokens": 16}
    values = {
        "name": "local", "model": tiny_base.path, "evaluate": {"batch_size": 2},
        "data": {"sources": str(shop), "augment": {"engine": "local", "steps": [step]}},
    }  # fmt: skip
    here, counts = pipeline.augment_run(build_recipe(values), tmp_path / "runs")
    assert counts["asked"] == 3 == sum(counts["dropped"].values())
    assert counts["host"] == "local"
    # Its context holds 256 tokens, and one byte is one token.
    assert counts["dropped"] == {"failed_after_retries": 3}
    detail = json.loads((here / "augment" / "ledger.jsonl").read_text().splitlines()[0])["detail"]
    assert "do not fit into a context of 256" in detail


def test_an_engine_writes_rows_by_the_same_instructions(world, tiny_template) -> None:
    from talkwright.data import Writer
    from talkwright.engine import FakeEngine
    from talkwright.writer import engine_asker

    def answer(prompt: str) -> str:
        asked = prompt.split("user\n", 1)[1].rpartition("assistant")[0]
        return str(world.endpoint.answer({"messages": [{"content": asked}]}))

    engine = FakeEngine(tiny_template, answer, context_length=20_000)
    writer = Writer(engine_asker(engine, seed=1, batch_size=4), "fake", "local", "fake")
    recipe = world.recipe({"kind": "paraphrase", "max_rows": 6}, {"kind": "evolve", "max_rows": 3})
    counts = world.augment(recipe, writer=writer)
    assert counts["kept"] == 9, counts
    assert counts["tokens_in"] > 1000
    assert {row["made"]["host"] for row in world.rows("train")} == {"local"}
    asked = engine.asked
    world.augment(recipe, writer=writer, out="again")
    assert engine.asked == asked == 6 + 2 * 3
    assert world.bytes_of("again") == world.bytes_of("new")
    assert os.listdir(world.folder / "cache")


def test_where_new_rows_come_from_is_told_by_the_ledger_and_the_report(
    recipe: Path, capsys: Any, tmp_path: Path
) -> None:
    code, _, _ = talkwright(capsys, "data", "augment", recipe)
    assert code == 0
    (run,) = (path for path in (tmp_path / "runs").iterdir() if path.name[0] != ".")
    lines = [json.loads(line) for line in (run / "augment" / "train.jsonl").read_text().splitlines()]
    code, out, _ = talkwright(capsys, "data", "ledger", run, "--augmented", "--json", "--limit", "0")
    told = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [row["made"] for row in told] == [line["made"] for line in lines]
    assert {row["made"]["kind"] for row in told} == {"paraphrase", "style"}
    assert all(row["from"][0].startswith("shop.jsonl:") for row in told)
    _, out, _ = talkwright(capsys, "data", "ledger", run, "--augmented")
    assert f"paraphrase of {told[0]['from'][0]}, by writer-1 at" in out
    page = write_report(run).read_text()
    assert f"{len(lines)} rows of the training split" in page
    for row, line in zip(told, lines, strict=True):
        by = f"{line['made']['model']} at {line['made']['host']}"
        assert f"{line['where']}, from {row['from'][0]}, by {by}" in page


def test_a_run_without_new_rows_says_so(recipe: Path, capsys: Any, tmp_path: Path) -> None:
    out = tmp_path / "prepared"
    assert talkwright(capsys, "data", "prepare", tmp_path / "shop.jsonl", "--out", out)[0] == 0
    code, _, said = talkwright(capsys, "data", "ledger", out, "--augmented")
    assert code != 0
    assert "augment" in said
