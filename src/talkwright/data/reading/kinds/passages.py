"""SQuAD's files: questions and answers below the passages of an article.

{"data": [{"paragraphs": [{"context": ..., "qas": [{"question": ..., "answers": [{"text": ...}]}]}]}]}
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from talkwright.data.reading.rows import RAW, Row


def with_questions(rows: Iterable[Row]) -> Iterator[Row]:
    """Rows, with one of each question in place of an article."""
    for row in rows:
        found = _questions(row.value) if isinstance(row.value, dict) else None
        if found is None:
            yield row
            continue
        for number, asked in enumerate(found, 1):
            raw = json.dumps(asked, ensure_ascii=False)[:RAW]
            yield Row(f"{row.where}, question {number}", asked, raw, row.problem, row.repairs)


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
