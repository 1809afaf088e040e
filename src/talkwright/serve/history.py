"""The page's chat histories: lists of Gradio message dicts, and what a model sees of them.

Histories come back from the browser, so nothing in them is trusted to have the right shape. A notice
("the model failed") is shown like an answer but is not one: neither it nor its question is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from talkwright.types import Message

History = list[dict[str, Any]]

NOTICE = "Not answered"
COPIED = "Said by the other model, before the comparison"


def said(role: str, text: str, title: str | None = None) -> dict[str, Any]:
    """A message as the chatbot shows it; `title` marks it as something else than an answer."""
    message: dict[str, Any] = {"role": role, "content": text}
    return message | {"metadata": {"title": title}} if title else message


def notice(reason: str) -> dict[str, Any]:
    """Tell, in the place of an answer, why there is none."""
    return said("assistant", reason, NOTICE)


def title_of(message: dict[str, Any]) -> str | None:
    """The mark that `said` gave a message."""
    title = (message.get("metadata") or {}).get("title")
    return title if isinstance(title, str) else None


def text_of(message: dict[str, Any]) -> str:
    """The text of a message, whichever of Gradio's shapes its content has."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    texts = (part.get("text") if isinstance(part, dict) else part for part in parts)
    return "".join(text for text in texts if isinstance(text, str))


def to_messages(history: History, system: str) -> list[Message]:
    """What the model is asked: the answered questions with their answers, and the last question."""
    turns: list[Message] = []
    for message in history:
        text = text_of(message)
        if message.get("role") == "user":
            if turns and turns[-1].role == "user":
                turns.pop()  # it was never answered
            turns.append(Message("user", text))
        elif turns and turns[-1].role == "user" and text and title_of(message) != NOTICE:
            turns.append(Message("assistant", text))
    first = [Message("system", system)] if system.strip() else []
    return first + turns


def cut(history: History, index: int) -> tuple[History, str | None]:
    """Take the question at or before `index` and all that follows away; return the rest and it."""
    for position in range(min(index, len(history) - 1), -1, -1):
        if history[position].get("role") == "user":
            return history[:position], text_of(history[position])
    return history, None


def catch_up(behind: History, ahead: History) -> History:
    """Bring the second model's history to where the first one's is.

    Its own answers stay as long as the questions agree; from there on it gets the first model's
    answers, marked as such, so that both go on from a conversation of the same questions.
    """
    same = 0
    for mine, theirs in zip(behind, ahead, strict=False):
        if mine.get("role") != theirs.get("role"):
            break
        if mine.get("role") == "user" and text_of(mine) != text_of(theirs):
            break
        same += 1
    return behind[:same] + [_copied(message) for message in ahead[same:]]


def _copied(message: dict[str, Any]) -> dict[str, Any]:
    if message.get("role") == "user" or title_of(message) == NOTICE:
        return message
    return said("assistant", text_of(message), COPIED)


def last_question(history: Sequence[dict[str, Any]]) -> int:
    """Index of the last question, or -1."""
    return max((n for n, message in enumerate(history) if message.get("role") == "user"), default=-1)
