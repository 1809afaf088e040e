"""Kinds of text that are known and not read: the error says what they are and what to do."""

from __future__ import annotations

import gzip
import time
from contextlib import suppress
from pathlib import Path

import pytest
from as_read import rows_of

from talkwright.data.reading.kinds.strangers import refuse_strangers
from talkwright.errors import DataError

ROWS = "(1,'How long is it?','It is 10 km long.'),\n(2,'And how wide?','It is 2 m wide.');\n"
MYSQL = f"""-- MySQL dump 10.13  Distrib 8.0.36
/*!40101 SET NAMES utf8mb4 */;
DROP TABLE IF EXISTS `faq`;
CREATE TABLE `faq` (
  `id` int NOT NULL,
  `question` text, `answer` text
) ENGINE=InnoDB;
INSERT INTO `faq` VALUES {ROWS}"""
SQLITE = f"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nINSERT INTO faq VALUES{ROWS}"
POSTGRES = """--
-- PostgreSQL database dump
--

SET statement_timeout = 0;
COPY public.faq (id, question, answer) FROM stdin;
1\tHow long is it?\tIt is 10 km long.
\\.
"""
SERVER = f"USE [desk]\nGO\nINSERT [dbo].[faq] ([id], [question], [answer]) VALUES {ROWS}"
MAIL = """Received: from mail.example.com
 by mx.example.com
From: Ann <ann@example.com>
To: help@example.com
Subject: Length
Date: Tue, 2 Jan 2024 10:00:00 +0000

How long is it?
[1]
{"a": 1}
"""
MAILBOX = (
    f"From ann@example.com Tue Jan  2 10:00:00 2024\n{MAIL}\nFrom bob@example.com Tue Jan  2 2024\n"
)


@pytest.mark.parametrize(
    ("name", "text", "what", "advice"),
    [
        ("a.sql", MYSQL, "dump of a database", "as CSV"),
        ("a.sql", MYSQL + MYSQL * 50_000, "dump of a database", "as CSV"),
        ("a.txt", f"INSERT INTO faq (id, question, answer) VALUES {ROWS}", "dump of a database", "CSV"),
        ("a.sql", SQLITE, "dump of a database", "sqlite3"),
        ("a.sql", POSTGRES, "dump of a database", "psql"),
        ("a.sql", SERVER, "dump of a database", "as CSV"),
        ("a.eml", MAIL, "an e-mail", "as CSV"),
        ("a.eml", MAIL.replace("\n", "\r\n"), "an e-mail", "JSONL"),
        ("a.mbox", MAILBOX, "a mailbox", "JSONL"),
        ("a.txt", MAILBOX, "a mailbox", "JSONL"),
    ],
)
def test_what_is_not_read_is_called_what_it_is(
    tmp_path: Path, name: str, text: str, what: str, advice: str
) -> None:
    with pytest.raises(DataError, match=rf"this is {what}|this is a {what}") as told:
        rows_of(tmp_path / name, text)
    assert advice in str(told.value)
    assert "table, its first line" not in str(told.value)
    with pytest.raises(DataError, match=what):
        rows_of(tmp_path / f"{name}.gz", gzip.compress(text.encode()))


@pytest.mark.parametrize("kind", ["vtt", "srt"])
@pytest.mark.parametrize(
    ("who", "said"), [("", "name nobody who speaks"), ("Anna: ", "name Anna alone")]
)
def test_captions_without_two_names_are_called_captions(
    tmp_path: Path, kind: str, who: str, said: str
) -> None:
    times = "00:00:01,000 --> 00:00:02,000"
    text = f"1\n{times}\n{who}So it goes.\n\n2\n{times}\nAnd goes.\n"
    if kind == "vtt":
        text = "WEBVTT\n\n" + text.replace(",", ".")
    with pytest.raises(DataError, match=f"captions of a recording, and they {said}.*Export"):
        rows_of(tmp_path / f"call.{kind}", text)


@pytest.mark.parametrize(
    "text",
    [
        'set,question,answer\n1,How?,"\nINSERT INTO t VALUES (1);\n"\n',
        "From,question,answer\nTo:,How?,So.\n",
        'question,answer\nHow?,"INSERT INTO t VALUES (1);"\n',
        '{"question": "From: a", "answer": "To: b"}\n',
    ],
)
def test_what_is_read_may_look_a_little_so(tmp_path: Path, text: str) -> None:
    assert [row.problem for row in rows_of(tmp_path / "a.csv", text)] == [None]


def test_many_comments_take_no_time(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="table"):
        rows_of(tmp_path / "a.sql", "/* a */ -- b\n" * 20_000 + "none\n")


@pytest.mark.parametrize("fill", ["\n", " ", "a", "SET ", "--\n", "INSERT INTO a\n", "a@"])
def test_no_beginning_takes_long(tmp_path: Path, fill: str) -> None:
    size = 2**18
    for begin in ("SET NAMES a;\n", "SET", "From a ", "From: a\n", "INSERT INTO a"):
        text = begin + fill * (size // len(fill))
        since = time.process_time()
        with suppress(DataError):
            refuse_strangers(tmp_path / "a.sql", text)
        assert time.process_time() - since < 2
