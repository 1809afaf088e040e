"""The chat in the terminal: `read` gives lines, `write` takes text, so that tests can hold both ends."""

from __future__ import annotations

import json
import re
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from talkwright.config import ServeSection
from talkwright.engine import Engine, stream_reply
from talkwright.errors import RequestError
from talkwright.types import Message, Reply, Sampling

HELP = """\
  /system [TEXT]     show or set the system prompt ("/system -": the default one)
  /retry             answer the last question again
  /undo              take the last question and answer back
  /reset             begin a new chat
  /base              let the other model answer from now on
  /compare           show what the other model says to the last question
  /set NAME=VALUE    temperature, top_p, max_new_tokens or seed
  /save FILE         write the chat as one JSONL row
  /help  /quit       Ctrl-C stops an answer, Ctrl-D leaves
"""
SETTINGS = ("temperature", "top_p", "max_new_tokens")

# Escape sequences could move the cursor, rename the window or worse; C1 controls work like ESC.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def _write_out(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


@dataclass
class _Chat:
    """One chat at the keyboard. `messages` holds questions and answers, in turn, and nothing else."""

    engine: Engine
    section: ServeSection
    variant: str
    default_system: str | None
    system: str | None
    read: Callable[[str], str]
    write: Callable[[str], None]
    seed: int | None = None
    messages: list[Message] = field(default_factory=list)
    forgotten: int = 0

    def say(self, line: str) -> None:
        self.write(_CONTROLS.sub("", line) + "\n")

    def sampling(self) -> Sampling:
        return Sampling(
            temperature=self.section.temperature,
            top_p=self.section.top_p,
            max_new_tokens=self.section.max_new_tokens,
            seed=secrets.randbelow(2**31) if self.seed is None else self.seed,
        )


def chat_in_terminal(
    engine: Engine,
    section: ServeSection,
    *,
    system: str | None = None,
    variant: str | None = None,
    read: Callable[[str], str] = input,
    write: Callable[[str], None] = _write_out,
) -> None:
    """Chat until /quit or Ctrl-D.

    `read(prompt)` returns a line, or raises EOFError at the end. When a chat outgrows the model's
    context, the oldest questions and answers are left out of what the model sees, and that is said.
    """
    told = engine.template.system if system is None else system
    chat = _Chat(engine, section, variant or engine.variants[0], told, told, read, write)
    chat.say(f"{engine.name}, {chat.variant} model. /help lists the commands.")
    while True:
        try:
            line = chat.read("you> ").strip()
        except EOFError:
            chat.write("\n")
            return
        except KeyboardInterrupt:
            chat.write("\n")
            chat.say("(Ctrl-D or /quit leaves)")
            continue
        # A terminal in another encoding hands over lone surrogates, which no tokenizer takes.
        line = line.encode("utf-8", "replace").decode()
        if line == "/quit":
            return
        if line.startswith("/"):
            _command(chat, line)
        elif line:
            _ask(chat, line)


def _command(chat: _Chat, line: str) -> None:
    name, _, rest = line[1:].partition(" ")
    rest = rest.strip()
    if name == "help":
        chat.write(HELP)
    elif name == "system":
        _set_system(chat, rest)
    elif name == "reset":
        chat.messages, chat.forgotten = [], 0
        chat.say("A new chat.")
    elif name == "undo":
        if _take_back(chat) is None:
            chat.say("There is nothing to take back.")
        else:
            chat.say(f"Taken back. {len(chat.messages) // 2} questions are left.")
    elif name == "retry":
        question = _take_back(chat)
        if question is None:
            chat.say("There is no question yet.")
        else:
            _ask(chat, question)
    elif name == "save":
        _save(chat, rest)
    elif name == "set":
        _set(chat, rest)
    elif name in ("base", "compare"):
        _other_model(chat, keep=name == "base")
    else:
        chat.say(f"There is no command /{name}. /help lists them.")


# --- asking --------------------------------------------------------------------------------------


def _ask(chat: _Chat, question: str) -> None:
    asked = [*chat.messages, Message("user", question)]
    answer = _answer(chat, asked, chat.variant)
    if answer is not None:
        chat.messages = [*asked, Message("assistant", answer)]


def _answer(chat: _Chat, asked: list[Message], variant: str) -> str | None:
    """Write an answer as it comes. None when there is none to keep."""
    said: list[str] = []
    reply: Reply | None = None
    try:
        sent = _fitting(chat, asked)
        chat.write(f"{variant}> ")
        for piece in stream_reply(chat.engine, sent, chat.sampling(), variant=variant):
            if isinstance(piece, Reply):
                reply = piece
            else:
                said.append(piece)
                chat.write(_CONTROLS.sub("", piece))
        chat.write("\n")
    except KeyboardInterrupt:
        chat.write("\n")
        chat.say("(stopped)" if said else "(stopped; the question is taken back)")
    except RequestError as error:
        chat.say(f"Cannot answer: {error}. /reset begins a new chat.")
        return None
    if reply is not None and reply.finish == "length":
        chat.say("(cut off: /set max_new_tokens=… allows more)")
    text = "".join(said)
    if not text.strip():
        if reply is not None:
            chat.say("(the model said nothing)")
        return None
    return text


def _fitting(chat: _Chat, asked: list[Message]) -> list[Message]:
    """What the model is sent: system prompt and as many of the latest turns as leave room to answer."""
    first = [Message("system", chat.system)] if chat.system is not None else []
    room = min(chat.section.max_new_tokens, chat.engine.context_length // 4)
    start = 0
    most = chat.engine.context_length - room
    while start + 2 < len(asked) and len(chat.engine.template.prompt_ids(first + asked[start:])) > most:
        start += 2
    if start // 2 > chat.forgotten:
        chat.say(
            f"(the chat is longer than the model can hold: it no longer sees the first {start // 2} "
            "questions and answers; /reset begins a new chat)"
        )
    chat.forgotten = start // 2
    return first + asked[start:]


def _take_back(chat: _Chat) -> str | None:
    if not chat.messages:
        return None
    question = chat.messages[-2].content
    chat.messages = chat.messages[:-2]
    return question


# --- commands ------------------------------------------------------------------------------------


def _set_system(chat: _Chat, text: str) -> None:
    if text:
        chat.system = chat.default_system if text == "-" else text
    if chat.system is None:
        chat.say("There is no system prompt.")
    else:
        chat.say(f"System prompt: {chat.system}")


def _set(chat: _Chat, text: str) -> None:
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals:
        now = [f"{setting}={getattr(chat.section, setting):g}" for setting in SETTINGS]
        seed = "a new one each time" if chat.seed is None else chat.seed
        chat.say(f"{'  '.join(now)}  seed={seed}")
        return
    if name not in (*SETTINGS, "seed"):
        chat.say(f"There is no setting '{name}'. There are: {', '.join(SETTINGS)}, seed.")
        return
    try:
        number = int(value) if name in ("max_new_tokens", "seed") else float(value)
        if name == "seed":
            chat.seed = int(number) % 2**31
        else:
            chat.section = ServeSection.model_validate({**chat.section.model_dump(), name: number})
    except ValidationError as error:
        chat.say(f"{name}: {error.errors()[0]['msg']}.")
    except ValueError:
        chat.say(f"{name} takes a number, not '{value}'.")
    else:
        chat.say(f"{name} is now {number:g}.")


def _save(chat: _Chat, name: str) -> None:
    if not name:
        chat.say("Name the file: /save chat.jsonl")
        return
    if not chat.messages:
        chat.say("There is nothing to save yet.")
        return
    path = Path(name).expanduser()
    first = [Message("system", chat.system)] if chat.system is not None else []
    row = {"messages": [{"role": m.role, "content": m.content} for m in first + chat.messages]}
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    except FileExistsError:
        chat.say(f"{path} is there already and is left as it is. Name another file.")
    except OSError as error:
        chat.say(f"{path} cannot be written: {error.strerror or error}.")
    else:
        chat.say(f"Saved {len(chat.messages) // 2} questions and answers to {path}.")


def _other_model(chat: _Chat, *, keep: bool) -> None:
    others = [variant for variant in chat.engine.variants if variant != chat.variant]
    if not others:
        chat.say("There is no other model to ask.")
    elif keep:
        chat.variant = others[0]
        chat.say(f"The {chat.variant} model answers now. The chat so far stays.")
    elif not chat.messages:
        chat.say("There is no question yet.")
    else:
        _answer(chat, chat.messages[:-1], others[0])
