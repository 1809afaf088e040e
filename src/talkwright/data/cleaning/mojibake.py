"""Whether text that was decoded wrongly is damage, to be repaired, or what the talk is about."""

from __future__ import annotations

import re
from collections.abc import Sequence

# UTF-8 read as Latin-1 or Windows-1252: a lead byte, and one to three others.
_CP1252 = "".join(bytes([n]).decode("cp1252", "ignore") for n in range(0x80, 0xA0))
_PAIRED = rf"[\u00c2-\u00f4][\u0080-\u00bf{_CP1252}]{{1,3}}"
_WRONG = re.compile(rf"{_PAIRED}|[\u00c2\u00c3](?= )")  # the latter before a lost blank
# A capital alone or behind capitals (IRM\u00c3) is a letter like any other, unless there is more.
_EVIDENCE = re.compile(rf"{_PAIRED}|(?<=[a-z0-9.!?])[\u00c2\u00c3](?= )")
_LETTER = rf"[\u00c3-\u00c5][\u0080-\u00bf{_CP1252}]"
_TALK = re.compile(
    r"\b(?:mojibake|encod(?:ed|ing)|decod(?:ed|ing)|utf-?8|unicode|latin-?1|iso-8859|(?:windows|cp)-?1252"
    r"|ansi|charset|garbled|gibberish|kodierung|codificaci[oó]n|codage"
    r"|(?:weird|strange|funny|odd|broken|garbage|wrong) (?:char(?:acter)?s?|symbols?|letters?|text))\b",
    re.IGNORECASE,
)
_SIGN = r"\u00e2\u20ac.?"  # quotes and dashes
_SHOWN = re.compile(
    r"\b(?:(?:see|seeing|get|gets|getting|shows?|showing|displays?|displayed|prints?|turn(?:s|ed)? into"
    r"|becomes?|became|replaced (?:by|with)|instead of|appears? as|looks? like)"
    rf"(?: (?:a|an|the|this|that|like|as))?[ :]{{1,2}}(?:{_LETTER}|{_SIGN})"
    rf"|(?:reads?|says?|means?|is|are|of|does)(?: (?:a|an|the|this|that))?[ :]{{1,2}}{_LETTER})"
    r"(?![^\W_])"
    rf"|(?:{_LETTER}|{_SIGN})[\"'`\u201d]? (?:instead of|in place of|rather than)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(rf"(?:[`\"\u201c'](?:{_LETTER}|\u00e2\u20ac.?)+[`\"\u201d'])")
_ALONE = re.compile(rf"(?<![^\W_])(?:{_LETTER}|\u00c3(?= ))(?![^\W_])")


def is_certain(texts: Sequence[str]) -> bool:
    """Say whether what looks wrongly decoded in these texts of one conversation is damage beyond doubt.

    It is not where somebody asks about it, quotes it, or writes a lone "Ã©", or where the same letter
    stands rightly beside it, nor where a capital that may be a letter is all there is. True also where
    nothing looks wrong.
    """
    wrong = [text for text in texts if _WRONG.search(text)]
    if not wrong:
        return True
    if not any(map(_EVIDENCE.search, wrong)) or any(_TALK.search(text) for text in texts):
        return False
    return not any(_is_spoken_of(text) for text in wrong)


def _is_spoken_of(text: str) -> bool:
    if _SHOWN.search(text) or _QUOTED.search(text):
        return True
    found = _WRONG.findall(text)
    if len(found) == 1 and _ALONE.search(text):
        return True  # damaged text has more than one, or has it inside of a word
    rest = _WRONG.sub(" ", text)
    meant = (_meant(letters) for letters in found)
    return any(letter.isalpha() and letter in rest for letter in meant)


def _meant(letters: str) -> str:
    for encoding in ("cp1252", "latin-1"):
        try:
            return letters.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return ""
