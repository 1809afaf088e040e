"""`talkwright check`: every mistake of the list is found in a real recipe, with the line that mends it,
and that line mends it."""

from __future__ import annotations

import html
import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from talkwright.report import write_report
from talkwright.runs import find_run


def say(question: str, answer: str) -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    }


@pytest.fixture
def recipe(tiny_base, tmp_path) -> Path:
    """A recipe over 40 chats of which one answer is long, in an empty folder."""
    rows = [say(f"question {n * 7919 % 1000} is what?", f"answer {n * 31 % 97}") for n in range(40)]
    rows.append(say("what is the long story?", "It is a story that goes on and on, over hills. " * 4))
    (tmp_path / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "asked.jsonl").write_text(json.dumps(rows[0]) + "\n" + json.dumps(rows[7]) + "\n")
    (tmp_path / "llama.jinja").write_text(
        "{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>{{ m['content'] }}"
        "<|im_end|>{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant"
        "<|end_header_id|>{% endif %}"
    )
    values = {
        "name": "r",
        "model": tiny_base.path,
        "data": {"sources": "chats.jsonl", "validation": 0.1, "test": 0, "pii": "keep"},
        "train": {"max_steps": 20, "batch_size": 8, "precision": "fp32", "sample_every": 0},
        "template": {"max_length": 250},
    }
    path = tmp_path / "r.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


WRONG: dict[str, tuple[str, str, list[str]]] = {
    "warm-up longer than the run": ("warmup_longer_than_run", "error", ["train.warmup_steps=50"]),
    "learning rate out of range": ("unusual_learning_rate", "warning", ["train.learning_rate=0.5"]),
    "... for the method": (
        "unusual_learning_rate", "warning", ["train.method=full", "train.learning_rate=1e-3"],
    ),
    "alpha to rank": ("odd_alpha", "warning", ["train.lora.alpha=1"]),
    "more epochs than the data bears": (
        "too_many_epochs", "warning", ["train.max_steps=null", "train.epochs=40"],
    ),
    "answers that are cut": ("too_long", "warning", ["template.max_length=120"]),
    "a template of another model": (
        "template_of_another_model", "warning", ["template.chat_template=llama.jinja"],
    ),
    "batch larger than the data": (
        "batch_larger_than_data", "warning", ["train.batch_size=64", "train.max_steps=4"],
    ),
    "targets that match nothing": ("no_such_target", "error", ['train.lora.targets=["no_proj"]']),
    "... as a pattern": ("no_such_target", "error", ["train.lora.targets=.*no_proj"]),
    "a layer that is not there": ("no_such_target", "error", ["train.lora.layers=[7]"]),
    "a weight that is not there": (
        "no_such_target", "error", ["train.method=full", 'train.freeze=["layers.7."]'],
    ),
    "evaluation on training rows": (
        "held_out_is_trained_on", "warning", ["evaluate.suite=asked.jsonl"],
    ),
}  # fmt: skip


def with_settings(overrides: list[str]) -> list[str]:
    return [part for each in overrides for part in ("--set", each)]


def test_a_sound_recipe_has_nothing_to_find(recipe, talkwright) -> None:
    done = talkwright("check", recipe)
    assert (done.code, done.out) == (0, "The check found nothing wrong.\n")


@pytest.mark.parametrize("name", WRONG)
def test_it_is_found_with_the_line_that_mends_it(name, recipe, talkwright) -> None:
    code, severity, overrides = WRONG[name]
    done = talkwright("check", recipe, "--json", *with_settings(overrides))
    assert done.code == (2 if severity == "error" else 0)
    found = {each["code"]: each for each in done.json["findings"]}
    assert found[code]["severity"] == severity
    assert found[code]["fix"]
    here = Path(done.json["run"])
    assert not (here / "train").exists()
    lines = re.findall(r"`((?:train|template|evaluate)\.[a-z_.]+: [^`]+)`", found[code]["fix"])
    key, value = lines[0].split(": ")
    kept = [each for each in overrides if not each.startswith(f"{key}=")]
    mended = talkwright("check", recipe, "--json", *with_settings([*kept, f"{key}={value}"]))
    assert code not in {each["code"] for each in mended.json["findings"]}


def test_cutting_rows_is_no_cure_where_none_has_an_answer_that_fits(recipe, talkwright) -> None:
    done = talkwright("check", recipe, "--json", "--set", "template.max_length=120")
    assert "`template.too_long: cut`" not in done.json["findings"][0]["fix"]


@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        ("template.max_length=200", ["`template.max_length: 256`"]),
        ("template.max_length=256", []),
        ("template.max_length=30", ["`template.max_length: 256`"]),  # no row is left
    ],
)
def test_no_row_is_to_be_longer_than_the_model_was_made_for(settings, lines, recipe, talkwright) -> None:
    long = say("what is the longest story?", "It is a story that goes on and on, over hills. " * 9)
    with open(recipe.parent / "chats.jsonl", "a") as file:
        file.write(json.dumps(long) + "\n")
    done = talkwright("check", recipe, "--json", "--set", settings)
    fixes = [found["fix"] for found in done.json["findings"] if "longer than" in found["message"]]
    assert fixes
    for fix in fixes:
        assert re.findall(r"`template.+?`", fix) == lines
        assert ("shorten these rows" in fix) == (not lines)


def test_how_many_answers_are_lost_is_said(recipe, talkwright) -> None:
    done = talkwright("check", recipe, "--set", "template.max_length=120")
    assert "1 rows are longer than 120 tokens and are not used, with 1 answers in all" in done.out
    assert "[too_long]" in done.out


def test_each_finding_is_printed_once(recipe, talkwright) -> None:
    overrides = with_settings(["train.warmup_steps=50", "train.lora.alpha=1"])
    done = talkwright("check", recipe, *overrides)
    both = done.out + done.err
    assert done.code == 2
    for words in ("never reaches", "alpha 1 at rank 16", "`train.warmup_steps: 2`"):
        assert both.count(words) == done.out.count(words) == 1, words
    assert "so nothing was trained" in done.err
    done = talkwright("train", recipe, *overrides)
    for words in ("never reaches", "alpha 1 at rank 16", "`train.warmup_steps: 2`"):
        assert done.err.count(words) == 1, words


def test_a_template_without_a_stop_token_is_not_mended_by_a_longer_row(recipe, talkwright) -> None:
    (recipe.parent / "endless.jinja").write_text(
        "{% for m in messages %}<|im_start|>{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant: {% endif %}"
    )
    done = talkwright("check", recipe, "--json", "--set", "template.chat_template=endless.jinja")
    assert done.code == 2
    found = {each["code"]: each for each in done.json["findings"]}
    assert "are refused by the chat template" in found["nothing_to_learn"]["message"]
    assert "template.chat_template" in found["nothing_to_learn"]["fix"]
    assert "max_length" not in found["nothing_to_learn"]["fix"]
    assert "writes no stop token" in found["template_refuses"]["message"]
    done = talkwright("check", recipe, "--json", "--set", "template.max_length=10")
    found = {each["code"]: each for each in done.json["findings"]}
    longest = re.search(r"`template.max_length: (\d+)`", found["nothing_to_learn"]["fix"])
    assert longest is not None
    done = talkwright("check", recipe, "--set", f"template.max_length={longest[1]}")
    assert done.code == 0


def test_a_batch_larger_than_the_data_is_not_mended_by_one_step(recipe, talkwright) -> None:
    done = talkwright("check", recipe, "--json", *with_settings(["train.batch_size=64"]))
    found = {each["code"]: each for each in done.json["findings"]}
    fix = found["too_many_epochs"]["fix"]
    lines = re.findall(r"`(train\.(?:batch_size|max_steps)): (\d+)`", fix)
    assert int(dict(lines)["train.max_steps"]) >= 10
    mended = talkwright("check", recipe, *with_settings([f"{key}={value}" for key, value in lines]))
    assert mended.out == "The check found nothing wrong.\n"


def test_rows_without_an_answer_are_named_with_their_number(recipe, talkwright) -> None:
    chats = recipe.parent / "chats.jsonl"
    mute = [{"messages": [{"role": "user", "content": f"anybody there, {n}?"}]} for n in range(9)]
    chats.write_text(chats.read_text() + "".join(json.dumps(row) + "\n" for row in mute))
    done = talkwright("check", recipe)
    assert done.code == 0
    assert "warning: 9 rows were left out when the data was prepared" in done.out
    assert "9 without an answer" in done.out


def test_the_ledgers_line_is_of_this_run_also_where_the_check_was_made_by_another(
    recipe, talkwright, tmp_path
) -> None:
    chats = recipe.parent / "chats.jsonl"
    mute = {"messages": [{"role": "user", "content": "anybody there?"}]}
    chats.write_text(chats.read_text() + json.dumps(mute) + "\n")
    first = Path(talkwright("check", recipe, "--json").json["run"])
    done = talkwright("check", recipe, "--json", "--set", "evaluate.max_new_tokens=5")
    assert "check: taken over from" in done.err
    shutil.rmtree(first)
    (fix,) = [each["fix"] for each in done.json["findings"] if each["code"] == "rows_teach_nothing"]
    (line,) = re.findall("`talkwright ([^`]*)`", fix)
    shown = talkwright(*shlex.split(line), "--json")
    assert (shown.code, len(shown.out.splitlines())) == (0, 1)
    page = write_report(find_run(done.json["run"])).read_text("utf-8")
    assert (
        done.json["run"] in html.unescape(page).partition("--where reason=no_assistant_turn")[0][-400:]
    )


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("train.precision=fp16", "`precision: bf16`"),
        ("train.quantise=nf4", "write `method: lora`"),
    ],
)
def test_what_cannot_be_at_all_is_refused_at_once(override, line, recipe, talkwright, tmp_path) -> None:
    done = talkwright("check", recipe, "--set", override, "--set", "train.method=full")
    assert (done.code, line in done.err) == (2, True)
    assert not (tmp_path / "runs").exists()


def test_errors_stop_training_and_warnings_are_kept_in_the_report(recipe, talkwright, tmp_path) -> None:
    done = talkwright("train", recipe, "--set", "train.warmup_steps=50")
    assert done.code == 2
    assert "never reaches" in done.err
    assert "`train.warmup_steps: 2`" in done.err
    warned = ["train.lora.alpha=1", "train.max_steps=1", "train.warmup_steps=0"]
    done = talkwright("train", recipe, "--json", *with_settings(warned))
    assert done.code == 0
    assert "warning: alpha 1 at rank 16" in done.err
    page = write_report(find_run(done.json["run"])).read_text("utf-8")
    assert "alpha 1 at rank 16 scales the update" in page
    assert "train.lora.alpha: 32" in page


def test_rows_that_teach_nothing_are_named_and_left_out(tiny_template, tmp_path) -> None:
    from talkwright.config import TemplateSection
    from talkwright.template import check_dataset, read_examples
    from talkwright.types import Conversation, Message

    ask, answer = Message("user", "Who?"), Message("assistant", "Me.")
    rows = [
        Conversation((ask, answer), where="a:1"),
        Conversation((answer,), where="a:2"),  # an answer to nothing
        Conversation((answer, ask), where="a:3"),
    ]
    out = tmp_path / "check"
    (found,) = check_dataset(
        tiny_template, {"train": rows, "validation": []}, TemplateSection(), out=out, key="k"
    )
    assert (found.severity, found.code, found.count) == ("warning", "template_refuses", 2)
    assert "2 of them for want of an answer; the first is a:2: " in found.message
    assert found.fix.startswith("give them an assistant's turn")
    assert len(read_examples(out, "train")) == 1
