"""Shapes that data sets and programs of the field really have, each with the turns a person sees in it."""

# ruff: noqa: E501, PT018 - tables

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from talkwright.config import Columns, SourceSection
from talkwright.data.entries import enter
from talkwright.data.reading.containers import read_rows
from talkwright.errors import DataError
from talkwright.types import Conversation

CALL = '{"city": "Rome"}'
SAID = [("user", "Weather in Rome?", []), ("assistant", "", [("get_weather", CALL)]), ("tool", "20", []),
        ("assistant", "20 degrees.", [])]  # fmt: skip


def read(path: Path, content: str, **options: Any) -> list[Conversation]:
    path.write_text(content, encoding="utf-8")
    source = SourceSection.model_validate({"path": str(path), **options})
    entries = [
        enter(row, source, "a", None) for row in read_rows(path, "a", Columns(), roles=source.roles)
    ]
    assert all(entry.conversation for entry in entries), [entry.row for entry in entries]
    return [entry.conversation for entry in entries if entry.conversation]


def said(conversation: Conversation) -> list[tuple[str, str, list[tuple[str, str]]]]:
    return [
        (m.role, m.content, [(c.name, c.arguments) for c in m.tool_calls]) for m in conversation.messages
    ]


@pytest.mark.parametrize("snake", [False, True])
def test_geminis_calls(tmp_path: Path, snake: bool) -> None:
    row = {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Weather in Rome?"}]},
            {
                "role": "model",
                "parts": [{"functionCall": {"name": "get_weather", "args": {"city": "Rome"}}}],
            },
            {"role": "user", "parts": [{"functionResponse": {"name": "get_weather", "response": "20"}}]},
            {"role": "model", "parts": [{"text": "20 degrees."}]},
        ],
        "tools": [
            {"functionDeclarations": [{"name": "get_weather", "description": "w", "parameters": {}}]}
        ],
    }
    text = json.dumps(row)
    if snake:
        for one, other in (("functionCall", "function_call"), ("functionResponse", "function_response"),
                           ("functionDeclarations", "function_declarations")):  # fmt: skip
            text = text.replace(one, other)
    (found,) = read(tmp_path / "a.jsonl", text)
    assert said(found) == [("system", "Be brief.", []), *SAID]
    assert found.messages[3].name == "get_weather"
    assert [json.loads(tool)["function"]["name"] for tool in found.tools] == ["get_weather"]


def test_openais_responses(tmp_path: Path) -> None:
    items = [
        {"role": "user", "content": "Weather in Rome?"}, {"type": "reasoning", "summary": []},
        {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": CALL},
        {"type": "function_call_output", "call_id": "c1", "output": "20"},
    ]  # fmt: skip
    answer = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "20 degrees."}],
    }
    tools = [{"type": "function", "name": "get_weather", "parameters": {}}]
    (found,) = read(
        tmp_path / "a.jsonl", json.dumps({"input": items, "output": [answer], "tools": tools})
    )
    assert said(found) == SAID and len(found.tools) == 1
    assert found.messages[2].tool_call_id == found.messages[1].tool_calls[0].id == "c1"
    row = {"instructions": "Be brief.", "input": "Hi?", "output": [answer]}
    (found,) = read(tmp_path / "b.jsonl", json.dumps(row))
    assert said(found) == [
        ("system", "Be brief.", []),
        ("user", "Hi?", []),
        ("assistant", "20 degrees.", []),
    ]


def test_toolaces_calls_are_answered(tmp_path: Path) -> None:
    turns = [{"from": "user", "value": "Weather?"}, {"from": "assistant", "value": '[get_weather(city="Rome")]'},
             {"from": "tool", "value": "20"}, {"from": "assistant", "value": "20 degrees."}]  # fmt: skip
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"system": "s", "conversations": turns}))
    (row,) = read_rows(path, "a", Columns())
    assert enter(row, SourceSection(path="a"), "a", None).row.marks == ()


def test_thoughts_between_marks(tmp_path: Path) -> None:
    answer = "<|begin_of_thought|>\n\nTwo.\n\n<|end_of_thought|>\n\n<|begin_of_solution|>\n\n4\n\n<|end_of_solution|>"
    turns = [{"from": "user", "value": "2+2?"}, {"from": "assistant", "value": answer}]
    (found,) = read(tmp_path / "a.jsonl", json.dumps({"conversations": turns}))
    assert (found.messages[1].content, found.messages[1].thinking) == ("4", "Two.")


@pytest.mark.parametrize(("ratings", "pair"), [((5.0, 5.0), False), ((9, 2), True), ((2, 9), True)])
def test_argillas_ratings_decide(tmp_path: Path, ratings: tuple[float, float], pair: bool) -> None:
    row = {"instruction": "Name a bird.", "chosen": "A wren.", "rejected": "A cat.",
           "chosen_rating": ratings[0], "rejected_rating": ratings[1]}  # fmt: skip
    (found,) = read(tmp_path / "a.jsonl", json.dumps(row))
    assert bool(found.rejected) is pair
    assert found.messages[1].content == ("A cat." if ratings == (2, 9) else "A wren.")


@pytest.mark.parametrize(
    ("header", "who"),
    [
        ("Ticket-ID;Zeitstempel;Absender;Nachricht", ("Kunde", "Mitarbeiter")),
        ("conversacion_id;ticket;remitente;mensaje", ("Cliente", "Agente")),
        ("ticket;fecha;rol;texto", ("usuario", "asistente")),
        ("ticket;date;auteur;texte", ("Utilisateur", "Conseiller")),
        ("ticket;datum;rol;bericht", ("klant", "medewerker")),
    ],
)
def test_tables_of_other_languages(tmp_path: Path, header: str, who: tuple[str, str]) -> None:
    lines = [header] + [
        f"T{n};T{n};{who[k]};{text}" if header.startswith("conv") else f"T{n};x;{who[k]};{text}"
        for n in range(3) for k, text in enumerate(("Wo ist es?", f"Es ist da, {n}."))
    ]  # fmt: skip
    found = read(tmp_path / "a.csv", "\n".join(lines) + "\n")
    assert [said(c)[1][1] for c in found] == [f"Es ist da, {n}." for n in range(3)]


@pytest.mark.parametrize(
    "names", ["Frage;Antwort", "pregunta;respuesta", "Question;Réponse", "вопрос;ответ", "问题;回答"]
)
def test_pairs_of_other_languages(tmp_path: Path, names: str) -> None:
    (found,) = read(tmp_path / "a.csv", f"{names}\nWo?;Da.\n")
    assert said(found) == [("user", "Wo?", []), ("assistant", "Da.", [])]


def test_a_refusal_suggests_the_columns_with_the_words(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)prompt: Anliegen\n +completion: Erledigung"):
        read(
            tmp_path / "a.csv",
            "Nr,Tag,Anliegen,Erledigung\n1,Mo,Wo ist mein Paket geblieben?,Es ist heute raus.\n",
        )


def test_langchains_messages(tmp_path: Path) -> None:
    call = {"name": "get_weather", "args": {"city": "Rome"}, "id": "c1"}
    said_by = [("human", {"content": "Weather in Rome?"}), ("ai", {"content": "", "tool_calls": [call]}),
               ("tool", {"content": "20", "tool_call_id": "c1"}), ("ai", {"content": "20 degrees."})]  # fmt: skip
    names = {"human": "HumanMessage", "ai": "AIMessageChunk", "tool": "ToolMessage"}
    rows = [
        {"messages": [{"type": kind, "data": held} for kind, held in said_by]},
        {"messages": [{"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", names[kind]],
                       "kwargs": held} for kind, held in said_by]},
    ]  # fmt: skip
    for found in read(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows)):
        assert said(found) == SAID
        assert found.messages[2].tool_call_id == "c1"


@pytest.mark.parametrize(
    "row",
    [
        {"id": "t", "input": [{"role": "user", "content": "Hi"}], "output": {"role": "assistant", "content": "Hello"}},
        {"input": {"messages": [{"role": "user", "content": "Hi"}]}, "output": {"role": "assistant", "content": "Hello"}},
        {"inputs": {"messages": [{"role": "user", "content": "Hi"}]},
         "outputs": {"choices": [{"message": {"role": "assistant", "content": "Hello"}}]}},
        {"original": [["customer", "Hi"], ["action", "Account pulled up"], ["agent", "Hello"]], "convo_id": 3},
        {"prompt": "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n", "chosen": "Hello<|im_end|>\n",
         "rejected": "No<|im_end|>"},
        {"question": "Hi", "answers": [{"text": "No", "pm_score": 0}, {"text": "Hello", "pm_score": 4}]},
    ],
)  # fmt: skip
def test_what_tracers_and_others_write_down(tmp_path: Path, row: Any) -> None:
    (found,) = read(tmp_path / "a.jsonl", json.dumps(row))
    assert said(found) == [("user", "Hi", []), ("assistant", "Hello", [])]
    assert [turn.content for turn in found.rejected] in ([], ["No"])


def test_questions_alone_are_no_talk(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        json.dumps({"question_id": 81, "category": "writing", "turns": ["Write.", "Again."]})
    )
    (row,) = read_rows(path, "a", Columns())
    assert enter(row, SourceSection(path="a"), "a", None).row.reason == "no_assistant_turn"
