"""The worse side of a preference pair, cleaned as the better one is, or lost with a mark."""

from __future__ import annotations

from talkwright.config import DataSection
from talkwright.data.cleaning.clean import clean
from talkwright.data.reading.shapes.parting import part
from talkwright.types import Conversation, Message


def clean_rejected(
    messages: tuple[Message, ...],
    rejected: tuple[Message, ...],
    cleaned: tuple[Message, ...],
    section: DataSection | None,
) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    """The rejected turns that fit `cleaned`, and marks.

    `messages` and `rejected` are a row's as read, `cleaned` is what `clean` made of the messages. The
    alternative goes through the same steps, with the turns it shares. Where nothing is left of it, or
    it no longer differs, the pair is lost (`pair_lost`) and the row is kept.
    """
    if not rejected:
        return (), ()
    shared = Conversation(messages, rejected=rejected).shared
    alternative = clean((*messages[:shared], *rejected), section)
    found = None if isinstance(alternative, str) else part(cleaned, alternative[0])
    return (found, ()) if found else ((), ("pair_lost",))
