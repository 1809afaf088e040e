"""Which language a text is in: by its script, its commonest words, and at need a small model.

`language_of` is quick and knows few languages by their words; what it says is hardly ever wrong, and it
often says nothing. `language_for_certain` asks py3langid (no network, 139 languages) where the quick way
has no answer, and believes it from a probability of two thirds on.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import Any

from talkwright.errors import DataError

_HEAD = 800  # characters that are looked at; the language of the rest is the same
_LEAST_LETTERS = 15  # of a text that the model is asked about
_BELIEVED = 0.66
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]{1,400}`|https?://\S+", re.DOTALL)

# What has a script of its own, and the share of the letters from which it counts.
_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]"), 0.05),
    ("ko", re.compile("[\uac00-\ud7af]"), 0.3),
    ("zh", re.compile("[\u4e00-\u9fff]"), 0.3),
    ("el", re.compile("[\u0370-\u03ff]"), 0.3),
    ("he", re.compile("[\u0590-\u05ff]"), 0.3),
    ("th", re.compile("[\u0e00-\u0e7f]"), 0.3),
)
# Scripts of several languages: the one that most writing in it is in, where there is no model to ask.
_SHARED_SCRIPTS = (
    ("ru", re.compile("[\u0400-\u04ff]"), 0.3),
    ("ar", re.compile("[\u0600-\u06ff]"), 0.3),
    ("hi", re.compile("[\u0900-\u097f]"), 0.3),
)
_STOP_WORDS = {
    "en": """
        the and is to of you in for it that with are this can your on have be not will what how i
        my
    """,
    "de": """
        der die das und ist zu sie ich nicht ein eine mit für auf den dem wie was kann haben sind
        wir bitte im
    """,
    "fr": """
        le la les et est vous je ne pas un une des pour dans que qui avec sur votre du au ce
        comment
    """,
    "es": """
        el los las y es que en un una para con su por no se del al como puede usted mi cómo está
    """,
    "it": """
        il lo gli e è di che un una per non con si del della come può sono mio questo anche nel
    """,
    "pt": """
        o os as e é que em um uma para com seu por não se do da como você pode meu está no na
    """,
    "nl": """
        de het een en is van ik je niet dat op voor met zijn er hoe kan wat mijn uw bij ook naar
    """,
}
_LANGUAGES_OF: dict[str, tuple[str, ...]] = {}
for _name, _listed in _STOP_WORDS.items():
    for _word in _listed.split():
        _LANGUAGES_OF[_word] = (*_LANGUAGES_OF.get(_word, ()), _name)
_WORD = re.compile(r"[^\W\d_]+")
_ALPHABET = bytes(c if chr(c).isalpha() and c < 128 else 32 for c in range(256))


def language_of(text: str) -> str | None:
    """Guess the language as an ISO 639-1 code; None when there is too little to tell."""
    text = text[:_HEAD]
    if not text.isascii() and (found := _by_script(text, (*_SCRIPTS, *_SHARED_SCRIPTS))):
        return found
    return _by_words(text)


def language_for_certain(text: str) -> str | None:
    """The language as an ISO 639-1 code, of some rarer ones ISO 639-3; None for what cannot be told.

    Code and addresses are not looked at. Raises DataError where py3langid is missing.
    """
    text = (_CODE.sub(" ", text) if "`" in text or "://" in text else text)[:_HEAD]
    if not text.isascii() and (found := _by_script(text, _SCRIPTS)):
        return found
    if found := _by_words(text):
        return found
    if sum(map(str.isalpha, text)) < _LEAST_LETTERS and text.isascii():
        return None
    language, probability = _model().classify(text)
    if probability >= _BELIEVED and language != "zxx":  # ISO 639-2: no language, such as program text
        return str(language)
    return None


def _by_script(text: str, scripts: tuple[tuple[str, re.Pattern[str], float], ...]) -> str | None:
    letters = sum(map(str.isalpha, text))
    for name, script, share in scripts:
        if letters and len(script.findall(text)) > share * letters:
            return name
    return None


def _by_words(text: str) -> str | None:
    hits: Counter[str] = Counter()
    low = text.lower()
    words = low.encode().translate(_ALPHABET).decode().split() if low.isascii() else _WORD.findall(low)
    met = Counter(filter(None, map(_LANGUAGES_OF.get, words)))
    for languages, count in met.items():
        for language in languages:
            hits[language] += count
    ranked = hits.most_common(2)
    if not ranked or ranked[0][1] < 4:
        return None
    return ranked[0][0] if len(ranked) == 1 or ranked[0][1] >= 1.4 * ranked[1][1] else None


@cache
def _model() -> Any:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        raise DataError(
            "data.languages needs the package py3langid, which is not installed here: "
            "`pip install 'py3langid>=0.4,<0.5'`, or take data.languages out of the recipe."
        ) from None
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


# --- conversations -------------------------------------------------------------------------------


def foreign_turns(texts: list[str], wanted: frozenset[str]) -> list[bool]:
    """Say of each text whether it is certainly in a language that is not wanted."""
    return [
        (spoken := language_for_certain(text)) is not None and spoken not in wanted for text in texts
    ]
