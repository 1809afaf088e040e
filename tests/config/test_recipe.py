"""The recipe is strict, says what is wrong and where, and means what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkwright.config import Recipe, Section, build_recipe, dump_recipe, load_recipe
from talkwright.errors import RecipeError


def write(folder: Path, text: str, name: str = "recipe.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def load(folder: Path, text: str, *overrides: str) -> Recipe:
    return load_recipe(write(folder, text), overrides)


def complaint(folder: Path, text: str, *overrides: str) -> str:
    with pytest.raises(RecipeError) as caught:
        load(folder, text, *overrides)
    return str(caught.value)


def sections() -> dict[str, type[Section]]:
    found = {
        name: field.annotation
        for name, field in Recipe.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
    }
    assert len(found) >= 8
    return found


# --- short forms ---------------------------------------------------------------------------------


def test_one_line_is_a_recipe(tmp_path: Path) -> None:
    recipe = load(tmp_path, "data: chats.jsonl")
    assert [source.path for source in recipe.data.sources] == [str(tmp_path / "chats.jsonl")]
    assert recipe.model.name == "smollm2-135m"
    assert recipe.name == "recipe"


def test_three_lines_are_a_recipe(tmp_path: Path) -> None:
    recipe = load(tmp_path, "model: owner/name\ndata: chats.csv\ntrain: {max_steps: 100}")
    assert recipe.model.name == "owner/name"
    assert recipe.train.max_steps == 100


@pytest.mark.parametrize(
    "text",
    [
        "data: a.jsonl",
        "data: [a.jsonl]",
        "data: {sources: a.jsonl}",
        "data: {sources: [a.jsonl]}",
        "data: {sources: {path: a.jsonl}}",
        "data: {sources: [{path: a.jsonl}]}",
        "data: [{path: a.jsonl}]",
    ],
)
def test_every_short_form_of_data_means_the_same(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text) == load(tmp_path, "data:\n  sources:\n    - path: a.jsonl\n")


def test_several_sources_keep_their_order(tmp_path: Path) -> None:
    recipe = load(tmp_path, "data: [b.jsonl, {path: a.csv, max_rows: 3}, c.json]")
    assert [Path(source.path).name for source in recipe.data.sources] == ["b.jsonl", "a.csv", "c.json"]
    assert [source.max_rows for source in recipe.data.sources] == [None, 3, None]


def test_the_name_comes_from_the_file_and_fits_a_folder(tmp_path: Path) -> None:
    assert load_recipe(write(tmp_path, "data: a.jsonl", "my shop (2).yaml")).name == "my-shop-2"
    assert load_recipe(write(tmp_path, "data: a.jsonl", "日本.yaml")).name == "run"
    assert load(tmp_path, "name: shop\ndata: a.jsonl").name == "shop"


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "x" * 65])
def test_a_name_that_is_no_folder_name_is_refused(tmp_path: Path, name: str) -> None:
    assert "name" in complaint(tmp_path, f"name: {json.dumps(name)}\ndata: a.jsonl")


# --- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("train: {lerning_rate: 1e-4}", "Did you mean 'learning_rate'?"),
        ("train: {lora: {rnak: 8}}", "Did you mean 'rank'?"),
        ("trian: {epochs: 1}", "Did you mean 'train'?"),
        ("sead: 1", "Did you mean 'seed'?"),
        ("evaluate: {max_new_token: 5}", "Did you mean 'max_new_tokens'?"),
        ("serve: {prot: 80}", "Did you mean 'port'?"),
        ("learning_rate: 1e-4", "Did you mean 'train.learning_rate'?"),
        ("data: {sources: [{path: a, fromat: auto}]}", "Did you mean 'format'?"),
        ("data: {sources: [{path: a, columns: {promt: q}}]}", "Did you mean 'prompt'?"),
    ],
)
def test_a_typo_gets_a_suggestion(tmp_path: Path, text: str, suggestion: str) -> None:
    start = "" if text.startswith("data") else "data: a.jsonl\n"
    message = complaint(tmp_path, start + text)
    assert suggestion in message
    assert str(tmp_path / "recipe.yaml") in message


@given(data=st.data())
def test_any_field_with_two_letters_swapped_is_refused(data: st.DataObject) -> None:
    section = data.draw(st.sampled_from(sorted(sections())))
    field = data.draw(st.sampled_from(sorted(sections()[section].model_fields)))
    at = data.draw(st.integers(0, len(field) - 2))
    typo = field[:at] + field[at + 1] + field[at] + field[at + 2 :]
    if typo in sections()[section].model_fields:
        return
    values: dict[str, Any] = {"data": {"sources": "a.jsonl"}}
    values[section] = {**values.get(section, {}), typo: 1}
    with pytest.raises(RecipeError, match=f"'{section}.{typo}' is not a setting"):
        build_recipe(values)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("train: {epochs: 1.0e+308}", ["train.epochs", "1000000", "1e+308"]),
        ("train: {epochs: many}", ["train.epochs", "number", "the text 'many'"]),
        ("train: {batch_size: 2.5}", ["train.batch_size", "integer", "2.5"]),
        ("train: {batch_size: '8'}", ["train.batch_size", "integer", "the text '8'"]),
        ("train: {batch_size: 0}", ["train.batch_size", "greater than or equal to 1", "the number 0"]),
        ("train: {recompute: 1}", ["train.recompute", "'half'", "the number 1"]),
        ("train: {method: qlora}", ["train.method", "'lora'", "'full'", "the text 'qlora'"]),
        ("train: {learning_rate: .inf}", ["train.learning_rate", "finite"]),
        ("train: fast", ["train", "the text 'fast'"]),
        ("train:", ["train", "empty"]),
        ("seed: -1", ["seed", "greater than or equal to 0", "the number -1"]),
        ("serve: {port: 70000}", ["serve.port", "65535", "the number 70000"]),
        ("evaluate: {top_p: 0}", ["evaluate.top_p", "greater than 0", "the number 0"]),
    ],
)
def test_a_wrong_value_is_named_with_its_key(tmp_path: Path, text: str, parts: list[str]) -> None:
    message = complaint(tmp_path, "data: a.jsonl\n" + text)
    for part in parts:
        assert part in message, message
    assert "pydantic" not in message
    assert "\n" not in message


def test_several_mistakes_are_all_named(tmp_path: Path) -> None:
    message = complaint(tmp_path, "data: a.jsonl\nsead: 1\ntrain: {epohcs: 2, batch_size: none}")
    assert all(part in message for part in ("sead", "epohcs", "train.batch_size"))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("model: smollm2-135m", "'data' is missing"),
        ("data: []", "data.sources"),
        ("data: {test: 0.2}", "'data.sources' is missing"),
        ("data: ''", "path"),
        ("data: 5", "data"),
        ("data: {sources: a, test: 0.6, validation: 0.4}", "leave nothing to train on"),
        ("data: a\ntrain: {method: full, lora: {rank: 4}}", "would have no effect"),
        ("data: a\ntrain: {batch_size: 2, accumulation: 4}", "accumulation (4) is larger"),
        ("data: a\ndata: b", "line 2: 'data' is given twice"),
        ("data: a\ntrain:\n  epochs: 1\n  epochs: 2", "line 4: 'epochs' is given twice"),
        ("data: a\n1: 2", "'1' is not a setting"),
        ("data: a\n~: 2", "is not a name"),
        ("- a\n- b", "this is a list"),
        ("just words", "this is the text 'just words'"),
        ("", "this is empty"),
        ("data: [a", "line"),
        ("data: !!python/object/apply:os.getcwd []", "line 1"),
        ("data: &a [*a]", "recipe.yaml"),
    ],
)
def test_a_recipe_that_cannot_work_says_why(tmp_path: Path, text: str, part: str) -> None:
    message = complaint(tmp_path, text)
    assert part in message
    assert "recipe.yaml" in message


def test_files_that_are_no_recipe_say_so(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no such recipe"):
        load_recipe(tmp_path / "none.yaml")
    with pytest.raises(RecipeError, match="is a folder"):
        load_recipe(tmp_path)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(bytes(range(256)))
    with pytest.raises(RecipeError, match="cannot be read as text"):
        load_recipe(binary)
    nul = tmp_path / "nul.yaml"
    nul.write_bytes(b"data: a\x00b")
    with pytest.raises(RecipeError, match=r"nul\.yaml"):
        load_recipe(nul)
    deep = write(tmp_path, "data: " + "[" * 3000, "deep.yaml")
    with pytest.raises(RecipeError, match=r"deep\.yaml"):
        load_recipe(deep)


@given(text=st.text(max_size=60))
def test_any_text_is_a_recipe_or_a_recipe_error(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("any") / "recipe.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    message = str(path)
    try:
        load_recipe(path)
    except RecipeError as error:
        message = str(error)
    assert str(path) in message


# --- numbers, --set, paths, the saved form -------------------------------------------------------


@pytest.mark.parametrize("text", ["1e-4", "1E-4", "1.0e-4", "0.0001", "+1e-4", "1.e-4"])
def test_every_spelling_of_a_number_is_a_number(tmp_path: Path, text: str) -> None:
    rate = load(tmp_path, f"data: a\ntrain: {{learning_rate: {text}}}").train.learning_rate
    assert rate == pytest.approx(1e-4)
    assert load(tmp_path, "data: a", f"train.learning_rate={text}").train.learning_rate == rate


@given(number=st.floats(min_value=1e-300, max_value=1e300))
def test_any_float_survives_set(number: float) -> None:
    recipe = build_recipe({"data": "a"}, [f"train.learning_rate={number!r}"])
    assert recipe.train.learning_rate == number


def test_set_overrides_at_any_depth(tmp_path: Path) -> None:
    recipe = load(
        tmp_path,
        "model: owner/one\ndata: a.jsonl\ntrain: {epochs: 2}",
        "train.epochs=5",
        "train.lora.rank=4",
        "model.revision=v2",
        "data.test=0.2",
        "seed=11",
        "train.clip=null",
        "template.system=Be brief: always",
        "train.lora.targets=[q_proj, v_proj]",
    )
    assert (recipe.train.epochs, recipe.train.lora.rank, recipe.seed) == (5, 4, 11)
    assert (recipe.model.name, recipe.model.revision) == ("owner/one", "v2")
    assert recipe.data.test == 0.2
    assert len(recipe.data.sources) == 1
    assert recipe.train.clip is None
    assert recipe.train.lora.targets == ["q_proj", "v_proj"]


def test_a_line_of_the_doctor_can_be_pasted_as_it_stands(tmp_path: Path) -> None:
    pasted = (
        'data.refusals: drop  # unless they are meant\ndata.rules: [{name: a, match: "b", do: drop}]\n'
    )
    for start in ("data: a.jsonl\n", "data:\n  sources: [a.jsonl]\n  test: 0.2\n"):
        recipe = load(tmp_path, start + pasted)
        assert (recipe.data.refusals, recipe.data.rules[0].name) == ("drop", "a")
    assert recipe.data.test == 0.2
    assert "'data.test' is given twice, also inside" in complaint(
        tmp_path, "data: {sources: a, test: 0.2}\ndata.test: 0.1"
    )
    assert "'data.refusal' is not a setting. Did you mean 'refusals'?" in complaint(
        tmp_path, "data: a\ndata.refusal: drop"
    )
    assert "'seed' is" in complaint(tmp_path, "data: a\nseed: 7\nseed.x: 1")
    assert load(tmp_path, "data: a\ndata.test: 0.2", "data.test=0.3").data.test == 0.3


@pytest.mark.parametrize(
    ("override", "part"),
    [
        ("train.epochs", "write it as section.key=value"),
        ("=5", "write it as section.key=value"),
        ("train.lerning_rate=1", "Did you mean 'learning_rate'?"),
        ("seed.deep=1", "'seed' is the number 3, not a section"),
        ("train.epochs=[", "--set train.epochs=["),
        ("nowhere.key=1", "'nowhere' is not a setting"),
    ],
)
def test_a_wrong_set_says_which_one(tmp_path: Path, override: str, part: str) -> None:
    assert part in complaint(tmp_path, "data: a\nseed: 3", override)


def test_paths_are_relative_to_the_recipe_and_come_out_absolute(tmp_path: Path) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    (tmp_path / "base").mkdir()
    recipe = load(
        folder,
        "model: ../base\ndata: [../a.jsonl, /elsewhere/b.csv]\nevaluate: {suite: suite.jsonl}\n"
        "template: {chat_template: chat.jinja}",
    )
    assert [source.path for source in recipe.data.sources] == [
        str(folder / "../a.jsonl"),
        "/elsewhere/b.csv",
    ]
    assert recipe.model.name == str(folder / "../base")
    assert recipe.evaluate.suite == str(folder / "suite.jsonl")
    assert recipe.template.chat_template == str(folder / "chat.jinja")


def test_a_model_name_stays_a_name_unless_it_is_there(tmp_path: Path) -> None:
    assert load(tmp_path, "model: owner/name\ndata: a").model.name == "owner/name"
    (tmp_path / "owner" / "name").mkdir(parents=True)
    assert load(tmp_path, "model: owner/name\ndata: a").model.name == str(tmp_path / "owner/name")
    assert load(tmp_path, "model: tiny.gguf\ndata: a").model.name == str(tmp_path / "tiny.gguf")


def test_the_saved_form_holds_every_default_and_reads_back(tmp_path: Path) -> None:
    recipe = load(tmp_path, "data: [{path: a.csv, columns: {prompt: q}}]\ntrain: {epochs: 2.5}")
    saved = json.loads(json.dumps(dump_recipe(recipe)))
    assert Recipe.model_validate(saved) == recipe
    assert build_recipe(saved) == recipe
    for name, section in sections().items():
        assert set(saved[name]) == set(section.model_fields)
    assert saved["train"]["learning_rate"] == 1e-3


def test_the_learning_rate_default_follows_the_method(tmp_path: Path) -> None:
    assert load(tmp_path, "data: a\ntrain: {method: full}").train.learning_rate == 5e-5
    assert load(tmp_path, "data: a\ntrain: {learning_rate: null}").train.learning_rate == 1e-3


def test_a_recipe_cannot_be_changed_after_reading(tmp_path: Path) -> None:
    from pydantic import ValidationError

    recipe = load(tmp_path, "data: a")
    with pytest.raises(ValidationError, match="frozen"):
        recipe.train.epochs = 9  # type: ignore[misc]


def test_every_field_is_documented() -> None:
    def fields(section: type[Section], above: str = "") -> list[tuple[str, str | None]]:
        found: list[tuple[str, str | None]] = []
        for name, field in section.model_fields.items():
            inner = field.annotation
            if isinstance(inner, type) and issubclass(inner, Section):
                found += fields(inner, f"{above}{name}.")
                assert inner.__doc__
            else:
                found.append((above + name, field.description))
        return found

    listed = fields(Recipe)
    assert len(listed) > 45
    assert [name for name, description in listed if not description] == []


@pytest.mark.parametrize(
    "words", ["Be brief: always", "No # signs", "@home", "*bold*", "- dash", "a: b: c", "2026-01-01"]
)
def test_words_after_set_are_words(words: str) -> None:
    assert build_recipe({"data": "a"}, [f"template.system={words}"]).template.system == words
