"""What a source may be besides a file of rows, and where its data set may go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from talkwright.config import DataSection
from talkwright.data import prepare, read_dataset
from talkwright.data.reading.files import find_files, passed_over
from talkwright.errors import DataError
from talkwright.types import Conversation

CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"order": 7}'}}
TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}


def rows(count: int = 12) -> list[dict[str, Any]]:
    return [{"prompt": f"Where is order {n} of {n * n}?", "completion": f"On its way {n}."}
            for n in range(count)]  # fmt: skip


def jsonl(path: Path, *held: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in held))
    return path


def section(*paths: Path, **more: Any) -> DataSection:
    sources = [{"path": str(path)} for path in paths]
    quiet = {"duplicates": "keep", "doctor": False, "pii": "keep"}
    return DataSection.model_validate({"sources": sources, **quiet, **more})


def everything(folder: Path) -> list[Conversation]:
    return [row for split in read_dataset(folder).values() for row in split]


# --- a prepared data set as a source ----------------------------------------------------------------


def test_a_prepared_data_set_is_read_as_it_was_written(tmp_path: Path) -> None:
    asked = {"role": "user", "content": "Where is order 7?"}
    told = [{"role": "assistant", "content": "", "tool_calls": [CALL]},
            {"role": "tool", "content": "On its way.", "tool_call_id": "c1"},
            {"role": "assistant", "content": "It is coming.", "reasoning_content": "Easy."}]  # fmt: skip
    file = jsonl(
        tmp_path / "a.jsonl",
        *rows(),
        {"messages": [asked, *told], "tools": [TOOL], "group": "g"},
        {"prompt": [asked], "chosen": told[2:], "rejected": [{"role": "assistant", "content": "No."}]},
        {"prompt": [asked, *told, asked], "chosen": told[2:],
         "rejected": [{"role": "assistant", "content": "Who knows."}]},
    )  # fmt: skip
    prepare(section(file), seed=0, out=tmp_path / "once")
    counts = prepare(section(tmp_path / "once"), seed=0, out=tmp_path / "twice")
    assert (counts.read, counts.kept) == (15, 15)

    def said(folder: str) -> set[Any]:
        return {
            (c.messages, c.group, c.tools, c.rejected, c.shared if c.rejected else 0)
            for c in everything(tmp_path / folder)
        }

    assert said("twice") == said("once")
    assert len([c for c in everything(tmp_path / "twice") if c.rejected]) == 2
    assert passed_over(tmp_path / "once") == []


def test_empty_splits_are_no_files(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "a.jsonl", *rows())
    prepare(section(file, validation=0, test=0), seed=0, out=tmp_path / "once")
    assert [name for _, name in find_files(tmp_path / "once")] == ["train.jsonl"]


def test_other_folders_of_talkwright_are_no_data(tmp_path: Path) -> None:
    about = {"kind": "evaluation", "key": "k", "files": {}, "talkwright": "1"}
    (tmp_path / "manifest.json").write_text(json.dumps(about))
    jsonl(tmp_path / "items.jsonl", *rows())
    with pytest.raises(DataError, match=r"talkwright made this folder \(evaluation\)"):
        find_files(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps(rows()[0]))  # somebody else's
    assert len(find_files(tmp_path)) == 2
