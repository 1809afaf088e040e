"""E-mail addresses in a text: as they are, spelt out (`ann at example dot com`), and written apart."""

from __future__ import annotations

import re
from collections.abc import Iterator

from talkwright.data.cleaning.looks import Span, Text
from talkwright.data.cleaning.registers import holds_any

_EMAIL_ASCII = re.compile(
    r"(?<![0-9A-Za-z_.+%\u00c0-\u024f-])(?!git@)[0-9A-Za-z_][0-9A-Za-z_.+%'-]{0,63}"
    r"@(?:[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?\.){1,8}[A-Za-z]{2,24}(?![0-9A-Za-z@_\u00c0-\u024f-])"
)
_EMAIL = re.compile(
    r"(?<![\w.+%-])(?!git@)[\w][\w.+%'-]{0,63}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w@-])"
)
_FILE_NAMES = re.compile(r"\.(?:png|jpe?g|gif|svg|webp|css|js|ts|py|html?)$", re.IGNORECASE)

# --- spelt out -----------------------------------------------------------------------------------

_AT = re.compile(r"[\[({<] ?(?:at|@) ?[\])}>]", re.IGNORECASE)
_AT_SIGN = r"(?: ?[\[({<] ?(?:at|@) ?[\])}>] ?| at )"
_DOT_IN_BRACKETS = r" ?[\[({<] ?(?:dot|\.) ?[\])}>] ?"
_DOT_SIGN = rf"(?:{_DOT_IN_BRACKETS}| dot |\.)"
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
    met go goes going went get got see seen saw sold sell sells sale hotel shops store website site page
    prices deals list read watch listen sign log logged register registered check checked here there live
    lives email mail e-mail account inbox address contact support news article git
    """.split()  # noqa: SIM905
)
_COUNTRIES = "co|me|eu|uk|us|ca|au|in|de|at|ch|fr|es|it|nl|be|pt|pl|se|no|dk|fi|ie|br|mx|ru|jp|cn|za|nz"
_KNOWN = rf"(?:com|org|net|edu|gov|info|io|{_COUNTRIES})"
_ENDINGS = re.compile(rf"(?: dot {_KNOWN}){{1,2}}\Z", re.IGNORECASE)
# "ann -at- example -dot- com", "ann_at_example_dot_com"
_DASHED = re.compile(
    r"(?<![\w.+*-])[^\W_](?:[\w.+]|-(?!at-)){0,63}?(?P<o> ?)(?P<m>[-*_])at(?P=m)(?P=o)[a-z0-9]{1,63}"
    r"(?:(?P=o)(?P=m)dot(?P=m)(?P=o)[a-z0-9]{1,63}){0,2}?(?P=o)(?P=m)dot(?P=m)(?P=o)"
    rf"{_KNOWN}(?![\w*-])",
    re.IGNORECASE,
)
# "ann arroba gmail.com", "ann (ät) gmx punkt de", "ann(a)gmx.de": no other sense in any language
_SIGNS_ABROAD = ("arroba", "arobase", "chiocciola", "собака", "ät")
_AT_ABROAD = (*_SIGNS_ABROAD, "(a)")
_DOT_ABROAD = r"(?:\.| (?:punto|punkt|point|ponto|dot|точка) )"
_SIGN = rf"(?:{'|'.join(_SIGNS_ABROAD)})"
_AT_ABROAD_SIGN = rf"(?: {_SIGN} | ?[\[({{<] ?{_SIGN} ?[\])}}>] ?|\(a\))"
_SIGN_ABROAD = re.compile(_AT_ABROAD_SIGN)
_ABROAD = re.compile(
    rf"(?<![\w.+-])\w[\w+-]{{0,63}}(?:{_DOT_ABROAD}\w[\w+-]{{0,63}}){{0,3}}{_AT_ABROAD_SIGN}"
    rf"(?:[\w-]{{1,63}}{_DOT_ABROAD}){{1,3}}[^\W\d_]{{2,24}}(?!\w)",
    re.IGNORECASE,
)
# "mail=ann%40example.com" in an address of the web
_PERCENT = re.compile(
    r"(?<![\w.+%-])\w[\w.+-]{0,63}%40(?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.){1,8}[A-Za-z]{2,24}(?![\w@-])",
    re.IGNORECASE,
)
# "ann.smith at gmail.com"
_AT_PROVIDER = re.compile(
    r"(?<![\w.+-])(?P<name>\w[\w.+-]{1,63}) at (?:gmail|googlemail|yahoo|outlook|hotmail|icloud|proton"
    rf"|protonmail|gmx|aol)\.{_KNOWN}(?:\.uk)?(?![\w-]|\.\w)",
    re.IGNORECASE,
)
_PROVIDER_NAMES = ("mail", "yahoo.", "outlook.", "icloud.", "proton.", "gmx.", "aol.")

# --- written apart -------------------------------------------------------------------------------

# "ann@ gmail.com", "ann @ gmail.com", "ann@gmail .com"
_EMAIL_LOOSE = re.compile(
    r"(?<![\w.+%-])(?P<name>\w[\w.+%-]{0,63})(?: (?P<wide>@)|@) ?"
    r"(?P<host>[\w-]{1,63}(?:\.[\w-]{1,63}){0,3}?) ?"
    r"\.(?:com|org|net|edu|de|fr|co\.uk|io|eu|es|it|nl|ca|info)\b(?!\.\w)",
    re.IGNORECASE,
)
_PROVIDERS = re.compile(
    r"(?:g?mail|yahoo|outlook|hotmail|live|icloud|me|proton(?:mail)?|posteo|gmx|web|aol|fastmail|zoho)\Z",
    re.I,
)
# "a n n @ example . com", "j o e @ g m a i l . c o m": at least three letters by themselves
_LETTERS = r"(?:[^\W_] (?:[._-] )?){2,40}[^\W_]"
_APART = re.compile(
    rf"(?<![\w.@]){_LETTERS} ?@ ?(?:{_LETTERS}|[\w-]{{2,63}}(?: ?\. ?[\w-]{{2,63}}){{0,2}}?) ?\. ?"
    rf"(?:c o m|o r g|n e t|e d u|d e|f r|i t|{_KNOWN})(?![\w-]| [^\W_](?!\w))",
    re.IGNORECASE,
)
# "ann @ example . com", "ann@example . com"
_SPACED = re.compile(
    r"(?<![\w.+%-])(?P<name>\w[\w.+%-]{0,63})(?P<at> ?@ ?)[\w-]{1,63}(?: ?\. ?[\w-]{1,63}){0,2}?"
    rf"(?P<dot> ?\. ?){_KNOWN}\b(?! ?\.\w)",
    re.IGNORECASE,
)
# "ann@example[.]com", "ann@example dot com"
_ODD_DOT = re.compile(
    rf"(?<![\w.+%-])(?!git@)\w[\w.+%-]{{0,63}}@[\w-]{{1,63}}(?:{_DOT_SIGN}[\w-]{{2,63}}){{0,3}}?"
    rf"(?:{_DOT_IN_BRACKETS}| dot ){_KNOWN}(?![\w-])",
    re.IGNORECASE,
)
# "ann@example,com": a comma in place of the dot, with nothing else that it could part
_COMMA = re.compile(
    r"(?<![\w.+%@,-])(?!git@)\w[\w.+%-]{1,63}@[A-Za-z0-9][\w-]{1,62},(?:com|org|net|edu)(?![\w@-]|[.,]\w)"
)
_TOLD = re.compile(
    r"\be-?mail(?: address)?(?: is|'s| me| us)?(?: at| to)?\s*:?\s*\Z"
    r"|\b(?:write|reach (?:me|us)|contact (?:me|us)|send it) (?:to|at|on)\s*:?\s*\Z",
    re.IGNORECASE,
)
_WINDOW = 30  # characters before an address that may say that it is one


def find_emails(look: Text) -> Iterator[Span]:
    """Where e-mail addresses are in a text; spans may overlap."""
    text = look.text
    if "@" in text:
        for shape in (_EMAIL_ASCII, _EMAIL):
            for found in shape.finditer(text):
                if not _FILE_NAMES.search(found[0]):  # logo@2x.png
                    yield found.span()
        if "," in text:
            for found in _COMMA.finditer(text):
                yield found.span()
        yield from _written_apart(look)
    if "%40" in text:
        for found in _PERCENT.finditer(text):
            yield found.span()
    if "dot" in look.low or has_spelt_at(look):
        if _has_sign_abroad(look):
            for found in _ABROAD.finditer(text):
                yield found.span()
        for found in _EMAIL_SPELT.finditer(text):
            if _is_spelt(found, text):
                yield found.span()
        for found in _AT_PROVIDER.finditer(text):
            if _is_somebody(found, text):
                yield found.span()
    if "dot" in look.low:
        for found in _DASHED.finditer(text):
            yield found.span()


def has_spelt_at(look: Text) -> bool:
    """Say whether an address may be spelt out in a text without the word `dot`."""
    text = look.text
    if any(sign in text for sign in "([{<") and _AT.search(text) is not None:
        return True
    if _has_sign_abroad(look):
        return True
    return " at " in look.low and any(name in look.low for name in _PROVIDER_NAMES)


def _has_sign_abroad(look: Text) -> bool:
    # Most of what holds one is "Qualität".
    return holds_any(look.low, _AT_ABROAD) and _SIGN_ABROAD.search(look.low) is not None


def _written_apart(look: Text) -> Iterator[Span]:
    """Addresses with an `@` and with spaces or brackets around it, the dots or each letter."""
    text = look.text
    if "@ " in text or " @" in text or " ." in text:
        for found in _APART.finditer(text):
            yield found.span()
        for found in _EMAIL_LOOSE.finditer(text):
            if _is_loose(found):
                yield found.span()
        for found in _SPACED.finditer(text):
            if _is_spaced(found, text):
                yield found.span()
    if "dot" in look.low or any(sign in text for sign in "[(<{"):
        for found in _ODD_DOT.finditer(text):
            yield found.span()


def _is_loose(found: re.Match[str]) -> bool:
    name = found["name"].lower()
    if name in _NO_NAME:
        return False
    # "Sale @ amazon.com" is where something is.
    return not found["wide"] or bool(_PROVIDERS.match(found["host"]) or re.search(r"[\d._-]", name))


def _is_spaced(found: re.Match[str], text: str) -> bool:
    """Say whether `ann@example . com` is an address. With a space before the `@` it may be a place."""
    if found["at"] == "@":
        return found["dot"] == " . " and found["name"].lower() not in _NO_NAME
    return _is_somebody(found, text)


def _is_somebody(found: re.Match[str], text: str) -> bool:
    """Say whether `ann at gmail.com`, or with ` @ `, is no place where something is."""
    name = found["name"].lower()
    if name in _NO_NAME or name.isdigit():
        return False
    alone = text.strip().rstrip(".!") == found[0]
    return alone or _is_told(found, text) or re.search(r"\w[\d._]|[._]\w", name) is not None


def _is_told(found: re.Match[str], text: str) -> bool:
    return _TOLD.search(text[max(0, found.start() - _WINDOW) : found.start()]) is not None


def _is_spelt(found: re.Match[str], text: str) -> bool:
    if found["at"].strip().lower() != "at":  # in brackets
        return True
    if "." in found["rest"] and "dot" not in found["rest"].lower():
        # "me at example.com": where somebody is, and no address
        return found["name"].lower() not in _NO_NAME and _is_told(found, text)
    if re.search(r"[\[({<]", found["rest"]):
        return True
    plain = found["name"].lower() not in _NO_NAME and found["host"].lower() not in _NO_HOST
    return plain and bool(_ENDINGS.search(found["rest"]))
