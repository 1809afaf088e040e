"""`data prepare`: the JSON that other programs build on, and what is said about bad input."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., object]


def test_the_json_has_the_promised_keys_and_adds_up(talkwright, chats: Path) -> None:
    found = talkwright("data", "prepare", chats, "--out", "out", "--json").json
    assert {"read", "kept", "dropped", "repaired", "splits"} <= found.keys()
    assert found["read"] == 62
    assert found["read"] == found["kept"] + sum(found["dropped"].values())
    assert sum(found["splits"].values()) == found["kept"]
    assert set(found["splits"]) == {"train", "validation", "test"}
    assert found["dropped"]["duplicate"] == 1
    assert json.loads(Path("out/counts.json").read_text())["kept"] == found["kept"]


def test_the_text_says_the_same(talkwright, chats: Path) -> None:
    done = talkwright("data", "prepare", chats, "--out", "out")
    assert done.code == 0
    assert done.out.startswith("read 62 = kept 60 + dropped 2\n")
    assert "duplicate 1" in done.out
    assert "show out" in done.out


def test_set_reaches_the_stage(talkwright, chats: Path) -> None:
    few = talkwright("data", "prepare", chats, "--out", "out", "--json", "--set", "data.test=0.5").json
    assert few["splits"]["test"] >= 20
    other = talkwright("data", "prepare", chats, "--out", "b", "--json", "--set", "seed=3").json
    assert other["kept"] == few["kept"]


def test_a_recipe_stands_for_its_sources(talkwright, chats: Path) -> None:
    Path("recipe.yaml").write_text("data: {sources: chats.jsonl, test: 0}\n")
    assert (
        talkwright("data", "prepare", "recipe.yaml", "--out", "out", "--json").json["splits"]["test"]
        == 0
    )


def test_an_older_data_set_is_replaced_and_nothing_else_is(
    talkwright, chats: Path, tmp_path: Path
) -> None:
    assert talkwright("data", "prepare", chats, "--out", "out").code == 0
    assert talkwright("data", "prepare", chats, "--out", "out").code == 0
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "holiday.jpg").write_bytes(b"jpg")
    done = talkwright("data", "prepare", chats, "--out", photos)
    assert done.code == 2
    assert "not replaced" in done.err
    assert os.listdir(photos) == ["holiday.jpg"]
    assert talkwright("data", "prepare", chats, "--out", chats).code == 2
    assert chats.is_file()
    (tmp_path / "empty").mkdir()
    assert talkwright("data", "prepare", chats, "--out", "empty").code == 0


BAD_INPUT = {
    "empty.jsonl": b"",
    "blank.jsonl": b"\n\n\n",
    "binary.jsonl": bytes(range(256)) * 8,
    "columns.csv": b"colour,size\nred,4\n",
    "no_answer.jsonl": b'{"messages": [{"role": "user", "content": "hi there"}]}\n',
    "broken.json": b'{"messages": ',
    "prose.txt": b"Just some words.\n",
}


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_gets_a_sentence_and_leaves_nothing(talkwright, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(BAD_INPUT[name])
    done = talkwright("data", "prepare", name, "--out", "out", "--json")
    assert done.code == 2
    assert done.out == ""
    assert "\ntalkwright: " in f"\n{done.err}"
    assert name in done.err
    assert os.listdir(tmp_path) == [name]


def test_a_missing_file_is_named(talkwright) -> None:
    done = talkwright("data", "prepare", "nowhere.jsonl", "--out", "out")
    assert done.code == 2
    assert "nowhere.jsonl" in done.err
    assert not Path("out").exists()


def test_one_row_and_one_huge_message_do_no_harm(talkwright, tmp_path: Path) -> None:
    row = {"prompt": "What is it?", "completion": "A lamp."}
    (tmp_path / "one.jsonl").write_text(json.dumps(row) + "\n")
    assert talkwright("data", "prepare", "one.jsonl", "--out", "one", "--json").json["kept"] == 1
    huge = {"prompt": "What is it?", "completion": "lamp " * 400_000}
    (tmp_path / "huge.jsonl").write_text(json.dumps(huge) + "\n" + json.dumps(row) + "\n")
    found = talkwright("data", "prepare", "huge.jsonl", "--out", "huge", "--json").json
    assert found["dropped"] == {"too_long": 1}
    assert found["kept"] == 1


def test_the_doctor_ranks_findings_and_exits_by_the_worst(
    talkwright, chats: Path, tmp_path: Path
) -> None:
    done = talkwright("data", "doctor", chats)
    assert done.code == 1
    assert "warning  too little\n" in done.out
    assert "  Fix:  add conversations" in done.out
    row = {"prompt": "What is it?", "completion": "A lamp.<|im_end|> It is lit."}
    (tmp_path / "bad.jsonl").write_text(json.dumps(row) + "\n")
    found = talkwright("data", "doctor", "bad.jsonl", "--json")
    assert found.code == 3
    assert found.json["worst"] == "serious"
    assert found.json["findings"][0]["examples"][0]["where"] == "bad.jsonl:1"
    assert sorted(os.listdir(tmp_path)) == sorted({"bad.jsonl", chats.name})
    assert talkwright("data", "doctor", "nowhere.jsonl").code == 2


def test_the_doctor_examines_a_prepared_data_set(talkwright, chats: Path) -> None:
    assert talkwright("data", "prepare", chats, "--out", "out").code == 0
    found = talkwright("data", "doctor", "out", "--json")
    assert found.code == 1
    assert found.json["rows"] == 60
    refused = talkwright("data", "doctor", "out", "--set", "data.pii=keep")
    assert refused.code == 2
    assert "prepared" in refused.err


def test_export_writes_files_for_other_programs(talkwright, chats: Path) -> None:
    from talkwright.cli.look import prepare
    from talkwright.data import EXPORT_FORMATS

    option = next(parameter for parameter in prepare.params if parameter.name == "exports")
    assert tuple(option.type.types[0].choices) == EXPORT_FORMATS
    done = talkwright(
        "data", "prepare", chats, "--out", "out", "--json", "--export", "sharegpt", "s-{split}.jsonl",
        "--export", "alpaca", "a.json",
    ).json  # fmt: skip
    files = {found["file"]: found["rows"] for found in done["exports"]}
    assert files == {**{f"s-{split}.jsonl": n for split, n in done["splits"].items()},
                     "a.json": done["splits"]["train"]}  # fmt: skip
    assert len(json.loads(Path("a.json").read_text())) == files["a.json"]
    told = talkwright("data", "prepare", chats, "--out", "out", "--export", "messages", "m.jsonl")
    assert "Exported: m.jsonl" in told.out
    pairs = talkwright("data", "prepare", chats, "--out", "out", "--export", "dpo", "d.jsonl")
    left = done["splits"]["train"]
    said = f"Exported: d.jsonl: 0 rows, {left} left out: they have no worse answer to compare with"
    assert said in pairs.out
    bad = talkwright("data", "prepare", chats, "--out", "out", "--export", "messages", "m.xlsx")
    assert bad.code == 2
    assert ".jsonl, .json or .csv" in bad.err


def test_what_a_folder_has_beside_its_data_is_named(talkwright, chats: Path) -> None:
    folder = Path("exports")
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(Path(chats).read_bytes())
    for name in ("book.xlsx", "support.log", ".hidden.jsonl"):
        (folder / name).write_bytes(b"x")
    done = talkwright("data", "prepare", folder, "--out", "out")
    assert "Not read in" in done.out
    assert "book.xlsx, support.log; name what is to be read" in done.out
    [source] = json.loads(Path("out/counts.json").read_text())["sources"].values()
    assert source["passed_over"] == ["book.xlsx", "support.log"]
    found = talkwright("data", "prepare", folder, "--out", "out", "--json").json
    assert list(found["passed_over"].values()) == [["book.xlsx", "support.log"]]
    assert "Not read" not in talkwright("data", "prepare", chats, "--out", "out").out
    assert "passed_over" not in talkwright("data", "prepare", chats, "--out", "out", "--json").json
