"""Untrusted text and plain numbers, made fit for a page. Escaping itself is the template's business."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Any, TypeGuard

from markupsafe import Markup, escape

MINUS = "\N{MINUS SIGN}"
NBSP = "\N{NO-BREAK SPACE}"

_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


def clean(value: Any) -> Any:
    """Make every string of a JSON value writable as UTF-8 and legal in HTML.

    Lone surrogates become U+FFFD; control characters become their visible pictures, because HTML
    parsers drop or misread them.
    """
    if isinstance(value, str):
        return _CONTROL.sub(_picture, _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value))
    if isinstance(value, dict):
        return {clean(str(key)): clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clean(item) for item in value]
    return value


def _picture(match: re.Match[str]) -> str:
    code = ord(match.group())
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else chr(0x2400 + code)


def cut(value: Any, limit: int) -> Markup:
    """Escape a text and cut it after `limit` characters, saying how many are not shown."""
    text = value if isinstance(value, str) else str(value)
    if len(text) <= limit:
        return escape(text)
    note = Markup('<span class="cut">… {} more characters</span>').format(count(len(text) - limit))
    return escape(text[:limit]) + note


def words(name: Any) -> str:
    """An identifier as people would write it: `exact_duplicate` becomes `exact duplicate`."""
    return str(name).replace("_", " ").strip()


def token_markup(text: str) -> Markup:
    """Escape one token's text, with white space and invisible characters made visible."""
    return Markup("").join(_visible(character) for character in text)


def _visible(character: str) -> Markup:
    if character == " ":
        return Markup("<wbr><i>·</i>")
    if character == "\n":
        return Markup("<i>↵</i>\n")
    if character == "\t":
        return Markup("<i>⇥</i>")
    if unicodedata.category(character) in ("Cf", "Zs", "Zl", "Zp"):
        return Markup("<i>U+{:04X}</i>").format(ord(character))
    return escape(character)


# --- numbers -------------------------------------------------------------------------------------


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a JSON value is a finite number (a bool is not)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def count(value: Any) -> str:
    """A whole number with thousands apart, or a dash for what is not a number."""
    if not is_number(value):
        return "–"
    return f"{round(value):,}".replace(",", "\N{NARROW NO-BREAK SPACE}").replace("-", MINUS)


def decimal(value: float, digits: int, *, sign: bool = False) -> str:
    """A number with a fixed count of decimals and a real minus sign; `sign` shows a plus, too."""
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        return text.lstrip("-")
    text = text.replace("-", MINUS)
    return f"+{text}" if sign and value > 0 else text


def percent(share: float) -> str:
    """A share as `86 %`; small ones with a decimal, and never rounded to none or all."""
    shown = f"{100 * share:.1f}" if 0 < share < 0.0995 or 0.995 <= share < 1 else f"{100 * share:.0f}"
    if shown == "0.0":
        return f"< 0.1{NBSP}%"
    return f"> 99.9{NBSP}%" if shown == "100.0" else f"{shown}{NBSP}%"


def compact(value: Any) -> str:
    """A number of unknown size with three or four figures."""
    if not is_number(value):
        return "–"
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e6):
        return count(value)
    return f"{value:.4g}".replace("-", MINUS)


def duration(seconds: Any) -> str:
    """Seconds as `0.4 s`, `12 s`, `3 min 05 s` or `2 h 10 min`."""
    if not is_number(seconds):
        return "–"
    if seconds < 9.95:
        return f"{seconds:.1f}{NBSP}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{NBSP}s"
    if whole < 3600:
        return f"{whole // 60}{NBSP}min {whole % 60:02d}{NBSP}s"
    return f"{whole // 3600}{NBSP}h {whole % 3600 // 60:02d}{NBSP}min"
