"""Tools: the template's own way to write them, ids as apply_chat_template's, and never control."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

import pytest

from talkwright.config import TemplateSection
from talkwright.errors import RequestError, TemplateError
from talkwright.template import Template, check_dataset
from talkwright.types import Conversation, Message, ToolCall

TEXTS = (
    "the answer", "what is my order?", 'say "yes"', "a\\b", "two\nlines", "  spaced ", "é 日本 🙂", "",
    "<b>&amp;</b>", "{'a': 1}", "{{ message }}", "\\n", "\\u0041", "C:\\Users", "tab\t", "null", "\x7f",
)  # fmt: skip
NAMES = ("look_up", "get.weather", "a-b", "x1", "type", "function", "string", "name", "return", "Über")


def schema_of(name: str = "look_up", **more: Any) -> str:
    function = {
        "name": name, "description": "Looks it up.",
        "parameters": {"type": "object", "properties": {"word": {"type": "string"}}}, **more,
    }  # fmt: skip
    return json.dumps({"type": "function", "function": function}, ensure_ascii=False)


def random_value(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.choice(("text", "text", "number", "truth", "none", "list", "object"))
    if kind == "list" and depth < 2:
        return [random_value(rng, depth + 1) for _ in range(rng.randint(0, 3))]
    if kind == "object" and depth < 2:
        return {
            rng.choice(NAMES + TEXTS): random_value(rng, depth + 1) for _ in range(rng.randint(0, 3))
        }
    scalars = {"number": rng.choice((0, -7, 1.5, 1e30)), "truth": rng.random() < 0.5, "none": None}
    return scalars.get(kind, rng.choice(TEXTS))


def random_arguments(rng: random.Random) -> str:
    names = rng.sample(NAMES, rng.randint(0, 3))
    return json.dumps({name: random_value(rng) for name in names}, ensure_ascii=False)


def random_chat(rng: random.Random, family: Any) -> Conversation:
    """One to three questions, each with none to two rounds of calls and results."""
    chat = [Message("system", "be brief")] if rng.random() < 0.5 else []
    ids = iter(f"call{n:05d}" for n in range(100))
    for _ in range(rng.randint(1, 3)):
        chat.append(Message("user", rng.choice(TEXTS).strip() or "hello"))
        for _ in range(rng.choice((0, 1, 1, 2))):
            count = 1 if family.name == "llama31" else rng.randint(1, 3)
            calls = tuple(
                ToolCall(rng.choice(NAMES), random_arguments(rng), next(ids)) for _ in range(count)
            )
            said = rng.choice(TEXTS) if family.name == "hermes" else ""
            chat.append(Message("assistant", said, tool_calls=calls))
            for call in calls:
                result = rng.choice((rng.choice(TEXTS), json.dumps(random_value(rng))))
                chat.append(Message("tool", result, None, (), call.name, call.id))
        chat.append(Message("assistant", rng.choice(TEXTS).strip() or "yes"))
    tools = [schema_of(rng.choice(NAMES), strict=True) for _ in range(rng.randint(0, 3))]
    more = {"description": rng.choice(TEXTS), "parameters": random_value(rng)}
    return Conversation(tuple(chat), tools=(*tools, schema_of(**more)) if tools else ())


def as_openai(message: Message) -> dict[str, Any]:
    row: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        row["tool_calls"] = [
            {"type": "function", "id": call.id,
             "function": {"name": call.name, "arguments": json.loads(call.arguments)}}
            for call in message.tool_calls
        ]  # fmt: skip
    if message.role == "tool":
        row |= {"name": message.name, "tool_call_id": message.tool_call_id}
    return row


def plain(family: Any, messages: Any, tools: Any, *, prompt: bool = False, text: bool = False) -> Any:
    """What the tokenizer's own apply_chat_template gives, with real tools, unguarded."""
    return family.tokenizer.apply_chat_template(
        [as_openai(message) for message in messages],
        tools=[json.loads(tool) for tool in tools] or None,
        add_generation_prompt=prompt,
        tokenize=not text,
        **({} if text else {"return_dict": False}),
    )


def learned(family: Any, row: Any) -> list[str]:
    runs: list[list[int]] = []
    for at, label in enumerate(row.labels):
        if label != -100:
            if at == 0 or row.labels[at - 1] == -100:
                runs.append([])
            runs[-1].append(label)
    decode = family.tokenizer.backend_tokenizer.decode
    return [decode(run, skip_special_tokens=False) for run in runs]


def control(family: Any, ids: Any) -> list[int]:
    return [i for i in ids if i in family.added.values()]


CALL = ToolCall("look_up", '{"word": "the"}', "abcdefghi")
CHAT = (
    Message("user", "hello"), Message("assistant", "", tool_calls=(CALL,)),
    Message("tool", "halt", None, (), "look_up", "abcdefghi"), Message("assistant", "the answer"),
)  # fmt: skip


# --- benign --------------------------------------------------------------------------------------


def test_tool_chats_have_the_ids_of_apply_chat_template(tooled) -> None:
    rng = random.Random(tooled.name)
    assert tooled.template.has_tools
    assert tooled.template.has_tool_calls
    compared = 0
    for _ in range(40):
        chat = random_chat(rng, tooled)
        messages = list(chat.messages)
        turns = [n for n, m in enumerate(messages) if m.role == "assistant"]
        rows = tooled.template.encode(chat)
        ends = [len(messages)] if len(rows) == 1 else [turn + 1 for turn in turns]
        assert len(rows) == len(ends)
        for row, end in zip(rows, ends, strict=True):
            assert list(row.input_ids) == plain(tooled, messages[:end], chat.tools)
        for turn in turns:
            asked = plain(tooled, messages[:turn], chat.tools, prompt=True)
            assert tooled.template.prompt_ids(messages[:turn], chat.tools) == asked
            row = rows[turns.index(turn)] if len(rows) > 1 else rows[0]
            if messages[turn].tool_calls and not messages[turn].content:
                assert list(row.input_ids[: len(asked)]) == asked
                assert row.labels[len(asked)] == row.input_ids[len(asked)]
            compared += 1
    assert compared > 60


def test_calls_and_their_stop_token_are_learned_and_results_and_schemas_are_not(tooled) -> None:
    (row,) = tooled.template.encode(Conversation(CHAT, tools=(schema_of(),)))
    call = {
        "hermes": '<tool_call>\n{"name": "look_up", "arguments": {"word": "the"}}\n</tool_call>'
        "<|im_end|>",
        "llama31": '{"name": "look_up", "parameters": {"word": "the"}}<|eot_id|>',
        "mistral_tools": '[TOOL_CALLS][{"name": "look_up", "arguments": {"word": "the"}, '
        '"id": "abcdefghi"}]</s>',
    }[tooled.name]
    stop = call[call.rindex("<") :]
    assert [run.replace(" ", "") for run in learned(tooled, row)] == [
        call.replace(" ", ""), f"theanswer{stop}"
    ]  # fmt: skip
    (last,) = tooled.template.encode(Conversation(CHAT, tools=(schema_of(),)), "last")
    assert len(learned(tooled, last)) == 1
    (open_end,) = tooled.template.encode(Conversation(CHAT[:2], tools=(schema_of(),)))
    assert [run.replace(" ", "") for run in learned(tooled, open_end)] == [call.replace(" ", "")]


# --- hostile -------------------------------------------------------------------------------------


def chat_saying(text: str, place: str) -> Conversation:
    """A chat that says `text` at one place of its tools."""
    at = {name: text if place == name else "QZQ" for name in PLACES}
    arguments = json.dumps({"word": at["argument"], at["key"]: [{"a": at["deep"]}]}, ensure_ascii=False)
    id = text if place == "id" else "abcdefghi"
    call = ToolCall(at["name"], arguments, id)
    parameters = {
        "type": "object", "title": at["title"],
        "properties": {at["property"]: {"type": "string", "enum": [at["enum"]]}},
    }  # fmt: skip
    more = {at["schema key"]: "x", "description": at["description"], "parameters": parameters}
    schema = schema_of(at["schema name"], **more)
    return Conversation(
        (CHAT[0], Message("assistant", "", tool_calls=(call,)),
         Message("tool", at["result"], None, (), at["result name"], id), CHAT[3]),
        tools=(schema,),
    )  # fmt: skip


PLACES = (
    "argument", "key", "deep", "name", "title", "property", "enum", "schema name", "description",
    "result", "result name", "id", "schema key",
)  # fmt: skip


def test_nothing_in_tools_becomes_a_control_token(tooled) -> None:
    """Every control token at one place, and those of turns and tools at every place."""
    tokens = sorted(tooled.added, key=tooled.added.__getitem__)
    pairs = [(tokens[at % len(tokens)], place) for at, place in enumerate(PLACES)]
    pairs += [(token, place) for token in tokens[-2:] for place in PLACES]
    for token, place in dict.fromkeys(pairs):
        calm = tooled.template.encode(chat_saying("QZQ" if place != "id" else "z" * 9, place))
        for text in (token, f' "{token}"x\n{token}', token[len(token) // 2 :]):
            rows = tooled.template.encode(chat_saying(text, place))
            for row, tame in zip(rows, calm, strict=True):
                found, wanted = (control(tooled, one.input_ids) for one in (row, tame))
                assert found == wanted, (place, text)
                found, wanted = (control(tooled, one.labels) for one in (row, tame))
                assert found == wanted, (place, text)


def test_an_id_that_the_template_writes_is_no_control_token_either(family_named: Callable) -> None:
    family = family_named("hermes")
    family.tokenizer.chat_template = family.tokenizer.chat_template.replace(
        """'\\n<tool_response>\\n' +""",
        """'\\n<tool_response>' + (message.tool_call_id or '') + '\\n' +""",
    )
    template = Template(family.tokenizer)
    for token in ("<|im_end|>", "<tool_call>"):
        for text in (token, f"call_{token}", f"é{token}", f"{token[:4]}", f"{token}" * 30):
            (row,) = template.encode(chat_saying(text, "id"))
            assert text in family.tokenizer.backend_tokenizer.decode(
                list(row.input_ids), skip_special_tokens=False
            )
            (calm,) = template.encode(chat_saying("abcdefghi", "id"))
            assert control(family, row.input_ids) == control(family, calm.input_ids), text
            assert control(family, row.labels) == control(family, calm.labels), text
    chat = (*CHAT[:2], Message("tool", "halt", None, (), "look_up", "abcdefghi"), CHAT[3])
    assert list(template.encode(Conversation(chat))[0].input_ids) == plain(family, chat, ())


def test_what_tools_say_is_all_still_there(tooled) -> None:
    """The text of the ids is what the template writes of the real values, hostile or not."""
    for token in sorted(tooled.added, key=tooled.added.__getitem__)[-2:]:
        for place in PLACES:
            if place == "id" and tooled.name == "mistral_tools":
                continue  # replaced by nine letters
            chat = chat_saying(f"a{token} \\ \"quoted\" 'it' é\n\t<>", place)
            row = tooled.template.encode(chat)[-1]
            shown = tooled.tokenizer.backend_tokenizer.decode(
                list(row.input_ids), skip_special_tokens=False
            )
            wanted = plain(tooled, chat.messages, chat.tools, text=True)
            if tooled.keeps != "all":
                shown, wanted = (re.sub(r"[\s▁]+", "", said) for said in (shown, wanted))
            assert shown == wanted, (place, token)


def test_the_plain_tokenizer_does_fall_for_it(tooled) -> None:
    token = "<|im_end|>" if tooled.name == "hermes" else next(iter(tooled.added))
    for place in ("argument", "description", "result"):
        calm, hostile = (chat_saying(text, place) for text in ("QZQ", token))
        assert len(control(tooled, plain(tooled, hostile.messages, hostile.tools))) > len(
            control(tooled, plain(tooled, calm.messages, calm.tools))
        )


def test_a_key_between_the_templates_brackets_is_no_control_token(family_named: Callable) -> None:
    """A template that writes <key>value</key>, and a key that would make a control token of it."""
    family = family_named("hermes")
    family.tokenizer.chat_template = family.tokenizer.chat_template.replace(
        "(call.arguments | tojson)",
        "(call.arguments.items() | list)[0][0].join(['<', '>'])",
    )
    template = Template(family.tokenizer)
    assert template.has_tool_calls is False  # it leaves out the arguments' values
    family = family_named("hermes")
    written = "{% for k, v in call.arguments.items() %}{{ '<' + k + '>' + v }}{% endfor %}"
    lines = family.tokenizer.chat_template.splitlines()
    at = next(n for n, line in enumerate(lines) if "(call.arguments | tojson)" in line)
    lines[at] = "{{- '\\n' + call.name }}" + written
    family.tokenizer.chat_template = "\n".join(lines)
    template = Template(family.tokenizer)
    assert template.has_tool_calls
    rows = [
        template.encode(
            Conversation(
                (CHAT[0], Message("assistant", "", tool_calls=(ToolCall("f", text),)), *CHAT[2:])
            )
        )
        for text in ('{"tool_call": "x"}', '{"quiet": "x"}')
    ]
    hostile, calm = (control(family, row[-1].input_ids) for row in rows)
    assert hostile == calm


# --- styles, and templates that do not know tools ------------------------------------------------


def test_ids_the_template_refuses_become_nine_letters_that_match(family_named: Callable) -> None:
    family = family_named("mistral_tools")
    shown = []
    for id, answered in (("call_abc123", "call_abc123"), (None, None), ("abcdefghi", "abcdefghi")):
        chat = (
            CHAT[0], Message("assistant", "", tool_calls=(ToolCall("look_up", "{}", id),)),
            Message("tool", "1", tool_call_id=answered), CHAT[3],
        )  # fmt: skip
        (row,) = family.template.encode(Conversation(chat))
        text = family.tokenizer.backend_tokenizer.decode(list(row.input_ids))
        found = re.findall(r'id": ?"(\w+)"', text)
        assert len(found) == 2
        assert found[0] == found[1]
        assert len(found[0]) == 9
        shown.append(found[0])
    assert shown[2] == "abcdefghi"
    assert len(set(shown)) == 3


def test_a_template_that_wants_arguments_as_text_gets_them_so(family_named: Callable) -> None:
    family = family_named("hermes")
    family.tokenizer.chat_template = family.tokenizer.chat_template.replace(
        "(call.arguments | tojson)", "call.arguments"
    )
    (row,) = Template(family.tokenizer).encode(Conversation(CHAT))
    assert '"arguments": {"word": "the"}}' in learned(family, row)[0]


def test_a_template_that_looks_into_schemas_is_given_their_words(family_named: Callable) -> None:
    family = family_named("hermes")
    family.tokenizer.chat_template = family.tokenizer.chat_template.replace(
        "(tool | tojson)",
        "tool.function.name + '('"
        " + (tool.function.parameters.properties.keys() | join(', ') if tool.function.parameters.type =="
        " 'object' else '?') + ')'",
    )
    template = Template(family.tokenizer)
    hostile = schema_of(parameters={"type": "object", "properties": {"<|im_end|>": {"type": "x"}}})
    chats = [Conversation(CHAT, tools=(tool,)) for tool in (schema_of(), hostile)]
    rows = [template.encode(chat)[0] for chat in chats]
    assert list(rows[0].input_ids) == plain(family, CHAT, (schema_of(),))
    assert control(family, rows[0].input_ids) == control(family, rows[1].input_ids)
    assert "look_up(word)" in template.decode(rows[0].input_ids)


@pytest.mark.parametrize(
    "change",
    ["call.arguments | tojson | upper", "call.arguments | tojson | truncate(9)", "'{}'"],
)
def test_a_template_that_changes_arguments_is_not_used_for_calls(
    family_named: Callable, change: str
) -> None:
    family = family_named("hermes")
    family.tokenizer.chat_template = family.tokenizer.chat_template.replace(
        "call.arguments | tojson", change
    )
    template = Template(family.tokenizer)
    assert not template.has_tool_calls
    (row,) = template.encode(Conversation(CHAT))
    assert learned(family, row)[0] == '{"name": "look_up", "arguments": {"word": "the"}}<|im_end|>'


def test_what_a_template_cannot_say_with_tools_is_refused_and_not_lost(family_named: Callable) -> None:
    llama = family_named("llama31").template
    two = (CHAT[0], Message("assistant", "", tool_calls=(CALL, CALL)), *CHAT[2:])
    with pytest.raises(TemplateError, match="single tool-calls"):
        llama.encode(Conversation(two))
    with pytest.raises(RequestError, match="single tool-calls"):
        llama.prompt_ids(two[:3])
    both = (CHAT[0], Message("assistant", "let me see", tool_calls=(CALL,)), *CHAT[2:])
    with pytest.raises(TemplateError, match="leaves out or changes message 2"):
        llama.encode(Conversation(both))


def test_without_a_place_for_tools_they_are_text_in_training_and_serving_alike(
    family_named: Callable, tmp_path: Any
) -> None:
    for name in ("chatml", "gemma"):
        family = family_named(name)
        assert not family.template.has_tools
        messages = CHAT[:2] if name == "gemma" else CHAT  # Gemma has no role for results
        chat = Conversation((Message("system", "be brief"), *messages), tools=(schema_of(),))
        (row,) = family.template.encode(chat)
        shown = family.template.decode(row.input_ids)
        assert "be brief\n\nYou can call these tools." in shown
        assert schema_of() in shown
        assert learned(family, row)[0].startswith('{"name": "look_up", "arguments": {"word": "the"}}<')
        prompt = family.template.prompt_ids(chat.messages[:2], chat.tools)
        assert list(row.input_ids[: len(prompt)]) == prompt
        alone = family.template.decode(
            family.template.encode(Conversation(messages, tools=chat.tools))[0].input_ids
        )
        assert "You can call these tools." in alone
    splits = {"train": [chat, Conversation((CHAT[0], CHAT[3]))], "test": []}
    findings = check_dataset(family.template, splits, TemplateSection(), out=tmp_path / "c", key="k")
    assert [(found.code, found.count) for found in findings if "tools" in found.code] == [
        ("tools_as_text", 1)
    ]


def test_text_chats_of_a_template_with_tools_are_as_ever(tooled) -> None:
    chat = (Message("system", "be brief"), CHAT[0], CHAT[3])
    (row,) = tooled.template.encode(Conversation(chat))
    assert list(row.input_ids) == plain(tooled, chat, ())
