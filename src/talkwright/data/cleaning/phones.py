"""Telephone numbers: by their shape, and by the nearest words that say what kind of number this is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from talkwright.data.cleaning.looks import WINDOW, Span

_LEAST = 8  # digits
_JOINS = r"\u00b7\u2010-\u2013"  # middle dot, and the dashes that word processors make of "-"

_RUN = re.compile(
    r"(?<![0-9A-Za-z_@#$€£¥&+])(?<![0-9A-Za-z][-./,])(?<![0-9][:=*])(?:\+ ?)?\(?\d"
    rf"(?:(?:[ \u00a0./()\-{_JOINS}]| ?[-/\u2013] |\) ?| \(|\)[-.])?\d){{7,24}}"
)
_AFTER = re.compile(
    r"(?!(?:x|ext\.?) ?\d{1,6}\b)"  # an extension
    r"(?:[0-9A-Za-z_@%°€$£]|[.,:]\d|-\w| ?(?:€|EUR|USD|\$|£|%|km|kg|ms|bytes)\b)"
)
DATE = re.compile(r"(?:19|20)\d\d[-./](?:0?[1-9]|1[0-2])[-./]\d|\b\d\d?[-./]\d\d?[-./](?:19|20)\d\d\b")
_COMPACT_DATE = re.compile(
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[0-2]\d[0-5]\d(?:[0-5]\d)?)?\Z"
)
# ITU-T E.164 country codes by their first digits.
_COUNTRY = re.compile(
    r"(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
    r"|2[1-689]\d|3[578]\d|42[0-3]|5[09]\d|6[7-9]\d|8[058]\d|9[679]\d)"
)
_JOIN = rf"(?: ?[-./{_JOINS}] ?|[ \u00a0])"
_IN_BRACKETS = re.compile(  # (555) 234-5678
    rf"(?:1{_JOIN}?)?\([2-9]\d\d\)[-. \u00a0]?[2-9]\d\d{_JOIN}?\d{{4}}"
)
_NATIONAL = (
    _IN_BRACKETS,
    re.compile(rf"(?:1{_JOIN})?[2-9]\d\d{_JOIN}[2-9]\d\d{_JOIN}\d{{4}}"),  # 555-234-5678
    re.compile(r"[2-9]\d\d([-. ])\d{3}\1\d{4}"),  # 347 123 4567
    re.compile(r"1[3-9]\d([- ])\d{4}\1\d{4}"),  # 138 1234 5678
    re.compile(r"\([1-9]\d\) ?\d{4,5}[- ]?\d{4}"),  # (11) 91234-5678
    # 8 (916) 123-45-67
    re.compile(r"8[- ]?(?:\([3-9]\d\d\)[- ]?|9\d\d[- ])\d{3}-\d\d-\d\d"),
)
_TRUNK = re.compile(r"\(?0[1-9]\d{0,4}\)?(?: ?[-/.\u2010-\u2013 ] ?|(?<=\)))?\d[\d ./\u2010-\u2013-]*")
_ZIP = re.compile(r"0\d{4}-0\d{3}")  # US ZIP+4; no number of a subscriber begins with 0
# "Call the function", "call foo(": nobody is called there.
_NO_CODE = (
    r"(?! (?:\w+ ){0,2}(?:function|method|api|endpoint|routine|procedure|macro|constructor)s?\b)"
    r"(?!\s+`?[\w.]+\()"
)
_PHONE_WORD = (
    r"t[ée]l[ée]?(?:ph|f)\w*|t[ée]l\b|tlf|phone\w*|mobile?\b|mobil\w*|m[óo]vil|cell(?:ulare|ular|phone)?\b|"
    rf"celular|call\w*{_NO_CODE}|dial\w*|fax\w*|whats ?app|ring\b|text (?:me|us|him|her|them)|"
    r"(?:can|please|just) text|hit (?:me|us) up|mob\b|ph\b|gsm\b|"
    r"sms|hotline|reach (?:me|us|him|her)|landline|voice ?mail|"
    r"contact|handy\w*|fon\b|rufnummer|anruf\w*|rufen|erreichbar|appel\w*|portable\b|joignable|"
    r"ll[aá]m\w*|lig\w+ para|chiam\w+|06[- ]?nummer|"
    r"zadzwo\w*|puhelin\w*|τηλ\w*|κινητ\w*|телефон|тел\b|мобильн\w*|(?:по)?звон\w*|"
    r"nomor (?:hp|wa)|hubungi|(?:số )?điện thoại|sđt|gọi"
)
# Written without spaces around them, or with what belongs to the word before.
_PHONE_PART = (
    r"电话|手机|電話|携帯|拨打|联系方式|전화|휴대폰|핸드폰|연락처|هاتف|جوال|موبايل|اتصل|تلفن"
    r"|טלפון|נייד|फ़ोन|फोन|मोबाइल|कॉल|โทร|เบอร์"
)
_OWN_WORD = (
    r"(?:(?:my|our|his|her|their|mom's|dad's) "
    r"(?:(?:new|old|work|home|direct|personal|office|private|current) )?(?:number|no\.|digits)"
    r"|(?:meine|unsere) (?:neue )?nummer|(?:mon|notre) num[ée]ro|(?:mi|nuestro) n[úu]mero|meu n[úu]mero"
    r"|mio numero|mijn nummer|m[óo]j numer|мо[йего]{1,3} номер\w*|nomor saya|benim numaram|numaram)"
)
_OWN_PART = r"我的号码|私の番号|내 번호|제 번호|मेरा (?:नंबर|नम्बर)|رقمي"
_ID_WORD = (
    r"order\w*|invoice\w*|ticket\w*|tracking|refer?ence|ref\b|(?<!in )case\b|sku|part\b|serial|"
    r"isbn|ean|upc|model|version|customer (?:id|no|number)|account|article|item|batch|lot\b|timestamp|"
    r"id\b|policy|booking|parcel|shipment|contract|bestell\w*|rechnung\w*|auftrag\w*|pedido|commande|factur\w*|"
    r"total|price|population|score|card|zip\b|post(?:al)? ?code|plz|confirmation|member(?:ship)?\b|"
    r"employee|student|claim|coupon|catalog\w*|registration|error|fehler\w*|kundennummer|vertrag\w*|"
    r"sendung\w*|seriennummer|num[ée]ro de s[ée]rie|suivi|seguimiento|ordine|encomenda|zam[óo]wien\w*|"
    r"sipariş\w*|tilau\w*|objedn\w*|παραγγελ\w*|заказ\w*|замовлен\w*|pesanan|đơn hàng"
)
_ID_PART = r"订单|单号|注文|주문|طلب|ऑर्डर|הזמנה|คำสั่งซื้อ"
_WORD = re.compile(
    rf"(?<![^\W_])(?:(?P<phone>{_PHONE_WORD})|(?P<own>{_OWN_WORD})|(?P<id>{_ID_WORD}))"
    rf"|(?P<part>{_PHONE_PART})|(?P<mine>{_OWN_PART})|(?P<thing>{_ID_PART})",
    re.IGNORECASE,
)
_KIND = {"part": "phone", "mine": "own", "thing": "id"}
_ARGUMENT = re.compile(
    r"(?<![^\W_])(?!tel|fax|phone|mobil|cell|fon\b)[^\W\d][\w.]*\((?:[\w=, ]{1,30}[=,] ?)?\Z", re.I
)
_SENTENCE_END = re.compile(r"(?<!\bno)(?<!\bnr)(?<!\bref)[.!?]\s|\n")
_SAID_BEHIND = re.compile(
    r"[\s,(:\u2013\u2014-]{1,3}(?:(?:is|was) )?(?:(?:my|our|his|her|the|a) )?(?:\w{1,15} )?"
    r"(?:phone|cell|mobile|whats ?app|landline|handy|tel\b)"
    r"|(?:まで|に)(?:ご連絡|お?電話)"
    r"|\W{1,4}(?:please )?(?:call|text|ring|whats ?app) (?:me|us)\b",
    re.IGNORECASE,
)

# The same where somebody says that it is theirs: then it may be written in groups, too.
_OWN_BEHIND = re.compile(
    r"[\s,(:\u2013\u2014-]{1,3}(?:is|es|est|ist|é|è) "
    r"(?:my|our|his|her|mi|mon|notre|mein|meine|meu|minha|(?:il )?mio) (?:\w{1,15} )?"
    r"(?:phone|cell|mobile|whats ?app|m[óo]vil|celular|tel[ée]fono|portable|t[ée]l[ée]phone|handy"
    r"|telefone?|cellulare)"
    r"|\W{1,4}(?:please )?(?:call|text|ring|whats ?app) (?:me|us)\b",
    re.IGNORECASE,
)


# An address that dials: its digits begin with the code of a country, without a plus.
_DIALLING = re.compile(r"(?<=wa\.me/)\d{8,15}(?!\w)")


def find_phones(text: str, runs: Sequence[tuple[int, int, int]]) -> Iterator[Span]:
    """Yield where telephone numbers stand; `runs` are (start, end, digits) of what may be a number."""
    for at, stop, count in runs:
        if count < _LEAST:
            continue
        for found in _DIALLING.finditer(text, at, stop):
            yield found.span()
        for found in _RUN.finditer(text, at, stop):
            start, end = found.span()
            if _AFTER.match(text, end):
                continue
            for first, last in _pieces(text, start, end):
                if _is_phone(text[first:last], text, start, last):
                    yield first, last


def said_before(text: str, start: int) -> str | None:
    """What the nearest word before a number calls it: "phone", "own" ("my number"), "id", or nothing.

    An order that was spoken of a sentence ago says nothing of this number; a telephone does.
    """
    before = text[max(0, start - WINDOW) : start]
    last = None
    for last in _WORD.finditer(before):  # noqa: B007 - the last one is meant
        pass
    if last is None or (last.lastgroup in ("id", "thing") and _SENTENCE_END.search(before, last.end())):
        return None
    return _KIND.get(last.lastgroup or "", last.lastgroup)


# "What is the best phone number to reach you?", but not "your phone number or order number"
_CALLABLE = re.compile(rf"(?<![^\W_])(?:{_PHONE_WORD})|{_PHONE_PART}", re.IGNORECASE)
_NUMBER = re.compile(
    r"number|nummer|num[ée]ro|n[úu]mero|numer\b|номер|numaran|号|番号|번호|رقم|नंबर|เบอร์|מספר", re.I
)
_THING_NUMBER = re.compile(
    rf"(?<![^\W_])(?:{_ID_WORD}) ?-?(?:numbers?|no\b|id|nummer|code)|(?:{_NUMBER.pattern}) (?:of|de) "
    rf"(?:\w+ ){{0,2}}(?:{_ID_WORD})|{_ID_PART}",
    re.IGNORECASE,
)
_ASKING = re.compile(
    r"[?？؟]|please|provide|confirm|share|bitte|por favor|s'il vous pla|пожалуйста|请|ください", re.I
)
_ASKED_WITHIN = 240  # characters at the end of a turn in which it asks


_REGISTER = re.compile(
    r"\b(?:ssn|social security|social insurance|aadhaa?r|nhs|bsn|burgerservice|cpf|tfn|steuer|tax id"
    r"|national insurance)",
    re.IGNORECASE,
)


def asked_for(text: str) -> str:
    """What number a turn asks for at its end, in a word: "phone", a register's name, or nothing."""
    for part in re.split(r"(?<=[.!?。？])\s|\n", text[-_ASKED_WITHIN:]):
        if not _ASKING.search(part):
            continue
        if found := _REGISTER.search(part):
            return found[0]
        if _NUMBER.search(part) and _CALLABLE.search(part) and not _THING_NUMBER.search(part):
            return "phone"
    return ""


def _pieces(text: str, start: int, end: int) -> list[Span]:
    # Two numbers with a slash between them; one number is written with a slash too.
    cut = re.search(r" [/\u2013-] (?=\(?0)", text[start:end])
    if cut and cut.start() >= _LEAST and end - start - cut.end() >= _LEAST:
        return [(start, start + cut.start()), (start + cut.end(), end)]
    return [(start, end)]


def _is_phone(run: str, text: str, start: int, end: int) -> bool:
    """Judge a run of digits by its shape; the nearest telling word tightens or loosens."""
    digits = re.sub(r"\D", "", run)
    if (
        not _LEAST <= len(digits) <= 15
        or _COMPACT_DATE.match(run)
        or DATE.search(run)
        or len(set(digits)) == 1
    ):
        return False
    if run[0] == "+":
        return bool(_COUNTRY.match(digits)) and " - " not in run  # + 1010 - 3622 is arithmetic
    if _IN_BRACKETS.fullmatch(run):
        return True  # nothing else is written so
    separated = len(run) > len(digits)
    before = max(0, start - WINDOW)
    if not separated and "(" in text[before:start] and _ARGUMENT.search(text, before, start):
        return False  # foo(12345678)
    said = said_before(text, start)
    if said == "id":
        return False
    if said == "phone" or (said == "own" and 9 <= len(digits) <= 12):
        return True
    if digits.startswith("00"):
        return len(digits) >= 11 and separated and bool(_COUNTRY.match(digits[2:]))
    if digits.startswith("011") and len(digits) > 12 and separated:
        return bool(_COUNTRY.match(digits[3:]))
    if any(shape.fullmatch(run) for shape in _NATIONAL):
        return True
    if _ZIP.fullmatch(run):
        return False
    if 9 <= len(digits) <= 12 and _OWN_BEHIND.match(text, end):
        return True
    if not separated:
        return 9 <= len(digits) <= 12 and bool(_SAID_BEHIND.match(text, end))
    return 9 <= len(digits) <= 12 and bool(_TRUNK.fullmatch(run))
