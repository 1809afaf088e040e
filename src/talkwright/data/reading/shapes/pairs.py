"""Rows with a question in one column and its answer in another, whatever the columns are called."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from talkwright.config import Columns
from talkwright.data.reading.chat.systems import put_system
from talkwright.data.reading.chat.turns import (
    Draft,
    Fields,
    Unfit,
    answer_marks,
    as_value,
    draft,
    field_of,
    is_message_list,
    listed,
    plain,
    read_turns,
    text_beside,
    text_of,
)
from talkwright.data.reading.shapes.earlier import (
    HISTORIES,
    answer_of,
    earlier_turns,
    has_earlier_turns,
    put_question,
)
from talkwright.data.reading.shapes.quizzes import with_choices
from talkwright.data.reading.shapes.written import WRITTEN, turns_of
from talkwright.types import Message, Role

# In order of how surely the name means it; the pairs first, then any prompt with any completion.
_PAIRS = (
    ("prompt", "completion"),
    ("instruction", "output"),
    ("instruction", "response"),
    ("question", "answer"),
    ("question", "answers"),
    ("query", "response"),
    ("input", "output"),
    ("user", "assistant"),
    ("human", "assistant"),
    ("human", "gpt"),
    ("human", "bot"),
    ("user", "bot"),
    ("customer", "agent"),
    ("customer", "support"),
    ("q", "a"),
    ("text", "reply"),
    ("inputs", "targets"),
    ("problem", "solution"),
    ("question", "attempt"),  # s1K's, where what was thought stands beside it
    ("frage", "antwort"),
    ("pregunta", "respuesta"),
    ("pergunta", "resposta"),
    ("domanda", "risposta"),
    ("vraag", "antwoord"),
    ("question", "réponse"),
    ("question", "reponse"),
    ("вопрос", "ответ"),
    ("question", "answerkey"),  # ARC's, with choices
    ("问题", "回答"),
    ("问题", "答案"),
    ("質問", "回答"),
)
PROMPT_NAMES = (
    "prompt", "instruction", "question", "query", "input", "userprompt", "usermessage", "userinput",
    "userquery", "customermessage", "customerquery", "customerquestion", "request",
)  # fmt: skip
_COMPLETION_NAMES = """
    completion response answer output reply assistantmessage assistantresponse assistantreply
    botmessage botresponse agentmessage agentresponse agentreply modelresponse target
    supportresponse supportreply ideal bestanswer correctanswer cop
""".split()  # noqa: SIM905
# Data sets of questions about a text. Elsewhere "context" is a label, which nobody should learn.
_TEXTS = ("context", "passage")
_ABOUT_A_TEXT = {
    *_TEXTS,
    "instruction",
    "question",
    "response",
    "answer",
    "answers",
    "category",
    "id",
    "title",
}

# What stands in `input` where there is none.
_NO_INPUT = frozenset(("<noinput>", "noinput", "no input", "nan", "n/a"))

# What models that think give beside their answers.
_THINKING = ("reasoningcontent", "thinking", "thinkingtrajectories")
_SEVERAL = ("answers", "ideal")  # columns that may have several, equally good ones
GONE = frozenset(("[deleted]", "[removed]"))  # Reddit's, in place of a text


def read_pair(value: Fields, keys: Fields, columns: Columns, format: str) -> Draft:
    """Read a row of Alpaca, of prompt and completion, or of question, context and answer."""
    prompt_key, completion_key = pair_keys(keys, columns)
    names = plain(prompt_key), plain(completion_key)
    extra = keys.get("input") if names[0] == "instruction" else None
    shape = "alpaca" if names == ("instruction", "output") or extra is not None else "prompt_completion"
    if format == "alpaca" and names != ("instruction", "output") and columns.prompt is None:
        raise Unfit("unknown_format")
    shape = shape if format == "auto" else format
    for key in (prompt_key, completion_key):
        if key not in value:
            raise Unfit("missing_column")
    if _are_columns(value[prompt_key], value[completion_key]):
        raise Unfit("columns_not_rows")
    repairs: list[str] = []
    value = with_choices(value, keys, prompt_key, completion_key, repairs)
    messages: list[Message] = []
    told, written = _written(value, keys, prompt_key, completion_key)
    if told is not None:
        repairs.append("split_transcript")
        put_system(told, value, keys, columns, repairs)
        return draft(value, keys, columns, told, shape, repairs, used=(prompt_key, completion_key))
    earlier = earlier_turns(value, keys, repairs)
    messages += earlier
    put_question(messages, side(value[prompt_key], "user", repairs))
    if not earlier and (about := text_asked_about(keys)) is not None:
        extra = about
    if extra is not None:
        put_beside(messages, value.get(extra), repairs)
    answers = side(_first_answer(value[completion_key], names[1]), "assistant", repairs)
    messages += _after_thinking(answers, value, keys)
    put_system(messages, value, keys, columns, repairs)
    answer = value[completion_key]
    marks = written + answer_marks(
        [*listed(value[prompt_key]), *(listed(answer) or [{"role": "assistant"}])]
    )
    marks += ["other_answers"] if _has_further(answer, names[1]) else []
    used = (prompt_key, completion_key)
    return draft(value, keys, columns, messages, shape, repairs, marks, used=used)


def _written(
    value: Fields, keys: Fields, prompt_key: Any, completion_key: Any
) -> tuple[list[Message] | None, list[str]]:
    """As `turns_of`, where nothing else is said before the question or put behind it."""
    prompt, answer = value[prompt_key], value[completion_key]
    if not isinstance(prompt, str) or not isinstance(answer, str):
        return None, []
    told, marks = turns_of(prompt, answer)
    if told is None:
        return None, marks
    names = [*HISTORIES, *(["input"] if plain(prompt_key) == "instruction" else [])]
    beside = any(name in keys and value[keys[name]] for name in names)
    return (None, [WRITTEN]) if beside else (told, marks)


def is_asked(value: Fields, keys: Fields) -> bool:
    """Say whether a row has turns in a column for earlier ones, which may end with the question, and an
    answer in another."""
    return has_earlier_turns(value, keys) and not keys.keys().isdisjoint(_COMPLETION_NAMES)


def read_asked(value: Fields, keys: Fields, columns: Columns) -> Draft:
    """Read turns that end with a question, and the answer in a column of its own. Raises Unfit."""
    repairs: list[str] = []
    messages = earlier_turns(value, keys, repairs, asks=True)
    if not put_answer(messages, value, keys, columns, repairs):
        raise Unfit("unknown_format")
    put_system(messages, value, keys, columns, repairs)
    return draft(value, keys, columns, messages, "messages", repairs)


def put_answer(
    messages: list[Message], value: Fields, keys: Fields, columns: Columns, repairs: list[str]
) -> bool:
    """Put the answer that a column of its own holds behind turns that end with the question.

    False where there is none, or where another column asks something else, as about a dialogue.
    Raises Unfit.
    """
    if not messages or messages[-1].role not in ("user", "tool"):
        return False
    asked = columns.prompt or next((keys[name] for name in PROMPT_NAMES if name in keys), None)
    question = None if asked is None else value.get(asked)
    if isinstance(question, str) and question.strip() not in ("", messages[-1].content.strip()):
        return False
    names = [columns.completion] if columns.completion else _COMPLETION_NAMES
    for name in names:
        found = answer_of(value.get(keys.get(name, name)), repairs)
        if found:
            messages += found
            return True
    return False


def text_asked_about(keys: Fields, besides: Collection[str] = ()) -> Any:
    """The column with the text that a question is about, where the (plain) column names are those of
    such a question, but for those `besides`; None for other rows."""
    held = [keys[name] for name in _TEXTS if name in keys]
    return held[0] if len(held) == 1 and keys.keys() - besides <= _ABOUT_A_TEXT else None


def _after_thinking(answers: list[Message], value: Fields, keys: Fields) -> list[Message]:
    """An answer with what was thought before it, where a column for that has one text."""
    if keys.keys().isdisjoint(_THINKING) or len(answers) != 1:
        return answers
    if answers[0].thinking is not None or answers[0].role != "assistant":
        return answers
    for name in _THINKING:
        held = as_value(field_of(value, keys, name))
        held = held[0] if isinstance(held, list) and len(held) == 1 else held
        if isinstance(held, str) and held.strip():
            return [replace(answers[0], thinking=held)]
    return answers


def put_beside(messages: list[Message], extra: Any, repairs: list[str]) -> None:
    """Put what a question is about, an `input` or `context`, behind it. Raises Unfit."""
    text = text_beside(extra, repairs)
    if not messages or not text or text.isspace():
        return
    if len(text) > 20 or text.strip().lower() not in _NO_INPUT:
        messages[-1] = Message("user", f"{messages[-1].content}\n\n{text}")


def _are_columns(prompt: Any, completion: Any) -> bool:
    """Say whether both hold the values of many rows, by number or as lists of the same length."""
    if isinstance(prompt, dict) and isinstance(completion, dict):
        keys = [*prompt, *completion]
        return bool(prompt) and all(isinstance(key, str) and key.isdigit() for key in keys)
    if not isinstance(prompt, list) or not isinstance(completion, list) or len(prompt) < 2:
        return False
    return len(prompt) == len(completion) and all(isinstance(v, str) for v in (*prompt, *completion))


def _first_answer(value: Any, name: str) -> Any:
    """SQuAD keeps several equally good answers: {"text": [...], "answer_start": [...]}; OpenAI's evals a
    list of texts."""
    if name not in _SEVERAL:
        return value
    found = _answers(value)
    return next(iter(found), None) if isinstance(found, list) else found


def _answers(value: Any) -> Any:
    value = as_value(value)
    return value.get("text") if isinstance(value, dict) else value


def _has_further(value: Any, name: str) -> bool:
    """Say whether there are answers in other words than the first one."""
    found = _answers(value) if name in _SEVERAL else None
    return isinstance(found, list) and any(other != found[0] for other in found)


def side(value: Any, role: Role, repairs: list[str]) -> list[Message]:
    """The messages of one column: a text, or a list of messages."""
    if isinstance(value, str):
        held = as_value(value)
        value = held if is_message_list(held) else value
    if is_message_list(value):
        return read_turns(value, repairs)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    text = text_of(value, repairs)
    return [Message(role, "" if text in GONE else text)]


def pair_keys(keys: Fields, columns: Columns) -> tuple[Any, Any]:
    """The keys of prompt and completion: as named, else by the aliases. `keys` maps plain to real."""
    prompt, completion = columns.prompt, columns.completion
    if prompt is None and completion is None:
        for first, second in _PAIRS:
            if first in keys and second in keys and (second != "attempt" or _THINKING[-1] in keys):
                return keys[first], keys[second]
    if prompt is None:
        prompt = next((keys[name] for name in PROMPT_NAMES if name in keys), None)
    if completion is None:
        completion = next((keys[name] for name in _COMPLETION_NAMES if name in keys), None)
    if prompt is None or completion is None or prompt == completion:
        raise Unfit("unknown_format")
    return prompt, completion
