"""Numbers as people read them."""

from __future__ import annotations

import pytest

from talkwright.report.text import clean, compact, count, cut, decimal, duration
from talkwright.report.training import moving_mean
from talkwright.report.verdict import METRICS, metric_of, show, show_difference, verdict_rows


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.31, "0.3 s"),
        (9.97, "10 s"),
        (59.6, "1 min 00 s"),
        (312.4, "5 min 12 s"),
        (7799, "2 h 09 min"),
        (None, "–"),
    ],
)
def test_durations(seconds, shown):
    assert duration(seconds).replace("\N{NO-BREAK SPACE}", " ") == shown


def test_numbers_have_real_minus_signs_and_never_minus_zero():
    assert decimal(-1.7094, 3) == "−1.709"
    assert decimal(-0.0001, 2, sign=True) == "0.00"
    assert decimal(0.5, 1, sign=True) == "+0.5"
    assert count(1234567) == "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567"
    assert count(float("nan")) == "–"
    assert compact(0.00012345) == "0.0001234"
    assert compact(True) == "–"


def test_a_share_near_all_or_nothing_is_not_rounded_to_it():
    recall = METRICS["fact_recall"]
    shown = [
        show(recall, value).replace("\N{NO-BREAK SPACE}", "") for value in (0, 0.004, 0.86, 0.996, 1)
    ]
    assert shown == ["0%", "0.4%", "86%", "99.6%", "100%"]
    assert show_difference(recall, 0.84) == "+84"
    assert show_difference(recall, -0.004) == "−0.4"
    assert show(recall, None) == "–"


def test_an_unknown_metric_is_shown_under_its_own_name():
    metric = metric_of("toxicity_rate")
    assert (metric.title, show(metric, 0.25), show_difference(metric, -3.0)) == (
        "toxicity rate",
        "0.25",
        "−3",
    )


@pytest.mark.parametrize(
    ("change", "badge"),
    [
        ({"verdict": "worse"}, "worse"),
        ({"delta": None, "a": None}, "not scored"),
        ({"verdict": "no evidence"}, "no evidence"),
        ({"verdict": "no evidence", "low": None, "high": None}, "not judged"),
        ({"verdict": "no evidence", "metric": "reply_words"}, "changed"),
    ],
)
def test_badges(change, badge):
    row = {
        "metric": "f1",
        "a": 0.1,
        "b": 0.5,
        "delta": 0.4,
        "low": 0.2,
        "high": 0.6,
        "n": 9,
        "unscored": 0,
    }
    assert verdict_rows([row | {"verdict": "better"} | change])[0].badge == badge


def test_cutting_escapes_what_stays_and_counts_what_goes():
    assert cut("a<b", 10) == "a&lt;b"
    assert cut("<" * 12, 10) == "&lt;" * 10 + '<span class="cut">… 2 more characters</span>'


def test_cleaning_reaches_keys_and_nested_values():
    assert clean({"a\ud800": ["\x07b", {"c": 1}]}) == {
        "a\N{REPLACEMENT CHARACTER}": ["\N{SYMBOL FOR BELL}b", {"c": 1}]
    }


def test_the_moving_mean_keeps_ends_and_a_straight_line():
    line = [(float(step), 2.0 * step) for step in range(200)]
    assert moving_mean(line) == line
    assert moving_mean([(1.0, 5.0)]) == [(1.0, 5.0)]
    assert moving_mean([]) == []
