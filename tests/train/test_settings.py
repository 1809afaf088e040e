"""The recipe check: what will go wrong is named before compute, with the line that mends it."""

from __future__ import annotations

import copy
import itertools
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from talkwright.config import build_recipe
from talkwright.errors import RecipeError
from talkwright.models import load_config, parameter_count
from talkwright.runs import read_json
from talkwright.train import check_recipe, check_settings, check_template, loop
from talkwright.train.plan import make_plan
from talkwright.train.schedules import learning_rate
from talkwright.train.settings import check_context
from talkwright.types import fix_in


def test_ranges_and_defaults_of_rates_have_names_of_their_own() -> None:
    """Where rates usually work, and what they are where none is named, are tables of the same keys."""
    from talkwright.config import training
    from talkwright.train import settings

    same = {name for name in vars(settings) if "RATE" in name} & vars(training).keys()
    assert all(getattr(settings, name) is getattr(training, name) for name in same)


def findings(
    section, *, rows: int = 80, validation: int = 8, parameters: int = 0, **settings: object
) -> dict[str, str]:
    found = check_settings(
        section(**{"max_steps": 20, "learning_rate": None, **settings}), rows, validation, parameters
    )
    assert all(each.message and each.fix for each in found)
    return {each.code: each.severity for each in found}


def test_defaults_give_nothing_to_find(section) -> None:
    assert findings(section) == {}
    assert findings(section, method="full") == {}
    usual = {"label_smoothing": 0.2, "neftune": 15.0, "weight_decay": 1.0}
    assert findings(section, **usual) == {}
    assert findings(section, rows=0, validation=0) == {}  # the data stage has said so already


def test_settings_that_cannot_work_are_found(section) -> None:
    assert findings(section, warmup_steps=20) == {"warmup_longer_than_run": "error"}
    assert findings(section, warmup_steps=19) == {}
    assert findings(section, batch_size=81, max_steps=2) == {"batch_larger_than_data": "warning"}
    assert findings(section, batch_size=80, max_steps=2) == {}
    assert findings(section, validation=0) == {"no_validation": "warning"}
    assert findings(section, validation=0, patience=2) == {"no_validation": "error"}


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 20, 1000])
@pytest.mark.parametrize("warmup", [0, 1, 0.5, -1])
@pytest.mark.parametrize("decay", [0.001, 0.2, 0.5, 0.99, 1.0])
def test_wsd_that_never_reaches_its_rate_is_found_and_mended(
    section, steps: int, warmup: float, decay: float
) -> None:
    """`warmup` in steps, as a share of them, or counted from the last one."""
    before = int(steps * warmup) if 0 < warmup < 1 else int(warmup) % steps
    how = {"max_steps": steps, "schedule": "wsd", "warmup_steps": before, "decay_ratio": decay}
    rows = 4 * steps  # no more passes than one

    def rates(settings: dict[str, object]) -> list[float]:
        made = section(**{"learning_rate": 1e-3, **settings})
        return [learning_rate(made, make_plan(made, rows), step) for step in range(steps)]

    found = check_settings(section(**{"learning_rate": 1e-3, **how}), rows, 8)
    assert [each.code for each in found] == ["decay_longer_than_run"] * (max(rates(how)) < 1e-3)
    for each in found:
        lines = dict(line.split(": ") for line in re.findall("`train.([^`]*)`", each.fix))
        mended = {**how, **{name: yaml.safe_load(value) for name, value in lines.items()}}
        assert max(rates(mended)) == 1e-3
        assert check_settings(section(**{"learning_rate": 1e-3, **mended}), rows, 8) == []


@pytest.mark.parametrize(
    ("method", "rate", "odd"),
    [
        ("lora", 6e-3, True),
        ("lora", 5e-3, False),
        ("lora", 9e-6, True),
        ("full", 1e-3, True),
        ("full", 5e-4, False),
    ],
)
def test_rates_that_seldom_work_are_found(section, method: str, rate: float, odd: bool) -> None:
    expected = {"unusual_learning_rate": "warning"} if odd else {}
    assert findings(section, method=method, learning_rate=rate) == expected


@pytest.mark.parametrize(
    ("method", "optimizer", "parameters", "rate", "odd"),
    [
        ("lora", "adamw", 0.9e9, 2e-3, False),
        ("lora", "adamw", 7e9, 2e-3, True),
        ("full", "adamw", 7e9, 5e-5, False),
        ("full", "adamw", 70e9, 1e-4, True),
        ("ia3", "adamw", 7e9, 5e-3, False),
        ("prefix", "adamw", 0, 5e-5, True),
        ("prompt", "adamw", 0, 0.3, False),
        ("prompt", "adamw", 0, 0.6, True),
        ("lora", "adafactor", 0, 1e-1, False),
        ("lora", "adafactor", 0, 1e-5, True),
        ("lora", "adafactor", 0, 1e-3, True),  # a zero matrix then grows by a millionth a step
        ("full", "adafactor", 0, 5e-5, True),
        ("lora", "muon", 0, 1e-3, True),  # AdamW's default
        ("lora", "muon", 0, 1e-2, False),
        ("lora", "muon", 0, 3e-2, True),
        ("full", "muon", 0, 5e-5, True),
        ("full", "muon", 70e9, 2.5e-4, False),
        ("prefix", "muon", 0, 1e-2, True),
        ("prompt", "muon", 0, 3e-2, True),
        ("ia3", "muon", 0, 5e-3, False),
    ],
)
def test_rates_go_by_method_size_and_optimizer(
    section, method: str, optimizer: str, parameters: float, rate: float, odd: bool
) -> None:
    found = findings(
        section, method=method, optimizer=optimizer, parameters=int(parameters), learning_rate=rate
    )
    assert ("unusual_learning_rate" in found) == odd


def test_every_methods_default_rate_is_a_usual_one(section) -> None:
    for method in ("lora", "ia3", "prefix", "prompt", "full"):
        for optimizer in ("adamw", "adafactor", "muon"):
            how = {"method": method, "optimizer": optimizer, "learning_rate": None}
            assert findings(section, **how) == {}, how


@pytest.mark.parametrize(("parameters", "offered"), [(7e9, True), (20e9, False)])
def test_the_default_rate_is_advised_only_where_it_is_a_usual_one(section, parameters, offered) -> None:
    for settings in ({"learning_rate": 0.1}, {"optimizer": "muon", "learning_rate": 0.1}):
        (found,) = check_settings(section(**settings), 80, 8, int(parameters))
        assert found.code == "unusual_learning_rate"
        assert found.fix.endswith("or leave it out for the default") == offered


@pytest.mark.parametrize(
    ("settings", "validation", "offered"),
    [({}, 8, True), ({}, 0, False), ({"eval_every": 30}, 8, True), ({"eval_every": 40}, 8, False)],
)
def test_patience_is_advised_only_where_it_can_end_the_run(
    section, settings, validation, offered
) -> None:
    long = section(max_steps=120, **settings)
    found = {each.code: each for each in check_settings(long, 40, validation)}
    assert ("`train.patience: 3`" in found["too_many_epochs"].fix) == offered
    after = check_settings(long.model_copy(update={"patience": 3}), 40, validation)
    assert (after == []) == offered


@pytest.mark.parametrize(
    ("lora", "odd"),
    [
        ({"rank": 16, "alpha": 16.0}, None),
        ({"rank": 256, "alpha": 32.0}, "odd_alpha"),
        ({"rank": 256, "alpha": 32.0, "rank_stabilised": True}, None),
        ({"rank": 2, "alpha": 32.0}, "odd_alpha"),
        ({"plus_ratio": 16.0}, None),
        ({"plus_ratio": 0.5}, "odd_plus_ratio"),
    ],
)
def test_odd_scales_of_the_adapter_are_found(section, lora, odd) -> None:
    assert findings(section, lora=lora) == ({odd: "warning"} if odd else {})


def test_rows_learnt_by_heart_are_found(section) -> None:
    much = {"max_steps": None, "epochs": 11.0}
    assert findings(section, **much) == {"too_many_epochs": "warning"}
    assert findings(section, **much, patience=3) == {}
    assert findings(section, max_steps=200) == {}
    assert findings(section, max_steps=201) == {"too_many_epochs": "warning"}


def test_a_run_is_as_long_as_its_tokens_let_it_be(section) -> None:
    forever = {"max_steps": None, "epochs": 1000.0}
    for tokens, expected in ((20_000, []), (22_000, ["too_many_epochs"])):
        found = check_settings(section(**forever, max_tokens=tokens), 80, 8, tokens=2000)
        assert [each.code for each in found] == expected
    assert "is learnt 11 times" in found[0].message
    often = section(**forever, max_tokens=8000, patience=3)
    (found_one,) = check_settings(often, 80, 8, tokens=2000)
    assert found_one.code == "patience_never_ends"
    assert "the run of 80 steps has only 0" in found_one.message


def test_a_patience_that_can_never_end_is_found(section) -> None:
    assert findings(section, patience=4) == {}
    assert findings(section, patience=5) == {"patience_never_ends": "warning"}  # in the last step


@pytest.mark.parametrize(
    ("steps", "every", "patience"),
    [(4, 2, 1), (4, 2, 2), (5, 2, 2), (5, 2, 3), (3, 1, 2), (3, 1, 3), (2, 3, 1), (3, 3, 1), (4, 3, 1)],
)
def test_a_patience_that_can_end_is_one_that_ends_where_nothing_gets_better(
    steps, every, patience, section, train_tiny, rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = itertools.count(5.0)
    monkeypatch.setattr(loop, "mean_loss", lambda *_given, **_how: next(measured))
    how = {"max_steps": steps, "eval_every": every, "patience": patience}
    out = train_tiny(validation=rows[:2], **how)
    early = read_json(out / "summary.json")["steps"] < steps
    assert early == (findings(section, **how) == {})


def test_four_bits_in_vain_are_found(section, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert findings(section, quantise="nf4", parameters=8 * 10**9) == {"quantised_in_vain": "warning"}
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert findings(section, quantise="nf4", parameters=8 * 10**9) == {}
    assert findings(section, quantise="nf4", parameters=10**8) == {"quantised_in_vain": "warning"}


def test_a_precision_that_is_emulated_is_found(section, monkeypatch: pytest.MonkeyPatch) -> None:
    for best, expected in (("fp32", {"slow_precision": "warning"}), ("bf16", {})):
        monkeypatch.setattr("talkwright.train.settings.best_precision", lambda best=best: best)
        assert findings(section, precision="bf16") == expected


WRONG = [
    {"warmup_steps": 50},
    {"batch_size": 81, "max_steps": 3},
    {"batch_size": 81, "max_steps": 3, "accumulation": 40},
    {"batch_size": 81, "max_steps": 40, "accumulation": 40, "patience": 3, "eval_every": 1},
    {"warmup_steps": 12, "max_tokens": 1000},
    {"label_smoothing": 0.21},
    {"neftune": 15.5},
    {"weight_decay": 1.1},
    {"max_steps": None, "epochs": 30.0},
    {"max_steps": None, "epochs": 1000.0, "max_tokens": 60_000},
    {"max_steps": None, "epochs": 1000.0, "max_tokens": 8000, "patience": 3},
    {"learning_rate": 1.0},
    {"learning_rate": 1e-9},
    {"lora": {"alpha": 1.0}},
    {"lora": {"plus_ratio": 1000.0}},
    {"patience": 9},
    {"patience": 5},
    {"patience": 25},
    {"patience": 20, "eval_every": 1},
    {"patience": 19, "eval_every": 2},
    {"patience": 25, "eval_every": 20},
    {"patience": 1, "eval_every": 20},
    {"quantise": "nf4"},
]


@pytest.mark.parametrize("settings", WRONG, ids=str)
def test_the_line_that_mends_it_mends_it(section, settings) -> None:
    plain = {"max_steps": 20, "learning_rate": None, **settings}
    (found,) = check_settings(section(**plain), 80, 8, tokens=2000)
    changed = {**plain, "lora": dict(plain.get("lora", {}))}
    lines = re.findall(r"`(train\..+?)`", re.split(" or |, or ", found.fix)[0])
    assert lines
    for line in lines:
        key, value = next(iter(yaml.safe_load(line).items()))
        *_, last = path = key.split(".")
        value = float(value) if last in ("learning_rate", "alpha", "plus_ratio", "epochs") else value
        (changed["lora"] if path[1] == "lora" else changed)[last] = value
    assert check_settings(section(**changed), 80, 8, tokens=2000) == []


@pytest.mark.parametrize(
    ("train", "said"),
    [
        ({"precision": "fp16"}, "overflow in fp16; write `precision: bf16`"),
        ({"method": "full", "quantise": "nf4"}, "write `method: lora`"),
        ({"method": "ia3", "lora": {"rank": 4}}, "the lora section would have no effect"),
        ({"virtual_tokens": 5}, "virtual_tokens would have no effect"),
        ({"freeze": ["embed"]}, "freeze would have no effect"),
        ({"method": "prefix", "recompute": True}, "recompute cannot go with method prefix"),
        ({"method": "prefix", "compile": True}, "compile cannot go with method prefix"),
        ({"quantise": "nf4", "compile": True}, "compile cannot go with quantise nf4"),
        ({"schedule": "constant", "min_rate": 0.1}, "min_rate would have no effect"),
        ({"decay_ratio": 0.5}, "decay_ratio would have no effect"),
        ({"accumulation": 2, "pass_tokens": 100}, "remove one"),
        ({"use_dora": True}, "not a setting"),
        ({"optim": "adamw"}, "Did you mean 'optimizer'"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_when_read(train, said) -> None:
    with pytest.raises(RecipeError) as caught:
        build_recipe({"data": "x.jsonl", "train": train})
    assert said in str(caught.value)


def test_a_template_of_another_model_is_found(tiny_template) -> None:
    from talkwright.template import Template

    assert check_template(tiny_template) == []
    tokenizer = copy.deepcopy(tiny_template._tokenizer)
    own = tokenizer.chat_template
    tokenizer.chat_template = own.replace("im_start", "header").replace("im_end", "eot_id")
    (found,) = check_template(Template(tokenizer))
    assert (found.severity, found.code, found.count) == ("error", "template_of_another_model", 2)
    assert "<|eot_id|>, <|header|>" in found.message
    tokenizer.chat_template = own.replace("<|im_start|>", "<start_of_turn>")
    assert [each.severity for each in check_template(Template(tokenizer))] == ["warning"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{% for m in messages %}{% if m['role'] == 'user' %}<s>[INST] {{ m['content'] }} [/INST]"
         "{% else %} {{ m['content'] }}</s>{% endif %}{% endfor %}", "</s>, <s>, [/INST], [INST]"),
        ("{% for m in messages %}{% if m['role'] == 'user' %}<｜User｜>{{ m['content'] }}{% else %}"
         "<｜Assistant｜>{{ m['content'] }}<｜end▁of▁sentence｜>{% endif %}{% endfor %}",
         "<｜Assistant｜>"),
    ],
    ids=["llama 2", "deepseek"],
)  # fmt: skip
def test_a_template_whose_marks_are_plain_text_here_is_found(text, named, tiny_template) -> None:
    from talkwright.template import Template

    tokenizer = copy.deepcopy(tiny_template._tokenizer)
    tokenizer.chat_template = text
    (found,) = check_template(Template(tokenizer))
    assert (found.severity, found.code) == ("error", "template_of_another_model")
    assert named in found.message
    tokenizer.chat_template = text.replace("</s>", "</s><|im_end|>").replace("｜User｜", "|im_end|")
    codes = [(each.severity, each.code) for each in check_template(Template(tokenizer))]
    assert ("error", "template_of_another_model") not in codes


def test_weights_are_counted_without_reading_them(tiny_base) -> None:
    from talkwright.models import load_weights

    model = load_weights(tiny_base, precision="fp32")
    assert parameter_count(tiny_base) == sum(weight.numel() for weight in model.parameters())


def context_findings(base, section, longest: int, **settings: object) -> list[tuple[str, str, str]]:
    lengths = {"train": {20: 5, longest: 2}, "validation": {longest: 1}, "test": {9000: 1}}
    found = check_context(section(**settings), lengths, base)
    return [(each.severity, each.code, f"{each.count}: {each.fix}") for each in found]


@pytest.mark.parametrize(("kept", "severity"), [(29, "warning"), (30, "note")])
def test_rows_that_teach_nothing_are_worth_a_warning_where_they_are_many(
    kept, severity, tiny_base, tiny_template, section
) -> None:
    lengths = {"train": {40: kept}, "validation": {40: 2}}
    dropped = {"no_assistant_turn": 1, "empty": 2, "too_long": 50}
    found = check_recipe(section(max_steps=1), lengths, tiny_base, tiny_template, dropped)
    (finding,) = [each for each in found if each.code == "rows_teach_nothing"]
    assert (finding.severity, finding.count) == (severity, 3)
    assert "1 without an answer, 2 without any text" in finding.message
    lines = re.findall("`([^`]*)`", fix_in(Path("runs") / "my chats", finding.fix))
    assert lines == [
        f"talkwright data ledger 'runs/my chats' --where reason={reason}"
        for reason in ("no_assistant_turn", "empty")
    ]


def test_rows_longer_than_the_model_was_made_for_are_found(tiny_base, section) -> None:
    room = load_config(tiny_base).max_position_embeddings
    assert context_findings(tiny_base, section, room + 1) == []  # the last is predicted, not read
    found = context_findings(tiny_base, section, room + 2)
    assert found == [("warning", "beyond_context", f"3: write `template.max_length: {room}`")]
    learnt = {"method": "prompt", "virtual_tokens": 40}
    assert context_findings(tiny_base, section, room - 39, **learnt) == []
    found = context_findings(tiny_base, section, room - 38, **learnt)
    assert found == [("warning", "beyond_context", f"3: write `template.max_length: {room - 40}`")]
    found = context_findings(tiny_base, section, 30, **{**learnt, "virtual_tokens": 500})
    assert found[0][2].endswith("smaller `train.virtual_tokens`")


def test_rows_longer_than_there_are_places_stop_the_run(tiny_base, section, tmp_path) -> None:
    """GPT-2 has a learnt vector for each place and would end in an IndexError."""
    from transformers import GPT2Config

    GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=64, n_positions=32).save_pretrained(tmp_path)
    places = replace(tiny_base, path=str(tmp_path))
    assert context_findings(places, section, 33) == []
    found = context_findings(places, section, 34)
    assert found == [("error", "beyond_context", "3: write `template.max_length: 32`")]
