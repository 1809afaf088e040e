"""What fills the place that a question leaves open: who, where, which day, how often.

Two answers to one question that fill it differently contradict each other, in whatever words.
"""

from __future__ import annotations

import re
from functools import lru_cache

from talkwright.data.similarity.amounts import MONTHS, WEEK, amounts, amounts_meet
from talkwright.data.similarity.fillers import (
    addresses,
    apart,
    days_of_month,
    floors,
    intervals,
    other_cases,
)
from talkwright.data.similarity.lexicon import CLASSES, LIGHT, PLACES, ROLES
from talkwright.data.similarity.numerals import written_out
from talkwright.data.similarity.rewording import Asked, asked_for, concept
from talkwright.data.similarity.similar import normal

_LONGEST = 40  # words of an answer that fills one place
_TOKEN = re.compile(r"[\w'-]+")
_DENIES = re.compile(r"\b(?:not|no|never|cannot|neither|nor|except|unless|without)\b|n't\b")
_WEEK = frozenset(WEEK)
_YEAR = frozenset(MONTHS)
_NO_MONTH = re.compile(
    r"(?<!of )(?<!in )(?<!by )(?<!until )(?<!early )(?<!late )(?<!\d )(?<!th )(?<!st )\b(?:may"
    r"|march)\b(?! \d)"
)
_CAPITAL = r"[A-Z\u00c0-\u00deŁŚŻŹĆ]"
_NAME = re.compile(
    rf"(?<![.!?:\"'\u201c] )(?<!\A)\b{_CAPITAL}[\w'-]*(?: {_CAPITAL}[\w'-]*)*"
    rf"|(?:(?<=[.!?:] )|\A){_CAPITAL}[\w'-]+(?: {_CAPITAL}[\w'-]*)+"
)
_SAID = re.compile(
    rf"\A\W*(?:(?:the|el|la|le|il|o|a|de|der|die|das) )?({_CAPITAL}[\w'-]*(?: [\w'-]+){{0,2}})\W*\Z",
    re.I,
)
_SUBJECT = re.compile(rf"\A({_CAPITAL}[\w-]+) (?:is|was|are) (?:the|our|your|a)\b")
_GERMAN = re.compile(r"\b(?:der|das|ist|und|wir|nicht|im|sie|ein|eine|wurde|hinter|neben)\b", re.I)
_GIVEN = re.compile(
    r"\b(?:address|url|link|host|hostname|server|site|website|page|portal|e-?mail|mailbox|domain|endpoint"
    r"|adresse|dirección|endereço|indirizzo|adres)\b|\b(?:who|where|whom)\b.*\b(?:send|write|mail|submit"
    r"|report|contact|reach|log|sign|upload|register|apply|find)\b"
)
_NO_NAMES = frozenset(
    """
    i i'm i've i'll the a an it its it's in on at we our you your this that these those there here they
    he she every each any all no yes not nobody both only just most some der die das el la le il o um uno
    un by from to under with for behind next near
    """.split()  # noqa: SIM905 - a list of words reads best as one
)
_CLAUSES = re.compile(r"(?<=[.;!?])\s+|,? but |,? however |; |,? (?=not )")
_KINDS = [frozenset(line.split()) for line in CLASSES.split("|")]
_LEAD = re.compile(r"\A\W*(?:yes|no)\b[,.!]* ", re.IGNORECASE)
_CLOSED = re.compile(r"\b(?:closed|never|shut|geschlossen|fermée?|cerrad[oa])\b")
_CLOCK = re.compile(r"\b\d{1,2}(?:[:.]\d\d)? ?(?:am|pm|a\.m|p\.m|uhr|h|o'clock)\b|\b\d{1,2}:\d\d\b")
_PAYS = re.compile(
    r"\bwho (?:pays|covers|bears|has to pay)\b|\bon (?:me|you)\b|\bat whose (?:cost|expense)\b"
)
_US = re.compile(r"\b(?:we|on us|our expense|company|employer|landlord|shop|seller)\b")
_YOU = re.compile(r"\b(?:you|your (?:own )?(?:cost|expense)|customers?(?:'s)?|buyer|tenant|employee)\b")
_FIRST = re.compile(
    r"\b(?:first|before|beforehand|begin with|start with|begin by|start by|to start"
    r"|in which order|which order)\b"
)
_ONE = re.compile(
    r"\b(?:name|called|which (?:\w+ )?(?:plan|colour|color|port|key|version|city|currency|language"
    r"|brand|team|company"
    r"|model|tool|format|size|day|river|planet|mountain|country|continent|ocean|sea|lake|island|state"
    r"|province|street|airline|bank|band|club|month|year|season|metal|element|organ)"
    r"|symbol|capitale?|hauptstadt|hoofdstad|stolic[aą]|currency|author|mascot|password|title"
    r"|what (?:\w+ )?(?:plan|port|key|version"
    r"|brand|model))\b"
)
_HOW_MANY = re.compile(
    r"\bhow many ((?:[\w'-]+ ){1,3}?)(?:can|could|may|do|does|did|are|is|were|will|should|must|have"
    r"|has|am)\b"
)
_SINGLE = re.compile(
    r"\b(?:one|a single|una|uno|eine?[nmr]?|une|uma|een|één|jed(?:en|ną|na))\b(?! of\b)"
)
_CODE = re.compile(r"`([^`\n]+)`")
_PLUS = re.compile(r"(?<![`*])[`*]* ?\+ ?[`*]*(?=\S)")  # between keys that are pressed together
_KEYS = re.compile(
    r"\b(?:ctrl|control|cmd|command|alt|option|shift|win|windows|fn)\+[^\s`*,]*[^\s`*,.;:)]", re.I
)
_MODIFIER = re.compile(r"\b(?:control|cmd|command)(?=\+)", re.I)
_PATH = re.compile(r"(?<![\w./])(?:~|[A-Za-z]:)?[/\\][\w.~-]+(?:[/\\][\w.~-]+)*")
_GIVEN_BACK = re.compile(
    r"(?:\A|\b(?:returns?|prints?|outputs?|gives?|evaluates? to|yields?|produces?|displays?|get|is)\b)"
    r"[: ]*`([^`\n]+)`"
)
_GIVES = re.compile(r"\b(?:return|print|output|evaluate|give|yield|display|produce)\b")
_TYPED = re.compile(
    r"\b(?:which|what|what's) .*\b(?:command|password|code|shortcut|key|flag|option|username"
    r"|login|pin)\b"
)
_LABELLED = (
    "gate|platform|room|track|bay|door|terminal|counter|zone|exit|building|hall|desk|block|section|lane"
    "|window|locker|stop|wing|stand|booth|aisle"
)
_OF_ANY = re.compile(r"\b(?:which|what) (\w{4,})\b(?<!time)")
_LABEL = rf"(?:{_LABELLED}) ([a-z]?\d{{1,4}}[a-z]?|[b-z]|a(?=[.,;!]|\Z))\b"
_WHICH = re.compile(
    rf"\b(?:which|what) ({_LABELLED}|line|bus|tram|form|floor|seat|channel|level|grade|class)\b"
)
_MEANING = re.compile(
    r"\b(?:stands for|short for|means|abbreviation (?:of|for))(?: that)?(?: the)? ([^.:;,(]+)"
)
_EVERYBODY = re.compile(
    r"(?:everyone|everybody|anyone|anybody|all of (?:us|you|them)|both)\b"
    r"(?! (?:who|with|under|over|aged|from|in|at|of|whose|between)\b)"
)
_ALONE = re.compile(r"\b(?:only|alone|solely|exclusively|nobody else|no one else)\b")
_VALUE = 4  # words of an answer that is one thing
_THE_ONE = re.compile(
    r"(?:what(?:'s| is| was)|which (?:\w+ )?(?:is|was)) (?:the|your|our|my|its)"
    r" (?!(?:\w+ )?(?:best|difference"
    r"|point|purpose|reason|use|advantage|benefit|meaning|way|procedure|process|policy|problem|risk"
    r"|status|story|idea|role|weather|topic|plot|safest|easiest|recommended)s?\b)"
)
_IS = re.compile(r"'s\b|'re\b|\b(?:is|was|are|were|will be|means)\b(?: called)?")
_ASIDE = re.compile(r",| \(| which | that | \u2013 | - |: ")
_UNSURE = re.compile(
    r"\d|not\b|depend|var(?:y|ies)|usual|most|some|different|several|many|up\b|under\b|on\b|in\b|at\b|below|above|here|there"
    r"|yes\b|no\b|please|see\b|you\b|we\b|i\b|to\b|it\b"
)
_MEANS = re.compile(r" stand for\b| mean\b|what causes ")
_OFFERS = re.compile(
    r"(?:there(?:'s| is| are)|you (?:can|could|may)|try|one (?:option|place)|for example)\b"
)
_MANY = re.compile(r"\b(?:can|could|may) i (?:find|buy|get|learn|see|read|park|eat|complain)\b")


def filled_differently(question: str, a: str, b: str) -> bool:
    """Say whether two answers to one question, as written, fill its place with different things."""
    asked = asked_for(normal(question).rstrip("?!. "))
    if asked is None or asked.negated or "?" in a + b or max(a.count(" "), b.count(" ")) >= _LONGEST:
        return False
    plain, one, other = _plain(question), _plain(a), _plain(b)
    if intervals(one) and intervals(other) and other_cases(one, other):
        return False  # how often in summer, how often in winter
    return _times_apart(asked.sort, plain, one, other) or _things_apart(
        asked, plain, _affirmed(a), _affirmed(b)
    )


def _times_apart(sort: str, question: str, one: str, other: str) -> bool:
    """How many, how often and when."""
    if sort == "count":
        other_numbers = _apart(_counts(one), _counts(other))
        if other_numbers and not amounts_meet(amounts(one)[0], amounts(other)[0]):  # 30 C, 86 F
            return True
        return _apart(_counted(question, one), _counted(question, other))
    if sort in ("often", "when") and apart(intervals(one), intervals(other)):
        return True
    if sort == "when" and _apart(days_of_month(one), days_of_month(other)):
        return True
    if sort in ("when", "whether") and (_never(one, other) or _never(other, one)):
        return True
    return sort in ("when", "which", "often") and _days_apart(one, other)


def _things_apart(asked: Asked, question: str, a: str, b: str) -> bool:
    """Who, where, which, what first and at whose cost, in what the answers do not deny."""
    one, other = _plain(a), _plain(b)
    if _PAYS.search(question) and _apart(_payers(one), _payers(other)):
        return True
    if asked.sort not in ("how", "why", "often", "count", "span") and _kinds_apart(
        one, other, question, asked.sort == "whether"
    ):
        return True
    if _FIRST.search(question) and _apart(_first(one, asked), _first(other, asked)):
        return True
    if asked.sort in ("which", "where") and _apart(_labelled(question, one), _labelled(question, other)):
        return True
    if _MEANS.search(question) and _meant_apart(_stands_for(one), _stands_for(other)):
        return True
    if _GIVEN.search(question) and _apart(addresses(one), addresses(other)):
        return True
    if (_TYPED.search(question) or asked.sort == "where") and _typed_apart(_codes(a), _codes(b)):
        return True
    if " does " in question and _GIVES.search(question):
        mine, yours = _given_back(a), _given_back(b)
        if len(mine) == len(yours) == 1 and mine != yours:
            return True
    mine, yours = _names(a, question), _names(b, question)
    if asked.sort == "where":  # what both name, and is not where it is, is no answer
        for name in mine & yours:
            if not re.search(rf"\b(?:in|at|on|to|from|near) {re.escape(name)}\b", f"{one} {other}"):
                mine, yours = mine - {name}, yours - {name}
    names = _apart(mine, yours) and not (
        mine & {*_TOKEN.findall(other)} or yours & {*_TOKEN.findall(one)}
    )
    if asked.sort == "who":
        one, other = _sole(one), _sole(other)
        if any(_EVERYBODY.match(x) and _ALONE.search(y) for x, y in ((one, other), (other, one))):
            return True
        first, second = (_names(_ASIDE.split(text, maxsplit=1)[0], question) for text in _begin(a, b))
        names = names or (_apart(first, second) and not (first & yours or second & mine))
        return names or _apart(_things(one, ROLES, question), _things(other, ROLES, question))
    if asked.sort == "where" and not _MANY.search(question):
        if _OFFERS.match(one) and _OFFERS.match(other) and re.search(r"\bwhere can\b", question):
            return False  # of places where one can do it there may be two
        if _apart(floors(one), floors(other)):
            return True
        german = _GERMAN.search(f"{question} {one} {other}")  # every noun has a capital
        return (names and not german) or _apart(_places(one, question), _places(other, question))
    if asked.sort == "which" and _apart(floors(one), floors(other)):
        return "floor" in question
    if asked.sort == "which" and _values_apart(asked, question, one, other):
        return True
    return names and asked.sort == "which" and _ONE.search(question) is not None


def _begin(*texts: str) -> list[str]:
    """The first clause of each text: it says who, and the others what else there is to say."""
    return [_CLAUSES.split(text, maxsplit=1)[0] for text in texts]


def _plain(text: str) -> str:
    return normal(text).replace("\u2019", "'").replace("*", "")


def _counts(text: str) -> frozenset[object]:
    """How many, where a text says one number; "one guest" counts here, for it is asked for."""
    said = written_out(_SINGLE.sub("1", text))
    found = frozenset(re.findall(r"(?<![\d.,:])\d+(?![\d.,:]*\d)", said))
    return found if len(found) == 1 else frozenset()


def _counted(question: str, text: str) -> frozenset[object]:
    """How many of the things that a question counts: "two bags of up to 23 kg"."""
    things = _HOW_MANY.search(question)
    if not things:
        return frozenset()
    names = {concept(word) for word in things[1].split()[-2:]} - {""}
    said = _TOKEN.findall(written_out(_SINGLE.sub("1", text)))
    return frozenset(
        word
        for at, word in enumerate(said)
        if word.isdecimal() and not names.isdisjoint(map(concept, said[at + 1 : at + 4]))
    )


def _codes(text: str) -> frozenset[object]:
    """What a text sets off as to be typed, keys that are pressed together, and paths."""
    joined = _MODIFIER.sub("ctrl", _PLUS.sub("+", text))  # of a Mac or of another computer
    keys = {keys.lower() for keys in _KEYS.findall(joined)}
    return frozenset(keys or {*_CODE.findall(joined), *_PATH.findall(joined)})


def _typed_apart(a: frozenset[object], b: frozenset[object]) -> bool:
    """Say whether nothing to be typed is that of the other, nor the beginning of it: `ls`, `ls -la`."""
    return (
        bool(a)
        and bool(b)
        and not any(str(x).startswith(str(y)) or str(y).startswith(str(x)) for x in a for y in b)
    )


def _given_back(text: str) -> frozenset[object]:
    """The value that code gives, as a text that sets it off says."""
    return frozenset(value.replace(" ", "") for value in _GIVEN_BACK.findall(text))


def _labelled(question: str, text: str) -> frozenset[object]:
    """The label of the thing that a question asks for: gate C, platform 4, room B12."""
    asked = _WHICH.search(question)
    other = None if asked else _OF_ANY.search(question)
    if other:
        return frozenset(
            re.findall(rf"\b{re.escape(other[1])} ([a-z]?\d{{1,4}}|[b-hj-z]|a(?=[.,;!]|\Z))\b", text)
        )
    shape = rf"{re.escape(asked[1])} ([a-z]?\d{{1,4}}[a-z]?|[a-z])\b" if asked else _LABEL
    return frozenset(re.findall(rf"\b{shape}", text))


def _stands_for(text: str) -> frozenset[object]:
    """The words that letters stand for."""
    found = _MEANING.search(text)
    said = _TOKEN.findall(found[1])[:5] if found else []
    return frozenset(word for word in said if len(word) > 3)


def _affirmed(text: str) -> str:
    """What a text says is so: its clauses without a denial."""
    return ". ".join(
        part
        for part in _CLAUSES.split(_LEAD.sub("", text.replace("\u2019", "'")))
        if not _DENIES.search(part.lower())
    )


def _never(closed: str, other: str) -> bool:
    """Closed all day, or never, against a time of day."""
    return (
        bool(_CLOSED.search(closed))
        and not _CLOCK.search(closed)
        and bool(_CLOCK.search(other))
        and not _CLOSED.search(other)
    )


def _meant_apart(a: frozenset[object], b: frozenset[object]) -> bool:
    return min(len(a), len(b)) > 1 and 2 * len(a & b) < min(len(a), len(b))


def _payers(text: str) -> frozenset[object]:
    """Who pays: us, or the one who asks."""
    return frozenset((_US.findall(text) and ["us"]) or []) | frozenset(
        (_YOU.findall(text) and ["you"]) or []
    )


def _first(text: str, asked: Asked) -> frozenset[object]:
    """What a text says comes first, of the things that the question names."""
    for clause in _CLAUSES.split(normal(text)):
        if _FIRST.search(clause):
            for word in _TOKEN.findall(clause):
                if concept(word) in asked.about and word not in ("first", "before", "after"):
                    return frozenset([concept(word)])
    return frozenset()


def _apart(a: frozenset[object], b: frozenset[object]) -> bool:
    return bool(a) and bool(b) and not a & b


def _days_apart(one: str, other: str) -> bool:
    mine, yours = (
        {word.removesuffix("s") for word in _TOKEN.findall(_NO_MONTH.sub("", text))}
        for text in (one, other)
    )
    return any(_apart(frozenset(mine & kind), frozenset(yours & kind)) for kind in (_WEEK, _YEAR))


def _kinds_apart(one: str, other: str, question: str, whether: bool) -> bool:
    """Say whether each names one member of a class of things, and not the same.

    To a question of whether that is an answer only where the question names one, too.
    """
    mine, yours = frozenset(_TOKEN.findall(one)), frozenset(_TOKEN.findall(other))
    asked = frozenset(_TOKEN.findall(question))
    for kind in _KINDS:
        if whether and not asked & kind:
            continue
        named, theirs = mine & kind, yours & kind
        if (
            len(named) == len(theirs) == 1
            and named != theirs
            and len(named | theirs | (asked & kind)) == 2
        ):
            return True
    return False


def _things(text: str, table: frozenset[str], question: str) -> frozenset[object]:
    asked = set(_TOKEN.findall(question))
    return frozenset(
        concept(form)
        for word in _TOKEN.findall(text)
        for form in (word, word.removesuffix("s").removesuffix("'"))
        if form in table and word not in asked
    )


def _values_apart(asked: Asked, question: str, one: str, other: str) -> bool:
    """Say whether two answers to "what is the main ingredient" say that it is different things."""
    if not _THE_ONE.match(question):
        return False
    mine, yours = _value(one, asked), _value(other, asked)
    return _apart(mine, yours) and not any(str(x)[:4] == str(y)[:4] for x in mine for y in yours)


def _value(text: str, asked: Asked) -> frozenset[object]:
    """What a text says the thing is that was asked for: "chickpeas", "its main ingredient is lentils".

    Only a few words can be told from those that say the same.
    """
    first = _CLAUSES.split(text, maxsplit=1)[0].rstrip(".!")
    is_ = _IS.search(first)
    if is_:
        before = {concept(word) for word in _TOKEN.findall(first[: is_.start()])} - {""}
        if not before <= asked.about | LIGHT:
            return frozenset()
        first = first[is_.end() :]
    said = _TOKEN.findall(_ASIDE.split(first, maxsplit=1)[0])
    if not 0 < len(said) <= _VALUE or any(map(_UNSURE.match, said)):
        return frozenset()
    return frozenset(
        name for word in said if (name := concept(word)) and name not in asked.about | LIGHT
    )


def _sole(text: str) -> str:
    """The clause of a text that says that it is one alone; the text, if none does."""
    return next((part for part in _CLAUSES.split(text) if _ALONE.search(part)), text)


def _places(text: str, question: str) -> frozenset[object]:
    """The places of a text; on a floor there are many."""
    return _things(text, PLACES, question) - {concept("floor")}


@lru_cache(maxsize=2048)
def _names(text: str, question: str) -> frozenset[str]:
    """The names of a text, by word, without those of the question; a sentence begins with any word."""
    asked = {*_TOKEN.findall(question)}
    found = {word for name in _NAME.findall(text) for word in normal(name).split()}
    for shape in (_SAID, _SUBJECT):  # "Canberra.", "Canberra is the capital"
        alone = shape.match(text)
        if alone and alone[1][:1].isupper():
            found |= {word.lower() for word in alone[1].split() if word[:1].isupper()}
    return frozenset(
        word.removesuffix("'s") for word in found if word not in asked and word not in _NO_NAMES
    )
