"""Fit the weights of `data/similarity/weighing.py` to the pairs of tests/data/pairs, and write them.

    python scripts/weigh.py            # leave one set out, then fit all and write weights.py
    python scripts/weigh.py --check    # fail if weights.py is not what the pairs give

Logistic regression with a penalty on the squares of the weights, in numpy: a few hundred pairs, a
second. All rows of a set are compared as the doctor does it, so that rows of different pairs that look
alike count as agreeing. No number is drawn at random.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from talkwright.data.similarity.contradictions import compared, stated
from talkwright.data.similarity.weighing import LEAST, can_be_weighed, signs
from talkwright.types import Conversation, Message

ROOT = Path(__file__).resolve().parents[1]
PAIRS = ROOT / "tests" / "data" / "pairs"
WEIGHTS = ROOT / "src" / "talkwright" / "data" / "similarity" / "weights.py"
PENALTY = 6.0  # on the squares of the weights of signs of unit variance
STEPS = 25  # of Newton's method, of which about seven are needed
HEAD = '''"""How much each sign of a contradiction counts. Written by scripts/weigh.py: do not edit."""

from __future__ import annotations

from typing import Final

WEIGHTS: Final[dict[str, float]] = {
'''

Example = tuple[dict[str, float], bool]


def examples(path: Path) -> Iterator[Example]:
    """The signs of all pairs of rows of a set that are weighed, and whether they are a contradiction."""
    pairs = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [
        Conversation((Message("user", pair["question"][n]), Message("assistant", pair["answer"][n])))
        for pair in pairs
        for n in (0, 1)
    ]
    seen = set()
    for two in compared(enumerate(rows)):
        said = None if (two.earlier, two.later) in seen else stated(two)
        seen.add((two.earlier, two.later))
        if said and all(map(can_be_weighed, said)):
            pair = two.earlier // 2
            yield signs(*said), pair == two.later // 2 and pairs[pair]["contradict"]


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


def table(weights: dict[str, float]) -> str:
    """The file of the weights."""
    return HEAD + "".join(f'    "{name}": {weight!r},\n' for name, weight in weights.items()) + "}\n"


def left_out(sets: dict[str, list[Example]]) -> None:
    """Print, for each set, how well the weights that the other sets give tell its pairs apart."""
    for name, told in sets.items():
        weights = fit([one for other, rest in sets.items() if other != name for one in rest])
        chance = [
            1 / (1 + np.exp(-weights["always"] - sum(weights[n] * v for n, v in found.items())))
            for found, _ in told
        ]
        hits = [true for at, (_, true) in zip(chance, told, strict=True) if at >= LEAST]
        print(
            f"{name}: {sum(hits)} of {sum(true for _, true in told)} found, "
            f"{len(hits) - sum(hits)} of {sum(not true for _, true in told)} invented"
        )


def main() -> int:
    """Fit, and write or compare."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("--check", action="store_true", help="compare with weights.py, write nothing")
    check = asked.parse_args().check
    sets = {path.stem: list(examples(path)) for path in sorted(PAIRS.glob("*.jsonl"))}
    found = table(fit([one for told in sets.values() for one in told]))
    if check:
        if found != WEIGHTS.read_text(encoding="utf-8"):
            print(f"{WEIGHTS} is not what {PAIRS} gives: run `python scripts/weigh.py`", file=sys.stderr)
            return 1
        return 0
    left_out(sets)
    WEIGHTS.write_text(found, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
