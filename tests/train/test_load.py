"""What `talkwright plan` takes a run's rows to be, against the batches that the loop makes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from talkwright.train import Rows
from talkwright.train.estimate.load import make_load
from talkwright.types import Example


def taught(*ids: int, answers: tuple[tuple[int, int], ...] | None = None) -> Example:
    """A row of these tokens; learnt are the spans of `answers`, or the last token alone."""
    spans = answers or ((len(ids) - 1, len(ids)),)
    kept = {n for start, stop in spans for n in range(start, stop)}
    return Example(ids, tuple(x if n in kept else -100 for n, x in enumerate(ids)))


def rows_of(examples: list[Example]) -> Rows:
    counts = [example.n_supervised for example in examples]
    return Rows([len(e.input_ids) for e in examples], counts, [], "made up", examples)


def begun_alike(beginning: int, own: int = 40, count: int = 8) -> list[Example]:
    """Rows with a system prompt in common."""
    system = range(1000, 1000 + beginning)
    return [taught(*system, *range(10_000 * n, 10_000 * n + own)) for n in range(1, count + 1)]


def every_turn(chats: int, turns: int, length: int = 15) -> list[Example]:
    """Chats exported once after every turn: turn k is a prefix of turn k + 1."""
    return [
        taught(*range(10_000 * chat, 10_000 * chat + length * turn))
        for chat in range(1, chats + 1)
        for turn in range(1, turns + 1)
    ]


def several_answers(chats: int) -> list[Example]:
    """Rows with three answers each, some ending in tokens that teach nothing, and their prefixes."""
    found = []
    for chat in range(1, chats + 1):
        ids = range(10_000 * chat, 10_000 * chat + 61)
        found.append(taught(*ids, answers=((10, 15), (30, 35), (50, 58))))
        found.append(taught(*ids[:36], answers=((10, 15), (30, 35))))
    return found


@pytest.mark.parametrize("settings", [
    {}, {"accumulation": 2}, {"pass_tokens": 130}, {"neftune": 5.0}, {"lora": {"dropout": 0.1}},
    {"method": "prompt", "virtual_tokens": 3}, {"method": "full", "batch_size": 3},
], ids=json.dumps)  # fmt: skip
@pytest.mark.parametrize(
    "examples",
    [begun_alike(60), begun_alike(5), every_turn(2, 4), several_answers(4)],
    ids=["system prompt", "not worth it", "every turn", "several answers"],
)
def test_the_plan_counts_the_tokens_that_the_loop_computes(
    examples: list[Example], settings: Any, section: Any
) -> None:
    """Against the batches that the loop makes of the same steps."""
    from talkwright.models import LENGTH_STEP, make_batch, until_last_supervised
    from talkwright.train.model import VIRTUAL
    from talkwright.train.passes import may_share_beginnings, split
    from talkwright.train.plan import make_plan, rows_of_steps

    chosen = section(**{"batch_size": 5, "max_steps": 4, **settings})
    padded = chosen.method in VIRTUAL
    share = may_share_beginnings(chosen, padded=padded, alone=False)
    virtual = chosen.virtual_tokens if padded else 0
    plan, made, filled = make_plan(chosen, len(examples)), [], []
    for numbers in rows_of_steps(plan, chosen.batch_size, 7):
        passes = split([examples[n] for n in numbers], chosen, 0, padded=padded)
        for step, found in ((1, made), (LENGTH_STEP, filled)):
            batches = [make_batch(rows, padded=padded, share=share, step=step) for rows in passes]
            found.append([batch.ids.numel() + virtual * len(batch.ids) for batch in batches])
    load = make_load(rows_of(examples), chosen, padded=False, seed=7)
    assert load.largest == max(max(step) for step in made)
    assert load.padded * load.steps == sum(map(sum, made))
    on_cpu = load.where_filled("bf16", gpu=False)
    assert on_cpu.largest == max(max(step) for step in filled)
    assert on_cpu.padded * load.steps == sum(map(sum, filled))
    assert load.where_filled("fp32", gpu=False) == load == load.where_filled("bf16", gpu=True)
    assert load.passes * load.steps == sum(map(len, made))
    seen = [examples[n] for step in rows_of_steps(plan, chosen.batch_size, 7) for n in step]
    assert load.supervised * 4 == sum(example.n_supervised for example in seen)
    assert load.longest == virtual + max(len(until_last_supervised(example)[0]) for example in seen)


@pytest.mark.parametrize("settings", [
    {}, {"eval_rows": 5}, {"neftune": 5.0}, {"method": "prompt", "virtual_tokens": 3},
], ids=json.dumps)  # fmt: skip
@pytest.mark.parametrize("budget", [130, 4096])
@pytest.mark.parametrize(
    "examples",
    [begun_alike(60), every_turn(3, 4), several_answers(4)],
    ids=["system prompt", "every turn", "several answers"],
)
def test_the_plan_counts_the_tokens_that_a_validation_computes(
    examples: list[Example], budget: int, settings: Any, section: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against the batches that the loop scores."""
    import torch

    from talkwright.train import passes, plan, scoring
    from talkwright.train.estimate import load as estimate
    from talkwright.train.model import VIRTUAL

    chosen = section(**settings)
    padded = chosen.method in VIRTUAL
    share = passes.may_share_beginnings(chosen, padded=padded, alone=False)
    made: list[int] = []

    def score(_: Any, batch: Any) -> Any:
        virtual = chosen.virtual_tokens if padded else 0
        made.append(batch.ids.numel() + virtual * len(batch.ids))
        return torch.ones(len(batch.targets))

    monkeypatch.setattr(scoring, "row_losses", score)
    kept = plan.evenly(examples, chosen.eval_rows)
    scoring.mean_loss(torch.nn.Identity(), kept, tokens=budget, padded=padded, share=share)
    monkeypatch.setattr(estimate, "SCORING_TOKENS", budget)
    lengths = [len(e.input_ids) for e in examples]
    rows = Rows([50] * 8, [9] * 8, lengths, "made up", (), examples)
    load = make_load(rows, chosen, padded=False, seed=7)
    assert (load.validation_tokens, load.scoring) == (sum(made), max(made))


def test_a_validation_of_rows_that_begin_alike_takes_less_time(tiny_base: Any, section: Any) -> None:
    from talkwright.train import shape_of_base
    from talkwright.train.estimate.choose import coefficients
    from talkwright.train.estimate.machines import Rates
    from talkwright.train.estimate.work import run_seconds, step_seconds

    examples, shape = every_turn(2, 4), shape_of_base(tiny_base)
    lengths, counts = [len(e.input_ids) for e in examples], [e.n_supervised for e in examples]
    rates = Rates(1e11, 3e10, 1e10, 3e-6, measured=True)
    found = []
    for known in (Rows(lengths, counts, lengths, "", examples, examples), rows_of(examples)):
        chosen = section(batch_size=8, max_steps=1)
        load = make_load(known, chosen, padded=False, seed=7)
        how: Any = (shape, chosen, "fp32", load, rates, coefficients())
        found.append((run_seconds(*how), step_seconds(*how), load))
    (with_it, step, load), (without, _, _) = found
    # Two validations of the rows that the one step computes, each a third of its work.
    assert load.validation_tokens == load.padded == 2 * 59
    assert with_it - without == pytest.approx(2 * step / 3)


def test_validation_rows_cut_for_advice_are_counted_as_cut(section: Any) -> None:
    examples = every_turn(2, 4)
    lengths, counts = [len(e.input_ids) for e in examples], [e.n_supervised for e in examples]
    whole = Rows(lengths, counts, lengths, "", examples, examples)
    how: dict[str, Any] = {"padded": False, "seed": 7}
    found = make_load(whole.cut(20), section(), **how)
    assert (found.validation_tokens, found.scoring) == (2 * 20, 2 * 20)
    assert make_load(whole, section(), **how).validation_tokens == 2 * 59


def test_a_model_with_dropout_of_its_own_shares_nothing(section: Any) -> None:
    known = rows_of(begun_alike(60))
    how: dict[str, Any] = {"padded": False, "seed": 7}
    plain, dropped = (make_load(known, section(), alone=d, **how) for d in (False, True))
    assert plain.largest == dropped.largest - 3 * 60


def test_a_short_beginning_is_not_worth_the_detour(section: Any) -> None:
    alone, alike = (make_load(rows_of(begun_alike(n, 60 - n)), section(), padded=False, seed=7)
                    for n in (0, 7))  # fmt: skip
    assert alone.largest == alike.largest == 4 * 59


def test_pairs_of_tokens_that_attend_are_counted_once(section: Any) -> None:
    alike = make_load(rows_of(begun_alike(60)), section(), padded=False, seed=7)
    assert alike.squares == 4 * 99**2 - 3 * 60**2  # the last token of a row is predicted, not computed


def test_rows_cut_for_advice_stay_alike(section: Any) -> None:
    whole = rows_of(every_turn(2, 4))
    cut = rows_of([taught(*e.input_ids[:21]) for e in every_turn(2, 4)])
    how: dict[str, Any] = {"padded": False, "seed": 7}
    found, wanted = (make_load(r, section(), **how) for r in (whole.cut(20), cut))
    assert (found.largest, found.padded) == (wanted.largest, wanted.padded)
    assert make_load(whole, section(), **how).largest > found.largest


def test_without_a_tokenizer_prepared_chats_share_what_they_begin_with(section: Any) -> None:
    from talkwright.planning import CHARACTERS, _Guessed
    from talkwright.types import Conversation, Message

    system = Message("system", "Be brief and kind to everybody. " * 4)
    chats = [
        Conversation((system, Message("user", f"{n} is what? " * 3), Message("assistant", f"{n} it is")))
        for n in range(4)
    ]
    guessed = _Guessed(chats, 1000)
    assert [len(e.input_ids) for e in guessed] == [
        sum(len(m.text) // CHARACTERS + 5 for m in c.messages) for c in chats
    ]
    load = make_load(rows_of(list(guessed)), section(max_steps=1), padded=False, seed=7)
    lengths = sum(len(e.input_ids) - 1 for e in guessed)
    # The five tokens that the user's message begins with are common, too.
    assert load.largest == lengths - 3 * (len(system.text) // CHARACTERS + 10)
    assert [e.n_supervised for e in _Guessed(chats, 12)] == [1] * 4, "cut before the answer"
