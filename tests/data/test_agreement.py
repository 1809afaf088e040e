"""What is said of one data set in several places is the same number everywhere."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from talkwright.cli.text import counts_lines
from talkwright.config import DataSection
from talkwright.data import count_by, prepare
from talkwright.report import write_report
from talkwright.report.ledger import read_data
from talkwright.runs import read_json
from talkwright.types import to_json

_ROLES = ("user", "assistant")
SPLITS = ("train", "validation", "test")


def _write(path: Path, rows: list[tuple[str, str]]) -> str:
    lines = [
        {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}
        for q, a in rows
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return str(path)


def _prepared(folder: Path) -> Path:
    asked = [
        (f"My phone is 415-555-26{n:02d}, is order {n} late?", f"Order {n} is late.") for n in range(20)
    ]
    again = asked[:6]  # masked as well, and then dropped as duplicates
    other = [(f"What is part {n} for?", f"It holds panel {n} in place.") for n in range(12)]
    section = DataSection.model_validate(
        {
            "sources": [
                {"path": _write(folder / "chats.jsonl", asked + again)},
                {"path": _write(folder / "parts.jsonl", other), "count": 30},
            ]
        }
    )
    prepare(section, seed=1, out=folder / "out")
    return folder / "out"


def test_masked_rows_are_as_many_in_the_summary_the_ledger_and_the_report(tmp_path: Path) -> None:
    out = _prepared(tmp_path)
    said = read_json(out / "counts.json")["repaired"]["masked_phone"]
    in_ledger = count_by(out, "repair", [("fate", "kept")])[0]["masked_phone"]
    of_all = count_by(out, "repair")[0]["masked_phone"]
    page = read_data(out, 3)
    on_page = sum(r.count for s in page.sources for r in s.reasons if r.name == "masked_phone")
    changed = dict(pair for change in page.changes for pair in change.repairs)["masked_phone"]
    assert said == in_ledger == on_page == changed == 20
    assert of_all == 26
    assert sum(source.repaired for source in page.sources) == 20
    html = write_report(out).read_text(encoding="utf-8")
    assert "phone replaced by [phone] <b>20</b>" in html


def test_repeated_rows_are_seen_beside_the_rows(tmp_path: Path) -> None:
    out = _prepared(tmp_path)
    counts = read_json(out / "counts.json")
    lines = {name: len((out / f"{name}.jsonl").read_bytes().splitlines()) for name in SPLITS}
    assert counts["lines"] == lines
    assert counts["splits"]["train"] < lines["train"]
    assert sum(counts["splits"].values()) == counts["kept"]
    written = Counter({name: about["written"] for name, about in counts["mix"].items()})
    assert written.total() == sum(lines.values())
    assert read_data(out, 0).lines == lines
    html = write_report(out).read_text(encoding="utf-8")
    assert f"written as {lines['train']} lines" in html


def test_the_summary_says_what_it_counts(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    asked = [(f"How is item {n} sent?", f"Item {n} is sent by mail.") for n in range(12)]
    section = DataSection.model_validate({"sources": [{"path": _write(folder / "c.jsonl", asked)}]})
    counts = prepare(section, seed=1, out=folder / "out")
    assert to_json(counts)["lines"] == counts.splits
    assert "lines" not in counts_lines(counts)


def test_a_finding_of_one_row_is_said_of_one_and_its_fix_is_a_line_to_copy(tmp_path: Path) -> None:
    asked = [(f"How is item {n} sent?", f"Item {n} is sent by mail.") for n in range(30)]
    asked += [("Are you open?", "Sorry. " * 8), ("What is it?", "It is a {{Product Name}} for you.")]
    section = DataSection.model_validate({"sources": [{"path": _write(tmp_path / "c.jsonl", asked)}]})
    prepare(section, seed=1, out=tmp_path / "out")
    html = write_report(tmp_path / "out").read_text(encoding="utf-8")
    assert "1 answer repeats itself, or its question." in html
    assert "1 answer has fields to fill in" in html
    assert "In the recipe: <code>data.placeholders: drop</code>, or fill them in" in html
