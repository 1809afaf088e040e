"""Number words as digits: "two weeks", "a hundred and twenty", "vierzehn Tage"."""

from __future__ import annotations

import re

_SMALL = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen
"""
_ONES = {name: value for value, name in enumerate(_SMALL.split())}
_TENS = {
    name: 10 * value
    for value, name in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)  # noqa: SIM905
}
# The same in other languages, but for what is a word of another sense in one of them ("once", "neuf",
# "sept", "elf", "cent"): those of _LOOSE count before a unit of time only.
_FOREIGN = """
    2 twee dois duas dwa dwie dwóch dwoje | 3 drie três trzy trzech | 4 quattro cztery czterech |
    5 vijf cinque pięć pięciu | 6 zes seis sześć sześciu | 7 zeven sete siedem siedmiu | 8 oito osiem |
    9 negen nove dziewięć | 10 tien dez dieci dziesięć dziesięciu | 12 twaalf doze dodici dwanaście |
    14 veertien catorze quattordici czternaście czternastu | 15 vijftien quindici piętnaście |
    20 twintig vinte venti dwadzieścia | 24 vierentwintig ventiquattro | 30 dertig trinta trenta
    trzydzieści trzydziestu | 60 zestig sessenta sessanta sześćdziesiąt |
    2 zwei deux dos | 3 drei trois tres | 4 vier quatre cuatro | 5 fünf cinq cinco | 6 sechs seis | 7
    sieben
    siete | 8 acht huit ocho | 9 neun nueve | 10 zehn dix diez | 11 onze | 12 zwölf douze doce | 13
    dreizehn
    treize trece | 14 vierzehn quatorze catorce | 15 fünfzehn quinze quince | 16 sechzehn seize
    dieciséis |
    17 siebzehn diecisiete | 18 achtzehn dieciocho | 19 neunzehn diecinueve | 20 zwanzig vingt veinte |
    24 vierundzwanzig | 25 fünfundzwanzig veinticinco | 30 dreißig dreissig trente treinta | 40 vierzig
    quarante
    cuarenta | 50 fünfzig cinquante cincuenta | 60 sechzig soixante sesenta | 100 hundert cien
"""
_ONES |= {word: int(line.split()[0]) for line in _FOREIGN.split("|") for word in line.split()[1:]}
_LOOSE = dict.fromkeys(
    "one a an ein eine einen einem einer eines un une una uno um uma een één jeden jedną".split(),  # noqa: SIM905
    1,
) | {"due": 2, "tre": 3, "sei": 6, "sept": 7, "sette": 7, "otto": 8, "neuf": 9, "elf": 11, "once": 11,
     "acht": 8}  # fmt: skip
_MULTIPLES = {"dozen": 12, "hundred": 100, "thousand": 1000, "million": 10**6}
TIMES = {"minute": 1, "min": 1, "hour": 60, "hr": 60, "h": 60, "day": 1440, "night": 1440,
         "week": 10080, "fortnight": 20160, "month": 43200, "year": 518400}  # fmt: skip

_SPANS = """
    1 minuten minuto minuti minuut minuty | 60 stunde stunden heure hora ora ore uur uren godzina godziny
    godzin godzinę | 1440 tag tage tagen jour dia día giorno giorni dag dagen dzień dni | 10080 woche
    wochen semaine semana settimana settimane week weken tydzień tygodnie tygodni tygodnia | 43200 monat
    monate monaten moi mois mese mesi mes meses mês maand maanden miesiąc miesiące miesięcy | 518400
    jahr jahre jahren jahres an ans année année año ano anno anni jaar jaren rok lata lat roku
"""

# A span of time's size in minutes, by the name of its unit without the plural's end in English.
TIME_UNITS: dict[str, float] = {
    **TIMES,
    **{name: size for line in _SPANS.split("|") for size in [float(line.split()[0])]
       for name in line.split()[1:]},
    "second": 1 / 60, "sec": 1 / 60, "yr": 518400,
}  # fmt: skip
_COUNTING = (_ONES.keys() | _TENS.keys()) - {"zero", "one"}
_OF_TIME = {*TIME_UNITS, *_MULTIPLES} | {f"{name}s" for name in TIME_UNITS}
_SORTS_OF_DAY = frozenset("working business work school calendar banking bank".split())  # noqa: SIM905
_HYPHEN = re.compile(r"[a-z]-[a-z]")
MARKS = str.maketrans(dict.fromkeys(".,;:!?()\"'\u2019-", " "))


def number_word(word: str) -> int | None:
    """What a word of a question counts, None for no number; "one" mostly is a pronoun, so it is none."""
    return _TENS.get(word) or (_ONES.get(word) if word not in ("zero", "one") else None)


def written_out(text: str, said: frozenset[str] = frozenset()) -> str:
    """Replace number words by digits; "one" only before a unit of time, for it mostly is a pronoun.

    `said` are the words of the text, where they are known.
    """
    found = text.replace("-", " ").split() if "-" in text and _HYPHEN.search(text) else text.split()
    said = said or frozenset(text.translate(MARKS).split())
    if _COUNTING.isdisjoint(said) and (_LOOSE.keys().isdisjoint(said) or _OF_TIME.isdisjoint(said)):
        return " ".join(found)
    result: list[str] = []
    at = 0
    while at < len(found):
        word = found[at].strip(".,;:!?()\"'")
        after = found[at + 1].strip(".,;:!?()\"'") if at + 1 < len(found) else ""
        value = _TENS.get(word, _ONES.get(word, 0))
        if not value or word == "one":
            unit = after.removesuffix("'s")
            if unit in _SORTS_OF_DAY and at + 2 < len(found):
                unit = found[at + 2].strip(".,;:!?()\"'")
            timed = unit in TIME_UNITS or unit.rstrip("s") in TIME_UNITS or unit in _MULTIPLES
            value = _LOOSE.get(word, 0) if timed else 0
            if not value:
                result.append(found[at])
                at += 1
                continue
        at += 1
        if word in _TENS and 0 < _ONES.get(after, 0) < 10:
            value, at = value + _ONES[after], at + 1
            after = found[at].strip(".,;:!?()\"'") if at < len(found) else ""
        if after in _MULTIPLES:
            value, at = value * _MULTIPLES[after], at + 1
            further = [word.strip(".,;:!?()\"'") for word in found[at : at + 3]]
            joined = further[:1] == ["and"] and value >= 100
            tens, ones = (*further[joined:], "", "")[:2]
            if value >= 100 and (tens in _TENS or (joined and 0 < _ONES.get(tens, 0) < 100)):
                both = tens in _TENS and 0 < _ONES.get(ones, 0) < 10
                value += _TENS.get(tens, _ONES.get(tens, 0)) + (_ONES[ones] if both else 0)
                at += joined + 1 + both
        result.append(str(value))
    return " ".join(result)
