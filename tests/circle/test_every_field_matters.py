"""Invariant: no silent settings. Every field of the recipe, when changed, changes something a person
can see: a result, a file, a page, an answer, or a refusal. A field without a case here fails."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest

from talkwright import pipeline
from talkwright.config import Recipe, Section, build_recipe
from talkwright.errors import TalkwrightError
from talkwright.runs import open_run, read_json, read_jsonl

# --- every field there is ------------------------------------------------------------------------


def fields_of(section: type[Section], prefix: str = "") -> list[str]:
    """Dotted names of all leaves below a section."""
    names: list[str] = []
    for name, field in section.model_fields.items():
        inner = field.annotation
        if get_origin(inner) is list and isinstance(member := get_args(inner)[0], type(Section)):
            names += fields_of(member, f"{prefix}{name}.")
        elif isinstance(inner, type) and issubclass(inner, Section):
            names += fields_of(inner, f"{prefix}{name}.")
        else:
            names.append(prefix + name)
    return names


# --- a small world to observe --------------------------------------------------------------------


class World:
    """A folder with untidy data and a tiny model, and a recipe over them."""

    def __init__(self, folder: Path, model: str):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.write_data()
        self.values: dict[str, Any] = {
            "name": "world",
            "model": {"name": model},
            "data": {
                "sources": [{"path": "chats.jsonl"}, {"path": "faq.csv", "columns": {}}],
                "validation": 0.2,
                "test": 0.2,
            },
            "template": {"max_length": 160},
            "train": {
                "max_steps": 6, "batch_size": 4, "eval_every": 2, "save_every": 2, "learning_rate": 1e-2,
            },
            "evaluate": {"prompts": 4, "loss_rows": 4, "max_new_tokens": 4},
            "compare": {"resamples": 200},
        }  # fmt: skip

    def write_data(self) -> None:
        rows = []
        for n in range(24):
            asked, answer = (
                f"question {n * 7919 % 1000} about item {n}?",
                f"answer {n * 31 % 97}, see shelf {n}",
            )
            rows.append([{"role": "user", "content": asked}, {"role": "assistant", "content": answer}])
        rows[1].insert(0, {"role": "system", "content": "Be brief."})
        rows[2] += [
            {"role": "user", "content": "and then?"},
            {"role": "assistant", "content": "nothing"},
        ]
        say = lambda q, a: [{"role": "user", "content": q}, {"role": "assistant", "content": a}]  # noqa: E731
        rows += [
            say("where do i write to?", "To help@example.com please"),
            say("is it bold?", "<p>Yes, <b>bold</b></p>"),
            say("is it odd?", "Itâ€™s odd, and we donâ€™t know why it is"),
            say("a long one?", "word " * 60),
            say(
                "same thing twice and thrice, and even a fourth time?",
                "Yes, it is the very same thing here.",
            ),
            say(
                "same thing twice and thrice, and even a fourth time!",
                "Yes, it is the very same thing here!",
            ),
            say(
                "can you tell me how many cells the small garden lamp by the front door takes",
                "Three of them",
            ),
            say(
                "can you tell me how many cells the small garden lamp by the back door takes",
                "Three of them",
            ),
            say("how many legs?", "It has 4 legs"),
            say("how many legs?", "It has 9 legs"),
        ]
        lines = [json.dumps({"messages": row}) for row in rows] + ["{broken"]
        (self.folder / "chats.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        faq = ["Question,Answer,Alias,Reply,Persona,Thread"]
        faq += [
            f"csv question {n}?,csv answer {n * 13},alias {n},reply {n},persona {n},{n // 6}"
            for n in range(12)
        ]
        (self.folder / "faq.csv").write_text("\n".join(faq) + "\n", encoding="utf-8")
        battles = []
        for n in range(24):
            talk = say(f"battle question {n * 7919 % 1000}?", f"battle answer {n * 31 % 97} of {n}")
            battles.append({
                "model_a": f"m{n % 2}", "model_b": "m9", "winner": "tie" if n % 5 == 0 else "model_a",
                "conversation_a": talk * (1 + n % 3 // 2), "conversation_b": say("x?", "y"),
                "language": ["English", "German"][n % 2], "tstamp": 1.7e9 + n * 86_400,
                "toxic_chat_tag": {"flagged": n == 7},
            })  # fmt: skip
        (self.folder / "battles.jsonl").write_text("".join(json.dumps(row) + "\n" for row in battles))
        people = [
            {"dialog": [{"speaker": who, "text": f"{said} {n}"} for who, said in
                        (("Ann", "who is it"), ("Bob", "it is me"), ("Ann", "come in"), ("Bob", "thanks"))]}
            for n in range(3)
        ]  # fmt: skip
        (self.folder / "people.jsonl").write_text("".join(json.dumps(row) + "\n" for row in people))
        for name in ("train", "test", "b/train"):
            path = self.folder / "set" / f"{name}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"prompt,completion\nset question {name}?,set answer {name} 7\n")
        odd = [
            say("Below is an instruction that describes a task. Write a response that appropriately "
                "completes the request.\n\n### Instruction:\nName a bird.\n\n### Response:", "A wren."),
            say("what is a title?", "**Title** is what stands at the top"),
            say("where is it?", "At {{Street}}, number 5."),
            say("who made you?", "As an AI language model, I do not know."),
            say("say it", "It is really so, my friend. " * 5),
            say("how long is it?", "It is a very long story which I would like to tell you now, and the"),
            say("how heavy is the iron anvil?", "Please contact us, we are happy to help."),
            say("what do you think of it?", "That is bullshit."),
            say("wie teuer ist das?", "Das ist nicht sehr teuer, und Sie können es im Laden für 9 Euro haben."),
        ]  # fmt: skip
        (self.folder / "odd.jsonl").write_text(
            "".join(json.dumps({"messages": row}) + "\n" for row in odd)
        )
        (self.folder / "suite.jsonl").write_text(
            json.dumps({"messages": say("suite?", "suite!")}) + "\n"
        )
        (self.folder / "other.jinja").write_text(
            "{% for m in messages %}{{ '<|im_start|>' + m['role'] + ': ' + m['content'] + '<|im_end|>' }}"
            "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant: ' }}{% endif %}"
        )

    def recipe(self, change: dict[str, Any]) -> Recipe:
        values = copy.deepcopy(self.values)
        for dotted, value in change.items():
            *path, last = dotted.split(".")
            target: Any = values
            for part in path:
                if part == "sources":
                    # Fields of a source are changed on the CSV, whose columns are the richer ones.
                    target = target["sources"][1]
                    continue
                target = target.setdefault(part, {})
                if part in ("steps", "rules"):
                    target = target[0]
            target[last] = copy.deepcopy(value)
        return build_recipe(values, folder=self.folder)


@pytest.fixture(scope="module")
def world(tiny_base, tmp_path_factory) -> World:
    return World(tmp_path_factory.mktemp("world"), tiny_base.path)


# --- what can be seen ----------------------------------------------------------------------------
# Each observer gives JSON. Errors of ours count as something seen: a refusal is an effect.


def seen_in_data(world: World, recipe: Recipe) -> Any:
    out = world.folder / "observed-data"
    pipeline.prepare_data(recipe.data, recipe.seed, out)
    counts = read_json(out / "counts.json")
    texts = {split: [r["messages"] for r in read_jsonl(out / f"{split}.jsonl")]
             for split in ("train", "validation", "test")}  # fmt: skip
    return [counts["dropped"], counts["repaired"], counts["marked"], counts["read"], texts]


def seen_by_doctor(world: World, recipe: Recipe) -> Any:
    out = world.folder / "observed-data"
    pipeline.prepare_data(recipe.data, recipe.seed, out)
    return read_json(out / "doctor.json") if recipe.data.doctor else (out / "doctor.json").exists()


def seen_in_tokens(world: World, recipe: Recipe) -> Any:
    here = open_run(recipe, world.folder / "observed-runs")
    pipeline.prepare(recipe, here)
    base, template = pipeline.find_model(recipe)
    pipeline.check(recipe, here, base, template)
    tokens = read_json(here / "check" / "tokens.json")
    return [tokens["splits"], read_json(here / "check" / "shown.json")]


def seen_in_plan(world: World, recipe: Recipe) -> Any:
    here = pipeline.run(recipe, world.folder / "planned-runs", until="train")
    return sorted(path.name for path in (here / "plan").glob("*"))


def seen_in_compiling(world: World, recipe: Recipe) -> Any:
    """Without translating: the hooks that observe training would be translated, too, again and again."""
    import torch

    asked: list[bool] = []
    compile_, torch.compile = torch.compile, lambda plain, **_: asked.append(True) or plain
    try:
        return [seen_in_training(world, recipe), asked]
    finally:
        torch.compile = compile_


def seen_in_training(world: World, recipe: Recipe) -> Any:
    from torch.nn.modules.module import register_module_forward_hook

    from talkwright.train import loop

    here = open_run(recipe, world.folder / "observed-runs")
    forwards: list[str] = []
    left: list[list[str]] = []
    finish = loop._finish

    def listing(*args: Any, **named: Any) -> None:
        left.append(sorted(p.name for p in args[0].checkpoints.iterdir()))
        finish(*args, **named)

    hook = register_module_forward_hook(lambda module, *_: forwards.append(type(module).__name__))
    loop._finish = listing
    try:
        pipeline.run(recipe, here.parent, until="train")
    finally:
        loop._finish = finish
        hook.remove()
    metrics = [
        {k: v for k, v in row.items() if k != "seconds"}
        for row in read_jsonl(here / "train" / "metrics.jsonl")
    ]
    summary = {k: v for k, v in read_json(here / "train" / "summary.json").items() if k != "seconds"}
    weights = {p.name: p.stat().st_size for p in (here / "train").rglob("*.safetensors")}
    config = sorted((here / "train").rglob("adapter_config.json"))
    adapter = read_json(config[0]) if config else {}
    chosen = {k: adapter.get(k) for k in ("r", "lora_alpha", "lora_dropout")}
    return [metrics, summary, weights, chosen, forwards.count("LlamaAttention"), left]


def seen_in_tracking(world: World, recipe: Recipe) -> Any:
    """What the trackers' processes would be told: nothing here may start one that goes online."""
    import os

    from talkwright.train import trackers

    told: list[Any] = []

    class Recording:
        def init_trackers(self, project: str, *, config: Any, init_kwargs: Any) -> None:
            told.extend([os.environ.get("WANDB_MODE"), init_kwargs["wandb"]["mode"]])

        def log(self, row: Any, step: int) -> None:
            told.append(row)

        def end_training(self) -> None:
            told.append("end")

    with trackers.tracking(Recording(), recipe.train, world.folder / "observed-trackers") as track:
        track({"step": 1, "loss": 2.0})
    return told


def seen_in_evaluation(world: World, recipe: Recipe) -> Any:
    from talkwright.engine import TorchEngine

    batches: list[int] = []
    generate = TorchEngine.generate

    def counting(self: Any, prompts: Any, *args: Any, **kwargs: Any) -> Any:
        batches.append(len(prompts))
        return generate(self, prompts, *args, **kwargs)

    TorchEngine.generate = counting  # type: ignore[method-assign]
    try:
        # A folder of its own, so that no cached reply hides what the engine is asked.
        runs = world.folder / f"observed-evaluations-{time.monotonic_ns()}"
        here = pipeline.run(recipe, runs, until="evaluate")
    finally:
        TorchEngine.generate = generate  # type: ignore[method-assign]
    items = [
        {"item": row["item"], "reply": row["reply"] and row["reply"]["text"]}
        for row in read_jsonl(here / "evaluate" / "tuned" / "items.jsonl")
    ]
    losses = [row["item"] for row in read_jsonl(here / "evaluate" / "tuned" / "losses.jsonl")]
    return [items, losses, batches]


def seen_in_comparison(world: World, recipe: Recipe) -> Any:
    from talkwright.types import to_json

    here = pipeline.run(recipe, world.folder / "observed-runs", until="compare")
    return to_json(pipeline.compare_base_and_tuned(recipe, here))


def seen_in_report(world: World, recipe: Recipe) -> Any:
    """The page without its listing of the recipe, which would change by itself."""
    import re

    here = pipeline.run(recipe, world.folder / "observed-runs")
    page = (here / "report.html").read_text(encoding="utf-8")
    page = re.sub(r'(?s)<section[^>]*id="provenance".*', "", page)
    return [len(re.findall(r"<\w+", page)), "ledger_examples" in page]


def seen_in_names(world: World, recipe: Recipe) -> Any:
    return open_run(recipe, world.folder / "observed-names").name.rsplit("-", 1)[0]


def seen_in_models(world: World, recipe: Recipe) -> Any:
    from talkwright.models import find_base

    return find_base(recipe.model.name, recipe.model.revision).path


def seen_in_serving(world: World, recipe: Recipe) -> Any:
    """How a request that names nothing is sampled."""
    from fastapi.testclient import TestClient

    from talkwright.engine import FakeEngine
    from talkwright.serve import create_app
    from talkwright.template import Template

    asked: list[Any] = []

    class Recording(FakeEngine):
        def stream(self, prompt_ids: Any, sampling: Any, **rest: Any) -> Any:
            asked.append([sampling.temperature, sampling.top_p, sampling.max_new_tokens])
            return super().stream(prompt_ids, sampling, **rest)

    engine = Recording(Template.load(recipe.model.name), ["hello"])
    app = create_app(engine, recipe.serve, title="t")
    with TestClient(app, base_url="http://127.0.0.1") as client:
        body = {"model": "fake", "messages": [{"role": "user", "content": "hi"}]}
        answer = client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    return asked


def seen_in_listening(world: World, recipe: Recipe) -> Any:
    """Which address the server binds; a taken port or a foreign address is refused."""
    from talkwright.serve import app

    with app._listen(recipe.serve) as bound:
        return list(bound.getsockname())


def seen_in_new_rows(world: World, recipe: Recipe) -> Any:
    """What an endpoint on this machine is asked, and what becomes of it.

    It invents a number in every new answer; as `flaky` it refuses each request once.
    """
    import importlib.util
    import os

    path = Path(__file__).parents[1] / "data" / "augment" / "conftest.py"
    spec = importlib.util.spec_from_file_location("fake_endpoint", path)
    assert spec is not None
    assert spec.loader is not None
    fake = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fake)
    section = recipe.data.augment.endpoint
    with fake.listening() as server:
        obliging, met = server.answer, set()
        server.delay = 0.05

        def answer(body: Any) -> str:
            said = str(obliging(body))
            return said.replace("As far as that goes:", "It is 4711 because:")

        def misbehave(handler: Any, body: Any, number: int) -> bool:
            asked = body["messages"][-1]["content"]
            if body["model"] != "flaky" or asked in met:
                return False
            met.add(asked)
            fake.send(handler, 500, {})
            return True

        server.answer, server.misbehave = answer, misbehave
        os.environ["WORLD_KEY"] = "a-key"
        url = (section.url or "").replace("http://127.0.0.1:1/v1", server.url)
        moved = recipe.data.augment.model_copy(
            update={"endpoint": section.model_copy(update={"url": url})}
        )
        data = recipe.data.model_copy(update={"augment": moved})
        runs = world.folder / f"observed-new-rows-{time.monotonic_ns()}"
        _, counts = pipeline.augment_run(recipe.model_copy(update={"data": data}), runs)
        asked = sorted(
            [json.dumps(body, sort_keys=True), headers.get("Authorization"), headers.get("api-key"),
             headers.get("X-Team")]
            for _, headers, body in server.seen
        )  # fmt: skip
        most = server.most_at_once if section.model == "counted" else None
    return [{k: v for k, v in counts.items() if k != "host"}, asked, most]


# --- the cases -----------------------------------------------------------------------------------

Observer = Callable[[World, Recipe], Any]
FREE: dict[str, Any] = {"serve.port": 0}

# ruff: noqa: E501 - a table
SET = {"data.sources.path": "set", "data.sources.split": "train"}
NEW = {
    "data.augment.endpoint.url": "http://127.0.0.1:1/v1",
    "data.augment.endpoint.model": "m",
    "data.augment.steps": [{"kind": "paraphrase", "max_rows": 4}],
}
PRICED = {**NEW, "data.augment.endpoint.price_in": 1000.0, "data.augment.endpoint.price_out": 1000.0}
MADE = {**NEW, "data.augment.steps": [{"kind": "instruct", "count": 2}]}
WEIGHED: dict[str, Any] = {
    "data.sources": [
        {"path": "chats.jsonl", "weight": 1.0}, {"path": "faq.csv", "columns": {}, "weight": 1.0}
    ]
}  # fmt: skip
RULED: dict[str, Any] = {"data.rules": [{"name": "csv", "match": "csv"}]}
ODD: dict[str, Any] = {"data.sources.path": "odd.jsonl"}
BATTLES = {"data.sources.path": "battles.jsonl"}
PEOPLE = {"data.sources.path": "people.jsonl"}
CASES: dict[str, tuple[Any, Observer, dict[str, Any]]] = {
    # field: (another value, where to look, what else to set on both sides)
    "name": ("elsewhere", seen_in_names, {}),
    "seed": (8, seen_in_data, {}),
    "model.name": ("/no/such/model", seen_in_models, {}),
    "model.revision": ("v2", seen_in_models, {}),
    "data.sources.path": ("chats.jsonl", seen_in_data, {}),
    "data.sources.split": ("test", seen_in_data, SET),
    "data.sources.config": ("b", seen_in_data, {**SET, "data.sources.split": "all"}),
    "data.sources.revision": ("v2", seen_in_data, {}),
    "data.sources.format": ("sharegpt", seen_in_data, {}),
    "data.sources.encoding": ("utf-16-le", seen_in_data, {}),
    "data.sources.columns.prompt": ("Alias", seen_in_data, {"data.sources.columns.completion": "Answer"}),
    "data.sources.columns.completion": ("Reply", seen_in_data, {"data.sources.columns.prompt": "Question"}),
    "data.sources.columns.system": ("Persona", seen_in_data, {}),
    "data.sources.columns.group": ("Thread", seen_in_data, {}),
    "data.sources.arena.ties": ("first", seen_in_data, BATTLES),
    "data.sources.arena.languages": (["German"], seen_in_data, BATTLES),
    "data.sources.arena.models": (["m1"], seen_in_data, BATTLES),
    "data.sources.arena.min_turns": (2, seen_in_data, BATTLES),
    "data.sources.arena.max_turns": (1, seen_in_data, BATTLES),
    "data.sources.arena.flagged": ("drop", seen_in_data, BATTLES),
    "data.sources.arena.since": ("2023-11-20", seen_in_data, BATTLES),
    "data.sources.arena.until": ("2023-11-20", seen_in_data, BATTLES),
    "data.sources.roles": ({"Ann": "assistant", "Bob": "user"}, seen_in_data, PEOPLE),
    "data.sources.max_rows": (3, seen_in_data, {}),
    "data.sources.count": (3, seen_in_data, {}),
    "data.sources.cap": (3, seen_in_data, {}),
    "data.sources.weight": (0.2, seen_in_data, WEIGHED),
    "data.rows": (6, seen_in_data, WEIGHED),
    "data.sources.licence": ("cc0-1.0", seen_by_doctor, {"data.sources.origin": "our shop"}),
    "data.sources.origin": ("our shop", seen_by_doctor, {"data.sources.licence": "cc0-1.0"}),
    "data.fix_unicode": (False, seen_in_data, {}),
    "data.boilerplate": ("keep", seen_in_data, ODD),
    "data.markdown": ("plain", seen_in_data, ODD),
    "data.system_prompts": ("strip", seen_in_data, {}),
    "data.placeholders": ("keep", seen_in_data, ODD),
    "data.refusals": ("drop", seen_in_data, ODD),
    "data.repetition": ("drop", seen_in_data, ODD),
    "data.cut_off": ("drop", seen_in_data, ODD),
    "data.evasive": ("drop", seen_in_data, ODD),
    "data.toxicity": ("drop", seen_in_data, ODD),
    "data.blocked_words": (["Title"], seen_in_data, {**ODD, "data.toxicity": "mark"}),
    "data.languages": (["de"], seen_in_data, ODD),
    "data.rules.name": ("other", seen_in_data, RULED),
    "data.rules.match": ("jsonl", seen_in_data, RULED),
    "data.rules.role": ("system", seen_in_data, RULED),
    "data.rules.do": ("drop", seen_in_data, RULED),
    "data.rules.by": ("table", seen_in_data, {**RULED, "data.rules.do": "replace"}),
    "data.pii_engine": ("presidio", seen_in_data, {}),
    "data.min_answer": (10, seen_in_data, {}),
    "data.max_answer": (100, seen_in_data, {}),
    "data.min_turns": (2, seen_in_data, {}),
    "data.max_turns": (1, seen_in_data, {}),
    "data.max_same": (1, seen_in_data, {}),
    "data.strip_html": (False, seen_in_data, {}),
    "data.pii": ("flag", seen_in_data, {}),
    "data.pii_kinds": (["phone"], seen_in_data, {}),
    "data.pii_keep": (["@example.com"], seen_in_data, {}),
    "data.max_chars": (100, seen_in_data, {}),
    "data.duplicates": ("exact", seen_in_data, {}),
    "data.near_threshold": (0.5, seen_in_data, {}),
    "data.contradictions": ("drop", seen_in_data, {}),
    "data.doctor": (False, seen_by_doctor, {}),
    "data.validation": (0.4, seen_in_data, {}),
    "data.test": (0.4, seen_in_data, {}),
    "data.augment.engine": ("local", seen_in_new_rows, NEW),
    "data.augment.endpoint.url": ("http://127.0.0.1:9/v1", seen_in_new_rows, {**NEW, "data.augment.endpoint.retries": 0}),
    "data.augment.endpoint.model": ("n", seen_in_new_rows, NEW),
    "data.augment.endpoint.key_env": ("WORLD_KEY", seen_in_new_rows, NEW),
    "data.augment.endpoint.key_header": ("api-key", seen_in_new_rows, {**NEW, "data.augment.endpoint.key_env": "WORLD_KEY"}),
    "data.augment.endpoint.headers": ({"X-Team": "a"}, seen_in_new_rows, NEW),
    "data.augment.endpoint.max_concurrent": (1, seen_in_new_rows, {**NEW, "data.augment.endpoint.model": "counted"}),
    "data.augment.endpoint.timeout": (0.01, seen_in_new_rows, {**NEW, "data.augment.endpoint.retries": 0}),
    "data.augment.endpoint.retries": (0, seen_in_new_rows, {**NEW, "data.augment.endpoint.model": "flaky"}),
    "data.augment.endpoint.price_in": (5.0, seen_in_new_rows, PRICED),
    "data.augment.endpoint.price_out": (5.0, seen_in_new_rows, PRICED),
    "data.augment.steps.kind": ("evolve", seen_in_new_rows, NEW),
    "data.augment.steps.per_row": (2, seen_in_new_rows, NEW),
    "data.augment.steps.count": (3, seen_in_new_rows, MADE),
    "data.augment.steps.max_rows": (2, seen_in_new_rows, NEW),
    "data.augment.steps.language": ("French", seen_in_new_rows, {**NEW, "data.augment.steps": [{"kind": "back_translate", "language": "German", "max_rows": 2}]}),
    "data.augment.steps.style": ("terse", seen_in_new_rows, {**NEW, "data.augment.steps": [{"kind": "style", "style": "warm", "max_rows": 2}]}),
    "data.augment.steps.temperature": (0.1, seen_in_new_rows, NEW),
    "data.augment.steps.max_tokens": (99, seen_in_new_rows, NEW),
    "data.augment.new_facts": ("keep", seen_in_new_rows, MADE),
    "data.augment.max_cost": (0.001, seen_in_new_rows, PRICED),
    "data.augment.deadline": (0.001, seen_in_new_rows, NEW),
    "template.system": ("You are terse.", seen_in_tokens, {}),
    "template.chat_template": ("other.jinja", seen_in_tokens, {}),
    "template.max_length": (400, seen_in_tokens, {}),
    "template.too_long": ("error", seen_in_tokens, {}),
    "template.train_on": ("last", seen_in_tokens, {}),
    "train.method": ("full", seen_in_training, {}),
    "train.auto": (["precision"], seen_in_plan, {}),
    "train.lora.rank_stabilised": (True, seen_in_training, {}),
    "train.lora.dora": (True, seen_in_training, {}),
    "train.lora.plus_ratio": (4.0, seen_in_training, {}),
    "train.lora.layers": ([1], seen_in_training, {}),
    "train.virtual_tokens": (4, seen_in_training, {"train.method": "prefix"}),
    "train.quantise": ("nf4", seen_in_training, {}),
    "train.start_from": ("nowhere", seen_in_training, {}),
    "train.freeze": (["embed_tokens"], seen_in_training, {"train.method": "full"}),
    "train.optimizer": ("adafactor", seen_in_training, {}),
    "train.pass_tokens": (60, seen_in_training, {}),
    "train.max_minutes": (1e-6, seen_in_training, {}),
    "train.max_tokens": (100, seen_in_training, {}),
    "train.label_smoothing": (0.1, seen_in_training, {}),
    "train.neftune": (5.0, seen_in_training, {}),
    "train.on_fault": ("stop", seen_in_training, {"train.learning_rate": 1e30, "train.clip": None}),
    "train.spike": (1.01, seen_in_training, {"train.max_steps": 16, "train.learning_rate": 1e-9}),
    "train.trackers": (["mlflow"], seen_in_tracking, {}),
    "train.trackers_online": (True, seen_in_tracking, {"train.trackers": ["wandb"]}),
    "train.min_rate": (0.5, seen_in_training, {}),
    "train.decay_ratio": (0.9, seen_in_training, {"train.schedule": "wsd"}),
    "train.lora.rank": (4, seen_in_training, {}),
    "train.lora.alpha": (64.0, seen_in_training, {}),
    "train.lora.dropout": (0.5, seen_in_training, {}),
    "train.lora.targets": (["q_proj"], seen_in_training, {}),
    "train.learning_rate": (2e-2, seen_in_training, {}),
    "train.schedule": ("linear", seen_in_training, {}),
    "train.warmup_steps": (2, seen_in_training, {}),
    "train.warmup_ratio": (0.5, seen_in_training, {}),
    "train.epochs": (1.0, seen_in_training, {"train.max_steps": None}),
    "train.max_steps": (5, seen_in_training, {}),
    "train.batch_size": (3, seen_in_training, {}),
    "train.accumulation": (2, seen_in_training, {}),
    "train.weight_decay": (0.5, seen_in_training, {}),
    "train.clip": (0.01, seen_in_training, {}),
    "train.precision": ("bf16", seen_in_training, {"train.precision": "fp32"}),
    "train.eval_every": (3, seen_in_training, {}),
    "train.eval_rows": (1, seen_in_training, {}),
    "train.sample_every": (2, seen_in_training, {}),
    "train.sample_prompts": (["why?"], seen_in_training, {}),
    "train.patience": (1, seen_in_training, {"train.learning_rate": 1.0, "train.clip": None}),
    "train.save_every": (5, seen_in_training, {}),
    "train.keep_checkpoints": (1, seen_in_training, {}),
    "train.recompute": (True, seen_in_training, {}),
    "train.compile": (True, seen_in_compiling, {}),
    "evaluate.suite": ("suite.jsonl", seen_in_evaluation, {}),
    "evaluate.prompts": (2, seen_in_evaluation, {}),
    "evaluate.loss_rows": (2, seen_in_evaluation, {}),
    "evaluate.max_new_tokens": (2, seen_in_evaluation, {}),
    "evaluate.temperature": (1.5, seen_in_evaluation, {}),
    "evaluate.top_p": (0.01, seen_in_evaluation, {"evaluate.temperature": 1.5}),
    "evaluate.batch_size": (1, seen_in_evaluation, {}),
    "compare.confidence": (0.8, seen_in_comparison, {"evaluate.loss_rows": 20}),
    "compare.resamples": (300, seen_in_comparison, {"evaluate.loss_rows": 20}),
    "report.replies": (1, seen_in_report, {}),
    "report.ledger_examples": (0, seen_in_report, {}),
    "serve.host": ("127.0.0.2", seen_in_listening, FREE),
    "serve.port": (0, seen_in_listening, {}),
    "serve.temperature": (0.5, seen_in_serving, {}),
    "serve.top_p": (0.5, seen_in_serving, {}),
    "serve.max_new_tokens": (3, seen_in_serving, {}),
}  # fmt: skip


def test_every_field_of_the_recipe_has_a_case() -> None:
    assert sorted(CASES) == sorted(fields_of(Recipe))
    assert len(CASES) > 50


@pytest.mark.parametrize("field", CASES)
def test_changing_it_changes_something(field: str, world: World) -> None:
    other, observe, also = CASES[field]
    assert look(world, observe, {**also, field: other}) != look(world, observe, also)


@pytest.mark.parametrize(
    "observe", [seen_in_data, seen_in_tokens, seen_in_evaluation, seen_in_serving, seen_in_new_rows]
)
def test_looking_twice_shows_the_same(observe: Observer, world: World) -> None:
    """Else every field would seem to matter."""
    also = NEW if observe is seen_in_new_rows else {}
    assert _look(world, observe, also) == _look(world, observe, also)


_SEEN: dict[str, Any] = {}


def look(world: World, observe: Observer, change: dict[str, Any]) -> Any:
    """What is seen under a recipe with this change; each is looked at once."""
    key = json.dumps([observe.__name__, change], sort_keys=True)
    if key not in _SEEN:
        _SEEN[key] = _look(world, observe, change)
    return _SEEN[key]


def _look(world: World, observe: Observer, change: dict[str, Any]) -> Any:
    try:
        return observe(world, world.recipe(change))
    except TalkwrightError as refusal:
        return f"{type(refusal).__name__}: {refusal}"
