"""Compose the Lumenbird demo data from facts.yaml and glue.yaml: `python examples/lumenbird/build.py`.

Writes chats.jsonl, faq.csv, heldout.jsonl and dirt.csv beside this script. The same inputs give the
same bytes on every machine and Python version.
"""

from __future__ import annotations

import csv
import datetime
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml

HERE = Path(__file__).resolve().parent
SEED = 20
FAQ_QUESTIONS = 2  # the first ones of every fact; the others are asked in chats
LONG, KEYWORDS = 4, 5  # places of the long and of the keyword question among a fact's nine
SINGLES, PAIRS, TRIPLES = 168, 140, 40  # chats by number of facts; together they use every question

T = TypeVar("T")


class Ask(NamedTuple):
    """One question about one fact, with the answer wording that goes with it."""

    fact: str
    category: str
    question: str
    answer: str
    kind: str  # "plain", "long", "keywords" or "follow_up"


class Row(NamedTuple):
    """One line of an export; `what` says what is wrong with it, if anything is.

    A repetition carries the row it repeats in `of`, and comes after it.
    """

    content: Any
    what: str = ""
    of: Any = None


def build(out: Path) -> None:
    """Write the four files of the demo data into the folder `out`."""
    facts = yaml.safe_load((HERE / "facts.yaml").read_text(encoding="utf-8"))
    glue = yaml.safe_load((HERE / "glue.yaml").read_text(encoding="utf-8"))
    rng = random.Random(SEED)
    out.mkdir(parents=True, exist_ok=True)
    chats = dirty_chats(compose_chats(facts, glue, rng), glue, rng)
    faq = dirty_faq(compose_faq(facts, rng), glue, rng)
    _write_lines(out / "chats.jsonl", [_as_line(row.content) for row in chats])
    header = ["Question", "Answer", "Category", "Updated"]
    _write_csv(out / "faq.csv", [header, *(row.content for row in faq)])
    _write_lines(out / "heldout.jsonl", [_as_line(item) for item in held_out(facts)])
    dirt = [["chats.jsonl", str(n), row.what] for n, row in enumerate(chats, 1) if row.what]
    dirt += [["faq.csv", str(n), row.what] for n, row in enumerate(faq, 1) if row.what]
    _write_csv(out / "dirt.csv", [["File", "Row", "What"], *dirt])


def held_out(facts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Make the evaluation items: unseen questions, reference answer, accepted spellings."""
    return [
        {"messages": _messages([(question, fact["answers"][0])]), "facts": [fact["spellings"]]}
        for fact in facts
        for question in fact["held_out"]
    ]


# --- clean rows -----------------------------------------------------------------------------------


def compose_faq(facts: list[dict[str, Any]], rng: random.Random) -> list[list[str]]:
    """Make the FAQ rows, the two tidy questions of every fact, in the order of the facts."""
    rows = []
    for fact in facts:
        for question, answer in zip(fact["questions"][:FAQ_QUESTIONS], fact["answers"], strict=True):
            updated = datetime.date(2025, 1, 7) + datetime.timedelta(days=int(rng.random() * 300))
            rows.append([question, answer, fact["category"], updated.isoformat()])
    return rows


def compose_chats(
    facts: list[dict[str, Any]], glue: dict[str, Any], rng: random.Random
) -> list[dict[str, Any]]:
    """Make the chats: every chat question of every fact is asked exactly once."""
    asks = _shuffled([ask for fact in facts for ask in _chat_asks(fact)], rng)
    # Bare keywords read well only as a whole chat, long stories only at the start of one.
    keywords = [a for a in asks if a.kind == "keywords"]
    long = [a for a in asks if a.kind == "long"]
    plain = [a for a in asks if a.kind == "plain"]
    n_single = SINGLES - len(keywords)
    n_first = PAIRS + TRIPLES - len(long)
    singles = keywords + plain[:n_single]
    openings = _shuffled(long + plain[n_single : n_single + n_first], rng)
    later = _shuffled([a for a in asks if a.kind == "follow_up"] + plain[n_single + n_first :], rng)
    threads = [[ask] for ask in singles] + _threads(openings, later)
    return [_chat(n, thread, glue, rng) for n, thread in enumerate(_shuffled(threads, rng), start=1)]


def _chat_asks(fact: dict[str, Any]) -> list[Ask]:
    kinds = {LONG: "long", KEYWORDS: "keywords"}
    questions = [(q, kinds.get(n, "plain")) for n, q in enumerate(fact["questions"])][FAQ_QUESTIONS:]
    questions.append((fact["follow_up"], "follow_up"))
    return [
        Ask(fact["id"], fact["category"], question, fact["answers"][n % 2], kind)
        for n, (question, kind) in enumerate(questions)
    ]


def _threads(openings: list[Ask], later: list[Ask]) -> list[list[Ask]]:
    """Give every opening one or two later questions about other facts; every second stays on topic."""
    sizes = [2] * PAIRS + [3] * TRIPLES
    threads = [[ask] for ask in openings]
    for number, (thread, size) in enumerate(zip(threads, sizes, strict=True)):
        while len(thread) < size:
            known = {ask.fact for ask in thread}
            fitting = [ask for ask in later if ask.fact not in known]
            near = [ask for ask in fitting if ask.category == thread[0].category]
            chosen = (near if near and number % 2 == 0 else fitting)[0]
            thread.append(chosen)
            later.remove(chosen)
    return threads


def _chat(number: int, thread: list[Ask], glue: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    turns = []
    for place, ask in enumerate(thread):
        if place > 0:
            before = _pick(glue["short_bridges" if ask.kind == "follow_up" else "bridges"], rng)
        else:
            before = _pick(glue["greetings"], rng) if len(thread) > 1 else ""
        turns.append((before + ask.question, ask.answer))
    if len(thread) > 1 and rng.random() < 0.6:
        turns.append(tuple(_pick(glue["closings"], rng)))
    return _export(number, _messages(turns), glue, rng)


def _export(
    number: int, messages: list[dict[str, str]], glue: dict[str, Any], rng: random.Random
) -> dict[str, Any]:
    created = datetime.datetime(2025, 2, 3, 7, 4) + datetime.timedelta(minutes=97 * number)
    return {
        "id": f"chat_{number:05d}",
        "created": created.isoformat() + "Z",
        "channel": _pick(glue["channels"], rng),
        "agent": _pick(glue["agents"], rng),
        "messages": messages,
    }


# --- dirt -----------------------------------------------------------------------------------------


def dirty_chats(chats: list[dict[str, Any]], glue: dict[str, Any], rng: random.Random) -> list[Row]:
    """Spoil a few chats in place and add broken, repeated and half-finished ones."""
    rows: list[Row] = [Row(chat) for chat in chats]
    places = _shuffled([n for n, chat in enumerate(chats) if len(chat["messages"]) == 2], rng)
    for wrap in ("<p>{}</p>", "<p>{}</p><p>Have a bright day &amp; sleep well!</p>"):
        place = places.pop()
        _answer(rows, place, wrap.format(chats[place]["messages"][1]["content"]), "HTML in the answer")
    for email in glue["emails"]:
        question = chats[places[-1]]["messages"][0]
        question["content"] += f" You can write back to {email}."
        rows[places[-1]] = Row(chats[places.pop()], "e-mail address")
    curly = next(n for n in places if "'" in chats[n]["messages"][1]["content"])
    places.remove(curly)
    _answer(rows, curly, _mojibake(chats[curly]["messages"][1]["content"]), "mojibake")
    extra = [Row(_as_line(chats[places.pop()])[:-cut], "truncated JSON") for cut in (41, 120)]
    extra.append(Row(glue["not_json"], "not JSON"))
    for again in (chats[places.pop()], chats[places.pop()]):
        extra.append(Row(again, "exact duplicate", of=again))
    for again in (chats[places.pop()], chats[places.pop()]):
        extra.append(Row(_nearly(again), "near duplicate", of=again))
    for number, broken in enumerate(glue["broken_chats"], start=len(chats) + 1):
        messages = [{"role": role, "content": content} for role, content in broken["messages"]]
        extra.append(Row(_export(number, messages, glue, rng), broken["what"]))
    return _scattered(rows, extra, rng)


def dirty_faq(faq: list[list[str]], glue: dict[str, Any], rng: random.Random) -> list[Row]:
    """Spoil a few FAQ rows in place and add repeated, empty and contradicting ones."""
    rows = [Row(row) for row in faq]
    places = _shuffled(list(range(len(faq))), rng)

    def spoil(place: int, what: str, question: str = "{}", answer: str = "{}") -> None:
        first, second, *rest = faq[place]
        rows[place] = Row([question.format(first), answer.format(second), *rest], what)

    spoil(places.pop(), "HTML in the answer", answer="<p>{}</p>")
    spoil(places.pop(), "HTML in the answer", answer="{}<br><br>Questions &amp; ideas: ask us anytime.")
    spoil(places.pop(), "HTML in the answer", answer="<div><b>Answer:</b> {}</div>")
    spoil(places.pop(), "CRLF in a cell", answer="{}\r\nAsk us if anything is still unclear.")
    spoil(places.pop(), "CRLF in a cell", question="A customer asks:\r\n{}")
    curly = next(n for n in places if "'" in faq[n][0])
    places.remove(curly)
    spoil(curly, "mojibake")
    rows[curly] = Row([_mojibake(faq[curly][0]), *faq[curly][1:]], "mojibake")
    extra = [Row(row, "exact duplicate", of=row) for row in (faq[places.pop()], faq[places.pop()])]
    question, answer, *rest = again = faq[places.pop()]
    extra.append(Row([question.upper(), answer.rstrip(".") + " !", *rest], "near duplicate", of=again))
    extra += [Row([*item["row"], "2025-06-02"], item["what"]) for item in glue["extra_faq"]]
    return _scattered(rows, extra, rng)


def _answer(rows: list[Row], place: int, text: str, what: str) -> None:
    rows[place].content["messages"][1]["content"] = text
    rows[place] = Row(rows[place].content, what)


def _nearly(chat: dict[str, Any]) -> dict[str, Any]:
    """Copy a chat as if it had been logged twice, with other case and punctuation."""
    question, answer = (message["content"] for message in chat["messages"])
    again = question.lower().rstrip("?.!") + " ??", answer.replace(",", " ,").rstrip(".") + " !"
    return {**chat, "id": chat["id"] + "_retry", "messages": _messages([again])}


def _mojibake(text: str) -> str:
    """Write UTF-8 and read it back as Windows-1252, the way a broken exporter does."""
    return text.replace("'", "\u2019").encode("utf-8").decode("cp1252")


def _scattered(rows: list[Row], extra: list[Row], rng: random.Random) -> list[Row]:
    rows = list(rows)
    for row in extra:
        first = 1 + next((n for n, other in enumerate(rows) if other.content == row.of), 0)
        rows.insert(first + int(rng.random() * (len(rows) - first)), row)
    return rows


# --- small things ---------------------------------------------------------------------------------


def _messages(turns: Sequence[tuple[str, ...]]) -> list[dict[str, str]]:
    return [
        {"role": role, "content": text}
        for turn in turns
        for role, text in zip(("user", "assistant"), turn, strict=True)
    ]


# Only Random.random() is promised to give the same numbers in every Python version.
def _shuffled(items: list[T], rng: random.Random) -> list[T]:
    return sorted(items, key=lambda _: rng.random())


def _pick(items: list[T], rng: random.Random) -> T:
    return items[int(rng.random() * len(items))]


def _as_line(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_bytes("".join(line + "\n" for line in lines).encode("utf-8"))


def _write_csv(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    build(HERE)
