"""What an answer says besides courtesy, and what two answers say besides what both say."""

from __future__ import annotations

import re
from functools import lru_cache

from talkwright.data.similarity.similar import words

_ITEMS = 40  # sentences or list items of an answer that are looked at
_END = 250  # characters in which good wishes and a signature are looked for
_FAR = 400  # characters by which two answers of which a few sentences differ may differ in length
_REST = 3  # sentences or items that one of two answers has besides those that both have
_TITLE = r"(?:mr|mrs|ms|dr|prof|herr|frau|sr|sra|m|mme)\.? "
_SALUTATION = re.compile(
    r"\A\W*(?:hi|hello|hey|dear|good (?:morning|afternoon|evening|day)|greetings"
    r"|guten (?:tag|morgen|abend)|hallo|moin|liebe[rs]?|sehr geehrte[rs]?|goede(?:morgen|middag|navond)"
    r"|beste|geachte|bonjour|bonsoir|chère?|hola|buen[oa]s (?:días|tardes|noches)|estimad[oa]s?"
    r"|querid[oa]s?|olá|oi|bom dia|boa (?:tarde|noite)|prezad[oa]s?|buongiorno|buonasera|salve|ciao"
    rf"|gentile|dzień dobry|witam|cześć|szanown[yai]\w*)\b(?: {_TITLE}|[^,.!?:;\n]){{0,40}}[,.!:\n]+\s*",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"\A\W*(?:\w+ and )?(?:(?:many |so |very )*thanks|thank you|(?:vielen|herzlichen"
    r"|besten) dank|danke|merci"
    r"|(?:muchas )?gracias|(?:muito )?obrigad[oa]|(?:molte |mille )?grazie|(?:hartelijk )?dank u?"
    r"|bedankt|dziękuj\w+)\b[^,.!?\n]*[,.!\n]+\s*",
    re.IGNORECASE,
)
_SIGNED = re.compile(
    r"(?:(?<=[.!?:)])|\n)\s*(?:(?:with )?(?:kind|best|warm|many|friendly)(?:est)? (?:regards|wishes"
    r"|greetings)|regards|all the best|sincerely|yours|cheers|greetings|mit freundlichen grüßen"
    r"|(?:viele|liebe|beste|freundliche|herzliche) grüße|gruß|cordialement|bien à vous"
    r"|(?:un )?saludos?|atentamente|(?:um )?abraços?|atenciosamente|cumprimentos"
    r"|(?:cordiali |distinti )?saluti|met vriendelijke groet(?:en)?|groet(?:en|jes)|pozdrawiam"
    r"|z poważaniem|ihre?|your)\b[^.?!:]{0,70}[.!]?\s*\Z",
    re.IGNORECASE,
)
_WISH = re.compile(
    r"(?:(?<=[.!?)])\s+|\n\s*)(?:have (?:a|fun)\b|enjoy\b|we(?:'re| are)? look(?:ing)? forward"
    r"|see you\b|please (?:don't|do not) hesitate|(?:don't|do not) hesitate|feel free to (?:ask|contact"
    r"|reach|write|get)|let (?:me|us) know\b|good luck|happy \w+ing|take care\b|safe travels"
    r"|(?:if|should) (?:you have|there are) (?:any )?(?:more |other |further )?questions"
    r"|(?:any (?:more |other |further )?)?questions\?|bonne |viel spaß|schönen? |gute[ns]? "
    r"|que (?:tenga|tengas|disfrute)|buona |boas? |miłego )[^.!?\n]*[.!?]*\s*\Z",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_MARK = re.compile(r"\A(?:[-*\u2022]|\d{1,2}[.)])\s+")


@lru_cache(maxsize=4096)
def gist(answer: str) -> str:
    """An answer without salutation, thanks, good wishes and signature; the answer, if that is all."""
    rest = answer.strip()
    for opening in (_SALUTATION, _SALUTATION, _THANKS):
        rest = opening.sub("", rest, count=1) or rest
    begin, end = rest[:-_END], rest[-_END:]
    end = _SIGNED.sub("", end)
    for _ in range(3):
        shorter = _WISH.sub("", end)
        if shorter == end:
            break
        end = shorter
    return (begin + end).strip() or rest


def besides(a: str, b: str) -> tuple[str, str] | None:
    """What each of two texts says that the other does not say in the same words; None where that is all
    of one, or nothing."""
    if abs(len(a) - len(b)) > _FAR or not (_SENTENCE.search(a) and _SENTENCE.search(b)):
        return None
    one, other = _items(a), _items(b)
    if len(one) < 2 or len(other) < 2:
        return None
    both = one.keys() & other.keys()
    mine = [said for key, said in one.items() if key not in both]
    yours = [said for key, said in other.items() if key not in both]
    if not both or not 0 < len(mine) <= _REST or not 0 < len(yours) <= _REST:
        return None
    return " ".join(mine), " ".join(yours)


@lru_cache(maxsize=4096)
def _items(text: str) -> dict[str, str]:
    """The sentences and list items of a text, by their normal form without marks."""
    found: dict[str, str] = {}
    for part in _SENTENCE.split(text)[:_ITEMS]:
        said = _MARK.sub("", part.strip())
        key = " ".join(words(said))
        if key and said[-1] != ":":
            found[key] = said if said[-1] in ".!?;:" else said + "."
    return found
