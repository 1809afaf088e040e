"""Questions that ask the same in other words: "Is breakfast part of the rate?", "Does breakfast come with it?".

A question is what sort of thing it asks for (whether, when, how long, how much, who, where) and what it is
about, in names of the lexicon. Two are the same if both are the same, or if one has a word more that is
no condition.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from talkwright.data.similarity.asking import FORMS
from talkwright.data.similarity.lexicon import CONCEPTS, IDIOMS, LIGHT
from talkwright.data.similarity.similar import numbers, word_list

_LONGEST = 16  # words of a question that may be put in another way
_MOST = 9  # things it is about
_RIVALS = 50  # questions under one name that are compared with each other

# What stands before the question proper.
_BEFORE = re.compile(
    r"(?:(?:hi|hello|hey|please|so|and|quick question|excuse me|sorry|(?:could|can|would) you (?:please )?"
    r"(?:tell me|explain|let me know|say)|do you know|i(?: would|'d) like to know|i(?: am|'m) wondering|i wonder"
    r"|i want to know|i was wondering|may i ask|just wondering|tell me|any idea|let me know)\b[,:.!]* )+"
    r"(?:(?:if|whether)\b )?"
)
# What a question asks for, by how it begins; the first that fits.
_SORTS = [
    ("money", r"how much\b(?! (?:time|space|storage|notice|luggage|water|weight|data|memory|sleep|leave|holiday))"
              r"|what(?:'s| is| are| does| do| would| will)\b.*\b(?:cost|price|fee|charge|fare|rate|rent|penalty|fine)s?\b"
              r"|at what price"),
    ("span", r"(?:for )?how long\b|how many (?:days|hours|minutes|weeks|months|years|nights)\b|how much (?:time|notice)\b"
             r"|how (?:soon|fast|quickly)\b|what(?:'s| is) the (?:duration|length|notice period|turnaround)"
             r"|within (?:what|which) (?:time|period)|what.* (?:waiting time|lead time|delivery time|notice period)"),
    ("often", r"how (?:often|frequently|many times)\b|what.* frequency\b|at what intervals?\b|how regularly\b"),
    ("count", r"(?:up to )?how (?:many|much)\b|what(?:'s| is) the (?:\w+ )?(?:number|limit|maximum|minimum|max|min|capacity"
              r"|allowance|quota)\b|how (?:large|big|heavy|tall|high|deep|far|hot|cold|warm|old|wide)\b"
              r"|what (?:size|weight|height|temperature|age|distance)\b"
              r"|what(?:'s| is) the (?:\w+ )?(?:size|weight|height|temperature|age|distance|speed)\b"),
    ("when", r"(?:since |until |from |by |till )?when\b|(?:at |by |until |from )?what (?:time|date|hour|day|month|year)s?\b"
             r"|(?:in|on|by|until) (?:what|which) (?:year|day|month|date|week)\b|which (?:day|month|year|date)s?\b"
             r"|how (?:late|early)\b|what(?:'s| is| are) (?:the|your) (?:\w+ )*(?:deadline|hours|date|due date|times?)\b"
             r"|(?:until|till) (?:what|which) (?:time|hour)\b"),
    ("where", r"(?:from |to )?where\b|(?:in|on|at|from|to) (?:which|what) (?:city|town|country|place|building|room|floor"
              r"|office|folder|street|page|menu|shelf|station|platform|side)\b|what(?:'s| is) the (?:\w+ )?(?:address|location)\b"
              r"|(?:which|what) (?:floor|room|building|city|platform|address|location)\b"),
    ("who", r"(?:to |by |from |with )?who(?:m|se|'s)?\b|(?:which|what) (?:person|team|department|colleague|role)\b"),
    ("why", r"why\b|how come\b|what.* reason\b"),
    ("how", r"how\b|what(?:'s| is) the (?:best |easiest |right |correct |quickest )?(?:way|procedure|process) (?:to|of|for)\b"
            r"|what (?:do|should|must) i do\b|in what way\b"),
    ("whether", r"(?:is|are|am|was|were|do|does|did|can|could|may|might|will|would|shall|should|must|has|have|had|need"
                r"|isn't|aren't|don't|doesn't|can't)\b"),
    ("which", r"(?:in|on|at|by|with|for|to|of|from|under)? ?(?:which|what|what's)\b"),
]  # fmt: skip
_SORT = re.compile("|".join(f"(?P<{name}>{shape})" for name, shape in _SORTS))
# A clause or phrase that makes it a question about a special case.
_CASE = frozenset(
    """
    if when unless after before during while without with for from until since between at on in as under than
    """.split()  # noqa: SIM905 - a list of words reads best as one
)
_NEGATED = frozenset("not no never without cannot".split())  # noqa: SIM905
_EMPTY = frozenset(
    """
    a an the is are was were be been am do does did can could may might will would shall should must has have
    had i you we they he she it my your our their its me us of to in on at for from with by and or so this that
    these those there here what which who whom whose when where why how if it's what's that's i'm you're which
    during about as please just also yes
    """.split()  # noqa: SIM905
)
_JOINS = frozenset("or versus vs than".split())  # noqa: SIM905 - a choice between two is asked in one order


def _concepts() -> dict[str, str]:
    found: dict[str, str] = {}
    for line in CONCEPTS.split("|"):
        said = line.split()
        for word in said:
            found.setdefault(FORMS[word] or word, FORMS[said[0]] or said[0])
    return found


_CONCEPT = _concepts()
_LIGHT = frozenset(FORMS[word] or word for word in LIGHT) | LIGHT
_IDIOM = re.compile(
    r"\b(?:" + "|".join(
        f"(?P<{name}>{re.sub(chr(10) + ' *', '', shapes.strip())})" for name, shapes in IDIOMS.items()
    ) + r")(?![\w'])"
)  # fmt: skip
_QUESTION_IDIOM = re.compile(
    r"\b(?:" + "|".join(
        f"(?P<{name}>{shapes})" for name, shapes in IDIOMS.items() if name.islower()
    ) + r")(?![\w'])"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question asks for, what must be equal, and what it is about, each with its place."""

    sort: str
    fixed: tuple[object, ...]
    about: frozenset[str]
    cases: frozenset[str]  # of `about`, what stands behind a preposition


def in_one_word(text: str) -> str:
    """A text in normal form with each idiom as its name."""
    return _IDIOM.sub(lambda found: found.lastgroup or "", text.replace("\u2019", "'"))


@lru_cache(maxsize=8192)
def concept(word: str) -> str:
    """The name of what a word names, empty for a word that carries no matter."""
    if word in _EMPTY:
        return ""
    form = FORMS[word]
    return _CONCEPT.get(form, form)


@lru_cache(maxsize=8192)
def asked_for(question: str) -> Asked | None:
    """What a question in normal form asks; None where it is no plain question."""
    if len(question) > 12 * _LONGEST:
        return None
    question = question.replace("\u2019", "'")
    before = _BEFORE.match(question)
    plain = question[before.end() :] if before else question
    sort = _SORT.match(plain)
    if sort is None and before is None:
        return None
    kind = sort.lastgroup if sort else "whether"
    said = word_list(_QUESTION_IDIOM.sub(lambda found: found.lastgroup or "", plain))
    if not 2 <= len(said) <= _LONGEST or not _JOINS.isdisjoint(said):
        return None
    about: list[str] = []
    cases: set[str] = set()
    behind = ""
    for word in said:
        if word in _CASE:
            behind = word
        name = concept(word)
        if not name or name in _LIGHT or word in _LIGHT or word.isdecimal():
            continue
        about.append(name)
        if behind:
            cases.add(name)
    negated = not _NEGATED.isdisjoint(said) or "n't " in plain
    if kind == "money":
        about = [name for name in about if name != concept("cost") and name != concept("pay")]
    if not about or len(about) > _MOST:
        return None
    return Asked(kind or "", (numbers(plain), negated), frozenset(about), frozenset(cases))


def reworded(questions: Mapping[int, tuple[object, str]]) -> Iterator[tuple[int, int]]:
    """Pairs (earlier, later) of (system prompt, question in normal form) that ask the same in other words."""
    names: dict[tuple[object, ...], list[tuple[int, Asked]]] = defaultdict(list)
    seen: set[tuple[int, int]] = set()
    for at, (system, question) in questions.items():
        asked = asked_for(question)
        if asked is None:
            continue
        left_out = [asked.about] + [asked.about - {word} for word in asked.about if len(asked.about) > 1]
        for about in left_out:
            rivals = names[(system, asked.sort, asked.fixed, about)]
            for other, theirs in rivals[-_RIVALS:]:
                if (other, at) not in seen and _same(asked, theirs):
                    seen.add((other, at))
                    yield other, at
            rivals.append((at, asked))


def _same(a: Asked, b: Asked) -> bool:
    """Say whether two questions that share all but a word each are the same."""
    mine, yours = a.about - b.about, b.about - a.about
    if not mine and not yours:
        return True
    if len(a.about & b.about) < 2 or (mine and yours):
        return False
    return not mine & a.cases and not yours & b.cases
