"""Sample replies: what the model answers on its way, without touching the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from talkwright.engine import load_engine
from talkwright.train import loop, questions_for
from talkwright.train.samples import MOST_TOKENS, Sampler
from talkwright.types import Conversation, Message, Sampling

ASKED = [
    Conversation((Message("user", "Q1?"), Message("assistant", "yes yes 1"))),
    Conversation((Message("system", "Be brief."), Message("user", "How long?"))),
]


class Stopped(Exception):
    """Stands for the end of a process between two steps."""


@pytest.fixture
def train_asking(tiny_base, tiny_template, rows, section, tmp_path):
    """Train the tiny model while asking; gives the artefact's folder."""

    def run(name: str, questions: Any = ASKED, validation: Any = (), **settings: Any) -> Path:
        out = tmp_path / name / "train"
        chosen = section(max_steps=6, save_every=2, **settings)
        loop.train(
            tiny_base, tiny_template, rows, list(validation), chosen,
            seed=7, out=out, key="k", questions=questions,
        )  # fmt: skip
        return out

    return run


def samples_in(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "samples.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    "how",
    [
        {"lora": {"dropout": 0.3}, "neftune": 5.0},
        {"method": "full", "recompute": True},
        {"method": "prefix", "virtual_tokens": 4},
        {"lora": {"dora": True}, "precision": "bf16", "pass_tokens": 100},
    ],
    ids=str,
)
def test_the_result_is_the_same_with_them_bit_for_bit(how, train_asking, weights_of, metrics_of, rows):
    given = {"validation": rows[:2], "eval_every": 2, **how}
    without = train_asking("without", questions=(), **given)
    asking = train_asking("with", sample_every=1, **given)
    ours, plain = weights_of(asking), weights_of(without)
    assert all(torch.equal(ours[name], plain[name]) for name in plain)
    assert metrics_of(asking) == metrics_of(without)
    assert len(samples_in(asking)) == 2 * 7
    assert not (without / "samples.jsonl").exists()


def test_they_are_what_the_weights_of_that_step_answer(train_asking, tiny_base, tiny_template) -> None:
    out = train_asking("run", sample_every=6, learning_rate=2e-2, lora={"dropout": 0.4})
    engine = load_engine(
        tiny_base, tiny_template, name="e", tuned=out / "adapter", precision="fp32", method="lora"
    )
    found = samples_in(out)
    assert [(row["step"], row["question"]) for row in found] == [
        (0, "Q1?"), (0, "How long?"), (6, "Q1?"), (6, "How long?")
    ]  # fmt: skip
    prompts = [tiny_template.prompt_ids(each.messages[: n + 1]) for n, each in enumerate(ASKED)]
    for step, variant in ((0, "base"), (6, "tuned")):
        replies = engine.generate(prompts, Sampling(max_new_tokens=MOST_TOKENS), variant=variant)
        wanted = [(tiny_template.decode(reply.ids), reply.finish) for reply in replies]
        assert [(row["answer"], row["finish"]) for row in found if row["step"] == step] == wanted
    assert found[0]["answer"] != found[2]["answer"]
    assert [row.get("right") for row in found[:2]] == ["yes yes 1", None]


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({}, [0, 3, 6]),
        ({"sample_every": 4}, [0, 4, 6]),
        ({"sample_every": 2}, [0, 2, 4, 6]),
        ({"sample_every": 0}, []),
    ],
)
def test_how_often_is_the_recipes(settings, steps, train_asking) -> None:
    out = train_asking("run", questions=ASKED[:1], **settings)
    found = samples_in(out) if (out / "samples.jsonl").exists() else []
    assert [row["step"] for row in found] == steps


def test_a_resumed_run_has_each_of_them_once(
    train_asking, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = samples_in(train_asking("whole", sample_every=1))
    write = loop._write

    def dying(metrics: Any, row: dict[str, Any]) -> None:
        write(metrics, row)
        if row["step"] == 5:
            raise Stopped

    monkeypatch.setattr(loop, "_write", dying)
    with pytest.raises(Stopped):
        train_asking("cut", sample_every=1)
    monkeypatch.undo()
    with open(tmp_path / "cut" / "checkpoints" / "samples.jsonl", "a") as file:
        file.write('{"step": 5, "ques')  # the process was killed while writing
    assert samples_in(train_asking("cut", sample_every=1)) == whole


@pytest.mark.parametrize("slow", [0, 1])
def test_their_time_is_not_the_steps_but_the_runs(
    slow, train_asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Sampler.take

    def slowly(self: Sampler, step: int, **more: bool) -> float:
        return take(self, step, **more) + (3600 if step == slow else 0)

    monkeypatch.setattr(Sampler, "take", slowly)
    summary = json.loads((train_asking("run") / "summary.json").read_text())
    assert (summary["seconds"] < 3600, summary["steps"]) == (True, 6)
    summary = json.loads((train_asking("short", max_minutes=60.0) / "summary.json").read_text())
    assert (summary["stopped_by"], summary["steps"]) == ("max_minutes", slow + 1)


def test_memory_that_runs_out_ends_them_not_the_training(
    train_asking, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(self: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Sampler, "_ask", full)
    out = train_asking("run")
    assert samples_in(out) == []
    assert capsys.readouterr().err.count("no more of them") == 1


def test_a_question_too_long_for_the_model_is_left_out(train_asking) -> None:
    long = Conversation((Message("user", "x" * 300),))
    assert {row["question"] for row in samples_in(train_asking("run", [long, ASKED[0]]))} == {"Q1?"}


def test_questions_are_the_recipes_or_of_the_validation_split(section) -> None:
    later = (Message("user", "So?"), Message("assistant", "So."))
    talk = [
        Conversation((Message("user", f"{n}?"), Message("assistant", f"{n}!"), *later)) for n in range(9)
    ]
    odd = Conversation(
        (Message("assistant", "Hello!"), Message("user", "Hi"), Message("assistant", "Ho"))
    )
    assert [each.messages for each in questions_for(section(), talk)] == [
        talk[n].messages[:2] for n in (0, 3, 6)
    ]
    assert questions_for(section(), []) == []
    assert questions_for(section(), [odd]) == []
    assert questions_for(section(sample_every=0), talk) == []
    own = questions_for(section(sample_prompts=["What now?"]), talk)
    assert [each.messages for each in own] == [(Message("user", "What now?"),)]
