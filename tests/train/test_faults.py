"""Memory that runs out, losses that are no numbers, gradients that spike, time that is up."""

from __future__ import annotations

import json
import math
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers.modeling_layers import GradientCheckpointingLayer

from talkwright.errors import TrainError
from talkwright.models import summed_loss
from talkwright.runs import read_json
from talkwright.train import loop, train
from talkwright.train.checkpoint import State
from talkwright.train.faults import find_fault, split_further
from talkwright.train.optimizers import Optimizer
from talkwright.train.passes import split
from talkwright.train.stopping import limit_reached, seconds_allowed
from talkwright.types import Example

# --- out of memory -------------------------------------------------------------------------------


class ShortOfMemory(TorchDispatchMode):
    """Fails the allocations whose numbers are in `failing`, counted from when training begins."""

    def __init__(self, failing: set[int] | None = None):
        super().__init__()
        self.failing = failing or set()
        self.counted = 0
        self.armed = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        makes_new = any(
            "Tensor" in str(given.type) and given.alias_info is None for given in func._schema.returns
        )
        if self.armed and makes_new:
            self.counted += 1
            if self.counted in self.failing:
                raise torch.OutOfMemoryError(f"allocation {self.counted} failed")
        return func(*args, **(kwargs or {}))


@pytest.fixture
def short_of_memory(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ShortOfMemory]:
    """A shortage that holds from the first validation to the last step, not while files are read."""

    def make(failing: set[int] | None = None) -> ShortOfMemory:
        shortage = ShortOfMemory(failing)
        restore, finish = loop.restore_newest, loop._finish

        def begin(*given: Any, **options: Any) -> Any:
            state = restore(*given, **options)
            shortage.armed = True
            return state

        def end(*given: Any, **options: Any) -> None:
            shortage.armed = False
            finish(*given, **options)

        monkeypatch.setattr(loop, "restore_newest", begin)
        monkeypatch.setattr(loop, "_finish", end)
        return shortage

    return make


def losses(metrics: list[dict[str, Any]]) -> list[float]:
    return [row["loss"] for row in metrics if "loss" in row]


@pytest.mark.parametrize(
    ("method", "spread"), [("full", 8), pytest.param("lora", 40, marks=pytest.mark.slow)]
)
def test_wherever_the_memory_runs_out_the_steps_are_the_same(
    method, spread, train_tiny, rows, short_of_memory, weights_of, metrics_of, monkeypatch
) -> None:
    how = {"method": method, "max_steps": 2, "validation": rows[:3], "learning_rate": 1e-3}
    updates: list[int] = []
    with short_of_memory() as counting:
        step = Optimizer.step
        monkeypatch.setattr(
            Optimizer, "step", lambda *given: updates.append(counting.counted) or step(*given)
        )
        whole = train_tiny("whole", **how)
    wanted, reported = weights_of(whole), losses(metrics_of(whole))
    monkeypatch.undo()
    places = {1, *(counting.counted * n // spread for n in range(1, spread + 1)), updates[0] + 5}
    seen = set()
    for place in sorted(places):
        with short_of_memory({place}) as shortage:
            out = train_tiny(f"at {place}", **how)
        monkeypatch.undo()
        assert shortage.counted > counting.counted  # some of it was done twice
        got = weights_of(out)
        apart = sum((wanted[n] - got[n]).square().sum() for n in wanted).sqrt()
        assert apart <= 1e-4 * sum(w.square().sum() for w in wanted.values()).sqrt(), place
        assert losses(metrics_of(out)) == pytest.approx(reported, rel=1e-5)
        events = [row for row in metrics_of(out) if "out_of_memory" in row]
        summary = read_json(out / "summary.json")
        assert (summary["steps"], summary["out_of_memory"]) == (2, 1), place
        seen.add(tuple((row["step"], row["out_of_memory"]) for row in events))
    assert seen == {(), ((1, 2),), ((2, 2),)}  # in a validation, in each of the steps


def test_an_update_without_memory_for_all_moments_changes_nothing(tiny_base, section) -> None:
    from talkwright.train.model import Masters, prepare_model
    from talkwright.train.optimizers import make_optimizer

    model, _ = prepare_model(tiny_base, section(), 7)
    place, before = 0, [weight.detach().clone() for weight in model.parameters()]
    while True:  # at every single allocation
        place += 1
        masters = Masters(model)
        optimizer = make_optimizer(model, masters, section())
        for master in masters.masters:
            master.grad = torch.ones_like(master)
        with ShortOfMemory({place}) as shortage:
            shortage.armed = True
            try:
                optimizer.step(0.01)
                break
            except torch.OutOfMemoryError:
                shortage.armed = False
        assert all(map(torch.equal, before, model.parameters()))
        optimizer.forget_half_made()
        if place % 7 == 1:
            optimizer.step(0.01)
            moved = [w.detach() - b for w, b in zip(model.parameters(), before, strict=True)]
            assert {round(float(m.abs().max()), 3) for m in moved} == {0.0, 0.01}
            for weight, old in zip(model.parameters(), before, strict=True):
                weight.data.copy_(old)
    assert place > 2 * len(masters.masters)


def test_the_size_that_worked_is_remembered_also_over_a_stop(
    train_tiny, rows, monkeypatch: pytest.MonkeyPatch, metrics_of, capsys
) -> None:
    """Memory for two rows at a time: found out once, in the first step."""
    sizes: list[int] = []
    plain = loop.make_batch

    def small(examples: Any, **how: Any) -> Any:
        sizes.append(len(examples))
        if len(examples) > 2:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to")
        return plain(examples, **how)

    class Stopped(Exception):
        pass

    write = loop._write

    def dying(metrics: Any, row: dict[str, Any]) -> None:
        write(metrics, row)
        if row["step"] == 3 and "loss" in row:
            raise Stopped

    monkeypatch.setattr(loop, "make_batch", small)
    monkeypatch.setattr(loop, "_write", dying)
    with pytest.raises(Stopped):
        train_tiny(max_steps=5, save_every=1)
    assert sizes == [4, 2, 2, 2, 2, 2, 2]
    assert "Out of memory in step 1: taking it again in 2 forward passes." in capsys.readouterr().err
    sizes.clear()
    monkeypatch.setattr(loop, "_write", write)
    out = train_tiny(max_steps=5, save_every=1)
    assert sizes == [2] * 6
    assert [row["step"] for row in metrics_of(out)] == [1, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("optimizer", ["adamw", "adafactor", "muon"])
def test_no_optimizer_forgets_its_moments_when_a_pass_runs_out_of_memory(
    optimizer, train_tiny, weights_of, monkeypatch
) -> None:
    how: Any = {"max_steps": 5, "optimizer": optimizer, "learning_rate": 0.01}
    wanted = weights_of(train_tiny("uncut", **how))
    plain, calls = loop.make_batch, 0

    def short_once(examples: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to")
        return plain(examples, **more)

    monkeypatch.setattr(loop, "make_batch", short_once)
    got = weights_of(train_tiny("short", **how))
    assert calls > 6
    apart = sum((wanted[n] - got[n]).square().sum() for n in wanted).sqrt()
    # Without its moments 3e-3 and more, Muon's 3e-2. Muon turns its matrices in bf16, which carries the
    # other order of a sum on to 3e-3 where the processor computes it.
    limit = 1e-2 if optimizer == "muon" else 1e-4
    assert apart <= limit * sum(w.square().sum() for w in wanted.values()).sqrt()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_gradients_of_passes_before_the_memory_ran_out_count_once(
    precision, train_tiny, weights_of, monkeypatch
) -> None:
    """In bf16 they are summed up beside the model, and there they must be let go of, too."""
    wanted = weights_of(train_tiny("wanted", precision=precision, accumulation=4))
    made: list[int] = []
    plain = loop.make_batch

    def short(examples: Any, **how: Any) -> Any:
        made.append(len(examples))
        if len(made) == 2:
            raise MemoryError
        return plain(examples, **how)

    monkeypatch.setattr(loop, "make_batch", short)
    got = weights_of(train_tiny("short", precision=precision, accumulation=2))
    assert made[:6] == [2, 2, 1, 1, 1, 1]
    assert all(torch.equal(got[name], weight) for name, weight in wanted.items())


def test_one_row_that_does_not_fit_is_named(train_tiny, rows, monkeypatch) -> None:
    def never(*_given: Any, **_how: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(loop, "make_batch", never)
    with pytest.raises(
        TrainError, match=r"one row at a time.*tokens \(conversation \w+\).*_length.*nf4"
    ):
        train_tiny()


def test_the_longest_row_of_the_step_is_the_one_named(section) -> None:
    short, long = (Example((1,) * n, (1,) * n, f"of {n}") for n in (5, 9))
    for rows in ([short, long], [long, short]):
        with pytest.raises(TrainError, match=r"9 tokens \(conversation of 9\)"):
            split_further(rows, section(), 3, padded=False)


def test_a_validation_that_fits_in_no_way_says_so(train_tiny, rows, monkeypatch) -> None:
    tried: list[int] = []

    def scarce(*_given: Any, tokens: int, **_how: Any) -> float:
        tried.append(tokens)
        if len(tried) > 20:
            raise AssertionError("it goes on for ever")
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(loop, "mean_loss", scarce)
    with pytest.raises(TrainError, match="out of memory in validation, with one row at a time"):
        train_tiny(validation=rows[:2])
    longest = max(len(row.input_ids) for row in rows[:2])
    assert tried == [4096 >> n for n in range(len(tried))]
    assert tried[-1] <= longest < tried[-2]


def test_with_one_row_at_a_time_fewer_activations_are_kept_and_that_is_remembered(
    train_tiny, rows, monkeypatch: pytest.MonkeyPatch, metrics_of, capsys
) -> None:
    """Memory for one row, and for it only with every layer's activations recomputed."""
    plain, shares, wanted = loop.summed_loss, [], metrics_of(train_tiny("plain", max_steps=3))

    def short(model: Any, batch: Any, *also: Any) -> Any:
        layers = [m for m in model.modules() if isinstance(m, GradientCheckpointingLayer)]
        shares.append(sum(layer.gradient_checkpointing for layer in layers) / len(layers))
        if len(batch.lengths) > 1 or shares[-1] < 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(model, batch, *also)

    class Stopped(Exception):
        pass

    write = loop._write

    def dying(metrics: Any, row: dict[str, Any]) -> None:
        write(metrics, row)
        if row["step"] == 2 and "loss" in row:
            raise Stopped

    monkeypatch.setattr(loop, "summed_loss", short)
    monkeypatch.setattr(loop, "_write", dying)
    with pytest.raises(Stopped):
        train_tiny(max_steps=3, save_every=1)
    said = capsys.readouterr().err
    assert "with the activations of 50% of the layers recomputed" in said
    assert "with the activations of 100% of the layers recomputed" in said
    assert shares[:5] == [0, 0, 0, 0.5, 1]  # four rows, two, one
    shares.clear()
    monkeypatch.setattr(loop, "_write", write)
    out = train_tiny(max_steps=3, save_every=1)
    assert set(shares) == {1.0}
    assert losses(metrics_of(out)) == pytest.approx(losses(wanted), rel=1e-5)


def test_other_errors_are_not_taken_for_a_lack_of_memory(train_tiny, monkeypatch) -> None:
    def broken(*_given: Any, **_how: Any) -> Any:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(loop, "make_batch", broken)
    with pytest.raises(RuntimeError, match="mat1"):
        train_tiny()


@pytest.mark.parametrize("optimizer", ["muon", "adafactor"])
def test_an_update_that_cannot_be_repeated_stops_and_goes_on_exactly(
    optimizer, train_tiny, weights_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = {"optimizer": optimizer, "max_steps": 4, "save_every": 1}
    whole = weights_of(train_tiny("whole", **how))
    step, taken = Optimizer.step, []

    def half(self: Any, rate: float) -> None:
        step(self, rate)
        taken.append(1)
        if len(taken) == 3:
            raise torch.OutOfMemoryError("in the middle of it")

    monkeypatch.setattr(Optimizer, "step", half)
    with pytest.raises(TrainError, match=r"in the update of step 3, which cannot be taken back"):
        train_tiny("cut", **how)
    monkeypatch.undo()
    resumed = weights_of(train_tiny("cut", **how))
    assert all(torch.equal(whole[n], resumed[n]) for n in whole)


def examples(*lengths: int) -> list[Example]:
    return [Example((1,) * n, (-100,) * (n - 1) + (1,)) for n in lengths]


def test_passes_by_tokens(section) -> None:
    def sizes(tokens: int, halvings: int = 0, padded: bool = False) -> list[list[int]]:
        passes = split(rows, section(pass_tokens=tokens), halvings, padded=padded)
        in_order = sorted(rows, key=lambda row: len(row.input_ids) if padded else row.input_ids)
        assert [row for group in passes for row in group] == in_order
        return [[len(row.input_ids) for row in group] for group in passes]

    rows = examples(5, 3, 9, 2, 2, 2)  # each the beginning of the longer ones
    assert sizes(100) == [[2, 2, 2, 3, 5, 9]]
    assert sizes(8) == [[2, 2, 2], [3, 5], [9]]
    assert sizes(4) == [[2, 2], [2], [3], [5], [9]]
    assert sizes(17) == [[2, 2, 2, 3, 5], [9]]
    assert sizes(17, halvings=1) == [[2, 2, 2], [3, 5], [9]]
    assert sizes(17, padded=True) == [[2, 2, 2, 3], [5], [9]]
    assert sizes(1) == [[2], [2], [2], [3], [5], [9]]
    # Halved until it really gets smaller, and no further than single rows.
    assert split_further(rows, section(pass_tokens=1000), 0, padded=False) == 6
    with pytest.raises(TrainError, match="longest of the step has 9 tokens"):
        split_further(rows, section(pass_tokens=1), 0, padded=False)


@pytest.mark.parametrize("tokens", [60, 130])
def test_a_step_in_passes_by_tokens_is_the_same_step(tokens, train_tiny, weights_of, metrics_of) -> None:
    how = {"max_steps": 4, "learning_rate": 1e-3, "method": "full"}
    whole, parts = train_tiny("whole", **how), train_tiny("parts", **how, pass_tokens=tokens)
    assert losses(metrics_of(parts)) == pytest.approx(losses(metrics_of(whole)), rel=1e-5)
    wanted, got = weights_of(whole), weights_of(parts)
    apart = sum((wanted[n] - got[n]).square().sum() for n in wanted).sqrt()
    assert apart <= 1e-6 * sum(w.square().sum() for w in wanted.values()).sqrt()


# --- faults --------------------------------------------------------------------------------------


def poison(monkeypatch: pytest.MonkeyPatch, *steps: int, by: float = math.nan) -> None:
    """Make the losses of these steps (one pass each, counted from 1) not what they are."""
    made: list[int] = []

    def poisoned(*given: Any) -> Any:
        made.append(1)
        return summed_loss(*given) * (by if len(made) in steps else 1.0)

    monkeypatch.setattr(loop, "summed_loss", poisoned)


def test_what_a_fault_is(section) -> None:
    norms = [1.0, 2.0, 3.0] * 3
    assert find_fault(1.0, 1.0, norms, section()) is None
    assert find_fault(math.nan, 1.0, norms, section()) == "the loss is nan"
    assert find_fault(1.0, math.inf, norms, section()) == "the gradient's norm is inf"
    assert find_fault(1.0, 1e9, norms, section()) is None
    assert find_fault(1.0, 20.0, norms, section(spike=10)) is None
    assert "10 times the usual" in str(find_fault(1.0, 20.1, norms, section(spike=10)))
    assert find_fault(1.0, 20.1, norms[:7], section(spike=10)) is None  # too few to know
    assert find_fault(1.0, 20.1, norms[:8], section(spike=10)) is not None


def test_a_fault_is_skipped_without_a_trace_in_the_weights(
    train_tiny, weights_of, metrics_of, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    whole = train_tiny("whole", max_steps=2)
    poison(monkeypatch, 3, 4)
    out = train_tiny("skipped", max_steps=4)
    said = capsys.readouterr().err
    assert "Step 3 is passed over: the loss is nan." in said
    wanted, got = weights_of(whole), weights_of(out)
    assert all(torch.equal(wanted[n], got[n]) for n in wanted)
    rows = metrics_of(out)
    assert [row.get("fault") for row in rows] == [None, None, "the loss is nan", "the loss is nan"]
    assert ["loss" in row for row in rows] == [True, True, False, False]  # JSON has no NaN
    assert read_json(out / "summary.json")["steps_passed_over"] == 2


def test_faults_that_persist_stop_with_their_steps_and_rows(
    train_tiny, rows, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    poison(monkeypatch, 2, 4, 5, 6)
    with pytest.raises(TrainError, match="after 3 steps in a row") as caught:
        train_tiny("bad", max_steps=9, save_every=1)
    said = str(caught.value)
    assert "step 2" not in said  # a good one came between
    for step in (4, 5, 6):
        (line,) = [line for line in said.splitlines() if line.startswith(f"  - step {step}:")]
        named = [row.conversation for row in rows if row.conversation in line]
        assert 3 <= len(named) <= 4
    kept = sorted(p.name for p in (tmp_path / "bad" / "checkpoints").glob("step-*"))
    assert kept == ["step-000001", "step-000003"]  # none amid faults, whose weights may be lost
    assert "`--anew`" in said


def test_a_checkpoint_that_was_due_amid_faults_is_written_behind_them(
    train_tiny, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    poison(monkeypatch, 4)
    monkeypatch.setattr(loop, "_finish", lambda *_, **__: None)
    train_tiny("one", max_steps=9, save_every=4, keep_checkpoints=9)
    kept = sorted(p.name for p in (tmp_path / "one" / "checkpoints").glob("step-*"))
    assert kept == ["step-000005", "step-000008", "step-000009"]


def test_a_roll_back_takes_the_checkpoints_weights_and_goes_on_with_the_rows_after(
    train_tiny, weights_of, metrics_of, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    how = {"max_steps": 6, "save_every": 2, "on_fault": "roll_back"}
    two = weights_of(train_tiny("two", **{**how, "max_steps": 2}))
    poison(monkeypatch, 4)
    seen = {}
    write = loop._write

    def watching(metrics: Any, row: dict[str, Any]) -> None:
        write(metrics, row)
        seen[row["step"]] = "fault" in row

    monkeypatch.setattr(loop, "_write", watching)
    out = train_tiny("back", **{**how, "max_steps": 4})
    assert "Step 4 is passed over, back to the weights of step 2" in capsys.readouterr().err
    got = weights_of(out)
    assert all(torch.equal(two[n], got[n]) for n in two)
    assert [row["step"] for row in metrics_of(out)] == [1, 2, 3, 4]  # never back in time
    assert seen == {1: False, 2: False, 3: False, 4: True}


def test_a_roll_back_takes_the_checkpoints_moments_too(train_tiny, monkeypatch, tmp_path) -> None:
    from safetensors.torch import load_file

    def dying(*_given: Any, **_named: Any) -> None:
        raise KeyboardInterrupt

    poison(monkeypatch, 4)
    monkeypatch.setattr(loop, "_finish", dying)
    with pytest.raises(KeyboardInterrupt):
        train_tiny("back", max_steps=4, save_every=2, on_fault="roll_back")
    then, now = (
        load_file(tmp_path / "back" / "checkpoints" / f"step-00000{step}" / "state.safetensors")
        for step in (2, 4)
    )
    assert {name.partition("/")[0] for name in then} == {"weight", "exp_avg", "exp_avg_sq", "step"}
    assert then.keys() == now.keys()
    assert all(torch.equal(tensor, now[name]) for name, tensor in then.items())


@pytest.mark.parametrize("keep", [1, 2])
@pytest.mark.parametrize("cut", [1, 4, 5])
def test_a_roll_back_goes_where_it_would_have_gone_without_an_interruption(
    cut, keep, train_tiny, weights_of, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """What Ctrl-C saves is for going on from, and no step that the recipe asked to be saved."""
    how = {"max_steps": 8, "save_every": 3, "on_fault": "roll_back", "keep_checkpoints": keep}
    plain, calls = loop.find_fault, []

    def faulty(*given: Any) -> str | None:
        calls.append(1)
        return "a bad row" if len(calls) == 6 else plain(*given)

    monkeypatch.setattr(loop, "find_fault", faulty)
    whole = weights_of(train_tiny("whole", **how))
    wanted = capsys.readouterr().err
    calls.clear()

    @contextmanager
    def pressed() -> Iterator[Any]:
        yield lambda: signal.SIGINT if len(calls) == cut else 0

    with monkeypatch.context() as patch:
        patch.setattr(loop, "stop_between_steps", pressed)
        with pytest.raises(KeyboardInterrupt):
            train_tiny("cut", **how)
    again = weights_of(train_tiny("cut", **how))
    said = capsys.readouterr().err
    assert "back to the weights of step 3" in wanted
    assert "back to the weights of step 3" in said
    assert all(torch.equal(again[name], whole[name]) for name in whole)


@pytest.mark.parametrize("rule", ["skip", "roll_back"])
def test_a_run_with_a_fault_resumes_bit_for_bit(
    rule, train_tiny, weights_of, metrics_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = {"max_steps": 8, "save_every": 3, "on_fault": rule, "seed": 1}
    batches: list[list[int]] = []
    bad: list[list[int]] = []

    def poisoned(model: Any, batch: Any, *also: Any) -> Any:
        """Bad whenever the rows of step 5 come, as bad rows are."""
        ids = batch.ids.tolist()
        batches.append(ids)
        return summed_loss(model, batch, *also) * (math.nan if ids in bad else 1.0)

    monkeypatch.setattr(loop, "summed_loss", poisoned)
    train_tiny("plain", **how)
    bad.append(batches[4])
    assert batches.count(bad[0]) == 1
    whole = train_tiny("whole", **how)
    assert [row["step"] for row in metrics_of(whole) if "fault" in row] == [5]

    class Stopped(Exception):
        pass

    write = loop._write
    for end in (5, 6):

        def dying(metrics: Any, row: dict[str, Any], end: int = end) -> None:
            write(metrics, row)
            if row["step"] == end:
                raise Stopped

        monkeypatch.setattr(loop, "_write", dying)
        with pytest.raises(Stopped):
            train_tiny("cut", **how)
    monkeypatch.setattr(loop, "_write", write)
    resumed = train_tiny("cut", **how)
    wanted, got = weights_of(whole), weights_of(resumed)
    assert all(torch.equal(wanted[n], got[n]) for n in wanted)
    assert metrics_of(whole) == metrics_of(resumed)


@pytest.fixture
def base_without_a_word(tiny_base, tmp_path: Path) -> tuple[Any, int]:
    """A base in whose embeddings one token's row is no numbers, and that token."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "holed"
    shutil.copytree(tiny_base.path, folder)
    weights = load_file(folder / "model.safetensors")
    table = weights["model.embed_tokens.weight"]
    weights["lm_head.weight"] = table.clone()
    config = {**json.loads((folder / "config.json").read_text()), "tie_word_embeddings": False}
    (folder / "config.json").write_text(json.dumps(config))
    token = 126  # a byte that no row has
    table[token] = math.nan
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return replace(tiny_base, path=str(folder)), token


def test_rows_at_fault_are_named_and_how_to_see_them(
    base_without_a_word, tiny_template, rows, section, tmp_path: Path
) -> None:
    base, token = base_without_a_word
    named = [replace(row, conversation=f"row {n}") for n, row in enumerate(rows)]
    assert all(token not in row.input_ids for row in rows)
    bad = replace(named[6], input_ids=(token, *named[6].input_ids[1:]))
    spoilt = [*named[:6], bad, *named[7:]]

    def run(name: str, train_rows: list[Any], validation: list[Any], **settings: Any) -> str:
        out = tmp_path / name / "train"
        how = section(max_steps=3, batch_size=10, **settings)
        with pytest.raises(TrainError) as caught:
            train(base, tiny_template, train_rows, validation, how, seed=7, out=out, key="k")
        return str(caught.value)

    said = run("one", spoilt, [], on_fault="stop")
    assert "step 1: the loss is nan (1 of its 10 rows, alone, too)" in said
    assert "conversations row 6\n" in said
    assert f"`talkwright data ledger {tmp_path / 'one'} --where 'conversation=row 6'`" in said
    said = run("validated", named, spoilt)
    assert "before the first step is nan" in said
    assert "1 of the 10 validation rows have such a loss alone" in said
    assert "The first is conversation row 6: `talkwright data ledger " in said
    assert "learning_rate" not in said
    assert "checkpoints" not in said
    said = run("only", named, [bad])
    assert "The base's weights are damaged" in said


def test_a_spike_is_passed_over(train_tiny, weights_of, metrics_of, monkeypatch) -> None:
    how = {"max_steps": 10, "clip": None}
    poison(monkeypatch, 10, by=1000.0)
    kept = train_tiny("kept", **how)
    poison(monkeypatch, 10, by=1000.0)
    out = train_tiny("spared", **how, spike=20.0)
    row = metrics_of(out)[-1]
    assert "times the usual" in row["fault"]
    assert row["gradient_norm"] > 100
    assert row["loss"] == metrics_of(kept)[-1]["loss"]
    a, b = weights_of(kept), weights_of(out)
    assert not all(torch.equal(a[n], b[n]) for n in a)


def test_only_the_newest_norms_say_what_is_usual(train_tiny, monkeypatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(loop, "WINDOW", 3)
    monkeypatch.setattr(
        loop, "find_fault", lambda loss, norm, norms, section: seen.append(len(norms)) or None
    )
    train_tiny(max_steps=6)
    assert seen == [0, 1, 2, 3, 3, 3]


# --- limits --------------------------------------------------------------------------------------


def test_a_limit_of_tokens_ends_the_run_as_usual(train_tiny, rows, metrics_of, capsys) -> None:
    out = train_tiny(max_steps=50, max_tokens=700, validation=rows[:2], eval_every=50)
    steps = [row for row in metrics_of(out) if "loss" in row]
    assert steps[-1]["tokens"] >= 700 > steps[-2]["tokens"]
    summary = read_json(out / "summary.json")
    assert (summary["stopped_by"], summary["stopped_early"]) == ("max_tokens", True)
    assert [row["step"] for row in metrics_of(out) if "validation_loss" in row] == [0, len(steps)]
    assert "Stopped by train.max_tokens" in capsys.readouterr().err


def test_a_limit_of_time_counts_training_and_validation(
    train_tiny, rows, metrics_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(10**6))
    monkeypatch.setattr(loop.time, "perf_counter", lambda: float(next(clock)) * 10)
    # A validation takes 10 s before the first step and after each step, a step takes 10 s, too.
    out = train_tiny(max_steps=50, max_minutes=1.0, validation=rows[:2], eval_every=1)
    assert read_json(out / "summary.json")["stopped_by"] == "max_minutes"
    assert [row["step"] for row in metrics_of(out) if "loss" in row] == [1, 2, 3]


def test_the_time_that_is_left_is_without_that_of_validation(section) -> None:
    spent = State(seconds=30.0, validating=20.0, tokens=100)
    assert seconds_allowed(section(max_minutes=1.0), spent) == 10
    assert seconds_allowed(section(max_tokens=300), spent) == 60
    assert seconds_allowed(section(max_minutes=1.0, max_tokens=300), spent) == 10
    assert seconds_allowed(section(max_minutes=0.5), spent) == 0
    assert seconds_allowed(section(), spent) == math.inf


@pytest.mark.parametrize(("tokens", "seconds"), [(99, 59.0), (100, 0.0), (0, 60.0), (101, 61.0)])
def test_a_limit_is_reached_when_it_is_met(tokens, seconds, section) -> None:
    state = State(tokens=tokens, seconds=seconds / 2, validating=seconds / 2)
    assert limit_reached(section(max_tokens=100), state) == "max_tokens" * (tokens >= 100)
    assert limit_reached(section(max_minutes=1.0), state) == "max_minutes" * (seconds >= 60)
    assert limit_reached(section(), state) == ""


# --- recomputing ---------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.5, 1.0])
@pytest.mark.parametrize("method", ["lora", "ia3", "prompt", "full"])
def test_gradients_are_the_same_with_activations_recomputed(
    method, share, tiny_base, section, rows
) -> None:
    from talkwright.models import make_batch
    from talkwright.train.model import prepare_model, recompute

    model, padded = prepare_model(tiny_base, section(method=method), 7)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    found = []
    for part in (0.0, share):
        assert recompute(model, part)
        summed_loss(model, make_batch(rows[:3], padded=padded)).backward()
        found.append([weight.grad.clone() for weight in trained if weight.grad is not None])
        for weight in trained:
            weight.grad = None
    assert any(gradient.any() for gradient in found[0])
    for plain, again in zip(*found, strict=True):
        assert torch.allclose(plain, again, rtol=1e-4, atol=1e-6)


def test_a_prefix_is_never_recomputed(train_tiny, tiny_base, section, rows, monkeypatch) -> None:
    """A layer that is made again would be made without its learnt keys and values."""
    with pytest.raises(ValueError, match="recompute cannot go with method prefix"):
        section(method="prefix", recompute="all")
    shares: list[bool] = []

    def short(model: Any, *_given: Any) -> Any:
        layers = [m for m in model.modules() if isinstance(m, GradientCheckpointingLayer)]
        shares.append(any(layer.gradient_checkpointing for layer in layers))
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(loop, "summed_loss", short)
    with pytest.raises(TrainError, match="one row at a time") as stopped:
        train_tiny(method="prefix", max_steps=1)
    assert shares == [False] * 3  # four rows, two, one
    assert "recompute" not in str(stopped.value)
