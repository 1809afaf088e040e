"""Talks written out as one text: read whoever speaks in them, and only where it is a talk."""

from __future__ import annotations

from typing import Any

import pytest

from talkwright.config import Columns
from talkwright.data.reading.chat.transcripts import TEXTS, read_transcript
from talkwright.data.reading.chat.turns import Draft
from talkwright.data.reading.shapes.formats import read_row
from talkwright.types import Message

SAID = [("u", "Hi, my lamp is dark."), ("a", "Sorry to hear that.\nIs it on?"), ("u", "Yes."),
        ("u", "Note: it is new."), ("a", "Then send it back: we pay."), ("u", "Thanks!")]  # fmt: skip
ROLES = {"u": "user", "a": "assistant"}
WANTED = [(ROLES[who], said) for who, said in SAID]
PAIRS = [
    ("CUSTOMER", "AGENT"), ("customer", "agent"), ("Customer", "Support Agent"),
    ("Client", "Customer Service"),
    ("Customer", "Representative"), ("Customer", "CSR"), ("Customer", "Support Representative"),
    ("Customer", "Customer Service Representative"), ("Caller", "Call Center Agent"),
    ("User", "Virtual Assistant"),
    ("Customer", "Tech-Support"), ("USER", "BOT"), ("User", "ChatGPT"), ("User", "SYSTEM"),
    ("Patient", "Doctor"), ("Student", "Teacher"), ("Q", "A"), ("Question", "Answer"),
    ("Frage", "Antwort"),
    ("Kunde", "Mitarbeiter"), ("Kundin", "Beraterin"), ("Nutzer", "Assistent"),
    ("Kunde", "Kundenservice"),
    ("Client", "Conseiller"), ("Client", "Service client"), ("Utilisateur", "Assistant"),
    ("Cliente", "Agente"), ("Usuario", "Asistente"), ("Cliente", "Servicio al cliente"),
    ("Cliente", "Operatore"), ("Utente", "Assistente"), ("Cliente", "Servizio clienti"),
    ("Cliente", "Atendente"), ("Usuário", "Assistente"), ("Klant", "Medewerker"),
    ("Gebruiker", "Assistent"),
    ("Клиент", "Оператор"), ("用户", "助手"), ("客户", "客服"),
]  # fmt: skip
BESIDE = [("John", "Support"), ("Mary-Ann Smith", "Agent"), ("Me", "Chatbot"), ("You", "ChatGPT"),
          ("john", "support"),
          ("Customer", "Dr. Brown"), ("Ich", "Bot"), ("I", "Chatbot"),
          ("我", "助手"), ("Владимир", "Оператор")]  # fmt: skip


def read(text: str, name: str = "text") -> Draft | str:
    return read_row({"ticket": 1, name: text}, "auto", Columns())


def learnt(text: str, name: str = "text") -> list[tuple[str, str]]:
    found = read(text, name)
    assert isinstance(found, Draft), (found, text)
    return [(turn.role, turn.content) for turn in found.messages]


def written(asks: str, says: str, label: str = "{}: ", between: str = "\n") -> str:
    return between.join(label.format(asks if who == "u" else says) + said for who, said in SAID)


@pytest.mark.parametrize("name", ["text", "conversation", "dialogue", "Transcript", "chat_log"])
@pytest.mark.parametrize(("asks", "says"), PAIRS)
def test_speakers_are_known_by_what_roles_are_called(asks: str, says: str, name: str) -> None:
    assert learnt(written(asks, says), name) == WANTED
    found = read(written(asks, says), name)
    assert isinstance(found, Draft)
    assert found.repairs == ("split_transcript",)


@pytest.mark.parametrize("label", ["**{}**: ", "**{}:** ", "*{}*: ", "[{}]: ", "<{}>: ", "- {}: ",
                                   "### {}: ", "{} : ",
                                   "{}:\n", "  {}: ", "**{}:**\n", "{}\u00a0: ", "{}:\t",
                                   "{}："])  # fmt: skip
@pytest.mark.parametrize(
    ("asks", "says"), [("Customer", "Agent"), ("Kunde", "Support Agent"), ("User", "BOT")]
)
@pytest.mark.parametrize("between", ["\n", "\n\n", "\r\n"])
def test_marks_around_speakers(label: str, asks: str, says: str, between: str) -> None:
    assert learnt(written(asks, says, label, between)) == WANTED
    assert learnt("\ufeff\n" + written(asks, says, label, between) + "\n") == WANTED


@pytest.mark.parametrize(("asks", "says"), BESIDE)
def test_anybodys_name_beside_a_known_speaker(asks: str, says: str) -> None:
    assert learnt(written(asks, says)) == WANTED
    found = read(written(asks, says), "dialogue")
    assert isinstance(found, Draft)
    assert found.repairs == ("split_transcript", "guessed_role")
    turned = f"{says}: Hello.\n" + written(asks, says)
    assert learnt(turned) == [("assistant", "Hello."), *WANTED]


def test_lines_of_a_page() -> None:
    text = written("Customer", "Agent").replace("Sorry to hear that.\n", "Oh.<br>")
    for mark in ("<br>", "<BR/>", "<br />"):
        found = read(text.replace("<br>", "\n").replace("\n", mark))
        assert isinstance(found, Draft)
        assert [turn.content for turn in found.messages][1] == "Oh.\nIs it on?"
        assert found.repairs == ("split_transcript", "stripped_html")


def test_several_on_one_side() -> None:
    text = "Bot: Hello.\nCustomer: Lamp?\nVirtual Assistant: Wait.\nSupport Agent: Here.\nCustomer: Ok."
    assert [role[0] for role, _ in learnt(text)] == ["a", "u", "a", "a", "u"]
    assert learnt(
        text.replace("Customer", "Ann (Customer)").replace("Support Agent", "Bob (Agent)")
    ) == learnt(text)


def test_one_exchange() -> None:
    for asks, says in PAIRS[:-1]:
        if says != "SYSTEM":
            assert learnt(f"{asks}: Is it on?\n{says}: Yes, it is.") == [
                ("user", "Is it on?"), ("assistant", "Yes, it is.")
            ], (asks, says)  # fmt: skip
    assert read("John: Is it on?\nSupport: Yes, it is.") == "raw_text"  # as well a sign with hours on it
    assert learnt("John: Is it on?\nSupport: Yes, it is.", "dialogue")[1] == ("assistant", "Yes, it is.")
    assert learnt("Me: Is it on?\nChatbot: Yes, it is.")[0] == ("user", "Is it on?")


def test_what_looks_like_a_speaker_within_a_turn_is_text() -> None:
    asked = "Fill in:\nQuestion: what?\nAnswer:\nModel: X200\nClaude: good"
    assert learnt(f"User: {asked}\nAssistant: Ok.\nNote: no.")[0] == ("user", asked)
    assert learnt(f"User: {asked}\nAssistant: Ok.\nNote: no.")[1] == ("assistant", "Ok.\nNote: no.")
    assert learnt("Customer: Key?\nAgent: See:\nsupport: mail\nhttps://x.de: y\nCustomer: Ok.")[1] == (
        "assistant", "See:\nsupport: mail\nhttps://x.de: y"
    )  # fmt: skip
    linked = "Agent: Look:\nhttps://x.de\nJohn: Ok.\nAgent: Fine."
    assert learnt(linked) == [
        ("assistant", "Look:\nhttps://x.de"), ("user", "Ok."), ("assistant", "Fine.")
    ]  # fmt: skip
    bold = "**User:** Key?\n**Assistant:** Two:\nUser: one\n- Agent: two\n**Note:** three"
    assert learnt(bold)[1] == ("assistant", "Two:\nUser: one\n- Agent: two\n**Note:** three")
    assert learnt("Agent: Hello.\nJohn: I am at\nNote: 5\nAgent: Fine.")[1] == (
        "user",
        "I am at\nNote: 5",
    )


@pytest.mark.parametrize(
    "text",
    [
        "Note: this is new.\nExample: that is old.\nNote: so.",
        "An essay.\nQ: What is it?\nA: A lamp.",
        "He wrote:\nCustomer: Hi.\nAgent: Hello.\nCustomer: Bye.",
        "Q: Which one?\nA: Paris\nB: London\nC: Rome\nAnswer: A",
        "Question: Is it on?\nModel: X200\nPrice: 5",
        "Patient: Ann Bell\nDoctor: Lee\nDate: 2 May\nDiagnosis: none",
        "Patient: Ann Bell\nDoctor: Lee",
        "Customer: ACME\nAgent: Bob\nOrder: 55",
        "Client: ACME\nService: Web design",
        "Client: ACME\nService: Web design\nYear: 2020",
        "Notes: Key?\nBot: Mat.",
        "Warning: it is hot.\nSupport: call us.\nWarning: it is cold.\nSupport: write us.",
        "Company: ACME wants a site.\nClient: Bob.\nThe site is blue.",
        "Support: write us.\nSales: call us.\nSupport: or come.",
        "Hours: nine to five.\nSupport: call us.",
        "ROMEO: Is it on?\nJULIET: Yes.\nROMEO: Good.\nJULIET: Bye.",
        "John: Is it on?\nSupport: Yes.\nMary: I am here, too.\nSupport: Hello.\nJohn: Bye.",
        "John: Is it on?\nJohn: Is it?\nJohn: Or not?\nSupport: Yes.",
        "A: Is it on?\nB: Yes.\nA: Good.",
        "Answer: Yes.\nQuestion: Is it on?",
        "A: Yes.\nQ: Is it on?",
        "System: Be kind.\nUser: Is it on?\nUser: Or not?",
        "Customer: Is it on?\nCustomer: Or not?",
        "http://x.de\nUser: Is it on?\nBot: Yes.",
        "**Customer: Is it on?\nAgent: Yes.",
        "[Customer: Is it on?\n[Agent: Yes.",
        "Customer\nIs it on?\nAgent\nYes.",
        "",
        ":",
        "Customer:",
    ],
)
def test_other_texts_are_no_talk(text: str) -> None:
    assert read(text) == "raw_text"


def test_answers_of_pairs_are_parted_at_few_names_only() -> None:
    for text in ("Patient: It hurts.\nDoctor: Rest.", written("Kunde", "Mitarbeiter"), written("John",
        "Support"),
                 written("Customer", "Agent", "**{}:** ")):  # fmt: skip
        assert read_transcript(text) is None
    assert read_transcript(written("HUMAN", "ASSISTANT")) == [Message(*turn) for turn in WANTED]


def test_a_form_where_a_column_says_that_it_is_a_talk() -> None:
    text = "Patient: Hello\nDoctor: Hi"
    assert [learnt(text, name) for name in TEXTS if name not in ("text", "log")] == 6 * [
        [("user", "Hello"), ("assistant", "Hi")]
    ]


@pytest.mark.parametrize("hard", ["John: " * 20_000, "a" * 100_000, "Customer: x\n" * 20_000,
                                  "\n" * 100_000 + "Customer: x",
                                  "*" * 50_000, "Customer" * 10_000 + ":", "A b" * 30_000])  # fmt: skip
def test_long_texts_take_no_longer_than_they_are(hard: Any) -> None:
    assert read_transcript(hard, [], anyone=True, spoken=True) is None


# --- the marks of chat templates -----------------------------------------------------------------

HEAD = "<|start_header_id|>{}<|end_header_id|>\n\n"
TEMPLATES = {  # what begins the text, a turn, ends a turn and the text; the assistant's name
    "llama3": ("<|begin_of_text|>", HEAD, "<|eot_id|>", "<|end_of_text|>", "assistant"),
    "gemma": ("<bos>", "<start_of_turn>{}\n", "<end_of_turn>\n", "<eos>", "model"),
    "zephyr": ("", "<|{}|>\n", "</s>\n", "", "assistant"),
    "phi": ("<s>", "<|{}|>\n", "<|end|>\n", "<|endoftext|>", "assistant"),
}


def templated(name: str, last: str = "", said: list[tuple[str, str]] = WANTED) -> str:
    first, head, end, _, assistant = TEMPLATES[name]
    names = {"assistant": assistant}
    return first + "".join(head.format(names.get(who, who)) + text + end for who, text in said) + last


@pytest.mark.parametrize("name", TEMPLATES)
def test_texts_in_a_chat_template_are_read_to_the_letter(name: str) -> None:
    said = [("system", "Be kind."), ("user", "  a <b> [INST] | é\n\nUser: no\n"), ("assistant", "x \n")]
    ends = TEMPLATES[name][2], TEMPLATES[name][3]
    for told in (said, said[1:], WANTED):
        text = templated(name, said=told)
        for whole in (text, text + ends[1], text.removeprefix(TEMPLATES[name][0]), f"\n{text}\n"):
            assert learnt(whole) == told, whole
        assert learnt(text.rstrip().removesuffix(ends[0].rstrip())) == [
            *told[:-1], (told[-1][0], told[-1][1].rstrip())
        ]  # fmt: skip


@pytest.mark.parametrize("name", TEMPLATES)
def test_texts_that_only_hold_a_chat_template_are_no_talk(name: str) -> None:
    text, end = templated(name), TEMPLATES[name][2]
    for other in (
        f"See: {text}",
        f"{text}And so on.",
        text + text if TEMPLATES[name][0] else f"{text}x{text}",
        text.replace(end, "", 1),
        templated(name, said=WANTED[:1]),
        text.replace("user", "nobody"),
    ):
        assert read(other) == "raw_text", other


def test_a_preference_in_a_chat_template() -> None:
    row = {"prompt": HEAD.format("user") + "Key?<|eot_id|>" + HEAD.format("assistant"),
           "chosen": "Mat.<|eot_id|>", "rejected": "No.<|eot_id|>"}  # fmt: skip
    draft = read_row(row, "auto", Columns())
    assert not isinstance(draft, str)
    assert [turn.content for turn in (*draft.messages, *draft.rejected)] == ["Key?", "Mat.", "No."]


@pytest.mark.parametrize("name", TEMPLATES)
def test_long_texts_in_a_chat_template_take_no_longer_than_they_are(name: str) -> None:
    first, head, *_ = TEMPLATES[name]
    for hard in (
        first * 20_000,
        head.format("user") * 20_000,
        first + head.format("user") + " " * 100_000,
    ):
        assert read_transcript(hard) is None
