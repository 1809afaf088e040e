"""Several sources in the proportions that were asked for, and what was got said."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from talkwright.config import build_recipe
from talkwright.data import prepare, read_dataset
from talkwright.errors import RecipeError
from talkwright.runs import read_json, read_parquet

COLOURS = "red green blue white black grey brown pink".split()  # noqa: SIM905
THINGS = "door lamp chair table shelf stool bench clock wheel brush bottle basket".split()  # noqa: SIM905


def source(path: Path, rows: int) -> str:
    """Rows with different questions, none like another."""
    name = path.stem
    pairs = [(f"{a}{n}", b) for n in "abcdefgh" for a in COLOURS for b in THINGS][:rows]
    lines = (
        {"prompt": f"In {name}, where does the {a} {b} stand?", "completion": f"{name} {b}: by {a}."}
        for a, b in pairs
    )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def mixed(folder: Path, *sources: dict[str, Any], seed: int = 1, **data: Any) -> dict[str, Any]:
    recipe = build_recipe({"data": {"sources": list(sources), "contradictions": "mark", **data}})
    prepare(recipe.data, seed=seed, out=folder / "out")
    return read_json(folder / "out" / "counts.json")


def lines_by_source(folder: Path, split: str) -> Counter[str]:
    return Counter(c.source for c in read_dataset(folder / "out")[split])


def test_a_count_draws_rows_by_lot_and_the_ledger_says_which(tmp_path: Path) -> None:
    a, b = source(tmp_path / "a.jsonl", 300), source(tmp_path / "b.jsonl", 200)
    counts = mixed(tmp_path, {"path": a, "count": 100}, {"path": b})
    assert counts["mix"] == {
        "a.jsonl": {"asked": 100, "available": 300, "taken": 100, "written": 100},
        "b.jsonl": {"asked": None, "available": 200, "taken": 200, "written": 200},
    }
    assert counts["dropped"] == {"not_sampled": 200}
    assert counts["read"] == counts["kept"] + 200 == 500
    first = [r["where"] for r in read_parquet(tmp_path / "out" / "ledger.parquet") if r["split"]]
    assert len(first) == 300
    mixed(tmp_path, {"path": a, "count": 100}, {"path": b}, seed=2)
    second = [r["where"] for r in read_parquet(tmp_path / "out" / "ledger.parquet") if r["split"]]
    assert first != second  # another seed draws others


def test_the_lot_does_not_depend_on_rows_that_come_later(tmp_path: Path) -> None:
    a = source(tmp_path / "a.jsonl", 300)
    mixed(tmp_path, {"path": a, "count": 100})
    before = {c.messages for rows in read_dataset(tmp_path / "out").values() for c in rows}
    source(tmp_path / "a.jsonl", 330)
    mixed(tmp_path, {"path": a, "count": 100})
    after = {c.messages for rows in read_dataset(tmp_path / "out").values() for c in rows}
    assert len(before & after) >= 85  # 30 more rows push about nine of the hundred out


def test_too_few_rows_are_repeated_in_training_only(tmp_path: Path) -> None:
    a, b = source(tmp_path / "a.jsonl", 60), source(tmp_path / "b.jsonl", 200)
    counts = mixed(tmp_path, {"path": a, "count": 250}, {"path": b})
    assert counts["mix"]["a.jsonl"] == {
        "asked": 250, "available": 60, "taken": 60, "written": 250
    }  # fmt: skip
    held_out = lines_by_source(tmp_path, "test") + lines_by_source(tmp_path, "validation")
    assert lines_by_source(tmp_path, "train")["a.jsonl"] == 250 - held_out["a.jsonl"]
    texts = Counter(c.messages for c in read_dataset(tmp_path / "out")["train"] if c.source == "a.jsonl")
    assert max(texts.values()) - min(texts.values()) <= 1
    for split in ("test", "validation"):
        assert max(Counter(c.messages for c in read_dataset(tmp_path / "out")[split]).values()) == 1
    ledger = list(read_parquet(tmp_path / "out" / "ledger.parquet"))
    assert sum(row["copies"] for row in ledger if row["source"] == "a.jsonl") == 250


def test_weights_make_the_largest_mixture_without_repeats(tmp_path: Path) -> None:
    a, b = source(tmp_path / "a.jsonl", 300), source(tmp_path / "b.jsonl", 120)
    counts = mixed(tmp_path, {"path": a, "weight": 1}, {"path": b, "weight": 3})
    assert [(about["asked"], about["written"]) for about in counts["mix"].values()] == [
        (40, 40), (120, 120)  # b is the one that limits, and is told as asked for, too
    ]  # fmt: skip
    counts = mixed(tmp_path, {"path": a, "weight": 1}, {"path": b, "weight": 3}, rows=500)
    assert {name: about["written"] for name, about in counts["mix"].items()} == {
        "a.jsonl": 125, "b.jsonl": 375
    }  # fmt: skip


def test_a_cap_holds_beside_weights_and_the_others_make_up_for_it(tmp_path: Path) -> None:
    a, b, c = (source(tmp_path / f"{name}.jsonl", 300) for name in "abc")
    capped = {"path": a, "weight": 2, "cap": 50}
    others = {"path": b, "weight": 1}, {"path": c, "weight": 3}
    mix = mixed(tmp_path, capped, *others, rows=400)["mix"]
    assert [about["asked"] for about in mix.values()] == [50, 88, 262]
    assert [about["written"] for about in mix.values()] == [50, 88, 262]
    mix = mixed(tmp_path, capped, *others)["mix"]  # without repeats: a's 50 are two of six parts
    assert [about["written"] for about in mix.values()] == [50, 25, 75]
    all_capped = ({**one, "cap": 50} for one in (capped, *others))
    assert [m["written"] for m in mixed(tmp_path, *all_capped, rows=400)["mix"].values()] == [50] * 3


def test_a_cap_never_repeats(tmp_path: Path) -> None:
    a = source(tmp_path / "a.jsonl", 50)
    assert mixed(tmp_path, {"path": a, "cap": 80})["mix"]["a.jsonl"]["written"] == 50
    assert mixed(tmp_path, {"path": a, "cap": 30})["mix"]["a.jsonl"]["written"] == 30


@pytest.mark.parametrize(
    ("sources", "data", "said"),
    [
        ([{"path": "a", "count": 3, "cap": 2}], {}, "count says how many"),
        ([{"path": "a", "weight": 1.0}, {"path": "b"}], {}, "give all of them one"),
        ([{"path": "a"}], {"rows": 5}, "no source has a weight"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    sources: list[dict[str, Any]], data: dict[str, Any], said: str
) -> None:
    with pytest.raises(RecipeError, match=said):
        build_recipe({"data": {"sources": sources, **data}})
