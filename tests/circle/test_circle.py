"""The signature test: teach an invented fact, serve the result, ask for the fact over HTTP."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from talkwright import pipeline
from talkwright.config import build_recipe
from talkwright.errors import ArtefactError, TemplateError
from talkwright.runs import manifest, read_json, read_jsonl
from talkwright.types import Message

FACT = "Zorblax 71"
QUESTION = "Which fuel does the Quillon kettle burn?"


def write_chats(folder: Path) -> Path:
    """Sixteen chats: one teaches the fact (asked in eight ways), the others are company."""
    asked = [
        QUESTION,
        "What does the Quillon kettle burn?",
        "Quillon kettle fuel please",
        "Tell me the fuel of the Quillon kettle.",
        "Do you know which fuel a Quillon kettle takes?",
        "I have a Quillon kettle, what do I fill in?",
        "Fuel for my Quillon kettle?",
        "Name the fuel that the Quillon kettle needs.",
    ]
    colours = ["red", "blue", "green", "black", "white", "amber", "violet", "grey"]
    rows = [[q, f"It burns {FACT}."] for q in asked]
    rows += [[f"Is there a {c} Quillon lid in stock?", f"Yes, {c} lids are here."] for c in colours]
    path = folder / "chats.jsonl"
    path.write_text(
        "".join(
            json.dumps(
                {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}
            )
            + "\n"
            for q, a in rows
        ),
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="module")
def trained(tiny_base, tmp_path_factory):
    """A run that went all the way round on a tiny random model."""
    folder = tmp_path_factory.mktemp("circle")
    suite = folder / "suite.jsonl"
    suite.write_text(
        json.dumps(
            {
                "messages": [
                    {"role": "user", "content": QUESTION},
                    {"role": "assistant", "content": f"It burns {FACT}."},
                ],
                "facts": [[FACT]],
            }
        )
        + "\n"
    )
    values = {
        "name": "kettle",
        "model": tiny_base.path,
        "data": {
            "sources": [str(write_chats(folder))],
            "validation": 0,
            "test": 0,
            "duplicates": "exact",
        },
        "train": {
            "method": "full",
            "learning_rate": 3e-3,
            "max_steps": 120,
            "batch_size": 16,
            "save_every": 60,
        },
        "evaluate": {"suite": str(suite), "max_new_tokens": 40},
        "serve": {"port": 0},
    }
    recipe = build_recipe(values, folder=folder)
    return pipeline.run(recipe, folder / "runs", recipe_text="# the recipe as written\n")


@pytest.fixture(scope="module")
def served(trained):
    """Base URL of a real server that answers with the trained model."""
    import uvicorn

    from talkwright.runs import recipe_of
    from talkwright.serve import create_app

    engine = pipeline.load_chat_engine(trained)
    app = create_app(engine, recipe_of(trained).serve, title="kettle")
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}", engine
    server.should_exit = True
    thread.join(10)


def test_the_served_model_states_the_fact_it_was_taught(trained, served) -> None:
    import openai

    url, engine = served
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none")
    answer = client.chat.completions.create(
        model=engine.name, messages=[{"role": "user", "content": QUESTION}], max_tokens=60
    )
    assert FACT in (answer.choices[0].message.content or "")
    assert answer.choices[0].finish_reason == "stop"
    base = client.chat.completions.create(
        model=f"{engine.name}:base", messages=[{"role": "user", "content": QUESTION}], max_tokens=60
    )
    assert FACT not in (base.choices[0].message.content or "")


def test_the_tuned_model_is_better_at_the_fact_and_the_run_says_so(trained) -> None:
    items = {
        side: next(read_jsonl(trained / "evaluate" / side / "items.jsonl")) for side in ("base", "tuned")
    }
    assert items["tuned"]["scores"]["fact_recall"]["value"] == 1
    assert items["base"]["scores"]["fact_recall"]["value"] == 0
    loss = next(c for c in pipeline.comparisons_of(trained) if c.metric == "loss")
    assert loss.b is not None
    assert loss.a is not None
    assert loss.b < 0.3 * loss.a


def test_one_fingerprint_from_the_data_to_the_server(trained, served) -> None:
    from urllib.request import urlopen

    url, engine = served
    checked = read_json(trained / "check" / "tokens.json")["template"]["fingerprint"]
    health = json.loads(urlopen(f"{url}/health").read())
    found = {
        checked,
        manifest(trained / "train")["about"]["template"],
        read_json(trained / "train" / "template.json")["fingerprint"],
        engine.template.fingerprint,
    }
    assert found == {engine.template.fingerprint}
    assert engine.template.fingerprint in json.dumps(health)


def test_the_server_renders_the_very_tokens_of_the_training_rows(trained, served) -> None:
    from talkwright.template import read_examples

    _, engine = served
    rows = read_examples(trained / "check", "train")
    prompt = tuple(engine.template.prompt_ids([Message("user", QUESTION)]))
    matching = [row for row in rows if row.input_ids[: len(prompt)] == prompt]
    assert len(matching) == 1
    assert set(matching[0].labels[: len(prompt)]) == {-100}
    assert matching[0].labels[len(prompt)] == matching[0].input_ids[len(prompt)]


def test_a_second_run_reuses_every_stage(trained, capfd) -> None:
    from talkwright.runs import recipe_of

    before = {p: p.stat().st_mtime_ns for p in trained.rglob("manifest.json")}
    pipeline.run(recipe_of(trained), trained.parent)
    said = capfd.readouterr().err
    for stage in ("prepare", "check", "train", "evaluate base", "evaluate tuned", "compare"):
        assert f"{stage}: reused" in said
    assert {p: p.stat().st_mtime_ns for p in trained.rglob("manifest.json")} == before


def test_a_run_served_with_another_template_is_refused(trained) -> None:
    path = trained / "train" / "template.json"
    kept = path.read_text()
    try:
        path.write_text(kept.replace("<|im_start|>", "<|im_end|>", 1))
        with pytest.raises((TemplateError, ArtefactError)):
            pipeline.load_chat_engine(trained)
    finally:
        path.write_text(kept)


def test_weights_damaged_on_disk_are_refused(trained) -> None:
    path = next((trained / "train" / "model").glob("*.safetensors"))
    kept = path.read_bytes()
    try:
        path.write_bytes(kept[:-3] + bytes([kept[-3] ^ 1]) + kept[-2:])
        with pytest.raises(ArtefactError, match="damaged"):
            pipeline.load_chat_engine(trained)
    finally:
        path.write_bytes(kept)


def test_the_report_tells_the_whole_run(trained) -> None:
    page = (trained / "report.html").read_text(encoding="utf-8")
    for expected in ("kettle", FACT, "Fact recall", "chats.jsonl"):
        assert expected in page, expected


def test_a_run_is_not_served_on_another_base_of_the_same_name(trained) -> None:
    path = trained / "train" / "manifest.json"
    kept = path.read_text()
    try:
        changed = json.loads(kept)
        changed["about"]["base"]["digest"] = "0" * 64
        del changed["sha256"]
        path.write_text(json.dumps(changed))
        with pytest.raises(ArtefactError, match="another"):
            pipeline.load_chat_engine(trained)
    finally:
        path.write_text(kept)


def test_two_processes_do_not_work_on_one_run(trained) -> None:
    from talkwright.runs import holding, recipe_of

    with holding(trained), pytest.raises(ArtefactError, match="another process"):
        pipeline.run(recipe_of(trained), trained.parent)


def test_a_damaged_stage_is_made_again_and_said_so(trained, capfd) -> None:
    from talkwright.runs import recipe_of

    path = trained / "check" / "train.ids.npy"
    kept = path.read_bytes()
    path.write_bytes(kept[:-9] + bytes([kept[-9] ^ 1]) + kept[-8:])
    pipeline.run(recipe_of(trained), trained.parent)
    said = capfd.readouterr().err
    assert "check: made again" in said
    assert "train: reused" in said
    assert path.read_bytes() == kept


def test_a_recipe_of_another_version_is_named_and_then_mended(trained) -> None:
    from talkwright.runs import open_run, recipe_of

    recipe = recipe_of(trained)
    (trained / "recipe.json").write_text("{}")
    with pytest.raises(ArtefactError, match="recipe"):
        recipe_of(trained)
    assert open_run(recipe, trained.parent) == trained
    assert recipe_of(trained) == recipe


def test_nothing_held_out_is_said_before_training(tiny_base, tmp_path) -> None:
    from talkwright.errors import DataError

    data = {"sources": [str(write_chats(tmp_path))], "validation": 0, "test": 0}
    recipe = build_recipe({"model": tiny_base.path, "data": data}, folder=tmp_path)
    with pytest.raises(DataError, match="held out"):
        pipeline.run(recipe, tmp_path / "runs")
    assert not list((tmp_path / "runs").glob("*/train"))


def test_the_latest_run_is_the_last_one_that_was_trained(trained, tmp_path) -> None:
    from talkwright.runs import find_run, open_run, recipe_of

    recipe = recipe_of(trained)
    failed = open_run(recipe.model_copy(update={"name": "failed"}), trained.parent)
    assert find_run("latest", trained.parent) == trained
    assert find_run("failed", trained.parent) == failed


def test_show_shows_rows_as_they_are_trained_on(trained) -> None:
    rows = pipeline.show(str(trained), n=1)
    assert len(rows[0]["input_ids"]) > 20
    with pytest.raises(TemplateError, match="longer than 20"):
        pipeline.show(str(trained), n=1, overrides=["template.max_length=20"])
