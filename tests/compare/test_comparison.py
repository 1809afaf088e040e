"""Two evaluation artefacts in, verdicts out; what is unknown stays unknown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from talkwright.compare import METRICS, as_text, compare, totals, write_comparison
from talkwright.config import CompareSection
from talkwright.errors import ArtefactError
from talkwright.runs import artefact, manifest, read_json, write_jsonl
from talkwright.types import to_json

SECTION = CompareSection(resamples=400)
SECONDS = 0.5


def evaluation(
    folder: Path, f1s: dict, losses: dict | None = None, *, facts=(("x",),), extra=None
) -> Path:
    """Write an evaluation artefact: f1 by item (None: unscored), (nll, tokens) by item."""
    rows = []
    for item, value in f1s.items():

        def scored(reason, value=value):
            return {"value": value, "why": reason if value is None else None}

        scores = {
            "f1": scored("the reference is empty"),
            "fact_recall": scored("the item lists no facts"),
        }
        scores["reply_words"] = {"value": 10 * (value or 0), "why": None}
        scores["seconds"] = {"value": SECONDS * (1 + (value or 0)), "why": None}
        scores.update(extra or {})
        rows.append(
            {
                "item": item,
                "prompt": [{"role": "user", "content": item, "thinking": None}],
                "reference": "yes",
                "reply": None,
                "facts": to_json(facts),
                "scores": scores,
                "stats": {},
            }
        )
    with artefact(folder, kind="evaluation", key="k") as temporary:
        write_jsonl(temporary / "items.jsonl", rows)
        write_jsonl(
            temporary / "losses.jsonl",
            [
                {"item": i, "nll": nll, "tokens": n, "why": None}
                for i, (nll, n) in (losses or {}).items()
            ],
        )
    return folder


def by_metric(comparisons):
    return {c.metric: c for c in comparisons}


def names(n):
    return [f"item{i:03}" for i in range(n)]


def spread(n, low, high):
    return dict(zip(names(n), np.linspace(low, high, n).tolist(), strict=True))


def test_a_clear_gain_is_better_and_a_clear_loss_worse(tmp_path):
    a = evaluation(tmp_path / "a", spread(20, 0.1, 0.3), dict.fromkeys(names(20), (30.0, 10)))
    b = evaluation(
        tmp_path / "b", spread(20, 0.6, 0.9), {i: (20.0 + n / 10, 10) for n, i in enumerate(names(20))}
    )
    found = by_metric(compare(a, b, SECTION, seed=1))
    assert list(found) == list(METRICS)
    f1 = found["f1"]
    assert (f1.verdict, f1.n, f1.unscored, f1.why, f1.more) == ("better", 20, 0, None, None)
    assert f1.delta == pytest.approx(f1.b - f1.a) == pytest.approx(0.55)
    assert f1.low < f1.delta < f1.high
    assert found["loss"].a == pytest.approx(3.0)
    assert found["loss"].verdict == "better"
    assert found["perplexity"].a == pytest.approx(np.exp(3.0))
    assert found["perplexity"].verdict == "better"
    back = by_metric(compare(b, a, SECTION, seed=1))
    assert back["f1"].verdict == back["loss"].verdict == "worse"
    assert back["f1"].delta == pytest.approx(-f1.delta)


def test_the_same_seed_gives_the_same_comparison(tmp_path):
    a, b = evaluation(tmp_path / "a", spread(9, 0, 0.4)), evaluation(tmp_path / "b", spread(9, 0.1, 0.3))
    assert compare(a, b, SECTION, seed=1) == compare(a, b, SECTION, seed=1)
    assert compare(a, b, SECTION, seed=1) != compare(a, b, SECTION, seed=2)


def test_an_evaluation_against_itself_is_no_evidence_and_no_data_would_tell(tmp_path):
    a = evaluation(tmp_path / "a", spread(20, 0.1, 0.9), dict.fromkeys(names(20), (30.0, 10)))
    for found in compare(a, a, SECTION, seed=1):
        assert found.verdict == "no evidence"
        assert found.more is None
        assert found.why


def test_neutral_metrics_have_an_interval_and_never_a_verdict(tmp_path):
    a, b = (
        evaluation(tmp_path / "a", spread(20, 0.1, 0.3)),
        evaluation(tmp_path / "b", spread(20, 0.6, 0.9)),
    )
    words = by_metric(compare(a, b, SECTION, seed=1))["reply_words"]
    assert words.low > 0
    assert (words.verdict, words.why, words.more) == ("no evidence", "neither direction is better", None)


def test_times_are_shown_without_interval_or_verdict(tmp_path):
    a, b = (
        evaluation(tmp_path / "a", spread(20, 0.1, 0.3)),
        evaluation(tmp_path / "b", spread(20, 0.6, 0.9)),
    )
    seconds = by_metric(compare(a, b, SECTION, seed=1))["seconds"]
    assert seconds.delta == pytest.approx(0.55 * SECONDS)
    assert (seconds.low, seconds.high, seconds.verdict) == (None, None, "no evidence")
    assert "not independent" in seconds.why


def test_items_of_one_side_and_items_without_a_score_count_as_unscored(tmp_path):
    left = {**spread(10, 0.1, 0.3), "item003": None, "only-a": 1.0}
    right = {**spread(10, 0.5, 0.9), "item004": None, "only-b": 0.0}
    found = by_metric(
        compare(evaluation(tmp_path / "a", left), evaluation(tmp_path / "b", right), SECTION, seed=1)
    )
    assert (found["f1"].n, found["f1"].unscored) == (8, 4)
    kept = [v for k, v in left.items() if k in right and k not in ("item003", "item004")]
    assert found["f1"].a == pytest.approx(np.mean(kept))


def test_a_metric_no_item_was_scored_on_is_none_with_the_reason(tmp_path):
    nothing = dict.fromkeys(names(5))
    a, b = evaluation(tmp_path / "a", nothing), evaluation(tmp_path / "b", nothing)
    found = by_metric(compare(a, b, SECTION, seed=1))
    facts, loss = found["fact_recall"], found["loss"]
    assert (facts.a, facts.b, facts.delta, facts.low, facts.high) == (None,) * 5
    assert (facts.n, facts.unscored, facts.verdict) == (0, 5, "no evidence")
    assert "lists no facts (5)" in facts.why
    assert loss.n == loss.unscored == 0
    assert loss.why == "nothing was measured in either evaluation"
    assert found["bleu"].why == "no item could be scored on both: not scored by this evaluation (5)"


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_items_have_values_and_no_interval(tmp_path, n):
    a, b = evaluation(tmp_path / "a", spread(n, 0, 0)), evaluation(tmp_path / "b", spread(n, 1, 1))
    f1 = by_metric(compare(a, b, SECTION, seed=1))["f1"]
    assert (f1.a, f1.b, f1.delta, f1.low, f1.high) == (0, 1, 1, None, None)
    assert f1.verdict == "no evidence"
    assert f"here {n} could" in f1.why


@pytest.mark.parametrize(("n", "verdict"), [(3, "no evidence"), (5, "no evidence"), (6, "better")])
def test_equal_gains_on_few_items_are_not_believed_before_the_sign_test_would(tmp_path, n, verdict):
    a, b = evaluation(tmp_path / "a", spread(n, 0, 0)), evaluation(tmp_path / "b", spread(n, 1, 1))
    f1 = by_metric(compare(a, b, SECTION, seed=1))["f1"]
    assert (f1.low, f1.high) == (1, 1)
    assert f1.verdict == verdict
    if verdict == "no evidence":
        assert f"only {n} items differ" in f1.why
        assert f1.more >= 6


def test_five_changed_items_among_many_are_not_evidence_and_six_are(tmp_path):
    a = evaluation(tmp_path / "a", dict.fromkeys(names(40), 0.0))
    five = evaluation(
        tmp_path / "five", {**dict.fromkeys(names(40), 0.0), **dict.fromkeys(names(5), 1.0)}
    )
    eight = evaluation(
        tmp_path / "eight", {**dict.fromkeys(names(40), 0.0), **dict.fromkeys(names(8), 1.0)}
    )
    found = by_metric(compare(a, five, SECTION, seed=1))["f1"]
    assert found.verdict == "no evidence"
    assert found.more > 40
    assert by_metric(compare(a, eight, SECTION, seed=1))["f1"].verdict == "better"


def test_a_small_difference_says_how_many_items_would_tell(tmp_path):
    rng = np.random.default_rng(2)
    base = rng.random(30)
    a = evaluation(tmp_path / "a", dict(zip(names(30), base.tolist(), strict=True)))
    b = evaluation(
        tmp_path / "b", dict(zip(names(30), (base + rng.normal(0.02, 0.2, 30)).tolist(), strict=True))
    )
    f1 = by_metric(compare(a, b, SECTION, seed=1))["f1"]
    assert f1.verdict == "no evidence"
    assert f1.why == "the interval includes no difference"
    assert f1.more > 30


def test_nothing_in_common_is_an_error_that_says_so(tmp_path):
    a, b = evaluation(tmp_path / "a", {"one": 1.0}), evaluation(tmp_path / "b", {"two": 1.0})
    with pytest.raises(ArtefactError, match="no conversation in common"):
        compare(a, b, SECTION, seed=1)


def test_damage_and_other_artefacts_are_errors(tmp_path):
    a, b = evaluation(tmp_path / "a", {"one": 1.0}), evaluation(tmp_path / "b", {"one": 0.0})
    with artefact(tmp_path / "other", kind="dataset", key="k"):
        pass
    with pytest.raises(ArtefactError, match="dataset"):
        compare(a, tmp_path / "other", SECTION, seed=1)
    (b / "items.jsonl").write_text((b / "items.jsonl").read_text().replace("0.0", "1.0"))
    with pytest.raises(ArtefactError, match="damaged"):
        compare(a, b, SECTION, seed=1)
    with pytest.raises(ArtefactError, match="no such artefact"):
        compare(a, tmp_path / "missing", SECTION, seed=1)


def test_one_id_with_two_texts_is_an_error(tmp_path):
    a, b = evaluation(tmp_path / "a", {"one": 1.0}), tmp_path / "b"
    with artefact(b, kind="evaluation", key="k") as folder:
        row = {"item": "one", "prompt": [], "reference": "no", "facts": [], "scores": {}, "stats": {}}
        write_jsonl(folder / "items.jsonl", [row])
        write_jsonl(folder / "losses.jsonl", [])
    with pytest.raises(ArtefactError, match="different texts under the id one"):
        compare(a, b, SECTION, seed=1)


def test_losses_over_different_tokens_and_recall_of_different_facts_are_not_compared(tmp_path):
    a = evaluation(tmp_path / "a", spread(8, 0, 1), dict.fromkeys(names(8), (10.0, 10)))
    b = evaluation(
        tmp_path / "b",
        spread(8, 0, 1),
        {i: (10.0, 10 + (n > 4)) for n, i in enumerate(names(8))},
        facts=(("y",),),
    )
    found = by_metric(compare(a, b, SECTION, seed=1))
    assert (found["loss"].n, found["loss"].unscored) == (5, 3)
    assert found["fact_recall"].n == 0
    assert "different facts" in found["fact_recall"].why
    assert found["f1"].n == 8


def test_an_infinite_perplexity_is_none_with_a_reason(tmp_path):
    a = evaluation(tmp_path / "a", spread(8, 0, 1), dict.fromkeys(names(8), (8000.0, 10)))
    found = by_metric(compare(a, a, SECTION, seed=1))
    assert found["loss"].a == 800
    assert found["perplexity"].a is None
    assert "not a finite number" in found["perplexity"].why


def test_totals_are_over_everything_one_evaluation_scored(tmp_path):
    a = evaluation(tmp_path / "a", {"x": 0.5, "y": 1.0, "z": None}, {"x": (10.0, 10), "y": (90.0, 30)})
    found = totals(a)
    assert list(found) == list(METRICS)
    assert found["f1"] == 0.75
    assert found["loss"] == 2.5
    assert found["bleu"] is None


def test_a_comparison_is_written_as_an_artefact(tmp_path):
    a, b = evaluation(tmp_path / "a", spread(9, 0, 0.4)), evaluation(tmp_path / "b", spread(9, 0.1, 0.3))
    comparisons = compare(a, b, SECTION, seed=1)
    write_comparison(comparisons, tmp_path / "compare", "key", {"a": "base"})
    assert read_json(tmp_path / "compare" / "comparisons.json") == to_json(comparisons)
    found = manifest(tmp_path / "compare", "comparison")
    assert (found["key"], found["about"]) == ("key", {"a": "base"})


def test_corpus_scores_of_real_replies_are_sacrebleus(tiny_template, tmp_path):
    import sacrebleu

    from talkwright.config import EvaluateSection
    from talkwright.engine import FakeEngine
    from talkwright.evaluate import evaluate
    from talkwright.types import Conversation, Message

    references = [
        "The trial lasts 14 days.",
        "Call the green line at noon.",
        "No.",
        "It weighs 3 kg in all.",
    ]
    answers = ["The trial lasts 15 days.", "Call the line at noon", "", "It weighs 3 kg in all."]
    items = [
        Conversation((Message("user", f"q{n}"), Message("assistant", text)))
        for n, text in enumerate(references)
    ]

    def answer(prompt: str) -> str:
        return next(text for n, text in enumerate(answers) if f"q{n}" in prompt)

    evaluate(
        FakeEngine(tiny_template, answer),
        "tuned",
        items,
        items,
        EvaluateSection(),
        seed=1,
        out=tmp_path / "e",
        key="k",
    )
    found = totals(tmp_path / "e")
    assert found["bleu"] == pytest.approx(sacrebleu.corpus_bleu(answers, [references]).score)
    assert found["chrf"] == pytest.approx(sacrebleu.corpus_chrf(answers, [references]).score)
    assert found["exact_match"] == 0.25
    assert found["loss"] == pytest.approx(1.0)
    assert found["stopped"] == 1.0
    assert found["fact_recall"] is None
    itself = by_metric(compare(tmp_path / "e", tmp_path / "e", SECTION, seed=1))
    assert itself["bleu"].low == itself["bleu"].high == 0


def test_comparing_never_loads_torch(tmp_path):
    a = evaluation(tmp_path / "a", spread(9, 0, 0.4), dict.fromkeys(names(9), (30.0, 10)))
    program = (
        "import sys; from pathlib import Path; from talkwright.compare import compare, as_text;"
        "from talkwright.config import CompareSection;"
        f"p = Path({str(a)!r}); as_text(compare(p, p, CompareSection(), seed=1), 'a', 'b');"
        "bad = {'torch', 'transformers', 'tokenizers'} & set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


# --- the table -----------------------------------------------------------------------------------


def test_the_table_shows_values_interval_and_verdict_aligned(tmp_path):
    a = evaluation(tmp_path / "a", spread(20, 0.1, 0.3), dict.fromkeys(names(20), (30.0, 10)))
    b = evaluation(
        tmp_path / "b", spread(20, 0.6, 0.9), {i: (20.0 + n / 10, 10) for n, i in enumerate(names(20))}
    )
    text = as_text(compare(a, b, SECTION, seed=1), "base", "tuned")
    lines = text.splitlines()
    assert lines[0].split() == ["metric", "base", "tuned", "difference", "interval", "verdict"]
    f1 = next(line for line in lines if line.startswith("F1"))
    assert f1.split()[:5] == ["F1", "(%)", "20.0", "75.0", "+55.0"]
    assert f1.rstrip().endswith("better")
    words = next(line for line in lines if line.startswith("reply length"))
    assert words.rstrip().endswith("changed")
    table = lines[: lines.index("")]
    assert len({len(line) for line in table}) == 1
    assert any(line.startswith("BLEU:") and "not scored by this evaluation" in line for line in lines)


def test_the_table_says_how_many_items_would_tell_and_how_many_were_not_scored(tmp_path):
    left = {**spread(10, 0.1, 0.3), "item003": None}
    right = {**spread(10, 0.31, 0.1), "item003": None}
    a, b = evaluation(tmp_path / "a", left), evaluation(tmp_path / "b", right)
    f1 = next(
        line
        for line in as_text(compare(a, b, SECTION, seed=1), "a", "b").splitlines()
        if line.startswith("F1:")
    )
    assert "items would tell (there were 9)" in f1
    assert "1 of 10 items could not be scored" in f1


def test_a_difference_too_small_to_show_has_no_sign():
    from talkwright.types import Comparison

    tiny = Comparison("f1", 0.5, 0.4999999, -1e-7, -1e-6, 1e-7, 9, 0, "no evidence", "x", None)
    assert "-0.0" not in as_text([tiny], "a", "b")
