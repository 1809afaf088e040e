"""Broken rows: what is certain is recovered to the last character, the rest is dropped with a reason."""

from __future__ import annotations

import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from talkwright.config import Columns
from talkwright.data.reading.containers import read_rows
from talkwright.data.reading.mending.repair import read_line
from talkwright.data.reading.shapes.formats import read_row
from talkwright.data.reasons import REASONS
from talkwright.types import Message

# --- 2,000 good rows -----------------------------------------------------------------------------

SAID = """
    the order isn't here, don't worry; it's "late" (again) rock 'n' roll the dogs' bowl O'Brien's key
    größe naïve 漢字 😀 “quoted” ‘single’ it’s 100% a/b C++ x_y {{Order Number}} [1] {a} <b> # $5 e.g.
    "yes" "no", he said: 'fine' ok. Really? Well...
"""
WORDS = SAID.split()
PIECES = ["\n", "\n\n- ", "\t", "```\nprint('x')\n```", 'He said "go" and left.', "l'été d'hier"]


def sentence(rng: random.Random) -> str:
    words = [rng.choice(WORDS) for _ in range(rng.randint(3, 12))]
    if rng.random() < 0.3:
        words.insert(rng.randint(1, len(words)), rng.choice(PIECES))
    return f"{rng.choice(['Please', 'Well', 'So'])} {' '.join(words)} end"


def good_rows(rng: random.Random, count: int) -> Iterator[dict[str, Any]]:
    for n in range(count):
        asked, answer, more = (sentence(rng) for _ in range(3))
        yield [
            {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]},
            {"conversations": [{"from": "human", "value": asked}, {"from": "gpt", "value": answer}],
             "id": n, "score": 0.5, "checked": True, "note": None},
            {"instruction": asked, "input": "", "output": answer},
            {"prompt": asked, "completion": answer},
            {"messages": [{"role": "system", "content": more}, {"role": "user", "content": asked},
                          {"role": "assistant", "content": answer}, {"role": "user", "content": more},
                          {"role": "assistant", "content": asked}], "thread_id": f"t{n}"},
        ][n % 5]  # fmt: skip


# --- ways to damage them -------------------------------------------------------------------------

STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
Damage = Callable[[dict[str, Any], random.Random], str]


def dumped(row: Any, **options: Any) -> str:
    return json.dumps(row, ensure_ascii=False, **options)


def outside(text: str, change: Callable[[str], str], inside: Callable[[str], str] = str) -> str:
    """Change what is outside the strings of a JSON text, and what is inside."""
    pieces, at = [], 0
    for found in STRING.finditer(text):
        pieces += [change(text[at : found.start()]), inside(found[0])]
        at = found.end()
    return "".join([*pieces, change(text[at:])])


def swap(opening: str, closing: str) -> Damage:
    return lambda row, rng: outside(dumped(row), str, lambda s: opening + s[1:-1] + closing)


def some_typographic(row: dict[str, Any], rng: random.Random) -> str:
    """As an editor makes them that corrects as one types: those inside the texts, too."""
    curled = (lambda s: "“" + s[1:-1].replace('\\"', "\\”") + "”", str)
    return outside(dumped(row), str, lambda s: rng.choice(curled)(s))


def keys_typographic(row: dict[str, Any], rng: random.Random) -> str:
    return re.sub(r'(?<=[{,] )"(\w+)": |(?<={)"(\w+)": ', lambda m: f"“{m[1] or m[2]}”: ", dumped(row))


def one_sided(row: dict[str, Any], rng: random.Random) -> str:
    sides = (lambda s: "“" + s[1:], lambda s: s[:-1] + "”", str)
    return outside(dumped(row), str, lambda s: rng.choice(sides)(s))


def unquote(row: dict[str, Any], rng: random.Random) -> str:
    return outside(dumped(row), str, lambda s: '"' + s[1:-1].replace('\\"', '"') + '"')


def unquoted_keys(row: dict[str, Any], rng: random.Random) -> str:
    return re.sub(r'(?<=[{,] )"(\w+)": |(?<={)"(\w+)": ', lambda m: f"{m[1] or m[2]}: ", dumped(row))


def numpy_like(row: dict[str, Any], rng: random.Random) -> str:
    return outside(dumped(row), lambda s: s.replace("}, {", "}\n {".replace("\n", " ")))


def cut(row: dict[str, Any], rng: random.Random) -> str:
    text = dumped(row)
    return text[: rng.randint(2, len(text) - 2)]


def lose_one(row: dict[str, Any], rng: random.Random) -> str:
    text = dumped(row)
    places = [
        m.start()
        for m in re.finditer(r'[{}\[\]:,"]', outside(text, str, lambda s: f'"{"x" * (len(s) - 2)}"'))
    ]
    at = rng.choice(places)
    return text[:at] + text[at + 1 :]


def cp1252(row: dict[str, Any], rng: random.Random) -> str:
    try:
        return dumped(row).encode("cp1252").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return dumped(row)


def all_brackets_lost(row: dict[str, Any], rng: random.Random) -> str:
    if "prompt" in row:
        return dumped(row)[:-1]
    ordered = {key: row[key] for key in sorted(row, key=lambda key: key[0] in "mc")}
    return dumped(ordered).rstrip("]}")


CERTAIN: dict[str, Damage] = {
    "trailing comma in objects": lambda r, g: outside(dumped(r), lambda s: s.replace("}", ",}")),
    "trailing comma in lists": lambda r, g: outside(dumped(r), lambda s: s.replace("]", ", ]")),
    "comma after the row": lambda r, g: dumped(r) + ",",
    "semicolon after the row": lambda r, g: dumped(r) + ";",
    "no comma between objects": lambda r, g: outside(dumped(r), lambda s: s.replace("}, {", "}{")),
    "no comma between columns": lambda r, g: outside(dumped(r), lambda s: re.sub(r"^, $", " ", s)),
    "printed by Python": lambda r, g: repr(r),
    "printed by Python, on ASCII": lambda r, g: ascii(r),
    "printed tuples": lambda r, g: repr(
        {k: tuple(v) if isinstance(v, list) else v for k, v in r.items()}),
    "Python's names": lambda r, g: dumped({"n": 1, **r}).replace('"n": 1', '"n": None, "t": True'),
    "NaN": lambda r, g: dumped({**r, "score": float("nan"), "big": float("inf")}),
    "typographic double quotes": swap("“", "”"),
    "typographic quotes, one way": swap("”", "”"),
    "low typographic quotes": swap("„", "“"),
    "typographic quotes around some texts": some_typographic,
    "typographic quotes around keys": keys_typographic,
    "one quote of a pair typographic": one_sided,
    "typographic single quotes": swap("‘", "’"),
    "single quotes": swap("'", "'"),
    "raw tabs": lambda r, g: dumped(r).replace("\\t", "\t"),
    "raw line ends": lambda r, g: dumped(r).replace("\\n", "\n"),
    "doubled backslashes": lambda r, g: dumped({**r, "note": '"'}).replace("\\", "\\\\"),
    "every backslash doubled": lambda r, g: dumped(r).replace("\\", "\\\\"),
    "line ends with two backslashes": lambda r, g: dumped(r).replace("\\n", "\\\\n"),
    "letters with two backslashes": lambda r, g: json.dumps(r).replace("\\", "\\\\"),
    "texts escaped twice": lambda r, g: outside(dumped(r), str, lambda s: dumped(s[1:-1])),
    "JSON without its outer quotes": lambda r, g: dumped(dumped(r))[1:-1],
    "JSON in a JSON string": lambda r, g: json.dumps(dumped(r)),
    "keys without quotes": unquoted_keys,
    "a mark before the row": lambda r, g: "\ufeff" + dumped(r),
    "spaces around": lambda r, g: f" \t{dumped(r)} \r",
    "spread over lines": lambda r, g: dumped(r, indent=1),
    "spread over lines, with a trailing comma": lambda r, g: dumped(r, indent=1) + ",",
    "escaped slashes": lambda r, g: dumped(r).replace("/", "\\/"),
    "escaped apostrophes": lambda r, g: dumped(r).replace("'", "\\'"),
    "all as escapes": lambda r, g: json.dumps(r),
    "the last bracket lost": lambda r, g: dumped(r)[:-1],
    "all last brackets lost": all_brackets_lost,
    "lines in cp1252": cp1252,
    "two damages": lambda r, g: outside(repr(r), str, str) + ",",
}  # fmt: skip
DOUBTFUL: dict[str, Damage] = {
    "quotes not escaped": unquote,
    "cut off anywhere": cut,
    "one sign lost": lose_one,
    "half as long": lambda r, g: dumped(r)[: len(dumped(r)) // 2],
    "a bracket too many": lambda r, g: dumped(r) + "}",
    "backslashes of Windows": lambda r, g: dumped({**r, "path": "X"}).replace('"X"', r'"C:\new\User"'),
    "naively swapped quotes": lambda r, g: dumped(r).replace('"', "'"),
    "escaped single quotes": lambda r, g: outside(
        dumped(r), str, lambda s: "'" + s[1:-1].replace("'", "\\'") + "'"),
    "words behind": lambda r, g: dumped(r) + " checked",
    "colons lost": lambda r, g: outside(dumped(r), lambda s: s.replace(":", "")),
}  # fmt: skip


@pytest.fixture(scope="module")
def corpus() -> list[dict[str, Any]]:
    return list(good_rows(random.Random(7), 2000))


def said(row: Any) -> tuple[Message, ...]:
    draft = read_row(row, "auto", Columns())
    assert not isinstance(draft, str)
    return draft.messages


def read_damaged(path: Path, lines: list[str]) -> list[tuple[Any, tuple[str, ...]]]:
    """For each damaged line its (messages or drop reason, everything that was noted about it)."""
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    first = {}
    number = 1
    for at, line in enumerate(lines):
        first[number] = at
        number += line.count("\n") + 1
    found: list[tuple[Any, tuple[str, ...]]] = [("lost", ())] * len(lines)
    for row in read_rows(path, "a", Columns()):
        line = re.search(r"\(line (\d+)\)", row.where) or re.search(r"a:(\d+)", row.where)
        assert line is not None
        at = first.get(int(line[1]), -1)
        draft = row.problem or read_row(row.value, "auto", Columns())
        if isinstance(draft, str):
            assert draft in REASONS
            if at >= 0 and found[at][0] == "lost":
                found[at] = (draft, row.repairs)
        else:
            assert at >= 0, "a row out of nothing"
            found[at] = (draft.messages, (*row.repairs, *draft.repairs, *draft.marks))
    return found


def compare(
    corpus: list[dict[str, Any]], damage: Damage, path: Path
) -> tuple[int, list[str], Counter[str]]:
    """How many came back exactly; lines whose text differs without a note; the reasons of the others."""
    rng = random.Random(11)
    lines = [damage(row, rng) for row in corpus]
    exact, silent, dropped = 0, [], Counter[str]()
    for row, line, (got, notes) in zip(corpus, lines, read_damaged(path, lines), strict=True):
        if isinstance(got, str):
            dropped[got] += 1
        elif got == said(row):
            exact += 1
        elif not notes:
            silent.append(line)
        else:
            dropped["different, and marked"] += 1
    return exact, silent, dropped


@pytest.mark.parametrize("name", CERTAIN)
def test_certain_damage_is_undone_exactly(
    corpus: list[dict[str, Any]], name: str, tmp_path: Path
) -> None:
    if name in ("line ends with two backslashes", "texts escaped twice"):
        # By itself between spaces stands an escape that is talked about.
        corpus = json.loads(json.dumps(corpus).replace(" \\n ", "\\n").replace(" \\t ", "\\t"))
    exact, silent, dropped = compare(corpus, CERTAIN[name], tmp_path / "a.jsonl")
    assert silent == []
    assert exact >= 0.99 * len(corpus), (exact, dropped)
    assert dropped["lost"] == 0


@pytest.mark.parametrize("name", DOUBTFUL)
def test_doubtful_damage_is_never_silent(
    corpus: list[dict[str, Any]], name: str, tmp_path: Path
) -> None:
    exact, silent, dropped = compare(corpus, DOUBTFUL[name], tmp_path / "a.jsonl")
    assert silent == []
    assert dropped["lost"] == 0
    assert exact + sum(dropped.values()) == len(corpus)


@pytest.mark.parametrize("name", ["naively swapped quotes", "escaped single quotes"])
def test_marks_that_may_be_quotation_marks_or_apostrophes_are_never_guessed(
    corpus: list[dict[str, Any]], name: str, tmp_path: Path
) -> None:
    exact, _, dropped = compare(corpus, DOUBTFUL[name], tmp_path / "a.jsonl")
    assert dropped["different, and marked"] == 0
    assert exact >= len(corpus) // 4


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (r"{'prompt': 'Don't say \'no\'', 'completion': 'It's ok'}", 'Don\'t say "no"'),
        (r"{'prompt': 'Don\'t say \'no\'', 'completion': 'It is'}", "Don't say 'no'"),
        (r"{'prompt': 'Say \'no\'', 'completion': 'It is'}", None),
        (r"{'prompt': 'Don\'t say \'no\'', 'completion': 'It's ok'}", None),
        (r"""{'prompt': 'Say \'no\'', 'completion': "It's ok"}""", "Say 'no'"),
        (r"{'prompt': 'Look in C:\\', 'completion': 'It is'}", "Look in C:\\"),
    ],
)
def test_escaped_apostrophes(tmp_path: Path, line: str, said: str | None) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(line + "\n", "utf-8")
    (row,) = read_rows(path, "a", Columns())
    assert (row.value["prompt"] if row.problem is None else None) == said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"prompt": “It\'s "late" – isn’t it?”, "completion": "ok"}', 'It\'s "late" – isn’t it?'),
        ('{"prompt": "He said “yes”, “no”: “so”", "completion": “ok”}', "He said “yes”, “no”: “so”"),
        ('{"prompt": “hello", "completion": "ok”}', "hello"),
        ('{“prompt”: "hello “you”", “completion”: "ok", "n": None,}', "hello “you”"),
        ('{"prompt": “say “a”, “b” please”, "completion": "ok"}', None),
        ('{"prompt": "5” or 6”, "completion": “ok”}', None),
        ('{"prompt": “hello”, "completion": "he said “so”}', None),
    ],
)
def test_typographic_quotes_around_some_texts(tmp_path: Path, line: str, said: str | None) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(line + "\n", "utf-8")
    (row,) = read_rows(path, "a", Columns())
    assert (row.value["prompt"] if row.problem is None else None) == said
    assert row.repairs == (() if said is None else ("fixed_quotes",))


def test_many_typographic_quotes_take_no_time(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    text = '"a”, “b”: ' * 20_000
    path.write_text(f'{{"prompt": “hello”, "completion": {text}}}\n', "utf-8")
    began = time.monotonic()
    (row,) = read_rows(path, "a", Columns())
    assert row.problem == "not_json"
    assert time.monotonic() - began < 10


def test_real_rows_survive_the_same_damage(shared: Path, tmp_path: Path) -> None:
    real = json.loads((shared / "data" / "formats" / "alpaca_en_demo.json").read_text())[:300]
    real += json.loads((shared / "data" / "formats" / "kto_en_demo.json").read_text())[:100:2]
    real = [row for row in real if not isinstance(read_row(row, "auto", Columns()), str)]
    assert len(real) >= 300
    total = Counter[str]()
    for damage in CERTAIN.values():
        exact, silent, _ = compare(real, damage, tmp_path / "a.jsonl")
        assert silent == []
        total.update(exact=exact, all=len(real))
    assert total["exact"] >= 0.99 * total["all"], total


def test_enough_ways_to_damage() -> None:
    assert len(CERTAIN) >= 25
    assert len(CERTAIN) + len(DOUBTFUL) >= 40


# --- one character is missing --------------------------------------------------------------------


def structure(text: str) -> list[int]:
    """The places of the marks of JSON that stand outside of texts, and of the quotes around these."""
    found, inside, at = [], False, 0
    while at < len(text):
        if inside and text[at] == "\\":
            at += 2
            continue
        if text[at] == '"':
            inside = not inside
            found.append(at)
        elif not inside and text[at] in "{}[],:":
            found.append(at)
        at += 1
    return found


@pytest.mark.parametrize("separators", [(", ", ": "), (",", ":")])
def test_a_row_that_lacks_one_mark_is_read_exactly_or_dropped(separators: tuple[str, str]) -> None:
    rng = random.Random(7)
    words = 'the order lamp it\'s "so" day: yes, no {x} [y] 12, null return'.split()  # noqa: SIM905
    say = lambda count: " ".join(rng.choice(words) for _ in range(count))  # noqa: E731
    exact = read = 0
    for n in range(60):
        row: dict[str, Any] = {"prompt": say(6), "completion": say(8), "n": n, "ok": True}
        if n % 2:
            row = {
                "messages": [
                    {"role": "user", "content": say(6)},
                    {"role": "assistant", "content": say(8)},
                ]
            }
        text = json.dumps(row, separators=separators)
        for at in structure(text)[1:-1]:
            (reading, *more) = read_line(text[:at] + text[at + 1 :])
            read += 1
            if not more and reading.problem is None:
                assert reading.value == row, text[:at] + "<>" + text[at + 1 :]
                assert reading.repairs
                exact += 1
    assert exact >= 0.95 * read


@pytest.mark.parametrize(
    "line",
    [
        '{"prompt": "a, "completion": "b", "c": "d, "e": "f"}',  # two are missing
        '{"a": ["x, 1, 2, 3, "y"]}',  # it may end in several places
        '{"a": "x", "a" "y"}',  # a key twice
        '{"prompt": "a" "b" "completion": "c"}',
    ],
)
def test_a_row_that_may_lack_several_things_is_dropped(line: str) -> None:
    (reading,) = read_line(line)
    assert reading.problem == "not_json"
