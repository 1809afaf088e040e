"""What a wrong setting or file is called: what was found, where, and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from talkwright.config import DataSection, build_recipe, load_recipe
from talkwright.data import prepare
from talkwright.errors import DataError, RecipeError


def refused(path: Path, out: Path, **source: object) -> str:
    recipe = build_recipe({"data": {"sources": [{"path": str(path), **source}]}}, (), where="here")
    with pytest.raises(DataError) as error:
        prepare(recipe.data, seed=1, out=out)
    return str(error.value)


def test_dates_need_no_quotes_and_are_days_of_the_calendar(tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("data: {sources: [{path: a.jsonl, arena: {since: 2024-10-01}}]}\n")
    data = load_recipe(recipe).data
    assert isinstance(data, DataSection)
    assert data.sources[0].arena.since == "2024-10-01"
    recipe.write_text("data: {sources: [{path: a.jsonl, arena: {since: 2024-13-01}}]}\n")
    with pytest.raises(RecipeError, match=r"'2024-13-01' is no day"):
        load_recipe(recipe)


def test_a_format_that_the_file_does_not_have_is_named_as_such(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("".join(json.dumps({"prompt": f"q{n}", "completion": "a"}) + "\n" for n in range(3)))
    assert "not what `format` in the recipe says" in refused(file, tmp_path / "out", format="arena")


@pytest.mark.parametrize(
    "text",
    [
        "Apache License\n\nVersion 2.0, January 2004\n",
        "How do I pay?,By card or by bank.\nWhere?,Here.\n",
    ],
    ids=["prose", "no header"],
)
def test_a_table_without_names_of_columns_is_told_so(text: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(text)
    said = refused(file, tmp_path / "out")
    assert "its first line has no names of columns" in said
    assert "question,answer" in said
    assert text[:9] in said
