"""Tools as structure: every usual spelling is read, kept through cleaning, and safe to be shown."""

# ruff: noqa: E501 - tables

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from as_read import draft_of as read

from talkwright.config import Columns, DataSection
from talkwright.data import prepare, read_conversations, read_dataset
from talkwright.data.cleaning.clean import clean
from talkwright.data.cleaning.masks import protect
from talkwright.data.reading.shapes.formats import read_row
from talkwright.runs import read_parquet
from talkwright.types import Conversation, Message, ToolCall, conversation_from_json, spoken, to_json

FUNCTION = {
    "name": "weather", "description": "Gets it.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}  # fmt: skip
TOOL = {"type": "function", "function": FUNCTION}
ARGUMENTS = {"city": "Ulm", "days": 2}
CALL = ToolCall("weather", '{"city": "Ulm", "days": 2}')
USER, RESULT, ANSWER = (
    {"role": "user", "content": "Weather?"},
    {"role": "tool", "content": "sun"},
    {"role": "assistant", "content": "Sunny."},
)
CHAT = (
    Message("user", "Weather?"), Message("assistant", "", tool_calls=(CALL,)), Message("tool", "sun"),
    Message("assistant", "Sunny."),
)  # fmt: skip


def calling(**call: Any) -> dict[str, Any]:
    turn = {"role": "assistant", "content": None, **call}
    return {"messages": [USER, turn, RESULT, ANSWER]}


@pytest.mark.parametrize(
    "row",
    [
        calling(tool_calls=[{"type": "function",
                             "function": {"name": "weather", "arguments": ARGUMENTS}}]),
        calling(tool_calls=[{"function": {"name": "weather", "arguments": json.dumps(ARGUMENTS)}}]),
        calling(tool_calls=[{"name": "weather", "arguments": ARGUMENTS}]),
        calling(tool_calls=[{"name": "weather", "parameters": ARGUMENTS}]),
        calling(tool_calls=json.dumps([{"name": "weather", "arguments": ARGUMENTS}])),
        calling(function_call={"name": "weather", "arguments": json.dumps(ARGUMENTS)}),
        calling(content=[{"type": "tool_call", "value": json.dumps({"name": "weather",
                                                                    "arguments": ARGUMENTS})}]),
        calling(content=[{"type": "tool_use", "name": "weather", "input": ARGUMENTS}]),
        {"conversations": [
            {"from": "human", "value": "Weather?"},
            {"from": "function_call", "value": json.dumps({"name": "weather", "arguments": ARGUMENTS})},
            {"from": "observation", "value": "sun"}, {"from": "gpt", "value": "Sunny."}]},
        {"messages": [USER, {"role": "tool_call", "content": json.dumps([{"name": "weather",
                                                                         "arguments": ARGUMENTS}])},
                      {"role": "function", "content": "sun"}, ANSWER]},
    ],
)  # fmt: skip
def test_calls_in_every_usual_spelling(row: dict[str, Any]) -> None:
    draft = read(row)
    assert draft.messages == CHAT
    assert (draft.repairs, draft.marks) == ((), ())


USE = {"type": "tool_use", "id": "t1", "name": "weather", "input": ARGUMENTS}
GAVE = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "sun"}]}


def anthropic(*results: Any) -> list[dict[str, Any]]:
    thought = {"type": "thinking", "thinking": "Look it up.", "signature": "x"}
    hidden = {"type": "redacted_thinking", "data": "x"}
    said = [{"type": "text", "text": "Sunny.", "cache_control": {"type": "ephemeral"}}]
    return [
        USER,
        {"role": "assistant", "content": [thought, hidden, {"type": "text", "text": "Wait."}, USE]},
        {"role": "user", "content": list(results)},
        {"role": "assistant", "content": said},
    ]


def test_the_results_that_anthropic_puts_into_what_the_user_says() -> None:
    call = ToolCall(CALL.name, CALL.arguments, "t1")
    asks = (CHAT[0], Message("assistant", "Wait.", "Look it up.", (call,)))
    answered = Message("tool", "sun", tool_call_id="t1")
    tools = [{"name": "weather", "input_schema": FUNCTION["parameters"]}]
    system = [{"type": "text", "text": "Be brief."}]
    draft = read({"messages": anthropic(GAVE), "tools": tools, "system": system})
    assert draft.messages == (Message("system", "Be brief."), *asks, answered, CHAT[-1])
    assert draft.tools
    assert (draft.repairs, draft.marks) == (("removed_attachment",), ())
    plain = {**GAVE, "content": "sun"}
    assert read({"messages": anthropic(plain)}).messages == (*asks, answered, CHAT[-1])
    data = {**GAVE, "content": [{"degrees": 20}]}
    assert read({"messages": anthropic(data)}).messages[2].content == '[{"degrees": 20}]'
    silent = {name: held for name, held in GAVE.items() if name != "content"}
    assert read({"messages": anthropic(silent)}).messages[2] == Message("tool", "", tool_call_id="t1")
    more = {"type": "text", "text": "And?"}
    draft = read({"messages": anthropic(GAVE, {**GAVE, "tool_use_id": "t2"}, more, more)})
    assert [turn.role for turn in draft.messages[2:]] == ["tool", "tool", "user", "assistant"]
    assert draft.messages[4].content == "And?\nAnd?"
    assert draft.marks == ("tool_result_without_call",)
    image = {**GAVE, "content": [{"type": "image", "source": {}}]}
    assert read_row({"messages": anthropic(image)}, "auto", Columns()) == "not_text"


def test_the_results_that_anthropic_has_in_pairs() -> None:
    turns = anthropic(GAVE)
    for row in (
        {"chosen": turns, "rejected": [*turns[:-1], {"role": "assistant", "content": "Rain."}]},
        {"prompt": turns[:-1], "chosen": turns[-1:], "rejected": "Rain."},
    ):
        draft = read(row)
        assert [turn.role for turn in draft.messages] == ["user", "assistant", "tool", "assistant"]
        assert draft.rejected[-1] == Message("assistant", "Rain.")


@pytest.mark.parametrize(
    "tools",
    [
        {"tools": [TOOL]}, {"tools": json.dumps([TOOL])}, {"tools": repr([TOOL])}, {"tools": [FUNCTION]},
        {"tools": [json.dumps(FUNCTION)]}, {"functions": [FUNCTION]}, {"tools": json.dumps(TOOL)},
        {"tools": [{"type": "function", **FUNCTION}]},
        {"tools": [{("input_schema" if key == "parameters" else key): held
                    for key, held in FUNCTION.items()}]},
    ],
)  # fmt: skip
def test_schemas_in_every_usual_spelling(tools: dict[str, Any]) -> None:
    draft = read({"messages": [USER, ANSWER], **tools})
    assert draft.tools == (json.dumps(TOOL),)
    assert draft.marks == ()


@pytest.mark.parametrize("none", [[], "[]", "", None, {}])
def test_no_tools_are_no_tools(none: Any) -> None:
    draft = read({"messages": [USER, ANSWER], "tools": none})
    assert (draft.tools, draft.marks) == ((), ())


@pytest.mark.parametrize("odd", ["see above", 5, [3], [{"type": "web_search"}], [{"name": ""}], "[{"])
def test_lists_of_tools_that_cannot_be_read_are_marked(odd: Any) -> None:
    assert read({"messages": [USER, ANSWER], "tools": odd}).marks == ("ignored_tools",)
    assert read({"messages": [USER, ANSWER], "tools": [TOOL, 3]}).tools == (json.dumps(TOOL),)


def test_ids_names_and_results_that_are_values() -> None:
    row = calling(tool_calls=[{"id": "c1", "function": {"name": "weather", "arguments": ""}}])
    row["messages"][2] = {"role": "tool", "name": "weather", "tool_call_id": "c1", "content": {"t": [1]}}
    draft = read(row)
    assert draft.messages[1].tool_calls == (ToolCall("weather", "{}", "c1"),)
    assert draft.messages[2] == Message("tool", '{"t": [1]}', None, (), "weather", "c1")
    assert draft.marks == ()


@pytest.mark.parametrize(
    "call",
    [{"name": "f", "arguments": "{broken"}, {"name": 3, "arguments": {}}, {"arguments": {}}, "f()",
     {"name": " ", "arguments": {}}, {"name": "f", "arguments": float("nan")},
     {"name": "f", "arguments": json.loads('{"a":' * 70 + "1" + "}" * 70)},
     {"name": "f", "arguments": "[" * 90_000}],
)  # fmt: skip
def test_calls_that_cannot_be_read_drop_their_row(call: Any) -> None:
    assert read_row(calling(tool_calls=[call]), "auto", Columns()) == "not_text"


def test_a_call_that_is_no_json_stays_text() -> None:
    row = {
        "conversations": [{"from": "human", "value": "a"}, {"from": "function_call", "value": "f(x)"}]
    }
    draft = read(row)
    assert draft.messages[1] == Message("assistant", "f(x)")
    assert draft.repairs == ("tool_call_as_text",)


@pytest.mark.parametrize(
    ("turns", "marks"),
    [
        ("u c r a", ()), ("u c a", ("tool_call_without_result",)),
        ("u c", ("tool_call_without_result",)),
        ("u a r a", ("tool_result_without_call",)), ("u r a", ("tool_result_without_call",)),
        ("u c r r a", ("tool_result_without_call",)), ("u cc r r a", ()),
        ("u cc r a", ("tool_call_without_result",)), ("u t r a", ()), ("u c1 r1 a", ()),
        ("u c1 r2 a", ("tool_call_without_result", "tool_result_without_call")),
        ("r u a", ("tool_result_without_call",)),
    ],
)  # fmt: skip
def test_calls_without_results_and_results_without_calls_are_kept_and_marked(
    turns: str, marks: tuple[str, ...]
) -> None:
    def turn(name: str) -> dict[str, Any]:
        call = {"function": {"name": "f", "arguments": {}}}
        made: dict[str, Any] = {
            "u": USER, "a": ANSWER, "r": RESULT, "t": {"role": "assistant", "content": "<tool_call>{}"},
            "c": {"role": "assistant", "tool_calls": [call] * name.count("c")},
        }[name[0]]  # fmt: skip
        if name[1:].isdigit():
            made = {**made, "tool_call_id": name[1:]} if name[0] == "r" else {
                "role": "assistant", "tool_calls": [{**call, "id": name[1:]}]}  # fmt: skip
        return made

    draft = read({"messages": [turn(name) for name in turns.split()]})
    assert draft.marks == marks
    assert len(draft.messages) == len(turns.split())


def test_cleaning_keeps_calls_and_results_that_hold_no_text() -> None:
    section = DataSection.model_validate({"sources": [{"path": "x"}]})
    empty = (*CHAT[:2], Message("tool", "", tool_call_id="c"), CHAT[3])
    for chat in (CHAT, empty):
        cleaned = clean(chat, section)
        assert not isinstance(cleaned, str)
        assert cleaned == (chat, ())
    thought = Message("assistant", " <think>hm</think> <b>Let me</b> see ", tool_calls=(CALL,))
    cleaned = clean((CHAT[0], thought, *CHAT[2:]), section)
    assert not isinstance(cleaned, str)
    assert cleaned[0][1] == Message("assistant", "Let me see", "hm", (CALL,))
    said = (CHAT[0], Message("assistant", "Let me see."), *CHAT[1:])
    cleaned = clean(said, section)
    assert not isinstance(cleaned, str)
    assert cleaned[0] == (CHAT[0], Message("assistant", "Let me see.", tool_calls=(CALL,)), *CHAT[2:])
    unanswered = (CHAT[0], CHAT[1], CHAT[3])
    assert clean(unanswered, section) == (unanswered, ())


def test_private_data_in_calls_schemas_and_results_is_masked() -> None:
    section = DataSection.model_validate({"sources": [{"path": "x"}]})
    mail, card = "ann@example.org", 4111111111111111
    arguments = {"to": [mail, {"cc": f"x {mail}"}], "card": card, "phone": "5551234567", "n": 3, mail: 1}
    call = ToolCall("send", json.dumps(arguments), "c1")
    chat = (CHAT[0], Message("assistant", "", tool_calls=(call,)), Message("tool", mail), CHAT[3])
    schema = json.dumps({"type": "function", "function": {"name": "send", "description": f"as {mail}"}})
    safe = protect(chat, section, tools=(schema,), rejected=(Message("assistant", f"no, {mail}"),))
    masked = json.loads(safe.messages[1].tool_calls[0].arguments)
    assert masked == {
        "to": ["[email]", {"cc": "x [email]"}], "card": "[card]", "phone": "[phone]", "n": 3,
        "[email]": 1,
    }  # fmt: skip
    assert safe.messages[1].tool_calls[0].id == "c1"
    assert safe.messages[2].content == "[email]"
    assert safe.rejected == (Message("assistant", "no, [email]"),)
    assert json.loads(safe.tools[0])["function"]["description"] == "as [email]"
    flagged = DataSection.model_validate({"sources": [{"path": "x"}], "pii": "flag"})
    left = protect(chat, flagged, tools=(schema,))
    assert (left.messages, left.tools) == (chat, (schema,))
    assert left.marks == ("pii_email", "pii_card", "pii_phone")


def test_a_chat_without_tools_keeps_its_id_and_its_json() -> None:
    chat = Conversation(
        (Message("system", "Be kind."), Message("user", "Key?"),
         Message("assistant", "Mat.", thinking="hm")), group="g",
    )  # fmt: skip
    assert chat.id == "78c37f99b9d2ca17"
    assert json.dumps(to_json(chat)) == OLD_JSON
    assert conversation_from_json(json.loads(OLD_JSON)) == chat


OLD_JSON = (
    '{"messages": [{"role": "system", "content": "Be kind.", "thinking": null}, {"role": "user", '
    '"content": "Key?", "thinking": null}, {"role": "assistant", "content": "Mat.", "thinking": "hm"}], '
    '"source": "", "where": "", "group": "g", "facts": []}'
)


def test_tools_and_calls_are_part_of_the_id_and_rejected_turns_are_not() -> None:
    chat = Conversation(CHAT)
    other = (CHAT[0], Message("assistant", "", tool_calls=(ToolCall("weather", "{}"),)), *CHAT[2:])
    with_tools = Conversation(CHAT, tools=(json.dumps(TOOL),))
    assert len({chat.id, Conversation(other).id, with_tools.id}) == 3
    assert Conversation(CHAT, rejected=(Message("assistant", "no"),)).id == chat.id
    assert conversation_from_json(json.loads(json.dumps(to_json(with_tools)))) == with_tools
    assert spoken(chat).messages[1] == Message("assistant", CALL.text)


def test_prepared_tool_chats_read_back_and_differing_calls_are_no_duplicates(tmp_path: Path) -> None:
    rows = []
    for city in ("Ulm", "Bonn", "Ulm"):
        call = {"function": {"name": "weather", "arguments": {"city": city}}}
        turns = [USER, {"role": "assistant", "tool_calls": [call]}, RESULT, ANSWER]
        rows.append({"messages": turns, "tools": [TOOL]})
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    section = DataSection.model_validate(
        {"sources": [{"path": str(tmp_path / "in.jsonl")}], "duplicates": "exact", "test": 0}
    )
    counts = prepare(section, seed=0, out=tmp_path / "out")
    assert (counts.kept, counts.dropped) == (2, {"duplicate": 1})
    back = [c for split in read_dataset(tmp_path / "out").values() for c in split]
    assert {c.messages[1].tool_calls[0].arguments for c in back} == {
        '{"city": "Ulm"}',
        '{"city": "Bonn"}',
    }
    assert all(c.tools == (json.dumps(TOOL),) for c in back)
    ledger = str(list(read_parquet(tmp_path / "out" / "ledger.parquet")))
    assert '"arguments": {"city": "Ulm"}' in ledger


# --- numbers as they were spelt ------------------------------------------------------------------

NUMBERS = '{"a": 1.10, "b": 0.12345678901234567890, "c": 1e5, "d": -0, "e": 12, "f": [2.50, {"g": 1E-7}], "h": 0.00001}'


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", "2.json"])
def test_arguments_that_are_an_object_keep_their_numbers(tmp_path: Path, suffix: str) -> None:
    call = f'{{"id": "1", "type": "function", "function": {{"name": "pay", "arguments": {NUMBERS}}}}}'
    used = f'{{"type": "tool_use", "id": "2", "name": "pay", "input": {NUMBERS}}}'
    turns = (
        '[{"role": "user", "content": "Pay 1.10"}, {"role": "assistant", "content": null, "tool_calls": ['
        f'{call}]}}, {{"role": "tool", "content": "ok"}}, {{"role": "assistant", "content": [{used}]}}]'
    )
    row = f'{{"x": 1.10, "messages": {turns}}}'
    path = tmp_path / f"a{suffix}"
    if suffix == ".csv":
        path.write_text('messages\n"' + turns.replace('"', '""') + '"\n')
    else:
        path.write_text(f"[{row},\n{row}]" if suffix == ".json" else row + "\n")
    found = read_conversations(path)
    calls = [call for turn in found[0].messages for call in turn.tool_calls]
    assert [call.arguments for call in calls] == [NUMBERS, NUMBERS]


def test_arguments_of_everyday_numbers_are_spelt_as_ever(tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "Pay"}, {"role": "assistant", "content": "", "tool_calls": [
        {"function": {"name": "pay", "arguments": {"a": 1.5, "b": 2, "c": 12345678901234567890, "d": 3.0}}}]}]}  # fmt: skip
    (tmp_path / "a.jsonl").write_text(json.dumps(row, separators=(",", ":")) + "\n")
    (found,) = read_conversations(tmp_path / "a.jsonl")
    assert (
        found.messages[1].tool_calls[0].arguments
        == '{"a": 1.5, "b": 2, "c": 12345678901234567890, "d": 3.0}'
    )
