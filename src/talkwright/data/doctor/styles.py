"""Answers of one data set that are written in several styles: a table of marks, each a cheap test.

A mark says nothing about one answer; it is told where a good part of the answers bear it and a good part
does not. What the questions ask for (a letter, JSON, a tweet) is no style, and is not looked at.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from talkwright.data.cleaning.answers import LONG
from talkwright.data.doctor.symptoms import Example, Rows, Symptom, Talk, example, symptom

_LEAST = 20  # answers that could bear a mark, and half as many that do or do not
_INSIDE = 0.15  # a mark is mixed where it is on at least this share of the answers, and not on as many
_APART = 0.7  # shares of two sources that far apart are two styles
_LETTERS = 20  # an answer shorter than so many characters has no style
_HEAD = 2000  # characters of an answer that are looked at

# --- marks ---------------------------------------------------------------------------------------

# Numbered lists are plain text too, and code is code.
_MARKDOWN = re.compile(r"^(?:#{1,6} |[-*] )|\*\*[^*\n]+\*\*", re.MULTILINE)
_HTML = re.compile(r"<(?:p|div|br|ul|ol|li|b|i|em|strong|span|h[1-6])\b[^<>\n]{0,80}>", re.IGNORECASE)
_EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u26ff\u2728\u2705\u2764\u2b50]")
_SALUTES = re.compile(
    r"(?:dear|hello|hi|hey|good (?:morning|day)|sehr geehrte\w*|hallo|guten tag|bonjour|cher|ch[èe]re"
    r"|hola|estimad[oa]|buongiorno|gentile)\b[^\n.!?]{0,40}[,!]?\s*\n",
    re.IGNORECASE,
)
_SIGNS_OFF = re.compile(
    r"\n\s*(?:(?:best|kind|warm) )?(?:regards|wishes)|\n\s*(?:sincerely|yours|cheers)\b"
    r"|\n\s*(?:mit )?(?:freundlichen|viele|beste|liebe) gr|\n\s*cordialement|\n\s*(?:un )?saludos?\b",
    re.IGNORECASE,
)
_FILLER = re.compile(
    r"(?:sure|certainly|of course|absolutely|great question|happy to help|no problem|gladly|nat[üu]rlich"
    r"|klar|gerne?|selbstverst[äa]ndlich|bien s[ûu]r|avec plaisir|claro|por supuesto|certo|certamente"
    r"|当然|好的)(?:\b[^\w\n]|[!,.:\uff01\uff0c\u3002 ])",
    re.IGNORECASE,
)


def _in_markdown(text: str) -> bool:
    return ("**" in text or "- " in text or "* " in text or "# " in text) and bool(
        _MARKDOWN.search(text)
    )


def _in_html(text: str) -> bool:
    return "<" in text and bool(_HTML.search(text))


def _with_emoji(text: str) -> bool:
    return not text.isascii() and bool(_EMOJI.search(text))


def _in_json(text: str) -> bool:
    ends = text[0] + text[-1]
    return ends in ("{}", "[]") and ('":' in text or '" :' in text)


def _in_capitals(text: str) -> bool:
    return text.isupper() and sum(map(str.isupper, text)) >= _LETTERS


def _without_capitals(text: str) -> bool:
    return text.islower() and sum(map(str.islower, text)) >= _LETTERS


def _as_a_letter(text: str) -> bool:
    if "\n" not in text:
        return False
    return bool(_SALUTES.match(text) and len(text) > 40) or bool(_SIGNS_OFF.search(text[-120:]))


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark: how answers with it are, and the others; `borne` tests it, `among` says of which
    answers, `asked` where a question wants it, and `inside` is the share from which it is mixed."""

    named: str
    others: str
    borne: Callable[[str], bool]
    asked: str
    among: Callable[[str], bool] = lambda text: len(text) >= _LETTERS
    inside: float = _INSIDE
    fix: str = ""


_PLAIN = "data.markdown: plain  # or write all of them in Markdown"
_MARKS = (
    Mark("in Markdown", "plain text", _in_markdown, r"markdown|\*\*|^#+ ",
         lambda text: len(text) >= LONG, fix=_PLAIN),
    Mark("short ones in Markdown", "plain text", _in_markdown, r"markdown|\*\*|list|^- ",
         lambda text: 40 <= len(text) < LONG, fix=_PLAIN),
    Mark("JSON", "prose", _in_json, r"json|array|\{"),
    Mark("in HTML", "without tags", _in_html, r"html|web ?page|<\w"),
    Mark("in CAPITALS", "in usual spelling", _in_capitals, r"capital|upper.?case|all caps"),
    Mark("without any capital letter", "in usual spelling", _without_capitals, r"lower.?case"),
    Mark("with emoji", "without emoji", _with_emoji, r"emoji|tweet|instagram|caption"),
    Mark("like letters, with a greeting or signature", "not like letters", _as_a_letter,
         r"letter|mail|message|note\b|brief|invit|write|draft"),
    # Twice in ten answers "Sure, ..." is how people talk.
    Mark('opened by a filler such as "Sure!"', "without", lambda text: bool(_FILLER.match(text)),
         r"\Z\A", inside=0.25),
)  # fmt: skip

# How a person is spoken to: the language, both forms by name, and in words that mean nothing else. Most
# texts have none of the pieces of the formal ones.
_ADDRESSES = tuple(
    (language, names, re.compile(near), re.compile(far), pieces)
    for language, names, near, far, pieces in (
        ("German", ("du", "Sie"), r"\b(?:[Dd]u|[Dd]ich|[Dd]ir|[Dd]eine?[mnrs]?)\b",
         r"(?<=[a-zäöüß,] )(?:Sie|Ihnen|Ihre?[mnrs]?)\b", (" Sie", " Ih")),
        ("French", ("tu", "vous"),
         r"\b(?:tu (?:es|as|peux|dois|veux|vas|trouve\w*|pourras|devras)|toi|tes)\b",
         r"\b(?:[Vv]ous|[Vv]otre|[Vv]os)\b", ("ous", "otre", "os ")),
        ("Spanish", ("tú", "usted"), r"\b(?:tú|puedes|tienes|quieres|debes|tus|contigo|podrás)\b",
         r"\b[Uu]sted(?:es)?\b", ("sted",)),
        ("Italian", ("tu", "Lei"), r"\b(?:puoi|devi|vuoi|tuoi?|tua|tue)\b",
         r"(?<=[a-zàèéìòù,] )(?:Lei|Suo|Sua|Suoi|Sue)\b", (" Lei", " Su")),
        ("Dutch", ("je", "u"), r"\b(?:jij|jouw|je (?:kunt|moet|hebt|bent))\b",
         r"\b(?:uw|u (?:kunt|moet|hebt|bent))\b", ("uw ", "u kunt", "u moet", "u hebt", "u bent")),
    )
)  # fmt: skip


# --- mixtures ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Mixture:
    """A mark that some answers bear and others do not, by their places; `said` puts it in words."""

    said: str
    fewer: list[int]
    more: list[int]
    fix: str


def mixed_styles(rows: Rows) -> Symptom | None:
    """Answers in several styles: some in Markdown, in capitals, with "du", and others not."""
    texts = [_told(talk) for talk in rows]
    mixtures = [found for mark in _MARKS if (found := _mixture(mark, rows, texts))]
    mixtures += [found for address in _ADDRESSES if (found := _addressed(address, texts))]
    if not mixtures:
        return None
    places = sorted({at for mixture in mixtures for at in mixture.fewer})
    made = symptom(
        "mixed_styles",
        rows,
        [(at, texts[at]) for at in places],
        what=f"answers are written unlike the others: {'; '.join(m.said for m in mixtures)}",
        why="The model will change its style from answer to answer.",
        fix=next((m.fix for m in mixtures if m.fix), "") or _ADVICE,
    )
    shown: list[Example] = []
    for mixture in mixtures[:_SHOWN]:
        for at in (mixture.fewer[0], mixture.more[0]):
            shown.append(example(rows[at].row, texts[at]))
    return made and replace(made, examples=tuple(dict.fromkeys(shown)))


_ADVICE = "write them in one style, or give each style a system prompt of its own"
_SHOWN = 3  # mixtures with an example of either side


def _told(talk: Talk) -> str:
    """The longest answer of a conversation, which has most of a style; calls of tools have none."""
    said = [answer.strip() for answer in talk.answers]
    if talk.row.tools or any(m.role == "tool" for m in talk.row.messages):
        said = [answer for answer in said if answer[:1] not in ("{", "[")]
    return max(said, key=len, default="")[:_HEAD]


def _mixture(mark: Mark, rows: Rows, texts: Sequence[str]) -> _Mixture | None:
    among = [at for at, text in enumerate(texts) if text and mark.among(text)]
    if len(among) < _LEAST:
        return None
    borne = {at for at in among if mark.borne(texts[at])}
    if len(borne) < _LEAST // 2:
        return None
    asked = re.compile(mark.asked, re.IGNORECASE | re.MULTILINE)
    wanted = {at for at in borne if asked.search("\n".join(rows[at].questions))}
    borne -= wanted
    among = [at for at in among if at not in wanted]
    bare = [at for at in among if at not in borne]
    shares = (len(borne), len(bare))
    if min(shares) < _LEAST // 2 or min(shares) < mark.inside * len(among):
        return None
    fewer, more = sorted((sorted(borne), bare), key=len)
    said = f"{len(borne)} {mark.named}, {len(bare)} {mark.others}{_by_source(rows, among, borne)}"
    return _Mixture(said, fewer, more, mark.fix)


def _by_source(rows: Rows, among: Sequence[int], borne: set[int]) -> str:
    """Which sources bear a mark and which do not, where they are of one style each."""
    sums: Counter[str] = Counter(rows[at].row.source for at in among)
    marked: Counter[str] = Counter(rows[at].row.source for at in borne)
    shares = {name: marked[name] / count for name, count in sums.items() if count >= _LEAST // 2}
    if len(shares) < 2 or max(shares.values()) - min(shares.values()) < _APART:
        return ""
    listed = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    return f" ({', '.join(f'{name} {share:.0%}' for name, share in (listed[0], listed[-1]))})"


_Address = tuple[str, tuple[str, str], re.Pattern[str], re.Pattern[str], tuple[str, ...]]


def _addressed(address: _Address, texts: Sequence[str]) -> _Mixture | None:
    """People are spoken to as friends here and as strangers there."""
    language, names, familiar, formal, pieces = address
    likely = [at for at, text in enumerate(texts) if any(piece in text for piece in pieces)]
    far = [at for at in likely if formal.search(texts[at])]
    if len(far) < _LEAST // 2:
        return None
    near = [at for at, text in enumerate(texts) if familiar.search(text)]
    both = set(near) & set(far)  # a story, or a lesson in the language
    near, far = [at for at in near if at not in both], [at for at in far if at not in both]
    fewer, more = sorted((near, far), key=len)
    if len(fewer) < max(_LEAST // 2, _INSIDE * (len(near) + len(far))):
        return None
    said = f"{len(near)} say {names[0]}, {len(far)} {names[1]} ({language})"
    return _Mixture(said, fewer, more, "")
