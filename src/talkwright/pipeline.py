"""The circle, once round. READ THIS FIRST.

    raw files → data (→ new rows) → template → train → evaluate → compare → report → serve

Every stage is a folder of this package, a section of the recipe, a command, a page in `docs/` and a
folder of the run. A stage is a plain function: values and folders in, an artefact folder out. Stages
never call each other; they meet here. A stage whose inputs are unchanged is not run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from talkwright import compare, data, report
from talkwright.config import DataSection, Recipe, TemplateSection, build_recipe, dump_recipe
from talkwright.errors import ArtefactError, DataError, RecipeError, TemplateError
from talkwright.planning import settle
from talkwright.progress import say
from talkwright.runs import (
    find_run,
    holding,
    is_current,
    manifest,
    open_run,
    read_json,
    recipe_of,
    take_finished,
    verify,
)
from talkwright.types import BaseModel, Comparison, Conversation, Counts, Finding, content_id, to_json
from talkwright.writer import writer_of

if TYPE_CHECKING:
    from talkwright.engine import Engine
    from talkwright.template import Template
    from talkwright.types import Lengths

Stage = Literal["prepare", "augment", "check", "train", "evaluate", "compare"]


def run(
    recipe: Recipe, runs: Path, *, recipe_text: str | None = None, until: Stage | None = None,
    tell: Callable[[list[Finding]], object] | None = None, anew: bool = False,
) -> Path:  # fmt: skip
    """Go round once; return the run's folder. `until` stops after that stage; `tell` takes the findings
    of the check, which are else said.

    Interrupted at any point, the same call goes on from there; `anew` trains from the first step.
    """
    here = open_run(recipe, runs, recipe_text)
    say(f"Run {here}")
    with holding(here):
        prepare(recipe, here)
        if until == "prepare":
            return here
        base, template = find_model(recipe)
        augment(recipe, here)
        if until == "augment":
            return here
        check(recipe, here, base, template, tell)
        if until == "check":
            return here
        recipe = settle(recipe, here, base)
        if until != "train":
            _require_held_out(recipe, here)
        train(recipe, here, base, template, anew=anew)
        if until == "train":
            return here
        evaluate(recipe, here, base, template)
        if until == "evaluate":
            return here
        compare_base_and_tuned(recipe, here)
        report.write_report(here)
    return here


# --- stages --------------------------------------------------------------------------------------


def prepare(recipe: Recipe, here: Path) -> None:
    """Raw files → `data/`: conversations in splits, and what became of every row."""
    key = content_id([dump_recipe(recipe)["data"], recipe.seed, data.source_digest(recipe.data)], 64)
    _stage(
        "prepare", here / "data", key, lambda: prepare_data(recipe.data, recipe.seed, here / "data", key)
    )


def prepare_data(section: DataSection, seed: int, out: Path, key: str = "") -> Counts:
    """Run the data stage alone, into any folder."""
    return data.prepare(section, seed=seed, out=out, key=key)


def check_exports(exports: Sequence[tuple[str, Path]]) -> None:
    """Refuse exports that could not be written, or would replace a file, before any work is done."""
    places: set[Path] = set()
    for format, file in exports:
        for path in data.export_targets(format, file).values():
            if path.resolve() in places:
                raise DataError(f"{path}: two exports to one file; name another for one of them.")
            places.add(path.resolve())


def export_data(out: Path, format: str, file: Path) -> list[tuple[Path, int, int]]:
    """Write a prepared data set for another program: (file, rows written, rows left out) each."""
    return data.export_dataset(data.read_dataset(out), format, file)


def augment(recipe: Recipe, here: Path, *, again: bool = False) -> None:
    """Training rows → `augment/`: new rows made from them, if the recipe has steps for that.

    `again` makes them anew from the replies that are kept, and asks for what is missing.
    """
    if not recipe.data.augment.steps and not again:
        return
    writer, suite = writer_of(recipe), _suite(recipe)
    settings = dump_recipe(recipe)["data"]
    key = content_id([_key(here / "data"), settings, writer.identity, to_json(suite), recipe.seed], 64)
    make = partial(
        data.augment, recipe.data, here / "data", writer,
        seed=recipe.seed, out=here / "augment", cache=_kept_replies(here), key=key, suite=suite,
    )  # fmt: skip
    if again:
        make()
    else:
        _stage("augment", here / "augment", key, make)


def check(
    recipe: Recipe, here: Path, base: BaseModel, template: Template,
    tell: Callable[[list[Finding]], object] | None = None,
) -> None:  # fmt: skip
    """Conversations → `check/`: token ids and labels of every row. Stops at findings that are errors."""
    from talkwright.template import FORMAT, check_dataset
    from talkwright.train import check_recipe, heed, refuse_unready, room_for_rows

    suite, out = _suite(recipe), here / "check"
    new_rows, digest = _new_rows(recipe, here)
    settings = dump_recipe(recipe)
    decisive = [settings["template"], settings["train"], to_json(suite), base.digest, FORMAT]
    key = content_id([_key(here / "data"), digest, template.fingerprint, *decisive], 64)

    def make() -> None:
        splits: dict[str, Sequence[Conversation]] = {**data.read_dataset(here / "data")}
        if new_rows:
            splits["train"] = data.Joined(splits["train"], new_rows)
        dropped = read_json(here / "data" / "counts.json")["dropped"]

        def further(lengths: Lengths) -> list[Finding]:
            found = check_recipe(recipe.train, lengths, base, template, dropped)
            return [*found, *_leaks(splits["train"], suite)]

        room = room_for_rows(recipe.train, base)
        check_dataset(template, splits, recipe.template, out=out, key=key, further=further, room=room)

    _stage("check", out, key, make)
    findings = [Finding(**found).of(here) for found in read_json(out / "findings.json")]
    heed(findings, tell)
    refuse_unready(recipe.train, base, template)


def train(
    recipe: Recipe, here: Path, base: BaseModel, template: Template, *, anew: bool = False
) -> None:
    """Token ids and labels → `train/`: an adapter, or all weights."""
    from talkwright.train import drop_checkpoints, start_digest

    settings = [dump_recipe(recipe)["train"], recipe.seed, *start_digest(recipe.train)]
    key = content_id([_key(here / "check"), base.digest, *settings], 64)

    def make() -> None:
        from talkwright.template import read_examples
        from talkwright.train import questions_for, take_over
        from talkwright.train import train as train_on

        take_over(recipe, here, base, anew=anew)
        rows, validation = (read_examples(here / "check", split) for split in ("train", "validation"))
        asked = questions_for(recipe.train, data.read_dataset(here / "data")["validation"])
        train_on(
            base, template, rows, validation, recipe.train,
            seed=recipe.seed, out=here / "train", key=key, questions=asked,
        )  # fmt: skip

    _stage("train", here / "train", key, make)
    drop_checkpoints(here)  # a process may have died while removing them


def evaluate(recipe: Recipe, here: Path, base: BaseModel, template: Template) -> None:
    """Held-out chats and a model → `evaluate/base/` and `evaluate/tuned/`: replies and scores."""
    from talkwright.evaluate import select_items
    from talkwright.models import weights_digest

    held_out = _suite(recipe) or _held_out(here)
    items = select_items(held_out, limit=recipe.evaluate.prompts, seed=recipe.seed)
    losses = select_items(held_out, limit=recipe.evaluate.loss_rows, seed=recipe.seed)
    settings = dump_recipe(recipe)["evaluate"]
    inputs = [template.fingerprint, settings, to_json(items), to_json(losses), recipe.seed]
    asked = weights_digest(base, recipe.train.quantise)
    weights = {"base": asked, "tuned": content_id([asked, manifest(here / "train")["files"]], 64)}
    engines: list[Engine] = []  # loaded once, and only when there is something to ask

    def ask(variant: str, out: Path, key: str) -> None:
        from talkwright.evaluate import evaluate as evaluate_one

        if not engines:
            engines.append(_load_engine(here, base, template))
        cache = here.parent / ".cache" / "replies"
        evaluate_one(
            engines[0], variant, items, losses, recipe.evaluate,
            seed=recipe.seed, out=out, key=key, cache=cache, weights=weights[variant],
        )  # fmt: skip

    for variant in ("base", "tuned"):
        out = here / "evaluate" / variant
        key = content_id([weights[variant], *inputs], 64)
        _stage(f"evaluate {variant}", out, key, partial(ask, variant, out, key))


def compare_base_and_tuned(recipe: Recipe, here: Path) -> list[Comparison]:
    """Two evaluations → `compare/`: every metric's difference with its interval and a verdict."""
    sides = [here / "evaluate" / "base", here / "evaluate" / "tuned"]
    key = content_id([*map(_key, sides), dump_recipe(recipe)["compare"], recipe.seed], 64)

    def make() -> None:
        comparisons = compare.compare(sides[0], sides[1], recipe.compare, seed=recipe.seed)
        compare.write_comparison(comparisons, here / "compare", key, {"a": "base", "b": "tuned"})

    _stage("compare", here / "compare", key, make)
    return comparisons_of(here)


# --- parts of the circle, for the commands -------------------------------------------------------


def augment_run(recipe: Recipe, runs: Path, *, preview: bool = False) -> tuple[Path, dict[str, Any]]:
    """Prepare and augment, and stop there: the run's folder and the sums of its new rows.

    Rows whose requests failed earlier are asked for again. With `preview` nothing is asked; the numbers
    then are what it would take.
    """
    here = open_run(recipe, runs)
    with holding(here):
        prepare(recipe, here)
        if preview:
            writer, cache = writer_of(recipe), _kept_replies(here)
            return here, data.preview(recipe.data, here / "data", writer, seed=recipe.seed, cache=cache)
        augment(recipe, here, again=True)
    return here, read_json(here / "augment" / "counts.json")


def evaluate_run(here: Path, recipe: Recipe | None = None) -> Path:
    """Evaluate and compare a trained run again, wherever that is not done yet.

    `recipe` is the run's own with other `evaluate` or `compare` settings.
    """
    recipe = recipe or recipe_of(here)
    base, template = _model_of(here)
    with holding(here):
        evaluate(recipe, here, base, template)
        compare_base_and_tuned(recipe, here)
        report.write_report(here)
    return here


def compare_runs(a: Path, b: Path | None, overrides: Sequence[str] = ()) -> list[Comparison]:
    """Compare the tuned models of two runs, or base and tuned of one. `overrides` change settings of
    A's recipe, its `compare` section above all."""
    recipe = build_recipe(dump_recipe(recipe_of(a)), tuple(overrides), where=a.name)
    sides = (
        [a / "evaluate" / "tuned", b / "evaluate" / "tuned"]
        if b
        else [a / "evaluate" / x for x in _SIDES]
    )
    for side in sides:
        if not side.is_dir():
            where = side.parents[1]
            raise ArtefactError(f"{where}: not evaluated yet; run `talkwright evaluate {where}`")
    return compare.compare(sides[0], sides[1], recipe.compare, seed=recipe.seed)


_SIDES = ("base", "tuned")


def comparisons_of(here: Path) -> list[Comparison]:
    """The comparison of base and tuned that a run holds."""
    manifest(here / "compare", "comparison")
    return [Comparison(**row) for row in read_json(here / "compare" / "comparisons.json")]


def report_run(here: Path) -> Path:
    """Write a run's report again; return the page."""
    return report.write_report(here)


def load_chat_engine(source: Path | str) -> Engine:
    """Load a run's model, or a bare base model by name, for talking to it."""
    if isinstance(source, Path):
        base, template = _model_of(source)
        return _load_engine(source, base, template)
    from talkwright.engine import load_engine
    from talkwright.models import find_base
    from talkwright.template import Template

    base = find_base(source)
    return load_engine(base, Template.load(base.path), name=Path(source).name)


def merge(source: Path, out: Path, precision: Literal["bf16", "fp32"] | None = None) -> None:
    """Write a model folder `out`: the base with the adapter of a run, or of a folder, merged into it."""
    from talkwright.models import base_of_adapter, find_base, write_merged
    from talkwright.template import Template

    if not (source / "recipe.json").is_file():
        base = find_base(base_of_adapter(source))
        write_merged(base, source, out, Template.load(base.path).save, precision=precision)
        return
    (base, template), quantise = _model_of(source), recipe_of(source).train.quantise
    verify(source / "train")
    adapter = source / "train" / "adapter"
    write_merged(base, adapter, out, template.save, precision=precision, quantise=quantise)


def show(
    source: str,
    *,
    model: str | None = None,
    n: int = 3,
    runs: Path = Path("runs"),
    overrides: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Ids, labels and token texts of the first `n` training rows of a file, a data set or a run."""
    from talkwright.models import find_base
    from talkwright.template import Template, fit_length, show_examples

    section, name, conversations = _shown(source, runs, overrides)
    base = find_base(model or name)
    template = Template.load(base.path, chat_template=_read_template(section), system=section.system)
    examples = [
        fit_length(example, section)
        for conversation in conversations[: max(n, 1)]
        for example in template.encode(conversation, section.train_on)
    ]
    trained = [example for example in examples if example is not None]
    if examples and not trained:
        raise TemplateError(
            f"{source}: its first rows are all longer than {section.max_length} tokens and would not be "
            "trained on. To see them: --set template.max_length=100000, or template.too_long=cut."
        )
    return show_examples(template, trained[:n])


# --- what the stages need ------------------------------------------------------------------------


def find_model(recipe: Recipe) -> tuple[BaseModel, Template]:
    """The recipe's base model on this machine, and its template as the recipe wants it."""
    from talkwright.models import find_base
    from talkwright.template import Template

    base = find_base(recipe.model.name, recipe.model.revision)
    say(f"Base model {base.name}, licence {base.licence}, from {base.origin}")
    section = recipe.template
    return base, Template.load(base.path, chat_template=_read_template(section), system=section.system)


def _stage(name: str, folder: Path, key: str, make: Callable[[], Any]) -> None:
    if is_current(folder, key):
        try:
            verify(folder)
        except ArtefactError as error:
            say(f"{name}: made again, for {error}")
        else:
            say(f"{name}: reused, nothing it depends on has changed")
            return
    # New rows are not taken over: requests that failed for one run are asked again by the next.
    if name in ("prepare", "check", "train") and (other := take_finished(folder, key)):
        say(f"{name}: taken over from {other}, which computed the same")
        return
    say(f"{name} ...")
    make()


def _key(folder: Path) -> str:
    return str(manifest(folder)["key"])


def _model_of(here: Path) -> tuple[BaseModel, Template]:
    """A trained run's base model and template, exactly as they were in training."""
    from talkwright.models import find_base
    from talkwright.template import Template

    recipe = recipe_of(here)
    trained = manifest(here / "train")
    base = find_base(recipe.model.name, recipe.model.revision)
    if base.digest != trained["about"]["base"]["digest"]:
        raise ArtefactError(
            f"{here}: was trained on another '{base.name}' than is here now ({base.path}): the SHA-256 "
            "of its files differs, so the adapter would not do what it learned. Restore the base model, "
            "or train again."
        )
    # The template's text as it was then: the recipe's file may have changed since.
    text = read_json(here / "train" / "template.json")["chat_template"]
    template = Template.load(base.path, chat_template=text, system=recipe.template.system)
    if template.fingerprint != trained["about"]["template"]:
        raise TemplateError(
            f"{here}: was trained with another chat template or tokenizer (fingerprint "
            f"{trained['about']['template'][:12]}) than '{base.name}' has now "
            f"({template.fingerprint[:12]}), so it would be asked in other tokens than it learned. "
            "Restore the base model, or train again."
        )
    return base, template


def _new_rows(recipe: Recipe, here: Path) -> tuple[Sequence[Conversation], str | None]:
    """The rows that augmenting added to training, and the SHA-256 of their file."""
    if not recipe.data.augment.steps:
        return [], None
    # Of the file and not of what it was made from: failed requests may have been made up for since.
    digest = str(manifest(here / "augment", "augment")["files"]["train.jsonl"])
    return data.read_augmented(here / "augment"), digest


def _kept_replies(here: Path) -> Path:
    return here.parent / ".cache" / "augment"  # beside the runs, for what was paid for serves them all


def _load_engine(here: Path, base: BaseModel, template: Template) -> Engine:
    from talkwright.engine import load_engine

    recipe = recipe_of(here)
    verify(here / "train")
    method, quantise = recipe.train.method, recipe.train.quantise
    tuned = here / "train" / ("model" if method == "full" else "adapter")
    return load_engine(base, template, name=here.name, tuned=tuned, method=method, quantise=quantise)


def _suite(recipe: Recipe) -> list[Conversation]:
    """The recipe's own held-out conversations; none when it names no suite."""
    return data.read_conversations(recipe.evaluate.suite) if recipe.evaluate.suite else []


def _require_held_out(recipe: Recipe, here: Path) -> None:
    """Say before the training, not after it, that there is nothing to evaluate on."""
    if not (_suite(recipe) or _held_out(here)):
        raise DataError(
            "no conversation is held out, so nothing could be evaluated: give more data, raise "
            "data.test or data.validation, or name a file as evaluate.suite. To train all the same: "
            "`talkwright train`."
        )


def _held_out(here: Path) -> Sequence[Conversation]:
    """The test split, or the validation split when there is no test split."""
    splits = data.read_dataset(here / "data")
    return splits["test"] or splits["validation"]


def _leaks(train_rows: Iterable[Conversation], suite: Sequence[Conversation]) -> list[Finding]:
    """Questions of the suite that training rows ask too: scores on them would measure memory."""
    both = data.asked_in_both(train_rows, suite)
    if not both:
        return []
    message = f"{len(both)} held-out questions are also training questions; the first is {both[0].where}"
    fix = "write `evaluate.suite: null` to ask what the data holds out, or remove them from either side"
    return [Finding("warning", "held_out_is_trained_on", message, fix, len(both))]


def _read_template(section: TemplateSection) -> str | None:
    if section.chat_template is None:
        return None
    try:
        return Path(section.chat_template).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(
            f"template.chat_template: {section.chat_template} cannot be read: {error}"
        ) from None


def _shown(
    source: str, runs: Path, overrides: Sequence[str]
) -> tuple[TemplateSection, str, Sequence[Conversation]]:
    """Template settings, model name and conversations of what `show` was pointed at."""
    path = Path(source)
    conversations: Sequence[Conversation]
    if data.is_dataset(path):
        conversations = data.read_dataset(path)["train"]
    elif (
        path.is_file()
        or any(c in source for c in "*?[")
        or (path.is_dir() and not (path / "recipe.json").is_file())
    ):
        conversations = data.read_conversations(source)
    else:
        here = find_run(source, runs)
        recipe = build_recipe(dump_recipe(recipe_of(here)), tuple(overrides), where=here.name)
        return recipe.template, recipe.model.name, data.read_dataset(here / "data")["train"]
    bare = build_recipe({"name": "show", "data": "none"}, tuple(overrides), where="show")
    return bare.template, bare.model.name, conversations
