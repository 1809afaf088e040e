"""Pairs of questions that may ask the same in other words: "Is breakfast included?", "Is it extra?".

Two may be the same if they share some of what they are about and are no contrast ("the Basic plan", "the
Plus plan"); whether they are, their answers tell, and how rare it is what they share.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import chain, combinations

from talkwright.data.similarity.rewording import (
    CASES,
    LIGHT_FORMS,
    Asked,
    asked_for,
    concept,
    concepts_of,
)

_STRICT = frozenset("money span often when where who why".split())  # noqa: SIM905
_ORDERED = frozenset("from before after than".split())  # noqa: SIM905
_OF_CASES = frozenset("what happens sure even know see me".split())  # noqa: SIM905
_TURNS = frozenset("from to before after over under above below with without until since".split())  # noqa: SIM905
# Of what questions are about, the most that the other row need not name; by how many rare things both
# name.
_ALONE = (0.3, 0.6, 0.8)
_PAYING = {"pay": "cost"}  # the price, and what one pays
_RARE = 3  # questions that name a thing
_ENOUGH = 50  # questions, of which fewer do not tell how rarely a thing is named
_FRAME = 0.65  # of the words of a question, from which another's are a contrast to it
_CASES = CASES | {"because"}
_FEW = 2  # things a question is about, of which each may be all that another shares
_RIVALS = 50  # questions under one name that are compared with each other
# That two questions name these, does not make them ask the same.
_TIMES = frozenset(map(concept, "day weekday weekend week month year hour today time".split()))  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class Common:
    """What two questions have in common.

    How many of the things that both name are named by few others, and of which share of what each
    names, weighed by how rarely it is named, that is; the lesser of the two shares. `fewest` questions
    name the rarest of it.
    """

    rare: int
    cover: float
    fewest: int


def reworded(
    questions: Mapping[int, tuple[object, str]], told: Callable[[int], frozenset[str]]
) -> Iterator[tuple[int, int, Common]]:
    """Pairs (earlier, later) of (system prompt, question in normal form) that may ask the same in other
    words; and what they have in common.

    `told` is what all the answers to a question name. What many questions share names none of
    them, so that a big set is not compared all with all.
    """
    known = {at: asked for at, (_, question) in questions.items() if (asked := asked_for(question))}
    named = Counter(name for asked in known.values() for name in asked.about)
    places: dict[tuple[object, ...], list[int]] = defaultdict(list)
    seen: set[tuple[int, int]] = set()
    for at, asked in known.items():
        alone = [(word,) for word in asked.about if named[word] <= _RARE or len(asked.about) <= _FEW]
        for name in chain(combinations(sorted(asked.about), 2), alone):
            rivals = places[(questions[at][0], asked.negated, name)]
            if len(rivals) < _RIVALS:
                for other in rivals:
                    if (other, at) not in seen:
                        seen.add((other, at))
                        apart = same_question(asked, known[other])
                        if apart is not None and (
                            not apart
                            or apart <= (told(at) if apart <= known[other].about else told(other))
                        ):
                            yield other, at, in_common(asked, known[other], named, len(known))
                rivals.append(at)


def in_common(a: Asked, b: Asked, named: Mapping[str, int], questions: int) -> Common:
    """What two of so many questions have in common; `named` is how many of them name a thing."""
    of = max(questions, _ENOUGH) + 1

    def weight(names: frozenset[str]) -> float:
        return sum(math.log(of / named[name]) for name in names)

    both = a.about & b.about
    return Common(
        rare=sum(named[name] <= _RARE for name in both),
        cover=weight(both) / max(weight(a.about), weight(b.about)),
        fewest=min((named[name] for name in both), default=questions),
    )


def same_question(a: Asked, b: Asked) -> frozenset[str] | None:
    """What one of two questions says besides the other, which the other's answers have to say too.

    Nothing, where they may well ask the same; None where they do not, for a detail differs.

    Two that differ in a word or two of one frame ("the Basic plan", "the Plus plan") are a contrast; two
    that are put in other words altogether are not.
    """
    if other_sort(a, b):
        return None
    if own_differ(a, b) or _of_a_case(a, b) or _of_a_case(b, a):
        return None
    return _contrast(a, b)


def other_sort(a: Asked, b: Asked) -> bool:
    """Say whether two questions ask for things of which one is never the other: who, and how much."""
    return (
        a.sort != b.sort
        and a.sort in _STRICT
        and b.sort in _STRICT
        and {a.sort, b.sort} != {"span", "when"}
    )


def is_contrast(a: Asked, b: Asked) -> bool:
    """Say whether two questions are one frame in which another word stands: the Basic, the Plus plan."""
    return _contrast(a, b) is None


def same_matter(a: Asked, answer: str, b: Asked, rival: str, rare: int) -> bool:
    """Say whether two rows whose questions may be the same speak of the same matter, answers included.

    What one question names and the other row does not is a word for something else, if that is so of
    both; the less so the more `rare` things both name.
    """
    if a.about == b.about:
        return len(a.about) > 1 or a.sort == b.sort
    if (a.about & b.about) <= _TIMES:
        return False
    alone = len(a.about - b.about - concepts_of(rival))
    others_alone = len(b.about - a.about - concepts_of(answer))
    if min(len(a.about), len(b.about)) == 1:
        return a.sort == b.sort and alone + others_alone <= (rare > 0)
    if not rare and len(a.about & b.about) < max(2, 0.5 * min(len(a.about), len(b.about))):
        return False
    if len(a.about & b.about) == 1 and a.sort != b.sort:
        return False
    allowed = _ALONE[min(rare, len(_ALONE) - 1)]
    if a.sort != b.sort:
        allowed = min(allowed, _ALONE[1])
        if (
            alone
            and others_alone
            and len((a.about & b.about) - _TIMES) == 1
            and _STRICT & {a.sort, b.sort}
        ):
            return False
    one = len(a.about & b.about) == 1 and min(len(a.about), len(b.about)) == 2
    if alone and others_alone and one and a.sort == b.sort == "which":
        return False  # the capital of one and of another
    if min(alone, others_alone) > 1 and alone + others_alone > 2 * len(a.about & b.about):
        return False
    if not (alone and others_alone):
        near = a.sort == b.sort and len(a.about & b.about) > 1
        return alone + others_alone <= max(rare > 0 or near, allowed * max(len(a.about), len(b.about)))
    return alone + others_alone <= allowed * (len(a.about) + len(b.about))


def _condition(asked: Asked) -> str:
    """Return "if" where a question is asked of a case only, or "what if", or nothing."""
    at = next((n for n, word in enumerate(asked.said) if word in ("if", "unless")), 0)
    if at == 0:
        return ""
    return "what if" if asked.said[at - 1] in _OF_CASES else "if"


def _of_a_case(a: Asked, b: Asked) -> bool:
    """Say whether a question is asked of a case of which the other says nothing.

    "How much luggage if I fly Economy?" is "What is the allowance in Economy?".
    """
    if a.about == b.about or _condition(a) != "if" or _condition(b):
        return False
    at = next(n for n, word in enumerate(a.said) if word in ("if", "unless"))
    case = a.about & {concept(word) for word in a.said[at:]}
    return 2 * len(case & b.about) < max(1, len(case))


def own_differ(a: Asked, b: Asked) -> bool:
    """Say whether each names a day, a colour or a number that the other does not."""
    mine, yours = a.own - b.own, b.own - a.own
    return bool({kind for kind, _ in mine} & {kind for kind, _ in yours})


def _sequence(asked: Asked) -> list[str]:
    return [name for name in map(concept, asked.said) if name in asked.about]


def _contrast(a: Asked, b: Asked) -> frozenset[str] | None:
    """Return None where two questions are one frame in which another word stands; else what one adds."""
    ordered = (not _ORDERED.isdisjoint(a.said) and not _ORDERED.isdisjoint(b.said)) or (
        a.sort == b.sort and (a.sort == "count" or (a.own and "in" in a.said and "in" in b.said))
    )
    if ordered and _sequence(a) != _sequence(b) and sorted(_sequence(a)) == sorted(_sequence(b)):
        return None
    frame = _FRAME * (len(a.said) + len(b.said)) / 2
    if sum((Counter(a.said) & Counter(b.said)).values()) < frame:  # a bound that is cheap
        return frozenset()
    parts = SequenceMatcher(None, a.said, b.said, autojunk=False).get_opcodes()
    if sum(i2 - i1 for what, i1, i2, _, _ in parts if what == "equal") < frame:
        return frozenset()
    added: set[str] = set()
    sides = set()
    for what, i1, i2, j1, j2 in parts:
        if what == "equal":
            continue
        if _TURNS & {*a.said[i1:i2]} and _TURNS & {*b.said[j1:j2]}:
            return None
        left, right = (
            {_PAYING.get(concept(word), concept(word)) for word in side} - LIGHT_FORMS - {""}
            for side in (a.said[i1:i2], b.said[j1:j2])
        )
        if what == "replace" and right - a.about and _CASES & {b.said[j1]} and _CASES & {a.said[i1]}:
            return None
        # "Book a visit", "make a visit": a verb that says little is no other verb.
        if left - b.about and right - a.about:
            return None
        if what == "delete" and left - b.about:
            added |= left - b.about
            sides.add(1)
        elif what == "insert" and right - a.about:
            added |= right - a.about
            sides.add(2)
    return frozenset(added) if len(sides) < 2 else None
