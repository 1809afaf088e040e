"""What the page says of data: changes, sizes, mixture, groups and overlap; and a page of data alone."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from talkwright.config import DataSection
from talkwright.errors import ArtefactError
from talkwright.report import write_report
from talkwright.report.charts import size_bars
from talkwright.report.marked import marked
from talkwright.report.shape import read_bars, read_changes, read_mix, read_overlap
from talkwright.report.taught import read_check
from talkwright.report.text import percent


def text_of(path: Path) -> str:
    page = re.sub(r"(?s)<style>.*?</style>", "", path.read_text(encoding="utf-8"))
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)).replace("\N{NO-BREAK SPACE}", " ")


@pytest.fixture
def dataset(build: Any, tmp_path: Path) -> Path:
    """A prepared data set outside of any run."""
    return Path(shutil.copytree(build(stages=("data",)) / "data", tmp_path / "prepared"))


def test_a_data_set_gets_a_page_of_its_own(dataset: Path) -> None:
    path = write_report(dataset)
    assert path == dataset / "report.html"
    text = text_of(path)
    assert "360 of 367 rows are kept, with 1 serious finding." in text
    assert f"talkwright data ledger {dataset} --where fate=dropped" in text
    assert "hub owner/chats @ c0ffeec0ffee, configuration default, split train" in text
    assert "licence cc-by-4.0" in text
    assert "3 more in ledger.parquet" in re.sub(r"\d+ more", "3 more", text)
    for section in ("Verdict", "Training", "has not run yet"):
        assert section not in text
    targets = set(re.findall(r' id="([^"]+)"', path.read_text()))
    assert set(re.findall(r'href="#([^"]+)"', path.read_text())) <= targets


def test_an_older_data_set_without_the_newer_sums_still_gets_its_page(dataset: Path) -> None:
    counts = json.loads((dataset / "counts.json").read_text())
    for key in ("turns", "characters", "mix", "clusters", "leakage", "meanings", "splits"):
        del counts[key]
    (dataset / "counts.json").write_text(json.dumps(counts))
    (dataset / "doctor.json").unlink()
    page = write_report(dataset).read_text()
    assert "How large conversations are" not in page
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r' id="([^"]+)"', page))


def test_files_that_were_passed_over_are_named_with_why(dataset: Path) -> None:
    assert "not read" not in text_of(write_report(dataset))
    counts = json.loads((dataset / "counts.json").read_text())
    name, about = next(iter(counts["sources"].items()))
    about["passed_over"] = ["book.xlsx", "pack.zip/more.zip", "<b>.md", *[f"{n}.md" for n in range(110)]]
    (dataset / "counts.json").write_text(json.dumps(counts))
    text = text_of(write_report(dataset))
    assert f"not read beside {name} 113 files" in text
    assert "book.xlsx : an Office document" in text
    assert "pack.zip/more.zip : an archive" in text
    assert "&lt;b&gt;.md : no data by its name" in text
    assert "13 more are in counts.json" in text


@pytest.mark.parametrize("broken", ['{"read": {"a": 1}}', "[]", '{"read": 1, "turns": {"x": 1}}'])
def test_a_damaged_data_set_is_an_error(dataset: Path, broken: str) -> None:
    (dataset / "counts.json").write_text(broken)
    with pytest.raises(ArtefactError):
        write_report(dataset)


def test_the_whole_is_told_in_words(build: Any) -> None:
    run = build()
    text = text_of(write_report(run))
    assert "Half of the conversations have at most 2 turns and 256 characters." in text
    assert "300 groups; 270 of them are a single row (75 % of the rows)" in text
    assert "9 How do I clean it? support.jsonl:4" in text
    assert "2 of 80 held-out rows have a question that is in training, or one much like it" in text
    assert "79 % alike" in text
    assert "the same as an earlier row" in text
    assert (
        "masked private data replaced by a placeholder such as [email] email replaced by [email] 3"
        in text
    )
    assert re.search(r"faq\.csv 40 20 20 40 11 %", text)
    page = (run / "report.html").read_text()
    assert "before <del>winter</del>" in page
    assert "before <ins>summer</ins>" in page
    assert "write to <del>help@brumel.example</del>" in page
    assert "write to <ins>[email]</ins>" in page
    labels = re.findall(r'aria-label="(Rows by [^"]+)"', page)
    assert labels[0] == "Rows by turns: 2: 300; 4: 50; 7: 10"
    assert "257–512: 60" in labels[1]


def test_rows_that_a_model_wrote_are_counted(build: Any) -> None:
    from talkwright.runs import artefact, write_json

    run = build(stages=("data",))
    assert "augmented" not in text_of(write_report(run))
    with artefact(run / "augment", kind="augment", key="k") as out:
        write_json(out / "counts.json", {"asked": 20, "kept": 17})
    assert re.search(r"augmented rows written by a model .*? rows 17", text_of(write_report(run)))


@pytest.mark.parametrize(
    "about",
    [
        {"lengths": [10, 20, 20, 90]},
        {"lengths": [[10, 1], [20, 2], [90, 1]]},
        {"histogram": {"10": 1, "20": 2, "90": 1}},
        {"histogram": {"16": 1, "32": 2, "128": 1}, "median": 20, "longest": 90},
    ],
)
def test_token_lengths_come_as_a_list_as_pairs_or_as_a_histogram(tmp_path: Path, about: Any) -> None:
    tokens = {"splits": {"train": {"tokens": 140, "supervised": 9, **about}}}
    (tmp_path / "tokens.json").write_text(json.dumps(tokens))
    (split,) = read_check(tmp_path).splits
    assert (split.rows, split.median, split.longest, split.tokens) == (4, 20, 90, 140)
    assert sum(rows for _, rows in split.counted) == 4


def test_only_what_differs_is_marked() -> None:
    before = '{"prompt": "Is it <b>bold</b>?", "completion": "Yes, call 555 any day you like to"}'
    after = "user: Is it bold? / assistant: Yes, call [phone] any day you like to"
    old, new = marked(before, after, 400)
    assert re.findall(r"<del>(.*?)</del>", old) == ["555"]
    assert re.findall(r"<ins>(.*?)</ins>", new) == ["[phone]"]
    assert "&lt;b&gt;" in old
    assert marked("same text of some words", "same text of some words", 9)[0] == (
        'same text<span class="cut">… 14 more characters</span>'
    )


def test_repairs_fall_into_kinds() -> None:
    found = read_changes({"masked_email": 3, "merged_turns": 2, "split_line": 1, "repaired_truncated": 1,
                          "stripped_html": 4, "fixed_quotes": 5, "never": 0})  # fmt: skip
    kinds = [change.kind for change in found]
    assert kinds == ["masked", "merged", "split", "truncated", "removed", "corrected"]


def test_many_sizes_become_few_bars() -> None:
    bars = read_bars({str(n): 1 for n in range(1, 201)})
    assert bars is not None
    assert [label for label, _ in bars.bars][:4] == ["1", "2", "3–4", "5–8"]
    assert sum(rows for _, rows in bars.bars) == bars.rows == 200
    assert bars.median == "128"
    assert read_bars({}) is None


def test_one_source_taken_as_it_is_needs_no_table() -> None:
    whole = {"asked": None, "available": 5, "taken": 5, "written": 5}
    assert read_mix({"a": whole}) == []
    assert [one.share for one in read_mix({"a": whole, "b": whole})] == [0.5, 0.5]


def test_shares_are_not_rounded_to_all_or_nothing() -> None:
    shown = [
        percent(share).replace("\N{NO-BREAK SPACE}", "") for share in (0, 0.0001, 0.004, 0.5, 0.9999, 1)
    ]
    assert shown == ["0%", "<0.1%".replace("<", "< "), "0.4%", "50%", "> 99.9%", "100%"]


def told(code: str, severity: str, fix: str) -> dict[str, Any]:
    """One finding as doctor.json holds it."""
    said = {"what": "answers are so", "why": "So it is.", "examples": []}
    return {"code": code, "severity": severity, "count": 7, "fix": fix, **said}


FINDINGS = [
    told("cut_off", "serious", "data.cut_off: drop  # or export them again"),
    told(
        "control_strings",
        "warning",
        'data.rules: [{name: x, match: "(?m)<\\\\|[a-z_]{2,24}\\\\|>#", do: drop}]  # better: anew',
    ),
    told("mixed_styles", "warning", "data.markdown: plain  # or write all alike"),
    told("provenance", "note", "say it"),
]


def with_findings(dataset: Path, findings: list[dict[str, Any]], **settings: Any) -> Path:
    """The page of a data set with these findings, prepared from chats.jsonl."""
    (dataset / "doctor.json").write_text(json.dumps({"rows": 5, "worst": None, "findings": findings}))
    counts = json.loads((dataset / "counts.json").read_text())
    asked = DataSection.model_validate({"sources": [{"path": "my chats.jsonl"}], **settings})
    counts["settings"] = asked.model_dump(mode="json")
    (dataset / "counts.json").write_text(json.dumps(counts))
    return write_report(dataset)


def test_the_top_says_how_many_findings_there_are_and_of_what(dataset: Path) -> None:
    text = text_of(with_findings(dataset, FINDINGS))
    assert "360 of 367 rows are kept, with 1 serious finding and 2 warnings." in text
    assert "Serious: answers cut off. Warnings: control strings, mixed styles. 1 note." in text
    text = text_of(with_findings(dataset, FINDINGS[1:2]))
    assert "rows are kept, with 1 warning." in text
    assert "rows are kept, with nothing serious found." in text_of(with_findings(dataset, FINDINGS[3:]))
    page = with_findings(dataset, FINDINGS).read_text()
    assert '<a href="#findings">Findings (4)</a>' in page
    assert 'id="findings"' in page


def test_the_line_of_a_recipe_is_in_code_however_long_and_the_remark_is_not(dataset: Path) -> None:
    page = with_findings(dataset, FINDINGS).read_text()
    line = "data.rules: [{name: x, match: &#34;(?m)&lt;\\\\|[a-z_]{2,24}\\\\|&gt;#&#34;, do: drop}]"
    assert f"In the recipe: <code>{line}</code>, better: anew" in page
    assert "<code>say it</code>" not in page


def typed(path: Path) -> str:
    return unescape(text_of(path))


def test_next_is_to_apply_the_fixes(dataset: Path) -> None:
    text = typed(with_findings(dataset, FINDINGS))
    short = "--set data.cut_off=drop --set data.markdown=plain"
    assert f"talkwright data prepare 'my chats.jsonl' --out NEW {short}" in text
    assert "leave out what you do not want; 1 longer one can stand in a recipe only" in text
    text = typed(with_findings(dataset, FINDINGS, max_chars=5000))
    assert f"talkwright data prepare RECIPE.yaml --out NEW {short}" in text
    text = typed(with_findings(dataset, FINDINGS[1:2]))
    assert "data prepare RECIPE.yaml --out NEW with the findings' lines in the recipe" in text.replace(
        "&#39;", "'"
    )
    assert "data prepare" not in typed(with_findings(dataset, FINDINGS[3:]))


def test_reasons_are_in_plain_words_beside_the_ledgers_names(dataset: Path) -> None:
    counts = json.loads((dataset / "counts.json").read_text())
    counts["repaired"] = {"guessed_role": 2, "python_literal": 1}
    counts["marked"] = {"placeholder": 3, "rule_profane": 1}
    (dataset / "counts.json").write_text(json.dumps(counts))
    text = text_of(write_report(dataset))
    assert "guessed something the file does not say was concluded: look at these" in text
    assert "who speaks was guessed from the order of turns 2" in text
    assert "corrected line ends, quotes, broken letters and the like written as Python writes" in text
    assert "What was noticed, and left as it is" in text
    assert "a field that nobody filled in 3 your rule profane 1" in text


def test_a_size_that_no_row_has_is_an_empty_bar() -> None:
    bars = read_bars({"2": 1, "16": 5}, doubling=True)
    assert bars is not None
    assert bars.bars == [("2", 1), ("3–4", 0), ("5–8", 0), ("9–16", 5)]
    drawn = size_bars("x", "characters", bars)
    assert all(f">{label}<" in drawn for label in ("≤2", "≤4", "≤16"))


def test_rows_that_leak_in_several_ways_are_counted_once_and_a_sample_is_called_one() -> None:
    about = {
        "rows": 50, "leaking": 3, "same_question": 2, "near_question": 1, "same_group": 3,
        "same_answer": 4, "stock_answer": 7, "distinct": 48, "compared": 20,
    }  # fmt: skip
    found = read_overlap({"test": about, "validation": about, "notes": []})
    assert (found.held_out, found.leaking, found.answered) == (100, 6, 8)
    assert (found.distinct, found.compared) == (96, 40)
    before = read_overlap({"test": {"rows": 9, "same_question": 1, "near_question": 2}})
    assert (before.leaking, before.answered, before.compared < before.distinct) == (3, 0, False)
    assert "In training too" in found.titles


def test_the_page_says_what_was_compared_and_what_stands_in_training(dataset: Path) -> None:
    counts = json.loads((dataset / "counts.json").read_text())
    counts["leakage"]["test"] |= {
        "leaking": 0, "near_question": 0, "same_answer": 5, "distinct": 40, "compared": 7
    }  # fmt: skip
    counts["leakage"]["validation"] |= {"leaking": 0, "near_question": 0, "distinct": 0, "compared": 0}
    (dataset / "counts.json").write_text(json.dumps(counts))
    text = text_of(write_report(dataset))
    assert "None of the 80 held-out rows has a question that is in training" in text
    assert "among 7 of 40 held-out questions, drawn by lot" in text
    assert "5 have an answer that stands in training word for word" in text
