"""Chats as programs and desks write them out, a message a line with who, and as a rule when.

[02.01.24, 10:01:22] Anna: ...      WhatsApp on iOS        02/01/2024, 10:01 - Anna: ...   on Android
[10:01] <anna> ...                  IRC                    10:01:22 Customer: ...
Customer (10:01): ...               desks                  **User:** ...                   Markdown
Anna  10:01 AM                      copied from Slack      ChatGPT said:                   from a page
...                                                        ...

Lines that begin no message go on with the one before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from talkwright.data.reading.chat.captions import are_captions, read_captions

_DATE = r"(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{2,4})\.?"
_TIME = (
    r"\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d{1,6})?(?:Z|[+-]\d\d:?\d\d)?"
    r"(?:[ \u202f\u00a0]?[AaPp]\.?[ \u00a0]?[Mm]\.?)?"
)
_SHORT = rf"(?:{_DATE}[T,]?[ \u202f]{{0,2}})?{_TIME}"
_LONG = rf"{_DATE}[T,]?[ \u202f]{{0,2}}(?:\d{{1,2}}\.\d\d(?:\.\d\d)?(?!\d)|{_TIME})"
_BRACKETED = rf"\[(?P<when>{_SHORT})\]|\((?P<when_>{_SHORT})\)"
_NAME = r"[^\W\d_][\w .'-]{0,30}"
_MARKS = "[\u200e\u200f\ufeff]*"


@dataclass(frozen=True, slots=True)
class _Style:
    """How a line begins a message: who (`name`) and when; `event` begins one that nobody says."""

    head: re.Pattern[str]
    event: re.Pattern[str] | None = None
    phone: bool = False  # a phone's messenger, which writes what is no text in words
    sure: bool = True  # no other text begins so, in a cell of a table, either
    known: bool = False  # headings of a text look the same: only names of a model and its user count


def _style(head: str, event: str | None = None, **more: bool) -> _Style:
    events = re.compile(event, re.MULTILINE) if event else None
    return _Style(re.compile(head, re.MULTILINE), events, **more)


_STYLES = (
    _style(rf"^{_MARKS}\[(?P<when>{_LONG})\] (?P<name>[^:\n]{{1,60}}?):(?: |$)",
           rf"^{_MARKS}\[{_LONG}\] ", phone=True),
    _style(rf"^{_MARKS}(?P<when>{_LONG}) [-–] (?P<name>[^:\n]{{1,60}}?):(?: |$)",
           rf"^{_MARKS}{_LONG} [-–] ", phone=True),
    _style(rf"^[ \t]{{0,20}}(?:\[(?P<when>{_SHORT})\]|(?P<when_>{_SHORT}))[ \t]{{1,3}}"
           r"<[ @+%&~]?(?P<name>[^<>\s]{1,30})>[ \t]?",
           rf"^[ \t]{{0,20}}\[?{_SHORT}\]?[ \t]{{1,3}}(?:\*|-!-|-->|<--|--|=!=)|^(?:---|\*\*\*) "),
    _style(rf"^[ \t]{{0,20}}(?:{_BRACKETED}|(?P<when__>{_SHORT}))"
           rf"[ \t]?[-–]?[ \t]{{0,5}}(?P<name>{_NAME}):[ \t]*"),
    _style(rf"^[ \t]{{0,20}}(?P<name>{_NAME}?)[ \t]{{0,3}}(?:{_BRACKETED}"
           rf"|[,-]?[ \t](?P<when__>{_SHORT}))[ \t]?:(?:[ \t]+|$)"),
    _style(rf"^[ \t]{{0,3}}(?P<name>{_NAME}?)[ \t]{{1,4}}(?:{_BRACKETED}"
           rf"|(?P<when__>{_SHORT}))[ \t]*$", sure=False),
    _style(rf"^(?:\*\*|__|#{{1,6}}[ \t]+(?:\*\*)?)(?P<name>{_NAME}?)[ \t]?:?(?:\*\*|__)?:?"
           r"(?:[ \t]*$|[ \t]+)", sure=False, known=True),
    _style(rf"^(?P<name>{_NAME}?) said:[ \t]*$", sure=False, known=True),
    _style(r"^<[ @+%&~]?(?P<name>[^<>\s/]{1,30})> (?=\S)",
           r"^(?:\*|\*\*\*|-!-|-->|<--|---) ", sure=False),
)  # fmt: skip
_MODELS_AND_USERS = frozenset(
    ["user", "human", "you", "me", "prompt", "customer", "assistant", "ai", "bot", "chatgpt", "claude",
     "gemini", "copilot", "bard", "gpt-4", "model", "agent", "system"]
)  # fmt: skip
_TAGS = frozenset(
    ["a", "b", "i", "u", "p", "br", "hr", "li", "ul", "ol", "em", "h1", "h2", "h3", "td", "tr", "th",
     "div", "pre", "sub", "sup", "span", "code", "body", "html"]
)  # fmt: skip
# What a phone's messenger writes in place of, or behind, what was said.
_ATTACHED = re.compile(
    r"<[^<>\n]{3,60}>|\u200e?[^\n]{0,80}\((?:file attached|Datei angehängt)\)"
    r"|\u200e?[^\n]{0,40} omitted",
    re.IGNORECASE,
)
_EDITED = "<This message was edited>"
_WITHDRAWN = re.compile(r"\u200e?(?:This message was deleted\.?|You deleted this message\.?|null)")
_AROUND = 5  # lines before the first message, such as "Chat started on ..."
_SILENCE = timedelta(hours=8)


@dataclass(slots=True)
class Said:
    """A message of a chat: who, what, when as far as the line says a day, and its 1-based line."""

    name: str
    text: str
    when: datetime | None
    line: int


@dataclass(slots=True)
class Chat:
    """The messages of a chat, and what was left out of it (names of repairs)."""

    said: list[Said]
    repairs: tuple[str, ...] = ()
    recorded: bool = False  # one talk, whatever empty lines are in its text

    @property
    def names(self) -> list[str]:
        """Who says each message."""
        return [said.name for said in self.said]


def read_chat(text: str, alone: bool = False) -> Chat | None:
    """The messages of a chat; None where the text is none: two or more speak, from its first line on.

    `alone`: a file of its own, which may begin with some lines of something else, and in which a style
    counts that may also be met in other texts.
    """
    if alone and are_captions(text):
        said = [Said(name, words, None, line) for name, words, line in read_captions(text)]
        return Chat(said, recorded=True) if len({one.name for one in said}) > 1 else None
    text = text if alone else text.lstrip()  # it has to begin with a message there
    for style in _STYLES:
        if not alone and not (style.head.match(text) or (style.event and style.event.match(text))):
            continue
        if (style.sure or alone) and (chat := _read(text, style, alone)) is not None:
            return chat
    return None


def _read(text: str, style: _Style, alone: bool) -> Chat | None:
    first = style.head.search(text)
    if first is None:
        return None
    heads = list(style.head.finditer(text))
    if style.known:
        heads = [head for head in heads if head["name"].strip().lower() in _MODELS_AND_USERS]
        first = heads[0] if heads else first
    names = {head["name"].strip() for head in heads}
    if len(names) < 2 or (not (style.sure or style.known) and not _is_sure(heads, names, text)):
        return None
    events = list(style.event.finditer(text)) if style.event else []
    taken = {head.start() for head in heads}
    events = [found for found in events if found.start() not in taken]
    begin = min([first.start(), *(found.start() for found in events[:1])])
    before = text[:begin].strip("\ufeff \t\r\n")
    if before and (not alone or before.count("\n") >= min(_AROUND, len(heads))):
        return None
    left_out = ["dropped_side_note"] if before or events else []
    return _messages(
        text, style, heads, sorted([*taken, *(found.start() for found in events)]), left_out
    )


def _is_sure(heads: Sequence[re.Match[str]], names: set[str], text: str) -> bool:
    """Say whether lines that may be something else are a chat's: few speak, and often."""
    if heads[0].start() > 0 and text[: heads[0].start()].strip():
        return False
    return 2 * len(names) <= len(heads) and not {name.lower() for name in names} & _TAGS


def _messages(
    text: str, style: _Style, heads: list[re.Match[str]], starts: list[int], left_out: list[str]
) -> Chat:
    ends = dict(zip(starts, [*starts[1:], len(text)], strict=True))
    stamps = [next((held for name, held in head.groupdict().items() if name != "name" and held), "")
              for head in heads]  # fmt: skip
    times = _times(stamps)
    repairs, said, line, at = dict.fromkeys(left_out), [], 1, 0
    for head, when in zip(heads, times, strict=True):
        line += text.count("\n", at, head.start())
        at = head.start()
        body = text[head.end() : ends[at]].strip()
        if style.phone:
            body, what = _of_phone(body)
            if what is not None:
                repairs[what] = None
            if not body:
                continue
        said.append(
            Said(head["name"].strip().removeprefix("~").strip("\u202f\u200e "), body, when, line)
        )
    return Chat(said, tuple(repairs))


def _of_phone(body: str) -> tuple[str, str | None]:
    """What was said in words, and the name of the repair where something else was not."""
    if _WITHDRAWN.fullmatch(body):
        return "", "dropped_side_note"
    written = body.rstrip()
    edited = written.endswith(_EDITED)
    bare = written[: -len(_EDITED)].removesuffix("\u200e").rstrip() if edited else body
    if _ATTACHED.fullmatch(bare):
        return "", "removed_attachment"
    first, _, rest = bare.partition("\n")
    if first.startswith("\u200e") or (
        rest and _ATTACHED.fullmatch(first)
    ):  # a picture, its caption below
        attached = _ATTACHED.fullmatch(first)
        return rest.strip(), "removed_attachment" if attached else "dropped_side_note"
    return bare, None


def _times(stamps: list[str]) -> list[datetime | None]:
    """When messages were said; None for each where not all of them say the day."""
    found = [re.findall(r"\d+", stamp)[:6] for stamp in stamps]
    dated = re.compile(_DATE)
    if not all(dated.match(stamp) for stamp in stamps):
        return [None] * len(stamps)
    day_first = not any(len(parts[0]) < 4 and int(parts[1]) > 12 for parts in found)
    times: list[datetime | None] = []
    for stamp, parts in zip(stamps, found, strict=True):
        try:
            a, b, c, hour, minute = map(int, parts[:5])
            year, month, day = (a, b, c) if len(parts[0]) == 4 else (c, b, a) if day_first else (c, a, b)
            late = re.search(r"[Pp]\.?[ \u00a0]?[Mm]", stamp) is not None
            early = re.search(r"[Aa]\.?[ \u00a0]?[Mm]", stamp) is not None
            hour = hour % 12 + 12 * late if late or early else hour
            times.append(datetime(year + 2000 * (year < 100), month, day, hour, minute))
        except ValueError:
            return [None] * len(stamps)
    return times


def parted(said: list[Said], asks: Sequence[bool], silence: timedelta = _SILENCE) -> list[list[Said]]:
    """A long chat as talks: a new one begins where somebody asks (`asks`) after an answer and eight
    hours of `silence`."""
    talks: list[list[Said]] = []
    for at, one in enumerate(said):
        before = said[at - 1].when if at else None
        silent = before is not None and one.when is not None and one.when - before >= silence
        if not talks or (silent and asks[at] and not asks[at - 1]):
            talks.append([])
        talks[-1].append(one)
    return talks
