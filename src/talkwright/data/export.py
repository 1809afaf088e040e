"""A prepared data set as files for other programs, in the shapes that most of them read.

What is written is what was kept, one conversation a row; reading it back gives the same messages. In a
CSV, a cell that a spreadsheet would take for a formula has an apostrophe before it, which is taken away
again where talkwright reads such a file.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, get_args

from talkwright.data.reading.kinds.cells import CELLS, defused
from talkwright.data.similarity.split import SPLITS
from talkwright.errors import DataError
from talkwright.runs import write_jsonl
from talkwright.types import Conversation, Message, ToolCall

ExportFormat = Literal["sharegpt", "messages", "alpaca", "prompt_completion", "dpo"]
EXPORT_FORMATS: tuple[str, ...] = get_args(ExportFormat)

_TALK = "they call tools, or user and assistant do not take turns in them, for which it has no place"
_LEFT_OUT = {
    "dpo": "they have no worse answer to compare with",
    "alpaca": _TALK,
    "prompt_completion": _TALK,
    "sharegpt": "they think before they call a tool, for which it has no place",
    "messages": "it has no place for them",
}
_SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}


def export_dataset(
    dataset: Mapping[str, Iterable[Conversation]], format: str, file: Path
) -> list[tuple[Path, int, int]]:
    """Write conversations by split as JSONL (a JSON array for .json, cells for .csv).

    Gives (file, rows, left out).

    `{split}` in the file's name gives a file for each split; without it only "train" is written, so
    that nobody trains on what was held out. Left out are rows that the format cannot express. A
    missing folder is made. Raises DataError for an unknown format, another extension, a file that is
    there already, or a place that cannot be written to.
    """
    written = []
    as_cells = file.suffix.lower() == ".csv"
    for split, path in export_targets(format, file).items():
        make: Callable[..., dict[str, Any] | None] = cell_row if as_cells else export_row
        rows = [make(conversation, format) for conversation in dataset[split]]
        good = [row for row in rows if row is not None]
        _write(path, good, CELLS.get(format, ()))
        written.append((path, len(good), len(rows) - len(good)))
    return written


def export_targets(format: str, file: Path) -> dict[str, Path]:
    """The file that each split is written to. Raises DataError as `export_dataset` does.

    A file that is there already is somebody's and never replaced.
    """
    if format not in EXPORT_FORMATS:
        raise DataError(f"no export format {format!r}; there are {', '.join(EXPORT_FORMATS)}.")
    as_cells = file.suffix.lower() == ".csv"
    if as_cells and format not in CELLS:
        raise DataError(
            f"{file}: {format} does not fit into cells; write a .jsonl file, or export "
            f"{' or '.join(CELLS)} as .csv."
        )
    if not as_cells and file.suffix.lower() not in (".jsonl", ".json"):
        raise DataError(f"{file}: export writes .jsonl, .json or .csv files; name the file so.")
    splits = SPLITS if "{split}" in file.name else SPLITS[:1]
    targets = {split: file.with_name(file.name.replace("{split}", split)) for split in splits}
    for path in targets.values():
        if path.exists() or path.is_symlink():
            raise DataError(f"{path}: there already, and not replaced. Remove it, or export elsewhere.")
    return targets


def left_out(format: str) -> str:
    """Why rows have no place in a format: "they have no worse answer to compare with"."""
    return _LEFT_OUT[format]


def export_row(conversation: Conversation, format: str) -> dict[str, Any] | None:
    """One conversation in the shape of `format`; None where that shape has no room for it."""
    messages = conversation.messages
    row: dict[str, Any] | None
    if format == "messages":
        row = {"messages": [_openai(message) for message in messages]}
    elif format == "sharegpt":
        row = _sharegpt(messages)
    elif format == "prompt_completion":
        row = {
            "prompt": [_openai(message) for message in messages[:-1]],
            "completion": [_openai(messages[-1])],
        }
    elif format == "dpo":
        row = _pair(conversation)
    else:
        row = None if conversation.tools else _alpaca(messages)
    if row is None:
        return None
    if conversation.tools:
        tools = [json.loads(tool) for tool in conversation.tools]
        # ShareGPT's readers expect a column of one type, so the schemas are one text there.
        row["tools"] = json.dumps(tools, ensure_ascii=False) if format == "sharegpt" else tools
    if conversation.group is not None:
        row["group"] = conversation.group
    return row


def cell_row(conversation: Conversation, format: str) -> dict[str, str] | None:
    """One conversation as cells of text that no spreadsheet takes for a formula; None without room."""
    row = None if conversation.tools else _alpaca(conversation.messages)
    if row is None:
        return None
    if "history" in row:
        row["history"] = json.dumps(row["history"], ensure_ascii=False)
    if conversation.group is not None:
        row["group"] = conversation.group
    if format == "prompt_completion":
        row |= {"prompt": row.pop("instruction"), "completion": row.pop("output")}
    return {name: defused(row.get(name, "")) for name in CELLS[format]}


def _openai(message: Message) -> dict[str, Any]:
    row: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.thinking is not None:
        row["reasoning_content"] = message.thinking
    if message.tool_calls:
        row["tool_calls"] = [_openai_call(call) for call in message.tool_calls]
    return row | _answered(message)


def _openai_call(call: ToolCall) -> dict[str, Any]:
    made = {"type": "function", "function": {"name": call.name, "arguments": call.arguments}}
    return made if call.id is None else {"id": call.id, **made}


def _answered(message: Message) -> dict[str, str]:
    """What a result says of the call it answers."""
    known = {"name": message.name, "tool_call_id": message.tool_call_id}
    return {name: held for name, held in known.items() if held is not None}


def _sharegpt(messages: tuple[Message, ...]) -> dict[str, Any] | None:
    turns: list[dict[str, str]] = []
    for message in messages:
        if message.tool_calls and message.thinking is not None and not message.content.strip():
            return None  # thinking stands before what is said, and here nothing is
        if message.content.strip() or not message.tool_calls:
            said = {"from": _SPEAKERS[message.role], "value": _with_thinking(message)}
            turns.append(said | _answered(message))
        if message.tool_calls:
            calls = [_written(call) for call in message.tool_calls]
            value = calls[0] if len(calls) == 1 else f"[{', '.join(calls)}]"
            turns.append({"from": "function_call", "value": value})
    return {"conversations": turns}


def _written(call: ToolCall) -> str:
    if call.id is None:
        return call.text
    return f'{call.text[:-1]}, "id": {json.dumps(call.id, ensure_ascii=False)}}}'


def _pair(conversation: Conversation) -> dict[str, Any] | None:
    """Prompt, chosen and rejected as lists of messages, as TRL reads preferences."""
    if not conversation.rejected:
        return None
    shared = conversation.shared
    return {
        "prompt": [_openai(message) for message in conversation.messages[:shared]],
        "chosen": [_openai(message) for message in conversation.messages[shared:]],
        "rejected": [_openai(message) for message in conversation.rejected],
    }


def _with_thinking(message: Message) -> str:
    if message.thinking is None:
        return message.content
    return f"<think>\n{message.thinking}\n</think>\n\n{message.content}"


def _alpaca(messages: tuple[Message, ...]) -> dict[str, Any] | None:
    system = [message for message in messages if message.role == "system"]
    talk = [message for message in messages if message.role != "system"]
    if any(message.tool_calls for message in talk) or len(talk) % 2:
        return None
    if not talk or [turn.role for turn in talk] != ["user", "assistant"] * (len(talk) // 2):
        return None  # tools have no place in Alpaca
    texts = [_with_thinking(turn) for turn in talk]
    row: dict[str, Any] = {"instruction": texts[-2], "input": "", "output": texts[-1]}
    if system:
        row["system"] = system[0].content
    if len(texts) > 2:
        row["history"] = [[texts[at], texts[at + 1]] for at in range(0, len(texts) - 2, 2)]
    return row


def _write(path: Path, rows: Iterable[dict[str, Any]], cells: Sequence[str]) -> None:
    # Written beside and then moved, so that a full disk leaves no half file under the right name.
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".json":
            unfinished.write_text(json.dumps(list(rows), indent=2) + "\n", encoding="utf-8")
        elif path.suffix.lower() == ".csv":
            # With a mark at its beginning, without which Excel takes UTF-8 for something else.
            with open(unfinished, "w", newline="", encoding="utf-8-sig") as file:
                writer = csv.DictWriter(file, cells)
                writer.writeheader()
                writer.writerows(rows)
        else:
            write_jsonl(unfinished, rows)
        os.replace(unfinished, path)
    except OSError as error:
        with suppress(OSError):  # there is none where the folder cannot be made
            unfinished.unlink(missing_ok=True)
        raise DataError(f"{path}: cannot be written: {error.strerror or error}.") from None
