"""Data sets of a model hub: their layout, and how they come from a stand-in server on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from talkwright.config import DataSection, SourceSection, build_recipe
from talkwright.data import prepare, source_digest
from talkwright.data.reading.hub import address_of, source_files
from talkwright.data.reading.layout import choose, licence_of, matching, read_card
from talkwright.errors import DataError, RecipeError
from talkwright.report.ledger import read_data

CARD = """---
license: cc-by-4.0
configs:
- config_name: chats
  default: true
  data_files:
  - split: train
    path: chats/train-*.jsonl
  - split: dev
    path: [chats/dev.jsonl]
- config_name: faq
  data_files: faq/**
---
# A data set
"""


def row(question: str) -> str:
    return json.dumps({"prompt": question, "completion": f"The answer to {question!r} is yes."}) + "\n"


def questions(name: str, n: int = 6) -> str:
    return "".join(row(f"What about the {name} of shelf {number * 37}?") for number in range(n))


FILES = {
    "README.md": CARD,
    ".gitattributes": "* text",
    "load.py": "raise SystemExit('never run')",
    "dataset_infos.json": "{}",
    "chats/train-00000-of-00002.jsonl": questions("first"),
    "chats/train-00001-of-00002.jsonl": questions("second"),
    "chats/dev.jsonl": questions("held out", 3),
    "faq/deep/answers.csv": "prompt,completion\nIs it open?,It is open all day.\n",
}


# --- layout --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "split", "files"),
    [
        (None, None, ["chats/train-00000-of-00002.jsonl", "chats/train-00001-of-00002.jsonl"]),
        (None, "dev", ["chats/dev.jsonl"]),
        ("chats", "all", [name for name in FILES if name.startswith("chats/")]),
        ("faq", None, ["faq/deep/answers.csv"]),
    ],
)
def test_a_card_says_which_files_are_which(config: Any, split: Any, files: list[str]) -> None:
    assert list(choose([*FILES], read_card(CARD), config, split, "x").files) == sorted(files)


@pytest.mark.parametrize(
    ("names", "split", "files"),
    [
        (["data/train-00000-of-00002.parquet", "data/test-00000-of-00001.parquet"], None,
         ["data/train-00000-of-00002.parquet"]),
        (["train.jsonl", "test.csv", "val.csv"], "validation", ["val.csv"]),
        (["train.jsonl", "val.csv"], "dev", ["val.csv"]),
        (["chats_train.jsonl", "chats_eval.jsonl"], "test", ["chats_eval.jsonl"]),
        (["dev/a.jsonl", "training/b.jsonl"], "train", ["training/b.jsonl"]),
        (["trainers.csv", "more.csv"], None, ["more.csv", "trainers.csv"]),
        (["data/train_sft-00000-of-00001.parquet", "data/test_sft-00000-of-00001.parquet"], None,
         ["data/train_sft-00000-of-00001.parquet"]),
        (["data/curated-00000-of-00001.parquet", "train.csv"], "curated",
         ["data/curated-00000-of-00001.parquet"]),
        (["train.jsonl", "../train.jsonl", "/etc/train.jsonl", ".x/train.jsonl", "state.json"], None,
         ["train.jsonl"]),
    ],
)  # fmt: skip
def test_without_a_card_names_say_the_split(names: list[str], split: Any, files: list[str]) -> None:
    assert list(choose(names, {}, None, split, "x").files) == files


@pytest.mark.parametrize(
    ("names", "config", "split", "said"),
    [
        (["train.csv"], None, "test", "no split 'test'"),
        (["a/train/0000.parquet", "b/train/0000.parquet"], None, None, "several configurations.*a, b"),
        (["a/train/0000.parquet", "b/train/0000.parquet"], "c", None, "no configuration 'c'"),
        (["train.csv"], "c", None, "no folder of that name"),
        (["load.py", "README.md"], None, None, "refs/convert/parquet"),
        (["data-00000-of-00001.arrow", "state.json"], None, None, "to_parquet"),
        (["x.png"], None, None, "has no data file"),
        (["one-00000-of-00001.csv", "two-00000-of-00001.csv"], None, None, "none called train.*two"),
    ],
)  # fmt: skip
def test_what_cannot_be_chosen_is_said_with_what_there_is(names, config, split, said) -> None:
    with pytest.raises(DataError, match=said):
        choose(names, {}, config, split, "x")


def test_a_converted_configuration_has_its_own_splits() -> None:
    names = ["a/train/0000.parquet", "b/train/0000.parquet", "b/test/0000.parquet"]
    assert list(choose(names, {}, "b", "test", "x").files) == ["b/test/0000.parquet"]


def test_patterns_cross_folders_only_with_two_stars() -> None:
    names = ["a.csv", "d/b.csv", "d/e/c.csv"]
    assert matching(names, "*.csv") == ["a.csv"]
    assert matching(names, "**/*.csv") == names
    assert matching(names, "d/**") == ["d/b.csv", "d/e/c.csv"]
    assert matching(names, "d") == ["d/b.csv", "d/e/c.csv"]
    assert matching(names, "./d/[a-b].csv") == ["d/b.csv"]


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        (CARD, "cc-by-4.0"),
        ("---\nlicense: [mit, apache-2.0]\n---\n", "mit, apache-2.0"),
        ("---\nlicense: other\nlicense_name: own\n---\n", "own"),
        ("---\nlicense: {a\n---\n", None),
        ("# none\n", None),
    ],
)
def test_the_cards_licence(text: str, licence: str | None) -> None:
    assert licence_of(read_card(text)) == licence


# --- folders -------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "set"


def section(path: Path | str, **more: Any) -> DataSection:
    return DataSection.model_validate({"sources": [{"path": str(path), **more}]})


def test_a_folder_in_the_hubs_layout_is_read_by_split(folder: Path, tmp_path: Path) -> None:
    found = prepare(section(folder, split="train"), seed=0, out=tmp_path / "out")
    assert found.read == 12
    about = json.loads((tmp_path / "out" / "counts.json").read_text())["sources"]["set"]
    assert about["licence"] == "cc-by-4.0"
    assert about["config"] == "chats"
    assert about["files"] == ["chats/train-00000-of-00002.jsonl", "chats/train-00001-of-00002.jsonl"]
    other = section(folder, split="dev")
    assert prepare(other, seed=0, out=tmp_path / "dev").read == 3
    assert source_digest(other) != source_digest(section(folder, split="train"))


def test_a_folder_with_a_card_is_read_as_the_card_says(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "more.jsonl").write_text(row("Is this beside the card?"))
    found = prepare(section(folder), seed=0, out=tmp_path / "out")
    assert found.read == 12
    assert "read as its README.md says: configuration chats, split train" in capsys.readouterr().err
    about = json.loads((tmp_path / "out" / "counts.json").read_text())["sources"]["set"]
    assert [about["config"], about["split"], len(about["files"])] == ["chats", "train", 2]
    assert about["passed_over"] == ["chats/dev.jsonl", "faq/deep/answers.csv", "more.jsonl"]
    [source] = read_data(tmp_path / "out", 1).sources
    assert {why.split(";")[0] for _, why in source.passed_over} == {"of another split or configuration"}
    files = source_files(SourceSection(path=str(folder)))
    assert files == source_files(SourceSection(path=str(folder), config="chats", split="train"))


def test_a_card_without_a_default_is_refused_by_the_names_in_it(folder: Path) -> None:
    (folder / "README.md").write_text(CARD.replace("  default: true\n", ""))
    with pytest.raises(
        DataError, match=r"several configurations; name one as `config:`.*: chats, faq\."
    ):
        source_files(SourceSection(path=str(folder)))


def test_a_card_of_other_files_says_nothing_of_those_here(folder: Path, tmp_path: Path) -> None:
    (folder / "README.md").write_text(CARD.replace("chats/", "gone/").replace("faq/", "gone/"))
    (folder / "dataset_infos.json").unlink()
    (folder / "here.jsonl").write_text(row("Is this read?"))
    assert [name for _, name in source_files(SourceSection(path=str(folder)))] == ["here.jsonl"]
    (tmp_path / "outside.jsonl").write_text(row("Is this outside?"))
    (folder / "README.md").write_text(CARD)
    (folder / "chats/train-x.jsonl").symlink_to(tmp_path / "outside.jsonl")
    names = [name for _, name in source_files(SourceSection(path=str(folder)))]
    assert names == [f"chats/train-0000{n}-of-00002.jsonl" for n in range(2)]


@pytest.mark.parametrize("path", ["set/chats/dev.jsonl", "nowhere"])
def test_a_split_of_what_has_none_is_refused(folder: Path, path: str) -> None:
    with pytest.raises(DataError, match="folder laid out like a data set"):
        source_files(SourceSection(path=str(folder.parent / path), split="train"))


def test_a_revision_of_a_file_is_refused() -> None:
    with pytest.raises(RecipeError, match="revision is for hub data sets"):
        build_recipe({"data": {"sources": [{"path": "a.csv", "revision": "v1"}]}})


def test_addresses(tmp_path: Path) -> None:
    def parts(path: str, **more: Any) -> tuple[Any, ...]:
        found = address_of(SourceSection(path=path, **more))
        return found.repository, found.revision, found.path

    assert parts("hf://o/n") == ("o/n", None, None)
    assert parts("hf://datasets/o/n@refs%2Fconvert%2Fparquet/a/*.csv") == (
        "o/n", "refs/convert/parquet", "a/*.csv",
    )  # fmt: skip
    assert parts("hf://o/n", revision="v2") == ("o/n", "v2", None)
    recipe = build_recipe({"data": "hf://o/n"}, folder=tmp_path)
    assert recipe.data.sources[0].path == "hf://o/n"
    for wrong in ("hf://squad", "hf://o/n@v1"):
        with pytest.raises(DataError, match=r"hf://owner/name|keep one"):
            parts(wrong, revision="v2")


# --- a hub ---------------------------------------------------------------------------------------

COMMITS = {"main": "a" * 40, "v2": "b" * 40}
PROGRAM = """
import json, sys
from pathlib import Path
from talkwright.config import build_recipe
from talkwright.data import prepare, source_digest
from talkwright.errors import TalkwrightError
results = []
for number, source in enumerate(json.loads(sys.argv[1])):
    try:
        recipe = build_recipe({"data": {"sources": [source]}})
        digest = source_digest(recipe.data)
        prepare(recipe.data, seed=0, out=Path(sys.argv[2]) / str(number), workers=1)
        counts = json.loads((Path(sys.argv[2]) / str(number) / "counts.json").read_text())
        (about,) = counts["sources"].values()
        results.append({"read": counts["read"], "digest": digest, **about})
    except TalkwrightError as error:
        results.append({"error": str(error)})
assert not {"torch", "transformers", "datasets"} & set(sys.modules)
print(json.dumps(results))
"""


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """What preparing hub sources gives, one after the other in a fresh process."""

    def run(*sources: dict[str, Any], **environment: str) -> list[dict[str, Any]]:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PROGRAM, json.dumps(sources), str(tmp_path / "out")],
            capture_output=True, text=True, timeout=120,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("HF_")},
                "PYTHONPATH": os.pathsep.join(sys.path), "HF_HOME": str(tmp_path / "hf"),
                "TALKWRIGHT_CACHE": str(tmp_path / "cache"), "HF_HUB_DISABLE_TELEMETRY": "1",
                "NO_PROXY": "127.0.0.1", **environment,
            },
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture
def hub() -> Iterator[tuple[str, list[str]]]:
    """A hub with the data set owner/chats: its address, and the paths it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(f"{self.command} {self.path.partition('?')[0]}")
            answer(self)

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def answer(request: BaseHTTPRequestHandler) -> None:
    path = request.path.partition("?")[0]
    api, resolve = "/api/datasets/owner/chats", "/datasets/owner/chats/resolve/"
    if path.startswith("/api/datasets/owner/asked-first"):
        return send(request, 403, b"{}", X_Error_Code="GatedRepo")
    if not path.startswith((api, resolve)):
        return send(request, 404, b"{}", X_Error_Code="RepoNotFound")
    if path.startswith(f"{api}/tree/"):
        listed = [
            {"type": "file", "path": name, "size": len(text), "oid": f"{abs(hash(text)):040x}"}
            for name, text in FILES.items()
        ]
        return send(request, 200, json.dumps(listed).encode())
    if path.startswith(api):
        revision = path.removeprefix(api).removeprefix("/revision/") or "main"
        if revision not in COMMITS:
            return send(request, 404, b"{}", X_Error_Code="RevisionNotFound")
        about = {"id": "owner/chats", "sha": COMMITS[revision], "tags": [], "private": False,
                 "downloads": 0, "siblings": []}  # fmt: skip
        return send(request, 200, json.dumps(about).encode())
    commit, _, name = path.removeprefix(resolve).partition("/")
    text = FILES[name]
    if commit == COMMITS["v2"] and name.endswith("dev.jsonl"):
        text += row("What is new in the second version?")
    return send(request, 200, text.encode(), ETag=f'"{abs(hash(text)):040x}"', X_Repo_Commit=commit)


def send(request: BaseHTTPRequestHandler, code: int, body: bytes, **headers: str) -> None:
    request.send_response(code)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)


def test_a_data_set_of_the_hub_is_read_once_and_then_without_it(ask, hub) -> None:
    endpoint, asked = hub
    sources = [
        {"path": "hf://owner/chats"},
        {"path": "hf://owner/chats", "split": "dev"},
        {"path": "hf://owner/chats", "split": "dev", "revision": "v2"},
        {"path": "hf://datasets/owner/chats/faq/deep/*.csv"},
    ]
    train, _, newer, csv = found = ask(*sources, HF_ENDPOINT=endpoint)
    assert [about.get("read") for about in found] == [12, 3, 4, 1], found
    assert train["commit"] == COMMITS["main"]
    assert (train["revision"], newer["revision"]) == (None, "v2")
    assert newer["commit"] == COMMITS["v2"]
    assert train["licence"] == csv["licence"] == "cc-by-4.0"
    assert train["path"] == "hf://owner/chats"
    assert len({about["digest"] for about in found}) == 4
    assert not [path for path in asked if path.endswith((".py", "dataset_infos.json"))], "not data"
    first = [path for path in asked if path.endswith("train-00000-of-00002.jsonl")]
    assert len(first) == len(set(first)), "downloaded twice"
    again = ask(*sources, HF_HUB_OFFLINE="1")
    assert [about.get("digest") for about in again] == [about["digest"] for about in found]


def test_what_the_hub_does_not_have_is_a_sentence(ask, hub) -> None:
    endpoint, _ = hub
    found = ask(
        {"path": "hf://owner/other"},
        {"path": "hf://owner/chats", "revision": "v9"},
        {"path": "hf://owner/chats", "config": "chat"},
        {"path": "hf://owner/chats/nothing.csv"},
        {"path": "hf://owner/asked-first"},
        HF_ENDPOINT=endpoint,
    )
    for about, said in zip(
        found,
        (
            "no data set of this name",
            "no revision 'v9'",
            "did you mean 'chats'",
            "faq/deep/answers.csv",
            "hf auth login",
        ),
        strict=True,
    ):
        assert said in about.get("error", ""), found


def test_without_a_hub_it_is_said_what_to_do(ask) -> None:
    (offline,) = ask({"path": "hf://owner/chats"}, HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE is set" in offline["error"]
    (nobody,) = ask({"path": "hf://owner/chats"}, HF_ENDPOINT="http://127.0.0.1:9")
    assert "no hub answers" in nobody["error"]
    assert "name local files" in nobody["error"]


def test_a_half_downloaded_data_set_is_not_taken_for_whole(ask, hub, tmp_path: Path) -> None:
    endpoint, _ = hub
    assert ask({"path": "hf://owner/chats"}, HF_ENDPOINT=endpoint)[0]["read"] == 12
    (part,) = (tmp_path / "hf").rglob("train-00001-of-00002.jsonl")
    part.unlink()
    (found,) = ask({"path": "hf://owner/chats"}, HF_HUB_OFFLINE="1")
    assert "train-00001-of-00002.jsonl is not on this machine" in found["error"]
    for listing in (tmp_path / "cache").rglob("*.json"):  # as if another program had downloaded it
        listing.unlink()
    snapshot = part.parents[1]
    assert snapshot.name == COMMITS["main"]
    (snapshot.parents[1] / "refs").mkdir(exist_ok=True)
    (snapshot.parents[1] / "refs" / "main").write_text(COMMITS["main"])
    (found,) = ask({"path": "hf://owner/chats"}, HF_HUB_OFFLINE="1")
    assert "train-00001-of-00002.jsonl is missing" in found["error"]
