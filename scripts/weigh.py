"""Fit the weights of `data/similarity/weighing.py` and `sameness.py` to tests/data/pairs; write them.

    python scripts/weigh.py            # leave one set out, then fit all and write weights.py
    python scripts/weigh.py --check    # fail if weights.py is not what the pairs give

Logistic regression with a penalty on the squares of the weights, in numpy: a few hundred pairs, a
second. Answers are learnt from all pairs of rows of one question that the doctor compares; questions
from all pairs of rows that name something in common, those of different pairs too, which ask different
things. No number is drawn at random.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from talkwright.data.similarity.contradictions import compared, stated
from talkwright.data.similarity.likeness import in_common
from talkwright.data.similarity.rewording import asked_for
from talkwright.data.similarity.sameness import same_signs
from talkwright.data.similarity.similar import normal_question
from talkwright.data.similarity.weighing import LEAST, can_be_weighed, signs
from talkwright.types import Conversation, Message

ROOT = Path(__file__).resolve().parents[1]
PAIRS = ROOT / "tests" / "data" / "pairs"
WEIGHTS = ROOT / "src" / "talkwright" / "data" / "similarity" / "weights.py"
PENALTY = 6.0  # on the squares of the weights of signs of unit variance
STEPS = 25  # of Newton's method, of which about seven are needed
# Kinds of pairs whose two questions look alike and ask different things.
OTHER = ("other-", "lookalike", "different-question", "negated-question", "near/")
HEAD = '''"""How much each sign of a contradiction counts, and each that two questions ask the same.

Written by scripts/weigh.py: do not edit.
"""

from __future__ import annotations

from typing import Final
'''

Example = tuple[dict[str, float], bool]


def pairs_of(path: Path) -> list[dict[str, Any]]:
    """The pairs of a set, with `same`: whether the two questions of a pair ask the same."""
    pairs = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [{**pair, "same": not any(kind in pair["kind"] for kind in OTHER)} for pair in pairs]


def answers(path: Path) -> Iterator[Example]:
    """The signs of the answers of each pair of a set that are weighed, and whether they contradict."""
    pairs = pairs_of(path)
    rows = [
        Conversation((Message("user", pair["question"][n]), Message("assistant", pair["answer"][n])))
        for pair in pairs
        for n in (0, 1)
    ]
    seen = set()
    for two in compared(enumerate(rows)):
        pair = two.earlier // 2
        if pair != two.later // 2 or pair in seen or not pairs[pair]["same"]:
            continue
        seen.add(pair)
        said = stated(two)
        if said and all(map(can_be_weighed, said)):
            yield signs(*said), pairs[pair]["contradict"]


def questions(path: Path) -> Iterator[Example]:
    """The signs of the questions of pairs of rows, in other words, and whether they ask the same."""
    pairs = pairs_of(path)
    rows = [
        (n, asked, pair["answer"][side])
        for n, pair in enumerate(pairs)
        for side in (0, 1)
        if (asked := asked_for(normal_question(pair["question"][side])))
    ]
    different = {asked.said: asked for _, asked, _ in rows}
    named = Counter(name for asked in different.values() for name in asked.about)
    for (n, a, answer), (m, b, rival) in combinations(rows, 2):
        common = in_common(a, b, named, len(different))
        if a.said != b.said and (common.rare or len(a.about & b.about) > 1):
            yield same_signs(a, answer, b, rival, common), n == m and pairs[n]["same"]


def fit(told: Sequence[Example]) -> dict[str, float]:
    """The weight of each sign, and of `always`, which has no penalty."""
    names = list(told[0][0])
    values: Any = np.array([[found[name] for name in names] for found, _ in told])
    truth = np.array([true for _, true in told], dtype=float)
    mean, spread = values.mean(axis=0), values.std(axis=0) + 1e-9
    rows = np.c_[(values - mean) / spread, np.ones(len(told))]
    penalty = np.diag([PENALTY] * len(names) + [1e-6])
    weights = np.zeros(len(names) + 1)
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-rows @ weights))
        slope = rows.T @ (chance - truth) + penalty @ weights
        curve = (rows.T * (chance * (1 - chance))) @ rows + penalty
        weights -= np.linalg.solve(curve, slope)
    plain = weights[:-1] / spread
    return {
        **{name: round(float(weight), 3) for name, weight in zip(names, plain, strict=True)},
        "always": round(float(weights[-1] - plain @ mean), 3),
    }


def table(tables: dict[str, dict[str, float]]) -> str:
    """The file of the weights."""
    return HEAD + "".join(
        f"\n{name}: Final[dict[str, float]] = {{\n"
        + "".join(f'    "{sign}": {weight!r},\n' for sign, weight in weights.items())
        + "}\n"
        for name, weights in tables.items()
    )


def left_out(sets: dict[str, list[Example]], least: float) -> None:
    """Print, for each set, how well the weights that the other sets give tell its pairs apart."""
    for name, told in sets.items():
        weights = fit([one for other, rest in sets.items() if other != name for one in rest])
        chance = [
            1 / (1 + np.exp(-weights["always"] - sum(weights[n] * v for n, v in found.items())))
            for found, _ in told
        ]
        hits = [true for at, (_, true) in zip(chance, told, strict=True) if at >= least]
        print(
            f"{name}: {sum(hits)} of {sum(true for _, true in told)} found, "
            f"{len(hits) - sum(hits)} of {sum(not true for _, true in told)} invented"
        )


def learnt(paths: Sequence[Path], show: bool = False) -> dict[str, dict[str, float]]:
    """The tables of weights that these sets give."""
    found = {}
    for table, source, least in (("WEIGHTS", answers, LEAST), ("SAME", questions, 0.5)):
        sets = {path.stem: list(source(path)) for path in paths}
        if show:
            print(table)
            left_out(sets, least)
        found[table] = fit([one for told in sets.values() for one in told])
    return found


def main() -> int:
    """Fit, and write or compare."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("--check", action="store_true", help="compare with weights.py, write nothing")
    check = asked.parse_args().check
    found = table(learnt(sorted(PAIRS.glob("*.jsonl")), show=not check))
    if check:
        if found != WEIGHTS.read_text(encoding="utf-8"):
            print(f"{WEIGHTS} is not what {PAIRS} gives: run `python scripts/weigh.py`", file=sys.stderr)
            return 1
        return 0
    WEIGHTS.write_text(found, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
