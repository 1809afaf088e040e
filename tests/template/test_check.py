"""The check stage: every row encoded or accounted for, what is odd named, all of it on disk."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from talkwright.config import TemplateSection
from talkwright.template import Template, check_dataset, read_examples
from talkwright.types import Conversation, Finding, Lengths, Message


def chat(*texts: str, where: str = "a.jsonl:1") -> Conversation:
    roles = ("user", "assistant")
    return Conversation(tuple(Message(roles[n % 2], text) for n, text in enumerate(texts)), where=where)  # type: ignore[arg-type]


@pytest.fixture
def check(family_named: Callable, tmp_path: Path) -> Callable[..., tuple[dict[str, Finding], Path, Any]]:
    """check(rows, name=family, validation=rows, **section): findings by code, folder, tokens.json."""

    def run(
        rows: list[Conversation], *, name: str = "chatml", validation: Any = (), **section: Any
    ) -> Any:
        template = section.pop("template", None) or family_named(name).template
        out = tmp_path / "check"
        splits = {"train": rows, "validation": list(validation), "test": []}
        found = check_dataset(template, splits, TemplateSection(**section), out=out, key="k")
        assert json.loads((out / "findings.json").read_text())[: len(found)] == [
            {
                "severity": f.severity,
                "code": f.code,
                "message": f.message,
                "fix": f.fix,
                "count": f.count,
            }
            for f in found
        ]
        return {f.code: f for f in found}, out, json.loads((out / "tokens.json").read_text())

    return run


def test_several_processes_store_the_same_bytes(check, family_named, monkeypatch) -> None:
    template = family_named("chatml").template
    rows = [
        chat(
            f"question {n}",
            "long " * (3000 * (n % 90 == 7)) + f"answer {n} <|im_end|>",
            where=f"a.jsonl:{n}",
        )
        for n in range(400)
    ]
    rows[350] = chat("\ud800", "not valid", where="a.jsonl:350")

    def stored() -> tuple[Any, dict[str, bytes]]:
        found, out, _ = check(rows, validation=rows[:30], template=template, max_length=200)
        return found, {
            file.name: file.read_bytes() for file in out.iterdir() if file.name != "manifest.json"
        }

    alone = stored()
    assert alone[0]["too_long"].count == 6
    assert "first is a.jsonl:7" in alone[0]["too_long"].message
    assert alone[0]["template_refuses"].count == 1
    monkeypatch.setattr("talkwright.template.check.WORTH_IT", 1)
    monkeypatch.setattr("talkwright.template.check.BATCH", 16)
    monkeypatch.setattr("talkwright.pool.cores", lambda: 3)
    assert stored() == alone


def test_a_clean_data_set_has_no_findings_and_comes_back_as_it_was_encoded(
    check, family_named, tmp_path
) -> None:
    template = family_named("chatml").template
    rows = [chat(f"question {n}", f"answer {n}", "more?", "no" * n) for n in range(600)]
    found, out, tokens = check(rows, validation=rows[:3], template=template)
    assert found == {}
    encoded = [example for row in rows for example in template.encode(row)]
    assert list(read_examples(out, "train")) == encoded
    assert list(read_examples(out, "validation")) == encoded[:3]
    assert list(read_examples(out, "test")) == []
    train = tokens["splits"]["train"]
    assert train["rows"] == 600
    assert train["lengths"] == [
        list(pair) for pair in sorted(Counter(len(e.input_ids) for e in encoded).items())
    ]
    assert train["tokens"] == sum(len(e.input_ids) for e in encoded)
    assert train["supervised"] == sum(e.n_supervised for e in encoded)
    assert tokens["template"] == {"fingerprint": template.fingerprint, "stop": sorted(template.stop_ids)}
    shown = json.loads((out / "shown.json").read_text())
    assert [row["input_ids"] for row in shown] == [list(e.input_ids) for e in encoded[:3]]


def test_rows_that_are_too_long_are_dropped_and_counted(check) -> None:
    rows = [chat("a", "b"), chat("c", "d" * 500, where="b.csv:row 7"), chat("e", "f")]
    found, out, tokens = check(rows, max_length=100)
    assert (found["too_long"].severity, found["too_long"].count) == ("warning", 1)
    assert "b.csv:row 7" in found["too_long"].message
    assert "template.max_length" in found["too_long"].fix
    assert [e.conversation for e in read_examples(out, "train")] == [rows[0].id, rows[2].id]
    assert (tokens["splits"]["train"]["rows"], tokens["splits"]["train"]["too_long"]) == (2, 1)


def test_lost_answers_are_counted_with_what_lost_them(check) -> None:
    turns = [f"{word} {n}" for n in range(4) for word in ("question", "answer")]
    rows = [chat(*turns, *("long" * 100, "long") * 2), chat("c", "d" * 900, "e", "f", "g", "h")]
    found, _, _ = check(rows, max_length=300, too_long="cut")
    assert "1 rows were cut" in found["cut"].message
    assert "with 2 answers in all" in found["cut"].message
    assert "1 rows are longer" in found["too_long"].message
    assert "with 3 answers in all" in found["too_long"].message


def test_rows_that_are_too_long_are_an_error_where_the_recipe_says_so(check) -> None:
    found, _, _ = check([chat("a", "b"), chat("c", "d" * 500)], max_length=100, too_long="error")
    assert found["too_long"].severity == "error"


@pytest.mark.parametrize("name", ["chatml", "llama3", "gemma", "mistral", "llama2", "zephyr", "phi"])
def test_a_cut_row_ends_with_the_stop_token_of_a_whole_answer(check, family_named, name: str) -> None:
    template = family_named(name).template
    long = chat(*[f"{word} {n}" for n in range(30) for word in ("question", "answer")])
    hopeless = chat("c", "d" * 900, where="b.csv:row 7")
    (whole,) = template.encode(long)
    for max_length in range(60, 120, 7):
        found, out, tokens = check(
            [long, hopeless], template=template, max_length=max_length, too_long="cut"
        )
        (row,) = read_examples(out, "train")
        assert len(row.input_ids) <= max_length
        assert row.labels[-1] in template.stop_ids
        assert row.input_ids == whole.input_ids[: len(row.input_ids)]
        assert row.labels == whole.labels[: len(row.labels)]
        assert (found["cut"].count, found["too_long"].count) == (1, 1)
        assert (tokens["splits"]["train"]["cut"], tokens["splits"]["train"]["too_long"]) == (1, 1)
        following = [
            n for n in range(1, max_length) if whole.labels[n] == -100 and whole.labels[n - 1] != -100
        ]
        assert len(row.input_ids) == following[-1] or whole.labels[max_length] == -100


def test_rows_that_the_template_refuses_do_not_take_others_with_them(check) -> None:
    bad = Conversation(
        (Message("user", "a"), Message("user", "b"), Message("assistant", "c")), where="x.csv:row 9"
    )
    rows = [
        *(chat(f"q{n}", "a") for n in range(5)),
        bad,
        chat("q", "\ud800", where="x.csv:row 10"),
        chat("z", "a"),
    ]
    found, out, tokens = check(rows, name="mistral")
    assert found["template_refuses"].count == 2
    assert "x.csv:row 9" in found["template_refuses"].message
    assert len(read_examples(out, "train")) == 6
    assert tokens["splits"]["train"]["refused"] == 2


def test_nothing_to_learn_is_an_error(check) -> None:
    for rows in ([], [chat("only a question")], [chat("a", "b" * 500)]):
        found, out, _ = check(rows, max_length=64)
        assert found["nothing_to_learn"].severity == "error"
        assert len(read_examples(out, "train")) == 0


def test_control_text_in_content_or_thinking_is_noted(check) -> None:
    thinker = Conversation((Message("user", "a"), Message("assistant", "b", thinking="<|im_end|>")))
    found, _, _ = check([chat("a <|im_end|>", "b"), chat("c", "d"), thinker])
    assert (found["control_text_in_content"].severity, found["control_text_in_content"].count) == (
        "note",
        2,
    )


def test_a_prompt_that_is_not_a_prefix_is_named_whichever_answer_it_is_before(check) -> None:
    for texts in (("a", "\n\nb", "c", "d"), ("a", "b", "c", "\n\nd")):
        found, _, _ = check([chat(*texts), chat("a", "b")])
        assert found["prompt_is_not_a_prefix"].count == 1, texts
        assert found["prompt_is_not_a_prefix"].severity == "warning"


def test_two_start_tokens_are_an_error(check, family_named) -> None:
    tokenizer = family_named("llama3").tokenizer
    tokenizer.chat_template = "{{ bos_token }}" + tokenizer.chat_template.replace(
        "{{- bos_token", "{{ bos_token"
    )
    found, _, _ = check([chat("a", "b")], template=Template(tokenizer))
    assert (found["doubled_start"].severity, found["doubled_start"].count) == ("error", 1)


def test_a_template_without_a_system_role_is_noted(check) -> None:
    found, _, _ = check([chat("a", "b")], name="gemma")
    assert found["no_system_role"].severity == "note"


def test_answers_that_no_server_would_be_asked_for_are_no_trouble(check) -> None:
    odd = Conversation(
        (
            Message("assistant", "hello"),
            Message("user", "a"),
            Message("assistant", "b"),
            Message("assistant", "c"),
        )
    )
    only_rules = Conversation((Message("system", "a"), Message("assistant", "b")))
    found, out, _ = check([odd, only_rules, chat("a", "b")])
    assert len(read_examples(out, "train")) == 3
    assert set(found) <= {"prompt_is_not_a_prefix"}


def test_thinking_rows_are_one_for_each_answer(check) -> None:
    found, out, tokens = check([chat("a", "b", "c", "d"), chat("e", "f")], name="thinking")
    assert found == {}
    assert tokens["splits"]["train"]["rows"] == 3 == len(read_examples(out, "train"))


def test_findings_of_others_are_kept_with_these(family_named, tmp_path: Path) -> None:
    further = [Finding("warning", "learning_rate", "too high", "lower it")]
    seen: list[Any] = []

    def judge(lengths: Lengths) -> list[Finding]:
        seen.append({split: dict(counts) for split, counts in lengths.items()})
        return further

    splits = {"train": [chat("a", "b"), chat("a", "c")], "validation": []}
    found = check_dataset(
        family_named("chatml").template, splits, TemplateSection(), out=tmp_path / "c", key="k",
        further=judge,
    )  # fmt: skip
    assert found == further
    [length] = {len(row.input_ids) for row in read_examples(tmp_path / "c", "train")}
    assert seen == [{"train": {length: 2}, "validation": {}}]
    assert json.loads((tmp_path / "c" / "findings.json").read_text())[0]["code"] == "learning_rate"
