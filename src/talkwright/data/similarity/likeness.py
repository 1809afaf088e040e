"""Pairs of questions that may ask the same in other words: "Is breakfast included?", "Is it extra?".

Two may be the same if they share some of what they are about and are no contrast ("the Basic plan", "the
Plus plan"); whether they are, their answers tell, and how rare it is what they share.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import chain, combinations

from talkwright.data.similarity.asking import CONVERTS
from talkwright.data.similarity.rewording import (
    CASES,
    Asked,
    asked_for,
    concept,
    concepts_of,
    is_light,
)

_AMOUNTS = frozenset("span money count often".split())  # noqa: SIM905
_STRICT = frozenset("money span often when where who why".split())  # noqa: SIM905
_ORDERED = frozenset("from before after than".split())  # noqa: SIM905
_OF_CASES = frozenset("what happens sure even know see me".split())  # noqa: SIM905
_TURNS = frozenset("during from to before after over under above below with without until since".split())  # noqa: SIM905
# Of what questions are about, the most that the other row need not name; by how many rare things both
# name.
_ALONE = (0.3, 0.6, 0.8)
_CUT_OFF = 4  # letters that a word has lost at least where it is cut short: "max", "info", "ID"
# A verb follows, of which there are more that say the same than of nouns.
_BEFORE_VERBS = frozenset(
    """
    i you we they it he she one to do does did can could may might must should will would not and or who
    ich wir sie man zu kann je nous vous on il elle se si yo ik wij jullie te io
    """.split()  # noqa: SIM905 - a list of words reads best as one
) | {""}
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
    """Say whether two questions ask for things of which one is never the other: who, and how much; what
    something is, and how many there are in it."""
    for what, value in ((a, b), (b, a)):
        if what.sort == "which" and value.sort in _AMOUNTS and what.about < value.about:
            return True
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


def _turned_round(a: Asked, b: Asked) -> bool:
    """Say whether two questions about the same name it in another order, where the order matters.

    "From Kiel to Bonn", "from Bonn to Kiel"; "how many miles are a kilometre".
    """
    for mark in _ORDERED & {*a.said} & {*b.said}:
        if mark == "from" and not ("to" in a.said and "to" in b.said):
            continue  # "from which platform does it leave", "which platform does it leave from"
        if _behind(a, a.said.index(mark)) != _behind(b, b.said.index(mark)):
            return True
    return _behind(a) != _behind(b) and all(CONVERTS.match(" ".join(x.said)) for x in (a, b))


def _behind(asked: Asked, at: int = 0) -> str:
    """The first thing that a question names from this word on, empty for none."""
    return next((name for name in map(concept, asked.said[at:]) if name in asked.about), "")


def _contrast(a: Asked, b: Asked) -> frozenset[str] | None:
    """Return None where two questions are one frame in which another word stands; else what one adds."""
    if a.about == b.about and _turned_round(a, b):
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
        if what == "replace" and _exchanged(a, b, slice(i1, i2), slice(j1, j2)):
            return None
        new = _named(a.said[i1:i2]) - _named(b.said), _named(b.said[j1:j2]) - _named(a.said)
        if what != "replace" and any(new):
            added |= new[0] | new[1]
            sides.add(what)
    return frozenset(added) if len(sides) < 2 else None


def _exchanged(a: Asked, b: Asked, here: slice, there: slice) -> bool:
    """Say whether what stands in one place of two questions makes them ask different things."""
    left, right = a.said[here], b.said[there]
    if _one_word(left, right):
        return False
    if _TURNS & {*left} and _TURNS & {*right}:
        return True
    mine, yours = _named(left) - _named(b.said), _named(right) - _named(a.said)
    if (mine or yours) and left[0] in _CASES and right[0] in _CASES:
        return True
    if mine and yours:
        return True
    # "Book a visit", "make a visit": a verb that says little is no other verb. "The name", "the date".
    before = a.said[here.start - 1] if here.start else ""
    return (
        bool(mine or yours)
        and len(left) == len(right) == 1
        and bool(concept(left[0]) and concept(right[0]))
        and before not in _BEFORE_VERBS
        and not concept(before)
    )


def _named(said: Sequence[str]) -> set[str]:
    """What words name that carry matter."""
    return {_PAYING.get(name, name) for word in said if not is_light(word) and (name := concept(word))}


def _one_word(left: Sequence[str], right: Sequence[str]) -> bool:
    """Say whether two ways to write are one: "sour dough", "sourdough"; "ID", "identity"."""
    one, other = sorted(("".join(left), "".join(right)), key=len)
    if one == other:
        return True
    short = len(left) == len(right) == 1 and len(one) + _CUT_OFF <= len(other)
    return short and len(one) > 1 and other.startswith(one)
