"""The page as its reader gets it: parsed as HTML, from run folders written to disk."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from talkwright import runs
from talkwright.errors import ArtefactError
from talkwright.report import write_report
from talkwright.runs import read_parquet

VOID = {"meta", "link", "br", "wbr", "img", "input", "hr"}
SECTIONS = ["verdict", "replies", "training", "taught", "data", "provenance"]


class Page(HTMLParser):
    """Tags with their attributes, ids, and the visible text below each section."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[tuple[str, str]] = []
        self.sections: dict[str, str] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag not in VOID:
            self.open.append((tag, found.get("id") or ""))

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1][0] == tag, f"</{tag}> closes <{self.open[-1][0]}>"
        self.open.pop()

    def handle_data(self, data):
        if any(tag == "style" for tag, _ in self.open):
            return
        place = next((name for tag, name in self.open if tag == "section"), "top")
        self.sections[place] = self.sections.get(place, "") + data

    def text(self, section: str) -> str:
        return re.sub(r"\s+", " ", self.sections[section])

    def all_of(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def read(run: Path) -> Page:
    path = write_report(run)
    assert path == run / "report.html"
    page = Page(path.read_text(encoding="utf-8"))
    assert page.open == []
    return page


# --- content -------------------------------------------------------------------------------------


def test_the_summary_says_the_verdict_the_model_and_the_licence_first(build):
    page = read(build())
    top = page.text("top")
    assert "Fact recall rose from 2 % to 86 % (+78 to +90 points)." in top
    assert "SmolLM2-135M-Instruct" in top
    assert "Apache-2.0" in top
    assert "UTC" in top
    assert "11 metrics: 8 better, 0 worse, 1 no evidence, 1 changed, 1 not judged" in top
    order = [attrs["id"] for attrs in page.all_of("section")]
    assert order == SECTIONS


def test_the_verdict_table_has_every_metric_with_interval_badge_and_counts(build):
    text = read(build()).text("verdict")
    for title in ("Fact recall", "Held-out loss", "Perplexity", "BLEU", "chrF", "ROUGE-L", "F1"):
        assert title in text
    assert "+84 +78 to +90".replace(" ", "") in text.replace(" ", "")
    assert "2 unscored" in text
    assert "about 130 items would tell" in text
    assert "Time per reply: replies are timed in batches." in text
    assert "changed" in text  # reply length moved, which is neither better nor worse
    assert "Words shared by reply and reference" in text


def test_no_evidence_is_not_sold_as_a_rise(build):
    run = build()
    path = run / "compare/comparisons.json"
    rows = json.loads(path.read_text())
    rows = [row | {"low": -0.1, "verdict": "no evidence", "more": 900} for row in rows]
    path.write_text(json.dumps(rows))
    top = read(run).text("top")
    assert "No evidence of a change in fact recall" in top
    assert "about 900 items would tell" in top
    assert "rose" not in top


def test_replies_come_worst_first_and_the_rest_is_counted(build):
    run = build(report={"replies": 4})
    text = read(run).text("replies")
    shown = re.findall(r"\((\d+)\)", text)
    assert shown[:2] == ["3", "7"]  # the two that missed the fact, lower F1 first
    assert "Lowest fact recall" in text
    assert "Shown: 4 of 12." in text
    assert "8 more replies" in text
    assert "fact missed" in text
    assert "Please send the jug to our Aldersund workshop." in text
    assert "cut at the length limit" in text
    assert text.count("earlier message") == 2


def test_an_unscored_reply_comes_after_the_scored_ones(build):
    shown = re.findall(r"\((\d+)\)", read(build()).text("replies"))
    assert len(shown) == 12
    assert shown[-1] == "11"


def test_a_prompt_that_could_not_be_asked_says_why(build):
    run = build()
    path = run / "evaluate/tuned/items.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    why = "the prompt has 5000 tokens"
    rows[2] |= {"reply": None, "scores": {"f1": {"value": None, "why": why}}}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert f"not asked: {why}" in read(run).text("replies")


def test_training_shows_its_summary_and_both_curves(build):
    page = read(build())
    text = page.text("training")
    assert "86 400" in text
    assert "5 min 12 s" in text
    assert "Trained weights" in text
    assert "Tokens per second 277" in re.sub(r"(?<=[a-z])(?=\d)", " ", text)
    assert "0.863 at step 144" in text
    labels = [svg["aria-label"] or "" for svg in page.all_of("svg")]
    assert any("Training loss fell from" in label and "Validation loss" in label for label in labels)
    assert any("Learning rate over 180 steps" in label for label in labels)


def test_sample_replies_show_how_each_answer_changed(build):
    run = build()
    summary = runs.read_json(run / "train" / "summary.json")
    runs.write_json(run / "train" / "summary.json", {**summary, "kept": "best"})
    samples = Page(write_report(run).read_text("utf-8")).sections["training"]
    assert samples.count("How many cups does the Brumel hold?") == 1
    assert "\nStep 0 before trainingIt is number 0 , I think.…\n" in samples
    assert "Step 90It is number 90 , I think.\nSteps 108 to 180 keptThe Brumel holds 14 cups." in samples
    assert samples.count("RightThe descaling light is violet.") == 1
    assert "RightThe Brumel" not in samples  # the recipe's own question: nobody knows
    assert samples.count("5 more are in train/samples.jsonl") == 2


def test_a_run_without_sample_replies_says_nothing_of_them(build):
    run = build()
    (run / "train" / "samples.jsonl").unlink()
    assert "How its answers changed" not in write_report(run).read_text("utf-8")


def test_examples_show_what_is_learnt_and_make_white_space_visible(build):
    run = build()
    text = read(run).text("taught")
    html = (run / "report.html").read_text()
    assert "6 of 22 tokens learnt" in text
    assert "The·Brumel·holds·14·cups.<|im_end|>" in text
    mark = re.search(r"<mark>(<span>The</span>.*?)</mark>", html, re.DOTALL)
    assert mark is not None
    assert mark[1].endswith("<b>&lt;|im_end|&gt;</b>")
    assert "How" not in mark[1]
    assert (
        '<span class="given"><b>&lt;|im_start|&gt;</b><span>user</span><span><i>↵</i>\n</span>' in html
    )


def test_the_ledger_tells_each_source_its_reasons_with_examples(build):
    page = read(build(report={"ledger_examples": 2}))
    text = page.text("data")
    assert "367 read = 360 kept + 7 dropped." in text
    assert "the same as an earlier row 5 rows In the ledger: exact_duplicate" in text
    assert "support.jsonl:341" in text
    assert "support.jsonl:343" not in text
    assert "3 more in data/ledger.parquet." in text
    assert "<p>How do I clean the <b>Brumel</b>?</p>" in text
    assert "2 questions have two answers." in text
    assert "Keep the right one of each pair." in text
    assert "Nearly the same" in text
    labels = [svg["aria-label"] or "" for svg in page.all_of("svg")]
    assert any(
        label.startswith("train: 280 rows") and "max_length 1\N{NARROW NO-BREAK SPACE}024" in label
        for label in labels
    )


def test_the_doctors_findings_are_told_with_places_and_what_helps(build):
    page = read(build())
    text = page.text("data")
    assert "serious 31 answers have fields to fill in. The model will say them" in text
    assert "fill them in Examples support" in text
    assert "Dear {{Name}}" in text


def test_counts_that_disagree_with_the_ledger_are_shouted(build):
    run = build(stages=("data",))
    path = run / "data/counts.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"kept": 359}))
    assert "Prepare the data again." in read(run).text("data")


def test_provenance_has_recipe_versions_hashes_and_commands(build):
    run = build()
    text = read(run).text("provenance")
    assert "warmup_ratio: 0.05" in text
    assert "ab" * 32 in text
    assert "f1" * 16 in text
    assert runs.file_digest(run / "train/metrics.jsonl") in text
    assert "transformers" in text
    assert f"talkwright chat {run.name}" in text
    assert f"talkwright serve {run.name}" in text


# --- a run that is not finished ------------------------------------------------------------------


@pytest.mark.parametrize("count", range(6))
def test_a_partial_run_gives_a_report_that_says_what_is_missing(build, count):
    stages = ("data", "check", "train", "evaluate", "compare")[:count]
    page = read(build(stages=stages))
    missing = {
        "data": ("data", "Data preparation has not run yet."),
        "check": ("taught", "The check has not run yet."),
        "train": ("training", "Training has not run yet."),
        "evaluate": ("replies", "Evaluation has not run yet."),
        "compare": ("verdict", "The comparison has not run yet."),
    }
    for stage, (section, sentence) in missing.items():
        assert (sentence in page.text(section)) is (stage not in stages), stage
    assert ("verdict yet" in page.text("top") or "no verdict" in page.text("top")) is (count < 5)


def test_one_evaluation_alone_is_shown_without_the_other(build):
    run = build(stages=("data", "evaluate"))
    shutil.rmtree(run / "evaluate/tuned")
    text = read(run).text("replies")
    assert "not evaluated" in text
    assert "In the order of the held-out prompts." in text
    assert re.findall(r"\((\d+)\)", text)[:3] == ["0", "1", "2"]


def test_a_folder_that_is_not_a_run_is_refused(tmp_path):
    with pytest.raises(ArtefactError, match=r"recipe\.json"):
        write_report(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("compare/comparisons.json", "{"),
        ("compare/comparisons.json", '{"a": 1}'),
        ("data/ledger.parquet", "no Parquet"),
        ("evaluate/tuned/items.jsonl", "[1]\n"),
        ("check/tokens.json", "[]"),
    ],
)
def test_a_damaged_artefact_is_an_error_and_leaves_the_old_page(build, name, content):
    run = build()
    (run / "report.html").write_text("old")
    (run / name).write_text(content)
    with pytest.raises(ArtefactError):
        write_report(run)
    assert (run / "report.html").read_text() == "old"


# --- hostile content -----------------------------------------------------------------------------

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'>{{7*7}}]]>\ud800\x00\u202e</style>"


def test_nothing_from_the_data_becomes_markup(build):
    page = read(build(hostile=HOSTILE))
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "img", "iframe", "object", "embed", "form", "base"}
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    for section in SECTIONS[:2] + SECTIONS[3:]:
        assert "onerror=alert(2)" in page.text(section), section
    assert "{{7*7}}" in page.text("replies")


def test_names_kinds_and_dates_are_no_markup_either(build):
    run = build(stages=("data", "check", "train"))
    tag = "<script>alert(3)</script>"
    for name, key in (("check/findings.json", "severity"), ("data/manifest.json", "made")):
        path = run / name
        value = json.loads(path.read_text())
        (value[0] if isinstance(value, list) else value)[key] = tag
        if isinstance(value, dict):
            del value["sha256"]  # as one that somebody wrote by hand
        path.write_text(json.dumps(value))
    named = run.rename(run.with_name("<b onclick=x>'"))
    page = read(named)
    assert not any(name in ("script", "b") and "onclick" in attrs for name, attrs in page.tags)
    assert page.all_of("script") == []
    assert tag in page.text("data")
    assert tag in page.text("provenance")
    assert "talkwright chat '<b onclick=x>" in page.text("provenance")


def test_closing_tags_in_replies_do_not_close_ours(build):
    run = build(stages=("evaluate",))
    for variant in ("base", "tuned"):
        path = run / f"evaluate/{variant}/items.jsonl"
        row = json.loads(path.read_text().splitlines()[0])
        row["reply"]["text"] = row["reference"] = "</p></section></style></html>" + HOSTILE
        path.write_text(json.dumps(row) + "\n")
    page = read(run)
    assert page.text("replies").count("</section>") == 3
    assert page.all_of("script") == []


def test_lone_surrogates_and_control_characters_are_made_visible(build):
    run = build(hostile="a\ud83db\x00c")
    text = read(run).text("replies")
    assert "a\N{REPLACEMENT CHARACTER}b\N{SYMBOL FOR NULL}c" in text


def test_long_texts_are_cut_and_say_by_how_much(build):
    run = build(stages=("evaluate",))
    path = run / "evaluate/tuned/items.jsonl"
    row = json.loads(path.read_text().splitlines()[0])
    row["reply"]["text"] = "x" * 2_000_000
    path.write_text(json.dumps(row) + "\n")
    assert "… 1 998 500 more characters" in read(run).text("replies")
    assert (run / "report.html").stat().st_size < 200_000


def test_a_large_ledger_does_not_make_a_large_page(build):
    run = build(stages=("data",))
    small = write_report(run).stat().st_size
    row = {"source": "support.jsonl", "where": "x:1", "fate": "dropped", "before": "y" * 300}
    known = list(read_parquet(run / "data/ledger.parquet"))
    more = [row | {"reason": f"reason {number % 500}"} for number in range(20_000)]
    pq.write_table(pa.Table.from_pylist(known + more), run / "data/ledger.parquet")
    large = write_report(run).stat().st_size
    assert large < small + 150_000
    assert "more mentions of other reasons" in read(run).text("data")


# --- the file ------------------------------------------------------------------------------------


def test_the_page_asks_nothing_of_any_network_and_runs_nothing(build):
    run = build()
    page = read(run)
    html = (run / "report.html").read_text()
    for tag, attrs in page.tags:
        for name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
            value = attrs.get(name)
            assert value is None or value.startswith(("#", "data:,")), (tag, name, value)
    assert not re.search(r"url\(\s*['\"]?(?!#)", html)
    assert "@import" not in html
    assert not re.search(r"https?://", html)
    policy = next(m["content"] for m in page.all_of("meta") if m.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_ids_are_unique_and_every_reference_has_its_target(build):
    run = build()
    page = read(run)
    html = (run / "report.html").read_text()
    ids = [attrs["id"] for _, attrs in page.tags if attrs.get("id")]
    assert len(ids) == len(set(ids))
    used = set(re.findall(r"url\(#([^)]+)\)", html)) | {
        str(value)[1:]
        for _, attrs in page.tags
        if (value := attrs.get("href")) and value.startswith("#")
    }
    assert used
    assert used <= set(ids)


def test_the_page_is_built_for_readers_that_do_not_see_it(build):
    page = read(build())
    assert page.all_of("html")[0]["lang"] == "en"
    assert len(page.all_of("h1")) == 1
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(svg.get("role") == "img" and svg.get("aria-label") for svg in page.all_of("svg"))
    assert all(header.get("scope") for header in page.all_of("th"))


def test_the_same_artefacts_give_the_same_bytes_in_another_process_and_place(build, tmp_path):
    run = build()
    first = write_report(run).read_bytes()
    assert write_report(run).read_bytes() == first
    (tmp_path / "elsewhere").mkdir()
    copy = shutil.copytree(run, tmp_path / "elsewhere" / "runs" / run.name)
    (copy / "report.html").unlink()
    code = (
        "import sys; from pathlib import Path; from talkwright.report import write_report;"
        "write_report(Path(sys.argv[1]))"
    )
    environment = os.environ | {
        "PYTHONHASHSEED": "77",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "TZ": "Asia/Tokyo",
    }
    subprocess.run([sys.executable, "-c", code, str(copy)], check=True, env=environment)
    assert (copy / "report.html").read_bytes() == first


def test_a_report_never_loads_torch(build):
    code = (
        "import sys; from pathlib import Path; from talkwright.report import write_report as w;"
        "assert 'matplotlib' not in sys.modules and 'jinja2' not in sys.modules;"
        "w(Path(sys.argv[1])); sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code, str(build())], check=True, env=environment)
