"""Pictures, sound and films beside a text, or their places in it: the text alone teaches to guess."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from talkwright.types import Message

MARK = "ignored_attachment"
# What a question is about stands in these. A recording may as well be what was written down, and an
# address that of anything; with these a row is marked.
_ASKED_ABOUT = frozenset(
    """
    image images img imgs imagepath imagepaths imagefile imagefiles imagebytes imagebase64 pixelvalues
    video videos videopath videopaths
    """.split()  # noqa: SIM905
)
_BESIDE = frozenset(
    """
    imageid imageurl imageurls picture pictures photo photos screenshot screenshots videoid videourl
    audio audios audiopath audiofile
    """.split()  # noqa: SIM905
)
_NAMES = _ASKED_ABOUT | _BESIDE
_FILE = re.compile(
    r"data:|https?://|\S.*\.(?:png|jpe?g|gif|webp|bmp|tiff?|heic|svg|mp4|avi|mov|mkv|webm|wav|mp3|flac|ogg"
    r"|m4a)\Z",
    re.IGNORECASE,
)
_PACKED = re.compile(r"[A-Za-z0-9+/=_-]{200}")
_HELD = ("bytes", "path", "url", "filename", "data", "array", "src")
# Where the picture stood: as LLaVA, Qwen and others write it. Of HTML's own names only where nothing
# else is on the line, or the text begins with it.
_PLACE = re.compile(
    r"<image[ _]?\d{1,3}>|<(?:ImageHere|image_placeholder|img_placeholder)>|<img>[^<>\n]{1,300}</img>"
    r"|<\|(?:image|video|audio)(?:_pad|_\d{1,3})?\|>|<\|vision_(?:start|end)\|>"
    r"|(?:\A|\n)[ \t]*<(?:image|video|audio)>[ \t]*(?:\n|\Z)"
    r"|\A\s*(?:<(?:image|video)>)+(?!\s*(?:</|<|tags?\b|elements?\b|is\b|in\b))",
    re.IGNORECASE,
)


def has_media(value: Mapping[str, Any], keys: Mapping[str, Any]) -> bool | None:
    """Say whether a row or a turn is about a picture or film that it holds; None: it may be.

    `keys` maps plain to real names.
    """
    found: bool | None = False
    for name in _NAMES.intersection(keys):
        held = value.get(keys[name])
        if _is_held(held) or (name in ("imageid", "videoid") and held not in (None, "", -1)):
            if name in _ASKED_ABOUT:
                return True
            found = None
    return found


def shows_media(messages: Sequence[Message]) -> bool:
    """Say whether a place for a picture is left in what is said."""
    return any("<" in turn.content and _PLACE.search(turn.content) is not None for turn in messages)


def _is_held(held: Any) -> bool:
    if isinstance(held, str):
        text = held.strip()
        if text[:1] in ("[", "{"):  # a cell
            return len(text) > 2 and re.search(r"\.\w{3,4}\b|'bytes'|\"bytes\"", text) is not None
        return _FILE.match(text) is not None or _PACKED.match(text) is not None
    if isinstance(held, bytes):
        return bool(held)
    if isinstance(held, dict):
        return any(held.get(name) for name in _HELD)
    return isinstance(held, list) and any(map(_is_held, held))
