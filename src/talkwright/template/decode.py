"""Ids back to text, one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from talkwright.template.template import Template


class StreamDecoder:
    """Turns ids into text as they come, never showing half a character.

    The pieces add up to `Template.decode` of all ids.
    """

    def __init__(self, template: Template):
        self._template = template
        self._ids: list[int] = []
        self._context = 0  # decoding starts here: the first word of a text can look different
        self._sent = 0

    def push(self, token: int) -> str:
        """Take one id; return the text that is now certain, possibly none."""
        self._ids.append(token)
        decode = self._template._backend.decode
        before = decode(self._ids[self._context : self._sent], skip_special_tokens=True)
        now = decode(self._ids[self._context :], skip_special_tokens=True)
        if now.endswith("\ufffd") or len(now) <= len(before):
            return ""
        self._context, self._sent = self._sent, len(self._ids)
        return str(now[len(before) :])

    def flush(self) -> str:
        """Return what is left at the end."""
        decode = self._template._backend.decode
        before = decode(self._ids[self._context : self._sent], skip_special_tokens=True)
        now = decode(self._ids[self._context :], skip_special_tokens=True)
        self._context = self._sent = len(self._ids)
        return str(now[len(before) :]).rstrip("\ufffd")
