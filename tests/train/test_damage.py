"""One byte changed in any file that a run leaves is found, and the file named."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from talkwright import pipeline
from talkwright.config import build_recipe
from talkwright.errors import ArtefactError
from talkwright.evaluate.cache import Cache
from talkwright.runs import open_run, recipe_of, verify, verify_run, write_jsonl
from talkwright.train import loop

FLIPS = 500


def chats(folder: Path, n: int = 12) -> Path:
    path = folder / "chats.jsonl"
    said = [[f"Q{i}?", f"A{i} is the answer."] for i in range(n)]
    roles = ("user", "assistant")
    rows = [
        [{"role": role, "content": text} for role, text in zip(roles, pair, strict=True)]
        for pair in said
    ]
    write_jsonl(path, [{"messages": row} for row in rows])
    return path


@pytest.fixture(scope="module")
def recipe(tiny_base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("damage")
    values = {
        "name": "damaged",
        "model": tiny_base.path,
        "data": {"sources": [str(chats(folder))], "validation": 0.2, "test": 0.2},
        "train": {"max_steps": 3, "save_every": 1, "batch_size": 4, "precision": "fp32"},
        "evaluate": {"max_new_tokens": 4, "prompts": 2},
    }
    return build_recipe(values, folder=folder)


@pytest.fixture(scope="module")
def left(recipe, tmp_path_factory) -> Path:
    """A run that went all the way round, with the checkpoints it had just before its end."""
    folder = tmp_path_factory.mktemp("left")
    with pytest.MonkeyPatch.context() as patch:
        finish = loop._finish

        def keeping(*given, **options) -> None:
            shutil.copytree(
                folder / "runs" / open_run(recipe, folder / "runs").name / "checkpoints", kept
            )
            finish(*given, **options)

        kept = folder / "kept"
        patch.setattr(loop, "_finish", keeping)
        here = pipeline.run(recipe, folder / "runs", recipe_text="# as written\n")
    for name in ("metrics.jsonl", "samples.jsonl"):
        (kept / name).unlink()  # the checkpoints have them, and they are mended from these
    shutil.move(kept, here / "checkpoints")
    return here


@pytest.fixture
def flip(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, random.Random], bytes]:
    def change(path: Path, rng: random.Random) -> bytes:
        """Change one byte at a random place into a random other one; gives what was there."""
        before = path.read_bytes()
        content = bytearray(before)
        content[rng.randrange(len(content))] ^= rng.randrange(1, 256)
        path.write_bytes(bytes(content))
        return before

    return change


def test_500_flipped_bytes_are_500_named_files(left, flip) -> None:
    files = sorted(p for p in left.rglob("*") if p.is_file() and p.name != ".lock")
    count, damaged = verify_run(left)
    assert (count, damaged) == (len(files), [])
    folders = {path.relative_to(left).parts[0] for path in files}
    assert folders >= {"data", "check", "train", "evaluate", "compare", "checkpoints", "recipe.json"}
    rng = random.Random(5)
    missed = []
    for number in range(FLIPS):
        path = files[number % len(files)]
        before = flip(path, rng)
        found = verify_run(left)[1]
        path.write_bytes(before)
        if not (len(found) == 1 and str(path) in found[0]):
            missed.append((path, found))
    assert not missed
    assert verify_run(left)[1] == []


def test_runs_verify_says_which_files(left, flip, capsys: pytest.CaptureFixture[str]) -> None:
    from talkwright.cli import main

    with pytest.raises(SystemExit) as end:
        main(["runs", "verify", str(left)])
    assert end.value.code == 0
    assert "all as they were written" in capsys.readouterr().out
    paths = [left / "data" / "train.jsonl", left / "train" / "manifest.json", left / "report.html"]
    before = {path: flip(path, random.Random(1)) for path in paths}
    with pytest.raises(SystemExit) as end:
        main(["runs", "verify", str(left), "--json"])
    said = capsys.readouterr()
    for path, content in before.items():
        path.write_bytes(content)
        assert str(path) in said.err
    assert end.value.code == 2
    assert len(json.loads(said.out)["damaged"]) == 3


def test_a_stage_with_a_damaged_manifest_is_made_again(recipe, left, tmp_path, flip, capsys) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(left, runs / left.name)
    text = (runs / left.name / "data" / "manifest.json").read_text()
    (runs / left.name / "data" / "manifest.json").write_text(text.replace('"made": "2', '"made": "3'))
    with pytest.raises(ArtefactError, match=r"data/manifest.json: damaged"):
        verify(runs / left.name / "data")
    here = pipeline.run(recipe, runs, until="prepare")
    assert "prepare ..." in capsys.readouterr().err
    verify(here / "data")


def test_a_changed_recipe_of_a_run_is_not_believed(recipe, left, tmp_path) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(left, runs / left.name)
    path = runs / left.name / "recipe.json"
    path.write_text(path.read_text().replace('"max_steps": 3', '"max_steps": 4'))
    with pytest.raises(ArtefactError, match=r"recipe.json: damaged"):
        recipe_of(runs / left.name)
    open_run(recipe, runs)
    assert recipe_of(runs / left.name).train.max_steps == 3
    assert verify_run(runs / left.name)[1] == []


def test_manifests_without_a_seal_are_read_as_before(left, tmp_path) -> None:
    shutil.copytree(left / "train", tmp_path / "train")
    path = tmp_path / "train" / "manifest.json"
    found = json.loads(path.read_text())
    del found["sha256"]
    path.write_text(json.dumps(found, indent=2) + "\n")
    verify(tmp_path / "train")


def test_a_flipped_byte_among_kept_replies_costs_that_reply(tmp_path, flip, capsys) -> None:
    Cache(tmp_path, "w").add({f"k{n}": {"text": f"reply  {n}", "loss": n / 7} for n in range(9)})
    (path,) = tmp_path.glob("*.jsonl")
    rng = random.Random(3)
    for _ in range(200):
        before = flip(path, rng)
        found = Cache(tmp_path, "w")
        wrong = [n for n in range(9) if found.get(f"k{n}") != {"text": f"reply  {n}", "loss": n / 7}]
        assert len(wrong) in (1, 2)  # two, when it was the end of a line
        assert all(f"k{n}" not in found for n in wrong)
        assert str(path) in capsys.readouterr().err
        path.write_bytes(before)


def test_data_changed_in_the_middle_of_a_training_is_refused(
    tiny_base, tmp_path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    from talkwright.errors import TrainError

    def recipe_on(n: int):
        values = {
            "name": "changing",
            "model": tiny_base.path,
            "data": {"sources": [str(chats(tmp_path, n))], "validation": 0, "test": 0},
            "train": {"max_steps": 4, "save_every": 1, "batch_size": 4, "precision": "fp32"},
        }
        return build_recipe(values, folder=tmp_path)

    save = loop.save_checkpoint

    def stopping(*given, **named) -> None:
        save(*given, **named)
        if given[2].step == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "save_checkpoint", stopping)
    with pytest.raises(KeyboardInterrupt):
        pipeline.run(recipe_on(12), tmp_path / "runs", until="train")
    monkeypatch.undo()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(TrainError, match=r"the training rows \(\d+ then, \d+ now"):
        pipeline.run(recipe_on(13), tmp_path / "runs", until="train")
    pipeline.run(recipe_on(12), tmp_path / "runs", until="train")
    assert "Going on from step 2 of 4." in capsys.readouterr().err
