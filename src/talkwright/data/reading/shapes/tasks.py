"""Rows that name a task by their columns alone: summaries and translations.

The task is put into words, since a model cannot see the names of columns; the row is then marked as
repaired by `added_instruction`.
"""

from __future__ import annotations

from typing import Any

from talkwright.config import Columns
from talkwright.data.reading.chat.turns import (
    Draft,
    Fields,
    Unfit,
    as_value,
    draft,
    field_of,
    plain,
    text_of,
)
from talkwright.data.reading.shapes.languages import LANGUAGES, language_name
from talkwright.types import Message

_SUMMARIES = (
    ("document", "summary"),
    ("article", "highlights"),
    ("article", "summary"),
    ("dialogue", "summary"),
    ("passage", "summary"),
    ("text", "summary"),
)


# A text, what it is in another language, and which languages these are, in columns of their own.
_TEXTS = (
    ("source", "target"),
    ("src", "tgt"),
    ("sourcetext", "targettext"),
    ("sourcestring", "targetstring"),
    ("sourcesentence", "targetsentence"),
    ("text", "translation"),
    ("sentence", "translation"),
    ("source", "translation"),
    ("input", "output"),  # unless a column says what else is to be done
)
_TO = ("targetlanguage", "targetlang", "tgtlang", "tgtlanguage")
_FROM = ("sourcelanguage", "sourcelang", "srclang", "srclanguage")
_TOLD = ("instruction", "prompt", "question", "query", "task", "messages", "system")
# Beside the languages in a row, or two of them: what numbers are called, and Norwegian and Indonesian.
_BESIDE = frozenset({"id", "no", "idx", "index", "score", "domain", "split"})


def task_of(keys: Fields) -> str | None:
    """The task these (plain) column names speak of: "summary", "translation" or None."""
    if "translation" in keys or _is_told(keys) or (len(keys) < 8 and _are_translations(keys)):
        return "translation"
    return "summary" if any({*names} <= keys.keys() for names in _SUMMARIES) else None


def _is_told(keys: Fields) -> bool:
    """Say whether a text and its translation have columns, and the language of the latter has one."""
    if keys.keys().isdisjoint(_TO):
        return False
    names = _texts_of(keys)
    return names is not None and (names != _TEXTS[-1] or keys.keys().isdisjoint(_TOLD))


def _texts_of(keys: Fields) -> tuple[str, str] | None:
    """The columns of a text and its translation."""
    return next((names for names in _TEXTS if {*names} <= keys.keys()), None)


def _are_translations(keys: Fields) -> bool:
    """Say whether the columns are languages, and what may be said about a sentence in all of them."""
    languages = LANGUAGES.keys() & keys.keys() - _BESIDE
    return len(languages) > 1 and keys.keys() - languages <= _BESIDE


def are_languages(columns: Columns) -> bool:
    """Say whether the recipe takes questions and answers from columns that are languages."""
    return {columns.prompt, columns.completion} <= LANGUAGES.keys()


def read_summary(value: Fields, keys: Fields, columns: Columns) -> Draft:
    """Read a text with its summary. Raises Unfit."""
    names = next((names for names in _SUMMARIES if {*names} <= keys.keys()), None)
    if names is None:
        raise Unfit("unknown_format")
    repairs = ["added_instruction"]
    text, summary = (text_of(value[keys[name]], repairs) for name in names)
    kind = "conversation" if names[0] == "dialogue" else "text"
    asked = f"Summarize this {kind}.\n\n{text}" if text.strip() else ""
    messages = [Message("user", asked), Message("assistant", summary)]
    return draft(value, keys, columns, messages, "summary", repairs)


def read_translation(value: Fields, keys: Fields, columns: Columns) -> Draft:
    """Read {"translation": {"en": ..., "de": ...}}, or {"en": ..., "de": ...} itself: from the first
    language to the second, or between those that the recipe's columns name. Raises Unfit."""
    if _is_told(keys):
        return _read_told(value, keys, columns)
    pair: Any = as_value(field_of(value, keys, "translation"))
    if pair is None:
        own = [name for name in (plain(key) for key in value) if name in LANGUAGES]
        own = own if len(own) == 2 else [name for name in own if name not in _BESIDE]
        pair = {name: value[keys[name]] for name in own}
    if not isinstance(pair, dict) or len(pair) < 2:
        raise Unfit("unknown_format")
    source, target, *others = _in_order(list(pair), columns)
    repairs = ["added_instruction"]
    said = text_of(pair[source], repairs)
    asked = (
        f"Translate from {language_name(source)} to {language_name(target)}.\n\n{said}"
        if said.strip()
        else ""
    )
    messages = [Message("user", asked), Message("assistant", text_of(pair[target], repairs))]
    marks = ["other_translations"] if others else []
    return draft(value, keys, columns, messages, "translation", repairs, marks)


def _read_told(value: Fields, keys: Fields, columns: Columns) -> Draft:
    """Read a text with its translation into the language that a column names. Raises Unfit."""
    names = _texts_of(keys) or _TEXTS[0]
    target, source = (
        next((said for name in known if (said := text_of(field_of(value, keys, name), []).strip())), "")
        for known in (_TO, _FROM)
    )
    if not target:
        raise Unfit("unknown_format")
    repairs = ["added_instruction"]
    text, translated = (text_of(value[keys[name]], repairs) for name in names)
    languages = (
        f"from {language_name(source)} to {language_name(target)}"
        if source
        else f"to {language_name(target)}"
    )
    asked = f"Translate {languages}.\n\n{text}" if text.strip() else ""
    messages = [Message("user", asked), Message("assistant", translated)]
    return draft(value, keys, columns, messages, "translation", repairs)


def _in_order(names: list[Any], columns: Columns) -> list[Any]:
    """Languages with the one to translate from first and the one to translate to second."""
    source = next((name for name in names if name == columns.prompt), None)
    target = next((name for name in names if name == columns.completion), None)
    rest = [name for name in names if name not in (source, target)]
    source = rest.pop(0) if source is None else source
    return [source, rest.pop(0) if target is None else target, *rest]
