"""Which language a text is in, as far as its script and its commonest words tell."""

from __future__ import annotations

import re

from talkwright.data.similarity.similar import words

_SCRIPTS = (
    ("Japanese", "[\u3040-\u30ff]"),
    ("Korean", "[\uac00-\ud7af]"),
    ("Chinese", "[\u4e00-\u9fff]"),
    ("Cyrillic script", "[\u0400-\u04ff]"),
    ("Arabic script", "[\u0600-\u06ff]"),
    ("Greek", "[\u0370-\u03ff]"),
    ("Hindi", "[\u0900-\u097f]"),
    ("Hebrew", "[\u0590-\u05ff]"),
    ("Thai", "[\u0e00-\u0e7f]"),
)
_STOP_WORDS = {
    "English": """
        the and is to of you in for it that with are this can your on have be not will what how i
        my
    """,
    "German": """
        der die das und ist zu sie ich nicht ein eine mit für auf den dem wie was kann haben sind
        wir bitte im
    """,
    "French": """
        le la les et est vous je ne pas un une des pour dans que qui avec sur votre du au ce
        comment
    """,
    "Spanish": """
        el los las y es que en un una para con su por no se del al como puede usted mi cómo está
    """,
    "Italian": """
        il lo gli e è di che un una per non con si del della come può sono mio questo anche nel
    """,
    "Portuguese": """
        o os as e é que em um uma para com seu por não se do da como você pode meu está no na
    """,
    "Dutch": """
        de het een en is van ik je niet dat op voor met zijn er hoe kan wat mijn uw bij ook naar
    """,
}
_STOPS = {name: frozenset(text.split()) for name, text in _STOP_WORDS.items()}


def language_of(text: str) -> str | None:
    """Guess the language by script and by stop words; None when there is too little to tell."""
    letters = sum(c.isalpha() for c in text)
    for name, script in _SCRIPTS:
        if letters and len(re.findall(script, text)) > (0.05 if name == "Japanese" else 0.3) * letters:
            return name
    found = words(text)[:400]
    hits = sorted(
        ((sum(w in stops for w in found), name) for name, stops in _STOPS.items()), reverse=True
    )
    return hits[0][1] if hits[0][0] >= 4 and hits[0][0] >= 1.4 * hits[1][0] else None
