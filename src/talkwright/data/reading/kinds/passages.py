"""Rows that hold several: SQuAD's articles, tasks with their instances, pages of an interface.

{"data": [{"paragraphs": [{"context": ..., "qas": [{"question": ..., "answers": [{"text": ...}]}]}]}]}
{"instruction": "...", "instances": [{"input": "...", "output": "..."}]}        self-instruct
{"Definition": ["..."], "Instances": [{"input": "...", "output": ["..."]}]}     Super-NaturalInstructions
{"data": [{"messages": [...]}, {"messages": [...]}], "page": 1}                     one of many pages
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from talkwright.config import Columns
from talkwright.data.reading.chat.groups import GROUP_NAMES
from talkwright.data.reading.chat.turns import LISTS, plain
from talkwright.data.reading.rows import RAW, Row
from talkwright.data.reading.shapes.formats import read_row, reads_as_row

_ROWS_THEMSELVES = ("messages", "conversations", "chosen", "rejected")  # of most rows that have lists


def with_questions(rows: Iterable[Row]) -> Iterator[Row]:
    """Rows, with those that it holds in place of one that holds several."""
    for row in rows:
        found = rows_within(row.value) if isinstance(row.value, dict) else None
        if found is None:
            yield row
            continue
        for number, asked in enumerate(found, 1):
            raw = json.dumps(asked, ensure_ascii=False)[:RAW]
            yield Row(f"{row.where}, question {number}", asked, raw, row.problem, row.repairs)


def rows_within(value: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The rows that an object holds; None for one that is a row itself, or none at all."""
    lists = [held for held in value.values() if type(held) is list and held and type(held[0]) is dict]
    if not lists or not value.keys().isdisjoint(_ROWS_THEMSELVES):
        return None
    return (
        _questions(value) or _instances(value) or (_page(value, lists[0]) if len(lists) == 1 else None)
    )


def _questions(article: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The questions of an article, each with its passage; None for anything else."""
    passages = article.get("paragraphs")
    if not isinstance(passages, list) or not passages:
        return None
    found: list[dict[str, Any]] = []
    for passage in passages:
        asked = passage.get("qas") if isinstance(passage, dict) else None
        if not isinstance(asked, list) or not isinstance(passage.get("context"), str):
            return None
        if not all(isinstance(each, dict) and isinstance(each.get("question"), str) for each in asked):
            return None
        found += [
            {"question": each["question"], "context": passage["context"], "answers": _texts(each)}
            for each in asked
        ]
    return found or None


def _texts(asked: dict[str, Any]) -> list[Any]:
    """The answers, which are equally good; of a question that the passage does not answer none."""
    answers = asked.get("answers")
    listed = answers if isinstance(answers, list) else []
    return [each.get("text") if isinstance(each, dict) else each for each in listed]


def _instances(task: dict[str, Any]) -> list[dict[str, Any]] | None:
    """A task's instances, each with what is to be done; None for anything else."""
    told = task.get("instruction", task.get("Definition"))
    told = "\n".join(told) if isinstance(told, list) and all(isinstance(t, str) for t in told) else told
    held = task.get("instances", task.get("Instances"))
    if not isinstance(told, str) or not isinstance(held, list) or not held:
        return None
    if not all(isinstance(each, dict) and each.keys() >= {"input", "output"} for each in held):
        return None
    about: dict[str, Any] = {key: task[key] for key in ("id", "name") if key in task}
    rows: list[dict[str, Any]] = []
    for each in held:
        said = each["output"] if isinstance(each["output"], list) else [each["output"]]
        asked = each["input"] if isinstance(each["input"], str) else ""
        question = f"{told}\n\n{asked}" if asked.strip() else told
        rows.append({**about, "question": question, "answers": said})
    return rows


def _page(page: dict[str, Any], held: list[Any]) -> list[dict[str, Any]] | None:
    """The rows of a page, with the ids in it that tie them together; None where it may be a row itself,
    or one of its rows is none."""
    texts = any(isinstance(other, list) and other for other in page.values() if other is not held)
    turns = any(plain(key) in LISTS for key, other in page.items() if other is held)
    if texts or turns or reads_as_row(page) or not all(map(_is_talk, held)):
        return None
    tying = {key: id for key, id in page.items() if plain(key) in GROUP_NAMES and id is not None}
    return [{**tying, **row} for row in held]


def _is_talk(row: Any) -> bool:
    """Say whether a row is a question with its answer, and no turn of a talk that the page is itself."""
    draft = read_row(row, "auto", Columns()) if isinstance(row, dict) else ""
    return not isinstance(draft, str) and {"user", "assistant"} <= {m.role for m in draft.messages}
