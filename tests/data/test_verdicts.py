"""What verdicts between two answers mean: words, numbers of a whole file, and what the recipe says."""

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from talkwright.config import Columns, DataSection, SourceSection, load_recipe
from talkwright.data import prepare
from talkwright.data.entries import enter
from talkwright.data.reading.containers import read_rows
from talkwright.data.reading.rows import Row
from talkwright.data.reading.shapes.formats import read_row
from talkwright.errors import DataError, RecipeError

ENDS = {"ab": ("a", "b"), "01": ("0", "1"), "12": ("1", "2")}
ONE, OTHER = "Under the mat.", "I do not know."


def row(ends: str, column: str, said: Any, n: int = 0) -> dict[str, Any]:
    one, other = ENDS[ends]
    return {
        "prompt": f"Where is key {n}?", f"response_{one}": ONE, f"response_{other}": OTHER, column: said
    }  # fmt: skip


def won(value: dict[str, Any], ties: str = "drop") -> str:
    """Which answer is learnt, with the other as rejected; else the reason."""
    draft = read_row(value, "auto", Columns(), ties=ties)
    if isinstance(draft, str):
        return draft
    return _won(draft.messages[-1].content, draft.rejected[-1].content if draft.rejected else "")


def _won(learnt: str, rejected: str) -> str:
    assert (learnt, rejected) in ((ONE, OTHER), (OTHER, ONE), (ONE, ""))
    return "first" if learnt == ONE else "second"


def read(path: Path, **about: Any) -> list[str]:
    source = SourceSection(path=str(path), **about)
    found = []
    for held in read_rows(path, "a", Columns(), None, {}, source.verdicts):
        entry = enter(held, source, "a", None)
        if entry.conversation is None:
            found.append(str(entry.row.reason))
        else:
            chosen, rejected = entry.conversation.messages[-1], entry.conversation.rejected
            found.append(_won(chosen.content, rejected[-1].content if rejected else ""))
    return found


def file(path: Path, ends: str, column: str, said: list[Any]) -> Path:
    rows = [row(ends, column, verdict, n) for n, verdict in enumerate(said)]
    path.write_text("".join(json.dumps(value) + "\n" for value in rows))
    return path


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("column", ["winner", "preference", "Preferred", "label", "better_response"])
@pytest.mark.parametrize(
    ("said", "means"),
    [
        (("A", "a", "model_a", "Response A", "response_a", "chosen_a", "assistant_a", "[[A]]", "A>B",
          "A >> B", "B<A", "A is better", "first", "left", "LEFT", ONE), "first"),
        (("B", "b", "model_b", "answer b", "[[B]]", "B>A", "A<<B", "right", "second", OTHER), "second"),
        (("tie", "Tie", "TIE", "tied", "equal", "same", "draw", "both", "both_good", "A=B", "[[C]]",
          "tie (bothgood)", "tie (inconsistent)", "0.5", 0.5), "arena_tie"),
        (("both bad", "bothbad", "tie (bothbad)", "neither", "Neither"), "labelled_bad"),
        (("C", "yes", "maybe A", {"A": 3, "B": 2}, "response_7", "model-x"), "unknown_verdict"),
        ((None, "", "none", "N/A", float("nan")), "arena_no_winner"),
        ((True, False, "true", -1, 3, "-2", 7.5), "unclear_verdict"),
    ],
)  # fmt: skip
def test_words_mean_the_same_in_every_column(
    ends: str, column: str, said: tuple[Any, ...], means: str
) -> None:
    for verdict in said:
        assert won(row(ends, column, verdict)) == means, verdict
    if means == "arena_tie":
        assert won(row(ends, column, said[0]), ties="first") == "first"
    if means == "labelled_bad":
        assert won(row(ends, column, said[0]), ties="first") == means


def test_numbers_behind_a_word_name_the_columns() -> None:
    assert won(row("12", "winner", "model_1")) == won(row("01", "winner", "response 0")) == "first"
    assert won(row("12", "winner", "model_2")) == won(row("01", "winner", "response 1")) == "second"
    assert won(row("ab", "winner", "model_2")) == "second"
    assert won(row("ab", "winner", "model_1")) == "unclear_verdict"  # of 0 and 1, or of 1 and 2
    assert won(row("12", "winner", "model_0")) == "unclear_verdict"
    assert won(row("01", "label", 1)) == "unclear_verdict"  # perhaps the first is the better one
    assert [won(row("01", "better_response_id", n)) for n in (0, 1, "1.0")] == ["first", *["second"] * 2]


def test_the_name_of_a_model_is_a_verdict() -> None:
    named = {**row("ab", "winner", "gpt-4"), "model_a": "koala-13b", "model_b": "GPT 4"}
    assert won({key: held for key, held in named.items() if key != "model_a"}) == "second"
    one = {**row("12", "winner", "llama"), "response_1_model": "llama", "response_2_model": "koala"}
    assert won(one) == "first"
    assert won({**one, "response_2_model": "llama"}) == "unknown_verdict"
    models = {"question": "Key?", "answer_a": ONE, "answer_b": OTHER, "model_a": "m", "model_b": "n"}
    assert [won({**models, "winner": name}) for name in ("m", "n", "model_b")] == [
        "first",
        "second",
        "second",
    ]


@pytest.mark.parametrize(
    ("ends", "column", "said", "means"),
    [
        # HelpSteer2's and HelpSteer3's: below 0 the first is better
        ("12", "preference_strength", [-3, -1, 0, 1, 2], "11=22"),
        ("12", "overall_preference", ["-2", "2.0", 0, 1, 3], "12=22"),
        ("12", "overall_preference", [1, 2], "22"),
        # places of answers
        ("12", "winner", [0, 1, 0, 1], "1212"),
        ("ab", "choice", ["0", "1", "tie", 1.0], "12=2"),
        ("12", "preference", ["1", "2", 2, 1.0, "tie"], "1221="),
        ("12", "preference", [2, 2, "same"], "22="),
        ("ab", "label", [1, 2, 1], "121"),
        ("01", "label", [1, 0, 1], "212"),
        ("ab", "winner", ["model_1", "model_2", "model_1"], "121"),
        ("ab", "winner", ["model_1", "model_0", "model_1"], "212"),
    ],
)
def test_numbers_are_decided_over_the_whole_file(
    tmp_path: Path, ends: str, column: str, said: list[Any], means: str
) -> None:
    words = {"1": "first", "2": "second", "=": "arena_tie"}
    assert read(file(tmp_path / "a.jsonl", ends, column, said)) == [words[mean] for mean in means]


@pytest.mark.parametrize(
    ("ends", "column", "said", "line"),
    [
        ("12", "preference", [-2, -1, 0, 1, 2], "{negative: first, positive: second}"),
        ("ab", "winner", ["-1", "1"], "{negative: first, positive: second}"),
        ("12", "preference", [0, 1, 1], "{0: first, 1: second}"),  # perhaps 1 says that the first is
        ("ab", "label", [0, 1], "{0: first, 1: second}"),
        ("12", "winner", [1, 1, 1], "{1: first}"),
        ("ab", "choice", [1], "{1: first}"),
        ("12", "winner", [0, 1, 2], "{0: tie, 1: first, 2: second}"),
        ("ab", "winner", [0, 0.5, 1], "{0: first, 1: second}"),
        ("ab", "preference", [True, False], '{"false": first, "true": second}'),
        ("12", "preference", [1, 3, 7, 5], "{1: first, 3: second}"),
        ("ab", "winner", ["model_1"] * 3, "{1: first}"),
        ("12", "preference_strength", [1, 2, 3, 1, 2, 3, 1, 1, 2, 3], "{positive: first}"),
    ],
)
def test_numbers_that_may_mean_either_answer_are_refused(
    tmp_path: Path, ends: str, column: str, said: list[Any], line: str
) -> None:
    path = file(tmp_path / "a.jsonl", ends, column, said)
    with pytest.raises(DataError) as error:
        read(path)
    assert f"column '{column}'" in str(error.value)
    assert f"verdicts: {line}" in str(error.value)


def test_the_recipe_says_what_is_meant(tmp_path: Path) -> None:
    path = file(tmp_path / "a.jsonl", "12", "preference", [-2, -1, 0, 1, 2])
    scale: Any = {"negative": "second", "positive": "first"}
    assert read(path, verdicts=scale) == ["second", "second", "arena_tie", "first", "first"]
    path = file(tmp_path / "b.jsonl", "ab", "preference", [True, False, "C", "Good one", 3, 4])
    said: Any = {True: "first", False: "second", "c": "tie", "good one": "first", 3: "bad"}
    assert read(path, verdicts=said) == [
        "first", "second", "arena_tie", "first", "labelled_bad", "unclear_verdict"
    ]  # fmt: skip
    names = file(tmp_path / "c.jsonl", "ab", "winner", ["model_1"])
    assert read(names, verdicts={"model_1": "second"}) == ["second"]


def test_a_column_of_words_keeps_them_and_its_numbers_are_dropped(tmp_path: Path) -> None:
    path = file(tmp_path / "a.jsonl", "ab", "winner", [-1, "A", 1, "B", 2, "C"])
    assert read(path) == ["unclear_verdict", "first", *["unclear_verdict", "second"], "unclear_verdict",
                          "unknown_verdict"]  # fmt: skip
    scored = [{**row("12", "label", 1), "score_1": 3, "score_2": n} for n in (1, 5)]
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(value) + "\n" for value in scored))
    assert read(tmp_path / "b.jsonl") == ["first", "second"]


def test_the_ledger_names_a_verdict_that_is_not_known() -> None:
    (held,) = [
        enter(held, SourceSection(path="a"), "a", None) for held in _rows(row("ab", "winner", "C"))
    ]
    assert held.row.reason == "unknown_verdict"
    assert held.row.before.startswith("winner: 'C'; ")


def _rows(value: Any) -> list[Any]:
    return [Row("a:1", value, json.dumps(value))]


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "parquet", "jsonl.gz"])
def test_every_container_decides_alike(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    said = [1] * 30 + [0]  # the last row tells
    rows = [row("12", "winner", verdict, n) for n, verdict in enumerate(said)]
    lines = "".join(json.dumps(value) + "\n" for value in rows)
    if kind == "jsonl":
        path.write_text(lines)
    elif kind == "jsonl.gz":
        path.write_bytes(gzip.compress(lines.encode()))
    elif kind == "json":
        path.write_text(json.dumps(rows))
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        held = ["prompt,response_1,response_2,winner"]
        held += [",".join(map(str, value.values())) for value in rows]
        path.write_text("\n".join(held) + "\n")
    assert read(path) == ["second"] * 30 + ["first"]


def test_battles_are_decided_in_the_same_way(tmp_path: Path) -> None:
    def battle(said: Any, n: int) -> dict[str, Any]:
        sides = {
            f"conversation_{side}": [{"role": "user", "content": f"Key {n}?"},
                                     {"role": "assistant", "content": text}]
            for side, text in (("a", ONE), ("b", OTHER))
        }  # fmt: skip
        return {"model_a": "m1", "model_b": "m2", "winner": said, **sides}

    path = tmp_path / "a.jsonl"
    rows = [battle(said, n) for n, said in enumerate((1, 2, "tie", 1, "m2"))]
    path.write_text("".join(json.dumps(value) + "\n" for value in rows))
    assert read(path) == ["first", "second", "arena_tie", "first", "second"]
    assert read(path, ties="first") == ["first", "second", "first", "first", "second"]
    path.write_text(json.dumps(battle(1, 0)))
    with pytest.raises(DataError, match="may mean either"):
        read(path)
    assert read(path, verdicts={"1": "second"}) == ["second"]


def test_processes_decide_as_one_does(tmp_path: Path) -> None:
    said = [1] * 3000 + [0] * 10
    path = file(tmp_path / "a.jsonl", "12", "winner", said)
    found = []
    for workers in (1, 2):
        section = DataSection(sources=[SourceSection(path=str(path))], doctor=False, duplicates="keep")
        out = tmp_path / f"out{workers}"
        prepare(section, seed=1, out=out, workers=workers)
        held = "".join((out / f"{name}.jsonl").read_text() for name in ("train", "validation", "test"))
        lines = held.splitlines()
        found.append(sorted(lines))
        answers = Counter(json.loads(line)["messages"][-1]["content"] for line in lines)
        assert answers == {OTHER: 3000, ONE: 10}
    assert found[0] == found[1]


def test_a_format_without_verdicts_asks_for_none(tmp_path: Path) -> None:
    rows = [{**row("12", "label", 1), "completion": "Mat."}]
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(rows[0]) + "\n")
    section = DataSection(
        sources=[SourceSection(path=str(path), format="prompt_completion")], doctor=False
    )
    assert prepare(section, seed=1, out=tmp_path / "out").kept == 1


def test_a_recipe_file_may_name_numbers_and_truth_values(tmp_path: Path) -> None:
    file(tmp_path / "a.jsonl", "12", "preference", [0, 1, 2, 1, True, False])
    recipe = tmp_path / "r.yaml"
    lines = ["name: a", "data:", "  sources:", "    - path: a.jsonl"]
    said = "      verdicts: {0: tie, 1: second, 2: first, true: first, no: second}"
    recipe.write_text("\n".join([*lines, said]) + "\n")
    (source,) = load_recipe(recipe).data.sources
    found = read(tmp_path / "a.jsonl", verdicts=source.verdicts)
    assert found == ["arena_tie", "second", "first", "second", "first", "second"]
    for wrong in ("{0: tie, 0: bad}", "{0: nobody}", "{~: tie}"):
        recipe.write_text("\n".join([*lines, f"      verdicts: {wrong}"]) + "\n")
        with pytest.raises(RecipeError, match=r"line 5|nobody"):
            load_recipe(recipe)
