"""The amounts of a text in a form that can be compared, however they are written.

Money, spans of time, times of day, dates, lengths, masses, volumes, data sizes, temperatures, shares
and plain numbers. What can be read in two ways (1.000, 5:00, 3/5/2026, ten pounds) is given both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from talkwright.data.similarity.figures import in_figures, without_ordinals
from talkwright.data.similarity.numerals import MARKS, TIME_UNITS, TIMES, written_out
from talkwright.data.similarity.similar import normal

# Each unit's dimension and its size in the first unit of the line.
_SIZES: dict[str, dict[str, float]] = {
    "time": TIME_UNITS,
    "length": {"m": 1, "metre": 1, "meter": 1, "mm": 0.001, "millimetre": 0.001, "millimeter": 0.001,
               "cm": 0.01, "centimetre": 0.01, "centimeter": 0.01, "km": 1000, "kilometre": 1000,
               "kilometer": 1000, "inch": 0.0254, "inche": 0.0254, "foot": 0.3048, "feet": 0.3048,
               "ft": 0.3048, "yard": 0.9144, "mile": 1609.344},
    "mass": {"kg": 1, "kilo": 1, "kilogram": 1, "kilogramme": 1, "g": 0.001, "gram": 0.001,
             "stone": 6.35, "gramme": 0.001, "mg": 1e-6, "milligram": 1e-6, "tonne": 1000, "lb": 0.4536,
             "pound": 0.4536, "ounce": 0.02835, "oz": 0.02835},
    "volume": {"l": 1, "litre": 1, "liter": 1, "ml": 0.001, "millilitre": 0.001, "milliliter": 0.001,
               "cl": 0.01, "centilitre": 0.01, "gallon": 3.785, "pint": 0.473,
               "cup": 0.24, "tablespoon": 0.015, "tbsp": 0.015, "teaspoon": 0.005, "tsp": 0.005},
    "speed": {"kmh": 1, "mph": 1.609},
    "data": {"b": 1e-6, "byte": 1e-6, "kb": 0.001, "kilobyte": 0.001, "kib": 0.001, "mb": 1,
             "megabyte": 1, "mib": 1, "gb": 1000, "gigabyte": 1000, "gib": 1000, "gig": 1000,
             "tb": 10**6, "terabyte": 10**6, "tib": 10**6},
    "share": {"%": 1, "percent": 1, "hundredth": 1},
    "dollar": {"$": 1, "dollar": 1, "usd": 1, "buck": 1, "cent": 0.01},
    "euro": {"€": 1, "euro": 1, "eur": 1, "cent": 0.01, "ct": 0.01},
    "sterling": {"£": 1, "pound": 1, "gbp": 1, "quid": 1, "pence": 0.01},
    "yen": {"¥": 1, "yen": 1, "jpy": 1},
    "rupee": {"₹": 1, "rupee": 1, "inr": 1},
    "zloty": {"zł": 1, "zloty": 1, "złotych": 1, "złote": 1, "pln": 1},
    "krona": {"kr": 1, "krona": 1, "kronor": 1, "sek": 1, "nok": 1, "dkk": 1},
    "franc": {"franken": 1, "franc": 1, "chf": 1},
    "real": {"reai": 1, "brl": 1},
}  # fmt: skip
_MONEY = frozenset("dollar euro sterling yen rupee zloty krona franc real".split())  # noqa: SIM905 - reads best as one
# How far two amounts in different units may lie apart and still be one rounded: a GB is 1000 or 1024 MB,
# a month four weeks or thirty days.
_ROUNDED = {
    "time": 0.075,
    "data": 0.05,
    "mass": 0.05,
    "length": 0.05,
    "volume": 0.05,
    "share": 0.015,
    "speed": 0.05,
}
_UNITS: dict[str, list[tuple[str, float]]] = {}
for _dimension, _line in _SIZES.items():
    for _name, _size in _line.items():
        _UNITS.setdefault(_name, []).append((_dimension, _size))
MONTHS = "january february march april may june july august september october november december".split()  # noqa: SIM905
WEEK = "monday tuesday wednesday thursday friday saturday sunday".split()  # noqa: SIM905
_MONTH = "|".join(f"{name}|{name[:3]}" for name in MONTHS) + "|sept"
_DAY = r"(?P<{}>[0-3]?\d)(?:st|nd|rd|th)?"
_YEAR = r"(?:,? (?P<{}>[12]\d{{3}})\b)?"
_NUMBER = r"\d+(?:[.,]\d+)*"
# Days of what an amount is paid or used up in: "10 a month", "120 per year", "5 € im Monat".
_DAYS = {"day": 1.0, "tag": 1.0, "jour": 1.0, "week": 7.0, "woche": 7.0, "semaine": 7.0, "semana": 7.0,
         "month": 30.4375, "monat": 30.4375, "mois": 30.4375, "mes": 30.4375, "mese": 30.4375,
         "quarter": 91.3125, "quartal": 91.3125, "year": 365.25, "annum": 365.25, "jahr": 365.25,
         "an": 365.25, "año": 365.25, "anno": 365.25, "daily": 1.0, "weekly": 7.0, "monthly": 30.4375,
         "quarterly": 91.3125, "yearly": 365.25, "annually": 365.25}  # fmt: skip
_PERIOD = (
    r"(?P<per{n}> ?(?:(?:/|(?:per|1|each|every|an?|pro|im|am|par|al|por|ogni|je) )"
    r"(?:day|week|month|quarter|year|annum|tag|woche|monat|quartal|jahr|jour|semaine|mois|an|semana|mes"
    r"|año|mese|anno)|daily|weekly|monthly|quarterly|yearly|annually)\b)?"
)
_AMOUNT = re.compile(
    rf"\b{_DAY.format('d1')}\.? (?:of )?(?P<m1>{_MONTH})\b\.?{_YEAR.format('y1')}"
    rf"|\b(?P<m2>{_MONTH})\.? (?:the )?{_DAY.format('d2')}\b(?![.,:]\d|%| ?(?:am|pm)\b)"
    rf"{_YEAR.format('y2')}"
    r"|\b(?P<y3>[12]\d{3})-(?P<m3>[01]\d)-(?P<d3>[0-3]\d)\b"
    r"|\b(?P<d4>[0-3]?\d)[./](?P<m4>[0-3]?\d)[./](?P<y4>[12]\d{3})\b"
    r"|\bhalf past (?P<half>1?\d)\b(?: ?(?P<halfday>[ap])\.?m\b\.?)?"
    r"|\b(?P<hour>[0-2]?\d)(?:[:.](?P<minute>[0-5]\d))? ?(?:(?P<day>[ap])(?:m\b|\.m\b\.?)|o'clock|uhr\b)"
    r"|\b(?P<hour2>[0-2]?\d):(?P<minute2>[0-5]\d)\b(?!:)"
    r"|\b(?P<named>noon|midday|midnight)\b"
    rf"|(?P<sign>[$€£¥₹]) ?(?P<n1>{_NUMBER})(?P<k>k\b|mn?\b)?{_PERIOD.format(n=1)}"
    rf"|(?<![\w.,:/-])(?P<n0>{_NUMBER})(?= ?(?:-|\u2013|to|or|and) ?"
    rf"{_NUMBER}[ -]?(?P<working0>(?:business|working|work) )?(?P<u0>[^\W\d_]+|[%€$£]|°[cf]?))"
    rf"|(?P<n2>{_NUMBER})[ -]?(?P<working>(?:business|working|work) )?"
    r"(?P<unit>[%€$£¥₹]|° ?[cf]?\b|degrees? (?:celsius|fahrenheit|c|f)\b|per ?cent\b|[^\W\d_]+)?"
    rf"{_PERIOD.format(n=2)}"
)
_DATED = re.compile(
    r"\b(?:in|since|from|until|till|by|of|around|circa|year|seit|im jahr|en|desde|depuis) \Z"
)
_FREE = re.compile(
    r"\bfree of charge\b|\bfor free\b|\b(?:no|without) (?:extra |additional |late "
    r"|entry )?(?:cost|charge|fee|toll)s?\b"
    r"|\bcosts? nothing\b|\b(?:kosten(?:los|frei)\w*|gebührenfrei\w*|umsonst|gratuite?s?|gratis"
    r"|gratuit[oa]s?|grátis|bezpłatn\w+|darmow\w+|za darmo|complimentary|on the house)\b"
    r"|\b(?:is|are|it's) (?:completely |always |entirely |totally )?free\b(?! (?:of|from|to)\b)"
    r"|\b(?:ist|sind) frei\b|\b(?:entrée|entrada|accès|acceso) (?:est )?libre\b"
    r"|\b(?:don't|do not|doesn't|needn't|nobody|no one) pays?\b|\bpays? nothing\b"
    r"|\bzahlen (?:\w+ )?(?:keine?\w*|nichts)\b|\bne paie\w* (?:pas|rien)\b|\bno pagan?\b"
    r"|\bnon paga(?:no)?\b|\bnão pagam?\b|\bnie płac\w+|\bbetalen niets\b"
)
_HOUR = "one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905
_PAST = re.compile(
    rf"\b(?P<to>(?:a )?quarter|20|25) (?:minutes )?to (?P<before>{'|'.join(_HOUR)}|1?\d)\b(?! ?%"
    rf"|[.,:]\d)"
    r"(?! (?:minutes?|hours?|days?|weeks?|months?|years?|people|percent|per|euros?|dollars?|cm"
    r"|kg|km|m)\b)"
    rf"|\b(?P<past>(?:a )?quarter|5|10|20|25) (?:minutes )?past (?P<after>{'|'.join(_HOUR)}|1?\d)\b"
)
# One of these is in whatever the pattern finds; looking for them is fast.
_OF_FREE = (
    "free", "cost", "charg", "fee", "toll", "kosten", "gebühr", "umsonst", "grat", "grát", "bezpł",
    "darm", "compl", "house", "frei", "libre", "pay", "zahlen", "paie", "paga", "płac", "betalen",
)  # fmt: skip
_HALVES = frozenset(
    """
    half halbe halber halbes halben halbem demi demie media medio mezzo mezza meia meio pół anderthalb
    eineinhalb anderhalf anderhalve półtora półtorej mezz
    """.split()  # noqa: SIM905
)
_AT = frozenset(
    """
    à vers jusqu dès às à das las alle dalle um om o ore godz godzinie halb half mezzogiorno midi
    mediodía meio południe
    """.split()  # noqa: SIM905
)
# Times of day in other languages: "à 18 heures", "um acht", "alle 9", "a las seis de la tarde".
_AT_OCLOCK = re.compile(
    r"\b(?:à|vers|jusqu'à|dès) (?P<fr>\d{1,2}) ?h(?:eures?)?\b(?: ?(?P<frm>[0-5]\d))?"
    r"|\b(?:às?|das|até às) (?P<pt>\d{1,2}) ?h(?:oras?)?\b(?: ?(?P<ptm>[0-5]\d))?"
    r"|\b(?P<es>a las|alle|dalle|um|om|o godz\w*\.?|ore|alle ore) (?P<bare>\d{1,2})\b(?![:.,]?\d)"
    r"(?! ?(?:%|€|euro|[ap]\.?m|minut|stund|tag|jahr|prozent))(?: uhr| uur| horas?)?"
    r"(?P<late> (?:de|da) (?:la )?(?:tarde|noche|noite)| (?:di|della) sera| abends| 's avonds"
    r"| wieczorem)?"
    r"|(?:\b(?:um|om) hal[bf] (?P<athalf>1?\d)\b|\bhal[bf] (?P<halved>1?\d)\b(?! (?:an|a|of|the)\b)"
    r"(?= ?(?:uhr|uur|[.,;!]|\Z)))"
    r"|\b(?P<noon>mezzogiorno|midi|mediodía|meio-dia|południe)"
    r"(?P<half> (?:e mezza|et demie?|y media|e meia))?\b"
)
_AND_CENTS = re.compile(
    r"(?<![\d.,])(\d+) (euros?|dollars?|pounds?) ([1-9]\d)\b(?![.,:]?\d| ?(?:%|euro|dollar|pound|percent"
    r"|minute|hour|day|week|month|year|people|k?g\b|k?m\b|ml\b))"
)
_DIGIT = re.compile(r"\d")
_IN_GROUPS = re.compile(r"(?<![\w.,])(\d{1,3})((?: \d{3})+)(?![\w.,]\d|\w)")
_PHONE = re.compile(
    r"\(\d{3}\) ?\d{3}-\d{4}\b|\b\d{3}-\d{3}-\d{4}\b|(?<![\d.,])0\d{2,4}[ /-]\d{3,}(?:[ -]\d{2,})*\b"
    r"|\+\d{1,3}[ -]\d[\d -]{6,}\d\b"
)
_LIST_NUMBER = re.compile(r"^[^\S\n]*\d{1,2}[.)]\s", re.MULTILINE)
_WORKING_WEEK = 7 / 5
_YEARS = (1000, 2200)  # numbers that may be years
_THOUSANDS = {"k": 1000, "m": 10**6, "mn": 10**6}
_OVEN = 30  # degrees from which "C" is no grade
_DAYTIME = re.compile(r"\b(1?\d) in the (morning|afternoon|evening)\b")
_WHOLE = re.compile(r"\b(?:a|one) (?:full|whole|entire|calendar) (?=minute|hour|day|week|month|year)")
_DAY_BEFORE = re.compile(r"\b(?:the|a) day (?=before|prior|in advance)")
_NEXT_DAY = re.compile(r"\b(?:the )?next ((?:business|working) )day\b")
_HALF = re.compile(
    r"\bhalf an? (?=minute|hour|day|week|month|year|kilo|metre|meter|mile|litre|liter|dozen|percent|cup"
    r"|pint|pound|inch|million|billion|teaspoon|tablespoon|tonne|gallon)"
    r"|\b(?:ein(?:e[mnrs]?)? halbe[nmrs]?|een half|(?:une )?demie?|(?:una )?media|medio|mezz[ao]|meia"
    r"|meio|pół)[ '\u2019-](?=stunde|jahr|monat|tag|uur|jaar|dag|heure|an|journée|hora|año|ora|anno|dia"
    r"|ano|godzin|roku|dnia)"
)
_AND_A_HALF = re.compile(
    r"\b(\d+) (heures?|horas?|or[ae]|jours?|ans?|años?|anos?|ann[io]|mes[ie]s?|mois|d[ií]as?)"
    r" (?:et demie?|y medi[oa]|e mezz[oa]|e mei[oa])\b"
)
_ONE_AND_HALF = re.compile(r"\b(?:anderthalb|eineinhalb|anderhal[fv]e?|półtora|półtorej)\b")
_PARTS = ("half", "third", "quarter", "fifth", "tenth")
_AND_HALF = re.compile(r"\b(\d+|one) and a (half|quarter)\b")
_UNIT_AND_HALF = re.compile(r"\b(\d+) (\w+) and a half\b")
_OF_AN_HOUR = re.compile(
    r"\b(?:a |(\d) |(?:1|one) )?quarters? (?:of (?:an?|1) |an |1 )"
    r"(hour|year|cup|litre|liter|mile|pint|kilo|teaspoon|metre|meter|million)\b"
)
_HALF_OF = re.compile(r"\bhalf (?=of\b|the (?:price|cost|fee|fare|rent|amount|total|sum|value)\b)")
_OF_ALL = re.compile(r"\b(\d|a|one) (third|quarter|fifth|tenth)(?:(s)\b|\b(?= (?:of|is|are)\b))")
_SHARES = {"third": 100 / 3, "quarter": 25.0, "fifth": 20.0, "tenth": 10.0}
_RATE = re.compile(r"(?<!\d)(\d+) times (?:per|each|every|1) (hour|day|week|month|year)\b")


@dataclass(frozen=True, slots=True)
class Amount:
    """One amount: what it may mean as (dimension, value), and the number and unit as written.

    A time is in minutes, a time of day in minutes after midnight, a date month * 100 + day; `days` is
    the period of a rate, 0 for none.
    """

    readings: tuple[tuple[str, float], ...]
    written: float
    unit: str
    year: int = 0
    days: float = 0


def amounts(text: str) -> tuple[tuple[Amount, ...], str]:
    """The amounts of a text without its list numbers, and its normal form with a 0 for each."""
    plain = normal(_LIST_NUMBER.sub("", text).replace("\u2019", "'").replace("*", ""))
    plain = _NEXT_DAY.sub(r"1 \1day", _DAY_BEFORE.sub("1 day ", _WHOLE.sub("1 ", plain)))
    plain = without_ordinals(plain)
    said = frozenset(plain.translate(MARKS).split())
    if not _HALVES.isdisjoint(said):
        plain = _ONE_AND_HALF.sub("1.5", _HALF.sub("0.5 ", plain))
    plain = written_out(plain, said)
    if not _HALVES.isdisjoint(said):
        plain = _AND_A_HALF.sub(r"\1.5 \2", plain)
    if "euro" in plain or "dollar" in plain or "pound" in plain:
        plain = _AND_CENTS.sub(r"\1.\3 \2", plain)
    if " past " in plain or " to " in plain:
        plain = _PAST.sub(_in_words, plain)
    if not _AT.isdisjoint(said):
        plain = _AT_OCLOCK.sub(_oclock, plain)
    if any(part in plain for part in _PARTS):
        plain = _in_parts(plain)
    counted = _DIGIT.search(plain) is not None or any(part in plain for part in "½¼¾")
    if counted:
        plain = in_figures(_IN_GROUPS.sub(_without_spaces, plain))
    if " in the " in plain:
        plain = _DAYTIME.sub(lambda m: f"{m[1]} {'am' if m[2] == 'morning' else 'pm'}", plain)
    if " times " in plain:
        plain = _RATE.sub(_as_span, plain)
    found = [
        Amount((("phone", float(re.sub(r"\D", "", number))),), float(re.sub(r"\D", "", number)), "phone")
        for number in (_PHONE.findall(plain) if counted and ("-" in plain or " 0" in plain) else ())
    ]
    if found:
        plain = _PHONE.sub(" # ", plain)

    def placed(match: re.Match[str]) -> str:
        amount = _read(match)
        found.append(amount)
        month = next((v for d, v in amount.readings if d == "date"), 0) // 100
        if month and len(amount.readings) == 1:
            return f"{MONTHS[int(month) - 1]} 0 "
        keeps = match["unit"] if amount.unit == "" and match["unit"] not in (None, "k") else ""
        return f" 0 {keeps}{match['per1'] or match['per2'] or ''}"

    rest = _AMOUNT.sub(placed, plain) if counted or "noon" in plain or "mid" in plain else plain
    if any(part in plain for part in _OF_FREE) and _FREE.search(plain):
        found.append(Amount(tuple((money, 0.0) for money in sorted(_MONEY)), 0.0, "free"))
    return tuple(found), " ".join(rest.split())


def _in_words(found: re.Match[str]) -> str:
    """Twenty to ten is 9:40; where both were digits it may be a range, "20 to 25 of them"."""
    minutes, hour = found["to"] or found["past"], found["before"] or found["after"]
    late = 15 if "quarter" in minutes else int(minutes)
    at = _HOUR.index(hour) + 1 if hour in _HOUR else int(hour)
    if not 1 <= at <= 12 or (found["to"] and minutes in ("20", "25") and at > 12):
        return found[0]
    return f"{at}:{late:02d}" if found["past"] else f"{(at - 2) % 12 + 1}:{60 - late}"


def _oclock(found: re.Match[str]) -> str:
    if found["noon"]:
        return " 12:30" if found["half"] else " 12:00"
    if half := found["athalf"] or found["halved"]:
        return f" {(int(half) - 2) % 12 + 1}:30"
    if found["bare"]:
        late = 12 if found["late"] and int(found["bare"]) < 12 else 0
        return f" {int(found['bare']) + late}:00"
    hour, minute = found["fr"] or found["pt"], found["frm"] or found["ptm"]
    return f" {hour}:{minute or '00'}"


def amounts_conflict(a: Sequence[Amount], b: Sequence[Amount]) -> bool:
    """Say whether each text has an amount that the other has not, and the two are of one sort."""
    mine = [x for x in a if not any(_equal(x, y) for y in b)]
    yours = [y for y in b if not any(_equal(x, y) for x in a)]
    return any(_comparable(x, y) for x in mine for y in yours)


def amounts_meet(a: Sequence[Amount], b: Sequence[Amount]) -> bool:
    """Say whether two texts have an amount in common."""
    return any(_equal(x, y) for x in a for y in b)


def _equal(x: Amount, y: Amount) -> bool:
    if "dated" in (x.unit, y.unit) and x.year + y.year:
        return bool({x.written, y.written} & {x.year, y.year})
    if x.unit == "" or y.unit == "":
        bare, other = (x, y) if x.unit == "" else (y, x)
        values = {value for _, value in bare.readings}
        known = {other.written, *(v for _, v in other.readings)} if other.unit == "" else {other.written}
        if other.unit == "clock":  # "from 9 to 13", "until 1 p.m."
            known |= {value / 60 for _, value in other.readings}
        return bool(values & known) or (other.year in values and other.year > 0)
    if x.days and y.days and x.days != y.days:
        mine, yours = dict(x.readings), dict(y.readings)
        return any(
            abs(mine[name] / x.days - yours[name] / y.days) <= _RATED * mine[name] / x.days
            for name in mine.keys() & yours.keys()
        )
    for dimension, value in x.readings:
        for same, other_value in y.readings:
            if dimension == same and _close(value, other_value, dimension, x.unit == y.unit):
                return not (x.year and y.year and x.year != y.year)
    return False


_RATED = 0.02  # by how much what is paid in a year may differ from twelve times what is paid in a month


def _close(a: float, b: float, dimension: str, same_unit: bool) -> bool:
    if dimension == "heat":
        return abs(a - b) <= (0.01 if same_unit else max(1.5, 0.025 * max(a, b)))
    allowed = 1e-6 if same_unit else _ROUNDED.get(dimension, 1e-6)
    return abs(a - b) <= allowed * max(abs(a), abs(b))


def _comparable(x: Amount, y: Amount) -> bool:
    """Say whether two unequal amounts may answer one question; a sum in other money may be exchanged."""
    if "phone" in (x.unit, y.unit):
        return x.unit == y.unit
    if "dated" in (x.unit, y.unit) and x.year + y.year:
        return True
    if {x.unit, y.unit} == {"", "dated"}:
        return all(_YEARS[0] <= amount.written < _YEARS[1] for amount in (x, y))
    if x.unit == "" or y.unit == "":
        return True
    mine, yours = ({dimension for dimension, _ in amount.readings} for amount in (x, y))
    if mine & yours:
        return True
    if mine & _MONEY and yours & _MONEY:
        return x.written == y.written or not 0.6 < x.written / max(y.written, 1e-9) < 1.7
    return False


def _read(match: re.Match[str]) -> Amount:
    part = match.groupdict()
    for n in "1234":
        if part[f"m{n}"]:
            return _date(part[f"d{n}"], part[f"m{n}"], part[f"y{n}"])
    if part["named"]:
        return _clock(
            0 if part["named"] == "midnight" else 12, 0, "p" if part["named"] != "midnight" else "24"
        )
    if part["half"]:
        return _clock(int(part["half"]), 30, part["halfday"] or "")
    hour = part["hour"] or part["hour2"]
    if hour:
        padded = "24" if hour[0] == "0" else ""
        return _clock(int(hour), int(part["minute"] or part["minute2"] or 0), part["day"] or padded)
    if part["n1"]:
        values = [v * _THOUSANDS.get(part["k"], 1) for v in _values(part["n1"])]
        return _rated(_measured(values, part["sign"], False), part["per1"])
    if part["n0"]:
        return _measured(_values(part["n0"]), part["u0"], bool(part["working0"]))
    dated = part["n2"].isdecimal() and _YEARS[0] <= int(part["n2"]) < _YEARS[1]
    if dated and _DATED.search(match.string, max(0, match.start() - 9), match.start()):
        return Amount((("year", float(part["n2"])),), float(part["n2"]), "dated")
    measured = _measured(_values(part["n2"]), part["unit"] or "", bool(part["working"]))
    return _rated(measured, part["per2"])


def _rated(amount: Amount, period: str | None) -> Amount:
    """An amount of each day, month or year."""
    if not period or not amount.unit:
        return amount
    return replace(amount, days=_DAYS[period.split("/")[-1].split()[-1]])


def _measured(values: list[float], unit: str, working: bool) -> Amount:
    unit = re.sub(r"^per ?cent", "percent", unit)
    if unit.startswith(("°", "degree")):
        last = unit.replace("fahrenheit", "f").replace("celsius", "c")[-1]
        heats = [v if last == "c" else (v - 32) / 1.8 for v in values if last in "cf"] or [
            w for v in values for w in (v, (v - 32) / 1.8)
        ]
        return Amount(tuple(("heat", v) for v in heats), values[0], "°" + last)
    if unit in ("c", "f") and values[0] >= _OVEN:
        heat = values[0] if unit == "c" else (values[0] - 32) / 1.8
        return Amount((("heat", heat),), values[0], "°" + unit)
    if unit == "k":
        return Amount((*(("", v * 1000) for v in values), *(("", v) for v in values)), values[0], "")
    name = unit if unit in _UNITS else unit.removesuffix("s")
    sizes = _UNITS.get(name)
    if not sizes:
        return Amount(tuple(("", v) for v in values), values[0], "")
    readings = [(dimension, v * size) for dimension, size in sizes for v in values]
    if working and name == "day":
        readings += [("time", value * _WORKING_WEEK) for _, value in readings]
    return Amount(tuple(readings), values[0], name)


def _clock(hour: int, minute: int, half: str) -> Amount:
    """A time of day; `half` is a or p, 24 where it is sure to count to 24, else empty."""
    hours = [hour]
    if half == "p" and hour < 12:
        hours = [hour + 12]
    elif half == "a" and hour == 12:
        hours = [0]
    elif half == "" and 0 < hour < 12:
        hours = [hour, hour + 12]
    return Amount(tuple(("clock", h * 60.0 + minute) for h in hours), hour + minute / 100, "clock")


def _date(day: str, month: str, year: str | None) -> Amount:
    if month.isdigit():
        pairs = {(int(month), int(day))} if year and len(month) == 2 == len(day) and int(day) > 12 else {
            (int(month), int(day)), (int(day), int(month))}  # fmt: skip
    else:
        pairs = {(next(n for n, name in enumerate(MONTHS, 1) if name[:3] == month[:3]), int(day))}
    pairs = {pair for pair in pairs if 1 <= pair[0] <= 12} or {(0, int(day))}
    readings = tuple(("date", m * 100.0 + d) for m, d in sorted(pairs))
    return Amount(readings, float(day), "date", int(year or 0))


def _values(number: str) -> list[float]:
    """What a number may mean: 1,000 is a thousand, 1.000 may be one too, and 1,5 is 1.5."""
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", number):
        return [float(number.replace(",", ""))]
    if re.fullmatch(r"\d{1,3}(?:\.\d{3}){2,}(?:,\d+)?|\d{1,3}\.\d{3},\d+", number):
        return [float(number.replace(".", "").replace(",", "."))]
    if re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", number):
        return [float(number), float(number.replace(".", ""))]
    try:
        return [float(number.replace(",", "."))]
    except ValueError:  # a version, as 1.2.3
        return [float(int(re.sub(r"\D", "0", number)))]


def _in_parts(text: str) -> str:
    """Three and a half years are 3.5 years, three quarters of an hour 0.75, two fifths of all 40 %."""
    text = _AND_HALF.sub(lambda m: f"{1 if m[1] == 'one' else m[1]}.{5 if m[2] == 'half' else 25}", text)
    text = _UNIT_AND_HALF.sub(r"\1.5 \2", text)
    text = _HALF_OF.sub("50 hundredths ", text)
    text = _OF_AN_HOUR.sub(lambda m: f"{0.25 * int(m[1] or 1):g} {m[2]}", text)
    return _OF_ALL.sub(
        lambda m: f"{_SHARES[m[2]] * (int(m[1]) if m[1].isdecimal() else 1):g} hundredths", text
    )


def _without_spaces(match: re.Match[str]) -> str:
    return match[1] + match[2].replace(" ", "")


def _as_span(match: re.Match[str]) -> str:
    """Three times an hour is every 20 minutes."""
    return f"{TIMES[match[2]] / max(1, int(match[1])):g} minutes"
