"""Talks with tools as programs keep them: every call, result and text, to the letter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from talkwright.config import Columns
from talkwright.data import read_conversations
from talkwright.data.reading.chat.turns import Draft
from talkwright.data.reading.shapes.formats import read_row
from talkwright.types import Message, ToolCall

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = json.dumps({"type": "function", "function": {"name": "look", "parameters": SCHEMA}})


def told(text: str = "", result: str = "3 °C", id: str | None = "c1") -> tuple[Message, ...]:
    call = ToolCall("look", '{"city": "Köln", "far": 1.10}', id)
    return (Message("user", "Warm?"), Message("assistant", text, None, (call,)),
            Message("tool", result, None, (), None, id), Message("assistant",
                                                                 "No:\n\n3 °C."))  # fmt: skip


def learnt(row: Any) -> Draft:
    found = read_row(json.loads(json.dumps(row)), "auto", Columns())
    assert isinstance(found, Draft), found
    return found


def read(path: Path, rows: list[Any]) -> list[tuple[Message, ...]]:
    path.write_text(
        "".join(json.dumps(row, ensure_ascii=False).replace("1.1}", "1.10}") + "\n" for row in rows)
    )
    return [talk.messages for talk in read_conversations(path)]


ARGUMENTS = {"city": "Köln", "far": 1.1}

# --- OpenAI's Responses --------------------------------------------------------------------------

ASKED = {"role": "user", "content": [{"type": "input_text", "text": "Warm?"}]}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "look", "status": "completed",
        "arguments": '{"city": "Köln", "far": 1.10}'}  # fmt: skip
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "3 °C"}
ANSWER = {"type": "message", "id": "m", "status": "completed", "role": "assistant",
          "content": [{"type": "output_text", "text": "No:\n\n3 °C.", "annotations": []}]}  # fmt: skip
RESPONSES: dict[str, Any] = {
    "input and output": {"input": [ASKED, CALL, RESULT], "output": [ANSWER]},
    "all in one": {"input": [ASKED, CALL, RESULT, ANSWER]},
    "result behind": {"input": "Warm?", "output": [CALL, RESULT, ANSWER]},
    "messages": {"messages": [ASKED, CALL, RESULT, ANSWER]},
    "items": {"items": [{**ASKED, "type": "message"}, CALL, RESULT, ANSWER]},
    "a text came back": {"input": [ASKED, CALL, RESULT], "output": "No:\n\n3 °C."},
    "request": {"request": {"input": [ASKED, CALL, RESULT]}, "response": {"id": "r",
                                                                          "output": [ANSWER]}},
    "batch": {"custom_id": "1", "body": {"input": [ASKED, CALL, RESULT]},
              "response": {"status_code": 200, "body": {"output": [ANSWER]}}},
    "beside": {"input": [ASKED, CALL, RESULT], "response": {"output": [ANSWER]}},
    "parts came back": {"input": [ASKED, CALL, {**RESULT, "output": [{"type": "input_text",
                                                                      "text": "3 °C"}]}],
                        "output": [ANSWER]},
}  # fmt: skip


@pytest.mark.parametrize("name", RESPONSES)
def test_items_of_responses(tmp_path: Path, name: str) -> None:
    row = RESPONSES[name]
    assert learnt(row).messages == told()
    assert learnt(row).marks == ()
    flat = {"type": "function", "name": "look", "parameters": SCHEMA}
    inner = next((key for key in ("request", "body") if key in row), None)
    more = {"instructions": "Be kind.", "tools": [flat]}
    row = {**row, inner: {**row[inner], **more}} if inner else {**row, **more}
    if name not in ("messages",):
        assert learnt(row).messages == (Message("system", "Be kind."), *told())
    assert learnt(row).tools == (TOOL,)
    assert read(tmp_path / "a.jsonl", [row, row])[1][-4:] == told()


def test_several_calls_thoughts_and_refusals() -> None:
    other = {**CALL, "call_id": "c2"}
    thought = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "hm"}],
        "encrypted_content": "x",
    }
    said = {"type": "message", "role": "assistant", "content": "I look."}
    row = {
        "input": [ASKED],
        "output": [thought, said, CALL, other, {**RESULT, "call_id": "c2"}, RESULT, thought, ANSWER],
    }
    found = learnt(row)
    assert [(m.role, m.content, m.thinking, [c.id for c in m.tool_calls]) for m in found.messages] == [
        ("user", "Warm?", None, []), ("assistant", "I look.", "hm", ["c1", "c2"]), ("tool", "3 °C",
                                                                                    None, []),
        ("tool", "3 °C", None, []), ("assistant", "No:\n\n3 °C.", "hm", []),
    ]  # fmt: skip
    row = {"input": "Warm?", "output": [{**ANSWER, "content": [{"type": "refusal", "refusal": "No."}]}]}
    assert learnt(row).messages == (Message("user", "Warm?"), Message("assistant", "No."))


def test_items_that_are_no_turns_are_not_called_pictures() -> None:
    for kind in ("web_search_call", "file_search_call", "custom_tool_call"):
        row = {"input": "Warm?", "output": [{"type": kind, "id": "1"}, ANSWER]}
        assert read_row(row, "auto", Columns()) == "not_a_message"
    for row in ({"input": "Warm?", "response": {"text": "x"}},
                {"request": {}, "response": {}}, {"response": {"response": {}}}):  # fmt: skip
        assert isinstance(read_row(row, "auto", Columns()), str)


# --- Gemini --------------------------------------------------------------------------------------


def gemini(
    call: str = "functionCall", result: str = "functionResponse", role: str = "user"
) -> list[dict[str, Any]]:
    return [
        {"role": "user", "parts": [{"text": "Warm?"}]},
        {"role": "model", "parts": [{"text": "I look."}, {call: {"id": "c1", "name": "look",
                                                                 "args": ARGUMENTS}}]},
        {"role": role, "parts": [{result: {"id": "c1", "name": "look", "response": {"t": 3}}}]},
        {"role": "model", "parts": [{"text": "So", "thought": True}, {"text": "No:\n\n3 °C."}]},
    ]  # fmt: skip


@pytest.mark.parametrize("names", [(), ("function_call", "function_response", "function")])
def test_contents_of_gemini(tmp_path: Path, names: tuple[str, ...]) -> None:
    asked, called, _, answer = told("I look.", '{"t": 3}')
    wanted = (asked, called, Message("tool", '{"t": 3}', None, (), "look", "c1"),
              Message("assistant", answer.content, "So"))  # fmt: skip
    tools = [{"functionDeclarations": [{"name": "look", "parameters": SCHEMA}]}]
    *before, last = gemini(*names)
    rows = [{"contents": gemini(*names), "tools": tools},
            {"contents": before, "response": {"candidates": [{"content": last}]}, "tools": tools},
            {"request": {"contents": before, "tools": tools},
             "response": {"candidates": [{"content": last}, {}]}}]  # fmt: skip
    assert read(tmp_path / "a.jsonl", rows) == [wanted] * 3
    assert all(learnt(row).tools == (TOOL,) for row in rows)


# --- Bedrock -------------------------------------------------------------------------------------


def test_messages_of_bedrock(tmp_path: Path) -> None:
    result = {"toolResult": {"toolUseId": "c1", "content": [{"text": "3 °C"}], "status": "success"}}
    row: dict[str, Any] = {
        "messages": [
            {"role": "user", "content": [{"text": "Warm?"}]},
            {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c1", "name": "look",
                                                           "input": ARGUMENTS}}]},
            {"role": "user", "content": [result]},
            {"role": "assistant", "content": [{"text": "No:\n\n3 °C."}]},
        ],
        "toolConfig": {"tools": [{"toolSpec": {"name": "look", "inputSchema": {"json": SCHEMA}}}]},
    }  # fmt: skip
    assert read(tmp_path / "a.jsonl", [row]) == [told()]
    assert learnt(row).tools == (TOOL,)
    result["toolResult"]["content"] = [{"json": {"t": 3}}]
    assert learnt(row).messages[2].content == '{"t": 3}'


# --- LangChain -----------------------------------------------------------------------------------


def langchain(make: Any) -> list[Any]:
    call = {"name": "look", "args": ARGUMENTS, "id": "c1", "type": "tool_call"}
    return [make("human", content="Warm?"), make("ai", content="", tool_calls=[call]),
            make("tool", content="3 °C", tool_call_id="c1"), make("ai", content="No:\n\n3 °C.",
                                                                  tool_calls=[])]  # fmt: skip


NAMES = {"human": "HumanMessage", "ai": "AIMessageChunk", "tool": "ToolMessage"}
LANGCHAIN: dict[str, Any] = {
    "data": lambda kind, **held: {"type": kind, "data": held},
    "flat": lambda kind, **held: {"type": kind, **held},
    "flat, by class": lambda kind, **held: {"type": NAMES[kind], **held},
    "constructor": lambda kind, **held: {"lc": 1, "type": "constructor", "kwargs": held,
                                         "id": ["langchain", "schema", "messages", NAMES[kind]]},
}  # fmt: skip


@pytest.mark.parametrize("kind", LANGCHAIN)
@pytest.mark.parametrize("name", ["messages", "chat_history", "History", None])
def test_messages_of_langchain(tmp_path: Path, kind: str, name: str | None) -> None:
    turns = langchain(LANGCHAIN[kind])
    row = turns if name is None else {"SessionId": "s", name: turns}
    assert read(tmp_path / "a.jsonl", [row, row]) == [told()] * 2
    (tmp_path / "a.json").write_text(json.dumps([row, row]).replace("1.1}", "1.10}"))
    assert [talk.messages for talk in read_conversations(tmp_path / "a.json")] == [told()] * 2


def test_typed_rows_of_others_are_not_langchains() -> None:
    items = [
        {"type": "human", "content": "x", "speaker": "ai"},
        {"type": "ai", "content": "y", "speaker": "human"},
    ]
    assert [turn.role for turn in learnt(items).messages] == ["assistant", "user"]
    assert (
        read_row([{"type": "text", "content": "x"}, {"type": "ai", "content": "y"}], "auto", Columns())
        == "not_an_object"
    )
