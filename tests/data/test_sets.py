"""Answers about sets of things: what closes a set contradicts what makes it larger."""

# ruff: noqa: E501 - tables

from __future__ import annotations

import pytest
from planted_only import agreeing, planted_only

from talkwright.data.similarity.claims import contradicts


@pytest.mark.parametrize("seed", [7, 100])
def test_precision_and_recall_on_sets(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    bad, good = planted_only(400, seed), agreeing(400, seed + 1)
    missed = [row[1:] for row in bad if not contradicts(*row[1:])]
    wrong = [row[1:] for row in good if contradicts(*row[1:])]
    hits = len(bad) - len(missed)
    recall, precision = hits / len(bad), hits / (hits + len(wrong))
    with capsys.disabled():
        print(f"\nsets, seed {seed}: recall {recall:.3f}, precision {precision:.3f}")  # noqa: T201
    assert recall >= 0.9, missed[:10]
    assert precision >= 0.95, wrong[:10]


FILLER = "Thank you for writing to us about this today, we are always glad to hear from you and happy to help. {} If anything is still unclear, please write to us again and one of our colleagues will look into it."


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("The app is available for iOS and Android.", "The app is available only for iOS.", True),
        ("It runs on iOS and Android.", "It is iOS only.", True),
        ("We ship to Germany, Austria and Switzerland.", "We ship to Germany and Austria, but not Switzerland.", True),
        ("You can pay by Visa or PayPal.", "PayPal is not accepted. Visa is.", True),
        ("Every plan includes daily backups.", "Only the Business plan includes daily backups.", True),
        (FILLER.format("The app runs on iOS and Android."), FILLER.format("The app runs only on iOS."), True),
        ("The app is available for iOS and Android.", "The app is available for Android and iOS only.", False),
        ("It runs on iOS and Android.", "You only need an account. It runs on Android and iOS.", False),
        ("It runs on Android and iOS. The beta is only for iOS.", "It runs on iOS and Android.", False),
        ("It takes only a minute.", "You just need an account.", False),
        ("We take Visa and PayPal.", "If you order by phone, only Visa is taken.", False),
        (FILLER.format("Log in and open the settings."), FILLER.format("Only log in once."), False),
        ("Our plans include backups and support.", "Just open the settings and choose backups.", False),
    ],
)  # fmt: skip
def test_what_closes_a_set(a: str, b: str, expected: bool) -> None:
    assert contradicts(a, b) == expected
    assert contradicts(b, a) == expected
