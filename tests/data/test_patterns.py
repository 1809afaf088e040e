"""No regular expression of the data stage takes more than linear time, whatever the text."""

from __future__ import annotations

import ast
import importlib
import itertools
import pkgutil
import re
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import talkwright.data
from talkwright.data.cleaning import answers, looks, registers
from talkwright.data.similarity import gist, manners
from talkwright.data.similarity.asking import forms_of

ATOMS = [
    *" \n\t\ra0(<&\"'\\{[)]}_:@./-+=#*|,\u00e9\u00a0\u202e",
    "1 ",
    "0-",
    "a.",
    "a@",
    "a-",
    "1.",
    "<a ",
    "&a",
    '""',
    '\\"',
    "a ",
    "a:",
    "\n ",
    "a\n",
    "://",
    "ab12",
    "http://a",
    "@a.",
    "1a:",
    "a=1;",
    ", ",
    ",\n",
    "```",
    "{{",
    "<|",
    "<!--",
    "/*",
    "</",
    '","',
    "'a': ",
    "192.",
    "DE1 ",
]
ENDS = ("", "!\0", ".", "\n_")
SIZE = 2_000
SUSPICIOUS = 0.0004
MOST_WITHIN_BOUND = 0.05
CLOCK_TICK = 0.005
LIMIT = 2.0
LONG = float("inf")
PARTS = 8
# Patterns only ever given so many characters, where the code does not say so in a way that `uses` sees.
BOUNDED = {
    "cleaning.answers _ENDS_IN_NAME": answers._TAIL,
    "cleaning.phones _ARGUMENT": looks.WINDOW,
    # _beside gives what is around a number; its longest shape has some twenty characters.
    **{
        f"cleaning.registers _NAMED[{at}][2]": 2 * looks.WINDOW + 20
        for at in range(len(registers._NAMED))
    },
    "similarity.gist _SIGNED": gist._END,
    "similarity.gist _WISH": gist._END,
    # Words without blanks in them, so that blanks, which it repeats, are few.
    "similarity.manners _CLOSING": 20 * manners._LONGEST,
}
_AT_ONE_PLACE = {"match", "fullmatch"}
_NO_TEXT = {"pattern", "flags", "groups", "groupindex"}


class Use(NamedTuple):
    """How code applies a pattern: the method, and the most characters of the text (None: any number)."""

    method: str
    bound: int | None


class Tried(NamedTuple):
    """A pattern with its names in the code; `bound` as of `Use`, the largest."""

    name: str
    pattern: re.Pattern[Any]
    methods: tuple[str, ...]
    bound: int | None


def modules() -> dict[str, Any]:
    found = pkgutil.walk_packages(talkwright.data.__path__, "talkwright.data.")
    return {module.name: importlib.import_module(module.name) for module in found}


def patterns(module: Any) -> Iterator[tuple[str, str, re.Pattern[Any]]]:
    """Every pattern that a module holds, alone or in a collection: its global name, its place there."""

    def take(path: str, value: Any, depth: int) -> Iterator[tuple[str, re.Pattern[Any]]]:
        if isinstance(value, re.Pattern):
            yield path, value
        elif depth and isinstance(value, (list, tuple, set, frozenset)):
            for at, inner in enumerate(value):
                yield from take(f"{path}[{at}]", inner, depth - 1)
        elif depth and isinstance(value, dict):
            for key, inner in value.items():
                yield from take(f"{path}[{key!r}]", inner, depth - 1)
        elif depth and type(value).__module__.startswith("talkwright") and not isinstance(value, type):
            for key in getattr(type(value), "__slots__", ()) or getattr(value, "__dict__", {}):
                yield from take(f"{path}.{key}", getattr(value, key, None), depth - 1)

    for name, value in vars(module).items():
        for path, pattern in take("", value, 3):
            yield name, path, pattern


def bound_of(text: ast.expr) -> int | None:
    """The most characters that `text[:80]` or `text[-80:]` has; None for anything else."""
    match text:
        case ast.Subscript(slice=ast.Slice(lower=None, upper=ast.Constant(value=int(most)))):
            return most
        case ast.Subscript(
            slice=ast.Slice(
                lower=ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(most))), upper=None
            )
        ):
            return most
    return None


class Source(NamedTuple):
    """A module's code: what stands above each node, and where each name is loaded."""

    above: dict[int, ast.AST]
    loaded: dict[str, list[ast.AST]]


def source_of(module: Any) -> Source:
    above, loaded = {}, defaultdict(list)
    for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8"))):
        for below in ast.iter_child_nodes(node):
            above[id(below)] = node
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            loaded[node.id].append(node)
        elif isinstance(node, ast.Attribute):
            loaded[f".{node.attr}"].append(node)
    return Source(above, loaded)


def uses(name: str, path: str, source: Source) -> Iterator[Use]:
    """How a module uses the pattern that it holds as global `name`, at `path` within it.

    What is not plainly `name.method(text …)`, or that of a name in a loop over a collection, counts as
    searched in any text.
    """
    for node in source.loaded[name] + source.loaded[f".{name}"]:
        if not path:
            yield _use(node, source.above)
        elif (loop := _loop(node, path, source.above)) is None:
            yield Use("search", None)
        else:
            target, within = loop
            for below in ast.walk(within):
                if (
                    isinstance(below, ast.Name)
                    and below.id == target
                    and isinstance(below.ctx, ast.Load)
                ):
                    yield _use(below, source.above)


def _use(node: ast.AST, above: dict[int, ast.AST]) -> Use:
    holder = above[id(node)]
    if not isinstance(holder, ast.Attribute):
        return Use("search", None)
    call = above[id(holder)]
    arguments = call.args if isinstance(call, ast.Call) and call.func is holder else []
    at = 1 if holder.attr in ("sub", "subn") else 0  # these take the text second
    return Use(holder.attr, bound_of(arguments[at]) if len(arguments) > at else None)


def _loop(node: ast.AST, path: str, above: dict[int, ast.AST]) -> tuple[str, ast.AST] | None:
    """The name that a loop over a collection gives the pattern at `path`, and the loop."""
    if "." in path:
        return None
    places = re.findall(r"\[(.*?)\]", path)
    holder = above[id(node)]
    if isinstance(holder, ast.Attribute) and holder.attr in ("items", "values"):
        node, places = above[id(holder)], places if holder.attr == "items" else places[1:]
        places = ["", "1"] if holder.attr == "items" and len(places) == 1 else places
    loop = above[id(node)]
    target = getattr(loop, "target", None)
    if getattr(loop, "iter", None) is not node or len(places) > 2:
        return None
    if len(places) == 2 and isinstance(target, ast.Tuple) and places[1].isdigit():
        target = target.elts[int(places[1])]
    elif len(places) == 2:
        return None
    within = above[id(loop)] if isinstance(loop, ast.comprehension) else loop
    return (target.id, within) if isinstance(target, ast.Name) else None


def all_tried(held: dict[str, Any]) -> list[Tried]:
    names: dict[int, list[str]] = {}
    used: dict[int, list[Use]] = {}
    objects: dict[int, re.Pattern[Any]] = {}
    for module_name, module in held.items():
        source = source_of(module)
        short = module_name.removeprefix("talkwright.data.")
        for name, path, pattern in patterns(module):
            names.setdefault(id(pattern), []).append(f"{short} {name}{path}")
            used.setdefault(id(pattern), []).extend(uses(name, path, source))
            objects[id(pattern)] = pattern
    found = []
    for key, pattern in objects.items():
        first = names[key][0]
        said = [use for use in used[key] if use.method not in _NO_TEXT] or [Use("search", None)]
        bounds = [use.bound for use in said]
        bound = BOUNDED.get(first) or (
            None if None in bounds else max(b for b in bounds if b is not None)
        )
        methods = {use.method if use.method in _AT_ONE_PLACE else "search" for use in said}
        found.append(Tried(first, pattern, tuple(sorted(methods)), bound))
    return found


def seconds(tried: Tried, text: str) -> float:
    """Seconds for one use of the pattern, the slowest of its methods.

    Of the wall, or of the CPU where that is less: it does not count a pause, but may count in ticks.
    """
    given: Any = text.encode() if isinstance(tried.pattern.pattern, bytes) else text
    longest = 0.0
    for method in tried.methods:
        since, worked = time.perf_counter(), time.process_time()
        if method == "search":
            for _ in tried.pattern.finditer(given):
                pass
        else:
            getattr(tried.pattern, method)(given)
        longest = max(
            longest, min(time.perf_counter() - since, time.process_time() - worked + CLOCK_TICK)
        )
    return longest


def own_atoms(pattern: re.Pattern[Any]) -> list[str]:
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    words = sorted(set(re.findall(r"[A-Za-z]{2,}", source)))[:8]
    return [*words, *(f"{word}{mark}" for word in words for mark in " :")]


class TooLongError(Exception):
    pass


def _stop(*_: object) -> None:
    raise TooLongError


def within(tried: Tried, text: str) -> float:
    """Like `seconds`, but infinity beyond LIMIT: of CPU time, so that a pause does not count."""
    if not hasattr(signal, "setitimer"):
        return seconds(tried, text)
    before = signal.signal(signal.SIGVTALRM, _stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT)
    try:
        return seconds(tried, text)
    except TooLongError:
        return LONG
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def fault(tried: Tried, atoms: tuple[str, ...], end: str) -> str | None:
    """What to say if the time grows faster than a text of each atom again and again, then `end`."""

    def text(length: int) -> str:
        length = min(length, tried.bound or length)
        return "".join(atom * (length // len(atoms) // len(atom)) for atom in atoms) + end

    taken = within(tried, text(SIZE))
    more = 0.0
    if tried.bound:
        if min(taken, within(tried, text(SIZE))) <= MOST_WITHIN_BOUND:
            return None
    else:
        # What a busy machine slowed down is looked at again, and with a longer text.
        for times, too_much in ((4, 10), (16, 100), (16, 100)):
            if taken <= SUSPICIOUS:
                return None
            if taken == LONG:
                break
            more = within(tried, text(times * SIZE))
            if more < too_much * taken:
                return None
            taken = min(taken, within(tried, text(SIZE)))
    what = ", then ".join(f"{atom!r} again and again" for atom in atoms)
    methods = "/".join(tried.methods)
    return (
        f"{tried.name} ({methods}): {what}, then {end!r}: {taken:.4f} s, for a longer text {more:.3f} s"
    )


def faults(tried: Tried) -> Iterator[str]:
    """The first fault of a pattern, if it has one."""
    for atom, end in itertools.product(dict.fromkeys([*ATOMS, *own_atoms(tried.pattern)]), ENDS):
        if found := fault(tried, (atom,), end):
            yield found
            return


def faults_of_pairs(tried: Tried) -> Iterator[str]:
    atoms = dict.fromkeys([*ATOMS, *own_atoms(tried.pattern)])
    for first, second, end in itertools.product(atoms, atoms, ("", "!\0")):
        for held in ((first, second), (first + second,)):
            if found := fault(tried, held, end):
                yield found
                return


@pytest.fixture(scope="module")
def held() -> list[Tried]:
    return all_tried(modules())


@pytest.mark.parametrize("part", range(PARTS))
def test_no_pattern_takes_more_than_linear_time(part: int, held: list[Tried]) -> None:
    assert len(held) > 500
    assert [found for tried in held[part::PARTS] for found in faults(tried)] == []


@pytest.mark.parametrize(
    ("code", "is_slow"),
    [
        (r"P = re.compile(r'\d+x'); f = lambda t: P.search(t)", True),
        (r"P = re.compile(r'\d+x'); f = lambda t: P.match(t)", False),
        (r"P = re.compile(r'\d+x'); f = lambda ts: any(map(P.match, ts))", False),
        (r"P = re.compile(r'\d+x'); f = lambda t: P.search(t[-80:])", False),
        (r"P = re.compile(r'\d+x'); f = lambda t: found(P, t)", True),
        (r"P = re.compile(r'\d+x')", True),
        (r"P = re.compile(r'\s*(?:a)?\s*b'); f = lambda t: P.match(t)", True),
        (r"P = re.compile(r'(?:a|a)*b'); f = lambda t: P.match(t)", True),
        (r"P = [(1, re.compile(r'\d+x'))]; f = lambda t: [n for n, p in P if p.match(t)]", False),
        (r"P = [(1, re.compile(r'\d+x'))]; f = lambda t: [n for n, p in P if p.search(t)]", True),
        (r"P = {1: re.compile(r'\d+x')}; f = lambda t: [n for n, p in P.items() if p.match(t)]", False),
    ],
)
def test_a_slow_pattern_is_seen_by_how_it_is_used(
    code: str, is_slow: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "planted.py").write_text(f"import re\n{code}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "planted", raising=False)
    monkeypatch.setattr(sys.modules[__name__], "LIMIT", 0.1)
    [tried] = all_tried({"planted": importlib.import_module("planted")})
    assert bool([*faults(tried)]) == is_slow


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8 * PARTS))
def test_no_pattern_takes_more_than_linear_time_for_pairs(part: int, held: list[Tried]) -> None:
    assert [found for tried in held[part :: 8 * PARTS] for found in faults_of_pairs(tried)] == []


def test_a_question_of_very_many_words_is_brought_to_its_form_quickly() -> None:
    words = [f"class{at}" for at in range(30_000)]
    since = time.process_time()
    forms = forms_of(words, " ".join(words))
    assert time.process_time() - since < 3.0
    assert len(forms) == len(words)
