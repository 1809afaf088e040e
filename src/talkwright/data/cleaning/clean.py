"""From what a row says to a conversation worth learning: named repairs, or the reason to drop it."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from html.entities import html5
from typing import Any

from talkwright.config import DataSection
from talkwright.data.cleaning.edges import has_edges, without_edges
from talkwright.data.cleaning.mojibake import is_certain
from talkwright.types import Message

# What a row may grow to in markup before it is not even cleaned: keeps a huge row cheap.
_MARKUP_ALLOWANCE = 10

_THOUGHT = re.compile(  # OpenThoughts and others after Sky-T1
    r"\s*<\|begin_of_thought\|>(.*?)<\|end_of_thought\|>\s*"
    r"<\|begin_of_solution\|>(.*?)(?:<\|end_of_solution\|>)?\s*",
    re.DOTALL,
)
_THINK = re.compile(r"\s*<think>(.*?)</think>(.*)", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")

_STRIPPED = "stripped_whitespace"
# An answer whose first line is indented, and the last line of a question that ends inside code.
_INDENTED = re.compile(r"(?:[ \t]*\r?\n)*(?P<first>(?: {2}|\t)[ \t]*\S)")
_BRANCH = re.compile(r"(?:if |elif |else\b|for |while |try\b|except\b|with )")
_DEFINITION = re.compile(r"(?<!\S)(?:def|class) \w")

Cleaned = tuple[tuple[Message, ...], tuple[str, ...]]


def clean(messages: tuple[Message, ...], section: DataSection | None) -> Cleaned | str:
    """Clean one conversation: its messages with the names of the repairs, or its drop reason.

    Without a `section` only the order of turns is put right, and text is left alone except for what
    is not valid Unicode.
    """
    if section and sum(map(_size, messages)) > section.max_chars * _MARKUP_ALLOWANCE:
        return "too_long"
    repairs: dict[str, None] = {}
    turns: list[Message] | str = [*messages]
    if not _is_in_order(messages):
        turns = _in_order([_split_thinking(message, repairs) for message in messages], repairs)
    if isinstance(turns, str):
        return turns
    cleaned = turns
    for name, step in _text_steps(section, turns):
        cleaned = [_apply(step, name, message, repairs) for message in cleaned]
    if section:
        asked = [None, *cleaned]
        cleaned = [
            _apply(_within_code if _goes_on(before, message) else str.strip, _STRIPPED, message, repairs)
            for before, message in zip(asked, cleaned, strict=False)
        ]
    if cleaned != turns:
        turns = _in_order(cleaned, repairs)  # cleaning may have emptied a turn
    if isinstance(turns, str):
        return turns
    if section and sum(map(_size, turns)) > section.max_chars:
        return "too_long"
    return tuple(turns), tuple(repairs)


def _size(message: Message) -> int:
    said = message.text if message.tool_calls else message.content
    return len(said) + len(message.thinking or "")


# --- text ----------------------------------------------------------------------------------------


def _text_steps(
    section: DataSection | None, turns: list[Message]
) -> list[tuple[str, Callable[[str], str]]]:
    """The steps that may change one of these turns: a step that has nothing to look for is left out."""
    steps: list[tuple[str, Callable[[str], str]]] = []
    texts = [turn.content for turn in turns] + [turn.thinking for turn in turns if turn.thinking]
    plain = all(map(str.isascii, texts))
    if section and section.fix_unicode:
        if not plain or any("\r" in text for text in texts):
            steps.append(("fixed_line_ends", _fix_line_ends))
        steps.append(("fixed_unicode", partial(fix_unicode, within=texts)))
    if not plain:
        steps.append(("fixed_unicode", lambda text: _SURROGATE.sub("\ufffd", text)))
    if section and section.boilerplate == "strip" and has_edges(texts):
        steps.append(("removed_template_marks", without_edges))
    marked_up = any("<" in text or "&" in text for text in texts)
    if section and section.strip_html and marked_up and not _about_markup(turns):
        steps.append(("stripped_html", strip_html))
    return steps


def _goes_on(before: Message | None, message: Message) -> bool:
    """Say whether an answer goes on within the code that its question ends in: it is indented, and so is
    the question's last line, or that opens a block."""
    if not message.content[:1].isspace() or message.role != "assistant":
        return False
    if before is None or before.role != "user" or _INDENTED.match(message.content) is None:
        return False
    *others, last = before.content.rstrip().rsplit("\n", 1)
    return bool(others and last[:1] in (" ", "\t")) or _opens_block(last)


def _opens_block(line: str) -> bool:
    # The end first: a search for both at once is slow on "class class class".
    return line.endswith("{") or bool(
        line.endswith(":") and (_BRANCH.match(line) or _DEFINITION.search(line))
    )


def _within_code(text: str) -> str:
    """A text without empty lines before it and blanks behind it, whose first line stays indented."""
    found = _INDENTED.match(text)
    return text.strip() if found is None else text[found.start("first") :].rstrip()


def _apply(step: Callable[[str], str], name: str, message: Message, repairs: dict[str, None]) -> Message:
    content = step(message.content)
    thinking = message.thinking if message.thinking is None else step(message.thinking)
    if content == message.content and thinking == message.thinking:
        return message
    repairs[name] = None
    return replace(message, content=content, thinking=thinking)


def _split_thinking(message: Message, repairs: dict[str, None]) -> Message:
    if message.role != "assistant" or message.thinking is not None:
        return message
    found = _THINK.match(message.content) or _THOUGHT.fullmatch(message.content)
    if not found:
        return message
    repairs["split_thinking"] = None
    return replace(message, content=found[2].strip(), thinking=found[1].strip() or None)


def _fix_line_ends(text: str) -> str:
    r"""Make every line end `\n`."""
    return _LINE_END.sub("\n", text)


def fix_unicode(text: str, within: Sequence[str] = ()) -> str:
    """Repair mojibake, control characters and broken surrogates; leave quotes alone.

    Mojibake stays where the texts `within` which this one stands speak of it, or may do.
    """
    if text.isascii():  # then doubtful is what cannot be printed, line ends and tabs aside
        if text.isprintable() or text.replace("\n", "").replace("\t", "").isprintable():
            return text
    elif not _DOUBTFUL.search(text):
        return text
    import ftfy

    return str(ftfy.fix_text(text, _ftfy_config(is_certain(within))))


_LINE_END = re.compile("\r\n?|[\u2028\u2029]")
# Mojibake of UTF-8 is at least two characters beyond ASCII in a row, for all its bytes are. So single
# ones among plain text are right as they are, except for letters that may stand before a lost blank.
_SINGLE = (
    "\u2018\u2019\u201c\u201d\u2013\u2014\u2026\u2022\u20ac\u00a3\u00b0\u00b7\u00ab\u00bb\u00bf\u00a1\u00a9\u00ae\u2122"
    "\u00e0\u00e1\u00e4\u00e7\u00e8\u00e9\u00ea\u00eb\u00ed\u00ee\u00ef\u00f1\u00f3\u00f4\u00f6\u00f9\u00fa\u00fb\u00fc\u00df"
    "\u00c4\u00d6\u00dc\u00c9\U0001f300-\U0001f3fa\U0001f400-\U0001faff"
)
# Scripts that no one-byte encoding has.
_WIDE = "\u4e00-\u9fff\u3041-\u3096\u30a1-\u30fa\u30fc\u3001\u3002\uff0c\uff01\uff1f"
_DOUBTFUL = re.compile(rf"[^\t\n\x20-\x7e{_SINGLE}{_WIDE}]|[{_SINGLE}]{{2}}")


@cache
def _ftfy_config(decode: bool = True) -> Any:
    import ftfy

    return ftfy.TextFixerConfig(
        fix_encoding=decode,
        unescape_html=False,
        uncurl_quotes=False,
        fix_latin_ligatures=False,
        fix_character_width=False,
        normalization="NFC",
        explain=False,
    )


# --- HTML ----------------------------------------------------------------------------------------

_BLOCK_NAMES = """
    address article aside blockquote body center div dl dd dt fieldset figure footer form h1 h2 h3 h4
    h5 h6 head header html li main nav ol p pre section table tbody tfoot thead tr ul
"""
_INLINE_NAMES = """
    a abbr b bdi bdo big button cite code del dfn em font i ins kbd label mark q s samp small span
    strike strong sub sup td th time title tt u var script style o:p
"""
_BLOCK = frozenset(_BLOCK_NAMES.split())
_ALONE = frozenset(("br", "hr", "img", "wbr", "meta", "link"))
_ELEMENTS = _BLOCK | _ALONE | frozenset(_INLINE_NAMES.split())
# Sloppy HTML leaves these open, and nobody uses them as placeholders.
_OFTEN_OPEN = frozenset(("p", "li", "tr", "td", "th", "div"))

_TAG = re.compile(
    r"<(?P<close>/?)(?P<name>[A-Za-z][A-Za-z0-9:]{0,10})"
    r"(?P<rest>(?:\s+[\w:@-]+(?:\s*=\s*(?:\"[^\"<]{0,4000}\"|'[^'<]{0,4000}'|[^\s\"'<>=]{1,2000}))?){0,40})\s*/?>"
)
# What begins and ends a text for a tokenizer, or ends one before another begins: nothing is struck out.
_SENTENCE = re.compile(r"\A\s*<s>.*</s>\s*\Z|\A(?:(?!<s>).)*</s>", re.DOTALL)
_DOCTYPE = re.compile(r"<!doctype[^<>]{0,200}>", re.IGNORECASE)
_INVISIBLE = tuple(
    (re.compile(opening, re.IGNORECASE), re.compile(closing, re.IGNORECASE))
    for opening, closing in (
        (r"<!--", r"-->"),
        (r"<script\b[^<>]{0,2000}>", r"</script\s*>"),
        (r"<style\b[^<>]{0,2000}>", r"</style\s*>"),
    )
)
_LINK = re.compile(
    r"<a\s[^<>]{0,2000}?href\s*=\s*[\"'](?P<url>(?:https?|mailto):[^\"'<>]{1,2000})[\"'][^<>]{0,2000}>"
    r"(?P<text>[^<]{0,2000})</a\s*>",
    re.IGNORECASE,
)
_POWER = re.compile(
    r"<sup>\s{0,9}([-+\u2212]?\d{1,9}|[a-z])\s{0,9}</sup>", re.IGNORECASE
)  # 10^3 is not 103
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_CODE = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]{1,2000}`)", re.DOTALL)
_MARKUP_TALK = re.compile(
    r"\b(?:x?html\d?|xml|svg|css|javascript|jsx|markup|tags?)\b",
    re.IGNORECASE | re.ASCII,  # ASCII: Chinese and Japanese put no space after the word
)


# A tag that is shown and not used: with nothing inside, or named in a sentence.
_SHOWN = re.compile(
    r"<(\w{1,10})>\s*(?:\.\.\.|\u2026)\s*</\1>"
    r"|\b(?:type|write|insert|use|using) (?:an? |the )?(?:<[bh]r ?/?>|&(?:nbsp|copy|[mn]dash);) [a-z]",
    re.IGNORECASE,
)


def _about_markup(turns: list[Message]) -> bool:
    # Where the talk is about markup, the markup is the answer and not dirt.
    return any(
        _SHOWN.search(turn.content) or _MARKUP_TALK.search(_TAG.sub(" ", turn.content)) for turn in turns
    )


def strip_html(text: str) -> str:
    """Turn HTML tags and entities into plain text, outside code.

    Only names of HTML elements count, and one that could be a placeholder (`<address>`) only with
    an attribute or with its closing tag; `a < b`, `<your name>` and `List<String>` stay.
    """
    if "<" not in text and "&" not in text:
        return text
    parts = _CODE.split(text)
    if len(parts) == 1:
        return _strip(text)
    return "".join(part if index % 2 else _strip(part) for index, part in enumerate(parts))


def _strip(text: str) -> str:
    if "<" in text and _has_tags(text):
        text = _strip_tags(text)
    return _ENTITY.sub(_unescape, text) if "&" in text else text


def _has_tags(text: str) -> bool:
    closed = _closed(text)
    return "<!--" in text or any(_is_tag(found, closed) for found in _TAG.finditer(text))


def _closed(text: str) -> frozenset[str]:
    found = [(tag["name"].lower(), bool(tag["close"])) for tag in _TAG.finditer(text)]
    opening = {name for name, close in found if not close}
    if "s" in opening and _SENTENCE.search(text):
        opening.remove("s")
    return frozenset(name for name, close in found if close and name in opening)


def _is_tag(found: re.Match[str], closed: frozenset[str]) -> bool:
    name = found["name"].lower()
    if name not in _ELEMENTS:
        return False
    return name in _ALONE or name in _OFTEN_OPEN or name in closed or "=" in found["rest"]


def _strip_tags(text: str) -> str:
    for opening, closing in _INVISIBLE:
        text = _without(text, opening, closing)
    text = _LINK.sub(_link_text, _DOCTYPE.sub("", text))
    text = _POWER.sub(r"^\1", text)
    closed = _closed(text)

    def replacement(found: re.Match[str]) -> str:
        name = found["name"].lower()
        if not _is_tag(found, closed):
            return found[0]
        if name == "li":
            return "" if found["close"] else "\n- "
        if name in ("td", "th"):
            return " "
        if name in ("s", "del", "strike"):
            return "~~"
        if name in ("p", "h1", "h2", "h3", "h4", "h5", "h6"):
            return "\n\n"
        return "\n" if name in _BLOCK or name in ("br", "hr") else ""

    text = _TAG.sub(replacement, text)
    text = re.sub(r"[ \t]*\n[ \t]*", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")


def _without(text: str, opening: re.Pattern[str], closing: re.Pattern[str]) -> str:
    # Not one expression with ".*?" in it: that takes quadratic time where nothing is ever closed.
    pieces, at = [], 0
    while (start := opening.search(text, at)) and (end := closing.search(text, start.end())):
        pieces.append(text[at : start.start()])
        at = end.end()
    return "".join(pieces) + text[at:]


def _link_text(found: re.Match[str]) -> str:
    address, shown = found["url"].removeprefix("mailto:"), found["text"].strip()
    return shown if not shown or address.rstrip("/").endswith(shown) else f"{shown} ({address})"


def _unescape(found: re.Match[str]) -> str:
    if found[0][1] != "#" and found[0][1:] not in html5:
        return found[0]
    plain = html.unescape(found[0])
    return " " if plain == "\xa0" else plain


# --- turns ---------------------------------------------------------------------------------------


def _is_in_order(messages: Sequence[Message]) -> bool:
    """Say, quickly, whether this is as it should be; what is said no to may yet be."""
    due: tuple[str, ...] = ("system", "user")
    for message in messages:
        content = message.content
        if message.role not in due or "<think>" in content or "<|begin_of_thought|>" in content:
            return False
        if not content.strip():
            return False
        due = ("assistant",) if message.role == "user" else ("user",)
    return due == ("user",) and messages[-1].role == "assistant"


def _in_order(messages: list[Message], repairs: dict[str, None]) -> list[Message] | str:
    """System first, then user and assistant in turn, an answer last; or the reason it cannot be."""
    turns = [message for message in messages if message.content.strip() or _is_tool_turn(message)]
    if not turns:
        return "empty"
    if not any(turn.role == "user" for turn in turns):
        return "no_user_turn"
    if not any(turn.role == "assistant" for turn in turns):
        return "no_assistant_turn"
    if len(turns) < len(messages):
        repairs["removed_empty_turn"] = None
    system = [turn for turn in turns if turn.role == "system"]
    talk = [turn for turn in turns if turn.role != "system"]
    if turns[: len(system)] != system:
        repairs["moved_system"] = None
    if len(system) > 1:
        repairs["merged_system"] = None
        system = [Message("system", "\n\n".join(dict.fromkeys(turn.content for turn in system)))]
    while talk and talk[0].role != "user":
        talk.pop(0)
        repairs["dropped_leading_assistant"] = None
    while talk and talk[-1].role != "assistant":
        talk.pop()
        repairs["dropped_trailing_user"] = None
    if not talk:
        return "no_assistant_turn"
    return system + _merged(talk, repairs)


def _merged(talk: list[Message], repairs: dict[str, None]) -> list[Message]:
    merged = [talk[0]]
    for turn in talk[1:]:
        last = merged[-1]
        # Several tools may answer one call, and what is said after a call is not said before it.
        if turn.role != last.role or turn.role == "tool" or (last.tool_calls and turn.content.strip()):
            merged.append(turn)
            continue
        repairs["merged_turns"] = None
        thoughts = [thought for thought in (last.thinking, turn.thinking) if thought]
        content = "\n\n".join(text for text in (last.content, turn.content) if text.strip())
        calls = (*last.tool_calls, *turn.tool_calls)
        thinking = "\n\n".join(thoughts) or None
        merged[-1] = replace(last, content=content, thinking=thinking, tool_calls=calls)
    return merged


def _is_tool_turn(message: Message) -> bool:
    """A call, or the result of one: it says something even where it holds no text."""
    return bool(message.tool_calls or message.tool_call_id or (message.role == "tool" and message.name))
