"""Chats as messengers and desks write them: read exactly once it is known who is who, else refused."""

# ruff: noqa: E501, E731, PT018 - tables

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from as_read import entries, talks

from talkwright.data.reading.finding import find_files
from talkwright.errors import DataError

PEOPLE = {"Anna": "user", "Bob": "assistant"}
SAID = [("user", "Hi, is the lamp back?"), ("assistant", "Yes, since Monday.\nIt costs 20 euro."),
        ("user", "Thanks!"), ("assistant", "You are welcome: any time.")]  # fmt: skip


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


IOS = (
    "[02.01.24, 10:01:21] Anna: \u200eMessages and calls are end-to-end encrypted.\n"
    "[02.01.24, 10:01:22] Anna: Hi, is the lamp back?\r\n"
    "[02.01.24, 10:02:10] Bob: Yes, since Monday.\r\nIt costs 20 euro.\r\n"
    "\u200e[02.01.24, 10:03:00] Anna: \u200eimage omitted\n"
    "[02.01.24, 10:03:10] Anna: Thanks! \u200e<This message was edited>\n"
    "[02.01.24, 10:03:20] Bob: You are welcome: any time.\n"
)
ANDROID = (
    "1/2/24, 10:00 AM - Messages and calls are end-to-end encrypted. Tap to learn more.\n"
    "1/2/24, 10:01 AM - Anna: Hi, is the lamp back?\n"
    "1/2/24, 10:02 AM - Bob: Yes, since Monday.\nIt costs 20 euro.\n"
    "1/2/24, 10:03 AM - Anna: <Media omitted>\n1/2/24, 10:03 AM - Anna: This message was deleted\n"
    "1/2/24, 10:03 AM - Anna: Thanks!\n1/2/24, 10:04 AM - Bob: You are welcome: any time.\n"
)
IRC = (
    "10:00 -!- carl [c@host] has joined #help\n10:01 <@Anna> Hi, is the lamp back?\n"
    "10:02 < Bob> Yes, since Monday.\n10:02 < Bob> It costs 20 euro.\n10:03 * Anna smiles\n"
    "10:03 <@Anna> Thanks!\n10:04 < Bob> You are welcome: any time.\n"
)
DESK = "{0}Anna{1}Hi, is the lamp back?\n{0}Bob{1}Yes, since Monday.\nIt costs 20 euro.\n{0}Anna{1}Thanks!\n{0}Bob{1}You are welcome: any time.\n"
LOGS = {
    "ios": IOS, "ios 12h": IOS.replace("10:0", "9:0").replace(":2", ":4").replace("] ", "\u202fPM] "),
    "android": ANDROID, "android, 24h": ANDROID.replace("1/2/24", "13/01/2024").replace(" AM", ""),
    "irc": IRC, "irc, brackets": "\n".join(
        f"[{line[:5]}]{line[5:]}" for line in IRC.replace("<@", "<").replace("< ", "<").splitlines()),
    "time before": DESK.format("10:01:22 ", ": "), "in brackets": DESK.format("[10:01] ", ": "),
    "in round ones": DESK.format("(10:01:22 AM) ", ": "), "day before": DESK.format("2024-01-02 10:01 - ", ": "),
    "day in brackets": DESK.format("[2024-01-02 10:01:22] ", ": "), "iso": DESK.format("2024-01-02T10:01:22Z ", ": "),
    "time behind": DESK.format("", " (10:01): "), "day behind": DESK.format("", " [02/01/2024 10:01]: "),
    "own line": DESK.format("", "  10:01 AM\n"), "no time": DESK.format("", ": "),
    "rule and heading": "Chat started on 2 May\n\n" + DESK.format("(10:01:22) ", ": "),
}  # fmt: skip


@pytest.mark.parametrize("kind", LOGS)
def test_a_chat_is_read_exactly_where_the_recipe_says_who_is_who(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / "chat.txt", LOGS[kind])
    wanted = [(role, text.replace("\n", "\n\n") if "irc" in kind else text) for role, text in SAID]
    assert talks(path, roles=PEOPLE) == [wanted]
    assert talks(path, roles={"anna": "user", "*": "assistant"}) == [wanted]
    assert talks(path, roles={"Bob": "assistant"}) == [wanted]  # the other of two


@pytest.mark.parametrize("kind", LOGS)
def test_a_chat_of_people_is_refused_by_their_names(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / "chat.txt", LOGS[kind])
    with pytest.raises(
        DataError, match=r"(?s)chat\.txt: a chat.*Anna \(.*roles: \{Anna: user, Bob: assistant\}"
    ):
        entries(path)


@pytest.mark.parametrize("kind", LOGS)
def test_known_names_need_no_recipe(tmp_path: Path, kind: str) -> None:
    text = LOGS[kind].replace("Anna", "Customer").replace("Bob", "Agent")
    wanted = [(role, said.replace("\n", "\n\n") if "irc" in kind else said) for role, said in SAID]
    assert talks(write(tmp_path / "chat.txt", text)) == [wanted]


def test_a_column_with_times_is_a_transcript(tmp_path: Path) -> None:
    for kind in ("time before", "in brackets", "time behind", "day behind", "day before", "iso"):
        text = LOGS[kind].replace("Anna", "Customer").replace("Bob", "Agent")
        path = write(tmp_path / "a.jsonl", json.dumps({"id": 1, "transcript": text}) + "\n")
        assert talks(path) == [SAID]
        path = write(tmp_path / "b.jsonl", json.dumps({"id": 1, "text": LOGS[kind]}) + "\n")
        assert ("assistant", "Thanks!") in talks(path, roles={"Anna": "assistant", "Bob": "user"})[0]


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    (entry,) = entries(write(tmp_path / "a.txt", IOS), roles=PEOPLE)
    assert {"dropped_side_note", "removed_attachment"} <= {*entry.row.repairs}
    text = DESK.format("10:01 ", ": ") + "10:09 Carl: Me, too.\n"
    (entry,) = entries(write(tmp_path / "b.txt", text), roles={**PEOPLE, "Carl": "skip"})
    assert entry.row.repairs == ("dropped_side_note",)
    with pytest.raises(DataError, match=r"messages: Carl \(1\)"):
        entries(tmp_path / "b.txt", roles=PEOPLE)


def test_a_night_parts_talks_and_not_a_question_from_its_answer(tmp_path: Path) -> None:
    lines = ["1/2/24, 22:00 - Anna: One?", "1/3/24, 09:00 - Bob: One.", "1/3/24, 10:00 - Anna: Two?",
             "1/3/24, 10:01 - Bob: Two.", "1/14/24, 08:00 - Anna: Three?", "1/14/24, 08:01 - Bob: Three."]  # fmt: skip
    found = entries(write(tmp_path / "a.txt", "\n".join(lines)), roles=PEOPLE)
    assert [len(entry.conversation.messages) for entry in found if entry.conversation] == [4, 2]
    assert [entry.row.where for entry in found] == ["a.txt:row 1 (line 1)", "a.txt:row 2 (line 5)"]
    assert found[1].row.repairs == ("split_by_silence",)


def test_several_talks_in_a_file(tmp_path: Path) -> None:
    one, two = (
        "Customer: Key?\nAgent: Mat.",
        "Customer: Lamp?\nAgent: Blue.\nCustomer: Thanks.\nAgent: Bye.",
    )
    for between in ("\n-----\n", "\n\n", "\n\n=====\n\n"):
        found = talks(write(tmp_path / "a.txt", one + between + two))
        assert [len(talk) for talk in found] == [2, 4]
    spaced = (one + "\n" + two).replace("\n", "\n\n")  # an empty line between all turns
    assert [len(talk) for talk in talks(write(tmp_path / "b.txt", spaced))] == [6]


@pytest.mark.parametrize(
    "text",
    ["Name: lamp\nPrice: 20\nColour: blue\n", "10:01 start\n10:02 stop\n", "<p> one\n<b> two\n<p> three\n<b> four",
     "Dear Ann: hello.\nWe write to you.\nYours: Bob\n", "2024-01-02 10:01:22 INFO: up\n2024-01-02 10:01:23 INFO: down\n"],
)  # fmt: skip
def test_other_texts_are_no_chats(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError) as error:
        entries(write(tmp_path / "a.txt", text))
    assert "a chat" not in str(error.value)


# --- JSON ----------------------------------------------------------------------------------------


def slack(folder: Path) -> Path:
    (folder / "help").mkdir(parents=True)
    (folder / "users.json").write_text('[{"id": "U1", "name": "anna"}]')
    (folder / "channels.json").write_text('[{"id": "C1", "name": "help"}]')
    said = lambda user, text, ts, **more: {
        "type": "message",
        "user": user,
        "text": text,
        "ts": ts,
        **more,
    }
    days = {
        "2024-01-02": [
            said("U2", "<@U2> has joined", "1704189600.000100", subtype="channel_join"),
            said("U1", "How?", "1704189700.000100", thread_ts="1704189700.000100", reply_count=1),
            said("U1", "Other &lt;thing&gt;?", "1704189750.000100"),
            said("U2", "Click <https://x.de/a|here>, <@U1>. A &amp;amp; B", "1704189800.000100",
                 thread_ts="1704189700.000100"),
            said("U2", "So.", "1704189850.000100", user_profile={"real_name": "Bob"}),
        ],
        "2024-01-03": [said("U1", "Alone?", "1704276000.000100")],
    }  # fmt: skip
    for day, messages in days.items():
        (folder / "help" / f"{day}.json").write_text(json.dumps(messages))
    return folder


def test_an_export_of_slack(tmp_path: Path) -> None:
    folder = slack(tmp_path / "export")
    wanted = [
        [("user", "How?"), ("assistant", "Click here (https://x.de/a), @U1. A &amp; B")],
        [("user", "Other <thing>?"), ("assistant", "So.")],
    ]
    assert [name for _, name in find_files(folder)] == ["help/2024-01-02.json", "help/2024-01-03.json"]
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        for file in folder.rglob("*.json"):
            archive.write(file, file.relative_to(folder).as_posix())
    for path in (folder, tmp_path / "s.zip"):
        for roles in ({"U1": "user", "Bob": "assistant"}, {"U2": "assistant", "*": "user"}):
            first, second, alone = entries(path, roles=roles)
            found = [[(m.role, m.content) for m in e.conversation.messages]
                     for e in (first, second) if e.conversation]  # fmt: skip
            assert found == wanted
            assert alone.row.reason == "no_assistant_turn"
        with pytest.raises(DataError, match=r"U1 \(2\), Bob \(2\)"):
            entries(path)


def telegram(name: str, days: int = 1) -> dict[str, Any]:
    said = [("Anna", "Is it back?"), ("Anna", "The lamp?"), ("Bob", "Yes.")]
    return {"name": name, "type": "personal_chat", "id": 1, "messages": [
        {"id": n, "type": "message", "date": f"2024-01-0{day + 1}T10:0{n}:00", "from": who, "from_id": f"user{who}",
         "text": text, "text_entities": [{"type": "plain", "text": text}]}
        for day in range(days) for n, (who, text) in enumerate(said)]}  # fmt: skip


def test_telegram_of_one_chat_and_of_all(tmp_path: Path) -> None:
    talk = [("user", "Is it back?\n\nThe lamp?"), ("assistant", "Yes.")]
    one = write(tmp_path / "one.json", json.dumps(telegram("Bob", 2), indent=1))
    assert talks(one, roles=PEOPLE) == [talk, talk]
    assert talks(one, roles={"userBob": "assistant", "*": "user"}) == [talk, talk]
    chats = {"about": "x", "list": [telegram("Bob"), telegram("Carl")]}
    every = write(tmp_path / "all.json", json.dumps({"about": "x", "chats": chats}, indent=1))
    assert talks(every, roles=PEOPLE) == [talk, talk]
    (entry,) = entries(write(tmp_path / "b.json", json.dumps(telegram("Bob"))))
    assert entry.row.reason == "bad_role" and entry.row.before.startswith("speakers: Anna (2), Bob (1)")


def test_discord_with_roles_as_json_and_as_a_table(tmp_path: Path) -> None:
    author = lambda name: {"id": name, "name": name.lower(), "nickname": name, "isBot": False}
    said = [
        ("Anna", "Is it back?"),
        ("Anna", "The lamp?"),
        ("Bob", "Yes."),
        ("Anna", "So"),
        ("Bob", "Ok."),
    ]
    rows = [{"id": str(n), "type": "Default", "timestamp": f"2024-01-02T10:0{n}:00.5+00:00", "content": text,
             "author": author(who)} for n, (who, text) in enumerate(said)]  # fmt: skip
    value = {
        "guild": {"id": "0", "name": "Direct"},
        "channel": {"id": "2", "name": "bob"},
        "messages": rows,
    }
    wanted = [
        ("user", "Is it back?\n\nThe lamp?"),
        ("assistant", "Yes."),
        ("user", "So"),
        ("assistant", "Ok."),
    ]
    assert talks(write(tmp_path / "a.json", json.dumps(value)), roles=PEOPLE) == [wanted]
    table = "AuthorID,Author,Date,Content,Attachments,Reactions\n" + "".join(
        f"{who[0]},{who},2024-01-02T10:0{n}:00,{text},,\n" for n, (who, text) in enumerate(said)
    )
    path = write(tmp_path / "a.csv", table)
    assert talks(path, roles=PEOPLE) == [wanted]
    with pytest.raises(DataError, match=r"Anna \(3\), Bob \(2\)"):
        entries(path)


def test_claudes_export_with_a_tool_between(tmp_path: Path) -> None:
    text = lambda said: {"type": "text", "text": said, "citations": []}
    messages = [
        {"uuid": "1", "sender": "human", "text": "How?", "content": [text("How?")],
         "attachments": [{"file_name": "a.txt", "extracted_content": "abc"}], "files": []},
        {"uuid": "2", "sender": "assistant", "text": "", "attachments": [], "files": [], "content": [
            {"type": "thinking", "thinking": "hm"}, text("I search."),
            {"type": "tool_use", "name": "web_search", "input": {"query": "ls"}},
            {"type": "tool_result", "name": "web_search", "content": [{"type": "knowledge", "text": "ls lists"}]},
            {"type": "token_budget"}, text("So.")]},
    ]  # fmt: skip
    path = write(
        tmp_path / "conversations.json",
        json.dumps([{"uuid": "c", "name": "x", "chat_messages": messages}]),
    )
    (entry,) = entries(path)
    assert entry.conversation is not None and entry.row.repairs == ("removed_attachment",)
    said = [
        (m.role, m.content, m.thinking, [c.arguments for c in m.tool_calls])
        for m in entry.conversation.messages
    ]
    assert said == [
        ("user", "How?", None, []), ("assistant", "I search.", "hm", ['{"query": "ls"}']),
        ("tool", "ls lists", None, []), ("assistant", "So.", None, []),
    ]  # fmt: skip


def test_googles_record_of_gemini(tmp_path: Path) -> None:
    entry = {"header": "Gemini Apps", "title": "Prompted List files?", "time": "2024-05-01T10:00:00Z",
             "products": ["Gemini Apps"],
             "safeHtmlItem": [{"html": "<p>Use <code>ls</code>, or &lt;b&gt;:</p>\n<ul>\n<li>all</li></ul>"}]}  # fmt: skip
    other = {k: v for k, v in entry.items() if k != "safeHtmlItem"} | {
        "title": "Selected preferred draft"
    }
    abroad = {**entry, "title": "Eingegebener Prompt: Liste"}
    path = write(tmp_path / "MyActivity.json", json.dumps([entry, other, abroad], indent=1))
    first, *rest = entries(path)
    assert first.conversation is not None and first.row.repairs == ("stripped_html",)
    assert [m.content for m in first.conversation.messages] == [
        "List files?",
        "Use ls, or <b>:\n\n- all",
    ]
    assert [entry.row.reason for entry in rest] == ["no_assistant_turn", "unsure_turns"]


@pytest.mark.parametrize(
    "label",
    ["**{}:** ", "**{}**\n\n", "## {}\n\n", "### {}:\n", "__{}__: ", "#### **{}:**\n\n", "{} said:\n"],
)
@pytest.mark.parametrize(
    ("asks", "says"), [("User", "Assistant"), ("You", "ChatGPT"), ("Human", "Claude")]
)
def test_a_chat_in_markdown_or_copied_from_the_page(
    tmp_path: Path, label: str, asks: str, says: str
) -> None:
    answer = "Use **ls**.\n\n**Note:** it lists.\n\n## More\n\nls -a"
    turns = [(asks, "How?"), (says, answer), (asks, "All?"), (says, "ls -a")]
    text = "\n\n".join(label.format(who) + said for who, said in turns)
    wanted = [("user", "How?"), ("assistant", answer), ("user", "All?"), ("assistant", "ls -a")]
    for name in ("chat.md", "chat.txt"):
        assert talks(write(tmp_path / name, text)) == [wanted]
    assert talks(write(tmp_path / "export.md", "# My chat\n\n" + text)) == [wanted]


def test_a_readme_is_no_chat(tmp_path: Path) -> None:
    write(tmp_path / "README.md", "# Data\n\n## Agent\n\nIt sells.\n\n## Licence\n\nNone: ask.\n")
    write(tmp_path / "a.jsonl", '{"prompt": "q", "completion": "a"}\n')
    assert [name for _, name in find_files(tmp_path)] == ["a.jsonl"]


def test_afternoon_is_not_morning(tmp_path: Path) -> None:
    lines = "1/2/24, 9:00 AM - Anna: One?\n1/2/24, 9:01 AM - Bob: One.\n1/2/24, {} - Anna: Two?\n1/2/24, {} - Bob: Two."
    for times, talks_there in ((("9:05 PM", "9:06 PM"), 2), (("12:05 PM", "12:06 PM"), 1)):
        assert len(talks(write(tmp_path / "a.txt", lines.format(*times)), roles=PEOPLE)) == talks_there


def test_what_slack_escapes_and_a_thread_whose_first_message_does_not_say_so(tmp_path: Path) -> None:
    rows = [
        {"type": "message", "user": "U1", "text": "Is &amp;lt; one?", "ts": "1704189700.000100"},
        {"type": "message", "user": "U1", "text": "Other?", "ts": "1704189750.000100"},
        {
            "type": "message",
            "user": "U2",
            "text": "Yes.",
            "ts": "1704189800.000100",
            "thread_ts": "1704189700.000100",
        },
        {"type": "message", "user": "U2", "text": "No.", "ts": "1704189850.000100"},
    ]
    path = write(tmp_path / "2024-01-02.json", json.dumps(rows, indent=1))
    assert talks(path, roles={"U1": "user", "U2": "assistant"}) == [
        [("user", "Is &lt; one?"), ("assistant", "Yes.")], [("user", "Other?"), ("assistant", "No.")]
    ]  # fmt: skip


# --- captions of calls ---------------------------------------------------------------------------

CALL = [
    ("Hi, is the lamp back?", "Anna"),
    ("Yes, since Monday.", "Bob"),
    ("It costs 20 euro & more.", ""),
    ("Thanks!", "Anna"),
    ("Bye, at 10:01.", "Bob"),
]
CALLED = [("user", "Hi, is the lamp back?"), ("assistant", "Yes, since Monday. It costs 20 euro & more."),
          ("user", "Thanks!"), ("assistant", "Bye, at 10:01.")]  # fmt: skip


def captions(kind: str) -> str:
    shown = []
    for number, (said, name) in enumerate(CALL, 1):
        said = said.replace("&", "&amp;").replace("since", "<i>since</i>")
        times = f"00:00:{number:02},000 --> 00:00:{number + 1:02},500"
        if "srt" in kind:
            shown.append(
                f"{number}\n{times}\n{name}: {said}\n" if name else f"{number}\n{times}\n{said}\n"
            )
        elif "voices" in kind:
            shown.append(
                f"{times.replace(',', '.')} align:start\n"
                + (f"<v {name}>{said}</v>\n" if name else f"{said}\n")
            )
        else:
            shown.append(
                f"{number}\n{times[3:17].replace(',', '.')}{times[20:].replace(',', '.')}\n"
                + (f"{name}: " * bool(name))
                + said.replace(" is", "\nis")
                + "\n"
            )
    text = "\n".join(shown)
    if "srt" not in kind:
        text = "WEBVTT - a call\n\nNOTE Bob: is not said\n\nSTYLE\n::cue { color: red }\n\n" + text
    return text.replace("\n", "\r\n") if "windows" in kind else text


@pytest.mark.parametrize("kind", ["vtt", "vtt, voices", "srt", "vtt, windows", "srt, windows"])
def test_captions_of_a_call(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / f"call.{kind[:3]}", captions(kind))
    assert talks(path, roles=PEOPLE) == [CALLED]
    with pytest.raises(DataError, match="who asks and who answers"):
        entries(path)
    assert talks(write(tmp_path / "call.txt", captions(kind)), roles=PEOPLE) == [CALLED]


def test_two_voices_in_one_caption(tmp_path: Path) -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\n<v.loud Anna>Is it back?\n<v Bob>It is.</v>\n"
    assert talks(write(tmp_path / "call.vtt", text), roles=PEOPLE) == [
        [("user", "Is it back?"), ("assistant", "It is.")]
    ]


@pytest.mark.parametrize("who", ["", "Anna: "])
def test_captions_of_nobody_or_of_one_person_are_no_talk(tmp_path: Path, who: str) -> None:
    text = f"WEBVTT\n\n00:01.000 --> 00:02.000\n{who}So it goes.\n\n00:03.000 --> 00:04.000\nAnd goes.\n"
    with pytest.raises(DataError, match=r"call\.vtt"):
        entries(write(tmp_path / "call.vtt", text))
