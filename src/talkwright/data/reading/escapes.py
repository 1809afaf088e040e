"""Texts with a backslash and an n where a line end was meant: undone where that is certain.

A row whose backslashes were all doubled is JSON all the same, unless a text in it has a quotation mark.
Then `\\n` stands in its texts, as it does in talk about code, in paths and in formulas. What was meant
is told by what stands around it, and by the rows beside it: where a writer doubled backslashes, no row
has a real line end. What stays doubtful is left alone, and marked `literal_escapes` by `turns`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from talkwright.data.reading.chat.turns import is_message, is_turn
from talkwright.data.reading.mending.literals import join_surrogates
from talkwright.data.reading.mending.repair import load
from talkwright.data.reading.mending.wrapped import unescaped
from talkwright.data.reading.rows import Row, with_texts

_HALVED = "halved_backslashes"
_TOKEN = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)", re.DOTALL)
_MEANT = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", '"': '"', "\\": "\\", "/": "/"}
_REAL_LINE_END = re.compile(r"(?<!\\)\n")
_BARE_QUOTE = re.compile(r'(?<!\\)"')

_LINE_END = r"(?:(?:\\r)?\\n)"
_FOREIGN = r"\\u(?!00[0-7])[0-9a-fA-F]{4}"
_ITEM = r"(?:[-*•–]\s\S|\d{1,2}[.)]\s|\#{1,6}\s|\*\*\w)"
# What people write around line ends, and what each is worth; a row needs _ENOUGH of it.
_SIGNS = (
    (re.compile(rf"[\w)\"”’'][.!?:。！？：]+[)\"”’'*_]*{_LINE_END}{{2,}}[^\W_a-z]"), 2),  # a paragraph
    (re.compile(rf"[\w)\"”’'][.!?:。！？：]+[)\"”’'*_]*{_LINE_END}[^\W\da-z_]"), 1),  # a sentence
    (re.compile(rf"(?<!\\)[^\s\\]{_LINE_END}{{1,3}}\s{{0,8}}{_ITEM}"), 2),  # a list
    (re.compile(rf"```\w{{0,12}}{_LINE_END}|{_LINE_END}```"), 2),  # code between its fences
    (re.compile(r'(?:^|[\s(])\\"[^\\"{}\[\]=:<>]{1,200}\\"(?=[\s.,!?;)]|$)'), 1),  # words in quotes
    (re.compile(rf"[^\W\d_]{_FOREIGN}[^\W\d_]|(?:{_FOREIGN}){{3,}}"), 1),  # letters of other languages
)
_ENOUGH = 3
# What is a backslash and a letter for certain, or may be: formulas, paths, patterns, strings of code.
_FORMULA = re.compile(
    r"\\(?:n(?:abla|eq|eg|ot|otin|mid|ew(?:line|command|page)|oindent|onumber|ormalsize|(?:e|w)arrow)"
    r"|t(?:au|heta|imes|o|op|ext\w*|anh?|frac|itle|able\w*|ilde|riangle\w*|herefore|binom|t))(?![A-Za-z])"
    r"|\s\\n[eiu]\s"
)
_PATH = re.compile(
    r"\b[B-PR-Zb-pr-z]:\\"  # no Q: and A:
    r"|(?:^|[\s(])(?:\.{1,2}|~)\\(?!n(?:\\|[A-Z]|$))\w|(?:^|[\s(])\\\\\w|\w\\[\w.-]{2,}\\[\w.-]{2}"
)
_PATTERN = re.compile(r"[\[^(]\\[nt]|\\[nt](?:[+?\])]|\|\\|\{\d|\*[\]$)\\])")
_APOSTROPHES = re.compile(r"(?<![^\W_])'(?=\S)[^']{0,300}'(?![^\W_])")
_QUOTED_KEY = re.compile(r'[{\[=]\s?\\"|\\"\s?[:=}\]]')
_JSON = re.compile(r"\s*(?:\{\s*[\"'\\}]|\[\s*(?:[\[{\"'\\\]]|$))")
_CELL = re.compile(r'\s*(?:"\s*[\[{]|[\[{])')
_RUNS = re.compile(r"\\+")
_UNICODE = re.compile(_FOREIGN)
_WITHIN = re.compile(rf"[^\W\d_]{_FOREIGN}|{_FOREIGN}[^\W\d_]|(?:{_FOREIGN}){{3,}}")
_LETTERS = re.compile(rf"(?<!\\)(?:{_FOREIGN})+")
# By itself between spaces, or behind all: "It is \t here", "ends with \n". What is talked about does.
_LONE = re.compile(r"(?:^|\s)(?:\\[ntr])+(?=\s|$)|\\[ntr]\s*$")
_WORDS = re.compile(r"[^\W_]+")
_FENCED = re.compile(r"```.*?(?:```|$)", re.DOTALL)
_TALK = re.compile(
    r"new[- ]?lines?\b|line[- ]?(?:breaks?|feeds?|ends?|endings?)\b|escap|backslash|regex|literal"
    r"|regular expr|\bprint\w{0,2}\b|\becho\b|\bstrings?\b|latex|carriage|unicode|\b(?:json|yaml)",
    re.IGNORECASE,
)
_HARD = 8  # rows that are JSON only when halved, from which on their neighbours were doubled, too
_MANY = 12  # rows with such escapes that are as good
_ALIKE = 8  # rows from which on it counts that they are all made by one template


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the texts of a row with backslashes, and without real line ends, say of them.

    `worth` of the signs in the best of them; `doubtful`: some may mean themselves; `talk`: it is talked
    about them; `undone` is the value without them, None where some cannot be undone; `quotes`: real
    quotation marks; `shape`: what remains of the texts without their words.
    """

    worth: int
    doubtful: bool
    talk: bool
    undone: Any
    quotes: bool
    shape: str

    @property
    def certain(self) -> bool:
        """Whether the row alone is enough."""
        clear = self.undone is not None and not (self.doubtful or self.talk)
        return clear and self.worth >= _ENOUGH + self.quotes

    @property
    def likely(self) -> bool:
        """Whether the row is enough where its neighbours were doubled."""
        return not (self.doubtful or self.talk) or (self.worth >= _ENOUGH and not self.doubtful)


def has_literal_escapes(body: bytes, kind: str) -> bool:
    """Say whether any row of a chunk can have such escapes; most chunks have none."""
    doubled = b"\\" if kind == "batch" else b"\\\\"
    return doubled in body and any(doubled + mark in body for mark in (b"n", b"t", b"u", b'"', b'\\"'))


def undouble(rows: list[Row]) -> Iterator[Row]:
    """The rows of a chunk, of which those whose escapes were doubled for certain are mended."""
    rows = [_opened(row) for row in rows]
    texts = [
        None if row.problem is not None or _HALVED in row.repairs else _texts(row.value) for row in rows
    ]
    facts = {
        n: _facts(rows[n].value, said)
        for n, said in enumerate(texts)
        if said is not None and any("\\" in text for text in said) and not _has_line_ends(said)
    }
    hard = sum(_HALVED in row.repairs for row in rows)
    shapes = {found.shape for found in facts.values()}
    # One template makes them all: a task in which escapes are to be.
    alike = hard < _HARD and len(facts) >= _ALIKE and 5 * len(shapes) <= len(facts)
    # Most rows with a backslash mean it; only where one is left open its neighbours are asked.
    asked = any(found.undone is not None and not found.certain for found in facts.values())
    every = _are_all_doubled(hard, texts, list(facts.values())) if asked else None
    if alike:
        facts = {}
    letters = _lettered(rows, texts)
    for n, row in enumerate(rows):
        found = facts.get(n)
        sure = found is not None and (found.certain or every or (every is False and found.likely))
        if found is not None and found.undone is not None and sure:
            row = replace(row, value=found.undone, repairs=(*row.repairs, _HALVED))
        elif n in letters:
            row = replace(row, value=letters[n], repairs=(*row.repairs, _HALVED))
        yield row


def _lettered(rows: list[Row], texts: list[list[str] | None]) -> dict[int, Any]:
    """The values of rows in which only letters were escaped twice, as `\\u00e9`.

    Somebody wrote them so where not one letter of the chunk is other than ASCII, and most rows have
    them, within words, and none in code, in quotes or in talk about them.
    """
    known = [said for said in texts if said is not None]
    if not all(text.isascii() for said in known for text in said):
        return {}
    found = {n: said for n, said in enumerate(texts) if said and any(map(_LETTERS.search, said))}
    if len(found) < max(_MANY, len(known) / 2):
        return {}
    plain = {n: said for n, said in found.items() if not _is_about_letters(said)}
    words = sum(any(_WITHIN.search(text) for text in said) for said in plain.values())
    if 10 * len(plain) < 9 * len(found) or 2 * words < len(plain):
        return {}
    return {n: with_texts(rows[n].value, _with_letters) for n in plain}


def _is_about_letters(texts: list[str]) -> bool:
    talk = any(_TALK.search(_FENCED.sub("", text)) for text in texts)
    return talk or any(_LETTERS.search(part) for text in texts for part in _marked(text))


def _marked(text: str) -> list[str]:
    """What stands in a text's code, and between its quotation marks."""
    return [*_FENCED.findall(text), *(part for mark in ('"', "`") for part in _between(text, mark))]


def _with_letters(text: str) -> str:
    return join_surrogates(_LETTERS.sub(_letters_of, text)) if "\\u" in text else text


def _letters_of(run: re.Match[str]) -> str:
    return "".join(chr(int(code, 16)) for code in run[0].split("\\u")[1:])


def _opened(row: Row) -> Row:
    """A row whose turns are in a cell that is no JSON as it stands, since all in it was escaped."""
    if row.problem is not None or not isinstance(row.value, dict):
        return row
    value, repairs = row.value, row.repairs
    for key, cell in row.value.items():
        if not isinstance(cell, str) or "\\" not in cell or not _CELL.match(cell):
            continue
        for text, repair in _meanings(cell):
            held, problem = load(text)
            if problem is None and _are_turns(held):
                value = {**value, key: held}
                repairs = (*repairs, repair)
                break
    return (
        row if value is row.value else replace(row, value=value, repairs=tuple(dict.fromkeys(repairs)))
    )


def _meanings(cell: str) -> list[tuple[str, str]]:
    found = [(text, "unwrapped_string") for text in unescaped(cell)]
    if cell.lstrip()[0] == '"':
        inner = load(cell)[0]
        return [(inner, "unwrapped_string")] if isinstance(inner, str) else []
    if '\\\\"' in cell and not _has_odd_run(cell) and load(cell)[1] is not None:
        found.append((cell.replace("\\\\", "\\"), _HALVED))
    return found


def _inner(cell: str) -> Any:
    """The turns in a cell of JSON whose escapes may have been doubled; None for other cells."""
    if "\\\\" not in cell or _has_odd_run(cell):
        return None
    value = load(cell)[0]
    return value if _are_turns(value) else None


def _are_turns(value: Any) -> bool:
    # Any other JSON may be what somebody says.
    return isinstance(value, list) and bool(value) and all(is_message(v) or is_turn(v) for v in value)


def _has_odd_run(text: str) -> bool:
    return any(len(run[0]) % 2 for run in _RUNS.finditer(text))


def _are_all_doubled(hard: int, texts: list[list[str] | None], literal: list[_Facts]) -> bool | None:
    """Say whether backslashes were doubled throughout: True beyond doubt, False where texts are to look
    like it as well, None where it cannot be told. `hard` rows were JSON only when halved."""
    known = [said for said in texts if said is not None]
    if any(map(_has_line_ends, known)):
        return None
    if hard >= _HARD and not any(map(_has_quotes, known)):
        return 10 * hard >= len(literal)
    doubtful = sum(found.doubtful for found in literal)
    signs = sum(found.worth > 0 for found in literal)
    many = len(literal) >= max(_MANY, len(known) / 5)
    return False if many and 10 * doubtful <= len(literal) <= 5 * signs else None


def _has_line_ends(texts: list[str]) -> bool:
    return any("\n" in text and _REAL_LINE_END.search(text.strip()) for text in texts)


def _has_quotes(texts: list[str]) -> bool:
    return any('"' in text and _BARE_QUOTE.search(text) for text in texts)


def _facts(value: Any, texts: list[str]) -> _Facts:
    escaped = [text for text in texts if "\\" in text]
    undone = _undone(value)
    worth = max(map(_worth, escaped))  # not of all together: people quote each other
    doubtful = undone is None or any(map(_is_doubtful, escaped))
    talk = any(_TALK.search(_FENCED.sub("", text)) for text in texts)
    shape = "".join(_WORDS.sub("w", text) for text in escaped)
    return _Facts(worth, doubtful, talk, undone, _has_quotes(texts), shape)


def _worth(text: str) -> int:
    return sum(points * len(sign.findall(text)) for sign, points in _SIGNS)


def _texts(value: Any) -> list[str]:
    """All texts of a value; JSON in a text is read later, and single escapes in it are its own."""
    found: list[str] = []
    held = [value]
    while held:
        item = held.pop()
        if isinstance(item, str):
            if item[:1] not in "[{ \t\r\n" or not _JSON.match(item):
                found.append(item)
            elif (inner := _inner(item)) is not None:
                held.append(inner)
        elif isinstance(item, dict):
            held += item.values()
        elif isinstance(item, list):
            held += item
    return found


def _is_doubtful(text: str) -> bool:
    """Say whether a text has a backslash with a letter that may well stand for itself."""
    if '\\"' in text and (_BARE_QUOTE.search(text) or _QUOTED_KEY.search(text)):
        return True
    bare = _UNICODE.sub("x", _FENCED.sub("", text))
    if any(shape.search(bare) for shape in (_FORMULA, _PATH, _PATTERN, _LONE)):
        return True
    if any("\\" in found[0] for found in _APOSTROPHES.finditer(bare)):
        return True
    return any("\\" in part for mark in ('"', "`") for part in _between(bare, mark))


def _between(text: str, mark: str) -> list[str]:
    """What stands between each two of a kind of quotes."""
    plain = text.replace(f"\\{mark}", "")
    return plain.split(mark)[1::2]


def _undone(value: Any) -> Any:
    """A value with the escapes in its texts undone; None where one of them is none of JSON's."""
    try:
        return with_texts(value, _without)
    except (ValueError, RecursionError):
        return None


def _without(text: str) -> Any:
    if "\\" not in text:
        return text
    if _JSON.match(text):
        inner = _inner(text)
        return text if inner is None else with_texts(inner, _without)
    if text[-1] == "\\" and (len(text) - len(text.rstrip("\\"))) % 2:
        raise ValueError("a backslash without a letter")
    return join_surrogates(_TOKEN.sub(_meant, text))


def _meant(token: re.Match[str]) -> str:
    if len(token[0]) > 2:
        return chr(int(token[0][2:], 16))
    if token[0][1] not in _MEANT:
        raise ValueError("an escape that JSON does not have")
    return _MEANT[token[0][1]]
