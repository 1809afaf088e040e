"""A prepared data set as files for other programs, in the four shapes that most of them read.

What is written is what was kept, one conversation a row; reading it back gives the same messages.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from talkwright.errors import DataError
from talkwright.runs import write_jsonl
from talkwright.types import Conversation, Message

ExportFormat = Literal["sharegpt", "messages", "alpaca", "prompt_completion"]
EXPORT_FORMATS: tuple[str, ...] = get_args(ExportFormat)

_SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}


def export_dataset(
    dataset: Mapping[str, Iterable[Conversation]], format: str, file: Path
) -> list[tuple[Path, int, int]]:
    """Write conversations by split as JSONL (or a JSON array, for .json): (file, rows, left out).

    `{split}` in the file's name gives a file for each split; without it only "train" is written, so
    that nobody trains on what was held out. Left out are rows that the format cannot express. Raises
    DataError for an unknown format, another extension, or a place that cannot be written to.
    """
    if format not in EXPORT_FORMATS:
        raise DataError(f"no export format {format!r}; there are {', '.join(EXPORT_FORMATS)}.")
    if file.suffix.lower() not in (".jsonl", ".json"):
        raise DataError(f"{file}: export writes .jsonl or .json files; name the file so.")
    splits = list(dataset) if "{split}" in file.name else ["train"]
    written = []
    for split in splits:
        rows = [export_row(conversation, format) for conversation in dataset[split]]
        good = [row for row in rows if row is not None]
        path = file.with_name(file.name.replace("{split}", split))
        _write(path, good)
        written.append((path, len(good), len(rows) - len(good)))
    return written


def export_row(conversation: Conversation, format: str) -> dict[str, Any] | None:
    """One conversation in the shape of `format`; None where that shape has no room for it."""
    messages = conversation.messages
    row: dict[str, Any] | None
    if format == "messages":
        row = {"messages": [_openai(message) for message in messages]}
    elif format == "sharegpt":
        row = {"conversations": [_sharegpt(message) for message in messages]}
    elif format == "prompt_completion":
        row = {
            "prompt": [_openai(message) for message in messages[:-1]],
            "completion": [_openai(messages[-1])],
        }
    else:
        row = _alpaca(messages)
    if row is not None and conversation.group is not None:
        row["group"] = conversation.group
    return row


def _openai(message: Message) -> dict[str, str]:
    row = {"role": message.role, "content": message.content}
    return row if message.thinking is None else {**row, "reasoning_content": message.thinking}


def _sharegpt(message: Message) -> dict[str, str]:
    return {"from": _SPEAKERS[message.role], "value": _with_thinking(message)}


def _with_thinking(message: Message) -> str:
    if message.thinking is None:
        return message.content
    return f"<think>\n{message.thinking}\n</think>\n\n{message.content}"


def _alpaca(messages: tuple[Message, ...]) -> dict[str, Any] | None:
    system = [message for message in messages if message.role == "system"]
    talk = [message for message in messages if message.role != "system"]
    if len(talk) % 2 or [turn.role for turn in talk] != ["user", "assistant"] * (len(talk) // 2):
        return None  # tools have no place in Alpaca
    texts = [_with_thinking(turn) for turn in talk]
    row: dict[str, Any] = {"instruction": texts[-2], "input": "", "output": texts[-1]}
    if system:
        row["system"] = system[0].content
    if len(texts) > 2:
        row["history"] = [[texts[at], texts[at + 1]] for at in range(0, len(texts) - 2, 2)]
    return row


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    # Written beside and then moved, so that a full disk leaves no half file under the right name.
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        if path.suffix.lower() == ".json":
            unfinished.write_text(json.dumps(list(rows), indent=2) + "\n", encoding="utf-8")
        else:
            write_jsonl(unfinished, rows)
        os.replace(unfinished, path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise DataError(f"{path}: cannot be written: {error.strerror or error}.") from None
