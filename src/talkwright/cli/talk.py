"""Commands that talk: chat and serve."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from talkwright.cli.options import only, print_json, recipe_for, with_json, with_runs, with_set

if TYPE_CHECKING:
    from talkwright.config import Recipe
    from talkwright.engine import Engine


@click.command()
@click.argument("run", default="latest")
@click.option("--system", help="System prompt to start with.  [default: the recipe's]")
@click.option(
    "--temperature", type=click.FloatRange(0, 2), help="0 gives the likeliest answer every time."
)
@click.option(
    "--top-p", type=click.FloatRange(0, 1, min_open=True), help="Draw from the likeliest words only."
)
@click.option("--max-new-tokens", type=click.IntRange(min=1), help="Longest reply, in tokens.")
@with_set
@with_runs
@with_json
def chat(
    run: str,
    system: str | None,
    temperature: float | None,
    top_p: float | None,
    max_new_tokens: int | None,
    overrides: tuple[str, ...],
    folder: Path,
    as_json: bool,
) -> None:
    """Talk to a run's model in the terminal.

    RUN is a run, or a base model's name; left out, the newest run. /help lists what can be typed
    besides messages: /system, /reset, /undo, /save and more. With --json, every line of standard
    input is a message and every line of standard output a reply.

    \b
    Example: talkwright chat --temperature 0.7
    """
    chosen = {"temperature": temperature, "top_p": top_p, "max_new_tokens": max_new_tokens}
    given = [f"serve.{name}={value}" for name, value in chosen.items() if value is not None]
    engine, recipe = _engine(run, folder, (*overrides, *given))
    prompt = system if system is not None else recipe.template.system
    if as_json:
        _answer_lines(engine, recipe, prompt)
        return
    from talkwright.serve import chat_in_terminal

    chat_in_terminal(engine, recipe.serve, system=prompt)


@click.command()
@click.argument("run", default="latest")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes a free one.  [default: 7860]")
@with_set
@with_runs
@with_json
def serve(run: str, port: int | None, overrides: tuple[str, ...], folder: Path, as_json: bool) -> None:
    """Serve a run's model: a chat page and an OpenAI-style API.

    RUN is a run, or a base model's name; left out, the newest run. The page is at /, the API at
    /v1. Only this machine can reach them, unless the recipe's serve.host says otherwise.

    \b
    Example: talkwright serve --port 8000
    """
    given = [f"serve.port={port}"] if port is not None else []
    engine, recipe = _engine(run, folder, (*overrides, *given))
    from talkwright.serve import run_server

    def announce(sentence: str) -> None:
        address = re.search(r"https?://\S+", sentence)
        if as_json:
            print_json({"message": sentence, "url": address and address.group()})
        else:
            print(sentence, flush=True)

    run_server(engine, recipe.serve, system=recipe.template.system, title=recipe.name, announce=announce)


def _engine(name: str, folder: Path, overrides: Sequence[str]) -> tuple[Engine, Recipe]:
    """The engine of a run, or of a base model, and the recipe that says how to talk to it."""
    from talkwright import pipeline
    from talkwright.config import build_recipe
    from talkwright.errors import ArtefactError, ModelError
    from talkwright.runs import find_run

    try:
        found = find_run(name, folder)
    except ArtefactError as no_run:
        if name == "latest":
            raise
        # The data section is required, but talking to a bare model never looks at it.
        only(overrides, "serve", "template.system")
        bare = {"name": "base", "model": name, "data": "none"}
        recipe = build_recipe(bare, tuple(overrides), where="--set")
        try:
            return pipeline.load_chat_engine(recipe.model.name), recipe
        except ModelError as no_model:
            raise ArtefactError(f"{no_run} Nor is it a base model: {no_model}") from None
    recipe = recipe_for(found, overrides, "serve", "template.system")
    return pipeline.load_chat_engine(found), recipe


def _answer_lines(engine: Engine, recipe: Recipe, system: str | None) -> None:
    """Chat over pipes: a message a line in, a reply a line out, history kept."""
    from talkwright.engine import reply
    from talkwright.types import Message, Sampling, to_json

    section = recipe.serve
    sampling = Sampling(section.temperature, section.top_p, section.max_new_tokens, seed=recipe.seed)
    messages = [Message("system", system)] if system else []
    for line in sys.stdin:
        if not line.strip():
            continue
        messages.append(Message("user", line.rstrip("\r\n")))
        answer = reply(engine, messages, sampling)
        messages.append(Message("assistant", answer.text))
        print_json(to_json(answer))
