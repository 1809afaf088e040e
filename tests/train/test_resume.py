"""Splitting a step and stopping in the middle change nothing; damaged checkpoints are passed over."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from talkwright.config import TrainSection
from talkwright.errors import TrainError
from talkwright.train import checkpoint, loop
from talkwright.train.origin import free_settings


class Stopped(Exception):
    """Stands for the end of a process between two steps."""


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Make training die right after recording that many steps; 0 lets it live."""
    write = loop._write

    def arrange(steps: int) -> None:
        def dying(metrics: Any, row: dict[str, Any]) -> None:
            write(metrics, row)
            if row["step"] == steps and "loss" in row:
                raise Stopped

        monkeypatch.setattr(loop, "_write", dying)

    return arrange


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


# Ten rows in steps of four: step 3 spans two epochs. Steps 6 and 7 are lost and done again.
RUN = {"max_steps": 9, "save_every": 2, "eval_every": 3, "learning_rate": 5e-3, "schedule": "cosine"}


@pytest.mark.parametrize(
    "method",
    [
        {"lora": {"dropout": 0.0}},
        {"lora": {"dropout": 0.3}},
        {"method": "full"},
        {"method": "full", "precision": "bf16"},
    ],
    ids=str,
)
def test_resumed_is_bit_for_bit_uninterrupted(
    method, train_tiny, rows, stop_after, weights_of, metrics_of, tmp_path
) -> None:
    settings = {**RUN, **method, "accumulation": 2}
    whole = train_tiny("whole", validation=rows[:3], **settings)
    for end in (7, 8):  # twice, the second time in the step after the one it went on with
        stop_after(end)
        with pytest.raises(Stopped):
            train_tiny("cut", validation=rows[:3], **settings)
        left = tmp_path / "cut" / "checkpoints"
        assert sorted(p.name for p in left.glob("step-*")) == ["step-000004", "step-000006"]
    stop_after(0)
    resumed = train_tiny("cut", validation=rows[:3], **settings)
    assert same(weights_of(whole), weights_of(resumed))
    assert metrics_of(whole) == metrics_of(resumed)
    assert not left.exists()


def test_dropout_differs_from_step_to_step_and_from_seed_to_seed(train_tiny, weights_of) -> None:
    without = weights_of(train_tiny("a", lora={"dropout": 0.0}))
    dropped = weights_of(train_tiny("b", lora={"dropout": 0.5}))
    assert not same(without, dropped)
    assert same(dropped, weights_of(train_tiny("c", lora={"dropout": 0.5})))
    assert not same(dropped, weights_of(train_tiny("d", lora={"dropout": 0.5}, seed=8)))


def test_each_step_drops_something_else(train_tiny, rows, metrics_of) -> None:
    """One row, and a rate too small to move anything: only dropout tells the steps apart."""
    settings = {"rows": rows[:1], "batch_size": 1, "method": "full", "learning_rate": 1e-30}
    still = [r["loss"] for r in metrics_of(train_tiny("a", **settings))]
    noisy = [r["loss"] for r in metrics_of(train_tiny("b", neftune=5.0, **settings))]
    assert len(set(still)) == 1
    assert len(set(noisy)) == len(noisy) == 4


# An adapter begins with gradients near zero, whose rounding AdamW blows up to the size of a step.
@pytest.mark.parametrize(("method", "tolerance"), [("full", 1e-6), ("lora", 1e-4)])
@pytest.mark.parametrize("accumulation", [2, 3])
def test_a_step_in_parts_is_the_same_step(
    accumulation, method, tolerance, train_tiny, weights_of, metrics_of
) -> None:
    settings = {"max_steps": 6, "learning_rate": 1e-3, "method": method}
    whole, parts = (
        train_tiny("whole", **settings),
        train_tiny("parts", **settings, accumulation=accumulation),
    )
    for a, b in zip(metrics_of(whole), metrics_of(parts), strict=True):
        assert b == pytest.approx(a, rel=1e-5)
    wanted, got = weights_of(whole), weights_of(parts)
    apart = sum((wanted[n] - got[n]).square().sum() for n in wanted).sqrt()
    assert apart <= tolerance * sum(w.square().sum() for w in wanted.values()).sqrt()


def test_dropout_is_drawn_pass_by_pass_so_their_number_may_not_change(
    train_tiny, stop_after, metrics_of
) -> None:
    """Nor with the model's own dropout, of which its configuration tells."""
    drawn = {"max_steps": 3, "save_every": 1, "learning_rate": 1e-30, "lora": {"dropout": 0.5}}
    one, two = (
        [row["loss"] for row in metrics_of(train_tiny(f"of {n}", **drawn, accumulation=n))]
        for n in (1, 2)
    )
    assert one != two
    for section_says, allowed in ((drawn, False), ({**drawn, "lora": {"dropout": 0.0}}, True)):
        name = f"cut {allowed}"
        stop_after(2)
        with pytest.raises(Stopped):
            train_tiny(name, **section_says)
        stop_after(0)
        if allowed:
            train_tiny(name, **section_says, accumulation=2)
        else:
            with pytest.raises(TrainError, match=r"train\.accumulation \(1 then, 2 now\)"):
                train_tiny(name, **section_says, accumulation=2)
    assert "accumulation" in free_settings(TrainSection())
    assert "accumulation" not in free_settings(TrainSection(), dropout=True)


@pytest.mark.parametrize(
    ("accumulation", "sizes"), [(1, [4]), (2, [2, 2]), (3, [1, 1, 2]), (4, [1] * 4)]
)
def test_accumulation_is_the_number_of_forward_passes(
    accumulation, sizes, train_tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    plain = loop.make_batch
    monkeypatch.setattr(
        loop, "make_batch", lambda rows, **how: seen.append(len(rows)) or plain(rows, **how)
    )
    train_tiny(max_steps=1, accumulation=accumulation)
    assert seen == sizes


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


CHANGED = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + ':' + message['content'] "
    "+ '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant:' }}{% endif %}"
)

DAMAGE = {
    "a flipped bit": lambda folder: flip_a_byte(folder / "state.safetensors"),
    "half a file": lambda folder: (folder / "state.safetensors").write_bytes(b"\x10"),
    "no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "a manifest of nonsense": lambda folder: (folder / "manifest.json").write_text("{"),
    "a file missing": lambda folder: (folder / "state.json").unlink(),
    "an empty folder": lambda folder: (shutil.rmtree(folder), folder.mkdir()),
}


@pytest.fixture
def cut_run(train_tiny, stop_after, tmp_path) -> Path:
    """A run that died in step 8 with checkpoints of steps 4 and 6; gives their folder."""
    stop_after(7)
    with pytest.raises(Stopped):
        train_tiny("cut", **RUN)
    stop_after(0)
    return tmp_path / "cut" / "checkpoints"


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_named_and_passed_over(
    damage, cut_run, train_tiny, weights_of, capsys: pytest.CaptureFixture[str]
) -> None:
    DAMAGE[damage](cut_run / "step-000006")
    resumed = train_tiny("cut", **RUN)
    said = capsys.readouterr().err
    assert "Passing over a checkpoint" in said
    assert "step-000006" in said
    assert "Going on from step 4 of 9." in said
    assert same(weights_of(train_tiny("whole", **RUN)), weights_of(resumed))


def test_when_every_checkpoint_is_damaged_training_begins_again(
    cut_run, train_tiny, weights_of, metrics_of, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in cut_run.glob("step-*"):
        flip_a_byte(folder / "state.safetensors")
    kept = len(list(cut_run.glob("step-*")))
    resumed = train_tiny("cut", **RUN)
    said = capsys.readouterr().err
    assert "Going on" not in said
    assert (
        f"None of the checkpoints that were kept ({kept}; train.keep_checkpoints is 2) is whole" in said
    )
    assert "so the training begins again at step 1." in said
    whole = train_tiny("whole", **RUN)
    assert same(weights_of(whole), weights_of(resumed))
    assert metrics_of(whole) == metrics_of(resumed)


class Recorded(list):
    """Rows that remember in which order they were asked for."""

    def __init__(self, rows: Any):
        super().__init__(rows)
        self.asked: list[int] = []

    def __getitem__(self, number: Any) -> Any:
        self.asked.append(number)
        return super().__getitem__(number)


@pytest.fixture
def cut_at_pass(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Make training die in that forward pass, counted from its first; 0 lets it live."""
    plain = loop.summed_loss

    def arrange(number: int) -> None:
        passes = count(1)

        def dying(*given: Any) -> Any:
            if next(passes) == number:
                raise Stopped
            return plain(*given)

        monkeypatch.setattr(loop, "summed_loss", dying)

    return arrange


# Five steps of four passes over ten rows: three in four are inside an accumulation, step 3 spans epochs.
TWENTY = {**RUN, "max_steps": 5, "save_every": 1, "accumulation": 4, "lora": {"dropout": 0.2}}


def test_cut_at_twenty_points_the_rest_is_bit_for_bit_the_same(
    train_tiny, rows, cut_at_pass, weights_of, metrics_of, tmp_path
) -> None:
    order = Recorded(rows)
    whole = train_tiny("whole", rows=order, **TWENTY)
    wanted, told = weights_of(whole), metrics_of(whole)
    assert len(order.asked) == 20
    for point in range(1, 21):
        cut_at_pass(point)
        before = Recorded(rows)
        with pytest.raises(Stopped):
            train_tiny("cut", rows=before, **TWENTY)
        done = (point - 1) // 4
        cut_at_pass(0)
        after = Recorded(rows)
        resumed = train_tiny("cut", rows=after, **TWENTY)
        assert before.asked[: done * 4] + after.asked == order.asked, point
        assert same(wanted, weights_of(resumed)), point
        assert metrics_of(resumed) == told, point
        shutil.rmtree(tmp_path / "cut")


@pytest.mark.parametrize(
    "passes", [{"accumulation": 4}, {"pass_tokens": 80}, {"recompute": True}], ids=str
)
def test_another_number_of_passes_goes_on_with_the_same_samples(
    passes, train_tiny, rows, cut_at_pass, weights_of, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {**RUN, "learning_rate": 1e-3, "save_every": 1, "accumulation": 1}
    order, after = Recorded(rows), Recorded(rows)
    wanted = weights_of(train_tiny("whole", rows=order, **settings))
    cut_at_pass(6)
    with pytest.raises(Stopped):
        train_tiny("cut", **settings)
    cut_at_pass(0)
    got = weights_of(train_tiny("cut", rows=after, **{**settings, **passes, "save_every": 4}))
    assert "Going on from step 5 of 9." in capsys.readouterr().err
    assert after.asked == order.asked[20:]
    apart = sum((wanted[n] - got[n]).square().sum() for n in wanted).sqrt()
    assert apart <= 1e-3 * sum(w.square().sum() for w in wanted.values()).sqrt()


CHANGES = {
    r"train.learning_rate \(0.005 then, 0.001 now\)": {"learning_rate": 1e-3},
    r"train.batch_size \(4 then, 5 now\)": {"batch_size": 5},
    r"train.max_steps \(9 then, 12 now\)": {"max_steps": 12},
    r"train.lora.rank \(16 then, 8 now\)": {"lora": {"rank": 8}},
    r"train.schedule \(cosine then, linear now\); train.spike \(None then, 9.0 now\)": {
        "schedule": "linear",
        "spike": 9.0,
    },
    r"train.eval_rows \(64 then, 2 now\)": {"eval_rows": 2},
    r"seed \(7 then, 8 now\)": {"seed": 8},
    r"the validation rows \(0 then, 1 now, and not the same ones\)": {"validation": 1},
    r"the training rows \(10 then, 9 now, and not the same ones\)": {"rows": slice(9)},
    r"the training rows \(10 then, 10 now, and not the same ones\)": {"rows": slice(None, None, -1)},
}


@pytest.mark.parametrize("said", CHANGES)
def test_going_on_with_something_else_is_refused_and_named(said, cut_run, train_tiny, rows) -> None:
    changes = dict(CHANGES[said])
    if "rows" in changes:
        changes["rows"] = rows[changes["rows"]]
    if "validation" in changes:
        changes["validation"] = rows[: changes["validation"]]
    before = {path: path.read_bytes() for path in cut_run.rglob("*") if path.is_file()}
    with pytest.raises(TrainError, match=f"step-000006: .* something else: {said}. Put that back"):
        train_tiny("cut", **{**RUN, **changes})
    assert {path: path.read_bytes() for path in cut_run.rglob("*") if path.is_file()} == before
    train_tiny("cut", **RUN)


def test_another_base_or_template_is_refused(
    cut_run, tiny_base, tiny_template, rows, section, tmp_path
) -> None:
    from talkwright.template import Template
    from talkwright.train import train

    how: Any = {"seed": 7, "out": tmp_path / "cut" / "train", "key": "k"}
    other = replace(tiny_base, digest="1" * 64)
    with pytest.raises(TrainError, match=r"the base model \(another now\)"):
        train(other, tiny_template, rows, [], section(**RUN), **how)
    changed = Template.load(tiny_base.path, system="Be brief.", chat_template=CHANGED)
    with pytest.raises(TrainError, match=r"the chat template or tokenizer \(another now\)"):
        train(tiny_base, changed, rows, [], section(**RUN), **how)


def test_going_on_where_another_precision_is_best_is_refused(
    train_tiny, stop_after, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("talkwright.train.model.best_precision", lambda: "fp32")
    stop_after(7)
    with pytest.raises(Stopped):
        train_tiny("cut", **RUN, precision="auto")
    stop_after(0)
    monkeypatch.setattr("talkwright.train.model.best_precision", lambda: "bf16")
    with pytest.raises(TrainError, match=r"train.precision \(fp32 then, bf16 now\)"):
        train_tiny("cut", **RUN, precision="auto")
    train_tiny("cut", **RUN, precision="fp32")


def test_other_weights_to_begin_from_are_refused(train_tiny, stop_after, tmp_path) -> None:
    """In the same folder, as when the run gone on from has been trained again."""
    first, again = (train_tiny(name, max_steps=n) for n, name in enumerate(("first", "again"), 1))
    how = {**RUN, "start_from": str(first.parent)}
    stop_after(7)
    with pytest.raises(Stopped):
        train_tiny("cut", **how)
    stop_after(0)
    shutil.rmtree(first / "adapter")
    shutil.copytree(again / "adapter", first / "adapter")
    with pytest.raises(TrainError, match=r"train.start_from \(its weights\) \(another now\)"):
        train_tiny("cut", **how)


def test_a_checkpoint_without_its_origin_is_refused(cut_run, train_tiny) -> None:
    from talkwright.runs import artefact

    with artefact(cut_run / "step-000006", kind="checkpoint", key="k") as out:
        (out / "state.json").write_text("{}")
    with pytest.raises(TrainError, match="another version"):
        train_tiny("cut", **RUN)


@pytest.mark.parametrize("change", ["more", "less", "weights"])
def test_a_checkpoint_of_another_version_is_refused(change: str, cut_run, train_tiny) -> None:
    from safetensors.torch import load_file, save_file

    from talkwright.runs import artefact, manifest, read_json, write_json

    old = cut_run / "step-000006"
    about, state = manifest(old, "checkpoint"), read_json(old / "state.json")
    tensors = load_file(old / "state.safetensors")
    if change == "more":
        state["mood"] = 3
    elif change == "less":
        del state["tokens"]
    else:
        tensors = {f"{name}.old": held for name, held in tensors.items()}
    shutil.rmtree(old)
    with artefact(old, kind="checkpoint", key=about["key"], about=about["about"]) as out:
        save_file(tensors, out / "state.safetensors")
        write_json(out / "state.json", state)
    with pytest.raises(TrainError, match=r"another version of talkwright wrote it.*--anew"):
        train_tiny("cut", **RUN)


def test_rows_on_disk_are_told_apart_like_those_in_memory(tmp_path, rows) -> None:
    from talkwright.template.batches import Row
    from talkwright.template.stored import pack, read_examples, writing
    from talkwright.train.origin import _digest_of

    digests = set()
    for name, ids in (("a", [1, 2, 3]), ("b", [1, 2, 4]), ("c", [1, 2, 3])):
        with writing(tmp_path, name) as writer:
            writer.append(pack([Row(torch.tensor(ids).numpy(), ((1, 3),), "0a")] * 2))
        digests.add(_digest_of(read_examples(tmp_path, name)))
    assert len(digests) == 2
    with writing(tmp_path, "other words to learn") as writer:
        writer.append(pack([Row(torch.tensor([1, 2, 3]).numpy(), ((2, 3),), "0a")] * 2))
    digests.add(_digest_of(read_examples(tmp_path, "other words to learn")))
    assert len(digests) == 3
    in_memory = [replace(rows[0], labels=(-100, *rows[0].labels[1:-1], last)) for last in (-100, 5)]
    assert len({_digest_of([row]) for row in in_memory}) == 2
    assert all(digest.startswith("2:") for digest in digests)


def test_a_later_damaged_checkpoint_does_not_push_out_a_whole_one(
    cut_run, train_tiny, stop_after
) -> None:
    for name in ("step-000004", "step-000006"):
        flip_a_byte(cut_run / name / "state.safetensors")
    stop_after(3)
    with pytest.raises(Stopped):
        train_tiny("cut", **RUN)
    assert [path.name for path in cut_run.glob("step-*")] == ["step-000002"]


def test_the_millionth_step_is_later_than_the_one_before(tmp_path) -> None:
    for step in (999_998, 999_999, 1_000_000):
        checkpoint.place_of(tmp_path, step).mkdir()
    (tmp_path / "step-by-hand").mkdir()
    found = [path.name for path in checkpoint._checkpoints(tmp_path)]
    assert found == ["step-1000000", "step-999999", "step-999998"]


@pytest.mark.parametrize("left", [b'{"step": 8, "lo', b"\xff\x00 nonsense\n", b"[]\n", b"", None])
def test_damaged_metrics_are_mended_from_the_checkpoint(left, cut_run, train_tiny, metrics_of) -> None:
    path = cut_run / "metrics.jsonl"
    path.unlink() if left is None else path.write_bytes(left)
    resumed = train_tiny("cut", **RUN)
    assert metrics_of(resumed) == metrics_of(train_tiny("whole", **RUN))


@pytest.mark.parametrize("keep", [1, 3])
def test_only_the_newest_checkpoints_are_kept(keep, train_tiny, stop_after, tmp_path) -> None:
    stop_after(8)
    with pytest.raises(Stopped):
        train_tiny("cut", max_steps=9, save_every=1, keep_checkpoints=keep)
    names = sorted(p.name for p in (tmp_path / "cut" / "checkpoints").glob("step-*"))
    assert names == [f"step-{n:06d}" for n in range(8 - keep, 8)]


def test_a_weight_that_was_never_used_does_not_stop_a_resume(tmp_path) -> None:
    from talkwright.train.model import Masters
    from talkwright.train.optimizers import Optimizer

    model = torch.nn.ModuleDict({"used": torch.nn.Linear(2, 2), "idle": torch.nn.Linear(2, 2)})
    masters = Masters(model)
    optimizer = Optimizer([torch.optim.AdamW(masters.masters)])
    model["used"](torch.ones(2)).sum().backward()
    optimizer.step(0.1)
    checkpoint.save_checkpoint(tmp_path, {}, checkpoint.State(step=3), masters, optimizer, keep=1)
    fresh = torch.nn.ModuleDict({"used": torch.nn.Linear(2, 2), "idle": torch.nn.Linear(2, 2)})
    restored = Masters(fresh)
    again = Optimizer([torch.optim.AdamW(restored.masters)])
    assert checkpoint.restore_newest(tmp_path, {}, restored, again).step == 3
    assert same(model.state_dict(), fresh.state_dict())
    assert [bool(again.state(master)) for master in restored.masters] == [True, True, False, False]
    # Rolled back, what has been used since is as it was, and learns on.
    fresh["idle"](torch.ones(2)).sum().backward()
    again.step(0.1)
    assert checkpoint.restore_newest(tmp_path, {}, restored, again).step == 3
    assert [bool(again.state(master)) for master in restored.masters] == [True, True, False, False]
    fresh["idle"](torch.ones(2)).sum().backward()
    again.step(0.1)
    assert float(again.state(restored.masters[3])["step"]) == 1


@pytest.mark.parametrize("settings", [{}, {"method": "full"}, {"keep_checkpoints": 5, "save_every": 1}])
def test_a_disk_without_room_is_refused_before_the_first_step(
    settings, train_tiny, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written at the most, counted while it is: a little less room is refused, a little more is
    enough."""
    real, at_most = shutil.rmtree, 0
    folder = tmp_path / "free" / "checkpoints"

    def size() -> int:
        return sum(p.stat().st_size for p in folder.parent.rglob("*.safetensors") if p.is_file())

    def measured(*given: Any, **how: Any) -> None:
        nonlocal at_most
        at_most = max(at_most, size())
        real(*given, **how)

    monkeypatch.setattr(shutil, "rmtree", measured)
    train_tiny("free", max_steps=8, **settings)
    for share, enough in ((0.9, False), (1.15, True)):
        free = SimpleNamespace(free=int(share * at_most))
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: free)
        refused = pytest.raises(TrainError, match=r"the disk has .* free, and this training writes")
        with nullcontext() if enough else refused:
            train_tiny(f"share-{share}", max_steps=8, **settings)
        assert (tmp_path / f"share-{share}" / "train" / "manifest.json").exists() == enough


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_the_metrics_is_named() -> None:
    from talkwright.train.records import Metrics

    tracked: list[Any] = []
    file = open("/dev/full", "w")  # noqa: SIM115 - closing it would fail again
    with pytest.raises(OSError, match="/dev/full"):
        Metrics(file, tracked.append).write({"step": 1})
    assert tracked == []
    with pytest.raises(OSError, match="No space"):
        file.close()
