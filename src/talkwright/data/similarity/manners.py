"""Courtesy at the edges of what a user says: "Hi, ... Thanks!" asks nothing."""

from __future__ import annotations

import re

_GREETS = frozenset(
    """
    hi hello hey hiya greetings good dear please pls hallo guten hola buenos buenas bonjour bonsoir salut
    ciao buongiorno olá bom boa moin servus bitte
    """.split()  # noqa: SIM905
)
_THANKS = frozenset(
    """
    thanks thx you much lot advance d'avance again cheers please pls plz danke dank voraus bitte merci
    plaît gracias grazie anticipo obrigado obrigada
    """.split()  # noqa: SIM905
)
_OPENING = re.compile(
    r"(?:(?:(?:hi|hello|hey|hiya|greetings|hallo|hola|bonjour|bonsoir|salut|ciao|buongiorno|olá|moin"
    r"|servus)(?: (?:there|all|everyone|team|again|zusammen|a todos|à tous))?"
    r"|good (?:morning|afternoon|evening|day)|guten (?:morgen|tag|abend)|buen[oa]s (?:días|tardes)"
    r"|buenas noches|bo[ma] (?:dia|tarde|noite)|dear (?:sir|madam|team|support|all)|please|pls|bitte) )+"
)
# What is said, meant or thanked for is none: "How do you say thanks?"
_CLOSING = re.compile(
    r"(?:(?<! say)(?<! saying)(?<! says)(?<! word)(?<! for)(?<! of)(?<! to)(?<! and)(?<! or)(?<! the) "
    r"(?:(?:many |so many |vielen |besten |herzlichen |muchas |mille |molte |muito )?"
    r"(?:thanks|thx|thank you|danke|dank|merci|gracias|grazie|obrigad[oa])"
    r"(?: (?:very much|so much|a lot|in advance|again|im voraus|d'avance|in anticipo))?"
    r"|cheers|please|pls|plz|bitte|s'il vous plaît))+\Z"
)
_LEAST = 3  # words that a question has to keep
_LONGEST = 6  # words of a courtesy


def without_manners(words: list[str]) -> list[str]:
    """The words of a text without courtesy at its edges; all of them where little else is said."""
    if len(words) <= _LEAST:
        return words
    start, end = 0, len(words)
    if words[0] in _GREETS and (found := _OPENING.match(" ".join(words[:_LONGEST]) + " ")):
        start = found[0].count(" ")
    if words[-1] in _THANKS:
        behind = " " + " ".join(words[-_LONGEST:])
        found = _CLOSING.search(behind)
        end -= found[0].count(" ") if found else 0
    return words[start:end] if end - start >= _LEAST else words
