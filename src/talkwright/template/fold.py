"""Where a template has no place for something that was said: it is written as text, never left out."""

from __future__ import annotations

from dataclasses import replace

from talkwright.errors import TemplateError
from talkwright.types import Message

_HOW_TO_CALL = (
    "You can call these tools. To call one, write a JSON object with its name and its arguments."
)


def fold_thinking(message: Message) -> Message:
    """Thinking before the answer, between `<think>` tags."""
    if message.thinking is None:
        return message
    said = f"<think>\n{message.thinking}\n</think>\n\n{message.content}"
    return replace(message, content=said, thinking=None)


def fold_calls(message: Message) -> Message:
    """Calls as JSON, one a line, after what is said with them."""
    return replace(message, content=message.text, tool_calls=()) if message.tool_calls else message


def fold_tools(arranged: list[Message], tools: tuple[str, ...]) -> list[Message]:
    """Schemas as JSON, one a line, after the system prompt, with a sentence on how to call them."""
    has_system = bool(arranged) and arranged[0].role == "system"
    system = arranged[0].content if has_system else ""
    said = "\n\n".join(filter(str.strip, (system, "\n".join([_HOW_TO_CALL, *tools]))))
    return [Message("system", said), *(arranged[1:] if has_system else arranged)]


def fold_system(messages: list[Message]) -> list[Message]:
    """The system message before the first user message's text. Raises TemplateError without one."""
    system, *rest = messages
    first = next((n for n, message in enumerate(rest) if message.role == "user"), None)
    if first is not None:
        said = rest[first].content
        rest[first] = Message("user", f"{system.content}\n\n{said}" if system.content else said)
    elif system.content.strip():
        raise TemplateError(
            "the chat template has no system role, and there is no user message to write the "
            "system prompt into; remove it or add a user message"
        )
    return rest
