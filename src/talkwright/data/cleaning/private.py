"""Where a text holds what belongs to a person: addresses, numbers, keys. Finding only; see masks.py.

What has a check digit is checked; what has none goes by its shape, and by the nearest word before it
that says what kind of number this is ("call", "order", "version").
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator

from talkwright.data.cleaning.looks import Text, look_at
from talkwright.data.cleaning.national import Span, find_national, luhn

_WINDOW = 40  # characters before a number in which a word may say what it is

# --- where to look -------------------------------------------------------------------------------
# Most of a text is plain words, so each search begins at what is cheap to find: a digit, a sign, a word.


def _is_harmless(look: Text) -> bool:
    """Say whether a text has none of the signs of which whatever is private has one."""
    text = look.text
    if look.digits or look.long or "@" in text or "dot" in look.low or text.count(":") > 1:
        return False
    return "-----BEGIN" not in text and not _has_at_in_brackets(text)


def _near(shape: re.Pattern[str], look: Text, least: int) -> Iterator[re.Match[str]]:
    """Matches around the runs of at least so many digits."""
    for start, end, count in look.runs:
        if count >= least:
            yield from shape.finditer(look.text, start, end)


# --- e-mail --------------------------------------------------------------------------------------

_EMAIL_ASCII = re.compile(
    r"(?<![0-9A-Za-z_.+%\u00c0-\u024f-])(?!git@)[0-9A-Za-z_][0-9A-Za-z_.+%'-]{0,63}"
    r"@(?:[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?\.){1,8}[A-Za-z]{2,24}(?![0-9A-Za-z@_\u00c0-\u024f-])"
)
_EMAIL = re.compile(
    r"(?<![\w.+%-])(?!git@)[\w][\w.+%'-]{0,63}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w@-])"
)
_AT_SIGN = r"(?: ?[\[({] ?at ?[\])}] ?| at )"
_DOT_SIGN = r"(?: ?[\[({] ?dot ?[\])}] ?| dot |\.)"
_EMAIL_SPELT = re.compile(
    rf"(?<![\w.+-])(?P<name>\w[\w.+-]{{0,63}})(?P<at>{_AT_SIGN})(?P<host>[\w-]{{1,63}})"
    rf"(?P<rest>(?:{_DOT_SIGN}[A-Za-z][\w-]{{1,62}}){{1,4}}(?!\w))",
    re.IGNORECASE,
)
# "look at the dot com boom", "I work at acme dot com": plain words need to look like an address.
_NO_HOST = frozenset("the a an this that my our your his her their it its one each every".split())  # noqa: SIM905
_NO_NAME = frozenset(
    """
    i am is are was were be look looks looking looked work works working worked stay meet buy bought shop
    order ordered click available online visit found find only not or and us me you him them it aim good
    """.split()  # noqa: SIM905
)
_ENDINGS = re.compile(
    r"(?: dot (?:co|com|org|net|edu|gov|info|io|me|eu|uk|us|ca|au|in|de|at|ch|fr|es|it|nl|be|pt|pl|se|no"
    r"|dk|fi|ie|br|mx|ru|jp|cn|za|nz)){1,2}\Z",
    re.IGNORECASE,
)
_AT = re.compile(r"[\[({] ?at ?[\])}]", re.IGNORECASE)
_FILE_NAMES = re.compile(r"\.(?:png|jpe?g|gif|svg|webp|css|js|ts|py|html?)$", re.IGNORECASE)


def _emails(look: Text) -> Iterator[Span]:
    text = look.text
    if "@" in text:
        for shape in (_EMAIL_ASCII, _EMAIL):
            for found in shape.finditer(text):
                if not _FILE_NAMES.search(found[0]):  # logo@2x.png
                    yield found.span()
    if "dot" in look.low or _has_at_in_brackets(text):
        for found in _EMAIL_SPELT.finditer(text):
            if _is_spelt(found):
                yield found.span()


def _has_at_in_brackets(text: str) -> bool:
    return ("(" in text or "[" in text or "{" in text) and _AT.search(text) is not None


def _is_spelt(found: re.Match[str]) -> bool:
    if found["at"].strip().lower() != "at":  # in brackets
        return True
    if "." in found["rest"] and "dot" not in found["rest"].lower():
        return False  # "me at example.com": where somebody is, and no address
    if re.search(r"[\[({]", found["rest"]):
        return True
    plain = found["name"].lower() not in _NO_NAME and found["host"].lower() not in _NO_HOST
    return plain and bool(_ENDINGS.search(found["rest"]))


# --- keys, tokens, logins ------------------------------------------------------------------------

_LOGIN = re.compile(r"(?<=://)[^\s/:@<>\"'{}]{1,128}:[^\s/@<>\"'{}]{1,128}(?=@[\w\[])")
_TOKEN = re.compile(
    r"(?<![\w-])(?:"
    r"sk-(?:proj-|ant-|or-)?(?=[A-Za-z_-]{0,60}\d)[\w-]{20,250}"
    r"|(?:sk|pk|rk)_(?:live|test)_\w{10,250}|whsec_\w{16,250}"
    r"|gh[pousr]_\w{30,250}|github_pat_\w{30,250}|glpat-[\w-]{18,250}"
    r"|(?:AKIA|ASIA|AGPA|AROA|AIDA)[0-9A-Z]{16}|AIza[\w-]{30,45}|ya29\.[\w-]{20,250}"
    r"|xox[abeoprs]-[\w-]{10,250}|xapp-[\w-]{20,250}|hf_[A-Za-z0-9]{30,40}|npm_\w{36}|pypi-[\w-]{40,250}"
    r"|dckr_pat_[\w-]{20,60}|GOCSPX-[\w-]{20,40}"
    r"|hooks\.slack\.com/services/[\w/]{20,90}"
    r"|SG\.[\w-]{16,32}\.[\w-]{16,64}|key-[0-9a-f]{32}|dop_v1_[0-9a-f]{64}|shp(?:at|ss|ca)_[0-9a-fA-F]{32}"
    r"|(?:SK|AC)[0-9a-f]{32}|\d{8,10}:AA[\w-]{32,36}|sq0(?:atp|csp)-[\w-]{22,43}|r8_\w{37}|gsk_\w{40,60}"
    r"|eyJ[\w-]{8,4000}\.eyJ[\w-]{4,8000}\.[\w-]{8,2000}"
    r")(?![\w-])"
)
_PEM = re.compile(
    r"-----BEGIN (?:[A-Z]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----[^-]*(?:-----END [A-Z ]{1,40}-----|\Z)?"
)
_ASSIGNED = re.compile(
    r"(?<![a-z])(?P<name>pass(?:word|wd|phrase|code)?|pwd|passwort|contraseña|senha|mot de passe"
    r"|(?:[a-z]{1,20}[_-])?(?:secret|token|api[_ -]?key|access[_ -]?key|private[_ -]?key|auth[_ -]?key)"
    r"(?:[_-](?:key|id|value))?|bearer|key)"
    r"[\"'`]?(?:\s?(?:[=:]|is|=>|:=)\s?|\s)[\"'`]?(?P<value>[^\s\"'`,;<>(){}\[\]|&]{6,400})",
    re.IGNORECASE,
)
# What follows in _ASSIGNED where one of _NAMES begins in it: without it there is none.
_TOLD = re.compile(
    r"(?:pass(?:word|wd|phrase|code|wort|e)?|pwd|senha|secret|token|bearer|key)(?:[_-](?:key|id|value))?"
    r"[\"'`]?(?:\s?(?:[=:]|is|=>|:=)\s?|\s)[\"'`]?(?=[^\s\"'`,;<>(){}\[\]|&]{6})"
    r"[^\s\d\"'`,;<>(){}\[\]|&]{0,400}\d"
)
_SPACE_ALONE = re.compile(r"[\"'`]?\s[\"'`]?\Z")
_PLACEHOLDER = re.compile(
    r"your|example|xxx|\*\*|\.\.\.|placeholder|change_?me|redacted|insert|\$[({]|^\$|%\w+%", re.I
)
_PASSWORDS = ("pass", "pwd", "contra", "senha", "mot")


_NAME_PREFIX = 24  # "my_long_prefix_" before "secret"
_NAMES = ("pass", "pwd", "contras", "senha", "mot de", "secret", "token", "key", "bearer")


def _logins(look: Text) -> Iterator[Span]:
    if "://" in look.text and "@" in look.text:
        for found in _LOGIN.finditer(look.text):
            yield found.span()


def _secrets(look: Text) -> Iterator[Span]:
    text = look.text
    if "-----BEGIN" in text:
        for found in _PEM.finditer(text):
            yield found.span()
    if look.long and any(_TOKEN.search(word) for word in look.long if not _is_word(word)):
        for found in _TOKEN.finditer(text):
            yield found.span()
    if not look.digits or (look.reduced is not None and not _is_told(look.low)):
        return
    places = [at for name in _NAMES if (at := look.low.find(name)) >= 0]
    if not places:
        return
    # Lower case may be longer than the text where that is not ASCII.
    first = max(0, min(places) - _NAME_PREFIX) if text.isascii() else 0
    for found in _ASSIGNED.finditer(text, first):
        value = found["value"].rstrip(".!?:")
        between = text[found.end("name") : found.start("value")]
        if _is_secret(found["name"].lower(), value, said_only=bool(_SPACE_ALONE.match(between))):
            yield found.start("value"), found.start("value") + len(value)


def _is_told(low: str) -> bool:
    """Say whether any name in a text of ASCII is followed by what may be its value."""
    for name in _NAMES:
        at = low.find(name)
        while at >= 0:
            if _TOLD.match(low, at):
                return True
            at = low.find(name, at + 1)
    return False


def _is_word(word: str) -> bool:
    # "Communication," and the like; every token has a digit, a sign, or a capital after its beginning.
    letters = word.strip(".,;:!?()[]{}\"'*")
    return letters.isalpha() and letters[1:].islower()


def _is_secret(name: str, value: str, said_only: bool) -> bool:
    """Judge what follows "key=". `said_only` when just a space stands between, as in "Bearer abc"."""
    if _PLACEHOLDER.search(value) or not re.search(r"\d", value) or not re.search(r"[A-Za-z]", value):
        return False
    if said_only:
        return name == "bearer" and len(value) >= 16 and entropy(value) >= 3
    if name.startswith(_PASSWORDS):
        return len(value) >= 6 and ("/" not in value or (len(value) >= 16 and entropy(value) >= 3.5))
    if "://" in value or value[0] == "/" or _DATE.search(value):
        return False
    if name == "key":  # "the key: ..." is mostly not of the secret sort
        return len(value) >= 20 and entropy(value) >= 3.5
    return len(value) >= 12 and entropy(value) >= 2.8


def entropy(text: str) -> float:
    """Shannon entropy of the characters, in bits per character."""
    size = len(text)
    return -sum(n / size * math.log2(n / size) for n in Counter(text).values())


# --- bank accounts, cards ------------------------------------------------------------------------

_TWO_DIGITS = re.compile(r"\d\d")
_IBAN = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{2}\d\d(?=(?:[ -]?[0-9A-Za-z]){11})")
_IBAN_REST = re.compile(r"(?:[ -]?[0-9A-Za-z]){11,30}")
_IBAN_LENGTHS = """
    AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29
    ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20
    LB28 LC32 LI21 LT20 LU20 LV21 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29
    RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 TN24 TR26 UA29 VA22 VG24 XK20
"""
_IBAN_LENGTH = {entry[:2]: int(entry[2:]) for entry in _IBAN_LENGTHS.split()}


def _ibans(look: Text) -> Iterator[Span]:
    text = look.text
    if not look.digits or not look.has(b"aa00"):
        return
    for pair in _TWO_DIGITS.finditer(text):
        at = pair.start() - 2
        found = _IBAN.match(text, at) if at >= 0 and text[at + 1].isalpha() else None
        if found is None:
            continue
        length = _IBAN_LENGTH.get(found[0][:2].upper(), 0)
        rest = _IBAN_REST.match(text, found.end())
        places = [at for at in range(found.start(), rest.end() if rest else 0) if text[at].isalnum()]
        if not length or len(places) < length:
            continue
        end = places[length - 1] + 1
        number = "".join(text[at] for at in places[:length]).upper()
        whole = end == len(text) or not text[end].isalnum()
        if whole and int("".join(str(int(c, 36)) for c in number[4:] + number[:4])) % 97 == 1:
            yield found.start(), end


_CARD = re.compile(
    r"(?<![0-9A-Za-z_.])(?<!\d{3}[ -])(?:(?:\d{4}[ -]?){3}\d{4}|\d{4}[ -]?\d{6}[ -]?\d{4,5}|\d{19})"
    r"(?![0-9A-Za-z_]|[ -]\d{4})"
)
_CARD_START = re.compile(
    r"(?:4\d{15}|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01])\d{13}|2720\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}"
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}|35\d{14}|62\d{14}(?:\d{3})?)\Z"
)


def _cards(look: Text) -> Iterator[Span]:
    for found in _near(_CARD, look, 14):
        digits = re.sub(r"\D", "", found[0])
        if _CARD_START.match(digits) and luhn(digits):
            yield found.span()


# --- addresses of machines -----------------------------------------------------------------------

_IPV4 = re.compile(r"(?<![0-9A-Za-z_.-])(?:\d{1,3}\.){3}\d{1,3}(?![0-9A-Za-z_-]|\.\d)")
_IPV6 = re.compile(
    r"(?<![0-9A-Za-z_:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|(?<=::))(?![0-9A-Za-z_:])"
)
# The same for everybody, so they say nothing about anybody: routers, resolvers.
_PUBLIC = {f"192.168.{net}.{host}" for net in (0, 1) for host in (0, 1)}
_PUBLIC |= {"10.0.0.0", "10.0.0.1", "1.1.1.1", "8.8.8.8", "8.8.4.4"}
_VERSION_WORD = re.compile(
    r"(?:\bv|versions?|release|build|firmware|driver|section|chapter|clause|§|update|upgrade(?:d)? to|"
    r"patch|revision|rev\.?|kernel|numpy|python)(?:\s(?:to|is|from|number))?[\s:=]*\Z",
    re.IGNORECASE,
)  # fmt: skip
_PRODUCT = re.compile(r"[A-Za-z]/\Z")  # Chrome/120.0.6099.71
_HOST_WORD = re.compile(
    r"\b(?:ip|ipv4|address|host|server|ping|ssh|subnet|dns|gateway|login|logged)\b", re.I
)


_DOTTED = re.compile(r"\d\.\d{1,3}\.\d")
_COLONS = re.compile(r":[0-9A-Fa-f]{0,4}:")


def _ips(look: Text) -> Iterator[Span]:
    text = look.text
    if look.digits and look.has(b"0.0") and text.count(".") >= 3 and _DOTTED.search(text):
        for found in _IPV4.finditer(text):
            if _is_ipv4(found[0], text[max(0, found.start() - _WINDOW) : found.start()]):
                yield found.span()
    if text.count(":") > 1 and _COLONS.search(text):
        for found in _IPV6.finditer(text):
            if _is_ipv6(found[0]):
                yield found.span()


def _is_ipv4(address: str, before: str) -> bool:
    parts = address.split(".")
    if (
        any(int(part) > 255 or (part[0] == "0" and len(part) > 1) for part in parts)
        or address in _PUBLIC
    ):
        return False
    if parts[0] in ("0", "127", "255") or _VERSION_WORD.search(before) or _PRODUCT.search(before):
        return False
    return any(len(part) > 1 for part in parts) or bool(_HOST_WORD.search(before))


def _is_ipv6(address: str) -> bool:
    groups = [group for group in address.split(":") if group]
    if len(groups) < 3 and not (len(groups) == 2 and any(c.isdigit() for c in groups[0])):
        return False  # C++'s a::b, and the loopback ::1
    try:
        return bool(ipaddress.IPv6Address(address))
    except ValueError:
        return False


# --- telephones ----------------------------------------------------------------------------------

_RUN = re.compile(
    r"(?<![0-9A-Za-z_@#$€£¥=&+*])(?<![0-9A-Za-z][-./,:])(?:\+ ?)?\(?\d"
    r"(?:(?:[ \u00a0./()\-\u2010-\u2013]| ?[-/\u2013] |\) ?| \(|\)-)?\d){7,24}"
)
_AFTER = re.compile(r"[0-9A-Za-z_@%°€$£]|[.,:]\d|-\w| ?(?:€|EUR|USD|\$|£|%|km|kg|ms|bytes)\b")
_DATE = re.compile(r"(?:19|20)\d\d[-./](?:0?[1-9]|1[0-2])[-./]\d|\b\d\d?[-./]\d\d?[-./](?:19|20)\d\d\b")
_COMPACT_DATE = re.compile(
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[0-2]\d[0-5]\d(?:[0-5]\d)?)?\Z"
)
# ITU-T E.164 country codes by their first digits.
_COUNTRY = re.compile(
    r"(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
    r"|2[1-689]\d|3[578]\d|42[0-3]|5[09]\d|6[7-9]\d|8[058]\d|9[679]\d)"
)
_NATIONAL = tuple(
    re.compile(shape)
    for shape in (
        r"(?:1[-. ])?\([2-9]\d\d\)[-. ]?[2-9]\d\d[-. ]?\d{4}",  # (555) 234-5678
        r"(?:1([-. ]))?[2-9]\d\d([-. ])[2-9]\d\d\2\d{4}",  # 555-234-5678
        r"[2-9]\d\d([-. ])\d{3}\1\d{4}",  # 347 123 4567
        r"1[3-9]\d([- ])\d{4}\1\d{4}",  # 138 1234 5678
        r"\([1-9]\d\) ?\d{4,5}[- ]?\d{4}",  # (11) 91234-5678
    )
)
_TRUNK = re.compile(r"\(?0[1-9]\d{0,4}\)?(?: ?[-/.\u2010-\u2013 ] ?|(?<=\)))?\d[\d ./\u2010-\u2013-]*")
_ZIP = re.compile(r"0\d{4}-0\d{3}")  # US ZIP+4; no number of a subscriber begins with 0
_PHONE_WORD = (
    r"tele?(?:ph|f)\w*|t[ée]l\b|tlf|phone\w*|mobile?\b|mobil\w*|m[óo]vil|cell(?:ulare|ular|phone)?\b|"
    r"celular|call\w*|dial\w*|fax\w*|whats ?app|ring\b|text me|sms|hotline|reach (?:me|us|him|her)|"
    r"contact|handy\w*|rufnummer|anruf\w*|rufen|appel\w*|ll[aá]m\w*|lig\w+ para|chiam\w+|"
    r"телефон|电话|手机|電話|携帯"
)
_ID_WORD = (
    r"order\w*|invoice\w*|ticket\w*|tracking|refer?ence|ref\b|case\b|sku|part\b|serial|isbn|ean|upc|"
    r"model|version|customer (?:id|no|number)|account|article|item|batch|lot\b|timestamp|id\b|policy|"
    r"booking|parcel|shipment|contract|bestell\w*|rechnung\w*|auftrag\w*|pedido|commande|factur\w*|"
    r"total|price|population|score|card|zip\b|post(?:al)? ?code|plz"
)
_WORD = re.compile(rf"(?<![^\W_])(?:(?P<phone>{_PHONE_WORD})|(?P<id>{_ID_WORD}))", re.IGNORECASE)


def _phones(look: Text) -> Iterator[Span]:
    text = look.text
    for found in _near(_RUN, look, 8):
        start, end = found.span()
        if _AFTER.match(text, end):
            continue
        before = text[max(0, start - _WINDOW) : start]
        for first, last in _pieces(text, start, end):
            if _is_phone(text[first:last], before):
                yield first, last


def _pieces(text: str, start: int, end: int) -> list[Span]:
    # Two numbers with a slash between them; one number is written with a slash too.
    cut = re.search(r" [/\u2013-] (?=\(?0)", text[start:end])
    if cut and cut.start() >= 8:
        return [(start, start + cut.start()), (start + cut.end(), end)]
    return [(start, end)]


def _is_phone(run: str, before: str) -> bool:
    """Judge a run of digits by its shape; the nearest telling word before it tightens or loosens."""
    digits = re.sub(r"\D", "", run)
    if (
        not 8 <= len(digits) <= 15
        or _COMPACT_DATE.match(run)
        or _DATE.search(run)
        or len(set(digits)) == 1
    ):
        return False
    if run[0] == "+":
        return bool(_COUNTRY.match(digits)) and " - " not in run  # + 1010 - 3622 is arithmetic
    said = None
    for word in _WORD.finditer(before):
        said = word.lastgroup
    if said == "id":
        return False
    if said == "phone":
        return True
    if digits.startswith("00"):
        return len(digits) >= 11 and len(digits) < len(run) and bool(_COUNTRY.match(digits[2:]))
    if any(shape.fullmatch(run) for shape in _NATIONAL):
        return True
    if _ZIP.fullmatch(run):
        return False
    separated = len(run) > len(digits)
    return separated and 9 <= len(digits) <= 12 and bool(_TRUNK.fullmatch(run))


# --- all of them ---------------------------------------------------------------------------------


# In order of certainty: what an earlier kind has claimed, a later one does not get.
_FINDERS: dict[str, Callable[[Text], Iterator[Span]]] = {
    "login": _logins,
    "secret": _secrets,
    "email": _emails,
    "iban": _ibans,
    "card": _cards,
    "national_id": lambda look: (
        find_national(look.text, look.low, look.runs)
        if look.runs or (look.digits and look.has(b"00a00a000"))
        else iter(())
    ),
    "ip": _ips,
    "phone": _phones,
}
KINDS = tuple(_FINDERS)


def find_private(text: str, kinds: Collection[str] = KINDS) -> list[tuple[int, int, str]]:
    """Find what is private in a text: (start, end, kind), in order, without overlaps."""
    look = look_at(text)
    found: list[tuple[int, int, str]] = []
    if _is_harmless(look):
        return found
    claimed = bytearray(len(text))
    for kind, finder in _FINDERS.items():
        # All kinds are looked for, that an e-mail address inside a login is not found as one.
        for start, end in finder(look):
            if not any(claimed[start:end]):
                claimed[start:end] = b"\1" * (end - start)
                found.append((start, end, kind))
    return sorted(span for span in found if span[2] in kinds)
