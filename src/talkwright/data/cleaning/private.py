"""Where a text holds what belongs to a person: addresses, numbers, keys. Finding only; see masks.py.

What has a check digit is checked; what has none goes by its shape, and by the nearest word before it
that says what kind of number this is ("call", "order", "version").
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterator

from talkwright.data.cleaning.keys import find_logins, find_secrets
from talkwright.data.cleaning.looks import WINDOW, Span, Text, as_seen, look_at
from talkwright.data.cleaning.mails import find_emails, has_spelt_at
from talkwright.data.cleaning.national import find_national
from talkwright.data.cleaning.phones import find_phones
from talkwright.data.cleaning.registers import luhn

# --- where to look -------------------------------------------------------------------------------
# Most of a text is plain words, so each search begins at what is cheap to find: a digit, a sign, a word.


def _is_harmless(look: Text) -> bool:
    """Say whether a text has none of the signs of which whatever is private has one."""
    text = look.text
    if look.digits or look.long or "@" in text or "dot" in look.low or text.count(":") > 1:
        return False
    return "-----BEGIN" not in text and not has_spelt_at(look)


def _near(shape: re.Pattern[str], look: Text, least: int) -> Iterator[re.Match[str]]:
    """Matches around the runs of at least so many digits."""
    for start, end, count in look.runs:
        if count >= least:
            yield from shape.finditer(look.text, start, end)


# --- bank accounts, cards ------------------------------------------------------------------------

_JOIN = r"(?:[ .\u00a0\u2010-\u2013-]| [ \u2010-\u2013-] ?)?"
_TWO_DIGITS = re.compile(r"\d\d")
_IBAN = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{2}\d\d(?=(?:[ .\u00a0-]{0,2}[0-9A-Za-z]){11})")
_IBAN_REST = re.compile(r"(?:[ .\u00a0-]{0,2}[0-9A-Za-z]){11,30}")
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
    rf"(?<![0-9A-Za-z_.])(?<!\d{{3}}[ -])"
    rf"(?:(?:\d{{4}}{_JOIN}){{3}}\d{{4}}|\d{{4}}{_JOIN}\d{{6}}{_JOIN}\d{{4,5}}|\d{{19}})"
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
# The same for everybody, so they say nothing about anybody: resolvers, and what only means something in
# one's own network (RFC 1918, 3927, 6598). A long link-local address names a device.
_PUBLIC = {"1.1.1.1", "8.8.8.8", "8.8.4.4", "9.9.9.9"}
_OWN_NET = re.compile(
    r"10\.|127\.|0\.|255\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\."
    r"|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\."
)
_ROUTER6 = re.compile(r"fe80::[0-9a-f]{1,2}\Z", re.IGNORECASE)
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
            if _is_ipv4(found[0], text[max(0, found.start() - WINDOW) : found.start()]):
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
        or _OWN_NET.match(address)
    ):
        return False
    if _VERSION_WORD.search(before) or _PRODUCT.search(before):
        return False
    return any(len(part) > 1 for part in parts) or bool(_HOST_WORD.search(before))


def _is_ipv6(address: str) -> bool:
    if _ROUTER6.match(address):
        return False
    groups = [group for group in address.split(":") if group]
    if len(groups) < 3 and not (len(groups) == 2 and any(c.isdigit() for c in groups[0])):
        return False  # C++'s a::b, and the loopback ::1
    if len(groups) < 8 and len(groups[0]) < 3 and address[0] != ":" and groups[0] != "64":
        return False  # 12:30::45; every network that is in use begins with three signs at least
    try:
        return bool(ipaddress.IPv6Address(address))
    except ValueError:
        return False


# --- all of them ---------------------------------------------------------------------------------


# In order of certainty: what an earlier kind has claimed, a later one does not get.
_FINDERS: dict[str, Callable[[Text], Iterator[Span]]] = {
    "login": lambda look: find_logins(look.text),
    "secret": lambda look: find_secrets(look.text, look.low, look.digits, look.long),
    "email": find_emails,
    "iban": _ibans,
    "card": _cards,
    "national_id": lambda look: (
        find_national(look.text, look.low, look.runs) if look.digits else iter(())
    ),
    "ip": _ips,
    "phone": lambda look: find_phones(look.text, look.runs),
}
KINDS = tuple(_FINDERS)


def find_private(text: str, kinds: Collection[str] = KINDS) -> list[tuple[int, int, str]]:
    """Find what is private in a text: (start, end, kind), in order, without overlaps."""
    seen, places = as_seen(text)
    look = look_at(seen)
    found: list[tuple[int, int, str]] = []
    if _is_harmless(look):
        return found
    claimed = bytearray()
    for kind, finder in _FINDERS.items():
        # All kinds are looked for, that an e-mail address inside a login is not found as one.
        for start, end in finder(look):
            if not claimed:
                claimed = bytearray(len(seen))
            if not any(claimed[start:end]):
                claimed[start:end] = b"\1" * (end - start)
                found.append((start, end, kind))
    if places is not None:
        found = [(places[start], places[end - 1] + 1, kind) for start, end, kind in found]
    return sorted(span for span in found if span[2] in kinds) if found else found
