"""The stage as a whole: artefact, ledger, sums, determinism, real data, and any bytes at all."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from as_read import jsonl
from compared import duplicates_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talkwright.config import DataSection
from talkwright.data import prepare, read_conversations, read_dataset, source_digest
from talkwright.data.excerpts import excerpt
from talkwright.data.ledger import Sums, as_table
from talkwright.data.reasons import REASONS
from talkwright.errors import ArtefactError, DataError
from talkwright.runs import read_parquet, verify
from talkwright.types import Counts, LedgerRow

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared example data is not here")


def section(*paths: Path, **settings: Any) -> DataSection:
    return DataSection.model_validate({"sources": [{"path": str(path)} for path in paths], **settings})


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def pair(question: str, answer: str, **more: Any) -> dict[str, Any]:
    return {"prompt": question, "completion": answer, **more}


def twenty() -> list[dict[str, Any]]:
    return [pair(f"What is the meaning of word{n}?", f"It is number {n}.") for n in range(20)]


def test_the_artefact_tells_the_fate_of_every_row(tmp_path: Path) -> None:
    dirty = [
        pair("What is the fee?", "It is 4 euro."),
        pair("what is the fee", "It is 5 euro."),
        pair("What is  the meaning of word0?", "it is number 0."),
        pair("Write to whom?", "<p>To ann@example.org</p>"),
        {"text": "x"},
        pair("Nobody answers", ""),
    ]
    first, second = jsonl(tmp_path / "a.jsonl", *twenty()), jsonl(tmp_path / "b.jsonl", *dirty)
    second.write_text(second.read_text() + "broken\n")
    found = prepare(section(first, second), seed=0, out=tmp_path / "out", key="k")
    assert found.read == 27
    assert found.kept == 23
    assert found.dropped == {"duplicate": 1, "no_assistant_turn": 1, "not_json": 1, "raw_text": 1}
    assert found.repaired == {"masked_email": 1, "stripped_html": 1}
    assert found.marked == {"contradiction": 2}
    assert list(found.splits) == ["train", "validation", "test"]
    assert sum(found.splits.values()) == 23

    saved = json.loads((tmp_path / "out" / "counts.json").read_text())
    assert Counts(**{name: saved[name] for name in Counts.__dataclass_fields__}) == found
    assert saved["sources"]["a.jsonl"]["read"] == saved["sources"]["a.jsonl"]["kept"] == 20
    assert saved["sources"]["b.jsonl"]["dropped"] == found.dropped
    assert saved["sources"]["b.jsonl"]["format"] == "prompt_completion"
    assert saved["leakage"]["test"]["same_question"] == 0

    ledger = list(read_parquet(tmp_path / "out" / "ledger.parquet"))
    assert [row["where"] for row in ledger[20:]] == [f"b.jsonl:{n}" for n in range(1, 8)]
    assert ledger[22]["after"] == "kept instead: a.jsonl:1"
    assert ledger[23]["before"] == json.dumps(dirty[3]).replace("ann@example.org", "[email]")
    assert ledger[23]["after"] == "user: Write to whom? / assistant: To [email]"
    assert ledger[26]["before"] == "broken"
    dataset = read_dataset(tmp_path / "out")
    assert {name: len(rows) for name, rows in dataset.items()} == found.splits
    ids = {c.id: name for name, rows in dataset.items() for c in rows}
    assert ids == {row["conversation"]: row["split"] for row in ledger if row["fate"] == "kept"}
    verify(tmp_path / "out")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"duplicate": 1, "near_duplicate": 1}),
        ({"duplicates": "exact"}, {"duplicate": 1}),
        ({"duplicates": "keep"}, {}),
        ({"contradictions": "drop"}, {"duplicate": 1, "near_duplicate": 1, "contradiction": 2}),
        ({"max_chars": 80}, {"duplicate": 1, "near_duplicate": 1, "too_long": 1}),
        ({"near_threshold": 1.0}, {"duplicate": 1, "near_duplicate": 1}),
    ],
)
def test_settings_decide_what_is_dropped(
    tmp_path: Path, settings: Any, expected: dict[str, int]
) -> None:
    rows = [
        *twenty(),
        pair("Where is the key?", "Under the mat."),
        pair("Where is the key?", "Under the mat."),
        pair("Where is the key", "Under the mat!"),
        pair("What is the fee?", "It is 4 euro."),
        pair("What is the fee?", "It is 5 euro."),
        pair("A long one?", "y" * 90),
    ]
    found = prepare(
        section(jsonl(tmp_path / "a.jsonl", *rows), **settings), seed=0, out=tmp_path / "out"
    )
    assert found.dropped == expected


NEARLY = (
    "Our support team will look at the photos that you sent us and at the number on the back of the "
    "lamp, and they will decide within {} working days whether you get a new one or your money back, "
    "{} you will then be told by mail."
)


@pytest.mark.parametrize(
    ("how", "dropped", "marked"),
    [("mark", {"near_duplicate": 1}, 2), ("drop", {"near_duplicate": 1, "contradiction": 2}, 0),
     ("keep", {"near_duplicate": 2}, 0)],
)  # fmt: skip
def test_what_is_almost_the_same_and_says_the_opposite_is_no_duplicate(
    tmp_path: Path, how: str, dropped: dict[str, int], marked: int
) -> None:
    said = [("three", "which"), ("four", "which"), ("three", "and")]
    rows = [pair("When do I hear about my broken lamp?", NEARLY.format(*words)) for words in said]
    wanted = section(jsonl(tmp_path / "a.jsonl", *twenty(), *rows), contradictions=how)
    found = prepare(wanted, seed=0, out=tmp_path / "out")
    assert (found.dropped, found.marked) == (dropped, {"contradiction": marked} if marked else {})


def test_the_same_input_gives_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "a.jsonl", *twenty(), *(pair(f"q {n}", "y") for n in range(30)))
    code = (
        "import sys; from pathlib import Path; from talkwright.config import DataSection; "
        "from talkwright.data import prepare; "
        "s = DataSection.model_validate({'sources': [{'path': sys.argv[1]}]}); "
        "prepare(s, seed=3, out=Path(sys.argv[2])); "
        "print([m for m in ('torch', 'transformers') if m in sys.modules])"
    )
    for name in ("one", "two"):
        done = subprocess.run(
            [sys.executable, "-c", code, str(source), str(tmp_path / name)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == "[]"
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["counts.json", "doctor.json", "ledger.parquet", "manifest.json", "test.jsonl",
                     "train.jsonl", "validation.jsonl"]  # fmt: skip
    for name in names:
        if name != "manifest.json":
            assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_one_and_two_rows_are_for_training(tmp_path: Path) -> None:
    for count in (1, 2):
        out = tmp_path / f"out{count}"
        found = prepare(section(jsonl(tmp_path / "a.jsonl", *twenty()[:count])), seed=0, out=out)
        assert found.splits == {"train": count, "validation": 0, "test": 0}
        assert (
            "too few to hold out" in json.loads((out / "counts.json").read_text())["leakage"]["notes"][0]
        )


def test_nothing_is_written_when_nothing_is_left(tmp_path: Path) -> None:
    rows = [pair("What is the fee?", "It is 4 euro."), pair("What is the fee?", "It is 5 euro.")]
    source = jsonl(tmp_path / "a.jsonl", *rows)
    with pytest.raises(DataError, match=r"a\.jsonl: nothing to learn from.*\n  2 × contradiction"):
        prepare(section(source, contradictions="drop"), seed=0, out=tmp_path / "out")
    assert sorted(tmp_path.iterdir()) == [source]


def test_a_message_of_two_megabytes_is_dropped_at_once(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "a.jsonl", *twenty(), pair("Why?", "<p>é &amp; a@b.example " * 100_000))
    started = time.process_time()
    found = prepare(section(source), seed=0, out=tmp_path / "out")
    assert found.dropped == {"too_long": 1}
    assert time.process_time() - started < 5


def test_sources_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        jsonl(tmp_path / folder / "a.jsonl", pair(f"Where is {folder} now?", "There."))
    both = tmp_path / "x" / "a.jsonl", tmp_path / "y" / "a.jsonl"
    prepare(section(*both, both[0]), seed=0, out=tmp_path / "out")
    sources = json.loads((tmp_path / "out" / "counts.json").read_text())["sources"]
    assert {name: source["kept"] for name, source in sources.items()} == {
        "x/a.jsonl": 1,
        "y/a.jsonl": 1,
        "x/a.jsonl #2": 0,
    }


def test_max_rows_reads_no_further(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "a.jsonl", *twenty())
    limited = DataSection.model_validate({"sources": [{"path": str(source), "max_rows": 5}]})
    assert prepare(limited, seed=0, out=tmp_path / "out").read == 5


def test_the_digest_follows_names_and_bytes(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "a.jsonl", *twenty())
    before = source_digest(section(source))
    assert source_digest(section(source)) == source_digest(section(tmp_path)) == before
    jsonl(tmp_path / "b.jsonl", *twenty())
    assert source_digest(section(tmp_path)) != before
    jsonl(source, *twenty()[1:])
    assert source_digest(section(source)) != before
    with pytest.raises(DataError, match="no such file"):
        source_digest(section(tmp_path / "gone.jsonl"))


def test_a_damaged_data_set_is_refused(tmp_path: Path) -> None:
    prepare(section(jsonl(tmp_path / "a.jsonl", *twenty())), seed=0, out=tmp_path / "out")
    (tmp_path / "out" / "test.jsonl").write_text('{"messages": 3}\n')
    with pytest.raises(ArtefactError, match=r"test\.jsonl:1: damaged"):
        list(read_dataset(tmp_path / "out")["test"])
    with pytest.raises(ArtefactError, match="no such artefact"):
        read_dataset(tmp_path / "gone")


# --- the ledger itself ---------------------------------------------------------------------------


def test_excerpts_are_short_and_can_be_shown_on_one_line() -> None:
    assert excerpt(" a\ud800\n\x00b\u2028c ") == "a b c"
    assert len(excerpt("x" * 1000)) == 200


def test_a_ledger_that_does_not_add_up_is_a_bug_and_says_so() -> None:
    kept = LedgerRow("s", "s:1", "kept", conversation="id")
    lost = LedgerRow("s", "s:2", "dropped", "empty")
    counts = sums(kept, lost).counts()
    assert (counts.read, counts.kept, counts.dropped) == (2, 1, {"empty": 1})
    for bad in (
        replace(lost, reason=None),
        replace(kept, reason="empty"),
        replace(kept, conversation=None),
    ):
        with pytest.raises(AssertionError):
            sums(kept, bad)
    added = sums(kept, lost)
    added.read += 1
    with pytest.raises(AssertionError, match="does not add up"):
        added.counts()
    with pytest.raises(AssertionError, match="were split"):
        sums(kept, lost).counts(("train", "test"))


def sums(*rows: LedgerRow) -> Sums:
    found = Sums()
    found.add(as_table(rows))
    return found


def test_every_drop_reason_is_explained() -> None:
    folder = Path(sys.modules[Sums.__module__].__file__ or "").parent
    source = "".join(path.read_text() for path in folder.rglob("*.py"))
    raised = set(re.findall(r'Unfit\("(\w+)"\)', source))
    raised |= set(re.findall(r'return "(\w+)"\n', (folder / "cleaning" / "clean.py").read_text()))
    assert raised <= REASONS.keys()
    assert len(raised) > 10


# --- any input at all ----------------------------------------------------------------------------

KEYS = """
    prompt completion messages role content from value conversations history facts input output
    tool_calls instruction system type text
"""
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(KEYS.split()), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
TURN = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "x"]), "content": JSON}
)
LIKELY = st.fixed_dictionaries({"messages": st.lists(TURN | JSON, max_size=4)}, optional={"facts": JSON})
quick = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@quick
@given(st.lists(JSON | LIKELY, min_size=2, max_size=8))
def test_any_json_rows_are_all_accounted_for(tmp_path: Path, values: list[Any]) -> None:
    source = jsonl(tmp_path / "any.jsonl", pair("Is it so?", "It is so."), *values)
    found = prepare(section(source), seed=0, out=tmp_path / "out")
    assert found.read == 1 + len(values)
    assert found.read == found.kept + sum(found.dropped.values())
    ledger = list(read_parquet(tmp_path / "out" / "ledger.parquet"))
    assert len(ledger) == found.read
    for row in ledger:
        (row["before"] + row["after"]).encode()  # can be shown
    assert sum(map(len, read_dataset(tmp_path / "out").values())) == found.kept


@quick
@given(st.binary(max_size=200), st.sampled_from(["a.jsonl", "a.json", "a.csv", "a.tsv", "a"]))
def test_any_bytes_give_rows_or_a_sentence(tmp_path: Path, data: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(data)
    try:
        prepare(section(tmp_path / name), seed=0, out=tmp_path / "out")
    except DataError as error:
        assert name in str(error)  # noqa: PT017 - either outcome is right, but the file must be named


@quick
@given(st.data(), st.sampled_from(["a.jsonl", "a.json", "a.csv"]))
def test_damaged_files_give_rows_or_a_sentence(tmp_path: Path, data: st.DataObject, name: str) -> None:
    good = {
        "a.jsonl": "".join(json.dumps(row) + "\n" for row in twenty()[:4]),
        "a.json": json.dumps(twenty()[:4], indent=1),
        "a.csv": 'prompt,completion\n"a ""b"" c?","d\ne"\nf?,g\n"h, i?",j\n',
    }[name].encode()
    at = data.draw(st.integers(0, len(good)))
    to = data.draw(st.integers(at, min(len(good), at + 20)))
    (tmp_path / name).write_bytes(good[:at] + data.draw(st.binary(max_size=6)) + good[to:])
    try:
        found = prepare(section(tmp_path / name), seed=0, out=tmp_path / "out")
    except DataError as error:
        assert name in str(error)  # noqa: PT017 - either outcome is right, but the file must be named
    else:
        assert found.read == found.kept + sum(found.dropped.values())


@quick
@given(st.text(), st.text())
def test_text_comes_back_as_it_was(tmp_path: Path, question: str, answer: str) -> None:
    said = [f"x{question}", f"x{answer}"]  # neither blank nor the beginning of a thought
    turns = [
        {"role": role, "content": text} for role, text in zip(("user", "assistant"), said, strict=True)
    ]
    [found] = read_conversations(jsonl(tmp_path / "a.jsonl", {"messages": turns}))
    assert [m.content for m in found.messages] == said


# --- real data -----------------------------------------------------------------------------------


@needs_shared
@pytest.mark.parametrize(
    ("path", "format", "read", "dropped", "marked"),
    [
        ("support_bitext/Bitext_Sample_Customer_Support_Training_Dataset.csv", "prompt_completion", 4514,
         {}, {"placeholder": 3022, "refusal": 3}),
        pytest.param("support_bitext/short_replies_gpt35.csv", "prompt_completion", 6480,
                     {"duplicate": 116, "near_duplicate": 21}, {}, marks=pytest.mark.slow),
        ("formats/alpaca_en_demo.json", "alpaca", 999, {"duplicate": 14}, {"refusal": 24}),
        ("formats/alpaca_zh_demo.json", "alpaca", 1000, {"duplicate": 8},
         {"literal_escapes": 1, "refusal": 2}),
        ("formats/glaive_toolcall_en_demo.json", "sharegpt", 300,
          {"duplicate": 38, "near_duplicate": 3}, {"refusal": 21}),
         ("formats/kto_en_demo.json", "messages", 300, {"labelled_bad": 150},
          {"literal_escapes": 1, "refusal": 2, "repetition": 1}),
         ("formats/v1_sft_demo.jsonl", "messages", 500, {"duplicate": 1},
          {"placeholder": 50, "refusal": 10}),
         ("formats/reason_tool_use_demo_50.jsonl", "messages", 50, {},
          {"tool_call_without_result": 14}),
    ],
)  # fmt: skip
def test_real_files_are_read_without_any_option(
    tmp_path: Path, path: str, format: str, read: int, dropped: dict[str, int], marked: dict[str, int]
) -> None:
    found = prepare(section(SHARED / path), seed=0, out=tmp_path / "out")
    assert (found.read, found.dropped, found.marked) == (read, dropped, marked)
    saved = json.loads((tmp_path / "out" / "counts.json").read_text())
    assert [source["format"] for source in saved["sources"].values()] == [format]
    for name in ("validation", "test"):
        assert abs(found.splits[name] - found.kept / 10) <= found.kept / 20
        assert saved["leakage"][name]["same_question"] == 0
        # Bitext's files word each request in hundreds of ways, and any is near to some other.
        assert saved["leakage"][name]["near_question"] <= 0.2 * found.splits[name]


@needs_shared
@pytest.mark.parametrize("name", ["c4_demo.jsonl", "dataset_info.json"])
def test_real_files_of_other_kinds_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="nothing to learn from"):
        prepare(section(SHARED / "formats" / name), seed=0, out=tmp_path / "out")


@needs_shared
def test_rows_of_different_intents_are_never_merged() -> None:
    path = SHARED / "support_bitext" / "short_replies_gpt35.csv"
    with open(path, encoding="utf-8-sig", newline="") as file:
        intents = [row["intent"] for row in csv.DictReader(file)]
    found = duplicates_of(read_conversations(path)[::3], threshold=0.6).dropped
    assert len(found) > 100
    for at, (_, kept) in found.items():
        assert intents[3 * at] == intents[3 * kept]
