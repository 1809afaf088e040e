"""What an answer names, of the things that have one right value: a floor, an address, a day, how often.

Each function gives a set that is the same for any wording in the languages that are known.
"""

from __future__ import annotations

import re
from functools import lru_cache

from talkwright.data.similarity.amounts import WEEK
from talkwright.data.similarity.numerals import written_out

_NUMBERS = """
    first erste[nmrs]? premi[eè]re? 1er primer[oa]? eerste primeir[oa] prim[oa] pierwsz\\w+
    | second zweite[nmrs]? deuxième seconde? segund[oa] tweede second[oa] drug\\w+
    | third dritte[nmrs]? troisième tercer[oa]? derde terceir[oa] terz[oa] trzeci\\w*
    | fourth vierte[nmrs]? quatrième cuart[oa] vierde quart[oa] czwart\\w+
    | fifth fünfte[nmrs]? cinquième quint[oa] vijfde piąt\\w+
    | sixth sechste[nmrs]? sixième sext[oa] zesde sest[oa] szóst\\w+
    | seventh siebte[nmrs]? septième séptim[oa] zevende | eighth achte[nmrs]? huitième octav[oa]
    | ninth neunte[nmrs]? neuvième noven[oa] | tenth zehnte[nmrs]? dixième décim[oa] tiende
"""
_ORDINALS = [
    (str(n), re.compile(rf"(?:{'|'.join(line.split())})\Z"))
    for n, line in enumerate(_NUMBERS.split("|"), 1)
]
_STOREY = (
    r"(?:floor|storey|level|stock(?:werk)?|etage|obergeschoss|og|étage|planta|piso|verdieping|andar"
    r"|piano|piętr\w+)"
)
_FLOOR = re.compile(
    r"\b(?P<ground>ground floor|street level|erdgeschoss|rez-de-chaussée|planta baja|begane grond|térreo"
    r"|rés-do-chão|piano terra|pianterreno|parterze?)\b"
    r"|\b(?P<cellar>basement|cellar|keller|untergeschoss|sous-sol|sótano|kelder|subsolo|seminterrato"
    r"|piwnic\w+)\b"
    rf"|\b(?P<word>{'|'.join(_NUMBERS.replace('|', ' ').split())}|top|upper"
    rf"|\d{{1,2}}(?:st|nd|rd|th|\.|er|e|ème|º|ª)?) {_STOREY}\b"
    rf"|\b{_STOREY} (?P<number>\d{{1,2}})\b"
)
_IN_CASE = re.compile(
    r"\b(?:in|on|at|during)(?: the)? (summer|winter|spring|autumn|weekdays|weekends|week|weekend)\b"
)
_COMPUTERS = re.compile(
    r"(?:\A|[,.;:(] |\bare )(?:on|under|in) (?:a |an |your )?(windows|mac|macos|linux|iphone|ios|android"
    r"|ipad|pc)|\bon (?:a |an |your )?(?:windows|mac|macos|linux|iphone|ios|android|ipad"
    r"|pc)(?=[,.;:]|\Z)"
)
_COMPUTER = re.compile(r"\b(?:windows|mac|linux|iphone|ios|android|ipad|pc)")
_OF_COMPUTERS = re.compile(r"system|platform|\brun|support|compatib|available|device")
_DIGITS = re.compile(r"\d+")
_ADDRESS = re.compile(
    r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|(?<![a-z0-9])(?<![a-z0-9-]\.)(?:https?://)?(?:[a-z0-9][a-z0-9-]{0,99}\.){1,12}[a-z]{2,}(?:/[\w./~-]*)?"
)
_LATER_DAYS = {"eleventh": 11, "twelfth": 12, "thirteenth": 13, "fourteenth": 14, "fifteenth": 15,
               "sixteenth": 16, "twentieth": 20, "thirtieth": 30}  # fmt: skip
_DAY_OF_MONTH = re.compile(
    r"\b(?P<number>\d{1,2})(?:st|nd|rd|th)\b(?! (?:floor|century|time|anniversary|birthday|edition|grade"
    r"|year|place))"
    rf"|\bthe (?P<later>{'|'.join(_LATER_DAYS)})\b"
    r"|\b(?P<which>first|second|third|last|middle|end) (?:(?P<sort>working|business|week|calendar) ?)?"
    rf"(?:(?P<day>day|{'|'.join(WEEK)}) )?of (?:the|each|every|any)(?: \w+)? month"
    rf"|\b(?P<last>first|last) (?P<weekday>{'|'.join(WEEK)}|working day|business day)\b"
)
_SPANS = """
    60 hour hours stunde stunden uur uren heure heures hora horas ora ore godzina godzinę godziny | 1440
    day days night nights morning evening weekday tag tage tagen täglich dag dagen jour jours nuit día
    días dia dias giorno giorni notte dzień dni noche | 10080 week weeks woche wochen weken semaine
    semaines semana semanas settimana settimane tydzień tygodnie tygodni tygodniu monday tuesday
    wednesday thursday friday saturday sunday | 43200 month months monat monate monaten maand maanden
    mois mes meses mês mese mesi miesiąc miesiące miesięcy | 129600 quarter quarters quartal trimestre |
    518400 year years jahr jahre jahren jaar an ans année année año años ano anos anno anni rok lata
    spring summer autumn winter | 1 minute minutes minuten minuut minuto minutos minuti minut minuty
"""
_UNITS = {name: float(line.split()[0]) for line in _SPANS.split("|") for name in line.split()[1:]}
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))
_EVERY = re.compile(
    r"\b(?:every|each|alle|jede[rsnm]?|elke|iedere?|om de|tous les|toutes les|chaque|cada|a cada"
    r"|todos los|todas las|todos os|todas as|ogni|tutti i|tutte le|co|każd\w+)"
    r"(?: (?P<other>other|second|single|zweite[nr]?|andere|tweede|deux|dos|dois|due|dwa))?"
    r"(?: (?P<n>\d+)(?: ?(?:to|or|bis|tot|à|a|ou|o|do|-|\u2013) ?(?P<m>\d+))?)?"
    rf" (?P<unit>{_UNIT})\b"
)
_TIMES_A = re.compile(
    r"\b(?P<n>once|twice|\d+ (?:times|mal|keer|fois|veces|vezes|volte|razy)|einmal|zweimal|eenmaal"
    r"|une fois|una vez|uma vez|una volta|raz|eens)"
    r" (?:per |each |every |a |an |in the |pro |im |in der |am |par |al |a la |à la |por |ao |à "
    rf"|all['\u2019]|na |w |1 |de |om de ){{1,2}}(?P<unit>{_UNIT})\b"
)
_NAMED = re.compile(
    r"\b(?:(?P<h>hourly|stündlich)|(?P<d>daily|nightly|täglich|dagelijks|quotidien\w*|diari\w+"
    r"|giornalmente|codziennie)|(?P<f>fortnightly|biweekly|every fortnight)|(?P<w>weekly|wöchentlich"
    r"|wekelijks|hebdomadaire\w*|semanal\w*|settimanal\w+|co tydzień|on (?:mondays|tuesdays|wednesdays"
    r"|thursdays|fridays|saturdays|sundays))|(?P<m>monthly|monatlich|maandelijks|mensuel\w*|mensual\w*"
    r"|mensal\w*|mensil\w+|co miesiąc)|(?P<q>quarterly|vierteljährlich|trimestral\w*)"
    r"|(?P<s>half-yearly|biannually|semi-?annually|halbjährlich)"
    r"|(?P<y>yearly|annually|jährlich|jaarlijks|annuel\w*|anual\w*|annualmente|co roku))\b"
)
_SIZES = {"h": 60.0, "d": 1440.0, "f": 20160.0, "w": 10080.0, "m": 43200.0, "q": 129600.0,
          "s": 259200.0, "y": 518400.0}  # fmt: skip
_TWICE = {"twice": 2, "zweimal": 2}


def other_cases(a: str, b: str) -> bool:
    """Say whether two texts speak each of a season or part of the week that the other does not name."""
    mine, yours = set(_IN_CASE.findall(a.lower())), set(_IN_CASE.findall(b.lower()))
    return bool(mine) and bool(yours) and not mine & yours


def other_computers(question: str, a: str, b: str) -> bool:
    """Say whether two answers in normal form speak of other computers, for which it was not asked."""
    mine, yours = _COMPUTERS.search(a), _COMPUTERS.search(b)
    if not mine or not yours or _OF_COMPUTERS.search(question):
        return False
    return not {*_COMPUTER.findall(a)} & {*_COMPUTER.findall(b)}


def floors(text: str) -> frozenset[object]:
    """The floors that a text in normal form names."""
    found: set[object] = set()
    for match in _FLOOR.finditer(text):
        if match["ground"] or match["cellar"]:
            found.add("0" if match["ground"] else "-1")
            continue
        word = match["word"] or match["number"]
        digits = _DIGITS.match(word)
        number = digits[0] if digits else next((n for n, shape in _ORDINALS if shape.match(word)), "")
        if number or word in ("top", "upper"):
            found.add(number or word)
    return frozenset(found)


def addresses(text: str) -> frozenset[object]:
    """The e-mail addresses, hosts and pages of a text in normal form, without scheme and slash."""
    return frozenset(
        found.split("://")[-1].removeprefix("www.").rstrip("/.") for found in _ADDRESS.findall(text)
    )


def days_of_month(text: str) -> frozenset[object]:
    """The days of a month that a text in normal form names: the 25th, the last Friday."""
    found: set[object] = set()
    for match in _DAY_OF_MONTH.finditer(text):
        if match["number"] or match["later"]:
            found.add(int(match["number"] or 0) or _LATER_DAYS[match["later"]])
        elif match["which"] == "first" and not (match["sort"] or match["day"] in WEEK):
            found.add(1)
        elif match["which"]:
            found.add((match["which"], match["sort"], match["day"]))
        else:
            found.add((match["last"], match["weekday"]))
    return frozenset(found)


@lru_cache(maxsize=2048)
def intervals(text: str) -> tuple[tuple[float, float], ...]:
    """How often, in minutes from one time to the next, least and most, as a text in normal form says."""
    text = written_out(text.replace(" a single ", " one "))
    text = f"every {text[2:]}" if text.startswith("1 ") else text
    found: list[tuple[float, float]] = []
    for match in _EVERY.finditer(text):
        least = float(match["n"] or (2 if match["other"] not in (None, "single") else 1))
        size = _UNITS[match["unit"]]
        found.append((least * size, float(match["m"] or least) * size))
    for match in _TIMES_A.finditer(text):
        often = _TWICE.get(match["n"]) or int((_DIGITS.match(match["n"]) or ["1"])[0])
        size = _UNITS[match["unit"]] / max(1, often)
        found.append((size, size))
    for match in _NAMED.finditer(text):
        size = _SIZES[match.lastgroup or "d"]
        found.append((size, size))
    return tuple(found)


def apart(a: tuple[tuple[float, float], ...], b: tuple[tuple[float, float], ...]) -> bool:
    """Say whether no two of the spans of two texts, each of which has some, meet or nearly so."""
    return (
        bool(a)
        and bool(b)
        and not any(
            least <= 1.2 * most_other and least_other <= 1.2 * most
            for least, most in a
            for least_other, most_other in b
        )
    )
