"""Values as Python and NumPy print them, and JSON with the slips of hand-made files. No eval.

One reader for all: it takes JSON, `repr` of lists and dicts, and `str` of NumPy arrays of them, and
names each way in which the text was not JSON. Time and memory grow with the length of the text.
"""

from __future__ import annotations

import re
from typing import Any

_MOST_VALUES = 2**20
_DENSE = 2**20  # characters; a longer text is weighed before it is read
_HEAVIEST = 2**28  # bytes that the values of a text may take in memory
_DEEPEST = 100  # levels of nesting; conversations have four or five
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w.])")
_NAME = re.compile(r"[-+]?[A-Za-z_$][\w$.]{0,60}")
_KEY = re.compile(r"[A-Za-z_$][\w$]{0,60}(?=\s*:)")
_SPACE = re.compile(r"[ \t\r\n\f\v\u00a0\ufeff]*")
_STOPS = {quote: re.compile(rf"[{quote}\\]") for quote in "\"'"}
_ESCAPE = re.compile(
    r"\\(?:u(?P<u>[0-9a-fA-F]{4})|x(?P<x>[0-9a-fA-F]{2})|U(?P<U>[0-9a-fA-F]{8})"
    r"|(?P<o>[0-7]{1,3})|(?P<c>.))",
    re.DOTALL,
)
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]")  # of one letter
_JSON_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", '"': '"', "\\": "\\", "/": "/"}
_PYTHON_ESCAPES = {
    **{key: text for key, text in _JSON_ESCAPES.items() if key != "/"},
    "'": "'", "a": "\a", "v": "\v", "\n": "",
}  # fmt: skip
_JSON_NAMES: dict[str, Any] = {
    "null": None, "true": True, "false": False, "NaN": float("nan"), "Infinity": float("inf"),
    "-Infinity": float("-inf"),
}  # fmt: skip
_PYTHON_NAMES: dict[str, Any] = {
    "None": None, "True": True, "False": False, "np.True_": True, "np.False_": False,
    "nan": float("nan"), "inf": float("inf"), "-inf": float("-inf"), "-nan": float("nan"),
    "NaT": None,
}  # fmt: skip
# What JavaScript, SQL, R and PHP write.
_FOREIGN_NAMES: dict[str, Any] = {"undefined": None, "NULL": None, "TRUE": True, "FALSE": False}
# Calls that a printed array is made of; what is inside the brackets is the value.
_ARRAYS = frozenset(("array", "np.array", "numpy.array", "list", "tuple"))
_SCALARS = re.compile(r"(?:np\.|numpy\.)(?:float|int|uint|str|bool)\w{0,4}")
_DTYPE = re.compile(
    r"(?:\s*,\s*(?:dtype|shape)\s*=\s*(?:'[^']{0,40}'|\([\d, ]{0,40}\)|[\w.<>]{1,40}))*\s*,?\s*"
)


_ESCAPED = re.compile(r"\\.", re.DOTALL)


def is_too_dense(text: str) -> bool:
    """Say whether a text holds more values than a conversation does, and than memory should.

    Brackets of which each is a list take twenty times as much in memory as in the file.
    """
    if len(text) <= _DENSE:
        return False
    size = 64 * text.count("[") + 184 * text.count("{") + 32 * text.count(",") + 30 * text.count('"')
    return size > _HEAVIEST


def has_doubtful_quotes(text: str) -> bool:
    """Say whether an escaped apostrophe may have been a quotation mark.

    `\\'` is what becomes of `\\"` where somebody replaced all quotes of JSON by apostrophes; it is also
    what JavaScript writes for an apostrophe. Python writes it only beside a quotation mark. In a text
    without any, it is an apostrophe for certain only where one stands between letters.
    """
    if "\\'" not in text or '"' in text:
        return False
    found = [mark for mark in _ESCAPED.finditer(text) if mark[0] == "\\'"]
    around = (text[mark.start() - 1] + text[mark.end() : mark.end() + 1] for mark in found)
    return bool(found) and not any(pair.isalnum() and len(pair) == 2 for pair in around)


class CutOffError(ValueError):
    """The text ends before the value does."""


def parse_literal(text: str) -> Any:
    """Read one value as Python's `repr` or NumPy's `str` writes it; tuples and arrays become lists.

    Raises ValueError for anything else, for arrays shortened by `...`, and for more than 100 levels.
    """
    value, end, _ = parse_loose(text, 0, python=True, numpy=True)
    if _SPACE.match(text, end).end() != len(text):  # type: ignore[union-attr]
        raise ValueError(f"more text after the value, at {end}")
    if has_doubtful_quotes(text):
        raise ValueError("quotation marks or apostrophes: it cannot be told")
    return value


def parse_loose(
    text: str, start: int, *, python: bool, numpy: bool = False, close: bool = False
) -> tuple[Any, int, tuple[str, ...]]:
    """Read one value from `start`: the value, where it ends, and the names of what had to be put right.

    `python` reads escapes as Python does, and single quotes; `numpy` lets elements follow each other
    without commas; `close` closes brackets that are open where the text ends, if nothing is half
    said. Raises CutOffError where the text ends too early and ValueError for any other fault.
    """
    reader = _Reader(text, start, python, numpy, close)
    value = reader.value(0)
    if reader.kept_backslash and reader.escaped:
        raise ValueError("some backslashes are escapes and some are not")
    if python and not numpy and "python_literal" not in reader.slips:
        raise ValueError("nothing in it was written by Python")
    return value, reader.at, tuple(reader.slips)


class _Reader:
    """Where we are in a text, and what was found amiss so far."""

    def __init__(self, text: str, at: int, python: bool, numpy: bool, close: bool):
        self.text, self.at = text, at
        self.python, self.numpy, self.close = python, numpy, close
        self.slips: dict[str, None] = {}
        self.kept_backslash = self.escaped = False
        self.values = 0

    def peek(self) -> str:
        """Skip white space; the next character, or "" at the end."""
        self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]
        return self.text[self.at : self.at + 1]

    def value(self, depth: int) -> Any:
        self.values += 1
        if self.values > _MOST_VALUES:
            raise ValueError(f"more than {_MOST_VALUES} values")
        if depth > _DEEPEST:
            raise ValueError(f"more than {_DEEPEST} levels deep")
        mark = self.peek()
        if mark == "{":
            return self.object(depth)
        if mark == "[" or (mark == "(" and self.python):
            return self.list(depth, "]" if mark == "[" else ")")
        if mark == '"' or (mark == "'" and self.python):
            if mark == "'":
                self.slips["python_literal"] = None
            return self.string(mark)
        if mark == "":
            raise CutOffError("the text ends where a value should be")
        return self.scalar(depth)

    def scalar(self, depth: int) -> Any:
        number = _NUMBER.match(self.text, self.at)
        if number:
            self.at = number.end()
            plain = number[0].lstrip("+-").isdigit()
            return int(number[0]) if plain else float(number[0])
        name = _NAME.match(self.text, self.at)
        if name is None:
            raise ValueError(f"no value at {self.at}")
        self.at = name.end()
        if name[0] in _JSON_NAMES:
            return _JSON_NAMES[name[0]]
        if name[0] in _PYTHON_NAMES:
            self.slips["python_literal"] = None
            return _PYTHON_NAMES[name[0]]
        if name[0] in _FOREIGN_NAMES:
            self.slips["foreign_literal"] = None
            return _FOREIGN_NAMES[name[0]]
        known = name[0] in _ARRAYS or _SCALARS.fullmatch(name[0])
        if not (self.numpy and known and self.text[self.at : self.at + 1] == "("):
            if self.at == len(self.text):
                raise CutOffError("the text ends in the middle of a word")
            raise ValueError(f"an unknown word at {name.start()}")
        self.at += 1
        value = [] if self.peek() == ")" else self.value(depth + 1)
        self.at = _DTYPE.match(self.text, self.at).end()  # type: ignore[union-attr]
        if self.peek() != ")":
            raise ValueError(f"no closing bracket at {self.at}")
        self.at += 1
        return value

    def list(self, depth: int, closing: str) -> list[Any]:
        items: list[Any] = []
        self.at += 1
        comma = True
        while (mark := self.peek()) != closing:
            if mark == "":
                self.closed()
                return items
            if not comma:
                self.allow_missing_comma(mark)
            items.append(self.value(depth + 1))
            comma = self.comma()
        self.ended(bool(items) and comma and not (closing == ")" and len(items) == 1))
        return items

    def object(self, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        self.at += 1
        comma = True
        while (mark := self.peek()) != "}":
            if mark == "":
                self.closed()
                return found
            if not comma:
                if mark not in "\"'":
                    raise ValueError(f"no comma at {self.at}")
                self.slips["added_comma"] = None
            key = self.key()
            if self.peek() != ":":
                raise (ValueError if self.peek() else CutOffError)(f"no colon at {self.at}")
            self.at += 1
            found[key] = self.value(depth + 1)
            comma = self.comma()
        self.ended(bool(found) and comma)
        return found

    def key(self) -> Any:
        name = _KEY.match(self.text, self.at)
        if name and name[0] not in _JSON_NAMES and name[0] not in _PYTHON_NAMES:
            self.at = name.end()
            self.slips["quoted_key"] = None
            return name[0]
        if self.peek() in ("{", "[", "("):  # brackets in brackets would go on for ever
            raise ValueError(f"a key that is no text at {self.at}")
        key = self.value(_DEEPEST)
        if not (self.python or isinstance(key, str)):
            raise ValueError(f"a key that is no text before {self.at}")
        return key

    def comma(self) -> bool:
        found = self.peek() == ","
        self.at += found
        if found and not self.numpy and self.peek() == ",":  # two of them, where one was meant
            self.at += 1
            self.slips["removed_trailing_comma"] = None
        return found

    def ended(self, trailing: bool) -> None:
        self.at += 1
        if trailing:
            self.slips["removed_trailing_comma"] = None

    def allow_missing_comma(self, mark: str) -> None:
        if self.numpy and self.text[self.at - 1].isspace() and not self.text.startswith("...", self.at):
            return
        back = self.at - 1
        while self.text[back].isspace():
            back -= 1
        if (self.text[back], mark) not in (("}", "{"), ("]", "[")):
            raise ValueError(f"no comma at {self.at}")
        self.slips["added_comma"] = None

    def closed(self) -> None:
        last = self.text[-100:].rstrip()[-1:]
        if not self.close or last.isdigit() or last in ":.-+":
            raise CutOffError("the text ends too early")
        self.slips["repaired_truncated"] = None

    def string(self, quote: str) -> str:
        chunks: list[str] = []
        self.at += 1
        kept, marked = self.kept_backslash, 0
        self.kept_backslash = False
        while True:
            found = _STOPS[quote].search(self.text, self.at)
            if found is None:
                raise CutOffError("the text ends inside quotes")
            chunks.append(self.text[self.at : found.start()])
            self.at = found.end()
            if found[0] == quote:
                if self.kept_backslash and marked % 2:  # one of a pair of quotes may be lost there
                    raise ValueError("a backslash beside an odd number of quotes")
                self.kept_backslash = kept or self.kept_backslash
                return join_surrogates("".join(chunks))
            escape = _ESCAPE.match(self.text, found.start())
            if escape is None:
                raise CutOffError("the text ends inside quotes")
            self.at = escape.end()
            marked += escape["c"] == '"'
            chunks.append(self.escape(escape))

    def escape(self, found: re.Match[str]) -> str:
        if found["u"]:
            self.escaped = True
            return chr(int(found["u"], 16))
        if self.python and (found["x"] or found["U"] or found["o"]):
            code = int(found["o"], 8) if found["o"] else int(found["x"] or found["U"], 16)
            if code > 0x10FFFF:
                raise ValueError(f"no such character: {found[0]}")
            return chr(code)
        if found["x"]:  # JavaScript's; a letter written so is rather part of a path: C:\xampp, \x64
            letter = chr(int(found["x"], 16))
            in_text = letter.isprintable() or letter in "\t\n\r"
            if not in_text or (letter.isascii() and letter.isalnum()):
                raise ValueError(f"an escape that nobody writes: {found[0]}")
            self.escaped = True
            self.slips["fixed_escape"] = None
            return letter
        known = _PYTHON_ESCAPES if self.python else _JSON_ESCAPES
        if found["c"] in known:
            self.escaped = self.escaped or (not self.python and found["c"] != '"')
            return known[found["c"]]
        if found["c"] == "'":
            self.slips["fixed_escape"] = None
            return "'"
        if self.python or found["c"] is None:
            raise ValueError(f"an escape that nobody writes: {found[0]}")
        self.kept_backslash = True
        self.slips["escaped_backslash"] = None
        return found[0]


def join_surrogates(text: str) -> str:
    """A text with the letters that were written as two escapes, `\\ud83d\\ude00`, as one each."""
    return _SURROGATES.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)
