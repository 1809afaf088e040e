"""Keys, tokens, passwords, logins: by the shapes that providers give theirs, and by what is assigned."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from talkwright.data.cleaning.looks import Span
from talkwright.data.cleaning.phones import DATE

_LOGIN = re.compile(r"(?<=://)[^\s/:@<>\"'{}]{0,128}:[^\s/@<>\"'{}]{1,128}(?=@[\w\[])")
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
# Those that are longer still: looked for in long words alone.
_LONG_TOKEN = re.compile(
    r"(?<![\w-])(?:"
    r"xai-\w{40,120}|pplx-\w{40,80}|nvapi-[\w-]{40,120}|lin_api_\w{30,60}|ntn_\w{40,60}|secret_[A-Za-z0-9]{40,60}"
    r"|figd_[\w-]{30,60}|hvs\.[\w-]{20,250}|(?:\w{14}\.)?atlasv1\.[\w-]{50,90}|dapi[0-9a-f]{32}|sbp_[0-9a-f]{40}"
    r"|PMAK-[0-9a-f]{24}-[0-9a-f]{34}|NRAK-[0-9A-Z]{27}|sntrys_[\w=-]{40,250}|glsa_\w{32}_[0-9a-f]{8}"
    r"|xkeysib-[0-9a-f]{64}-\w{16}|EAAC\w{90,250}|tskey-[a-z]{3,8}-\w{8,20}-\w{20,50}|rubygems_[0-9a-f]{48}"
    r"|AGE-SECRET-KEY-1[0-9A-Z]{58}|[MN][\w-]{23,25}\.[\w-]{6}\.[\w-]{27,40}|[0-9a-f]{32}-us\d{1,2}"
    r"|AT[AC]TT3[\w=-]{60,250}|pat-(?:na|eu)\d-[0-9a-f-]{36}|pul-[0-9a-f]{40}|AKID\w{28,40}"
    r"|discord(?:app)?\.com/api/webhooks/\d{17,20}/[\w-]{60,80}|amzn\.mws\.[0-9a-f-]{36}"
    r")(?![\w-])"
)
_LONG = 32
_LONG_RUN = re.compile(r"[\w./=-]{32}", re.ASCII)  # Chinese has long words, and none like these
_PEM = re.compile(
    r"-----BEGIN (?:[A-Z]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----[^-]*(?:-----END [A-Z ]{1,40}-----|\Z)?"
)
_ASSIGNED = re.compile(
    r"(?<![a-z])(?P<name>pass(?:word|wd|phrase|code)?|pwd?|passwort|contraseña|senha|mot de passe"
    r"|(?:[a-z]{1,20}[_-])?(?:secret|token|api[_ -]?key|(?:shared)?access[_ -]?key|private[_ -]?key"
    r"|auth[_ -]?key|account[_ -]?key)"
    r"(?:[_-](?:key|id|value))?|bearer|key)"
    r"[\"'`]?(?:\s?(?:[=:]|is|=>|:=)\s?| - |\s)[\"'`]?"
    # A value may have "&" in it, but not the next of an address: &name=
    r"(?P<value>[^\s\"'`,;<>(){}\[\]|&]{6,400}(?:&(?!\w{1,40}=)[^\s\"'`,;<>(){}\[\]|&]{1,60}){0,4})",
    re.IGNORECASE,
)
_SPACE_ALONE = re.compile(r"[\"'`]?\s[\"'`]?\Z")
_PLACEHOLDER = re.compile(
    r"your|example|xxx|\*\*|\.\.\.|placeholder|change_?me|redacted|insert|\$[({]|^\$|%\w+%", re.I
)
_PASSWORDS = ("pass", "pw", "contra", "senha", "mot")


_NAME_PREFIX = 24  # "my_long_prefix_" before "secret"
_SOON = 100  # characters; what is secret and has so many without a digit is none
_LONGEST_VALUE = 800
_DIGIT = re.compile("[0-9]")
_NAMES = ("pass", "pw", "contras", "senha", "mot de", "secret", "token", "key", "bearer")


def find_logins(text: str) -> Iterator[Span]:
    """Yield where user and password stand in an address."""
    if "://" in text and "@" in text:
        for found in _LOGIN.finditer(text):
            yield found.span()


def find_secrets(text: str, low: str, digits: bool, words: Sequence[str]) -> Iterator[Span]:
    """Yield where keys and passwords stand. `low` is the text in lower case; `digits`: it has any;
    `words` are those that are long enough for a key."""
    if "-----BEGIN" in text:
        for found in _PEM.finditer(text):
            yield found.span()
    if words and any(_TOKEN.search(word) for word in words if not _is_word(word)):
        for found in _TOKEN.finditer(text):
            yield found.span()
    if digits and words and any(len(word) >= _LONG and _LONG_RUN.search(word) for word in words):
        for found in _LONG_TOKEN.finditer(text):
            yield found.span()
    for start, end in _around_names(text, low) if digits else ():
        for found in _ASSIGNED.finditer(text, start, end):
            value = found["value"].rstrip(".!?:")
            between = text[found.end("name") : found.start("value")]
            if _is_secret(found["name"].lower(), value, said_only=bool(_SPACE_ALONE.match(between))):
                yield found.start("value"), found.start("value") + len(value)


def _around_names(text: str, low: str) -> list[Span]:
    """Where something may be assigned to a name: around each name that a digit follows soon."""
    if len(low) != len(text):  # lower case may be longer than the text, and its places others
        return [(0, len(text))]
    places = []
    for name in _NAMES:
        at = low.find(name)
        while at >= 0:
            if _DIGIT.search(text, at, at + _SOON):
                places.append(at)
            at = low.find(name, at + 1)
    spans: list[Span] = []
    for at in sorted(places):
        start, end = max(0, at - _NAME_PREFIX), at + _LONGEST_VALUE
        if spans and start <= spans[-1][1]:
            spans[-1] = spans[-1][0], end
        else:
            spans.append((start, end))
    return spans


def _is_word(word: str) -> bool:
    # "Communication," and the like; every token has a digit, a sign, or a capital after its beginning.
    letters = word.strip(".,;:!?()[]{}\"'*")
    return letters.isalpha() and letters[1:].islower()


def _is_secret(name: str, value: str, said_only: bool) -> bool:
    """Judge what follows "key=". `said_only` when just a space stands between, as in "Bearer abc"."""
    certain = len(value) >= 32 and _entropy(value) >= 4.2  # whatever words may be in it
    if (
        (_PLACEHOLDER.search(value) and not certain)
        or not re.search(r"\d", value)
        or not re.search(r"[A-Za-z]", value)
    ):
        return False
    if said_only:
        if name in ("password", "passwort", "passcode"):
            return value[0].isalpha() or _entropy(value) >= 3
        return name == "bearer" and len(value) >= 16 and _entropy(value) >= 3
    if name.startswith(_PASSWORDS):
        return len(value) >= 6 and ("/" not in value or (len(value) >= 16 and _entropy(value) >= 3.5))
    if "://" in value or value[0] == "/" or DATE.search(value):
        return False
    if name == "key":  # "the key: ..." is mostly not of the secret sort
        return len(value) >= 20 and _entropy(value) >= 3.5
    return len(value) >= 12 and _entropy(value) >= 2.8


def _entropy(text: str) -> float:
    """Shannon entropy of the characters, in bits per character."""
    size = len(text)
    return -sum(n / size * math.log2(n / size) for n in Counter(text).values())
