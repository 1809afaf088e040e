"""Values as Python and NumPy print them: read back exactly, or refused; never evaluated."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkwright.data.reading.mending.literals import CutOffError, parse_literal, parse_loose

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.text(max_size=30)
    | st.text(alphabet="'\"\\\n\t nxu{}[],:’“”", max_size=30),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=30,
)
TURN = st.fixed_dictionaries(
    {"content": st.text(alphabet=st.characters(codec="utf-8") | st.sampled_from("'\"\\\n]}{[,"))},
    optional={"role": st.sampled_from(["user", "assistant"])},
)


@settings(max_examples=300, deadline=None)
@given(JSON)
def test_what_python_prints_is_read_back_exactly(value: Any) -> None:
    assert parse_literal(repr(value)) == value


@settings(max_examples=200, deadline=None)
@given(st.lists(TURN, min_size=1, max_size=5))
def test_what_numpy_prints_is_read_back_exactly(turns: list[dict[str, str]]) -> None:
    array = np.empty(len(turns), dtype=object)
    array[:] = turns
    assert parse_literal(str(array)) == turns
    assert parse_literal(repr(array)) == turns
    assert parse_literal(str({"text": array, "n": np.array([1, 2], dtype=np.int32)})) == {
        "text": turns,
        "n": [1, 2],
    }


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_json_is_read_as_json_reads_it(value: Any) -> None:
    text = json.dumps(value)
    assert parse_loose(text, 0, python=False) == (value, len(text), ())


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="'\"\\[]{}(),: nuxN\t01e.-arytdpo=", max_size=60) | st.text(max_size=60))
def test_any_text_is_a_value_or_refused(text: str) -> None:
    for python in (False, True):
        for close in (False, True):
            try:
                value, end, _ = parse_loose(text, 0, python=python, close=close)
            except ValueError:
                continue
            assert 0 < end <= len(text)
            assert json.dumps(value, default=str, skipkeys=True)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(1, 'a',)", [1, "a"]),
        ("('a',)", ["a"]),
        ("['it\\'s', \"it's\", '\\x41\\u00e9\\U0001F600\\101']", ["it's", "it's", "Aé😀A"]),
        ("{'p': np.float64(0.5), 's': np.str_('x'), 't': np.True_, 'n': nan}",
         {"p": 0.5, "s": "x", "t": True}),
        ("['a' 'b'\n 'c']", ["a", "b", "c"]),
        ("[1. 2.5 3]", [1.0, 2.5, 3]),
        ("array([], dtype=float64)", []),
        ("array(['a', 'b'],\n      dtype='<U1')", ["a", "b"]),
        ("{'ids': array([1, 2], dtype=int32)}", {"ids": [1, 2]}),
    ],
)  # fmt: skip
def test_the_spellings_that_occur(text: str, value: Any) -> None:
    found = parse_literal(text)
    if isinstance(found, dict) and math.isnan(found.get("n", 0.0)):
        del found["n"]
    assert found == value


@pytest.mark.parametrize(
    "text",
    ["", "x", "__import__('os')", "[1, ..., 3]", "[1 ... 3]", "'a' 'b'", "[1,,2]", "{'a' 1}", "{[]: 1}",
     "f'x'", "{'a': 1} x", "'\\d'", "open('x')", "array(1, 2)", "1 + 1", "'\\U00110000'"],
)  # fmt: skip
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_literal(text)


@pytest.mark.parametrize("text", ["[", "{'a'", "{'a':", "'a", "[1,", "{'a': 'b", "'\\", "Tru"])
def test_a_cut_is_told_from_other_faults(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        parse_literal(text)
    assert isinstance(error.value, CutOffError) or text == "Tru"


@pytest.mark.parametrize(
    "text",
    ["[" * 200_000, "{'a':" * 100_000, "'" + "\\'" * 200_000, "[" + "'a' " * 100_000,
     "[" + "{} " * 100_000, "[" + " " * 500_000, "{" + "'a': 1, " * 50_000, "array(" * 50_000,
     "1" * 100_000, "[" + "1," * 100_000, "-" * 100_000],
    ids=lambda text: text[:8],
)  # fmt: skip
def test_bombs_are_refused_soon(text: str) -> None:
    began = time.perf_counter()
    with pytest.raises(ValueError, match=r"."):
        parse_literal(text)
    assert time.perf_counter() - began < 3


@pytest.mark.parametrize("text", ["{" * 3000, "{[" * 3000, "{(" * 3000, "array(" * 3000, "{'a':" * 3000])
def test_brackets_in_brackets_are_refused_at_any_depth(text: str) -> None:
    with pytest.raises(ValueError, match=r"levels|key|ends"):
        parse_literal(text)
