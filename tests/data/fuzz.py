"""Makes files that are wrong in some way from files that are right, and reads them.

Each input is made from a number alone: good rows of a random shape are changed in structure, written in
a random container, changed in their bytes, and packed. `python fuzz.py FIRST COUNT` reads some and
prints, as JSON, what came of them and how much memory it took; anything but rows or a TalkwrightError
is a failure.
"""

from __future__ import annotations

import copy
import csv
import gzip
import io
import json
import random
import re
import resource
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talkwright.config import DataSection
from talkwright.data import prepare
from talkwright.data.entries import Entry, enter
from talkwright.data.ledger import as_table
from talkwright.data.reading import containers
from talkwright.data.reading.containers import read_chunks, rows_of
from talkwright.data.reading.disk import streams
from talkwright.data.reading.kinds import jsonfiles, tables
from talkwright.errors import TalkwrightError
from talkwright.types import to_json

FORMATS = (
    "messages",
    "sharegpt",
    "alpaca",
    "prompt_completion",
    "preference",
    "arena",
    "tree",
    "chatgpt",
    "summary",
    "translation",
    "transcript",
)
TELL: Counter[str] | None = None  # counts what errors say, where somebody wants to know
PREPARED = 40  # one input in so many goes through the whole data stage


@dataclass(frozen=True, slots=True)
class Case:
    """One input: a file, and how the recipe speaks of it. `small` reads it in pieces of few bytes."""

    name: str
    data: bytes
    section: dict[str, Any]
    small: int | None


# --- good rows -----------------------------------------------------------------------------------

_WORDS = [
    "where",
    "is",
    "the",
    "key",
    "under",
    "mat",
    "wie",
    "geht",
    "es",
    "dir",
    "お元気ですか",
    "مرحبا",
    "🙂",
    "it's",
    "“quoted”",
    '"so"',
    "<b>bold</b>",
    "&amp;",
    "C:\\Users\\new",
    "a,b;c|d\te",
    "mail@example.com",
    "+49",
    "30",
    "1234567",
    "https://x.example/a?b=c",
    "4111111111111111",
    "don't",
    "Ã¤Ã¶",
    "café",
    "1,5",
    "None",
    "True",
    "null",
    "{x}",
    "[y]",
    "\u2028",
    "\u202eabc\u202c",
]


def text(rng: random.Random) -> str:
    """Some words, rarely many."""
    words = rng.choices(_WORDS, k=rng.choice((0, 1, 1, 2, 3, 5, 8, 13, 60)))
    return rng.choice((" ", " ", " ", "\n")).join(words) + rng.choice("?.! ")


def turns(rng: random.Random, role: str = "role", said: str = "content") -> list[dict[str, Any]]:
    """A conversation as a list of turns."""
    names = ("human", "gpt") if role == "from" else ("user", "assistant")
    found = [{role: names[at % 2], said: text(rng)} for at in range(rng.choice((1, 2, 2, 4, 6)))]
    if rng.random() < 0.2:
        found.insert(0, {role: "system", said: text(rng)})
    return found


def tree(rng: random.Random, depth: int = 0) -> dict[str, Any]:
    """A node of a tree of messages, as OASST has them."""
    replies = [tree(rng, depth + 1) for _ in range(rng.choice((0, 1, 2)) if depth < 4 else 0)]
    role = ("prompter", "assistant")[depth % 2]
    return {"text": text(rng), "role": role, "rank": rng.choice((0, 1, None)), "replies": replies}


def export(rng: random.Random) -> dict[str, Any]:
    """A conversation as ChatGPT exports it."""
    nodes: dict[str, Any] = {"n0": {"id": "n0", "message": None, "parent": None, "children": ["n1"]}}
    size = rng.randint(1, 6)
    for at in range(1, size):
        said = {
            "author": {"role": ("assistant", "user")[at % 2]},
            "content": {"content_type": "text", "parts": [text(rng)]},
            "metadata": {},
        }
        children = [f"n{at + 1}"] if at + 1 < size else []
        nodes[f"n{at}"] = {"id": f"n{at}", "message": said, "parent": f"n{at - 1}", "children": children}
    return {"title": text(rng), "mapping": nodes, "current_node": f"n{size - 1}"}


def battle(rng: random.Random) -> dict[str, Any]:
    """An Arena battle."""
    found: dict[str, Any] = {
        "model_a": "x",
        "model_b": "y",
        "winner": rng.choice(("model_a", "model_b", "tie")),
    }
    if rng.random() < 0.5:
        return {
            **found,
            "conversation_a": turns(rng),
            "conversation_b": turns(rng),
            "tstamp": 1e9,
            "language": "English",
            "openai_moderation": {"flagged": False},
        }
    return {
        **found,
        "prompt": json.dumps([text(rng)]),
        "response_a": json.dumps([text(rng)]),
        "response_b": json.dumps([text(rng)]),
    }


def program(rng: random.Random) -> Any:
    """A talk with a call in it, as programs keep theirs."""
    ask, said, gave = text(rng), text(rng), text(rng)
    call = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"a": 1}'}
    result = {"type": "function_call_output", "call_id": "c1", "output": gave}
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": text(rng)}]}
    message = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": said}],
    }
    user = {"role": "user", "content": ask}
    asked = {"function": {"name": "look", "arguments": "{}"}, "id": "c1", "type": "function"}
    body = {"model": "m", "messages": [user]}
    choice = {"index": 0, "message": {"role": "assistant", "content": said}}
    return rng.choice(
        (
            {"input": [user, call, result], "output": [thought, message]},
            {"input": ask, "instructions": said, "output": [call, result, message]},
            {"request": {"input": [user]}, "response": {"id": "r", "output": [message]}},
            {"custom_id": "1", "body": body, "response": {"body": {"choices": [choice]}}},
            {"request": body, "response": {"choices": [choice]}},
            {"messages": [user, {"role": "assistant", "tool_calls": [asked]},
                          {"role": "tool", "content": gave, "tool_call_id": "c1"},
                          {"role": "assistant", "content": said}],
             "tools": [{"type": "function", "function": {"name": "look", "parameters": {}}}]},
            {"contents": [{"role": "user", "parts": [{"text": ask}]},
                          {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {}}}]},
                          {"role": "user", "parts": [
                              {"functionResponse": {"name": "look", "response": {"a": 1}}}]},
                          {"role": "model", "parts": [{"text": said}]}],
             "systemInstruction": {"parts": [{"text": gave}]}},
            {"messages": [{"role": "user", "content": [{"text": ask}]},
                          {"role": "assistant", "content": [
                              {"toolUse": {"toolUseId": "t", "name": "look", "input": {"a": 1}}}]},
                          {"role": "user", "content": [
                              {"toolResult": {"toolUseId": "t", "content": [{"json": {"b": 2}}]}}]},
                          {"role": "assistant", "content": [{"text": said}]}]},
            {"messages": [user, {"role": "assistant", "content": [
                              {"type": "text", "text": said},
                              {"type": "tool_use", "id": "t", "name": "look", "input": {"a": 1}}]},
                          {"role": "user", "content": [
                              {"type": "tool_result", "tool_use_id": "t", "content": gave}]},
                          {"role": "assistant", "content": said}]},
            {"History": [{"type": "human", "data": {"content": ask}},
                         {"type": "ai", "data": {"content": "", "tool_calls": [
                             {"name": "look", "args": {"a": 1}, "id": "c1", "type": "tool_call"}]}},
                         {"type": "tool", "data": {"content": gave, "tool_call_id": "c1"}},
                         {"type": "ai", "data": {"content": said}}]},
            {"chat_messages": [{"sender": "human", "text": ask,
                                "content": [{"type": "text", "text": ask}]},
                               {"sender": "assistant", "text": said, "attachments": []}], "uuid": "u"},
        )
    )  # fmt: skip


def desk(rng: random.Random) -> Any:
    """A talk of people, as desks and messengers export theirs."""
    ask, said, more = text(rng), text(rng), text(rng)
    return rng.choice(
        (
            {"id": 5, "requester_id": 7, "comments": [
                {"author_id": 7, "body": ask, "public": True},
                {"author_id": 9, "body": more, "public": False},
                {"author_id": 8, "body": said, "public": True}]},
            {"guild": {"id": "1"}, "channel": {"id": "2", "name": "help"}, "messages": [
                {"id": "0", "type": "Default", "content": ask,
                 "author": {"id": "0", "name": "Ann", "isBot": False}},
                {"id": "1", "type": "Default", "content": said,
                 "author": {"id": "1", "name": "Bo", "isBot": False}}]},
            {"type": "conversation", "id": "1", "source": {"body": ask, "author": {"type": "user"}},
             "conversation_parts": {"conversation_parts": [
                 {"part_type": "comment", "body": said, "author": {"type": "admin", "name": "Bo"}}]}},
            {"no": 5, "thread": [
                {"channel": "email", "from": "customer", "at": "2024-05-01", "body": ask},
                {"channel": "email", "from": "agent", "at": "2024-05-02", "body": said}]},
            {"dialogue_id": "1", "services": ["hotel"], "turns": [
                {"speaker": "USER", "utterance": ask, "turn_id": "0"},
                {"speaker": "SYSTEM", "utterance": said, "turn_id": "1"}]},
            {"dialog": [ask, said, more], "act": [1, 2, 1], "emotion": [0, 0, 0]},
            {"prompt": ask, "responses": [said, more], "ranks": [2, 1]},
            {"question": ask, "response_j": said, "response_k": more, "winner": "response_k"},
            {"prompt": ask, "answers": [{"answer": said, "rank": 2.0}, {"answer": more, "rank": 1}]},
            {"prompt": ask, "completion": said, "facts": [["mat", "rug"], "under"], "thread_id": 7},
            {"history": [[ask, said]], "instruction": more, "output": said},
            {"prompt": ask, "completion": said, "label": True},
        )
    )  # fmt: skip


def row(rng: random.Random) -> Any:
    """A good row of a random shape."""
    shape = rng.randrange(18)
    if shape > 15:
        return desk(rng)
    if shape > 13:
        return program(rng)
    if shape < 2:
        return {"messages": turns(rng)}
    if shape == 2:
        return turns(rng)
    if shape < 5:
        return {"conversations": turns(rng, "from", "value"), "id": rng.randrange(99)}
    if shape == 5:
        return {"instruction": text(rng), "input": text(rng), "output": text(rng)}
    if shape < 8:
        return {"prompt": text(rng), "completion": text(rng)}
    if shape == 8:
        return {
            "prompt": text(rng),
            "chosen": rng.choice((text(rng), turns(rng))),
            "rejected": text(rng),
        }
    if shape == 9:
        return battle(rng)
    if shape == 10:
        return {"prompt": tree(rng), "message_tree_id": "t"}
    if shape == 11:
        return export(rng)
    if shape == 12:
        return {"text": f"Human: {text(rng)}\n\nAssistant: {text(rng)}"}
    return rng.choice(
        (
            {"article": text(rng), "highlights": text(rng)},
            {"translation": {"en": text(rng), "de": text(rng)}},
            {
                "question": text(rng),
                "context": text(rng),
                "answers": {"text": [text(rng)], "answer_start": [1]},
            },
        )
    )


def like(first: Any, rng: random.Random, count: int) -> list[Any]:
    """Rows with the columns of `first`."""
    found = [first]
    for _ in range(50 * count):
        other = row(rng)
        if type(other) is type(first) and (isinstance(other, list) or other.keys() == first.keys()):
            found.append(other)
        if len(found) == count:
            break
    return found


# --- changes of structure ------------------------------------------------------------------------


def odd_value(rng: random.Random) -> Any:
    """A value where nobody expects it."""
    deep: Any = []
    for _ in range(rng.choice((3, 200))):
        deep = [deep] if rng.random() < 0.5 else {"messages": deep}
    odd: tuple[Any, ...] = (
        None,
        True,
        False,
        0,
        -1,
        10**30,
        1e308,
        float("nan"),
        float("inf"),
        "",
        " ",
        "\0",
        "\ud800",
        "\udfff\ud800",
        "\u202e\u2066",
        "\ufeff",
        "a" * 5000,
        [],
        {},
        [[]],
        [None],
        [{}],
        {"": ""},
        deep,
        "[" * 3000,
        "{" * 3000,
        "array(" * 3000,
        "{'a':" * 3000,
        "[(" * 3000,
        "{'a': None}",
        "[{'role': 'user', 'content': 'x'}\n {'role': 'assistant'}]",
        "array([1])",
        '{"role": "user"}',
        10**4000,
        "{" * 50 + '"',
        "\x1b[31m",
        "=1+1",
        "-1e999",
        "1e5",
    )
    return copy.deepcopy(rng.choice(odd))


def changed(rng: random.Random, value: Any) -> Any:
    """The value with one change somewhere in it."""
    holders: list[Any] = []

    def collect(inner: Any) -> None:
        if isinstance(inner, dict) and inner:
            holders.append(inner)
            for item in inner.values():
                collect(item)
        elif isinstance(inner, list) and inner:
            holders.append(inner)
            for item in inner:
                collect(item)

    collect(value)
    if not holders or rng.random() < 0.05:
        return odd_value(rng)
    held = rng.choice(holders)
    key = rng.choice(list(held)) if isinstance(held, dict) else rng.randrange(len(held))
    kind = rng.randrange(8)
    if kind < 3:
        held[key] = odd_value(rng)
    elif kind == 3:
        del held[key]
    elif kind == 4 and isinstance(held, dict):
        names = (
            "role",
            "Content",
            "from",
            "messages",
            "mapping",
            "chosen",
            "rejected",
            "winner",
            "model_a",
            "prompt",
            "conversation_a",
            "replies",
            "facts",
            "history",
            "system",
            "translation",
            "text",
            "tool_calls",
            "label",
            "user_id",
            "openai_moderation",
            "current_node",
            "answers",
            "",
            "tstamp",
        )
        held[rng.choice(names)] = rng.choice((held[key], odd_value(rng)))
    elif kind == 5:
        held[key] = json.dumps(held[key], allow_nan=True)
    elif kind == 6:
        held[key] = str(held[key])[:10_000] if not isinstance(held[key], int) else "0"
    elif isinstance(held, list):
        held.insert(key, copy.deepcopy(held[key]))
    else:
        held[key] = [held[key]]
    return value


# --- containers ----------------------------------------------------------------------------------


def _dumped(value: Any, rng: random.Random) -> str:
    try:
        return json.dumps(value, ensure_ascii=rng.random() < 0.5)
    except (ValueError, RecursionError):  # numbers of more digits than Python writes
        return '{"prompt": ' + "9" * 5000 + ', "completion": "x"}'


def as_jsonl(rows: list[Any], rng: random.Random) -> str:
    """A row a line."""
    end = rng.choice(("\n", "\n", "\r\n", "\n\n", " \n"))
    return end.join(_dumped(value, rng) for value in rows) + rng.choice(("", end))


def as_json(rows: list[Any], rng: random.Random) -> str:
    """An array, on one line, on several, or in an object."""
    held = ",".join(_dumped(value, rng) + rng.choice(("", "\n", " ")) for value in rows)
    kind = rng.randrange(5)
    if kind == 0:
        return '{"data": [' + held + "]}"
    if kind == 1:
        return (
            json.dumps(json.loads("[" + held + "]"), indent=2) if len(held) < 4000 else "[" + held + "]"
        )
    return "[" + held + "]"


def as_csv(rows: list[Any], rng: random.Random, delimiter: str) -> str:
    """A table; cells that are no text are JSON, or what Python prints."""
    flat = [value if isinstance(value, dict) else {"messages": value} for value in rows]
    names = list(dict.fromkeys(str(key) for value in flat for key in value)) or ["prompt", "completion"]
    out = io.StringIO()
    writer = csv.writer(
        out,
        delimiter=delimiter,
        quoting=rng.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)),
        lineterminator=rng.choice(("\n", "\r\n")),
    )
    writer.writerow(names)
    for value in flat:
        cells = [value.get(name, "") for name in names]
        writer.writerow(
            [
                cell
                if isinstance(cell, str)
                else (
                    repr(cell)
                    if rng.random() < 0.3 and not isinstance(cell, int)
                    else _dumped(cell, rng)
                )
                for cell in cells
            ]
        )
    return out.getvalue()


def as_parquet(rows: list[Any], rng: random.Random) -> bytes:
    """A Parquet file; of text alone where the rows do not fit together."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    flat = [value if isinstance(value, dict) else {"messages": value} for value in rows]
    try:
        table = pa.Table.from_pylist(flat)
        if not table.num_columns:
            raise ValueError("no columns")
    except (pa.ArrowException, ValueError, TypeError, OverflowError, AttributeError, RecursionError):
        lines = [_dumped(value, rng).encode("utf-8", "surrogatepass") for value in flat]
        kind = pa.binary() if rng.random() < 0.5 else pa.string()
        table = pa.table(
            {
                "messages": pa.array(lines, pa.binary()).cast(kind, safe=False)
                if kind == pa.binary()
                else pa.array([x.decode("utf-8", "replace") for x in lines])
            }
        )
    sink = io.BytesIO()
    try:
        pq.write_table(
            table,
            sink,
            compression=rng.choice(("none", "snappy", "zstd", "gzip")),
            row_group_size=rng.choice((1, 2, 100)),
            use_dictionary=rng.random() < 0.5,
        )
    except (pa.ArrowException, ValueError):  # a struct without fields
        pq.write_table(pa.table({"text": ["x"]}), sink)
    return sink.getvalue()


_ENCODINGS = (
    *["utf-8"] * 20,
    "utf-8-sig",
    "utf-8-sig",
    "utf-16",
    "utf-32",
    "utf-16-le",
    "cp1252",
    "latin-1",
)


def encoded(content: str, rng: random.Random) -> bytes:
    """Bytes of a text; lone surrogates as WTF-8."""
    encoding = rng.choice(_ENCODINGS)
    errors = "surrogatepass" if encoding.startswith("utf") else "replace"
    return content.encode(encoding, errors)


_TOKENS = (
    b'"',
    b"'",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\\",
    b"\n",
    b"\r",
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"9" * 5000,
    b"[" * 2000,
    b'{"a":' * 2000,
    b'"role": "user", ',
    b"\x1f\x8b",
    b"PK\x03\x04",
    b"PAR1",
    b"\xe2\x80\xae",
    b"\xe2\x80\xa8",
    b"\\u0000",
    b"\\ud800",
    b"\\udfff\\ud800",
    b'""',
    b"None",
    b"\n" * 200,
    b"," * 500,
    b" " * 3000,
    b"=cmd|' /C calc'!A0",
    b"#",
    b"\x80",
    b"\\",
    b"\t",
)


def damaged(data: bytes, rng: random.Random) -> bytes:
    """The bytes with one change."""
    at = rng.randrange(len(data) + 1)
    to = min(len(data), at + rng.choice((1, 1, 2, 5, 40, 400)))
    kind = rng.randrange(9)
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + data[to:]
    if kind == 2:
        return data[:to] + data[at:]
    if kind < 6:
        return data[:at] + rng.choice(_TOKENS) + data[at if rng.random() < 0.6 else to :]
    if kind == 6:
        return data[:at] + rng.randbytes(to - at) + data[to:]
    if kind == 7:
        one, other = rng.choice(
            ((b'"', b"'"), (b'"', b"\xe2\x80\x9c"), (b"\\", b"\\\\"), (b"\n", b""), (b",", b""))
        )
        return data.replace(one, other)
    return (
        data[:at]
        + (bytes([data[at] ^ (1 << rng.randrange(8))]) if at < len(data) else b"")
        + data[at + 1 :]
    )


def packed(data: bytes, name: str, rng: random.Random) -> tuple[bytes, str]:
    """The file packed with gzip or zip, sometimes twice, sometimes beside others."""
    kind = rng.randrange(16)
    if kind < 13:
        return data, name
    if kind == 13:
        half = rng.randrange(len(data) + 1)
        parts = (data,) if rng.random() < 0.7 else (data[:half], data[half:])
        return b"".join(gzip.compress(part, 1) for part in parts), name + rng.choice((".gz", ".gz", ""))
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED))) as archive:
        archive.writestr(name, data)
        if rng.random() < 0.4:
            odd = (
                "b.jsonl",
                "../c.jsonl",
                "/etc/d.jsonl",
                "e/",
                "f.json.gz",
                "__MACOSX/g.json",
                "h\0.json",
                "\u202ei.csv",
                "C:\\j.csv",
                "k.parquet",
            )
            archive.writestr(rng.choice(odd), rng.choice((data, b"", gzip.compress(data, 1))))
    if kind == 15:
        return gzip.compress(held.getvalue(), 1), "a.jsonl.gz"
    return held.getvalue(), rng.choice(("a.zip", name))


def case(number: int) -> Case:
    """Input `number`."""
    rng = random.Random(number)
    rows = [row(rng) for _ in range(rng.choice((1, 1, 2, 3, 5, 12)))]
    suffix = rng.choice(
        (".jsonl", ".jsonl", ".jsonl", ".json", ".json", ".csv", ".csv", ".tsv", ".parquet")
    )
    if suffix in (".csv", ".tsv", ".parquet") and rng.random() < 0.8:  # a table is of one shape
        rows = like(rows[0], rng, len(rows))
    for _ in range(rng.choice((0, 0, 1, 1, 2, 4))):
        at = rng.randrange(len(rows))
        rows[at] = changed(rng, rows[at])
    if suffix == ".parquet":
        data = as_parquet(rows, rng)
    elif suffix == ".jsonl":
        data = encoded(as_jsonl(rows, rng), rng)
    elif suffix == ".json":
        data = encoded(as_json(rows, rng), rng)
    else:
        data = encoded(as_csv(rows, rng, "\t" if suffix == ".tsv" else rng.choice(",;|")), rng)
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 3, 8))):
        data = damaged(data, rng)
    if rng.random() < 0.1:
        suffix = rng.choice((".jsonl", ".json", ".csv", ".tsv", ".parquet", ".ndjson", ".txt"))
    data, name = packed(data, f"a{suffix}", rng)
    if rng.random() < 0.05:
        data = damaged(data, rng)
    source: dict[str, Any] = {"path": name}
    if rng.random() < 0.06:
        source["format"] = rng.choice(FORMATS)
    if rng.random() < 0.02:
        source["columns"] = {
            "prompt": rng.choice(("prompt", "instruction", "id")),
            "completion": "completion",
        }
    if rng.random() < 0.1:
        source["arena"] = {
            "ties": "first",
            "languages": ["english"],
            "since": "2001-01-01",
            "flagged": "drop",
        }
    section = {"sources": [source], "pii": rng.choice(("mask", "mask", "flag", "drop", "keep"))}
    section |= {"fix_unicode": rng.random() < 0.8, "strip_html": rng.random() < 0.8}
    small = rng.choice((None, None, 7, 65, 301, 64)) if len(data) < 20_000 else None
    return Case(name, data, section, small)


# --- reading -------------------------------------------------------------------------------------


@contextmanager
def pieces_of(size: int | None) -> Iterator[None]:
    """Have files read in pieces of `size` bytes, as if each were a large one; None for as usual."""
    if size is None:
        yield
        return
    wanted: list[tuple[Any, str, int]] = [
        (containers, "_SMALL", size),
        (containers, "PIECE", size),
        (containers, "_BLOCK", size),
        (containers, "_ROWS", 2),
        (containers, "_LARGEST", 2**28 if size % 2 else size * 20),
        (streams, "PIECE", size),
        (streams, "LONGEST_LINE", max(size * 40, 3000)),
        (containers, "LONGEST_LINE", max(size * 40, 3000)),
        (jsonfiles, "_LARGEST_VALUE", max(size * 40, 3000)),
        (jsonfiles, "_STEP", size),
        (tables, "_FIELD_LIMIT", 2**24),
    ]
    before = [(module, name, getattr(module, name)) for module, name, _ in wanted]
    try:
        for module, name, value in wanted:
            setattr(module, name, value)
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def entries_of(path: Path, section: DataSection) -> list[Entry]:
    """What each row of a file became."""
    source = section.sources[0]
    return [
        enter(found, source, path.name, section)
        for chunk in read_chunks(path, path.name, source.columns)
        for found in rows_of(chunk)
    ]


def outcome(made: Case, folder: Path, whole: bool) -> str:
    """What comes of an input: "rows", "no rows", or the class of a TalkwrightError."""
    path = folder / made.name
    path.write_bytes(made.data)
    section = DataSection.model_validate(made.section)
    section.sources[0].__dict__["path"] = str(path)
    try:
        with pieces_of(made.small):
            if whole:
                counts = prepare(section, seed=0, out=folder / "out", workers=0)
                return "rows" if counts.kept else "no rows"
            entries = entries_of(path, section)
            as_table([entry.row for entry in entries])
            for entry in entries:
                json.dumps(to_json(entry.conversation)).encode()
            return "rows" if any(entry.conversation for entry in entries) else "no rows"
    except TalkwrightError as error:
        str(error).encode("utf-8", "surrogateescape")
        if TELL is not None:
            TELL[re.sub(r"[0-9]+|'[^']*'", "_", str(error).replace(str(folder), ""))[:70]] += 1
        return type(error).__name__
    finally:
        path.unlink()


def _mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(first: int, count: int) -> dict[str, Any]:
    """Read `count` inputs: what came of them, the seconds, and the peak memory (MiB above the start)."""
    import pyarrow.compute
    import pyarrow.parquet  # noqa: F401 - what the libraries take is not what an input takes

    since, start = time.time(), _mebibytes()
    counts: Counter[str] = Counter()
    failures: list[dict[str, Any]] = []
    slowest, hungriest = (0.0, -1), (0.0, -1)
    for number in range(first, first + count):
        began, before = time.time(), _mebibytes()
        made = case(number)
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            try:
                counts[outcome(made, Path(folder), number % PREPARED == 0)] += 1
            except Exception as error:  # noqa: BLE001 - this is what is looked for
                counts[f"FAILED {type(error).__name__}"] += 1
                failures.append(
                    {"number": number, "name": made.name, "trace": traceback.format_exc()[-1500:]}
                )
        slowest = max(slowest, (time.time() - began, number))
        hungriest = max(hungriest, (_mebibytes() - before, number))
    return {
        "counts": dict(counts),
        "failures": failures[:50],
        "seconds": time.time() - since,
        "peak": _mebibytes() - start,
        "slowest": slowest,
        "hungriest": hungriest,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(int(sys.argv[1]), int(sys.argv[2]))))
