"""Ids back to text, one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence


class StreamDecoder:
    """Turns ids into text as they come, never showing half a character.

    `decode` makes text of ids, without control tokens; the pieces add up to what it makes of all.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]):
        self._decode = decode
        self._ids: list[int] = []
        self._context = 0  # decoding starts here: the first word of a text can look different
        self._sent = 0

    def push(self, token: int) -> str:
        """Take one id; return the text that is now certain, possibly none."""
        self._ids.append(token)
        before = self._decode(self._ids[self._context : self._sent])
        now = self._decode(self._ids[self._context :])
        if now.endswith("\ufffd") or len(now) <= len(before):
            return ""
        self._context, self._sent = self._sent, len(self._ids)
        return now[len(before) :]

    def flush(self) -> str:
        """Return what is left at the end."""
        before = self._decode(self._ids[self._context : self._sent])
        now = self._decode(self._ids[self._context :])
        self._context = self._sent = len(self._ids)
        return now[len(before) :].rstrip("\ufffd")
