"""Files, containers and formats: what is recognised, and what is said about what is not."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest

from talkwright.config import Columns
from talkwright.data import read_conversations
from talkwright.data.reading.containers import read_rows
from talkwright.data.reading.disk import streams
from talkwright.data.reading.finding import find_files
from talkwright.data.reading.shapes.formats import read_row
from talkwright.errors import DataError
from talkwright.types import Conversation, Message, ToolCall

PAIR = {"prompt": "Where is the key?", "completion": "Under the mat."}
ASKED = (Message("user", "Where is the key?"), Message("assistant", "Under the mat."))
MESSAGES = [
    {"role": "user", "content": "Where is the key?"},
    {"role": "assistant", "content": "Under the mat."},
]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def jsonl(path: Path, *rows: Any) -> Path:
    return write(path, "".join(json.dumps(row) + "\n" for row in rows))


def said(conversations: list[Conversation]) -> list[tuple[Message, ...]]:
    return [conversation.messages for conversation in conversations]


# --- formats -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "shape"),
    [
        ({"messages": MESSAGES}, "messages"),
        (MESSAGES, "messages"),
        ({"conversations": MESSAGES}, "messages"),
        ({"dialogue": [{"speaker": "Customer", "text": t["content"]} for t in MESSAGES[:1]]
          + [{"speaker": "Agent", "text": "Under the mat."}]}, "messages"),
        ({"conversations": [{"from": "human", "value": "Where is the key?"},
                            {"from": "gpt", "value": "Under the mat."}]}, "sharegpt"),
        ({"instruction": "Where is the key?", "input": "", "output": "Under the mat."}, "alpaca"),
        (PAIR, "prompt_completion"),
        ({"Question": "Where is the key?", "answer": "Under the mat."}, "prompt_completion"),
        ({"User Message": "Where is the key?", "assistant_response": "Under the mat."},
         "prompt_completion"),
        ({"user": "Where is the key?", "assistant": "Under the mat."}, "prompt_completion"),
        ({"user": "u17", "question": "Where is the key?", "reply": "Under the mat."},
         "prompt_completion"),
        ({"prompt": MESSAGES[:1], "completion": MESSAGES[1:]}, "prompt_completion"),
        ({"instruction": "Where is the key?", "context": "customer support", "intent": "keys",
          "response": "Under the mat."}, "prompt_completion"),
    ],
)  # fmt: skip
def test_auto_recognises_the_shape_of_a_row(row: Any, shape: str) -> None:
    draft = read_row(row, "auto", Columns())
    assert not isinstance(draft, str)
    assert (draft.messages, draft.format) == (ASKED, shape)


def test_alpaca_joins_input_and_keeps_system_and_history() -> None:
    row = {"instruction": "Translate.", "input": "Hallo", "output": "Hello", "system": "Be brief.",
           "history": [["Hi", "Hi!"]]}  # fmt: skip
    draft = read_row(row, "auto", Columns())
    assert not isinstance(draft, str)
    assert draft.messages == (
        Message("system", "Be brief."),
        Message("user", "Hi"),
        Message("assistant", "Hi!"),
        Message("user", "Translate.\n\nHallo"),
        Message("assistant", "Hello"),
    )


def test_a_question_about_a_text_keeps_the_text() -> None:
    row = {"instruction": "Who won?", "context": "Ann beat Bo.", "response": "Ann.", "category": "qa"}
    draft = read_row(row, "auto", Columns())
    assert not isinstance(draft, str)
    assert draft.messages[0].content == "Who won?\n\nAnn beat Bo."


def test_content_parts_reasoning_tools_and_role_aliases() -> None:
    row = {
        "messages": [
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": [{"type": "text", "text": "Weather"}, {"text": "?"}]},
            {"role": "assistant", "content": None,
             "tool_calls": [{"function": {"name": "weather", "arguments": '{"city": "Ulm"}'}}]},
            {"role": "tool", "content": "sun"},
            {"role": "assistant", "content": [{"type": "reasoning", "value": "It is sunny."},
                                              {"type": "text", "value": "Sunny."}]},
        ]
    }  # fmt: skip
    draft = read_row(row, "auto", Columns())
    assert not isinstance(draft, str)
    assert draft.messages == (
        Message("system", "Be kind."),
        Message("user", "Weather\n?"),
        Message("assistant", "", tool_calls=(ToolCall("weather", '{"city": "Ulm"}'),)),
        Message("tool", "sun"),
        Message("assistant", "Sunny.", "It is sunny."),
    )
    assert draft.repairs == ()


def test_facts_and_groups_are_kept_and_bad_facts_are_marked() -> None:
    draft = read_row({**PAIR, "facts": [["mat", "rug"], "under"], "thread_id": 7}, "auto", Columns())
    assert not isinstance(draft, str)
    assert draft.facts == (("mat", "rug"), ("under",))
    assert draft.group == "7"
    both = read_row({**PAIR, "thread_id": "t", "user_id": "u"}, "auto", Columns())
    assert not isinstance(both, str)
    assert both.group == "u"
    for bad in ({"a": 1}, [[]], [1], [["", "x"]], True):
        marked = read_row({**PAIR, "facts": bad}, "auto", Columns())
        assert not isinstance(marked, str)
        assert (marked.facts, marked.marks) == ((), ("ignored_facts",))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (7, "not_an_object"),
        ("text", "not_an_object"),
        (None, "not_an_object"),
        ([1, 2], "not_an_object"),
        ({}, "unknown_format"),
        ({"text": "only text"}, "raw_text"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "bad_role"),
        ({"messages": [{"role": None, "content": "x"}]}, "bad_role"),
        ({"messages": ["x"]}, "not_a_message"),
        ({"messages": [{"role": "user"}]}, "not_a_message"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "not_text",
        ),
        ({"prompt": {"a": 1}, "completion": "x"}, "not_text"),
        ({"prompt": "x", "completion": True}, "not_text"),
        ({"prompt": "x", "completion": float("nan")}, "not_text"),
        ({"messages": MESSAGES, "label": False}, "labelled_bad"),
    ],
)
def test_a_row_that_does_not_fit_gives_its_reason(row: Any, reason: str) -> None:
    assert read_row(row, "auto", Columns()) == reason


@pytest.mark.parametrize("format", ["messages", "sharegpt", "alpaca", "prompt_completion"])
def test_a_forced_format_refuses_the_others(format: str) -> None:
    rows = {
        "messages": {"messages": MESSAGES},
        "sharegpt": {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]},
        "alpaca": {"instruction": "a", "input": "", "output": "b"},
        "prompt_completion": PAIR,
    }
    fits = {name for name, row in rows.items() if not isinstance(read_row(row, format, Columns()), str)}
    # An Alpaca row is also a prompt with a completion.
    assert fits == {format} | ({"alpaca"} if format == "prompt_completion" else set())


def test_numbers_become_text_and_say_so() -> None:
    draft = read_row({"question": "6 times 7?", "answer": 42}, "auto", Columns())
    assert not isinstance(draft, str)
    assert (draft.messages[1].content, draft.repairs) == ("42", ("number_to_text",))
    assert not isinstance(read_row({"question": "big?", "answer": 10**400}, "auto", Columns()), str)


# --- containers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.txt"])
@pytest.mark.parametrize(
    "content",
    [
        json.dumps(PAIR) + "\n" + json.dumps(PAIR) + "\n",
        json.dumps([PAIR, PAIR]),
        json.dumps([PAIR, PAIR], indent=2),
        json.dumps({"version": 1, "data": [PAIR, PAIR]}, indent=2),
        json.dumps(PAIR, indent=1) + "\n" + json.dumps(PAIR, indent=1),
        "prompt,completion\nWhere is the key?,Under the mat.\n" * 1
        + "Where is the key?,Under the mat.\n",
        "Completion;Prompt\r\nUnder the mat.;Where is the key?\r\nUnder the mat.;Where is the key?\r\n",
        "prompt\tcompletion\nWhere is the key?\tUnder the mat.\nWhere is the key?\tUnder the mat.",
        "\n\nprompt|completion\nWhere is the key?|Under the mat.\n\nWhere is the key?|Under the mat.\n",
    ],
    ids=["jsonl", "array", "pretty", "wrapped", "concatenated", "comma", "semicolon", "tab", "pipe"],
)
def test_containers_are_told_by_content_whatever_the_extension(
    tmp_path: Path, name: str, content: str
) -> None:
    assert said(read_conversations(write(tmp_path / name, content))) == [ASKED, ASKED]


@pytest.mark.parametrize("value", [PAIR, MESSAGES, {"messages": MESSAGES}, [MESSAGES], {"rows": [PAIR]}])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_a_file_may_hold_one_conversation(
    tmp_path: Path, name: str, indent: int | None, value: Any
) -> None:
    path = write(tmp_path / name, json.dumps(value, indent=indent))
    assert said(read_conversations(path)) == [ASKED]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_encodings_by_byte_order_mark(tmp_path: Path, name: str, encoding: str) -> None:
    row = {"prompt": "Größe?", "completion": "ça va 漢字"}
    text = (
        "prompt,completion\nGröße?,ça va 漢字\n"
        if name == "a.csv"
        else json.dumps(row, ensure_ascii=False)
    )
    [found] = read_conversations(write(tmp_path / name, text.encode(encoding)))
    assert [m.content for m in found.messages] == ["Größe?", "ça va 漢字"]


def test_lines_in_cp1252_are_read_and_marked_one_by_one(tmp_path: Path) -> None:
    lines = [
        b'{"prompt": "caf\xc3\xa9", "completion": "1"}',
        b'{"prompt": "caf\xe9 \x9d", "completion": "2"}',
    ]
    rows = list(read_rows(write(tmp_path / "a.jsonl", b"\n".join(lines)), "a.jsonl", Columns()))
    assert [row.value["prompt"] for row in rows] == ["café", "café \x9d"]
    assert [row.repairs for row in rows] == [(), ("decoded_cp1252",)]
    table = write(tmp_path / "a.csv", b'prompt,completion\nok,fine\n"two\ncaf\xe9",x\nok,fine\n')
    rows = list(read_rows(table, "a.csv", Columns()))
    assert [row.repairs for row in rows] == [(), ("decoded_cp1252",), ()]


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("cp1251", "Как оплатить заказ? Картой или наличными."),
        ("koi8-r", "Как оплатить заказ? Картой или наличными."),
        ("cp1250", "Zamówienie można opłacić kartą, zapłacić śmiało."),
        ("gb18030", "您可以用银行卡付款，谢谢您的支持。"),
        ("big5", "您可以用銀行卡付款，謝謝您的支持。"),
        ("shift_jis", "注文の支払い方法は、カードです。"),
        ("euc-kr", "카드로 결제할 수 있습니다."),
        ("cp1253", "Μπορείτε να πληρώσετε με κάρτα."),
    ],
)
@pytest.mark.parametrize("shape", ["{}", '{{"prompt": "pay?", "completion": "{}"}}'])
def test_letters_of_other_encodings_are_dropped_not_read_as_nonsense(
    tmp_path: Path, encoding: str, said: str, shape: str
) -> None:
    good, odd = shape.format("Ещё одна строка"), shape.format(said)
    head = "" if shape != "{}" else "prompt,completion\n"
    good, odd = (row if not head else f"pay?,{row}" for row in (good, odd))
    data = head.encode() + good.encode() + b"\n" + odd.encode(encoding) + b"\n" + good.encode()
    rows = list(read_rows(write(tmp_path / "a.csv", data), "a.csv", Columns()))
    assert [row.problem for row in rows] == [None, "unknown_encoding", None]


def test_a_letter_cut_in_two_is_not_made_into_others(tmp_path: Path) -> None:
    lines = [
        json.dumps({"prompt": ask, "completion": said}, ensure_ascii=False).encode()
        for ask, said in (("оплата?", "картой и"), ("付款？", "谢谢您"), ("“Was”?", "naïve ‘Größe’"))
    ]
    lines[0] = lines[0].replace("й".encode(), "й".encode()[:1])
    lines[1] = lines[1].replace("谢您".encode(), "谢您".encode()[2:])
    lines[2] = lines[2].replace("ï".encode(), "ï".encode("cp1252"))
    rows = list(read_rows(write(tmp_path / "a.jsonl", b"\n".join(lines)), "a.jsonl", Columns()))
    assert [row.problem for row in rows] == ["unknown_encoding", "unknown_encoding", None]
    assert rows[2].value["completion"] == "naïve ‘Größe’"
    assert rows[2].repairs == ("decoded_cp1252",)
    lines[2] = "{'prompt': 'ещё', 'completion': 'да'}".replace("'", '"').encode()
    array = write(tmp_path / "a.json", b"[" + b",".join((lines[2], *lines)) + b"]")
    rows = list(read_rows(array, "a.json", Columns()))
    assert [row.problem for row in rows] == [None, "unknown_encoding", "unknown_encoding", None]


@pytest.mark.parametrize("first", ["", "event: message\n", ": keep-alive\n\n"])
@pytest.mark.parametrize("name", ["a.log", "a.txt", "a.jsonl"])
def test_an_event_stream_is_told_by_its_lines(tmp_path: Path, first: str, name: str) -> None:
    stream = f"{first}data: {json.dumps(PAIR)}\n\ndata: {json.dumps(PAIR)}\n\ndata: [DONE]\n"
    rows = read_rows(write(tmp_path / name, stream), name, Columns())
    assert [row.value for row in rows if row.problem is None] == [PAIR, PAIR]


def test_a_nul_in_a_table_is_taken_out_and_named(tmp_path: Path) -> None:
    [found] = read_conversations(write(tmp_path / "a.csv", b"prompt,completion\nq,a\0b\n"))
    assert found.messages[1].content == "a\x01b"  # cleaning removes it as `fixed_unicode`


def test_places_name_row_and_line(tmp_path: Path) -> None:
    table = write(tmp_path / "a.csv", 'prompt,completion\r\nq,"two\r\nlines"\r\n\r\n"x,y",z\r\n')
    rows = list(read_rows(table, "a.csv", Columns()))
    assert [(row.where, row.value["completion"]) for row in rows] == [
        ("a.csv:row 1 (line 2)", "two\r\nlines"),
        ("a.csv:row 2 (line 5)", "z"),
    ]
    lines = write(tmp_path / "a.jsonl", f"\n{json.dumps(PAIR)}\n\nbroken\n")
    assert [row.where for row in read_rows(lines, "b/a.jsonl", Columns())] == [
        "b/a.jsonl:2",
        "b/a.jsonl:4",
    ]
    array = write(tmp_path / "a.json", json.dumps([PAIR, PAIR], indent=1))
    assert [row.where for row in read_rows(array, "a.json", Columns())] == [
        "a.json:row 1 (line 2)",
        "a.json:row 2 (line 6)",
    ]


def test_broken_rows_are_rows_with_a_problem(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl", f'{{"prompt": \n{json.dumps(PAIR)},\n{"[" * 100_000}\n{{"a": 1}} x\n'
    )
    rows = list(read_rows(path, "a", Columns()))
    assert [row.problem for row in rows] == ["truncated", None, "too_deep", "not_json"]
    assert rows[1].repairs == ("removed_trailing_comma",)


def test_a_json_array_that_is_cut_off_gives_the_rows_before_the_cut(tmp_path: Path) -> None:
    text = json.dumps([PAIR, PAIR, PAIR])
    for cut, problems in ((-20, [None, None, "truncated"]), (-1, [None, None, None, "not_json"])):
        rows = list(read_rows(write(tmp_path / "a.json", text[:cut]), "a", Columns()))
        assert [row.problem for row in rows] == problems


def test_csv_quotes_that_do_not_close_and_cells_without_a_column(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'prompt,completion\na,b\n"c"x,d\ne,f,g\nh,i,\nj,"k\nl,m\n')
    rows = list(read_rows(path, "a.csv", Columns()))
    assert [row.problem for row in rows] == [
        None,
        "broken_quotes",
        "too_many_cells",
        None,
        "broken_quotes",
        None,
    ]


def test_a_huge_csv_cell_is_read(tmp_path: Path) -> None:
    [found] = read_conversations(write(tmp_path / "a.csv", "prompt,completion\nq," + "x" * 1_000_000))
    assert len(found.messages[1].content) == 1_000_000
    assert csv.field_size_limit() >= 1_000_000


def test_json_in_a_csv_cell_is_read_as_messages(tmp_path: Path) -> None:
    with open(tmp_path / "a.csv", "w", newline="") as file:
        csv.writer(file).writerows([["id", "messages"], ["1", json.dumps(MESSAGES)]])
    assert said(read_conversations(tmp_path / "a.csv")) == [ASKED]


def test_named_columns(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv", "kunde,team,wer,regel\nWhere is the key?,Under the mat.,u1,Be brief.\n"
    )
    columns = Columns(prompt="kunde", completion="team", group="wer", system="regel")
    [found] = read_conversations(path, columns=columns)
    assert found.messages == (Message("system", "Be brief."), *ASKED)
    assert found.group == "u1"


# --- files ---------------------------------------------------------------------------------------


def test_folders_and_globs_read_every_data_file_in_order(tmp_path: Path) -> None:
    jsonl(tmp_path / "b.jsonl", PAIR)
    jsonl(tmp_path / "a.json", PAIR)
    write(tmp_path / "notes.txt", "not data")
    write(tmp_path / ".hidden.csv", "x")
    (tmp_path / "deep").mkdir()
    jsonl(tmp_path / "deep" / "c.jsonl", PAIR)
    assert [c.where for c in read_conversations(tmp_path)] == ["a.json:row 1 (line 1)", "b.jsonl:1"]
    assert [c.where for c in read_conversations(tmp_path / "**" / "*.jsonl")] == [
        "b.jsonl:1",
        "deep/c.jsonl:1",
    ]
    assert len(read_conversations(tmp_path, max_rows=1)) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: write(p / "chats.jsonl", "x") and p / "chat.jsonl", "Did you mean 'chats.jsonl'"),
        (lambda p: write(p / "other.csv", "x") and p / "zz.jsonl", "files in that folder: other.csv"),
        (lambda p: p / "no" / "chat.jsonl", "no folder"),
        (lambda p: p / "*.jsonl", "no file fits this pattern"),
        (lambda p: p, "no data file"),
        (lambda p: p / "nul\0.csv", "no such file"),
        (lambda p: write(p / "a.jsonl", ""), "the file is empty"),
        (lambda p: write(p / "a.csv", b"\xef\xbb\xbf \n\n"), "the file is empty"),
        (lambda p: write(p / "a.csv", "\ufeff\n".encode("utf-16-le")), "the file is empty"),
        (lambda p: write(p / "a.csv", b"PK\x03\x04abc"), "Excel workbook"),
        (lambda p: write(p / "a.json", b"\x1f\x8babc"), "compressed with gzip"),
        (lambda p: write(p / "a.json", bytes(range(256))), "binary file"),
        (lambda p: write(p / "a.csv", "prompt,completion".encode("utf-16-le")), "a byte order mark"),
        (lambda p: write(p / "a.csv", b"\xff\xfea"), "begins as UTF-16-LE but is not"),
        (lambda p: write(p / "a.csv", "x,y\n1,2\n"), "Columns found: x, y"),
        (lambda p: write(p / "a.csv", "x,y\n1,2\n"), "prompt: x\n          completion: y"),
        (lambda p: write(p / "a.csv", "prompt,completion\n"), "no rows"),
        (lambda p: write(p / "a.json", "[]"), "no rows"),
        (lambda p: write(p / "a.jsonl", "one\ntwo\n"),
         "2 × not_json (the line is not valid JSON), e.g. a.jsonl:1: one"),
        (lambda p: jsonl(p / "a.jsonl", {"text": "x"}), "raw_text"),
        (lambda p: jsonl(p / "a.jsonl", {"messages": MESSAGES[:1]}), "(nobody answers)"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_in_a_sentence(tmp_path: Path, make: Any, message: str) -> None:
    path = make(tmp_path)
    with pytest.raises(DataError) as error:
        read_conversations(path)
    assert message in str(error.value)
    assert path.name in str(error.value) or "\0" in path.name


def test_a_named_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "Kunde,Team\n1,2\n")
    with pytest.raises(
        DataError, match=r"'kunde', which is not there\. Did you mean 'Kunde'\?.*: Kunde, Team"
    ):
        read_conversations(path, columns=Columns(prompt="kunde", completion="Team"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", PAIR)
    path.chmod(0)
    with pytest.raises(DataError, match="no permission"):
        read_conversations(path)


def test_a_link_out_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "chats"
    folder.mkdir()
    jsonl(folder / "a.jsonl", PAIR)
    jsonl(tmp_path / "secret.jsonl", PAIR)
    (folder / "b.jsonl").symlink_to(tmp_path / "secret.jsonl")
    (folder / "c.jsonl").symlink_to(folder / "a.jsonl")
    names = ["a.jsonl", "c.jsonl"]
    assert [name for _, name in find_files(folder)] == names
    assert [name for _, name in find_files(f"{folder}/*.jsonl")] == names
    assert [name for _, name in find_files(folder / "b.jsonl")] == ["b.jsonl"]  # it is named


def test_a_read_error_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = jsonl(tmp_path / "a.jsonl", PAIR)

    def refuse(file: Path, mode: str) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(streams, "open", refuse, raising=False)
    with pytest.raises(DataError, match=r"a\.jsonl: cannot be read: no permission"):
        read_conversations(path)


def test_reading_leaves_text_alone(tmp_path: Path) -> None:
    dirty = {"prompt": " <b>a@b.example</b>\r\n", "completion": "x &amp; y"}
    [found] = read_conversations(jsonl(tmp_path / "a.jsonl", dirty))
    assert [m.content for m in found.messages] == [dirty["prompt"], dirty["completion"]]
