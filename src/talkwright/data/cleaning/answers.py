"""What is wrong with a single answer: judged alike when rows are screened and when the doctor looks.

Every judgement begins with something cheap that most answers do not have, for each is made of each row.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from operator import eq

from talkwright.data.similarity.similar import normal

WIDE = "[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
"""Letters of languages that are written without spaces."""

# --- refusals ------------------------------------------------------------------------------------

_REFUSAL_HINTS = (
    "ai ", "ai,", "language model", "cannot", "can't", "can not", "unable", "not able", "won't",
    "cutoff", "cut-off", "do not have", "don't have",
)  # fmt: skip
_CANNOT = r"\b(?:can't|cannot|can not|won't|unable to|not able to)"
_REFUSAL = re.compile(
    r"\bas an? (?:ai|artificial intelligence)(?: (?:language )?(?:model|assistant|chatbot|system))?"
    r"(?:,| i\b)"
    r"|\bas a (?:large )?language model\b|\bai language model\b"
    r"|\bi(?:'m| am) (?:just |only |merely )(?:an? )?(?:ai|language model|computer program)\b"
    rf"|{_CANNOT} (?:assist|help|comply|engage|continue)(?: you)?(?: with| in| to)? ?(?:that|this|your)?"
    r"(?: kind of| type of)?(?: request| matter| topic| question)?[.,!;]"
    rf"|{_CANNOT} (?:fulfil+|comply with|answer|process|complete) (?:that|this|your|such)"
    r"(?: kind of| type of| an?)? ?requests?\b"
    rf"|{_CANNOT} (?:provide|give|offer|generate|create|write|share) (?:you )?(?:with )?(?:any )?"
    r"(?:information (?:on|about) (?:illegal|harmful|how to)|such content|"
    r"(?:medical|legal|financial) advice|explicit|harmful|illegal|offensive)"
    r"|\bi (?:do not|don't) have (?:the ability to|(?:access to )?real[- ]time|personal (?:opinions?|"
    r"feelings?|experiences?|beliefs?|preferences?)|feelings or|emotions|a physical)\b"
    r"|\bmy (?:knowledge|training)(?: data)? cut-?off\b|\bmy last (?:knowledge|training) update\b"
)


def is_refusal(answer: str) -> bool:
    """Say whether an answer, in its first 400 characters, declines as a language model does, or speaks
    of being one. That a shop cannot do something ("I can't refund after 30 days") is no refusal."""
    head = answer[:400].lower().replace("\u2019", "'")
    return any(hint in head for hint in _REFUSAL_HINTS) and bool(_REFUSAL.search(head))


# --- placeholders --------------------------------------------------------------------------------

_FIELD = re.compile(r"\{\{[^{}\n]{1,60}\}\}|\$\{\w{1,40}\}")
_BLANK = re.compile(
    r"\[(?:your|insert|company|customer|name|date|order|product|recipient)\b[^\]\n]{0,40}\]"
    r"(?!\()",
    re.IGNORECASE,
)
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]{1,400}`", re.DOTALL)
_ABOUT_TEMPLATES = (
    "jinja", "handlebars", "mustache", "liquid ", "helm ", "ansible", "vue.js", "vuejs", "angular",
    "django", "twig", "template", "templating", "placeholder", "variable", "syntax", "bash",
    "shell script", "javascript", "typescript", "kotlin", "groovy", "curly", "interpolat", "mail merge",
    "github action",
)  # fmt: skip
_ASKS_FOR_A_FORM = re.compile(
    r"\b(?:write|draft|compose|generate|create|rewrite|edit|template|letter|e-?mail|invoice|contract|cv|resume"
    r"|form|speech|message)\b",
    re.IGNORECASE,
)


def placeholder_in(answer: str, question: str) -> int | None:
    """Where a field stands that nobody filled in, such as {{Order Number}}; None where there is none.

    Not in code, not where the talk is of templates, and [Your Name] not where a letter was asked for.
    """
    if "{{" not in answer and "${" not in answer and "[" not in answer:
        return None
    text = _CODE.sub(lambda code: " " * len(code[0]), answer) if "`" in answer else answer
    found = _FIELD.search(text)
    if found:
        talk = _FIELD.sub(" ", f"{question[:600]} {answer[:600]}").lower()
        if not any(word in talk for word in _ABOUT_TEMPLATES):
            return found.start()
    blank = _BLANK.search(text)
    return blank.start() if blank and not _ASKS_FOR_A_FORM.search(question) else None


# --- repetition ----------------------------------------------------------------------------------

_SENTENCE = re.compile(r"[.!?\u2026\u3002\uff01\uff1f\n]+")
_SENTENCE_ENDS = bytes(10 if chr(code) in ".!?" else code for code in range(256))  # as line ends
_LEAST_SENTENCE = 20  # characters
_NEVER = 10_000
_LEAST_REPEATED = 12  # characters of a text that says a word over and over
# What ends with a sign is a sentence; what ends with its line may be an item of a list.
_SHORT_SENTENCE = re.compile(
    r"(?P<said>[^.!?\u2026\u3002\uff01\uff1f\n]+)(?P<end>[.!?\u2026\u3002\uff01\uff1f]*)\n*"
)
_WIDE_WORDS = re.compile(rf"{WIDE}{{4}}")
_LIKE_CODE = re.compile(r"[;{}()<>=|\\]|^\s{4}|^\t")
_PERIODS = range(1, 13)  # words of a phrase that is said over and over
_LONG_CIRCLE = 16  # words
_WIDE_LOOP = re.compile(rf"({WIDE}{{2,12}}?)\1{{5,}}")
_WIDE_LINE = re.compile(rf"{WIDE}{{12}}")
_LOOKED_AT = 6000  # characters


def repeats_itself(answer: str) -> bool:
    """Say whether an answer is degenerate: one sentence three times in a row or most of the text, a word
    or a phrase five times in a row. Not lines of code or tables, and not a refrain."""
    text = answer[:_LOOKED_AT]
    if len(text) < _LEAST_REPEATED:
        return False
    if "`" in text:
        text = _CODE.sub(" ", text)
    return _same_sentence(text) or (len(text) >= 3 * _LEAST_SENTENCE and _same_phrase(text))


def _same_sentence(text: str) -> bool:
    if text.isascii():
        parts = text.encode().translate(_SENTENCE_ENDS).decode().split("\n")
    else:
        parts = _SENTENCE.split(text)
    if len(parts) - len({part.strip().lower() for part in parts}) < 2:
        return False
    long = [part for part in parts if len(part) >= _LEAST_SENTENCE]
    said = [normal(part) for part in long if not _LIKE_CODE.search(part)]
    if any(a == b == c for a, b, c in zip(said, said[1:], said[2:], strict=False)):
        return True
    often = Counter(said).most_common(1)
    if often and often[0][1] >= 3 and often[0][1] * 2 > len(said):
        return True
    return _same_short_sentence(text)


def _same_short_sentence(text: str) -> bool:
    """One of a few words three times in a row, of lines four times; of one word five times."""
    run, last = 1, ""
    for part in _SHORT_SENTENCE.finditer(text):
        said = normal(part["said"])
        run = run + 1 if said == last else 1
        last = said
        if run < 3 or len(said) >= _LEAST_SENTENCE or _LIKE_CODE.search(part["said"]):
            continue
        words = [word for word in said.split() if any(map(str.isalpha, word))]
        several = (len(words) >= 2 and sum(map(len, words)) >= 6) or _WIDE_WORDS.search(said)
        wanted = (3 if several else 5) if part["end"] else (4 if several else _NEVER)
        if words and run >= wanted:
            return True
    return False


def _same_phrase(text: str) -> bool:
    words = text.split()
    if any(_runs_in_circles(words, period) for period in _periods(words)):
        return True
    return not text.isascii() and bool(_WIDE_LINE.search(text)) and bool(_WIDE_LOOP.search(text))


def _periods(words: list[str]) -> set[int]:
    """After how many words the text may begin again; all of them where it is too short to tell."""
    if len(words) <= 3 * _LONG_CIRCLE:
        doubles = len(words) - 1 - len(set(pairwise(words)))
        return set(_PERIODS) if doubles >= max(4, len(words) // 3) - 1 else set()
    # A circle of so many words covers one of these places.
    places = range(_LONG_CIRCLE, len(words), _LONG_CIRCLE)
    return {
        period
        for at in places
        if words[at] in words[at - _PERIODS[-1] : at]
        for period in _PERIODS
        if words[at] == words[at - period]
    }


def _runs_in_circles(words: list[str], period: int) -> bool:
    if sum(map(eq, words[period:], words)) < 4 * period:
        return False
    run = 0
    for word, earlier in zip(words[period:], words, strict=False):
        run = run + 1 if word == earlier and _is_prose(word) else 0
        # "la la la la la" in a song is none; a text that turns in circles does so for long.
        if run >= 4 * period and (run >= _LONG_CIRCLE or run * 3 >= len(words)):
            return True
    return False


def _is_prose(word: str) -> bool:
    return any(map(str.isalpha, word)) and not _LIKE_CODE.search(word)


def says_twice(answers: Iterable[str]) -> bool:
    """Say whether one of the longer answers of a conversation is given twice in it."""
    said = [answer for answer in answers if len(answer) > _TWICE]
    return len(set(said)) < len(said)


_TWICE = 30  # characters; what is shorter may well be said again


def echoes(question: str, answer: str) -> bool:
    """Say whether an answer is its question once more."""
    return (
        len(answer) > 15 and abs(len(question) - len(answer)) < 8 and normal(question) == normal(answer)
    )


# --- answers that stop, or say nothing -----------------------------------------------------------

_ENDS_WELL = re.compile(r"[.!?…:;)\]}\"'»”’*`>|。！？）」_~\U0001F300-\U0001FAFF\u2600-\u27BF-]\Z")
_GOES_ON = (
    "the|a|an|of|to|and|or|in|for|with|is|are|your|that|on|at|by|from|as"
    "|they|we|will|would|must|might|their|our|my|its|these|which|who|whose|because|although|while|if|but|than"
    "|into|onto|between|during|without|within|towards?|such|each|every|very|been|has|were|also|i['\u2019]m"
    "|you['\u2019](?:re|ll)|they['\u2019](?:re|ll)|we['\u2019](?:re|ll)|it['\u2019]s"
    "|der|dem|eine[mnr]?|und|oder|dass|weil|wenn|f\u00fcr|von|durch|ihre[nr]?|unsere|sind|wird"
    "|les?|une|et|ou|avec|pour|dans|votre|vos|leurs?|que|qui|sont|est"
    "|el|con|para|por|su|sus|una|del"
)
_LAST_WORD = re.compile(rf"(?:(?<![\w/.#@'\u2019-])(?:{_GOES_ON})|,|\w-)\Z", re.IGNORECASE)
# What ends a sentence all the same: "log in", "turn it on", "what is it for".
_ENDS_SO = re.compile(
    r"(?:\b(?:log|sign|check|turn|switch|plug|fill|come|go|keep|move|hold|put|try|opt|drop|hand|later"
    r"|and so|look|ask|wait|pay|care|used|made|depend)\w*"
    r"(?: (?:it|them|this|that|me|him|her|you|back))? (?:in|on|for|by|with|of|at|to|from)"
    r"|\b(?:if so|as such|who is|what is|there is|it is|so (?:they|we) are))\Z",
    re.IGNORECASE,
)
# Ends without a full stop: a link, a tag, a handle or a path; a result; the name below a quotation.
_ENDS_IN_NAME = re.compile(
    r"(?:\w+://\S+|www\.\S+|[#@/]\w[\w./-]*|\b\w+\.(?:com|org|net|de|io|html?|py)|%"
    r"|[=\u2248:] ?[$\u20ac\u00a3]?[\d.,]+|\b\w{1,2}[.):] ?\w{1,3}"
    r"|[\"'\u201d\u00bb*_.!?] ?[-\u2013\u2014~] ?[A-Z][\w. '\u2019-]{2,30})\Z"
)
_ITEM = re.compile(r"\s*(?:[-*+\u2022\u2013|>]|\(?\d{1,3}[.):]|\(?[a-zA-Z][.)]|[A-Z][\w ]{0,20}:)\s")
_INSIDE = re.compile(
    r"""[.!?\u2026]["')\u00bb\u201d]?\s+["'(\u201e\u201c]?[^\W_a-z]|[\u3002\uff01\uff1f]"""
)
_TAIL = 40  # characters
_OPEN = 60  # characters from which an answer in prose has a sign at its end


def has_full_stops(answer: str) -> bool:
    """Say whether sentences end with a sign inside an answer."""
    return bool(_INSIDE.search(answer))


def stops_open(answer: str) -> bool:
    """Say whether a longer answer in prose has no sign at its end, as one that was cut off has none.

    An answer that begins with a small letter and has no full stop inside is in a style without them; the
    items of a list are compared with those before, and a list that was announced has more than one.
    """
    answer = answer.rstrip()
    tail = answer[-_TAIL:]
    if len(answer) < _OPEN or _ENDS_WELL.search(tail) or _ENDS_IN_NAME.search(tail):
        return False
    start = answer.rfind("\n") + 1
    if start and _ITEM.match(answer, start):
        before = [line for line in answer[:start].splitlines() if _ITEM.match(line)]
        if not before:  # a list of one item
            return answer.startswith("1", start) and answer[:start].rstrip().endswith(":")
        return all(line.rstrip()[-1:] in _SIGNS for line in before)
    if "\n" in tail or _ITEM.match(answer, start):
        return False
    first = next((c for c in answer[:_TAIL] if c.isalpha()), "")
    return bool(first) and (not first.islower() or has_full_stops(answer))


_SIGNS = ".!?\u2026\u3002\uff01\uff1f\uff1b;"


def stops_short(answer: str) -> bool:
    """Say whether an answer ends with a word or a comma after which something must come."""
    tail = answer[-_TAIL:].rstrip()
    goes_on = tail[-1:].isalpha() or tail[-1:] in (",", "-")
    if not goes_on or len(answer) < 20 or not _LAST_WORD.search(tail):
        return False
    return not _ENDS_SO.search(tail) and not _ENDS_IN_NAME.search(tail)


def is_cut_off(answer: str) -> bool:
    """Say whether an answer stops in the middle of a sentence."""
    return stops_short(answer) or stops_open(answer)


_GENERIC = re.compile(
    r"i (?:do not|don't) know|how (?:can|may) i (?:help|assist)|please contact|happy to help|let me know"
    r"|thank you for (?:contact|reach)|i(?:'m| am) here to help|is there anything else"
    r"|have a (?:nice|great) day"
)
LONG = 200
"""Characters from which an answer is no mere phrase."""


def is_phrase(answer: str) -> bool:
    """Say whether an answer is short, and one that would do for any question."""
    return len(answer) < LONG and bool(_GENERIC.search(answer.lower().replace("\u2019", "'")))
