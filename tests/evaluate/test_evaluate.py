"""The stage: what it asks, what it stores, and what a killed or repeated evaluation asks again."""

from __future__ import annotations

import json
import math

import pytest

from talkwright.config import EvaluateSection
from talkwright.errors import ArtefactError, DataError
from talkwright.evaluate import evaluate, select_items
from talkwright.runs import manifest, read_jsonl
from talkwright.types import Conversation, Generated, Message

SECTION = EvaluateSection(batch_size=2, max_new_tokens=20)


class CountingEngine:
    """Answers with the batch it was asked in, so that a reply shows its company; counts its work."""

    name = "counting"
    variants = ("tuned", "base")

    def __init__(self, template, context_length=500, fail_after=None, answer="It lasts 14 days"):
        self.template = template
        self.context_length = context_length
        self.batches: list[int] = []
        self.losses = 0
        self.fail_after = fail_after
        self.answer = answer

    def generate(self, prompts, sampling, *, variant=None):
        if self.fail_after is not None and len(self.batches) >= self.fail_after:
            raise KeyboardInterrupt
        self.batches.append(len(prompts))
        total = sum(len(p) for p in prompts)
        ids = tuple(self.template.guard.encode_fast(f"{self.answer} {total}"))
        return [Generated(ids[: sampling.max_new_tokens], "stop", 0.25) for _ in prompts]

    def stream(self, prompt_ids, sampling, *, variant=None, cancelled=lambda: False):
        yield from self.generate([prompt_ids], sampling, variant=variant)[0].ids

    def nll(self, examples, *, variant=None):
        self.losses += len(examples)
        return [(0.5 * e.n_supervised, e.n_supervised) for e in examples]


def chat(question: str, answer: str = "It lasts 14 days.", **more) -> Conversation:
    return Conversation((Message("user", question), Message("assistant", answer)), **more)


CHATS = [chat("How long is the trial" + "?" * n, facts=(("14 days",),)) for n in range(1, 6)]


def run(
    engine,
    folder,
    items=CHATS,
    losses=CHATS,
    *,
    cache=None,
    weights="w",
    section=SECTION,
    seed=1,
    variant="tuned",
):
    evaluate(
        engine,
        variant,
        items,
        losses,
        section,
        seed=seed,
        out=folder,
        key="k",
        cache=cache,
        weights=weights,
    )
    return list(read_jsonl(folder / "items.jsonl")), list(read_jsonl(folder / "losses.jsonl"))


def test_the_artefact_holds_items_in_their_order_with_replies_scores_and_losses(tiny_template, tmp_path):
    engine = CountingEngine(tiny_template)
    items, losses = run(engine, tmp_path / "evaluate" / "tuned")
    assert [row["item"] for row in items] == [c.id for c in CHATS] == [row["item"] for row in losses]
    first = items[0]
    assert first["prompt"] == [{"role": "user", "content": "How long is the trial?", "thinking": None}]
    assert first["reference"] == "It lasts 14 days."
    assert first["reply"]["text"].startswith("It lasts 14 days")
    assert first["reply"]["n_prompt"] == len(tiny_template.prompt_ids(CHATS[0].messages[:-1]))
    assert first["scores"]["fact_recall"] == {"value": 1.0, "why": None}
    assert len(first["stats"]["bleu"]) == 10
    assert len(first["stats"]["chrf"]) == 18
    supervised = sum(e.n_supervised for e in tiny_template.encode(CHATS[0]))
    assert losses[0] == {"item": CHATS[0].id, "nll": 0.5 * supervised, "tokens": supervised, "why": None}
    about = manifest(tmp_path / "evaluate" / "tuned", "evaluation")["about"]
    assert about["template"] == tiny_template.fingerprint
    assert (about["items"], about["unanswered"], about["losses"], about["unmeasured"]) == (5, 0, 5, 0)
    assert about["sampling"]["max_new_tokens"] == 20


def test_a_second_evaluation_asks_the_engine_nothing(tiny_template, tmp_path):
    first = run(CountingEngine(tiny_template), tmp_path / "one", cache=tmp_path / "cache")
    again = CountingEngine(tiny_template)
    assert run(again, tmp_path / "two", cache=tmp_path / "cache") == first
    assert again.batches == []
    assert again.losses == 0


@pytest.mark.parametrize(
    "change",
    [
        {"weights": "other"},
        {"variant": "base"},
        {"seed": 2},
        {"section": EvaluateSection(batch_size=2, max_new_tokens=19)},
        {"section": EvaluateSection(batch_size=2, max_new_tokens=20, temperature=0.5)},
        {"section": EvaluateSection(batch_size=2, max_new_tokens=20, top_p=0.5)},
    ],
)
def test_another_model_or_sampling_asks_again(tiny_template, tmp_path, change):
    run(CountingEngine(tiny_template), tmp_path / "one", cache=tmp_path / "cache")
    again = CountingEngine(tiny_template)
    run(again, tmp_path / "two", cache=tmp_path / "cache", **change)
    assert sum(again.batches) == len(CHATS)


def test_another_template_asks_again(tiny_template, tmp_path):
    from talkwright.template import Template

    other = Template(tiny_template._tokenizer, extra_stop_ids=[5])  # the same prompt ids, other stops
    assert other.prompt_ids(CHATS[0].messages[:-1]) == tiny_template.prompt_ids(CHATS[0].messages[:-1])
    run(CountingEngine(tiny_template), tmp_path / "one", cache=tmp_path / "cache")
    again = CountingEngine(other)
    run(again, tmp_path / "two", cache=tmp_path / "cache")
    assert sum(again.batches) == again.losses == len(CHATS)


def test_a_killed_evaluation_loses_one_batch_at_most_and_ends_the_same(tiny_template, tmp_path):
    whole = run(CountingEngine(tiny_template), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(CountingEngine(tiny_template, fail_after=1), tmp_path / "cut", cache=tmp_path / "cache")
    assert not (tmp_path / "cut").exists()
    rest = CountingEngine(tiny_template)
    assert run(rest, tmp_path / "cut", cache=tmp_path / "cache") == whole
    assert rest.batches == [2, 1]


@pytest.mark.parametrize("damage", [b'{"key": "abc', b"\xff\xfe\x00", b'[1, 2]\n{"key": 3}\n"text"'])
def test_a_damaged_last_line_is_passed_over_and_harms_nothing_after_it(tiny_template, tmp_path, damage):
    with pytest.raises(KeyboardInterrupt):
        run(CountingEngine(tiny_template, fail_after=1), tmp_path / "one", cache=tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(file.read_bytes() + damage)
    rest = CountingEngine(tiny_template)
    run(rest, tmp_path / "one", cache=tmp_path / "cache")
    assert rest.batches == [2, 1]
    last = CountingEngine(tiny_template)
    run(last, tmp_path / "two", cache=tmp_path / "cache")
    assert last.batches == []


def test_a_cached_row_cut_inside_costs_only_that_row(tiny_template, tmp_path):
    run(CountingEngine(tiny_template), tmp_path / "one", losses=[], cache=tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    lines = file.read_bytes().splitlines(keepends=True)
    stripped = json.loads(lines[0])
    del stripped["text"]
    file.write_bytes(json.dumps(stripped).encode() + b"\n" + b"".join(lines[1:])[:-9])
    again = CountingEngine(tiny_template)
    run(again, tmp_path / "two", losses=[], cache=tmp_path / "cache")
    assert sum(again.batches) == 2


def test_a_cache_that_cannot_be_written_is_an_error_that_names_it(tiny_template, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(ArtefactError, match="cache"):
        run(CountingEngine(tiny_template), tmp_path / "one", cache=tmp_path / "cache")
    assert not (tmp_path / "one").exists()


def test_equal_prompts_are_asked_once(tiny_template, tmp_path):
    twins = [chat("Hello?", "Hi."), chat("Hello?", "Good day."), chat("Hello?", "Hi.")]
    engine = CountingEngine(tiny_template)
    items, _ = run(engine, tmp_path / "one", twins, [])
    assert engine.batches == [1]
    assert [row["reference"] for row in items] == ["Hi.", "Good day."]


def test_a_prompt_longer_than_the_context_is_unknown_with_a_reason(tiny_template, tmp_path):
    long = chat("x" * 600)
    items, losses = run(CountingEngine(tiny_template), tmp_path / "one", [long, CHATS[0]], [long])
    assert items[0]["reply"] is None
    for metric, score in items[0]["scores"].items():
        assert score["value"] is None, metric
        assert "context holds 500" in score["why"], metric
    assert items[0]["stats"] == {}
    assert items[1]["reply"] is not None
    assert losses[0]["nll"] is None
    assert "context holds 500" in losses[0]["why"]
    about = manifest(tmp_path / "one")["about"]
    assert (about["unanswered"], about["unmeasured"]) == (1, 1)


def test_a_prompt_the_template_cannot_express_is_unknown_with_its_reason(tiny_template, tmp_path):
    odd = Conversation((Message("user", "a"), Message("assistant", "b"), Message("assistant", "c")))
    unfinished = Conversation((Message("user", "a"),))
    items, losses = run(CountingEngine(tiny_template), tmp_path / "one", [odd, unfinished], [unfinished])
    assert "assistant" in items[0]["scores"]["f1"]["why"]
    assert "answer" in items[1]["scores"]["f1"]["why"]
    assert losses[0]["nll"] is None
    assert "assistant" in losses[0]["why"]


def test_a_loss_that_is_not_finite_is_unknown(tiny_template, tmp_path):
    class Broken(CountingEngine):
        def nll(self, examples, *, variant=None):
            return [(math.nan, e.n_supervised) for e in examples]

    for _ in range(2):  # the second time out of the cache
        _, losses = run(Broken(tiny_template), tmp_path / "one", [], CHATS[:1], cache=tmp_path / "cache")
        assert losses[0]["nll"] is None
        assert "not a finite number" in losses[0]["why"]


def test_nothing_to_evaluate_is_an_error(tiny_template, tmp_path):
    with pytest.raises(DataError, match="nothing to evaluate"):
        run(CountingEngine(tiny_template), tmp_path / "one", [], [])


def test_the_last_answer_is_asked_for_with_all_turns_before_it(tiny_template, tmp_path):
    turns = (
        Message("system", "Be brief."),
        Message("user", "One?"),
        Message("assistant", "Uno."),
        Message("user", "Two?"),
        Message("assistant", "Dos."),
    )
    items, losses = run(
        CountingEngine(tiny_template), tmp_path / "one", [Conversation(turns)], [Conversation(turns)]
    )
    assert [m["content"] for m in items[0]["prompt"]] == ["Be brief.", "One?", "Uno.", "Two?"]
    assert items[0]["reference"] == "Dos."
    assert losses[0]["tokens"] == sum(e.n_supervised for e in tiny_template.encode(Conversation(turns)))


# --- selection -----------------------------------------------------------------------------------


def test_only_conversations_with_a_prompt_and_a_last_answer_are_items():
    good = chat("q")
    no_answer = Conversation((Message("user", "q"), Message("assistant", "a"), Message("user", "q")))
    no_prompt = Conversation((Message("assistant", "a"),))
    assert select_items([no_answer, good, no_prompt, good], limit=10, seed=1) == [good]
    assert select_items([], limit=10, seed=1) == []


def test_selection_keeps_sources_in_proportion_and_depends_on_seed_not_on_order():
    many = [chat(f"a{i}", source="a") for i in range(60)] + [
        chat(f"b{i}", source="b") for i in range(30)
    ]
    chosen = select_items(many, limit=30, seed=1)
    assert len({c.id for c in chosen}) == 30
    assert sum(c.source == "a" for c in chosen) == 20
    assert chosen == [c for c in many if c in chosen]
    assert {c.id for c in select_items(many[::-1], limit=30, seed=1)} == {c.id for c in chosen}
    assert {c.id for c in select_items(many, limit=30, seed=2)} != {c.id for c in chosen}
