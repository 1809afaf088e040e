"""Kinds of text that hold conversations and are not read: what they are, and what to do instead."""

from __future__ import annotations

import re
from pathlib import Path

from talkwright.data.reading.chat.captions import are_captions, read_captions
from talkwright.errors import DataError

_HEAD = 2**18  # characters looked at
# The first statement of a dump behind comments, and what of them holds rows or their columns.
_SQL_BEGIN = re.compile(
    r"\A(?:\s|--[^\n]*(?:\n|\Z)|/\*(?:[^*]|\*(?!/))*\*/;?)*(?:(?:INSERT|REPLACE)\s+(?:INTO|IGNORE|\[)"
    r"|(?:CREATE|DROP|ALTER|LOCK)\s+(?:TABLES?|DATABASE|SCHEMA|TYPE|EXTENSION)\b"
    r"|SET[ \t]+(?:NAMES\b|[\w@][\w@. ]{0,80}=)|(?:BEGIN|START)(?:\s+TRANSACTION)?;"
    r"|USE\s+[\[`\w]+\]?;?\s*\n|PRAGMA\s|COPY\s+\S+\s*\(|SELECT\s+pg_catalog)",
    re.IGNORECASE,
)
_SQL_ROWS = re.compile(
    r"^[ \t]{0,20}(?:(?:INSERT(?:\s+IGNORE)?|REPLACE)\s+(?:INTO\s+)?[^;]{1,500}?\bVALUES\b"
    r"|COPY\s[^;\n]+\sFROM\s+stdin;|CREATE\s+TABLE\s[^;\n]+\()",
    re.IGNORECASE | re.MULTILINE,
)
_MBOX = re.compile(r"\A\s*From \S+ +[^\n]{0,60}\d{4}[^\n]{0,20}\r?\n(?=[\w-]+:)")
_FIELD = re.compile(r"([\w-]{1,60}):[^\n]*(?:\n[ \t][^\n]*)*(?:\n|\Z)")
_FIELDS = frozenset(
    ("to", "cc", "date", "subject", "received", "message-id", "return-path", "delivered-to", "reply-to",
     "mime-version", "content-type", "in-reply-to")
)  # fmt: skip
_AS_TABLE = "as JSONL (`question`, `answer`, or a list `messages`)"


def refuse_strangers(path: Path, content: str) -> None:
    """Raise DataError for text of a kind that is known and not read, by how it begins."""
    head = content[:_HEAD].lstrip("\ufeff")
    if are_captions(head):
        raise DataError(_captions(path, content))
    if _SQL_BEGIN.match(head) and _SQL_ROWS.search(head):
        raise DataError(
            f"{path}: this is a dump of a database (SQL), whose statements are not run and not read. "
            "Load it into its database and export the table that has the conversations as CSV with "
            "names over its columns (MySQL Workbench, pgAdmin and DBeaver: Export; `psql`: \\copy TABLE "
            f"to FILE csv header; `sqlite3`: .headers on, .mode csv), or {_AS_TABLE}."
        )
    if mailbox := _MBOX.match(head):
        head = head[mailbox.end() :]
    if mailbox or _is_mail(head):
        what = "a mailbox (mbox)" if mailbox else "an e-mail"
        raise DataError(
            f"{path}: this is {what}, which is not read: who asks and who answers, and what is "
            "quoted in it, is not certain. Export the talks from the desk or the mail program as CSV, "
            f"with the question and the answer in columns of their own, or {_AS_TABLE}."
        )


def _is_mail(head: str) -> bool:
    """Say whether a text begins with the fields that every mail has: from whom, and two others."""
    names, at = set(), 0
    while field := _FIELD.match(head, at):
        names.add(field[1].lower())
        at = field.end()
    return (
        "from" in names and len(names & _FIELDS) > 1 and head[at : at + 2].lstrip("\r")[:1] in ("", "\n")
    )


def _captions(path: Path, content: str) -> str:
    names = {name for name, _, _ in read_captions(content.replace("\r\n", "\n"))}
    who = f"name {next(iter(names))[:60]} alone" if len(names) == 1 else "name nobody who speaks"
    return (
        f"{path}: these are captions of a recording, and they {who}, so that it is not known who asks "
        "and who answers. Export the transcript with the names of the speakers (Zoom, Teams and Meet "
        "can), or write a name before what each says, such as `Customer: ...` and `Agent: ...`."
    )
