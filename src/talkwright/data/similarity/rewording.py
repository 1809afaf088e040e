"""Questions that ask the same in other words: "Is breakfast part of the rate?", "Is breakfast extra?".

A question is what sort of thing it asks for (whether, when, how long, how much, who, where) and what
it is about, in names of the lexicon. Two may be the same if they share some of it and are no contrast
("the Basic plan", "the Plus plan"); whether they are, their answers tell, and how rare it is what they
share.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import chain, combinations

from talkwright.data.similarity.asking import FORMS
from talkwright.data.similarity.lexicon import CONCEPTS, IDIOMS, LIGHT
from talkwright.data.similarity.similar import normal, word_list

LONGEST = 18  # words of a question that may be put in another way
_BEGINNING = 400  # characters of an answer
_MOST = 12  # things it is about
_RIVALS = 50  # questions under one name that are compared with each other

# What stands before the question proper.
_BEFORE = re.compile(
    r"(?:(?:hi|hello|hey|please|so|and|quick question|excuse me|sorry|(?:could|can"
    r"|would) you (?:please )?"
    r"(?:tell me|explain|let me know|say)|do you know|i(?: would|'d) like to know|i(?: am"
    r"|'m) wondering|i wonder"
    r"|(?:guten (?:tag|morgen|abend)|hallo|goede(?:morgen|middag|navond)|bonjour|bonsoir|hola"
    r"|buen[oa]s (?:días|tardes|noches)|buongiorno|buonasera|olá|bom dia|boa (?:tarde|noite)"
    r"|dzień dobry)(?=[,.!: ])"
    r"|i want to know|i was wondering|may i ask|just wondering|tell me|any idea|let me know)\b[,:.!]* )+"
    r"((?:if|whether)\b )?"
)
# What a question asks for, by how it begins; the first that fits.
_SORTS = [
    ("money", r"how much\b(?! (?:time|space|storage|notice|luggage|water|weight|data|memory|sleep"
              r"|leave|holiday))"
              r"|what(?:'s| is| are| does| do| would| will)\b.*\b(?:cost|price|fee|charge|fare|rate"
              r"|rent|penalty|fine)s?\b"
              r"|at what price|what (?:do|will|would|must) (?:i|we"
              r"|you) (?:have to )?pay\b(?! (?:with|by|in)\b)"
              r"|was kostet|wie ?viel kostet|combien coûte|cuánto cuesta|quanto costa|quanto custa"
              r"|(?:wat|hoeveel) kost|ile kosztuje"),
    ("span", r"(?:for )?how long\b|how many (?:days|hours|minutes|weeks|months|years|nights)\b"
             r"|how much (?:time|notice)\b|what(?:'s| is) the time limit\b|(?:für )?wie lange\b"
             r"|combien de (?:temps|jours)\b|cuánto (?:tiempo|dura)\b|quanto (?:tempo|dura)\b|hoe lang\b"
             r"|jak długo\b|ile (?:trwa|dni)\b|sous (?:quel délai|combien)\b|quantos dias\b"
             r"|how (?:soon|fast|quickly)\b|what(?:'s| is) the (?:duration|length|notice period"
             r"|turnaround)"
             r"|within (?:what|which) (?:time|period)|what.* (?:waiting time|lead time|delivery time"
             r"|notice period)"),
    ("often", r"how (?:often|frequently|many times)\b|what.* frequency\b|at what intervals?\b"
              r"|how regularly\b|wie oft\b|hoe vaak\b|cada cuánto\b|ogni quanto\b|jak często\b"
              r"|com que frequência\b|à quelle fréquence\b|tous les combien\b"),
    ("count", r"(?:up to )?how (?:many|much)\b|what(?:'s| is) the (?:\w+ )?(?:number|limit|maximum"
              r"|minimum|max|min|capacity"
              r"|allowance|quota)\b|how (?:large|big|heavy|tall|high|deep|far|hot|cold|warm|old|wide)\b"
              r"|wie ?viele\b|combien\b|cuánt[oa]s\b|quant[ie]\b"
              r"|what (?:size|weight|height|temperature|age|distance)\b"
              r"|what(?:'s| is) (?:the|your) (?:\w+ )?(?:size|weight|height|temperature|age|distance"
              r"|speed)\b"),
    ("when", r"what(?:'s| is) the (?:last|latest|final|earliest|first) (?:possible )?(?:day|date"
             r"|time|moment)\b"
             r"|(?:since |until |from |by |till )?when\b|(?:at |by |until |from )?what (?:time|date"
             r"|hour|day|month|year)s?\b"
             r"|(?:in|on|by|until) (?:what|which) (?:year|day|weekday|month|date|week)\b"
             r"|which (?:day|month"
             r"|year|date)s?\b"
             r"|how (?:late|early)\b|what(?:'s| is| are) (?:the|your) (?:[\w'-]+ )*(?:deadline|hours"
             r"|date|due date|times?)\b"
             r"|(?:until|till) (?:what|which) (?:time|hour)\b"
             r"|(?:bis )?wann\b|um wie ?viel uhr|wie sind die öffnungszeiten|quand\b|à quelle heure"
             r"|quels sont les horaires"
             r"|jusqu'à quand\b|hasta cuándo\b|quando\b|cuándo\b|a qué hora|cuál es el horario"
             r"|wanneer\b|hoe laat\b|kiedy\b|o której\b|a que horas?\b|a che ora\b"),
    ("where", r"(?:from |to )?where\b|waar\b|onde\b|gdzie\b"
              r"|woh?(?:in|er)?\b|d?'?où\b|(?:a |de )?dónde\b|dove\b|what(?:'s"
              r"| is) the (?:meeting"
              r"|starting) (?:point|place)\b|(?:in|on|at|from|to) (?:which|what) (?:city|town"
              r"|country|place"
              r"|building|room|floor"
              r"|office|folder|street|page|menu|shelf|station|platform|side)\b|what(?:'s"
              r"| is) the (?:\w+ )?(?:address|location)\b"
              r"|(?:which|what) (?:floor|room|building|city|platform|address|location)\b"),
    ("who", r"we[rnm]\b|quem\b|kto\b|wie (?:is|was|heeft|schreef|leidt)\b"
            r"|qui\b|quién(?:es)?\b|chi\b|(?:to |by |from |with )?who(?:m|se|'s)?\b"
            r"|(?:which|what) (?:person|team|department"
            r"|colleague|role)\b"),
    ("why", r"why\b|how come\b|what.* reason\b"),
    ("how", r"how\b|what(?:'s| is) the (?:best |easiest |right |correct |quickest )?(?:way|procedure"
            r"|process) (?:to|of|for)\b"
            r"|what (?:do|should|must) i do\b|in what way\b"),
    ("whether", r"(?:is|are|am|was|were|do|does|did|can|could|may|might|will|would|shall|should|must"
                r"|has|have|had|need|got|any"
                r"|isn't|aren't|don't|doesn't|can't)\b"),
    ("foreign", r"(?:kann|können|könnte|darf|dürfen|ist|sind|gibt|muss|müssen|hat|haben|kostet|wird"
                r"|werden|brauche|bieten"
                r"|puedo|puede|pueden|hay|es|está|están|se puede|tengo|tiene|peut-on|puis-je|est-ce"
                r"|faut-il|avez-vous|y a-t-il)\b"),
    ("which", r"(?:welche[rsnm]?|was|quel(?:le)?s?|cuál(?:es)?|qué|quale?|welke?|wat|jak[ai]|któr[ay])\b"
              r"|(?:in|on|at|by|with|for"
              r"|to|of|from|under)? ?(?:which|what|what's)\b"),
]  # fmt: skip
_SORT = re.compile("|".join(f"(?P<{name}>{shape})" for name, shape in _SORTS))
# A clause or phrase that makes it a question about a special case.
_CASE = frozenset(
    """
    if when unless after before during while without with for from until since between at on in as
    under than
    """.split()  # noqa: SIM905 - a list of words reads best as one
)
_CASES = _CASE | {"because"}
_ASIDE = re.compile(r"(?<=[ ,])(?:who|which|if|when|because|since|(?<!true )that)\b")
_PARTS = re.compile(r"[.,:;!] ")
_NEGATED = frozenset("not no never without cannot dont cant wont isnt arent doesnt didnt".split())  # noqa: SIM905
_EMPTY = frozenset(
    """
    a an the is are was were be been am do does did can could may might will would shall should
    must has have
    had i you we they he she it my your our their its me us of to in on at for from with by and or
    so this that
    these those there here what which who whom whose when where why how if it's what's that's i'm
    you're which thats whats whos hows wheres whens im ive youre theyre
    during about as please just also yes through via until wann bis wie lange noch quand jusqu'à
    combien temps ai où wo where's when's who's how's
    wer wem wen wieviel viel oft lang lange uhr welche welcher welches kostet dauert waar wanneer hoe
    hoeveel laat vaak kost duurt dag dagen jours coûte dure heure dónde cuándo cómo cuánto cuánta cuántos
    cuántas cuesta dura hora cada quién onde quem quanto quanta quantos quantas custa demora horas dove
    chi quanti quante costa ora ogni gdzie kiedy kto ile kosztuje trwa często długo której jak
    """.split()  # noqa: SIM905
)


_ENDINGS = tuple("ment ance ence able ible ity ion ive al er or ly ic y".split())  # noqa: SIM905
_STEM = 6  # letters that words of one family share


def _stem(form: str) -> str:
    for ending in _ENDINGS:
        if form.endswith(ending) and len(form) - len(ending) >= 4:
            return form.removesuffix(ending)[:_STEM]
    return form[:_STEM]


def _concepts() -> dict[str, str]:
    found: dict[str, str] = {}
    for line in CONCEPTS.split("|"):
        said = line.split()
        for word in said:
            found.setdefault(FORMS[word] or word, _stem(FORMS[said[0]] or said[0]))
            found.setdefault(_stem(FORMS[word] or word), _stem(FORMS[said[0]] or said[0]))
    return found


_CONCEPT = _concepts()
# What a question says only to ask for its sort of thing.
_ASKED_BY = {
    "money": frozenset(["cost", "pay"]),
    "when": frozenset(["day", "dail", "month", "date", "deadli", "year", "hour"]),
    "span": frozenset(["day", "dail", "month", "week", "year", "hour", "minut", "period", "duratio"]),
    "often": frozenset(["frequen", "freque", "often", "regula"]),
    "count": frozenset(["limit", "maximum", "numb"]),
    "where": frozenset(["locat", "addres", "plac"]),
    "who": frozenset(["name"]),
}  # fmt: skip
# Of these a question names one, and another is another question.
_KINDS = """
    day monday tuesday wednesday thursday friday saturday sunday weekend | month january february
    march april
    june july august september october november december | colour red green blue yellow white black
    orange
    purple pink brown grey | season spring summer autumn winter | age adult kid senior teenager
    baby | level basic
    premium pro plus standard deluxe enterprise free business gold silver | first second third last
    | contract fulltime parttime | time weekday weekend
"""
_LIGHT = frozenset(FORMS[word] or word for word in LIGHT) | LIGHT
LIGHT_CONCEPTS = _LIGHT | {""} | frozenset(map(_stem, _LIGHT))  # names of what carries no matter
_KIND_OF = {
    _CONCEPT.get(FORMS[word], FORMS[word])[:6]: line.split()[0]
    for line in _KINDS.split("|")
    for word in line.split()[1:]
}
_STRICT = frozenset("money span often when where who why".split())  # noqa: SIM905
_ORDERED = frozenset("from before after than".split())  # noqa: SIM905
_OF_CASES = frozenset("what happens sure even know see me".split())  # noqa: SIM905
_TURNS = frozenset("from to before after over under above below with without until since".split())  # noqa: SIM905
# Of what questions are about, the most that the other row need not name; by how many rare things both
# name.
_ALONE = (0.3, 0.6, 0.8)
_FEW = 2  # things a question is about, of which each may be all that another shares
_PAYING = {"pay": "cost"}  # the price, and what one pays
_RARE = 3  # questions that name a thing
_ENOUGH = 50  # questions, of which fewer do not tell how rarely a thing is named
_FRAME = 0.65  # of the words of a question, from which another's are a contrast to it
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
    """What a question asks for, in which words, and what it is about.

    `cases` is what of `about` stands behind a preposition, `own` what has but one right value: a day,
    a colour, a number, each with its kind.
    """

    sort: str
    said: tuple[str, ...]
    about: frozenset[str]
    cases: frozenset[str]
    own: frozenset[tuple[str, str]]
    negated: bool


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


def in_one_word(text: str) -> str:
    """A text in normal form with each idiom as its name."""
    return _IDIOM.sub(lambda found: found.lastgroup or "", text.replace("\u2019", "'"))


@lru_cache(maxsize=16384)
def concept(word: str) -> str:
    """The name of what a word names, empty for a word that carries no matter."""
    if word in _EMPTY:
        return ""
    form = FORMS[word]
    return _CONCEPT.get(form) or _CONCEPT.get(_stem(form)) or _stem(form)


# That two questions name these, does not make them ask the same.
_TIMES = frozenset(map(concept, "day weekday weekend week month year hour today time".split()))  # noqa: SIM905


@lru_cache(maxsize=8192)
def asked_for(question: str) -> Asked | None:
    """What a question in normal form asks; None where it is no plain question."""
    if len(question) > 12 * LONGEST:
        return None
    question = question.replace("\u2019", "'")
    before = _BEFORE.match(question)
    plain = question[before.end() :] if before else question
    sort = _SORT.match(plain) or next(filter(None, map(_SORT.match, _PARTS.split(plain)[1:])), None)
    if sort is None and not (before and before[1]):
        return None
    kind = sort.lastgroup if sort else "whether"
    said = word_list(_QUESTION_IDIOM.sub(lambda found: found.lastgroup or "", plain))
    if not 2 <= len(said) <= LONGEST:
        return None
    about: set[str] = set()
    cases: set[str] = set()
    own: set[tuple[str, str]] = set()
    behind = False
    for word in said:
        behind = behind or word in _CASE
        name = concept(word)
        kind_of = _KIND_OF.get(name)
        counted = any(map(str.isdecimal, word))
        if counted or kind_of:
            own.add((kind_of or "number", name))
        if not name or name in _LIGHT or word in _LIGHT or counted:
            continue
        about.add(name)
        if behind:
            cases.add(name)
    about -= _ASKED_BY.get(kind or "", frozenset())
    cases &= about
    if not about or len(about) > _MOST:
        return None
    main = word_list(_ASIDE.split(" ".join(said), maxsplit=1)[0])
    negated = not _NEGATED.isdisjoint(main) or any(word.endswith("n't") for word in main)
    return Asked(kind or "", tuple(said), frozenset(about), frozenset(cases), frozenset(own), negated)


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


@lru_cache(maxsize=16384)
def concepts_of(text: str) -> frozenset[str]:
    """What a text names; of a long one, its beginning."""
    text = normal(text[:_BEGINNING])
    return frozenset(
        map(concept, word_list(_QUESTION_IDIOM.sub(lambda found: found.lastgroup or "", text)))
    )


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
            {_PAYING.get(concept(word), concept(word)) for word in side} - _LIGHT - {""}
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
