"""Rows that name a task by their columns alone: summaries and translations.

The task is put into words, since a model cannot see the names of columns; the row is then marked as
repaired by `added_instruction`.
"""

from __future__ import annotations

from typing import Any

from talkwright.config import Columns
from talkwright.data.reading.turns import Draft, Row, Unfit, as_value, draft, field_of, text_of
from talkwright.types import Message

_SUMMARIES = (
    ("document", "summary"),
    ("article", "highlights"),
    ("article", "summary"),
    ("dialogue", "summary"),
    ("passage", "summary"),
    ("text", "summary"),
)
_LANGUAGES = {
    "ar": "Arabic", "bg": "Bulgarian", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "et": "Estonian", "fa": "Persian", "fi": "Finnish",
    "fr": "French", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian",
    "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian",
    "lv": "Latvian", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovene", "sv": "Swedish",
    "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip


def task_of(keys: Row) -> str | None:
    """The task these (plain) column names speak of: "summary", "translation" or None."""
    if "translation" in keys:
        return "translation"
    return "summary" if any({*names} <= keys.keys() for names in _SUMMARIES) else None


def read_summary(value: Row, keys: Row, columns: Columns) -> Draft:
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


def read_translation(value: Row, keys: Row, columns: Columns) -> Draft:
    """Read {"translation": {"en": ..., "de": ...}}: from the first language to the second."""
    pair: Any = as_value(field_of(value, keys, "translation"))
    if not isinstance(pair, dict) or len(pair) < 2:
        raise Unfit("unknown_format")
    (source, text), (target, translated), *others = pair.items()
    repairs = ["added_instruction"]
    said = text_of(text, repairs)
    asked = (
        f"Translate from {_language(source)} to {_language(target)}.\n\n{said}" if said.strip() else ""
    )
    messages = [Message("user", asked), Message("assistant", text_of(translated, repairs))]
    marks = ["other_translations"] if others else []
    return draft(value, keys, columns, messages, "translation", repairs, marks)


def _language(code: Any) -> str:
    return _LANGUAGES.get(str(code).lower().replace("_", "-").split("-")[0], str(code))
