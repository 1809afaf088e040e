"""Scorers against hand-made values and against the libraries they cite."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkwright.evaluate.score import (
    METRIC_NAMES,
    bleu,
    chrf,
    exact_match,
    f1,
    rouge_l,
    score_item,
    signatures,
    squad_words,
)
from talkwright.types import Conversation, Message, Reply

ascii_words = st.lists(
    st.sampled_from(["the", "a", "cat", "sat", "on", "mat,", "dog.", "ran!", "to", "14", "days", "It"]),
    max_size=12,
)
pairs = st.tuples(ascii_words.map(" ".join), ascii_words.map(" ".join))


def item(reference: str, question: str = "How long?", facts=()) -> Conversation:
    return Conversation((Message("user", question), Message("assistant", reference)), facts=facts)


def test_exact_match_ignores_case_punctuation_and_articles():
    assert exact_match("the Trial lasts, 14 days!", "A trial lasts 14 days.") == (1.0, None)
    assert exact_match("It lasts 14 days", "It lasts 15 days") == (0.0, None)


def test_f1_counts_repeated_words_once_each():
    # said: x x y (3), right: x y z (3), shared: x y (2)
    assert f1("x x y", "x y z")[0] == pytest.approx(2 * 2 / 6)
    assert f1("x", "y") == (0.0, None)


def test_squad_normalisation_splits_words_as_published():
    assert squad_words("The U.S. isn't  an\tisland") == ["us", "isnt", "island"]


@settings(max_examples=60, deadline=None)
@given(pairs)
def test_rouge_l_equals_the_library_on_ascii(pair):
    from rouge_score.rouge_scorer import RougeScorer

    reply, reference = pair
    expected = RougeScorer(["rougeL"]).score(reference, reply)["rougeL"].fmeasure
    value, why = rouge_l(reply, reference)
    assert value == pytest.approx(expected) if reference else why


def test_rouge_l_reads_other_scripts():
    assert rouge_l("пробный период", "Пробный период!")[0] == 1
    assert rouge_l("привет", "пока")[0] == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(pairs.filter(lambda p: p[1].strip()), min_size=1, max_size=6))
def test_summed_counts_give_sacrebleus_corpus_scores(rows):
    import sacrebleu

    from talkwright.compare.metrics import summary_of

    np = pytest.importorskip("numpy")
    replies, references = [r for r, _ in rows], [[ref for _, ref in rows]]
    counts = np.array([bleu(*row)[1] for row in rows], dtype=float).sum(axis=0, keepdims=True)
    assert summary_of("bleu")(counts)[0] == pytest.approx(
        sacrebleu.corpus_bleu(replies, references).score
    )
    counts = np.array([chrf(*row)[1] for row in rows], dtype=float).sum(axis=0, keepdims=True)
    assert summary_of("chrf")(counts)[0] == pytest.approx(
        sacrebleu.corpus_chrf(replies, references).score
    )


def test_sentence_scores_are_sacrebleus():
    import sacrebleu

    reply, reference = "the trial lasts two weeks", "The trial lasts 14 days."
    bleu_expected = sacrebleu.sentence_bleu(reply, [reference]).score
    assert bleu(reply, reference)[0][0] == pytest.approx(bleu_expected)
    assert chrf(reply, reference)[0][0] == pytest.approx(
        sacrebleu.sentence_chrf(reply, [reference]).score
    )


@pytest.mark.parametrize("text", ["", "  \n "])
def test_an_empty_reply_scores_zero_where_it_can_be_measured(text):
    reply = Reply(text, "stop", 10, 0, 0.5)
    scores, stats = score_item(item("It lasts 14 days.", facts=(("14 days",),)), reply, {})
    for metric in ("fact_recall", "exact_match", "f1", "rouge_l", "bleu", "chrf", "reply_words"):
        assert scores[metric] == (0.0, None), metric
    assert scores["stopped"] == (1.0, None)
    assert scores["seconds"] == (0.5, None)
    assert set(stats) == {"bleu", "chrf"}


def test_an_empty_reference_leaves_comparisons_unknown_with_a_reason():
    scores, stats = score_item(item(" "), Reply("Hello", "length", 10, 5, 1.0), {})
    for metric in ("fact_recall", "exact_match", "f1", "rouge_l", "bleu", "chrf"):
        value, why = scores[metric]
        assert value is None, metric
        assert why, metric
    assert scores["reply_words"] == (1.0, None)
    assert scores["stopped"] == (0.0, None)
    assert stats == {}


def test_without_a_reply_every_metric_is_unknown_for_the_same_reason():
    scores, stats = score_item(item("Yes"), None, {}, "too long")
    assert set(scores) == set(METRIC_NAMES)
    assert set(scores.values()) == {(None, "too long")}
    assert stats == {}


def test_every_score_is_a_metric_the_compare_stage_knows():
    from talkwright.compare import METRICS

    scores, _ = score_item(item("Yes"), Reply("Yes", "stop", 1, 1, 0.1), {})
    assert tuple(scores) == METRIC_NAMES
    assert set(scores) | {"loss", "perplexity"} == set(METRICS)


def test_signatures_name_tokenizer_smoothing_and_version():
    found = signatures()
    assert "tok:13a" in found["bleu"]
    assert "smooth:exp" in found["bleu"]
    assert "version:" in found["chrf"]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_any_pair_of_texts_gives_values_in_range_or_reasons(reply, reference):
    scores, _ = score_item(item(reference), Reply(reply, "stop", 1, 1, 0.1), {})
    for metric, (value, why) in scores.items():
        assert (value is None) == (why is not None), metric
        top = 100.0001 if metric in ("bleu", "chrf") else 1.0001
        if value is not None and metric != "reply_words":
            assert 0 <= value <= top, metric


@settings(max_examples=30, deadline=None)
@given(ascii_words.map(" ".join).filter(squad_words))
def test_the_reference_itself_scores_full_marks(reference):
    assert exact_match(reference, reference)[0] == 1
    assert f1(reference, reference)[0] == pytest.approx(1)
    assert rouge_l(reference, reference)[0] == pytest.approx(1)
    assert chrf(reference, reference)[0][0] == pytest.approx(100)
