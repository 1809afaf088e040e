"""The shipped demo data is what its script makes, and is fit for what the quickstart claims with it."""

from __future__ import annotations

import collections
import csv
import json
import re
import runpy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "lumenbird"
BUILT = ("chats.jsonl", "faq.csv", "heldout.jsonl", "dirt.csv")


@cache
def facts() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = yaml.safe_load((FOLDER / "facts.yaml").read_text(encoding="utf-8"))
    return loaded


@cache
def held_out() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / "heldout.jsonl").read_text("utf-8").splitlines()]


@cache
def dirt() -> list[dict[str, str]]:
    with (FOLDER / "dirt.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def faq_rows() -> list[dict[str, str]]:
    with (FOLDER / "faq.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def chat_lines() -> list[str]:
    return (FOLDER / "chats.jsonl").read_bytes().decode("utf-8").split("\n")[:-1]


@cache
def clean_conversations() -> list[list[tuple[str, str]]]:
    """Every conversation without anything wrong in it, as (question, answer) turns."""
    spoilt = {(row["File"], int(row["Row"])) for row in dirt()}
    conversations = [
        [(row["Question"], row["Answer"])]
        for number, row in enumerate(faq_rows(), 1)
        if ("faq.csv", number) not in spoilt
    ]
    for number, line in enumerate(chat_lines(), 1):
        if ("chats.jsonl", number) not in spoilt:
            messages = json.loads(line)["messages"]
            roles = [message["role"] for message in messages]
            assert roles == ["user", "assistant"] * (len(roles) // 2), f"chats.jsonl:{number}"
            texts = [message["content"] for message in messages]
            conversations.append(list(zip(texts[::2], texts[1::2], strict=True)))
    return conversations


def normalised(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9$%.]*[a-z0-9%]", text.lower().replace("'", "")))


def states(text: str, fact: dict[str, Any]) -> bool:
    flat = f" {normalised(text)} "
    return any(f" {normalised(spelling)} " in flat for spelling in fact["spellings"])


def overlap(a: str, b: str) -> float:
    first, second = set(normalised(a).split()), set(normalised(b).split())
    return len(first & second) / len(first | second)


def test_the_shipped_files_are_what_the_script_makes(tmp_path: Path) -> None:
    runpy.run_path(str(FOLDER / "build.py"))["build"](tmp_path)
    for name in BUILT:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), (
            f"{name} is out of date: run `python examples/lumenbird/build.py`"
        )


def test_there_are_enough_facts_conversations_and_follow_up_questions() -> None:
    conversations = clean_conversations()
    assert len({fact["id"] for fact in facts()}) == len(facts()) >= 60
    assert len(conversations) >= 450
    assert sum(len(turns) > 1 for turns in conversations) >= len(conversations) / 3
    assert any(len(turns) >= 4 for turns in conversations)


def test_every_fact_is_asked_in_at_least_seven_ways_and_always_answered_with_its_value() -> None:
    questions = collections.defaultdict(set)
    for turns in clean_conversations():
        for question, answer in turns:
            for fact in facts():
                if answer in fact["answers"]:
                    questions[fact["id"]].add(normalised(question))
                    assert states(answer, fact), answer
    for fact in facts():
        assert len(questions[fact["id"]]) >= 7, fact["id"]


def test_no_question_is_shared_by_two_facts() -> None:
    written = [q for fact in facts() for q in (*fact["questions"], fact["follow_up"], *fact["held_out"])]
    twice = [q for q, n in collections.Counter(map(normalised, written)).items() if n > 1]
    assert not twice


def test_held_out_questions_are_no_training_questions_nor_near_copies_of_one() -> None:
    training = [question for turns in clean_conversations() for question, _ in turns]
    training += [q for fact in facts() for q in (*fact["questions"], fact["follow_up"])]
    seen = {normalised(question) for question in training}
    for item in held_out():
        question = item["messages"][0]["content"]
        assert normalised(question) not in seen, question
        nearest = max(training, key=lambda other, q=question: overlap(q, other))  # type: ignore[misc]
        assert overlap(question, nearest) < 0.8, f"{question!r} is close to {nearest!r}"


def test_every_fact_has_two_held_out_questions_whose_reference_states_it() -> None:
    assert len(held_out()) == sum(len(fact["held_out"]) for fact in facts()) >= 2 * len(facts())
    for item in held_out():
        assert [message["role"] for message in item["messages"]] == ["user", "assistant"]
        assert states(item["messages"][1]["content"], {"spellings": item["facts"][0]})


def test_no_question_gives_its_fact_away() -> None:
    for fact in facts():
        for question in (*fact["questions"], fact["follow_up"], *fact["held_out"]):
            assert not states(question, fact), question


def test_no_answer_states_the_fact_of_another_question() -> None:
    for fact in facts():
        for answer in fact["answers"]:
            others = [other["id"] for other in facts() if other is not fact and states(answer, other)]
            assert not others, f"{answer!r} also states {others}"


def test_clean_conversations_are_no_near_duplicates_of_each_other() -> None:
    flat = [" ".join(part for turn in turns for part in turn) for turns in clean_conversations()]
    for place, text in enumerate(flat):
        for other in flat[place + 1 :]:
            assert overlap(text, other) < 0.85, (text, other)


def test_the_dirt_is_there_as_listed_and_rare() -> None:
    kinds = collections.Counter((row["File"], row["What"]) for row in dirt())
    for what in ("truncated JSON", "not JSON", "empty answer", "unknown role", "ends in a user turn"):
        assert kinds["chats.jsonl", what], what
    assert kinds["chats.jsonl", "two user turns in a row"]
    assert kinds["faq.csv", "contradiction"] == 2
    for what in (
        "exact duplicate",
        "near duplicate",
        "HTML in the answer",
        "e-mail address",
        "mojibake",
    ):
        assert kinds["chats.jsonl", what], what
        assert kinds["faq.csv", what], what
    assert kinds["faq.csv", "CRLF in a cell"]
    assert 0.03 < len(dirt()) / (len(chat_lines()) + len(faq_rows())) < 0.07


def test_each_dirty_chat_line_shows_what_it_is_listed_for() -> None:
    lines = chat_lines()
    for row in dirt():
        if row["File"] != "chats.jsonl":
            continue
        line, what = lines[int(row["Row"]) - 1], row["What"]
        if what in ("truncated JSON", "not JSON"):
            assert not _is_json(line), line
            continue
        messages = json.loads(line)["messages"]
        roles = [message["role"] for message in messages]
        shown = {
            "exact duplicate": lines.count(line) == 2,
            "near duplicate": json.loads(line)["id"].endswith("_retry"),
            "HTML in the answer": "<p>" in messages[-1]["content"],
            "e-mail address": "@example." in messages[0]["content"],
            "mojibake": "â€™" in messages[-1]["content"],
            "empty answer": messages[-1]["content"] == "",
            "two user turns in a row": roles[:2] == ["user", "user"],
            "ends in a user turn": roles[-1] == "user",
            "unknown role": "supervisor" in roles,
        }
        assert shown[what], (what, line)


def test_each_dirty_faq_row_shows_what_it_is_listed_for() -> None:
    rows = faq_rows()
    for listed in dirt():
        if listed["File"] != "faq.csv":
            continue
        row, what = rows[int(listed["Row"]) - 1], listed["What"]
        same_question = [other for other in rows if other["Question"] == row["Question"]]
        shown = {
            "exact duplicate": rows.count(row) == 2,
            "near duplicate": row["Question"].isupper(),
            "HTML in the answer": re.search(r"<(p|br|div)>", row["Answer"]) is not None,
            "e-mail address": "@example.com" in row["Answer"],
            "mojibake": "â€™" in row["Question"],
            "empty answer": row["Answer"] == "",
            "CRLF in a cell": "\r\n" in row["Question"] + row["Answer"],
            "contradiction": len({other["Answer"] for other in same_question}) == 2,
        }
        assert shown[what], (what, row)


def test_the_readme_counts_what_is_there() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = len(chat_lines()) + len(faq_rows())
    for said in (
        f"{len(facts())} facts:",
        f"{len(chat_lines())} lines,",
        f"{len(faq_rows())} rows,",
        f"{len(held_out())} questions",
        f"{len(dirt())} of the {rows} rows",
    ):
        assert said in readme, said


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except json.JSONDecodeError:
        return False
    return True
