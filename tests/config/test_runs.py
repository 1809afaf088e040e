"""Artefacts are whole or not there; runs are found by the names people type."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkwright import runs
from talkwright.config import Recipe, build_recipe
from talkwright.errors import ArtefactError


def make(folder: Path, files: dict[str, str], key: str = "k", kind: str = "dataset") -> None:
    with runs.artefact(folder, kind=kind, key=key) as out:
        for name, text in files.items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_text(text, encoding="utf-8")


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file() and path.name != runs.MANIFEST
    }


def recipe(**values: object) -> Recipe:
    return build_recipe({"data": "chats.jsonl", **values})


# --- artefacts -----------------------------------------------------------------------------------


def test_an_artefact_lists_every_file_with_its_hash(tmp_path: Path) -> None:
    with runs.artefact(tmp_path / "a", kind="dataset", key="k", about={"given": 1}) as out:
        (out / "deep").mkdir()
        (out / "deep/x.txt").write_text("x")
        (out / "y.txt").write_text("")
    found = runs.manifest(tmp_path / "a", "dataset")
    assert found["about"] == {"given": 1}
    assert found["key"] == "k"
    assert found["files"] == {
        "deep/x.txt": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
        "y.txt": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }
    runs.verify(tmp_path / "a")


def test_about_can_be_filled_while_writing(tmp_path: Path) -> None:
    about: dict[str, object] = {}
    with runs.artefact(tmp_path / "a", kind="dataset", key="k", about=about):
        about["late"] = True
    assert runs.manifest(tmp_path / "a")["about"] == {"late": True}


def test_a_failed_block_changes_nothing(tmp_path: Path) -> None:
    make(tmp_path / "a", {"x": "old"})

    def write_half() -> None:
        with runs.artefact(tmp_path / "a", kind="dataset", key="new") as out:
            (out / "x").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert contents(tmp_path / "a") == {"x": "old"}
    assert runs.is_current(tmp_path / "a", "k")
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize(
    "problem",
    [OSError(28, "No space left on device"), RuntimeError("I/O error: no space (os error 28)")],
)
def test_a_full_disk_is_a_system_error_that_names_the_artefact(
    tmp_path: Path, problem: Exception
) -> None:
    def write() -> None:
        with runs.artefact(tmp_path / "a", kind="dataset", key="k"):
            raise problem

    with pytest.raises(OSError, match="No space left") as caught:
        write()
    assert caught.value.errno == 28
    assert caught.value.filename == str(tmp_path / "a")
    assert os.listdir(tmp_path) == []


def test_an_error_without_a_number_stays_what_it_is(tmp_path: Path) -> None:
    def write() -> None:
        with runs.artefact(tmp_path / "a", kind="dataset", key="k"):
            raise RuntimeError("a defect of ours")

    with pytest.raises(RuntimeError, match="a defect of ours"):
        write()


def test_writing_again_replaces_the_whole_folder(tmp_path: Path) -> None:
    make(tmp_path / "a", {"x": "old", "gone": "old"})
    make(tmp_path / "a", {"x": "new"}, key="k2")
    assert contents(tmp_path / "a") == {"x": "new"}
    assert runs.is_current(tmp_path / "a", "k2")
    assert not runs.is_current(tmp_path / "a", "k")
    assert os.listdir(tmp_path) == ["a"]


@given(
    files=st.dictionaries(st.sampled_from(["a", "b/c", "b/d/e", "f"]), st.text(max_size=20), max_size=4)
)
def test_whatever_is_written_is_verified_whole(
    files: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any") / "a"
    with runs.artefact(folder, kind="dataset", key="k") as out:
        for name, text in files.items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    runs.verify(folder)
    assert set(runs.manifest(folder)["files"]) == set(files)


@given(size=st.integers(1, 300), data=st.data())
def test_verify_finds_any_flipped_bit(
    size: int, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("flip") / "a"
    make(folder, {"weights": "w" * size})
    raw = bytearray((folder / "weights").read_bytes())
    raw[data.draw(st.integers(0, size - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (folder / "weights").write_bytes(raw)
    with pytest.raises(ArtefactError, match="weights: damaged"):
        runs.verify(folder)


def test_verify_finds_a_missing_file(tmp_path: Path) -> None:
    make(tmp_path / "a", {"x": "1", "y": "2"})
    (tmp_path / "a/y").unlink()
    with pytest.raises(ArtefactError, match="y: missing"):
        runs.verify(tmp_path / "a")


def test_a_folder_that_is_no_finished_artefact_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="no such artefact"):
        runs.manifest(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtefactError, match="unfinished"):
        runs.manifest(tmp_path / "empty")
    make(tmp_path / "a", {})
    with pytest.raises(ArtefactError, match="a dataset artefact, not a model one"):
        runs.manifest(tmp_path / "a", "model")
    for damage in ("[]", '{"kind": "dataset"}', "{", ""):
        (tmp_path / "a" / runs.MANIFEST).write_text(damage)
        with pytest.raises(ArtefactError, match=r"manifest\.json"):
            runs.manifest(tmp_path / "a")
        assert not runs.is_current(tmp_path / "a", "k")


def test_a_death_between_the_two_renames_is_undone(tmp_path: Path) -> None:
    make(tmp_path / "a", {"x": "old"})
    os.rename(tmp_path / "a", tmp_path / f"{runs.REPLACED}a")
    assert runs.manifest(tmp_path / "a")["key"] == "k"
    assert contents(tmp_path / "a") == {"x": "old"}


WRITER = """
import sys
from pathlib import Path
from talkwright import runs
folder = Path(sys.argv[1])
print("ready", flush=True)
version = 0
while True:
    version += 1
    with runs.artefact(folder, kind="dataset", key=str(version)) as out:
        for part in range(6):
            (out / f"part-{part}").write_text(f"{version}\\n" * 2000)
"""


def test_kill_at_any_instant_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    instants = random.Random(5)
    seen = set()
    for _ in range(8):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
            time.sleep(0.05 + instants.random() * 0.1)
            writer.send_signal(signal.SIGKILL)
        if not folder.exists() and not (tmp_path / f"{runs.REPLACED}a").exists():
            continue  # killed before the first one was finished
        found = runs.manifest(folder)
        runs.verify(folder)
        assert contents(folder) == {f"part-{part}": f"{found['key']}\n" * 2000 for part in range(6)}
        seen.add(found["key"])
    assert seen
    make(folder, {"x": "next"})
    assert os.listdir(tmp_path) == ["a"]


# --- files ---------------------------------------------------------------------------------------


def test_json_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    runs.write_json(path, {"a": "ü"})
    with pytest.raises(ValueError, match="not JSON compliant"):
        runs.write_json(path, float("nan"))
    with pytest.raises(TypeError):
        runs.write_json(path, object())
    assert runs.read_json(path) == {"a": "ü"}
    assert os.listdir(tmp_path) == ["x.json"]


@given(rows=st.lists(st.text(st.characters(codec=None), max_size=20), max_size=5))
def test_any_text_survives_a_line_of_jsonl(
    rows: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("rows") / "x.jsonl"
    assert runs.write_jsonl(path, rows) == len(rows)
    assert list(runs.read_jsonl(path)) == rows


def test_a_damaged_row_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"a": 1}\n{"a": \n')
    with pytest.raises(ArtefactError, match=r"x\.jsonl:2: damaged row"):
        list(runs.read_jsonl(tmp_path / "x.jsonl"))
    with pytest.raises(ArtefactError, match="cannot be read"):
        list(runs.read_jsonl(tmp_path / "none.jsonl"))


# --- runs ----------------------------------------------------------------------------------------


def test_the_same_recipe_is_the_same_run(tmp_path: Path) -> None:
    first = runs.open_run(recipe(name="shop"), tmp_path, "data: chats.jsonl\n")
    assert runs.open_run(recipe(name="shop"), tmp_path) == first
    assert runs.open_run(recipe(name="shop", seed=8), tmp_path) != first
    assert first.name.startswith("shop-")
    assert (first / "recipe.yaml").read_text() == "data: chats.jsonl\n"
    assert runs.recipe_of(first) == recipe(name="shop")
    assert runs.read_json(first / "environment.json")["python"]


def test_a_run_is_found_by_what_people_type(tmp_path: Path) -> None:
    shop = runs.open_run(recipe(name="shop"), tmp_path)
    bank = runs.open_run(recipe(name="bank"), tmp_path)
    os.utime(shop / "recipe.json", (1, 1))
    assert runs.list_runs(tmp_path) == [bank, shop]
    assert runs.find_run(shop, tmp_path) == shop
    assert runs.find_run(str(shop), Path("elsewhere")) == shop
    assert runs.find_run(shop.name, tmp_path) == shop
    assert runs.find_run("sh", tmp_path) == shop
    assert runs.find_run("latest", tmp_path) == bank


def test_a_run_that_cannot_be_found_says_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="none yet"):
        runs.find_run("latest", tmp_path)
    one = runs.open_run(recipe(name="shop"), tmp_path)
    two = runs.open_run(recipe(name="shop", seed=8), tmp_path)
    with pytest.raises(ArtefactError, match=f"'bank' is not a run.*{min(one, two).name}"):
        runs.find_run("bank", tmp_path)
    with pytest.raises(ArtefactError, match="'shop' fits several runs"):
        runs.find_run("shop", tmp_path)
    with pytest.raises(ArtefactError, match="this folder is not a run"):
        runs.find_run(tmp_path, tmp_path)


def test_a_whole_name_wins_over_a_longer_one(tmp_path: Path) -> None:
    for name in ("shop-1", "shop-12"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "recipe.json").write_text(json.dumps({}))
    assert runs.find_run("shop-1", tmp_path).name == "shop-1"
