"""What a question asks: for what sort of thing (whether, when, how long, how much, who, where) and about
what, in names of the lexicon."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from talkwright.data.similarity.asking import FOREIGN, FORMS
from talkwright.data.similarity.lexicon import CONCEPTS, IDIOMS, LIGHT
from talkwright.data.similarity.similar import normal, word_list

LONGEST = 28  # words of a question that may be put in another way
_DENYING = re.compile(r"(?:un|in|im|ir|non)(?=[a-z]{4})")  # unsuitable is said of what may be suitable
_BEGINNING = 400  # characters of an answer
_MOST = 12  # things it is about

# What stands before the question proper.
_BEFORE = re.compile(
    r"(?:(?:hi|hello|hey|please|so|and|quick question|excuse me|sorry|(?:could|can"
    r"|would) you (?:please )?"
    r"(?:tell me|explain|let me know|say)|do you know|i(?: would|'d) like to know|i(?: am"
    r"|'m) wondering|i wonder"
    r"|good (?:morning|afternoon|evening|day)|greetings"
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
CASES = frozenset(
    """
    if when unless after before during while without with for from until since between at on in as
    under than
    """.split()  # noqa: SIM905 - a list of words reads best as one
)
_ASIDE = re.compile(r"(?<=[ ,])(?:who|which|if|when|because|since|(?<!true )that)\b")
_PARTS = re.compile(r"[.,:;!] | [-\u2013\u2014] ")
# "On how many devices", "da quanti minuti": what may stand before the word that asks.
_LEAD = re.compile(
    r"\A(?:and|but|so|then|also|on|in|at|for|with|by|from|to|until|till|within|after|before|under|of|about"
    r"|into|since|up to|und|ab|bis|von|mit|um|zu|auf|f\u00fcr|an|da|di|per|tra|entro|fino a|de|\u00e0"
    r"|en|dans|pour|avec|sous|par|jusqu'\u00e0|desde|hasta|con|por|para|at\u00e9|em|com|vanaf|tot|met"
    r"|voor|op|van|od|na|za|w) "
)
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
LIGHT_FORMS = frozenset(FORMS[word] or word for word in LIGHT - FOREIGN) | (LIGHT - FOREIGN)
# The names of what carries no matter.
LIGHT_CONCEPTS = LIGHT_FORMS | {""} | frozenset(map(_stem, LIGHT_FORMS))
_KIND_OF = {
    _CONCEPT.get(FORMS[word], FORMS[word])[:6]: line.split()[0]
    for line in _KINDS.split("|")
    for word in line.split()[1:]
}
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


@lru_cache(maxsize=16384)
def is_light(word: str) -> bool:
    """Say whether a word says no more than that something is the case."""
    form = FORMS[word]
    name = _CONCEPT.get(form) or _CONCEPT.get(_stem(form))
    return word in LIGHT or form in LIGHT_FORMS or name in LIGHT_FORMS


@lru_cache(maxsize=8192)
def asked_for(question: str) -> Asked | None:
    """What a question in normal form asks; None where it is no plain question."""
    if len(question) > 12 * LONGEST:
        return None
    question = question.replace("\u2019", "'")
    before = _BEFORE.match(question)
    plain = question[before.end() :] if before else question
    parts = _PARTS.split(plain)
    sort = next(filter(None, map(_SORT.match, parts)), None)
    sort = sort or next(
        filter(None, (_SORT.match(_LEAD.sub("", part, count=1)) for part in parts)), None
    )
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
        behind = behind or word in CASES
        name = concept(word)
        kind_of = _KIND_OF.get(name)
        counted = any(map(str.isdecimal, word))
        if counted or kind_of:
            own.add((kind_of or "number", name))
        if not name or is_light(word) or counted:
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


@lru_cache(maxsize=16384)
def concepts_of(text: str) -> frozenset[str]:
    """What a text names; of a long one, its beginning."""
    text = normal(text[:_BEGINNING])
    said = word_list(_QUESTION_IDIOM.sub(lambda found: found.lastgroup or "", text))
    denied = [_DENYING.sub("", word) for word in said if _DENYING.match(word)]
    return frozenset(map(concept, (*said, *denied)))
