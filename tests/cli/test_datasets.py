"""`data ledger`, `data diff` and `report` of a data set: what they print, and how they end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def prepared(talkwright, chats: Path) -> Path:
    assert talkwright("data", "prepare", chats, "--out", "out").code == 0
    return Path("out")


def test_the_ledger_is_readable_and_says_how_much_it_shows(talkwright, prepared: Path) -> None:
    done = talkwright("data", "ledger", prepared, "--where", "fate=kept", "--limit", "1")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].startswith("chats.jsonl:1  kept in ")
    assert lines[1].startswith('  before  {"messages"')
    assert lines[2].startswith("  after   user: What does shelf number 0 hold?")
    assert lines[-1] == "60 of 62 rows fit; the first 1 are shown."
    assert talkwright("data", "ledger", prepared, "--where", "fate=dropped").code == 0
    dropped = talkwright("data", "ledger", prepared, "--where", "reason=duplicate").out
    assert "chats.jsonl:61  dropped: duplicate" in dropped
    assert "kept instead: chats.jsonl:1" in dropped
    assert dropped.endswith("1 of 62 rows fit.\n")


def test_the_ledger_for_programs_is_a_line_a_row(talkwright, prepared: Path) -> None:
    done = talkwright("data", "ledger", prepared, "--json", "--limit", "0")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert len(rows) == 62
    assert {"source", "where", "fate", "reason", "repairs", "before", "after"} <= rows[0].keys()
    found = talkwright("data", "ledger", prepared, "--count-by", "fate", "--json").json
    assert found == {"rows": 62, "by": "fate", "counts": {"kept": 60, "dropped": 2}}
    assert talkwright("data", "ledger", prepared, "--count-by", "fate").out == "60  kept\n 2  dropped\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["out", "--where", "reason=duplicat"], "Did you mean `duplicate`?"),
        (["out", "--where", "reson=x"], "Did you mean `reason`?"),
        (["nowhere"], "nowhere"),
        (["chats.jsonl"], "chats.jsonl"),
    ],
)
def test_a_slip_gets_a_sentence(talkwright, prepared: Path, arguments: list[str], said: str) -> None:
    done = talkwright("data", "ledger", *arguments)
    assert done.code == 2
    assert done.out == ""
    assert said in done.err


def test_diff_ends_with_0_for_equal_and_1_for_different(talkwright, chats: Path, prepared: Path) -> None:
    same = talkwright("data", "diff", prepared, prepared)
    assert same.code == 0
    assert same.out.endswith("Nothing differs.\n")
    assert talkwright("data", "prepare", chats, "--out", "b", "--set", "data.test=0.5").code == 0
    other = talkwright("data", "diff", prepared, "b")
    assert other.code == 1
    assert "train→test" in other.out
    assert "do not test it on B" in other.out
    found = talkwright("data", "diff", prepared, "b", "--json")
    assert found.code == 1
    assert sum(found.json["moved"].values()) == found.json["rows"]["split"]
    assert talkwright("data", "diff", prepared, "nowhere").code == 2


def test_a_data_set_can_be_reported_on_alone(talkwright, prepared: Path) -> None:
    done = talkwright("report", prepared)
    assert done.code == 0
    assert done.out.strip() == str(prepared / "report.html")
    page = (prepared / "report.html").read_text(encoding="utf-8")
    assert "60 of 62 rows are kept" in page.replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert talkwright("data", "ledger", prepared, "--count-by", "fate").code == 0


def test_no_command_for_data_sets_loads_torch(talkwright, prepared: Path) -> None:
    code = (
        "import sys; from talkwright.cli import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    for arguments in (["data", "ledger", "out"], ["data", "diff", "out", "out"], ["report", "out"]):
        subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)
